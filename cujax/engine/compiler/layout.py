"""How arrays lie in memory along the axes of a region, and in which order loops go over them therefore.

    stride(place, number)     the distance in memory of neighbours along an axis
    loop_order(region)        its axes, the outermost loop first
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from cujax.engine.compiler.cpp import physical
from cujax.engine.compiler.fuse import Region
from cujax.engine.compiler.index import AxisAtom, Index, flatten

SHORT_AXIS = 16  # elements; shorter rows are over before a line of memory is lost


def stride(place: Index, number: int) -> int:
    """The distance of neighbours along axis `number`, in elements; 0 where the place does not move with it."""
    return sum(abs(c) for atom, c in place.terms if isinstance(atom, AxisAtom) and atom.number == number)


def loop_order(region: Region) -> list[int]:
    """The axes that are longer than one, the outermost loop first.

    A map's are in the order of its results.  Those of a reduction go as most bytes lie that it reads and writes: of the
    sum over x.T along an axis, as of that over x along the other one.  Where arrays lie across one another, an axis
    that is kept should be the last: a few of its elements are reduced side by side, and each line of memory is used
    for all of them while it is there.
    """
    natural = tuple([k for k, d in enumerate(region.shape) if d != 1])
    if region.axes is None or len(natural) < 2:
        return list(natural)
    weights = _weights(region, natural)
    if len(weights) > 1:
        weights = {o: w for o, w in weights.items() if _is_kept(region, o[-1])} or weights
    best = max(weights, key=lambda o: (weights[o], o == natural), default=natural)
    return list(best)


def _is_kept(region: Region, axis: int) -> bool:
    return axis not in (region.axes or ()) and region.shape[axis] >= SHORT_AXIS


def _weights(region: Region, natural: tuple[int, ...]) -> dict[tuple[int, ...], int]:
    """For each order in which arrays of the size of the region lie, the bytes of an element of all of these."""
    found: Counter[tuple[int, ...]] = Counter()
    passes = 1 + len(region.reductions)
    for atom, places in region.reads.items():
        for place in places:
            found[_order(flatten(place, atom.aval.shape), natural)] += passes * physical(atom.aval.dtype).itemsize
    for var in region.full:
        found[natural] += physical(var.aval.dtype).itemsize
    return {order: weight for order, weight in found.items() if order}


def _order(place: Index, axes: Sequence[int]) -> tuple[int, ...]:
    """The axes as the place moves along them, in the largest steps first; () if it does not move along all of them."""
    strides = {k: stride(place, k) for k in axes}
    return tuple(sorted(axes, key=lambda k: -strides[k])) if all(strides.values()) else ()
