"""Thousands of Lorenz systems at once, each with steps of its own: what becomes of them as a parameter grows.

Lorenz's equations go from rest over steady convection into chaos as rho, the heating, grows, and in between back into
windows of periodic motion. Here every system has another rho. `cujax.ode.solve` chooses steps by an estimate of the
error, and `vmap` of it is one kernel, in which each system runs from beginning to end with its own steps, while those
of JAX would all wait for the slowest.

    python examples/lorenz_ensemble.py [--systems 4000] [--out lorenz.png]

E. N. Lorenz, Deterministic nonperiodic flow, Journal of the Atmospheric Sciences 20, 1963. Start reading at `motion`.
"""

import argparse
import time

import numpy as np
from matplotlib.figure import Figure

import cujax
import cujax.numpy as jnp
from cujax import ode

SIGMA, BETA = 10.0, 8 / 3
SETTLED, END = 20.0, 30.0  # what the motion is like shows after the way there
TOLERANCE = 1e-6


def slope(t, y, rho):
    """Lorenz's equations for y = (x, y, z)."""
    x, y, z = y
    return jnp.stack([SIGMA * (y - x), x * (rho - z) - y, x * y - BETA * z])


def motion(rho, times):
    """The states of one system at `times`, (times, 3), and how many steps it has tried."""
    start = jnp.array([1.0, 1.0, rho])
    found = ode.solve(slope, start, 0.0, END, args=(rho,), rtol=TOLERANCE, atol=TOLERANCE, saveat=times,
                      max_steps=100_000)  # fmt: skip
    return found.ys, found.steps


def timed(function, *args):
    """A result, and the seconds that a second call takes."""
    cujax.block_until_ready(function(*args))  # compiles
    begin = time.perf_counter()
    result = cujax.block_until_ready(function(*args))
    return result, time.perf_counter() - begin


def turning_points(z):
    """Where a sampled curve has its maxima, and their heights, by the parabola through three samples."""
    before, at, after = z[:-2], z[1:-1], z[2:]
    (where,) = np.nonzero((at > before) & (at >= after))
    rise, bend = (after - before)[where] / 2, (before - 2 * at + after)[where]
    return where, at[where] - rise**2 / (2 * bend)


def draw(rhos, paths, steps, name):
    """Saves a picture: the heights of the maxima of z over rho, one chaotic path, and the numbers of steps."""
    figure = Figure(figsize=(11, 9), layout="constrained")
    axes = figure.subplot_mosaic([["maxima", "maxima"], ["path", "steps"]])
    heights = [turning_points(z)[1] for z in paths[:, :, 2]]
    axes["maxima"].plot(np.repeat(rhos, [len(h) for h in heights]), np.concatenate(heights), ",", color="black")
    axes["maxima"].set(title="maxima of z, once the motion has settled", xlabel="rho")
    chaotic = np.argmin(abs(rhos - 28))
    axes["path"].plot(paths[chaotic, :, 0], paths[chaotic, :, 2], linewidth=0.6)
    axes["path"].set(title=f"z over x at rho = {rhos[chaotic]:.1f}")
    axes["steps"].plot(rhos, steps, linewidth=0.6)
    axes["steps"].set(title="steps that each system has tried", xlabel="rho")
    figure.savefig(name, dpi=120)


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description="Lorenz systems from rest into chaos.")
    parser.add_argument("--systems", type=int, default=4000, help="how many, with rho from 0 to 250")
    parser.add_argument("--samples", type=int, default=1000, help="times at which the settled motion is kept")
    parser.add_argument("--out", default="lorenz.png", help="file for the picture")
    return parser.parse_args()


def main():
    """Integrate, then print and draw what the paths show."""
    options = arguments()
    cujax.config.update("jax_enable_x64", True)
    rhos, times = np.linspace(0.0, 250.0, options.systems), np.linspace(SETTLED, END, options.samples)
    ensemble = cujax.jit(cujax.vmap(motion, in_axes=(0, None)))
    print(cujax.explain(ensemble)(rhos, times))
    (paths, steps), seconds = timed(ensemble, rhos, times)
    print(f"{options.systems} systems took {int(steps.sum())} steps in {seconds:.2f} s: "
          f"from {int(steps.min())} to {int(steps.max())} each")  # fmt: skip
    draw(rhos, np.asarray(paths), np.asarray(steps), options.out)
    print(f"drawn in {options.out}")


if __name__ == "__main__":
    main()
