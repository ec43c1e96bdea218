"""The polar decomposition, by Halley's iteration with weights (QDWH).

Each step maps the singular values s of X to s (a + b s^2) / (1 + c s^2), which are nearer to 1.  Its weights follow
from a bound l on the least of them, which is known beforehand to improve with every step:

    X' = b/c X + (a - b/c) / sqrt(c) Q1 Q2^H,        (sqrt(c) X; I) = (Q1; Q2) R
       = b/c X + (a - b/c) X (I + c X^H X)^-1        by a Cholesky factor, for c up to 100

From l = eps six steps are enough in double precision.  They are written out one after another, so that the
decomposition is compiled, batched and differentiated as any other code.
(Y. Nakatsukasa, Z. Bai, F. Gygi, "Optimizing Halley's iteration for computing the matrix polar decomposition", SIAM
J. Matrix Anal. Appl. 31, 2010.)
"""

from __future__ import annotations

from math import sqrt
from typing import Any, NamedTuple

from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.tape import literal
from cujax.engine.core.trace import aval_of
from cujax.engine.ground import dtypes
from cujax.engine.ops import elementwise
from cujax.engine.ops.complex_parts import abs
from cujax.engine.ops.constants import broadcasted_iota, full_of, zeros_of
from cujax.engine.ops.conversion import convert_element_type
from cujax.engine.ops.elementwise import add, div, mul, sub
from cujax.engine.ops.joining import concatenate
from cujax.engine.ops.logic import bitwise_and, bitwise_not, eq, gt, lt, select_n
from cujax.engine.ops.matrices import adjoint, check_matrices, identity_like, matmul
from cujax.engine.ops.qr import qr
from cujax.engine.ops.reductions import reduce_max
from cujax.engine.ops.slicing import slice_in_dim
from cujax.engine.ops.structural import dtype_of, reduce_sum, shape_of
from cujax.engine.ops.triangular import cholesky, triangular_solve

_LARGEST_FOR_CHOLESKY = 100.0


class _Weights(NamedTuple):
    a: float
    b: float
    c: float


def _weights(eps: float) -> list[_Weights]:
    """Those of every step from the bound `eps` until it is 1 up to rounding."""
    found, bound = [], eps
    while 1 - bound > 10 * eps:
        d = (4 * (1 - bound**2) / bound**4) ** (1 / 3)
        a = sqrt(1 + d) + 0.5 * sqrt(8 - 4 * d + 8 * (2 - bound**2) / (bound**2 * sqrt(1 + d)))
        b = (a - 1) ** 2 / 4
        c = a + b - 1
        found.append(_Weights(a, b, c))
        bound = min(1.0, bound * (a + b * bound**2) / (1 + c * bound**2))
    return found


def qdwh(
    x: Any, *, is_hermitian: bool = False, max_iterations: int | None = None, eps: float | None = None,
    dynamic_shape: tuple[int, int] | None = None,
) -> tuple[Any, Any, Any, Any]:
    """(u, h, steps, is_converged) with x = u h, orthonormal columns of u and Hermitian h, for x (m, n), m >= n.

    max_iterations: fewer steps than are needed leave u only near to orthonormal.  eps: is_converged is whether the
    last step has changed u by less than (4 eps)^(1/3) of its norm.  dynamic_shape: the rows and columns that count;
    the others are zero in u and h.  `is_hermitian` has no effect.  Differentiable where x has full rank.

    ValueError for other ranks, for more columns than rows, and for integers.
    """
    shape = shape_of(x)
    if len(shape) != 2 or shape[0] < shape[1]:
        raise ValueError(f"qdwh: x must be a matrix with at least as many rows as columns, got shape {shape}")
    if not dtypes.is_inexact(dtype_of(x)):
        raise ValueError(f"qdwh: x must be of an inexact dtype, got {dtype_of(x)}")
    check_matrices("qdwh", aval_of(x), square=False)
    x = x if dynamic_shape is None else _within(x, dynamic_shape)
    own_eps = float(dtypes.finfo(dtype_of(x)).eps)
    weights = _weights(own_eps)
    weights = weights if max_iterations is None else weights[: max(0, max_iterations)]
    tolerance = (4 * (own_eps if eps is None else float(eps))) ** (1 / 3)
    u, is_converged = _iterate(div(x, _bound_on_norm(x)), weights, tolerance)
    h = matmul(adjoint(u), x)
    count = full_of(ShapedArray((), dtypes.python_scalar_dtype(int), True), len(weights))
    return u, div(add(h, adjoint(h)), 2), count, is_converged


def _within(x: Any, shape: tuple[Any, Any]) -> Any:
    """`x` with zeros outside of the leading rows and columns."""
    row, column = (broadcasted_iota(dtypes.int32, shape_of(x), d) for d in (0, 1))
    return select_n(bitwise_and(lt(row, shape[0]), lt(column, shape[1])), zeros_of(aval_of(x)), x)


def _bound_on_norm(x: Any) -> Any:
    """Of the 2-norm: the root of the product of the largest sums of rows and of columns; 1 for a matrix of zeros."""
    sizes = abs(x)
    if 0 in shape_of(x):
        return literal(1, dtype_of(x))
    bound = elementwise.sqrt(mul(*[reduce_max(reduce_sum(sizes, (d,)), (0,)) for d in (0, 1)]))
    return convert_element_type(select_n(eq(bound, 0), bound, 1), dtype_of(x))


def _iterate(x: Any, weights: list[_Weights], tolerance: float) -> tuple[Any, Any]:
    """The orthonormal factor, and whether the last step was a small one."""
    before = x
    for each in weights:
        before, x = x, (_step_by_qr if each.c > _LARGEST_FOR_CHOLESKY else _step_by_cholesky)(x, each)
    if not weights:
        return x, full_of(ShapedArray((), dtypes.bool_), False)
    moved, size = _norm(sub(x, before)), _norm(x)
    return x, bitwise_not(gt(moved, mul(size, tolerance)))


def _norm(x: Any) -> Any:
    return elementwise.sqrt(reduce_sum(elementwise.square(abs(x)), (0, 1)))


def _step_by_qr(x: Any, weights: _Weights) -> Any:
    a, b, c = weights
    m, n = shape_of(x)
    eye = identity_like(slice_in_dim(x, 0, n, axis=0))
    q, _ = qr(concatenate([mul(x, sqrt(c)), eye], 0), full_matrices=False)
    upper, lower = slice_in_dim(q, 0, m, axis=0), slice_in_dim(q, m, m + n, axis=0)
    return add(mul(x, b / c), mul(matmul(upper, adjoint(lower)), (a - b / c) / sqrt(c)))


def _step_by_cholesky(x: Any, weights: _Weights) -> Any:
    a, b, c = weights
    square = matmul(adjoint(x), x)
    factor = cholesky(add(mul(square, c), identity_like(square)), symmetrize_input=False)
    half = triangular_solve(factor, x, lower=True, transpose_a=True, conjugate_a=True)
    return add(mul(x, b / c), mul(triangular_solve(factor, half, lower=True), a - b / c))
