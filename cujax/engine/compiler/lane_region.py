"""`LaneRegion`: a loop or branch that is one kernel, as a step of a plan."""

from __future__ import annotations

from cujax.engine.compiler.expression import Evaluator
from cujax.engine.compiler.fuse import Region
from cujax.engine.compiler.kinds import Producers
from cujax.engine.compiler.lane_program import LaneProgram
from cujax.engine.compiler.lanes import Lanes
from cujax.engine.core.tape import Eqn, Var


class LaneRegion(Region):
    """Over the lanes of `eqn`: each thread runs one from beginning to end.

    What it writes are the results and, for itself alone, what its inner loops stack.
    """

    __slots__ = ("eqn", "lanes", "program")

    def __init__(self, producers: Producers, inside: set[Var], eqn: Eqn, lanes: Lanes) -> None:
        self.eqn, self.lanes, self.producers = eqn, lanes, producers
        self.shape, self.axes = lanes.extents, None
        self.full, self.kept, self.hidden = list(eqn.outputs), [], set()
        self.in_place, self.reductions, self.apart = {}, {}, frozenset()
        self.evaluator = Evaluator(producers, inside.__contains__, {})
        self.program = LaneProgram(eqn, lanes, self.evaluator)
        self.full += self.program.stacks
        self.reads, self.size = dict(self.evaluator.reads), self.program.size

    @property
    def writes(self) -> list[Var]:
        return [v for v in self.full if v not in self.hidden or v in self.program.stacks]
