"""Running sums and products: values, dtypes, weak types and errors of JAX, and its gradients."""

from __future__ import annotations

import numpy as np
import pytest
from oracle_cases import check, check_transforms, lines

import cujax.numpy as jnp

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


@pytest.mark.parametrize("name", ["cumsum", "cumprod"])
@pytest.mark.parametrize("dtype", ["float32", "int32", "complex64"])
def test_long_rows_have_the_bits_of_columns(name, dtype):
    """Rows of 600 numbers are combined row by row, those of 6 column by column; in float64 either way."""
    x = (np.random.default_rng(3).uniform(0.5, 1.5, (40, 600)) * 2).astype(dtype)
    found = np.asarray(getattr(jnp, name)(x, axis=0))
    narrow = [np.asarray(getattr(jnp, name)(x[:, k : k + 6], axis=0)) for k in range(0, 600, 6)]
    np.testing.assert_array_equal(found, np.concatenate(narrow, axis=1))
