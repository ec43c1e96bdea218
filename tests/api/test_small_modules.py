"""cujax.core, cujax.dtypes, cujax.typing, cujax.stages, cujax.errors."""

from __future__ import annotations

import jax
import ml_dtypes
import numpy as np
import pytest
from jax_comparison import assert_same

import cujax
import cujax.numpy as jnp


def test_core_types_are_met_inside_traced_functions():
    seen = []
    cujax.jit(lambda x: seen.append((isinstance(x, cujax.core.Tracer), isinstance(x, cujax.Array))) or x)(1.0)
    assert seen == [(True, True)]
    assert not isinstance(jnp.ones(2), cujax.core.Tracer)


def test_a_jaxpr_can_be_walked():
    jaxpr = cujax.make_jaxpr(lambda x: jnp.sin(x) * 2.0)(1.0)
    assert isinstance(jaxpr, cujax.core.ClosedJaxpr) and isinstance(jaxpr.jaxpr, cujax.core.Jaxpr)
    assert [e.primitive.name for e in jaxpr.eqns] == ["sin", "mul"]
    assert isinstance(jaxpr.eqns[1].invars[1], cujax.core.Literal)
    assert all(isinstance(v, cujax.core.Var) for v in jaxpr.jaxpr.invars)
    assert cujax.core.get_aval(1.0) == cujax.core.ShapedArray((), np.float32, weak_type=True)


@pytest.mark.parametrize("program", [
    lambda c: str(c.dtypes.canonicalize_dtype("float64")),
    lambda c: str(c.dtypes.canonicalize_dtype(int)),
    lambda c: str(c.dtypes.canonicalize_dtype(c.numpy.bfloat16)),
    lambda c: c.dtypes.canonicalize_dtype("text"),
    lambda c: c.dtypes.canonicalize_dtype(c.random.key(0).dtype),
    lambda c: str(c.dtypes.result_type(1, np.float16(2))),
    lambda c: c.dtypes.scalar_type_of(np.int8(1)),
    lambda c: c.dtypes.scalar_type_of(c.numpy.ones(2)),
    lambda c: c.dtypes.scalar_type_of(True),
    lambda c: c.dtypes.scalar_type_of("text"),
    lambda c: c.dtypes.itemsize_bits(c.numpy.int4),
    lambda c: c.dtypes.itemsize_bits(np.float64),
    lambda c: c.dtypes.issubdtype(c.random.key(0).dtype, c.dtypes.prng_key),
    lambda c: str(c.dtypes.finfo(np.float16).max),
    lambda c: str(c.dtypes.iinfo(np.int8).max),
])
def test_dtypes(program):
    assert_same(program)


def test_dtype_objects():
    assert cujax.dtypes.bfloat16 is ml_dtypes.bfloat16 and cujax.float0 == jax.float0


def test_annotations():
    def f(x: cujax.typing.ArrayLike, dtype: cujax.typing.DTypeLike) -> cujax.Array:
        return jnp.asarray(x, dtype)

    assert isinstance(f(1, "float32"), cujax.typing.Array)


def test_stages_are_classes_of_what_jit_gives():
    jitted = cujax.jit(jnp.sin)
    assert isinstance(jitted, cujax.stages.Wrapped)
    assert isinstance(jitted.trace(1.0), cujax.stages.Traced)
    assert isinstance(jitted.lower(1.0), cujax.stages.Lowered)
    assert isinstance(jitted.lower(1.0).compile(), cujax.stages.Compiled)


def test_errors_that_jax_has_no_class_for():
    own = {name for name in cujax.errors.__all__ if not hasattr(jax.errors, name)}
    assert own == {"IncompatibleDevicesError", "OutOfMemoryError", "UserSourceError"}
    assert issubclass(cujax.errors.OutOfMemoryError, (cujax.errors.JaxRuntimeError, MemoryError))
    assert all(getattr(cujax.errors, name).__doc__ for name in own)


@pytest.mark.parametrize("name", [name for name in cujax.errors.__all__ if hasattr(jax.errors, name)])
def test_errors_derive_as_those_of_jax_and_explain_themselves(name):
    ours, theirs = getattr(cujax.errors, name), getattr(jax.errors, name)
    builtin = next(c for c in theirs.__mro__ if c.__module__ == "builtins")
    assert issubclass(ours, builtin) and ours.__doc__
