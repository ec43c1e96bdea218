"""jit: when it traces, what it runs, what it refuses; compared with JAX and by counting traces."""

from __future__ import annotations

import enum
import functools
import gc
import logging
import math
import weakref

import numpy as np
import pytest
from jax_comparison import assert_same

import cujax
import cujax.numpy as jnp

X = np.array([0.5, -1.0, 2.0], np.float32)


class Level(enum.IntEnum):
    HIGH = 3


class Counted:
    """`fun`, counting how often it is called: under jit, how often it is traced."""

    def __init__(self, fun):
        functools.update_wrapper(self, fun)
        self.fun = fun
        self.count = 0

    def __call__(self, *args, **kwargs):
        self.count += 1
        return self.fun(*args, **kwargs)


def f2(x, n):
    return x


def f3(x, *, mode="a"):
    return x


RESULTS = {
    "array": lambda c: c.jit(lambda x: c.numpy.sin(x) * x)(X),
    "weak python scalar": lambda c: c.jit(lambda x: x * 2)(3.0),
    "python integer": lambda c: c.jit(lambda x: x + 1)(3),
    "bool": lambda c: c.jit(lambda x: x)(True),
    "float64 array": lambda c: c.jit(lambda x: x)(np.arange(3.0)),
    "integer enumeration": lambda c: c.jit(lambda x: x + 1)(Level.HIGH),
    "numpy scalar": lambda c: c.jit(lambda x: x)(np.float16(2)),
    "tree": lambda c: c.jit(lambda p: {"q": [p["a"], (p["b"], None)]})({"a": X, "b": 1}),
    "python results": lambda c: c.jit(lambda x: (1, 2.0, None, True, np.float32(3)))(X),
    "identity": lambda c: c.jit(lambda x: (x, x))(X),
    "no arguments": lambda c: c.jit(lambda: c.numpy.ones(2))(),
    "keyword arguments": lambda c: c.jit(lambda x, *, k, **rest: x * k + rest["r"])(X, k=2.0, r=1.0),
    "variable arguments": lambda c: c.jit(lambda *xs: sum(xs))(X, X, X),
    "captured array": lambda c: (lambda y: c.jit(lambda x: x * y)(X))(c.numpy.arange(3.0)),
    "nested": lambda c: c.jit(lambda x: c.jit(lambda y: y * 2)(x) + x)(X),
    "inline": lambda c: c.jit(c.jit(lambda y: y * 2, inline=True))(X),
    "captures a tracer": lambda c: c.jit(lambda x: c.jit(lambda y: x * y)(2.0))(X),
    "captures a tracer of vmap": lambda c: c.vmap(lambda x: c.jit(lambda y: x * y)(2.0))(X),
    "captures a tracer of grad": lambda c: c.grad(lambda x: c.jit(lambda y: x * y)(2.0))(3.0),
    "decorator with arguments": lambda c: c.jit(static_argnums=0)(lambda n, x: x * n)(3, X),
    "partial": lambda c: c.jit(functools.partial(lambda n, x: x * n, 3))(X),
    "static by number, passed by name": lambda c: c.jit(lambda x, n: x * n, static_argnums=1)(X, n=2),
    "static by name, passed by number": lambda c: c.jit(lambda x, n: x * n, static_argnames="n")(X, 2),
    "static shape": lambda c: c.jit(lambda n: c.numpy.zeros(n), static_argnums=0)(3),
    "static negative": lambda c: c.jit(lambda x, n: x * n, static_argnums=-1)(X, 2),
    "static of variable arguments": lambda c: c.jit(lambda *xs: xs[0] * xs[1], static_argnums=1)(X, 2),
    "static default": lambda c: c.jit(lambda x, n=2: x * n, static_argnums=1)(X),
    "donated": lambda c: c.jit(lambda x: x + 1, donate_argnums=0)(X),
    "disable_jit": lambda c: _with(c.disable_jit(), lambda: c.jit(lambda x: 1 if x > 0 else 2)(3.0)),
    "None": lambda c: c.jit(lambda x: x)(None),
}

