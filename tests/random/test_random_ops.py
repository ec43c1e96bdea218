"""The ops of random keys and bits: shapes, batches, errors, and the fused multiply-add."""

from __future__ import annotations

import jax
import jax.extend
import numpy as np
import pytest
from random_oracle import same, values

import cujax
from cujax.engine.core.zero import Zero
from cujax.engine.ground import dtypes
from cujax.engine.ops import random_bits as ops
from cujax.engine.transforms.jvp import jvp

pytestmark = pytest.mark.usefixtures("reuse_of_keys")  # the same key in every way of drawing from it

KEY = ops.random_seed(7)
KEYS = ops.random_split(KEY, (3, 2), True)
DRAWS = {
    "bits": lambda k: ops.random_bits(k, 16, (5,), True),
    "older bits": lambda k: ops.random_bits(k, 8, (3, 3), False),
    "split": lambda k: ops.random_split(k, (4,), True),
    "older split": lambda k: ops.random_split(k, (), False),
    "fold_in": lambda k: ops.random_fold_in(k, np.uint32(9)),
    "unwrap": ops.random_unwrap,
    "wrap": lambda k: ops.random_wrap(ops.random_unwrap(k)),
}


@pytest.mark.parametrize("name", DRAWS)
def test_a_batch_of_keys_is_a_loop(name):
    draw = DRAWS[name]
    expected = np.stack([[values(draw(k)) for k in row] for row in KEYS])
    same(draw(KEYS), expected)
    same(cujax.vmap(cujax.vmap(draw))(KEYS), expected)
    same(cujax.vmap(draw, in_axes=1, out_axes=1)(KEYS), expected)
    same(cujax.vmap(draw)(KEYS[:0]), expected[:0])


@pytest.mark.parametrize("name", DRAWS)
def test_jit_is_eager(name):
    same(cujax.jit(DRAWS[name])(KEYS), DRAWS[name](KEYS))


def test_words_and_keys():
    words = np.arange(12, dtype=np.uint32).reshape(3, 2, 2)
    keys = ops.random_wrap(words)
    assert keys.shape == (3, 2) and str(keys.dtype) == "key<fry>"
    same(ops.random_unwrap(keys), words)


def test_threefry_is_jax_s():
    rng = np.random.default_rng(0)
    words = [rng.integers(0, 2**32, 5, dtype=np.uint32) for _ in range(4)]
    for found, expected in zip(
        ops.threefry2x32(*words), jax.extend.random.threefry2x32_p.bind(*words), strict=True
    ):
        same(found, expected)
    batched = cujax.vmap(ops.threefry2x32, in_axes=(None, None, None, 0))(*words[:3], np.uint32([4, 5]))
    for i, x2 in enumerate((4, 5)):
        alone = ops.threefry2x32(*words[:3], np.full(5, x2, np.uint32))
        for found, expected in zip(batched, alone, strict=True):
            same(found[i], expected)


def test_tangents_are_zero():
    x = cujax.numpy.float32(0.5)

    def draw(x):
        return [ops.random_bits(KEY, 32, (2,), True), x]

    _, (of_bits, _) = jvp(draw, [x], [x])
    assert type(of_bits) is Zero and of_bits.dtype == dtypes.float0


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: ops.random_bits(np.zeros(2, np.uint32), 32, (2,), True), TypeError, "takes random keys"),
        (lambda: ops.random_bits(KEY, 24, (2,), True), TypeError, "bit_width must be one of"),
        (lambda: ops.random_bits(KEY, 32, (-1,), True), ValueError, "must not be negative"),
        (lambda: ops.random_wrap(np.zeros(3, np.uint32)), TypeError, "2 words of a key"),
        (lambda: ops.random_wrap(np.zeros(2, np.int32)), TypeError, "dtype uint32"),
        (lambda: ops.random_seed(1.5), TypeError, "must be an integer"),
        (lambda: ops.random_fold_in(KEY, np.int32(3)), TypeError, "dtype uint32"),
        (lambda: ops.random_fold_in(KEYS, np.zeros(4, np.uint32)), TypeError, "incompatible shapes"),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call()
