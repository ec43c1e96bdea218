"""Machine code comes from the disk when it has been made before."""

from __future__ import annotations

import pytest

from cujax.engine.backends import cuda_code
from cujax.engine.backends.cuda_code import forget_code, machine_code
from cujax.engine.ground.config import config


@pytest.fixture
def compiled(tmp_path, monkeypatch):
    """What has been compiled, with an empty cache."""
    calls: list[tuple[str, int]] = []

    def compile_for(source, arch):
        calls.append((source, arch))
        return f"{source} for {arch}".encode()

    monkeypatch.setattr(cuda_code, "compile_for", compile_for)
    monkeypatch.setattr(cuda_code, "settings", lambda arch: ("NVRTC 0.0", f"sm_{arch}"))
    with config.override("compilation_cache_dir", str(tmp_path / "cache")):
        yield calls


def test_code_is_made_once_for_a_text_and_an_architecture(compiled):
    assert machine_code("a", 80) == machine_code("a", 80) == b"a for 80"
    assert compiled == [("a", 80)]
    assert machine_code("b", 80) == b"b for 80"
    assert machine_code("a", 90) == b"a for 90"
    assert len(compiled) == 3


def test_another_compiler_makes_it_again(compiled, monkeypatch):
    machine_code("a", 80)
    monkeypatch.setattr(cuda_code, "settings", lambda arch: ("NVRTC 0.1", f"sm_{arch}"))
    machine_code("a", 80)
    assert len(compiled) == 2


def test_forgotten_code_is_made_again(compiled):
    machine_code("a", 80)
    forget_code("a", 80)
    machine_code("a", 80)
    assert len(compiled) == 2


def test_without_a_cache_it_is_made_each_time(compiled):
    with config.override("enable_compilation_cache", False):
        machine_code("a", 80)
        machine_code("a", 80)
    assert len(compiled) == 2
