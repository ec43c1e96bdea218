"""Our pytrees and JAX's side by side: `same(call)` runs `call(ours)` and `call(theirs)` and compares."""

import jax

import cujax.tree_util

ours, theirs = cujax.tree_util, jax.tree_util


def outcome(fun, *args, **kwargs):
    """What a call gives, as text, or the class of its error: comparable across the two sides."""
    try:
        return repr(fun(*args, **kwargs))
    except Exception as error:
        return type(error)


def same(call):
    """Asserts that `call(side)` has the same outcome on both sides, and returns it."""
    here, there = outcome(call, ours), outcome(call, theirs)
    assert here == there
    return here
