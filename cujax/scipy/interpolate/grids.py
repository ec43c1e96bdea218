"""Interpolation on a grid of points in any number of dimensions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from cujax import numpy as jnp
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.numpy.promotion import as_arrays


class _Cell(NamedTuple):
    """Along one axis: the interval that a place lies in, how far into it, and whether it is outside the grid."""

    begin: Array
    part: Array
    is_outside: Array


class RegularGridInterpolator:
    """A function given at the points of a grid, between them.

    points: for each axis of the grid an array of places, increasing.  values: array whose first axes are those of the
    grid.  method: "linear" or "nearest".  bounds_error: must be False.  fill_value: what the function is outside the
    grid; None: it goes on as in the outermost cell.
    ValueError for axes that do not fit or another method; NotImplementedError for bounds_error.
    """

    def __init__(
        self, points: Sequence[Any], values: Any, method: str = "linear", bounds_error: bool = False,
        fill_value: Any = np.nan,
    ) -> None:
        _check_method(method)
        if bounds_error:
            raise NotImplementedError("RegularGridInterpolator: bounds_error must be False; values may be traced")
        self.method, self.bounds_error, self.fill_value = method, bounds_error, fill_value
        (self.values,) = as_arrays("RegularGridInterpolator", values)
        if not dtypes.is_inexact(self.values.dtype):
            self.values = self.values.astype(float)
        self.grid = tuple(as_arrays("RegularGridInterpolator", *points))
        self._check_grid()
        if fill_value is not None and not np.can_cast(
            np.asarray(fill_value).dtype, np.dtype(self.values.dtype), casting="same_kind"
        ):
            raise ValueError("RegularGridInterpolator: fill_value must be None or of the kind of values")

    def _check_grid(self) -> None:
        if len(self.grid) > self.values.ndim:
            raise ValueError(
                f"RegularGridInterpolator: there are {len(self.grid)} point arrays, but values has "
                f"{self.values.ndim} axes"
            )
        for i, (places, length) in enumerate(zip(self.grid, self.values.shape, strict=False)):
            if places.shape != (length,):
                raise ValueError(
                    f"RegularGridInterpolator: points[{i}] must have shape ({length},), as values has axis {i}; "
                    f"got {places.shape}"
                )

    def __call__(self, xi: Any, method: str | None = None) -> Array:
        """The values at `xi`: an array (..., d) of points, or d arrays that broadcast, one for each axis of the grid.

        Returns (..., *axes of values beyond the grid).  ValueError for another d or method.
        """
        method = self.method if method is None else method
        _check_method(method)
        places = self._places(xi)
        cells = [_cell(grid, x) for grid, x in zip(self.grid, places, strict=True)]
        out = (_linear if method == "linear" else _nearest)(self.values, cells)
        if self.fill_value is not None:
            is_outside = cells[0].is_outside
            for cell in cells[1:]:
                is_outside = is_outside | cell.is_outside
            out = jnp.where(_aligned(is_outside, out), jnp.asarray(self.fill_value, out.dtype), out)
        is_nan = jnp.isnan(sum(places[1:], places[0]))
        return jnp.where(_aligned(is_nan, out), jnp.nan, out)

    def _places(self, xi: Any) -> list[Array]:
        d = len(self.grid)
        if isinstance(xi, tuple):
            places = jnp.broadcast_arrays(*map(jnp.asarray, xi))
        else:
            xi = jnp.asarray(xi)
            if xi.ndim < 2:
                xi = xi.reshape(-1, 1) if d == 1 else xi.reshape(1, -1)
            places = [xi[..., i] for i in range(xi.shape[-1])]
        if len(places) != d:
            raise ValueError(
                f"RegularGridInterpolator: the points xi have {len(places)} coordinates, the grid has {d} axes"
            )
        return places


def _check_method(method: str) -> None:
    if method not in ("linear", "nearest"):
        raise ValueError(f"RegularGridInterpolator: method must be 'linear' or 'nearest', got {method!r}")


def _aligned(condition: Array, out: Array) -> Array:
    return condition.reshape(condition.shape + (1,) * (out.ndim - condition.ndim))


def _cell(grid: Array, x: Array) -> _Cell:
    last = max(len(grid) - 2, 0)
    index = jnp.clip(jnp.searchsorted(grid, x) - 1, 0, last)
    width = grid[jnp.minimum(index + 1, len(grid) - 1)] - grid[index]
    part = (x - grid[index]) / jnp.where(width == 0, 1, width)
    return _Cell(index, part, (x < grid[0]) | (x > grid[-1]))


def _linear(values: Array, cells: Sequence[_Cell]) -> Array:
    """The mean of the corners of a cell, each weighted by the part of the cell that lies opposite."""
    total: Any = 0
    for corner in itertools.product((0, 1), repeat=len(cells)):
        index = tuple(
            jnp.minimum(cell.begin + upper, n - 1)
            for cell, upper, n in zip(cells, corner, values.shape, strict=False)
        )
        weight = math.prod([cell.part if upper else 1 - cell.part for cell, upper in zip(cells, corner, strict=True)])
        found = values[index]
        total = total + found * _aligned(jnp.asarray(weight), found)
    return total


def _nearest(values: Array, cells: Sequence[_Cell]) -> Array:
    index = [jnp.where(cell.part <= 0.5, cell.begin, cell.begin + 1) for cell in cells]
    return values[tuple(jnp.minimum(i, n - 1) for i, n in zip(index, values.shape, strict=False))]
