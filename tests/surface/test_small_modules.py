"""cujax.test_util, dlpack, profiler, debug.log and debug.breakpoint, tree_util.default_registry, core's small names."""

from __future__ import annotations

import io
import logging
import pstats
from contextlib import contextmanager, nullcontext

import jax
import jax.dlpack
import jax.test_util
import numpy as np
import pytest

import cujax
import cujax.numpy as jnp
from cujax import test_util
from cujax.engine.backends.select import selected


@cujax.custom_jvp
def wrong(x):
    return jnp.sin(x)


wrong.defjvps(lambda t, out, x: t * jnp.cos(x) * 1.1)


# --- check_grads ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("f", "args"), [
    (jnp.sin, (1.0,)),
    (lambda x, y: jnp.dot(x, y["a"]) ** 3, (np.ones(3, "f"), {"a": np.arange(3, dtype="f")})),
    (lambda z: jnp.abs(z) ** 2 * z, (np.complex64(1 + 2j),)),
    (lambda z: (jnp.exp(z), z.real), (np.array([0.5j, 1], "complex64"),)),
    (lambda x: x * x, (np.zeros((0, 2), "f"),)),
])
def test_right_derivatives_pass(f, args):
    test_util.check_grads(f, args, 2)


def test_in_double_precision_little_is_tolerated(x64):
    test_util.check_grads(lambda x: jnp.tanh(x) * x, (np.linspace(-1, 1, 5),), 3)
    with pytest.raises(AssertionError):
        test_util.check_grads(lambda x: x + 1e-3 * cujax.lax.stop_gradient(x), (np.ones(3),), 1)


def test_sums_in_single_precision_of_arguments_in_double(x64):
    for seed in range(5):
        point = np.random.default_rng(seed).uniform(-2, 2, (3, 4))
        test_util.check_grads(lambda x: jnp.sum(x * x, dtype="float32"), (point,), 2)


@pytest.mark.parametrize(("modes", "text"), [(["fwd"], "JVP of wrong tangent"), (["rev"], "VJP of wrong cotangent")])
def test_wrong_derivatives_are_named(modes, text):
    with pytest.raises(AssertionError, match=text):
        test_util.check_grads(wrong, (1.0,), 1, modes)
    test_util.check_grads(wrong, (1.0,), 0, modes)


def test_a_derivative_that_is_wrong_only_at_second_order():
    @cujax.custom_jvp
    def f(x):
        return x**3

    f.defjvps(lambda t, out, x: t * 3 * cujax.lax.stop_gradient(x) ** 2)
    test_util.check_grads(f, (1.0,), 1)
    with pytest.raises(AssertionError, match="JVP of JVP of f"):
        test_util.check_grads(f, (1.0,), 2)


def test_rules_given_by_hand():
    test_util.check_jvp(jnp.sin, lambda xs, ts: (jnp.sin(*xs), jnp.cos(*xs) * ts[0]), (0.5,), eps=1e-2)
    test_util.check_vjp(jnp.sin, lambda x: (jnp.sin(x), lambda ct: (jnp.cos(x) * ct,)), (0.5,), eps=1e-2)
    with pytest.raises(AssertionError, match="mine primal"):
        test_util.check_jvp(jnp.sin, lambda xs, ts: (xs[0], ts[0]), (0.5,), err_msg="mine")
    with pytest.raises(AssertionError, match=r"shape \(3?,?\) where \(3?,?\) is expected"):
        test_util.check_jvp(lambda x: x * jnp.ones(3), lambda xs, ts: (xs[0], ts[0]), (1.0,), 1e-2, 1e-2, 1e-2)


def test_integers_have_no_derivative():
    for library, module in ((cujax, test_util), (jax, jax.test_util)):
        with pytest.raises(TypeError):
            module.check_grads(library.numpy.sin, (1,), 1)


# --- dlpack -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("dtype", [
    "bool", "int8", "uint16", "int64", "float16", "bfloat16", "float64", "complex128", "int4", "float8_e4m3fn",
    "float8_e5m2",
])
def test_dtypes_that_can_be_exchanged(dtype):
    ours, theirs = (module.dlpack.is_supported_dtype(module.numpy.dtype(dtype)) for module in (cujax, jax))
    assert ours == theirs


def test_from_dlpack():
    source = np.arange(3, dtype="f")
    found = cujax.dlpack.from_dlpack(source, cujax.devices()[0])
    source[0] = 7
    assert found.tolist() == [0, 1, 2]
    assert cujax.dlpack.from_dlpack(jax.numpy.arange(2.0)).tolist() == [0, 1]
    with pytest.raises(TypeError, match="__dlpack__"):
        cujax.dlpack.from_dlpack([1, 2])
    with pytest.raises(ValueError, match="copy=False cannot be had"):
        cujax.dlpack.from_dlpack(source, copy=False)


