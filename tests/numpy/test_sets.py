"""Sets of values: values, dtypes, weak types and errors of JAX."""

from __future__ import annotations

import numpy as np
import pytest
from oracle_cases import check, lines

import cujax.numpy as jnp

CASES = r"""
jnp.unique(jnp.array([3, 1, 1, 2]), size=5)
jnp.unique(jnp.array([3, 1, 1, 2]), return_index=True, return_inverse=True, return_counts=True)
jnp.unique(jnp.array([3, 1, 1, 2]), return_index=True, return_inverse=True, return_counts=True, size=2)
jnp.unique(jnp.array([[1, 2], [1, 2], [0, 3]]), axis=0, return_inverse=True, return_counts=True)
jnp.unique(jnp.array([[1, 2], [1, 2], [0, 3]]), axis=1)
jnp.unique(jnp.array([nan, nan, 1]))
jnp.unique(jnp.array([nan, nan, 1]), equal_nan=False)
jnp.unique(jnp.array([[3, 1], [1, 2]]), return_inverse=True)
jnp.unique(jnp.array([3, 1, 1, 2]), True, True, True, size=5, fill_value=-1)
jnp.unique(jnp.zeros(0))
jnp.unique_all(v)
jnp.unique_counts(v)
jnp.unique_inverse(xi)
jnp.unique_values(v, size=3)
jnp.intersect1d(jnp.array([1, 2, 3]), jnp.array([2, 3, 5]), return_indices=True)
jnp.intersect1d(jnp.array([1, 2, 3, 2]), jnp.array([2, 3, 5]), size=4)
jnp.intersect1d(jnp.array([1, 2, 3, 2]), jnp.array([2, 3, 5]), size=4, fill_value=-1, return_indices=True)
jnp.union1d(jnp.array([1, 2, 3]), jnp.array([2, 3, 5]), size=7)
jnp.union1d(v, xi)
jnp.setdiff1d(jnp.array([1, 2, 3, 1]), jnp.array([2, 3, 5]), size=3)
jnp.setdiff1d(jnp.array([1, 7, 3]), jnp.array([2, 3, 5]))
jnp.setdiff1d(jnp.array([1, 7, 3]), jnp.array([2, 3, 5]), assume_unique=True)
jnp.setxor1d(jnp.array([1, 2, 3, 1]), jnp.array([2, 3, 5]))
jnp.setxor1d(jnp.array([1, 2, 3]), jnp.array([2, 3, 5]), size=3)
jnp.unique(jnp.zeros(0), size=2)
jnp.unique(jnp.zeros(0), return_index=True, return_inverse=True, return_counts=True)
jnp.unique(jnp.zeros(0), size=2, fill_value=3)
jnp.unique(jnp.zeros((0, 2)), axis=0)
"""


@pytest.mark.parametrize("case", lines(CASES))
def test_agrees_with_jax(case):
    check(case)


def test_complex_nan_counts_once():
    """Whichever of its parts it is; the first of them stays, as in NumPy, where JAX gives nan + 0j."""
    nan = np.nan
    x = np.array([complex(0, nan), complex(nan, 1), 1, complex(2, nan), complex(nan, nan), 3, 1], np.complex64)
    for found, expected in zip(jnp.unique(x, True, True, True), np.unique(x, True, True, True), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert len(jnp.unique(x, equal_nan=False)) == 6
