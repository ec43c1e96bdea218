"""Meshes of devices, and which axis of an array lies along which axis of a mesh.

Arrays live on one device, so a mesh has one: all its axes are of length 1.  Programs written for many devices run as
they are on it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from enum import Enum
from math import prod
from typing import Any, NoReturn

import numpy as np

from cujax.api.devices import devices as all_devices
from cujax.engine.backends.api import Device
from cujax.engine.core.array import describe_value


class AxisType(Enum):
    """Who divides what lies along an axis of a mesh; with one device there is nothing to divide."""

    Auto = "Auto"
    Explicit = "Explicit"
    Manual = "Manual"

    def __repr__(self) -> str:
        return self.name


class _Unconstrained:
    def __repr__(self) -> str:
        return "UNCONSTRAINED"


class PartitionSpec:
    """For each axis of an array the name of the axis of the mesh that it is divided along, several names, or None."""

    UNCONSTRAINED = _Unconstrained()

    def __init__(self, *partitions: Any, unreduced: Any = frozenset(), reduced: Any = frozenset()) -> None:
        self.partitions = tuple(_one_name(p) for p in partitions)
        self.unreduced, self.reduced = frozenset(unreduced), frozenset(reduced)

    def _key(self) -> tuple[Any, ...]:
        return self.partitions, self.unreduced, self.reduced

    def __repr__(self) -> str:
        return f"P({', '.join(map(repr, self.partitions))}{',' * (len(self.partitions) == 1)})"

    def __iter__(self) -> Iterator[Any]:
        return iter(self.partitions)

    def __len__(self) -> int:
        return len(self.partitions)

    def __getitem__(self, index: Any) -> Any:
        return self.partitions[index]

    def __add__(self, other: Any) -> PartitionSpec:
        if not isinstance(other, tuple | PartitionSpec):
            return NotImplemented
        return PartitionSpec(*self, *other, unreduced=self.unreduced, reduced=self.reduced)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PartitionSpec) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def index(self, value: Any) -> int:
        """Number of the axis that is divided along `value`; ValueError when there is none."""
        return self.partitions.index(_one_name(value))

    def count(self, value: Any) -> int:
        """How many axes are divided along `value`."""
        return self.partitions.count(_one_name(value))

    def update(self, *, partitions: Any = None, unreduced: Any = None, reduced: Any = None) -> PartitionSpec:
        """A copy with some of its parts replaced."""
        return PartitionSpec(
            *(self.partitions if partitions is None else partitions),
            unreduced=self.unreduced if unreduced is None else unreduced,
            reduced=self.reduced if reduced is None else reduced,
        )

    def names(self) -> list[Any]:
        """All names of axes of a mesh in it, one after the other."""
        entries = [p if isinstance(p, tuple) else (p,) for p in self.partitions]
        return [name for entry in entries for name in entry if name is not None and name is not self.UNCONSTRAINED]


def _one_name(partition: Any) -> Any:
    if isinstance(partition, list | tuple):
        return partition[0] if len(partition) == 1 else tuple(partition) or None
    return partition


class AbstractMesh:
    """A mesh without its devices: names of axes and their lengths."""

    def __init__(
        self, axis_sizes: Sequence[int], axis_names: Sequence[Any], axis_types: Any = None, *,
        abstract_device: Any = None,
    ) -> None:
        self.axis_sizes, self.axis_names = tuple(axis_sizes), tuple(axis_names)
        if len(self.axis_sizes) != len(self.axis_names):
            raise ValueError(
                f"AbstractMesh: axis_sizes, {self.axis_sizes}, and axis_names, {self.axis_names}, must be of one number"
            )
        self.axis_types = _axis_types(axis_types, len(self.axis_names))

    @property
    def shape(self) -> OrderedDict[Any, int]:
        """Length of each axis, by its name."""
        return OrderedDict(self.shape_tuple)

    @property
    def shape_tuple(self) -> tuple[tuple[Any, int], ...]:
        return tuple(zip(self.axis_names, self.axis_sizes, strict=True))

    @property
    def size(self) -> int:
        """Number of devices."""
        return prod(self.axis_sizes) if self.axis_names else 0

    @property
    def empty(self) -> bool:
        """Whether it is no mesh: `get_abstract_mesh` and `get_mesh` say so outside of every mesh."""
        return self.size == 0

    @property
    def abstract_mesh(self) -> AbstractMesh:
        return AbstractMesh(self.axis_sizes, self.axis_names, self.axis_types)

    def _key(self) -> tuple[Any, ...]:
        return type(self), self.shape_tuple, self.axis_types

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AbstractMesh) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        axes = "".join(f"{name!r}: {size}, " for name, size in self.shape_tuple)
        return f"{type(self).__name__}({axes}axis_types={self.axis_types})"


class Mesh(AbstractMesh):
    """`devices`, an array of devices with a name for each axis; in a `with` block it is the mesh in force.

    ValueError when names and axes are not of one number, and NotImplementedError for several devices.
    """

    def __init__(self, devices: Any, axis_names: Any, axis_types: Any = None) -> None:
        self.devices = np.array(devices, dtype=object)
        names = (axis_names,) if isinstance(axis_names, str) else tuple(axis_names)
        if self.devices.ndim != len(names):
            raise ValueError(
                "Mesh requires the ndim of its first argument (`devices`) to equal the length of its second argument "
                f"(`axis_names`), but got devices.ndim == {self.devices.ndim} and len(axis_names) == {len(names)}."
            )
        if self.devices.size > 1:
            _refuse_several(self.devices.shape)
        super().__init__(self.devices.shape, names, axis_types)
        self._around: list[Any] = []

    @property
    def local_devices(self) -> list[Device]:
        return list(self.devices.flat)

    @property
    def local_mesh(self) -> Mesh:
        return self

    @property
    def device_ids(self) -> np.ndarray:
        return np.array([d.id for d in self.devices.flat], int).reshape(self.devices.shape)

    @property
    def is_multi_process(self) -> bool:
        return False

    def __enter__(self) -> Mesh:
        self._around.append(_set(self))
        return self

    def __exit__(self, *error: Any) -> None:
        _set(self._around.pop())


def _axis_types(given: Any, count: int) -> tuple[AxisType, ...]:
    types = (given or AxisType.Auto,) * count if given is None or isinstance(given, AxisType) else tuple(given)
    if len(types) != count:
        raise ValueError(f"Number of axis names should match the number of axis_types. Got {count} names and {types}")
    return types


def _refuse_several(shape: Any) -> NoReturn:
    raise NotImplementedError(
        f"a mesh of devices of shape {tuple(shape)}: arrays live on one device, so a mesh has one. Make it of "
        "cujax.devices()[:1], with axes of length 1."
    )


# --- the mesh in force ------------------------------------------------------------------------------------------------


class _InForce(threading.local):
    mesh: Mesh | None = None


_in_force = _InForce()


def _set(mesh: Mesh | None) -> Mesh | None:
    before, _in_force.mesh = _in_force.mesh, mesh
    return before


class set_mesh:
    """Makes `mesh` the one in force from now on, or in a `with` block until its end.  TypeError for no mesh."""

    def __init__(self, mesh: Mesh | None) -> None:
        if not (mesh is None or isinstance(mesh, Mesh)):
            raise TypeError(f"set_mesh: expected a cujax.sharding.Mesh, got {describe_value(mesh)}")
        self._before = _set(mesh)

    def __enter__(self) -> None:
        return None

    def __exit__(self, *error: Any) -> None:
        _set(self._before)


def get_mesh() -> Mesh:
    """The mesh in force; an empty one where there is none."""
    return _in_force.mesh or Mesh(np.empty((), object), ())


def get_abstract_mesh() -> AbstractMesh:
    """The mesh in force without its devices; an empty one where there is none."""
    return get_mesh().abstract_mesh


# --- making meshes ----------------------------------------------------------------------------------------------------


def create_device_mesh(
    mesh_shape: Sequence[int],
    devices: Sequence[Any] | None = None,
    *,
    contiguous_submeshes: bool = False,
    allow_split_physical_axes: bool = False,
) -> np.ndarray:
    """`devices`, by default all, as an array of `mesh_shape`, as `Mesh` takes it; ValueError for another number."""
    found = list(all_devices() if devices is None else devices)
    if len(found) != prod(mesh_shape):
        raise ValueError(f"Number of devices {len(found)} must equal the product of mesh_shape {tuple(mesh_shape)}")
    return np.array(found, dtype=object).reshape(tuple(mesh_shape))


def make_mesh(
    axis_shapes: Sequence[int], axis_names: Sequence[Any], axis_types: Any = None, *, devices: Any = None
) -> Mesh:
    """A mesh of the first devices, with axes of the given lengths, each 1, and names.

    ValueError for more devices than there are, or when lengths and names are not of one number.
    """
    shape, found = tuple(axis_shapes), list(all_devices() if devices is None else devices)
    if len(shape) != len(tuple(axis_names)):
        raise ValueError(
            "make_mesh: axis_shapes and axis_names must be the same length, "
            f"but got axis_shapes={shape} and axis_names={tuple(axis_names)}"
        )
    if prod(shape) > len(found):
        raise ValueError(f"Number of devices {len(found)} must be >= the product of mesh_shape {shape}")
    mesh_devices = np.array(found[: prod(shape)], dtype=object).reshape(shape)
    return Mesh(mesh_devices, axis_names, AxisType.Explicit if axis_types is None else axis_types)
