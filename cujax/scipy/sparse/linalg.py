"""Iterative solvers of linear systems, as `scipy.sparse.linalg`: `cg`, `bicgstab`, `gmres`.

The matrix is an array, or a function of trees of arrays, of which only products are needed.  Each solver is given to
`lax.custom_linear_solve`: its iterations are not differentiated, a derivative is one more solution.  Inside a solver
a tree is one vector.  All return (x, None); whether they have converged only norm(b - A x) tells, as in JAX.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cujax import lax
from cujax.api.inspect import eval_shape
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes, pytree
from cujax.flatten_util import ravel_pytree
from cujax.numpy.arithmetic import maximum, minimum
from cujax.numpy.creation import asarray, zeros, zeros_like
from cujax.numpy.grids import arange
from cujax.numpy.least_squares import lstsq
from cujax.numpy.matrices import eye
from cujax.numpy.parts import abs as absolute
from cujax.numpy.products import matmul, vdot
from cujax.numpy.selection import where
from cujax.numpy.transcendental import sqrt

Vector = Array
Product = Callable[[Vector], Vector]

# --- what all solvers share -------------------------------------------------------------------------------


def _product(f: Any) -> Callable:
    """The linear map that a function or a square matrix stands for."""
    if callable(f):
        return f
    if not isinstance(f, Array | np.ndarray):
        raise TypeError(f"linear operator must be either a function or ndarray: got {type(f)}")
    if f.ndim != 2 or f.shape[0] != f.shape[1]:
        raise ValueError(f"linear operator must be a square matrix, but has shape: {f.shape}")
    matrix = asarray(f)
    return lambda x: matmul(matrix, x)


def _identity(x: Any) -> Any:
    return x


def _solve(
    name: str, solver: Callable, A: Any, b: Any, x0: Any, maxiter: Any, M: Any, hermitian: bool
) -> tuple[Any, None]:
    """`solver(product, b, x0, preconditioner, maxiter)` on vectors, made a solver of trees with derivatives."""
    b = pytree.map(asarray, b)
    x0 = pytree.map(zeros_like, b) if x0 is None else pytree.map(asarray, x0)
    _check_guess(b, x0)
    leaves = pytree.leaves(b)
    steps = 10 * sum(x.size for x in leaves) if maxiter is None else maxiter
    apply, condition = _product(A), _identity if M is None else _product(M)
    _check_maps(name, b, x0, {"A": apply, "M": condition})

    def solve(product: Callable, right: Any) -> Any:
        vector, restore = ravel_pytree(right)

        def flat(f: Callable) -> Product:
            return lambda x: ravel_pytree(f(restore(x)))[0]

        guess = ravel_pytree(x0)[0]
        preconditioner = _identity if M is None else flat(condition)
        return restore(solver(flat(product), vector, guess, preconditioner, steps))

    is_real = not any(dtypes.is_complex(x.dtype) for x in leaves)
    return lax.custom_linear_solve(apply, b, solve, solve, symmetric=hermitian and is_real), None


def _check_guess(b: Any, x0: Any) -> None:
    if pytree.structure(b) != pytree.structure(x0):
        raise ValueError(
            f"x0 and b must have matching tree structure: {pytree.structure(x0)} vs {pytree.structure(b)}"
        )
    if _shapes(x0) != _shapes(b):
        raise ValueError(f"arrays in x0 and b must have matching shapes: {_shapes(x0)} vs {_shapes(b)}")


def _check_maps(name: str, b: Any, x0: Any, maps: dict[str, Callable]) -> None:
    """Everything has the shapes and dtypes of b, so that no step loses an imaginary part or digits."""
    kinds = _dtypes(b)
    if not all(dtypes.is_inexact(kind) for kind in kinds):
        raise TypeError(f"{name}: b must be floating-point or complex, got {_words(kinds)}")
    if _dtypes(x0) != kinds:
        raise TypeError(f"{name}: x0 has dtype {_words(_dtypes(x0))} and b {_words(kinds)}; they must be the same")
    for letter, function in maps.items():
        image = eval_shape(function, b)
        found = _dtypes(image)
        if pytree.structure(image) != pytree.structure(b) or _shapes(image) != _shapes(b):
            raise ValueError(
                f"{name}: {letter} maps b, {pytree.structure(b)} of shapes {_shapes(b)}, to "
                f"{pytree.structure(image)} of shapes {_shapes(image)}; the two must be alike"
            )
        if found != kinds:
            raise TypeError(
                f"{name}: {letter} maps b of dtype {_words(kinds)} to {_words(found)}; "
                f"give b (and x0) as {_words(found)}"
            )


def _shapes(tree: Any) -> list[tuple[int, ...]]:
    return [x.shape for x in pytree.leaves(tree)]


def _dtypes(tree: Any) -> list[Any]:
    return [x.dtype for x in pytree.leaves(tree)]


def _words(kinds: list[Any]) -> str:
    return ", ".join(map(str, kinds))


def _norm(x: Vector) -> Array:
    return sqrt(_square_of_norm(x))


def _square_of_norm(x: Vector) -> Array:
    return _real(vdot(x, x))


def _real(x: Array) -> Array:
    return lax.real(x) if dtypes.is_complex(x.dtype) else x


# --- cg -----------------------------------------------------------------------------------------------------


def cg(
    A: Any, b: Any, x0: Any = None, *, tol: float = 1e-05, atol: float = 0.0, maxiter: int | None = None, M: Any = None
) -> tuple[Any, None]:
    """(x, None) with A x = b, for Hermitian positive definite A, by conjugate gradients.

    A: matrix, or function of trees like b.  x0: where to begin, zero by default.  Ends when norm(b - A x) is below
    max(tol * norm(b), atol), or after `maxiter` steps, by default 10 times the number of unknowns.  M: matrix or
    function near the inverse of A, Hermitian positive definite too.
    (M. R. Hestenes and E. Stiefel, "Methods of conjugate gradients for solving linear systems", 1952.)

    TypeError for A that is neither matrix nor function, for b of integers, and where x0, A b or M b has another dtype
    than b; ValueError for a matrix that is not square, and for x0, A b or M b that is not like b.
    """

    def solver(apply: Product, b: Vector, x: Vector, condition: Product, steps: Any) -> Vector:
        bound = maximum(tol**2 * _square_of_norm(b), atol**2)

        def goes_on(state: Any) -> Array:
            _, r, gamma, _, k = state
            size = gamma if condition is _identity else _square_of_norm(r)
            return (size > bound) & (k < steps)

        def step(state: Any) -> Any:
            x, r, gamma, p, k = state
            product = apply(p)
            alpha = gamma / _real(vdot(p, product))
            x, r = x + alpha.astype(p.dtype) * p, r - alpha.astype(p.dtype) * product
            z = condition(r)
            new = _real(vdot(r, z))
            return x, r, new, z + (new / gamma).astype(p.dtype) * p, k + 1

        r = b - apply(x)
        z = condition(r)
        return lax.while_loop(goes_on, step, (x, r, _real(vdot(r, z)), z, 0))[0]

    return _solve("cg", solver, A, b, x0, maxiter, M, True)


# --- bicgstab -----------------------------------------------------------------------------------------------


def bicgstab(
    A: Any, b: Any, x0: Any = None, *, tol: float = 1e-05, atol: float = 0.0, maxiter: int | None = None, M: Any = None
) -> tuple[Any, None]:
    """(x, None) with A x = b, for general A, by stabilized bi-conjugate gradients.  Arguments and errors as `cg`.

    Ends early where the method breaks down.  (H. A. van der Vorst, "Bi-CGSTAB: a fast and smoothly converging variant
    of Bi-CG for the solution of nonsymmetric linear systems", SIAM J. Sci. Stat. Comput. 13, 1992.)
    """

    def solver(apply: Product, b: Vector, x: Vector, condition: Product, steps: Any) -> Vector:
        bound = maximum(tol**2 * _square_of_norm(b), atol**2)
        first = b - apply(x)
        one = asarray(1, b.dtype)

        def goes_on(state: Any) -> Array:
            _, r, *_, k = state
            return (_square_of_norm(r) > bound) & (k < steps) & (k >= 0)

        def step(state: Any) -> Any:
            x, r, alpha, omega, rho, p, q, k = state
            new = vdot(first, r)
            p = r + new / rho * alpha / omega * (p - omega * q)
            p_hat = condition(p)
            q = apply(p_hat)
            alpha = new / vdot(first, q)
            s = r - alpha * q
            ends = _square_of_norm(s) < bound
            s_hat = condition(s)
            t = apply(s_hat)
            omega = vdot(t, s) / vdot(t, t)
            x = x + alpha * p_hat + where(ends, 0, omega * s_hat)
            r = where(ends, s, s - omega * t)
            k = where((omega == 0) | (alpha == 0), -11, k + 1)
            return x, r, alpha, omega, new, p, q, where(new == 0, -10, k)

        start = (x, first, one, one, one, zeros_like(b), zeros_like(b), asarray(0))
        return lax.while_loop(goes_on, step, start)[0]

    return _solve("bicgstab", solver, A, b, x0, maxiter, M, False)


# --- gmres --------------------------------------------------------------------------------------------------


def gmres(
    A: Any, b: Any, x0: Any = None, *, tol: float = 1e-05, atol: float = 0.0, restart: int = 20,
    maxiter: int | None = None, M: Any = None, solve_method: str = "batched",
) -> tuple[Any, None]:
    """(x, None) with A x = b, for general A, by least residuals over spaces of `restart` vectors.  Arguments as `cg`.

    maxiter: how often a space is built from the last residual.  solve_method: "batched" builds each space to its end
    and then solves the least squares; "incremental" keeps them solved by rotations, and stops within a space.
    (Y. Saad and M. H. Schultz, "GMRES: a generalized minimal residual algorithm for solving nonsymmetric linear
    systems", SIAM J. Sci. Stat. Comput. 7, 1986.)

    ValueError for another method; other errors as `cg`.
    """
    if solve_method not in _SPACES:
        raise ValueError(f"invalid solve_method {solve_method}, must be either 'incremental' or 'batched'")
    space = _SPACES[solve_method]

    def solver(apply: Product, b: Vector, x: Vector, condition: Product, steps: Any) -> Vector:
        size = min(restart, b.size)
        norm_of_b = _norm(b)
        bound = maximum(tol * norm_of_b, atol)
        conditioned = _norm(condition(b)) * minimum(1, bound / where(norm_of_b == 0, 1, norm_of_b))

        def goes_on(state: Any) -> Array:
            _, _, length, k = state
            return (length > conditioned) & (k < steps)

        def step(state: Any) -> Any:
            x, r, length, k = state
            x = x + space(lambda v: condition(apply(v)), r, length, conditioned, size)
            r = condition(b - apply(x))
            return x, r, _norm(r), k + 1

        r = condition(b - apply(x))
        return lax.while_loop(goes_on, step, (x, r, _norm(r), 0))[0]

    return _solve("gmres", solver, A, b, x0, maxiter, M, False)


def _first_vector(r: Vector, length: Array, size: int) -> Array:
    """The basis, vectors in rows, with r / length as the first and zeros for the others."""
    basis = zeros((size + 1, r.size), r.dtype)
    return basis.at[0].set(r / where(length == 0, 1, length).astype(r.dtype))


def _next_vector(apply: Product, basis: Array, k: Any) -> tuple[Array, Array]:
    """The basis with vector k + 1 of Arnoldi's process, and the coefficients of A times vector k in it.

    Projected twice, so that vectors stay orthogonal.  A vector that lies in the space already becomes zero.
    """
    w = apply(basis[k])
    before = _norm(w)
    coefficients = zeros((basis.shape[0],), w.dtype)
    for _ in range(2):
        part = matmul(_conjugate(basis), w)
        w = w - matmul(part, basis)
        coefficients = coefficients + part
    length = _norm(w)
    is_new = length > float(dtypes.finfo(length.dtype).eps) * before
    length = where(is_new, length, 0)
    basis = basis.at[k + 1].set(w * where(is_new, 1 / where(is_new, length, 1), 0).astype(w.dtype))
    return basis, coefficients.at[k + 1].set(length.astype(w.dtype))


def _conjugate(x: Array) -> Array:
    return lax.conj(x) if dtypes.is_complex(x.dtype) else x


def _batched_space(apply: Product, r: Vector, length: Array, bound: Array, size: int) -> Vector:
    """The vector of the space that leaves the least residual: one least-squares problem."""

    def step(k: Any, state: Any) -> Any:
        basis, columns = state
        basis, coefficients = _next_vector(apply, basis, k)
        return basis, columns.at[k].set(coefficients)

    start = _first_vector(r, length, size), zeros((size, size + 1), r.dtype)
    basis, columns = lax.fori_loop(0, size, step, start)
    right = zeros((size + 1,), r.dtype).at[0].set(length.astype(r.dtype))
    return matmul(lstsq(columns.T, right)[0], basis[:-1])


def _incremental_space(apply: Product, r: Vector, length: Array, bound: Array, size: int) -> Vector:
    """The same, with columns made triangular one by one by plane rotations, until the residual is small."""
    number = arange(size + 1)

    def goes_on(state: Any) -> Array:
        k, residual = state[0], state[-1]
        return (k < size) & (residual > bound)

    def step(state: Any) -> Any:
        k, basis, columns, rotations, right, _ = state
        basis, column = _next_vector(apply, basis, k)
        column = matmul(rotations, column)
        rotation = _rotation(column[k], column[k + 1], k, number)
        rotations, right = matmul(rotation, rotations), matmul(rotation, right)
        columns = columns.at[k].set(matmul(rotation, column))
        return k + 1, basis, columns, rotations, right, absolute(right[k + 1])

    right = zeros((size + 1,), r.dtype).at[0].set(length.astype(r.dtype))
    start = (
        asarray(0), _first_vector(r, length, size), eye(size, size + 1, dtype=r.dtype), eye(size + 1, dtype=r.dtype),
        right, length,
    )
    steps, basis, columns, _, right, _ = lax.while_loop(goes_on, step, start)
    right = where(number[:-1] < steps, right[:-1], 0)
    y = lax.linalg.triangular_solve(columns[:, :-1].T, right[:, None], left_side=True)[:, 0]
    return matmul(y, basis[:-1])


def _rotation(x: Array, y: Array, k: Any, number: Array) -> Array:
    """The unitary matrix that turns (x, y) at places k, k + 1 into (length, 0)."""
    length = sqrt(_real(x * _conjugate(x)) + _real(y * _conjugate(y)))
    none = length == 0
    c, s = (where(none, other, v / where(none, 1, length).astype(v.dtype)) for v, other in ((x, 1), (y, 0)))
    matrix = eye(number.shape[0], dtype=x.dtype)
    matrix = matrix.at[k, k].set(_conjugate(c)).at[k, k + 1].set(_conjugate(s))
    return matrix.at[k + 1, k].set(-s).at[k + 1, k + 1].set(c)


_SPACES = {"batched": _batched_space, "incremental": _incremental_space}

__all__ = ["bicgstab", "cg", "gmres"]
