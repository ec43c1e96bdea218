"""The Threefry hash against its published answers, and the streams of words made of it."""

from __future__ import annotations

import numpy as np
import pytest

from cujax.engine.backends import numpy_threefry
from cujax.engine.backends.numpy_threefry import BLOCK, FEW, random_bits, random_split, threefry2x32

# Random123, tests/kat_vectors, "threefry2x32 20": counter, key, result.
KNOWN_ANSWERS = [
    ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
]
KEY = np.uint64(0x13198A2E_03707344)


def words(*values):
    return [np.uint32(v) for v in values]


@pytest.mark.parametrize("count", [1, 2, FEW, FEW + 1, BLOCK + 1])
@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN_ANSWERS)
def test_known_answers(counter, key, expected, count):
    """On integers, in one block and in several."""
    x1, x2 = (np.full(count, x) for x in words(*counter))
    for found, answer in zip(threefry2x32(*words(*key), x1, x2), expected, strict=True):
        assert found.dtype == np.uint32 and found.shape == (count,)
        assert (found == answer).all()


def test_operands_broadcast_and_are_not_written_to():
    counters = np.arange(6, dtype=np.uint32).reshape(2, 3)
    keys = np.arange(3, dtype=np.uint32)
    first, second = threefry2x32(keys, np.uint32(7), np.uint32(1), counters)
    for i, j in np.ndindex(2, 3):
        one = threefry2x32(keys[j], np.uint32(7), np.uint32(1), counters[i, j])
        assert (first[i, j], second[i, j]) == one
    assert (counters == np.arange(6).reshape(2, 3)).all()


@pytest.mark.parametrize("partitionable", [True, False])
@pytest.mark.parametrize("count", [2, FEW // 2, FEW, 1000, BLOCK, 2 * BLOCK + 5])
def test_many_keys_are_each_key_by_itself(count, partitionable):
    keys = random_split(KEY, (3,), True)
    for width in (8, 64):
        found = random_bits(keys, (count,), width, partitionable)
        expected = [random_bits(k, (count,), width, partitionable) for k in keys]
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(
        random_split(keys, (count,), partitionable), [random_split(k, (count,), partitionable) for k in keys]
    )


def test_the_partitionable_stream_does_not_depend_on_its_length():
    long = random_bits(KEY, (BLOCK + 10,), 32, True)
    for count in (1, FEW, FEW + 1, BLOCK):
        np.testing.assert_array_equal(random_bits(KEY, (count,), 32, True), long[:count])


def test_elements_beyond_the_32nd_bit_have_counters_of_two_words():
    columns = slice(2**32 + 2 * BLOCK, 2**32 + 2 * BLOCK + 3)
    x1, x2 = np.empty((2, 1, 3), np.uint32)
    numpy_threefry._count_elements(columns, x1, x2)
    assert x1.tolist() == [[1, 1, 1]]
    assert x2.tolist() == [[2 * BLOCK, 2 * BLOCK + 1, 2 * BLOCK + 2]]


def test_an_older_stream_too_long_for_one_key_goes_on_with_others(monkeypatch):
    """JAX's rule: a key for every LONGEST words and one for the rest, all split from the first."""
    keys = random_split(KEY, (3,), False)
    expected = [random_bits(keys[i], (n,), 32, False) for i, n in enumerate((8, 8, 3))]
    monkeypatch.setattr(numpy_threefry, "LONGEST", 8)
    np.testing.assert_array_equal(random_bits(KEY, (19,), 32, False), np.concatenate(expected))
