"""Programs of jitted functions on the backend that stands in for a GPU's."""

from __future__ import annotations

import numpy as np
import pytest

import cujax
import cujax.numpy as jnp
from cujax.engine.backends import select
from cujax.engine.backends.api import KernelCall
from emulator import (
    EmulatedBackend,
    EmulatorError,
    EmulatorTarget,
    SanitizedTarget,
    emulated_backend,
    same_in_all_orders,
)

SOURCE = r"""
extern "C" __global__ void scaled(const double* x, double* out, int n, long long by) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) out[i] = by * x[i];
}

extern "C" __global__ void running(const double* x, double* out, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) out[i] = i ? out[i - 1] + x[i] : x[i];
}
"""


def mixed(x, y):
    shifted = jnp.sqrt(abs(x)) * y + jnp.roll(x, 1, axis=1)
    return shifted, shifted.sum(axis=1), jnp.max(x, axis=0), jnp.argmax(x), x[::2].at[1].add(3)


def operands():
    rng = np.random.default_rng(0)
    return jnp.asarray(rng.standard_normal((33, 65))), jnp.asarray(rng.standard_normal(65))


@pytest.mark.parametrize("target", [EmulatorTarget(), EmulatorTarget(find_races=True), SanitizedTarget()])
def test_a_jitted_function(target):
    x, y = operands()
    expected = mixed(x, y)
    with emulated_backend(target):
        found = cujax.jit(lambda x, y: mixed(x, y))(x, y)
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=2e-6, atol=1e-6)


def test_a_jitted_function_in_all_orders():
    x, y = operands()
    with emulated_backend() as backend:
        f = cujax.jit(lambda x, y: mixed(x, y))
        same_in_all_orders(backend.kernels, lambda: [np.asarray(r) for r in f(x, y)])


def test_launches_as_programs_make_them():
    target = EmulatedBackend().kernels
    module = target.compile(SOURCE)
    x, out = np.arange(100.0), np.zeros(100)
    target.launcher(module, KernelCall("scaled", (100, 2**40), 100, (2, 1), 32))([x, out])
    assert (out == x * 2**40).all()
    run = target.launcher(module, KernelCall("running", (100,), 100, (4, 1), 32))

    def once():
        out = np.zeros(100)
        run([x, out])
        return out

    with pytest.raises(EmulatorError, match="race: result 0"):
        same_in_all_orders(target, once)


def test_the_backend_before_comes_back():
    before = select._selected
    with pytest.raises(KeyError), emulated_backend() as backend:
        assert select.selected() is backend and backend.name == "emulator" and backend.kernels.language == "cuda"
        raise KeyError
    assert select._selected is before
