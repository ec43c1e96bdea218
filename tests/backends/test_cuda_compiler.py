"""NVRTC with our flags: it needs no GPU."""

from __future__ import annotations

import pickle
import struct

import pytest

from cujax.engine.backends import cuda_compiler, cuda_upload, kernel_headers
from cujax.engine.backends.cuda_compiler import Resources, compile_for, resources, resources_in, settings
from cujax.engine.backends.kernel_errors import KernelCompileError, compile_error
from cujax.engine.ground.config import config

nvrtc = pytest.importorskip("cupy_backends.cuda.libs.nvrtc", reason="CuPy is not installed; the test extra brings it")
try:
    nvrtc.getVersion()
except RuntimeError as error:
    pytest.skip(f"NVRTC is not installed; the test extra brings it ({error})", allow_module_level=True)

SCALE = """#include "prelude.h"
extern "C" __global__ void scale(const float* CJ_RESTRICT x, float* CJ_RESTRICT y, int n) {
    const int step = gridDim.x * blockDim.x;
    for (cj::i64 i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += step) y[i] = x[i] * 3.0f + 1.0f;
}
"""
REVERSE = """
extern "C" __global__ void reverse(int* x) {
    __shared__ int values[64];
    values[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    x[threadIdx.x] = values[63 - threadIdx.x];
}
"""
CROWDED = """
extern "C" __global__ void __launch_bounds__(1024) crowded(double* x, int n) {
    double a[64];
    for (int i = 0; i < 64; ++i) a[i] = x[i + threadIdx.x];
    for (int k = 0; k < n; ++k) for (int i = 0; i < 63; ++i) a[i] = a[i + 1] * a[i] + k;
    double sum = 0;
    for (int i = 0; i < 64; ++i) sum += a[i];
    x[threadIdx.x] = sum;
}
"""


def architecture_of(cubin: bytes) -> int:
    """The number in the flags of the ELF header: its lowest byte, in the format up to CUDA 12."""
    return struct.unpack_from("<I", cubin, 48)[0] & 0xFF


@pytest.mark.parametrize("arch", [80, 90])
def test_machine_code_for_an_architecture_without_a_device(arch):
    cubin = compile_for(SCALE, arch)
    assert cubin[:4] == b"\x7fELF"
    assert architecture_of(cubin) == arch
    assert b"scale" in cubin


def test_an_architecture_younger_than_the_compiler_gets_portable_code():
    youngest = max(nvrtc.getSupportedArchs())
    assert f".target sm_{youngest}".encode() in compile_for(SCALE, youngest + 50)
    assert settings(youngest + 50)[1] == f"-arch=compute_{youngest}"


def ptx_of(source: str) -> str:
    return compile_for(source, max(nvrtc.getSupportedArchs()) + 1).decode()


def test_products_and_sums_are_rounded_one_by_one_and_denormals_kept():
    text = ptx_of(SCALE)
    assert "fma" not in text
    assert "mul.f32" in text or "mul.rn.f32" in text
    assert ".ftz" not in text


def test_division_and_square_root_are_exact():
    text = ptx_of('extern "C" __global__ void f(float* x) { x[0] = sqrtf(x[0]) / x[1]; }')
    assert "div.rn.f32" in text
    assert "sqrt.rn.f32" in text
    assert "approx" not in text


def test_resources_of_each_kernel():
    found = resources(SCALE + REVERSE + CROWDED, 90)
    assert set(found) == {"scale", "reverse", "crowded"}
    assert found["scale"].spill_stores == found["scale"].spill_loads == found["scale"].stack == 0
    assert 0 < found["scale"].registers <= 32
    assert found["reverse"].shared == 256
    assert found["crowded"].registers == 64  # all that blocks of 1024 threads can have
    assert found["crowded"].spill_stores > 0


def test_the_kernels_of_uploads():
    found = resources(cuda_upload.source(), 80)
    assert set(found) == {f"store_{n}" for n in (1, 2, 4, 8, 16)}
    assert all(r.spill_stores == 0 for r in found.values())


def test_resources_in_a_log():
    log = """ptxas info    : 16 bytes gmem
ptxas info    : Compiling entry function 'f' for 'sm_80'
ptxas info    : Function properties for f
ptxas         .     664 bytes stack frame, 1448 bytes spill stores, 1456 bytes spill loads
ptxas info    : Used 64 registers, used 1 barriers, 664 bytes cumulative stack size, 128 bytes smem, 372 bytes cmem[0]
"""
    assert resources_in(log) == {"f": Resources(64, 1448, 1456, 664, 128)}


def test_a_refused_text_is_saved_and_the_log_told(tmp_path):
    with config.override("dump", str(tmp_path / "dump")), pytest.raises(KernelCompileError) as found:
        compile_for(SCALE + "\nnonsense here;\n", 90)
    error = found.value
    assert "nonsense" in error.log
    assert "\0" not in error.log
    assert error.compiler.startswith("NVRTC ")
    assert str(error).startswith(f"{error.compiler} does not compile the kernels of a program, saved in {error.path}:")
    assert 'identifier "nonsense" is undefined' in str(error)
    saved = tmp_path / "dump" / error.path.rsplit("/", 1)[1]
    assert saved.read_text() == SCALE + "\nnonsense here;\n"
    assert saved.suffix == ".cu"


def test_a_long_log_is_cut_and_a_text_that_cannot_be_saved_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with config.override("dump", str(tmp_path / "file")):
        error = compile_error("g++", "\n".join(f"line {i}" for i in range(40)), "text", ".cpp")
    assert error.path is None
    assert "which could not be saved" in str(error)
    assert "line 11\n  ... and 28 more lines" in str(error)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_settings_tell_apart_what_changes_the_code(monkeypatch, tmp_path):
    assert settings(80) != settings(90)
    assert any(part.startswith("NVRTC ") for part in settings(90))
    before = settings(90)
    (tmp_path / "prelude.h").write_text("// another header")
    monkeypatch.setattr(kernel_headers, "headers_folder", lambda: tmp_path)
    monkeypatch.setattr(cuda_compiler, "headers_digest", kernel_headers.headers_digest.__wrapped__)
    assert settings(90) != before
    monkeypatch.setattr(cuda_compiler, "FLAGS", ("--std=c++17",))
    assert "--fmad=false" not in settings(90)
