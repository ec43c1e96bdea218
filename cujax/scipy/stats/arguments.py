"""How every function of a distribution begins: arguments promoted and broadcast, the standard variable, the support."""

from __future__ import annotations

import math

from cujax import numpy as jnp
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.engine.ground.error_names import called_by_user
from cujax.numpy.promotion import ArrayLike, arrays_of, promote_args_inexact


def arguments(name: str, *xs: ArrayLike) -> list[Array]:
    """The arguments of the function `name` as arrays of one dtype of floats.

    TypeError for what is no array, and for complex numbers.
    """
    found = arrays_of(promote_args_inexact(name, *xs))
    if found and dtypes.is_complex(found[0].dtype):
        raise TypeError(f"{called_by_user(name)} takes real numbers, got {found[0].dtype}")
    return found


def standard(name: str, x: ArrayLike, *rest: ArrayLike) -> list[Array]:
    """(x - loc) / scale, then parameters and scale, of `name(x, *parameters, loc, scale)`."""
    x, *parameters, loc, scale = arguments(name, x, *rest)
    return [(x - loc) / scale, *parameters, scale]


def inside(condition: Array, value: Array, outside: float | Array = -math.inf) -> Array:
    """`value` where the condition holds; NaN stays NaN, wherever it is."""
    return jnp.where(condition, value, jnp.where(jnp.isnan(value), value, outside))


def valid(condition: Array, value: Array) -> Array:
    """`value` where the parameters of the distribution are such that it exists, else NaN."""
    return jnp.where(condition, value, math.nan)


def log_of(p: Array) -> Array:
    """log(p), for p = 0 with the derivative 0 instead of NaN."""
    zero = p == 0
    return jnp.where(zero, -math.inf, jnp.log(jnp.where(zero, 1, p)))


def limited(z: Array, low: float, high: float, value: Array, below: float, above: float) -> Array:
    """`value` for z from `low` to `high`, else a constant."""
    return jnp.where(z < low, below, jnp.where(z > high, above, value))


def bounded(z: Array, shape: Array) -> Array:
    """Whether z is in the support of a density that goes as z**(shape - 1) near 0, and that is finite there."""
    return (z > 0) | ((z == 0) & (shape >= 1))


def kept(condition: Array, x: Array, instead: float) -> Array:
    """x where the condition holds, elsewhere a number at which all is finite, so that derivatives are too."""
    return jnp.where(condition | jnp.isnan(x), x, instead)
