"""`checkpoint`, names for intermediate values, and policies that say which of them reverse mode keeps."""

from cujax import checkpoint_policies
from cujax.api.remat import checkpoint, checkpoint_name, remat
from cujax.api.saved_residuals import print_saved_residuals, saved_residuals

__all__ = [
    "checkpoint",
    "checkpoint_name",
    "checkpoint_policies",
    "print_saved_residuals",
    "remat",
    "saved_residuals",
]
