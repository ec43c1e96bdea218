"""Options: names, values, threads, environment, command line."""

import gc
import json
import os
import subprocess
import sys
import threading

import jax
import pytest

from cujax.engine.ground import config as config_module
from cujax.engine.ground.config import NO_EFFECT, OPTIONS, config, parse_flags, read_environment


@pytest.fixture(autouse=True)
def restored():
    """Put every option back to the value it had before the test."""
    before = config.values
    yield
    for name, value in before.items():
        config.update(name, value)


def in_thread(function):
    """What `function()` returns in a new thread."""
    result = []
    thread = threading.Thread(target=lambda: result.append(function()))
    thread.start()
    thread.join()
    return result[0]


def run_python(code, *arguments, **environment):
    """A fresh interpreter without inherited options; returns the finished process."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("JAX_", "CUJAX_"))}
    return subprocess.run([sys.executable, "-c", code, *arguments], env=inherited | environment,
                          capture_output=True, text=True)


# ---- names and values ------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["enable_x64", "jax_enable_x64", "cujax_enable_x64", "x64"])
def test_every_spelling_finds_the_option(name):
    config.update(name, True)
    assert config.x64 and config.enable_x64 and config.jax_enable_x64 and config.cujax_enable_x64
    assert config.read(name) is True and config.values["jax_enable_x64"] is True


def test_spellings_are_unique():
    spellings = [spelling for option in OPTIONS for spelling in option.spellings()]
    assert len(spellings) == len(set(spellings))
    assert not set(spellings) & set(dir(type(config)))


def test_unknown_name_suggests_a_near_one():
    for use in (lambda: config.update("jax_enable_x6", True), lambda: config.read("jax_enable_x6")):
        with pytest.raises(AttributeError, match=r"'jax_enable_x6'. Did you mean 'jax_enable_x64'"):
            use()
    with pytest.raises(AttributeError, match=r"'zzz'. config\.values lists"):
        config.update("zzz", True)
    with pytest.raises(AttributeError):
        _ = config.jax_foo


def test_attributes_cannot_be_assigned():
    with pytest.raises(AttributeError, match=r"write config\.update\('enable_x64', True\)"):
        config.enable_x64 = True
    assert not config.enable_x64


@pytest.mark.parametrize("name, value, stored", [
    ("enable_x64", 1, True), ("enable_x64", "true", True), ("enable_x64", "no", False),
    ("numpy_rank_promotion", "raise", "raise"), ("default_matmul_precision", None, None),
    ("platforms", None, None), ("platforms", "cpu", "cpu"), ("random_seed_offset", 3, 3),
    ("persistent_cache_min_compile_time_secs", 0, 0.0)])
def test_accepted_values(name, value, stored):
    config.update(name, value)
    assert config.read(name) == stored and type(config.read(name)) is type(stored)


@pytest.mark.parametrize("name, value, words", [
    ("enable_x64", 3, "expected type bool, got 3 of type int"), ("enable_x64", "maybe", "not a truth value"),
    ("enable_x64", None, "expected type bool"), ("random_seed_offset", "a", "expected type int, got 'a'"),
    ("random_seed_offset", True, "expected type int"), ("platforms", 3, "expected type str"),
    ("numpy_rank_promotion", "x", "'allow', 'warn', 'raise', got 'x'"),
    ("numpy_rank_promotion", None, "got None")])
def test_refused_values_leave_the_option_alone(name, value, words):
    before = config.read(name)
    with pytest.raises(ValueError, match=rf"config.update\('{name}', ...\): .*{words}"):
        config.update(name, value)
    assert config.read(name) == before


def test_defaults_are_jax_defaults():
    ours = {name: value for name, value in config.values.items() if name in jax.config.values}
    enums = {"jax_numpy_dtype_promotion", "jax_legacy_prng_key", "jax_explicit_x64_dtypes"}
    without_effect = {"jax_softmax_custom_jvp", "jax_persistent_cache_enable_xla_caches"}
    from_environment = {f"jax_{name}" for name in read_environment(os.environ)}
    set_for_the_suite = {"jax_platforms", "jax_debug_key_reuse"}  # conftest.py
    bounded_here = {"jax_compilation_cache_max_size"}
    differing = {name for name, value in ours.items() if value != jax.config.values[name]}
    expected = enums | without_effect | from_environment | set_for_the_suite | bounded_here
    assert differing <= expected and len(ours) > 30


def test_options_without_effect_say_so_and_are_not_traced():
    assert not any(option.traced for option in OPTIONS if option.doc.startswith(NO_EFFECT))
    assert all(option.doc.endswith(".") for option in OPTIONS)


# ---- override and threads --------------------------------------------------------------------------------

def test_overrides_nest_and_end():
    with config.override("jax_enable_x64", True):
        with config.override("enable_x64", False), config.override("debug_nans", True):
            assert (config.x64, config.debug_nans) == (False, True)
        assert (config.x64, config.debug_nans) == (True, False)
    assert not config.x64


def test_override_ends_after_an_error():
    with pytest.raises(KeyError), config.override("enable_x64", True):
        raise KeyError
    assert not config.x64


def test_override_is_of_this_thread_only():
    with config.override("enable_x64", True):
        assert in_thread(lambda: config.x64) is False


def test_update_reaches_every_thread_but_not_an_open_override():
    both_inside, changed, seen = threading.Barrier(3), threading.Event(), {}

    def watch(name, block):
        with block:
            seen[name, "before"] = config.x64
            both_inside.wait()
            changed.wait()
            seen[name, "after"] = config.x64

    blocks = {"plain": config.override("debug_nans", False),
              "overriding": config.override("enable_x64", False)}
    threads = [threading.Thread(target=watch, args=item) for item in blocks.items()]
    for thread in threads:
        thread.start()
    both_inside.wait()
    config.update("enable_x64", True)
    changed.set()
    for thread in threads:
        thread.join()
    assert seen == {("plain", "before"): False, ("plain", "after"): True,
                    ("overriding", "before"): False, ("overriding", "after"): False}


def test_finished_threads_are_forgotten():
    for _ in range(5):
        in_thread(lambda: config.x64)
    gc.collect()
    assert len(config_module._views) <= threading.active_count()


# ---- trace key -------------------------------------------------------------------------------------------

OTHER_VALUE = {"default_matmul_precision": "high", "default_prng_impl": None, "random_seed_offset": 1,
               "platform_name": "cpu", "platforms": "cpu", "default_device": "cpu", "host_compiler": "off",
               "numpy_dtype_promotion": "strict", "numpy_rank_promotion": "raise",
               "explicit_x64_dtypes": "error", "legacy_prng_key": "error", "fused_multiply_add": "nowhere"}


def test_trace_key_follows_traced_options_and_no_other():
    before = config.trace_key()
    for option in OPTIONS:
        value = not config.read(option.name) if option.kind is bool else OTHER_VALUE.get(option.name)
        if value == config.read(option.name):  # by the environment
            value = option.default
        if value is not None:
            with config.override(option.name, value):
                assert (config.trace_key() != before) == option.traced, option.name
            assert config.trace_key() == before
    assert isinstance(hash(before), int)


def test_trace_key_is_the_same_in_threads_with_the_same_options():
    assert in_thread(config.trace_key) == config.trace_key() == in_thread(lambda: config.trace_key())


# ---- environment -----------------------------------------------------------------------------------------

PRINT_VALUES = """
import json
from cujax.engine.ground.config import config
print(json.dumps(config.values))
"""


@pytest.mark.parametrize("environment, name, value", [
    ({}, "enable_x64", False),
    ({"JAX_ENABLE_X64": "1"}, "enable_x64", True),
    ({"CUJAX_ENABLE_X64": "yes"}, "enable_x64", True),
    ({"CUJAX_ENABLE_X64": "0", "JAX_ENABLE_X64": "true"}, "enable_x64", False),
    ({"JAX_DEBUG_NANS": "True"}, "debug_nans", True),
    ({"CUJAX_PLATFORM": "cpu"}, "platform_name", "cpu"),
    ({"JAX_NUMPY_RANK_PROMOTION": "raise"}, "numpy_rank_promotion", "raise"),
    ({"JAX_RANDOM_SEED_OFFSET": "7"}, "random_seed_offset", 7),
    ({"CUJAX_DUMP": "out"}, "dump", "out")])
def test_environment(environment, name, value):
    found = read_environment(environment)
    assert found.get(name, value) == value and len(found) == (1 if environment else 0)


def test_environment_is_read_at_import():
    process = run_python(PRINT_VALUES, CUJAX_ENABLE_X64="1", JAX_DEBUG_NANS="yes", CUJAX_PLATFORM="cpu")
    values = json.loads(process.stdout)
    names = ("jax_enable_x64", "jax_debug_nans", "jax_platform_name")
    assert [values[name] for name in names] == [True, True, "cpu"]


@pytest.mark.parametrize("variable, text", [
    ("CUJAX_ENABLE_X64", "maybe"), ("JAX_ENABLE_X64", ""), ("JAX_NUMPY_RANK_PROMOTION", "x"),
    ("JAX_RANDOM_SEED_OFFSET", "a")])
def test_a_bad_variable_is_named(variable, text):
    with pytest.raises(ValueError, match=f"environment variable {variable}='{text}'"):
        read_environment({variable: text})


def test_a_bad_variable_stops_the_import():
    process = run_python(PRINT_VALUES, CUJAX_ENABLE_X64="maybe")
    assert process.returncode
    assert "ValueError: environment variable CUJAX_ENABLE_X64='maybe'" in process.stderr


# ---- command line ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("arguments, found", [
    (["--jax_enable_x64=True"], {"enable_x64": True}),
    (["--cujax_debug_nans"], {"debug_nans": True}),
    (["-jax_debug_nans=0"], {"debug_nans": False}),
    (["--nojax_enable_x64"], {"enable_x64": False}),
    (["--jax_platform_name", "cpu", "file"], {"platform_name": "cpu"}),
    (["--jax_enable_x64", "file"], {"enable_x64": True}),
    (["--enable_x64", "--verbose", "file", "--jax_of_old=1"], {}),
    (["--", "--jax_enable_x64"], {})])
def test_parse_flags(arguments, found):
    assert parse_flags(arguments) == found


@pytest.mark.parametrize("arguments", [["--jax_enable_x64=perhaps"], ["--jax_numpy_rank_promotion"]])
def test_a_bad_flag_is_named(arguments):
    with pytest.raises(ValueError, match=f"command-line flag {arguments[0]}: "):
        parse_flags(arguments)


def test_parse_flags_with_absl_leaves_argv_alone(monkeypatch):
    argv = ["prog", "--jax_enable_x64=True", "--cujax_debug_nans", "--mine", "file"]
    monkeypatch.setattr(sys, "argv", list(argv))
    config.parse_flags_with_absl()
    assert config.x64 and config.debug_nans and sys.argv == argv


def test_absl_programs_take_the_flags():
    pytest.importorskip("absl")
    code = """
from absl import app
from cujax.engine.ground.config import config
config.config_with_absl()
app.run(lambda argv: print(config.x64, config.platforms, config.random_seed_offset, argv[1:]))
"""
    arguments = ("--jax_enable_x64", "--cujax_platforms=cpu", "--jax_random_seed_offset=3", "file")
    process = run_python(code, *arguments)
    assert process.stdout.strip() == "True cpu 3 ['file']", process.stderr


def test_importing_config_imports_no_absl():
    process = run_python("import sys, cujax.engine.ground.config; print('absl' in sys.modules)")
    assert process.stdout.strip() == "False"
