"""Scatters whose windows may overlap in part, with the axes of their updates in the order in which these enter.

    order_scatters(tape) -> tape

A kernel goes along the axes of the updates one after the other (update.py), so those of the batch must come before
those along which windows overlap; where one does not, the updates are transposed:

    y = scatter_add[update_window_dims=(0,)] x i u          u: (window, batch)

becomes

    v = transpose[permutation=(1, 0)] u
    y = scatter_add[update_window_dims=(1,)] x i v

which costs nothing, since the kernel reads u where the transposed element is.
"""

from __future__ import annotations

from collections.abc import Iterator

from cujax.engine.compiler.update import goes_in_order
from cujax.engine.core.check import check_if_asked
from cujax.engine.core.tape import Eqn, Tape, Var
from cujax.engine.ops.structural import transpose_p

_UPDATES = 2  # which operand


def order_scatters(tape: Tape) -> Tape:
    """`tape` with scatters that kernels enter in order."""
    if all(map(_is_in_order, tape.eqns)):
        return tape
    found = Tape(tape.inputs, [e for eqn in tape.eqns for e in _ordered(eqn)], tape.outputs, tape.name)
    return check_if_asked(found, "after order_scatters")


def _is_in_order(eqn: Eqn) -> bool:
    return eqn.primitive.family != "scatter" or goes_in_order(eqn)


def _ordered(eqn: Eqn) -> Iterator[Eqn]:
    if not _is_in_order(eqn):
        numbers, updates = eqn.params["dimension_numbers"], eqn.inputs[_UPDATES]
        window, rank = tuple(numbers.update_window_dims), updates.aval.ndim
        order = (*[d for d in range(rank) if d not in window], *window)
        moved = Var(updates.aval.update(shape=[updates.aval.shape[d] for d in order]))
        yield Eqn(transpose_p, [updates], [moved], {"permutation": order}, eqn.source)
        numbers = numbers._replace(update_window_dims=tuple(range(rank - len(window), rank)))
        inputs = [*eqn.inputs[:_UPDATES], moved, *eqn.inputs[_UPDATES + 1 :]]
        eqn = Eqn(eqn.primitive, inputs, eqn.outputs, {**eqn.params, "dimension_numbers": numbers}, eqn.source)
    yield eqn
