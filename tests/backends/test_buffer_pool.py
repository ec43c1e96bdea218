"""Pooled memory on the CPU, and the addresses of arrays."""

from __future__ import annotations

import gc
import os
import threading

import ml_dtypes
import numpy as np
import pytest

from cujax.engine.backends import array_address, buffer_pool
from cujax.engine.backends.array_address import address_of
from cujax.engine.backends.buffer_pool import ALIGNMENT, SMALL, Pool, default_limit, size_class
from cujax.engine.backends.host_backend import HostBackend
from cujax.engine.ground.config import config

F32 = np.dtype(np.float32)
BYTE = np.dtype(np.uint8)
MiB = 2**20


@pytest.fixture
def pool():
    return Pool(2**30)


# ---- arrays ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [bool, np.int8, np.float32, np.complex128, ml_dtypes.bfloat16, np.uint64])
@pytest.mark.parametrize("shape", [(MiB,), (64, 32, 80), (1, MiB, 1), ()])
def test_an_array_is_what_was_asked_for(pool, shape, dtype):
    array = pool.empty(shape, np.dtype(dtype))
    assert type(array) is np.ndarray and array.shape == shape and array.dtype == dtype
    assert array.flags.c_contiguous and array.flags.aligned and array.flags.writeable
    array[...] = 1
    assert (array == np.ones(shape, dtype)).all()


@pytest.mark.parametrize("nbytes", [SMALL, SMALL + 1, 3 * SMALL + 7, 5 * MiB + 3])
def test_large_arrays_begin_at_a_line_of_the_cache(pool, nbytes):
    for _ in range(3):
        array = pool.empty((nbytes,), BYTE)
        assert array.ctypes.data % ALIGNMENT == 0 and array.nbytes == nbytes


