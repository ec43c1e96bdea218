"""Settings of the whole suite: the oracle runs on the CPU, every tape is verified after every pass."""

from __future__ import annotations

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("CUJAX_DEBUG_PASSES", "1")

import pytest

from cujax.engine.ground.config import config


@pytest.fixture
def x64():
    """64-bit dtypes are on in this test, in cujax and in JAX."""
    import jax

    with config.override("enable_x64", True), jax.enable_x64(True):
        yield
