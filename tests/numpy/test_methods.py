"""Operators, methods and properties of arrays."""

from __future__ import annotations

import operator

import jax
import numpy as np
import pytest
from by_hand import address, overlap, values
from oracle_cases import check, lines

import cujax
import cujax.numpy as jnp
from cujax.engine.backends.select import selected

ON_GPU = selected().platform == "gpu"
CASES = r"""
x + 1
1 - x
x * xi
2.0 / x
x // 2
7 // xi
x % 3
divmod(x, 2)
divmod(7, xi + 1)
x**2
2**xi
x @ x.T
x.T @ np.ones((3, 2), np.float32)
np.ones((2, 3), np.float32) @ x
-x
+x
abs(x)
~(x > 0)
~xi
(x > 0) & (x < 3)
(x > 0) | True
xi ^ 1
xi << 2
xi >> 1
1 << xi[0]
x == 2
x != xi
x < 1
2 <= x
round(x * 1.234, 1)
round(x * 1.234)
round(xi)
round(c)
round(x[0, 0])
round(x > 0)
np.float32(3) * x
np.ones((3, 4), np.float32) + x
x + [1, 2, 3, 4]
[1, 2, 3, 4] * x
x + 'a'
x + None
x == None
x == 'a'
x != None
x == [1, 2]
x < None
list(x)
[row.shape for row in x]
iter(x[0, 0])
2.0 in v
len(x)
len(x[0, 0])
float(v[0])
int(xi[1, 2])
complex(c[0, 0])
bool(x)
bool(x[:0])
bool(v[0] > 1)
[0, 1, 2][xi[0, 1]]
[0, 1, 2][v[0]]
x.T
x[None].mT
v.mT
c.real
c.imag
x.imag
x.shape
x.ndim
x.size
x.itemsize
x.nbytes
x.all()
x.any(0)
x.argmax(1)
x.argmin()
x.argsort(0)
x.astype('int8')
x.astype(bool)
jnp.array([3.0, -1.0, 99.0, nan]).astype('int4')
jnp.array([3.0, -1.0, 99.0, nan]).astype('uint4')
xi[0, :2].choose([x[0, :2], x[1, :2]], mode='clip')
x.clip(0, 1)
x.clip(min=0)
x.compress(jnp.array([True, False, True]), axis=0)
c.conj()
c.conjugate()
x.copy()
x.cumprod(1)
x.cumsum(0)
x.diagonal(1)
x.dot(x.T)
x.flatten()
x.flatten('F')
x.max(1)
x.mean(0, keepdims=True)
x.min()
(x > 2).nonzero()
x.prod(1)
x.ptp(1)
x.ravel()
x.repeat(2, 0)
x.reshape(4, 3)
x.reshape((4, 3))
x.reshape(-1)
x.reshape(4, -1, order='F')
x.round(1)
v.searchsorted(x)
x.sort(0)
x[:1].squeeze(0)
x.std()
x.sum(axis=1)
x.swapaxes(0, 1)
x.take(jnp.array([1, 2]), axis=1)
x.trace()
x.transpose()
x.transpose(1, 0)
x.transpose((1, 0))
x.var(ddof=1)
x.view('int32')
x.view('uint8')
x.view('int8').view('float32')
c.view('float32')
x.view(bool)
x[:, :3].view('complex64')
x[0, 0].view('int8')
x.item()
v.item(3)
x.tolist()
x.is_fully_replicated
x.is_ready()
x.addressable_data(0)
x.sharding.is_fully_replicated
x.flat
x.is_fully_addressable
"""


@pytest.mark.parametrize("case", lines(CASES))
def test_agrees_with_jax(case):
    check(case)


def test_every_array_method_of_jax_is_there():
    import jax

    several_devices = {"addressable_shards", "global_shards", "device_buffers", "device_buffer", "committed"}
    of_the_runtime = {"on_device_size_in_bytes", "traceback", "unsafe_buffer_pointer", "platform", "clone"}
    unusual = {"byteswap", "delete", "format"}
    theirs = {n for n in dir(jax.numpy.ones(1)) if not n.startswith("_")}
    assert theirs - several_devices - of_the_runtime - unusual <= set(dir(jnp.ones(1)))


def test_an_operand_that_knows_better_is_asked():
    class Knows:
        def __radd__(self, other):
            return "mine"

    assert jnp.ones(2) + Knows() == "mine"


def test_lists_are_refused_with_the_cure():
    with pytest.raises(TypeError, match=r"jnp\.array"):
        operator.add(jnp.ones(2), [1, 2])


def test_arrays_are_not_hashed_nor_assigned_to():
    x = jnp.arange(3)
    with pytest.raises(TypeError):
        hash(x)
    with pytest.raises(TypeError, match=r"x\.at\[index\]\.set"):
        x[0] = 1
    with pytest.raises(TypeError, match="delete"):
        del x[0]


