"""Programs that random ones found to be compiled wrongly (tests/fuzz), as small as they get.

Each is run op by op on NumPy and through `jit`; the results have the same bits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from emulator import why_not
from emulator.backend import emulated_backend

import cujax
import cujax.numpy as jnp
from cujax import lax

pytestmark = pytest.mark.usefixtures("x64")


def check(f: Callable, *arguments: Any) -> None:
    results = cujax.tree.leaves((f(*map(jnp.asarray, arguments)), cujax.jit(f)(*arguments)))
    half = len(results) // 2
    for expected, result in zip(results[:half], results[half:], strict=True):
        assert result.dtype == expected.dtype
        np.testing.assert_array_equal(np.asarray(result), np.asarray(expected))


@pytest.fixture
def emulated():
    """Kernels are those for a GPU."""
    if reason := why_not():
        pytest.skip(reason)
    with emulated_backend():
        yield


def counted(*shape: int, dtype: Any = "float64") -> np.ndarray:
    """1, 2, 3, ... in an array."""
    return np.arange(1, np.prod(shape, dtype=int) + 1).reshape(shape).astype(dtype)


@pytest.mark.parametrize("dtype", ["float16", ml_dtypes.bfloat16])
def test_kernels_of_halfs_include_their_header(dtype):
    check(lambda x, y: lax.max(x, y), counted(3, dtype=dtype), counted(3, dtype=dtype))


def test_a_short_last_axis_of_an_empty_result():
    check(lambda x: lax.slice(x, (1, 1), (1, 3), (1, 1)), counted(4, 4))


def test_an_update_by_an_empty_array():
    check(lambda x: x.at[:, 1:, 0].set(2.0), counted(1, 1, 1))


def test_an_index_that_turns_out_to_be_constant_leaves_a_reduction_unread():
    def f(x, y):
        return lax.dynamic_update_slice(y, y + 1, (lax.reduce_and(x, (0, 1)), 0))

    check(f, counted(3, 3, dtype="int32"), counted(1, 2, dtype="int32"))


def test_a_map_that_shares_a_kernel_with_an_unread_reduction():
    def f(x, y):
        return lax.dynamic_update_slice(y, y + 1, (lax.reduce_and(x, (0, 1)), 0)), x + 1

    check(f, counted(70, 70, dtype="int32"), counted(2, 2, dtype="int32"))


def test_places_of_a_scatter_that_positions_decide():
    def f(x, i, updates):
        return x.at[lax.concatenate([i, i, i], 0)].multiply(updates)

    check(f, counted(4, dtype="int32"), np.array([2], "int32"), counted(3, dtype="int32"))


def test_a_sum_to_an_empty_row():
    check(lambda x: jnp.sum(x, (0, 2)), np.ones((70, 0, 3)))
    check(lambda x: jnp.sum(x, 0), np.ones((70, 0)))


def test_unsigned_indices_beyond_the_largest_signed_one():
    i = np.array([1, 2**63, 2**64 - 1], "uint64")
    check(lambda x, i: x.at[i].get(mode="clip"), counted(4), i)
    check(lambda x, i: x.at[i].add(1.0, mode="clip"), counted(4), i)
    check(lambda x, i: lax.dynamic_slice(x, (i[2],), (2,)), counted(4), i)


@pytest.mark.usefixtures("emulated")
def test_packs_of_a_result_in_place_of_what_is_not_read():
    def turn(i, carry):
        x, y = carry
        return x.at[1:].set(y[1:]), y.at[0].set(x[0] + 1)  # nothing of y is left

    def f(x, y):
        return lax.fori_loop(0, 3, turn, (x, y))[1]

    check(f, counted(1, 8, dtype="int32"), counted(1, 8, dtype="int32"))


@pytest.mark.parametrize("turns", [0, 1, 3])
def test_a_loop_reads_outside_its_carry_where_the_result_is_not_taken(turns):
    check(lambda x: lax.fori_loop(0, turns, lambda i, c: c.at[1:].set(c[:-1]), x), counted(2, 3))
    check(lambda x: lax.fori_loop(0, turns, lambda i, c: c.at[1:-1].set(c[2:] + 1), x), counted(3, 3))


def test_a_function_applied_several_times_at_places_of_64_bits():
    i = np.array([1, 1, 3, -1])
    check(lambda x, i: x.at[i].apply(lambda e: e * 3 + 1), counted(4, dtype="int32"), i)


@pytest.mark.parametrize("turns", [0, 1])
def test_a_carry_that_a_loop_replaces_by_something_that_does_not_change(turns):
    def f(x):
        new = (x > 2).astype("float64")
        by_count = lax.fori_loop(0, turns, lambda i, c: new, lax.floor(x))
        by_condition = lax.while_loop(lambda c: c[0] < turns, lambda c: (c[0] + 1, new), (0, lax.floor(x)))
        return by_count, by_condition

    check(f, counted(3, 2))


def test_a_library_call_in_a_loop_that_is_the_same_at_each_step():
    check(lambda x: lax.fori_loop(0, 3, lambda i, c: c + lax.sort(x)[::-1], x), counted(6))
    check(lambda x: lax.fori_loop(0, 3, lambda i, c: c * jnp.cumsum(x), x), counted(6))


def test_updates_at_the_end_of_a_row_are_entered_once():
    def f(x):
        (a, b), pull = cujax.vjp(lambda x: lax.sort((x, x), dimension=0, num_keys=1), x)
        return pull((a + 1, b + 2))

    check(f, counted(3, 50) % 5)
