"""`associative_scan`: all prefixes of a sequence under an associative function.

Of a long sequence a lane of one kernel goes through each block of `_BLOCK` elements, so that few kernels and about two
calls of the function for each element are enough; of a short one it is a tree of steps, of log2(n) levels.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from cujax.api.loops import scan
from cujax.api.vectorize import vmap
from cujax.engine.control.staging import flatten_operands
from cujax.engine.core.trace import aval_of
from cujax.engine.ground import pytree
from cujax.engine.ops.axes import canonical_axis, insert_axis, moved_axes
from cujax.engine.ops.joining import concatenate
from cujax.engine.ops.slicing import index_in_dim, slice_in_dim
from cujax.engine.ops.structural import reshape, rev, squeeze, transpose

_BLOCK = 64


def associative_scan(fn: Callable, elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """All prefixes of `elems` under the associative function `fn(a, b)`, in parallel.

    elems: pytree of arrays with one length along `axis`; `fn` works on pytrees of slices, elementwise along
    `axis`.  reverse: suffixes.  ValueError when lengths differ.
    """
    if not callable(fn):
        raise TypeError("lax.associative_scan: fn argument should be callable.")
    leaves, tree = flatten_operands("associative_scan", fn, elems)
    axis = canonical_axis(axis, aval_of(leaves[0]).ndim)
    sizes = {aval_of(x).shape[axis] for x in leaves}
    if len(sizes) > 1:
        raise ValueError(
            f"Array inputs to associative_scan must have the same first dimension; got sizes {sorted(sizes)}"
        )

    @functools.wraps(fn)
    def combine(a: list[Any], b: list[Any]) -> list[Any]:
        return pytree.leaves(fn(pytree.unflatten(tree, a), pytree.unflatten(tree, b)))

    if reverse:
        leaves = [rev(x, (axis,)) for x in leaves]
    result = _prefixes(combine, leaves, axis)
    if reverse:
        result = [rev(x, (axis,)) for x in result]
    return pytree.unflatten(tree, result)


def _prefixes(combine: Callable, elems: list[Any], axis: int) -> list[Any]:
    """Prefixes inside each block, of which the last are the blocks' totals; those of the totals; and both combined."""
    n = aval_of(elems[0]).shape[axis]
    blocks = n // _BLOCK
    if blocks < 2:
        return _by_halves(combine, elems, axis)
    inside = _inside_blocks(combine, [_in_blocks(_part(x, 0, blocks * _BLOCK, axis), axis) for x in elems], axis)
    totals = _prefixes(combine, [index_in_dim(x, _BLOCK - 1, axis + 1, False) for x in inside], axis)
    at_every_place = vmap(combine, in_axes=(None, axis + 1), out_axes=axis + 1)
    others = at_every_place(
        [_part(x, 0, blocks - 1, axis) for x in totals], [_part(x, 1, blocks, axis) for x in inside]
    )
    found = [concatenate([_part(x, 0, 1, axis), y], axis) for x, y in zip(inside, others, strict=True)]
    whole = [_as_one(x, axis) for x in found]
    if n == blocks * _BLOCK:
        return whole
    rest = [concatenate([_part(t, blocks - 1, blocks, axis), _part(x, blocks * _BLOCK, n, axis)], axis)
            for t, x in zip(totals, elems, strict=True)]
    return [concatenate([x, _part(y, 1, None, axis)], axis)
            for x, y in zip(whole, _by_halves(combine, rest, axis), strict=True)]


def _inside_blocks(combine: Callable, elems: list[Any], axis: int) -> list[Any]:
    """The prefixes in each of the blocks, which are the axis `axis`; its places are the one behind."""

    @functools.wraps(combine)
    def step(known: list[Any], x: list[Any]) -> tuple[list[Any], list[Any]]:
        found = combine(known, x)
        return found, found

    first = [_part(x, 0, 1, axis + 1) for x in elems]
    rest = [_moved(_part(x, 1, None, axis + 1), axis + 1, 0) for x in elems]
    _, others = scan(step, [squeeze(x, (axis + 1,)) for x in first], rest)
    return [concatenate([x, _moved(y, 0, axis + 1)], axis + 1) for x, y in zip(first, others, strict=True)]


def _in_blocks(x: Any, axis: int) -> Any:
    """The elements along `axis` as two axes, blocks and places in them."""
    shape = aval_of(x).shape
    return reshape(x, (*shape[:axis], shape[axis] // _BLOCK, _BLOCK, *shape[axis + 1 :]))


def _as_one(x: Any, axis: int) -> Any:
    """Blocks and places as one axis again."""
    shape = aval_of(x).shape
    return reshape(x, (*shape[:axis], shape[axis] * _BLOCK, *shape[axis + 2 :]))


def _moved(x: Any, source: int, target: int) -> Any:
    return transpose(x, moved_axes(aval_of(x).ndim, source, target))


def _part(x: Any, start: int, stop: int | None, axis: int) -> Any:
    return slice_in_dim(x, start, stop, axis=axis)


def _by_halves(combine: Callable, elems: list[Any], axis: int) -> list[Any]:
    """Blelloch's recursion (1990): prefixes of pairs give the odd places, one more step the even ones."""
    n = aval_of(elems[0]).shape[axis]
    if n < 2:
        return elems
    pairs = combine(
        [_every_other(x, 0, n - 1, axis) for x in elems], [_every_other(x, 1, n, axis) for x in elems]
    )
    odd = _by_halves(combine, pairs, axis)
    known = [slice_in_dim(x, 0, (n - 1) // 2, axis=axis) for x in odd]
    even_rest = combine(known, [_every_other(x, 2, n, axis) for x in elems])
    first = [slice_in_dim(x, 0, 1, axis=axis) for x in elems]
    even = [concatenate([a, b], axis) for a, b in zip(first, even_rest, strict=True)]
    return [_interleave(a, b, n, axis) for a, b in zip(even, odd, strict=True)]


def _every_other(x: Any, start: int, stop: int, axis: int) -> Any:
    return slice_in_dim(x, start, stop, stride=2, axis=axis)


def _interleave(even: Any, odd: Any, n: int, axis: int) -> Any:
    """even[0], odd[0], even[1], ... along `axis`, `n` in all."""
    half = n // 2
    shape = aval_of(odd).shape
    columns = [
        reshape(slice_in_dim(x, 0, half, axis=axis), insert_axis(shape, axis + 1, 1)) for x in (even, odd)
    ]
    woven = reshape(concatenate(columns, axis + 1), (*shape[:axis], 2 * half, *shape[axis + 1 :]))
    if n % 2 == 0:
        return woven
    return concatenate([woven, slice_in_dim(even, half, half + 1, axis=axis)], axis)
