"""The public face on a device: streams, other libraries, memory, several devices."""

from __future__ import annotations

import numpy as np
import pytest

import cujax
import cujax.numpy as jnp
from cujax.engine.backends.select import selected

cupy = pytest.importorskip("cupy", reason="CuPy is not installed")


@pytest.fixture(autouse=True)
def on_cuda(device):
    """These tests need a process that uses the device."""
    if selected().name != "cuda":
        pytest.skip(f"this process uses the {selected().name} backend; set CUJAX_PLATFORM=cuda")


def step(x, dt):
    for _ in range(4):
        x = jnp.roll(x, 1) * dt + jnp.sin(x)
    return x


def test_a_program_on_a_stream_of_the_user():
    run, x = cujax.jit(step), np.linspace(0, 1, 10_000, dtype=np.float32)
    expected = np.asarray(run(x, 0.5))
    for non_blocking in (False, True):
        with cupy.cuda.Stream(non_blocking=non_blocking) as _:
            for _ in range(3):
                np.testing.assert_array_equal(np.asarray(run(x, 0.5)), expected)


def test_constants_are_there_for_a_stream_that_waits_for_nobody():
    x = jnp.arange(1000.0)
    cujax.block_until_ready(x)
    with cupy.cuda.Stream(non_blocking=True) as _:
        for number in range(50):
            value = 0.1 + number
            np.testing.assert_array_equal(np.asarray(x * value), np.asarray(x) * np.float32(value))


def test_donated_arrays_are_overwritten_where_nobody_sees_it():
    double = cujax.jit(lambda x: x * 2, donate_argnums=0)
    x = double(jnp.ones(10_000))
    place = x.buffer.data.ptr
    for _ in range(5):
        before, x = x, double(x)
        assert before.is_deleted() and x.buffer.data.ptr == place
    for export in (cupy.asarray, cupy.from_dlpack):
        theirs = export(x)
        y = double(x)
        assert not x.is_deleted()
        assert float(y[0]) == 2 * float(x[0]) == 2 * float(theirs[0])
        x = y


def test_exchange_with_cupy():
    x = jnp.arange(5.0) + 1
    theirs = cupy.from_dlpack(x)
    assert theirs.tolist() == [1, 2, 3, 4, 5]
    assert cupy.asarray(x).data.ptr == theirs.data.ptr
    for ours in (jnp.asarray(theirs), jnp.from_dlpack(theirs)):
        theirs_after = cupy.asarray(ours)
        assert theirs_after.data.ptr != theirs.data.ptr  # they may write to theirs
        assert ours.tolist() == [1, 2, 3, 4, 5]


def test_exchange_with_torch():
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("this PyTorch has no CUDA")
    x = jnp.arange(5.0) + 1
    with torch.cuda.stream(torch.cuda.Stream()):
        tensor = torch.from_dlpack(x) * 2
    torch.cuda.synchronize()
    assert tensor.tolist() == [2, 4, 6, 8, 10]
    assert jnp.from_dlpack(tensor).tolist() == [2, 4, 6, 8, 10]
    assert jnp.asarray(tensor).tolist() == [2, 4, 6, 8, 10]


def test_memory_runs_out_and_the_engine_lives_on():
    pool = cupy.get_default_memory_pool()
    x = cujax.block_until_ready(jnp.ones((1024, 1024)))
    pool.free_all_blocks()
    limit = pool.get_limit()
    pool.set_limit(size=pool.total_bytes() + 64 * 2**20)
    try:
        with pytest.raises(cujax.errors.OutOfMemoryError, match="RESOURCE_EXHAUSTED: Out of memory") as found:
            jnp.broadcast_to(x, (64, 1024, 1024)) + 1
        assert "268,435,456 bytes" in str(found.value)
        assert float((x + 1).sum()) == 2 * 1024**2
    finally:
        pool.set_limit(size=limit)
    assert (jnp.broadcast_to(x, (64, 1024, 1024)) + 1).shape == (64, 1024, 1024)


def test_cupys_allocator_is_used():
    asked = []
    pool = cupy.cuda.MemoryPool()

    def malloc(size):
        asked.append(size)
        return pool.malloc(size)

    run, x = cujax.jit(step), np.linspace(0, 1, 10_000, dtype=np.float32)
    run(x, 0.5)
    with cupy.cuda.using_allocator(malloc):
        cujax.block_until_ready(run(x, 0.5))
    assert max(asked) >= 40_000


def test_programs_run_where_their_arguments_are(several_devices):
    there = cujax.devices()[1]
    x = np.linspace(0, 1, 10_000, dtype=np.float32)
    run = cujax.jit(step)
    for _ in range(3):
        here, moved = run(x, 0.5), run(cujax.device_put(x, there), 0.5)
        assert here.device == cujax.devices()[0]
        assert moved.device == there
        np.testing.assert_array_equal(np.asarray(here), np.asarray(moved))
    assert (cujax.device_put(x, there) + 1).device == there


def test_arguments_on_several_devices_are_named(several_devices):
    x, y = (cujax.device_put(np.ones(3, np.float32), d) for d in cujax.devices()[:2])
    with pytest.raises(ValueError, match=r"incompatible devices for .*: .* lives on cuda:0 and .* on cuda:1"):
        cujax.jit(lambda x, y: x + y)(x, y)
    with pytest.raises(ValueError, match="incompatible devices"):
        x + y
