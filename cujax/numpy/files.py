"""Printing arrays and reading and writing them in NumPy's file formats."""

from __future__ import annotations

from typing import Any

import numpy as np

from cujax.engine.core.array import Array
from cujax.numpy.creation import asarray

array_repr = np.array_repr
array_str = np.array_str
get_printoptions = np.get_printoptions
printoptions = np.printoptions
set_printoptions = np.set_printoptions
save = np.save
savez = np.savez


def load(file: Any, *args: Any, **kwargs: Any) -> Array | Any:
    """The array in a .npy file; what `np.load` gives for other files."""
    found = np.load(file, *args, **kwargs)
    return asarray(found) if isinstance(found, np.ndarray) else found
