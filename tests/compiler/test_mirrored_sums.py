"""Sums that mirror each other: which are computed once, which are not, and that values are those of single ops."""

from __future__ import annotations

import numpy as np
import pytest

import cujax
import cujax.numpy as jnp
from cujax import lax
from cujax.engine.compiler.mirrored_sums import share_mirrored_sums
from cujax.engine.compiler.passes import optimized
from cujax.engine.core.check import check_tape

RNG = np.random.default_rng(0)
POINTS = RNG.standard_normal((6, 3)).astype(np.float32)
MASSES = RNG.random(6).astype(np.float32) + 1
LINE = RNG.standard_normal(6).astype(np.float32)
MATRIX = RNG.standard_normal((6, 6)).astype(np.float32)


def sums_over_pairs(function, *args) -> int:
    """How many sums along an axis of pairs the program computes."""
    tape = optimized(cujax.make_jaxpr(function)(*args).tape)
    sums = [e for e in tape.eqns if e.primitive.name == "reduce_sum" and e.inputs[0].aval.shape[:2] == (6, 6)]
    return sum(e.params["axes"] in ((0,), (1,)) for e in sums)


def apart(x):
    return x[None, :] - x[:, None]


def both(pairs):
    """The sums along one axis and along the other."""
    return pairs.sum(0), pairs.sum(1)


def gravity(x, m):
    return -0.5 * (m[:, None] * m / jnp.sqrt((apart(x) ** 2).sum(-1) + 0.01)).sum()


def lennard_jones(x):
    squared = (apart(x) ** 2).sum(-1)
    inverse = jnp.where(jnp.eye(6, dtype=bool), 0, 1 / jnp.where(jnp.eye(6, dtype=bool), 1, squared)) ** 3
    return (inverse * inverse - inverse).sum()


def periodic(x):
    d = apart(x)
    d = d - 2 * jnp.round(d / 2)
    return jnp.exp(-(d * d).sum(-1)).sum()


def by_coordinates(x):
    dx, dy = apart(x[:, 0]), apart(x[:, 1])
    return jnp.cos(dx * dy + jnp.sin(dx) ** 2).sum()


def taken_apart(x):
    d = apart(x)
    return jnp.tanh(d[..., 0] * d[..., 2] + d[..., 1] ** 2).sum()


def mapped(x):
    def energy(a, b):
        return jnp.exp(-jnp.sum((a - b) ** 2))

    return cujax.vmap(cujax.vmap(energy, (None, 0)), (0, None))(x, x).sum()


def of_many(x, m):
    return cujax.vmap(gravity, (0, None))(jnp.stack([x, 2 * x, x + x[::-1]]), m).sum()


ENERGIES = {
    "gravity, and of masses": (lambda x: gravity(x, x[:, 0] ** 2), 2),
    "Lennard-Jones": (lennard_jones, 1),
    "periodic": (periodic, 1),
    "by coordinates": (by_coordinates, 2),
    "taken apart": (taken_apart, 1),
    "mapped": (mapped, 1),
}


