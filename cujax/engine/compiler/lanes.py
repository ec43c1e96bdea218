"""Which axes of a loop's values are lanes: axes along which the loop works independently, from beginning to end.

    find_lanes(eqn) -> Lanes        of a loop or branch; Mixed says which equation stands against it

An axis of a carry is followed through every equation of the body, inner loops and branches included: an equation
either passes it on to an axis of its result, element by element, or *mixes* its elements (a sum over it, a shift
along it, a read at a computed place).  Axes that are passed on to each other form a class; a class that nothing
mixes and that all carries have is a lane axis.  Only what changes from step to step counts: arrays that the loop
merely reads may be read anywhere.

Values without the lane axes are the same in all lanes, and each lane computes them for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import prod
from typing import Any, NamedTuple

from cujax.engine.compiler.expression import Node
from cujax.engine.compiler.index import as_index, axis_index, choose
from cujax.engine.compiler.kinds import (
    COND,
    ELEMENTWISE,
    LOOPS,
    MOVER,
    PRODUCTS,
    REDUCTION,
    SCAN,
    SHORT,
    WHILE,
    is_by_loops,
    kind_of,
)
from cujax.engine.compiler.passes import optimized
from cujax.engine.core.tape import Eqn, Tape, Var
from cujax.engine.ground.source import SourceLine

INLINED = frozenset(("checkpoint",))  # calls whose tape is computed where its results are needed
MOST_REGISTERS = 256  # scalars of one carry in each of many lanes, where all are variables
MOST_IN_ARRAY = 4096  # the same where they are an array
MOST_ALONE = 64  # the same for a loop that is a single lane, which one thread runs; a matrix alone is an array

Scope = tuple  # how a tape was reached: the equations that hold it, and which of theirs it is
Place = tuple[Scope, Var, int]  # an axis of a variable


class Mixed(Exception):
    """A loop is not a lane program: `reason`, and the equation that is in the way."""

    def __init__(self, reason: str, eqn: Eqn | None = None) -> None:
        super().__init__(reason)
        self.reason, self.eqn = reason, eqn

    @property
    def line(self) -> SourceLine | None:
        """The user's line of the equation."""
        return None if self.eqn is None else self.eqn.source


class Lanes(NamedTuple):
    """extents: of each lane axis.  axes_of: for each axis of a variable the lane axis that it is, or None.

    changing: the variables inside that change within the outermost loop; of the others no axis is known as a lane.
    most: elements of one value that a lane may hold, or write, by itself.
    """

    extents: tuple[int, ...]
    axes_of: Callable[[Scope, Var], tuple[int | None, ...]]
    changing: frozenset[tuple[Scope, Var]]
    most: int

    @property
    def number(self) -> int:
        return prod(self.extents)

    @property
    def may_have_arrays(self) -> bool:
        """Whether a value may be an array instead of variables."""
        return self.most > MOST_ALONE

    def rest_of(self, scope: Scope, var: Var) -> tuple[int, ...]:
        """The extents of what remains of a value in a lane."""
        return tuple([d for d, a in zip(var.aval.shape, self.axes_of(scope, var), strict=True) if a is None])


def find_lanes(eqn: Eqn) -> Lanes:
    """The lanes of a loop, branch or call at the top of a program; Mixed where it cannot be one kernel."""
    walk = _Walk()
    is_call = eqn.primitive.name in INLINED
    walk.enter_eqn((), eqn, dict.fromkeys(eqn.inputs, is_call))
    if is_call:
        walk.keep(eqn)
    classes = walk.classes
    states = [(s, v) for s, v in dict.fromkeys(walk.states) if v.aval.ndim]
    classes.separate(states)
    chosen = _chosen(states, classes)
    numbers = {c: k for k, c in enumerate(chosen)}
    extents = tuple([classes.extent(c) for c in chosen])
    dealt_out = {((), v): _dealt_out(v, extents) for v in walk.of_xs_alone}

    def axes_of(scope: Scope, var: Var) -> tuple[int | None, ...]:
        found = [classes.find((scope, var, d)) for d in range(var.aval.ndim)]
        return dealt_out.get((scope, var)) or tuple([numbers.get(c) for c in found])

    most = MOST_IN_ARRAY if is_call or prod(extents) > 1 else MOST_ALONE
    lanes = Lanes(extents, axes_of, frozenset(walk.changing), most)
    _check_registers(walk.states, lanes, classes)
    return lanes


