"""Decompositions with SciPy's arguments: eigh, eigh_tridiagonal, svd, qr, qr_multiply, polar, hessenberg, schur,
rsf2csf.

The ops are those of `lax.linalg`.  Arguments that SciPy has for its own memory and checks have no effect.
"""

from __future__ import annotations

from typing import Any

from cujax import lax
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.engine.ops.matrices import adjoint, matmul, upper_triangle
from cujax.numpy import linalg
from cujax.numpy.creation import asarray, zeros_like
from cujax.numpy.mapping import vectorize
from cujax.numpy.matrices import diag, eye, triu
from cujax.numpy.parts import abs as absolute
from cujax.numpy.parts import conj
from cujax.numpy.promotion import ArrayLike, as_arrays
from cujax.numpy.reshaping import broadcast_to
from cujax.numpy.selection import where
from cujax.numpy.transcendental import sqrt
from cujax.scipy.linalg.systems import inexact_arrays

# --- eigenvalues, singular values -------------------------------------------------------------------------


def eigh(
    a: ArrayLike, b: ArrayLike | None = None, lower: bool = True, eigvals_only: bool = False,
    overwrite_a: bool = False, overwrite_b: bool = False, turbo: bool = True, eigvals: None = None, type: int = 1,
    check_finite: bool = True,
) -> Array | tuple[Array, Array]:
    """Eigenvalues (..., n), ascending, and eigenvectors (..., n, n) of Hermitian matrices; the values alone with
    `eigvals_only`.

    NotImplementedError for b, eigvals and another type.
    """
    if b is not None or type != 1 or eigvals is not None:
        raise NotImplementedError("linalg.eigh: only the problem a v = w v with b=None, type=1, eigvals=None is there")
    v, w = lax.linalg.eigh(*inexact_arrays("eigh", a), lower=lower)
    return w if eigvals_only else (w, v)


def eigh_tridiagonal(
    d: ArrayLike, e: ArrayLike, *, eigvals_only: bool = False, select: str = "a",
    select_range: tuple[float, float] | None = None, tol: float | None = None, key: Array | None = None,
) -> Array | tuple[Array, Array]:
    """Eigenvalues, ascending, and eigenvectors of the matrix with diagonal d (n,) and e (n - 1,) beside it.

    Complex e stand below the diagonal.  select: "a" for all, "i" for those from number select_range[0] to
    select_range[1].  The matrix is decomposed as a full one, so the work grows as n^3; `tol` and `key` have no effect.

    TypeError for dtypes that are not float32 or float64 or differ, and for shapes that do not fit; ValueError for
    another `select`, a range that is empty or goes beyond the eigenvalues; NotImplementedError for "v".
    """
    d, e = asarray(d), asarray(e)
    first, stop = _selected(d.shape[0] if d.ndim else 0, select, select_range)
    if d.dtype != e.dtype:
        raise TypeError(f"diagonal and off-diagonal values must have same dtype, got {d.dtype} and {e.dtype}")
    if dtypes.to_real(d.dtype) not in (dtypes.float32, dtypes.float64):
        raise TypeError(f"linalg.eigh_tridiagonal: only float32 and float64 are supported, got {d.dtype}")
    if d.ndim != 1 or e.shape != (max(d.shape[0] - 1, 0),):
        raise TypeError(f"linalg.eigh_tridiagonal: d (n,) needs e (n - 1,), got shapes {d.shape} and {e.shape}")
    matrix = diag(d) + (diag(e, -1) + diag(conj(e) if dtypes.is_complex(e.dtype) else e, 1) if e.size else 0)
    v, w = lax.linalg.eigh(matrix, symmetrize_input=False)
    w, v = w[first:stop], v[:, first:stop]
    return w if eigvals_only else (w, v)


def _selected(size: int, select: str, range_: Any) -> tuple[int, int]:
    if select == "a":
        return 0, size
    if select == "v":
        raise NotImplementedError("linalg.eigh_tridiagonal: select='v' is not implemented; select from all")
    if select != "i":
        raise ValueError("linalg.eigh_tridiagonal: select must be 'a', 'i' or 'v'")
    if range_ is None:
        raise ValueError("linalg.eigh_tridiagonal: select='i' needs select_range")
    if range_[0] > range_[1]:
        raise ValueError(f"linalg.eigh_tridiagonal: select_range {range_} is empty")
    if not 0 <= range_[0] <= range_[1] < size:
        raise ValueError(f"linalg.eigh_tridiagonal: select_range {range_} is not among the {size} eigenvalues")
    return int(range_[0]), int(range_[1]) + 1


