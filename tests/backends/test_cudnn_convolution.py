"""How the arguments of a convolution become operations of cuDNN: NumPy executes these in its place."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import jax
import numpy as np
import pytest
from cudnn_cases import Case, cases, numbers
from cudnn_reference import execute

import cujax
from cujax import lax
from cujax.engine.backends import cudnn, numpy_library, select
from cujax.engine.backends.cudnn_call import Call, Epilogue, Outlines
from cujax.engine.backends.cudnn_convolution import Window, convolve
from cujax.engine.backends.cudnn_plans import Convolution, Role
from cujax.engine.backends.numpy_backend import NumpyBackend
from cujax.engine.ground.config import config
from cujax.engine.ops.conv_dimensions import conv_dimension_numbers
from cujax.engine.ops.precision import allows_tf32, canonical_precision


@pytest.fixture
def on_numpy(monkeypatch) -> None:
    """Arrays are NumPy's in this test."""
    monkeypatch.setattr(select, "_selected", NumpyBackend())


@pytest.fixture
def calls(monkeypatch, on_numpy) -> list[Call]:
    """Convolutions outside `jit` go the way of cuDNN, with NumPy's arrays; the calls that were made."""
    made: list[Call] = []

    def run(call: Call) -> bool:
        made.append(call)
        return execute(call)

    def convolution(lhs: Any, rhs: Any, out_axes: Any, allows_tf32: bool, *window: Any, **named: Any) -> Any | None:
        if lhs.dtype not in cudnn._DTYPES or not 1 <= lhs.ndim - 2 <= 3:
            return None
        return convolve(np, lhs, rhs, out_axes, Window(*window, **named), lambda a: a.ctypes.data, run)

    monkeypatch.setattr(numpy_library, "convolution", convolution)
    return made


WINDOW = Window((1,), ((0, 0),), (1,), (1,), 1, 1)


def close(found: Any, expected: Any, tolerance: float = 2e-5) -> None:
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape and found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


# --- values ---------------------------------------------------------------------------------------------------


def test_values_are_jax_s(calls):
    # XLA reads beyond lhs where padding takes away at the start of an axis and adds at its end (JAX 0.10.2).
    drawn = [case for case in cases(45) if not any(low < 0 < high for low, high in case.options["padding"])]
    operands = [case.operands() for case in drawn]

    @jax.jit  # one compilation for all of them
    def all_of_them(operands):
        return [
            jax.lax.conv_general_dilated(x, y, **case.options) for case, (x, y) in zip(drawn, operands, strict=True)
        ]

    for case, (x, y), expected in zip(drawn, operands, all_of_them(operands), strict=True):
        close(lax.conv_general_dilated(x, y, **case.options), expected)
    assert len(calls) >= len(drawn) - 5  # few are zeros, or see nothing but padding


def test_values_are_those_of_products(monkeypatch, calls):
    """Many more than JAX compiles in reasonable time, among them complex ones."""
    mapped = numpy_library.convolution
    for i, case in enumerate(cases(600, seed=1)):
        x, y = case.operands(np.complex64 if i % 10 == 0 else np.float32)
        monkeypatch.setattr(numpy_library, "convolution", mapped)
        found = lax.conv_general_dilated(x, y, **case.options)
        monkeypatch.setattr(numpy_library, "convolution", lambda *given, **named: None)
        close(found, lax.conv_general_dilated(x, y, **case.options))
    roles = Counter((call.op.role, call.op.is_reversed) for call in calls)
    ways = ((Role.FORWARD, False), (Role.FILTER, False), (Role.DATA, True), (Role.FILTER, True))
    assert min(roles[way] for way in ways) >= 5


