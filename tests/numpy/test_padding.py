"""pad in all modes: values, dtypes, weak types and errors of JAX, and its gradients."""

from __future__ import annotations

import pytest
from oracle_cases import check, check_transforms, lines, words

CASES = r"""
jnp.pad(v, 2)
jnp.pad(x, ((1, 2), (0, 3)), constant_values=5)
jnp.pad(x, -1)
jnp.pad(v, (1,), constant_values=3)
jnp.pad(v, ((1, 2),), constant_values=(3, 4))
jnp.pad(v, 1, mode='mean', stat_length=2)
jnp.pad(v, 5, mode='reflect', reflect_type='odd')
jnp.pad(v, (9, 17), mode='reflect', reflect_type='odd')
jnp.pad(v, 2, mode='symmetric', reflect_type='odd')
jnp.pad(v, 2, mode='foo')
jnp.pad(v, 2, mode='edge', foo=1)
jnp.pad(v, ((1, 1), (1, 1)))
jnp.pad(v, 2, mode='linear_ramp', end_values=(5, 6))
jnp.pad(jnp.arange(3), 1, constant_values=2.7)
jnp.pad(v, 1, mode='median', stat_length=((2, 3),))
jnp.pad(v, 2, mode=lambda row, w, i, kw: row.at[0].set(7.0))
jnp.pad(x, 2, mode=lambda row, w, i, kw: row.at[0].set(w[0] + i))
jnp.pad(v, 1.5)
jnp.pad(v, 2, mode='maximum', stat_length=0)
jnp.pad(jnp.zeros((0,)), 2, mode='edge')
jnp.pad(x[:1], ((1, 1), (2, 2)), mode='reflect')
jnp.pad(c, 1)
jnp.pad(x > 0, 1, constant_values=True)
jnp.pad(x, ((0, 0), (1, 1)), mode='wrap')
"""

GRADIENTS = r"""
jnp.pad(x, 1)
jnp.pad(x, 2, mode='reflect')
jnp.pad(x, 2, mode='symmetric', reflect_type='odd')
jnp.pad(x, 3, mode='wrap')
jnp.pad(x, 1, mode='edge')
jnp.pad(x, 2, mode='linear_ramp')
jnp.pad(x, 1, mode='mean')
jnp.pad(x, 1, mode='maximum')
jnp.pad(x, 1, mode='median')
"""


MODES = words("linear_ramp maximum mean median minimum reflect symmetric wrap empty edge")


@pytest.mark.parametrize("mode", MODES)
def test_wide_padding_agrees_with_jax(mode):
    check(f"jnp.pad(v, (2, 9), mode={mode!r})")
    check(f"jnp.pad(xi, (2, 1), mode={mode!r})")


@pytest.mark.parametrize("case", lines(CASES))
def test_agrees_with_jax(case):
    check(case)


@pytest.mark.parametrize("case", lines(GRADIENTS))
def test_transforms(case):
    check_transforms(case)