def svd(
    a: ArrayLike, full_matrices: bool = True, compute_uv: bool = True, overwrite_a: bool = False,
    check_finite: bool = True, lapack_driver: str = "gesdd",
) -> Array | tuple[Array, Array, Array]:
    """U, s and V^H with a = U diag(s) V^H; s alone unless `compute_uv`.  See `lax.linalg.svd`."""
    return lax.linalg.svd(*inexact_arrays("svd", a), full_matrices=full_matrices, compute_uv=compute_uv)


# --- qr -------------------------------------------------------------------------------------------------------


def qr(
    a: ArrayLike, overwrite_a: bool = False, lwork: Any = None, mode: str = "full", pivoting: bool = False,
    check_finite: bool = True,
) -> tuple[Array, ...]:
    """(Q, R) with a = Q R, for matrices (..., m, n); with `pivoting` also p, and a[:, p] = Q R.

    mode: "full" for Q (..., m, m), "economic" for min(m, n) columns of it, "r" for R alone.  ValueError for another.
    """
    if mode not in ("full", "r", "economic"):
        raise ValueError(f"Unsupported QR decomposition mode '{mode}': give 'full', 'economic' or 'r'")
    found = lax.linalg.qr(*inexact_arrays("qr", a), pivoting=pivoting, full_matrices=mode != "economic")
    return found[1:] if mode == "r" else found


def qr_multiply(
    a: ArrayLike, c: ArrayLike, mode: str = "right", pivoting: bool = False, conjugate: bool = False,
    overwrite_a: bool = False, overwrite_c: bool = False,
) -> tuple[Array, ...]:
    """(c Q, R), or (Q c, R) with mode "left", for the Q with min(m, n) columns; with `pivoting` also p.

    c: a matrix or a vector.  conjugate: with the conjugate of Q.  ValueError for another mode and for shapes that do
    not fit.
    """
    if mode not in ("left", "right"):
        raise ValueError(f"linalg.qr_multiply: mode must be 'right' or 'left', got {mode!r}")
    x, y = inexact_arrays("qr_multiply", a, c)
    q, *rest = lax.linalg.qr(x, pivoting=pivoting, full_matrices=False)
    q = conj(q) if conjugate and dtypes.is_complex(q.dtype) else q
    is_vector = y.ndim == 1
    y = y[:, None] if is_vector and mode == "left" else y[None] if is_vector else y
    inner = (q.shape[-1], y.shape[-2]) if mode == "left" else (y.shape[-1], q.shape[-2])
    if inner[0] != inner[1]:
        raise ValueError(
            f"linalg.qr_multiply: with mode {mode!r} a of shape {x.shape} does not fit c of shape {y.shape}: Q has "
            f"shape {q.shape}"
        )
    product = linalg.matmul(q, y) if mode == "left" else linalg.matmul(y, q)
    if is_vector:
        product = product[..., 0] if mode == "left" else product[..., 0, :]
    return product, *rest


# --- polar ----------------------------------------------------------------------------------------------------


def polar(
    a: ArrayLike, side: str = "right", *, method: str = "qdwh", eps: float | None = None,
    max_iterations: int | None = None,
) -> tuple[Array, Array]:
    """(u, p) with a = u p (side "right") or a = p u ("left"), orthonormal u and positive semidefinite p.

    a: (..., m, n).  method: "qdwh", an iteration with the arguments `eps` and `max_iterations` (see
    `lax.linalg.qdwh`), or "svd".  Differentiable where a has full rank, with "svd" only where the
    singular values are distinct too.

    ValueError for fewer than two axes, another side or method; NotImplementedError for "qdwh" with m < n on the right
    or m > n on the left.
    """
    (x,) = inexact_arrays("polar", a)
    if x.ndim < 2:
        raise ValueError("The input `a` must be at least a 2-D array.")
    if side not in ("right", "left"):
        raise ValueError("The argument `side` must be either 'right' or 'left'.")
    if method not in ("qdwh", "svd"):
        raise ValueError(f"Unknown polar decomposition method {method}.")
    return _polar_by_svd(x, side) if method == "svd" else _polar_by_qdwh(x, side, eps, max_iterations)


def _polar_by_svd(x: Array, side: str) -> tuple[Array, Array]:
    u, s, vh = lax.linalg.svd(x, full_matrices=False)
    s = s[..., None, :].astype(x.dtype)
    p = matmul(adjoint(vh) * s, vh) if side == "right" else matmul(u * s, adjoint(u))
    return matmul(u, vh), p


