"""cujax.scipy.{signal, fft, ndimage, integrate, cluster} and cujax.image, against JAX and SciPy."""

from __future__ import annotations

import jax
import jax.image
import jax.scipy.cluster.vq
import jax.scipy.fft
import jax.scipy.integrate
import jax.scipy.ndimage
import jax.scipy.signal
import numpy as np
import pytest
import scipy.signal
from compiled_oracle import check, check_transforms
from oracle_cases import ARRAYS, close, evaluate, lines, words

import cujax
import cujax.numpy as jnp

SIGNALS = {
    "s": np.sin(np.arange(100)).astype(np.float32),
    "t": np.cos(0.3 * np.arange(300)).reshape(3, 100).astype(np.float32),
    "p": np.float32([-7.3, -4.5, -3.5, -1.5, -1, -0.5, -0.2, 0, 0.5, 1.5, 2.5, 3, 3.2, 3.5, 4.2, 9.7]),
}


@pytest.fixture(autouse=True)
def signals(monkeypatch):
    for name, value in SIGNALS.items():
        monkeypatch.setitem(ARRAYS, name, value)


# --- spectra ----------------------------------------------------------------------------------------------------------

STFT = r"""
nperseg=16

nperseg=16, boundary='even', noverlap=12, fs=10.0
nperseg=16, boundary='odd', detrend='linear'
nperseg=16, boundary='constant', detrend=lambda s: s - 1
nperseg=15, boundary=None, padded=False
nperseg=16, nfft=21, return_onesided=False
nperseg=16, window=('kaiser', 3.0)
window=jnp.ones(8), nperseg=None
nperseg=16, boundary='other'
nperseg=16, noverlap=16
nperseg=16, nfft=8
nperseg=16, window=np.ones(8)
nperseg=16, detrend='other'
nperseg=0
"""
CSD = r"""
nperseg=16
nperseg=16, nfft=21, detrend=False
nperseg=16, scaling='spectrum', fs=3.0, detrend='linear'
nperseg=16, average='median'
nperseg=16, scaling='other'
nperseg=16, average='other'
"""
CASES = r"""
scipy.signal.stft(t.T, nperseg=16, axis=0)
scipy.signal.stft(s + 1j, nperseg=16)
scipy.signal.stft(jnp.zeros((0,)))
scipy.signal.csd(s, s[:50], nperseg=16)
scipy.signal.csd(t, t[:1], nperseg=16)
scipy.signal.csd(t, t[:2], nperseg=16)
scipy.signal.csd(t, s, nperseg=16)
scipy.signal.welch(t.T, nperseg=16, axis=0)
scipy.signal.welch(s + 1j, nperseg=16)
scipy.signal.istft(scipy.signal.stft(s, nperseg=16)[2])
scipy.signal.istft(scipy.signal.stft(s, nperseg=16)[2], input_onesided=False, fs=10.0)
scipy.signal.istft(scipy.signal.stft(s, nperseg=16)[2], time_axis=0, freq_axis=1, boundary=False)
scipy.signal.istft(scipy.signal.stft(s, nperseg=16)[2], time_axis=0, freq_axis=0)
scipy.signal.istft(scipy.signal.stft(s, nperseg=16)[2], noverlap=16)
scipy.signal.istft(scipy.signal.stft(s, nperseg=16)[2], nfft=8)
scipy.signal.istft(s)
scipy.signal.detrend(x)
scipy.signal.detrend(xi, 0, type='constant')
scipy.signal.detrend(c, bp=[2])
scipy.signal.detrend(x, bp=7)
scipy.signal.detrend(x, type='other')
scipy.signal.detrend(x, overwrite_data=True)
scipy.signal.detrend(x, axis=4)
scipy.integrate.trapezoid(x, dx=0.5, axis=0)
scipy.cluster.vq.vq(x, x[:2] + 0.4)
scipy.cluster.vq.vq(v, v[:2])
scipy.cluster.vq.vq(x, x[:2, :3])
scipy.cluster.vq.vq(x[None], x[None])
"""


