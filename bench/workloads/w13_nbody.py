"""W13, N-body: gravity of softened point masses by direct summation, and the gradient of the potential energy.

Bound by arithmetic, if the arrays over all pairs are never written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.case import Case, Make, Scale, all_close, array_code
from bench.peers import Peer

SOFTENING = 0.05
BODIES = {"smoke": [64], "quick": [1024], "default": [2048], "full": [2048, 65_536]}
CHECKED = 64  # bodies at which the reference is computed


def forces(np: Any) -> Callable:
    """Accelerations of bodies at `position` (n, 3) with `mass` (n,), in units with G = 1."""

    def function(position: Any, mass: Any) -> Any:
        apart = position[None, :, :] - position[:, None, :]
        squared = (apart * apart).sum(-1) + SOFTENING**2
        weight = mass / (squared * np.sqrt(squared))
        return (apart * weight[:, :, None]).sum(1)

    return function


def energy(np: Any) -> Callable:
    """Potential energy; a body's softened energy with itself is a constant."""

    def function(position: Any, mass: Any) -> Any:
        apart = position[None, :, :] - position[:, None, :]
        squared = (apart * apart).sum(-1) + SOFTENING**2
        return -0.5 * (mass[:, None] * mass / np.sqrt(squared)).sum()

    return function


def _torch_gradient(peer: Peer) -> Callable:
    return lambda position, mass: peer.lib.func.grad(energy(peer.np))(position, mass)


def by_hand_on_device(name: str) -> Callable[[Peer], Callable]:
    """A kernel of `w13_nbody.cu`."""

    def make(peer: Peer) -> Callable:
        def function(position: Any, mass: Any) -> Any:
            out = peer.np.empty(position.shape, np.float32)
            peer.lib["w13_nbody"](name, len(mass), position, mass, out, np.int32(len(mass)))
            return out

        return function

    return make


FORCES: Make = {**array_code(lambda peer: forces(peer.np)), "cuda": by_hand_on_device("forces")}
GRADIENT: Make = {
    "jax": lambda peer: peer.lib.grad(energy(peer.np)),
    "torch": _torch_gradient,
    "cuda": by_hand_on_device("gradient_of_energy"),
}


def cases(scale: Scale) -> list[Case]:
    return [
        case
        for bodies in scale.of(BODIES)
        for case in (
            _case("forces", FORCES, bodies, 1, scale.fresh),
            _case("gradient of the energy", GRADIENT, bodies, -1, scale.fresh),
        )
    ]


def _case(name: str, make: Make, bodies: int, sign: int, cold: bool) -> Case:
    return Case(
        f"{name}, {bodies} bodies float32",
        make=make,
        inputs=lambda: cluster(bodies),
        reference=lambda position, mass: sign * _reference(position, mass, momentum=sign < 0),
        compare=all_close(2e-5, part=lambda result: result[: min(bodies, CHECKED)]),
        items=(bodies**2, "pairs"),
        new_size=(lambda: _case(name, make, bodies + 96, sign, False)) if cold else None,
        op_by_op_bytes=(2 if sign > 0 else 6) * bodies**2 * 3 * 4,
        headline=True,
    )


def cluster(bodies: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions in a ball of about radius 1, and masses that sum to about 1."""
    random = np.random.default_rng(13)
    mass = random.uniform(0.5, 1.5, bodies) / bodies
    return random.normal(size=(bodies, 3)).astype(np.float32), mass.astype(np.float32)


def _reference(position: np.ndarray, mass: np.ndarray, momentum: bool) -> np.ndarray:
    """Accelerations of the first bodies, one after the other; times their masses for forces in the strict sense."""
    x, m = position.astype(np.float64), mass.astype(np.float64)
    found = []
    for i in range(min(len(x), CHECKED)):
        apart = x - x[i]
        found.append(m / ((apart**2).sum(1) + SOFTENING**2) ** 1.5 @ apart * (m[i] if momentum else 1))
    return np.array(found)
