"""Rows of sums of products and over windows: transforms, contractions, convolutions, pools."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from cujax.engine.ops.conv_dimensions import ConvDimensionNumbers
from cujax.engine.ops.fft import FftType
from op_samples.sample import (
    COMPLEX,
    FLOATS,
    INTS,
    NUMBERS,
    Sample,
    integers,
    reals,
)


def transform(
    kind: str, shape: tuple[int, ...], lengths: tuple[int, ...], dtypes: Sequence[str] = ()
) -> Sample:
    """A row of `fft`; our enumeration and JAX's have the same numbers."""
    return Sample(
        "fft", [reals(shape)], {"fft_type": FftType[kind], "fft_lengths": lengths}, ulp=32,
        dtypes=dtypes or (["float32", "float64"] if kind == "RFFT" else COMPLEX), label=f"{kind} of {shape}",
        jax=lambda x, *, fft_type, fft_lengths: lax.fft(x, kind, fft_lengths),
    )


FFT = [
    transform("FFT", (3, 5), (5,)),
    transform("IFFT", (2, 3, 4), (3, 4)),
    transform("FFT", (2, 3, 4), (2, 3, 4)),
    transform("RFFT", (3, 5), (5,)),
    transform("RFFT", (3, 4), (3, 4)),
    transform("RFFT", (2, 1), (1,)),
    transform("IRFFT", (3, 4), (6,)),
    transform("IRFFT", (3, 4), (3, 7)),
    transform("IRFFT", (2, 2), (2,)),
]


def without_factor(scaled: Sample) -> Sample:
    """A row of `unscaled_fft`, by the compiler alone."""
    size = prod(scaled.params["fft_lengths"])
    return replace(
        scaled, op="unscaled_fft", jax=lambda x, **params: scaled.jax(x, **params) * size, order=0, vmap=False,
        label=f"unscaled {scaled.label}",
    )


FFT += [without_factor(s) for s in FFT if s.params["fft_type"] in (FftType.IFFT, FftType.IRFFT)]


def product(lhs: tuple, rhs: tuple, numbers: tuple, preferred: Any = None, **options: Any) -> Sample:
    """A row of `dot_general`."""
    params = {"dimension_numbers": numbers, "precision": None, "preferred_element_type": preferred}
    return Sample(
        "dot_general", [reals(lhs), reals(rhs)], params, label=f"dot_general {lhs} {rhs} {numbers}",
        jax=lambda x, y, **given: lax.dot_general(x, y, **given), **options,
    )


CONTRACTION = [
    product((2, 3), (3, 4), (((1,), (0,)), ((), ()))),
    product((2, 3, 4), (4, 5, 2), (((2,), (0,)), ((0,), (2,)))),
    product((2, 3, 4), (4, 3), (((1, 2), (1, 0)), ((), ())), dtypes=NUMBERS),
    product((2, 3), (2, 3), (((), ()), ((0, 1), (0, 1))), dtypes=["float64"]),
    product((3,), (2,), (((), ()), ((), ())), dtypes=["float64", "complex64"]),
    product((2, 0), (0, 3), (((1,), (0,)), ((), ())), dtypes=["float64", "int32"]),
    product((3, 5), (5, 2), (((1,), (0,)), ((), ())), np.dtype("float32"), dtypes=["float16", "bfloat16"]),
]


def convolution(lhs: tuple, rhs: tuple, dtypes: Sequence[str] = ("float64",), **changed: Any) -> Sample:
    """A row of `conv_general_dilated`: one stride and no padding or dilation, but for what is `changed`."""
    spatial, spec = len(lhs) - 2, tuple(range(len(lhs)))
    params = {
        "window_strides": (1,) * spatial, "padding": ((0, 0),) * spatial, "lhs_dilation": (1,) * spatial,
        "rhs_dilation": (1,) * spatial, "dimension_numbers": ConvDimensionNumbers(spec, spec, spec),
        "feature_group_count": 1, "batch_group_count": 1, "precision": None, "preferred_element_type": None,
    } | changed

    def oracle(x: Any, y: Any, *, dimension_numbers: Any, **given: Any) -> Any:
        return lax.conv_general_dilated(x, y, dimension_numbers=lax.ConvDimensionNumbers(*dimension_numbers), **given)

    return Sample("conv_general_dilated", [reals(lhs), reals(rhs)], params, jax=oracle, dtypes=dtypes, ulp=8,
                  label=f"convolution {lhs} {rhs} {changed}")


CONVOLUTION = [
    convolution((2, 3, 6), (4, 3, 3), [d for d in NUMBERS if d not in ("uint64", "int64")]),
    convolution((1, 2, 4, 5), (2, 2, 3, 2), window_strides=(2, 1), padding=((1, 2), (-1, 1)), lhs_dilation=(1, 2),
                rhs_dilation=(2, 1)),
    convolution((2, 4, 5), (6, 2, 3), ["float64", "complex64"], feature_group_count=2),
    convolution((4, 3, 5), (4, 3, 2), ["float64", "complex64"], batch_group_count=2, window_strides=(2,)),
    convolution((2, 4, 5, 3), (2, 2, 3, 4), padding=((1, 1), (0, 1)), dimension_numbers=ConvDimensionNumbers(
        lhs_spec=(0, 3, 1, 2), rhs_spec=(3, 2, 0, 1), out_spec=(0, 3, 1, 2))),
    convolution((1, 2, 3, 3, 4), (2, 2, 2, 1, 2), padding=((1, 0),) * 3),
    convolution((2, 3), (4, 3)),
    convolution((2, 2, 0), (3, 2, 2), padding=((1, 0),)),
]


