"""Differences and integrals: values, dtypes, weak types and errors of JAX, and its gradients."""

from __future__ import annotations

import pytest
from oracle_cases import check, check_transforms, lines

CASES = r"""
jnp.diff(x)
jnp.diff(x, 2, axis=0)
jnp.diff(x, n=0)
jnp.diff(v, prepend=0, append=jnp.array([1, 2]))
jnp.diff(x > 0)
jnp.diff(jnp.array(1))
jnp.diff(v, n=9)
jnp.diff(v, n=-1)
jnp.diff(xi.astype('uint8'))
jnp.ediff1d(x)
jnp.ediff1d(v, to_end=7, to_begin=jnp.array([1, 2]))
jnp.gradient(v)
jnp.gradient(x)
jnp.gradient(x, 2.0, axis=1)
jnp.gradient(x, 2.0, jnp.array([0.0, 1, 3, 7]))
jnp.gradient(v, v.cumsum())
jnp.gradient(xi)
jnp.gradient(v[:1])
jnp.gradient(x, 1.0, 2.0, 3.0)
jnp.trapezoid(v)
jnp.trapezoid(v, dx=0.5)
jnp.trapezoid(x, jnp.array([0.0, 1, 4]), axis=0)
jnp.trapezoid(x, x ** 2)
jnp.unwrap(v * 3)
jnp.unwrap(v * 3, period=4)
jnp.unwrap(xi * 3, period=4)
jnp.unwrap((xi * 3).astype('int8'), period=4, axis=0)
jnp.unwrap(xi * 3, period=4.0)
jnp.unwrap(x > 0, period=2)
jnp.unwrap(v * 3, discont=5.0)
jnp.unwrap(x * 2, axis=0)
"""

GRADIENTS = r"""
jnp.diff(x, 2)
jnp.ediff1d(x)
jnp.gradient(x)[0]
jnp.gradient(x, jnp.array([0.0, 1, 3, 7]), axis=1)
jnp.trapezoid(x, dx=0.5)
jnp.trapezoid(x, x ** 2)
jnp.unwrap(x)
"""


@pytest.mark.parametrize("case", lines(CASES))
def test_agrees_with_jax(case):
    check(case)


@pytest.mark.parametrize("case", lines(GRADIENTS))
def test_transforms(case):
    check_transforms(case)
