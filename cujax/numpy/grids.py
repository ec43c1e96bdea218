"""Regular grids: arange, linspace and its relations, meshgrid, indices, and the index tricks of NumPy.

Bounds and steps of `arange`, and all counts, must be known numbers; bounds of `linspace` and its relations
may be traced.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from cujax import lax
from cujax.api.traced_once import traced_once
from cujax.engine.core.array import Array
from cujax.engine.core.aval import ShapedArray
from cujax.engine.ground import dtypes
from cujax.engine.ops.axes import canonical_axis
from cujax.engine.ops.constants import full_of
from cujax.numpy.arithmetic import power
from cujax.numpy.creation import array, asarray
from cujax.numpy.dtype_objects import result_type
from cujax.numpy.joining import concatenate
from cujax.numpy.logic import choose_where, logical_and
from cujax.numpy.parts import floor, sign
from cujax.numpy.promotion import ArrayLike, arrays_of, as_array, as_arrays, check_arraylike, promote_args
from cujax.numpy.reshaping import broadcast_arrays, broadcast_to, expand_dims, moveaxis
from cujax.numpy.transcendental import log10


def _known_number(value: Any) -> Any:
    """A Python or NumPy number from a scalar that is known; a tracer's own error otherwise."""
    check_arraylike("arange", value)
    if np.ndim(value):
        raise ValueError(f"jnp.arange: start, stop and step must be scalars, got shape {np.shape(value)}")
    return value.item() if isinstance(value, Array | np.ndarray | np.generic) else value


def arange(
    start: ArrayLike, stop: ArrayLike | None = None, step: ArrayLike | None = None, dtype: Any = None, *,
    device: Any = None, out_sharding: Any = None,
) -> Array:
    """start, start + step, ... up to and without `stop`; from 0 when only one bound is given.

    The length depends on the values, so they must be known: ConcretizationTypeError for tracers.
    ValueError for complex numbers, ZeroDivisionError for step 0.
    """
    if stop is None:
        start, stop = 0, start
    given = [start, stop] if step is None else [start, stop, step]
    first, last, stride = (*map(_known_number, given), 1)[:3]
    dtype = result_type(*given) if dtype is None else dtypes.canonicalize_user(dtype, "arange")
    if any(isinstance(v, complex) for v in (first, last, stride)):
        raise ValueError("jnp.arange: complex start, stop or step has no order")
    if stride == 0:
        raise ZeroDivisionError("jnp.arange: step must not be 0")
    length = max(0, math.ceil((last - first) / stride)) if stride != 1 else max(0, math.ceil(last - first))
    counted = lax.iota(np.int32 if dtypes.is_bool(dtype) else dtype, length)
    scaled = counted if stride == 1 else lax.mul(counted, _in_dtype(stride, counted.dtype))
    moved = scaled if first == 0 and stride > 0 else lax.add(scaled, _in_dtype(first, counted.dtype))
    return lax.convert_element_type(moved, dtype)


def _in_dtype(number: Any, dtype: Any) -> Any:
    return asarray(number).astype(dtype) if not isinstance(number, int) else array(number, dtype)


# --- evenly spaced numbers --------------------------------------------------------------------------------


def _count(name: str, num: Any) -> int:
    number = operator.index(num)
    if number < 0:
        raise ValueError(f"Number of samples, {number}, must be non-negative.")
    return number


