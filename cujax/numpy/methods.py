"""Operators, methods and properties of `Array`, installed on it once by `cujax/numpy/__init__.py`.

Nearly all are the jnp function of the same name: the tables below say which.  An operator returns
NotImplemented for operands it does not know, so that Python asks the other operand.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from cujax import lax
from cujax.engine.backends import dlpack
from cujax.engine.backends.select import selected
from cujax.engine.core.array import Array
from cujax.engine.core.trace import Tracer
from cujax.engine.ground import dtypes
from cujax.numpy import (
    arithmetic,
    array_api,
    at,
    creation,
    cumulative,
    joining,
    logic,
    matrices,
    moments,
    parts,
    products,
    reductions,
    reshaping,
    searching,
    selection,
    sorting,
    taking,
)
from cujax.numpy.indexing import index_array
from cujax.numpy.placement import PLACEMENT
from cujax.numpy.promotion import SCALARS, as_array

# --- operators ------------------------------------------------------------------------------------------


def _is_operand(other: Any) -> bool:
    if isinstance(other, list | tuple | set | dict):
        raise TypeError(
            f"unsupported operand type(s): an array and a {type(other).__name__}. "
            "Make an array of it first: jnp.array(...)."
        )
    return isinstance(other, np.ndarray | np.generic | int | float | complex) or hasattr(
        other, "__jax_array__"
    )


def _operator(function: Callable) -> Callable:
    def method(self: Array, other: Any) -> Any:
        if type(other) in SCALARS or isinstance(other, Array) or _is_operand(other):
            return function(self, other)
        return NotImplemented

    return method


def _reflected(function: Callable) -> Callable:
    return _operator(lambda self, other: function(other, self))


_BINARY = {
    "add": arithmetic.add,
    "sub": arithmetic.subtract,
    "mul": arithmetic.multiply,
    "truediv": arithmetic.divide,
    "floordiv": arithmetic.floor_divide,
    "divmod": arithmetic.divmod,
    "matmul": products.matmul,
    "mod": arithmetic.remainder,
    "pow": arithmetic.power,
    "and": logic.bitwise_and,
    "or": logic.bitwise_or,
    "xor": logic.bitwise_xor,
    "lshift": logic.left_shift,
    "rshift": logic.right_shift,
}
_COMPARISONS = {
    "eq": logic.equal,
    "ne": logic.not_equal,
    "lt": logic.less,
    "le": logic.less_equal,
    "gt": logic.greater,
    "ge": logic.greater_equal,
}


def _iterate(self: Array) -> Any:
    if self.ndim == 0:
        raise TypeError("iteration over a 0-d array")
    return iter(joining.unstack(self))


def _round(self: Array, ndigits: int | None = None) -> Array:
    """As Python has it: to integers, unless a number of digits is asked for."""
    if ndigits is not None:
        return parts.round(self, ndigits)
    return lax.convert_element_type(parts.round(self, 0), dtypes.canonicalize(np.dtype(int)))


_OPERATORS: dict[str, Callable] = {
    **{f"__{name}__": _operator(function) for name, function in (_BINARY | _COMPARISONS).items()},
    **{f"__r{name}__": _reflected(function) for name, function in _BINARY.items()},
    "__neg__": lambda self: arithmetic.negative(self),
    "__pos__": lambda self: self,
    "__abs__": lambda self: parts.absolute(self),
    "__invert__": lambda self: logic.bitwise_not(self),
    "__round__": _round,
    "__iter__": _iterate,
    "__getitem__": index_array,
}

# --- methods --------------------------------------------------------------------------------------------


def _shape_argument(lengths: tuple) -> Any:
    """x.reshape(2, 3) and x.reshape((2, 3)) mean the same."""
    return lengths[0] if len(lengths) == 1 and not isinstance(lengths[0], int) else lengths


def _reshape(self: Array, *args: Any, order: str = "C", **kwargs: Any) -> Array:
    """`jnp.reshape`; the new shape as one argument or as several."""
    return reshaping.reshape(self, _shape_argument(args), order, **kwargs)


def _transpose(self: Array, *args: Any) -> Array:
    """`jnp.transpose`; the axes as one argument or as several."""
    if not args or (len(args) == 1 and args[0] is None):
        return reshaping.transpose(self)
    return reshaping.transpose(self, _shape_argument(args))


def _flatten(self: Array, order: str = "C", *, out_sharding: Any = None) -> Array:
    """`jnp.ravel`."""
    return reshaping.ravel(self, order)


def _astype(self: Array, dtype: Any, copy: bool = False, device: Any = None) -> Array:
    """`jnp.astype`."""
    return creation.astype(self, dtype, copy=copy)


def _clip(self: Array, min: Any = None, max: Any = None) -> Array:
    """`jnp.clip`."""
    return logic.clip(self, min, max)


def _compress(self: Array, condition: Any, axis: int | None = None, **options: Any) -> Array:
    """`jnp.compress`, whose condition comes first."""
    return selection.compress(condition, self, axis, **options)


def _view(self: Array, dtype: Any = None, type: None = None) -> Array:
    """The same bits read as another dtype; a change of width changes the length of the last axis."""
    if type is not None:
        raise NotImplementedError("`type` argument of array.view() is not supported: arrays have one class")
    if dtype is None:
        return self
    dtype = dtypes.canonicalize_user(dtype, "view")
    if self.dtype != dtype and (self.dtype in dtypes.INT4S or dtype in dtypes.INT4S):
        raise NotImplementedError(f"view: {self.dtype} as {dtype}: numbers of 4 bits have a byte each; use astype")
    old, new = self.dtype.itemsize, dtype.itemsize
    if old != new and not self.ndim:
        raise ValueError("Changing the dtype of a 0d array is only supported if the itemsize is unchanged")
    if new > old and self.shape[-1] * old % new:
        raise ValueError(
            f"view: {self.shape[-1]} elements of {self.dtype} do not make whole elements of {dtype}"
        )
    return _reinterpreted(self, dtype)


def _reinterpreted(x: Array, dtype: Any) -> Array:
    if x.dtype == dtype:
        return x
    if dtypes.is_bool(x.dtype):
        x = lax.convert_element_type(x, np.dtype("uint8"))
    if dtypes.is_complex(x.dtype):
        pair = lax.concatenate([lax.expand_dims(p, (x.ndim,)) for p in (lax.real(x), lax.imag(x))], x.ndim)
        return _reinterpreted(lax.reshape(pair, (*x.shape[:-1], x.shape[-1] * 2)), dtype)
    if dtypes.is_bool(dtype):
        return lax.ne(_reinterpreted(x, np.dtype("uint8")), 0)
    if dtypes.is_complex(dtype):
        flat = _reinterpreted(x, dtypes.to_real(dtype))
        pair = lax.reshape(flat, (*flat.shape[:-1], flat.shape[-1] // 2, 2))
        return lax.complex(*(lax.index_in_dim(pair, i, -1, keepdims=False) for i in (0, 1)))
    old, new = x.dtype.itemsize, dtype.itemsize
    if new > old:
        x = lax.reshape(x, (*x.shape[:-1], x.shape[-1] * old // new, new // old))
    bits = lax.bitcast_convert_type(x, dtype)
    return lax.reshape(bits, (*x.shape[:-1], x.shape[-1] * old // new)) if new < old else bits


_METHODS: dict[str, Callable] = {
    "all": reductions.all,
    "any": reductions.any,
    "argmax": reductions.argmax,
    "argmin": reductions.argmin,
    "argpartition": sorting.argpartition,
    "argsort": sorting.argsort,
    "astype": _astype,
    "choose": selection.choose,
    "clip": _clip,
    "compress": _compress,
    "conj": parts.conj,
    "conjugate": parts.conj,
    "copy": lambda self: creation.copy(self),
    "cumprod": cumulative.cumprod,
    "cumsum": cumulative.cumsum,
    "diagonal": matrices.diagonal,
    "dot": products.dot,
    "flatten": _flatten,
    "max": reductions.max,
    "mean": moments.mean,
    "min": reductions.min,
    "nonzero": selection.nonzero,
    "prod": reductions.prod,
    "ptp": reductions.ptp,
    "ravel": reshaping.ravel,
    "repeat": joining.repeat,
    "reshape": _reshape,
    "round": parts.round,
    "searchsorted": searching.searchsorted,
    "sort": sorting.sort,
    "squeeze": reshaping.squeeze,
    "std": moments.std,
    "sum": reductions.sum,
    "swapaxes": reshaping.swapaxes,
    "take": taking.take,
    "trace": matrices.trace,
    "transpose": _transpose,
    "var": moments.var,
    "view": _view,
}

# --- exchange with other libraries ------------------------------------------------------------------------


def _buffer(self: Array, what: str) -> Any:
    if isinstance(self, Tracer):
        raise AttributeError(f"a traced array has no {what}: its values are not known")
    return np.asarray(self.buffer) if isinstance(self.buffer, np.generic) else self.buffer


def _dlpack(
    self: Array, *, stream: Any = None, max_version: tuple[int, int] | None = None,
    dl_device: tuple[int, int] | None = None, copy: bool | None = None,
) -> Any:
    """The values as a DLPack capsule, without a copy unless `copy` asks for one.

    On a GPU the consumer's `stream` waits for CuPy's current one.  max_version, dl_device: as the array API standard
    has them.
    """
    asked = {"stream": stream, "max_version": max_version, "dl_device": dl_device, "copy": copy}
    if dtypes.is_key(self.dtype):
        raise TypeError("random keys are of no dtype that other libraries have: exchange cujax.random.key_data(key)")
    buffer = _buffer(self, "memory")
    if max_version is None and copy is None and not getattr(buffer.flags, "writeable", True):
        buffer = buffer.copy()  # a capsule of the first versions cannot say that nobody may write
    with selected().export(buffer):
        return dlpack.capsule(buffer, **{name: value for name, value in asked.items() if value is not None})


def _dlpack_device(self: Array) -> tuple[int, int]:
    return _buffer(self, "memory").__dlpack_device__()


def _cuda_array_interface(self: Array) -> dict[str, Any]:
    """CuPy's description of the memory, with the current stream to wait for; AttributeError on the CPU."""
    buffer = _buffer(self, "memory")
    with selected().export(buffer):
        interface = buffer.__cuda_array_interface__
    # Whoever reads this keeps the array and not its memory, which must not be taken for a result (`donate_argnums`).
    self.buffer = buffer.view()  # type: ignore[attr-defined]
    return interface


