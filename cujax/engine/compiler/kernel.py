"""`Kernel`: one generated function, its text and what a call of it needs."""

from __future__ import annotations

import re
from typing import NamedTuple

from cujax.engine.backends.api import KernelCall
from cujax.engine.core.tape import Literal, Var


class Kernel(NamedTuple):
    """`text` is the definition in the language of the target; `reads` and `writes` are its buffer arguments."""

    call: KernelCall
    text: str
    reads: tuple[Var | Literal, ...]
    writes: tuple[Var, ...]


def without_comments(text: str) -> str:
    """The text as it is compiled: lines of the user's program that move do not compile it again."""
    return re.sub(r" *//[^\n]*", "", text)
