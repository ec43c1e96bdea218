"""`vmap`: a function of single elements, as a function of batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cujax.api.differentiable import check_callable
from cujax.api.flatten import FlatFunction, LeafNames, as_array, bad_argument
from cujax.engine.core.axis import AxisData
from cujax.engine.core.trace import aval_of
from cujax.engine.ground import pytree
from cujax.engine.ground.source import describe_function, wraps
from cujax.engine.ops.structural import move_dim
from cujax.engine.transforms.batching import batch


def vmap(
    fun: Callable,
    in_axes: int | Sequence[Any] | None = 0,
    out_axes: Any = 0,
    axis_name: Any = None,
    axis_size: int | None = None,
    spmd_axis_name: Any = None,
) -> Callable:
    """A function that maps `fun` over an axis of its arguments, all elements at once.

    in_axes: for each positional argument the axis to map over, or None to pass it whole; one entry for all,
        a sequence with one for each, and in the place of an entry a tree of entries like the argument.
        Negative axes count from the end.  Named arguments are mapped over axis 0.
    out_axes: where the mapped axis stands in the results; None for results that do not depend on it.
    axis_name: a name by which collectives (`lax.psum`, ...) inside `fun` mean the mapped axis.
    axis_size: its length, needed only where nothing is mapped.
    spmd_axis_name: accepted for compatibility; there is one device.

    TypeError for an `in_axes` or `out_axes` of another sort.  ValueError for axes of different lengths, an
    axis that an argument does not have, `in_axes` that do not fit the arguments, and a result that is mapped
    where `out_axes` is None.
    """
    check_callable("vmap", fun)
    if isinstance(in_axes, list):  # a tree of axes, but written by most as a sequence
        in_axes = tuple(in_axes)
    if not (in_axes is None or type(in_axes) in (int, tuple)):
        raise TypeError(
            "vmap in_axes must be an int, None, or a tuple of entries corresponding to the positional "
            f"arguments of {describe_function(fun)}, but got {in_axes!r}."
        )
    _check_entries(fun, "in_axes", in_axes)
    _check_entries(fun, "out_axes", out_axes)

    @wraps(fun)
    def vmapped(*args: Any, **kwargs: Any) -> Any:
        leaves, in_tree = pytree.flatten((args, kwargs))
        names = LeafNames(fun, in_tree)
        entries = _axis_of_each_leaf(fun, in_axes, args, kwargs)
        values, dims = _resolve(fun, leaves, entries, names)
        axis = AxisData(axis_name, _mapped_size(fun, values, dims, names, axis_size))
        flat = FlatFunction("vmap", fun, in_tree)
        outs, found = batch(flat, axis, values, dims)
        wanted = _out_axis_of_each_leaf(fun, out_axes, flat.out_tree)
        moved = [_place(fun, axis, *out) for out in zip(outs, found, wanted, strict=True)]
        return flat.out_tree.unflatten(moved)

    return vmapped


def _check_entries(fun: Callable, what: str, axes: Any) -> None:
    if not all(type(entry) is int for entry in pytree.leaves(axes)):
        raise TypeError(
            f"vmap {what} must be an int, None, or a nested container with those as leaves, but for "
            f"{describe_function(fun)} got {axes!r}."
        )


def _axis_of_each_leaf(
    fun: Callable, in_axes: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> list[int | None]:
    if isinstance(in_axes, tuple) and len(in_axes) != len(args):
        raise ValueError(
            "vmap in_axes must be an int, None, or a tuple of entries corresponding to the positional "
            f"arguments, but {describe_function(fun)} has len(in_axes)={len(in_axes)} and was called with "
            f"len(args)={len(args)}."
        )
    try:
        positional = pytree.broadcast_prefix(in_axes, args, name="args")
    except ValueError as error:
        raise ValueError(
            f"vmap in_axes of {describe_function(fun)} must have the structure of the arguments or of their "
            f"upper part: {error}"
        ) from None
    return positional + [0] * pytree.structure(kwargs).num_leaves


def _resolve(
    fun: Callable, leaves: Sequence[Any], entries: Sequence[int | None], names: LeafNames
) -> tuple[list[Any], list[int | None]]:
    """Mapped leaves as arrays, others as they are; axes counted from the front."""
    try:
        values = [x if entry is None else as_array(x) for x, entry in zip(leaves, entries, strict=True)]
    except (TypeError, OverflowError):
        mapped = [0.0 if entry is None else x for x, entry in zip(leaves, entries, strict=True)]
        raise bad_argument("vmap", fun, mapped, names, as_array) from None
    dims: list[int | None] = []
    for value, entry, name in zip(values, entries, names, strict=True):
        ndim = 0 if entry is None else value.ndim
        if entry is not None and not -ndim <= entry < ndim:
            raise ValueError(
                f"vmap was requested to map argument {name} of {describe_function(fun)} along axis {entry}, "
                f"which implies that its rank should be at least {entry + 1 if entry >= 0 else -entry}, but "
                f"is only {ndim} (its shape is {value.shape}). Give it None in in_axes to pass it whole."
            )
        dims.append(None if entry is None else entry % ndim)
    return values, dims


def _mapped_size(
    fun: Callable, values: Sequence[Any], dims: Sequence[int | None], names: LeafNames, axis_size: int | None
) -> int:
    sizes = {v.shape[d] for v, d in zip(values, dims, strict=True) if d is not None}
    if axis_size is not None:
        sizes.add(axis_size)
    if len(sizes) == 1:
        return sizes.pop()
    if not values:
        raise ValueError(
            f"vmap of {describe_function(fun)} must be passed at least one argument containing an array, or "
            "axis_size must be given."
        )
    if not sizes:
        raise ValueError(
            f"vmap of {describe_function(fun)} must have at least one non-None value in in_axes, or "
            "axis_size must be given: nothing says how long the mapped axis is."
        )
    lines = [f"\n  axis_size: {axis_size}"] if axis_size is not None else []
    lines += [
        f"\n  {name}: {v.shape[d]} (axis {d} of shape {v.shape})"
        for v, d, name in zip(values, dims, names, strict=True)
        if d is not None
    ]
    raise ValueError(
        f"vmap got inconsistent sizes for array axes to be mapped in {describe_function(fun)}:"
        f"{''.join(lines)}\nAll must be equal; an argument that belongs to every element has None in in_axes."
    )


def _out_axis_of_each_leaf(fun: Callable, out_axes: Any, out_tree: pytree.PyTreeDef) -> list[int | None]:
    if type(out_axes) is int:
        return [out_axes] * out_tree.num_leaves
    try:
        result = out_tree.unflatten(range(out_tree.num_leaves))
        return pytree.broadcast_prefix(out_axes, result, name="result")
    except ValueError as error:
        raise ValueError(
            f"vmap out_axes of {describe_function(fun)} must have the structure of the result or of its "
            f"upper part: {error}"
        ) from None


def _place(fun: Callable, axis: AxisData, out: Any, dim: int | None, wanted: int | None) -> Any:
    """The result `out`, mapped along `dim`, with the mapped axis where it is wanted."""
    if wanted is None and dim is not None:
        raise ValueError(
            f"vmap of {describe_function(fun)} has out_axes None for a result that depends on the mapped "
            f"arguments (type {aval_of(out).str_short()}, mapped along axis {dim}); give the axis where it "
            "shall stand."
        )
    if wanted is None:
        return as_array(out)
    ndim = aval_of(out).ndim + (dim is None)
    if not -ndim <= wanted < ndim:
        raise ValueError(
            f"vmap out_axes of {describe_function(fun)}: axis {wanted} is out of bounds for array of "
            f"dimension {ndim}"
        )
    return move_dim(axis, as_array(out), dim, wanted % ndim)
