"""Running reductions along an axis, and the linear recurrence that differentiates them.

    cumsum cumprod cummax cummin cumlogsumexp       out[k] = f(out[k-1], x[k])
    recurrence                                      h[k] = a[k] h[k-1] + b[k]

With `f1`, `f2` the partial derivatives of f, the tangent of a running reduction is itself a recurrence,
dout[k] = f1 dout[k-1] + f2 dx[k], right also where a product meets zeros and a maximum meets ties.  It is
linear in b, its transpose is the recurrence from the other end, and so every order of derivative follows.

`_running` evaluates any of them, since each is a prefix of an associative operation.  Sums and products
are carried in the next wider dtype.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.axis import AxisData
from cujax.engine.core.primitive import Primitive, not_fusable
from cujax.engine.core.tape import literal
from cujax.engine.core.zero import Zero, is_linear
from cujax.engine.ground import dtypes
from cujax.engine.ops import axes as ax
from cujax.engine.ops.elementwise import add, exp, mul, sub
from cujax.engine.ops.families import INEXACT, NUMBER, align_batch, cumulative, dtype_error
from cujax.engine.ops.lane_maps import Scalar, array_of, converted, row_map, widened
from cujax.engine.ops.logic import eq, select_n
from cujax.engine.ops.rounding import share_of_tie
from cujax.engine.ops.slicing import pad
from cujax.engine.ops.structural import dtype_of, ndim_of, placed

# --- evaluation ---------------------------------------------------------------------------------------

_WIDER = {
    dtypes.float16: dtypes.float32, dtypes.bfloat16: dtypes.float32, dtypes.float32: dtypes.float64,
    dtypes.complex64: dtypes.complex128,
}


def _running(xp: Any, combine: Callable, xs: Sequence[Any]) -> Sequence[Any]:
    """All prefixes along axis 0 of the associative `combine`, which takes and gives lists of arrays.

    Neighbours are combined, the prefixes of that half as long array are those at odd places, and one more
    combination each gives those at even places: 2n operations in 2 log n steps.
    """
    n = len(xs[0])
    if n < 2:
        return xs
    odd = _running(xp, combine, combine([x[: n - 1 : 2] for x in xs], [x[1::2] for x in xs]))
    even = combine([o[: (n - 1) // 2] for o in odd], [x[2::2] for x in xs])
    return [_interleaved(xp, x[0], o, e, n) for x, o, e in zip(xs, odd, even, strict=True)]


def _interleaved(xp: Any, first: Any, odd: Any, even: Any, n: int) -> Any:
    out = xp.empty((n, *odd.shape[1:]), odd.dtype)
    out[0], out[1::2], out[2::2] = first, odd, even
    return out


def _along(
    xp: Any, function: Callable, xs: Sequence[Any], axis: int, reverse: bool, dtype: Any, out: Any = None
) -> Any:
    """The last result of `function(xs)` along axis 0, as seen from `axis`, from its end when `reverse`; in `dtype`."""
    step = -1 if reverse else 1
    last = function([xp.moveaxis(x, axis, 0)[::step] for x in xs])[-1]
    found = xp.moveaxis(last[::step], 0, axis)
    return found.astype(dtype) if out is None else placed(xp, found, out)


_LONG_ROWS = 512  # elements; over shorter ones the calls of NumPy take longer than the arithmetic


def _accumulated(xp: Any, combine: str, x: Any, dtype: Any) -> Any:
    """The running results of a ufunc along axis 0, carried in `dtype`."""
    rest = x.strides[1:]
    if xp is not np or not rest or x[:1].size < _LONG_ROWS or max(rest) > abs(x.strides[0]):
        return getattr(xp, f"cum{combine}")(x, axis=0, dtype=dtype)
    return _row_after_row(np.add if combine == "sum" else np.multiply, x, dtype)


def _row_after_row(combine: np.ufunc, x: np.ndarray, dtype: Any) -> np.ndarray:
    """`combine.accumulate` along axis 0, where NumPy follows one column after the other, and all of it in `dtype`."""
    out, row = np.empty_like(x), x[0].astype(dtype)
    out[0] = row
    for before, after in zip(x[1:], out[1:], strict=True):
        after[...] = combine(row, before, out=row)
    return out


def _wide_impl(combine: str) -> Callable:
    """`xp.cumsum` or `xp.cumprod`, carried in a wider dtype."""

    def impl(xp: Any, x: Any, *, axis: int, reverse: bool, out: Any = None) -> Any:
        def run(xs: Sequence[Any]) -> Sequence[Any]:
            return [_accumulated(xp, combine, xs[0], _WIDER.get(x.dtype, x.dtype))]

        return _along(xp, run, [x], axis, reverse, x.dtype, out)

    return impl


def _running_impl(combine: Callable) -> Callable:
    """The impl of a running reduction by `combine(xp, x, y)`; 16-bit floats are carried in float32."""

    def impl(xp: Any, x: Any, *, axis: int, reverse: bool, out: Any = None) -> Any:
        def pair(left: Sequence[Any], right: Sequence[Any]) -> Sequence[Any]:
            return [combine(xp, left[0], right[0])]

        wide = x.astype(np.float32) if dtypes.is_float(x.dtype) and x.dtype.itemsize == 2 else x
        return _along(xp, lambda xs: _running(xp, pair, xs), [wide], axis, reverse, x.dtype, out)

    return impl


# --- within a lane ------------------------------------------------------------------------------------

_LONGEST = 64  # rows that a lane writes out


def _in_order(step: Callable, *columns: np.ndarray, reverse: bool) -> np.ndarray:
    """The results of `step(result before, *elements)` one after the other, from the end if `reverse`."""
    dtype = columns[-1][0].dtype
    found: list[Scalar] = []
    for elements in list(zip(*map(widened, columns), strict=True))[:: -1 if reverse else 1]:
        found.append(step(found[-1] if found else None, *elements))
    return converted(array_of(found[::-1] if reverse else found), dtype)


def _running_row(combine: Callable) -> Any:
    """The lane rule of a running reduction by `combine`, of scalars."""

    def compute(x: np.ndarray, *, axis: int, reverse: bool) -> np.ndarray:
        return _in_order(lambda before, v: v if before is None else combine(before, v), x, reverse=reverse)

    return row_map(compute, _LONGEST)


def _recurrence_row(a: np.ndarray, b: np.ndarray, *, axis: int, reverse: bool) -> np.ndarray:
    return _in_order(lambda h, x, y: y if h is None else x * h + y, a, b, reverse=reverse)


def _logaddexp_of_scalars(x: Scalar, y: Scalar) -> Scalar:
    """Of the larger real part, which must be finite to be subtracted."""
    re = "cj::real({%d})" if dtypes.is_complex(x.dtype) else "{%d}"
    top = x.apply(f"cj::max({re % 0}, {re % 1})", y, dtype=dtypes.to_real(x.dtype))
    near = top.apply("cj::is_finite({0}) ? {0} : {1}", top.like(0)).convert(x.dtype)
    total = (x - near).apply("cj::exp({0})") + (y - near).apply("cj::exp({0})")
    return total.apply("cj::log({0})") + near


# --- the linear recurrence ------------------------------------------------------------------------------


def previous(x: Any, fill: float, *, axis: int, reverse: bool) -> Any:
    """The element before each along `axis` (after it when `reverse`), and `fill` at the end."""
    moved = (-1, 1, 0) if reverse else (1, -1, 0)
    config = [moved if a == axis else (0, 0, 0) for a in range(ndim_of(x))]
    return pad(x, literal(fill, dtype_of(x)), config)


def _recurrence_shape(a: ShapedArray, b: ShapedArray, *, axis: int, reverse: bool) -> ShapedArray:
    if a.dtype not in INEXACT:
        raise dtype_error("recurrence", a.dtype, INEXACT)
    if a.shape != b.shape or a.dtype != b.dtype or not 0 <= axis < a.ndim:
        raise TypeError(f"recurrence: a and b must be alike, with axis {axis}; got {a} and {b}")
    return b


def _recurrence_impl(xp: Any, a: Any, b: Any, *, axis: int, reverse: bool, out: Any = None) -> Any:
    def pair(left: Sequence[Any], right: Sequence[Any]) -> Sequence[Any]:
        return [left[0] * right[0], left[1] * right[0] + right[1]]

    wide = np.dtype(np.float32) if b.dtype.itemsize == 2 else b.dtype
    xs = [a.astype(wide, copy=False), b.astype(wide, copy=False)]
    return _along(xp, lambda xs: _running(xp, pair, xs), xs, axis, reverse, b.dtype, out)


def _recurrence_jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> tuple[Any, Any]:
    (a, _), (ta, tb) = primals, tangents
    out = recurrence_p.bind(*primals, **params)
    if type(ta) is not Zero:
        through_a = mul(ta, previous(out, 0, **params))
        tb = through_a if type(tb) is Zero else add(through_a, tb)
    return out, recurrence_p.bind(a, tb, **params)


def _recurrence_transpose(ct: Any, a: Any, b: Any, *, axis: int, reverse: bool) -> tuple[None, Any]:
    assert is_linear(b) and not is_linear(a)
    back = not reverse
    return None, recurrence(previous(a, 0, axis=axis, reverse=back), ct, axis, back)


def _recurrence_batch(
    axis_data: AxisData, xs: Sequence[Any], dims: Sequence[int | None], *, axis: int, reverse: bool
) -> tuple[Any, int]:
    (a, b), dim = align_batch(axis_data, xs, dims)
    return recurrence(a, b, ax.shift_axis(axis, dim), reverse), dim


recurrence_p = Primitive(
    "recurrence", shape=_recurrence_shape, impl=_recurrence_impl, jvp=_recurrence_jvp,
    transpose=_recurrence_transpose, batch=_recurrence_batch,
    cuda=not_fusable("each element needs the ones before it"),
    doc="h[k] = a[k] h[k-1] + b[k] along an axis, from h = 0.", domain=INEXACT, family="cumulative", writes_out=True,
    lane_map=row_map(_recurrence_row, _LONGEST, results=1),
)


def recurrence(a: Any, b: Any, axis: int, reverse: bool = False) -> Any:
    """h with h[k] = a[k] h[k-1] + b[k] along `axis` (h[k+1] when `reverse`), from h = 0.

    a and b have one shape and one floating-point or complex dtype; h is like them.
    """
    return recurrence_p.bind(a, b, axis=axis, reverse=reverse)


# --- running reductions ---------------------------------------------------------------------------------


def _cumprod_tangent(t: Any, out: Any, x: Any, **params: Any) -> Any:
    return recurrence(x, mul(t, previous(out, 1, **params)), **params)


def _extremum_tangent(t: Any, out: Any, x: Any, **params: Any) -> Any:
    """A tie shares equally between the element and all before it; nothing is before the first (NaN)."""
    before = previous(out, np.nan, **params)
    return recurrence(share_of_tie(before, out, x), mul(t, share_of_tie(x, out, before)), **params)


def _cumlogsumexp_tangent(t: Any, out: Any, x: Any, **params: Any) -> Any:
    def share(part: Any) -> Any:  # equal infinities have no difference
        return exp(select_n(eq(part, out), sub(part, out), 0))

    return recurrence(share(previous(out, -np.inf, **params)), mul(t, share(x)), **params)


def _logaddexp(xp: Any, x: Any, y: Any) -> Any:
    if not dtypes.is_complex(x.dtype):
        return xp.logaddexp(x, y)
    top = xp.maximum(x.real, y.real)
    top = xp.where(xp.isfinite(top), top, 0)
    return xp.log(xp.exp(x - top) + xp.exp(y - top)) + top


cumsum_p, cumsum = cumulative(
    "cumsum", domain=NUMBER, doc="Running sum.", impl=_wide_impl("sum"),
    lane_map=_running_row(lambda x, y: x + y),
    jvp=lambda t, out, x, **params: cumsum(t, **params),
    transpose=lambda ct, x, *, axis, reverse: (cumsum(ct, axis, not reverse),),
)
cumprod_p, cumprod = cumulative(
    "cumprod", domain=NUMBER, doc="Running product.", impl=_wide_impl("prod"), jvp=_cumprod_tangent,
    lane_map=_running_row(lambda x, y: x * y),
)
cummax_p, cummax = cumulative(
    "cummax", domain=NUMBER, doc="Running maximum, NaN from the first NaN on.", jvp=_extremum_tangent,
    impl=_running_impl(lambda xp, x, y: xp.maximum(x, y)),
    lane_map=_running_row(lambda x, y: x.apply("cj::max({0}, {1})", y)),
)
cummin_p, cummin = cumulative(
    "cummin", domain=NUMBER, doc="Running minimum, NaN from the first NaN on.", jvp=_extremum_tangent,
    impl=_running_impl(lambda xp, x, y: xp.minimum(x, y)),
    lane_map=_running_row(lambda x, y: x.apply("cj::min({0}, {1})", y)),
)
cumlogsumexp_p, cumlogsumexp = cumulative(
    "cumlogsumexp", domain=INEXACT, doc="Logarithm of the running sum of exponentials.",
    impl=_running_impl(_logaddexp), jvp=_cumlogsumexp_tangent, lane_map=_running_row(_logaddexp_of_scalars),
)
