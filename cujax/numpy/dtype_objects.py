"""Dtypes as users write them: `jnp.float32`, `jnp.finfo`, `jnp.result_type` and the like.

`jnp.float32` is a class: usable wherever a dtype is, equal to NumPy's `float32`, and `jnp.float32(x)` makes
an array of x.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cujax.engine.core.array import Array
from cujax.engine.core.tape import Literal
from cujax.engine.ground import dtypes
from cujax.engine.ground import promotion as lattice
from cujax.numpy.creation import asarray
from cujax.numpy.promotion import dtype_and_weakness, operand


class ScalarMeta(type):
    """Class of `jnp.float32` and its like: compares as the NumPy scalar class, calls make arrays."""

    dtype: np.dtype

    def __hash__(self) -> int:
        return hash(self.dtype.type)

    def __eq__(self, other: Any) -> bool:
        return (
            self is other or self.dtype.type == other or (isinstance(other, np.dtype) and self.dtype == other)
        )

    def __ne__(self, other: Any) -> bool:
        return not self == other

    def __call__(self, x: Any) -> Array:
        return asarray(x, dtype=self.dtype)

    def __instancecheck__(self, instance: Any) -> bool:
        return isinstance(instance, self.dtype.type)


def _scalar_class(name: str, dtype: np.dtype) -> ScalarMeta:
    doc = f"The dtype {dtype}; `{name}(x)` is an array of x in it."
    return ScalarMeta(name, (), {"dtype": dtype, "__doc__": doc, "__module__": "cujax.numpy"})


bool_ = _scalar_class("bool", dtypes.bool_)
int4, int8, int16, int32, int64 = (_scalar_class(d.name, d) for d in dtypes.SIGNED)
uint4, uint8, uint16, uint32, uint64 = (_scalar_class(d.name, d) for d in dtypes.UNSIGNED)
float16, float32, float64 = (_scalar_class(f"float{n}", np.dtype(f"float{n}")) for n in (16, 32, 64))
bfloat16 = _scalar_class("bfloat16", dtypes.bfloat16)
complex64, complex128 = (_scalar_class(d.name, d) for d in dtypes.COMPLEXES)
(
    float8_e3m4, float8_e4m3, float8_e4m3b11fnuz, float8_e4m3fn,
    float8_e4m3fnuz, float8_e5m2, float8_e5m2fnuz, float8_e8m0fnu,
) = (_scalar_class(d.name, d) for d in dtypes.FLOAT8S)

int_, uint, float_, complex_ = int64, uint64, float64, complex128
single, double, csingle, cdouble = float32, float64, complex64, complex128

dtype = np.dtype
iinfo, finfo = dtypes.iinfo, dtypes.finfo


def issubdtype(arg1: Any, arg2: Any) -> bool:
    """Whether dtype arg1 is, or lies below, arg2, which may be abstract (`jnp.floating`)."""
    return dtypes.issubdtype(arg1, arg2)


def promote_types(a: Any, b: Any) -> np.dtype:
    """The dtype of an operation on arrays of dtypes a and b.

    Python's int, float and complex give way to any dtype of their kind.  TypePromotionError (a
    ValueError) for dtypes that are not combined implicitly, ValueError for those that arrays of numbers cannot have,
    TypeError for what is no dtype and has none.
    """
    for given in (a, b):
        if given is None or isinstance(given, np.ndarray):
            raise TypeError(f"promote_types takes dtypes, got {type(given)}; jnp.result_type takes arrays too")
    return np.dtype(lattice.promote_types(a, b))


def result_type(*args: Any) -> Any:
    """The dtype of an operation on args: arrays, scalars, dtypes, or Python's number types.

    ValueError without arguments, TypePromotionError as `promote_types`.
    """
    if not args:
        raise ValueError("at least one array or dtype is required")
    return dtypes.canonicalize(lattice.lattice_join(tuple(map(_contribution, args)))[0])


def _contribution(arg: Any) -> lattice.Operand:
    if isinstance(arg, Array | Literal):
        return dtype_and_weakness(arg.aval)
    if dtypes.is_python_kind(arg) or type(arg) in dtypes.PYTHON_SCALARS:
        return dtype_and_weakness(arg if isinstance(arg, type) else type(arg))
    if isinstance(arg, type | str | np.dtype | dtypes.KeyDtype) or not hasattr(arg, "shape"):
        return dtypes.canonicalize(dtypes.as_dtype(arg)), False
    if hasattr(arg, "dtype"):  # an array, or a description of one
        return dtypes.canonicalize(dtypes.as_dtype(arg.dtype)), bool(getattr(arg, "weak_type", False))
    return dtype_and_weakness(operand("result_type", arg).aval)


def can_cast(from_: Any, to: Any, casting: str = "safe") -> bool:
    """Whether dtype `from_` can be cast to `to` by NumPy's rule `casting`."""
    return np.can_cast(_cast_source(from_), dtypes.named_dtype(to), casting=casting)  # type: ignore[arg-type]


def _cast_source(spec: Any) -> Any:
    if type(spec) in dtypes.PYTHON_SCALARS:
        raise TypeError("can_cast() does not support Python ints, floats, and complex: pass a dtype")
    return dtypes.named_dtype(spec)


_KINDS = {
    "bool": (dtypes.bool_,),
    "signed integer": dtypes.SIGNED,
    "unsigned integer": dtypes.UNSIGNED,
    "integral": dtypes.SIGNED + dtypes.UNSIGNED,
    "real floating": dtypes.FLOATS,
    "complex floating": dtypes.COMPLEXES,
    "numeric": dtypes.SIGNED + dtypes.UNSIGNED + dtypes.FLOATS + dtypes.COMPLEXES,
}


def isdtype(dtype: Any, kind: Any) -> bool:
    """Whether dtype is of `kind`: an array-API kind name, a dtype, or a tuple of those."""
    found = dtypes.as_dtype(dtype)
    return any(_is_kind(found, k) for k in (kind if isinstance(kind, tuple) else (kind,)))


def _is_kind(dtype: np.dtype, kind: Any) -> bool:
    if isinstance(kind, str) and kind in _KINDS:
        return dtype in _KINDS[kind]
    if isinstance(kind, int):
        raise TypeError(f"kind must be a dtype, the name of a kind or a tuple of them, got {kind}")
    try:
        return dtype == dtypes.as_dtype(kind)
    except TypeError:
        raise ValueError(
            f"Unrecognized kind {kind!r}; the kinds are {', '.join(map(repr, _KINDS))}"
        ) from None


def isscalar(element: Any) -> bool:
    """Whether element is a number, a string or an array without axes."""
    if isinstance(element, Array | np.ndarray | np.generic):
        return element.ndim == 0
    return isinstance(element, int | float | complex | str | bytes) or (
        hasattr(element, "__jax_array__") and isscalar(element.__jax_array__())
    )


def iscomplexobj(x: Any) -> bool:
    """Whether the dtype of x is complex, whatever the values."""
    return x is not None and dtypes.is_complex(_dtype_of(x))


def isrealobj(x: Any) -> bool:
    """Whether the dtype of x is not complex, whatever the values."""
    return not iscomplexobj(x)


def _dtype_of(x: Any) -> Any:
    return x.dtype if hasattr(x, "dtype") else np.asarray(x).dtype


