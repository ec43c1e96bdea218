"""W9, scatter: rows added to a table where the indices are spread evenly and where all are equal; `segment_sum`.

What is looked at is equal against uniform: colliding additions must not queue up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.case import Case, Make, Scale, all_close

TABLE = (399, 128)
ROWS = {"smoke": 1024, "quick": 40_960, "default": 40_960, "full": 40_960}
VALUES = {"smoke": 10**4, "quick": 10**6, "default": 10**7, "full": 10**7}
SEGMENTS = 12


def add_in_place(np: Any) -> Callable:
    """On a copy, as the others leave their operand alone."""

    def function(table: Any, index: Any, rows: Any) -> Any:
        result = table.copy()
        np.add.at(result, index, rows)
        return result

    return function


ADD_ROWS: Make = {
    "jax": lambda peer: lambda table, index, rows: table.at[index].add(rows),
    "numpy": lambda peer: add_in_place(peer.np),
    "cupy": lambda peer: add_in_place(peer.np),
    "torch": lambda peer: lambda table, index, rows: table.index_add(0, index, rows),
}
SEGMENT_SUM: Make = {
    "jax": lambda peer: lambda values, ids: peer.lib.ops.segment_sum(values, ids, num_segments=SEGMENTS),
    "numpy": lambda peer: lambda values, ids: np.bincount(ids, values, SEGMENTS),
    "cupy": lambda peer: lambda values, ids: peer.np.bincount(ids, values, SEGMENTS),
    "torch": lambda peer: lambda values, ids: values.new_zeros(SEGMENTS).index_add(0, ids, values),
}


def cases(scale: Scale) -> list[Case]:
    rows = scale.of(ROWS)
    return [
        _add_rows("uniform", rows, scale.fresh),
        _add_rows("equal", rows),
        _segment_sum(scale.of(VALUES)),
    ]


def _add_rows(indices: str, count: int, cold: bool = False) -> Case:
    return Case(
        f"add {count} rows, {indices} indices",
        make=ADD_ROWS,
        inputs=lambda: _rows(indices, count),
        reference=lambda table, index, rows: add_in_place(np)(table.astype(float), index, rows.astype(float)),
        compare=all_close(1e-5),
        bytes_moved=4 * (2 * TABLE[0] + count) * TABLE[1] + 4 * count,
        new_size=(lambda: _add_rows(indices, count + 1000)) if cold else None,
    )


def _rows(indices: str, count: int) -> tuple[np.ndarray, ...]:
    random = np.random.default_rng(9)
    index = random.integers(0, TABLE[0], count, np.int32) if indices == "uniform" else np.full(count, 7, np.int32)
    return random.random(TABLE, np.float32), index, random.random((count, TABLE[1]), np.float32)


def _segment_sum(count: int) -> Case:
    random = np.random.default_rng(9)
    return Case(
        f"segment_sum of {count} float64 into {SEGMENTS}",
        make=SEGMENT_SUM,
        inputs=lambda: (random.random(count), random.integers(0, SEGMENTS, count, np.int32)),
        reference=lambda values, ids: np.array([values[ids == i].sum() for i in range(SEGMENTS)]),
        compare=all_close(1e-12),
        x64=True,
        bytes_moved=12 * count,
    )
