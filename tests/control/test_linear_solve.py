"""custom_linear_solve and custom_root: derivatives of the equation, transposes, batches, auxiliary outputs, errors."""

from __future__ import annotations

import numpy as np
import pytest

import cujax
import cujax.numpy as jnp
from cujax import lax

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(3, 3)) + 3 * np.eye(3), RNG.normal(size=3)
POWERS = np.array([1.0, 2, 8])


@pytest.fixture(autouse=True)
def wide(x64):
    """Solutions are compared in double precision."""


def linear(a, b):
    """A number that depends on the solution of a system of two blocks, found by iteration."""

    def product(x):
        return {"u": a @ x["u"] + 0.1 * x["v"], "v": a.T @ x["v"]}

    def solve(product, b):
        def step(i, x):
            r = product(x)
            return {k: x[k] + 0.2 * (b[k] - r[k]) for k in x}

        return lax.fori_loop(0, 150, step, b), {"steps": 150}

    x, aux = lax.custom_linear_solve(product, {"u": b, "v": 2 * b}, solve, solve, has_aux=True)
    assert list(aux) == ["steps"]
    return (x["u"] ** 2).sum() + (x["v"] ** 3).sum()


def linear_by_factors(a, b):
    v = jnp.linalg.solve(a.T, 2 * b)
    u = jnp.linalg.solve(a, b - 0.1 * v)
    return (u**2).sum() + (v**3).sum()


def root(c, k):
    """A number that depends on the roots of k x^3 = c, found by Newton's method."""

    def newton(f, x):
        return lax.fori_loop(0, 60, lambda i, x: x - f(x) / cujax.jvp(f, (x,), (jnp.ones_like(x),))[1], x)

    def tangents(g, y):
        return jnp.linalg.solve(cujax.jacobian(g)(y), y)

    x = lax.custom_root(lambda x: x**3 * k - c, jnp.ones_like(c), newton, tangents)
    return (x * jnp.arange(1.0, 4)).sum()


def root_by_formula(c, k):
    return (jnp.cbrt(c / k) * jnp.arange(1.0, 4)).sum()


STACKS = {linear: (np.stack([A, 1.2 * A]), np.stack([B, 2 * B])), root: (np.stack([POWERS, POWERS + 1]), np.ones(2))}
TRANSFORMS = {
    "value": lambda f, x, y: f(x, y),
    "jvp": lambda f, x, y: cujax.jvp(f, (x, y), (x, y)),
    "jit of grad": lambda f, x, y: cujax.jit(cujax.grad(f, (0, 1)))(x, y),
    "hessian": lambda f, x, y: cujax.hessian(f, (0, 1))(x, y),
    "grad of grad": lambda f, x, y: cujax.grad(lambda x: cujax.grad(f, 0)(x, y).sum())(x),
}


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize(
    "fun, direct, x, y", [(linear, linear_by_factors, A, B), (root, root_by_formula, POWERS, 2.0)]
)
def test_derivatives_are_those_of_the_solution(fun, direct, x, y, transform):
    found, expected = (TRANSFORMS[transform](f, jnp.asarray(x), jnp.asarray(y)) for f in (fun, direct))
    for f, e in zip(cujax.tree.leaves(found), cujax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(f, e, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("in_axes", [(0, None), (None, 0), (0, 0)])
@pytest.mark.parametrize("fun", [linear, root])
def test_batches(fun, in_axes):
    def gradient(x, y):
        return cujax.grad(fun, (0, 1))(x, y)

    args = [s if d == 0 else s[0] for s, d in zip(STACKS[fun], in_axes, strict=True)]
    batch = cujax.vmap(gradient, in_axes)(*args)
    for k in range(2):
        single = gradient(*[x[k] if d == 0 else x for x, d in zip(args, in_axes, strict=True)])
        for f, e in zip(batch, single, strict=True):
            np.testing.assert_allclose(f[k], e, rtol=1e-9, atol=1e-12)


def test_a_symmetric_system_needs_one_solver():
    gradient = cujax.grad(lambda b: lax.custom_linear_solve(lambda x: 2 * x, b, lambda m, b: b / 2, symmetric=True)[0])
    np.testing.assert_allclose(gradient(jnp.ones(2)), [0.5, 0])


def test_root_with_auxiliary_output():
    def solve(c):
        return lax.custom_root(lambda x: x**2 - c, 1.0, lambda f, x: (jnp.sqrt(c), 3), lambda g, y: y / g(1.0), True)

    (x, steps), (t, _) = cujax.jvp(solve, (4.0,), (1.0,))
    assert (float(x), int(steps), float(t)) == (2, 3, 0.25)


def solve_with(product=lambda x: x, solver=lambda m, b: b, transposed=None, **options):
    return lax.custom_linear_solve(product, jnp.ones(3), solver, transposed, **options)


def test_errors():
    for call in (
        lambda: solve_with(lambda x: x[:2]), lambda: solve_with(solver=lambda m, b: b[:2]),
        lambda: solve_with(transposed=lambda m, b: b[:2]), lambda: solve_with(lambda x: (x, x)),
    ):
        with pytest.raises(ValueError, match=r"output shapes must match b, got \["):
            call()
    for call in (lambda: solve_with(lambda x: (x,)), lambda: solve_with(solver=lambda m, b: [b])):
        with pytest.raises(TypeError, match="output pytree structure must match b, got"):
            call()
    with pytest.raises(TypeError, match="transpose_solve required for backwards mode"):
        cujax.grad(lambda b: lax.custom_linear_solve(lambda x: x, b, lambda m, b: b).sum())(jnp.ones(3))
    for f, solve in ((lambda x: (x, x), lambda f, x: x), (lambda x: x, lambda f, x: (x, x))):
        with pytest.raises(TypeError, match="must match initial_guess"):
            lax.custom_root(f, 1.0, solve, lambda g, y: y)
