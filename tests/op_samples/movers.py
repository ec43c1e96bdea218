"""Rows of the ops that move elements: reshapes and their like, slices, gathers and scatters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from cujax.engine.ops.index_dimensions import GatherDimensionNumbers, GatherScatterMode, ScatterDimensionNumbers
from op_samples.sample import (
    FLOATS,
    INTS,
    NUMBERS,
    SCALAR,
    A,
    Operand,
    Sample,
    fixed,
    reals,
)

STRUCTURAL = [
    Sample(
        "reshape", [reals(A)], {"new_sizes": (2, 6)}, jax=lambda x, *, new_sizes: lax.reshape(x, new_sizes)
    ),
    Sample("transpose", [reals((2, 3, 4))], {"permutation": (2, 0, 1)}),
    Sample("squeeze", [reals((3, 1, 4, 1))], {"dimensions": (1, 3)}),
    Sample(
        "broadcast_in_dim",
        [reals((3, 1))],
        {"shape": (2, 3, 5), "broadcast_dimensions": (1, 2)},
        jax=lambda x, **params: lax.broadcast_in_dim(x, **params),
    ),
    Sample(
        "broadcast_in_dim",
        [reals(SCALAR)],
        {"shape": (2, 3), "broadcast_dimensions": ()},
        jax=lambda x, **params: lax.broadcast_in_dim(x, **params),
        label="broadcast_in_dim of a scalar",
    ),
    Sample(
        "reduce_sum",
        [reals((2, 3, 4))],
        {"axes": (0, 2)},
        dtypes=NUMBERS,
        jax=lambda x, *, axes: jnp.sum(x, axes, dtype=x.dtype),
    ),
    Sample("rev", [reals((3, 4))], {"dimensions": (1,)}),
    Sample("copy", [reals(A)]),
    Sample("add_any", [reals(A), reals(A)], dtypes=NUMBERS, jax=lambda x, y: x + y),
    Sample(
        "iota",
        [],
        {"dtype": np.dtype("float32"), "shape": (3, 4), "dimension": 1},
        order=0,
        jax=lambda *, dtype, shape, dimension: lax.broadcasted_iota(dtype, shape, dimension),
    ),
    *(
        Sample(
            "convert_element_type",
            [reals(A, -3, 3)],
            {"new_dtype": np.dtype(to), "weak_type": False},
            dtypes=NUMBERS if to.startswith("c") else [*INTS, *FLOATS],  # JAX warns of complex to real
            jax=lambda x, *, new_dtype, weak_type: lax.convert_element_type(x, new_dtype),
            label=f"convert_element_type to {to}",
        )
        for to in ("bool", "int8", "int32", "uint8", "uint64", "float16", "float32", "float64", "complex64")
    ),
    Sample("bitcast_convert_type", [reals(A)], {"new_dtype": np.dtype("int32")}, dtypes=["float32"], order=0),
    Sample(
        "bitcast_convert_type",
        [reals(A)],
        {"new_dtype": np.dtype("uint16")},
        dtypes=["float32"],
        order=0,
        label="bitcast_convert_type to a narrower type",
    ),
    Sample(
        "bitcast_convert_type",
        [reals((3, 2))],
        {"new_dtype": np.dtype("float64")},
        dtypes=["float32"],
        order=0,
        label="bitcast_convert_type to a wider type",
    ),
]


def fill_mode(mode: Any) -> str:
    return {"CLIP": "clip", "FILL_OR_DROP": "fill", "PROMISE_IN_BOUNDS": "promise_in_bounds"}[mode.name]


def jax_gather(x: Any, indices: Any, *, dimension_numbers: Any, slice_sizes: Any, mode: Any, **params: Any) -> Any:
    numbers = lax.GatherDimensionNumbers(*dimension_numbers)
    return lax.gather(x, indices, numbers, slice_sizes, mode=fill_mode(mode), **params)


def jax_scatter(op: str) -> Callable:
    def scattered(x: Any, indices: Any, updates: Any, *, dimension_numbers: Any, mode: Any, **params: Any) -> Any:
        numbers = lax.ScatterDimensionNumbers(*dimension_numbers)
        return getattr(lax, op)(x, indices, updates, numbers, mode=fill_mode(mode), **params)

    return scattered


def jax_window(x: Any, start_indices: Any, strides: Any, shape: Any) -> Any:
    """`x.at` of the window."""
    return x.at[tuple(slice(s, s + (n - 1) * k + 1, k) for s, k, n in zip(start_indices, strides, shape, strict=True))]


def scatter(op: str, x: Operand, places: Any, updates: Operand, numbers: tuple, *, unique: bool = False,
            mode: Any = GatherScatterMode.FILL_OR_DROP, **options: Any) -> Sample:
    params = {"dimension_numbers": ScatterDimensionNumbers(*numbers), "mode": mode, "indices_are_sorted": False,
              "unique_indices": unique}
    options.setdefault("label", f"{op} {numbers} {mode.name}")
    return Sample(op, [x, fixed("int32", places), updates], params, jax=jax_scatter(op), **options)


FLAGS = {"indices_are_sorted": False, "unique_indices": False}
WINDOW_PLACES = [[3, 1], [-1, 0], [2, 2], [9, 0]]
DISTINCT_PLACES = [[4], [0], [2], [7]]
SLICING = [
    *(
        Sample("slice", [reals((5, 4))], {"start_indices": (1, 0), "limit_indices": limits, "strides": strides},
               label=f"slice to {limits} by {strides}")
        for limits, strides in (((4, 3), None), ((5, 4), (2, 3)), ((1, 4), (2, 1)))
    ),
    *(
        Sample("pad", [reals((3, 4)), reals(SCALAR)], {"padding_config": config}, label=f"pad {config}",
               jax=lambda x, value, *, padding_config: lax.pad(x, value, padding_config))
        for config in (((1, 2, 0), (0, 1, 2)), ((-1, 2, 1), (-2, -1, 0)), ((-3, 0, 0), (2, -1, 3)))
    ),
    Sample("concatenate", [reals((3, 2)), reals((3, 4)), reals((3, 1))], {"dimension": 1},
           jax=lambda *xs, dimension: lax.concatenate(xs, dimension)),
    Sample("split", [reals((3, 6))], {"sizes": (2, 0, 4), "axis": 1},
           jax=lambda x, *, sizes, axis: lax.split(x, sizes, axis)),
    *(
        Sample("dynamic_slice", [reals((5, 4)), fixed("int32", i), fixed("int32", j)], {"slice_sizes": (2, 3)},
               jax=lambda x, i, j, *, slice_sizes: lax.dynamic_slice(x, (i, j), slice_sizes),
               label=f"dynamic_slice at {i} {j}")
        for i, j in ((1, -3), (-9, 7))
    ),
    *(
        Sample("dynamic_update_slice", [reals((5, 4)), reals((2, 3)), fixed("int32", i), fixed("int32", j)],
               jax=lambda x, update, i, j: lax.dynamic_update_slice(x, update, (i, j)),
               label=f"dynamic_update_slice at {i} {j}")
        for i, j in ((1, -3), (-9, 7))
    ),
    Sample("update_slice", [reals((5, 4)), reals((2, 3))], {"start_indices": (1, 0), "strides": (2, 1)},
           jax=lambda x, update, **window: jax_window(x, **window, shape=(2, 3)).set(update)),
    Sample("add_slice", [reals((5, 4)), reals((2, 3))], {"start_indices": (1, 0), "strides": (2, 1)}, dtypes=NUMBERS,
           jax=lambda x, update, **window: jax_window(x, **window, shape=(2, 3)).add(update)),
]
INDEXING = [
    *(
        Sample("gather", [reals((4, 5, 3)), fixed("int32", places)], {
            "dimension_numbers": GatherDimensionNumbers(*numbers), "slice_sizes": sizes, "mode": mode,
            "fill_value": None, **FLAGS}, jax=jax_gather, label=f"gather {numbers} {sizes} {mode.name}")
        for places, numbers, sizes in (
            ([[3], [-1], [9], [0]], ((1, 2), (0,), (0,)), (1, 5, 3)),
            (WINDOW_PLACES, ((1, 2), (2,), (2, 0)), (2, 5, 1)),
            ([[0], [3], [9], [-2]], ((1, 2), (), (1,), (0,), (0,)), (1, 2, 3)),
            ([1, 2], ((0,), (0, 1), (0, 1)), (1, 1, 3)),
        )
        for mode in (GatherScatterMode.CLIP, GatherScatterMode.FILL_OR_DROP)
    ),
    *(
        scatter(op, reals((4, 5)), WINDOW_PLACES, reals((4, 2, 2)), ((1, 2), (), (0, 1)), mode=mode, dtypes=names)
        for op, names in (("scatter", None), ("scatter_add", NUMBERS), ("scatter_min", None), ("scatter_max", None))
        for mode in (GatherScatterMode.CLIP, GatherScatterMode.FILL_OR_DROP)
        if not (mode is GatherScatterMode.CLIP and op in ("scatter_min", "scatter_max"))  # JAX gives NaN for its jvp
    ),
    *(
        scatter(op, reals((5, 3)), DISTINCT_PLACES, reals((4, 3)), ((1,), (0,), (0,)), unique=True, dtypes=NUMBERS,
                label=f"{op} at distinct places")
        for op in ("scatter", "scatter_add", "scatter_mul")
    ),
    scatter("scatter_mul", reals((5, 3)), [[1], [1], [0]], reals((3, 3)), ((1,), (0,), (0,)), dtypes=NUMBERS, order=0,
            label="scatter_mul at equal places"),
    scatter("scatter_add", reals((4, 5)), [[0], [4], [9], [2]], reals((4,)), ((), (1,), (1,), (0,), (0,)),
            dtypes=NUMBERS, label="scatter_add, batched"),
    scatter("scatter", reals((4, 5)), [2], reals((5,)), ((0,), (0,), (0,)), label="scatter of one row"),
    scatter("scatter_max", reals((5,), 1, 1), [[1], [1], [3]], reals((3,), 1, 1), ((), (0,), (0,)), order=1,
            label="scatter_max at ties"),
]
