"""Convolutions of many products by `kernels/convolve_gemm.h`, compiled for a GPU: what runs where there is no cuDNN.

    takes(*dtypes)                                    of the operands, of the sums and of the result
    fits(geometry)                                    whether the kernel can count that far
    run = compiled(target, dtypes, geometry, work)    plans a convolution once
    run(x, w, out, empty)                             contiguous buffers; `empty` gives scratch memory

`geometry` holds the integers of the header's `Convolution`, in order.  What the text depends on is a `Variant`: dtypes,
the tile, how either factor is read, whether the operand has gaps, and whether depth is cut into slices; everything else
is an argument.  All choices follow from shapes and strides, so equal inputs give equal bits on every device.

Start reading at `plan_of`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

import numpy as np

from cujax.engine.backends.api import Buffer, KernelCall, KernelTarget
from cujax.engine.ground import dtypes as dt

_INTEGERS = [np.dtype(f"{sign}int{bits}") for sign in ("", "u") for bits in (8, 16, 32, 64)]
_TYPES = {
    np.dtype(bool): "cj::b8", dt.float16: "cj::f16", dt.bfloat16: "cj::bf16", np.dtype(np.float32): "float",
    np.dtype(np.float64): "double", np.dtype(np.complex64): "cj::c64", np.dtype(np.complex128): "cj::c128",
    **{dtype: f"cj::{'u' if dtype.kind == 'u' else 'i'}{8 * dtype.itemsize}" for dtype in _INTEGERS},
}  # fmt: skip
_DEPTH = 8  # GEMM_DEPTH in the header
_BLOCKS = 264  # that keep the largest devices busy: two for each multiprocessor
_FEWEST_STEPS = 16  # of a slice: with fewer, writing its sums would take as long as making them
_ADDERS = 256  # threads of a block that adds slices
_MOST = 2**31 - 1

Run = Callable[[Buffer, Buffer, Buffer, Callable], None]


def takes(*dtypes: Any) -> bool:
    """Whether the header convolves operands and makes sums and results of these dtypes."""
    return all(d in _TYPES for d in dtypes) and dtypes[1] != np.dtype(bool)


class Geometry(NamedTuple):
    """The members of `Convolution` in the header, one by one, with the names that the kernels' parameters have."""

    groups: int
    batch: int
    channels: int
    features: int
    places: tuple[int, int, int]
    taps: tuple[int, int, int]
    lengths: tuple[int, int, int]
    low: tuple[int, int, int]
    stride: tuple[int, int, int]
    step: tuple[int, int, int]
    gap: tuple[int, int, int]
    x_group: int
    x: tuple[int, int, int, int, int]
    w_group: int
    w_feature: int
    w: tuple[int, int, int, int]
    out_group: int
    out_feature: int
    out: tuple[int, int, int, int]
    w_start: int
    out_start: int

    @staticmethod
    def of(entries: tuple[int, ...]) -> Geometry:
        rest = iter(entries)
        members = [tuple([next(rest) for _ in range(n)]) if n else next(rest) for n in _LENGTHS.values()]
        return Geometry(*members)  # type: ignore[arg-type]

    def flat(self) -> tuple[int, ...]:
        return tuple([e for member in self for e in (member if isinstance(member, tuple) else (member,))])

    @property
    def rows(self) -> int:
        return self.batch * prod(self.places)


_LENGTHS = dict.fromkeys(Geometry._fields, 0) | dict.fromkeys(
    ("places", "taps", "lengths", "low", "stride", "step", "gap"), 3
) | {"x": 5, "w": 4, "out": 4}  # fmt: skip
_NAMES = [f"{name}{i}" if n else name for name, n in _LENGTHS.items() for i in range(n or 1)]


def fits(geometry: tuple[int, ...]) -> bool:
    """Whether places, features and steps are numbers of 32 bits; offsets have 64."""
    g = Geometry.of(geometry)
    axes = zip(g.places, g.stride, g.taps, g.step, g.low, strict=True)
    reach = max(n * stride + t * step + abs(low) for n, stride, t, step, low in axes)
    depth = (g.channels + _DEPTH) * prod(t + _DEPTH for t in g.taps)
    return max(g.groups * (g.rows + 256), g.features + 256, depth, reach, *g.lengths) < _MOST


# --- choices --------------------------------------------------------------------------------------------


