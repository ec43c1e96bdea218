"""Arrays of random keys are moved about like others, and take part in no arithmetic."""

from __future__ import annotations

import jax
import jax.numpy
import jax.random
import pytest
from oracle_cases import lines

import cujax
import cujax.numpy
import cujax.random

MOVES = r"""
jnp.stack([k, k])
ks.reshape(2, 2)
jnp.concatenate([ks, ks])
jnp.array([k, k])
ks[::2]
ks[jnp.array([0, 3])]
jnp.take(ks, jnp.array([0, 1]))
jnp.where(jnp.array([True, False, True, False]), ks, k)
jnp.roll(ks, 1)
jnp.flip(ks)
jnp.expand_dims(k, 0)
jnp.broadcast_to(k, (3,))
jnp.full((2,), k)
jnp.tile(ks, 2)
jnp.repeat(ks, 2)
ks.at[0].set(k)
ks.T
jnp.zeros_like(ks)
"""

REFUSED = r"""
k + 1
jnp.sin(k)
jnp.sum(ks)
k < k
"""


def _names(library):
    key = library.random.key(0)
    return {"jnp": library.numpy, "k": key, "ks": library.random.split(key, 4)}


@pytest.mark.parametrize("case", lines(MOVES))
def test_moves(case):
    found, expected = eval(case, _names(cujax)), eval(case, _names(jax))
    assert found.shape == expected.shape
    words = cujax.random.key_data(found), jax.random.key_data(expected)
    assert words[0].tolist() == words[1].tolist()


@pytest.mark.parametrize("case", lines(REFUSED))
def test_arithmetic_is_refused(case):
    with pytest.raises(TypeError):
        eval(case, _names(jax))
    with pytest.raises(TypeError, match="key"):
        eval(case, _names(cujax))


def test_keys_compare_by_element():
    names = _names(cujax)
    assert eval("(ks == ks).all() & ~(ks[0] == ks[1])", names)
