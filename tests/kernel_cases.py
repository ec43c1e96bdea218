"""Every elementwise op as C++, dtype by dtype: what the tests of the kernel headers compile and run.

    cases_of(op)            the dtypes and params in which an op is compiled
    source_of(cases, ...)   one C++ text with a kernel for each
    arguments(case)         operands rich in special values: combinations of these, then random ones
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from math import prod
from typing import Any

import numpy as np

from cujax.engine.compiler.cpp import short_name, type_name
from cujax.engine.compiler.expression import operation_text
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.primitive import REGISTRY, Refused
from cujax.engine.core.recording import record_pure
from cujax.engine.ground import dtypes
from cujax.engine.ops import bessel, incomplete, special
from cujax.engine.ops.rounding import RoundingMethod

DTYPES = [
    dtypes.bool_, *dtypes.SIGNED[1:], *dtypes.UNSIGNED[1:], dtypes.float16, dtypes.bfloat16, dtypes.float32,
    dtypes.float64, dtypes.complex64, dtypes.complex128,
]
ARITY = {"unary": 1, "binary": 2, "comparison": 2, "ternary": 3, "select": 3}
IN_SPECIAL_H = {p.name for m in (special, incomplete, bessel) for p in vars(m).values() if p in REGISTRY.values()}
OPS = [
    name for name, p in REGISTRY.items()
    if p.family in ARITY and not isinstance(p.cuda, Refused) and name not in IN_SPECIAL_H
]


@dataclass(frozen=True)
class Case:
    """An op on operands of given dtypes."""

    op: str
    dtypes: tuple[Any, ...]
    params: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The kernel's name in C++."""
        values = [short_name(v) if isinstance(v, np.dtype) else str(int(v)) for v in self.params.values()]
        return "_".join([self.op, *map(short_name, self.dtypes), *values]).replace("-", "minus")

    @property
    def avals(self) -> list[ShapedArray]:
        return [ShapedArray((), d) for d in self.dtypes]

    @property
    def result(self) -> Any:
        """The dtype of the result."""
        return REGISTRY[self.op].shape(*self.avals, **self.params).dtype


# ---- which cases ------------------------------------------------------------------------------------------

PARAMS = {
    "integer_pow": [{"y": y} for y in (-3, -1, 0, 1, 2, 3, 7, 100)],
    "round": [{"rounding_method": method} for method in RoundingMethod],
    "reduce_precision": [
        {"exponent_bits": e, "mantissa_bits": m} for e, m in ((5, 10), (8, 7), (4, 3), (1, 0), (11, 52), (8, 30))
    ],
    "convert_element_type": [{"new_dtype": d, "weak_type": False} for d in DTYPES],
    "bitcast_convert_type": [{"new_dtype": d} for d in DTYPES],
}


def cases_of(op: str) -> list[Case]:
    """All that the op's shape rule accepts."""
    everything = product(DTYPES, PARAMS.get(op, [{}]))
    cases = [Case(op, each, params) for dtype, params in everything for each in _operand_dtypes(op, dtype)]
    return [c for c in cases if _is_accepted(c)]


def _operand_dtypes(op: str, dtype: Any) -> Iterator[tuple[Any, ...]]:
    """The combinations that have `dtype` first."""
    if op == "select_n":
        yield (dtypes.bool_, dtype, dtype)
        yield (dtypes.int32, dtype, dtype, dtype)
        return
    if op != "fma" or dtype.itemsize >= 4:  # its domain says float32 and float64 by name only
        yield (dtype,) * ARITY[REGISTRY[op].family]
    if op == "pow" and dtypes.is_inexact(dtype):
        yield (dtype, dtypes.int32)


def _is_accepted(case: Case) -> bool:
    try:
        return REGISTRY[case.op].shape(*case.avals, **case.params).shape == ()
    except (TypeError, ValueError):
        return False


# ---- the text ---------------------------------------------------------------------------------------------

HEADERS = '#include "math.h"\n#include "half.h"\n#include "complex.h"\n'
LOOP = {
    "host": """
extern "C" void {name}({pointers}, long long n) {{
    #pragma omp simd
    for (cj::i64 i = 0; i < n; ++i) {{
        {reads}
        const {result} out = {text};
        y[i] = out;
    }}
}}
""",
    "cuda": """
extern "C" __global__ void {name}({pointers}, long long n) {{
    const cj::i64 i = blockIdx.x * cj::i64(blockDim.x) + threadIdx.x;
    if (i < n) {{
        {reads}
        const {result} out = {text};
        y[i] = out;
    }}
}}
""",
}


def in_memory(kind: str) -> str:
    """The type of an element in a buffer."""
    return "cj::b8" if kind == "bool" else kind


