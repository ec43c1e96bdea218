"""How values of a lane are read: from its registers, or computed where they are needed.

    Held             the registers of a value, one for each of its elements in a lane
    TapeEvaluator    nodes of a tape, from how its inputs, and results of its loops, are read
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from math import inf
from typing import Any, NamedTuple

from cujax.engine.compiler.expression import Choice, Evaluator, Node, Place, Register, reader
from cujax.engine.compiler.index import Index, as_index, flatten, holds
from cujax.engine.compiler.kinds import OPAQUE, REDUCTION, SCATTER, SHORT, Producers, reduced_length
from cujax.engine.compiler.lane_blocks import Action, Block, Set
from cujax.engine.compiler.lanes import Mixed
from cujax.engine.core.tape import Eqn, Literal, Tape, Var

LONGEST_REDUCTION = 128  # elements that are written out one after the other
LONGEST_CHOICE = 64  # registers that a computed place chooses from

Reader = Callable[[Place], Node]  # the node of an element of a value


class Held(NamedTuple):
    """The registers of a value of `shape`: one for each place along the axes that are no lanes."""

    shape: tuple[int, ...]
    axes: tuple[int | None, ...]
    registers: dict[tuple[int, ...], Register]
    nodes: dict

    def read(self, index: Place) -> Node:
        """The register at `index`, or a choice of those that a computed index may mean.

        An index outside is that of an alternative which is not taken; any register stands for its element.
        """
        rest = [(i, d) for i, d, a in zip(index, self.shape, self.axes, strict=True) if a is None]
        if not any(i.terms for i, _ in rest):
            return self.registers[tuple([min(max(int(i.constant), 0), d - 1) for i, d in rest])]
        return self._choice(flatten([i for i, _ in rest], [d for _, d in rest]))

    @property
    def rest(self) -> tuple[int, ...]:
        """The extents of what remains of it in a lane."""
        return tuple([d for d, a in zip(self.shape, self.axes, strict=True) if a is None])

    def put(self, place: Place, node: Node, is_masked: bool = False) -> Action:
        """The action that changes an element at a known place."""
        return Set(self.registers[tuple([int(as_index(i).constant) for i in place])], node, is_masked)

    def live_in(self, block: Block, program: Any) -> None:
        program.homes.update(dict.fromkeys(self.registers.values(), block))

    def afterwards(self) -> Held:
        return self._replace(registers={p: Register(r.name, r.dtype) for p, r in self.registers.items()})

    def _choice(self, index: Index) -> Node:
        registers = list(self.registers.values())
        last = len(registers) - 1
        low, high = (int(min(max(end, 0), last)) for end in (index.low, index.high))
        if high - low >= LONGEST_CHOICE:
            raise Mixed(f"a computed place chooses from {high - low + 1} values of a lane")
        found: Node = registers[low]
        for k in range(low + 1, high + 1):
            key = (Choice, holds((index - k,)), registers[k], found)
            found = self.nodes.get(key) or self.nodes.setdefault(key, Choice(*key[1:]))
        return found


class TapeEvaluator(Evaluator):
    """Nodes of one tape; `bound` says how inputs, and results of loops, are read.  Mixed with more than `most`."""

    def __init__(self, tape: Tape, bound: dict[Any, Reader], nodes: dict, most: float = inf) -> None:
        super().__init__(_LaneProducers(tape), lambda v: True, {})
        self.bound, self._most = bound, most
        self._nodes = nodes

    def _known(self, atom: Any, index: Place) -> Node | None:
        read = self.bound.get(atom)
        return super()._known(atom, index) if read is None else read(index)

    def _compute(self, var: Any, index: Place) -> Node:
        eqn = self._producers[var]
        if len(self._nodes) > self._most:
            raise Mixed(f"it takes more than {self._most} operations to write out what a lane does", eqn)
        lane_map = eqn.primitive.lane_map
        if lane_map is None or self._producers.kind(eqn) not in (OPAQUE, SCATTER):
            return super()._compute(var, index)
        avals = [a.aval for a in eqn.inputs]
        if (reason := lane_map.refusal(*avals, **eqn.params)) is not None:
            raise Mixed(f"{eqn.primitive.name} {reason}", eqn)
        e = reader(self, eqn)
        which = {"output": eqn.outputs.index(var)} if eqn.primitive.multiple else {}
        found = lane_map.element(e, index, *avals, **eqn.params, **which)
        return e.node(found, var.aval.dtype)


class _LaneProducers(Producers):
    """In a lane every reduction is short."""

    def kind(self, eqn: Eqn) -> str:
        kind = super().kind(eqn)
        if kind not in (REDUCTION, SHORT):
            return kind
        if not 0 < reduced_length(eqn) <= LONGEST_REDUCTION:
            raise Mixed(f"{eqn.primitive.name} combines {reduced_length(eqn)} elements in each lane", eqn)
        return SHORT


def rest_places(shape: Sequence[int], axes: Sequence[int | None]) -> list[tuple[int, ...]]:
    """The places along the axes that are no lanes."""
    return list(product(*[range(d) for d, a in zip(shape, axes, strict=True) if a is None]))


def tape_reader(evaluator: Evaluator, atom: Var | Literal) -> Reader:
    """How a value of the evaluator's tape is read."""
    return lambda place: evaluator.element(atom, place)
