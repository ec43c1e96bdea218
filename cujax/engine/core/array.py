"""`Array`, the type users see, and `ConcreteArray`, the one that holds values.

`Array` is the common face of concrete arrays and of tracers: `isinstance(x, cujax.Array)` is true of
both.  It carries metadata read from the aval; operators, methods and indexing are written with the
public NumPy functions and therefore live on the top floor, which installs them here with
`install_methods` when the package is imported: the one seam where a lower floor is filled from above.

`ConcreteArray(buffer, aval)` wraps a NumPy or CuPy buffer and never changes it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from cujax.engine.backends.select import selected
from cujax.engine.core.aval import ShapedArray
from cujax.engine.ground import dtypes
from cujax.engine.ground.error_names import called_by_user


class Array:
    """An n-dimensional array of one dtype, immutable.

    Made by `cujax.numpy` functions, never by calling this class.  `x.at[index].set(y)` gives an updated
    copy where NumPy would assign to an element.
    """

    __slots__ = ("__weakref__",)

    aval: ShapedArray
    __array_priority__ = 100
    __hash__ = None  # type: ignore[assignment]

    if TYPE_CHECKING:  # what `install_methods` adds, for type checkers
        __add__: Any
        __radd__: Any
        __sub__: Any
        __rsub__: Any
        __mul__: Any
        __rmul__: Any
        __truediv__: Any
        __rtruediv__: Any
        __floordiv__: Any
        __rfloordiv__: Any
        __mod__: Any
        __rmod__: Any
        __pow__: Any
        __rpow__: Any
        __matmul__: Any
        __rmatmul__: Any
        __and__: Any
        __or__: Any
        __xor__: Any
        __invert__: Any
        __lshift__: Any
        __rshift__: Any
        __neg__: Any
        __pos__: Any
        __abs__: Any
        __lt__: Any
        __le__: Any
        __gt__: Any
        __ge__: Any
        __getitem__: Any
        __iter__: Any

        def __getattr__(self, name: str) -> Any: ...

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise TypeError("cujax.Array cannot be made by calling it; use cujax.numpy.array(values)")

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return self.aval.shape

    @property
    def dtype(self) -> Any:
        """The NumPy dtype of the elements, or a key dtype."""
        return self.aval.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.aval.ndim

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.aval.size

    @property
    def weak_type(self) -> bool:
        """True when the dtype came from a Python scalar and gives way in promotion."""
        return self.aval.weak_type

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self.aval.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self.aval.size * self.aval.dtype.itemsize

    def __len__(self) -> int:
        if not self.aval.shape:
            raise TypeError("len() of an array without axes")
        return self.aval.shape[0]

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError(
            "cujax arrays are immutable and do not support in-place item assignment. "
            "Instead of `x[index] = y` write `x = x.at[index].set(y)`, or another .at[] method "
            "(add, multiply, min, max)."
        )

    def __delitem__(self, index: Any) -> None:
        raise TypeError("cujax arrays are immutable; use cujax.numpy.delete(x, index)")


def install_methods(methods: dict[str, Callable | property]) -> None:
    """Give `Array` its operators and methods; called once, by `cujax.numpy`."""
    for name, method in methods.items():
        setattr(Array, name, method)


class ConcreteArray(Array):
    """An array whose values are known: a buffer of the backend and its aval."""

    __slots__ = ("aval", "buffer")

    def __init__(self, buffer: Any, aval: ShapedArray) -> None:
        self.buffer = buffer
        self.aval = aval

    def to_numpy(self) -> np.ndarray:
        """The values as a read-only NumPy array, shared with this array on the CPU."""
        host = selected().to_host(self.buffer)
        view = host.view()
        view.flags.writeable = False
        return view

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if dtypes.is_key(self.aval.dtype):
            raise TypeError("a key array has no NumPy form; use cujax.random.key_data(keys)")
        values = self.to_numpy()
        if dtype is not None and values.dtype != dtype:
            return values.astype(dtype)
        return values.copy() if copy else values

    def __bool__(self) -> bool:
        if self.aval.size != 1:
            raise ValueError(
                f"The truth value of an array with {'no' if self.aval.size == 0 else 'more than one'} "
                "element is ambiguous. Use x.any() or x.all()."
            )
        return bool(self._numbers("bool").reshape(()))

    def _scalar(self, what: str) -> Any:
        if self.aval.ndim != 0:
            raise TypeError(f"Only scalar arrays can be converted to {what}; got shape {self.aval.shape}")
        return self._numbers(what)

    def _numbers(self, what: str) -> np.ndarray:
        if dtypes.is_key(self.aval.dtype):
            raise TypeError(f"random keys are no numbers, so they have no {what}: see cujax.random.key_data")
        return self.to_numpy()

    def __int__(self) -> int:
        return int(self._scalar("Python int"))

    def __float__(self) -> float:
        return float(self._scalar("Python float"))

    def __complex__(self) -> complex:
        return complex(self._scalar("Python complex"))

    def __index__(self) -> int:
        if not dtypes.is_integer(self.aval.dtype):
            raise TypeError(f"only integer scalar arrays can be an index; got {self.aval.str_short()}")
        return self._scalar("an index").__index__()

    def __format__(self, spec: str) -> str:
        is_scalar = self.aval.ndim == 0 and not dtypes.is_key(self.aval.dtype)
        return format(self.to_numpy()[()] if is_scalar else str(self), spec)

    def __repr__(self) -> str:
        if dtypes.is_key(self.aval.dtype):
            return f"Array({self.aval.shape}, dtype={self.aval.dtype}) overlaying:\n{self._key_words()}"
        weak = ", weak_type=True" if self.aval.weak_type else ""
        suffix = f"dtype={self.aval.dtype.name}{weak})"
        if self.aval.size == 0:
            return f"Array([], shape={self.aval.shape}, {suffix}"
        body = np.array2string(self.to_numpy(), prefix="Array(", suffix=",", separator=", ")
        last_line = len(body) - body.rfind("\n") - 1 + (6 if "\n" not in body else 0)
        gap = " " if last_line + len(suffix) + 1 < np.get_printoptions()["linewidth"] else "\n" + " " * 6
        return f"Array({body},{gap}{suffix}"

    def __str__(self) -> str:
        if dtypes.is_key(self.aval.dtype):
            return repr(self)
        return str(self.to_numpy())

    def _key_words(self) -> np.ndarray:
        return self.to_numpy()[..., None].view(np.uint32)

    def __reduce__(self):
        return _restore, (np.array(self.to_numpy()), self.aval.dtype, self.aval.weak_type)

    def __copy__(self) -> ConcreteArray:
        return self

    def __deepcopy__(self, memo: dict) -> ConcreteArray:
        return ConcreteArray(selected().to_device(self.to_numpy().copy(), self.device), self.aval)

    def item(self, *index: int) -> Any:
        """The only element, or the one at `index`, as a Python scalar."""
        return self._numbers("Python scalar").item(*index)

    def tolist(self) -> Any:
        """The values as nested Python lists."""
        return self._numbers("list of values").tolist()

    def tobytes(self, order: str = "C") -> bytes:
        return self.to_numpy().tobytes(order)  # type: ignore[arg-type]

    def is_deleted(self) -> bool:
        """Whether the memory has been given away: to a function with `donate_argnums`, or by `delete`."""
        return False

    def delete(self) -> None:
        """Give the memory back now, whoever refers to the array; to use the values is an error afterwards."""
        delete_array(self, "Its method delete() was called; leave that out, or call it later.")

    def block_until_ready(self) -> ConcreteArray:
        """Wait until the values have been computed; returns the array."""
        selected().synchronize((self.buffer,))
        return self

    def copy_to_host_async(self) -> None:
        """Accepted for compatibility; the copy is made when the values are asked for."""

    def devices(self) -> set:
        """The set of devices that hold the array: one."""
        return {self.device}

    @property
    def device(self) -> Any:
        """Where the array lives."""
        return selected().device_of(self.buffer)


class DeletedArray(ConcreteArray):
    """What an array whose memory is given away turns into: it keeps its aval, and `buffer` raises.

    That it is a class of its own saves every use of every other array the question.  RuntimeError, as in JAX.
    """

    __slots__ = ()

    @property
    def buffer(self) -> Any:
        raise RuntimeError(f"Array has been deleted with shape={self.aval.str_long()}. {_buffer_of(self)}")

    def is_deleted(self) -> bool:
        """True."""
        return True

    def delete(self) -> None:
        """Nothing more is to be done."""


_slot: Any = vars(ConcreteArray)["buffer"]  # that of a deleted array holds the reason
_buffer_of, _set_buffer = _slot.__get__, _slot.__set__


def delete_array(array: ConcreteArray, reason: str) -> None:
    """Give the array's memory back; `reason` says to whom uses it afterwards why it is gone and what to do."""
    array.__class__ = DeletedArray  # first, so that no other thread takes the reason for a buffer
    _set_buffer(array, reason)


