"""Functions of matrices: sqrtm, funm, expm_frechet, and Sylvester's equation.

With the Schur form a = Z T Z^H, f(a) = Z f(T) Z^H.  The columns of a function of a triangle follow one from another:
each is the solution of a triangular system with the columns before it (`_by_columns`).

    sqrtm             R R = T            (R + r_kk) R_k = T_k              A. Bjorck, S. Hammarling, LAA 52, 1983
    funm              F T = T F          (T - t_kk) F_k = F T_k - f_kk T_k   B. Parlett, LAA 14, 1976
    solve_sylvester   R Y + Y S = F      (R + s_kk) Y_k = F_k - Y S_k      R. Bartels, G. Stewart, CACM 15, 1972

Derivatives of `sqrtm` and `solve_sylvester` are solutions of Sylvester's equation with the same Schur forms; these are
constants of differentiation, which goes through the equation (`lax.custom_linear_solve`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from cujax import lax
from cujax.api.custom_jvp import custom_jvp
from cujax.api.derivatives import jvp
from cujax.api.traced_once import traced_once
from cujax.engine.control.stop_gradient import stop_gradient
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.engine.ops.lu import inverse
from cujax.engine.ops.matrices import adjoint, identity_like, matmul
from cujax.numpy import linalg, reductions
from cujax.numpy.arithmetic import maximum, minimum
from cujax.numpy.creation import zeros_like
from cujax.numpy.grids import arange
from cujax.numpy.logic import equal, isfinite
from cujax.numpy.matrices import triu
from cujax.numpy.parts import abs as absolute
from cujax.numpy.parts import real
from cujax.numpy.promotion import ArrayLike, arrays_of, check_arraylike, promote_dtypes
from cujax.numpy.reshaping import broadcast_to, matrix_transpose
from cujax.numpy.selection import where
from cujax.numpy.transcendental import sqrt
from cujax.scipy.linalg.systems import expm, inexact_arrays


def _complex(x: Array) -> Array:
    return x.astype(dtypes.to_complex(x.dtype))


def _schur(x: Array) -> tuple[Array, Array]:
    """The complex Schur form, as a constant of differentiation."""
    t, z = lax.linalg.schur(stop_gradient(x))
    return t, z


def _by_columns(like: Array, column: Callable[[Any, Array], Array]) -> Array:
    """The matrices whose column k is `column(k, matrices so far)`, with columns k and later still zero."""

    def step(k: Any, x: Array) -> Array:
        return x.at[..., k].set(column(k, x))

    return lax.fori_loop(0, like.shape[-1], step, zeros_like(like)) if like.size else like


def _diagonal(x: Array) -> Array:
    return linalg.diagonal(x)


def _solve_shifted(x: Array, shift: Array, b: Array) -> Array:
    """y with (x + shift) y = b, for upper-triangular x (..., n, n), shift (...) and b (..., n); where an element of
    the diagonal is zero it is taken for 1."""
    eye = identity_like(x)
    matrix = x + shift[..., None, None] * eye
    matrix = matrix + eye * equal(_diagonal(matrix), 0)[..., None, :].astype(x.dtype)
    return lax.linalg.triangular_solve(matrix, b[..., None], left_side=True)[..., 0]


# --- sylvester --------------------------------------------------------------------------------------------


class _Forms(NamedTuple):
    """Schur forms of both matrices of Sylvester's equation."""

    r: Array
    u: Array
    s: Array
    v: Array


def _sylvester(a: Array, b: Array, c: Array, forms: _Forms) -> Array:
    """x with a x + x b = c, all complex and with the same leading axes; derivatives are those of the equation."""

    def product(x: Array) -> Array:
        return matmul(a, x) + matmul(x, b)

    def transpose_solve(product: Any, c: Array) -> Array:
        """a^T y + y b^T = c is b y^T + y^T a = c^T."""
        swapped = _Forms(forms.s, forms.v, forms.r, forms.u)
        return matrix_transpose(_by_forms(swapped, matrix_transpose(c)))

    return lax.custom_linear_solve(product, c, lambda _, c: _by_forms(forms, c), transpose_solve)


