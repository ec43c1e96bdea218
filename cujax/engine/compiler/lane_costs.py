"""Whether a step of a loop takes less time as several kernels than as lanes.

    why_kernels(eqn, lanes, language) -> the reason, of a loop or branch; "" where lanes are the better choice
    Slower                               the loop is no lane program for such a reason

A lane does its work alone, one operation after another, and computes for itself what is the same in all lanes.  In
kernels all elements of a value are computed at the same time, and what is the same for all once, but each kernel has
to be called.  So it is kernels

    on a CPU where the lanes are too few for its vectors and each has much to do: two rods of a thousand points
    on a CPU where most of a step is the same for all: a thermostat is a chain of a hundred numbers that scales the
        momenta of all particles
    on a GPU where a lane takes much longer than the launches: a product with a matrix of a thousand rows

On a CPU the kernels of a step are called by compiled code (nest.py).
"""

from __future__ import annotations

from math import ceil, prod
from typing import NamedTuple

from cujax.engine.compiler.fuse import PRICES
from cujax.engine.compiler.kinds import COND, LOOPS, OPAQUE, WHILE, cost, kind_of
from cujax.engine.compiler.lane_arrays import kept_in_arrays
from cujax.engine.compiler.lane_region import MOST_UNROLLED
from cujax.engine.compiler.lanes import INLINED, Lanes, Mixed, Scope
from cujax.engine.compiler.passes import optimized
from cujax.engine.compiler.small_matrices import is_computed
from cujax.engine.core.tape import Eqn, Tape, Var

_STEPS = 10  # of an inner loop whose length nobody knows

# On a CPU, in operations on a vector, of 0.4 ns.
_VECTOR = 8  # floats
_SIDE_BY_SIDE = 16  # lanes of a thread, which take as long if they are fewer,
_OF_FEW = 2  # and twice as long with arrays, over whose lanes loops are then of no known length
_CALL = 250  # of a kernel by compiled code
_HOST_LIBRARY = 50  # calls
_NEAR, _MOST_NEAR = 2, 1 << 16  # what writing and reading an element takes in the nearest caches; elements there
_FUSED, _BY_LIBRARY = 2.0, 0.5  # what an operation takes in a kernel, and one of a product of matrices

_CLEARLY = 1.25  # times as long: one kernel needs no memory for what its steps hand on

# On a GPU, in operations of a thread on arrays of its own, of 2.5 ns; what fits registers is never as much as a launch.
_LAUNCH = 2000
_CUDA_LIBRARY = 10  # launches


class _Work(NamedTuple):
    """Of a step.

    alone: operations of a lane, of which `own` are on what no other lane has as well.
    together: operations on vectors, if those of all lanes are done at the same time and none twice; `products` of them
        are of matrices.
    moved: elements that kernels would write.  kernels and libraries: how many of these are called.
    """

    alone: float = 0
    own: float = 0
    together: float = 0
    products: float = 0
    moved: float = 0
    kernels: float = 0
    libraries: float = 0

    def plus(self, other: _Work) -> _Work:
        return _Work(*[a + b for a, b in zip(self, other, strict=True)])

    def times(self, steps: float) -> _Work:
        return _Work(*[a * steps for a in self])


class Slower(Mixed):
    """A loop could be lanes, which would take longer."""


def why_kernels(eqn: Eqn, lanes: Lanes, language: str) -> str:
    """See the module's docstring."""
    work = _Walk(lanes, language).of_step((), eqn)
    if language == "cuda":
        launches = work.kernels + _CUDA_LIBRARY * work.libraries
        is_long = work.alone > _LAUNCH * launches
        return f"a step of a lane is {work.alone:.0f} operations, one after the other" if is_long else ""
    whole, rest = divmod(lanes.number, _SIDE_BY_SIDE)
    of_rest = _OF_FEW if work.alone > MOST_UNROLLED else 1
    groups = (whole + (of_rest if rest else 0)) * _SIDE_BY_SIDE / _VECTOR
    operations = _FUSED * (work.together - work.products) + _BY_LIBRARY * work.products
    traffic = (_NEAR if work.moved <= _MOST_NEAR else PRICES["host"].traffic) * work.moved / _VECTOR
    calls = _CALL * (work.kernels + _HOST_LIBRARY * work.libraries)
    if lanes.number == 1 or work.alone * groups <= _CLEARLY * (operations + traffic + calls):
        return ""
    if work.alone > 2 * work.own:
        return "most of a step is the same for all lanes, and done once"
    return f"{lanes.number} lanes do not fill the vectors of a CPU, and kernels over all elements do"


