"""W1, chain: elementwise functions of one array, and their sums.  Bound by memory where the array is large.

    chain(x) = sin(x) exp(-0.1 x) + sqrt(x) log(x)        axpb(x) = 1.5 x + 0.25
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.case import Case, Scale, all_close, elementwise

SIZES = {
    "smoke": [2**10],
    "quick": [2**10, 2**20],
    "default": [2**10, 2**20, 2**24],
    "device": [2**20, 2**26],
    "full": [2**10, 2**13, 2**16, 2**20, 2**22, 2**24, 2**26],
}
HEADLINE = 2**20  # elements from which on the rows count in the geometric mean
TOLERANCES: dict[type, float] = {np.float32: 2e-6, np.float64: 1e-14}
SUM_TOLERANCES: dict[type, float] = {np.float32: 1e-4, np.float64: 1e-12}  # numexpr adds one after the other


def chain(np: Any) -> Callable:
    return lambda x: np.sin(x) * np.exp(-0.1 * x) + np.sqrt(x) * np.log(x)


def axpb(np: Any) -> Callable:
    return lambda x: 1.5 * x + 0.25


def total(make: Callable[[Any], Callable]) -> Callable[[Any], Callable]:
    """The sum of the function that `make` gives."""

    def make_total(np: Any) -> Callable:
        function = make(np)
        return lambda x: np.sum(function(x))

    return make_total


FUNCTIONS = {"chain": chain, "a*x+b": axpb, "sum chain": total(chain), "sum a*x+b": total(axpb)}


def cases(scale: Scale) -> list[Case]:
    return [
        _case(name, dtype, size, scale)
        for size in scale.of(SIZES)
        for name in FUNCTIONS
        for dtype in (np.float32, np.float64)
    ]


def _case(name: str, dtype: type, size: int, scale: Scale) -> Case:
    make = FUNCTIONS[name]
    cold = scale.fresh and (name, dtype, size) == ("chain", np.float32, HEADLINE)
    summed = name.startswith("sum")
    return Case(
        f"{name} {np.dtype(dtype).name} {power(size)}",
        make=elementwise(lambda peer: make(peer.np)),
        inputs=lambda: (np.random.default_rng(1).uniform(0.5, 2.0, size).astype(dtype),),
        reference=lambda x: make(np)(x.astype(np.float64)),
        compare=all_close((SUM_TOLERANCES if summed else TOLERANCES)[dtype]),
        x64=dtype is np.float64,
        bytes_moved=(1 if summed else 2) * size * np.dtype(dtype).itemsize,
        new_size=(lambda: _case(name, dtype, size + 1000, scale)) if cold else None,
        headline=size >= HEADLINE,
    )


def power(size: int) -> str:
    """`2^20`, or the number itself."""
    return f"2^{size.bit_length() - 1}" if size & (size - 1) == 0 else str(size)