REFUSED = {
    "string": lambda c: c.jit(lambda x: x)("s"),
    "string in a tree": lambda c: c.jit(lambda x: x)({"a": [1, "s"]}),
    "object": lambda c: c.jit(f2)(1.0, object()),
    "array of strings": lambda c: c.jit(lambda x: x)(np.array(["a"])),
    "array of objects": lambda c: c.jit(lambda x: x)(np.array([None])),
    "shape": lambda c: c.jit(lambda x: x)(c.ShapeDtypeStruct((3,), np.float32)),
    "integer out of range": lambda c: c.jit(lambda x: x)(2**40),
    "string result": lambda c: c.jit(lambda x: "s")(1.0),
    "object in the result": lambda c: c.jit(lambda x: {"a": object()})(1.0),
    "static list": lambda c: c.jit(f2, static_argnums=1)(1.0, [1]),
    "static array": lambda c: c.jit(f2, static_argnums=1)(1.0, X),
    "static array by name": lambda c: c.jit(f2, static_argnames="n")(1.0, n=c.numpy.ones(2)),
    "static out of range": lambda c: c.jit(f2, static_argnums=5),
    "static unknown name": lambda c: c.jit(f2, static_argnames="q"),
    "static name a number": lambda c: c.jit(f2, static_argnames=3),
    "static number a string": lambda c: c.jit(f2, static_argnums="n"),
    "static number a float": lambda c: c.jit(f2, static_argnums=1.5),
    "static missing": lambda c: c.jit(f2, static_argnums=1)(1.0),
    "static and donated": lambda c: c.jit(f2, static_argnums=1, donate_argnums=1),
    "no function": lambda c: c.jit(3),
    "too many arguments": lambda c: c.jit(lambda x: x)(1.0, 2.0),
    "python if": lambda c: c.jit(lambda x: 1 if x > 0 else 2)(1.0),
    "numpy function": lambda c: c.jit(lambda x: np.sin(x))(1.0),
    "range": lambda c: c.jit(lambda n: list(range(n)))(3),
    "float()": lambda c: c.jit(float)(3),
    "method without static self": lambda c: c.jit(Scaled.scale)(Scaled(2.0), X),
}


def _with(context, program):
    with context:
        return program()


class Scaled:
    def __init__(self, factor):
        self.factor = factor

    def scale(self, x):
        return x * self.factor


@pytest.mark.parametrize("case", RESULTS)
def test_result(case):
    assert_same(RESULTS[case])


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case):
    assert_same(REFUSED[case])


# --- when it traces -------------------------------------------------------------------------------------


@pytest.mark.parametrize("first, second, traces", [
    (X, X + 1, 1),
    (X, X[:2], 2),
    (X, X.astype(np.int32), 2),
    (1.0, 2.0, 1),
    (1.0, np.float32(2), 2),  # a python scalar is weakly typed
    (1, 1.0, 2),
    (True, 1, 2),
    ((X,), [X], 2),
    ({"a": X}, {"b": X}, 2),
    (X.astype(np.float64), X, 1),  # truncated to 32 bits
], ids=str)
def test_traces_once_for_each_kind_of_argument(first, second, traces):
    f = Counted(lambda x: x)
    jitted = cujax.jit(f)
    for argument in (first, second, first, second):
        jitted(argument)
    assert f.count == traces == jitted._cache_size()


def test_traces_once_for_each_static_value_and_type():
    f = Counted(lambda n, x: x * n)
    jitted = cujax.jit(f, static_argnums=0)
    for n in (1, 2, 1, 1.0, True, 2):
        jitted(n, X)
    assert f.count == 4


