"""Names of lax that change nothing here, or little: accepted, so that programs that use them run."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cujax.api.flatten import as_array
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes, pytree
from cujax.engine.ops.axes import canonical_axis
from cujax.engine.ops.sorting import top_k
from cujax.engine.ops.structural import transpose


def stage(x: Any, /) -> Array:
    """`x` as an array of the trace in force.  TypeError for what is no array or number."""
    return as_array(x)


def dce_sink(val: Any, *, prevent_mlir_dce: bool = False) -> None:
    """A use of `val`, a pytree of arrays, that computes nothing; what has no other use may still be left away.

    TypeError for what is no array or number.
    """
    pytree.map(as_array, val)


def shape_as_value(shape: Sequence[int]) -> np.ndarray:
    """The lengths of a shape, which are known, as a NumPy array of integers."""
    return np.array(tuple(shape), dtypes.python_scalar_dtype(int))


def with_sharding_constraint(x: Any, shardings: Any) -> Any:
    """`x`, a pytree of arrays: they live on one device, so there is nothing to choose.  ValueError for None."""
    if shardings is None:
        raise ValueError("with_sharding_constraint: shardings must not be None")
    return pytree.map(as_array, x)


def composite(decomposition: Callable, name: str, version: int = 0) -> Callable:
    """`decomposition`, under a name by which a compiler might know it; this one does not, and looks inside."""

    @functools.wraps(decomposition)
    def composed(*args: Any, **kwargs: Any) -> Any:
        return decomposition(*args, **kwargs)

    return composed


# --- the largest elements ---------------------------------------------------------------------------------------------


def approx_max_k(
    operand: Any, k: int, reduction_dimension: int = -1, recall_target: float = 0.95,
    reduction_input_size_override: int = -1, aggregate_to_topk: bool = True,
) -> list[Array]:
    """The k largest elements along an axis, in order, and their places, int32: exactly, whatever the recall_target.

    operand: floating point.  ValueError for other dtypes and for a k larger than the axis.
    """
    return _largest("approx_max_k", as_array(operand), k, reduction_dimension)


def approx_min_k(
    operand: Any, k: int, reduction_dimension: int = -1, recall_target: float = 0.95,
    reduction_input_size_override: int = -1, aggregate_to_topk: bool = True,
) -> list[Array]:
    """The k smallest elements along an axis, in order, and their places: as `approx_max_k`."""
    values, places = _largest("approx_min_k", -as_array(operand), k, reduction_dimension)
    return [-values, places]


def _largest(name: str, x: Array, k: int, axis: int) -> list[Array]:
    axis = canonical_axis(axis, x.ndim)
    if not dtypes.is_float(x.dtype):
        raise ValueError(f"{name}: operand must be a floating-point array, got {x.aval.str_short()}")
    if k > x.shape[axis]:
        raise ValueError(f"{name}: k must not be larger than the axis, got k={k} and shape {x.shape}")
    order = [*(a for a in range(x.ndim) if a != axis), axis]
    back = tuple(order.index(a) for a in range(x.ndim))
    values, places = top_k(transpose(x, tuple(order)), k)
    return [transpose(values, back), transpose(places, back)]
