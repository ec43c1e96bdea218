"""Dtypes: NumPy's, the small ones of ml_dtypes, float0 and random keys, and the questions asked about them.

A dtype is an `np.dtype` or a `KeyDtype`; both are interned, so `is` compares them and a set lookup answers
most questions. `as_dtype` reads whatever a user writes for one and changes nothing; `canonicalize` narrows
64 bits to 32 while `config.enable_x64` is off; `canonicalize_user` does so with a warning.

Start reading at the tables of dtypes, then `as_dtype` and `canonicalize`.
"""

from __future__ import annotations

import functools
from typing import Any, TypeAlias

import ml_dtypes
import numpy as np

from cujax.engine.ground.config import config
from cujax.engine.ground.source import warn_user


class extended(np.generic):
    """Abstract scalar class of dtypes that NumPy does not know; for `issubdtype`."""


class prng_key(extended):
    """Abstract scalar class of random keys; for `issubdtype`."""


class KeyDtype:
    """Dtype of an array of random keys, stored as one `uint64` word a key.

    There is one instance a generator; `key_dtype` finds it.
    """

    __slots__ = ("impl", "name")
    type = prng_key
    itemsize = 8
    physical = np.dtype("uint64")

    def __init__(self, impl: str, tag: str):
        self.impl = impl
        self.name = f"key<{tag}>"

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self):  # copies and unpickled keys stay interned
        return key_dtype, (self.impl,)


# JAX's "rbg" and "unsafe_rbg" give what the hardware offers: programs that name them ask for speed and for no bits in
# particular. They get Threefry, which a kernel makes in place.
_KEY_DTYPES = dict.fromkeys(("threefry2x32", "rbg", "unsafe_rbg"), KeyDtype("threefry2x32", "fry"))

DType: TypeAlias = Any  # np.dtype or KeyDtype; NumPy's type stubs know no extended dtypes

float0 = np.dtype([("float0", np.void, 0)])
bool_ = np.dtype("bool")
int8, int16, int32, int64 = (np.dtype(f"int{bits}") for bits in (8, 16, 32, 64))
uint8, uint16, uint32, uint64 = (np.dtype(f"uint{bits}") for bits in (8, 16, 32, 64))
float16, float32, float64 = (np.dtype(f"float{bits}") for bits in (16, 32, 64))
complex64, complex128 = np.dtype("complex64"), np.dtype("complex128")
bfloat16 = np.dtype(ml_dtypes.bfloat16)
int4, uint4 = np.dtype(ml_dtypes.int4), np.dtype(ml_dtypes.uint4)

FLOAT8S = tuple(np.dtype(getattr(ml_dtypes, "float8_" + name)) for name in (
    "e3m4", "e4m3", "e4m3b11fnuz", "e4m3fn", "e4m3fnuz", "e5m2", "e5m2fnuz", "e8m0fnu"))
INT4S = (uint4, int4)
UNSIGNED = (uint4, uint8, uint16, uint32, uint64)
SIGNED = (int4, int8, int16, int32, int64)
FLOATS = (*FLOAT8S, bfloat16, float16, float32, float64)
COMPLEXES = (complex64, complex128)
ALL_DTYPES = (bool_, *UNSIGNED, *SIGNED, *FLOATS, *COMPLEXES)
PYTHON_SCALARS = (bool, int, float, complex)

_INTEGER_SET = frozenset(UNSIGNED + SIGNED)
_FLOAT_SET = frozenset(FLOATS)
_COMPLEX_SET = frozenset(COMPLEXES)
_INEXACT_SET = _FLOAT_SET | _COMPLEX_SET
_SIGNED_SET = frozenset(SIGNED) | _INEXACT_SET


# ---- predicates ------------------------------------------------------------------------------------------

def is_bool(dtype: DType) -> bool:
    """Whether dtype is bool."""
    return dtype is bool_ or dtype == bool_


def is_integer(dtype: DType) -> bool:
    """Whether dtype is a signed or unsigned integer; bool is not."""
    return dtype in _INTEGER_SET


def is_signed(dtype: DType) -> bool:
    """Whether dtype can hold -1: signed integers, floats, complex."""
    return dtype in _SIGNED_SET


def is_float(dtype: DType) -> bool:
    """Whether dtype is a real floating-point dtype, bfloat16 and the 8-bit ones included."""
    return dtype in _FLOAT_SET


def is_complex(dtype: DType) -> bool:
    """Whether dtype is complex."""
    return dtype in _COMPLEX_SET


def is_inexact(dtype: DType) -> bool:
    """Whether dtype is floating-point or complex, that is, differentiable."""
    return dtype in _INEXACT_SET


