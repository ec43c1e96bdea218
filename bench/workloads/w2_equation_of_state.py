"""W2, equation of state: the speed of sound in seawater, 122 terms of a polynomial in three variables, float64.

Bound by memory only where everything is fused; run op by op it passes over memory some 250 times.  The shape is that
of pyhpc-benchmarks' equation of state.
"""

from __future__ import annotations

import numpy as np

from bench.case import Case, Scale, all_close, elementwise
from bench.workloads import teos10

SHAPES = {"smoke": (8, 8, 4), "quick": (323, 323, 4), "default": (323, 323, 41), "full": (323, 323, 41)}
CHECKED = 4096  # points at which the reference is computed


def cases(scale: Scale) -> list[Case]:
    return [_case(scale.of(SHAPES), scale.fresh)]


def _case(shape: tuple[int, int, int], cold: bool) -> Case:
    size = int(np.prod(shape))
    points = np.random.default_rng(2).choice(size, min(size, CHECKED), replace=False)
    return Case(
        f"sound speed {shape} float64",
        make=elementwise(lambda peer: teos10.sound_speed(peer.np)),
        inputs=lambda: _ocean(shape),
        reference=lambda *fields: by_powers(*(field.reshape(-1)[points] for field in fields)),
        compare=all_close(1e-12, part=lambda result: result.reshape(-1)[points]),
        x64=True,
        bytes_moved=4 * size * 8,
        new_size=(lambda: _case((shape[0] + 1, shape[1] + 2, shape[2] + 3), False)) if cold else None,
        headline=True,
    )


def _ocean(shape: tuple[int, int, int]) -> tuple[np.ndarray, ...]:
    """Absolute Salinity, Conservative Temperature and pressure at random, within the range of the fit."""
    random = np.random.default_rng(2)
    return tuple(random.uniform(low, high, shape) for low, high in ((30, 40), (-2, 30), (0, 5000)))


def by_powers(salinity: np.ndarray, temperature: np.ndarray, pressure: np.ndarray) -> np.ndarray:
    """The same sum term by term, without Horner's scheme."""
    s = np.sqrt((salinity + teos10.SALINITY_OFFSET) / teos10.SALINITY_UNIT)
    t, z = temperature / teos10.TEMPERATURE_UNIT, pressure / teos10.PRESSURE_UNIT
    v = v_by_z = np.zeros_like(s)
    for k, layer in enumerate(teos10.VOLUME):
        for j, row in enumerate(layer):
            for i, c in enumerate(row):
                v = v + c * s**i * t**j * z**k
                v_by_z = v_by_z + (k * c * s**i * t**j * z ** (k - 1) if k else 0)
    return np.sqrt(-(v**2) * teos10.PRESSURE_UNIT * teos10.PASCALS / v_by_z)
