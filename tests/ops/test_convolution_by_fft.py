"""Convolutions by products of spectra: which ones they are, how accurate, and what is never done so."""

from __future__ import annotations

import itertools
from math import prod

import jax
import ml_dtypes
import numpy as np
import pytest

import cujax
import cujax.numpy as jnp
from cujax import lax
from cujax.engine.backends.select import selected
from cujax.engine.ops import convolution, convolution_by_fft
from cujax.engine.ops.convolution_by_fft import (
    NOISE,
    ON_GPU,
    ON_HOST,
    PRODUCTS_PER_STEP,
    Boxes,
    fast_length,
    fits_fft,
    is_cheaper,
)
from cujax.engine.ops.convolution_shape import Window

RNG = np.random.default_rng(0)
NHWC = ("NHWC", "HWIO", "NHWC")

pytestmark = pytest.mark.skipif(selected().xp is not np, reason="a GPU has cuDNN")


def reals(*shape: int) -> np.ndarray:
    return RNG.uniform(-1, 1, shape).astype(np.float32)


@pytest.fixture
def shapes(monkeypatch) -> list:
    """The shapes of the results that have been computed by spectra, which is now always cheaper and in small boxes."""
    seen: list = []
    convolve = convolution_by_fft.convolve_by_fft

    def watched(*args):
        out = convolve(*args)
        seen.append(None if out is None else out.shape)
        return out

    monkeypatch.setattr(convolution, "convolve_by_fft", watched)
    monkeypatch.setattr(convolution_by_fft, "PRODUCTS_PER_STEP", 0)
    monkeypatch.setattr(convolution_by_fft, "ON_HOST", ON_HOST._replace(shortest_box=8))
    return seen


def directly(*args, **options) -> np.ndarray:
    """By sums in 64 bits."""
    with cujax.enable_x64(True):
        args = [np.asarray(x).astype(np.float64) for x in args]
        return np.asarray(lax.conv_general_dilated(*args, **options))


CASES = [
    ((1, 1, 50), (1, 1, 20), [(3, 5)], ("NCH", "OIH", "NCH")),
    ((2, 3, 30, 41), (4, 3, 6, 5), [(2, 3), (-4, 9)], ("NCHW", "OIHW", "NCHW")),
    ((2, 33, 20, 2), (4, 7, 2, 3), [(0, 0), (6, 6)], NHWC),
    ((1, 9, 10, 11, 1), (4, 5, 3, 1, 2), [(3, 1), (2, 2), (0, -1)], ("NHWDC", "HWDIO", "HWDNC")),
    ((2, 3, 6, 7), (2, 3, 9, 10), [(6, 7), (6, 7)], ("NCHW", "OIHW", "NCHW")),  # a kernel larger than the input
]


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize(("lhs", "rhs", "padding", "numbers"), CASES)
def test_values(lhs, rhs, padding, numbers, dtype, shapes):
    kind = ml_dtypes.bfloat16 if dtype == "bfloat16" else np.dtype(dtype)
    x, y = reals(*lhs).astype(kind), reals(*rhs).astype(kind)
    strides = (1,) * len(padding)
    found = np.asarray(lax.conv_general_dilated(x, y, strides, padding, dimension_numbers=numbers))
    expected = directly(x, y, window_strides=strides, padding=padding, dimension_numbers=numbers)
    assert len(shapes) == 1 and None not in shapes and found.dtype == kind and found.shape == expected.shape
    info = ml_dtypes.finfo(kind)
    rounding = float(info.eps) / 2 * abs(expected) * 1.001 + float(info.smallest_subnormal) / 2 + 1e-12
    assert (abs(found.astype(np.float64) - expected) <= rounding).all()


def test_gradients_are_those_of_jax(shapes):
    x, y = reals(2, 3, 18, 15), reals(4, 3, 9, 8)

    def total(lib):
        return lambda x, y: lib.numpy.sum(lib.lax.conv(x, y, (1, 1), "SAME") ** 3)

    found, expected = (lib.grad(total(lib), (0, 1))(x, y) for lib in (cujax, jax))
    assert len(shapes) == 3 and None not in shapes
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4 * abs(np.asarray(theirs)).max())