def evaluations(eqn: Eqn, operand: int, lanes: Lanes) -> int | None:
    """How many elements of an operand all lanes read together; None where that is not known."""
    size, params = eqn.inputs[operand].aval.size, eqn.params
    if eqn.primitive.name == SCAN:
        first, after = params["num_consts"], params["num_consts"] + params["num_carry"]
        if operand >= after:
            return max(size, lanes.number * params["length"])
        return max(size, lanes.number) if operand >= first or size == 1 else None
    if eqn.primitive.name == WHILE and operand >= params["cond_consts"] + params["body_consts"]:
        return max(size, lanes.number)
    if eqn.primitive.name == COND or eqn.primitive.name in INLINED:
        return max(size, lanes.number)
    return lanes.number if size == 1 else None


def _dealt_out(var: Var, extents: Sequence[int]) -> tuple[int | None, ...]:
    """Lane axes for what a loop stacks of its xs alone: any lane may compute any of it, so that extents decide."""
    found: list[int | None] = [None] * var.aval.ndim
    for number, extent in enumerate(extents):
        free = [d for d in range(1, len(found)) if found[d] is None and var.aval.shape[d] == extent]
        if free:
            found[free[0]] = number
    return tuple(found)


def _chosen(states: Sequence[tuple[Scope, Var]], classes: _Classes) -> list[Place]:
    """The classes that all of the values which have any have; in the order of the axes of the largest value."""
    owned = {}
    for scope, var in states:
        found = [classes.find((scope, var, d)) for d in range(var.aval.ndim)]
        owned[scope, var] = [c for c in found if classes.extent(c) > 1 and c not in classes.mixed]
    common = {c for own in owned.values() for c in own}
    for own in owned.values():
        if common & set(own):
            common &= set(own)
    largest = max(owned.values(), key=len, default=[])
    return [c for c in largest if c in common]


def _check_registers(states: Iterable[tuple[Scope, Var]], lanes: Lanes, classes: _Classes) -> None:
    """Mixed if what each lane holds is too much for registers, or nothing; blames what mixes the longest axis."""
    for scope, var in states:
        if var.aval.size == 0:
            raise Mixed(f"{var.aval.str_short()} has no elements")
        own = lanes.axes_of(scope, var)
        rest = [(d, k) for k, (d, a) in enumerate(zip(var.aval.shape, own, strict=True)) if a is None]
        if prod(d for d, _ in rest) > lanes.most:
            _, axis = max(rest)
            cause = classes.mixed.get(classes.find((scope, var, axis)))
            raise cause or Mixed(f"each lane would hold {prod(d for d, _ in rest)} elements of {var.aval.str_short()}")


class _Classes:
    """Axes that are passed on to each other, as a union-find; `mixed` says of a class what mixes its elements."""

    def __init__(self) -> None:
        self._parent: dict[Place, Place] = {}
        self.mixed: dict[Place, Mixed] = {}

    def find(self, place: Place) -> Place:
        parent = self._parent
        root = place
        while (above := parent.get(root, root)) is not root:
            root = above
        while place is not root and (above := parent.get(place, place)) is not root:
            parent[place], place = root, above
        return root

    def extent(self, place: Place) -> int:
        _, var, axis = place
        return var.aval.shape[axis]

    def join(self, a: Place, b: Place) -> None:
        a, b = self.find(a), self.find(b)
        if a != b:
            self._parent[b] = a
            if b in self.mixed:
                self.mixed.setdefault(a, self.mixed.pop(b))

    def mix(self, place: Place, eqn: Eqn) -> None:
        root = self.find(place)
        if root not in self.mixed:
            self.mixed[root] = Mixed(f"{eqn.primitive.name} mixes its elements along axis {place[2]}", eqn)

    def separate(self, values: Iterable[tuple[Scope, Var]]) -> None:
        """A value with two axes of one class, as a product of all pairs has, mixes them."""
        for scope, var in values:
            seen: set[Place] = set()
            for axis in range(var.aval.ndim):
                root = self.find((scope, var, axis))
                if root in seen:
                    self.mixed.setdefault(root, Mixed(f"{var.aval.str_short()} has its elements along two axes"))
                seen.add(root)


