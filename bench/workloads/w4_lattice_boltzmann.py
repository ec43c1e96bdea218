"""W4, lattice Boltzmann: a cube of fluid under a lid that moves, D3Q19, one relaxation time; and a gradient through it.

A step moves the populations along their velocities, those that would cross a wall are sent back (half-way
bounce-back, T. Krueger et al., The Lattice Boltzmann Method, Springer 2017, section 5.3.3), and relaxes them towards
equilibrium.  Bound by memory: 19 populations are read and written once where a step is one kernel.  The state is what
is left after relaxation, so that no cell relaxes for its neighbours.

Few cell updates are compared with the same steps in float64; of many the mass, which walls conserve.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np

from bench.case import Case, Make, Scale, WrongResult, all_close, array_code
from bench.peers import Peer

RELAXATION, LID_SPEED = 0.8, 0.05  # per step; of the wall above, along x, in cells per step
RUNS = {"smoke": (6, 3), "quick": (32, 20), "default": (64, 20), "full": (256, 200)}  # side, steps
GRADIENTS = {"smoke": (6, 3), "quick": (16, 10), "default": (32, 20), "full": (128, 50)}
FEW = 2**20  # cell updates that the reference makes

VELOCITIES = sorted((c for c in product((-1, 0, 1), repeat=3) if sum(map(abs, c)) < 3), key=lambda c: sum(map(abs, c)))
WEIGHTS = [(1 / 3, 1 / 18, 1 / 36)[sum(map(abs, c))] for c in VELOCITIES]
OPPOSITE = [VELOCITIES.index(tuple(-x for x in c)) for c in VELOCITIES]


# --- the program, of an array namespace -------------------------------------------------------------------------------


def streamed(np: Any, f: list[Any]) -> list[Any]:
    """What arrives in each cell: from the neighbour, or from the cell itself where a wall stands between."""
    n = f[0].shape[0]
    places = np.arange(n)
    along = [places.reshape([n if k == axis else 1 for k in range(3)]) for axis in range(3)]
    return [_arriving(np, f, number, along) for number in range(len(VELOCITIES))]


def _arriving(np: Any, f: list[Any], number: int, along: list[Any]) -> Any:
    velocity, found = VELOCITIES[number], f[number]
    for axis, c in enumerate(velocity):
        found = np.roll(found, c, axis) if c else found
    push = 6 * WEIGHTS[number] * velocity[0] * LID_SPEED  # what the lid adds, at a density of 1
    sent_back = f[OPPOSITE[number]]
    for axis, c in enumerate(velocity):
        if c:
            first = along[axis] == (0 if c > 0 else f[0].shape[0] - 1)
            is_lid = axis == 2 and c < 0 and push
            found = np.where(first, sent_back + push if is_lid else sent_back, found)
    return found


def relaxed(f: list[Any]) -> list[Any]:
    """Towards the equilibrium of the same density and momentum."""
    density = sum(f[1:], f[0])
    u = [_along(f, axis) / density for axis in range(3)]
    square = 1.5 * (u[0] * u[0] + u[1] * u[1] + u[2] * u[2])
    found = []
    for velocity, weight, population in zip(VELOCITIES, WEIGHTS, f, strict=True):
        along = sum((c * u[k] for k, c in enumerate(velocity) if c), 0.0)
        equilibrium = weight * density * (1 + along * (3 + 4.5 * along) - square)
        found.append(population + RELAXATION * (equilibrium - population))
    return found


def _along(f: list[Any], axis: int) -> Any:
    """The momentum along an axis."""
    forward, back = ([p for p, c in zip(f, VELOCITIES, strict=True) if c[axis] == sign] for sign in (1, -1))
    return sum(forward[1:], forward[0]) - sum(back[1:], back[0])


def step(np: Any, f: Any) -> list[Any]:
    return relaxed(streamed(np, list(f)))


def run(peer: Peer, steps: int) -> Callable:
    """`steps` steps of a list of populations."""
    if peer.dialect == "jax":
        return lambda f: peer.lib.lax.fori_loop(0, steps, lambda i, f: step(peer.np, f), list(f))

    def plain(f: Any) -> Any:
        for _ in range(steps):
            f = step(peer.np, f)
        return f

    return plain


def summed(np: Any, f: list[Any]) -> Any:
    """The sum over cells of the squared density."""
    density = sum(f[1:], f[0])
    return (density * density).sum()


def gradient(peer: Peer, steps: int) -> Callable:
    """Of the summed squared density after all steps, by the populations before them."""
    many = run(peer, steps)
    grad = peer.lib.grad if peer.dialect == "jax" else peer.lib.func.grad
    return lambda f: grad(lambda f: summed(peer.np, many(f)))(f)


# --- cases ------------------------------------------------------------------------------------------------------------


def cases(scale: Scale) -> list[Case]:
    side, steps = RUNS[scale.name]
    fewer, short = GRADIENTS[scale.name]
    by_grad: Make = {"jax": lambda peer: gradient(peer, short), "torch": lambda peer: gradient(peer, short)}
    runs = dict.fromkeys([(side, steps), (fewer, short)])
    return [
        _case("one step", array_code(lambda peer: lambda f: step(peer.np, f)), side, 1),
        *[_case(f"{k} steps", array_code(lambda peer, k=k: run(peer, k)), n, k) for n, k in runs],
        _gradient_case(by_grad, fewer, short),
    ]


def _case(name: str, make: Make, side: int, steps: int) -> Case:
    few = side**3 * steps <= FEW
    return Case(
        f"{name} {side}^3 float32",
        make=make,
        inputs=lambda: (populations(side),),
        reference=lambda f: np.array(in_double(f, steps)) if few else np.array(f, np.float64).sum(),
        compare=all_close(1e-5, np.array) if few else conserved,
        items=(side**3 * steps, "cells"),
        op_by_op_bytes=8 * 19 * 4 * side**3,
    )


def _gradient_case(make: Make, side: int, steps: int) -> Case:
    return Case(
        f"gradient after {steps} steps {side}^3 float32",
        make=make,
        inputs=lambda: (populations(side),),
        reference=lambda f: in_directions(f, steps),
        compare=along_directions,
        items=(side**3 * steps, "cells"),
        op_by_op_bytes=(8 + 12 * steps) * 19 * 4 * side**3,
    )


def populations(side: int) -> list[np.ndarray]:
    """At rest, and disturbed at random."""
    random = np.random.default_rng(4)
    shape = (side, side, side)
    return [(w * random.uniform(0.9, 1.1, shape)).astype(np.float32) for w in WEIGHTS]


def in_double(f: list[np.ndarray], steps: int) -> list[np.ndarray]:
    found = [x.astype(np.float64) for x in f]
    for _ in range(steps):
        found = step(np, found)
    return found


def conserved(peer: Peer, found: Any, mass: Any) -> None:
    """The sum over all cells, and no number that is none."""
    total = sum(np.asarray(x).sum(dtype=np.float64) for x in found)
    if not abs(total / mass - 1) < 1e-5:
        raise WrongResult(f"the mass is {total:.8g}, and {mass:.8g} to begin with")


def in_directions(f: list[np.ndarray], steps: int) -> tuple[np.ndarray, float | None]:
    """The derivative in a random direction by differences in float64; None where that takes too long."""
    direction = np.random.default_rng(5).uniform(-1, 1, (len(f), *f[0].shape))
    if f[0].size * steps > FEW:
        return direction, None
    ends = [summed(np, in_double([x + h * d for x, d in zip(f, direction, strict=True)], steps)) for h in (1e-4, -1e-4)]
    return direction, (ends[0] - ends[1]) / 2e-4


def along_directions(peer: Peer, found: Any, expected: tuple[np.ndarray, float | None]) -> None:
    direction, wanted = expected
    gradient = np.array([np.asarray(x) for x in found], np.float64)
    value = float((gradient * direction).sum())
    largest = float(np.abs(gradient).max()) * np.sqrt(direction.size)
    if not np.isfinite(value) or (wanted is not None and abs(value - wanted) > 1e-4 * largest):
        raise WrongResult(f"the derivative in a direction is {value:.6g}, expected {wanted}")
