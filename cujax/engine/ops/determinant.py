"""Determinants, their logarithms, and cofactors.

    det             for n <= 3 the polynomial itself, whose derivatives are exact; else by LU factors
    cofactors       of each element the derivative of the determinant
    slogdet         sign and logarithm of the absolute value

d det(a) = sum of cofactors(a) * da holds for every matrix, singular ones too, so `det` has its gradient
everywhere.  The cofactors come from the singular value decomposition a = U S V^H as

    det(U) det(V^H)  conj(U) diag(prod of s_j over j != i) conj(V^H),

which divides by nothing.  Their own derivative divides by the determinant: second derivatives of `det` for
n > 3 are NaN or infinite at singular matrices.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.primitive import NOT_LINEAR, Primitive
from cujax.engine.core.trace import aval_of
from cujax.engine.core.zero import zero_tangent
from cujax.engine.ground import dtypes
from cujax.engine.ops import lane_matrices
from cujax.engine.ops.complex_parts import PART_OR_COMPLEX, complex, imag, real
from cujax.engine.ops.constants import ones_of, zeros_of
from cujax.engine.ops.elementwise import add, div, mul, sub
from cujax.engine.ops.families import FLOAT, partials_jvp
from cujax.engine.ops.lu import inverse
from cujax.engine.ops.matrices import batch_stacks, check_matrices, matmul, matrix_transpose, of_finite
from cujax.engine.ops.slicing import index_in_dim
from cujax.engine.ops.structural import broadcast_in_dim, dtype_of, ndim_of, reduce_sum, shape_of
from cujax.engine.ops.triangular import LAPACK

# --- det and cofactors ----------------------------------------------------------------------------------


def _sum_of_products(x: Any, y: Any) -> Any:
    """The sum of x * y over the elements of each matrix."""
    n = ndim_of(x)
    return reduce_sum(mul(x, y), (n - 2, n - 1))


def _det_shape(a: ShapedArray) -> ShapedArray:
    check_matrices("det", a)
    return a.update(shape=a.shape[:-2])


det_p: Primitive = Primitive(
    "det", shape=_det_shape, impl=lambda xp, a: xp.linalg.det(a),
    jvp=partials_jvp(lambda: det_p, (lambda t, out, a: _sum_of_products(cofactors_p.bind(a), t),)),
    transpose=NOT_LINEAR, batch=batch_stacks(lambda: det_p), cuda=LAPACK, lane_map=lane_matrices.DET,
    domain=PART_OR_COMPLEX,
    doc="The determinant.", family="linalg", is_fresh=True,
)


def _cofactors_shape(a: ShapedArray) -> ShapedArray:
    check_matrices("cofactors", a)
    return a


def _products_of_others(xp: Any, s: Any) -> Any:
    """For each element along the last axis the product of all the others."""
    one = xp.ones_like(s[..., :1])
    before = xp.cumprod(xp.concatenate([one, s[..., :-1]], axis=-1), axis=-1)
    after = xp.cumprod(xp.concatenate([one, s[..., :0:-1]], axis=-1), axis=-1)
    return before * after[..., ::-1]


def _cofactors_impl(xp: Any, a: Any) -> Any:
    u, s, vh = of_finite(xp, xp.linalg.svd, a)
    scale = (xp.linalg.det(u) * xp.linalg.det(vh))[..., None] * _products_of_others(xp, s)
    return xp.matmul(xp.conj(u) * scale[..., None, :], xp.conj(vh))


def _cofactors_partial(t: Any, out: Any, a: Any) -> Any:
    """(tr(C^T da) C - C da^T C) / det a."""
    first = mul(_for_each_element(_sum_of_products(out, t), out), out)
    second = matmul(out, matmul(matrix_transpose(t), out))
    return div(sub(first, second), _for_each_element(det_p.bind(a), out))


def _for_each_element(x: Any, matrices: Any) -> Any:
    """`x`, a number for each matrix, repeated for each of its elements."""
    return broadcast_in_dim(x, shape_of(matrices), range(ndim_of(x)))


cofactors_p: Primitive = Primitive(
    "cofactors", shape=_cofactors_shape, impl=_cofactors_impl,
    jvp=partials_jvp(lambda: cofactors_p, (_cofactors_partial,)), transpose=NOT_LINEAR,
    batch=batch_stacks(lambda: cofactors_p), cuda=LAPACK, lane_map=lane_matrices.COFACTORS, domain=PART_OR_COMPLEX,
    doc="The derivatives of the determinant by each element.", family="linalg", is_fresh=True,
)


def det(a: Any) -> Any:
    """The determinants, of shape (...), of the matrices a (..., n, n); 1 for n = 0.

    Differentiable at singular matrices too; see the module's docstring for second derivatives.
    """
    aval = aval_of(a)
    takes_all_floats = aval.shape[-1:] <= (3,) and aval.dtype in FLOAT  # which are written out below
    _det_shape(aval.update(dtype=dtypes.float32) if takes_all_floats else aval)
    n = shape_of(a)[-1]
    if n == 0:
        return ones_of(aval_of(a).update(shape=shape_of(a)[:-2]))
    if n > 3:
        return det_p.bind(a)
    rows = [index_in_dim(a, i, -2, keepdims=False) for i in range(n)]
    return _expand([[index_in_dim(row, j, -1, keepdims=False) for j in range(n)] for row in rows])


def _expand(a: list[list[Any]]) -> Any:
    """The determinant of a matrix of 1, 4 or 9 arrays, expanded along its first row."""
    if len(a) == 1:
        return a[0][0]
    if len(a) == 2:
        return sub(mul(a[0][0], a[1][1]), mul(a[0][1], a[1][0]))
    terms = [
        mul(a[0][i], sub(mul(a[1][j], a[2][k]), mul(a[1][k], a[2][j])))
        for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1))
    ]
    return add(add(terms[0], terms[1]), terms[2])


# --- slogdet --------------------------------------------------------------------------------------------


def _slogdet_shape(a: ShapedArray) -> tuple[ShapedArray, ShapedArray]:
    check_matrices("slogdet", a)
    each = a.shape[:-2]
    return ShapedArray(each, a.dtype), ShapedArray(each, dtypes.to_real(a.dtype))


def _slogdet_impl(xp: Any, a: Any) -> tuple[Any, Any]:
    """NumPy's, and NaN twice where it finds a sign of what has no determinant."""
    sign, logarithm = xp.linalg.slogdet(a)
    is_finite = xp.isfinite(a).all(axis=(-2, -1))
    undefined = xp.isnan(logarithm) | ((sign == 0) & ~is_finite)
    nan = logarithm.dtype.type(np.nan)
    return xp.where(undefined, nan, sign), xp.where(undefined, nan, logarithm)


