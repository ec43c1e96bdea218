"""Generated kernels on some 2**31 elements, by the blocks that touch the places where indices could go wrong."""

from __future__ import annotations

import numpy as np
import pytest

import cujax.numpy as jnp
from cujax.engine.compiler.program import generated
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.recording import record_pure
from emulator import EmulatorTarget, reserve, slots_of

# The most for which indices of 32 bits may be taken, nearly, and too many for them; multiples of 11.
LENGTHS = [n - n % 11 for n in (2**31 - 2_170_000, 2**31 + 77)]

# A function of a vector of n, and in which element of it the result has its element i from.
FUNCTIONS = {
    "elementwise": (lambda x: x ^ 1, lambda i, n: i),
    "reversed": (lambda x: x[::-1] ^ 1, lambda i, n: n - 1 - i),
    "rolled": (lambda x: jnp.roll(x, 3) ^ 1, lambda i, n: (i - 3) % n),
    "strided": (lambda x: x[5::3] ^ 1, lambda i, n: 5 + 3 * i),
    "transposed": (lambda x: (x.reshape(-1, 11).T ^ 1).ravel(), lambda i, n: i % (n // 11) * 11 + i // (n // 11)),
}


def blocks_of(places, call):
    """The blocks whose threads stride over these elements, one by one or in packs of sixteen."""
    threads = call.blocks[0] * call.threads
    return sorted({int(i) // width % threads // call.threads for i in places for width in (1, 16)})


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_generated_kernels_find_the_last_elements(name, n):
    function, source_of = FUNCTIONS[name]
    tape = record_pure(lambda x: [function(x)], [ShapedArray((n,), np.dtype(np.uint8))])
    made = generated(tape, "cuda")
    (kernel,) = made.kernels
    (call,) = kernel.calls
    x, out = reserve(n, np.uint8), reserve(tape.out_avals[0].size, np.uint8)
    places = np.unique([0, 1, 2, out.size // 2, min(2**31, out.size - 3), out.size - 2, out.size - 1])
    values = np.arange(len(places)) * 2 + 2
    x[[source_of(int(i), n) for i in places]] = values

    target = EmulatorTarget()
    handle = target.compile(made.source).function(call.name)
    slots = slots_of(x, out, *call.sizes)
    target.launch(handle, call.blocks, (call.threads,), 0, slots, blocks=blocks_of(places, call))
    assert out[places].tolist() == (values + 1).tolist()


# Functions of a vector of n that lead through an array of n * n numbers, which is never written.
THROUGH_SQUARES = {
    "shifted": lambda x, n: jnp.concatenate([jnp.zeros(3, x.dtype), jnp.outer(x, x).ravel()[:-3]]).reshape(n, n).sum(1),
    "without the diagonal": lambda x, n: jnp.outer(x, x).ravel()[:-1].reshape(n - 1, n + 1)[:, 1:].sum(1),
    "numbered": lambda x, n: (x * jnp.arange(n * n, dtype=x.dtype).reshape(n, n)).sum(1),
    "every other": lambda x, n: jnp.outer(x, x).T.ravel()[::2],
}


@pytest.mark.parametrize("name", THROUGH_SQUARES)
def test_places_in_between_are_counted_in_64_bits_where_32_are_too_few(name):
    def text(n):
        tape = record_pure(lambda x: [THROUGH_SQUARES[name](x, n)], [ShapedArray((n,), np.dtype(np.float32))])
        return generated(tape, "cuda").source

    assert "int n0" in text(30_000)
    assert "int n0" not in text(60_000)


def test_the_last_row_of_a_large_square_that_is_never_written():
    n = 60_000
    tape = record_pure(lambda x: [THROUGH_SQUARES["shifted"](x, n)], [ShapedArray((n,), np.dtype(np.float32))])
    made = generated(tape, "cuda")
    (kernel,) = made.kernels
    (call,) = kernel.calls
    x, out = np.zeros(n, np.float32), np.full(n, -1, np.float32)
    x[[0, n - 1]] = 1
    target = EmulatorTarget()
    blocks = sorted({row % call.blocks[0] for row in (0, 1, n - 1)})
    handle = target.compile(made.source).function(call.name)
    target.launch(handle, call.blocks, (call.threads,), 0, slots_of(x, out, *call.sizes), blocks=blocks)
    assert np.flatnonzero(out == 1).tolist() == [0, 1, n - 1]
    assert np.flatnonzero(out == 0).size > 50  # other rows of these blocks
