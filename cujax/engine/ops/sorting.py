"""Sorting along an axis, and the k largest elements.

    sort     one or more arrays together, in the lexicographic order of the first `num_keys`
    top_k    the largest elements and where they were

Sorting is always stable.  Its order takes -0.0 and 0.0 for equal, puts NaN last and compares complex numbers
by their real, then by their imaginary part.  `top_k` uses the total order of IEEE 754 instead, as XLA does:
-NaN < -inf < ... < -0.0 < 0.0 < ... < inf < NaN, which on the bits is an order of integers.

A derivative is the tangent taken in the order of the primals: start at `_order`, then `_sort_jvp`.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from cujax.engine.backends.select import library
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.axis import AxisData
from cujax.engine.core.primitive import NOT_LINEAR, Primitive, not_fusable
from cujax.engine.core.trace import aval_of
from cujax.engine.core.zero import Zero, zero_tangent
from cujax.engine.ground import dtypes
from cujax.engine.ops import axes as ax
from cujax.engine.ops.constants import broadcasted_iota
from cujax.engine.ops.families import ANY, NUMERIC, ORDERED, dtype_error
from cujax.engine.ops.indexing import GatherDimensionNumbers, GatherScatterMode, gather
from cujax.engine.ops.lane_maps import Scalar, array_of, row_map, sort_front
from cujax.engine.ops.structural import expand_dims, move_dim, placed, shape_of

# --- sort ---------------------------------------------------------------------------------------------


def _words(key: Any) -> tuple[Any, ...]:
    """`key` as arrays of dtypes that NumPy and CuPy sort, the most significant first."""
    if dtypes.is_complex(key.dtype):
        return key.real, key.imag
    return (key if key.dtype.isbuiltin == 1 else key.astype(np.float32),)  # exact for all small dtypes


def _order(xp: Any, keys: Sequence[Any], axis: int) -> Any:
    """The permutation along `axis` that sorts `keys`: by the last of them, then stably by those before."""
    *others, last = [word for key in keys for word in _words(key)]
    argsort = library(xp).argsort
    order = argsort(last, axis)
    for word in reversed(others):
        step = argsort(xp.take_along_axis(word, order, axis), axis)
        order = xp.take_along_axis(order, step, axis)
    return order


def _sort_impl(
    xp: Any, *operands: Any, dimension: int, is_stable: bool, num_keys: int, out: Sequence[Any] | None = None
) -> tuple[Any, ...]:
    if len(operands) == 1 and operands[0].dtype.kind in "biuf":
        sorted_ = xp.array(operands[0], copy=True, order="C") if out is None else placed(xp, operands[0], out[0])
        library(xp).sort_in_place(sorted_, dimension)
        return (sorted_,)
    order = _order(xp, operands[:num_keys], dimension)
    found = [xp.take_along_axis(x, order, dimension) for x in operands]
    return tuple([placed(xp, x, buffer) for x, buffer in zip(found, out or [None] * len(found), strict=True)])


_LONGEST = 16  # rows that a lane sorts by writing out all comparisons


def _sort_row(*rows: np.ndarray, dimension: int, is_stable: bool, num_keys: int) -> tuple[np.ndarray, ...]:
    def is_after(x: Sequence[Scalar], y: Sequence[Scalar]) -> Scalar:
        *others, last = [w for a, b in zip(x[:num_keys], y, strict=False) for w in _words_of_scalars(a, b)]
        found = _comes_after(*last)
        for a, b in reversed(others):
            are_equal = a.equals(b) | (a.is_nan() & b.is_nan())
            found = _comes_after(a, b) | (are_equal & found)
        return found

    return tuple(sort_front(rows, len(rows[0]), is_after))


def _words_of_scalars(a: Scalar, b: Scalar) -> list[tuple[Scalar, Scalar]]:
    """What is compared of two keys, the most significant first."""
    if not dtypes.is_complex(a.dtype):
        return [(a, b)]
    real = dtypes.to_real(a.dtype)
    return [tuple(x.apply(f"cj::{part}({{0}})", dtype=real) for x in (a, b)) for part in ("real", "imag")]  # type: ignore[misc]


def _comes_after(x: Scalar, y: Scalar) -> Scalar:
    if not dtypes.is_float(x.dtype):
        return x > y
    return x.apply("{0} > {1} || ({0} != {0} && {1} == {1})", y, dtype=dtypes.bool_)


def _sort_shape(*avals: ShapedArray, dimension: int, is_stable: bool, num_keys: int) -> tuple:
    for aval in avals[:num_keys]:
        if aval.dtype not in NUMERIC:
            raise dtype_error("sort", aval.dtype, NUMERIC)
    if any(a.shape != avals[0].shape for a in avals):
        shapes = " ".join(str(a.shape) for a in avals)
        raise TypeError(f"Arguments to sort must have equal shapes, got: {shapes}")
    return avals


def take_in_order(x: Any, order: Any, axis: int) -> Any:
    """`x` with element `order[i]` at i along `axis`; the other axes of `x` and `order` agree."""
    shape = shape_of(x)
    batch = ax.other_axes(len(shape), (axis,))
    numbers = GatherDimensionNumbers((), (axis,), (axis,), batch, batch)
    sizes = [min(d, 1) for d in shape]
    places = expand_dims(order, (len(shape),))
    return gather(x, places, numbers, sizes, mode=GatherScatterMode.PROMISE_IN_BOUNDS, unique_indices=True)


def _sort_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, dimension: int, **params: Any) -> tuple:
    if all(type(t) is Zero for t in tangents):
        return sort_p.bind(*primals, dimension=dimension, **params), list(tangents)
    places = broadcasted_iota(dtypes.int32, aval_of(primals[0]).shape, dimension)
    *outs, order = sort_p.bind(*primals, places, dimension=dimension, **params)
    return outs, [t if type(t) is Zero else take_in_order(t, order, dimension) for t in tangents]


def _sort_batch(
    axis: AxisData, operands: Sequence[Any], dims: Sequence[int | None], *, dimension: int, **params: Any
) -> tuple[list[Any], list[int]]:
    dim = next(d for d in dims if d is not None)
    moved = [move_dim(axis, x, d, dim) for x, d in zip(operands, dims, strict=True)]
    outs = sort_p.bind(*moved, dimension=ax.shift_axis(dimension, dim), **params)
    return outs, [dim] * len(outs)


sort_p: Primitive = Primitive(
    "sort", shape=_sort_shape, impl=_sort_impl, jvp=_sort_jvp, transpose=NOT_LINEAR, batch=_sort_batch,
    multiple=True, cuda=not_fusable("it is a call of a sorting library"), domain=ANY, family="sorting",
    lane_map=row_map(_sort_row, _LONGEST, name="dimension"),
    doc="Operands in the lexicographic order of the first of them.", writes_out=True,
)


def sort(operand: Any, dimension: int = -1, is_stable: bool = True, num_keys: int = 1) -> Any:
    """`operand` sorted along `dimension`, in ascending order with NaN last.

    Several arrays of one shape, in a list or tuple, are sorted together, in the lexicographic order of the
    first `num_keys`, and come back as a tuple.  Any dtypes; keys are numbers or booleans, complex numbers in
    the order of their real, then their imaginary part.  The sort is stable also when `is_stable` is False.

    TypeError without operands or for unequal shapes, ValueError for a `dimension` or `num_keys` out of range.
    """
    operands = tuple(operand) if isinstance(operand, (tuple, list)) else (operand,)
    if not operands:
        raise TypeError("sort requires at least one operand")
    if not 1 <= num_keys <= len(operands):
        raise ValueError(f"sort: {num_keys=} must be between 1 and the number of operands, {len(operands)}")
    axis = ax.canonical_axis(dimension, aval_of(operands[0]).ndim)
    outs = sort_p.bind(*operands, dimension=axis, is_stable=bool(is_stable), num_keys=int(num_keys))
    return tuple(outs) if isinstance(operand, (tuple, list)) else outs[0]


def sort_key_val(keys: Any, values: Any, dimension: int = -1, is_stable: bool = True) -> tuple[Any, Any]:
    """`keys` sorted along `dimension`, and `values`, of the same shape and any dtype, in the same order.

    Errors as in `sort`.
    """
    return sort((keys, values), dimension, is_stable, 1)


# --- top_k ----------------------------------------------------------------------------------------------


def _descending_words(x: Any) -> Any:
    """Integers whose ascending order is the descending total order of `x`."""
    if not dtypes.is_float(x.dtype):
        return ~x
    bits = x.view(f"int{8 * x.dtype.itemsize}")
    magnitude = np.iinfo(bits.dtype).max
    return ~(bits ^ ((bits >> (8 * x.dtype.itemsize - 1)) & magnitude))


def _top_k_impl(xp: Any, x: Any, *, k: int, axis: int) -> tuple[Any, Any]:
    first, words = (slice(None),) * axis + (slice(k),), _descending_words(x)
    if xp is np and words.itemsize <= 4 and 0 < k < x.shape[axis] // 2:
        largest = _first_places(words, k, axis)
    else:
        largest = library(xp).argsort(words, axis)[first]
    return xp.take_along_axis(x, largest, axis), largest.astype(np.int32)


def _first_places(words: np.ndarray, k: int, axis: int) -> np.ndarray:
    """Where the k smallest integers of up to 32 bits are, in order.

    With its place below it a word is an integer that occurs once, so that no order has to be kept in parting them:
    for a few of many that takes a tenth of the time of sorting all.
    """
    wide = np.uint64 if words.dtype.kind == "u" else np.int64
    places = np.arange(words.shape[axis], dtype=wide).reshape((-1, *[1] * (words.ndim - axis - 1)))
    keys = (words.astype(wide) << wide(32)) | places
    keys.partition(k - 1, axis)
    first = keys[(slice(None),) * axis + (slice(k),)]
    return (np.sort(first, axis) & wide(0xFFFFFFFF)).astype(np.int64)


def _top_k_row(x: np.ndarray, *, k: int, axis: int) -> tuple[np.ndarray, ...]:
    places = array_of([Scalar(v.e, v.e.value(i, dtypes.int32)) for i, v in enumerate(x)])
    words = array_of([_ordered_bits(v) for v in x])
    _, largest, found = sort_front([words, x, places], k, lambda a, b: a[0] < b[0])
    return largest, found


def _ordered_bits(x: Scalar) -> Scalar:
    """An integer whose order is the total order of numbers."""
    if not dtypes.is_float(x.dtype):
        return x
    bits = 8 * x.dtype.itemsize
    magnitude = np.iinfo(f"int{bits}").max
    word = x.apply(f"cj::bitcast<cj::i{bits}>({{0}})", dtype=np.dtype(f"int{bits}"))
    return word.apply(f"{{0}} ^ (({{0}} >> {bits - 1}) & {{1}})", word.like(magnitude))


def _top_k_shape(x: ShapedArray, *, k: int, axis: int) -> tuple[ShapedArray, ShapedArray]:
    if dtypes.is_complex(x.dtype):
        raise ValueError("top_k is not compatible with complex inputs: they have no order. Use jnp.abs(x).")
    if x.dtype not in ORDERED:
        raise dtype_error("top_k", x.dtype, ORDERED)
    if k < 0:
        raise ValueError(f"k argument to top_k must be nonnegative, got {k}")
    if k > x.shape[axis]:
        raise ValueError(
            f"k argument to top_k must be no larger than size along axis; got {k=} with shape={x.shape} "
            f"and {axis=}"
        )
    shape = (*x.shape[:axis], k, *x.shape[axis + 1 :])
    return x.update(shape=shape), ShapedArray(shape, dtypes.int32)


def _top_k_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, k: int, axis: int) -> tuple[list, list]:
    (t,) = tangents
    values, indices = top_k_p.bind(*primals, k=k, axis=axis)
    t_out = zero_tangent(values) if type(t) is Zero else take_in_order(t, indices, axis)
    return [values, indices], [t_out, zero_tangent(indices)]


def _top_k_batch(_: AxisData, operands: Sequence[Any], dims: Sequence[int], *, k: int, axis: int) -> tuple:
    return top_k_p.bind(*operands, k=k, axis=ax.shift_axis(axis, dims[0])), [dims[0]] * 2


top_k_p: Primitive = Primitive(
    "top_k", shape=_top_k_shape, impl=_top_k_impl, jvp=_top_k_jvp, transpose=NOT_LINEAR, batch=_top_k_batch,
    multiple=True, cuda=not_fusable("it is a call of a sorting library"), domain=ORDERED, family="sorting",
    lane_map=row_map(_top_k_row, _LONGEST, results=2),
    doc="The k largest elements along an axis, and their indices.", is_fresh=True,
)


def top_k(operand: Any, k: int, *, axis: int = -1) -> list[Any]:
    """The `k` largest elements of `operand` along `axis`, in descending order, and their indices (int32).

    Of equal elements the first come first.  Booleans, integers and floats; NaN counts as largest.

    ValueError when `k` is negative or above the length of the axis, and for complex operands.
    """
    axis = ax.canonical_axis(axis, aval_of(operand).ndim)
    return top_k_p.bind(operand, k=operator.index(k), axis=axis)