def test_the_same_in_jit_and_in_batches(shapes):
    x, y = reals(3, 2, 20, 15), reals(4, 1, 13, 11)

    def convolve(x, y):
        return lax.conv(x[None, None], y[None], (1, 1), "SAME")[0]

    found = cujax.jit(cujax.vmap(convolve, (0, None)))(x[:, 0], y[0])
    expected = np.stack([convolve(row, y[0]) for row in x[:, 0]])
    assert len(shapes) == 4
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("length", [16, 500, 20_000])
@pytest.mark.parametrize("kind", ["of both signs", "positive", "constant", "a spike"])
def test_the_noise_is_less_than_is_said(kind, length):
    """Before it is rounded."""
    x, y = RNG.uniform(-1 if kind == "of both signs" else 0, 1, (2, length))
    x, y = (np.ones_like(x), np.ones_like(y)) if kind == "constant" else (x, y)
    if kind == "a spike":
        x[: length // 2], y[1:] = 0, 0
        x[0] = 1e4
    expected = np.correlate(np.pad(x, (0, length)).astype(np.longdouble), y.astype(np.longdouble), "valid")
    boxes = Boxes((length + 1,), (length + 1,), (fast_length(2 * length),))
    forward = convolution_by_fft._forward
    spectra = np.conj(forward(np, y[None, None], boxes))
    found = convolution_by_fft._inverse(np, forward(np, x[None, None], boxes), spectra, boxes)[0, 0, : length + 1]
    assert abs(found - expected).max() < NOISE * np.linalg.norm(x) * np.linalg.norm(y)


def test_zeros_stay_zeros_and_whole_numbers_whole(shapes):
    x, y = np.zeros((1, 1, 60, 60), np.float32), RNG.integers(-9, 10, (1, 1, 11, 11)).astype(np.float32)
    x[0, 0, 20:30, 25:40] = RNG.integers(-99, 100, (10, 15))
    found = np.asarray(lax.conv(x, y, (1, 1), "SAME"))
    assert len(shapes) == 1
    np.testing.assert_array_equal(found, directly(x, y, window_strides=(1, 1), padding="SAME"))
    x *= np.float32(0.1)
    found = np.asarray(lax.conv(x, y * np.float32(0.3), (1, 1), "SAME"))
    outside = np.ones(found.shape, bool)
    outside[0, 0, 15:35, 20:45] = False
    assert (found[outside] == 0).all() and (found[~outside] != 0).any()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("operand", [0, 1])
def test_what_is_not_finite_does_not_spread(value, operand, shapes):
    x, y = reals(1, 1, 40, 40), reals(1, 1, 9, 9)
    (x, y)[operand][0, 0, 5, 6] = value
    found = np.asarray(lax.conv(x, y, (1, 1), "SAME"))
    assert shapes == [None]
    expected = np.asarray(jax.lax.conv(x, y, (1, 1), "SAME"))
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_results_that_are_too_large_are_infinite(shapes):
    x, y = np.full((1, 1, 40), 1e38, np.float32), np.full((1, 1, 20), 10, np.float32)
    found = np.asarray(lax.conv(x, y, (1,), "VALID"))
    assert len(shapes) == 1 and (found == np.inf).all()


def test_what_is_never_done_by_spectra(shapes, x64):
    x, y = reals(1, 2, 30), reals(2, 2, 9)
    for dtype in ("float64", "int32", "complex64"):
        lax.conv(x.astype(dtype), y.astype(dtype), (1,), "SAME")
    lax.conv_general_dilated(x, y, (1,), "SAME", preferred_element_type=np.float64)
    for options in ({"lhs_dilation": (2,)}, {"rhs_dilation": (2,)}, {"window_strides": (2,)}):
        lax.conv_general_dilated(x, y, **{"window_strides": (1,), "padding": [(3, 3)], **options})
    lax.conv_general_dilated(x, reals(2, 1, 9), (1,), "SAME", feature_group_count=2)
    lax.conv(reals(0, 2, 30), y, (1,), "SAME")
    lax.conv(x, reals(2, 2, 31), (1,), "VALID")
    assert not shapes


def fits(lhs: tuple, rhs: tuple, places: tuple) -> bool:
    ones = (1,) * len(places)
    window = Window(ones, ((0, 0),) * len(places), ones, ones)
    return fits_fft(lhs, rhs, np.dtype(np.float32), np.dtype(np.float32), (lhs[0], rhs[0], *places), window, 1)


def test_very_large_kernels_go_by_spectra_and_others_do_not():
    for taps, is_large in [(3, False), (31, False), (63, True), (127, True)]:
        assert fits((1, 1, 1024, 1024), (1, 1, taps, taps), (1024, 1024)) == is_large
    assert not fits((1, 1, 10**6), (1, 1, 255), (10**6,)) and fits((1, 1, 10**6), (1, 1, 4095), (10**6,))
    assert not fits((8, 64, 56, 56), (64, 64, 7, 7), (56, 56))
    assert not fits((1, 1, 1024, 1024), (1, 1, 1024, 1024), (3, 3))  # a gradient by few weights
    assert fits((1, 1, 1024, 1024), (1, 1, 1024, 1024), (101, 101))


def test_spectra_do_not_take_more_memory_than_is_said():
    one = prod(Boxes.of((500, 500), (500, 500), ON_HOST).lengths) * 8
    most = ON_HOST.most_bytes // one
    assert not fits((1, most, 999, 999), (1, most, 500, 500), (500, 500))
    assert fits((1, most // 4, 999, 999), (1, most // 4, 500, 500), (500, 500))


@pytest.mark.parametrize("elements", [2, 5])
def test_on_a_gpu_many_elements_of_the_batch_go_at_a_time(shapes, monkeypatch, elements):
    """In whole boxes; the same numbers come out, however many there is room for."""
    transforms = []
    monkeypatch.setattr(convolution_by_fft, "_inverse", lambda *given, inverse=convolution_by_fft._inverse: (
        transforms.append(len(given[1])), inverse(*given))[1])  # fmt: skip
    x, y = reals(5, 3, 40, 30), reals(2, 3, 9, 9)
    for_each = 8 * prod(Boxes.of((32, 22), (9, 9), ON_GPU).lengths) * 2 * (2 + 3)
    monkeypatch.setattr(convolution_by_fft, "room_of", lambda xp: ON_GPU._replace(most_bytes=elements * for_each))
    found = np.asarray(lax.conv(x, y, (1, 1), "VALID"))
    assert transforms == [elements] * (5 // elements) + [5 % elements] * (5 % elements > 0)
    np.testing.assert_allclose(found, directly(x, y, window_strides=(1, 1), padding="VALID"), rtol=1e-5, atol=1e-6)


def test_boxes_make_up_all_places():
    boxes = Boxes.of((300, 7, 1000), (5, 40, 90), ON_HOST)
    count = np.zeros(boxes.places, int)
    for box in boxes.each():
        count[box] += 1
        assert all(s.stop - s.start <= b for s, b in zip(box, boxes.box, strict=True))
    assert (count == 1).all() and boxes.number == len(list(boxes.each()))
    assert all(n >= b + k - 1 for n, b, k in zip(boxes.lengths, boxes.box, (5, 40, 90), strict=True))


def test_the_model_of_costs():
    steps = 1024 * 10
    assert not is_cheaper(PRODUCTS_PER_STEP * steps, (1024,)) and is_cheaper(PRODUCTS_PER_STEP * steps + 1, (1024,))
    assert not is_cheaper(2 * PRODUCTS_PER_STEP * steps, (1024,), wide=True)
    assert not is_cheaper(PRODUCTS_PER_STEP * steps + 1, (1024,), transforms=4)


def test_lengths_of_transforms():
    smooth = [2**a * 3**b * 5**c for a, b, c in itertools.product(range(11), range(7), range(5))]
    for n in range(1, 700):
        assert fast_length(n) == min(length for length in smooth if length >= n)


def test_outer_products_are_applied_axis_by_axis_by_their_owners():
    """As the module says: two calls are the convolution by an outer product."""
    x, column, row = reals(1, 1, 30, 40), reals(9), reals(7)
    whole = lax.conv(x, jnp.outer(column, row)[None, None], (1, 1), "SAME")
    twice = lax.conv(lax.conv(x, column[None, None, :, None], (1, 1), "SAME"), row[None, None, None], (1, 1), "SAME")
    np.testing.assert_allclose(whole, twice, rtol=1e-4, atol=1e-5)
