"""Looking at values inside traced functions while they run."""

from cujax.api.callbacks import debug_callback as callback
from cujax.api.callbacks import debug_print as print

__all__ = ["callback", "print"]
