"""The numbers are random: distributions, moments and independence, with fixed seeds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import cujax
from cujax import random

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
