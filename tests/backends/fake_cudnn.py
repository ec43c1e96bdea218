"""cuDNN in Python: its C functions over descriptors that are dictionaries, and NumPy in place of its engines.

It takes what `cudnn_api.py` passes by ctypes, and executes plans on the host's memory, at the addresses in their packs.
"""

from __future__ import annotations

import ctypes
from functools import partial
from itertools import count
from typing import Any, NamedTuple

import cudnn_reference
import numpy as np

from cujax.engine.backends.cudnn_api import (
    Attribute,
    ConvolutionMode,
    DataType,
    HeuristicMode,
    Kind,
    Note,
    PointwiseMode,
)
from cujax.engine.backends.cudnn_plans import Convolution, Node, Role, Tensor

_NAMES = {attribute.value[0]: attribute for attribute in Attribute}
_ROLES = {
    Kind.OPERATION_CONVOLUTION_FORWARD: (Role.FORWARD, "FORWARD", ("X", "W", "Y")),
    Kind.OPERATION_CONVOLUTION_BACKWARD_DATA: (Role.DATA, "BWD_DATA", ("DX", "W", "DY")),
    Kind.OPERATION_CONVOLUTION_BACKWARD_FILTER: (Role.FILTER, "BWD_FILTER", ("X", "DW", "DY")),
}
REFUSED = 3000  # CUDNN_STATUS_NOT_SUPPORTED
FAILED = 5000  # CUDNN_STATUS_EXECUTION_FAILED


class Engine(NamedTuple):
    """builds: whether it takes the operation.  runs: whether its plans can be executed.  compiles: at run time."""

    number: int
    notes: tuple[Note, ...] = ()
    workspace: int = 0
    builds: bool = True
    runs: bool = True
    compiles: bool = False


class FakeCudnn:
    """The library.  executed: (handle's stream, engine, workspace) of each execution.  asked: how many heuristics."""

    def __init__(self, *engines: Engine, fallback: tuple[Engine, ...] = ()) -> None:
        self.engines = {HeuristicMode.A: engines, HeuristicMode.FALLBACK: fallback}
        self.descriptors: dict[int, dict[Any, Any]] = {}
        self.streams: dict[int, int] = {}
        self.executed: list[tuple[int, int, int]] = []
        self.asked = 0
        self.handles_fail = False
        self._planned: list[Convolution] = []  # by the numbers that stand for them in JSON
        self._addresses = count(1000)
        for name in (
            "cudnnCreate", "cudnnSetStream", "cudnnGetVersion", "cudnnGetErrorString", "cudnnGetLastErrorString",
            "cudnnBackendCreateDescriptor", "cudnnBackendDestroyDescriptor", "cudnnBackendFinalize",
            "cudnnBackendSetAttribute", "cudnnBackendGetAttribute", "cudnnBackendExecute",
        ):  # fmt: skip
            setattr(self, name, partial(getattr(self, "_" + name.removeprefix("cudnn"))))  # its attributes can be set

    def _GetVersion(self) -> int:
        return 92801

    def _GetErrorString(self, status: int) -> bytes:
        return {REFUSED: b"CUDNN_STATUS_NOT_SUPPORTED", FAILED: b"CUDNN_STATUS_EXECUTION_FAILED"}[status]

    def _GetLastErrorString(self, text: Any, size: int) -> int:
        text.value = b"because it is a fake"
        return 0

    def _Create(self, handle: Any) -> int:
        handle._obj.value = next(self._addresses)
        return FAILED if self.handles_fail else 0

    def _SetStream(self, handle: int, stream: int) -> int:
        self.streams[handle] = stream
        return 0

    def _BackendCreateDescriptor(self, kind: int, address: Any) -> int:
        address._obj.value = next(self._addresses)
        self.descriptors[address._obj.value] = {"kind": Kind(kind)}
        return 0

    def _BackendDestroyDescriptor(self, address: int) -> int:
        del self.descriptors[address]
        return 0

    def _BackendSetAttribute(self, address: int, number: int, kind: int, size: int, values: Any) -> int:
        attribute = _NAMES[number]
        found = values.raw if isinstance(values, ctypes.Array) and values._type_ is ctypes.c_char else list(values)
        assert len(found) == size
        if attribute.value[1].name == "BACKEND_DESCRIPTOR":
            found = [self.descriptors[v] for v in found]  # copies outlive the originals
        self.descriptors[address][attribute] = found
        return 0

    def _BackendFinalize(self, address: int) -> int:
        found = self.descriptors[address]
        if found["kind"] is Kind.ENGINEHEUR:
            self.asked += 1
        if found["kind"] is Kind.EXECUTION_PLAN:
            return self._finalize_plan(found)
        return 0

    def _finalize_plan(self, plan: dict[Any, Any]) -> int:
        (configuration,) = plan[Attribute.EXECUTION_PLAN_ENGINE_CONFIG]
        plan["engine"], plan["op"] = configuration["engine"], configuration["op"]
        return 0 if plan["engine"].builds else REFUSED

    def _BackendGetAttribute(self, address: int, number: int, kind: int, size: int, found: Any, target: Any) -> int:
        values = self._values(self.descriptors[address], _NAMES[number])
        found._obj.value = len(values)
        for i, value in enumerate(values[:size]):
            if isinstance(value, dict):
                self.descriptors[target[i]].update(value)
            else:
                target[i] = value
        return 0

    def _values(self, source: dict[Any, Any], attribute: Attribute) -> Any:
        if attribute is Attribute.ENGINEHEUR_RESULTS:
            (graph,), (mode,) = source[Attribute.ENGINEHEUR_OPERATION_GRAPH], source[Attribute.ENGINEHEUR_MODE]
            op = description(*graph[Attribute.OPERATIONGRAPH_OPS])
            return [{"engine": engine, "op": op} for engine in self.engines[HeuristicMode(mode)]]
        engine = source["engine"]
        if attribute is Attribute.ENGINECFG_ENGINE:
            return [{"engine": engine}]
        return {
            Attribute.ENGINE_NUMERICAL_NOTE: [*engine.notes, 77],  # and one that came later
            Attribute.ENGINE_BEHAVIOR_NOTE: [3, *[0] * engine.compiles],
            Attribute.EXECUTION_PLAN_WORKSPACE_SIZE: [engine.workspace],
        }[attribute]

    def _BackendExecute(self, handle: int, plan: int, pack: int) -> int:
        engine, op = self.descriptors[plan]["engine"], self.descriptors[plan]["op"]
        given = self.descriptors[pack]
        (workspace,) = given[Attribute.VARIANT_PACK_WORKSPACE]
        self.executed.append((self.streams[handle], engine.number, workspace or 0))
        if not engine.runs:
            return FAILED
        addresses = dict(
            zip(given[Attribute.VARIANT_PACK_UNIQUE_IDS], given[Attribute.VARIANT_PACK_DATA_POINTERS], strict=True)
        )
        tensors = [op.x, op.w, op.y, *[node.tensor for node in op.epilogue if node.tensor is not None]]
        cudnn_reference.run(op, *[array_at(addresses[i], t, op.dtype) for i, t in enumerate(tensors, 1)])
        return 0


