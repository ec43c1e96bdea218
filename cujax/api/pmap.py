"""`pmap`: a function mapped over devices, of which there is one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from cujax.api.jit import jit
from cujax.api.vectorize import vmap
from cujax.engine.core.context import axis_size as size_of_axis
from cujax.engine.ground.source import describe_function, wraps


def pmap(
    fun: Callable,
    axis_name: Any = None,
    *,
    in_axes: int | Sequence[Any] | None = 0,
    out_axes: Any = 0,
    static_broadcasted_argnums: int | Iterable[int] = (),
    devices: Sequence[Any] | None = None,
    backend: str | None = None,
    axis_size: int | None = None,
    donate_argnums: int | Iterable[int] = (),
) -> Callable:
    """`fun`, compiled and mapped over an axis of length 1: an element to each device, and there is one.

    axis_name: by which collectives inside `fun` mean the mapped axis.
    in_axes, out_axes, axis_size: as of `vmap`.
    static_broadcasted_argnums, donate_argnums: positions of arguments, as `static_argnums` and `donate_argnums` of
        `jit`; the static ones are mapped over nothing.
    devices, backend: accepted; there is one device.

    ValueError where the mapped axis is longer than 1: `jit(vmap(fun))` maps over any number on one device.

        >>> import cujax
        >>> cujax.pmap(lambda x: cujax.lax.psum(x, "i"), "i")(cujax.numpy.ones((1, 2)))
        Array([[1., 1.]], dtype=float32)
    """
    name = object() if axis_name is None else axis_name
    static = _positions(static_broadcasted_argnums)

    @wraps(fun)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        dynamic = [a for i, a in enumerate(args) if i not in static]
        axes = [a for i, a in enumerate(in_axes) if i not in static] if isinstance(in_axes, (tuple, list)) else in_axes

        def element(*elements: Any, **named: Any) -> Any:
            _check_one_device(fun, size_of_axis(name))
            found = iter(elements)
            return fun(*[a if i in static else next(found) for i, a in enumerate(args)], **named)

        return vmap(element, axes, out_axes, name, axis_size)(*dynamic, **kwargs)

    return jit(mapped, static_argnums=static, donate_argnums=_positions(donate_argnums))


def _positions(numbers: int | Iterable[int]) -> tuple[int, ...]:
    return (numbers,) if isinstance(numbers, int) else tuple(numbers)


def _check_one_device(fun: Callable, size: int) -> None:
    if size != 1:
        raise ValueError(
            f"pmap: {describe_function(fun)} is mapped over an axis of length {size}, an element to each device, but "
            "there is 1 device. Write jit(vmap(fun)) to map over all elements on one device."
        )
