"""`shard_map`: a function of the parts of arrays on the devices of a mesh, as a function of whole arrays."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from cujax.api.differentiable import check_callable
from cujax.api.flatten import as_array
from cujax.api.mesh import Mesh, PartitionSpec, get_mesh
from cujax.api.vectorize import vmap
from cujax.engine.core.array import describe_value
from cujax.engine.ground import pytree
from cujax.engine.ground.source import describe_function
from cujax.engine.ops.slicing import index_in_dim

_AS_ARGUMENTS_ARE = object()


def shard_map(
    f: Callable | None = None,
    /,
    *,
    out_specs: Any,
    in_specs: Any = _AS_ARGUMENTS_ARE,
    mesh: Mesh | None = None,
    axis_names: Any = frozenset(),
    check_vma: bool = True,
) -> Any:
    """`f`, in which collectives (`lax.psum`, ...) know the axes of `mesh`; without `f`, a decorator.

    A mesh has one device, so a part is the whole and the axes are of length 1: `psum(x, "i")` is x.

    in_specs, out_specs: a PartitionSpec for each argument and result, or for a tree of them; arguments need none.
    mesh: by default the one in force (`set_mesh`).  axis_names, check_vma: accepted for compatibility.

    ValueError for a name that is no axis of the mesh, a spec that is longer than the rank of its array, specs that do
    not fit arguments or results, and without a mesh.

        mesh = cujax.make_mesh((1,), ("i",))
        mean = cujax.shard_map(lambda x: lax.pmean(x.sum(), "i"), mesh=mesh, in_specs=P("i"), out_specs=P())
    """
    if f is None:
        return functools.partial(
            shard_map, out_specs=out_specs, in_specs=in_specs, mesh=mesh, axis_names=axis_names, check_vma=check_vma
        )
    check_callable("shard_map", f)

    @functools.wraps(f)
    def mapped(*args: Any) -> Any:
        used = get_mesh() if mesh is None else mesh
        if used.empty:
            raise ValueError("shard_map: there is no mesh. Give it one, mesh=..., or say cujax.set_mesh(mesh) before.")
        _check_specs(f, "in_specs", in_specs, args, used)
        results = _with_axes(f, used.axis_names)(*args)
        _check_specs(f, "out_specs", out_specs, results, used)
        return results

    return mapped


def _with_axes(f: Callable, names: tuple[Any, ...]) -> Callable:
    """`f` inside a `vmap` of one element for each of `names`, which maps nothing."""
    for name in reversed(names):
        f = _with_axis(f, name)
    return f


def _with_axis(f: Callable, name: Any) -> Callable:
    def inside(*args: Any) -> Any:
        results = vmap(f, in_axes=None, axis_name=name, axis_size=1)(*args)
        return pytree.map(lambda x: index_in_dim(x, 0, 0, keepdims=False), results)

    return inside


def _check_specs(f: Callable, what: str, specs: Any, values: Any, mesh: Mesh) -> None:
    """Each spec names axes of the mesh and is not longer than the rank of its value; None in a spec's place is P()."""
    if specs is _AS_ARGUMENTS_ARE:
        return
    leaves = pytree.leaves(values)
    try:
        entries = pytree.broadcast_prefix(specs, values, name=what)
    except ValueError as error:
        raise ValueError(f"shard_map {what} of {describe_function(f)}: {error}") from None
    for leaf, spec in zip(leaves, entries, strict=True):
        _check_spec(f, what, PartitionSpec() if spec is None else spec, as_array(leaf).shape, mesh)


def _check_spec(f: Callable, what: str, spec: Any, shape: tuple[int, ...], mesh: Mesh) -> None:
    if not isinstance(spec, PartitionSpec):
        raise TypeError(f"shard_map {what} of {describe_function(f)}: {describe_value(spec)} is no PartitionSpec")
    unknown = [name for name in spec.names() if name not in mesh.axis_names]
    if unknown:
        raise ValueError(f"shard_map {what} of {describe_function(f)} refers to {unknown[0]!r}, no axis of {mesh}")
    if len(spec) > len(shape):
        raise ValueError(
            f"shard_map applied to {describe_function(f)} was given an {what} entry which is too long: {spec} has "
            f"length {len(spec)}, its value has shape {shape}"
        )
