"""What reverse mode of a function keeps between its forward and its backward pass.

A tool for choosing checkpoints: `print_saved_residuals(f, *args)` lists the arrays that `grad(f)` holds in
memory, and where each comes from.  The function is traced, not run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cujax.api.flatten import FlatFunction, LeafNames
from cujax.api.shape_dtype import ShapeDtypeStruct, struct_of
from cujax.engine.control.checkpoint import name_p
from cujax.engine.core.recording import record
from cujax.engine.core.tape import Atom, Eqn, Literal, Tape, Var
from cujax.engine.core.trace import aval_of
from cujax.engine.ground import pytree
from cujax.engine.transforms.linearize import linearize


def print_saved_residuals(f: Callable, *args: Any, **kwargs: Any) -> None:
    """Print one line for each array that reverse mode of `f(*args, **kwargs)` keeps."""
    for struct, origin in saved_residuals(f, *args, **kwargs):
        print(f"{struct.dtype}[{','.join(map(str, struct.shape))}] {origin}")


def saved_residuals(f: Callable, *args: Any, **kwargs: Any) -> list[tuple[ShapeDtypeStruct, str]]:
    """Shape and dtype of each array that reverse mode of `f(*args, **kwargs)` keeps, and whence it comes."""
    leaves, in_tree = pytree.flatten((args, kwargs))
    flat = FlatFunction("saved_residuals", f, in_tree)
    tape, captured = record(lambda *xs: linearize(flat, xs)[1].residuals, [aval_of(x) for x in leaves])
    names = ["from a constant"] * len(captured)
    names += [f"from the argument {n}" for n in LeafNames(f, in_tree)]
    described = dict(zip(tape.inputs, names, strict=True))
    return [(struct_of(atom.aval), _describe(tape, atom, described)) for atom in dict.fromkeys(tape.outputs)]


def _describe(tape: Tape, atom: Atom, described: dict[Var, str]) -> str:
    """Where an atom of the tape comes from; `described` knows the inputs."""
    if isinstance(atom, Literal):
        return "from a constant"
    if atom in described:
        return described[atom]
    eqn = next(e for e in tape.eqns if atom in e.outputs)
    inner = eqn.params.get("tape")
    if isinstance(inner, Tape) and len(inner.outputs) == len(eqn.outputs):
        return _describe_inside(tape, eqn, inner, atom, described)
    what = f"named {eqn.params['name']!r}" if eqn.primitive is name_p else f"output of {eqn.primitive.name}"
    return what if eqn.source is None else f"{what} from {eqn.source}"


def _describe_inside(tape: Tape, eqn: Eqn, inner: Tape, atom: Var, described: dict[Var, str]) -> str:
    """As `_describe`, for the result of an equation that runs the tape `inner` on its operands."""
    if len(inner.inputs) != len(eqn.inputs):
        return f"output of {eqn.primitive.name} from {eqn.source}"
    operands = [_describe(tape, a, described) for a in eqn.inputs]
    output = inner.outputs[list(eqn.outputs).index(atom)]
    return _describe(inner, output, dict(zip(inner.inputs, operands, strict=True)))
