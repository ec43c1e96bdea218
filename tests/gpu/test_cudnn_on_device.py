"""Convolutions by cuDNN: values for all kinds of arguments, precision, repetition, epilogues, and what they cost."""

from __future__ import annotations

import os
import time
from typing import Any

import cudnn_reference
import numpy as np
import pytest
from cudnn_cases import Case, cases
from device_kernels import microseconds

import cujax
from cujax.engine.backends import cuda_library, cudnn, select
from cujax.engine.backends.cuda_target import CudaTarget
from cujax.engine.backends.cudnn_api import CudnnError, CudnnMissing, load
from cujax.engine.backends.cudnn_call import Epilogue
from cujax.engine.backends.cudnn_convolution import Window, convolve
from cujax.engine.ground import dtypes
from cujax.engine.ground.config import config
from cujax.engine.ops import convolution
from cujax.engine.ops.conv_dimensions import conv_dimension_numbers
from cujax.engine.ops.convolution import conv_general_dilated_p

cupy = pytest.importorskip("cupy", reason="CuPy is not installed")

TOLERANCES = {
    "float64": 1e-12, "float32": 2e-5, "float16": 2e-2, "bfloat16": 1e-1, "complex64": 2e-5, "complex128": 1e-12
}  # fmt: skip
DEEP = Case((4, 14, 14, 256), (3, 3, 256, 64), {
    "dimension_numbers": ("NHWC", "HWIO", "NHWC"), "window_strides": (1, 1), "padding": ((1, 1), (1, 1)),
    "lhs_dilation": (1, 1), "rhs_dilation": (1, 1), "feature_group_count": 1, "batch_group_count": 1,
})  # fmt: skip
IS_EMULATED = bool(os.environ.get("CUJAX_EMULATE_DEVICE"))
FEATURES, PLACES = (8, 6) if IS_EMULATED else (256, 56)
LARGE = Case((16, PLACES, PLACES, FEATURES), (3, 3, FEATURES, FEATURES), DEEP.options)


@pytest.fixture
def convolutions(device, backend, tmp_path) -> cudnn.Convolutions:
    """Convolutions of a process that has made none, with a compilation cache of its own."""
    with config.override("compilation_cache_dir", str(tmp_path)):
        yield fresh()


def fresh() -> cudnn.Convolutions:
    try:
        found = cudnn.Convolutions(load(cupy.cuda.runtime.runtimeGetVersion() // 1000), CudaTarget())
        found.device(cupy.cuda.runtime.getDevice())
        return found
    except (CudnnMissing, CudnnError) as error:
        pytest.skip(f"cuDNN cannot be used: {error}")


def arguments(case: Case, x: Any, y: Any) -> tuple[Any, Any, tuple[int, ...], Window]:
    """What the library step gets: arrays in canonical order, the axes of the result, the window."""
    window = dict(case.options)
    lhs_axes, rhs_axes, out_axes = conv_dimension_numbers(case.lhs, case.rhs, window.pop("dimension_numbers"))
    return x.transpose(lhs_axes), y.transpose(rhs_axes), out_axes, Window(**window)


def on_device(convolutions: cudnn.Convolutions, case: Case, dtype: Any, allows_tf32: bool = False) -> np.ndarray | None:
    x, y, out_axes, window = arguments(case, *map(cupy.asarray, case.operands(dtype)))
    found = convolutions(x, y, out_axes, allows_tf32, window)
    return None if found is None else found.get()


def exact(case: Case, dtype: Any) -> np.ndarray:
    """The same from the same operands, in float64 on the host."""
    wide = np.complex128 if np.dtype(dtype).kind == "c" else np.float64
    x, y, out_axes, window = arguments(case, *[v.astype(wide) for v in case.operands(dtype)])
    return convolve(np, x, y, out_axes, window, lambda a: a.ctypes.data, cudnn_reference.execute)


# --- values -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_values(convolutions, figure, dtype):
    kind, tolerance, without = dtypes.as_dtype(dtype), TOLERANCES[dtype], 0
    for case in cases(100, seed=3, features=9):
        expected, found = exact(case, kind), on_device(convolutions, case, kind)
        if found is None:
            without += 1
            continue
        wide = found.astype(expected.dtype)
        np.testing.assert_allclose(wide, expected, rtol=tolerance, atol=tolerance, err_msg=str(case))
        again = on_device(convolutions, case, kind)  # by what was prepared the first time
        np.testing.assert_array_equal(again, found, err_msg=str(case))
    figure(f"cuDNN, {dtype}: convolutions of 100 without a plan", without, "")
    assert without < 10


def test_float32_is_float32(convolutions, figure):
    expected = exact(DEEP, np.float32)
    strict, loose = (on_device(convolutions, DEEP, np.float32, allowed) for allowed in (False, True))
    errors = [float(abs(found - expected).max()) for found in (strict, loose)]
    figure("cuDNN, float32: largest error of sums of 2304 products", errors[0], "")
    figure("cuDNN, TF32: largest error of sums of 2304 products", errors[1], "")
    assert errors[0] < 1e-3


def test_gradients_in_the_filter_repeat(convolutions):
    case = Case((28, 28, 16, 64), (28, 28, 16, 64), {
        **DEEP.options, "dimension_numbers": ("HWCN", "HWIO", "HWNC"), "padding": ((1, 1), (1, 1))})  # fmt: skip
    first = on_device(convolutions, case, np.float32)
    for _ in range(5):
        np.testing.assert_array_equal(on_device(convolutions, case, np.float32), first)


@pytest.mark.parametrize("non_blocking", [False, True])
def test_the_users_stream_is_used(convolutions, non_blocking):
    expected = exact(DEEP, np.float32)
    stream = cupy.cuda.Stream(non_blocking=non_blocking)
    with stream:
        found = on_device(convolutions, DEEP, np.float32)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)


def test_plans_are_found_by_trial(convolutions, figure):
    """And in the next process by what the disk remembers of that."""
    expected = exact(DEEP, np.float32)
    for tuned in (False, True):
        with config.override("conv_autotune", tuned):
            for kind, library in (("first", convolutions), ("first of the next process:", fresh())):
                start = time.perf_counter()
                found = on_device(library, DEEP, np.float32)
                seconds = time.perf_counter() - start
                figure(f"cuDNN, {kind} call{', tuned' * tuned}", seconds * 1e3, "ms")
                np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)


