"""lax.rng_bit_generator: the bits of XLA on a CPU, by either algorithm."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import cujax
from cujax import lax

STATE = np.array([1, 2, 3, 4], np.uint32)
LAST = np.array([1, 2, 2**32 - 2, 4], np.uint32)  # whose counter carries into its second word


@pytest.mark.parametrize("algorithm", [lax.RandomAlgorithm.RNG_THREE_FRY, lax.RandomAlgorithm.RNG_DEFAULT])
@pytest.mark.parametrize("dtype", ["uint8", "uint32", "uint64"])
def test_the_bits_are_xla_s(x64, algorithm, dtype):
    assert algorithm == getattr(jax.lax.RandomAlgorithm, algorithm.name)
    for key, shape in ((STATE, (3, 5)), (LAST, (4, 5)), (STATE.view(np.uint64), ())):
        expected = jax.lax.rng_bit_generator(key, shape, dtype, jax.lax.RandomAlgorithm(int(algorithm)))
        found = lax.rng_bit_generator(key, shape, dtype, algorithm)
        jitted = cujax.jit(lambda k, shape=shape: lax.rng_bit_generator(k, shape, dtype, algorithm))(key)
        for a, b, c in zip(found, jitted, expected, strict=True):
            assert a.dtype == b.dtype == c.dtype
            np.testing.assert_array_equal(a, c)
            np.testing.assert_array_equal(b, c)


def test_a_batch_of_states():
    states = np.stack([STATE, STATE + 7])
    found = cujax.vmap(lambda k: lax.rng_bit_generator(k, (5,)))(states)
    for row, state in enumerate(states):
        for a, b in zip(found, lax.rng_bit_generator(state, (5,)), strict=True):
            np.testing.assert_array_equal(a[row], b)


def test_errors():
    with pytest.raises(TypeError, match=r"key must be uint32\[4\] or uint64\[2\], got uint32\[3\]"):
        lax.rng_bit_generator(STATE[:3], (2,))
    with pytest.raises(TypeError, match="dtype must be an unsigned integer, got float32"):
        lax.rng_bit_generator(STATE, (2,), np.float32)
    with pytest.raises(ValueError):
        lax.rng_bit_generator(STATE, (2,), algorithm=7)
