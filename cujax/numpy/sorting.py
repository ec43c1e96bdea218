"""Sorting: sort, argsort, lexsort, partition.  NaN comes last; equal elements keep their order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cujax import lax
from cujax.api.traced_once import traced_once
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.engine.ops.axes import canonical_axis
from cujax.numpy.creation import full
from cujax.numpy.promotion import ArrayLike, as_array, as_arrays
from cujax.numpy.reshaping import ravel


def _refuse(name: str, kind: Any, order: Any) -> None:
    if kind is not None or order is not None:
        raise TypeError(
            f"'kind' and 'order' arguments to jnp.{name} are not supported: write stable=True or False"
        )


def _sortable(name: str, a: ArrayLike, axis: int | None) -> tuple[Array, int]:
    a = as_array(name, a)
    return (ravel(a), 0) if axis is None else (a, canonical_axis(axis, a.ndim))


def sort(
    a: ArrayLike, axis: int | None = -1, *, kind: None = None, order: None = None, stable: bool = True,
    descending: bool = False,
) -> Array:
    """`a` in ascending (or descending) order along `axis`; None flattens it."""
    _refuse("sort", kind, order)
    a, axis = _sortable("sort", a, axis)
    result = lax.sort(a, axis)
    return lax.rev(result, (axis,)) if descending else result


def argsort(
    a: ArrayLike, axis: int | None = -1, *, kind: None = None, order: None = None, stable: bool = True,
    descending: bool = False, dtype: Any = None,
) -> Array:
    """Indices that sort `a` along `axis`; None flattens it.  Equal elements keep their order if `stable`."""
    _refuse("argsort", kind, order)
    a, axis = _sortable("argsort", a, axis)
    dtype = dtypes.canonicalize_user(int if dtype is None else dtype, "argsort")
    places = lax.broadcasted_iota(dtype, a.shape, axis)
    if not descending:
        return lax.sort_key_val(a, places, axis)[1]
    if not stable:
        return lax.rev(lax.sort_key_val(a, places, axis)[1], (axis,))
    # Sorted from the back and turned round, equal elements keep their order.
    return lax.rev(lax.sort_key_val(lax.rev(a, (axis,)), lax.rev(places, (axis,)), axis)[1], (axis,))


def lexsort(keys: Any, axis: int = -1) -> Array:
    """Indices that sort by the last of `keys`, then by the one before it where that is equal, and so on.

    keys: a sequence of arrays of one shape, or an array whose rows are they.
    """
    if not isinstance(keys, Sequence | Array) and not hasattr(keys, "shape"):
        raise TypeError(f"lexsort: keys must be a sequence of arrays, got {type(keys)}")
    arrays = as_arrays("lexsort", *keys)
    if not arrays:
        raise TypeError("need sequence of keys with len > 0 in lexsort")
    if len({a.shape for a in arrays}) > 1:
        raise ValueError("all keys need to be the same shape")
    dtype = dtypes.python_scalar_dtype(int)
    if arrays[0].ndim == 0:
        return full((), 0, dtype)
    axis = canonical_axis(axis, arrays[0].ndim)
    places = lax.broadcasted_iota(dtype, arrays[0].shape, axis)
    return lax.sort((*reversed(arrays), places), axis, num_keys=len(arrays))[-1]


@traced_once("a")
def sort_complex(a: ArrayLike) -> Array:
    """`a` sorted along its last axis, as complex numbers: by real part, then by imaginary part."""
    result = sort(a)
    return lax.convert_element_type(result, dtypes.canonicalize(dtypes.to_complex(result.dtype)))


def _split_at(name: str, a: ArrayLike, kth: int, axis: int) -> tuple[Array, int, int]:
    a = as_array(name, a)
    if dtypes.is_complex(a.dtype):
        raise NotImplementedError(f"jnp.{name} for complex dtype is not implemented.")
    axis = canonical_axis(axis, a.ndim)
    return a, canonical_axis(kth, a.shape[axis], "kth"), axis


@traced_once("a")
def partition(a: ArrayLike, kth: int, axis: int = -1) -> Array:
    """The k-th smallest element in its place along `axis`, none larger before it, none smaller after it.

    The result is sorted on both sides of k, which NumPy does not promise.
    """
    a, _, axis = _split_at("partition", a, kth, axis)
    return lax.sort(a, axis)


@traced_once("a")
def argpartition(a: ArrayLike, kth: int, axis: int = -1) -> Array:
    """Indices that partition `a` along `axis` as `partition` does."""
    a, _, axis = _split_at("argpartition", a, kth, axis)
    return argsort(a, axis)
