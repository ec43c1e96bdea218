"""cuDNN has a plan for every convolution that is mapped to it, and it is one that may be used.

CUJAX_CUDNN_CASES: how many arguments are drawn for each dtype (100 by default; 2000 takes 20 minutes).
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from cudnn_cases import Case, cases

import cujax
from cujax import lax
from cujax.engine.backends import cudnn, numpy_library
from cujax.engine.backends.cudnn_api import Note
from cujax.engine.backends.cudnn_convolution import Call, Window, convolve
from cujax.engine.backends.cudnn_plans import (
    Convolution,
    Numerics,
    Plan,
    Planner,
    Role,
    Tensor,
    forbidden_notes,
    most_workspace,
)
from cujax.engine.ground.config import config

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


def test_plans_are_restored_from_disk(library, driver, tmp_path):
    properties = Path(__file__).with_name("h200.json").read_bytes()
    op = plain(tensor(8, 64, 9, 9), tensor(64, 64, 3, 3), tensor(8, 64, 7, 7))
    with config.override("compilation_cache_dir", str(tmp_path)):
        first, second = (Planner(library, properties=properties, device=name) for name in ("H200", "H200"))
        key = first.key(op, STRICT, False)
        assert first.restore(key) is None
        plan = first.find(op, STRICT)
        first.keep(key, plan)
        restored = second.restore(second.key(op, STRICT, False))
        assert restored.workspace == plan.workspace
        other = Planner(library, properties=properties, device="H100")
        assert other.restore(other.key(op, STRICT, False)) is None
