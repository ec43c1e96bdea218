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
