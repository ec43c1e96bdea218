"""Functions of lax that are made of others: values, dtypes, weak types and errors of JAX."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from expressions import check, check_derivatives, lines

import cujax
from cujax import lax

CASES = r"""
lax.full((2,), 1)
lax.full((2, 0), 1.5)
lax.full(3, 1.0)
lax.full((2,), 1.7, int)
lax.full((2,), 1, 'float16')
lax.full((2,), True)
lax.full((2,), np.float32(3))
lax.full((2,), jnp.asarray(3))
lax.full((2,), -1, jnp.uint8)
lax.full((2,), jnp.ones(1))
lax.full((2,), [1])
lax.full((-1,), 1.0)
lax.full((2.5,), 1)
lax.full_like(x, 2)
lax.full_like(x, 2, jnp.int32)
lax.full_like(x, 2, shape=(2,))
lax.full_like(1.0, 2)
lax.full_like(jnp.asarray(3), 2.7)
lax.full_like(top.ShapeDtypeStruct((2,), 'float32'), 2)
lax.full_like([1, 2], 2)
lax.full_like(x, jnp.ones(3))
lax.empty((2,), jnp.float32)
lax.empty(3, 'int8')
lax.dtype(1)
lax.dtype(1j)
lax.dtype(np.float64(1))
lax.dtype(x)
lax.dtype('float32')
lax.dtype(float)
lax.dtype(jnp.bfloat16)
lax.dtype([1])
lax.dtype(object())
lax.dtype(None)
lax.dtype('abc')
lax.broadcast_shapes((2, 1), (3,), ())
lax.broadcast_shapes((1, 0), (3, 1))
lax.broadcast_shapes((2,), (3,))
lax.broadcast_shapes((2, 1), (1, 3), (4, 3))
lax.broadcast_to_rank(x, 4)
lax.broadcast_to_rank(x, 1)
lax.broadcast_to_rank(3.0, 2)
lax.broadcast_like(jnp.arange(3.0), x)
lax.broadcast_like(jnp.ones((2, 1)), x)
lax.broadcast_like(1, x)
lax.broadcast_like(x, jnp.arange(3))
lax.broadcast_like(jnp.ones((2,)), x)
lax.collapse(x, 0)
lax.collapse(x, 0, 1)
lax.collapse(x, -2, 2)
lax.collapse(x, 1, 1)
lax.collapse(x, 0, 5)
lax.collapse(x, -3)
lax.collapse(x, 1, 0)
lax.tile(x, (2, 1))
lax.tile(x, (2, 3))
lax.tile(x, (0, 1))
lax.tile(2, ())
lax.tile(x, (2, 1, 1))
lax.tile(x, (2,))
lax.stack([x, x], 1)
lax.stack((x, -x))
lax.stack([x, x], -1)
lax.stack([1.0, 2.0])
lax.stack([np.ones(2), np.zeros(2)])
lax.stack([x, x[0]])
lax.stack([x, x.astype(int)])
lax.stack([x, x], 3)
lax.unstack(x)
lax.unstack(x, 1)
lax.unstack(np.ones((2, 2), np.int8), -1)
lax.unstack(jnp.ones((0, 2)))
lax.unstack(x, 2)
lax.unstack(jnp.float32(1))
lax.mulhi(jnp.uint32(2**31), jnp.uint32(6))
lax.mulhi(jnp.int32(-2**31), jnp.int32(6))
lax.mulhi(3, 4)
lax.mulhi(1.0, 2.0)
lax.mulhi(True, True)
lax.mulhi(jnp.int32([1, 2]), jnp.uint32([1, 2]))
lax.optimization_barrier((x, 1))
lax.optimization_barrier(3.0)
lax.optimization_barrier(())
lax.optimization_barrier('a')
lax.platform_dependent(x, cpu=lambda x: x + 1, cuda=lambda x: x + 1, default=lambda x: x)
lax.platform_dependent(x, tpu=lambda x: x + 1, default=lambda x: x)
lax.platform_dependent(x, tpu=lambda x: x + 1)
lax.platform_dependent(x, cpu=3, default=lambda x: x)
lax.platform_dependent(x)
lax.top_k(x, 2)
lax.approx_max_k(x, 2)
lax.approx_min_k(x, 2)
lax.cond(True, lambda x: lax.top_k(x, 2), lambda x: [x[:, :2], x[:, :2].astype(int)], x)
top.jit(lambda h: lax.fori_loop(0, h, lambda i, c: c + i, 0, unroll=1))(3)
top.jit(lambda h: lax.fori_loop(0, h, lambda i, c: c + i, 0, unroll=False))(3)
top.jit(lambda h: lax.fori_loop(0, h, lambda i, c: c + i, 0, unroll=2))(3)
jnp.asarray([1.0, 2.0, 0.3], 'float8_e5m2').astype('float8_e8m0fnu').astype('float32')
jnp.asarray([1.0, 2.0, 0.3], 'float8_e8m0fnu').astype('float8_e4m3fn').astype('float32')
jnp.asarray([1, -3], 'int4').astype('uint4').astype('int32')
"""

DERIVATIVES = r"""
lax.tile(x * x, (2, 3))
lax.stack([x * x, lax.sin(x)], 1)
lax.unstack(x * x, 1)[2]
lax.collapse(x * x, 0)
lax.broadcast_like(x[0] * x[0], x)
lax.full((2,), lax.sin(x[0, 0]))
lax.optimization_barrier((lax.sin(x), 2.0))[0] * x
"""


@pytest.mark.parametrize("case", lines(CASES))
def test_agrees_with_jax(case):
    check(case)


@pytest.mark.parametrize("case", lines(DERIVATIVES))
def test_derivatives(case):
    check_derivatives(case)


@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_mulhi_of_64_bits_against_python_integers(x64, dtype):
    info = np.iinfo(dtype)
    edges = [info.min, info.min + 1, info.max, info.max - 1, 0, 1, 2**32, 2**32 - 1]
    drawn = np.random.default_rng(0).integers(info.min, info.max, 40, dtype, endpoint=True).tolist()
    numbers = edges + drawn
    found = lax.mulhi(
        np.repeat(np.array(numbers, dtype), len(numbers)), np.tile(np.array(numbers, dtype), len(numbers))
    )
    assert found.tolist() == [a * b >> 64 for a in numbers for b in numbers]


def test_keys_are_values_like_others():
    key = cujax.random.key(7)
    tiled = lax.full((2,), key)
    assert tiled.dtype == key.dtype and tiled.shape == (2,)
    assert lax.dtype(key) == key.dtype
    held = lax.optimization_barrier(key)
    np.testing.assert_array_equal(cujax.random.key_data(held), jax.random.key_data(jax.random.key(7)))


def test_a_barrier_stays_on_the_tape_and_holds_all_its_operands():
    tape = cujax.make_jaxpr(lambda x, y: lax.optimization_barrier((x, y)))(1.0, 2)
    assert str(tape).count("optimization_barrier") == 1


@pytest.mark.parametrize(("call", "text"), [
    (lambda: lax.full((2,), np.ones(3)), r"full must be called with scalar fill_value, got fill_value.shape \(3,\)"),
    (lambda: lax.stack([]), "at least one array"),
    (lambda: lax.tile(np.ones(2), (-1,)), "must not be negative"),
    (lambda: lax.platform_dependent(1, tpu=lambda x: x), r"runs on '(cpu|cuda)'.*\['tpu'\] only"),
    (lambda: lax.broadcast_like(np.ones((2, 3)), np.ones(3)), r"\(2, 3\) does not broadcast to shape \(3,\)"),
])
def test_errors_say_what_was_seen(call, text):
    with pytest.raises((TypeError, ValueError, NotImplementedError), match=text):
        call()
