"""The tape: a flat list of equations, in the order in which the user's function made them.

    Var      a value known by its aval; identity is its name
    Literal  a scalar constant with its aval (a NumPy scalar and possibly a weak type)
    Eqn      primitive, inputs (Var or Literal), params, outputs, the user's line
    Tape     inputs, eqns, outputs; has no constants of its own and is never changed
    ClosedTape  a tape whose first inputs are bound to captured values

A tape may be the param of an equation (`jit`, `scan`, `cond`).  Results that depend on a tape alone (its
derivative, its batched form, its program) are kept on it with `Tape.memo`, so they live as long as it.
It prints in JAX's notation: start at `format_tape`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from cujax.engine.core.aval import ShapedArray
from cujax.engine.ground import dtypes
from cujax.engine.ground.source import SourceLine


class Var:
    """A value on a tape."""

    __slots__ = ("aval",)

    def __init__(self, aval: ShapedArray) -> None:
        self.aval = aval

    def __repr__(self) -> str:
        return f"Var({self.aval.str_short()})"


class Literal:
    """A constant operand, nearly always a scalar: what a Python number becomes beside an array.

    `buffer` is a NumPy scalar (or, for the rare table that a rule makes, a buffer of the backend).
    """

    __slots__ = ("aval", "buffer")

    def __init__(self, buffer: Any, aval: ShapedArray) -> None:
        self.buffer = buffer
        self.aval = aval

    @property
    def val(self) -> Any:
        return self.buffer

    @property
    def shape(self) -> tuple[int, ...]:
        return self.aval.shape

    @property
    def ndim(self) -> int:
        return self.aval.ndim

    @property
    def size(self) -> int:
        return self.aval.size

    @property
    def dtype(self) -> Any:
        return self.aval.dtype

    def __repr__(self) -> str:
        return f"{self.buffer}:{self.aval.str_short()}"


Atom = Var | Literal


def literal(value: Any, dtype: Any, weak_type: bool = False) -> Literal:
    """The scalar `value` in `dtype`, as an operand."""
    return Literal(dtype.type(value), ShapedArray((), dtype, weak_type))


def replaced(atoms: Iterable[Atom], known: Mapping[Var, Atom]) -> list[Atom]:
    """`atoms`, with what stands in `known` for some of the variables."""
    return [known.get(a, a) if isinstance(a, Var) else a for a in atoms]


class Eqn:
    """One line of a tape: `outputs = primitive(inputs, **params)`."""

    __slots__ = ("inputs", "outputs", "params", "primitive", "source")

    def __init__(
        self,
        primitive: Any,
        inputs: Sequence[Atom],
        outputs: Sequence[Var],
        params: dict[str, Any],
        source: SourceLine | None,
    ) -> None:
        self.primitive = primitive
        self.inputs = inputs
        self.outputs = outputs
        self.params = params
        self.source = source

    @property
    def invars(self) -> Sequence[Atom]:
        return self.inputs

    @property
    def outvars(self) -> Sequence[Var]:
        return self.outputs

    @property
    def has_effect(self) -> bool:
        """True when the equation must run even if nobody reads its results."""
        return self.primitive.effect or any(t.has_effects for t in subtapes(self.params))

    def with_inputs(self, inputs: Sequence[Atom]) -> Eqn:
        """The same on other operands; it makes the same variables."""
        return Eqn(self.primitive, inputs, self.outputs, self.params, self.source)

    def __repr__(self) -> str:
        return _format_eqn(self, _Names(), 0)


class Tape:
    """A pure function of `inputs`, as equations; frozen."""

    __slots__ = ("_memo", "eqns", "has_effects", "inputs", "name", "outputs")

    def __init__(
        self, inputs: Sequence[Var], eqns: Sequence[Eqn], outputs: Sequence[Atom], name: str = ""
    ) -> None:
        self.inputs = tuple(inputs)
        self.eqns = tuple(eqns)
        self.outputs = tuple(outputs)
        self.name = name
        self.has_effects = any(e.has_effect for e in self.eqns)
        self._memo: dict[Any, Any] = {}

    @property
    def in_avals(self) -> tuple[ShapedArray, ...]:
        return tuple(v.aval for v in self.inputs)

    @property
    def out_avals(self) -> tuple[ShapedArray, ...]:
        return tuple(a.aval for a in self.outputs)

    @property
    def invars(self) -> tuple[Var, ...]:
        return self.inputs

    @property
    def constvars(self) -> tuple[Var, ...]:
        """The inputs for captured constants, where `invars` leaves them out (`OpenTape`)."""
        return ()

    @property
    def outvars(self) -> tuple[Atom, ...]:
        return self.outputs

    def memo(self, key: Any, compute: Callable[[], Any]) -> Any:
        """`compute()`, remembered under `key` for the life of this tape (first result wins)."""
        found = self._memo.get(key)
        if found is None:
            found = self._memo.setdefault(key, compute())
        return found

    def __repr__(self) -> str:
        return format_tape(self)

    __str__ = __repr__


class OpenTape(Tape):
    """A tape whose first `num_consts` inputs are for constants, as programs that walk a jaxpr tell them apart."""

    __slots__ = ("num_consts",)

    def __init__(self, tape: Tape, num_consts: int) -> None:
        super().__init__(tape.inputs, tape.eqns, tape.outputs, tape.name)
        self.num_consts = num_consts

    @property
    def invars(self) -> tuple[Var, ...]:
        return self.inputs[self.num_consts :]

    @property
    def constvars(self) -> tuple[Var, ...]:
        return self.inputs[: self.num_consts]


class ClosedTape:
    """A tape with its captured constants: `tape(*consts, *args)`; what `make_jaxpr` returns."""

    __slots__ = ("consts", "tape")

    def __init__(self, tape: Tape, consts: Sequence[Any]) -> None:
        self.tape = tape
        self.consts = tuple(consts)

    @property
    def jaxpr(self) -> Tape:
        """The tape; with constants they are its `constvars`."""
        count = len(self.consts)
        return self.tape.memo(("open", count), lambda: OpenTape(self.tape, count)) if count else self.tape

    @property
    def eqns(self) -> tuple[Eqn, ...]:
        return self.tape.eqns

    @property
    def in_avals(self) -> tuple[ShapedArray, ...]:
        return self.tape.in_avals[len(self.consts) :]

    @property
    def out_avals(self) -> tuple[ShapedArray, ...]:
        return self.tape.out_avals

    @property
    def literals(self) -> tuple[Any, ...]:
        return self.consts

    def __repr__(self) -> str:
        return format_tape(self.tape, len(self.consts))

    __str__ = __repr__


def subtapes(params: dict[str, Any]) -> Iterable[Tape]:
    """The tapes among the params of an equation."""
    for value in params.values():
        if isinstance(value, Tape):
            yield value
        elif isinstance(value, tuple):
            yield from (v for v in value if isinstance(v, Tape))


# --- printing ---------------------------------------------------------------------------------------


class _Names:
    """Letters for variables in order of appearance: a, b, ..., z, ba, bb, ..."""

    def __init__(self) -> None:
        self._names: dict[Var, str] = {}

    def __call__(self, atom: Atom) -> str:
        if isinstance(atom, Literal):
            return f"{_literal_text(atom)}:{atom.aval.str_short()}"
        if atom not in self._names:
            self._names[atom] = _letters(len(self._names))
        return self._names[atom]

    def typed(self, atom: Atom) -> str:
        return f"{self(atom)}:{atom.aval.str_short()}" if isinstance(atom, Var) else self(atom)


def _letters(n: int) -> str:
    text = chr(ord("a") + n % 26)
    while n >= 26:
        n //= 26
        text = chr(ord("a") + n % 26) + text
    return text


def _literal_text(atom: Literal) -> str:
    if atom.aval.shape:
        return "[...]"
    return str(bool(atom.buffer)) if dtypes.is_bool(atom.aval.dtype) else str(atom.buffer)


def format_tape(tape: Tape, num_consts: int = 0, indent: int = 0) -> str:
    """The tape in JAX's notation: `{ lambda a:f32[3]; b:f32[]. let c:f32[3] = mul b a in (c,) }`."""
    names = _Names()
    pad = " " * indent
    consts = " ".join(names.typed(v) for v in tape.inputs[:num_consts])
    inputs = " ".join(names.typed(v) for v in tape.inputs[num_consts:])
    lines = [pad + "    " + _format_eqn(e, names, indent + 4) for e in tape.eqns]
    outputs = ", ".join(names(a) for a in tape.outputs) + ("," if len(tape.outputs) == 1 else "")
    head = f"{{ lambda {consts}; {inputs}. let" if consts else f"{{ lambda ; {inputs}. let"
    if not lines:
        return f"{head} in ({outputs}) }}"
    return "\n".join([head, *lines, f"{pad}  in ({outputs}) }}"])


def _format_eqn(eqn: Eqn, names: _Names, indent: int) -> str:
    inputs = " ".join(names(a) for a in eqn.inputs)
    outputs = " ".join(names.typed(v) for v in eqn.outputs)
    params = {k: v for k, v in eqn.params.items() if not callable(v)}
    text = f"{outputs} = {eqn.primitive.name}{_format_params(params, indent)}"
    return f"{text} {inputs}".rstrip()


def _format_params(params: dict[str, Any], indent: int) -> str:
    if not params:
        return ""
    if any(subtapes(params)):
        lines = (f"{' ' * (indent + 2)}{k}={_format_param(v, indent + 2)}" for k, v in params.items())
        return "[\n" + "\n".join(lines) + f"\n{' ' * indent}]"
    return "[" + " ".join(f"{k}={_format_param(v, indent)}" for k, v in params.items()) + "]"


def _format_param(value: Any, indent: int) -> str:
    if isinstance(value, Tape):
        return format_tape(value, indent=indent)
    if isinstance(value, tuple) and any(isinstance(v, Tape) for v in value):
        return "(" + ", ".join(_format_param(v, indent) for v in value) + ")"
    return (
        getattr(value, "name", None) or str(value).replace(" ", "") if not isinstance(value, str) else value
    )
