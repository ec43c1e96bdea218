"""`cholesky_update`: the Cholesky factor of a matrix to which w w^T was added."""

from __future__ import annotations

from typing import Any

from cujax.api.loops import scan
from cujax.engine.core.trace import aval_of
from cujax.engine.ops.constants import iota
from cujax.engine.ops.dynamic_slicing import dynamic_index_in_dim
from cujax.engine.ops.elementwise import add, div, mul, sqrt, square, sub
from cujax.engine.ops.families import FLOAT, dtype_error
from cujax.engine.ops.logic import eq, select_n


def cholesky_update(r_matrix: Any, w_vector: Any) -> Any:
    """Upper-triangular R' with R'^T R' = R^T R + w w^T, for upper-triangular R (n, n) and w (n,).

    One plane rotation for each row of R takes an element of w away: O(n^2) work, and R may be singular.
    (G. Golub, C. Van Loan, "Matrix Computations", section 6.5.4.)  Floats only.  Differentiable.

    TypeError for other ranks and dtypes, ValueError for shapes that do not fit.
    """
    r, w = aval_of(r_matrix), aval_of(w_vector)
    for aval, rank in ((r, 2), (w, 1)):
        if aval.dtype not in FLOAT:
            raise dtype_error("cholesky_update", aval.dtype, FLOAT)
        if aval.ndim != rank:
            raise TypeError(f"cholesky_update takes a matrix and a vector, got shapes {r.shape} and {w.shape}")
    if r.dtype != w.dtype:
        raise TypeError(f"cholesky_update requires arguments of one dtype, got {r.dtype} and {w.dtype}")
    if r.shape != (*w.shape, *w.shape):
        raise ValueError(f"cholesky_update: R of shape {r.shape} does not fit w of shape {w.shape}")
    return scan(_rotate, w_vector, (r_matrix, iota("int32", w.shape[0])))[1]


def _rotate(w: Any, row_and_number: tuple[Any, Any]) -> tuple[Any, Any]:
    """The rotation of a row of R and of w that makes w[number] zero."""
    row, k = row_and_number
    x, y = (dynamic_index_in_dim(v, k, keepdims=False) for v in (row, w))
    squares = add(square(x), square(y))
    none = eq(squares, 0)
    length = sqrt(select_n(none, squares, 1))
    cosine, sine = select_n(none, div(x, length), 1), select_n(none, div(y, length), 0)
    return sub(mul(w, cosine), mul(row, sine)), add(mul(row, cosine), mul(w, sine))
