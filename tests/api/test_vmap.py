"""vmap: values, in_axes and out_axes as trees, errors; compared with JAX and with a Python loop."""

from __future__ import annotations

import numpy as np
import pytest
from jax_comparison import assert_same

import cujax
import cujax.numpy as jnp


def A(*shape):
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape) + 1


MAPPED = {
    "two arguments": lambda c: c.vmap(lambda x, y: x * y)(A(3), A(3)),
    "matrix by vectors": lambda c: c.vmap(c.numpy.dot, in_axes=(None, 0))(A(2, 4), A(3, 4)),
    "axis 1": lambda c: c.vmap(lambda x: x * 2, in_axes=1)(A(2, 3)),
    "axis -1": lambda c: c.vmap(lambda x: x * 2, in_axes=-1)(A(2, 3, 4)),
    "out axis 1": lambda c: c.vmap(lambda x: x * 2, out_axes=1)(A(2, 3)),
    "out axis -1": lambda c: c.vmap(lambda x: x * 2, out_axes=-1)(A(2, 3, 4)),
    "out axes of a tuple": lambda c: c.vmap(lambda x: (x, x), out_axes=(0, 1))(A(2, 3)),
    "list of in_axes": lambda c: c.vmap(lambda x, y: x * y.sum(), in_axes=[0, None])(A(2), A(3)),
    "tree of in_axes": lambda c: c.vmap(lambda p, y: p["a"] * p["b"] + y, in_axes=({"a": 0, "b": None}, 0))(
        {"a": A(2), "b": 3.0}, A(2)),
    "prefix of in_axes": lambda c: c.vmap(lambda p: p["a"].sum() * p["b"], in_axes=(0,))(
        {"a": A(2, 3), "b": A(2)}),
    "tree of out_axes": lambda c: c.vmap(
        lambda x: {"a": x, "b": (x, 1.0)}, out_axes={"a": 1, "b": (0, None)})(A(2, 3)),
    "keyword arguments": lambda c: c.vmap(lambda x, k: x + k)(A(3), k=A(3)),
    "constant result": lambda c: c.vmap(lambda x: 2.0)(A(3, 2)),
    "constant array": lambda c: c.vmap(lambda x: c.numpy.ones(2))(A(3, 2)),
    "unmapped result": lambda c: c.vmap(lambda x: (x, 3.0), out_axes=(0, None))(A(3))[0],
    "no result": lambda c: c.vmap(lambda x: None)(A(3)),
    "axis_size": lambda c: c.vmap(lambda x: x, in_axes=None, axis_size=4)(A(2)),
    "axis_size without arguments": lambda c: c.vmap(lambda: 1.0, axis_size=3)(),
    "an argument that is no array": lambda c: c.vmap(lambda x, s: x, in_axes=(0, None))(A(2), "s"),
    "a function as argument": lambda c: c.vmap(lambda x, f: f(x), in_axes=(0, None))(A(2), abs),
    "length zero": lambda c: c.vmap(lambda x: x * 2)(A(0, 3)),
    "nested": lambda c: c.vmap(c.vmap(lambda x, y: x * y, in_axes=(0, None)), in_axes=(None, 0))(A(3), A(4)),
    "nested, other order": lambda c: c.vmap(c.vmap(lambda x, y: x - y, in_axes=(None, 0)), in_axes=(0, None))(
        A(3), A(4)),
    "of jit": lambda c: c.vmap(c.jit(lambda x: x * x))(A(3)),
    "in jit": lambda c: c.jit(c.vmap(lambda x: x * x))(A(3)),
    "of grad of jit": lambda c: c.vmap(c.grad(c.jit(lambda x: c.numpy.sin(x) * x)))(A(3)),
    "spmd_axis_name": lambda c: c.vmap(lambda x: x, spmd_axis_name="i")(A(3)),
    "one name twice": lambda c: c.vmap(
        lambda x: c.vmap(lambda y: y, axis_name="i")(x), axis_name="i")(A(2, 3)),
    "captured value": lambda c: c.vmap(lambda x: c.vmap(lambda y: x * y)(A(4)))(A(3)),
}

