"""Functions of C++ that users give, as generated kernels call them.

    function = UserFunction("softplus", ("x",), "log1p(exp(x))")
    function.call([float32], float32)       "cj_user::softplus_5f0c3a21::value({0})"
    called_in(text)                         the names of those that a text of kernels calls, for `definition`

A function is a namespace of its own, named by a hash of its text, so that preambles do not meet and a call tells which
definition it needs.  In it the user's lines stand as they are, under names that compilers show in their messages.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from cujax.engine.compiler.cpp import type_name
from cujax.engine.ground import dtypes

_defined: dict[str, Defined] = {}  # by the name of its namespace, for the life of the process


class UserFunction(NamedTuple):
    """`name`, an identifier.  `source`: an expression of the `operands`, or statements that end in a return.

    preamble: lines that stand before the function.
    """

    name: str
    operands: tuple[str, ...]
    source: str
    preamble: str = ""

    def call(self, operand_dtypes: Sequence[Any], dtype: Any) -> str:
        """The call with {0}, {1}, ... for its operands; floats of 16 bits enter and leave as float."""
        places = [_as_float(f"{{{k}}}", d) for k, d in enumerate(operand_dtypes)]
        text = f"cj_user::{self._define(operand_dtypes, dtype)}::value({', '.join(places)})"
        return f"cj::convert<{type_name(dtype)}>({text})" if _is_half(dtype) else text

    def _define(self, operand_dtypes: Sequence[Any], dtype: Any) -> str:
        """The name of the namespace in which the function is for these dtypes."""
        result = _computing_type(dtype)
        parameters = [f"{_computing_type(d)} {name}" for d, name in zip(operand_dtypes, self.operands, strict=True)]
        lines = [f"using T = {result};"]
        if self.preamble:
            lines += [f'#line 1 "preamble of {self.name}"', self.preamble]
        lines += [f"CJ_FN {result} value({', '.join(parameters)}) {{"]
        is_expression = ";" not in self.source
        lines += ["return"] * is_expression
        lines += [f'#line 1 "source of {self.name}"', self.source, *[";"] * is_expression, "}"]
        text = "\n".join(lines)
        name = f"{self.name}_{hashlib.sha256(text.encode()).hexdigest()[:8]}"
        _defined.setdefault(name, Defined(self, text))
        return name


class Defined(NamedTuple):
    """A function for operands of certain types, and its text."""

    function: UserFunction
    text: str


def _is_half(dtype: Any) -> bool:
    return dtypes.is_float(dtype) and dtype.itemsize == 2


def _as_float(text: str, dtype: Any) -> str:
    return f"cj::convert<float>({text})" if _is_half(dtype) else text


def _computing_type(dtype: Any) -> str:
    return "float" if _is_half(dtype) else str(type_name(dtype))


_CALLED = re.compile(r"\bcj_user::(\w+)::value\b")


def called_in(text: str) -> list[str]:
    """The namespaces of the functions that a text calls."""
    return sorted(set(_CALLED.findall(text)))


def definition(name: str) -> str:
    """Of the function in the namespace `name`."""
    return f"namespace cj_user::{name} {{\n{_defined[name].text}\n}}"


def function_in(name: str) -> UserFunction:
    """The function that the namespace `name` was made for."""
    return _defined[name].function
