"""`fma`: rounded once, on every processor; and its derivatives."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import cujax
from cujax.engine.backends import numpy_fma
from cujax.engine.ops.elementwise import fma


def exact_fma(x, y, z, dtype):
    """x * y + z in rational numbers, then rounded to the nearest float, ties to even."""
    exact = Fraction(float(x)) * Fraction(float(y)) + Fraction(float(z))
    near = dtype(exact.numerator / exact.denominator)  # Python rounds this quotient to float64 correctly
    candidates = [np.nextafter(near, dtype(-np.inf)), near, np.nextafter(near, dtype(np.inf))]
    word = np.uint32 if dtype is np.float32 else np.uint64
    return min(candidates, key=lambda c: (abs(Fraction(float(c)) - exact), int(c.view(word)) & 1))


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fma_rounds_once(dtype, fused, monkeypatch):
    if not fused:  # as on a processor without fused multiply-adds
        monkeypatch.setattr(numpy_fma, "_complex_product_is_fused", lambda: False)
    rng = np.random.default_rng(1)
    x = (rng.random(1500) * 2.0 ** rng.integers(-20, 20, 1500)).astype(dtype)
    y = rng.standard_normal(1500).astype(dtype)
    z = (rng.standard_normal(1500) * 2.0 ** rng.integers(-40, 20, 1500)).astype(dtype)
    z[:500] = -(x * y)[:500]  # what remains is the rounding error of the product
    one = dtype(1 + 2.0 ** (-12 if dtype is np.float32 else -26))  # its square lies half-way between floats
    x[-3:] = y[-3:] = one
    z[-3:] = [2.0**-80, 0, -(2.0**-80)]
    with cujax.enable_x64(True):
        found = np.asarray(fma(x, y, z))
    expected = np.array([exact_fma(*row, dtype) for row in zip(x, y, z, strict=True)])
    np.testing.assert_array_equal(found, expected)


def test_fma_of_scalars_and_its_derivatives():
    x = cujax.numpy.arange(3.0)
    np.testing.assert_array_equal(fma(x, np.float32(2), np.float32(0.5)), np.float32([0.5, 2.5, 4.5]))
    gradients = cujax.grad(lambda *a: fma(*a).sum(), (0, 1, 2))(x, np.float32(3), np.float32(4))
    for found, expected in zip(gradients, ([3, 3, 3], 3, 3), strict=True):
        np.testing.assert_array_equal(found, np.float32(expected))
    mixed = cujax.jacfwd(cujax.grad(lambda a, b: fma(a, b, np.float32(1))), 1)
    np.testing.assert_array_equal(mixed(np.float32(2), np.float32(5)), np.float32(1))
