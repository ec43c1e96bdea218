"""What ops need of the CPU beyond the functions that NumPy and CuPy share.

`cuda_library.py` has the same functions for CuPy; a test holds the two to one set of signatures.
SciPy is used where it is installed; without it the same results come from NumPy, more slowly.
"""

from __future__ import annotations

from typing import Any

from cujax.engine.backends.numpy_bits import reduce_bits
from cujax.engine.backends.numpy_fft import fft, fft_writes_out
from cujax.engine.backends.numpy_fma import fma, horner
from cujax.engine.backends.numpy_linalg import (
    cholesky,
    eigh,
    lu,
    permutation_of_pivots,
    triangular_solve,
    tridiagonal_solve,
)
from cujax.engine.backends.numpy_reductions import (
    column_pivots,
    eigenvalues,
    eigenvectors,
    hessenberg,
    schur,
    tridiagonal,
)
from cujax.engine.backends.numpy_scatter import are_within, host_ints, scatter_rows
from cujax.engine.backends.numpy_sorting import argsort, sort_in_place
from cujax.engine.backends.numpy_special import digamma, erf, erfc, lgamma, polygamma, special, zeta
from cujax.engine.backends.numpy_stacks import over_stack
from cujax.engine.backends.numpy_threefry import random_bits, random_fold_in, random_split, threefry2x32

__all__ = [
    "are_within", "argsort", "cholesky", "column_pivots", "convolution", "digamma", "eigenvalues", "eigenvectors",
    "eigh", "erf", "erfc", "fft", "fft_writes_out", "fma", "hessenberg", "horner", "host_ints", "lgamma", "lu",
    "over_stack", "permutation_of_pivots", "plans_convolution", "polygamma", "random_bits", "random_fold_in",
    "random_split", "reduce_bits", "scatter_rows", "schur", "sort_in_place", "special", "threefry2x32",
    "triangular_solve", "tridiagonal", "tridiagonal_solve", "workspace_bytes", "zeta",
]


def convolution(
    lhs: Any, rhs: Any, out_axes: tuple, allows_tf32: bool, window_strides: tuple, padding: Any, lhs_dilation: tuple,
    rhs_dilation: tuple, feature_group_count: int, batch_group_count: int, epilogue: Any = None,
) -> Any | None:
    """The convolution by a library that is made for it (see `cudnn.py`); None, since there is none for the CPU."""
    return None


def plans_convolution(
    lhs: Any, rhs: Any, out_axes: tuple, allows_tf32: bool, window_strides: tuple, padding: Any, lhs_dilation: tuple,
    rhs_dilation: tuple, feature_group_count: int, batch_group_count: int, epilogue: Any,
) -> bool:
    """Whether a library computes this convolution."""
    return False


def workspace_bytes() -> int:
    """How much scratch memory one step of a blocked algorithm should use: what stays in a core's cache."""
    return 2**21