def _slogdet_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[list, list]:
    """d log det = tr(a^-1 da); its imaginary part turns the sign."""
    sign, logarithm = slogdet_p.bind(*primals)
    trace = _sum_of_products(matrix_transpose(inverse(*primals)), tangents[0])
    if not dtypes.is_complex(dtype_of(trace)):
        return [sign, logarithm], [zero_tangent(sign), trace]
    growth, turn = real(trace), imag(trace)
    return [sign, logarithm], [mul(sign, complex(zeros_of(aval_of(turn)), turn)), growth]


slogdet_p: Primitive = Primitive(
    "slogdet", shape=_slogdet_shape, impl=_slogdet_impl, jvp=_slogdet_jvp,
    transpose=NOT_LINEAR, batch=batch_stacks(lambda: slogdet_p), multiple=True, cuda=LAPACK,
    lane_map=lane_matrices.SLOGDET, domain=PART_OR_COMPLEX,
    doc="The sign of the determinant and the logarithm of its absolute value.",
    family="linalg", is_fresh=True,
)


def slogdet(a: Any) -> tuple[Any, Any]:
    """Sign, and logarithm of the absolute value, of the determinants of the matrices a (..., n, n).

    0 and -inf for singular matrices, NaN twice where infinities or NaN leave the determinant undefined.
    """
    sign, logarithm = slogdet_p.bind(a)
    return sign, logarithm
