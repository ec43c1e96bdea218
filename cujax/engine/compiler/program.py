"""`Program`: a tape made ready to run again and again on a backend's buffers.

A program is a list of steps over numbered slots (steps.py).  A step frees the slots that nobody reads after it, so that
memory is returned as early as possible.  `compile_tape` is the entrance; the program of a tape is kept on it.

Ops that hold tapes (`scan`, `cond`, ...) are steps too: their `impl` compiles and runs the inner tapes.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

from fastrlock.rlock import FastRLock

from cujax.engine.backends.api import Buffer, KernelTarget
from cujax.engine.backends.kernel_errors import KernelCompileError
from cujax.engine.backends.select import selected
from cujax.engine.compiler.generate import Generated, blame, generate
from cujax.engine.compiler.in_place import overwritten_operands
from cujax.engine.compiler.kernel import Kernel, without_comments
from cujax.engine.compiler.passes import PASSES, dump, optimized
from cujax.engine.compiler.plan import make_plan
from cujax.engine.compiler.schedule import lay_out, written_by
from cujax.engine.compiler.steps import BYTE, ImplStep, KernelStep, Layout, Run, ViewStep, nested_call
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

    owned: numbers of the inputs that a run may overwrite; changed: of those among them that it does overwrite.
    placed: numbers of the outputs that are written into buffers which are passed after the inputs.
    call: the same as calling it, without the context where none is needed.
    single_steps: the steps before some are launched together; None without kernels, and where there are several
    devices.
    Slots hold the inputs first, then the buffers for outputs, which are `num_given` in all, then the literals, and
    everything computed.  What is public of them is for a loop that runs the steps itself (loop_plan.py).
    """

    def __init__(
        self, tape: Tape, target: KernelTarget | None, owned: Sequence[int] = (), placed: Sequence[int] = ()
    ) -> None:
        backend = selected()
        self.generated = generated(tape, None if target is None else target.language, owned, placed)
        self.tape = tape = optimized(tape)
        steps, literals = self.generated.steps, _literals_of(self.generated.steps, tape)
        computed = [v for s in steps for v in writes_of(s)]
        self.num_given = first = len(tape.inputs) + len(placed)
        slots: dict[Any, int] = {v: i for i, v in enumerate(tape.inputs)}
        slots |= {a: i for i, a in enumerate([*literals, *computed], first)}
        self._dead = last_uses(steps, tape)
        self.arena = lay_out(steps, tape.outputs, self._dead)
        dump(self.arena, len(PASSES) + 2, "schedule", tape.name)
        dump(self.generated.source, len(PASSES) + 3, "emit", tape.name, "cpp")
        self.changed = tuple([i for i in owned if tape.inputs[i] in self.generated.changed])
        self.literals = [backend.constant(a.buffer) for a in literals]
        self._others = [*self.literals, *[None] * len(computed)]
        places = dict(zip(placed, range(len(tape.inputs), first), strict=True))
        given: dict[Any, int] = _given(steps, tape, places)
        self.outputs = tuple([places.get(k, slots[a]) for k, a in enumerate(tape.outputs)])
        overwritten = {v: slots[a] for v, a in self.generated.in_place.items()}
        self._may_move = len(backend.devices()) > 1
        made = self._made_steps(Layout(slots, self.arena.offsets, given, overwritten), target)
        self.single_steps = None if self._may_move or target is None else made
        self.steps = self._in_stretches(made, target)
        self.copies = [(slots[tape.outputs[k]], i) for k, i in places.items() if given.get(tape.outputs[k]) != i]
        copying = [_copying(self.copies, backend.xp)] if self.copies else []
        self._runs = (*[step.runner() for step in self.steps], *copying)
        nbytes = self.arena.nbytes
        self.new_arena = functools.partial(backend.empty, (nbytes,), BYTE) if nbytes else None
        self._movable = [*range(len(tape.inputs)), *range(first, first + len(literals))]
        if native is not None and not self._may_move:
            parts = self._runs, self._others, self.outputs, self.new_arena
            self.run = native.program_runner(*parts)  # type: ignore[method-assign]
        # Kernels of the host raise no warnings and have one device: they need no context around them.
        on_host = target is not None and target.language == "host"
        self.plans: dict[Any, Any] = {}
        self.is_of_host_kernels = on_host and all(isinstance(s, Kernel) for s in steps)
        self.call = self.run if self.is_of_host_kernels else self.__call__

    def _made_steps(self, layout: Layout, target: Any) -> list[Any]:
        module = self._module(target)
        made: list[Any] = []
        for step, dead in zip(self.generated.steps, self._dead, strict=True):
            if isinstance(step, Kernel):
                found: Any = KernelStep(step, [target.launcher(module, c) for c in step.calls], layout)
            else:
                found = self._compiled(step, layout, target) or self._step(step, layout, dead)
            found.dead = tuple([layout.slots[v] for v in dead])
            made.append(found)
        return made

    def _step(self, eqn: Eqn, layout: Layout, dead: Sequence[Var]) -> ImplStep:
        # A value of the arena that is dead has its place to itself (schedule.py).
        spoils = eqn.primitive.may_spoil and all(a in layout.offsets and a in dead for a in eqn.inputs)
        return ImplStep(eqn, layout, self.generated.taken.get(eqn, ()), spoils)

    def _compiled(self, eqn: Eqn, layout: Layout, target: Any) -> ViewStep | KernelStep | None:
        """A view, or a loop that is a call of compiled code; None for others."""
        if native is None or target is None or target.language != "host":
            return None
        if eqn.primitive.view is not None and len(eqn.inputs) == 1:
            return ViewStep(eqn, layout)
        call = nested_call(eqn) if eqn.primitive.runs is not None else None
        if call is None:
            return None
        kernel = Kernel((call.call,), "", tuple(eqn.inputs), tuple(eqn.outputs))
        return KernelStep(kernel, [call.launch], layout)

    def _in_stretches(self, made: list[Any], target: Any) -> list[Any]:
        module = self._module(target)
        return made if module is None else in_stretches(made, lambda calls: target.stretch(module, calls))

    def _module(self, target: Any) -> Any:
        return target.compile(without_comments(self.generated.source)) if self.generated.kernels else None

    def __call__(self, buffers: Sequence[Buffer]) -> list[Buffer]:
        """The outputs for input `buffers`, in the order of the tape's inputs."""
        with selected().quiet(buffers):
            return self.run(buffers)

    def run(self, buffers: Sequence[Buffer]) -> list[Buffer]:
        """As calling the program, inside another one that is already quiet."""
        slots: list[Any] = [*buffers, *self._others]
        if self._may_move:
            moved = selected().place([slots[i] for i in self._movable], self.tape.name)
            for i, buffer in zip(self._movable, moved, strict=True):
                slots[i] = buffer
        if self.new_arena is not None:
            slots.append(self.new_arena())
        for run in self._runs:
            run(slots)
        return [slots[i] for i in self.outputs]


