"""Functions (key, shape, dtype) -> array that draw the weights with which training begins.

    normal  uniform  truncated_normal  constant  zeros  ones     their parameters are given
    variance_scaling: lecun_*  glorot_* = xavier_*  he_* = kaiming_*  parameters follow from the shape
    orthogonal  delta_orthogonal                                  matrices that keep lengths

All but `zeros` and `ones`, which are initializers themselves, build one.  The draws are those of `cujax.random`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from cujax import lax, random
from cujax import numpy as jnp
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes

Axes = int | Sequence[int]


class Initializer(Protocol):
    """What the functions of this module build."""

    def __call__(self, key: Any, shape: Sequence[int], dtype: Any = None, out_sharding: Any = None) -> Array:
        """An array of `shape` and `dtype`, by default the builder's, drawn from `key`; out_sharding must be None."""
        ...


def _initializer(draw: Callable[[Any, Sequence[int], Any], Array], default: Any = None) -> Initializer:
    """`draw` (key, shape, dtype), with a default dtype."""

    def init(key: Any, shape: Sequence[int], dtype: Any = default, out_sharding: Any = None) -> Array:
        """An array of `shape` and `dtype`, drawn from `key`."""
        _check_sharding(out_sharding)
        return draw(key, shape, _dtype(default if dtype is None else dtype))

    return init


def _check_sharding(out_sharding: Any) -> None:
    if out_sharding is not None:
        raise NotImplementedError("initializers: out_sharding must be None; arrays live on one device")


def _dtype(dtype: Any) -> Any:
    return dtypes.canonicalize(dtypes.as_dtype(float if dtype is None else dtype))


# --- given parameters -------------------------------------------------------------------------------------------------


def zeros(key: Any, shape: Sequence[int], dtype: Any = None, out_sharding: Any = None) -> Array:
    """An array of zeros; `key` is not used."""
    _check_sharding(out_sharding)
    return jnp.zeros(shape, _dtype(dtype))


def ones(key: Any, shape: Sequence[int], dtype: Any = None, out_sharding: Any = None) -> Array:
    """An array of ones; `key` is not used."""
    _check_sharding(out_sharding)
    return jnp.ones(shape, _dtype(dtype))


def constant(value: Any, dtype: Any = None) -> Initializer:
    """Arrays full of `value`, a number or an array that broadcasts."""
    return _initializer(lambda key, shape, dtype: jnp.full(shape, value, dtype), dtype)


def uniform(scale: Any = 1e-2, dtype: Any = None) -> Initializer:
    """Numbers of [0, scale), each as likely as another."""

    def draw(key: Any, shape: Sequence[int], dtype: Any) -> Array:
        return random.uniform(key, shape, dtype) * jnp.array(scale, dtype)

    return _initializer(draw, dtype)


def normal(stddev: Any = 1e-2, dtype: Any = None) -> Initializer:
    """Normal numbers with mean 0 and the given standard deviation."""

    def draw(key: Any, shape: Sequence[int], dtype: Any) -> Array:
        return random.normal(key, shape, dtype) * jnp.array(stddev, dtype)

    return _initializer(draw, dtype)


def truncated_normal(stddev: Any = 1e-2, dtype: Any = None, lower: Any = -2.0, upper: Any = 2.0) -> Initializer:
    """`stddev` times normal numbers that lie between `lower` and `upper`; their own deviation is smaller than 1."""

    def draw(key: Any, shape: Sequence[int], dtype: Any) -> Array:
        return random.truncated_normal(key, lower, upper, shape, dtype) * jnp.array(stddev, dtype)

    return _initializer(draw, dtype)


# --- parameters by the shape ------------------------------------------------------------------------------------------

# The standard deviation of a normal number given that it lies within 2 of the mean; of the radius, for complex ones
# (whose square is exponential) within 2 of it.
_TRUNCATED = 0.87962566103423978
_TRUNCATED_COMPLEX = 0.95311164380491208


