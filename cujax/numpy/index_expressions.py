"""What stands between the brackets of x[...]: from Python's index to one entry for each axis.

    Range(start, size, step)      a slice, cut off at the ends of its axis; step may be negative
    Place(indices, length, wraps) an integer, or an array of integers, for an axis of `length`
    Flag(value)                   a boolean scalar: an axis of length one or zero that x does not have
    NEW                           None: an axis of length one
    GAP                           an Ellipsis that stands for no axis: what is beside it are no neighbours

Ranges and places take one axis of x each, in order.  A boolean mask becomes the places of its True
elements, which is possible only where its values are known.  `parse` does all this; `arrange` then says,
by NumPy's rules, where in the result the axes of the entries are.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from types import EllipsisType
from typing import Any, NamedTuple

import numpy as np

from cujax.engine.backends.select import selected
from cujax.engine.core.array import Array, ConcreteArray, to_array
from cujax.engine.core.trace import Tracer
from cujax.engine.ground import dtypes
from cujax.engine.ground.errors import NonConcreteBooleanIndexError, TracerIntegerConversionError
from cujax.numpy.creation import asarray


class Range(NamedTuple):
    """See the module's docstring."""

    start: int
    size: int
    step: int


class Place(NamedTuple):
    """`indices`: an int, a NumPy array, or an array; `wraps`: whether one below zero counts from the end."""

    indices: Any
    length: int
    wraps: bool = True

    @property
    def shape(self) -> tuple[int, ...]:
        return () if type(self.indices) is int else self.indices.shape


class Flag(NamedTuple):
    """See the module's docstring."""

    value: bool


NEW = None
GAP = Ellipsis
Entry = Range | Place | Flag | EllipsisType | None

_WHOLE = slice(None)


# --- parsing ------------------------------------------------------------------------------------------


def parse(index: Any, shape: tuple[int, ...]) -> list[Entry]:
    """The entries of an index of an array of `shape`.

    TypeError for lists, strings and indices that are not integers or booleans; IndexError for too many
    indices, for masks of another shape and for slices with traced bounds; NonConcreteBooleanIndexError for
    traced masks.
    """
    items = [_item(i) for i in _as_tuple(index)]
    entries: list[Entry] = []
    axis = 0
    for item in _without_ellipsis(items, len(shape)):
        taken = _axes_taken(item)
        entries += _entries(item, shape[axis : axis + taken], axis)
        axis += taken
    return entries


def _as_tuple(index: Any) -> tuple:
    if type(index) is tuple:
        return index
    if isinstance(index, str):
        raise _string_error(index)
    if isinstance(index, Sequence) and not isinstance(index, tuple):
        nested = any(isinstance(i, Sequence | slice) or i is None or i is Ellipsis for i in index)
        raise TypeError(
            "Using a non-tuple sequence for multidimensional indexing is not allowed; use "
            f"`arr[{'tuple' if nested else 'array'}(seq)]` instead of `arr[seq]`: a list may mean either."
            f" Got {index!r}; write "
            f"{'x[tuple(index)]' if nested else 'x[jnp.array(index)]'}."
        )
    return tuple(index) if isinstance(index, tuple) else (index,)


def _string_error(item: Any) -> TypeError:
    return TypeError(f"arrays do not support string indexing; got idx={item!r}")


def _item(item: Any) -> Any:
    """One index as None, Ellipsis, a slice, an int, a bool, or an array of integers or booleans."""
    if item is None or item is Ellipsis or type(item) is slice:
        return item
    if type(item) is bool or isinstance(item, np.bool_):
        return bool(item)
    if isinstance(item, int):
        value = int(item)
        dtypes.check_python_int(value, dtypes.python_scalar_dtype(int))
        return value
    if isinstance(item, str):
        raise _string_error(item)
    array = _array_of(item)
    if dtypes.is_bool(array.dtype):
        return _flag(array) if array.ndim == 0 else array
    if not dtypes.is_integer(array.dtype):
        raise TypeError(
            f"Indexer must have integer or boolean type, got indexer with type {array.dtype}; convert it "
            "first: index.astype(int)"
        )
    return int(array) if array.ndim == 0 and not isinstance(array, Array) else array


def _array_of(item: Any) -> Any:
    if isinstance(item, Array | np.ndarray | np.generic):
        return item
    if isinstance(item, float | complex):
        return np.asarray(item)
    if isinstance(item, list | tuple):
        array = asarray(item)
        return array if array.size else array.astype(dtypes.int32)
    if hasattr(item, "__jax_array__"):
        return item.__jax_array__()
    if hasattr(item, "__array__") or selected().owns(item):
        return to_array(item) if selected().owns(item) else np.asarray(item)
    if hasattr(item, "__index__"):
        return np.asarray(operator.index(item))
    raise IndexError(
        "only integers, slices (`:`), ellipsis (`...`), newaxis (`None`) and integer or boolean arrays are "
        f"valid indices. Got {item!r}"
    )


def _axes_taken(item: Any) -> int:
    if item is None or item is Ellipsis or type(item) is bool:
        return 0
    if type(item) is slice or type(item) is int or not dtypes.is_bool(item.dtype):
        return 1
    return item.ndim


