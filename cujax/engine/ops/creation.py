"""Arrays filled with one value, and the dtype of a value.

    full full_like empty    dtype

`constants.full_of` is what rules use: a Python number in a given aval.  The functions here read what a user
writes: any scalar, any spelling of a dtype.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cujax.engine.core.trace import aval_of
from cujax.engine.ground import dtypes
from cujax.engine.ops.axes import lengths_of
from cujax.engine.ops.conversion import convert_element_type
from cujax.engine.ops.structural import broadcast_in_dim, shape_of

_Shape = Sequence[int] | int


def dtype(x: Any) -> Any:
    """The dtype of `x`, a value or itself a dtype (or the name of one), at the width that x64 mode has.

    ValueError for None, TypeError for what has no dtype.
    """
    if x is None:
        raise ValueError("Invalid argument to dtype: None. Pass an array, a number or a dtype.")
    if isinstance(x, type | str | np.dtype | dtypes.KeyDtype) or hasattr(x, "dtype"):
        return dtypes.canonicalize(dtypes.as_dtype(x))
    try:
        return aval_of(x).dtype
    except TypeError:
        raise TypeError(f"Cannot determine dtype of {x!r}: it is neither an array, a number nor a dtype.") from None


_dtype = dtype  # functions below have an argument of this name


def _sizes(name: str, shape: _Shape) -> tuple[int, ...]:
    try:
        sizes = lengths_of(shape)
    except TypeError:
        raise TypeError(f"{name}: a shape is an integer or a sequence of integers, got {shape!r}") from None
    if any(d < 0 for d in sizes):
        raise TypeError(f"{name}: the lengths of axes must not be negative, got shape {sizes}")
    return sizes


def full(shape: _Shape, fill_value: Any, dtype: Any = None, *, sharding: Any = None) -> Any:
    """An array of `shape` filled with the scalar `fill_value`, in `dtype` or in its own (and then as weak).

    `sharding` is ignored: there is one device.  TypeError for a fill_value that is no scalar, and for a shape
    that is not of integers or is negative.
    """
    return _filled("full", _sizes("full", shape), fill_value, dtype, False)


def _filled(name: str, shape: tuple[int, ...], fill_value: Any, dtype: Any, weak_type: bool) -> Any:
    seen = np.shape(fill_value) if isinstance(fill_value, list | tuple) else shape_of(fill_value)
    if seen:
        raise TypeError(
            f"{name} must be called with scalar fill_value, got fill_value.shape {seen}. "
            "To repeat an array write lax.broadcast_in_dim or jnp.full."
        )
    if dtype is not None:
        fill_value = convert_element_type(fill_value, dtypes.canonicalize_user(dtype, name), weak_type)
    return broadcast_in_dim(fill_value, shape, ())


def full_like(x: Any, fill_value: Any, dtype: Any = None, shape: _Shape | None = None, sharding: Any = None) -> Any:
    """As `full`, with the shape and the dtype of `x` where none is given; weak as x unless `dtype` is given.

    x: an array, a number, or anything with `shape` and `dtype`.  `sharding` is ignored.  Errors as `full`.
    """
    own_dtype, own_shape = _dtype(x), x.shape if hasattr(x, "shape") else ()
    sizes = _sizes("full_like", own_shape if shape is None else shape)
    if dtype is not None:
        return _filled("full_like", sizes, fill_value, dtype, False)
    weak = x.weak_type if hasattr(x, "weak_type") else not hasattr(x, "shape") and aval_of(x).weak_type
    return _filled("full_like", sizes, fill_value, own_dtype, bool(weak))


def empty(shape: _Shape, dtype: Any, *, out_sharding: Any = None) -> Any:
    """Zeros of `shape` and `dtype`: there is no uninitialised memory.  `out_sharding` is ignored."""
    return _filled("empty", _sizes("empty", shape), 0, dtype, False)
