"""Statistics of samples: the most common value, ranks, the standard error of the mean."""

from __future__ import annotations

import math
from typing import NamedTuple

from cujax import numpy as jnp
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.engine.ops import axes as ax
from cujax.numpy.promotion import ArrayLike, arrays_of, as_array, promote_inexact

_POLICIES = ("propagate", "omit", "raise")


def _check_policy(name: str, nan_policy: str, *others: str) -> None:
    if nan_policy not in _POLICIES:
        raise ValueError(f"{name}: nan_policy must be one of {_POLICIES}, got {nan_policy!r}")
    if nan_policy not in ("propagate", *others):
        raise NotImplementedError(
            f"{name}: nan_policy={nan_policy!r} is not supported, for it needs values that are not known while tracing"
        )


def _along(a: Array, axis: int | None) -> tuple[Array, int]:
    """The array and the axis to work along: of all elements for None."""
    return (a.reshape(-1), 0) if axis is None or a.ndim == 0 else (a, ax.canonical_axis(axis, a.ndim))


class ModeResult(NamedTuple):
    """The most common values, and how often each comes."""

    mode: Array
    count: Array  # type: ignore[assignment]  # which is a method of tuples


def mode(a: ArrayLike, axis: int | None = 0, nan_policy: str = "propagate", keepdims: bool = False) -> ModeResult:
    """The most common value along an axis, the smallest of several, and how often it comes.

    axis: None for all elements.  keepdims: leave an axis of length 1.  NaNs are equal to each other.  Without elements
    the value is NaN.  NotImplementedError for `nan_policy` "omit" and "raise", ValueError for others than "propagate".
    """
    _check_policy("mode", nan_policy)
    a = as_array("mode", a)
    shape = [1] * a.ndim if axis is None else _kept_shape(a, axis)
    values, along = _along(a, axis)
    if values.shape[along] == 0:
        rest = ax.remove_axes(values.shape, (along,))
        found, count = (jnp.full(rest, fill, dtypes.python_scalar_dtype(float)) for fill in (math.nan, 0))
    else:
        found, count = _most_common(jnp.sort(jnp.moveaxis(values, along, -1), axis=-1))
    if keepdims:
        found, count = found.reshape(shape), count.reshape(shape)
    return ModeResult(found, count)


def _kept_shape(a: Array, axis: int) -> list[int]:
    """The shape of `a` with the axis of length 1."""
    if a.ndim == 0:
        return []
    along = ax.canonical_axis(axis, a.ndim)
    return [1 if i == along else n for i, n in enumerate(a.shape)]


def _most_common(ordered: Array) -> tuple[Array, Array]:
    """Of values in ascending order along the last axis: runs are counted from where each starts."""
    place = jnp.arange(ordered.shape[-1])
    started = jnp.where(_starts(ordered), place, 0)
    lengths = place - jnp.maximum.accumulate(started, axis=-1) + 1
    last = jnp.argmax(lengths, axis=-1, keepdims=True)
    pick = [jnp.take_along_axis(x, last, axis=-1)[..., 0] for x in (ordered, lengths)]
    return pick[0], pick[1]


def _starts(ordered: Array) -> Array:
    """Where a value differs from the one before it; NaNs do not differ."""
    after, before = ordered[..., 1:], ordered[..., :-1]
    differs = (after != before) & ~((after != after) & (before != before))
    return jnp.concatenate([jnp.ones((*ordered.shape[:-1], 1), bool), differs], axis=-1)


# --- ranks ------------------------------------------------------------------------------------------------------

_METHODS = ("average", "min", "max", "dense", "ordinal")


def rankdata(
    a: ArrayLike, method: str = "average", *, axis: int | None = None, nan_policy: str = "propagate"
) -> Array:
    """The place of each element in ascending order, from 1 on, along an axis; in floating point.

    method: the rank of equal elements: the "average", "min" or "max" of their places; "dense" as "min", but the next
    larger elements get the next rank; "ordinal", in the order in which they come.
    axis: None for all elements, the result then has one axis.  All is NaN where there is one.
    NotImplementedError for `nan_policy` "omit" and "raise", ValueError for unknown ones and unknown methods.
    """
    _check_policy("rankdata", nan_policy)
    if method not in _METHODS:
        raise ValueError(f"rankdata: method must be one of {_METHODS}, got {method!r}")
    values, along = _along(as_array("rankdata", a), axis)
    rows = jnp.moveaxis(values, along, -1)
    ranks = _ranks(rows, method).astype(dtypes.python_scalar_dtype(float))
    ranks = jnp.where(jnp.any(rows != rows, axis=-1, keepdims=True), math.nan, ranks)
    return jnp.moveaxis(ranks, -1, along)


def _ranks(rows: Array, method: str) -> Array:
    """Along the last axis."""
    if rows.shape[-1] == 0:
        return rows
    order = jnp.argsort(rows, axis=-1, stable=True)
    place = jnp.broadcast_to(jnp.arange(rows.shape[-1]), rows.shape)
    back = jnp.argsort(order, axis=-1)
    if method == "ordinal":
        return back + 1
    starts = _starts(jnp.take_along_axis(rows, order, axis=-1))
    if method == "dense":
        ranks = jnp.cumsum(starts, axis=-1)
    else:
        first = jnp.maximum.accumulate(jnp.where(starts, place, 0), axis=-1) + 1
        ends = jnp.concatenate([starts[..., 1:], jnp.ones_like(starts[..., :1])], axis=-1)
        after = jnp.where(ends, place + 1, rows.shape[-1])
        last = jnp.flip(jnp.minimum.accumulate(jnp.flip(after, -1), axis=-1), -1)
        ranks = {"min": first, "max": last, "average": (first + last) / 2}[method]
    return jnp.take_along_axis(ranks, back, axis=-1)


# --- the standard error -------------------------------------------------------------------------------------------


def sem(
    a: ArrayLike, axis: int | None = 0, ddof: int = 1, nan_policy: str = "propagate", *, keepdims: bool = False
) -> Array:
    """The standard error of the mean, std(a, ddof=ddof) / sqrt(n).

    axis: None for all elements.  nan_policy: "omit" leaves NaNs out.  keepdims: leave an axis of length 1.
    IndexError for an axis that `a` does not have, ValueError for other values of `nan_policy`.
    """
    if nan_policy not in ("propagate", "omit"):
        raise ValueError(f"sem: nan_policy must be 'propagate' or 'omit', got {nan_policy!r}")
    (a,) = arrays_of(promote_inexact("sem", a))
    if axis is not None and not -a.ndim <= axis < a.ndim:
        raise IndexError(f"sem: axis {axis} is out of bounds for an array of shape {a.shape}")
    if nan_policy == "omit":
        count = jnp.sum(~jnp.isnan(a), axis, keepdims=keepdims)
        return jnp.nanstd(a, axis, ddof=ddof, keepdims=keepdims) / jnp.sqrt(count.astype(jnp.real(a).dtype))
    size = a.size if axis is None else a.shape[axis]
    return (jnp.std(a, axis, ddof=ddof, keepdims=keepdims) / math.sqrt(max(size, 1))).astype(a.dtype)
