"""What is said to have the same bits op by op and as kernels has them: every op, and special numbers."""

from __future__ import annotations

import numpy as np
import pytest
from op_samples import SAMPLES
from test_ops import domain_of, draw, made, ours

import cujax
from cujax.engine.compiler import same_bits
from cujax.engine.compiler.program import compile_op_by_op, compile_tape
from cujax.engine.compiler.same_bits import has_same_bits
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.primitive import REGISTRY
from cujax.engine.core.recording import record_pure
from cujax.engine.core.trace import aval_of
from cujax.engine.ground.config import config

SPECIAL = [
    0.0, -0.0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, np.inf, -np.inf, np.nan, 1e-40, -1e-40, 3e38, 1e-45, 7.3, -7.7
]
ELEMENTWISE = [
    name for name in sorted(same_bits._OF_FLOATS | same_bits._OF_SINGLES)
    if REGISTRY[name].family in ("unary", "binary", "ternary", "comparison")
]
ARITY = {"unary": 1, "binary": 2, "comparison": 2, "ternary": 3}
pytestmark = pytest.mark.usefixtures("x64", "reuse_of_keys")


def check(tape, buffers, what):
    """The same bits; of a NaN only that it is one."""
    for a, b in zip(compile_op_by_op(tape)(buffers), compile_tape(tape)(buffers), strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert a.dtype == b.dtype and a.shape == b.shape, what
        if a.dtype.kind == "f":
            np.testing.assert_array_equal(a, b, what)
            np.testing.assert_array_equal(np.signbit(a[a == 0]), np.signbit(b[b == 0]), what)
        else:
            assert a.tobytes() == b.tobytes(), what


def tapes(sample):
    for dtype in domain_of(sample):
        operands = made(sample, draw(sample, dtype))
        tape = record_pure(lambda *xs: ours(sample, *xs), [aval_of(x) for x in operands], str(sample))
        if has_same_bits(tape):
            yield tape, operands, f"{sample} {dtype}"


def test_all_ops():
    seen = set()
    for sample in [s for s in SAMPLES if REGISTRY[s.op].family != "control"]:
        for tape, operands, what in tapes(sample):
            check(tape, [cujax.numpy.asarray(x).buffer for x in operands], what)
            seen.add(sample.op)
    assert len(seen) > 90


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_special_numbers(name, dtype):
    count = ARITY[REGISTRY[name].family]
    grid = np.meshgrid(*[np.array(SPECIAL, dtype)] * count, indexing="ij")
    operands = [np.ascontiguousarray(x.ravel()) for x in grid]
    params = {"rounding_method": cujax.lax.RoundingMethod.TO_NEAREST_EVEN} if name == "round" else {}
    avals = [ShapedArray(x.shape, x.dtype) for x in operands]
    tape = record_pure(lambda *xs: [REGISTRY[name].bind(*xs, **params)], avals, name)
    assert has_same_bits(tape) == (dtype == "float32" or name not in same_bits._OF_SINGLES)
    if has_same_bits(tape):
        check(tape, operands, name)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("name", ["max", "min", "argmax", "argmin"])
def test_extrema_of_special_numbers(name, axis):
    rows = np.stack(np.meshgrid(SPECIAL, SPECIAL), 0).reshape(2, -1).astype(np.float32)
    rows = np.ascontiguousarray(rows if axis == 0 else rows.T)
    tape = cujax.make_jaxpr(lambda x: getattr(x, name)(axis))(rows).tape
    assert has_same_bits(tape)
    check(tape, [rows], name)


@pytest.mark.parametrize(
    "function",
    [lambda x: cujax.numpy.exp(x), lambda x: x.sum(), lambda x: x @ x, lambda x: cujax.numpy.cumsum(x),
     lambda x: x.astype("float16") * 2, lambda x: (x + 1j) * 2,
     lambda x: cujax.lax.fori_loop(0, 3, lambda i, x: x * 2 + 1, x)],
)  # fmt: skip
def test_others_are_not_said_to(function):
    assert not has_same_bits(cujax.make_jaxpr(function)(np.ones(5, np.float32)).tape)


def test_products_rounded_with_sums_everywhere_have_other_bits():
    tape = cujax.make_jaxpr(lambda x: x * 3 + 1)(np.ones(5, np.float32)).tape
    assert has_same_bits(tape)
    with config.override("fused_multiply_add", "everywhere"):
        assert not has_same_bits(tape)
