"""Making arrays: values, dtypes, weak types and errors of JAX, and its gradients."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from oracle_cases import check, check_transforms, lines

import cujax

CASES = r"""
jnp.array([1, 2.0])
jnp.array(1)
jnp.array([[1, 2], [3, 4]], dtype='float16')
jnp.array([True, 2])
jnp.array([jnp.array(1.0), 2])
jnp.array([jnp.ones(2), jnp.zeros(2)])
jnp.array([np.float64(1), 2])
jnp.array([np.int8(1), np.int8(2)])
jnp.array([])
jnp.array([[], []])
jnp.array(None)
jnp.array([None])
jnp.array('a')
jnp.array(['a'])
jnp.array([[1], [1, 2]])
jnp.array(2 ** 40)
jnp.array([2 ** 40])
jnp.array(np.int64(2 ** 40))
jnp.array(1, ndmin=3)
jnp.array([1.5, 2], dtype=int)
jnp.array(1.5, dtype=int)
jnp.array(300, dtype='uint8')
jnp.array(-1, dtype='uint8')
jnp.array([300], dtype='uint8')
jnp.array(1j, dtype=float)
jnp.array([1j, 2])
jnp.array(x, order='F')
jnp.array(range(3))
jnp.array((1, (2,)[0]))
jnp.asarray(x)
jnp.asarray(1.0, dtype='int32')
jnp.asarray([1, 2], dtype=bool)
jnp.asarray(x, dtype='int32')
jnp.asarray(memoryview(b'abc'))
jnp.array(np.array(['a']))
jnp.array({1: 2})
jnp.array(b'abc')
jnp.copy(x)
jnp.astype(x, int)
jnp.astype(c, float)
jnp.astype(c, bool)
jnp.astype(x, None)
jnp.astype(jnp.array([nan, 300.0, -5.0]), 'uint8')
jnp.zeros(3)
jnp.zeros((2, 3), 'int8')
jnp.zeros(())
jnp.zeros([2, 3])
jnp.zeros(jnp.array([2, 3]))
jnp.zeros(np.int32(2))
jnp.reshape(x, jnp.array([4, -1]))
lax.full(np.array([2, 3]), 1.0)
jnp.zeros({2: 3})
jnp.zeros(-1)
jnp.zeros(2.5)
jnp.zeros((2, 2.5))
jnp.zeros('a')
jnp.ones((2,), jnp.bfloat16)
jnp.ones(2, int)
jnp.empty((2, 0))
jnp.full(3, 1.0)
jnp.full((), 2.5)
jnp.full((), 2) + 1
jnp.full([], True)
jnp.full_like(2.5, 1)
jnp.full_like(x[0, 0], 7) * x
jax.grad(lambda y: y**2)(jnp.full((), 2.5))
lax.squeeze(2.0, ())
lax.reshape(2.0, ())
jnp.full((2, 3), jnp.arange(3))
jnp.full(3, 1, dtype='float16')
jnp.full((2,), x)
jnp.full(2, [1, 2])
jnp.zeros_like(x)
jnp.zeros_like(x, dtype=int, shape=(2,))
jnp.zeros_like(3)
jnp.ones_like(xi > 2)
jnp.ones_like(np.arange(3))
jnp.full_like(x, 2)
jnp.full_like(xi, 2.7)
jnp.full_like(xi, 2.7, dtype=float)
jnp.full_like(x, jnp.arange(4.0))
jnp.zeros_like([1, 2])
jnp.frombuffer(b'12345678', dtype='int32')
jnp.shape(x)
jnp.ndim(3)
jnp.size(x)
jnp.size(x, 0)
jnp.size(x, (0, 1))
jnp.size([1, 2])
jnp.iterable(x)
jnp.from_dlpack(np.arange(3.0, dtype='float32'))
"""

GRADIENTS = r"""
jnp.full((2, 3, 4), x)
jnp.astype(x, jnp.float16).astype(jnp.float32)
jnp.array([x[0], x[1] * 2])
jnp.full_like(x, x[0, 0])
"""


@pytest.mark.parametrize("case", lines(CASES))
def test_agrees_with_jax(case):
    check(case)


@pytest.mark.parametrize("case", lines(GRADIENTS))
def test_transforms(case):
    check_transforms(case)


class TensorShape:
    """A shape as TensorFlow Probability has it: no Sequence by its type."""

    def __init__(self, *lengths):
        self._lengths = lengths

    def __len__(self):
        return len(self._lengths)

    def __getitem__(self, i):
        return self._lengths[i]


@pytest.mark.parametrize(
    "make",
    [
        lambda jax, shape: jax.numpy.ones(shape),
        lambda jax, shape: jax.numpy.reshape(np.arange(6), shape),
        lambda jax, shape: jax.lax.full(shape, 1.5),
        lambda jax, shape: jax.random.randint(jax.random.key(3), shape, 0, 9),
        lambda jax, shape: jax.random.normal(jax.random.key(3), shape).shape,
    ],
)
def test_a_shape_is_what_has_lengths_by_number(make):
    np.testing.assert_array_equal(make(cujax, TensorShape(2, 3)), make(jax, TensorShape(2, 3)))


@pytest.mark.parametrize("thing", [None, object()], ids=["None", "object"])
def test_what_is_no_array_has_the_shape_that_numpy_sees(thing):
    for name in ("shape", "ndim", "size"):
        with pytest.warns(DeprecationWarning, match=f"{name} requires ndarray or scalar arguments"):
            found = getattr(cujax.numpy, name)(thing)
        with pytest.warns(DeprecationWarning):
            assert found == getattr(jax.numpy, name)(thing)
