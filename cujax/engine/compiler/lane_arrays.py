"""Which values of a tape a lane keeps in arrays of its own, where they are too many for variables.

    kept_in_arrays(tape, elements) -> the variables; `elements(var)` is how many a lane has, 0 where they do not change

Everything else is computed where it is read: chains of elementwise ops share a loop, movers are addresses.  A value is
kept where that would compute it more than once, where it is a sum, or where an op changes a few elements of it.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from cujax.engine.compiler.kinds import (
    ELEMENTWISE,
    LOOPS,
    MOVER,
    OPAQUE,
    PRODUCTS,
    REDUCTION,
    SCATTER,
    SHORT,
    SHORT_LENGTH,
    kind_of,
    reduced_length,
)
from cujax.engine.compiler.lanes import INLINED
from cujax.engine.core.primitive import UpdateMap
from cujax.engine.core.tape import Eqn, Tape, Var

MOST_UNROLLED = 9  # elements of a value that are variables all the same
_PIECES = 2  # that are chosen from where a concatenated value is read; more are copied together
_REPEATING = ("broadcast_in_dim", "gather")  # movers that may read an element several times


def kept_in_arrays(tape: Tape, elements: Callable[[Var], int]) -> set[Var]:
    """See the module's docstring."""
    return _Choice(tape, elements).kept


class _Choice:
    """uses: how often each element of a value is computed, or read, if it is not kept."""

    def __init__(self, tape: Tape, elements: Callable[[Var], int]) -> None:
        self._elements = elements
        self._uses: dict[Var, float] = {}
        self.kept: set[Var] = set()
        for atom in tape.outputs:
            self._use(atom, 1.0)
        for eqn in reversed(tape.eqns):
            self._decide(eqn)

    def _use(self, atom: object, times: float) -> None:
        if isinstance(atom, Var):
            self._uses[atom] = self._uses.get(atom, 0.0) + times

    def _decide(self, eqn: Eqn) -> None:
        if eqn.primitive.name in LOOPS or eqn.primitive.name in INLINED:
            for atom in eqn.inputs:
                self._use(atom, inf)
            return
        times = 0.0
        for var in eqn.outputs:
            uses = self._uses.get(var, 0.0)
            is_kept = uses > 0 and self._elements(var) > 0 and self._is_kept(eqn, var, uses)
            if is_kept:
                self.kept.add(var)
            times = max(times, 1.0 if is_kept else uses)
        for atom in eqn.inputs:
            if isinstance(atom, Var):
                self._use(atom, times * self._reads(eqn, atom))

    def _is_kept(self, eqn: Eqn, var: Var, uses: float) -> bool:
        kind = kind_of(eqn)
        is_large = max(self._elements(v) for v in (var, *eqn.inputs) if isinstance(v, Var)) > MOST_UNROLLED
        if not is_large:
            return False
        if is_update(eqn) or is_joined(eqn):
            return True
        if kind == MOVER:
            return False
        if kind in (REDUCTION, SHORT):
            return uses > 1 or reduced_length(eqn) > SHORT_LENGTH
        if kind in (PRODUCTS, OPAQUE, SCATTER):
            return True
        return self._elements(var) > MOST_UNROLLED and uses > 1

    def _reads(self, eqn: Eqn, atom: Var) -> float:
        """How often each element of an operand is read for one evaluation of the results."""
        of, out = self._elements(atom), max(self._elements(v) for v in eqn.outputs)
        kind = kind_of(eqn)
        if kind == ELEMENTWISE or eqn.primitive.name in _REPEATING:
            return out / of if of else 1.0
        if kind == MOVER and not (is_update(eqn) or is_joined(eqn)):
            return inf if eqn.primitive.name in ("concatenate", "pad") else min(out / of, 1.0) if of else 1.0
        return 1.0 if kind in (MOVER, REDUCTION, SHORT) else inf


def is_update(eqn: Eqn) -> bool:
    """Whether it changes some elements of its first operand."""
    return isinstance(eqn.primitive.update_map, UpdateMap)


def is_joined(eqn: Eqn) -> bool:
    """Whether the result is copied together from its operands."""
    return eqn.primitive.name == "concatenate" and len(eqn.inputs) > _PIECES
