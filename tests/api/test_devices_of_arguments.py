"""Arguments that live on several devices: the error names them as the function does."""

from __future__ import annotations

import pytest

import cujax
import cujax.numpy as jnp
from cujax import errors


def test_the_error_names_arguments_and_what_is_captured():
    table = jnp.arange(3.0)

    @cujax.jit
    def step(state, dt):
        return state["x"] * dt + table

    state = {"x": jnp.arange(3.0)}
    step(state, 0.5)
    (recording,) = step._recordings.values()

    def on_several_devices(buffers):
        raise errors.IncompatibleDevicesError("step", {0: "cuda:0", 1: "cuda:1"})

    recording._call = on_several_devices
    with pytest.raises(ValueError) as found:
        step(state, 0.5)
    assert str(found.value) == (
        "Received incompatible devices for step: an array that the function captures lives on cuda:0 and "
        "state['x'] on cuda:1. Bring both to one device, for example by cujax.device_put(y, x.device)."
    )
