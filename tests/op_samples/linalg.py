"""Rows of the ops of matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import phases
from jax import lax

from op_samples.sample import (
    Operand,
    Sample,
    fixed,
    reals,
)


def positive_definite(shape: tuple[int, ...]) -> Operand:
    """Hermitian matrices with eigenvalues of 1 or more."""

    def draw(rng: np.random.Generator, dtype: Any) -> np.ndarray:
        x = reals(shape).draw(rng, np.result_type(dtype, np.float64))
        return (x @ x.conj().swapaxes(-1, -2) + np.eye(shape[-1])).astype(dtype)

    return Operand(draw)


def well_conditioned(shape: tuple[int, ...]) -> Operand:
    """Random matrices with a large diagonal, each sign of it either way."""

    def draw(rng: np.random.Generator, dtype: Any) -> np.ndarray:
        x = reals(shape, -1, 1).draw(rng, np.result_type(dtype, np.float64))
        signs = rng.choice([-3, 3], shape[-1])
        return (x + signs * np.eye(*shape[-2:])).astype(dtype)

    return Operand(draw)


def solve_by_factors(a: Any, factors: Any, permutation: Any, b: Any, *, transpose: bool) -> Any:
    return jnp.linalg.solve(a.T if transpose else a, b)


def factored(op: str, a: Operand, b: Operand, **params: Any) -> Sample:
    """A row of `linear_solve`: its second and third operand are the factors of the first."""

    def draw_factor(i: int) -> Callable:
        def draw(rng: np.random.Generator, dtype: Any) -> np.ndarray:
            matrix = a.draw(np.random.default_rng(7), dtype)
            return np.asarray(lax.linalg.lu(matrix)[i])

        return draw

    again = Operand(lambda rng, dtype: a.draw(np.random.default_rng(7), dtype))
    factors = Operand(draw_factor(0), differentiable=False)
    permutation = Operand(draw_factor(2), differentiable=False)
    return Sample(op, [again, factors, permutation, b], params, jax=solve_by_factors, dtypes=LAPACK, ulp=64,
                  label=f"{op} {params}")


def jax_svd(a: Any, *, full_matrices: bool, compute_uv: bool) -> tuple:
    found = lax.linalg.svd(a, full_matrices=full_matrices, compute_uv=compute_uv)
    return (found[1], found[0], found[2]) if compute_uv else (found,)


def settled_svd(np_: Any, s: Any, u: Any, vh: Any) -> tuple:
    u, s, vh = phases.svd(np_, u, s, vh)
    return s, u, vh


def eig_params(compute_left_eigenvectors: bool = False, compute_right_eigenvectors: bool = False) -> dict[str, Any]:
    return {
        "compute_left_eigenvectors": compute_left_eigenvectors,
        "compute_right_eigenvectors": compute_right_eigenvectors, "enable_eigvec_derivs": True,
    }


def jax_geqrf(a: Any) -> tuple:
    packed, taus = jnp.linalg.qr(a, "raw")
    return packed.mT, taus


LAPACK = ["float32", "float64", "complex64", "complex128"]
LINALG = [
    Sample(
        "cholesky",
        [positive_definite((4, 4))],
        ulp=32,
        jax=lambda x: lax.linalg.cholesky(x, symmetrize_input=False),
    ),
    Sample(
        "cholesky",
        [positive_definite((2, 1, 3, 3))],
        dtypes=["float64"],
        ulp=32,
        label="cholesky of a stack",
        jax=lambda x: lax.linalg.cholesky(x, symmetrize_input=False),
    ),
    *(
        Sample(
            "triangular_solve",
            [well_conditioned((3, 3)), reals((3, 2) if left else (2, 3))],
            {
                "left_side": left,
                "lower": lower,
                "transpose_a": transpose,
                "conjugate_a": conjugate,
                "unit_diagonal": unit,
            },
            jax=lax.linalg.triangular_solve,
            ulp=64,
            dtypes=["bfloat16", *LAPACK] if left and lower else ["complex128"],
            label=f"triangular_solve {left=} {lower=} {transpose=} {conjugate=} {unit=}",
        )
        for left, lower, transpose, conjugate, unit in (
            (True, True, False, False, False),
            (True, False, True, False, True),
            (False, True, True, True, False),
            (False, False, False, True, True),
            (False, False, True, False, False),
            (True, True, True, True, True),
        )
    ),
    *(
        Sample(
            "lu",
            [well_conditioned(shape)],
            ulp=64,
            dtypes=LAPACK if shape == (4, 4) else ["float64"],
            label=f"lu of {shape}",
            jax=lambda x: tuple(lax.linalg.lu(x)),
        )
        for shape in ((4, 4), (5, 3), (3, 5), (2, 3, 3))
    ),
    Sample(
        "lu_factors", [well_conditioned((4, 4))], ulp=64, order=0, jax=lambda x: tuple(lax.linalg.lu(x)[::2])
    ),
    Sample(
        "lu_pivots_to_permutation",
        [fixed("int32", [[1, 2, 2], [2, 1, 2]])],
        {"permutation_size": 4},
        order=0,
        jax=lambda pivots, *, permutation_size: lax.linalg.lu_pivots_to_permutation(pivots, permutation_size),
    ),
    factored("linear_solve", well_conditioned((4, 4)), reals((4, 3)), transpose=False),
    factored("linear_solve", well_conditioned((4, 4)), reals((4, 2)), transpose=True),
    Sample("tridiagonal_solve", [reals((4,)), reals((4,), 5, 6), reals((4,)), reals((4, 2))], ulp=64,
           jax=lax.linalg.tridiagonal_solve),
    Sample("tridiagonal_solve", [reals((2, 5)), reals((2, 5), 0, 1), reals((2, 5)), reals((2, 5, 1))], ulp=512,
           jax=lax.linalg.tridiagonal_solve, label="tridiagonal_solve with interchanges"),
    Sample("det", [well_conditioned((4, 4))], jax=jnp.linalg.det, ulp=64),
    Sample(
        "cofactors",
        [well_conditioned((3, 3))],
        ulp=256,
        jax=lambda a: jnp.linalg.det(a) * jnp.linalg.inv(a).T,
    ),
    Sample("slogdet", [well_conditioned((4, 4))], jax=lambda a: tuple(jnp.linalg.slogdet(a)), ulp=64),
    *(
        Sample("qr", [well_conditioned(shape)], {"full_matrices": full}, ulp=128, order=order,
               label=f"qr {shape} {full}", dtypes=LAPACK if len(shape) > 2 else ["float64"],
               jax=lambda a, *, full_matrices: tuple(lax.linalg.qr(a, full_matrices=full_matrices)))
        for shape, full, order in (
            ((2, 3, 3), True, 1), ((5, 3), False, 1), ((5, 3), True, 0), ((3, 5), False, 1))
    ),
    *(
        Sample("eig", [well_conditioned((3, 3))], eig_params(**which), ulp=1024, order=order, label=f"eig {which}",
               dtypes=kinds, jax=lambda a, **params: tuple(lax.linalg.eig(a, **params)))
        for which, order, kinds in (
            ({}, 1, LAPACK), ({"compute_right_eigenvectors": True}, 1, ["float64", "complex128"]),
            ({"compute_left_eigenvectors": True, "compute_right_eigenvectors": True}, 1, LAPACK))
    ),
    Sample("schur", [well_conditioned((2, 3, 3))], ulp=512, order=0, jax=lambda a: tuple(lax.linalg.schur(a))),
    Sample("geqrf", [well_conditioned((2, 4, 3))], ulp=128, order=0, jax=jax_geqrf),
    Sample("column_pivots", [well_conditioned((4, 3))], order=0, jax=lambda a: lax.linalg.qr(a, pivoting=True)[2]),
    Sample("hessenberg", [well_conditioned((2, 4, 4))], ulp=128, order=0,
           jax=lambda a: tuple(lax.linalg.hessenberg(a))),
    Sample("tridiagonal", [positive_definite((2, 4, 4))], {"lower": True}, ulp=128, order=0,
           jax=lambda a, *, lower: tuple(lax.linalg.tridiagonal(a, lower=lower))),
    Sample("tridiagonal", [positive_definite((4, 4))], {"lower": False}, ulp=128, order=0, label="tridiagonal, upper",
           dtypes=["complex128"], jax=lambda a, *, lower: tuple(lax.linalg.tridiagonal(a, lower=lower))),
    *(
        Sample("eigh", [positive_definite(shape)], {"lower": lower}, ulp=512, order=order, label=f"eigh {shape}",
               settled=lambda np_, v, w: (phases.columns(np_, v), w),
               dtypes=LAPACK if len(shape) > 2 else ["float64"],
               jax=lambda a, *, lower: tuple(lax.linalg.eigh(a, lower=lower, symmetrize_input=False)))
        for shape, lower, order in (((2, 3, 3), True, 1), ((4, 4), False, 1))
    ),
    *(
        Sample("svd", [well_conditioned(shape)], {"full_matrices": full, "compute_uv": vectors}, ulp=1024, order=order,
               dtypes=kinds, jax=jax_svd, label=f"svd {shape} {full=} {vectors=}",
               settled=settled_svd if vectors else None)
        for shape, full, vectors, order, kinds in (
            ((2, 3, 3), True, True, 1, LAPACK), ((5, 3), False, True, 1, ["float64"]),
            ((3, 5), False, True, 1, ["complex128"]), ((5, 3), True, True, 0, ["float64"]),
            ((3, 5), True, False, 1, ["float64"]))
    ),
]
