"""The workloads that are loops over lanes: how many kernels they launch, and the bytes that these move."""

from __future__ import annotations

import numpy as np
import pytest

import cujax
from bench import peers
from bench.workloads import w5_ode_ensemble as w5
from bench.workloads import w6_recurrence as w6
from bench.workloads import w7_monte_carlo as w7
from bench.workloads import w11_small_dense as w11
from cujax.engine.backends.select import selected

pytestmark = pytest.mark.skipif(selected().kernels is None, reason="there is no compiler here, so there are no kernels")
CUJAX = peers.PEERS["cujax"]()


def counted(function, *args):
    found = cujax.jit(function).lower(*args).compile().memory_analysis()
    assert found.kernels == found.launches
    return found.launches, found.bytes_moved


@pytest.mark.parametrize("systems", [1000, 2000])
@pytest.mark.parametrize("make", [
    lambda p: w5.lanes_fixed(p, 10), lambda p: w5.lanes_fixed(p, 1000), w5.lanes_adaptive,
], ids=["10 steps", "1000 steps", "adaptive"])
def test_an_ensemble_reads_its_parameters_and_writes_its_states(make, systems):
    """Of any length; the three numbers are the state from which all start."""
    rho = np.linspace(0, 21, systems, dtype=np.float32)
    assert counted(make(CUJAX), rho) == (1, 4 * (systems * (1 + 3) + 3))


def test_a_recurrence_reads_and_writes_single_numbers():
    r, x = np.float32(3.5), np.float32(0.2)
    assert counted(w6.last_of(CUJAX, 10**7), r, x) == (1, 3 * 4)
    assert counted(w6.all_of(CUJAX, 1000), r, x) == (1, 4 * (2 + 1000))
    assert counted(w6.sum_of(CUJAX, 1000), np.int32(7)) == (1, 2 * 4)


@pytest.mark.parametrize("paths", [1000, 2000])
@pytest.mark.parametrize("steps", [16, 252])
def test_paths_write_their_ends_once(paths, steps):
    """The paths are a kernel, sums over them another; going backwards, too, nothing is kept for the steps."""
    price, words = w7.jax_price(CUJAX, paths, steps), (w7.SEED, w7.STRIKE, w7.VOL)
    assert counted(w7.only_price(price), *words) == (2, 4 * (2 * paths + 5))
    launches, moved = counted(w7.with_forward(CUJAX, price), *words)
    assert launches == 4 and moved <= 40 * paths + 100
    launches, moved = counted(w7.with_reverse(CUJAX, price), *words)
    assert launches == 2 and moved <= 40 * paths + 100


def test_stacks_of_matrices_are_read_and_written_once():
    matrices, right_sides = w11.matrices(1000, 3), w11.right_sides(1000, 3)
    assert counted(w11.SOLVE["jax"](CUJAX), matrices, right_sides) == (1, 4 * 1000 * (9 + 3 + 3))
    launches, moved = counted(w11.INVERT["jax"](CUJAX), matrices)
    is_apart = launches == 2  # the identity, written once for all
    assert launches - is_apart == 1 and moved == 4 * 1000 * (9 + 9) + 2 * 9 * is_apart
