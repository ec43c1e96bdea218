"""Regular grids and index tricks: values, dtypes, weak types and errors of JAX, and its gradients."""

from __future__ import annotations

import pytest
from oracle_cases import check, check_transforms, lines

CASES = r"""
jnp.arange(5)
jnp.arange(5.0)
jnp.arange(2, 5)
jnp.arange(0, 1, 0.1)
1 / jnp.arange(0, -5, -2.5)
jnp.arange(5, dtype='float16')
jnp.arange(0, 5, dtype='bfloat16')
jnp.arange(jnp.array(3))
jnp.arange(5, 0, -1)
jnp.arange(np.float64(3))
jnp.arange(3j)
jnp.arange(0, 5, 0)
jnp.arange(0.5, 3)
jnp.arange(5, 2)
jnp.arange(jnp.arange(3))
jnp.arange(0, 10, 3, dtype='float32')
jnp.arange(-3, 3, 0.7)
jnp.arange('a')
jnp.linspace(0, 1, 5)
jnp.linspace(0, 1, 5, endpoint=False, retstep=True)
jnp.linspace(0, 10, 5, dtype=int)
jnp.linspace(0, -9.5, 5, dtype=int)
jnp.linspace(x[0], x[1], 3, axis=1)
jnp.linspace(0, 1, 1)
jnp.linspace(0, 1, 1, retstep=True)
jnp.linspace(0, 1, 0)
jnp.linspace(0, 1, -1)
jnp.linspace(0, 1j, 3)
jnp.linspace(jnp.float16(0), 1, 7)
jnp.linspace(0, 1, 0, retstep=True)
jnp.linspace(2, 5, 1, endpoint=False, retstep=True)
jnp.logspace(0, 2, 4)
jnp.logspace(0, 2, 4, base=2, dtype=int)
jnp.logspace(0, 2, 4, endpoint=False)
jnp.geomspace(1, 1000, 4)
jnp.geomspace(1, 256, 9, endpoint=False)
jnp.geomspace(-1, -1000, 4)
jnp.geomspace(1, 1000, 4, dtype=int)
jnp.geomspace(jnp.array([1.0, 2]), jnp.array([100.0, 20]), 3)
jnp.geomspace(1, 1j, 4)
jnp.geomspace(1, 2, 1)
jnp.meshgrid(v[:2], jnp.arange(3))
jnp.meshgrid(v[:2], jnp.arange(3), v[:4], indexing='ij')
jnp.meshgrid(v[:2], jnp.arange(3), sparse=True)
jnp.meshgrid(v[:2], jnp.arange(3), indexing='aa')
jnp.meshgrid(v[:2])
jnp.meshgrid(x)
jnp.indices((2, 3))
jnp.indices((2, 3), sparse=True)
jnp.indices((2, 3), dtype=float)
jnp.fromfunction(lambda i, j: i + j, (2, 3))
jnp.fromfunction(lambda i, j: 1.0, (2, 3))
jnp.ix_(jnp.arange(2), jnp.array([1, 3]))
jnp.mgrid[0:3]
jnp.mgrid[0:3, 0:2]
jnp.mgrid[0:1:5j, 0:2]
jnp.ogrid[0:3, 0:2:0.5]
jnp.ogrid[0:1:3j]
jnp.r_[0:3, 7, v]
jnp.r_['-1,2', 0:3, jnp.arange(3)]
jnp.r_['0,2', 0:3, jnp.arange(3)]
jnp.r_['0,2,0', 0:3, jnp.arange(3)]
jnp.c_[0:3, jnp.arange(3.0)]
jnp.c_[x, x]
jnp.s_[1:2, None]
"""

GRADIENTS = r"""
jnp.linspace(x[0], x[1], 3)
jnp.logspace(x[0], x[1], 3, base=2.0)
jnp.geomspace(x[1] + 9, x[2] + 9, 4)
jnp.stack(jnp.meshgrid(x[0], x[1], indexing='ij'))
"""


@pytest.mark.parametrize("case", lines(CASES))
def test_agrees_with_jax(case):
    check(case)


@pytest.mark.parametrize("case", lines(GRADIENTS))
def test_transforms(case):
    check_transforms(case)
