"""Loops of scalars inside of loops over lanes: what they stack is of no lane; no two threads may write it."""

from __future__ import annotations

import numpy as np
import pytest

import cujax
import cujax.numpy as jnp
from cujax import lax
from cujax.engine.compiler.generate import generate
from cujax.engine.compiler.passes import optimize
from cujax.engine.compiler.plan import make_plan

X, S = np.linspace(0, 1, 4096, dtype=np.float32), np.float32(0.3)


def there_and_back(s):
    """The result of a loop backwards over what a loop forwards stacks."""
    s, ys = lax.scan(lambda a, k: (a * 0.9 + k, a), s, jnp.arange(5.0) * 0.1)
    return lax.scan(lambda b, y: (b * 0.5 + y, None), s, ys, reverse=True)[0]


def with_shared(x, s):
    def outer(i, carry):
        x, s = carry
        s = there_and_back(s)
        return x * 0.99 + s + jnp.sin(x), s * 0.1

    return lax.fori_loop(0, 200, outer, (x, s))[0]


def with_own(x, s):
    return lax.fori_loop(0, 200, lambda i, x: there_and_back(x) * 0.1 + s, x)


def test_results_are_those_of_each_lane_alone():
    run = cujax.jit(with_shared)
    alone = np.array([run(X[k : k + 1], S)[0] for k in range(0, 4096, 512)])
    for _ in range(20):
        np.testing.assert_allclose(np.asarray(run(X, S))[::512], alone, rtol=1e-4)


@pytest.mark.parametrize("function, language, is_kernel", [
    (with_shared, "host", True), (with_shared, "cuda", False), (with_own, "host", True), (with_own, "cuda", True),
])
def test_lanes_that_share_what_they_stack_are_no_kernel_of_a_gpu(function, language, is_kernel):
    plan = make_plan(optimize(cujax.make_jaxpr(function)(X, S).tape), language)
    assert not plan.mixed if is_kernel else "the same for all lanes" in next(iter(plan.mixed.values())).reason


@pytest.mark.parametrize("function, is_shared_by_threads", [(with_shared, False), (with_own, True)])
def test_lanes_that_share_what_they_stack_run_on_one_thread(function, is_shared_by_threads):
    plan = make_plan(optimize(cujax.make_jaxpr(function)(X, S).tape), "host")
    assert ("omp parallel" in generate(plan, "host").source) == is_shared_by_threads