def source_of(cases: list[Case], language: str) -> str:
    """A kernel for each case: a loop on the host, a thread for each element on a device."""
    return HEADERS + "".join(_kernel(case, language) for case in cases)


def _kernel(case: Case, language: str) -> str:
    kinds, result = [type_name(d) for d in case.dtypes], type_name(case.result)
    places = range(len(kinds))
    pointers = [f"const {in_memory(kind)}* CJ_RESTRICT x{k}" for k, kind in enumerate(kinds)]
    return LOOP[language].format(
        name=case.name, result=result, pointers=", ".join([*pointers, f"{in_memory(result)}* CJ_RESTRICT y"]),
        reads=" ".join(f"const {kind} v{k} = x{k}[i];" for k, kind in enumerate(kinds)),
        text=_text(case).format(*[f"v{k}" for k in places]),
    )


def _text(case: Case) -> str:
    """What the emitter writes for the op, with places for the operands."""
    tape = record_pure(lambda *xs: [REGISTRY[case.op].bind(*xs, **case.params)], case.avals)
    return operation_text(tape.eqns[0]) if tape.eqns else "{0}"


# ---- operands ---------------------------------------------------------------------------------------------

_MOST_COMBINATIONS = 20000
_RANDOM = 700


def arguments(case: Case) -> list[np.ndarray]:
    """Combinations of special values, all if not too many, then random values.

    The count is odd, so that loops over vectors have an end.
    """
    rng = np.random.default_rng(zlib.crc32(case.name.encode()))
    values = [special_values(d) for d in case.dtypes]
    total = prod(map(len, values))
    picks = np.arange(total) if total <= _MOST_COMBINATIONS else rng.integers(0, total, _MOST_COMBINATIONS)
    places = np.unravel_index(picks, [len(v) for v in values])
    count = _RANDOM + 1 - (len(picks) & 1)
    return [
        np.concatenate([v[place], random_values(rng, dtype, count)])
        for v, place, dtype in zip(values, places, case.dtypes, strict=True)
    ]


def special_values(dtype: Any) -> np.ndarray:
    """Where functions of `dtype` may go wrong."""
    if dtypes.is_bool(dtype):
        return np.array([False, True])
    if dtypes.is_integer(dtype):
        info, width = np.iinfo(dtype), 8 * dtype.itemsize
        near = [0, 1, 2, 3, 5, 7, 8, 9, width // 2, width - 1, width, width + 1, 100]
        values = {*near, *[-v for v in near], info.min, info.min + 1, info.max, info.max - 1, info.max // 2}
        return np.array(sorted(v for v in values if info.min <= v <= info.max), dtype)
    if dtypes.is_complex(dtype):
        parts = np.array([0, 0.5, 1, 2, np.inf, np.nan, -0.0, -0.5, -1, -2, -np.inf], dtypes.to_real(dtype))
        return np.ravel(_of_parts(*np.meshgrid(parts, parts)))
    info = dtypes.finfo(dtype)
    sizes = [
        0, info.smallest_subnormal, info.tiny, info.eps, 0.25, 0.5, 1 - info.eps / 2, 1, 1 + info.eps, 1.5, 2, 2.5,
        3.5, 10, 88.5, 127.5, 300, 709.5, 2**15, 65504, 65519, 65520, 2**31, 2**32, 2**63, 2**64, info.max, np.inf,
    ]
    with np.errstate(over="ignore"):
        values = np.array([float(s) for s in sizes]).astype(dtype)
    return np.concatenate([values, -values, np.array([np.nan], dtype)])


def _of_parts(re: np.ndarray, im: np.ndarray) -> np.ndarray:
    """re + i im; computed so, infinite parts would become NaN."""
    z = np.empty(re.shape, dtypes.to_complex(re.dtype))
    z.real, z.imag = re, im
    return z


def random_values(rng: np.random.Generator, dtype: Any, count: int) -> np.ndarray:
    """Three in four of ordinary size, the others of every size there is."""
    if dtypes.is_complex(dtype):
        return _of_parts(*[random_values(rng, dtypes.to_real(dtype), count) for _ in range(2)])
    if dtypes.is_bool(dtype):
        return rng.random(count) < 0.5
    bits = rng.integers(0, 256, (count, dtype.itemsize), np.uint8).view(dtype)[:, 0]
    with np.errstate(over="ignore"):
        scale = 100 if dtypes.is_integer(dtype) else rng.choice([1e-3, 0.3, 1, 10], count)
        ordinary = (np.abs(rng.normal(size=count)) if dtype.kind == "u" else rng.normal(size=count)) * scale
        return np.where(rng.random(count) < 0.25, bits, ordinary.astype(dtype))
