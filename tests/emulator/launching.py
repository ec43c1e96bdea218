"""What a launch is: slots, limits, and the record that the machine reads."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from emulator.errors import EmulatorError
from emulator.orders import Order, permutation

MOST_BLOCKS = (2**31 - 1, 65535, 65535)
MOST_THREADS = (1024, 1024, 64)
MOST_SHARED_BYTES = 232448  # of sm_90

Sizes = tuple[int, int, int]


class Launch(ctypes.Structure):
    """As in device/machine.h."""

    _fields_ = [
        ("grid", ctypes.c_uint32 * 3),
        ("block", ctypes.c_uint32 * 3),
        ("shared_bytes", ctypes.c_uint64),
        ("block_order", ctypes.c_uint64 * 2),
        ("thread_order", ctypes.c_uint64 * 2),
        ("blocks", ctypes.c_void_p),
        ("block_count", ctypes.c_uint64),
        ("time_limit", ctypes.c_uint64),
        ("find_races", ctypes.c_uint64),
    ]


def slots_of(*arguments: Any) -> np.ndarray:
    """Slots for arrays, by their address, and integers."""
    words = [a.ctypes.data if isinstance(a, np.ndarray) else int(a) % 2**64 for a in arguments]
    return np.array(words, np.uint64)


def three(sizes: Sequence[int]) -> Sizes:
    """Sizes along x, y and z, of which trailing ones may be left out."""
    x, y, z = (*map(int, sizes), 1, 1)[:3]
    return x, y, z


def launch_record(
    grid: Sizes, block: Sizes, shared_bytes: int, order: Order, blocks: Sequence[int] | None = None
) -> Launch:
    """The launch for the machine.  blocks: the numbers of those to run, or None for all."""
    numbers = None if blocks is None else np.array(blocks, np.uint64)
    count = prod(grid) if numbers is None else len(numbers)
    launch = Launch(grid, block, shared_bytes, permutation(order, count), permutation(order, prod(block)))
    if numbers is not None:
        launch.blocks, launch.block_count = numbers.ctypes.data, count
        launch.numbers = numbers  # live as long as the launch
    return launch


def check_launch(name: str, most_threads: int, grid: Sizes, block: Sizes, shared_bytes: int) -> None:
    """EmulatorError for a launch that a device refuses.  most_threads: as the kernel's __launch_bounds__ say."""
    wrong = None
    if any(n < 1 or n > most for n, most in zip(grid, MOST_BLOCKS, strict=True)):
        wrong = f"a grid of {grid} blocks, where {MOST_BLOCKS} are the most"
    elif any(n < 1 or n > most for n, most in zip(block, MOST_THREADS, strict=True)):
        wrong = f"a block of {block} threads, where {MOST_THREADS} are the most"
    elif prod(block) > most_threads:
        wrong = f"a block of {prod(block)} threads, where {most_threads} are the most for this kernel"
    elif not 0 <= shared_bytes <= MOST_SHARED_BYTES:
        wrong = f"{shared_bytes} bytes of shared memory, where {MOST_SHARED_BYTES} are the most"
    if wrong:
        raise EmulatorError(f"launch of {name}: {wrong}")
