"""Loops that carry their Jacobian: derivatives are JAX's, whatever the mode, and nothing is kept for each step.

JAX has no reverse mode for `while_loop`; there its forward mode is the reference.
"""

from __future__ import annotations

import jax
import numpy as np
import pytest
from against_jax import OURS, THEIRS, agree
from emulator import emulated_backend, why_not

import cujax
import cujax.numpy as jnp
from cujax import lax

RNG = np.random.default_rng(8)
X, V, K = RNG.standard_normal((3, 20)).astype(np.float32)
NOISE = RNG.standard_normal((15, 20)).astype(np.float32)
POINTS = RNG.standard_normal((6, 3)).astype(np.float32)
CHAOS = np.array([10, 28, 8 / 3], np.float32)


def loops(function, *args):
    """The loops of a function's tape, as (name, carries, stacked results)."""
    found = []
    for eqn in cujax.make_jaxpr(function)(*args).tape.eqns:
        if eqn.primitive.name == "scan":
            found.append(("scan", eqn.params["num_carry"], len(eqn.outputs) - eqn.params["num_carry"]))
        if eqn.primitive.name == "while":
            found.append(("while", len(eqn.outputs), 0))
    return found


# --- loops of known length ------------------------------------------------------------------------------------------


def pendulum(m, x, v, k):
    def step(_, state):
        x, v = state
        v = v - 0.05 * k * m.np.sin(x)
        return x + 0.05 * v, v

    x, v = m.lax.fori_loop(0, 15, step, (x, v))
    return (x * x + m.np.cos(v)).sum()


def driven(m, x, v, k):
    """With known slices and a known result of each step."""
    def step(state, noise):
        x, v = state
        v = 0.5 * m.np.tanh(v - 0.2 * k * x + 0.1 * noise)
        return (x + v, v), noise * 2

    (x, v), doubled = m.lax.scan(step, (x, v), NOISE, reverse=True)
    return (x * v).sum() + doubled.sum()


def summed(m, x, v, k):
    """A sum whose derivative by what it begins with stays one."""
    total, x = m.lax.fori_loop(0, 15, lambda _, s: (s[0] + m.np.sin(s[1]), k * m.np.cos(s[1])), (v, x))
    return (total * total + x).sum()


def chosen(m, x, v, k):
    """With branches for each element."""
    def step(_, x):
        return m.np.where(x > 0, m.np.sin(x) - k, x * x + v)

    return m.lax.fori_loop(0, 9, step, x).sum()


def drawn(m, x, v, k):
    def step(_, state):
        key, x = state
        key, own = m.lib.random.split(key)
        return key, m.np.tanh(x * k + m.lib.random.normal(own, x.shape, "float32"))

    return m.lax.fori_loop(0, 5, step, (m.lib.random.key(3), x + v))[1].sum()


POINTWISE = {f.__name__: f for f in (pendulum, driven, summed, chosen, drawn)}


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("name", POINTWISE)
def test_gradients_of_scans(name, shared):
    function, k = POINTWISE[name], np.float32(0.7) if shared else K
    agree(lambda m: m.lib.jit(m.lib.value_and_grad(lambda *xs: function(m, *xs), (0, 1, 2)))(X, V, k))


@pytest.mark.parametrize("name", POINTWISE)
def test_no_step_leaves_anything(name):
    def gradient(x, v):
        return cujax.grad(lambda *xs: POINTWISE[name](OURS, *xs, K), (0, 1))(x, v)

    ((_, _, stacked),) = loops(gradient, X, V)
    assert stacked == (name == "driven")


def test_entries_that_are_known_are_not_carried():
    def gradient(x, v, k):
        return cujax.grad(lambda x, v: summed(OURS, x, v, k), (0, 1))(x, v)

    ((_, carries, _),) = loops(gradient, X, V, K)
    assert carries == 2 + 2  # of the sum by itself it is one, of x by the sum zero


