"""What is added to a convolution as part of the library's call: which tapes are rewritten, and values on the emulator.

cuDNN is NumPy here, which executes the operations that the arguments become (`cudnn_reference.py`).  Functions are
written for cujax and JAX, of which the module `m` is one.
"""

from __future__ import annotations

from functools import partial

import jax
import numpy as np
import pytest
from compiled_oracle import QUICKLY
from cudnn_reference import execute
from emulator import why_not
from emulator.backend import emulated_backend

import cujax
from cujax.engine.backends import numpy_library
from cujax.engine.backends.cudnn_call import Call, Outlines
from cujax.engine.backends.cudnn_convolution import Window, convolve
from cujax.engine.compiler.analysis import analyse
from cujax.engine.compiler.epilogues import fuse_epilogues
from cujax.engine.compiler.passes import optimized
from cujax.engine.compiler.plan import make_plan
from cujax.engine.core.check import check_tape
from cujax.engine.ground.config import config

RNG = np.random.default_rng(0)
NHWC = ("NHWC", "HWIO", "NHWC")


def reals(*shape: int) -> np.ndarray:
    return RNG.uniform(-1, 1, shape).astype(np.float32)


X, W, B, R = reals(2, 7, 6, 16), reals(3, 3, 16, 24), reals(24), reals(2, 7, 6, 24)
XC, WC, RC = reals(2, 16, 7, 6), reals(24, 16, 3, 3), reals(2, 24, 7, 6)
LAST, FIRST = (X, W, B, R), (XC, WC, B, RC)  # where the features are


def conv(m, x, w, names=NHWC, **more):
    more = {"precision": "tensorfloat32"} | more  # exact products are those of a kernel, which fuses nothing
    return m.lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=names, **more)


def convc(m, x, w):
    """Channels first."""
    return conv(m, x, w, None)


def batched(function, in_axes):
    return lambda m, *args: m.vmap(partial(function, m), in_axes)(*args)


def gradient(function):
    return lambda m, *args: m.grad(partial(function, m))(*args)


def tape_of(function, *args):
    return optimized(cujax.make_jaxpr(partial(function, cujax))(*args).tape)


def fused(function, *args):
    """The names of what is left of a tape, once it has been verified; the equation with the epilogue."""
    tape = check_tape(fuse_epilogues(tape_of(function, *args), lambda *_, **__: True))
    found = [e for e in tape.eqns if e.primitive.name == "convolution_epilogue"]
    return [e.primitive.name for e in tape.eqns], found


# Functions of (x, w, b, r), their operands, whether something is added before the bias, and whether there is a maximum.
MATCHES = {
    "bias": (lambda m, x, w, b, r: conv(m, x, w) + b, LAST, False, False),
    "bias first": (lambda m, x, w, b, r: b + conv(m, x, w), LAST, False, False),
    "relu": (lambda m, x, w, b, r: m.nn.relu(conv(m, x, w) + b), LAST, False, True),
    "maximum": (lambda m, x, w, b, r: m.numpy.maximum(0, conv(m, x, w) + b), LAST, False, True),
    "maximum of zeros": (lambda m, x, w, b, r: m.lax.max(conv(m, x, w) + b, m.numpy.zeros_like(r)), LAST, False, True),
    "residual": (lambda m, x, w, b, r: conv(m, x, w) + r + b, LAST, True, False),
    "residual first": (lambda m, x, w, b, r: m.nn.relu(b + (r + conv(m, x, w))), LAST, True, True),
    "channels first": (lambda m, x, w, b, r: m.nn.relu(convc(m, x, w) + b[:, None, None]), FIRST, False, True),
    "reshaped": (lambda m, x, w, b, r: convc(m, x, w) + r + b.reshape(1, -1, 1, 1), FIRST, True, False),
    "expanded": (lambda m, x, w, b, r: convc(m, x, w) + b.reshape(1, 24, 1, 1), (XC, WC, B[None], RC), False, False),
    "two convolutions": (lambda m, x, w, b, r: conv(m, x, w) + conv(m, x + 1, w) + b, LAST, True, False),
    "batched": (batched(lambda m, x, w, b, r: m.nn.relu(conv(m, x[None], w)[0] + r + b), (0, None, None, 0)),
                LAST, True, True),
    "batched twice": (batched(lambda m, x, w, b, r: conv(m, x, w) + b, (0, None, None, None)),
                      (np.stack([X, -X]), W, B, R), False, False),
    "read again": (lambda m, x, w, b, r: [y := conv(m, x, w) + b, y * 2], LAST, False, False),
    "to a step": (lambda m, x, w, b, r: m.nn.relu(conv(m, x, w) + b).reshape(2, -1) @ m.numpy.ones((7 * 6 * 24, 3)),
                  LAST, False, True),
}  # fmt: skip


@pytest.mark.parametrize("name", MATCHES)
def test_it_is_one_equation(name):
    function, operands, adds, rectifies = MATCHES[name]
    names, (eqn,) = fused(function, *operands)
    assert not {"add", "max"} & set(names) - ({"add"} if name == "two convolutions" else set())
    assert len(eqn.inputs) == 3 + adds
    assert eqn.params["rectifies"] is rectifies
    assert eqn.source is not None


