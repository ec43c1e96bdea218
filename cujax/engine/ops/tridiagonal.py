"""Systems of equations with a tridiagonal matrix, such as implicit steps of a diffusion in one dimension.

A matrix is three vectors (..., n): dl below the diagonal, d on it, du above it; dl[0] and du[n - 1] lie
outside and are not read.  `_multiply` is the product with such a matrix, `_transposed` its transpose.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from math import prod
from typing import Any

from cujax.engine.backends import tridiagonal_kernel
from cujax.engine.backends.kernel_errors import KernelCompileError
from cujax.engine.backends.select import library, selected
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.axis import AxisData
from cujax.engine.core.primitive import Primitive
from cujax.engine.core.tape import literal
from cujax.engine.core.trace import aval_of
from cujax.engine.core.zero import Zero, is_zero
from cujax.engine.ops import lane_matrices
from cujax.engine.ops.complex_parts import PART_OR_COMPLEX
from cujax.engine.ops.elementwise import mul, neg
from cujax.engine.ops.matrices import batch_stacks, check_matrices
from cujax.engine.ops.slicing import pad
from cujax.engine.ops.structural import add_tangents, broadcast_in_dim, dtype_of, ndim_of, shape_of
from cujax.engine.ops.triangular import LAPACK, fold_columns


def _shape(dl: ShapedArray, d: ShapedArray, du: ShapedArray, b: ShapedArray) -> ShapedArray:
    columns = [band.update(shape=(*band.shape, 1)) for band in (dl, d, du)]
    check_matrices("tridiagonal_solve", *columns, b, square=False)
    if not dl.shape == d.shape == du.shape:
        raise TypeError(
            "tridiagonal_solve: the three diagonals must have one shape, got "
            f"{dl.shape}, {d.shape} and {du.shape}; dl[0] and du[-1] stand for nothing"
        )
    if not d.ndim or b.shape[:-1] != d.shape:
        raise TypeError(
            f"tridiagonal_solve: diagonals of shape {d.shape} need b with one axis more, got shape {b.shape}"
        )
    return b.update(weak_type=dl.weak_type and d.weak_type and du.weak_type and b.weak_type)


def _impl(xp: Any, dl: Any, d: Any, du: Any, b: Any) -> Any:
    """By a kernel where the backend has any, otherwise row after row of all systems, or one system after the other."""
    backend = selected()
    target, (n, columns), count = backend.kernels, b.shape[-2:], prod(b.shape[:-2])
    if target is not None and b.size and tridiagonal_kernel.takes(target.language, b.dtype, count, n):
        shapes = [(count, n)] * 3 + [(count, n, columns)]
        operands = [backend.contiguous(x.reshape(s)) for x, s in zip((dl, d, du, b), shapes, strict=True)]
        with suppress(KernelCompileError):
            return tridiagonal_kernel.solve_by_kernel(target, backend.empty, *operands).reshape(b.shape)
    return library(xp).tridiagonal_solve(dl, d, du, b)


def _moved(x: Any, axis: int, by: int) -> Any:
    """`x` with its elements moved by 1 or -1 along `axis`, and a zero where one moved in."""
    config = [(0, 0, 0)] * ndim_of(x)
    config[axis] = (by, -by, 0)
    return pad(x, literal(0, dtype_of(x)), config)


def _multiply(bands: Sequence[Any], x: Any) -> Any:
    """The product of the matrix with x (..., n, k); a band may be `Zero`."""
    row = ndim_of(x) - 2
    total: Any = Zero(aval_of(x))
    for band, by in zip(bands, (1, 0, -1), strict=True):
        if not is_zero(band):
            inside = _moved(band, row, -by) if by else band  # without the corner, which may hold anything
            term = mul(broadcast_in_dim(inside, shape_of(x), range(row + 1)), x)
            total = add_tangents(total, _moved(term, row, by) if by else term)
    return total


def _transposed(dl: Any, d: Any, du: Any) -> tuple[Any, Any, Any]:
    axis = ndim_of(d) - 1
    return _moved(du, axis, 1), d, _moved(dl, axis, -1)


def _jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Of a x = b: a dx = db - da x."""
    *bands, _ = primals
    *t_bands, total = tangents
    x = tridiagonal_solve_p.bind(*primals)
    change = _multiply(t_bands, x)
    if not is_zero(change):
        total = add_tangents(total, neg(change))
    if is_zero(total):
        return x, Zero(aval_of(x).to_tangent_aval())
    return x, tridiagonal_solve_p.bind(*bands, total)


def _transpose(ct: Any, dl: Any, d: Any, du: Any, b: Any) -> tuple:
    return None, None, None, tridiagonal_solve_p.bind(*_transposed(dl, d, du), ct)


def _batch(axis: AxisData, operands: Sequence[Any], dims: Sequence[int | None]) -> tuple[Any, int]:
    if any(d is not None for d in dims[:3]):
        return batch_stacks(lambda: tridiagonal_solve_p)(axis, operands, dims)
    *bands, b = operands
    assert dims[3] is not None
    columns, unfold = fold_columns(axis, b, dims[3], True)
    return unfold(tridiagonal_solve_p.bind(*bands, columns))


tridiagonal_solve_p: Primitive = Primitive(
    "tridiagonal_solve", shape=_shape, impl=_impl, jvp=_jvp, transpose=_transpose, batch=_batch,
    cuda=LAPACK, lane_map=lane_matrices.TRIDIAGONAL_SOLVE, domain=PART_OR_COMPLEX, family="linalg", is_fresh=True,
    doc="The solution of a system of equations with a tridiagonal matrix.",
)


def tridiagonal_solve(dl: Any, d: Any, du: Any, b: Any, *, perturb_singular: bool = False) -> Any:
    """x with dl[i] x[i - 1] + d[i] x[i] + du[i] x[i + 1] = b[i].

    Diagonals have shape (..., n), b (..., n, k); dl[0] and du[n - 1] are not read.  Accepts float32, float64,
    complex64, complex128.  Where a matrix is singular x is not finite.

    TypeError for other shapes and unequal dtypes; NotImplementedError for small floats and perturb_singular.
    """
    if perturb_singular:
        raise NotImplementedError("tridiagonal_solve: perturb_singular=True is not supported; leave it out")
    return tridiagonal_solve_p.bind(dl, d, du, b)


