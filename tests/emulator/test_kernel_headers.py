"""The parts of `kernels/` that only a device has: reductions of warps, blocks and grids, atomic updates; and random
bits and packs of elements as a device computes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from cujax.engine.backends import numpy_threefry
from cujax.engine.compiler.cpp import short_name, type_name
from emulator import ORDERS, SanitizedTarget, same_in_all_orders

BLOCK_SIZES = [1, 31, 32, 33, 100, 256, 1024]
LENGTHS = [0, 1, 31, 32, 33, 1023, 1025]

bfloat16 = np.dtype(ml_dtypes.bfloat16)


@dataclass(frozen=True)
class Combination:
    """A reduction of kernels/reduce.h, or an update with it, of elements of a dtype."""

    reduction: str
    dtype: np.dtype

    @property
    def name(self) -> str:
        return f"{self.reduction}_{short_name(self.dtype)}"

    @property
    def struct(self) -> str:
        return f"cj::{self.reduction}<{type_name(self.dtype)}>"

    @property
    def gives_places(self) -> bool:
        return self.reduction.startswith("Arg")

    def values(self, n: int) -> np.ndarray:
        """Whose sums and products are exact in every order."""
        rng = np.random.default_rng(n)
        if self.reduction == "Product":
            few = rng.integers(0, max(n, 1), 5)
            return np.where(np.isin(np.arange(n), few), -2 if self.dtype.kind in "ifcV" else 3, 1).astype(self.dtype)
        top = {1: 2 if self.dtype.kind == "b" else 100, 2: 8}.get(self.dtype.itemsize, 1000)
        values = rng.integers(0, top, n)
        return (values - 1j * values[::-1] if self.dtype.kind == "c" else values).astype(self.dtype)

    def of(self, x: np.ndarray) -> Any:
        """What NumPy says."""
        if self.gives_places:
            return (np.argmax if self.reduction == "Argmax" else np.argmin)(x) if x.size else np.iinfo(np.int64).max
        function = UFUNCS[self.reduction]
        if self.dtype.kind == "b":
            return {"add": np.any, "multiply": np.all}.get(function.__name__, function.reduce)(x)
        wide = x.astype(np.float32) if self.dtype.itemsize == 2 and self.dtype.kind in "fV" else x
        if not x.size and self.reduction in ("Max", "Min"):
            return self.of_nothing()
        return function.reduce(wide, dtype=wide.dtype).astype(self.dtype)

    def of_nothing(self) -> Any:
        if self.dtype.kind in "iu":
            info = np.iinfo(self.dtype)
            return info.min if self.reduction == "Max" else info.max
        return self.dtype.type(-np.inf if self.reduction == "Max" else np.inf)


UFUNCS = {
    "Sum": np.add,
    "Product": np.multiply,
    "Max": np.maximum,
    "Min": np.minimum,
    "And": np.bitwise_and,
    "Or": np.bitwise_or,
    "Xor": np.bitwise_xor,
}


def combinations(table: str) -> list[Combination]:
    rows = (line.split() for line in table.strip().splitlines())
    dtype = {"bfloat16": bfloat16}
    return [Combination(name, np.dtype(dtype.get(d, d))) for name, *dtypes in rows for d in dtypes]


REDUCTIONS = combinations("""
    Sum float32 float16 int64 complex64
    Product int32
    Max float64 uint8
    Min bfloat16
    And bool
    Xor uint64
    Argmax float32
    Argmin int32
""")
UPDATES = combinations("""
    Sum bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 bfloat16 float32 float64 complex64 complex128
    Product int8 float16 float32 int64 complex64 complex128
    Max int8 int32 uint64 float16 float32 float64
    Min uint8 int64 bfloat16 float64
    And int8 int32
    Or uint64
    Xor uint16
""")


def reduction_text(c: Combination) -> str:
    out = "cj::i64" if c.gives_places else type_name(c.dtype)
    lift = "R::lift(x[i], i)" if c.gives_places else "R::lift(x[i])"
    return f"""
extern "C" __global__ void block_{c.name}(const {type_name(c.dtype)}* x, {out}* out, int n) {{
    using R = {c.struct};
    __shared__ R::Acc shared[32];
    R::Acc acc = R::identity();
    for (int i = threadIdx.x; i < n; i += blockDim.x) acc = R::combine(acc, {lift});
    R::Acc one = threadIdx.x < n ? R::lift(x[threadIdx.x]{", threadIdx.x" * c.gives_places}) : R::identity();
    acc = cj::block_reduce<R>(acc, shared);
    R::Acc again = cj::block_reduce<R>(one, shared), warp = cj::warp_reduce<R>(one);
    if (threadIdx.x == blockDim.x / 2) out[0] = R::lower(acc), out[1] = R::lower(again);
    if (threadIdx.x == 0) out[2] = R::lower(warp);
}}

