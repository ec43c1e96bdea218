"""`Program`: inputs, statements and outputs, as text that cujax and JAX both run.

    v2 = lax.mul(v0, v1)
    v3, v4 = jnp.split(v2, (2,), 1)

Values are v0, v1, ...; the inputs are NumPy arrays in some layout.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from .value import Value, bfloat16

_NAME = re.compile(r"\bv(\d+)\b")


class Statement(NamedTuple):
    """`targets = text`."""

    targets: tuple[int, ...]
    text: str

    @property
    def operands(self) -> tuple[int, ...]:
        return tuple(dict.fromkeys(int(n) for n in _NAME.findall(self.text)))

    def renamed(self, names: Callable[[int], int]) -> Statement:
        text = _NAME.sub(lambda m: f"v{names(int(m.group(1)))}", self.text)
        return Statement(tuple(names(t) for t in self.targets), text)

    def bindings(self) -> list[str]:
        """The same as expressions, for the body of a lambda."""
        if len(self.targets) == 1:
            return [f"v{self.targets[0]} := {self.text}"]
        whole = f"t{self.targets[0]}"
        return [f"{whole} := {self.text}", *[f"v{t} := {whole}[{k}]" for k, t in enumerate(self.targets)]]

    def __str__(self) -> str:
        return ", ".join(f"v{t}" for t in self.targets) + f" = {self.text}"


LAYOUTS = ("plain", "transposed", "reversed", "strided", "misaligned", "repeated")


@dataclass(frozen=True)
class Input:
    """The values of an input and how they lie in memory."""

    array: np.ndarray
    layout: str = "plain"

    def laid_out(self) -> np.ndarray:
        """A new view of new memory with these values."""
        return _LAY_OUT[self.layout](self.array)


def _plain(x: np.ndarray) -> np.ndarray:
    return np.array(x, order="C")


def _transposed(x: np.ndarray) -> np.ndarray:
    return np.array(x, order="F")


def _reversed(x: np.ndarray) -> np.ndarray:
    back = (slice(None, None, -1),) * x.ndim
    return np.array(x[back], order="C")[back]


def _strided(x: np.ndarray) -> np.ndarray:
    wide = np.zeros([2 * d + 1 for d in x.shape], x.dtype)
    view = wide[(slice(1, None, 2),) * x.ndim]
    view[...] = x
    return view


def _misaligned(x: np.ndarray) -> np.ndarray:
    memory = np.zeros(x.nbytes + 1, np.uint8)
    view = memory[1:].view(x.dtype).reshape(x.shape)
    view[...] = x
    return view


def _repeated(x: np.ndarray) -> np.ndarray:
    """Strides of zero along the axes where all elements are equal."""
    equal = [d > 1 and bool(np.all(_bits(x) == _bits(x).take([0], k))) for k, d in enumerate(x.shape)]
    first = x[tuple(slice(0, 1) if e else slice(None) for e in equal)]
    return np.broadcast_to(np.array(first, order="C"), x.shape)


def _bits(x: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(x).view(f"V{x.dtype.itemsize}").reshape(x.shape)


_LAY_OUT = {
    "plain": _plain, "transposed": _transposed, "reversed": _reversed, "strided": _strided,
    "misaligned": _misaligned, "repeated": _repeated,
}


@dataclass(frozen=True)
class Program:
    """See the module's docstring.  values: what is known of each value, by its number."""

    inputs: Mapping[int, Input]
    statements: Sequence[Statement]
    outputs: Sequence[int]
    values: Mapping[int, Value] = field(repr=False)

    @cached_property
    def source(self) -> str:
        """The text of a function `f`."""
        return "\n".join(self.lines("f", self.inputs, self.outputs)) + "\n"

    def lines(self, name: str, inputs: Iterable[int], outputs: Iterable[int]) -> list[str]:
        """The text of a function from some values to others."""
        parameters = ", ".join(f"v{i}" for i in inputs)
        results = "".join(f"v{o}, " for o in outputs)
        return [f"def {name}({parameters}):", *[f"    {s}" for s in self.statements], f"    return ({results})"]

    @property
    def results(self) -> list[Value]:
        """What is known of each result of the function."""
        return [self.values[o] for o in self.outputs]

    @property
    def primal(self) -> Program:
        """The program itself, where this one is derived from it."""
        return self

    @property
    def reference(self) -> Program:
        """The program whose results, computed op by op, are the right ones."""
        return self

    @property
    def given(self) -> list[Input]:
        """The inputs that the function takes."""
        return list(self.inputs.values())

    def function(self, names: Mapping[str, Any]) -> Callable:
        """The function, of one library."""
        scope = {"np": np, "bfloat16": bfloat16.type, **names}
        exec(compile(self.source, "<random program>", "exec"), scope)
        return scope["f"]

    def arguments(self) -> list[np.ndarray]:
        return [i.laid_out() for i in self.given]

    def with_outputs(self, outputs: Iterable[int]) -> Program:
        """Only what `outputs` need."""
        outputs = tuple(outputs)
        needed, kept = set(outputs), []
        for statement in reversed(self.statements):
            if needed.intersection(statement.targets):
                kept.append(statement)
                needed.update(statement.operands)
        inputs = {i: x for i, x in self.inputs.items() if i in needed}
        return replace(self, inputs=inputs, statements=kept[::-1], outputs=outputs)


def joined(programs: Sequence[Program]) -> Program:
    """One program that does what all of them do, so that one compilation serves them all."""
    inputs: dict[int, Input] = {}
    values: dict[int, Value] = {}
    statements: list[Statement] = []
    outputs: list[int] = []
    for program in programs:
        start = max(values, default=-1) + 1
        inputs |= {start + i: x for i, x in program.inputs.items()}
        values |= {start + i: v for i, v in program.values.items()}
        statements += [s.renamed(lambda n, start=start: start + n) for s in program.statements]
        outputs += [start + o for o in program.outputs]
    return Program(inputs, statements, outputs, values)
