"""Which values of a lane program are computed once and kept, and where.

    kept_values(program) -> for each straight piece the nodes whose values are used elsewhere too

A value belongs to the innermost loop whose registers or counter it is made from: its *home*.  What an inner loop needs
of an outer one is computed before the inner loop begins; what several straight pieces of a block need is computed in
the first of them.  Nothing is moved out of a branch, which may not be taken, and no load that may lie outside its
buffer is moved at all.  Values that are the same in all lanes and steps are left to the prologue of the kernel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cujax.engine.compiler.expression import Constant, FromIndex, Load, Node, Operation, Register
from cujax.engine.compiler.index import axes_in
from cujax.engine.compiler.lane_blocks import (
    FIRST_COUNTER,
    Block,
    Local,
    Put,
    Repeat,
    Set,
    Straight,
    Switch,
    roots_of,
)
from cujax.engine.compiler.lane_program import LaneProgram

Kept = dict[Straight, list[Node]]


def kept_values(program: LaneProgram) -> tuple[Kept, list[Node]]:
    """See the module's docstring, and the values that are the same in all lanes and steps, inputs first.

    Straight pieces are added to the program where loops need values before them.
    """
    keeper = _Keeper(program)
    return keeper.kept, [n for n, home in keeper.homes.items() if home is None]


class _Keeper:
    def __init__(self, program: LaneProgram) -> None:
        self._program = program
        self.homes: dict[Node, Block | None] = {}
        self._before: dict[Block, Straight] = {}  # the straight piece right before the statement that holds a block
        self._branches: set[Block] = set()
        self._made: dict[Node, list[tuple[Block, Straight]]] = {}
        self.kept: Kept = {}
        nodes = program.reachable()
        self._find_homes(nodes)
        self._movable = _movable(nodes)
        for block in program.blocks():
            self._separate(block)
        self._walk(program.top)

    def _separate(self, block: Block) -> None:
        """A straight piece before each loop and each switch, in which nothing becomes what they may need."""
        statements: list = []
        for s in block.statements:
            if not isinstance(s, Straight) and not (statements and self._may_go_before(statements[-1], block)):
                statements.append(Straight())
            for inner in _blocks_of(s):
                self._before[inner] = statements[-1]
            if isinstance(s, Switch):
                self._branches.update(s.branches)
            statements.append(s)
        block.statements = statements

    def _may_go_before(self, statement: Straight | Repeat | Switch, block: Block) -> bool:
        """Whether values that the next statement needs may be computed at the beginning of this one."""
        if not isinstance(statement, Straight):
            return False
        homes, arrays = self._program.homes, self._program.arrays
        return not any(
            (isinstance(a, Set) and homes.get(a.register) is block)
            or (isinstance(a, Put) and isinstance(a.var, Local) and arrays.get(a.var) is block)
            for a in statement.actions
        )

    def _find_homes(self, nodes: Sequence[Node]) -> None:
        for node in nodes:
            found = self._program.homes.get(node) if isinstance(node, Register) else None
            if isinstance(node, Load):
                homes: Mapping = self._program.arrays if isinstance(node.source, Local) else self._program.stacks
                found = homes.get(node.source)
            for index in node.indices:
                for number in axes_in(index):
                    is_counter = number >= FIRST_COUNTER
                    found = _deeper(found, self._program.homes[number] if is_counter else self._program.top)
            for part in node.parts:
                found = _deeper(found, self.homes[part])
            self.homes[node] = found

    def _walk(self, block: Block) -> None:
        for s in block.statements:
            if isinstance(s, Straight):
                for action in s.actions:
                    for node in roots_of(action):
                        self._need(node, s, block)
            for inner in _blocks_of(s):
                self._walk(inner)

    def _need(self, root: Node, straight: Straight, block: Block) -> None:
        pending = [(root, straight, block)]
        while pending:
            node, straight, block = pending.pop()
            if self.homes[node] is None or isinstance(node, (Constant, Register)):
                continue
            if isinstance(node, FromIndex) or node not in self._movable:
                pending += [(n, straight, block) for n in node.parts]
                continue
            found = next((s for b, s in self._made.get(node, ()) if _is_around(b, block)), None)
            if found is None:
                where, found = self._place_for(node, straight, block)
                self._made.setdefault(node, []).append((where, found))
                pending += [(n, found, where) for n in node.parts]
            if found is not straight:
                kept = self.kept.setdefault(found, [])
                if node not in kept:
                    kept.append(node)

    def _place_for(self, node: Node, straight: Straight, block: Block) -> tuple[Block, Straight]:
        """Before the outermost of the loops around that do not change the node."""
        home = self.homes[node]
        while block is not home and block not in self._branches:
            assert block.outer is not None
            straight, block = self._before[block], block.outer
        return block, straight


def _blocks_of(statement: Straight | Repeat | Switch) -> list[Block]:
    if isinstance(statement, Repeat):
        return [statement.body]
    return statement.branches if isinstance(statement, Switch) else []


def _deeper(a: Block | None, b: Block | None) -> Block | None:
    return b if a is None or (b is not None and b.depth > a.depth) else a


def _is_around(outer: Block, inner: Block | None) -> bool:
    while inner is not None and inner is not outer:
        inner = inner.outer
    return inner is outer


def _movable(nodes: Sequence[Node]) -> set[Node]:
    """Those of `nodes`, inputs first, that may be computed whatever is chosen: no load of them may lie outside."""
    found: set[Node] = set()
    for node in nodes:
        is_safe = node.stays_inside() if isinstance(node, Load) else not isinstance(node, Operation)
        if is_safe or (isinstance(node, Operation) and all(n in found for n in node.parts)):
            found.add(node)
    return found