def _restore(values: np.ndarray, dtype: Any, weak_type: bool) -> ConcreteArray:
    return ConcreteArray(selected().to_device(values), ShapedArray(values.shape, dtype, weak_type))


def to_array(value: Any) -> ConcreteArray:
    """A NumPy array or scalar, or a Python scalar, as a concrete array (dtype canonicalised).

    TypeError for anything that is not an array or a scalar.
    """
    if isinstance(value, ConcreteArray):
        return value
    kind = type(value)
    if kind in dtypes.PYTHON_SCALARS:
        dtype = dtypes.python_scalar_dtype(kind)
        if kind is int:
            dtypes.check_python_int(value, dtype)
        return _from_host(np.asarray(value, dtype), ShapedArray((), dtype, kind is not bool))
    if isinstance(value, (np.ndarray, np.generic)):
        dtype = dtypes.canonicalize(value.dtype)
        host = np.array(value, dtype)  # a copy: the caller may write to theirs
        return _from_host(host, ShapedArray(host.shape, dtype, False))
    if selected().owns(value):
        dtype = dtypes.canonicalize(value.dtype)
        return ConcreteArray(value.astype(dtype), ShapedArray(value.shape, dtype, False))
    for python in (bool, int, float, complex):  # an IntEnum, for instance
        if isinstance(value, python):
            return to_array(python(value))  # type: ignore[arg-type]
    where, what = called_by_user(""), describe_value(value)
    raise TypeError(f"{where and where + ': '}{what} is not a valid cujax type: pass an array or a scalar")


def _from_host(host: np.ndarray, aval: ShapedArray) -> ConcreteArray:
    return ConcreteArray(selected().to_device(host), aval)


def describe_value(value: Any) -> str:
    text = repr(value)
    return f"{text if len(text) < 60 else text[:57] + '...'} of type {type(value)}"
