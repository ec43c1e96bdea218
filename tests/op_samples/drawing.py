"""Rows of random bits, and of the op that holds a user's function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend.random import threefry2x32_p

from cujax.engine.compiler.user_functions import UserFunction
from cujax.engine.control.cuda_op import UserOp, cuda_op_p, partial_rule
from op_samples.sample import (
    COMPLEX,
    FLOATS,
    INTS,
    SCALAR,
    A,
    Operand,
    Sample,
    integers,
    keys,
    reals,
)


def _jax_keys(words: Any) -> Any:
    """JAX's keys of 64-bit words: the low half is the first of the pair."""
    pair = [words & jnp.uint64(0xFFFFFFFF), words >> jnp.uint64(32)]
    return jax.random.wrap_key_data(jnp.stack(pair, -1).astype("uint32"))


def _words(jax_keys: Any) -> Any:
    pairs = jax.random.key_data(jax_keys).astype("uint64")
    return pairs[..., 0] | pairs[..., 1] << jnp.uint64(32)


def _of_each_key(draw: Callable) -> Callable:
    """The oracle of an op that draws from every key of a vector, in the layout of the row."""

    def oracle(words: Any, *, partitionable: bool, **params: Any) -> Any:
        with jax.threefry_partitionable(partitionable):
            return jax.vmap(lambda key: draw(key, **params))(_jax_keys(words))

    return oracle


def _jax_bits(key: Any, bit_width: int, shape: tuple) -> Any:
    return jax.random.bits(key, shape, f"uint{bit_width}")


def _word_vectors() -> list[Operand]:
    return [integers((5,), 0, 2**32, "uint32") for _ in range(4)]


RANDOM = [
    Sample("threefry2x32", _word_vectors(), order=0, jax=threefry2x32_p.bind),
    Sample("random_wrap", [integers((3, 2), 0, 2**32, "uint32")], {"impl": "threefry2x32"}, order=0,
           jax=lambda pairs: _words(jax.random.wrap_key_data(pairs))),
    Sample("random_unwrap", [keys((2, 3))], order=0, jax=lambda words: jax.random.key_data(_jax_keys(words))),
    Sample("random_seed", [reals((5,), -9, 9)], {"impl": "threefry2x32"}, order=0, dtypes=INTS,
           jax=lambda seeds: _words(jax.vmap(jax.random.key)(seeds))),
    Sample("random_clone", [keys((2, 3))], order=0, jax=lambda words: words),
    Sample("random_fold_in", [keys((4,)), integers((4,), 0, 2**32, "uint32")], order=0,
           jax=lambda words, data: _words(jax.vmap(jax.random.fold_in)(_jax_keys(words), data))),
    *(
        Sample("random_split", [keys((3,))], {"shape": (2, 2), "partitionable": partitionable}, order=0,
               jax=_of_each_key(lambda key, shape: _words(jax.random.split(key, shape))),
               label=f"random_split, {layout}")
        for partitionable, layout in ((True, "partitionable"), (False, "older layout"))
    ),
    *(
        Sample("random_bits", [keys((3,))], {"bit_width": width, "shape": (2, 3), "partitionable": partitionable},
               order=0, jax=_of_each_key(_jax_bits), label=f"random_bits of {width}, {layout}")
        for width in (8, 16, 32, 64)
        for partitionable, layout in ((True, "partitionable"), (False, "older layout"))
    ),
    Sample("optimization_barrier", [reals(A), reals(SCALAR)], jax=lambda *xs: lax.optimization_barrier(xs)),
    Sample("stop_gradient", [reals(A)], dtypes=[*FLOATS, *COMPLEX], jax=lax.stop_gradient),
]

_DAMPED = UserFunction("damped", ("x", "y"), "exp(-x) * y")
_SLOPES = {"x": lambda x, y: -DAMPED(x, y), "y": lambda x, y: DAMPED(x, y * 0 + 1)}
_DAMPED_OP = UserOp(_DAMPED, lambda x, y: np.exp(-x) * y, partial_rule(_DAMPED, _SLOPES))


def DAMPED(x, y):
    return cuda_op_p.bind(x, y, op=_DAMPED_OP, dtype=x.dtype)


USER = [
    Sample("cuda_op", [reals((3, 4), -1, 1), reals((3, 4), -2, 2)], {"op": _DAMPED_OP, "dtype": np.dtype("float32")},
           jax=lambda x, y, **_: jnp.exp(-x) * y, dtypes=["float32"]),
]  # fmt: skip
