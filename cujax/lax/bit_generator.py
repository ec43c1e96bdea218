"""`rng_bit_generator`: random bits from a counter, as XLA's; for programs that ask for an algorithm by its name.

The state is a key of 64 bits and a counter of 64 bits.  Block number i of the words is the hash of counter + i:

    RNG_THREE_FRY   two words: Threefry-2x32-20 of the counter under the key
    RNG_PHILOX      four words: Philox-4x32-10 of the counter and the key under the key; also RNG_DEFAULT

J. K. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011.  Unlike in JAX bits are the same on all
devices; `cujax.random` is made for everything else.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cujax.engine.core.array import Array
from cujax.engine.core.trace import aval_of
from cujax.engine.ground import dtypes
from cujax.engine.ops.constants import iota
from cujax.engine.ops.conversion import bitcast_convert_type, convert_element_type
from cujax.engine.ops.elementwise import add, mul
from cujax.engine.ops.joining import stack, unstack
from cujax.engine.ops.logic import bitwise_xor, lt, mulhi
from cujax.engine.ops.random_bits import threefry2x32
from cujax.engine.ops.slicing import slice as part_of
from cujax.engine.ops.structural import reshape


class RandomAlgorithm(enum.IntEnum):
    """The generators that `rng_bit_generator` knows."""

    RNG_DEFAULT = 0
    RNG_THREE_FRY = 1
    RNG_PHILOX = 2


def rng_bit_generator(
    key: Any, shape: Sequence[int], dtype: Any = np.uint32, algorithm: Any = RandomAlgorithm.RNG_DEFAULT, *,
    out_sharding: Any = None,
) -> tuple[Array, Array]:
    """The state after the drawing, and an array of random bits.

    key: the state, uint32[4] or uint64[2].  dtype: uint8, uint16, uint32 or uint64; narrow ones are low parts of words.
    algorithm: a `RandomAlgorithm`, or its number.  TypeError for other dtypes and states; ValueError for another
    algorithm.
    """
    dtype, shape = dtypes.canonicalize(dtypes.as_dtype(dtype)), tuple(shape)
    if dtypes.is_signed(dtype) or not dtypes.is_integer(dtype):
        raise TypeError(f"rng_bit_generator: dtype must be an unsigned integer, got {dtype}")
    draw = _DRAWS[RandomAlgorithm(int(algorithm))]
    state, is_wide = _state(key), dtype.itemsize == 8
    words, blocks = draw(state, (*shape, 2) if is_wide else shape, is_wide)
    bits = bitcast_convert_type(words, dtype) if is_wide else convert_element_type(words, dtype)
    after = stack([*state[:2], *_advanced(state[2:], np.uint32(blocks))])
    is_of_wide = aval_of(key).dtype == np.uint64
    return (bitcast_convert_type(reshape(after, (2, 2)), np.uint64) if is_of_wide else after), bits


def _state(key: Any) -> Sequence[Array]:
    """The four words of a state: two of the key, two of the counter."""
    aval = aval_of(key)
    if (aval.dtype.name, aval.shape) == ("uint64", (2,)):
        return unstack(reshape(bitcast_convert_type(key, np.uint32), (4,)))
    if (aval.dtype.name, aval.shape) != ("uint32", (4,)):
        raise TypeError(f"rng_bit_generator: key must be uint32[4] or uint64[2], got {aval.str_long()}")
    return unstack(key)


def _advanced(counter: Sequence[Any], by: Any) -> list[Any]:
    """counter + by, as numbers of 64 bits in two words."""
    low, high = counter
    found = add(low, by)
    return [found, add(high, convert_element_type(lt(found, low), np.uint32))]


def _threefry(state: Sequence[Any], shape: tuple[int, ...], is_wide: bool) -> tuple[Array, int]:
    """Words in `shape`, and how many blocks they took: two words of a block are neighbours along `_halved`."""
    axis = len(shape) - 1 if is_wide else _halved(shape)
    full = shape or (1,)
    half = (*full[:axis], -(-full[axis] // 2), *full[axis + 1 :])
    blocks = math.prod(half)
    pair = threefry2x32(*state[:2], *_advanced(state[2:], iota(np.uint32, blocks)))
    words = stack([reshape(w, half) for w in pair], axis + 1)
    words = reshape(words, (*half[:axis], 2 * half[axis], *half[axis + 1 :]))
    return reshape(part_of(words, (0,) * len(full), full), shape), blocks


def _halved(shape: tuple[int, ...]) -> int:
    """The axis that XLA takes words of a block along: the first of even length, else the first of the longest."""
    even = [i for i, n in enumerate(shape) if n % 2 == 0]
    return even[0] if even else max(range(len(shape)), key=lambda i: shape[i], default=0)


_ROUNDS = 10
_MULTIPLIERS = np.uint32(0xD2511F53), np.uint32(0xCD9E8D57)
_WEYL = np.uint32(0x9E3779B9), np.uint32(0xBB67AE85)  # added to the key after every round


def _philox(state: Sequence[Any], shape: tuple[int, ...], is_wide: bool) -> tuple[Array, int]:
    """Words in `shape`, and how many blocks they took: four words of a block follow one another."""
    count = math.prod(shape)
    blocks = -(-count // 4)
    words = stack(_philox4x32(state[:2], _advanced(state[2:], iota(np.uint32, blocks))), 1)
    return reshape(part_of(reshape(words, (4 * blocks,)), (0,), (count,)), shape), blocks


def _philox4x32(key: Sequence[Any], counter: Sequence[Any]) -> Sequence[Any]:
    a, c = counter
    blank = bitwise_xor(a, a)
    b, d = (add(blank, k) for k in key)
    words = [a, c, b, d]
    for _ in range(_ROUNDS):
        (x, y, z, w), (m, n) = words, _MULTIPLIERS
        words = [
            bitwise_xor(bitwise_xor(mulhi(z, n), y), key[0]), mul(z, n),
            bitwise_xor(bitwise_xor(mulhi(x, m), w), key[1]), mul(x, m),
        ]
        key = [add(k, step) for k, step in zip(key, _WEYL, strict=True)]
    return words


_DRAWS = {
    RandomAlgorithm.RNG_DEFAULT: _philox,
    RandomAlgorithm.RNG_THREE_FRY: _threefry,
    RandomAlgorithm.RNG_PHILOX: _philox,
}
