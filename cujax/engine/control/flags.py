"""Lists divided by flags, and lists with zeros put back: the bookkeeping of every structured rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.zero import Zero, is_zero


def split_by(flags: Sequence[bool], items: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """(items whose flag is false, items whose flag is true)."""
    pairs = list(zip(flags, items, strict=True))
    return [x for f, x in pairs if not f], [x for f, x in pairs if f]


def merge_by(flags: Sequence[bool], if_false: Sequence[Any], if_true: Sequence[Any]) -> list[Any]:
    """The inverse of `split_by`."""
    false_items, true_items = iter(if_false), iter(if_true)
    return [next(true_items) if f else next(false_items) for f in flags]


def pad_zeros(nonzero: Sequence[bool], tangents: Sequence[Any], avals: Sequence[ShapedArray]) -> list[Any]:
    """The `tangents` of the nonzero outputs, with `Zero` for the others."""
    zeros = [Zero(a.to_tangent_aval()) for a, nz in zip(avals, nonzero, strict=True) if not nz]
    return merge_by(nonzero, zeros, tangents)


def nonzero_flags(tangents: Sequence[Any]) -> list[bool]:
    return [not is_zero(t) for t in tangents]


def split_at(items: Sequence[Any], *sizes: int) -> list[list[Any]]:
    """Consecutive pieces of the given sizes, and the rest."""
    pieces, start = [], 0
    for size in sizes:
        pieces.append(list(items[start : start + size]))
        start += size
    return [*pieces, list(items[start:])]
