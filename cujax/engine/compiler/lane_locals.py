"""Arrays of a lane's own: where the elements of a large value are kept, and how they are read and changed."""

from __future__ import annotations

from typing import Any, NamedTuple

from cujax.engine.compiler.expression import Load, Node, Place, Register
from cujax.engine.compiler.index import Condition, Index, as_index, choose, flatten
from cujax.engine.compiler.lane_blocks import Action, Block, Local, Put
from cujax.engine.compiler.lane_registers import Reader, TapeEvaluator


class _Element(Load):
    """An element of a lane's own array.  asked: the place before it was brought inside the array."""

    __slots__ = ("asked",)

    def __init__(self, local: Local, place: Index) -> None:
        super().__init__(local, _within(place, local.aval.size), local.aval.dtype)
        self.asked = place


class HeldArray(NamedTuple):
    """The array `local` with the elements of a value in a lane; `axes`: which of the value's axes are lanes."""

    axes: tuple[int | None, ...]
    local: Local
    nodes: dict

    @property
    def rest(self) -> tuple[int, ...]:
        return self.local.aval.shape

    def read(self, index: Place) -> Node:
        """An index outside is that of an alternative which is not taken; any element stands for it."""
        return self.at(flatten([i for i, a in zip(index, self.axes, strict=True) if a is None], self.rest))

    def at(self, place: Index) -> Node:
        key = (_Element, self.local, place)
        return self.nodes.get(key) or self.nodes.setdefault(key, _Element(self.local, place))

    def put(
        self, place: Place, node: Node, is_masked: bool = False, condition: Condition | bool = True
    ) -> Action:
        return Put(self.local, flatten([as_index(i) for i in place], self.rest), node, is_masked, condition)

    def live_in(self, block: Block, program: Any) -> None:
        program.arrays[self.local] = block

    def afterwards(self) -> HeldArray:
        return self._replace(local=Local(self.local.name, self.local.aval))


def is_there(value: HeldArray, read: Reader) -> bool:
    """Whether it reads the very array of the value: it has been changed in place, or not at all."""
    held = getattr(read, "__self__", None)
    return isinstance(held, HeldArray) and held.local.name == value.local.name


def _within(index: Index, extent: int) -> Index:
    """The index, or the nearest place inside."""
    if index.low >= 0 and index.high < extent:
        return index
    return choose(index < 0, 0, choose(index >= extent, extent - 1, index)).bounded(0, extent - 1)


def name_of(node: Node) -> str | None:
    """Of the variable or the lane's array that it reads."""
    if isinstance(node, Load) and isinstance(node.source, Local):
        return node.source.name
    return node.name if isinstance(node, Register) else None


def is_same_element(node: Load, own: Node) -> bool:
    assert isinstance(own, Load)
    return name_of(node) == name_of(own) and node.place == own.place


class RolledEvaluator(TapeEvaluator):
    """Where a condition decides between two elements of an array, it decides where to read."""

    def choice(self, condition: Condition, if_true: Node, if_false: Node) -> Node:
        if isinstance(if_true, _Element) and isinstance(if_false, _Element) and if_true.source is if_false.source:
            return self._intern(_Element, if_true.source, choose(condition, if_true.asked, if_false.asked))
        return super().choice(condition, if_true, if_false)
