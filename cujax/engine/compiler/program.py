"""`Program`: a tape made ready to run again and again on a backend's buffers.

A program is a list of steps over numbered slots (steps.py).  A step frees the slots that nobody reads after it, so that
memory is returned as early as possible.  `compile_tape` is the entrance; the program of a tape is kept on it.

Ops that hold tapes (`scan`, `cond`, ...) are steps too: their `impl` compiles and runs the inner tapes.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Iterable, Sequence
from typing import Any

from fastrlock.rlock import FastRLock

from cujax.engine.backends.api import Buffer, KernelTarget
from cujax.engine.backends.kernel_errors import KernelCompileError
from cujax.engine.backends.select import selected
from cujax.engine.compiler.generate import Generated, generate
from cujax.engine.compiler.kernel import Kernel, without_comments
from cujax.engine.compiler.passes import PASSES, dump, optimized
from cujax.engine.compiler.plan import make_plan
from cujax.engine.compiler.schedule import lay_out
from cujax.engine.compiler.steps import BYTE, ImplStep, KernelStep
from cujax.engine.compiler.stretch import in_stretches
from cujax.engine.core import nan_check
from cujax.engine.core.array import ConcreteArray
from cujax.engine.core.tape import Eqn, Literal, Tape, Var, subtapes
from cujax.engine.core.trace import buffers_of, known_array
from cujax.engine.ground.config import config
from cujax.engine.ground.native import native
from cujax.engine.ground.source import warn_user

_compiling = FastRLock()
_reported: weakref.WeakSet[KernelCompileError] = weakref.WeakSet()  # a compiler that takes nothing fails only once


class Program:
    """Runs the steps of one tape, in order, on buffers.

    changed: numbers of the inputs whose buffers a run overwrites, among those that the caller gives away.
    call: the same as calling it, without the context where none is needed.
    Slots hold the inputs first, then the literals, then everything computed.
    """

    def __init__(self, tape: Tape, target: KernelTarget | None, owned: Sequence[int] = ()) -> None:
        backend = selected()
        self.generated = generated(tape, None if target is None else target.language, owned)
        self.tape = tape = optimized(tape)
        self._slots: dict[Any, int] = {v: i for i, v in enumerate(tape.inputs)}
        self._literals: list[Any] = []
        steps = self.generated.steps
        for literal in _literals_of(steps, tape):
            self._slots[literal] = len(tape.inputs) + len(self._literals)
            self._literals.append(backend.constant(literal.buffer))
        for step in steps:
            for var in writes_of(step):
                self._slots[var] = len(self._slots)
        self._dead = last_uses(steps, tape)
        self.arena = lay_out(steps, tape.outputs, self._dead)
        dump(self.arena, len(PASSES) + 2, "schedule", tape.name)
        dump(self.generated.source, len(PASSES) + 3, "emit", tape.name, "cpp")
        num_computed = len(self._slots) - len(tape.inputs) - len(self._literals)
        self.changed = tuple([i for i in owned if tape.inputs[i] in self.generated.changed])
        self._others = [*self._literals, *[None] * num_computed]
        self._outputs = tuple([self._slots[a] for a in tape.outputs])
        self._runs = tuple([step.runner() for step in self._made_steps(steps, target, backend.xp)])
        nbytes = self.arena.nbytes
        self._new_arena = functools.partial(backend.empty, (nbytes,), BYTE) if nbytes else None
        self._may_move = len(backend.devices()) > 1
        if native is not None and not self._may_move:
            parts = self._runs, self._others, self._outputs, self._new_arena
            self.run = native.program_runner(*parts)  # type: ignore[method-assign]
        # Kernels of the host raise no warnings and have one device: they need no context around them.
        on_host = target is not None and target.language == "host"
        self.call = self.run if on_host and all(isinstance(s, Kernel) for s in steps) else self.__call__

    def _made_steps(self, steps: Sequence[Kernel | Eqn], target: Any, xp: Any) -> list[Any]:
        module = target.compile(without_comments(self.generated.source)) if self.generated.kernels else None
        made: list[Any] = []
        for step, dead in zip(steps, self._dead, strict=True):
            if isinstance(step, Kernel):
                launches = [target.launcher(module, c) for c in step.calls]
                found: Any = KernelStep(step, launches, self._slots, self.arena.offsets)
            else:
                found = ImplStep(step, self._slots, xp)
            found.dead = tuple([self._slots[v] for v in dead])
            made.append(found)
        return made if module is None else in_stretches(made, lambda calls: target.stretch(module, calls))

    def __call__(self, buffers: Sequence[Buffer]) -> list[Buffer]:
        """The outputs for input `buffers`, in the order of the tape's inputs."""
        with selected().quiet(buffers):
            return self.run(buffers)

    def run(self, buffers: Sequence[Buffer]) -> list[Buffer]:
        """As calling the program, inside another one that is already quiet."""
        slots: list[Any] = [*buffers, *self._others]
        if self._may_move:
            given = len(buffers) + len(self._literals)
            slots[:given] = selected().place(slots[:given], self.tape.name)
        if self._new_arena is not None:
            slots.append(self._new_arena())
        for run in self._runs:
            run(slots)
        return [slots[i] for i in self._outputs]


