"""Argon atoms in a box: their forces as the gradient of an energy whose formula is a line of CUDA C++.

Atoms repel each other when close and attract when apart: Lennard and Jones' energy of a pair, here cut off smoothly at
three diameters. `cujax.cuda_op` makes it an op of C++, as one has it from a kernel or from another program, and is told
its derivative; it then runs inside the kernels of the forces like every other op, on a GPU or a CPU. The motion is a
`scan` of Verlet's steps; atoms that leave the box on one side come in on the other.

    python examples/argon.py [--side 12] [--steps 2000] [--out argon.png]

Lengths are in diameters, energies in depths of the pair's potential, and the box is flat. L. Verlet, Computer
"experiments" on classical fluids, Physical Review 159, 1967. Start reading at `pair_energy`.
"""

import argparse

import numpy as np
from matplotlib.figure import Figure

import cujax
import cujax.numpy as jnp

REACH = 3.0  # of the force
SPACING = 1.3  # between atoms at the start
STEP = 0.005
HEAT = 0.6  # of the first velocities

# 4 (r^-12 - r^-6) and its derivative, as functions of the square of r.
FORMULA = """
__device__ T energy(T r2) {
    T p = T(1) / (r2 * r2 * r2);
    return T(4) * p * (p - T(1));
}
__device__ T slope(T r2) {
    T p = T(1) / (r2 * r2 * r2);
    return T(-12) * p * (T(2) * p - T(1)) / r2;
}
"""
# Times (1 - r^2 / reach^2)^2, which ends it at the reach.
pair_energy = cujax.cuda_op(
    "T s = T(1) - r2 / reach2; return s > 0 ? s * s * energy(r2) : T(0);", "r2, reach2", preamble=FORMULA,
    derivative={"r2": """
        T s = T(1) - r2 / reach2;
        return s > 0 ? s * (s * slope(r2) - T(2) / reach2 * energy(r2)) : T(0);
    """}, name="pair_energy",
)  # fmt: skip


def potential_energy(places, box):
    """Of all pairs of atoms; places are (atoms, 2)."""
    apart = places[:, None] - places[None]
    apart = apart - box * jnp.round(apart / box)  # to the nearest copy of the other atom
    others = ~np.eye(len(places), dtype=bool)
    r2 = jnp.where(others, (apart**2).sum(-1), 1.0)
    return 0.5 * jnp.where(others, pair_energy(r2, REACH**2), 0.0).sum()


def motion(places, velocities, box, steps):
    """Places, and both energies, after each of `steps`."""
    force = cujax.grad(lambda p: -potential_energy(p, box))

    def step(state, _):
        places, velocities, pull = state
        halfway = velocities + 0.5 * STEP * pull
        places = (places + STEP * halfway) % box
        pull = force(places)
        velocities = halfway + 0.5 * STEP * pull
        energies = potential_energy(places, box), 0.5 * (velocities**2).sum()
        return (places, velocities, pull), (places, jnp.stack(energies))

    return cujax.lax.scan(step, (places, velocities, force(places)), length=steps)[1]


def at_rest(side):
    """A square of side * side atoms, their velocities, which move none away on the whole, and the box."""
    grid = np.stack(np.meshgrid(*[np.arange(side)] * 2), -1).reshape(-1, 2) * SPACING
    velocities = np.random.default_rng(0).normal(0, np.sqrt(HEAT), grid.shape)
    return grid.astype(np.float32), (velocities - velocities.mean(0)).astype(np.float32), side * SPACING


def draw(places, energies, box, name):
    """Saves a picture: the last places with the way to them, and the energies over time."""
    figure = Figure(figsize=(11, 5), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(*places[-200:].reshape(-1, 2).T, ",", color="0.7")
    left.plot(*places[-1].T, "o", markersize=7)
    left.set(title="atoms, and their last 200 steps", xlim=(0, box), ylim=(0, box), aspect="equal")
    times = STEP * np.arange(1, len(energies) + 1)
    for values, label in zip((*energies.T, energies.sum(1)), ("potential", "kinetic", "their sum"), strict=True):
        right.plot(times, values, label=label)
    right.set(title="energies", xlabel="time")
    right.legend()
    figure.savefig(name, dpi=120)


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description="Argon atoms, whose forces come from a line of CUDA C++.")
    parser.add_argument("--side", type=int, default=12, help="atoms along an edge of the box")
    parser.add_argument("--steps", type=int, default=2000, help="of the motion")
    parser.add_argument("--out", default="argon.png", help="file for the picture")
    return parser.parse_args()


def main():
    """Moves the atoms, tells how well their energy is kept, and draws them."""
    options = arguments()
    places, velocities, box = at_rest(options.side)
    course = cujax.jit(motion, static_argnums=3)(places, velocities, box, options.steps)
    places, energies = map(np.asarray, course)
    total = energies.sum(1)
    per_atom = np.ptp(total) / len(velocities)
    print(f"{len(velocities)} atoms; the energy of each stays the same to {per_atom:.1e}")
    draw(places, energies, box, options.out)


if __name__ == "__main__":
    main()
