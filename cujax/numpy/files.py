"""Printing arrays and reading and writing them in NumPy's file formats."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cujax.engine.core.array import Array
from cujax.numpy.creation import asarray

get_printoptions = np.get_printoptions
printoptions = np.printoptions
set_printoptions = np.set_printoptions
save = np.save
savez = np.savez


def array_repr(
    arr: Array,
    max_line_width: int | None = None,
    precision: int | None = None,
    suppress_small: bool | None = None,
) -> str:
    """`repr(arr)`, with NumPy's print options replaced by those given."""
    return _printed(repr, arr, max_line_width, precision, suppress_small)


def array_str(
    a: Array,
    max_line_width: int | None = None,
    precision: int | None = None,
    suppress_small: bool | None = None,
) -> str:
    """`str(a)`, with NumPy's print options replaced by those given."""
    return _printed(str, a, max_line_width, precision, suppress_small)


def _printed(show: Callable[[Any], str], a: Array, width: Any, precision: Any, suppress: Any) -> str:
    given = {"linewidth": width, "precision": precision, "suppress": suppress}
    with np.printoptions(**{name: value for name, value in given.items() if value is not None}):
        return show(a)


def load(file: Any, *args: Any, **kwargs: Any) -> Array | Any:
    """The array in a .npy file; what `np.load` gives for other files."""
    found = np.load(file, *args, **kwargs)
    return asarray(found) if isinstance(found, np.ndarray) else found
