"""Fourier transforms of jnp.fft and lax.fft: values, norms, lengths, derivatives, batches, errors."""

from __future__ import annotations

import jax
import jax.numpy as jax_numpy
import numpy as np
import pytest

import cujax
import cujax.numpy as jnp

ALONG_ONE = ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"]
OVER_TWO = ["fft2", "ifft2", "rfft2", "irfft2"]
OVER_SEVERAL = ["fftn", "ifftn", "rfftn", "irfftn"]
OF_REAL = ("rfft", "rfft2", "rfftn", "ihfft")


def signal(name, shape=(3, 4, 5), dtype="float32", seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=shape)
    if name in OF_REAL:
        return x.astype(dtype)
    return (x + 1j * rng.normal(size=shape)).astype("complex64" if dtype == "float32" else "complex128")


def agree(found, expected, eps=None):
    found, expected = np.asarray(found), np.asarray(expected)
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    if not found.size:
        return
    eps = eps or np.finfo(expected.dtype).eps
    np.testing.assert_allclose(found, expected, rtol=20 * eps, atol=20 * eps * np.abs(expected).max())


def both(name):
    return getattr(jnp.fft, name), getattr(jax_numpy.fft, name)


CALLS = [
    *(
        (name, kwargs) for name in ALONG_ONE
        for kwargs in (
            {}, {"n": 3}, {"n": 8}, {"n": 1}, {"axis": 0}, {"axis": 1, "n": 7, "norm": "ortho"},
            {"norm": "forward"}, {"norm": "backward"},
        )
    ),
    *(
        (name, kwargs) for name in OVER_TWO
        for kwargs in ({}, {"s": (2, 7)}, {"axes": (2, 0)}, {"norm": "forward", "s": (4, 4)})
    ),
    *(
        (name, kwargs) for name in OVER_SEVERAL
        for kwargs in (
            {}, {"s": (2, 7)}, {"axes": (2, 0)}, {"axes": (1,)}, {"norm": "forward"}, {"s": (4,)},
            {"s": (3, 3), "axes": (0, -1), "norm": "ortho"},
        )
    ),
]


@pytest.mark.parametrize("name, kwargs", CALLS, ids=str)
def test_values_are_jax_s(name, kwargs, x64):
    ours, theirs = both(name)
    for dtype in ("float32", "float64"):
        x = signal(name, dtype=dtype)
        agree(ours(x, **kwargs), theirs(x, **kwargs))


@pytest.mark.parametrize("name", [*ALONG_ONE, *OVER_TWO, *OVER_SEVERAL])
def test_integers_booleans_and_small_floats(name):
    ours, theirs = both(name)
    x = signal("rfft") * 3
    for dtype in ("int32", "bool", *(() if name in OF_REAL else ("float16",))):
        agree(ours(x.astype(dtype)), theirs(x.astype(dtype)))


def test_single_precision_stays_single():
    """The transform itself, not only its result: float64 would hide here, and cost twice the time."""
    x = signal("rfft", (1000,)) * 1e-3 + 1
    exact = np.fft.rfft(x.astype(np.float64))
    error = np.abs(np.asarray(jnp.fft.rfft(x)) - exact).max() / np.abs(exact).max()
    assert 1e-9 < error < 1e-6


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (2, 1)])
@pytest.mark.parametrize("name", ["fft", "ifft", "irfft", "hfft"])
def test_empty_axes(name, shape):
    if name in ("irfft", "hfft") and shape[-1] == 0:
        return
    ours, theirs = both(name)
    agree(ours(signal(name, shape)), theirs(signal(name, shape)))


def test_more_axes_than_the_libraries_transform_at_once():
    x = signal("fftn", (2, 3, 2, 3, 2))
    agree(jnp.fft.fftn(x), np.fft.fftn(x))


# --- derivatives and batches ----------------------------------------------------------------------------

