"""`scatter_apply`: a function of scalars applied at lists of places of an array.

Where a place may stand in the list several times the function is applied as often, which takes a loop; so
this stands with the loops and not with the other scatters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cujax.api.loops import while_loop
from cujax.api.vectorize import vmap
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.trace import aval_of
from cujax.engine.ground import dtypes
from cujax.engine.ops.constants import ones_of, zeros_of
from cujax.engine.ops.elementwise import add
from cujax.engine.ops.index_dimensions import GatherScatterMode, ScatterDimensionNumbers, scatter_numbers
from cujax.engine.ops.indexing import read_windows, scatter_add_p
from cujax.engine.ops.logic import gt, select
from cujax.engine.ops.reductions import reduce_max
from cujax.engine.ops.scatter_family import is_unique
from cujax.engine.ops.scatter_updates import scatter_p
from cujax.engine.ops.structural import reshape


def scatter_apply(
    operand: Any, scatter_indices: Any, func: Callable[[Any], Any],
    dimension_numbers: ScatterDimensionNumbers, *, update_shape: Sequence[int] = (),
    indices_are_sorted: bool = False, unique_indices: bool = False, mode: Any = None,
) -> Any:
    """`operand` with `func` applied to its elements at the windows of a scatter with updates of update_shape.

    func: from a scalar of the operand's dtype to another.  It is applied once for each time that an element
    stands in a window.  ValueError when it returns something else.  Differentiable, in reverse where no two
    windows overlap.
    """
    shape, numbers = tuple(update_shape), scatter_numbers(dimension_numbers)
    params = {
        "dimension_numbers": numbers, "mode": GatherScatterMode.from_any(mode),
        "indices_are_sorted": bool(indices_are_sorted), "unique_indices": bool(unique_indices),
    }
    if is_unique(scatter_indices, numbers, unique_indices):
        old = read_windows(operand, scatter_indices, ShapedArray(shape, aval_of(operand).dtype), params)
        return scatter_p.bind(operand, scatter_indices, apply_to_elements(func, old), **params)
    once = ShapedArray(shape, dtypes.int32)
    never = zeros_of(ShapedArray(aval_of(operand).shape, dtypes.int32))
    times = scatter_add_p.bind(never, scatter_indices, ones_of(once), **params)
    most = reduce_max(reshape(times, (times.size,)), (0,)) if times.size else 0

    def step(state: tuple) -> tuple:
        done, x = state
        return add(done, 1), select(gt(times, done), apply_to_elements(func, x), x)

    return while_loop(lambda state: gt(most, state[0]), step, (np.int32(0), operand))[1]


def apply_to_elements(func: Callable[[Any], Any], x: Any) -> Any:
    """`func`, a function of scalars, on every element of `x`."""
    aval = aval_of(x)
    if aval.size == 0:
        return x
    out = vmap(func)(reshape(x, (aval.size,)))
    found = aval_of(out)
    if found.shape != (aval.size,) or found.dtype != aval.dtype:
        raise ValueError(
            f"x.at[...].apply, scatter_apply: func must return a scalar of the operand's dtype {aval.dtype}; "
            f"it returned {found.dtype} of shape {found.shape[1:]}. Convert it: func(v).astype(v.dtype)."
        )
    return reshape(out, aval.shape)
