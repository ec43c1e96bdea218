"""`Program`: a tape made ready to run again and again on a backend's buffers.

A program is a list of steps over numbered slots; a step calls one `impl` and then frees the slots that
nobody reads any more, so that memory is returned as early as possible.  Generated kernels become steps
of another kind in the same list.  `compile_tape` is the entrance; the program of a tape is kept on it.

Ops that hold tapes (`scan`, `cond`, ...) are steps too: their `impl` compiles and runs the inner tapes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from fastrlock.rlock import FastRLock

from cujax.engine.backends.api import Buffer
from cujax.engine.backends.select import selected
from cujax.engine.core import nan_check
from cujax.engine.core.array import ConcreteArray
from cujax.engine.core.check import check_if_asked
from cujax.engine.core.recording import last_uses
from cujax.engine.core.simplify import remove_dead_code
from cujax.engine.core.tape import Eqn, Literal, Tape, Var
from cujax.engine.core.trace import buffers_of, known_array
from cujax.engine.ground.config import config

_compiling = FastRLock()


class Step(NamedTuple):
    """`slots[outputs] = impl(xp, *slots[inputs], **params)`, then the slots in `dead` are emptied."""

    impl: Any
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    multiple: bool
    params: dict[str, Any]
    dead: tuple[int, ...]


class Program:
    """Runs the equations of one tape, in order, on buffers.

    Slots hold the inputs first, then the literals, then everything computed.
    """

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        slots: dict[Any, int] = {v: i for i, v in enumerate(tape.inputs)}
        self._literals: list[Any] = []
        for literal in _literals_of(tape):
            slots[literal] = len(tape.inputs) + len(self._literals)
            self._literals.append(selected().constant(literal.buffer))
        for eqn in tape.eqns:
            for var in eqn.outputs:
                slots[var] = len(slots)
        self._num_computed = len(slots) - len(tape.inputs) - len(self._literals)
        self._outputs = [slots[a] for a in tape.outputs]
        self._steps = [_step(e, slots, dead) for e, dead in zip(tape.eqns, last_uses(tape), strict=True)]
        self.xp = selected().xp

    def __call__(self, buffers: Sequence[Buffer]) -> list[Buffer]:
        """The outputs for input `buffers`, in the order of the tape's inputs."""
        with selected().quiet():
            return self.run(buffers)

    def run(self, buffers: Sequence[Buffer]) -> list[Buffer]:
        """As calling the program, inside another one that is already quiet."""
        xp = self.xp
        slots: list[Any] = [*buffers, *self._literals, *[None] * self._num_computed]
        for impl, inputs, outputs, multiple, params, dead in self._steps:
            out = impl(xp, *[slots[i] for i in inputs], **params)
            if multiple:
                for i, buffer in zip(outputs, out, strict=True):
                    slots[i] = buffer
            else:
                slots[outputs[0]] = out
            for i in dead:
                slots[i] = None
        return [slots[i] for i in self._outputs]


def _step(eqn: Eqn, slots: dict[Any, int], dead: Sequence[Var]) -> Step:
    return Step(
        eqn.primitive.rule("impl"),
        tuple(slots[a] for a in eqn.inputs),
        tuple(slots[v] for v in eqn.outputs),
        eqn.primitive.multiple,
        eqn.params,
        tuple(slots[v] for v in dead),
    )


def _literals_of(tape: Tape) -> list[Literal]:
    atoms = [a for e in tape.eqns for a in e.inputs] + list(tape.outputs)
    return list(dict.fromkeys(a for a in atoms if isinstance(a, Literal)))


def compile_tape(tape: Tape) -> Program:
    """The program of `tape`, made once."""
    found = tape._memo.get("program")
    if found is None:
        with _compiling:
            found = tape.memo("program", lambda: Program(optimize(tape)))
    return found


def optimize(tape: Tape) -> Tape:
    """The passes, in order; each is pure and leaves a tape that the verifier accepts."""
    check_if_asked(tape, "as recorded")
    pruned, _ = remove_dead_code(tape)
    return check_if_asked(pruned, "after remove_dead_code")


def run_compiled(tape: Tape, args: Sequence[ConcreteArray]) -> list[ConcreteArray]:
    """Results of `tape` on concrete arrays; under `debug_nans` the op that makes a NaN is named."""
    program = compile_tape(tape)
    outs = [
        ConcreteArray(b, a) for b, a in zip(program([x.buffer for x in args]), tape.out_avals, strict=True)
    ]
    if (config.debug_nans or config.debug_infs) and (bad := nan_check.found_in(outs)) is not None:
        print(f"A result of the jitted function {tape.name} is {bad}; running it op by op to find where.")
        _rerun_checked(tape, args)
    return outs


def run_compiled_impl(primitive: Any, args: Sequence[Any], params: dict[str, Any]) -> list[ConcreteArray]:
    """Results of a structured op on concrete arrays, outside `jit`: its `impl`, which compiles its tapes."""
    arrays = [a if isinstance(a, Literal) else known_array(a) for a in args]
    out_avals = primitive.abstract(tuple(a.aval for a in arrays), params)
    backend = selected()
    with backend.quiet():
        buffers = primitive.impl(backend.xp, *buffers_of(arrays), **params)
    results = [ConcreteArray(b, a) for b, a in zip(buffers, out_avals, strict=True)]
    nan_check.check(primitive.name, results)
    return results


def _rerun_checked(tape: Tape, args: Sequence[ConcreteArray]) -> None:
    """Run op by op, inner tapes too, and raise at the first op whose result is bad."""
    values: dict[Any, ConcreteArray] = dict(zip(tape.inputs, args, strict=True))
    backend = selected()
    for eqn in tape.eqns:
        operands = [a if isinstance(a, Literal) else values[a] for a in eqn.inputs]
        with backend.quiet():
            out = eqn.primitive.impl(backend.xp, *buffers_of(operands), **eqn.params)
        buffers = out if eqn.primitive.multiple else [out]
        results = [ConcreteArray(b, v.aval) for b, v in zip(buffers, eqn.outputs, strict=True)]
        inner = eqn.params.get("tape")
        if isinstance(inner, Tape) and len(inner.inputs) == len(operands) and nan_check.found_in(results):
            _rerun_checked(inner, operands)  # type: ignore[arg-type]
        nan_check.check(eqn.primitive.name, results, eqn.source)
        values.update(zip(eqn.outputs, results, strict=True))
