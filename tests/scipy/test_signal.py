"""scipy.signal against JAX's, and against SciPy where JAX refuses shapes."""

from __future__ import annotations

import itertools

import jax
import jax.scipy.signal
import numpy as np
import pytest
import scipy.signal

import cujax
from cujax.scipy import signal

RNG = np.random.default_rng(0)
MODES = ("full", "same", "valid")
SHAPES = [((6,), (3,)), ((3,), (6,)), ((5, 4), (3, 2)), ((3, 2), (5, 4)), ((4, 4), (4, 4)), ((3, 4, 5), (2, 2, 2))]
MATRICES = [pair for pair in SHAPES if len(pair[0]) == 2]


def reals(*shape: int) -> np.ndarray:
    return RNG.uniform(-1, 1, shape).astype(np.float32)


def complexes(*shape: int) -> np.ndarray:
    return (reals(*shape) + 1j * reals(*shape)).astype(np.complex64)


def close(found, expected) -> None:
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.dtype == expected.dtype and found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("method", ["direct", "fft"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["convolve", "correlate"])
def test_convolve_and_correlate(name, mode, method):
    for a, v in SHAPES:
        x, y = complexes(*a), complexes(*v)
        close(getattr(signal, name)(x, y, mode, method), getattr(scipy.signal, name)(x, y, mode))
    x, y = reals(5, 4), reals(3, 2)
    close(getattr(signal, name)(x, y, mode, method), getattr(jax.scipy.signal, name)(x, y, mode, method))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["convolve2d", "correlate2d"])
def test_matrices(name, mode):
    for a, v in MATRICES:
        x, y = reals(*a), reals(*v)
        close(getattr(signal, name)(x, y, mode), getattr(jax.scipy.signal, name)(x, y, mode))
        close(getattr(signal, name)(x, y, mode), getattr(scipy.signal, name)(x, y, mode))


@pytest.mark.parametrize("name", ["convolve", "correlate"])
def test_neither_input_needs_to_be_the_larger(name):
    x, y = reals(5, 2), reals(3, 4)
    for mode in ("full", "same"):
        close(getattr(signal, name)(x, y, mode), getattr(scipy.signal, name)(x, y, mode))


@pytest.mark.parametrize("mode", MODES)
def test_fftconvolve(mode):
    inputs = [(reals(5, 4), reals(3, 4), 0), (reals(5, 4), reals(3, 2), None), (complexes(5), complexes(3), [0])]
    for x, y, axes in inputs:
        close(signal.fftconvolve(x, y, mode, axes), scipy.signal.fftconvolve(x, y, mode, axes))
    close(signal.fftconvolve(np.float32(3), np.float32(2)), np.float32(6))


@pytest.mark.parametrize("dtype", ["bool", "int32", "float16", "complex64"])
def test_dtypes(dtype):
    x, y = np.ones(5, dtype), np.ones(3, np.float32 if dtype == "complex64" else dtype)
    found, expected = signal.convolve(x, y), jax.scipy.signal.convolve(x, y)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))


LIBRARIES = ((cujax, signal), (jax, jax.scipy.signal))


def gradients(library, module, name, method, x, y):
    """Of the sum of squares, with respect to both inputs."""
    return library.grad(lambda x, y: (getattr(module, name)(x, y, "same", method) ** 2).sum(), (0, 1))(x, y)


def test_gradients_and_batches():
    x, y = reals(5, 4), reals(3, 2)
    for name, method in itertools.product(("convolve", "correlate"), ("direct", "fft")):
        found, expected = (gradients(library, module, name, method, x, y) for library, module in LIBRARIES)
        for a, b in zip(found, expected, strict=True):
            close(a, b)
    batched = cujax.vmap(signal.convolve, (0, None))(np.stack([x, 2 * x]), y)
    close(batched[1], signal.convolve(2 * x, y))


WRONG = [
    ("convolve", {"in2": (5, 4)}, r"same number of axes, got shapes \(3,\) and \(5, 4\)"),
    ("convolve", {"in2": (0,)}, r"must have elements, got shapes \(3,\) and \(0,\)"),
    ("convolve", {"mode": "much"}, "mode must be"),
    ("convolve", {"method": "much"}, "method must be"),
    ("convolve", {"in1": (5, 2), "in2": (3, 4), "mode": "valid"}, r"\(5, 2\) and \(3, 4\)"),
    ("convolve2d", {}, r"2 axes, got shapes \(3,\) and \(3,\)"),
    ("convolve2d", {"in1": (3, 3), "in2": (3, 3), "boundary": "wrap"}, r"jnp\.pad"),
    ("correlate2d", {"in1": (3, 3), "in2": (3, 3), "fillvalue": 1}, r"boundary='fill' with fillvalue=0"),
    ("fftconvolve", {"in1": (5, 4), "in2": (3, 2), "axes": 0}, r"except along axes \(0,\), got shapes"),
    ("fftconvolve", {"in1": (5, 4), "in2": (3,)}, "same number of axes"),
]


@pytest.mark.parametrize(("name", "changed", "text"), WRONG, ids=str)
def test_errors_are_of_jax_s_class(name, changed, text):
    options = {"in1": (3,), "in2": (3,), **changed}
    arrays = {key: np.ones(options.pop(key), np.float32) for key in ("in1", "in2")}
    with pytest.raises((ValueError, NotImplementedError), match=text) as ours:
        getattr(signal, name)(**arrays, **options)
    with pytest.raises((ValueError, NotImplementedError)) as theirs:
        getattr(jax.scipy.signal, name)(**arrays, **options)
    assert ours.type is theirs.type


# --- by transforms where that is cheaper ----------------------------------------------------------------


def uses_fft(a: tuple[int, ...], v: tuple[int, ...], mode: str = "full") -> bool:
    shapes = [cujax.ShapeDtypeStruct(shape, np.float32) for shape in (a, v)]
    return " fft[" in str(cujax.make_jaxpr(lambda x, y: signal.convolve(x, y, mode))(*shapes))


def test_large_kernels_go_by_transforms_and_small_ones_do_not():
    assert not uses_fft((100_000,), (100,)) and uses_fft((100_000,), (5_000,))
    assert not uses_fft((512, 512), (9, 9)) and uses_fft((512, 512), (63, 63)) and uses_fft((63, 63), (512, 512))
    assert uses_fft((64, 64, 64), (17, 17, 17)) and not uses_fft((64, 64, 64), (5, 5, 5))
    assert not uses_fft((1000,), (990,), "valid")  # a few elements of many products


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
@pytest.mark.usefixtures("x64")
def test_transforms_are_accurate_to_the_last_places_of_the_largest_element(dtype):
    make = complexes if dtype == "complex64" else reals
    x, y = (make(length).astype(dtype) for length in (4001, 2003))
    exact = np.convolve(x.astype(np.complex256), y)
    for method in ("fft", "auto"):
        found = np.asarray(signal.convolve(x, y, method=method))
        assert found.dtype == dtype
        assert abs(found - exact).max() < 4 * np.finfo(dtype).eps * abs(exact).max()


def test_the_gradient_goes_through_transforms_too():
    x, y = reals(300, 300), reals(40, 40)
    assert uses_fft(x.shape, y.shape, "same")
    found, expected = (
        cujax.grad(lambda y, m=m: cujax.numpy.sum(signal.convolve(x, y, "same", m) ** 2))(y) for m in ("auto", "direct")
    )
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * abs(np.asarray(expected)).max())
