"""cuDNN has a plan for every convolution that is mapped to it, and it is one that may be used.

CUJAX_CUDNN_CASES: how many arguments are drawn for each dtype (100 by default; 2000 takes 20 minutes).
"""

from __future__ import annotations

import os
import time
from collections import Counter
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from cudnn_cases import Case, cases

import cujax
from cujax import lax
from cujax.engine.backends import cudnn, numpy_library
from cujax.engine.backends.cudnn_api import Note, PointwiseMode
from cujax.engine.backends.cudnn_call import Call, Epilogue, Outlines
from cujax.engine.backends.cudnn_convolution import Window, convolve
from cujax.engine.backends.cudnn_plans import (
    Convolution,
    Node,
    Numerics,
    Plan,
    Planner,
    Role,
    Tensor,
    forbidden_notes,
    most_workspace,
)
from cujax.engine.compiler.epilogues import fuse_epilogues
from cujax.engine.compiler.passes import optimized
from cujax.engine.ground.config import config
from cujax.engine.ops.conv_dimensions import conv_dimension_numbers
from cujax.engine.ops.convolution_epilogue import has_plan

COUNT = int(os.environ.get("CUJAX_CUDNN_CASES", "100"))
DTYPES = {"float32": np.float32, "float64": np.float64, "float16": np.float16, "bfloat16": ml_dtypes.bfloat16}
STRICT, LOOSE = Numerics(False, True), Numerics(True, False)


@pytest.fixture
def planned(planner, monkeypatch) -> list[tuple[Call, dict[Numerics, Plan | None]]]:
    """Convolutions outside `jit` are planned and not computed; the calls, with their plans."""
    found: list[tuple[Call, dict[Numerics, Plan | None]]] = []

    def plan(call: Call) -> bool:
        found.append((call, {numerics: planner.find(call.op, numerics) for numerics in (STRICT, LOOSE)}))
        return None not in found[-1][1].values()

    def convolution(lhs: Any, rhs: Any, out_axes: Any, allows_tf32: bool, *window: Any, **named: Any) -> Any | None:
        if lhs.dtype in cudnn._DTYPES:
            return convolve(np, lhs, rhs, out_axes, Window(*window, **named), lambda a: a.ctypes.data, plan)
        return None

    monkeypatch.setattr(numpy_library, "convolution", convolution)
    return found


def plan_with_gradients(case: Case, dtype: Any) -> None:
    """The convolution, and both gradients."""
    with config.override("enable_x64", True):
        x, y = case.operands(dtype)
        out, gradients = cujax.vjp(lambda x, y: lax.conv_general_dilated(x, y, **case.options), x, y)
        gradients(np.zeros(out.shape, dtype))


# --- arguments drawn at random ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_convolution_and_gradient_has_plans(planned, dtype):
    for case in cases(COUNT, seed=2, features=9, length=12):
        plan_with_gradients(case, DTYPES[dtype])
    for call, plans in planned:
        for numerics, plan in plans.items():
            assert plan is not None, f"{call.op} has no plan with {numerics}"
            assert plan.workspace <= most_workspace(call.op)
    assert len(planned) > 2 * COUNT
    assert {call.op.role for call, _ in planned} == set(Role)


# --- convolutions of networks -----------------------------------------------------------------------------------

NETWORK = {
    "3 x 3": ((64, 64, 3, 3), {"padding": "SAME"}),
    "stride": ((64, 64, 3, 3), {"padding": "SAME", "window_strides": (2, 2)}),
    "dilated": ((64, 64, 3, 3), {"padding": "SAME", "rhs_dilation": (2, 2)}),
    "1 x 1": ((32, 64, 1, 1), {}),
    "7 x 7": ((64, 64, 7, 7), {"padding": "SAME"}),
    "4 groups": ((64, 16, 3, 3), {"padding": "SAME", "feature_group_count": 4}),
    "depthwise": ((64, 1, 3, 3), {"padding": "SAME", "feature_group_count": 64}),
    "transposed": ((64, 64, 3, 3), {"padding": ((1, 2), (1, 2)), "lhs_dilation": (2, 2)}),
}
LAYOUTS = (("NCHW", "OIHW", "NCHW"), ("NHWC", "HWIO", "NHWC"), ("CHWN", "IHWO", "CHWN"))