def test_positional_and_keyword_arguments_are_different_kinds():
    f = Counted(f2)
    jitted = cujax.jit(f)
    jitted(X, 1), jitted(X, n=1), jitted(X, 2)
    assert f.count == 2


@pytest.mark.parametrize("option, value", [("enable_x64", True), ("default_matmul_precision", "highest")])
def test_an_option_that_changes_traces_traces_again(option, value):
    f = Counted(lambda x: x * 2)
    jitted = cujax.jit(f)
    jitted(X)
    with cujax.config.override(option, value):
        jitted(X), jitted(X)
    jitted(X)
    assert f.count == 2


def test_a_new_axis_in_scope_traces_again():
    f = Counted(lambda x: x * 2)
    jitted = cujax.jit(f)
    cujax.vmap(jitted, axis_name="i")(X)
    cujax.vmap(jitted, axis_name="i")(X)
    cujax.vmap(jitted, axis_name="j")(X)
    assert f.count == 2


def test_two_jits_of_one_function_share_what_was_traced():
    f = Counted(lambda x, n: x)
    cujax.jit(f)(X, 1), cujax.jit(f)(X, 1)
    assert f.count == 1
    cujax.jit(f, static_argnums=1)(X, 1)
    assert f.count == 2


def test_clear_cache_and_clear_caches():
    f = Counted(lambda x: x)
    jitted = cujax.jit(f)
    jitted(X)
    jitted.clear_cache()
    jitted(X)
    cujax.clear_caches()
    jitted(X)
    assert f.count == 3


def test_what_was_traced_dies_with_the_function():
    def make():
        def f(x):
            return x * 2

        cujax.jit(f)(X)
        return weakref.ref(f)

    ref = make()
    gc.collect()
    assert ref() is None


def test_a_failed_trace_is_not_kept():
    f = Counted(lambda x: 1 / 0)
    jitted = cujax.jit(f)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            jitted(X)
    assert f.count == 2 and jitted._cache_size() == 0


def test_an_overflow_inside_a_callback_is_not_blamed_on_the_arguments():
    def host(x):
        return math.exp(1e9)

    f = cujax.jit(lambda x, n: cujax.pure_callback(host, cujax.ShapeDtypeStruct((), np.float32), x))
    with pytest.raises(Exception, match="math range error"):
        f(1.0, 2)


def test_disable_jit_calls_the_function_with_values():
    f = Counted(lambda x: x)
    jitted = cujax.jit(f)
    jitted(3.0)
    with cujax.disable_jit():
        assert jitted(3.0) == 3.0 and jitted(4.0) == 4.0
    assert f.count == 3


def test_side_effects_happen_at_trace_time(capsys):
    total = 1.0

    @cujax.jit
    def impure(x):
        print("tracing")
        return x + total

    assert float(impure(4.0)) == 5.0
    total = 10.0
    assert float(impure(5.0)) == 6.0  # the captured global has not changed
    assert float(impure(jnp.array([4.0])).sum()) == 14.0  # another type: traced again
    assert capsys.readouterr().out == "tracing\n" * 2


def test_a_jitted_function_that_captured_a_dead_tracer_is_traced_again():
    held = {}
    f = Counted(lambda y: held["x"] * y)
    inner = cujax.jit(f)

    @cujax.jit
    def outer(x):
        held["x"] = x
        return inner(2.0) + inner(3.0)

    with cujax.check_tracer_leaks(False):
        assert float(outer(1.0)) == 5.0 and f.count == 1
        assert float(outer(np.float32(2))) == 10.0 and f.count == 2
    held.clear()


def test_captured_arrays_keep_their_values_at_the_time_of_the_trace():
    numbers = np.ones(3, np.float32)
    jitted = cujax.jit(lambda x: x + numbers)
    jitted(X)
    numbers[:] = 100
    np.testing.assert_array_equal(jitted(X), X + 1)


def test_log_compiles(caplog):
    with cujax.log_compiles(), caplog.at_level(logging.WARNING, logger="cujax"):
        cujax.jit(f3)(X)
    assert "f3" in caplog.text and "float32[3]" in caplog.text


