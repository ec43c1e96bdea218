"""`check_tracer_leaks`: does anything still refer to a trace whose function has returned?

A tracer refers to its trace, so a trace that stays alive was let out by a side effect.  While the option is
on every trace is noted, weakly, when it is made; a function that makes traces and is done with them when it
returns is marked `leak_checked` and raises if one of them is still alive.
"""

from __future__ import annotations

import functools
import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from types import CellType, FunctionType
from typing import Any, TypeVar

from cujax.engine.ground.config import config

Function = TypeVar("Function", bound=Callable)


class _Noted(threading.local):
    """The traces that this thread made inside the functions marked `leak_checked` that now run."""

    def __init__(self) -> None:
        self.traces: list[weakref.ref] = []
        self.depth = 0


_noted = _Noted()


def note(trace: Any) -> None:
    """Remember, weakly, that `trace` was made."""
    if config.check_tracer_leaks and _noted.depth:
        _noted.traces.append(weakref.ref(trace))


def leak_checked(function: Function) -> Function:
    """`function`, which under the option raises when a trace made inside it outlives it."""

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        if not config.check_tracer_leaks:
            return function(*args, **kwargs)
        first = len(_noted.traces)
        _noted.depth += 1
        try:
            result = function(*args, **kwargs)
            _raise_if_alive(_noted.traces[first:])
        finally:
            _noted.depth -= 1
            del _noted.traces[first:]
        return result

    return checked  # type: ignore[return-value]


def _raise_if_alive(noted: list[weakref.ref]) -> None:
    if any(ref() is not None for ref in noted):
        gc.collect()  # cycles are no leaks
        traces = [trace for ref in noted if (trace := ref()) is not None]
        if traces:
            raise Exception(_explain(traces))


def _explain(traces: list[Any]) -> str:
    names = ", ".join(type(t).__name__ for t in traces)
    lines = [f"Leaked trace {names}: its function has returned, but its tracers are still held:"]
    for trace in traces:
        tracers = [t for t in gc.get_referrers(trace) if getattr(t, "owner", None) is trace]
        for tracer in tracers:
            made = f", made at {tracer.line()}" if tracer.line() is not None else ""
            lines.extend(f"  {tracer}{made}, held by {holder}" for holder in _holders(tracer, tracers))
    lines.append("Return values from the function instead of storing them in globals, attributes or lists.")
    return "\n".join(lines)


def _holders(tracer: Any, own: list) -> Iterator[str]:
    for referrer in gc.get_referrers(tracer):
        if isinstance(referrer, dict):
            yield from (f"the name or key {key!r}" for key, value in referrer.items() if value is tracer)
        elif isinstance(referrer, (list, tuple, set)) and referrer is not own:
            yield f"a {type(referrer).__name__} of {len(referrer)} elements"
        elif isinstance(referrer, CellType):
            yield from (f"the closure of {function.__qualname__}" for function in _functions_with(referrer))


def _functions_with(cell: CellType) -> list[FunctionType]:
    closures = [r for r in gc.get_referrers(cell) if isinstance(r, tuple)]
    return [f for c in closures for f in gc.get_referrers(c) if isinstance(f, FunctionType) and f.__closure__ is c]
