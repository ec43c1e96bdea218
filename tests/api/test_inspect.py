"""make_jaxpr, eval_shape and ShapeDtypeStruct, named scopes, closure_convert, devices, ravel_pytree."""

from __future__ import annotations

import jax
import jax.flatten_util
import numpy as np
import pytest
from jax_comparison import Raised, assert_same, outcome

import cujax
import cujax.numpy as jnp
from cujax.flatten_util import ravel_pytree

X = np.array([0.5, -1.0, 2.0], np.float32)


# --- make_jaxpr -----------------------------------------------------------------------------------------


def test_make_jaxpr_prints_in_jax_notation():
    def f(c):
        return c.make_jaxpr(lambda x, y: c.numpy.sin(x) * y)(X, X)

    def words(jaxpr):  # JAX puts equations on one line where they fit
        return str(jaxpr).replace(";", " ").split()

    assert words(f(cujax)) == words(f(jax))


def test_make_jaxpr_of_static_arguments_and_shapes():
    jaxpr, shape = cujax.make_jaxpr(lambda x, n: {"a": x * n}, static_argnums=1, return_shape=True)(X, 2.0)
    assert "mul a 2.0" in str(jaxpr) and shape == {"a": cujax.ShapeDtypeStruct((3,), np.float32)}
    assert [a.str_short() for a in jaxpr.in_avals] == ["f32[3]"]


def test_make_jaxpr_captures_arrays_as_constants():
    y = jnp.arange(3.0)
    jaxpr = cujax.make_jaxpr(lambda x: x * y)(1.0)
    assert len(jaxpr.consts) == 1 and str(jaxpr).startswith("{ lambda a:f32[3]; b:f32[]. let")
    np.testing.assert_array_equal(cujax.core.eval_jaxpr(jaxpr.jaxpr, jaxpr.consts, 2.0)[0], 2 * y)


def test_make_jaxpr_of_jit_shows_the_call():
    assert "jit[" in str(cujax.make_jaxpr(cujax.jit(lambda x: x * 2))(1.0))


def test_make_jaxpr_axis_env():
    def f(x):
        return cujax.lax.psum(x, "i")

    assert "psum" in str(cujax.make_jaxpr(f, axis_env=[("i", 4)])(1.0))
    with pytest.raises(NameError, match="'i'"):
        cujax.make_jaxpr(f)(1.0)


@pytest.mark.parametrize("program", [
    lambda c: c.make_jaxpr(3),
    lambda c: c.make_jaxpr(lambda x: x)("s"),
    lambda c: c.make_jaxpr(lambda x: "s")(1.0),
    lambda c: c.eval_shape(3, 1.0),
    lambda c: c.eval_shape(lambda x, y: x, 1.0, "s"),
    lambda c: c.ShapeDtypeStruct(None, np.float32),
    lambda c: c.ShapeDtypeStruct((3,), None),
    lambda c: len(c.ShapeDtypeStruct((), np.float32)),
])
def test_refused(program):
    assert isinstance(outcome(program, cujax), Raised)
    assert_same(program)


# --- eval_shape -----------------------------------------------------------------------------------------


class Duck:
    shape, dtype = (2, 3), np.dtype("float32")


@pytest.mark.parametrize("program", [
    lambda c: c.eval_shape(lambda x: {"a": x * 2, "n": None, "i": 3}, X),
    lambda c: c.eval_shape(lambda x: c.numpy.sin(x).sum(), c.ShapeDtypeStruct((3, 4), np.float32)),
    lambda c: c.eval_shape(lambda x: x, Duck()),
    lambda c: c.eval_shape(lambda x, *, k: x + k, 1, k=2.0),
    lambda c: c.eval_shape(c.jit(lambda x: x * 2), X),
    lambda c: c.eval_shape(c.grad(lambda x: (x * x).sum()), X),
])
def test_eval_shape(program):
    ours, theirs = jax.tree.map(str, program(cujax)), jax.tree.map(str, program(jax))
    assert ours == theirs


def test_eval_shape_computes_nothing():
    assert cujax.eval_shape(lambda x: jnp.ones((10**6, 10**6)) * x, 1.0).shape == (10**6, 10**6)


def test_shape_dtype_struct():
    s = cujax.ShapeDtypeStruct([2, 3], "float32")
    assert (s.shape, s.dtype, s.ndim, s.size, len(s)) == ((2, 3), np.float32, 2, 6, 2)
    assert s == cujax.ShapeDtypeStruct((2, 3), np.float32) and hash(s) == hash(s.update())
    assert s.update(shape=(4,)) == cujax.ShapeDtypeStruct((4,), np.float32) != s
    assert s.update(weak_type=True) != s and "weak_type=True" in repr(s.update(weak_type=True))


