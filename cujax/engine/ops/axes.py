"""Integer arithmetic on axis tuples and shapes.  No ops here, and no arrays.

Batch rules are written with it: an op on one element sees axes 0..n-1, the same op on a batch sees one
axis more at position `dim`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import index
from typing import Any

from cujax.engine.ground.error_names import called_by_user


def lengths_of(shape: Any) -> tuple[int, ...]:
    """The lengths in `shape`: an integer, or integers in a list, an array or an object of another kind that has a
    length and elements by number, such as a shape of TensorFlow.  TypeError for anything else.
    """
    if isinstance(shape, tuple | list):
        return tuple(map(index, shape))
    try:
        return (index(shape),)
    except TypeError:
        if isinstance(shape, Mapping) or not (hasattr(shape, "__len__") and hasattr(shape, "__getitem__")):
            raise
    return tuple(map(index, shape))


def canonical_axis(axis: Any, ndim: int, name: str = "axis") -> int:
    """`axis` counted from the front; ValueError when an array with `ndim` axes has no such axis."""
    position = index(axis)
    if not -ndim <= position < ndim:
        where = called_by_user("")
        raise ValueError(f"{where and where + ': '}{name} {position} is out of bounds for array of dimension {ndim}")
    return position + ndim if position < 0 else position


def canonical_axes(axes: Any, ndim: int, name: str = "axis") -> tuple[int, ...]:
    """A tuple of axes counted from the front: from None (all), one integer, or a sequence without repeats."""
    if axes is None:
        return tuple(range(ndim))
    if not isinstance(axes, Iterable) or (hasattr(axes, "ndim") and axes.ndim == 0):
        return (canonical_axis(axes, ndim, name),)
    result = tuple(canonical_axis(a, ndim, name) for a in axes)
    if len(set(result)) != len(result):
        raise ValueError(f"duplicate value in '{name}': {tuple(axes)}")
    return result


def broadcast_shapes(*shapes: Sequence[int]) -> tuple[int, ...]:
    """The shape to which arrays of all `shapes` broadcast: axes are aligned from the last one.

    ValueError where two lengths of one axis differ and neither is 1.
    """
    result = [1] * max(map(len, shapes), default=0)
    for shape in shapes:
        for axis, length in enumerate(shape, len(result) - len(shape)):
            if result[axis] == 1:
                result[axis] = index(length)
            elif length not in (1, result[axis]):
                raise ValueError(
                    f"Incompatible shapes for broadcasting: shapes={[tuple(s) for s in shapes]}. Axes are aligned "
                    "from the last one, and must agree or have length 1."
                )
    return tuple(result)


def remove_axes(shape: Sequence[Any], axes: Iterable[int]) -> tuple[Any, ...]:
    """`shape` without `axes`."""
    gone = set(axes)
    return tuple(d for i, d in enumerate(shape) if i not in gone)


def insert_axis(shape: Sequence[Any], position: int, item: Any) -> tuple[Any, ...]:
    """`shape` with `item` at `position`."""
    return (*shape[:position], item, *shape[position:])


def other_axes(ndim: int, axes: Iterable[int]) -> tuple[int, ...]:
    """The axes below `ndim` that are not in `axes`."""
    return remove_axes(range(ndim), axes)


def shift_axis(axis: int, dim: int) -> int:
    """Where `axis` of an element is in a batch with its batch axis at `dim`."""
    return axis + (axis >= dim)


def shift_axes(axes: Iterable[int], dim: int) -> tuple[int, ...]:
    return tuple(shift_axis(a, dim) for a in axes)


def dim_after_removing(dim: int, removed: Iterable[int]) -> int:
    """Where a batch axis at `dim` is once the batch's axes `removed` are gone."""
    return dim - sum(a < dim for a in removed)


def moved_axes(ndim: int, source: int, target: int) -> tuple[int, ...]:
    """The permutation that takes axis `source` to `target` and keeps the order of the others."""
    return insert_axis(other_axes(ndim, (source,)), target, source)


def inverse_permutation(permutation: Sequence[int]) -> tuple[int, ...]:
    inverse = [0] * len(permutation)
    for position, axis in enumerate(permutation):
        inverse[axis] = position
    return tuple(inverse)


def unravel(number: Any, shape: Sequence[int]) -> tuple[Any, ...]:
    """The index of the element at row-major place `number`, an integer or what computes like one."""
    index: list[Any] = []
    for length in reversed(shape[1:]):
        index.append(number % length)
        number = number // length
    return (number, *reversed(index)) if shape else ()
