"""What is the same in every step of a loop and takes long, computed once, before the loop.

    hoist_invariants(tape) -> tape

    scan(x -> solve(a, x))     becomes     factors = lu(a);  scan(x -> solve by (a, factors))

Taken out are calls of libraries (factorizations, products, transforms, sorts), reductions, scatters and whole inner
loops that read nothing but constants of the loop, with whatever makes their operands; and chains of elementwise ops so
long that reading their result takes less.  Shorter ones stay: a kernel computes them where it needs them.  A carry
that every step passes on as it is becomes a constant first.  Inner loops are done before outer ones, so that an
equation ends up outside of all loops that it does not depend on.  A loop that does not run at all, as a `while` may,
finds it computed in vain; what might then never end, another `while`, stays where it is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from cujax.engine.compiler.kinds import (
    ELEMENTWISE,
    LOOPS,
    OPAQUE,
    REDUCTION,
    SCAN,
    SCATTER,
    WHILE,
    cost,
    kind_of,
)
from cujax.engine.core.simplify import remove_dead_code
from cujax.engine.core.tape import Atom, Eqn, Tape, Var, replaced, subtapes

_IN_PLACE = frozenset(("control", "barrier"))  # families of ops that run when and as often as they are called
# Operations for each element of a chain that is dear.  A GPU makes 80 while it moves the eight bytes of a result that
# is written and read again, and so many are hidden behind the other operands of a kernel.
_LONG = 100

Optimizer = Callable[[Tape], Tape]


class _Split(NamedTuple):
    """A body without the equations `before`, of which it reads `made`: inputs of `tape` that come first."""

    before: tuple[Eqn, ...]
    made: tuple[Var, ...]
    tape: Tape


def hoist_invariants(tape: Tape, optimized: Optimizer) -> Tape:
    """See the module's docstring; bodies are taken as `optimized` makes them."""
    known: dict[Var, Atom] = {}
    eqns: list[Eqn] = []
    rules = {SCAN: _hoist_from_scan, WHILE: _hoist_from_while}
    for eqn in tape.eqns:
        if any(a in known for a in eqn.inputs):
            eqn = eqn.with_inputs(replaced(eqn.inputs, known))
        rule = rules.get(eqn.primitive.name)
        eqns += [eqn] if rule is None else rule(eqn, optimized, known)
    if len(eqns) == len(tape.eqns) and not known and all(a is b for a, b in zip(eqns, tape.eqns, strict=True)):
        return tape
    return Tape(tape.inputs, eqns, replaced(tape.outputs, known), tape.name)


def _hoist_from_scan(eqn: Eqn, optimized: Optimizer, known: dict[Var, Atom]) -> list[Eqn]:
    """The equations instead of `eqn`; `known` gets the results that are what was given."""
    params = eqn.params
    consts, carry = params["num_consts"], params["num_carry"]
    if params["length"] < 2:
        return [eqn]
    body = optimized(params["tape"])
    fixed = _fixed(eqn, body, consts, consts, carry)
    rest = [k for k in range(len(body.outputs)) if k not in fixed]
    split = _split(params["tape"], body, consts, fixed, rest, is_sure_to_run=True)
    if not fixed and not split.made:
        return [eqn]
    known.update((eqn.outputs[k], eqn.inputs[consts + k]) for k in fixed)
    operands = [eqn.inputs[k] for k in _with_constants_first(len(eqn.inputs), consts, fixed)]
    before, made = _outside(split, operands[: consts + len(fixed)])
    changed = {
        **params, "tape": split.tape,
        "num_consts": len(made) + consts + len(fixed), "num_carry": carry - len(fixed),
    }  # fmt: skip
    return [*before, _loop(eqn, [*made, *operands], rest, changed)]


def _hoist_from_while(eqn: Eqn, optimized: Optimizer, known: dict[Var, Atom]) -> list[Eqn]:
    """The same of a loop whose condition is a tape with constants of its own."""
    params = eqn.params
    consts = (params["cond_consts"], params["body_consts"])
    first = sum(consts)
    cond, body = optimized(params["cond_tape"]), optimized(params["body_tape"])
    fixed = _fixed(eqn, body, consts[1], first, len(body.outputs))
    rest = [k for k in range(len(body.outputs)) if k not in fixed]
    if not rest:
        return [eqn]
    splits = (
        _split(params["cond_tape"], cond, consts[0], fixed, [0], is_sure_to_run=True),
        _split(params["body_tape"], body, consts[1], fixed, rest, is_sure_to_run=False),
    )
    if not fixed and not any(s.made for s in splits):
        return [eqn]
    passed_on = [eqn.inputs[first + k] for k in fixed]
    known.update((eqn.outputs[k], a) for k, a in zip(fixed, passed_on, strict=True))
    eqns: list[Eqn] = []
    operands: list[Atom] = []
    numbers = []
    for split, given in zip(splits, (eqn.inputs[: consts[0]], eqn.inputs[consts[0] : first]), strict=True):
        constants = [*given, *passed_on]
        before, made = _outside(split, constants)
        eqns += before
        operands += [*made, *constants]
        numbers.append(len(made) + len(constants))
    changed = {
        **params, "cond_tape": splits[0].tape, "cond_consts": numbers[0],
        "body_tape": splits[1].tape, "body_consts": numbers[1],
    }  # fmt: skip
    return [*eqns, _loop(eqn, [*operands, *[eqn.inputs[first + k] for k in rest]], rest, changed)]