def test_augmented_assignment_makes_a_new_array():
    x = y = jnp.arange(3)
    x += 1
    assert x.tolist() == [1, 2, 3]
    assert y.tolist() == [0, 1, 2]


def test_exchange_without_a_copy():
    """With the array library of the processor, NumPy or CuPy."""
    x = jnp.arange(3.0)
    shared = selected().xp.from_dlpack(x)
    np.testing.assert_array_equal(values(shared), [0, 1, 2])
    assert overlap(shared, x.buffer)
    assert x.__array_namespace__() is jnp
    assert hasattr(x, "__cuda_array_interface__") == ON_GPU


def handed_to_jax(x):
    """By DLPack; by way of NumPy from a GPU, since JAX is on the CPU here."""
    return jax.numpy.asarray(np.asarray(x)) if ON_GPU else jax.numpy.from_dlpack(x)


@pytest.mark.parametrize("shape", [(2, 3), (), (0, 4)])
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "float16", "bfloat16", "float32", "complex64"])
def test_exchange_with_jax(dtype, shape):
    x = jnp.asarray(np.arange(np.prod(shape)).reshape(shape)).astype(dtype)
    given = handed_to_jax(x)
    assert given.dtype == x.dtype
    np.testing.assert_array_equal(np.asarray(given), np.asarray(x))
    for taken in (jnp.from_dlpack(given), jnp.asarray(given)):
        assert taken.dtype == x.dtype
        np.testing.assert_array_equal(np.asarray(taken), np.asarray(x))


def test_what_cannot_be_exchanged():
    with pytest.raises(TypeError, match="random keys are of no dtype that other libraries have"):
        cujax.random.key(0).__dlpack__()
    with pytest.raises(ValueError, match="from_dlpack copies"):
        jnp.from_dlpack(np.arange(3), copy=False)
    with pytest.raises(TypeError, match="from_dlpack needs an object with __dlpack__"):
        jnp.from_dlpack([1.0])


@pytest.mark.parametrize("name", ["add", "mul", "sub", "truediv", "pow", "eq", "lt", "matmul"])
def test_operators_under_jit_and_grad(name):
    function = getattr(operator, name)
    x = jnp.arange(4.0) + 1
    expected = function(x, x[::-1])
    found = cujax.jit(lambda x: function(x, x[::-1]))(x)
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected))


def test_iterating_and_unpacking_under_jit():
    first, second = cujax.jit(lambda x: tuple(x))(jnp.arange(4.0).reshape(2, 2))
    assert first.tolist() == [0, 1]
    assert second.tolist() == [2, 3]


@pytest.mark.parametrize("case", lines("""
4.0 in v
7 in v
4.0 in x
x in v
[1.0] in v
v.byteswap()
xi.byteswap()
xi.astype('int8').byteswap()
x.astype('float16').byteswap().byteswap()
jnp.ones(3, bool).byteswap()
v.clone()
v.on_device_size_in_bytes()
"""))
def test_small_methods(case):
    check(case)


def test_what_memory_says():
    x = jnp.arange(3.0)
    assert x.unsafe_buffer_pointer() == address(x.buffer)
    assert (jnp.array([1 + 2j]).byteswap().byteswap() == 1 + 2j).all()
    with pytest.raises(ValueError, match="use the result"):
        x.byteswap(inplace=True)
    with pytest.raises(AttributeError, match="no memory"):
        cujax.jit(lambda x: x.unsafe_buffer_pointer())(x)
    with pytest.raises(cujax.errors.TracerBoolConversionError):
        cujax.jit(lambda x: 1.0 in x)(x)


def test_where_an_array_is():
    x = jnp.ones((2, 3))
    (shard,) = x.addressable_shards
    assert x.platform() == x.device.platform == ("gpu" if ON_GPU else jax.numpy.ones(3).platform())
    assert (shard.device, shard.index, shard.replica_id) == (x.device, (slice(None), slice(None)), 0)
    assert shard.data is x and x.global_shards[0].data is x and x.committed
    assert x.format.layout.major_to_minor == (0, 1) and x.format.sharding == x.sharding
    for name, instead in (("device_buffer", r"x\.addressable_data\(0\)"), ("device_buffers", "addressable_shards")):
        with pytest.raises(AttributeError, match=f"no {name}, as in JAX.*use .*{instead}"):
            getattr(x, name)


def test_a_traced_array_is_nowhere():
    def asked(x):
        for name in ("device", "sharding", "format"):
            assert not hasattr(x, name)
        for name in ("addressable_shards", "global_shards", "committed"):
            with pytest.raises(cujax.errors.ConcretizationTypeError, match=name):
                getattr(x, name)
        with pytest.raises(cujax.errors.ConcretizationTypeError, match="devices"):
            x.devices()
        return x.sum()

    cujax.jit(asked)(jnp.ones(3))
    assert cujax.grad(lambda x: x.sum() * len(x.devices()))(jnp.ones(3))[0] == 1  # its values are known
