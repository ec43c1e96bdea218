"""The factor of inverse transforms in the kernels around them: where it goes, and that values are the same."""

from __future__ import annotations

import numpy as np
import pytest
from emulator import why_not
from emulator.backend import emulated_backend

import cujax
import cujax.numpy as jnp
from cujax.api.inspect import record_call
from cujax.engine.compiler.kernel import Kernel
from cujax.engine.compiler.passes import optimized
from cujax.engine.compiler.program import Program, generated
from cujax.engine.compiler.unscaled_transforms import leave_out_factors

X = np.random.default_rng(0).standard_normal((24, 9)).astype(np.float32) * (1 + 0.5j)

FUNCTIONS = {
    "read by a kernel": (lambda x: jnp.fft.irfft(x) + 1, ["unscaled_fft", "kernel"]),
    "made by a kernel": (lambda x: jnp.fft.irfft2(x * 2), ["kernel", "unscaled_fft"]),
    "both": (lambda x: jnp.fft.ifft(x * 2) * 3, ["kernel", "unscaled_fft", "kernel"]),
    "neither": (lambda x: jnp.fft.ifft(x), ["fft"]),
    "between libraries": (lambda x: jnp.fft.fft(jnp.fft.ifft(x)), ["fft", "fft"]),
    "read by a kernel and a library": (lambda x: (jnp.fft.fft(y := jnp.fft.ifft(x)), y * 2), ["fft", "kernel", "fft"]),
    "an operand that others read": (lambda x: (y := x * 2, jnp.fft.ifft(y)), ["kernel", "fft"]),
    "forward": (lambda x: jnp.fft.fft(x * 2) * 2, ["kernel", "fft", "kernel"]),
    "only parts are read": (lambda x: jnp.fft.ifft2(x)[3:5, ::2].imag, ["unscaled_fft", "kernel"]),
}


def tape_of(function):
    return optimized(record_call("jit", function, (cujax.ShapeDtypeStruct(X.shape, X.dtype),), {}).tape)


def steps_of(function, language: str = "cuda") -> list[str]:
    steps = generated(tape_of(function), language, (), ()).steps
    return ["kernel" if isinstance(s, Kernel) else s.primitive.name for s in steps]


@pytest.mark.parametrize(("function", "steps"), FUNCTIONS.values(), ids=FUNCTIONS)
def test_where_the_factor_is(function, steps):
    assert sorted(steps_of(function)) == sorted(steps)
    assert "unscaled_fft" not in steps_of(function, "host")


@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
@pytest.mark.parametrize("function", [f for f, _ in FUNCTIONS.values()], ids=FUNCTIONS)
def test_values(function):
    expected = function(X)
    with emulated_backend():
        found = cujax.jit(lambda x: function(x))(X)
        for a, b in zip(jnp.atleast_1d(*found) if isinstance(found, tuple) else [found],
                        expected if isinstance(expected, tuple) else [expected], strict=True):
            np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-5, atol=1e-5)


@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
def test_an_infinity_stays_in_its_part():
    x = X.copy()
    x[0, 0] = complex(np.inf, 1)
    with emulated_backend():
        found = np.asarray(cujax.jit(lambda x: jnp.fft.ifft(x).imag)(x))
    np.testing.assert_array_equal(np.isnan(found), np.isnan(np.fft.ifft(x).imag))


def test_a_tape_without_inverses_is_the_same_tape():
    tape = tape_of(lambda x: jnp.fft.fft(x * 2) * 2)
    assert leave_out_factors(tape) is tape


# --- operands that may be spoilt --------------------------------------------------------------------------------------


def spoilt_in(function) -> list[bool]:
    """For each transform of the program, whether it may spoil its operand."""
    with emulated_backend() as backend:
        steps = Program(tape_of(function), backend.kernels).steps
        return [step.params.get("spoils", False) for step in steps if "fft_type" in getattr(step, "params", {})]


@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
@pytest.mark.parametrize(("function", "expected"), [
    (lambda x: jnp.fft.irfft(x * 2), [True]),
    (lambda x: jnp.fft.irfft(x), [False]),  # the caller's
    (lambda x: (y := x * 2, jnp.fft.irfft(y)), [False]),  # a result
    (lambda x: (jnp.fft.irfft(y := x * 2), jnp.fft.irfft(y, 14)), [False, True]),  # somebody reads it afterwards
    (lambda x: (jnp.fft.irfft(jnp.sort(x)),), [False]),
], ids=["a kernel's", "an input", "a result", "read twice", "a library's"])  # fmt: skip
def test_which_operands_may_be_spoilt(function, expected):
    assert spoilt_in(function) == expected
