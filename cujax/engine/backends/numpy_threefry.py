"""Threefry-2x32 with 20 rounds on the CPU, and the streams of random words made of it.

The hash turns a key of two 32-bit words and a counter of two words into two random words (Salmon, Moraes,
Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC'11).  A key is kept in one `uint64`: its first
word in the low half, its second in the high half.  Two layouts say which counters make a stream:

    partitionable   element i is a hash of its own, of the counter (i >> 32, i mod 2**32)
    older           word i of the first half and word i of the second half share the hash of
                    the counter (i, i + half); narrow elements share words, wide ones take two

Cost model: a hash is about 120 operations on words.  NumPy does them on blocks of `BLOCK` counters, in place,
so that the two words and the scratch array (128 KiB each) stay in the second-level cache: 9 ns a hash on one
core with AVX-512.  A NumPy call costs 0.4 us however small the arrays, 45 us for the smallest block; up to
`FEW` hashes are therefore done on Python integers, with the words of all counters side by side in one
integer (5 us for one hash, 9 us for 32).

Start at `hash_in_place`, then `_hashed_tiles`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import accumulate
from math import prod
from typing import Any, NamedTuple

import numpy as np

BLOCK = 1 << 15  # a power of two, so that a block of counters never crosses a multiple of 2**32
FEW = 192
LONGEST = 2**32 - 1  # words that one key gives in the older layout

_MASK = 0xFFFFFFFF
_PARITY = 0x1BD11BDA  # of Threefish (Skein 1.3), with the two key words it makes the third
_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))


# --- the hash -----------------------------------------------------------------------------------------


def hash_in_place(k1: np.ndarray, k2: np.ndarray, x1: np.ndarray, x2: np.ndarray) -> None:
    """Replace the counters (x1, x2), uint32 arrays of one shape, by their hashes under the keys (k1, k2)."""
    if x1.size <= FEW:
        _hash_as_integers(k1, k2, x1, x2)
    else:
        _hash_block(k1, k2, x1, x2)


def _hash_block(k1: np.ndarray, k2: np.ndarray, x1: np.ndarray, x2: np.ndarray) -> None:
    scratch = np.empty_like(x2)
    keys = (k1, k2, k1 ^ k2 ^ np.uint32(_PARITY))
    np.add(x1, k1, x1)
    np.add(x2, k2, x2)
    for group in range(5):
        for r in _ROTATIONS[group % 2]:
            np.add(x1, x2, x1)
            np.right_shift(x2, np.uint32(32 - r), scratch)
            np.left_shift(x2, np.uint32(r), x2)
            np.bitwise_or(x2, scratch, x2)
            np.bitwise_xor(x2, x1, x2)
        np.add(x1, keys[(group + 1) % 3], x1)
        np.add(x2, keys[(group + 2) % 3] + np.uint32(group + 1), x2)


def _hash_as_integers(k1: np.ndarray, k2: np.ndarray, x1: np.ndarray, x2: np.ndarray) -> None:
    ones = _ONES[x1.size]
    keys = (_pack(k1, ones), _pack(k2, ones))
    hashes = _hash_lanes(*keys, _pack(x1, ones), _pack(x2, ones), ones)
    for lanes, words in zip(hashes, (x1, x2), strict=True):
        words[...] = _unpack(lanes, x1.size).reshape(words.shape)


def _hash_lanes(k1: int, k2: int, x1: int, x2: int, ones: int) -> tuple[int, int]:
    """The hash on integers with word i at bit 64 i; sums and shifts spill into the 32 bits between words."""
    mask = ones * _MASK
    keys = (k1, k2, k1 ^ k2 ^ (_PARITY * ones))
    x1, x2 = x1 + k1 & mask, x2 + k2 & mask
    for group in range(5):
        for r in _ROTATIONS[group % 2]:
            x1 = x1 + x2 & mask
            x2 = (x2 << r | x2 >> 32 - r) & mask ^ x1
        x1 = x1 + keys[(group + 1) % 3] & mask
        x2 = x2 + keys[(group + 2) % 3] + (group + 1) * ones & mask
    return x1, x2


# By number of lanes: 1 in each, and 0, 1, 2, ...
_ONES = list(accumulate((1 << 64 * lane for lane in range(FEW)), initial=0))
_COUNTS = list(accumulate((lane << 64 * lane for lane in range(FEW)), initial=0))


def _pack(words: np.ndarray, ones: int) -> int:
    if words.size == 1:
        return int(words.reshape(())) * ones
    return int.from_bytes(words.astype("<u8").tobytes(), "little")


def _unpack(lanes: int, count: int) -> np.ndarray:
    """The 64-bit lanes of an integer as a uint64 array that can be written to."""
    return np.frombuffer(bytearray(lanes.to_bytes(8 * count, "little")), "<u8")


def _hash_one(key: int, counters: int, count: int) -> tuple[int, int]:
    """Hashes, in lanes, of `count` counters (0, x) with x in lanes, under one key."""
    ones = _ONES[count]
    return _hash_lanes((key & _MASK) * ones, (key >> 32) * ones, 0, counters, ones)


def threefry2x32(k1: Any, k2: Any, x1: Any, x2: Any) -> tuple[np.ndarray, np.ndarray]:
    """Hashes of the counters (x1, x2) under the keys (k1, k2), elementwise; uint32."""
    shape = np.broadcast_shapes(np.shape(k1), np.shape(k2), np.shape(x1), np.shape(x2))
    whole = [np.broadcast_to(x, shape).reshape(-1) for x in (k1, k2, x1, x2)]
    y1, y2 = np.array(whole[2]), np.array(whole[3])
    for start in range(0, y1.size, BLOCK):
        part = slice(start, start + BLOCK)
        hash_in_place(whole[0][part], whole[1][part], y1[part], y2[part])
    return y1.reshape(shape), y2.reshape(shape)


# --- tiles: blocks of counters under a few keys ----------------------------------------------------------


class _Tile(NamedTuple):
    """Hashes of the counters `columns` under the keys `rows`; the words are overwritten by the next tile."""

    rows: slice
    columns: slice
    first: np.ndarray
    second: np.ndarray


def _tiles(num_keys: int, length: int) -> Iterator[tuple[slice, slice]]:
    """Rows and columns of num_keys x length in pieces of about BLOCK: parts of a row, or some whole rows."""
    if length > BLOCK:
        for row in range(num_keys):
            for start in range(0, length, BLOCK):
                yield slice(row, row + 1), slice(start, min(start + BLOCK, length))
    elif length:
        group = BLOCK // length
        for row in range(0, num_keys, group):
            yield slice(row, min(row + group, num_keys)), slice(0, length)


def _hashed_tiles(keys: np.ndarray, length: int, count: Callable) -> Iterator[_Tile]:
    """Hashes of `length` counters under each key; `count(columns, x1, x2)` writes a tile's counters."""
    k1, k2 = keys.astype(np.uint32)[:, None], (keys >> np.uint64(32)).astype(np.uint32)[:, None]
    work = np.empty((2, min(BLOCK, keys.size * length)), np.uint32)
    for rows, columns in _tiles(keys.size, length):
        shape = (rows.stop - rows.start, columns.stop - columns.start)
        x1, x2 = (words[: prod(shape)].reshape(shape) for words in work)
        count(columns, x1, x2)
        repeats = shape[1] if shape[0] > 1 else 1  # NumPy is slow where an operand repeats along a short axis
        hash_in_place(np.repeat(k1[rows], repeats, 1), np.repeat(k2[rows], repeats, 1), x1, x2)
        yield _Tile(rows, columns, x1, x2)


