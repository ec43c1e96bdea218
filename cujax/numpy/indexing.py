"""x[index], by NumPy's rules, as ops on arrays.

An index of integers and slices only is worked out once for each shape and kept as a `Window`: a slice, a
reversal, axes removed, axes added.  Traced integers make a dynamic_slice, arrays of integers a gather, both
after the slices beside them.  Places beyond an axis are moved to its ends, as in JAX; `x.at[index].get`
has other modes.

Start at `index_array`; what stands between the brackets is read in index_expressions.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from cujax import lax
from cujax.engine.core.array import Array, to_array
from cujax.engine.core.aval import ShapedArray
from cujax.engine.ground import dtypes
from cujax.engine.ops.axes import other_axes
from cujax.engine.ops.constants import full_of
from cujax.engine.ops.indexing import wrap_negative
from cujax.numpy.index_expressions import Arrangement, Entry, Place, Range, arrange, parse

_PLAN_LIMIT = 8192
_windows: dict[Any, Window] = {}


def index_array(x: Array, index: Any) -> Array:
    """`x[index]`.

    index: integers, slices, Ellipsis, None, booleans, arrays of integers or booleans, or a tuple of these.
    Integers may be traced; slice bounds and masks may not.  Places beyond an axis are moved to its ends.
    TypeError for lists, strings and floats; IndexError for too many indices or traced slice bounds;
    NonConcreteBooleanIndexError for a traced mask.
    """
    key = _static_key(index)
    if key is None:
        return read(x, index)
    window = _windows.get((x.aval.shape, key))
    if window is None:
        if len(_windows) >= _PLAN_LIMIT:
            _windows.clear()
        window = _windows[x.aval.shape, key] = known_window(parse(index, x.shape), x.shape)
    return window.read(x)


def _static_key(index: Any) -> tuple | None:
    """An index of Python ints, slices of them, None and Ellipsis as something that can be hashed."""
    key = []
    for item in index if type(index) is tuple else (index,):
        kind = type(item)
        if kind is int or item is None or item is Ellipsis:
            key.append(item)
        elif kind is slice:
            bounds = (item.start, item.stop, item.step)
            if not all(b is None or type(b) is int for b in bounds):
                return None
            key.append(bounds)
        else:
            return None
    return tuple(key)


# --- windows of known place ---------------------------------------------------------------------------


class Window(NamedTuple):
    """x[index] for integers and slices: `slice`, `rev`, `squeeze`, then `new` axes; None for no such step.

    `outside`: the index had an integer beyond its axis, which the slice has at the end of it.
    """

    starts: tuple[int, ...]
    limits: tuple[int, ...]
    strides: tuple[int, ...] | None
    is_whole: bool
    reverse: tuple[int, ...]
    removed: tuple[int, ...]
    arrangement: Arrangement
    outside: bool

    def read(self, x: Array) -> Array:
        x = self.slice(x)
        if self.removed:
            x = lax.squeeze_p.bind(x, dimensions=self.removed)
        return finish(x, self.arrangement)

    def slice(self, x: Array) -> Array:
        """The window with all axes of x, in the order of the index."""
        if not self.is_whole:
            bounds = {"start_indices": self.starts, "limit_indices": self.limits, "strides": self.strides}
            x = lax.slice_p.bind(x, **bounds)
        return lax.rev_p.bind(x, dimensions=self.reverse) if self.reverse else x


def finish(x: Array, arrangement: Arrangement) -> Array:
    """x with the axes that the index added: of length one, or zero for a False."""
    new, shape = arrangement.new, arrangement.shape
    if not new:
        return x
    return lax.broadcast_in_dim_p.bind(x, shape=shape, broadcast_dimensions=other_axes(len(shape), new))


def known_window(entries: Sequence[Entry], shape: tuple[int, ...]) -> Window:
    """The window of ranges and known integers; along other places the whole axis."""
    along = [_along(e, d) for e, d in zip(_with_axis(entries), shape, strict=True)]
    starts, limits, strides, reverse, inside = zip(*along, strict=True) if along else ((),) * 5
    return Window(
        starts, limits, None if all(k == 1 for k in strides) else strides,
        is_whole=all(a[:3] == (0, d, 1) for a, d in zip(along, shape, strict=True)),
        reverse=tuple(axis for axis, flag in enumerate(reverse) if flag),
        removed=tuple(axis for axis, e in enumerate(_with_axis(entries)) if isinstance(e, Place)),
        arrangement=arrange(entries), outside=not all(inside),
    )


def _with_axis(entries: Sequence[Entry]) -> list[Range | Place]:
    return [e for e in entries if isinstance(e, Range | Place)]


def _along(entry: Entry, length: int) -> tuple[int, int, int, bool, bool]:
    """Start, limit and stride along one axis; is it reversed; does it lie inside?"""
    if isinstance(entry, Range):
        start, size, step = entry
        if size == 0:
            return 0, 0, 1, False, True
        last = start + (size - 1) * step
        if size == 1:
            step = 1
        return min(start, last), max(start, last) + 1, abs(step), step < 0, True
    if isinstance(entry, Place) and is_known(entry):
        place = position(entry)
        inside = min(max(place, 0), length - 1)
        return inside, inside + 1, 1, False, inside == place
    return 0, length, 1, False, True


def is_known(place: Place) -> bool:
    return type(place.indices) is int


def position(place: Place) -> int:
    """A known integer, counted from the front."""
    return place.indices + place.length if place.indices < 0 and place.wraps else place.indices


# --- any index ----------------------------------------------------------------------------------------


def read(
    x: Array, index: Any, *, indices_are_sorted: bool = False, unique_indices: bool = False, mode: Any = None,
    fill_value: Any = None, wrap_negative_indices: bool = True,
) -> Array:
    """`x[index]` and `x.at[index].get(...)`: see there for the options."""
    entries = parse(index, x.shape)
    if not wrap_negative_indices:
        entries = without_wrapping(entries)
    window = known_window(entries, x.shape)
    fills = lax.GatherScatterMode.from_any(mode or "promise_in_bounds") is lax.GatherScatterMode.FILL_OR_DROP
    unknown = [axis for axis, e in enumerate(_with_axis(entries)) if isinstance(e, Place) and not is_known(e)]
    if not unknown and not (fills and window.outside):
        return window.read(x)
    if mode is None and all(not e.shape for e in entries if isinstance(e, Place)):
        return _read_scalar_places(window, entries, x)
    options = {"indices_are_sorted": indices_are_sorted, "unique_indices": unique_indices, "mode": mode,
               "fill_value": fill_value}
    if fills and window.outside:  # then known places take part, so that what is outside is filled
        unknown = list(window.removed)
        window = known_window([_hidden(e) for e in entries], x.shape)._replace(arrangement=window.arrangement)
    return _read_gathered(window, entries, unknown, x, options)


def without_wrapping(entries: Sequence[Entry]) -> list[Entry]:
    return [e._replace(wraps=False) if isinstance(e, Place) else e for e in entries]


def _hidden(entry: Entry) -> Entry:
    """A known place as an array of rank 0, which no window takes in."""
    if isinstance(entry, Place) and is_known(entry):
        return entry._replace(indices=np.asarray(entry.indices))
    return entry


def _read_scalar_places(window: Window, entries: Sequence[Entry], x: Array) -> Array:
    x = window.slice(x)
    sizes, starts, wraps = list(x.shape), [0] * x.ndim, [True] * x.ndim
    for axis, entry in enumerate(_with_axis(entries)):
        if isinstance(entry, Place) and not is_known(entry):
            sizes[axis], starts[axis], wraps[axis] = 1, entry.indices, entry.wraps
    x = lax.dynamic_slice(x, same_dtype(starts), sizes, allow_negative_indices=wraps)
    return finish(lax.squeeze(x, window.removed), window.arrangement)


def same_dtype(places: Sequence[Any]) -> list[Any]:
    """Integers and scalar arrays, the arrays with one dtype."""
    dtype = index_dtype([p.dtype for p in places if type(p) is not int])
    return [p if type(p) is int else as_index(p, dtype) for p in places]


def as_index(index: Any, dtype: Any) -> Array:
    index = index if isinstance(index, Array) else to_array(index)
    return index if index.dtype == dtype else lax.convert_element_type(index, dtype)


def index_dtype(found: Sequence[Any]) -> Any:
    """The dtype in which places of these dtypes stand side by side: their own if there is only one."""
    canonical = {dtypes.canonicalize(d) for d in found}
    if len(canonical) == 1:
        (only,) = canonical
        if only.itemsize >= 4:
            return only
    return dtypes.python_scalar_dtype(int)


def _read_gathered(
    window: Window, entries: Sequence[Entry], indexed: Sequence[int], x: Array, options: dict[str, Any]
) -> Array:
    """The window's slices, then one gather along the axes `indexed`."""
    arrangement = window.arrangement
    x = window.slice(x)
    places: list[Any] = _with_axis(entries)
    vectors = index_vectors([places[a] for a in indexed], arrangement.batch)
    batch = len(arrangement.batch)
    result = batch + x.ndim - len(window.removed)
    offset_dims = other_axes(result, range(arrangement.batch_at, arrangement.batch_at + batch))
    numbers = lax.GatherDimensionNumbers(offset_dims, window.removed, tuple(indexed))
    single = 0 if 0 in arrangement.batch else 1  # windows of one place do not fit into an axis without any
    sizes = [single if a in window.removed else d for a, d in enumerate(x.shape)]
    return finish(lax.gather(x, vectors, numbers, sizes, **options), arrangement)


