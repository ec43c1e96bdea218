"""Choosing elements: `where`, the places of nonzero elements, and choices among arrays.

Functions whose result has as many elements as something is true need known values, or `size`: then
the result has that length, cut short or filled up with `fill_value`.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from cujax import lax
from cujax.api.traced_once import traced_once
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.numpy.creation import array, asarray
from cujax.numpy.cumulative import cumsum
from cujax.numpy.logic import choose_where, truth
from cujax.numpy.promotion import (
    GIVE_SIZE,
    ArrayLike,
    arrays_of,
    as_array,
    as_arrays,
    as_numbers,
    broadcast_operands,
    check_arraylike,
    known_values,
    promote_dtypes,
)
from cujax.numpy.reshaping import broadcast_to, moveaxis, ravel

# --- where and nonzero ----------------------------------------------------------------------------------


@traced_once("condition", "x", "y")
def where(
    condition: ArrayLike,
    x: ArrayLike | None = None,
    y: ArrayLike | None = None,
    /,
    *,
    size: int | None = None,
    fill_value: Any = None,
) -> Any:
    """x where condition holds, y elsewhere, elementwise with broadcasting.

    With `condition` alone: `nonzero(condition)`.  TypeError when only one of x and y is given.
    """
    if x is None and y is None:
        return nonzero(condition, size=size, fill_value=fill_value)
    if x is None or y is None:
        raise TypeError(
            "where: either both or neither of the x and y arguments should be given; one of them is None"
        )
    if size is not None or fill_value is not None:
        raise ValueError("size and fill_value arguments cannot be used in three-term where function.")
    return choose_where(condition, x, y)


def nonzero(a: ArrayLike, *, size: int | None = None, fill_value: Any = None) -> tuple[Array, ...]:
    """Indices of the elements that are not 0, one array for each axis, in row-major order.

    ConcretizationTypeError for a traced array without `size`.  fill_value: a number, or one for each axis;
    0 by default.
    """
    a = as_numbers("nonzero", a)
    if a.ndim == 0:
        raise ValueError(
            "Calling nonzero on 0d arrays is not allowed. Use jnp.atleast_1d(scalar).nonzero() instead."
        )
    if size is None:
        values = known_values("jnp.nonzero", a, GIVE_SIZE)
        return tuple(asarray(i.astype(dtypes.python_scalar_dtype(int))) for i in np.nonzero(values))
    size = operator.index(size)
    flat, is_found = _true_places(lax.reshape(truth("nonzero", a), (a.size,)), size)
    fills = (
        tuple(fill_value)
        if isinstance(fill_value, tuple)
        else (0 if fill_value is None else fill_value,) * a.ndim
    )
    if len(fills) != a.ndim:
        raise ValueError(f"nonzero: {len(fills)} fill values for {a.ndim} axes")
    strides = [prod(a.shape[i + 1 :]) for i in range(a.ndim)]
    return tuple(
        choose_where(is_found, (flat // max(stride, 1)) % max(length, 1), lax.convert_element_type(
            as_array("nonzero", fill), flat.dtype))
        for stride, length, fill in zip(strides, a.shape, fills, strict=True)
    )


def _true_places(mask: Array, size: int) -> tuple[Array, Array]:
    """The first `size` places where the vector `mask` is true, and which of them there are.

    Each true element knows its place in the result: how many are true before it.
    """
    dtype = dtypes.python_scalar_dtype(int)
    counted = cumsum(mask, dtype=dtype)
    target = choose_where(mask, counted - 1, size)
    places = lax.broadcast_in_dim(dtype.type(0), (size,), ())
    places = places.at[target].set(lax.iota(dtype, mask.shape[0]), mode="drop")
    total = counted[-1] if mask.shape[0] else dtype.type(0)
    return places, lax.lt(lax.iota(dtype, size), total)


def flatnonzero(a: ArrayLike, *, size: int | None = None, fill_value: Any = None) -> Array:
    """Indices of the elements of the flattened array that are not 0; arguments as `nonzero`."""
    return nonzero(ravel(as_array("flatnonzero", a)), size=size, fill_value=fill_value)[0]


def argwhere(a: ArrayLike, *, size: int | None = None, fill_value: Any = None) -> Array:
    """Indices of the elements that are not 0, one row for each; arguments as `nonzero`."""
    a = as_array("argwhere", a)
    if a.ndim == 0:
        found = nonzero(lax.reshape(a, (1,)), size=size, fill_value=fill_value)[0]
        return lax.reshape(found, (found.shape[0], 1))[:, :0]
    columns = nonzero(a, size=size, fill_value=fill_value)
    return lax.concatenate([lax.expand_dims(c, (1,)) for c in columns], 1)


# --- choices among arrays ---------------------------------------------------------------------------------


def choose(a: ArrayLike, choices: Any, out: None = None, mode: str = "raise") -> Array:
    """At each place the element of choices[a]; a and the choices broadcast together.

    mode: "wrap" or "clip" for numbers out of range; "raise" needs known values and raises ValueError.
    """
    if out is not None:
        raise NotImplementedError("The 'out' argument to jnp.choose is not supported")
    check_arraylike("choose", a, *choices)
    a = as_array("choose", a)
    if not dtypes.is_integer(a.dtype):
        raise ValueError(f"`a` array must be integer typed, got {a.dtype}")
    options = list(choices)
    if mode == "raise":
        values = known_values("jnp.choose", a, "Write mode='wrap' or mode='clip'.")
        if np.any((values < 0) | (values >= len(options))):
            raise ValueError("invalid entry in choice array: numbers must be below the number of choices")
    elif mode not in ("wrap", "clip"):
        raise ValueError(f"mode={mode!r} not understood. Must be 'raise', 'wrap', or 'clip'")
    least, greatest = a.dtype.type(0), a.dtype.type(len(options) - 1)
    number = a % len(options) if mode == "wrap" else lax.clamp(least, a, greatest)
    number, *cases = broadcast_operands("choose", number, *arrays_of(promote_dtypes("choose", *options)))
    chosen = lax.select_n(lax.convert_element_type(number, np.int32), *cases)
    return lax.convert_element_type(chosen, chosen.dtype)


def piecewise(x: ArrayLike, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> Array:
    """Each element of x through the function, or replaced by the number, of the last condition that holds.

    One function more than conditions is the default, else 0.  Functions get all of x and `args`, `kw`.
    ValueError for another number of functions.
    """
    x = as_array("piecewise", x)
    is_list = (isinstance(condlist, list | tuple) and np.ndim(condlist[0])) or np.ndim(condlist) > x.ndim
    conditions = list(condlist) if is_list else [condlist]
    functions = list(funclist)
    if len(functions) not in (len(conditions), len(conditions) + 1):
        raise ValueError(
            f"with {len(conditions)} condition(s), as many functions are expected, or one more; "
            f"got {len(functions)}"
        )
    default = functions.pop() if len(functions) > len(conditions) else 0
    result = _piece(default, x, args, kw)
    for condition, function in zip(conditions, functions, strict=True):
        result = choose_where(asarray(condition), _piece(function, x, args, kw), result)
    return result


def _piece(function: Any, x: Array, args: tuple, kw: dict[str, Any]) -> Array:
    value = function(x, *args, **kw) if callable(function) else function
    return broadcast_to(lax.convert_element_type(as_array("piecewise", value), x.dtype), x.shape)


def extract(
    condition: ArrayLike, arr: ArrayLike, *, size: int | None = None, fill_value: ArrayLike = 0
) -> Array:
    """The elements of the flattened `arr` where the flattened condition holds."""
    return compress(ravel(as_array("extract", condition)), arr, size=size, fill_value=fill_value)


def compress(
    condition: ArrayLike, a: ArrayLike, axis: int | None = None, *, size: int | None = None,
    fill_value: ArrayLike = 0, out: None = None,
) -> Array:
    """The slices of `a` along `axis` for which the vector `condition` holds; None flattens `a`.

    ConcretizationTypeError for a traced condition without `size`.
    """
    if out is not None:
        raise NotImplementedError("The 'out' argument to jnp.compress is not supported.")
    condition, a, fill_value = as_arrays("compress", condition, a, fill_value)
    if condition.ndim != 1:
        raise ValueError("condition must be a 1D array")
    if axis is None:
        a, axis = ravel(a), 0
    a = moveaxis(a, axis, 0)
    mask = truth("compress", condition)
    if size is None:
        found = np.flatnonzero(known_values("jnp.compress", mask, GIVE_SIZE))
        if found.size and found[-1] >= a.shape[0]:
            raise ValueError(f"condition contains entries that are out of bounds for length {a.shape[0]}")
        return moveaxis(a[array(found, dtype=np.int32)], 0, axis)
    if not 0 <= operator.index(size) <= a.shape[0]:
        raise ValueError(f"size must lie between 0 and the length {a.shape[0]} of the axis, got {size}")
    places, is_found = _true_places(mask[: a.shape[0]], operator.index(size))
    chosen = a[places]
    is_found = lax.broadcast_in_dim(is_found, chosen.shape, (0,))
    return moveaxis(choose_where(is_found, chosen, lax.convert_element_type(fill_value, a.dtype)), 0, axis)
