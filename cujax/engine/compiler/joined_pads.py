"""Sums of what was cut apart: gradients by the parts of an array, put side by side instead of added up between zeros.

    join_pads(tape) -> tape

The transpose of taking a part is padding it with zeros, and gradients by all parts of one array are added up.  Where
these are parts along one axis that are equal or apart, their sum is a concatenation, in which each element is computed
once and no zeros are added:

    pad(a, 0..2 of 5) + pad(b, 2..5 of 5) + pad(c, 2..5 of 5)     becomes     concatenate(a, b + c)

Only sums that derivatives make (`add_any`) are rewritten: a zero that is added to -0.0 makes it 0.0, which a program
might ask for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.simplify import remove_dead_code
from cujax.engine.core.tape import Atom, Eqn, Literal, Tape, Var, literal
from cujax.engine.ops.joining import concatenate_p
from cujax.engine.ops.structural import add_any_p, broadcast_in_dim_p

_SUM, _PAD = "add_any", "pad"


class _Part(NamedTuple):
    """`atom` stands at `start` to `stop` - 1 along `axis`."""

    axis: int
    start: int
    stop: int
    atom: Atom

    @property
    def window(self) -> tuple[int, int]:
        return self.start, self.stop


def join_pads(tape: Tape) -> Tape:
    """`tape` with sums of padded arrays as concatenations where their parts do not overlap."""
    if not any(e.primitive.name == _PAD for e in tape.eqns):
        return tape
    makers = {v: e for e in tape.eqns for v in e.outputs}
    uses = Counter([a for e in tape.eqns for a in e.inputs if isinstance(a, Var)] + list(tape.outputs))
    inner = {a for e in tape.eqns if e.primitive.name == _SUM for a in e.inputs if _is_inner(a, makers, uses)}
    eqns: list[Eqn] = []
    for eqn in tape.eqns:
        is_root = eqn.primitive.name == _SUM and eqn.outputs[0] not in inner
        joined = _joined(eqn, _addends(eqn, makers, inner), makers) if is_root else None
        eqns += [eqn] if joined is None else joined
    if eqns == list(tape.eqns):
        return tape
    return remove_dead_code(Tape(tape.inputs, eqns, tape.outputs, tape.name))[0]


def _is_inner(atom: Atom, makers: dict[Var, Eqn], uses: Counter) -> bool:
    """Whether it is a sum that nothing reads but another sum."""
    return isinstance(atom, Var) and atom in makers and makers[atom].primitive.name == _SUM and uses[atom] == 1


def _addends(root: Eqn, makers: dict[Var, Eqn], inner: set[Atom]) -> list[Atom]:
    """What the tree of sums under `root` adds up, from left to right."""
    found: list[Atom] = []
    pending: list[Atom] = list(reversed(root.inputs))
    while pending:
        atom = pending.pop()
        if atom in inner:
            pending += reversed(makers[atom].inputs)  # type: ignore[index]
        else:
            found.append(atom)
    return found


def _joined(root: Eqn, addends: Sequence[Atom], makers: dict[Var, Eqn]) -> list[Eqn] | None:
    """Equations that make the sum `root` with its parts along one axis side by side; None where there are not two."""
    aval = root.outputs[0].aval
    parts = {k: p for k, a in enumerate(addends) if (p := _part(makers.get(a))) is not None}  # type: ignore[arg-type]
    axes = Counter(p.axis for p in parts.values())
    axis = max(axes, key=lambda a: axes[a], default=None)
    along = {k: p for k, p in parts.items() if p.axis == axis}
    if axis is None or len({p.window for p in along.values()}) < 2 or _overlap(along.values()):
        return None
    eqns = _Equations(root)
    whole = eqns.concatenated(axis, aval, along.values())
    eqns.finish([whole, *[a for k, a in enumerate(addends) if k not in along]])
    return eqns.made


def _part(eqn: Eqn | None) -> _Part | None:
    """The part that the equation puts between zeros along one axis."""
    if eqn is None or eqn.primitive.name != _PAD:
        return None
    operand, value = eqn.inputs
    config = eqn.params["padding_config"]
    padded = [k for k, (low, high, inside) in enumerate(config) if (low, high, inside) != (0, 0, 0)]
    if len(padded) != 1 or not (isinstance(value, Literal) and np.all(np.asarray(value.buffer) == 0)):
        return None
    low, high, inside = config[padded[0]]
    if min(low, high) < 0 or inside:
        return None
    return _Part(padded[0], low, low + operand.aval.shape[padded[0]], operand)


def _overlap(parts: Iterable[_Part]) -> bool:
    """Whether two windows that differ have a place in common."""
    windows = sorted({p.window for p in parts})
    return any(stop > start for (_, stop), (start, _) in pairwise(windows))


class _Equations:
    """The equations that take the place of `root`: `made`."""

    def __init__(self, root: Eqn) -> None:
        self._root = root
        self.made: list[Eqn] = []

    def concatenated(self, axis: int, aval: ShapedArray, parts: Iterable[_Part]) -> Var:
        """The parts in the order of their places, those of one place added up, zeros between them."""
        by_window: dict[tuple[int, int], list[Atom]] = {}
        for part in parts:
            by_window.setdefault(part.window, []).append(part.atom)
        pieces: list[Atom] = []
        end = 0
        for (start, stop), atoms in sorted(by_window.items()):
            pieces += [*self._zeros(axis, aval, start - end), self._sum(atoms)]
            end = stop
        pieces += self._zeros(axis, aval, aval.shape[axis] - end)
        return self._add(concatenate_p, pieces, aval, dimension=axis)

    def finish(self, addends: Sequence[Atom]) -> None:
        """The sum of `addends` under the name that `root` gave it."""
        last = self._sum(addends)
        final = self.made.pop()
        assert final.outputs[0] is last
        self.made.append(Eqn(final.primitive, final.inputs, self._root.outputs, final.params, final.source))

    def _sum(self, atoms: Sequence[Atom]) -> Atom:
        total, *others = atoms
        for atom in others:
            total = self._add(add_any_p, [total, atom], atom.aval)
        return total

    def _zeros(self, axis: int, aval: ShapedArray, length: int) -> list[Atom]:
        if length == 0:
            return []
        shape = (*aval.shape[:axis], length, *aval.shape[axis + 1 :])
        zero = literal(0, aval.dtype, aval.weak_type)
        made = aval.update(shape=shape)
        return [self._add(broadcast_in_dim_p, [zero], made, shape=shape, broadcast_dimensions=())]

    def _add(self, primitive: object, inputs: Sequence[Atom], aval: ShapedArray, **params: object) -> Var:
        var = Var(aval)
        self.made.append(Eqn(primitive, inputs, [var], params, self._root.source))
        return var
