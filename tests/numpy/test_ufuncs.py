"""ufuncs: reduce, accumulate, reduceat, outer, at; and those made of a Python function."""

from __future__ import annotations

import pytest
from oracle_cases import check, check_transforms, lines

import cujax.numpy as jnp

CASES = r"""
[f.identity for f in (jnp.add, jnp.multiply, jnp.maximum, jnp.bitwise_and, jnp.logical_and, jnp.subtract)]
(jnp.add.nin, jnp.add.nout, jnp.add.nargs, jnp.negative.nin)
jnp.add.reduce(x)
jnp.add.reduce(x, axis=None)
jnp.add.reduce(xi.astype('int8'))
jnp.add.reduce(xi.astype('int8'), dtype='int8')
jnp.multiply.reduce(xi.astype('int8'), dtype='int16')
jnp.logical_and.reduce(x, dtype='int16')
jnp.add.reduce(x > 2)
jnp.multiply.reduce(x, 1, keepdims=True)
jnp.subtract.reduce(x)
jnp.subtract.reduce(x, axis=None)
jnp.subtract.reduce(jnp.zeros((0, 2)))
jnp.logical_and.reduce(x)
jnp.logical_and.reduce(jnp.zeros((0, 2)))
jnp.logical_or.accumulate(x)
jnp.logical_xor.reduce(x, 1)
jnp.bitwise_or.reduce(xi)
jnp.logaddexp.reduce(x, axis=1)
jnp.maximum.reduce(x, axis=1, keepdims=True)
jnp.maximum.reduce(x, where=x > 2)
jnp.maximum.reduce(x, where=x > 2, initial=0)
jnp.maximum.accumulate(x, axis=1)
jnp.subtract.accumulate(x, 1)
jnp.add.accumulate(x)
jnp.add.reduceat(jnp.arange(6), jnp.array([0, 3, 1]))
jnp.multiply.reduceat(x, jnp.array([0, 2]), axis=1)
jnp.add.outer(xi[0], x[1])
jnp.maximum.outer(x, v)
jnp.add.at(xi[0], jnp.array([1, 1]), 5, inplace=False)
jnp.subtract.at(x, jnp.array([0, 0]), 2.0, inplace=False)
jnp.add.at(xi[0], 1, 5)
jnp.negative.at(x, jnp.array([1, 2]), inplace=False)
jnp.frompyfunc(lambda a, b: a * b + 1, 2, 1)(xi, x[0, 0])
jnp.frompyfunc(lambda a, b: a * b + 1, 2, 1, identity=1).reduce(xi[0])
jnp.frompyfunc(lambda a, b: a * b + 1, 2, 1).accumulate(xi[0])
jnp.frompyfunc(lambda a: (a, a + 1), 1, 2)(x)
jnp.add(1, 2, out=3)
"""

GRADIENTS = r"""
jnp.add.reduce(x)
jnp.subtract.reduce(x, 1)
jnp.maximum.accumulate(x, axis=1)
jnp.multiply.outer(x[0], x[1])
jnp.frompyfunc(lambda a, b: a * b + 1, 2, 1).reduce(x, axis=0)
"""


@pytest.mark.parametrize("case", lines(CASES))
def test_agrees_with_jax(case):
    check(case)


@pytest.mark.parametrize("case", lines(GRADIENTS))
def test_transforms(case):
    check_transforms(case)


def test_frompyfunc_refuses_what_it_cannot_call():
    with pytest.raises(TypeError, match="callable"):
        jnp.frompyfunc(3, 1, 1)
    with pytest.raises(ValueError, match="nin and nout"):
        jnp.frompyfunc(lambda a: a, -1, 1)
