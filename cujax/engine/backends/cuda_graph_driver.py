"""CUDA graphs of kernels: the handful of functions of the driver's library that CuPy does not wrap, by ctypes.

The graph is built node by node and not captured from a stream, so that nothing else that happens on the
machine meanwhile can get into it or forbid it.  Names of functions and structures are those of cuda.h, where
they are specified; all of them stand in every driver since CUDA 12.0.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

from cujax.engine.backends.cuda_launch import LIBRARIES, Launch


class CudaError(RuntimeError):
    """A function of the driver failed; `status` is its CUresult."""

    def __init__(self, function: str, status: int, name: str) -> None:
        super().__init__(f"{function}: {name} ({status})")
        self.status = status


class KernelNode(ctypes.Structure):
    """CUDA_KERNEL_NODE_PARAMS_v2: a launch as a node of a graph."""

    _fields_ = (
        ("func", ctypes.c_void_p),
        ("grid", ctypes.c_uint * 3),
        ("block", ctypes.c_uint * 3),
        ("shared_bytes", ctypes.c_uint),
        ("parameters", ctypes.c_void_p),
        ("extra", ctypes.c_void_p),
        ("kern", ctypes.c_void_p),
        ("context", ctypes.c_void_p),
    )

    @staticmethod
    def of(launch: Launch, context: int) -> KernelNode:
        """The node of `launch`; it points to the launch's slots."""
        pointers = launch.pointers.ctypes.data
        return KernelNode(
            launch.function, launch.grid, launch.block, launch.shared_bytes, pointers, None, None, context
        )


class GraphDriver:
    """Functions of the driver's library, which raise `CudaError`."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        pointer, number = ctypes.c_void_p, ctypes.c_uint
        self._get_context = self._function("cuCtxGetCurrent", pointer)
        self._create = self._function("cuGraphCreate", pointer, number)
        self._add = self._function(
            "cuGraphAddKernelNode_v2", pointer, pointer, pointer, ctypes.c_size_t, pointer
        )
        self._instantiate = self._function(
            "cuGraphInstantiateWithFlags", pointer, pointer, ctypes.c_ulonglong
        )
        self._set_parameters = self._function("cuGraphExecKernelNodeSetParams_v2", *[pointer] * 3)
        self._launch = self._function("cuGraphLaunch", pointer, pointer)
        self._destroy = self._function("cuGraphDestroy", pointer)
        self._destroy_exec = self._function("cuGraphExecDestroy", pointer)

    def _function(self, name: str, *kinds: type) -> ctypes._NamedFuncPointer:
        function = getattr(self._library, name)
        function.argtypes, function.restype = kinds, ctypes.c_int
        return function

    def _check(self, function: str, status: int) -> None:
        if status:
            text = ctypes.c_char_p()
            self._library.cuGetErrorName(status, ctypes.byref(text))
            raise CudaError(function, status, (text.value or b"unknown error").decode())

    def context(self) -> int:
        """The context of this thread, 0 when there is none yet."""
        found = ctypes.c_void_p()
        self._check("cuCtxGetCurrent", self._get_context(ctypes.byref(found)))
        return found.value or 0

    def chain(self, nodes: Sequence[KernelNode]) -> tuple[int, int, list[int]]:
        """A graph that runs `nodes` one after the other: the graph, its executable form, its nodes."""
        graph = ctypes.c_void_p()
        self._check("cuGraphCreate", self._create(ctypes.byref(graph), 0))
        try:
            handles = self._add_in_order(graph, nodes)
            executable = ctypes.c_void_p()
            status = self._instantiate(ctypes.byref(executable), graph, 0)
            self._check("cuGraphInstantiateWithFlags", status)
        except CudaError:
            self._destroy(graph)
            raise
        return graph.value or 0, executable.value or 0, handles

    def _add_in_order(self, graph: ctypes.c_void_p, nodes: Sequence[KernelNode]) -> list[int]:
        handles: list[int] = []
        for node in nodes:
            handle = ctypes.c_void_p()
            before = (ctypes.c_void_p * 1)(*handles[-1:])
            status = self._add(
                ctypes.byref(handle), graph, before, len(handles[-1:]), ctypes.byref(node)
            )
            self._check("cuGraphAddKernelNode", status)
            handles.append(handle.value or 0)
        return handles

    def update(self, executable: int, handle: int, node: int) -> None:
        """Give a node the parameters that the structure at address `node` has now, from the next launch on."""
        self._check("cuGraphExecKernelNodeSetParams", self._set_parameters(executable, handle, node))

    def launch(self, executable: int, stream: int) -> None:
        """Put the graph into the stream's queue, behind the previous launches of itself as well."""
        self._check("cuGraphLaunch", self._launch(executable, stream))

    def destroy(self, graph: int, executable: int) -> None:
        """Free both; a launch that still runs is finished first."""
        self._destroy_exec(executable)
        self._destroy(graph)


def graph_driver() -> GraphDriver | None:
    """The functions for graphs, None where the driver is absent or too old for them."""
    for name in LIBRARIES:
        try:
            return GraphDriver(ctypes.CDLL(name))
        except (OSError, AttributeError):
            continue
    return None