class _Walk:
    """Follows axes through a loop's tapes.

    states: carries and other values that a lane keeps, with the scope in which they stand.  changing: as of `Lanes`.
    of_xs_alone: what the outermost loop stacks and no carry enters.
    """

    def __init__(self) -> None:
        self.classes = _Classes()
        self.states: list[tuple[Scope, Var]] = []
        self.changing: set[tuple[Scope, Var]] = set()
        self.of_xs_alone: set[Var] = set()

    def enter_eqn(self, scope: Scope, eqn: Eqn, changing: dict[Any, bool]) -> None:
        """A loop, branch or call; `changing` says of each value whether it changes within the outermost loop."""
        handlers = {SCAN: self._scan, WHILE: self._while, COND: self._cond}
        handlers.get(eqn.primitive.name, self._inlined)(scope, eqn, changing)

    def _tape(self, scope: Scope, tape: Tape, changing: Sequence[bool]) -> list[bool]:
        """Follow the equations of `tape`; returns which of its outputs change."""
        known: dict[Any, bool] = dict(zip(tape.inputs, changing, strict=True))
        for eqn in tape.eqns:
            if eqn.has_effect:
                raise Mixed(f"{eqn.primitive.name} acts on the outside in every step", eqn)
            if eqn.primitive.name in LOOPS or eqn.primitive.name in INLINED:
                self.enter_eqn(scope, eqn, known)
                continue
            is_changing = any(known.get(a, False) for a in eqn.inputs)
            known.update(dict.fromkeys(eqn.outputs, is_changing))
            self._equation(scope, eqn, known)
        self.changing.update((scope, v) for v, is_changing in known.items() if is_changing)
        return [known.get(a, False) for a in tape.outputs]

    def _equation(self, scope: Scope, eqn: Eqn, known: dict[Any, bool]) -> None:
        """Mixed for what no lane can compute, whether it changes or not."""
        for link in links_of(eqn):
            operand = eqn.inputs[link.operand]
            if not (isinstance(operand, Var) and known.get(operand, False)):
                continue
            place = (scope, operand, link.axis)
            if link.result is None:
                self.classes.mix(place, eqn)
            else:
                number, axis = link.result
                self.classes.join((scope, eqn.outputs[number], axis), place)
        if known[eqn.outputs[0]] and is_by_loops(eqn):
            for number, axis in _made_together(eqn):
                self.classes.mix((scope, eqn.outputs[number], axis), eqn)

    def _pass(self, scope: Scope, atom: Any, inner: Scope, var: Var, changes: bool, shift: int = 0) -> None:
        """`var` of an inner tape is `atom` of the outer one, or its elements along the first axis."""
        if changes and isinstance(atom, Var):
            for d in range(var.aval.ndim):
                self.classes.join((inner, var, d), (scope, atom, d + shift))

    def _scan(self, scope: Scope, eqn: Eqn, known: dict[Any, bool]) -> None:
        params = eqn.params
        tape, num_consts, num_carry = optimized(params["tape"]), params["num_consts"], params["num_carry"]
        inner = (*scope, id(eqn))
        num_fixed = num_consts + num_carry
        flags = [known.get(a, False) for a in eqn.inputs]
        flags[num_consts:num_fixed] = [True] * num_carry
        for k, (atom, var) in enumerate(zip(eqn.inputs, tape.inputs, strict=True)):
            is_slice = k >= num_fixed
            if is_slice and flags[k] and isinstance(atom, Var):
                self.classes.mix((scope, atom, 0), eqn)
            self._pass(scope, atom, inner, var, known.get(atom, False), int(is_slice))
        outs = self._tape(inner, tape, flags)
        self._carry(inner, tape.inputs[num_consts:num_fixed], tape.outputs[:num_carry], outs)
        ends = (*tape.inputs[num_consts:num_fixed], *tape.outputs[num_carry:])
        for k, (var, out) in enumerate(zip(eqn.outputs, ends, strict=True)):
            self._result(scope, var, inner, out, outs[k] or k < num_carry, int(k >= num_carry))
            known[var] = True
            if k >= num_carry:
                self.classes.mix((scope, var, 0), eqn)
                if scope == () and not outs[k]:
                    self.of_xs_alone.add(var)

    def _while(self, scope: Scope, eqn: Eqn, known: dict[Any, bool]) -> None:
        params = eqn.params
        condition, body = optimized(params["cond_tape"]), optimized(params["body_tape"])
        tests, inner = (*scope, id(eqn), "cond"), (*scope, id(eqn))
        n, m = params["cond_consts"], params["cond_consts"] + params["body_consts"]
        cond_consts, body_consts, init = eqn.inputs[:n], eqn.inputs[n:m], eqn.inputs[m:]
        for into, tape, consts in ((tests, condition, cond_consts), (inner, body, body_consts)):
            for atom, var in zip((*consts, *init), tape.inputs, strict=True):
                self._pass(scope, atom, into, var, known.get(atom, False))
        carry = body.inputs[len(body_consts) :]
        for var, other in zip(carry, condition.inputs[n:], strict=True):
            self._pass(inner, var, tests, other, True)
        [running] = condition.outputs
        self._tape(tests, condition, [*(known.get(a, False) for a in cond_consts), *[True] * len(init)])
        outs = self._tape(inner, body, [*(known.get(a, False) for a in body_consts), *[True] * len(init)])
        self._carry(inner, carry, body.outputs, outs)
        if isinstance(running, Var):
            for d in range(running.aval.ndim):  # each lane runs until its own condition is false
                for var in carry:
                    self.classes.join((inner, var, d), (tests, running, d))
        for var, end in zip(eqn.outputs, carry, strict=True):
            self._result(scope, var, inner, end, True)
            known[var] = True

    def _cond(self, scope: Scope, eqn: Eqn, known: dict[Any, bool]) -> None:
        index, operands = eqn.inputs[0], eqn.inputs[1:]
        flags = [known.get(a, False) for a in operands]
        for number, branch in enumerate(eqn.params["branches"]):
            tape, inner = optimized(branch), (*scope, id(eqn), number)
            for atom, var in zip(operands, tape.inputs, strict=True):
                self._pass(scope, atom, inner, var, known.get(atom, False))
            outs = self._tape(inner, tape, flags)
            for var, out, changes in zip(eqn.outputs, tape.outputs, outs, strict=True):
                self._result(scope, var, inner, out, changes)
        for var in eqn.outputs:
            known[var] = True
            self.states.append((scope, var))
            for d in range(index.aval.ndim):  # each lane takes its own branch
                assert isinstance(index, Var)
                self.classes.join((scope, var, d), (scope, index, d))

    def _inlined(self, scope: Scope, eqn: Eqn, known: dict[Any, bool]) -> None:
        tape, inner = optimized(eqn.params["tape"]), (*scope, id(eqn))
        for atom, var in zip(eqn.inputs, tape.inputs, strict=True):
            self._pass(scope, atom, inner, var, known.get(atom, False))
        outs = self._tape(inner, tape, [known.get(a, False) for a in eqn.inputs])
        for var, out, changes in zip(eqn.outputs, tape.outputs, outs, strict=True):
            self._result(scope, var, inner, out, changes)
            known[var] = changes

    def keep(self, eqn: Eqn) -> None:
        """A lane holds all that a call computes, whole matrices of it: axes that come from no operand are no lanes."""
        inner = (id(eqn),)
        self.states += [((), v) for v in eqn.outputs]
        for step in optimized(eqn.params["tape"]).eqns:
            passed_on = {link.result for link in links_of(step)}
            for number, var in enumerate(step.outputs):
                self.states.append((inner, var))
                for axis in range(var.aval.ndim):
                    if (number, axis) not in passed_on:
                        self.classes.mix((inner, var, axis), step)

    def _carry(self, inner: Scope, before: Sequence[Var], after: Sequence[Any], changing: Sequence[bool]) -> None:
        """What a step makes of the carry takes its place; where it does not change, the carry is that or the first."""
        for var, out, changes in zip(before, after, changing, strict=False):
            self.states.append((inner, var))
            self._pass(inner, out, inner, var, changes)

    def _result(self, scope: Scope, var: Var, inner: Scope, out: Any, changes: bool, shift: int = 0) -> None:
        """`var` of the outer tape is `out` of an inner one, or stacks it."""
        if changes and isinstance(out, Var):
            for d in range(out.aval.ndim):
                self.classes.join((scope, var, d + shift), (inner, out, d))


