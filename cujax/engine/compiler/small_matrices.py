"""Factorizations and solutions of small matrices, gathered into kernels.

    gather_stacks(tape, language) -> tape, the equations that stand for kernels
    is_computed(eqn, language)       whether an equation becomes part of one

A library is called for each matrix of a stack, or for all of one size, and leaves its factors in memory for the next
call.  A lane program (lanes.py) has a matrix in registers, or from 7 rows on in an array, and goes from the factors to
the solution at once.  So the ops that a lane can compute, and that feed each other, become one equation that holds
them: a call whose `tape` is computed where its results are needed, as that of a checkpoint in a loop.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import prod

from cujax.engine.compiler.kinds import is_by_loops
from cujax.engine.core.primitive import REGISTRY
from cujax.engine.core.tape import Atom, Eqn, Tape, Var

_OPS = frozenset((
    "lu", "lu_factors", "linear_solve", "det", "slogdet", "cofactors", "triangular_solve", "cholesky",
    "tridiagonal_solve", "qr",
))
_OF_BANDS = ("tridiagonal_solve",)  # operands are stacks of vectors
_LONGEST_BAND = 8  # more rows are as fast through the kernel that is there for any number (ops/tridiagonal.py)
_DTYPES = ("float32", "float64")
_CALL = "checkpoint"  # declared above this floor
# Up to 4 rows one matrix alone is worth it: on a CPU of 2 cores a solution of 3 x 3 took 36 us through LAPACK and 7 as
# a kernel, a QR 20 and 2, and 0.1 s to be compiled.  With 5 and 6 rows, written out too, that takes a second.
_LARGE, _LEAST_OF_LARGE = 5, 16
# Loops over arrays compile as fast for any number of rows: one system of 12 takes 10 us instead of 40, 64 of 32 rows
# 0.3 ms instead of 1.4.  With so many rows only systems gain, and only of few right-hand sides, since a lane has one
# and factorizes for itself.  A GPU's thread is slow in long loops.
_MOST_ROWS, _MOST_ROWS_OF_SYSTEMS, _FEW_COLUMNS = {"host": 20, "cuda": 16}, {"host": 32, "cuda": 16}, 8


def gather_stacks(tape: Tape, language: str) -> tuple[Tape, list[Eqn]]:
    """`tape` with the ops on stacks of small matrices in equations of their own, and these equations."""
    computed = {e for e in tape.eqns if is_computed(e, language)}
    if not computed:
        return tape, []
    groups = _groups(tape, computed)
    ends = {group[-1]: group for group in groups}
    members = {e for group in groups for e in group}
    eqns, stacks = [], []
    for eqn in tape.eqns:
        if eqn in ends:
            stacks.append(_call(ends[eqn], tape))
            eqns.append(stacks[-1])
        elif eqn not in members:
            eqns.append(eqn)
    return Tape(tape.inputs, eqns, tape.outputs, tape.name), stacks


def is_computed(eqn: Eqn, language: str) -> bool:
    """Whether lanes can compute it, and it is worth being compiled."""
    op, avals = eqn.primitive, [a.aval for a in eqn.inputs]
    if op.name not in _OPS or op.lane_map is None or avals[0].dtype.name not in _DTYPES:
        return False
    if op.name in _OF_BANDS:
        return avals[0].shape[-1] <= _LONGEST_BAND and op.lane_map.refusal(*avals, **eqn.params) is None
    rows = max(avals[0].shape[-2:])
    if is_by_loops(eqn):
        is_of_system = op.name == "lu_factors" or (op.name == "linear_solve" and avals[-1].shape[-1] <= _FEW_COLUMNS)
        most = _MOST_ROWS_OF_SYSTEMS if is_of_system else _MOST_ROWS
        return rows <= most[language] and op.lane_map.reason_against(*avals, **eqn.params) is None
    is_worth_it = _stack(eqn) >= (_LEAST_OF_LARGE if rows >= _LARGE else 1)
    return is_worth_it and op.lane_map.refusal(*avals, **eqn.params) is None


def _stack(eqn: Eqn) -> int:
    """How many matrices there are."""
    first = eqn.inputs[0].aval
    return prod(first.shape[: first.ndim - (1 if eqn.primitive.name in _OF_BANDS else 2)])


class _Open:
    """A group that may still grow: nothing outside has read its results yet."""

    def __init__(self, eqn: Eqn) -> None:
        self.eqns = [eqn]


def _groups(tape: Tape, computed: Collection[Eqn]) -> list[list[Eqn]]:
    """Runs of ops that feed each other, in the order of the tape; results that others read too end a run."""
    makers: dict[Var, _Open] = {}
    groups: list[_Open] = []
    for eqn in tape.eqns:
        fed_by = list(dict.fromkeys(makers[a] for a in eqn.inputs if isinstance(a, Var) and a in makers))
        if eqn in computed:
            if len(fed_by) == 1 and _stack(fed_by[0].eqns[0]) == _stack(eqn):
                (group,) = fed_by
                group.eqns.append(eqn)
            else:
                groups.append(group := _Open(eqn))
                _close(makers, fed_by)
            makers.update(dict.fromkeys(eqn.outputs, group))
        else:
            _close(makers, fed_by)
    return [g.eqns for g in groups]


def _close(makers: dict[Var, _Open], groups: Sequence[_Open]) -> None:
    for var in [v for v, g in makers.items() if g in groups]:
        del makers[var]


def _call(group: Sequence[Eqn], tape: Tape) -> Eqn:
    """One equation for those of the group, whose results are what others read."""
    made = {v for e in group for v in e.outputs}
    members = set(group)
    read = {a for e in tape.eqns if e not in members for a in e.inputs} | {*tape.outputs}
    inputs: list[Var] = list(dict.fromkeys(
        a for e in group for a in e.inputs if isinstance(a, Var) and a not in made
    ))
    outputs = [v for e in group for v in e.outputs if v in read]
    renamed: dict[Atom, Var] = {v: Var(v.aval) for v in (*inputs, *made)}
    eqns = [
        Eqn(e.primitive, [renamed.get(a, a) for a in e.inputs], [renamed[v] for v in e.outputs], e.params, e.source)
        for e in group
    ]
    inner = Tape([renamed[v] for v in inputs], eqns, [renamed[v] for v in outputs], tape.name)
    params = {"tape": inner, "policy": None, "prevent_cse": False, "differentiated": False}
    return Eqn(REGISTRY[_CALL], inputs, outputs, params, group[0].source)
