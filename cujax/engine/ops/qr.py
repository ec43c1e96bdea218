"""The QR factorization: orthonormal columns times an upper triangle.

    qr    a = Q R

From da = dQ R + Q dR follows, with w = Q^H da R^-1,

    Q^H dQ = w - dR R^-1,

which is skew-Hermitian, while dR R^-1 is upper-triangular with a real diagonal: below the diagonal Q^H dQ is that of
w.  (S. F. Walter and L. Lehmann, "Algorithmic differentiation of linear algebra functions", Optimization Methods and
Software 25, 2010.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.primitive import NOT_LINEAR, Primitive
from cujax.engine.core.trace import aval_of
from cujax.engine.ground import dtypes
from cujax.engine.ops import lane_matrices
from cujax.engine.ops.complex_parts import PART_OR_COMPLEX, complex, imag
from cujax.engine.ops.elementwise import add, mul, sub
from cujax.engine.ops.matrices import adjoint, batch_stacks, check_matrices, identity_like, lower_triangle, matmul
from cujax.engine.ops.structural import dtype_of, shape_of, zeros_of
from cujax.engine.ops.triangular import LAPACK, triangular_solve


def _qr_shape(a: ShapedArray, *, full_matrices: bool) -> tuple[ShapedArray, ShapedArray]:
    check_matrices("qr", a, square=False)
    *batch, m, n = a.shape
    k = m if full_matrices else min(m, n)
    return a.update(shape=(*batch, m, k)), a.update(shape=(*batch, k, n))


def _qr_impl(xp: Any, a: Any, *, full_matrices: bool) -> tuple[Any, Any]:
    q, r = xp.linalg.qr(a, "complete" if full_matrices else "reduced")
    return q, r


def _imaginary_diagonal(x: Any) -> Any:
    """The diagonal of complex `x` without its real part."""
    parts = mul(imag(x), identity_like(imag(x)))
    return complex(zeros_of(aval_of(parts)), parts)


def _qr_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, full_matrices: bool) -> tuple[list, list]:
    m, n = shape_of(primals[0])[-2:]
    if m < n or (full_matrices and m != n):
        raise NotImplementedError(
            f"qr has no derivative for matrices of shape {(m, n)} with {full_matrices=}: it exists for at least as "
            "many rows as columns, and without the columns that only complete Q (full_matrices=False)"
        )
    q, r = qr_p.bind(*primals, full_matrices=full_matrices)
    right = triangular_solve(r, tangents[0])
    w = matmul(adjoint(q), right)
    below = lower_triangle(w, strictly=True)
    turn = sub(below, adjoint(below))
    if dtypes.is_complex(dtype_of(w)):
        turn = add(turn, _imaginary_diagonal(w))
    rest = sub(w, turn)
    return [q, r], [sub(right, matmul(q, rest)), matmul(rest, r)]


qr_p: Primitive = Primitive(
    "qr", shape=_qr_shape, impl=_qr_impl, jvp=_qr_jvp, transpose=NOT_LINEAR, batch=batch_stacks(lambda: qr_p),
    multiple=True, cuda=LAPACK, lane_map=lane_matrices.QR, domain=PART_OR_COMPLEX, family="linalg",
    is_fresh=True, doc="Orthonormal columns and an upper triangle whose product is the matrix.",
)


def qr(x: Any, *, pivoting: bool = False, full_matrices: bool = True, use_magma: bool | None = None) -> tuple[Any, Any]:
    """Q and R with x = Q R, for matrices of shape (..., m, n).

    Q has orthonormal columns, R is upper-triangular.  With `full_matrices` Q is (..., m, m) and R (..., m, n), else
    with k = min(m, n) they are (..., m, k) and (..., k, n).  Accepts float32, float64, complex64, complex128.
    Differentiable for m >= n, unless Q has columns beyond the n-th.

    TypeError for rank below 2 and integers, NotImplementedError for small floats, for pivoting and, when
    differentiated, for other shapes.
    """
    if pivoting:
        raise NotImplementedError("qr: pivoting=True is not supported")
    q, r = qr_p.bind(x, full_matrices=bool(full_matrices))
    return q, r