SMOOTH = [
    ("fft", {}), ("fft", {"n": 3, "axis": 1, "norm": "ortho"}), ("ifft", {}), ("rfft", {}), ("rfft", {"n": 4}),
    ("irfft", {}), ("irfft", {"n": 7}), ("irfft", {"n": 1}), ("hfft", {}), ("ihfft", {}), ("fftn", {}),
    ("rfftn", {"axes": (2, 0)}), ("irfftn", {"s": (3, 5)}), ("rfft2", {}),
]


@pytest.mark.parametrize("name, kwargs", SMOOTH, ids=str)
def test_derivatives_are_jax_s(name, kwargs, x64):
    ours, theirs = both(name)
    x, t = signal(name, dtype="float64"), signal(name, dtype="float64", seed=1)
    out, t_out = cujax.jvp(lambda x: ours(x, **kwargs), (x,), (t,))
    agree(t_out, theirs(t, **kwargs))
    weight = np.random.default_rng(2).normal(size=out.shape) + (1j if out.dtype.kind == "c" else 0)

    def loss(module, transform):  # not linear, so that second derivatives are not zero
        return lambda x: module.sum(((weight * transform(x, **kwargs)) ** 3).real)

    our_grad, jax_grad = cujax.grad(loss(jnp, ours)), jax.grad(loss(jax_numpy, theirs))
    agree(our_grad(x), jax_grad(x))
    agree(cujax.jvp(our_grad, (x,), (t,))[1], jax.jvp(jax_grad, (x,), (t,))[1])


@pytest.mark.parametrize("name, kwargs", SMOOTH, ids=str)
def test_vmap_is_a_loop(name, kwargs):
    ours, _ = both(name)
    x = signal(name, (3, 4, 5, 2))
    for axis in (0, 2, 3):
        whole = cujax.vmap(lambda x: ours(x, **kwargs), in_axes=axis)(x)
        for k in range(x.shape[axis]):
            agree(whole[k], ours(np.take(x, k, axis), **kwargs))


@pytest.mark.parametrize("kind, shape, lengths", [
    ("FFT", (3, 4), (4,)), ("ifft", (3, 4), (3, 4)), ("RFFT", (3, 4), (4,)), ("IRFFT", (3, 4), (3, 6)),
])
def test_lax_fft_and_its_transpose(kind, shape, lengths):
    x = signal("rfft" if kind == "RFFT" else "fft", shape)
    out = cujax.lax.fft(x, kind, lengths)
    agree(out, jax.lax.fft(x, kind, lengths))
    ct = np.asarray(out) * 2 + 1
    (found,) = cujax.linear_transpose(lambda x: cujax.lax.fft(x, kind, lengths), x)(ct)
    (expected,) = jax.linear_transpose(lambda x: jax.lax.fft(x, kind, lengths), x)(ct)
    agree(found, expected)


def test_fft_type_is_an_enumeration():
    assert [(t.name, t.value) for t in cujax.lax.FftType] == [(t.name, int(t)) for t in jax.lax.FftType]


# --- frequencies ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["fftfreq", "rfftfreq"])
@pytest.mark.parametrize("n", [0, 1, 4, 5])
@pytest.mark.parametrize("kwargs", [{}, {"d": 2}, {"d": np.float64(0.1)}, {"dtype": "complex64"}], ids=str)
def test_frequencies(name, n, kwargs):
    ours, theirs = both(name)
    found, expected = ours(n, **kwargs), theirs(n, **kwargs)
    agree(found, expected)
    assert found.weak_type == expected.weak_type


@pytest.mark.parametrize("axes", [None, 0, -1, (0, 2), [1], ()])
@pytest.mark.parametrize("name", ["fftshift", "ifftshift"])
def test_shifts(name, axes):
    ours, theirs = both(name)
    x = np.arange(60).reshape(3, 4, 5)
    np.testing.assert_array_equal(ours(x, axes), theirs(x, axes))


def test_frequencies_fit_the_spectrum():
    """A sine of 3 Hz sampled at 100 Hz has its peak at 3 Hz."""
    t = np.arange(200) / 100
    spectrum = jnp.abs(jnp.fft.rfft(jnp.sin(2 * np.pi * 3 * t)))
    assert abs(float(jnp.fft.rfftfreq(200, 1 / 100)[jnp.argmax(spectrum)]) - 3) < 1e-6


