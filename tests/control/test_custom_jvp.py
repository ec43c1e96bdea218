"""custom_jvp: the rule is used under every chain of transforms, and wrong rules are explained."""

from __future__ import annotations

from functools import partial

import pytest
from against_jax import OURS, agree, refused_alike
from chains import AXES, BATCHED, SCALAR, X, batched_arguments, nested_vmaps

import cujax
import cujax.numpy as jnp
from cujax.custom_derivatives import SymbolicZero, zero_from_primal


def scaled(m):
    """sin(x) * y whose rule says ten times the derivative in x, so that it shows whether it was used."""

    @m.lib.custom_jvp
    def f(x, y):
        return m.np.sin(x) * y

    @f.defjvp
    def rule(primals, tangents):
        (x, y), (tx, ty) = primals, tangents
        return f(x, y), 10.0 * m.np.cos(x) * tx * y + m.np.sin(x) * ty

    return f


@pytest.mark.parametrize("chain", SCALAR)
def test_chains(chain):
    agree(lambda m: SCALAR[chain](m, scaled(m)))


@pytest.mark.parametrize("axes", AXES, ids=str)
@pytest.mark.parametrize("chain", BATCHED)
def test_batched_chains(chain, axes):
    agree(lambda m: BATCHED[chain](m, scaled(m), axes, batched_arguments(m, axes)))


def test_nested_vmaps():
    agree(lambda m: nested_vmaps(m, scaled(m)))


# --- what a function closes over ----------------------------------------------------------------------


def times(m, x):
    """y * x, closing over x."""

    @m.lib.custom_jvp
    def f(y):
        return y * x

    f.defjvp(lambda primals, tangents: (f(primals[0]), 3.0 * tangents[0] * x))
    return f


CLOSED_OVER = {
    "vmap": lambda m: m.lib.vmap(lambda x: times(m, x)(x + 1.0))(m.np.asarray(X)),
    "vmap, other argument": lambda m: m.lib.vmap(lambda x: times(m, x)(1.0))(m.np.asarray(X)),
    "jit": lambda m: m.lib.jit(lambda x: times(m, x)(x + 1.0))(2.0),
    "jit-vmap": lambda m: m.lib.jit(m.lib.vmap(lambda x: times(m, x)(x + 1.0)))(m.np.asarray(X)),
    "vmap-jit": lambda m: m.lib.vmap(m.lib.jit(lambda x: times(m, x)(1.0)))(m.np.asarray(X)),
    "vmap-grad": lambda m: m.lib.vmap(lambda x: m.lib.grad(lambda y: times(m, x)(y))(x))(m.np.asarray(X)),
    "jit-grad": lambda m: m.lib.jit(lambda x: m.lib.grad(lambda y: times(m, x)(y))(x))(2.0),
    "vmap-grad-vmap": lambda m: m.lib.vmap(
        lambda x: m.lib.grad(lambda z: m.lib.vmap(lambda y: times(m, x)(y))(z).sum())(m.np.ones(2))
    )(m.np.asarray(X)),
}


@pytest.mark.parametrize("chain", CLOSED_OVER)
def test_closing_over_a_value_that_is_not_differentiated(chain):
    agree(CLOSED_OVER[chain])


def test_closing_over_a_differentiated_value_is_refused():
    refused_alike(lambda m: m.lib.grad(lambda x: times(m, x)(x + 1.0))(2.0))
    with pytest.raises(cujax.errors.UnexpectedTracerError, match=r"closes over it.*Pass it as an argument"):
        cujax.grad(lambda x: times(OURS, x)(x + 1.0))(2.0)
    with pytest.raises(cujax.errors.UnexpectedTracerError, match=r"custom_jvp function f .*closes over"):
        cujax.grad(cujax.jit(lambda x: times(OURS, x)(x + 1.0)))(2.0)


# --- arguments ----------------------------------------------------------------------------------------


def applied(m, **options):
    @partial(m.lib.custom_jvp, **options)
    def f(g, x, y=1.0):
        return g(x) * y

    @f.defjvp
    def rule(g, primals, tangents):
        (x, y), (tx, _) = primals, tangents
        return f(g, x, y), 2.0 * tx * y

    return f


@pytest.mark.parametrize("options", [{"nondiff_argnums": (0,)}, {"nondiff_argnames": ("g",)}], ids=str)
def test_nondiff_arguments(options):
    agree(lambda m: m.lib.grad(lambda x: applied(m, **options)(m.np.sin, x))(2.0))
    agree(lambda m: m.lib.grad(lambda x: applied(m, **options)(y=3.0, x=x, g=m.np.sin))(2.0))
    agree(lambda m: m.lib.jit(lambda x: applied(m, **options)(m.np.sin, x, 2.0))(2.0))
    agree(lambda m: m.lib.vmap(lambda x: applied(m, **options)(lambda z: z * x, x))(m.np.asarray(X)))


def test_a_traced_nondiff_argument_is_a_constant():
    def case(m):
        @partial(m.lib.custom_jvp, nondiff_argnums=(0,))
        def f(n, x):
            return n * x

        f.defjvp(lambda n, primals, tangents: (f(n, primals[0]), 2.0 * tangents[0]))
        return m.lib.grad(lambda y: f(y, y))(2.0), m.lib.jit(lambda y: f(y, y))(2.0)

    agree(case)


