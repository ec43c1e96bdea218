"""Plans of cuDNN: from the description of a convolution to what can be executed, by heuristics.

`Convolution` describes one operation of cuDNN, of one of three kinds, over arrays in the order batch, feature,
spatial; strides say how they lie in memory, so any layout is one of these.  With one spatial axis and one group:

    FORWARD   y[n, k, q]  = sum over c, r of  x[n, c, q * stride + r * dilation - before] * w[k, c, r]
    DATA      x[n, c, p]  = sum over k, q, r with p = q * stride + r * dilation - before  of  y[n, k, q] * w[k, c, r]
    FILTER    w[k, c, r]  = sum over n, q of  x[n, c, q * stride + r * dilation - before] * y[n, k, q]

cuDNN has many *engines* for each, which its heuristics rank.  Engines carry notes, and `forbidden_notes` decides which
are out of the question: those that round float32 operands to ten bits, and those whose results do not repeat.  The
first engine of the rest that takes the operation becomes the plan.

A result may have an *epilogue*, nodes of the graph that change each number before it is written.  cuDNN has kernels for
[+ tensor] + bias [max(result, 0)] after FORWARD, in this order, for all layouts and groups, where every step is in the
dtype of the sums.  Anything else is compiled at run time, if at all: to find out that it is not takes a minute.  So
engines that compile are left out where there is an epilogue, and a plan is found or refused within milliseconds.

Nothing here needs a device: a `Planner` may be given the properties of one that is not there.  Start reading at
`Planner.find`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum
from itertools import islice
from math import prod
from typing import NamedTuple

from cujax.engine.backends import disk_cache
from cujax.engine.backends.cudnn_api import (
    Attribute,
    ConvolutionMode,
    Cudnn,
    CudnnError,
    DataType,
    Descriptor,
    HeuristicMode,
    Kind,
    Note,
    PointwiseMode,
    Type,
)

Shape = tuple[int, ...]


class Role(Enum):
    """The array that is computed from the other two: the result, or the gradient in the data or in the filter."""

    FORWARD = "y"
    DATA = "x"
    FILTER = "w"


class Tensor(NamedTuple):
    """How an array lies in memory.  strides: in elements.  alignment: bytes of which its address is a multiple."""

    shape: Shape
    strides: Shape
    alignment: int


class Node(NamedTuple):
    """A step of an epilogue: what is done with a number, and with which of a tensor, whose axes of length 1 repeat."""

    mode: PointwiseMode
    tensor: Tensor | None


class Convolution(NamedTuple):
    """An operation of cuDNN, see above.  Groups follow from the features of `x` and `w`.

    before, after: the padding of `x`.  is_reversed: the filter is reversed in space.  epilogue: see above.
    """

    role: Role
    dtype: str
    x: Tensor
    w: Tensor
    y: Tensor
    strides: Shape
    dilation: Shape
    before: Shape
    after: Shape
    is_reversed: bool
    epilogue: tuple[Node, ...] = ()


class Numerics(NamedTuple):
    """What a caller accepts: products of float32 rounded to TF32, results that differ from call to call."""

    allows_tf32: bool
    is_deterministic: bool


def forbidden_notes(dtype: str, numerics: Numerics) -> frozenset[Note]:
    """The notes of engines that must not be used."""
    forbidden = {Note.REDUCED_PRECISION_REDUCTION}
    if dtype == "float32" and not numerics.allows_tf32:
        forbidden |= {Note.TENSOR_CORE, Note.DOWN_CONVERT_INPUTS}
    if numerics.is_deterministic:
        forbidden.add(Note.NONDETERMINISTIC)
    return frozenset(forbidden)


class Plan(NamedTuple):
    """What is executed.  workspace: bytes of scratch memory."""

    descriptor: Descriptor
    workspace: int


# --- descriptors --------------------------------------------------------------------------------------------

_IDS = {"x": 1, "w": 2, "y": 3}
_FIRST_OF_NODES = len(_IDS) + 1  # of the tensors that nodes read
_FIRST_VIRTUAL = 100  # of the results between nodes, which are never in memory
_PROPAGATE_NAN = 1
_OPERATIONS = {  # the kind of descriptor, and what its attributes begin with
    Role.FORWARD: (Kind.OPERATION_CONVOLUTION_FORWARD, "FORWARD"),
    Role.DATA: (Kind.OPERATION_CONVOLUTION_BACKWARD_DATA, "BWD_DATA"),
    Role.FILTER: (Kind.OPERATION_CONVOLUTION_BACKWARD_FILTER, "BWD_FILTER"),
}
_NAMES = {  # of the three arrays, in the attributes of an operation
    Role.FORWARD: {"x": "X", "w": "W", "y": "Y"},
    Role.DATA: {"x": "DX", "w": "W", "y": "DY"},
    Role.FILTER: {"x": "X", "w": "DW", "y": "DY"},
}


def _tensor(cudnn: Cudnn, number: int, dtype: str, tensor: Tensor) -> Descriptor:
    is_virtual = number >= _FIRST_VIRTUAL
    return (
        cudnn.descriptor(Kind.TENSOR)
        .set(Attribute.TENSOR_UNIQUE_ID, number)
        .set(Attribute.TENSOR_DATA_TYPE, DataType[dtype])
        .set(Attribute.TENSOR_DIMENSIONS, *tensor.shape)
        .set(Attribute.TENSOR_STRIDES, *tensor.strides)
        .set(Attribute.TENSOR_BYTE_ALIGNMENT, tensor.alignment)
        .set(Attribute.TENSOR_IS_VIRTUAL, is_virtual)
        .finalize()
    )


def _computed_in(op: Convolution) -> DataType:
    return DataType.float64 if op.dtype == "float64" else DataType.float32


def _window(cudnn: Cudnn, op: Convolution) -> Descriptor:
    mode = ConvolutionMode.CONVOLUTION if op.is_reversed else ConvolutionMode.CROSS_CORRELATION
    return (
        cudnn.descriptor(Kind.CONVOLUTION)
        .set(Attribute.CONVOLUTION_COMP_TYPE, _computed_in(op))
        .set(Attribute.CONVOLUTION_CONV_MODE, mode)
        .set(Attribute.CONVOLUTION_SPATIAL_DIMS, len(op.strides))
        .set(Attribute.CONVOLUTION_PRE_PADDINGS, *op.before)
        .set(Attribute.CONVOLUTION_POST_PADDINGS, *op.after)
        .set(Attribute.CONVOLUTION_DILATIONS, *op.dilation)
        .set(Attribute.CONVOLUTION_FILTER_STRIDES, *op.strides)
        .finalize()
    )


def _graph(cudnn: Cudnn, handle: int | None, op: Convolution) -> Descriptor:
    """The graph of an operation and its epilogue."""
    kind, prefix = _OPERATIONS[op.role]

    def attribute(name: str) -> Attribute:
        return Attribute[f"OPERATION_CONVOLUTION_{prefix}_{name}"]

    scalar = Type.DOUBLE if op.dtype == "float64" else Type.FLOAT
    operation = cudnn.descriptor(kind)
    operation.set(attribute("ALPHA"), 1.0, type=scalar).set(attribute("BETA"), 0.0, type=scalar)
    operation.set(attribute("CONV_DESC"), _window(cudnn, op))
    result = op.role.value
    results = [_tensor(cudnn, i, op.dtype, getattr(op, result)) for i in _numbers_of_results(op)]
    for name, number in _IDS.items():
        tensor = results[0] if name == result else _tensor(cudnn, number, op.dtype, getattr(op, name))
        operation.set(attribute(_NAMES[op.role][name]), tensor)
    nodes = [_node(cudnn, op, i, *results[i : i + 2]) for i in range(len(op.epilogue))]
    graph = cudnn.descriptor(Kind.OPERATIONGRAPH).set(Attribute.OPERATIONGRAPH_OPS, operation.finalize(), *nodes)
    if handle is not None:
        graph.set(Attribute.OPERATIONGRAPH_HANDLE, handle)
    return graph.finalize()


def _numbers_of_results(op: Convolution) -> list[int]:
    """The IDs of what the operation gives and of what each node makes of it, of which the last one is an array."""
    return [*range(_FIRST_VIRTUAL, _FIRST_VIRTUAL + len(op.epilogue)), _IDS[op.role.value]]


def _node(cudnn: Cudnn, op: Convolution, i: int, before: Descriptor, after: Descriptor) -> Descriptor:
    """Node `i` of the epilogue."""
    mode, tensor = op.epilogue[i]
    pointwise = (
        cudnn.descriptor(Kind.POINTWISE)
        .set(Attribute.POINTWISE_MODE, mode)
        .set(Attribute.POINTWISE_MATH_PREC, _computed_in(op))
        .set(Attribute.POINTWISE_NAN_PROPAGATION, _PROPAGATE_NAN)
        .finalize()
    )
    operation = cudnn.descriptor(Kind.OPERATION_POINTWISE).set(Attribute.OPERATION_POINTWISE_PW_DESCRIPTOR, pointwise)
    operation.set(Attribute.OPERATION_POINTWISE_XDESC, before).set(Attribute.OPERATION_POINTWISE_YDESC, after)
    if tensor is not None:
        number = _FIRST_OF_NODES + sum(node.tensor is not None for node in op.epilogue[:i])
        operation.set(Attribute.OPERATION_POINTWISE_BDESC, _tensor(cudnn, number, op.dtype, tensor))
    return operation.finalize()


def variant_pack(cudnn: Cudnn, addresses: Sequence[int], workspace: int) -> Descriptor:
    """The addresses with which a plan is executed: of x, w and y, then of the tensors that nodes read."""
    return (
        cudnn.descriptor(Kind.VARIANT_PACK)
        .set(Attribute.VARIANT_PACK_UNIQUE_IDS, *range(1, len(addresses) + 1))
        .set(Attribute.VARIANT_PACK_DATA_POINTERS, *addresses)
        .set(Attribute.VARIANT_PACK_WORKSPACE, workspace)
        .finalize()
    )


# --- plans --------------------------------------------------------------------------------------------------


class Planner:
    """Finds plans for one device: that of `handle`, or one that `properties` (JSON, as cuDNN has it) describe.

    device: a name by which the choices of equal devices are kept on disk; "" keeps none.
    """

    def __init__(
        self, cudnn: Cudnn, handle: int | None = None, properties: bytes | None = None, device: str = ""
    ) -> None:
        self._cudnn, self._handle, self._device = cudnn, handle, device
        self._properties = None
        if properties is not None:
            self._properties = cudnn.descriptor(Kind.DEVICEPROP)
            self._properties.set_text(Attribute.DEVICEPROP_JSON_REPRESENTATION, properties).finalize()

    def find(self, op: Convolution, numerics: Numerics) -> Plan | None:
        """The plan that the heuristics rank first, None where there is none."""
        return next(self.candidates(op, numerics), None)

    def candidates(self, op: Convolution, numerics: Numerics) -> Iterator[Plan]:
        """All plans that may be used, as the heuristics rank them."""
        forbidden = forbidden_notes(op.dtype, numerics)
        for notes, configuration in self.configurations(op):
            if not notes & forbidden:
                plan = self._build(configuration)
                if plan is not None and plan.workspace <= most_workspace(op):
                    yield plan

    def configurations(self, op: Convolution) -> Iterator[tuple[frozenset[Note], Descriptor]]:
        """Configurations of engines, with the engines' notes; none where cuDNN does not know such an operation."""
        try:
            graph = _graph(self._cudnn, self._handle, op)
        except CudnnError:
            return
        for mode in (HeuristicMode.A, HeuristicMode.FALLBACK):
            for configuration in self._ranked(graph, mode):
                (engine,) = configuration.descriptors(Attribute.ENGINECFG_ENGINE, Kind.ENGINE, 1)
                if not (op.epilogue and engine.compiles_at_run_time()):
                    yield engine.notes(), configuration

    def _ranked(self, graph: Descriptor, mode: HeuristicMode) -> list[Descriptor]:
        heuristics = self._cudnn.descriptor(Kind.ENGINEHEUR)
        heuristics.set(Attribute.ENGINEHEUR_OPERATION_GRAPH, graph).set(Attribute.ENGINEHEUR_MODE, mode)
        if self._properties is not None:
            heuristics.set(Attribute.ENGINEHEUR_DEVICEPROP, self._properties)
        try:
            heuristics.finalize()
            count = heuristics.count(Attribute.ENGINEHEUR_RESULTS)
        except CudnnError:
            return []
        return heuristics.descriptors(Attribute.ENGINEHEUR_RESULTS, Kind.ENGINECFG, count)

    def _build(self, configuration: Descriptor) -> Plan | None:
        """A plan of a configuration, None where the engine does not take the operation after all."""
        try:
            return self._finish(self._unfinished().set(Attribute.EXECUTION_PLAN_ENGINE_CONFIG, configuration))
        except CudnnError:
            return None

    def _unfinished(self) -> Descriptor:
        plan = self._cudnn.descriptor(Kind.EXECUTION_PLAN)
        if self._handle is not None:
            plan.set(Attribute.EXECUTION_PLAN_HANDLE, self._handle)
        if self._properties is not None:
            plan.set(Attribute.EXECUTION_PLAN_DEVICEPROP, self._properties)
        return plan

    def _finish(self, plan: Descriptor) -> Plan:
        plan.finalize()
        (workspace,) = plan.ints(Attribute.EXECUTION_PLAN_WORKSPACE_SIZE)
        return Plan(plan, workspace)

    # --- choices on disk --------------------------------------------------------------------------------
    # Their numbers are kept, not plans: some that cuDNN reads back from its JSON compute something else (9.19: with
    # the factor 1 of float64 as the bits of a float).

    def chosen(self, op: Convolution, numerics: Numerics) -> Plan | None:
        """The candidate that was kept as the fastest; None where none was, or it is no candidate any more."""
        text = disk_cache.configured().get(self._key(op, numerics)) if self._device else None
        if text is None or not text.isdigit():
            return None
        return next(islice(self.candidates(op, numerics), int(text), None), None)

    def keep(self, op: Convolution, numerics: Numerics, number: int) -> None:
        """Remember which of the candidates is the fastest."""
        if self._device:
            disk_cache.configured().put(self._key(op, numerics), str(number).encode())

    def _key(self, op: Convolution, numerics: Numerics) -> str:
        """What a choice is kept under: all that decides on it."""
        return disk_cache.key_of("cudnn", str(self._cudnn.version), self._device, repr(op), repr(numerics))


def most_workspace(op: Convolution) -> int:
    """Bytes of scratch memory that a plan may take: room to lay all arrays out anew, and some more."""
    size = 8 if op.dtype == "float64" else 4
    elements = sum(prod(t.shape) for t in (op.x, op.w, op.y))
    return max(2 * size * elements, 2**28)