# --- epilogues --------------------------------------------------------------------------------------------------

FORWARD = [case for case in cases(100, seed=3, features=9) if set(case.options["lhs_dilation"]) == {1}]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_values_with_epilogues(convolutions, figure, dtype):
    rng, computed = np.random.default_rng(0), 0
    for case in [DEEP, *FORWARD]:
        plain = exact(case, dtype)
        if plain is None:
            continue
        x, y, out_axes, window = arguments(case, *map(cupy.asarray, case.operands(dtype)))
        along = [-1 if axis == out_axes[1] else 1 for axis in range(plain.ndim)]
        bias, residual = (rng.uniform(-1, 1, s).astype(dtype) for s in (plain.shape[out_axes[1]], plain.shape))
        for adds, rectifies in ((False, False), (True, True)):
            epilogue = Epilogue(cupy.asarray(residual) if adds else None, cupy.asarray(bias), rectifies)
            found = convolutions(x, y, out_axes, False, window, epilogue)
            if found is None:
                continue
            computed += 1
            expected = plain + residual * adds + bias.reshape(along)
            expected = np.maximum(expected, 0) if rectifies else expected
            tolerance = TOLERANCES[dtype] * (50 if case is DEEP else 1)
            np.testing.assert_allclose(found.get(), expected, rtol=tolerance, atol=tolerance, err_msg=str(case))
    figure(f"cuDNN, {dtype}: convolutions with an epilogue", computed, "")
    assert computed > 20


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nan_and_infinity_come_through_the_maximum(convolutions, dtype):
    x, y, out_axes, window = arguments(DEEP, *map(cupy.asarray, DEEP.operands(dtype)))
    bias = np.zeros(64, dtype)
    bias[:3] = np.nan, np.inf, -np.inf
    found = convolutions(x, y, out_axes, False, window, Epilogue(None, cupy.asarray(bias), True)).get()
    assert np.isnan(found[..., 0]).all()
    assert np.isposinf(found[..., 1]).all()
    assert (found[..., 2] == 0).all()
    assert np.isfinite(found[..., 3:]).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_layer_with_and_without_epilogues(convolutions, backend, figure, monkeypatch, dtype):
    """The jitted function, first with what is added as a kernel of its own."""
    monkeypatch.setattr(select, "_selected", backend)
    operands = [cupy.asarray(v) for v in LARGE.operands(dtype)]
    bias, residual = cupy.ones(FEATURES, dtype), cupy.ones(LARGE.lhs, dtype)
    wait = cupy.cuda.get_current_stream().synchronize

    def layer(x: Any, y: Any, b: Any, r: Any) -> Any:
        return cujax.nn.relu(cujax.lax.conv_general_dilated(x, y, **LARGE.options) + r + b)

    def timed(function: Any) -> tuple[float, Any]:
        found = function(*operands, bias, residual)
        wait()
        start = time.perf_counter()
        for _ in range(5):
            function(*operands, bias, residual)
        wait()
        return (time.perf_counter() - start) / 5, np.asarray(found)

    with config.override("enable_x64", True):
        with monkeypatch.context() as patch:
            patch.setattr(cuda_library, "plans_convolution", lambda *given: False)
            apart, expected = timed(cujax.jit(lambda *given: layer(*given)))
        together, found = timed(cujax.jit(lambda *given: layer(*given)))
    np.testing.assert_allclose(found, expected, rtol=TOLERANCES[dtype], atol=1e-3)
    figure(f"cuDNN, {dtype}: a layer, what is added as a kernel", apart * 1e3, "ms")
    figure(f"cuDNN, {dtype}: a layer in one call", together * 1e3, "ms")


