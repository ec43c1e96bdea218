"""Large draws outside `jit`: one kernel, the same numbers, the user's lines."""

from __future__ import annotations

import re

import numpy as np
import pytest
from random_oracle import both_in, same, values

import cujax
from cujax import random
from cujax.engine.compiler import program
from cujax.engine.ground.config import config
from cujax.errors import KeyReuseError
from cujax.random import bulk

SHAPE = (3, 100)
EXACT = {
    "bits": lambda k: random.bits(k, SHAPE, "uint32"),
    "bytes": lambda k: random.bits(k, SHAPE, "uint8"),
    "uniform": lambda k: random.uniform(k, SHAPE),
    "half": lambda k: random.uniform(k, SHAPE, "float16"),
    "interval": lambda k: random.uniform(k, SHAPE, minval=-2.5, maxval=3),
    "intervals": lambda k: random.uniform(k, SHAPE, minval=np.zeros((3, 1), np.float32), maxval=4.0),
    "integers": lambda k: random.randint(k, SHAPE, -3, 1000),
    "few integers": lambda k: random.randint(k, SHAPE, 0, 8),
    "bytes from an interval": lambda k: random.randint(k, SHAPE, 0, 256, "uint8"),
    "integers to bounds": lambda k: random.randint(k, SHAPE, 0, np.arange(1, 101)),
    "coins": lambda k: random.bernoulli(k, 0.3, SHAPE),
    "fine coins": lambda k: random.bernoulli(k, 0.3, SHAPE, mode="high"),
    "signs": lambda k: random.rademacher(k, SHAPE),
}
CLOSE = {
    name: lambda k, name=name: getattr(random, name)(k, SHAPE)
    for name in ("normal", "exponential", "laplace", "logistic", "cauchy", "gumbel")
}


@pytest.fixture
def large(monkeypatch):
    """Draws of 300 are large; the list is of what is compiled."""
    monkeypatch.setattr(bulk, "LARGE", 300)
    compiled = []
    call = program.run_compiled

    def noted(tape, args):
        compiled.append(tape.name)
        return call(tape, args)

    for module in (program, cujax.engine.control.call):
        monkeypatch.setattr(module, "run_compiled", noted)
    return compiled


@pytest.mark.parametrize("partitionable", [True, False])
@pytest.mark.parametrize("name", [*EXACT, *CLOSE])
def test_the_same_numbers(name, partitionable, large, monkeypatch):
    draw = {**EXACT, **CLOSE}[name]
    with both_in(False, partitionable):
        found = draw(random.key(9))
        assert len(large) == 1, "one program"
        monkeypatch.setattr(bulk, "LARGE", 10**9)
        expected = draw(random.key(9))
    assert len(large) == 1
    if name in EXACT:
        same(found, expected)
    else:
        np.testing.assert_allclose(values(found), values(expected), rtol=3e-6, atol=1e-6)


def test_programs_belong_to_options(large):
    for x64 in (False, True, False):
        with both_in(x64):
            assert random.uniform(random.key(0), SHAPE).dtype == (np.float64 if x64 else np.float32)
    for seed in (1, 2):
        same(random.uniform(random.key(seed), SHAPE)[0, 0], random.uniform(random.key(seed)))


def test_where_nothing_is_compiled(large):
    with cujax.disable_jit():
        random.uniform(random.key(0), SHAPE)
    random.uniform(random.key(0), (299,))
    text = str(cujax.make_jaxpr(lambda k: random.uniform(k, SHAPE))(random.key(0)))
    assert not large and "jit" not in text
    cujax.vmap(lambda k: random.uniform(k, SHAPE))(random.split(random.key(0)))
    assert not large


def test_lines_are_those_of_the_call(large):
    with pytest.raises(KeyReuseError) as caught:
        draw_twice()
    first = draw_twice.__code__.co_firstlineno
    lines = re.findall(rf"{re.escape(__file__)}:(\d+)", str(caught.value))
    assert [int(line) - first for line in lines] == [2, 3]


def draw_twice():
    key = random.key(0)
    random.normal(key, SHAPE)
    random.normal(key, SHAPE)


def test_what_debug_nans_finds(large):
    with config.override("debug_nans", True), pytest.raises(FloatingPointError, match="test_bulk"):
        random.uniform(random.key(0), SHAPE, minval=np.float32(np.nan))
