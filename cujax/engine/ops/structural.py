"""Ops that change shape or order but no value, with the sum that transposes a broadcast.

    reshape  transpose  squeeze  broadcast_in_dim / reduce_sum  rev  add_any  copy

They stand below the families because every batch and transpose rule needs them.  Also here: `move_dim` (the batch
axis of a value to a place) and `unbroadcast` (the sum over axes that a broadcast made).

`index_map(e, index, *avals, **params)` gives, in terms of `e.read(operand, index)` and
`e.where(condition, a, b)`, the element of the result at `index`; the entries of `index` are integers,
integer arrays, or C++ expressions.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from itertools import accumulate
from math import prod
from operator import mul
from typing import Any

import numpy as np

from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.axis import AxisData
from cujax.engine.core.primitive import ABSENT, Primitive, View, not_fusable
from cujax.engine.core.trace import aval_of, is_value
from cujax.engine.core.zero import Zero
from cujax.engine.ground import dtypes
from cujax.engine.ground.error_names import called_by_user
from cujax.engine.ops import axes as ax

ANY = "any dtype"
NUMERIC = "numbers and booleans"


def shape_of(x: Any) -> tuple[int, ...]:
    return aval_of(x).shape


def ndim_of(x: Any) -> int:
    return aval_of(x).ndim


def dtype_of(x: Any) -> Any:
    return aval_of(x).dtype


def placed(xp: Any, found: Any, out: Any) -> Any:
    """What an `impl` returns that has `found` a result and takes `out=`: `out` with its values, if there is one."""
    if out is None:
        return found
    xp.copyto(out, found)
    return out


def linear_jvp(primitive: Callable[[], Primitive]) -> Callable:
    """The jvp of an op that is linear in its first and only operand: itself, on the tangent."""

    def rule(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> tuple[Any, Any]:
        out = primitive().bind(*primals, **params)
        return out, primitive().bind(*tangents, **params)

    return rule


def zero_tangent_jvp(primitive: Callable[[], Primitive]) -> Callable:
    """The jvp of an op whose result does not change smoothly with its operands."""

    def rule(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> tuple[Any, Zero]:
        out = primitive().bind(*primals, **params)
        return out, Zero(aval_of(out).to_tangent_aval())

    return rule


def mover(
    name: str, shape: Callable, impl: Callable, transpose: Any, batch: Callable, doc: str, **slots: Any
) -> Primitive:
    """A primitive with one operand that moves elements about: linear, of any dtype."""

    def shape_rule(x: ShapedArray, **params: Any) -> ShapedArray:
        return x.update(shape=shape(x.shape, **params))

    def batch_rule(
        axis: AxisData, operands: Sequence[Any], dims: Sequence[int], **params: Any
    ) -> tuple[Any, int]:
        return batch(axis, operands[0], dims[0], **params)

    slots.setdefault("cuda", ABSENT)
    p: Primitive = Primitive(
        name, shape=shape_rule, impl=impl, jvp=linear_jvp(lambda: p), transpose=transpose, batch=batch_rule,
        doc=doc, domain=ANY, family="mover", **slots,
    )
    return p


# --- reshape ------------------------------------------------------------------------------------------


def _reshape_shape(shape: tuple, *, new_sizes: tuple) -> tuple:
    if prod(shape) != prod(new_sizes):
        raise TypeError(
            f"reshape total size must be unchanged, got new_sizes {new_sizes} (size {prod(new_sizes)}) "
            f"for shape {shape} (size {prod(shape)})."
        )
    if any(d < 0 for d in new_sizes):
        raise TypeError(f"reshape sizes must be non-negative, got new_sizes={new_sizes}")
    return new_sizes


def _reshape_transpose(ct: Any, x: Any, *, new_sizes: tuple) -> tuple:
    return (reshape(ct, x.aval.shape),)


def _reshape_batch(axis: AxisData, x: Any, dim: int, *, new_sizes: tuple) -> tuple:
    return reshape(move_dim(axis, x, dim, 0), (axis.size, *new_sizes)), 0


def _reshape_index_map(e: Any, index: tuple, x: ShapedArray, *, new_sizes: tuple) -> Any:
    """Piece by piece, so that axes which only get neighbours of length one keep their index."""
    source: list[Any] = []
    start = 0
    for end, end_in_x in _common_ends(new_sizes, x.shape):
        flat = 0
        for i, d in zip(index[start:end], new_sizes[start:end], strict=True):
            flat = flat * d + i
        source += _unflattened(flat, x.shape[len(source) : end_in_x])
        start = end
    return e.read(0, tuple(source))


def _unflattened(flat: Any, shape: Sequence[int]) -> list:
    """The index of a row-major place.  Of the first axis no remainder is taken: no place is beyond the end."""
    index = []
    for d in reversed(shape[1:]):
        index.append(flat % d)
        flat = flat // d
    return [*(flat if d > 1 else 0 for d in shape[:1]), *reversed(index)]


def _common_ends(one: Sequence[int], other: Sequence[int]) -> list[tuple[int, int]]:
    """Where two shapes of one size end pieces with equal numbers of elements, as numbers of axes."""
    ends, ends_of_other = ({n: k for k, n in enumerate(accumulate(s, mul, initial=1))} for s in (one, other))
    return [(k, ends_of_other[n]) for n, k in ends.items() if n in ends_of_other]


reshape_p = mover(
    "reshape", _reshape_shape, lambda xp, x, *, new_sizes: xp.reshape(x, new_sizes),
    _reshape_transpose, _reshape_batch, "The same elements in another shape, in row-major order.",
    index_map=_reshape_index_map, view=View.SAME,
)


def reshape(operand: Any, new_sizes: Sequence[int], dimensions: Sequence[int] | None = None) -> Any:
    """`operand` with shape `new_sizes` (of the same size), after moving its axes to `dimensions`.

    TypeError when the sizes differ.
    """
    if dimensions is not None:
        operand = transpose(operand, dimensions)
    sizes = tuple(map(operator.index, new_sizes))
    return (
        operand
        if shape_of(operand) == sizes and is_value(operand)
        else reshape_p.bind(operand, new_sizes=sizes)
    )


# --- transpose ----------------------------------------------------------------------------------------


def _transpose_shape(shape: tuple, *, permutation: tuple) -> tuple:
    if sorted(permutation) != list(range(len(shape))):
        raise TypeError(
            f"transpose permutation isn't a permutation of operand dimensions, got permutation {permutation} "
            f"for operand shape {shape}."
        )
    return tuple(shape[i] for i in permutation)


def _transpose_transpose(ct: Any, x: Any, *, permutation: tuple) -> tuple:
    return (transpose(ct, ax.inverse_permutation(permutation)),)


def _transpose_batch(axis: AxisData, x: Any, dim: int, *, permutation: tuple) -> tuple:
    return transpose(x, (dim, *ax.shift_axes(permutation, dim))), 0


def _transpose_index_map(e: Any, index: tuple, x: ShapedArray, *, permutation: tuple) -> Any:
    return e.read(0, tuple(index[i] for i in ax.inverse_permutation(permutation)))


transpose_p = mover(
    "transpose", _transpose_shape, lambda xp, x, *, permutation: xp.transpose(x, permutation),
    _transpose_transpose, _transpose_batch, "Axes in another order.", index_map=_transpose_index_map,
    view=View.STRIDED,
)


def transpose(operand: Any, permutation: Sequence[int]) -> Any:
    """`operand` with axis `permutation[i]` at place i.  TypeError when it is not a permutation."""
    permutation = tuple(map(operator.index, permutation))
    if permutation == tuple(range(ndim_of(operand))) and is_value(operand):
        return operand
    return transpose_p.bind(operand, permutation=permutation)


# --- squeeze ------------------------------------------------------------------------------------------


def _squeeze_shape(shape: tuple, *, dimensions: tuple) -> tuple:
    for d in dimensions:
        if shape[d] != 1:
            raise ValueError(
                f"cannot select an axis to squeeze out which has size not equal to one, got shape={shape} "
                f"and dimensions={dimensions}"
            )
    return ax.remove_axes(shape, dimensions)


def _squeeze_transpose(ct: Any, x: Any, *, dimensions: tuple) -> tuple:
    return (reshape(ct, x.aval.shape),)


def _squeeze_batch(axis: AxisData, x: Any, dim: int, *, dimensions: tuple) -> tuple:
    shifted = ax.shift_axes(dimensions, dim)
    return squeeze(x, shifted), ax.dim_after_removing(dim, shifted)


def _squeeze_index_map(e: Any, index: tuple, x: ShapedArray, *, dimensions: tuple) -> Any:
    full = index
    for d in sorted(dimensions):
        full = ax.insert_axis(full, d, 0)
    return e.read(0, full)


squeeze_p = mover(
    "squeeze", _squeeze_shape, lambda xp, x, *, dimensions: xp.squeeze(x, dimensions),
    _squeeze_transpose, _squeeze_batch, "Axes of length one removed.", index_map=_squeeze_index_map,
    view=View.SAME,
)


def squeeze(array: Any, dimensions: Sequence[int]) -> Any:
    """`array` without the axes `dimensions`, each of length one.  ValueError for another length."""
    dimensions = tuple(sorted(ax.canonical_axes(tuple(dimensions), ndim_of(array))))
    return array if not dimensions and is_value(array) else squeeze_p.bind(array, dimensions=dimensions)


def expand_dims(array: Any, dimensions: Sequence[int]) -> Any:
    """`array` with new axes of length one at the places `dimensions` of the result."""
    ndim = ndim_of(array) + len(tuple(dimensions))
    new = ax.canonical_axes(tuple(dimensions), ndim)
    kept = ax.other_axes(ndim, new)
    shape = [1] * ndim
    for axis, d in zip(kept, shape_of(array), strict=True):
        shape[axis] = d
    return broadcast_in_dim(array, tuple(shape), kept)


# --- broadcast_in_dim and reduce_sum --------------------------------------------------------------------


def _broadcast_in_dim_shape(operand: tuple, *, shape: tuple, broadcast_dimensions: tuple) -> tuple:
    if len(broadcast_dimensions) != len(operand):
        raise TypeError(
            f"broadcast_in_dim broadcast_dimensions must have length equal to operand ndim; got "
            f"broadcast_dimensions {broadcast_dimensions} for operand of shape {operand}."
        )
    if list(broadcast_dimensions) != sorted(set(broadcast_dimensions)):
        raise TypeError(
            f"broadcast_in_dim broadcast_dimensions must be strictly increasing; got {broadcast_dimensions}"
        )
    if broadcast_dimensions and not 0 <= broadcast_dimensions[-1] < len(shape):
        raise TypeError(
            f"broadcast_in_dim broadcast_dimensions {broadcast_dimensions} must be axes of shape {shape}"
        )
    if any(d not in (1, shape[b]) for d, b in zip(operand, broadcast_dimensions, strict=True)):
        raise TypeError(
            f"broadcast_in_dim operand dimension sizes must either be 1, or be equal to their corresponding "
            f"dimensions in the target broadcast shape; got operand of shape {operand}, target broadcast shape "
            f"{shape}, broadcast_dimensions {broadcast_dimensions}"
        )
    check_lengths("broadcast_in_dim", shape)
    return shape


def check_lengths(name: str, shape: tuple) -> None:
    if shape and min(shape) < 0:
        raise TypeError(f"{called_by_user(name)}: lengths must not be negative, got shape {shape}")


def _broadcast_in_dim_impl(xp: Any, x: Any, *, shape: tuple, broadcast_dimensions: tuple) -> Any:
    if not x.ndim:
        return xp.broadcast_to(x, shape)
    aligned = [1] * len(shape)
    for d, b in zip(x.shape, broadcast_dimensions, strict=True):
        aligned[b] = d
    reshaped = xp.reshape(x, tuple(aligned))
    return reshaped if reshaped.shape == shape else xp.broadcast_to(reshaped, shape)


def _broadcast_in_dim_transpose(ct: Any, x: Any, *, shape: tuple, broadcast_dimensions: tuple) -> tuple:
    new = ax.other_axes(len(shape), broadcast_dimensions)
    stretched = [b for d, b in zip(x.aval.shape, broadcast_dimensions, strict=True) if d != shape[b]]
    return (reshape(reduce_sum(ct, tuple(sorted((*new, *stretched)))), x.aval.shape),)


def _broadcast_in_dim_batch(
    axis: AxisData, x: Any, dim: int, *, shape: tuple, broadcast_dimensions: tuple
) -> tuple:
    moved = move_dim(axis, x, dim, 0)
    return broadcast_in_dim(moved, (axis.size, *shape), (0, *(b + 1 for b in broadcast_dimensions))), 0


def _broadcast_in_dim_index_map(
    e: Any, index: tuple, x: ShapedArray, *, shape: tuple, broadcast_dimensions: tuple
) -> Any:
    return e.read(
        0, tuple(0 if d == 1 else index[b] for d, b in zip(x.shape, broadcast_dimensions, strict=True))
    )


broadcast_in_dim_p = mover(
    "broadcast_in_dim", _broadcast_in_dim_shape, _broadcast_in_dim_impl, _broadcast_in_dim_transpose,
    _broadcast_in_dim_batch, "Repeats along new axes and along axes of length one.",
    index_map=_broadcast_in_dim_index_map, view=View.STRIDED,
)


def broadcast_in_dim(operand: Any, shape: Sequence[int], broadcast_dimensions: Sequence[int]) -> Any:
    """`operand` repeated to `shape`; its axis i becomes axis `broadcast_dimensions[i]`.

    TypeError when an axis has neither length 1 nor the length of its target.
    """
    shape, dims = tuple(map(operator.index, shape)), tuple(map(operator.index, broadcast_dimensions))
    if shape_of(operand) == shape and dims == tuple(range(len(shape))) and is_value(operand):
        return operand
    return broadcast_in_dim_p.bind(operand, shape=shape, broadcast_dimensions=dims)


def broadcast(operand: Any, sizes: Sequence[int]) -> Any:
    """`operand` repeated along new leading axes of lengths `sizes`."""
    sizes = tuple(sizes)
    shape = shape_of(operand)
    return broadcast_in_dim(operand, (*sizes, *shape), range(len(sizes), len(sizes) + len(shape)))


def _reduce_sum_shape(shape: tuple, *, axes: tuple) -> tuple:
    if any(not 0 <= a < len(shape) for a in axes) or len(set(axes)) != len(axes):
        raise ValueError(f"reduce_sum: axes {axes} are not distinct axes of an operand of shape {shape}")
    return ax.remove_axes(shape, axes)


def _reduce_sum_impl(xp: Any, x: Any, *, axes: tuple) -> Any:
    """float16 and bfloat16 are summed in float32: NumPy's own sum of bfloat16 does not widen."""
    if x.dtype.itemsize == 2 and dtypes.is_float(x.dtype):
        return xp.sum(x.astype(np.float32), axis=axes).astype(x.dtype)
    return xp.sum(x, axis=axes, dtype=x.dtype)


