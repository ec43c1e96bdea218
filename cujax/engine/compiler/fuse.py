"""Which equations share a kernel.

    Region       what one kernel computes: the values it writes, over one iteration space
    Decision     which values are written to buffers; all others are computed where they are read

First every value is either *written* to a buffer or computed where it is read, in each kernel that reads it:
`Decision` goes backwards over the tape and weighs, in units of an addition an element, computing a value again
against writing and reading it.  Results of the tape, operands of opaque steps and results of long reductions
are always written.  Then regions are merged (merge.py); plan.py makes a program's steps of both.

A region over `shape` may reduce over `axes`.  Values that it writes are *full* (one for each element of shape)
or *kept* (one for each element of what remains without the axes).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from itertools import product
from math import prod
from typing import NamedTuple

from cujax.engine.compiler.cells import CellAxes
from cujax.engine.compiler.expression import Evaluator, Place, reachable
from cujax.engine.compiler.index import as_index, axis_index
from cujax.engine.compiler.kinds import (
    ELEMENTWISE,
    LANES,
    MOVER,
    OPAQUE,
    PRODUCTS,
    REDUCTION,
    SCATTER,
    SHORT,
    Producers,
    reduced_length,
)
from cujax.engine.core.primitive import View
from cujax.engine.core.tape import Eqn, Literal, Tape, Var

MOST_NODES = 800  # of one kernel: compilers take more than linear time


class Price(NamedTuple):
    """In additions.  traffic: of writing a value and reading it again.  launch: of a kernel of its own."""

    traffic: int
    launch: int


# A GPU adds 56 times while it moves the eight bytes (H200: 30 T/s, 4.3 TB/s); a CPU calls a kernel in 0.2 us.
PRICES = {"host": Price(10, 1000), "cuda": Price(50, 20_000)}
MOST_PIECES = 32  # of a concatenation that are written side by side
_MOST_APART = 2 * MOST_NODES  # nodes of all of them
_MAPS = (ELEMENTWISE, MOVER, PRODUCTS)


def is_view(eqn: Eqn) -> bool:
    """Whether it copies nothing as a step of its own."""
    return eqn.primitive.view is not None


class _Cell(NamedTuple):
    """The end of a path to what belongs to the cell that is computed; `axes`: which of its axes are those of cells."""

    axes: tuple[int, ...]


class Region:
    """One kernel: it writes `full` values at every place of `shape`, and `kept` ones at those without `axes`.

    axes is None for a map.  A kept value is the result of a reduction over the axes, or computed from such.
    hidden: the values among them that nobody outside reads, and that are therefore not written after all.
    in_place: results that take the buffer of an operand, and that operand.
    apart: short axes along which each place is computed in its own way, all of them side by side.
    reads: what is loaded, and at which places.  size: the number of operations.
    """

    __slots__ = (
        "apart", "axes", "evaluator", "full", "hidden", "in_place", "inside", "kept", "producers", "reads",
        "reductions", "shape", "size",
    )

    def __init__(self, producers: Producers, inside: set[Var], root: Var, apart: Iterable[int] = ()) -> None:
        eqn = producers[root]
        is_reduction = producers.kind(eqn) == REDUCTION
        self.producers, self.inside = producers, inside
        self.shape = eqn.inputs[0].aval.shape if is_reduction else root.aval.shape
        self.axes = tuple(sorted(eqn.params["axes"])) if is_reduction else None
        self.full: list[Var] = [] if is_reduction else [root]
        self.kept: list[Var] = [root] if is_reduction else []
        self.hidden: set[Var] = set()
        self.in_place: dict[Var, Var] = {}
        self.apart = frozenset(apart)
        self.reductions = {root: eqn} if is_reduction else {}
        self.evaluator = Evaluator(
            producers, lambda v: v in inside or v in self.full or v in self.kept, self.reductions,
            turns=not is_reduction,
        )
        operand = eqn.inputs[0] if is_reduction else root
        element = self.evaluator.element(operand, self.axis_indices())
        self.reads = {a: set(places) for a, places in self.evaluator.reads.items()}
        self.size = len(reachable([element]))
        if self.apart:
            written_out = len(reachable([self.evaluator.element(root, place) for place in self.places()]))
            if written_out <= _MOST_APART:
                self.size = written_out
            else:
                self.apart = frozenset()

    @property
    def makes(self) -> list[Var]:
        return [*self.full, *self.kept]

    @property
    def needs(self) -> list[Var | Literal]:
        """What the step reads."""
        return list(self.reads)

    @property
    def writes(self) -> list[Var]:
        return [v for v in self.makes if v not in self.hidden]

    def axis_indices(self) -> Place:
        return tuple([axis_index(k, d) for k, d in enumerate(self.shape)])

    def places(self) -> list[Place]:
        """One place for each element that is computed side by side: with a number for each of the axes `apart`."""
        ranges = [range(d) if k in self.apart else (None,) for k, d in enumerate(self.shape)]
        axes = self.axis_indices()
        return [
            tuple([i if n is None else as_index(n) for i, n in zip(axes, numbers, strict=True)])
            for numbers in product(*ranges)
        ]

    def kept_indices(self) -> Place:
        return tuple([i for k, i in enumerate(self.axis_indices()) if k not in (self.axes or ())])

    @property
    def kept_shape(self) -> tuple[int, ...]:
        return tuple([d for k, d in enumerate(self.shape) if k not in (self.axes or ())])


class Decision:
    """Which values are written: `written`; all others of fusable equations are computed where they are read.

    apart: for written values the axes along which their kernels compute each place in its own way: those along which
    they are concatenated, and those of `short_axes` that are of cells.
    evaluations: how many elements of an operand the lanes of a loop read, None where that is not known.
    reverses: whether libraries take the operands that their `takes_reversed` names reversed as they lie in memory.
    """

    def __init__(
        self, tape: Tape, producers: Producers, kind: Callable[[Eqn], str],
        evaluations: Callable[[Eqn, int], int | None], price: Price, short_axes: Mapping[Var, tuple[int, ...]],
        reverses: bool = False,
    ) -> None:
        self._evaluations, self._price = evaluations, price
        self._short_axes, self._cell_axes = short_axes, CellAxes(producers)
        self.kinds = {e: kind(e) for e in tape.eqns}
        self._producers = producers
        self.written: set[Var] = set()
        self.apart: dict[Var, set[int]] = {}
        self.of_cells: set[Var] = set()  # those of them whose kernels compute once what belongs to a cell
        self.views: set[Eqn] = set()  # steps of their own that copy nothing, for operands of opaque steps
        self._forced = {a for a in tape.outputs if isinstance(a, Var)}
        self._viewed: set[Var] = set()
        self._reverses = reverses
        self._upright: set[Var] = set()  # among those viewed, by steps to which the order of elements matters
        self._paths: dict[Var, dict[tuple, float]] = {}
        self._times: dict[tuple, int] = {}  # how often what is read on a path is written out in the kernel's text
        self._sizes: dict[Var, int] = {}
        self._extra: dict[Var, float] = {}
        self._nodes: dict[Var, int] = {}
        for eqn in reversed(tape.eqns):
            self._decide(eqn)

    def _decide(self, eqn: Eqn) -> None:
        kind = self.kinds[eqn]
        if kind == OPAQUE:
            self._force(eqn.inputs)
            self._upright.update(self._read_upright(eqn))
            return
        if kind == SCATTER:
            self._decide_scatter(eqn)
            return
        if kind == LANES:
            self._decide_lanes(eqn)
            return
        if eqn.primitive.view is View.SAME and eqn.outputs[0] in self._forced:
            self.views.add(eqn)
            self._forced.update(a for a in eqn.inputs if isinstance(a, Var))
        elif self._may_view(eqn) and any(v in self._viewed for v in eqn.outputs):
            self.views.add(eqn)
            self._force(eqn.inputs)
            self._upright.update(a for a in eqn.inputs if isinstance(a, Var))
        for var in eqn.outputs:
            if eqn not in self.views and self._is_written(eqn, var, kind):
                self.written.add(var)
                self._paths[var] = {self._first_path(var, kind): 1.0}
                self._sizes[var] = eqn.inputs[0].aval.size if kind == REDUCTION else var.aval.size
                self._extra[var], self._nodes[var] = 0.0, 0
            self._spread(eqn, var, kind)

    def _decide_scatter(self, eqn: Eqn) -> None:
        """The operand is written; indices and updates are computed where the scatter reads them.

        Not so where they are computed from the operand: written first, they let the scatter change it in place.
        Indices of which some may be equal are read twice: first to find the owner of each.
        """
        (out,), (target, indices, updates) = eqn.outputs, eqn.inputs
        self._forced.update(a for a in (target,) if isinstance(a, Var))
        if isinstance(target, Var) and self._depends(target, (indices, updates)):
            self._forced.update(a for a in (indices, updates) if isinstance(a, Var))
        self._sizes[out], self._nodes[out] = updates.aval.size, 0
        for atom, times in ((indices, 1 if eqn.params["unique_indices"] else 2), (updates, 1)):
            if isinstance(atom, Var):
                share = min(1.0, atom.aval.size / max(updates.aval.size, 1))
                self._paths.setdefault(atom, {})[(out, id(eqn), id(atom))] = times * share

    def _decide_lanes(self, eqn: Eqn) -> None:
        """What a lane reads once is computed there, if that costs little; what it might read often is written."""
        self._sizes[eqn.outputs[0]], self._nodes[eqn.outputs[0]] = 1, 0
        for number, atom in enumerate(eqn.inputs):
            if not isinstance(atom, Var):
                continue
            evaluations = self._evaluations(eqn, number)
            if evaluations is None and atom.aval.size > 1 and not self._is_only_moved(atom):
                self._forced.add(atom)
            else:
                path = (eqn.outputs[0], id(eqn), number)
                self._paths.setdefault(atom, {})[path] = float(evaluations or atom.aval.size)

    def _is_only_moved(self, var: Var) -> bool:
        """Whether movers alone make it of what is in memory anyway."""
        pending = [var]
        while pending:
            eqn = self._producers.get(pending.pop())
            if eqn is not None and self.kinds[eqn] not in (OPAQUE, SCATTER, LANES):
                if self.kinds[eqn] != MOVER:
                    return False
                pending += [a for a in eqn.inputs if isinstance(a, Var)]
        return True

    def _depends(self, target: Var, atoms: Iterable[Var | Literal]) -> bool:
        """Whether fusable equations lead from `target` to one of `atoms`."""
        pending, seen = [a for a in atoms if isinstance(a, Var)], set()
        while pending:
            var = pending.pop()
            eqn = self._producers.get(var)
            if var is target:
                return True
            if eqn is not None and var not in seen and self.kinds[eqn] not in (OPAQUE, SCATTER, LANES, REDUCTION):
                pending += [a for a in eqn.inputs if isinstance(a, Var)]
            seen.add(var)
        return False

    def _force(self, atoms: Iterable) -> None:
        """Operands of an opaque step: those that a mover can view are viewed, the others written."""
        self._viewed.update(a for a in atoms if isinstance(a, Var))

    def _may_view(self, eqn: Eqn) -> bool:
        """What is reversed is a view for those alone that take it so, and not for further views."""
        if eqn.primitive.view is not View.REVERSED:
            return eqn.primitive.view is not None
        return self._upright.isdisjoint(eqn.outputs) and self._forced.isdisjoint(eqn.outputs)

    def _read_upright(self, eqn: Eqn) -> Iterable[Var]:
        """Operands of an opaque step that it takes only with their first element first."""
        reversible = eqn.primitive.takes_reversed if self._reverses else ()
        return (a for k, a in enumerate(eqn.inputs) if k not in reversible and isinstance(a, Var))

    def _is_written(self, eqn: Eqn, var: Var, kind: str) -> bool:
        paths = self._paths.get(var)
        if var in self._forced or var in self._viewed:
            return True
        if not paths:
            return False  # nobody reads it
        if kind == REDUCTION:
            return True
        if var.aval.size <= 1:
            return False
        roots = list(dict.fromkeys(path[0] for path in paths))
        most = _MOST_APART if roots[0] in self.of_cells else MOST_NODES
        self._nodes[roots[0]] += self._nodes_of(eqn, kind) * max(self._times.get(path, 1) for path in paths)
        if len(paths) > 64 or any(len(p) > 20 for p in paths) or self._nodes[roots[0]] > most:
            return True
        evaluations = sum(weight * self._sizes[path[0]] for path, weight in paths.items())
        work = self._producers.cost(eqn)
        work += work > 0 and len(roots) > 1
        extra = work * max(evaluations - var.aval.size, 0) + self._extra.get(var, 0.0)
        if extra > self._price.traffic * var.aval.size + self._price.launch:
            return True
        self._extra[var] = extra
        return False

    def _first_path(self, var: Var, kind: str) -> tuple:
        """Of the kernel that writes `var`; of cells, where that goes over them."""
        short = self._short_axes.get(var, ()) if kind in _MAPS else ()
        if not short:
            return (var,)
        self.apart.setdefault(var, set()).update(short)
        self.of_cells.add(var)
        axes = tuple([k for k, d in enumerate(var.aval.shape) if k not in short and d > 1])
        return self._path_of_cells(var, axes, var)

    def _path_of_cells(self, root: Var, axes: tuple[int, ...], var: Var) -> tuple:
        """All numbers that `var` has for a cell are written out."""
        path = (root, _Cell(axes))
        self._times[path] = var.aval.size // prod(var.aval.shape[k] for k in axes)
        return path

    def _spread(self, eqn: Eqn, var: Var, kind: str) -> None:
        """Tell the operands from where, and how often, they are read through `var`."""
        paths = self._paths.get(var, {})
        if var.aval.size <= 1:
            paths = _to_one_place(paths)
        is_apart = eqn.primitive.name == "concatenate" and self._goes_apart(eqn, var, paths)
        for number, atom in enumerate(eqn.inputs):
            if not isinstance(atom, Var):
                continue
            found = self._paths.setdefault(atom, {})
            same, others = self._of_cells(eqn, var, atom, paths)
            found.update(same)
            if is_apart:  # what several pieces are made of is computed once for all of them
                length = atom.aval.shape[eqn.params["dimension"]]
                share = self._share(eqn, number, var)
                found.update({(*path, (id(eqn), length)): weight * share for path, weight in others.items()})
            elif kind in (ELEMENTWISE, REDUCTION) and eqn.primitive.name != "random_unwrap":
                found.update(others)
            else:
                share, terms = self._share(eqn, number, var), self._written_out(eqn, kind)
                way = self._way(eqn, number, var)
                found.update({(*path, way): weight * share for path, weight in others.items()})
                if terms > 1 or not self._times.keys().isdisjoint(others):
                    self._times.update({(*path, way): terms * self._times.get(path, 1) for path in others})
            if atom.aval.size >= var.aval.size:  # to write what is broadcast saves nothing of what is made of it then
                self._extra[atom] = max(self._extra.get(atom, 0.0), self._extra.get(var, 0.0))

    def _of_cells(
        self, eqn: Eqn, var: Var, atom: Var, paths: Mapping[tuple, float]
    ) -> tuple[dict[tuple, float], Mapping[tuple, float]]:
        """Those of the paths on which an operand belongs to the same cell, and is computed once; and the others."""
        same: dict[tuple, float] = {}
        others = dict(paths)
        for path in paths:
            if not isinstance(path[-1], _Cell):
                continue
            axes = self._cell_axes(eqn, var, atom, path[-1].axes)
            if axes is not None:
                root = path[0]
                same[self._path_of_cells(root, axes, atom)] = atom.aval.size / self._sizes[root]
                del others[path]
            elif not atom.aval.shape:
                others[(*path, None)] = others.pop(path)
        return same, others

    def _goes_apart(self, eqn: Eqn, var: Var, paths: Iterable[tuple]) -> bool:
        """Whether the kernels that read a concatenation do so where they write, and take its few places apart."""
        axis, shape = eqn.params["dimension"], var.aval.shape
        roots = [path[0] for path in paths]
        is_short = len(eqn.inputs) > 1 and 1 < shape[axis] <= min(2 * len(eqn.inputs), MOST_PIECES)
        is_own = all(len(path) == 1 for path in paths) and all(self._is_map_over(shape, root) for root in roots)
        goes = bool(roots) and is_short and is_own and var.aval.size > shape[axis]
        if goes:
            for root in roots:
                self.apart.setdefault(root, set()).add(axis)
        return goes

    def _is_map_over(self, shape: tuple[int, ...], root: Var) -> bool:
        kind = self.kinds[self._producers[root]]
        return root in self.written and root.aval.shape == shape and kind in _MAPS

    def _written_out(self, eqn: Eqn, kind: str) -> int:
        """How many elements of an operand stand in the text of one of the result."""
        if kind == PRODUCTS:
            return self._producers.terms(eqn) or 1
        return reduced_length(eqn) if kind == SHORT else 1

    def _nodes_of(self, eqn: Eqn, kind: str) -> int:
        return self._producers.cost(eqn) if kind == PRODUCTS else 1

    def _way(self, eqn: Eqn, number: int, var: Var) -> Hashable:
        """From the place in `var` to those in an operand: equal where equal movers lead from one to the others."""
        if len(eqn.inputs) == 1 and self._producers.kind(eqn) in (MOVER, SHORT):
            return eqn.primitive, eqn.outputs.index(var), eqn.inputs[0].aval.shape, *eqn.params.items()
        return id(eqn), number

    def _share(self, eqn: Eqn, number: int, var: Var) -> float:
        """How often operand `number` is computed for each element of `var` that is.

        What a broadcast repeats along the last axes is computed once for all of them, before the loop over these.
        """
        operand, name, kind = eqn.inputs[number].aval, eqn.primitive.name, self._producers.kind(eqn)
        if name == "random_unwrap":
            return 0.5  # who reads one word of a key reads both
        if name in ("concatenate", "pad") or kind == SHORT:
            share = operand.size / max(var.aval.size, 1)
            return share if kind == SHORT else min(1.0, share)
        if kind == PRODUCTS:
            return self._share_of_products(eqn, operand.size, var)
        if name != "broadcast_in_dim":
            return 1.0
        source = dict(zip(eqn.params["broadcast_dimensions"], operand.shape, strict=True))
        repeated = 1
        for axis in reversed(range(var.aval.ndim)):
            if source.get(axis, 1) != 1:
                break
            repeated *= max(var.aval.shape[axis], 1)
        return 1 / repeated

    def _share_of_products(self, eqn: Eqn, size: int, var: Var) -> float:
        """As `_share`: a term reads an element of each operand.  A filter that all places share is read once a row."""
        terms = self._producers.terms(eqn)
        return terms / max(prod(var.aval.shape[-1:]), 1) if size <= terms else terms


def _to_one_place(paths: Mapping[tuple, float]) -> dict[tuple, float]:
    """`paths` to the only element of a value, one for each kernel: it is computed once there, whatever leads to it.

    Such a value is never written to save work, so nothing else keeps their number from doubling at every step.
    """
    found: dict[tuple, float] = {}
    for path, weight in paths.items():
        shortest = path if len(path) == 1 or isinstance(path[-1], _Cell) else (path[0], None)
        found[shortest] = max(weight, found.get(shortest, 0.0))
    return found


Step = Region | Eqn
