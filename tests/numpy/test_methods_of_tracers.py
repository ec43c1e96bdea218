"""Methods of arrays are methods of tracers too: no attribute of a tracer may hide one."""

import pytest

import cujax
import cujax.numpy as jnp
from cujax.engine.core.array import Array
from cujax.engine.core.trace import Tracer


def _subclasses(kind):
    return [kind, *(s for k in kind.__subclasses__() for s in _subclasses(k))]


@pytest.mark.parametrize("kind", _subclasses(Tracer), ids=lambda kind: kind.__name__)
def test_no_slot_hides_a_method(kind):
    own = {name for k in kind.__mro__ if k is not Array for name in k.__dict__.get("__slots__", ())}
    hidden = {name for name in own if not name.startswith("__") and callable(getattr(Array, name, None))}
    assert not hidden


def test_var_under_jit():
    assert cujax.jit(lambda x: x.var())(jnp.array([1.0, 3.0])) == 1.0
