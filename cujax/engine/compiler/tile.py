"""Arrays that lie across one another in memory, as x and y do in x.T + y, and the tiles that reconcile them.

    tiling_of(body, widest) -> Tiling | None
    fill_tile(frame, tiling), compute_from_tile(frame, tiling)     the two halves of a kernel

Along the last axis neighbours in y are neighbours in memory; those in x are a row apart, and with each other element
another line of memory would be fetched, used once, and gone when the next row wants it.  So a map that reads such
arrays goes over *tiles*: a few rows, a few columns.  What comes from arrays like x may be fetched first, along the axis
`across`, where x has its neighbours, and *staged* in a small array of the tile; then come the rows of the tile, which
read it from there.

What is staged is what is loaded (fetching is then all that this part does, and many fetches are on their way at once),
or, where those are fewer, the values that depend on such arrays alone: of a stencil on x.T its result.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from cujax.engine.compiler.body import Axis, Body
from cujax.engine.compiler.cpp import literal_text, memory_type_name, physical
from cujax.engine.compiler.expression import Choice, Constant, Load, Node, certain, index_elements, reachable
from cujax.engine.compiler.frame import Frame
from cujax.engine.compiler.index import Condition, Index
from cujax.engine.compiler.layout import SHORT_AXIS, stride

_MOST_BYTES = 24  # staged for each place of a tile, so that a device's shared memory holds the tiles of many blocks


class Tiling(NamedTuple):
    """`across` is an axis but the last.  staged: nodes, and what is kept in the tile in their stead (see `_guarded`);
    where there are none, each row reads what it needs, and finds the lines of memory that the one before has fetched.

    before, after: the nodes that are computed to fill the tile, and those that are computed from it; inputs first.
    """

    across: Axis
    staged: Mapping[Node, Node]
    before: Sequence[Node]
    after: Sequence[Node]

    @property
    def names(self) -> dict[Node, str]:
        """Of the small arrays, by what they stand for."""
        return {node: f"tile_{k}" for k, node in enumerate(self.staged)}

    @property
    def most_bytes(self) -> int:
        """Of a staged element."""
        return max(n.dtype.itemsize for n in self.staged)


def tiling_of(body: Body, widest: int) -> Tiling | None:
    """How a map goes over tiles; None where nothing lies across its last axis.

    widest: bytes of elements that are staged for the sake of the fetching alone.
    """
    if body.region.axes is not None or body.reduced_axes or len(body.axes) < 2 or body.axes[-1].extent < SHORT_AXIS:
        return None
    across = axis_across(body)
    if across is None:
        return None
    staged = {} if across.extent < SHORT_AXIS else _affordable(_Search(body, across).staged(widest))
    return Tiling(across, staged, reachable(list(staged.values())), _remaining(_roots(body), staged))


def tile_type(node: Node) -> str:
    """The C++ type of an element of the small array."""
    name = memory_type_name(node.dtype)
    assert name is not None
    return name


def fill_tile(frame: Frame, tiling: Tiling) -> None:
    """Write the statements that stage one place of the tile."""
    for node, name in tiling.names.items():
        text = frame.writer.value(tiling.staged[node])
        frame.writer.write(f"{name}{_place(frame, tiling)} = {text};")


def compute_from_tile(frame: Frame, tiling: Tiling) -> None:
    """Write the statements that compute one place of the map."""
    for node, name in tiling.names.items():
        text = f"{name}{_place(frame, tiling)}"
        frame.writer.know(node, f"bool({text})" if node.dtype.kind == "b" else text)
    frame.store_all(frame.body.full[0])


def _place(frame: Frame, tiling: Tiling) -> str:
    """In the small arrays, of which the columns lie one after the other."""
    return f"[{frame.axes[frame.body.axes[-1].number]} - left][{frame.axes[tiling.across.number]} - top]"


def axis_across(body: Body) -> Axis | None:
    """The axis along which most bytes of what lies across the last one have their neighbours."""
    places = [(n.place, n.dtype) for n in body.nodes() if isinstance(n, Load)]
    places += [(s.place, physical(s.var.aval.dtype)) for stores in body.full for s in stores]
    found: Counter[Axis] = Counter()
    for place, dtype in places:
        axis = _axis_of_neighbours(place, body)
        if axis is not None:
            found[axis] += dtype.itemsize
    return found.most_common(1)[0][0] if found else None


def _axis_of_neighbours(place: Index, body: Body) -> Axis | None:
    """The axis but the last along which the place moves least, where it moves more along the last one."""
    strides = {a: stride(place, a.number) for a in body.axes}
    last = body.axes[-1]
    nearest = min((a for a in reversed(body.axes) if strides[a]), key=strides.__getitem__, default=last)
    return nearest if nearest is not last and strides[last] else None


def _roots(body: Body) -> list[Node]:
    return [n for s in body.full[0] for n in (s.node, *[e for i in s.indices() for e in index_elements(i)])]


class _Search:
    """Looks for the nodes that depend on arrays along `across` alone, and on no others."""

    def __init__(self, body: Body, across: Axis) -> None:
        self._body, self._across = body, across
        self._roots, self._nodes = _roots(body), body.nodes()
        self._users: dict[Node, list[Node]] = defaultdict(list)
        for node in self._nodes:
            for part in node.parts:
                self._users[part].append(node)
        self._kinds: dict[Node, bool | None] = {}  # True: along `across`; None: along neither; False: any other way
        for node in self._nodes:
            self._kinds[node] = self._kind(node)
        is_certain = not any(isinstance(s.condition, Condition) for s in body.full[0])
        self._certain = certain(self._roots if is_certain else [])

    def _kind(self, node: Node) -> bool | None:
        parts = {self._kinds[p] for p in node.parts}
        if False in parts or (isinstance(node, Load) and True in parts):
            return False
        if not isinstance(node, Load) or not stride(node.place, self._body.axes[-1].number):
            return True if True in parts else None
        return _axis_of_neighbours(node.place, self._body) == self._across

    def staged(self, widest: int) -> dict[Node, Node]:
        """What is kept in tiles, by the node that it stands for: what is loaded, or made of it if that is less."""
        across = [n for n in self._nodes if self._kinds[n]]
        loads = [n for n in across if isinstance(n, Load)]
        largest = [n for n in across if n in self._roots or not all(self._kinds[u] for u in self._users[n])]
        if len(loads) <= len(largest) and all(map(_stays_inside, loads)):
            return {n: n for n in loads if n.dtype.itemsize <= widest}
        values = {n: self._guarded(n) for n in largest}
        return {n: value for n, value in values.items() if value is not None}

    def _guarded(self, node: Node) -> Node | None:
        """The node, or the choice that says where it may be computed; None where it is not that simple."""
        if node in self._certain or _stays_inside(node):
            return node
        users = self._users[node]
        sides = {(u.condition, u.if_true is node) for u in users if isinstance(u, Choice) and u in self._certain}
        if len(sides) != 1 or not all(isinstance(u, Choice) and u in self._certain for u in users):
            return None
        ((condition, is_true),) = sides
        nothing = Constant(literal_text(np.zeros((), node.dtype)[()], node.dtype), node.dtype)
        return Choice(condition, *((node, nothing) if is_true else (nothing, node)))


def _stays_inside(node: Node) -> bool:
    return all(n.stays_inside() for n in reachable([node]) if isinstance(n, Load))


def _affordable(staged: Mapping[Node, Node]) -> dict[Node, Node]:
    """As many of them as the tile has room for."""
    kept: dict[Node, Node] = {}
    room = _MOST_BYTES
    for node, value in staged.items():
        if node.dtype.itemsize <= room:
            kept[node] = value
            room -= node.dtype.itemsize
    return kept


def _remaining(roots: Sequence[Node], staged: Iterable[Node]) -> list[Node]:
    """The nodes that `roots` are made of once those in `staged` are at hand."""
    found: set[Node] = set(staged)
    pending = list(roots)
    while pending:
        node = pending.pop()
        if node not in found:
            found.add(node)
            pending += node.parts
    return [n for n in reachable(roots) if n in found.difference(staged)]
