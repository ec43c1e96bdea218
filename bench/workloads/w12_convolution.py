"""W12, convolution: channels last, "SAME" padding, stride 1; the result and both gradients.

Few channels are stencils, bound by memory; many are matrix products, bound by arithmetic.  The result is linear in each
operand, so a gradient is the pull-back of a fixed cotangent.  Compared with sums over taps in float64.

Products of float32 are those of float32 ("highest"), on GPUs too; the rows of "TF32" may round the factors to ten bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from math import prod
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from bench.case import Case, Make, Scale, all_close
from bench.peers import Peer

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
TOLERANCE = {"float64": 1e-12, "float32": 1e-4, "TF32": 2e-3, "bfloat16": 2e-2}
PRECISION = {"float32": "highest", "TF32": "tensorfloat32"}


class Layer(NamedTuple):
    """Lengths of the input, taps along each axis of space, channels."""

    name: str
    batch: int
    space: tuple[int, ...]
    taps: int
    channels: int
    features: int
    dtypes: tuple[str, ...] = ("float32",)

    @property
    def shapes(self) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        """Of the input, the weights and the result."""
        weights = (*[self.taps] * len(self.space), self.channels, self.features)
        return (self.batch, *self.space, self.channels), weights, (self.batch, *self.space, self.features)

    @property
    def products(self) -> int:
        return self.batch * prod(self.space) * prod(self.shapes[1])


ALL = ("float32", "bfloat16", "float64")
LAYERS = {
    "smoke": [
        Layer("few 2-D", 1, (97, 80), 3, 1, 1, ALL), Layer("many 2-D", 2, (6, 7), 3, 16, 20),
        Layer("few 3-D", 1, (9, 10, 8), 3, 1, 1), Layer("1x1", 1, (6, 6), 1, 16, 32),
    ],
    "full": [
        Layer("1 -> 1 1024^2", 1, (1024, 1024), 3, 1, 1, ALL),
        Layer("1 -> 1 5x5 1024^2", 1, (1024, 1024), 5, 1, 1),
        Layer("1 -> 1 64^3", 1, (64, 64, 64), 3, 1, 1, ("float32", "float64")),
        Layer("16 -> 32 8x128^2", 8, (128, 128), 3, 16, 32, ALL),
        Layer("64 -> 64 56^2", 2, (56, 56), 3, 64, 64, ALL),
        Layer("128 -> 128 28^2", 2, (28, 28), 3, 128, 128),
        Layer("256 -> 256 14^2", 2, (14, 14), 3, 256, 256),
        Layer("512 -> 512 7^2", 2, (7, 7), 3, 512, 512),
        Layer("64 -> 256 1x1 56^2", 2, (56, 56), 1, 64, 256),
        Layer("16 -> 16 64^3", 1, (64, 64, 64), 3, 16, 16),
    ],
}  # fmt: skip
FLOATS = ("float32", "TF32", "bfloat16")
LAYERS["device"] = [
    Layer("1 -> 1 1024^2", 1, (1024, 1024), 3, 1, 1, ("float32", "float64")),
    Layer("1 -> 1 64^3", 1, (64, 64, 64), 3, 1, 1),
    Layer("16 -> 32 8x128^2", 8, (128, 128), 3, 16, 32, FLOATS),
    Layer("64 -> 64 56^2", 2, (56, 56), 3, 64, 64, ("float32", "TF32", "float64")),
    Layer("128 -> 128 32x28^2", 32, (28, 28), 3, 128, 128, FLOATS),
    Layer("512 -> 512 7^2", 2, (7, 7), 3, 512, 512),
    Layer("16 -> 16 64^3", 1, (64, 64, 64), 3, 16, 16),
]  # fmt: skip
LAYERS["quick"] = LAYERS["default"] = LAYERS["full"]


# --- the programs -----------------------------------------------------------------------------------------------------


def numbers(rank: int) -> tuple[str, str, str]:
    """Channels last."""
    axes = "HWD"[:rank]
    return f"N{axes}C", f"{axes}IO", f"N{axes}C"


def forward(dtype: str) -> Callable[[Peer], Callable]:
    def make(peer: Peer) -> Callable:
        def convolve(x: Any, w: Any) -> Any:
            rank = x.ndim - 2
            return peer.lib.lax.conv_general_dilated(
                x, w, (1,) * rank, "SAME", dimension_numbers=numbers(rank), precision=PRECISION.get(dtype)
            )

        return convolve

    return make


def gradient(by: int, dtype: str) -> Callable[[Peer], Callable]:
    """By the input (0) or the weights (1)."""

    def make(peer: Peer) -> Callable:
        convolve = forward(dtype)(peer)

        def pulled_back(x: Any, w: Any, ct: Any) -> Any:
            one = (lambda x: convolve(x, w)) if by == 0 else (lambda w: convolve(x, w))
            return peer.lib.vjp(one, (x, w)[by])[1](ct)[0]

        return pulled_back

    return make


def by_scipy(peer: Peer) -> Callable:
    """A stencil, of one channel."""
    from scipy.ndimage import correlate

    return lambda x, w: correlate(x[0, ..., 0], w[..., 0, 0], mode="constant")[None, ..., None]


# --- the reference ----------------------------------------------------------------------------------------------------


def shifted(x: np.ndarray, taps: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
    """Each tap, with what it meets at every place: `x`, zeros around it."""
    rank = len(taps)
    wide = np.pad(x, [(0, 0), *[(k // 2, k // 2) for k in taps], (0, 0)])
    for tap in product(*map(range, taps)):
        inside = [slice(t, t + n) for t, n in zip(tap, x.shape[1 : 1 + rank], strict=True)]
        yield tap, wide[(slice(None), *inside)]


def in_double(x: np.ndarray) -> np.ndarray:
    return x.astype(np.float64)


def sum_of_taps(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    w = in_double(w)
    return sum(part @ w[tap] for tap, part in shifted(in_double(x), w.shape[:-2]))


def pulled_to_input(x: np.ndarray, w: np.ndarray, ct: np.ndarray) -> np.ndarray:
    """The cotangent convolved with the weights reversed, features and channels exchanged."""
    return sum_of_taps(ct, np.flip(w, tuple(range(w.ndim - 2))).swapaxes(-1, -2))


def pulled_to_weights(x: np.ndarray, w: np.ndarray, ct: np.ndarray) -> np.ndarray:
    out, flat = np.empty(w.shape), in_double(ct).reshape(-1, ct.shape[-1])
    for tap, part in shifted(in_double(x), w.shape[:-2]):
        out[tap] = part.reshape(-1, x.shape[-1]).T @ flat
    return out


# --- cases ------------------------------------------------------------------------------------------------------------


def cases(scale: Scale) -> list[Case]:
    found = []
    for layer in scale.of(LAYERS):
        for dtype in layer.dtypes:
            is_stencil = layer.channels == layer.features == 1 and dtype != "bfloat16"
            make = {"jax": forward(dtype), **({"numpy": by_scipy} if is_stencil else {})}
            found += [
                _case(layer, dtype, "", make, 2, sum_of_taps),
                _case(layer, dtype, " by input", {"jax": gradient(0, dtype)}, 3, pulled_to_input),
                _case(layer, dtype, " by weights", {"jax": gradient(1, dtype)}, 3, pulled_to_weights),
                _case(layer, dtype, " outside jit", {"jax": forward(dtype)}, 2, sum_of_taps, jit=False),
            ]
    return found


def _case(
    layer: Layer, dtype: str, what: str, make: Make, operands: int, reference: Callable, jit: bool = True
) -> Case:
    return Case(
        f"{layer.name}{what} {dtype}",
        make=make,
        inputs=lambda: arrays(layer, dtype)[:operands],
        reference=reference,
        compare=all_close(TOLERANCE[dtype], in_double_of),
        jit=jit,
        x64=dtype == "float64",
        items=(2 * layer.products, "FLOP"),
    )


def in_double_of(x: Any) -> np.ndarray:
    return np.asarray(x).astype(np.float64)


def arrays(layer: Layer, dtype: str) -> tuple[np.ndarray, ...]:
    """The input, weights and a cotangent."""
    random = np.random.default_rng(12)
    kind = {"bfloat16": BFLOAT16, "TF32": np.dtype(np.float32)}.get(dtype) or np.dtype(dtype)
    return tuple(random.uniform(-1, 1, shape).astype(kind) for shape in layer.shapes)
