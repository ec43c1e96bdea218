"""scipy.cluster: dtypes; its values are compared in surface/test_scipy_modules.py."""

from __future__ import annotations

import numpy as np
import pytest

import cujax
from cujax.scipy.cluster import vq


@pytest.mark.parametrize("wide", [False, True])
def test_codes_have_the_default_int_dtype(wide):
    points = np.float32([[0, 0], [2, 2], [5, 5]])
    with cujax.enable_x64(wide):
        for function in (vq.vq, cujax.jit(vq.vq)):
            codes, distances = function(points, points[1:])
            assert (codes.dtype, distances.dtype) == (np.int64 if wide else np.int32, np.float32)
    np.testing.assert_array_equal(codes, [0, 0, 1])
