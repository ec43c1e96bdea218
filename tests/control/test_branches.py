"""cond and switch: values and derivatives against JAX, both forms, batched predicates, errors."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import cujax
import cujax.numpy as cnp

BOTH = [(cujax, cnp), (jax, jnp)]


def agree(call):
    ours, theirs = (np.asarray(call(lib, np_)) for lib, np_ in BOTH)
    assert ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("pred", [True, False, 3, 0.0])
def test_modern_form(pred):
    agree(lambda lib, np_: lib.lax.cond(pred, lambda x, y: x + y, lambda x, y: x * y, 2.0, np_.arange(3.0)))
    agree(lambda lib, np_: lib.lax.cond(pred, lambda x: x + 1, lambda x: x - 1, operand=np_.arange(3.0)))
    agree(lambda lib, np_: lib.lax.cond(pred, lambda: 1.0, lambda: 2.0))


def test_five_argument_form_of_2021():
    operand = cnp.array([0.0])
    assert float(cujax.lax.cond(True, operand, lambda x: x + 1, operand, lambda x: x - 1)[0]) == 1.0
    assert float(cujax.lax.cond(False, operand, lambda x: x + 1, operand, lambda x: x - 1)[0]) == -1.0
    assert float(cujax.lax.cond(False, 2.0, lambda x: x, (3.0, 4.0), lambda p: p[0] * p[1])) == 12.0


@pytest.mark.parametrize("index", [-1, 0, 1, 2, 7])
def test_switch_clamps(index):
    agree(
        lambda lib, np_: lib.lax.switch(index, [lambda x: x, lambda x: x * x, lambda x: -x], np_.arange(3.0))
    )


def test_one_branch_runs():
    ran = []

    def noted(name):
        def f(x):
            cujax.debug.callback(lambda: ran.append(name))
            return x

        return f

    cujax.jit(lambda p: cujax.lax.cond(p, noted("true"), noted("false"), 1.0))(False)
    assert ran == ["false"]


def test_batched_predicate_chooses_per_element():
    agree(lambda lib, np_: lib.vmap(lambda p, x: lib.lax.cond(p, np_.sin, lambda x: x * 2, x))(
        np_.array([True, False, True]), np_.arange(3.0)
    ))
    agree(
        lambda lib, np_: lib.vmap(lambda i: lib.lax.switch(i, [lambda: 1.0, lambda: 2.0, lambda: 3.0]))(
            np_.arange(-1, 5)
        )
    )


def test_captured_values_and_branch_residuals_of_different_shapes():
    def call(lib, np_):
        w = np_.arange(4.0)

        def f(x):
            return lib.lax.cond(
                x > 1.0,
                lambda x: np_.sum(np_.sin(w * x) * np_.cos(x)),
                lambda x: np_.exp(x) * np_.sin(x) * x,
                x,
            )

        return np_.stack(
            [lib.grad(f)(0.5), lib.grad(f)(1.5), lib.grad(lib.grad(f))(0.5), lib.jit(lib.grad(f))(1.5)]
        )

    agree(call)


def test_gradient_of_a_batched_cond():
    agree(lambda lib, np_: lib.grad(
        lambda x: np_.sum(lib.vmap(lambda v: lib.lax.cond(v > 0, np_.log, lambda v: v * 3, v))(x))
    )(np_.array([0.5, -1.0, 2.0])))


ERRORS = [
    (
        lambda lax, np_: lax.cond(True, lambda x: x, lambda x: (x, x), 1.0),
        TypeError,
        ["same pytree structure", "true_fun"],
    ),
    (
        lambda lax, np_: lax.cond(True, lambda x: x, lambda x: x.astype(int), np_.ones(3)),
        TypeError,
        ["equal output types", "float32[3]", "int32[3]", ".astype()"],
    ),
    (lambda lax, np_: lax.cond(np_.ones(2), lambda x: x, lambda x: x, 1.0), TypeError, ["scalar", "(2,)"]),
    (lambda lax, np_: lax.cond("a", lambda x: x, lambda x: x, 1.0), TypeError, ["scalar"]),
    (lambda lax, np_: lax.cond(True, lambda x: x, 3.0, 1.0), TypeError, ["callable"]),
    (lambda lax, np_: lax.cond(True, lambda x: x, lambda x: x, "s"), TypeError, ["'s'"]),
    (lambda lax, np_: lax.switch(1.5, [lambda x: x, lambda x: x], 1.0), TypeError, ["integer"]),
    (lambda lax, np_: lax.switch(1, [], 1.0), ValueError, ["mpty branch sequence"]),
]


@pytest.mark.parametrize(("call", "error", "words"), ERRORS)
def test_errors(call, error, words):
    with pytest.raises(error):
        call(jax.lax, jnp)
    with pytest.raises(error) as caught:
        call(cujax.lax, cnp)
    assert all(w in str(caught.value) for w in words), str(caught.value)
