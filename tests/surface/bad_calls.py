"""Calls that are wrong in one argument, made from those of `generated.py`.

    bad_calls()     (call, arrays and other values by name, what is wrong), for each call that works as it stands

An array becomes a list, a string, an array of another rank, shape or dtype, or a random key; an option becomes an axis
that is not there, a dtype that is none, a word that is not among those allowed.  Most are wrong, some are not.
"""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Iterator
from typing import Any

import generated
import numpy as np
from oracle_cases import evaluate

import cujax
import cujax.numpy

_V = np.array([0.25, 0.5, 1.0, 2.0], np.float32)
_M = np.array([[4.0, 1.0, 0.0], [1.0, 3.0, 0.5], [0.0, 0.5, 2.0]], np.float32)
# Arrays for x, y, z, w that are tried in turn, until a call takes them.
TRIED = (
    (_V, _V[::-1].copy(), _V * 2, _V + 1),
    (_M, _M + 1, _M, _M),
    (np.array([1, 2, 3, 4], np.int32),) * 4,
    (np.array([True, False, True]),) * 4,
    (np.float32(0.5),) * 4,
    (_M, _M[0], _M, _M),
    (3,) * 4,
)
KEY = "a random key"
WRONG = {
    "a list": [1.0, 2.0], "a string": "a", "None": None, "an object": object(), "a key": KEY, "empty": _V[:0],
    "complex": _V.astype(np.complex64), "complex matrix": _M.astype(np.complex64), "bool": _V > 0,
    "integer": np.arange(4, dtype=np.int32), "scalar": np.float32(1), "rank 4": np.ones((1, 2, 3, 4), np.float32),
    "another length": np.ones(7, np.float32), "not square": np.ones((2, 5), np.float32),
}  # fmt: skip
# By the names of parameters that may be left out; words are wrong wherever the default is a word.
WRONG_OPTIONS = {
    "axis": [9, -9, "a", 1.5, (0, 0), (9,), [0], object()], "axes": [9, (0, 0), (9,), "a"],
    "dtype": ["nonsense", object(), 3], "n": [-1, 1.5], "shape": [(-1,), 2.5], "num": [-1, 1.5], "k": [1.5],
    "s": [(-1,)], "dimension": [9], "ndim": [-1], "size": [-1, 1.5, "a"], "norm": ["no such word"],
    "precision": ["no such word"], "preferred_element_type": ["nonsense"], "out": [_V], "where": ["a", [True]],
    "initial": ["a"], "weights": ["a", np.ones(7, np.float32)], "ddof": ["a"], "offset": ["a"], "decimals": ["a"],
}  # fmt: skip
BadCall = tuple[str, dict[str, Any], str]


def bad_calls() -> Iterator[BadCall]:
    """All of them, of functions of one name: not of expressions."""
    for call in generated.calls():
        if re.match(r"[a-z]+(\.\w+)+\(", call) and not call.startswith("x."):
            arrays = _that_work(call)
            if arrays is not None:
                yield from _with_wrong_arrays(call, arrays)
                yield from _with_wrong_options(call, arrays)


def result(call: str, values: dict[str, Any], root: Any = cujax) -> Any:
    """The value of the call in that library, or the exception it raises."""
    key = root.random.key(0)
    given = {k: key if v is KEY else v for k, v in values.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return evaluate(call, root.numpy, **given)


def _that_work(call: str) -> dict[str, Any] | None:
    for values in TRIED:
        named = dict(zip(generated.PLACES, values, strict=True))
        if not isinstance(result(call, named), Exception):
            return named
    return None


def _with_wrong_arrays(call: str, arrays: dict[str, Any]) -> Iterator[BadCall]:
    arguments = call.partition("(")[2]
    direct = re.sub(r"(x|jnp)\.\w+\(.*?\)|\bx [<>]|1 \+ x", "", arguments)  # without what other functions take
    for name in generated.PLACES:
        if re.search(rf"\b{name}\b", direct) and direct.count(name) == arguments.count(name):
            elements = {"the list of its elements": arrays[name].tolist()} if np.ndim(arrays[name]) else {}
            for what, wrong in (WRONG | elements).items():
                yield call, {**arrays, name: wrong}, f"{name} is {what}"


def _with_wrong_options(call: str, arrays: dict[str, Any]) -> Iterator[BadCall]:
    yield f"{call[:-1]}, no_such_name=1)", arrays, "a name that is none"
    function = evaluate(call.partition("(")[0], cujax.numpy)
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return
    for p in parameters:
        if p.kind is p.POSITIONAL_ONLY or p.default is p.empty or re.search(rf"\b{p.name}\s*=", call):
            continue
        words = ["no such word"] if isinstance(p.default, str) else []
        for wrong in [*WRONG_OPTIONS.get(p.name, []), *words]:
            yield f"{call[:-1]}, {p.name}=wrong)", {**arrays, "wrong": wrong}, f"{p.name}={wrong!r}"
