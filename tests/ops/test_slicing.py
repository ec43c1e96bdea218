"""Slices, pads, joins and windows at traced places: what the rows in op_samples do not say."""

from __future__ import annotations

import jax
import jax.numpy as jjnp
import numpy as np
import pytest

import cujax
import cujax.numpy as jnp
from cujax import lax
from cujax.engine.backends import numpy_library

X = np.arange(12, dtype="float32").reshape(3, 4)
V = np.arange(10, dtype="float32")

CALLS = [
    "lax.slice(v, (0,), (11,))", "lax.slice(v, (3,), (2,))", "lax.slice(X, (0, 1), (3, 4), (2, 2))",
    "lax.slice_in_dim(v, -3, None)", "lax.slice_in_dim(v, 0, 100)", "lax.slice_in_dim(v, 0, 10, -1)",
    "lax.index_in_dim(v, 10)", "lax.index_in_dim(X, -1, 1, False)", "lax.pad(v, 0., [(-6, -6, 0)])",
    "lax.pad(v, 0., [(1, 1, -1)])", "lax.pad(v, np.int32(0), [(1, 1, 0)])", "lax.pad(v, v, [(1, 1, 0)])",
    "lax.pad(v, 0., [(1, 1, 0)] * 2)", "lax.pad(v[:0], 1., [(1, 1, 3)])", "lax.concatenate([v, X], 0)",
    "lax.concatenate([], 0)", "lax.concatenate([v, jnp.arange(2)], 0)", "lax.concatenate([X, X[:, :2]], 0)",
    "lax.concatenate([X, X], 2)", "lax.concatenate([X, X], 1)", "lax.split(v, [3, 3])",
    "lax.split(v, [12, -2])", "lax.split(v, [3, 7], axis=-1)", "lax.split(v, [10], axis=1)",
    "lax.dynamic_slice(v, (-1,), (3,))", "lax.dynamic_slice(v, (jnp.int32(-100),), (3,))",
    "lax.dynamic_slice(v, jnp.array([8]), (3,))",
    "lax.dynamic_slice(v, (jnp.int32(-1),), (3,), allow_negative_indices=False)",
    "lax.dynamic_slice(v, (-1,), (3,), allow_negative_indices=False)", "lax.dynamic_slice(v, (1.,), (3,))",
    "lax.dynamic_slice(v, (jnp.float32(1),), (3,))", "lax.dynamic_slice(v, (1, 2), (3,))",
    "lax.dynamic_slice(v, (1,), (11,))", "lax.dynamic_slice(v, (jnp.int32(1),), (11,))",
    "lax.dynamic_slice(X, (jnp.int8(1), jnp.int32(2)), (1, 1))",
    "lax.dynamic_slice(X, (jnp.array([1]), 2), (1, 1))", "lax.dynamic_update_slice(v, jnp.ones(3), (9,))",
    "lax.dynamic_update_slice(v, jnp.ones(3), (jnp.int32(-1),))",
    "lax.dynamic_update_slice(v, jnp.ones(11), (0,))", "lax.dynamic_update_slice(v, jnp.ones((1, 3)), (0,))",
    "lax.dynamic_update_slice(v, jnp.ones(3, int), (0,))", "lax.dynamic_update_slice(v, 1., (0,))",
    "lax.dynamic_update_slice(X, jnp.ones((1, 1)), (0,))", "lax.dynamic_index_in_dim(X, 5, 1, False)",
    "lax.dynamic_update_index_in_dim(X, jnp.ones(4), 1, 0)", "lax.dynamic_slice_in_dim(X, 1, 2, axis=1)",
    "lax.dynamic_update_slice_in_dim(X, jnp.ones((1, 4)), jnp.int32(1), 0)",
    "lax.index_take(X, (jnp.array([0, 2]), jnp.array([1, -1])), (0, 1))",
    "lax.gather(v, jnp.array([[1.]]), lax.GatherDimensionNumbers((0,), (), (0,)), (3,))",
    "lax.gather(v, jnp.array([[9], [-1]]), lax.GatherDimensionNumbers((1,), (), (0,)), (3,))",
    "lax.gather(v, jnp.array([[1]]), lax.GatherDimensionNumbers((1,), (0,), (0,)), (1,))",
    "lax.gather(v, jnp.array([[1]]), lax.GatherDimensionNumbers((3,), (), (0,)), (3,))",
    "lax.gather(v, jnp.array([[1]]), lax.GatherDimensionNumbers((0,), (), (1,)), (3,))",
    "lax.gather(v, jnp.array([[1, 2]]), lax.GatherDimensionNumbers((0,), (), (0,)), (3,))",
    "lax.gather(v, jnp.array([[1]]), lax.GatherDimensionNumbers((), (0,), (0,)), (3,))",
    "lax.gather(X, jnp.array([[1, 2]]), lax.GatherDimensionNumbers((1, 0), (), (0, 1)), (2, 2))",
    "lax.gather(v, jnp.array(1), lax.GatherDimensionNumbers((0,), (), (0,)), (3,))",
    "lax.scatter(v, jnp.array([[1]]), jnp.ones((1, 11)), lax.ScatterDimensionNumbers((1,), (), (0,)))",
    "lax.scatter(v, jnp.array([[1]]), jnp.ones((1, 3), int), lax.ScatterDimensionNumbers((1,), (), (0,)))",
    "lax.scatter(v, jnp.array([[1]]), jnp.ones((2, 3)), lax.ScatterDimensionNumbers((1,), (), (0,)))",
    "lax.scatter(v, jnp.array([[1]]), jnp.ones((1,)), lax.ScatterDimensionNumbers((1,), (), (0,)))",
    "lax.scatter(v, jnp.array([[1]]), jnp.ones((1, 3)), lax.ScatterDimensionNumbers((1,), (0,), (0,)))",
    "lax.scatter(v, jnp.array([[1.]]), jnp.ones((1, 3)), lax.ScatterDimensionNumbers((1,), (), (0,)))",
    "lax.scatter_add(v > 1, jnp.array([[1]]), v[:1] > 0, lax.ScatterDimensionNumbers((), (0,), (0,)))",
    "lax.scatter_sub(v, jnp.array([[1], [1]]), jnp.ones(2), lax.ScatterDimensionNumbers((), (0,), (0,)))",
    "lax.GatherScatterMode.from_any('bad')",
    "jax.jvp(lambda y: v.at[jnp.array([1, 1])].multiply(y), (v[:2],), (v[:2],))[1]",
]


