"""checkpoint: values and derivatives are those of the function, what it keeps is what the policy says."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from against_jax import OURS, THEIRS, agree, refused_alike
from jax._src.ad_checkpoint import saved_residuals as jax_saved_residuals

import cujax
import cujax.numpy as jnp
from cujax.ad_checkpoint import checkpoint_name, print_saved_residuals, saved_residuals
from cujax.engine.core.tape import Tape

X = np.array([0.3, 1.3, 2.3], np.float32)
W = np.linspace(-1, 1, 9, dtype=np.float32).reshape(3, 3)


def layer(m):
    return lambda x, w: m.np.sum(m.np.sin(m.name(m.np.cos(m.lax.dot(w, m.np.sin(x))), "c")))


POLICIES = {
    "none": lambda p: None,
    "everything": lambda p: p.everything_saveable,
    "nothing": lambda p: p.nothing_saveable,
    "dots": lambda p: p.dots_saveable,
    "dots without batch": lambda p: p.checkpoint_dots_with_no_batch_dims,
    "names": lambda p: p.save_only_these_names("c"),
    "other names": lambda p: p.save_any_names_but_these("c"),
    "all but names": lambda p: p.save_anything_except_these_names("c"),
    "dots or names": lambda p: p.save_from_both_policies(p.dots_saveable, p.save_only_these_names("c")),
}
CHAINS = {
    "call": lambda m, f: f,
    "grad": lambda m, f: m.lib.grad(f, (0, 1)),
    "jit-grad": lambda m, f: m.lib.jit(m.lib.grad(f, (0, 1))),
    "grad-jit": lambda m, f: m.lib.grad(m.lib.jit(f), (0, 1)),
    "grad-grad": lambda m, f: m.lib.grad(lambda x, w: m.lib.grad(f, 1)(x, w).sum(), (0, 1)),
    "jacfwd": lambda m, f: m.lib.jacfwd(f, 1),
    "hessian": lambda m, f: m.lib.hessian(f),
    "nested": lambda m, f: m.lib.grad(m.lib.checkpoint(lambda x, w: f(m.np.tanh(x), w) ** 2), (0, 1)),
}


def checkpointed(m, policy):
    return m.lib.checkpoint(layer(m), policy=POLICIES[policy](m.policies))


@pytest.mark.parametrize("policy", ["none", "everything", "dots or names"])
@pytest.mark.parametrize("chain", CHAINS)
def test_chains(chain, policy):
    agree(lambda m: CHAINS[chain](m, checkpointed(m, policy))(m.np.asarray(X), m.np.asarray(W)))


@pytest.mark.parametrize("policy", ["none", "dots"])
def test_batched(policy):
    def case(m):
        f, xs, w = checkpointed(m, policy), m.np.asarray(np.stack([X, X + 1])), m.np.asarray(W)
        mapped = m.lib.vmap(m.lib.grad(f, (0, 1)), (0, None))(xs, w)
        return mapped, m.lib.grad(lambda x, w: m.lib.vmap(f, (0, None))(x, w).sum(), (0, 1))(xs, w)

    agree(case)


@pytest.mark.parametrize("policy", POLICIES)
def test_gradient_under_every_policy(policy):
    agree(lambda m: m.lib.grad(checkpointed(m, policy), (0, 1))(m.np.asarray(X), m.np.asarray(W)))


# --- what is kept -------------------------------------------------------------------------------------


def kinds(found):
    """How many residuals of each shape are arguments, and results of which op."""
    return Counter((tuple(aval.shape), origin.split(" from ")[0].strip()) for aval, origin in found)


@pytest.mark.parametrize("policy", POLICIES)
def test_residuals_are_those_of_jax(policy):
    ours = saved_residuals(checkpointed(OURS, policy), jnp.asarray(X), jnp.asarray(W))
    theirs = jax_saved_residuals(checkpointed(THEIRS, policy), X, W)
    assert kinds(ours) == kinds(theirs)


def test_residuals_of_jitted_functions_inside():
    """Policies look into calls."""

    def composed(x, w):
        return jnp.sum(cujax.jit(jnp.sin)(cujax.jit(lambda x: w @ x)(x)))

    f = cujax.checkpoint(composed, policy=OURS.policies.dots_saveable)
    assert [o.split(" from ")[0] for _, o in saved_residuals(f, X, W)][-1] == "output of dot_general"
    np.testing.assert_allclose(cujax.grad(f)(X, W), W.T @ np.cos(W @ X), rtol=1e-5)


def test_printed_residuals_name_arguments_and_lines(capsys):
    print_saved_residuals(lambda x, y: jnp.sum(jnp.sin(x) * y["w"]), jnp.ones(3), {"w": jnp.ones(3)})
    lines = capsys.readouterr().out.splitlines()
    assert "float32[3] from the argument y['w']" in lines
    assert any(ln.startswith("float32[3] output of sin from ") and "test_checkpoint.py" in ln for ln in lines)


def equations(tape):
    """All equations of a tape and of the tapes inside."""
    for eqn in tape.eqns:
        inner = [p for p in eqn.params.values() if isinstance(p, Tape)]
        yield from (e for t in inner for e in equations(t)) if inner else [eqn]


def test_the_linear_map_holds_the_inputs_only():
    def deep(x):
        for _ in range(50):
            x = jnp.sin(x)
        return x

    x = jnp.ones(1000)
    _, plain = cujax.vjp(deep, x)
    _, lean = cujax.vjp(cujax.checkpoint(deep), x)
    sizes = [sum(leaf.size for leaf in cujax.tree_util.tree_leaves(f)) for f in (plain, lean)]
    assert sizes == [50 * 1000, 1000]
    assert [count_sines(f, x) for f in (deep, cujax.checkpoint(deep))] == [50, 50 + 49]


def count_sines(f, x):
    """Equations that compute a sine, in the gradient of the sum of f."""
    jaxpr = cujax.make_jaxpr(cujax.grad(lambda x: f(x).sum()))(x)
    return sum(e.primitive.name == "sin" for e in equations(jaxpr.tape))


def test_a_scan_of_checkpoints_keeps_the_carries():
    def step(c, x):
        """With a call of a library, so that it is not computed again unasked (control/recompute.py)."""
        return jnp.sin(jnp.cos(jnp.sort(c * x))), c

    xs = jnp.linspace(0.5, 1.5, 100)
    sizes = []
    for f in (step, cujax.checkpoint(step)):
        _, pull_back = cujax.vjp(lambda c, f=f: cujax.lax.scan(f, c, xs)[0].sum(), jnp.ones(10))
        sizes.append(sum(leaf.size for leaf in cujax.tree_util.tree_leaves(pull_back)))
    assert sizes[1] == 100 * 10 + 100 < sizes[0]


def test_scans_and_checkpoints():
    def case(m):
        def step(c, x):
            return m.np.sin(c * x), c

        def total(f):
            return lambda c, xs: (lambda last, ys: last + ys.sum())(*m.lax.scan(f, c, xs))

        xs = m.np.asarray(np.linspace(0.5, 1.5, 7, dtype=np.float32))
        inside, around = total(m.lib.checkpoint(step)), m.lib.checkpoint(total(step))
        grad = m.lib.grad
        return (
            [grad(f, (0, 1))(1.0, xs) for f in (inside, around)], m.lib.jit(grad(inside))(1.0, xs),
            [grad(lambda c, f=f: grad(f)(c, xs))(1.0) for f in (inside, around)],
            m.lib.vmap(grad(inside), (0, None))(m.np.asarray(X), xs),
        )

    agree(case)


# --- what it wraps ------------------------------------------------------------------------------------


def test_closed_over_values_have_derivatives():
    def case(m):
        def g(a):
            f = m.lib.checkpoint(lambda x: m.np.sin(x * a) * a)
            return f(2.0) + f(a)

        grad = m.lib.grad(g)
        return grad(3.0), m.lib.jit(grad)(3.0), m.lib.vmap(grad)(m.np.asarray(X)), m.lib.grad(grad)(3.0)

    agree(case)


def test_integers_and_custom_rules_inside():
    def case(m):
        @m.lib.custom_vjp
        def f(x):
            return m.np.sin(x)

        f.defvjp(lambda x: (f(x), m.np.cos(x)), lambda r, ct: (2.0 * r * ct,))

        @m.lib.custom_jvp
        def h(x):
            return m.np.sin(x)

        h.defjvp(lambda p, t: (h(*p), 3.0 * m.np.cos(p[0]) * t[0]))
        g = m.lib.checkpoint(lambda i, x: (i + 1, f(m.np.sin(h(x))) * i))
        grad = m.lib.grad(lambda x: g(2, x)[1])
        return grad(1.0), m.lib.jit(grad)(1.0), m.lib.grad(grad)(1.0), m.lib.vmap(grad)(m.np.asarray(X))

    agree(case)


def test_static_arguments():
    def power(x, n):
        return x**n if n > 1 else x

    agree(lambda m: m.lib.grad(m.lib.checkpoint(power, static_argnums=1))(2.0, 3))
    assert float(cujax.grad(cujax.checkpoint(power, static_argnames="n"))(2.0, n=3)) == 12.0
    assert float(cujax.checkpoint(lambda x, n: x * len(n), static_argnums=1)(2.0, [3, 4])) == 4.0
    refused_alike(lambda m: m.lib.checkpoint(power)(2.0, 3))
    with pytest.raises(cujax.errors.TracerBoolConversionError, match=r"power .* for checkpoint.*argument n"):
        cujax.checkpoint(power)(2.0, 3)


def test_it_is_traced_once():
    traces = []

    def f(x):
        traces.append(x)
        return jnp.sin(x)

    for _ in range(3):
        cujax.grad(cujax.checkpoint(f))(1.0)
        cujax.checkpoint(f)(2.0)
    assert len(traces) == 1
    cujax.checkpoint(f)(jnp.ones(3))
    assert len(traces) == 2


def test_mistakes():
    refused_alike(lambda m: m.lib.checkpoint(lambda x: x, concrete=True)(2.0))
    refused_alike(lambda m: m.lib.checkpoint(lambda x: "a")(2.0))
    refused_alike(lambda m: m.lib.checkpoint(lambda x: x)("a"))
    with pytest.raises(TypeError, match=r"checkpoint: argument x of .*test_checkpoint.py"):
        cujax.checkpoint(lambda x: x)("a")


def test_names():
    agree(lambda m: m.name({"a": m.np.asarray(X)}, "label"))
    assert "name[name=label]" in str(cujax.make_jaxpr(lambda x: checkpoint_name(x, "label"))(1.0))
