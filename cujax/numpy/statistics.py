"""Order statistics and correlation: median, quantile, percentile, their NaN-blind forms, cov, corrcoef."""

from __future__ import annotations

from typing import Any

import numpy as np

from cujax import lax
from cujax.api.traced_once import traced_once
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.engine.ops.axes import canonical_axes, other_axes
from cujax.numpy import moments, reductions
from cujax.numpy.arithmetic import divide
from cujax.numpy.creation import array
from cujax.numpy.cumulative import cumsum
from cujax.numpy.joining import concatenate
from cujax.numpy.logic import choose_where, isnan
from cujax.numpy.matrices import diagonal
from cujax.numpy.promotion import ArrayLike, arrays_of, as_array, check_arraylike, promote_inexact
from cujax.numpy.reductions import Axis
from cujax.numpy.reshaping import broadcast_to, expand_dims
from cujax.numpy.sorting import argsort
from cujax.numpy.taking import take_along_axis

_METHODS = ("linear", "lower", "higher", "midpoint", "nearest", "inverted_cdf")

# --- quantiles ----------------------------------------------------------------------------------------


@traced_once("a", "q", "weights")
def quantile(
    a: ArrayLike, q: ArrayLike, axis: Axis = None, out: None = None, overwrite_input: bool = False,
    method: str = "linear", keepdims: bool = False, *, weights: ArrayLike | None = None,
) -> Array:
    """The values below which fractions q of the elements lie, over axes; NaN where an element is NaN.

    q: a scalar, or a vector whose axis comes first in the result.  method: how to choose between two
    elements: "linear", "lower", "higher", "midpoint", "nearest", "inverted_cdf"; `weights` need the last.
    ValueError for other methods and complex numbers.
    """
    return _quantile("quantile", a, q, axis, out, overwrite_input, method, keepdims, weights, skip_nan=False)


@traced_once("a", "q", "weights")
def nanquantile(
    a: ArrayLike, q: ArrayLike, axis: Axis = None, out: None = None, overwrite_input: bool = False,
    method: str = "linear", keepdims: bool = False, *, weights: ArrayLike | None = None,
) -> Array:
    """`quantile` of what is not NaN."""
    return _quantile(
        "nanquantile", a, q, axis, out, overwrite_input, method, keepdims, weights, skip_nan=True
    )


@traced_once("a", "q", "weights")
def percentile(
    a: ArrayLike,
    q: ArrayLike,
    axis: Axis = None,
    out: None = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: ArrayLike | None = None,
    out_sharding: Any = None,
) -> Array:
    """`quantile` with q in percent."""
    return _quantile(
        "percentile", a, _hundredth(q), axis, out, overwrite_input, method, keepdims, weights, False
    )


@traced_once("a", "q", "weights")
def nanpercentile(
    a: ArrayLike, q: ArrayLike, axis: Axis = None, out: None = None, overwrite_input: bool = False,
    method: str = "linear", keepdims: bool = False, *, weights: ArrayLike | None = None,
) -> Array:
    """`percentile` of what is not NaN."""
    return _quantile(
        "nanpercentile", a, _hundredth(q), axis, out, overwrite_input, method, keepdims, weights, True
    )


def _hundredth(q: ArrayLike) -> Array:
    (q,) = arrays_of(promote_inexact("percentile", q))
    return lax.div(q, 100)


@traced_once("a")
def median(
    a: ArrayLike, axis: Axis = None, out: None = None, overwrite_input: bool = False, keepdims: bool = False
) -> Array:
    """The middle of the sorted elements over axes, or the mean of the two middle ones."""
    return _quantile("median", a, 0.5, axis, out, overwrite_input, "midpoint", keepdims, None, False)


@traced_once("a")
def nanmedian(
    a: ArrayLike, axis: Axis = None, out: None = None, overwrite_input: bool = False, keepdims: bool = False
) -> Array:
    """`median` of what is not NaN."""
    return _quantile("nanmedian", a, 0.5, axis, out, overwrite_input, "midpoint", keepdims, None, True)


