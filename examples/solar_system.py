"""Ten years of the solar system: orbits, periods, energy, and Jupiter weighed by a gradient.

The Sun, the eight planets and the Moon start from published positions and velocities (`BODIES`) and attract
each other by Newton's law. The motion is one `scan` under `jit`, in float64. What is asked of it afterwards
shows the other transformations: the energy of every state on the path is a `vmap`, and Jupiter's mass is
found from the motion of the other planets by `grad` through the whole integration. Newton's law leaves out
relativity, the asteroids and the tides; after ten years all bodies still are within 1,600 km of where the
ephemeris that they start from has them (Mercury is the farthest off).

    python examples/solar_system.py [--years 10] [--step-days 0.5] [--out orbits.png]

Units: au, days, and GM in au^3/day^2 in place of masses. Start reading at `accelerations`, `advance`, `main`.
"""

import argparse
import math
import time
from functools import partial
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from tqdm import tqdm

import cujax
import cujax.numpy as jnp
from cujax import lax, random

# Name, GM, position, velocity at the epoch J2000.0 = JD 2451545.0 TDB, relative to the barycentre of the
# solar system, in the axes of the ICRF (equator of J2000). Source: JPL's ephemeris DE421 with its own
# constants (1 au = 149597870.6996262 km); W. M. Folkner, J. G. Williams, D. H. Boggs, "The Planetary and
# Lunar Ephemeris DE 421", IPN Progress Report 42-178, 2009. From Mars outwards a row is the planet together
# with its moons.
BODIES = [
    ("Sun", 2.959122082855911e-04, -7.136456395244341e-03, -2.647021852902184e-03, -9.229478710186404e-04,
        5.378458816469042e-06, -6.758186170687157e-06, -3.032849308682816e-06),
    ("Mercury", 4.912549571867940e-11, -1.372300624453203e-01, -4.032407359668477e-01, -2.014122635194804e-01,
        2.137177410450367e-02, -4.933057556175050e-03, -4.850466471308616e-03),
    ("Venus", 7.243452332698441e-10, -7.254387528105534e-01, -4.892126791305158e-02, 2.371768968223637e-02,
        8.034959684892898e-04, -1.849859566914229e-02, -8.372768184206921e-03),
    ("Earth", 8.887692462968594e-10, -1.842715553511835e-01, 8.847815006942625e-01, 3.838199508798528e-01,
        -1.720224661074971e-02, -2.904925889749978e-03, -1.259427919990134e-03),
    ("Moon", 1.093189452994545e-11, -1.862208370083747e-01, 8.829986087874497e-01, 3.833112371742975e-01,
        -1.683057613467923e-02, -3.289623718768792e-03, -1.433458076480402e-03),
    ("Mars", 9.549548695622390e-11, 1.383579465422920e+00, -1.245805403093516e-03, -3.788311342888646e-02,
        6.768779840434078e-04, 1.380727932964687e-02, 6.314867583141346e-03),
    ("Jupiter", 2.825345840855050e-07, 3.994040712133264e+00, 2.733931840036455e+00, 1.074588951124978e+00,
        -4.562935035030462e-03, 5.874704083648445e-03, 2.629269913481281e-03),
    ("Saturn", 8.459706073308477e-08, 6.399272407177143e+00, 6.172010782205168e+00, 2.273847798802086e+00,
        -4.286973413521458e-03, 3.521586386067828e-03, 1.638898661882464e-03),
    ("Uranus", 1.292024825792650e-08, 1.442472079600383e+01, -1.250891342354202e+01, -5.682610365126300e+00,
        2.683483517254265e-03, 2.455246591881046e-03, 1.037375987832634e-03),
    ("Neptune", 1.524359109249740e-08, 1.680491225428657e+01, -2.298274968252485e+01, -9.825348544215696e+00,
        2.584653188600846e-03, 1.661666698155739e-03, 6.157823854510027e-04),
]
NAMES = [name for name, *_ in BODIES]
SUN, EARTH, MOON, JUPITER = (NAMES.index(name) for name in ("Sun", "Earth", "Moon", "Jupiter"))
OBLIQUITY = math.radians(84381.448 / 3600)  # of the ecliptic to the equator at J2000
YEAR = 365.25

