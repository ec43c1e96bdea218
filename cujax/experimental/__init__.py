"""Names that JAX keeps under `jax.experimental`."""

from cujax.api.callbacks import io_callback
from cujax.api.options import enable_x64
from cujax.experimental import checkify, mesh_utils, ode, optimizers, shard_map, stax
from cujax.left_out import refusing

__all__ = ["checkify", "enable_x64", "io_callback", "mesh_utils", "ode", "optimizers", "shard_map", "stax"]

__getattr__ = refusing(__name__)