# --- single equations ---------------------------------------------------------------------------------------------


class Link(NamedTuple):
    """Axis `axis` of an operand goes to an axis of a result, (result, axis), or to none: it is mixed."""

    operand: int
    axis: int
    result: tuple[int, int] | None


def links_of(eqn: Eqn) -> list[Link]:
    """Where each axis of the operands goes."""
    kind = kind_of(eqn)
    if kind == ELEMENTWISE:
        return _elementwise_links(eqn)
    if kind == MOVER:
        return _mover_links(eqn)
    if kind in (REDUCTION, SHORT):
        return _reduction_links(eqn)
    if eqn.primitive.lane_map is not None:
        return _lane_map_links(eqn)
    how = "combines neighbours" if kind == PRODUCTS else "is computed by a library"
    raise Mixed(f"{eqn.primitive.name} {how}", eqn)


def _elementwise_links(eqn: Eqn) -> list[Link]:
    """The same axes; a draw has those of its key first."""
    found = []
    for k, operand in enumerate(eqn.inputs):
        for axis in range(operand.aval.ndim):
            for number, out in enumerate(eqn.outputs):
                is_own = axis < out.aval.ndim and out.aval.shape[axis] == operand.aval.shape[axis]
                found.append(Link(k, axis, (number, axis) if is_own else None))
    return found


