"""Making arrays: from values (`array`, `asarray`, `frombuffer`), or filled (`zeros`, `ones`, `full`).

64-bit dtypes are narrowed to 32 bits unless `jax_enable_x64` is on, with a warning when the user wrote
them.  Arrays made of Python numbers alone are weakly typed, as the numbers are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from cujax import lax
from cujax.engine.backends import dlpack
from cujax.engine.backends.select import selected
from cujax.engine.core.array import Array, ConcreteArray, to_array
from cujax.engine.core.aval import ShapedArray
from cujax.engine.ground import dtypes
from cujax.engine.ground.promotion import lattice_join
from cujax.engine.ground.source import warn_user
from cujax.engine.ops.axes import canonical_axes, lengths_of
from cujax.engine.ops.constants import full_of
from cujax.numpy.promotion import ArrayLike, as_array, dtype_and_weakness, literal_array, operand

# --- from values ----------------------------------------------------------------------------------------


def array(
    object: Any, dtype: Any = None, copy: bool = True, order: str | None = "K", ndmin: int = 0, *,
    device: Any = None, out_sharding: Any = None,
) -> Array:
    """An array of `object`: a number, an array, or nested lists and tuples of those.

    dtype: of the result; by default what the values promote to.  ndmin: the least number of axes; new
    ones are put in front.  Raises TypeError for what is not numeric, ValueError for None and ragged
    lists, OverflowError for an int that does not fit, NotImplementedError for an order other than C.
    """
    if order not in (None, "K", "C", "A"):
        raise NotImplementedError(f"Only implemented for order='K', 'C' or 'A', got {order!r}")
    dtype = None if dtype is None else dtypes.canonicalize_user(dtype, "array")
    result = _converted(object, dtype)
    if copy and isinstance(result, ConcreteArray) and result is object:
        result = ConcreteArray(result.buffer, result.aval)  # buffers never change: a new face is copy enough
    if result.ndim < ndmin:
        result = lax.reshape(result, (*(1,) * (ndmin - result.ndim), *result.shape))
    return result


def asarray(
    a: Any, dtype: Any = None, order: str | None = None, *, copy: bool | None = None, device: Any = None,
    out_sharding: Any = None,
) -> Array:
    """`array` without a copy of what is an array already.

    copy: True makes a new array object; False refuses, by ValueError, whatever has to be converted.
    """
    if copy is False and not isinstance(a, Array):
        raise ValueError(f"jnp.asarray: cannot convert object of type {type(a)} to an array without copy")
    if dtype is None and not copy and isinstance(a, Array):
        return a
    if dtype is not None:
        dtype = dtypes.canonicalize_user(dtype, "asarray")
    return array(a, dtype, bool(copy), order)


def _converted(object: Any, dtype: Any) -> Array:
    if object is None:
        raise ValueError("None is not a valid value for jnp.array")
    if isinstance(object, list | tuple):
        return _from_sequence(object, dtype)
    if isinstance(object, str | bytes):
        raise TypeError(f"Value {object!r} is not a valid array type: only numbers and booleans are")
    if isinstance(object, memoryview | bytearray | range):
        object = np.asarray(object)
    if type(object) in dtypes.PYTHON_SCALARS and dtype is not None:
        return literal_array(operand("array", _scalar_in(object, dtype)))
    found = as_array("array", object)
    return found if dtype is None else lax.convert_element_type(found, dtype)


def _scalar_in(value: Any, dtype: Any) -> Any:
    """A Python number in `dtype`; OverflowError for an int too large for it, a complex loses nothing."""
    if dtypes.is_key(dtype):
        raise TypeError(f"jnp.array: a number cannot become a key of dtype {dtype}")
    if type(value) is int:
        dtypes.check_python_int(value, dtype)
    if type(value) is complex and not dtypes.is_complex(dtype):
        raise TypeError(f"jnp.array: the complex number {value} cannot become {dtype}; take its real part")
    with np.errstate(all="ignore"):
        return np.asarray(value).astype(dtype)[()] if type(value) is float else dtype.type(value)


def _leaves(sequence: Any) -> Iterator[Any]:
    for item in sequence:
        if isinstance(item, list | tuple):
            yield from _leaves(item)
        else:
            yield item


def _from_sequence(sequence: Any, dtype: Any) -> Array:
    leaves = list(_leaves(sequence))
    if dtype is None:
        dtype = _common_dtype(leaves)
    if all(type(leaf) in dtypes.PYTHON_SCALARS or isinstance(leaf, np.generic) for leaf in leaves):
        return to_array(_host_array(sequence, leaves, dtype))
    parts = [_converted(item, dtype) for item in sequence]
    shapes = {p.shape for p in parts}
    if len(shapes) > 1:
        raise ValueError(f"jnp.array: items of a list must have one shape, got {sorted(shapes)}")
    rows = [lax.reshape(p, (1, *p.shape)) for p in parts]
    return lax.concatenate(rows, 0)


def _host_array(sequence: Any, leaves: Sequence[Any], dtype: Any) -> np.ndarray:
    kinds = {type(leaf) for leaf in leaves}
    if int in kinds and dtypes.is_integer(dtype):
        for leaf in leaves:
            if type(leaf) is int:
                dtypes.check_python_int(leaf, dtype)
    with np.errstate(all="ignore"):
        return np.array(sequence, dtype)


def _common_dtype(leaves: Sequence[Any]) -> Any:
    if not leaves:
        return dtypes.python_scalar_dtype(float)
    found = {_leaf_contribution(leaf) for leaf in leaves}
    return lattice_join(tuple(found))[0]


def _leaf_contribution(leaf: Any) -> tuple[Any, bool]:
    if type(leaf) in dtypes.PYTHON_SCALARS:
        return dtype_and_weakness(type(leaf))
    if leaf is None:
        raise ValueError("None is not a valid value for jnp.array")
    if isinstance(leaf, str | bytes):
        raise TypeError(f"Value {leaf!r} is not a valid array type: only numbers and booleans are")
    return dtype_and_weakness(operand("array", leaf).aval)


def copy(a: ArrayLike, order: str | None = None) -> Array:
    """A copy of `a` as a new array."""
    return array(operand("copy", a), copy=True, order=order)


def astype(x: ArrayLike, dtype: Any, /, *, copy: bool = False, device: Any = None) -> Array:
    """x converted to dtype.

    Floats become integers by truncation (NaN is 0, what is out of range the nearest bound), complex
    numbers become real by their real part, with a warning.  dtype None means the default float.
    """
    x = as_array("astype", x)
    dtype = dtypes.canonicalize_user(float if dtype is None else dtype, "astype")
    if dtypes.is_complex(x.dtype) and dtypes.is_bool(dtype):
        return lax.ne(x, 0)
    if dtypes.is_complex(x.dtype) and not dtypes.is_complex(dtype):
        text = f"astype: casting {x.dtype} to {dtype} discards the imaginary part; write x.real.astype(...)"
        warn_user(text, np.exceptions.ComplexWarning)
    return lax.convert_element_type(x, dtype)


def frombuffer(buffer: Any, dtype: Any = float, count: int = -1, offset: int = 0) -> Array:
    """A one-dimensional array of the bytes of `buffer` read as `dtype`; arguments as in NumPy."""
    return asarray(np.frombuffer(buffer, dtypes.as_dtype(dtype), count, offset))


def fromstring(string: str, dtype: Any = float, count: int = -1, *, sep: str) -> Array:
    """A one-dimensional array of the numbers in `string`, which are separated by `sep`."""
    return asarray(np.fromstring(string, dtypes.as_dtype(dtype), count, sep=sep))


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Array:
    """The array `x` of another library that speaks DLPack, copied: the other library may write to its memory.

    TypeError for what does not speak it; ValueError for copy=False of another library's array.
    """
    if isinstance(x, Array):
        return asarray(x, copy=copy)
    if not hasattr(x, "__dlpack__"):
        raise TypeError(f"from_dlpack needs an object with __dlpack__ and __dlpack_device__, got {type(x)}")
    if copy is False:
        raise ValueError("from_dlpack copies, since the other library may write to its memory: leave copy=False out")
    adopted = selected().adopt(x)
    return asarray(dlpack.adopt(x) if adopted is None else adopted)


def fromfile(*args: Any, **kwargs: Any) -> Array:
    """Refused: a file is read on the host.  Write jnp.asarray(np.fromfile(...))."""
    raise NotImplementedError("jnp.fromfile does nothing on a device; write jnp.asarray(np.fromfile(...))")


def fromiter(*args: Any, **kwargs: Any) -> Array:
    """Refused: an iterator is read on the host.  Write jnp.asarray(np.fromiter(...))."""
    raise NotImplementedError("jnp.fromiter does nothing on a device; write jnp.asarray(np.fromiter(...))")


# --- filled -------------------------------------------------------------------------------------------


def canonical_shape(name: str, shape: Any) -> tuple[int, ...]:
    """A shape from an integer or a sequence of integers.

    TypeError where they are not known integers, or negative.
    """
    if isinstance(shape, ConcreteArray):
        shape = shape.tolist()
    try:
        lengths = lengths_of(shape)
    except TypeError as error:
        raise TypeError(
            f"{name}: Shapes must be 1D sequences of concrete values of integer type, got {shape}. {error}"
        ) from None
    if any(d < 0 for d in lengths):
        raise TypeError(f"{name}: shape must have every element be nonnegative, got {lengths}")
    return lengths


def _filled(name: str, value: Any, shape: Any, dtype: Any) -> Array:
    dtype = dtypes.canonicalize_user(float if dtype is None else dtype, name)
    return full_of(ShapedArray(canonical_shape(name, shape), dtype, False), value)


def zeros(shape: Any, dtype: Any = None, *, device: Any = None, out_sharding: Any = None) -> Array:
    """An array of `shape` (an int or a sequence of ints) filled with 0; dtype float by default."""
    return _filled("zeros", 0, shape, dtype)


def ones(shape: Any, dtype: Any = None, *, device: Any = None, out_sharding: Any = None) -> Array:
    """An array of `shape` (an int or a sequence of ints) filled with 1; dtype float by default."""
    return _filled("ones", 1, shape, dtype)


def empty(shape: Any, dtype: Any = None, *, device: Any = None, out_sharding: Any = None) -> Array:
    """As `zeros`: there is no uninitialised memory."""
    return _filled("empty", 0, shape, dtype)


def full(
    shape: Any, fill_value: ArrayLike, dtype: Any = None, *, device: Any = None, out_sharding: Any = None
) -> Array:
    """An array of `shape` filled with `fill_value`, an array that broadcasts to it, in `dtype` or its own."""
    dtype = None if dtype is None else dtypes.canonicalize_user(dtype, "full")
    return _full(canonical_shape("full", shape), fill_value, dtype, False)


def _full(shape: tuple[int, ...], fill_value: ArrayLike, dtype: Any, weak_type: bool) -> Array:
    value = operand("full", fill_value)
    if dtype is not None:
        value = lax.convert_element_type(value, dtype, weak_type)
    if value.ndim > len(shape) or any(
        d not in (1, s) for d, s in zip(value.shape[::-1], shape[::-1], strict=False)
    ):
        raise ValueError(f"full: cannot broadcast fill_value of shape {value.shape} to shape {shape}")
    return lax.broadcast_in_dim(value, shape, range(len(shape) - value.ndim, len(shape)))


def _aval_like(name: str, a: Any, dtype: Any, shape: Any) -> ShapedArray:
    """The aval of `a`, an array or a description of one, with dtype and shape replaced where given."""
    source = a if hasattr(a, "shape") and hasattr(a, "dtype") else operand(name, a)
    new_shape = tuple(source.shape) if shape is None else canonical_shape(name, shape)
    if dtype is not None:
        return ShapedArray(new_shape, dtypes.canonicalize_user(dtype, name), False)
    own = dtypes.canonicalize(dtypes.as_dtype(source.dtype))
    described = getattr(source, "aval", source)
    return ShapedArray(new_shape, own, bool(getattr(described, "weak_type", False)))


def zeros_like(
    a: Any, dtype: Any = None, shape: Any = None, *, device: Any = None, out_sharding: Any = None
) -> Array:
    """Zeros in the shape and dtype of `a`, or those given."""
    return full_of(_aval_like("zeros_like", a, dtype, shape), 0)


def ones_like(
    a: Any, dtype: Any = None, shape: Any = None, *, device: Any = None, out_sharding: Any = None
) -> Array:
    """Ones in the shape and dtype of `a`, or those given."""
    return full_of(_aval_like("ones_like", a, dtype, shape), 1)


def empty_like(prototype: Any, dtype: Any = None, shape: Any = None, *, device: Any = None) -> Array:
    """As `zeros_like`: there is no uninitialised memory."""
    return full_of(_aval_like("empty_like", prototype, dtype, shape), 0)


def full_like(
    a: Any, fill_value: ArrayLike, dtype: Any = None, shape: Any = None, *, device: Any = None,
    out_sharding: Any = None,
) -> Array:
    """`fill_value`, which may be an array that broadcasts, in the shape and dtype of `a`, or those given."""
    aval = _aval_like("full_like", a, dtype, shape)
    return _full(aval.shape, fill_value, aval.dtype, aval.weak_type)


# --- about arrays -------------------------------------------------------------------------------------


def shape(a: ArrayLike) -> tuple[int, ...]:
    """Lengths of the axes of `a`; a DeprecationWarning and () where it is no array."""
    return _lengths("shape", a)


def ndim(a: ArrayLike) -> int:
    """Number of axes of `a`; a warning as in `shape`."""
    return len(_lengths("ndim", a))


def size(a: ArrayLike, axis: int | Sequence[int] | None = None) -> int:
    """Number of elements of `a`, or the length of its axis (or axes) `axis`; a warning as in `shape`."""
    lengths = _lengths("size", a)
    return int(np.prod([lengths[i] for i in canonical_axes(axis, len(lengths))], dtype=np.int64))


def _lengths(name: str, a: Any) -> tuple[int, ...]:
    """The shape of `a`, and NumPy's where `a` is no array: TensorFlow Probability asks for that of None."""
    if isinstance(a, list | tuple):
        return np.shape(a)
    try:
        return operand(name, a).shape
    except TypeError as error:
        warn_user(f"{error} A later release of JAX makes this an error.", DeprecationWarning)
        return np.shape(a)


def iterable(y: Any) -> bool:
    """Whether `iter(y)` works."""
    return np.iterable(y)
