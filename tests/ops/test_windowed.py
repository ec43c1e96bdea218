"""Reductions over windows against JAX, and beyond what JAX differentiates."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
from jax import lax as jax_lax

import cujax
from cujax import lax
from cujax.engine.core.recording import record
from cujax.engine.core.trace import aval_of

RNG = np.random.default_rng(0)
IDENTITY = {"add": 0.0, "max": -np.inf, "min": np.inf}
GRID = [
    # shape, window, and what differs from one stride and "VALID"
    ((9,), (3,), {}),
    ((4,), (9,), {}),
    ((9,), (4,), {"window_strides": (3,), "padding": "SAME"}),
    ((5, 6), (2, 3), {"window_strides": (2, 1), "padding": "SAME_LOWER"}),
    ((5, 6), (2, 3), {"window_strides": (1, 2), "padding": ((1, 0), (0, 2))}),
    ((3, 4, 5), (1, 2, 3), {"window_strides": (1, 1, 2), "padding": ((0, 0), (1, 1), (2, 1))}),
    ((200,), (100,), {"window_strides": (2,), "padding": "SAME"}),
]
SPREAD = [
    ((5, 6), (2, 3), {"base_dilation": (2, 1), "window_dilation": (1, 2), "padding": ((1, 0), (0, 2))}),
    ((120,), (33,), {"window_dilation": (2,), "window_strides": (3,), "padding": ((-3, 40),)}),
]


def reals(*shape: int) -> np.ndarray:
    return RNG.uniform(-1, 1, shape).astype(np.float32)


def close(found: Any, expected: Any) -> None:
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.dtype == expected.dtype and found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5)


def windowed(library: Any, op: str, window: tuple, options: dict[str, Any]) -> Any:
    return lambda x: library.reduce_window(x, IDENTITY[op], getattr(library, op), window, **options)


@pytest.mark.parametrize("op", IDENTITY)
@pytest.mark.parametrize(("shape", "window", "options"), GRID, ids=str)
def test_values_and_derivatives_are_jax_s(op, shape, window, options):
    x, t = reals(*shape), reals(*shape)

    def results(library, lax_module, x, t):
        function = windowed(lax_module, op, window, options)
        out, pull_back = library.vjp(function, x)
        return out, library.jvp(function, (x,), (t,))[1], pull_back(out)[0]

    expected = jax.jit(lambda x, t: results(jax, jax_lax, x, t))(x, t)
    for found, wanted in zip(results(cujax, lax, x, t), expected, strict=True):
        close(found, wanted)


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_average_pooling(padding):
    """The sum over each window by how many elements it has, as libraries of neural networks write it."""
    x, ct = reals(2, 7, 6, 3), reals(2, 4, 3, 3) if padding == "SAME" else reals(2, 3, 3, 3)

    def results(library, x, ct):
        def average(x):
            total, count = (
                library.lax.reduce_window(v, 0.0, library.lax.add, (1, 2, 2, 1), (1, 2, 2, 1), padding)
                for v in (x, library.numpy.ones(x.shape, x.dtype))
            )
            return total / count

        out, pull_back = library.vjp(average, x)
        return out, *pull_back(ct), library.grad(lambda x: library.numpy.sum(average(x) ** 3))(x)

    for found, wanted in zip(results(cujax, x, ct), results(jax, x, ct), strict=True):
        close(found, wanted)


@pytest.mark.parametrize("op", IDENTITY)
@pytest.mark.parametrize(("shape", "window", "options"), SPREAD, ids=str)
def test_dilated_windows(op, shape, window, options):
    """JAX has the values; its gradients stop at dilation, so ours are held to the inner-product identity."""
    x, t = reals(*shape), reals(*shape)
    function = windowed(lax, op, window, options)
    close(function(x), windowed(jax_lax, op, window, options)(x))
    out, pull_back = cujax.vjp(function, x)
    ct = reals(*out.shape)
    _, t_out = cujax.jvp(function, (x,), (t,))
    np.testing.assert_allclose(np.vdot(ct, t_out), np.vdot(pull_back(ct)[0], t), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("op", IDENTITY)
def test_vmap_is_a_loop(op):
    function = windowed(lax, op, (2, 3), {"padding": ((1, 0), (-1, 2)), "window_strides": (1, 2)})
    xs = [reals(4, 6) for _ in range(3)]
    for axis in range(3):
        gradients = cujax.vmap(cujax.grad(lambda x: (function(x) ** 2).sum()), in_axes=axis)(np.stack(xs, axis))
        found = cujax.vmap(function, in_axes=axis)(np.stack(xs, axis))
        for k, x in enumerate(xs):
            close(found[k], function(x))
            close(gradients[k], cujax.grad(lambda x: (function(x) ** 2).sum())(x))


KINKS = {
    "ties": [1, 3, 3, 2, 3, 3, 1],
    "not a number": [1, np.nan, 3, 2, 3, np.nan, 1],
    "infinite": [-np.inf, 1, -np.inf, -np.inf, -np.inf, np.inf, 2],
}


@pytest.mark.parametrize("name", KINKS)
@pytest.mark.parametrize("padding", ["VALID", "SAME", ((2, 2),)])
@pytest.mark.parametrize("op", ["max", "min"])
def test_the_element_that_counts_is_jax_s(name, padding, op):
    x = np.array(KINKS[name], np.float32)
    options = {"window_strides": (1,), "padding": padding}
    ours, theirs = (windowed(module, op, (3,), options) for module in (lax, jax_lax))
    out, pull_back = cujax.vjp(ours, x)
    jax_out, jax_pull_back = jax.vjp(theirs, x)
    np.testing.assert_array_equal(out, jax_out)
    ct = np.arange(1, out.size + 1, dtype=np.float32)
    np.testing.assert_array_equal(pull_back(ct)[0], jax_pull_back(ct)[0])


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "float16", "bfloat16"])
def test_other_dtypes(dtype):
    dtype = cujax.numpy.dtype(dtype)
    x = (reals(9) * 5).clip(0 if dtype.kind == "u" else -5).astype(dtype)
    for op, value in (("add", 0), ("max", -np.inf), ("min", np.inf)):
        if value and dtype.kind in "iu":
            value = np.iinfo(dtype).min if op == "max" else np.iinfo(dtype).max
        given = (dtype.type(value), (3,), (2,), "SAME")
        found = lax.reduce_window(x, given[0], getattr(lax, op), *given[1:])
        expected = jax_lax.reduce_window(x, given[0], getattr(jax_lax, op), *given[1:])
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(np.asarray(found).astype(float), np.asarray(expected).astype(float), rtol=1e-2)


# --- any function ---------------------------------------------------------------------------------------


def equations(function, *args) -> list[str]:
    tape, _ = record(lambda *xs: [function(*xs)], [aval_of(a) for a in args])
    return [e.primitive.name for e in tape.eqns]


def test_known_functions_are_one_op():
    jnp = cujax.numpy
    for add in (lax.add, jnp.add, lambda a, b: b + a):
        found = equations(lambda x, add=add: lax.reduce_window(x, 0.0, add, (3,)), reals(5))
        assert found == ["reduce_window_sum"]
    assert "reduce_window_max" not in equations(
        lambda x, init: lax.reduce_window(x, init, lambda a, b: init * a + b, (3,)), reals(5), np.float32(2))


@pytest.mark.parametrize(("name", "init"), [("add", 2.0), ("max", 0.25), ("mul", 1.0), ("mul", 3.0)])
def test_an_initial_value_that_counts(name, init):
    x = reals(5, 6)
    given = ((2, 3), (1, 2), "SAME")
    expected = jax_lax.reduce_window(x, init, getattr(jax_lax, name), *given)
    close(lax.reduce_window(x, init, getattr(lax, name), *given), expected)
    close(cujax.jit(lambda x, i: lax.reduce_window(x, i, getattr(lax, name), *given))(x, np.float32(init)), expected)


def test_any_associative_function():
    x = reals(5, 6)

    def norm(m):
        return lambda a, b: m.sqrt(a * a + b * b)

    given = ((2, 3), (2, 1), ((0, 0), (1, 1)), (1, 1), (2, 1))
    found = lax.reduce_window(x, 0.0, norm(cujax.numpy), *given)
    close(found, jax_lax.reduce_window(x, 0.0, norm(jax.numpy), *given))
    gradient = cujax.grad(lambda x: lax.reduce_window(x, 0.0, norm(cujax.numpy), (3,)).sum())(x[0])
    roots = [np.sqrt((x[0, i : i + 3] ** 2).sum()) for i in range(4)]
    close(gradient, x[0] * np.convolve(1 / np.array(roots), np.ones(3)).astype(np.float32))


def test_products_have_gradients():
    x = reals(6)
    gradient = cujax.grad(lambda x: lax.reduce_window(x, 1.0, lax.mul, (2,)).sum())(x)
    close(gradient, np.r_[x[1], x[:-2] + x[2:], x[-2]])


def test_several_operands_at_once():
    x, y = reals(7), np.arange(7, dtype=np.int32)

    def later(a, b):  # the pair with the greater first element
        chosen = a[0] >= b[0]
        return tuple((lax.select(chosen, i, j)) for i, j in zip(a, b, strict=True))

    def jax_later(a, b):
        chosen = a[0] >= b[0]
        return tuple((jax_lax.select(chosen, i, j)) for i, j in zip(a, b, strict=True))

    found = lax.reduce_window((x, y), (-np.inf, np.int32(-1)), later, (3,), (2,), "SAME")
    expected = jax_lax.reduce_window((x, y), (-np.inf, np.int32(-1)), jax_later, (3,), (2,), "SAME")
    for a, b in zip(found, expected, strict=True):
        close(a, b)


# --- errors ---------------------------------------------------------------------------------------------

WRONG = [
    ({"init_value": np.zeros(2, np.float32)}, "shape (2,)"),
    ({"init_value": (0.0,)}, "alike"),
    ({"window_dimensions": (3, 3)}, "(3, 3) for an operand of shape (9,)"),
    ({"window_dimensions": (0,)}, "window_dimensions must be positive, got (0,)"),
    ({"window_strides": (1, 1)}, "window_strides"),
    ({"window_strides": (0,)}, "window_strides must be positive"),
    ({"padding": [(0, 0), (0, 0)]}, "padding"),
    ({"padding": "FOO"}, "'FOO'"),
    ({"base_dilation": (0,)}, "base_dilation must be positive"),
    ({"base_dilation": (1, 1)}, "base_dilation"),
]


@pytest.mark.parametrize(("changed", "text"), WRONG, ids=str)
def test_errors_are_of_jax_s_class_and_name_what_is_wrong(changed, text):
    options = {"init_value": 0.0, "window_dimensions": (3,), "window_strides": (1,), "padding": "VALID", **changed}
    raised = []
    for module in (lax, jax_lax):
        with pytest.raises((TypeError, ValueError, RuntimeError)) as caught:
            module.reduce_window(np.ones(9, np.float32), computation=module.add, **options)
        raised.append(caught)
    assert raised[0].type is raised[1].type
    assert text in str(raised[0].value)


def test_the_shape_function():
    for given in (((9, 9), (3, 3), (2, 2), [(0, 0), (1, 1)]), ((9,), (3,), (2,), [(0, 1)], (2,), (3,))):
        assert lax.reduce_window_shape_tuple(*given) == jax_lax.reduce_window_shape_tuple(*given)
