"""The derivative of a program, in reverse mode, as a program of its own.

Its transposes make statements that the generator does not: sums of broadcasts, pads of slices, scatters of gathers.
What may differ is not followed through them, so results are compared relative to the largest element.
"""

from __future__ import annotations

from dataclasses import fields, replace
from functools import cached_property

from .program import Program
from .value import COMPLEX, REALS, Value

_WIDE = (*REALS[2:], *COMPLEX)
_RELATIVE = 1e-3
_UNDIFFERENTIABLE = ("nextafter", "while_loop", "fori_loop(0, lax", "lax.pmax", "lax.pmin")


class Gradient(Program):
    """The cotangents of the inputs of 32 and 64-bit floats, for some cotangents of such outputs."""

    @property
    def primal(self) -> Program:
        return Program(**{f.name: getattr(self, f.name) for f in fields(Program)})

    @property
    def _differentiated(self) -> list[int]:
        return [i for i in self.inputs if self.values[i].dtype in _WIDE]

    @cached_property
    def source(self) -> str:
        inputs = self._differentiated
        primal = self.lines("primal", inputs, [o for o in self.outputs if self.values[o].dtype in _WIDE])
        return "\n".join([
            f"def f({', '.join(f'v{i}' for i in self.inputs)}):",
            *[f"    {line}" for line in primal],
            f"    outs, pull = vjp(primal, {', '.join(f'v{i}' for i in inputs)})",
            "    return pull(tuple(jnp.cos(jnp.arange(o.size)).reshape(o.shape).astype(o.dtype) for o in outs))",
        ]) + "\n"

    @property
    def results(self) -> list[Value]:
        found = [self.values[i] for i in self._differentiated]
        return [replace(v, relative=_RELATIVE, is_ieee=False) for v in found]


def gradient(program: Program) -> Gradient | None:
    """The derivative, None where there is nothing to differentiate."""
    wide = [o for o in program.outputs if program.values[o].dtype in _WIDE]
    small = program.with_outputs(wide)
    used = [small.values[n] for n in (*small.inputs, *(t for s in small.statements for t in s.targets))]
    has_inputs = any(small.values[i].dtype in _WIDE for i in small.inputs)
    if not wide or not has_inputs or any(v.special for v in used):
        return None
    if any(name in small.source for name in _UNDIFFERENTIABLE):
        return None
    return Gradient(**{f.name: getattr(small, f.name) for f in fields(Program)})
