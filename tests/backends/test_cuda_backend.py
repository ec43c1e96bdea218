"""The cuda backend's devices, streams and memory, on GPUs whose memory is the host's."""

from __future__ import annotations

import pickle
import re
from types import SimpleNamespace

import numpy as np
import pytest

from cujax.engine.backends.api import Device
from cujax.engine.backends.cuda import CudaBackend
from cujax.engine.backends.cuda_upload import LARGEST
from cujax.engine.backends.out_of_memory import run_with_less, size_text
from cujax.engine.ground.errors import IncompatibleDevicesError, OutOfMemoryError
from cujax.engine.ops.conversion import bitcast_convert_type_p, convert_element_type_p

cupy = pytest.importorskip("cupy", reason="CuPy is not installed; the test extra brings it")


@pytest.fixture
def one(gpu):
    return gpu(1)


@pytest.fixture
def two(gpu):
    return gpu(2)


# --- small arrays and constants ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [np.float32(1.5), np.bool_(True), np.int8(-3), np.float64(np.pi), np.complex128(1 - 2j), np.uint64(2**64 - 1),
     np.arange(5, dtype=np.int16), np.zeros((0, 3), np.float32), np.arange(16.0), np.arange(8.0).reshape(2, 4).T],
    ids=repr,
)
def test_small_arrays_travel_as_arguments(one, value):
    host = np.asarray(value)
    assert host.nbytes <= LARGEST
    buffer = CudaBackend().to_device(host)
    assert one.notes == [("launch", 0, 0)]
    assert buffer.shape == host.shape
    assert buffer.dtype == host.dtype
    np.testing.assert_array_equal(buffer.get(), host)


@pytest.mark.parametrize("dtype", ["float8_e4m3fn", "float8_e3m4", "int4"])
def test_dtypes_that_cupy_has_not(one, dtype):
    backend, few, many = CudaBackend(), np.ones(3, dtype), np.ones(LARGEST + 1, dtype)
    floats, words = one.array(np.ones(3, np.float32)), one.array(np.ones(3, np.uint8))
    for call in (
        lambda: backend.to_device(few), lambda: backend.to_device(many), lambda: backend.constant(few[0]),
        lambda: convert_element_type_p.impl(cupy, floats, new_dtype=few.dtype, weak_type=False),
        lambda: bitcast_convert_type_p.impl(cupy, words, new_dtype=few.dtype),
    ):  # fmt: skip
        with pytest.raises(NotImplementedError, match=f"arrays of {dtype} are not implemented on a GPU: CuPy has no"):
            call()


def test_one_upload_does_not_disturb_another(one):
    backend = CudaBackend()
    buffers = [backend.to_device(np.asarray(v)) for v in (np.float32(1), np.float32(2), np.float64(3))]
    assert [b.get() for b in buffers] == [1, 2, 3]


def test_large_arrays_are_copied(one, monkeypatch):
    copied = []
    monkeypatch.setattr(cupy, "asarray", copied.append)
    CudaBackend().to_device(np.zeros(LARGEST + 1, np.int8))
    assert len(copied) == 1
    assert one.notes == []


def test_arrays_go_to_the_device_that_is_named(two):
    backend = CudaBackend()
    buffer = backend.to_device(np.arange(3.0), backend.devices()[1])
    assert two.notes == [("launch", 1, 0)]
    assert backend.device_of(buffer) == Device("gpu", 1, "Fake 1")
    assert two.device == 0


def test_constants_are_stored_once_for_value_dtype_and_device(two):
    backend = CudaBackend()
    first = backend.constant(np.float32(2))
    assert backend.constant(np.float32(2)) is first
    assert backend.constant(first) is first
    assert first.shape == ()
    assert backend.constant(np.float64(2)).dtype == np.float64
    assert backend.constant(np.float32(0.0)) is not backend.constant(np.float32(-0.0))
    two.device = 1
    assert backend.device_of(backend.constant(np.float32(2))).id == 1
    assert two.notes == [("launch", 0, 0)] * 4 + [("launch", 1, 0)]


