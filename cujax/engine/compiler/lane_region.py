"""`LaneRegion`: a loop or branch that is one kernel, as a step of a plan."""

from __future__ import annotations

from collections.abc import Callable

from cujax.engine.compiler.expression import Choice, Evaluator
from cujax.engine.compiler.fuse import Region
from cujax.engine.compiler.kinds import Producers
from cujax.engine.compiler.lane_program import LaneProgram
from cujax.engine.compiler.lanes import Lanes, Mixed
from cujax.engine.compiler.rolled_lanes import RolledProgram
from cujax.engine.core.tape import Eqn, Var

MOST_UNROLLED = 1000  # operations of a lane that are all written out
MOST_CHOICES = 32  # among variables


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
        self.program, self.evaluator = _program(
            eqn, lanes, lambda: Evaluator(producers, inside.__contains__, {})
        )
        self.full += self.program.stacks
        self.reads, self.size = dict(self.evaluator.reads), self.program.size

    @property
    def writes(self) -> list[Var]:
        return [v for v in self.full if v not in self.hidden or v in self.program.stacks]


def _is_short(program: LaneProgram) -> bool:
    """Whether variables are the better choice.

    A computed place is one access to an array, and a choice among all variables that it may mean.  Else arrays are
    slower, for their elements go through memory (an ensemble of Lorenz-96 with 32 variables took twice as long), and
    compile in a fraction of the time, which is what decides where there is much to write out.
    """
    choices = sum(isinstance(n, Choice) for n in program.reachable())
    return program.size <= MOST_UNROLLED and choices <= MOST_CHOICES


def _program(eqn: Eqn, lanes: Lanes, evaluator: Callable[[], Evaluator]) -> tuple[LaneProgram, Evaluator]:
    """With all values in variables, or with arrays where these are too many; and what evaluates it."""
    kinds = (LaneProgram, RolledProgram) if lanes.number > 1 else (LaneProgram,)
    for kind in kinds:
        made = evaluator()
        try:
            program = kind(eqn, lanes, made)
        except Mixed:
            if kind is kinds[-1]:
                raise
        else:
            if kind is kinds[-1] or _is_short(program):
                break
    return program, made