def outcome(call, library, numpy, lax):
    names = {"jnp": numpy, "np": np, "lax": lax, "jax": library, "v": numpy.asarray(V), "X": numpy.asarray(X)}
    try:
        return jax.tree.map(np.asarray, eval(call, names)), None
    except Exception as error:
        return None, error


@pytest.mark.parametrize("call", CALLS)
def test_a_call_does_what_jax_does(call):
    value, error = outcome(call, cujax, jnp, lax)
    jax_value, jax_error = outcome(call, jax, jjnp, jax.lax)
    if jax_error is not None:
        base = next(c for c in type(jax_error).__mro__ if c.__module__ == "builtins")
        assert isinstance(error, base), f"JAX raises {jax_error!r}, found {value!r} {error!r}"
        return
    if error is not None:
        raise error
    for a, b in zip(jax.tree.leaves([value]), jax.tree.leaves([jax_value]), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


def test_known_starts_need_no_start_operands():
    names = [
        e.primitive.name
        for e in cujax.make_jaxpr(
            lambda x: (lax.dynamic_slice(x, (1, -2), (1, 2)), lax.dynamic_update_slice(x, x[:1], (9, 0)))
        )(jnp.asarray(X)).eqns
    ]
    assert names == ["slice", "slice", "update_slice"]


def test_starts_that_stay_on_the_device_give_the_same(monkeypatch):
    """On a GPU the host does not wait for starts: the impls then compute places as arrays."""
    numbers = lax.ScatterDimensionNumbers((0,), (0,), (0,))

    def results():
        lists = []
        for i, j in ((0, 1), (-1, -2), (7, -9)):
            i, j = jnp.int32(i), jnp.int32(j)
            lists.append(lax.dynamic_slice(jnp.asarray(X), (i, j), (2, 3)))
            lists.append(lax.dynamic_update_slice(jnp.asarray(X), -jnp.ones((2, 3)), (i, j)))
            for scatter in (lax.scatter, lax.scatter_add, lax.scatter_mul, lax.scatter_min):
                for mode in ("clip", "drop"):
                    lists.append(scatter(jnp.asarray(X), i[None], -jnp.ones(4), numbers, mode=mode))
        return [np.asarray(a) for a in lists]

    expected = results()
    monkeypatch.setattr(numpy_library, "host_ints", lambda values: None)
    for found, known in zip(results(), expected, strict=True):
        np.testing.assert_array_equal(found, known)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32"])
@pytest.mark.parametrize("length", [5, 1000, 70_000])
def test_places_outside_of_the_operand_whatever_the_dtype_of_the_indices(dtype, length):
    """Reads outside are filled and sums outside dropped; a negative place is not the large one its bits would be."""
    limits = np.iinfo(dtype)
    places = np.array([0, 3, limits.max, limits.min, 4], dtype)
    operand = np.arange(1.0, length + 1, dtype=np.float32)
    for some in (places, places[[0, 1, 4]]):
        inside = [0 <= int(place) < length for place in some]
        read = lax.gather(operand, some[:, None], lax.GatherDimensionNumbers((), (0,), (0,)), (1,), mode="fill",
                          fill_value=-1)  # fmt: skip
        expected = [operand[place] if is_in else -1 for place, is_in in zip(some, inside, strict=True)]
        np.testing.assert_array_equal(read, expected)
        updates = np.arange(1, len(some) + 1, dtype=np.float32)
        summed = lax.scatter_add(operand, some[:, None], updates, lax.ScatterDimensionNumbers((), (0,), (0,)))
        np.add.at(expected := operand.copy(), some[inside], updates[inside])
        np.testing.assert_array_equal(summed, expected)