def variance_scaling(
    scale: Any,
    mode: str,
    distribution: str,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: Any = None,
) -> Initializer:
    """Numbers with mean 0 and variance scale / n.

    mode: which n: "fan_in", the number of inputs of a weight array; "fan_out", of outputs; "fan_avg", their mean;
    "fan_geo_avg", their geometric mean.  distribution: "normal", "truncated_normal" (at 2 standard deviations) or
    "uniform" (over a disk, for complex numbers).  in_axis, out_axis: axes of inputs and outputs.  batch_axis: axes that
    do not count; all others are a filter's, and count on both sides.
    ValueError for another mode or distribution, and for shapes of rank below 2 with the default axes.
    """

    def draw(key: Any, shape: Sequence[int], dtype: Any) -> Array:
        variance = jnp.array(scale / _fan(mode, *_fans(tuple(shape), in_axis, out_axis, batch_axis)), dtype)
        if distribution not in _DRAWS:
            raise ValueError(
                f"variance_scaling: distribution must be one of {', '.join(map(repr, _DRAWS))}, got {distribution!r}"
            )
        return _DRAWS[distribution](key, tuple(shape), dtype, variance)

    return _initializer(draw, dtype)


def _fans(shape: tuple[int, ...], in_axis: Axes, out_axis: Axes, batch_axis: Axes) -> tuple[float, float]:
    """How many inputs each output has, and how many outputs each input."""
    if len(shape) <= 1:
        raise ValueError(
            f"variance_scaling: the shape must have an axis of inputs and one of outputs, {shape} has rank {len(shape)}"
        )
    inputs, outputs, batch = (_length(shape, axes) for axes in (in_axis, out_axis, batch_axis))
    filter_size = math.prod(shape) / inputs / outputs / batch
    return inputs * filter_size, outputs * filter_size


def _length(shape: tuple[int, ...], axes: Axes) -> int:
    return shape[axes] if isinstance(axes, int) else math.prod([shape[a] for a in axes])


def _fan(mode: str, inputs: float, outputs: float) -> float:
    fans = {
        "fan_in": inputs, "fan_out": outputs, "fan_avg": (inputs + outputs) / 2,
        "fan_geo_avg": math.sqrt(inputs * outputs),
    }
    if mode not in fans:
        raise ValueError(f"variance_scaling: mode must be one of {', '.join(map(repr, fans))}, got {mode!r}")
    return fans[mode]


def _draw_normal(key: Any, shape: tuple[int, ...], dtype: Any, variance: Array) -> Array:
    return random.normal(key, shape, dtype) * jnp.sqrt(variance)


def _draw_truncated(key: Any, shape: tuple[int, ...], dtype: Any, variance: Array) -> Array:
    if dtypes.is_complex(dtype):
        return _complex_truncated(key, shape, dtype) * (jnp.sqrt(variance) / jnp.array(_TRUNCATED_COMPLEX, dtype))
    return random.truncated_normal(key, -2, 2, shape, dtype) * (jnp.sqrt(variance) / jnp.array(_TRUNCATED, dtype))


def _draw_uniform(key: Any, shape: tuple[int, ...], dtype: Any, variance: Array) -> Array:
    if dtypes.is_complex(dtype):
        return _uniform_disk(key, shape, dtype) * jnp.sqrt(2 * variance)
    return random.uniform(key, shape, dtype, -1) * jnp.sqrt(3 * variance)


_DRAWS = {"truncated_normal": _draw_truncated, "normal": _draw_normal, "uniform": _draw_uniform}


def _complex_truncated(key: Any, shape: tuple[int, ...], dtype: Any, limit: float = 2.0) -> Array:
    """Complex normal numbers of variance 1 within a circle: -|z|**2 is the logarithm of a uniform number."""
    real = dtypes.to_real(dtype)
    key_radius, key_angle = random.split(key)
    u = (1 - jnp.exp(jnp.array(-(limit**2), dtype))).real * random.uniform(key_radius, shape, real)
    radius = jnp.sqrt(-jnp.log(1 - u))
    angle = 2 * jnp.pi * random.uniform(key_angle, shape, real)
    return radius.astype(dtype) * jnp.exp(1j * angle.astype(dtype))


