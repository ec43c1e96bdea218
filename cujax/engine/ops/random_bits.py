"""Random keys and random bits: the Threefry-2x32 hash and the ops made of it.

    threefry2x32                             the hash of counters under keys, words in and words out
    random_wrap random_unwrap                keys from pairs of words, and back
    random_seed random_split random_fold_in  keys from integers, from keys, from keys with integers
    random_clone                             the same keys, for another use
    random_bits                              unsigned integers of 8, 16, 32 or 64 bits from keys

A key is one element of a `KeyDtype`, stored as a 64-bit word: the first word of its pair in the low half,
the second in the high half.  Ops with `shape` give an array of that shape for each element of `keys`; the
others are elementwise.  `partitionable` names the layout (see `backends/numpy_threefry.py`): in it the number
at an index does not depend on how many are drawn, so that a kernel can make it in place.  No result changes
smoothly with anything: all tangents are zero.

In `cuda` texts `{i}` is the row-major index of the element within `shape`, and `{pair}` stands for the two
words along the last axis of the operand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from cujax.engine.backends.select import library
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.axis import AxisData
from cujax.engine.core.primitive import ABSENT, NOT_LINEAR, Primitive
from cujax.engine.core.trace import aval_of
from cujax.engine.core.zero import Zero
from cujax.engine.ground import dtypes
from cujax.engine.ops.families import (
    INTEGER,
    Domain,
    align_batch,
    common_shape,
    elementwise_batch,
    operands,
)
from cujax.engine.ops.structural import move_dim, zero_tangent_jvp

KEY = Domain("random key", "k")
WORD = Domain("uint32", "u")
BIT_WIDTHS = (8, 16, 32, 64)


def _check_keys(name: str, keys: ShapedArray) -> None:
    if not dtypes.is_key(keys.dtype):
        raise TypeError(
            f"{name} takes random keys, got {keys.str_short()}. Make keys with random.key(seed), "
            "or from pairs of words with random.wrap_key_data(words)."
        )


def _check_words(name: str, *words: ShapedArray) -> None:
    for aval in words:
        if aval.dtype != dtypes.uint32:
            raise TypeError(f"{name} takes words of dtype uint32, got {aval.str_short()}")


def _random(
    name: str, shape: Callable, impl: Callable, batch: Callable, cuda: Any, doc: str, used: str = "",
    index_map: Any = ABSENT,
) -> Primitive:
    """A primitive with one result, of which nothing has a derivative.  `used`: what it does with its keys, if that
    must be done once only."""
    p: Primitive = Primitive(
        name, shape=shape, impl=impl, jvp=zero_tangent_jvp(lambda: p), transpose=NOT_LINEAR, batch=batch,
        cuda=cuda, index_map=index_map, doc=doc, domain=KEY, family="random", keys=_key_use(used),
    )
    return p


def _key_use(used: str) -> Callable:
    """The `keys` rule: the keys are used up; keys in the result are new."""

    def rule(follower: Any, operands: Sequence[Any], **params: Any) -> list[None]:
        if used:
            follower.use(operands[0], used)
        return [None]

    return rule


# --- the hash -----------------------------------------------------------------------------------------


def _threefry2x32_shape(k1: ShapedArray, k2: ShapedArray, x1: ShapedArray, x2: ShapedArray) -> tuple:
    avals = (k1, k2, x1, x2)
    _check_words("threefry2x32", *avals)
    return (ShapedArray(common_shape("threefry2x32", avals), dtypes.uint32),) * 2


def _threefry2x32_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[list, list]:
    outs = threefry2x32_p.bind(*primals)
    return outs, [Zero(aval_of(o).to_tangent_aval()) for o in outs]


def _threefry2x32_batch(axis: AxisData, words: Sequence[Any], dims: Sequence[int | None]) -> tuple:
    aligned, dim = align_batch(axis, words, dims)
    return threefry2x32_p.bind(*aligned), [dim, dim]


threefry2x32_p = Primitive(
    "threefry2x32", shape=_threefry2x32_shape, impl=lambda xp, *words: library(xp).threefry2x32(*words),
    jvp=_threefry2x32_jvp, transpose=NOT_LINEAR, batch=_threefry2x32_batch, multiple=True,
    cuda="cj::threefry2x32({x}, {y}, {z}, {w})", domain=WORD, family="random",
    doc="The Threefry-2x32-20 hash of counters (x1, x2) under keys (k1, k2).",
)


def threefry2x32(k1: Any, k2: Any, x1: Any, x2: Any) -> list[Any]:
    """The two words of the hash of each counter (x1, x2) under its key (k1, k2), after 20 rounds.

    uint32 arrays of one shape, or scalars.  TypeError for another dtype or unequal shapes.
    """
    return threefry2x32_p.bind(k1, k2, x1, x2)


# --- keys and pairs of words ----------------------------------------------------------------------------


def _random_wrap_shape(words: ShapedArray, *, impl: str) -> ShapedArray:
    _check_words("random_wrap", words)
    if words.shape[-1:] != (2,):
        raise TypeError(f"random_wrap: the last axis must hold the 2 words of a key, got shape {words.shape}")
    return ShapedArray(words.shape[:-1], dtypes.key_dtype(impl))


def _random_wrap_impl(xp: Any, words: Any, *, impl: str) -> Any:
    low, high = words[..., 0].astype(np.uint64), words[..., 1].astype(np.uint64)
    return xp.bitwise_or(low, xp.left_shift(high, np.uint64(32)))


def _random_unwrap_shape(keys: ShapedArray) -> ShapedArray:
    _check_keys("random_unwrap", keys)
    return ShapedArray((*keys.shape, 2), dtypes.uint32)


def _random_unwrap_impl(xp: Any, keys: Any) -> Any:
    pair = (keys.astype(np.uint32), xp.right_shift(keys, np.uint64(32)).astype(np.uint32))
    return xp.stack(pair, axis=-1)


def _front_batch(primitive: Callable[[], Primitive]) -> Callable:
    """The batch rule of an op that treats leading axes as a batch already."""

    def rule(axis: AxisData, xs: Sequence[Any], dims: Sequence[int], **params: Any) -> tuple[Any, int]:
        return primitive().bind(move_dim(axis, xs[0], dims[0], 0), **params), 0

    return rule


random_wrap_p = _random(
    "random_wrap", _random_wrap_shape, _random_wrap_impl, _front_batch(lambda: random_wrap_p),
    "cj::random_wrap({pair})", "Pairs of words as keys.",
)
random_unwrap_p = _random(
    "random_unwrap", _random_unwrap_shape, _random_unwrap_impl, _front_batch(lambda: random_unwrap_p),
    "cj::random_unwrap({x}, {i})", "Keys as pairs of words.",
)


def random_wrap(words: Any, impl: str = "threefry2x32") -> Any:
    """Keys of shape `(...)` from words of shape `(..., 2)`; TypeError for another dtype than uint32."""
    return random_wrap_p.bind(words, impl=impl)


def random_unwrap(keys: Any) -> Any:
    """The words of `keys`, uint32 of shape `(..., 2)`."""
    return random_unwrap_p.bind(keys)


# --- seeds ----------------------------------------------------------------------------------------------


def _random_seed_shape(seeds: ShapedArray, *, impl: str) -> ShapedArray:
    if seeds.dtype not in INTEGER:
        raise TypeError(f"random_seed: a seed must be an integer, got {seeds.str_short()}")
    return ShapedArray(seeds.shape, dtypes.key_dtype(impl))


def _random_seed_impl(xp: Any, seeds: Any, *, impl: str) -> Any:
    """The low 32 bits of the seed are the second word, the bits above (of 64-bit seeds) the first."""
    half = np.uint64(32)
    if seeds.dtype.itemsize < 8:
        return xp.left_shift(seeds.astype(np.uint32).astype(np.uint64), half)
    wide = seeds.astype(np.uint64)
    return xp.bitwise_or(xp.right_shift(wide, half), xp.left_shift(wide, half))


random_seed_p = _random(
    "random_seed", _random_seed_shape, _random_seed_impl, elementwise_batch(lambda: random_seed_p),
    "cj::random_seed({x})", "A key for each integer.",
)
random_seed_p.domain = INTEGER


def random_seed(seeds: Any, impl: str = "threefry2x32") -> Any:
    """A key for each integer of `seeds`; integers of up to 32 bits are taken modulo 2**32."""
    return random_seed_p.bind(*operands(seeds), impl=impl)


# --- new keys from keys -----------------------------------------------------------------------------------


def _check_drawn_shape(name: str, shape: tuple) -> None:
    if any(d < 0 for d in shape):
        raise ValueError(f"{name}: lengths of axes must not be negative, got shape {shape}")


def _random_split_shape(keys: ShapedArray, *, shape: tuple, partitionable: bool) -> ShapedArray:
    _check_keys("random_split", keys)
    _check_drawn_shape("random_split", shape)
    return ShapedArray((*keys.shape, *shape), keys.dtype)


def _random_split_impl(xp: Any, keys: Any, *, shape: tuple, partitionable: bool) -> Any:
    return library(xp).random_split(keys, shape, partitionable)


def _drawing_batch(primitive: Callable[[], Primitive]) -> Callable:
    """The batch rule of ops with `shape`: the axes of the keys lead those of the result."""

    def rule(axis: AxisData, xs: Sequence[Any], dims: Sequence[int], **params: Any) -> tuple[Any, int]:
        return primitive().bind(xs[0], **params), dims[0]

    return rule


def _layout_cuda(name: str) -> Callable:
    """Emits `cj::random_bits<32>(key, {i})`; `cj::random_bits_older<32>(key, {i}, 7)` of 7 older ones."""

    def text(
        texts: Sequence[str], avals: Sequence[ShapedArray], *, shape: tuple, partitionable: bool,
        bit_width: int | None = None,
    ) -> str:
        width = "" if bit_width is None else f"<{bit_width}>"
        if partitionable:
            return f"cj::{name}{width}({texts[0]}, {{i}})"
        return f"cj::{name}_older{width}({texts[0]}, {{i}}, {prod(shape)})"

    return text


random_split_p = _random(
    "random_split", _random_split_shape, _random_split_impl, _drawing_batch(lambda: random_split_p),
    _layout_cuda("random_split"), "New keys from each key.", used="split",
)


def random_split(keys: Any, shape: Sequence[int], partitionable: bool) -> Any:
    """New keys, of shape `(*keys.shape, *shape)`.  ValueError for a negative length."""
    return random_split_p.bind(keys, shape=tuple(shape), partitionable=partitionable)


def _random_fold_in_shape(keys: ShapedArray, data: ShapedArray) -> ShapedArray:
    _check_keys("random_fold_in", keys)
    _check_words("random_fold_in", data)
    return ShapedArray(common_shape("random_fold_in", (keys, data)), keys.dtype)


random_fold_in_p = _random(
    "random_fold_in", _random_fold_in_shape, lambda xp, keys, data: library(xp).random_fold_in(keys, data),
    elementwise_batch(lambda: random_fold_in_p), "cj::random_fold_in({x}, {y})",
    "A new key from a key and a word.",
)


def random_fold_in(keys: Any, data: Any) -> Any:
    """A new key from each key and word of `data` (uint32); one shape, or scalars."""
    return random_fold_in_p.bind(keys, data)


def _random_clone_shape(keys: ShapedArray) -> ShapedArray:
    _check_keys("random_clone", keys)
    return keys


random_clone_p = _random(
    "random_clone", _random_clone_shape, lambda xp, keys: keys, elementwise_batch(lambda: random_clone_p), "{x}",
    "The same keys, which `debug_key_reuse` takes for others.", index_map=lambda e, index, keys: e.read(0, index),
)


def random_clone(keys: Any) -> Any:
    """`keys`, for another use."""
    return random_clone_p.bind(keys)


# --- bits -----------------------------------------------------------------------------------------------


def _random_bits_shape(
    keys: ShapedArray, *, bit_width: int, shape: tuple, partitionable: bool
) -> ShapedArray:
    _check_keys("random_bits", keys)
    _check_drawn_shape("random_bits", shape)
    if bit_width not in BIT_WIDTHS:
        raise TypeError(f"random_bits: bit_width must be one of {BIT_WIDTHS}, got {bit_width}")
    return ShapedArray((*keys.shape, *shape), np.dtype(f"uint{bit_width}"))


def _random_bits_impl(xp: Any, keys: Any, *, bit_width: int, shape: tuple, partitionable: bool) -> Any:
    return library(xp).random_bits(keys, shape, bit_width, partitionable)


random_bits_p = _random(
    "random_bits", _random_bits_shape, _random_bits_impl, _drawing_batch(lambda: random_bits_p),
    _layout_cuda("random_bits"), "Random unsigned integers from each key.", used="numbers drawn",
)


def random_bits(keys: Any, bit_width: int, shape: Sequence[int], partitionable: bool) -> Any:
    """Unsigned integers of 8, 16, 32 or 64 random bits, of shape `(*keys.shape, *shape)`.

    TypeError for another width, ValueError for a negative length.
    """
    return random_bits_p.bind(keys, bit_width=bit_width, shape=tuple(shape), partitionable=partitionable)
