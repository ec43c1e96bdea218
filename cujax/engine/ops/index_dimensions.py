"""How lists of places address windows of an operand: the dimension numbers of gather and scatter.

A gather reads, a scatter writes, one window for each index vector.  The last axis of `indices` holds the
vectors; its other axes are the batch.  Of the operand's axes

    start_index_map        those that the components of a vector start the window along
    collapsed_slice_dims   those along which the window has one element and the result no axis
    operand_batching_dims  those that go with the batch axes start_indices_batching_dims, element by element

and `offset_dims` are the axes of the result (for a scatter: of the updates) that run inside a window; the
others are the batch.  A scatter has the same under the names update_window_dims, inserted_window_dims,
scatter_dims_to_operand_dims and scatter_indices_batching_dims; `as_gather` translates, so that everything
below is written once.  The semantics are those of XLA's Gather and Scatter
(openxla.org/xla/operation_semantics).
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any, NamedTuple

from cujax.engine.core.aval import ShapedArray
from cujax.engine.ground import dtypes
from cujax.engine.ops import axes as ax


class GatherDimensionNumbers(NamedTuple):
    """See the module's docstring."""

    offset_dims: tuple[int, ...]
    collapsed_slice_dims: tuple[int, ...]
    start_index_map: tuple[int, ...]
    operand_batching_dims: tuple[int, ...] = ()
    start_indices_batching_dims: tuple[int, ...] = ()


class ScatterDimensionNumbers(NamedTuple):
    """See the module's docstring."""

    update_window_dims: Sequence[int]
    inserted_window_dims: Sequence[int]
    scatter_dims_to_operand_dims: Sequence[int]
    operand_batching_dims: Sequence[int] = ()
    scatter_indices_batching_dims: Sequence[int] = ()


class GatherScatterMode(enum.Enum):
    """What happens to a window that is not inside the operand.

    CLIP moves it inside.  FILL_OR_DROP reads a fill value for all of it, or writes nothing of it.
    PROMISE_IN_BOUNDS is the caller's word that there is none; as XLA does on the CPU, reads are clipped
    and writes dropped.
    """

    CLIP = 1
    FILL_OR_DROP = 2
    PROMISE_IN_BOUNDS = 3

    @staticmethod
    def from_any(mode: Any) -> GatherScatterMode:
        """The mode of that name: clip, fill, drop, promise_in_bounds; None means FILL_OR_DROP.

        ValueError for another string, TypeError for anything else.
        """
        if isinstance(mode, GatherScatterMode):
            return mode
        if mode is not None and not isinstance(mode, str):
            raise TypeError(f"a mode is a string or a GatherScatterMode, got {mode!r}")
        if mode not in _MODES:
            raise ValueError(f'Unknown gather mode "{mode}"; there are clip, fill, drop, promise_in_bounds')
        return _MODES[mode]


_MODES = {
    None: GatherScatterMode.FILL_OR_DROP,
    "fill": GatherScatterMode.FILL_OR_DROP,
    "drop": GatherScatterMode.FILL_OR_DROP,
    "clip": GatherScatterMode.CLIP,
    "promise_in_bounds": GatherScatterMode.PROMISE_IN_BOUNDS,
}


def gather_numbers(numbers: Any) -> GatherDimensionNumbers:
    """`numbers` with tuples of Python ints, as params must be."""
    return GatherDimensionNumbers(*[tuple([int(d) for d in dims]) for dims in numbers])


def scatter_numbers(numbers: Any) -> ScatterDimensionNumbers:
    return ScatterDimensionNumbers(*[tuple([int(d) for d in dims]) for dims in numbers])


def as_gather(numbers: ScatterDimensionNumbers) -> GatherDimensionNumbers:
    """The gather that reads the windows that a scatter writes."""
    return GatherDimensionNumbers(*map(tuple, numbers))


def as_scatter(numbers: GatherDimensionNumbers) -> ScatterDimensionNumbers:
    """The scatter that writes the windows that a gather reads."""
    return ScatterDimensionNumbers(*numbers)


def window_axes(ndim: int, numbers: GatherDimensionNumbers) -> tuple[int, ...]:
    """The operand's axes that have an axis in the result: those of the window."""
    return ax.other_axes(ndim, (*numbers.collapsed_slice_dims, *numbers.operand_batching_dims))


