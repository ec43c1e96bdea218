"""Threefry-2x32 and its streams of random words for CuPy arrays: the twins of `numpy_threefry.py`.

One thread makes one number, from its key and its place in the stream: nothing is read but the keys, so
that the arithmetic, about 120 operations on words a hash, is the only cost.

CuPy is imported when a function is called, so that this module imports without it.
"""

from __future__ import annotations

from functools import cache
from math import prod
from typing import Any

from cujax.engine.backends.numpy_threefry import LONGEST

_HASH = """
__device__ __forceinline__ void cj_threefry2x32(unsigned k1, unsigned k2, unsigned& x1, unsigned& x2) {
    const unsigned keys[3] = {k1, k2, k1 ^ k2 ^ 0x1BD11BDAu};
    const int rotations[2][4] = {{13, 15, 26, 6}, {17, 29, 16, 24}};
    x1 += k1;
    x2 += k2;
    #pragma unroll
    for (int group = 0; group < 5; ++group) {
        #pragma unroll
        for (int i = 0; i < 4; ++i) {
            const int r = rotations[group % 2][i];
            x1 += x2;
            x2 = ((x2 << r) | (x2 >> (32 - r))) ^ x1;
        }
        x1 += keys[(group + 1) % 3];
        x2 += keys[(group + 2) % 3] + group + 1;
    }
}

__device__ __forceinline__ void cj_hash(
    unsigned long long key, unsigned long long counter, unsigned& first, unsigned& second) {
    first = (unsigned)(counter >> 32);
    second = (unsigned)counter;
    cj_threefry2x32((unsigned)key, (unsigned)(key >> 32), first, second);
}
"""

# name: operands, result, body; `i` is the number of the element.
_KERNELS = {
    "threefry2x32": (
        "uint32 k1, uint32 k2, uint32 x1, uint32 x2", "uint32 y1, uint32 y2",
        "unsigned a = x1, b = x2; cj_threefry2x32(k1, k2, a, b); y1 = a; y2 = b;",
    ),
    "random_fold_in": (
        "uint64 key, uint32 data", "uint64 y",
        "unsigned a, b; cj_hash(key, data, a, b); y = (unsigned long long)b << 32 | a;",
    ),
    "element_keys": (
        "raw uint64 keys, uint64 count", "uint64 y",
        "unsigned a, b; cj_hash(keys[i / count], i % count, a, b); y = (unsigned long long)b << 32 | a;",
    ),
    "element_bits": (
        "raw uint64 keys, uint64 count", "T y",
        """unsigned a, b;
        cj_hash(keys[i / count], i % count, a, b);
        y = sizeof(T) == 8 ? (T)((unsigned long long)a << 32 | b) : (T)(a ^ b);""",
    ),
    "older_words": (
        "raw uint64 keys, uint64 count", "uint32 y",
        """const unsigned long long key = keys[i / count], place = i % count, half = (count + 1) / 2;
        const unsigned long long left = place < half ? place : place - half, right = left + half;
        unsigned a = (unsigned)left, b = right < count ? (unsigned)right : 0;
        cj_threefry2x32((unsigned)key, (unsigned)(key >> 32), a, b);
        y = place < half ? a : b;""",
    ),
}


@cache
def _kernel(name: str) -> Any:
    import cupy

    operands, result, body = _KERNELS[name]
    return cupy.ElementwiseKernel(operands, result, body, f"cujax_{name}", preamble=_HASH)


def threefry2x32(k1: Any, k2: Any, x1: Any, x2: Any) -> tuple[Any, Any]:
    """Hashes of the counters (x1, x2) under the keys (k1, k2), elementwise; uint32."""
    return _kernel("threefry2x32")(k1, k2, x1, x2)


def random_bits(keys: Any, shape: tuple[int, ...], bit_width: int, partitionable: bool) -> Any:
    """Random unsigned integers of `bit_width` (8, 16, 32, 64) bits, of `shape` for each key of `keys`."""
    flat, count = keys.reshape(-1), prod(shape)
    if partitionable:
        bits = _for_each(flat, count, "element_bits", f"uint{bit_width}")
    else:
        bits = _older_bits(flat, count, bit_width)
    return bits.reshape((*keys.shape, *shape))


def random_split(keys: Any, shape: tuple[int, ...], partitionable: bool) -> Any:
    """New keys, of `shape` for each key of `keys`."""
    flat, count = keys.reshape(-1), prod(shape)
    new = _for_each(flat, count, "element_keys", "uint64") if partitionable else _older_keys(flat, count)
    return new.reshape((*keys.shape, *shape))


def random_fold_in(keys: Any, data: Any) -> Any:
    """The hash of the counter (0, data) under each key, as a key; elementwise, in both layouts."""
    return _kernel("random_fold_in")(keys, data)


def _for_each(keys: Any, count: int, kernel: str, dtype: str) -> Any:
    """`count` numbers for each of the `keys`, a vector."""
    import cupy

    numbers = cupy.empty((keys.size, count), dtype)
    _kernel(kernel)(keys, count, numbers)
    return numbers


def _older_keys(keys: Any, count: int) -> Any:
    """Older layout: a new key is two neighbouring words of the stream."""
    return _older_words(keys, 2 * count).view("uint64")


def _older_bits(keys: Any, count: int, bit_width: int) -> Any:
    """Older layout: 64 bits are a word of each half of the stream, 8 and 16 bits are parts of a word."""
    words = _older_words(keys, -(-bit_width * count // 32))
    if bit_width == 64:
        return words[:, :count].astype("uint64") << 32 | words[:, count:]
    return words.view(f"uint{bit_width}")[:, :count]


def _older_words(keys: Any, count: int) -> Any:
    """`count` words for each key in the older layout; beyond LONGEST from several keys split of each."""
    import cupy

    if count <= LONGEST:
        return _for_each(keys, count, "older_words", "uint32")
    blocks, rest = divmod(count, LONGEST)
    split = _older_keys(keys, blocks + 1)
    pieces = [_older_words(split[:, i].copy(), LONGEST) for i in range(blocks)]
    return cupy.concatenate([*pieces, _older_words(split[:, blocks].copy(), rest)], axis=1)
