"""C++ names and literals of the dtypes that kernels handle.

    memory_type_name  the same for elements of buffers
    type_name      float32 -> "float", bfloat16 -> "cj::bf16"; None for dtypes that never reach a kernel
    literal_text   a NumPy scalar as a C++ expression of exactly that value
    text_of_param  a param of an op, as it is written in the op's `cuda` text
"""

from __future__ import annotations

from math import isinf, isnan
from typing import Any

import numpy as np

from cujax.engine.ground import dtypes

_TYPE_NAMES = {
    np.dtype(bool): "bool",
    **{np.dtype(f"int{n}"): f"cj::i{n}" for n in (8, 16, 32, 64)},
    **{np.dtype(f"uint{n}"): f"cj::u{n}" for n in (8, 16, 32, 64)},
    np.dtype(np.float16): "cj::f16",
    dtypes.bfloat16: "cj::bf16",
    np.dtype(np.float32): "float",
    np.dtype(np.float64): "double",
    np.dtype(np.complex64): "cj::c64",
    np.dtype(np.complex128): "cj::c128",
}


def physical(dtype: Any) -> np.dtype:
    """The dtype of the buffer: that of a key is a word."""
    return getattr(dtype, "physical", dtype)


def type_name(dtype: Any) -> str | None:
    """The C++ type of an element, or None where kernels do not handle the dtype."""
    return _TYPE_NAMES.get(physical(dtype))


def memory_type_name(dtype: Any) -> str | None:
    """The C++ type of an element in memory: booleans are bytes there, see `b8` in kernels/prelude.h."""
    name = type_name(dtype)
    return "cj::b8" if name == "bool" else name


def short_name(dtype: Any) -> str:
    """As in names of kernels: `f32`."""
    return dtypes.short_name(physical(dtype))


def literal_text(value: Any, dtype: Any) -> str:
    """`value`, of `dtype`, as a C++ expression."""
    dtype = physical(dtype)
    if dtype.kind == "b":
        return "true" if value else "false"
    if dtype.kind in "iu":
        return _integer_text(int(value), dtype)
    name = _TYPE_NAMES[dtype]
    if dtype.kind == "c":
        part = "float" if dtype.itemsize == 8 else "double"
        return f"{name}({_float_text(value.real, part)}, {_float_text(value.imag, part)})"
    if dtype.itemsize == 2:
        return f"{name}({_float_text(np.float32(value), 'float')})"
    return _float_text(value, name)


def _integer_text(value: int, dtype: np.dtype) -> str:
    name = _TYPE_NAMES[dtype]
    if dtype.itemsize < 4:
        return f"{name}({value})"
    if dtype.kind == "u":
        return f"{value}u" if dtype.itemsize == 4 else f"{value}ull"
    suffix = "" if dtype.itemsize == 4 else "ll"
    if value == np.iinfo(dtype).min:
        return f"{name}({value + 1}{suffix} - 1)"
    return f"{value}{suffix}" if value >= 0 else f"({value}{suffix})"


def _float_text(value: Any, name: str) -> str:
    if isnan(value):
        return f"cj::limits<{name}>::nan()"
    if isinf(value):
        return f"cj::limits<{name}>::{'least' if value < 0 else 'greatest'}()"
    text = np.format_float_scientific(value, unique=True, trim="0") if value else "0.0"
    mantissa, _, exponent = text.partition("e")
    power = int(exponent or 0)
    if -5 < power < 7 and value:
        mantissa, power = np.format_float_positional(value, unique=True, trim="0"), 0
    if np.signbit(value) and not mantissa.startswith("-"):
        mantissa = f"-{mantissa}"
    number = mantissa + (f"e{power}" if power else "") + ("f" if name == "float" else "")
    return f"({number})" if number.startswith("-") else number


def text_of_param(value: Any) -> str:
    """A param inside a text: dtypes become types, enums their numbers."""
    if isinstance(value, np.dtype) or dtypes.is_key(value):
        return type_name(value) or str(value)
    return str(int(value)) if hasattr(value, "value") or isinstance(value, bool) else str(value)
