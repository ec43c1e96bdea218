"""How many kernels programs have, and that they compute what NumPy computes op by op."""

from __future__ import annotations

import numpy as np
import pytest
from programs import CASES, softmax

import cujax
import cujax.numpy as jnp
from bench.peers import PEERS
from bench.workloads import w4_lattice_boltzmann
from cujax.api.inspect import record_call
from cujax.engine.backends.select import selected
from cujax.engine.compiler.fuse import Region
from cujax.engine.compiler.passes import optimize
from cujax.engine.compiler.plan import make_plan
from cujax.engine.compiler.program import generated, programs_of
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
def test_another_shape_of_the_same_rank_compiles_nothing(monkeypatch):
    sources, target = set(), type(selected().kernels)
    compile_ = target.compile
    monkeypatch.setattr(target, "compile", lambda self, source: sources.add(source) or compile_(self, source))
    step = cujax.jit(CASES["stencil_roll"].function)
    rows = cujax.jit(CASES["softmax"].function)
    step(np.ones((20, 31), np.float32)), rows(np.ones((20, 131), np.float32))
    before = set(sources)
    step(np.ones((33, 47), np.float32)), rows(np.ones((33, 447), np.float32))
    assert before and sources == before


@pytest.mark.parametrize("shape", [(40, 50), (5, 12), (7, 3000)])
def test_softmax_is_one_kernel_whatever_its_shape(shape):
    assert len(steps_of(softmax, np.ones(shape, np.float32))) == 1


def test_what_a_later_value_brings_together_is_one_kernel():
    """Two maps of different arrays have nothing in common until their sum is asked for."""
    x, y = (cujax.ShapeDtypeStruct((300, 300), "float32") for _ in range(2))

    def function(x, y):
        a, b = jnp.sin(x), jnp.cos(y)
        return a, b, a + b

    (step,) = steps_of(function, x, y)
    assert len(step.writes) == 3
    apart = steps_of(lambda x, y: (jnp.sin(x), jnp.cos(y)), x, y)
    assert len(apart) == 2


def test_numbers_found_by_bisection_are_planned_in_linear_time():
    """Each step reads the table at a place found by those before: 2**24 ways lead from the last to the first."""

    def f(x, table):
        place = jnp.int32(0)
        for k in reversed(range(24)):
            place += jnp.where(table[place + 2**k] <= x[3], 2**k, 0)
        return x * place

    shapes = cujax.ShapeDtypeStruct((1000,), "float32"), cujax.ShapeDtypeStruct((2**24,), "float32")
    assert len(steps_of(f, *shapes)) == 1


def test_what_has_to_run_in_between_keeps_kernels_apart():
    x = cujax.ShapeDtypeStruct((300, 300), "float32")

    def function(x):
        a = jnp.sin(x)
        return a, jnp.cos(x + jnp.cumsum(a, 0)) + a

    assert len(steps_of(function, x)) == 3


@pytest.mark.parametrize(("language", "moved"), [("cuda", 101), ("host", 121)])
def test_a_step_back_through_a_lattice_boltzmann_method_is_two_kernels(language, moved):
    """The collision's derivatives with what they need of the collision, and the streaming; moved: floats for a cell."""
    side = 48
    function = w4_lattice_boltzmann.gradient(side, 3)["jax"](PEERS["cujax"]())
    shape = cujax.ShapeDtypeStruct((19, side, side, side), "float32")
    scans = [e for e in optimize(record_call("jit", function, (shape,), {}).tape).eqns if e.primitive.name == "scan"]
    (program,) = programs_of(scans[-1], language)
    kernels = generated(program[0], language, *program[1:]).kernels
    assert len(kernels) == 2
    assert sum(k.bytes_moved for k in kernels) < moved * 4 * side**3


SLABS = [np.s_[:5], np.s_[-5:], np.s_[:, :5], np.s_[:, -5:], np.s_[3:9], np.s_[:, 4:9]] * 2


def _absorbed(x, links):
    """Slabs of a field's differences that are changed one after the other, as absorbing borders do."""
    u = x - jnp.roll(x, 1, 0)
    for slab in SLABS[:links]:
        u = u.at[slab].add(0.5 * x[slab])
    return u


@pytest.mark.parametrize("dialect", ["host", "cuda"])
def test_text_of_updates_one_after_the_other_grows_with_their_number(dialect):
    x = np.zeros((20, 24), np.float32)
    lengths = [len(cujax.jit(_absorbed, static_argnums=1).lower(x, n).as_text(dialect)) for n in (3, 6, 12)]
    assert lengths[1] < 2 * lengths[0] and lengths[2] < 2 * lengths[1]


def test_values_of_updates_one_after_the_other():
    x = np.random.default_rng(0).normal(size=(20, 24)).astype(np.float32)
    found, expected = cujax.jit(_absorbed, static_argnums=1)(x, 12), x - np.roll(x, 1, 0)
    for slab in SLABS:
        expected[slab] += np.float32(0.5) * x[slab]
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