def _reduce_sum_transpose(ct: Any, x: Any, *, axes: tuple) -> tuple:
    return (broadcast_in_dim(ct, x.aval.shape, ax.other_axes(x.aval.ndim, axes)),)


def _reduce_sum_batch(axis: AxisData, x: Any, dim: int, *, axes: tuple) -> tuple:
    shifted = ax.shift_axes(axes, dim)
    return reduce_sum(x, shifted), ax.dim_after_removing(dim, shifted)


reduce_sum_p = mover(
    "reduce_sum", _reduce_sum_shape, _reduce_sum_impl, _reduce_sum_transpose, _reduce_sum_batch,
    "Sum over axes.", cuda="cj::Sum",
)
reduce_sum_p.family = "reduction"
reduce_sum_p.domain = NUMERIC


def reduce_sum(operand: Any, axes: Sequence[int], *, out_sharding: Any = None) -> Any:
    """Sum of `operand` over `axes`, in its dtype.  `out_sharding` is ignored: there is one device.

    ValueError for axes that the operand does not have.
    """
    axes = tuple(axes)
    return operand if not axes and is_value(operand) else reduce_sum_p.bind(operand, axes=axes)


def unbroadcast(ct: Any, aval: ShapedArray) -> Any:
    """The cotangent of a scalar operand that was used for a whole array: the sum."""
    if type(ct) is Zero or aval.shape == shape_of(ct):
        return ct
    return reduce_sum(ct, range(ndim_of(ct)))


