"""Polynomials by their coefficients, highest power first: polyval, polymul, polyder and the others."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from cujax import lax
from cujax.api.traced_once import traced_once
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.numpy import reductions
from cujax.numpy.creation import asarray, full
from cujax.numpy.decompositions import eigvals
from cujax.numpy.grids import arange
from cujax.numpy.joining import concatenate
from cujax.numpy.matrices import eye
from cujax.numpy.promotion import ArrayLike, arrays_of, known_values, promote_dtypes, promote_inexact
from cujax.numpy.reductions import argmax
from cujax.numpy.reshaping import roll
from cujax.numpy.selection import where
from cujax.numpy.sorting import argsort


@traced_once("p", "x")
def polyval(p: ArrayLike, x: ArrayLike, *, unroll: int = 16) -> Array:
    """The polynomial with coefficients p (along the first axis) at x, by Horner's rule."""
    p, x = arrays_of(promote_dtypes("polyval", p, x))
    shape = np.broadcast_shapes(p.shape[1:], x.shape)
    value = full(shape, 0, x.dtype)
    for i in range(p.shape[0]):
        value = value * x + lax.index_in_dim(p, i, 0, keepdims=False)
    return value


def _vectors(name: str, *ps: ArrayLike) -> list[Array]:
    vectors = [_vector(p) for p in arrays_of(promote_dtypes(name, *ps))]
    if any(v.ndim != 1 for v in vectors):
        raise ValueError(
            f"{name}: coefficients must be scalars or vectors, got shapes {[v.shape for v in vectors]}"
        )
    return vectors


def _vector(p: Array) -> Array:
    return lax.reshape(p, (1,)) if p.ndim == 0 else p


def _padded(p: Array, length: int) -> Array:
    """p with zeros for higher powers in front."""
    return lax.pad(p, p.dtype.type(0), [(length - p.shape[0], 0, 0)])


def polyadd(a1: ArrayLike, a2: ArrayLike) -> Array:
    """Coefficients of the sum of two polynomials."""
    a1, a2 = _vectors("polyadd", a1, a2)
    length = max(a1.shape[0], a2.shape[0])
    return _padded(a1, length) + _padded(a2, length)


def polysub(a1: ArrayLike, a2: ArrayLike) -> Array:
    """Coefficients of the difference of two polynomials."""
    a1, a2 = _vectors("polysub", a1, a2)
    return polyadd(a1, -a2)


def polymul(a1: ArrayLike, a2: ArrayLike, *, trim_leading_zeros: bool = False) -> Array:
    """Coefficients of the product of two polynomials; trimmed ones need known values."""
    a1, a2 = _vectors("polymul", *promote_inexact("polymul", a1, a2))
    if trim_leading_zeros:
        a1, a2 = _trimmed(a1), _trimmed(a2)
    length = a1.shape[0] + a2.shape[0] - 1
    rows = [
        lax.pad(a2 * a1[i], a1.dtype.type(0), [(i, length - i - a2.shape[0], 0)]) for i in range(a1.shape[0])
    ]
    return reductions.sum(lax.concatenate([lax.expand_dims(r, (0,)) for r in rows], 0), 0)


def _trimmed(p: Array) -> Array:
    values = known_values("jnp.polymul", p, "Leave trim_leading_zeros False.")
    nonzero = np.flatnonzero(values)
    return p[int(nonzero[0]) if nonzero.size else p.shape[0] - 1 :]


def polydiv(u: ArrayLike, v: ArrayLike, *, trim_leading_zeros: bool = False) -> tuple[Array, Array]:
    """Quotient and remainder of two polynomials; a remainder is trimmed only if asked, with known values."""
    u, v = _vectors("polydiv", *promote_inexact("polydiv", u, v))
    steps = u.shape[0] - v.shape[0] + 1
    quotient = []
    for i in range(max(steps, 0)):
        factor = u[i] / v[0]
        quotient.append(lax.reshape(factor, (1,)))
        u = u - lax.pad(v * factor, u.dtype.type(0), [(i, u.shape[0] - i - v.shape[0], 0)])
    result = concatenate(quotient) if quotient else full((1,), 0, u.dtype)
    return result, _trimmed(u) if trim_leading_zeros else u


