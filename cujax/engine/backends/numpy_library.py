"""What ops need of the CPU beyond the functions that NumPy and CuPy share.

`cuda_library.py` has the same functions for CuPy; a test holds the two to one set of signatures.
SciPy is used where it is installed; without it the same results come from NumPy, more slowly.
"""

from __future__ import annotations

from cujax.engine.backends.numpy_bits import reduce_bits
from cujax.engine.backends.numpy_special import digamma, erf, erfc, lgamma, polygamma

__all__ = ["digamma", "erf", "erfc", "lgamma", "polygamma", "reduce_bits"]