def _without_ellipsis(items: list[Any], ndim: int) -> list[Any]:
    """The items with a full slice for each axis that they do not name; an Ellipsis stays where it stands for none."""
    missing = ndim - sum(map(_axes_taken, items))
    if missing < 0:
        raise IndexError(
            f"Too many indices: array is {ndim}-dimensional, but {ndim - missing} were indexed"
        )
    ellipses = [k for k, item in enumerate(items) if item is Ellipsis]
    if len(ellipses) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    if ellipses and not missing:
        return items
    at = ellipses[0] if ellipses else len(items)
    return items[:at] + [_WHOLE] * missing + items[at + 1 :]


def _entries(item: Any, lengths: tuple[int, ...], axis: int) -> list[Entry]:
    if item is None or item is Ellipsis:
        return [NEW if item is None else GAP]
    if type(item) is bool:
        return [Flag(item)]
    if type(item) is slice:
        return [_range(item, lengths[0], axis)]
    if type(item) is not int and dtypes.is_bool(item.dtype):
        return [Place(i, d, False) for i, d in zip(_nonzero(item, lengths, axis), lengths, strict=True)]
    place = Place(item, lengths[0])
    if place.shape == () and place.length == 0:
        raise IndexError(f"index is out of bounds for axis {axis} with size 0")
    return [place]


def _range(item: slice, length: int, axis: int) -> Range:
    try:
        start, stop, step = item.indices(length)
    except TracerIntegerConversionError:
        raise IndexError(
            f"Slice entries must be static integers. Got {item} at axis {axis}: the shape of the result "
            "would depend on a traced value. For a window of a fixed size at a traced place use "
            "lax.dynamic_slice_in_dim(x, start, size, axis), or lax.dynamic_update_slice_in_dim to write to "
            "it; for a part that varies, a mask: jnp.where(jnp.arange(n) < stop, x, 0)."
        ) from None
    return Range(start, len(range(start, stop, step)), step)


# --- booleans -----------------------------------------------------------------------------------------


def _known(mask: Any) -> Any:
    """The concrete array behind a boolean array; NonConcreteBooleanIndexError where it is traced."""
    found = mask.concrete() if isinstance(mask, Tracer) else mask
    if found is None:
        raise NonConcreteBooleanIndexError(
            f"Array boolean indices must be concrete; got {mask.aval.str_short()}: the number of selected "
            f"elements, and so the shape, depends on traced values. {mask.origin()}\n"
            "Keep the shape and choose with the mask: jnp.where(mask, x, 0) for x[mask] in a reduction, "
            "jnp.where(mask, y, x) for x.at[mask].set(y); or use jnp.nonzero(mask, size=n)."
        )
    return found


def _flag(mask: Any) -> bool:
    return bool(_known(mask))


def _nonzero(mask: Any, lengths: tuple[int, ...], axis: int) -> list[Any]:
    """The places of the True elements, an array for each axis of the mask."""
    if mask.shape != lengths:
        raise IndexError(
            f"boolean index did not match shape of indexed array in index {axis}: got {mask.shape}, "
            f"expected {list(lengths)}"
        )
    known = _known(mask)
    if isinstance(known, ConcreteArray):
        return [to_array(i) for i in selected().xp.nonzero(known.buffer)]
    return list(np.nonzero(known))


# --- arrangement --------------------------------------------------------------------------------------


class Arrangement(NamedTuple):
    """Where the axes of the result are.

    batch: the common shape of the places that are arrays (and of flags beside them); () for scalars only.
    batch_at: how many axes of ranges stand before the batch's.
    new: positions in the result of axes that neither a range nor the batch has.
    shape: the shape of the result; `is_empty` when a False makes one of the new axes have length zero.
    """

    batch: tuple[int, ...]
    batch_at: int
    new: tuple[int, ...]
    shape: tuple[int, ...]
    is_empty: bool


def arrange(entries: Sequence[Entry]) -> Arrangement:
    """NumPy's rules: arrays broadcast together; their axes stand where the arrays do, if those (integers
    among them) are neighbours, else in front.

    ValueError for arrays of shapes that do not broadcast.
    """
    has_arrays = any(isinstance(e, Place) and e.shape for e in entries)
    batch = _batch_shape(entries) if has_arrays else ()
    advanced = [k for k, e in enumerate(entries) if isinstance(e, Place | Flag)] if has_arrays else []
    neighbours = not advanced or advanced == list(range(advanced[0], advanced[-1] + 1))
    anchor = advanced[0] if advanced and neighbours else 0
    flags = [] if has_arrays else [e for e in entries if isinstance(e, Flag)]
    shape: list[int] = []
    new: list[int] = []
    batch_at = ranges = 0
    for k, entry in enumerate(entries):
        if k == anchor:
            batch_at = ranges
            shape += batch
        if isinstance(entry, Range):
            ranges += 1
            shape.append(entry.size)
        elif entry is NEW or (flags and entry is flags[0]):
            new.append(len(shape))
            shape.append(1 if entry is NEW or all(f.value for f in flags) else 0)
    return Arrangement(batch, batch_at, tuple(new), tuple(shape), not all(f.value for f in flags))


def _batch_shape(entries: Sequence[Entry]) -> tuple[int, ...]:
    advanced = [e for e in entries if isinstance(e, Place | Flag)]
    shapes = [e.shape if isinstance(e, Place) else (int(e.value),) for e in advanced]
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise ValueError(
            f"Incompatible shapes for broadcasting: index arrays are taken together, here of shapes {shapes}."
            " For all combinations use x[jnp.ix_(i, j)]."
        ) from None
