"""`Builder`: a random program of a seed.

An action looks for values that suit it among those there are, and appends statements:

    @action(3)
    def reverse(b):
        x = b.some()
        b.emit(f"lax.rev({x}, ...)", b[x].moved(b[x].shape))

It raises Refused (as `some` does) where nothing suits; what it had appended goes.  Values are named by their text,
"v3", everywhere.  Bodies of loops, branches and mapped functions are made by the same actions: `Builder.body`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod
from random import Random
from typing import Any

import numpy as np

from .program import LAYOUTS, Input, Program, Statement
from .value import (
    BOOL,
    COMPLEX,
    DTYPES,
    INTEGERS,
    KEY,
    REALS,
    Refused,
    Shape,
    Value,
    bfloat16,
    floating,
    integer,
    is_float,
    is_real,
    part_of,
)

Action = Callable[["Builder"], None]

_EXTENTS = (1, 2, 3, 4, 5, 7, 8, 9, 12, 16, 17, 31, 33, 64, 65, 100, 127, 129, 200, 257, 515)


def action(weight: float) -> Callable[[Action], Action]:
    """Marks an action, to be drawn with this weight."""

    def mark(function: Action) -> Action:
        function.weight = weight
        return function

    return mark


_MOST_NESTED = 2
_HUGE = 200_000  # elements, enough for several threads and for sums that are split
_LONG = (5000, 33_000, 70_000, 131_072)


class Builder:
    """A program in the making: see the module's docstring.

    actions: what may be drawn.  largest: elements of the largest value.  dims, dtypes: what this program's inputs are
    made of, few, so that values often fit each other.  hidden: the numbers of values of bodies that are finished.
    depth: how many bodies are in the making, one inside the other.  rows: how many rows the body in the making is
    mapped over, None where it is not.
    """

    def __init__(self, seed: int, actions: Sequence[Action]) -> None:
        self.actions, self.weights = actions, [f.weight for f in actions]
        self.rng = rng = Random(seed)
        self.numbers = np.random.default_rng(seed)
        self.largest = rng.choice((60, 300, 1000, 3000, 3000, 20_000)) if rng.random() < 0.95 else _HUGE
        small = [d for d in _EXTENTS if d <= max(self.largest // 4, 9)]
        self.dims = [*rng.sample(small, 2), rng.randint(2, 6), 1]
        if rng.random() < 0.08:
            self.dims.append(0)
        if self.largest == _HUGE:
            self.dims.append(rng.choice(_LONG))
        self.dtypes = rng.sample((*DTYPES, *REALS, np.dtype("float32"), np.dtype("int32")), rng.randint(2, 5))
        self.inputs: dict[int, Input] = {}
        self.values: dict[int, Value] = {}
        self.statements: list[Statement] = []
        self.uses: dict[int, int] = {}
        self.hidden: set[int] = set()
        self.depth = 0
        self.rows: int | None = None

    def __getitem__(self, name: str) -> Value:
        return self.values[int(name[1:])]

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    # --- values that there are --------------------------------------------------------------------------------

    def some(self, suits: Callable[[Value], bool] = lambda v: True, keys: bool = False) -> str:
        """One of the values that suit, later ones more often than early ones."""
        found = [n for n, v in self.values.items() if n not in self.hidden and (v.dtype == KEY) == keys and suits(v)]
        if not found:
            raise Refused
        place = int(len(found) * self.rng.random() ** 0.6)
        return f"v{found[min(place, len(found) - 1)]}"

    def partner(self, x: str, suits: Callable[[Value], bool] = lambda v: True) -> str:
        """A value of the shape and dtype of `x`, another one where there is one; else a new input."""
        like = self[x]
        try:
            found = self.some(lambda v: v.shape == like.shape and v.dtype == like.dtype and suits(v))
        except Refused:
            found = x
        return found if found != x or self.chance(0.2) else self.input(like.shape, like.dtype)

    def alike(self, shape: Shape, dtype: Any) -> str:
        """A value of this shape and dtype; where there is none, a new input."""
        return self.found(shape, dtype, lambda v: v.shape == shape)

    def found(self, shape: Shape, dtype: Any, suits: Callable[[Value], bool]) -> str:
        """One of the values that suit; where there is none, a new input."""
        try:
            return self.some(lambda v: v.dtype == dtype and suits(v))
        except Refused:
            return self.input(shape, dtype)

    # --- new values -------------------------------------------------------------------------------------------

    def emit(self, text: str, *values: Value) -> Any:
        """Append a statement; the name of its result, or a list of names where there are several."""
        if any(v.size > self.largest or v.ndim > 5 for v in values):
            raise Refused
        if not all(v.size for v in values) and self.chance(0.7):
            raise Refused  # else soon nearly everything is empty
        start = len(self.values)
        targets = tuple(range(start, start + len(values)))
        statement = Statement(targets, text)
        self.statements.append(statement)
        for n in statement.operands:
            self.uses[n] = self.uses.get(n, 0) + 1
        self.values.update(zip(targets, values, strict=True))
        names = [f"v{t}" for t in targets]
        return names[0] if len(names) == 1 else names

    def attempt(self, action: Action) -> bool:
        """Run an action; where it is refused, as if it had never been."""
        before = (dict(self.inputs), dict(self.values), list(self.statements), dict(self.uses), set(self.hidden))
        depth, rows = self.depth, self.rows
        try:
            action(self)
        except Refused:
            self.inputs, self.values, self.statements, self.uses, self.hidden = before
            self.depth, self.rows = depth, rows
            return False
        return True

    def extend(self, length: int) -> None:
        """Append statements by actions drawn at random, until there are so many."""
        for _ in range(40 * length):
            if len(self.statements) >= length:
                break
            (action,) = self.rng.choices(self.actions, self.weights)
            self.attempt(action)

    def body(
        self, parameters: Sequence[Value], finish: Callable[[list[str]], str], most: int = 6, rows: int | None = None
    ) -> str:
        """A lambda of random statements, then what `finish`, given the parameters' names, says is returned.

            lambda v7, v8: [v9 := v7 + v3, v10 := v9 * v8, (v10, v9)][-1]

        It reads values from outside as well.  Refused where bodies are nested too deeply.
        """
        if self.depth == _MOST_NESTED:
            raise Refused
        outer, self.statements = self.statements, []
        outer_rows, self.rows = self.rows, rows
        self.depth += 1
        first = len(self.values)
        names = [self._parameter(p) for p in parameters]
        self.extend(self.rng.randint(0, most))
        result = finish(names)
        inner, self.statements = self.statements, outer
        self.depth, self.rows = self.depth - 1, outer_rows
        self.hidden.update(n for n in range(first, len(self.values)) if n not in self.inputs)
        texts = [t for s in inner for t in s.bindings()]
        return f"lambda {', '.join(names)}: [{', '.join([*texts, result])}][-1]"

    def _parameter(self, value: Value) -> str:
        number = len(self.values)
        self.values[number] = value
        return f"v{number}"

    def shape(self, most_rank: int = 5) -> Shape:
        """A shape of this program's dims, not too large."""
        rank = self.rng.choice((0, 1, 1, 2, 2, 2, 3, 3, 4, 5))
        shape = [self.rng.choice(self.dims) for _ in range(min(rank, most_rank))]
        while prod(shape) > self.largest:
            shape[self.rng.randrange(len(shape))] = self.rng.choice((1, 2, 3))
        return tuple(shape)

    def dtype(self, suits: Callable[[Any], bool] = lambda d: True) -> Any:
        """One of this program's dtypes that suit, or any such."""
        found = [d for d in self.dtypes if suits(d)] or [d for d in DTYPES if suits(d)]
        return self.rng.choice(found)

    def input(self, shape: Shape | None = None, dtype: Any = None) -> str:
        """A new input; Refused where it would be too large."""
        shape = self.shape() if shape is None else shape
        if prod(shape) > self.largest:
            raise Refused
        dtype = self.dtype() if dtype is None else dtype
        array, value = self._draw(shape, dtype)
        layout = self.rng.choice(LAYOUTS) if shape and self.chance(0.4) else "plain"
        if layout == "repeated" and shape:
            array = np.broadcast_to(array[(slice(0, 1),) * array.ndim], shape).copy() if array.size else array
        number = len(self.values)
        self.inputs[number], self.values[number] = Input(array, layout), value
        return f"v{number}"

    def _draw(self, shape: Shape, dtype: Any) -> tuple[np.ndarray, Value]:
        if dtype == BOOL:
            return self.numbers.random(shape) < 0.5, replace(integer(shape, dtype), is_raw=True)
        if dtype in INTEGERS:
            return self._draw_integers(shape, dtype)
        if dtype in COMPLEX:
            real, value = self._draw_grid(shape, part_of(dtype))
            imag, _ = self._draw_grid(shape, part_of(dtype), value)
            return (real + 1j * imag).astype(dtype), replace(value, dtype=dtype)
        if self.chance(0.2):
            array = self.numbers.uniform(-2, 2, shape).astype(dtype)
            return np.asarray(array), Value(shape, dtype, 2, None, is_raw=True)
        array, value = self._draw_grid(shape, dtype)
        return self._with_specials(array, value) if self.chance(0.12) else (array, value)

    def _draw_integers(self, shape: Shape, dtype: Any) -> tuple[np.ndarray, Value]:
        limits = np.iinfo(dtype)
        if self.chance(0.3):
            array = self.numbers.integers(limits.min, limits.max, shape, dtype, endpoint=True)
            return np.asarray(array), replace(integer(shape, dtype), is_raw=True)
        bound = self.rng.choice((3, 10, 100))
        array = self.numbers.integers(max(limits.min, -bound), bound, shape, dtype, endpoint=True)
        return np.asarray(array), replace(integer(shape, dtype, bound), is_raw=True)

    def _draw_grid(self, shape: Shape, dtype: Any, like: Value | None = None) -> tuple[np.ndarray, Value]:
        bound, step = self.rng.choice(((1, 2), (2, 1), (2, 2), (4, 0), (4, 1), (1, 3), (8, 0)))
        if like is not None:
            bound, step = int(like.bound), like.step or 0
        most = bound << step
        array = self.numbers.integers(-most, most, shape, endpoint=True) / 2.0**step
        return np.asarray(array).astype(dtype), Value(shape, dtype, bound, step, is_raw=True)

    def _with_specials(self, array: np.ndarray, value: Value) -> tuple[np.ndarray, Value]:
        which = self.numbers.random(value.shape)
        for k, special in enumerate((np.nan, np.inf, -np.inf, -0.0)):
            array = np.where((which > 0.06 * k) & (which < 0.06 * (k + 1)), np.asarray(special, array.dtype), array)
        return array.astype(value.dtype), replace(value, special=True)

    # --- texts ------------------------------------------------------------------------------------------------

    def constant(self, dtype: Any, number: Any) -> str:
        """A NumPy scalar as text."""
        if dtype == bfloat16:
            return f"bfloat16({float(number)!r})"
        if dtype == BOOL:
            return f"np.bool_({bool(number)})"
        kind = {"f": float, "c": complex}.get(dtype.kind, int)
        return f"np.{dtype.name}({kind(number)!r})"

    def drawn_constant(self, dtype: Any) -> tuple[str, Value]:
        """A small number of the dtype, as text."""
        if is_float(dtype):
            x = self.rng.choice((-2.0, -1.0, -0.5, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0))
            text = self.constant(dtype, complex(x, self.rng.choice((0.5, -1.0))) if dtype in COMPLEX else x)
            return text, Value((), dtype, max(abs(x), 1.0), 2)
        low = 0 if dtype.kind in "ub" else -5
        x = self.rng.randint(low, 7) if dtype != BOOL else self.rng.randint(0, 1)
        return self.constant(dtype, x), integer((), dtype, abs(x))

    # --- values made to suit ----------------------------------------------------------------------------------

    def tamed(self, x: str, low: float, high: float | None = None) -> str:
        """`x`, a real, between low and high; -low and low where one is given.  What is within stays as it is."""
        low, high = (-low, low) if high is None else (low, high)
        v = self[x]
        if not is_real(v.dtype):
            raise Refused
        if v.bound <= min(-low, high):
            return x
        step = None if v.step is None else max(v.step, 2)
        text = f"lax.clamp({self.constant(v.dtype, low)}, {x}, {self.constant(v.dtype, high)})"
        return self.emit(text, v.derived(bound=max(abs(low), abs(high)), step=step))

    def small_integer(self, x: str, bound: int) -> str:
        """An integer between -bound and bound, by a remainder."""
        v = self[x]
        if v.bound <= bound:
            return x
        text = f"lax.rem({x}, {self.constant(v.dtype, bound + 1)})"
        return self.emit(text, integer(v.shape, v.dtype, bound))

    def on_grid(self, x: str, dtype: Any) -> str:
        """`x`, an integer or a bool, as a float."""
        v = self[x]
        if v.dtype != BOOL:
            x = self.small_integer(x, 7)
        value = floating(v.shape, dtype, self[x].bound, 0)
        return self.emit(f"lax.convert_element_type({x}, '{dtype.name}')", value)

    # --- the program ------------------------------------------------------------------------------------------

    def finish(self) -> Program:
        """What has been built, with every value that nobody reads as an output and some others too.

        Now and then an input is an output, or one value two of them.
        """
        made = [t for s in self.statements for t in s.targets]
        outputs = [n for n in made if not self.uses.get(n) or self.chance(0.06)]
        outputs += [n for n in self.inputs if self.chance(0.05)] + [n for n in outputs if self.chance(0.02)]
        return Program(self.inputs, self.statements, outputs, self.values).with_outputs(outputs)
