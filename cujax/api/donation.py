"""Arguments that a jitted function may overwrite, because its caller has given them away: `Donation`.

A program overwrites the buffers of inputs that it was compiled to own (compiler/program.py).  What a caller gives
away may be seen by others all the same: as a view in NumPy, by an array with the same buffer, as a second argument, or
by a function that has captured it.  So each call asks the backend whether a buffer is reached through its array alone.
Where it is, the array is deleted; where it is not, the program gets a copy, and the array stays as it was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from sys import getrefcount
from typing import Any

from cujax.engine.backends.api import Buffer
from cujax.engine.backends.select import selected
from cujax.engine.core.array import ConcreteArray, delete_array
from cujax.engine.core.tape import Tape
from cujax.engine.ground.source import describe_function, function_name, warn_user


class Donation:
    """The donated among the leaves of a kind of arguments; `names` are those of all leaves.

    owned: their numbers as inputs of a tape, whose `captured` first inputs are no leaves.
    """

    __slots__ = ("_captured", "_fun", "_names", "_reasons", "owned")

    def __init__(self, fun: Callable, names: Iterable[str], flags: Sequence[bool], captured: int) -> None:
        self.owned = tuple([captured + i for i, donated in enumerate(flags) if donated])
        self._fun, self._names, self._captured = fun, names, captured
        self._reasons: dict[int, str] = {}

    def warn(self, tape: Tape, changed: Collection[int]) -> None:
        """A warning, as in JAX, when the function uses donated arguments for whose memory it has no result."""
        useless = self._without_result(tape, changed)
        if useless:
            names = list(self._names)
            found = ", ".join(f"{tape.inputs[i].aval.str_long()} ({names[i - self._captured]})" for i in useless)
            warn_user(
                f"Some donated buffers were not usable: {found}, of {describe_function(self._fun)}. A result takes "
                "the memory of one argument with as many elements; no result is left for these: do not donate them."
            )

    def _without_result(self, tape: Tape, changed: Collection[int]) -> list[int]:
        results = Counter(a.size for a in tape.out_avals)
        used = {a for e in tape.eqns for a in e.inputs} | set(tape.outputs)
        useless = []
        for number in sorted(self.owned, key=lambda number: number not in changed):
            var = tape.inputs[number]
            if results[var.aval.size] > 0:
                results[var.aval.size] -= 1
            elif var in used and number not in changed:
                useless.append(number)
        return useless

    def take(self, changed: Sequence[int], buffers: list[Buffer], leaves: Sequence[Any]) -> None:
        """Make the buffers of the inputs `changed` those of this call alone."""
        for number in changed:
            if not self._claim(leaves[number - self._captured], buffers, number):
                buffers[number] = _copy(buffers[number])

    def _claim(self, leaf: Any, buffers: list[Buffer], number: int) -> bool:
        """Whether nobody will see the buffer being overwritten; then the leaf, if it is an array, is deleted.

        References are counted, of which the list has one and each call of `getrefcount` itself.
        """
        is_exclusive = selected().is_exclusive
        if type(leaf) is ConcreteArray:
            if getrefcount(buffers[number]) != 3 or not is_exclusive(buffers[number]):
                return False
            delete_array(leaf, self._reasons.get(number) or self._reason(number))
        # Once more, now that nobody can get at the buffer: another thread may have done so just before.
        return getrefcount(buffers[number]) == 2 and is_exclusive(buffers[number])

    def _reason(self, number: int) -> str:
        if not self._reasons:
            name, place = function_name(self._fun), describe_function(self._fun)
            for i, leaf in enumerate(self._names, self._captured):
                self._reasons[i] = (
                    f"It was donated to {place} as {leaf}, and a result has taken its memory. Use the result "
                    f"in its place ({leaf} = {name}(...)), pass a copy ({leaf}.copy()), or do not donate it."
                )
        return self._reasons[number]


def _copy(buffer: Buffer) -> Buffer:
    backend = selected()
    with backend.quiet([buffer]):
        return backend.copy(buffer)
