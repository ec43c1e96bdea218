"""Atomic functions, intrinsics and vector types, each against what NumPy or Python says."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import cujax
import cujax.numpy as jnp
from cujax import lax
from cujax.engine.core.primitive import REGISTRY
from emulator import emulated_backend

U32 = 2**32 - 1
WORDS = np.array([0, 1, 2, 0x80000000, 0x7FFFFFFF, U32, 0x12345678, 0xDEADBEEF, 31, 32, 33], np.uint32)
PAIRS = np.array(np.meshgrid(WORDS, WORDS)).reshape(2, -1)


def signed(x: int, bits: int) -> int:
    return x - 2**bits if x >> (bits - 1) else x


def byte_perm(x: int, y: int) -> int:
    """With the selector 0x9740: bytes 0, 4 and 7, and the sign of byte 1."""
    data = [*x.to_bytes(4, "little"), *y.to_bytes(4, "little")]
    return int.from_bytes([data[0], data[4], data[7], 255 if data[1] & 128 else 0], "little")


# A C++ expression of the unsigned x and y, and its value.
INTEGERS: dict[str, Callable[[int, int], int]] = {
    "__mulhi(int(x), int(y))": lambda x, y: signed(x, 32) * signed(y, 32) >> 32,
    "__umulhi(x, y)": lambda x, y: x * y >> 32,
    "__umul64hi(u64(x) << 20, u64(y) << 21)": lambda x, y: (x << 20) * (y << 21) >> 64,
    "__mul64hi(i64(int(x)) << 20, i64(int(y)) << 21)": lambda x, y: (signed(x, 32) * signed(y, 32) << 41) >> 64,
    "__popc(x)": lambda x, y: x.bit_count(),
    "__popcll(u64(x) << 32 | y)": lambda x, y: x.bit_count() + y.bit_count(),
    "__clz(x)": lambda x, y: 32 - x.bit_length(),
    "__clzll(u64(x) << 32 | y)": lambda x, y: 64 - (x << 32 | y).bit_length(),
    "__ffs(x)": lambda x, y: (x & -x).bit_length(),
    "__ffsll(u64(x) << 32 | y)": lambda x, y: ((x << 32 | y) & -(x << 32 | y)).bit_length(),
    "__brev(x)": lambda x, y: int(f"{x:032b}"[::-1], 2),
    "__brevll(u64(x) << 32 | y)": lambda x, y: int(f"{x << 32 | y:064b}"[::-1], 2),
    "__funnelshift_l(x, y, 5)": lambda x, y: (y << 32 | x) << 5 >> 32 & U32,
    "__funnelshift_l(x, y, 37)": lambda x, y: (y << 32 | x) << 5 >> 32 & U32,
    "__funnelshift_r(x, y, 5)": lambda x, y: (y << 32 | x) >> 5 & U32,
    "__funnelshift_lc(x, y, 37)": lambda x, y: x,
    "__funnelshift_rc(x, y, 37)": lambda x, y: y,
    "__byte_perm(x, y, 0x9740)": byte_perm,
    "min(x, y)": min,
    "max(int(x), int(y))": lambda x, y: max(signed(x, 32), signed(y, 32)),
    "__float_as_uint(__uint_as_float(x))": lambda x, y: x,
    "__double_as_longlong(__longlong_as_double(u64(x) << 32 | y))": lambda x, y: x << 32 | y,
    "__ldg(&p[i])": lambda x, y: x,
    "__ldcs(&q[i])": lambda x, y: y,
}

FLOATS = np.array([0.0, 0.5, 1.5, 2.5, 0.25, 3.75, 1e5 + 0.5, 3e9, 1e10, 1e19, 3e38, math.inf], np.float32)
FLOATS = np.concatenate([FLOATS, -FLOATS, [np.float32("nan")]])


def converted(rounded: Callable[[float], float], low: int, high: int) -> Callable[[float], int]:
    def convert(x: float) -> int:
        if math.isnan(x):
            return 0
        return low if x < low else high if x > high else min(max(int(rounded(x)), low), high)

    return convert


def float32(x: float) -> float:
    with np.errstate(over="ignore"):
        return float(np.float32(x))


def of_half_turns(function: Callable[[float], float]) -> Callable[[float], float]:
    return lambda x: function(math.pi * math.fmod(x, 2)) if math.isfinite(x) else math.nan


# A C++ expression of the float x, and its value.
CONVERSIONS: dict[str, Callable[[float], Any]] = {
    "__float2int_rn(x)": converted(round, -(2**31), 2**31 - 1),
    "__float2int_rz(x)": converted(math.trunc, -(2**31), 2**31 - 1),
    "__float2int_ru(x)": converted(math.ceil, -(2**31), 2**31 - 1),
    "__float2int_rd(x)": converted(math.floor, -(2**31), 2**31 - 1),
    "__float2uint_rn(x)": converted(round, 0, U32),
    "__float2ll_rz(x)": converted(math.trunc, -(2**63), 2**63 - 1),
    "__double2int_rn(double(x))": converted(round, -(2**31), 2**31 - 1),
}
FUNCTIONS: dict[str, Callable[[float], float]] = {
    "fabs(x)": abs,
    "fmaf(x, x, -1.0f)": lambda x: float32(x * x - 1),
    "rsqrt(fabsf(x))": lambda x: float32(1 / float32(math.sqrt(abs(x)))) if x else math.inf,
    "fmin(x, 2.0f)": lambda x: 2 if math.isnan(x) else min(x, 2),
    "max(x, 2.0f)": lambda x: 2 if math.isnan(x) else max(x, 2),
    "__saturatef(x)": lambda x: 0 if math.isnan(x) else min(max(x, 0), 1),
    "sinpi(double(x))": of_half_turns(math.sin),
    "cospif(x)": of_half_turns(math.cos),
    "isnan(x)": math.isnan,
    "signbit(x)": lambda x: math.copysign(1, x) < 0,
}

ATOMICS = ["int", "unsigned", "u64", "float", "double"]


def table(name: str, parameters: str, setup: str, out: str, expressions: Any) -> str:
    """A kernel that writes the value of expression k to out[k * n + i]."""
    lines = [f"out[{k} * n + i] = {text};" for k, text in enumerate(expressions)]
    body = "\n        ".join(lines)
    return f"""
