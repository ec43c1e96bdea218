"""Ops that write into buffers given as `out`, and ops whose results are memory of their own: what their records say."""

from __future__ import annotations

from itertools import pairwise
from sys import getrefcount

import jax
import numpy as np
import pytest
from by_hand import overlap
from op_samples import SAMPLES
from test_ops import REGISTRY, domain_of, draw, made

from cujax.engine.backends import numpy_fft
from cujax.engine.backends.select import selected
from cujax.engine.core.primitive import View
from cujax.engine.ground.config import config

WRITING = [s for s in SAMPLES if REGISTRY[s.op].writes_out]
FRESH = [s for s in SAMPLES if REGISTRY[s.op].is_fresh]
VIEWS = [s for s in SAMPLES if REGISTRY[s.op].view]


@pytest.fixture(autouse=True)
def wide():
    """All dtypes exist in these tests."""
    with config.override("enable_x64", True), jax.enable_x64(True):
        yield


def buffers_of(sample, dtype):
    return [x.buffer for x in made(sample, draw(sample, dtype))]


def run(sample, buffers, **more):
    """The results, as a list."""
    primitive, backend = REGISTRY[sample.op], selected()
    with backend.quiet():
        found = primitive.impl(backend.xp, *buffers, **sample.params, **more)
    return list(found) if primitive.multiple else [found]


def bits(buffer):
    return np.ascontiguousarray(selected().to_host(buffer)).tobytes()


def garbage(like):
    """A buffer for a result in the middle of a larger one; all bytes are set."""
    arena = selected().empty((like.nbytes + 512,), np.dtype(np.uint8))
    arena[...] = 0xFF
    return selected().part(arena, 256, like.shape, like.dtype), arena


def holders(buffer):
    """How many refer to the buffer, or, of one on a GPU, to its memory, as views of it do."""
    return getrefcount(buffer if isinstance(buffer, np.ndarray) else buffer.data.mem)


def test_there_are_such_ops():
    assert {"dot_general", "sort", "cumsum", "cummax", "recurrence", "copy"} <= {s.op for s in WRITING}
    assert {"cholesky", "lu", "triangular_solve", "top_k", "conv_general_dilated"} <= {s.op for s in FRESH}
    assert {s.op for s in WRITING} <= {s.op for s in FRESH}


@pytest.mark.parametrize("sample", VIEWS, ids=str)
def test_views_lie_where_their_record_says(sample):
    """In the memory of the operand; forward, unless they are reversed; all of it in its order, if it is the same."""
    (operand,), view = buffers_of(sample, np.dtype(np.float32)), REGISTRY[sample.op].view
    for result in run(sample, [operand]):
        assert result.size == 0 or overlap(operand, result)
        assert any(s < 0 for s in result.strides) == (view is View.REVERSED)
        assert view is not View.SAME or (result.flags.c_contiguous and result.nbytes == operand.nbytes)


def test_all_calls_of_libraries_are_fresh():
    """An op that is none keeps its operands and results out of the arena: its record should say so on purpose."""
    libraries = {"linalg", "fft", "sorting", "cumulative", "contraction"}
    assert all(p.is_fresh for p in REGISTRY.values() if p.family in libraries)


@pytest.mark.parametrize("sample", WRITING, ids=str)
def test_results_are_written_where_they_are_to_go(sample):
    primitive = REGISTRY[sample.op]
    if not primitive.takes_out(sample.params):
        pytest.skip("the library allocates this result")
    for dtype in domain_of(sample):
        buffers = buffers_of(sample, dtype)
        before = list(map(bits, buffers))
        expected = run(sample, buffers)
        places, arenas = zip(*map(garbage, expected), strict=True)
        found = run(sample, buffers, out=places if primitive.multiple else places[0])
        for result, place, arena, value in zip(found, places, arenas, expected, strict=True):
            assert result is place
            assert bits(result) == bits(value)
            assert bits(arena[:256]) == bits(arena[-256:]) == b"\xff" * 256
        assert list(map(bits, buffers)) == before


@pytest.mark.parametrize("sample", FRESH, ids=str)
def test_results_have_memory_of_their_own(sample):
    for dtype in domain_of(sample):
        operands = [selected().copy(b) for b in buffers_of(sample, dtype)]
        counts = list(map(holders, operands))
        found = run(sample, operands)
        assert list(map(holders, operands)) == counts, "an operand is kept"
        assert not any(overlap(a, b) for a in found for b in operands)
        assert not any(overlap(a, b) for a, b in pairwise(found))


@pytest.mark.parametrize("name", ["fftn", "ifftn", "rfftn", "irfftn"])
def test_transforms_are_those_of_numpy_where_scipy_is_missing(name, monkeypatch):
    x = np.random.default_rng(0).standard_normal((3, 4, 5)).astype(np.float32)
    x = x if name == "rfftn" else (x + 1j).astype(np.complex64)
    lengths = (4, 8) if name == "irfftn" else (4, 5)
    expected = numpy_fft.fft(x, name, lengths)
    monkeypatch.setattr(numpy_fft, "_scipy", lambda: None)
    assert numpy_fft.fft_writes_out(name)
    out = np.full_like(expected, np.nan)
    assert numpy_fft.fft(x, name, lengths, out) is out
    np.testing.assert_allclose(out, expected, atol=1e-5)
    np.testing.assert_array_equal(numpy_fft.fft(x, name, lengths), out)
    assert out.dtype == expected.dtype


def test_threads_change_no_bits(monkeypatch):
    x = np.random.default_rng(0).standard_normal((300, 301)) + 1j
    found = []
    for count in (1, 2, 3):
        monkeypatch.setattr(numpy_fft, "_threads", lambda count=count: count)
        found.append(numpy_fft.fft(x, "fftn", x.shape).tobytes())
    assert len(set(found)) == 1