def is_key(dtype: DType) -> bool:
    """Whether dtype is that of random keys."""
    return type(dtype) is KeyDtype


# ---- reading what a user wrote ---------------------------------------------------------------------------

def key_dtype(impl: str) -> KeyDtype:
    """The dtype of keys of generator `impl`: of "threefry2x32", for which "rbg" and "unsafe_rbg" stand too.

    ValueError for an unknown generator.
    """
    if impl not in _KEY_DTYPES:
        raise ValueError(f"unknown random generator {impl!r}; the generators are {', '.join(_KEY_DTYPES)}")
    return _KEY_DTYPES[impl]


# Everything that names a dtype and can be hashed finds it here; `as_dtype` spells out the rest.
_NAMED: dict[Any, DType] = {
    name: dtype for dtype in (float0, *ALL_DTYPES) for name in (dtype, dtype.type) if name is not np.void}
_NAMED |= {dtype.name: dtype for dtype in ALL_DTYPES}
_NAMED |= {kind: np.dtype(kind) for kind in PYTHON_SCALARS}
_NAMED |= {dtype: dtype for dtype in _KEY_DTYPES.values()}


def as_dtype(spec: Any) -> DType:
    """The dtype that `spec` names, with its width as written.

    `spec` is a dtype, a name ("bfloat16"), a Python or NumPy scalar type, or an object with a `dtype`.
    Raises ValueError for None and TypeError for a dtype that arrays cannot have (strings, objects, ...).
    """
    try:
        found = _NAMED.get(spec)
    except TypeError:  # not hashable, an array for instance
        found = None
    return _read_dtype(spec) if found is None else found


def _read_dtype(spec: Any) -> DType:
    dtype = named_dtype(spec)
    found = _NAMED.get(dtype)
    if found is None:
        raise TypeError(f"arrays hold numbers, bools and random keys in native byte order, not {dtype!r}")
    return found


def named_dtype(spec: Any) -> DType:
    """As `as_dtype`, also of a dtype that arrays cannot have (strings, objects, ...)."""
    if spec is None:
        raise ValueError("a dtype is needed, got None; write one, such as 'float32'")
    own = spec if isinstance(spec, KeyDtype) else getattr(spec, "dtype", None)
    return own if isinstance(own, np.dtype | KeyDtype) else np.dtype(spec)


# ---- canonical width -------------------------------------------------------------------------------------

_NARROW: dict[Any, DType] = {int64: int32, uint64: uint32, float64: float32, complex128: complex64}


def canonicalize(dtype: DType) -> DType:
    """dtype, narrowed from 64 bits to 32 (complex128 to complex64) while `config.enable_x64` is off."""
    return dtype if config.x64 else _NARROW.get(dtype, dtype)


def canonicalize_user(spec: Any, fun_name: str) -> DType:
    """The canonical dtype of what a user wrote for a `dtype` argument of `fun_name`.

    Python's own types mean the default width. A 64-bit dtype while `enable_x64` is off warns and is
    truncated, or as `config.explicit_x64_dtypes` says; the warning points at the user's line.
    Raises ValueError for an array, and as `as_dtype`.
    """
    if not isinstance(spec, type) and hasattr(spec, "__array__"):
        raise ValueError(f"{fun_name}: dtype must be a dtype, got an array; write dtype=x.dtype")
    try:
        wide = as_dtype(spec)
    except TypeError as error:
        raise TypeError(f"{fun_name}: dtype={spec!r} cannot be used: {error}") from None
    dtype = canonicalize(wide)
    if dtype is wide or is_python_kind(spec):
        return dtype
    if config.explicit_x64_dtypes == "allow":
        return wide
    cure = "to keep 64 bits write cujax.config.update('jax_enable_x64', True) or set CUJAX_ENABLE_X64=1"
    if config.explicit_x64_dtypes == "error":
        raise ValueError(f"{fun_name}: explicitly requested dtype {wide} is not available; {cure}")
    warn_user(f"Explicitly requested dtype {wide} requested in {fun_name} is not available while "
              f"jax_enable_x64 is off and is truncated to dtype {dtype}; {cure}")
    return dtype


# ---- Python scalars --------------------------------------------------------------------------------------

_PYTHON_WIDE: dict[type, DType] = {bool: bool_, int: int64, float: float64, complex: complex128}
_PYTHON_NARROW: dict[type, DType] = {kind: _NARROW.get(wide, wide) for kind, wide in _PYTHON_WIDE.items()}
_INTEGER_RANGE = {dtype: (int(ml_dtypes.iinfo(dtype).min), int(ml_dtypes.iinfo(dtype).max))
                  for dtype in UNSIGNED + SIGNED}


