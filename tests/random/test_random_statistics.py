"""The numbers are random: distributions, moments and independence, with fixed seeds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import cujax
import cujax.numpy as jnp
from cujax import lax, random
from cujax.engine.backends.numpy_threefry import threefry2x32

N = 40000
LEAST_P = 1e-4  # each test fails for one seed in ten thousand; the seeds are fixed


def numbers(name, *args, seed=0):
    return np.asarray(getattr(random, name)(random.key(seed), *args, shape=(N,)), np.float64)


@pytest.mark.parametrize(
    ("name", "distribution"),
    [
        ("uniform", stats.uniform), ("normal", stats.norm), ("exponential", stats.expon),
        ("laplace", stats.laplace), ("logistic", stats.logistic), ("cauchy", stats.cauchy),
        ("gumbel", stats.gumbel_r),
    ],
)
def test_distributions(name, distribution):
    assert stats.kstest(numbers(name), distribution.cdf).pvalue > LEAST_P


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_moments(dtype):
    """The first four, within five standard errors."""
    with cujax.enable_x64(True):
        u, z = (
            np.asarray(draw(random.key(seed), (N,), dtype)).astype(np.float64)
            for seed, draw in ((10, random.uniform), (11, random.normal))
        )
    for moment in range(1, 5):
        for x, of in ((u, stats.uniform), (z, stats.norm)):
            expected, square = of.moment(moment), of.moment(2 * moment)
            error = np.sqrt((square - expected**2) / N)
            assert abs(np.mean(x**moment) - expected) < 5 * error


def test_truncated_normal():
    x = numbers("truncated_normal", -1.0, 2.0)
    assert stats.kstest(x, stats.truncnorm(-1, 2).cdf).pvalue > LEAST_P


@pytest.mark.parametrize("span", [3, 10, 100, 2**16 + 1])
def test_integers_are_equally_frequent(span):
    x = np.asarray(random.randint(random.key(1), (N,), 0, span)) * min(span, 100) // span
    expected = np.bincount(np.arange(span, dtype=np.int64) * min(span, 100) // span) * (N / span)
    assert stats.chisquare(np.bincount(x, minlength=expected.size), expected).pvalue > LEAST_P


def test_weighted_choice():
    p = np.array([0.1, 0.2, 0.3, 0.4])
    for x in (
        random.choice(random.key(2), 4, (N,), p=p), random.categorical(random.key(2), np.log(p), shape=(N,)),
    ):
        assert stats.chisquare(np.bincount(x, minlength=4), N * p).pvalue > LEAST_P


def test_bits_are_balanced_and_uncorrelated():
    words = np.asarray(random.bits(random.key(3), (N,), "uint32"))
    bits = np.unpackbits(words.view(np.uint8)).reshape(N, 32).astype(np.float64)
    z = (bits.sum(0) - N / 2) / np.sqrt(N / 4)
    assert np.abs(z).max() < 4.5
    correlation = np.corrcoef(bits.T) * np.sqrt(N)
    assert np.abs(correlation[np.triu_indices(32, 1)]).max() < 5


@pytest.mark.parametrize("partitionable", [True, False])
@pytest.mark.parametrize("width", [8, 16, 32, 64])
def test_bytes_are_equally_frequent(width, partitionable):
    with cujax.enable_x64(True), cujax.threefry_partitionable(partitionable):
        words = np.asarray(random.bits(random.key(7), (N,), f"uint{width}"))
    for place in range(width // 8):
        counts = np.bincount(words.view(np.uint8)[place :: width // 8], minlength=256)
        assert stats.chisquare(counts).pvalue > LEAST_P


def test_pairs_of_neighbours_are_equally_frequent():
    x = np.asarray(random.randint(random.key(8), (N, 2), 0, 20))
    counts = np.bincount(20 * x[:, 0] + x[:, 1], minlength=400)
    assert stats.chisquare(counts).pvalue > LEAST_P


def test_runs_up_and_down():
    """The number of runs in a random order is normal with mean (2n - 1) / 3 and variance (16n - 29) / 90."""
    x = np.asarray(random.uniform(random.key(9), (N,)))
    runs = 1 + np.count_nonzero(np.diff(np.sign(np.diff(x))))
    assert abs(runs - (2 * N - 1) / 3) < 4 * np.sqrt((16 * N - 29) / 90)


def first_of_each(keys) -> np.ndarray:
    return np.asarray(cujax.vmap(random.uniform)(keys), np.float64)


KEYS_OF_STREAMS = {
    "split": lambda: random.split(random.key(20), N),
    "split in turn": lambda: lax.scan(lambda k, _: tuple(random.split(k)), random.key(21), None, length=2000)[1],
    "fold_in": lambda: cujax.vmap(lambda i: random.fold_in(random.key(22), i))(jnp.arange(N)),
    "seeds": lambda: cujax.vmap(random.key)(jnp.arange(N)),
}


@pytest.mark.parametrize("name", KEYS_OF_STREAMS)
def test_first_numbers_of_many_streams_are_a_stream(name):
    """Uniform, equally frequent in pairs of streams, and uncorrelated with neighbours."""
    x = first_of_each(KEYS_OF_STREAMS[name]())
    assert stats.kstest(x, "uniform").pvalue > LEAST_P
    cells = (x * 10).astype(int)
    assert stats.chisquare(np.bincount(10 * cells[::2] + cells[1::2], minlength=100)).pvalue > LEAST_P
    for lag in (1, 2, 7):
        correlation = np.corrcoef(x[lag:], x[:-lag])[0, 1] * np.sqrt(x.size)
        assert abs(correlation) < 4


@pytest.mark.parametrize("name", ["split", "fold_in", "seeds"])
def test_streams_of_many_keys_do_not_correlate(name):
    """Of any two of a hundred streams of a thousand normal numbers; 4950 correlations are normal themselves."""
    keys = KEYS_OF_STREAMS[name]()[:100]
    x = np.asarray(cujax.vmap(lambda k: random.normal(k, (1000,)))(keys), np.float64)
    z = np.corrcoef(x)[np.triu_indices(100, 1)] * np.sqrt(1000)
    assert stats.kstest(z, "norm").pvalue > LEAST_P and abs(z).max() < 5


@pytest.mark.parametrize("what", ["key", "data", "number"])
def test_each_bit_of_the_input_changes_half_of_the_bits(what):
    """Avalanche: of a key's words, of what is folded in, and of the number of an element."""
    rng = np.random.default_rng(1)
    words = rng.integers(0, 2**32, (500, 2), np.uint32)
    data = rng.integers(0, 2**31, 500, np.uint32)

    def drawn(words, data):
        k1, k2 = words.T
        if what == "data":
            k1, k2 = threefry2x32(k1, k2, np.zeros_like(data), data)
        counter = data if what == "number" else np.zeros_like(data)
        return np.stack(threefry2x32(k1, k2, np.zeros_like(data), counter))

    before = drawn(words, data)
    for bit in range(32):
        flip = np.uint32(1 << bit)
        for place in range(2) if what == "key" else range(1):
            mask = np.uint32([flip, 0] if place == 0 else [0, flip])
            after = drawn(words ^ mask, data) if what == "key" else drawn(words, data ^ flip)
            changed = np.bitwise_count(before ^ after).sum(0)
            assert abs(changed.mean() - 32) < 5 * np.sqrt(16 / 500)


@pytest.mark.parametrize("relation", ["split", "fold_in", "next seed"])
def test_streams_of_related_keys_are_independent(relation):
    pair = {
        "split": tuple(random.split(random.key(4))),
        "fold_in": tuple(random.fold_in(random.key(4), i) for i in (0, 1)),
        "next seed": (random.key(4), random.key(5)),
    }[relation]
    x, y = (np.asarray(random.normal(k, (N,)), np.float64) for k in pair)
    assert abs(np.mean(x * y)) * np.sqrt(N) < 4
    assert abs(np.mean(x[1:] * x[:-1])) * np.sqrt(N) < 4


def test_every_order_of_four_is_equally_frequent():
    orders = np.asarray(cujax.vmap(lambda k: random.permutation(k, 4))(random.split(random.key(6), 4800)))
    _, counts = np.unique(orders, axis=0, return_counts=True)
    assert counts.size == 24 and stats.chisquare(counts).pvalue > LEAST_P