# --- debug ------------------------------------------------------------------------------------------------------------

def test_log_writes_values(caplog):
    with caplog.at_level(logging.INFO, "cujax"):
        cujax.jit(lambda x: cujax.debug.log("x is {}", x) or x)(3.0)
    assert caplog.messages == ["x is 3.0"]
    with pytest.raises(ValueError, match="Unused positional"):
        cujax.debug.log("nothing", 1)
    with pytest.raises(TypeError, match="format string"):
        cujax.debug.log(1)


def test_breakpoint_knows_the_values_of_local_variables(monkeypatch, capsys):
    @cujax.jit
    def f(x):
        twice, name = 2 * x, "here"  # noqa: F841
        assert cujax.debug.breakpoint(token=x) is x
        return twice

    monkeypatch.setattr("sys.stdin", io.StringIO("print(name, float(twice) + float(x))\n"))
    assert f(3.0) == 6
    printed = capsys.readouterr()
    assert "here 9.0" in printed.out and "in f (continue with Ctrl-D)" in printed.err


# --- profiler ---------------------------------------------------------------------------------------------------------

def test_marks_are_ranges_of_the_backend(monkeypatch):
    seen = []
    monkeypatch.setattr(type(selected()), "named_range", lambda self, name: seen.append(name) or nullcontext())

    @cujax.profiler.annotate_function
    def work(x):
        with cujax.profiler.StepTraceAnnotation("train", step_num=3):
            return x + 1

    assert work(1) == 2 and cujax.profiler.TraceAnnotation("again")(lambda: 5)() == 5
    assert seen[0].endswith("work") and seen[1:] == ["train#step_num=3#", "again"]


def test_a_trace_of_the_host(tmp_path):
    with cujax.profiler.trace(tmp_path / "run"):
        jnp.sin(0.0)
        with pytest.raises(RuntimeError, match=r"a trace for .*run is being recorded"):
            cujax.profiler.start_trace(tmp_path)
    (written,) = (tmp_path / "run").iterdir()
    assert "sin" in {name for _, _, name in pstats.Stats(str(written)).stats}
    with pytest.raises(RuntimeError, match="no trace is being recorded"):
        cujax.profiler.stop_trace()


def test_marks_may_be_nested_in_themselves(monkeypatch):
    """Each call of a decorated function closes its own range."""
    seen = []

    @contextmanager
    def named_range(self, name):
        seen.append("(")
        yield
        seen.append(")")

    monkeypatch.setattr(type(selected()), "named_range", named_range)

    @cujax.profiler.TraceAnnotation("turns")
    def turns(k):
        if k:
            turns(k - 1)
        seen.append(k)

    turns(2)
    assert seen == ["(", "(", "(", 0, ")", 1, ")", 2, ")"]


# --- core, tree_util --------------------------------------------------------------------------------------------------

def test_small_names_of_core():
    assert cujax.core.max_dim(3, 4) == jax.core.max_dim(3, 4) and cujax.core.min_dim(3, 4) == 3

    @cujax.jit
    def f(x):
        with cujax.core.eval_context():
            two = 2 if jnp.ones(()) > 0 else 3
        return x + two

    assert f(1) == 3


def test_the_registry_of_pytrees():
    registry = cujax.tree_util.default_registry
    leaves, tree = registry.flatten({"a": (1, 2)})
    assert leaves == [1, 2] and tree.unflatten(leaves) == {"a": (1, 2)}
    assert registry.is_node(dict) and not registry.is_node(int)
    assert list(registry.flatten_one_level((3, 4))[0]) == [3, 4]
    theirs = jax.tree_util.default_registry
    for name in ("flatten_one_level", "flatten_one_level_with_keys"):
        for leaf in (1.0, "text", object()):
            assert getattr(registry, name)(leaf) is getattr(theirs, name)(leaf) is None
    assert registry.flatten_one_level(None) == theirs.flatten_one_level(None)


def test_one_process():
    assert (cujax.host_id(), cujax.host_count(), cujax.host_ids()) == (0, 1, [0])
    with cujax.transfer_guard_host_to_device("allow"), cujax.thread_guard(True):
        assert jnp.ones(2).sum() == 2


@pytest.mark.parametrize(("path", "text"), [
    ("new_ref", r"write x\.at\[i\]\.set\(y\)"),
    ("numpy.int2", "arrays of this dtype"),
    ("nn.scaled_dot_general", "scaled_matmul"),
    ("profiler.start_server", "nsys"),
    ("debug.inspect_array_sharding", "comes later"),
    ("nothing", "has no attribute 'nothing'$"),
])
def test_names_that_are_left_out_say_why(path, text):
    *modules, name = path.split(".")
    module = cujax
    for part in modules:
        module = getattr(module, part)
    with pytest.raises(AttributeError, match=text):
        getattr(module, name)