@pytest.mark.parametrize("shape", [(0,), (3, 0, 2), (0, MiB), (10,), (SMALL // 4 - 1,)])
def test_small_arrays_are_ordinary(pool, shape):
    array = pool.empty(shape, F32)
    assert array.shape == shape and array.base is None
    del array
    assert pool.free_bytes == 0


def test_sizes_are_rounded_up_by_a_quarter_at_most():
    for nbytes in (*range(1, 300), 2**16 - 1, 2**16, 2**16 + 1, 10**9, 2**40 + 1):
        size = size_class(nbytes)
        assert nbytes <= size <= max(nbytes * 1.25, nbytes + 1) and size_class(size) == size


# ---- coming back -------------------------------------------------------------------------------------------


def test_memory_comes_back_and_is_used_again(pool):
    array = pool.empty((MiB,), F32)
    first = array.ctypes.data
    assert pool.free_bytes == 0
    del array
    assert pool.free_bytes == 4 * MiB
    again = pool.empty((1024, 1020), F32)  # another shape of nearly the size
    assert again.ctypes.data == first and pool.free_bytes == 0


def test_what_was_freed_last_is_used_first(pool):
    arrays = [pool.empty((MiB,), F32) for _ in range(3)]
    addresses = [a.ctypes.data for a in arrays]
    for i in (1, 2, 0):
        arrays[i] = None
    arrays = [pool.empty((MiB,), F32) for _ in range(3)]
    assert [a.ctypes.data for a in arrays] == [addresses[0], addresses[2], addresses[1]]


VIEWS = {
    "slice": lambda a: a[10:20],
    "slice of a slice": lambda a: a[10:][:5][::2],
    "transpose": lambda a: a.reshape(1024, -1).T,
    "other dtype": lambda a: a.view(np.uint8),
    "broadcast": lambda a: np.broadcast_to(a[3:4], (5,)),
    "memoryview": memoryview,
    "buffer of a memoryview": lambda a: np.frombuffer(memoryview(a), np.uint8),
    "DLPack": lambda a: np.from_dlpack(a),
    "subclass": lambda a: a.view(np.recarray),
    "base": lambda a: a.base,
    "iterator": iter,
    "ctypes": lambda a: a.ctypes,
}


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_memory_does_not_come_back_while_there_is_a_view(pool, view):
    array = pool.empty((MiB,), F32)
    address = array.ctypes.data
    kept = view(array)
    del array
    assert pool.free_bytes == 0
    other = pool.empty((MiB,), F32)
    assert other.ctypes.data != address
    del kept, other
    assert pool.free_bytes == 8 * MiB


def test_memory_in_a_cycle_comes_back_with_it(pool):
    array = pool.empty((MiB,), F32)
    cycle = [array]
    cycle.append(cycle)
    del array, cycle
    gc.collect()
    assert pool.free_bytes == 4 * MiB


def test_arrays_outlive_the_pool():
    pool = Pool(2**30)
    array = pool.empty((MiB,), F32)
    array.fill(7)
    del pool
    gc.collect()
    assert (array == 7).all()


# ---- the bound ---------------------------------------------------------------------------------------------


def test_free_memory_keeps_to_the_bound():
    pool = Pool(10 * MiB)
    for count in (4, 8, 40):
        arrays = [pool.empty((MiB,), BYTE) for _ in range(count)]
        assert len({a.ctypes.data for a in arrays}) == count
        del arrays
        assert min(count * MiB, 9 * MiB) <= pool.free_bytes <= 12 * MiB


def test_those_free_for_longest_are_released_first(pool):
    arrays = [pool.empty((size * MiB,), BYTE) for size in (1, 2, 3, 4)]
    addresses = [a.ctypes.data for a in arrays]
    for i in (2, 0, 3, 1):
        arrays[i] = None
    pool.trim(6 * MiB)
    assert pool.free_bytes == 6 * MiB
    assert pool.empty((4 * MiB,), BYTE).ctypes.data == addresses[3]
    assert pool.empty((2 * MiB,), BYTE).ctypes.data == addresses[1]
    assert not pool._find_shelf(MiB).blocks and not pool._find_shelf(3 * MiB).blocks


def test_a_pool_without_room_keeps_nothing():
    pool = Pool(0)
    array = pool.empty((MiB,), F32)
    del array
    assert pool.free_bytes == 0


def test_trim_leaves_arrays_alone(pool):
    array = pool.empty((MiB,), F32)
    array.fill(3)
    del (other := {"array": pool.empty((MiB,), F32)})["array"]
    assert pool.free_bytes and not other
    pool.trim()
    assert pool.free_bytes == 0 and (array == 3).all()


def test_many_sizes_are_not_remembered_for_ever(pool):
    for nbytes in range(SMALL, SMALL + 5000):
        pool.empty((nbytes,), BYTE)
    assert len(pool._shelf_of_bytes) <= buffer_pool._REMEMBERED + 1
    assert pool.free_bytes == size_class(SMALL) + size_class(SMALL + 5000 - 1)


def test_without_memory_the_free_blocks_go_first(pool, monkeypatch):
    array = pool.empty((MiB,), F32)
    del array
    real, seen = buffer_pool.Block, []

    def short_of_memory(size):
        seen.append(pool.free_bytes)
        if pool.free_bytes:
            raise MemoryError
        return real(size)

    monkeypatch.setattr(buffer_pool, "Block", short_of_memory)
    assert pool.empty((2 * MiB,), F32).shape == (2 * MiB,)
    assert seen == [4 * MiB, 0]


def test_more_than_there_is():
    with pytest.raises(MemoryError):
        Pool(2**30).empty((2**60,), BYTE)


def test_the_default_is_a_share_of_the_memory(monkeypatch):
    monkeypatch.setattr(buffer_pool, "_container_memory", lambda: None)
    installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert default_limit() == installed // 8
    monkeypatch.setattr(buffer_pool, "_container_memory", lambda: 2**24)
    assert default_limit() == 2**21
    with config.override("host_pool_size", 0):
        assert default_limit() == 0


@pytest.mark.parametrize("content, expected", [("max\n", None), ("1048576\n", MiB), ("", None), (None, None)])
def test_the_memory_of_a_container(tmp_path, content, expected):
    path = tmp_path / "memory.max"
    if content is not None:
        path.write_text(content)
    assert buffer_pool._container_memory(str(path)) == expected


# ---- threads -----------------------------------------------------------------------------------------------


def test_threads_never_share_memory():
    pool, errors = Pool(8 * MiB), []

    def work(number):
        kept = []
        for step in range(400):
            array = pool.empty((SMALL + step % 3 * SMALL,), BYTE)
            array.fill(number)
            kept.append(array)
            if len(kept) > 5 and not (kept.pop(0) == number).all():
                errors.append((number, step))
            if step % 50 == 0:
                pool.trim()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors


# ---- the backend -------------------------------------------------------------------------------------------


def test_the_host_backend_takes_its_memory_from_a_pool():
    backend = HostBackend()
    array = backend.empty((MiB,), F32)
    address = array.ctypes.data
    del array
    again = backend.empty((MiB,), F32)
    assert again.ctypes.data == address
    del again
    backend.release_memory()
    assert backend._pool.free_bytes == 0


@pytest.mark.parametrize(
    "make",
    [
        lambda: np.arange(2 * MiB, dtype=np.float32)[::2],
        lambda: np.arange(MiB, dtype=np.float32).reshape(1024, 1024).T,
        lambda: np.arange(4 * MiB + 4, dtype=np.uint8)[1:-3].view(np.float32),
        lambda: np.broadcast_to(np.float32(3), (MiB,)),
        lambda: np.float32(3),
        lambda: np.zeros((0, 4), np.float32).T,
    ],
)
def test_what_is_not_contiguous_is_copied(make):
    source = make()
    copy = HostBackend().contiguous(source)
    assert isinstance(copy, np.ndarray) and copy.flags.c_contiguous and copy.flags.aligned
    assert copy.shape == source.shape and copy.dtype == source.dtype and copy.tobytes() == source.tobytes()


def test_what_is_contiguous_stays():
    array = np.zeros((3, 4), np.float32)
    assert HostBackend().contiguous(array) is array


# ---- addresses ---------------------------------------------------------------------------------------------

BASE = np.arange(24.0).reshape(4, 6)


@pytest.mark.parametrize(
    "array",
    [BASE, BASE[1:], BASE[:, ::-1], BASE.T, BASE[4:], np.zeros(0), np.zeros(()), np.ones(3, bool), BASE[::-2, 3]],
)
@pytest.mark.parametrize("find", [address_of, array_address._by_interface, array_address._by_structure])
def test_the_address_of_an_array(array, find):
    assert find(array) == array.ctypes.data


def test_the_address_of_an_array_that_is_only_read():
    array = np.arange(3)
    array.flags.writeable = False
    assert address_of(array) == array.ctypes.data
    assert address_of(np.frombuffer(b"abcd", np.uint8)[1:]) == np.frombuffer(b"abcd", np.uint8).ctypes.data + 1


def test_another_layout_of_arrays_is_noticed(monkeypatch):
    monkeypatch.setattr(array_address, "_by_structure", lambda array: 12345)
    assert array_address._choose() is array_address._by_interface
