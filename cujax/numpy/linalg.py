"""Linear algebra: `import cujax.numpy.linalg`.

Matrices are the last two axes of an array; the axes before them are batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cujax import lax
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.engine.ops.axes import canonical_axes
from cujax.numpy import matrices, products, reductions
from cujax.numpy.arithmetic import power
from cujax.numpy.promotion import ArrayLike, arrays_of, as_array, promote_inexact
from cujax.numpy.reshaping import matrix_transpose, ravel

__all__ = [
    "cross", "diagonal", "matmul", "matrix_norm", "matrix_power", "matrix_transpose", "multi_dot", "norm",
    "outer", "tensordot", "trace", "vecdot", "vector_norm",
]

# --- norms --------------------------------------------------------------------------------------------


def norm(
    x: ArrayLike, ord: int | float | str | None = None, axis: int | Sequence[int] | None = None, keepdims: bool = False
) -> Array:
    """Norm of the vectors along one axis, or of the matrices along two.

    Without `ord` the root of the sum of squares, of all elements where there is no `axis` either.
    Vectors: ord inf, -inf, 0 (how many differ from 0) or any power.  Matrices: "fro", 1, -1, inf, -inf.
    ValueError for other orders and for more than two axes.
    """
    (x,) = arrays_of(promote_inexact("norm", x))
    if axis is None and ord is None:
        flat = ravel(x)
        result = _euclidean(flat, (0,), False)
        return lax.expand_dims(result, range(x.ndim)) if keepdims else result
    axes = canonical_axes(axis, x.ndim)
    if len(axes) == 1:
        return _vector_norm(x, 2 if ord is None else ord, axes, keepdims)
    if len(axes) == 2:
        return _matrix_norm(x, "fro" if ord is None else ord, axes, keepdims)
    raise ValueError(f"Improper number of axes for norm: {axis=}. Pass one axis to compute a vector-norm, or two "
                     "axes to compute a matrix-norm.")


def _euclidean(x: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
    squares = lax.real(x * lax.conj(x)) if dtypes.is_complex(x.dtype) else x * x
    return lax.sqrt(reductions.sum(squares, axes, keepdims=keepdims))


def _vector_norm(x: Array, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Array:
    if isinstance(ord, str):
        raise ValueError(f"Invalid order {ord!r} for vector norm: give a number")
    if ord == 2:
        return _euclidean(x, axes, keepdims)
    if ord == 0:
        counted = lax.convert_element_type(x != 0, dtypes.to_real(x.dtype))
        return reductions.sum(counted, axes, keepdims=keepdims)
    size = lax.abs(x)
    if ord == np.inf:
        return reductions.max(size, axes, keepdims=keepdims)
    if ord == -np.inf:
        return reductions.min(size, axes, keepdims=keepdims)
    if ord == 1:
        return reductions.sum(size, axes, keepdims=keepdims)
    total = reductions.sum(power(size, ord), axes, keepdims=keepdims)
    return power(total, 1 / as_array("norm", ord).astype(total.dtype))


def _matrix_norm(x: Array, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Array:
    if ord == "fro":
        return _euclidean(x, axes, keepdims)
    sums_along, over = {1: (0, 1), -1: (0, 1), np.inf: (1, 0), -np.inf: (1, 0)}.get(ord, (None, None))
    if sums_along is None:
        raise ValueError(f"Invalid order {ord!r} for matrix norm; the orders are 'fro', 1, -1, inf and -inf")
    sums = reductions.sum(lax.abs(x), axes[sums_along], keepdims=True)
    extreme = (reductions.max if ord > 0 else reductions.min)(sums, axes[over], keepdims=True)
    return extreme if keepdims else lax.squeeze(extreme, axes)


def vector_norm(
    x: ArrayLike, /, *, axis: int | Sequence[int] | None = None, keepdims: bool = False, ord: Any = 2
) -> Array:
    """Norm of all elements over `axis`, taken as one vector; orders as in `norm`."""
    (x,) = arrays_of(promote_inexact("vector_norm", x))
    return _vector_norm(x, ord, canonical_axes(axis, x.ndim), keepdims)


def matrix_norm(x: ArrayLike, /, *, keepdims: bool = False, ord: Any = "fro") -> Array:
    """Norm of the matrices in the last two axes; orders as in `norm`."""
    return norm(x, ord, (-2, -1), keepdims)


# --- products -----------------------------------------------------------------------------------------


def matrix_power(a: ArrayLike, n: int) -> Array:
    """The square matrix `a` multiplied n times with itself; n is a Python integer not below 0."""
    (a,) = arrays_of(promote_inexact("matrix_power", a))
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise ValueError(f"Last 2 dimensions of the array must be square, got shape {a.shape}")
    if not isinstance(n, int | np.integer):
        raise TypeError(f"exponent must be an integer, got {n}")
    if n < 0:
        raise ValueError(f"matrix_power: n={n} is below 0; invert the matrix first")
    unit = matrices.eye(a.shape[-1], dtype=a.dtype)
    result = lax.broadcast_in_dim(unit, a.shape, (a.ndim - 2, a.ndim - 1)) if n == 0 else None
    while n:
        if n & 1:
            result = a if result is None else products.matmul(result, a)
        n >>= 1
        a = products.matmul(a, a) if n else a
    assert result is not None
    return result


def multi_dot(arrays: Sequence[ArrayLike], *, precision: Any = None) -> Array:
    """The product of several matrices in the order of fewest multiplications; the ends may be vectors."""
    items = [as_array("multi_dot", a, i) for i, a in enumerate(arrays)]
    if len(items) < 2:
        raise ValueError(f"multi_dot requires at least two arrays; got len(arrays)={len(items)}")
    lengths = [a.shape[0] if a.ndim == 2 else 1 if i == 0 else a.shape[0] for i, a in enumerate(items)]
    lengths.append(items[-1].shape[-1] if items[-1].ndim == 2 else 1)
    return _chain(items, _best_splits(lengths), 0, len(items) - 1, precision)


def _best_splits(lengths: Sequence[int]) -> dict[tuple[int, int], int]:
    """For each stretch of a chain of matrices where to divide it (Cormen et al., section 15.2)."""
    n = len(lengths) - 1
    cost = {(i, i): 0 for i in range(n)}
    split = {}
    for width in range(1, n):
        for i in range(n - width):
            j = i + width
            options = {
                k: cost[i, k] + cost[k + 1, j] + lengths[i] * lengths[k + 1] * lengths[j + 1] for k in range(i, j)
            }
            split[i, j] = min(options, key=lambda k: options[k])
            cost[i, j] = options[split[i, j]]
    return split


def _chain(items: Sequence[Array], splits: dict[tuple[int, int], int], i: int, j: int, precision: Any) -> Array:
    if i == j:
        return items[i]
    k = splits[i, j]
    left, right = _chain(items, splits, i, k, precision), _chain(items, splits, k + 1, j, precision)
    return products.matmul(left, right, precision=precision)


# --- array-API forms ------------------------------------------------------------------------------------


def cross(x1: ArrayLike, x2: ArrayLike, /, *, axis: int = -1) -> Array:
    """Cross product of the 3-vectors along `axis`."""
    x1, x2 = as_array("cross", x1), as_array("cross", x2, 1)
    if x1.shape[axis] != 3 or x2.shape[axis] != 3:
        raise ValueError(f"Both input arrays must be (arrays of) 3-dimensional vectors, got {x1.shape}, {x2.shape}")
    return products.cross(x1, x2, axis=axis)


def diagonal(x: ArrayLike, /, *, offset: int = 0) -> Array:
    """Diagonals of the matrices in the last two axes."""
    return matrices.diagonal(as_array("diagonal", x), offset, -2, -1)


def trace(x: ArrayLike, /, *, offset: int = 0, dtype: Any = None) -> Array:
    """Sums of the diagonals of the matrices in the last two axes."""
    return matrices.trace(as_array("trace", x), offset, -2, -1, dtype)


def outer(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """The matrix x1[i] * x2[j] of two vectors.  ValueError for other ranks."""
    x1, x2 = as_array("outer", x1), as_array("outer", x2, 1)
    if x1.ndim != 1 or x2.ndim != 1:
        raise ValueError(f"Input arrays must be one-dimensional, but they are x1.ndim={x1.ndim} x2.ndim={x2.ndim}")
    return products.outer(x1, x2)


matmul, tensordot, vecdot = products.matmul, products.tensordot, products.vecdot