def _polar_by_qdwh(x: Array, side: str, eps: float | None, max_iterations: int | None) -> tuple[Array, Array]:
    m, n = x.shape[-2:]
    if (m < n) if side == "right" else (m > n):
        raise NotImplementedError(
            f"linalg.polar: method='qdwh' needs m >= n on the right and m <= n on the left, got shape {(m, n)} with "
            f"{side=}. Use method='svd'."
        )

    def decompose(x: Array) -> tuple[Array, Array]:
        return lax.linalg.qdwh(x, eps=eps, max_iterations=max_iterations)[:2]

    each = vectorize(decompose, signature="(m,n)->(m,n),(n,n)")
    if side == "right":
        return each(x)
    u, p = each(adjoint(x))
    return adjoint(u), p


# --- hessenberg, schur ------------------------------------------------------------------------------------------


def hessenberg(
    a: ArrayLike, *, calc_q: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> Array | tuple[Array, Array]:
    """H, zero below its first subdiagonal, with a = Q H Q^H; with `calc_q` (H, Q).  See `lax.linalg.hessenberg`."""
    (x,) = as_arrays("linalg.hessenberg", a)
    packed, taus = lax.linalg.hessenberg(x)
    h = triu(packed, -1)
    if not calc_q:
        return h
    n = x.shape[-1]
    q = broadcast_to(eye(n, dtype=x.dtype), x.shape)
    if n > 1:
        q = q.at[..., 1:, 1:].set(lax.linalg.householder_product(packed[..., 1:, :-1], taus))
    return h, q


def schur(a: ArrayLike, output: str = "real") -> tuple[Array, Array]:
    """(T, Z) with a = Z T Z^H.  output: "complex" makes T triangular for real matrices too.

    ValueError for another output; see `lax.linalg.schur` for other errors.
    """
    if output not in ("real", "complex"):
        raise ValueError(f"Expected 'output' to be either 'real' or 'complex', got {output=}.")
    (x,) = as_arrays("linalg.schur", a)
    if output == "complex" and dtypes.is_inexact(x.dtype):
        x = x.astype(dtypes.to_complex(x.dtype))
    t, z = lax.linalg.schur(x)
    return t, z


def rsf2csf(T: ArrayLike, Z: ArrayLike, check_finite: bool = True) -> tuple[Array, Array]:
    """The triangular complex Schur form, with its basis, of a quasi-triangular real one.

    A rotation for each row makes the element below the diagonal zero.  (G. Golub, C. Van Loan, "Matrix Computations",
    section 7.4.)  ValueError for shapes that are not square or differ.
    """
    t, z = inexact_arrays("rsf2csf", T, Z)
    for name, x in (("Z", z), ("T", t)):
        if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
            raise ValueError(f"linalg.rsf2csf: Input '{name}' must be square, got shape {x.shape}.")
    if t.shape != z.shape:
        raise ValueError(f"linalg.rsf2csf: Input array shapes must match: Z: {z.shape} vs. T: {t.shape}")
    dtype = dtypes.to_complex(t.dtype)
    t, z = vectorize(_triangular, signature="(n,n),(n,n)->(n,n),(n,n)")(t.astype(dtype), z.astype(dtype))
    return t, z


def _triangular(t: Array, z: Array) -> tuple[Array, Array]:
    n = t.shape[0]
    eps = float(dtypes.finfo(t.dtype).eps)

    def step(i: Any, state: Any) -> Any:
        t, z = state
        k = n - 2 - i  # the upper one of two rows
        block = lax.dynamic_slice(t, (k, k), (2, 2))
        below = block[1, 0]
        is_zero = absolute(below) <= eps * (absolute(block[0, 0]) + absolute(block[1, 1]))
        g = _rotation(block, is_zero)
        rows = matmul(g, lax.dynamic_slice(t, (k, 0), (2, n)))
        t = lax.dynamic_update_slice(t, rows, (k, 0))
        t = lax.dynamic_update_slice(t, matmul(lax.dynamic_slice(t, (0, k), (n, 2)), adjoint(g)), (0, k))
        z = lax.dynamic_update_slice(z, matmul(lax.dynamic_slice(z, (0, k), (n, 2)), adjoint(g)), (0, k))
        return t.at[k + 1, k].set(0), z

    t, z = lax.fori_loop(0, max(n - 1, 0), step, (t, z))
    return upper_triangle(t), z


def _rotation(block: Array, is_zero: Array) -> Array:
    """The unitary matrix that brings a block of two rows to triangular form; the identity for one that has it."""
    half = (block[0, 0] - block[1, 1]) / 2
    below = where(is_zero, 0, block[1, 0])
    mu = where(is_zero, 1, half + sqrt(where(is_zero, 1, half * half + block[0, 1] * block[1, 0])))
    length = sqrt(absolute(mu) ** 2 + absolute(below) ** 2).astype(block.dtype)
    c, s = mu / length, below / length
    g = zeros_like(block)
    return g.at[0, 0].set(conj(c)).at[0, 1].set(s).at[1, 0].set(-s).at[1, 1].set(c)
