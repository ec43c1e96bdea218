"""scipy.linalg beside its solvers: values, types and errors of JAX; derivatives of JAX, or by finite differences.

a is square, s symmetric and positive definite, w has more rows than columns, c is complex, i of integers, v a vector, t
a stack of vectors.
"""

from __future__ import annotations

import warnings

import jax
import jax.numpy
import jax.scipy.linalg
import numpy as np
import phases
import pytest
import scipy.linalg
from oracle_cases import compare, evaluate, lines

import cujax
import cujax.numpy as jnp
from cujax.scipy import linalg

RNG = np.random.default_rng(5)
A = RNG.normal(size=(4, 4))
C = RNG.normal(size=(3, 3)) + 1j * RNG.normal(size=(3, 3))
ARRAYS = {
    "a": A, "s": A @ A.T + np.eye(4), "w": RNG.normal(size=(4, 2)), "c": C, "i": np.arange(1, 4), "z": np.zeros((0, 0)),
    "v": RNG.normal(size=3), "t": RNG.normal(size=(2, 3)), "five": np.arange(1.0, 7),
}


@pytest.fixture(autouse=True)
def wide(x64):
    """All dtypes exist in these tests."""


SPECIAL = r"""
scipy.linalg.toeplitz(v)
scipy.linalg.toeplitz(i, t)
scipy.linalg.toeplitz(c[0])
scipy.linalg.toeplitz(jnp.array(1.0))
scipy.linalg.toeplitz(v, jnp.zeros(0))
scipy.linalg.toeplitz([1, 2])
scipy.linalg.hankel(i)
scipy.linalg.hankel(t, five)
scipy.linalg.hankel(jnp.array(1.0))
scipy.linalg.circulant(t)
scipy.linalg.circulant(jnp.zeros(0))
scipy.linalg.companion(i)
scipy.linalg.companion(t)
scipy.linalg.companion(v[:1])
scipy.linalg.fiedler_companion(five)
scipy.linalg.fiedler_companion(v[:1])
scipy.linalg.fiedler_companion(v[:0])
scipy.linalg.convolution_matrix(i, 2)
scipy.linalg.convolution_matrix(t, 4, 'same')
scipy.linalg.convolution_matrix(five, 3, 'same')
scipy.linalg.convolution_matrix(v, 5, 'valid')
scipy.linalg.convolution_matrix(v, 0)
scipy.linalg.convolution_matrix(v, 2, 'x')
scipy.linalg.convolution_matrix(v[:0], 2)
scipy.linalg.leslie(v, v[:2])
scipy.linalg.leslie(t, i[:2])
scipy.linalg.leslie(v, v)
scipy.linalg.leslie(v[:1], v[:0])
scipy.linalg.fiedler(t)
scipy.linalg.fiedler(i)
scipy.linalg.hilbert(3)
scipy.linalg.hilbert(-1)
scipy.linalg.invhilbert(4)
scipy.linalg.pascal(4)
scipy.linalg.pascal(3, 'upper')
scipy.linalg.pascal(0)
scipy.linalg.pascal(3, 'x')
scipy.linalg.invpascal(4)
scipy.linalg.invpascal(3, 'lower')
scipy.linalg.hadamard(8)
scipy.linalg.hadamard(2, dtype=complex)
scipy.linalg.hadamard(3)
scipy.linalg.helmert(4)
scipy.linalg.helmert(3, True)
scipy.linalg.helmert(0)
scipy.linalg.dft(5)
scipy.linalg.dft(4, 'sqrtn')
scipy.linalg.dft(0)
scipy.linalg.dft(2, 'x')
scipy.linalg.dft(2, dtype=float)
"""
DECOMPOSITIONS = r"""
scipy.linalg.eigh(s)
scipy.linalg.eigh(s, eigvals_only=True, lower=False)
scipy.linalg.eigh(s, s)
scipy.linalg.eigh(s, type=2)
scipy.linalg.eigh_tridiagonal(v, v[1:], eigvals_only=True)
scipy.linalg.eigh_tridiagonal(v, v[1:], eigvals_only=True, select='i', select_range=(1, 2))
scipy.linalg.eigh_tridiagonal(v, v)
scipy.linalg.eigh_tridiagonal(v, c[0, 1:])
scipy.linalg.eigh_tridiagonal(i, i[1:])
scipy.linalg.eigh_tridiagonal(v, v[1:], select='v')
scipy.linalg.eigh_tridiagonal(v, v[1:], select='x')
scipy.linalg.eigh_tridiagonal(v, v[1:], select='i')
scipy.linalg.eigh_tridiagonal(v, v[1:], select='i', select_range=(2, 1))
scipy.linalg.svd(w)
scipy.linalg.svd(w, False)
scipy.linalg.svd(w, compute_uv=False)
scipy.linalg.qr(w)
scipy.linalg.qr(w, mode='economic', pivoting=True)
scipy.linalg.qr(w, mode='r')
scipy.linalg.qr(w, mode='raw')
scipy.linalg.qr_multiply(w, a)
scipy.linalg.qr_multiply(w, a[0])
scipy.linalg.qr_multiply(w, w[0], 'left', pivoting=True)
scipy.linalg.qr_multiply(c, c, conjugate=True)
scipy.linalg.qr_multiply(w, a, 'left')
scipy.linalg.qr_multiply(w, a, 'x')
scipy.linalg.polar(w)
scipy.linalg.polar(w, 'left', method='svd')
scipy.linalg.polar(w, 'left')
scipy.linalg.polar(w, 'x')
scipy.linalg.polar(w, method='x')
scipy.linalg.polar(v)
scipy.linalg.hessenberg(a, calc_q=True)
scipy.linalg.hessenberg(c)
scipy.linalg.hessenberg(w)
scipy.linalg.schur(a)
scipy.linalg.schur(a, 'complex')
scipy.linalg.schur(a, 'x')
scipy.linalg.rsf2csf(*scipy.linalg.schur(a))
scipy.linalg.rsf2csf(w, w)
scipy.linalg.rsf2csf(a, jnp.eye(2))
scipy.linalg.sqrtm(s)
scipy.linalg.sqrtm(c)
scipy.linalg.sqrtm(w)
scipy.linalg.sqrtm(s, 2)
scipy.linalg.funm(a, jnp.exp)
scipy.linalg.funm(jnp.eye(2), jnp.sin, disp=False)
scipy.linalg.funm(w, jnp.sin)
scipy.linalg.expm_frechet(a, s)
scipy.linalg.expm_frechet(w, w)
scipy.linalg.expm_frechet(jnp.ones((2, 2), int), jnp.ones((2, 2), int))
scipy.linalg.solve_sylvester(a, s, s)
scipy.linalg.solve_sylvester(c, c + 1, c)
scipy.linalg.solve_sylvester(a, s[:2, :2], w, method='eigen')
scipy.linalg.solve_sylvester(a, -a, a)
scipy.linalg.solve_sylvester(jnp.stack([a, s]), s, a)
lax.linalg.cholesky_update(jnp.triu(a), a[0])
lax.linalg.cholesky_update(jnp.zeros((4, 4)), a[0])
lax.linalg.cholesky_update(c, c[0])
lax.linalg.cholesky_update(a, v)
lax.linalg.symmetric_product(w, s, alpha=2.0, beta=3.0, symmetrize_output=True)
lax.linalg.symmetric_product(w, w)
lax.linalg.symmetric_product(c, c)
lax.linalg.qdwh(s, dynamic_shape=(3, 2))
lax.linalg.qdwh(w.T)
lax.linalg.householder_product(w, v[:2])
lax.linalg.householder_product(w.T, v[:2])
lax.linalg.householder_product(w, v)
lax.linalg.ormqr(w, v[:2], a, transpose=True)
lax.linalg.ormqr(c, c[0, :2], c, left=False)
lax.linalg.ormqr(w, v[:2], v[:, None])
lax.linalg.tridiagonal(s)
lax.linalg.tridiagonal(z)
lax.linalg.eig(a, compute_right_eigenvectors=False)
"""


