"""What happens when memory runs out: everything unused is given back, one more try, and a useful error.

Start at `run_with_less`.  NumPy and CuPy both raise kinds of MemoryError, which say how much was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from cujax.engine.backends.api import Backend
from cujax.engine.ground.errors import OutOfMemoryError

_SHOWN = 5
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")

Result = TypeVar("Result")
Held = Callable[[], Iterable[tuple[str, int]]]


def run_with_less(call: Callable[[], Result], backend: Backend, program: str, held: Held) -> Result:
    """`call()`, which has just failed with a MemoryError, after all unused memory has been given back.

    The call must be one that can be repeated: memory is asked for before anything is overwritten.  Do this outside
    of the `except` block, whose traceback keeps the buffers of the failed try alive.  `held()` gives a description
    and the bytes of each buffer in use.  OutOfMemoryError when memory does not suffice this time either.
    """
    backend.release_memory()
    try:
        return call()
    except MemoryError as error:
        raise OutOfMemoryError(explain(error, backend, program, held())) from error


def explain(error: MemoryError, backend: Backend, program: str, held: Iterable[tuple[str, int]]) -> str:
    """Which program asked for how much, how much there is, and what the largest buffers are."""
    asked = requested_bytes(error)
    amount = f"{size_text(asked)} ({asked:,} bytes)" if asked is not None else "more memory"
    state = backend.describe_memory()
    largest = sorted(held, key=lambda pair: -pair[1])[:_SHOWN]
    text = f"RESOURCE_EXHAUSTED: Out of memory: {program} asked for {amount}"
    text += f"; {state}." if state else "."
    if largest:
        text += "\nThe largest buffers that it holds:\n"
        text += "\n".join(f"  {size_text(size):>10}  {what}" for what, size in largest)
    return text


def requested_bytes(error: Any) -> int | None:
    """How many bytes were asked for, as CuPy's or NumPy's error knows; None for others."""
    for name in ("_size", "_total_size"):
        size = getattr(error, name, None)
        if size is not None:
            return int(size)
    return None


def size_text(size: float) -> str:
    """A number of bytes in the unit that suits it: 1536 is 1.5 KiB."""
    for unit in _UNITS:
        if size < 1024 or unit == _UNITS[-1]:
            break
        size /= 1024
    return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