@traced_once("start", "stop")
def linspace(
    start: ArrayLike, stop: ArrayLike, num: int = 50, endpoint: bool = True, retstep: bool = False,
    dtype: Any = None, axis: int = 0, *, device: Any = None,
) -> Any:
    """`num` evenly spaced numbers from start to stop; `stop` itself is left out unless `endpoint`.

    start, stop: arrays that broadcast together; the numbers lie along the new axis `axis`.  retstep: also
    return the spacing.  An integer dtype rounds down.
    """
    number = _count("linspace", num)
    start, stop = as_arrays("linspace", start, stop)
    wide = dtypes.canonicalize(dtypes.to_inexact(result_type(start, stop)))
    dtype = wide if dtype is None else dtypes.canonicalize_user(dtype, "linspace")
    if dtypes.is_inexact(dtype):
        wide = dtype
    start, stop = (lax.convert_element_type(x, wide) for x in (start, stop))
    start, stop = broadcast_arrays(start, stop)
    values = _interpolated(start, stop, number, endpoint)
    if dtypes.is_integer(dtype) and not dtypes.is_integer(wide):
        values = floor(values)
    values = lax.convert_element_type(moveaxis(values, 0, operator.index(axis)), dtype)
    return (values, _spacing(start, stop, number, endpoint)) if retstep else values


def _spacing(start: Array, stop: Array, num: int, endpoint: bool) -> Array:
    intervals = num - endpoint
    if intervals < 1:
        return (
            full_of(start.aval.update(weak_type=False), math.nan)
            if endpoint or not num
            else lax.sub(stop, start)
        )
    return lax.div(lax.sub(stop, start), intervals)


def _interpolated(start: Array, stop: Array, num: int, endpoint: bool) -> Array:
    """start * (1 - t) + stop * t along a new first axis; the last number is `stop` itself."""
    intervals = num - endpoint
    if num < 2:
        return lax.broadcast(start, (num,))
    real_dtype = dtypes.to_real(start.dtype)
    t = lax.div(
        lax.iota(real_dtype, intervals), lax.convert_element_type(as_array("linspace", intervals), real_dtype)
    )
    t = lax.convert_element_type(t, start.dtype)
    shape = (intervals, *start.shape)
    t, start = lax.broadcast_in_dim(t, shape, (0,)), lax.broadcast(start, (intervals,))
    values = lax.add(lax.mul(start, lax.sub(1, t)), lax.mul(lax.broadcast(stop, (intervals,)), t))
    return lax.concatenate([values, lax.expand_dims(stop, (0,))], 0) if endpoint else values


@traced_once("start", "stop", "base")
def logspace(
    start: ArrayLike, stop: ArrayLike, num: int = 50, endpoint: bool = True, base: ArrayLike = 10.0,
    dtype: Any = None, axis: int = 0,
) -> Array:
    """base to the powers `linspace(start, stop, num)`; arguments as there."""
    dtype = _inexact_result("logspace", dtype, start, stop)
    exponents = linspace(start, stop, num, endpoint, dtype=dtypes.to_inexact(dtype), axis=axis)
    return lax.convert_element_type(power(base, exponents), dtype)


def _inexact_result(name: str, dtype: Any, *given: ArrayLike) -> Any:
    check_arraylike(name, *given)
    if dtype is None:
        return dtypes.canonicalize(dtypes.to_inexact(result_type(*given)))
    return dtypes.canonicalize_user(dtype, name)


@traced_once("start", "stop")
def geomspace(
    start: ArrayLike, stop: ArrayLike, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0
) -> Array:
    """`num` numbers from start to stop, each the same multiple of the one before; arguments as `linspace`."""
    dtype = _inexact_result("geomspace", dtype, start, stop)
    wide = dtypes.to_inexact(dtype)
    start, stop = (lax.convert_element_type(x, wide) for x in as_arrays("geomspace", start, stop))
    start, stop = arrays_of(promote_args("geomspace", start, stop))
    start, stop = broadcast_arrays(start, stop)
    turn = sign(start)
    if not dtypes.is_complex(wide):
        negative = logical_and(lax.lt(start, 0), lax.lt(stop, 0))
        turn = choose_where(negative, wide.type(-1), wide.type(1))
    exponents = linspace(log10(lax.div(start, turn)), log10(lax.div(stop, turn)), num, endpoint)
    values = lax.mul(*promote_args("geomspace", turn, power(wide.type(10), exponents)))
    values = _exact_ends(values, start, stop, endpoint)
    return lax.convert_element_type(moveaxis(values, 0, operator.index(axis)), dtype)


