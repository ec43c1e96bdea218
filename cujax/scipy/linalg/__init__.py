"""Linear algebra, as `scipy.linalg`; all functions work on stacks of matrices, (..., n, n).

    systems.py            solve and the factorizations behind it, inverses, expm
    decompositions.py     eigenvalues, singular values, qr, polar, Schur form
    functions.py          square root and other functions, Sylvester's equation
    special_matrices.py   toeplitz, hilbert, dft and others
"""

from cujax.scipy.linalg.decompositions import (
    eigh,
    eigh_tridiagonal,
    hessenberg,
    polar,
    qr,
    qr_multiply,
    rsf2csf,
    schur,
    svd,
)
from cujax.scipy.linalg.functions import expm_frechet, funm, solve_sylvester, sqrtm
from cujax.scipy.linalg.special_matrices import (
    circulant,
    companion,
    convolution_matrix,
    dft,
    fiedler,
    fiedler_companion,
    hadamard,
    hankel,
    helmert,
    hilbert,
    invhilbert,
    invpascal,
    leslie,
    pascal,
    toeplitz,
)
from cujax.scipy.linalg.systems import (
    block_diag,
    cho_factor,
    cho_solve,
    cholesky,
    det,
    expm,
    inv,
    lu,
    lu_factor,
    lu_solve,
    solve,
    solve_triangular,
)

__all__ = [
    "block_diag", "cho_factor", "cho_solve", "cholesky", "circulant", "companion", "convolution_matrix", "det", "dft",
    "eigh", "eigh_tridiagonal", "expm", "expm_frechet", "fiedler", "fiedler_companion", "funm", "hadamard", "hankel",
    "helmert", "hessenberg", "hilbert", "inv", "invhilbert", "invpascal", "leslie", "lu", "lu_factor", "lu_solve",
    "pascal", "polar", "qr", "qr_multiply", "rsf2csf", "schur", "solve", "solve_sylvester", "solve_triangular", "sqrtm",
    "svd", "toeplitz",
]
