"""The parts of `kernels/` that only a device has, under all that the emulator can find: races, another order, bounds.

And random bits and packs of elements, as a device computes them.  What the reductions and updates of every dtype
give stands in tests/test_kernel_reductions.py.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest

from cujax.engine.backends import numpy_threefry
from cujax.engine.compiler.cpp import short_name, type_name
from emulator import ORDERS, EmulatorTarget, Kernels, SanitizedTarget, same_in_all_orders


class Case(NamedTuple):
    """A reduction of kernels/reduce.h of elements of a dtype, and what NumPy calls it."""

    reduction: str
    dtype: str
    function: Any

    @property
    def name(self) -> str:
        return f"{self.reduction}_{self.dtype}"

    @property
    def struct(self) -> str:
        return f"cj::{self.reduction}<{type_name(np.dtype(self.dtype))}>"

    @property
    def is_place(self) -> bool:
        return self.reduction.startswith("Arg")

    @property
    def result(self) -> str:
        return "int64" if self.is_place else self.dtype

    def values(self, n: int) -> np.ndarray:
        """Whose sums and products are exact in every order."""
        return np.random.default_rng(n).integers(-1, 2, n).astype(self.dtype)

    def of(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(self.function(x)).astype(self.result)


# One for each way in which partial results are exchanged between lanes.
REDUCTIONS = [
    Case("Sum", "float32", np.sum),
    Case("Sum", "float16", np.sum),
    Case("Product", "complex128", np.prod),
    Case("And", "bool", np.all),
    Case("Argmax", "float32", np.argmax),
    Case("Argmin", "int8", np.argmin),
]

# One for each way in which a word is changed: by an instruction, by exchange of it or its parts, under a lock.
UPDATES = [
    Case("Sum", "int8", np.sum),
    Case("Sum", "int64", np.sum),
    Case("Sum", "float32", np.sum),
    Case("Sum", "complex64", np.sum),
    Case("Max", "float16", np.max),
    Case("Max", "uint64", np.max),
    Case("Min", "float64", np.min),
    Case("Product", "float32", np.prod),
    Case("Product", "complex128", np.prod),
]


def reduction_text(c: Case) -> str:
    lift, out = "R::lift(x[i], i)" if c.is_place else "R::lift(x[i])", type_name(np.dtype(c.result))
    return f"""
extern "C" __global__ void block_{c.name}(const {type_name(np.dtype(c.dtype))}* x, {out}* out, int n) {{
    using R = {c.struct};
    __shared__ R::Acc shared[32];
    for (int k = 0; k < 3; k++) {{  // at once again
        R::Acc acc = R::identity();
        for (int i = threadIdx.x + k; i < n; i += blockDim.x) acc = R::combine(acc, {lift});
        acc = cj::block_reduce<R>(acc, shared);
        if (threadIdx.x == blockDim.x / 2) out[k] = R::lower(acc);
    }}
}}
"""


def update_text(c: Case) -> str:
    T = type_name(np.dtype(c.dtype))
    return f"""
extern "C" __global__ void update_{c.name}(const {T}* x, const int* places, {T}* out, int n) {{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) cj::atomic_update<{c.struct}>(out + places[i], x[i]);
}}
"""


PACKED = ["int8", "float16", "float32", "float64", "complex128"]


def pack_text(dtype: str) -> str:
    T = type_name(np.dtype(dtype))
    return f"""
extern "C" __global__ void pack_{short_name(np.dtype(dtype))}(const {T}* x, {T}* out, int packs) {{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    constexpr int count = cj::Pack<{T}>::count;
    if (i < packs) cj::store_pack(out + i * count, cj::load_pack(x + i * count));
}}
"""


RANDOM_TEXT = """
extern "C" __global__ void hashes(const cj::u32* keys, const cj::u32* counters, cj::u32* out, int n) {
    int i = threadIdx.x;
    if (i >= n) return;
    cj::word_pair words = cj::threefry2x32(keys[2 * i], keys[2 * i + 1], counters[2 * i], counters[2 * i + 1]);
    out[2 * i] = words.x, out[2 * i + 1] = words.y;
}

