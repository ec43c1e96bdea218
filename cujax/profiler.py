"""Marks in the timeline of NVIDIA's profilers (NVTX ranges; nothing where there is no GPU), and Python's profile.

What a GPU does is recorded by nsys, which shows the marks; `trace` records what the host does around it.
"""

from __future__ import annotations

import cProfile
import functools
import os
from collections.abc import Callable, Iterator
from contextlib import ContextDecorator, ExitStack, contextmanager
from pathlib import Path
from typing import Any

from cujax.engine.backends.select import selected
from cujax.left_out import refusing

__all__ = ["StepTraceAnnotation", "TraceAnnotation", "annotate_function", "start_trace", "stop_trace", "trace"]

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


# --- the host's profile -----------------------------------------------------------------------------------------------

_running: list[tuple[Path, cProfile.Profile]] = []  # one or none


def start_trace(
    log_dir: os.PathLike | str, create_perfetto_link: bool = False, create_perfetto_trace: bool = False,
    profiler_options: Any = None,
) -> None:
    """Begins to record how long this thread is in which Python function; `stop_trace` writes that to log_dir.

    The other arguments are those of JAX's profiler and change nothing.  RuntimeError while another trace is recorded.
    """
    if _running:
        raise RuntimeError(f"start_trace: a trace for {_running[0][0]} is being recorded; call stop_trace() first")
    _running.append((Path(log_dir), cProfile.Profile()))
    _running[0][1].enable()


def stop_trace() -> None:
    """Ends what `start_trace` has begun: `python -m pstats LOG_DIR/cujax-PID.prof` reads it.

    RuntimeError where no trace is being recorded.
    """
    if not _running:
        raise RuntimeError("stop_trace: no trace is being recorded; call start_trace(log_dir) first")
    folder, profile = _running.pop()
    profile.disable()
    folder.mkdir(parents=True, exist_ok=True)
    profile.dump_stats(folder / f"cujax-{os.getpid()}.prof")


@contextmanager
def trace(
    log_dir: os.PathLike | str, create_perfetto_link: bool = False, create_perfetto_trace: bool = False,
    profiler_options: Any = None,
) -> Iterator[None]:
    """`start_trace` before the block of a `with`, and `stop_trace` after it."""
    start_trace(log_dir)
    try:
        yield
    finally:
        stop_trace()
