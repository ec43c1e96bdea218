"""Factorizations of matrices and systems of equations, under the names of `jax.lax.linalg`.

All of them work on stacks of matrices: arrays of shape (..., m, n).  Only exports stand here.
"""
# ruff: noqa: F401

from cujax.engine.ops.lu import (
    lu,
    lu_p,
    lu_pivots_to_permutation,
    lu_pivots_to_permutation_p,
)
from cujax.engine.ops.qr import (
    qr,
    qr_p,
)
from cujax.engine.ops.spectral import (
    eigh,
    eigh_p,
    svd,
    svd_p,
)
from cujax.engine.ops.triangular import (
    cholesky,
    cholesky_p,
    triangular_solve,
    triangular_solve_p,
)
from cujax.engine.ops.tridiagonal import (
    tridiagonal_solve,
    tridiagonal_solve_p,
)
