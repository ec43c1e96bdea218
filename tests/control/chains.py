"""Chains of transforms of a function of two scalars, for functions with derivative rules of their own.

Each is called with the namespace of a library (`against_jax.py`) and the function.
"""

from __future__ import annotations

import numpy as np

X = np.array([0.5, 1.0, 1.5], np.float32)

SCALAR = {
    "call": lambda m, f: f(2.0, 3.0),
    "jit": lambda m, f: m.lib.jit(f)(2.0, 3.0),
    "grad": lambda m, f: m.lib.grad(f, (0, 1))(2.0, 3.0),
    "jit-grad": lambda m, f: m.lib.jit(m.lib.grad(f, (0, 1)))(2.0, 3.0),
    "grad-jit": lambda m, f: m.lib.grad(m.lib.jit(f), (0, 1))(2.0, 3.0),
    "grad-grad": lambda m, f: m.lib.grad(m.lib.grad(f))(2.0, 3.0),
    "grad-grad-jit": lambda m, f: m.lib.grad(m.lib.grad(m.lib.jit(f)))(2.0, 3.0),
    "jit-grad-jit-grad-jit": lambda m, f: m.lib.jit(
        m.lib.grad(m.lib.jit(m.lib.grad(m.lib.jit(f), 1)))
    )(2.0, 3.0),
    "jvp": lambda m, f: m.lib.jvp(f, (2.0, 3.0), (1.0, 0.5)),
    "jvp-jit": lambda m, f: m.lib.jvp(m.lib.jit(f), (2.0, 3.0), (1.0, 0.5)),
    "jvp-jvp": lambda m, f: m.lib.jvp(lambda x: m.lib.jvp(f, (x, 3.0), (1.0, 0.5)), (2.0,), (1.0,)),
    "grad-jvp": lambda m, f: m.lib.grad(lambda x: m.lib.jvp(f, (x, 3.0), (1.0, 0.5))[1])(2.0),
    "jvp-grad": lambda m, f: m.lib.jvp(lambda x: m.lib.grad(f)(x, 3.0), (2.0,), (1.0,)),
    "jacfwd-jacrev": lambda m, f: m.lib.jacfwd(m.lib.jacrev(f, (0, 1)), (0, 1))(2.0, 3.0),
    "linearize": lambda m, f: m.lib.linearize(f, 2.0, 3.0)[1](1.0, 0.5),
    "scan": lambda m, f: m.lib.grad(
        lambda x: m.lax.scan(lambda c, _: (f(c, x), c), x, None, length=3)[0]
    )(0.7),
    "checkpoint": lambda m, f: m.lib.grad(m.lib.checkpoint(lambda x: f(f(x, x), x)))(0.7),
}
AXES = [0, (0, None), (None, 0)]
BATCHED = {
    "vmap": lambda m, f, axes, args: m.lib.vmap(f, axes)(*args),
    "vmap-grad": lambda m, f, axes, args: m.lib.vmap(m.lib.grad(f, (0, 1)), axes)(*args),
    "grad-vmap": lambda m, f, axes, args: m.lib.grad(lambda *a: m.lib.vmap(f, axes)(*a).sum(), (0, 1))(*args),
    "jit-grad-vmap": lambda m, f, axes, args: m.lib.jit(
        m.lib.grad(lambda *a: m.lib.vmap(f, axes)(*a).sum(), (0, 1))
    )(*args),
    "grad-jit-vmap-jit": lambda m, f, axes, args: m.lib.grad(
        m.lib.jit(lambda *a: m.lib.vmap(m.lib.jit(f), axes)(*a).sum()), (0, 1)
    )(*args),
    "jvp-vmap": lambda m, f, axes, args: m.lib.jvp(lambda *a: m.lib.vmap(f, axes)(*a), args, args),
    "vmap-jvp": lambda m, f, axes, args: m.lib.vmap(lambda *a: m.lib.jvp(f, a, a), axes)(*args),
    "vmap-grad-grad": lambda m, f, axes, args: m.lib.vmap(m.lib.grad(m.lib.grad(f), 1), axes)(*args),
}


def batched_arguments(m, axes):
    """Two arguments for a function that is mapped along `axes`."""
    mapped = (True, True) if axes == 0 else [a == 0 for a in axes]
    return tuple(m.np.asarray(X) if is_mapped else m.np.float32(2.0) for is_mapped in mapped)


def nested_vmaps(m, f):
    x, y = m.np.asarray(X), m.np.asarray(X[:2])
    inner = m.lib.vmap(f, (0, None))
    both = m.lib.grad(lambda x, y: m.lib.vmap(inner, (None, 0))(x, y).sum(), (0, 1))(x, y)
    mixed = m.lib.grad(lambda y: m.lib.vmap(m.lib.grad(lambda z: inner(x, z).sum()))(y).sum())(y)
    return both, mixed