def network(name: str, names: tuple[str, str, str]) -> Case:
    rhs, changed = NETWORK[name]
    lengths = dict(zip("NCHW", (8, 64, 32, 32), strict=True)), dict(zip("OIHW", rhs, strict=True))
    options = {"window_strides": (1, 1), "padding": "VALID", "dimension_numbers": names, **changed}
    return Case(tuple(lengths[0][c] for c in names[0]), tuple(lengths[1][c] for c in names[1]), options)


def notes_of(planner: Planner, op: Convolution) -> list[frozenset[Note]]:
    return [notes for notes, _ in planner.configurations(op)]


@pytest.mark.parametrize("names", LAYOUTS, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_networks_have_plans_in_every_layout(planned, dtype, names):
    for name in NETWORK:
        planned.clear()
        plan_with_gradients(network(name, names), DTYPES[dtype])
        assert all(plan is not None for _, plans in planned for plan in plans.values()), name
        assert len(planned) == 3, name  # each by the way that is tried first
    kinds = Counter(call.op.role for call, _ in planned)
    assert kinds[Role.FILTER] == 1


def test_float32_has_engines_with_and_without_tensor_cores(planned, planner):
    plan_with_gradients(network("3 x 3", LAYOUTS[1]), np.float32)
    for call, _ in planned:
        allowed = {
            numerics: [n for n in notes_of(planner, call.op) if not n & forbidden_notes("float32", numerics)]
            for numerics in (STRICT, LOOSE)
        }
        assert Note.TENSOR_CORE in allowed[LOOSE][0]
        assert allowed[STRICT]
        assert not any(notes & {Note.TENSOR_CORE, Note.DOWN_CONVERT_INPUTS} for notes in allowed[STRICT])


def test_some_gradients_do_not_repeat_unless_they_must(planned, planner):
    plan_with_gradients(network("3 x 3", LAYOUTS[0]), np.float64)
    (call,) = [call for call, _ in planned if call.op.role is Role.FILTER]
    notes = notes_of(planner, call.op)
    assert Note.NONDETERMINISTIC in notes[0]
    assert any(Note.NONDETERMINISTIC not in n for n in notes)


# --- epilogues --------------------------------------------------------------------------------------------------

SQUARE = ("NHWC", "HWIO", "NHWC")
CUBE = ("NHWDC", "HWDIO", "NHWDC")
LAYERS = {  # shapes of lhs and rhs in these layouts: benchmark W12, ResNet, and what is around them
    "W12": ((8, 128, 128, 16), (3, 3, 16, 32), SQUARE),
    **{f"ResNet at {n}": ((8, n, n, c), (3, 3, c, c), SQUARE) for n, c in ((56, 64), (28, 128), (14, 256), (7, 512))},
    "volume": ((1, 64, 64, 64, 16), (3, 3, 3, 16, 16), CUBE),
    "row": ((8, 128, 16), (3, 16, 32), ("NHC", "HIO", "NHC")),
    "odd": ((3, 13, 11, 35), (3, 2, 35, 7), SQUARE),
    "1 x 1": ((8, 14, 14, 256), (1, 1, 256, 64), SQUARE),
    "first": ((8, 224, 224, 3), (7, 7, 3, 64), SQUARE),
}
WAYS = {
    "": {}, "stride": {"window_strides": 2}, "dilation": {"rhs_dilation": 2}, "asymmetric": {"padding": (0, 1)},
    "negative": {"padding": (-1, 1)},
}


def layer(name: str, way: str, dtype: Any, is_last: bool) -> tuple[Any, list[Any]]:
    """A function with everything that cuDNN adds, and its operands; is_last: features are the last axis."""
    lhs, rhs, (lhs_names, rhs_names, _) = LAYERS[name]
    spatial = len(lhs) - 2
    shapes = dict(zip(lhs_names, lhs, strict=True)), dict(zip(rhs_names, rhs, strict=True))
    letters = lhs_names.replace("N", "").replace("C", "")
    names = (lhs_names, rhs_names, lhs_names) if is_last else ("NC" + letters, "OI" + letters, "NC" + letters)
    given = {"window_strides": 1, "padding": (1, 1), **WAYS[way]}
    options = {key: (value,) * spatial for key, value in given.items()} | {"dimension_numbers": names}
    bias = (-1,) if is_last else (-1, *(1,) * spatial)

    def apply(x: Any, w: Any, b: Any, r: Any) -> Any:
        return cujax.nn.relu(lax.conv_general_dilated(x, w, **options) + r + b.reshape(bias))

    x, w = (
        cujax.ShapeDtypeStruct(tuple(lengths[c] for c in order), dtype)
        for lengths, order in zip(shapes, names, strict=False)
    )
    out = cujax.eval_shape(lambda x, w: lax.conv_general_dilated(x, w, **options), x, w)
    return apply, [x, w, cujax.ShapeDtypeStruct((shapes[1]["O"],), dtype), out]


@pytest.fixture
def fused(planner, monkeypatch):
    """Rewrites a tape where cuDNN has plans, of either numerics; the names of the equations."""
    asked: list[Convolution] = []

    def plan(call: Call) -> bool:
        asked.append(call.op)
        return all(planner.find(call.op, numerics) is not None for numerics in (STRICT, LOOSE))

    def plans_convolution(lhs: Any, rhs: Any, out_axes: Any, allows_tf32: bool, *window: Any) -> bool:
        *window, epilogue = window
        given = lhs, rhs, out_axes, Window(*window), Outlines.address_of, plan, epilogue
        return convolve(Outlines, *given) is not None

    monkeypatch.setattr(numpy_library, "plans_convolution", plans_convolution)

    def rewrite(function: Any, operands: list[Any]) -> list[str]:
        with config.override("enable_x64", True):
            tape = fuse_epilogues(optimized(cujax.make_jaxpr(function)(*operands).tape), has_plan)
        return [e.primitive.name for e in tape.eqns]

    return rewrite, asked


@pytest.mark.parametrize("is_last", [True, False], ids=["channels last", "channels first"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("way", WAYS)
def test_layers_have_plans_with_epilogues(fused, way, dtype, is_last):
    rewrite, asked = fused
    for name in LAYERS:
        with config.override("enable_x64", True):
            function, operands = layer(name, way, dtype, is_last)
        names = rewrite(function, operands)
        assert "convolution_epilogue" in names and "add" not in names, name
    assert all(len(op.epilogue) == 3 for op in asked)
    assert len(asked) == len(LAYERS)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_forward_convolution_has_plans_with_an_epilogue(planner, dtype):
    asked: list[Convolution] = []

    def plan(call: Call) -> bool:
        asked.append(call.op)
        return all(planner.find(call.op, numerics) is not None for numerics in (STRICT, LOOSE))

    for case in cases(COUNT, seed=2, features=9, length=12):
        axes = conv_dimension_numbers(case.lhs, case.rhs, case.options["dimension_numbers"])
        window = Window(**{k: v for k, v in case.options.items() if k != "dimension_numbers"})
        x, w = (Outlines.empty(s, dtype).transpose(a) for s, a in zip((case.lhs, case.rhs), axes[:2], strict=True))
        shape = (x.shape[0] // window.batch_group_count, w.shape[0], *window.places(x.shape, w.shape))
        residual = Outlines.empty([shape[axes[2].index(i)] for i in range(x.ndim)], dtype)
        epilogue = Epilogue(residual, Outlines.empty(shape[1:2], dtype), True)
        before = len(asked)
        found = convolve(Outlines, x, w, axes[2], window, Outlines.address_of, plan, epilogue)
        assert found is not None or len(asked) == before, asked[-1]
    assert len(asked) > COUNT // 10


EPILOGUES = {
    "bias": "b", "bias and maximum": "bm", "sum and bias": "rb", "sum, bias and maximum": "rbm",
    "maximum": "m", "sum": "r", "bias and sum": "br", "maximum first": "mb", "maximum before the sum": "bmr",
}
HAS_KERNELS = ("b", "bm", "rb", "rbm")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("groups", [1, 4, 64])
def test_which_epilogues_there_are(planner, dtype, groups):
    """Of those that the compiler asks for, all; the others are refused without trying to compile anything."""
    x, w, y, bias = tensor(8, 64, 9, 9), tensor(64, 64 // groups, 3, 3), tensor(8, 64, 7, 7), tensor(1, 64, 1, 1)
    add, maximum = PointwiseMode.ADD, PointwiseMode.RELU_FWD
    nodes = {"b": Node(add, bias), "r": Node(add, y), "m": Node(maximum, None)}
    for name, letters in EPILOGUES.items():
        op = plain(x, w, y, dtype=dtype)._replace(epilogue=tuple(nodes[c] for c in letters))
        start = time.perf_counter()
        found = planner.find(op, STRICT)
        assert time.perf_counter() - start < 5, name
        assert (found is not None) == (letters in HAS_KERNELS and dtype in ("float32", "float64")), name


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_operands_of_epilogues_may_be_at_any_address(planner, dtype):
    size = DTYPES[dtype](0).nbytes
    x, w, y, bias = (tensor(*s) for s in ((8, 64, 9, 9), (64, 64, 3, 3), (8, 64, 7, 7), (1, 64, 1, 1)))
    low = [t._replace(alignment=size) for t in (y, bias)]
    for result, added in ((y, low[1]), (low[0], bias), tuple(low)):
        nodes = Node(PointwiseMode.ADD, result), Node(PointwiseMode.ADD, added), Node(PointwiseMode.RELU_FWD, None)
        assert planner.find(plain(x, w, result, dtype=dtype)._replace(epilogue=nodes), STRICT) is not None


# --- edges ------------------------------------------------------------------------------------------------------


def tensor(*shape: int, alignment: int = 16) -> Tensor:
    strides = [1]
    for length in shape[:0:-1]:
        strides.append(strides[-1] * length)
    return Tensor(shape, tuple(strides[::-1]), alignment)


def plain(x: Tensor, w: Tensor, y: Tensor, before: int = 0, dtype: str = "float32") -> Convolution:
    spatial = len(x.shape) - 2
    ones, pads = (1,) * spatial, (before,) * spatial
    return Convolution(Role.FORWARD, dtype, x, w, y, ones, ones, pads, pads, False)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_addresses_may_be_those_of_any_element(planner, dtype):
    size = DTYPES[dtype](0).nbytes
    arrays = [tensor(*shape, alignment=size) for shape in ((8, 64, 9, 9), (64, 64, 3, 3), (8, 64, 7, 7))]
    assert planner.find(plain(*arrays, dtype=dtype), STRICT) is not None


@pytest.mark.parametrize("op", [
    plain(tensor(2, 4, 3, 3, 3, 3), tensor(4, 4, 2, 2, 2, 2), tensor(2, 4, 2, 2, 2, 2)),
    plain(tensor(2, 4, 9), tensor(4, 4, 3), tensor(2, 4, 5), before=-1),
    plain(tensor(0, 4, 9), tensor(4, 4, 3), tensor(0, 4, 7)),
    plain(tensor(2, 4, 9), tensor(4, 4, 3), tensor(2, 4, 8)),
], ids=["four spatial axes", "negative padding", "no batch", "a wrong shape"])  # fmt: skip
def test_what_cudnn_does_not_take_has_no_plan(planner, op):
    assert planner.find(op, LOOSE) is None
