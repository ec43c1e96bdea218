"""`debug_key_reuse`: a random key that is used twice is an error, which names both uses.

A `Follower` moves the numbers of keys (`key_numbers.py`) as a program moves the keys.  An op that moves keys about
(slice, gather, stack, `where`) is applied to the numbers as it is to the keys; an op that uses keys, or holds tapes,
says so in its `keys` slot.  Outside `jit` ops are followed one by one, as they run (`follow_op`); a tape is followed
when it is called, with the numbers of the arguments (`Follower.call`).

On a tape not everything is known, and only what is certain is reported:
  - Which keys an index or a condition picks is not known.  What is picked counts as a key of its own, the same one
    for the same index; it is an error when more were picked and used than there are.
  - Loops are followed for a few steps (`key_loops.py`).
  - Of branches one runs: together they use what any of them uses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.context import context
from cujax.engine.core.key_numbers import (
    UNKNOWN,
    USES,
    Batch,
    Keys,
    Use,
    give_numbers,
    joined,
    new_keys,
    numbers_of,
    picked_keys,
    position_of,
)
from cujax.engine.core.tape import Atom, Eqn, Literal, Tape, Var, subtapes
from cujax.engine.ground import dtypes
from cujax.engine.ground.errors import KeyReuseError
from cujax.engine.ground.source import SourceLine, user_line


class Value:
    """An operand that is no array of keys; `array` is None where only a running program knows it."""

    __slots__ = ("array",)

    def __init__(self, array: Any = None) -> None:
        self.array = array

    def on_host(self) -> Any:
        """The values, for NumPy."""
        return self.array.buffer if type(self.array) is Literal else np.asarray(self.array)


Operand = Keys | Value
Result = Keys | Value | None  # None: nothing is known of it, new keys where they are keys


class Follower:
    """Follows one call.  `line`: where the op in hand was written; `around`: the calls and loops that hold it."""

    def __init__(self, line: SourceLine | None) -> None:
        self.line = line
        self.around: tuple[tuple[str, SourceLine | None], ...] = ()
        self._in_loop = False
        self._marks: list[tuple[Batch, np.ndarray]] = []
        self._picked: dict[Any, Any] = {}
        self._literals: dict[Any, Value] = {}

    # --- uses ---------------------------------------------------------------------------------------------

    def use(self, keys: Keys, how: str) -> None:
        """Each of these keys is used.  KeyReuseError if one has been used before."""
        places = [(how, self.line), *self.around]
        apart = [p for i, p in enumerate(places) if not i or p[1] != places[i - 1][1]]
        self.note(keys, position_of(Use(tuple(apart))))

    def note(self, keys: Keys, use: int) -> None:
        """Each of these keys has the use at position `use` (`key_numbers.position_of`)."""
        for batch, places in keys.parts():
            before = batch.uses[places]
            if before.any():
                raise self._reused(before[before > 0][0], use)
            distinct = np.unique(places)
            if len(distinct) < len(places) and not keys.repeated:
                raise _error(use, "there, as another element of the array", _SPLIT)
            batch.mark(distinct, use)
            self._marks.append((batch, distinct))
            for pool in [*batch.pools.values(), *([batch.pool] if batch.pool else [])]:
                first = pool.first_use_if_overdrawn()
                if first:
                    raise self._reused(first, use)

    def _reused(self, first: int, second: int) -> KeyReuseError:
        if first != second:
            return _error(first, str(USES[second]), _SPLIT)
        if self._in_loop:
            return _error(first, "there, by the same line or in the next step of the loop", _STEPS)
        return _error(first, "there, by the same line", _SPLIT)

    # --- ops and tapes --------------------------------------------------------------------------------------

    def results(
        self, primitive: Any, operands: Sequence[Operand], params: dict[str, Any], avals: Sequence[ShapedArray] = ()
    ) -> Sequence[Result]:
        """What an op makes of its operands; `avals` of the results are needed where operands are not known."""
        if primitive.keys is not None:
            return primitive.keys(self, operands, **params)
        if primitive.family == "control":
            return [None] * len(avals)
        if all(isinstance(o, Keys) or o.array is not None for o in operands):
            return _moved(primitive, operands, params)
        return self._picks(primitive, operands, params, avals)

    def _picks(
        self, primitive: Any, operands: Sequence[Operand], params: dict[str, Any], avals: Sequence[ShapedArray]
    ) -> list[Result]:
        """Results of an op whose operands are not all known; the same for the same operands."""
        names = [o.numbers.tobytes() if isinstance(o, Keys) else o for o in operands]
        same: Any = (primitive, *names, *params.values())
        try:
            found = self._picked.get(same)
        except TypeError:  # an unhashable param
            same, found = object(), None
        if found is None:
            keys = [o for o in operands if isinstance(o, Keys)]
            found = [_picked(a, keys) if dtypes.is_key(a.dtype) else Value() for a in avals]
            self._picked[same] = found
        return found

    def run(self, tape: Tape, operands: Sequence[Operand]) -> list[Operand]:
        """Follow the equations of `tape`; its results."""
        values: dict[Var, Operand] = dict(zip(tape.inputs, operands, strict=True))
        line = self.line
        for eqn in equations_with_keys(tape):
            self.line = eqn.source or line
            avals = [v.aval for v in eqn.outputs]
            found = self.results(eqn.primitive, [self._value(a, values) for a in eqn.inputs], eqn.params, avals)
            found = found or [None] * len(avals)
            values.update(zip(eqn.outputs, map(_known, found, avals), strict=True))
        self.line = line
        return [self._value(a, values) for a in tape.outputs]

    def _value(self, atom: Atom, values: dict[Var, Operand]) -> Operand:
        if type(atom) is not Literal:
            return values.get(atom) or Value()  # type: ignore[arg-type]
        if dtypes.is_key(atom.dtype):
            return _operand(atom)
        return self._literals.setdefault((atom.dtype, np.asarray(atom.buffer).tobytes(), atom.shape), Value(atom))

    def call(self, name: str, tape: Tape, operands: Sequence[Operand]) -> list[Operand]:
        """`run`, of a tape that an equation called `name` holds."""
        around = self.around
        self.around = ((f"in {name}", self.line), *around)
        try:
            return self.run(tape, operands)
        finally:
            self.around = around

    # --- loops and branches ---------------------------------------------------------------------------------

    @contextmanager
    def loop(self) -> Iterator[None]:
        """Inside, one use after another of the same key is that of a loop."""
        before, self._in_loop = self._in_loop, True
        try:
            yield
        finally:
            self._in_loop = before

    def either(self, runs: Sequence[Callable[[], list[Operand]]]) -> list[Result]:
        """Results of whichever of `runs` a program chooses; what any of them uses is used afterwards."""
        marks, self._marks = self._marks, []
        outs, used = [], []
        for run in runs:
            outs.append(run())
            uses = [batch.uses[places] for batch, places in self._marks]
            used += [(*mark, use) for mark, use in zip(self._marks, uses, strict=True)]
            for batch, places in self._marks:
                batch.unmark(places)
            self._marks = []
        self._marks = marks
        for batch, places, use in used:
            free = batch.uses[places] == 0
            batch.mark(places[free], use[free])
            self._marks.append((batch, places[free]))
        return [_either(values) for values in zip(*outs, strict=True)]


def _known(result: Result, aval: ShapedArray) -> Operand:
    if dtypes.is_key(aval.dtype):
        return result if isinstance(result, Keys) else new_keys(aval.shape)
    return result if isinstance(result, Value) else Value()


def _moved(primitive: Any, operands: Sequence[Operand], params: dict[str, Any]) -> list[Result]:
    """The op, done to numbers."""
    keys = [o for o in operands if isinstance(o, Keys)]
    numbers = [o.numbers if isinstance(o, Keys) else o.on_host() for o in operands]
    with np.errstate(all="ignore"):  # an op that takes no keys is refused when it runs
        out = primitive.impl(np, *numbers, **params)
    batches, repeated = joined(keys), any(k.repeated for k in keys)
    held = sum(k.numbers.size for k in keys)

    def as_keys(array: Any) -> Result:
        numbers = np.asarray(array)
        is_key = numbers.dtype == UNKNOWN.dtype
        return Keys(numbers, batches, repeated or numbers.size > held) if is_key else Value(numbers)

    return [as_keys(a) for a in (out if primitive.multiple else [out])]


def _picked(aval: ShapedArray, keys: Sequence[Keys]) -> Keys:
    choices = np.concatenate([k.numbers.reshape(-1) for k in keys])
    return picked_keys(aval.shape, Keys(choices, joined(keys), any(k.repeated for k in keys)))


def _either(values: Sequence[Operand]) -> Result:
    first = values[0]
    if type(first) is not Keys:
        return first if all(v is first for v in values) else None
    keys = [v for v in values if isinstance(v, Keys)]
    if all(np.array_equal(k.numbers, first.numbers) for k in keys):
        return first
    return picked_keys(first.numbers.shape, Keys(np.stack([k.numbers for k in keys]), joined(keys)))


# --- which tapes and ops are followed ---------------------------------------------------------------------------


def equations_with_keys(tape: Tape) -> list[Eqn]:
    """The equations that keys pass through, and those that compute what such an equation reads beside keys."""
    return tape.memo("equations_with_keys", lambda: _equations_with_keys(tape))


def _equations_with_keys(tape: Tape) -> list[Eqn]:
    needed: set[Atom] = set()
    found: list[Eqn] = []
    for eqn in reversed(tape.eqns):
        holds_tapes = eqn.primitive.family == "control"
        if _touches_keys(eqn) or (not holds_tapes and any(v in needed for v in eqn.outputs)):
            found.append(eqn)
            needed.update(() if holds_tapes else eqn.inputs)
    return found[::-1]


def _touches_keys(eqn: Eqn) -> bool:
    if any(dtypes.is_key(a.aval.dtype) for a in (*eqn.inputs, *eqn.outputs)):
        return True
    return any(equations_with_keys(inner) for inner in subtapes(eqn.params))


def passes_keys(tape: Tape) -> bool:
    """Whether the tape takes or returns keys, so that each call has to be followed."""
    return any(dtypes.is_key(a.dtype) for a in (*tape.in_avals, *tape.out_avals))


def check_keys(tape: Tape) -> None:
    """KeyReuseError if `tape` uses a key twice, whatever it is called with."""
    Follower(None).run(tape, [_known(None, a) for a in tape.in_avals])


def follow_op(primitive: Any, args: Sequence[Any], params: dict[str, Any], run: Callable[[], Any]) -> Any:
    """`run()`, the result of an op on concrete arrays, once its uses of keys are noted."""
    if primitive.keys is None and not any(map(_is_key, args)):
        return run()
    operands = [_operand(a) for a in args]
    found = Follower(context.line or user_line()).results(primitive, operands, params)
    out = run()
    for array, keys in zip(out if primitive.multiple else [out], found, strict=False):
        if isinstance(keys, Keys) and dtypes.is_key(array.dtype):
            give_numbers(array, keys)
    return out


def _is_key(arg: Any) -> bool:
    return dtypes.is_key(getattr(arg, "dtype", None))


def _operand(arg: Any) -> Operand:
    """An array or a literal as an operand; a literal key stands wherever a rule wrote it, and is not followed."""
    if not _is_key(arg):
        return Value(arg)
    return Keys(np.full(arg.shape, UNKNOWN), ()) if type(arg) is Literal else numbers_of(arg)


# --- texts --------------------------------------------------------------------------------------------------

_SPLIT = (
    "Use every key once: key, subkey = random.split(key) gives new ones.  random.clone(key) says that a repetition "
    "is intended."
)
_STEPS = (
    "Carry the key through the loop and split it in every step, or take random.fold_in(key, i) in step i, or run "
    "over random.split(key, number_of_steps).  random.clone(key) says that a repetition is intended."
)


def _error(first: int, again: str, cure: str) -> KeyReuseError:
    return KeyReuseError(
        "A random key is used twice and gives the same numbers both times.\n"
        f"  first use: {USES[first]}\n  used again: {again}\n{cure}"
    )