def twice(m, x, w, b, r):
    c = conv(m, x, w)
    return c + b, c - 1


NEAR_MISSES = {
    "a convolution that something else reads": (twice, LAST),
    "a sum that something else reads": (lambda m, x, w, b, r: m.numpy.exp(y := conv(m, x, w) + b) + y, LAST),
    "a kernel goes on": (lambda m, x, w, b, r: m.nn.gelu(conv(m, x, w) + b), LAST),
    "no bias": (lambda m, x, w, b, r: m.nn.relu(conv(m, x, w) + r), LAST),
    "nothing is added": (lambda m, x, w, b, r: m.nn.relu(conv(m, x, w)), LAST),
    "a number is added": (lambda m, x, w, b, r: m.nn.relu(conv(m, x, w) + 1.0), LAST),
    "the bias of another axis": (lambda m, x, w, b, r: conv(m, x, w) + b[:6, None], LAST),
    "an axis as long as the features": (lambda m, x, w, b, r: conv(m, x, w[..., :6]) + b[:6, None], LAST),
    "a result": (lambda m, x, w, b, r: [c := conv(m, x, w), c + b], LAST),
    "the bias of two axes": (lambda m, x, w, b, r: conv(m, x, w) + m.numpy.outer(b[:6], b), LAST),
    "an axis of the same length": (lambda m, x, w, b, r: convc(m, x, w) + b[:6], (XC, WC[:6], B, RC)),
    "two biases": (lambda m, x, w, b, r: conv(m, x, w) + b + 2 * b, LAST),
    "the residual comes later": (lambda m, x, w, b, r: m.nn.relu(conv(m, x, w) + b + r), LAST),
    "the residual is computed for this": (lambda m, x, w, b, r: conv(m, x, w) + m.numpy.sin(r) + b, LAST),
    "the residual is repeated": (lambda m, x, w, b, r: conv(m, x, w) + r[:1] + b, LAST),
    "relu before the bias": (lambda m, x, w, b, r: m.nn.relu(conv(m, x, w)) + b, LAST),
    "another maximum": (lambda m, x, w, b, r: m.numpy.maximum(conv(m, x, w) + b, 1), LAST),
    "a choice, which loses NaN": (lambda m, x, w, b, r: m.numpy.where((y := conv(m, x, w) + b) > 0, y, 0), LAST),
    "16 bits": (lambda m, x, w, b, r: conv(m, x, w) + b, [v.astype(np.float16) for v in LAST]),
    "integers": (lambda m, x, w, b, r: conv(m, x, w) + b, [(9 * v).astype(np.int32) for v in LAST]),
    "another dtype": (lambda m, x, w, b, r: conv(m, x, w, preferred_element_type=m.numpy.float32) + b,
                      (X.astype(np.float16), W.astype(np.float16), B, R)),
    "a stencil": (lambda m, x, w, b, r: conv(m, x[..., :1], w[:, :, :1, :1]) + b[:1], LAST),
    "of gradients": (gradient(lambda m, x, w, b, r: m.numpy.sum(m.nn.relu(conv(m, x, w) + b) ** 2)), LAST),
}  # fmt: skip


@pytest.mark.parametrize("name", NEAR_MISSES)
def test_near_misses_stay_as_they_are(name):
    function, operands = NEAR_MISSES[name]
    tape = tape_of(function, *operands)
    assert fuse_epilogues(tape, lambda *_, **__: True) is tape


def test_a_sum_that_is_a_result_ends_it():
    names, (eqn,) = fused(lambda m, x, w, b, r: [y := conv(m, x, w) + b, m.nn.relu(y)], *LAST)
    assert names == ["convolution_epilogue", "max"]
    assert eqn.params["rectifies"] is False


def test_the_order_of_sums_is_the_librarys_where_bits_need_not_repeat():
    def function(m, x, w, b, r):
        return m.nn.relu(conv(m, x, w) + b + r)

    with config.override("deterministic", False):
        names, (eqn,) = fused(function, *LAST)
    assert names == ["convolution_epilogue"]
    assert len(eqn.inputs) == 4


def test_without_a_plan_nothing_changes():
    asked = []

    def has_plan(*avals, **params):
        asked.append(([a.shape for a in avals], params["rectifies"]))
        return False

    tape = tape_of(MATCHES["batched"][0], *LAST)
    assert fuse_epilogues(tape, has_plan) is tape
    assert asked == [([X.shape, W.shape, B.shape, R.shape], True)]


def test_other_processors_do_not_ask(monkeypatch):
    def never(*_, **__):
        raise AssertionError

    monkeypatch.setattr(numpy_library, "plans_convolution", never)
    tape = tape_of(MATCHES["relu"][0], *LAST)
    names = [s.primitive.name for s in make_plan(tape, "host").steps if hasattr(s, "primitive")]
    assert "convolution_epilogue" not in names


# --- values -----------------------------------------------------------------------------------------------------