@pytest.mark.parametrize(("dtype", "preferred", "planned"), [
    ("float16", None, "float16"), ("bfloat16", None, "bfloat16"), ("float16", "float32", "float32"),
    ("complex64", None, "float32"),
])  # fmt: skip
def test_operands_are_as_cudnn_takes_them(calls, dtype, preferred, planned):
    rng = np.random.default_rng(0)
    dtype, preferred = cujax.numpy.dtype(dtype), preferred and np.dtype(preferred)
    drawn = np.complex64 if dtype.kind == "c" else np.float32
    x, y = (numbers(rng, shape, drawn).astype(dtype) for shape in ((2, 3, 6), (4, 3, 3)))
    found = lax.conv(x, y, (1,), "SAME", preferred_element_type=preferred)
    expected = jax.lax.conv(x, y, (1,), "SAME", preferred_element_type=preferred)
    assert found.dtype == expected.dtype
    found, expected = (np.asarray(v).astype(np.complex64) for v in (found, expected))
    np.testing.assert_allclose(found, expected, rtol=2e-2 if dtype.itemsize == 2 else 1e-5, atol=1e-5)
    assert [call.op.dtype for call in calls] == [planned]


@pytest.mark.parametrize(("lhs", "rhs"), [((0, 2, 4), (3, 2, 3)), ((2, 0, 4), (3, 0, 3)), ((2, 2, 0), (3, 2, 3)),
                                          ((2, 2, 4), (0, 2, 3)), ((1, 2, 2), (3, 2, 4))])
def test_nothing_convolved_calls_nothing(calls, lhs, rhs):
    x, y = np.ones(lhs, np.float32), np.ones(rhs, np.float32)
    close(lax.conv(x, y, (1,), "VALID"), jax.lax.conv(x, y, (1,), "VALID"))
    assert calls == []


def test_what_cudnn_does_not_compute_does_not_ask_for_it(monkeypatch):
    monkeypatch.setattr(cudnn, "_convolutions", None)
    for shape, dtype in (((2, 3), "float32"), ((1,) * 6, "float32"), ((2, 3, 4), "int32"), ((2, 3, 4), "bool")):
        assert cudnn.convolution(np.ones(shape, dtype), np.ones(shape, dtype), (0, 1, 2), False, *WINDOW) is None


