"""Maps over arrays that lie across one another, for the host: tile by tile.  See tile.py.

    float tile_0[64][129];
    for (cj::i64 piece = from; piece < to; ++piece) {
        const cj::i64 left = piece % per_row * 64, right = cj::min(left + 64, n1);
        const cj::i64 top = piece / per_row % per_column * 128, bottom = cj::min(top + 128, n0);
        for (cj::i64 i1 = left; i1 < right; ++i1) {
            fused_mul_f32_column(x0, n0, i1, left, top, tile_0, top, bottom);
        }
        for (cj::i64 i0 = top; i0 < bottom; ++i0) {
            fused_mul_f32_row(y0, n1, i0, left, top, tile_0, left, right);
        }
    }

A tile has 64 columns, of which each is 512 bytes long: several lines of memory each way.  Columns in it are one element
longer, so that their elements in a row do not all want the same place in the cache, as those of the array do where its
rows have a length that is a power of two.
"""

from __future__ import annotations

from cujax.engine.compiler.body import Body, total_extent
from cujax.engine.compiler.emit_host import HostFrame, RowFunction
from cujax.engine.compiler.frame import indented
from cujax.engine.compiler.tile import Tiling, compute_from_tile, fill_tile, tile_type
from cujax.engine.compiler.writer import Sizes

STAGED_BYTES = 4  # wider elements are read as fast where they lie, a row of a tile after the other
_COLUMNS = 64
_COLUMN_BYTES = 512
_ROWS = 256  # where nothing is staged


def tiled_kernel(name: str, body: Body, tiling: Tiling) -> tuple[str, Sizes]:
    """The text of a kernel without reductions, and the sizes that it takes."""
    frame = HostFrame(name, body)
    rows = _COLUMN_BYTES // tiling.most_bytes if tiling.staged else _ROWS
    column, row = _functions(frame, tiling, rows)
    text = frame.shared(*_tiles(frame, tiling, rows, column, row))
    return "\n".join([*(column.text() if tiling.staged else []), *row.text(), text]), frame.sizes


def _functions(frame: HostFrame, tiling: Tiling, rows: int) -> tuple[RowFunction, RowFunction]:
    """One that fills a column of the tile, and one that computes a row from it."""
    last = frame.body.axes[-1]
    arrays = [(f"{tile_type(n)} (&@)[{_COLUMNS}][{rows + 1}]", name) for n, name in tiling.names.items()]
    known = [("cj::i64", "left"), ("cj::i64", "top"), *arrays]
    return (
        RowFunction(frame, "column", tiling.across, tiling.before, lambda: fill_tile(frame, tiling), known),
        RowFunction(frame, "row", last, tiling.after, lambda: compute_from_tile(frame, tiling), known),
    )


def _tiles(
    frame: HostFrame, tiling: Tiling, rows: int, column: RowFunction, row: RowFunction
) -> tuple[list[str], str]:
    """The statements of the part that goes over tiles, and the number of tiles."""
    last, others = frame.body.axes[-1], [a for a in frame.body.axes[:-1] if a != tiling.across]
    n, m = frame.sizes.name(last.extent), frame.sizes.name(tiling.across.extent)
    per_row, per_column = f"({n} + {_COLUMNS - 1}) / {_COLUMNS}", f"({m} + {rows - 1}) / {rows}"
    outside = [frame.sizes.name(total_extent(others))] if others else []
    tile = [
        f"const cj::i64 left = piece % per_row * {_COLUMNS}, right = cj::min(left + {_COLUMNS}, {n});",
        f"const cj::i64 top = piece / per_row % per_column * {rows}, bottom = cj::min(top + {rows}, {m});",
        *frame.axis_places(others, "piece / per_row / per_column"),
    ]
    if tiling.staged:
        tile += [frame.loop(last, "left", "right"), *indented(column.calls("top", "bottom")), "}"]
    tile += [frame.loop(tiling.across, "top", "bottom"), *indented(row.calls("left", "right")), "}"]
    lines = [
        *[f"{tile_type(n)} {name}[{_COLUMNS}][{rows + 1}];" for n, name in tiling.names.items()],
        f"const cj::i64 per_row = {per_row}, per_column = {per_column};",
        "for (cj::i64 piece = from; piece < to; ++piece) {", *indented(tile), "}",
    ]
    return lines, " * ".join([*outside, f"({per_column})", f"({per_row})"])
