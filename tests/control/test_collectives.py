"""Collectives under vmap's axis_name, alone, differentiated, jitted, and with two names, against JAX."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from against_jax import OURS, agree, refused_alike

import cujax
import cujax.numpy as jnp
from cujax import lax

X = np.array([0.5, 1.0, 1.5], np.float32)
CYCLE = [(0, 1), (1, 2), (2, 0)]


def cube(m, *shape):
    return m.np.asarray(np.arange(np.prod(shape), dtype=np.float32).reshape(shape) / 10)


def mapped(m, f, *args, **options):
    return m.lib.vmap(f, axis_name="i", **options)(*args)


ON_SCALARS = {
    "psum": lambda m, x: m.lax.psum(x, "i"),
    "psum of trees": lambda m, x: m.lax.psum({"a": x, "b": (1, 2.5)}, "i"),
    "psum of constants": lambda m, x: m.lax.psum((m.np.ones(2), np.ones(2), True), "i"),
    "psum of booleans": lambda m, x: m.lax.psum(x > 0.7, "i"),
    "pmean": lambda m, x: m.lax.pmean(x, "i"),
    "pmean of others": lambda m, x: (m.lax.pmean(2, "i") + x, m.lax.pmean(m.np.int32(2) * (x > 0.7), "i")),
    "pmax": lambda m, x: (m.lax.pmax(x, "i"), m.lax.pmin(x, "i"), m.lax.pmax(1.0, "i")),
    "ppermute": lambda m, x: m.lax.ppermute(x, "i", CYCLE),
    "pshuffle": lambda m, x: m.lax.pshuffle(x, "i", [2, 0, 1]),
    "all_gather": lambda m, x: m.lax.all_gather(x, "i"),
    "all_gather of constants": lambda m, x: m.lax.all_gather(1.0, "i"),
    "axis_index": lambda m, x: m.lax.axis_index("i"),
    "axis_size": lambda m, x: m.lax.axis_size("i") * x,
    "cond": lambda m, x: m.lax.cond(True, lambda y: m.lax.psum(y, "i"), lambda y: y, x),
    "scan": lambda m, x: m.lax.scan(lambda c, _: (c + m.lax.psum(c * x, "i"), c), x, None, 3),
    "unbatched scan": lambda m, x: m.lax.scan(lambda c, _: (c + 1, m.lax.axis_index("i")), 0, None, 3)[1],
    "fori_loop": lambda m, x: m.lax.fori_loop(0, 3, lambda i, c: c + m.lax.pmax(c, "i"), x),
    "jit": lambda m, x: m.lib.jit(lambda x: (m.lax.psum(1, "i") * x, m.lax.psum(x, "i")))(x),
    "jit without operands": lambda m, x: m.lib.jit(lambda: m.lax.axis_index("i"))(),
}
GRADIENTS = {
    "psum": lambda m, x: m.lax.psum(x, "i") ** 2,
    "psum of squares": lambda m, x: m.lax.psum(x**3, "i"),
    "pmean": lambda m, x: m.np.sin(m.lax.pmean(x, "i")) * x,
    "ppermute": lambda m, x: m.lax.ppermute(x**2, "i", CYCLE) * m.lax.axis_index("i"),
    "all_gather": lambda m, x: (m.lax.all_gather(x, "i") ** 2 * m.np.array([1.0, 2.0, 4.0])).sum(),
    "jit": lambda m, x: m.lib.jit(lambda x: m.lax.psum(x, "i") ** 2)(x),
    "checkpoint": lambda m, x: m.lib.checkpoint(lambda x: m.lax.psum(m.np.sin(x), "i") ** 2)(x),
}
ON_CUBES = {
    "all_gather last": lambda m, x: m.lax.all_gather(x, "i", axis=-1),
    "all_gather tiled": lambda m, x: m.lax.all_gather(x, "i", axis=1, tiled=True),
    "psum_scatter": lambda m, x: m.lax.psum_scatter(x, "i"),
    "psum_scatter 1": lambda m, x: m.lax.psum_scatter(x, "i", scatter_dimension=1),
    "psum_scatter tiled": lambda m, x: m.lax.psum_scatter(x, "i", scatter_dimension=1, tiled=True),
    "all_to_all": lambda m, x: m.lax.all_to_all(x, "i", 0, 0),
    "all_to_all 01": lambda m, x: m.lax.all_to_all(x, "i", 0, 1),
    "all_to_all 10": lambda m, x: m.lax.all_to_all(x, "i", 1, 0),
    "all_to_all tiled": lambda m, x: m.lax.all_to_all(x, "i", 0, 1, tiled=True),
    "pswapaxes": lambda m, x: m.lax.pswapaxes(x, "i", 1),
}


@pytest.mark.parametrize("name", ON_SCALARS)
def test_on_scalars(name):
    agree(lambda m: mapped(m, lambda x: ON_SCALARS[name](m, x), m.np.asarray(X)))
    agree(lambda m: m.lib.jit(lambda v: mapped(m, lambda x: ON_SCALARS[name](m, x), v))(m.np.asarray(X)))


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_inside_and_around(name):
    def inside(m):
        grad = m.lib.grad(partial(GRADIENTS[name], m))
        return [mapped(m, f, m.np.asarray(X)) for f in (grad, m.lib.grad(grad), m.lib.jit(grad))]

    def around(m):
        return m.lib.grad(lambda v: mapped(m, partial(GRADIENTS[name], m), v).sum())(m.np.asarray(X))

    agree(inside)
    agree(around)


@pytest.mark.parametrize("name", ON_CUBES)
def test_on_cubes(name):
    agree(lambda m: mapped(m, lambda x: ON_CUBES[name](m, x), cube(m, 3, 3, 3)))
    agree(lambda m: mapped(m, lambda x: ON_CUBES[name](m, x), cube(m, 3, 3, 3), in_axes=1))


@pytest.mark.parametrize("name", [n for n in ON_CUBES if n not in ("all_to_all 01", "all_to_all 10")])
def test_gradients_on_cubes(name):
    agree(lambda m: mapped(m, m.lib.grad(lambda x: (ON_CUBES[name](m, x) ** 3).sum()), cube(m, 3, 3, 3)))


@pytest.mark.parametrize("name", ["all_to_all 01", "all_to_all 10"])
def test_gradients_of_all_to_all_between_two_axes(name):
    """JAX 0.10 fails here; the gradient inside is that of the sum over all elements, taken around."""

    def loss(x):
        return (ON_CUBES[name](OURS, x) ** 3).sum()

    x = cube(OURS, 3, 3, 3)
    around = cujax.grad(lambda v: cujax.vmap(loss, axis_name="i")(v).sum())(x)
    np.testing.assert_allclose(cujax.vmap(cujax.grad(loss), axis_name="i")(x), around, rtol=1e-5)


def test_jvp():
    def case(m):
        def total(x):
            return m.lax.psum(x**2, "i")

        return mapped(m, lambda x: m.lib.jvp(total, (x,), (1.0,)), m.np.asarray(X))

    agree(case)


def test_the_sum_of_a_constant_is_static():
    def f(x):
        assert type(lax.psum(1, "i")) is int and type(lax.axis_size("i")) is int
        return jnp.ones(lax.psum(1, "i")) * x

    assert cujax.vmap(f, axis_name="i")(jnp.ones(4)).shape == (4, 4)


def test_reductions_are_not_batched():
    assert float(cujax.vmap(lambda x: lax.psum(x, "i"), axis_name="i", out_axes=None)(X)) == 3.0


# --- two names ----------------------------------------------------------------------------------------


def doubly(m, f, in_axes=0):
    return m.lib.vmap(m.lib.vmap(f, in_axes, axis_name="j"), in_axes, axis_name="i")


@pytest.mark.parametrize("in_axes", [0, -1])
@pytest.mark.parametrize("name", ["i", "j"])
def test_each_of_two_axes(name, in_axes):
    def case(m):
        def f(x):
            return (
                m.lax.psum(x, name), m.lax.all_gather(x, name, axis=1), m.lax.axis_index(name),
                m.lax.all_to_all(x, name, 1, 0), m.lax.ppermute(x, name, CYCLE), m.lax.pmax(x, name),
            )

        return doubly(m, f, in_axes)(cube(m, 3, 3, 3, 3))

    agree(case)


def test_two_axes_as_one():
    def case(m):
        names = ("i", "j")
        reduced = doubly(m, lambda x: (m.lax.psum(x, names), m.lax.pmax(x, names[::-1])))(cube(m, 3, 2, 4))
        return reduced, doubly(m, lambda x: (m.lax.axis_index(names), m.lax.axis_size(names)))(cube(m, 3, 2))

    agree(case)


def test_moves_along_two_axes_as_one():
    x = cube(OURS, 2, 3, 6)
    flat = np.asarray(x).reshape(6, 6)
    gathered = doubly(OURS, lambda x: lax.all_gather(x, ("i", "j")))(x)
    np.testing.assert_array_equal(gathered[1, 2], flat)
    tiled = doubly(OURS, lambda x: lax.all_gather(x, ("i", "j"), tiled=True))(x)
    np.testing.assert_array_equal(tiled[0, 1], flat.reshape(36))
    exchanged = doubly(OURS, lambda x: lax.all_to_all(x, ("i", "j"), 0, 0))(x)
    np.testing.assert_array_equal(exchanged.reshape(6, 6), flat.T)
    scattered = doubly(OURS, lambda x: lax.psum_scatter(x, ("i", "j")))(x)
    np.testing.assert_allclose(scattered.reshape(6), flat.sum(0), rtol=1e-6)


# --- what JAX does not have under vmap ----------------------------------------------------------------


def test_partial_permutations_leave_zeros():
    def shift(x):
        return lax.ppermute(x, "i", [(0, 1), (1, 2)])

    v = jnp.array([1.0, 2.0, 3.0])
    assert cujax.vmap(shift, axis_name="i")(v).tolist() == [0.0, 1.0, 2.0]
    grad = cujax.vmap(cujax.grad(lambda x: shift(x) * (1.0 + lax.axis_index("i"))), axis_name="i")
    assert grad(v).tolist() == [2.0, 3.0, 0.0]


def test_pbroadcast():
    assert cujax.vmap(lambda x: lax.pbroadcast(x, "i", 2), axis_name="i")(X).tolist() == [1.5] * 3


# --- custom rules and mistakes ------------------------------------------------------------------------


def test_custom_rules_with_collectives():
    def case(m):
        @m.lib.custom_jvp
        def f(x):
            return m.lax.psum(x, "i") * x

        f.defjvp(lambda p, t: (f(*p), t[0] * (1.0 + m.lax.axis_index("i"))))

        @m.lib.custom_vjp
        def g(x):
            return m.lax.psum(x, "i") * x

        g.defvjp(lambda x: (g(x), x), lambda x, ct: (m.lax.psum(ct * x, "i"),))
        v = m.np.asarray(X)
        around = [m.lib.grad(lambda v, h=h: mapped(m, h, v).sum())(v) for h in (f, g, m.lib.jit(f))]
        return around, [mapped(m, m.lib.grad(h), v) for h in (f, g)], mapped(m, lambda x: f(1.0) + x, v)

    agree(case)


def on_vector(f):
    return lambda m: mapped(m, lambda x: f(m, x), m.np.asarray(X))


def on_matrices(f):
    return lambda m: mapped(m, lambda x: f(m, x), cube(m, 3, 2, 3))


MISTAKES = {
    "unbound": lambda m: m.lax.psum(m.np.asarray(X), "i"),
    "unbound constant": lambda m: m.lax.psum(1, "i"),
    "unbound index": lambda m: m.lax.axis_index("q"),
    "unbound size": lambda m: m.lax.axis_size("q"),
    "groups": on_vector(lambda m, x: m.lax.psum(x, "i", axis_index_groups=[[0, 1], [2]])),
    "gradient of pmax": on_vector(lambda m, x: m.lib.grad(lambda x: m.lax.pmax(x, "i"))(x)),
    "no permutation": on_vector(lambda m, x: m.lax.pshuffle(x, "i", [2, 2, 1])),
    "split length": on_matrices(lambda m, x: m.lax.all_to_all(x, "i", 0, 1)),
    "tiled length": on_matrices(lambda m, x: m.lax.all_to_all(x, "i", 0, 1, tiled=True)),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name):
    refused_alike(MISTAKES[name])


def test_error_texts():
    with pytest.raises(NameError, match=r"unbound axis name: 'q'. Axis names in scope: \['i'\]"):
        mapped(OURS, lambda x: lax.psum(x, "q"), X)
    with pytest.raises(ValueError, match=r"ppermute: targets \[1, 1\] must be distinct numbers below 3"):
        mapped(OURS, lambda x: lax.ppermute(x, "i", [(0, 1), (2, 1)]), X)
    with pytest.raises(ValueError, match=r"psum_scatter: axis 0 of an operand of shape \(2,\) must have"):
        mapped(OURS, lambda x: lax.psum_scatter(x, "i"), cube(OURS, 3, 2))
