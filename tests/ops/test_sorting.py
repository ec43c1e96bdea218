"""Sorting: the order of special values, stability, payloads, derivatives along the permutation, errors."""

from __future__ import annotations

import jax
import ml_dtypes
import numpy as np
import pytest
from by_hand import buffers, values
from jax import lax as jax_lax

from cujax import lax
from cujax.engine.core.array import ConcreteArray, to_array
from cujax.engine.core.aval import ShapedArray
from cujax.engine.ground import dtypes
from cujax.engine.ops import sorting
from cujax.engine.transforms.jvp import jvp

FLOATS = ["float16", "bfloat16", "float32", "float64"]
SPECIAL = [0.0, -0.0, np.nan, -np.nan, 1, -1, np.inf, -np.inf, -0.0, 0.0, 2, 1]


def named(name: str) -> np.dtype:
    return np.dtype(getattr(ml_dtypes, name, None) or name)


def same(found, expected) -> None:
    """The same dtype, shape and values, with the same signs of zeros."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.dtype == expected.dtype
    if found.dtype == dtypes.bfloat16:
        found, expected = found.astype(np.float32), expected.astype(np.float32)
    np.testing.assert_array_equal(found, expected)
    if found.dtype.kind in "fc":
        np.testing.assert_array_equal(np.signbit(found.real), np.signbit(expected.real))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("stable", [True, False])
def test_zeros_are_equal_and_nan_is_last(dtype, stable, x64):
    x = np.array(SPECIAL, named(dtype))
    same(lax.sort(x, is_stable=stable), jax_lax.sort(x))
    for found, expected in zip(lax.sort_key_val(x, x[::-1]), jax_lax.sort_key_val(x, x[::-1]), strict=True):
        same(found, expected)


def test_complex_numbers_sort_by_real_then_imaginary_part(x64):
    x = np.array([1 + 1j, 1 - 1j, 0, complex(np.nan, 0), complex(0, np.nan), complex(-0.0, -1), 1j])
    places = np.arange(7)
    for found, expected in zip(lax.sort((x, places)), jax_lax.sort((x, places)), strict=True):
        same(found, expected)


def test_several_keys_sort_lexicographically():
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 3, (2, 5, 20)).astype(np.float32)
    places = np.broadcast_to(np.arange(20), (5, 20))
    for keys in (1, 2):
        found = lax.sort([first, second, places], dimension=1, num_keys=keys)
        assert isinstance(found, tuple)
        for a, b in zip(found, jax_lax.sort((first, second, places), num_keys=keys), strict=True):
            same(a, b)


def test_a_payload_may_be_random_keys():
    (words,) = buffers(np.array([5, 6, 7], np.uint64))
    keys = ConcreteArray(words, ShapedArray((3,), dtypes.key_dtype("threefry2x32")))
    _, moved = lax.sort_key_val(np.array([2, 0, 1]), keys)
    assert moved.dtype == keys.dtype
    np.testing.assert_array_equal(values(moved.buffer), [6, 7, 5])
    with pytest.raises(TypeError, match="sort does not accept dtype key<fry>"):
        lax.sort(keys)


@pytest.mark.parametrize("shape, axis", [((0,), 0), ((3, 0), 1), ((0, 3), 1), ((3, 1), 0)])
def test_empty_axes(shape, axis):
    x = to_array(np.zeros(shape, np.float32))
    outs, ts = jvp(lambda x: [lax.sort(x, axis)], [x], [x])
    assert outs[0].shape == ts[0].shape == shape
    outs, ts = jvp(lambda x: [lax.top_k(x, 0, axis=axis)[0]], [x], [x])
    assert outs[0].shape == ts[0].shape == (*shape[:axis], 0, *shape[axis + 1 :])


@pytest.mark.parametrize("dtype", FLOATS)
def test_top_k_follows_the_total_order(dtype, x64):
    """Unlike a sort: -NaN is the least, and 0.0 stands before -0.0."""
    x = np.array(SPECIAL, named(dtype))
    for k in (0, 1, 5, len(x)):
        for found, expected in zip(lax.top_k(x, k), jax_lax.top_k(x, k), strict=True):
            same(found, expected)


def test_tangents_take_the_order_of_the_primals():
    rng = np.random.default_rng(1)
    x, y, tx, ty = rng.normal(size=(4, 3, 6)).astype(np.float32)
    outs, ts = jvp(lambda x, y: lax.sort((x, y), 0), [to_array(x), to_array(y)], [to_array(tx), to_array(ty)])
    expected, expected_ts = jax.jvp(lambda x, y: jax_lax.sort((x, y), 0), (x, y), (tx, ty))
    for found, wanted in zip([*outs, *ts], [*expected, *expected_ts], strict=True):
        same(found, wanted)


X = np.ones((2, 3), np.float32)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "uint8", "int32", "uint32", "bool"])
@pytest.mark.parametrize("shape, axis", [((50,), 0), ((7, 60), 1), ((60, 7), 0), ((3, 50, 5), 1)])
def test_a_few_of_many_come_in_the_order_in_which_they_stand(dtype, shape, axis):
    rng = np.random.default_rng(0)
    x = rng.integers(-5, 5, shape).astype(dtype)
    x.flat[::4] = rng.integers(0, 2, x.flat[::4].shape) * (np.iinfo(dtype).max if "int" in dtype else 1)
    if "float" in dtype:
        x.flat[::7], x.flat[::5], x.flat[1::9] = np.nan, -0.0, np.inf
    words = sorting._descending_words(x)
    for k in (1, 3, 9, 20):
        values, places = sorting.top_k_p.impl(np, x, k=k, axis=axis)
        expected = np.argsort(words, axis=axis, kind="stable").take(np.arange(k), axis)
        np.testing.assert_array_equal(places, expected)
        np.testing.assert_array_equal(values, np.take_along_axis(x, expected, axis))


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda m: m.sort(()), TypeError, "at least one operand"),
        (lambda m: m.sort(np.float32(1)), ValueError, "axis -1 is out of bounds"),
        (lambda m: m.sort(X, 2), ValueError, "axis 2 is out of bounds"),
        (lambda m: m.sort((X, X[:1])), TypeError, r"equal shapes, got: \(2, 3\) \(1, 3\)"),
        (lambda m: m.sort((X, X), num_keys=3), ValueError, "num_keys=3 must be between 1 and"),
        (lambda m: m.sort((X, X), num_keys=0), ValueError, "num_keys=0 must be between 1 and"),
        (lambda m: m.top_k(X, 4), ValueError, "k argument to top_k must be no larger than size along axis"),
        (lambda m: m.top_k(X, -1), ValueError, "k argument to top_k must be nonnegative, got -1"),
        (lambda m: m.top_k(X, 1, axis=5), ValueError, "axis 5 is out of bounds"),
        (lambda m: m.top_k(X.astype("complex64"), 1), ValueError, "not compatible with complex"),
    ],
)
def test_errors_have_jax_s_class(call, error, text):
    with pytest.raises(error):
        call(jax_lax)
    with pytest.raises(error, match=text):
        call(lax)
