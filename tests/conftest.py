"""Settings of the whole suite: the oracle runs on the CPU, every tape is verified after every pass."""

from __future__ import annotations

import importlib
import os

os.environ.setdefault("CUJAX_DEBUG_PASSES", "1")
os.environ.setdefault("CUJAX_DEBUG_KEY_REUSE", "1")
# Where the processor has float16 arithmetic XLA fuses float16 products and sums; elsewhere each is rounded.
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_max_isa=AVX2")

import jax
import pytest
from emulator import EmulatedBackend

from cujax.engine.backends import select
from cujax.engine.ground.config import config

jax.config.update("jax_platforms", "cpu")  # not by the environment, which cujax reads too


def pytest_addoption(parser):
    parser.addoption(
        "--platform", choices=("default", "emulator"), default="default",
        help="emulator: kernels are those of the device, run thread by thread (tests/emulator)",
    )
    parser.addoption(
        "--nvrtc", action="store_true",
        help="the kernels of every program are compiled for devices too (tests/device_code.py)",
    )


def pytest_configure(config):
    if config.getoption("--platform") == "emulator":
        select._selected = EmulatedBackend()
    if config.getoption("--nvrtc"):
        config.device_code = importlib.import_module("device_code").DeviceCode()
        config.device_code.install()


def pytest_terminal_summary(terminalreporter, config):
    if hasattr(config, "device_code"):
        seen, kernels = len(config.device_code.seen), config.device_code.kernels
        terminalreporter.write_line(f"NVRTC compiled {kernels} kernels of {seen} programs, each for sm_80 and sm_90")


@pytest.fixture
def reuse_of_keys():
    """Random keys may be used twice in this test, which compares what they give."""
    with config.override("debug_key_reuse", False):
        yield


@pytest.fixture
def x64():
    """64-bit dtypes are on in this test, in cujax and in JAX."""
    with config.override("enable_x64", True), jax.enable_x64(True):
        yield