extern "C" __global__ void grid_{c.name}(
    const {type_name(c.dtype)}* x, {out}* out, {c.struct}::Acc* partials, cj::u32* arrived, int n) {{
    using R = {c.struct};
    __shared__ R::Acc shared[32];
    R::Acc acc = R::identity(), total;
    int each = (n + gridDim.x - 1) / gridDim.x, first = blockIdx.x * each;
    for (int i = first + threadIdx.x; i < n && i < first + each; i += blockDim.x) acc = R::combine(acc, {lift});
    bool is_last = cj::grid_reduce<R>(acc, blockIdx.x, gridDim.x, partials, arrived, shared, total);
    if (is_last && threadIdx.x == 0) out[0] = R::lower(total);
}}
"""


def update_text(c: Combination) -> str:
    T = type_name(c.dtype)
    return f"""
extern "C" __global__ void update_{c.name}(const {T}* x, const int* places, {T}* out, int n) {{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) cj::atomic_update<{c.struct}>(out + places[i], x[i]);
}}
"""


def pack_text(dtype: str) -> str:
    T = type_name(np.dtype(dtype))
    return f"""
extern "C" __global__ void pack_{dtype}(const {T}* x, {T}* out, int packs) {{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    constexpr int count = cj::Pack<{T}>::count;
    if (i < packs) cj::store_pack(out + i * count, cj::load_pack(x + i * count));
}}
"""


PACKED = ["int8", "float16", "float32", "float64", "complex128"]

INCLUDES = "".join(f'#include "{name}.h"\n' for name in ("atomic", "complex", "half", "index", "reduce", "threefry"))
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
SOURCE = "".join(
    [INCLUDES, *map(reduction_text, REDUCTIONS), *map(update_text, UPDATES), *map(pack_text, PACKED), RANDOM_TEXT]
)


def named(c: Combination) -> str:
    return c.name


def place_dtype(c: Combination) -> np.dtype:
    return np.dtype(np.int64) if c.gives_places else c.dtype


def assert_same(found: Any, expected: Any) -> None:
    found, expected = (np.asarray(x) for x in (found, expected))
    assert found.tolist() == expected.astype(found.dtype).tolist()


# ---- reductions -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("c", REDUCTIONS, ids=named)
def test_a_block_reduces(kernels, c):
    for threads in BLOCK_SIZES:
        for n in LENGTHS:
            x = c.values(n)
            out = np.zeros(3, place_dtype(c))
            kernels.run(f"block_{c.name}", 1, threads, x, out, n)
            assert_same(out, [c.of(x), c.of(x[:threads]), c.of(x[: min(threads, 32)])])


def run_grid(kernels, c, x, blocks, threads):
    partials = np.zeros((blocks, 32), np.uint8)  # room for any partial result
    arrived, out = np.zeros(1, np.uint32), np.zeros(1, place_dtype(c))
    kernels.run(f"grid_{c.name}", blocks, threads, x, out, partials, arrived, len(x))
    assert arrived[0] == 0
    return out


@pytest.mark.parametrize("c", REDUCTIONS, ids=named)
def test_a_grid_reduces_in_any_order(kernels, c):
    for blocks, threads, n in ((1, 32, 33), (7, 33, 1025), (40, 64, 31), (3, 256, 5000)):
        run = partial(run_grid, kernels, c, c.values(n), blocks, threads)
        assert_same(same_in_all_orders(kernels.target, run), [c.of(c.values(n))])


def test_sums_of_floats_have_the_same_bits_in_any_order(kernels):
    c = Combination("Sum", np.dtype(np.float32))
    x = np.random.default_rng(0).standard_normal(10_000, np.float32)
    total = same_in_all_orders(kernels.target, lambda: run_grid(kernels, c, x, 13, 100), [*ORDERS, 2, 3])
    np.testing.assert_allclose(total, x.sum(dtype=np.float64), rtol=1e-5)


@pytest.mark.parametrize("c", REDUCTIONS, ids=named)
def test_reductions_have_no_races(kernels_with_races_found, c):
    for threads, n in ((33, 100), (64, 31)):
        x = c.values(n)
        out = np.zeros(3, place_dtype(c))
        kernels_with_races_found.run(f"block_{c.name}", 1, threads, x, out, n)
        assert_same(out[0], c.of(x))
        assert_same(run_grid(kernels_with_races_found, c, x, 5, threads), [c.of(x)])


def test_nan_wins_and_the_first_place_of_it(kernels):
    x = np.random.default_rng(0).standard_normal(2000, np.float32)
    x[[300, 70, 1999]] = np.nan
    out = np.zeros(3, np.int64)
    kernels.run("block_Argmax_f32", 1, 256, x, out, len(x))
    assert out[0] == 70
    out = np.zeros(3)
    kernels.run("block_Max_f64", 1, 100, x.astype(np.float64), out, len(x))
    assert np.isnan(out[0])


# ---- atomic updates ---------------------------------------------------------------------------------------


def updated(kernels, c: Combination, n: int, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x = c.values(n)
    out = c.values(8)[1:]  # seven, not at the start of a word
    expected = out.copy()
    for place, value in zip(places, x, strict=True):
        expected[place] = c.of(np.array([expected[place], value]))
    kernels.run(f"update_{c.name}", 2, 64, x, places, out, n)
    return out, expected


@pytest.mark.parametrize("c", UPDATES, ids=named)
def test_updates_of_one_place_all_count(kernels, c):
    places = np.random.default_rng(1).integers(0, 7, 100, np.int32)
    found, expected = same_in_all_orders(kernels.target, lambda: updated(kernels, c, 100, places))
    assert_same(found, expected)


@pytest.mark.parametrize("c", UPDATES, ids=named)
def test_updates_have_no_races(kernels_with_races_found, c):
    places = np.random.default_rng(2).integers(0, 7, 100, np.int32)
    assert_same(*updated(kernels_with_races_found, c, 100, places))


# ---- random bits and packs --------------------------------------------------------------------------------


def test_known_answers_of_threefry(kernels):
    """Random123, tests/kat_vectors, "threefry2x32 20"."""
    counters = np.array([(0, 0), (0xFFFFFFFF, 0xFFFFFFFF), (0x243F6A88, 0x85A308D3)], np.uint32)
    keys = np.array([(0, 0), (0xFFFFFFFF, 0xFFFFFFFF), (0x13198A2E, 0x03707344)], np.uint32)
    answers = [(0x6B200159, 0x99BA4EFE), (0x1CB996FC, 0xBB002BE7), (0xC4923A9C, 0x483DF7A0)]
    out = np.zeros((3, 2), np.uint32)
    kernels.run("hashes", 1, 32, keys, counters, out, 3)
    assert_same(out, answers)


@pytest.mark.parametrize("n", [1, 31, 33, 1025])
def test_streams_are_those_of_numpy(kernels, n):
    key = np.array([0x13198A2E_03707344], np.uint64)
    found = [np.zeros(n, dtype) for dtype in ("u4", "u1", "u8", "u8")]
    kernels.run("streams", -(-n // 64), 64, key, *found, n)
    for result, expected in zip(
        found,
        [
            numpy_threefry.random_bits(key[0], (n,), 32, True),
            numpy_threefry.random_bits(key[0], (n,), 8, False),
            numpy_threefry.random_split(key[0], (n,), True),
            numpy_threefry.random_split(key[0], (n,), False),
        ],
        strict=True,
    ):
        np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("dtype", PACKED)
def test_packs_are_copied_whole(kernels, dtype):
    memory = np.arange(4096 // np.dtype(dtype).itemsize).astype(dtype)
    x = memory[-memory.ctypes.data % 16 // memory.itemsize :][: 1024 // memory.itemsize]
    out = np.zeros_like(memory)[-memory.ctypes.data % 16 // memory.itemsize :]
    out = out[-out.ctypes.data % 16 // out.itemsize :][: len(x)]
    kernels.run(f"pack_{dtype}", 1, 64, x, out, 64)
    np.testing.assert_array_equal(out, x)


# ---- bounds -----------------------------------------------------------------------------------------------


def test_nothing_is_out_of_bounds_or_undefined():
    reductions = combinations("Sum float32\nArgmin int32")
    updates = combinations("Sum int8 int64\nMax float16\nProduct complex128")
    source = "".join([INCLUDES, *map(reduction_text, reductions), *map(update_text, updates)])
    target = SanitizedTarget()
    module = target.compile(source)
    for c in reductions:
        x, partials = c.values(1025), np.zeros((5, 16 if c.gives_places else 4), np.uint8)
        out, arrived = np.zeros(1, place_dtype(c)), np.zeros(1, np.uint32)
        target.launch(module, f"grid_{c.name}", (5,), (100,), 0, [x, out, partials, arrived, len(x)])
        assert_same(out, [c.of(x)])
    places = np.random.default_rng(2).integers(0, 7, 100, np.int32)
    for c in updates:
        target.launch(module, f"update_{c.name}", (2,), (64,), 0, [c.values(100), places, c.values(7), 100])
