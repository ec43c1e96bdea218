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
first, as the derivative of a sum by what it began with, is not carried.  A linear carry that is not unknown at first is
zero there, or the loop would not be linear.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np

from cujax.engine.compiler.kinds import ELEMENTWISE, MOVER, PRODUCTS, SHORT, cost, kind_of
from cujax.engine.compiler.lanes import Mixed, find_lanes
from cujax.engine.control.flags import split_at
from cujax.engine.control.recompute import TRAFFIC, with_recomputed_residuals
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.primitive import Primitive
from cujax.engine.core.recording import record_pure, run_tape
from cujax.engine.core.simplify import remove_dead_code
from cujax.engine.core.tape import Eqn, Tape, Var
from cujax.engine.ground import dtypes
from cujax.engine.ops.constants import broadcasted_iota, ones_of, zeros_of
from cujax.engine.ops.elementwise import mul
from cujax.engine.ops.logic import eq, select_n
from cujax.engine.ops.slicing import index_in_dim
from cujax.engine.ops.structural import add_tangents, broadcast_in_dim
from cujax.engine.transforms.jvp import jvp_tape
from cujax.engine.transforms.linearize import SplitTape

_MOST_COLUMNS = 8
# Numbers of the entries for each that a step would keep: in lanes, where they stay in registers, and elsewhere, where
# every step reads and writes them.
_MOST_IN_LANES, _MOST_IN_MEMORY = 4, 2


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

    def at(self, value: Any, element: Sequence[int], like: _Input) -> Any:
        """An element of each lane of `value`, at all places that the lane has in `like`."""
        if not self.aval.shape or (not element and self.lanes == like.lanes):
            return value
        lanes = list(self.lanes)
        for place in reversed(element):
            axis = len(lanes) - 1 - lanes[::-1].index(None)
            value = index_in_dim(value, place, axis, keepdims=False)
            del lanes[axis]
        return broadcast_in_dim(value, like.aval.shape, [like.lanes.index(lane) for lane in lanes])


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
    inputs: the linear ones, consts before the carry.
    """

    body: Tape
    columns: tuple[_Column, ...]
    inputs: tuple[_Input, ...]
    num_consts: int

    def first(self) -> list[Any]:
        """The entries before the first step."""
        carry = self.inputs[self.num_consts :]
        return [
            carry[row].unit(column.element) if row == column.own else zeros_of(carry[row].aval)
            for column in self.columns for row in column.carried
        ]

    def product(self, entries: Sequence[Any], values: Sequence[Any]) -> list[Any]:
        """The linear carry after the last step, of the linear inputs before the first."""
        carry = self.inputs[self.num_consts :]
        sums = {c.own: values[c.number] for c in self.columns if c.own is not None and c.own not in c.carried}
        remaining = iter(entries)
        for column in self.columns:
            for row in column.carried:
                factor = self.inputs[column.number].at(values[column.number], column.element, carry[row])
                term = mul(next(remaining), factor)
                sums[row] = add_tangents(sums[row], term) if row in sums else term
        return [sums[row] for row in range(len(carry))]


def carried_jacobian(
    parts: SplitTape, num_consts: int, num_carry: int, starts: Sequence[bool], scan: Primitive, is_needed: bool = False
) -> CarriedJacobian | None:
    """For the loop whose step is divided into `parts`; None where it cannot be, or residuals are the better way.

    num_consts, num_carry: of the known inputs.  starts: which of the unknown carries are unknown at the first step.
    scan: the primitive of loops.  is_needed: there is no other way.
    """
    step = _Step(parts, num_consts, num_carry)
    if not step.is_alike():
        return None
    step.find_lanes(scan)
    if not 0 < step.num_columns(starts) <= _MOST_COLUMNS:
        return None
    columns = tuple(step.columns(starts))
    has_all_rows = {row for c in columns for row in c.rows} == set(range(step.num_linear_carry))
    if not has_all_rows or not (is_needed or step.pays(columns)):
        return None
    return CarriedJacobian(step.body(columns), columns, tuple(step.inputs), step.num_linear_consts)


class _Step:
    """One step of the loop: its known and its linear part.

    inputs: of the linear part, after the residuals; consts before the carry.
    """

    def __init__(self, parts: SplitTape, num_consts: int, num_carry: int) -> None:
        self._parts, self._linear = parts, parts.linear
        self._num_consts, self._num_carry = num_consts, num_carry
        self._num_residuals = len(parts.residual_inputs)
        avals = parts.linear.in_avals[self._num_residuals :]
        self.num_linear_carry = len(parts.linear.outputs)
        self.num_linear_consts = len(avals) - self.num_linear_carry
        self.inputs = [_Input(a, (None,) * a.ndim) for a in avals]
        self._is_of_lanes = False

    # --- whether it can be --------------------------------------------------------------------------------------------

    def is_alike(self) -> bool:
        """Whether all of the linear part are real numbers of one dtype, and there are any."""
        linear = self._linear
        values = [*[i.aval for i in self.inputs], *[v.aval for e in linear.eqns for v in e.outputs], *linear.out_avals]
        is_alike = all(a.dtype == values[0].dtype and a.size for a in values)
        return self.num_linear_carry > 0 and dtypes.is_float(values[0].dtype) and is_alike and not linear.has_effects

    def find_lanes(self, scan: Primitive) -> None:
        """Note the lanes of the inputs, if all carries have the same ones, and every const has them or none."""
        linear, n = self._linear, self._num_residuals
        residuals, consts, carry = split_at(linear.inputs, n, self.num_linear_consts)
        body = Tape([*carry, *consts, *residuals], linear.eqns, [*linear.outputs, *consts])
        state = [Var(v.aval) for v in (*carry, *consts)]
        stacked = [Var(v.aval.update(shape=(2, *v.aval.shape))) for v in residuals]
        params = {"tape": body, "num_consts": 0, "num_carry": len(state), "length": 2, "reverse": False, "unroll": 1}
        eqn = Eqn(scan, [*state, *stacked], [Var(v.aval) for v in state], params, None)
        try:
            lanes = find_lanes(eqn)
        except Mixed:
            return
        found = [_Input(v.aval, lanes.axes_of((), v)) for v in eqn.outputs]
        found = [*found[len(carry) :], *found[: len(carry)]]
        every = list(range(len(lanes.extents)))
        owned = [[lane for lane in i.lanes if lane is not None] for i in found]  # in the order of their axes
        if all(own == every or (not own and k < self.num_linear_consts) for k, own in enumerate(owned)):
            self.inputs, self._is_of_lanes = found, True

    def num_columns(self, starts: Sequence[bool]) -> int:
        """Elements of a lane that the loop is differentiated by."""
        return sum(prod(self.inputs[number].rest) for number, _ in self._begun(starts))

    def _begun(self, starts: Sequence[bool]) -> list[tuple[int, int | None]]:
        """The inputs that have columns, and which carries they are."""
        first = self.num_linear_consts
        return [*[(k, None) for k in range(first)], *[(first + k, k) for k, begins in enumerate(starts) if begins]]

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
        return is_priced and sum(cost(e) * v.aval.size for e in eqns for v in e.outputs) <= TRAFFIC * kept

    def _kept(self) -> Iterator[int]:
        """Sizes of what every step would keep for the backward pass: known carries, and what is computed of them."""
        parts = with_recomputed_residuals(self._parts)
        yield from [a.size for a in parts.known.out_avals[len(parts.known.outputs) - parts.num_extra :]]
        for source in parts.residual_inputs:
            if source is not None and self._num_consts <= source < self._num_consts + self._num_carry:
                yield parts.known.in_avals[source].size

    # --- columns ------------------------------------------------------------------------------------------------------

    def columns(self, starts: Sequence[bool]) -> Iterator[_Column]:
        """Those of all elements of the consts, and of the carries that are unknown at the first step."""
        for number, own in self._begun(starts):
            rows = self._rows(number, own)
            carried = tuple([row for row in rows if not (row == own and self._hands_on(number, rows, row))])
            for element in product(*map(range, self.inputs[number].rest)):
                yield _Column(number, own, element, rows, carried)

    def _rows(self, number: int, own: int | None) -> tuple[int, ...]:
        """The carries that depend on an input: what depends on one in a step does so after the next."""
        rows: tuple[int, ...] = () if own is None else (own,)
        while True:
            _, nonzero = jvp_tape(self._linear, self._nonzero(number, rows))
            raised = tuple([i for i, is_made in enumerate(nonzero) if is_made or i in rows])
            if raised == rows:
                return rows
            rows = raised

    def _hands_on(self, number: int, rows: Sequence[int], row: int) -> bool:
        """Whether a step leaves this entry as it is."""
        derived, k = self._derived(number, rows), rows.index(row)
        return derived.outputs[k] is derived.inputs[len(derived.inputs) - len(rows) + k]

    def _nonzero(self, number: int, rows: Sequence[int]) -> list[bool]:
        """Which inputs of the linear part have a derivative by the input."""
        consts = [k == number for k in range(self.num_linear_consts)]
        return [*[False] * self._num_residuals, *consts, *[i in rows for i in range(self.num_linear_carry)]]

    def _derived(self, number: int, rows: Sequence[int]) -> Tape:
        """(residuals, linear inputs, a column before a step) -> (the column after it).

        Of a linear function the derivative does not depend on the linear inputs: they are not read.
        """
        are_rows = [i in rows for i in range(self.num_linear_carry)]
        derived, _ = jvp_tape(self._linear, self._nonzero(number, rows), are_rows)
        return remove_dead_code(derived, [*[False] * self.num_linear_carry, *[True] * len(rows)])[0]

    def body(self, columns: Sequence[_Column]) -> Tape:
        """As it stands in `CarriedJacobian`."""
        known, carry_inputs = self._parts.known, self.inputs[self.num_linear_consts :]
        num_outs = len(known.outputs) - self._parts.num_extra
        entry_avals = [carry_inputs[row].aval for c in columns for row in c.carried]

        def step(*args: Any) -> list[Any]:
            consts, carry, entries, xs = split_at(args, self._num_consts, self._num_carry, len(entry_avals))
            inputs = [*consts, *carry, *xs]
            outs, extra = split_at(run_tape(known, inputs), num_outs)
            fixed = [*self._parts.residuals(inputs, extra), *[zeros_of(i.aval) for i in self.inputs]]
            remaining, after = iter(entries), list[Any]()
            for column in columns:
                unit = self.inputs[column.number].unit(column.element)
                before = [unit] if column.own is None else []
                before += [next(remaining) if row in column.carried else unit for row in column.rows]
                made = run_tape(self._derived(column.number, column.rows), [*fixed, *before])
                after += [x for row, x in zip(column.rows, made, strict=True) if row in column.carried]
            return [*outs[: self._num_carry], *after, *outs[self._num_carry :]]

        consts, carry, xs = split_at(known.in_avals, self._num_consts, self._num_carry)
        return remove_dead_code(record_pure(step, [*consts, *carry, *entry_avals, *xs], known.name))[0]