def window_sizes(operand: Any, updates: Any, numbers: ScatterDimensionNumbers) -> tuple[int, ...]:
    """The size of a scatter's window along each axis of the operand: what `slice_sizes` is to a gather."""
    sizes = [1] * operand.ndim
    axes = window_axes(operand.ndim, as_gather(numbers))
    for axis, dim in zip(axes, numbers.update_window_dims, strict=True):
        sizes[axis] = updates.shape[dim]
    return tuple(sizes)


def windows_are_unique(indices: ShapedArray, numbers: ScatterDimensionNumbers) -> bool:
    """True when there is at most one window for each element of the batching axes: none can overlap."""
    batch = range(indices.ndim - 1)
    return all(indices.shape[d] <= 1 for d in batch if d not in numbers.scatter_indices_batching_dims)


def overlapping_dims(operand: Any, updates: Any, numbers: ScatterDimensionNumbers) -> tuple[int, ...]:
    """The axes of the updates along which windows that start at different places may overlap in part."""
    axes = zip(window_axes(operand.ndim, as_gather(numbers)), numbers.update_window_dims, strict=True)
    return tuple([
        dim for axis, dim in axes
        if axis in numbers.scatter_dims_to_operand_dims and 1 < updates.shape[dim] < operand.shape[axis]
    ])


def with_leading_axis(numbers: Any, offset: bool, indices: bool) -> Any:
    """The dimension numbers once operand and result (the updates) have a new axis 0.

    `offset`: the axis lies inside the window.  `indices`: the indices have the axis too, and go with the
    operand element by element.
    """
    offset_dims, collapsed, index_map, batching, index_batching = numbers
    offset_dims, collapsed = _up(offset_dims), _up(collapsed)
    index_map, batching = _up(index_map), _up(batching)
    if offset:
        offset_dims = (0, *offset_dims)
    if indices:
        batching, index_batching = (0, *batching), (0, *_up(index_batching))
    return type(numbers)(offset_dims, collapsed, index_map, batching, index_batching)


def with_more_indices(numbers: GatherDimensionNumbers) -> GatherDimensionNumbers:
    """The dimension numbers once indices and result have a new axis 0 and the operand has not."""
    return numbers._replace(
        offset_dims=_up(numbers.offset_dims),
        start_indices_batching_dims=_up(numbers.start_indices_batching_dims),
    )


def _up(dims: Sequence[int]) -> tuple[int, ...]:
    return tuple([d + 1 for d in dims])


# --- checks -------------------------------------------------------------------------------------------


def gather_shape(
    operand: ShapedArray, indices: ShapedArray, numbers: GatherDimensionNumbers, slice_sizes: tuple[int, ...]
) -> tuple[int, ...]:
    """The shape of a gather's result; TypeError (ValueError for indices of another type) for bad numbers."""
    _check_numbers("gather", operand, indices, numbers)
    _check_sizes(operand, numbers, slice_sizes)
    rank = indices.ndim - 1 + len(numbers.offset_dims)
    if any(not 0 <= d < rank for d in numbers.offset_dims):
        raise TypeError(f"gather: offset_dims {numbers.offset_dims} must be axes of a result of rank {rank}")
    window = iter([slice_sizes[a] for a in window_axes(operand.ndim, numbers)])
    batch = iter(indices.shape[:-1])
    return tuple([next(window) if d in numbers.offset_dims else next(batch) for d in range(rank)])


def check_scatter(
    name: str, operand: ShapedArray, indices: ShapedArray, updates: ShapedArray,
    numbers: ScatterDimensionNumbers,
) -> None:
    """TypeError (ValueError for indices of another type) unless updates and numbers fit the operand."""
    if operand.dtype != updates.dtype:
        raise TypeError(
            f"lax.{name} requires operand and updates to have the same dtypes, got {operand.dtype}, "
            f"{updates.dtype}. x.at[...] converts the updates."
        )
    _check_numbers(name, operand, indices, as_gather(numbers))
    rank = indices.ndim - 1 + len(numbers.update_window_dims)
    if updates.ndim != rank:
        raise TypeError(f"{name}: with these dimension numbers updates have rank {rank}, got {updates.ndim}")
    if any(not 0 <= d < rank for d in numbers.update_window_dims):
        raise TypeError(f"{name}: update_window_dims must be axes of the updates, got {numbers}")
    batch = ax.remove_axes(updates.shape, numbers.update_window_dims)
    if batch != indices.shape[:-1]:
        raise TypeError(
            f"{name}: updates of shape {updates.shape} have batch shape {batch} beside update_window_dims "
            f"{numbers.update_window_dims}, but indices of shape {indices.shape} have {indices.shape[:-1]}"
        )
    sizes = window_sizes(operand, updates, numbers)
    for axis in window_axes(operand.ndim, as_gather(numbers)):
        if sizes[axis] > operand.shape[axis]:
            raise TypeError(
                f"{name}: a window of size {sizes[axis]} along axis {axis} of an operand of shape "
                f"{operand.shape} is larger than the operand; updates have shape {updates.shape}"
            )


