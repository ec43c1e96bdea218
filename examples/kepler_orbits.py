"""Kepler's equation for very many orbits: each is solved by Newton's method until it is done, and differentiated.

Where a body is on its ellipse at a given time follows from M = E - e sin E, which has no solution in closed form. Here
a `while_loop` runs Newton's iteration for one orbit. `vmap` of it makes one kernel, in which every orbit leaves as soon
as its own iteration has converged: circles after two steps, long orbits close to the Sun after ten. The loop carries
its derivatives along, so it has them in reverse mode, too, which here give the velocity.

    python examples/kepler_orbits.py [--side 1000] [--out kepler.png]

Units: the semi-major axis, and radians of mean anomaly for the time. Start reading at `eccentric_anomaly`.
"""

import argparse
import time

import numpy as np
from matplotlib.figure import Figure

import cujax
import cujax.numpy as jnp
from cujax import lax

CLOSE = 1e-12  # steps of Newton's method below this are not worth another


def eccentric_anomaly(mean, e):
    """E with `mean` = E - e sin E, for `mean` in [0, pi], and how many steps Newton's method has taken.

    From E = pi every step goes down towards the solution, for any eccentricity below 1: the function is convex there.
    """

    def goes_on(state):
        _, change, _ = state
        return abs(change) > CLOSE

    def improve(state):
        anomaly, _, count = state
        change = (anomaly - e * jnp.sin(anomaly) - mean) / (1 - e * jnp.cos(anomaly))
        return anomaly - change, change, count + 1

    start = (jnp.pi + 0 * mean, 1 + 0 * mean, 0)
    anomaly, _, count = lax.while_loop(goes_on, improve, start)
    return anomaly, count


def position(mean, e):
    """Seen from the Sun, (2,), the perihelion on the first axis."""
    anomaly, _ = eccentric_anomaly(mean, e)
    return jnp.stack([jnp.cos(anomaly) - e, jnp.sqrt(1 - e**2) * jnp.sin(anomaly)])


def velocity(mean, e):
    """By the time, through the iteration."""
    return cujax.jacrev(position)(mean, e)


def over_grid(function):
    """For every mean anomaly and every eccentricity: results of shape (means, es, ...)."""
    return cujax.jit(cujax.vmap(cujax.vmap(function, (None, 0)), (0, None)))


def speed_by_energy(place):
    """What the conservation of energy makes of the speed, v^2 = 2/r - 1."""
    return np.sqrt(2 / np.linalg.norm(place, axis=-1) - 1)


def draw(means, es, counts, name):
    """Saves a picture: the steps of Newton's method over the grid, and orbits at equal intervals of time."""
    figure = Figure(figsize=(12, 5), layout="constrained")
    steps, orbits = figure.subplots(1, 2)
    image = steps.pcolormesh(es, means, counts, cmap="viridis", rasterized=True)
    figure.colorbar(image, label="steps of Newton's method")
    steps.set(xlabel="eccentricity", ylabel="mean anomaly")
    times = np.linspace(0, np.pi, 41)
    chosen = np.array([0.0, 0.3, 0.6, 0.9])
    places = np.asarray(over_grid(position)(times, chosen))
    for e, (x, y) in zip(chosen, places.transpose(1, 2, 0), strict=True):
        orbits.plot(np.append(x, x[::-1]), np.append(y, -y[::-1]), "o-", markersize=3, linewidth=0.5, label=f"e = {e}")
    orbits.plot(0, 0, "o", color="gold", markeredgecolor="black")
    orbits.set(title="equal times from dot to dot", aspect="equal")
    orbits.legend()
    figure.savefig(name, dpi=120)


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description="Kepler's equation for a grid of orbits.")
    parser.add_argument("--side", type=int, default=1000, help="of the grid of eccentricities and mean anomalies")
    parser.add_argument("--out", default="kepler.png", help="file for the picture")
    return parser.parse_args()


def main():
    """Solve, check, differentiate, draw."""
    options = arguments()
    cujax.config.update("jax_enable_x64", True)
    means, es = np.linspace(0.01, np.pi, options.side), np.linspace(0.0, 0.99, options.side)
    solve = over_grid(eccentric_anomaly)
    print(cujax.explain(solve)(means, es))
    cujax.block_until_ready(solve(means, es))  # compiles
    begin = time.perf_counter()
    anomalies, counts = cujax.block_until_ready(solve(means, es))
    seconds = time.perf_counter() - begin
    off = np.abs(anomalies - es * np.sin(anomalies) - means[:, None]).max()
    print(f"{anomalies.size} orbits in {seconds:.3f} s, {counts.min()} to {counts.max()} steps each")
    print(f"Kepler's equation is met to {off:.0e}")

    few = slice(None, None, max(options.side // 50, 1))
    speeds = np.linalg.norm(over_grid(velocity)(means[few], es[few]), axis=-1)
    expected = speed_by_energy(np.asarray(over_grid(position)(means[few], es[few])))
    print(f"speeds, derivatives through the iteration, agree with the energy to {abs(speeds / expected - 1).max():.0e}")
    draw(means, es, np.asarray(counts), options.out)
    print(f"drawn in {options.out}")


if __name__ == "__main__":
    main()
