"""Pictures of another size: `resize` and `scale_and_translate`.

Each axis is resampled by itself.  An element of the result lies at a place of the source, and is a weighted mean of
the elements around that place, by a kernel that is as wide as an element of the larger kind.  The weights are a matrix,
so a picture costs two matrix products, and everything is differentiable, in scale and translation too.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Sequence
from typing import Any

from cujax import numpy as jnp
from cujax.api.traced_once import traced_once
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.engine.ops.axes import canonical_axis
from cujax.engine.ops.precision import Precision
from cujax.numpy.promotion import arrays_of, promote_inexact

__all__ = ["ResizeMethod", "resize", "scale_and_translate"]


class ResizeMethod(enum.Enum):
    """Kernels of resampling; each has names, as `from_string` knows them.

    NEAREST: the nearest element.  LINEAR: a triangle.  CUBIC: R. Keys' cubic (1981).  CUBIC_PYTORCH: without
    antialiasing another cubic, and the outer elements are repeated beyond the edges.  LANCZOS3, LANCZOS5: a sinc under
    a window of 3 or 5 elements.  AREA: the mean of what lies under an element.
    """

    NEAREST = 0
    LINEAR = 1
    LANCZOS3 = 2
    LANCZOS5 = 3
    CUBIC = 4
    CUBIC_PYTORCH = 5
    AREA = 6

    @staticmethod
    def from_string(s: str) -> ResizeMethod:
        """The method of that name; ValueError if there is none."""
        if s not in _NAMES:
            raise ValueError(f"Unknown resize method {s!r}; write one of {', '.join(map(repr, _NAMES))}")
        return _NAMES[s]


_NAMES = {
    "nearest": ResizeMethod.NEAREST,
    **dict.fromkeys(("linear", "bilinear", "trilinear", "triangle"), ResizeMethod.LINEAR),
    "lanczos3": ResizeMethod.LANCZOS3,
    "lanczos5": ResizeMethod.LANCZOS5,
    **dict.fromkeys(("cubic", "bicubic", "tricubic"), ResizeMethod.CUBIC),
    **dict.fromkeys(("cubic-pytorch", "bicubic-pytorch"), ResizeMethod.CUBIC_PYTORCH),
    "area": ResizeMethod.AREA,
}

# --- kernels: weights by distance, in elements ------------------------------------------------------------------------


def _triangle(x: Array) -> Array:
    return jnp.maximum(0, 1 - x)


def _cubic(a: float) -> Callable[[Array], Array]:
    """R. Keys, "Cubic convolution interpolation for digital image processing", 1981, with the free parameter a."""

    def kernel(x: Array) -> Array:
        inner = ((a + 2) * x - (a + 3)) * x * x + 1
        outer = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
        return jnp.where(x >= 2, 0, jnp.where(x >= 1, outer, inner))

    return kernel


def _lanczos(radius: int) -> Callable[[Array], Array]:
    """C. Lanczos, "Applied Analysis", 1956: sinc(x) sinc(x / radius)."""

    def kernel(x: Array) -> Array:
        away = jnp.where(x > 1e-3, jnp.pi * x, 1)
        value = radius * jnp.sin(away) * jnp.sin(away / radius) / (away * away)
        return jnp.where(x > radius, 0, jnp.where(x > 1e-3, value, 1))

    return kernel


_KERNELS: dict[ResizeMethod, Callable[[Array], Array]] = {
    ResizeMethod.LINEAR: _triangle,
    ResizeMethod.LANCZOS3: _lanczos(3),
    ResizeMethod.LANCZOS5: _lanczos(5),
    ResizeMethod.CUBIC: _cubic(-0.5),
    ResizeMethod.CUBIC_PYTORCH: _cubic(-0.5),
}
_PYTORCH_CUBIC = _cubic(-0.75)

# --- weights ----------------------------------------------------------------------------------------------------------


def _weights(n: int, m: int, scale: Any, translation: Any, method: ResizeMethod, antialias: bool) -> Array:
    """(n, m): how much each of n elements counts for each of m; a column sums to 1, or is 0 beyond the source."""
    per_element = 1 / scale
    dtype = jnp.result_type(per_element)
    at = (jnp.arange(m, dtype=dtype) + 0.5) * per_element - translation * per_element - 0.5
    sources = jnp.arange(n, dtype=dtype)[:, None]
    repeats_edges = method is ResizeMethod.CUBIC_PYTORCH and not antialias
    if method is ResizeMethod.AREA:
        table = _overlaps(at, sources, per_element)
    elif repeats_edges:
        table = _with_repeated_edges(_PYTORCH_CUBIC, at, n, dtype)
    else:
        width = jnp.maximum(per_element, 1) if antialias else 1
        table = _KERNELS[method](jnp.abs(at - sources) / width)
    total = jnp.sum(table, 0, keepdims=True)
    is_there = jnp.abs(total) > 1000 * float(dtypes.finfo(dtype).eps)
    table = jnp.where(is_there, table / jnp.where(total != 0, total, 1), 0)
    reach = 4.0 if repeats_edges else 0.5
    return jnp.where((at >= -reach) & (at <= n - 1 + reach), table, 0)


def _overlaps(at: Array, sources: Array, per_element: Any) -> Array:
    """How much of each source lies under each element of the result."""
    low, high = at - per_element / 2, at + per_element / 2
    return jnp.maximum(0, jnp.minimum(high, sources + 0.5) - jnp.maximum(low, sources - 0.5))


def _with_repeated_edges(kernel: Callable, at: Array, n: int, dtype: Any) -> Array:
    """Weights where the outer elements stand for those beyond the edges, which a kernel of radius 2 may reach."""
    reach = 2
    wide = kernel(jnp.abs(at - jnp.arange(-reach, n + reach, dtype=dtype)[:, None]))
    first, last = wide[: reach + 1].sum(0, keepdims=True), wide[-reach - 1 :].sum(0, keepdims=True)
    if n == 1:
        return wide.sum(0, keepdims=True)
    return jnp.concatenate([first, wide[reach + 1 : -reach - 1], last])


# --- pictures ---------------------------------------------------------------------------------------------------------


def _method(method: str | ResizeMethod) -> ResizeMethod:
    return ResizeMethod.from_string(method) if isinstance(method, str) else method


def _resampled(
    image: Array, shape: Sequence[int], axes: Sequence[int], scale: Any, translation: Any, method: ResizeMethod,
    antialias: bool, precision: Any,
) -> Array:
    for i, axis in enumerate(axes):
        table = _weights(image.shape[axis], shape[axis], scale[i], translation[i], method, antialias)
        moved = jnp.tensordot(image, table.astype(image.dtype), ([axis], [0]), precision=precision)
        image = jnp.moveaxis(moved, -1, axis)
    return image


@traced_once("image", "scale", "translation")
def scale_and_translate(
    image: Any, shape: Sequence[int], spatial_dims: Sequence[int], scale: Any, translation: Any,
    method: str | ResizeMethod, antialias: bool = True, precision: Any = Precision.HIGHEST,
) -> Array:
    """A picture of `shape` in which what lay at place y is at y * scale + translation; 0 where nothing lay.

    image: array, converted to floating point.  shape: of the result; along axes that are not in `spatial_dims` that of
    image.  scale, translation: a number for each of spatial_dims, in elements; elements are centred at halves.
    method: `ResizeMethod` or a name of one, not NEAREST.  antialias: where elements become larger, kernels do too.
    precision: of the products.  ValueError for other ranks, shapes or methods.
    """
    shape = tuple(shape)
    (image,) = arrays_of(promote_inexact("scale_and_translate", image))
    if len(shape) != image.ndim:
        raise ValueError(f"scale_and_translate: shape must have length {image.ndim}, the rank of image, got {shape}")
    kind = _method(method)
    if kind is ResizeMethod.NEAREST:
        raise ValueError("scale_and_translate: nearest elements are chosen by resize only")
    axes = [canonical_axis(a, image.ndim) for a in spatial_dims]
    scale, translation = (arrays_of(promote_inexact("scale_and_translate", x))[0] for x in (scale, translation))
    for name, given in (("scale", scale), ("translation", translation)):
        if given.shape != (len(axes),):
            raise ValueError(
                f"scale_and_translate: {name} must have shape ({len(axes)},), a number for each of spatial_dims, got "
                f"{given.shape}"
            )
    return _resampled(image, shape, axes, scale, translation, kind, antialias, precision)


@traced_once("image")
def resize(
    image: Any, shape: Sequence[int], method: str | ResizeMethod, antialias: bool = True,
    precision: Any = Precision.HIGHEST,
) -> Array:
    """`image` with another number of elements along each axis.

    shape: of the result, with all axes of image.  Other arguments as `scale_and_translate`.  The result is floating
    point, or of the dtype of image with NEAREST, which reads the element under the centre of each element.
    ValueError for another rank or method.
    """
    shape, image = tuple(shape), jnp.asarray(image)
    if len(shape) != image.ndim:
        raise ValueError(f"resize: shape must have length {image.ndim}, the rank of image, got {shape}")
    kind = _method(method)
    axes = [i for i, (n, m) in enumerate(zip(image.shape, shape, strict=True)) if n != m]
    if kind is ResizeMethod.NEAREST:
        for axis in axes:
            n, m = image.shape[axis], shape[axis]
            centres = [math.floor((i + 0.5) * n / m) for i in range(m)]
            image = jnp.take(image, jnp.array(centres, dtypes.int32), axis=axis)
        return image
    (image,) = arrays_of(promote_inexact("resize", image))
    if 0 in image.shape or 0 in shape:
        return jnp.zeros(shape, image.dtype)
    dtype = jnp.promote_types(dtypes.to_real(image.dtype), dtypes.float32)
    scale = [jnp.asarray(shape[a] / image.shape[a], dtype) for a in axes]
    return _resampled(image, shape, axes, scale, [0.0] * len(axes), kind, antialias, precision)