# --- costs ------------------------------------------------------------------------------------------------------


def test_what_a_call_costs_the_host(convolutions, figure):
    case = next(cases(1))
    x, y, out_axes, window = arguments(case, *map(cupy.asarray, case.operands()))
    wait = cupy.cuda.get_current_stream().synchronize
    figure("cuDNN: a call", microseconds(lambda: convolutions(x, y, out_axes, False, window), wait), "us")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_generated_kernel_beside_it(convolutions, figure, monkeypatch, dtype):
    """Figures for both, and that they agree; what the kernel should reach stands in `kernels/convolve_gemm.h`."""
    monkeypatch.setattr(cuda_library, "convolution", lambda *given, **named: None)  # as without cuDNN
    operands = [cupy.asarray(v) for v in LARGE.operands(dtype)]
    x, y, out_axes, window = arguments(LARGE, *operands)
    params = LARGE.options | {
        "dimension_numbers": conv_dimension_numbers(LARGE.lhs, LARGE.rhs, LARGE.options["dimension_numbers"]),
        "precision": None, "preferred_element_type": None,
    }  # fmt: skip
    wait = cupy.cuda.get_current_stream().synchronize

    def timed(run: Any) -> float:
        run()
        wait()
        start = time.perf_counter()
        for _ in range(5):
            run()
        wait()
        return (time.perf_counter() - start) / 5

    def generated() -> Any:
        return conv_general_dilated_p.impl(cupy, *operands, **params)

    expected = convolutions(x, y, out_axes, False, window).get()
    np.testing.assert_allclose(generated().get(), expected, rtol=TOLERANCES[dtype], atol=1e-3)
    operations = 2 * expected.size * 9 * FEATURES
    for name, run in (("cuDNN", lambda: convolutions(x, y, out_axes, False, window)), ("the kernel", generated)):
        seconds = timed(run)
        figure(f"{name}, {dtype}: 3 x 3, {FEATURES} features", seconds * 1e3, "ms")
        figure(f"{name}, {dtype}: 3 x 3, {FEATURES} features, rate", operations / seconds / 1e12, "TFLOP/s")


@pytest.mark.parametrize("taps", [15, 31, 63])
def test_where_spectra_pay_off(convolutions, backend, figure, monkeypatch, taps):
    """Figures for both ways to convolve by a large kernel; `ops/convolution_by_fft.py` has guessed where they meet."""
    monkeypatch.setattr(select, "_selected", backend)
    side = 2 * taps if IS_EMULATED else 2048
    rng = np.random.default_rng(0)
    x, y = (cupy.asarray(rng.uniform(-1, 1, (1, 1, n, n)).astype(np.float32)) for n in (side, taps))
    params = {
        "window_strides": (1, 1), "padding": ((0, 0), (0, 0)), "lhs_dilation": (1, 1), "rhs_dilation": (1, 1),
        "dimension_numbers": conv_dimension_numbers(x.shape, y.shape, None), "feature_group_count": 1,
        "batch_group_count": 1, "precision": None, "preferred_element_type": None,
    }  # fmt: skip
    wait = cupy.cuda.get_current_stream().synchronize
    found = []
    for name, by_spectra in (("sums", False), ("spectra", True)):
        monkeypatch.setattr(convolution, "fits_fft", lambda *given, is_chosen=by_spectra: is_chosen)
        found.append(conv_general_dilated_p.impl(cupy, x, y, **params).get())
        time_taken = microseconds(lambda: conv_general_dilated_p.impl(cupy, x, y, **params), wait, calls=2, rounds=3)
        figure(f"{taps} x {taps} taps, {side} x {side}: by {name}", time_taken, "us")
    np.testing.assert_allclose(*found, rtol=1e-4, atol=1e-4 * taps)