extern "C" __global__ void streams(
    const cj::u64* key, cj::u32* bits, cj::u8* older_bytes, cj::u64* split, cj::u64* older_split, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    bits[i] = cj::random_bits<32>(*key, i);
    older_bytes[i] = cj::random_bits_older<8>(*key, i, n);
    split[i] = cj::random_split(*key, i);
    older_split[i] = cj::random_split_older(*key, i, n);
}
"""
HEADERS = "".join(f'#include "{name}.h"\n' for name in ("atomic", "complex", "half", "index", "reduce", "threefry"))
TOGETHER = HEADERS + "".join([*map(reduction_text, REDUCTIONS), *map(update_text, UPDATES)])
SOURCE = TOGETHER + "".join(map(pack_text, PACKED)) + RANDOM_TEXT


@pytest.fixture(scope="module")
def kernels_with_races_found() -> Kernels:
    return Kernels(TOGETHER, EmulatorTarget(find_races=True))


def name_of(c: Case) -> str:
    return c.name


def assert_same(found: Any, expected: Any) -> None:
    assert np.asarray(found).tolist() == np.asarray(expected).tolist()


# ---- reductions and updates -------------------------------------------------------------------------------


def run_block(kernels: Kernels, c: Case, x: np.ndarray, threads: int) -> np.ndarray:
    out = np.zeros(3, c.result)
    kernels.run(f"block_{c.name}", 1, threads, x, out, len(x))
    return out


def run_update(kernels: Kernels, c: Case, n: int = 100) -> np.ndarray:
    places = np.random.default_rng(1).integers(0, 7, n, np.int32)
    out = c.values(8)[1:]  # seven, not at the start of a word
    expected = [c.of(np.array([old, *c.values(n)[places == i]], c.dtype)) for i, old in enumerate(out)]
    kernels.run(f"update_{c.name}", 2, 64, c.values(n), places, out, n)
    assert_same(out, expected)
    return out + out.dtype.type(0)  # a product's zero may have either sign


@pytest.mark.parametrize("c", REDUCTIONS, ids=name_of)
def test_reductions_in_all_orders(kernels, c):
    for threads, n in ((1, 5), (33, 1025), (256, 31)):
        x = c.values(n)
        found = same_in_all_orders(kernels.target, partial(run_block, kernels, c, x, threads))
        assert_same(found, [c.of(x[k:]) + k if c.is_place else c.of(x[k:]) for k in range(3)])


def test_sums_of_floats_have_the_same_bits_in_any_order(kernels):
    x = np.random.default_rng(0).standard_normal(10_000, np.float32)
    run = partial(run_block, kernels, REDUCTIONS[0], x, 100)
    total = same_in_all_orders(kernels.target, run, [*ORDERS, 2, 3])
    np.testing.assert_allclose(total[0], x.sum(dtype=np.float64), rtol=1e-5)


@pytest.mark.parametrize("c", UPDATES, ids=name_of)
def test_updates_in_all_orders(kernels, c):
    same_in_all_orders(kernels.target, lambda: run_update(kernels, c))


@pytest.mark.parametrize("c", REDUCTIONS, ids=name_of)
def test_reductions_have_no_races(kernels_with_races_found, c):
    for threads, n in ((33, 100), (96, 31)):
        x = c.values(n)
        assert_same(run_block(kernels_with_races_found, c, x, threads)[0], c.of(x))


@pytest.mark.parametrize("c", UPDATES, ids=name_of)
def test_updates_have_no_races(kernels_with_races_found, c):
    run_update(kernels_with_races_found, c)


def test_nothing_is_out_of_bounds_or_undefined():
    reductions, updates = (REDUCTIONS[0], REDUCTIONS[5]), (UPDATES[0], UPDATES[4], UPDATES[8])
    target = SanitizedTarget()
    module = target.compile(HEADERS + "".join([*map(reduction_text, reductions), *map(update_text, updates)]))
    for c in reductions:
        x, out = c.values(1025), np.zeros(3, c.result)
        target.launch(module, f"block_{c.name}", (1,), (100,), 0, [x, out, len(x)])
        assert_same(out[0], c.of(x))
    places = np.random.default_rng(2).integers(0, 7, 100, np.int32)
    for c in updates:
        target.launch(module, f"update_{c.name}", (2,), (64,), 0, [c.values(100), places, c.values(7), 100])


# ---- random bits and packs --------------------------------------------------------------------------------


def test_known_answers_of_threefry(kernels):
    """Random123, tests/kat_vectors, "threefry2x32 20"."""
    counters = np.array([(0, 0), (0xFFFFFFFF, 0xFFFFFFFF), (0x243F6A88, 0x85A308D3)], np.uint32)
    keys = np.array([(0, 0), (0xFFFFFFFF, 0xFFFFFFFF), (0x13198A2E, 0x03707344)], np.uint32)
    out = np.zeros((3, 2), np.uint32)
    kernels.run("hashes", 1, 32, keys, counters, out, 3)
    assert_same(out, [(0x6B200159, 0x99BA4EFE), (0x1CB996FC, 0xBB002BE7), (0xC4923A9C, 0x483DF7A0)])


@pytest.mark.parametrize("n", [1, 31, 33, 1025])
def test_streams_are_those_of_numpy(kernels, n):
    key = np.array([0x13198A2E_03707344], np.uint64)
    found = [np.zeros(n, dtype) for dtype in ("u4", "u1", "u8", "u8")]
    kernels.run("streams", -(-n // 64), 64, key, *found, n)
    expected = [
        numpy_threefry.random_bits(key[0], (n,), 32, True),
        numpy_threefry.random_bits(key[0], (n,), 8, False),
        numpy_threefry.random_split(key[0], (n,), True),
        numpy_threefry.random_split(key[0], (n,), False),
    ]
    for stream, words in zip(found, expected, strict=True):
        np.testing.assert_array_equal(stream, words)


def aligned_zeros(dtype: str, count: int) -> np.ndarray:
    memory = np.zeros(count * np.dtype(dtype).itemsize + 16, np.uint8)
    start = -memory.ctypes.data % 16
    return memory[start : start + count * np.dtype(dtype).itemsize].view(dtype)


@pytest.mark.parametrize("dtype", PACKED)
def test_packs_are_copied_whole(kernels, dtype):
    count = 64 * 16 // np.dtype(dtype).itemsize
    x, out = aligned_zeros(dtype, count), aligned_zeros(dtype, count)
    x[:] = np.arange(count) % 100
    kernels.run(f"pack_{short_name(np.dtype(dtype))}", 1, 64, x, out, 63)
    np.testing.assert_array_equal(out[: -count // 64], x[: -count // 64])
    assert (out[-count // 64 :] == 0).all()