def _check_numbers(
    name: str, operand: ShapedArray, indices: ShapedArray, numbers: GatherDimensionNumbers
) -> None:
    if not dtypes.is_integer(indices.dtype):
        raise ValueError(f"{name}: indices must have an integer type, got {indices.dtype}")
    if indices.ndim == 0:
        raise TypeError(f"{name}: indices need a last axis that holds the index vectors; got a scalar")
    _check_axes(name, operand, indices, numbers)
    window = operand.ndim - len(numbers.collapsed_slice_dims) - len(numbers.operand_batching_dims)
    if len(numbers.offset_dims) != window:
        raise TypeError(
            f"{name}: every axis of the operand runs inside the window, is collapsed (inserted) or batching; "
            f"got {numbers} for an operand of rank {operand.ndim}"
        )
    if len(numbers.start_index_map) != indices.shape[-1]:
        raise TypeError(
            f"{name}: index vectors of {indices.shape[-1]} components cannot start the "
            f"{len(numbers.start_index_map)} axes {numbers.start_index_map}"
        )
    mine = [operand.shape[d] for d in numbers.operand_batching_dims]
    theirs = [indices.shape[d] for d in numbers.start_indices_batching_dims]
    if mine != theirs:
        raise TypeError(f"{name}: batching axes have lengths {mine} in the operand, {theirs} in the indices")


def _check_axes(
    name: str, operand: ShapedArray, indices: ShapedArray, numbers: GatherDimensionNumbers
) -> None:
    rules = (
        ("offset (window) axes", numbers.offset_dims, None, True),
        ("collapsed (inserted) axes", numbers.collapsed_slice_dims, operand.ndim, True),
        ("start_index_map", numbers.start_index_map, operand.ndim, False),
        ("operand_batching_dims", numbers.operand_batching_dims, operand.ndim, True),
        ("batching axes of the indices", numbers.start_indices_batching_dims, indices.ndim - 1, False),
    )
    for what, dims, rank, is_sorted in rules:
        if is_sorted and list(dims) != sorted(dims):
            raise TypeError(f"{name}: {what} must be sorted; got {dims}")
        if len(set(dims)) != len(dims):
            raise TypeError(f"{name}: {what} must not repeat; got {dims}")
        if rank is not None and any(not 0 <= d < rank for d in dims):
            raise TypeError(f"{name}: {what} must be in [0, {rank}); got {dims}")
    batching = set(numbers.operand_batching_dims)
    if batching & {*numbers.collapsed_slice_dims, *numbers.start_index_map}:
        raise TypeError(f"{name}: an operand_batching_dim is neither collapsed nor started; got {numbers}")


def _check_sizes(
    operand: ShapedArray, numbers: GatherDimensionNumbers, slice_sizes: tuple[int, ...]
) -> None:
    if len(slice_sizes) != operand.ndim:
        raise TypeError(f"gather needs a slice size for each axis of {operand.shape}; got {slice_sizes}")
    for axis, (size, length) in enumerate(zip(slice_sizes, operand.shape, strict=True)):
        if not 0 <= size <= length:
            raise TypeError(
                f"gather: slice size {size} along axis {axis} must be within [0, {length}], the axis's length"
            )
    for axis in (*numbers.collapsed_slice_dims, *numbers.operand_batching_dims):
        if slice_sizes[axis] > 1:
            raise TypeError(f"gather: collapsed or batching axis {axis} has slice size {slice_sizes[axis]}")
