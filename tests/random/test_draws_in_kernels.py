"""Draws are made in the kernel that uses them, in registers; and streams are the same on every target."""

from __future__ import annotations

import contextlib
import functools

import numpy as np
import pytest
from emulator import emulated_backend, why_not
from random_oracle import same

import cujax
import cujax.numpy as jnp
from cujax import lax, random
from cujax.engine.backends import numpy_threefry, select
from cujax.engine.backends.numpy_backend import NumpyBackend
from cujax.engine.compiler.analysis import analyse
from cujax.engine.compiler.generate import LANGUAGES
from cujax.engine.compiler.kernel import Kernel
from cujax.engine.compiler.program import generated
from cujax.engine.ops.random_bits import threefry2x32

N = 1000


def noisy(key, r):
    return jnp.exp(-(r**2)) * random.normal(key, r.shape)


def from_an_interval(key, r):
    low, high = jnp.asarray(-1.0), jnp.asarray(2.0)
    return r * random.uniform(key, r.shape, minval=low, maxval=high) + random.bernoulli(random.fold_in(key, 1), 0.3)


def split_many_ways(key, r):
    a, b = random.split(key)
    return random.normal(a, r.shape) * r + random.exponential(b, r.shape)


def sum_of_squares(key, r):
    return (random.normal(key, r.shape) ** 2).sum()


def walk(key, x):
    def step(carry, _):
        key, x = carry
        key, subkey = random.split(key)
        return (key, x + 0.1 * random.normal(subkey, x.shape)), None

    return lax.scan(step, (key, x), None, length=9)[0][1]


def folded(key, x):
    return lax.fori_loop(0, 9, lambda i, x: x + random.normal(random.fold_in(key, i), x.shape), x)


def paths(keys, x):
    return cujax.vmap(walk)(keys, x)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("function", [noisy, from_an_interval, walk, folded])
def test_one_kernel_reads_a_key_and_writes_one_array(function, language):
    tape = traced(function)
    (step,) = generated(tape, language).steps
    assert isinstance(step, Kernel) and [v.aval.dtype for v in step.writes] == [np.float32]
    assert {v.aval.str_short() for v in step.reads} == {"key<fry>[]", f"f32[{N}]"}
    if getattr(select.selected().kernels, "language", None) == language:
        found = analyse(tape)
        assert (found.kernels, found.launches, found.temporary_bytes) == (1, 1, 0)
        assert found.bytes_moved == 8 + 2 * 4 * N


@pytest.mark.parametrize("language", LANGUAGES)
def test_many_paths_are_one_kernel(language):
    """Each lane walks by itself with a key of its own: no draw touches memory."""
    keys = random.split(random.key(0), N)
    (step,) = generated(cujax.jit(paths).trace(keys, jnp.zeros(N)).jaxpr.tape, language).steps
    assert {v.aval.str_short() for v in step.reads} == {f"key<fry>[{N}]", f"f32[{N}]"}
    assert [v.aval.str_short() for v in step.writes] == [f"f32[{N}]"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_split_keys_are_made_once(language):
    """Rather than hashed again for every element; all draws are one kernel still."""
    keys, draws = generated(traced(split_many_ways), language).steps
    assert [v.aval.str_short() for v in keys.writes] == ["key<fry>[2]"]
    assert [v.aval.str_short() for v in draws.writes] == [f"f32[{N}]"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_reductions_draw_as_they_go(language):
    (step,) = generated(traced(sum_of_squares), language).steps
    assert [v.aval.str_short() for v in step.reads] == ["key<fry>[]"]


def traced(function):
    return cujax.jit(function).trace(random.key(0), jnp.zeros(N)).jaxpr.tape


# --- the same streams on every target -------------------------------------------------------------------------------


@contextlib.contextmanager
def on(target: str):
    """Programs made inside run on NumPy, kernels of the host, or kernels of a device on the emulator."""
    if target == "emulator":
        if reason := why_not():
            pytest.skip(reason)
        with emulated_backend():
            yield
        return
    before = select._selected
    if target == "host" and (before is None or before.kernels is None):
        pytest.skip("no kernels on this machine")
    try:
        if target == "numpy":
            select._selected = NumpyBackend()
        yield
    finally:
        select._selected = before


on_every_target = pytest.mark.parametrize("target", ["numpy", "host", "emulator"])


@on_every_target
def test_known_answers(target):
    """Random123, tests/kat_vectors, "threefry2x32 20": counter, key, result; 37 times, in vectors."""
    ones = 0xFFFFFFFF
    with on(target):
        for counter, key, answer in (
            ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
            ((ones, ones), (ones, ones), (0x1CB996FC, 0xBB002BE7)),
            ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
        ):
            words = [np.full(37, word, np.uint32) for word in (*key, *counter)]
            for found, expected in zip(cujax.jit(lambda *w: threefry2x32(*w))(*words), answer, strict=True):
                same(found, np.full(37, expected, np.uint32))


STREAMS = {
    **{f"bits of {w}": lambda key, w=w: random.bits(key, (3, 11), f"uint{w}") for w in (8, 16, 32, 64)},
    "split": lambda key: random.split(key, (2, 5)),
    "fold_in": lambda key: random.fold_in(key, 2**32 - 1),
    "integers": lambda key: random.randint(key, (33,), -7, 1000),
    "uniform": lambda key: random.uniform(key, (33,)),
    "uniform of 64 bits": lambda key: random.uniform(key, (33,), "float64"),
}


@functools.cache
def expected_stream(name, partitionable):
    with cujax.enable_x64(True), cujax.threefry_partitionable(partitionable):
        return np.asarray(plain(STREAMS[name](random.key(11))))


def plain(x):
    return random.key_data(x) if "key" in str(x.dtype) else x


@pytest.mark.parametrize("partitionable", [True, False])
@on_every_target
@pytest.mark.parametrize("name", STREAMS)
def test_streams(name, target, partitionable):
    expected = expected_stream(name, partitionable)
    with on(target), cujax.enable_x64(True), cujax.threefry_partitionable(partitionable):
        same(cujax.jit(lambda key: plain(STREAMS[name](key)))(random.key(11)), expected)


FAR = [2**32 - 1, 2**32, 2**32 + 1, 2**33 - 1]  # elements whose counters have two words


@pytest.mark.parametrize("target", ["host", "emulator"])
@pytest.mark.parametrize("width", [8, 16, 32, 64])
def test_elements_beyond_the_32nd_bit(width, target):
    """Of an array that is never made."""
    key = np.uint64(0x13198A2E_03707344)
    first, second = numpy_threefry.threefry2x32(
        *np.uint32([key & np.uint64(0xFFFFFFFF), key >> np.uint64(32)]), np.uint32([i >> 32 for i in FAR]),
        np.uint32([i & 0xFFFFFFFF for i in FAR]),
    )
    wanted = numpy_threefry.join_words(second, first) if width == 64 else (first ^ second).astype(f"uint{width}")

    def far(words):
        bits = random.bits(random.wrap_key_data(words), (2**20, 2**13), f"uint{width}")
        return jnp.stack([lax.slice(bits, divmod(i, 2**13), [n + 1 for n in divmod(i, 2**13)])[0, 0] for i in FAR])

    with on(target), cujax.enable_x64(True):
        same(cujax.jit(far)(np.uint64([key]).view(np.uint32)), wanted)
