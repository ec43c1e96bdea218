"""Recording ops on a tape.

`TapeTrace` is the trace under which `jit`, `scan` and the other staged functions run the user's code:
each op appends an equation and returns a `TapeTracer`.  Values from outside become captured inputs of
the tape: arrays and outer tracers as leading inputs, scalars as literals.  Start at `record`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from cujax.engine.core.array import ConcreteArray, to_array
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.context import context, using_trace
from cujax.engine.core.explain_tracer import leak_error
from cujax.engine.core.leaks import leak_checked
from cujax.engine.core.primitive import Primitive
from cujax.engine.core.tape import Atom, Eqn, Literal, Tape, Var
from cujax.engine.core.trace import Trace, Tracer, is_evaluating
from cujax.engine.ground import dtypes
from cujax.engine.ground.source import describe_function, user_line


class TapeTracer(Tracer):
    """A value on the tape of a `TapeTrace`."""

    __slots__ = ("_line", "variable")

    def __init__(self, trace: TapeTrace, var: Var, line: Any) -> None:
        self.owner = trace
        self.variable = var
        self.aval = var.aval
        self._line = line

    def origin(self) -> str:
        return self.owner.origin(self.variable)  # type: ignore[attr-defined]

    def line(self) -> Any:
        return self._line

    def __repr__(self) -> str:
        return f"JitTracer({self.aval.str_weak()})"

    __str__ = __repr__


def is_known_zero(x: Any) -> bool:
    """Whether a value is seen to be an array of zeros, as `zeros_of` makes it.  A concrete array is read."""
    if type(x) is TapeTracer:
        assert isinstance(x.owner, TapeTrace)
        eqn = next((e for e in reversed(x.owner.eqns) if x.variable in e.outputs), None)
        if eqn is None or eqn.primitive.name != "broadcast_in_dim":
            return False
        return isinstance(eqn.inputs[0], Literal) and not np.any(eqn.inputs[0].buffer)
    return type(x) is ConcreteArray and not x.buffer.any()


_EACH_TIME = frozenset(("scan", "while_loop", "cond", "switch"))  # transformations that record outside of `jit`


class Origin:
    """Whose code is being recorded: the transformation's name, the function, names of its flat arguments."""

    __slots__ = ("argument_names", "fun", "transform")

    def __init__(self, transform: str, fun: Any, argument_names: Iterable[str] = ()) -> None:
        self.transform = transform
        self.fun = fun
        self.argument_names = argument_names


class _Captured(NamedTuple):
    """`seen` is kept so that its id stays its own; `value` is what the tape's input `var` stands for."""

    seen: Any
    value: Any
    var: Var


