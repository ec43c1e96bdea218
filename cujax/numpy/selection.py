"""Choosing elements: `where`, the places of nonzero elements, take and put, and choices among arrays.

Indices below 0 count from the end.  Out of range, `take` and `take_along_axis` give NaN (the least value
of signed integers, the greatest of unsigned ones) and writes are dropped, unless `mode` says otherwise:
"clip" uses the nearest valid index, "wrap" counts round, "fill" gives `fill_value`.

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
from cujax.engine.core.array import Array
from cujax.engine.core.trace import Tracer
from cujax.engine.ground import dtypes
from cujax.engine.ground.errors import ConcretizationTypeError
from cujax.engine.ops.axes import canonical_axis
from cujax.numpy.creation import array, asarray
from cujax.numpy.cumulative import cumsum
from cujax.numpy.joining import concatenate
from cujax.numpy.logic import choose_where, truth
from cujax.numpy.promotion import ArrayLike, arrays_of, as_array, as_arrays, check_arraylike, promote_args
from cujax.numpy.reshaping import broadcast_arrays, broadcast_to, moveaxis, ravel

# --- where and nonzero ----------------------------------------------------------------------------------


def where(
    condition: ArrayLike, x: ArrayLike | None = None, y: ArrayLike | None = None, /, *, size: int | None = None,
    fill_value: Any = None,
) -> Any:
    """x where condition holds, y elsewhere, elementwise with broadcasting.

    With `condition` alone: `nonzero(condition)`.  TypeError when only one of x and y is given.
    """
    if x is None and y is None:
        return nonzero(condition, size=size, fill_value=fill_value)
    if x is None or y is None:
        raise TypeError("where: either both or neither of the x and y arguments should be given; one of them is None")
    if size is not None or fill_value is not None:
        raise ValueError("size and fill_value arguments cannot be used in three-term where function.")
    return choose_where(condition, x, y)


def known_values(name: str, x: Array, cure: str) -> np.ndarray:
    """The values of `x` on the host; ConcretizationTypeError, with the `cure`, where they are not known."""
    known = x.concrete() if isinstance(x, Tracer) else x
    if known is None:
        raise ConcretizationTypeError(
            f"{name}: the shape of the result depends on the values of an argument, a traced array of type "
            f"{x.aval.str_short()}. {x.origin()} {cure}"
        )
    return known.to_numpy()


GIVE_SIZE = "Give `size`, the number of elements of the result, so that its shape is known while tracing."


def nonzero(a: ArrayLike, *, size: int | None = None, fill_value: Any = None) -> tuple[Array, ...]:
    """Indices of the elements that are not 0, one array for each axis, in row-major order.

    ConcretizationTypeError for a traced array without `size`.  fill_value: a number, or one for each axis;
    0 by default.
    """
    a = as_array("nonzero", a)
    if a.ndim == 0:
        raise ValueError("Calling nonzero on 0d arrays is not allowed. Use jnp.atleast_1d(scalar).nonzero() instead.")
    if size is None:
        values = known_values("jnp.nonzero", a, GIVE_SIZE)
        return tuple(asarray(i.astype(dtypes.python_scalar_dtype(int))) for i in np.nonzero(values))
    size = operator.index(size)
    flat, is_found = _true_places(lax.reshape(truth("nonzero", a), (a.size,)), size)
    fills = tuple(fill_value) if isinstance(fill_value, tuple) else (0 if fill_value is None else fill_value,) * a.ndim
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


# --- take and put ---------------------------------------------------------------------------------------


def take(
    a: ArrayLike, indices: ArrayLike, axis: int | None = None, out: None = None, mode: str | None = None,
    unique_indices: bool = False, indices_are_sorted: bool = False, fill_value: Any = None,
) -> Array:
    """Slices of `a` at `indices` along `axis` (elements of the flattened array by default).

    The axes of `indices` stand where `axis` was.  mode: "fill" (default), "clip" or "wrap".
    NotImplementedError for mode "raise".
    """
    if out is not None:
        raise NotImplementedError("The 'out' argument to jnp.take is not supported")
    if mode == "raise":
        raise NotImplementedError("jnp.take: mode='raise' needs values; use 'fill', 'clip' or 'wrap'")
    a, indices = as_arrays("take", a, indices)
    if axis is None:
        a, axis = ravel(a), 0
    if not dtypes.is_integer(indices.dtype):
        raise ValueError(f"take: indices must have an integer type, got {indices.dtype}")
    axis = canonical_axis(axis, a.ndim)
    indices, mode = _wrapped(indices, a.shape[axis], mode)
    index = (slice(None),) * axis + (indices,)
    return a.at[index].get(
        mode=mode or "fill", fill_value=fill_value, unique_indices=unique_indices, indices_are_sorted=indices_are_sorted
    )


def _wrapped(indices: Array, length: int, mode: str | None) -> tuple[Array, str | None]:
    """Indices counted round under mode "wrap", and the mode that is left."""
    return (indices % max(length, 1), "clip") if mode == "wrap" else (indices, mode)


def _along_axis(name: str, arr: Array, indices: Array, axis: int) -> tuple:
    """The index that reads `arr` at `indices` along `axis` and at its own place along all other axes."""
    if not dtypes.is_integer(indices.dtype):
        raise TypeError(f"{name} indices must be of integer type, got {indices.dtype}")
    if indices.ndim != arr.ndim:
        raise ValueError(f"indices and arr must have the same number of dimensions; {indices.ndim} vs. {arr.ndim}")
    shape = list(np.broadcast_shapes(*(tuple(x.shape[:axis] + (1,) + x.shape[axis + 1 :]) for x in (arr, indices))))
    shape[axis] = indices.shape[axis]
    places = [
        lax.broadcasted_iota(np.int32, [d if j == i else 1 for j in range(arr.ndim)], i) if arr.shape[i] != 1
        else np.zeros((1,) * arr.ndim, np.int32)
        for i, d in enumerate(shape)
    ]
    places[axis] = broadcast_to(indices, shape)
    return tuple(places)


def take_along_axis(
    arr: ArrayLike, indices: ArrayLike, axis: int | None = -1, mode: Any = None, fill_value: Any = None, *,
    wrap_negative_indices: bool | None = None,
) -> Array:
    """For each place of `indices` the element of `arr` with that index along `axis`.

    arr and indices have as many axes and broadcast together along the others; None flattens `arr`.
    TypeError for indices that are no integers, ValueError for another number of axes.
    """
    arr, indices = as_arrays("take_along_axis", arr, indices)
    if axis is None:
        if indices.ndim != 1:
            raise ValueError(f"take_along_axis: with axis None indices must be 1D, got shape {indices.shape}")
        arr, axis = ravel(arr), 0
    axis = canonical_axis(axis, arr.ndim)
    if isinstance(mode, str):
        indices, mode = _wrapped(indices, arr.shape[axis], mode)
    index = _along_axis("take_along_axis", arr, indices, axis)
    return arr.at[index].get(mode=mode or "fill", fill_value=fill_value)


def put_along_axis(
    arr: ArrayLike, indices: ArrayLike, values: ArrayLike, axis: int | None, inplace: bool = True, *,
    mode: str | None = None,
) -> Array:
    """A copy of `arr` with `values` at `indices` along `axis`; inplace=False must be written."""
    if inplace:
        raise ValueError(
            "jnp.put_along_axis cannot change its argument: write arr = jnp.put_along_axis(..., inplace=False)"
        )
    arr, indices, values = as_arrays("put_along_axis", arr, indices, values)
    if axis is None:
        return lax.reshape(put_along_axis(ravel(arr), indices, values, 0, False, mode=mode), arr.shape)
    axis = canonical_axis(axis, arr.ndim)
    indices, mode = _wrapped(indices, arr.shape[axis], mode)
    return arr.at[_along_axis("put_along_axis", arr, indices, axis)].set(values, mode=mode)


def put(a: ArrayLike, ind: ArrayLike, v: ArrayLike, mode: str | None = None, *, inplace: bool = True) -> Array:
    """A copy of `a` with the values v, repeated as needed, at places `ind` of the flattened array."""
    if inplace:
        raise ValueError("jnp.put cannot change its argument: write a = jnp.put(a, ind, v, inplace=False)")
    a, ind, v = as_arrays("put", a, ind, v)
    if not a.size or not ind.size or not v.size:
        return a
    ind, v = ravel(ind), ravel(v)
    values = v[lax.rem(lax.iota(np.int32, ind.size), np.int32(v.size))]
    ind, mode = _wrapped(ind, a.size, mode)
    return lax.reshape(ravel(a).at[ind].set(values, mode=mode or "drop"), a.shape)


def place(arr: ArrayLike, mask: ArrayLike, vals: ArrayLike, *, inplace: bool = True) -> Array:
    """A copy of `arr` with the values `vals`, repeated as needed, one after the other where `mask` holds."""
    if inplace:
        raise ValueError("jnp.place cannot change its argument: write arr = jnp.place(arr, mask, vals, inplace=False)")
    arr, mask, vals = as_arrays("place", arr, truth("place", mask), vals)
    if arr.size != mask.size:
        raise ValueError("place: arr and mask must be the same size.")
    if not vals.size:
        raise ValueError("Cannot place values from an empty array")
    flat = ravel(mask)
    turn = (cumsum(flat, dtype=int) - 1) % vals.size
    chosen = lax.convert_element_type(ravel(vals)[turn], arr.dtype)
    return lax.reshape(choose_where(flat, chosen, ravel(arr)), arr.shape)


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
    number = a % len(options) if mode == "wrap" else lax.clamp(a.dtype.type(0), a, a.dtype.type(len(options) - 1))
    number, *cases = broadcast_arrays(number, *arrays_of(promote_args("choose", *options)))
    chosen = lax.select_n(lax.convert_element_type(number, np.int32), *cases)
    return lax.convert_element_type(chosen, chosen.dtype)


def piecewise(x: ArrayLike, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> Array:
    """Each element of x through the function, or replaced by the number, of the last condition that holds.

    One function more than conditions is the default, else 0.  Functions get all of x and `args`, `kw`.
    ValueError for another number of functions.
    """
    x = as_array("piecewise", x)
    conditions = condlist if isinstance(condlist, list | tuple) and np.ndim(condlist[0]) else (
        [condlist] if np.ndim(condlist) <= np.ndim(x) else list(condlist)
    )
    functions = list(funclist)
    if len(functions) not in (len(conditions), len(conditions) + 1):
        raise ValueError(
            f"with {len(conditions)} condition(s), either {len(conditions)} or {len(conditions) + 1} functions are "
            f"expected; got {len(functions)}"
        )
    default = functions.pop() if len(functions) > len(conditions) else 0
    result = _piece(default, x, args, kw)
    for condition, function in zip(conditions, functions, strict=True):
        result = choose_where(asarray(condition), _piece(function, x, args, kw), result)
    return result


def _piece(function: Any, x: Array, args: tuple, kw: dict[str, Any]) -> Array:
    value = function(x, *args, **kw) if callable(function) else function
    return broadcast_to(lax.convert_element_type(as_array("piecewise", value), x.dtype), x.shape)


def extract(condition: ArrayLike, arr: ArrayLike, *, size: int | None = None, fill_value: ArrayLike = 0) -> Array:
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
    condition, a, fill_value = as_arrays("compress", asarray(condition), a, fill_value)
    if condition.ndim != 1:
        raise ValueError("condition must be a 1D array")
    if axis is None:
        a, axis = ravel(a), 0
    a = moveaxis(a, axis, 0)
    mask = truth("compress", condition)[: a.shape[0]]
    if condition.shape[0] > a.shape[0]:
        a = concatenate([a, lax.broadcast_in_dim(a.dtype.type(0), (condition.shape[0] - a.shape[0], *a.shape[1:]), ())])
        mask = truth("compress", condition)
    if size is None:
        found = np.flatnonzero(known_values("jnp.compress", mask, GIVE_SIZE))
        return moveaxis(a[array(found, dtype=np.int32)], 0, axis)
    places, is_found = _true_places(mask, operator.index(size))
    chosen = a[places]
    is_found = lax.broadcast_in_dim(is_found, chosen.shape, (0,))
    return moveaxis(choose_where(is_found, chosen, lax.convert_element_type(fill_value, a.dtype)), 0, axis)


# --- numbers of places --------------------------------------------------------------------------------------


def unravel_index(indices: ArrayLike, shape: Any) -> tuple[Array, ...]:
    """Indices into the flattened array of `shape` as one array for each axis; out of range is clipped."""
    indices = as_array("unravel_index", indices)
    lengths = (shape,) if np.ndim(shape) == 0 else tuple(shape)
    size = prod(lengths)
    indices = lax.clamp(indices.dtype.type(0), choose_where(indices < 0, indices + size, indices),
                        indices.dtype.type(max(size - 1, 0)))
    found = []
    for length in reversed(lengths):
        found.append(indices % length)
        indices = indices // length
    return tuple(reversed(found))


def ravel_multi_index(
    multi_index: Sequence[ArrayLike], dims: Sequence[int], mode: str = "raise", order: str = "C", *, dtype: Any = None
) -> Array:
    """Indices into the flattened array of shape `dims`, from one array for each axis.

    mode: "wrap" or "clip" for indices out of range; "raise" needs known values and raises ValueError.
    """
    if len(multi_index) != len(dims):
        raise ValueError(f"len(multi_index)={len(multi_index)} does not equal len(dims)={len(dims)}")
    if order not in ("C", "F") or mode not in ("raise", "wrap", "clip"):
        raise ValueError(f"ravel_multi_index: order={order!r} must be 'C' or 'F', mode={mode!r} 'raise', 'wrap' or 'clip'")
    dtype = dtypes.canonicalize_user(int if dtype is None else dtype, "ravel_multi_index", stacklevel=4)
    result = asarray(0, dtype)
    pairs = list(zip(as_arrays("ravel_multi_index", *multi_index), dims, strict=True))
    for index, length in pairs if order == "C" else reversed(pairs):
        if not dtypes.is_integer(index.dtype):
            raise TypeError("only int indices permitted")
        result = result * length + lax.convert_element_type(_in_range(index, length, mode), dtype)
    return result


def _in_range(index: Array, length: int, mode: str) -> Array:
    if mode == "wrap":
        return index % length
    if mode == "clip":
        return lax.clamp(index.dtype.type(0), index, index.dtype.type(length - 1))
    values = known_values("jnp.ravel_multi_index", index, "Write mode='wrap' or mode='clip'.")
    if np.any((values < 0) | (values >= length)):
        raise ValueError("invalid entry in coordinates array: an index is outside its axis")
    return index
