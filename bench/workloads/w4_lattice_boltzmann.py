"""W4, lattice Boltzmann: D3Q19 with one relaxation time in a cavity whose lid moves; many steps, and their gradient.

A step streams the populations and relaxes them to equilibrium (Qian, d'Humieres, Lallemand: "Lattice BGK models for
Navier-Stokes equation", Europhysics Letters 17, 1992).  A population that would come through a wall is the one that
left towards it, turned around half-way (Ladd: "Numerical simulations of particulate suspensions via a discretized
Boltzmann equation", J. Fluid Mech. 271, 1994), with what the lid adds to its momentum.  Bound by memory: 19 numbers are
read and written for each cell and step.  Runs too long for the reference are judged by their mass, which walls keep.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np

from bench.case import Case, Make, Scale, WrongResult, all_close, array_code
from bench.peers import Peer

RELAXATION, LID_SPEED = 1.7, 0.05  # 1 / relaxation time in steps; cells a step, along the first axis
VELOCITIES = np.array([c for c in product((-1, 0, 1), repeat=3) if np.abs(c).sum() <= 2])
WEIGHTS = np.array([1 / 3, 1 / 18, 1 / 36])[np.abs(VELOCITIES).sum(1)]
OPPOSITE = len(VELOCITIES) - 1 - np.arange(len(VELOCITIES))  # `product` lists them symmetrically
SIDES = {"smoke": (6, 3), "quick": (32, 10), "default": (64, 20), "full": (256, 200)}  # side, steps
GRADIENTS = {"smoke": (5, 2), "quick": (16, 10), "default": (32, 20), "full": (128, 50)}
MOST_UPDATES = 2**23  # of cells that the reference makes


def step(peer: Peer, side: int) -> Callable:
    """Of populations (19, side, side, side) after the collision to the same one step later."""
    np_, last = peer.np, side - 1

    def at(axis: int, place: int) -> Any:
        """Which cells lie in the first or last layer along an axis, for broadcasting."""
        shape = [side if a == axis else 1 for a in range(3)]
        return peer.put((np.arange(side) == place).reshape(shape))

    layers = {(axis, c): at(axis, 0 if c > 0 else last) for axis in range(3) for c in (-1, 1)}

    def stream(f: Any) -> list[Any]:
        arriving = []
        for i, c in enumerate(VELOCITIES):
            moved = np_.roll(f[i], tuple(map(int, c)), (0, 1, 2)) if c.any() else f[i]
            for axis in (0, 2, 1):  # the lid last, since it is what the corners belong to
                if c[axis]:
                    turned = f[int(OPPOSITE[i])]
                    if axis == 1 and c[1] < 0 and c[0]:
                        turned = turned + float(6 * WEIGHTS[i] * c[0] * LID_SPEED)
                    moved = np_.where(layers[axis, int(c[axis])], turned, moved)
            arriving.append(moved)
        return arriving

    def collide(f: list[Any]) -> Any:
        density = sum(f)
        momentum = [sum(float(c[a]) * p for c, p in zip(VELOCITIES, f, strict=True) if c[a]) for a in range(3)]
        u = [m / density for m in momentum]
        energy = 1.5 * (u[0] * u[0] + u[1] * u[1] + u[2] * u[2])
        relaxed = []
        for c, weight, p in zip(VELOCITIES, WEIGHTS, f, strict=True):
            along = sum(float(c[a]) * u[a] for a in range(3) if c[a])
            equilibrium = float(weight) * density * (1 - energy + along * (3 + 4.5 * along))
            relaxed.append(p + RELAXATION * (equilibrium - p))
        return np_.stack(relaxed)

    return lambda f: collide(stream(f))


def flow(side: int, steps: int) -> Make:
    """`steps` steps: a loop of the library where it has one, a Python loop elsewhere."""

    def structured(peer: Peer) -> Callable:
        one = step(peer, side)
        return lambda f: peer.lib.lax.fori_loop(0, steps, lambda i, f: one(f), f)

    def plain(peer: Peer) -> Callable:
        one = step(peer, side)

        def function(f: Any) -> Any:
            for _ in range(steps):
                f = one(f)
            return f

        return function

    return {**array_code(plain), "jax": structured}


def gradient(side: int, steps: int) -> Make:
    """Of the sum of the squared densities after `steps` steps, by the populations before them."""
    many = flow(side, steps)

    def squares(peer: Peer, f: Any) -> Any:
        density = f.sum(0)
        return (density * density).sum()

    def by_grad(peer: Peer) -> Callable:
        run = many["jax"](peer)
        return peer.lib.grad(lambda f: squares(peer, run(f)))

    def by_autograd(peer: Peer) -> Callable:
        run = many["torch"](peer)
        return lambda f: peer.lib.func.grad(lambda f: squares(peer, run(f)))(f)

    return {"jax": by_grad, "torch": by_autograd}


def populations(side: int) -> np.ndarray:
    """At rest, with sound: the density is 1 within a hundredth."""
    density = np.random.default_rng(4).uniform(0.99, 1.01, (side, side, side))
    return np.multiply.outer(WEIGHTS, density).astype(np.float32)


def cases(scale: Scale) -> list[Case]:
    (side, steps), (small_side, few) = scale.of(SIDES), scale.of(GRADIENTS)
    by_gradient = f"gradient of density^2 after {few} steps"
    return [
        _case(f"{few} steps", flow(small_side, few), small_side, few, lambda f: after(f, few), mass_is_kept),
        _case(f"{steps} steps", flow(side, steps), side, steps, lambda f: after(f, steps), mass_is_kept),
        _case(
            by_gradient, gradient(small_side, few), small_side, few, lambda f: reference_gradient(f, few), is_finite,
            states=few,
        ),
    ]  # fmt: skip


def _case(
    name: str, make: Make, side: int, steps: int, reference: Callable, of_long: Callable, states: int = 1
) -> Case:
    """of_long: what is asked of a run too long for the reference.  states: how many are kept."""
    is_checked = steps * side**3 <= MOST_UPDATES
    return Case(
        f"{name} {side}^3 float32",
        make=make,
        inputs=lambda: (populations(side),),
        reference=reference if is_checked else lambda f: f.sum(dtype=np.float64),
        compare=all_close(2e-5) if is_checked else of_long,
        items=(steps * side**3, "cell updates"),
        op_by_op_bytes=8 * states * 19 * 4 * side**3,
        headline=True,
    )


def mass_is_kept(peer: Peer, found: Any, expected: float) -> None:
    total = np.asarray(found).sum(dtype=np.float64)
    if not abs(total - expected) <= 1e-5 * expected:
        raise WrongResult(f"the mass is {total}, and was {expected}")


def is_finite(peer: Peer, found: Any, expected: float) -> None:
    if not np.isfinite(np.asarray(found)).all():
        raise WrongResult("not all of the gradient is finite")


# --- the reference, in double precision, and its adjoint ------------------------------------------------------------


def streamed(f: np.ndarray) -> np.ndarray:
    """By slices: what comes from inside the cavity, and what the walls turn around."""
    arriving = f[OPPOSITE].astype(np.float64)
    lid = (slice(None), -1, slice(None))
    for i, c in enumerate(VELOCITIES):
        if c[1] < 0:
            arriving[i][lid] += 6 * WEIGHTS[i] * c[0] * LID_SPEED
        there, here = _inside(c, f.shape[1])
        arriving[i][here] = f[i][there]
    return arriving


def _inside(c: np.ndarray, side: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """The cells whose neighbour in direction `c` is a cell too, and those neighbours."""
    there = tuple([slice(max(-k, 0), side - max(k, 0)) for k in c])
    here = tuple([slice(max(k, 0), side - max(-k, 0)) for k in c])
    return there, here


def collided(f: np.ndarray) -> np.ndarray:
    density, _, along, square = _moments(f)
    equilibrium = _column(WEIGHTS) * density * (1 + 3 * along + 4.5 * along**2 - 1.5 * square)
    return f + RELAXATION * (equilibrium - f)


def _moments(f: np.ndarray) -> tuple[np.ndarray, ...]:
    """The density, the velocity u, its part along each direction, and its square."""
    density = f.sum(0)
    u = np.tensordot(VELOCITIES.T, f, 1) / density
    return density, u, np.tensordot(VELOCITIES, u, 1), (u**2).sum(0)


def _column(x: np.ndarray) -> np.ndarray:
    return x[:, None, None, None]


def after(f: np.ndarray, steps: int) -> np.ndarray:
    f = f.astype(np.float64)
    for _ in range(steps):
        f = collided(streamed(f))
    return f


def states(f: np.ndarray, steps: int) -> list[np.ndarray]:
    """The populations after 0, 1, ... `steps` steps."""
    found = [f.astype(np.float64)]
    for _ in range(steps):
        found.append(collided(streamed(found[-1])))
    return found


def reference_gradient(f: np.ndarray, steps: int) -> np.ndarray:
    """Of the sum of the squared densities."""
    *before, last = states(f, steps)
    slope = np.broadcast_to(2 * last.sum(0), f.shape)
    for state in reversed(before):
        slope = _streamed_back(_collided_back(streamed(state), slope))
    return slope


def _collided_back(f: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """From the gradient by `collided(f)` to that by `f`."""
    density, u, along, square = _moments(f)
    pull = RELAXATION * _column(WEIGHTS) * slope
    by_u = density * (np.tensordot(VELOCITIES.T, pull * (3 + 9 * along), 1) - 3 * u * pull.sum(0))
    by_density = (pull * (1 + 3 * along + 4.5 * along**2 - 1.5 * square)).sum(0) - (by_u * u).sum(0) / density
    return (1 - RELAXATION) * slope + by_density + np.tensordot(VELOCITIES, by_u / density, 1)


def _streamed_back(slope: np.ndarray) -> np.ndarray:
    """From the gradient by `streamed(f)` to that by `f`."""
    by_f = np.zeros(slope.shape)
    for i, c in enumerate(VELOCITIES):
        there, here = _inside(c, slope.shape[1])
        by_f[i][there] += slope[i][here]
        turned = slope[i].copy()
        turned[here] = 0
        by_f[OPPOSITE[i]] += turned
    return by_f
