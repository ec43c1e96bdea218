"""Tridiagonal systems by elimination with interchanges, written once for NumPy and CuPy.

All systems of a stack go together, row after row.  `xp` is the array library.
"""

from __future__ import annotations

from typing import Any


def eliminate(xp: Any, dl: Any, d: Any, du: Any, b: Any) -> Any:
    """x with dl[i] x[i - 1] + d[i] x[i] + du[i] x[i + 1] = b[i]; diagonals are (s, n), b is (s, n, k).

    An interchange of neighbouring rows brings in a second diagonal above the first.
    """
    n = d.shape[1]
    rows = []  # the upper triangle: pivot, first and second element to the right, right-hand side
    pivot, right, side = d[:, 0], du[:, 0], b[:, 0]
    for i in range(1, n):
        below = (dl[:, i], d[:, i], du[:, i] if i < n - 1 else xp.zeros_like(pivot), b[:, i])
        swap = abs(below[0]) > abs(pivot)
        zero = xp.zeros_like(pivot)
        upper = (pivot, right, zero, side)
        first = [_choose(xp, swap, y, x) for x, y in zip(upper, below, strict=True)]
        second = [_choose(xp, swap, x, y) for x, y in zip(upper, below, strict=True)]
        factor = second[0] / first[0]
        pivot, right = second[1] - factor * first[1], second[2] - factor * first[2]
        side = second[3] - factor[:, None] * first[3]
        rows.append(first)
    rows.append([pivot, xp.zeros_like(pivot), xp.zeros_like(pivot), side])
    return _back_substitute(xp, rows)


def _choose(xp: Any, swap: Any, x: Any, y: Any) -> Any:
    return xp.where(swap[:, None] if x.ndim == 2 else swap, x, y)


def _back_substitute(xp: Any, rows: Any) -> Any:
    found = [xp.zeros_like(rows[0][3])] * 2  # two rows of zeros below the last
    for pivot, right, second, side in reversed(rows):
        known = right[:, None] * found[-1] + second[:, None] * found[-2]
        found.append((side - known) / pivot[:, None])
    return xp.stack(found[:1:-1], axis=1)
