"""The array API standard's inspection, and its way of handing memory over; the functions: `make test-array-api`."""

from __future__ import annotations

import inspect

import jax.numpy
import numpy as np
import pytest
from by_hand import values

import cujax
import cujax.numpy as jnp
from cujax.engine.backends.select import selected

OURS, THEIRS = jnp.__array_namespace_info__(), jax.numpy.__array_namespace_info__()


def test_the_version():
    assert jnp.__array_api_version__ == jax.numpy.__array_api_version__ == "2024.12"
    for version in (None, "2024.12"):
        assert jnp.arange(3).__array_namespace__(api_version=version) is jnp
    with pytest.raises(ValueError, match=r"api_version='2019\.01' is not there"):
        jnp.arange(3).__array_namespace__(api_version="2019.01")


@pytest.mark.parametrize("x64", [False, True])
def test_dtypes_are_those_of_jax(x64):
    with cujax.enable_x64(x64), jax.enable_x64(x64):
        assert OURS.default_dtypes() == THEIRS.default_dtypes()
        integers = ("signed integer", "unsigned integer", "integral")
        for kind in (None, "bool", *integers, "real floating", "complex floating", "numeric", ("bool", "integral")):
            assert OURS.dtypes(kind=kind) == THEIRS.dtypes(kind=kind), kind


def test_what_there_is():
    assert OURS.capabilities() == THEIRS.capabilities()
    assert OURS.default_device() is None
    assert OURS.devices() == [None, *cujax.devices()]
    assert OURS.dtypes(device=cujax.devices()[0]) == OURS.dtypes()


def test_errors():
    with pytest.raises(KeyError, match="kind='floating' is none of 'bool', "):
        OURS.dtypes(kind="floating")
    for method in (OURS.dtypes, OURS.default_dtypes):
        with pytest.raises(ValueError, match="device='tpu' is none of this process's"):
            method(device="tpu")


def test_handing_memory_over():
    assert list(inspect.signature(jnp.arange(3).__dlpack__).parameters) == [
        "stream", "max_version", "dl_device", "copy",
    ]
    read_only = np.arange(4.0, dtype=np.float32)
    read_only.flags.writeable = False

    class Old:
        """A producer whose consumer knows the first versions of the protocol alone."""

        def __init__(self, array):
            self.array = array

        def __dlpack__(self, **kwargs):
            return self.array.__dlpack__()

        def __dlpack_device__(self):
            return self.array.__dlpack_device__()

    on_gpu = selected().platform == "gpu"
    take = pytest.importorskip("cupy").from_dlpack if on_gpu else np.from_dlpack  # NumPy takes memory of the host alone
    for array in (jnp.asarray(read_only), jnp.broadcast_to(jnp.float32(2), (3,)), jnp.arange(4.0)):
        np.testing.assert_array_equal(values(take(Old(array))), np.asarray(array))
