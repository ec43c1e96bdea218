"""How many kernels programs have, and that they compute what NumPy computes op by op."""

from __future__ import annotations

import numpy as np
import pytest
from programs import CASES, softmax

import cujax
from cujax.engine.backends.select import selected
from cujax.engine.compiler.fuse import Region
from cujax.engine.compiler.passes import optimize
from cujax.engine.compiler.plan import make_plan
from cujax.engine.core.tape import Eqn


def steps_of(function, *args):
    closed = cujax.make_jaxpr(function)(*args)
    return make_plan(optimize(closed.tape), "host").steps


@pytest.mark.parametrize("name", CASES)
def test_number_of_kernels(name):
    case = CASES[name]
    steps = steps_of(case.function, *case.args)
    views = [s for s in steps if isinstance(s, Eqn)]
    assert all(e.primitive.name in ("reshape", "squeeze") for e in views), f"steps of their own: {views}"
    assert sum(isinstance(s, Region) for s in steps) == case.kernels


@pytest.mark.parametrize("name", CASES)
def test_values(name):
    case = CASES[name]
    expected = cujax.tree.leaves(case.function(*map(cujax.numpy.asarray, case.args)))
    found = cujax.tree.leaves(cujax.jit(case.function)(*case.args))
    for x, y in zip(found, expected, strict=True):
        assert x.dtype == y.dtype and x.shape == y.shape
        tolerance = {2: 2e-2, 4: 2e-5, 8: 1e-5}.get(x.dtype.itemsize, 1e-12)
        np.testing.assert_allclose(
            np.asarray(x).astype(np.complex128), np.asarray(y).astype(np.complex128), rtol=tolerance, atol=tolerance
        )


@pytest.mark.skipif(selected().kernels is None, reason="programs run op by op: there are no kernels")
def test_another_shape_of_the_same_rank_compiles_nothing():
    target = selected().kernels
    step = cujax.jit(CASES["stencil_roll"].function)
    rows = cujax.jit(CASES["softmax"].function)
    step(np.ones((20, 31), np.float32)), rows(np.ones((20, 131), np.float32))
    before = target.compilations
    step(np.ones((33, 47), np.float32)), rows(np.ones((33, 447), np.float32))
    assert target.compilations == before


@pytest.mark.parametrize("shape", [(40, 50), (5, 12), (7, 3000)])
def test_softmax_is_one_kernel_whatever_its_shape(shape):
    assert len(steps_of(softmax, np.ones(shape, np.float32))) == 1