def test_another_stream_waits_once_for_constants(one):
    from fake_gpu import Stream

    backend = CudaBackend()
    backend.constant(np.float32(2))
    with backend.quiet():
        pass
    assert one.notes == [("launch", 0, 0)]  # in order with the default stream
    with Stream(one, 4242):
        for _ in range(2):
            with backend.quiet():
                pass
        assert one.notes[1:] == [("synchronize", 0, 0)]
        backend.constant(np.float32(3))
        assert one.notes[2:] == [("launch", 0, 0), ("synchronize", 0, 0)]


# --- devices ------------------------------------------------------------------------------------------


def test_devices_are_asked_for_once(two, monkeypatch):
    backend = CudaBackend()
    monkeypatch.setattr(cupy.cuda.runtime, "getDeviceProperties", None)
    assert [str(d) for d in backend.devices()] == ["cuda:0", "cuda:1"]
    assert [d.device_kind for d in backend.devices()] == ["Fake 0", "Fake 1"]


def test_ops_run_where_their_operands_are(two):
    backend = CudaBackend()
    here, there, scalar = two.array([1.0], 0), two.array([1.0], 1), two.array(1.0, 0)
    holder = SimpleNamespace(buffer=there)
    for operands, number in (([here], 0), ([there], 1), ([scalar, there], 1), ([holder, 2.0], 1), ([], 0)):
        with backend.quiet(operands):
            assert two.device == number
        assert two.device == 0


def test_operands_on_several_devices_are_refused(two):
    operands = [two.array([1.0], 0), two.array(1.0, 1), two.array([1.0], 1)]
    expected = "Received incompatible devices for an operation: argument 0 lives on cuda:0 and argument 2 on cuda:1. "
    with pytest.raises(IncompatibleDevicesError, match=re.escape(expected)):
        CudaBackend().quiet(operands)


def test_scalars_of_a_program_follow_its_arrays(two, monkeypatch):
    monkeypatch.setattr(cupy, "array", lambda x: two.array(x.get(), two.device))
    backend = CudaBackend()
    scalar, there = two.array(2.5, 0), two.array([1.0], 1)
    placed = backend.place([scalar, there], "step")
    assert [backend.device_of(b).id for b in placed] == [1, 1]
    assert placed[0].get() == 2.5
    assert placed[1] is there
    alone = [two.array(1.0, 0), two.array(2.0, 0)]
    assert backend.place(alone, "step") is alone


def test_arguments_on_several_devices_are_named(two):
    buffers = [two.array([1.0], 1), two.array([1.0], 0)]
    with pytest.raises(IncompatibleDevicesError) as found:
        CudaBackend().place(buffers, "step")
    error = pickle.loads(pickle.dumps(found.value))
    assert str(error) == str(found.value)
    assert str(error.naming(["state['x']", "dt"])) == (
        "Received incompatible devices for step: state['x'] lives on cuda:1 and dt on cuda:0. "
        "Bring both to one device, for example by cujax.device_put(y, x.device)."
    )


def test_a_single_device_costs_nothing(one, monkeypatch):
    backend = CudaBackend()
    monkeypatch.setattr(backend._devices, "common", None)
    buffers = [one.array([1.0])]
    assert backend.place(buffers, "f") is buffers
    assert backend.quiet(buffers) is backend.quiet()


def test_waiting_and_reading_happen_on_the_arrays_device(two):
    backend = CudaBackend()
    buffer = two.array([1.0, 2.0], 1)
    backend.synchronize([buffer])
    assert two.notes == [("synchronize", 1, 0)]
    backend.synchronize([buffer, two.array([1.0]), buffer])
    assert sorted(two.notes[1:]) == [("synchronize", 0, 0), ("synchronize", 1, 0)]
    assert backend.to_host(buffer).tolist() == [1, 2]
    assert backend.to_host(np.float32(3)) == 3


# --- buffers of kernels -------------------------------------------------------------------------------


def test_kernels_get_contiguous_and_aligned_buffers(one, monkeypatch):
    copied = []
    monkeypatch.setattr(cupy, "array", lambda x, order: copied.append(x))
    backend = CudaBackend()
    room = np.zeros(64, np.float32)
    start = -room.ctypes.data % 16
    memory = cupy.cuda.MemoryPointer(cupy.cuda.UnownedMemory(room.ctypes.data, room.nbytes, room, 0), start)
    whole = cupy.ndarray((4, 4), np.float32, memory)
    assert backend.contiguous(whole) is whole
    backend.contiguous(whole.T)
    backend.contiguous(whole.reshape(-1)[1:])
    assert len(copied) == 2