# --- as an object ---------------------------------------------------------------------------------------


def test_methods():
    class Body:
        def __init__(self, mass):
            self.mass = mass

        @functools.partial(cujax.jit, static_argnums=0)
        def weight(self, g):
            return self.mass * g

        @functools.partial(cujax.jit, static_argnames="self")
        def momentum(self, v):
            return self.mass * v

        @staticmethod
        @cujax.jit
        def twice(x):
            return 2 * x

    body = Body(3.0)
    assert (float(body.weight(2.0)), float(body.momentum(v=4.0)), float(body.twice(1.0))) == (6.0, 12.0, 2.0)


def test_looks_like_the_function():
    def period(a):
        """Years."""
        return a**1.5

    jitted = cujax.jit(period)
    assert (jitted.__name__, jitted.__doc__, jitted.__wrapped__) == ("period", "Years.", period)
    assert jitted.__module__ == period.__module__ and "period" in repr(jitted)


def test_jit_of_jit():
    assert float(cujax.jit(cujax.jit(lambda x: x + 1))(1.0)) == 2.0


def test_aux_data_that_cannot_be_hashed():
    class Box:
        def __init__(self, value, labels):
            self.value, self.labels = value, labels

    cujax.tree_util.register_pytree_node(
        Box, lambda b: ((b.value,), b.labels), lambda labels, children: Box(children[0], labels))
    f = Counted(lambda box: box.value * len(box.labels))
    jitted = cujax.jit(f)
    assert float(jitted(Box(2.0, ["a"]))) == 2.0 and float(jitted(Box(3.0, ["a"]))) == 3.0 and f.count == 1
    assert float(jitted(Box(2.0, ["a", "b"]))) == 4.0 and f.count == 2


# --- ahead of time --------------------------------------------------------------------------------------


def test_stages():
    f = Counted(lambda p, n: {"out": p["x"] * n})
    jitted = cujax.jit(f, static_argnums=1, donate_argnums=0)
    traced = jitted.trace({"x": cujax.ShapeDtypeStruct((3,), np.float32)}, 2)
    lowered = traced.lower()
    compiled = lowered.compile()
    np.testing.assert_array_equal(compiled({"x": X})["out"], X * 2)
    np.testing.assert_array_equal(jitted({"x": X}, 2)["out"], X * 2)
    assert f.count == 1
    assert "mul a 2.0" in str(traced.jaxpr) and "mul a 2.0" in lowered.as_text()
    expected = {"out": cujax.ShapeDtypeStruct((3,), np.float32)}
    assert traced.out_info == jitted.eval_shape({"x": X}, 2) == expected
    assert lowered.args_info[0][0]["x"].donated and lowered.donate_argnums == (0,)
    assert str(lowered.in_tree) == "PyTreeDef((({'x': *},), {}))"


def test_compiled_refuses_other_arguments():
    compiled = cujax.jit(lambda x, n: x * n).lower(X, 2.0).compile()
    integers = X.astype(np.int32)
    for arguments, word in [((X,), "structure"), ((X[:2], 2.0), "f32.2."), ((integers, 2.0), "i32.3.")]:
        with pytest.raises(TypeError, match=f"compiled for.*{word}"):
            compiled(*arguments)
    with pytest.raises(TypeError, match="jitted function itself"):
        cujax.jit(lambda x: compiled(x, 2.0))(X)
    np.testing.assert_array_equal(compiled(X, np.float32(2)), X * 2)  # a weak type is no other type


