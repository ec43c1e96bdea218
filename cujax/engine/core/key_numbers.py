"""What tells random keys apart, and where each was used: the data behind `debug_key_reuse`.

Every key has a number of its own, given out where the key is made and moved about with it.  Drawing bits from a
key, or splitting it, is a *use*; it is noted beside the number, and a number that has one already is the error.

    Keys   the numbers of an array of keys, in its shape
    Batch  numbers given out together, with the use of each
    Pool   keys of which a running program picks some: which ones is not known, how many were used is
    Use    what is done with keys, the user's line, and the calls and loops around it

Numbers of arrays are kept in a table beside the arrays (`numbers_of`), so that arrays cost nothing more while
nobody asks.  Start at `Keys`; `key_reuse.py` is what moves the numbers.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from fastrlock.rlock import FastRLock

from cujax.engine.ground.source import SourceLine

UNKNOWN = np.uint64(0)  # the number of keys that nobody follows


class Use(NamedTuple):
    """What was done, and where, from the inside out: ("split", line), ("in scan", line), ("in jit", line)."""

    places: tuple[tuple[str, SourceLine | None], ...]

    def __str__(self) -> str:
        return ", ".join(f"{word} at {line}" for word, line in self.places)


class Batch:
    """The numbers from `first` on, given out together; `uses` has for each the position of its use in `USES`.

    pool: where these numbers stand for keys picked at run time, what they are picked from.
    pools: what was picked from keys of this batch, by the numbers that could have been taken.
    """

    __slots__ = ("first", "pool", "pools", "uses")

    def __init__(self, count: int, pool: Pool | None = None) -> None:
        self.first = _give_out(count)
        self.uses = np.zeros(count, np.int32)
        self.pool = pool
        self.pools: dict[bytes, Pool] = {}

    def mark(self, places: np.ndarray, use: Any) -> None:
        """Note the use of the numbers at `places`."""
        self.uses[places] = use
        if self.pool is not None:
            self.pool.note(len(places), use)

    def unmark(self, places: np.ndarray) -> None:
        """Take `mark` back."""
        self.uses[places] = 0
        if self.pool is not None:
            self.pool.taken -= len(places)


class Pool:
    """Keys from which a program picks.  `taken`: how many were picked and used; `use`: the latest of these uses."""

    __slots__ = ("keys", "taken", "use")

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self.taken = 0
        self.use = 0

    def note(self, count: int, use: Any) -> None:
        """`count` more keys were picked and used; `use` is one position or one for each."""
        self.taken += count
        self.use = int(np.max(use, initial=self.use))

    def first_use_if_overdrawn(self) -> int:
        """A use of one of the keys, if there were more uses than keys; else 0."""
        known = self.keys.uses()
        if not self.taken or self.taken + np.count_nonzero(known) <= len(np.unique(self.keys.numbers)):
            return 0
        return int(known[known > 0][0]) if known.any() else self.use


class Keys(NamedTuple):
    """The numbers of an array of keys, which belong to `batches`.

    repeated: the array was made by repeating keys (`broadcast_to`, an unbatched key in a batch), so that one use
    of it is not taken for several uses of one key.
    """

    numbers: np.ndarray
    batches: tuple[Batch, ...]
    repeated: bool = False

    def parts(self) -> Iterator[tuple[Batch, np.ndarray]]:
        """Each batch, and the places of these numbers in it."""
        flat = self.numbers.reshape(-1)
        for batch in self.batches:
            places = flat - np.uint64(batch.first)  # wraps around for the numbers before
            yield batch, places[places < len(batch.uses)].astype(np.int64)

    def uses(self) -> np.ndarray:
        """The use of each number, in the shape of the array; 0 where there is none."""
        found = np.zeros(self.numbers.size, np.int32)
        for batch in self.batches:
            places = self.numbers.reshape(-1) - np.uint64(batch.first)
            inside = places < len(batch.uses)
            found[inside] = batch.uses[places[inside].astype(np.int64)]
        return found.reshape(self.numbers.shape)

    def part(self, index: Any) -> Keys:
        """Those at `index`."""
        return self._replace(numbers=np.asarray(self.numbers[index]))


def new_keys(shape: tuple[int, ...], pool: Pool | None = None) -> Keys:
    """Keys that were never seen before."""
    batch = Batch(int(np.prod(shape, dtype=np.int64)), pool)
    return Keys(np.arange(batch.first, batch.first + len(batch.uses), dtype=np.uint64).reshape(shape), (batch,))


def picked_keys(shape: tuple[int, ...], choices: Keys) -> Keys:
    """Keys each of which is one of `choices`, a running program decides which."""
    distinct = np.unique(choices.numbers)
    if len(distinct) == 1:
        return Keys(np.full(shape, distinct[0]), choices.batches, repeated=choices.repeated)
    if not choices.batches:
        return new_keys(shape)
    pools = choices.batches[0].pools
    pool = pools.setdefault(distinct.tobytes(), Pool(choices._replace(numbers=distinct)))
    for batch in choices.batches[1:]:
        batch.pools.setdefault(distinct.tobytes(), pool)
    return new_keys(shape, pool)


def joined(parts: Sequence[Keys]) -> tuple[Batch, ...]:
    """The batches of all parts."""
    return tuple(dict.fromkeys(batch for keys in parts for batch in keys.batches))


# --- numbers and uses of the process --------------------------------------------------------------------------

USES: list[Use | None] = [None]  # by position, which is what a batch notes
_positions: dict[Use, int] = {}
_given = 1  # the next number
_giving = FastRLock()


def _give_out(count: int) -> int:
    global _given
    with _giving:
        first, _given = _given, _given + count
    return first


def position_of(use: Use) -> int:
    """Where `use` stands in `USES`."""
    found = _positions.get(use)
    if found is None:
        with _giving:
            found = _positions.setdefault(use, len(USES))
            if found == len(USES):
                USES.append(use)
    return found


# --- numbers of arrays ----------------------------------------------------------------------------------------

_of_arrays: dict[int, tuple[weakref.ref, Keys]] = {}  # by id, for as long as the array lives


def numbers_of(array: Any) -> Keys:
    """The numbers of an array of keys; new ones if it was never seen."""
    found = _of_arrays.get(id(array))
    if found is None or found[0]() is not array:
        keys = new_keys(array.shape)
        give_numbers(array, keys)
        return keys
    return found[1]


def give_numbers(array: Any, keys: Keys) -> None:
    """Note the numbers of an array that was just made."""
    key = id(array)

    def forget(ref: weakref.ref) -> None:
        found = _of_arrays.get(key)
        if found is not None and found[0] is ref:
            del _of_arrays[key]

    _of_arrays[key] = weakref.ref(array, forget), keys
