"""Reductions whose last axis is short: what a row has in common is computed once."""

from __future__ import annotations

import numpy as np
import pytest

import cujax
import cujax.numpy as jnp
from cujax.engine.compiler.passes import optimized
from cujax.engine.compiler.short_axes import reduce_short_axes_first

RANDOM = np.random.default_rng(0)
X = RANDOM.random((20, 3)).astype(np.float32)
FULL = RANDOM.random((40, 3)).astype(np.float32)


def pairs(x):
    """The components of distances, and a number of each pair."""
    r = x[:, None] - x[None]
    return r, jnp.sqrt((r * r).sum(-1) + 0.1)


def virial(x):
    r, s = pairs(x)
    return (r * r / s[..., None]).sum()


def kinetic(p):
    return (p * p / jnp.abs(p[:, :1] + 1)).sum()


SPLIT = {
    "a virial": (virial, X),
    "along some axes": (lambda x: (pairs(x)[0] / pairs(x)[1][..., None]).sum((1, 2)), np.tile(X, (4, 1))),
    "a maximum": (lambda x: (pairs(x)[0] / pairs(x)[1][..., None]).max(), X),
    "a minimum": (lambda x: (pairs(x)[0] * pairs(x)[1][..., None]).min((0, 2)), np.tile(X, (4, 1))),
    "a product": (lambda x: (1 + 1e-3 * pairs(x)[0] / pairs(x)[1][..., None]).prod(), X),
    "any": (lambda x: (pairs(x)[0] > 0.9 * pairs(x)[1][..., None]).any(), X),
    "all": (lambda x: (pairs(x)[0] < 3 * pairs(x)[1][..., None]).all(), X),
    "rows with a number each": (kinetic, np.tile(FULL, (2, 1))),
    "integers": (lambda x: ((x * 9).astype(int) * (x[:, :1] * 9).astype(int)).sum(), np.tile(FULL, (2, 1))),
}
WHOLE = {
    "nothing is broadcast": (lambda p: (p * p).sum(), np.tile(FULL, (2, 1))),
    "a number for all": (lambda p: (p * p[0, 0]).sum(), np.tile(FULL, (2, 1))),
    "a row for all": (lambda p: (p * p[0]).sum(), np.tile(FULL, (2, 1))),
    "few rows": (kinetic, FULL),
    "long rows": (lambda p: (p * p[:, :1]).sum(), RANDOM.random((80, 10)).astype(np.float32)),
    "the last axis is kept": (lambda p: (p * p[:, :1]).sum(0), np.tile(FULL, (2, 1))),
    "the last axis alone": (lambda p: (p * p[:, :1]).sum(1), np.tile(FULL, (2, 1))),
    "halves": (kinetic, np.tile(FULL, (2, 1)).astype(np.float16)),
    "places of a maximum": (lambda p: (p * p[:, :1]).argmax(), np.tile(FULL, (2, 1))),
}


def reductions(tape):
    return [e.params["axes"] for e in tape.eqns if "axes" in e.params]


@pytest.mark.parametrize("name", SPLIT)
def test_a_row_is_reduced_first(name):
    function, x = SPLIT[name]
    tape = optimized(cujax.make_jaxpr(function)(x).tape)
    found = reduce_short_axes_first(tape)
    assert len(reductions(found)) == len(reductions(tape)) + 1
    assert [v.aval for v in found.outputs] == [v.aval for v in tape.outputs]
    result = cujax.jit(lambda x: function(x))(x)
    expected = np.asarray(function(jnp.asarray(x)))
    assert result.dtype == expected.dtype
    np.testing.assert_allclose(result, expected, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("name", WHOLE)
def test_others_stay_as_they_are(name):
    function, x = WHOLE[name]
    tape = optimized(cujax.make_jaxpr(function)(x).tape)
    assert reduce_short_axes_first(tape) is tape
