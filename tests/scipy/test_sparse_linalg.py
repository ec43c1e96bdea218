"""cg, bicgstab and gmres against JAX's: solutions, derivatives, single steps, batches, trees, errors."""

from __future__ import annotations

import jax
import jax.scipy.sparse.linalg
import numpy as np
import pytest

import cujax
import cujax.scipy.sparse.linalg
from cujax.scipy.sparse.linalg import cg, gmres

RNG = np.random.default_rng(0)
N = 3
B = RNG.normal(size=N)
GENERAL = RNG.normal(size=(N, N)) + 4 * np.eye(N)
SOLVERS = {
    "cg": {}, "bicgstab": {}, "gmres": {}, "gmres incremental": {"solve_method": "incremental"},
    "gmres restarted": {"restart": 2},
}


@pytest.fixture(autouse=True)
def wide(x64):
    """Solutions are compared in double precision."""


def solver(library, name, **options):
    function = getattr(library.scipy.sparse.linalg, name.split()[0])
    return lambda a, b, **more: function(a, b, tol=1e-12, **SOLVERS[name], **options, **more)[0]


def matrix(name, dtype="float64"):
    general = (GENERAL + (1j * GENERAL[::-1] / 3 if np.dtype(dtype).kind == "c" else 0)).astype(dtype)
    return general @ general.conj().T / 4 + np.eye(N) if name == "cg" else general


@pytest.mark.parametrize("name, dtype", [
    ("cg", "complex128"), ("bicgstab", "complex128"), ("gmres", "float64"), ("gmres incremental", "float64"),
    ("gmres restarted", "float64"),
])
def test_solutions(name, dtype):
    a, b = matrix(name, dtype), B.astype(dtype)
    np.testing.assert_allclose(a @ solver(cujax, name)(a, b), b, rtol=1e-8, atol=1e-9)
    condition = np.diag(1 / np.diag(a))
    found = cujax.jit(lambda b: solver(cujax, name, M=condition, x0=b)(lambda x: cujax.numpy.asarray(a) @ x, b))(b)
    np.testing.assert_allclose(found, np.linalg.solve(a, b), rtol=1e-8)
    assert found.dtype == dtype


@pytest.mark.parametrize("name", ["cg", "bicgstab"])
def test_a_single_step_is_that_of_jax(name):
    one, theirs = (solver(m, name, maxiter=1)(m.numpy.asarray(matrix(name)), B) for m in (cujax, jax))
    np.testing.assert_allclose(one, theirs, rtol=1e-9)


@pytest.mark.parametrize("name", SOLVERS)
def test_derivatives_and_batches(name):
    a = matrix(name)

    def loss(a, b):
        return (solver(cujax, name)(a, b) ** 2).sum()

    found = cujax.grad(loss, (0, 1))(a, B)
    x = np.linalg.solve(a, B)
    y = np.linalg.solve(a.T, 2 * x)
    np.testing.assert_allclose(found[1], y, rtol=1e-7)
    np.testing.assert_allclose(found[0], -np.outer(y, x), rtol=1e-7, atol=1e-9)
    if name in ("cg", "gmres"):
        batch = cujax.vmap(lambda s: solver(cujax, name)(a * s, B))(np.array([1.0, 2.0]))
        np.testing.assert_allclose(batch, [x, x / 2], rtol=1e-8)


def test_trees_and_trivial_systems():
    tree = {"p": np.ones((2, 2)), "q": np.ones(3)}
    found, info = cg(lambda x: {"p": 2 * x["p"], "q": 4 * x["q"]}, tree)
    assert info is None
    np.testing.assert_allclose(found["p"], 0.5 * tree["p"])
    np.testing.assert_allclose(found["q"], 0.25 * tree["q"])
    for method in ("batched", "incremental"):
        np.testing.assert_array_equal(gmres(np.eye(3), np.zeros(3), solve_method=method)[0], 0)
        np.testing.assert_allclose(gmres(2 * np.eye(3), np.ones(3), solve_method=method)[0], 0.5)  # breaks down at once


def test_errors():
    for call, error, text in (
        (lambda: cg(np.ones((2, 3)), np.ones(3)), ValueError, "must be a square matrix"),
        (lambda: cg([[1.0]], np.ones(1)), TypeError, "either a function or ndarray"),
        (lambda: cg(np.eye(2), np.ones(2), x0=np.ones(3)), ValueError, "matching shapes"),
        (lambda: cg(np.eye(2), np.ones(2), x0=[np.ones(2)]), ValueError, "matching tree structure"),
        (lambda: cg(lambda v: v[:1], np.ones(2)), ValueError, r"cg: A maps b, .*\(2,\).* to .*\(1,\)"),
        (lambda: cg(lambda v: (v, v), np.ones(2)), ValueError, "cg: A maps b, .* the two must be alike"),
        (lambda: gmres(np.eye(2), np.arange(2)), TypeError, "gmres: b must be floating-point or complex, got int"),
        (lambda: cg(1j * np.eye(2), np.ones(2)), TypeError, "cg: A maps b of dtype float64 to complex128; give b .and"),
        (lambda: cg(np.eye(2), np.ones(2), M=1j * np.eye(2)), TypeError, "cg: M maps b of dtype float64 to complex128"),
        (lambda: cg(np.eye(2), np.ones(2), x0=1j * np.ones(2)), TypeError, "x0 has dtype complex128 and b float64"),
        (lambda: gmres(np.eye(2), np.ones(2), solve_method="x"), ValueError, "invalid solve_method x"),
    ):
        with pytest.raises(error, match=text):
            call()


@pytest.mark.parametrize("name", SOLVERS)
def test_tolerances_may_be_traced(name):
    a, options = matrix(name), SOLVERS[name]
    function = getattr(cujax.scipy.sparse.linalg, name.split()[0])
    solve = cujax.jit(lambda tol, atol: function(a, B, tol=tol, atol=atol, **options)[0])
    exact = np.linalg.solve(a, B)
    np.testing.assert_allclose(solve(1e-12, 0.0), exact, rtol=1e-10)
    np.testing.assert_array_equal(solve(0.0, 1e9), np.zeros(N))  # where it begins is near enough
