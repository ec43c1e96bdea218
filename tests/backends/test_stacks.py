"""Decompositions of stacks of small matrices, shared among threads: the results and OpenBLAS's own threads."""

from __future__ import annotations

import numpy as np
import pytest

from cujax.engine.backends import numpy_stacks
from cujax.engine.backends.numpy_stacks import over_stack


@pytest.fixture(autouse=True)
def three_threads(monkeypatch):
    monkeypatch.setattr(numpy_stacks, "thread_count", lambda: 3)


def symmetric(*shape):
    a = np.random.default_rng(0).normal(size=shape)
    return a + a.swapaxes(-1, -2)


@pytest.mark.parametrize("shape", [(64, 32, 32), (7, 5, 32, 32), (2, 8, 8), (1, 150, 150), (0, 4, 4)])
def test_results_are_numpys_to_the_bit(shape):
    a = symmetric(*shape)
    for found, expected in zip(over_stack(np.linalg.eigh, a), np.linalg.eigh(a), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.skipif(numpy_stacks._openblas() is None, reason="this NumPy does not use an OpenBLAS of its own")
def test_openblas_has_one_thread_meanwhile_and_its_own_afterwards():
    openblas, seen = numpy_stacks._openblas(), []
    openblas._set(2)

    def decompose(a):
        seen.append((openblas._get(), len(a)))
        return (a,)

    over_stack(decompose, symmetric(100, 32, 32))
    assert sorted(n for _, n in seen) == [33, 33, 34] and {threads for threads, _ in seen} == {1}
    assert openblas._get() == 2
    with pytest.raises(np.linalg.LinAlgError):
        over_stack(lambda a: (np.linalg.cholesky(a),), symmetric(100, 32, 32))
    assert openblas._get() == 2
