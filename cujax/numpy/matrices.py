"""Matrices by their pattern: identity, triangles, diagonals, and the indices of those.  Also `vander`."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from cujax import lax
from cujax.api.traced_once import traced_once
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.engine.ops.axes import canonical_axis, other_axes
from cujax.numpy.creation import asarray
from cujax.numpy.logic import choose_where
from cujax.numpy.parts import abs as absolute
from cujax.numpy.promotion import ArrayLike, as_array
from cujax.numpy.reductions import sum as reduce_add
from cujax.numpy.reshaping import broadcast_to, expand_dims, ravel


def _diagonal_mask(n: int, m: int, k: int, compare: Any) -> Array:
    """Where `row + k` compares to `column` as asked, in an (n, m) matrix."""
    rows = lax.broadcasted_iota(np.int32, (n, m), 0)
    return compare(lax.add(rows, np.int32(k)) if k else rows, lax.broadcasted_iota(np.int32, (n, m), 1))


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None, *, device: Any = None) -> Array:
    """An (N, M) matrix with 1 on diagonal k and 0 elsewhere; dtype float by default."""
    dtype = dtypes.canonicalize_user(float if dtype is None else dtype, "eye")
    rows = _side("eye", N)
    columns = rows if M is None else _side("eye", M)
    return lax.convert_element_type(_diagonal_mask(rows, columns, operator.index(k), lax.eq), dtype)


def _side(name: str, length: Any) -> int:
    side = operator.index(length)
    if side < 0:
        raise ValueError(f"negative dimensions are not allowed, got {side} in {name}")
    return side


def identity(n: int, dtype: Any = None) -> Array:
    """The (n, n) identity matrix."""
    return eye(n, dtype=dtype)


def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Array:
    """An (N, M) matrix with 1 on and below diagonal k and 0 above; dtype float32 by default."""
    dtype = dtypes.canonicalize_user(dtypes.float32 if dtype is None else dtype, "tri")
    rows = _side("tri", N)
    columns = rows if M is None else _side("tri", M)
    return lax.convert_element_type(_diagonal_mask(rows, columns, operator.index(k), lax.ge), dtype)


@traced_once("m")
def tril(m: ArrayLike, k: int = 0) -> Array:
    """The last two axes' lower triangle, on and below diagonal k; 0 elsewhere.  ValueError for fewer axes."""
    m = _matrix("tril", m)
    return choose_where(_mask_like(m, k), m, m.dtype.type(0))


@traced_once("m")
def triu(m: ArrayLike, k: int = 0) -> Array:
    """The last two axes' upper triangle, on and above diagonal k; 0 elsewhere.  ValueError for fewer axes."""
    m = _matrix("triu", m)
    return choose_where(_mask_like(m, k - 1), m.dtype.type(0), m)


def _matrix(name: str, m: ArrayLike) -> Array:
    m = as_array(name, m)
    if m.ndim < 2:
        raise ValueError(f"Argument to jnp.{name} must be at least 2D, got shape {m.shape}")
    return m


def _mask_like(m: Array, k: int) -> Array:
    mask = _diagonal_mask(m.shape[-2], m.shape[-1], operator.index(k), lax.ge)
    return lax.broadcast_in_dim(mask, m.shape, (m.ndim - 2, m.ndim - 1))


# --- diagonals ----------------------------------------------------------------------------------------


