"""Long sources for the host are compiled in parts at the same time."""

from __future__ import annotations

import re

import numpy as np
import pytest

from cujax.engine.backends import host_compiler
from cujax.engine.backends.host_target import HostTarget
from cujax.engine.backends.kernel_errors import KernelCompileError
from cujax.engine.ground.config import config

needs_compiler = pytest.mark.skipif(HostTarget.find() is None, reason="there is no C++ compiler here")


@pytest.fixture
def new_cache(tmp_path):
    with config.override("compilation_cache_dir", str(tmp_path)):
        yield


KERNEL = """static void scale_FACTOR_part(const float* x, float* y, long long n) {
    for (long long i = 0; i < n; ++i) y[i] = FACTOR.0f * x[i];
}

extern "C" void scale_FACTOR(void* const* buffers, const long long* sizes, int threads) {
    scale_FACTOR_part(static_cast<const float*>(buffers[0]), static_cast<float*>(buffers[1]), sizes[0]);
}
"""


def many(count, head='#include "prelude.h"\n#include "math.h"'):
    return "\n\n".join([head, *[KERNEL.replace("FACTOR", str(k + 2)).rstrip() for k in range(count)]]) + "\n"


def test_a_long_source_is_split_at_kernels(monkeypatch):
    monkeypatch.setattr(host_compiler, "_UNIT", len(KERNEL))
    units = host_compiler.split(many(7), 3)
    assert len(units) == 3
    for unit in units:
        assert unit.startswith('#include "prelude.h"\n#include "math.h"\n\n')
        assert re.findall(r"static void (\w+)_part", unit) == re.findall(r'extern "C" void (\w+)\(', unit)
    assert sorted(re.findall(r"void (\w+)\(v", "".join(units))) == [f"scale_{k}" for k in range(2, 9)]
    assert max(map(len, units)) - min(map(len, units)) <= len(KERNEL)


def test_a_source_that_is_short_or_has_more_than_kernels_stays_whole(monkeypatch):
    assert host_compiler.split(many(7), 3) == [many(7)]
    monkeypatch.setattr(host_compiler, "_UNIT", len(KERNEL))
    assert host_compiler.split(many(7), 1) == [many(7)]
    assert host_compiler.split(many(1), 8) == [many(1)]
    of_user = many(7, '#include "prelude.h"\n\nnamespace cj_user { }\n\n#line 7 "kernels"')
    others = [of_user, many(7) + "\nint after = 0;\n", many(7, '#include "prelude.h"\nint before = 0;')]
    assert [host_compiler.split(text, 3) for text in others] == [[text] for text in others]


@needs_compiler
@pytest.mark.usefixtures("new_cache")
def test_its_parts_are_one_module(monkeypatch):
    monkeypatch.setattr(host_compiler, "_UNIT", len(KERNEL))
    monkeypatch.setattr(host_compiler, "thread_count", lambda: 3)
    module = HostTarget.find().compile(many(7))
    x, y = np.arange(9, dtype=np.float32), np.empty(9, np.float32)
    pointers, sizes = np.array([x.ctypes.data, y.ctypes.data]), np.array([9])
    for k in range(2, 9):
        module.function(f"scale_{k}")(pointers.ctypes.data, sizes.ctypes.data, 1)
        np.testing.assert_array_equal(y, k * x)


@needs_compiler
@pytest.mark.usefixtures("new_cache")
def test_what_is_wrong_in_a_part_is_said(monkeypatch):
    monkeypatch.setattr(host_compiler, "_UNIT", len(KERNEL))
    monkeypatch.setattr(host_compiler, "thread_count", lambda: 3)
    with pytest.raises(KernelCompileError, match="no_such_name"):
        HostTarget.find().compile(many(7).replace("4.0f * x[i]", "no_such_name"))
