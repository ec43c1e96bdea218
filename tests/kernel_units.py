"""Single functions of the C++ headers as kernels, for the tests that compile, run and compare them.

    unit = Unit("erf_f32", "cj::erf({0})", ("float32",), "float32")
    run = host_functions([unit], ["special.h"], compiler, folder)
    run("erf_f32", x)                                                 an array of results
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cujax.engine.compiler.cpp import type_name
from cujax.engine.ground import dtypes

HOST = """
extern "C" void {name}({pointers}, long long n) {{
    #pragma omp simd
    for (cj::i64 i = 0; i < n; ++i) y[i] = {text};
}}
"""
CUDA = """
extern "C" __global__ void {name}({pointers}, long long n) {{
    const cj::i64 i = blockIdx.x * cj::i64(blockDim.x) + threadIdx.x;
    if (i < n) y[i] = {text};
}}
"""


class Unit(NamedTuple):
    """A kernel that computes `text` of the elements of its operands, for which {0}, {1}, ... stand."""

    name: str
    text: str
    operands: tuple[str, ...]
    result: str


def dtype_of(name: str) -> np.dtype:
    return dtypes.bfloat16 if name == "bfloat16" else np.dtype(name)


def source_of(units: Sequence[Unit], headers: Sequence[str], language: str) -> str:
    """A kernel for each unit: a loop on the host, a thread for each element on a device."""
    template = HOST if language == "host" else CUDA
    includes = "".join(f'#include "{h}"\n' for h in ("half.h", *headers))
    return includes + "".join(_kernel(u, template) for u in units)


def _kernel(unit: Unit, template: str) -> str:
    kinds = [type_name(dtype_of(d)) for d in unit.operands]
    pointers = [f"const {kind}* CJ_RESTRICT x{k}" for k, kind in enumerate(kinds)]
    pointers.append(f"{type_name(dtype_of(unit.result))}* CJ_RESTRICT y")
    text = unit.text.format(*[f"x{k}[i]" for k in range(len(kinds))])
    return template.format(name=unit.name, pointers=", ".join(pointers), text=text)


def host_functions(units: Sequence[Unit], headers: Sequence[str], compiler: Any, folder: Path) -> Callable:
    """The units, compiled for the host, as a function of a unit's name and its operands."""
    compiler.run(source_of(units, headers, "host"), str(folder / "kernels.so"))
    library, by_name = ctypes.CDLL(str(folder / "kernels.so")), {u.name: u for u in units}

    def run(name: str, *operands: Any) -> np.ndarray:
        return _call(by_name[name], operands, lambda pointers, n: library[name](*pointers, ctypes.c_longlong(n)))

    return run


def _call(unit: Unit, operands: Sequence[Any], call: Callable) -> np.ndarray:
    xs = [np.ascontiguousarray(x, dtype_of(d)) for x, d in zip(operands, unit.operands, strict=True)]
    out = np.empty(xs[0].shape, dtype_of(unit.result))
    call([ctypes.c_void_p(x.ctypes.data) for x in (*xs, out)], out.size)
    return out


def emulated_functions(units: Sequence[Unit], headers: Sequence[str], target: Any, slots_of: Callable) -> Callable:
    """The same, by the text for devices on the emulator."""
    module, by_name = target.compile(source_of(units, headers, "cuda")), {u.name: u for u in units}

    def run(name: str, *operands: Any) -> np.ndarray:
        def launch(pointers: Any, n: int) -> None:
            slots = slots_of(*[p.value for p in pointers], n)
            target.launch(module.function(name), (-(-n // 128),), (128,), 0, slots)

        return _call(by_name[name], operands, launch)

    return run
