"""Copies between orders of axes by a kernel: on the emulator, and compiled for devices."""

from __future__ import annotations

import numpy as np
import pytest
from emulator import EmulatorTarget, why_not

from cujax.engine.backends.cuda_compiler import resources
from cujax.engine.backends.cuda_permute import Lying, permuter, text

emulated = pytest.mark.skipif(bool(why_not()), reason=str(why_not()))
SHAPES = [((3, 4, 5), (2, 0, 1)), ((2, 3, 1, 4, 5), (0, 2, 3, 4, 1)), ((7,), (0,)), ((33, 40), (1, 0)), ((), ())]


@emulated
@pytest.mark.parametrize("dtype", ["int8", "float16", "float32", "complex64", "complex128"])
@pytest.mark.parametrize(("shape", "axes"), SHAPES, ids=str)
def test_values(shape, axes, dtype):
    """From an array in which a view begins somewhere to one whose axes lie in another order, and back."""
    target, size = EmulatorTarget(), int(np.prod(shape))
    x = np.arange(size + 3).astype(dtype)
    view = x[3:].reshape(shape)
    y = np.zeros(np.array(shape, int)[list(axes)], dtype)
    turned = y.transpose(np.argsort(axes)) if axes else y
    there, back = Lying(3 * x.itemsize, view.strides), Lying(0, turned.strides)
    permuter(target, x.itemsize, shape, there, back)([x, y])
    np.testing.assert_array_equal(turned, view)
    z = np.zeros_like(x)
    permuter(target, x.itemsize, shape, back, there)([y, z])
    np.testing.assert_array_equal(z[3:].reshape(shape), view)


@emulated
def test_reversed_axes_are_read_backwards():
    x, y = np.arange(12.0).reshape(3, 4), np.zeros((3, 4))
    view = x[::-1, ::-1]
    start = view.__array_interface__["data"][0] - x.__array_interface__["data"][0]
    permuter(EmulatorTarget(), 8, (3, 4), Lying(start, view.strides), Lying(0, y.strides))([x, y])
    np.testing.assert_array_equal(y, view)


def test_what_it_does_not_count_or_address():
    for shape, itemsize, strides in (
        ((2**33,), 4, (4,)), ((0, 3), 4, (12, 4)), ((1,) * 6, 4, (4,) * 6), ((3,), 4, (6,)), ((3,), 3, (3,)),
    ):  # fmt: skip
        lying = Lying(0, strides)
        assert permuter(None, itemsize, shape, lying, lying) is None


def test_it_compiles_for_devices():
    found = resources(text(), 90)
    assert len(found) == 5
    assert all(kernel.spill_stores == 0 for kernel in found.values())