extern "C" __global__ void {name}({parameters}, {out}* out, int n) {{
    for (int i = threadIdx.x; i < n; i += blockDim.x) {{
        {setup}
        {body}
    }}
}}
"""


SOURCE = (
    """
typedef long long i64;
typedef unsigned long long u64;
"""
    + table("integers", "const unsigned* p, const unsigned* q", "unsigned x = p[i], y = q[i];", "i64", INTEGERS)
    + table("conversions", "const float* p", "float x = p[i];", "i64", CONVERSIONS)
    + table("functions", "const float* p", "float x = p[i];", "double", FUNCTIONS)
    + "".join(
        f'extern "C" __global__ void add_{T}({T}* x, {T}* old, {T}* kept) {{\n'
        f"    old[threadIdx.x] = atomicAdd(x, {T}(threadIdx.x + 1));\n"
        f"    kept[threadIdx.x] = atomicExch_block(x + 1, {T}(threadIdx.x));\n}}\n"
        for T in ATOMICS
        if T != "double"
    )
    + """
extern "C" __global__ void add_double(double* x) { atomicAdd(x, double(threadIdx.x + 1)); }

template <class T> __device__ void extrema_and_bits(T* x, const T* values) {
    T value = values[threadIdx.x];
    atomicMin(x, value);
    atomicMax(x + 1, value);
    atomicAnd(x + 2, value);
    atomicOr(x + 3, value);
    atomicXor(x + 4, value);
}
extern "C" __global__ void changes_int(int* x, const int* values) { extrema_and_bits(x, values); }
extern "C" __global__ void changes_unsigned(unsigned* x, const unsigned* values) { extrema_and_bits(x, values); }
extern "C" __global__ void changes_u64(u64* x, const u64* values) { extrema_and_bits(x, values); }

extern "C" __global__ void count(unsigned* x) {
    atomicInc(x, 5);
    atomicDec(x + 1, 5);
    atomicSub(x + 2, 3u);
}

template <class T> __device__ void increase(T* x) {
    T seen = *x, before;
    do {
        before = seen;
        seen = atomicCAS(x, before, T(before + 1));
    } while (seen != before);
}
extern "C" __global__ void exchanges(unsigned short* a, int* b, unsigned* c, u64* d) {
    increase(a), increase(b), increase(c), increase(d);
}

template <class T> struct After { char before; T value; };
#define ALIGNMENT(T) out[k++] = sizeof(After<T>) - sizeof(T), out[k++] = sizeof(T);
extern "C" __global__ void layouts(int* out) {
    int k = 0;
    ALIGNMENT(char2) ALIGNMENT(uchar3) ALIGNMENT(char4) ALIGNMENT(ushort2) ALIGNMENT(short4) ALIGNMENT(int2)
    ALIGNMENT(uint3) ALIGNMENT(uint4) ALIGNMENT(float2) ALIGNMENT(float3) ALIGNMENT(float4) ALIGNMENT(longlong2)
    ALIGNMENT(ulonglong4) ALIGNMENT(double1) ALIGNMENT(double2) ALIGNMENT(double4) ALIGNMENT(dim3)
}

