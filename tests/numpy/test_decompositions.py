"""jnp.linalg's decompositions, lstsq and pinv, polyfit and roots: values, types, errors and derivatives of JAX.

a is square, s symmetric and positive definite, w has more rows than columns and n fewer, t is a stack, c complex, k of
integers, e without elements, low of rank 1; b are right-hand sides.
"""

from __future__ import annotations

import warnings

import jax
import jax.numpy
import numpy as np
import phases
import pytest
from oracle_cases import compare, evaluate, lines

import cujax
import cujax.numpy as jnp

RNG = np.random.default_rng(5)
A = RNG.normal(size=(4, 4))
C = RNG.normal(size=(3, 3)) + 1j * RNG.normal(size=(3, 3))
MATRICES = {
    "a": A, "s": A @ A.T + np.eye(4), "w": RNG.normal(size=(5, 3)), "n": RNG.normal(size=(3, 5)),
    "t": RNG.normal(size=(2, 3, 3)), "c": C, "h": C @ C.conj().T, "k": RNG.integers(-5, 6, (3, 3)),
    "e": np.zeros((0, 3)), "low": np.outer(np.arange(1.0, 5), np.arange(1.0, 4)), "b": RNG.normal(size=(5, 2)),
    "f": np.float32(A),
}


@pytest.fixture(autouse=True)
def wide(x64):
    """All dtypes exist in these tests."""


def check(case: str) -> None:
    results = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for library in (cujax.numpy, jax.numpy):
            arrays = {name: library.asarray(value) for name, value in MATRICES.items()}
            results.append(phases.settled(library, evaluate(case, library, **arrays), case))
    compare(*results, rtol=2e-4 if "f" in case.split("(")[-1] else 1e-9)


VALUES = r"""
jnp.linalg.eig(a)
jnp.linalg.eig(k).eigenvalues
jnp.linalg.eig(w)
jnp.linalg.eigvals(t)
jnp.linalg.eigvals(jnp.zeros((0, 0)))
jnp.linalg.eigh(s)
jnp.linalg.eigh(h, 'U')
jnp.linalg.eigh(s, 'X')
jnp.linalg.eigh(w)
jnp.linalg.eigvalsh(t)
jnp.linalg.eigvalsh(a, 'U', symmetrize_input=False)
jnp.linalg.svd(c)
jnp.linalg.svd(w, full_matrices=False).Vh
jnp.linalg.svd(w, compute_uv=False)
jnp.linalg.svd(s - 3 * jnp.eye(4), hermitian=True)
jnp.linalg.svd(s, subset_by_index=(0, 1))
jnp.linalg.svdvals(k)
jnp.linalg.svdvals(b[0])
jnp.linalg.qr(w)
jnp.linalg.qr(n, 'complete')
jnp.linalg.qr(t, 'r')
jnp.linalg.qr(c, 'raw')
jnp.linalg.qr(a, 'x')
jnp.linalg.cond(a)
jnp.linalg.cond(w, -2)
jnp.linalg.cond(t, 'nuc')
jnp.linalg.cond(c, 1)
jnp.linalg.cond(low)
jnp.linalg.cond(w, 1)
jnp.linalg.cond(e)
jnp.linalg.cond(a[0])
jnp.linalg.cond(jnp.zeros((2, 2)))
jnp.linalg.cond(jnp.zeros((0, 3, 3)))
jnp.linalg.cond(jnp.zeros((0, 3, 3)), 1)
jnp.linalg.cond(jnp.zeros((0, 2, 3)), 1)
jnp.linalg.cond(jnp.zeros((3, 0, 0)))
jnp.linalg.matrix_rank(low)
jnp.linalg.matrix_rank(t, rtol=0.5)
jnp.linalg.matrix_rank(s, hermitian=True)
jnp.linalg.matrix_rank(a[0])
jnp.linalg.matrix_rank(a, rtol=0.1, tol=0.1)
jnp.linalg.matrix_rank(e)
jnp.linalg.pinv(w)
jnp.linalg.pinv(low)
jnp.linalg.pinv(c, 0.5)
jnp.linalg.pinv(e)
jnp.linalg.pinv(k)
jnp.linalg.pinv(s, hermitian=True)
jnp.linalg.pinv(a[0])
jnp.linalg.pinv(a, 0.1, rcond=0.1)
jnp.linalg.lstsq(w, b)
jnp.linalg.lstsq(w, b[:, 0])
jnp.linalg.lstsq(n, b[:3])[0]
jnp.linalg.lstsq(low, b[:4])[:3]
jnp.linalg.lstsq(w, b, 0.5)
jnp.linalg.lstsq(w, b, numpy_resid=True)
jnp.linalg.lstsq(low, b[:4], numpy_resid=True)[1]
jnp.linalg.lstsq(e, b[:0])
jnp.linalg.lstsq(w, b[:3])
jnp.linalg.lstsq(w, b[:, :, None])
jnp.linalg.slogdet(a, method='qr')
jnp.linalg.norm(c, 2)
jnp.linalg.norm(e, 'nuc')
jnp.roots(a[0])
jnp.roots(jnp.array([0, 0, 2.0, 1, -3, 0]))
jnp.roots(jnp.array([0, 0, 2.0, 1, -3, 0]), strip_zeros=False)
jnp.roots(jnp.zeros(3))
jnp.roots(jnp.array(2))
jnp.roots(c[0])
jnp.roots(a)
jax.jit(jnp.roots)(a[0])
jnp.poly(a)
jnp.polyfit(b[:, 0], b[:, 1], 2)
jnp.polyfit(b[:, 0], w, 1, full=True)
jnp.polyfit(b[:, 0], w, 1, cov=True)
jnp.polyfit(b[:, 0], b[:, 1], 1, w=w[:, 0] ** 2, cov='unscaled')
jnp.polyfit(b[:, 0], b[:, 1], 4, cov=True)
jnp.polyfit(b[:, 0], b[:, 1], -1)
jnp.polyfit(b, b[:, 1], 1)
jnp.polyfit(b[:, 0], b[:3, 1], 1)
jnp.polyfit(b[:, 0], b[:, 1], 1, w=w)
jnp.linalg.svd(f)
jnp.linalg.eigvals(f)
"""


