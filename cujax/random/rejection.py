"""The loop of samplers that propose until all elements of an array have accepted: binomial and poisson."""

from __future__ import annotations

from collections.abc import Callable

from cujax import lax
from cujax import numpy as jnp
from cujax.engine.core.array import Array
from cujax.random.keys import split_in


def until_accepted(
    key: Array, proposal: Callable[[list[Array]], tuple[Array, Array]], like: Array, needed: Array
) -> Array:
    """Numbers of the shape and dtype of `like`; an element keeps the last one it accepted, as in JAX.

    So elements are not independent loops.  `proposal(two keys)` gives numbers and which of them are accepted; nothing
    is proposed unless the result is `needed`.
    """

    def propose(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        key, number, done = state
        following, *keys = split_in(key, 3)
        proposed, accepted = proposal(keys)
        return following, jnp.where(accepted, proposed, number), done | accepted

    start = (key, jnp.full(like.shape, -1, like.dtype), jnp.zeros(like.shape, bool))
    return lax.while_loop(lambda state: needed & jnp.any(~state[2]), propose, start)[1]