def test_gravity_has_one_sum_whatever_the_masses_are():
    gradient = cujax.grad(gravity)
    assert sums_over_pairs(gradient, POINTS, MASSES) == 1
    np.testing.assert_allclose(cujax.jit(gradient)(POINTS, MASSES), gradient(POINTS, MASSES), rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize("name", ENERGIES)
def test_gradients_of_energies_have_one_sum(name):
    energy, sums = ENERGIES[name]
    gradient = cujax.grad(energy)
    assert sums_over_pairs(gradient, POINTS) == sums
    np.testing.assert_allclose(cujax.jit(gradient)(POINTS), gradient(POINTS), rtol=2e-5, atol=1e-5)


def test_a_stack_of_gradients_has_one_sum():
    gradient = cujax.grad(of_many)
    tape = optimized(cujax.make_jaxpr(gradient)(POINTS, MASSES).tape)
    sums = [e for e in tape.eqns if e.primitive.name == "reduce_sum" and e.inputs[0].aval.shape == (3, 6, 6, 3)]
    assert sum(e.params["axes"] in ((1,), (2,)) for e in sums) == 1
    np.testing.assert_allclose(cujax.jit(gradient)(POINTS, MASSES), gradient(POINTS, MASSES), rtol=2e-5, atol=1e-5)


SHARED = {
    "antisymmetric": lambda x: both(apart(x)),
    "an odd function": lambda x: both(jnp.tan(apart(x)) * jnp.abs(apart(x))),
    "a sum of the two": lambda x: both(x[None, :] * x[:, None] + jnp.sin(x[:, None] + x[None, :])),
    "a quotient": lambda x: both(apart(x) / (1 + apart(x) ** 2)),
    "numbers of places": lambda x: both(
        (x[:, None] * x) * (lax.broadcasted_iota(x.dtype, (6, 6), 0) - lax.broadcasted_iota(x.dtype, (6, 6), 1))
    ),
    "a matrix and its transpose": lambda x: both((lambda a: a - a.T)(MATRIX * x[:, None])),
    "powers": lambda x: both(apart(x) ** 3 * (1 + apart(x) ** 2) ** -3),
    "between zeros": lambda x: both(jnp.pad(apart(x)[:, :, None], ((0, 0), (0, 0), (1, 2)))),
}
APART = {
    "a function of one": lambda x: both(apart(x) * x[None, :]),
    "neither odd nor even": lambda x: both(jnp.exp(apart(x))),
    "even and odd": lambda x: both(apart(x) + apart(x) ** 2),
    "a matrix": lambda x: both(MATRIX * x[:, None] * x[None, :]),
    "a mask of one half": lambda x: both(jnp.where(jnp.tri(6, dtype=bool), apart(x), 0)),
    "of two": lambda x: both(x[None, :] - 2 * x[:, None]),
    "1/0 and 1/-0": lambda x: both(1 / apart(x)),
    "steps": lambda x: both(jnp.floor(apart(x))),
    "other rows": lambda x: both(apart(x).reshape(4, 9).reshape(6, 6)),
}


@pytest.mark.parametrize("name", SHARED)
def test_sums_that_mirror_each_other_are_one(name):
    assert sums_over_pairs(SHARED[name], LINE) == 1
    _same_as_single_ops(SHARED[name])


@pytest.mark.parametrize("name", APART)
def test_other_sums_stay_apart(name):
    assert sums_over_pairs(APART[name], LINE) == 2
    _same_as_single_ops(APART[name])


def _same_as_single_ops(function):
    with np.errstate(divide="ignore"):
        results = cujax.jit(function)(LINE), function(LINE)
    for found, expected in zip(*results, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_infinities_keep_their_signs():
    """On the diagonal both are 1/0, not 1/-0."""
    for sums in cujax.jit(lambda x: both(1 / apart(x)))(LINE):
        assert (np.asarray(sums) == np.inf).all()


def test_integers_wrap_around_and_stay_apart():
    def function(x):
        return both(x[None, :] - x[:, None])

    x = np.arange(6, dtype=np.uint8)
    assert sums_over_pairs(function, x) == 2
    for found, expected in zip(cujax.jit(function)(x), function(x), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_axes_that_others_lie_between_stay_apart():
    def function(x):
        pairs = x[:, None, None] - x[None, None, :] + jnp.zeros((6, 2, 6), x.dtype)
        return pairs.sum(0), pairs.sum(2)

    tape = share_mirrored_sums(cujax.make_jaxpr(function)(LINE).tape)
    check_tape(tape)
    assert [e.primitive.name for e in tape.eqns].count("reduce_sum") == 2


def test_a_long_tape_needs_no_deep_stack():
    def function(x):
        d = apart(x)
        for _ in range(1500):
            d = jnp.sin(d)
        return both(d)

    assert sums_over_pairs(function, LINE) == 1
