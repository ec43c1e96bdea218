"""`pad` in all of NumPy's modes.

The modes that repeat elements (edge, reflect, symmetric, wrap) are slices of the array, some of them
reversed, put side by side; where the pieces come from is worked out by NumPy on the indices alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cujax import lax
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.numpy import moments, reductions
from cujax.numpy.creation import asarray
from cujax.numpy.grids import linspace
from cujax.numpy.mapping import apply_along_axis
from cujax.numpy.parts import round as round_to_even
from cujax.numpy.promotion import ArrayLike, as_array
from cujax.numpy.reshaping import broadcast_to
from cujax.numpy.statistics import median

Pairs = Sequence[tuple[Any, Any]]

_KEYWORDS = {
    "constant": {"constant_values"},
    "linear_ramp": {"end_values"},
    "maximum": {"stat_length"},
    "mean": {"stat_length"},
    "median": {"stat_length"},
    "minimum": {"stat_length"},
    "reflect": {"reflect_type"},
    "symmetric": {"reflect_type"},
    "edge": set(),
    "wrap": set(),
    "empty": set(),
}


def pad(array: ArrayLike, pad_width: Any, mode: str | Callable = "constant", **kwargs: Any) -> Array:
    """`array` with elements added before and after along each axis.

    pad_width: an integer, (before, after), or one such pair for each axis.
    mode, with its keywords: "constant" (constant_values), "edge", "linear_ramp" (end_values), "maximum",
    "mean", "median", "minimum" (stat_length), "reflect", "symmetric" (reflect_type "even" or "odd"),
    "wrap", "empty" (zeros), or a function as in NumPy that returns the padded row.
    ValueError for negative widths and unknown keywords, NotImplementedError for an unknown mode.
    """
    array = as_array("pad", array)
    widths = _pairs("pad_width", _integers("pad_width", pad_width), array.ndim)
    if any(w < 0 for pair in widths for w in pair):
        raise ValueError(f"jnp.pad: index can't contain negative values, got pad_width={pad_width}")
    if callable(mode):
        return _pad_by_function(array, widths, mode, kwargs)
    if mode not in _KEYWORDS:
        raise NotImplementedError(
            f"Unimplemented padding mode {mode!r} for jnp.pad; the modes are {list(_KEYWORDS)}"
        )
    unknown = set(kwargs) - _KEYWORDS[mode]
    if unknown:
        raise ValueError(f"unsupported keyword arguments for mode '{mode}': {unknown}")
    return _MODES[mode](array, widths, **kwargs)


def _integers(what: str, value: Any) -> np.ndarray:
    found = np.asarray(value)
    if found.dtype.kind not in "iu":
        raise TypeError(f"`{what}` must be of integral type, got {value!r}")
    return found


def _pairs(what: str, value: Any, ndim: int) -> list[tuple[Any, Any]]:
    """(before, after) for each axis, from a scalar, (both,), (before, after), or a list of those.

    The entries may be traced.
    """
    shape = np.shape(value) if not isinstance(value, list | tuple) else np.shape([np.shape(v) for v in value])
    rows = value if isinstance(value, list | tuple | np.ndarray | Array) else None
    if rows is None or np.ndim(value) == 0:
        return [(value, value)] * ndim
    if not any(np.ndim(v) or isinstance(v, list | tuple) for v in rows):
        pair = tuple(rows) * 2 if len(rows) == 1 else tuple(rows)
        if len(pair) == 2:
            return [pair] * ndim
    elif len(rows) in (1, ndim) and all(len(r) in (1, 2) for r in rows):
        pairs = [tuple(r) * 2 if len(r) == 1 else tuple(r) for r in rows]
        return pairs * ndim if len(rows) == 1 else pairs
    raise ValueError(
        f"jnp.pad: {what} with nd={ndim} has unsupported shape {np.shape(value) or shape}. "
        f"Valid shapes are ({ndim}, 2), (1, 2), (2,), (1,), or ()."
    )


def _along(axis: int, ndim: int, width: tuple[int, int]) -> list[tuple[int, int, int]]:
    return [(*width, 0) if i == axis else (0, 0, 0) for i in range(ndim)]


# --- constant -----------------------------------------------------------------------------------------


def _pad_constant(array: Array, widths: Pairs, constant_values: Any = 0) -> Array:
    if not isinstance(constant_values, list | tuple) and np.ndim(constant_values) == 0:
        value = lax.convert_element_type(asarray(constant_values), array.dtype)
        return lax.pad(array, value, [(low, high, 0) for low, high in widths])
    values = _pairs("constant_values", constant_values, array.ndim)
    for axis, ((low, high), (before, after)) in enumerate(zip(widths, values, strict=True)):
        before, after = (lax.convert_element_type(asarray(v), array.dtype) for v in (before, after))
        array = lax.pad(array, before, _along(axis, array.ndim, (low, 0)))
        array = lax.pad(array, after, _along(axis, array.ndim, (0, high)))
    return array


# --- repeated elements ----------------------------------------------------------------------------------


def _pad_repeated(mode: str) -> Callable:
    def pad_by_mode(array: Array, widths: Pairs, reflect_type: str = "even") -> Array:
        if reflect_type not in ("even", "odd"):
            raise ValueError(f"jnp.pad: reflect_type must be 'even' or 'odd', got {reflect_type!r}")
        for axis, width in enumerate(widths):
            if any(width):
                array = _extend(array, axis, width, mode, reflect_type == "odd")
        return array

    return pad_by_mode


def _extend(array: Array, axis: int, width: tuple[int, int], mode: str, odd: bool) -> Array:
    length = array.shape[axis]
    if not length:
        raise ValueError(f"Cannot apply '{mode}' padding to empty axis")
    if odd:
        return _extend_odd(array, axis, width, mode)
    source = np.pad(np.arange(length), width, mode=mode)  # type: ignore[call-overload]
    return lax.concatenate([_run(array, axis, first, last) for first, last in _runs(source)], axis)


def _runs(source: np.ndarray) -> list[tuple[int, int]]:
    """First and last of each stretch of indices that goes up, or down, by one; none crosses a turn."""
    head, *rest = source.tolist()
    runs = [(head, head)]
    for i in rest:
        first, last = runs[-1]
        if abs(i - last) == 1 and (first == last or (last > first) == (i > last)):
            runs[-1] = (first, i)
        else:
            runs.append((i, i))
    return runs


def _run(array: Array, axis: int, first: int, last: int) -> Array:
    low, high = min(first, last), max(first, last)
    piece = lax.slice_in_dim(array, low, high + 1, axis=axis)
    return piece if last >= first else lax.rev(piece, (axis,))


def _extend_odd(array: Array, axis: int, width: tuple[int, int], mode: str) -> Array:
    """Reflected through the end points, at most one array length at a time."""
    offset = 1 if mode == "reflect" else 0
    low, high = width
    if array.shape[axis] == 1 and mode == "reflect":
        return _extend(array, axis, width, "edge", False)
    while low or high:
        length = array.shape[axis]
        before, after = (min(w, length - offset) for w in (low, high))
        head = lax.rev(lax.slice_in_dim(array, offset, offset + before, axis=axis), (axis,))
        tail = lax.rev(lax.slice_in_dim(array, length - offset - after, length - offset, axis=axis), (axis,))
        first = lax.slice_in_dim(array, 0, 1, axis=axis)
        last = lax.slice_in_dim(array, length - 1, length, axis=axis)
        array = lax.concatenate([2 * first - head, array, 2 * last - tail], axis)
        low, high = low - before, high - after
    return array


# --- ramps and statistics -------------------------------------------------------------------------------


def _pad_ramp(array: Array, widths: Pairs, end_values: Any = 0) -> Array:
    ends = _pairs("end_values", end_values, array.ndim)
    for axis, (width, end) in enumerate(zip(widths, ends, strict=True)):
        length = array.shape[axis]
        edges = (
            lax.slice_in_dim(array, 0, 1, axis=axis),
            lax.slice_in_dim(array, length - 1, length, axis=axis),
        )
        head, tail = (_ramp(e, edge, w, axis) for e, edge, w in zip(end, edges, width, strict=True))
        array = lax.concatenate([head, array, lax.rev(tail, (axis,))], axis)
    return array


def _ramp(end: ArrayLike, edge: Array, num: int, axis: int) -> Array:
    """`num` numbers from `end` towards `edge`, which is left out."""
    start = lax.convert_element_type(asarray(end), edge.dtype)
    values = linspace(start, lax.squeeze(edge, (axis,)), num, endpoint=False, dtype=edge.dtype, axis=axis)
    return lax.convert_element_type(values, edge.dtype)


def _pad_statistic(statistic: Callable) -> Callable:
    def pad_by_statistic(array: Array, widths: Pairs, stat_length: Any = None) -> Array:
        lengths = _pairs("stat_length", stat_length, array.ndim)
        for axis, (width, stretch) in enumerate(zip(widths, lengths, strict=True)):
            array = _add_statistic(array, axis, width, stretch, statistic)
        return array

    return pad_by_statistic


def _add_statistic(
    array: Array, axis: int, width: tuple[int, int], stretch: tuple[Any, Any], statistic: Callable
) -> Array:
    length = array.shape[axis]
    before, after = (length if s is None else min(s, length) for s in stretch)
    if before == 0 or after == 0:
        raise ValueError("stat_length of 0 yields no value for padding")
    head = statistic(lax.slice_in_dim(array, 0, before, axis=axis), axis=axis, keepdims=True)
    tail = statistic(lax.slice_in_dim(array, length - after, length, axis=axis), axis=axis, keepdims=True)
    ends = []
    for value, w in zip((head, tail), width, strict=True):
        if dtypes.is_integer(array.dtype) and not dtypes.is_integer(value.dtype):
            value = round_to_even(value)
        shape = (*array.shape[:axis], w, *array.shape[axis + 1 :])
        ends.append(broadcast_to(lax.convert_element_type(value, array.dtype), shape))
    return lax.concatenate([ends[0], array, ends[1]], axis)


def _pad_by_function(array: Array, widths: Pairs, function: Callable, kwargs: dict[str, Any]) -> Array:
    padded = _pad_constant(array, widths)
    for axis in range(padded.ndim):
        padded = apply_along_axis(function, axis, padded, widths[axis], axis, kwargs)
    return padded


_MODES: dict[str, Callable] = {
    "constant": _pad_constant,
    "empty": _pad_constant,
    "edge": _pad_repeated("edge"),
    "reflect": _pad_repeated("reflect"),
    "symmetric": _pad_repeated("symmetric"),
    "wrap": _pad_repeated("wrap"),
    "linear_ramp": _pad_ramp,
    "maximum": _pad_statistic(reductions.max),
    "mean": _pad_statistic(moments.mean),
    "median": _pad_statistic(median),
    "minimum": _pad_statistic(reductions.min),
}