def _count_elements(columns: slice, x1: np.ndarray, x2: np.ndarray) -> None:
    """The 64-bit number of each element as (high word, low word)."""
    x1[...] = columns.start >> 32
    x2[...] = np.arange(columns.start & _MASK, (columns.start & _MASK) + x2.shape[1])


# --- streams ------------------------------------------------------------------------------------------


def random_bits(keys: Any, shape: tuple[int, ...], bit_width: int, partitionable: bool) -> np.ndarray:
    """Random unsigned integers of `bit_width` (8, 16, 32, 64) bits, of `shape` for each key of `keys`."""
    flat, count = np.reshape(keys, -1), prod(shape)
    make = _element_bits if partitionable else _older_bits
    return make(flat, count, bit_width).reshape((*np.shape(keys), *shape))


def random_split(keys: Any, shape: tuple[int, ...], partitionable: bool) -> np.ndarray:
    """New keys, of `shape` for each key of `keys`."""
    flat, count = np.reshape(keys, -1), prod(shape)
    make = _element_keys if partitionable else _older_keys
    return make(flat, count).reshape((*np.shape(keys), *shape))


def random_fold_in(keys: Any, data: Any) -> np.ndarray:
    """The hash of the counter (0, data) under each key, as a key; elementwise, in both layouts."""
    if np.size(keys) == 1 == np.size(data) and np.ndim(keys) == np.ndim(data):
        word1, word2 = _hash_one(int(keys), int(data), 1)
        return _unpack(word1 | word2 << 32, 1).reshape(np.shape(keys))
    low, high = np.asarray(keys).astype(np.uint32), (np.asarray(keys) >> np.uint64(32)).astype(np.uint32)
    return join_words(*threefry2x32(low, high, np.uint32(0), data))


