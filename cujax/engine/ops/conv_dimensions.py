"""Shapes of convolutions: which axis is which, padding, and how often a window fits.  Integers only.

Dimension numbers say which axis of lhs, rhs and the result is batch ("N"), feature ("C", or "O" and "I" in
rhs) and spatial.  A user writes a triple of strings, such as ("NHWC", "HWIO", "NHWC"); the engine keeps
`ConvDimensionNumbers`, whose specs list the axes in one order: batch, feature, then the spatial axes in the
order in which rhs names them (out-feature, in-feature, spatial for rhs).

Along one axis, in the order in which they are applied: *dilation* by f puts f - 1 gaps between elements,
*padding* (low, high) adds gaps at the ends (or, negative, takes elements away), and the *window* of a length
moves by the stride.  `dilate`, `count_windows` and `pads_of_transpose` are this arithmetic, shared with
`reduce_window`.

Start reading at `conv_dimension_numbers`, then `padtype_to_pads`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

Shape = tuple[int, ...]
Pads = tuple[tuple[int, int], ...]


# --- dimension numbers ----------------------------------------------------------------------------------


class ConvDimensionNumbers(NamedTuple):
    """The axes of each array: (batch, feature, *spatial), for rhs (out-feature, in-feature, *spatial)."""

    lhs_spec: Shape
    rhs_spec: Shape
    out_spec: Shape


ConvGeneralDilatedDimensionNumbers = None | ConvDimensionNumbers | tuple[str, str, str]

_LETTERS = (("N", "C"), ("O", "I"), ("N", "C"))
_ARRAYS = ("lhs", "rhs", "the result")


def conv_dimension_numbers(
    lhs_shape: Shape, rhs_shape: Shape, dimension_numbers: Any
) -> ConvDimensionNumbers:
    """`dimension_numbers` as axes, for arrays of these shapes; None means batch, feature, spatial ("NCHW").

    TypeError when the ranks differ, or a string does not name each dimension once.
    """
    if isinstance(dimension_numbers, ConvDimensionNumbers):
        return dimension_numbers
    rank = len(lhs_shape)
    if rank != len(rhs_shape):
        raise TypeError(
            f"convolution requires lhs and rhs of the same rank, got lhs of shape {tuple(lhs_shape)} (rank "
            f"{rank}) and rhs of shape {tuple(rhs_shape)} (rank {len(rhs_shape)})"
        )
    if dimension_numbers is None:
        return ConvDimensionNumbers(*[tuple(range(rank))] * 3)
    return ConvDimensionNumbers(*_specs(dimension_numbers, rank))


def conv_general_permutations(dimension_numbers: Sequence[str]) -> tuple[Shape, Shape, Shape]:
    """The permutations that bring lhs, rhs and the result to ("NCHW", "OIHW", "NCHW").

    TypeError when a string does not name each dimension once.
    """
    lhs, rhs, out = _specs(dimension_numbers, None)
    return lhs, rhs, out


def _specs(names: Any, rank: int | None) -> list[Shape]:
    if not isinstance(names, (tuple, list)):
        raise TypeError(f"convolution dimension_numbers must be a tuple or None, got {type(names)}")
    if len(names) != 3 or not all(isinstance(n, str) for n in names):
        raise TypeError(
            f"convolution dimension_numbers must be three strings, for lhs, rhs and the result, such as "
            f"('NHWC', 'HWIO', 'NHWC'); got {names}"
        )
    for i in range(3):
        _check_names(i, names[i], rank)
    spatial = [set(n) - set(letters) for n, letters in zip(names, _LETTERS, strict=True)]
    if spatial[0] != spatial[1] or spatial[0] != spatial[2]:
        raise TypeError(
            "convolution dimension_numbers must name the same spatial dimensions for lhs, rhs and result; "
            "got " + ", ".join(f"{sorted(s)} in {n!r}" for s, n in zip(spatial, names, strict=True))
        )
    order = [c for c in names[1] if c not in "OI"]
    return [_spec(n, letters, order) for n, letters in zip(names, _LETTERS, strict=True)]


def _check_names(position: int, name: str, rank: int | None) -> None:
    where = f"convolution dimension_numbers[{position}], for {_ARRAYS[position]},"
    first, second = _LETTERS[position]
    if name.count(first) != 1 or name.count(second) != 1:
        raise TypeError(f"{where} must contain {first!r} and {second!r} exactly once, got {name!r}")
    if len(set(name)) != len(name):
        raise TypeError(f"{where} must not name a dimension twice, got {name!r}")
    if rank is not None and len(name) != rank:
        raise TypeError(
            f"{where} must have one letter for each axis; got {len(name)} letters in {name!r}, and arrays of "
            f"rank {rank}"
        )


def _spec(name: str, letters: tuple[str, str], spatial: list[str]) -> Shape:
    return tuple(name.index(c) for c in (*letters, *spatial))


# --- windows along an axis ------------------------------------------------------------------------------


def dilate(length: int, factor: int) -> int:
    """`length` elements with `factor - 1` gaps between neighbours."""
    return length and (length - 1) * factor + 1


def count_windows(length: int, window: int, stride: int) -> int:
    """How many places a window has in `length` elements."""
    return max((length - window) // stride + 1, 0)


def pads_of_transpose(
    lengths: Shape, dilation: Shape, windows: Shape, window_dilation: Shape, places: Shape, strides: Shape,
    padding: Pads,
) -> Pads:
    """The padding with which windows over the cotangent, dilated by `strides`, lead back to `lengths` elements.

    The other arguments describe the windows that are transposed; `places` is how many there were.  Windows of
    the cotangent start where element 0 meets the last element of a window, and move by `dilation`.
    """
    pads = []
    for i, (low, _) in enumerate(padding):
        reach = dilate(windows[i], window_dilation[i]) - 1
        needed = dilate(lengths[i], dilation[i]) + reach - dilate(places[i], strides[i])
        pads.append((reach - low, needed - (reach - low)))
    return tuple(pads)


def padding_pairs(padding: Any) -> Pads:
    """`padding` as pairs of ints; ValueError for anything else."""
    try:
        return tuple([(low.__index__(), high.__index__()) for low, high in padding])
    except (TypeError, ValueError):
        raise ValueError(
            f"padding must be 'SAME', 'SAME_LOWER', 'VALID' or a (low, high) pair of integers for each "
            f"spatial axis, got {padding!r}"
        ) from None


def padtype_to_pads(
    in_shape: Sequence[int], window_shape: Sequence[int], window_strides: Sequence[int], padding: str
) -> list[tuple[int, int]]:
    """The (low, high) padding along each axis that "SAME", "SAME_LOWER" or "VALID" stands for.

    "SAME" makes as many windows as there are steps of the stride, and puts an odd element at the end;
    "SAME_LOWER" puts it at the start.  A dilated window counts with its gaps.  RuntimeError for another
    word, TypeError for what is not a word.
    """
    if not isinstance(padding, str):
        raise TypeError(f"padding must be 'SAME', 'SAME_LOWER' or 'VALID' here, got {padding!r}")
    word = padding.upper()
    if word not in ("SAME", "SAME_LOWER", "VALID"):
        raise RuntimeError(
            f"unknown padding {padding!r}: write 'SAME', 'SAME_LOWER', 'VALID' or a (low, high) pair for "
            f"each spatial axis"
        )
    if word == "VALID":
        return [(0, 0)] * len(in_shape)
    pads = []
    for length, window, stride in zip(in_shape, window_shape, window_strides, strict=True):
        total = max((-(-length // stride) - 1) * stride + window - length, 0)
        pads.append((total // 2, total - total // 2))
    return [(high, low) for low, high in pads] if word == "SAME_LOWER" else pads


def transposed_pads(window: int, stride: int, padding: Any) -> tuple[int, int]:
    """The padding of a convolution over an input dilated by `stride`.

    With it the shapes of a convolution with that stride and "SAME" or "VALID" padding are undone.
    """
    if padding == "SAME":
        total = window + stride - 2
        low = window - 1 if stride > window - 1 else -(-total // 2)
    else:
        total = window + stride - 2 + max(window - stride, 0)
        low = window - 1
    return low, total - low


# --- shapes of results ----------------------------------------------------------------------------------


def conv_shape_tuple(
    lhs_shape: Shape, rhs_shape: Shape, strides: Sequence[int], pads: Any, batch_group_count: int = 1
) -> Shape:
    """The shape of the convolution of "NCHW" by "OIHW"; `pads` are pairs or a word.

    TypeError for a wrong number of pads, ValueError when more is cut off than there is.
    """
    if isinstance(pads, str):
        pads = padtype_to_pads(lhs_shape[2:], rhs_shape[2:], strides, pads)
    if len(pads) != len(lhs_shape) - 2:
        raise TypeError(
            f"convolution padding needs a (low, high) pair for each of the {len(lhs_shape) - 2} spatial "
            f"axes, got {len(pads)} pairs: {tuple(pads)}"
        )
    lengths = [d + low + high for d, (low, high) in zip(lhs_shape[2:], pads, strict=True)]
    if min(lengths, default=0) < 0:
        raise ValueError(
            f"negative padding {tuple(pads)} cuts off more than there is: the spatial axes of lhs have "
            f"lengths {tuple(lhs_shape[2:])}, gaps of a dilation included"
        )
    places = map(count_windows, lengths, rhs_shape[2:], strides)
    return (lhs_shape[0] // batch_group_count, rhs_shape[0], *places)


def conv_general_shape_tuple(
    lhs_shape: Shape, rhs_shape: Shape, window_strides: Sequence[int], padding: Any, dimension_numbers: Any
) -> Shape:
    """The shape of a convolution with any dimension numbers.  Errors as `conv_shape_tuple`."""
    lhs, rhs, out = conv_dimension_numbers(lhs_shape, rhs_shape, dimension_numbers)
    found = conv_shape_tuple(take(lhs_shape, lhs), take(rhs_shape, rhs), window_strides, padding)
    return place(found, out)


def conv_transpose_shape_tuple(
    lhs_shape: Shape, rhs_shape: Shape, window_strides: Sequence[int], padding: Any, dimension_numbers: Any
) -> Shape:
    """The shape of `conv_transpose`.  Errors as `conv_shape_tuple`."""
    lhs, rhs, out = conv_dimension_numbers(lhs_shape, rhs_shape, dimension_numbers)
    batch, feature, *lengths = take(lhs_shape, lhs)
    windows = take(rhs_shape, rhs)
    if isinstance(padding, str):
        padding = [transposed_pads(k, s, padding) for k, s in zip(windows[2:], window_strides, strict=True)]
    dilated = map(dilate, lengths, window_strides)
    found = conv_shape_tuple((batch, feature, *dilated), windows, (1,) * len(lengths), padding)
    return place(found, out)


def take(shape: Sequence[Any], axes: Sequence[int]) -> tuple:
    """The entries of `shape` at `axes`."""
    return tuple([shape[a] for a in axes])


def place(entries: Sequence[Any], axes: Sequence[int]) -> tuple:
    """The inverse of `take`: entry i goes to position `axes[i]`."""
    result = [None] * len(axes)
    for axis, entry in zip(axes, entries, strict=True):
        result[axis] = entry
    return tuple(result)
