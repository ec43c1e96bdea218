"""A program whose kernels do not compile runs op by op, after one warning."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import cujax
import cujax.numpy as jnp
from cujax.engine.backends.kernel_errors import KernelCompileError
from cujax.engine.backends.select import selected

pytestmark = pytest.mark.skipif(selected().kernels is None, reason="there is no compiler here, so nothing can fail")


class Refusing:
    """A target of which every source fails, by the same error each time, as that of a compiler that takes nothing."""

    def __init__(self, target):
        self.language = target.language
        self._error = KernelCompileError("c++", "no such option", "/saved/kernels.cpp")

    def compile(self, source):
        raise self._error


def test_it_runs_all_the_same_and_warns_once(monkeypatch):
    monkeypatch.setattr(selected(), "kernels", Refusing(selected().kernels), raising=False)
    x = np.arange(5, dtype=np.float32)
    with pytest.warns(RuntimeWarning, match=r"saved in /saved/kernels.cpp[\s\S]*first runs operation by operation"):
        def first(x):
            return jnp.sin(x) * 2
        found = cujax.jit(first)(x)
    np.testing.assert_allclose(found, np.sin(x) * 2, rtol=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(cujax.jit(lambda x: jnp.cos(x) + 1)(x), np.cos(x) + 1, rtol=1e-6)