# --- other libraries ----------------------------------------------------------------------------------


def test_arrays_of_other_libraries_are_adopted(one, monkeypatch):
    monkeypatch.setattr(cupy, "asarray", lambda x: ("interface", x))
    monkeypatch.setattr(cupy, "from_dlpack", lambda x: ("dlpack", x))
    backend = CudaBackend()
    interface = SimpleNamespace(__cuda_array_interface__={})
    on_device = SimpleNamespace(__dlpack_device__=lambda: (2, 0))
    on_host = SimpleNamespace(__dlpack_device__=lambda: (1, 0))
    assert backend.adopt(interface) == ("interface", interface)
    assert backend.adopt(on_device) == ("dlpack", on_device)
    assert backend.adopt(on_host) is None
    assert backend.adopt(np.zeros(3)) is None


def test_arrays_are_handed_over_on_their_device(two):
    backend = CudaBackend()
    with backend.export(two.array([1.0], 1)):
        assert two.device == 1
    assert two.device == 0


# --- memory ---------------------------------------------------------------------------------------------


def test_unused_memory_is_given_back_before_the_second_try(one):
    backend, tries = CudaBackend(), []

    def call():
        tries.append(list(one.notes))
        return "result"

    assert run_with_less(call, backend, "jit(f)", list) == "result"
    assert tries == [[("free", "memory"), ("free", "pinned")]]


def test_out_of_memory_says_what_is_held(one):
    one.free_bytes, one.pooled_bytes = 3 * 2**29, 60 * 2**30

    def call():
        raise cupy.cuda.memory.OutOfMemoryError(2**33, 60 * 2**30)

    held = [(f"y{i}: float32[{i}]", i * 2**20) for i in range(1, 9)]
    with pytest.raises(OutOfMemoryError) as found:
        run_with_less(call, CudaBackend(), "jit(step)", lambda: held)
    assert str(found.value) == (
        "RESOURCE_EXHAUSTED: Out of memory: jit(step) asked for 8.0 GiB (8,589,934,592 bytes); "
        "1.5 GiB of the device's 64.0 GiB are free, and arrays of this process hold 60.0 GiB.\n"
        "The largest buffers that it holds:\n"
        "     8.0 MiB  y8: float32[8]\n"
        "     7.0 MiB  y7: float32[7]\n"
        "     6.0 MiB  y6: float32[6]\n"
        "     5.0 MiB  y5: float32[5]\n"
        "     4.0 MiB  y4: float32[4]"
    )
    assert isinstance(found.value, MemoryError)
    assert isinstance(found.value.__cause__, cupy.cuda.memory.OutOfMemoryError)


def test_out_of_memory_of_numpy_is_read_too(one):
    with pytest.raises(OutOfMemoryError, match=r"f asked for 7\.1 PiB \(8,000,000,000,000,000 bytes\); .* GiB\.$"):
        run_with_less(lambda: np.empty(10**15), CudaBackend(), "f", list)


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (2**30, "1.0 GiB"), (2**62, "4096.0 PiB")],
)
def test_sizes_in_words(size, text):
    assert size_text(size) == text


# --- memory that nobody else sees -------------------------------------------------------------------------


VIEWS = {
    "slice": lambda a: a[1:], "reshape": lambda a: a.reshape(2, 2), "view": lambda a: a.view(),
    "pointer": lambda a: a.data, "memory": lambda a: a.data.mem, "part": lambda a: a.data + 4,
}


@pytest.mark.parametrize("name", VIEWS)
def test_memory_is_exclusive_while_nothing_else_refers_to_it(one, name):
    backend = CudaBackend()
    backend._foreign_memory = ()  # the memory of these devices is CuPy's kind for that of others
    buffer = one.array(np.arange(4, dtype=np.float32))
    assert backend.is_exclusive(buffer)
    other = VIEWS[name](buffer)
    assert not backend.is_exclusive(buffer)
    del other
    assert backend.is_exclusive(buffer)


def test_memory_of_others_is_not_exclusive(one):
    assert not CudaBackend().is_exclusive(one.array(np.arange(4)))