@pytest.mark.parametrize("arguments", STFT.strip().split("\n"))
def test_stft(arguments):
    check(f"scipy.signal.stft(s, {arguments})")


@pytest.mark.parametrize("arguments", lines(CSD))
def test_csd_and_welch(arguments):
    check(f"scipy.signal.csd(s, jnp.cos(2 * s), {arguments})")
    check(f"scipy.signal.welch(s, {arguments})")


@pytest.mark.parametrize("case", lines(CASES))
def test_agrees_with_jax(case):
    check(case)


def test_istft_without_overlap_is_scipy_s():  # JAX takes noverlap=0 for none given
    spectra = np.asarray(scipy.signal.stft(SIGNALS["s"], nperseg=16, noverlap=0, window="boxcar")[2])
    found = cujax.scipy.signal.istft(spectra, window="boxcar", noverlap=0)[1]
    np.testing.assert_allclose(found, scipy.signal.istft(spectra, window="boxcar", noverlap=0)[1], atol=1e-6)


def test_derivatives_of_spectra():
    def loss(library):
        signal = library.scipy.signal

        def total(x):
            back = signal.istft(signal.stft(x, nperseg=16)[2])[1]
            return (signal.welch(x, nperseg=16)[1] ** 2).sum() + (back**3).sum() + (signal.detrend(x) ** 3).sum()

        return library.jit(library.grad(total))

    close(loss(cujax)(SIGNALS["s"]), np.asarray(loss(jax)(SIGNALS["s"])))
    batched = cujax.vmap(lambda x: cujax.scipy.signal.welch(x, nperseg=16)[1])(SIGNALS["t"])
    close(batched, np.asarray(cujax.scipy.signal.welch(SIGNALS["t"], nperseg=16)[1]))


# --- cosine transforms ------------------------------------------------------------------------------------------------

COSINES = r"""
x
x, n=3, axis=0
x, n=7
x, norm='ortho'
x, norm='forward'
x, 1
x, n=0
x, axis=5
c
xi
x.astype('float16')
jnp.ones((3, 1))
2.0
"""
COSINES_OF_MANY_AXES = r"""
x
x, s=[2], axes=[0, 1]
x, s=[5, 6], norm='ortho'
x, s=2
x, axes=[0, 0]
"""


@pytest.mark.parametrize("name", ["dct", "idct"])
def test_cosine_transforms(name):
    for arguments in lines(COSINES):
        check(f"scipy.fft.{name}({arguments})")
    for arguments in lines(COSINES_OF_MANY_AXES):
        check(f"scipy.fft.{name}n({arguments})")


# --- interpolation of pictures ----------------------------------------------------------------------------------------

PLACES = r"""
scipy.ndimage.map_coordinates(x, [0.5, 0.5], 2)
scipy.ndimage.map_coordinates(x, [0.5], 1)
scipy.ndimage.map_coordinates(x, [0.5, 0.5], 1, 'other')
scipy.ndimage.map_coordinates(xi - 5, [jnp.array([0.5, 1.3]), jnp.array([0.5, 2.7])], 1)
scipy.ndimage.map_coordinates(x > 0, [0.5, 0.5], 0)
scipy.ndimage.map_coordinates(c, [jnp.arange(3), jnp.arange(3)], 1)
scipy.ndimage.map_coordinates(x, jnp.ones((2, 5)), 1)
scipy.ndimage.map_coordinates(x.astype('float16'), [[0.5], [0.5]], 1)
scipy.ndimage.map_coordinates(x, [jnp.ones((3, 1)), jnp.ones((1, 4))], 1)
"""
PICTURES = r"""
jax.image.resize(x, (5,), 'linear')
jax.image.resize(x, (5, 6), 'other')
jax.image.resize(xi, (5, 6), 'linear')
jax.image.resize(xi, (5, 6), 'nearest')
jax.image.resize(x.astype('float16'), (5, 6), 'cubic')
jax.image.resize(c, (5, 6), jax.image.ResizeMethod.LANCZOS3)
jax.image.resize(x > 0, (2, 2), 'nearest')
jax.image.resize(jnp.ones((1, 3)), (4, 7), 'cubic-pytorch', False)
jax.image.resize(x, (0, 3), 'linear')
jax.image.scale_and_translate(x, (5,), (0,), jnp.ones(1), jnp.ones(1), 'linear')
jax.image.scale_and_translate(x, (5, 6), (0, 1), jnp.ones(2), jnp.ones(2), 'nearest')
jax.image.scale_and_translate(xi, (3, 6), (-1,), jnp.array([2.0]), jnp.array([1.5]), 'linear')
"""
METHODS = words("nearest linear lanczos3 lanczos5 cubic cubic-pytorch area")


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("mode", words("constant nearest wrap mirror reflect"))
def test_map_coordinates_beyond_the_edges(mode, order):
    check(f"scipy.ndimage.map_coordinates(v[:4], [p], {order}, mode='{mode}', cval=-1)")
    check(f"scipy.ndimage.map_coordinates(x, [p / 2, p], {order}, '{mode}')")
    check(f"scipy.ndimage.map_coordinates(v[:1], [p], {order}, '{mode}')")


