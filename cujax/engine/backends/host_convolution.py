"""Convolutions by `kernels/convolve.h`, compiled for this machine: one source for each triple of dtypes.

    run = compiled(target, dtypes, geometry)     plans a convolution once
    run(x, w, out, empty)                        buffers of any strides; `empty` gives scratch memory

`dtypes` are those of the operands, of the sums and of the result; `geometry` the integers of the header's
`Convolution`, in order.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from cujax.engine.backends.api import KernelCall, KernelTarget
from cujax.engine.backends.host_launch import GRAIN
from cujax.engine.ground import dtypes as dt

_INTEGERS = [np.dtype(f"{sign}int{bits}") for sign in ("", "u") for bits in (8, 16, 32, 64)]
_TYPES = {
    dt.float16: "cj::f16", dt.bfloat16: "cj::bf16", np.dtype(np.float32): "float", np.dtype(np.float64): "double",
    **{dtype: f"cj::{'u' if dtype.kind == 'u' else 'i'}{8 * dtype.itemsize}" for dtype in _INTEGERS},
}  # fmt: skip
_BLOCKS = 32  # words, more than there are in `Blocks`, which begins with the bytes of a thread, pieces and shared bytes
_BYTE = np.dtype(np.uint8)
_PER_STEP = 8  # products that take as long as one operation on an element

Run = Callable[[np.ndarray, np.ndarray, np.ndarray, Callable], None]


def takes(*dtypes: Any) -> bool:
    """Whether the header convolves operands and makes sums and results of these dtypes."""
    return all(d in _TYPES for d in dtypes) and (dtypes[0] == dtypes[1] or dt.is_float(dtypes[1]))


def _source(dtypes: tuple) -> str:
    operand, total, result = map(_TYPES.__getitem__, dtypes)
    arguments = "(void* const* buffers, const long long* sizes, int threads)"
    return f"""#include "convolve.h"

extern "C" void plan{arguments} {{
    cj::plan_convolution<{total}>(buffers, sizes, threads);
}}

extern "C" void convolve{arguments} {{
    cj::convolve<{operand}, {total}, {result}>(buffers, sizes, threads);
}}
"""


@lru_cache(maxsize=1024)
def compiled(target: KernelTarget, dtypes: tuple, geometry: tuple[int, ...], work: int) -> Run:
    """A function that runs a convolution of so many products; KernelCompileError where the compiler refuses."""
    module = target.compile(_source(dtypes))
    blocks = np.zeros(_BLOCKS, np.int64)
    threads: int = target.threads  # type: ignore[attr-defined]
    target.launcher(module, KernelCall("plan", geometry, threads * GRAIN))([blocks])
    launch = target.launcher(module, KernelCall("convolve", (*geometry, *blocks.tolist()), work // _PER_STEP))
    each, pieces, shared = blocks[:3].tolist()
    scratch = (shared + min(threads, pieces) * each,)

    def run(x: np.ndarray, w: np.ndarray, out: np.ndarray, empty: Callable) -> None:
        launch([x, w, out, empty(scratch, _BYTE)])

    return run
