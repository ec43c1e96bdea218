"""Callbacks: what is printed and called, when and with what, is as in JAX; host errors reach the caller."""

from __future__ import annotations

import traceback

import jax
import numpy as np
import pytest
from against_jax import OURS, THEIRS, agree, refused_alike

import cujax
import cujax.numpy as jnp
from cujax import debug
from cujax.api.callbacks import pure_callback
from cujax.engine.control.callbacks import VMAP_METHODS
from cujax.experimental import io_callback

X = np.arange(3, dtype=np.float32)
F32 = "float32"


def calls_agree(case):
    """As `agree`, for `case(m, log)`, which also must append the same to `log` with both libraries."""
    logs = {id(OURS): [], id(THEIRS): []}

    def logged(m):
        result = case(m, logs[id(m)])
        jax.effects_barrier()
        return result

    agree(logged)
    assert logs[id(OURS)] == logs[id(THEIRS)]


def spy(log, f):
    """`f` that logs shapes and dtypes of its arguments."""

    def called(*args):
        log.append([(np.shape(a), str(np.asarray(a).dtype)) for a in args])
        return f(*map(np.asarray, args))

    return called


def pure(m, log, f, shape=(), **options):
    result = m.lib.ShapeDtypeStruct(shape, F32)
    return lambda *args: m.pure_callback(spy(log, f), result, *args, **options)


# --- pure_callback ------------------------------------------------------------------------------------


def test_outside_and_inside_jit():
    calls_agree(lambda m, log: pure(m, log, np.sin, (3,))(m.np.asarray(X)))
    calls_agree(lambda m, log: m.lib.jit(pure(m, log, np.sin, (3,)))(m.np.asarray(X)))
    calls_agree(lambda m, log: m.lib.jit(lambda x: (pure(m, log, np.sin, (3,))(x), x)[1])(m.np.asarray(X)))


@pytest.mark.parametrize("method", VMAP_METHODS)
def test_vmap_methods(method):
    def one(m, log):
        return pure(m, log, np.add, vmap_method=method)

    def pairs(m, log):
        return pure(m, log, lambda a, b: a + b, (2,), vmap_method=method)

    calls_agree(lambda m, log: m.lib.vmap(one(m, log), (0, None))(m.np.asarray(X), m.np.float32(1.0)))
    mapped = (np.ones((3, 2), np.float32), np.ones((2, 3), np.float32))
    calls_agree(lambda m, log: m.lib.jit(m.lib.vmap(pairs(m, log), (0, 1)))(*mapped))


@pytest.mark.parametrize("method", [v for v in VMAP_METHODS if v != "legacy_vectorized"])
def test_nested_vmaps(method):
    def case(m, log):
        f = pure(m, log, np.add, vmap_method=method)
        return m.lib.vmap(m.lib.vmap(f, (0, None)), (None, 0))(m.np.asarray(X), m.np.ones(2))

    calls_agree(case)


def test_an_empty_batch():
    def f(x):
        return pure_callback(lambda x: x, x, x, vmap_method="sequential")

    assert cujax.vmap(f)(jnp.ones((0, 2))).shape == (0, 2)


def test_trees_and_host_dtypes():
    def case(m):
        struct = m.lib.ShapeDtypeStruct
        tree = {"a": struct((3,), F32), "b": (struct((), "int32"),)}
        first = m.pure_callback(lambda x, k: {"a": x, "b": (k,)}, tree, m.np.asarray(X), k=np.int32(2))
        wide = m.pure_callback(lambda x: np.ones(3), struct((3,), F32), m.np.asarray(X))
        return first, wide, m.pure_callback(lambda: 2.5, struct((), F32))

    agree(case)


def test_programs_inside_a_callback():
    def case(m):
        sine = m.lib.jit(m.np.sin)
        return m.lib.jit(lambda x: m.pure_callback(sine, x, x))(m.np.asarray(X))

    agree(case)


def test_derivatives_by_custom_jvp():
    def case(m):
        @m.lib.custom_jvp
        def f(x):
            return m.pure_callback(np.sin, m.lib.ShapeDtypeStruct((), F32), x, vmap_method="expand_dims")

        f.defjvp(lambda p, t: (f(*p), m.np.cos(p[0]) * t[0]))
        grad = m.lib.grad(f)
        return grad(1.0), m.lib.jit(grad)(1.0), m.lib.vmap(grad)(m.np.asarray(X))

    agree(case)