@traced_once("p")
def polyder(p: ArrayLike, m: int = 1) -> Array:
    """Coefficients of the m-th derivative."""
    (p,) = _vectors("polyder", *promote_inexact("polyder", p))
    m = operator.index(m)
    if m < 0:
        raise ValueError("Order of derivative must be positive")
    factors = np.ones(max(p.shape[0] - m, 0))
    for k in range(m):
        factors *= np.arange(p.shape[0] - 1, m - 1, -1)[: factors.size] - k
    return p[: factors.size] * asarray(factors.astype(_host_dtype(p)))


def _host_dtype(p: Array) -> Any:
    return dtypes.to_real(p.dtype)


@traced_once("p", "k")
def polyint(p: ArrayLike, m: int = 1, k: ArrayLike | None = None) -> Array:
    """Coefficients of the m-th antiderivative; k: the constants of integration in order, 0 by default."""
    p, constants = _vectors("polyint", *promote_inexact("polyint", p, 0 if k is None else k))
    m = operator.index(m)
    if m < 0:
        raise ValueError("Order of integral must be positive (see polyder)")
    if constants.shape[0] == 1:
        constants = lax.broadcast_in_dim(constants[0], (m,), ())
    if constants.shape[0] != m:
        raise ValueError("k must be a scalar or a rank-1 array of length 1 or m.")
    for i in range(m):
        powers = np.arange(p.shape[0], 0, -1).astype(_host_dtype(p))
        p = concatenate([p / asarray(powers), constants[i : i + 1]])
    return p


def poly(seq_of_zeros: ArrayLike) -> Array:
    """Coefficients of the polynomial with the given zeros, or with the eigenvalues of a square matrix as zeros."""
    (zeros,) = arrays_of(promote_inexact("poly", seq_of_zeros))
    zeros = _vector(zeros)
    if zeros.ndim == 2 and zeros.shape[0] == zeros.shape[1] and zeros.size:
        zeros = eigvals(zeros)
    if zeros.ndim != 1:
        raise ValueError(f"poly: the zeros must be a vector, got shape {zeros.shape}")
    p = full((1,), 1, zeros.dtype)
    for i in range(zeros.shape[0]):
        p = polymul(p, concatenate([full((1,), 1, zeros.dtype), -zeros[i : i + 1]]))
    return p


def roots(p: ArrayLike, *, strip_zeros: bool = True) -> Array:
    """The zeros, complex (n - 1,), of the polynomial with coefficients p (n,): eigenvalues of its companion matrix.

    strip_zeros: leave leading coefficients of 0 out, which needs known values.  Without it each of them makes the
    last of the results NaN, and the function can be traced.  ValueError for p of another rank;
    ConcretizationTypeError for traced p with `strip_zeros`.
    """
    (p,) = arrays_of(promote_inexact("roots", p))
    p = _vector(p)
    if p.ndim != 1:
        raise ValueError(f"roots: the coefficients must be a vector, got shape {p.shape}")
    leading = argmax(p != 0) if p.size else 0
    leading = where(reductions.any(p != 0), leading, p.shape[0])
    if not strip_zeros:
        found = _roots(roll(p, -leading))
        found = found[argsort(found == 0, stable=True)]  # roots of 0 last: the polynomial has some too many
        beyond = arange(found.shape[0]) >= found.shape[0] - leading
        return where(beyond, np.nan * (1 + 1j), found).astype(found.dtype)
    cure = "Give strip_zeros=False: then the number of results does not depend on values."
    return _roots(p[int(known_values("roots", leading, cure)) :])


def _roots(p: Array) -> Array:
    """Of coefficients whose first is not 0."""
    n = max(p.shape[0] - 1, 0)
    if n == 0:
        return full((0,), 0, dtypes.to_complex(p.dtype))
    companion = concatenate([(-p[1:] / p[0])[None], eye(n - 1, n, dtype=p.dtype)])
    return eigvals(companion)
