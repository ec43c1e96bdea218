"""Marks in the timeline of NVIDIA's profilers (NVTX ranges); nothing where there is no GPU."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import ContextDecorator, ExitStack
from typing import Any

from cujax.engine.backends.select import selected
from cujax.left_out import refusing

__all__ = ["StepTraceAnnotation", "TraceAnnotation", "annotate_function"]

__getattr__ = refusing(__name__)


class TraceAnnotation(ContextDecorator):
    """`with TraceAnnotation("name"):` marks what runs inside, on the host and what it launches; also a decorator."""

    def __init__(self, name: str, **kwargs: Any) -> None:
        details = ",".join(f"{key}={value}" for key, value in kwargs.items())
        self.name = f"{name}#{details}#" if details else name
        self._open = ExitStack()

    def _recreate_cm(self) -> TraceAnnotation:
        """For each call of a decorated function: calls may be nested, and several threads may make them."""
        fresh = object.__new__(type(self))
        fresh.name, fresh._open = self.name, ExitStack()
        return fresh

    def __enter__(self) -> TraceAnnotation:
        self._open.enter_context(selected().named_range(self.name))
        return self

    def __exit__(self, *exception: Any) -> None:
        self._open.close()


class StepTraceAnnotation(TraceAnnotation):
    """As `TraceAnnotation`, for a step of a loop: `with StepTraceAnnotation("train", step_num=i):`."""


def annotate_function(func: Callable, name: str | None = None, **decorator_kwargs: Any) -> Callable:
    """`func`, each call of which is marked by `name`, by default that of the function."""
    label = str(name or getattr(func, "__qualname__", "function"))

    @functools.wraps(func)
    def marked(*args: Any, **kwargs: Any) -> Any:
        with TraceAnnotation(label, **decorator_kwargs):
            return func(*args, **kwargs)

    return marked
