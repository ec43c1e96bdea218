"""Discrete cosine transforms, as `scipy.fft`: of type 2 and their inverses, by a complex transform of the same length.

J. Makhoul, "A fast cosine transform in one and two dimensions", IEEE Trans. ASSP 28(1), 1980: with the even elements in
order and then the odd ones backwards, the transform is the real part of a Fourier transform times a phase.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from cujax import lax
from cujax import numpy as jnp
from cujax.api.traced_once import traced_once
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.engine.ops.axes import canonical_axis
from cujax.numpy.promotion import ArrayLike, arrays_of, promote_inexact

__all__ = ["dct", "dctn", "idct", "idctn"]


@traced_once("x")
def dct(x: ArrayLike, type: int = 2, n: int | None = None, axis: int = -1, norm: str | None = None) -> Array:
    """2 sum over j of x[j] cos(pi k (2 j + 1) / (2 n)), for k below n, along one axis.

    x: array, converted to floating point.  n: how many elements are transformed: x is cut or followed by zeros.
    norm: None or "backward"; "ortho" scales to an orthogonal matrix.
    NotImplementedError for other types than 2; ValueError for another norm or an axis out of range.
    """
    return _along("dct", _forward, x, type, n, axis, norm)


@traced_once("x")
def idct(x: ArrayLike, type: int = 2, n: int | None = None, axis: int = -1, norm: str | None = None) -> Array:
    """The inverse of `dct` with the same arguments, whatever the norm."""
    return _along("idct", _inverse, x, type, n, axis, norm)


@traced_once("x")
def dctn(
    x: ArrayLike, type: int = 2, s: Sequence[int] | None = None, axes: Sequence[int] | None = None,
    norm: str | None = None,
) -> Array:
    """`dct` along several axes, by default all; s: the number of elements along each of `axes`, or of the last ones.

    ValueError for axes that are named twice.
    """
    return _along_each("dctn", _forward, x, type, s, axes, norm)


@traced_once("x")
def idctn(
    x: ArrayLike, type: int = 2, s: Sequence[int] | None = None, axes: Sequence[int] | None = None,
    norm: str | None = None,
) -> Array:
    """The inverse of `dctn` with the same arguments."""
    return _along_each("idctn", _inverse, x, type, s, axes, norm)


def _along(name: str, transform: Any, x: ArrayLike, type: int, n: int | None, axis: int, norm: str | None) -> Array:
    (x,) = arrays_of(promote_inexact(name, x))
    _check(name, type, norm)
    axis = canonical_axis(axis, x.ndim)
    moved = jnp.moveaxis(x, axis, -1)
    return jnp.moveaxis(transform(_of_length(moved, n), norm == "ortho"), -1, axis)


def _along_each(
    name: str, transform: Any, x: ArrayLike, type: int, s: Any, axes: Any, norm: str | None
) -> Array:
    (x,) = arrays_of(promote_inexact(name, x))
    _check(name, type, norm)
    lengths = None if s is None else [s] if isinstance(s, int) else list(s)
    if axes is None:
        axes = range(-len(lengths) if lengths else -x.ndim, 0)
    axes = [canonical_axis(a, x.ndim) for a in ([axes] if isinstance(axes, int) else axes)]
    if len(set(axes)) < len(axes):
        raise ValueError(f"{name}: an axis must not be named twice, got {axes}")
    lengths = lengths or []
    for axis, n in zip(axes, [*lengths, *[None] * (len(axes) - len(lengths))], strict=True):
        x = _along(name, transform, x, type, n, axis, norm)
    return x


def _check(name: str, type: int, norm: str | None) -> None:
    if type != 2:
        raise NotImplementedError(f"{name}: only type 2 is implemented, got type {type}")
    if norm not in (None, "backward", "ortho"):
        raise ValueError(f"{name}: norm must be None, 'backward' or 'ortho', got {norm!r}")


def _of_length(x: Array, n: int | None) -> Array:
    n = x.shape[-1] if n is None else n
    if n < 1:
        error = ValueError if n < 0 else TypeError  # as JAX, where two functions find it
        raise error(f"transforms need one number or more, got n = {n}")
    if n == x.shape[-1]:
        return x
    return jnp.pad(x[..., :n], [(0, 0)] * (x.ndim - 1) + [(0, max(0, n - x.shape[-1]))])


def _phases(n: int, sign: int, dtype: Any) -> Array:
    """exp(sign i pi k / (2 n)) for all k."""
    return jnp.exp(jnp.arange(n) * jnp.asarray(sign * 0.5j * math.pi / n, dtype))


def _complex_dtype(x: Array) -> Any:
    return dtypes.to_complex(jnp.promote_types(x.dtype, dtypes.float32))


def _orthogonal_factors(n: int, dtype: Any) -> Array:
    """By which each coefficient is multiplied for the matrix to be orthogonal."""
    return jnp.where(jnp.arange(n) == 0, math.sqrt(1 / (4 * n)), math.sqrt(1 / (2 * n))).astype(dtype)


def _forward(x: Array, ortho: bool) -> Array:
    n, wide = x.shape[-1], _complex_dtype(x)
    order = jnp.concatenate([x[..., ::2], lax.rev(x[..., 1::2], (x.ndim - 1,))], axis=-1)
    if dtypes.is_complex(x.dtype):
        return lax.complex(_forward(x.real, ortho), _forward(x.imag, ortho))
    out = 2 * jnp.real(jnp.fft.fft(order.astype(wide)) * _phases(n, -1, wide))
    return out * _orthogonal_factors(n, out.dtype) if ortho else out


def _inverse(x: Array, ortho: bool) -> Array:
    n, wide = x.shape[-1], _complex_dtype(x)
    if dtypes.is_complex(x.dtype):
        return lax.complex(_inverse(x.real, ortho), _inverse(x.imag, ortho))
    real = dtypes.to_real(wide)
    x = x.astype(real)
    if ortho:
        x = x / _orthogonal_factors(n, real)
    mirrored = jnp.concatenate([jnp.zeros_like(x[..., :1]), lax.rev(x[..., 1:], (x.ndim - 1,))], axis=-1)
    order = jnp.real(jnp.fft.ifft(lax.complex(x, -mirrored) * _phases(n, 1, wide) * 0.5))
    half = (n + 1) // 2
    evens, odds = order[..., :half], lax.rev(order[..., half:], (x.ndim - 1,))
    places = jnp.arange(n)
    return jnp.where(places % 2 == 0, jnp.repeat(evens, 2, axis=-1)[..., :n], _repeated(odds, n))


def _repeated(odds: Array, n: int) -> Array:
    """Each element twice, as far as n; nothing counts where there is no odd element."""
    doubled = jnp.repeat(odds, 2, axis=-1)
    return jnp.pad(doubled, [(0, 0)] * (odds.ndim - 1) + [(0, n - doubled.shape[-1])])
