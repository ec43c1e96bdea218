"""The arguments that samplers share: dtype, shape, and parameters that broadcast to the shape."""

from __future__ import annotations

from collections.abc import Mapping
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
from cujax.numpy.promotion import as_array, broadcast_shape, operand
from cujax.numpy.reshaping import broadcast_to

__all__ = [
    "arrays", "canonical_shape", "fitting_parameters", "float_dtype", "integer_dtype", "parameter", "parameter_arrays",
    "sample_shape", "stretch", "stretch_together",
]


def float_dtype(name: str, dtype: Any, or_complex: bool = False) -> Any:
    """The `dtype` argument of sampler `name`, float by default, canonical.

    ValueError unless it is floating-point, or complex where `or_complex` allows it.
    """
    found = dtypes.canonicalize_user(float if dtype is None else dtype, name)
    if dtypes.is_float(found) or (or_complex and dtypes.is_complex(found)):
        return found
    accepted = "float or complex" if or_complex else "float"
    raise ValueError(
        f"dtype argument to `{name}` must be a {accepted} dtype, got {found}; convert the numbers afterwards, "
        f"random.{name}(...).astype('{found}')"
    )


def integer_dtype(name: str, dtype: Any, error: type = ValueError) -> Any:
    """The `dtype` argument of sampler `name`, int by default, canonical.  `error` unless it is an integer dtype."""
    found = dtypes.canonicalize_user(int if dtype is None else dtype, name)
    if dtypes.is_integer(found):
        return found
    raise error(
        f"dtype argument to `{name}` must be an int dtype, got {found}; convert the numbers afterwards, "
        f"random.{name}(...).astype('{found}')"
    )


def sample_shape(
    name: str, shape: Any, parameters: Mapping[str, tuple[int, ...]], error: type = ValueError
) -> tuple[int, ...]:
    """The `shape` argument of sampler `name`; None stands for what its `parameters`, of these shapes, broadcast to.

    `error` where they do not broadcast to the shape.
    """
    given = [] if shape is None else [canonical_shape(name, shape)]
    try:
        full = broadcast_shape(name, [*given, *parameters.values()])
    except (TypeError, ValueError) as reason:
        raise error(f"{reason} {_shapes_seen(given, parameters)}") from None
    if given and full != given[0]:
        raise error(
            f"{name}: the parameters do not broadcast to shape {given[0]}. {_shapes_seen(given, parameters)} "
            f"Write shape={full}."
        )
    return full


def _shapes_seen(given: list[tuple[int, ...]], parameters: Mapping[str, tuple[int, ...]]) -> str:
    """`Seen: shape=(2,); a of shape (3,).`"""
    seen = [f"shape={shape}" for shape in given]
    seen += [f"{name} of shape {shape}" for name, shape in parameters.items()]
    return f"Seen: {'; '.join(seen)}."


def parameter(name: str, which: str, value: Any, dtype: Any) -> Any:
    """The parameter `which` of sampler `name` in `dtype`, as an operand of lax functions; numbers stay literals."""
    found = operand(name, value, which)
    if type(found) is not Literal:
        return lax.convert_element_type(found, dtype)
    with np.errstate(all="ignore"):
        return literal(found.val, dtype)


def arrays(name: str, **parameters: Any) -> list[Array]:
    """The parameters of sampler `name` as arrays; TypeError for what is no array."""
    return [as_array(name, value, which) for which, value in parameters.items()]


def parameter_arrays(name: str, shape: Any, dtype: Any, **parameters: Any) -> list[Array]:
    """The parameters of sampler `name` as arrays of `dtype`, repeated to `shape` (None: what they broadcast to).

    TypeError for what is no array, ValueError where they do not broadcast to the shape.
    """
    values = arrays(name, **parameters)
    full = sample_shape(name, shape, {which: x.shape for which, x in zip(parameters, values, strict=True)})
    return [broadcast_to(lax.convert_element_type(x, dtype), full) for x in values]


def fitting_parameters(name: str, shape: Any, dtype: Any, **parameters: Any) -> list[Array]:
    """As `parameter_arrays`; TypePromotionError (a ValueError) for arrays that would lose digits in `dtype`."""
    for which, x in zip(parameters, arrays(name, **parameters), strict=True):
        if result_type(x, dtype) != dtype:
            raise TypePromotionError(
                f"{name}: {which} is of dtype {x.dtype}, which does not fit the numbers' dtype, {dtype}. Convert it, "
                f"{which}.astype('{dtype}'), or ask for numbers of another dtype."
            )
    return parameter_arrays(name, shape, dtype, **parameters)


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
