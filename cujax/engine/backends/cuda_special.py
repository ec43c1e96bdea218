"""Special functions for CuPy arrays, float32 and float64: the twins of `numpy_special.py`.

They are CuPy's, but for most Bessel functions: CuPy computes the scaled ones as exp(-|x|) I(x) and exp(x) K(x), NaN for
large x, and J and Y of doubles with an absolute error of 5e-12 beyond 8.  These come from our header, which programs
call too.  A source is one function for one dtype:

    extern "C" __global__ void bessel_i0e(const float* x, float* y, cj::i64 size) {
        const cj::i64 threads = cj::i64(gridDim.x) * blockDim.x;
        for (cj::i64 i = cj::i64(blockIdx.x) * blockDim.x + threadIdx.x; i < size; i += threads)
            y[i] = cj::bessel_i0e(x[i]);
    }

CuPy is imported when a function is called, so that this module imports without it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from cujax.engine.backends.api import KernelCall
from cujax.engine.backends.cuda_target import CudaModule, CudaTarget

_BESSEL = ("i0e", "i1e", "k0e", "k1e", "j0", "j1", "y0", "y1")
_TYPES = {"f": "float", "d": "double"}
_THREADS, _MOST_BLOCKS = 256, 1 << 14


def erf(x: Any) -> Any:
    """The error function."""
    from cupyx.scipy import special

    return special.erf(x)


def erfc(x: Any) -> Any:
    """1 - erf(x)."""
    from cupyx.scipy import special

    return special.erfc(x)


def lgamma(x: Any) -> Any:
    """log |gamma(x)|; infinite at the poles and at both infinities."""
    import cupy
    from cupyx.scipy import special

    return cupy.where(x == -cupy.inf, x.dtype.type(cupy.inf), special.gammaln(x))


def digamma(x: Any) -> Any:
    """The derivative of lgamma; NaN at the poles."""
    import cupy
    from cupyx.scipy import special

    return cupy.where((x == 0) | cupy.isneginf(x), x.dtype.type(cupy.nan), special.digamma(x))


def polygamma(m: Any, x: Any) -> Any:
    """The derivative of order m of digamma, from Hurwitz's zeta (A&S 6.4.10); NaN unless m is whole."""
    import cupy
    from cupyx.scipy import special

    s = cupy.asarray(m, cupy.float64) + 1
    sign = cupy.where(s % 2 == 0, 1.0, cupy.where(s % 2 == 1, -1.0, cupy.nan))
    value = sign * cupy.exp(special.gammaln(s)) * special.zeta(s, x.astype(cupy.float64))
    return cupy.where(s == 1, digamma(x), value.astype(x.dtype))


def zeta(s: Any, q: Any) -> Any:
    """Hurwitz's zeta function: infinite at s = 1 and where a term is, NaN for s < 1, 0 for infinite q."""
    import cupy
    from cupyx.scipy import special

    inf, nan = q.dtype.type(cupy.inf), q.dtype.type(cupy.nan)
    return cupy.where(s < 1, nan, cupy.where(s == 1, inf, special.zeta(s, q)))


def special(name: str, *xs: Any) -> Any:
    """The function that `scipy.special` calls `name`."""
    from cupyx.scipy import special

    return bessel(name, *xs) if name in _BESSEL else getattr(special, name)(*xs)


def source(name: str, kind: str) -> str:
    """The text of the kernel for a function of the C++ type `kind`."""
    return f"""#include "bessel.h"

extern "C" __global__ void bessel_{name}(const {kind}* x, {kind}* y, cj::i64 size) {{
    const cj::i64 threads = cj::i64(gridDim.x) * blockDim.x;
    for (cj::i64 i = cj::i64(blockIdx.x) * blockDim.x + threadIdx.x; i < size; i += threads)
        y[i] = cj::bessel_{name}(x[i]);
}}
"""


@cache
def _target() -> CudaTarget:
    return CudaTarget()


@cache
def _module(name: str, dtype: str) -> CudaModule:
    return _target().compile(source(name, _TYPES[dtype]))


def bessel(name: str, x: Any) -> Any:
    """One of the functions of `kernels/bessel.h`, elementwise."""
    import cupy

    out = cupy.empty(x.shape, x.dtype)
    blocks = min(-(-out.size // _THREADS), _MOST_BLOCKS)
    call = KernelCall(f"bessel_{name}", (out.size,), out.size, (blocks, 1), _THREADS)
    x = x if x.flags.c_contiguous else cupy.ascontiguousarray(x)
    _target().launcher(_module(name, x.dtype.char), call)([x, out])
    return out
