"""Running sums and products: values, dtypes, weak types and errors of JAX, and its gradients."""

from __future__ import annotations

import pytest
from oracle_cases import check, check_transforms, lines

CASES = r"""
jnp.cumsum(x, 1)
jnp.cumsum(x)
jnp.cumsum(xi.astype('int8'))
jnp.cumsum(x > 0)
jnp.cumsum(x, dtype=int)
jnp.cumsum(jnp.array(3.0))
jnp.cumprod(x, 0)
jnp.nancumsum(jnp.array([1.0, nan, 2]))
jnp.cumulative_sum(v, include_initial=True)
jnp.cumulative_sum(x)
jnp.cumulative_prod(x, axis=0, include_initial=True)
"""

GRADIENTS = r"""
jnp.cumsum(x, 0)
jnp.cumprod(x, 1)
jnp.nancumsum(x)
jnp.cumulative_sum(x, axis=0, include_initial=True)
"""


@pytest.mark.parametrize("case", lines(CASES))
def test_agrees_with_jax(case):
    check(case)


@pytest.mark.parametrize("case", lines(GRADIENTS))
def test_transforms(case):
    check_transforms(case)
