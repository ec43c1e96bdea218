"""Loops of scalars inside of loops over lanes: what they stack is of no lane; no two threads may write it."""

from __future__ import annotations

import numpy as np

import cujax
import cujax.numpy as jnp
from cujax import lax


def test_stacks_without_lanes_are_not_shared_by_threads():
    def outer(i, carry):
        x, s = carry
        s, ys = lax.scan(lambda a, k: (a * 0.9 + k, a), s, jnp.arange(5.0) * 0.1)
        s, zs = lax.scan(lambda b, y: (b * 0.5 + y, b), s, ys, reverse=True)
        return x * 0.99 + s * zs[0] + jnp.sin(x), s * 0.1

    run = cujax.jit(lambda x, s: lax.fori_loop(0, 200, outer, (x, s))[0])
    x, s = np.linspace(0, 1, 4096, dtype=np.float32), np.float32(0.3)
    alone = np.array([run(x[k : k + 1], s)[0] for k in range(0, 4096, 512)])
    for _ in range(20):
        np.testing.assert_allclose(np.asarray(run(x, s))[::512], alone, rtol=1e-4)
