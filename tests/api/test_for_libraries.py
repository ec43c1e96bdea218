"""What published libraries ask of the public names beyond the usual calls."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import cujax
import cujax.numpy as jnp

BOTH = pytest.mark.parametrize("lib", [cujax, jax], ids=["cujax", "jax"])


@BOTH
def test_known_and_traced_values_inside_ensure_compile_time_eval(lib):
    seen = []

    def f(x):
        with lib.ensure_compile_time_eval():
            known = lib.numpy.arange(3).sum()
            seen.append(int(known))
            return x * 2 + known

    assert float(lib.jit(f)(1.0)) == 5.0
    assert float(lib.grad(f)(1.0)) == 2.0
    np.testing.assert_array_equal(lib.vmap(f)(lib.numpy.ones(2)), [5, 5])
    np.testing.assert_array_equal(lib.jit(lib.vmap(lib.grad(f)))(lib.numpy.ones(2)), [2, 2])
    assert seen == [3] * 4


@BOTH
def test_a_tracer_that_has_left_its_function_is_refused_inside_ensure_compile_time_eval(lib):
    kept = []
    lib.jit(lambda x: kept.append(x))(1.0)
    with pytest.raises(lib.errors.UnexpectedTracerError), lib.ensure_compile_time_eval():
        kept[0] + 1


def interpreted(lib, jaxpr, consts, *args):
    """The interpreter of a jaxpr that programs write for themselves."""
    values = {}
    values.update(zip(jaxpr.invars, args, strict=True))
    values.update(zip(jaxpr.constvars, consts, strict=True))

    def read(a):
        return a.val if isinstance(a, lib.extend.core.Literal) else values[a]

    for eqn in jaxpr.eqns:
        out = eqn.primitive.bind(*map(read, eqn.invars), **eqn.primitive.get_bind_params(eqn.params))
        values.update(zip(eqn.outvars, out if eqn.primitive.multiple_results else [out], strict=True))
    return [read(a) for a in jaxpr.outvars]


@BOTH
def test_constants_of_a_jaxpr_have_variables_of_their_own(lib):
    import jax.extend.core  # noqa: F401

    table = lib.numpy.arange(3.0)
    closed = lib.make_jaxpr(lambda x: lib.numpy.sin(x) * table + 1.0)(2.0)
    assert len(closed.jaxpr.invars) == 1 and len(closed.jaxpr.constvars) == len(closed.consts)
    expected = np.sin(2.0) * np.arange(3.0) + 1
    np.testing.assert_allclose(interpreted(lib, closed.jaxpr, closed.consts, 2.0)[0], expected, rtol=1e-6)
    np.testing.assert_allclose(lib.core.eval_jaxpr(closed.jaxpr, closed.consts, 2.0)[0], expected, rtol=1e-6)


def test_a_jaxpr_without_constants_has_none():
    assert cujax.make_jaxpr(lambda x: x)(1.0).jaxpr.constvars == ()


@BOTH
def test_eval_shape_of_a_function_that_knows_shapes_only(lib):
    struct = lib.ShapeDtypeStruct((3,), np.float32)
    found = lib.eval_shape(lambda x: (struct, x), 1.0)
    assert found[0].shape == (3,) and found[0].dtype == np.float32 and found[1].shape == ()
    with pytest.raises(TypeError):
        lib.jit(lambda: struct)()


@BOTH
@pytest.mark.parametrize("transform", ["vmap", "grad", "value_and_grad", "jacfwd", "checkpoint"])
def test_objects_whose_name_is_no_text(lib, transform):
    class Odd:
        __name__ = __annotations__ = 3

        def __call__(self, x):
            return x

    assert callable(getattr(lib, transform)(Odd()))


@BOTH
def test_options_of_a_compiler_are_accepted(lib):
    assert float(lib.jit(lambda x: x + 1).lower(1.0).compile(compiler_options=None)(1.0)) == 2.0


@BOTH
def test_x64_enabled_is_an_option(lib):
    assert lib.config.x64_enabled is lib.config.jax_enable_x64


# --- pmap -------------------------------------------------------------------------------------------------------------


@BOTH
def test_pmap_over_the_one_device(lib):
    x = lib.numpy.arange(3.0)[None]
    mapped = lib.pmap(lambda x, y: (lib.lax.psum(x * y, "i"), lib.lax.axis_index("i")), "i", in_axes=(0, None))
    found = mapped(x, 2.0)
    np.testing.assert_array_equal(found[0], [[0, 2, 4]])
    np.testing.assert_array_equal(found[1], [0])


@BOTH
def test_pmap_with_arguments_that_are_no_arrays(lib):
    mapped = lib.pmap(lambda how, x: getattr(lib.numpy, how)(x), in_axes=(None, 0), static_broadcasted_argnums=0)
    np.testing.assert_array_equal(mapped("negative", lib.numpy.ones((1, 2))), [[-1, -1]])


@BOTH
def test_pmap_over_more_elements_than_devices(lib):
    with pytest.raises(ValueError):
        lib.pmap(lambda x: x)(lib.numpy.ones(2))


def test_pmap_says_what_to_write():
    with pytest.raises(ValueError, match=r"axis of length 2.* there is 1 device. Write jit\(vmap\(fun\)\)"):
        cujax.pmap(lambda x: x)(jnp.ones(2))
