"""Memory for new arrays on the CPU, taken from arrays that are gone.

    pool.empty(shape, dtype)     an array whose memory comes back when nothing refers to it any more

Memory fresh from the system is handed out page by page, each page being cleared on its first use, and for a large
result that takes longer than computing it.  So blocks of memory are kept and used again.  An array from here is a
view of a *lease*, a `ctypes` array over a block; every view, slice and memoryview of it keeps the lease alive (as
`.base`), and when the last one goes, the lease's `__del__` hands the block back, at any time and in any thread.

Blocks have sizes in steps of at most a quarter; what a smaller array leaves of its block is never touched, so it
takes no memory.  Free blocks together keep to a bound, beyond which those that have been free for longest are
released.  Small arrays are left to the C library, which reuses memory by itself.
"""

from __future__ import annotations

import ctypes
import itertools
import os
from collections.abc import Callable
from contextlib import suppress
from math import prod
from operator import itemgetter
from typing import Any

import numpy as np

from cujax.engine.backends.array_address import address_of
from cujax.engine.ground.config import config

SMALL = 2**16  # bytes; below this the C library is quicker
ALIGNMENT = 64  # bytes: a line of the cache, and the widest vectors
_REMEMBERED = 4096  # numbers of bytes whose shelf is found at once
_clock = itertools.count()


class Block:
    """Memory that one lease at a time uses; of the free blocks the one with the least `freed` is free for longest."""

    __slots__ = ("address", "freed", "memory")

    def __init__(self, size: int) -> None:
        self.memory = np.empty(size + ALIGNMENT, np.uint8)
        self.address = -(-address_of(self.memory) // ALIGNMENT) * ALIGNMENT
        self.freed = 0


class Shelf:
    """The free blocks of one size, the one freed last at the end, and how to lease one."""

    __slots__ = ("blocks", "lease", "size")

    def __init__(self, size: int, given_back: Callable[[int], None]) -> None:
        self.size = size
        self.blocks: list[Block] = []
        put_back, tick = self.blocks.append, _clock.__next__

        def end(lease: Any) -> None:
            block = lease.block
            block.freed = tick()
            put_back(block)
            given_back(size)

        kind = {"_type_": ctypes.c_ubyte, "_length_": size, "__slots__": ("block",), "__del__": end}
        lease_type: Any = type("Lease", (ctypes.Array,), kind)
        self.lease: Callable[[int], Any] = lease_type.from_address


class Pool:
    """Blocks that are free, together at most `limit` bytes.

    There are no locks, since `__del__` may run in the middle of anything: blocks are taken from lists and put back by
    single steps of the interpreter.  The bound is looked after each time that an eighth of it has come back, so it
    may be exceeded by as much.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._shelves: dict[int, Shelf] = {}
        self._shelf_of_bytes: dict[int, Shelf] = {}
        self._unchecked = 0  # bytes that have come back since the bound was looked after

    def empty(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """An array in C order whose values are not set; MemoryError when even the free blocks do not help."""
        nbytes = prod(shape) * dtype.itemsize
        if nbytes < SMALL:
            return np.empty(shape, dtype)
        shelf = self._shelf_of_bytes.get(nbytes) or self._find_shelf(nbytes)
        try:
            block = shelf.blocks.pop()
        except IndexError:
            block = self._new_block(shelf.size)
        lease = shelf.lease(block.address)
        lease.block = block
        return np.ndarray(shape, dtype, lease)

    @property
    def free_bytes(self) -> int:
        """What the free blocks take."""
        return sum(len(shelf.blocks) * shelf.size for shelf in tuple(self._shelves.values()))

    def trim(self, limit: int = 0) -> None:
        """Release free blocks, those that have been so for longest first, until they take at most `limit` bytes."""
        excess = self.free_bytes - limit
        if excess > 0:
            free = [(block.freed, shelf, block) for shelf in tuple(self._shelves.values()) for block in shelf.blocks]
            for _, shelf, block in sorted(free, key=itemgetter(0)):
                if excess <= 0:
                    break
                with suppress(ValueError):  # another thread has taken it
                    shelf.blocks.remove(block)
                excess -= shelf.size

    def _new_block(self, size: int) -> Block:
        try:
            return Block(size)
        except MemoryError:
            self.trim()
            return Block(size)

    def _given_back(self, size: int) -> None:
        self._unchecked += size
        if self._unchecked > self.limit // 8:
            self._unchecked = 0
            self.trim(self.limit)

    def _find_shelf(self, nbytes: int) -> Shelf:
        if len(self._shelf_of_bytes) > _REMEMBERED:
            self._shelf_of_bytes.clear()
        size = size_class(nbytes)
        shelf = self._shelves.get(size) or self._shelves.setdefault(size, Shelf(size, self._given_back))
        self._shelf_of_bytes[nbytes] = shelf
        return shelf


def is_lease(owner: Any) -> bool:
    """Whether it is the base of an array from a pool."""
    return isinstance(getattr(owner, "block", None), Block)


def size_class(nbytes: int) -> int:
    """The size of the blocks that serve `nbytes`: four sizes between a power of two and the next."""
    step = 1 << max(0, nbytes.bit_length() - 3)
    return -(-nbytes // step) * step


def default_limit() -> int:
    """The option `host_pool_size`, else an eighth of the memory that this process may use."""
    chosen = config.host_pool_size
    return _memory() // 8 if chosen is None else chosen


def _memory() -> int:
    """Bytes of the machine, or of the container that this process runs in."""
    try:
        installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not a system that says so
        installed = 2**33
    return min(installed, _container_memory() or installed)


def _container_memory(path: str = "/sys/fs/cgroup/memory.max") -> int | None:
    """The bound of a container's memory; None without one."""
    try:
        with open(path) as file:
            return int(file.read())
    except (OSError, ValueError):  # no such file, or the word "max"
        return None