def test_what_needs_its_residuals_keeps_them():
    def of_all_steps(x):
        return lax.scan(lambda x, _: (jnp.sin(x), x), x, None, length=5)[1].sum()

    def by_slices(x, noise):
        return lax.scan(lambda x, n: (jnp.sin(x * n), None), x, noise)[0].sum()

    def of_many(x):
        return lax.fori_loop(0, 5, lambda _, x: jnp.sin(jnp.roll(x, 1)), x).sum()

    assert len(loops(cujax.grad(of_all_steps), X)) == len(loops(cujax.grad(of_many), X)) == 2
    assert len(loops(cujax.grad(by_slices, 1), X, NOISE)) == 2
    agree(lambda m: m.lib.grad(
        lambda x, n: m.lax.scan(lambda x, n: (m.np.sin(x * n), x), x, n)[1].sum(), (0, 1)
    )(X, NOISE))


@pytest.mark.parametrize("length", [0, 1])
def test_short_loops(length):
    agree(lambda m: m.lib.grad(
        lambda x: m.lax.fori_loop(0, length, lambda _, x: m.np.sin(x) * K, x).sum()
    )(X))


def test_empty_arrays():
    agree(lambda m: m.lib.grad(lambda x: m.lax.fori_loop(0, 4, lambda _, x: m.np.sin(x), x).sum())(X[:0]))


# --- all modes ------------------------------------------------------------------------------------------------------


def of_few(m, x):
    """Of three numbers, which mix."""
    def step(_, y):
        return y + 0.02 * m.np.stack([10 * (y[1] - y[0]), y[0] * (28 - y[2]) - y[1], y[0] * y[1] - 8 / 3 * y[2]])

    return m.lax.fori_loop(0, 10, step, x)


MODES = {
    "reverse": lambda lib, f: lib.jacrev(f),
    "forward": lambda lib, f: lib.jacfwd(f),
    "forward over reverse": lambda lib, f: lib.jacfwd(lib.jacrev(f)),
    "reverse over reverse": lambda lib, f: lib.jacrev(lib.jacrev(f)),
    "reverse over forward": lambda lib, f: lib.jacrev(lib.jacfwd(f)),
    "linear": lambda lib, f: lambda x: lib.linearize(f, x)[1](x),
    "checkpoint": lambda lib, f: lib.jacrev(lib.checkpoint(f)),
    "batch of reverse": lambda lib, f: lambda x: lib.vmap(lib.jacrev(f))(x + 0.1 * np.arange(4.0, dtype="f")[:, None]),
    "reverse of batch": lambda lib, f: lambda x: lib.grad(lambda xs: (lib.vmap(f)(xs) ** 2).sum())(
        x + 0.1 * np.arange(4.0, dtype="f")[:, None]
    ),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("jit", [False, True])
def test_all_modes(mode, jit):
    def case(m):
        function = MODES[mode](m.lib, lambda x: of_few(m, x))
        return (m.lib.jit(function) if jit else function)(POINTS[0])

    agree(case, rtol=2e-4)


# --- loops of unknown length ------------------------------------------------------------------------------------------


def root(m, a):
    """Newton's iteration; each element until it is there."""
    return m.lax.while_loop(lambda x: abs(x * x - a) > 1e-5 * a, lambda x: 0.5 * (x + a / x), 1.0 + 0 * a)


def integrated(m, y, parameters, end=0.4):
    """Lorenz's equations by steps of adaptive size (Bogacki and Shampine)."""
    def slope(y):
        s, r, b = parameters
        return m.np.stack([s * (y[1] - y[0]), y[0] * (r - y[2]) - y[1], y[0] * y[1] - b * y[2]])

    def step(state):
        t, h, y = state
        h = m.np.minimum(h, end - t)
        k1 = slope(y)
        k2 = slope(y + 0.5 * h * k1)
        k3 = slope(y + 0.75 * h * k2)
        new = y + h * (2 * k1 + 3 * k2 + 4 * k3) / 9
        size = m.np.sqrt(((h * (-5 * k1 / 72 + k2 / 12 + k3 / 9 - slope(new) / 8)) ** 2).sum()) / 1e-3
        is_good, factor = size < 1, m.np.clip(0.9 * m.np.maximum(size, 1e-6) ** (-1 / 3), 0.2, 5)
        return m.np.where(is_good, t + h, t), h * factor, m.np.where(is_good, new, y)

    return m.lax.while_loop(lambda s: s[0] < end, step, (m.np.float32(0), m.np.float32(0.01), y))[2]


def test_a_root_of_each_element():
    a = np.linspace(2, 50, 7, dtype=np.float32)

    def roots(m, a):
        return m.lib.vmap(lambda a: root(m, a))(a)

    expected = jax.vmap(jax.jacfwd(lambda a: root(THEIRS, a)))(a)
    gradient = cujax.jit(cujax.grad(lambda a: roots(OURS, a).sum()))
    np.testing.assert_allclose(gradient(a), expected, rtol=1e-5)
    np.testing.assert_allclose(cujax.vmap(cujax.grad(lambda a: root(OURS, a)))(a), expected, rtol=1e-5)
    second = jax.vmap(jax.jacfwd(jax.jacfwd(lambda a: root(THEIRS, a))))(a)
    np.testing.assert_allclose(cujax.vmap(cujax.grad(cujax.grad(lambda a: root(OURS, a))))(a), second, rtol=1e-4)
    assert "one kernel" in str(cujax.explain(gradient)(a))
    if why_not() is None:
        with emulated_backend():
            np.testing.assert_allclose(cujax.jit(lambda a: gradient(a))(a), expected, rtol=1e-5)


def test_adaptive_steps():
    """Of many orbits with parameters that they share, each with as many steps as it needs."""
    def loss(m, points, parameters):
        return (m.lib.vmap(lambda y: integrated(m, y, parameters))(points) ** 2).mean()

    found = cujax.jit(cujax.grad(lambda *xs: loss(OURS, *xs), (0, 1)))(POINTS, CHAOS)
    expected = jax.jit(jax.jacfwd(lambda *xs: loss(THEIRS, *xs), (0, 1)))(POINTS, CHAOS)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-3)


