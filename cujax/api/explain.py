"""`explain`: what the compiler made of a function's loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cujax.api.differentiable import check_callable
from cujax.api.inspect import record_call
from cujax.engine.backends.select import selected
from cujax.engine.compiler.explain import loops_of
from cujax.engine.ground.source import wraps


def explain(fun: Callable) -> Callable[..., str]:
    """A function with the arguments of `fun` that says what becomes of its loops and branches under `jit`.

    For each of them: whether it is one kernel, in which every lane runs from beginning to end, with the number of
    lanes, the registers and arrays of each and the bytes read and written; or, if it runs in steps, which equation on
    which line mixes the lanes, and what to write instead.  For convolutions which of them a GPU's library computes
    together with a bias and what is around it.  Nothing is run; arguments may be `ShapeDtypeStruct`s.

        print(cujax.explain(simulate)(y0, 100.0))
    """
    check_callable("explain", fun)

    @wraps(fun)
    def explain_f(*args: Any, **kwargs: Any) -> str:
        target = selected().kernels
        tape = record_call("explain", fun, args, kwargs).tape
        return loops_of(tape, "cuda" if target is None else target.language)

    return explain_f
