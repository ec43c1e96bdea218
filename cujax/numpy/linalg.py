"""Linear algebra: `import cujax.numpy.linalg`.

    solve inv tensorsolve tensorinv     systems of equations, by LU factors
    det slogdet cholesky
    norm vector_norm matrix_norm        see norms.py
    eig eigh svd qr cond matrix_rank    and their forms for values alone, see decompositions.py
    lstsq pinv                          see least_squares.py
    matrix_power multi_dot              and products, diagonals and transposes in their array-API forms

Matrices are the last two axes of an array, the axes before them are batches.  Factorizations take float32,
float64, complex64 and complex128; integers become floats first.  All are differentiable to any order.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from itertools import pairwise
from math import prod
from typing import Any, NamedTuple

import numpy as np

from cujax import lax
from cujax.api.traced_once import traced_once
from cujax.engine.core.array import Array
from cujax.engine.ops import determinant, lu
from cujax.engine.ops.axes import canonical_axes, other_axes
from cujax.engine.ops.matrices import adjoint
from cujax.numpy import matrices, products
from cujax.numpy.decompositions import (
    EighResult,
    EigResult,
    QRResult,
    SVDResult,
    cond,
    eig,
    eigh,
    eigvals,
    eigvalsh,
    matrix_rank,
    qr,
    svd,
    svdvals,
)
from cujax.numpy.least_squares import lstsq, pinv
from cujax.numpy.norms import matrix_norm, norm, vector_norm
from cujax.numpy.promotion import ArrayLike, arrays_of, as_array, as_arrays, promote_inexact
from cujax.numpy.reshaping import broadcast_to, matrix_transpose

# --- systems of equations -------------------------------------------------------------------------------


@traced_once("a", "b")
def solve(a: ArrayLike, b: ArrayLike) -> Array:
    """x with a x = b, for matrices a (..., n, n).

    b is one vector (n,) or matrices (..., n, k); leading axes broadcast.  Where a matrix is singular x is not
    finite.  ValueError for shapes that do not fit.
    """
    x, y = arrays_of(promote_inexact("linalg.solve", a, b))
    check_square("solve", x)
    return solve_columns("solve", lu.solve, x, y, y.ndim == 1)


def check_square(name: str, a: Array) -> None:
    """ValueError, naming the function, unless `a` is a stack of square matrices."""
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise ValueError(f"Argument to linalg.{name} must have shape [..., n, n], got {a.shape}")


def solve_columns(
    name: str, solver: Callable[[Array, Array], Array], a: Array, b: Array, of_vectors: bool
) -> Array:
    """`solver(a, b)`, which takes columns b (..., n, k) and a with the same leading axes, for other b too.

    With `of_vectors` b is (..., n).  Leading axes broadcast; right-hand sides of one matrix become more
    columns.  ValueError, naming the function, for shapes that do not fit.
    """
    n = a.shape[-1]
    if b.shape[b.ndim - 2 + of_vectors : b.ndim - 1 + of_vectors] != (n,):
        raise ValueError(
            f"linalg.{name}: a of shape {a.shape} needs b of shape ({n},) or (..., {n}, k), got {b.shape}. "
            "Vectors (..., n) become columns by b[..., None]."
        )
    if not of_vectors:
        return _solve_stacks(solver, a, b)
    x = _solve_stacks(solver, a, lax.expand_dims(b, (b.ndim,)))
    return lax.squeeze(x, (x.ndim - 1,))


def _solve_stacks(solver: Callable[[Array, Array], Array], a: Array, b: Array) -> Array:
    if a.ndim == 2 < b.ndim:
        return _solve_wide(solver, a, b)
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    return solver(broadcast_to(a, (*batch, *a.shape[-2:])), broadcast_to(b, (*batch, *b.shape[-2:])))


def _solve_wide(solver: Callable[[Array, Array], Array], a: Array, b: Array) -> Array:
    """b (..., n, k) with one matrix, as the columns of an (n, ... k) matrix."""
    rows = b.ndim - 2
    front = lax.transpose(b, (rows, *range(rows), rows + 1))
    x = solver(a, lax.reshape(front, (front.shape[0], prod(front.shape[1:]))))
    return lax.transpose(lax.reshape(x, front.shape), (*range(1, rows + 1), 0, rows + 1))


@traced_once("a")
def inv(a: ArrayLike) -> Array:
    """The inverses of the matrices a (..., n, n); not finite where a matrix is singular.

    To apply an inverse, `solve` is faster and more accurate.  ValueError for matrices that are not square.
    """
    (x,) = arrays_of(promote_inexact("linalg.inv", a))
    check_square("inv", x)
    return lu.inverse(x)


def tensorsolve(a: ArrayLike, b: ArrayLike, axes: Sequence[int] | None = None) -> Array:
    """x with tensordot(a, x, x.ndim) = b; x has the trailing axes of `a`, whose leading axes are those of b.

    `axes` of a are moved to its end first.  ValueError for shapes that do not fit.
    """
    x, y = as_arrays("linalg.tensorsolve", a, b)
    if axes is not None:
        moved = canonical_axes(tuple(axes), x.ndim)
        x = lax.transpose(x, (*other_axes(x.ndim, moved), *moved))
    shape = x.shape[y.ndim :]
    if x.shape[: y.ndim] != y.shape or prod(shape) != y.size:
        raise ValueError(
            f"linalg.tensorsolve: the leading axes of a must be those of b, and the others have as many "
            f"elements; got a of shape {x.shape} and b of shape {y.shape}"
        )
    flat = solve(lax.reshape(x, (y.size, y.size)), lax.reshape(y, (y.size,)))
    return lax.reshape(flat, shape)


def tensorinv(a: ArrayLike, ind: int = 2) -> Array:
    """The inverse under tensordot(..., ind): of shape a.shape[ind:] + a.shape[:ind].

    ValueError for ind < 1, and when the first `ind` axes have not as many elements as the others.
    """
    x = as_array("linalg.tensorinv", a)
    ind = operator.index(ind)
    if ind < 1:
        raise ValueError(f"linalg.tensorinv: ind must be a positive integer; got {ind=}")
    first, others = x.shape[:ind], x.shape[ind:]
    if prod(first) != prod(others):
        raise ValueError(f"linalg.tensorinv: axes {first} and {others} of a have not as many elements")
    return lax.reshape(inv(lax.reshape(x, (prod(first), prod(first)))), (*others, *first))


# --- determinants and factors -----------------------------------------------------------------------------


def det(a: ArrayLike) -> Array:
    """The determinants (...) of the matrices a (..., n, n); its gradient exists at singular matrices too.

    ValueError for matrices that are not square.
    """
    (x,) = arrays_of(promote_inexact("linalg.det", a))
    check_square("det", x)
    return determinant.det(x)


class SlogdetResult(NamedTuple):
    """Sign of a determinant and logarithm of its absolute value."""

    sign: Array
    logabsdet: Array


@traced_once("a")
def slogdet(a: ArrayLike, *, method: str | None = None) -> SlogdetResult:
    """The sign and the logarithm of the absolute value of the determinants of a (..., n, n).

    Where the determinant itself would overflow these do not.  Singular matrices have 0 and -inf; of complex
    ones the sign is a number on the unit circle.  method: None, "lu" or "qr", all of which mean LU factors.

    ValueError for matrices that are not square and for other methods.
    """
    (x,) = arrays_of(promote_inexact("linalg.slogdet", a))
    check_square("slogdet", x)
    if method not in (None, "lu", "qr"):
        raise ValueError(f"Unknown slogdet method {method!r}; the supported methods are 'lu' and 'qr'.")
    return SlogdetResult(*determinant.slogdet(x))


def cholesky(a: ArrayLike, *, upper: bool = False, symmetrize_input: bool = True) -> Array:
    """Lower-triangular L with L L^H = a (or its adjoint, if `upper`), for positive definite a (..., n, n).

    NaN where a matrix is not positive definite.  See `lax.linalg.cholesky` for `symmetrize_input` and errors.
    """
    (x,) = arrays_of(promote_inexact("linalg.cholesky", a))
    factor = lax.linalg.cholesky(x, symmetrize_input=symmetrize_input)
    return adjoint(factor) if upper else factor


# --- powers and chains of products ------------------------------------------------------------------------


@traced_once("a")
def matrix_power(a: ArrayLike, n: int) -> Array:
    """The matrices a (..., m, m) multiplied n times with themselves; their inverses where n < 0.

    TypeError for an exponent that is no integer, and for matrices that are not square.
    """
    x = as_array("linalg.matrix_power", a)
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise TypeError(f"linalg.matrix_power: a must have shape [..., m, m], got {x.shape}")
    try:
        n = operator.index(n)
    except TypeError:
        raise TypeError(f"linalg.matrix_power: exponent must be an integer, got {n}") from None
    if n == 0:
        return broadcast_to(matrices.eye(x.shape[-1], dtype=x.dtype), x.shape)
    return _positive_power(inv(x) if n < 0 else x, abs(n))


def _positive_power(x: Array, n: int) -> Array:
    """By repeated squaring: a product for every bit of n, and one more for each that is set."""
    if n == 1:
        return x
    half = _positive_power(x, n // 2)
    square = products.matmul(half, half)
    return products.matmul(square, x) if n % 2 else square


def multi_dot(arrays: Sequence[ArrayLike], *, precision: Any = None) -> Array:
    """The product of two or more matrices in the order of fewest multiplications; the ends may be vectors.

    ValueError for fewer arrays, for other ranks, and for lengths that do not fit.
    """
    items = as_arrays("linalg.multi_dot", *arrays)
    shapes = [x.shape for x in items]
    if len(items) < 2:
        raise ValueError(f"multi_dot requires at least two arrays; got len(arrays)={len(items)}")
    if any(x.ndim != 2 for x in items[1:-1]) or not {items[0].ndim, items[-1].ndim} <= {1, 2}:
        raise ValueError(f"multi_dot: all but the first and last array must be matrices; {shapes=}")
    if any(x[-1] != y[0] for x, y in pairwise(shapes)):
        raise ValueError(f"multi_dot: each array needs as many columns as the next has rows; {shapes=}")
    lengths = [1 if items[0].ndim == 1 else shapes[0][0], *(shape[0] for shape in shapes[1:])]
    lengths.append(1 if items[-1].ndim == 1 else shapes[-1][1])
    return _chain(items, _best_splits(lengths), 0, len(items) - 1, precision)


def _best_splits(lengths: Sequence[int]) -> dict[tuple[int, int], int]:
    """For each stretch i ... j of a chain of matrices after which of them to divide it.

    Matrix i has lengths[i] rows and lengths[i + 1] columns.  (Cormen et al., "Introduction to Algorithms",
    section 15.2.)
    """
    n = len(lengths) - 1
    cost = {(i, i): 0 for i in range(n)}
    split = {}
    for width in range(1, n):
        for i in range(n - width):
            j = i + width
            options = [
                (cost[i, k] + cost[k + 1, j] + lengths[i] * lengths[k + 1] * lengths[j + 1], k)
                for k in range(i, j)
            ]
            cost[i, j], split[i, j] = min(options)
    return split


def _chain(items: Sequence[Array], splits: dict, i: int, j: int, precision: Any) -> Array:
    if i == j:
        return items[i]
    k = splits[i, j]
    left, right = _chain(items, splits, i, k, precision), _chain(items, splits, k + 1, j, precision)
    return products.matmul(left, right, precision=precision)


# --- array-API forms ------------------------------------------------------------------------------------


def cross(x1: ArrayLike, x2: ArrayLike, /, *, axis: int = -1) -> Array:
    """Vector products of the vectors of length 3 along `axis`.  ValueError for other lengths."""
    x, y = as_arrays("linalg.cross", x1, x2)
    if x.shape[axis] != 3 or y.shape[axis] != 3:
        raise ValueError(
            f"linalg.cross: vectors must have length 3 along {axis=}, got {x.shape[axis]} and {y.shape[axis]}"
        )
    return products.cross(x, y, axis=axis)


def outer(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """The matrix of products x1[i] x2[j] of two vectors.  ValueError for other ranks."""
    x, y = as_arrays("linalg.outer", x1, x2)
    if x.ndim != 1 or y.ndim != 1:
        raise ValueError(f"linalg.outer: arguments must be vectors, got shapes {x.shape} and {y.shape}")
    return products.outer(x, y)


def diagonal(x: ArrayLike, /, *, offset: int = 0) -> Array:
    """The diagonals `offset` of the matrices in the last two axes.  ValueError for fewer than two axes."""
    return matrices.diagonal(x, offset, -2, -1)


def trace(x: ArrayLike, /, *, offset: int = 0, dtype: Any = None) -> Array:
    """The sums of the diagonals `offset` of the matrices in the last two axes."""
    return matrices.trace(x, offset, -2, -1, dtype)


def matmul(
    x1: ArrayLike, x2: ArrayLike, /, *, precision: Any = None, preferred_element_type: Any = None
) -> Array:
    """The products of matrices; see `jnp.matmul`."""
    return products.matmul(x1, x2, precision=precision, preferred_element_type=preferred_element_type)


def tensordot(
    x1: ArrayLike, x2: ArrayLike, /, *, axes: Any = 2, precision: Any = None, preferred_element_type: Any = None,
    out_sharding: Any = None,
) -> Array:
    """Sums of products along `axes` of both; see `jnp.tensordot`."""
    return products.tensordot(
        x1, x2, axes, precision=precision, preferred_element_type=preferred_element_type, out_sharding=out_sharding
    )


vecdot = products.vecdot

__all__ = [
    "EigResult", "EighResult", "QRResult", "SVDResult", "SlogdetResult", "cholesky", "cond", "cross", "det", "diagonal",
    "eig", "eigh", "eigvals", "eigvalsh", "inv", "lstsq", "matmul", "matrix_norm", "matrix_power", "matrix_rank",
    "matrix_transpose", "multi_dot", "norm", "outer", "pinv", "qr", "slogdet", "solve", "svd", "svdvals", "tensordot",
    "tensorinv", "tensorsolve", "trace", "vecdot", "vector_norm",
]