def _given(steps: Sequence[Kernel | Eqn], tape: Tape, places: Mapping[int, int]) -> dict[Any, int]:
    """For results that a step can write into the buffer of an output the slot of that buffer, of the first if several.

    places: the slots of the buffers by the numbers of the outputs.
    """
    written = {v for s in steps for v in written_by(s)}
    return {v: places[k] for k in reversed(places) if isinstance(v := tape.outputs[k], Var) and v in written}


def _copying(copies: Sequence[tuple[int, int]], xp: Any) -> Run:
    """The last step of a program some of whose outputs are made elsewhere than where they are to be."""

    def copy(slots: list[Any]) -> None:
        for source, destination in copies:
            xp.copyto(slots[destination], slots[source])

    return copy


def generated(
    tape: Tape, language: str | None, owned: Sequence[int] = (), placed: Sequence[int] = ()
) -> Generated:
    """Kernels in `language` and library calls for a tape; every equation as it is where there is no language.

    owned, placed: as of a `Program`.
    """
    if language is None:
        rewritten = optimized(tape)
        return Generated(list(rewritten.eqns), "", frozenset(), in_place=overwritten_operands(rewritten))

    def make() -> Generated:
        rewritten = optimized(tape)
        outputs = {a for a in [rewritten.outputs[k] for k in placed] if isinstance(a, Var)}
        plan = make_plan(rewritten, language, [rewritten.inputs[i] for i in owned], outputs)
        dump(plan, len(PASSES) + 1, "fuse", tape.name)
        return generate(plan, language)

    return tape.memo(("generated", language, tuple(owned), tuple(placed)), make)


def programs_of(eqn: Eqn, language: str | None) -> Sequence[tuple[Tape, tuple[int, ...], tuple[int, ...]]]:
    """What the `impl` of a loop, a branch or a call runs, each as `compile_tape` is asked for it."""
    if eqn.primitive.runs is not None:
        return eqn.primitive.runs(language, **eqn.params).programs
    return [(t, (), ()) for t in subtapes(eqn.params)]


def source(tape: Tape, language: str, owned: Sequence[int] = (), placed: Sequence[int] = ()) -> str:
    """The kernels of a tape's program and of the programs of its loops and branches, each under its name."""
    made = generated(tape, language, owned, placed)
    texts = [made.source] if made.kernels else []
    for step in made.steps:
        if isinstance(step, Eqn):
            for number, (inner, *buffers) in enumerate(programs_of(step, language)):
                text = source(inner, language, *buffers)
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


def compile_tape(tape: Tape, owned: tuple[int, ...] = (), placed: tuple[int, ...] = ()) -> Program:
    """The program of `tape`, made once; for owned and placed see there."""
    key = ("program", owned, placed)
    found = tape._memo.get(key)
    if found is None:
        with _compiling:
            found = tape.memo(key, lambda: _compile(tape, owned, placed))
    return found


def compile_op_by_op(tape: Tape) -> Program:
    """The program of `tape` that calls the `impl` of each op, also where there are kernels; made once."""
    return tape.memo(("program", "op by op"), lambda: Program(tape, None))


def _compile(tape: Tape, owned: tuple[int, ...], placed: tuple[int, ...]) -> Program:
    target = selected().kernels
    try:
        return Program(tape, target, owned, placed)
    except KernelCompileError as error:
        assert target is not None
        blame(generated(tape, target.language, owned, placed).source, target)
        if error not in _reported:
            _reported.add(error)
            warn_user(f"{error}\n{tape.name} runs operation by operation instead.", RuntimeWarning)
        return Program(tape, None, (), placed)


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
