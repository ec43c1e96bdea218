"""The types behind traced functions, for programs that test for them or walk a jaxpr.

A jaxpr is what `make_jaxpr` returns: a `ClosedJaxpr` with its constants, around a `Jaxpr` with `invars`,
`eqns` and `outvars`; each equation has `primitive`, `invars`, `outvars` and `params`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeAlias

from cujax.api.devices import ensure_compile_time_eval
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
ParamDict: TypeAlias = dict[str, Any]
Value: TypeAlias = Any

__all__ = [
    "AbstractValue",
    "Atom",
    "ClosedJaxpr",
    "Jaxpr",
    "JaxprEqn",
    "Literal",
    "ParamDict",
    "Primitive",
    "ShapedArray",
    "Trace",
    "Tracer",
    "Value",
    "Var",
    "ensure_compile_time_eval",
    "eval_context",
    "eval_jaxpr",
    "get_aval",
    "max_dim",
    "min_dim",
]


def eval_context() -> AbstractContextManager[None]:
    """As `ensure_compile_time_eval`: inside the `with` block ops on known values run at once."""
    return ensure_compile_time_eval()


def max_dim(d1: int, d2: int) -> int:
    """The greater of two lengths of axes, which are numbers here."""
    return max(d1, d2)


def min_dim(d1: int, d2: int) -> int:
    """The smaller of two lengths of axes, which are numbers here."""
    return min(d1, d2)


def eval_jaxpr(jaxpr: Jaxpr, consts: Sequence[Any], *args: Any) -> list[Any]:
    """The outputs of `jaxpr` (of `closed.jaxpr`, with `closed.consts`) for `args`, op by op."""
    return run_tape(jaxpr, [*consts, *args])