def _quantile(
    name: str,
    a: ArrayLike,
    q: ArrayLike,
    axis: Axis,
    out: Any,
    overwrite_input: bool,
    method: str,
    keepdims: bool,
    weights: ArrayLike | None,
    skip_nan: bool,
) -> Array:
    if overwrite_input or out is not None:
        raise ValueError(f"jnp.{name} does not support overwrite_input or out: arrays are immutable")
    if method not in _METHODS:
        raise ValueError(f"method can only be one of {', '.join(map(repr, _METHODS))}; got {method!r}")
    if weights is not None:
        check_arraylike(name, a, q, weights)
    if weights is not None and method != "inverted_cdf":
        raise NotImplementedError(
            f"{method} doesn't support weights. Only method 'inverted_cdf' supports weights."
        )
    (a,) = arrays_of(promote_inexact(name, a))
    q = as_array(name, q, 1)
    if q.ndim > 1:
        raise ValueError(f"q must have rank <= 1, got shape {q.shape}")
    if dtypes.is_complex(q.dtype):
        raise TypeError(f"{name}: q must be real, got {q.dtype}")
    q = lax.convert_element_type(q, a.dtype)
    if dtypes.is_complex(a.dtype):
        raise ValueError(f"{name} does not support complex input, as the operation is poorly defined.")
    axes = canonical_axes(axis, a.ndim)
    rows = _last_axis(a, axes)
    weight_rows = None if weights is None else _last_axis(_full_weights(weights, a, axes), axes)
    values = _row_quantiles(rows, q, method, skip_nan, weight_rows)
    if keepdims:
        values = expand_dims(values, tuple(i + q.ndim for i in axes)) if axes else values
    return lax.convert_element_type(values, values.dtype)


def _last_axis(a: Array, axes: tuple[int, ...]) -> Array:
    """`a` with the reduced axes made one, at the end."""
    kept = other_axes(a.ndim, axes)
    ordered = lax.transpose(a, (*kept, *axes))
    shape = tuple(a.shape[i] for i in kept)
    return lax.reshape(ordered, (*shape, int(np.prod([a.shape[i] for i in axes], dtype=np.int64))))


def _full_weights(weights: ArrayLike, a: Array, axes: tuple[int, ...]) -> Array:
    weights = lax.convert_element_type(as_array("quantile", weights), a.dtype)
    if weights.shape == a.shape:
        return weights
    if weights.ndim != 1 or len(axes) != 1 or weights.shape[0] != a.shape[axes[0]]:
        raise ValueError(
            f"weights of shape {weights.shape} must have the shape of a, {a.shape}, or its length along axis"
        )
    return lax.broadcast_in_dim(weights, a.shape, axes)


def _row_quantiles(rows: Array, q: Array, method: str, skip_nan: bool, weights: Array | None) -> Array:
    """Quantiles of each row along the last axis; the axis of q, if it has one, comes first."""
    if weights is not None:
        return _weighted(rows, q, weights, skip_nan)
    bad = isnan(rows)
    if not skip_nan:
        any_bad = lax.expand_dims(lax.reduce_or(bad, (rows.ndim - 1,)), (rows.ndim - 1,))
        rows = choose_where(any_bad, rows.dtype.type(np.nan), rows)
        count = array(rows.shape[-1], rows.dtype)
    else:
        count = reductions.sum(lax.bitwise_not(bad), -1, rows.dtype)
    ordered = lax.sort(rows, rows.ndim - 1)
    levels = lax.reshape(q, (*q.shape, *(1,) * (rows.ndim - 1)))
    return _read(ordered, levels, count, method, q.ndim)


def _read(ordered: Array, levels: Array, count: Array, method: str, extra: int) -> Array:
    """The element, or mix of two, of sorted rows at each level; `extra` leading axes belong to the levels."""
    if method == "inverted_cdf":
        position = choose_where(levels > 0, lax.ceil(levels * count) - 1, 0.0)
        return _at(ordered, position, count, extra)
    position = levels * (count - 1)
    low, high = lax.floor(position), lax.ceil(position)
    if method == "lower":
        return _at(ordered, low, count, extra)
    if method == "higher":
        return _at(ordered, high, count, extra)
    if method == "nearest":
        return _at(ordered, choose_where(position - low <= 0.5, low, high), count, extra)
    lower, upper = _at(ordered, low, count, extra), _at(ordered, high, count, extra)
    if method == "midpoint":
        return (lower + upper) * 0.5
    share = position - low
    return lower * (1 - share) + upper * share


def _at(ordered: Array, position: Array, count: Array, extra: int) -> Array:
    last = lax.max(count - 1, lax.convert_element_type(as_array("quantile", 0), count.dtype))
    clipped = lax.max(choose_where(position > last, last, position), 0)
    places = lax.convert_element_type(clipped, np.int32)
    shape = (*places.shape[:extra], *ordered.shape[:-1])
    places = lax.expand_dims(broadcast_to(places, shape), (len(shape),))
    found = take_along_axis(
        broadcast_to(ordered, (*places.shape[:extra], *ordered.shape)), places, -1, mode="clip"
    )
    return lax.squeeze(found, (found.ndim - 1,))


