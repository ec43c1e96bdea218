"""Permutation, choice and categories: the same order and the same indices as JAX's."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from random_oracle import TWO_MODES, both_in, quickly, same, together

import cujax
from cujax import random

BOX = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
LOGITS = np.random.default_rng(0).standard_normal((4, 5)).astype(np.float32)


@pytest.mark.parametrize(("x64", "partitionable"), TWO_MODES)
def test_permutation(x64, partitionable):
    with both_in(x64, partitionable), together() as agree:
        for n in (0, 1, 5, 2**16 + 1, -3, np.uint8(4)):  # 2**16 + 1 takes two rounds of sorting
            agree("permutation", n)
        agree("permutation", BOX, 1)
        agree("permutation", BOX, -1, independent=True)


def test_permutation_of_every_axis():
    with together() as agree:
        for axis in (0, 1, 2):
            agree("permutation", BOX, axis)
            agree("permutation", BOX, axis, independent=True)


def test_permutation_of_keys_is_one_of_their_words():
    keys = random.split(random.key(0), 5)
    order = np.asarray(random.permutation(random.key(1), 5))
    same(random.permutation(random.key(1), keys), np.asarray(random.key_data(keys))[order])


def test_permutation_in_vmap():
    words = np.arange(6, dtype=np.uint32).reshape(3, 2)
    found = cujax.vmap(lambda k: random.permutation(k, 7))(words)
    expected = quickly(jax.vmap(lambda k: jax.random.permutation(k, 7)))(words)
    same(found, expected)


@pytest.mark.parametrize("replace", [True, False])
@pytest.mark.parametrize("shape", [(), (2, 1)])
def test_choice(shape, replace):
    with together() as agree:
        for a, axis in ((10, 0), (BOX, 1)):
            size = 10 if type(a) is int else a.shape[axis]
            p = np.arange(1, size + 1, dtype=np.float32) / 10
            agree("choice", a, shape, replace, axis=axis)
            agree("choice", a, shape, replace, p, axis)


def test_choice_in_all_modes():
    for x64, partitionable in TWO_MODES:
        with both_in(x64, partitionable), together() as agree:
            agree("choice", 10, (4,))
            agree("choice", 10, (4,), False)
            agree("choice", 4, (9,), p=np.float32([0.1, 0.2, 0.3, 0.4]))
            agree("choice", 4, (3,), False, np.float32([0.1, 0.2, 0.3, 0.4]), mode="high")
            agree("choice", 0, (0,))


def test_categorical():
    with together() as agree:
        agree("categorical", LOGITS)
        agree("categorical", LOGITS, 0)
        agree("categorical", LOGITS, shape=(6, 2, 4))
        agree("categorical", LOGITS, 0, (3, 5))
        agree("categorical", LOGITS[:1], shape=(7,))
        agree("categorical", LOGITS, mode="high")


def test_categorical_without_replacement():
    with together() as agree:
        for axis, shape in ((-1, None), (-1, (5, 4)), (0, (2, 2, 5)), (1, (2, 2, 4))):
            agree("categorical", LOGITS, axis, shape, False)


def test_categorical_in_all_modes():
    for x64, partitionable in TWO_MODES:
        with both_in(x64, partitionable), together() as agree:
            agree("categorical", LOGITS)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda r, k: r.permutation(k, 5.0), TypeError, r"x must be an integer .* got a scalar of dtype float32"),
        (lambda r, k: r.permutation(k, [1, 2]), TypeError, "permutation requires ndarray"),
        (lambda r, k: r.permutation(k, np.zeros((2, 3)), 2), ValueError, "axis 2 is out of bounds"),
        (lambda r, k: r.choice(k, 0, (2,)), ValueError, "must have elements or be a positive int"),
        (lambda r, k: r.choice(k, 3, (4,), False), ValueError, "larger sample .*4.* than population .*3"),
        (lambda r, k: r.choice(k, 3, (4,), p=np.ones(2)), ValueError, "one weight for each of the 3"),
        (lambda r, k: r.categorical(k, np.arange(3)), ValueError, "logits must have a float dtype"),
        (lambda r, k: r.categorical(k, LOGITS, shape=(5,)), ValueError, "categorical got incompatible"),
        (lambda r, k: r.categorical(k, LOGITS, -1, (6, 4), False), ValueError, "6 distinct indices"),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call(random, random.key(0))
    with pytest.raises(error):
        call(jax.random, jax.random.key(0))
