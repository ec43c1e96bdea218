"""Maps over arrays that lie across one another, for a GPU: tile by tile, through shared memory.  See tile.py.

    __shared__ float tile_0[32][33];
    const int lane = int(threadIdx.x) % 32, warp = int(threadIdx.x) / 32;
    const int per_row = (n1 + 31) / 32, per_column = (n0 + 31) / 32;
    for (int tile = int(blockIdx.x); tile < per_row * per_column; tile += int(gridDim.x)) {
        const int left = tile % per_row * 32, top = tile / per_row % per_column * 32;
        #pragma unroll
        for (int k = warp; k < warp + 32; k += 8) {
            const int i1 = left + k, i0 = top + lane;
            if (i1 < n1 && i0 < n0) {
                tile_0[i1 - left][i0 - top] = x0[n0 * i1 + i0];
            }
        }
        __syncthreads();
        ... the same with lane and k exchanged, from the tile to y0
        __syncthreads();
    }

A warp reads 32 neighbours of one array and writes 32 neighbours of the other.  Columns of the tile are one element
longer, so that the elements of a row lie in different banks of the memory.
"""

from __future__ import annotations

from collections.abc import Callable

from cujax.engine.backends.api import KernelCall
from cujax.engine.compiler.body import Axis, Body, total_extent
from cujax.engine.compiler.emit_cuda import MOST_BLOCKS, THREADS, CudaFrame
from cujax.engine.compiler.frame import indented
from cujax.engine.compiler.kernel import Kernel
from cujax.engine.compiler.tile import Tiling, compute_from_tile, fill_tile, tile_type

STAGED_BYTES = 16  # elements of any size: memory is read 32 bytes at a time
_EDGE = 32  # lanes of a warp


def tiled_kernel(name: str, body: Body, tiling: Tiling) -> Kernel:
    """The kernel of a region without reductions."""
    frame = CudaFrame(name, body)
    text = frame.function(_over_tiles(frame, tiling))
    others = total_extent(_others(body, tiling))
    tiles = others * _tiles_along(body.axes[-1]) * _tiles_along(tiling.across)
    call = KernelCall(name, frame.sizes.values, body.work, (max(1, min(tiles, MOST_BLOCKS)), 1), THREADS)
    return Kernel((call,), text, tuple(body.reads), tuple(body.writes))


def _tiles_along(axis: Axis) -> int:
    return -(-axis.extent // _EDGE)


def _others(body: Body, tiling: Tiling) -> list[Axis]:
    return [a for a in body.axes[:-1] if a != tiling.across]


def _over_tiles(frame: CudaFrame, tiling: Tiling) -> list[str]:
    """The loop of a block over its tiles."""
    body, index, others = frame.body, frame.index, _others(frame.body, tiling)
    columns, rows = (frame.sizes.name(a.extent) for a in (body.axes[-1], tiling.across))
    with frame.writer.scope() as hoisted:
        frame.hoist(body.nodes(), {a.number for a in body.axes})
        fill = _elements(frame, tiling, ("left + k", "top + lane"), fill_tile)
        compute = _elements(frame, tiling, ("left + lane", "top + k"), compute_from_tile)
        outside = [frame.sizes.name(total_extent(others))] if others else []
        tile = [
            f"const {index} left = tile % per_row * {_EDGE}, top = tile / per_row % per_column * {_EDGE};",
            *frame.axis_places(others, "tile / per_row / per_column"),
            *fill, "__syncthreads();", *compute, "__syncthreads();",
        ]
        return [
            *[f"__shared__ {tile_type(n)} {name}[{_EDGE}][{_EDGE + 1}];" for n, name in tiling.names.items()],
            f"const int lane = int(threadIdx.x) % {_EDGE}, warp = int(threadIdx.x) / {_EDGE};",
            f"const {index} per_row = {_quotient(columns)}, per_column = {_quotient(rows)};",
            *hoisted,
            f"for ({index} tile = {index}(blockIdx.x); tile < {' * '.join([*outside, 'per_column', 'per_row'])}; "
            f"tile += {index}(gridDim.x)) {{",
            *indented(tile), "}",
        ]


def _quotient(size: str) -> str:
    return f"({size} + {_EDGE - 1}) / {_EDGE}"


def _elements(frame: CudaFrame, tiling: Tiling, places: tuple[str, str], write: Callable) -> list[str]:
    """The elements of a tile that a thread computes, at `places` along the last axis and the other one."""
    axes = frame.body.axes[-1], tiling.across
    (j, i), (n, m) = [frame.axes[a.number] for a in axes], [frame.sizes.name(a.extent) for a in axes]
    with frame.writer.scope() as lines:
        write(frame, tiling)
    element = [
        f"const {frame.index} {j} = {places[0]}, {i} = {places[1]};",
        f"if ({j} < {n} && {i} < {m}) {{", *indented(lines), "}",
    ]
    loop = f"for (int k = warp; k < warp + {_EDGE}; k += {THREADS // _EDGE}) {{"
    return ["#pragma unroll", loop, *indented(element), "}"]

