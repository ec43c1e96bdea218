"""Steps that change some elements of a buffer: scatters, and `.at[window].set` where nobody else needs the buffer.

    Update          the kernel that does it, over the elements of the updates
    updates_in_place(steps, tape, owned) -> steps  decides which updates need no copy of their operand

An update is *in place* when its operand is read by no later step and belongs to the program: a kernel of the same
program has made it, or the caller has given it away (`owned`), and no opaque step has seen it, which might have
kept a view.  A scatter is always an `Update`, after a copy where it is not in place; an op on a window becomes one
only in place, since otherwise its whole result is written anyway and fuses like any map.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from cujax.engine.compiler.expression import Evaluator, Node, Place, index_elements, reachable, reader
from cujax.engine.compiler.fuse import Region, Step
from cujax.engine.compiler.index import Condition, Index, flatten
from cujax.engine.compiler.kinds import Producers
from cujax.engine.core.primitive import UpdateMap
from cujax.engine.core.tape import Eqn, Literal, Tape, Var
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

    change: what the update at each place does.  target: what the result is before.  in_place: whether its buffer
    becomes the result's.
    """

    __slots__ = ("change", "eqn", "in_place", "target")

    def __init__(self, producers: Producers, inside: set[Var], eqn: Eqn, in_place: bool = False) -> None:
        (out,) = eqn.outputs
        self.eqn, self.target, self.in_place = eqn, eqn.inputs[0], in_place
        self.producers = producers
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


# --- in place ---------------------------------------------------------------------------------------------------


def updates_in_place(steps: Sequence[Step], tape: Tape, inside: set[Var], owned: frozenset[Var]) -> list[Step]:
    """`steps` with every update that can be in place made so."""
    opaque = {a for s in steps if isinstance(s, Eqn) for a in (*s.inputs, *s.outputs)}
    made = {v for s in steps if isinstance(s, Region) for v in s.writes}
    outputs = set(tape.outputs)
    last = {a: k for k, s in enumerate(steps) for a in (s.needs if isinstance(s, Region) else s.inputs)}

    def is_free(atom: Var | Literal, step: int) -> bool:
        return (
            isinstance(atom, Var) and (atom in made or atom in owned) and atom not in opaque
            and atom not in outputs and last.get(atom) == step
        )

    return [_in_place(s, inside, partial(is_free, step=k)) for k, s in enumerate(steps)]


def _in_place(step: Step, inside: set[Var], is_free: Callable[[Var | Literal], bool]) -> Step:
    if isinstance(step, Update):
        step.in_place = is_free(step.target) and step.target not in step.reads
        return step
    if not isinstance(step, Region) or step.axes is not None or len(step.makes) != 1:
        return step
    eqn = step.producers[step.makes[0]]
    if not isinstance(eqn.primitive.update_map, UpdateMap):
        return step
    target = eqn.inputs[0]
    if not is_free(target) or step.reads.get(target) != {step.axis_indices()}:
        return step
    update = Update(step.producers, inside, eqn, in_place=True)
    return step if target in update.reads else update
