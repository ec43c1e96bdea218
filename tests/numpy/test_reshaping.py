"""Shape and order of axes: values, dtypes, weak types and errors of JAX, and its gradients."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from oracle_cases import check, check_transforms, lines

import cujax

CASES = r"""
jnp.reshape(x, (4, 3))
jnp.reshape(x, -1)
jnp.reshape(x, (2, -1))
jnp.reshape(x, (4, 3), order='F')
jnp.reshape(x, (5, 3))
jnp.reshape(x, (-1, -1))
jnp.reshape(x, (-1, 5))
jnp.reshape(x, (4, 3), order='A')
jnp.reshape(x, (4, 3), order='Z')
jnp.reshape(x, 2.5)
jnp.reshape(3, (1, 1))
jnp.reshape([1, 2], 2)
jnp.reshape(jnp.zeros((0, 3)), (-1, 3))
jnp.ravel(x, order='F')
jnp.ravel(x, order='K')
jnp.ravel(jnp.zeros((0, 2)))
jnp.resize(x, (2, 2))
jnp.resize(v, (3, 4))
jnp.transpose(x)
jnp.transpose(x, (0, 1))
jnp.transpose(x, (0,))
jnp.transpose(x, (0, 0))
jnp.transpose(x, (-1, 0))
jnp.permute_dims(x, (1, 0))
jnp.matrix_transpose(jnp.stack([x, x]))
jnp.matrix_transpose(v)
jnp.swapaxes(x, 0, -1)
jnp.moveaxis(jnp.zeros((2, 3, 4)), 0, -1)
jnp.moveaxis(jnp.zeros((2, 3, 4)), (0, 1), (-1, 0))
jnp.moveaxis(jnp.zeros((2, 3, 4)), (0, 1), (0,))
jnp.rollaxis(jnp.zeros((2, 3, 4)), 2)
jnp.rollaxis(jnp.zeros((2, 3, 4)), 0, 3)
jnp.rollaxis(jnp.zeros((2, 3, 4)), 0, 4)
jnp.expand_dims(x, 0)
jnp.expand_dims(x, (0, -1))
jnp.expand_dims(x, 3)
jnp.expand_dims(x, (0, 0))
jnp.squeeze(x[:1])
jnp.squeeze(x[:1], 0)
jnp.squeeze(x, 0)
jnp.squeeze(x[None, :1], (0, 1))
jnp.atleast_1d(3)
jnp.atleast_1d(3, x)
jnp.atleast_2d(v)
jnp.atleast_3d(v)
jnp.atleast_3d(x)
jnp.atleast_1d([1, 2])
jnp.broadcast_shapes((2, 1), (3,))
jnp.broadcast_shapes((2,), (3,))
jnp.broadcast_shapes(3, (2, 1))
jnp.broadcast_to(v, (2, 7))
jnp.broadcast_to(v, (7, 2))
jnp.broadcast_to(x, (4,))
jnp.broadcast_to(1, 3)
jnp.broadcast_arrays(v[:3, None], xi[0], 1)
jnp.flip(x)
jnp.flip(x, 0)
jnp.flip(x, (0, 1))
jnp.flip(x, 2)
jnp.fliplr(x)
jnp.fliplr(v)
jnp.flipud(x)
jnp.rot90(x)
jnp.rot90(x, 2)
jnp.rot90(x, -1)
jnp.rot90(x, 5, (1, 0))
jnp.rot90(x, 1, (0, 0))
jnp.roll(x, 1)
jnp.roll(x, -5)
jnp.roll(x, 1, 0)
jnp.roll(x, (1, 2), (0, 1))
jnp.roll(x, (1, 2), 0)
jnp.roll(x, 3, (0, 1))
jnp.roll(x, jnp.array(2), 1)
jnp.roll(x, jnp.array([1, 2]), (0, 1))
jnp.roll(jnp.zeros((0, 2)), 1)
jnp.roll(jnp.array(3), 1)
"""

GRADIENTS = r"""
jnp.reshape(x, (4, 3), order='F')
jnp.ravel(x)
jnp.transpose(x)
jnp.moveaxis(x, 0, 1)
jnp.expand_dims(x, 1)
jnp.broadcast_to(x, (2, 3, 4))
jnp.flip(x, 0)
jnp.rot90(x)
jnp.roll(x, 1, 1)
jnp.roll(x, jnp.array(2), 0)
jnp.resize(x, (5, 3))
jnp.squeeze(x[:1])
"""


@pytest.mark.parametrize("case", lines(CASES))
def test_agrees_with_jax(case):
    check(case)


@pytest.mark.parametrize("case", lines(GRADIENTS))
def test_transforms(case):
    check_transforms(case)


@pytest.mark.parametrize("axis", [(0, 1), (1, -2)])
def test_roll_by_traced_shifts_along_several_axes(axis):
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    shifts = np.array([[1, 2], [-3, 5], [0, 0]])

    def rolled(library):
        roll = library.vmap(lambda shift: library.numpy.roll(x, (shift[0], shift[1]), axis))
        return library.jit(roll)(shifts)

    np.testing.assert_array_equal(rolled(cujax), rolled(jax))
