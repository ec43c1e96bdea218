"""Random keys: making, splitting and taking them apart.

A key is all the state there is: the same key gives the same numbers, on every machine and in every mode.
Typed keys (`key`) are arrays of dtype `key<fry>`, one element a key; raw keys (`PRNGKey`) are uint32 arrays
with a last axis of the key's two words.  All functions take both and give back what they were given.

There is one generator, Threefry-2x32.  JAX's "rbg" and "unsafe_rbg", which take whatever the hardware offers and
promise no particular bits, are accepted as names of it: keys made by them are Threefry keys, of two words and dtype
`key<fry>`, and `key_impl` says so.

Start at `as_keys`, through which every function of this package reads its key.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cujax import lax
from cujax.engine.core.array import Array, to_array
from cujax.engine.ground import dtypes
from cujax.engine.ground.config import config
from cujax.engine.ground.source import warn_user
from cujax.engine.ops.random_bits import (
    random_clone,
    random_fold_in,
    random_seed,
    random_split,
    random_unwrap,
    random_wrap,
)
from cujax.numpy.creation import asarray, canonical_shape
from cujax.numpy.promotion import operand

# --- reading a key --------------------------------------------------------------------------------------


def as_keys(name: str, key: Any) -> tuple[Array, bool]:
    """The argument `key` of the function `name` as typed keys, and whether it was given raw.

    TypeError for what is no key; ValueError or a warning for a raw one if `config.legacy_prng_key` says so.
    """
    if isinstance(key, Array) and dtypes.is_key(key.dtype):
        return key, False
    if isinstance(key, list | tuple | dict) or key is None:
        raise TypeError(f"random.{name}: unexpected PRNG key type {type(key)}; make a key with random.key(0)")
    words = _as_words(name, key)
    _remark_raw_key(name)
    return random_wrap(words, impl=_default_implementation()), True


def single_key(name: str, key: Any) -> tuple[Array, bool]:
    """As `as_keys`, for functions that take one key.  ValueError for an array of several."""
    keys, raw = as_keys(name, key)
    if keys.ndim:
        shape = (*keys.shape, 2) if raw else keys.shape
        raise ValueError(
            f"{name} accepts a single key, but was given a key array of shape {shape} != (). "
            "Use cujax.vmap for batching."
        )
    return keys, raw


def _as_words(name: str, words: Any) -> Any:
    """`words` if they are the words of keys: uint32 of shape (..., 2).  TypeError otherwise."""
    if not all(hasattr(words, attribute) for attribute in ("ndim", "shape", "dtype")):
        seen = f"expected an array of words or a key, got {words!r} of type {type(words)}"
    elif words.ndim < 1:
        seen = "expected at least one axis, got a scalar"
    elif tuple(words.shape)[-1] != 2:
        seen = f"expected a shape that ends with (2,), got {tuple(words.shape)}"
    elif words.dtype != dtypes.uint32:
        seen = f"expected dtype uint32, got {words.dtype}"
    else:
        return words
    raise TypeError(f"random.{name}: invalid PRNG key data: {seen}. Make a key with random.key(seed).")


def _remark_raw_key(name: str) -> None:
    if config.enable_custom_prng:
        warn_user(
            f"random.{name} was given a raw uint32 array while jax_enable_custom_prng is on; it is taken for "
            "a threefry2x32 key. Use keys made by random.key.", FutureWarning,
        )
    if config.legacy_prng_key == "allow":
        return
    text = (
        f"Legacy uint32 key array passed as key to random.{name}. Make keys with random.key(), or set "
        'jax_legacy_prng_key="allow" if a raw key array was intended.'
    )
    if config.legacy_prng_key == "error":
        raise ValueError(text)
    warn_user(text)


def _given_back(keys: Array, raw: bool) -> Array:
    return random_unwrap(keys) if raw else keys


# --- making keys ----------------------------------------------------------------------------------------


def key(seed: Any, *, impl: Any = None, dtype: Any = None) -> Array:
    """A typed key, an array of shape () and dtype key<fry>, from the integer `seed`.

    seed: a Python int of up to 64 bits, or an integer scalar, traced or not.  Without 64-bit dtypes it is
    taken modulo 2**32.  impl: the generator, "threefry2x32", or a key dtype; `dtype` is the same by another
    name.  "rbg" and "unsafe_rbg" are accepted and mean "threefry2x32" too.  Raises TypeError for a seed that is
    no integer scalar, OverflowError for a greater int, ValueError for another generator.

    >>> random.key(0)
    Array((), dtype=key<fry>) overlaying:
    [0 0]
    """
    return _seeded("key", seed, _implementation("key", impl, dtype))


def PRNGKey(seed: Any, *, impl: Any = None) -> Array:
    """A raw key, a uint32 array of shape (2,), from the integer `seed`.

    seed, impl and errors as for `key`.  A typed key while `config.enable_custom_prng` is on.

    >>> random.PRNGKey(0)
    Array([0, 0], dtype=uint32)
    """
    made = _seeded("PRNGKey", seed, _implementation("PRNGKey", impl, None))
    return made if config.enable_custom_prng else random_unwrap(made)


def _default_implementation() -> str:
    return dtypes.key_dtype(config.default_prng_impl).impl


def _implementation(name: str, impl: Any, dtype: Any) -> str:
    if impl is not None and dtype is not None:
        raise ValueError(f"random.{name}: give one of impl and dtype, got impl={impl!r} and dtype={dtype}")
    spec = impl if dtype is None else dtype
    if spec is None:
        return _default_implementation()
    if dtypes.is_key(spec):
        return spec.impl
    if not isinstance(spec, str):
        raise TypeError(f"random.{name}: a generator is named by a string or a key dtype, got {type(spec)}")
    try:
        return dtypes.key_dtype(spec).impl
    except ValueError as error:
        raise ValueError(f"random.{name}: {error}") from None


def _seeded(name: str, seed: Any, impl: str) -> Array:
    seeds = _int_seed(name, int(seed)) if isinstance(seed, int) else asarray(seed)
    if not dtypes.is_integer(seeds.dtype):
        raise TypeError(f"{name}: PRNG key seed must be an integer; got {seeds.aval.str_short()}")
    if seeds.ndim:
        raise TypeError(
            f"{name} accepts a scalar seed, but was given an array of shape {seeds.shape} != (). "
            "Use cujax.vmap for batching"
        )
    if config.random_seed_offset:
        offset = np.asarray(config.random_seed_offset).astype(seeds.dtype)
        seeds = lax.add(seeds, offset)
    return random_seed(seeds, impl)


def _int_seed(name: str, seed: int) -> Array:
    if not -(2**63) <= seed < 2**63:
        raise OverflowError(f"{name}: a seed must fit 64 bits with sign, got {seed}; write seed % 2**63")
    return to_array(np.int64(seed))


def wrap_key_data(key_bits_array: Any, *, impl: Any = None, dtype: Any = None) -> Array:
    """Typed keys of shape `(...)` from their words, uint32 of shape `(..., 2)` whatever `impl` says.

    impl, dtype: as in `key`.  TypeError for words of another dtype or shape.

    >>> stored = random.key_data(random.key(0))  # in a file, for instance
    >>> key = random.wrap_key_data(stored)
    """
    impl = _implementation("wrap_key_data", impl, dtype)
    return random_wrap(_as_words("wrap_key_data", key_bits_array), impl)


# --- taking keys apart ------------------------------------------------------------------------------------


def key_data(keys: Any) -> Array:
    """The words of `keys`: uint32 of shape `(..., 2)`.  TypeError for what is no key."""
    return random_unwrap(as_keys("key_data", keys)[0])


def key_impl(keys: Any) -> str:
    """The name of the generator that `keys` belong to.  TypeError for what is no key."""
    return as_keys("key_impl", keys)[0].dtype.impl


def key_dtype(impl_spec: Any = None) -> Any:
    """The dtype of keys of the generator `impl_spec`, by default `config.default_prng_impl`.

    impl_spec: the name of a generator, or a key dtype, which is returned.  Errors as `key`.
    """
    return dtypes.key_dtype(_implementation("key_dtype", impl_spec, None))


def clone(key: Any) -> Array:
    """`key` again, to say that it is used a second time on purpose, which `debug_key_reuse` would refuse.

    key: one key or several, typed or raw; other arrays and numbers are given back.  TypeError for what is no array.
    """
    made = operand("clone", key, "key")
    if not isinstance(made, Array):
        return asarray(key)
    return random_clone(made) if dtypes.is_key(made.dtype) else made


# --- new keys from old ------------------------------------------------------------------------------------


def split(key: Any, num: Any = 2) -> Array:
    """`num` new keys, independent of each other and of `key`, which must not be used again.

    num: an int, or a shape.  The result has shape `(num,)` or `num`, for a raw key followed by 2.
    TypeError for what is no key or no shape, ValueError for several keys.

    >>> key, subkey = random.split(random.key(0))
    >>> of_particles = random.split(subkey, 1000)
    """
    one, raw = single_key("split", key)
    return _given_back(split_typed(one, canonical_shape("split", num)), raw)


def split_typed(key: Array, shape: tuple[int, ...]) -> Array:
    """New keys of `shape` from one typed key."""
    return random_split(key, shape, config.threefry_partitionable)


def split_in(key: Array, num: int) -> list[Array]:
    """`num` new keys from one typed key, each by itself."""
    keys = split_typed(key, (num,))
    return [lax.index_in_dim(keys, i, 0, keepdims=False) for i in range(num)]


def fold_in(key: Any, data: Any) -> Array:
    """A new key from `key` and the integer `data`: one for each step of a loop, each particle, each device.

    data: a Python number, of which the whole part counts, from 0 to 2**32 - 1 (OverflowError otherwise), or a scalar,
    which is converted to uint32.  TypeError for an array, ValueError for several keys.

    >>> def step(i, x):
    ...     return x + random.normal(random.fold_in(key, i), x.shape)
    """
    one, raw = single_key("fold_in", key)
    return _given_back(random_fold_in(one, _word(data)), raw)


def _word(data: Any) -> Any:
    if isinstance(data, int) or type(data) is float:
        return _python_word(data)
    found = operand("fold_in", data, "data")
    if dtypes.is_complex(found.dtype):
        raise TypeError(f"fold_in: data must be an integer, got {found.aval.str_short()}; write data.real.astype(int)")
    if found.ndim:
        raise TypeError(
            f"fold_in accepts a scalar, but was given an array of shape {found.shape} != (). "
            "Use cujax.vmap for batching."
        )
    return lax.convert_element_type(found, dtypes.uint32)


def _python_word(data: int | float) -> np.uint32:
    if not -1 < data < 2**32:
        error = ValueError if data != data else OverflowError  # NaN is no number at all
        raise error(f"fold_in: data must be from 0 to 2**32 - 1, what uint32 holds, got {data}; write data % 2**32")
    return np.uint32(int(data))
