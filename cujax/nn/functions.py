"""Activations, elementwise; then softmax and its relatives, normalization and one-hot vectors, along axes.

At a kink the derivative is that of the side on which the function is constant: relu'(0) = 0.  Activations keep
floats as they are, and convert integers only where the formula needs floats.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

from cujax import lax
from cujax import numpy as jnp
from cujax.api.custom_jvp import custom_jvp
from cujax.api.traced_once import traced_once
from cujax.engine.control.stop_gradient import stop_gradient
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.engine.ops import axes as ax
from cujax.numpy.promotion import ArrayLike, arrays_of, as_array, promote_inexact
from cujax.scipy.special import logsumexp

Axis = int | Sequence[int] | None

# G. Klambauer et al., "Self-Normalizing Neural Networks", 2017: the fixed point of mean 0 and variance 1.
_SELU_ALPHA = 1.6732632423543772848170429916717
_SELU_SCALE = 1.0507009873554804934193349852946

# --- activations ------------------------------------------------------------------------------------------


@custom_jvp
def _relu(x: Array) -> Array:
    return jnp.maximum(x, 0)


_relu.defjvps(lambda t, out, x: jnp.where(x > 0, t, 0))


@custom_jvp
def _relu6(x: Array) -> Array:
    return jnp.minimum(jnp.maximum(x, 0), 6.0)


_relu6.defjvps(lambda t, out, x: jnp.where((x > 0) & (x < 6), t, 0))


def relu(x: ArrayLike) -> Array:
    """max(x, 0), elementwise; its derivative at 0 is 0.  Returns an array of the shape and dtype of x."""
    return _relu(as_array("relu", x))


def relu6(x: ArrayLike) -> Array:
    """min(max(x, 0), 6), elementwise, in floating point; its derivative at 0 and 6 is 0."""
    return _relu6(as_array("relu6", x))


def sigmoid(x: ArrayLike) -> Array:
    """1 / (1 + exp(-x)), elementwise.  TypeError for integers."""
    return lax.logistic(as_array("sigmoid", x))


@traced_once("x")
def softplus(x: ArrayLike) -> Array:
    """log(1 + exp(x)), elementwise, without overflow."""
    return jnp.logaddexp(x, 0)


@traced_once("x")
def log_sigmoid(x: ArrayLike) -> Array:
    """log(sigmoid(x)), elementwise, without loss of digits for negative x."""
    return -softplus(-as_array("log_sigmoid", x))


@traced_once("x")
def silu(x: ArrayLike) -> Array:
    """x * sigmoid(x), elementwise; also called swish.  TypeError for integers."""
    x = as_array("silu", x)
    return x * sigmoid(x)


swish = silu


@traced_once("x")
def gelu(x: ArrayLike, approximate: bool = True) -> Array:
    """x times the normal distribution function at x, elementwise, in floating point.

    approximate: by tanh, with an error below 1e-3 (D. Hendrycks, K. Gimpel, "Gaussian Error Linear Units", 2016);
    otherwise by erfc, for real numbers only.
    """
    x = _strong(*arrays_of(promote_inexact("gelu", x)))
    if not approximate:
        return 0.5 * x * lax.erfc(x * -math.sqrt(0.5))
    return x * (0.5 * (1 + jnp.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))))


def _strong(x: Array) -> Array:
    return lax.convert_element_type(x, x.dtype)


@traced_once("x", "negative_slope")
def leaky_relu(x: ArrayLike, negative_slope: ArrayLike = 1e-2) -> Array:
    """x where x >= 0, and negative_slope * x below, elementwise."""
    x = as_array("leaky_relu", x)
    return jnp.where(x >= 0, x, negative_slope * x)


@traced_once("x", "alpha")
def elu(x: ArrayLike, alpha: ArrayLike = 1.0) -> Array:
    """x where x > 0, and alpha * (exp(x) - 1) below, elementwise."""
    x = as_array("elu", x)
    below = jnp.where(x > 0, 0.0, x)  # no overflow, whose derivative would be NaN, where x is chosen
    return jnp.where(x > 0, x, alpha * jnp.expm1(below))


@traced_once("x")
def selu(x: ArrayLike) -> Array:
    """`elu` with alpha = 1.673..., scaled by 1.0507..., for which mean 0 and variance 1 are a fixed point."""
    return _SELU_SCALE * elu(x, _SELU_ALPHA)


@traced_once("x", "alpha")
def celu(x: ArrayLike, alpha: ArrayLike = 1.0) -> Array:
    """max(x, 0) + alpha * (exp(min(x, 0) / alpha) - 1), elementwise: `elu` with a derivative without a jump."""
    return jnp.maximum(x, 0.0) + alpha * jnp.expm1(jnp.minimum(x, 0.0) / alpha)


@traced_once("x")
def soft_sign(x: ArrayLike) -> Array:
    """x / (|x| + 1), elementwise."""
    x = as_array("soft_sign", x)
    return x / (jnp.abs(x) + 1)


@traced_once("x")
def hard_tanh(x: ArrayLike) -> Array:
    """x brought into [-1, 1], elementwise; its derivative is 1 at both ends."""
    x = as_array("hard_tanh", x)
    return jnp.where(x > 1, 1, jnp.where(x < -1, -1, x))


@traced_once("x")
def hard_sigmoid(x: ArrayLike) -> Array:
    """relu6(x + 3) / 6, elementwise, in floating point: 0 up to -3, 1 from 3 on, a line between."""
    return relu6(as_array("hard_sigmoid", x) + 3.0) / 6.0


@traced_once("x")
def hard_silu(x: ArrayLike) -> Array:
    """x * hard_sigmoid(x), elementwise, in floating point; also called hard_swish."""
    x = as_array("hard_silu", x)
    return x * hard_sigmoid(x)


hard_swish = hard_silu


def identity(x: ArrayLike) -> Array:
    """x itself, as an array."""
    return as_array("identity", x)


@traced_once("x")
def mish(x: ArrayLike) -> Array:
    """x * tanh(softplus(x)), elementwise, in floating point (D. Misra, "Mish", 2019)."""
    x = as_array("mish", x)
    return x * jnp.tanh(softplus(x))


@traced_once("x", "b")
def squareplus(x: ArrayLike, b: ArrayLike = 4) -> Array:
    """(x + sqrt(x**2 + b)) / 2, elementwise with broadcasting (J. Barron, "Squareplus", 2021)."""
    x = as_array("squareplus", x)
    return (x + jnp.sqrt(jnp.square(x) + as_array("squareplus", b, 1))) / 2


def sparse_plus(x: ArrayLike) -> Array:
    """0 up to -1, x from 1 on, (x + 1)**2 / 4 between, elementwise: a softplus that is exactly zero."""
    x = as_array("sparse_plus", x)
    return jnp.where(x <= -1, 0.0, jnp.where(x >= 1, x, (x + 1.0) ** 2 / 4))


def sparse_sigmoid(x: ArrayLike) -> Array:
    """The derivative of `sparse_plus`, elementwise: 0 up to -1, 1 from 1 on, a line between.

    M. Blondel, A. Martins, V. Niculae, "Learning with Fenchel-Young Losses", 2020, section 6.2.
    """
    return 0.5 * jnp.clip(as_array("sparse_sigmoid", x) + 1.0, 0.0, 2.0)


# --- along axes -------------------------------------------------------------------------------------------


@traced_once("x")
def softmax(x: ArrayLike, axis: Axis = -1, where: ArrayLike | None = None) -> Array:
    """exp(x) divided by its sum along `axis`: positive numbers with the sum 1.

    x: floating-point array.  axis: an axis, several, or None for all.  where: booleans that say what counts,
    broadcast against x; the result is 0 elsewhere.  ValueError for an axis that x does not have.
    """
    exponential = jnp.exp(_below_maximum("softmax", x, axis, where))
    result = exponential / jnp.sum(exponential, axis, keepdims=True, where=where)
    return result if where is None else jnp.where(where, result, 0)


@traced_once("x")
def log_softmax(x: ArrayLike, axis: Axis = -1, where: ArrayLike | None = None) -> Array:
    """The logarithm of `softmax`, without overflow; -inf where `where` is False.  Arguments as there."""
    shifted = _below_maximum("log_softmax", x, axis, where)
    result = shifted - jnp.log(jnp.sum(jnp.exp(shifted), axis, keepdims=True, where=where))
    return result if where is None else jnp.where(where, result, -jnp.inf)


def _below_maximum(name: str, x: ArrayLike, axis: Axis, where: ArrayLike | None) -> Array:
    """x minus its maximum, which cancels out of a quotient of exponentials and so needs no derivative.

    -inf where `where` is False: else an exponential could overflow there, and its derivative be 0 * inf.
    """
    x = as_array(name, x)
    shifted = x - stop_gradient(jnp.max(x, axis, keepdims=True, initial=-jnp.inf, where=where))
    return shifted if where is None else jnp.where(where, shifted, -jnp.inf)


@traced_once("x")
def logmeanexp(
    x: ArrayLike, axis: Axis = None, where: ArrayLike | None = None, keepdims: bool = False,
) -> Array:
    """log(mean(exp(x))) over axes, without overflow.

    x: array.  axis: an axis, several, or None for all.  where: booleans that say what counts, broadcast against x.
    keepdims: leave axes of length 1.
    """
    x = as_array("logmeanexp", x)
    total = logsumexp(x, axis, where=where, keepdims=keepdims)
    count = jnp.count_nonzero(jnp.ones_like(x, bool) if where is None else jnp.broadcast_to(where, x.shape), axis,
                              keepdims=keepdims)
    return total - jnp.log(count.astype(total.real.dtype))


@traced_once("x")
def glu(x: ArrayLike, axis: int = -1) -> Array:
    """The first half of x along `axis` times the sigmoid of the second: a gated linear unit.

    The shape is that of a half.  IndexError for an axis out of range, AssertionError for an odd length.
    """
    x = as_array("glu", x)
    if not -x.ndim <= operator.index(axis) < x.ndim:
        raise IndexError(f"glu: axis {axis} is out of bounds for an array of rank {x.ndim}")
    assert x.shape[axis] % 2 == 0, f"glu: the length of axis {axis} must be even, got shape {x.shape}"
    values, gates = jnp.split(x, 2, axis)
    return values * sigmoid(gates)


@traced_once("x", "mean", "variance", "epsilon")
def standardize(
    x: ArrayLike, axis: Axis = -1, mean: ArrayLike | None = None, variance: ArrayLike | None = None,
    epsilon: ArrayLike = 1e-5, where: ArrayLike | None = None, *, algorithm: str = "fast",
) -> Array:
    """(x - mean) / sqrt(variance + epsilon), with the mean and variance of x along `axis` unless given.

    axis: an axis, several, or None for all.  where: booleans that say what the mean and variance are taken of,
    broadcast against x.  algorithm: "fast", the mean of squares minus the square of the mean; or "stable", which
    does not lose digits where the mean is large.  ValueError for another algorithm and for complex numbers.
    """
    x = as_array("standardize", x)
    if mean is None:
        mean = jnp.mean(x, axis, keepdims=True, where=where)
    if variance is None:
        variance = _variance(x, axis, mean, where, algorithm)
    return (x - mean) * lax.rsqrt(variance + epsilon)


def _variance(x: Array, axis: Axis, mean: ArrayLike, where: ArrayLike | None, algorithm: str) -> Array:
    if algorithm == "stable":
        return jnp.mean(jnp.square(x - mean), axis, keepdims=True, where=where)
    if algorithm != "fast":
        raise ValueError(f"standardize: algorithm must be 'fast' or 'stable', got {algorithm!r}")
    square_mean = jnp.mean(jnp.square(x), axis, keepdims=True, where=where)
    return jnp.clip(square_mean - jnp.square(mean), min=0)  # below 0 by rounding only


@traced_once("x")
def one_hot(x: Any, num_classes: int, *, dtype: Any = None, axis: int | str = -1) -> Array:
    """For each index in `x` a vector with 1 at that place and 0 elsewhere; zeros for an index out of range.

    x: array of indices, of shape s.  num_classes: length of the vectors.  dtype: float by default.  axis: the
    place of the vectors' axis in the result, of shape (*s[:axis], num_classes, *s[axis:]); or the name of a `vmap`
    axis of that length, along which each element then gets its entry.
    ValueError for an axis out of range or a named one of another length.
    """
    x, dtype = jnp.asarray(x), dtypes.python_scalar_dtype(float) if dtype is None else dtype
    if isinstance(axis, str):
        places = _named_place(num_classes, axis)
    else:
        position = ax.canonical_axis(axis, x.ndim + 1)
        shape = [num_classes if i == position else 1 for i in range(x.ndim + 1)]
        x, places = lax.expand_dims(x, (position,)), lax.broadcasted_iota(x.dtype, shape, position)
    return (x == places).astype(dtype)


def _named_place(num_classes: int, name: str) -> Array:
    length = lax.axis_size(name)
    if length != num_classes:
        raise ValueError(f"one_hot: num_classes is {num_classes}, but the axis named {name!r} has length {length}")
    return lax.axis_index(name)
