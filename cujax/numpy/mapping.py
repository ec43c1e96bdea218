"""Functions of functions: vectorize, apply_along_axis, apply_over_axes.

The function is called once, under `vmap`, on tracers that stand for one row each.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Collection, Sequence
from math import prod
from typing import Any

from cujax import lax
from cujax.api.vectorize import vmap
from cujax.engine.core.array import Array
from cujax.engine.ops.axes import canonical_axis
from cujax.numpy.promotion import ArrayLike, as_array
from cujax.numpy.reshaping import broadcast_shapes, moveaxis

# --- vectorize ----------------------------------------------------------------------------------------

_DIMS = r"\(\s*(?:\w+\s*(?:,\s*\w+\s*)*,?)?\s*\)"
_DIMS_LIST = rf"\s*{_DIMS}\s*(?:,\s*{_DIMS}\s*)*"


def _parse_signature(signature: str) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """Names of the core axes of inputs and of outputs, from "(n,m),(m)->(n)"."""
    match = re.fullmatch(rf"({_DIMS_LIST})->({_DIMS_LIST})", signature)
    if match is None:
        raise ValueError(f"not a valid gufunc signature: {signature!r}; write for example '(n,m),(m)->(n)'")
    inputs, outputs = (
        [tuple(re.findall(r"\w+", d)) for d in re.findall(_DIMS, side)] for side in match.groups()
    )
    return inputs, outputs


def vectorize(
    pyfunc: Callable, *, excluded: Collection[int | str] = frozenset(), signature: str | None = None
) -> Callable:
    """A function that broadcasts its array arguments and applies `pyfunc` to each element, or core array.

    excluded: positions or names of arguments that are passed on as they are.
    signature: core axes, "(n,m),(m)->(n)": what pyfunc gets and returns; scalars by default.  Calls
    raise ValueError where core axes are missing or disagree.
    """
    if not all(isinstance(e, int | str) for e in excluded):
        raise TypeError(f"jnp.vectorize: excluded must hold positions and names, got {set(excluded)}")
    if any(isinstance(e, int) and e < 0 for e in excluded):
        raise ValueError(f"excluded={set(excluded)} contains negative numbers")

    @functools.wraps(pyfunc)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        function, args = _bind_excluded(pyfunc, args, kwargs, excluded)
        return _vectorized(function, args, signature)

    return wrapped


def _bind_excluded(
    pyfunc: Callable, args: tuple, kwargs: dict[str, Any], excluded: Any
) -> tuple[Callable, tuple]:
    """A function of the arguments that vary alone, and those: named ones after the others."""
    varying_names = [k for k in kwargs if k not in excluded]
    if any(isinstance(e, int) and e >= len(args) for e in excluded):
        raise ValueError(f"jnp.vectorize: excluded={set(excluded)} is invalid for {len(args)} argument(s)")
    positions = [i for i in range(len(args)) if i not in excluded]

    def function(*varying: Any) -> Any:
        positional = list(args)
        for i, value in zip(positions, varying, strict=False):
            positional[i] = value
        named = dict(zip(varying_names, varying[len(positions) :], strict=True))
        return pyfunc(*positional, **{**kwargs, **named})

    return function, (*(args[i] for i in positions), *(kwargs[k] for k in varying_names))


def _vectorized(function: Callable, args: Sequence[ArrayLike], signature: str | None) -> Any:
    arrays = [as_array("vectorize", a, i) for i, a in enumerate(args)]
    core_in, core_out = ([()] * len(arrays), None) if signature is None else _parse_signature(signature)
    if len(core_in) != len(arrays):
        raise TypeError(f"wrong number of positional arguments: expected {len(core_in)}, got {len(arrays)}")
    lengths = _core_lengths(arrays, core_in)
    outer = [a.shape[: a.ndim - len(core)] for a, core in zip(arrays, core_in, strict=True)]
    shape = broadcast_shapes(*outer) if outer else ()
    checked = _check_results(function, core_out, lengths)
    return _map_axes(checked, arrays, outer, shape)


def _core_lengths(arrays: Sequence[Array], core_in: Sequence[tuple[str, ...]]) -> dict[str, int]:
    lengths: dict[str, int] = {}
    for a, core in zip(arrays, core_in, strict=True):
        if a.ndim < len(core):
            raise ValueError(
                f"input with shape {a.shape} does not have enough dimensions for all core dimensions {core} "
                "on vectorized function"
            )
        for name, length in zip(core, a.shape[a.ndim - len(core) :], strict=True):
            if lengths.setdefault(name, length) != length:
                raise ValueError(
                    f"inconsistent size for core dimension {name!r}: {length} vs {lengths[name]}"
                )
    return lengths


def _check_results(function: Callable, core_out: Any, lengths: dict[str, int]) -> Callable:
    """`function`, whose results are held to the signature where there is one."""

    def checked(*args: Any) -> Any:
        outs = function(*args)
        if core_out is None:
            return outs
        many = outs if isinstance(outs, tuple) else (outs,)
        if len(many) != len(core_out) or isinstance(outs, tuple) != (len(core_out) > 1):
            raise TypeError(
                f"the vectorized function must return {len(core_out)} arrays (a tuple if more than "
                f"one) by its signature; got {len(many)}"
            )
        for out, core in zip(many, core_out, strict=True):
            _check_core(as_array("vectorize", out).shape, core, lengths)
        return outs

    return checked


def _check_core(shape: tuple[int, ...], core: tuple[str, ...], lengths: dict[str, int]) -> None:
    if len(shape) != len(core):
        raise ValueError(f"output shape {shape} does not match core dimensions {core} on vectorized function")
    for name, length in zip(core, shape, strict=True):
        if lengths.setdefault(name, length) != length:
            raise ValueError(f"inconsistent size for core dimension {name!r}: {length} vs {lengths[name]}")


def _map_axes(
    function: Callable, arrays: Sequence[Array], outer: Sequence[tuple], shape: tuple[int, ...]
) -> Any:
    """Maps over the outer axes, last first, so that the first is the outermost batch.

    An argument takes part in the axes where it has more than one row; of an axis of length 1 the only row
    is taken.
    """
    rank = len(shape)
    squeezed = []
    for a, own in zip(arrays, outer, strict=True):
        ones = tuple(i for i, d in enumerate(own) if d == 1 and shape[rank - len(own) + i] != 1)
        squeezed.append(lax.squeeze(a, ones))
    varies = [
        [len(own) + i >= rank and not (own[len(own) + i - rank] == 1 and shape[i] != 1) for i in range(rank)]
        for own in outer
    ]
    for i in reversed(range(rank)):
        function = vmap(function, in_axes=tuple(0 if v[i] else None for v in varies), axis_size=shape[i])
    outs = function(*squeezed)
    if isinstance(outs, tuple):
        return tuple(as_array("vectorize", o) for o in outs)
    return as_array("vectorize", outs)


# --- along axes ---------------------------------------------------------------------------------------


def apply_along_axis(func1d: Callable, axis: int, arr: ArrayLike, *args: Any, **kwargs: Any) -> Array:
    """`func1d(row, *args, **kwargs)` for each row along `axis`; its results' axes take the place of it."""
    arr = as_array("apply_along_axis", arr, 2)
    axis = canonical_axis(axis, arr.ndim)
    rows = moveaxis(arr, axis, -1)
    outer = rows.shape[:-1]
    flat = lax.reshape(rows, (prod(outer), rows.shape[-1]))
    found = vmap(lambda row: func1d(row, *args, **kwargs))(flat)
    result = lax.reshape(found, (*outer, *found.shape[1:]))
    extra = result.ndim - len(outer)
    return moveaxis(result, tuple(range(len(outer), result.ndim)), tuple(range(axis, axis + extra)))


def apply_over_axes(func: Callable, a: ArrayLike, axes: int | Sequence[int]) -> Array:
    """`func(a, axis)` for each of `axes` in turn; an axis that func removes comes back with length 1."""
    a = as_array("apply_over_axes", a, 1)
    for axis in (axes,) if isinstance(axes, int) else axes:
        result = as_array("apply_over_axes", func(a, axis))
        if result.ndim == a.ndim - 1:
            result = lax.expand_dims(result, (canonical_axis(axis, a.ndim),))
        if result.ndim != a.ndim:
            raise ValueError("function is not returning an array of the correct shape")
        a = result
    return a
