"""Reductions that pass over NaN: values, dtypes, weak types and errors of JAX, and its gradients."""

from __future__ import annotations

import pytest
from oracle_cases import check, check_transforms, lines

CASES = r"""
jnp.nanargmin(jnp.array([nan, nan]))
jnp.nanargmax(jnp.array([[nan, 1.0], [nan, nan]]), 1)
jnp.nanargmax(jnp.array([[nan, 1.0], [nan, nan]]), 1, keepdims=True)
jnp.nanmax(jnp.array([[nan, 1.0], [nan, nan]]), 1)
jnp.nanmean(jnp.array([[nan, 1.0], [nan, 3]]), 0)
jnp.nanvar(jnp.array([[nan, 1.0], [nan, 3]]))
jnp.nanstd(jnp.array([[nan, 1.0], [nan, 3]]), ddof=1)
jnp.nansum(jnp.array([[nan, 1.0], [nan, 3]]), 0, keepdims=True)
jnp.nanprod(jnp.array([[nan, 1.0], [nan, 3]]))
"""

GRADIENTS = r"""
jnp.nansum(x, 0)
jnp.nanprod(x)
jnp.nanmean(x, 1)
jnp.nanvar(x, 0)
jnp.nanmax(x, 0)
jnp.nanstd(x)
"""


@pytest.mark.parametrize("case", lines(CASES))
def test_agrees_with_jax(case):
    check(case)


@pytest.mark.parametrize("case", lines(GRADIENTS))
def test_transforms(case):
    check_transforms(case)
