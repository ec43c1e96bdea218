"""linear_call: the function forwards, the user's transpose backwards, under every transformation; against JAX."""

from __future__ import annotations

import jax
import jax.custom_derivatives
import numpy as np
import pytest

import cujax
import cujax.numpy as jnp


def division(library):
    """x / r, with a transpose that is wrong on purpose: 3 ct / r."""
    linear_call = library.custom_derivatives.linear_call
    return lambda r, x: linear_call(lambda r, x: x / r, lambda r, ct: 3 * ct / r, r, x)


def transposed(library, r):
    return lambda ct: library.linear_transpose(lambda x: division(library)(r, x), np.ones(3, "f"))(ct)[0]


X, R = np.float32([1, 2, 3]), np.float32([2, 4, 8])
PROGRAMS = {
    "value": lambda c: division(c)(R, X),
    "jit": lambda c: c.jit(division(c))(R, X),
    "transpose": lambda c: transposed(c, R)(X),
    "transpose of the transpose": lambda c: c.linear_transpose(transposed(c, R), X)(X)[0],
    "grad": lambda c: c.grad(lambda x: (division(c)(R, x) ** 2).sum())(X),
    "jit of grad": lambda c: c.jit(c.grad(lambda x: (division(c)(R, x) ** 2).sum()))(X),
    "jvp": lambda c: c.jvp(lambda x: division(c)(R, x), (X,), (2 * X,)),
    "scan": lambda c: c.grad(lambda x: c.lax.scan(lambda s, r: (division(c)(r, s), s), x, R)[0])(X[0]),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_agrees_with_jax(name):
    found, expected = PROGRAMS[name](cujax), PROGRAMS[name](jax)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), jax.tree.map(np.asarray, found), expected)


def test_batches():  # which JAX refuses
    divide = division(cujax)
    np.testing.assert_allclose(cujax.vmap(divide, (None, 0))(R[0], X), X / R[0])
    np.testing.assert_allclose(cujax.vmap(divide, (0, None))(R, X[0]), X[0] / R)
    slope = cujax.grad(lambda x: (cujax.vmap(divide, (0, None))(R, x) ** 2).sum())(X[0])
    np.testing.assert_allclose(slope, (3 * 2 * X[0] / R**2).sum(), rtol=1e-6)


def test_closures_and_trees():
    @cujax.jit
    def f(scale, x):
        linear_call = cujax.custom_derivatives.linear_call
        out = linear_call(
            lambda r, t: {"y": scale * t[0] + t[1]}, lambda r, ct: (scale * ct["y"], ct["y"]), (), (x, 2 * x)
        )
        return out["y"]

    assert f(3.0, 5.0) == 25
    assert cujax.grad(f, 1)(3.0, 5.0) == 5
    assert cujax.jvp(f, (3.0, 5.0), (1.0, 0.0))[1] == 5  # by the function itself, in what is a residual


def test_a_transpose_of_another_type_is_refused():
    with pytest.raises(TypeError, match="must return a pytree like the linear arguments"):
        cujax.custom_derivatives.linear_call(lambda r, x: x, lambda r, ct: (ct, ct), (), jnp.ones(2))
