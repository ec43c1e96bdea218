"""Declarations: a jnp function in one line, from a primitive and the way its operands promote.

    sin = unary("sin", "sin", join_inexact, "Sine of x, in radians.")
    add = binary("add", "add", join_numeric, "x1 + x2.")

The functions made here are what every eager operation runs through, so they do nothing but find the plan
(`promotion.py`) and bind the primitive.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cujax.engine.core.array import Array
from cujax.engine.core.primitive import REGISTRY
from cujax.engine.ground import source
from cujax.engine.ground.error_names import names_itself
from cujax.numpy.promotion import SCALARS, operand, plan_for

_NOTES = {
    1: "Elementwise. x: array or scalar. Returns an array of the shape of x.",
    2: "Elementwise, with broadcasting. x1, x2: arrays or scalars of shapes that broadcast together.",
}


def unary(name: str, primitive: str, join: Callable, doc: str) -> Callable:
    """The function `name(x)` of one operand: `primitive`, after promotion by `join`."""
    bind = REGISTRY[primitive].bind

    def function(x: Any, /) -> Any:
        kind = type(x)
        if kind not in SCALARS:
            if not isinstance(x, Array):
                x = operand(name, x)
            kind = x.aval
        (adapt,) = plan_for(name, (kind,), join, False)
        return bind(x if adapt is None else adapt(x))

    return names_itself(named(function, name, f"{doc}\n\n{_NOTES[1]}"))


def binary(name: str, primitive: str, join: Callable, doc: str) -> Callable:
    """The function `name(x1, x2)` of two operands: `primitive`, after promotion by `join`."""
    bind = REGISTRY[primitive].bind

    def function(x1: Any, x2: Any, /) -> Any:
        kind1, kind2 = type(x1), type(x2)
        if kind1 not in SCALARS:
            if not isinstance(x1, Array):
                x1 = operand(name, x1, 0)
            kind1 = x1.aval
        if kind2 not in SCALARS:
            if not isinstance(x2, Array):
                x2 = operand(name, x2, 1)
            kind2 = x2.aval
        adapt1, adapt2 = plan_for(name, (kind1, kind2), join, True)
        return bind(x1 if adapt1 is None else adapt1(x1), x2 if adapt2 is None else adapt2(x2))

    return names_itself(named(function, name, f"{doc}\n\n{_NOTES[2]}"))


def named(function: Callable, name: str, doc: str) -> Callable:
    """`function` with the name and docstring that users see."""
    source.named(function, name)
    function.__doc__ = doc
    function.__module__ = "cujax.numpy"
    return function
