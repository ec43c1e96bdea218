"""Rules of derivatives for ops of one's own, and what such rules meet; see `cujax.extend.core`.

    primitive_jvps[p] = rule        rule(primals, tangents, **params) -> (out, tangent); lists for multiple results
    primitive_transposes[p] = rule  rule(ct, *operands, **params) -> a cotangent, `Zero` or None for each operand

A tangent or cotangent that is known to be zero is a `Zero`; an operand to which an op is transposed is an
`UndefinedPrimal`, of which there is only the aval.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cujax.engine.control.user_primitive import JVPS as primitive_jvps
from cujax.engine.control.user_primitive import TRANSPOSES as primitive_transposes
from cujax.engine.control.user_primitive import ZeroNode as Zero
from cujax.engine.core.primitive import Primitive
from cujax.engine.core.zero import Linear as UndefinedPrimal
from cujax.engine.core.zero import is_linear
from cujax.engine.ops.constants import zeros_of
from cujax.engine.ops.structural import add_any
from cujax.engine.transforms.jvp import JVPTrace, JVPTracer
from cujax.left_out import refusing

__all__ = [
    "JVPTrace",
    "JVPTracer",
    "UndefinedPrimal",
    "Zero",
    "add_tangents",
    "defjvp",
    "deflinear",
    "deflinear2",
    "instantiate_zeros",
    "is_undefined_primal",
    "primitive_jvps",
    "primitive_transposes",
    "zeros_like_aval",
]

__getattr__ = refusing(__name__)


def is_undefined_primal(x: Any) -> bool:
    """Whether `x` stands for an operand to which an op is transposed."""
    return is_linear(x)


def zeros_like_aval(aval: Any) -> Any:
    """An array of zeros of the shape and dtype of `aval`.

        >>> import cujax
        >>> cujax.interpreters.ad.zeros_like_aval(cujax.core.ShapedArray((2,), "float32"))
        Array([0., 0.], dtype=float32)
    """
    return zeros_of(aval)


def instantiate_zeros(tangent: Any) -> Any:
    """`tangent`, with a `Zero` made an array of zeros."""
    return zeros_of(tangent.aval) if type(tangent) is Zero else tangent


def add_tangents(x: Any, y: Any) -> Any:
    """The sum of two tangents, either of which may be `Zero`."""
    if type(x) is Zero:
        return y
    return x if type(y) is Zero else add_any(x, y)


def defjvp(primitive: Primitive, *jvprules: Callable | None) -> None:
    """Derivatives by each operand: `rule(tangent, *primals, **params)` is the tangent of the one result.

    None stands for an operand of which the result does not depend in a differentiable way.
    """

    def jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> tuple[Any, Any]:
        out = primitive.bind(*primals, **params)
        total: Any = Zero.from_primal_value(out)
        for rule, tangent in zip(jvprules, tangents, strict=True):
            if rule is not None and type(tangent) is not Zero:
                total = add_tangents(total, rule(tangent, *primals, **params))
        return out, total

    primitive_jvps[primitive] = jvp


def deflinear(primitive: Primitive, transpose_rule: Callable) -> None:
    """As `deflinear2`, for a rule `transpose_rule(ct, **params)` that needs no operands."""
    deflinear2(primitive, lambda ct, *operands, **params: transpose_rule(ct, **params))


def deflinear2(primitive: Primitive, transpose_rule: Callable) -> None:
    """An op that is linear in all of its operands together; `transpose_rule(ct, *operands, **params)`."""

    def jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> tuple[Any, Any]:
        out = primitive.bind(*primals, **params)
        if all(type(t) is Zero for t in tangents):
            return out, Zero.from_primal_value(out)
        return out, primitive.bind(*map(instantiate_zeros, tangents), **params)

    primitive_jvps[primitive] = jvp
    primitive_transposes[primitive] = transpose_rule
