"""`Update`: a kernel that changes some elements of a buffer, over the elements of the updates.

A scatter is one, and `.at[window].set` where nobody else needs the buffer (in_place.py).
"""

from __future__ import annotations

from typing import NamedTuple

from cujax.engine.compiler.expression import Evaluator, Node, Place, index_elements, reachable, reader
from cujax.engine.compiler.fuse import Region
from cujax.engine.compiler.index import Condition, Index, flatten
from cujax.engine.compiler.kinds import Producers
from cujax.engine.core.tape import Eqn, Literal, Var
from cujax.engine.ops.index_dimensions import windows_are_unique


class Change(NamedTuple):
    """Where `condition` holds (True: always) the element `place` is combined with `node`."""

    condition: Condition | bool
    place: Index
    node: Node

    def nodes(self) -> list[Node]:
        """The roots of what is computed."""
        return [self.node, *[e for i in self.indices() for e in index_elements(i)]]

    def indices(self) -> list[Index]:
        return [self.place, *(self.condition.indices if isinstance(self.condition, Condition) else ())]


class Update(Region):
    """Over the elements of the updates: each is combined with one element of the result.

    change: what the update at each place does.  target: what the result is before.
    """

    __slots__ = ("change", "eqn", "target")

    def __init__(self, producers: Producers, inside: set[Var], eqn: Eqn) -> None:
        (out,) = eqn.outputs
        self.eqn, self.target = eqn, eqn.inputs[0]
        self.producers, self.in_place = producers, {}
        self.axes, self.full, self.kept, self.hidden, self.reductions = None, [out], [], set(), {}
        self.shape = eqn.inputs[eqn.primitive.update_map.updates].aval.shape
        self.evaluator = Evaluator(producers, inside.__contains__, {})
        self.change = self._change(self.axis_indices())
        self.reads, self.size = dict(self.evaluator.reads), len(reachable(self.change.nodes()))

    def _change(self, index: Place) -> Change:
        """What the update at `index` does."""
        evaluator = self.evaluator
        rule, avals = self.eqn.primitive.update_map, [a.aval for a in self.eqn.inputs]
        condition, place = rule.rule(reader(evaluator, self.eqn), index, *avals, **self.eqn.params)
        at = flatten(place, self.target.aval.shape)
        return Change(condition, at, evaluator.element(self.eqn.inputs[rule.updates], index))

    @property
    def needs(self) -> list[Var | Literal]:
        """What the step reads, its target among it."""
        return [*self.reads, self.target]

    @property
    def conflict_axes(self) -> tuple[int, ...]:
        """The axes of the updates along which two may go to one place."""
        return conflict_axes_of(self.eqn)


def conflict_axes_of(eqn: Eqn) -> tuple[int, ...]:
    """As `Update.conflict_axes`."""
    params = eqn.params
    if eqn.primitive.family != "scatter" or params["unique_indices"]:
        return ()
    numbers = params["dimension_numbers"]
    if windows_are_unique(eqn.inputs[1].aval, numbers):
        return ()
    return tuple(k for k in range(eqn.inputs[2].aval.ndim) if k not in numbers.update_window_dims)
