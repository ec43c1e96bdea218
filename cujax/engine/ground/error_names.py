"""Errors name the function that the user called, however deep inside the mistake is found.

Two ways lead there.  What raises an error with a name in its text writes `called_by_user(name)`.  And
`name_errors(module)`, called for the public modules by `cujax/__init__.py`, puts a `naming` function around each of
their functions: an error that leaves it without its name gets the name in front.  What comes out of a function that
the user has given, to `vectorize` for instance, stays as it is.  Functions that `names_itself` has marked are left
alone, since all their errors are of the first kind: those that do nothing but bind an op, and loops and branches.
"""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable
from types import FrameType, FunctionType, ModuleType, TracebackType
from typing import Any

from cujax.engine.ground.source import PACKAGE_DIRECTORY, named

_LIBRARIES = re.compile(r"[/\\](numpy|scipy|opt_einsum|ml_dtypes|cupy|cupyx)[/\\]|[/\\]contextlib\.py$")
# Errors of arguments: not what a program meets as it runs, such as memory that is used up or an array that is deleted.
_MISTAKES = (
    TypeError, ValueError, IndexError, AttributeError, NameError, ArithmeticError, AssertionError, NotImplementedError,
)
_NOT_SAYING = frozenset(("__call__", "function", "bind", "process", "abstract", "method", "wrapped", "rule"))
_NAMES_ITSELF = "names_itself"


def names_itself(function: Callable) -> Callable:
    """`function`, marked as one whose errors name it by themselves."""
    setattr(function, _NAMES_ITSELF, True)
    return function


def name_errors(module: ModuleType, prefix: str = "") -> None:
    """Errors of the public functions of a module name them, with a prefix such as "linalg."."""
    for name, value in list(vars(module).items()):
        if name.startswith("_") or type(value) is not FunctionType or not _is_ours(value):
            continue
        found = _renamed(value, name) if hasattr(value, _NAMES_ITSELF) else naming(value, name, prefix + name)
        if found is not value or value.__name__ not in vars(sys.modules[value.__module__]):
            found.__module__ = module.__name__  # where `pickle` finds it
        setattr(module, name, found)


def naming(function: Callable, name: str, label: str) -> Callable:
    """`function`, whose errors say `label`."""

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            _add_name(error, label, sys._getframe(1))
            raise

    named(wrapped, label)
    wrapped.__name__ = wrapped.__qualname__ = name
    return wrapped


def naming_method(method: Callable) -> Callable:
    """Decorator of a method of functions, such as `reduce` of `add`: its errors say "add.reduce"."""

    @functools.wraps(method)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return method(self, *args, **kwargs)
        except Exception as error:
            _add_name(error, f"{self.__name__}.{method.__name__}", sys._getframe(1))
            raise

    return named(wrapped, method.__name__)


def _add_name(error: Exception, label: str, caller: FrameType) -> None:
    """Puts `label` in front of the text of an error of ours that lacks it, if it is now leaving for the user."""
    args = error.args
    if _is_ours(caller) or not isinstance(error, _MISTAKES) or len(args) != 1 or str(error) != args[0]:
        return
    is_named = re.search(rf"(?<!\w){re.escape(label.rpartition('.')[2])}(?!\w)", args[0])
    if not is_named and _never_left(error.__traceback__):
        error.args = (f"{label}: {args[0]}",)


def _is_ours(place: FrameType | FunctionType) -> bool:
    code = place.f_code if isinstance(place, FrameType) else place.__code__
    return code.co_filename.startswith(PACKAGE_DIRECTORY)


def _never_left(traceback: TracebackType | None) -> bool:
    """Whether the error was raised by this package, or by a library it has called."""
    while traceback is not None:
        if not _is_ours(traceback.tb_frame) and not _LIBRARIES.search(traceback.tb_frame.f_code.co_filename):
            return False
        traceback = traceback.tb_next
    return True


def _renamed(function: FunctionType, name: str) -> Callable:
    """`function`, under the name by which the module offers it."""
    if function.__name__ == name:
        return function
    twin = FunctionType(function.__code__, function.__globals__, name, function.__defaults__, function.__closure__)
    twin.__kwdefaults__ = function.__kwdefaults__
    named(functools.update_wrapper(twin, function), name)
    return twin


def called_by_user(name: str) -> str:
    """The function of the package that the user has called, for an error that says `name`, which may be one inside.

    `name` where that is the same, and where what was called has no name that a user knows.
    """
    frame: FrameType | None = sys._getframe(1)
    names = []
    while frame is not None and _is_ours(frame):
        names.append(frame.f_code.co_name)
        frame = frame.f_back
    found = next((n for n in reversed(names) if n not in _NOT_SAYING), "")
    last = found.rpartition(".")[2]
    is_said = last.startswith("_") or not last.isidentifier() or f".{name}".endswith(f".{last}")
    return name if is_said else found
