"""What was read in sources or tried on a mock driver, and decides designs: captures, conditional nodes."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from cujax.engine.backends.cuda_graph_driver import LIBRARIES, GraphDriver, KernelNode
from cujax.engine.backends.cuda_launch import Launch

cupy = pytest.importorskip("cupy", reason="CuPy is not installed")


def captured(run):
    """Run, then capture and replay `run` on a stream of its own; the result of the replay."""
    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        run()
        stream.synchronize()
        stream.begin_capture()
        try:
            out = run()
        finally:
            graph = stream.end_capture()
        out.fill(0)
        graph.launch(stream)
        stream.synchronize()
    return out.get()


def draw(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


CAPTURED = {
    "elementwise": lambda x: x * 2 + 1,
    "sum by CUB": lambda x: x.sum(),
    "sort by Thrust": lambda x: cupy.sort(x.ravel()),
    "cumsum": lambda x: cupy.cumsum(x.ravel()),
    "fft by cuFFT": lambda x: cupy.fft.fft(x),
    "product by cuBLAS": lambda x: x @ x,
    "cholesky by cuSOLVER": lambda x: cupy.linalg.cholesky(x @ x.T + 100 * cupy.eye(64, dtype=x.dtype)),
}


@pytest.mark.parametrize("name", CAPTURED)
def test_what_can_be_captured(name, figure):
    """A note for the report: CuPy may refuse, and then programs run such steps outside of graphs, as they do."""
    x = cupy.asarray(draw(64, 64))
    expected = CAPTURED[name](x).get()
    try:
        out = captured(lambda: CAPTURED[name](x))
    except Exception as error:
        figure(f"capture of {name}: {type(error).__name__}", 0, "")
        return
    figure(f"capture of {name}: works", 1, "")
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-4)


CONDITION = """
extern "C" __device__ void cudaGraphSetConditional(unsigned long long handle, unsigned int value);
extern "C" __global__ void count(int* counter, unsigned long long handle, int limit) {
    cudaGraphSetConditional(handle, ++*counter < limit);
}
"""


class ConditionalParams(ctypes.Structure):
    """CUgraphNodeParams of a conditional node."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("reserved0", ctypes.c_int * 3),
        ("handle", ctypes.c_uint64),
        ("kind", ctypes.c_int),
        ("size", ctypes.c_uint),
        ("bodies", ctypes.POINTER(ctypes.c_void_p)),
        ("context", ctypes.c_void_p),
        ("padding", ctypes.c_longlong * 25),
        ("reserved2", ctypes.c_longlong),
    )


def test_a_loop_on_the_device(backend, figure):
    """A WHILE node whose body counts until the kernel in it clears the condition."""
    library = ctypes.CDLL(LIBRARIES[0])
    driver, pointer, counter = GraphDriver(library), ctypes.c_void_p, cupy.zeros(1, np.int32)
    context = driver.context()
    assert ctypes.sizeof(ConditionalParams) == 256

    def check(status: int) -> None:
        assert status == 0, f"CUDA error {status}"

    graph, executable, node, handle = pointer(), pointer(), pointer(), ctypes.c_uint64()
    check(library.cuGraphCreate(ctypes.byref(graph), 0))
    check(library.cuGraphConditionalHandleCreate(ctypes.byref(handle), graph, pointer(context), 1, 1))
    params = ConditionalParams(type=13, handle=handle.value, kind=1, size=1, context=context)
    check(library.cuGraphAddNode(ctypes.byref(node), graph, None, ctypes.c_size_t(0), ctypes.byref(params)))
    module = backend.kernels.compile(CONDITION)
    limit = 100_000
    slots = np.array([counter.data.ptr, handle.value, limit], np.uint64)
    launch = Launch(module.function("count"), (1, 1, 1), (1, 1, 1), 0, slots)
    body, inner = KernelNode.of(launch, context), pointer()
    check(
        library.cuGraphAddKernelNode_v2(
            ctypes.byref(inner), pointer(params.bodies[0]), None, ctypes.c_size_t(0), ctypes.byref(body)
        )
    )
    check(library.cuGraphInstantiateWithFlags(ctypes.byref(executable), graph, ctypes.c_ulonglong(0)))
    start, end = cupy.cuda.Event(), cupy.cuda.Event()
    start.record()
    driver.launch(executable.value or 0, 0)
    end.record()
    end.synchronize()
    assert int(counter[0]) == limit
    figure("one iteration of a loop on the device", cupy.cuda.get_elapsed_time(start, end) * 1e3 / limit, "us")
    driver.destroy(graph.value or 0, executable.value or 0)