@pytest.fixture
def calls(monkeypatch) -> list[Call]:
    """Convolutions go the way of cuDNN, and programs are those of the device; the calls that were made."""
    reason = why_not()
    if reason is not None:
        pytest.skip(f"the emulator does not run here: {reason}")
    made: list[Call] = []

    def run(call: Call) -> bool:
        made.append(call)
        return execute(call)

    def given(lhs, rhs, out_axes, allows_tf32, *rest):
        *window, epilogue = rest if len(rest) == 7 else (*rest, None)
        return lhs, rhs, out_axes, Window(*window), epilogue

    def convolution(*args):
        *call, epilogue = given(*args)
        return convolve(np, *call, lambda a: a.ctypes.data, run, epilogue)

    def plans_convolution(*args):
        *call, epilogue = given(*args)
        return convolve(Outlines, *call, Outlines.address_of, lambda call: True, epilogue) is not None

    monkeypatch.setattr(numpy_library, "convolution", convolution)
    monkeypatch.setattr(numpy_library, "plans_convolution", plans_convolution)
    with emulated_backend():
        yield made


def ours(function, *args):
    return cujax.jit(partial(function, cujax))(*args)


def jaxs(function, *args):
    return jax.jit(partial(function, jax), compiler_options=QUICKLY)(*args)


VALUES = (
    "bias", "relu", "residual first", "channels first", "reshaped", "two convolutions", "read again", "to a step",
    "batched", "batched twice",
)


@pytest.mark.parametrize("name", VALUES)
def test_values_are_jaxs(calls, name):
    function, operands, adds, rectifies = MATCHES[name]
    found = ours(function, *operands)
    expected = jaxs(function, *operands)
    for a, b in zip(cujax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-4)
    with_epilogue = [call for call in calls if call.op.epilogue]
    assert len(with_epilogue) == 1
    assert len(with_epilogue[0].op.epilogue) == 1 + adds + rectifies


def test_a_nan_stays_one(calls):
    x = X.copy()
    x[0, 3, 3, 0] = np.nan
    found = np.asarray(ours(MATCHES["relu"][0], x, W, B, R))
    assert calls[0].op.epilogue
    assert np.isnan(found[0, 3, 3]).all()
    assert np.isfinite(found[1]).all()
    assert found[1].min() == 0


def network(m, x, w, v, b):
    """Three blocks, whose biases are computed, in an arena."""
    for _ in range(3):
        b = m.numpy.tanh(b) + 0.1
        x = m.nn.relu(conv(m, m.nn.relu(conv(m, x, w) + b), v) + x + b * 2)
    return x


def test_blocks_are_calls_of_the_library_and_biases(calls):
    square = reals(3, 3, 24, 24) / 8
    args = R, square, square[::-1], B
    run = cujax.jit(partial(network, cujax))
    found = [np.asarray(run(*args)) for _ in range(2)]
    expected = np.asarray(jaxs(network, *args))
    np.testing.assert_allclose(found[0], expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(found[0], found[1])
    assert len(calls) == 12
    assert all(call.op.epilogue for call in calls)


def test_what_a_program_needs_and_shows(calls):
    function = MATCHES["relu"][0]
    tape = cujax.make_jaxpr(partial(function, cujax))(*LAST).tape
    analysis = analyse(tape)
    assert analysis.kernels == 0
    assert analysis.bytes_moved == X.nbytes + W.nbytes + B.nbytes + R.nbytes  # the result is as large as R
    assert analysis.temporary_bytes == 0
    plan = str(make_plan(optimized(tape), "cuda"))
    assert plan == "step    convolution_epilogue: f32[2,7,6,24]"


def test_explain_tells_them(calls):
    def told(name):
        text = cujax.explain(partial(MATCHES[name][0], cujax))(*LAST)
        start, _, end = text.partition(" at ")
        assert "test_epilogues.py" in end
        return start + end[end.index(": ") :]

    assert told("bias") == "convolution: one call of the library with the bias"
    assert told("relu") == "convolution: one call of the library with the bias and max(x, 0)"
    assert told("residual first") == "convolution: one call of the library with what is added, the bias and max(x, 0)"


def test_in_a_loop(calls):
    def scanned(m, x, w, b):
        return m.lax.scan(lambda x, b: (m.nn.relu(conv(m, x, w) + x + b), x.sum()), x, b)

    square, biases = reals(3, 3, 24, 24) / 8, reals(4, 24)
    found = ours(scanned, R, square, biases)
    expected = jaxs(scanned, R, square, biases)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)
    assert [bool(call.op.epilogue) for call in calls] == [True] * 4


def test_a_plan_that_is_refused_later_on(calls, monkeypatch):
    """The sums are computed by the array library, after a convolution by whatever computes it."""
    whole = numpy_library.convolution
    monkeypatch.setattr(numpy_library, "convolution", lambda *args: None if len(args) == 11 else whole(*args))
    function, operands, *_ = MATCHES["residual first"]
    found = ours(function, *operands)
    np.testing.assert_allclose(found, jaxs(function, *operands), rtol=2e-5, atol=2e-4)
    assert [bool(call.op.epilogue) for call in calls] == [False]
