"""Functions with derivative rules of their own, and what such rules meet."""

from typing import Any

from cujax.api.custom_gradient import custom_gradient
from cujax.api.custom_jvp import custom_jvp
from cujax.api.custom_vjp import CustomVJPPrimal, custom_vjp, custom_vjp_primal_tree_values
from cujax.api.inspect import closure_convert
from cujax.api.linear_call import linear_call
from cujax.engine.control.custom_jvp import custom_jvp_call_p
from cujax.engine.control.custom_vjp import custom_vjp_call_p
from cujax.engine.core.zero import Zero as SymbolicZero
from cujax.engine.transforms.jvp import instantiate
from cujax.left_out import refusing

__all__ = [
    "CustomVJPPrimal",
    "SymbolicZero",
    "closure_convert",
    "custom_gradient",
    "custom_jvp",
    "custom_jvp_call_p",
    "custom_vjp",
    "custom_vjp_call_p",
    "custom_vjp_primal_tree_values",
    "linear_call",
    "zero_from_primal",
]

__getattr__ = refusing(__name__)


def zero_from_primal(val: Any, symbolic_zeros: bool = False) -> Any:
    """The zero tangent of an array: an array of zeros, or a `SymbolicZero`."""
    zero = SymbolicZero.from_primal_value(val)
    return zero if symbolic_zeros else instantiate(zero)
