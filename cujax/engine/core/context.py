"""The state of the running thread: its current trace and the named axes around it.

There is one current trace per thread.  A transformation makes a trace current while it runs the user's
function (`using_trace`), so dispatch follows the context and never the data.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Context(threading.local):
    """`trace`: where `Primitive.bind` goes.  `axis_sizes`: named axes in scope, innermost last.

    `line`: the user's line whose equation is being transformed; None while the user's own code runs.
    """

    eval_trace: Any = None  # the bottom trace, set once by core/trace.py for every thread

    def __init__(self) -> None:
        self.trace = Context.eval_trace
        self.axis_sizes: tuple[tuple[Any, int], ...] = ()
        self.line: Any = None


context = Context()


@contextmanager
def using_trace(trace: Any) -> Iterator[None]:
    """Make `trace` current."""
    previous = context.trace
    context.trace = trace
    try:
        yield
    finally:
        context.trace = previous


@contextmanager
def named_axis(name: Any, size: int) -> Iterator[None]:
    """Bring a named axis of a `vmap` into scope; a None name binds nothing."""
    previous = context.axis_sizes
    if name is not None:
        context.axis_sizes = (*previous, (name, size))
    try:
        yield
    finally:
        context.axis_sizes = previous


def axis_size(name: Any) -> int:
    """Length of the innermost axis called `name`; NameError when there is none."""
    for known, size in reversed(context.axis_sizes):
        if known == name:
            return size
    known_names = [n for n, _ in context.axis_sizes]
    raise NameError(
        f"unbound axis name: {name!r}. Axis names in scope: {known_names}; give it to vmap as axis_name"
    )
