"""cujax.nn and cujax.scipy.special: values, dtypes, weak types, errors and derivatives of JAX."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from expressions import X, check, check_derivatives, lines

import cujax

ACTIVATIONS = [
    *(f"nn.{name}" for name in (
        "relu", "relu6", "sigmoid", "softplus", "silu", "swish", "log_sigmoid", "gelu", "leaky_relu", "elu", "selu",
        "celu", "soft_sign", "hard_tanh",
    )),
    *(f"special.{name}" for name in ("expit", "logit", "erf", "erfc", "erfinv", "gammaln", "digamma", "entr")),
]
ARGUMENTS = lines("""
v
2
0.5
True
jnp.array(0.5)
jnp.array([True, False])
jnp.array([0.5, 0.25], 'float16')
jnp.array([0.5, 0.25], 'bfloat16')
jnp.arange(3)
jnp.array([nan, inf, -inf])
[1.0, 2.0]
""")

CASES = r"""
nn.gelu(v, approximate=False)
nn.gelu(2, False)
nn.leaky_relu(v, 0.3)
nn.elu(v, 0.3)
nn.celu(v, 2.0)
nn.relu(jnp.array([1 + 1j, -1j]))
nn.softmax(x)
nn.softmax(x, 0)
nn.softmax(x, None)
nn.softmax(x, (0, 1))
nn.softmax(x, -1, x > 0)
nn.softmax(x, -1, where=jnp.zeros((2, 3), bool))
nn.softmax(x * 1e30)
nn.softmax(jnp.array([1, 2]))
nn.softmax(jnp.array([True, False]))
nn.softmax(2.0)
nn.softmax(x, 2)
nn.softmax([1.0])
nn.softmax(x.astype('float16'))
nn.softmax(jnp.array([-inf, -inf]))
nn.log_softmax(x)
nn.log_softmax(x, 0, x > 0)
nn.log_softmax(x * 1e30)
nn.log_softmax(2.0)
nn.logsumexp(x)
nn.logsumexp(2)
nn.logsumexp(0.5)
nn.logsumexp(x, 1, keepdims=True)
nn.logsumexp(x, (0, 1))
nn.logsumexp(x, 1, b=-x, return_sign=True)
nn.logsumexp(x, 1, b=-x)
nn.logsumexp(x, 0, b=2.0)
nn.logsumexp(x, 0, where=x > 0)
nn.logsumexp(x, where=False)
nn.logsumexp(jnp.array([inf, 1.0]))
nn.logsumexp(jnp.array([-inf, -inf]))
nn.logsumexp(jnp.array([nan, 1.0]))
nn.logsumexp(jnp.zeros((0,)))
nn.logsumexp(jnp.array([1 + 1j, 2.0]))
nn.logsumexp(jnp.array([1 + 1j, 2.0]), return_sign=True)
nn.logsumexp(jnp.arange(3))
nn.logsumexp(jnp.array([1000.0, 1000.0]))
nn.logsumexp([1.0, 2.0])
nn.logsumexp(x, 5)
special.logsumexp(x, 0)
nn.standardize(x)
nn.standardize(x, 0)
nn.standardize(x, None)
nn.standardize(x, where=x > 0)
nn.standardize(x, mean=0.0)
nn.standardize(x, variance=2.0, epsilon=0.0)
nn.standardize(x, mean=1.0, variance=2.0)
nn.standardize(x, algorithm='stable')
nn.standardize(x, algorithm='other')
nn.standardize(jnp.arange(3))
nn.one_hot(jnp.array([0, 2, -1, 3]), 3)
nn.one_hot(jnp.array([[0, 2]]), 3, axis=0)
nn.one_hot(jnp.array([[0, 2]]), 3, axis=1, dtype=bool)
nn.one_hot([0, 1], 2)
nn.one_hot(1, 3)
nn.one_hot(1.0, 3)
nn.one_hot(jnp.array([0, 1]), 2, dtype='int8')
nn.one_hot(jnp.array([0, 1]), 2, axis=3)
nn.one_hot(jnp.array([0, 1]), 0)
special.xlogy(v, v)
special.xlogy(0, 0)
special.xlogy(0.0, nan)
special.xlogy(x, v[:3])
special.xlogy(jnp.arange(3), 2)
special.xlog1py(v, v)
special.xlog1py(0.0, -1.0)
special.xlog1py(jnp.array([True, False]), 2)
special.xlog1py(x, v)
special.entr(jnp.array([0.0, 1.0, -1.0, nan, inf]))
special.entr(1j)
special.erf(1j)
special.logit(jnp.array([0.0, 1.0, 0.5, 2.0]))
"""

DERIVATIVES = r"""
nn.gelu(x, False)
nn.leaky_relu(x, 0.3)
nn.elu(x, 0.3)
nn.celu(x, 2.0)
nn.softmax(x)
nn.softmax(x, 0)
nn.softmax(x, None)
nn.softmax(x, -1, x > 0)
nn.log_softmax(x, 1)
nn.logsumexp(x, 1)
nn.logsumexp(x, 0, b=x)
nn.logsumexp(x, 0, where=x > 0)
nn.standardize(x)
nn.standardize(x, algorithm='stable')
special.xlogy(x, 2.0)
special.xlogy(2.0, jnp.abs(x))
special.xlog1py(x, x * x)
special.expit(x)
special.logit(x)
special.erf(x)
special.gammaln(x)
"""

EVERYWHERE = np.array([0.5, -1.25, 3.0, 0.0, -0.0, 1.0, -1.0, 6.0, 7.0, 100.0, -100.0], np.float32)  # kinks, tails


@pytest.mark.parametrize("function", ACTIVATIONS)
def test_types_and_values_are_jax_s(function):
    for argument in ARGUMENTS:
        check(f"{function}({argument})", ulp=32)


@pytest.mark.parametrize("case", lines(CASES))
def test_agrees_with_jax(case):
    check(case, ulp=32)


@pytest.mark.parametrize("case", lines(DERIVATIVES))
def test_derivatives(case):
    check_derivatives(case, ulp=256)


@pytest.mark.parametrize("function", [f for f in ACTIVATIONS if f.startswith("nn.")])
def test_derivatives_of_activations(function):
    check_derivatives(f"{function}(x)", EVERYWHERE, ulp=256)


def test_derivative_of_relu_at_zero_is_zero():
    assert cujax.grad(cujax.nn.relu)(0.0) == 0
    assert cujax.grad(cujax.nn.relu6)(6.0) == 0


@pytest.mark.parametrize("name, expected", [
    ("softmax", [0.19661193, -0.19661193, 0]), ("log_softmax", [0.73105858, -0.73105858, 0]),
    ("logsumexp", [0.26894142, 0.73105858, 0]), ("logmeanexp", [0.26894142, 0.73105858, 0]),
])
def test_large_elements_that_do_not_count_have_the_derivative_zero(name, expected):
    mask = np.array([True, True, False])

    def first(x):
        return cujax.numpy.ravel(getattr(cujax.nn, name)(x, where=mask))[0]

    np.testing.assert_allclose(cujax.grad(first)(np.float32([1, 2, 100])), expected, rtol=1e-6)
    if "softmax" in name:
        nothing = cujax.grad(lambda x: cujax.nn.softmax(x, where=mask & False)[0])(np.float32([1, 2, 100]))
        np.testing.assert_array_equal(nothing, 0)


def test_derivatives_of_log1mexp():
    x = np.float32([1e-8, 0.5, 1.0, 100.0, np.inf])
    wide = x.astype(float)
    slope = cujax.grad(cujax.nn.log1mexp)
    np.testing.assert_allclose(cujax.vmap(slope)(x), np.exp(-wide) / -np.expm1(-wide), rtol=1e-6, atol=1e-40)
    expected = -np.exp(-wide) / np.expm1(-wide) ** 2
    np.testing.assert_allclose(cujax.vmap(cujax.grad(slope))(x), expected, rtol=1e-6, atol=1e-40)


def test_one_hot_along_a_named_axis():
    def encode(library):
        entries = library.vmap(
            lambda x: library.nn.one_hot(x, 3, axis="classes"), in_axes=None, out_axes=0, axis_name="classes",
            axis_size=3,
        )
        return np.asarray(entries(library.numpy.array([0, 2])))

    np.testing.assert_array_equal(encode(cujax), encode(jax))


@pytest.mark.parametrize("function", ["relu", "softmax", "logsumexp", "standardize"])
def test_jit_and_vmap_change_nothing(function):
    fun = getattr(cujax.nn, function)
    expected = np.stack([np.asarray(fun(row)) for row in X])
    np.testing.assert_allclose(np.asarray(cujax.vmap(fun)(X)), expected, rtol=1e-6)
    np.testing.assert_allclose(np.asarray(cujax.jit(cujax.vmap(fun))(X)), expected, rtol=1e-6)
