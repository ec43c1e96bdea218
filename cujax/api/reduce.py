"""`reduce`: the elements along some axes, combined by any associative function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from cujax.engine.control.staging import Staged, flatten_operands, stage
from cujax.engine.core.axis import AxisData
from cujax.engine.core.recording import run_tape
from cujax.engine.core.tape import Literal
from cujax.engine.core.trace import aval_of
from cujax.engine.ground import pytree
from cujax.engine.ground.source import describe_function
from cujax.engine.ops.axes import canonical_axes, other_axes
from cujax.engine.ops.families import operands as as_operands
from cujax.engine.ops.joining import concatenate
from cujax.engine.ops.monoids import Monoid, monoid_of
from cujax.engine.ops.slicing import slice_in_dim
from cujax.engine.ops.structural import broadcast, move_dim, reshape, transpose
from cujax.engine.transforms.batching import batch


def reduce(
    operands: Any, init_values: Any, computation: Callable, dimensions: Sequence[int],
    out_sharding: Any = None,
) -> Any:
    """The elements of `operands` along the axes `dimensions` and the scalar `init_values`, combined.

    operands: pytree of arrays of one shape.  init_values: pytree of the same structure, of scalars of the
    same dtypes.  `computation(a, b)` combines two pytrees of scalars into one; it is taken to be associative,
    and `init_values` to be what it leaves unchanged.  Results: arrays without `dimensions`.

    Sums, products, extrema and logical operations are one op each; anything else is combined pairwise in
    log2(n) rounds.  ValueError for axes that are not there, unequal shapes, initial values that are not
    scalars, and a `computation` that does not give the types it takes.
    """
    del out_sharding  # there is one device
    leaves, tree = flatten_operands("reduce", computation, operands)
    inits = _initial_values(leaves, tree, init_values)
    axes = canonical_axes(dimensions, aval_of(leaves[0]).ndim, "dimensions")
    staged = _stage(computation, tree, leaves, inits)
    monoid = monoid_of(staged.tape) if not staged.consts else None
    if monoid is not None:
        outs = [_by_monoid(monoid, leaves[0], inits[0], axes)]
    else:
        outs = _by_rounds(staged, leaves, inits, axes)
    return pytree.unflatten(tree, outs)


def _initial_values(leaves: Sequence[Any], tree: Any, init_values: Any) -> list[Any]:
    """The initial values as operands, Python numbers in the dtype of the array that they begin."""
    inits, init_tree = pytree.flatten(init_values)
    if init_tree != tree:
        raise ValueError(f"reduce: operands and init_values must be alike, got {tree} and {init_tree}")
    if len({aval_of(x).shape for x in leaves}) != 1:
        raise ValueError(f"reduce: operands must have one shape, got {[aval_of(x).shape for x in leaves]}")
    shapes = [aval_of(i).shape for i in inits]
    if any(shapes):
        raise ValueError(f"reduce found non-scalar initial value: init_values have shapes {shapes}")
    return [as_operands(x, i)[1] for x, i in zip(leaves, inits, strict=True)]


def _stage(computation: Callable, tree: Any, leaves: Sequence[Any], inits: Sequence[Any]) -> Staged:
    avals = [aval_of(x).update(shape=(), weak_type=False) for x in leaves]
    staged = stage("reduce", computation, pytree.structure((pytree.unflatten(tree, avals),) * 2), avals * 2)
    expected = [a.str_short() for a in avals]
    for what, found in (("takes init_values of", inits), ("gives", staged.tape.outputs)):
        types = [aval_of(x).str_short() for x in found]
        if types != expected:
            raise ValueError(
                f"reduce: {describe_function(computation)} must take and give scalars of the operands' types "
                f"{expected}, but it {what} {types}; convert them to one dtype"
            )
    return staged


def _by_monoid(monoid: Monoid, x: Any, init: Any, axes: tuple[int, ...]) -> Any:
    total = monoid.reduce(x, axes)
    value = init.val if type(init) is Literal else init if isinstance(init, np.generic) else None
    unchanged = value is not None and value == monoid.identity(aval_of(x).dtype)
    return total if unchanged else monoid.combine(init, total)


def _by_rounds(
    staged: Staged, leaves: Sequence[Any], inits: Sequence[Any], axes: tuple[int, ...]
) -> list[Any]:
    """Neighbours are combined until one element is left along the axes, which are first made one."""
    shape = aval_of(leaves[0]).shape
    kept = other_axes(len(shape), axes)
    rest = tuple(shape[i] for i in kept)
    count = prod(shape[i] for i in axes)
    xs = [reshape(transpose(x, (*axes, *kept)), (count, *rest)) for x in leaves]
    while count > 1:
        xs = _halved(staged, xs, count)
        count = (count + 1) // 2
    starts = [broadcast(i, rest) for i in inits]
    return _combine(staged, starts, [reshape(x, rest) for x in xs]) if count else starts


def _halved(staged: Staged, xs: Sequence[Any], count: int) -> list[Any]:
    """Neighbours along axis 0 combined; an element without one stays."""
    even = count - count % 2
    pairs = _combine(staged, *([slice_in_dim(x, start, even, stride=2) for x in xs] for start in (0, 1)))
    if even == count:
        return pairs
    return [concatenate([p, slice_in_dim(x, even, count)], 0) for p, x in zip(pairs, xs, strict=True)]


def _combine(staged: Staged, left: Sequence[Any], right: Sequence[Any]) -> list[Any]:
    """The computation on every pair of elements of two lists of arrays."""
    shape = aval_of(left[0]).shape
    axis = AxisData(None, prod(shape))
    flat = [reshape(x, (axis.size,)) for x in (*left, *right)]
    dims = [None] * len(staged.consts) + [0] * len(flat)
    outs, out_dims = batch(lambda *xs: run_tape(staged.tape, xs), axis, [*staged.consts, *flat], dims)
    return [reshape(move_dim(axis, o, d, 0), shape) for o, d in zip(outs, out_dims, strict=True)]
