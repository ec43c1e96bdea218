"""Shapes changed in ways made of reshape and broadcast_in_dim.

    broadcast_to_rank broadcast_like    new leading axes
    collapse                            several axes as one
    tile                                an array, again and again

`axes.broadcast_shapes` finds the shape that several have in common.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from operator import index as as_int
from typing import Any

from cujax.engine.ops.structural import broadcast_in_dim, ndim_of, reshape, shape_of

_Slice = slice


def broadcast_to_rank(x: Any, rank: int) -> Any:
    """`x` with leading axes of length one, so that there are `rank`; x itself where it has as many or more."""
    missing = rank - ndim_of(x)
    if missing <= 0:
        return x
    return broadcast_in_dim(x, (1,) * missing + shape_of(x), range(missing, rank))


def broadcast_like(arr: Any, like_arr: Any) -> Any:
    """`arr`, in its own dtype, repeated along leading axes and axes of length one to the shape of `like_arr`.

    ValueError where it does not fit.
    """
    source, shape = shape_of(arr), shape_of(like_arr)
    first = len(shape) - len(source)
    if first < 0 or any(d not in (1, n) for d, n in zip(source, shape[first:], strict=True)):
        raise ValueError(
            f"broadcast_like: an array of shape {source} does not broadcast to shape {shape}. Axes are aligned from "
            "the last one, and each must have length 1 or that of its target."
        )
    return broadcast_in_dim(arr, shape, range(first, len(shape)))


def collapse(operand: Any, start_dimension: int, stop_dimension: int | None = None) -> Any:
    """`operand` with its axes from `start_dimension` up to `stop_dimension` (by default the last) as one.

    Dimensions count as in slices: negative ones from the end, and beyond it means to the end.  None in between
    makes a new axis of length one.  ValueError when they end before they start.
    """
    shape = shape_of(operand)
    start, stop, _ = _Slice(start_dimension, stop_dimension).indices(len(shape))
    if stop < start:
        raise ValueError(f"Invalid dimension range passed to collapse: {shape}[{start}:{stop}] ends before it starts")
    return reshape(operand, (*shape[:start], prod(shape[start:stop]), *shape[stop:]))


def tile(operand: Any, reps: Sequence[int]) -> Any:
    """`operand` put `reps[i]` times end to end along each axis i.

    TypeError unless there is one number for each axis, none of them negative.
    """
    shape, counts = shape_of(operand), tuple(map(as_int, reps))
    if len(counts) != len(shape):
        raise TypeError(
            f"tile: reps length must be equal to the ndim of the operand, got len(reps)={len(counts)} for shape "
            f"{shape}. jnp.tile adds axes by itself."
        )
    if any(n < 0 for n in counts):
        raise TypeError(f"tile: reps must not be negative, got {counts}")
    pairs = tuple(n for pair in zip(counts, shape, strict=True) for n in pair)
    repeated = broadcast_in_dim(operand, pairs, range(1, 2 * len(shape), 2))
    return reshape(repeated, tuple(n * d for n, d in zip(counts, shape, strict=True)))