def _reduction_links(eqn: Eqn) -> list[Link]:
    axes = eqn.params["axes"]
    kept = [a for a in range(eqn.inputs[0].aval.ndim) if a not in axes]
    passed = [Link(0, a, (0, k)) for k, a in enumerate(kept)]
    return [*passed, *[Link(0, a, None) for a in axes]]


def _lane_map_links(eqn: Eqn) -> list[Link]:
    lane_map, avals = eqn.primitive.lane_map, [a.aval for a in eqn.inputs]
    reason = lane_map.reason_against(*avals, **eqn.params)
    if reason is not None:
        raise Mixed(f"{eqn.primitive.name} {reason}", eqn)
    passed = lane_map.axes(*avals, **eqn.params)
    links = [Link(k, a, (number, to)) for number, k, a, to in passed]
    seen = {(x.operand, x.axis) for x in links}
    every = [(k, a) for k, x in enumerate(eqn.inputs) for a in range(x.aval.ndim)]
    return [*links, *[Link(k, a, None) for k, a in every if (k, a) not in seen]]


def _made_together(eqn: Eqn) -> list[tuple[int, int]]:
    """(result, axis) for the axes along which an op that is loops makes all elements, of which no lane can have one."""
    avals = [a.aval for a in eqn.inputs]
    passed = {(number, to) for number, _, _, to in eqn.primitive.lane_map.axes(*avals, **eqn.params)}
    every = [(number, axis) for number, v in enumerate(eqn.outputs) for axis in range(v.aval.ndim)]
    return [place for place in every if place not in passed]


def _mover_links(eqn: Eqn) -> list[Link]:
    found: list[Link] = []
    avals = [a.aval for a in eqn.inputs]
    for number, out in enumerate(eqn.outputs):
        shape = out.aval.shape
        place = tuple([axis_index(k, d) for k, d in enumerate(shape)])
        probe = _Probe(eqn)
        which = {"output": number} if eqn.primitive.multiple else {}
        eqn.primitive.index_map(probe, place, *avals, **eqn.params, **which)
        for operand, index in probe.reads:
            for axis, (i, extent) in enumerate(zip(index, avals[operand].shape, strict=True)):
                if extent == 1:
                    continue
                own = next((k for k, d in enumerate(shape) if d == extent and as_index(i) == place[k]), None)
                found.append(Link(operand, axis, None if own is None else (number, own)))
    return found


class _Element(Node):
    """What a probe reads: nothing is known of it but its dtype."""

    def __init__(self, dtype: Any) -> None:
        self._settle(dtype)


class _Probe:
    """The `e` of an index map that notes what is read where."""

    def __init__(self, eqn: Eqn) -> None:
        self._eqn = eqn
        self.reads: list[tuple[int, Sequence[Any]]] = []

    def read(self, operand: int, index: Sequence[Any]) -> Node:
        self.reads.append((operand, index))
        return _Element(self._eqn.inputs[operand].aval.dtype)

    def where(self, condition: Any, if_true: Any, if_false: Any) -> Any:
        if isinstance(if_true, Node) or isinstance(if_false, Node):
            return if_true
        return choose(condition, if_true, if_false)

    def value(self, x: Any, dtype: Any) -> Node:
        return _Element(dtype)
