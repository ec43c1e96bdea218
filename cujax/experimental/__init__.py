"""Names that JAX keeps under `jax.experimental`."""

from cujax.api.callbacks import io_callback
from cujax.api.options import enable_x64

__all__ = ["enable_x64", "io_callback"]