@traced_once("a")
def diagonal(a: ArrayLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """The diagonal `offset` of the matrices along axis1 and axis2, as a new last axis.

    ValueError for fewer than two axes, TypeError for one axis twice.
    """
    a = as_array("diagonal", a)
    if a.ndim < 2:
        raise ValueError(f"diagonal requires an array of at least two dimensions, got shape {a.shape}")
    rows, columns = (canonical_axis(i, a.ndim) for i in (axis1, axis2))
    a = lax.transpose(a, (*other_axes(a.ndim, (rows, columns)), rows, columns))
    offset = operator.index(offset)
    n, m = a.shape[-2:]
    length = max(0, min(n + min(offset, 0), m - max(offset, 0)))
    if not length:
        empty = lax.reshape(a, (*a.shape[:-2], n * m))
        return lax.slice_in_dim(empty, 0, 0, axis=-1)
    cut = lax.slice_in_dim(a, max(-offset, 0), max(-offset, 0) + length, axis=-2)
    cut = lax.slice_in_dim(cut, max(offset, 0), max(offset, 0) + length, axis=-1)
    return _main_diagonal(cut)


def _main_diagonal(a: Array) -> Array:
    """Of square matrices: every (n + 1)-st element of the flattened matrix."""
    n = a.shape[-1]
    flat = lax.reshape(a, (*a.shape[:-2], n * n))
    return lax.slice_in_dim(flat, 0, n * n, stride=n + 1, axis=-1)


@traced_once("v")
def diag(v: ArrayLike, k: int = 0) -> Array:
    """The matrix with a vector on diagonal k, or diagonal k of a matrix.  ValueError for other ranks."""
    v = as_array("diag", v)
    if v.ndim == 2:
        return diagonal(v, k)
    if v.ndim != 1:
        raise ValueError(f"diag input must be 1d or 2d, got shape {v.shape}")
    return _diagonal_matrix(v, operator.index(k))


def _diagonal_matrix(v: Array, k: int) -> Array:
    """Each element across the row, or for negative k the column, of its place, of which the diagonal stays."""
    n = v.shape[0] + abs(k)
    elements = lax.pad(v, v.dtype.type(0), [(0, abs(k), 0)])
    everywhere = lax.broadcast_in_dim(elements, (n, n), (0 if k >= 0 else 1,))
    return lax.select(_diagonal_mask(n, n, k, lax.eq), everywhere, lax.full_like(everywhere, 0))


def diagflat(v: ArrayLike, k: int = 0) -> Array:
    """The matrix with the flattened `v` on diagonal k."""
    return diag(ravel(as_array("diagflat", v)), k)


@traced_once("a")
def trace(
    a: ArrayLike, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: None = None
) -> Array:
    """The sum of diagonal `offset` of the matrices along axis1 and axis2."""
    if out is not None:
        raise NotImplementedError("The 'out' argument to jnp.trace is not supported")
    return reduce_add(diagonal(as_array("trace", a), offset, axis1, axis2), -1, dtype)


def fill_diagonal(a: ArrayLike, val: ArrayLike, wrap: bool = False, *, inplace: bool = True) -> Array:
    """A copy of `a` with `val` on its main diagonal; inplace=False must be written.

    val: a scalar, or an array that is repeated along the diagonal.  wrap: go on below a square in tall
    matrices.
    """
    if inplace:
        raise NotImplementedError(
            "jnp.fill_diagonal cannot change its argument: write a = jnp.fill_diagonal(a, val, inplace=False)"
        )
    a, val = as_array("fill_diagonal", a), as_array("fill_diagonal", val, 1)
    if a.ndim < 2 or (a.ndim > 2 and len(set(a.shape)) > 1):
        raise ValueError(f"fill_diagonal: a must be a matrix or have equal lengths, got shape {a.shape}")
    step = sum(int(np.prod(a.shape[i + 1 :])) for i in range(a.ndim))
    stop = a.size if wrap or a.ndim > 2 else min(a.size, a.shape[1] * a.shape[1])
    places = np.arange(0, stop, step)
    flat = ravel(val)
    values = broadcast_to(val, (places.size,)) if val.ndim == 0 else flat[np.arange(places.size) % flat.size]
    return lax.reshape(ravel(a).at[places].set(values), a.shape)


# --- indices of diagonals and triangles -------------------------------------------------------------------


def _index_arrays(found: Any) -> tuple[Array, ...]:
    dtype = dtypes.python_scalar_dtype(int)
    return tuple(asarray(i.astype(dtype)) for i in found)


def diag_indices(n: int, ndim: int = 2) -> tuple[Array, ...]:
    """Indices of the main diagonal of an array with `ndim` axes of length n."""
    n, ndim = operator.index(n), operator.index(ndim)
    if n < 0 or ndim < 0:
        raise ValueError(f"n and ndim argument to diag_indices must be nonnegative, got {n} and {ndim}")
    return (lax.iota(dtypes.python_scalar_dtype(int), n),) * ndim


def diag_indices_from(arr: ArrayLike) -> tuple[Array, ...]:
    """Indices of the main diagonal of `arr`, whose axes, at least two, have one length."""
    arr = as_array("diag_indices_from", arr)
    if arr.ndim < 2:
        raise ValueError("input array must be at least 2-d")
    if len(set(arr.shape)) > 1:
        raise ValueError("All dimensions of input must be of equal length")
    return diag_indices(arr.shape[0], arr.ndim)


def tril_indices(n: int, k: int = 0, m: int | None = None) -> tuple[Array, ...]:
    """Rows and columns of the lower triangle of an (n, m) matrix, on and below diagonal k."""
    return _index_arrays(np.tril_indices(operator.index(n), operator.index(k), m))


def triu_indices(n: int, k: int = 0, m: int | None = None) -> tuple[Array, ...]:
    """Rows and columns of the upper triangle of an (n, m) matrix, on and above diagonal k."""
    return _index_arrays(np.triu_indices(operator.index(n), operator.index(k), m))


def _matrix_shape(name: str, arr: ArrayLike) -> tuple[int, int]:
    shape = as_array(name, arr).shape
    if len(shape) != 2:
        raise ValueError(f"Only 2-D inputs are accepted by {name}, got shape {shape}")
    return shape


def tril_indices_from(arr: ArrayLike, k: int = 0) -> tuple[Array, ...]:
    """Rows and columns of the lower triangle of the matrix `arr`."""
    n, m = _matrix_shape("tril_indices_from", arr)
    return tril_indices(n, k, m)


def triu_indices_from(arr: ArrayLike, k: int = 0) -> tuple[Array, ...]:
    """Rows and columns of the upper triangle of the matrix `arr`."""
    n, m = _matrix_shape("triu_indices_from", arr)
    return triu_indices(n, k, m)


def mask_indices(n: int, mask_func: Any, k: int = 0, *, size: int | None = None) -> tuple[Array, ...]:
    """Where `mask_func(ones((n, n)), k)` is not 0, as `nonzero` gives it."""
    mask = mask_func(lax.broadcast_in_dim(np.float32(1), (n, n), ()), k)
    found = np.nonzero(np.asarray(mask))
    return _index_arrays(i if size is None else np.pad(i, (0, max(0, size - i.size)))[:size] for i in found)


@traced_once("x")
def vander(x: ArrayLike, N: int | None = None, increasing: bool = False) -> Array:
    """Rows of powers of the elements of the vector x: N of them (its length by default), highest first."""
    x = as_array("vander", x)
    if x.ndim != 1:
        raise ValueError(f"x must be a one-dimensional array, got shape {x.shape}")
    number = x.shape[0] if N is None else operator.index(N)
    if number < 0:
        raise ValueError(f"N must be nonnegative, got {number}")
    exponents = range(number) if increasing else range(number - 1, -1, -1)
    columns = [expand_dims(lax.integer_pow(x, e), 1) for e in exponents]
    return lax.concatenate(columns, 1) if columns else lax.reshape(absolute(x[:0]), (x.shape[0], 0))
