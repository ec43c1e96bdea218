"""qr, eigh and svd of lax.linalg: what they give for every dtype, second derivatives, what is refused."""

from __future__ import annotations

from functools import partial

import jax
import numpy as np
import pytest

import cujax
from cujax.lax import linalg

LAPACK = ["float32", "float64", "complex64", "complex128"]


@pytest.fixture(autouse=True)
def wide(x64):
    """All dtypes exist in these tests."""


def matrices(shape, dtype="float64", seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=shape)
    return (x + 1j * rng.normal(size=shape) if np.dtype(dtype).kind == "c" else x).astype(dtype)


def hermitian(shape, dtype="float64", seed=0):
    x = matrices(shape, dtype, seed)
    return (x + x.conj().swapaxes(-1, -2)) / 2


def adjoint(x):
    return np.asarray(x).conj().swapaxes(-1, -2)


def near(found, expected):
    rtol = 300 * np.finfo(np.asarray(expected).dtype).eps
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol)


SHAPES = [(4, 4), (2, 5, 3), (3, 5), (0, 3), (3, 0), (0, 2, 2), (1, 1)]


@pytest.mark.parametrize("dtype", LAPACK)
@pytest.mark.parametrize("full", [True, False])
def test_factors_give_the_matrix_back(dtype, full):
    for shape in SHAPES:
        a = matrices(shape, dtype)
        q, r = (np.asarray(x) for x in linalg.qr(a, full_matrices=full))
        assert q.dtype == r.dtype == a.dtype
        near(q @ r, a)
        near(adjoint(q) @ q, np.broadcast_to(np.eye(q.shape[-1], dtype=dtype), (*shape[:-2], *[q.shape[-1]] * 2)))
        u, s, vh = (np.asarray(x) for x in linalg.svd(a, full_matrices=full))
        k = min(shape[-2:])
        near(u[..., :k] * s[..., None, :] @ vh[..., :k, :], a)
        near(linalg.svd(a, compute_uv=False), s)
        assert u.shape[-1] == (shape[-2] if full else k) and vh.shape[-2] == (shape[-1] if full else k)


@pytest.mark.parametrize("dtype", LAPACK)
def test_eigenvectors_give_the_matrix_back(dtype):
    for shape in ((4, 4), (2, 3, 3), (0, 0), (0, 2, 2)):
        a = hermitian(shape, dtype)
        v, w = (np.asarray(x) for x in linalg.eigh(a))
        near((v * w[..., None, :]) @ adjoint(v), a)
        assert w.dtype == np.zeros(0, dtype).real.dtype and (np.diff(w) >= 0).all()


def test_one_triangle_is_read_or_both():
    a = matrices((3, 3))
    lower, upper = np.tril(a) + np.tril(a, -1).T, np.triu(a) + np.triu(a, 1).T
    for kept, options in ((lower, {}), (upper, {"lower": False})):
        near(linalg.eigh(a, symmetrize_input=False, **options)[1], np.linalg.eigvalsh(kept))
    near(linalg.eigh(a)[1], np.linalg.eigvalsh((a + a.T) / 2))


def test_matrices_that_are_not_finite():
    a = hermitian((2, 3, 3))
    a[0, 1, 1] = np.nan
    for found in (*linalg.eigh(a), *linalg.svd(a), linalg.svd(a, compute_uv=False)):
        assert np.isnan(found[0]).all() and np.isfinite(found[1]).all()


# --- derivatives, of what does not depend on signs and phases of vectors ----------------------------------------


def of_qr(linalg, numpy, a):
    q, r = linalg.qr(a, full_matrices=False)
    return numpy.abs(r).sum(), (q @ q.conj().T).real[0, 1]


def of_eigh(linalg, numpy, a):
    v, w = linalg.eigh(a)
    return w[0] * w[1], numpy.abs((v * w**3) @ v.conj().T)[0, 1]


def of_svd(linalg, numpy, a):
    u, s, vh = linalg.svd(a, full_matrices=False)
    return s[0] * s[1], ((u * s**2) @ vh).real[0, 1]


def of_singular_values(linalg, numpy, a):
    s = linalg.svd(a, compute_uv=False)
    return s[0] ** 3, s[1]


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize(
    ("function", "shape"),
    [(of_qr, (5, 3)), (of_eigh, (3, 3)), (of_svd, (5, 3)), (of_svd, (3, 4)), (of_singular_values, (3, 4))],
)
def test_second_derivatives_are_jax_s(function, shape, dtype):
    make = hermitian if function is of_eigh else matrices
    a, direction, other = (make(shape, dtype, seed) for seed in range(3))

    def second(library):
        def slope(x):
            return library.jvp(partial(function, library.lax.linalg, library.numpy), (x,), (direction,))[1]

        return library.jvp(slope, (a,), (other,))[1]

    found, expected = second(cujax), jax.jit(lambda: second(jax))()
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-9)


# --- refusals -----------------------------------------------------------------------------------------------

R, F16 = np.ones((2, 3)), np.eye(3, dtype=np.float16)
ERRORS = [
    (lambda m: m.eigh(R), TypeError, "only square matrices can be symmetrized"),
    (lambda m: m.eigh(R, symmetrize_input=False), ValueError, "must be a square matrix"),
    (lambda m: m.eigh(F16), NotImplementedError, "does not support float16"),
    (lambda m: m.qr(np.ones(3)), TypeError, "rank at least 2"),
    (lambda m: m.qr(F16), NotImplementedError, "does not support float16"),
    (lambda m: m.svd(np.ones(3)), TypeError, "rank at least 2"),
    (lambda m: m.svd(R.astype(int)), TypeError, "int64"),
]


@pytest.mark.parametrize(("call", "error", "text"), ERRORS)
def test_errors_have_jax_s_class(call, error, text):
    with pytest.raises(error):
        call(jax.lax.linalg)
    with pytest.raises(error, match=text):
        call(linalg)


def test_what_has_no_derivative_says_so():
    with pytest.raises(NotImplementedError, match="full_matrices=False"):
        cujax.jvp(lambda a: linalg.svd(a)[0], (R.T,), (R.T,))
    with pytest.raises(NotImplementedError, match="enable_eigvec_derivs=True"):
        cujax.jvp(lambda a: linalg.eig(a)[1], (R[:, :3],), (R[:, :3],))


def test_ranges_of_eigenvalues_and_singular_values():
    a = hermitian((4, 4))
    v, w = linalg.eigh(a, subset_by_index=(1, 3))
    near(a @ v, v * np.asarray(w))
    near(w, np.linalg.eigvalsh(a)[1:3])
    u, s, vh = linalg.svd(R, full_matrices=False, subset_by_index=(0, 2))
    near(u * np.asarray(s) @ vh, np.asarray(linalg.svd(R, full_matrices=False)[0])[:, :2] @ np.diag(s) @ vh)
    near(linalg.svd(R, compute_uv=False, subset_by_index=(1, 2)), np.linalg.svd(R)[1][1:2])
    for call in (lambda: linalg.eigh(a, subset_by_index=(3, 1)), lambda: linalg.svd(R, subset_by_index=(0, 1))):
        with pytest.raises(ValueError, match="subset"):
            call()