def is_python_kind(spec: Any) -> bool:
    """Whether spec is Python's bool, int, float or complex itself (to which np.dtype(int) compares equal)."""
    return isinstance(spec, type) and spec in PYTHON_SCALARS


def python_scalar_dtype(kind: type) -> DType:
    """The dtype of an array made from a Python bool, int, float or complex; KeyError for another type."""
    return _PYTHON_WIDE[kind] if config.x64 else _PYTHON_NARROW[kind]


def check_python_int(value: int, dtype: DType) -> None:
    """OverflowError if the Python int `value` lies outside an integer `dtype`; other dtypes hold any."""
    least, greatest = _INTEGER_RANGE.get(dtype, (value, value))
    if not least <= value <= greatest:
        wide = dtype is int32 and -(2**63) <= value < 2**63
        cure = "cujax.config.update('jax_enable_x64', True), or " if wide else ""
        raise OverflowError(f"Python int {value} is too large to convert to {dtype}, which holds {least} to "
                            f"{greatest}; write {cure}a float, such as float({value})")


# ---- relations between dtypes ----------------------------------------------------------------------------

# ml_dtypes' scalar classes derive from np.generic only: give them their place in NumPy's hierarchy.
_ADOPTED: dict[type, type] = {dtype.type: np.floating for dtype in (*FLOAT8S, bfloat16)} | {
    int4.type: np.signedinteger, uint4.type: np.unsignedinteger}


def issubdtype(a: Any, b: Any) -> bool:
    """Whether dtype or scalar class `a` is, or lies below, `b`, which may be abstract (`np.floating`)."""
    a, b = _scalar_class(a), _scalar_class(b)
    return issubclass(a, b) or issubclass(_ADOPTED.get(a, a), b)


def _scalar_class(spec: Any) -> type:
    is_class = isinstance(spec, type) and issubclass(spec, np.generic)
    return spec if is_class else named_dtype(spec).type


_INEXACT: dict[Any, DType] = {
    **dict.fromkeys((bool_, *UNSIGNED, *SIGNED), float32), int64: float64, uint64: float64}
_COMPLEX: dict[Any, DType] = {float64: complex128, complex128: complex128}
_REAL: dict[Any, DType] = {complex64: float32, complex128: float64}
_SHORT = {bool_: "bool", float0: "float0", bfloat16: "bf16"}
_SHORT_KIND = (("uint", "u"), ("int", "i"), ("float", "f"), ("complex", "c"))


def to_inexact(dtype: DType) -> DType:
    """dtype if inexact, else the float that its values become in arithmetic (float64 for 64-bit integers)."""
    return _INEXACT.get(dtype, dtype)


def to_complex(dtype: DType) -> DType:
    """The complex dtype that holds dtype's values: complex128 for 64-bit dtypes, else complex64."""
    return _COMPLEX.get(to_inexact(dtype), complex64)


def to_real(dtype: DType) -> DType:
    """The dtype of the parts of a complex dtype; dtype itself if it is not complex."""
    return _REAL.get(dtype, dtype)


def tangent_dtype(dtype: DType) -> DType:
    """The dtype of dtype's tangents: itself if inexact, else float0."""
    return dtype if dtype in _INEXACT_SET else float0


@functools.cache
def short_name(dtype: DType) -> str:
    """dtype as a printed tape names it: f32, i32, u8, bool, bf16, c64, f8_e4m3fn, float0, key<fry>."""
    if dtype in _SHORT or is_key(dtype):
        return _SHORT.get(dtype, str(dtype))
    long, short = next(pair for pair in _SHORT_KIND if dtype.name.startswith(pair[0]))
    return dtype.name.replace(long, short, 1)


def finfo(dtype: Any) -> ml_dtypes.finfo:
    """Limits of a floating-point or complex dtype, or of an array's; ValueError for another dtype."""
    dtype = as_dtype(dtype)
    if not is_inexact(dtype):
        raise ValueError(f"finfo: dtype {dtype} is not inexact; for integers write iinfo({str(dtype)!r})")
    return ml_dtypes.finfo(dtype)


def iinfo(int_type: Any) -> ml_dtypes.iinfo:
    """Limits of an integer dtype, or of an array's; ValueError for another dtype."""
    dtype = as_dtype(int_type)
    if not is_integer(dtype):
        raise ValueError(f"iinfo: dtype {dtype} is not an integer; for floats write finfo({str(dtype)!r})")
    return ml_dtypes.iinfo(dtype)
