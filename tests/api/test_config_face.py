"""The options as users write them: `cujax.config`, `from cujax.config import config`, context managers."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import jax
import numpy as np
import pytest

import cujax
import cujax.numpy as jnp
from cujax.config import config


@pytest.fixture(autouse=True)
def restored():
    before = config.values
    yield
    for name, value in before.items():
        config.update(name, value)


def test_the_module_and_the_object_are_one():
    assert cujax.config.config is config
    cujax.config.update("jax_enable_x64", True)
    assert config.jax_enable_x64 and cujax.config.jax_enable_x64 and cujax.config.read("enable_x64")
    assert jnp.arange(3.0).dtype == np.float64
    config.update("enable_x64", False)
    assert not cujax.config.enable_x64 and jnp.arange(3.0).dtype == np.float32


def test_options_cannot_be_assigned():
    for target in (cujax.config, config):
        with pytest.raises(AttributeError, match=r"config.update\('jax_enable_x64', True\)"):
            target.jax_enable_x64 = True
    assert not config.enable_x64


def test_unknown_options():
    with pytest.raises(AttributeError):
        _ = cujax.config.jax_enable_x46
    with pytest.raises(AttributeError, match="Did you mean 'jax_enable_x64'"):
        cujax.config.update("jax_enable_x6", True)


def test_flags(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["program", "--jax_enable_x64=1"])
    cujax.config.parse_flags_with_absl()
    assert config.enable_x64
    cujax.config.config_with_absl()


def test_directory_of_the_module_lists_what_it_answers():
    names = dir(cujax.config)
    assert {"config", "update", "read", "values", "jax_enable_x64"} <= set(names)


def test_context_managers_are_for_one_block():
    assert not cujax.enable_x64.value
    with cujax.enable_x64():
        assert cujax.enable_x64.value and jnp.zeros(1).dtype == np.float64
        with cujax.enable_x64(False):
            assert jnp.zeros(1).dtype == np.float32
    assert jnp.zeros(1).dtype == np.float32
    assert "False" in repr(cujax.enable_x64)


def test_context_managers_decorate():
    @cujax.enable_x64(True)
    def width():
        return jnp.zeros(1).dtype

    assert width() == np.float64 and jnp.zeros(1).dtype == np.float32


def test_an_option_that_is_no_switch_needs_a_value():
    with pytest.raises(TypeError, match="default_matmul_precision"):
        cujax.default_matmul_precision()
    with cujax.default_matmul_precision("highest"):
        assert config.default_matmul_precision == "highest"
    with cujax.numpy_rank_promotion("raise"), pytest.raises(ValueError):
        jnp.ones(3) + jnp.ones((2, 3))


def test_debug_nans_eagerly():
    with cujax.debug_nans(True), pytest.raises(FloatingPointError, match="nan"):
        jnp.log(-1.0)
    assert np.isnan(jnp.log(-1.0))


def test_import_is_light():
    """Neither SciPy nor JAX nor CuPy is loaded by `import cujax`."""
    code = "import cujax, sys; print([m for m in ('scipy', 'jax', 'cupy', 'absl') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_exported_names_that_are_none_of_jax():
    names = {n for n in vars(cujax) if not n.startswith("_")} - {"api", "engine"}
    strange = [n for n in names if not hasattr(jax, n) and importlib.util.find_spec(f"jax.{n}") is None]
    ours = {"cuda_op", "cupy_call", "explain", "left_out", "numpy_call", "ode", "progress"}
    assert set(strange) <= ours | {"config"}  # which early JAX has