# --- rev ----------------------------------------------------------------------------------------------


def _rev_shape(shape: tuple, *, dimensions: tuple) -> tuple:
    if len(set(dimensions)) != len(dimensions):
        raise TypeError(f"rev dimensions must be unique, got {dimensions}")
    if any(not 0 <= d < len(shape) for d in dimensions):
        raise TypeError(f"rev dimensions must be axes of the operand, got {dimensions} for shape {shape}")
    return shape


def _rev_batch(axis: AxisData, x: Any, dim: int, *, dimensions: tuple) -> tuple:
    return rev(x, ax.shift_axes(dimensions, dim)), dim


def _rev_index_map(e: Any, index: tuple, x: ShapedArray, *, dimensions: tuple) -> Any:
    return e.read(0, tuple(x.shape[a] - 1 - i if a in dimensions else i for a, i in enumerate(index)))


rev_p = mover(
    "rev", _rev_shape, lambda xp, x, *, dimensions: xp.flip(x, dimensions),
    lambda ct, x, *, dimensions: (rev(ct, dimensions),), _rev_batch, "Order reversed along axes.",
    index_map=_rev_index_map, view=View.REVERSED,
)


def rev(operand: Any, dimensions: Sequence[int]) -> Any:
    """`operand` with the order of elements reversed along `dimensions`."""
    return rev_p.bind(operand, dimensions=tuple(dimensions))


