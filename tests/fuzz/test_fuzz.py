"""A fixed budget of random programs, the same every time; `python -m tests.fuzz` runs others."""

from __future__ import annotations

import pytest

from cujax.engine.compiler import in_place, lane_arrays, lane_region, rolled_lanes

from .command import failures, gradients, mapped_gradients, mapped_programs, packs, programs, tangents
from .minimise import minimised, script
from .targets import TARGETS

pytestmark = pytest.mark.usefixtures("x64", "reuse_of_keys")  # programs draw from keys as they come

_PACK = 16


def budget(target: str, first: int, last: int, size: int = _PACK) -> list:
    return [pytest.param(target, pack, id=f"{target} {pack[0]}") for pack in packs(range(first, last), size)]


@pytest.fixture(autouse=True)
def available(target):
    """Skips what this machine cannot run."""
    if reason := TARGETS[target].why_not():
        pytest.skip(reason)


def check(target: str, pack: list[int], make=programs) -> None:
    found = failures(pack, [TARGETS[target]], make)
    if found:
        pytest.fail(script(*minimised(*found[0], TARGETS[target])))


@pytest.mark.parametrize("target, pack", [
    *budget("quick", 0, 96), *budget("host", 96, 104, 4), *budget("donated", 112, 128), *budget("numpy", 128, 144),
    *budget("nvrtc", 144, 160), *budget("jax", 160, 176), *budget("gpu", 176, 240),
])
def test_programs(target, pack):
    check(target, pack)


@pytest.mark.parametrize("target, pack", budget("numpy", 272, 304))
def test_programs_that_overwrite_small_arrays_too(target, pack, monkeypatch):
    monkeypatch.setattr(in_place, "is_large", lambda eqn: any(v.aval.ndim for v in eqn.outputs))
    check(target, pack)


@pytest.mark.parametrize("target, pack", budget("quick", 0, 48))
def test_gradients(target, pack):
    check(target, pack, gradients)


@pytest.mark.parametrize("target, pack", [*budget("quick", 320, 336), *budget("jax", 336, 344)])
def test_tangents(target, pack):
    check(target, pack, tangents)


@pytest.mark.parametrize("target, pack", budget("quick", 240, 256))
def test_mapped_programs(target, pack):
    check(target, pack, mapped_programs)


@pytest.mark.parametrize("target, pack", budget("quick", 304, 320))
def test_mapped_gradients_with_arrays_in_lanes(target, pack, monkeypatch):
    monkeypatch.setattr(lane_region, "MOST_UNROLLED", 0)
    for module in (lane_arrays, rolled_lanes):
        monkeypatch.setattr(module, "MOST_UNROLLED", 1)
    check(target, pack, mapped_gradients)


@pytest.mark.parametrize("target, pack", budget("quick", 256, 272))
def test_mapped_gradients(target, pack):
    check(target, pack, mapped_gradients)