def test_typeof():
    assert cujax.typeof(X).str_short() == "f32[3]" and cujax.typeof(1).weak_type


# --- names and closures ---------------------------------------------------------------------------------


def test_named_call_and_named_scope_change_nothing():
    with cujax.named_scope("force"):
        pass
    named = cujax.named_call(lambda x: x * 2, name="force")
    assert float(named(2.0)) == 4.0 == float(cujax.grad(named)(1.0)) * 2
    assert float(cujax.named_scope("force")(lambda x: x * 2)(2.0)) == 4.0
    with pytest.raises(TypeError, match="name must be a string"), cujax.named_scope(3):
        pass


def test_closure_convert_takes_out_what_is_traced():
    def f(x):
        converted, consts = cujax.closure_convert(lambda y: x * y + 1, 1.0)
        assert len(consts) == 1
        return converted(3.0, *consts)

    assert float(cujax.grad(f)(2.0)) == 3.0
    converted, consts = cujax.closure_convert(lambda y: jnp.asarray(X) * y, 1.0)
    assert consts == []
    np.testing.assert_array_equal(converted(2.0), X * 2)
    with pytest.raises(TypeError, match="0 constants"):
        converted(2.0, 3.0)


# --- devices --------------------------------------------------------------------------------------------


def test_devices():
    (device,) = cujax.devices()[:1]
    assert isinstance(device, cujax.Device) and device.platform == cujax.default_backend()
    assert cujax.device_count() == cujax.local_device_count() == len(cujax.local_devices())
    assert (cujax.process_index(), cujax.process_count(), cujax.process_indices()) == (0, 1, [0])
    with pytest.raises(RuntimeError, match="Unknown backend: 'tpu'"):
        cujax.devices("tpu")


@pytest.mark.parametrize("program", [
    lambda c: c.device_put(3.0),
    lambda c: c.device_put({"a": 1, "b": X}),
    lambda c: c.device_put(X, c.devices()[0]),
    lambda c: c.device_put("s"),
    lambda c: c.jit(lambda x: c.device_put(x) * 2)(X),
    lambda c: c.grad(lambda x: c.device_put(x) * 2)(1.0),
    lambda c: c.device_get({"a": c.numpy.ones(2), "b": 3.0}),
    lambda c: c.block_until_ready({"a": c.numpy.ones(2), "s": "text"}),
])
def test_moving_arrays(program):
    assert_same(program)


def test_device_get_gives_numpy_arrays_and_leaves_the_rest():
    found = cujax.device_get({"a": jnp.ones(2), "s": "text"})
    assert type(found["a"]) is np.ndarray and found["s"] == "text"


def test_device_put_of_another_device_is_refused():
    with pytest.raises(ValueError, match=r"cujax\.devices"):
        cujax.device_put(X, "cpu")


def test_ensure_compile_time_eval():
    @cujax.jit
    def f(x):
        with cujax.ensure_compile_time_eval():
            limit = jnp.sin(2.0)
            assert limit > 0  # a value, where a traced one has none
        return x * limit

    np.testing.assert_allclose(f(X), X * np.sin(np.float32(2)), rtol=1e-6)


def test_environment_info_names_versions(capsys):
    assert np.__version__ in cujax.print_environment_info(return_string=True)
    cujax.print_environment_info()
    assert np.__version__ in capsys.readouterr().out


# --- ravel_pytree ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("tree", [
    {"a": 1, "b": X},
    [1.0, 2.0],
    [1, 2.0],
    3.0,
    [],
    [np.ones((2, 2), np.int8), np.ones(2, np.uint8)],
    [np.ones(2, np.float16), X * 1j],
    [np.ones(2, bool), 1.0],
    np.ones((0, 3), np.float32),
    "s",
], ids=str)
def test_ravel_pytree(tree):
    def there_and_back(c):
        flat, unravel = c.flatten_util.ravel_pytree(tree)
        return flat, unravel(flat)

    assert_same(there_and_back)


def test_unravel_under_transforms_and_as_static_argument():
    flat, unravel = ravel_pytree({"a": X, "b": np.float32(2)})
    energy = cujax.jit(lambda v: (unravel(v)["a"] ** 2).sum() * unravel(v)["b"])
    np.testing.assert_allclose(cujax.grad(energy)(flat), [*(4 * X), (X**2).sum()], rtol=1e-6)
    assert unravel == ravel_pytree({"a": X, "b": np.float32(3)})[1] and hash(unravel)


@pytest.mark.parametrize("vector, error", [
    (np.ones(3, np.float32), ValueError),
    (np.ones((2, 2), np.float32), ValueError),
    (np.ones(4, np.int32), TypeError),
])
def test_unravel_refuses(vector, error):
    _, unravel = ravel_pytree({"a": X, "n": 1})
    with pytest.raises(error, match="unravel function"):
        unravel(vector)
