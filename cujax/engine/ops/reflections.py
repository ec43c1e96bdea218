"""Products of Householder reflections, and the reductions of matrices that give them.

    geqrf, column_pivots     QR factorization, its Q as reflections; the order of columns that pivoting chooses
    hessenberg, tridiagonal  similar matrices with few elements below the diagonal
    householder_product      Q = H_1 ... H_k as a matrix
    ormqr                    Q, or its adjoint, times a matrix

H_i = I - taus_i v_i v_i^H; column i of V, v_i, is stored below the diagonal of a matrix, with its own 1 left out.
The product is one of three matrices: with D the diagonal matrix of taus and W the part of V^H V above its diagonal,

    H_1 ... H_k = I - V (I + D W)^-1 D V^H,

so it is two matrix products and a triangular system, whatever the size of k, and as differentiable as these.
(T. Joffrain et al., "Accumulating Householder transformations, revisited", ACM TOMS 32, 2006, section 3.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cujax.engine.backends.select import library
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.primitive import NOT_LINEAR, Primitive, Refused
from cujax.engine.core.trace import aval_of
from cujax.engine.ground import dtypes
from cujax.engine.ops.complex_parts import PART_OR_COMPLEX
from cujax.engine.ops.elementwise import add, mul, sub
from cujax.engine.ops.matrices import (
    adjoint,
    batch_stacks,
    check_matrices,
    conjugate,
    identity_like,
    lower_triangle,
    matmul,
    matrix_transpose,
    of_finite,
    upper_triangle,
)
from cujax.engine.ops.slicing import slice_in_dim
from cujax.engine.ops.spectral import rows_of
from cujax.engine.ops.structural import dtype_of, ndim_of, shape_of, zero_tangent_jvp
from cujax.engine.ops.triangular import LAPACK, triangular_solve

_NOT_SMOOTH = Refused("LAPACK chooses the reflections; differentiate what is made of them: qr, eigh, eigvals")

# --- reductions -----------------------------------------------------------------------------------------


def _reduction(name: str, shape: Callable, impl: Callable, doc: str) -> Primitive:
    """An op that stores reflections in a matrix."""
    primitive: Primitive = Primitive(
        name, shape=shape, impl=impl, jvp=_NOT_SMOOTH, transpose=NOT_LINEAR, batch=batch_stacks(lambda: primitive),
        multiple=True, cuda=LAPACK, domain=PART_OR_COMPLEX, family="linalg", is_fresh=True, doc=doc,
    )
    return primitive


def _geqrf_shape(a: ShapedArray) -> tuple[ShapedArray, ShapedArray]:
    check_matrices("geqrf", a, square=False)
    return a, a.update(shape=(*a.shape[:-2], min(a.shape[-2:])))


def _geqrf_impl(xp: Any, a: Any) -> tuple[Any, Any]:
    packed, taus = xp.linalg.qr(a, "raw")
    return xp.swapaxes(packed, -1, -2), taus


def _hessenberg_shape(a: ShapedArray) -> tuple[ShapedArray, ShapedArray]:
    check_matrices("hessenberg", a)
    return a, a.update(shape=(*a.shape[:-2], max(a.shape[-1] - 1, 0)))


def _tridiagonal_shape(a: ShapedArray, *, lower: bool) -> tuple[ShapedArray, ...]:
    check_matrices("tridiagonal", a)
    if not a.shape[-1]:
        raise ValueError(f"The input to tridiagonal must have at least one row. Got shape {a.shape}.")
    *batch, n = a.shape[:-1]
    diagonal = a.update(shape=(*batch, n), dtype=dtypes.to_real(a.dtype))
    return a, diagonal, diagonal.update(shape=(*batch, n - 1)), a.update(shape=(*batch, n - 1))


geqrf_p = _reduction(
    "geqrf", _geqrf_shape, _geqrf_impl, "R with the reflections whose product is Q below it, and their factors."
)
hessenberg_p = _reduction(
    "hessenberg", _hessenberg_shape, lambda xp, a: of_finite(xp, library(xp).hessenberg, a),
    "A Hessenberg matrix with the reflections that lead to it below it, and their factors.",
)
tridiagonal_p = _reduction(
    "tridiagonal", _tridiagonal_shape,
    lambda xp, a, *, lower: of_finite(xp, lambda a: library(xp).tridiagonal(a, lower), a),
    "A tridiagonal matrix with the reflections that lead to it, its diagonals, and factors.",
)


def _pivots_shape(a: ShapedArray) -> ShapedArray:
    check_matrices("qr", a, square=False)
    return ShapedArray((*a.shape[:-2], a.shape[-1]), dtypes.int32)


column_pivots_p: Primitive = Primitive(
    "column_pivots", shape=_pivots_shape, impl=lambda xp, a: library(xp).column_pivots(a),
    jvp=zero_tangent_jvp(lambda: column_pivots_p), transpose=NOT_LINEAR, batch=batch_stacks(lambda: column_pivots_p),
    cuda=LAPACK, domain=PART_OR_COMPLEX, family="linalg", is_fresh=True,
    doc="The order of columns that QR factorization with pivoting chooses.",
)


def hessenberg(a: Any) -> tuple[Any, Any]:
    """(packed, taus): Q^H a Q in the upper triangle of packed and one diagonal below, reflections under it.

    a: (..., n, n); Q is the product of the n - 1 reflections, whose vectors begin at the second row.  Accepts float32,
    float64, complex64, complex128.  No derivative.  The host
    computes it also where the backend is a GPU.

    TypeError for rank below 2 and integers, ValueError for matrices that are not square, NotImplementedError for small
    floats.
    """
    packed, taus = hessenberg_p.bind(a)
    return packed, taus


def tridiagonal(a: Any, *, lower: bool = True) -> tuple[Any, Any, Any, Any]:
    """(packed, d, e, taus): Hermitian a (..., n, n) brought to tridiagonal form, diagonal d and off-diagonal e, real.

    Only the `lower` or else the upper triangle of a is read; the reflections are stored in it, outside of the form.
    Accepts float32, float64, complex64, complex128.  No derivative.  The host
    computes it also where the backend is a GPU.

    TypeError for rank below 2 and integers, ValueError for matrices that are empty or not square, NotImplementedError
    for small floats.
    """
    packed, d, e, taus = tridiagonal_p.bind(a, lower=bool(lower))
    return packed, d, e, taus


# --- products -------------------------------------------------------------------------------------------


def _check_reflections(name: str, a: Any, *others: tuple[Any, int]) -> None:
    """`a` and the others, each with its number of axes in a stack, are of one dtype and in stacks of one shape."""
    check_matrices(name, aval_of(a), square=False)
    batch = shape_of(a)[:-2]
    for x, rank in others:
        if dtype_of(x) != dtype_of(a):
            raise TypeError(f"lax.{name} requires arguments to have the same dtypes, got {dtype_of(a)}, {dtype_of(x)}.")
        if ndim_of(x) != len(batch) + rank:
            raise TypeError(f"{name}: a of shape {shape_of(a)} needs as many leading axes as {shape_of(x)} has")
        if shape_of(x)[: len(batch)] != batch:
            raise ValueError(f"{name}: leading axes differ: {batch} and {shape_of(x)[: len(batch)]}")


def _vectors(a: Any, count: int) -> Any:
    """V, of `count` columns, with the ones that are not stored."""
    below = lower_triangle(slice_in_dim(a, 0, count, axis=-1), strictly=True)
    return add(below, identity_like(below))


def _middle(v: Any, taus: Any, y: Any, transposed: bool) -> Any:
    """(I + D W)^-1 D y, or its matrix's adjoint times y; see the module's docstring."""
    inner = matmul(adjoint(v), v)
    scaled = add(mul(rows_of(taus, inner), upper_triangle(inner, strictly=True)), identity_like(inner))
    solve = {"left_side": True, "unit_diagonal": True}
    if not transposed:
        return triangular_solve(scaled, mul(rows_of(taus, y), y), **solve)
    half = triangular_solve(scaled, y, transpose_a=True, conjugate_a=True, **solve)
    return mul(rows_of(conjugate(taus), half), half)


def householder_product(a: Any, taus: Any) -> Any:
    """The first n columns of H_1 ... H_k, whose vectors stand below the diagonal of a (..., m, n), for taus (..., k).

    What `geqrf` gives, becomes the Q of the factorization.  Differentiable.

    ValueError for fewer rows than columns and for k > n; TypeError for different dtypes and numbers of leading axes.
    """
    _check_reflections("householder_product", a, (taus, 1))
    (m, n), k = shape_of(a)[-2:], shape_of(taus)[-1]
    if m < n:
        raise ValueError(f"householder_product: a needs at least as many rows as columns, got shape {shape_of(a)}")
    if k > n:
        raise ValueError(f"householder_product: taus of shape {shape_of(taus)} are more than the {n} columns of a")
    v = _vectors(a, k)
    head = adjoint(slice_in_dim(v, 0, n, axis=-2))
    return sub(identity_like(a), matmul(v, _middle(v, taus, head, False)))


def ormqr(a: Any, taus: Any, c: Any, *, left: bool = True, transpose: bool = False) -> Any:
    """Q c, or c Q unless `left`, where Q = H_1 ... H_k; its adjoint instead of Q with `transpose`.

    The vectors of the reflections stand below the diagonal of a (..., m, n), taus is (..., k) with k at most m, n;
    c (..., m, p), or (..., p, m) on the left.  Q itself is not formed.  Differentiable.

    ValueError for shapes that do not fit; TypeError for different dtypes and numbers of leading axes.
    """
    _check_reflections("ormqr", a, (taus, 1), (c, 2))
    m, k = shape_of(a)[-2], shape_of(taus)[-1]
    if k > min(shape_of(a)[-2:]) or shape_of(c)[-2 if left else -1] != m:
        side = "rows" if left else "columns"
        raise ValueError(
            f"ormqr: a of shape {shape_of(a)} needs at most {min(shape_of(a)[-2:])} taus, and with {left=} a c with "
            f"{m} {side}; got taus of shape {shape_of(taus)} and c of shape {shape_of(c)}"
        )
    if not left:
        return adjoint(ormqr(a, taus, adjoint(c), transpose=not transpose))
    v = _vectors(a, k)
    return sub(c, matmul(v, _middle(v, taus, matmul(adjoint(v), c), transpose)))


# --- symmetric products ---------------------------------------------------------------------------------


def symmetric_product(
    a_matrix: Any, c_matrix: Any, *, alpha: float = 1.0, beta: float = 0.0, symmetrize_output: bool = False
) -> Any:
    """alpha a a^T + beta c, for real a (..., m, n) and symmetric c (..., m, m).

    With `symmetrize_output` the upper triangle repeats the lower one, else it is that of c as given.

    TypeError for complex numbers and integers, ValueError for shapes that do not fit.
    """
    check_matrices("symmetric_product", aval_of(a_matrix), aval_of(c_matrix), square=False)
    if dtypes.is_complex(dtype_of(a_matrix)):
        raise TypeError("symmetric_product does not accept complex dtypes: write a @ a.conj().mT")
    shape = shape_of(a_matrix)
    if shape_of(c_matrix) != (*shape[:-1], shape[-2]):
        raise ValueError(f"symmetric_product: a of shape {shape} does not fit c of shape {shape_of(c_matrix)}")
    out = mul(matmul(a_matrix, matrix_transpose(a_matrix)), alpha)
    out = add(out, mul(c_matrix, beta)) if beta else out
    if symmetrize_output:
        out = add(lower_triangle(out), matrix_transpose(lower_triangle(out, strictly=True)))
    return out
