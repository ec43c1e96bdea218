"""Arrays handed to other libraries and taken from them, on GPUs whose memory is the host's."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

import cujax
import cujax.numpy as jnp
from cujax.engine.backends import select
from cujax.engine.backends.cuda import CudaBackend
from cujax.engine.core.array import ConcreteArray
from cujax.engine.core.aval import ShapedArray

cupy = pytest.importorskip("cupy", reason="CuPy is not installed; the test extra brings it")


@pytest.fixture
def two(gpu, monkeypatch):
    """Two GPUs, which this process uses."""
    found = gpu(2)
    monkeypatch.setattr(select, "_selected", CudaBackend())
    return found


def array(gpu, values, device: int) -> ConcreteArray:
    """An array on a device whose buffer notes how it is handed over and on which device."""

    class Noting(cupy.ndarray):
        def __dlpack__(self, **kwargs):
            gpu.notes.append((gpu.device, kwargs))
            return "capsule"

        def __dlpack_device__(self):
            return (2, self.device.id)

        @property
        def __cuda_array_interface__(self):
            return {"stream": 100 + gpu.device, "version": 3}

    plain = gpu.array(values, device)
    return ConcreteArray(
        Noting(plain.shape, plain.dtype, plain.data), ShapedArray(plain.shape, plain.dtype, False)
    )


def test_dlpack_orders_the_streams_of_the_arrays_device(two):
    x = array(two, np.arange(3, dtype=np.float32), 1)
    assert x.__dlpack__(stream=7, max_version=(1, 0)) == "capsule"
    assert two.notes == [(1, {"stream": 7, "max_version": (1, 0)})]
    assert x.__dlpack_device__() == (2, 1)
    assert two.device == 0


def test_the_interface_names_the_stream_of_the_arrays_device(two):
    x = array(two, np.arange(3, dtype=np.float32), 1)
    assert x.__cuda_array_interface__["stream"] == 101
    assert two.device == 0


def test_memory_that_the_interface_has_shown_is_not_given_away(two):
    backend = select.selected()
    backend._foreign_memory = ()  # the memory of these devices is CuPy's kind for that of others
    x = array(two, np.arange(3, dtype=np.float32), 0)
    assert backend.is_exclusive(x.buffer)
    assert x.__cuda_array_interface__
    assert not backend.is_exclusive(x.buffer)


def test_tracers_have_no_memory_to_hand_over(two):
    def function(x):
        assert not hasattr(x, "__cuda_array_interface__")
        with pytest.raises(AttributeError, match="a traced array has no memory"):
            x.__dlpack__()
        return x

    cujax.make_jaxpr(function)(1.0)


@pytest.mark.parametrize("take", [jnp.asarray, jnp.from_dlpack], ids=["asarray", "from_dlpack"])
def test_arrays_on_the_device_are_taken_without_the_host(two, monkeypatch, take):
    class Copied(cupy.ndarray):
        def astype(self, dtype):
            two.notes.append(("copied", dtype))
            return self

    plain = two.array(np.arange(3, dtype=np.float32))
    theirs = Copied(plain.shape, plain.dtype, plain.data)
    monkeypatch.setattr(select.selected().xp, "from_dlpack", lambda x: theirs)
    tensor = SimpleNamespace(__dlpack__=lambda: None, __dlpack_device__=lambda: (2, 0))
    x = take(tensor)
    assert x.buffer is theirs
    assert two.notes == [("copied", np.float32)]  # the other library may write to its memory


def test_scalars_of_numpy_are_literals_without_the_device(two):
    """An op on two of them would otherwise copy each to the device and back."""
    cujax.make_jaxpr(lambda: jnp.add(np.float32(1), np.int16(2)))()
    assert two.notes == []


def test_arrays_move_between_devices(two, monkeypatch):
    x = cujax.device_put(np.arange(3, dtype=np.float32), cujax.devices()[1])
    assert x.device.id == 1
    assert x.to_device(cujax.devices()[1]) is x
    y = x.to_device(cujax.devices()[0])
    assert y.device.id == 0
    assert y.tolist() == [0, 1, 2]