def _array_namespace(self: Array, *, api_version: str | None = None) -> Any:
    """The namespace of the array API standard for this array: `cujax.numpy`; ValueError for another version of it."""
    if api_version not in (None, array_api.VERSION):
        raise ValueError(
            f"__array_namespace__: api_version={api_version!r} is not there; cujax.numpy follows {array_api.VERSION!r}"
        )
    return sys.modules["cujax.numpy"]


def _flat(self: Array) -> Any:
    raise NotImplementedError("arrays have no flat iterator that could be assigned to: write x.ravel()")


def _contains(self: Array, element: Any) -> bool:
    """`element in x`, for a vector x and a scalar.  ValueError for other ranks, TypeError for what is no array."""
    element = as_array("`in`", element)
    if self.ndim != 1 or element.ndim:
        raise ValueError(
            f"`in` looks for a scalar in an array of rank 1, got shapes {element.shape} and {self.shape}; write "
            "(x == element).any()"
        )
    return bool(reductions.any(logic.equal(self, element)))


def _byteswap(self: Array, inplace: bool = False) -> Array:
    """The bytes of each element in reverse order.  ValueError for inplace, NotImplementedError for keys."""
    if inplace:
        raise ValueError("byteswap: arrays do not change in place; use the result")
    if dtypes.is_complex(self.dtype):
        return lax.complex(_byteswap(self.real), _byteswap(self.imag))
    if self.dtype.itemsize == 1:
        return self
    split = lax.bitcast_convert_type(self, np.uint8)
    return lax.bitcast_convert_type(lax.rev(split, (split.ndim - 1,)), self.dtype)


