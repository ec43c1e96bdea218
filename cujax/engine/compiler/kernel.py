"""`Kernel`: one generated function, its text and what a call of it needs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from cujax.engine.backends.api import KernelCall
from cujax.engine.core.tape import Literal, Var


class Kernel(NamedTuple):
    """`text` is the definition in the language of the target; `reads` and `writes` are its buffer arguments.

    calls: one, or several that leave to each other what is in `scratch` bytes of memory, the last buffer argument of
    all of them.  in_place: results that take the buffer of an operand, and that operand.
    target: of an update that is not in place, what its one result, a copy of it, is before.  bytes_moved: as of
    traffic.py.
    """

    calls: tuple[KernelCall, ...]
    text: str
    reads: tuple[Var | Literal, ...]
    writes: tuple[Var, ...]
    scratch: int = 0
    target: Var | Literal | None = None
    in_place: Mapping[Var, Var] = MappingProxyType({})
    bytes_moved: int = 0

    @property
    def is_empty(self) -> bool:
        """There is nothing to compute."""
        return all(c.work == 0 for c in self.calls)

    @property
    def needs(self) -> list[Var | Literal]:
        """What is read, also what is overwritten or copied."""
        return [*self.reads, *self.in_place.values(), *([] if self.target is None else [self.target])]


def without_comments(text: str) -> str:
    """The text as it is compiled: lines of the user's program that move do not compile it again."""
    return re.sub(r" *//[^\n]*", "", text)
