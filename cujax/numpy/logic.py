"""Comparisons, truth values and bits, and choosing by them: `where`, `select`, `clip`.

Comparisons order complex numbers by real part, then by imaginary part, as NumPy does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cujax import lax
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.engine.ground.promotion import lattice_join
from cujax.engine.ops.constants import full_of
from cujax.numpy.declare import binary, named, unary
from cujax.numpy.promotion import (
    ArrayLike,
    arrays_of,
    as_array,
    as_numbers,
    broadcast_operands,
    check_arraylike,
    join_numeric,
    promote_args,
    promote_args_numeric,
    promote_dtypes,
)

# --- comparisons --------------------------------------------------------------------------------------

equal = binary("equal", "eq", lattice_join, "x1 == x2.")
not_equal = binary("not_equal", "ne", lattice_join, "x1 != x2.")


def _ordering(name: str, primitive: str, symbol: str) -> Callable:
    """A comparison; on complex numbers by real part, and by imaginary part where those are equal."""
    real_numbers = binary(name, primitive, lattice_join, f"x1 {symbol} x2.")
    compare = getattr(lax, primitive)

    def function(x1: ArrayLike, x2: ArrayLike, /) -> Array:
        if not (_is_complex(x1) or _is_complex(x2)):
            return real_numbers(x1, x2)
        x1, x2 = promote_args(name, x1, x2)
        r1, r2 = lax.real(x1), lax.real(x2)
        return lax.select_n(lax.eq(r1, r2), compare(r1, r2), compare(lax.imag(x1), lax.imag(x2)))

    return named(function, name, real_numbers.__doc__ or "")


def _is_complex(x: Any) -> bool:
    return type(x) is complex or dtypes.is_complex(getattr(x, "dtype", None))


less = _ordering("less", "lt", "<")
less_equal = _ordering("less_equal", "le", "<=")
greater = _ordering("greater", "gt", ">")
greater_equal = _ordering("greater_equal", "ge", ">=")

# --- bits ---------------------------------------------------------------------------------------------

bitwise_and = binary("bitwise_and", "and", lattice_join, "Bits, or truth, in both x1 and x2.")
bitwise_or = binary("bitwise_or", "or", lattice_join, "Bits, or truth, in x1 or x2.")
bitwise_xor = binary("bitwise_xor", "xor", lattice_join, "Bits, or truth, in one of x1 and x2.")
bitwise_not = unary("bitwise_not", "not", lattice_join, "Every bit, or truth value, turned over.")
invert = bitwise_invert = bitwise_not
left_shift = binary("left_shift", "shift_left", join_numeric, "x1 * 2**x2 by moving bits.")
bitwise_left_shift = left_shift


def right_shift(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """x1 / 2**x2 by moving bits, elementwise: signed integers keep their sign."""
    x1, x2 = promote_args_numeric("right_shift", x1, x2)
    signed = dtypes.is_signed(x1.dtype)
    return (lax.shift_right_arithmetic if signed else lax.shift_right_logical)(x1, x2)


bitwise_right_shift = right_shift


def bitwise_count(x: ArrayLike, /) -> Array:
    """How many bits of |x| are set, elementwise, as uint8.  TypeError for floats."""
    x = as_array("bitwise_count", x)
    if dtypes.is_bool(x.dtype):
        return lax.convert_element_type(x, np.uint8)
    size = lax.abs(x) if dtypes.is_integer(x.dtype) and dtypes.is_signed(x.dtype) else x
    return lax.convert_element_type(lax.population_count(size), np.uint8)


# --- truth values -------------------------------------------------------------------------------------


def truth(name: str, x: ArrayLike, position: int = 0) -> Array:
    """x as booleans: whether each element differs from 0."""
    x = as_array(name, x, position)
    return x if dtypes.is_bool(x.dtype) else lax.ne(x, 0)


def _logical(name: str, primitive: str, doc: str) -> Callable:
    combine = binary(name, primitive, lattice_join, doc)

    def function(x1: ArrayLike, x2: ArrayLike, /) -> Array:
        return combine(truth(name, x1), truth(name, x2, 1))

    return named(function, name, combine.__doc__ or "")


logical_and = _logical("logical_and", "and", "Whether x1 and x2 both differ from 0.")
logical_or = _logical("logical_or", "or", "Whether x1 or x2 differs from 0.")
logical_xor = _logical("logical_xor", "xor", "Whether just one of x1 and x2 differs from 0.")


def logical_not(x: ArrayLike, /) -> Array:
    """Whether x is 0, elementwise."""
    return lax.bitwise_not(truth("logical_not", x))


# --- special values -----------------------------------------------------------------------------------


def _false_like(x: Array) -> Array:
    return full_of(x.aval.update(dtype=dtypes.bool_, weak_type=False), False)


def isnan(x: ArrayLike, /) -> Array:
    """Whether x is NaN, elementwise; of a complex number, either part."""
    x = as_array("isnan", x)
    return lax.ne(x, x)


def isfinite(x: ArrayLike, /) -> Array:
    """Whether x is neither infinite nor NaN, elementwise."""
    x = as_array("isfinite", x)
    if dtypes.is_complex(x.dtype):
        return lax.bitwise_and(lax.is_finite(lax.real(x)), lax.is_finite(lax.imag(x)))
    return lax.is_finite(x) if dtypes.is_float(x.dtype) else lax.bitwise_not(_false_like(x))


def isinf(x: ArrayLike, /) -> Array:
    """Whether x is inf or -inf, elementwise; of a complex number, either part."""
    x = as_array("isinf", x)
    if dtypes.is_complex(x.dtype):
        return lax.bitwise_or(isinf(lax.real(x)), isinf(lax.imag(x)))
    return lax.eq(lax.abs(x), np.inf) if dtypes.is_float(x.dtype) else _false_like(x)


def _is_infinity(name: str, infinity: float) -> Callable:
    def function(x: ArrayLike, /, out: None = None) -> Array:
        if out is not None:
            raise NotImplementedError(f"The 'out' argument to jnp.{name} is not supported")
        x = as_array(name, x)
        if dtypes.is_complex(x.dtype):
            raise ValueError(f"{name} is not well defined for complex numbers: apply it to x.real or x.imag")
        return lax.eq(x, infinity) if dtypes.is_float(x.dtype) else _false_like(x)

    return named(function, name, f"Whether x is {infinity}, elementwise.  ValueError for complex numbers.")


isposinf = _is_infinity("isposinf", np.inf)
isneginf = _is_infinity("isneginf", -np.inf)


def iscomplex(x: ArrayLike) -> Array:
    """Whether the imaginary part differs from 0, elementwise."""
    x = as_numbers("iscomplex", x)
    return lax.ne(lax.imag(x), 0) if dtypes.is_complex(x.dtype) else _false_like(x)


def isreal(x: ArrayLike) -> Array:
    """Whether the imaginary part is 0, elementwise."""
    return lax.bitwise_not(iscomplex(x))


# --- choosing -----------------------------------------------------------------------------------------


def choose_where(condition: ArrayLike, x: ArrayLike, y: ArrayLike) -> Array:
    """`where` with three arguments."""
    condition, x, y = broadcast_operands("where", truth("where", condition), *promote_dtypes("where", x, y))
    return lax.select_n(condition, y, x)


def select(condlist: Sequence[ArrayLike], choicelist: Sequence[ArrayLike], default: ArrayLike = 0) -> Array:
    """For each element the choice of the first condition that holds, else `default`.

    condlist, choicelist: as many boolean arrays as arrays, all broadcast together.  ValueError when
    there are none, or when the lengths differ.
    """
    if len(condlist) != len(choicelist):
        raise ValueError(
            f"condlist must have length equal to choicelist ({len(condlist)} vs {len(choicelist)})"
        )
    if not len(condlist):
        raise ValueError("condlist must be non-empty")
    check_arraylike("select", *condlist, *choicelist, default)
    *choices, result = arrays_of(promote_args("select", *choicelist, default))
    for condition, choice in zip(reversed(list(condlist)), reversed(choices), strict=True):
        result = choose_where(condition, choice, result)
    return result


_ABSENT = object()


def clip(
    arr: ArrayLike | None = None, /, min: ArrayLike | None = None, max: ArrayLike | None = None, *,
    a: Any = _ABSENT, a_min: Any = _ABSENT, a_max: Any = _ABSENT,
) -> Array:
    """arr brought into [min, max], elementwise; either bound may be None.

    NumPy's names a, a_min and a_max are accepted.  ValueError for complex numbers.
    """
    arr = arr if a is _ABSENT else a
    min, max = min if a_min is _ABSENT else a_min, max if a_max is _ABSENT else a_max
    if arr is None:
        raise ValueError("At most one of a_min and a_max may be None: clip needs an array")
    check_arraylike("clip", *(x for x in (arr, min, max) if x is not None))
    if any(_is_complex(x) for x in (arr, min, max)):
        raise ValueError("clip does not support complex inputs: clip x.real and x.imag")
    result = as_array("clip", arr)
    if min is not None:
        result = lax.max(*promote_args("clip", min, result))
    if max is not None:
        result = lax.min(*promote_args("clip", max, result))
    return result
