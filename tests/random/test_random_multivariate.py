"""Points of balls, normal vectors, orthogonal matrices: JAX's, to the accuracy of LAPACK; derivatives; refusals."""

from __future__ import annotations

import jax
import numpy as np
import phases
import pytest
from random_oracle import both_in, close, quickly

import cujax
import cujax.numpy
from cujax import random

RNG = np.random.default_rng(0)
ROOTS = RNG.normal(size=(3, 4, 4))
COVARIANCES = ROOTS @ ROOTS.swapaxes(-1, -2) + np.eye(4)
METHODS = ["cholesky", "eigh", "svd"]


def with_settled_signs(np_, points, mean):
    """The points (draws, ..., n), as the columns of their covariance's factor would give them with certain signs."""
    with jax.ensure_compile_time_eval():
        noise = np.moveaxis(np.asarray(jax.random.normal(jax.random.PRNGKey(3), points.shape, points.dtype)), 0, -2)
    rows = np.linalg.pinv(noise) @ np_.moveaxis(points - mean, 0, -2)  # the factor's columns
    settled = np_.swapaxes(phases.columns(np_, np_.swapaxes(rows, -1, -2)), -1, -2)
    return mean + np_.moveaxis(noise @ settled, -2, 0)


def are_open(method: str) -> bool:
    """Whether the signs of the factor's columns are those of another library than JAX's."""
    return phases.ARE_OPEN and method != "cholesky"


def check(name, *args, ulp=64, settled=None, **kwargs):
    found = getattr(random, name)(random.PRNGKey(3), *args, **kwargs)
    expected = quickly(lambda key: getattr(jax.random, name)(key, *args, **kwargs))(jax.random.PRNGKey(3))
    if settled is not None:
        found, expected = settled(found), settled(expected)
    close(found, expected, ulp, (name, args), scale=4)


@pytest.mark.parametrize("x64", [False, True])
def test_multivariate_normal(x64):
    with both_in(x64):
        dtype = float if x64 else np.float32
        mean = np.arange(4, dtype=dtype)
        for method in METHODS:
            settled = (lambda x: with_settled_signs(np, np.asarray(x), mean)) if are_open(method) else None
            check("multivariate_normal", mean, COVARIANCES.astype(dtype), (50, 3), method=method, settled=settled)
        check("multivariate_normal", np.zeros((3, 4), int), COVARIANCES[0].astype(np.float32), dtype="float16")


@pytest.mark.parametrize(("x64", "dtype"), [(False, "complex64"), (True, None)])
def test_orthogonal(x64, dtype):
    with both_in(x64):
        check("orthogonal", 4, (20,), dtype)
        check("orthogonal", 3, (), dtype, 5)
        check("orthogonal", 5, (2, 3), dtype, m=2)


def test_ball():
    check("ball", 3, 2, (501,))
    check("ball", 2, 3.5, (501,), dtype="bfloat16")


def test_shapes():
    with cujax.debug_key_reuse(False):
        key = random.key(0)
        assert random.orthogonal(key, 0).shape == (0, 0)
        assert random.orthogonal(key, 3, (0,)).shape == (0, 3, 3)
        assert random.orthogonal(key, 2, 5, m=0).shape == (5, 2, 0)
        assert random.ball(key, 0, shape=(3,)).shape == (3, 0)
        assert random.ball(key, 4, shape=2).shape == (2, 4)
        for method in METHODS:
            assert random.multivariate_normal(key, np.zeros(0), np.zeros((0, 0)), method=method).shape == (0,)
            assert random.multivariate_normal(key, np.zeros(2), np.eye(2), (0,), method=method).shape == (0, 2)
        assert random.multivariate_normal(key, np.zeros(2), np.ones((3, 1, 2, 2)), (3, 5)).shape == (3, 5, 2)


def test_covariances_that_are_none():
    key = random.key(0)
    assert np.isnan(random.multivariate_normal(random.clone(key), np.zeros(2), -np.eye(2))).all()
    assert np.isnan(random.multivariate_normal(random.clone(key), np.zeros(2), -np.eye(2), method="eigh")).all()
    singular = random.multivariate_normal(key, np.zeros(2), np.ones((2, 2)), method="svd")
    np.testing.assert_allclose(singular[0], singular[1], rtol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_derivatives_are_jax_s(method, x64):
    mean, cov = np.arange(4.0), COVARIANCES[0]

    def total(module, np_):
        def function(mean, cov):
            points = module.multivariate_normal(module.PRNGKey(3), mean, cov, (5,), method=method)
            return ((with_settled_signs(np_, points, mean) if are_open(method) else points) ** 2).sum()

        return function

    found = cujax.grad(total(random, cujax.numpy), (0, 1))(mean, cov)
    expected = quickly(jax.grad(total(jax.random, jax.numpy), (0, 1)))(mean, cov)
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9)


Z, EYE = np.zeros(2, np.float32), np.eye(2, dtype=np.float32)
ERRORS = [
    (lambda r, k: r.ball(k, 2.5), TypeError, "float"),
    (lambda r, k: r.ball(k, -1), TypeError, "-1"),
    (lambda r, k: r.ball(k, 3, dtype=complex), ValueError, "`ball` must be a float dtype"),
    (lambda r, k: r.multivariate_normal(k, Z, EYE, method="foo"), ValueError, "method must be one of"),
    (lambda r, k: r.multivariate_normal(k, 0.0, EYE), ValueError, "mean.ndim >= 1"),
    (lambda r, k: r.multivariate_normal(k, Z, Z), ValueError, "cov.ndim >= 2"),
    (lambda r, k: r.multivariate_normal(k, np.zeros(3), EYE), ValueError, r"needs cov of shape \(\.\.\., 3, 3\)"),
    (lambda r, k: r.multivariate_normal(k, np.zeros((3, 2)), EYE, (4,)), ValueError, "incompatible shapes"),
    (lambda r, k: r.multivariate_normal(k, [0.0, 0.0], EYE), TypeError, "requires ndarray or scalar"),
    (lambda r, k: r.multivariate_normal(k, Z, EYE, dtype=int), ValueError, "must be a float dtype, got int32"),
    (lambda r, k: r.multivariate_normal(k, Z.astype("f2"), EYE.astype("f2")), NotImplementedError, "float16"),
    (lambda r, k: r.orthogonal(k, 2.5), TypeError, "float"),
    (lambda r, k: r.orthogonal(k, -1), ValueError, "must not be negative, got n=-1"),
    (lambda r, k: r.orthogonal(k, 3, dtype=int), ValueError, "must be a float or complex dtype, got int32"),
    (lambda r, k: r.orthogonal(k, 3, dtype="float16"), NotImplementedError, "does not support float16"),
]


@pytest.mark.parametrize(("call", "error", "text"), ERRORS)
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call(random, random.key(0))
    with pytest.raises(error):
        call(jax.random, jax.random.key(0))
