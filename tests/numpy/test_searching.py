"""Searching, counting, interpolating: values, dtypes, weak types and errors of JAX, and its gradients."""

from __future__ import annotations

import pytest
from oracle_cases import check, check_transforms, lines

CASES = r"""
jnp.bincount(jnp.array([1, 2, 2, 7]))
jnp.bincount(jnp.array([1, 2, 2, 7]), length=4)
jnp.bincount(jnp.array([1, 2, -1]))
jnp.bincount(jnp.array([1, 2]), weights=jnp.array([1.5, 2]), minlength=5)
jnp.bincount(v)
jnp.searchsorted(jnp.arange(5.0), v)
jnp.searchsorted(jnp.array([1, 2, 2, 3]), 2.5)
jnp.searchsorted(jnp.array([1, 2, 2, 3]), 2, side='right')
jnp.searchsorted(jnp.array([1.0, 2, nan]), jnp.array([nan, 0, 5]))
jnp.searchsorted(jnp.array([1.0, 2, 2, 3]), jnp.array([2.0, 2.5]), method='compare_all')
jnp.searchsorted(jnp.array([3.0, 1, 2]), jnp.array([2.0, 2.5]), sorter=jnp.array([1, 2, 0]))
jnp.searchsorted(x, 1.0)
jnp.searchsorted(v, 1.0, side='foo')
jnp.digitize(v, jnp.array([1.0, 2, 3]))
jnp.digitize(v, jnp.array([3.0, 2, 1]), right=True)
jnp.interp(1.5, jnp.arange(3), jnp.array([1, 4, 9]))
jnp.interp(v, jnp.arange(3.0), jnp.array([1, 4, 9.0]), left=-1, right=-2)
jnp.interp(v, jnp.arange(3.0), jnp.array([1, 4, 9.0]), left='extrapolate', right='extrapolate')
jnp.interp(v, jnp.arange(3.0), jnp.array([1, 4, 9.0]), period=3)
jnp.interp(v, jnp.arange(3.0), jnp.array([1, 4, 9j]))
jnp.interp(v, x, x)
jnp.isin(xi, jnp.array([2, 3, 5]))
jnp.isin(xi, jnp.array([2, 3, 5]), invert=True)
jnp.histogram(v)
jnp.histogram(v, bins=4, range=(0, 5))
jnp.histogram(v, bins=jnp.array([0, 1, 2.5, 10]))
jnp.histogram(v, density=True, weights=jnp.arange(7.0))
jnp.histogram(xi)
jnp.histogram(xi.ravel(), weights=xi.ravel())
jnp.histogram_bin_edges(jnp.ones(3))
jnp.histogram2d(v, v[::-1], bins=3)
jnp.histogram2d(v, v[::-1], bins=(2, 3), density=True)
jnp.histogramdd(x, bins=2)
"""

GRADIENTS = r"""
jnp.interp(x, jnp.arange(3.0), jnp.array([1, 4, 9.0]))
jnp.interp(0.5, jnp.arange(4.0), x[1])
jnp.histogram(x, weights=x)[0]
jnp.bincount(jnp.arange(4), weights=x[0], length=3)
"""


@pytest.mark.parametrize("case", lines(CASES))
def test_agrees_with_jax(case):
    check(case)


@pytest.mark.parametrize("case", lines(GRADIENTS))
def test_transforms(case):
    check_transforms(case)
