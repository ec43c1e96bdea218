"""Names that JAX keeps under `jax.experimental`."""

from cujax.api.callbacks import io_callback
from cujax.api.options import enable_x64
from cujax.experimental import ode
from cujax.left_out import refusing

__all__ = ["enable_x64", "io_callback", "ode"]

__getattr__ = refusing(__name__)