def test_memory_analysis_counts_the_largest_moment():
    def f(x):  # 160 kB; sorting is a call of a library: its operand and its result are held, and one result more
        y = jnp.sort(jnp.sin(x))
        z = jnp.sort(jnp.cos(x))
        return (y + z).sum()

    analysis = cujax.jit(f).lower(np.zeros(40_000, np.float32)).compile().memory_analysis()
    assert analysis.argument_size_in_bytes == 160_000 and analysis.output_size_in_bytes == 4
    assert 480_000 <= analysis.temp_size_in_bytes < 490_000
    accessed = cujax.jit(jnp.sin).lower(np.zeros(100, np.float32)).cost_analysis()["bytes accessed"]
    assert accessed == 800


# --- finding mistakes -----------------------------------------------------------------------------------


def test_debug_nans_under_jit_names_the_op_and_the_line(capsys):
    @cujax.jit
    def energy(x):
        y = x * 2
        return jnp.log(y) * 0  # the line that makes it

    assert np.isnan(float(energy(-1.0)))
    with cujax.debug_nans(), pytest.raises(FloatingPointError, match=r"nan.*log.*test_jit\.py"):
        energy(-1.0)
    assert "energy" in capsys.readouterr().out
    assert np.isnan(float(energy(-1.0)))


@pytest.mark.parametrize("transform", [cujax.jit, cujax.grad, cujax.vmap, cujax.make_jaxpr])
def test_checking_leaks_finds_a_tracer_in_a_list(transform):
    leaked = []

    def f(x):
        leaked.append(x)
        return x * 2

    argument = jnp.ones(3) if transform is cujax.vmap else jnp.float32(1)
    with cujax.checking_leaks(), pytest.raises(Exception, match="Leaked trace") as caught:
        transform(f)(argument)
    assert "list of 1 elements" in str(caught.value)


def test_checking_leaks_names_the_closure_that_holds_a_tracer():
    kept = []

    def f(x):
        def scaled(y):
            return x * y

        kept.append(scaled)
        return x * 2

    with cujax.checking_leaks(), pytest.raises(Exception, match=r"closure of .*scaled"):
        cujax.jit(f)(1.0)


@pytest.mark.parametrize("program", [
    lambda: cujax.jit(cujax.vmap(cujax.grad(cujax.jit(lambda x: jnp.sin(x) * x))))(X),
    lambda: cujax.hessian(lambda x: (x**3).sum())(X),
    lambda: cujax.jit(lambda x: cujax.linearize(jnp.sin, x))(X)[1](X),
    lambda: cujax.grad(lambda x: (x * x, x), has_aux=True)(1.0),
])
def test_checking_leaks_lets_correct_programs_pass(program):
    with cujax.checking_leaks():
        program()


def test_a_leaked_tracer_used_later_is_an_error():
    leaked = []
    with cujax.check_tracer_leaks(False):
        cujax.jit(lambda x: leaked.append(x * 2) or x)(X)
    with pytest.raises(cujax.errors.UnexpectedTracerError, match=r"test_jit\.py"):
        leaked[0] + 1


@pytest.mark.parametrize("program, words", [
    (lambda: cujax.jit(settings)({"dt": 0.1, "name": "rk4"}),
     ["config['name']", "settings", "'rk4'", "static_argnames"]),
    (lambda: cujax.jit(settings, static_argnames="config")({"dt": 0.1}),
     ["config", "settings", "dict", "tuple"]),
    (lambda: cujax.jit(lambda x: {"q": [x, "text"]})(1.0), ["['q'][1]", "'text'"]),
    (lambda: cujax.jit(lambda x, n: x)(1.0, 2**40), ["argument n", "1099511627776", "int32"]),
    (lambda: cujax.jit(settings, static_argnums=3), ["static_argnums=(3,)", "settings", "2 positional"]),
    (lambda: cujax.jit(settings, static_argnames="dt"), ["'dt'", "settings", "config"]),
])
def test_error_texts_say_what_and_where(program, words):
    with pytest.raises((TypeError, ValueError, OverflowError)) as caught:
        program()
    for word in words:
        assert word in str(caught.value)


def settings(config, verbose=False):
    return config["dt"] * 2
