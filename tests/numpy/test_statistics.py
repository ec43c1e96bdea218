"""Order statistics and covariance: values, dtypes, weak types and errors of JAX, and its gradients."""

from __future__ import annotations

import pytest
from oracle_cases import check, check_transforms, lines

CASES = r"""
jnp.median(x, 0)
jnp.median(v)
jnp.quantile(v, 0.3)
jnp.quantile(v, jnp.array([0.2, 0.9]))
jnp.quantile(x, jnp.array([0.2, 0.9]), axis=1, keepdims=True)
jnp.quantile(x, 0.5, axis=(0, 1), keepdims=True)
[jnp.quantile(v, 0.3, method=m) for m in 'linear lower higher midpoint nearest inverted_cdf'.split()]
jnp.quantile(v, 0.3, method='inverted_cdf', weights=jnp.array([1.0, 2, 1, 1, 0, 3, 1]))
jnp.quantile(v, 0.3, method='foo')
jnp.percentile(v, 30)
jnp.percentile(xi, jnp.array([10, 50]), axis=0)
jnp.nanquantile(jnp.array([[nan, 1.0, 2], [nan, 3, nan]]), 0.4, axis=1)
jnp.nanmedian(jnp.array([[nan, 1.0, 2], [nan, 3, nan]]), axis=0)
jnp.nanpercentile(jnp.array([nan, 1.0, 2]), 50)
jnp.quantile(jnp.array([nan, 1.0, 2]), 0.5)
jnp.cov(x)
jnp.cov(x, rowvar=False)
jnp.cov(v)
jnp.cov(x[0], x[1])
jnp.cov(x, fweights=jnp.array([1, 2, 3, 1]), aweights=jnp.array([0.1, 0.2, 0.3, 0.4]))
jnp.cov(x, bias=True)
jnp.cov(c)
jnp.corrcoef(x ** 2)
jnp.corrcoef(c ** 2)
"""

GRADIENTS = r"""
jnp.median(x, 0)
jnp.quantile(x, jnp.array([0.2, 0.9]), axis=1)
jnp.percentile(x, 30.0)
jnp.cov(x)
jnp.corrcoef(x ** 2)
jnp.nanquantile(x, 0.4)
"""


@pytest.mark.parametrize("case", lines(CASES))
def test_agrees_with_jax(case):
    check(case)


@pytest.mark.parametrize("case", lines(GRADIENTS))
def test_transforms(case):
    check_transforms(case)
