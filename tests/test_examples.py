"""The examples run at small sizes, draw their pictures, and find what is known."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

import cujax

pytest.importorskip("matplotlib")
pytest.importorskip("tqdm")

FOLDER = Path(__file__).parents[1] / "examples"
PNG = b"\x89PNG"
BEFORE = {name: getattr(cujax.config, name) for name in ("jax_enable_x64", "jax_debug_key_reuse")}
SMALL = {
    "solar_system": (["--years", "0.1", "--step-days", "4"], "Jupiter's mass in Earth masses"),
    "lorenz_ensemble": (["--systems", "26", "--samples", "100"], "26 systems took"),
    "kepler_orbits": (["--side", "20"], "Kepler's equation is met to"),
    "heston": (["--paths", "200"], "by spot"),
    "edges": (["--every", "12", "--steps", "5", "--width", "1"], "43 x 50 pixels; off by"),
    "learned_stencil": (["--side", "24", "--fields", "2", "--descent", "3"], "no number is off by more than"),
    "argon": (["--side", "4", "--steps", "50"], "16 atoms; the energy of each stays the same to"),
    "kinetics": (["--reactions", "8", "--steps", "200"], "A at 40 s is 0.71"),
}


@pytest.fixture
def example(monkeypatch):
    """Imports an example by its name; the options that it sets end with the test."""
    monkeypatch.syspath_prepend(FOLDER)
    yield importlib.import_module
    for name, value in BEFORE.items():  # what holds in the whole suite, not what another fixture has set for this test
        cujax.config.update(name, value)


def test_all_examples_are_run():
    assert {file.stem for file in FOLDER.glob("*.py")} == SMALL.keys()


@pytest.mark.parametrize("name", SMALL)
def test_an_example_prints_and_draws(name, example, monkeypatch, tmp_path, capsys):
    options, expected = SMALL[name]
    picture = tmp_path / "picture.png"
    monkeypatch.setattr(sys, "argv", [name, *options, "--out", str(picture)])
    example(name).main()
    assert expected in capsys.readouterr().out
    assert picture.read_bytes().startswith(PNG)


@pytest.mark.usefixtures("x64")
def test_concentrations_are_those_published(example):
    """Hairer, Wanner, Solving Ordinary Differential Equations II, and the test sets that have Robertson's problem."""
    kinetics = example("kinetics")
    found = kinetics.course(kinetics.RATES, np.geomspace(1e-6, 40, 800))[-1]
    np.testing.assert_allclose(found, (0.7158271, 9.185535e-6, 0.2841637), rtol=1e-3)


@pytest.mark.usefixtures("x64")
def test_derivatives_of_a_price_sum_up(example):
    """A price is homogeneous of degree one in spot price and strike."""
    heston = example("heston")
    keys = cujax.random.split(cujax.random.key(1), 50)
    market = heston.Market()
    value, by_market, by_strike = cujax.jit(heston.greeks)(market, 105.0, keys)
    np.testing.assert_allclose(market.spot * by_market.spot + 105.0 * by_strike, value, rtol=1e-6)
    assert 0 < by_market.spot < 1


def test_every_loop_of_an_ensemble_is_one_kernel(example):
    kinetics, lorenz = example("kinetics"), example("lorenz_ensemble")
    times = np.linspace(20.0, 30.0, 5)
    for function, lanes in ((lorenz.motion, np.ones(3)), (kinetics.course, np.ones((3, 3)))):
        explained = cujax.explain(cujax.vmap(function, (0, None)))(lanes, times)
        assert "one kernel" in explained and "in steps" not in explained


def test_the_blur_is_undone_in_part(example):
    edges = example("edges")
    picture, weights = edges.photograph(every=6), edges.gauss(1)
    blurry = edges.blurred(picture, weights)
    lost, left = (np.abs(np.asarray(p) - picture).mean() for p in (blurry, edges.recovered(blurry, weights, 30)))
    assert left < 0.8 * lost


def test_edges_are_where_the_brightness_jumps(example):
    picture = np.zeros((3, 9, 12), np.float32)
    picture[:, :, 5:] = 1
    found = np.asarray(example("edges").edges(picture))
    np.testing.assert_allclose(found, np.tile([0] * 4 + [4] * 2 + [0] * 6, (9, 1)), atol=1e-5)


def test_the_heat_equation_s_stencil_is_learned(example):
    learned_stencil = example("learned_stencil")
    fields = np.random.default_rng(0).standard_normal((2, 16, 16)).astype(np.float32)
    wanted = learned_stencil.steps_of(fields, learned_stencil.STENCIL)
    kernels, losses = learned_stencil.learned(cujax.random.key(1), fields, wanted, 400)
    np.testing.assert_allclose(kernels[-1], learned_stencil.STENCIL, atol=1e-3)
    assert losses[-1] < 1e-6 * losses[0]
