"""Errors name the function that was called, also where another one, of which it is made, finds the mistake."""

from __future__ import annotations

import numpy as np
import pytest

import cujax
import cujax.numpy as jnp
from cujax.scipy import fft, signal, special, stats

C = np.ones(3, np.complex64)


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
    (lambda: cujax.lax.sin("a"), "'a' of type <class 'str'> is not a valid cujax type"),
])  # fmt: skip
def test_the_name(call, name):
    with pytest.raises((TypeError, ValueError), match=f"^(linalg.)?{name}"):
        call()
