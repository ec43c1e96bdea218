"""Draws outside `jit`: the numbers of the function, op by op and as one program."""

from __future__ import annotations

import numpy as np
import pytest
from random_oracle import both_in, same, values

import cujax
from cujax import random
from cujax.api import traced_once
from cujax.engine.ground.config import config

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
    "normal": lambda k: random.normal(k, SHAPE),
}
CLOSE = {
    name: lambda k, name=name: getattr(random, name)(k, SHAPE)
    for name in ("exponential", "laplace", "logistic", "cauchy", "gumbel")
}


@pytest.mark.parametrize("partitionable", [True, False])
@pytest.mark.parametrize("name", [*EXACT, *CLOSE])
def test_large_draws_are_those_of_the_function(name, partitionable, monkeypatch):
    draw = {**EXACT, **CLOSE}[name]
    with both_in(False, partitionable), config.override("debug_key_reuse", False):
        cujax.clear_caches()
        with cujax.disable_jit():
            expected = draw(random.key(9))
        small = draw(random.key(9))
        same(small, expected)
        cujax.clear_caches()
        compiled, compile_tape = [], traced_once.compile_tape
        monkeypatch.setattr(traced_once, "LARGE", 300)
        monkeypatch.setattr(traced_once, "compile_tape", lambda tape: compiled.append(tape.name) or compile_tape(tape))
        found = draw(random.key(9))
    assert len(compiled) == 1, "one program"
    if name in EXACT:
        same(found, expected)
    else:
        np.testing.assert_allclose(values(found), values(expected), rtol=3e-6, atol=1e-6)
    cujax.clear_caches()


def test_keys_are_followed_where_that_is_asked_for():
    key = random.key(0)
    random.normal(key, SHAPE)
    with pytest.raises(cujax.errors.KeyReuseError) as caught:
        random.normal(key, SHAPE)
    assert str(caught.value).count("test_traced_draws.py") == 2
