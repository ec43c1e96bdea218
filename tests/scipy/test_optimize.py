"""minimize by BFGS and L-BFGS: minima, statuses, options, batches, errors."""

from __future__ import annotations

import jax
import jax.scipy.optimize
import numpy as np
import pytest

import cujax
import cujax.numpy as jnp
from cujax.scipy.optimize import minimize

LBFGS = "l-bfgs-experimental-do-not-rely-on-this"


@pytest.fixture(autouse=True)
def wide(x64):
    """Minima are compared in double precision."""


def rosenbrock(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def himmelblau(p):
    x, y = p
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


@pytest.mark.parametrize("method, ftol", [("BFGS", {}), (LBFGS, {"ftol": 0.0})])
@pytest.mark.parametrize("fun, start, end", [(rosenbrock, [0, 0, 0], [1, 1, 1]), (himmelblau, [1, 1], [3, 2])])
def test_minima(fun, start, end, method, ftol):
    found = minimize(fun, jnp.array(start, "float64"), method=method, options=ftol)
    assert found.success and found.status == 0
    np.testing.assert_allclose(found.x, end, rtol=1e-5)
    assert np.abs(found.jac).max() < 1e-5
    assert 0 < found.nit < 80 and found.nfev == found.njev
    assert (found.hess_inv is None) == (method == LBFGS)


@pytest.mark.parametrize("method", ["BFGS", LBFGS])
def test_types_are_those_of_jax(method):
    found = minimize(himmelblau, jnp.ones(2), method=method)
    assert found._fields == jax.scipy.optimize.OptimizeResults._fields
    counts = (found.status, found.nfev, found.njev, found.nit)
    assert all((n.dtype, n.shape, n.weak_type) == ("int64", (), True) for n in counts)
    assert (found.success.dtype, found.fun.dtype, found.fun.shape, found.jac.shape) == (bool, "float64", (), (2,))


def test_statuses():
    start = jnp.zeros(3)
    assert minimize(rosenbrock, start, method="BFGS", options={"maxiter": 3}).status == 1
    assert minimize(lambda x: x.sum(), start, method="BFGS").status == 5  # unbounded: the step only grows
    assert minimize(rosenbrock, start, method=LBFGS, options={"maxfun": 5}).status == 2
    assert minimize(rosenbrock, start, method=LBFGS, options={"ftol": 1.0}).status == 4
    already = minimize(lambda x: (x**2).sum(), start, method="BFGS")
    assert already.success and already.nit == 0 and already.nfev == 1


def test_jit_vmap_and_arguments():
    @cujax.jit
    def nearest(a):
        return minimize(lambda x, a: ((x - a) ** 4).sum() + (x**2).sum(), jnp.zeros(2), (a,), method="BFGS").x

    targets = np.array([[1.0, -2], [3, 0.5], [0, 0]])
    batch = cujax.vmap(nearest)(targets)
    np.testing.assert_allclose(batch, [nearest(a) for a in targets], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(4 * (np.asarray(batch) - targets) ** 3 + 2 * np.asarray(batch), 0, atol=1e-4)


def test_tol_is_a_bound_on_the_gradient():
    loose = minimize(rosenbrock, jnp.zeros(3), method="BFGS", tol=1.0)
    assert loose.success and 1e-5 < np.abs(loose.jac).max() < 1


def test_errors():
    x = jnp.zeros(2)
    for call, error, text in (
        (lambda: minimize(rosenbrock, x, method="CG"), ValueError, "Method CG not recognized"),
        (lambda: minimize(rosenbrock, x, 3, method="BFGS"), TypeError, "must be a tuple, got 3"),
        (lambda: minimize(rosenbrock, jnp.zeros((2, 2)), method="BFGS"), TypeError, "x0 must be a vector"),
        (lambda: minimize(rosenbrock, x, method="BFGS", options={"x": 3}), TypeError, "keyword argument"),
    ):
        with pytest.raises(error, match=text):
            call()
