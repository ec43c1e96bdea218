"""Decompositions of matrices and what follows from them: names of `cujax.numpy.linalg`.

    eig eigvals eigh eigvalsh     eigenvalues of general and of Hermitian matrices
    svd svdvals qr
    cond matrix_rank

The ops are those of `lax.linalg`; here are NumPy's arguments, and named tuples as results.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from cujax import lax
from cujax.api.traced_once import traced_once
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.engine.ops.lu import inverse
from cujax.engine.ops.matrices import adjoint
from cujax.engine.ops.reflections import geqrf_p
from cujax.numpy import norms, reductions, sorting
from cujax.numpy.parts import abs as absolute
from cujax.numpy.promotion import ArrayLike, arrays_of, as_array, promote_inexact
from cujax.numpy.reshaping import matrix_transpose
from cujax.numpy.selection import where
from cujax.numpy.taking import take_along_axis


class EigResult(NamedTuple):
    """Eigenvalues, and right eigenvectors in columns."""

    eigenvalues: Array
    eigenvectors: Array


class EighResult(NamedTuple):
    """Eigenvalues, ascending, and eigenvectors in columns."""

    eigenvalues: Array
    eigenvectors: Array


class SVDResult(NamedTuple):
    """Left singular vectors in columns, singular values, right singular vectors in rows, conjugated."""

    U: Array
    S: Array
    Vh: Array


class QRResult(NamedTuple):
    """Orthonormal columns, and an upper triangle."""

    Q: Array
    R: Array


def _matrices(name: str, a: ArrayLike) -> Array:
    (x,) = arrays_of(promote_inexact(f"linalg.{name}", a))
    return x


# --- eigenvalues ----------------------------------------------------------------------------------------


def eig(a: ArrayLike) -> EigResult:
    """Eigenvalues (..., n) and right eigenvectors (..., n, n) of general matrices; complex, in no certain order.

    Differentiable in the eigenvalues alone; see `lax.linalg.eig` for vectors and for errors.
    """
    w, v = lax.linalg.eig(_matrices("eig", a), compute_left_eigenvectors=False)
    return EigResult(w, v)


def eigvals(a: ArrayLike) -> Array:
    """Eigenvalues (..., n) of general matrices (..., n, n); complex, in no certain order.

    Differentiable where they differ.  ValueError for matrices that are not square.
    """
    return lax.linalg.eig(
        _matrices("eigvals", a), compute_left_eigenvectors=False, compute_right_eigenvectors=False
    )[0]


def eigh(a: ArrayLike, UPLO: str | None = None, symmetrize_input: bool = True) -> EighResult:
    """Eigenvalues (..., n), ascending, and eigenvectors (..., n, n) of Hermitian matrices.

    UPLO: "L" or "U", the triangle that is read if the input is not symmetrized; "L" by default.  ValueError for
    another; see `lax.linalg.eigh` for other errors.
    """
    if UPLO not in (None, "L", "U"):
        raise ValueError(f"linalg.eigh: UPLO must be one of None, 'L', or 'U', got {UPLO}")
    v, w = lax.linalg.eigh(_matrices("eigh", a), lower=UPLO != "U", symmetrize_input=symmetrize_input)
    return EighResult(w, v)


def eigvalsh(a: ArrayLike, UPLO: str | None = "L", *, symmetrize_input: bool = True) -> Array:
    """Eigenvalues (..., n), ascending, of Hermitian matrices (..., n, n).  Arguments and errors as `eigh`."""
    return eigh(a, UPLO, symmetrize_input).eigenvalues


# --- singular values, qr ----------------------------------------------------------------------------------


def svd(
    a: ArrayLike, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False,
    subset_by_index: tuple[int, int] | None = None,
) -> Array | SVDResult:
    """U, S and V^H with a = U diag(S) V^H, for matrices (..., m, n); S alone unless `compute_uv`.

    hermitian: promises that the matrices are, and finds U and V as eigenvectors.  Shapes, `subset_by_index` and errors
    are those of `lax.linalg.svd`.
    """
    x = _matrices("svd", a)
    if hermitian:
        return _svd_of_hermitian(x, compute_uv)
    found = lax.linalg.svd(
        x, full_matrices=full_matrices, compute_uv=compute_uv, subset_by_index=subset_by_index
    )
    return SVDResult(*found) if compute_uv else found


def _svd_of_hermitian(x: Array, compute_uv: bool) -> Array | SVDResult:
    """From a = V diag(w) V^H: the sign of each eigenvalue goes to its column on the right."""
    v, w = lax.linalg.eigh(x)
    s = absolute(w)
    order = lax.rev(sorting.argsort(s, -1), (s.ndim - 1,))
    s = take_along_axis(s, order, -1)
    if not compute_uv:
        return s
    signs = where(take_along_axis(w, order, -1) < 0, -1, 1).astype(x.dtype)
    u = take_along_axis(v, order[..., None, :], -1)
    return SVDResult(u, s, adjoint(u * signs[..., None, :]))


def svdvals(x: ArrayLike, /) -> Array:
    """Singular values (..., min(m, n)), descending, of matrices (..., m, n)."""
    return lax.linalg.svd(_matrices("svdvals", x), compute_uv=False)


def qr(a: ArrayLike, mode: str = "reduced") -> Array | QRResult:
    """Q and R with a = Q R, for matrices (..., m, n).

    mode: "reduced" (or "full"), with min(m, n) columns of Q; "complete", with m columns; "r", R alone; or "raw", the
    transposed matrix of LAPACK's geqrf and the factors of its reflections, see `lax.linalg.householder_product`.

    ValueError for another mode; see `lax.linalg.qr` for other errors.
    """
    x = _matrices("qr", a)
    if mode == "raw":
        packed, taus = geqrf_p.bind(x)
        return QRResult(matrix_transpose(packed), taus)
    if mode not in ("reduced", "r", "full", "complete"):
        raise ValueError(f"Unsupported QR decomposition mode '{mode}': give 'reduced', 'complete', 'r' or 'raw'")
    q, r = lax.linalg.qr(x, full_matrices=mode == "complete")
    return r if mode == "r" else QRResult(q, r)


# --- numbers of a matrix ----------------------------------------------------------------------------------


@traced_once("x")
def cond(x: ArrayLike, p: Any = None) -> Array:
    """Condition numbers norm(x, p) norm(x^-1, p) of matrices (..., m, n); not finite for singular ones.

    p: None and 2 for the largest singular value over the least one, -2 for its inverse, and for square matrices the
    orders of `norm`.  ValueError for empty matrices, fewer than two axes, and matrices that are not square.
    """
    found = _matrices("cond", x)
    if found.ndim < 2:
        raise ValueError(f"linalg.cond: input array must be at least 2D; got shape {found.shape}")
    if 0 in found.shape[-2:]:
        raise ValueError(f"linalg.cond: input array must not be empty; got shape {found.shape}")
    if p not in (None, 2, -2):
        if found.shape[-1] != found.shape[-2]:
            raise ValueError(f"linalg.cond: for {p=}, the matrices must be square; got shape {found.shape}")
        return norms.norm(found, p, (-2, -1)) * norms.norm(inverse(found), p, (-2, -1))
    s = svdvals(found)
    return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]


@traced_once("M", "rtol", "tol")
def matrix_rank(
    M: ArrayLike, rtol: ArrayLike | None = None, *, hermitian: bool = False, tol: ArrayLike | None = None
) -> Array:
    """How many singular values of the matrices (..., m, n) are greater than `rtol`; an integer (...).

    By default that is the largest one times max(m, n) times the precision of the dtype.  `tol` is another name for
    it; as in JAX a given tolerance is absolute.  hermitian: promises that the matrices are.  Of fewer axes: 1 if there
    is an element other than 0, else 0.  ValueError for both tolerances, and for matrices without elements.
    """
    if rtol is not None and tol is not None:
        raise ValueError("linalg.matrix_rank: only one of tol or rtol may be specified.")
    x, bound = _matrices("matrix_rank", M), tol if rtol is None else rtol
    if x.ndim < 2:
        return reductions.any(x != 0).astype(dtypes.int32)
    s = svd(x, compute_uv=False, hermitian=hermitian)
    assert isinstance(s, Array)
    if bound is None:
        limit = reductions.max(s, -1) * max(x.shape[-2:]) * float(dtypes.finfo(x.dtype).eps)
    else:
        limit = as_array("linalg.matrix_rank", bound)
    return reductions.sum(s > limit[..., None], -1)
