"""insert, delete, trim_zeros: values, dtypes, weak types and errors of JAX, and its gradients."""

from __future__ import annotations

import pytest
from oracle_cases import check, check_transforms, lines

CASES = r"""
jnp.insert(jnp.arange(5), 2, 7)
jnp.insert(jnp.arange(5), jnp.array([1, 3]), 7.9)
jnp.insert(jnp.arange(5), jnp.array([3, 1]), jnp.array([7, 8]))
jnp.insert(xi, 1, jnp.array([7, 8, 9, 10]), axis=0)
jnp.insert(xi, 1, jnp.array([7, 8, 9]), axis=1)
jnp.insert(xi, jnp.array([1]), jnp.array([[7], [8], [9]]), axis=1)
jnp.insert(jnp.arange(5), slice(0, 2), 9)
jnp.insert(jnp.arange(5), 2, jnp.array([7, 8]))
jnp.insert(jnp.arange(5), 9, 1)
jnp.insert(jnp.arange(5), -1, 1)
jnp.insert(xi, 2, 5)
jnp.delete(jnp.arange(5), jnp.array([1, -1]))
jnp.delete(jnp.arange(5), slice(1, 3))
jnp.delete(jnp.arange(5), jnp.array([True, False, False, True, False]))
jnp.delete(jnp.arange(5), 7)
jnp.delete(jnp.arange(5), 2)
jnp.delete(jnp.arange(5), -2)
jnp.delete(xi, 1, axis=1)
jnp.delete(xi, jnp.array([0, 2]), axis=1, assume_unique_indices=True)
jnp.delete(xi, jnp.array([], dtype=int), axis=1)
jnp.delete(xi, 1)
jnp.trim_zeros(jnp.array([0, 1, 0, 2, 0]))
jnp.trim_zeros(jnp.array([0, 1, 0, 2, 0]), 'f')
jnp.trim_zeros(jnp.zeros(3))
"""

GRADIENTS = r"""
jnp.insert(x, 1, 7.0, axis=0)
jnp.insert(jnp.zeros(3), 1, x[0])
jnp.delete(x, 1, axis=1)
jnp.delete(x, jnp.array([0, 2]), axis=1, assume_unique_indices=True)
"""


@pytest.mark.parametrize("case", lines(CASES))
def test_agrees_with_jax(case):
    check(case)


@pytest.mark.parametrize("case", lines(GRADIENTS))
def test_transforms(case):
    check_transforms(case)