def generated(tape: Tape, language: str | None, owned: Sequence[int] = ()) -> Generated:
    """Kernels in `language` and library calls for a tape; every equation as it is where there is no language.

    owned: numbers of inputs whose buffers may be overwritten.
    """
    if language is None:
        return Generated(list(optimized(tape).eqns), "", frozenset())

    def make() -> Generated:
        rewritten = optimized(tape)
        plan = make_plan(rewritten, language, [rewritten.inputs[i] for i in owned])
        dump(plan, len(PASSES) + 1, "fuse", tape.name)
        return generate(plan, language)

    return tape.memo(("generated", language, tuple(owned)), make)


def source(tape: Tape, language: str, owned: Sequence[int] = ()) -> str:
    """The kernels of a tape's program and of the programs of its loops and branches, each under its name."""
    made = generated(tape, language, owned)
    texts = [made.source] if made.kernels else []
    for step in made.steps:
        if isinstance(step, Eqn):
            for number, inner in enumerate(subtapes(step.params)):
                text = source(inner, language)
                texts += [f"// ---- {step.primitive.name}, tape {number}: {inner.name}\n\n{text}"] if text else []
    return "\n".join(texts)


def reads_of(step: Kernel | Eqn) -> Sequence[Var | Literal]:
    """What a step takes from slots."""
    return step.needs if isinstance(step, Kernel) else step.inputs


def writes_of(step: Kernel | Eqn) -> Sequence[Var]:
    """What a step puts into slots."""
    return step.writes if isinstance(step, Kernel) else step.outputs


def last_uses(steps: Sequence[Kernel | Eqn], tape: Tape) -> list[list[Var]]:
    """For each step, the variables that nobody reads after it."""
    seen = {a for a in tape.outputs if isinstance(a, Var)}
    result: list[list[Var]] = []
    for step in reversed(steps):
        touched = dict.fromkeys([*reads_of(step), *writes_of(step)])
        dead = [v for v in touched if isinstance(v, Var) and v not in seen]
        seen.update(dead)
        result.append(dead)
    return result[::-1]


def _literals_of(steps: Sequence[Kernel | Eqn], tape: Tape) -> list[Literal]:
    atoms = [a for s in steps for a in reads_of(s)] + list(tape.outputs)
    return list(dict.fromkeys(a for a in atoms if isinstance(a, Literal)))


def compile_tape(tape: Tape, owned: tuple[int, ...] = ()) -> Program:
    """The program of `tape`, made once; it may overwrite the buffers of the inputs whose numbers are in `owned`."""
    key = ("program", owned)
    found = tape._memo.get(key)
    if found is None:
        with _compiling:
            found = tape.memo(key, lambda: _compile(tape, owned))
    return found


def compile_body(tape: Tape, num_consts: int, num_carry: int) -> Program:
    """The program of a loop's body (consts, carry, ...) -> (carry, ...), which may change its carry in place.

    The inputs that it overwrites (`changed`) are its own from the second step on; before the first the loop copies
    them.  A carry qualifies if what takes its place in the next step is no other input, no other carry, and made by
    a kernel, so that nothing else refers to it.
    """
    target = selected().kernels
    if target is None:
        return compile_tape(tape)
    steps, rewritten = generated(tape, target.language).steps, optimized(tape)
    made = {v for s in steps if isinstance(s, Kernel) for v in s.writes}
    outputs = rewritten.outputs[:num_carry]
    owned = [
        num_consts + i
        for i, out in enumerate(outputs)
        if outputs.count(out) == 1 and (out in made or out is rewritten.inputs[num_consts + i])
    ]
    return compile_tape(tape, tuple(owned))


def copied(buffers: Sequence[Buffer], numbers: Iterable[int]) -> list[Buffer]:
    """`buffers` with copies of those that a program is going to overwrite."""
    found = list(buffers)
    for i in numbers:
        found[i] = selected().copy(found[i])
    return found


def _compile(tape: Tape, owned: tuple[int, ...]) -> Program:
    try:
        return Program(tape, selected().kernels, owned)
    except KernelCompileError as error:
        if error not in _reported:
            _reported.add(error)
            warn_user(f"{error}\n{tape.name} runs operation by operation instead.", RuntimeWarning)
        return Program(tape, None)


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
