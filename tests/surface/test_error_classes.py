"""What JAX refuses is refused, with an exception of the same class; calls beside those of the tables elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from oracle_cases import check, lines

import cujax
import cujax.numpy as jnp


@pytest.mark.parametrize("case", lines("""
jnp.concatenate([1.0, v])
jnp.concatenate([v, 1.0])
jnp.concatenate([1.0, 2.0])
jnp.copy([1.0, 2.0])
jnp.copy(None)
jnp.from_dlpack([1.0, 2.0])
jnp.isin(v, v, method='no such word')
jnp.quantile(v, 0.5j)
jnp.nanpercentile(v, 50 + 0j)
jnp.take(v[:0], jnp.array([0]))
jnp.take(v[:0], jnp.array([], int))
jnp.ediff1d(v[:0])
jnp.ediff1d(v[:1])
jnp.ndim([[1.0, 2.0]])
jnp.shape([[1.0, 2.0]])
scipy.special.log_ndtr([0.5, 1.0])
scipy.special.ndtr([0.5, 1.0])
scipy.special.spence([0.5, 1.0])
scipy.special.log_ndtr([1, 2])
lax.dce_sink((x, 1.0))
lax.dce_sink('a')
lax.scaled_dot(x, x.T, preferred_element_type='float32')
lax.scaled_dot(x, x.T)
lax.scaled_dot(v, v)
lax.scaled_dot(x, x.T, lhs_scale=x[:, :2], preferred_element_type='float32')
lax.scaled_dot(x, x.T, lhs_scale=x[:, :2], rhs_scale=x.T[:2], preferred_element_type='float32')
lax.scaled_dot(x, x.T, lhs_scale=x[:, :3])
lax.scaled_dot(x, x.T, lhs_scale=x)
lax.scaled_dot(x[None], x.T[None], rhs_scale=x.T[None, :1], preferred_element_type='float16')
lax.scaled_dot(x, x, dimension_numbers=(((0, 1), (0, 1)), ((), ())), lhs_scale=x[:1, :2])
"""))
def test_agrees_with_jax(case):
    check(case)


@pytest.mark.parametrize("use", [
    float, int, complex, bool, jnp.abs, jnp.rint, jnp.isreal, jnp.iscomplex, jnp.fft.rfftn, jnp.sum, jnp.sqrt,
    lambda key: key.item(), lambda key: key.tolist(), lambda key: jnp.argwhere(key[None]), np.asarray,
])  # fmt: skip
def test_random_keys_are_no_numbers(use):
    with pytest.raises(TypeError, match=r"random key|does not accept dtype key|key array"):
        use(cujax.random.key(0))
