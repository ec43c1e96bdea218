"""General square matrices: eigenvalues, eigenvectors, the Schur form.

    eig      a V = V diag(w),  U^H a = diag(w) U^H
    schur    a = Z T Z^H

For V^-1 da V = D the diagonal of D is dw, and V^-1 dV is D_ij / (w_j - w_i) off the diagonal.  On it stands what
keeps the columns' norm 1 and a component of largest magnitude real, as LAPACK returns them.  Left eigenvectors are
right ones of a^H, for the eigenvalues conj(w).  (M. B. Giles, "Collected matrix derivative results for forward and
reverse mode algorithmic differentiation", 2008; E. van der Aa et al., "Computation of eigenvalue and eigenvector
derivatives for a general complex-valued eigensystem", Electronic Journal of Linear Algebra 16, 2007.)
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any

from cujax.engine.backends.select import library
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.primitive import NOT_LINEAR, Primitive, Refused
from cujax.engine.ground import dtypes
from cujax.engine.ops.complex_parts import PART_OR_COMPLEX, abs, complex, imag, real
from cujax.engine.ops.constants import zeros_of
from cujax.engine.ops.conversion import convert_element_type
from cujax.engine.ops.elementwise import add, div, mul, neg
from cujax.engine.ops.logic import eq, select_n
from cujax.engine.ops.lu import solve
from cujax.engine.ops.matrices import adjoint, batch_stacks, check_matrices, conjugate, identity_like, matmul, of_finite
from cujax.engine.ops.reductions import reduce_max
from cujax.engine.ops.spectral import columns_of, over_differences
from cujax.engine.ops.structural import dtype_of, ndim_of, reduce_sum
from cujax.engine.ops.triangular import LAPACK

# --- eig ------------------------------------------------------------------------------------------------


class EigImplementation(Enum):
    """Which library computes eigenvectors: the names that `jax.lax.linalg.eig` takes.

    There is one here, on the host, whatever the backend: LAPACK, by NumPy or SciPy.  All names mean it.
    """

    CUSOLVER = "cusolver"
    MAGMA = "magma"
    LAPACK = "lapack"


def _eig_shape(
    a: ShapedArray, *, compute_left_eigenvectors: bool, compute_right_eigenvectors: bool, enable_eigvec_derivs: bool
) -> tuple[ShapedArray, ...]:
    check_matrices("eig", a)
    wide = a.update(dtype=dtypes.to_complex(a.dtype))
    vectors = (wide,) * (compute_left_eigenvectors + compute_right_eigenvectors)
    return wide.update(shape=a.shape[:-1]), *vectors


def _eig_impl(
    xp: Any, a: Any, *, compute_left_eigenvectors: bool, compute_right_eigenvectors: bool, enable_eigvec_derivs: bool
) -> tuple[Any, ...]:
    def decompose(a: Any) -> tuple[Any, ...]:
        if not compute_left_eigenvectors and not compute_right_eigenvectors:
            return (library(xp).eigenvalues(a),)
        found = library(xp).eigenvectors(a, compute_left_eigenvectors)
        return found if compute_right_eigenvectors else found[:2]

    return of_finite(xp, decompose, a)


def _eig_jvp(
    primals: Sequence[Any], tangents: Sequence[Any], *, compute_left_eigenvectors: bool,
    compute_right_eigenvectors: bool, enable_eigvec_derivs: bool,
) -> tuple[list, list]:
    if (compute_left_eigenvectors or compute_right_eigenvectors) and not enable_eigvec_derivs:
        raise NotImplementedError(
            "Derivatives of non-symmetric eigenvectors are only valid under assumptions on the input that cannot be "
            "checked: all eigenvalues differ, and no vector has two components of largest magnitude. If they hold, "
            "write lax.linalg.eig(..., enable_eigvec_derivs=True); for eigenvalues alone use jnp.linalg.eigvals."
        )
    w, *vectors, v = eig_p.bind(
        *primals, compute_left_eigenvectors=compute_left_eigenvectors, compute_right_eigenvectors=True,
        enable_eigvec_derivs=enable_eigvec_derivs,
    )
    ta = convert_element_type(tangents[0], dtype_of(v))
    d = solve(v, matmul(ta, v))
    t_vectors = [_tangent_of_vectors(u, conjugate(w), solve(u, matmul(adjoint(ta), u))) for u in vectors]
    if compute_right_eigenvectors:
        vectors, t_vectors = [*vectors, v], [*t_vectors, _tangent_of_vectors(v, w, d)]
    return [w, *vectors], [reduce_sum(mul(d, identity_like(d)), (ndim_of(d) - 1,)), *t_vectors]


def _tangent_of_vectors(v: Any, w: Any, d: Any) -> Any:
    """That of the columns of v, normalized as LAPACK does, where d = v^-1 da v."""
    raw = matmul(v, over_differences(d, w))
    rows = ndim_of(v) - 2
    growth = real(reduce_sum(mul(conjugate(v), raw), (rows,)))
    size = abs(v)
    top = select_n(eq(size, columns_of(reduce_max(size, (rows,)), size)), zeros_of(v.aval), v)
    turn = div(imag(reduce_sum(_where_top(raw, top), (rows,))), real(reduce_sum(top, (rows,))))
    return add(raw, mul(v, columns_of(neg(complex(growth, turn)), v)))


def _where_top(raw: Any, top: Any) -> Any:
    """`raw` at the components of largest magnitude, 0 elsewhere."""
    return select_n(eq(top, 0), raw, zeros_of(raw.aval))


eig_p: Primitive = Primitive(
    "eig", shape=_eig_shape, impl=_eig_impl, jvp=_eig_jvp, transpose=NOT_LINEAR, batch=batch_stacks(lambda: eig_p),
    multiple=True, cuda=LAPACK, domain=PART_OR_COMPLEX, family="linalg", is_fresh=True,
    doc="Eigenvalues of a matrix, with left and right eigenvectors.",
)


def eig(
    x: Any, *, compute_left_eigenvectors: bool = True, compute_right_eigenvectors: bool = True,
    enable_eigvec_derivs: bool = False, implementation: EigImplementation | None = None, use_magma: bool | None = None,
) -> list[Any]:
    """[w, U, V] with x V = V diag(w) and U^H x = diag(w) U^H, of matrices (..., n, n).

    U and V, in columns, are left out unless asked for.  All are complex; vectors have norm 1 and a real component of
    largest magnitude.  Accepts float32, float64, complex64, complex128.  NaN where a matrix has elements that are not
    finite.  Eigenvalues are differentiable where they differ; vectors with `enable_eigvec_derivs`, which promises that
    no vector has two components of largest magnitude.

    TypeError for rank below 2 and integers, ValueError for matrices that are not square, NotImplementedError for small
    floats and for derivatives of vectors without that promise.
    """
    return list(eig_p.bind(
        x, compute_left_eigenvectors=bool(compute_left_eigenvectors),
        compute_right_eigenvectors=bool(compute_right_eigenvectors), enable_eigvec_derivs=bool(enable_eigvec_derivs),
    ))


# --- schur ----------------------------------------------------------------------------------------------


def _schur_shape(a: ShapedArray) -> tuple[ShapedArray, ShapedArray]:
    check_matrices("schur", a)
    return a, a


schur_p: Primitive = Primitive(
    "schur", shape=_schur_shape, impl=lambda xp, a: of_finite(xp, library(xp).schur, a),
    jvp=Refused("the order and the signs of Schur vectors are the library's choice; see eigvals, sqrtm"),
    transpose=NOT_LINEAR, batch=batch_stacks(lambda: schur_p), multiple=True, cuda=LAPACK, domain=PART_OR_COMPLEX,
    family="linalg", is_fresh=True, doc="The Schur form of a matrix, and the basis in which it has it.",
)


def schur(
    x: Any, *, compute_schur_vectors: bool = True, sort_eig_vals: bool = False, select_callable: Any = None
) -> tuple[Any, ...]:
    """(T, Z) with x = Z T Z^H and unitary Z, for matrices (..., n, n); (T,) without `compute_schur_vectors`.

    T is upper-triangular; of real matrices it is real, with a block of two rows for each pair of complex eigenvalues.
    `sort_eig_vals` and `select_callable` have no effect.  Accepts float32, float64, complex64, complex128.  No
    derivative.  The host computes it also where the backend is a GPU.

    TypeError for rank below 2 and integers, ValueError for matrices that are not square, NotImplementedError for small
    floats.
    """
    t, z = schur_p.bind(x)
    return (t, z) if compute_schur_vectors else (t,)
