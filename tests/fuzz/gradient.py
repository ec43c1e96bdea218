"""The derivative of a program, in reverse or in forward mode, as a program of its own.

Transposes make statements that the generator does not: sums of broadcasts, pads of slices, scatters of gathers.
What may differ is not followed through them, so results are compared relative to the largest element.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from functools import cached_property

from .program import Program
from .value import COMPLEX, REALS, Value

_WIDE = (*REALS[2:], *COMPLEX)
_RELATIVE = 1e-3


class Derivative(Program):
    """Of the outputs that are 32 or 64-bit floats by such inputs.

    refused: what a program that is to be differentiated may not contain.
    """

    refused: Sequence[str] = ("nextafter", "lax.pmax", "lax.pmin")
    differentiate = ""

    @property
    def primal(self) -> Program:
        return Program(**{f.name: getattr(self, f.name) for f in fields(Program)})

    @property
    def _differentiated(self) -> list[int]:
        return [i for i in self.inputs if self.values[i].dtype in _WIDE]

    @property
    def _wide_outputs(self) -> list[int]:
        return [o for o in self.outputs if self.values[o].dtype in _WIDE]

    @cached_property
    def source(self) -> str:
        inputs = self._differentiated
        primal = self.lines("primal", inputs, self._wide_outputs)
        return "\n".join([
            f"def f({', '.join(f'v{i}' for i in self.inputs)}):",
            "    def some(x):",
            "        return jnp.cos(jnp.arange(x.size)).reshape(x.shape).astype(x.dtype)",
            "",
            *[f"    {line}" for line in primal],
            f"    args = ({''.join(f'v{i}, ' for i in inputs)})",
            f"    {self.differentiate}",
        ]) + "\n"


class Gradient(Derivative):
    """The cotangents of the inputs, for some cotangents of the outputs."""

    refused = (*Derivative.refused, "while_loop", "fori_loop(0, lax")
    differentiate = "outs, pull = vjp(primal, *args); return pull(tuple(map(some, outs)))"

    @property
    def results(self) -> list[Value]:
        return [approximate(self.values[i]) for i in self._differentiated]


class Tangent(Derivative):
    """The tangents of the outputs, for some tangents of the inputs."""

    differentiate = "return jvp(primal, args, tuple(map(some, args)))[1]"

    @property
    def results(self) -> list[Value]:
        return [approximate(self.values[o]) for o in self._wide_outputs]


def approximate(v: Value) -> Value:
    return replace(v, relative=_RELATIVE, is_ieee=False)


def gradient(program: Program) -> Derivative | None:
    """The derivative in reverse mode, None where there is nothing to differentiate."""
    return derivative(program, Gradient)


def tangent(program: Program) -> Derivative | None:
    """The derivative in forward mode, None where there is nothing to differentiate."""
    return derivative(program, Tangent)


def derivative(program: Program, kind: type[Derivative]) -> Derivative | None:
    wide = [o for o in program.outputs if program.values[o].dtype in _WIDE]
    small = program.with_outputs(wide)
    used = [small.values[n] for n in (*small.inputs, *(t for s in small.statements for t in s.targets))]
    has_inputs = any(small.values[i].dtype in _WIDE for i in small.inputs)
    if not wide or not has_inputs or any(v.special for v in used):
        return None
    if any(name in small.source for name in kind.refused):
        return None
    return kind(**{f.name: getattr(small, f.name) for f in fields(Program)})
