"""Reductions that pass over NaN: nansum, nanmax, nanmean, nanvar, nanargmax and the others.

Arguments are those of the plain reductions (`reductions.py`).  A slice of NaN alone gives 0 for `nansum`,
1 for `nanprod`, NaN for the others, and index -1 for `nanargmax` and `nanargmin` (NumPy raises).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cujax import lax
from cujax.api.traced_once import traced_once
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.engine.ops.axes import canonical_axes
from cujax.numpy import moments, reductions
from cujax.numpy.arithmetic import divide
from cujax.numpy.logic import choose_where, isnan, logical_and, logical_not
from cujax.numpy.promotion import ArrayLike, as_array
from cujax.numpy.reductions import Axis, arg_extreme, refuse_out


def _without_nan(name: str, a: ArrayLike, value: float) -> Array:
    a = as_array(name, a)
    return choose_where(isnan(a), a.dtype.type(value), a) if dtypes.is_inexact(a.dtype) else a


@traced_once("a", "initial", "where")
def nansum(
    a: ArrayLike, axis: Axis = None, dtype: Any = None, out: None = None, keepdims: bool = False,
    initial: ArrayLike | None = None, where: ArrayLike | None = None,
) -> Array:
    """Sum over axes, with NaN counted as 0."""
    refuse_out("nansum", out)
    return reductions.sum(_without_nan("nansum", a, 0), axis, dtype, None, keepdims, initial, where)


@traced_once("a", "initial", "where")
def nanprod(
    a: ArrayLike, axis: Axis = None, dtype: Any = None, out: None = None, keepdims: bool = False,
    initial: ArrayLike | None = None, where: ArrayLike | None = None,
) -> Array:
    """Product over axes, with NaN counted as 1."""
    refuse_out("nanprod", out)
    return reductions.prod(_without_nan("nanprod", a, 1), axis, dtype, None, keepdims, initial, where)


def _nan_extreme(
    name: str,
    reduce: Callable,
    outermost: float,
    a: ArrayLike,
    axis: Axis,
    keepdims: bool,
    initial: Any,
    where: Any,
) -> Array:
    a = as_array(name, a)
    if not dtypes.is_inexact(a.dtype):
        return reduce(a, axis, None, keepdims, initial, where)
    result = reduce(_without_nan(name, a, outermost), axis, None, keepdims, initial, where)
    if initial is not None:
        return result
    return choose_where(reductions.all(isnan(a), axis, None, keepdims), a.dtype.type(np.nan), result)


@traced_once("a", "initial", "where")
def nanmax(
    a: ArrayLike,
    axis: Axis = None,
    out: None = None,
    keepdims: bool = False,
    initial: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> Array:
    """Maximum over axes of what is not NaN."""
    refuse_out("nanmax", out)
    return _nan_extreme("nanmax", reductions.max, -np.inf, a, axis, keepdims, initial, where)


@traced_once("a", "initial", "where")
def nanmin(
    a: ArrayLike,
    axis: Axis = None,
    out: None = None,
    keepdims: bool = False,
    initial: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> Array:
    """Minimum over axes of what is not NaN."""
    refuse_out("nanmin", out)
    return _nan_extreme("nanmin", reductions.min, np.inf, a, axis, keepdims, initial, where)


def _valid(a: Array, where: ArrayLike | None) -> Array:
    valid = logical_not(isnan(a))
    return valid if where is None else logical_and(valid, where)


@traced_once("a", "where")
def nanmean(
    a: ArrayLike, axis: Axis = None, dtype: Any = None, out: None = None, keepdims: bool = False,
    where: ArrayLike | None = None,
) -> Array:
    """Mean over axes of what is not NaN."""
    refuse_out("nanmean", out)
    a = as_array("nanmean", a)
    if not dtypes.is_inexact(a.dtype):
        return moments.mean(a, axis, dtype, None, keepdims, where=where)
    dtype = a.dtype if dtype is None else dtypes.canonicalize_user(dtype, "nanmean")
    number = reductions.sum(_valid(a, where), axis, dtype, None, keepdims)
    return divide(nansum(a, axis, dtype, None, keepdims, where=where), number)


@traced_once("a", "where", "mean")
def nanvar(
    a: ArrayLike,
    axis: Axis = None,
    dtype: Any = None,
    out: None = None,
    ddof: int = 0,
    keepdims: bool = False,
    where: ArrayLike | None = None,
    mean: ArrayLike | None = None,
) -> Array:
    """Variance over axes of what is not NaN; arguments as `var`.  NaN where no more than ddof are left."""
    refuse_out("nanvar", out)
    a = as_array("nanvar", a)
    wide = dtypes.canonicalize(dtypes.to_inexact(a.dtype if dtype is None else dtypes.as_dtype(dtype)))
    result = dtypes.to_real(wide)
    if dtypes.is_complex(a.dtype) and not dtypes.is_complex(wide):
        raise ValueError(f"nanvar: cannot compute the variance of complex numbers in {wide}")
    a = lax.convert_element_type(a, wide)
    middle = nanmean(a, axis, keepdims=True, where=where) if mean is None else as_array("nanvar", mean)
    gap = choose_where(isnan(a), wide.type(0), a - middle)
    squares = lax.real(lax.mul(gap, lax.conj(gap))) if dtypes.is_complex(wide) else lax.square(gap)
    number = reductions.sum(_valid(a, where), axis, keepdims=keepdims) - ddof
    total = reductions.sum(squares, axis, keepdims=keepdims, where=where)
    quotient = divide(total, choose_where(number > 0, number, 1))
    return lax.convert_element_type(choose_where(number > 0, quotient, np.nan), result)


@traced_once("a", "where", "mean")
def nanstd(
    a: ArrayLike,
    axis: Axis = None,
    dtype: Any = None,
    out: None = None,
    ddof: int = 0,
    keepdims: bool = False,
    where: ArrayLike | None = None,
    mean: ArrayLike | None = None,
) -> Array:
    """Standard deviation over axes of what is not NaN: the square root of `nanvar`."""
    return lax.sqrt(nanvar(a, axis, dtype, out, ddof, keepdims, where, mean))


def _nan_arg(
    name: str, reduce: Callable, outermost: float, a: ArrayLike, axis: int | None, keepdims: Any
) -> Array:
    a = as_array(name, a)
    if not dtypes.is_inexact(a.dtype):
        return arg_extreme(name, reduce, a, axis, keepdims)
    found = arg_extreme(name, reduce, _without_nan(name, a, outermost), axis, keepdims)
    axes = None if axis is None else canonical_axes(axis, a.ndim)
    return choose_where(reductions.all(isnan(a), axes, None, bool(keepdims)), found.dtype.type(-1), found)


@traced_once("a")
def nanargmax(a: ArrayLike, axis: int | None = None, out: None = None, keepdims: bool | None = None) -> Array:
    """Index of the first maximum of what is not NaN; -1 where all is NaN."""
    refuse_out("nanargmax", out)
    return _nan_arg("nanargmax", lax.argmax, -np.inf, a, axis, keepdims)


@traced_once("a")
def nanargmin(a: ArrayLike, axis: int | None = None, out: None = None, keepdims: bool | None = None) -> Array:
    """Index of the first minimum of what is not NaN; -1 where all is NaN."""
    refuse_out("nanargmin", out)
    return _nan_arg("nanargmin", lax.argmin, np.inf, a, axis, keepdims)
