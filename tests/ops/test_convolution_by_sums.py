"""Convolutions with few places and many terms, on a GPU kernels of sums: run on the emulator."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest
from emulator import emulated_backend, why_not

import cujax
from cujax import lax
from cujax.engine.compiler.kernel import Kernel
from cujax.engine.compiler.program import generated
from cujax.engine.core.aval import ShapedArray
from cujax.engine.ops.convolution import conv_general_dilated_p
from cujax.engine.ops.convolution_by_sums import FEWEST_TERMS, MOST_PAIRS, MOST_PLACES, parts

pytestmark = pytest.mark.skipif(bool(why_not()), reason=str(why_not()))

CASES: dict[str, tuple[tuple, tuple, dict[str, Any]]] = {  # shapes of the input and the filter
    "a stencil": ((1, 130, 130, 1), (3, 3, 1, 1), {}),
    "features": ((2, 100, 90, 2), (3, 2, 2, 3), {}),
    "strides": ((1, 270, 131, 1), (3, 3, 1, 2), {"window_strides": (2, 1)}),
    "dilation": ((1, 140, 131, 1), (3, 2, 1, 1), {"rhs_dilation": (2, 3)}),
    "padding": ((1, 140, 135, 1), (3, 3, 1, 1), {"padding": ((-2, 5), (0, -1))}),
    "a volume": ((1, 27, 28, 29, 1), (2, 3, 3, 1, 1), {}),
    "a signal": ((1, 17000, 1), (7, 1, 1), {}),
}


def gradient(shape: tuple, **options: Any) -> Any:
    """The gradient in the filter of a convolution, channels last."""
    axes = "HWD"[: len(shape) - 2]
    numbers = f"N{axes}C", f"{axes}IO", f"N{axes}C"
    options = {"window_strides": (1,) * len(axes), "padding": "SAME", "dimension_numbers": numbers} | options
    convolve = lambda x, w: lax.conv_general_dilated(x, w, **options)  # noqa: E731

    def pulled(x: Any, w: Any) -> Any:
        out, back = cujax.vjp(lambda w: convolve(x, w), w)
        return back(cujax.numpy.cos(out))[0]

    return pulled


def has_library_step(function: Any, *arrays: np.ndarray) -> bool:
    steps = generated(cujax.make_jaxpr(function)(*arrays).tape, "cuda").steps
    return any(not isinstance(s, Kernel) and s.primitive is conv_general_dilated_p for s in steps)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "complex64"])
@pytest.mark.parametrize("name", CASES)
def test_values(name, dtype):
    lhs, rhs, options = CASES[name]
    kind = np.dtype(ml_dtypes.bfloat16) if dtype == "bfloat16" else np.dtype(dtype)
    rng = np.random.default_rng(0)
    with cujax.enable_x64(True):
        x, w = rng.standard_normal(lhs).astype(kind), rng.standard_normal(rhs).astype(kind)
        function = gradient(lhs, **options)
        wide = np.complex128 if kind.kind == "c" else np.float64
        exact = np.asarray(function(x.astype(wide), w.astype(wide)))
        assert not has_library_step(function, x, w)
        with emulated_backend():
            found = np.asarray(cujax.jit(function)(x, w))
    assert found.dtype == kind
    tolerance = {"float64": 1e-12, "bfloat16": 5e-2}.get(dtype, 1e-4)
    scale = np.abs(exact).max()
    np.testing.assert_allclose(found.astype(wide) / scale, exact / scale, atol=tolerance, rtol=0)


def test_a_program_of_64_bits_is_compiled_whatever_the_switch_says_then():
    with cujax.enable_x64(True):
        x, w = np.ones((1, 130, 130, 1)), np.ones((3, 3, 1, 1))
        tape = cujax.make_jaxpr(gradient(x.shape))(x, w).tape
    assert all(isinstance(step, Kernel) for step in generated(tape, "cuda").steps)


def is_gain(lhs: tuple, rhs: tuple, language: str = "cuda", dtype: Any = np.float32, **changed: Any) -> bool:
    options = {
        "window_strides": (1, 1), "padding": ((0, 0), (0, 0)), "lhs_dilation": (1, 1), "rhs_dilation": (1, 1),
        "dimension_numbers": lax.ConvDimensionNumbers((0, 1, 2, 3), (0, 1, 2, 3), (0, 1, 2, 3)),
        "feature_group_count": 1, "batch_group_count": 1, "precision": None, "preferred_element_type": None,
    } | changed  # fmt: skip
    avals = [ShapedArray(shape, np.dtype(dtype)) for shape in (lhs, rhs)]
    return parts(*avals, language=language, **options) is not None


def test_when_it_is_a_gain():
    """Few sums of many terms each, on a GPU; the rest is a matter of libraries."""
    n = int(FEWEST_TERMS**0.5)
    assert is_gain((1, 1, n + 2, n + 2), (1, 1, n, n))
    assert is_gain((2, 1, n + 2, n + 2), (MOST_PAIRS // 2, 1, n, n))
    assert not is_gain((2, 1, n + 2, n + 2), (MOST_PAIRS // 2 + 1, 1, n, n))
    assert not is_gain((1, 1, n + 1, n + 1), (1, 1, n - 1, n - 1))
    assert is_gain((1, 1, n + MOST_PLACES - 1, n), (1, 1, n, n))
    assert not is_gain((1, 1, n + MOST_PLACES, n), (1, 1, n, n))
    assert not is_gain((1, 1, n + 2, n + 2), (1, 1, n, n), language="host")
    assert not is_gain((1, 1, n + 2, n + 2), (1, 1, n, n), dtype=np.int32)
    assert not is_gain((1, 1, n + 2, n + 2), (1, 1, n, n), lhs_dilation=(2, 1))
    assert not is_gain((1, 2, n + 2, n + 2), (2, 1, n, n), feature_group_count=2)
