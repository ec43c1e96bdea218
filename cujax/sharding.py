"""Meshes of devices and shardings.  Arrays live on one device, so a mesh has one, and every sharding means it."""

from cujax.api.mesh import AbstractMesh, AxisType, Mesh, PartitionSpec, get_abstract_mesh, get_mesh, set_mesh
from cujax.api.sharding import NamedSharding, Sharding, SingleDeviceSharding, reshard
from cujax.left_out import refusing

__all__ = [
    "AbstractMesh",
    "AxisType",
    "Mesh",
    "NamedSharding",
    "PartitionSpec",
    "Sharding",
    "SingleDeviceSharding",
    "get_abstract_mesh",
    "get_mesh",
    "reshard",
    "set_mesh",
]

__getattr__ = refusing(__name__)