class TapeTrace(Trace):
    """Records ops.  `inputs`, `eqns` and `captured` grow until `finish` freezes them into a tape.

    keeps_scalars: arrays of rank 0 that are captured are inputs, not literals.
    """

    __slots__ = ("captured", "eqns", "inputs", "keeps_scalars", "made_by", "name")

    def __init__(self, name: str = "", made_by: Origin | None = None, keeps_scalars: bool = False) -> None:
        super().__init__()
        self.keeps_scalars = keeps_scalars
        self.inputs: list[Var] = []
        self.eqns: list[Eqn] = []
        self.captured: dict[int, _Captured] = {}
        self.name = name
        self.made_by = made_by

    def input(self, aval: ShapedArray) -> TapeTracer:
        """A new input of the tape."""
        var = Var(aval)
        self.inputs.append(var)
        return TapeTracer(self, var, None)

    def operand(self, x: Any) -> Atom:
        """What `x` is called on this tape; a value from outside is captured."""
        kind = type(x)
        if kind is TapeTracer and x.owner is self:
            return x.variable
        if kind is Literal:
            return x
        found = self.captured.get(id(x))
        return self._capture(x) if found is None else found.var

    def _capture(self, x: Any) -> Atom:
        """A leading input for an array or an outer tracer; a scalar whose value is known becomes a literal."""
        if isinstance(x, Tracer) and not x.owner.alive:
            raise leak_error(x)
        value = x if isinstance(x, Tracer) else to_array(x)
        is_kept = value.aval.shape or dtypes.is_key(value.aval.dtype) or (self.keeps_scalars and value is x)
        if type(value) is ConcreteArray and not is_kept:
            return Literal(value.to_numpy()[()], value.aval)
        var = Var(value.aval)
        self.captured[id(x)] = _Captured(x, value, var)
        return var

    def process(self, primitive: Primitive, args: tuple, params: dict[str, Any]) -> Any:
        if primitive.stage is not None:
            return primitive.stage(self, args, params)
        return self.append(primitive, args, params)

    def append(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        """Add the equation and return its results."""
        inputs = [self.operand(a) for a in args]
        out_avals = primitive.abstract(tuple([a.aval for a in inputs]), params)
        line = context.line or user_line()
        outputs = [Var(a) for a in out_avals] if primitive.multiple else [Var(out_avals)]
        self.eqns.append(Eqn(primitive, inputs, outputs, params, line))
        if primitive.multiple:
            return [TapeTracer(self, v, line) for v in outputs]
        return TapeTracer(self, outputs[0], line)

    def finish(self, outs: Sequence[Any]) -> tuple[Tape, list[Any]]:
        """The tape that returns `outs`, its captured inputs first, and the captured values."""
        outputs = [self.operand(o) for o in outs]
        captured = list(self.captured.values())
        self.alive = False
        tape = Tape([*(c.var for c in captured), *self.inputs], self.eqns, outputs, self.name)
        return tape, [c.value for c in captured]

    def origin(self, var: Var) -> str:
        """On which arguments `var` depends, for error texts."""
        if self.made_by is None:
            return ""
        text = f"It arose while tracing {describe_function(self.made_by.fun)} for {self.made_by.transform}."
        names = self._dependencies(var)
        if names:
            plural = "s" if len(names) > 1 else ""
            text += f" Its value depends on the argument{plural} {', '.join(names)}."
        return text

    def _dependencies(self, var: Var) -> list[str]:
        needed: set[Any] = {var}
        for eqn in reversed(self.eqns):
            if any(v in needed for v in eqn.outputs):
                needed.update(a for a in eqn.inputs if isinstance(a, Var))
        assert self.made_by is not None
        return [n for v, n in zip(self.inputs, self.made_by.argument_names, strict=False) if v in needed]


@leak_checked
def record(
    fun: Callable, in_avals: Sequence[ShapedArray], name: str = "", made_by: Origin | None = None
) -> tuple[Tape, list[Any]]:
    """Run `fun(*tracers) -> sequence of values` on tracers of the given avals.

    Returns the tape and the values it captured, which are its leading inputs.  What is recorded for each call anew, as
    the body of a loop outside of `jit`, has no values of arrays in it, so that it has one program for all of them.
    """
    each_time = made_by is not None and made_by.transform in _EACH_TIME and is_evaluating()
    trace = TapeTrace(name, made_by, keeps_scalars=each_time)
    tracers = [trace.input(a) for a in in_avals]
    with using_trace(trace):
        outs = fun(*tracers)
        return trace.finish(outs)


def record_pure(fun: Callable, in_avals: Sequence[ShapedArray], name: str = "") -> Tape:
    """As `record`, for functions that depend on their arguments only; arrays they make become literals."""
    tape, consts = record(fun, in_avals, name)
    return tape if not consts else _bind_literals(tape, consts)


def _bind_literals(tape: Tape, consts: Sequence[Any]) -> Tape:
    """`tape` with its leading inputs replaced by the concrete arrays `consts`."""
    literals = {v: Literal(c.buffer, c.aval) for v, c in zip(tape.inputs, consts, strict=False)}

    def bound(atoms: Sequence[Atom]) -> list[Atom]:
        return [literals.get(a, a) for a in atoms]  # type: ignore[arg-type]

    eqns = [Eqn(e.primitive, bound(e.inputs), e.outputs, e.params, e.source) for e in tape.eqns]
    return Tape(tape.inputs[len(consts) :], eqns, bound(tape.outputs), tape.name)


def run_tape(tape: Tape, args: Sequence[Any]) -> list[Any]:
    """Evaluate `tape` by binding its equations one by one under the current trace.

    What a rule records for an equation belongs to the user's line of that equation.
    """
    values: dict[Var, Any] = dict(zip(tape.inputs, args, strict=True))
    last_use = tape.memo("last_use", lambda: last_uses(tape))
    line = context.line
    try:
        for position, eqn in enumerate(tape.eqns):
            args = [a if type(a) is Literal else values[a] for a in eqn.inputs]  # type: ignore[index]
            context.line = eqn.source or line
            out = eqn.primitive.bind(*args, **eqn.params)
            if eqn.primitive.multiple:
                values.update(zip(eqn.outputs, out, strict=True))
            else:
                values[eqn.outputs[0]] = out
            for var in last_use[position]:
                del values[var]
    finally:
        context.line = line
    return [a if type(a) is Literal else values[a] for a in tape.outputs]  # type: ignore[index]


def last_uses(tape: Tape) -> list[list[Var]]:
    """For each equation, the variables that nobody reads after it."""
    seen = {a for a in tape.outputs if isinstance(a, Var)}
    result: list[list[Var]] = []
    for eqn in reversed(tape.eqns):
        dead = [v for v in dict.fromkeys([*eqn.inputs, *eqn.outputs]) if isinstance(v, Var) and v not in seen]
        seen.update(dead)
        result.append(dead)
    return result[::-1]

