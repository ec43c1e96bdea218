"""Ops that libraries declare: `extend.core.Primitive` with rules in `interpreters`, beside JAX's."""

from __future__ import annotations

import importlib
import types

import jax
import numpy as np
import pytest

import cujax
import cujax.numpy as jnp

LIBRARIES = ["cujax", "jax"]


def modules(library: str) -> types.SimpleNamespace:
    names = {"core": "extend.core", "ad": "interpreters.ad", "batching": "interpreters.batching",
             "mlir": "interpreters.mlir", "jnp": "numpy"}  # fmt: skip
    found = {short: importlib.import_module(f"{library}.{name}") for short, name in names.items()}
    return types.SimpleNamespace(lib=importlib.import_module(library), **found)


def scaled(m: types.SimpleNamespace) -> object:
    """scale(x, y) = (factor * x * y, x + y), with every rule written out."""
    p = m.core.Primitive("scale")
    p.multiple_results = True

    def impl(x, y, *, factor):
        return [factor * x * y, x + y]

    def jvp(primals, tangents, *, factor):
        (x, y), (tx, ty) = primals, map(m.ad.instantiate_zeros, tangents)
        return p.bind(x, y, factor=factor), [factor * (tx * y + x * ty), tx + ty]

    def batch(operands, dims, *, factor):
        size = next(x.shape[d] for x, d in zip(operands, dims, strict=True) if d is not None)
        return p.bind(*[m.batching.bdim_at_front(x, d, size) for x, d in zip(operands, dims, strict=True)],
                      factor=factor), [0, 0]  # fmt: skip

    p.def_impl(impl)
    p.def_abstract_eval(lambda x, y, *, factor: [x, x])
    m.ad.primitive_jvps[p] = jvp
    m.batching.primitive_batchers[p] = batch
    m.mlir.register_lowering(p, m.mlir.lower_fun(impl, multiple_results=True))
    return p


def doubled(m: types.SimpleNamespace) -> object:
    p = m.core.Primitive("double")
    p.def_impl(lambda x: 2 * x)
    p.def_abstract_eval(lambda x: x)
    m.ad.deflinear2(p, lambda ct, x: [p.bind(ct)])
    m.batching.defvectorized(p)
    m.mlir.register_lowering(p, m.mlir.lower_fun(lambda x: 2 * x, multiple_results=False))
    return p


def results(library: str) -> list[np.ndarray]:
    """The same programs with ops of `library`."""
    m = modules(library)
    scale, double = scaled(m), doubled(m)
    x, y = m.jnp.linspace(0.5, 2.0, 4), m.jnp.linspace(1.0, 3.0, 4)

    def loss(x, y):
        a, b = scale.bind(x, double.bind(y), factor=3.0)
        return m.jnp.sum(m.jnp.sin(a) * b)

    def loop(x):
        return m.lib.lax.scan(lambda c, _: (double.bind(c) * 0.7, double.bind(c)), x, None, length=3)

    branch = m.lib.vmap(lambda x: m.lib.lax.cond(x > 1, double.bind, lambda x: x, x))
    found = [scale.bind(x, y, factor=2.0), m.lib.jit(lambda x, y: scale.bind(x, y, factor=2.0))(x, y),
             m.lib.grad(loss, (0, 1))(x, y), m.lib.jit(m.lib.grad(loss, (0, 1)))(x, y), m.lib.hessian(loss)(x, y),
             m.lib.vmap(m.lib.grad(loss), (0, None))(m.jnp.stack([x, y]), y), m.lib.jit(loop)(x), branch(x),
             m.lib.jit(m.lib.grad(lambda x: loop(x)[0].sum()))(x)]  # fmt: skip
    return [np.asarray(leaf) for leaf in m.lib.tree_util.tree_leaves(found)]


def test_rules_serve_every_transformation():
    for ours, theirs in zip(results("cujax"), results("jax"), strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-5)


def test_an_equation_names_the_op():
    double = doubled(modules("cujax"))
    eqn = cujax.make_jaxpr(double.bind)(1.0).eqns[0]
    assert eqn.primitive is double and not eqn.primitive.multiple_results
    assert isinstance(cujax.lax.sin_p, cujax.extend.core.Primitive)  # ops of ours too