BAD_RESULTS = {
    "shape": (lambda x: np.ones(4, np.float32), r"returned float32\[4\] as result 0, where .* float32\[3\]"),
    "dtype": (lambda x: np.ones(3, np.int32), r"returned int32\[3\]"),
    "number": (lambda x: (x, x), "returned 2 results, where result_shape_dtypes has 1"),
    "list": (lambda x: [1.0, 2.0, 3.0], "returned 3 results"),
    "nothing": (lambda x: None, "returned 0 results"),
}


@pytest.mark.parametrize("name", BAD_RESULTS)
@pytest.mark.parametrize("transform", ["jit", "named_call"])
def test_results_that_break_the_promise(name, transform):
    bad, text = BAD_RESULTS[name]

    def case(m):
        def call(x):
            return m.pure_callback(bad, m.lib.ShapeDtypeStruct((3,), F32), x)

        return getattr(m.lib, transform)(call)(m.np.asarray(X))

    refused_alike(case)
    with pytest.raises(cujax.errors.JaxRuntimeError, match=rf"pure_callback: .*test_callbacks.py.* {text}"):
        case(OURS)


REFUSED = {
    "no vmap method": lambda m: m.lib.vmap(lambda x: m.pure_callback(np.sin, x, x))(m.np.asarray(X)),
    "unknown method": lambda m: m.pure_callback(np.sin, m.np.asarray(X), m.np.asarray(X), vmap_method="foo"),
    "jvp": lambda m: m.lib.jvp(lambda x: m.pure_callback(np.sin, x, x), (1.0,), (1.0,)),
    "grad": lambda m: m.lib.grad(lambda x: m.pure_callback(np.sin, x, x))(1.0),
    "64 bits": lambda m: m.pure_callback(np.sin, m.lib.ShapeDtypeStruct((), np.float64), 1.0),
    "no dtype": lambda m: m.pure_callback(np.sin, 1.0, 1.0),
    "string argument": lambda m: m.pure_callback(np.sin, m.np.asarray(X), "a"),
    "ordered io": lambda m: m.lib.vmap(lambda x: m.io_callback(np.sin, x, x, ordered=True))(m.np.asarray(X)),
    "io jvp": lambda m: m.lib.jvp(lambda x: m.io_callback(np.sin, x, x), (1.0,), (1.0,)),
    "no function": lambda m: m.debug.callback(3, 1.0),
    "no format": lambda m: m.debug.print(m.np.asarray(X)),
    "unused argument": lambda m: m.debug.print("hello", m.np.asarray(X)),
    "unused name": lambda m: m.debug.print("hello {}", 1.0, y=2.0),
    "missing argument": lambda m: m.debug.print("{} {}", 1.0),
    "missing name": lambda m: m.debug.print("{x} {y}", x=1.0),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name):
    refused_alike(REFUSED[name])


def test_64_bit_results(x64):
    wide = X.astype(np.float64)
    agree(lambda m: m.pure_callback(np.sin, m.lib.ShapeDtypeStruct((3,), np.float64), wide))


def failing(x):
    raise KeyError("from the host")


FAILING = {
    "pure_callback": lambda x: pure_callback(failing, x, x, vmap_method="sequential"),
    "io_callback": lambda x: io_callback(failing, x, x),
    "debug.callback": lambda x: debug.callback(failing, x),
}


@pytest.mark.parametrize("transform", [cujax.named_call, cujax.jit, cujax.vmap])
@pytest.mark.parametrize("kind", FAILING)
def test_host_errors_are_the_callers(kind, transform):
    with pytest.raises(KeyError, match="from the host") as caught:
        transform(FAILING[kind])(X)
    frames = traceback.extract_tb(caught.value.__traceback__)
    assert frames[-1].name == "failing"


# --- io_callback --------------------------------------------------------------------------------------


def test_io_callback():
    def io(m, log, **options):
        return lambda x: m.io_callback(spy(log, np.sin), x, x, **options)

    calls_agree(lambda m, log: m.lib.jit(io(m, log))(m.np.asarray(X)))
    calls_agree(lambda m, log: m.lib.vmap(io(m, log))(m.np.asarray(X)))
    calls_agree(lambda m, log: m.lib.jit(lambda x: (io(m, log, ordered=True)(x), x)[1])(m.np.asarray(X)))
    assert io_callback(lambda: None, None) is None


# --- debug.print and debug.callback -------------------------------------------------------------------


def printed(case, m, capsys):
    case(m)
    jax.effects_barrier()
    return capsys.readouterr().out.splitlines()


