"""Whether the lanes of a loop would mostly do the same thing, each for itself.

    repeats_itself(eqn, lanes)      of a loop or branch, on a CPU

A lane computes for itself what is the same in all lanes (lanes.py).  On a GPU that costs nothing, since all lanes do so
at the same time.  On a CPU it may be most of the work: a thermostat is a chain of a hundred numbers that scales the
momenta of all particles.  Then the loop is left to be one of several kernels in each step (nest.py), of which one
computes the numbers, once, and another all lanes.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from cujax.engine.compiler.fuse import PRICES
from cujax.engine.compiler.kinds import cost
from cujax.engine.compiler.lanes import COND, INLINED, LOOPS, WHILE, Lanes, Scope
from cujax.engine.compiler.passes import optimized
from cujax.engine.core.tape import Eqn, Tape

_VECTOR = 8  # lanes that are computed at once
_CALLS = 4  # kernels of a step
_MOSTLY = 3  # times what is a lane's own


@dataclass(frozen=True)
class _Work:
    """Operations: `shared` once for all lanes, `own` in each."""

    shared: float = 0
    own: float = 0

    def __add__(self, other: _Work) -> _Work:
        return _Work(self.shared + other.shared, self.own + other.own)

    def __mul__(self, times: float) -> _Work:
        return _Work(self.shared * times, self.own * times)


def repeats_itself(eqn: Eqn, lanes: Lanes) -> bool:
    """Whether a step is faster as several kernels."""
    price, vectors = PRICES["host"], lanes.number / _VECTOR
    work = _of_step((), eqn, lanes)
    moved = price.traffic * sum(prod(lanes.rest_of((), v)) for v in eqn.outputs if v.aval.size >= lanes.number)
    as_kernels = work.shared + vectors * moved + _CALLS * price.launch
    return work.shared > _MOSTLY * work.own and work.shared * vectors > as_kernels


def _of_step(scope: Scope, eqn: Eqn, lanes: Lanes) -> _Work:
    """Of a step of a loop, of all branches, or of a call."""
    inner, params = (*scope, id(eqn)), eqn.params
    if eqn.primitive.name == WHILE:
        tests = _of_tape((*inner, "cond"), params["cond_tape"], lanes)
        return tests + _of_tape(inner, params["body_tape"], lanes)
    if eqn.primitive.name == COND:
        branches = enumerate(params["branches"])
        return sum((_of_tape((*inner, number), tape, lanes) for number, tape in branches), _Work())
    return _of_tape(inner, params["tape"], lanes)


def _of_tape(scope: Scope, tape: Tape, lanes: Lanes) -> _Work:
    """Of inner loops whose length is known all steps."""
    found = _Work()
    for eqn in optimized(tape).eqns:
        if eqn.primitive.name in LOOPS or eqn.primitive.name in INLINED:
            found += _of_step(scope, eqn, lanes) * eqn.params.get("length", 1)
            continue
        for var in [v for v in eqn.outputs if (scope, v) in lanes.changing]:
            work = cost(eqn) * prod(lanes.rest_of(scope, var))
            is_own = any(axis is not None for axis in lanes.axes_of(scope, var))
            found += _Work(own=work) if is_own else _Work(work)
    return found
