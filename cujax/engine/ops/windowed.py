"""Sums and extrema over windows: `reduce_window_sum`, `reduce_window_max`, `reduce_window_min`.

How windows lie in an array is a `Window` (`window_passes.py`); its fields are the params of all ops here.

The sum is linear, and its transpose is again a windowed sum.  An extremum is differentiated through the
place in the window of the element that was chosen, the first one where several are equal:

    window_place(x)              the number of the chosen element of each window, padding included
    window_take(t, places)       that element of another array; linear, its transpose is
    window_put(ct, places)       each element added where it was taken from

`lax.reduce_window`, the reduction by any function, stands in cujax/api/reduce_window.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.axis import AxisData
from cujax.engine.core.primitive import NOT_LINEAR, Primitive, not_fusable
from cujax.engine.core.trace import aval_of
from cujax.engine.core.zero import Zero, is_zero
from cujax.engine.ground import dtypes
from cujax.engine.ops.constants import zeros_of
from cujax.engine.ops.conv_dimensions import Shape, pads_of_transpose
from cujax.engine.ops.families import NUMBER, NUMERIC, Domain, dtype_error
from cujax.engine.ops.reductions import greatest_value, least_value
from cujax.engine.ops.structural import move_dim, shape_of, zero_tangent_jvp
from cujax.engine.ops.window_passes import Window, place_impl, put_impl, reduce_impl, take_impl


def reduce_window_shape(shape: Shape, window: Window) -> Shape:
    """The shape of a windowed reduction of an operand of `shape`.

    TypeError for entries that are missing or not positive, ValueError for a wrong number of pads.
    """
    for name, entries in window._asdict().items():
        if len(entries) != len(shape):
            kind = ValueError if name == "padding" else TypeError
            raise kind(
                f"reduce_window {name} needs an entry for each axis of the operand, got {entries} for an "
                f"operand of shape {shape}"
            )
        if name != "padding" and any(e < 1 for e in entries):
            raise TypeError(f"reduce_window {name} must be positive, got {entries}")
    return window.places(shape)


def _shape_rule(name: str, domain: Domain, result: Callable[[Any], Any]) -> Callable:
    def rule(x: ShapedArray, **params: Any) -> ShapedArray:
        if x.dtype not in domain:
            raise dtype_error(name, x.dtype, domain)
        shape, dtype = reduce_window_shape(x.shape, Window(**params)), result(x.dtype)
        return ShapedArray(shape, dtype, x.weak_type and dtype == x.dtype)

    return rule


# --- batches --------------------------------------------------------------------------------------------


def _unary_batch(primitive: Callable[[], Primitive]) -> Callable:
    def rule(axis: AxisData, xs: Sequence[Any], dims: Sequence[int], **params: Any) -> tuple[Any, int]:
        others = {k: params.pop(k) for k in tuple(params) if k not in Window._fields}
        return primitive().bind(xs[0], **Window(**params).insert(dims[0])._asdict(), **others), dims[0]

    return rule


def _binary_batch(primitive: Callable[[], Primitive]) -> Callable:
    """Of `window_take` and `window_put`: both operands need the batch axis."""

    def rule(axis: AxisData, xs: Sequence[Any], dims: Sequence[int | None], **params: Any) -> tuple[Any, int]:
        x, places = (move_dim(axis, x, d, 0) for x, d in zip(xs, dims, strict=True))
        if "operand_shape" in params:
            params["operand_shape"] = (axis.size, *params["operand_shape"])
        window = Window(**{name: params.pop(name) for name in Window._fields}).insert(0)
        return primitive().bind(x, places, **window._asdict(), **params), 0

    return rule


# --- the sum --------------------------------------------------------------------------------------------


def _sum_jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> tuple[Any, Any]:
    out = reduce_window_sum_p.bind(*primals, **params)
    return out, reduce_window_sum_p.bind(*tangents, **params)


def _sum_transpose(ct: Any, x: Any, **params: Any) -> tuple:
    """Each element gets the cotangents of the windows it lies in: a windowed sum of the dilated cotangent."""
    window = Window(**params)
    if 0 in shape_of(ct):
        return (zeros_of(x.aval),)
    pads = pads_of_transpose(
        x.aval.shape, window.base_dilation, window.window_dimensions, window.window_dilation, shape_of(ct),
        window.window_strides, window.padding,
    )
    back = window._replace(
        window_strides=window.base_dilation, base_dilation=window.window_strides, padding=pads
    )
    return (reduce_window_sum_p.bind(ct, **back._asdict()),)


_STEP = not_fusable("it reads overlapping windows, which a step of its own combines axis by axis")

reduce_window_sum_p: Primitive = Primitive(
    "reduce_window_sum", shape=_shape_rule("reduce_window_sum", NUMBER, lambda dtype: dtype),
    impl=reduce_impl("add", lambda dtype: 0), jvp=_sum_jvp, transpose=_sum_transpose,
    batch=_unary_batch(lambda: reduce_window_sum_p), cuda=_STEP, domain=NUMBER, family="windowed",
    doc="Sum over each window.",
)

# --- extrema --------------------------------------------------------------------------------------------


def _extremum(name: str, ufunc: str, greatest: bool, identity: Callable, doc: str) -> Primitive:
    def jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> tuple[Any, Any]:
        out = p.bind(*primals, **params)
        places = window_place_p.bind(*primals, greatest=greatest, **params)
        return out, window_take_p.bind(*tangents, places, **params)

    p: Primitive = Primitive(
        name, shape=_shape_rule(name, NUMERIC, lambda dtype: dtype), impl=reduce_impl(ufunc, identity),
        jvp=jvp, transpose=NOT_LINEAR, batch=_unary_batch(lambda: p), cuda=_STEP, domain=NUMERIC,
        family="windowed", doc=doc,
    )
    return p


reduce_window_max_p = _extremum(
    "reduce_window_max", "maximum", True, least_value, "Greatest element of each window; NaN if one is NaN."
)
reduce_window_min_p = _extremum(
    "reduce_window_min", "minimum", False, greatest_value,
    "Smallest element of each window; NaN if one is NaN.",
)


def _place_shape(x: ShapedArray, *, greatest: bool, **params: Any) -> ShapedArray:
    return _shape_rule("window_place", NUMERIC, lambda dtype: dtypes.int32)(x, **params)


window_place_p: Primitive = Primitive(
    "window_place", shape=_place_shape, impl=place_impl, jvp=zero_tangent_jvp(lambda: window_place_p),
    transpose=NOT_LINEAR, batch=_unary_batch(lambda: window_place_p), cuda=_STEP, domain=NUMERIC,
    family="windowed", doc="Which element of each window is the extremum.",
)


def _linear_in_first(primitive: Callable[[], Primitive]) -> Callable:
    """The jvp of an op that is linear in its first operand; the second holds integers."""

    def rule(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> tuple[Any, Any]:
        out, t = primitive().bind(*primals, **params), tangents[0]
        if is_zero(t):
            return out, Zero(aval_of(out).to_tangent_aval())
        return out, primitive().bind(t, primals[1], **params)

    return rule


window_take_p: Primitive = Primitive(
    "window_take", shape=lambda t, places, **params: ShapedArray(places.shape, t.dtype), impl=take_impl,
    jvp=_linear_in_first(lambda: window_take_p),
    transpose=lambda ct, t, places, **params: (
        window_put_p.bind(ct, places, operand_shape=t.aval.shape, **params), None
    ),
    batch=_binary_batch(lambda: window_take_p), cuda=_STEP, domain=NUMBER, family="windowed",
    doc="One element of each window.",
)
window_put_p: Primitive = Primitive(
    "window_put", shape=lambda ct, places, *, operand_shape, **params: ShapedArray(operand_shape, ct.dtype),
    impl=put_impl, jvp=_linear_in_first(lambda: window_put_p),
    transpose=lambda ct, x, places, *, operand_shape, **params: (
        window_take_p.bind(ct, places, **params), None
    ),
    batch=_binary_batch(lambda: window_put_p), cuda=_STEP, domain=NUMBER, family="windowed",
    doc="Elements added to one element of each window.",
)
