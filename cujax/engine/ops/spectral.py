"""Eigenvalues of Hermitian matrices, and singular values.

    eigh    a = V diag(w) V^H
    svd     a = U diag(s) V^H

For a = V diag(w) V^H the diagonal of D = V^H da V is dw, and V^H dV is skew-Hermitian with D_ij / (w_j - w_i) off
the diagonal.  For a = U diag(s) V^H the real diagonal of D = U^H da V is ds, and

    U^H dU = F * (D s + s D^H),    V^H dV = F * (s D + D^H s),    F_ij = 1 / (s_j^2 - s_i^2)

off the diagonal; what da has outside the spaces of U and V is added.  (J. Townsend, "Differentiating the singular
value decomposition", 2016.)  Equal values make derivatives of vectors infinite, as they must; those of values are
right.  The phase of a pair of complex vectors is free: that of U turns, that of V stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any

from cujax.engine.backends.select import library
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.primitive import NOT_LINEAR, Primitive
from cujax.engine.core.trace import aval_of
from cujax.engine.ground import dtypes
from cujax.engine.ops import lane_matrices
from cujax.engine.ops.complex_parts import PART_OR_COMPLEX, real
from cujax.engine.ops.conversion import convert_element_type
from cujax.engine.ops.elementwise import add, div, mul, sub
from cujax.engine.ops.logic import eq, select_n
from cujax.engine.ops.matrices import adjoint, batch_stacks, check_matrices, identity_like, matmul, of_finite
from cujax.engine.ops.slicing import slice_in_dim
from cujax.engine.ops.structural import broadcast_in_dim, dtype_of, ndim_of, reduce_sum, shape_of
from cujax.engine.ops.triangular import LAPACK

# --- words --------------------------------------------------------------------------------------------------


def _real_diagonal(x: Any) -> Any:
    """The real parts of the diagonals of square matrices."""
    return real_part(reduce_sum(mul(x, identity_like(x)), (ndim_of(x) - 1,)))


def real_part(x: Any) -> Any:
    """The real part; `x` itself if it is real."""
    return real(x) if dtypes.is_complex(dtype_of(x)) else x


def columns_of(s: Any, like: Any) -> Any:
    """Numbers (..., n) for each column of the matrices `like`, in its dtype and shape."""
    shape = shape_of(like)
    axes = (*range(len(shape) - 2), len(shape) - 1)
    return convert_element_type(broadcast_in_dim(s, shape, axes), dtype_of(like))


def rows_of(s: Any, like: Any) -> Any:
    """Numbers (..., n) for each row of the matrices `like`, in its dtype and shape."""
    shape = shape_of(like)
    return convert_element_type(broadcast_in_dim(s, shape, range(len(shape) - 1)), dtype_of(like))


def over_differences(numerator: Any, s: Any) -> Any:
    """numerator_ij / (s_j - s_i), and 0 on the diagonal."""
    eye = identity_like(numerator)
    differences = sub(columns_of(s, numerator), rows_of(s, numerator))
    return mul(sub(1, eye), div(numerator, add(differences, eye)))


# --- eigh -----------------------------------------------------------------------------------------------------


class EighImplementation(Enum):
    """Names of methods that `jax.lax.linalg.eigh` takes; backends here have one, and all names mean it."""

    QR = "qr"
    JACOBI = "jacobi"
    QDWH = "qdwh"


def _eigh_shape(a: ShapedArray, *, lower: bool) -> tuple[ShapedArray, ShapedArray]:
    check_matrices("eigh", a)
    return a, a.update(shape=a.shape[:-1], dtype=dtypes.to_real(a.dtype))


def _eigh_impl(xp: Any, a: Any, *, lower: bool) -> tuple[Any, Any]:
    return of_finite(xp, lambda a: library(xp).eigh(a, lower), a)


def _eigh_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, lower: bool) -> tuple[list, list]:
    v, w = eigh_p.bind(*primals, lower=lower)
    d = matmul(adjoint(v), matmul(tangents[0], v))
    return [v, w], [matmul(v, over_differences(d, w)), _real_diagonal(d)]


eigh_p: Primitive = Primitive(
    "eigh", shape=_eigh_shape, impl=_eigh_impl, jvp=_eigh_jvp, transpose=NOT_LINEAR,
    batch=batch_stacks(lambda: eigh_p), multiple=True, cuda=LAPACK, lane_map=lane_matrices.EIGH, domain=PART_OR_COMPLEX,
    family="linalg", is_fresh=True,
    doc="Eigenvectors and eigenvalues of a Hermitian matrix.",
)


def eigh(
    x: Any, *, lower: bool = True, symmetrize_input: bool = True, sort_eigenvalues: bool = True,
    subset_by_index: Any = None, implementation: Any = None,
) -> tuple[Any, Any]:
    """Eigenvectors (..., n, n), in columns, and eigenvalues (..., n), ascending, of Hermitian matrices (..., n, n).

    Accepts float32, float64, complex64, complex128.  NaN where a matrix has elements that are not finite.  With
    `symmetrize_input` the mean of x and its adjoint is decomposed, and derivatives are those of symmetric matrices;
    without it only the lower triangle of x is read (the upper one unless `lower`).  subset_by_index: (start, stop),
    to return eigenvalues start ... stop - 1 and their vectors alone.  They are always in ascending order, and
    computed by the backend's one method, whatever `sort_eigenvalues` and `implementation` say.

    TypeError for rank below 2 and integers; for matrices that are not square TypeError where they are to be
    symmetrized, else ValueError; NotImplementedError for small floats; ValueError for a range outside.
    """
    shape = shape_of(x)
    check_matrices("eigh", aval_of(x), square=False)
    if symmetrize_input and shape[-1] != shape[-2]:
        raise TypeError(f"eigh: only square matrices can be symmetrized, got shape {shape}")
    v, w = eigh_p.bind(div(add(x, adjoint(x)), 2) if symmetrize_input else x, lower=bool(lower))
    if subset_by_index is None:
        return v, w
    start, stop = _checked_range("eigh", subset_by_index, shape[-1])
    return slice_in_dim(v, start, stop, axis=-1), slice_in_dim(w, start, stop, axis=-1)


def _checked_range(name: str, subset: Any, size: int) -> tuple[int, int]:
    start, stop = map(int, subset)
    if not 0 <= start <= stop <= size:
        raise ValueError(f"{name}: subset_by_index must be 0 <= start <= stop <= {size}, got {subset}")
    return start, stop


# --- svd ------------------------------------------------------------------------------------------------------


class SvdAlgorithm(Enum):
    """Names of methods that `jax.lax.linalg.svd` takes; backends here have one, and all names mean it."""

    DEFAULT = "default"
    QR = "QR"
    JACOBI = "Jacobi"
    POLAR = "polar"
    DIVIDE_AND_CONQUER = "divide_and_conquer"


def _svd_shape(a: ShapedArray, *, full_matrices: bool, compute_uv: bool) -> tuple[ShapedArray, ...]:
    check_matrices("svd", a, square=False)
    *batch, m, n = a.shape
    k = min(m, n)
    s = a.update(shape=(*batch, k), dtype=dtypes.to_real(a.dtype))
    if not compute_uv:
        return (s,)
    rows, columns = (m, n) if full_matrices else (k, k)
    return s, a.update(shape=(*batch, m, rows)), a.update(shape=(*batch, columns, n))


def _svd_impl(xp: Any, a: Any, *, full_matrices: bool, compute_uv: bool) -> tuple[Any, ...]:
    def decompose(a: Any) -> tuple[Any, ...]:
        if not compute_uv:
            return (xp.linalg.svd(a, compute_uv=False),)
        u, s, vh = xp.linalg.svd(a, full_matrices)
        return s, u, vh

    return of_finite(xp, lambda a: library(xp).over_stack(decompose, a), a)


def _svd_jvp(
    primals: Sequence[Any], tangents: Sequence[Any], *, full_matrices: bool, compute_uv: bool
) -> tuple[list, list]:
    (a,), (ta,) = primals, tangents
    m, n = shape_of(a)[-2:]
    if compute_uv and full_matrices and m != n:
        raise NotImplementedError(
            f"svd has no derivative for matrices of shape {(m, n)} with full_matrices=True: the vectors that only "
            "complete U or V are not determined. Write full_matrices=False."
        )
    s, u, vh = svd_p.bind(a, full_matrices=full_matrices and compute_uv, compute_uv=True)
    d = matmul(adjoint(u), matmul(ta, adjoint(vh)))
    if not compute_uv:
        return [s], [_real_diagonal(d)]
    return [s, u, vh], [_real_diagonal(d), *_tangents_of_vectors(ta, d, s, u, vh)]


def _tangents_of_vectors(ta: Any, d: Any, s: Any, u: Any, vh: Any) -> tuple[Any, Any]:
    """Those of U and of V^H."""
    m, n = shape_of(u)[-2], shape_of(vh)[-1]
    left, right = mul(d, columns_of(s, d)), mul(rows_of(s, d), d)
    squares = mul(s, s)
    inverse = div(1, select_n(eq(s, 0), s, float("inf")))
    phase = mul(div(sub(d, adjoint(d)), 2), mul(identity_like(d), columns_of(inverse, d)))
    tu = matmul(u, add(over_differences(add(left, adjoint(left)), squares), phase))
    tv = matmul(adjoint(vh), over_differences(add(right, adjoint(right)), squares))
    if m > n:
        tu = add(tu, _outside(u, mul(matmul(ta, adjoint(vh)), columns_of(inverse, u))))
    if m < n:
        tv = add(tv, _outside(adjoint(vh), mul(matmul(adjoint(ta), u), columns_of(inverse, adjoint(vh)))))
    return tu, adjoint(tv)


def _outside(basis: Any, x: Any) -> Any:
    """The part of the columns of `x` outside the space of the orthonormal columns of `basis`."""
    return sub(x, matmul(basis, matmul(adjoint(basis), x)))


svd_p: Primitive = Primitive(
    "svd", shape=_svd_shape, impl=_svd_impl, jvp=_svd_jvp, transpose=NOT_LINEAR, batch=batch_stacks(lambda: svd_p),
    multiple=True, cuda=LAPACK, domain=PART_OR_COMPLEX, family="linalg",
    is_fresh=True, doc="Singular values, and left and right singular vectors.",
)


def svd(
    x: Any, *, full_matrices: bool = True, compute_uv: bool = True, subset_by_index: Any = None, algorithm: Any = None
) -> Any:
    """(U, s, V^H) with x = U diag(s) V^H, for matrices of shape (..., m, n); s alone unless `compute_uv`.

    With k = min(m, n): s is (..., k), real and descending; U is (..., m, m) and V^H (..., n, n) with
    `full_matrices`, else (..., m, k) and (..., k, n).  Accepts float32, float64, complex64, complex128.  NaN where a
    matrix has elements that are not finite.  subset_by_index: (start, stop), to return singular values start ...
    stop - 1 and their vectors alone.  All values of `algorithm` mean the backend's one method.

    TypeError for rank below 2 and integers; ValueError for a range outside, or with `full_matrices`;
    NotImplementedError for small floats and, when differentiated, for vectors that only complete U or V.
    """
    s, *vectors = svd_p.bind(x, full_matrices=bool(full_matrices), compute_uv=bool(compute_uv))
    chosen = None if subset_by_index is None else _checked_range("svd", subset_by_index, shape_of(s)[-1])
    if chosen is not None and chosen != (0, shape_of(s)[-1]):
        if full_matrices and compute_uv:
            raise ValueError("svd: full_matrices and a subset of the singular values exclude each other")
        s = slice_in_dim(s, *chosen, axis=-1)
        vectors = [slice_in_dim(x, *chosen, axis=d) for x, d in zip(vectors, (-1, -2), strict=False)]
    return (vectors[0], s, vectors[1]) if compute_uv else s
