"""Loops whose Jacobian is carried along, instead of the residuals of every step being kept for the backward pass.

    carried_jacobian(parts, num_consts, num_carry, starts, scan) -> CarriedJacobian or None

Where a loop consists of lanes (compiler/lanes.py) with few numbers in each, as the path of a price or the orbit of a
particle has, the derivative of what it ends with by what it begins with is a small matrix for each lane; and where a
loop is differentiated by few numbers, as the constants of an equation on a grid, it has few columns.  The known loop
multiplies it by the derivative of each step, in registers where the loop is a lane kernel; the linear loop that would
remain is a product with that matrix, in whichever direction it is wanted.  So memory does not grow with the number of
steps, nothing is computed again, and the number of steps need not be known.

A column belongs to an element of the consts or of the carry that a lane begins with, a row to a carry that it ends
with.  There is no entry where a carry does not depend on what the column belongs to, and one that stays what it is at
first, as the derivative of a sum by what it began with, is not carried.

Backward, what nobody reads has the cotangent 0, and what is constant is not reached.  So that neither an entry that is
still 0 meets an infinite slope here, nor a cotangent of 0 an entry that has grown beyond all bounds, such products are
0 (`mul_nonzero`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np

from cujax.engine.compiler.kinds import ELEMENTWISE, MOVER, PRODUCTS, SHORT, cost, kind_of
from cujax.engine.compiler.lanes import Mixed, find_lanes
from cujax.engine.control.flags import split_at
from cujax.engine.control.recompute import with_recomputed_residuals
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.primitive import Primitive
from cujax.engine.core.recording import is_known_zero, record_pure, run_tape
from cujax.engine.core.simplify import remove_dead_code
from cujax.engine.core.tape import Atom, Eqn, Tape, Var, literal, subtapes
from cujax.engine.ground import dtypes
from cujax.engine.ground.config import config
from cujax.engine.ops.constants import broadcasted_iota, ones_of, zeros_of
from cujax.engine.ops.elementwise import div_p, mul_nonzero, mul_nonzero_p, mul_p
from cujax.engine.ops.logic import eq, eq_p, select_n, select_n_p
from cujax.engine.ops.slicing import index_in_dim
from cujax.engine.ops.structural import add_tangents, broadcast_in_dim, transpose
from cujax.engine.transforms.jvp import jvp_tape
from cujax.engine.transforms.linearize import SplitTape

_MOST_COLUMNS = 8
_MOST_INPUTS = 32  # of the linear part, whose lanes are looked for
# Numbers of the entries for each that a step would keep: in lanes, where they stay in registers, and elsewhere, where
# every step reads and writes them.
_MOST_IN_LANES, _MOST_IN_MEMORY = 4, 2
_TRAFFIC = 30  # additions in the time that a number kept takes; less than in recompute.py, since columns are many
# Ops whose transpose is what their derivative says, if that of the tapes in them is; of other families none.
_PLAIN = frozenset((
    "barrier", "binary", "contraction", "creation", "cumulative", "fft", "indexing", "linalg", "mover", "reduction",
    "scatter", "select", "sorting", "ternary", "unary", "windowed",
))
_HOLD_TAPES = frozenset(("jit", "scan", "while", "cond", "checkpoint", "custom_linear_solve"))


class _Input(NamedTuple):
    """A linear input.  lanes: for each axis the lane axis that it is, or None."""

    aval: ShapedArray
    lanes: tuple[int | None, ...]

    @property
    def rest(self) -> tuple[int, ...]:
        """The extents of what a lane has of it."""
        return tuple([d for d, lane in zip(self.aval.shape, self.lanes, strict=True) if lane is None])

    def unit(self, element: Sequence[int]) -> Any:
        """One at an element of each lane, and zero at the others."""
        one = ones_of(self.aval)
        axes = [axis for axis, lane in enumerate(self.lanes) if lane is None]
        for axis, place in zip(axes, element, strict=True):
            one = select_n(eq(broadcasted_iota(np.int32, self.aval.shape, axis), place), zeros_of(self.aval), one)
        return one

    def spread(self, value: Any, element: Sequence[int], target: _Input) -> Any:
        """The element of each lane of `value`, which is one of this input, wherever `target` has something of the lane.

        A scalar stays one.
        """
        if not self.aval.shape or (not element and self.lanes == target.lanes):
            return value
        axes = [axis for axis, lane in enumerate(self.lanes) if lane is None]
        for axis, place in reversed(list(zip(axes, element, strict=True))):
            value = index_in_dim(value, place, axis, keepdims=False)
        places = [target.lanes.index(lane) for lane in self.lanes if lane is not None]
        order = sorted(range(len(places)), key=places.__getitem__)
        value = value if order == list(range(len(order))) else transpose(value, order)
        return broadcast_in_dim(value, target.aval.shape, sorted(places))


class _Column(NamedTuple):
    """The derivatives by one element of a linear input.

    number: of the input.  own: which carry it is at the first step; None for a const.  rows: the carries whose
    derivative is not zero.  carried: those of them whose derivative changes.
    """

    number: int
    own: int | None
    element: tuple[int, ...]
    rows: tuple[int, ...]
    carried: tuple[int, ...]


class CarriedJacobian(NamedTuple):
    """See the module's docstring.

    body: (known consts; known carry, entries; known xs) -> (known carry, entries; known ys)
    consts, carry: the linear inputs, in this order.
    """

    body: Tape
    columns: tuple[_Column, ...]
    consts: tuple[_Input, ...]
    carry: tuple[_Input, ...]

    def first(self) -> list[Any]:
        """The entries before the first step."""
        return [
            self.carry[row].unit(column.element) if row == column.own else zeros_of(self.carry[row].aval)
            for column in self.columns for row in column.carried
        ]

    def product(self, entries: Sequence[Any], values: Sequence[Any]) -> list[Any]:
        """The linear carry after the last step, of the linear inputs before the first."""
        sums = {c.own: values[c.number] for c in self.columns if c.own is not None and c.own not in c.carried}
        remaining, inputs = iter(entries), (*self.consts, *self.carry)
        for column in self.columns:
            for row in column.carried:
                factor = inputs[column.number].spread(values[column.number], column.element, self.carry[row])
                term = mul_nonzero(next(remaining), factor)
                sums[row] = add_tangents(sums[row], term) if row in sums else term
        return [sums[row] for row in range(len(self.carry))]


def carried_jacobian(
    parts: SplitTape, num_consts: int, num_carry: int, starts: Sequence[bool], scan: Primitive, is_needed: bool = False
) -> CarriedJacobian | None:
    """For the loop whose step is divided into `parts`; None where it cannot be, or residuals are the better way.

    num_consts, num_carry: of the known inputs.  starts: which of the linear carries are not zero before the first step.
    scan: the primitive of loops.  is_needed: there is no other way.
    """
    step = _Step(parts, num_consts, num_carry, starts)
    if not step.is_plain() or (not is_needed and (config.debug_nans or config.debug_infs)):
        return None
    step.find_lanes(scan)
    if not 0 < step.num_columns() <= _MOST_COLUMNS:
        return None
    columns = tuple(step.columns())
    has_all_rows = {row for c in columns for row in c.rows} == set(range(len(step.carry)))
    if not has_all_rows or not (is_needed or step.pays(columns)):
        return None
    return CarriedJacobian(step.body(columns), columns, tuple(step.consts), tuple(step.carry))


def starts_of(begun: Sequence[bool], carry: Sequence[Any]) -> list[bool]:
    """Which linear carries are not zero before the first step: those that are `begun`, unknown, and known others."""
    return [is_unknown or not is_known_zero(x) for is_unknown, x in zip(begun, carry, strict=True)]


class _Step:
    """One step of the loop: its known and its linear part, of which `consts` and `carry` are the linear inputs.

    `_begun`: the inputs that have columns, by number, and which carries they are.
    """

    def __init__(self, parts: SplitTape, num_consts: int, num_carry: int, starts: Sequence[bool]) -> None:
        self._parts, self._linear = parts, parts.linear
        self._num_known_consts, self._num_known_carry = num_consts, num_carry
        self._num_residuals = len(parts.residual_inputs)
        inputs = [_Input(a, (None,) * a.ndim) for a in parts.linear.in_avals[self._num_residuals :]]
        self.consts, self.carry = split_at(inputs, len(inputs) - len(starts))
        self._is_of_lanes = False
        first = len(self.consts)
        self._begun: list[tuple[int, int | None]] = [(k, None) for k in range(first)]
        self._begun += [(first + row, row) for row, begins in enumerate(starts) if begins]
        self._known_derived: dict[tuple[int, tuple[int, ...]], Tape] = {}

    @property
    def _inputs(self) -> list[_Input]:
        return [*self.consts, *self.carry]

    # --- whether it can be --------------------------------------------------------------------------------------------

    def is_plain(self) -> bool:
        """Whether few real numbers of one dtype go through ops whose transposes are what their derivatives say."""
        linear, dtype = self._linear, self._linear.out_avals[0].dtype if self.carry else None
        values = [*[i.aval for i in self._inputs], *[v.aval for e in linear.eqns for v in e.outputs], *linear.out_avals]
        return (
            dtype is not None and dtypes.is_float(dtype) and len(self._inputs) <= _MOST_INPUTS
            and 0 < len(self._begun) <= _MOST_COLUMNS
            and all(a.dtype == dtype and a.size for a in values) and _is_plain(linear)
        )

    def find_lanes(self, scan: Primitive) -> None:
        """Note the lanes of the inputs; of carries that have nothing to do with one another each has its own."""
        found = dict[int, _Input]()
        for numbers in self._connected():
            of_part = self._lanes_of(numbers, scan)
            if of_part is None:
                return
            found.update(of_part)
        inputs = [found.get(k, i) for k, i in enumerate(self._inputs)]
        self.consts, self.carry = split_at(inputs, len(self.consts))
        self._is_of_lanes = True

    def _connected(self) -> list[set[int]]:
        """The inputs that are not scalar consts, in sets that no output connects."""
        first = len(self.consts)
        ignored = {k for k, i in enumerate(self.consts) if not i.aval.shape}
        sets: list[set[int]] = []
        for row, needed in enumerate(self._needed):
            joined = ({first + row} | needed) - ignored
            sets, others = [s for s in sets if not s & joined], [s for s in sets if s & joined]
            sets.append(joined.union(*others))
        return sets

    @cached_property
    def _needed(self) -> list[set[int]]:
        """For each carry the inputs on which a step makes it depend."""
        n, count = self._num_residuals, len(self.carry)
        of_rows = [remove_dead_code(self._linear, [k == row for k in range(count)])[1][n:] for row in range(count)]
        return [{k for k, is_read in enumerate(flags) if is_read} for flags in of_rows]

    def _lanes_of(self, numbers: set[int], scan: Primitive) -> dict[int, _Input] | None:
        """Those of connected inputs, if all of these carries have the same ones, and every const has them or none."""
        linear, n, first = self._linear, self._num_residuals, len(self.consts)
        carry = sorted(k for k in numbers if k >= first)
        ordered = [*carry, *sorted(numbers - set(carry))]
        outputs = [linear.outputs[k - first] for k in carry]
        eqns = remove_dead_code(Tape(linear.inputs, linear.eqns, outputs))[0].eqns
        state, residuals = [linear.inputs[n + k] for k in ordered], linear.inputs[:n]
        scalars = [linear.inputs[n + k] for k in range(first) if k not in numbers]
        body = Tape([*scalars, *state, *residuals], eqns, [*outputs, *state[len(carry) :]])
        counts = {"num_consts": len(scalars), "num_carry": len(state), "length": 2, "unroll": 1}
        params = {"tape": body, "reverse": False, **counts}
        avals = [*[v.aval for v in (*scalars, *state)], *[v.aval.update(shape=(2, *v.aval.shape)) for v in residuals]]
        results = [Var(v.aval) for v in state]
        try:
            lanes = find_lanes(Eqn(scan, [Var(a) for a in avals], results, params, None))
        except Mixed:
            return None
        found = {k: _Input(v.aval, lanes.axes_of((), v)) for k, v in zip(ordered, results, strict=True)}
        every = set(range(len(lanes.extents)))
        owned = {k: {lane for lane in i.lanes if lane is not None} for k, i in found.items()}
        return found if all(own == every or (not own and k < first) for k, own in owned.items()) else None

    def num_columns(self) -> int:
        """Elements of a lane that the loop is differentiated by."""
        return sum(prod(self._inputs[number].rest) for number, _ in self._begun)

    def pays(self, columns: Sequence[_Column]) -> bool:
        """Whether entries are less work than residuals that are written and read again, and few beside them.

        A single column takes no more than the backward pass would.
        """
        kept = sum(self._kept())
        numbers = sum(self._linear.out_avals[row].size for c in columns for row in c.carried)
        if numbers > (_MOST_IN_LANES if self._is_of_lanes else _MOST_IN_MEMORY) * kept:
            return False
        if len(columns) == 1:
            return True
        eqns = [e for c in columns for e in self._derived(c.number, c.rows).eqns]
        is_priced = all(kind_of(e) in (ELEMENTWISE, MOVER, PRODUCTS, SHORT) for e in eqns)
        return is_priced and sum(cost(e) * v.aval.size for e in eqns for v in e.outputs) <= _TRAFFIC * kept

    def _kept(self) -> Iterator[int]:
        """Sizes of what every step would keep for the backward pass: known carries, and what is computed of them."""
        parts, first = with_recomputed_residuals(self._parts), self._num_known_consts
        yield from [a.size for a in parts.known.out_avals[len(parts.known.outputs) - parts.num_extra :]]
        for source in parts.residual_inputs:
            if source is not None and first <= source < first + self._num_known_carry:
                yield parts.known.in_avals[source].size

    # --- columns ------------------------------------------------------------------------------------------------------

    def columns(self) -> Iterator[_Column]:
        """Those of all elements of the consts, and of the carries that are not zero before the first step."""
        for number, own in self._begun:
            rows = self._rows(number)
            carried = tuple([row for row in rows if not (row == own and self._hands_on(number, rows, row))])
            for element in product(*map(range, self._inputs[number].rest)):
                yield _Column(number, own, element, rows, carried)

    def _rows(self, number: int) -> tuple[int, ...]:
        """The carries that depend on an input: what depends on one in a step does so after the next."""
        first, reached = len(self.consts), {number}
        while True:
            after = reached | {first + row for row, needed in enumerate(self._needed) if needed & reached}
            if after == reached:
                return tuple(sorted(k - first for k in reached if k >= first))
            reached = after

    def _hands_on(self, number: int, rows: tuple[int, ...], row: int) -> bool:
        """Whether a step leaves this entry as it is."""
        derived, k = self._derived(number, rows), rows.index(row)
        return derived.outputs[k] is derived.inputs[len(derived.inputs) - len(rows) + k]

    def _derived(self, number: int, rows: tuple[int, ...]) -> Tape:
        """(residuals, linear inputs, a column before a step) -> (the column after it).

        Of a linear function the derivative does not depend on the linear inputs: they are not read.
        """
        key = number, rows
        if key not in self._known_derived:
            count, first = len(self.carry), len(self.consts)
            are_rows = [row in rows for row in range(count)]
            nonzero = [*[False] * self._num_residuals, *[k == number for k in range(first)], *are_rows]
            derived, _ = jvp_tape(self._linear, nonzero, are_rows)
            derived = remove_dead_code(derived, [*[False] * count, *[True] * len(rows)])[0]
            tangents = derived.inputs[len(self._linear.inputs) :]
            sources = [number, *[first + row for row in rows]][-len(tangents) :]
            begin_as_zero: set[Atom] = {
                v for v, k in zip(tangents, sources, strict=True) if k != number or self._inputs[k].rest
            }
            self._known_derived[key] = _with_zeros_kept(derived, {*tangents}, begin_as_zero)
        return self._known_derived[key]

    def body(self, columns: Sequence[_Column]) -> Tape:
        """As it stands in `CarriedJacobian`."""
        known, num_carry = self._parts.known, self._num_known_carry
        num_outs = len(known.outputs) - self._parts.num_extra
        entry_avals = [self.carry[row].aval for c in columns for row in c.carried]

        def step(*args: Any) -> list[Any]:
            consts, carry, entries, xs = split_at(args, self._num_known_consts, num_carry, len(entry_avals))
            inputs = [*consts, *carry, *xs]
            outs, extra = split_at(run_tape(known, inputs), num_outs)
            fixed = [*self._parts.residuals(inputs, extra), *[zeros_of(i.aval) for i in self._inputs]]
            remaining, after = iter(entries), list[Any]()
            for column in columns:
                unit = self._inputs[column.number].unit(column.element)
                before = [unit] if column.own is None else []
                before += [next(remaining) if row in column.carried else unit for row in column.rows]
                made = run_tape(self._derived(column.number, column.rows), [*fixed, *before])
                after += [x for row, x in zip(column.rows, made, strict=True) if row in column.carried]
            return [*outs[:num_carry], *after, *outs[num_carry:]]

        consts, carry, xs = split_at(known.in_avals, self._num_known_consts, num_carry)
        return remove_dead_code(record_pure(step, [*consts, *carry, *entry_avals, *xs], known.name))[0]


def _is_plain(tape: Tape) -> bool:
    """Whether the transposes of all ops, of those in inner tapes too, are what the derivatives say."""
    return not tape.has_effects and all(
        e.primitive.family in _PLAIN or (e.primitive.name in _HOLD_TAPES and all(map(_is_plain, subtapes(e.params))))
        for e in tape.eqns
    )


def _with_zeros_kept(tape: Tape, tangents: set[Atom], begin_as_zero: set[Atom]) -> Tape:
    """`tape` with products and quotients that are zero where a tangent of those which begin so is."""
    eqns: list[Eqn] = []
    for eqn in tape.eqns:
        varying = [a for a in eqn.inputs if a in tangents]
        if varying:
            tangents.update(eqn.outputs)
        if begin_as_zero.intersection(varying):
            begin_as_zero.update(eqn.outputs)
            if len(varying) == 1 and eqn.primitive in (mul_p, div_p):
                eqns += _zero_kept(eqn, varying[0])
                continue
        eqns.append(eqn)
    return Tape(tape.inputs, eqns, tape.outputs, tape.name)


def _zero_kept(eqn: Eqn, tangent: Atom) -> list[Eqn]:
    """A product with a tangent or a quotient of one, zero where that is."""
    x, y = eqn.inputs
    if eqn.primitive is mul_p:
        return [Eqn(mul_nonzero_p, [y if x is tangent else x, tangent], eqn.outputs, {}, eqn.source)]
    if tangent.aval is not eqn.outputs[0].aval:  # a scalar over an array
        return [eqn]
    quotient, is_zero = Var(eqn.outputs[0].aval), Var(tangent.aval.update(dtype=np.dtype(bool), weak_type=False))
    zero = literal(0, tangent.aval.dtype, tangent.aval.weak_type)
    return [
        Eqn(div_p, [x, y], [quotient], {}, eqn.source),
        Eqn(eq_p, [tangent, zero], [is_zero], {}, eqn.source),
        Eqn(select_n_p, [is_zero, quotient, tangent], eqn.outputs, {}, eqn.source),
    ]
