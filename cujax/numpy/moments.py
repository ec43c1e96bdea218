"""Means and variances over axes: mean, var, std, average.

Arguments are those of the other reductions (`reductions.py`).  Results are floats; half-precision numbers are
summed in float32.
"""

from __future__ import annotations

from math import prod as product
from typing import Any

import numpy as np

from cujax import lax
from cujax.api.traced_once import traced_once
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.engine.ops.axes import canonical_axes
from cujax.numpy import reductions
from cujax.numpy.arithmetic import divide
from cujax.numpy.logic import choose_where, truth
from cujax.numpy.promotion import ArrayLike, as_array, promote_inexact
from cujax.numpy.reductions import Axis, refuse_out


def _inexact(name: str, a: ArrayLike, dtype: Any) -> tuple[Array, Any, Any]:
    """`a`, the dtype to compute with and the dtype of the result: halves are summed in float32."""
    a = as_array(name, a)
    result = promote_inexact(name, a)[0].dtype if dtype is None else dtypes.canonicalize_user(
        dtype, name
    )
    wide = dtypes.canonicalize(dtypes.to_inexact(result))
    if dtypes.is_float(wide) and wide.itemsize < 4:
        wide = dtypes.float32
    return a, wide, result


def count(a: Array, axis: Axis, keepdims: bool, where: ArrayLike | None) -> Any:
    """How many elements are reduced: an int, or an array where `where` masks some."""
    if where is None:
        return product(a.shape[i] for i in canonical_axes(axis, a.ndim))
    mask = lax.convert_element_type(truth("mean", where), dtypes.python_scalar_dtype(int))
    mask = lax.broadcast_in_dim(mask, a.shape, range(a.ndim - mask.ndim, a.ndim))
    return reductions.sum(mask, axis, keepdims=keepdims)


@traced_once("a", "where")
def mean(
    a: ArrayLike, axis: Axis = None, dtype: Any = None, out: None = None, keepdims: bool = False, *,
    where: ArrayLike | None = None,
) -> Array:
    """Arithmetic mean over axes, in floating point."""
    refuse_out("mean", out)
    a, wide, result = _inexact("mean", a, dtype)
    total = reductions.sum(lax.convert_element_type(a, wide), axis, keepdims=keepdims, where=where)
    number = count(a, axis, keepdims, where)
    quotient = (
        lax.div(total, number) if where is None else divide(total, lax.convert_element_type(number, wide))
    )
    return lax.convert_element_type(quotient, result)


@traced_once("a", "where", "mean")
def var(
    a: ArrayLike,
    axis: Axis = None,
    dtype: Any = None,
    out: None = None,
    ddof: int = 0,
    keepdims: bool = False,
    *,
    where: ArrayLike | None = None,
    mean: ArrayLike | None = None,
    correction: float | None = None,
) -> Array:
    """Variance over axes: the mean of |a - mean|**2, with n - ddof in place of n.

    mean: the mean where it is known (with axes kept).  correction: the array-API name of ddof.
    """
    refuse_out("var", out)
    return _variance("var", a, axis, dtype, ddof, keepdims, where, mean, correction)


def _variance(
    name: str, a: ArrayLike, axis: Axis, dtype: Any, ddof: Any, keepdims: bool, where: Any, center: Any,
    correction: Any,
) -> Array:
    if correction is not None:
        if ddof != 0:
            raise ValueError(f"{name}: ddof and correction can't be provided simultaneously.")
        ddof = correction
    a, wide, result = _inexact(name, a, dtype)
    if dtypes.is_complex(a.dtype) and not dtypes.is_complex(result):
        raise ValueError(f"{name}: cannot compute the variance of complex numbers in {result}")
    a = lax.convert_element_type(a, wide)
    middle = mean_of(a, axis, where) if center is None else as_array(name, center)
    gap = a - middle
    squares = lax.real(gap * lax.conj(gap)) if dtypes.is_complex(wide) else lax.square(gap)
    total = reductions.sum(squares, axis, keepdims=keepdims, where=where)
    number = count(a, axis, keepdims, where)
    if where is None and isinstance(ddof, int | float):
        quotient = lax.div(total, number - ddof if number > ddof else np.nan)
    else:
        rest = lax.convert_element_type(as_array(name, number) - ddof, total.dtype)
        quotient = choose_where(lax.gt(rest, 0), divide(total, rest), np.nan)
    return lax.convert_element_type(quotient, dtypes.to_real(result))


def mean_of(a: Array, axis: Axis, where: ArrayLike | None) -> Array:
    """The mean with its axes kept."""
    return mean(a, axis, keepdims=True, where=where)


@traced_once("a", "where", "mean")
def std(
    a: ArrayLike,
    axis: Axis = None,
    dtype: Any = None,
    out: None = None,
    ddof: int = 0,
    keepdims: bool = False,
    *,
    where: ArrayLike | None = None,
    mean: ArrayLike | None = None,
    correction: float | None = None,
) -> Array:
    """Standard deviation over axes: the square root of `var`, whose arguments it has."""
    refuse_out("std", out)
    return lax.sqrt(_variance("std", a, axis, dtype, ddof, keepdims, where, mean, correction))


@traced_once("a", "weights")
def average(
    a: ArrayLike,
    axis: Axis = None,
    weights: ArrayLike | None = None,
    returned: bool = False,
    keepdims: bool = False,
) -> Any:
    """Weighted mean over axes; with `returned` also the sum of the weights.

    weights: of the shape of `a`, or of its length along `axis`.  ValueError otherwise.
    """
    if weights is None:
        (a,) = promote_inexact("average", as_array("average", a))
        result = mean(a, axis, keepdims=keepdims)
        total = lax.broadcast_in_dim(
            lax.convert_element_type(as_array("average", count(a, axis, False, None)), result.dtype),
            result.shape,
            (),
        )
    else:
        a, weights = promote_inexact("average", as_array("average", a), as_array("average", weights, 1))
        weights = _aligned_weights(a, weights, axis)
        total = reductions.sum(weights, axis, keepdims=keepdims)
        result = divide(reductions.sum(lax.mul(a, weights), axis, keepdims=keepdims), total)
    return (result, total) if returned else result


def _aligned_weights(a: Array, weights: Array, axis: Axis) -> Array:
    if weights.shape == a.shape:
        return weights
    if axis is None:
        raise ValueError("Axis must be specified when shapes of a and weights differ.")
    axes = canonical_axes(axis, a.ndim)
    if weights.ndim != len(axes):
        raise ValueError(
            f"weights of shape {weights.shape} must have the axes {axes} of a, of shape {a.shape}"
        )
    if weights.shape != tuple(a.shape[i] for i in axes):
        raise ValueError(
            f"Length of weights {weights.shape} not compatible with axis {axis} of a, of shape {a.shape}"
        )
    ordered = lax.transpose(weights, tuple(int(i) for i in np.argsort(axes)))
    return lax.broadcast_in_dim(ordered, a.shape, sorted(axes))


