"""Sorting: values, dtypes, weak types and errors of JAX, and its gradients."""

from __future__ import annotations

import pytest
from oracle_cases import check, check_transforms, lines

CASES = r"""
jnp.sort(jnp.array([3, nan, 1]), descending=True)
jnp.sort(x, None)
jnp.sort(x[::-1], 0)
jnp.sort(v, kind='quicksort')
jnp.argsort(jnp.array([3, 1, 1, nan]), descending=True)
jnp.argsort(jnp.array([3, 1, 1, nan]), descending=True, stable=False)
jnp.argsort(x, None)
jnp.argsort(x, 0, dtype='int8')
jnp.lexsort((jnp.array([3, 1, 1]), jnp.array([1, 1, 0])))
jnp.partition(v, 3).shape
jnp.argpartition(v, 3).shape
jnp.sort_complex(xi)
jnp.sort(c, 1)
"""

GRADIENTS = r"""
jnp.sort(x, 0)
jnp.sort(x, None, descending=True)
jnp.partition(x, 1, axis=0)
"""


@pytest.mark.parametrize("case", lines(CASES))
def test_agrees_with_jax(case):
    check(case)


@pytest.mark.parametrize("case", lines(GRADIENTS))
def test_transforms(case):
    check_transforms(case)
