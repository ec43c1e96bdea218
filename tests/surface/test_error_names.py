"""Errors name the function that was called, also where another one, of which it is made, finds the mistake."""

from __future__ import annotations

import inspect
import os
import pickle
import random
import re

import numpy as np
import pytest
from bad_calls import bad_calls, result

import cujax
import cujax.numpy as jnp
from cujax.scipy import fft, signal, special, stats

C = np.ones(3, np.complex64)
SAMPLE = 1000  # of 18,000 generated calls
COUNT = int(os.environ.get("CUJAX_SURFACE_CASES", 0)) and 10**6


@pytest.mark.parametrize(("call", "name"), [
    (lambda: special.gammainc(C, C), "gammainc does not accept dtype complex64"),
    (lambda: special.gammainc(np.ones(3), np.ones(4)), "gammainc got incompatible shapes"),
    (lambda: signal.welch([1.0, 2.0]), "welch requires ndarray"),
    (lambda: fft.dct([1.0]), "dct requires ndarray"),
    (lambda: cujax.nn.sigmoid(np.arange(3)), "sigmoid does not accept dtype int32"),
    (lambda: stats.norm.pdf(C), r"norm\.pdf takes real numbers"),
    (lambda: jnp.allclose([1.0], 1), "allclose requires ndarray"),
    (lambda: jnp.arccos(cujax.random.key(0)), "arccos does not accept dtype key"),
    (lambda: jnp.sort(np.float32(1)), "sort: axis -1 is out of bounds"),
    (lambda: jnp.ones(3).sum(axis=4), "sum: axis 4 is out of bounds"),
    (lambda: jnp.ones(3) + jnp.ones(4), "add got incompatible shapes"),
    (lambda: cujax.jit(jnp.linalg.qr)(1.0), "qr works on matrices"),
    (lambda: cujax.lax.sin("a"), "sin: 'a' of type <class 'str'> is not a valid cujax type"),
    (lambda: jnp.amax(np.ones(3), axis=4), "amax: axis 4 is out of bounds"),
    (lambda: jnp.acos(cujax.random.key(0)), "acos does not accept dtype key"),
    (lambda: jnp.add.reduce(np.ones(3), axis="a"), r"add\.reduce: 'str' object cannot be"),
    (lambda: jnp.fft.fft(np.ones(3), n=1.5), r"fft\.fft: 'float' object cannot be"),
    (lambda: cujax.lax.bitwise_and(np.ones(3), np.ones(3)), "bitwise_and does not accept dtype"),
    (lambda: cujax.lax.shift_left(cujax.random.key(0), cujax.random.key(1)), "shift_left does not accept dtype key"),
])  # fmt: skip
def test_the_name(call, name):
    with pytest.raises((TypeError, ValueError), match=f"^(linalg.)?{name}"):
        call()


def test_the_name_in_generated_calls():
    every = [c for c in bad_calls() if c[2] != "a name that is none"]  # which Python says, of a method for `jnp.add`
    unnamed = []
    for call, values, what in random.Random(5).sample(every, min(COUNT or SAMPLE, len(every))):
        error, name = result(call, values), call.partition("(")[0].rpartition(".")[2]
        if isinstance(error, Exception) and not re.search(rf"(?<!\w){name}(?!\w)", str(error)):
            unnamed.append(f"{call}, where {what}: {error!r}")
    assert not unnamed, "\n".join(unnamed)


def test_errors_of_functions_that_users_give_stay_as_they_are():
    def refuse(x):
        raise ValueError("mine")

    for call in (
        lambda: jnp.apply_along_axis(refuse, 0, np.ones(3)),
        lambda: jnp.vectorize(refuse)(np.ones(3)),
        lambda: jnp.piecewise(np.ones(3), [np.ones(3) > 0], [refuse]),
        lambda: cujax.lax.fori_loop(0, 2, lambda i, x: refuse(x), 1.0),
    ):
        with pytest.raises(ValueError, match=r"^mine$"):
            call()


def test_public_functions_keep_their_signatures_and_aliases_their_names():
    assert jnp.amax.__name__ == "amax" and jnp.acos.__name__ == "acos"
    assert str(inspect.signature(jnp.amax)) == str(inspect.signature(jnp.max))
    for function in (jnp.sum, jnp.amax, jnp.acos, stats.norm.pdf, cujax.lax.add):
        assert pickle.loads(pickle.dumps(function)) is function
