"""Putting arrays together and taking them apart: concatenate, stack, split, tile, repeat, insert, delete."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from cujax import lax
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.engine.ops.axes import canonical_axis
from cujax.numpy.promotion import (
    ArrayLike,
    arrays_of,
    as_array,
    as_arrays,
    check_arraylike,
    known_values,
    promote_dtypes,
)
from cujax.numpy.reshaping import (
    atleast_1d,
    atleast_2d,
    atleast_3d,
    ravel,
    reshape,
)

# --- joining ------------------------------------------------------------------------------------------


def _parts(name: str, arrays: Any, dtype: Any = None) -> list[Array]:
    """The arrays of a sequence, or the rows of an array, in one dtype."""
    if not isinstance(arrays, Sequence | Array | np.ndarray):
        raise TypeError(f"{name} requires a sequence of arrays, got {type(arrays)}")
    items = list(arrays)
    if not items:
        raise ValueError(f"{name}: Need at least one array.")
    if dtype is None:
        return arrays_of(promote_dtypes(name, *items))
    dtype = dtypes.canonicalize_user(dtype, name)
    return [lax.convert_element_type(a, dtype) for a in as_arrays(name, *items)]


def concatenate(arrays: Any, axis: int | None = 0, dtype: Any = None) -> Array:
    """Arrays one after the other along `axis`, where alone their lengths may differ; None flattens them.

    arrays: a sequence of arrays, or an array, whose rows are joined.  The dtype is the promoted one, or
    `dtype`.  ValueError for none, or for scalars; TypeError for shapes that do not fit.
    """
    parts = _parts("concatenate", arrays, dtype)
    if axis is None:
        return lax.concatenate([ravel(p) for p in parts], 0)
    if parts[0].ndim == 0:
        raise ValueError("Zero-dimensional arrays cannot be concatenated: use jnp.stack")
    return lax.concatenate(parts, canonical_axis(axis, parts[0].ndim))


def concat(arrays: Any, /, *, axis: int | None = 0) -> Array:
    """`concatenate` by its array-API name."""
    return concatenate(arrays, axis)


def stack(arrays: Any, axis: int = 0, out: None = None, dtype: Any = None) -> Array:
    """Arrays of one shape along a new axis at place `axis`.  ValueError for none or for other shapes."""
    if out is not None:
        raise NotImplementedError("The 'out' argument to jnp.stack is not supported")
    parts = _parts("stack", arrays, dtype)
    if len({p.shape for p in parts}) > 1:
        raise ValueError(f"All input arrays must have the same shape, got {[p.shape for p in parts]}")
    axis = canonical_axis(axis, parts[0].ndim + 1)
    return lax.concatenate([lax.expand_dims(p, (axis,)) for p in parts], axis)


def _at_least(raised: Any) -> list[Array]:
    return raised if isinstance(raised, list) else [raised]


def vstack(tup: Any, dtype: Any = None) -> Array:
    """Arrays, as rows where they have one axis, along axis 0."""
    return concatenate(_at_least(atleast_2d(*_parts("vstack", tup))), 0, dtype)


def hstack(tup: Any, dtype: Any = None) -> Array:
    """Arrays along axis 1, or along axis 0 where they have one axis."""
    parts = _at_least(atleast_1d(*_parts("hstack", tup)))
    return concatenate(parts, 0 if parts[0].ndim == 1 else 1, dtype)


def dstack(tup: Any, dtype: Any = None) -> Array:
    """Arrays, raised to three axes as by `atleast_3d`, along axis 2."""
    return concatenate(_at_least(atleast_3d(*_parts("dstack", tup))), 2, dtype)


def column_stack(tup: Any) -> Array:
    """Arrays along axis 1, those of one axis as columns."""
    return concatenate([p if p.ndim > 1 else reshape(p, (-1, 1)) for p in _parts("column_stack", tup)], 1)


def block(arrays: Any) -> Array:
    """An array from nested lists of blocks: the innermost lists are joined along the last axis.

    ValueError where nested lists are empty, or lie at several depths.
    """
    joined, _ = _block(arrays)
    return joined


def _block(blocks: Any) -> tuple[Array, int]:
    """The joined array and the depth of nesting."""
    if isinstance(blocks, tuple):
        raise TypeError("block: only lists are nested, got a tuple")
    if not isinstance(blocks, list):
        return as_array("block", blocks), 0
    parts, depths = zip(*map(_block, blocks), strict=True) if blocks else ((), ())
    if not parts or len(set(depths)) > 1:
        raise ValueError("jnp.block requires nested lists of one depth, none of them empty")
    depth = depths[0] + 1
    ndim = max(depth, *(p.ndim for p in parts))
    raised = [lax.reshape(p, (*(1,) * (ndim - p.ndim), *p.shape)) for p in parts]
    return concatenate(raised, ndim - depth), depth


def append(arr: ArrayLike, values: ArrayLike, axis: int | None = None) -> Array:
    """`values` after `arr` along `axis`; both flattened when it is None."""
    return concatenate(as_arrays("append", arr, values), axis)


# --- splitting ----------------------------------------------------------------------------------------


def _cuts(name: str, sections: Any, length: int, equal: bool) -> list[int]:
    """Where the parts begin and end."""
    if np.ndim(sections):
        inner = [max(0, min(length, i + length if i < 0 else i)) for i in map(operator.index, sections)]
        return [0, *inner, length]
    number = operator.index(sections)
    if number <= 0:
        raise ValueError(f"{name}: number of sections must be larger than 0, got {number}")
    whole, rest = divmod(length, number)
    if rest and equal:
        raise ValueError(
            f"array split does not result in an equal division: {name} of an axis of length {length} into "
            f"{number} sections; use jnp.array_split"
        )
    return [whole * i + min(i, rest) for i in range(number + 1)]


def _split(name: str, ary: ArrayLike, sections: Any, axis: int, equal: bool) -> list[Array]:
    ary = as_array(name, ary)
    axis = canonical_axis(axis, ary.ndim)
    cuts = _cuts(name, sections, ary.shape[axis], equal)
    return [
        lax.slice_in_dim(ary, start, max(start, stop), axis=axis)
        for start, stop in itertools.pairwise(cuts)
    ]


def split(ary: ArrayLike, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    """Parts of `ary` along `axis`: so many equal ones, or those that end at the given indices.

    ValueError when the length is not a multiple of the number of parts.
    """
    return _split("split", ary, indices_or_sections, axis, True)


def array_split(ary: ArrayLike, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    """As `split`, but parts may differ in length by one, the longer ones first."""
    return _split("array_split", ary, indices_or_sections, axis, False)


def vsplit(ary: ArrayLike, indices_or_sections: Any) -> list[Array]:
    """`split` along axis 0."""
    return _split("vsplit", ary, indices_or_sections, 0, True)


def hsplit(ary: ArrayLike, indices_or_sections: Any) -> list[Array]:
    """`split` along axis 1, or along axis 0 of an array with one axis."""
    ary = as_array("hsplit", ary)
    return _split("hsplit", ary, indices_or_sections, 0 if ary.ndim == 1 else 1, True)


def dsplit(ary: ArrayLike, indices_or_sections: Any) -> list[Array]:
    """`split` along axis 2."""
    return _split("dsplit", ary, indices_or_sections, 2, True)


def unstack(x: ArrayLike, /, *, axis: int = 0) -> tuple[Array, ...]:
    """The arrays that lie along `axis`, which they no longer have.  ValueError for a scalar."""
    x = as_array("unstack", x)
    if x.ndim == 0:
        raise ValueError("Unstack requires arrays with rank > 0, however a scalar array was passed.")
    axis = canonical_axis(axis, x.ndim)
    return tuple(lax.index_in_dim(x, i, axis, keepdims=False) for i in range(x.shape[axis]))


# --- repeating ----------------------------------------------------------------------------------------


def tile(A: ArrayLike, reps: Any) -> Array:
    """`A` laid out reps[i] times along axis i; axes are aligned from the last."""
    A = as_array("tile", A)
    times = [operator.index(r) for r in (reps if np.ndim(reps) or isinstance(reps, Sequence) else (reps,))]
    ndim = max(A.ndim, len(times))
    times = [1] * (ndim - len(times)) + times
    shape = (*(1,) * (ndim - A.ndim), *A.shape)
    spread = lax.broadcast_in_dim(
        lax.reshape(A, shape),
        tuple(n for pair in zip(times, shape, strict=True) for n in pair),
        range(1, 2 * ndim, 2),
    )
    return lax.reshape(spread, tuple(t * d for t, d in zip(times, shape, strict=True)))


def repeat(
    a: ArrayLike, repeats: ArrayLike, axis: int | None = None, *, total_repeat_length: int | None = None,
    out_sharding: Any = None,
) -> Array:
    """Each element of `a` (each slice along `axis`) `repeats` times in a row; None flattens.

    repeats: an integer, or one for each slice.  total_repeat_length: the length of the result; needed
    where `repeats` is traced.  The last slice fills up what is missing, surplus is left out.
    """
    check_arraylike("repeat", a, repeats)
    a = as_array("repeat", a)
    if axis is None:
        a, axis = ravel(a), 0
    if a.ndim == 0:
        a = lax.reshape(a, (1,))
    axis = canonical_axis(axis, a.ndim)
    if isinstance(repeats, float):
        raise TypeError(f"repeats must be integers, got {repeats}")
    if isinstance(repeats, int | np.integer) and total_repeat_length is None:
        return _repeat_each(a, operator.index(repeats), axis)
    return _repeat_counts(a, repeats, axis, total_repeat_length)


def _repeat_each(a: Array, times: int, axis: int) -> Array:
    if times < 0:
        raise TypeError(f"repeats must not be negative, got {times}")
    spread_shape = (*a.shape[: axis + 1], times, *a.shape[axis + 1 :])
    axes = [i for i in range(a.ndim + 1) if i != axis + 1]
    spread = lax.broadcast_in_dim(a, spread_shape, axes)
    return lax.reshape(spread, (*a.shape[:axis], a.shape[axis] * times, *a.shape[axis + 1 :]))


def _repeat_counts(a: Array, repeats: ArrayLike, axis: int, total: int | None) -> Array:
    """Which slice stands at a place: as many slices as begin before it are passed."""
    counts = as_array("repeat", np.asarray(repeats) if isinstance(repeats, Sequence) else repeats, 1)
    length = a.shape[axis]
    if counts.size == 1:
        counts = lax.broadcast_in_dim(lax.reshape(counts, ()), (length,), ())
    if counts.shape != (length,):
        raise ValueError(f"repeats must be scalar or have length {length}, got shape {counts.shape}")
    if total is None:
        known = known_values("jnp.repeat", counts, "Give total_repeat_length.")
        return lax.concatenate(_repeated_slices(a, known.tolist(), axis), axis)
    total = operator.index(total)
    if not length or not total:
        return lax.broadcast_in_dim(a.dtype.type(0), (*a.shape[:axis], total, *a.shape[axis + 1 :]), ())
    begins = lax.slice_in_dim(lax.cumsum(counts), 0, length - 1)
    steps = lax.broadcast_in_dim(begins.dtype.type(0), (total,), ()).at[begins].add(1, mode="drop")
    return a[(slice(None),) * axis + (lax.cumsum(steps),)]


def _repeated_slices(a: Array, counts: Sequence[int], axis: int) -> list[Array]:
    parts = []
    for i, count in enumerate(counts):
        row = lax.slice_in_dim(a, i, i + 1, axis=axis)
        parts.append(lax.broadcast_in_dim(row, (*a.shape[:axis], count, *a.shape[axis + 1 :]), range(a.ndim)))
    return parts or [a]
