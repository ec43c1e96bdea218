"""An operation that needs more memory than there is: the error, and that the engine can be used afterwards."""

from __future__ import annotations

import re

import numpy as np
import pytest

import cujax
import cujax.numpy as jnp
from cujax import errors
from cujax.engine.core import trace
from cujax.engine.core.primitive import REGISTRY


def test_an_operation_says_what_it_asked_for_and_what_it_holds():
    row = jnp.ones((2**20, 1), "int8")
    with pytest.raises(errors.OutOfMemoryError) as found:
        jnp.broadcast_to(row, (2**20, 2**40)) + jnp.int8(1)
    text = str(found.value)
    asked = "add asked for 1024.0 PiB (1,152,921,504,606,846,976 bytes)"
    assert text.startswith(f"RESOURCE_EXHAUSTED: Out of memory: {asked}")
    assert "operand 0: i8[1048576,1099511627776]" in text
    assert isinstance(found.value, errors.JaxRuntimeError)
    assert (row + 1).sum() == 2**21


def test_the_operation_is_tried_again_with_what_has_been_given_back(monkeypatch):
    tries = []
    negate = REGISTRY["neg"].impl

    def impl(xp, x):
        tries.append(x)
        if len(tries) == 1:
            raise MemoryError
        return negate(xp, x)

    released = []
    monkeypatch.setattr(type(trace.selected()), "release_memory", lambda self: released.append(1))
    monkeypatch.setattr(REGISTRY["neg"], "impl", impl)
    assert (-jnp.arange(3)).tolist() == [0, -1, -2]
    assert len(tries) == 2
    assert released == [1]


def test_an_error_that_has_been_explained_is_passed_on(monkeypatch):
    tries = []

    def impl(xp, x):
        tries.append(x)
        raise errors.OutOfMemoryError("a program inside")

    monkeypatch.setattr(REGISTRY["neg"], "impl", impl)
    with pytest.raises(errors.OutOfMemoryError, match=r"^a program inside$"):
        -jnp.arange(3)
    assert len(tries) == 1


def test_a_jitted_function_says_what_it_holds():
    @cujax.jit
    def spread(state, scale):
        return jnp.outer(state["x"] * scale, jnp.ones(2**40, "int8"))

    state = {"x": np.ones(2**20, np.int8)}
    with pytest.raises(errors.OutOfMemoryError) as found:
        spread(state, np.int8(3))
    text = str(found.value)
    assert re.match(r"RESOURCE_EXHAUSTED: Out of memory: <jitted .*spread.*> asked for \d", text)
    assert "i8[1048576,1099511627776], result 0" in text
    assert "i8[1048576], state['x']" in text
    assert spread.lower  # the function is as it was
    assert cujax.jit(lambda x: x + 1)(1) == 2


def test_a_jitted_function_is_run_once_more(monkeypatch):
    run = cujax.jit(lambda x: x + 1)
    run(1.0)
    (recording,) = run._recordings.values()
    call, released = recording._call, []

    def fail_once(buffers):
        recording._call = call
        raise MemoryError

    recording._call = fail_once
    monkeypatch.setattr(type(trace.selected()), "release_memory", lambda self: released.append(1))
    assert run(2.0) == 3
    assert released == [1]


def test_a_function_with_effects_is_not_run_again(monkeypatch):
    ran = []

    @cujax.jit
    def noting(x):
        cujax.debug.callback(lambda x: ran.append(1), x)
        return x + 1

    noting(1.0)
    (recording,) = noting._recordings.values()
    call = recording._call

    def fail(buffers):
        call(buffers)
        raise MemoryError

    recording._call = fail
    ran.clear()
    with pytest.raises(errors.OutOfMemoryError, match="noting"):
        noting(1.0)
    assert ran == [1]


def test_what_a_function_captures_is_counted():
    table = jnp.ones(2**20, "int8")
    run = cujax.jit(lambda x: jnp.outer(table * x, jnp.ones(2**40, "int8")))
    with pytest.raises(errors.OutOfMemoryError, match=r"i8\[1048576\], an array that the function captures"):
        run(np.int8(1))
