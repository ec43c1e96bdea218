"""Joining, splitting and repeating: values, dtypes, weak types and errors of JAX, and its gradients."""

from __future__ import annotations

import pytest
from oracle_cases import check, check_transforms, lines

CASES = r"""
jnp.concatenate([x, x])
jnp.concatenate([x, x], 1)
jnp.concatenate([x, xi], None)
jnp.concatenate([x, v])
jnp.concatenate([])
jnp.concatenate(x)
jnp.concatenate([1, 2])
jnp.concatenate([x, x], dtype=int)
jnp.concatenate([[1, 2], [3]])
jnp.concat([x, x], axis=1)
jnp.stack([x, x])
jnp.stack([x, xi], -1)
jnp.stack([1, 2.0])
jnp.stack([x, v])
jnp.stack([x, x], 5)
jnp.stack(x)
jnp.stack([])
jnp.vstack([v, v])
jnp.vstack([1, 2])
jnp.vstack(x)
jnp.hstack([v, v])
jnp.hstack([x, x])
jnp.dstack([x, x])
jnp.column_stack([v, v])
jnp.column_stack([x, x[:, 0]])
jnp.block([[x, x], [x, x]])
jnp.block([1, 2])
jnp.block(x)
jnp.block([])
jnp.block([[x], x])
jnp.block([[1, x[0]], [v[:5]]])
jnp.append(x, v)
jnp.append(x, x, 0)
jnp.append(x, v, 0)
jnp.split(v[:6], 3)
jnp.split(v, 3)
jnp.split(v, [2, 5])
jnp.split(x, 2, axis=1)
jnp.split(x, jnp.array([1]), axis=1)
jnp.array_split(v, 3)
jnp.vsplit(x, 3)
jnp.hsplit(x, 2)
jnp.hsplit(v[:6], 2)
jnp.dsplit(x[None], 2)
jnp.unstack(x)
jnp.unstack(x, axis=1)
jnp.unstack(jnp.array(1))
jnp.tile(x, 2)
jnp.tile(x, (2, 1))
jnp.tile(v[:2], (2, 1, 2))
jnp.tile(3, 2)
jnp.tile(x, (2,))
jnp.tile(x, ())
jnp.repeat(v[:3], 2)
jnp.repeat(x, 2, 0)
jnp.repeat(x, jnp.array([1, 2, 0]), 0)
jnp.repeat(x, jnp.array([1, 2, 0]), 0, total_repeat_length=5)
jnp.repeat(x, jnp.array([1, 2, 3]), 0, total_repeat_length=3)
jnp.repeat(x, 2, 0, total_repeat_length=4)
jnp.repeat(x, jnp.array([1, 2]), 0)
jnp.repeat(3, 2)
jnp.repeat(v[:0], 2)
jnp.repeat(x, jnp.array([2]), 1)
"""

GRADIENTS = r"""
jnp.concatenate([x, x * 2], 1)
jnp.stack([x, x * 2], 1)
jnp.tile(x, (2, 3))
jnp.repeat(x, 2, 0)
jnp.repeat(x, jnp.array([1, 2, 0]), 0)
jnp.repeat(x, jnp.array([1, 2, 0]), 0, total_repeat_length=4)
jnp.split(x, 2, axis=1)[1]
jnp.hstack([x, x])
jnp.append(x, x)
jnp.block([[x, x], [x, x * 3]])
"""


@pytest.mark.parametrize("case", lines(CASES))
def test_agrees_with_jax(case):
    check(case)


@pytest.mark.parametrize("case", lines(GRADIENTS))
def test_transforms(case):
    check_transforms(case)
