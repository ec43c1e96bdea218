"""What a call does with the leaves of its arguments and results: `call_key`, `read_buffers`, `wrap_buffers`.

Every call of a jitted function passes through them, so they are compiled where that can be (ground/native); the
functions here say what they do, and serve elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cujax.engine.backends.api import Buffer
from cujax.engine.core.array import ConcreteArray
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.trace import aval_of, known_array
from cujax.engine.ground import pytree
from cujax.engine.ground.native import native


def call_key_python(arguments: Any, static: Any, options: Any, axes: Any) -> tuple[list[Any], tuple]:
    """The leaves of a call's arguments, and what a recording for such arguments is kept under.

    TypeError for a leaf that is no array and no scalar.
    """
    leaves, spec = pytree.flatten_spec(arguments)
    avals = [x.aval if type(x) is ConcreteArray else aval_of(x) for x in leaves]
    return leaves, (spec, static, options, axes, *avals)


def read_buffers_python(first: list[Buffer], leaves: list[Any]) -> list[Buffer]:
    """The buffers in `first`, then those of the leaves; the leak error when one of these is a tracer."""
    return first + [x.buffer if type(x) is ConcreteArray else known_array(x).buffer for x in leaves]


def wrap_buffers_python(buffers: list[Buffer], avals: tuple[ShapedArray, ...]) -> tuple[ConcreteArray, ...]:
    """Arrays of these buffers and avals."""
    return tuple([ConcreteArray(b, a) for b, a in zip(buffers, avals, strict=True)])


call_key: Callable[[Any, Any, Any, Any], tuple[list[Any], tuple]] = call_key_python
read_buffers: Callable[[list[Buffer], list[Any]], list[Buffer]] = read_buffers_python
wrap_buffers: Callable[[list[Buffer], tuple[ShapedArray, ...]], tuple[ConcreteArray, ...]] = wrap_buffers_python
if native is not None:
    native.set_array(ConcreteArray, aval_of, known_array)
    call_key, read_buffers, wrap_buffers = native.call_key, native.read_buffers, native.wrap_buffers
