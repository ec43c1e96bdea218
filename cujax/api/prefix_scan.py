"""`associative_scan`: all prefixes of a sequence under an associative function, in parallel steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cujax.engine.control.staging import flatten_operands
from cujax.engine.core.trace import aval_of
from cujax.engine.ground import pytree
from cujax.engine.ops.axes import canonical_axis, insert_axis
from cujax.engine.ops.joining import concatenate
from cujax.engine.ops.slicing import slice_in_dim
from cujax.engine.ops.structural import reshape, rev


def associative_scan(fn: Callable, elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """All prefixes of `elems` under the associative function `fn(a, b)`, in a logarithmic number of steps.

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

    def combine(a: list[Any], b: list[Any]) -> list[Any]:
        return pytree.leaves(fn(pytree.unflatten(tree, a), pytree.unflatten(tree, b)))

    if reverse:
        leaves = [rev(x, (axis,)) for x in leaves]
    result = _prefixes(combine, leaves, axis)
    if reverse:
        result = [rev(x, (axis,)) for x in result]
    return pytree.unflatten(tree, result)


def _prefixes(combine: Callable, elems: list[Any], axis: int) -> list[Any]:
    """Blelloch's recursion (1990): prefixes of pairs give the odd places, one more step the even ones."""
    n = aval_of(elems[0]).shape[axis]
    if n < 2:
        return elems
    pairs = combine(
        [_every_other(x, 0, n - 1, axis) for x in elems], [_every_other(x, 1, n, axis) for x in elems]
    )
    odd = _prefixes(combine, pairs, axis)
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