def join_words(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Two arrays of 32-bit words as one of 64-bit words."""
    wide = high.astype(np.uint64)
    wide <<= np.uint64(32)
    wide |= low
    return wide


def _element_bits(keys: np.ndarray, count: int, bit_width: int) -> np.ndarray:
    """Partitionable layout: 64 bits are both words of a hash, fewer are low bits of their exclusive or."""
    if keys.size == 1 and count <= FEW:
        word1, word2 = _hash_one(int(keys[0]), _COUNTS[count], count)
        lanes = word1 << 32 | word2 if bit_width == 64 else word1 ^ word2
        return _unpack(lanes, count).astype(f"uint{bit_width}")
    bits = np.empty((keys.size, count), f"uint{bit_width}")
    for rows, columns, first, second in _hashed_tiles(keys, count, _count_elements):
        if bit_width == 64:
            bits[rows, columns] = join_words(second, first)
        else:
            np.bitwise_xor(first, second, first)
            bits[rows, columns] = first
    return bits


def _element_keys(keys: np.ndarray, count: int) -> np.ndarray:
    """Partitionable layout: a new key is both words of a hash."""
    if keys.size == 1 and count <= FEW:
        word1, word2 = _hash_one(int(keys[0]), _COUNTS[count], count)
        return _unpack(word1 | word2 << 32, count)
    new = np.empty((keys.size, count), np.uint64)
    for rows, columns, first, second in _hashed_tiles(keys, count, _count_elements):
        new[rows, columns] = join_words(first, second)
    return new


def _older_keys(keys: np.ndarray, count: int) -> np.ndarray:
    """Older layout: a new key is two neighbouring words of the stream."""
    words = _older_words(keys, 2 * count)
    return join_words(words[:, ::2], words[:, 1::2])


def _older_bits(keys: np.ndarray, count: int, bit_width: int) -> np.ndarray:
    """Older layout: 64 bits are a word of each half of the stream, 8 and 16 bits are parts of a word."""
    words = _older_words(keys, -(-bit_width * count // 32))
    if bit_width == 32:
        return words
    if bit_width == 64:
        return join_words(words[:, count:], words[:, :count])
    per_word = 32 // bit_width
    shifts = np.arange(0, 32, bit_width, dtype=np.uint32)
    parts = (words[:, :, None] >> shifts).astype(f"uint{bit_width}")
    return parts.reshape(keys.size, words.shape[1] * per_word)[:, :count]


def _older_words(keys: np.ndarray, count: int) -> np.ndarray:
    """`count` words for each key in the older layout."""
    if count > LONGEST:
        return _older_words_of_many(keys, count)
    half = (count + 1) // 2
    words = np.empty((keys.size, count), np.uint32)

    def count_pairs(columns: slice, x1: np.ndarray, x2: np.ndarray) -> None:
        x1[...] = np.arange(columns.start, columns.stop)
        np.add(x1, np.uint32(half), x2)
        if columns.stop + half > count:  # the stream of an odd count is filled up with a counter 0
            x2[:, -1] = 0

    for rows, columns, first, second in _hashed_tiles(keys, half, count_pairs):
        words[rows, columns] = first
        right = words[rows, columns.start + half : columns.stop + half]
        right[...] = second[:, : right.shape[1]]
    return words


def _older_words_of_many(keys: np.ndarray, count: int) -> np.ndarray:
    """A stream too long for one key: it is split into keys for LONGEST words each and one for the rest."""
    blocks, rest = divmod(count, LONGEST)
    split = _older_keys(keys, blocks + 1)
    pieces = [_older_words(split[:, i], LONGEST) for i in range(blocks)]
    return np.concatenate([*pieces, _older_words(split[:, blocks], rest)], axis=1)
