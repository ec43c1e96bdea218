"""The QR factorization: orthonormal columns times an upper triangle.

    qr    a = Q R

From da = dQ R + Q dR follows, with w = Q^H da R^-1,

    Q^H dQ = w - dR R^-1,

which is skew-Hermitian, while dR R^-1 is upper-triangular with a real diagonal: below the diagonal Q^H dQ is that of
w.  Where a has more columns than rows this holds of the first ones, and the others of R are Q^H a.
(S. F. Walter and L. Lehmann, "Algorithmic differentiation of linear algebra functions", Optimization Methods and
Software 25, 2010.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cujax.engine.backends.select import library
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.primitive import NOT_LINEAR, Primitive
from cujax.engine.core.trace import aval_of
from cujax.engine.ground import dtypes
from cujax.engine.ops import lane_matrices
from cujax.engine.ops.complex_parts import PART_OR_COMPLEX, complex, imag
from cujax.engine.ops.constants import zeros_of
from cujax.engine.ops.elementwise import add, mul, neg, sub
from cujax.engine.ops.joining import concatenate
from cujax.engine.ops.lu import take_rows
from cujax.engine.ops.matrices import (
    adjoint,
    batch_stacks,
    check_matrices,
    identity_like,
    lower_triangle,
    matmul,
    matrix_transpose,
)
from cujax.engine.ops.reflections import column_pivots_p
from cujax.engine.ops.slicing import slice_in_dim
from cujax.engine.ops.structural import dtype_of, ndim_of, shape_of
from cujax.engine.ops.triangular import LAPACK, triangular_solve


def _qr_shape(a: ShapedArray, *, full_matrices: bool) -> tuple[ShapedArray, ShapedArray]:
    check_matrices("qr", a, square=False)
    *batch, m, n = a.shape
    k = m if full_matrices else min(m, n)
    return a.update(shape=(*batch, m, k)), a.update(shape=(*batch, k, n))


def _qr_impl(xp: Any, a: Any, *, full_matrices: bool) -> tuple[Any, Any]:
    mode = "complete" if full_matrices else "reduced"
    q, r = library(xp).over_stack(lambda a: xp.linalg.qr(a, mode), a)
    return q, r


def _imaginary_diagonal(x: Any) -> Any:
    """The diagonal of complex `x` without its real part."""
    parts = mul(imag(x), identity_like(imag(x)))
    return complex(zeros_of(aval_of(parts)), parts)


def _qr_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, full_matrices: bool) -> tuple[list, list]:
    (a,), (ta,) = primals, tangents
    m, n = shape_of(a)[-2:]
    q, r = qr_p.bind(a, full_matrices=full_matrices)
    if m > n and full_matrices:
        return [q, r], list(_tangents_of_completed(q, r, ta))
    tq, tr = _tangents_of_factors(q, _head(r, m), _head(ta, m))
    if m < n:
        rest = add(matmul(adjoint(q), _tail(ta, m)), matmul(adjoint(tq), _tail(a, m)))
        tr = concatenate([tr, rest], ndim_of(r) - 1)
    return [q, r], [tq, tr]


def _head(x: Any, columns: int) -> Any:
    return slice_in_dim(x, 0, min(columns, shape_of(x)[-1]), axis=-1)


def _tail(x: Any, columns: int) -> Any:
    return slice_in_dim(x, columns, shape_of(x)[-1], axis=-1)


def _tangents_of_factors(q: Any, r: Any, ta: Any) -> tuple[Any, Any]:
    """Those of Q (m, n) and R (n, n)."""
    right = triangular_solve(r, ta)
    w = matmul(adjoint(q), right)
    below = lower_triangle(w, strictly=True)
    turn = sub(below, adjoint(below))
    if dtypes.is_complex(dtype_of(w)):
        turn = add(turn, _imaginary_diagonal(w))
    rest = sub(w, turn)
    return sub(right, matmul(q, rest)), matmul(rest, r)


def _tangents_of_completed(q: Any, r: Any, ta: Any) -> tuple[Any, Any]:
    """Those of a Q with more columns than a.  These turn only against the others, not among themselves."""
    n = shape_of(r)[-1]
    q1, q2 = _head(q, n), _tail(q, n)
    tq, tr = _tangents_of_factors(q1, slice_in_dim(r, 0, n, axis=-2), ta)
    tq2 = neg(matmul(q1, matmul(adjoint(tq), q2)))
    below = zeros_of(aval_of(slice_in_dim(r, n, shape_of(r)[-2], axis=-2)))
    rows = ndim_of(r) - 2
    return concatenate([tq, tq2], rows + 1), concatenate([tr, below], rows)


qr_p: Primitive = Primitive(
    "qr", shape=_qr_shape, impl=_qr_impl, jvp=_qr_jvp, transpose=NOT_LINEAR, batch=batch_stacks(lambda: qr_p),
    multiple=True, cuda=LAPACK, lane_map=lane_matrices.QR, domain=PART_OR_COMPLEX, family="linalg",
    is_fresh=True, doc="Orthonormal columns and an upper triangle whose product is the matrix.",
)


def qr(
    x: Any, *, pivoting: bool = False, full_matrices: bool = True, use_magma: bool | None = None
) -> tuple[Any, ...]:
    """Q and R with x = Q R, for matrices of shape (..., m, n); with `pivoting` also p, int32 (..., n): x[:, p] = Q R.

    Q has orthonormal columns, R is upper-triangular.  With `full_matrices` Q is (..., m, m) and R (..., m, n), else
    with k = min(m, n) they are (..., m, k) and (..., k, n).  Pivoting puts in each place the column that is longest
    outside the space of those before it, so that the diagonal of R falls in magnitude; the host finds their order also
    where the backend is a GPU.  Accepts float32, float64, complex64, complex128.  `use_magma` has no effect.

    Differentiable.  Columns that only complete Q are the library's choice: of their derivatives only those of
    the space that they span have a meaning.

    TypeError for rank below 2 and integers, NotImplementedError for small floats.
    """
    if not pivoting:
        return tuple(qr_p.bind(x, full_matrices=bool(full_matrices)))
    order = column_pivots_p.bind(x)
    columns = matrix_transpose(take_rows(matrix_transpose(x), order))
    return *qr_p.bind(columns, full_matrices=bool(full_matrices)), order
