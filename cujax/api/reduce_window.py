"""`reduce_window`: the elements of each window of an array, combined by any associative function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cujax.api.reduce import reduce
from cujax.engine.control.staging import flatten_operands, stage
from cujax.engine.core.array import ConcreteArray
from cujax.engine.core.primitive import Primitive
from cujax.engine.core.trace import aval_of
from cujax.engine.ground import pytree
from cujax.engine.ops.conv_dimensions import Pads, Shape, dilate, padding_pairs, padtype_to_pads
from cujax.engine.ops.families import operands as as_operands
from cujax.engine.ops.indexing import index_take
from cujax.engine.ops.monoids import Monoid, monoid_of
from cujax.engine.ops.reductions import reduce_max, reduce_min
from cujax.engine.ops.slicing import pad
from cujax.engine.ops.structural import ndim_of, reduce_sum, shape_of
from cujax.engine.ops.window_passes import Window
from cujax.engine.ops.windowed import (
    reduce_window_max_p,
    reduce_window_min_p,
    reduce_window_shape,
    reduce_window_sum_p,
)

_WINDOWED: dict[Callable, Primitive] = {
    reduce_sum: reduce_window_sum_p, reduce_max: reduce_window_max_p, reduce_min: reduce_window_min_p
}


def reduce_window(
    operand: Any,
    init_value: Any,
    computation: Callable,
    window_dimensions: Sequence[int],
    window_strides: Sequence[int] | None = None,
    padding: str | Sequence[tuple[int, int]] = "VALID",
    base_dilation: Sequence[int] | None = None,
    window_dilation: Sequence[int] | None = None,
) -> Any:
    """The elements of each window of `operand` and the scalar `init_value`, combined.

    operand: array, or pytree of arrays of one shape; init_value: scalar, or pytree of scalars of the same
    structure and dtypes.  `computation(a, b)` combines two scalars, or two pytrees of scalars; it is taken to
    be associative and commutative.  Windows have the shape `window_dimensions` and move by `window_strides`
    (1); `padding` is "SAME", "SAME_LOWER", "VALID" or a (low, high) pair for each axis, and pads with
    `init_value`; the dilations put gaps between elements of the operand and of windows.  Result: one element
    for each place of the window.

    Sums and extrema are one op, which is differentiable any number of times; other functions combine windows
    that are gathered first.  TypeError for window parameters that do not fit, initial values that are not
    scalars or have other dtypes.
    """
    leaves, tree = flatten_operands("reduce_window", computation, operand)
    inits, init_tree = pytree.flatten(init_value)
    if init_tree != tree:
        raise ValueError(f"reduce_window: operand and init_value must be alike, got {tree} and {init_tree}")
    inits = [_initial_value(x, init) for x, init in zip(leaves, inits, strict=True)]
    shapes = [shape_of(x) for x in leaves]
    if len(set(shapes)) != 1:
        raise ValueError(f"reduce_window: operands must have one shape, got {shapes}")
    window = _window(shapes[0], window_dimensions, window_strides, padding, base_dilation, window_dilation)
    monoid = _monoid(computation, leaves)
    if monoid is not None:
        return pytree.unflatten(tree, [_by_monoid(monoid, leaves[0], inits[0], window)])
    gathered = [_gather_windows(x, init, window) for x, init in zip(leaves, inits, strict=True)]
    axes = range(1, 2 * len(shapes[0]), 2)
    return reduce(pytree.unflatten(tree, gathered), pytree.unflatten(tree, inits), computation, axes)


def _initial_value(x: Any, init: Any) -> Any:
    """`init` as an operand, a Python number in the dtype of the array that it begins."""
    value = as_operands(x, init)[1]
    if shape_of(value):
        raise TypeError(f"reduce_window expected a scalar as init_value, got one of shape {shape_of(value)}")
    if aval_of(value).dtype != aval_of(x).dtype:
        raise TypeError(
            f"reduce_window needs init_value in the dtype of its operand, got {aval_of(value).dtype} and "
            f"{aval_of(x).dtype}"
        )
    return value


def _window(
    shape: Shape, lengths: Any, strides: Any, padding: Any, base_dilation: Any, dilation: Any
) -> Window:
    """The checked window of an operand of `shape`."""
    ones = (1,) * len(shape)
    entries = [ones if e is None else _ints(e) for e in (lengths, strides, base_dilation, dilation)]
    window = Window(entries[0], entries[1], ((0, 0),) * len(shape), entries[2], entries[3])
    reduce_window_shape(shape, window)
    spans = tuple(map(dilate, window.window_dimensions, window.window_dilation))
    if isinstance(padding, str):
        dilated = tuple(map(dilate, shape, window.base_dilation))
        padding = padtype_to_pads(dilated, spans, window.window_strides, padding)
    window = window._replace(padding=padding_pairs(padding))
    reduce_window_shape(shape, window)
    return window


def _ints(entries: Sequence[Any]) -> Shape:
    return tuple([e.__index__() for e in entries])


def _monoid(computation: Callable, leaves: Sequence[Any]) -> Monoid | None:
    """What the computation of one operand does, when it is a known operation."""
    if len(leaves) != 1:
        return None
    aval = aval_of(leaves[0]).update(shape=(), weak_type=False)
    staged = stage("reduce_window", computation, pytree.structure((aval, aval)), (aval, aval))
    return None if staged.consts else monoid_of(staged.tape)


def _by_monoid(monoid: Monoid, x: Any, init: Any, window: Window) -> Any:
    """Windows reduced by one op; what the padding holds does not count."""
    primitive, identity = _WINDOWED.get(monoid.reduce), monoid.identity(aval_of(x).dtype)
    if primitive is not None:
        total = primitive.bind(x, **window._asdict())
    else:
        total = monoid.reduce(_gather_windows(x, identity, window), tuple(range(1, 2 * ndim_of(x), 2)))
    return total if _is_known(init, identity) else monoid.combine(init, total)


def _is_known(init: Any, identity: Any) -> bool:
    """Whether `init` is a known number, equal to `identity`."""
    value = init.to_numpy() if isinstance(init, ConcreteArray) else getattr(init, "val", init)
    return isinstance(value, (np.ndarray, np.generic)) and bool(value == identity)


def _gather_windows(x: Any, fill: Any, window: Window) -> Any:
    """The windows of `x`, padded with `fill`: for each axis two, the place of the window and the place in it."""
    gaps = [(low, high, f - 1) for (low, high), f in zip(window.padding, window.base_dilation, strict=True)]
    places = window.places(shape_of(x))
    x = pad(x, fill, gaps)
    for axis in reversed(range(len(places))):  # each gather takes the last axis and puts two in front
        starts = np.arange(places[axis])[:, None] * window.window_strides[axis]
        steps = np.arange(window.window_dimensions[axis]) * window.window_dilation[axis]
        x = index_take(x, [(starts + steps).astype(np.int32)], [ndim_of(x) - 1])
    return x


def reduce_window_shape_tuple(
    operand_shape: Sequence[int],
    window_dimensions: Sequence[int],
    window_strides: Sequence[int],
    padding: Pads,
    base_dilation: Sequence[int] | None = None,
    window_dilation: Sequence[int] | None = None,
) -> Shape:
    """The shape of `reduce_window` of an operand of this shape.  Errors as `reduce_window`."""
    shape = _ints(operand_shape)
    window = _window(shape, window_dimensions, window_strides, padding, base_dilation, window_dilation)
    return reduce_window_shape(shape, window)


__all__ = ["reduce_window", "reduce_window_shape_tuple"]
