"""What a lane does: blocks of statements on nodes of expression.py.

    Block      statements in order; the body of a loop, a branch, or the whole program
    Straight   actions without control flow between them: Set a register, Put an element into memory, Leave the loop
    Repeat     a loop: a known number of steps, or until a Leave
    Switch     one of several blocks
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cujax.engine.compiler.expression import Node, Register, index_elements
from cujax.engine.compiler.index import AxisAtom, Condition, Index, as_index
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.tape import Var

FIRST_COUNTER = 1000  # numbers of iteration axes from here on are those of loops


class Set(NamedTuple):
    """`register` becomes `node`; is_masked: only in lanes that have not left the loop, or have taken the branch."""

    register: Register
    node: Node
    is_masked: bool = False


class Put(NamedTuple):
    """Element `place` of the array `var` becomes `node` where the condition holds; is_masked: as of `Set`.

    The array is one in memory or the lane's own (`Local`).
    """

    var: Var
    place: Index
    node: Node
    is_masked: bool = True
    condition: Condition | bool = True

    def indices(self) -> tuple[Index, ...]:
        return (self.place, *(self.condition.indices if isinstance(self.condition, Condition) else ()))


class Local(Var):
    """An array of a lane's own; two of one name are the same array at different times.  Its aval is that of a lane."""

    __slots__ = ("name",)

    def __init__(self, name: str, aval: ShapedArray) -> None:
        super().__init__(aval)
        self.name = name


class Leave(NamedTuple):
    """The loop ends where `node` is false."""

    node: Node


Action = Set | Put | Leave


class Straight:
    """actions: done in order, but for what they read: that is read before the first of them."""

    __slots__ = ("actions",)

    def __init__(self) -> None:
        self.actions: list[Action] = []


class Block:
    """statements: in order.  outer: the block around it, None for the outermost, whose depth is 0."""

    __slots__ = ("depth", "outer", "statements")

    def __init__(self, outer: Block | None = None) -> None:
        self.outer = outer
        self.depth: int = 0 if outer is None else outer.depth + 1
        self.statements: list[Straight | Repeat | Switch] = []

    def add(self, actions: Sequence[Action]) -> None:
        """A new straight piece."""
        if actions:
            piece = Straight()
            piece.actions.extend(actions)
            self.statements.append(piece)


class Repeat:
    """body: of the loop.  counter: the iteration axis that counts its steps, None where it runs until a Leave.

    start: the number of the first step.
    """

    __slots__ = ("body", "counter", "start")

    def __init__(self, body: Block, counter: AxisAtom | None, start: Index | None = None) -> None:
        self.body, self.counter, self.start = body, counter, start or as_index(0)


class Switch:
    """chosen: the register with the number of the branch, which is within range."""

    __slots__ = ("branches", "chosen")

    def __init__(self, chosen: Register, branches: list[Block]) -> None:
        self.chosen, self.branches = chosen, branches


def roots_of(action: Action) -> list[Node]:
    """The nodes that an action needs."""
    indices = action.indices() if isinstance(action, Put) else ()
    return [action.node, *[e for i in indices for e in index_elements(i)]]
