"""NVRTC compiles the kernels of the device to machine code, for two architectures; it needs no GPU.

The golden kernels, with their registers and spills, and the kernels of all rows of op_samples; in few sources, to
save the time of starting the compiler.
"""

from __future__ import annotations

import re
from itertools import product

import jax
import numpy as np
import pytest
from op_samples import SAMPLES
from programs import CASES
from test_ops import draw, made, ours, preferred

import cujax
import cujax.numpy as jnp
from cujax.engine.backends import cuda_convolution, tridiagonal_kernel
from cujax.engine.backends.cuda_compiler import compile_for, resources
from cujax.engine.compiler.generate import source_of
from cujax.engine.compiler.kernel import Kernel
from cujax.engine.compiler.program import generated
from cujax.engine.core.recording import record_pure
from cujax.engine.core.trace import aval_of
from cujax.engine.ground.config import config

nvrtc = pytest.importorskip("cupy_backends.cuda.libs.nvrtc", reason="CuPy is not installed; the test extra brings it")
try:
    nvrtc.getVersion()
except RuntimeError as error:
    pytest.skip(f"NVRTC is not installed; the test extra brings it ({error})", allow_module_level=True)

ARCHITECTURES = (80, 90)
GROUPS = 3


def renamed(kernel: Kernel, prefix: str) -> Kernel:
    """Kernels of several programs in one source need names of their own."""
    name = r"\b(fused|copy|scan|while|cond|matrices)_(\w+)\("
    return kernel._replace(text=re.sub(name, rf"{prefix}_\1_\2(", kernel.text))


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_the_tridiagonal_kernel_compiles_without_spills(arch, record_property):
    for dtype, rows in product((np.dtype(np.float32), np.dtype(np.float64)), (0, 16, 32, 90)):
        inside = tridiagonal_kernel._inside_rows(dtype, (1, min(rows, 46), 1)) if rows else 0
        (taken,) = resources(tridiagonal_kernel.source("cuda", dtype, inside), arch).values()
        record_property(f"tridiagonal {dtype}, {inside} rows inside", f"{taken.registers} registers")
        assert taken.spill_stores == taken.spill_loads == 0, taken


@pytest.mark.parametrize(
    ("dtype", "arch", "most"),
    [("float32", 80, 128), ("float32", 90, 128), ("float64", 80, 128), ("float64", 90, 128), ("int64", 80, 168),
     ("complex128", 90, 168)],
)  # fmt: skip
def test_convolutions_compile_without_spills(dtype, arch, most, record_property):
    """In the large tile, which leaves the fewest registers, `most`; with slices, for the kernel that adds them."""
    dtypes = (np.dtype(dtype),) * 3
    tile = cuda_convolution.tiles_for(dtypes[1])[0]
    variant = cuda_convolution.Variant(dtypes, tile, "ALONG_ROWS", "ALONG_DEPTH", False, True)
    for name, taken in resources(cuda_convolution.source(variant), arch).items():
        record_property(f"{name} {dtype}", f"{taken.registers} registers, {taken.shared} bytes shared")
        assert taken.spill_stores == taken.spill_loads == taken.stack == 0 and taken.registers <= most, (name, taken)
        assert taken.shared <= 35 * 1024


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_golden_kernels_compile_without_spills(arch, record_property):
    kernels = []
    for name, case in CASES.items():
        tape = cujax.make_jaxpr(case.function)(*case.args).tape
        kernels += [renamed(k, name) for k in generated(tape, "cuda").kernels]
    found = resources(source_of(kernels), arch)
    assert len(found) >= len(CASES)
    for kernel, taken in found.items():
        record_property(kernel, f"{taken.registers} registers")
        assert taken.spill_stores == taken.spill_loads == 0 and taken.registers <= 128, (kernel, taken)


SUMS = {
    "chain": lambda x: (jnp.sin(x) * jnp.exp(-0.1 * x) + jnp.sqrt(x) * jnp.log(x)).sum(),
    "special": lambda x: (cujax.scipy.special.gammaln(x) + jnp.tanh(x)).sum(),
    "polynomial": lambda x: sum(x**k * (k + 0.1) for k in range(12)).sum(),
    "norms": lambda x: (x.sum(), (x * x).sum(), abs(x).max()),
    "place": lambda x: (jnp.argmax(x), x.min()),
    "product": lambda x: (x * x[::-1]).sum(),
}


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("name", SUMS)
def test_all_chunks_of_a_sum_run_at_once(name, arch):
    """Where their registers are bounded, without spills."""
    x = cujax.ShapeDtypeStruct((1 << 24,), np.float32)
    kernels = generated(cujax.make_jaxpr(SUMS[name])(x).tape, "cuda").kernels
    found = resources(source_of(kernels), arch)
    assert all(taken.spill_stores == taken.spill_loads == 0 for taken in found.values())
    for kernel in [k for k in kernels if "__launch_bounds__(256, 8)" in k.text]:
        assert found[kernel.calls[0].name].registers <= 32
    assert any("__launch_bounds__" in k.text for k in kernels) == (name not in ("place", "product"))


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
def test_the_largest_filters_stay_in_registers(dtype):
    """Those of as many bytes as `convolution_by_window` takes: 8 x 8 terms of 8 bytes."""
    shape = (4, 8) if dtype == "complex128" else (8, 8)
    with config.override("enable_x64", True):
        x, y = (cujax.ShapeDtypeStruct((1, 1, *s), dtype) for s in ((70, 90), shape))
        tape = cujax.make_jaxpr(lambda x, y: cujax.lax.conv(x, y, (1, 1), "SAME"))(x, y).tape
        (kernel,) = generated(tape, "cuda").kernels
    (taken,) = resources(source_of([kernel]), ARCHITECTURES[-1]).values()
    assert taken.spill_stores == taken.spill_loads == 0, taken


def kernels_of(sample) -> list[Kernel]:
    """The device's kernels for the row, in the dtype that its other tests prefer."""
    operands = made(sample, draw(sample, preferred(sample)))
    tape = record_pure(lambda *xs: ours(sample, *xs), [aval_of(x) for x in operands], str(sample))
    return generated(tape, "cuda").kernels


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("group", range(GROUPS))
def test_kernels_of_all_ops_compile(group, arch):
    kernels = []
    with config.override("enable_x64", True), jax.enable_x64(True):
        for number, sample in enumerate(SAMPLES[group::GROUPS]):
            kernels += [renamed(k, f"k{number}") for k in kernels_of(sample)]
    assert len(kernels) > 10
    assert compile_for(source_of(kernels), arch)