extern "C" __global__ void vectors(const float* x, float* out, int n) {
    int i = threadIdx.x;
    if (i >= n) return;
    float4 v = reinterpret_cast<const float4*>(x)[i];
    float2 sums = make_float2(v.x + v.y, v.z + v.w);
    reinterpret_cast<float2*>(out)[i] = sums;
}
"""
)


def test_integers(kernels):
    x, y = PAIRS
    out = np.zeros((len(INTEGERS), len(x)), np.int64)
    kernels.run("integers", 1, 64, x, y, out, len(x))
    for (text, value), found in zip(INTEGERS.items(), out, strict=True):
        expected = [value(int(a), int(b)) for a, b in zip(x, y, strict=True)]
        assert [v % 2**64 for v in found.tolist()] == [v % 2**64 for v in expected], text


def test_conversions_saturate(kernels):
    out = np.zeros((len(CONVERSIONS), len(FLOATS)), np.int64)
    kernels.run("conversions", 1, 32, FLOATS, out, len(FLOATS))
    for (text, value), found in zip(CONVERSIONS.items(), out, strict=True):
        assert found.tolist() == [value(x) for x in FLOATS.tolist()], text


def test_functions_without_a_namespace(kernels):
    out = np.zeros((len(FUNCTIONS), len(FLOATS)))
    kernels.run("functions", 1, 32, FLOATS, out, len(FLOATS))
    for (text, value), found in zip(FUNCTIONS.items(), out, strict=True):
        for x, result in zip(FLOATS.tolist(), found.tolist(), strict=True):
            assert result == pytest.approx(float(value(x)), rel=1e-6, abs=1e-15, nan_ok=True), (text, x)


@pytest.mark.parametrize(
    ("T", "dtype"),
    [("int", np.int32), ("unsigned", np.uint32), ("float", np.float32)],
)
def test_additions_and_exchanges_give_the_old_value(kernels, T, dtype):
    x, old, kept = np.zeros(2, dtype), np.zeros(100, dtype), np.zeros(100, dtype)
    kernels.run(f"add_{T}", 1, 100, x, old, kept)
    assert x.tolist() == [5050, 99]
    assert old.tolist() == [0, *np.cumsum(np.arange(1, 100))]
    assert kept.tolist() == [0, *range(99)]


@pytest.mark.parametrize(("T", "dtype"), [("double", np.float64), ("u64", np.uint64)])
def test_additions_of_64_bits(kernels, T, dtype):
    x = np.zeros(2, dtype)
    x[0] = 2**40
    others = [] if T == "double" else [np.zeros(100, dtype), np.zeros(100, dtype)]
    kernels.run(f"add_{T}", 1, 100, x, *others)
    assert x[0] == 2**40 + 5050


@pytest.mark.parametrize(("T", "dtype"), [("int", np.int32), ("unsigned", np.uint32), ("u64", np.uint64)])
def test_extrema_and_bits(kernels, T, dtype):
    info = np.iinfo(dtype)
    values = np.random.default_rng(0).integers(info.min, info.max, 100, dtype)
    x = np.array([values[0], values[0], values[0], 0, 0], dtype)
    kernels.run(f"changes_{T}", 1, 100, x, values)
    bits = [ufunc.reduce(values) for ufunc in (np.bitwise_and, np.bitwise_or, np.bitwise_xor)]
    assert x.tolist() == [values.min(), values.max(), *bits]


def test_counters_wrap_at_their_bound(kernels):
    x = np.array([0, 0, 0], np.uint32)
    kernels.run("count", 1, 8, x)
    assert x.tolist() == [2, 4, 2**32 - 24]
    x = np.array([17, 17, 0], np.uint32)
    kernels.run("count", 1, 1, x)
    assert x.tolist() == [0, 5, 2**32 - 3]


def test_exchanges_of_16_32_and_64_bits(kernels):
    start = [2**16 - 1, 2**31 - 2, 2**32 - 1, 2**64 - 1]
    arrays = [np.array([v], dtype) for v, dtype in zip(start, ("u2", "i4", "u4", "u8"), strict=True)]
    kernels.run("exchanges", 1, 1, *arrays)
    assert [int(a[0]) for a in arrays] == [0, 2**31 - 1, 0, 0]


def test_vectors_are_laid_out_as_cuda_says(kernels):
    """CUDA C++ Programming Guide, table of alignment requirements."""
    out = np.zeros(34, np.int32)
    kernels.run("layouts", 1, 1, out)
    assert out.reshape(-1, 2).tolist() == [
        [2, 2], [1, 3], [4, 4], [4, 4], [8, 8], [8, 8], [4, 12], [16, 16], [8, 8], [4, 12], [16, 16], [16, 16],
        [16, 32], [8, 8], [16, 16], [16, 32], [4, 12],
    ]  # fmt: skip


def test_vectors_are_loaded_and_stored(kernels):
    x, out = np.arange(64, dtype=np.float32), np.zeros(32, np.float32)
    kernels.run("vectors", 1, 32, x, out, 16)
    assert (out == x.reshape(32, 2).sum(axis=1)).all()


# ---- the device's own functions --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ("sin", "cos"))
def test_sines_are_within_two_units_of_the_last_place(name):
    bits = np.linspace(np.float32(1e-30).view(np.int32), np.float32(1e5).view(np.int32), 60_000).astype(np.int32)
    near = np.arange(-2000, 2000) * (np.pi / 2)  # where one of them is 0
    x = np.concatenate([bits.view(np.float32), near, np.linspace(-40, 40, 30_000)]).astype(np.float32)
    with emulated_backend():
        found = np.asarray(cujax.jit(getattr(jnp, name))(x))
    exact = getattr(np, name)(x.astype(np.float64))
    off = abs(found - exact) / np.spacing(abs(exact).astype(np.float32))
    assert off.max() < 1.8, x[off.argmax()]


def test_sines_of_what_is_special():
    tiny, half = np.float32(1e-42), np.float32(np.pi / 2)
    x = np.array([0, -0.0, tiny, -tiny, half, -half, np.inf, -np.inf, np.nan, 1e5, -3e38], np.float32)
    with emulated_backend():
        sines, cosines = map(np.asarray, cujax.jit(lambda x: (jnp.sin(x), jnp.cos(x)))(x))
    large = x[-2:].astype(np.float64)
    np.testing.assert_array_equal(sines[:6], np.array([0, -0.0, tiny, -tiny, 1, -1], np.float32))
    np.testing.assert_array_equal(np.signbit(sines[:4]), [False, True, False, True])
    np.testing.assert_array_equal(cosines[:4], 1)
    assert np.isnan(sines[6:9]).all() and np.isnan(cosines[6:9]).all()
    np.testing.assert_allclose(sines[-2:], np.sin(large), rtol=3e-7)
    np.testing.assert_allclose(cosines[-2:], np.cos(large), rtol=3e-7)


def test_logarithms_are_within_two_units_of_the_last_place():
    bits = np.linspace(np.float32(1.2e-38).view(np.int32), np.float32(3e38).view(np.int32), 60_000).astype(np.int32)
    x = np.concatenate([bits.view(np.float32), np.linspace(0.6, 1.5, 60_000)]).astype(np.float32)
    with emulated_backend():
        found = np.asarray(cujax.jit(jnp.log)(x))
    exact = np.log(x.astype(np.float64))
    off = abs(found - exact) / np.spacing(abs(exact).astype(np.float32))
    assert off.max() < 2, x[off.argmax()]


def test_powers_are_within_three_units_of_the_last_place():
    rng = np.random.default_rng(4)
    x = np.exp2(np.concatenate([rng.uniform(-125, 125, 60_000), rng.normal(size=60_000)])).astype(np.float32)
    y = (rng.uniform(-125, 125, x.size) / np.where(x == 1, 1, np.log2(x.astype(np.float64)))).astype(np.float32)
    x, y = [np.concatenate(pair) for pair in ((x, x), (y, rng.choice(np.float32([-0.2, 0.5, 2.4, -3]), x.size)))]
    with emulated_backend():
        found = np.asarray(cujax.jit(jnp.power)(x, y))
    with np.errstate(over="ignore"):
        exact = x.astype(np.float64) ** y
    is_normal = (exact > 1.2e-38) & (exact < 3.4e38)
    off = abs(found - exact)[is_normal] / np.spacing(exact[is_normal].astype(np.float32))
    assert is_normal.mean() > 0.9 and off.max() < 3


def test_powers_of_what_is_special():
    special = np.float32([0, -0.0, 1, -1, 2, -2, 0.5, 1e-42, 1e38, np.inf, -np.inf, np.nan, 3, -0.2, 200])
    x, y = np.meshgrid(special, special)
    with emulated_backend():
        found = np.asarray(cujax.jit(jnp.power)(x, y))
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(found, x**y, rtol=4e-7, atol=2e-45)
    with emulated_backend():
        assert (np.asarray(cujax.jit(lambda x: x**0.5)(np.float32([1, 4, 2**-60, 9]))) == [1, 2, 2**-30, 3]).all()


def test_normal_numbers_have_the_bits_of_the_op():
    """The device takes its branches otherwise than the host: in the centre, in the tails, at the ends, beyond."""
    ends = np.float32([-1, 1, 1 - 2**-24, 1.5, -np.inf, np.nan, 0, -0.0, 1e-42, 0.6435942, 0.9966255])
    x = np.concatenate([np.linspace(-1, 1, 60_001), 1 - np.exp(-np.linspace(1, 16, 20_000)), ends]).astype(np.float32)
    with emulated_backend():
        found = np.asarray(cujax.jit(lax.erf_inv)(x))
    with np.errstate(all="ignore"):
        expected = REGISTRY["erf_inv"].impl(np, x)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(np.signbit(found[abs(x) < 1]), np.signbit(x[abs(x) < 1]))


@pytest.mark.parametrize("size", [3, 4, 4099])
def test_what_is_special_does_not_matter_to_its_neighbours(size):
    """Four elements have one branch; where one is special, each has the bits that it has alone."""

    def function(x):
        return jnp.sin(x) * jnp.sqrt(x), jnp.cos(x) - jnp.log(x)

    special = np.array([0, -0.0, 1e-42, -1.5, np.inf, -np.inf, np.nan, 2e5, 1e-36, 3e38], np.float32)
    x = np.random.default_rng(2).uniform(0.1, 30, size).astype(np.float32)
    x[::7] = np.resize(special, x[::7].size)
    with emulated_backend():
        found = [np.asarray(y) for y in cujax.jit(function)(x)]
        alone = [np.asarray(y) for y in cujax.jit(lambda x: function(x[:, 0]))(np.stack([x, x], 1))]  # no packs
        donated = np.asarray(cujax.jit(lambda x: jnp.sqrt(x * 2), donate_argnums=0)(jnp.asarray(x)))
    with np.errstate(all="ignore"):
        exact = np.sin(x.astype(np.float64)) * np.sqrt(x.astype(np.float64))
        np.testing.assert_array_equal(donated, np.sqrt(x * 2))
    np.testing.assert_allclose(found[0], exact, rtol=1e-6, atol=1e-44)
    for y, expected in zip(found, alone, strict=True):
        np.testing.assert_array_equal(y.view(np.int32), expected.view(np.int32))


def test_sums_of_what_is_special_have_the_bits_of_those_of_what_is_not():
    """A pack with something special is combined again, element by element, from where it began."""
    x = np.random.default_rng(3).uniform(0.1, 30, 5003).astype(np.float32)
    x[::11] = 2e5  # where sines are those of the library
    with emulated_backend():
        found = cujax.jit(lambda x: jnp.sum(jnp.sin(x) * x))(x)
        terms = cujax.jit(lambda x: jnp.sin(x) * x)(x)
        expected = cujax.jit(jnp.sum)(terms)
    assert float(found) == float(expected)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(("name", "low", "high"), [("exp", -708.0, 709.0), ("log", 1e-307, 1e307)])
def test_exponentials_of_doubles_are_within_a_unit_of_the_last_place(name, low, high):
    rng = np.random.default_rng(8)
    spread = rng.uniform(low, high, 30_000) if low < 0 else np.exp(rng.uniform(np.log(low), np.log(high), 30_000))
    x = np.concatenate([spread, rng.uniform(0.3, 3, 30_000), 1 + rng.normal(size=10_000) * 1e-5, [1.0]])
    with emulated_backend():
        found = np.asarray(cujax.jit(getattr(jnp, name))(x))
    exact = getattr(np, name)(x.astype(np.longdouble))
    off = abs(found - exact) / np.maximum(np.spacing(abs(exact).astype(np.float64)), 5e-324)
    assert off.max() < 1, x[off.argmax()]


@pytest.mark.usefixtures("x64")
def test_exponentials_of_what_is_special():
    x = np.array([0, -0.0, np.inf, -np.inf, np.nan, -1, 5e-324, 1e-310, 709.9, -745.1, 800, -800], np.float64)
    with emulated_backend():
        found = [np.asarray(y) for y in cujax.jit(lambda x: (jnp.exp(x), jnp.log(x)))(x)]
    with np.errstate(all="ignore"):
        for y, expected in zip(found, (np.exp(x), np.log(x)), strict=True):
            np.testing.assert_array_equal(y, expected)
