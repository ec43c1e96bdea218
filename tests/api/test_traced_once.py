"""Library functions outside `jit`: traced once for each kind of arguments, the same bits, the function's own errors."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import cujax
import cujax.numpy as jnp
from cujax import random
from cujax.api import traced_once as module
from cujax.api.traced_once import traced_once
from cujax.engine.backends.select import selected
from cujax.engine.ground.config import config

X = jnp.asarray(np.random.default_rng(0).standard_normal(50).astype(np.float32))


class Noted:
    """A function of several ops that notes when its Python runs."""

    def __init__(self, *arrays):
        self.calls = []

        def between(x, low, high=1.0, *, axis=-1, name="median"):
            self.calls.append((type(x).__name__, low, high, axis, name))
            inside = jnp.where((x > low) & (x < high), x, 0)
            return {name: getattr(jnp, name)(inside, axis), "count": (inside != 0).sum(axis)}

        self.function = between
        self.traced = traced_once(*arrays or ("x", "low", "high"))(between)


@pytest.fixture
def noted():
    return Noted()


@pytest.fixture
def compiled(monkeypatch):
    """The programs that are compiled, by the names of their tapes."""
    found = []
    compile_tape = module.compile_tape
    monkeypatch.setattr(module, "compile_tape", lambda tape: found.append(tape.name) or compile_tape(tape))
    return found


def equal(found, expected):
    for a, b in zip(cujax.tree.leaves(found), cujax.tree.leaves(expected), strict=True):
        assert a.dtype == b.dtype and a.weak_type == b.weak_type and a.shape == b.shape
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()


def test_the_function_runs_once_for_each_kind(noted):
    for x in (X, X + 1, -X):
        equal(noted.traced(x, -0.5), noted.function(x, -0.5))
    assert [kind for kind, *_ in noted.calls].count("TapeTracer") == 1
    assert len(noted.calls) == 4
    for x in (X, X.reshape(5, 10), X.astype("float16"), np.asarray(X)):
        for low in (jnp.float32(0), 0, 0.5):
            equal(noted.traced(x, low), noted.function(x, low))


def test_numbers_are_operands_where_they_are_named(noted):
    for low in (0.0, 0.25, -1.0):
        equal(noted.traced(X, low, high=low + 1), noted.function(X, low, low + 1))
    assert [kind for kind, *_ in noted.calls].count("TapeTracer") == 1


def test_numbers_are_part_of_the_trace_where_they_are_not():
    noted = Noted("x")
    for _ in range(2):
        for low in (0, False, 0.0, 1, jnp.float32(0.5), np.float32(0.5)):
            equal(noted.traced(X, low), noted.function(X, low))
    traced = [low for kind, low, *_ in noted.calls if kind == "TapeTracer"]
    assert len(traced) == 6 and [type(low) for low in traced[:4]] == [int, bool, float, int]
    assert type(traced[4]).__name__ == "TapeTracer", "an array is an operand all the same"


def test_all_else_is_part_of_the_trace(noted):
    square = X.reshape(5, 10)
    for _ in range(2):
        for options in ({"axis": 0}, {"axis": 1}, {"axis": -1, "name": "mean"}, {}):
            equal(noted.traced(square, 0.0, **options), noted.function(square, 0.0, **options))
    assert [kind for kind, *_ in noted.calls].count("TapeTracer") == 4


def test_arguments_may_be_passed_either_way(noted):
    expected = noted.function(X, -0.5, 0.5)
    equal(noted.traced(X, -0.5, 0.5), expected)
    equal(noted.traced(X, high=0.5, low=-0.5), expected)
    equal(noted.traced(low=-0.5, x=X, high=0.5), expected)


def test_what_is_not_traced_runs_as_it_stands():
    @traced_once("x")
    def positive(x, axis=None, scale=1.0):
        return X[: int((x > 0).sum())] * scale, axis

    assert len(positive(X)[0]) == int((np.asarray(X) > 0).sum())
    assert positive(X, [1])[1] == [1] and positive(X, scale=2.0)[0].shape == positive(X)[0].shape
    assert traced_once("x")(lambda x: 3)(X) == 3, "a number stays one"


@pytest.mark.parametrize(
    "call, error, text",
    [(lambda: jnp.median([1.0, 2.0]), TypeError, "median requires ndarray or scalar arguments, got <class 'list'>"),
     (lambda: jnp.interp(X, X, X[1:]), ValueError, "interp: xp and fp must be one-dimensional arrays of equal size"),
     (lambda: jnp.percentile(X, 50, axis=3), ValueError, "percentile: axis 3 is out of bounds"),
     (lambda: jnp.hypot(X, "a"), TypeError, "hypot requires ndarray or scalar arguments, got <class 'str'>"),
     (lambda: jnp.median(nothing=1), TypeError, "median"),
     (lambda: random.normal(X), TypeError, "normal")],
)  # fmt: skip
def test_errors_are_those_of_the_function(call, error, text):
    for _ in range(2):
        with pytest.raises(error, match=text) as caught:
            call()
        assert "Tracer" not in str(caught.value)


def test_a_deleted_array_is_refused():
    x = jnp.ones(5)
    jnp.median(x)
    x.delete()
    with pytest.raises(RuntimeError, match="deleted"):
        jnp.median(x)


def test_inside_transformed_functions_the_ops_take_part(noted):
    text = str(cujax.make_jaxpr(lambda x: noted.traced(x, 0.0))(X))
    assert "sort" in text and "jit" not in text
    expected = noted.function(X, 0.0)["median"]
    equal(cujax.vmap(lambda x: noted.traced(x, 0.0)["median"])(X[None])[0], expected)
    assert cujax.grad(lambda x: jnp.median(x))(X).sum() == 1


def test_options_take_part(noted):
    for x64 in (False, True, False):
        with config.override("enable_x64", x64):
            assert noted.traced(X, 0.0)["count"].dtype == (np.int64 if x64 else np.int32)
    with cujax.disable_jit():
        noted.traced(X, 0.0)
    assert noted.calls[-1][0] == "ConcreteArray"
    with config.override("debug_nans", True), pytest.raises(FloatingPointError, match="test_traced_once"):
        jnp.hypot(X, np.float32(np.nan))


def test_what_was_traced_is_forgotten(noted, monkeypatch):
    monkeypatch.setattr(module, "_MOST", 3)
    for _ in range(2):
        for length in range(1, 5):
            noted.traced(X[:length], 0.0)
    assert len(noted.calls) == 8, "with one more than are kept each is forgotten before it is met again"
    noted.traced(X[:4], 0.0)
    assert len(noted.calls) == 8
    cujax.clear_caches()
    noted.traced(X[:4], 0.0)
    assert len(noted.calls) == 9


def test_what_decorators_name_are_parameters():
    for recordings in module._made:
        assert recordings._arrays <= set(inspect.signature(recordings._fun).parameters), recordings._fun


# --- what is compiled -----------------------------------------------------------------------------------------


def test_large_arrays_are_computed_by_a_program(compiled, monkeypatch):
    monkeypatch.setattr(module, "LARGE", 51)
    function = traced_once("x")(lambda x: jnp.exp(x) + jnp.sin(x))
    function(X)
    assert not compiled
    x = jnp.concatenate([X, X])
    np.testing.assert_allclose(function(x), np.exp(x) + np.sin(x), rtol=1e-6)
    assert len(compiled) == 1


@pytest.mark.skipif(selected().kernels is None, reason="there are no kernels")
def test_what_has_taken_long_is_compiled_where_that_changes_no_bit(compiled, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    exact, inexact = (traced_once("x")(f) for f in (lambda x: jnp.median(x) * x + 1, lambda x: jnp.exp(x) * x))
    first = exact(X)
    assert len(compiled) == 1
    equal(exact(X), first)
    for _ in range(3):
        inexact(X)
    assert len(compiled) == 1
