"""The device's convolution kernel, thread by thread on the emulator: values, bits, choices.

CUJAX_CONVOLUTION_CASES=2400 draws as many cases of `convolution_cases.py`; by default a few.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
from by_hand import on_numpy
from emulator import EmulatorTarget, why_not
from emulator.backend import emulated_backend
from ops.convolution_cases import case
from ops.test_convolution_grid import close, derivatives, expected_of, order_of, refusals

import cujax
from cujax import lax
from cujax.engine.backends import cuda_convolution
from cujax.engine.backends.kernel_errors import KernelCompileError

pytestmark = [
    pytest.mark.usefixtures("x64"),
    pytest.mark.skipif(why_not() is not None, reason=str(why_not())),
]

COUNT = int(os.environ.get("CUJAX_CONVOLUTION_CASES", 12))
NHWC, NCHW = ("NHWC", "HWIO", "NHWC"), ("NCHW", "OIHW", "NCHW")


@pytest.fixture
def plans(monkeypatch) -> list[cuda_convolution.Plan]:
    """The plans of kernels that have been compiled; without one the op would be a matrix product."""
    seen: list = []
    compiled = cuda_convolution.compiled

    def watched(target: Any, dtypes: tuple, geometry: tuple, work: int) -> Any:
        run = compiled(target, dtypes, geometry, work)
        seen.append(cuda_convolution.plan_of(dtypes, cuda_convolution.Geometry.of(geometry)))
        return run

    monkeypatch.setattr(cuda_convolution, "compiled", watched)
    return seen


def wholes(*shape: int, dtype: Any = "float32") -> np.ndarray:
    """Small whole numbers, whose sums are exact in any order."""
    random = np.random.default_rng(sum(shape))
    values = random.integers(0 if np.dtype(dtype).kind == "u" else -3, 4, shape)
    return (values + 1j * random.integers(-3, 4, shape) if np.dtype(dtype).kind == "c" else values).astype(dtype)


def by_kernel(x: Any, y: Any, kernels: Any = None, **options: Any) -> np.ndarray:
    with emulated_backend(kernels):
        return np.asarray(lax.conv_general_dilated(x, y, **options))


def on_host(x: Any, y: Any, **options: Any) -> np.ndarray:
    """In a wide dtype, on NumPy, whatever this process uses."""
    wide = np.complex128 if x.dtype.kind == "c" else np.float64
    with on_numpy():
        return np.asarray(lax.conv_general_dilated(x.astype(wide), y.astype(wide), **options)).astype(x.dtype)


def options_of(names: Any, **others: Any) -> dict[str, Any]:
    return {"window_strides": (1, 1), "padding": [(1, 2), (0, 1)], "dimension_numbers": names, **others}


LAYERS = {  # shapes, options, and of the plan: tile, how factors are read, whether depth is in slices
    "full tiles": ((3, 9, 17, 16), (3, 3, 16, 120), options_of(NHWC), (128, 128), "PACKS", "ALONG_ROWS", False),
    "odd channels": ((1, 9, 10, 19), (3, 3, 19, 33), options_of(NHWC), (128, 32), "ALONG_DEPTH", "ALONG_ROWS", False),
    "channels first": ((1, 13, 3, 4), (129, 13, 3, 2), options_of(NCHW), (32, 128), "ALONG_ROWS", "ALONG_DEPTH", False),
    "weights by channel": ((1, 9, 10, 12), (70, 2, 3, 12), options_of(("NHWC", "OHWI", "NHWC"), rhs_dilation=(2, 1)),
                           (128, 128), "ALONG_DEPTH", "PACKS", False),
    "few channels": ((2, 3, 17, 16), (9, 3, 7, 7), options_of(NCHW, window_strides=(2, 2)), (128, 32), "ALONG_DEPTH",
                     "ALONG_DEPTH", False),
    "slices": ((1, 5, 5, 200), (3, 3, 200, 10), options_of(NHWC), (128, 32), "ALONG_DEPTH", "ALONG_ROWS", True),
    "taps": ((6, 2, 30, 29), (9, 2, 29, 28), options_of(NCHW), (128, 32), "ALONG_DEPTH", "ALONG_DEPTH", True),
    "gaps and strides": ((2, 9, 11, 8), (3, 3, 4, 34), options_of(NHWC, lhs_dilation=(2, 3), window_strides=(3, 2),
                         feature_group_count=2), (128, 32), "ALONG_DEPTH", "ALONG_ROWS", False),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name, plans):
    lhs, rhs, options, tile, of_x, of_w, is_sliced = LAYERS[name]
    x, y = wholes(*lhs), wholes(*rhs)
    np.testing.assert_array_equal(by_kernel(x, y, **options), on_host(x, y, **options))
    plan, *_ = plans  # where this process uses a device, the reference makes another
    found = plan.variant
    assert (found.tile[:2], found.of_x, found.of_w, found.is_sliced) == (tile, of_x, of_w, is_sliced), plan
    assert found.has_gaps == ("gaps" in name) and (plan.slices > 1) == is_sliced


@pytest.mark.parametrize(
    "dtype", ["float16", "float64", "int8", "int64", "complex128"]
)
def test_dtypes(dtype, plans):
    x, y = wholes(2, 18, 20, dtype=dtype), wholes(24, 9, 3, dtype=dtype)
    options = {"window_strides": (2,), "padding": [(2, 1)], "feature_group_count": 2}
    np.testing.assert_array_equal(by_kernel(x, y, **options), on_host(x, y, **options))
    assert len(plans) == 1


def test_16_bit_floats_are_summed_in_32(plans):
    x, y = np.full((1, 40, 80), 16, np.float16), np.full((17, 40, 3), 1, np.float16)
    x[0, 0, ::2] = 0.01
    found = by_kernel(x, y, window_strides=(1,), padding="VALID")
    assert set(found.ravel().tolist()) <= {np.float16(16 * 39 * 3 + v) for v in (2 * 0.01 + 16, 2 * 16 + 0.01)}
    assert len(plans) == 1


@pytest.mark.parametrize("names", [NHWC, NCHW], ids=lambda names: names[0])
def test_gradients(names, plans):
    """In the data a convolution for each phase of the stride, in the filter one with as many taps as places."""
    lhs, rhs = ((4, 13, 11, 20), (3, 3, 20, 40)) if names == NHWC else ((4, 20, 13, 11), (40, 20, 3, 3))
    options = options_of(names, window_strides=(2, 2))

    def gradients(x, y):
        out, pull_back = cujax.vjp(lambda x, y: lax.conv_general_dilated(x, y, **options), x, y)
        return [np.asarray(v) for v in (out, *pull_back(out))]

    x, y = wholes(*lhs), wholes(*rhs)
    with on_numpy():
        expected = gradients(x.astype(np.float64), y.astype(np.float64))
    with emulated_backend():
        found = gradients(x, y)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)
    assert len(plans) == 1 + 4 + 1 and not any(plan.variant.has_gaps for plan in plans)
    assert sum(plan.batch_is_fastest for plan in plans) == (names == NHWC)  # that in the filter


@pytest.mark.parametrize("first", range(0, COUNT, 12))
def test_generated_calls_are_jax_s(first, plans):
    """All arguments, outside of `jit`, where everything goes by the kernel."""
    cases = {n: case(n) for n in range(first, first + 12)}
    for n in refusals(cases):
        del cases[n]
    expected = expected_of(cases)
    with emulated_backend():
        for n, one in cases.items():
            found = derivatives(cujax, one.options, order_of(n, one))(*one.operands())
            for a, b in zip(found, expected[n], strict=True):
                close(a, b, f"case({n}): {one}")
    assert plans


def test_the_order_of_threads_changes_no_bit_and_none_race():
    lhs, rhs, options, *_ = LAYERS["slices"]
    random = np.random.default_rng(0)
    x, y = (random.uniform(-1, 1, shape).astype(np.float32) for shape in (lhs, rhs))
    forward = by_kernel(x, y, **options)
    assert by_kernel(x, y, EmulatorTarget("reverse"), **options).tobytes() == forward.tobytes()
    assert by_kernel(x, y, EmulatorTarget(find_races=True), **options).tobytes() == forward.tobytes()


def test_inside_of_jit_the_same_bits(plans):
    lhs, rhs, options, *_ = LAYERS["odd channels"]
    x, y = wholes(*lhs) / 7, wholes(*rhs) / 3
    with emulated_backend():
        inside = np.asarray(cujax.jit(lambda x, y: lax.conv_general_dilated(x, y, **options))(x, y))
    assert inside.tobytes() == by_kernel(x, y, **options).tobytes() and len(plans) == 2


def test_a_refusal_of_the_compiler_costs_only_speed(monkeypatch):
    def refuse(*_: Any) -> None:
        raise KernelCompileError("nvrtc", "no", "text")

    lhs, rhs, options, *_ = LAYERS["odd channels"]
    x, y = wholes(*lhs), wholes(*rhs)
    monkeypatch.setattr(cuda_convolution, "compiled", refuse)
    np.testing.assert_array_equal(by_kernel(x, y, **options), on_host(x, y, **options))


def geometry(**changed: Any) -> cuda_convolution.Geometry:
    """One channel of one signal, with changes."""
    one = (1, 1, 1)
    plain = cuda_convolution.Geometry(
        groups=1, batch=1, channels=1, features=1, places=one, taps=one, lengths=one, low=(0, 0, 0), stride=one,
        step=one, gap=one, x_group=1, x=(1, 1, 1, 1, 1), w_group=1, w_feature=1, w=(1, 1, 1, 1), out_group=1,
        out_feature=1, out=(1, 1, 1, 1), w_start=0, out_start=0,
    )  # fmt: skip
    return plain._replace(**changed)


def test_what_the_kernel_is_for(plans):
    assert cuda_convolution.fits(geometry(batch=2**30).flat())
    assert not cuda_convolution.fits(geometry(batch=2**31).flat())
    assert not cuda_convolution.fits(geometry(lengths=(1, 1, 2**31)).flat())
    by_kernel(wholes(1, 3, 2, 2, 2, 2), wholes(4, 3, 1, 1, 1, 1), window_strides=(1,) * 4, padding="VALID")
    assert not plans


F32 = (np.dtype("float32"),) * 3


@pytest.mark.parametrize(
    ("changed", "bits"),
    [
        ({"channels": 64}, 3), ({"channels": 4, "taps": (1, 1, 2)}, 2), ({"channels": 1, "taps": (1, 1, 8)}, 0),
        ({"channels": 3, "taps": (1, 7, 7)}, 0), ({"channels": 12, "taps": (1, 3, 3)}, 3),
        ({"channels": 32, "taps": (1, 56, 56), "x": (1, 9, 9, 9, 1)}, 0),  # a gradient, channels last
    ],
)  # fmt: skip
def test_a_step_is_channels_or_taps(changed, bits):
    assert cuda_convolution.plan_of(F32, geometry(batch=4096, **changed)).channel_bits == bits


def test_tiles_and_slices():
    """The larger tile where it is full, and slices where there are too few tiles; all of depth is in one of them."""
    wide, features, places = cuda_convolution.tiles_for(F32[1])
    for g, tile in ((geometry(batch=4096, features=256), wide), (geometry(batch=4096, features=20), features),
                    (geometry(batch=30, features=256), places)):  # fmt: skip
        assert cuda_convolution.plan_of(F32, g).variant.tile == tile
    many = cuda_convolution.plan_of(F32, geometry(batch=2**20, features=256, channels=4096))
    few = cuda_convolution.plan_of(F32, geometry(batch=128, features=128, channels=4096))
    assert many.slices == 1 and not many.variant.is_sliced
    assert (few.slices, few.steps, few.blocks) == (32, 16, (1, 32)) and few.variant.is_sliced
