"""`explain` says of every loop what it became, and of those that run in steps why."""

from __future__ import annotations

import re

import pytest

import cujax
import cujax.numpy as jnp
from cujax import lax


def lines(text):
    """With paths and line numbers left out."""
    return re.sub(r"\S*test_explain\.py:\d+", "here", text).splitlines()


def test_a_lane_kernel():
    def decay(x, rate):
        return lax.fori_loop(0, 100, lambda i, x: x - rate * x, x)

    shape = cujax.ShapeDtypeStruct((1000,), jnp.float32)
    title, figures = lines(cujax.explain(decay)(shape, shape))
    assert title == "scan of 100 steps at here (decay): one kernel"
    expected = r"    1000 lanes, 1 register in each, \d+ operations written out, 12000 bytes read and written"
    assert re.fullmatch(expected, figures)


def test_a_single_lane():
    text = cujax.explain(lambda x: lax.while_loop(lambda x: x < 100, lambda x: 3 * x, x))(1.0)
    assert "while at" in text and "a single lane" in text


@pytest.mark.parametrize("mixes, reason, advice", [
    (lambda x: x - x.mean(), "reduce_sum mixes", "Carry what is summed for each lane"),
    (lambda x: x - x[::-1], "rev mixes", "are no lanes"),
    (jnp.fft.ifft, "fft is computed by a library", "are no lanes"),
])
def test_why_a_loop_runs_in_steps(mixes, reason, advice):
    x = jnp.ones(1000, jnp.complex64)
    title, why, what = lines(cujax.explain(lambda x: lax.fori_loop(0, 9, lambda i, x: mixes(x), x))(x))
    assert title.endswith("runs in steps") and reason in why and advice in what


def test_what_is_too_large_for_a_lane():
    step = cujax.vmap(lambda a: lax.fori_loop(0, 9, lambda i, a: jnp.linalg.inv(a), a))
    title, why, what = lines(cujax.explain(step)(jnp.ones((100, 40, 40))))
    assert title.endswith("runs in steps")
    assert why.startswith("    lu_factors of 40 by 40 matrices is too much for a lane, which has room for 32 by 32 ")
    assert what == "    Smaller ones fit into a lane; of this size a library takes all of a step together."


def test_a_lane_with_arrays():
    """In each step a matrix of its own, of which the compiler of the host would make no vectors as variables."""
    matrices, vectors = (cujax.ShapeDtypeStruct((4096, *shape), jnp.float32) for shape in ((32, 32), (32,)))
    run = cujax.vmap(lambda a, x: lax.fori_loop(0, 9, lambda i, x: a @ x, x))
    title, figures = lines(cujax.explain(run)(matrices, vectors))
    assert title.endswith("one kernel")
    assert re.match(r"    4096 lanes, \d+ registers in each and 3 arrays of 4352 bytes, \d+ operations", figures)


def test_loops_inside_of_steps():
    def inner(x):
        return lax.fori_loop(0, 5, lambda i, x: jnp.sin(x), x)

    text = cujax.explain(lambda x: lax.fori_loop(0, 9, lambda i, x: inner(x)[::-1], x))(jnp.ones(1000))
    found = lines(text)
    assert found[0].startswith("scan of 9 steps") and found[3].startswith("    scan of 5 steps")
    assert found[3].endswith("one kernel")


def test_no_loops():
    assert cujax.explain(jnp.sin)(1.0) == "sin has no loops and no branches"


def test_errors():
    with pytest.raises(TypeError, match="explain: expected a callable value, got 3"):
        cujax.explain(3)
