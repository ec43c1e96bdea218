"""W10, spectral: transforms of many small planes, and two-dimensional turbulence in Fourier space.

    d w/dt + u . grad w = nu laplace w      u = (U, V) + curl of the stream function, laplace psi = -w

Pseudo-spectral with the 2/3 rule; a step has five stages of a low-storage Runge-Kutta method for the advection (M. H.
Carpenter, C. A. Kennedy, Fourth-order 2N-storage Runge-Kutta schemes, NASA TM 109112, 1994, scheme 5), Crank-Nicolson
for the viscosity.  The time to beat is that of the 25 transforms of a step alone.

The initial vorticity is at random, of modes with one wave number: it decays as it is and moves with the mean flow,
which is what the result is compared with.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.case import Case, Make, Scale, all_close
from bench.peers import Peer

PLANES = {"smoke": (8, 8, 4), "quick": (512, 512, 16), "default": (512, 512, 16), "full": (512, 512, 16)}
FLOWS = {  # side, steps
    "smoke": (32, 5), "quick": (128, 20), "default": (256, 50), "device": (1024, 10), "full": (1024, 1000)
}  # fmt: skip
VISCOSITY, MEAN_FLOW, DT = 1e-3, (0.5, -0.25), 1e-3
WAVES = ((5, 0), (0, 5), (3, 4), (4, 3), (-3, 4), (-4, 3))  # all of length 5
TIMES = (0, 0.1496590219993, 0.3704009573644, 0.6222557631345, 0.9582821306748, 1)
KEPT = (0, -0.4178904745, -1.192151694643, -1.697784692471, -1.514183444257)
TAKEN = (0.1496590219993, 0.3792103129999, 0.8229550293869, 0.6994504559488, 0.1530572479681)


def wave_numbers(side: int) -> tuple[np.ndarray, np.ndarray]:
    """Along both axes, of what `rfft2` gives."""
    whole, half = np.fft.fftfreq(side, 1 / side), np.fft.rfftfreq(side, 1 / side)
    return whole[:, None], half[None, :]


def stages(np_: Any, side: int) -> Callable[[Any], Any]:
    """One step of the transformed vorticity."""
    kx, ky = wave_numbers(side)
    square = kx**2 + ky**2
    inverse = 1 / np.where(square == 0, 1, square)
    minus_kept = -1.0 * ((abs(kx) < side / 3) & (abs(ky) < side / 3))
    kx, ky, square, inverse, minus_kept = (np_.asarray(x) for x in (kx, ky, square, inverse, minus_kept))
    u0, v0 = MEAN_FLOW

    def back(w: Any) -> Any:
        return np_.fft.irfft2(w, s=(side, side))

    def advection(w: Any) -> Any:
        psi = w * inverse
        u, v = u0 + back(1j * ky * psi), v0 - back(1j * kx * psi)
        return minus_kept * np_.fft.rfft2(u * back(1j * kx * w) + v * back(1j * ky * w))

    def step(w: Any) -> Any:
        h: Any = 0.0
        for k in range(len(KEPT)):
            h = advection(w) + KEPT[k] * h
            damping = 0.5 * DT * VISCOSITY * (TIMES[k + 1] - TIMES[k]) * square
            w = (w * (1 - damping) + TAKEN[k] * DT * h) / (1 + damping)
        return w

    return step


def flow(peer: Peer, side: int, steps: int) -> Callable:
    def run(vorticity: Any) -> Any:
        np_, step = peer.np, stages(peer.np, side)
        w = np_.fft.rfft2(vorticity)
        if peer.dialect == "jax":
            w = peer.lib.lax.fori_loop(0, steps, lambda i, w: step(w), w)
        else:
            for _ in range(steps):
                w = step(w)
        return np_.fft.irfft2(w, s=(side, side))

    return run


def transforms(peer: Peer) -> Callable:
    """Those of a step, one after the other."""

    def run(x: Any) -> Any:
        for _ in KEPT:
            w = peer.np.fft.rfft2(x)
            for factor in (0.25, 0.25, 0.25, 0.25):
                x = peer.np.fft.irfft2(w * factor, s=x.shape)
            x = x * 4
        return x

    return run


def cases(scale: Scale) -> list[Case]:
    shape, (side, steps) = scale.of(PLANES), scale.of(FLOWS)
    return [_planes(shape), _transforms(side), _flow(side, 1), _flow(side, steps)]


def spoken(make: Callable[[Peer], Callable]) -> Make:
    """By those that have NumPy's functions of this name."""
    return dict.fromkeys(("jax", "numpy", "cupy"), make)


def _planes(shape: tuple[int, ...]) -> Case:
    def inputs() -> tuple[np.ndarray]:
        parts = np.random.default_rng(10).standard_normal((2, *shape)).astype(np.float32)
        return ((parts[0] + 1j * parts[1]).astype(np.complex64),)

    return Case(
        f"fftn {shape} axes (0, 1) complex64",
        make=spoken(lambda peer: lambda x: peer.np.fft.fftn(x, axes=(0, 1))),
        inputs=inputs,
        reference=lambda x: np.fft.fftn(x.astype(np.complex128), axes=(0, 1)).view(np.float64),
        compare=all_close(1e-5, _parts),
        bytes_moved=4 * 8 * int(np.prod(shape)),
    )


def _parts(x: Any) -> np.ndarray:
    return np.ascontiguousarray(np.asarray(x).astype(np.complex128)).view(np.float64)


def _transforms(side: int) -> Case:
    return Case(
        f"the transforms of a step {side}^2 float64",
        make=spoken(transforms),
        inputs=lambda: (vorticity(side, 0.0),),
        reference=lambda w: w,
        compare=all_close(1e-10),
        x64=True,
        items=(1, "steps"),
    )


def _flow(side: int, steps: int) -> Case:
    return Case(
        f"{steps} steps of a flow {side}^2 float64",
        make=spoken(lambda peer: flow(peer, side, steps)),
        inputs=lambda: (vorticity(side, 0.0),),
        reference=lambda w: vorticity(side, steps * DT),
        compare=all_close(1e-7),
        x64=True,
        items=(steps, "steps"),
    )


def vorticity(side: int, time: float) -> np.ndarray:
    """At a time, exactly."""
    random = np.random.default_rng(11)
    x = 2 * np.pi * np.arange(side) / side
    found = np.zeros((side, side))
    for kx, ky in WAVES:
        phase = kx * (x[:, None] - MEAN_FLOW[0] * time) + ky * (x[None, :] - MEAN_FLOW[1] * time)
        found += random.uniform(0.5, 1) * np.cos(phase + random.uniform(0, 2 * np.pi))
    return found * np.exp(-VISCOSITY * 25 * time)
