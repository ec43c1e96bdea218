"""`cond_p`: one of several branches, chosen by an integer: behind `cond` and `switch`.

Operands: the index (int32, clamped to the branches there are), then what all branches take.  Param:
branches, a tuple of tapes with the same input and output avals.

Batched with an index that differs from element to element, small branches all run and `select_n` chooses.  Where
they hold loops, or much else, the index stays an array: of shape `lanes`, it chooses for each element of as many
independent ones, and all operands and results begin with these axes.  In a lane kernel (compiler/lanes.py) each lane
then runs its own branch; elsewhere, and for derivatives, it becomes the same choice among the results of all.
Reverse mode divides every branch; residuals of different branches share slots of equal aval, since only one
branch runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any, NamedTuple

from cujax.engine.compiler.loop_plan import is_small
from cujax.engine.compiler.nest import branch_call
from cujax.engine.compiler.program import compile_tape, run_compiled_impl
from cujax.engine.compiler.steps import NestedCall
from cujax.engine.control.flags import merge_by, nonzero_flags, pad_zeros, split_by
from cujax.engine.core.aval import ShapedArray, same_array_type
from cujax.engine.core.axis import AxisData
from cujax.engine.core.primitive import Primitive, not_fusable
from cujax.engine.core.recording import record_pure, run_tape
from cujax.engine.core.tape import Eqn, Tape
from cujax.engine.core.trace import aval_of
from cujax.engine.core.zero import Linear, is_linear
from cujax.engine.ground import dtypes
from cujax.engine.ops.constants import zeros_of
from cujax.engine.ops.logic import select_n
from cujax.engine.ops.random_bits import random_clone
from cujax.engine.ops.rounding import clamp
from cujax.engine.ops.structural import broadcast_in_dim, move_dim
from cujax.engine.transforms.batching import batch_tape
from cujax.engine.transforms.jvp import instantiate, jvp_tape
from cujax.engine.transforms.linearize import SplitTape, record_unknown, split_tape
from cujax.engine.transforms.transpose import backward_pass

Branches = tuple[Tape, ...]
_FEW = 24  # equations that are sooner computed for nothing than branched around


def _shape(index: ShapedArray, *avals: ShapedArray, branches: Branches) -> tuple[ShapedArray, ...]:
    for tape in branches:
        if not all(map(same_array_type, tape.in_avals, avals)) or not all(
            map(same_array_type, tape.out_avals, branches[0].out_avals)
        ):
            raise TypeError(
                f"cond branch {tape.name} does not fit operands {avals} or the first branch's result"
            )
    if not all(a.shape[: index.ndim] == index.shape for a in branches[0].out_avals):
        raise TypeError(f"cond results {branches[0].out_avals} do not begin with the axes {index.shape} of its index")
    return tuple(
        a.update(weak_type=all(t.out_avals[i].weak_type for t in branches))
        for i, a in enumerate(branches[0].out_avals)
    )


def _impl(xp: Any, index: Any, *buffers: Any, branches: Branches) -> list[Any]:
    """Reads the index, which waits for the device, and runs one branch."""
    if index.ndim:
        return compile_tape(_chosen_by_element(branches, index.ndim)).run([index, *buffers])
    chosen = min(max(int(index), 0), len(branches) - 1)
    return compile_tape(branches[chosen]).run(buffers)


def _nested(index: ShapedArray, *avals: ShapedArray, branches: Branches) -> NestedCall | None:
    if index.ndim or not is_small(branches[0].out_avals):
        return None
    return branch_call([compile_tape(t) for t in branches])


def _jvp(
    primals: Sequence[Any], tangents: Sequence[Any], *, branches: Branches
) -> tuple[list[Any], list[Any]]:
    if aval_of(primals[0]).ndim:
        return _jvp_of_chosen(primals, tangents, branches)
    nonzero = nonzero_flags(tangents[1:])
    nz_out = _any_branch([jvp_tape(t, nonzero)[1] for t in branches])
    derived = tuple(jvp_tape(t, nonzero, nz_out)[0] for t in branches)
    outs = cond_p.bind(*primals, *split_by(nonzero, tangents[1:])[1], branches=derived)
    n = len(nz_out)
    return outs[:n], pad_zeros(nz_out, outs[n:], branches[0].out_avals)


def _jvp_of_chosen(
    primals: Sequence[Any], tangents: Sequence[Any], branches: Branches
) -> tuple[list[Any], list[Any]]:
    """Of a branch for each element: derivatives of all branches, chosen among."""
    tape = _chosen_by_element(branches, aval_of(primals[0]).ndim)
    nonzero = [False, *nonzero_flags(tangents[1:])]
    derived, nz_out = jvp_tape(tape, nonzero)
    outs = run_tape(derived, [*primals, *split_by(nonzero, tangents)[1]])
    n = len(nz_out)
    return outs[:n], pad_zeros(nz_out, outs[n:], tape.out_avals)


def _any_branch(flags: Sequence[Sequence[bool]]) -> list[bool]:
    return [any(f) for f in zip(*flags, strict=True)]


class _Slots(NamedTuple):
    """Residual slots shared by the branches: avals, and for each branch the slot of each extra residual."""

    avals: list[ShapedArray]
    of_branch: list[list[int]]


def _split(unknown: Sequence[bool], args: Sequence[Any], *, branches: Branches) -> list[Any]:
    if unknown[0]:
        return record_unknown(cond_p, args, {"branches": branches})
    index, operands = args[0], args[1:]
    key = ("cond_split", branches, tuple(unknown[1:]))
    division: _Division = branches[0].memo(key, lambda: _divide(branches, unknown[1:]))
    known_in, unknown_in = split_by(unknown[1:], operands)
    outs = cond_p.bind(index, *known_in, branches=division.known)
    num_known = len(division.unknown_out) - sum(division.unknown_out)
    linear_in = [*outs[num_known:], *(known_in[i] for i in division.read), *unknown_in]
    linear_outs = record_unknown(cond_p, [index, *linear_in], {"branches": division.linear})
    return merge_by(division.unknown_out, outs[:num_known], linear_outs)


class _Division(NamedTuple):
    """Both halves of all branches; `read` are the known inputs that the linear branches read again."""

    known: Branches
    linear: Branches
    unknown_out: list[bool]
    read: list[int]


def _divide(branches: Branches, unknown: Sequence[bool]) -> _Division:
    unknown_out = _any_branch([split_tape(t, unknown).unknown_out for t in branches])
    parts = [split_tape(t, unknown, unknown_out) for t in branches]
    slots = _share_slots(parts)
    num_known = len(unknown_out) - sum(unknown_out)
    known_avals, unknown_avals = split_by(unknown, branches[0].in_avals)
    read = sorted({i for p in parts for i in p.residual_inputs if i is not None})
    linear_avals = [*slots.avals, *(known_avals[i] for i in read), *unknown_avals]
    return _Division(
        tuple(_known_branch(p, slots, i, num_known) for i, p in enumerate(parts)),
        tuple(_linear_branch(p, slots, i, read, linear_avals) for i, p in enumerate(parts)),
        unknown_out,
        read,
    )


def _extra_avals(part: SplitTape) -> tuple[ShapedArray, ...]:
    return part.known.out_avals[len(part.known.outputs) - part.num_extra :]


def _share_slots(parts: Sequence[SplitTape]) -> _Slots:
    avals: list[ShapedArray] = []
    of_branch: list[list[int]] = []
    for part in parts:
        taken: list[int] = []
        for aval in _extra_avals(part):
            aval = aval.strip_weak_type()
            slot = next((i for i, a in enumerate(avals) if a is aval and i not in taken), len(avals))
            if slot == len(avals):
                avals.append(aval)
            taken.append(slot)
        of_branch.append(taken)
    return _Slots(avals, of_branch)


def _known_branch(part: SplitTape, slots: _Slots, branch: int, num_known: int) -> Tape:
    """Known outs, then all residual slots: this branch's own, zeros in the others'."""

    def run(*known: Any) -> list[Any]:
        outs = run_tape(part.known, known)
        own = dict(zip(slots.of_branch[branch], outs[num_known:], strict=True))
        return [*outs[:num_known], *(own[i] if i in own else zeros_of(a) for i, a in enumerate(slots.avals))]

    return record_pure(run, part.known.in_avals, part.known.name)


def _linear_branch(
    part: SplitTape, slots: _Slots, branch: int, read: Sequence[int], in_avals: Sequence[ShapedArray]
) -> Tape:
    """(all slots, known inputs that some branch reads, unknown inputs) -> unknown outs."""
    num_slots = len(slots.avals)

    def run(*args: Any) -> list[Any]:
        extra = [args[i] for i in slots.of_branch[branch]]
        by_input = dict(zip(read, args[num_slots:], strict=False))
        residuals = [extra.pop(0) if i is None else by_input[i] for i in part.residual_inputs]
        return run_tape(part.linear, [*residuals, *args[num_slots + len(read) :]])

    return record_pure(run, in_avals, part.linear.name)


def _transpose(cts: Sequence[Any], index: Any, *operands: Any, branches: Branches) -> list[Any]:
    linear = [is_linear(o) for o in operands]
    nonzero = nonzero_flags(cts)
    transposed = tuple(_transposed_branch(t, linear, nonzero) for t in branches)
    outs = cond_p.bind(index, *split_by(linear, operands)[0], *split_by(nonzero, cts)[1], branches=transposed)
    return [None, *merge_by(linear, [None] * (len(linear) - sum(linear)), outs)]


def _transposed_branch(tape: Tape, linear: Sequence[bool], nonzero: Sequence[bool]) -> Tape:
    """(known operands, nonzero cts) -> cotangents of all linear operands."""
    key = ("cond_transpose", tuple(linear), tuple(nonzero))
    known_avals, linear_avals = split_by(linear, tape.in_avals)
    ct_avals = [a.to_tangent_aval() for a in tape.out_avals]

    def run(*args: Any) -> list[Any]:
        known = args[: len(known_avals)]
        operands = merge_by(linear, known, [Linear(a) for a in linear_avals])
        found = backward_pass(tape, operands, pad_zeros(nonzero, args[len(known_avals) :], tape.out_avals))
        return [instantiate(ct) for ct in split_by(linear, found)[1]]

    in_avals = [*known_avals, *split_by(nonzero, ct_avals)[1]]
    return tape.memo(key, lambda: record_pure(run, in_avals, f"transpose_{tape.name}"))


def _batch(
    axis: AxisData, args: Sequence[Any], dims: Sequence[int | None], *, branches: Branches
) -> tuple[list[Any], list[int | None]]:
    index, operands = args[0], args[1:]
    out_dims = [batch_tape(t, axis, dims[1:])[1] for t in branches]
    batched = [any(d is not None for d in ds) for ds in zip(*out_dims, strict=True)]
    if aval_of(index).ndim or (dims[0] is not None and any(map(_is_long, branches))):
        return _batch_lanes(axis, args, dims, branches)
    if dims[0] is not None:
        return _select_branches(axis, move_dim(axis, index, dims[0], 0), operands, dims[1:], branches)
    tapes = tuple(batch_tape(t, axis, dims[1:], batched)[0] for t in branches)
    return cond_p.bind(index, *operands, branches=tapes), [0 if b else None for b in batched]


def _select_branches(
    axis: AxisData, index: Any, operands: Sequence[Any], dims: Sequence[int | None], branches: Branches
) -> tuple[list[Any], list[int | None]]:
    tapes = [batch_tape(t, axis, dims, True)[0] for t in branches]
    results = [run_tape(t, operands if not i else [_again(x) for x in operands]) for i, t in enumerate(tapes)]
    last = len(branches) - 1
    chosen = clamp(0, index, last)
    outs = [_choose(chosen, list(cases), last) for cases in zip(*results, strict=True)]
    return outs, [0] * len(outs)


def _again(operand: Any) -> Any:
    """An operand of a further branch, which may use the keys that the first one uses."""
    return random_clone(operand) if dtypes.is_key(aval_of(operand).dtype) else operand


def _is_long(tape: Tape) -> bool:
    """Whether it pays not to run a branch whose result is not chosen."""
    return _length(tape) > _FEW


def _length(tape: Tape) -> float:
    """Equations, those of called tapes among them; infinite with a loop or a branch."""
    return sum(_cost(e) for e in tape.eqns)


def _cost(eqn: Eqn) -> float:
    if eqn.primitive.is_call:
        return _length(eqn.primitive.called_tape([a.aval for a in eqn.inputs], eqn.params))
    return inf if eqn.primitive.family == "control" else 1


def _batch_lanes(
    axis: AxisData, args: Sequence[Any], dims: Sequence[int | None], branches: Branches
) -> tuple[list[Any], list[int | None]]:
    """A branch for each element: everything has the batch axis first."""
    moved = [move_dim(axis, x, d, 0) for x, d in zip(args, dims, strict=True)]
    tapes = tuple([batch_tape(t, axis, [0] * (len(args) - 1), True)[0] for t in branches])
    outs = cond_p.bind(*moved, branches=tapes)
    return outs, [0] * len(outs)


def _chosen_by_element(branches: Branches, ndim: int) -> Tape:
    """(index, operands) -> for each element of the index the results of its branch; all branches run."""
    index_aval = ShapedArray(branches[0].out_avals[0].shape[:ndim], dtypes.int32)

    def run(index: Any, *operands: Any) -> list[Any]:
        results = [run_tape(t, operands) for t in branches]
        chosen = clamp(0, index, len(branches) - 1)
        return [_choose(chosen, list(cases), len(branches) - 1) for cases in zip(*results, strict=True)]

    in_avals = [index_aval, *branches[0].in_avals]
    return branches[0].memo(
        ("chosen_by_element", branches, ndim), lambda: record_pure(run, in_avals, branches[0].name)
    )


def _choose(index: Any, cases: list[Any], last: int) -> Any:
    which = broadcast_in_dim(index, aval_of(cases[0]).shape, tuple(range(aval_of(index).ndim)))
    return select_n(which, *cases) if last else cases[0]


def _keys(follower: Any, operands: Sequence[Any], *, branches: Branches) -> list[Any]:
    return follower.either([lambda t=t: follower.call("cond", t, operands[1:]) for t in branches])


cond_p: Primitive = Primitive(
    "cond", shape=_shape, impl=_impl, evaluate=lambda args, params: run_compiled_impl(cond_p, args, params),
    jvp=_jvp, split=_split, transpose=_transpose, batch=_batch, multiple=True, collective=True,
    cuda=not_fusable("a branch is a region of its own"), doc="One of several branches.", domain="tapes",
    family="control", keys=_keys, nested=_nested,
)
