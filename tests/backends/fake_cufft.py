"""cuFFT as CuPy wraps it, by NumPy: `FakeCufft` stands in for the module `cupy.cuda.cufft`.

As the real one it leaves out the factor of inverse transforms and spoils the operands of those with real results.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from itertools import chain
from math import prod
from typing import Any

import numpy as np

# number of the kind: the function of NumPy forward and backward, the types of operand and result
_KINDS = {
    0x29: ("fftn", "ifftn", "F", "F"), 0x2A: ("rfftn", None, "f", "F"), 0x2C: (None, "irfftn", "F", "f"),
    0x69: ("fftn", "ifftn", "D", "D"), 0x6A: ("rfftn", None, "d", "D"), 0x6C: (None, "irfftn", "D", "d"),
}  # fmt: skip


class FakeCufft:
    """See above.  plans: those that were made; calls: how many transforms there have been."""

    CUFFT_C2C, CUFFT_R2C, CUFFT_C2R, CUFFT_Z2Z, CUFFT_D2Z, CUFFT_Z2D = _KINDS
    CUFFT_FORWARD, CUFFT_INVERSE = -1, 1

    def __init__(self) -> None:
        self.plans: list[Plan] = []
        self.calls = 0

    def PlanNd(self, *given: Any) -> Plan:
        self.plans.append(Plan(self, *given))
        return self.plans[-1]


class Plan:
    """Of arrays in C order, transformed over their last axes."""

    def __init__(
        self, cufft: FakeCufft, shape: Sequence[int], inembed: Sequence[int], istride: int, idist: int,
        onembed: Sequence[int], ostride: int, odist: int, fft_type: int, batch: int, order: str, *last: Any,
    ) -> None:
        assert (istride, ostride, order, len(last)) == (1, 1, "C", 2)
        assert (idist, odist) == (prod(inembed), prod(onembed))
        assert all(0 < n < 2**31 for n in chain(shape, inembed, onembed, [batch]))
        assert 1 <= len(shape) <= 3
        self.cufft, self.shape, self.kind = cufft, tuple(shape), _KINDS[fft_type]
        self.places = (batch, *inembed), (batch, *onembed)

    def fft(self, x: Any, out: Any, direction: int) -> None:
        *names, of_x, of_out = self.kind
        (from_, to), name = self.places, names[direction == 1]
        source, target = _memory(x, from_, of_x), _memory(out, to, of_out)
        axes = tuple(range(1, len(from_)))
        norm = "forward" if direction == 1 else "backward"
        target[...] = getattr(np.fft, name)(source, s=self.shape, axes=axes, norm=norm)
        if name == "irfftn":
            source[...] = np.nan
        self.cufft.calls += 1


def _memory(array: Any, shape: tuple[int, ...], kind: str) -> np.ndarray:
    """Memory of the host at the array's address, which has to be that of complex numbers."""
    dtype = np.dtype(kind)
    nbytes = prod(shape) * dtype.itemsize
    assert array.nbytes == nbytes
    assert array.dtype == dtype
    assert array.data.ptr % np.dtype(kind.upper()).itemsize == 0
    return np.frombuffer((ctypes.c_char * nbytes).from_address(array.data.ptr), dtype).reshape(shape)
