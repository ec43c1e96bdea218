"""Fourier transforms that do not wait for one another, made one call of a library: each call costs launches on a GPU.

    join_transforms(tape) -> tape

Transforms of equal shapes and parameters become one of a stack:

    a, b = irfft2(x * u), irfft2(x * v)     becomes     s = irfft2(stack(x * u, x * v));  a, b = s[0], s[1]

That costs nothing where the operands come from kernels, which write them into the stack, and only such are joined; who
reads a and b reads parts of s.  A stack has no more than `MOST_BYTES`, so that little memory is held for longer, and
since for more the launches of a call do not count.

Transforms wait for one another where one is on a path to the other.  Each has a *level*, one more than the highest of
those that it depends on, and those of one level are independent.  Equations are then brought into an order in which the
operands of a stack come before it.

Start reading at `join_transforms`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cujax.engine.compiler.kinds import OPAQUE, SCATTER, Producers
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.check import check_if_asked
from cujax.engine.core.tape import Eqn, Tape, Var
from cujax.engine.ops.joining import concatenate_p
from cujax.engine.ops.slicing import slice_p
from cujax.engine.ops.structural import reshape_p

MOST_BYTES = 2**26
_TRANSFORM = "fft"


def join_transforms(tape: Tape) -> Tape:
    """`tape` with independent transforms in stacks."""
    if tape.has_effects or sum(e.primitive.name == _TRANSFORM for e in tape.eqns) < 2:
        return tape
    stacks = list(_stacks(tape))
    if not stacks:
        return tape
    found = Tape(tape.inputs, _in_order(tape, stacks), tape.outputs, tape.name)
    return check_if_asked(found, "after join_transforms")


def _stacks(tape: Tape) -> Iterator[list[Eqn]]:
    """The transforms that are joined, two or more at a time."""
    producers, groups = Producers(tape), dict[tuple, list[Eqn]]()
    levels = _levels(tape)
    for eqn in tape.eqns:
        if eqn.primitive.name == _TRANSFORM and _is_computed(eqn.inputs[0], producers):
            x = eqn.inputs[0].aval
            key = (levels[eqn], x.shape, x.dtype, eqn.params["fft_type"], eqn.params["fft_lengths"])
            groups.setdefault(key, []).append(eqn)
    for eqns in groups.values():
        most = MOST_BYTES // max(_bytes(eqns[0].inputs[0].aval), _bytes(eqns[0].outputs[0].aval), 1)
        parts = [eqns[i : i + most] for i in range(0, len(eqns), most)] if most > 1 else []
        yield from [part for part in parts if len(part) > 1]


def _levels(tape: Tape) -> dict[Eqn, int]:
    """By equation, how many transforms are on the longest path to its results."""
    of_vars: dict[object, int] = {}
    found: dict[Eqn, int] = {}
    for eqn in tape.eqns:
        found[eqn] = max((of_vars.get(a, 0) for a in eqn.inputs), default=0) + (eqn.primitive.name == _TRANSFORM)
        of_vars.update(dict.fromkeys(eqn.outputs, found[eqn]))
    return found


def _is_computed(atom: object, producers: Producers) -> bool:
    """Whether a kernel writes it."""
    return isinstance(atom, Var) and atom in producers and producers.kind(producers[atom]) not in (OPAQUE, SCATTER)


def _bytes(aval: ShapedArray) -> int:
    return aval.size * aval.dtype.itemsize


def _in_order(tape: Tape, stacks: Sequence[Sequence[Eqn]]) -> list[Eqn]:
    """All equations, each stack of transforms at the first of them, and before it what the others wait for."""
    together = {eqn: stack for stack in stacks for eqn in stack}
    makers = {v: e for e in tape.eqns for v in e.outputs}
    order: dict[int, list[Eqn]] = {}  # by what stands for one equation or for a stack
    for first in tape.eqns:
        pending = [first]
        while pending:
            eqn = pending[-1]
            members = together.get(eqn, [eqn])
            number = id(members[0])
            needed = [makers[a] for e in members for a in e.inputs if isinstance(a, Var) and a in makers]
            missing = [e for e in needed if id(together.get(e, [e])[0]) not in order]
            if number in order or not missing:
                pending.pop()
                order.setdefault(number, _joined(members) if len(members) > 1 else [eqn])
            else:
                pending += missing
    return [eqn for eqns in order.values() for eqn in eqns]


def _joined(eqns: Sequence[Eqn]) -> list[Eqn]:
    """One transform of a stack, and its parts as the results of `eqns`."""
    count, source = len(eqns), eqns[0].source
    x, y = eqns[0].inputs[0].aval, eqns[0].outputs[0].aval
    found, layers = list[Eqn](), list[Var]()
    for eqn in eqns:
        layers.append(Var(ShapedArray((1, *x.shape), x.dtype)))
        found.append(_reshape(eqn.inputs[0], layers[-1], eqn))
    stack, transformed = Var(ShapedArray((count, *x.shape), x.dtype)), Var(ShapedArray((count, *y.shape), y.dtype))
    found.append(Eqn(concatenate_p, layers, [stack], {"dimension": 0}, source))
    found.append(Eqn(eqns[0].primitive, [stack], [transformed], eqns[0].params, source))
    for number, eqn in enumerate(eqns):
        part = Var(ShapedArray((1, *y.shape), y.dtype))
        window = {"start_indices": (number, *[0] * y.ndim), "limit_indices": (number + 1, *y.shape), "strides": None}
        found.append(Eqn(slice_p, [transformed], [part], window, eqn.source))
        found.append(_reshape(part, eqn.outputs[0], eqn))
    return found


def _reshape(x: object, out: Var, eqn: Eqn) -> Eqn:
    return Eqn(reshape_p, [x], [out], {"new_sizes": out.aval.shape}, eqn.source)  # type: ignore[list-item]