# Rates of the mean longitude against the fixed stars, in degrees a century. Planets: E. M. Standish, J. G.
# Williams, "Approximate Positions of the Planets", JPL, table 1 (means over 1800 to 2050; Earth stands for
# the barycentre of Earth and Moon). Moon: M. Chapront-Touze, J. Chapront, ELP 2000-82B.
KNOWN_RATES = {
    "Mercury": 149472.67411175,
    "Venus": 58517.81538729,
    "Earth": 35999.37244981,
    "Moon": 481266.48437,
    "Mars": 19140.30268499,
    "Jupiter": 3034.74612775,
    "Saturn": 1222.49362201,
    "Uranus": 428.48202785,
    "Neptune": 218.45945325,
}

# The symplectic integrator of order four called PEFRL: drifts and kicks in turn, as fractions of the step.
# I. P. Omelyan, I. M. Mryglod, R. Folk, Computer Physics Communications 146 (2002) 188. Far more accurate
# than the scheme of Forest and Ruth, from which it comes, for one more evaluation of the forces.
XI, LAMBDA, CHI = 0.1786178958448091, -0.2123418310626054, -0.06626458266981849
DRIFTS = (XI, CHI, 1 - 2 * (CHI + XI), CHI, XI)
KICKS = (0.5 - LAMBDA, LAMBDA, LAMBDA, 0.5 - LAMBDA)


class State(NamedTuple):
    """Positions [au] and velocities [au/day], each of shape (bodies, 3); a path has a time axis in front."""

    position: cujax.Array
    velocity: cujax.Array


# ---- the motion ------------------------------------------------------------------------------------------


def separations(position):
    """Vectors from body i to body j, (N, N, 3), and their squared lengths, (N, N), ones on the diagonal."""
    apart = position[None, :, :] - position[:, None, :]
    return apart, jnp.sum(apart**2, axis=-1) + np.eye(len(NAMES))


def accelerations(position, gm):
    """Newton's law: the pull of all bodies on each, (N, 3)."""
    apart, square = separations(position)
    return jnp.sum((gm * square**-1.5)[:, :, None] * apart, axis=1)


def step(state, gm, dt):
    """One step of the integrator."""
    position, velocity = state
    position = position + DRIFTS[0] * dt * velocity
    for kick, drift in zip(KICKS, DRIFTS[1:], strict=True):
        velocity = velocity + kick * dt * accelerations(position, gm)
        position = position + drift * dt * velocity
    return State(position, velocity)


@partial(cujax.jit, static_argnames="steps")
def advance(state, gm, dt, steps):
    """The state after `steps` steps, and the path there: every state on the way, the last one included."""

    def body(state, _):
        state = step(state, gm, dt)
        return state, state

    return lax.scan(body, state, None, length=steps)


@cujax.jit
@partial(cujax.vmap, in_axes=(0, None))
def energy(state, gm):
    """Kinetic and potential energy of each state of a path, times the constant of gravity."""
    _, square = separations(state.position)
    pairs = gm[:, None] * gm * (1 - np.eye(len(NAMES))) / jnp.sqrt(square)
    return 0.5 * jnp.sum(gm[:, None] * state.velocity**2) - 0.5 * jnp.sum(pairs)


def initial_state():
    """`BODIES` in the axes of the ecliptic and relative to their own centre of mass, and their GM, (N,)."""
    table = np.array([row for _, *row in BODIES])
    gm, states = table[:, 0], table[:, 1:].reshape(-1, 2, 3)
    states = states - np.average(states, axis=0, weights=gm)
    cos, sin = math.cos(OBLIQUITY), math.sin(OBLIQUITY)
    states = states @ np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    return State(jnp.asarray(states[:, 0]), jnp.asarray(states[:, 1])), jnp.asarray(gm)


def integrate(state, gm, dt, chunks, steps):
    """The path over `chunks` calls of `advance`, start included, and how many steps were done in a second."""
    cujax.block_until_ready(advance(state, gm, dt, steps))  # compiles; outside the measured time
    paths = [State(state.position[None], state.velocity[None])]
    begin = time.perf_counter()
    with tqdm(total=chunks * steps, unit=" steps", desc="integrating") as bar:
        for _ in range(chunks):
            state, path = cujax.block_until_ready(advance(state, gm, dt, steps))
            paths.append(path)
            bar.update(steps)
    speed = chunks * steps / (time.perf_counter() - begin)
    return State(*(jnp.concatenate(parts) for parts in zip(*paths, strict=True))), speed


# ---- the periods -----------------------------------------------------------------------------------------


