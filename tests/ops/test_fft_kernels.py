"""The host's kernels for Fourier transforms, against NumPy in float64."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from cujax.engine.backends import host_fft, numpy_fft
from cujax.engine.backends.host_target import HostTarget
from cujax.engine.backends.kernel_errors import KernelCompileError
from cujax.engine.backends.select import selected
from cujax.engine.ops.fft import FftType, fft_p

TARGET = selected().kernels
pytestmark = pytest.mark.skipif(not isinstance(TARGET, HostTarget), reason="needs a compiler for the host")

NAMES = {"fftn": FftType.FFT, "ifftn": FftType.IFFT, "rfftn": FftType.RFFT, "irfftn": FftType.IRFFT}
RADICES = (2, 3, 4, 5, 7, 8, 11, 13)


def operand(name, shape, lengths, dtype=np.complex128):
    rng = np.random.default_rng(len(shape))
    signal = (*shape[: len(shape) - len(lengths)], *lengths)
    z = (rng.normal(size=signal) + 1j * rng.normal(size=signal)).astype(dtype)
    if name == "rfftn":
        return z.real.copy()
    return z[..., : lengths[-1] // 2 + 1].copy() if name == "irfftn" else z


def transformed(x, name, lengths, **kwargs):
    return fft_p.impl(np, x, fft_type=NAMES[name], fft_lengths=lengths, **kwargs)


def agree(x, name, lengths):
    """The transform is NumPy's, and was made by a kernel."""
    assert host_fft.takes(name, lengths)
    found = transformed(x, name, lengths)
    wide = x.astype(np.complex128 if np.iscomplexobj(x) else np.float64)
    expected = getattr(np.fft, name)(wide, s=lengths, axes=tuple(range(-len(lengths), 0)))
    dtype = x.real.dtype if name == "irfftn" else np.result_type(x.dtype, np.complex64)
    assert (found.shape, found.dtype) == (expected.shape, dtype)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(found, expected, rtol=0, atol=10 * eps * np.abs(expected).max())


@pytest.fixture(autouse=True)
def _only_kernels(monkeypatch):
    """Nothing is left to the library unless a test says so."""

    def refuse(*args, **kwargs):
        raise AssertionError("a library transformed what the kernels take")

    monkeypatch.setattr(numpy_fft, "fft", refuse)
    monkeypatch.setattr("cujax.engine.backends.numpy_library.fft", refuse)


LENGTHS = [*RADICES, *(a * b for a, b in itertools.combinations(RADICES, 2)), 1, 16, 64, 128, 240, 1000, 4096]


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
@pytest.mark.parametrize("name", NAMES)
def test_every_length_that_is_a_product_of_small_primes(name, dtype):
    for n in LENGTHS:
        lengths = (2 * n if name in ("rfftn", "irfftn") else n,)
        agree(operand(name, (3, *lengths), lengths, dtype), name, lengths)


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("lines", [1, 2, 7, 8, 9, 15, 16, 18, 33])
def test_lines_that_do_and_do_not_fill_the_lanes(name, dtype, lines):
    agree(operand(name, (lines, 12), (12,), dtype), name, (12,))
    agree(operand(name, (12, 2 * lines), (12, 2 * lines), dtype), name, (12, 2 * lines))


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(1024,), (3, 1300), (2, 2, 256), (2**15,), (9, 2**16), (6 * 7 * 11 * 13,)])
def test_lines_that_are_long_or_few_are_taken_for_matrices(name, shape, dtype):
    agree(operand(name, shape, shape[-1:], dtype), name, shape[-1:])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(4, 6), (6, 1, 4), (1, 1, 2), (5, 6, 4), (2, 3, 4, 6), (3, 16, 20)])
def test_several_axes(name, shape):
    for rank in range(1, min(3, len(shape)) + 1):
        lengths = shape[-rank:]
        agree(operand(name, shape, lengths), name, lengths)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_views_are_read_where_they_lie(name, order):
    x = operand(name, (6, 20, 4), (4,))
    x = np.ascontiguousarray(x.transpose(np.argsort(order))).transpose(order)
    assert x.strides != np.ascontiguousarray(x).strides or order == (0, 1, 2)
    for rank in (1, 2, 3):
        agree(x, name, (6, 20, 4)[3 - rank :])
        agree(x[::-1], name, (6, 20, 4)[3 - rank :])


def test_elements_that_are_not_whole_numbers_of_reals_apart_are_copied():
    packed = np.zeros(24, np.dtype([("tag", "i1"), ("z", "c16")]))
    packed["z"] = operand("fftn", (24,), (24,))
    agree(packed["z"], "fftn", (24,))


def test_equal_lines_have_equal_bits_wherever_they_stand_on_any_number_of_threads(monkeypatch):
    line = operand("fftn", (360,), (360,))
    found = transformed(np.tile(line, (301, 1)), "fftn", (360,))
    assert np.unique(found.view(np.uint64), axis=0).shape[0] == 1
    across = transformed(np.tile(line[:, None], (1, 301)).T, "fftn", (360,))
    np.testing.assert_array_equal(across.view(np.uint64), found.view(np.uint64))
    monkeypatch.setattr(TARGET, "threads", 1)
    single = transformed(np.tile(line, (301, 1)), "fftn", (360,))
    np.testing.assert_array_equal(single.view(np.uint64), found.view(np.uint64))


def test_results_go_where_they_are_wanted_and_operands_stay():
    for name in NAMES:
        x = operand(name, (4, 10, 12), (10, 12))
        before, out = x.copy(), np.full_like(transformed(x, name, (10, 12)), np.nan)
        assert transformed(x, name, (10, 12), out=out) is out
        np.testing.assert_array_equal(x, before)
        np.testing.assert_array_equal(out, transformed(x, name, (10, 12)))


def test_imaginary_parts_of_the_ends_of_a_half_are_not_read():
    half = operand("irfftn", (3, 8), (8,))
    expected = transformed(half, "irfftn", (8,))
    half[:, [0, -1]] += 100j
    np.testing.assert_array_equal(transformed(half, "irfftn", (8,)), expected)


def test_lengths_that_are_left_to_the_library():
    for name in NAMES:
        assert not host_fft.takes(name, (34,))  # 17
        assert not host_fft.takes(name, (8, 2**16)) and not host_fft.takes(name, (2**24,))
    assert not host_fft.takes("rfftn", (9,))
    assert host_fft.takes("fftn", (9,))


def test_the_library_transforms_what_the_compiler_refuses(monkeypatch):
    def refuse(source):
        raise KernelCompileError("no", "", None)

    monkeypatch.undo()
    x = operand("rfftn", (3, 22), (22,))
    expected = transformed(x, "rfftn", (22,))
    host_fft._planned.cache_clear()
    monkeypatch.setattr(TARGET, "compile", refuse)
    out = np.zeros_like(expected)
    assert transformed(x, "rfftn", (22,), out=out) is out
    host_fft._planned.cache_clear()
    np.testing.assert_allclose(out, expected, atol=1e-13)
