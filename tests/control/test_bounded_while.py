"""while_loop with max_steps: values and derivatives are those of the loop written out."""

from __future__ import annotations

import numpy as np
import pytest

import cujax
import cujax.numpy as jnp
from cujax import lax
from cujax.engine.control import bounded_while, scan, while_loop
from cujax.engine.ground.config import config

pytestmark = pytest.mark.usefixtures("x64", "every_operation_rounded", "residuals_kept")


@pytest.fixture
def residuals_kept(monkeypatch):
    """As of loops that cannot carry their Jacobian."""
    monkeypatch.setattr(while_loop, "carried_jacobian", lambda *_: None)
    monkeypatch.setattr(scan, "carried_jacobian", lambda *_: None)


@pytest.fixture
def every_operation_rounded():
    with config.override("fused_multiply_add", "nowhere"):
        yield


def orbit(x, n, max_steps=40):
    """A map applied n times."""
    state = (x, jnp.asarray(0))
    return lax.while_loop(lambda s: s[1] < n, lambda s: (jnp.sin(s[0]) * 1.1 + 0.1 * s[0] ** 2, s[1] + 1), state,
                          max_steps=max_steps)[0]


def written_out(x, n):
    for _ in range(n):
        x = jnp.sin(x) * 1.1 + 0.1 * x**2
    return x


@pytest.mark.parametrize("n", [0, 6, 7, 40])
@pytest.mark.parametrize("jit", [lambda f: f, cujax.jit])
def test_derivatives(n, jit):
    np.testing.assert_array_equal(jit(orbit)(0.7, n), written_out(jnp.asarray(0.7), n))
    gradient, expected = (cujax.grad(f) for f in (lambda x: orbit(x, n), lambda x: written_out(x, n)))
    np.testing.assert_allclose(jit(gradient)(0.7), expected(0.7), rtol=1e-13)
    np.testing.assert_allclose(jit(cujax.grad(gradient))(0.7), cujax.grad(expected)(0.7), rtol=1e-12, atol=1e-14)


def test_each_of_a_batch_has_its_own_steps():
    x, n = jnp.linspace(0.1, 2.0, 9), jnp.arange(9) * 4
    expected = np.array([cujax.grad(lambda x, k=k: written_out(x, k))(v) for v, k in zip(x, n.tolist(), strict=True)])
    found = cujax.jit(cujax.vmap(cujax.grad(orbit)))(x, n)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    of_all = cujax.jit(cujax.grad(lambda x: cujax.vmap(orbit)(x, n).sum()))(x)
    np.testing.assert_allclose(of_all, expected, rtol=1e-12)


def test_the_gradient_of_a_batch_is_a_lane_program():
    text = cujax.jit(cujax.vmap(cujax.grad(orbit))).lower(jnp.linspace(0.1, 2.0, 9), jnp.arange(9)).as_text("cuda")
    assert text.count("__global__") <= 3, text


def test_constants_of_condition_and_body():
    def scaled(a, limit):
        return lax.while_loop(lambda x: x < limit, lambda x: x * a, 1.0, max_steps=30)

    np.testing.assert_allclose(cujax.grad(scaled)(1.5, 9.0), 6 * 1.5**5)  # 1.5^6 is the first above 9
    assert cujax.grad(scaled, 1)(1.5, 9.0) == 0


def test_ends_after_the_last_step():
    assert lax.while_loop(lambda x: x >= 0, lambda x: x + 1, 0, max_steps=5) == 5
    assert lax.while_loop(lambda x: x < 3, lambda x: x + 1, 0, max_steps=0) == 0


def test_as_many_states_are_kept_as_promised():
    """Neither 10,000 states nor 10,000 steps after the end."""
    def f(x):
        def step(s):
            return jnp.sin(s[0]), s[1] + 1

        return lax.while_loop(lambda s: s[1] < 5, step, (x, 0), max_steps=10_000)[0].sum()

    x = jnp.linspace(0.0, 1.0, 1000)
    analysis = cujax.jit(cujax.grad(f)).lower(x).compile().memory_analysis()
    assert analysis.temp_size_in_bytes < 8 * 1000 * 220 * 3
    np.testing.assert_allclose(
        cujax.jit(cujax.grad(f))(x), cujax.grad(lambda x: jnp.sin(jnp.sin(jnp.sin(jnp.sin(jnp.sin(x))))).sum())(x)
    )


def test_levels_of_checkpoints(monkeypatch):
    """Two parts a segment: 8 steps are three scans inside each other."""
    monkeypatch.setattr(bounded_while, "_MOST_PARTS", 2)
    assert bounded_while._divided(8) == (2, 3)
    gradient = cujax.jit(cujax.value_and_grad(lambda x, n: orbit(x, n, 8)))
    numbers = [0, 1, 5, 7, 8]
    expected = np.array([cujax.value_and_grad(lambda x, n=n: written_out(x, n))(0.7) for n in numbers])
    np.testing.assert_allclose([gradient(0.7, n) for n in numbers], expected, rtol=1e-13)
    mapped = cujax.vmap(gradient, (None, 0))(0.7, jnp.asarray(numbers))
    np.testing.assert_allclose(np.stack(mapped, 1), expected, rtol=1e-13)


@pytest.mark.parametrize("steps, divided", [
    (0, (1, 2)), (1, (1, 2)), (2, (2, 2)), (5, (3, 2)), (4096, (64, 2)), (4097, (17, 3)), (64**3, (64, 3)),
    (64**3 + 1, (23, 4)),
])  # fmt: skip
def test_parts_are_enough_and_few(steps, divided):
    assert bounded_while._divided(steps) == divided
    parts, levels = divided
    assert (parts - 1) ** levels < max(steps, 1) <= parts**levels


def test_memory_of_a_million_steps():
    """Some hundred states, of 8 kB each; two levels would keep two thousand."""
    def f(x, max_steps):
        return lax.while_loop(lambda s: s[1] < 5, lambda s: (jnp.sin(s[0]), s[1] + 1), (x, 0), max_steps=max_steps)[0]

    def bytes_for(max_steps):
        gradient = cujax.grad(lambda x: f(x, max_steps).sum())
        return cujax.jit(gradient).lower(jnp.zeros(1000)).compile().memory_analysis().temp_size_in_bytes

    assert bytes_for(10**6) < 8 * 1000 * 4 * 32 * 3
    assert bytes_for(10**6) < 2 * bytes_for(2000)


def test_errors():
    with pytest.raises(ValueError, match=r"lax\.while_loop got a negative max_steps: -1"):
        lax.while_loop(lambda x: x < 3, lambda x: x + 1, 0, max_steps=-1)
    with pytest.raises(TypeError, match="cond_fun must return a boolean scalar"):
        lax.while_loop(lambda x: x, lambda x: x + 1, 0, max_steps=3)
    with pytest.raises(ValueError, match=r"Give lax\.while_loop a bound, max_steps=1000"):
        cujax.grad(lambda x: orbit(x, 3, None))(1.0)
