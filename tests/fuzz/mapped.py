"""vmap of a program, or of the derivative of one, as another program, compared with a loop over the rows.

Each input has a new axis somewhere, or none; its rows are the input with elements in other places, so that all that
is known of its values holds for every row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from .program import Input, Program
from .value import Value

_ROWS = 3


@dataclass(frozen=True)
class Mapped(Program):
    """base: what is mapped.  Inputs and values are those of one row; `given` and `results` have all."""

    base: type[Program] = Program
    is_reference: bool = False

    @property
    def primal(self) -> Program:
        return self.row.primal

    @property
    def row(self) -> Program:
        """The program of one row."""
        return self.base(**{f.name: getattr(self, f.name) for f in fields(Program)})

    @property
    def reference(self) -> Program:
        return replace(self, is_reference=True)

    @property
    def _axes(self) -> list[int | None]:
        """Of each input; None where it is the same for all rows."""
        axes = [_axis(number, x.array.ndim) for number, x in self.inputs.items()]
        return axes if any(a is not None for a in axes) else [0, *axes[1:]]

    @property
    def given(self) -> list[Input]:
        return [_rows(x, axis) for x, axis in zip(self.inputs.values(), self._axes, strict=True)]

    @property
    def results(self) -> list[Value]:
        return [v.moved((_ROWS, *v.shape)) for v in self.row.results]

    @property
    def source(self) -> str:
        row = self.row.source.replace("def f(", "def row(", 1)
        return row + "\n" + (_loop if self.is_reference else _vmap)(self._axes)


def _axis(number: int, rank: int) -> int | None:
    """Any, but the same whenever the input is asked for."""
    axis = number * 7 % (rank + 2)
    return axis if axis <= rank else None


def _rows(x: Input, axis: int | None) -> Input:
    if axis is None:
        return x
    rows = [np.roll(x.array.ravel(), k).reshape(x.array.shape) for k in range(_ROWS)]
    return replace(x, array=np.stack(rows, axis))


def _vmap(axes: Sequence[int | None]) -> str:
    return f"""def f(*arguments):
    return vmap(row, in_axes={tuple(axes)}, axis_size={_ROWS})(*arguments)
"""


def _loop(axes: Sequence[int | None]) -> str:
    return f"""def f(*arguments):
    def part(x, k, axis):
        return x if axis is None else lax.index_in_dim(x, k, axis, keepdims=False)

    rows = [row(*[part(x, k, axis) for x, axis in zip(arguments, {tuple(axes)})]) for k in range({_ROWS})]
    return tuple(jnp.stack(parts) for parts in zip(*rows))
"""


def mapped(program: Program) -> Mapped:
    """vmap of the program."""
    return Mapped(**{f.name: getattr(program, f.name) for f in fields(Program)}, base=type(program))
