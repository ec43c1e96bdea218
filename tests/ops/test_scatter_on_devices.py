"""The algorithms by which the cuda backend scatters, run on NumPy arrays."""

from __future__ import annotations

import numpy as np
import pytest

from cujax.engine.backends import cuda_scatter, numpy_scatter
from cujax.engine.ground.config import config


@pytest.mark.parametrize("kind", ["add", "multiply", "minimum", "maximum"])
@pytest.mark.parametrize("shape", [(), (3,)])
@pytest.mark.parametrize("count", [0, 1, 2, 7, 100])
def test_a_segmented_scan_combines_equal_rows(kind, shape, count):
    rng = np.random.default_rng(count)
    rows = rng.integers(0, 6, count)
    updates = rng.uniform(0.5, 1.5, (count, *shape))
    found, expected = (np.ones((6, *shape)) for _ in range(2))
    cuda_scatter.combine_sorted(np, getattr(np, kind), found, rows, updates)
    numpy_scatter.scatter_rows(kind, expected, rows, updates, False)
    np.testing.assert_allclose(found[:-1], expected[:-1], rtol=1e-12)  # nobody needs the last row


def test_the_last_writer_of_a_row_wins():
    rows = np.array([2, 0, 2, 1, 2, 0, 5, 5])
    winners = cuda_scatter.last_writers(np, np.zeros(6), rows)
    assert winners.tolist() == [5, 5, 5, 1, 2, 0, 5, 5]


@pytest.mark.parametrize("deterministic", (True, False))
def test_floats_are_added_atomically_only_where_results_need_not_repeat(deterministic):
    with config.override("deterministic", deterministic):
        assert cuda_scatter.adds_atomically(np.dtype("int32"))
        assert cuda_scatter.adds_atomically(np.dtype("float32")) is not deterministic
        assert not cuda_scatter.adds_atomically(np.dtype("complex64"))


def test_integers_are_read_only_where_they_are():
    assert cuda_scatter.host_ints([np.int32(3), 4]) == (3, 4)

    class OnDevice:
        __cuda_array_interface__ = {}  # noqa: RUF012

    assert cuda_scatter.host_ints(OnDevice()) is None
    assert cuda_scatter.host_ints([OnDevice(), 1]) is None
