"""`LaneRegion`: a loop or branch that is one kernel, as a step of a plan."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from cujax.engine.compiler.expression import Choice, Evaluator, Operation
from cujax.engine.compiler.fuse import Region
from cujax.engine.compiler.kinds import Producers
from cujax.engine.compiler.lane_program import LaneProgram
from cujax.engine.compiler.lanes import Lanes, Mixed
from cujax.engine.compiler.rolled_lanes import RolledProgram
from cujax.engine.core.tape import Eqn, Var

MOST_UNROLLED = 1000  # operations of a lane that are all written out
MOST_OF_PRODUCTS = 600  # the same where most of them are of products of matrices, which as loops are as fast
MOST_CHOICES = 32  # among variables
_MOST_MADE = 3  # nodes for each operation that may be written out, before the attempt is given up


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
    nodes = program.reachable()
    choices = sum(isinstance(n, Choice) for n in nodes)
    products = sum(isinstance(n, Operation) and n.name == "dot_general" for n in nodes)
    most = min(MOST_UNROLLED, MOST_OF_PRODUCTS) if 2 * products > program.size else MOST_UNROLLED
    return program.size <= most and choices <= MOST_CHOICES


def _program(eqn: Eqn, lanes: Lanes, evaluator: Callable[[], Evaluator]) -> tuple[LaneProgram, Evaluator]:
    """With all values in variables, or with arrays where these are too many; and what evaluates it."""
    kinds = (LaneProgram, RolledProgram) if lanes.may_have_arrays else (LaneProgram,)
    for kind in kinds:
        made = evaluator()
        try:
            program = kind(eqn, lanes, made, inf if kind is kinds[-1] else _MOST_MADE * MOST_UNROLLED)
        except Mixed:
            if kind is kinds[-1]:
                raise
        else:
            if kind is kinds[-1] or _is_short(program):
                break
    return program, made