def _by_forms(forms: _Forms, c: Array) -> Array:
    r, u, s, v = forms
    f = matmul(adjoint(u), matmul(c, v))
    n = s.shape[-1]

    def column(k: Any, y: Array) -> Array:
        s_k = s[..., k]
        before = where(arange(n) < k, s_k, 0)
        rest = f[..., k] - matmul(y, before[..., None])[..., 0]
        return _solve_shifted(r, _element(s_k, k), rest)

    return matmul(u, matmul(_by_columns(f, column), adjoint(v)))


def _element(x: Array, k: Any) -> Array:
    return lax.dynamic_index_in_dim(x, k, x.ndim - 1, keepdims=False)


def solve_sylvester(
    A: ArrayLike, B: ArrayLike, C: ArrayLike, *, method: str = "schur", tol: float = 1e-8
) -> Array:
    """X (..., m, n) with A X + X B = C, for A (..., m, m), B (..., n, n) and C (..., m, n); leading axes broadcast.

    method: "schur", or "eigen" by eigenvectors, less accurate.  NaN where an eigenvalue of A and one of B add up to
    less than `tol`.  Differentiable in all three by "schur", in C by "eigen".

    ValueError for shapes that do not fit and another method.
    """
    a, b, c = inexact_arrays("solve_sylvester", A, B, C)
    for name, x in (("A", a), ("B", b)):
        if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
            raise ValueError(f"linalg.solve_sylvester: {name} must be square matrices, got shape {x.shape}")
    if c.ndim < 2 or c.shape[-2:] != (a.shape[-1], b.shape[-1]):
        raise ValueError(
            f"linalg.solve_sylvester: A of shape {a.shape} and B of shape {b.shape} do not fit C of shape {c.shape}"
        )
    if method not in ("schur", "eigen"):
        raise ValueError(f"linalg.solve_sylvester: method must be 'schur' or 'eigen', got {method!r}")
    batch = np.broadcast_shapes(*(x.shape[:-2] for x in (a, b, c)))
    wide_a, wide_b, wide_c = (_complex(broadcast_to(x, (*batch, *x.shape[-2:]))) for x in (a, b, c))
    x = (_by_schur if method == "schur" else _by_eigenvectors)(wide_a, wide_b, wide_c, tol)
    return x.astype(c.dtype) if dtypes.is_complex(c.dtype) else real(x).astype(c.dtype)


def _by_schur(a: Array, b: Array, c: Array, tol: float) -> Array:
    forms = _Forms(*_schur(a), *_schur(b))
    return _nan_where_singular(_sylvester(a, b, c, forms), _diagonal(forms.r), _diagonal(forms.s), tol)


def _by_eigenvectors(a: Array, b: Array, c: Array, tol: float) -> Array:
    """With a = P diag(p) P^-1 and b = Q diag(q) Q^-1 the equation falls apart into numbers."""
    (p, left), (q, right) = linalg.eig(a), linalg.eig(b)
    f = matmul(inverse(left), matmul(c, right))
    y = f / (p[..., :, None] + q[..., None, :])
    return _nan_where_singular(matmul(left, matmul(y, inverse(right))), p, q, tol)


def _nan_where_singular(x: Array, p: Array, q: Array, tol: float) -> Array:
    sums = stop_gradient(absolute(p[..., :, None] + q[..., None, :]))
    return where(reductions.any(sums < tol, (-2, -1))[..., None, None], np.nan, x)


# --- square root, other functions ---------------------------------------------------------------------------


def _root_of_triangle(t: Array) -> Array:
    """NaN where there is none: two roots are zero and what stands at their place in t, but for roundings, is not."""
    roots = sqrt(_diagonal(t))
    number = arange(t.shape[-1])
    noise = t.shape[-1] * float(dtypes.finfo(t.dtype).eps) * reductions.max(absolute(t), (-2, -1), initial=0)

    def column(k: Any, r: Array) -> Array:
        root = _element(roots, k)
        above = where(number < k, t[..., k], 0)
        found = _solve_shifted(r, root, above)
        none = equal(_diagonal(r) + root[..., None], 0) & (absolute(found) > noise[..., None])
        return where(number == k, root[..., None], where(none, np.nan, found))

    return _by_columns(t, column)


@custom_jvp
def _sqrtm(a: Array, t: Array, z: Array) -> Array:
    """The root of complex a, whose Schur form is (t, z)."""
    return matmul(z, matmul(_root_of_triangle(t), adjoint(z)))


