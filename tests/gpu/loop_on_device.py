"""A loop whose iterations are a graph's, run by the device alone: prints the microseconds of one.

    python tests/gpu/loop_on_device.py      exit status 0 if the loop has counted to its limit

A WHILE node, whose body counts until the kernel in it clears the condition.  A process of its own, since what goes
wrong on a device leaves a process without one.
"""

from __future__ import annotations

import ctypes

import cupy
import numpy as np

from cujax.engine.backends.cuda import CudaBackend
from cujax.engine.backends.cuda_graph_driver import LIBRARIES, GraphDriver, KernelNode
from cujax.engine.backends.cuda_launch import Launch

LIMIT = 100_000
SOURCE = """
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


assert ctypes.sizeof(ConditionalParams) == 256


def check(status: int) -> None:
    """Stops at an error of the driver."""
    assert status == 0, f"CUDA error {status}"


def microseconds() -> float:
    """Of one iteration.  AssertionError if the driver refuses or the loop has not counted to its limit."""
    library, pointer, reference = ctypes.CDLL(LIBRARIES[0]), ctypes.c_void_p, ctypes.byref
    none = ctypes.c_size_t(0)
    driver, counter = GraphDriver(library), cupy.zeros(1, np.int32)
    stream = cupy.cuda.Stream(non_blocking=True)
    context = driver.context()
    graph, executable, node, handle = pointer(), pointer(), pointer(), ctypes.c_uint64()
    check(library.cuGraphCreate(reference(graph), 0))
    check(library.cuGraphConditionalHandleCreate(reference(handle), graph, pointer(context), 1, 1))
    params = ConditionalParams(type=13, handle=handle.value, kind=1, size=1, context=context)
    check(library.cuGraphAddNode(reference(node), graph, None, none, reference(params)))
    module = CudaBackend().kernels.compile(SOURCE)
    slots = np.array([counter.data.ptr, handle.value, LIMIT], np.uint64)
    launch = Launch(module.function("count"), (1, 1, 1), (1, 1, 1), 0, slots)
    body, inner = KernelNode.of(launch, context), pointer()
    check(library.cuGraphAddKernelNode_v2(reference(inner), pointer(params.bodies[0]), None, none, reference(body)))
    check(library.cuGraphInstantiateWithFlags(reference(executable), graph, ctypes.c_ulonglong(0)))
    check(library.cuGraphUpload(executable, pointer(stream.ptr)))
    cupy.cuda.Device().synchronize()  # the counter is zero and the graph on the device
    start, end = cupy.cuda.Event(), cupy.cuda.Event()
    start.record(stream)
    driver.launch(executable.value or 0, stream.ptr)
    end.record(stream)
    end.synchronize()
    assert int(counter[0]) == LIMIT, f"counted to {int(counter[0])} and not to {LIMIT}"
    driver.destroy(graph.value or 0, executable.value or 0)
    return cupy.cuda.get_elapsed_time(start, end) * 1e3 / LIMIT


if __name__ == "__main__":
    print(microseconds())
