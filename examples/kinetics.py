"""Stiff chemistry, very often: Robertson's reaction for many sets of rate constants, by an implicit method.

    A -> B  (k1)        B + B -> C + B  (k2)        B + C -> A + C  (k3)

The rates differ by nine orders of magnitude, so that an explicit method would need tiny steps forever. An implicit
step solves a system of three equations by Newton's method, with the Jacobian by `jacfwd` and a 3x3 `linalg.solve`.
`vmap` over the rate constants is one kernel: each reaction iterates until its own equations are solved.

    python examples/kinetics.py [--reactions 10000] [--out kinetics.png]

H. H. Robertson, The solution of a set of reaction rate equations, 1966. The method: R. Alexander, Diagonally implicit
Runge-Kutta methods for stiff o.d.e.'s, SIAM Journal on Numerical Analysis 14, 1977. Start reading at `implicit_step`.
"""

import argparse
import time

import numpy as np
from matplotlib.figure import Figure

import cujax
import cujax.numpy as jnp
from cujax import lax, random

RATES = np.array([0.04, 3e7, 1e4])  # Robertson's k1, k2, k3
GAMMA = 1 - 0.5**0.5  # makes the method of order two and L-stable
MOST_ITERATIONS = 10


def reaction(y, k):
    """dy/dt of the concentrations y = (A, B, C)."""
    a, b, c = y
    first, second, third = k[0] * a, k[1] * b * b, k[2] * b * c
    return jnp.stack([third - first, first - second - third, second])


def stage(y, k, h):
    """The slope s with s = reaction(y + GAMMA h s), by Newton's method."""

    def residual(s):
        return s - reaction(y + GAMMA * h * s, k)

    def goes_on(state):
        _, change, count = state
        return (h * abs(change) > 1e-12 * (1e-6 + abs(y))).any() & (count < MOST_ITERATIONS)

    def improve(state):
        s, _, count = state
        change = jnp.linalg.solve(cujax.jacfwd(residual)(s), residual(s))
        return s - change, change, count + 1

    start = reaction(y, k)
    return lax.while_loop(goes_on, improve, (start, jnp.full_like(start, jnp.inf), 0))[0]


def implicit_step(y, k, h):
    """Alexander's method with two stages; the second is at the end of the step."""
    first = stage(y, k, h)
    second = stage(y + (1 - GAMMA) * h * first, k, h)
    return y + h * ((1 - GAMMA) * first + GAMMA * second)


def course(k, times):
    """The concentrations at `times`, (times, 3), from pure A at time 0; a step leads from each time to the next."""

    def step(y, h):
        y = implicit_step(y, k, h)
        return y, y

    return lax.scan(step, jnp.array([1.0, 0.0, 0.0]), jnp.diff(times, prepend=0.0))[1]


def draw(times, courses, name):
    """Saves a picture: the concentrations over time, their median and the spread over all reactions."""
    figure = Figure(figsize=(11, 4), layout="constrained")
    for axes, what, y in zip(figure.subplots(1, 3), "ABC", np.moveaxis(courses, 2, 0), strict=True):
        low, middle, high = np.quantile(y, [0.05, 0.5, 0.95], axis=0)
        axes.fill_between(times, low, high, alpha=0.3)
        axes.plot(times, middle)
        axes.set(title=what, xscale="log", xlabel="seconds")
    figure.savefig(name, dpi=120)


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description="Robertson's reaction for many rate constants.")
    parser.add_argument("--reactions", type=int, default=10_000)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--out", default="kinetics.png", help="file for the picture")
    return parser.parse_args()


def main():
    """Integrate, check, draw."""
    options = arguments()
    cujax.config.update("jax_enable_x64", True)
    cujax.config.update("jax_debug_key_reuse", True)
    spread = jnp.exp(0.3 * random.normal(random.key(1966), (options.reactions, 3)))
    rates = (RATES * spread).at[0].set(RATES)
    times = np.geomspace(1e-6, 1e4, options.steps)
    ensemble = cujax.jit(cujax.vmap(course, in_axes=(0, None)))
    print(cujax.explain(ensemble)(rates, times))
    cujax.block_until_ready(ensemble(rates, times))  # compiles
    begin = time.perf_counter()
    courses = np.asarray(cujax.block_until_ready(ensemble(rates, times)))
    print(f"{options.reactions} reactions, {options.steps} implicit steps: {time.perf_counter() - begin:.2f} s")
    print(f"A + B + C differs from 1 by at most {abs(courses.sum(axis=2) - 1).max():.0e}")
    at_40 = np.interp(40.0, times, courses[0, :, 0])
    print(f"with Robertson's own constants A at 40 s is {at_40:.4f}, published 0.7158")
    draw(times, courses, options.out)
    print(f"drawn in {options.out}")


if __name__ == "__main__":
    main()