class _Walk:
    """Adds up what the equations of a step take."""

    def __init__(self, lanes: Lanes, language: str) -> None:
        self.lanes, self.language = lanes, language

    def of_step(self, scope: Scope, eqn: Eqn) -> _Work:
        """Of a step of a loop, of all branches, or of a call."""
        inner, params = (*scope, id(eqn)), eqn.params
        if eqn.primitive.name == WHILE:
            tests = self._of_tape((*inner, "cond"), params["cond_tape"], params["cond_consts"])
            return tests.plus(self._of_tape(inner, params["body_tape"], params["body_consts"]))
        if eqn.primitive.name == COND:
            found = _Work()
            for number, tape in enumerate(params["branches"]):
                found = found.plus(self._of_tape((*inner, number), tape, len(tape.inputs)))
            return found
        return self._of_tape(inner, params["tape"], params.get("num_consts", len(eqn.inputs)))

    def _of_tape(self, scope: Scope, tape: Tape, consts: int) -> _Work:
        """Of inner loops all steps.  consts: inputs that are the same in each step."""
        tape = optimized(tape)
        varying = set(tape.inputs[consts:])
        for eqn in tape.eqns:
            if not varying.isdisjoint(eqn.inputs):
                varying.update(eqn.outputs)

        def elements(var: Var) -> int:
            """In a lane; of what is made of a loop's xs alone it may be any."""
            if (scope, var) in self.lanes.changing:
                return prod(self.lanes.rest_of(scope, var))
            return ceil(var.aval.size / self.lanes.number) if var in varying else 0

        kept = kept_in_arrays(tape, lambda v: v.aval.size if elements(v) else 0)  # as kernels would write them, or more
        found = _Work(kernels=max(len(kept), 1), moved=sum(v.aval.size for v in kept))
        for eqn in tape.eqns:
            name = eqn.primitive.name
            if name in LOOPS or name in INLINED:
                steps = _STEPS if name == WHILE else eqn.params.get("length", 1)
                found = found.plus(self.of_step(scope, eqn).times(steps))
                continue
            largest = max(eqn.outputs, key=elements)
            if elements(largest):
                found = found.plus(self._of_equation(eqn, largest, elements(largest)))
        return found

    def _of_equation(self, eqn: Eqn, result: Var, elements: int) -> _Work:
        """result: the largest, of which a lane has so many elements."""
        of_one, is_of_library = _of_element(eqn), self._is_of_library(eqn)
        alone, together = of_one * elements, of_one * ceil(result.aval.size / _VECTOR)
        return _Work(
            alone=alone,
            own=alone if result.aval.size >= self.lanes.number else 0,
            together=together,
            products=together if is_of_library and _is_product(eqn) else 0,
            libraries=is_of_library,
        )

    def _is_of_library(self, eqn: Eqn) -> bool:
        """Whether it is a call of one where the loop is kernels."""
        if kind_of(eqn) != OPAQUE or is_computed(eqn, self.language):
            return False
        parts = eqn.primitive.parts
        avals = [a.aval for a in eqn.inputs]
        return parts is None or parts(*avals, language=self.language, **eqn.params) is None


def _is_product(eqn: Eqn) -> bool:
    """Whether it is a product of two matrices, not of a stack of small ones."""
    return eqn.primitive.name == "dot_general" and not eqn.params["dimension_numbers"][1][0]


def _of_element(eqn: Eqn) -> int:
    """Operations of one element of a result."""
    lane_map = eqn.primitive.lane_map
    if kind_of(eqn) != OPAQUE or lane_map is None:
        return cost(eqn)
    if lane_map.sum is not None:
        return 2 * lane_map.sum.length(*[a.aval for a in eqn.inputs], **eqn.params)
    return eqn.inputs[0].aval.shape[-1]  # of a row, or of a matrix that has as many