def test_trees_and_integers():
    def case(m):
        @m.lib.custom_jvp
        def f(d, n):
            return {"out": d["a"] * n, "n": n}

        @f.defjvp
        def rule(primals, tangents):
            (d, n), (td, tn) = primals, tangents
            assert tn.dtype == m.lib.float0
            return f(d, n), {"out": 5.0 * td["a"], "n": tn}

        def loss(a):
            return f({"a": a, "b": 1.0}, 3)["out"]

        vector = m.np.asarray(X)
        return (
            m.lib.grad(loss)(2.0), m.lib.jit(m.lib.grad(loss))(2.0), m.lib.vmap(m.lib.grad(loss))(vector),
            m.lib.grad(lambda v: m.lib.vmap(loss)(v).sum())(vector),
        )

    agree(case)


def test_python_control_flow_on_known_values():
    def case(m):
        @m.lib.custom_jvp
        def f(x):
            return x if x > 0 else -x

        f.defjvp(lambda p, t: (f(p[0]), t[0] if p[0] > 0 else 7.0 * t[0]))
        return f(-2.0), m.lib.grad(f)(-2.0), m.lib.grad(f)(2.0), m.lib.jvp(f, (-1.0,), (1.0,))

    agree(case)


def test_defjvps():
    def case(m):
        @m.lib.custom_jvp
        def f(x, y):
            return {"a": x * y, "b": x + y}

        f.defjvps(lambda t, out, x, y: {"a": t * y, "b": t}, None)
        return m.lib.jvp(f, (2.0, 3.0), (1.0, 1.0)), m.lib.grad(lambda *a: f(*a)["a"], (0, 1))(2.0, 3.0)

    agree(case)
    refused_alike(lambda m: applied(m, nondiff_argnums=(0,)).defjvps(None))


def test_symbolic_zeros():
    seen = []

    @cujax.custom_jvp
    def f(x, y):
        return x * y, x + 1.0

    def rule(primals, tangents):
        seen.append([type(t) is SymbolicZero for t in tangents])
        return f(*primals), (primals[1] * tangents[0], zero_from_primal(primals[0], symbolic_zeros=True))

    f.defjvp(rule, symbolic_zeros=True)
    assert float(cujax.grad(lambda x: f(x, 2.0)[0])(1.0)) == 2.0
    assert float(cujax.jit(cujax.grad(lambda x: f(x, 2.0)[1]))(1.0)) == 0.0

    def first(x):
        return f(x, 2.0)[0]

    assert cujax.vmap(cujax.grad(first))(jnp.ones(3)).tolist() == [2.0] * 3
    assert cujax.grad(lambda v: cujax.vmap(first)(v).sum())(jnp.ones(3)).tolist() == [2.0] * 3
    assert seen == [[False, True]] * len(seen) and len(seen) == 4


def test_the_function_is_one_equation_of_a_tape():
    jaxpr = cujax.make_jaxpr(scaled(OURS))(1.0, 2.0)
    assert [e.primitive.name for e in jaxpr.eqns] == ["custom_jvp_call"]
    assert "sin" in str(jaxpr)


# --- mistakes -----------------------------------------------------------------------------------------


def with_rule(rule, jit):
    def case(m):
        @m.lib.custom_jvp
        def f(x):
            return x * 2.0

        f.defjvp(lambda primals, tangents: rule(m, primals[0], tangents[0]))
        return m.lib.jvp(m.lib.jit(f) if jit else f, (1.0,), (1.0,))

    return case


WRONG_RULES = {
    "no pair": (lambda m, p, t: p, "must produce a pair"),
    "structures": (lambda m, p, t: (p, (t, t)), r"equal container \(pytree\) structures"),
    "no tangent": (lambda m, p, t: (p, None), r"equal container \(pytree\) structures"),
    "tangent shape": (lambda m, p, t: (p, m.np.ones(3)), r"Expected f32\[\] .* but got f32\[3\]"),
    "tangent dtype": (lambda m, p, t: (p, 1), r"Expected f32\[\] .* but got i32\[\]"),
}
WRONG_UNDER_JIT = {
    "output structure": (lambda m, p, t: ((p, p), (t, t)), r"container \(pytree\) structure"),
    "output shape": (lambda m, p, t: (m.np.ones(3), m.np.ones(3)), "shapes/dtypes"),
}


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("name", WRONG_RULES)
def test_wrong_rules(name, jit):
    rule, text = WRONG_RULES[name]
    refused_alike(with_rule(rule, jit))
    with pytest.raises(TypeError, match=text):
        with_rule(rule, jit)(OURS)


@pytest.mark.parametrize("name", WRONG_UNDER_JIT)
def test_rules_that_do_not_fit_the_function(name):
    rule, text = WRONG_UNDER_JIT[name]
    refused_alike(with_rule(rule, True))
    with pytest.raises(TypeError, match=text):
        with_rule(rule, True)(OURS)


def test_wrong_calls():
    refused_alike(lambda m: m.lib.custom_jvp(lambda x: x)(1.0))
    refused_alike(lambda m: scaled(m)("a", 1.0))
    refused_alike(lambda m: scaled(m)(1.0))
    refused_alike(lambda m: scaled(m)(1.0, 2.0, z=3.0))
    with pytest.raises(AttributeError, match="No JVP defined for custom_jvp function f using defjvp"):
        @cujax.custom_jvp
        def f(x):
            return x

        f(1.0)
    with pytest.raises(TypeError, match="custom_jvp: argument x of f at"):
        scaled(OURS)("a", 1.0)

    @cujax.custom_jvp
    def keyword_only(x, *, k):
        return x

    keyword_only.defjvp(lambda p, t: (p[0], t[0]))
    with pytest.raises(TypeError, match="k can be passed by keyword only"):
        keyword_only(1.0, k=2.0)