def kepler_orbits(path, gm):
    """For each orbit: name, relative position and velocity, both (time, 3), and the GM that governs it.

    A planet is seen from the centre of mass of all that lies inside its orbit (Jacobi's coordinates), so
    that the Sun's swing about the big planets leaves the outer orbits alone. Earth and Moon count as one
    planet.
    """
    motion = np.stack(path, axis=1)  # (time, position or velocity, body, axis)
    centre, mass = motion[:, :, SUN], gm[SUN]
    for name in NAMES[1:]:
        members = [EARTH, MOON] if name == "Earth" else [NAMES.index(name)]
        if name != "Moon":
            planet, weight = np.average(motion[:, :, members], axis=2, weights=gm[members]), gm[members].sum()
            yield name, *np.moveaxis(planet - centre, 1, 0), mass + weight
            centre, mass = (mass * centre + weight * planet) / (mass + weight), mass + weight
        else:
            apart = motion[:, :, MOON] - motion[:, :, EARTH]
            yield name, *np.moveaxis(apart, 1, 0), gm[EARTH] + gm[MOON]


def mean_longitude(position, velocity, mu):
    """Mean longitude [rad] of the osculating ellipse at each time, without jumps.

    True longitude less the equation of the centre: Murray and Dermott, "Solar System Dynamics", chapter 2.
    """
    normal = np.cross(position, velocity)
    normal = normal / np.linalg.norm(normal, axis=-1, keepdims=True)
    # Turned about its line of nodes into the ecliptic, so that the longitude counts along the orbit itself.
    flat = position[:, :2] - normal[:, :2] * (position[:, 2:] / (1 + normal[:, 2:]))
    radius = np.linalg.norm(position, axis=-1)
    axis = 1 / (2 / radius - np.sum(velocity**2, axis=-1) / mu)
    e_cos = 1 - radius / axis  # eccentricity times cosine and sine of the eccentric anomaly
    e_sin = np.sum(position * velocity, axis=-1) / np.sqrt(mu * axis)
    root = np.sqrt(1 - e_cos**2 - e_sin**2)
    centre = 2 * np.arctan2(e_sin, 1 + root - e_cos) + e_sin
    return np.unwrap(np.arctan2(flat[:, 1], flat[:, 0])) - centre


def print_periods(path, gm, dt):
    """A table of the sidereal periods found in the path beside the known ones."""
    days = dt * np.arange(len(path.position))
    print(f"\nSidereal periods in days, from the rate of the mean longitude in {days[-1] / YEAR:g} years.")
    print("Where less than one turn was seen, that is the longitude of the osculating ellipse, and pulls of")
    print("the other planets that average out over centuries are still in the result.")
    print(f"{'':10}{'turns':>9}{'found':>14}{'known':>14}{'difference':>13}")
    for name, position, velocity, mu in kepler_orbits(path, gm):
        longitude = mean_longitude(position, velocity, mu)
        found = 2 * math.pi / np.polyfit(days, longitude, 1)[0]
        known = 360 * 100 * YEAR / KNOWN_RATES[name]
        turns = np.ptp(longitude) / (2 * math.pi)
        print(f"{name:10}{turns:9.2f}{found:14.4f}{known:14.4f}{found / known - 1:13.1e}")


# ---- Jupiter's mass --------------------------------------------------------------------------------------


def weigh_jupiter(start, gm, dt, observed, noise, guess=100.0, tolerance=1e-7):
    """Jupiter's mass in Earth masses from its pull on the other planets, and its standard error.

    `observed`, (steps, 7, 3), has their heliocentric positions after each step, every coordinate wrong by a
    normal error of standard deviation `noise`. The best mass makes the gradient of the squared misfit zero;
    the secant method finds it, and the rate at which the gradient changes there gives the standard error.
    """

    def misfit(mass):
        pulling = gm.at[JUPITER].set(mass * gm[EARTH])
        _, path = advance(start, pulling, dt, len(observed))
        return jnp.sum(((heliocentric(path.position) - observed) / noise) ** 2)

    gradient = cujax.jit(cujax.grad(misfit))

    def slope(mass):
        value = float(gradient(mass))
        print(f"  mass {mass:12.6f}   gradient of the misfit {value:12.3e}")
        return value

    older, newer = guess, 1.01 * guess
    slope_older, slope_newer = slope(older), slope(newer)
    while abs(newer - older) > tolerance * abs(newer):
        curvature = (slope_newer - slope_older) / (newer - older)
        older, slope_older, newer = newer, slope_newer, newer - slope_newer / curvature
        slope_newer = slope(newer)
    return newer, math.sqrt(2 / curvature)