def _uniform_disk(key: Any, shape: tuple[int, ...], dtype: Any) -> Array:
    """Complex numbers of the unit disk, each as likely as another."""
    real = dtypes.to_real(dtype)
    key_radius, key_angle = random.split(key)
    radius = jnp.sqrt(random.uniform(key_radius, shape, real))
    angle = 2 * jnp.pi * random.uniform(key_angle, shape, real)
    return radius.astype(dtype) * jnp.exp(1j * angle.astype(dtype))


def _scaling(name: str, scale: float, mode: str, distribution: str, source: str) -> Callable[..., Initializer]:
    def function(
        in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None,
    ) -> Initializer:
        return variance_scaling(scale, mode, distribution, in_axis, out_axis, batch_axis, dtype)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"`variance_scaling` with scale {scale}, mode {mode!r} and distribution {distribution!r} ({source}).\n\n"
        "in_axis, out_axis, batch_axis, dtype: as there."
    )
    return function


_GLOROT = 'X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010'
_HE = 'K. He et al., "Delving Deep into Rectifiers", 2015'
_LECUN = 'Y. LeCun et al., "Efficient BackProp", 1998'

lecun_normal = _scaling("lecun_normal", 1.0, "fan_in", "truncated_normal", _LECUN)
lecun_uniform = _scaling("lecun_uniform", 1.0, "fan_in", "uniform", _LECUN)
glorot_normal = xavier_normal = _scaling("glorot_normal", 1.0, "fan_avg", "truncated_normal", _GLOROT)
glorot_uniform = xavier_uniform = _scaling("glorot_uniform", 1.0, "fan_avg", "uniform", _GLOROT)
he_normal = kaiming_normal = _scaling("he_normal", 2.0, "fan_in", "truncated_normal", _HE)
he_uniform = kaiming_uniform = _scaling("he_uniform", 2.0, "fan_in", "uniform", _HE)

# --- orthogonal matrices ----------------------------------------------------------------------------------------------


def orthogonal(scale: Any = 1.0, column_axis: int = -1, dtype: Any = None) -> Initializer:
    """`scale` times an orthogonal matrix, each as likely as another (F. Mezzadri, "How to generate random matrices
    from the classical compact groups", 2007).

    column_axis: the axis of the columns; all others together are the rows.  Of the longer side the vectors are only a
    part of a basis.  ValueError for a shape of rank below 2.
    """

    def draw(key: Any, shape: Sequence[int], dtype: Any) -> Array:
        shape = tuple(shape)
        if len(shape) < 2:
            raise ValueError(f"orthogonal: the shape must have rank 2 or more, got {shape}")
        columns, rows = shape[column_axis], math.prod(shape) // shape[column_axis]
        q = random.orthogonal(key, rows, (), dtype, columns)
        rest = tuple(np.delete(shape, column_axis).tolist())
        return jnp.array(scale, dtype) * jnp.moveaxis(q.reshape(*rest, columns), -1, column_axis)

    return _initializer(draw, dtype)


def delta_orthogonal(scale: Any = 1.0, column_axis: int = -1, dtype: Any = None) -> Initializer:
    """Filters that are 0 but for an orthogonal matrix at the centre (L. Xiao et al., "Dynamical Isometry and a Mean
    Field Theory of CNNs", 2018).

    The shape is that of a filter and then inputs and outputs, of which there must be as many at least.  ValueError for
    a rank other than 3, 4 or 5, and for more inputs than outputs.
    """

    def draw(key: Any, shape: Sequence[int], dtype: Any) -> Array:
        shape = tuple(shape)
        if len(shape) not in (3, 4, 5):
            raise ValueError(f"delta_orthogonal: the shape must have rank 3, 4 or 5, got {shape}")
        if shape[-1] < shape[-2]:
            raise ValueError(f"delta_orthogonal: there must not be fewer outputs than inputs, got shape {shape}")
        matrix = orthogonal(scale, column_axis, dtype)(key, shape[-2:])
        centre = [(n - 1) // 2 for n in shape[:-2]]
        return lax.dynamic_update_slice(
            jnp.zeros(shape, dtype), matrix.reshape((1,) * len(centre) + matrix.shape), [*centre, 0, 0]
        )

    return _initializer(draw, dtype)
