"""Ops of one's own, and the parts of a jaxpr.

    double_p = core.Primitive("double")
    double_p.def_impl(lambda x: 2 * x)
    double_p.def_abstract_eval(lambda x: x)
    mlir.register_lowering(double_p, mlir.lower_fun(lambda x: 2 * x, multiple_results=False))
    ad.deflinear2(double_p, lambda ct, x: [double_p.bind(ct)])
    batching.defvectorized(double_p)

A rule that is not declared is a NotImplementedError where it is needed.  A primitive that a library may do without is
better written as a function with `cujax.custom_jvp`, `custom_vjp` or `custom_batching.custom_vmap`.
"""

from __future__ import annotations

from typing import Any

from cujax.core import Atom, ClosedJaxpr, Jaxpr, JaxprEqn, Literal, Var, eval_jaxpr
from cujax.engine.control.user_primitive import UserPrimitive as Primitive
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.context import context
from cujax.engine.core.trace import Trace
from cujax.left_out import refusing

__all__ = [
    "Atom",
    "ClosedJaxpr",
    "Jaxpr",
    "JaxprEqn",
    "Literal",
    "Primitive",
    "Var",
    "find_top_trace",
    "jaxpr_as_fun",
    "mapped_aval",
    "unmapped_aval",
]

__getattr__ = refusing(__name__)


def find_top_trace(_: Any) -> Trace:
    """The trace of the innermost transformation that is running; what is given is not looked at.

        >>> import cujax
        >>> cujax.jit(lambda x: (cujax.extend.core.find_top_trace([x]), x)[1])(1.0)
        Array(1., dtype=float32, weak_type=True)
    """
    return context.trace


def jaxpr_as_fun(closed_jaxpr: ClosedJaxpr, *args: Any) -> list[Any]:
    """The outputs of a closed jaxpr for `args`, op by op.

        >>> import cujax
        >>> jaxpr = cujax.make_jaxpr(lambda x: x + 1)(2.0)
        >>> cujax.extend.core.jaxpr_as_fun(jaxpr, 3.0)
        [Array(4., dtype=float32, weak_type=True)]
    """
    return eval_jaxpr(closed_jaxpr.jaxpr, closed_jaxpr.consts, *args)


def mapped_aval(size: int, axis: int | None, aval: ShapedArray) -> ShapedArray:
    """The aval of an element of a batch `aval`, whose axis `axis`, of length `size`, counts the elements.

        >>> import cujax
        >>> cujax.extend.core.mapped_aval(3, 0, cujax.core.ShapedArray((3, 2), "float32"))
        ShapedArray(float32[2])
    """
    if axis is None:
        return aval
    if aval.shape[axis] != size:
        raise ValueError(f"mapped_aval: axis {axis} of {aval.str_long()} has not the length {size} of the batch")
    return aval.update(shape=aval.shape[:axis] + aval.shape[axis + 1 :])


def unmapped_aval(
    size: int, axis: int | None, aval: ShapedArray, explicit_mesh_axis: Any = None
) -> ShapedArray:
    """The aval of a batch of `size` elements `aval`, counted along a new axis `axis`; explicit_mesh_axis: accepted.

        >>> import cujax
        >>> cujax.extend.core.unmapped_aval(3, 0, cujax.core.ShapedArray((2,), "float32"))
        ShapedArray(float32[3,2])
    """
    return aval if axis is None else aval.update(shape=(*aval.shape[:axis], size, *aval.shape[axis:]))
