"""64-bit dtypes: kept when the option is on, narrowed with a warning at the user's line when it is off."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from oracle_cases import check, lines

import cujax
import cujax.numpy as jnp

CASES = r"""
jnp.array(1)
jnp.array([1.5, 2])
jnp.array(np.arange(3))
jnp.arange(5)
jnp.arange(0, 1, 0.1)
jnp.zeros(3)
jnp.full(3, 1j)
jnp.linspace(0, 1, 5)
jnp.logspace(0, 2, 4)
jnp.geomspace(1, 1000, 4)
jnp.eye(2)
jnp.tri(2)
jnp.indices((2, 2))
jnp.tril_indices(3)
jnp.mgrid[0:2, 0:1:3j]
jnp.sum(xi)
jnp.sum(xi.astype('int8'))
jnp.sum(x > 0)
jnp.mean(xi)
jnp.std(x)
jnp.argmax(x, 0)
jnp.argsort(x, 1)
jnp.cumsum(x > 0)
jnp.count_nonzero(x)
jnp.nonzero(x)
jnp.searchsorted(v, x)
jnp.bincount(xi[0])
jnp.histogram(v)
jnp.quantile(x, jnp.array([0.2, 0.9]), axis=1)
jnp.interp(1.5, jnp.arange(3), jnp.array([1, 4, 9]))
jnp.unique(xi, return_inverse=True)
jnp.gradient(x, 2.0, jnp.array([0.0, 1, 3, 7]))
jnp.polyval(jnp.array([1.0, 2]), x)
jnp.sin(1)
jnp.sqrt(xi)
xi / 2
x * 2.5
jnp.power(xi, 2.0)
jnp.float64(3)
jnp.int_(3)
jnp.finfo(float).eps
x.astype(float)
c.astype(complex)
"""

NARROWING = r"""
jnp.array(1.0, dtype='float64')
jnp.asarray(1, 'int64')
jnp.zeros(3, jnp.float64)
jnp.zeros_like(jnp.ones(2), 'float64')
jnp.ones(2).astype('float64')
jnp.arange(3, dtype='int64')
jnp.linspace(0, 1, 3, dtype='float64')
jnp.eye(2, dtype='float64')
jnp.identity(2, dtype='float64')
jnp.ones(2).sum(dtype='float64')
jnp.std(jnp.ones(2), dtype='float64')
jnp.cumsum(jnp.ones(2), dtype='float64')
jnp.hstack([jnp.ones(2)], dtype='float64')
jnp.add.reduce(jnp.ones(2), dtype='float64')
jnp.float64(1)
"""


@pytest.mark.parametrize("case", lines(CASES))
def test_agrees_with_jax(case, x64):
    check(case)


@pytest.mark.parametrize("case", lines(NARROWING))
def test_narrowing_warns_at_the_users_line(case):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        result = eval(compile(case, "user.py", "eval"))
    assert result.dtype.itemsize == 4
    assert [(w.category, w.filename) for w in seen] == [(UserWarning, "user.py")]
    assert "jax_enable_x64" in str(seen[0].message)


def test_python_types_mean_the_default_width_without_a_warning():
    assert jnp.zeros(2, float).dtype == np.float32
    assert jnp.ones(2).astype(int).dtype == np.int32
    with cujax.config.override("enable_x64", True):
        assert jnp.zeros(2, float).dtype == np.float64


def test_narrowing_can_be_an_error_or_allowed():
    with cujax.config.override("explicit_x64_dtypes", "error"), pytest.raises(ValueError, match="float64"):
        jnp.zeros(2, "float64")
    with cujax.config.override("explicit_x64_dtypes", "allow"):
        assert jnp.zeros(2, "float64").dtype == np.float64