# --- derivatives ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [("NHWC", "HWIO", "NHWC"), ("CHWN", "IHWO", "HNCW")], ids=str)
@pytest.mark.parametrize("changed", [
    {"window_strides": (2, 1), "padding": ((1, 0), (1, 2))},
    {"window_strides": (1, 1), "padding": ((1, 1), (0, 2)), "rhs_dilation": (1, 2)},
    {"window_strides": (1, 1), "padding": ((1, 2), (2, 1)), "lhs_dilation": (2, 2)},
    {"window_strides": (2, 2), "padding": ((1, 1), (1, 1)), "feature_group_count": 2},
], ids=str)  # fmt: skip
def test_gradients_are_operations_of_their_own(calls, names, changed):
    lengths = {"N": 2, "C": 4, "O": 6, "I": 4 // changed.get("feature_group_count", 1)}
    lhs, rhs = {**lengths, "H": 9, "W": 8}, {**lengths, "H": 3, "W": 2}
    shapes = tuple(lhs[c] for c in names[0]), tuple(rhs[c] for c in names[1])
    case = Case(*shapes, {"dimension_numbers": names, **changed})
    x, y = case.operands()
    out, gradients = cujax.vjp(lambda x, y: lax.conv_general_dilated(x, y, **case.options), x, y)
    ct = numbers(np.random.default_rng(1), out.shape, np.float32)
    found = gradients(ct)
    roles = {call.op.role for call in calls}
    assert Role.FILTER in roles
    assert Role.DATA in roles or changed["window_strides"] == (1, 1)
    expected = jax.vjp(lambda x, y: jax.lax.conv_general_dilated(x, y, **case.options), x, y)[1](ct)
    for a, b in zip(found, expected, strict=True):
        close(a, b)


# --- epilogues ------------------------------------------------------------------------------------------------


def test_epilogues_are_added_or_refused_beforehand():
    """With arguments drawn at random: values, and that outlines of arrays are described as arrays are."""
    draw, computed = np.random.default_rng(0), 0
    for case in cases(300, seed=5):
        options = dict(case.options)
        lhs_axes, rhs_axes, out_axes = conv_dimension_numbers(case.lhs, case.rhs, options.pop("dimension_numbers"))
        given = out_axes, Window(**options)
        x, y = (a.transpose(axes) for a, axes in zip(case.operands(), (lhs_axes, rhs_axes), strict=True))
        plain = convolve(np, x, y, *given, address_of, execute)
        if plain is None:
            continue
        bias, residual = numbers(draw, (len(y),), np.float32), numbers(draw, plain.shape, np.float32)
        epilogue = Epilogue([None, residual][draw.integers(2)], bias, bool(draw.integers(2)))
        found, ops = described(np, x, y, *given, address_of, execute, epilogue)
        shapes = zip((case.lhs, case.rhs), (lhs_axes, rhs_axes), strict=True)
        outlines = [Outlines.empty(shape, np.float32).transpose(axes) for shape, axes in shapes]
        others = [a if a is None or isinstance(a, bool) else Outlines.empty(a.shape, a.dtype) for a in epilogue]
        _, asked = described(Outlines, *outlines, *given, Outlines.address_of, lambda call: True, Epilogue(*others))
        assert asked == ops
        if found is not None:
            computed += 1
            along = [-1 if axis == out_axes[1] else 1 for axis in range(plain.ndim)]
            expected = plain + (0 if epilogue.residual is None else residual) + bias.reshape(along)
            close(found, np.maximum(expected, 0) if epilogue.rectifies else expected)
    assert computed > 50


def odd(array: np.ndarray) -> np.ndarray:
    """The same, at an address that is a multiple of 4 only."""
    room = np.zeros(array.size + 8, array.dtype)
    start = -room.ctypes.data % 16 // 4 + 1
    room[start : start + array.size] = array.ravel()
    return room[start : start + array.size].reshape(array.shape)


B, R = np.arange(8, dtype=np.float32), np.arange(48, dtype=np.float32).reshape((2, 3, 8))
LYING = {  # a bias, a residual, and whether they are copied
    "plain": (B, R, False),
    "other axes": (B[None, :, None], R, False),
    "odd addresses": (odd(B), odd(R), False),
    "gaps": (np.repeat(B, 2)[::2], np.repeat(R, 2, axis=1)[:, ::2], True),
    "reversed": (B[::-1], R[::-1], True),
    "transposed": (np.stack([B, B], 1)[:, 0], R.transpose(2, 0, 1).copy().transpose(1, 2, 0), True),
    "repeated": (np.broadcast_to(B[3:4], 8), np.broadcast_to(R[:1], R.shape), True),
}


@pytest.mark.parametrize("name", LYING)
def test_operands_of_epilogues_may_lie_anywhere(name):
    bias, residual, is_copied = LYING[name]
    rng = np.random.default_rng(0)
    x, w = numbers(rng, (2, 3, 5), np.float32).transpose(0, 2, 1), numbers(rng, (8, 5, 1), np.float32)
    given = x, w, (0, 2, 1), WINDOW, address_of
    made: list[Call] = []

    def run(call: Call) -> bool:
        made.append(call)
        return execute(call)

    found = convolve(np, *given, run, Epilogue(residual, bias, True))
    close(found, np.maximum(convolve(np, *given, execute) + residual + bias.reshape(-1), 0))
    (call,) = made
    shared = [np.may_share_memory(*pair) for pair in zip(call.others, (residual, bias), strict=True)]
    assert shared == [not is_copied] * 2
    assert (call.op.y.alignment == 4) is (name == "odd addresses")


def address_of(array: np.ndarray) -> int:
    return array.ctypes.data


def described(
    xp: Any, x: Any, y: Any, out_axes: Any, window: Window, address_of: Any, execute: Any, epilogue: Epilogue
) -> tuple[Any, list[Convolution]]:
    """The result, and the operations as of aligned arrays."""
    ops: list[Convolution] = []

    def run(call: Call) -> bool:
        ops.append(aligned(call.op))
        return execute(call)

    return convolve(xp, x, y, out_axes, window, address_of, run, epilogue), ops


def aligned(op: Convolution) -> Convolution:
    """The same with arrays that begin where NumPy happens to put them."""
    nodes = [n if n.tensor is None else n._replace(tensor=n.tensor._replace(alignment=16)) for n in op.epilogue]
    tensors = {name: getattr(op, name)._replace(alignment=16) for name in "xwy"}
    return op._replace(**tensors, epilogue=tuple(nodes))


# --- what is copied -------------------------------------------------------------------------------------------


def made(lhs: np.ndarray, rhs: np.ndarray, **changed: Any) -> list[Call]:
    """All ways in which cuDNN could be asked; none is executed."""
    spatial = lhs.ndim - 2
    window = Window((1,) * spatial, ((0, 0),) * spatial, (1,) * spatial, (1,) * spatial, 1, 1)._replace(**changed)
    found: list[Call] = []
    assert convolve(np, lhs, rhs, tuple(range(lhs.ndim)), window, lambda a: a.ctypes.data, found.append) is None
    return found


ORDERS = (0, 1, 2, 3), (0, 2, 3, 1), (1, 2, 3, 0), (2, 3, 1, 0)


@pytest.mark.parametrize("changed", [
    {}, {"window_strides": (2, 3)}, {"padding": ((-2, 1), (0, -1))},
    {"lhs_dilation": (2, 2), "padding": ((1, 1), (0, 2))},
], ids=str)  # fmt: skip
def test_arrays_lie_in_one_order_and_are_copied_only_for_that(changed):
    """The reference refuses what engines would take for something else; sizes decide what is copied."""
    sizes = {"lhs": 2 * 3 * 9 * 8, "rhs": 4 * 3 * 3 * 3}
    for order, kernel_order in itertools.product(ORDERS, repeat=2):
        lhs = np.zeros([(2, 3, 9, 8)[a] for a in order], np.float32).transpose(np.argsort(order))
        rhs = np.zeros([(4, 3, 3, 3)[a] for a in kernel_order], np.float32).transpose(np.argsort(kernel_order))
        call = made(lhs, rhs, **changed)[0]
        execute(call)
        copied = sum(v.size for a, v in zip(call.arrays, call.views, strict=True) if a is not v)
        assert call.order in ((0, 1, 2, 3), (0, 2, 3, 1))
        assert copied <= 2 * sum(sizes.values())
        if order == kernel_order == (0, 1, 2, 3) and not changed:
            assert copied == 0


def test_one_spatial_axis_is_the_second_of_two():
    call = made(np.zeros((2, 3, 5), np.float32), np.zeros((4, 3, 3), np.float32), padding=((1, 2),))[0]
    assert [t.shape for t in (call.op.x, call.op.w)] == [(2, 3, 1, 5), (4, 3, 1, 3)]
    assert (call.op.strides, call.op.dilation, call.op.before, call.op.after) == ((1, 1), (1, 1), (0, 1), (0, 2))


def test_reversed_and_repeated_operands_are_copied():
    lhs, rhs = np.zeros((2, 3, 5), np.float32), np.zeros((4, 3, 3), np.float32)
    for strange in (lhs[:, :, ::-1], np.broadcast_to(lhs[:, :1], lhs.shape)):
        call = made(strange, rhs)[0]
        assert not np.may_share_memory(call.x, lhs)
        assert min(call.op.x.strides) > 0


@pytest.mark.parametrize("gap", [1, 2])
def test_a_reversed_kernel_is_read_where_it_lies(gap):
    """By the other mode of cuDNN, forward and in gaps; reversed along some axes only, it is copied."""
    rng = np.random.default_rng(gap)
    lhs, rhs = numbers(rng, (2, 3, 7, 6), np.float32), numbers(rng, (4, 3, 2, 3), np.float32)
    window = Window((1, 1), ((1, 2), (2, 1)), (gap, gap), (1, 1), 1, 1)
    seen = []

    def run(call: Call) -> bool:
        seen.append(call)
        return execute(call)

    def result(kernel: np.ndarray) -> np.ndarray:
        return convolve(np, lhs, kernel, (0, 1, 2, 3), window, lambda a: a.ctypes.data, run)

    for turned in (rhs[:, :, ::-1, ::-1], rhs[:, :, ::-1]):
        np.testing.assert_array_equal(result(turned), result(turned.copy()))
    whole, copied, part, _ = seen
    assert np.may_share_memory(whole.views[1], rhs) and whole.op.is_reversed != copied.op.is_reversed
    assert whole.w.strides == copied.w.strides
    assert not np.may_share_memory(part.w, rhs) and part.op.is_reversed == copied.op.is_reversed


def test_alignment_is_that_of_the_address():
    room = np.zeros(64, np.float32)
    start = -room.ctypes.data % 16 // 4
    for offset, alignment in ((0, 16), (1, 4), (2, 8)):
        lhs = room[start + offset :][:30].reshape((2, 3, 5))
        assert made(lhs, np.zeros((4, 3, 3), np.float32))[0].op.x.alignment == alignment


def test_ways_are_ordered():
    def ways(lhs: tuple, rhs: tuple, **changed: Any) -> list[str]:
        calls = made(np.zeros(lhs, np.float32), np.zeros(rhs, np.float32), **changed)
        return [call.op.role.name + " reversed" * call.op.is_reversed for call in calls]

    assert ways((2, 3, 8), (4, 3, 3)) == ["FORWARD", "FILTER"]
    assert ways((3, 2, 8), (4, 2, 7)) == ["FILTER", "FORWARD"]
    assert ways((2, 3, 8), (4, 3, 3), lhs_dilation=(2,)) == ["DATA reversed", "FORWARD", "FILTER"]
    assert ways((2, 3, 8), (4, 3, 3), lhs_dilation=(2,), window_strides=(3,)) == ["FORWARD", "FILTER"]
    assert ways((2, 3, 8), (4, 3, 13), lhs_dilation=(2,), window_strides=(2,)) == [
        "FILTER reversed", "FILTER", "FORWARD"
    ]  # fmt: skip


# --- precision ------------------------------------------------------------------------------------------------


def test_the_library_is_told_about_precision(monkeypatch, on_numpy):
    told = []
    monkeypatch.setattr(numpy_library, "convolution", lambda x, y, axes, tf32, *_, **named: told.append(tf32))
    x, y = np.ones((1, 2, 5), np.float32), np.ones((3, 2, 2), np.float32)
    for precision in (None, "highest", "high"):
        lax.conv(x, y, (1,), "VALID", precision=precision)
    with config.override("default_matmul_precision", "tensorfloat32"):
        lax.conv(x, y, (1,), "VALID")
    lax.conv(x.astype(np.float16), y.astype(np.float16), (1,), "VALID")
    assert told == [False, False, True, True, True]


@pytest.mark.parametrize(("precision", "dtype", "expected"), [
    (None, "float32", False), ("highest", "float32", False), ("float32", "float32", False),
    ("default", "float32", True), ("tensorfloat32", "float32", True), (("high", "highest"), "float32", False),
    (None, "float16", True), ("highest", "bfloat16", True), (None, "bool", False), (None, "int8", False),
])  # fmt: skip
def test_tf32_is_for_those_who_ask_and_where_it_loses_nothing(precision, dtype, expected):
    assert allows_tf32(canonical_precision(precision), cujax.numpy.dtype(dtype)) is expected