@pytest.mark.parametrize("library", LIBRARIES)
def test_rules_by_operand(library):
    m = modules(library)
    p = m.core.Primitive("product")
    p.def_impl(lambda x, y: x * y)
    p.def_abstract_eval(lambda x, y: x)
    m.ad.defjvp(p, lambda t, x, y: t * y, None)
    m.batching.defbroadcasting(p)
    assert float(m.lib.grad(p.bind)(2.0, 3.0)) == 3.0
    assert float(m.lib.grad(p.bind, 1)(2.0, 3.0)) == 0.0
    np.testing.assert_array_equal(m.lib.vmap(p.bind, (0, None))(m.jnp.arange(3.0), 2.0), [0, 2, 4])


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("kind", ["axis_primitive_batchers", "fancy_primitive_batchers"])
def test_rules_that_see_the_axis_run_where_nothing_is_batched(library, kind):
    m = modules(library)
    p = m.core.Primitive("size_of_axis")
    p.def_impl(lambda x: x)
    p.def_abstract_eval(lambda x: x)

    def sized(size, operands, dims):
        return operands[0] * size, dims[0]

    rule = (lambda size, name, _, operands, dims: sized(size, operands, dims)) if kind.startswith("axis") else (
        lambda axis, operands, dims: sized(axis.size, operands, dims))  # fmt: skip
    getattr(m.batching, kind)[p] = rule
    found = m.lib.vmap(lambda x: (p.bind(x), p.bind(2.0)))(m.jnp.ones(3))
    np.testing.assert_array_equal(found[0], [3, 3, 3])
    np.testing.assert_array_equal(found[1], [6, 6, 6])


@pytest.mark.parametrize("library", LIBRARIES)
def test_symbolic_zeros_and_operands_without_values_pass_through_vmap(library):
    m = modules(library)
    aval = m.lib.core.ShapedArray((2,), np.dtype("float32"))
    assert m.lib.tree_util.tree_leaves([m.ad.Zero(aval), m.ad.UndefinedPrimal(aval)]) == []
    again = m.lib.tree_util.tree_map(lambda x: x, m.ad.Zero(aval))
    assert type(again) is m.ad.Zero and again.aval.shape == (2,)
    assert m.ad.is_undefined_primal(m.ad.UndefinedPrimal(aval)) and not m.ad.is_undefined_primal(1.0)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_transposition_that_gives_a_symbolic_zero(library):
    m = modules(library)
    p = m.core.Primitive("stop")
    p.def_impl(lambda x: x)
    p.def_abstract_eval(lambda x: x)
    m.ad.primitive_jvps[p] = lambda primals, tangents: (p.bind(*primals), p.bind(*tangents))
    m.ad.primitive_transposes[p] = lambda ct, x: [m.ad.Zero(x.aval)]
    assert float(m.lib.grad(lambda x: p.bind(x) + 3 * x)(1.0)) == 3.0


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("use", ["grad", "vmap", "jit"])
def test_a_rule_that_is_missing(library, use):
    m = modules(library)
    p = m.core.Primitive("bare")
    p.def_impl(lambda x: x)
    p.def_abstract_eval(lambda x: x)
    arguments = {"grad": 1.0, "vmap": m.jnp.ones(2), "jit": 1.0}
    with pytest.raises(NotImplementedError, match="bare"):
        getattr(m.lib, use)(p.bind)(arguments[use])


def test_avals_of_batches():
    aval = cujax.core.ShapedArray((3, 2), "float32")
    for axis in (0, 1, None):
        ours = cujax.extend.core.mapped_aval(aval.shape[axis or 0], axis, aval)
        theirs = jax.extend.core.mapped_aval(aval.shape[axis or 0], axis, jax.core.ShapedArray((3, 2), "float32"))
        assert ours.shape == theirs.shape
        assert cujax.extend.core.unmapped_aval(aval.shape[axis or 0], axis, ours) is aval
    with pytest.raises(ValueError, match="has not the length 5"):
        cujax.extend.core.mapped_aval(5, 0, aval)


def test_a_jaxpr_as_a_function_and_the_trace_of_a_derivative():
    jaxpr = cujax.make_jaxpr(lambda x: x * jnp.arange(3.0))(1.0)
    np.testing.assert_array_equal(cujax.extend.core.jaxpr_as_fun(jaxpr, 2.0)[0], [0, 2, 4])
    seen = []

    def f(x):
        seen.append(cujax.extend.core.find_top_trace([x]).main is x._trace.main)
        return x

    cujax.jvp(f, (1.0,), (1.0,))
    assert seen == [True]
