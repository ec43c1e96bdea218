"""threefry.h: the hash against its published answers, keys and streams against those of the NumPy backend."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest
from kernel_units import Unit, host_functions, source_of

from cujax.engine.backends import cuda_compiler, host_compiler
from cujax.engine.backends.numpy_threefry import (
    LONGEST,
    join_words,
    random_bits,
    random_fold_in,
    random_split,
    threefry2x32,
)
from cujax.engine.ops import random_bits as ops

# Random123, tests/kat_vectors, "threefry2x32 20": counter, key, result.
KNOWN_ANSWERS = [
    ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
]
KEYS = np.uint64([0, 2**64 - 1, 0x13198A2E_03707344, 7 << 32])
WIDTHS = [8, 16, 32, 64]
COUNTS = [1, 2, 7, 1000, 1023]
LONG = 3 * LONGEST + 5  # a stream that is split into several keys

KEY_AND_INDEX = ("uint64", "uint64")
WORDS = ("uint32",) * 4
SEEDS = ["int8", "uint16", "int32", "uint32", "int64", "uint64"]
UNITS = [
    Unit("first", "cj::threefry2x32({0}, {1}, {2}, {3}).x", WORDS, "uint32"),
    Unit("second", "cj::threefry2x32({0}, {1}, {2}, {3}).y", WORDS, "uint32"),
    Unit("wrap", "cj::random_wrap({0}, {1})", ("uint32", "uint32"), "uint64"),
    Unit("unwrap", "cj::random_unwrap({0}, {1})", KEY_AND_INDEX, "uint32"),
    Unit("fold_in", "cj::random_fold_in({0}, {1})", ("uint64", "uint32"), "uint64"),
    Unit("split", "cj::random_split({0}, {1})", KEY_AND_INDEX, "uint64"),
    *[Unit(f"seed_{d}", "cj::random_seed({0})", (d,), "uint64") for d in SEEDS],
    *[Unit(f"bits_{w}", f"cj::random_bits<{w}>({{0}}, {{1}})", KEY_AND_INDEX, f"uint{w}") for w in WIDTHS],
    *[Unit(f"split_{n}", f"cj::random_split_older({{0}}, {{1}}, {n})", KEY_AND_INDEX, "uint64") for n in COUNTS],
    *[
        Unit(f"bits_{w}_{n}", f"cj::random_bits_older<{w}>({{0}}, {{1}}, {n})", KEY_AND_INDEX, f"uint{w}")
        for w in WIDTHS for n in (*COUNTS, LONG)
    ],
]


@pytest.fixture(scope="module")
def compiler():
    found = host_compiler.find()
    return found or pytest.skip("no C++ compiler on this machine")


@pytest.fixture(scope="module")
def run(compiler, tmp_path_factory):
    return host_functions(UNITS, ["threefry.h"], compiler, tmp_path_factory.mktemp("threefry"))


def drawn(run, name: str, count: int) -> np.ndarray:
    """What a unit gives for each of KEYS and each index below `count`."""
    keys, indices = np.broadcast_arrays(KEYS[:, None], np.arange(count, dtype=np.uint64))
    return run(name, keys, indices)



@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS)
def test_known_answers(counter, key, answer, run):
    words = [np.full(37, w, np.uint32) for w in (*key, *counter)]
    assert (run("first", *words) == answer[0]).all()
    assert (run("second", *words) == answer[1]).all()


def test_keys_of_words_and_words_of_keys(run):
    words = np.random.default_rng(0).integers(0, 2**32, (101, 2), np.uint32)
    keys = np.asarray(ops.random_wrap_p.impl(np, words, impl="threefry2x32"))
    np.testing.assert_array_equal(run("wrap", words[:, 0], words[:, 1]), keys)
    indices = np.arange(202, dtype=np.uint64)
    np.testing.assert_array_equal(run("unwrap", keys[indices // 2], indices), words.reshape(-1))


@pytest.mark.parametrize("dtype", SEEDS)
def test_seeds(dtype, run):
    info = np.iinfo(dtype)
    seeds = np.array([0, 1, info.max, info.min, info.max // 3], dtype)
    np.testing.assert_array_equal(run(f"seed_{dtype}", seeds), ops.random_seed_p.impl(np, seeds, impl="threefry2x32"))


def test_fold_in(run):
    data = np.uint32([0, 1, 2**31, 2**32 - 1])
    np.testing.assert_array_equal(run("fold_in", KEYS, data), random_fold_in(KEYS, data))


@pytest.mark.parametrize("width", WIDTHS)
def test_bits(width, run):
    np.testing.assert_array_equal(drawn(run, f"bits_{width}", 1003), random_bits(KEYS, (1003,), width, True))


def test_bits_of_elements_beyond_the_32nd_bit(run):
    indices = np.uint64([2**32 - 1, 2**32, 2**32 + 1, 5 * 2**40 + 3])
    words = [(KEYS & np.uint64(2**32 - 1)).astype(np.uint32), (KEYS >> np.uint64(32)).astype(np.uint32)]
    first, second = threefry2x32(*words, (indices >> np.uint64(32)).astype(np.uint32), indices.astype(np.uint32))
    np.testing.assert_array_equal(run("bits_32", KEYS, indices), first ^ second)
    np.testing.assert_array_equal(run("bits_64", KEYS, indices), join_words(second, first))
    np.testing.assert_array_equal(run("split", KEYS, indices), join_words(first, second))


def test_split(run):
    np.testing.assert_array_equal(drawn(run, "split", 101), random_split(KEYS, (101,), True))


@pytest.mark.parametrize("count", COUNTS)
def test_older_split(count, run):
    np.testing.assert_array_equal(drawn(run, f"split_{count}", count), random_split(KEYS, (count,), False))


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("width", WIDTHS)
def test_older_bits(width, count, run):
    expected = random_bits(KEYS, (count,), width, False)
    np.testing.assert_array_equal(drawn(run, f"bits_{width}_{count}", count), expected)


def older_words(key: np.uint64, indices: np.ndarray, count: int) -> np.ndarray:
    """Words of a stream of `count`, computed one by one: the streams of LONGEST words have their own keys."""
    blocks, rest = divmod(count, LONGEST)
    keys = random_split(key, (blocks + 1,), False) if blocks else np.array([key])
    result = []
    for i in map(int, indices):
        block, place = divmod(i, LONGEST) if blocks else (0, i)
        length = LONGEST if block < blocks else rest
        half, word = (length + 1) // 2, int(keys[block])
        pair = (place, place + half) if place < half else (place - half, place)
        counter = [np.uint32(c) if c < length else np.uint32(0) for c in pair]
        hashed = threefry2x32(np.uint32(word & 0xFFFFFFFF), np.uint32(word >> 32), *counter)
        result.append(hashed[int(place >= half)])
    return np.array(result, np.uint32)


def test_older_streams_too_long_for_one_key(run):
    indices = np.uint64([0, 1, LONGEST - 1, LONGEST, LONGEST + 1, 2 * LONGEST + 77, LONG - 5, LONG - 1])
    key = KEYS[2]
    keys = np.full(len(indices), key)
    np.testing.assert_array_equal(run(f"bits_32_{LONG}", keys, indices), older_words(key, indices, LONG))
    high, low = (older_words(key, indices + np.uint64(n), 2 * LONG) for n in (0, LONG))
    np.testing.assert_array_equal(run(f"bits_64_{LONG}", keys, indices), join_words(low, high))
    quarter = older_words(key, indices // np.uint64(4), -(-LONG // 4))
    shift = (indices % np.uint64(4) * np.uint64(8)).astype(np.uint32)
    np.testing.assert_array_equal(run(f"bits_8_{LONG}", keys, indices), (quarter >> shift).astype(np.uint8))


LOOPS = {
    "uniform_f32": ("float", "cj::bits_as<float>(cj::random_bits<32>(key, i) >> 9 | 0x3f800000u) - 1.0f"),
    "uniform_f64": ("double", "cj::bits_as<double>(cj::random_bits<64>(key, i) >> 12 | 0x3ff0000000000000u) - 1.0"),
    "bits_8": ("cj::u8", "cj::random_bits<8>(key, i)"),
    "bits_older_32": ("cj::u32", "cj::random_bits_older<32>(key, i, 1000003)"),
    "split": ("cj::u64", "cj::random_split(key, i)"),
    "normal_f32": ("float", "cj::erf_inv(cj::max(-0.99999994f, cj::fma(2.0f, uniform_f32, -1.0f)))"),
    "normal_f64": ("double", "cj::erf_inv(cj::max(-0.9999999999999999, cj::fma(2.0, uniform_f64, -1.0)))"),
}


@pytest.mark.parametrize("name", LOOPS)
def test_loops_of_random_numbers_become_loops_of_vectors(name, compiler, tmp_path):
    if not compiler.is_gcc or "__FMA__" not in macros(compiler):
        pytest.skip("needs GCC and a processor with fused multiply-adds")
    kind, text = LOOPS[name]
    for of in ("uniform_f32", "uniform_f64"):
        text = text.replace(of, f"({LOOPS[of][1]})")
    source = f"""
        #include "threefry.h"
        #include "erf_inv.h"
        extern "C" void draw(cj::u64 key, {kind}* CJ_RESTRICT y, long long n) {{
            #pragma omp simd
            for (cj::i64 i = 0; i < n; ++i) y[i] = {text};
        }}
    """
    (tmp_path / "draw.cpp").write_text(source)
    command = [compiler.path, *compiler.flags(source), "-iquote", str(host_compiler.headers_folder()),
               "-fopt-info-vec-optimized", "draw.cpp", "-o", "draw.so"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "loop vectorized" in done.stderr


def macros(compiler) -> str:
    """What the compiler defines by itself, given its flags."""
    command = [compiler.path, *compiler.flags(""), "-dM", "-E", "-x", "c++", "/dev/null"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("arch", [80, 90])
def test_all_of_it_is_compiled_for_devices_without_spills(arch):
    pytest.importorskip("cupy_backends.cuda.libs.nvrtc", reason="CuPy is not installed")
    try:
        cuda_compiler.compiler_name()
    except RuntimeError as error:
        pytest.skip(f"NVRTC is not installed: {error}")
    found = cuda_compiler.resources(source_of(UNITS, ["threefry.h"], "cuda"), arch)
    assert set(found) == {u.name for u in UNITS}
    assert not any(r.spill_stores or r.stack for r in found.values())