def heliocentric(position):
    """Positions of the planets that Jupiter perturbs, seen from the Sun: (time, 7, 3)."""
    others = [i for i in range(len(NAMES)) if i not in (SUN, MOON, JUPITER)]
    return position[:, jnp.array(others)] - position[:, SUN : SUN + 1]


def print_weighing(start, gm, dt, path, years=1.0, error_km=100.0):
    """Weighs Jupiter with the beginning of the path, observed with errors; prints result and truth."""
    noise = error_km / 149597870.7
    exact = heliocentric(path.position[1 : 1 + round(years * YEAR / dt)])
    observed = exact + noise * random.normal(random.key(2000), exact.shape, dtype=exact.dtype)
    print(f"\nJupiter's mass in Earth masses, from {len(observed) * dt:.0f} days of the others' motion,")
    print(f"observed with errors of {error_km:g} km:")
    mass, error = weigh_jupiter(start, gm, dt, observed, noise)
    print(f"  fitted {mass:.4f} +- {error:.4f}   true {float(gm[JUPITER] / gm[EARTH]):.4f}")


# ---- the picture -----------------------------------------------------------------------------------------


def draw(path, drift, dt, name):
    """Saves a picture: the planets around the Sun, the Moon around the Earth, the drift of the energy."""
    figure = Figure(figsize=(11, 11), layout="constrained")
    (inner, outer), (moon, conserved) = figure.subplots(2, 2)
    from_sun = path.position - path.position[:, SUN : SUN + 1]
    for axes, names, title in (
        (inner, ("Mercury", "Venus", "Earth", "Mars"), "inner planets [au]"),
        (outer, ("Jupiter", "Saturn", "Uranus", "Neptune"), "outer planets [au]"),
    ):
        axes.plot(0, 0, "o", color="gold", markeredgecolor="black")
        for planet in names:
            x, y, _ = from_sun[:, NAMES.index(planet)].T
            (line,) = axes.plot(x, y, linewidth=0.8, label=planet)
            axes.plot(x[-1], y[-1], "o", color=line.get_color(), markersize=5)
        axes.set(title=title, aspect="equal")
        axes.legend(loc="upper right")
    x, y, _ = (path.position[:, MOON] - path.position[:, EARTH])[: round(YEAR / dt)].T
    moon.plot(x, y, linewidth=0.6, color="gray")
    moon.set(title="the Moon around the Earth, one year [au]", aspect="equal")
    conserved.plot(np.arange(len(drift)) * dt / YEAR, drift, linewidth=0.6)
    conserved.set(title="relative energy drift", xlabel="years")
    figure.savefig(name, dpi=120)


# ---- the program -----------------------------------------------------------------------------------------


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description="The solar system, integrated and weighed.")
    parser.add_argument("--years", type=float, default=10.0, help="length of the run, rounded to tenths")
    parser.add_argument("--step-days", type=float, default=0.5, help="the largest step to take")
    parser.add_argument("--out", default="orbits.png", help="file for the picture")
    return parser.parse_args()


def main():
    """Integrate, then print and draw what the path shows."""
    options = arguments()
    cujax.config.update("jax_enable_x64", True)
    cujax.config.update("jax_debug_key_reuse", True)
    start, gm = initial_state()

    chunk_days = YEAR / 10
    steps = math.ceil(chunk_days / options.step_days)
    dt, chunks = chunk_days / steps, max(1, round(options.years * 10))
    print(f"device {cujax.devices()[0]}, {chunks / 10:g} years in steps of {dt:.4f} days")
    path, speed = integrate(start, gm, dt, chunks, steps)
    total = energy(path, gm)
    drift = np.asarray(total / total[0] - 1)
    trend = np.polyfit(np.arange(len(drift)) * dt / YEAR, drift, 1)[0]
    print(f"{speed:.0f} steps/s; relative energy drift: at most {abs(drift).max():.0e}, {trend:+.0e} a year")

    on_host = cujax.device_get(path)
    print_periods(on_host, np.asarray(gm), dt)
    print_weighing(start, gm, dt, path)
    draw(on_host, drift, dt, options.out)
    print(f"\norbits drawn in {options.out}")


if __name__ == "__main__":
    main()
