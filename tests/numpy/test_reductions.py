"""Reductions: values, dtypes, weak types and errors of JAX, and its gradients."""

from __future__ import annotations

import pytest
from oracle_cases import check, check_transforms, lines

CASES = r"""
jnp.sum(x, 0)
jnp.sum(x, jnp.int32(1))
x.max(np.array(0))
jnp.sum(x, axis=jnp.array(1.0))
jnp.sum(x, (0, 1), keepdims=True)
jnp.sum(x, axis=-1, dtype=jnp.float16)
jnp.sum(x, where=x > 0)
jnp.sum(x, initial=3)
jnp.sum(xi.astype('int8'), promote_integers=False)
jnp.sum(x > 0)
jnp.sum(x, axis=2)
jnp.sum(x, axis=(0, 0))
jnp.sum(x, axis=1.5)
jnp.prod(xi, 1)
jnp.prod(x, 1, where=x > 0, initial=2.0)
jnp.max(x, 1, keepdims=True)
jnp.max(x, where=x > 0)
jnp.max(x, where=x < 0, initial=-10.0)
jnp.max(xi, where=xi < 5, initial=0)
jnp.max(jnp.zeros((0, 3)), 0)
jnp.max(jnp.zeros((0, 3)), 1)
jnp.max(jnp.array([1.0, nan]))
jnp.min(x, axis=(0, 1))
jnp.min(c, 0)
jnp.ptp(x, 1)
jnp.all(x > 0, 0)
jnp.any(x > 0, where=x < 3)
jnp.mean(x, 0)
jnp.mean(xi, 1, keepdims=True)
jnp.mean(x, where=x > 0)
jnp.mean(x, dtype='int32')
jnp.mean(x.astype('float16'))
jnp.var(x, 1)
jnp.var(x, ddof=1)
jnp.var(x, correction=1)
jnp.var(x, ddof=1, correction=1)
jnp.var(c, 0)
jnp.var(xi)
jnp.var(x, where=x > 0)
jnp.var(x[:1, :1], ddof=1)
jnp.std(x, 0, mean=jnp.zeros((1, 4)))
jnp.std(xi.astype('float16'), 1)
jnp.argmax(x, 0)
jnp.argmax(x, keepdims=True)
jnp.argmin(jnp.array([2.0, nan, 1.0]))
jnp.argmin(xi, 1, keepdims=True)
jnp.argmax(jnp.zeros(0))
jnp.average(x)
jnp.average(x, 1, weights=jnp.arange(4.0), returned=True)
jnp.average(x, weights=x, returned=True, keepdims=True)
jnp.average(x, weights=jnp.arange(4.0))
jnp.average(x, 0, weights=jnp.arange(4.0))
jnp.average(xi)
jnp.count_nonzero(x, 1)
"""

GRADIENTS = r"""
jnp.sum(x, 0)
jnp.prod(x, 1)
jnp.max(x, 1)
jnp.min(x)
jnp.mean(x, 0, keepdims=True)
jnp.var(x, 1)
jnp.std(x, ddof=1)
jnp.ptp(x, 0)
jnp.average(x, 1, weights=jnp.arange(4.0))
jnp.sum(x, where=x > 0)
"""


@pytest.mark.parametrize("case", lines(CASES))
def test_agrees_with_jax(case):
    check(case)


@pytest.mark.parametrize("case", lines(GRADIENTS))
def test_transforms(case):
    check_transforms(case)
