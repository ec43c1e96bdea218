"""Tridiagonal systems, many at a time, by `kernels/tridiagonal.h`, compiled for this machine or for its GPU.

    solve_by_kernel(target, empty, dl, d, du, b)    diagonals (s, n), b (s, n, k), contiguous

`target` is the backend's `KernelTarget`, and `empty` gives its memory.  The results are to the bit those of
`tridiagonal.eliminate`, which goes through all systems row after row.

On a GPU a system of few rows with one right-hand side stays in shared memory from beginning to end, so that each number
is read and written once; with scratch memory outside it is three times the traffic.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from cujax.engine.backends.api import Buffer, KernelCall

_TYPES = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}
_ARRAYS = 6  # `scratch_arrays` in the header
_WARP = 32
_VECTORS = 128  # bytes of the lanes of a thread on the host, as in `host_lanes`
_MOST_SCRATCH = 1 << 22  # bytes of a thread on the host: beyond the caches LAPACK is as fast
_FEWEST_ON_HOST = 4  # systems: with fewer most of the vectors would be idle
_WORK = 30  # operations on a row
_INSIDE_ARRAYS = 4  # as `inside_arrays` in the header
_INSIDE_ROWS = (16, 32, 64, 90)  # for which there is a text
_INSIDE_BYTES = 48 * 1024  # that a kernel may have in shared memory


def takes(language: str, dtype: Any, count: int, n: int) -> bool:
    """Whether the kernel solves `count` systems of `n` unknowns of this dtype, and better than what else there is."""
    if dtype not in _TYPES or n < 2:
        return False
    return language != "host" or (count >= _FEWEST_ON_HOST and _ARRAYS * n * _VECTORS <= _MOST_SCRATCH)


def solve_by_kernel(
    target: Any, empty: Callable[..., Buffer], dl: Buffer, d: Buffer, du: Buffer, b: Buffer
) -> Buffer:
    """x like b; KernelCompileError where the compiler refuses."""
    count, n, _ = b.shape
    x = empty(b.shape, b.dtype)
    if target.language != "host" and _inside_rows(b.dtype, b.shape):
        _launcher(target, b.dtype, b.shape)([dl, d, du, b, x])
        return x
    if target.language == "host":
        scratch = target.threads * _ARRAYS * n * _VECTORS // b.dtype.itemsize
    else:
        scratch = -(-count // _WARP) * _WARP * _ARRAYS * n
    _launcher(target, b.dtype, b.shape)([dl, d, du, b, x, empty((scratch,), b.dtype)])
    return x


@lru_cache(maxsize=256)
def _launcher(target: Any, dtype: np.dtype, shape: tuple[int, int, int]) -> Callable:
    count, n, columns = shape
    rows = 0 if target.language == "host" else _inside_rows(dtype, shape)
    sizes = (count, n) if rows else shape
    call = KernelCall("tridiagonal", sizes, count * n * (columns + 1) * _WORK, (-(-count // _WARP), 1), _WARP)
    return target.launcher(target.compile(source(target.language, dtype, rows)), call)


def _inside_rows(dtype: np.dtype, shape: tuple[int, int, int]) -> int:
    """Of the text for systems that fit in shared memory, 0 where they do not."""
    _, n, columns = shape
    fitting = _INSIDE_BYTES // (_INSIDE_ARRAYS * (_WARP + 1) * dtype.itemsize)
    found = [min(rows, fitting) for rows in _INSIDE_ROWS if n <= min(rows, fitting)]
    return found[0] if found and columns == 1 else 0


def source(language: str, dtype: np.dtype, inside_rows: int = 0) -> str:
    """The text of the kernel; inside_rows: for up to so many rows in shared memory."""
    kind = _TYPES[dtype]
    if language == "host":
        return f"""#include "tridiagonal.h"

extern "C" void tridiagonal(void* const* buffers, const long long* sizes, int threads) {{
    cj::solve_tridiagonal<{kind}>(buffers, sizes, threads);
}}
"""
    inputs = ", ".join(f"const {kind}* CJ_RESTRICT {name}" for name in ("dl", "d", "du", "b"))
    if inside_rows:
        return f"""#include "tridiagonal.h"

extern "C" __global__ void __launch_bounds__({_WARP}) tridiagonal(
    {inputs}, {kind}* CJ_RESTRICT x, cj::i64 count, cj::i64 n) {{
    cj::solve_inside<{kind}, {inside_rows}>(dl, d, du, b, x, count, int(n));
}}
"""
    return f"""#include "tridiagonal.h"

extern "C" __global__ void __launch_bounds__({_WARP}) tridiagonal(
    {inputs}, {kind}* CJ_RESTRICT x, {kind}* CJ_RESTRICT scratch, cj::i64 count, cj::i64 n, cj::i64 columns) {{
    cj::solve_tridiagonal<{kind}>(dl, d, du, b, x, scratch, count, n, columns);
}}
"""
