"""Arrays of devices for meshes."""

from cujax.api.mesh import create_device_mesh

__all__ = ["create_device_mesh"]
