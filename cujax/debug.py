"""Looking at values inside traced functions while they run."""

from cujax.api.callbacks import debug_callback as callback
from cujax.api.callbacks import debug_log as log
from cujax.api.callbacks import debug_print as print
from cujax.api.console import breakpoint
from cujax.left_out import refusing

__all__ = ["breakpoint", "callback", "log", "print"]

__getattr__ = refusing(__name__)
