"""Norms of vectors and matrices.

    vectors     ord 2 (default), 1, inf, -inf, 0 (how many elements differ from 0), or any power
    matrices    "fro" (default), 1, -1 (sums of columns), inf, -inf (sums of rows)

The matrix norms 2, -2 and "nuc" need singular values, for which there is no op yet: NotImplementedError.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cujax import lax
from cujax.api.traced_once import traced_once
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.engine.ops.axes import canonical_axes, canonical_axis, other_axes
from cujax.numpy import reductions
from cujax.numpy.arithmetic import multiply, power
from cujax.numpy.parts import abs as absolute
from cujax.numpy.promotion import ArrayLike, arrays_of, as_array, promote_inexact
from cujax.numpy.transcendental import sqrt

Order = int | float | str | None


@traced_once("x")
def norm(
    x: ArrayLike, ord: Order = None, axis: int | Sequence[int] | None = None, keepdims: bool = False
) -> Array:
    """Norms of the vectors along one axis, or of the matrices along two.

    Without `axis` x itself must be a vector or a matrix, unless `ord` is not given either: then the root of
    the sum of squares of all elements.  Returns floats; with `keepdims` the axes stay, with length 1.

    ValueError for an order that does not exist and for another number of axes, NotImplementedError for orders
    that need singular values.
    """
    (x,) = arrays_of(promote_inexact("linalg.norm", x))
    axes = canonical_axes(axis, x.ndim)
    if axis is None and ord is None:
        return _vector_norm(x, 2, axes, keepdims)
    if len(axes) == 1:
        return _vector_norm(x, 2 if ord is None else ord, axes, keepdims)
    if len(axes) == 2:
        return _matrix_norm(x, "fro" if ord is None else ord, axes, keepdims)
    raise ValueError(
        f"Improper number of axes for norm: axis={axes}. Pass one axis to compute a vector-norm, or two axes "
        "to compute a matrix-norm."
    )


@traced_once("x")
def vector_norm(
    x: ArrayLike, /, *, axis: int | Sequence[int] | None = None, keepdims: bool = False, ord: int | float = 2
) -> Array:
    """The norm of all elements along `axis`, as one vector.  ValueError for an order that is no number."""
    x = as_array("linalg.vector_norm", x)
    return _vector_norm(x, ord, canonical_axes(axis, x.ndim), keepdims)


@traced_once("x")
def matrix_norm(x: ArrayLike, /, *, keepdims: bool = False, ord: int | float | str = "fro") -> Array:
    """Norms of the matrices in the last two axes.  Errors as `norm`."""
    return norm(x, ord, (-2, -1), keepdims)


def _vector_norm(x: Array, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Array:
    if isinstance(ord, str):
        raise ValueError(f"Invalid order {ord!r} for vector norm: give a number, such as 2 or jnp.inf.")
    if ord == 2:
        return sqrt(reductions.sum(_squares(x), axes, keepdims=keepdims))
    if ord == 0:
        differs = lax.convert_element_type(lax.ne(x, 0), dtypes.to_real(x.dtype))
        return reductions.sum(differs, axes, keepdims=keepdims)
    size = absolute(x)
    if ord == np.inf:
        return reductions.max(size, axes, keepdims=keepdims, initial=0)
    if ord == -np.inf:
        return reductions.min(size, axes, keepdims=keepdims)
    if ord == 1:
        return reductions.sum(size, axes, keepdims=keepdims)
    (size,) = arrays_of(promote_inexact("linalg.norm", size))
    total = reductions.sum(power(size, ord), axes, keepdims=keepdims)
    return power(total, 1 / as_array("linalg.norm", ord).astype(total.dtype))


def _squares(x: Array) -> Array:
    return lax.real(lax.mul(x, lax.conj(x))) if dtypes.is_complex(x.dtype) else multiply(x, x)


_BY_SINGULAR_VALUES: dict[Any, Callable] = {2: reductions.max, -2: reductions.min, "nuc": reductions.sum}


def _norm_by_singular_values(x: Array, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Array:
    """The largest, the least or the sum of the singular values."""
    axes = canonical_axes(axes, x.ndim)
    others = other_axes(x.ndim, axes)
    (moved,) = arrays_of(promote_inexact("linalg.norm", lax.transpose(x, (*others, *axes))))
    s = lax.linalg.svd(moved, compute_uv=False)
    options = {} if ord == -2 else {"initial": 0}
    found = _BY_SINGULAR_VALUES[ord](s, -1, **options)
    return lax.expand_dims(found, axes) if keepdims else found


def _matrix_norm(x: Array, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Array:
    if ord == "fro":
        return _vector_norm(x, 2, axes, keepdims)
    if ord in _BY_SINGULAR_VALUES:
        return _norm_by_singular_values(x, ord, axes, keepdims)
    if ord not in (1, -1, np.inf, -np.inf):
        raise ValueError(
            f"Invalid order {ord!r} for matrix norm; the orders are 'fro', 'nuc', 1, -1, 2, -2, inf and -inf."
        )
    row, column = (canonical_axis(i, x.ndim) for i in axes)
    summed, compared = (row, column) if abs(ord) == 1 else (column, row)
    sums = reductions.sum(absolute(x), summed, keepdims=True)
    if ord > 0:
        found = reductions.max(sums, compared, keepdims=True, initial=0)
    else:
        found = reductions.min(sums, compared, keepdims=True)
    return found if keepdims else lax.squeeze(found, axes)