def with_epilogue(plain: Sample, out: tuple, bias: tuple, axis: int, adds_residual: bool, rectifies: bool) -> Sample:
    """A row of `convolution_epilogue`: a convolution with a bias along `axis`, by the compiler alone."""

    def oracle(x: Any, y: Any, b: Any, *residual: Any, rectifies: bool, **params: Any) -> Any:
        total = sum(residual, plain.jax(x, y, **params)) + b.reshape([-1 if k == axis else 1 for k in range(len(out))])
        return jnp.maximum(total, 0) if rectifies else total

    operands = [*plain.operands, reals(bias), *[reals(out)] * adds_residual]
    return Sample("convolution_epilogue", operands, {**plain.params, "rectifies": rectifies}, jax=oracle, order=0,
                  ulp=8, label=f"{plain.label} with an epilogue", vmap=False, dtypes=("float32", "float64"))


EPILOGUES = [
    with_epilogue(convolution((2, 3, 6), (4, 3, 3)), (2, 4, 4), (4,), 1, False, False),
    with_epilogue(CONVOLUTION[4], (2, 5, 5, 4), (1, 1, 1, 4), 3, True, True),
]

WINDOW = {
    "window_dimensions": (2, 3), "window_strides": (1, 2), "padding": ((0, 1), (1, 1)),
    "base_dilation": (1, 1), "window_dilation": (1, 1),
}
SPREAD = WINDOW | {"base_dilation": (2, 1), "window_dilation": (1, 2), "padding": ((0, 1), (-1, 2))}


def windows_of(x: Any, fill: Any, window: dict[str, Any]) -> Any:
    """All windows of a matrix, flattened along a last axis."""
    x = lax.pad(x, jnp.asarray(fill, x.dtype), [
        (*pads, f - 1) for pads, f in zip(window["padding"], window["base_dilation"], strict=True)])
    index = []
    for length, k, s, f in zip(x.shape, window["window_dimensions"], window["window_strides"],
                               window["window_dilation"], strict=True):
        places = (length - (k - 1) * f - 1) // s + 1
        index.append(jnp.arange(places)[:, None] * s + jnp.arange(k) * f)
    rows, columns = index
    found = x[rows[:, None, :, None], columns[None, :, None, :]]
    return found.reshape(*found.shape[:2], -1)


def place_in_window(x: Any, *, greatest: bool, **window: Any) -> Any:
    found = windows_of(x, -jnp.inf if greatest else jnp.inf, window)
    return (jnp.argmax if greatest else jnp.argmin)(found, -1).astype(jnp.int32)


def take_from_window(t: Any, places: Any, **window: Any) -> Any:
    return jnp.take_along_axis(windows_of(t, 0, window), places[..., None], -1)[..., 0]


def put_into_window(ct: Any, places: Any, *, operand_shape: tuple, **window: Any) -> Any:
    zeros = jnp.zeros(operand_shape, ct.dtype)
    return jax.vjp(lambda t: take_from_window(t, places, **window), zeros)[1](ct)[0]


WINDOWED = [
    *(Sample("reduce_window_sum", [reals((3, 6))], window, ulp=16) for window in (WINDOW, SPREAD)),
    *(
        Sample(f"reduce_window_{name}", [reals((3, 6))], WINDOW, dtypes=["bool", *INTS, *FLOATS])
        for name in ("max", "min")
    ),
    *(
        Sample(f"reduce_window_{name}", [reals((3, 6))], SPREAD, dtypes=["float64"],
               jax=lambda x, extremum=extremum, fill=fill, **window: extremum(windows_of(x, fill, window), -1))
        for name, extremum, fill in (("max", jnp.max, -jnp.inf), ("min", jnp.min, jnp.inf))
    ),
    *(
        Sample("window_place", [reals((3, 6))], {"greatest": greatest, **SPREAD}, dtypes=FLOATS, order=0,
               jax=place_in_window)
        for greatest in (True, False)
    ),
    *(
        sample
        for window, shape in ((WINDOW, (3, 3)), (SPREAD, (5, 2)))
        for sample in (
            Sample("window_take", [reals((3, 6)), integers(shape, 0, 6)], window, dtypes=[*FLOATS, *COMPLEX],
                   jax=take_from_window),
            Sample("window_put", [reals(shape), integers(shape, 0, 6)], {"operand_shape": (3, 6), **window},
                   dtypes=["float16", "float32", "float64", *COMPLEX], jax=put_into_window, ulp=16),
        )
    ),
]
