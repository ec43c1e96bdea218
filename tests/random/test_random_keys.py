"""Keys: seeds, splitting, both forms, what is refused, and what they can be put through."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from random_oracle import MODES, both_in, same, values

import cujax
import cujax.numpy as jnp
from cujax import lax, random
from cujax.engine.ground.config import config

SEEDS = [
    0, 1, -1, True, 2**31, -(2**31), 2**32 + 5, 2**63 - 1, -(2**63), np.int64(-1), np.int64(2**40 + 3),
    np.uint64(2**63 + 1), np.uint32(2**32 - 1), np.int32(-5), np.int8(-1), np.uint16(65535), np.array(3),
]


@pytest.mark.parametrize("x64", [False, True])
def test_seeds(x64):
    with both_in(x64):
        for seed in SEEDS:
            same(random.PRNGKey(seed), jax.random.PRNGKey(seed), repr(seed))
            same(random.key(seed), jax.random.key(seed), repr(seed))


@pytest.mark.parametrize("x64", [False, True])
def test_traced_seeds(x64):
    with both_in(x64):
        for seed in (3, -1, np.int32(-7), np.uint32(2**32 - 1), np.int64(2**33 + 1)):
            same(cujax.jit(random.PRNGKey)(seed), jax.jit(jax.random.PRNGKey)(seed), repr(seed))
    same(cujax.vmap(random.key)(np.arange(3)), jax.vmap(jax.random.key)(np.arange(3)))


def test_seed_offset():
    with config.override("random_seed_offset", 5):
        same(random.PRNGKey(1), np.uint32([0, 6]))
        same(random.PRNGKey(np.uint8(255)), np.uint32([0, 4]))


@pytest.mark.parametrize(("x64", "partitionable"), MODES)
def test_new_keys(x64, partitionable):
    with both_in(x64, partitionable):
        raw, jax_key = random.PRNGKey(5), jax.random.PRNGKey(5)
        for num in (0, 1, 2, 7, (2, 3), (), np.int32(2)):
            expected = jax.random.split(jax_key, num)
            same(random.split(raw, num), expected, num)
            found = random.split(random.key(5), num)
            assert found.shape == expected.shape[:-1]
            same(found, expected, num)
        for data in (0, 3, 2**31, 2**32 - 1, True, 1.5, np.int64(2**33 + 1), np.int32(-1), np.float32(7)):
            same(random.fold_in(raw, data), jax.random.fold_in(jax_key, data), data)


def test_both_forms():
    typed, raw = random.key(3), random.PRNGKey(3)
    assert raw.shape == (2,) and raw.dtype == np.uint32
    assert typed.shape == () and str(typed.dtype) == "key<fry>" == str(random.key_dtype())
    assert random.key_impl(typed) == random.key_impl(raw) == "threefry2x32"
    same(random.key_data(typed), raw)
    same(random.key_data(raw), raw)
    same(random.wrap_key_data(raw), raw)
    same(random.clone(typed), raw)
    same(random.uniform(typed, (3,)), random.uniform(raw, (3,)))
    same(random.uniform(np.asarray(raw), (3,)), random.uniform(raw, (3,)))
    same(random.key(3, impl=typed.dtype), random.key(3, dtype=typed.dtype))
    with config.override("enable_custom_prng", True):
        assert str(random.PRNGKey(3).dtype) == "key<fry>"


@pytest.mark.parametrize("impl", ["rbg", "unsafe_rbg"])
def test_generators_of_the_hardware_are_threefry(impl):
    for make in (random.key, random.PRNGKey):
        same(make(7, impl=impl), make(7))
    assert random.key_impl(random.key(7, impl=impl)) == "threefry2x32"
    assert random.key(0, impl=impl).dtype is random.key_dtype(impl) is random.key_dtype()
    words = np.arange(6, dtype=np.uint32).reshape(3, 2)
    same(random.wrap_key_data(words, impl=impl), words)
    with config.override("default_prng_impl", impl):
        assert config.jax_default_prng_impl == impl
        same(random.key(7), random.PRNGKey(7))
        same(random.uniform(random.PRNGKey(7)), random.uniform(random.key(7, impl="threefry2x32")))
    with pytest.raises(TypeError, match=r"ends with \(2,\)"):
        random.wrap_key_data(np.zeros((3, 4), np.uint32), impl=impl)


def test_printing():
    assert repr(random.PRNGKey(0)) == "Array([0, 0], dtype=uint32)"
    assert repr(random.key(0)) == repr(jax.random.key(0)) == "Array((), dtype=key<fry>) overlaying:\n[0 0]"
    for num in (3, (2, 2), 0):
        keys, expected = random.split(random.key(0), num), jax.random.split(jax.random.key(0), num)
        assert repr(keys) == repr(expected) and str(keys) == str(expected)


# --- keys are values like others ----------------------------------------------------------------------------


def test_keys_in_arrays():
    keys = random.split(random.key(1), (3, 2))
    expected = jax.random.split(jax.random.key(1), (3, 2))
    same(keys[1], expected[1])
    same(keys[:, 0], expected[:, 0])
    same(keys[np.array([2, 0])], expected[np.array([2, 0])])
    same(keys.T.reshape(6), expected.T.reshape(6))
    same(jnp.stack([random.key(0), random.key(1)]), np.uint32([[0, 0], [0, 1]]))
    same(jnp.where(np.array([True, False]), keys[0], keys[1]), jax.numpy.where(
        np.array([True, False]), expected[0], expected[1]))
    same(keys.at[0, 1].set(random.key(9))[0, 1], np.uint32([0, 9]))
    first, second = random.split(random.key(1))
    same(jnp.stack([first, second]), jax.random.split(jax.random.key(1)))


@pytest.mark.parametrize("make", [random.key, random.PRNGKey])
def test_keys_in_loops(make):
    jax_make = getattr(jax.random, make.__name__)

    def walk(module, lib, key):
        def step(carry, _):
            key, x = carry
            key, *subkeys = module.split(key, 3)
            return (key, x + module.normal(subkeys[0])), module.uniform(subkeys[1])

        return lib.scan(step, (key, np.float32(0)), None, length=4)

    (key, x), xs = cujax.jit(lambda k: walk(random, lax, k))(make(2))
    (jax_key, jax_x), jax_xs = jax.jit(lambda k: walk(jax.random, jax.lax, k))(jax_make(2))
    same(key, jax_key)
    same(xs, jax_xs)
    np.testing.assert_allclose(x, jax_x, rtol=1e-6)


def test_keys_in_branches_and_pytrees():
    def draw(tree):
        return lax.cond(tree["up"], lambda k: random.uniform(k), lambda k: -random.uniform(k), tree["key"])

    for up in (True, False):
        found = cujax.jit(draw)({"key": random.key(4), "up": up})
        assert float(found) == (1 if up else -1) * float(jax.random.uniform(jax.random.key(4)))


# --- refusals -----------------------------------------------------------------------------------------------

NO_KEYS = [
    3, None, [0, 1], (1, 2), np.uint32(3), np.zeros(2, np.float32), np.zeros(2, np.int32),
    np.zeros(3, np.uint32), np.zeros((), np.uint32),
]


@pytest.mark.parametrize("name", ["split", "uniform", "bits", "normal", "key_data", "key_impl"])
def test_no_keys(name):
    for bad in NO_KEYS:
        with pytest.raises(TypeError, match=rf"random.{name}: .*random.key\("):
            getattr(random, name)(bad)
        with pytest.raises(TypeError):
            getattr(jax.random, name)(bad)


@pytest.mark.parametrize("name", ["split", "uniform", "bits", "normal"])
def test_one_key_where_many_are_given(name):
    for many in (random.split(random.key(0), 4), random.split(random.PRNGKey(0), 4)):
        with pytest.raises(ValueError, match=rf"{name} accepts a single key, .* \(4(, 2|,)\) .*Use cujax.vmap"):
            getattr(random, name)(many)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda r: r.PRNGKey(1.0), TypeError, r"PRNGKey: PRNG key seed must be an integer; got f32\[\]"),
        (lambda r: r.key(np.arange(3)), TypeError, r"key accepts a scalar seed, .* \(3,\)"),
        (lambda r: r.key(None), ValueError, "None"),
        (lambda r: r.key(2**63), OverflowError, "64 bits"),
        (lambda r: r.key(-(2**63) - 1), OverflowError, "64 bits"),
        (lambda r: r.key(0, impl="foo"), ValueError, "unknown random generator 'foo'"),
        (lambda r: r.key(0, impl=3), TypeError, "named by a string"),
        (lambda r: r.key(0, impl="threefry2x32", dtype=r.key_dtype()), ValueError, "one of impl and dtype"),
        (lambda r: r.split(r.key(0), 2.0), TypeError, "split: Shapes must be"),
        (lambda r: r.fold_in(r.key(0), np.arange(2)), TypeError, r"fold_in accepts a scalar, .* \(2,\)"),
        (lambda r: r.fold_in(r.key(0), -1), OverflowError, "uint32"),
        (lambda r: r.fold_in(r.key(0), 2**32), OverflowError, "uint32"),
        (lambda r: r.wrap_key_data([0, 1]), TypeError, "invalid PRNG key data"),
        (lambda r: r.wrap_key_data(r.key(0)), TypeError, "invalid PRNG key data"),
        (lambda r: r.key(0) + r.key(0), TypeError, "key<fry>"),
        (lambda r: np.asarray(r.key(0)), TypeError, "key_data"),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call(random)
    with pytest.raises(error):
        call(jax.random)


def test_a_negative_number_of_keys():
    with pytest.raises(TypeError, match=r"split: .*-1"):
        random.split(random.key(0), -1)


def test_legacy_keys_can_be_refused():
    raw = random.PRNGKey(0)
    with config.override("legacy_prng_key", "warn"):
        with pytest.warns(UserWarning, match="random.uniform") as caught:
            random.uniform(raw)
        assert caught[0].filename == __file__
        random.uniform(random.wrap_key_data(raw))
    with config.override("legacy_prng_key", "error"), pytest.raises(ValueError, match="jax_legacy_prng_key"):
        random.split(raw)
    with config.override("enable_custom_prng", True), pytest.warns(FutureWarning, match="raw uint32"):
        random.uniform(raw)


def test_the_key_is_not_written_to():
    words = np.uint32([1, 2])
    before = values(random.split(words))
    same(random.split(words), before)
    assert words.tolist() == [1, 2]
