"""Arrays of a few numbers for each of many cells, where sums over the few enter what is computed for each of them.

    find_cells(tape) -> Cells
    CellAxes(producers)(eqn, var, atom, axes)   which axes of its operands are those of the cells

A lattice Boltzmann step sums its populations to a density and a velocity, and relaxes every population towards what
follows from these; a field of directions divides each component by the root of the sum of their squares.  In arrays,

    density = f.sum(0);  u = c @ f / density;  f - omega * (f - equilibrium(density, u))        f: (19, x, y, z)

A kernel over all numbers would compute the sums again for each of the few, and kernels of their own would read all
numbers once more.  So the kernel goes over cells, takes the short axes apart (`Region.apart`), and computes once what
belongs to a cell.  Here is found where that is so: a value is *of cells* if it has the shape of an array that was
summed along a short axis, and is made of that sum.  Fusion (fuse.py) takes kernels that write such values apart, and
follows through `CellAxes` what is computed once for each cell.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import NamedTuple

from cujax.engine.compiler.cpp import type_name
from cujax.engine.compiler.expression import Evaluator, Place
from cujax.engine.compiler.index import AxisAtom, Index, axis_index
from cujax.engine.compiler.kinds import (
    ELEMENTWISE,
    MOVER,
    OPAQUE,
    PRODUCTS,
    REDUCTION,
    SHORT,
    Producers,
    reduced_length,
)
from cujax.engine.core.tape import Eqn, Literal, Tape, Var

_MOST_NUMBERS = 32  # of a cell
_MOST_PRODUCTS = 200  # by which a matrix changes them; with more a library is better
_FEWEST_CELLS = 256
_FUSABLE = (ELEMENTWISE, MOVER, PRODUCTS, SHORT)


class Space(NamedTuple):
    """A shape, and the short axes among its axes."""

    shape: tuple[int, ...]
    short: tuple[int, ...]


class Cells(NamedTuple):
    """short_axes: of values that are of cells.  sums: longer ones, that are to be written out where they are read."""

    short_axes: dict[Var, tuple[int, ...]]
    sums: dict[Eqn, int]  # and the number of terms


NO_CELLS = Cells({}, {})


def find_cells(tape: Tape) -> Cells:
    """See the module's docstring."""
    candidates = {e for e in tape.eqns if e.primitive.sum_map is not None or "axes" in e.params}
    if not candidates:
        return NO_CELLS
    producers = Producers(tape)
    longer = {e: n for e in tape.eqns if e in candidates and (n := _terms_of_longer_sum(e, producers))}
    for eqn, terms in longer.items():
        producers.write_out(eqn, terms)
    spaces_of: dict[Var, dict[Space, None]] = {}  # of the sums that a value is made of
    sums: dict[Space, list[Eqn]] = {}
    found: dict[Space, list[Var]] = {}
    for eqn in tape.eqns:
        spaces = {s: None for a in eqn.inputs if isinstance(a, Var) for s in spaces_of.get(a, ())}
        if not spaces and eqn not in candidates:
            continue
        kind = producers.kind(eqn)
        if kind not in _FUSABLE:
            continue
        for var in eqn.outputs if spaces and kind != SHORT else ():
            for space in spaces:
                if var.aval.shape == space.shape:
                    found.setdefault(space, []).append(var)
        if kind in (SHORT, PRODUCTS):
            for space in _summed_along(eqn, producers):
                spaces[space] = None
                sums.setdefault(space, []).append(eqn)
        if spaces:
            spaces_of.update(dict.fromkeys(eqn.outputs, spaces))
    used = [s for s in found if len(sums[s]) > 1 or sums[s][0] not in longer]
    return Cells(
        {v: s.short for s in used for v in found[s]}, {e: longer[e] for s in used for e in sums[s] if e in longer}
    )


def _terms_of_longer_sum(eqn: Eqn, producers: Producers) -> int:
    """How many terms a sum has that is a reduction, or a call of a library, elsewhere; 0 if it is none of that."""
    kind, terms = producers.kind(eqn), 0
    if kind == REDUCTION:
        terms = reduced_length(eqn)
    elif kind == OPAQUE and eqn.primitive.sum_map is not None and eqn.primitive.lane_map is not None:
        avals = [a.aval for a in eqn.inputs]
        is_of_kernels = all(type_name(a.dtype) is not None for a in (*avals, eqn.outputs[0].aval))
        is_small = min(a.size for a in avals) <= _MOST_PRODUCTS
        terms = eqn.primitive.lane_map.sum.length(*avals, **eqn.params) if is_of_kernels and is_small else 0
    return terms if terms <= _MOST_NUMBERS else 0


def _summed_along(eqn: Eqn, producers: Producers) -> Iterator[Space]:
    """The arrays that a sum reads whole along short axes, and their last axis at one place."""
    for atom, places in _reads(eqn, eqn.outputs[0], producers).items():
        shape = atom.aval.shape
        axes = [_common_axis(k, places) for k in range(len(shape))]
        short = tuple([k for k, axis in enumerate(axes) if axis is None])
        numbers = prod(shape[k] for k in short)
        is_whole = len(places) == numbers and all(not i.terms for place in places for k in short for i in [place[k]])
        is_many = numbers <= _MOST_NUMBERS and atom.aval.size // numbers >= _FEWEST_CELLS
        if short and short[-1] < len(shape) - 1 and is_whole and is_many:
            yield Space(shape, short)


def _reads(eqn: Eqn, var: Var, producers: Producers) -> dict[Var | Literal, set[Place]]:
    """Where an element of a result, at a place along each axis, reads the operands."""
    evaluator = Evaluator(producers, lambda v: v is var, {})
    evaluator.element(var, [axis_index(k, d) for k, d in enumerate(var.aval.shape)])
    return evaluator.reads


def _common_axis(k: int, places: set[Place]) -> int | None:
    """The axis of the result along which all places go along their axis `k`; None where that is not one."""
    found = {place[k] for place in places}
    (index, *others) = found
    return None if others else _axis(index)


def _axis(index: Index) -> int | None:
    if len(index.terms) != 1 or index.constant:
        return None
    ((atom, factor),) = index.terms
    return atom.number if isinstance(atom, AxisAtom) and factor == 1 else None


class CellAxes:
    """See the module's docstring."""

    def __init__(self, producers: Producers) -> None:
        self._producers = producers
        self._of: dict[Var, dict[Var | Literal, list[int | None]]] = {}

    def __call__(self, eqn: Eqn, var: Var, atom: Var, axes: tuple[int, ...]) -> tuple[int, ...] | None:
        """The axes of an operand that are `axes` of the result, read at the same cell; None if others are read, too."""
        if self._producers.kind(eqn) == ELEMENTWISE:
            return axes if atom.aval.shape == var.aval.shape else None
        if var not in self._of:
            reads = _reads(eqn, var, self._producers)
            self._of[var] = {a: [_common_axis(k, p) for k in range(a.aval.ndim)] for a, p in reads.items()}
        own = self._of[var].get(atom)
        return tuple(map(own.index, axes)) if own is not None and set(axes) <= {*own} else None
