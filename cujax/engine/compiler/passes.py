"""Passes over tapes, in the order in which they run; each is pure and leaves a tape that the verifier accepts.

    inline_calls                     the equations of a called tape stand in place of the call
    fold_scalar_constants            equations of literals become literals
    hoist_invariants                 what is the same in every step of a loop and takes long goes before it
    drop_factors_of_one              x * 1 is x, as of cotangents that begin as 1
    share_common_subexpressions      an equation that stands twice is computed once
    share_mirrored_sums              sums along two axes that differ in nothing but a sign are computed once
    scale_after_sums                 sums of what is negated or doubled are negated or doubled themselves
    square_without_roots             |z|**2 of a complex z is the sum of the squares of its parts
    remove_dead_code                 what nobody reads goes (core/simplify.py)

`optimize` runs them, `optimized` remembers what they made.  Under `config.dump` the tape after each is written to a
file.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cujax.engine.compiler.hoist import hoist_invariants
from cujax.engine.compiler.mirrored_sums import share_mirrored_sums
from cujax.engine.compiler.scaled_sums import scale_after_sums
from cujax.engine.core.check import check_if_asked
from cujax.engine.core.simplify import remove_dead_code
from cujax.engine.core.tape import Atom, Eqn, Literal, Tape, Var, replaced
from cujax.engine.ground import dtypes
from cujax.engine.ground.config import config
from cujax.engine.ops.complex_parts import abs_p, imag_p, real_p
from cujax.engine.ops.elementwise import add_p, integer_pow_p, mul_nonzero_p, mul_p, square_p
from cujax.engine.ops.structural import broadcast_in_dim_p

Mapping = dict[Var, Atom]


def inline_calls(tape: Tape) -> Tape:
    """Calls, at any depth, dissolved into the tape around them."""
    if not any(e.primitive.is_call for e in tape.eqns):
        return tape
    eqns: list[Eqn] = []
    return Tape(tape.inputs, eqns, _inline(tape, list(tape.inputs), eqns), tape.name)


def _inline(tape: Tape, args: Sequence[Atom], eqns: list[Eqn]) -> list[Atom]:
    """Append the equations of `tape` on `args`, with new variables; returns its outputs."""
    known: Mapping = dict(zip(tape.inputs, args, strict=True))
    for eqn in tape.eqns:
        inputs = replaced(eqn.inputs, known)
        if eqn.primitive.is_call:
            called = eqn.primitive.called_tape([a.aval for a in inputs], eqn.params)
            known.update(zip(eqn.outputs, _inline(called, inputs, eqns), strict=True))
        else:
            outputs = [Var(v.aval) for v in eqn.outputs]
            known.update(zip(eqn.outputs, outputs, strict=True))
            eqns.append(Eqn(eqn.primitive, inputs, outputs, eqn.params, eqn.source))
    return replaced(tape.outputs, known)


def fold_scalar_constants(tape: Tape) -> Tape:
    """Equations that read nothing but scalar literals, computed now; captured arrays are never folded."""
    known: Mapping = {}
    eqns = []
    for eqn in tape.eqns:
        inputs = replaced(eqn.inputs, known)
        folded = _fold(eqn, inputs) if _is_foldable(eqn, inputs) else None
        if folded is None:
            eqns.append(eqn if inputs == list(eqn.inputs) else eqn.with_inputs(inputs))
        else:
            known[eqn.outputs[0]] = folded
    return Tape(tape.inputs, eqns, replaced(tape.outputs, known), tape.name)


_FOLDED = ("unary", "binary", "ternary", "comparison", "select", "mover")


def _is_foldable(eqn: Eqn, inputs: Sequence[Atom]) -> bool:
    return (
        len(eqn.outputs) == 1
        and eqn.primitive.family in _FOLDED
        and not eqn.outputs[0].aval.shape
        and not dtypes.is_key(eqn.outputs[0].aval.dtype)
        and all(isinstance(a, Literal) and not a.aval.shape and isinstance(a.buffer, np.generic) for a in inputs)
    )


def _fold(eqn: Eqn, inputs: Sequence[Any]) -> Literal | None:
    """The literal that `eqn` gives, by NumPy on every backend, so that all targets are given the same tape.

    None where that needs SciPy, which is not installed; a kernel does not need it.
    """
    try:
        with np.errstate(all="ignore"):
            value = eqn.primitive.impl(np, *[a.buffer for a in inputs], **eqn.params)
    except ModuleNotFoundError:
        return None
    aval = eqn.outputs[0].aval
    return Literal(aval.dtype.type(np.asarray(value)[()]), aval)


def drop_factors_of_one(tape: Tape) -> Tape:
    """Products with the literal 1, or an array of it, are the other factor.

    Real ones to the bit; of complex infinities NumPy makes NaN.
    """
    ones: set[Atom] = {e.outputs[0] for e in tape.eqns if e.primitive is broadcast_in_dim_p and _is_one(e.inputs[0])}
    known: Mapping = {}
    eqns = []
    for eqn in tape.eqns:
        inputs = replaced(eqn.inputs, known)
        if eqn.primitive in (mul_p, mul_nonzero_p) and (other := _other_than_one(inputs, eqn.outputs[0].aval, ones)):
            known[eqn.outputs[0]] = other
        else:
            eqns.append(eqn if inputs == list(eqn.inputs) else eqn.with_inputs(inputs))
    return Tape(tape.inputs, eqns, replaced(tape.outputs, known), tape.name) if known else tape


def _other_than_one(factors: Sequence[Atom], aval: Any, ones: set[Atom]) -> Var | None:
    """The factor of `aval` beside one that is 1."""
    pairs = (factors, factors[::-1])
    return next((x for x, y in pairs if isinstance(x, Var) and x.aval is aval and (y in ones or _is_one(y))), None)


def _is_one(atom: Atom) -> bool:
    if not isinstance(atom, Literal) or atom.aval.shape or dtypes.is_key(atom.aval.dtype):
        return False
    return bool(atom.buffer == 1)


_APART = frozenset(("control", "barrier"))  # families of ops that stay apart from their equals


def share_common_subexpressions(tape: Tape) -> Tape:
    """Equal equations computed once.  Effects, tapes, and ops whose purpose is to be apart stay as they are."""
    known: Mapping = {}
    seen: dict[Any, Sequence[Var]] = {}
    eqns = []
    for eqn in tape.eqns:
        inputs = replaced(eqn.inputs, known)
        key = None if eqn.has_effect or eqn.primitive.family in _APART else _key(eqn, inputs)
        found = seen.get(key) if key is not None else None
        if found is not None:
            known.update(zip(eqn.outputs, found, strict=True))
            continue
        if key is not None:
            seen[key] = eqn.outputs
        eqns.append(eqn if inputs == list(eqn.inputs) else eqn.with_inputs(inputs))
    return Tape(tape.inputs, eqns, replaced(tape.outputs, known), tape.name)


def _key(eqn: Eqn, inputs: Sequence[Atom]) -> Any:
    """Equal for equal equations; None where a param cannot be compared."""
    atoms = [_literal_key(a) if isinstance(a, Literal) else a for a in inputs]
    if eqn.primitive.commutes and atoms[0] != atoms[1]:
        atoms = [frozenset(atoms)]
    key = (eqn.primitive, *atoms, *eqn.params.items(), *[v.aval for v in eqn.outputs])
    try:
        hash(key)
    except TypeError:
        return None
    return key


def _literal_key(literal: Literal) -> Any:
    """By bits: 0.0 and -0.0 differ, NaN equals itself."""
    if isinstance(literal.buffer, np.generic):
        return (literal.buffer.tobytes(), literal.aval)
    return literal


def square_without_roots(tape: Tape) -> Tape:
    """Squares of absolute values of complex numbers, of which nobody reads the values themselves, as sums of squares.

    That is a tenth of the operations of a root that cannot overflow, and one rounding less.  An infinity beside a NaN
    gives NaN so, where the absolute value is infinite.
    """
    absolutes = [e for e in tape.eqns if e.primitive is abs_p and dtypes.is_complex(e.inputs[0].aval.dtype)]
    if not absolutes:
        return tape
    sizes: Mapping = {e.outputs[0]: e.inputs[0] for e in absolutes}
    uses = Counter([a for e in tape.eqns for a in e.inputs if isinstance(a, Var)] + list(tape.outputs))
    eqns: list[Eqn] = []
    for eqn in tape.eqns:
        size = eqn.inputs[0] if eqn.primitive is square_p or _is_second_power(eqn) else None
        if isinstance(size, Var) and size in sizes and uses[size] == 1:
            eqns += _sum_of_squares(sizes[size], eqn)
        else:
            eqns.append(eqn)
    return Tape(tape.inputs, eqns, tape.outputs, tape.name)


def _is_second_power(eqn: Eqn) -> bool:
    return eqn.primitive is integer_pow_p and eqn.params["y"] == 2


def _sum_of_squares(z: Atom, eqn: Eqn) -> list[Eqn]:
    """`eqn`, the square of |z|, as equations of the parts of z."""
    out = eqn.outputs[0]
    re, im, re_squared, im_squared = (Var(out.aval) for _ in range(4))
    steps = ((real_p, [z], re), (imag_p, [z], im), (square_p, [re], re_squared), (square_p, [im], im_squared),
             (add_p, [re_squared, im_squared], out))
    return [Eqn(primitive, inputs, [result], {}, eqn.source) for primitive, inputs, result in steps]


def _hoist(tape: Tape) -> Tape:
    return hoist_invariants(tape, optimized)


def _without_dead_code(tape: Tape) -> Tape:
    return remove_dead_code(tape)[0]


PASSES: tuple[tuple[str, Callable[[Tape], Tape]], ...] = (
    ("inline_calls", inline_calls),
    ("fold_scalar_constants", fold_scalar_constants),
    ("hoist_invariants", _hoist),
    ("drop_factors_of_one", drop_factors_of_one),
    ("share_common_subexpressions", share_common_subexpressions),
    ("share_mirrored_sums", share_mirrored_sums),
    ("scale_after_sums", scale_after_sums),
    ("square_without_roots", square_without_roots),
    ("remove_dead_code", _without_dead_code),
)


def optimize(tape: Tape) -> Tape:
    """`tape` after all passes."""
    check_if_asked(tape, "as recorded")
    dump(tape, 0, "as_recorded")
    for number, (name, rewrite) in enumerate(PASSES, 1):
        tape = check_if_asked(rewrite(tape), f"after {name}")
        dump(tape, number, name)
    return tape


def optimized(tape: Tape) -> Tape:
    """`tape` after all passes, remembered on it."""
    return tape.memo("optimized", lambda: optimize(tape))


def dump(content: Any, number: int, name: str, of: str = "", suffix: str = "txt") -> None:
    """Write `content` to the folder that `config.dump` names, if it names one."""
    if config.dump:
        os.makedirs(config.dump, exist_ok=True)
        title = re.sub(r"\W", "_", of or getattr(content, "name", "") or "program")
        path = os.path.join(config.dump, f"{title}.{number}_{name}.{suffix}")
        with open(path, "w") as file:
            file.write(f"{content}\n")
