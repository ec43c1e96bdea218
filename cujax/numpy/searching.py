"""Searching in sorted arrays, counting into bins, interpolation."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np

from cujax import lax
from cujax.api.traced_once import traced_once
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.numpy.arithmetic import remainder
from cujax.numpy.creation import asarray, full
from cujax.numpy.joining import concatenate
from cujax.numpy.logic import choose_where
from cujax.numpy.promotion import (
    GIVE_SIZE,
    ArrayLike,
    arrays_of,
    as_array,
    check_arraylike,
    known_values,
    promote_dtypes,
    promote_inexact,
)
from cujax.numpy.reshaping import ravel
from cujax.numpy.sorting import argsort

# --- searchsorted ---------------------------------------------------------------------------------------


def _precedes(x: Array, y: Array) -> Array:
    """x < y in the order of `sort`: NaN after everything, and equal to itself."""
    if dtypes.is_complex(x.dtype):
        re_x, re_y = lax.real(x), lax.real(y)
        tie = lax.bitwise_not(lax.bitwise_or(_precedes(re_x, re_y), _precedes(re_y, re_x)))
        return lax.select_n(tie, _precedes(re_x, re_y), _precedes(lax.imag(x), lax.imag(y)))
    if not dtypes.is_float(x.dtype):
        return lax.lt(x, y)
    return lax.bitwise_or(lax.lt(x, y), lax.bitwise_and(lax.eq(x, x), lax.ne(y, y)))


def _by_bisection(a: Array, v: Array, belongs_before: Callable) -> Array:
    """Steps of powers of two, none of which leads beyond the ends (L. Shar; D. Knuth, TAOCP 3, 6.2.1, algorithm C).

    After the first the answer is one of `step` places from `place` on, which are halved until it is `place`.
    """
    length = a.shape[0]
    step = 1 << (length.bit_length() - 1)
    dtype = np.uint32 if length < 2**32 else np.uint64
    zero, start = full(v.shape, 0, dtype), full(v.shape, length - step + 1, dtype)
    place = choose_where(belongs_before(v, a[step - 1]), zero, start)
    while step > 1:
        step //= 2
        is_before = belongs_before(v, a.at[place + (step - 1)].get(mode="promise_in_bounds"))
        place = place + choose_where(is_before, zero, full(v.shape, step, dtype))
    return place


def _by_comparing(a: Array, v: Array, belongs_before: Callable) -> Array:
    """How many elements of `a` stand before each of `v`."""
    shape = (*v.shape, a.shape[0])
    each_v = lax.broadcast_in_dim(v, shape, range(v.ndim))
    each_a = lax.broadcast_in_dim(a, shape, (v.ndim,))
    behind = lax.bitwise_not(belongs_before(each_v, each_a))
    return lax.reduce_sum(lax.convert_element_type(behind, np.int32), (v.ndim,))


_METHODS: dict[str, Callable] = {
    "scan": _by_bisection,
    "scan_unrolled": _by_bisection,
    "sort": _by_bisection,
    "compare_all": _by_comparing,
}


@traced_once("a", "v", "sorter")
def searchsorted(
    a: ArrayLike, v: ArrayLike, side: str = "left", sorter: ArrayLike | None = None, *, method: str = "scan"
) -> Array:
    """Where the elements of v would be inserted in the sorted vector a, before ("left") or after equal ones.

    sorter: indices that sort `a`.  method: "scan" (bisection), "compare_all" (one pass, for short `a`);
    the other names of JAX mean bisection.  ValueError for another side or method, or for an `a` with
    other than one axis.
    """
    if side not in ("left", "right"):
        raise ValueError(
            f"{side!r} is an invalid value for keyword 'side'. Expected one of ['left', 'right']."
        )
    if method not in _METHODS:
        raise ValueError(
            f"{method!r} is an invalid value for keyword 'method'. Expected one of {list(_METHODS)}."
        )
    a, v = arrays_of(promote_dtypes("searchsorted", a, v))
    if a.ndim != 1:
        raise ValueError(f"a should be 1-dimensional, got shape {a.shape}")
    if sorter is not None:
        a = a[as_array("searchsorted", sorter)]
    dtype = np.int32 if a.size < 2**31 else np.int64
    if not a.size:
        return full(v.shape, 0, dtype)
    before = (lambda x, y: lax.bitwise_not(_precedes(y, x))) if side == "left" else _precedes
    return lax.convert_element_type(_METHODS[method](a, v, before), dtype)


@traced_once("x", "bins")
def digitize(x: ArrayLike, bins: ArrayLike, right: bool = False, *, method: str | None = None) -> Array:
    """Number of the bin of each element of x; bins: edges in ascending or descending order.

    A bin contains its lower edge, or its upper edge if `right`; for descending bins the other way round.
    """
    bins = as_array("digitize", bins, 1)
    if bins.ndim != 1:
        raise ValueError(f"digitize: bins must be a 1-dimensional array; got {bins.shape=}")
    length = bins.shape[0]
    side = "right" if not right else "left"
    method = method or "scan"
    if not length:
        return full(np.shape(x), 0, np.int32)
    rising = searchsorted(bins, x, side, method=method)
    falling = length - searchsorted(lax.rev(bins, (0,)), x, side, method=method)
    return choose_where(bins[-1] >= bins[0], rising, falling)


# --- counting -----------------------------------------------------------------------------------------


def bincount(
    x: ArrayLike, weights: ArrayLike | None = None, minlength: int = 0, *, length: int | None = None,
    out_sharding: Any = None,
) -> Array:
    """How often each integer from 0 on occurs in the vector x, or the sum of the weights where it does.

    length: of the result; integers beyond are dropped.  Without it x must be known, and the result ends
    with the largest, or at `minlength`.  Negative integers count as 0.
    """
    x = as_array("bincount", x)
    if not dtypes.is_integer(x.dtype) and not dtypes.is_bool(x.dtype):
        raise TypeError(f"x argument to bincount must have an integer type; got {x.dtype}")
    if x.ndim != 1:
        raise ValueError("only 1-dimensional input supported.")
    minlength = operator.index(minlength)
    if length is None:
        values = known_values("jnp.bincount", x, "Give `length`, the length of the result.")
        length = max(minlength, int(values.max()) + 1 if values.size else 0)
    else:
        length = max(operator.index(length), minlength)
    amount = asarray(1, dtypes.python_scalar_dtype(int)) if weights is None else as_array("bincount", weights)
    if weights is not None and amount.shape != x.shape:
        raise ValueError("shape of weights must match shape of x.")
    places = lax.max(lax.convert_element_type(x, dtypes.python_scalar_dtype(int)), 0)
    return full((length,), 0, amount.dtype).at[places].add(amount, mode="drop")


# --- interpolation --------------------------------------------------------------------------------------


@traced_once("x", "xp", "fp", "left", "right", "period")
def interp(
    x: ArrayLike, xp: ArrayLike, fp: ArrayLike, left: ArrayLike | str | None = None,
    right: ArrayLike | str | None = None, period: ArrayLike | None = None,
) -> Array:
    """The piecewise linear function through the points (xp, fp), at x.

    xp: ascending vector; fp: values there.  left, right: the value before the first and after the last
    point (the end values by default), or "extrapolate".  period: of the function; xp need not be sorted.
    ValueError for other shapes, and without points.
    """
    check_arraylike("interp", x, xp, fp)
    if np.shape(xp) != np.shape(fp) or np.ndim(xp) != 1:
        raise ValueError("xp and fp must be one-dimensional arrays of equal size")
    if not np.size(xp):
        raise ValueError("interp: xp and fp have no elements, so there is no function")
    x, xp = arrays_of(promote_inexact("interp", x, xp))
    (fp,) = arrays_of(promote_inexact("interp", fp))
    if dtypes.is_complex(x.dtype):
        raise ValueError("jnp.interp: complex x values not supported.")
    if period is not None:
        x, xp, fp = _periodic(x, xp, fp, as_array("interp", period))
        left = right = None
    return _interpolate(x, xp, fp, left, right)


def _periodic(x: Array, xp: Array, fp: Array, period: Array) -> tuple[Array, Array, Array]:
    """Points of one period in order, with one more on each side."""
    if period.ndim:
        raise ValueError(f"period must be a scalar; got {period}")
    period = lax.abs(lax.convert_element_type(period, x.dtype))
    x, xp = remainder(x, period), remainder(xp, period)
    order = argsort(xp)
    xp, fp = xp[order], fp[order]
    return x, concatenate([xp[-1:] - period, xp, xp[:1] + period]), concatenate([fp[-1:], fp, fp[:1]])


def _interpolate(x: Array, xp: Array, fp: Array, left: Any, right: Any) -> Array:
    last = xp.shape[0] - 1
    i = lax.clamp(
        np.int32(1), lax.convert_element_type(searchsorted(xp, x, "right"), np.int32), np.int32(max(last, 1))
    )
    x0, y0 = xp.at[i - 1].get(mode="clip"), fp.at[i - 1].get(mode="clip")
    dx, dy = xp.at[i].get(mode="clip") - x0, fp.at[i].get(mode="clip") - y0
    degenerate = lax.abs(dx) <= _negligible(x.dtype)
    slope = (x - x0) / choose_where(degenerate, 1, dx) * dy
    result = choose_where(degenerate, y0, y0 + slope)
    for value, outside, end in ((left, x < xp[0], fp[0]), (right, x > xp[-1], fp[-1])):
        if isinstance(value, str):
            if value != "extrapolate":
                raise ValueError(
                    f"the only valid string value of left or right is 'extrapolate', but got: {value!r}"
                )
        else:
            result = choose_where(outside, end if value is None else value, result)
    return result


def _negligible(dtype: Any) -> float:
    """A distance at which two points count as one."""
    eps = ml_dtypes.finfo(dtype).eps
    return float(np.spacing(eps if dtype == np.float64 else np.float32(eps)))


# --- membership ---------------------------------------------------------------------------------------


_ISIN_METHODS = ("compare_all", "binary_search", "sort", "auto")


@traced_once("element", "test_elements")
def isin(
    element: ArrayLike, test_elements: ArrayLike, assume_unique: bool = False, invert: bool = False, *,
    method: str = "auto",
) -> Array:
    """Whether each element occurs in test_elements (does not, if `invert`).

    method: one of JAX's, all with the same result.  ValueError for other words.
    """
    if method not in _ISIN_METHODS:
        raise ValueError(f"isin: method must be one of {', '.join(map(repr, _ISIN_METHODS))}; got {method!r}")
    element, tests = arrays_of(promote_dtypes("isin", element, test_elements))
    flat = ravel(tests)
    shape = (*element.shape, flat.shape[0])
    same = lax.eq(
        lax.broadcast_in_dim(element, shape, range(element.ndim)),
        lax.broadcast_in_dim(flat, shape, (element.ndim,)),
    )
    found = lax.reduce_or(same, (element.ndim,))
    return lax.bitwise_not(found) if invert else found


def known_size(name: str, size: int | None, *arrays: Array) -> int | None:
    """`size` as an integer, or None where the values of all `arrays` are known."""
    if size is None:
        for a in arrays:
            known_values(name, a, GIVE_SIZE)
        return None
    return operator.index(size)