REFUSED = {
    "sizes": lambda c: c.vmap(lambda x, y: x)(A(3), A(4)),
    "sizes in a tree": lambda c: c.vmap(lambda p: p["a"])({"a": A(3), "b": A(4)}),
    "size of a keyword argument": lambda c: c.vmap(lambda x, k: x)(A(3), k=A(4)),
    "axis_size differs": lambda c: c.vmap(lambda x: x, axis_size=4)(A(2)),
    "scalar": lambda c: c.vmap(lambda x: x)(1.0),
    "list of scalars": lambda c: c.vmap(lambda x: x)([1, 2, 3]),
    "axis too high": lambda c: c.vmap(lambda x: x, in_axes=2)(A(2, 3)),
    "axis too low": lambda c: c.vmap(lambda x: x, in_axes=-3)(A(2, 3)),
    "nothing mapped": lambda c: c.vmap(lambda x: x, in_axes=None)(A(2)),
    "no arguments": lambda c: c.vmap(lambda: 1.0)(),
    "too few in_axes": lambda c: c.vmap(lambda x, y: x, in_axes=(0,))(A(2), A(2)),
    "in_axes a string": lambda c: c.vmap(lambda x: x, in_axes="a"),
    "in_axes a float": lambda c: c.vmap(lambda x: x, in_axes=(1.0,)),
    "in_axes a dict": lambda c: c.vmap(lambda x: x, in_axes={"a": 0}),
    "in_axes a bool": lambda c: c.vmap(lambda x: x, in_axes=True),
    "other structure": lambda c: c.vmap(lambda p: p["a"], in_axes=({"c": 0},))({"a": A(2)}),
    "out_axes too short": lambda c: c.vmap(lambda x: (x, x), out_axes=(0,))(A(2)),
    "out_axes a tuple": lambda c: c.vmap(lambda x: x, out_axes=(0,))(A(2)),
    "out axis too high": lambda c: c.vmap(lambda x: x, out_axes=3)(A(2)),
    "out_axes None": lambda c: c.vmap(lambda x: x, out_axes=None)(A(2)),
    "out_axes a float": lambda c: c.vmap(lambda x: x, out_axes=1.0),
    "string": lambda c: c.vmap(lambda x: x)("s"),
    "string result": lambda c: c.vmap(lambda x: "s")(A(2)),
    "no function": lambda c: c.vmap(3),
}


@pytest.mark.parametrize("case", MAPPED)
def test_mapped(case):
    assert_same(MAPPED[case])


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case):
    assert_same(REFUSED[case])


@pytest.mark.parametrize("in_axis", [0, 1, 2, -1])
@pytest.mark.parametrize("out_axis", [0, 1, -1])
def test_equals_a_loop(in_axis, out_axis):
    def f(x):
        return jnp.sin(x) * x.sum(0)

    x = A(2, 3, 4)
    expected = [f(jnp.asarray(e)) for e in np.moveaxis(x, in_axis, 0)]
    found = cujax.vmap(f, in_axes=in_axis, out_axes=out_axis)(x)
    np.testing.assert_allclose(np.moveaxis(np.asarray(found), out_axis, 0), np.stack(expected), rtol=1e-6)


def test_the_function_is_called_once_with_values_of_one_element():
    seen = []
    cujax.vmap(lambda x: seen.append(x.shape) or x)(A(5, 2))
    assert seen == [(2,)]


def test_wraps_the_function():
    def displacement(x):
        """Metres."""
        return x

    mapped = cujax.vmap(displacement)
    assert mapped.__name__ == "displacement" and mapped.__wrapped__ is displacement


@pytest.mark.parametrize("program, words", [
    (lambda: cujax.vmap(force)(A(3, 2), {"m": A(4)}, A(5)),
     ["force", "x: 3 (axis 0 of shape (3, 2))", "body['m']: 4", "rest[0]: 5", "None in in_axes"]),
    (lambda: cujax.vmap(force)(A(3), {"m": 1.0}), ["body['m']", "force", "rank should be at least 1"]),
    (lambda: cujax.vmap(force)(A(3), {"m": "heavy"}), ["body['m']", "'heavy'", "None in in_axes"]),
    (lambda: cujax.vmap(force, in_axes=(0, {"q": 0}))(A(3), {"m": A(3)}), ["args[1]", "force"]),
    (lambda: cujax.vmap(force, out_axes=None)(A(3), {"m": A(3)}), ["force", "out_axes None", "f32[3]"]),
])
def test_error_texts_say_what_and_where(program, words):
    with pytest.raises((TypeError, ValueError)) as caught:
        program()
    for word in words:
        assert word in str(caught.value)


def force(x, body, *rest):
    return x * body["m"]
