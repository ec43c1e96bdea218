"""Keys in loops, for `debug_key_reuse`: the first steps are followed, later ones are taken to be like them.

    num_steps     how many steps to follow
    Slices        what the steps read of an array, one slice each
    stacked_keys  what the steps return, one slice each
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cujax.engine.core.key_numbers import Keys, joined, new_keys
from cujax.engine.core.key_reuse import Follower, Operand, Value

MOST_STEPS = 8


def num_steps(carry: Sequence[Operand]) -> int:
    """How many steps show whether keys are used again: two, and more where carried keys can take turns."""
    return min(1 + max(1, sum(isinstance(x, Keys) for x in carry)), MOST_STEPS)


class Slices:
    """An operand of which step i reads slice i, from the front or in `reverse`."""

    def __init__(self, whole: Operand, reverse: bool) -> None:
        self._whole = whole.part(slice(None, None, -1)) if reverse and isinstance(whole, Keys) else whole
        self._read: Keys | None = None
        self._uses: Any = None

    def step(self, i: int) -> Operand:
        """What step i reads."""
        if not isinstance(self._whole, Keys):
            return Value()
        self._read = self._whole.part(i)
        self._uses = self._read.uses()
        return self._read

    def use_rest(self, follower: Follower, steps: int) -> None:
        """All steps after the first `steps` use of their slices what the latest step has used of its own."""
        if self._read is None or not isinstance(self._whole, Keys):
            return
        new = np.where(self._uses == 0, self._read.uses(), 0)
        rest = self._whole.part(slice(steps, None))
        for use in np.unique(new[new > 0]):
            follower.note(rest.part((slice(None), new == use)), use)


def stacked_keys(steps: Sequence[Operand], length: int, reverse: bool) -> Keys | None:
    """Results of a loop of `length` steps, of which the first are given; None for what are no keys.

    A key that is the same in each step is that key.  Of others it is known whether they are used after their step,
    as the first is.
    """
    keys = [k for k in steps if isinstance(k, Keys)]
    if not keys:
        return None
    first, last = keys[0], keys[-1]
    if all(np.array_equal(k.numbers, first.numbers) for k in keys):
        return Keys(np.stack([first.numbers] * length), first.batches, repeated=True)
    between = new_keys((length - len(keys), *first.numbers.shape))
    for batch, places in between.parts():
        batch.uses[places] = np.resize(first.uses(), len(places))
    numbers = np.stack([*(k.numbers for k in keys[:-1]), *between.numbers, last.numbers])
    return Keys(numbers[::-1] if reverse else numbers, joined([*keys, between]), any(k.repeated for k in keys))
