"""What is known of a value before it is computed, and how far apart two right results of it may be.

Most floats of a random program are multiples of 2**-step below `bound`: as long as the mantissa holds them, sums
and products have no rounding, so that any order of operations gives equal bits and results are compared exactly.
Where a value leaves that grid, `error` bounds the difference between two right ways to compute it, grown through
the program by the usual first-order rules.  Values that differ (error > 0) never reach an op with jumps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, log2, prod
from typing import Any

import ml_dtypes
import numpy as np

Shape = tuple[int, ...]

bfloat16 = np.dtype(ml_dtypes.bfloat16)
KEY = "key"  # stands in for the dtype of random keys

SIGNED = tuple(np.dtype(f"int{n}") for n in (8, 16, 32, 64))
UNSIGNED = tuple(np.dtype(f"uint{n}") for n in (8, 16, 32, 64))
INTEGERS = SIGNED + UNSIGNED
REALS = (np.dtype("float16"), bfloat16, np.dtype("float32"), np.dtype("float64"))
COMPLEX = (np.dtype("complex64"), np.dtype("complex128"))
BOOL = np.dtype(bool)
DTYPES = (BOOL, *INTEGERS, *REALS, *COMPLEX)

_MANTISSA = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}
_LIMIT = {"float16": 2.0**13, "bfloat16": 2.0**30, "float32": 2.0**30, "float64": 2.0**30}
_MOST_STEPS = {"float16": 14, "bfloat16": 40, "float32": 40, "float64": 60}


class Refused(Exception):
    """An action of the generator that does not suit what there is; another one is tried."""


def part_of(dtype: Any) -> Any:
    """The real dtype of a complex one's parts; any other dtype itself."""
    return np.dtype(f"float{dtype.itemsize * 4}") if dtype.kind == "c" else dtype


def is_real(dtype: Any) -> bool:
    return dtype in REALS


def is_float(dtype: Any) -> bool:
    return dtype in REALS or dtype in COMPLEX


def ulp(dtype: Any) -> float:
    """The distance from 1 to the next number."""
    return 2.0 ** (1 - _MANTISSA[part_of(dtype).name])


@dataclass(frozen=True)
class Value:
    """bound: no element, or part of one, is larger, infinities and NaN aside.  step: all are multiples of 2**-step
    and exact; None off the grid.  error: see the module's docstring.  special: there may be infinities and NaN.
    is_ieee: made only by ops that IEEE 754 rounds correctly, one by one, so kernels give NumPy's bits.
    is_raw: elements of inputs, moved: even the sign of zero is known.
    relative: what may differ beside `error`, as a part of the largest element.
    """

    shape: Shape
    dtype: Any
    bound: float
    step: int | None = 0
    error: float = 0.0
    special: bool = False
    is_ieee: bool = True
    is_raw: bool = False
    relative: float = 0.0

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def is_certain(self) -> bool:
        """Every right way gives the same value."""
        return self.error == 0 and self.relative == 0

    def moved(self, shape: Shape) -> Value:
        return replace(self, shape=tuple(shape))

    def derived(self, **changes: Any) -> Value:
        return replace(self, is_raw=False, **changes)


def integer(shape: Shape, dtype: Any, bound: float = inf) -> Value:
    """An integer value, or a bool; one that may be larger than its dtype holds wraps around."""
    if dtype == BOOL:
        return Value(tuple(shape), dtype, 1)
    greatest = float(np.iinfo(dtype).max)
    return Value(tuple(shape), dtype, bound if bound <= greatest else max(greatest, -float(np.iinfo(dtype).min)))


def floating(
    shape: Shape, dtype: Any, bound: float, step: int | None = None, error: float = 0.0, roundings: float = 1.0,
    special: bool = False, is_ieee: bool = False,
) -> Value:
    """The result of an op on floats: on the grid where its exact value is, else rounded.

    Refused where it may overflow, or where right results differ too much to tell them from wrong ones.
    """
    name = part_of(dtype).name
    if bound > _LIMIT[name]:
        raise Refused
    if step is not None and error == 0 and fits(dtype, bound, step):
        return Value(tuple(shape), dtype, bound, step, 0.0, special, True)
    error += roundings * ulp(dtype) * bound
    if error > 0.25 * max(bound, 2.0**-10) or (special and error > 0):
        raise Refused
    return Value(tuple(shape), dtype, bound + error, None, error, special, is_ieee)


def number(shape: Shape, dtype: Any, bound: float, step: int | None = 0, error: float = 0.0, **more: Any) -> Value:
    """`integer` or `floating`, by the dtype."""
    return floating(shape, dtype, bound, step, error, **more) if is_float(dtype) else integer(shape, dtype, bound)


def fits(dtype: Any, bound: float, step: int) -> bool:
    """Whether the mantissa holds every multiple of 2**-step up to bound."""
    name = part_of(dtype).name
    return -20 <= step <= _MOST_STEPS[name] and log2(max(bound, 2.0**-60)) + step <= _MANTISSA[name]


def merged(shape: Shape, first: Value, *others: Value) -> Value:
    """A value whose elements are taken from several."""
    values = (first, *others)
    steps = [v.step for v in values]
    return Value(
        tuple(shape), first.dtype, max(v.bound for v in values),
        None if None in steps else max(s for s in steps if s is not None), max(v.error for v in values),
        any(v.special for v in values), all(v.is_ieee for v in values), all(v.is_raw for v in values),
    )
