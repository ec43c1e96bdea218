"""Counts: equal to JAX's, whatever the rate; batches of keys; refusals."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from random_oracle import TWO_MODES, both_in, quickly, same, together

import cujax
from cujax import random
from cujax.random.decisions import log_gamma

# Parameters stand in a column, so that one compilation of JAX's serves all of them.
RATES = np.float32([[0], [0.3], [3], [9.99], [10], [11.7], [33], [1e3], [1e5], [1e7], [np.nan], [np.inf], [-1], [1e20]])
TRIALS = np.float32(
    [[5], [100], [100], [100], [1e3], [1e5], [1e6], [1e7], [3.7], [0], [np.nan], [np.inf], [-1], [1e20], [9], [9], [9]]
)
CHANCES = np.float32(
    [[0.3], [0.05], [0.3], [0.8], [0.47], [0.3], [0.5], [1e-3], [0.2], *[[0.5]] * 5, [np.nan], [1.0], [-1]]
)


@pytest.mark.parametrize(("x64", "partitionable"), TWO_MODES)
def test_counts_are_jax_s(x64, partitionable):
    """More than 2**16 of them."""
    with both_in(x64, partitionable), together(1) as agree:
        agree("poisson", RATES, (len(RATES), 5001))
        trials, chances = (x.astype(float) if x64 else x for x in (TRIALS, CHANCES))
        agree("binomial", trials, chances, (len(TRIALS), 5001))
        agree("geometric", np.float32([[1e-3], [0.1], [0.5], [0.9], [1.0], [np.nan], [0], [-1]]), (8, 10001))
        agree("geometric", np.float32([0.02]), (20001,))
        agree("geometric", 0.3, (2001,))


def test_counts_of_other_dtypes(x64):
    with together(1) as agree:
        agree("binomial", np.float16(40), np.float16(0.3), (301,), "float16")
        agree("geometric", np.float64([[1e-3], [0.5]]), (2, 301))
        agree("geometric", np.float32([0.9, 1e-3]), (3, 2), "int8")
    rates = np.float32([[1], [20]])
    for dtype in ("int8", "uint8", "int32"):
        counts = random.poisson(random.key(0), rates, (2, 99), dtype)
        assert counts.dtype == dtype
        same(counts.astype(int), random.poisson(random.key(0), rates, (2, 99)))


def test_shapes():
    for shape in ((), (2, 0)):
        for draw in (lambda k, s: random.poisson(k, 3.0, s), lambda k, s: random.geometric(k, 0.5, s),
                     lambda k, s: random.binomial(k, 30.0, 0.5, s)):
            assert draw(random.key(0), shape).shape == shape
    assert random.poisson(random.key(0), np.ones((100, 1))).shape == (100, 1)
    assert random.binomial(random.key(0), np.ones(50), np.ones((2, 1))).shape == (2, 50)


def test_infinitely_many_trials_that_cannot_succeed():
    """Where JAX does not come back."""
    assert random.binomial(random.key(0), np.inf, 0.0) == np.inf


def test_a_batch_of_keys_is_each_key_by_itself():
    """Rejection goes on until the last element of a key's array has accepted, and no longer."""

    def draw(module, key):
        return module.poisson(key, RATES[:8], (8, 25)), module.binomial(key, TRIALS[:8], CHANCES[:8], (8, 25))

    words = np.asarray(jax.random.split(jax.random.PRNGKey(5), 3))
    with cujax.debug_key_reuse(False):
        found = cujax.vmap(lambda key: draw(random, key))(words)
        for mine, theirs in zip(found, quickly(jax.vmap(lambda key: draw(jax.random, key)), 1)(words), strict=True):
            same(mine, theirs)
        for i in range(3):
            for mine, alone in zip(found, draw(random, words[i]), strict=True):
                same(mine[i], alone)


def test_multinomial_counts_are_jax_s():
    p = np.random.default_rng(0).dirichlet(np.ones(17), (3, 50))
    with together(1) as agree:
        agree("multinomial", np.float32([[5], [100], [1e4]]), p.astype(np.float32))


def test_multinomial_arguments():
    p = np.float32([0.2, 0.5, 0.0, 0.3])
    with together(1) as agree:
        agree("multinomial", np.arange(100), p, shape=(100, 4), dtype="int16", unroll=2)
    counts = random.multinomial(random.key(0), 1000, 5 * p, shape=(100, 4))
    assert (counts.sum(-1) == 1000).all() and (counts[:, 2] == 0).all()
    assert random.multinomial(random.key(0), 10, np.zeros((3, 0))).shape == (3, 0)


def test_the_logarithm_of_gamma_has_the_bits_of_xla():
    rng = np.random.default_rng(0)
    x = np.concatenate([np.arange(1, 5000), rng.integers(1, 2**24, 5000), 10 ** rng.uniform(-0.3, 30, 5000)])
    same(log_gamma(cujax.numpy.asarray(x, np.float32)), jax.lax.lgamma(x.astype(np.float32)))


ONES = np.ones(3, np.float32)
ERRORS = [
    (lambda r, k: r.poisson(k, [1.0]), TypeError, "poisson requires ndarray or scalar"),
    (lambda r, k: r.poisson(k, 3.0, dtype=float), ValueError, "`poisson` must be an int dtype, got float32"),
    (lambda r, k: r.poisson(k, ONES, (2,)), ValueError, "incompatible shapes"),
    (lambda r, k: r.geometric(k, [0.5]), TypeError, "geometric requires ndarray or scalar"),
    (lambda r, k: r.geometric(k, 0.5, dtype=float), ValueError, "`geometric` must be an int dtype, got float32"),
    (lambda r, k: r.geometric(k, ONES, (2,)), ValueError, "incompatible shapes"),
    (lambda r, k: r.binomial(k, [3.0], 0.5), TypeError, "binomial requires ndarray or scalar"),
    (lambda r, k: r.binomial(k, 3.0, 0.5, dtype=int), ValueError, "`binomial` must be a float dtype, got int32"),
    (lambda r, k: r.binomial(k, ONES, 0.5, (2,)), ValueError, "incompatible shapes"),
    (lambda r, k: r.multinomial(k, 3, [0.5, 0.5]), TypeError, "multinomial requires ndarray or scalar"),
    (lambda r, k: r.multinomial(k, 3, 0.5), ValueError, "multinomial: p must have an axis of outcomes"),
    (lambda r, k: r.multinomial(k, np.array([1, 2]), ONES / 3), ValueError, r"batches of p.*write shape=\(2, 3\)"),
    (lambda r, k: r.multinomial(k, 3, ONES / 3, shape=(2,)), ValueError, "broadcast"),
]


@pytest.mark.parametrize(("call", "error", "text"), ERRORS)
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call(random, random.key(0))
    with pytest.raises(error):
        call(jax.random, jax.random.key(0))
