"""What the tests of loops in compiled code share: steps that mix all elements, and interrupts."""

from __future__ import annotations

import signal
import time

import numpy as np
import pytest

import cujax
from cujax import lax
from cujax.engine.backends.select import selected
from cujax.engine.ground.native import native

needs_compiled_loops = pytest.mark.skipif(
    selected().kernels is None or selected().kernels.language != "host" or native is None,
    reason="compiled code goes through steps with kernels of the host and the extension",
)

SIZE = 600  # more than one lane keeps in registers: these loops are no kernels
X = np.linspace(-1, 1, SIZE, dtype=np.float32)
XS = np.linspace(0, 2, 7 * SIZE, dtype=np.float32).reshape(7, SIZE)


def mean_off(x):
    """Mixes all elements: a step of more than one kernel."""
    return x - x.sum() / SIZE


def repeated(c, times=3):
    return lax.fori_loop(0, times, lambda i, c: mean_off(c) * 0.5 + i, c)


def assert_same(expected, found):
    for a, b in zip(cujax.tree.leaves(expected), cujax.tree.leaves(found), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


def assert_interrupted(run, after=1.0):
    """A signal's handler that raises ends `run`, which would last longer than anybody waits."""

    class Interrupted(Exception):
        pass

    def interrupt(*_):
        raise Interrupted

    previous = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, after)
        started = time.monotonic()
        with pytest.raises(Interrupted):
            run()
        assert time.monotonic() - started < 30
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
