"""Decompositions of general matrices on the GPU: the twins of `numpy_reductions.py`, as far as CuPy has them.

cuSOLVER has eigenvectors of general matrices from CUDA 12.6 on.  Schur form, Hessenberg form and QR with pivoting it
has not; tridiagonal form it has, but CuPy does not reach it.  These raise; nothing goes through the host quietly.
"""

from __future__ import annotations

from typing import Any, NoReturn


def _refuse(name: str) -> NoReturn:
    raise NotImplementedError(
        f"{name} is not implemented on a GPU: CuPy has no such routine. Run it on the CPU: CUJAX_PLATFORM=cpu."
    )


def eigenvectors(a: Any, left: bool) -> tuple[Any, ...]:
    """Eigenvalues (..., n), then left eigenvectors if `left`, then right ones, in columns of (..., n, n).

    Left ones are the inverse of the matrix of right ones, normalized; of defective matrices they are not finite.
    """
    import cupy

    dtype = cupy.result_type(a.dtype, "complex64")
    w, v = (x.astype(dtype, copy=False) for x in cupy.linalg.eig(a))
    if not left:
        return w, v
    u = cupy.linalg.inv(v).conj().swapaxes(-1, -2) if a.size else v
    return w, _normalized(u), v


def _normalized(v: Any) -> Any:
    """Columns of norm 1 with a real component of largest magnitude, as LAPACK has them."""
    import cupy

    if not v.size:
        return v
    largest = cupy.take_along_axis(v, cupy.argmax(abs(v), axis=-2)[..., None, :], -2)
    turned = v * (abs(largest) / largest)
    return turned / cupy.sqrt(cupy.sum(abs(v) ** 2, axis=-2, keepdims=True))


def schur(a: Any) -> tuple[Any, Any]:
    """Refused; see the module's docstring."""
    _refuse("schur")


def hessenberg(a: Any) -> tuple[Any, Any]:
    """Refused; see the module's docstring."""
    _refuse("hessenberg")


def tridiagonal(a: Any, lower: bool) -> tuple[Any, ...]:
    """Refused; see the module's docstring."""
    _refuse("tridiagonal")


def column_pivots(a: Any) -> Any:
    """Refused; see the module's docstring."""
    _refuse("qr with pivoting")
