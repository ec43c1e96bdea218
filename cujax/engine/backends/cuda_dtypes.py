"""Dtypes of which CuPy has no arrays: floats of 8 bits and integers of 4, which NumPy has by ml_dtypes.

CuPy refuses some of them, and takes others for the dtype of its own that has the same letter.
"""

from __future__ import annotations

from typing import Any

from cujax.engine.ground import dtypes

LACKING = frozenset((*dtypes.FLOAT8S, *dtypes.INT4S))


def check_dtype(dtype: Any) -> None:
    """NotImplementedError for a dtype that arrays on a GPU cannot have."""
    if dtype in LACKING:
        raise NotImplementedError(
            f"arrays of {dtype} are not implemented on a GPU: CuPy has no such dtype. Run it on the CPU: "
            "CUJAX_PLATFORM=cpu."
        )