# --- add_any, copy --------------------------------------------------------------------------------------


def _add_any_shape(x: ShapedArray, y: ShapedArray) -> ShapedArray:
    if x.shape != y.shape or x.dtype != y.dtype:
        raise TypeError(f"cotangents must have one type, got {x.str_short()} and {y.str_short()}")
    return x.update(weak_type=x.weak_type and y.weak_type)


def _add_any_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple:
    return add_any(*primals), add_tangents(*tangents)


def _add_any_batch(axis: AxisData, operands: Sequence[Any], dims: Sequence[int | None]) -> tuple:
    x, y = (move_dim(axis, o, d, 0) for o, d in zip(operands, dims, strict=True))
    return add_any(x, y), 0


add_any_p = Primitive(
    "add_any", shape=_add_any_shape, impl=lambda xp, x, y, **out: xp.add(x, y, **out), jvp=_add_any_jvp,
    transpose=lambda ct, x, y: (ct, ct), batch=_add_any_batch, cuda="{x} + {y}",
    doc="Sum of two cotangents of one value.", domain=NUMERIC, family="binary", may_overwrite=True, commutes=True,
)


def add_any(x: Any, y: Any) -> Any:
    """The sum of two tangents or cotangents of the same type."""
    return add_any_p.bind(x, y)


def add_tangents(x: Any, y: Any) -> Any:
    """The sum of two tangents, either of which may be `Zero`."""
    if type(x) is Zero:
        return y
    return x if type(y) is Zero else add_any(x, y)


def _copy_impl(xp: Any, x: Any, *, out: Any = None) -> Any:
    return xp.array(x, copy=True) if out is None else placed(xp, x, out)


copy_p = mover(
    "copy", lambda shape: shape, _copy_impl, lambda ct, x: (ct,), lambda axis, x, dim: (copy(x), dim),
    "A copy in memory of its own.", cuda=not_fusable("its purpose is a buffer of its own"), writes_out=True,
)


def copy(operand: Any) -> Any:
    """A copy of `operand`."""
    return copy_p.bind(operand)


# --- the batch axis of a value --------------------------------------------------------------------------


def move_dim(axis: AxisData, x: Any, dim: int | None, target: int) -> Any:
    """`x` with its batch axis at `target`; a value without one is repeated along it."""
    if dim is None:
        shape = ax.insert_axis(shape_of(x), target, axis.size)
        return broadcast_in_dim(x, shape, ax.other_axes(len(shape), (target,)))
    return x if dim == target else transpose(x, ax.moved_axes(ndim_of(x), dim, target))

