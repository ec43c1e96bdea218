"""The arguments that samplers share: dtype, shape, and parameters that broadcast to the shape."""

from __future__ import annotations

from typing import Any

from cujax import lax
from cujax.engine.ground import dtypes
from cujax.engine.ops.axes import other_axes
from cujax.numpy.creation import canonical_shape
from cujax.numpy.promotion import broadcast_shape, operand

__all__ = ["canonical_shape", "float_dtype", "parameter", "sample_shape", "stretch", "stretch_together"]


def float_dtype(name: str, dtype: Any, or_complex: bool = False) -> Any:
    """The `dtype` argument of sampler `name`, float by default, canonical.

    ValueError unless it is floating-point, or complex where `or_complex` allows it.
    """
    found = dtypes.canonicalize_user(float if dtype is None else dtype, name, stacklevel=4)
    if dtypes.is_float(found) or (or_complex and dtypes.is_complex(found)):
        return found
    accepted = "float or complex" if or_complex else "float"
    raise ValueError(f"dtype argument to `{name}` must be a {accepted} dtype, got {found}")


def sample_shape(name: str, shape: Any, *parameters: Any) -> tuple[int, ...]:
    """The `shape` argument of sampler `name`; None stands for what the `parameters` broadcast to.

    ValueError where they do not broadcast to the shape.
    """
    found = broadcast_shape(name, [p.shape for p in parameters])
    if shape is None:
        return found
    shape = canonical_shape(name, shape)
    if broadcast_shape(name, [shape, *(p.shape for p in parameters)]) != shape:
        raise ValueError(f"{name}: shape {shape} must be one to which the parameters broadcast, here {found}")
    return shape


def parameter(name: str, value: Any, dtype: Any) -> Any:
    """A parameter of sampler `name` in `dtype`, as an operand of lax functions."""
    return lax.convert_element_type(operand(name, value), dtype)


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