@pytest.mark.parametrize("case", lines(SPECIAL + DECOMPOSITIONS))
def test_values_and_errors(case):
    results = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for library in (cujax.numpy, jax.numpy):
            found = evaluate(case, library, **{n: library.asarray(x) for n, x in ARRAYS.items()})
            results.append(phases.settled(library, found, case))
    compare(*results, rtol=2e-6 if "pascal" in case else 1e-7)


SMOOTH = {
    "toeplitz": (lambda a: linalg.toeplitz(a[0], a[1] * a[2]), A),
    "companion": (lambda a: linalg.companion(a[0]), A),
    "sqrtm": (lambda a: linalg.sqrtm(a), ARRAYS["s"]),
    "sqrtm complex": (lambda a: linalg.sqrtm(a), C),
    "solve_sylvester": (lambda a: linalg.solve_sylvester(a, a @ a + 9 * jnp.eye(4), a[:, ::-1]), A),
    "polar": (lambda a: linalg.polar(a)[0], ARRAYS["w"]),
    "qr_multiply": (lambda a: linalg.qr_multiply(a, a.T)[0], ARRAYS["w"]),
    "cholesky_update": (lambda a: cujax.lax.linalg.cholesky_update(jnp.triu(a), a[0]), A),
    "householder_product": (lambda a: cujax.lax.linalg.householder_product(a, a[0, :2]), ARRAYS["w"]),
    "eigh_tridiagonal": (lambda a: linalg.eigh_tridiagonal(a[0], a[1, 1:], eigvals_only=True), A),
    "rsf2csf": (lambda a: abs(linalg.rsf2csf(jnp.triu(a, -1) * np.array([[1, 1, 1, 1], [1] * 4, [0] * 2 + [1] * 2,
                                                                       [0] * 2 + [1] * 2]), jnp.eye(4))[0]), A),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_derivatives_by_finite_differences(name):
    fun, x = SMOOTH[name]
    t = np.random.default_rng(1).normal(size=x.shape).astype(x.dtype)
    step = 1e-6
    expected = (np.asarray(fun(jnp.asarray(x + step * t))) - np.asarray(fun(jnp.asarray(x - step * t)))) / (2 * step)
    out, found = cujax.jvp(fun, (jnp.asarray(x),), (jnp.asarray(t),))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    ct = cujax.vjp(fun, jnp.asarray(x))[1](jnp.ones_like(out))[0]
    np.testing.assert_allclose(np.sum(np.asarray(ct) * t).real, np.sum(np.asarray(found)).real, rtol=1e-8, atol=1e-9)


def test_roots_of_singular_matrices():
    assert np.all(np.isnan(linalg.sqrtm(np.float32([[0, 1], [0, 0]]))))
    for diagonal in ([0, 0], [1, 0], [0, 4, 0]):
        np.testing.assert_array_equal(linalg.sqrtm(np.diag(np.float32(diagonal))), np.sqrt(np.diag(diagonal)))
    batch = linalg.sqrtm(np.float32([[[0, 1], [0, 0]], [[0, 1], [0, 1]]]))
    assert np.all(np.isnan(batch[0]))
    np.testing.assert_allclose(batch[1], [[0, 1], [0, 1]], atol=1e-6)
    ones = np.ones((3, 3), np.float32)
    np.testing.assert_allclose(linalg.sqrtm(ones), ones / np.sqrt(3), atol=1e-3)


@pytest.mark.parametrize("name", ["sqrtm", "solve_sylvester", "polar"])
def test_batches(name):
    fun, x = SMOOTH[name]
    stack = np.stack([x, 1.5 * x])
    found = cujax.jit(cujax.vmap(fun))(stack)
    np.testing.assert_allclose(found, [fun(jnp.asarray(y)) for y in stack], rtol=1e-9, atol=1e-9)
    if name == "sqrtm":
        np.testing.assert_allclose(fun(jnp.asarray(stack)), found, rtol=1e-9)


def test_second_derivative_of_a_root():
    def total(e):
        return linalg.sqrtm(ARRAYS["s"] * (1 + e)).real.sum()

    for second in (cujax.grad(cujax.grad(total)), cujax.jacfwd(cujax.grad(total)), cujax.grad(cujax.jacfwd(total))):
        np.testing.assert_allclose(second(0.0), -0.25 * np.sum(scipy.linalg.sqrtm(ARRAYS["s"])), rtol=1e-9)


def test_reflections_make_the_q_of_hessenberg_form():
    h, q = (np.asarray(x) for x in linalg.hessenberg(C, calc_q=True))
    np.testing.assert_allclose(q @ h @ q.conj().T, C, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(q @ q.conj().T, np.eye(3), atol=1e-12)


def test_what_has_no_derivative_says_so():
    for call in (lambda a: linalg.schur(a)[0], lambda a: linalg.funm(a, jnp.exp), linalg.hessenberg):
        with pytest.raises(NotImplementedError, match=r"jvp of '(schur|hessenberg)' does not exist"):
            cujax.jvp(call, (A,), (A,))
