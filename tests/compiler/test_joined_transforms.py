"""Transforms in stacks on a GPU: which ones, in what order of the steps, and that values are the same."""

from __future__ import annotations

import numpy as np
import pytest
from emulator import why_not
from emulator.backend import emulated_backend

import cujax
import cujax.numpy as jnp
from cujax.api.inspect import record_call
from cujax.engine.compiler import joined_transforms
from cujax.engine.compiler.joined_transforms import join_transforms
from cujax.engine.compiler.kernel import Kernel
from cujax.engine.compiler.passes import optimized
from cujax.engine.compiler.program import generated

X = np.random.default_rng(0).standard_normal((2, 24, 16)).astype(np.float32)


def transforms_of(function, language="cuda", x=X) -> list:
    """The shapes of what the program transforms by library calls, in their order."""
    tape = optimized(record_call("jit", function, (cujax.ShapeDtypeStruct(x.shape, x.dtype),), {}).tape)
    steps = [s for s in generated(tape, language, (), ()).steps if not isinstance(s, Kernel)]
    return [s.inputs[0].aval.shape for s in steps if s.primitive.name in ("fft", "unscaled_fft")]


def stages(x):
    """Two levels of three transforms, each level mixed by what comes after it; one more that stands alone."""
    for _ in range(2):
        a, b, c = (jnp.fft.fft2(x * k).real for k in (0.5, 0.25, 0.125))
        x = (a * b + c) / 100
    return x, jnp.fft.rfft(x - 1)


def test_independent_transforms_are_one_call():
    assert transforms_of(stages) == [(3, 2, 24, 16), (3, 2, 24, 16), (2, 24, 16)]
    assert len(transforms_of(stages, "host")) == 7


@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
def test_values_are_those_of_single_calls():
    expected = stages(X.astype(np.float64))
    with emulated_backend():
        found = cujax.jit(lambda x: stages(x))(X)
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(np.asarray(a), b, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("function", "count"), [
    (lambda x: (jnp.fft.rfft(x), jnp.fft.rfft(x * 2)), 2),  # what is in memory would be copied
    (lambda x: (jnp.fft.rfft(x * 2), jnp.fft.rfft(x[:1] * 2)), 2),
    (lambda x: (jnp.fft.fft(x * 2), jnp.fft.fft2(x * 3)), 2),
    (lambda x: (jnp.fft.fft(x * 2), jnp.fft.ifft(x * (3 + 0j))), 2),
    (lambda x: jnp.fft.fft(jnp.fft.fft(x * (1 + 0j)) * 2), 2),  # one waits for the other
    (lambda x: (jnp.fft.rfft(jnp.sort(x)), jnp.fft.rfft(jnp.sort(x, 1))), 2),
], ids=["inputs", "shapes", "axes", "directions", "in turn", "of library calls"])  # fmt: skip
def test_what_stays_apart(function, count):
    assert len(transforms_of(function)) == count


def test_stacks_are_bounded(monkeypatch):
    three = 3 * X.size * 8
    for most, expected in ((three, [3, 3]), (three - 1, [2, 2, 2]), (X.size, [])):
        monkeypatch.setattr(joined_transforms, "MOST_BYTES", most)
        found = transforms_of(lambda x: [jnp.fft.fft(x * k) for k in range(6)])
        assert [shape[0] for shape in found if len(shape) == 4] == expected


def test_a_tape_with_effects_stays_as_it_is():
    def function(x):
        y = jnp.fft.fft(x * 2)
        cujax.debug.print("{}", x[0, 0, 0])
        return y + jnp.fft.fft(x * 3)

    tape = record_call("jit", function, (cujax.ShapeDtypeStruct(X.shape, X.dtype),), {}).tape
    assert join_transforms(tape) is tape
