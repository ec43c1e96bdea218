"""Types of indices in kernels for a GPU: 32 bits where they suffice, 64 for what is loaded until it is clamped."""

from __future__ import annotations

import numpy as np
import pytest
from emulator import EmulatorTarget, emulated_backend, why_not

import cujax
import cujax.numpy as jnp
from cujax import lax
from cujax.engine.compiler.program import generated

RNG = np.random.default_rng(2)
TABLE = RNG.normal(size=(37, 40)).astype(np.float32)
S = cujax.ShapeDtypeStruct

FUNCTIONS = {
    "rows": lambda x, i: x[i] * 2,
    "rows, clamped": lambda x, i: x.at[i].get(mode="clip") + 1,
    "rows or zeros": lambda x, i: x.at[i].get(mode="fill", fill_value=0) + 1,
    "elements": lambda x, i: x[i, i] + x[-i, 3],
    "a window": lambda x, i: lax.dynamic_slice(x, (i[0], i[-1]), (9, 20)) * 2,
    "an update": lambda x, i: lax.dynamic_update_slice(x, x[:4, :5] * 2, (i[0], i[-1])),
    "a row along": lambda x, i: jnp.take(x, i, axis=1, mode="clip") - 1,
    "rolled": lambda x, i: jnp.roll(x, i[0] % 1000, 0) + jnp.roll(x, i[-1] % 1000, 1),
    "summed": lambda x, i: x.at[i].get(mode="clip").sum(0),
}  # fmt: skip


def places(dtype):
    info = np.iinfo(dtype)
    edges = [0, 1, 36, 37, 38, 39, 40, 41, info.max, info.max - 1, info.max - 36, info.min, info.min + 1, info.min + 37]
    return np.array(edges + [-1, -2, -37, -38, -40, -41] * (info.min < 0), dtype)


def text_of(function, *shapes):
    return "\n".join(k.text for k in generated(cujax.make_jaxpr(function)(*shapes).tape, "cuda").kernels)


@pytest.mark.skipif(bool(why_not()), reason=str(why_not()))
@pytest.mark.parametrize("dtype", ["int8", "int32", "uint32", "int64"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_places_at_the_ends_of_their_type(name, dtype, x64):
    with cujax.disable_jit():
        expected = [np.asarray(FUNCTIONS[name](jnp.asarray(TABLE), jnp.asarray(i))) for i in turns(dtype)]
    with emulated_backend(EmulatorTarget()):
        function = cujax.jit(FUNCTIONS[name])
        for i, values in zip(turns(dtype), expected, strict=True):
            np.testing.assert_allclose(function(TABLE, i), values, rtol=1e-6, atol=1e-6)


def turns(dtype):
    """Each place is the first once, and the last."""
    found = places(dtype)
    return [np.roll(found, k) for k in range(len(found))]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_clamped_places_have_32_bits(name):
    text = text_of(FUNCTIONS[name], S((3700, 400), np.float32), S((500,), np.int32))
    assert "int thread" in text or "int item" in text
    assert "cj::i64 thread" not in text and "cj::i64 item" not in text


def test_places_in_large_arrays_have_64():
    shapes = S((60_000, 40_000), np.float32), S((500,), np.int32)
    assert "cj::i64 thread" in text_of(FUNCTIONS["rows"], *shapes)
    shapes = S((4, 40), np.float32), S((60_000_000,), np.int32)
    assert "cj::i64 thread" in text_of(FUNCTIONS["rows"], *shapes)