def description(operation: dict[Any, Any], *nodes: dict[Any, Any]) -> Convolution:
    """What the attributes of an operation and of the nodes after it say."""
    role, prefix, names = _ROLES[operation["kind"]]

    def attribute(name: str) -> Any:
        return operation[Attribute[f"OPERATION_CONVOLUTION_{prefix}_{name}"]][0]

    assert (attribute("ALPHA"), attribute("BETA")) == (1, 0)
    window, tensors = attribute("CONV_DESC"), [attribute(name) for name in names]
    result = "xwy".index(role.value)
    tensors[result], epilogue = after_nodes(tensors[result], nodes)
    assert all(is_array(t, number) for number, t in enumerate(tensors, 1))
    dtypes = {DataType(t[Attribute.TENSOR_DATA_TYPE][0]).name for t in tensors}
    (dtype,) = dtypes
    (summed,) = window[Attribute.CONVOLUTION_COMP_TYPE]
    assert DataType(summed).name == ("float64" if dtype == "float64" else "float32")
    numbers = [
        tuple(window[name]) for name in (
            Attribute.CONVOLUTION_FILTER_STRIDES, Attribute.CONVOLUTION_DILATIONS, Attribute.CONVOLUTION_PRE_PADDINGS,
            Attribute.CONVOLUTION_POST_PADDINGS,
        )
    ]  # fmt: skip
    assert window[Attribute.CONVOLUTION_SPATIAL_DIMS] == [len(numbers[0])]
    (mode,) = window[Attribute.CONVOLUTION_CONV_MODE]
    is_reversed = mode == ConvolutionMode.CONVOLUTION
    return Convolution(role, dtype, *map(tensor_of, tensors), *numbers, is_reversed, epilogue)


def after_nodes(result: dict[Any, Any], nodes: tuple[dict[Any, Any], ...]) -> tuple[dict[Any, Any], tuple[Node, ...]]:
    """What nodes make of a result, one after the other, and what their attributes say."""
    found, numbers = [], count(4)
    for node in nodes:
        assert result[Attribute.TENSOR_IS_VIRTUAL] == [True]
        assert node[Attribute.OPERATION_POINTWISE_XDESC] == [result]
        (pointwise,) = node[Attribute.OPERATION_POINTWISE_PW_DESCRIPTOR]
        assert pointwise[Attribute.POINTWISE_MATH_PREC] == result[Attribute.TENSOR_DATA_TYPE]
        assert pointwise[Attribute.POINTWISE_NAN_PROPAGATION] == [1]
        (other,) = node.get(Attribute.OPERATION_POINTWISE_BDESC, [None])
        assert other is None or is_array(other, next(numbers))
        mode = PointwiseMode(pointwise[Attribute.POINTWISE_MODE][0])
        found.append(Node(mode, None if other is None else tensor_of(other)))
        before, (result,) = result, node[Attribute.OPERATION_POINTWISE_YDESC]
        assert tensor_of(before) == tensor_of(result)
    return result, tuple(found)


def is_array(tensor: dict[Any, Any], number: int) -> bool:
    """Whether it is in memory, under this number."""
    return tensor[Attribute.TENSOR_UNIQUE_ID] == [number] and tensor[Attribute.TENSOR_IS_VIRTUAL] == [False]


def tensor_of(given: dict[Any, Any]) -> Tensor:
    shape, strides = given[Attribute.TENSOR_DIMENSIONS], given[Attribute.TENSOR_STRIDES]
    return Tensor(tuple(shape), tuple(strides), given[Attribute.TENSOR_BYTE_ALIGNMENT][0])


def array_at(address: int, tensor: Tensor, dtype: str) -> np.ndarray:
    """All memory that `tensor` reaches, flat."""
    reach = sum((n - 1) * s for n, s in zip(tensor.shape, tensor.strides, strict=True)) + 1
    kind = np.dtype(dtype)
    return np.frombuffer((ctypes.c_char * (reach * kind.itemsize)).from_address(address), kind)