def _exact_ends(values: Array, start: Array, stop: Array, endpoint: bool) -> Array:
    """`values` with the bounds themselves at the ends, where powers of logarithms only come near."""
    num = values.shape[0]
    if num < 2:
        return lax.broadcast(start, (num,))
    first, last = lax.expand_dims(start, (0,)), lax.expand_dims(stop, (0,))
    inner = lax.slice_in_dim(values, 1, num - endpoint)
    return lax.concatenate([first, inner, last] if endpoint else [first, inner], 0)


# --- coordinates --------------------------------------------------------------------------------------


def meshgrid(*xi: ArrayLike, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> list[Array]:
    """Coordinate arrays of the grid spanned by one-dimensional arrays.

    indexing: "xy" has the second array along axis 0, as pictures have, "ij" has the arrays in order.
    sparse: lengths 1 where an array does not vary.  copy must be True.
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(f"Valid values for indexing are 'xy' and 'ij', got {indexing}")
    if not copy:
        raise ValueError("jax.numpy.meshgrid only supports copy=True: arrays are immutable")
    arrays = as_arrays("meshgrid", *xi)
    if any(a.ndim > 1 for a in arrays):
        raise ValueError(
            f"Arguments to jnp.meshgrid must be at most 1D, got shapes {[a.shape for a in arrays]}"
        )
    places = list(range(len(arrays)))
    if indexing == "xy" and len(arrays) >= 2:
        places[0], places[1] = 1, 0
    shape = [0] * len(arrays)
    for a, place in zip(arrays, places, strict=True):
        shape[place] = a.size
    return [_along(a, place, shape, sparse) for a, place in zip(arrays, places, strict=True)]


def _along(a: Array, place: int, shape: Sequence[int], sparse: bool) -> Array:
    lengths = [d if i == place or not sparse else 1 for i, d in enumerate(shape)]
    return lax.broadcast_in_dim(lax.reshape(a, (a.size,)), lengths, (place,))


def indices(dimensions: Sequence[int], dtype: Any = None, sparse: bool = False) -> Any:
    """For each axis of a grid of shape `dimensions` the index along it, stacked; a tuple if `sparse`."""
    dtype = dtypes.canonicalize_user(int if dtype is None else dtype, "indices")
    shape = tuple(operator.index(d) for d in dimensions)
    counts = [lax.iota(dtype, d) for d in shape]
    grids = [_along(c, i, shape, sparse) for i, c in enumerate(counts)]
    if sparse:
        return tuple(grids)
    if not grids:
        return full_of(ShapedArray((0,), dtype, False), 0)
    return lax.concatenate([lax.expand_dims(g, (0,)) for g in grids], 0)


def fromfunction(function: Any, shape: Any, *, dtype: Any = float, **kwargs: Any) -> Any:
    """`function` of the index arrays of a grid of `shape`, called once with one array for each axis.

    The result is repeated to `shape` where the function does not depend on every index.
    """
    lengths = tuple(shape) if isinstance(shape, Sequence) else (shape,)
    grids = indices(lengths, dtype)
    result = function(*(lax.index_in_dim(grids, i, 0, keepdims=False) for i in range(len(lengths))), **kwargs)
    return broadcast_to(result, lengths) if np.ndim(result) == 0 and len(lengths) else result


def ix_(*args: ArrayLike) -> tuple[Array, ...]:
    """One-dimensional arrays shaped to index the grid that they span: x[ix_(rows, columns)].

    A boolean array stands for the places where it is true, and must be known.
    """
    n = len(args)
    return tuple(_open_axis(a, i, n) for i, a in enumerate(as_arrays("ix_", *args)))


def _open_axis(a: Array, place: int, n: int) -> Array:
    if a.ndim != 1:
        raise ValueError(f"Arguments to jnp.ix_ must be 1-dimensional, got shape {a.shape}")
    if dtypes.is_bool(a.dtype):
        a = asarray(np.flatnonzero(np.asarray(a)).astype(dtypes.python_scalar_dtype(int)))
    elif not a.size:
        a = lax.convert_element_type(a, dtypes.python_scalar_dtype(int))
    return expand_dims(a, tuple(i for i in range(n) if i != place))


# --- index tricks -------------------------------------------------------------------------------------


def _range_of(key: slice) -> Array:
    """The numbers of a slice: a complex step is a count, with both ends included."""
    start, step = 0 if key.start is None else key.start, 1 if key.step is None else key.step
    if isinstance(step, complex):
        return linspace(start, key.stop, int(abs(step)))
    return arange(start, key.stop, step)


class _Grid:
    """`mgrid` and `ogrid`: a grid written as slices, `mgrid[0:3, 0:1:5j]`."""

    def __init__(self, name: str, sparse: bool) -> None:
        self.name = name
        self.sparse = sparse

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            return _range_of(key)
        axes = arrays_of([_range_of(k) for k in key])
        dtype = result_type(*axes)
        grids = meshgrid(
            *(lax.convert_element_type(a, dtype) for a in axes), indexing="ij", sparse=self.sparse
        )
        return grids if self.sparse else concatenate([lax.expand_dims(g, (0,)) for g in grids], 0)

    def __repr__(self) -> str:
        return f"<cujax.numpy.{self.name}: grids written as slices>"


mgrid = _Grid("mgrid", sparse=False)
ogrid = _Grid("ogrid", sparse=True)


class _Join:
    """`r_` and `c_`: arrays, numbers and ranges joined by indexing, `r_[0:3, 7, x]`."""

    def __init__(self, name: str, axis: int, ndmin: int, place: int) -> None:
        self.name = name
        self.defaults = (axis, ndmin, place)

    def __getitem__(self, key: Any) -> Array:
        items = key if isinstance(key, tuple) else (key,)
        axis, ndmin, place = self.defaults
        if items and isinstance(items[0], str):
            axis, ndmin, place = self._directive(items[0])
            items = items[1:]
        return concatenate([self._item(i, ndmin, place) for i in items], axis)

    def _directive(self, text: str) -> tuple[int, int, int]:
        """'axis,ndmin,place', each part optional from the right."""
        numbers = [int(part) for part in text.split(",")]
        if len(numbers) > 3:
            raise ValueError(f"could not understand directive {text!r}")
        return (*numbers, *self.defaults[len(numbers) :])  # type: ignore[return-value]

    def _item(self, item: Any, ndmin: int, place: int) -> Array:
        a = _range_of(item) if isinstance(item, slice) else asarray(item)
        if (isinstance(item, slice) and ndmin > 1) or (a.ndim and a.ndim < ndmin):
            missing = ndmin - a.ndim
            front = missing if place == -1 else canonical_axis(place, ndmin) if place >= 0 else 0
            front = min(front, missing)
            return lax.reshape(a, (*(1,) * front, *a.shape, *(1,) * (missing - front)))
        return lax.reshape(a, (1,) * max(ndmin, 1)) if a.ndim == 0 else a

    def __repr__(self) -> str:
        return f"<cujax.numpy.{self.name}: joins what it is indexed with>"


r_ = _Join("r_", 0, 1, -1)
c_ = _Join("c_", -1, 2, 0)


class _Index:
    """`s_` and `index_exp`: an index, as an object."""

    def __init__(self, always_tuple: bool) -> None:
        self.always_tuple = always_tuple

    def __getitem__(self, key: Any) -> Any:
        return (key,) if self.always_tuple and not isinstance(key, tuple) else key


s_ = _Index(always_tuple=False)
index_exp = _Index(always_tuple=True)