class Tile(NamedTuple):
    """Places and features of a block, rows and columns of a thread, and how many blocks a multiprocessor has at once.

    The latter decide on the registers of a thread: 128 for two blocks of 256 threads, 168 for three of 128.
    """

    places: int
    features: int
    rows: int
    columns: int
    resident: int

    @property
    def threads(self) -> int:
        return self.places * self.features // (self.rows * self.columns)


_NARROW_8 = Tile(128, 32, 8, 4, 3), Tile(32, 128, 4, 8, 3)
_TILES = {  # by what decides on registers; the first of each is the fastest where it is full
    "4 bytes": (Tile(128, 128, 8, 8, 2), Tile(128, 32, 8, 4, 4), Tile(32, 128, 4, 8, 4)),
    "8 bytes": (Tile(128, 64, 8, 4, 2), *_NARROW_8),
    "integers of 8 bytes": (Tile(128, 64, 8, 4, 1), *_NARROW_8),  # whose products take more than one operation
    "16 bytes": (Tile(64, 64, 4, 4, 1), Tile(64, 32, 4, 4, 3), Tile(32, 64, 4, 4, 3)),
}
_NARROW = 1.4  # what a product costs in the other tiles: less is computed with what is read


class Variant(NamedTuple):
    """What the text of the kernels depends on."""

    dtypes: tuple
    tile: Tile
    of_x: str
    of_w: str
    has_gaps: bool
    is_sliced: bool


class Plan(NamedTuple):
    """A variant and its arguments.  slices: into which depth is cut, `steps` steps each, but for the last one."""

    variant: Variant
    channel_bits: int
    steps: int
    slices: int
    batch_is_fastest: bool
    blocks: tuple[int, int]


