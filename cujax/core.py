"""The types behind traced functions, for programs that test for them or walk a jaxpr.

A jaxpr is what `make_jaxpr` returns: a `ClosedJaxpr` with its constants, around a `Jaxpr` with `invars`,
`eqns` and `outvars`; each equation has `primitive`, `invars`, `outvars` and `params`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.primitive import Primitive
from cujax.engine.core.recording import run_tape
from cujax.engine.core.tape import Atom, Literal, Var
from cujax.engine.core.tape import ClosedTape as ClosedJaxpr
from cujax.engine.core.tape import Eqn as JaxprEqn
from cujax.engine.core.tape import Tape as Jaxpr
from cujax.engine.core.trace import Trace, Tracer
from cujax.engine.core.trace import aval_of as get_aval

AbstractValue = ShapedArray

__all__ = [
    "AbstractValue",
    "Atom",
    "ClosedJaxpr",
    "Jaxpr",
    "JaxprEqn",
    "Literal",
    "Primitive",
    "ShapedArray",
    "Trace",
    "Tracer",
    "Var",
    "eval_jaxpr",
    "get_aval",
]


def eval_jaxpr(jaxpr: Jaxpr, consts: Sequence[Any], *args: Any) -> list[Any]:
    """The outputs of `jaxpr` (of `closed.jaxpr`, with `closed.consts`) for `args`, op by op."""
    return run_tape(jaxpr, [*consts, *args])