@pytest.mark.parametrize("case", lines(VALUES))
def test_values_and_errors(case):
    check(case)


SMOOTH = {
    "lambda a: jnp.linalg.eigvals(a)": "a",
    "lambda a: lax.linalg.eig(a, enable_eigvec_derivs=True)": "c",
    "lambda a: jnp.linalg.svd(a, full_matrices=False)": "n",
    "lambda a: jnp.linalg.qr(a)": "n",
    "lambda a: lax.linalg.qr(a, pivoting=True, full_matrices=False)[:2]": "w",
    "lambda a: jnp.linalg.pinv(a)": "w",
    "lambda a: jnp.linalg.lstsq(a, a[:, :2] ** 2)[::3]": "n",
    "lambda a: jnp.linalg.cond(a)": "a",
    "lambda a: jnp.roots(a[0], strip_zeros=False)": "a",
    "lambda a: jnp.polyfit(a[:, 0], a[:, 1], 2)": "w",
}


@pytest.mark.parametrize("case", SMOOTH)
def test_derivatives(case):
    """By finite differences and the inner-product identity; `jit` and `vmap` change nothing."""
    x, function = MATRICES[SMOOTH[case]], evaluate(case, jnp)

    def fun(x):
        return phases.settled(jnp, function(x), case)

    t = np.random.default_rng(0).normal(size=x.shape).astype(x.dtype)
    below, above = (cujax.tree.leaves(fun(jnp.asarray(x + e * t))) for e in (-1e-6, 1e-6))
    outs, t_outs = cujax.jvp(fun, (jnp.asarray(x),), (jnp.asarray(t),))
    for low, high, found in zip(below, above, cujax.tree.leaves(t_outs), strict=True):
        np.testing.assert_allclose(found, (np.asarray(high) - np.asarray(low)) / 2e-6, rtol=1e-5, atol=1e-6)
    (ct,) = cujax.vjp(fun, jnp.asarray(x))[1](outs)
    pairs = zip(cujax.tree.leaves(outs), cujax.tree.leaves(t_outs), strict=True)
    forward = sum(np.sum(np.asarray(out) * np.asarray(t_out)).real for out, t_out in pairs)
    np.testing.assert_allclose(np.sum(np.asarray(ct) * t).real, forward, rtol=1e-8, atol=1e-9)
    batch = cujax.jit(cujax.vmap(fun))(np.stack([t, x]))
    for found, expected in zip(cujax.tree.leaves(batch), cujax.tree.leaves(outs), strict=True):
        np.testing.assert_allclose(found[1], expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("shape", [(4, 3), (3, 4), (3, 3)])
def test_pseudo_inverse_of_lower_rank(shape):
    """Where equal and vanishing singular values leave U and V open, derivatives exist all the same, to order 2."""
    rng = np.random.default_rng(1)
    left, right = rng.normal(size=(shape[0], 2)), rng.normal(size=(2, shape[1]))

    def along(e):
        return jnp.linalg.pinv(jnp.asarray(left) @ (jnp.eye(2) + e * jnp.asarray(right)[:, :2]) @ jnp.asarray(right))

    step = 1e-4
    values = [np.asarray(along(e)) for e in (-step, 0.0, step)]
    first = cujax.jacfwd(along)
    np.testing.assert_allclose(first(0.0), (values[2] - values[0]) / (2 * step), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(cujax.jacrev(along)(0.0), first(0.0), rtol=1e-9, atol=1e-9)
    for second in (cujax.jacfwd(first), cujax.jacrev(cujax.jacrev(along))):
        np.testing.assert_allclose(second(0.0), (values[2] - 2 * values[1] + values[0]) / step**2, rtol=1e-3, atol=1e-3)


def test_gradient_of_pivoted_qr_of_a_wide_matrix():
    """By finite differences: the tangent of R follows the columns."""
    x, t = MATRICES["n"], np.random.default_rng(2).normal(size=(3, 5))

    def r(e):
        return cujax.lax.linalg.qr(jnp.asarray(x + e * t), pivoting=True)[1]

    found = cujax.jvp(lambda y: cujax.lax.linalg.qr(y, pivoting=True)[1], (x,), (t,))[1]
    np.testing.assert_allclose(found, (np.asarray(r(1e-6)) - np.asarray(r(-1e-6))) / 2e-6, rtol=1e-6, atol=1e-7)