def _loop(eqn: Eqn, operands: Sequence[Atom], results: Sequence[int], params: dict) -> Eqn:
    return Eqn(eqn.primitive, operands, [eqn.outputs[k] for k in results], params, eqn.source)


def _fixed(eqn: Eqn, body: Tape, consts: int, first: int, carry: int) -> list[int]:
    """The carries that each step passes on as they are; `first` is the number of the operand where they begin."""
    return [
        k for k in range(carry)
        if body.outputs[k] is body.inputs[consts + k] and eqn.inputs[first + k].aval is eqn.outputs[k].aval
    ]  # fmt: skip


def _with_constants_first(inputs: int, consts: int, fixed: Sequence[int]) -> list[int]:
    """The numbers of a tape's inputs, with fixed carries behind its constants."""
    moved = [consts + k for k in fixed]
    return [*range(consts), *moved, *[k for k in range(consts, inputs) if k not in moved]]


# --- which equations ----------------------------------------------------------------------------------------------


def _split(
    tape: Tape, body: Tape, consts: int, fixed: Sequence[int], outputs: Sequence[int], is_sure_to_run: bool
) -> _Split:
    """`body`, which is what was made of `tape`, with its fixed carries as constants and without what is dear."""
    key = ("hoisted", consts, tuple(fixed), tuple(outputs), is_sure_to_run)
    return tape.memo(key, lambda: _make_split(body, consts, fixed, outputs, is_sure_to_run))


def _make_split(
    body: Tape, consts: int, fixed: Sequence[int], outputs: Sequence[int], is_sure_to_run: bool
) -> _Split:
    inputs = [body.inputs[k] for k in _with_constants_first(len(body.inputs), consts, fixed)]
    free = _invariant(body, inputs[: consts + len(fixed)], is_sure_to_run)
    dear = _dear(body, free)
    inside = [e for e in body.eqns if e not in dear]
    read = {a for e in inside for a in e.inputs} | {body.outputs[k] for k in outputs}
    made = [v for e in free if e in dear for v in e.outputs if v in read]
    left = Tape([*made, *inputs], inside, [body.outputs[k] for k in outputs], body.name)
    rewritten = remove_dead_code(left)[0]
    rewritten.memo("optimized", lambda: rewritten)
    return _Split(tuple(_needed(free, made)), tuple(made), rewritten)


def _invariant(body: Tape, constants: Sequence[Var], is_sure_to_run: bool) -> list[Eqn]:
    """The equations that read nothing but these, and may run at another time and less often."""
    known, found = set(constants), []
    for eqn in body.eqns:
        may_move = eqn.primitive.family not in _IN_PLACE or eqn.primitive.name in LOOPS
        may_move &= is_sure_to_run or not _may_never_end(eqn)
        if may_move and not eqn.has_effect and all(a in known for a in eqn.inputs if isinstance(a, Var)):
            known.update(eqn.outputs)
            found.append(eqn)
    return found


def _may_never_end(eqn: Eqn) -> bool:
    return eqn.primitive.name == WHILE or any(_may_never_end(e) for t in subtapes(eqn.params) for e in t.eqns)


def _dear(body: Tape, free: Sequence[Eqn]) -> set[Eqn]:
    """Those of the equations `free` whose results are worth keeping."""
    dear = {e for e in free if kind_of(e) in (OPAQUE, REDUCTION, SCATTER)}
    chained = [e for e in free if kind_of(e) == ELEMENTWISE]
    inner = set(chained)
    users = [e for e in body.eqns if e not in inner]
    read_outside = {a for e in users for a in e.inputs} | set(body.outputs)
    lengths: dict[Atom, int] = {}
    for eqn in chained:
        length = cost(eqn) + sum(lengths.get(a, 0) for a in set(eqn.inputs) if a.aval.size > 1)
        if length >= _LONG and any(v.aval.size > 1 and v in read_outside for v in eqn.outputs):
            dear.add(eqn)
            length = 0
        lengths.update(dict.fromkeys(eqn.outputs, length))
    return dear


def _needed(eqns: Sequence[Eqn], results: Collection[Var]) -> list[Eqn]:
    """The equations that `results` depend on."""
    needed, found = set(results), []
    for eqn in reversed(eqns):
        if any(v in needed for v in eqn.outputs):
            needed.update(a for a in eqn.inputs if isinstance(a, Var))
            found.append(eqn)
    return found[::-1]


def _outside(split: _Split, constants: Sequence[Atom]) -> tuple[list[Eqn], list[Atom]]:
    """The equations before the loop, on its operands, and what they make for it."""
    inputs = split.tape.inputs[len(split.made) :][: len(constants)]
    known: dict[Var, Atom] = dict(zip(inputs, constants, strict=True))
    eqns = []
    for eqn in split.before:
        outputs = [Var(v.aval) for v in eqn.outputs]
        eqns.append(Eqn(eqn.primitive, replaced(eqn.inputs, known), outputs, eqn.params, eqn.source))
        known.update(zip(eqn.outputs, outputs, strict=True))
    return eqns, [known[v] for v in split.made]