def test_lanes_that_are_not_the_first_axis():
    def last(m, y):
        """The orbits beside each other: the coordinates are the first axis."""
        return m.lax.fori_loop(0, 10, lambda _, y: y + 0.1 * m.np.sin(y[::-1]) * K[:6], y)

    def steps(y):
        return lax.while_loop(
            lambda s: s[0] < 10, lambda s: (s[0] + 1, s[1] + 0.1 * jnp.sin(s[1][::-1]) * K[:6]), (0, y)
        )[1]

    expected = jax.grad(lambda y: (last(THEIRS, y) ** 2).sum())(POINTS.T)
    np.testing.assert_allclose(cujax.grad(lambda y: (last(OURS, y) ** 2).sum())(POINTS.T), expected, rtol=2e-5)
    np.testing.assert_allclose(cujax.grad(lambda y: (steps(y) ** 2).sum())(POINTS.T), expected, rtol=2e-5)


def test_an_equation_on_a_grid_by_its_parameters():
    """The grid is mixed, and differentiated by two numbers."""
    def heat(m, diffusion, source):
        def step(s):
            n, u = s
            return n + 1, u + diffusion * (m.np.roll(u, 1) + m.np.roll(u, -1) - 2 * u) + source * m.np.sin(u)

        return (m.lax.while_loop(lambda s: s[0] < 30, step, (0, m.np.asarray(X)))[1] ** 2).mean()

    found = cujax.jit(cujax.grad(lambda *xs: heat(OURS, *xs), (0, 1)))(0.2, 0.05)
    np.testing.assert_allclose(found, jax.jacfwd(lambda *xs: heat(THEIRS, *xs), (0, 1))(0.2, 0.05), rtol=1e-4)

    def by_start(u):
        return lax.while_loop(lambda s: s[0] < 30, lambda s: (s[0] + 1, jnp.roll(s[1], 1)), (0, u))[1].sum()

    with pytest.raises(ValueError, match="max_steps"):
        cujax.grad(by_start)(X)


def test_fori_loop_whose_bounds_are_known_when_it_runs():
    def power(x, n):
        return lax.fori_loop(0, n, lambda _, y: y * x, jnp.ones_like(x))

    np.testing.assert_allclose(cujax.jit(cujax.grad(power))(1.5, 4), 4 * 1.5**3, rtol=1e-6)
    found = cujax.vmap(cujax.grad(power))(jnp.array([1.5, 2.0, 3.0]), jnp.array([4, 0, 2]))
    np.testing.assert_allclose(found, [4 * 1.5**3, 0, 6], rtol=1e-6)


