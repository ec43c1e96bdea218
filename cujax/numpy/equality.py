"""Equality of arrays: up to rounding, and as a whole."""

from __future__ import annotations

from cujax import lax
from cujax.api.traced_once import traced_once
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.numpy.creation import asarray
from cujax.numpy.logic import equal, isfinite, isnan, less_equal, logical_and, logical_or
from cujax.numpy.promotion import ArrayLike, as_array, promote_args, promote_args_inexact
from cujax.numpy.reductions import all as reduce_all


@traced_once("a", "b", "rtol", "atol")
def isclose(
    a: ArrayLike, b: ArrayLike, rtol: ArrayLike = 1e-05, atol: ArrayLike = 1e-08, equal_nan: bool = False
) -> Array:
    """Whether |a - b| <= atol + rtol * |b|, elementwise; infinities equal themselves, NaN if `equal_nan`."""
    a, b = promote_args_inexact("isclose", a, b)
    real_dtype = dtypes.to_real(a.dtype)
    rtol, atol = (lax.convert_element_type(as_array("isclose", t), real_dtype) for t in (rtol, atol))
    near = less_equal(lax.abs(lax.sub(a, b)), add_scaled(atol, rtol, lax.abs(b)))
    result = lax.bitwise_or(lax.eq(a, b), lax.bitwise_and(isfinite(b), near))
    if equal_nan:
        result = lax.bitwise_or(result, lax.bitwise_and(lax.ne(a, a), lax.ne(b, b)))
    return result


def add_scaled(offset: Array, factor: Array, x: Array) -> Array:
    """offset + factor * x, with broadcasting."""
    factor, x = promote_args("isclose", factor, x)
    return lax.add(*promote_args("isclose", offset, lax.mul(factor, x)))


@traced_once("a", "b", "rtol", "atol")
def allclose(
    a: ArrayLike, b: ArrayLike, rtol: ArrayLike = 1e-05, atol: ArrayLike = 1e-08, equal_nan: bool = False
) -> Array:
    """Whether `isclose` holds for all elements: a boolean scalar array."""
    return reduce_all(isclose(a, b, rtol, atol, equal_nan))


@traced_once("a1", "a2")
def array_equal(a1: ArrayLike, a2: ArrayLike, equal_nan: bool = False) -> Array:
    """Whether a1 and a2 have one shape and the same elements; NaN equals NaN if `equal_nan`."""
    a1, a2 = asarray(a1), asarray(a2)
    if a1.shape != a2.shape:
        return asarray(False)
    same = equal(a1, a2)
    if equal_nan and dtypes.is_inexact(a1.dtype) and dtypes.is_inexact(a2.dtype):
        same = logical_or(same, logical_and(isnan(a1), isnan(a2)))
    return reduce_all(same)


@traced_once("a1", "a2")
def array_equiv(a1: ArrayLike, a2: ArrayLike) -> Array:
    """Whether a1 and a2 broadcast together and are then equal."""
    pair = [asarray(a) for a in (a1, a2)]
    try:
        same = equal(*pair)
    except (TypeError, ValueError):
        return asarray(False)
    return reduce_all(same)
