"""The arguments that samplers share: dtype, shape, and parameters that broadcast to the shape."""

from __future__ import annotations

from typing import Any

import numpy as np

from cujax import lax
from cujax.engine.core.array import Array
from cujax.engine.core.tape import Literal, literal
from cujax.engine.ground import dtypes
from cujax.engine.ground.promotion import TypePromotionError
from cujax.engine.ops.axes import other_axes
from cujax.numpy.creation import canonical_shape
from cujax.numpy.dtype_objects import result_type
from cujax.numpy.promotion import as_arrays, broadcast_shape, operand
from cujax.numpy.reshaping import broadcast_to

__all__ = [
    "canonical_shape", "fitting_parameters", "float_dtype", "parameter", "parameter_arrays", "sample_shape", "stretch",
    "stretch_together",
]


def float_dtype(name: str, dtype: Any, or_complex: bool = False) -> Any:
    """The `dtype` argument of sampler `name`, float by default, canonical.

    ValueError unless it is floating-point, or complex where `or_complex` allows it.
    """
    found = dtypes.canonicalize_user(float if dtype is None else dtype, name)
    if dtypes.is_float(found) or (or_complex and dtypes.is_complex(found)):
        return found
    accepted = "float or complex" if or_complex else "float"
    raise ValueError(f"dtype argument to `{name}` must be a {accepted} dtype, got {found}")


def sample_shape(name: str, shape: Any, *parameters: Any, error: type = ValueError) -> tuple[int, ...]:
    """The `shape` argument of sampler `name`; None stands for what the `parameters` broadcast to.

    `error` where the parameters do not broadcast to the shape.
    """
    shapes = [p.shape for p in parameters]
    if shape is not None:
        shapes.insert(0, canonical_shape(name, shape))
    try:
        full = broadcast_shape(name, shapes)
    except (TypeError, ValueError) as reason:
        raise error(str(reason)) from None
    if shape is not None and full != shapes[0]:
        raise error(f"{name}: parameters of shapes {shapes[1:]} do not broadcast to shape {shapes[0]}")
    return full


def parameter(name: str, value: Any, dtype: Any) -> Any:
    """A parameter of sampler `name` in `dtype`, as an operand of lax functions; numbers stay literals."""
    found = operand(name, value)
    if type(found) is not Literal:
        return lax.convert_element_type(found, dtype)
    with np.errstate(all="ignore"):
        return literal(found.val, dtype)


def parameter_arrays(name: str, shape: Any, dtype: Any, *values: Any) -> list[Array]:
    """The parameters of sampler `name` as arrays of `dtype`, repeated to `shape` (None: what they broadcast to).

    TypeError for what is no array, ValueError where they do not broadcast to the shape.
    """
    arrays = as_arrays(name, *values)
    full = sample_shape(name, shape, *arrays)
    return [broadcast_to(lax.convert_element_type(x, dtype), full) for x in arrays]


def fitting_parameters(name: str, shape: Any, dtype: Any, *values: Any) -> list[Array]:
    """As `parameter_arrays`; TypePromotionError (a ValueError) for arrays that would lose digits in `dtype`."""
    for x in as_arrays(name, *values):
        if result_type(x, dtype) != dtype:
            raise TypePromotionError(
                f"{name}: a parameter of dtype {x.dtype} does not fit the numbers' dtype, {dtype}. Convert it, "
                f"x.astype('{dtype}'), or ask for numbers of another dtype."
            )
    return parameter_arrays(name, shape, dtype, *values)


def stretch(x: Any, shape: tuple[int, ...]) -> Any:
    """`x` repeated to `shape`, to which it broadcasts; a scalar stays one."""
    if not x.shape or x.shape == shape:
        return x
    new = len(shape) - len(x.shape)
    return lax.broadcast_in_dim(x, shape, other_axes(len(shape), range(new)))


def stretch_together(name: str, *xs: Any) -> list[Any]:
    """Operands repeated to the shape to which they broadcast; scalars stay scalars."""
    shape = broadcast_shape(name, [x.shape for x in xs])
    return [stretch(x, shape) for x in xs]
