"""x.at[index]: a new array where NumPy would change the old one.

    x.at[i].set(y)  add  subtract  multiply  divide  power  min  max  apply(f)  get()

`write` does it for all: an index of integers and slices is a window, written by update_slice and add_slice;
any other makes one scatter, in which slices with a step of one are windows, and other slices and arrays are
lists of places.  Places beyond an axis are dropped.  See `IndexUpdate` for the options.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from cujax import lax
from cujax.api.scatter_apply import apply_to_elements, scatter_apply
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.engine.ground.config import config
from cujax.engine.ops import axes as ax
from cujax.engine.ops.slice_updates import add_slice, read_window, update_slice
from cujax.numpy import arithmetic
from cujax.numpy.creation import asarray, ones_like
from cujax.numpy.index_expressions import Arrangement, Entry, Place, Range, arrange, parse
from cujax.numpy.indexing import Window, index_vectors, is_known, known_window, read, without_wrapping
from cujax.numpy.promotion import promote_dtypes

_WINDOW_UPDATES: dict[str, Callable] = {"mul": lax.mul, "min": lax.min, "max": lax.max}
_SCATTERS: dict[str, Callable] = {
    "set": lax.scatter, "add": lax.scatter_add, "sub": lax.scatter_sub, "mul": lax.scatter_mul,
    "min": lax.scatter_min, "max": lax.scatter_max,
}


class Options(NamedTuple):
    """The keyword arguments of the methods, see `IndexUpdate`."""

    indices_are_sorted: bool = False
    unique_indices: bool = False
    mode: Any = None
    wrap_negative_indices: bool = True

    @property
    def clips(self) -> bool:
        return self.mode is lax.GatherScatterMode.CLIP


def _read_options(**options: Any) -> Options:
    """ValueError for an unknown mode, TypeError for an unknown option."""
    found = Options(**options)
    return found._replace(mode=lax.GatherScatterMode.from_any(found.mode))


class IndexUpdateHelper:
    """`x.at`, to be indexed: `x.at[index]` is an `IndexUpdate`."""

    __slots__ = ("array",)

    def __init__(self, array: Array) -> None:
        self.array = array

    def __getitem__(self, index: Any) -> IndexUpdate:
        return IndexUpdate(self.array, index)

    def __repr__(self) -> str:
        return f"IndexUpdateHelper({self.array!r})"


class IndexUpdate:
    """`x.at[index]`: methods that return x with elements changed, for any index that x[index] takes.

    Options of all methods, by keyword:
    mode: what happens to places beyond an axis.  None, "drop", "fill" or "promise_in_bounds": they are not
        written; "clip": they are moved to its ends.  For `get` see there.
    indices_are_sorted, unique_indices: the caller's word that places are in order, that none is there twice.
    wrap_negative_indices: whether places below zero count from the end (default), or are beyond the axis.
    Values broadcast to the shape of x[index] and are converted to x's dtype, with a FutureWarning where that
    may lose something; the result has the dtype of x.  ValueError for values that do not broadcast.
    """

    __slots__ = ("array", "index")

    def __init__(self, array: Array, index: Any) -> None:
        self.array = array
        self.index = index

    def __repr__(self) -> str:
        return f"IndexUpdate({self.array!r}, {self.index!r})"

    def set(self, values: Any, **options: Any) -> Array:
        """x with `values` in place of x[index]; of several for one place the last."""
        return write("set", self.array, self.index, values, _read_options(**options))

    def add(self, values: Any, **options: Any) -> Array:
        """x with `values` added to x[index]; several for one place add up."""
        return write("add", self.array, self.index, values, _read_options(**options))

    def subtract(self, values: Any, **options: Any) -> Array:
        """x with `values` subtracted from x[index]."""
        return write("sub", self.array, self.index, values, _read_options(**options))

    def multiply(self, values: Any, **options: Any) -> Array:
        """x with x[index] multiplied by `values`; several for one place multiply."""
        return write("mul", self.array, self.index, values, _read_options(**options))

    mul = multiply

    def divide(self, values: Any, **options: Any) -> Array:
        """x with x[index] divided by `values`; true division, so integers become floats."""
        divisor = write("mul", ones_like(self.array), self.index, values, _read_options(**options))
        return arithmetic.divide(self.array, divisor)

    def power(self, values: Any, **options: Any) -> Array:
        """x with x[index] raised to the power of `values`."""
        exponent = write("mul", ones_like(self.array), self.index, values, _read_options(**options))
        return arithmetic.power(self.array, exponent)

    def min(self, values: Any, **options: Any) -> Array:
        """x with the smaller of x[index] and `values`, NaN if either is."""
        return write("min", self.array, self.index, values, _read_options(**options))

    def max(self, values: Any, **options: Any) -> Array:
        """x with the greater of x[index] and `values`, NaN if either is."""
        return write("max", self.array, self.index, values, _read_options(**options))

    def apply(self, func: Callable[[Any], Any], **options: Any) -> Array:
        """x with func(x[index]); `func` takes and returns a scalar of x's dtype.

        It is applied as often as a place stands in the index.  Reverse derivatives exist where no place can
        stand there twice.
        """
        return apply(func, self.array, self.index, _read_options(**options))

    def get(
        self, *, indices_are_sorted: bool = False, unique_indices: bool = False, mode: Any = None,
        fill_value: Any = None, wrap_negative_indices: bool = True,
    ) -> Array:
        """`x[index]`, with options.

        mode: None, "clip" or "promise_in_bounds": places beyond an axis are moved to its ends; "fill" or
        "drop": they read `fill_value`, by default NaN, the least signed or the greatest unsigned integer.
        ValueError for a fill_value that is not a scalar.
        """
        if fill_value is not None and np.ndim(fill_value) != 0:
            raise ValueError(f"x.at[...].get: fill_value must be a scalar, got shape {np.shape(fill_value)}")
        return read(
            self.array, self.index, indices_are_sorted=indices_are_sorted, unique_indices=unique_indices,
            mode=mode, fill_value=fill_value, wrap_negative_indices=wrap_negative_indices,
        )


def at(x: Array) -> IndexUpdateHelper:
    """What the property `at` of arrays returns."""
    return IndexUpdateHelper(x)


# --- writing ------------------------------------------------------------------------------------------


def write(kind: str, x: Array, index: Any, values: Any, options: Options) -> Array:
    """x with `values` combined into x[index] by `kind`: set, add, sub, mul, min or max."""
    entries, arrangement = _parsed(x, index, options)
    dtype, weak = x.dtype, x.weak_type
    x, values = _joined(kind, x, values)
    values = _broadcast(values, arrangement.shape)
    if arrangement.is_empty:
        out = x
    elif _all_known(entries):
        out = _write_window(kind, x, known_window(entries, x.shape), values, options)
    else:
        out = _write_scattered(kind, x, entries, arrangement, values, options)
    return lax.convert_element_type(out, dtype, weak)


def _parsed(x: Array, index: Any, options: Options) -> tuple[list[Entry], Arrangement]:
    entries = parse(index, x.shape)
    if not options.wrap_negative_indices:
        entries = without_wrapping(entries)
    return entries, arrange(entries)


def _all_known(entries: Sequence[Entry]) -> bool:
    return all(is_known(e) for e in entries if isinstance(e, Place))


def _joined(kind: str, x: Array, values: Any) -> tuple[Array, Any]:
    """x and the values in one dtype: what both promote to, but for `set`, which converts the values only."""
    if values is None or isinstance(values, list | tuple):
        values = asarray(values)
    if dtypes.is_key(x.dtype):
        if getattr(values, "dtype", None) != x.dtype:
            raise TypeError(f"x.at[...].{kind}: cannot write {values!r} to an array of {x.dtype}")
        return x, values
    wide, values = promote_dtypes(f"x.at[...].{kind}", x, values)
    if wide.dtype == x.dtype:
        return x, values
    warnings.warn(
        f"scatter inputs have incompatible types: cannot safely cast value from dtype={values.dtype} to "
        f"dtype={x.dtype} with jax_numpy_dtype_promotion={config.numpy_dtype_promotion}. In future this will "
        f"be an error: write x.astype('{wide.dtype}').at[...], or value.astype('{x.dtype}').",
        FutureWarning, stacklevel=4,
    )
    return (x, lax.convert_element_type(values, x.dtype)) if kind == "set" else (wide, values)


def _broadcast(values: Any, shape: tuple[int, ...]) -> Array:
    offset = len(shape) - values.ndim
    fits = offset >= 0 and all(n in (1, d) for n, d in zip(values.shape, shape[offset:], strict=True))
    if not fits:
        raise ValueError(
            f"x.at[index]: values of shape {values.shape} do not broadcast to the shape {shape} of x[index]"
        )
    return lax.broadcast_in_dim(values, shape, range(offset, len(shape)))


def _write_window(kind: str, x: Array, window: Window, values: Array, options: Options) -> Array:
    if window.outside and not options.clips:
        return x
    strides, shape = _strides_and_shape(window)
    values = lax.reshape(values, shape)
    if window.reverse:
        values = lax.rev(values, window.reverse)
    if kind in ("add", "sub"):
        return add_slice(x, values if kind == "add" else lax.neg(values), window.starts, strides)
    if kind != "set":
        values = _WINDOW_UPDATES[kind](read_window(x, window.starts, strides, shape), values)
    return update_slice(x, values, window.starts, strides)


def _strides_and_shape(window: Window) -> tuple[tuple[int, ...], tuple[int, ...]]:
    strides = window.strides or (1,) * len(window.starts)
    along = zip(window.starts, window.limits, strides, strict=True)
    return strides, tuple([-((start - limit) // stride) for start, limit, stride in along])


def apply(func: Callable[[Any], Any], x: Array, index: Any, options: Options) -> Array:
    """x with `func` applied at x[index]."""
    entries, arrangement = _parsed(x, index, options)
    if arrangement.is_empty:
        return x
    if not _all_known(entries):
        parts = _scattered(entries, arrangement, x.shape, options)
        return scatter_apply(
            x, parts.indices, func, parts.numbers, update_shape=_updates_shape(arrangement, parts),
            **parts.promises(options),
        )
    window = known_window(entries, x.shape)
    if window.outside and not options.clips:
        return x
    strides, shape = _strides_and_shape(window)
    new = apply_to_elements(func, read_window(x, window.starts, strides, shape))
    return update_slice(x, new, window.starts, strides)


# --- scatter ------------------------------------------------------------------------------------------


class Scattered(NamedTuple):
    """The parts of a scatter beside operand and updates.

    order: the axes of x[index], without those that the index added, in the order that updates have.
    reverse: those of them along which a slice goes down.
    """

    indices: Array
    numbers: Any
    unique: bool
    order: tuple[int, ...]
    reverse: tuple[int, ...]

    def promises(self, options: Options) -> dict[str, Any]:
        return {"mode": options.mode, "indices_are_sorted": options.indices_are_sorted,
                "unique_indices": self.unique}


def _write_scattered(
    kind: str, x: Array, entries: Sequence[Entry], arrangement: Arrangement, values: Array, options: Options
) -> Array:
    parts = _scattered(entries, arrangement, x.shape, options)
    values = lax.reshape(values, ax.remove_axes(values.shape, arrangement.new))
    if parts.reverse:
        values = lax.rev(values, parts.reverse)
    updates = lax.transpose(values, parts.order)
    return _SCATTERS[kind](x, parts.indices, updates, parts.numbers, **parts.promises(options))


def _updates_shape(arrangement: Arrangement, parts: Scattered) -> tuple[int, ...]:
    shape = ax.remove_axes(arrangement.shape, arrangement.new)
    return tuple([shape[a] for a in parts.order])


def _scattered(
    entries: Sequence[Entry], arrangement: Arrangement, shape: tuple[int, ...], options: Options
) -> Scattered:
    """Places are index vectors; so are ranges, but those with a step of one, which are windows."""
    along = [e for e in entries if isinstance(e, Range | Place)]
    ranges = {axis: e for axis, e in enumerate(along) if isinstance(e, Range)}
    lists = [axis for axis, e in ranges.items() if abs(e.step) != 1]
    windows = [axis for axis, e in ranges.items() if abs(e.step) == 1]
    started = {axis: _beside(e, len(lists)) for axis, e in enumerate(along) if isinstance(e, Place)}
    for k, axis in enumerate(lists):
        started[axis] = _list_of_places(ranges[axis], len(lists) - k - 1)
    for axis in windows:
        if ranges[axis].size != shape[axis]:
            started[axis] = Place(_lowest(ranges[axis]), shape[axis], False)
    batch = (*arrangement.batch, *(ranges[axis].size for axis in lists))
    numbers = lax.ScatterDimensionNumbers(
        tuple(range(len(batch), len(batch) + len(windows))), ax.other_axes(len(along), windows),
        tuple(started),
    )
    result_axes = dict(zip(ranges, _axes_of_ranges(len(ranges), arrangement), strict=True))
    batch_axes = range(arrangement.batch_at, arrangement.batch_at + len(arrangement.batch))
    return Scattered(
        index_vectors(list(started.values()), batch), numbers,
        unique=options.unique_indices or prod(arrangement.batch) <= 1,
        order=(*batch_axes, *(result_axes[axis] for axis in (*lists, *windows))),
        reverse=tuple([result_axes[axis] for axis, e in ranges.items() if e.step < 0]),
    )


def _axes_of_ranges(count: int, arrangement: Arrangement) -> list[int]:
    """The axis of each range in x[index], without the axes that the index added."""
    return [k if k < arrangement.batch_at else k + len(arrangement.batch) for k in range(count)]


def _lowest(entry: Range) -> int:
    return entry.start + min((entry.size - 1) * entry.step, 0) if entry.size else 0


def _list_of_places(entry: Range, count: int) -> Place:
    """The places of a range in ascending order, as an array with `count` more axes of length one."""
    places = _lowest(entry) + abs(entry.step) * np.arange(entry.size)
    return Place(places.reshape(-1, *[1] * count), 0, False)


def _beside(place: Place, count: int) -> Place:
    """A place whose array has `count` more axes of length one."""
    if not place.shape or not count:
        return place
    shape = (*place.shape, *[1] * count)
    if isinstance(place.indices, np.ndarray):
        return place._replace(indices=place.indices.reshape(shape))
    return place._replace(indices=lax.reshape(place.indices, shape))
