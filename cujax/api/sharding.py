"""Shardings: where an array lives.  Here that is one device, whatever a sharding divides along which axis."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from cujax.api.flatten import as_array
from cujax.api.mesh import Mesh, PartitionSpec
from cujax.engine.backends.api import Device
from cujax.engine.backends.select import selected
from cujax.engine.core.array import Array, ConcreteArray, describe_value
from cujax.engine.core.trace import aval_of
from cujax.engine.ground import dtypes, pytree

Index: TypeAlias = tuple[slice, ...]


class Sharding:
    """What `NamedSharding` and `SingleDeviceSharding` have in common."""

    device: Device
    memory_kind = "device"
    num_devices = 1
    is_fully_replicated = True
    is_fully_addressable = True
    has_addressable_devices = True

    @property
    def device_set(self) -> set[Device]:
        """The devices that hold a part of the array: one."""
        return {self.device}

    addressable_devices = device_set

    def shard_shape(self, global_shape: Sequence[int]) -> tuple[int, ...]:
        """Shape of the part on a device: of the whole.  ValueError for an array that has too few axes."""
        self.check_compatible_aval(tuple(global_shape))
        return tuple(global_shape)

    def devices_indices_map(self, global_shape: Sequence[int]) -> Mapping[Device, Index]:
        """For each device, which part it holds: all."""
        self.check_compatible_aval(tuple(global_shape))
        return {self.device: (slice(None),) * len(global_shape)}

    addressable_devices_indices_map = devices_indices_map

    def is_equivalent_to(self, other: Sharding, ndim: int) -> bool:
        """Whether both place arrays alike."""
        return self.device_set == other.device_set

    def check_compatible_aval(self, aval_shape: tuple[int, ...]) -> None:
        """ValueError when an array of that shape cannot be divided so."""


class SingleDeviceSharding(Sharding):
    """All of an array on `device`."""

    def __init__(self, device: Device, *, memory_kind: str | None = None) -> None:
        self.device = device

    def __repr__(self) -> str:
        return f"SingleDeviceSharding(device={self.device!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SingleDeviceSharding) and self.device == other.device

    def __hash__(self) -> int:
        return hash(self.device)


class NamedSharding(Sharding):
    """The axes of an array lie along axes of `mesh` as `spec` says.

    ValueError for a name that is no axis of the mesh, or that divides two axes.
    """

    def __init__(self, mesh: Mesh, spec: PartitionSpec, *, memory_kind: str | None = None) -> None:
        if not isinstance(mesh, Mesh) or not isinstance(spec, PartitionSpec):
            raise TypeError(
                f"NamedSharding takes a Mesh and a PartitionSpec, got {describe_value(mesh)}, {describe_value(spec)}"
            )
        names = spec.names()
        for name in names:
            if name not in mesh.axis_names:
                raise ValueError(f"Resource axis: {name} of {spec} is not found in mesh: {mesh.axis_names}.")
            if names.count(name) > 1:
                raise ValueError(f"NamedSharding: {spec} divides two axes along {name!r}; one axis is divided along it")
        self.mesh, self.spec = mesh, spec

    @property
    def device(self) -> Device:  # type: ignore[override]
        return self.mesh.devices.flat[0]

    def check_compatible_aval(self, aval_shape: tuple[int, ...]) -> None:
        if len(aval_shape) < len(self.spec):
            raise ValueError(
                f"Sharding {self} is only valid for values of rank at least {len(self.spec)}, but was applied to a "
                f"value of rank {len(aval_shape)}"
            )

    def __repr__(self) -> str:
        return f"NamedSharding(mesh={self.mesh}, spec={self.spec})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NamedSharding) and (self.mesh, self.spec) == (other.mesh, other.spec)

    def __hash__(self) -> int:
        return hash((self.mesh, self.spec))


def _whole(what: str, shape: Sequence[int], sharding: Any) -> tuple[int, ...]:
    if not isinstance(sharding, Sharding):
        raise TypeError(f"{what}: expected a sharding, got {describe_value(sharding)}")
    return sharding.shard_shape(tuple(int(n) for n in shape))


def make_array_from_single_device_arrays(
    shape: Sequence[int], sharding: Sharding, arrays: Sequence[Any], *, dtype: Any = None
) -> Array:
    """The array of which `arrays` are the parts, of each device one: the only one of them.

    ValueError for another number of arrays, or for one of another shape.
    """
    whole = _whole("make_array_from_single_device_arrays", shape, sharding)
    if len(arrays) != 1 or aval_of(arrays[0]).shape != whole:
        found = [tuple(np.shape(a)) for a in arrays]
        raise ValueError(
            f"make_array_from_single_device_arrays: Expected shard shape {whole}, on one device, doesn't match the "
            f"single device array shape {found}. Shape of Array is {tuple(shape)} with sharding {sharding}"
        )
    return arrays[0]


def make_array_from_callback(
    shape: Sequence[int], sharding: Sharding, data_callback: Callable[[Index], Any], dtype: Any = None
) -> Array:
    """The array whose part at an index, a tuple of slices, `data_callback` returns; it is asked for the whole.

    ValueError when what it returns is of another shape.
    """
    whole = _whole("make_array_from_callback", shape, sharding)
    data = as_array(data_callback((slice(None),) * len(whole)))
    if data.shape != whole:
        raise ValueError(f"make_array_from_callback: data_callback returned shape {data.shape}, expected {whole}")
    return data if dtype is None else data.astype(dtypes.canonicalize(dtypes.as_dtype(dtype)))


def reshard(xs: Any, out_shardings: Any) -> Any:
    """`xs`, a pytree of arrays, where `out_shardings` says, which is where they are.

    ValueError where it is no sharding, or does not fit.
    """
    return place("reshard", xs, out_shardings)


def device_put(x: Any, device: Any = None, *, src: Any = None, donate: Any = False, may_alias: Any = None) -> Any:
    """The leaves of the pytree `x` as arrays on `device`; without one, where arrays are made by default.

    device: one of `cujax.devices()`, a sharding, or None, or a tree of them above `x`.
    src, donate, may_alias: accepted for compatibility.  TypeError for a leaf that is no array, ValueError for
    a `device` that is no device, or a sharding that does not fit an array.
    """
    return place("device_put", x, device)


def place(what: str, xs: Any, where: Any) -> Any:
    """The leaves of `xs` as arrays; each on the device that its entry of `where`, a tree above it, says, or None."""
    leaves, tree = pytree.flatten(xs)
    entries = pytree.broadcast_prefix(where, xs)
    return tree.unflatten([_put(what, as_array(x), entry) for x, entry in zip(leaves, entries, strict=True)])


def _put(what: str, array: Array, where: Any) -> Array:
    device = where
    if isinstance(where, Sharding):
        where.check_compatible_aval(array.shape)
        device = where.device
    elif not (where is None or isinstance(where, Device | PartitionSpec)):
        raise ValueError(f"{what}: device must be None, a sharding, or one of cujax.devices(), got {where!r}")
    if not isinstance(device, Device) or not isinstance(array, ConcreteArray) or array.device == device:
        return array
    return ConcreteArray(selected().to_device(array.to_numpy(), device), array.aval)