# --- errors ---------------------------------------------------------------------------------------------

X, Z = np.ones((3, 4), np.float32), np.ones((3, 4), np.complex64)
ERRORS = [
    (lambda f: f.fft(X, norm="foo"), ValueError, "Invalid norm value foo"),
    (lambda f: f.hfft(X, norm="foo"), ValueError, "Invalid norm value foo"),
    (lambda f: f.fft(X, axis=5), ValueError, "out of bounds"),
    (lambda f: f.fft(X, axis=(0,)), ValueError, "fft works along one axis"),
    (lambda f: f.fft(X, n=0), ValueError, "lengths must be positive"),
    (lambda f: f.fft(X, n=-1), ValueError, "lengths must be positive"),
    (lambda f: f.fft(X, n=3.0), TypeError, "integer"),
    (lambda f: f.fft([1.0, 2.0]), TypeError, "requires ndarray"),
    (lambda f: f.fft(1.0), ValueError, "out of bounds"),
    (lambda f: f.rfft(Z), ValueError, "only real valued inputs supported for rfft"),
    (lambda f: f.rfft(X.astype("float16")), ValueError, "RFFT input must be float32 or float64"),
    (lambda f: f.fftn(X, s=(2, 3, 4)), ValueError, "needs 3 axes, but the operand has 2"),
    (lambda f: f.fftn(X, s=(2,), axes=(0, 1)), ValueError, "same length"),
    (lambda f: f.fftn(X, axes=(0, 0)), ValueError, "duplicate"),
    (lambda f: f.fftn(X, axes=0), TypeError, r"write axes=\(0,\)"),
    (lambda f: f.fft2(X, axes=(0,)), ValueError, "fft2 only supports 2 axes"),
    (lambda f: f.fft2(X, s=(2,)), ValueError, "same length"),
    (lambda f: f.fftfreq([4]), ValueError, "only takes an int"),
    (lambda f: f.fftfreq(4, d=[1.0]), ValueError, "only takes a single value"),
    (lambda f: f.fftshift([1, 2]), TypeError, "requires ndarray"),
    (lambda f: f.fftshift(X, axes=5), IndexError, "axis 5 is out of bounds"),
]
LAX_ERRORS = [
    (lambda lax: lax.fft(Z, "FOO", (4,)), ValueError, "Unknown FFT type 'FOO'"),
    (lambda lax: lax.fft(Z, 0, (4,)), TypeError, "Unknown FFT type value 0"),
    (lambda lax: lax.fft(Z, "FFT", 4), TypeError, "iterable"),
    (lambda lax: lax.fft(Z, "FFT", (3,)), ValueError, r"minor dimensions must be \(3,\)"),
    (lambda lax: lax.fft(X, "RFFT", (5,)), ValueError, "RFFT input shape"),
    (lambda lax: lax.fft(Z, "RFFT", (4,)), ValueError, "only real valued"),
    (lambda lax: lax.fft(Z, "FFT", (1, 3, 4)), ValueError, "at least as many input dimensions"),
]


@pytest.mark.parametrize("call, error, text", ERRORS, ids=range(len(ERRORS)))
def test_errors_have_jax_s_class(call, error, text):
    with pytest.raises(error):
        call(jax_numpy.fft)
    with pytest.raises(error, match=text):
        call(jnp.fft)


@pytest.mark.parametrize("call, error, text", LAX_ERRORS, ids=range(len(LAX_ERRORS)))
def test_errors_of_lax_have_jax_s_class(call, error, text):
    with pytest.raises(error):
        call(jax.lax)
    with pytest.raises(error, match=text):
        call(cujax.lax)


def test_a_spectrum_of_the_wrong_length():
    with pytest.raises(ValueError, match=r"IRFFT input shape \(3, 4\) minor dimensions must be \(6,\)"):
        cujax.lax.fft(Z, "IRFFT", (10,))
