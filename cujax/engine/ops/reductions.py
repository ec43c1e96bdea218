"""Reductions over axes (`reduce_sum` is structural, being the transpose of a broadcast).

    reduce_prod reduce_max reduce_min       numbers; of nothing: 1, the least, the greatest value
    reduce_and reduce_or reduce_xor         bits of integers, or truth values
    argmax argmin                           places of extrema: the first one, or the first NaN

`lax.reduce`, the reduction by any function, is made of these and of slices: see cujax/api/reduce.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from cujax.engine.backends.select import library
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.axis import AxisData
from cujax.engine.core.primitive import NOT_LINEAR, Primitive
from cujax.engine.core.trace import aval_of
from cujax.engine.ground import dtypes
from cujax.engine.ops import axes as ax
from cujax.engine.ops.conversion import convert_element_type
from cujax.engine.ops.cumulative import cumprod, previous
from cujax.engine.ops.elementwise import div, mul
from cujax.engine.ops.families import (
    BITS,
    NUMBER,
    NUMERIC,
    ORDERED,
    ZERO_TANGENT,
    dtype_error,
    operands,
    reduction,
)
from cujax.engine.ops.logic import eq
from cujax.engine.ops.structural import (
    broadcast_in_dim,
    dtype_of,
    ndim_of,
    reduce_sum,
    reshape,
    shape_of,
    transpose,
    zero_tangent_jvp,
)


def _is_half(dtype: Any) -> bool:
    return dtype.itemsize == 2 and dtypes.is_float(dtype)


# --- product ------------------------------------------------------------------------------------------


def _reduce_prod_impl(xp: Any, x: Any, *, axes: tuple) -> Any:
    carried = np.float32 if _is_half(x.dtype) else x.dtype
    return xp.prod(x.astype(carried, copy=False), axis=axes, dtype=carried).astype(x.dtype, copy=False)


def _reduce_prod_tangent(t: Any, out: Any, x: Any, *, axes: tuple) -> Any:
    """Each element counts with the product of the others: of those before it and of those after it."""
    order = (*axes, *ax.other_axes(ndim_of(x), axes))
    front = transpose(x, order)
    flat = reshape(front, (prod(shape_of(front)[: len(axes)]), *shape_of(front)[len(axes) :]))
    before, after = (
        previous(cumprod(flat, 0, reverse), 1, axis=0, reverse=reverse) for reverse in (False, True)
    )
    others = reshape(mul(before, after), shape_of(front))
    return reduce_sum(mul(t, transpose(others, ax.inverse_permutation(order))), axes)


reduce_prod_p, reduce_prod = reduction(
    "reduce_prod", domain=NUMBER, doc="Product.", cuda="cj::Product", impl=_reduce_prod_impl,
    jvp=_reduce_prod_tangent,
)

# --- extrema ------------------------------------------------------------------------------------------


def least_value(dtype: Any) -> Any:
    """The identity of max: minus infinity, the least integer, or False."""
    if dtypes.is_inexact(dtype):
        return dtype.type(-np.inf)
    return dtype.type(0 if dtypes.is_bool(dtype) else dtypes.iinfo(dtype).min)


def greatest_value(dtype: Any) -> Any:
    """The identity of min: infinity, the greatest integer, or True."""
    if dtypes.is_inexact(dtype):
        return dtype.type(np.inf)
    return dtype.type(1 if dtypes.is_bool(dtype) else dtypes.iinfo(dtype).max)


def _extremum_impl(name: str, identity: Callable) -> Callable:
    def impl(xp: Any, x: Any, *, axes: tuple) -> Any:
        shape = ax.remove_axes(x.shape, axes)
        if x.size == 0:
            return xp.full(shape, identity(x.dtype), x.dtype)
        if _is_half(x.dtype):
            return getattr(xp, name)(x.astype(np.float32), axis=axes).astype(x.dtype)
        return getattr(xp, name)(x, axis=axes)

    return impl


def _extremum_tangent(t: Any, out: Any, x: Any, *, axes: tuple) -> Any:
    """The mean over the elements that are the extremum; NaN where the extremum is NaN."""
    spread = broadcast_in_dim(out, shape_of(x), ax.other_axes(ndim_of(x), axes))
    chosen = convert_element_type(eq(x, spread), dtype_of(t))
    return div(reduce_sum(mul(t, chosen), axes), reduce_sum(chosen, axes))


reduce_max_p, reduce_max = reduction(
    "reduce_max", domain=NUMERIC, doc="Greatest element, NaN if there is one.", cuda="cj::Max",
    impl=_extremum_impl("max", least_value), jvp=_extremum_tangent,
)
reduce_min_p, reduce_min = reduction(
    "reduce_min", domain=NUMERIC, doc="Smallest element, NaN if there is one.", cuda="cj::Min",
    impl=_extremum_impl("min", greatest_value), jvp=_extremum_tangent,
)

# --- bits ---------------------------------------------------------------------------------------------


def _bits(name: str, ufunc: str, doc: str) -> tuple[Primitive, Callable]:
    return reduction(
        name, domain=BITS, doc=doc, cuda=f"cj::{name.title().replace('Reduce_', '')}", jvp=ZERO_TANGENT,
        impl=lambda xp, x, *, axes: library(xp).reduce_bits(ufunc, x, axes),
    )


reduce_and_p, reduce_and = _bits("reduce_and", "bitwise_and", "Bits that all elements have.")
reduce_or_p, reduce_or = _bits("reduce_or", "bitwise_or", "Bits that any element has.")
reduce_xor_p, reduce_xor = _bits("reduce_xor", "bitwise_xor", "Bits that an odd number of elements has.")

# --- places of extrema --------------------------------------------------------------------------------


def _place(name: str, doc: str) -> tuple[Primitive, Callable]:
    """`argmax` or `argmin`, and its function."""

    def shape(x: ShapedArray, *, axes: tuple, index_dtype: Any) -> ShapedArray:
        if x.dtype not in ORDERED:
            raise dtype_error(name, x.dtype, ORDERED)
        if len(axes) != 1 or not 0 <= axes[0] < x.ndim:
            raise ValueError(f"{name}: axis {axes} is not one axis of an operand of shape {x.shape}")
        if x.shape[axes[0]] == 0:
            raise ValueError(f"{name} of no elements: axis {axes[0]} of an operand {x.shape} is empty")
        if not dtypes.is_integer(index_dtype):
            raise TypeError(f"{name}: index_dtype must be an integer dtype, got {index_dtype}")
        return ShapedArray(ax.remove_axes(x.shape, axes), index_dtype)

    def impl(xp: Any, x: Any, *, axes: tuple, index_dtype: Any) -> Any:
        wide = x.astype(np.float32) if _is_half(x.dtype) else x
        return getattr(xp, name)(wide, axis=axes[0]).astype(index_dtype)

    def batch(_: AxisData, xs: Sequence[Any], dims: Sequence[int], *, axes: tuple, index_dtype: Any) -> tuple:
        shifted = ax.shift_axes(axes, dims[0])
        return p.bind(xs[0], axes=shifted, index_dtype=index_dtype), ax.dim_after_removing(dims[0], shifted)

    p: Primitive = Primitive(
        name, shape=shape, impl=impl, jvp=zero_tangent_jvp(lambda: p), transpose=NOT_LINEAR, batch=batch,
        cuda=f"cj::{name.title()}", doc=doc, domain=ORDERED, family="reduction",
    )

    def function(operand: Any, axis: int, index_dtype: Any) -> Any:
        (x,) = operands(operand)
        axis = ax.canonical_axis(axis, aval_of(x).ndim)
        return p.bind(x, axes=(axis,), index_dtype=dtypes.canonicalize(dtypes.as_dtype(index_dtype)))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{doc}\n\nAlong `axis`, in `index_dtype`.  ValueError for an empty axis."
    return p, function


argmax_p, argmax = _place("argmax", "Index of the first greatest element, or of the first NaN.")
argmin_p, argmin = _place("argmin", "Index of the first smallest element, or of the first NaN.")
