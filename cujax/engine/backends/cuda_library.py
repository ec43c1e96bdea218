"""What ops need of the GPU beyond the functions that NumPy and CuPy share.

The twin of `numpy_library.py`, function for function.  It imports without CuPy.
"""

from __future__ import annotations

from cujax.engine.backends.cuda_bits import reduce_bits
from cujax.engine.backends.cuda_eigh import eigh
from cujax.engine.backends.cuda_fft import fft, fft_writes_out
from cujax.engine.backends.cuda_fma import fma, horner
from cujax.engine.backends.cuda_linalg import (
    cholesky,
    lu,
    over_stack,
    permutation_of_pivots,
    triangular_solve,
    tridiagonal_solve,
)
from cujax.engine.backends.cuda_reductions import (
    column_pivots,
    eigenvalues,
    eigenvectors,
    hessenberg,
    schur,
    tridiagonal,
)
from cujax.engine.backends.cuda_scatter import are_within, host_ints, scatter_rows
from cujax.engine.backends.cuda_sorting import argsort, sort_in_place
from cujax.engine.backends.cuda_special import digamma, erf, erfc, lgamma, polygamma, special, zeta
from cujax.engine.backends.cuda_threefry import random_bits, random_fold_in, random_split, threefry2x32
from cujax.engine.backends.cudnn import convolution, plans_convolution

__all__ = [
    "are_within", "argsort", "cholesky", "column_pivots", "convolution", "digamma", "eigenvalues", "eigenvectors",
    "eigh", "erf", "erfc", "fft", "fft_writes_out", "fma", "hessenberg", "horner", "host_ints", "lgamma", "lu",
    "over_stack", "permutation_of_pivots", "plans_convolution", "polygamma", "random_bits", "random_fold_in",
    "random_split", "reduce_bits", "scatter_rows", "schur", "sort_in_place", "special", "threefry2x32",
    "triangular_solve", "tridiagonal", "tridiagonal_solve", "workspace_bytes", "zeta",
]


def workspace_bytes() -> int:
    """How much scratch memory one step of a blocked algorithm should use: many steps cost many launches."""
    return 2**28
