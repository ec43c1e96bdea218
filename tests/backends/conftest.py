"""A driver without a device, for the tests of the cuda backend."""

from __future__ import annotations

import pytest
from mock_cuda import MockCuda, build


@pytest.fixture(scope="session")
def mock_driver(tmp_path_factory):
    """The library of a driver that this process uses beside the real one, if there is one."""
    return build(tmp_path_factory.mktemp("mock"), "libmock_cuda.so")


@pytest.fixture
def cuda(mock_driver, monkeypatch):
    """The mock driver, which also gets the launches that go through CuPy."""
    driver = pytest.importorskip("cupy_backends.cuda.api.driver", reason="CuPy is not installed")
    runtime = pytest.importorskip("cupy.cuda.runtime")
    mock = MockCuda(mock_driver)
    monkeypatch.setattr(driver, "launchKernel", mock.launch_kernel)
    monkeypatch.setattr(runtime, "memGetInfo", lambda: (2**30, 2**36))
    return mock


@pytest.fixture
def gpu(monkeypatch):
    """Makes GPUs: `gpu(2)` replaces CuPy's devices by two whose memory is the host's."""
    pytest.importorskip("cupy", reason="CuPy is not installed; the test extra brings it")
    from fake_gpu import FakeGpu

    def install(count: int) -> FakeGpu:
        found = FakeGpu(count)
        found.install(monkeypatch)
        return found

    return install
