"""`stop_gradient`: the identity, whose derivative is zero."""

from __future__ import annotations

from typing import Any

from cujax.engine.core.array import Array, to_array
from cujax.engine.core.primitive import NOT_LINEAR, Primitive
from cujax.engine.core.trace import aval_of
from cujax.engine.ground import dtypes, pytree
from cujax.engine.ops.families import INEXACT
from cujax.engine.ops.structural import zero_tangent_jvp

stop_gradient_p: Primitive = Primitive(
    "stop_gradient", shape=lambda x: x, impl=lambda xp, x: x, jvp=zero_tangent_jvp(lambda: stop_gradient_p),
    transpose=NOT_LINEAR, batch=lambda axis, xs, dims: (stop_gradient_p.bind(*xs), dims[0]),
    cuda="{x}", index_map=lambda e, index, x: e.read(0, index),
    doc="Its operand, as a constant of differentiation.", domain=INEXACT, family="unary",
)


def stop_gradient(x: Any) -> Any:
    """`x`, a pytree of arrays, through which no derivative flows.

    Inside `grad`, `jvp` and the like it is a constant; elsewhere it is `x` itself.  TypeError for a leaf
    that is no array.
    """
    return pytree.map(_stop, x)


def _stop(leaf: Any) -> Any:
    if not dtypes.is_inexact(aval_of(leaf).dtype):
        return leaf
    return stop_gradient_p.bind(leaf if isinstance(leaf, Array) else to_array(leaf))
