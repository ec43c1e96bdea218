"""Transposition: from a linear tape x -> y to ct_y -> ct_x.

`backward_pass` walks the equations of a linear tape in reverse and applies each op's `transpose` rule;
cotangents that meet at a variable are added.  Together with `linearize` it is reverse mode.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.context import context, using_trace
from cujax.engine.core.recording import TapeTrace, record_pure, run_tape
from cujax.engine.core.tape import Atom, Literal, Tape, Var
from cujax.engine.core.zero import Linear, Zero, is_linear
from cujax.engine.ops.constants import zeros_of
from cujax.engine.ops.structural import add_any
from cujax.engine.transforms.linearize import SplitTrace, _finish


def backward_pass(tape: Tape, operands: Sequence[Any], cts: Sequence[Any]) -> list[Any]:
    """Cotangents of the `Linear` operands (`Zero` where nothing arrives), None for the others.

    `tape` is linear in the `Linear` operands: every equation reads one of them or what comes of them.  What a
    rule records belongs to the user's line of the equation that is transposed.
    """
    line = context.line
    try:
        return _backward_pass(tape, operands, cts)
    finally:
        context.line = line


def _backward_pass(tape: Tape, operands: Sequence[Any], cts: Sequence[Any]) -> list[Any]:
    known: dict[Var, Any] = {v: o for v, o in zip(tape.inputs, operands, strict=True) if not is_linear(o)}
    pending: dict[Var, Any] = {}
    for atom, ct in zip(tape.outputs, cts, strict=True):
        _accumulate(pending, atom, ct)
    for eqn in reversed(tape.eqns):
        ct_outs = [pending.pop(v, None) for v in eqn.outputs]
        if all(ct is None for ct in ct_outs):
            continue
        args = [_operand(a, known) for a in eqn.inputs]
        context.line = eqn.source
        rule = eqn.primitive.rule("transpose")
        if eqn.primitive.multiple:
            filled = [Zero(v.aval) if ct is None else ct for v, ct in zip(eqn.outputs, ct_outs, strict=True)]
            ct_ins = rule(filled, *args, **eqn.params)
        else:
            ct_ins = rule(ct_outs[0], *args, **eqn.params)
        for atom, arg, ct in zip(eqn.inputs, args, ct_ins, strict=True):
            if is_linear(arg):
                _accumulate(pending, atom, ct)
    return [
        pending.get(v, Zero(o.aval)) if is_linear(o) else None
        for v, o in zip(tape.inputs, operands, strict=True)
    ]


def _operand(atom: Atom, known: dict[Var, Any]) -> Any:
    if isinstance(atom, Literal):
        return atom
    return known[atom] if atom in known else Linear(atom.aval)


def _accumulate(pending: dict[Var, Any], atom: Atom, ct: Any) -> None:
    if ct is None or type(ct) is Zero or isinstance(atom, Literal):
        return
    held = pending.get(atom)
    pending[atom] = ct if held is None else add_any(held, ct)


def backward_mixed(tape: Tape, operands: Sequence[Any], cts: Sequence[Any]) -> list[Any]:
    """As `backward_pass`, for a tape that also computes with its known operands: that part runs first."""
    recording = TapeTrace(tape.name)
    args = [recording.input(o.aval) if is_linear(o) else o for o in operands]
    split = SplitTrace(context.trace, recording)
    with using_trace(split):
        outs = run_tape(tape, args)
    unknown = [split.is_unknown(o) for o in outs]
    linear, residuals = _finish(recording, [o for o, u in zip(outs, unknown, strict=True) if u])
    linear_operands = [o for o in operands if is_linear(o)]
    reached = backward_pass(
        linear, [*residuals, *linear_operands], [ct for ct, u in zip(cts, unknown, strict=True) if u]
    )
    found = iter(reached[len(residuals) :])
    return [next(found) if is_linear(o) else None for o in operands]


def transpose_tape(
    tape: Tape, linear: Sequence[bool], nonzero_ct: Sequence[bool], backward: Callable = backward_pass
) -> tuple[Tape, tuple[bool, ...]]:
    """The tape of (known operands, nonzero cts) -> nonzero cotangents of the linear operands.

    Also says which of the linear operands receive one.  `backward` is `backward_pass` or `backward_mixed`.
    """
    key = ("transpose", tuple(linear), tuple(nonzero_ct), backward)
    return tape.memo(key, lambda: _transpose_tape(tape, tuple(linear), tuple(nonzero_ct), backward))


def _transpose_tape(
    tape: Tape, linear: tuple[bool, ...], nonzero_ct: tuple[bool, ...], backward: Callable
) -> tuple[Tape, tuple[bool, ...]]:
    reached: list[bool] = []

    def transposed(*args: Any) -> list[Any]:
        flat = iter(args)
        operands = [Linear(a) if lin else next(flat) for a, lin in zip(tape.in_avals, linear, strict=True)]
        cts = [next(flat) if nz else Zero(a) for a, nz in zip(tape.out_avals, nonzero_ct, strict=True)]
        ct_ins = [ct for ct, lin in zip(backward(tape, operands, cts), linear, strict=True) if lin]
        reached.extend(type(ct) is not Zero for ct in ct_ins)
        return [ct for ct in ct_ins if type(ct) is not Zero]

    known_avals = [a for a, lin in zip(tape.in_avals, linear, strict=True) if not lin]
    ct_avals = [a.to_tangent_aval() for a, nz in zip(tape.out_avals, nonzero_ct, strict=True) if nz]
    result = record_pure(transposed, [*known_avals, *ct_avals], f"transpose_{tape.name}")
    return result, tuple(reached)


def instantiate_ct(ct: Any, aval: ShapedArray) -> Any:
    """`ct`, with a symbolic zero made an array of `aval`."""
    return zeros_of(aval) if ct is None or type(ct) is Zero else ct