@_sqrtm.defjvp
def _sqrtm_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Array, Array]:
    """X dX + dX X = da."""
    a, t, z = primals
    x, r = _sqrtm(a, t, z), _root_of_triangle(t)
    return x, _sylvester(x, x, tangents[0], _Forms(r, z, r, z))


@traced_once("A")
def sqrtm(A: ArrayLike, blocksize: int = 1) -> Array:
    """The principal square roots, complex (..., n, n), of matrices (..., n, n).  Differentiable where A is regular.

    NaN where the Schur form shows that there is no root, as of [[0, 1], [0, 0]].
    ValueError for matrices that are not square; NotImplementedError for another blocksize.
    """
    if blocksize > 1:
        raise NotImplementedError("linalg.sqrtm: the blocked version is not implemented; leave blocksize out")
    check_arraylike("linalg.sqrtm", A)
    (a,) = inexact_arrays("sqrtm", A)
    if a.ndim < 2:
        raise TypeError(f"linalg.sqrtm works on matrices, got shape {a.shape}")
    linalg.check_square("sqrtm", a)
    a = _complex(a)
    return _sqrtm(a, *_schur(a))


def funm(A: ArrayLike, func: Callable[[Array], Array], disp: bool = True) -> Array | tuple[Array, Array]:
    """`func`, a function of numbers, of the matrices A (..., n, n); complex.  Without `disp` also an estimated error.

    Inaccurate where eigenvalues are nearly equal.  Not differentiable.  ValueError for matrices that are not square.
    """
    (a,) = inexact_arrays("funm", A)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise ValueError(f"linalg.funm: expected square matrices, got shape {a.shape}")
    t, z = lax.linalg.schur(_complex(a))
    f = _function_of_triangle(t, func(_diagonal(t)).astype(t.dtype))
    found = matmul(z, matmul(f, adjoint(z)))
    return found if disp else (found, _estimated_error(t, found))


def _function_of_triangle(t: Array, values: Array) -> Array:
    number = arange(t.shape[-1])

    def column(k: Any, f: Array) -> Array:
        value, above = _element(values, k), where(number < k, t[..., k], 0)
        right = where(number < k, matmul(f, above[..., None])[..., 0] - value[..., None] * above, 0)
        inside = where((number[:, None] < k) & (number < k), t, 0)
        solved = _solve_shifted(inside, -_element(_diagonal(t), k), right)
        return where(number == k, value[..., None], where(number < k, solved, 0))

    return _by_columns(t, column)


def _estimated_error(t: Array, found: Array) -> Array:
    """By the least difference of eigenvalues that was divided by, as SciPy has it."""
    eps = float(dtypes.finfo(t.dtype).eps)
    values = _diagonal(t)
    differences = absolute(values[..., :, None] - values[..., None, :])
    differences = where(differences == 0, np.inf, differences)
    least = minimum(reductions.min(differences, (-2, -1), initial=np.inf), absolute(values[..., 0]))
    least = where(least == 0, eps, least)
    error = minimum(1, maximum(eps, eps / least * linalg.norm(triu(t, 1), 1, axis=(-2, -1))))
    return where(reductions.any(isfinite(found), (-2, -1)), error, np.inf)


# --- exponential --------------------------------------------------------------------------------------------


def expm_frechet(
    A: ArrayLike, E: ArrayLike, *, method: str | None = None, compute_expm: bool = True
) -> Array | tuple[Array, Array]:
    """(expm(A), the derivative of expm at A in direction E), matrices (..., n, n); the latter alone unless
    `compute_expm`.

    ValueError for shapes that are not square or differ; TypeError for integers.
    """
    a, e = arrays_of(promote_dtypes("linalg.expm_frechet", A, E))
    if not dtypes.is_inexact(a.dtype):
        raise TypeError(f"linalg.expm_frechet: A and E must be floating-point or complex, got {a.dtype}")
    for name, x in (("A", a), ("E", e)):
        if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
            raise ValueError(f"linalg.expm_frechet: expected {name} to be square matrices, got shape {x.shape}")
    if a.shape != e.shape:
        raise ValueError(f"linalg.expm_frechet: A and E must have one shape, got {a.shape} and {e.shape}")
    value, derivative = jvp(expm, (a,), (e,))
    return (value, derivative) if compute_expm else derivative
