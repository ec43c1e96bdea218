"""Matrices with a structure: from a few numbers (toeplitz, companion, ...) or from a size alone (hilbert, dft, ...).

Those of vectors take stacks (..., n) of them and are gathered by one table of indices, so their derivatives are sums
over the places where a number stands.  Those of a size are computed on the host, exactly where they are integers, and
are constants of a traced function.
"""

from __future__ import annotations

from math import comb
from typing import Any

import numpy as np

from cujax import lax
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.numpy.creation import asarray, zeros_like
from cujax.numpy.joining import concatenate
from cujax.numpy.parts import abs as absolute
from cujax.numpy.parts import conj
from cujax.numpy.promotion import ArrayLike, arrays_of, as_array, promote_dtypes, promote_inexact
from cujax.numpy.reshaping import broadcast_to, flip
from cujax.numpy.selection import where
from cujax.numpy.taking import take

# --- of vectors -------------------------------------------------------------------------------------------


def _vectors(name: str, *xs: ArrayLike) -> list[Array]:
    """Of one dtype, with common leading axes; ValueError for scalars."""
    vectors = arrays_of(promote_dtypes(f"linalg.{name}", *xs))
    for x in vectors:
        if not x.ndim:
            raise ValueError(f"linalg.{name}: arguments must have at least one axis, got a scalar")
    return _broadcast([lax.convert_element_type(x, x.dtype) for x in vectors])  # no longer weakly typed


def _broadcast(vectors: list[Array]) -> list[Array]:
    batch = np.broadcast_shapes(*(x.shape[:-1] for x in vectors))
    return [broadcast_to(x, (*batch, x.shape[-1])) for x in vectors]


def _at_least_1d(name: str, x: ArrayLike) -> Array:
    found = as_array(f"linalg.{name}", x)
    return found if found.ndim else found.reshape(1)


