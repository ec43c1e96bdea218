"""Running sums and products: cumsum, cumprod, their NaN-blind forms, and the array-API names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cujax import lax
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.engine.ops.axes import canonical_axis
from cujax.engine.ops.constants import full_of
from cujax.numpy.logic import choose_where, isnan
from cujax.numpy.promotion import ArrayLike, as_array
from cujax.numpy.reductions import refuse_out, sum_dtype


def _cumulative(
    name: str, scan: Callable, a: ArrayLike, axis: int | None, dtype: Any, ignored: int | None = None
) -> Array:
    """`scan` along `axis`, in `dtype`; NaN counts as `ignored` where that is given."""
    a = as_array(name, a)
    if axis is None:
        a, axis = lax.reshape(a, (a.size,)), 0
    elif a.ndim == 0:
        a = lax.reshape(a, (1,))
        axis = canonical_axis(axis, 1)
    axis = canonical_axis(axis, a.ndim)
    if ignored is not None and dtypes.is_inexact(a.dtype):
        a = choose_where(isnan(a), a.dtype.type(ignored), a)
    if dtype is None:
        dtype = dtypes.python_scalar_dtype(int) if dtypes.is_bool(a.dtype) else a.dtype
    else:
        dtype = dtypes.canonicalize_user(dtype, name)
    if dtypes.is_bool(dtype):  # a sum of booleans is counted, then read as truth
        counted = scan(lax.convert_element_type(a, dtypes.python_scalar_dtype(int)), axis)
        return lax.ne(counted, 0)
    return scan(lax.convert_element_type(a, dtype), axis)


def cumsum(a: ArrayLike, axis: int | None = None, dtype: Any = None, out: None = None) -> Array:
    """Sums of the elements up to each one, along `axis` or of the flattened array."""
    refuse_out("cumsum", out)
    return _cumulative("cumsum", lax.cumsum, a, axis, dtype)


def cumprod(a: ArrayLike, axis: int | None = None, dtype: Any = None, out: None = None) -> Array:
    """Products of the elements up to each one, along `axis` or of the flattened array."""
    refuse_out("cumprod", out)
    return _cumulative("cumprod", lax.cumprod, a, axis, dtype)


def nancumsum(a: ArrayLike, axis: int | None = None, dtype: Any = None, out: None = None) -> Array:
    """`cumsum`, with NaN counted as 0."""
    refuse_out("nancumsum", out)
    return _cumulative("nancumsum", lax.cumsum, a, axis, dtype, 0)


def nancumprod(a: ArrayLike, axis: int | None = None, dtype: Any = None, out: None = None) -> Array:
    """`cumprod`, with NaN counted as 1."""
    refuse_out("nancumprod", out)
    return _cumulative("nancumprod", lax.cumprod, a, axis, dtype, 1)


def _with_initial(
    name: str, scan: Callable, x: ArrayLike, axis: int | None, dtype: Any, include: bool, start: int
) -> Array:
    x = as_array(name, x)
    if x.ndim == 0:
        raise ValueError(f"The input must be non-scalar to take {name}, however a scalar value was passed.")
    if axis is None:
        if x.ndim > 1:
            raise ValueError(f"{name}: the array has {x.ndim} axes, so `axis` must be given")
        axis = 0
    axis = canonical_axis(axis, x.ndim)
    result = _cumulative(name, scan, x, axis, sum_dtype(x.dtype) if dtype is None else dtype)
    if not include:
        return result
    first = full_of(result.aval.update(shape=(*x.shape[:axis], 1, *x.shape[axis + 1 :])), start)
    return lax.concatenate([first, result], axis)


def cumulative_sum(
    x: ArrayLike, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Array:
    """`cumsum` by its array-API name; include_initial puts 0 in front.  ValueError for a scalar."""
    return _with_initial("cumulative_sum", lax.cumsum, x, axis, dtype, include_initial, 0)


def cumulative_prod(
    x: ArrayLike, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Array:
    """`cumprod` by its array-API name; include_initial puts 1 in front.  ValueError for a scalar."""
    return _with_initial("cumulative_prod", lax.cumprod, x, axis, dtype, include_initial, 1)
