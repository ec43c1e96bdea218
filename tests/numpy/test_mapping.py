"""vectorize and its relations: values, dtypes, weak types and errors of JAX, and its gradients."""

from __future__ import annotations

import pytest
from oracle_cases import check, check_transforms, lines

CASES = r"""
jnp.vectorize(lambda a, b: a + b)(v, x[:1, :1])
jnp.vectorize(lambda a, b: a @ b, signature='(n),(n)->()')(x, x[0])
jnp.vectorize(lambda a: (a.sum(), a * 2), signature='(n)->(),(n)')(x)
jnp.vectorize(lambda a, b: a @ b, signature='(n),(n)->()')(x, v)
jnp.vectorize(lambda a, b, f: f(a, b), excluded={2})(v, 2.0, jnp.maximum)
jnp.vectorize(lambda a, *, k: a * k, excluded={'k'})(v, k=3)
jnp.vectorize(lambda a: a, signature='(n)->()')(x)
jnp.vectorize(lambda a: a, signature='foo')(x)
jnp.vectorize(lambda a, b: a, signature='(n)->(n)')(x, x)
jnp.apply_along_axis(lambda r: r.sum(), 0, x)
jnp.apply_along_axis(lambda r: jnp.stack([r, r]), 0, x)
jnp.apply_along_axis(lambda r, k: r * k, 1, x, 2)
jnp.apply_over_axes(jnp.sum, x, (0, 1))
"""

GRADIENTS = r"""
jnp.vectorize(lambda a, b: a @ b, signature='(n),(n)->()')(x, x[0])
jnp.apply_along_axis(lambda r: r.sum(), 0, x)
jnp.apply_over_axes(jnp.sum, x, (0, 1))
"""


@pytest.mark.parametrize("case", lines(CASES))
def test_agrees_with_jax(case):
    check(case)


@pytest.mark.parametrize("case", lines(GRADIENTS))
def test_transforms(case):
    check_transforms(case)
