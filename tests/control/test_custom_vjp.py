"""custom_vjp: the rule is used under every chain of transforms of reverse mode; mistakes are explained."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from against_jax import OURS, agree, outcome, refused_alike
from chains import AXES, BATCHED, SCALAR, X, batched_arguments, nested_vmaps

import cujax
import cujax.numpy as jnp
from cujax.custom_derivatives import SymbolicZero, custom_gradient, custom_vjp_primal_tree_values

FORWARD = [
    "jvp", "jvp-jit", "jvp-jvp", "grad-jvp", "jvp-grad", "jacfwd-jacrev", "linearize", "jvp-vmap", "vmap-jvp",
]


def scaled(m):
    """sin(x) * y whose rule says ten times the derivative in x, so that it shows whether it was used."""

    @m.lib.custom_vjp
    def f(x, y):
        return m.np.sin(x) * y

    def fwd(x, y):
        return f(x, y), (m.np.cos(x), m.np.sin(x), y)

    def bwd(residuals, ct):
        cos_x, sin_x, y = residuals
        return 10.0 * cos_x * ct * y, sin_x * ct

    f.defvjp(fwd, bwd)
    return f


@pytest.mark.parametrize("chain", [c for c in SCALAR if c not in FORWARD])
def test_chains(chain):
    agree(lambda m: SCALAR[chain](m, scaled(m)))


@pytest.mark.parametrize("axes", AXES, ids=str)
@pytest.mark.parametrize("chain", [c for c in BATCHED if c not in FORWARD])
def test_batched_chains(chain, axes):
    agree(lambda m: BATCHED[chain](m, scaled(m), axes, batched_arguments(m, axes)))


def test_nested_vmaps():
    agree(lambda m: nested_vmaps(m, scaled(m)))


@pytest.mark.parametrize("chain", [c for c in SCALAR if c in FORWARD])
def test_forward_mode_is_refused(chain):
    assert outcome(lambda m: SCALAR[chain](m, scaled(m)), OURS) == "TypeError"
    with pytest.raises(TypeError, match=r"can't apply forward-mode autodiff \(jvp\) to a custom_vjp"):
        cujax.jvp(scaled(OURS), (1.0, 2.0), (1.0, 1.0))


def test_a_forward_derivative_that_nobody_reads_is_no_error_under_jit():
    agree(lambda m: m.lib.jit(lambda x: m.lib.jvp(lambda x: scaled(m)(x, 2.0), (x,), (1.0,))[0])(1.0))


def test_forward_over_reverse():
    def case(m):
        @m.lib.custom_vjp
        def f(x):
            return x**3

        f.defvjp(lambda x: (x**3, x), lambda x, ct: (ct * 5.0 * x**2,))
        return m.lib.jvp(m.lib.grad(f), (2.0,), (1.0,)), m.lib.hessian(f)(2.0)

    agree(case)


# --- what a function closes over ----------------------------------------------------------------------


def times(m, x):
    """y * x, closing over x."""

    @m.lib.custom_vjp
    def f(y):
        return y * x

    f.defvjp(lambda y: (y * x, None), lambda _, ct: (3.0 * ct * x,))
    return f


CLOSED_OVER = {
    "vmap": lambda m: m.lib.vmap(lambda x: times(m, x)(x + 1.0))(m.np.asarray(X)),
    "jit-vmap": lambda m: m.lib.jit(m.lib.vmap(lambda x: times(m, x)(1.0)))(m.np.asarray(X)),
    "vmap-jit": lambda m: m.lib.vmap(m.lib.jit(lambda x: times(m, x)(x + 1.0)))(m.np.asarray(X)),
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
    with pytest.raises(cujax.errors.UnexpectedTracerError, match=r"custom_vjp function f .*closes over"):
        cujax.grad(cujax.jit(lambda x: times(OURS, x)(x + 1.0)))(2.0)


# --- arguments, residuals, cotangents -----------------------------------------------------------------


def applied(m, **options):
    @partial(m.lib.custom_vjp, **options)
    def f(g, x, n):
        return g(x) * n

    def fwd(g, x, n):
        return g(x) * n, x

    f.defvjp(fwd, lambda g, n, x, ct: (ct * n * m.np.cos(x) * 2.0,))
    return f


@pytest.mark.parametrize("options", [{"nondiff_argnums": (0, 2)}, {"nondiff_argnames": ("g", "n")}], ids=str)
def test_nondiff_arguments(options):
    agree(lambda m: m.lib.grad(lambda x: applied(m, **options)(m.np.sin, x, 3.0))(2.0))
    agree(lambda m: m.lib.jit(m.lib.grad(lambda x: applied(m, **options)(m.np.sin, n=3.0, x=x)))(2.0))


def test_a_traced_nondiff_argument_is_refused():
    def case(m):
        f = applied(m, nondiff_argnums=(0, 2))
        return m.lib.jit(lambda n, x: f(m.np.sin, x, n))(2.0, 3.0)

    refused_alike(case)
    with pytest.raises(cujax.errors.UnexpectedTracerError, match="nondiff_argnums is a traced value"):
        case(OURS)


def with_rule(fwd, bwd, jit=False, fun=lambda x: x * 2.0):
    def case(m):
        f = m.lib.custom_vjp(fun)
        f.defvjp(lambda x: fwd(m, x), lambda residuals, ct: bwd(m, residuals, ct))
        return m.lib.grad(m.lib.jit(f) if jit else f)(1.0)

    return case


def plain_fwd(m, x):
    return x * 2.0, x


COTANGENTS = {
    "tuple": lambda m, r, ct: (ct * 3.0,),
    "list": lambda m, r, ct: [ct * 3.0],
    "none": lambda m, r, ct: (None,),
    "Python number": lambda m, r, ct: (1.5,),
}


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("name", COTANGENTS)
def test_forms_of_cotangents(name, jit):
    agree(with_rule(plain_fwd, COTANGENTS[name], jit))


INTEGER_COTANGENTS = [None, np.zeros((), [("float0", np.void, 0)]), 1, 1.0]


@pytest.mark.parametrize("ct", INTEGER_COTANGENTS, ids=["none", "float0", "int", "float"])
def test_integer_arguments_have_no_cotangent(ct):
    def case(m):
        f = m.lib.custom_vjp(lambda n, x: x * 3.0)
        f.defvjp(lambda n, x: (x * 3.0, (n, x)), lambda r, c: (ct, c * r[1]))
        grad = m.lib.grad(f, 1)
        total = m.lib.grad(lambda v: m.lib.vmap(f, (None, 0))(3, v).sum())
        return grad(3, 2.0), m.lib.jit(grad)(3, 2.0), total(m.np.asarray(X))

    agree(case)


def test_integer_outputs_have_float0_cotangents():
    def case(m):
        f = m.lib.custom_vjp(lambda x: (x, 3))

        def bwd(_, cts):
            assert cts[1].dtype == m.lib.float0
            return (cts[0] * 2.0,)

        f.defvjp(lambda x: ((x, 3), None), bwd)
        grad = m.lib.grad(lambda x: f(x)[0])
        return grad(1.0), m.lib.jit(grad)(1.0), m.lib.vmap(grad)(m.np.asarray(X))

    agree(case)


@pytest.mark.parametrize("entry", [lambda ct: {"a": ct, "b": None}, lambda ct: None], ids=["leaf", "subtree"])
def test_none_stands_for_zeros_in_trees(entry):
    def case(m):
        f = m.lib.custom_vjp(lambda d: d["a"] * 1.0)
        f.defvjp(lambda d: (d["a"], None), lambda _, ct: (entry(ct),))
        return m.lib.grad(f)({"a": 1.0, "b": 2.0})

    agree(case)


@pytest.mark.parametrize("entry", [lambda ct: ct, lambda ct: {"a": ct, "b": 2 * ct}], ids=["tree", "subtree"])
def test_a_cotangent_stands_for_all_leaves_of_a_tree(entry):
    def case(m):
        f = m.lib.custom_vjp(lambda d: d["a"] * d["b"]["c"])
        f.defvjp(lambda d: (d["a"], None), lambda _, ct: (entry(ct),))
        return m.lib.grad(f)({"a": 1.0, "b": {"c": 2.0, "d": 3.0}})

    agree(case)


def test_the_cotangent_has_the_dtype_of_the_argument():
    f = cujax.custom_vjp(lambda x: x * 2.0)
    f.defvjp(lambda x: (x * 2.0, None), lambda _, ct: (ct.astype(jnp.float16),))
    assert cujax.grad(lambda x: f(x) + x)(1.0).dtype == jnp.float32
    f.defvjp(lambda x: (x * 2.0, None), lambda _, ct: (ct * 1j,))
    with pytest.raises(TypeError, match=r"complex cotangent.*for x, which is real"):
        cujax.grad(f)(1.0)


def test_residuals_may_hold_any_python_value():
    f = cujax.custom_vjp(lambda x: x * 2.0)
    f.defvjp(
        lambda x: (x * 2.0, {"x": x, "tag": "t", "n": 3}), lambda r, ct: (ct * r["n"] * (r["tag"] == "t"),)
    )
    assert float(cujax.grad(f)(1.0)) == 3.0
    assert float(cujax.jit(cujax.grad(f))(1.0)) == 3.0
    assert cujax.vmap(cujax.grad(f))(jnp.ones(2)).tolist() == [3.0, 3.0]


def test_unbatched_residuals_stay_unbatched():
    """The pullback of a mapped product keeps one copy of what all elements share."""
    f = cujax.custom_vjp(lambda w, x: w @ x)
    shapes = []

    def bwd(residuals, ct):
        w, x = residuals
        return jnp.outer(ct, x), w.T @ ct

    f.defvjp(lambda w, x: (w @ x, (w, x)), bwd)
    w, xs = jnp.ones((4, 3)), jnp.ones((100, 3))
    _, pull_back = cujax.vjp(lambda w, xs: cujax.vmap(f, (None, 0))(w, xs), w, xs)
    shapes = {leaf.shape for leaf in cujax.tree_util.tree_leaves(pull_back)}
    assert shapes == {(4, 3), (100, 3)}
    ct_w, ct_x = pull_back(jnp.ones((100, 4)))
    assert ct_w.shape == (4, 3) and float(ct_w[0, 0]) == 100.0 and ct_x.shape == (100, 3)


def test_symbolic_zeros():
    seen = []

    def fwd(x, y):
        seen.append((x.perturbed, y.perturbed))
        return custom_vjp_primal_tree_values((x, y)), None

    def bwd(_, cts):
        seen.append([type(ct) is SymbolicZero for ct in cts])
        return (None if type(cts[0]) is SymbolicZero else cts[0]), None

    f = cujax.custom_vjp(lambda x, y: (x, y))
    f.defvjp(fwd, bwd, symbolic_zeros=True)
    assert float(cujax.grad(lambda x: f(x, 2.0)[0])(1.0)) == 1.0
    assert float(cujax.jit(cujax.grad(lambda x: f(x, 2.0)[1]))(1.0)) == 0.0

    def first(x):
        return f(x, 2.0)[0]

    assert cujax.vmap(cujax.grad(first))(jnp.ones(2)).tolist() == [1.0, 1.0]
    assert cujax.grad(lambda v: cujax.vmap(first)(v).sum())(jnp.ones(2)).tolist() == [1.0, 1.0]
    assert seen == [
        (True, False), [False, True], (True, False), [True, False],
        (True, False), [False, True], (True, False), [False, True],
    ]


# --- mistakes -----------------------------------------------------------------------------------------

WRONG_BWD = {
    "no tuple": (lambda m, r, ct: ct, TypeError, "one entry for each argument"),
    "too many": (lambda m, r, ct: (ct, ct), TypeError, r"PyTreeDef\(\(\*, \*\)\)"),
    "shape": (lambda m, r, ct: (m.np.ones(3),), ValueError, r"for x of type f32\[\] it produced f32\[3\]"),
}
WRONG_FWD = {
    "no pair": (lambda m, x: x, False, "must produce a pair"),
    "structure": (lambda m, x: ((x, x), x), True, r"container \(pytree\) structure"),
    "shape": (lambda m, x: (m.np.ones(3), x), True, "shapes/dtypes"),
}


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("name", WRONG_BWD)
def test_wrong_backward_rules(name, jit):
    bwd, error, text = WRONG_BWD[name]
    refused_alike(with_rule(plain_fwd, bwd, jit))
    with pytest.raises(error, match=text):
        with_rule(plain_fwd, bwd, jit)(OURS)


@pytest.mark.parametrize("name", WRONG_FWD)
def test_wrong_forward_rules(name):
    fwd, jit, text = WRONG_FWD[name]
    refused_alike(with_rule(fwd, COTANGENTS["tuple"], jit))
    with pytest.raises(TypeError, match=text):
        with_rule(fwd, COTANGENTS["tuple"], jit)(OURS)


def test_wrong_calls():
    refused_alike(lambda m: m.lib.custom_vjp(lambda x: x)(1.0))
    refused_alike(lambda m: scaled(m)("a", 1.0))
    with pytest.raises(AttributeError, match=r"No VJP defined for custom_vjp function .* using defvjp"):
        cujax.custom_vjp(lambda x: x)(1.0)


# --- custom_gradient ----------------------------------------------------------------------------------


def test_custom_gradient():
    def case(m):
        one = m.derivatives.custom_gradient(lambda x: (x**2, lambda ct: ct * 3 * x))
        two = m.derivatives.custom_gradient(lambda x, y: (x**2 * y, lambda ct: (ct * 3 * x, ct)))
        tree = m.derivatives.custom_gradient(lambda d: ({"o": d["a"] * 2}, lambda ct: ({"a": ct["o"] * 7},)))
        grad, vector = m.lib.grad, m.np.asarray(X)
        return (
            grad(one)(2.0), m.lib.jit(grad(one))(2.0), grad(m.lib.jit(one))(2.0),
            m.lib.vmap(grad(one))(vector), m.lib.vmap(grad(two))(vector, vector),
            grad(two, (0, 1))(2.0, 3.0), grad(grad(two))(2.0, 3.0),
            m.lib.jvp(grad(two), (2.0, 3.0), (1.0, 0.0)), grad(lambda x: tree({"a": x})["o"])(2.0),
        )

    agree(case)

    def one_cotangent_for_two(x, y):
        return x, lambda ct: ct

    refused_alike(lambda m: m.lib.grad(m.derivatives.custom_gradient(one_cotangent_for_two))(2.0, 3.0))
    assert float(custom_gradient(lambda x: (x**2, lambda ct: ct))(3.0)) == 9.0
