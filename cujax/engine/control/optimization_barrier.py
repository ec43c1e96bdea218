"""`optimization_barrier`: the identity on several values at once, through which the compiler does not look.

What comes out is computed after all that goes in, and is never merged with, nor rewritten in terms of, what
went in.  Derivatives pass through barriers of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cujax.engine.core.array import Array, to_array
from cujax.engine.core.axis import AxisData
from cujax.engine.core.primitive import Primitive, not_fusable
from cujax.engine.core.zero import Zero
from cujax.engine.ground import pytree
from cujax.engine.ops.structural import ANY


def _hold(values: Sequence[Any]) -> list[Any]:
    """The values behind one barrier; a symbolic zero needs none."""
    present = [v for v in values if type(v) is not Zero]
    held = iter(optimization_barrier_p.bind(*present) if present else ())
    return [v if type(v) is Zero else next(held) for v in values]


def _optimization_barrier_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    return optimization_barrier_p.bind(*primals), _hold(tangents)


def _optimization_barrier_batch(axis: AxisData, xs: Sequence[Any], dims: Sequence[int | None]) -> tuple[Any, list]:
    return optimization_barrier_p.bind(*xs), list(dims)


optimization_barrier_p: Primitive = Primitive(
    "optimization_barrier", shape=lambda *xs: xs, impl=lambda xp, *xs: list(xs), jvp=_optimization_barrier_jvp,
    transpose=lambda cts, *xs: _hold(cts), batch=_optimization_barrier_batch, multiple=True,
    cuda=not_fusable("its purpose is to separate what is before it from what comes after"),
    doc="Its operands, all computed before any is used.", domain=ANY, family="barrier",
)


def optimization_barrier(operand: Any, /) -> Any:
    """`operand`, a pytree of arrays, of which all are computed before any is used further.

    The compiler neither moves computations across it nor takes its results for its operands.  TypeError for a
    leaf that is no array.
    """
    leaves, tree = pytree.flatten(operand)
    arrays = [x if isinstance(x, Array) else to_array(x) for x in leaves]
    return pytree.unflatten(tree, optimization_barrier_p.bind(*arrays) if arrays else [])
