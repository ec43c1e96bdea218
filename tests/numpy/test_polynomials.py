"""Polynomials: values, dtypes, weak types and errors of JAX, and its gradients."""

from __future__ import annotations

import pytest
from oracle_cases import check, check_transforms, lines

CASES = r"""
jnp.polyval(jnp.array([1, 2, 3]), x)
jnp.polyval(jnp.array([1.0, 2, 3]), 2)
jnp.polyval(x, v[:4])
jnp.polyadd(jnp.array([1, 2, 3]), jnp.array([1]))
jnp.polysub(jnp.array([1]), jnp.array([1, 2.0]))
jnp.polymul(jnp.array([1, 2, 3]), jnp.array([1, 2]))
jnp.polydiv(jnp.array([1.0, -3, 2]), jnp.array([1.0, -1]))
jnp.polydiv(jnp.array([1.0, -3]), jnp.array([1.0, -1, 2]))
jnp.polyder(jnp.array([1, 2, 3]))
jnp.polyder(jnp.array([1.0, 2, 3, 4]), 2)
jnp.polyint(jnp.array([1, 2, 3]), 2)
jnp.polyint(jnp.array([1, 2, 3]), 2, k=jnp.array([3, 4]))
jnp.poly(jnp.array([1.0, 2]))
jnp.bartlett(5)
jnp.blackman(5)
jnp.hamming(5)
jnp.hanning(5)
jnp.hanning(1)
jnp.packbits(jnp.array([1, 0, 1, 1, 0, 0, 0, 1, 1]))
jnp.packbits(x > 0, axis=0, bitorder='little')
jnp.unpackbits(jnp.array([3, 200], dtype='uint8'))
jnp.unpackbits(jnp.array([[3, 200]], dtype='uint8'), axis=1, count=12)
jnp.unpackbits(jnp.array([[3, 200]], dtype='uint8'), axis=0, count=-3, bitorder='little')
"""

GRADIENTS = r"""
jnp.polyval(jnp.array([1.0, 2, 3]), x)
jnp.polyval(x, 2.0)
jnp.polymul(x[0], x[1])
jnp.polydiv(x[0], x[1, :2])[0]
jnp.polyint(x[0])
jnp.polyder(x[0], 2)
jnp.poly(x[0])
"""


@pytest.mark.parametrize("case", lines(CASES))
def test_agrees_with_jax(case):
    check(case)


@pytest.mark.parametrize("case", lines(GRADIENTS))
def test_transforms(case):
    check_transforms(case)
