"""Arrays as pictures of any number of dimensions, as `scipy.ndimage`."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from cujax import lax
from cujax import numpy as jnp
from cujax.api.traced_once import traced_once
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.numpy.promotion import ArrayLike

__all__ = ["map_coordinates"]


def _reflected(i: Array, n: int) -> Array:
    """d c b a | a b c d | d c b a: mirrors stand at the edges of elements."""
    return jnp.floor_divide(_triangle(2 * i + 1, 2 * n), 2)


def _mirrored(i: Array, n: int) -> Array:
    """d c b | a b c d | c b a: mirrors stand at the centres of the outer elements."""
    return _triangle(i, n - 1) if n > 1 else jnp.zeros_like(i)


def _triangle(i: Array, half: int) -> Array:
    """The distance of i from the nearest multiple of 2 * half."""
    return half - jnp.abs(jnp.mod(i, 2 * half) - half)


# For each mode the element that stands for number i of an axis of length n.
_MODES: dict[str, Callable[[Array, int], Array]] = {
    "constant": lambda i, n: i,
    "nearest": lambda i, n: jnp.clip(i, 0, n - 1),
    "wrap": lambda i, n: jnp.mod(i, n),
    "mirror": _mirrored,
    "reflect": _reflected,
}


class _Neighbour(NamedTuple):
    """An element along one axis that a coordinate reads: where, whether it is there, and with what weight."""

    place: Array
    is_there: Array
    weight: Any


@traced_once("input", "coordinates", "cval")
def map_coordinates(
    input: ArrayLike, coordinates: Sequence[ArrayLike], order: int, mode: str = "constant", cval: ArrayLike = 0.0,
) -> Array:
    """`input` at places between its elements, interpolated.

    coordinates: for each axis of input an array of places along it; all of one shape, that of the result, whose dtype
    is that of input (integers are rounded).  order: 0, the nearest element; 1, linear.
    mode: what stands beyond the edges: "constant", `cval`; "nearest", the outer element; "wrap", the array again;
    "mirror" and "reflect", its mirror image without and with the outer element.  These are SciPy's "grid-constant" and
    "grid-wrap".  Differentiable in input and, for order 1, in the coordinates.
    ValueError for another number of coordinates; NotImplementedError for other orders and modes.
    """
    array = jnp.asarray(input)
    places = jnp.broadcast_arrays(*map(jnp.asarray, coordinates))
    if len(places) != array.ndim:
        raise ValueError(
            f"map_coordinates: coordinates must be one array for each axis of input, {array.ndim}, got {len(places)}"
        )
    if mode not in _MODES:
        raise NotImplementedError(f"map_coordinates: mode must be one of {', '.join(map(repr, _MODES))}, got {mode!r}")
    if order not in (0, 1):
        raise NotImplementedError(f"map_coordinates: order must be 0 or 1, got {order}")
    neighbours = _nearest if order == 0 else _both_sides
    along = [neighbours(c, n, _MODES[mode]) for c, n in zip(places, array.shape, strict=True)]
    fill = jnp.asarray(cval, array.dtype)
    out: Any = sum(_term(array, choice, fill, mode) for choice in itertools.product(*along))
    if dtypes.is_integer(array.dtype) and order == 1:
        out = _rounded(out)
    return jnp.asarray(out).astype(array.dtype)


def _rounded(x: Array) -> Array:
    """To the nearest whole number, halves away from 0."""
    return jnp.where(x < 0, jnp.ceil(x - 0.5), jnp.floor(x + 0.5))


def _nearest(place: Array, n: int, element: Callable) -> list[_Neighbour]:
    i = _rounded(place).astype(dtypes.int32)
    return [_Neighbour(element(i, n), (i >= 0) & (i < n), 1)]


def _both_sides(place: Array, n: int, element: Callable) -> list[_Neighbour]:
    below = jnp.floor(place)
    upper = place - below
    i = below.astype(dtypes.int32)
    return [
        _Neighbour(element(j, n), (j >= 0) & (j < n), weight) for j, weight in ((i, 1 - upper), (i + 1, upper))
    ]


def _term(array: Array, choice: Sequence[_Neighbour], fill: Array, mode: str) -> Array:
    """What one corner of the cell around each place contributes."""
    value = array[tuple(n.place for n in choice)] if choice else array
    if mode == "constant" and choice:
        is_there = choice[0].is_there
        for n in choice[1:]:
            is_there = lax.bitwise_and(is_there, n.is_there)
        value = jnp.where(is_there, value, fill)
    weight = math.prod([n.weight for n in choice])
    return value if isinstance(weight, int) else value * weight