@pytest.mark.parametrize("case", [*lines(PLACES), *lines(PICTURES)])
def test_pictures(case):
    check(case)


@pytest.mark.parametrize("method", METHODS)
def test_resize(method):
    for shape in ("5, 6", "2, 3"):
        for antialias in ("True", "False"):
            check(f"jax.image.resize(x, ({shape}), '{method}', {antialias})")


@pytest.mark.parametrize("method", METHODS[1:])
def test_scale_and_translate(method):
    for antialias in ("True", "False"):
        arguments = f"jnp.array([1.3, 0.7]), jnp.array([0.5, -1.2]), '{method}', {antialias}"
        check(f"jax.image.scale_and_translate(x, (5, 6), (0, 1), {arguments})")


@pytest.mark.parametrize("case", lines("""
scipy.ndimage.map_coordinates(x, [p / 3, p], 1, 'reflect')
jax.image.resize(x, (2, 7), 'cubic')
scipy.fft.dctn(x, norm='ortho')
scipy.fft.idct(x)
scipy.signal.detrend(x, bp=[2])
"""))
def test_transforms(case):
    check_transforms(case)


def test_derivatives_by_coordinates_and_by_scale():
    def loss(library):
        at = library.scipy.ndimage.map_coordinates

        def total(p, scale, shift):
            moved = library.image.scale_and_translate(ARRAYS["x"], (5, 6), (0, 1), scale, shift, "linear")
            return (at(ARRAYS["x"], [p, p], 1) ** 2).sum() + (moved**2).sum()

        return library.jit(library.grad(total, (0, 1, 2)))

    at = np.float32([0.3, 1.7]), np.float32([1.3, 0.8]), np.float32([0.4, -0.2])
    for found, expected in zip(loss(cujax)(*at), loss(jax)(*at), strict=True):
        close(found, np.asarray(expected))


def test_errors_name_the_function():
    for case, text in [("scipy.fft.dct(x, 1)", "dct: only type 2"), ("jax.image.resize(x, (5,), 'linear')", "rank of"),
                       ("scipy.signal.stft(s, nperseg=0)", "stft: nperseg must be positive")]:
        assert text in str(evaluate(case, jnp))


def test_scale_and_translate_takes_a_number_for_each_axis():
    image, one = cujax.numpy.ones((4, 4)), cujax.numpy.ones(2)
    for scale, translation, name in ((np.ones(3), one, "scale"), (one, np.float32(1), "translation")):
        with pytest.raises(ValueError, match=rf"{name} must have shape \(2,\)"):
            cujax.image.scale_and_translate(image, (4, 4), (0, 1), scale, translation, "linear")


def test_eigenvalues_are_selected_among_those_there_are():
    d, e = np.ones(3, np.float32), np.ones(2, np.float32)
    for chosen in ((0, 3), (-1, 1)):
        with pytest.raises(ValueError, match=r"select_range .* is not among the 3 eigenvalues"):
            cujax.scipy.linalg.eigh_tridiagonal(d, e, eigvals_only=True, select="i", select_range=chosen)