def _weighted(rows: Array, q: Array, weights: Array, skip_nan: bool) -> Array:
    """The first element at which the sum of the weights so far reaches q of the whole."""
    last = rows.ndim - 1
    bad = isnan(rows)
    if skip_nan:
        weights = choose_where(bad, 0.0, weights)
    order = argsort(rows, last)
    ordered, mass = (take_along_axis(x, order, last, mode="clip") for x in (rows, weights))
    total = cumsum(mass, last)
    share = divide(total, lax.slice_in_dim(total, -1, None, axis=last))
    levels = lax.reshape(q, (*q.shape, *(1,) * rows.ndim))
    reached = share >= levels
    first = reductions.argmax(reached & (mass > 0), -1, keepdims=True)
    wide = broadcast_to(ordered, (*q.shape, *ordered.shape))
    found = lax.squeeze(take_along_axis(wide, first, -1, mode="clip"), (wide.ndim - 1,))
    if skip_nan:
        return found
    return choose_where(lax.reduce_or(bad, (last,)), np.nan, found)


# --- covariance -----------------------------------------------------------------------------------------


@traced_once("m", "y", "fweights", "aweights")
def cov(
    m: ArrayLike,
    y: ArrayLike | None = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: ArrayLike | None = None,
    aweights: ArrayLike | None = None,
    dtype: Any = None,
) -> Array:
    """Covariances of the variables in the rows of m (columns unless `rowvar`), and of y if given.

    ddof: the divisor is n - ddof, 1 by default, 0 if `bias`.  fweights: how often each observation counts
    (integers).  aweights: how much.  ValueError for more than two axes, TypeError for other weights.
    """
    if y is not None:
        m, y = arrays_of(promote_inexact("cov", m, y))
        if y.ndim > 2:
            raise ValueError("y has more than 2 dimensions")
    else:
        (m,) = arrays_of(promote_inexact("cov", m))
    if m.ndim > 2:
        raise ValueError("m has more than 2 dimensions")
    variables = _variables(m, rowvar)
    if y is not None:
        variables = concatenate([variables, _variables(y, rowvar or y.shape[0] == 1)], 0)
    if dtype is not None:
        variables = lax.convert_element_type(variables, dtypes.canonicalize_user(dtype, "cov"))
    return _covariance(variables, bias, ddof, *_weights(fweights, aweights, variables))


def _variables(m: Array, rowvar: bool) -> Array:
    """One variable a row."""
    rows = m if m.ndim == 2 else lax.reshape(m, (1, m.size))
    return rows if rowvar or rows.shape[0] == 1 else lax.transpose(rows, (1, 0))


def _weights(fweights: Any, aweights: Any, variables: Array) -> tuple[Array | None, Array | None]:
    checked = []
    for what, w in (("fweights", fweights), ("aweights", aweights)):
        if w is not None:
            w = as_array("cov", w)
            if w.ndim > 1:
                raise RuntimeError(f"cannot handle multidimensional {what}")
            if w.shape[0] != variables.shape[1]:
                raise RuntimeError(f"incompatible numbers of samples and {what}")
            if what == "fweights" and not dtypes.is_integer(w.dtype):
                raise TypeError("fweights must be integer.")
            w = lax.abs(w)
        checked.append(w)
    return tuple(checked)


def _covariance(x: Array, bias: bool, ddof: int | None, f: Array | None, a: Array | None) -> Array:
    ddof = (0 if bias else 1) if ddof is None else ddof
    w = f if a is None else a if f is None else f * a
    divisor: Any = max(x.shape[1] - ddof, 0)
    if w is None:
        weighted = centred = x - moments.mean(x, 1, keepdims=True)
    else:
        total = reductions.sum(w)
        centred = x - divide(reductions.sum(x * w, 1, keepdims=True), total)
        weighted = centred * w
        divisor = total - ddof if a is None else total - ddof * divide(reductions.sum(w * a), total)
    product = lax.dot_general(
        weighted, lax.conj(centred) if dtypes.is_complex(x.dtype) else centred, (((1,), (1,)), ((), ()))
    )
    result = divide(product, divisor)
    return lax.squeeze(result, tuple(i for i, d in enumerate(result.shape) if d == 1))


@traced_once("x", "y")
def corrcoef(x: ArrayLike, y: ArrayLike | None = None, rowvar: bool = True, dtype: Any = None) -> Array:
    """Correlation coefficients of the variables in the rows of x (columns unless `rowvar`), and of y."""
    c = cov(as_array("corrcoef", x), y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return divide(c, c)
    deviation = lax.sqrt(lax.real(diagonal(c)) if dtypes.is_complex(c.dtype) else diagonal(c))
    deviation = lax.convert_element_type(deviation, c.dtype)
    c = divide(divide(c, expand_dims(deviation, 1)), expand_dims(deviation, 0))
    if dtypes.is_complex(c.dtype):
        return lax.complex(
            *(lax.clamp(p.dtype.type(-1), p, p.dtype.type(1)) for p in (lax.real(c), lax.imag(c)))
        )
    return lax.clamp(c.dtype.type(-1), c, c.dtype.type(1))
