"""One row for each op: operands, params and JAX's function for the same thing.

`tests/test_ops.py` derives from a row: shapes and dtypes, values against JAX over all dtypes of the op's
domain, derivatives to order 2, the inner-product identity of transposition, `vmap` against a loop over
every axis, `jit` against eager, and the index map.  To cover a new op add its row to the table of its family.

    Sample("tan", [reals((3, 4), -1.5, 1.5)])
    Sample("reduce_max", [reals((3, 4))], {"axes": (1,)}, jax=lambda x, axes: lax.reduce_max_p.bind(x, axes=axes, ...))

`jax` defaults to the primitive's bind in `jax.lax` (`<op>_p.bind(*operands, **params)`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax


@dataclass(frozen=True)
class Operand:
    """How to draw one operand: `draw(rng, dtype) -> array`.  `fixed` dtypes do not follow the sample's dtype."""

    draw: Callable[[np.random.Generator, Any], np.ndarray]
    fixed: Any = None
    differentiable: bool = True


@dataclass(frozen=True)
class Sample:
    """A call of one primitive; see the module's docstring.

    dtypes: names of dtypes to run instead of the whole domain.  order: highest derivative compared (0: none).
    ulp: allowed difference to JAX in units of the last place of the dtype's epsilon times the magnitude.
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


SCALAR = ()
A = (3, 4)
INTS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
FLOATS = ["float16", "bfloat16", "float32", "float64"]
COMPLEX = ["complex64", "complex128"]
NUMBERS = [*INTS, *FLOATS, *COMPLEX]


STRUCTURAL = [
    Sample("reshape", [reals(A)], {"new_sizes": (2, 6)}, jax=lambda x, *, new_sizes: lax.reshape(x, new_sizes)),
    Sample("transpose", [reals((2, 3, 4))], {"permutation": (2, 0, 1)}),
    Sample("squeeze", [reals((3, 1, 4, 1))], {"dimensions": (1, 3)}),
    Sample(
        "broadcast_in_dim", [reals((3, 1))], {"shape": (2, 3, 5), "broadcast_dimensions": (1, 2)},
        jax=lambda x, **params: lax.broadcast_in_dim(x, **params),
    ),
    Sample("broadcast_in_dim", [reals(SCALAR)], {"shape": (2, 3), "broadcast_dimensions": ()},
           jax=lambda x, **params: lax.broadcast_in_dim(x, **params), label="broadcast_in_dim of a scalar"),
    Sample("reduce_sum", [reals((2, 3, 4))], {"axes": (0, 2)}, dtypes=NUMBERS,
           jax=lambda x, *, axes: jnp.sum(x, axes, dtype=x.dtype)),
    Sample("rev", [reals((3, 4))], {"dimensions": (1,)}),
    Sample("copy", [reals(A)]),
    Sample("add_any", [reals(A), reals(A)], dtypes=NUMBERS, jax=lambda x, y: x + y),
    Sample("iota", [], {"dtype": np.dtype("float32"), "shape": (3, 4), "dimension": 1}, order=0,
           jax=lambda *, dtype, shape, dimension: lax.broadcasted_iota(dtype, shape, dimension)),
    *(
        Sample("convert_element_type", [reals(A, -3, 3)], {"new_dtype": np.dtype(to), "weak_type": False},
               dtypes=NUMBERS if to.startswith("c") else [*INTS, *FLOATS],  # JAX warns of complex to real
               jax=lambda x, *, new_dtype, weak_type: lax.convert_element_type(x, new_dtype),
               label=f"convert_element_type to {to}")
        for to in ("bool", "int8", "int32", "uint8", "uint64", "float16", "float32", "float64", "complex64")
    ),
    Sample("bitcast_convert_type", [reals(A)], {"new_dtype": np.dtype("int32")}, dtypes=["float32"], order=0),
    Sample("bitcast_convert_type", [reals(A)], {"new_dtype": np.dtype("uint16")}, dtypes=["float32"], order=0,
           label="bitcast_convert_type to a narrower type"),
    Sample("bitcast_convert_type", [reals((3, 2))], {"new_dtype": np.dtype("float64")}, dtypes=["float32"], order=0,
           label="bitcast_convert_type to a wider type"),
]

SAMPLES: list[Sample] = [*STRUCTURAL]
