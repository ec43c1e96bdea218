"""Transforms compose freely: every pair and some triples, over functions with control flow, against JAX.

Every function and every transform here maps a vector of three floats to a vector of three floats, written
once with the library as an argument, so that any chain of transforms can be applied to any function with
either library.
"""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import jax
import jax.numpy as jax_numpy
import numpy as np
import pytest
from compiled_oracle import QUICKLY

import cujax
import cujax.numpy as cujax_numpy

OURS = SimpleNamespace(lib=cujax, np=cujax_numpy, lax=cujax.lax)
THEIRS = SimpleNamespace(lib=jax, np=jax_numpy, lax=jax.lax)
X = np.array([0.3, 0.7, 1.1])
V = np.array([0.5, -1.0, 0.25])

# --- functions ------------------------------------------------------------------------------------------


def smooth(m):
    return lambda x: m.np.sin(x) * x[::-1] + m.np.exp(-x) / (1 + x**2)


def indexed(m):
    def f(x):
        y = m.np.zeros(5, x.dtype).at[np.array([0, 2, 2])].add(x).at[1:3].multiply(2.0)
        return y[np.array([2, 0, 4])] + x[-1] * y[1:4]

    return f


def branch(m):
    def f(x):
        return m.lax.cond(m.np.sum(x) > 1.0, lambda x: m.np.sin(x) * x, lambda x: x - 2.0, x)

    return f


def branch_per_element(m):
    def one(x):
        return m.lax.cond(x > 0.5, lambda x: x * m.np.tanh(x), lambda x: 3.0 * x, x)

    return lambda x: m.lib.vmap(one)(x)


def scan(m):
    def step(carry, x):
        total, scale = carry
        total = total * m.np.cos(x) + scale
        return (total, scale * 0.9), total * x

    def f(x):
        (total, _), ys = m.lax.scan(step, (x[0], m.np.float64(1.0)), x)
        return ys + total

    return f


def reversed_scan_of_checkpoint(m):
    def f(x):
        def step(carry, y):
            return m.np.sin(carry * y + x[1]), carry

        last, ys = m.lax.scan(m.lib.checkpoint(step), x[0], x, reverse=True)
        return ys * last

    return f


def fori(m):
    def f(x):
        return m.lax.fori_loop(0, 4, lambda i, y: m.np.sin(y) + x * i, x)

    return f


def custom_jvp(m):
    @m.lib.custom_jvp
    def g(x, y):
        return m.np.sin(x) * y

    @g.defjvp
    def rule(primals, tangents):
        (x, y), (tx, ty) = primals, tangents
        return g(x, y), m.np.cos(x) * tx * y + m.np.sin(x) * ty + 0.1 * tx

    return lambda x: g(x, x[::-1])


def linear_algebra(m):
    def f(x):
        matrix = m.np.outer(x, x) + m.np.eye(3) * 4.0
        return m.np.linalg.solve(matrix, m.np.cos(x)) + m.np.dot(matrix, x) * 0.1

    return f


def while_loop(m):
    def f(x):
        def body(state):
            i, y = state
            return i + 1, y * 0.8 + m.np.sin(x)

        return m.lax.while_loop(lambda s: (m.np.max(s[1]) < 2.0) & (s[0] < 6), body, (0, x))[1]

    return f


def custom_vjp(m):
    @m.lib.custom_vjp
    def g(x):
        return m.np.sin(x) * x

    def fwd(x):
        return g(x), (x, m.np.cos(x))

    def bwd(residuals, ct):
        x, c = residuals
        return (ct * c * x * 1.1,)

    g.defvjp(fwd, bwd)
    return lambda x: g(x) * x[0]


BOTH_MODES = [
    smooth, indexed, branch, branch_per_element, scan, reversed_scan_of_checkpoint, fori,
    custom_jvp, linear_algebra,
]

# --- transforms -----------------------------------------------------------------------------------------


def jit(m, f):
    return m.lib.jit(f)


def grad(m, f):
    return m.lib.grad(lambda x: m.np.sum(f(x) * V))


def jvp(m, f):
    return lambda x: m.lib.jvp(f, (x,), (m.np.asarray(V),))[1]


def vmap(m, f):
    return lambda x: m.np.sum(m.lib.vmap(f)(m.np.stack([x, 0.5 * x, x + 0.1])), 0)


def vmap_out(m, f):
    return lambda x: m.lib.vmap(lambda a: f(x * a), in_axes=0, out_axes=1)(m.np.asarray(V)) @ m.np.asarray(X)


def linearize(m, f):
    return lambda x: m.lib.linearize(f, x)[1](m.np.asarray(V))


def vjp(m, f):
    return lambda x: m.lib.vjp(f, x)[1](m.np.asarray(V))[0]


def jacfwd(m, f):
    return lambda x: m.lib.jacfwd(f)(x) @ m.np.asarray(V)


def jacrev(m, f):
    return lambda x: m.lib.jacrev(f)(x) @ m.np.asarray(V)


def checkpoint(m, f):
    return m.lib.checkpoint(f)


FORWARD = [jit, jvp, vmap, jacfwd]
REVERSE = [jit, grad, vmap, vjp]
ALL = [jit, grad, jvp, vmap, linearize, vjp, jacfwd, checkpoint]
TRIPLES = [
    (grad, grad, jit), (jit, grad, grad), (vmap, grad, jit), (jit, vmap, grad), (grad, vmap, grad),
    (jvp, grad, vmap), (jacfwd, jacrev, jit), (grad, checkpoint, grad), (vmap_out, vmap, grad),
    (linearize, vmap, jit),
]


def chained(m, function, transforms):
    f = function(m)
    for transform in reversed(transforms):
        f = transform(m, f)
    return f


def same(function, *chains):
    """Each chain of transforms gives what it gives in JAX, which computes all of them by one program: to compile each
    operation, or each chain, takes it several times as long."""
    theirs = jax.jit(lambda x: [chained(THEIRS, function, chain)(x) for chain in chains], compiler_options=QUICKLY)
    for chain, expected in zip(chains, theirs(X), strict=True):
        found = chained(OURS, function, chain)(OURS.np.asarray(X))
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12, err_msg=names(chain))


def names(case):
    return getattr(case, "__name__", None) or "-".join(t.__name__ for t in case)


@pytest.mark.parametrize("function", BOTH_MODES, ids=names)
@pytest.mark.parametrize("first", ALL, ids=names)
def test_pairs(x64, function, first):
    same(function, *((first, second) for second in ALL))


@pytest.mark.parametrize("function", BOTH_MODES, ids=names)
@pytest.mark.parametrize("transforms", TRIPLES, ids=names)
def test_triples(x64, function, transforms):
    same(function, transforms)


@pytest.mark.parametrize("transforms", list(itertools.product(FORWARD, repeat=2)), ids=names)
def test_while_forward(x64, transforms):
    same(while_loop, transforms)


@pytest.mark.parametrize("transforms", list(itertools.product(REVERSE, repeat=2)), ids=names)
def test_custom_vjp_reverse(x64, transforms):
    same(custom_vjp, transforms)