# --- index vectors ------------------------------------------------------------------------------------


def index_vectors(places: Sequence[Place], batch: tuple[int, ...]) -> Array:
    """The index vectors of a gather or scatter, of shape (*batch, len(places)); negative places wrapped."""
    if all(isinstance(p.indices, int | np.ndarray) for p in places):
        return _known_vectors(places, batch)
    dtype = index_dtype([p.indices.dtype for p in places if type(p.indices) is not int])
    columns = [_column(p, batch, dtype) for p in places]
    return columns[0] if len(columns) == 1 else lax.concatenate(columns, len(batch))


def _known_vectors(places: Sequence[Place], batch: tuple[int, ...]) -> Array:
    """As `index_vectors`, made by NumPy: a constant."""
    columns = []
    for place in places:
        column = np.asarray(place.indices, np.int64)
        if place.wraps:
            column = np.where(column < 0, column + place.length, column)
        columns.append(np.broadcast_to(column, batch))
    return to_array(np.stack(columns, -1) if columns else np.zeros((*batch, 0), np.int64))


def _column(place: Place, batch: tuple[int, ...], dtype: Any) -> Any:
    shape = (*batch, 1)
    if type(place.indices) is int:
        return full_of(ShapedArray(shape, dtype), position(place))
    index = as_index(place.indices, dtype)
    if place.wraps:
        index = wrap_negative(index, place.length)
    return lax.broadcast_in_dim(index, shape, range(len(batch) - index.ndim, len(batch)))
