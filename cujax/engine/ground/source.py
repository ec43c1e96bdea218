"""Where in the user's program something happened.

`SourceLine` is the pair (code object, line number) of the innermost frame that does not belong to
cujax.  Taking one costs about a microsecond, because only frames are walked and no text is read; the
text is made when a tape is printed or an error is raised.  Start at `user_line`.
"""

from __future__ import annotations

import functools
import os
import sys
import warnings
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any, NamedTuple

PACKAGE_DIRECTORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + os.sep
_LIBRARY_DIRECTORIES = (PACKAGE_DIRECTORY, os.path.dirname(os.__file__) + os.sep + "contextlib.py")

_is_library_code: dict[CodeType, bool] = {}


class SourceLine(NamedTuple):
    """One line of the user's program."""

    code: CodeType
    line: int

    def __str__(self) -> str:
        return f"{self.code.co_filename}:{self.line} ({self.code.co_name})"

    @property
    def short(self) -> str:
        return f"{os.path.basename(self.code.co_filename)}:{self.line}"


def user_line() -> SourceLine | None:
    """The innermost line outside cujax, or None when every frame is cujax's own."""
    frame = _user_frame(sys._getframe(1))
    return None if frame is None else SourceLine(frame.f_code, frame.f_lineno)


def _user_frame(frame: FrameType | None) -> FrameType | None:
    while frame is not None:
        code = frame.f_code
        library = _is_library_code.get(code)
        if library is None:
            library = _is_library_code[code] = code.co_filename.startswith(_LIBRARY_DIRECTORIES)
        if not library:
            return frame
        frame = frame.f_back
    return None


def warn_user(text: str, category: type[Warning] = UserWarning) -> None:
    """A warning that points at the innermost line outside cujax, however deep it is raised."""
    frame = _user_frame(sys._getframe(1)) or sys._getframe(1)
    registry = frame.f_globals.setdefault("__warningregistry__", {})
    warnings.warn_explicit(
        text, category, frame.f_code.co_filename, frame.f_lineno,
        module=frame.f_globals.get("__name__", ""), registry=registry,
    )


def named(function: Any, name: str) -> Any:
    """`function` with the name that users see, also where a traceback shows it."""
    function.__name__ = function.__qualname__ = name
    function.__code__ = function.__code__.replace(co_name=name)
    return function


def wraps(fun: Callable) -> Callable:
    """As `functools.wraps`, for callables too whose `__name__` and the like are no text."""
    given = [a for a, kind in _KINDS.items() if isinstance(getattr(fun, a, None), kind)]
    return functools.wraps(fun, assigned=given)


_KINDS = {"__module__": str, "__name__": str, "__qualname__": str, "__doc__": str, "__annotations__": dict}


def function_name(fun: object) -> str:
    """The name a user knows `fun` by; a `functools.partial` is named after what it wraps."""
    inner = getattr(fun, "func", None)
    own_name = getattr(fun, "__name__", None)
    if isinstance(own_name, str) and own_name:
        return own_name
    return function_name(inner) if inner is not None else type(fun).__name__


def describe_function(fun: object) -> str:
    """`name at file:line`, for error texts."""
    inner = fun
    while not hasattr(inner, "__code__") and (hasattr(inner, "func") or hasattr(inner, "__wrapped__")):
        inner = getattr(inner, "func", None) or inner.__wrapped__  # type: ignore[attr-defined]
    code = getattr(inner, "__code__", None)
    place = f" at {code.co_filename}:{code.co_firstlineno}" if code is not None else ""
    return function_name(fun) + place