def _grid(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of row and column of each element."""
    return np.arange(rows)[:, None], np.arange(columns)[None, :]


def _gathered(values: Array, places: np.ndarray) -> Array:
    return take(values, places, -1)


def _placed(values: Array, places: np.ndarray, ones: np.ndarray) -> Array:
    """Elements `values[..., places]` where places are not negative, elsewhere the constants `ones`."""
    return where(places >= 0, _gathered(values, np.maximum(places, 0)), ones.astype(values.dtype))


def toeplitz(c: ArrayLike, r: ArrayLike | None = None) -> Array:
    """Matrices (..., n, m) with equal diagonals: first column c (..., n), first row r (..., m) but for its first.

    r: the conjugate of c by default.
    """
    c = _at_least_1d("toeplitz", c)
    c, r = _vectors("toeplitz", c, conj(c) if r is None else _at_least_1d("toeplitz", r))
    n, m = c.shape[-1], r.shape[-1]
    row, column = _grid(n, m)
    return _gathered(concatenate([flip(c, -1), r[..., 1:]], -1), n - 1 - row + column)


def hankel(c: ArrayLike, r: ArrayLike | None = None) -> Array:
    """Matrices (..., n, m) with equal antidiagonals: first column c (..., n), last row r (..., m) but for its first.

    r: zeros by default.  ValueError for scalars.
    """
    c, r = _vectors("hankel", c, zeros_like(as_array("linalg.hankel", c)) if r is None else r)
    row, column = _grid(c.shape[-1], r.shape[-1])
    return _gathered(concatenate([c, r[..., 1:]], -1), row + column)


def circulant(c: ArrayLike) -> Array:
    """Matrices (..., n, n) whose columns are c (..., n), each turned by one place more."""
    c = _at_least_1d("circulant", c)
    n = c.shape[-1]
    row, column = _grid(n, n)
    return _gathered(c, (row - column) % max(n, 1))


def convolution_matrix(a: ArrayLike, n: int, mode: str = "full") -> Array:
    """Matrices (..., k, n) by which vectors of length n are convolved with a (..., m).

    mode: "full" for k = m + n - 1, "same" for the middle max(m, n) rows of these, "valid" for the rows in which all of
    the shorter one is used.  ValueError for n < 1, empty a, scalars, and another mode.
    """
    if n <= 0:
        raise ValueError(f"linalg.convolution_matrix: n must be a positive integer; got {n}.")
    (a,) = _vectors("convolution_matrix", a)
    m = a.shape[-1]
    if not m:
        raise ValueError(f"linalg.convolution_matrix: a must not be empty; got shape {a.shape}.")
    rows = {"full": (0, m + n - 1), "same": ((min(m, n) - 1) // 2, max(m, n)), "valid": (min(m, n) - 1, abs(m - n) + 1)}
    if mode not in rows:
        raise ValueError(f"linalg.convolution_matrix: mode must be one of 'full', 'valid', 'same'; got {mode!r}.")
    start, k = rows[mode]
    row, column = _grid(k, n)
    places = start + row - column
    return _placed(a, np.where((places >= 0) & (places < m), places, -1), np.zeros((k, n)))


def companion(a: ArrayLike) -> Array:
    """Matrices (..., n - 1, n - 1) whose eigenvalues are the roots of the polynomials a (..., n), highest power first.

    ValueError for n < 2.
    """
    a = _at_least_1d("companion", a)
    if a.shape[-1] < 2:
        raise ValueError(f"linalg.companion: a needs a length of at least 2 along its last axis; got shape {a.shape}.")
    (a,) = arrays_of(promote_inexact("linalg.companion", a))
    n = a.shape[-1] - 1
    row, column = _grid(n, n)
    return _placed(-a[..., 1:] / a[..., :1], np.where(row == 0, column, -1), (row == column + 1) * 1)


def fiedler_companion(a: ArrayLike) -> Array:
    """As `companion`, with five diagonals.  ValueError for empty a.

    (M. Fiedler, "A note on companion matrices", Linear Algebra and its Applications 372, 2003.)
    """
    a = _at_least_1d("fiedler_companion", a)
    if not a.shape[-1]:
        raise ValueError(f"linalg.fiedler_companion: the last axis of a must not be empty, got shape {a.shape}.")
    (a,) = arrays_of(promote_inexact("linalg.fiedler_companion", a))
    n = a.shape[-1] - 1
    row, column = _grid(n, n)
    is_even = row % 2 == 0
    left, right = is_even & (column == np.maximum(row - 1, 0)), is_even & (column == row + 1)
    places = np.where(left, row, np.where(right, row + 1, -1))
    ones = (is_even & (column == row + 2)) | (~is_even & (column == np.maximum(row - 2, 0)))
    return _placed(-a[..., 1:] / a[..., :1], places, ones)


def leslie(f: ArrayLike, s: ArrayLike) -> Array:
    """Matrices (..., n, n) of a population: fecundities f (..., n) in the first row, rates of survival s (..., n - 1)
    below the diagonal.  ValueError for other lengths and n < 2.
    """
    f, s = (_at_least_1d("leslie", x) for x in (f, s))
    n = f.shape[-1]
    if n < 2:
        raise ValueError(f"linalg.leslie: f needs a length of at least 2 along its last axis; got shape {f.shape}.")
    if s.shape[-1] != n - 1:
        raise ValueError(f"linalg.leslie: s must be one shorter than f; got shapes {f.shape} and {s.shape}.")
    both = concatenate(_broadcast(arrays_of(promote_dtypes("linalg.leslie", f, s))), -1)
    row, column = _grid(n, n)
    places = np.where(row == 0, column, np.where(row == column + 1, n + column, -1))
    return _placed(both, places, np.zeros((n, n)))


def fiedler(a: ArrayLike) -> Array:
    """Matrices (..., n, n) of the distances abs(a_i - a_j) of numbers a (..., n)."""
    a = _at_least_1d("fiedler", a)
    return absolute(a[..., :, None] - a[..., None, :])


# --- of a size --------------------------------------------------------------------------------------------


def _floats(values: Any) -> Array:
    return asarray(np.asarray(values, np.float64), dtype=float)


def _binomials(n: int, sign: int = 1) -> np.ndarray:
    """sign^(i - j) times i over j: the lower-triangular matrix of Pascal, in exact integers."""
    return np.array([[sign ** (i - j) * comb(i, j) if j <= i else 0 for j in range(n)] for i in range(n)], object)


def _of_kind(name: str, kind: str | None, lower: np.ndarray, symmetric: Any) -> np.ndarray:
    if kind not in (None, "symmetric", "lower", "upper"):
        raise ValueError(f"linalg.{name}: expected kind to be one of 'symmetric', 'lower', 'upper'; got {kind}")
    n = len(lower)
    found = {"lower": lower, "upper": lower.T}.get(kind or "", symmetric)
    return np.array(found, np.float64).reshape(n, n)


def pascal(n: int, kind: str | None = None) -> Array:
    """The matrix (n, n) of the binomials (i + j over i), or its "lower" or "upper" factor; float32.

    ValueError for other kinds.
    """
    lower = _binomials(n)
    return asarray(_of_kind("pascal", kind, lower, lower @ lower.T if n > 0 else lower), dtype=dtypes.float32)


def invpascal(n: int, kind: str | None = None) -> Array:
    """The inverse of `pascal(n, kind)`, which consists of integers too.  ValueError for other kinds."""
    lower = _binomials(n, -1)
    return _floats(_of_kind("invpascal", kind, lower, lower.T @ lower if n > 0 else lower))


def hilbert(n: int) -> Array:
    """The matrix (n, n) of 1 / (i + j + 1)."""
    row, column = _grid(_size("hilbert", n), n)
    return _floats(1 / (row + column + 1.0))


def _size(name: str, n: Any) -> int:
    if not isinstance(n, int | np.integer) or n < 0:
        raise TypeError(f"linalg.{name}: n must be an integer that is not negative, got {n}")
    return int(n)


def invhilbert(n: int) -> Array:
    """The inverse of `hilbert(n)`, which consists of integers.  (M.-D. Choi, "Tricks or treats with the Hilbert
    matrix", American Mathematical Monthly 90, 1983.)
    """
    n = _size("invhilbert", n)
    values = [
        (-1) ** (i + j) * (i + j + 1) * comb(n + i, n - j - 1) * comb(n + j, n - i - 1) * comb(i + j, i) ** 2
        for i in range(n)
        for j in range(n)
    ]
    return _floats(np.array(values, np.float64).reshape(n, n))


def hadamard(n: int, dtype: Any = int) -> Array:
    """The matrix (n, n) of 1 and -1 with orthogonal rows, by Sylvester's construction; n is a power of 2.

    ValueError for another n.
    """
    if n < 1 or int(n) != n or int(n) & (int(n) - 1):
        raise ValueError(f"linalg.hadamard: n must be a positive power of 2; got {n}.")
    row, column = _grid(int(n), int(n))
    odd = np.vectorize(lambda x: int(x).bit_count() & 1)(row & column)
    return asarray(1 - 2 * odd, dtype=dtypes.canonicalize_user(dtype, "hadamard"))


def helmert(n: int, full: bool = False) -> Array:
    """The matrix (n - 1, n) of orthonormal contrasts; with the row of equal numbers first if `full`.

    ValueError for n < 1.
    """
    if n <= 0:
        raise ValueError(f"linalg.helmert: n must be a positive integer; got {n}.")
    row, column = _grid(n, n)
    values = np.where(column < row, 1.0, np.where(column == row, -1.0 * row, 0))
    values[0] = 1
    scale = np.where(row == 0, n, row * (row + 1.0))
    return _floats((values / np.sqrt(scale))[0 if full else 1 :])


def dft(n: int, scale: str | None = None, *, dtype: Any = None) -> Array:
    """The matrix (n, n) of the discrete Fourier transform: exp(-2 pi i j k / n).

    scale: None, "sqrtn" for a unitary matrix, or "n".  ValueError for another, and for a dtype that is not complex.
    """
    factors = {None: 1.0, "sqrtn": max(n, 1) ** -0.5, "n": 1 / max(n, 1)}
    if scale not in factors:
        raise ValueError(f"linalg.dft: scale must be None, 'sqrtn', or 'n'; got {scale!r}.")
    kind = dtypes.canonicalize_user(complex if dtype is None else dtype, "dft")
    if not dtypes.is_complex(kind):
        raise ValueError(f"linalg.dft: dtype must be a complex floating-point type; got {kind}.")
    row, column = _grid(max(n, 0), max(n, 0))
    return asarray(factors[scale] * np.exp(-2j * np.pi * (row * column % max(n, 1)) / max(n, 1)), dtype=kind)
