"""The real cuDNN, planning for a device that is not there: `make test-cudnn`, in a process of its own.

Planning needs no GPU, but one part of cuDNN wants a driver's library to be loaded.  Where there is none a stand-in is
compiled, all of whose functions fail; other tests must not see it, so that this folder is skipped where
CUJAX_TEST_CUDNN is not set.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from pathlib import Path

import pytest

from cujax.engine.backends.cudnn_api import Cudnn, CudnnMissing, load
from cujax.engine.backends.cudnn_plans import Planner

_FAILING = (
    "cuCtxGetCurrent", "cuCtxGetLimit", "cuCtxPopCurrent", "cuCtxPushCurrent", "cuDeviceGet", "cuDeviceGetCount",
    "cuGetErrorName", "cuGetErrorString", "cuKernelGetAttribute", "cuKernelGetFunction", "cuKernelSetAttribute",
    "cuLaunchCooperativeKernel", "cuLaunchKernel", "cuLaunchKernelEx", "cuLibraryGetKernel", "cuLibraryLoadData",
    "cuLibraryLoadFromFile", "cuLibraryUnload", "cuLinkAddData", "cuLinkComplete", "cuLinkCreate", "cuLinkDestroy",
    "cuModuleGetFunction", "cuModuleLoadData", "cuModuleUnload", "cuOccupancyMaxPotentialClusterSize",
    "cuStreamGetCtx", "cuTensorMapEncodeIm2col", "cuTensorMapEncodeTiled",
)
_NO_DEVICE = 100  # CUDA_ERROR_NO_DEVICE
_DRIVER = "libcuda.so.1"


@pytest.fixture(scope="session")
def driver(tmp_path_factory) -> None:
    """A driver's library, or one that stands in for it, is loaded."""
    try:
        ctypes.CDLL(_DRIVER)
    except OSError:
        _stand_in(tmp_path_factory.mktemp("driver"))


def _stand_in(folder: Path) -> None:
    text = [f"int {name}(void) {{ return {_NO_DEVICE}; }}" for name in _FAILING]
    text.append("int cuDriverGetVersion(int* version) { *version = 13000; return 0; }")
    source, library = folder / "driver.c", folder / _DRIVER
    source.write_text("\n".join(text))
    subprocess.run(["cc", "-shared", "-fPIC", f"-Wl,-soname,{_DRIVER}", "-o", library, source], check=True)
    ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)  # found by its soname from now on


@pytest.fixture(scope="session")
def library() -> Cudnn:
    """cuDNN, for whichever CUDA it is made."""
    if not os.environ.get("CUJAX_TEST_CUDNN"):
        pytest.skip("cuDNN is tested in a process of its own: make test-cudnn")
    reasons = []
    for cuda_major in (13, 12):
        try:
            return load(cuda_major)
        except CudnnMissing as error:
            reasons.append(str(error))
    pytest.fail(f"cuDNN cannot be used: {'; '.join(reasons)}")


@pytest.fixture(scope="session")
def planner(library, driver) -> Planner:
    """Plans for an NVIDIA H200."""
    return Planner(library, properties=Path(__file__).with_name("h200.json").read_bytes())
