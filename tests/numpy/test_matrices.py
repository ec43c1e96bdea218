"""Matrices by pattern: values, dtypes, weak types and errors of JAX, and its gradients."""

from __future__ import annotations

import pytest
from oracle_cases import check, check_transforms, lines

CASES = r"""
jnp.eye(3)
jnp.eye(2, 4, k=1, dtype=int)
jnp.eye(3, k=-1)
jnp.eye(0)
jnp.eye(-1)
jnp.eye(3.0)
jnp.identity(2, dtype=bool)
jnp.tri(3, 4, 1)
jnp.tri(3, k=-1, dtype=bool)
jnp.tril(x)
jnp.triu(x, 1)
jnp.tril(jnp.stack([x, x]), -1)
jnp.tril(v)
jnp.diag(v, 1)
jnp.diag(x)
jnp.diag(x, 1)
jnp.diag(x, -1)
jnp.diag(x, 5)
jnp.diag(jnp.zeros(0), 2)
jnp.diag(jnp.stack([x, x]))
jnp.diag(v, -2)
jnp.diagflat(x, 1)
jnp.diagonal(x, 1)
jnp.diagonal(jnp.arange(24.0).reshape(2, 3, 4), -1, 2, 0)
jnp.diagonal(jnp.arange(24.0).reshape(2, 3, 4), 5)
jnp.diagonal(jnp.zeros((2, 0, 0)), 0, 1, 2)
jnp.diagonal(jnp.zeros((0, 3)), 1)
jnp.trace(x)
jnp.trace(xi.astype('int8'))
jnp.trace(jnp.arange(24.0).reshape(2, 3, 4), 1, 1, 2, dtype=int)
jnp.fill_diagonal(x, 7, inplace=False)
jnp.fill_diagonal(x, v, inplace=False)
jnp.fill_diagonal(jnp.zeros((3, 3, 3)), 5, inplace=False)
jnp.fill_diagonal(x, 7)
jnp.diag_indices(3)
jnp.diag_indices_from(jnp.zeros((3, 3)))
jnp.tril_indices(3, 1, 4)
jnp.triu_indices(3, -1)
jnp.tril_indices_from(x)
jnp.triu_indices_from(x, 1)
jnp.mask_indices(3, jnp.triu)
jnp.vander(v)
jnp.vander(xi[0], 3, increasing=True)
jnp.vander(x)
"""

GRADIENTS = r"""
jnp.tril(x)
jnp.triu(x, 1)
jnp.diag(x)
jnp.diag(x[0], 1)
jnp.diagonal(x, 1)
jnp.trace(x)
jnp.vander(x[0], 3)
jnp.fill_diagonal(x, x[0, 0], inplace=False)
"""


@pytest.mark.parametrize("case", lines(CASES))
def test_agrees_with_jax(case):
    check(case)


@pytest.mark.parametrize("case", lines(GRADIENTS))
def test_transforms(case):
    check_transforms(case)