def first(f):
    """A function of x that calls f(x) and returns x squared."""
    return lambda x: (f(x), x**2)[1]


PRINTS = {
    "formats": lambda m: m.debug.print("x {} {y:.2f}", m.np.asarray(X), y=m.np.float32(2)),
    "under jit": lambda m: m.lib.jit(
        lambda x: m.debug.print("{s} {x.shape} {z[a]} {x!r} {y}", s="text", x=x, z={"a": x}, y=(x, x[0] > 1))
    )(m.np.asarray(X)),
    "no arguments": lambda m: m.debug.print("hello {{}}"),
    "no check": lambda m: m.debug.print("hello", m.np.asarray(X), skip_format_check=True),
    "scalars": lambda m: m.lib.jit(lambda: m.debug.print("{} {} {} {}", True, 3, 2.5, m.np.bfloat16(1.5)))(),
    "long": lambda m: m.debug.print("{}", m.np.arange(3000.0)),
    "key": lambda m: m.debug.print("{k.shape} {k.dtype}", k=m.lib.random.key(0)),
    "vmap": lambda m: m.lib.vmap(lambda x, y: m.debug.print("{x} {y}", x=x, y=y), (0, None))(
        m.np.asarray(X), m.np.ones(2)
    ),
    "vmap, unbatched": lambda m: m.lib.vmap(first(lambda x: m.debug.print("once {}", 1.0)))(m.np.asarray(X)),
    "grad": lambda m: m.lib.grad(first(lambda x: m.debug.print("{}", x)))(2.0),
    "jit-grad": lambda m: m.lib.jit(m.lib.grad(first(lambda x: m.debug.print("{}", x))))(2.0),
    "grad-jit": lambda m: m.lib.grad(m.lib.jit(first(lambda x: m.debug.print("{}", x))))(2.0),
    "checkpoint": lambda m: m.lib.grad(
        m.lib.checkpoint(lambda x: m.np.sin(first(lambda x: m.debug.print("{}", x))(x)))
    )(2.0),
    "scan": lambda m: m.lax.scan(
        lambda c, x: (m.debug.print("{c} {x}", c=c, x=x, ordered=True), (c + x, x))[1], 0.0, m.np.asarray(X)
    ),
    "grad of scan": lambda m: m.lib.grad(
        lambda x: m.lax.scan(lambda c, _: ((m.debug.print("{}", c), c * x)[1], None), x, None, length=2)[0]
    )(2.0),
    "while": lambda m: m.lax.while_loop(lambda c: c < 3, lambda c: (m.debug.print("{}", c), c + 1)[1], 0),
    "cond": lambda m: m.lib.jit(
        lambda x: m.lax.cond(x > 1, lambda: m.debug.print("yes"), lambda: m.debug.print("no"))
    )(2.0),
    "in order": lambda m: m.lib.jit(
        lambda x: (m.debug.print("1 {}", x, ordered=True), m.debug.print("2 {}", x + 1, ordered=True), x)[2]
    )(2.0),
    "callback": lambda m: m.lib.jit(
        lambda x: m.debug.callback(lambda x, s, n, k: print(x, s, n, int(k["a"])), x, "s", None, k={"a": 3})
    )(m.np.asarray(X)),
}


@pytest.mark.parametrize("name", PRINTS)
def test_prints(name, capsys):
    ours, theirs = (printed(PRINTS[name], m, capsys) for m in (OURS, THEIRS))
    assert ours and ours == theirs


def test_a_tangent_is_printed_in_forward_mode_only(capsys):
    def case(chain):
        def run(m):
            @m.lib.custom_jvp
            def f(x):
                return x * 2.0

            @f.defjvp
            def rule(primals, tangents):
                m.debug.print("tangent {}", tangents[0])
                return f(*primals), tangents[0] * 2.0

            return chain(m, f)

        return run

    forward = case(lambda m, f: m.lib.jvp(f, (1.0,), (1.0,)))
    reverse = case(lambda m, f: m.lib.jit(m.lib.grad(f))(1.0))
    assert printed(forward, OURS, capsys) == printed(forward, THEIRS, capsys) == ["tangent 1.0"]
    assert printed(reverse, OURS, capsys) == printed(reverse, THEIRS, capsys) == []


def test_format_errors_say_what_to_write():
    with pytest.raises(ValueError, match=r"Unused keyword arguments: \['x'\].*not an f-string"):
        debug.print("x is 3", x=3)
