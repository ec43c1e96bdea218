"""Reductions over axes: sum, prod, max, min, all, any, argmax and their relations.

axis: None (all axes), an integer or a tuple of them.  keepdims: reduced axes stay, with length 1.
where: a boolean array that broadcasts; only elements where it holds count.  initial: a value put before
the elements.  Half-precision numbers are summed in float32; small integers are summed, and multiplied, in
the default integer dtype.  `out` must be None, since arrays are immutable.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import ml_dtypes
import numpy as np

from cujax import lax
from cujax.api.traced_once import traced_once
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.engine.ops.axes import canonical_axes, canonical_axis
from cujax.numpy.logic import choose_where, truth
from cujax.numpy.promotion import ArrayLike, as_array, as_numbers, check_arraylike

Axis: TypeAlias = int | Sequence[int] | None


def refuse_out(name: str, out: Any) -> None:
    """NotImplementedError unless `out` is None."""
    if out is not None:
        raise NotImplementedError(f"The 'out' argument to jnp.{name} is not supported: arrays are immutable")


def keep_axes(result: Array, axes: Sequence[int], keepdims: bool) -> Array:
    """`result` with the reduced `axes` back in place, at length 1, if `keepdims`."""
    return lax.expand_dims(result, tuple(axes)) if keepdims and axes else result


def _masked(name: str, a: Array, where: ArrayLike | None, neutral: Any) -> Array:
    """`a`, with `neutral` where `where` is false."""
    if where is None:
        return a
    return choose_where(truth(name, where), a, a.dtype.type(neutral))


def _reduce(
    name: str, reduce: Callable, a: Array, axis: Axis, keepdims: bool, initial: ArrayLike | None,
    where: ArrayLike | None, neutral: Any, combine: Callable,
) -> Array:
    axes = canonical_axes(axis, a.ndim)
    result = keep_axes(reduce(_masked(name, a, where, neutral), axes), axes, keepdims)
    if initial is None:
        return result
    start = as_array(name, initial)
    if start.ndim:
        raise ValueError(f"{name}: initial must be a scalar, got shape {start.shape}")
    return combine(result, lax.convert_element_type(start, result.dtype))


# --- sum and prod ---------------------------------------------------------------------------------------


def _summand(name: str, a: ArrayLike, dtype: Any, promote_integers: bool) -> Array:
    """`a` in the dtype in which it is summed."""
    a = as_numbers(name, a)
    if dtype is not None:
        dtype = dtypes.canonicalize_user(dtype, name)
        if dtypes.is_complex(a.dtype) and dtypes.is_bool(dtype):
            return lax.ne(a, 0)
        return lax.convert_element_type(a, dtype)
    wide = sum_dtype(a.dtype) if promote_integers or dtypes.is_bool(a.dtype) else a.dtype
    return lax.convert_element_type(a, wide)


def sum_dtype(dtype: Any) -> Any:
    """The dtype in which `dtype` is summed: integers and booleans in the default width at least."""
    default = dtypes.python_scalar_dtype(int)
    if dtypes.is_bool(dtype):
        return default
    if dtypes.is_integer(dtype) and dtype.itemsize < default.itemsize:
        return default if dtypes.is_signed(dtype) else np.dtype(f"u{default.name}")
    return dtype


def _add(a: Array, axes: tuple[int, ...]) -> Array:
    return lax.reduce_or(a, axes) if dtypes.is_bool(a.dtype) else lax.reduce_sum(a, axes)


def _multiply(a: Array, axes: tuple[int, ...]) -> Array:
    return lax.reduce_and(a, axes) if dtypes.is_bool(a.dtype) else lax.reduce_prod(a, axes)


def _or_add(x: Array, y: Array) -> Array:
    return lax.bitwise_or(x, y) if dtypes.is_bool(x.dtype) else lax.add(x, y)


def _and_mul(x: Array, y: Array) -> Array:
    return lax.bitwise_and(x, y) if dtypes.is_bool(x.dtype) else lax.mul(x, y)


def sum(
    a: ArrayLike, axis: Axis = None, dtype: Any = None, out: None = None, keepdims: bool = False,
    initial: ArrayLike | None = None, where: ArrayLike | None = None, promote_integers: bool = True,
) -> Array:
    """Sum over axes.  promote_integers=False keeps the dtype of small integers."""
    refuse_out("sum", out)
    a = _summand("sum", a, dtype, promote_integers)
    return _reduce("sum", _add, a, axis, keepdims, initial, where, 0, _or_add)


def prod(
    a: ArrayLike, axis: Axis = None, dtype: Any = None, out: None = None, keepdims: bool = False,
    initial: ArrayLike | None = None, where: ArrayLike | None = None, promote_integers: bool = True,
) -> Array:
    """Product over axes.  promote_integers=False keeps the dtype of small integers."""
    refuse_out("prod", out)
    a = _summand("prod", a, dtype, promote_integers)
    return _reduce("prod", _multiply, a, axis, keepdims, initial, where, 1, _and_mul)


# --- max, min, all, any -----------------------------------------------------------------------------------


def least(dtype: Any) -> Any:
    """The least value of a dtype: -inf, the smallest integer, or False."""
    if dtypes.is_bool(dtype):
        return False
    return ml_dtypes.iinfo(dtype).min if dtypes.is_integer(dtype) else -np.inf


def greatest(dtype: Any) -> Any:
    """The greatest value of a dtype: inf, the largest integer, or True."""
    if dtypes.is_bool(dtype):
        return True
    return ml_dtypes.iinfo(dtype).max if dtypes.is_integer(dtype) else np.inf


def _extreme(
    name: str, reduce: Callable, a: ArrayLike, axis: Axis, keepdims: bool, initial: ArrayLike | None,
    where: ArrayLike | None, neutral: Callable, combine: Callable,
) -> Array:
    a = as_array(name, a)
    if where is not None:
        check_arraylike(name, a, where)
    if where is not None and initial is None:
        raise ValueError(
            f"reduction operation {name} does not have an identity, so to use a where mask one has "
            "to specify 'initial'"
        )
    if initial is None and 0 in [a.shape[i] for i in canonical_axes(axis, a.ndim)]:
        raise ValueError(
            f"zero-size array to reduction operation {name} which has no identity: give 'initial'"
        )
    return _reduce(name, reduce, a, axis, keepdims, initial, where, neutral(a.dtype), combine)


def max(
    a: ArrayLike, axis: Axis = None, out: None = None, keepdims: bool = False,
    initial: ArrayLike | None = None, where: ArrayLike | None = None,
) -> Array:
    """Maximum over axes; NaN where there is one.  ValueError for no elements without `initial`."""
    refuse_out("max", out)
    return _extreme("max", lax.reduce_max, a, axis, keepdims, initial, where, least, lax.max)


def min(
    a: ArrayLike, axis: Axis = None, out: None = None, keepdims: bool = False,
    initial: ArrayLike | None = None, where: ArrayLike | None = None,
) -> Array:
    """Minimum over axes; NaN where there is one.  ValueError for no elements without `initial`."""
    refuse_out("min", out)
    return _extreme("min", lax.reduce_min, a, axis, keepdims, initial, where, greatest, lax.min)


amax, amin = max, min


@traced_once("a")
def ptp(a: ArrayLike, axis: Axis = None, out: None = None, keepdims: bool = False) -> Array:
    """Maximum minus minimum over axes."""
    refuse_out("ptp", out)
    a = as_array("ptp", a)
    return lax.sub(max(a, axis, keepdims=keepdims), min(a, axis, keepdims=keepdims))


def all(
    a: ArrayLike, axis: Axis = None, out: None = None, keepdims: bool = False, *, where: Any = None
) -> Array:
    """Whether all elements over axes differ from 0; true of none."""
    refuse_out("all", out)
    return _reduce("all", lax.reduce_and, truth("all", a), axis, keepdims, None, where, True, lax.bitwise_and)


def any(
    a: ArrayLike, axis: Axis = None, out: None = None, keepdims: bool = False, *, where: Any = None
) -> Array:
    """Whether any element over axes differs from 0; false of none."""
    refuse_out("any", out)
    return _reduce("any", lax.reduce_or, truth("any", a), axis, keepdims, None, where, False, lax.bitwise_or)


def count_nonzero(a: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Array:
    """How many elements over axes differ from 0."""
    counted = lax.convert_element_type(truth("count_nonzero", a), dtypes.python_scalar_dtype(int))
    return sum(counted, axis, keepdims=keepdims)


# --- argmax, argmin -------------------------------------------------------------------------------------


def arg_extreme(name: str, reduce: Callable, a: ArrayLike, axis: int | None, keepdims: bool | None) -> Array:
    """Index of an extreme along `axis`, or in the flattened array."""
    a = as_array(name, a)
    flat = lax.reshape(a, (a.size,)) if axis is None else a
    position = 0 if axis is None else canonical_axis(axis, a.ndim)
    if flat.shape[position] == 0:
        raise ValueError(f"attempt to get {name} of an empty sequence")
    result = reduce(flat, position, dtypes.python_scalar_dtype(int))
    if not keepdims:
        return result
    return lax.expand_dims(result, range(a.ndim) if axis is None else (position,))


def argmax(a: ArrayLike, axis: int | None = None, out: None = None, keepdims: bool | None = None) -> Array:
    """Index of the first maximum, or the first NaN, along `axis` or in the flattened array."""
    refuse_out("argmax", out)
    return arg_extreme("argmax", lax.argmax, a, axis, keepdims)


def argmin(a: ArrayLike, axis: int | None = None, out: None = None, keepdims: bool | None = None) -> Array:
    """Index of the first minimum, or the first NaN, along `axis` or in the flattened array."""
    refuse_out("argmin", out)
    return arg_extreme("argmin", lax.argmin, a, axis, keepdims)
