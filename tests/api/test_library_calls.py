"""`cupy_call` and `numpy_call`: functions of the array library inside of programs, with derivatives of their own."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special
from by_hand import on_numpy

import cujax
import cujax.numpy as jnp
from cujax.engine.backends.select import selected
from cujax.engine.core.array import Array
from cujax.engine.ground.errors import JaxRuntimeError

X = np.linspace(0.5, 2, 6, dtype=np.float32)
CALLS = [cujax.cupy_call, cujax.numpy_call]


def twice(seen=None):
    def function(x):
        if seen is not None:
            seen.append(x)
        return x * 2

    return function


@pytest.mark.parametrize("call", CALLS)
def test_a_call(call):
    seen = []
    f = cujax.jit(lambda x: call(twice(seen), x, x + 1) - 1)
    for turn in (1, 2):
        np.testing.assert_array_equal(f(X), (X + 1) * 2 - 1)
        assert len(seen) == turn
    assert type(seen[0]) is (np if call is cujax.numpy_call else selected().xp).ndarray
    np.testing.assert_array_equal(call(twice(), X, X), X * 2)


@pytest.mark.parametrize("call", CALLS)
def test_trees(call):
    def split(pair, y):
        return {"sum": pair[0] + pair[1], "signs": pair[0] > y}

    promised = {"sum": X, "signs": cujax.ShapeDtypeStruct((6,), bool)}
    found = cujax.jit(lambda x: call(split, promised, (x, 2 * x), 1.0))(X)
    np.testing.assert_array_equal(found["sum"], X * 3)
    np.testing.assert_array_equal(found["signs"], X > 1)


@pytest.mark.parametrize("call", CALLS)
def test_derivative(call):
    def omega(x):
        """By Newton's method, with functions that CuPy's arrays take over from NumPy."""
        w = x * 0 + 1
        for _ in range(8):
            w = w * (1 + x - np.log(w)) / (1 + w)
        return w

    def f(x):
        return call(omega, x, x * x, vjp=lambda args, w, ct: (ct * w / (1 + w),)).sum()

    w = scipy.special.wrightomega(X * X)
    for gradient in (cujax.grad(f), cujax.jit(cujax.grad(f))):
        np.testing.assert_allclose(gradient(X), 2 * X * w / (1 + w), rtol=1e-5)


@pytest.mark.parametrize("call", CALLS)
def test_derivative_by_some_arguments(call):
    def scaled(x, k, y):
        return x * k + y

    def vjp(args, result, ct):
        return ct * args[1], None, ct

    k = np.arange(6)
    found = cujax.grad(lambda x, y: call(scaled, x, x, k, y, vjp=vjp)[2:].sum(), (0, 1))(X, X)
    inside = np.arange(6) >= 2
    np.testing.assert_array_equal(found[0], np.where(inside, k, 0))
    np.testing.assert_array_equal(found[1], inside)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("method", ["sequential", "expand_dims", "broadcast_all"])
def test_batches(call, method):
    def f(x):
        return call(np.cumsum if method == "sequential" else lambda x: np.cumsum(x, -1), x, x, vmap_method=method)

    rows = np.stack([X, 2 * X, 3 * X])
    np.testing.assert_allclose(cujax.vmap(f)(rows), np.cumsum(rows, 1), rtol=1e-6)
    with pytest.raises(NotImplementedError, match=f"only supported for {call.__name__} with a vmap_method"):
        cujax.vmap(lambda x: call(np.cumsum, x, x))(rows)


@pytest.mark.parametrize("call", CALLS)
def test_errors(call):
    name = call.__name__
    with pytest.raises(ValueError, match="differentiated by the vjp that comes with it, which was not given"):
        cujax.grad(lambda x: call(twice(), x, x).sum())(X)
    with pytest.raises(JaxRuntimeError, match=rf"{name}: .* returned float32\[6\] as result 0, where .* float32\[5\]"):
        call(twice(), X[:5], X)
    with pytest.raises(JaxRuntimeError, match="returned 2 results, where result_shape_dtypes has 1"):
        call(lambda x: (x, x), X, X)
    with pytest.raises(TypeError, match=f"first argument to {name} must be callable, but got 3"):
        call(3, X, X)
    with pytest.raises(TypeError, match=f"first argument to vjp of {name} must be callable"):
        call(twice(), X, X, vjp=3)
    with pytest.raises(ValueError, match=f"{name}: vmap_method must be None or one of"):
        call(twice(), X, X, vmap_method="all")
    with pytest.raises(JaxRuntimeError, match=f"vjp of {name}: "):
        cujax.grad(lambda x: call(twice(), x, x, vjp=lambda args, y, ct: (ct[:2],)).sum())(X)


def test_arguments_are_not_to_be_changed():
    """NumPy's; CuPy's cannot be made read-only."""

    def change(x):
        x += 1
        return x

    with on_numpy(), pytest.raises(ValueError, match="read-only"):
        cujax.cupy_call(change, X, jnp.asarray(X))


def test_results_may_be_arguments():
    """What a function hands through is not overwritten by what comes later."""

    @cujax.jit
    def f(x):
        y = x + 1
        same = cujax.cupy_call(lambda y: y, y, y)
        return same.at[0].set(9), y, same

    changed, y, same = f(X)
    np.testing.assert_array_equal(y, X + 1)
    np.testing.assert_array_equal(same, X + 1)
    np.testing.assert_array_equal(changed, [9, *(X + 1)[1:]])
    assert isinstance(same, Array)