def plan_of(dtypes: tuple, g: Geometry) -> Plan:
    """How the convolution is computed."""
    tile = _tile(dtypes[1], g)
    bits = _channel_bits(g)
    steps = -(-g.channels // 2**bits) * g.taps[0] * g.taps[1] * -(-g.taps[2] // (_DEPTH >> bits))
    across, down = g.groups * -(-g.rows // tile.places), -(-g.features // tile.features)
    wanted = max(1, min(_BLOCKS // (across * down), steps // _FEWEST_STEPS))
    each = -(-steps // wanted)
    slices = -(-steps // each)
    size = dtypes[0].itemsize
    readings = _reading_of_x(g, tile, bits, size), _reading_of_w(g, tile, bits, size)
    variant = Variant(dtypes, tile, *readings, max(g.gap) > 1, slices > 1)
    return Plan(variant, bits, each, slices, g.x[0] == 1 and g.batch > 1, (across, down * slices))


def tiles_for(dtype: Any) -> tuple[Tile, ...]:
    """The tiles of sums of this dtype; integers are summed in 4 bytes at least."""
    size = max(dtype.itemsize, 4)
    return _TILES[f"{'integers of ' if size == 8 and dtype.kind in 'iu' else ''}{size} bytes"]


def _tile(dtype: Any, g: Geometry) -> Tile:
    """That which computes least beyond the result."""
    tiles = tiles_for(dtype)

    def cost(tile: Tile) -> float:
        area = -(-g.rows // tile.places) * tile.places * -(-g.features // tile.features) * tile.features
        return area * (1 if tile is tiles[0] else _NARROW)

    return min(tiles, key=cost)


def _channel_bits(g: Geometry) -> int:
    """How many channels, as a power of two, a step has, so that most of its depth is of use.

    Where nearly as much is, taps that are neighbours in memory come before channels that are not.
    """

    def use(bits: int) -> float:
        channels, taps = 2**bits, _DEPTH >> bits
        return g.channels / (-(-g.channels // channels) * channels) * g.taps[2] / (-(-g.taps[2] // taps) * taps)

    best = max((3, 2, 1, 0), key=use)
    return 0 if g.x[1] != 1 and _taps_are_neighbours(g) and use(0) > 0.75 * use(best) else best


def _taps_are_neighbours(g: Geometry) -> bool:
    return g.x[4] * g.step[2] == 1 and g.gap[2] == 1


def _reading_of_x(g: Geometry, tile: Tile, bits: int, size: int) -> str:
    if bits == 0 and _taps_are_neighbours(g) and g.x[1] != 1:
        return "ALONG_DEPTH"
    if bits < 2 or g.x[1] != 1:
        return "ALONG_ROWS"
    if max(g.gap) > 1:
        return "ALONG_DEPTH"
    return _along_channels(tile, tile.places, g.channels, (g.x_group, g.x[0], *g.x[2:]), size)


def _reading_of_w(g: Geometry, tile: Tile, bits: int, size: int) -> str:
    if g.w_feature == 1:
        return "ALONG_ROWS"
    if bits < 2 or g.w[0] != 1:
        return "ALONG_DEPTH"
    return _along_channels(tile, tile.features, g.channels, (g.w_start, g.w_group, g.w_feature, *g.w[1:]), size)


def _along_channels(tile: Tile, length: int, channels: int, strides: tuple[int, ...], size: int) -> str:
    """In packs, where a thread has as many elements and all packs begin at multiples of their bytes, or of 16."""
    has_packs = length * _DEPTH // tile.threads >= 4 and channels % 4 == 0 and size <= 8
    every = min(16 // size, 4)
    return "PACKS" if has_packs and all(s % every == 0 for s in strides) else "ALONG_DEPTH"


# --- the kernels ----------------------------------------------------------------------------------------


def source(variant: Variant) -> str:
    """The text of the kernels: `convolve`, and where depth is cut `add_slices`."""
    operand, total, result = map(_TYPES.__getitem__, variant.dtypes)
    written = total if variant.is_sliced else result
    tile = ", ".join(map(str, variant.tile[:4]))
    gaps = "true" if variant.has_gaps else "false"
    sizes = ", ".join(f"cj::i64 {name}" for name in (*_NAMES, *_ORDER))
    structs = f"""    const cj::Convolution c = {{{", ".join(_NAMES)}}};
    const cj::GemmOrder order = {{{", ".join(_ORDER)}}};"""
    text = f"""#include "convolve_gemm.h"

using Tile = cj::GemmTile<{tile}>;

extern "C" __global__ void __launch_bounds__({variant.tile.threads}, {variant.tile.resident}) convolve(
    const {operand}* CJ_RESTRICT x, const {operand}* CJ_RESTRICT w, {written}* CJ_RESTRICT out, {sizes}) {{
{structs}
    cj::convolve_gemm<{total}, Tile, cj::{variant.of_x}, cj::{variant.of_w}, {gaps}>(c, order, x, w, out);
}}
"""
    if not variant.is_sliced:
        return text
    return f"""{text}
extern "C" __global__ void __launch_bounds__({_ADDERS}) add_slices(
    const {total}* CJ_RESTRICT sums, {result}* CJ_RESTRICT out, {sizes}, cj::i64 slices) {{
{structs}
    cj::add_slices(c, order, slices, sums, out);
}}
"""


_ORDER = ("channel_bits", "steps", "batch_is_fastest", "slice_size")


@lru_cache(maxsize=1024)
def compiled(target: KernelTarget, dtypes: tuple, geometry: tuple[int, ...], work: int) -> Run:
    """A function that runs a convolution of so many products; KernelCompileError where the compiler refuses."""
    g = Geometry.of(geometry)
    plan = plan_of(dtypes, g)
    variant = plan.variant
    module = target.compile(source(variant))
    order = plan.channel_bits, plan.steps, int(plan.batch_is_fastest)
    if not variant.is_sliced:
        launch = target.launcher(module, _call(plan, (*geometry, *order, 0), work))
        return lambda x, w, out, empty: launch([x, w, out])
    size = g.groups * g.rows * g.features
    sums = _with_result_in_rows(g, plan.batch_is_fastest).flat()
    add = target.launcher(module, _call(plan, (*sums, *order, size), work))
    gather = KernelCall(
        "add_slices", (*geometry, *order, size, plan.slices), size * plan.slices, (-(-size // _ADDERS), 1), _ADDERS
    )
    finish = target.launcher(module, gather)

    def run(x: Buffer, w: Buffer, out: Buffer, empty: Callable) -> None:
        scratch = empty((plan.slices * size,), dtypes[1])
        add([x, w, scratch])
        finish([scratch, out])

    return run


def _call(plan: Plan, sizes: tuple[int, ...], work: int) -> KernelCall:
    return KernelCall("convolve", sizes, work, plan.blocks, plan.variant.tile.threads)


def _with_result_in_rows(g: Geometry, batch_is_fastest: bool) -> Geometry:
    """With a result (groups, places, features) instead of its own, in the order of the kernel's places."""
    axes = [1, 2, 3, 0] if batch_is_fastest else [0, 1, 2, 3]
    counts = (g.batch, *g.places)
    strides, stride = [0] * 4, g.features
    for axis in reversed(axes):
        strides[axis] = stride
        stride *= counts[axis]
    return g._replace(out_group=stride, out_feature=1, out=tuple(strides), out_start=0)  # type: ignore[arg-type]
