"""The public names and signatures are those of jax.numpy; what is missing is listed here."""

from __future__ import annotations

import inspect
import io

import jax.numpy
import numpy as np
import pytest

import cujax.numpy as jnp

# Dtypes that no array has.
MISSING = {
    "float4_e2m1fn", "float6_e2m3fn", "float6_e3m2fn", "int1", "int2", "uint1", "uint2",
}  # fmt: skip
# A private argument of theirs, NumPy's own function, or NumPy's argument names beside JAX's.
OTHER_PARAMETERS = {"array", "clip", "set_printoptions"}
NAMES = sorted(name for name in dir(jax.numpy) if not name.startswith("_"))


def test_missing_names():
    assert {name for name in NAMES if not hasattr(jnp, name)} == MISSING


def _parameters(function):
    try:
        found = inspect.signature(function).parameters.values()
    except (ValueError, TypeError):
        return None
    return [("" if p.kind is p.POSITIONAL_ONLY else p.name, p.kind) for p in found]


@pytest.mark.parametrize("name", [n for n in NAMES if n not in MISSING | OTHER_PARAMETERS])
def test_signatures(name):
    theirs, ours = getattr(jax.numpy, name), getattr(jnp, name)
    if callable(theirs) and not inspect.isclass(theirs):
        assert _parameters(ours) == _parameters(theirs)
        assert ours.__doc__


def test_constants():
    for name in ("pi", "e", "euler_gamma", "inf", "nan", "newaxis"):
        found, expected = getattr(jnp, name), getattr(jax.numpy, name)
        assert found is expected or repr(found) == repr(expected)
    assert jnp.ndarray is type(jnp.arange(3)).__mro__[1]


def test_printing():
    x = jnp.arange(3.0) / 3
    assert jnp.array_repr(x, precision=2) == "Array([0.  , 0.33, 0.67], dtype=float32)"
    assert jnp.array_str(x, precision=2) == "[0.   0.33 0.67]"
    with jnp.printoptions(precision=1):
        assert repr(x) == "Array([0. , 0.3, 0.7], dtype=float32)"


def test_saving_and_loading():
    file = io.BytesIO()
    jnp.save(file, jnp.arange(3))
    file.seek(0)
    found = jnp.load(file)
    assert isinstance(found, jnp.ndarray)
    np.testing.assert_array_equal(np.asarray(found), [0, 1, 2])


def test_index_tricks_need_no_arrays():
    assert jnp.s_[1:2, None] == (slice(1, 2), None)
    assert jnp.index_exp[1:2] == (slice(1, 2),)
