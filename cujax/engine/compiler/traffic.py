"""What a kernel reads from memory and writes to it: `moved_by(region)`, in bytes.

An element that is loaded at several places of the iteration space comes from memory once.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

from cujax.engine.compiler.cpp import physical
from cujax.engine.compiler.fuse import Region
from cujax.engine.compiler.lane_region import LaneRegion
from cujax.engine.compiler.update import Update
from cujax.engine.core.aval import ShapedArray


def bytes_of(avals: Iterable[ShapedArray]) -> int:
    """What buffers of `avals` take."""
    return sum(a.size * physical(a.dtype).itemsize for a in avals)


def moved_by(region: Region) -> int:
    """Bytes that one run of the region's kernel reads and writes; of what it reads from at most all."""
    if isinstance(region, Update):
        return _loaded(region) + _changed(region)
    read = bytes_of([a.aval for a in region.reads]) if isinstance(region, LaneRegion) else _loaded(region)
    return read + bytes_of([v.aval for v in region.writes])


def _loaded(region: Region) -> int:
    space = prod(region.shape)
    return sum(
        min(atom.aval.size, len(places) * space) * physical(atom.aval.dtype).itemsize
        for atom, places in region.reads.items()
    )


def _changed(update: Update) -> int:
    """What the updates write, and read where they are combined with it, and the copy that is changed if it is one.

    Of the target at most all: where many updates go to one place it stays in a cache, or is gathered first.
    """
    target = update.target.aval
    passes = 1 if update.reduction == "cj::Last" else 2
    changed = passes * min(prod(update.shape), target.size) * physical(target.dtype).itemsize
    return changed if update.in_place else changed + 2 * bytes_of([target])