def _unsafe_buffer_pointer(self: Array) -> int:
    """The address of the memory, on the device where it is; it must not be written to."""
    buffer = _buffer(self, "memory")
    return buffer.ctypes.data if isinstance(buffer, np.ndarray) else buffer.data.ptr


_PROPERTIES: dict[str, Any] = {
    "__contains__": _contains,
    "byteswap": _byteswap,
    "clone": lambda self: self.copy(),
    "on_device_size_in_bytes": lambda self: self.nbytes,
    "platform": lambda self: selected().platform,
    "unsafe_buffer_pointer": _unsafe_buffer_pointer,
    "at": property(at.at, doc="Updated copies by index: x.at[index].set(y)."),
    "T": property(lambda self: reshaping.transpose(self), doc="All axes in reverse order."),
    "mT": property(lambda self: reshaping.matrix_transpose(self), doc="The last two axes exchanged."),
    "real": property(lambda self: parts.real(self), doc="The real part."),
    "imag": property(lambda self: parts.imag(self), doc="The imaginary part."),
    "flat": property(_flat, doc="Refused: x.ravel() is the flattened array."),
    "is_ready": lambda self: True,
    "__cuda_array_interface__": property(_cuda_array_interface),
    "__dlpack__": _dlpack,
    "__dlpack_device__": _dlpack_device,
    "__array_namespace__": _array_namespace,
}

METHODS: dict[str, Any] = {**_OPERATORS, **_METHODS, **_PROPERTIES, **PLACEMENT}
