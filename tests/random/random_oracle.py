"""Comparing with JAX: the same call on both sides, in one mode, with equal bits."""

from __future__ import annotations

import contextlib
import itertools

import jax
import numpy as np

import cujax.random
from cujax.engine.ground import dtypes
from cujax.engine.ground.config import config

MODES = list(itertools.product((False, True), (True, False)))  # (enable_x64, threefry_partitionable)
TWO_MODES = [(False, True), (True, False)]  # each value of both: for what is made of bits that MODES cover


@contextlib.contextmanager
def both_in(x64: bool, partitionable: bool = True):
    """cujax and JAX with these options."""
    with (
        config.override("enable_x64", x64), config.override("threefry_partitionable", partitionable),
        jax.enable_x64(x64), jax.threefry_partitionable(partitionable),
    ):
        yield


def values(x) -> np.ndarray:
    """An array, or the words of keys, of either library as a NumPy array."""
    if isinstance(x, np.ndarray | np.generic):
        return np.asarray(x)
    if dtypes.is_key(x.dtype):
        return np.asarray(cujax.random.key_data(x))
    return np.asarray(jax.random.key_data(x) if jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key) else x)


def same(found, expected, what="") -> None:
    """Equal bits, dtype and shape."""
    found, expected = values(found), values(expected)
    assert found.dtype == expected.dtype, what
    assert found.shape == expected.shape, what
    if found.tobytes() != expected.tobytes():
        np.testing.assert_array_equal(found, expected, err_msg=str(what))
        raise AssertionError(f"zeros of different sign: {what}")


def close(found, expected, ulp: float, what="", scale: float = 0.0) -> None:
    """Equal within `ulp` units of the last place of the value, or of `scale` where that is greater."""
    found, expected = values(found), values(expected)
    assert found.dtype == expected.dtype, what
    assert found.shape == expected.shape, what
    eps = float(dtypes.finfo(found.dtype).eps)
    wide = np.complex128 if found.dtype.kind == "c" else np.float64
    np.testing.assert_allclose(
        found.astype(wide), expected.astype(wide), rtol=ulp * eps, atol=ulp * eps * scale, err_msg=str(what)
    )


def agree(name: str, *args, **kwargs) -> None:
    """The function `name` of the two random modules gives the same bits for the key of seed 3."""
    found = getattr(cujax.random, name)(cujax.random.PRNGKey(3), *args, **kwargs)
    expected = getattr(jax.random, name)(jax.random.PRNGKey(3), *args, **kwargs)
    same(found, expected, (name, args, kwargs))


def quickly(fun, level: int = 0):
    """JAX's `fun` as a program that is hardly optimized, which is most of its time.

    At level 0 sums of products are rounded twice: for integers, and for floats that are compared with a tolerance.  At
    level 1 they are rounded once, as usual.
    """
    return jax.jit(fun, compiler_options={"xla_backend_optimization_level": level})


@contextlib.contextmanager
def together(level: int = 0):
    """Gives an `agree` that notes calls; at the end all of them are compared, in one program of JAX's of this level."""
    calls = []
    yield lambda name, *args, **kwargs: calls.append((name, args, kwargs))

    def draws(module, key):
        return [getattr(module, name)(key, *args, **kwargs) for name, args, kwargs in calls]

    expected = quickly(lambda key: draws(jax.random, key), level)(jax.random.PRNGKey(3))
    for call, mine, theirs in zip(calls, draws(cujax.random, cujax.random.PRNGKey(3)), expected, strict=True):
        same(mine, theirs, call)