def test_in_other_loops_and_branches():
    def nested(m, x):
        def step(x, _):
            y = m.lax.while_loop(lambda y: y < 5, lambda y: y * 1.5 + 0.1, abs(x) + 0.3)
            return m.lax.cond(y > 6, lambda: m.np.sin(y), lambda: root(m, y)), y

        last, every = m.lax.scan(step, x, None, length=3)
        return last + (every**2).sum()

    for x in X[:4]:
        np.testing.assert_allclose(
            cujax.jit(cujax.grad(lambda x: nested(OURS, x)))(x), jax.jacfwd(lambda x: nested(THEIRS, x))(x), rtol=2e-5
        )


def test_custom_derivatives_inside():
    @cujax.custom_jvp
    def sine(x):
        return jnp.sin(x)

    sine.defjvp(lambda primals, tangents: (sine(*primals), 2 * jnp.cos(primals[0]) * tangents[0]))
    found = cujax.grad(lambda x: lax.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, sine(s[1])), (0, x))[1])(0.5)
    x, slope = 0.5, 1.0
    for _ in range(3):
        x, slope = np.sin(x), slope * 2 * np.cos(x)
    np.testing.assert_allclose(found, slope, rtol=1e-6)


# --- what has other rules in reverse mode -----------------------------------------------------------------------------


def clipped(m):
    @m.lib.custom_vjp
    def clip(x):
        return x

    clip.defvjp(lambda x: (x, None), lambda _, ct: (m.np.clip(ct, -0.5, 0.5),))
    return lambda _, x: clip(m.np.sin(x))


def tripled(m):
    """With a transpose of its own."""
    return lambda _, x: m.derivatives.linear_call(
        lambda r, x: x * r, lambda r, ct: 3 * ct * r, np.float32(0.7), m.np.sin(x)
    )


@pytest.mark.parametrize("step", [clipped, tripled])
def test_rules_of_the_user_for_reverse_mode_are_followed(step):
    agree(lambda m: m.lib.grad(lambda x: m.lax.fori_loop(0, 4, step(m), x).sum())(X))
    with pytest.raises(ValueError, match="max_steps"):
        cujax.grad(lambda x: lax.while_loop(lambda x: x < 9, lambda x: clipped(OURS)(0, x) + x + 2, x))(0.1)


def test_collectives():
    agree(lambda m: m.lib.vmap(m.lib.grad(
        lambda x: m.lax.fori_loop(0, 4, lambda _, s: m.np.sin(s + 0.1 * m.lax.psum(s * s, "i")), x)
    ), axis_name="i")(X))


def test_a_known_part_of_a_tangent():
    """A rule that begins its iteration with something else than zero, and takes that away in the end."""
    def case(m):
        @m.lib.custom_jvp
        def f(x):
            return 5 * x

        @f.defjvp
        def rule(primals, tangents):
            (x,), (t,) = primals, tangents

            def step(_, s):
                return m.np.cos(s[0]), s[1] * m.np.sin(s[0]) + t

            z, known = x, x
            for _ in range(3):
                z, known = m.np.cos(z), known * m.np.sin(z)
            return 5 * x, m.lax.fori_loop(0, 3, step, (x, x))[1] - known

        return m.lib.linearize(f, 2.0)[1](1.0), m.lib.grad(f)(2.0)

    agree(case)


# --- what is not reached ----------------------------------------------------------------------------------------------


def test_what_begins_constant_has_no_slope():
    """The root has none where the loop begins."""
    agree(lambda m: m.lib.grad(
        lambda k: m.lax.fori_loop(0, 9, lambda _, h: h + 0.1 * (k - m.np.sqrt(h)), m.np.zeros(3)).sum()
    )(0.5))
    agree(lambda m: m.lib.grad(
        lambda k: m.lax.fori_loop(0, 9, lambda _, s: (s[0] / s[1] + k, m.np.sqrt(s[1])), (m.np.zeros(3), k))[0].sum()
    )(0.5))


