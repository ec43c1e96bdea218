"""threads.h: every piece of a kernel's work is done once, whatever the number of threads."""

from __future__ import annotations

import ctypes
from dataclasses import replace

import numpy as np
import pytest

from cujax.engine.backends import host_compiler

SOURCE = """
#include "threads.h"

static void count_part(void* const* buffers, const long long* sizes, cj::i64 from, cj::i64 to) {
    for (cj::i64 i = from; i < to; ++i) ++static_cast<int*>(buffers[0])[i];
    if (from != 0 || to != sizes[0]) __atomic_fetch_add(static_cast<int*>(buffers[1]), 1, __ATOMIC_RELAXED);
}

extern "C" void count(void* const* buffers, const long long* sizes, int threads) {
    cj::share(count_part, buffers, sizes, sizes[0], threads);
}
"""


@pytest.fixture(scope="module", params=["openmp", "no openmp"])
def count(request, tmp_path_factory):
    compiler = host_compiler.find()
    if compiler is None:
        pytest.skip("there is no C++ compiler here")
    if request.param == "no openmp":
        compiler = replace(compiler, choice=compiler.choice._replace(openmp=False))
    path = tmp_path_factory.mktemp("threads") / "kernels.so"
    compiler.run(SOURCE, str(path))
    return ctypes.CDLL(str(path)).count


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize("pieces", [0, 1, 2, 6, 7, 1000])
def test_every_piece_is_done_once(count, pieces, threads):
    done, shares = np.zeros(pieces + 1, np.int32), np.zeros(1, np.int32)
    buffers = (ctypes.c_void_p * 2)(done.ctypes.data, shares.ctypes.data)
    count(buffers, (ctypes.c_longlong * 1)(pieces), ctypes.c_int(threads))
    assert (done[:-1] == 1).all() and done[-1] == 0
    assert shares[0] <= min(pieces, threads)
    if min(pieces, threads) <= 1:
        assert shares[0] == 0
