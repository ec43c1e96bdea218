"""Factorizations of matrices and systems of equations, under the names of `jax.lax.linalg`.

All of them work on stacks of matrices: arrays of shape (..., m, n).  Only exports stand here.
"""
# ruff: noqa: F401

from cujax.api.cholesky_update import cholesky_update
from cujax.engine.ops.lu import (
    lu,
    lu_p,
    lu_pivots_to_permutation,
    lu_pivots_to_permutation_p,
)
from cujax.engine.ops.nonsymmetric import (
    EigImplementation,
    eig,
    eig_p,
    schur,
    schur_p,
)
from cujax.engine.ops.polar import qdwh
from cujax.engine.ops.qr import (
    qr,
    qr_p,
)
from cujax.engine.ops.reflections import (
    geqrf_p,
    hessenberg,
    hessenberg_p,
    householder_product,
    ormqr,
    symmetric_product,
    tridiagonal,
    tridiagonal_p,
)
from cujax.engine.ops.spectral import (
    EighImplementation,
    SvdAlgorithm,
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
from cujax.left_out import refusing as _refusing

__getattr__ = _refusing(__name__)