def test_what_nobody_reads_may_grow_beyond_all_bounds():
    def case(m):
        def masked(r):
            rates = r * m.np.array([1, 4, 4], "float32")
            x = m.lax.fori_loop(0, 300, lambda _, x: rates * x * (1 - x), m.np.array([0.3, 0.1, 0.6], "float32"))
            return m.np.where(np.arange(3) < 1, x, 0).sum()

        return m.lib.grad(masked)(np.float32(0.9))

    agree(case)


# --- lanes ------------------------------------------------------------------------------------------------------------


def test_carries_that_have_nothing_to_do_with_one_another():
    def apart(m, x, y):
        return m.lax.while_loop(
            lambda s: s[0] < 3, lambda s: (s[0] + 1, m.np.sin(s[1]) * K[0], m.np.cos(s[2])), (0, x, y)
        )[1:]

    def loss(m, x, y):
        return sum((q * q).sum() for q in m.lib.vmap(lambda x, y: apart(m, x, y))(x, y))

    found = cujax.grad(lambda *xs: loss(OURS, *xs), (0, 1))(X, V)
    for a, b in zip(found, jax.jacfwd(lambda *xs: loss(THEIRS, *xs), (0, 1))(X, V), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_lanes_in_another_order():
    """Two lane axes, of which what the loop reads has them the other way round."""
    a = np.linspace(2, 9, 12, dtype=np.float32).reshape(3, 4)

    def roots(m, a):
        return m.lib.vmap(m.lib.vmap(lambda a: root(m, a)), 1)(a)

    def driven(m, k, y):
        return m.lax.while_loop(lambda s: s[0] < 4, lambda s: (s[0] + 1, m.np.sin(s[1]) * k.T), (0, y))[1]

    for function, args in ((roots, (a,)), (driven, (a, a.T))):
        found = cujax.grad(lambda *xs, f=function: (f(OURS, *xs) ** 2).sum())(*args)
        expected = jax.jacfwd(lambda *xs, f=function: (f(THEIRS, *xs) ** 2).sum())(*args)
        np.testing.assert_allclose(found, expected, rtol=1e-5)


# --- loops with a bound -----------------------------------------------------------------------------------------------


def test_loops_with_a_bound():
    def decay(x):
        return lax.while_loop(lambda x: x > 1, lambda x: jnp.sqrt(x) - 0.01, x, max_steps=30)

    assert len(loops(cujax.grad(decay), np.float32(20))) == 1
    free = cujax.grad(lambda x: lax.while_loop(lambda x: x > 1, lambda x: jnp.sqrt(x) - 0.01, x))
    np.testing.assert_allclose(cujax.grad(decay)(np.float32(20)), free(np.float32(20)), rtol=1e-6)


def test_the_bound_remains_for_what_is_differentiated_again():
    def loop(m, x, k):
        def step(s):
            return s[0] + 1, m.np.sin(s[1]) * k + 0.1 * m.np.roll(s[1], 1)

        bound = {"max_steps": 9} if m is OURS else {}
        return m.lax.while_loop(lambda s: s[0] < 6, step, (0, x), **bound)[1].sum()

    found = cujax.jacrev(lambda x: cujax.grad(lambda k: loop(OURS, x, k))(np.float32(0.3)))(X)
    expected = jax.jacfwd(lambda x: jax.jacfwd(lambda k: loop(THEIRS, x, k))(np.float32(0.3)))(X)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


REFUSED = {
    "many numbers that mix": (lambda x: jnp.sin(jnp.roll(x, 1)), jnp.asarray(X)),
    "a matrix": (lambda x: x @ x, jnp.asarray(RNG.standard_normal((4, 4)))),
    "complex": (lambda x: x * x, jnp.asarray(X + 1j * V)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_reverse_mode_of_other_loops_is_refused(name):
    step, x = REFUSED[name]

    def f(x):
        return abs(lax.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, step(s[1])), (0, x))[1]).sum()

    with pytest.raises(ValueError, match=r"Reverse-mode differentiation does not work for lax\.while_loop"):
        cujax.grad(f)(x)
