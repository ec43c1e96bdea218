"""What a row is, and how its operands are drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cujax.engine.core.array import ConcreteArray, to_array
from cujax.engine.core.aval import ShapedArray
from cujax.engine.ground import dtypes


@dataclass(frozen=True)
class Operand:
    """How to draw one operand: `draw(rng, dtype) -> array`.  `fixed` dtypes do not follow the sample's dtype.

    make: what turns the drawn NumPy array into the engine's array, where it has a dtype that NumPy lacks.
    """

    draw: Callable[[np.random.Generator, Any], np.ndarray]
    fixed: Any = None
    differentiable: bool = True
    make: Callable[[np.ndarray], Any] = to_array


@dataclass(frozen=True)
class Sample:
    """A call of one primitive; see the module's docstring.

    dtypes: names of dtypes to run instead of the whole domain.  order: highest derivative compared (0: none).
    ulp: allowed difference to JAX in units of the last place of the dtype's epsilon times the magnitude.
    settled: (numpy, *results) -> results without what JAX leaves to the library, compared where that is another one.
    """

    op: str
    operands: Sequence[Operand]
    params: dict[str, Any] = field(default_factory=dict)
    jax: Callable | None = None
    dtypes: Sequence[str] | None = None
    order: int = 2
    ulp: int = 4
    label: str = ""
    vmap: bool = True
    settled: Callable | None = None

    def __str__(self) -> str:
        return self.label or self.op


def reals(shape: tuple[int, ...] = (3, 4), low: float = -2.0, high: float = 2.0) -> Operand:
    """Numbers between `low` and `high` in the dtype under test: complex ones get both parts, ints are rounded."""

    def draw(rng: np.random.Generator, dtype: Any) -> np.ndarray:
        kind = np.dtype(dtype).kind
        values = rng.uniform(low, high, shape)
        if kind == "c":
            values = values + 1j * rng.uniform(low, high, shape)
        elif kind == "b":
            values = rng.random(shape) < 0.5
        elif kind == "u":
            values = np.abs(np.round(values * 3))
        elif kind == "i":
            values = np.round(values * 3)
        return np.asarray(values).astype(dtype)

    return Operand(draw)


def fixed(dtype: Any, values: Any, differentiable: bool = False) -> Operand:
    """The given values, in one dtype whatever the dtype under test."""
    return Operand(lambda rng, _: np.asarray(values, dtype), np.dtype(dtype), differentiable)


def integers(shape: tuple[int, ...], low: int, high: int, dtype: Any = "int32") -> Operand:
    """Random integers in [low, high) of one dtype."""
    return Operand(lambda rng, _: rng.integers(low, high, shape).astype(dtype), np.dtype(dtype), False)


def booleans(shape: tuple[int, ...]) -> Operand:
    return Operand(lambda rng, _: rng.random(shape) < 0.5, np.dtype(bool), False)


def bits(shape: tuple[int, ...]) -> Operand:
    """Integers of the dtype under test over its whole range (booleans: both)."""

    def draw(rng: np.random.Generator, dtype: Any) -> np.ndarray:
        if np.dtype(dtype).kind == "b":
            return rng.random(shape) < 0.5
        info = np.iinfo(dtype)
        return rng.integers(info.min, info.max, shape, dtype=dtype, endpoint=True)

    return Operand(draw)


def keys(shape: tuple[int, ...]) -> Operand:
    """Random keys.  They are drawn, and given to `jax`, as the 64-bit words that an array of keys holds."""

    def make(words: np.ndarray) -> ConcreteArray:
        return ConcreteArray(to_array(words).buffer, ShapedArray(words.shape, dtypes.key_dtype("threefry2x32")))

    word = np.dtype("uint64")
    return Operand(lambda rng, _: rng.integers(0, 2**64, shape, dtype=word), word, False, make)


def of_values(values: Any) -> Operand:
    """The given numbers, in the dtype under test."""
    return Operand(lambda rng, dtype: np.asarray(values).astype(dtype))


SCALAR = ()
A = (3, 4)
INTS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
FLOATS = ["float16", "bfloat16", "float32", "float64"]
COMPLEX = ["complex64", "complex128"]
NUMBERS = [*INTS, *FLOATS, *COMPLEX]
