"""What an option is worth when the volatility is random itself, and how that depends on everything: Heston's model.

    dS = r S dt + sqrt(v) S dW1        dv = kappa (theta - v) dt + xi sqrt(v) dW2        dW1 dW2 = rho dt

The price is a mean over random paths. A path is a loop that draws its random numbers itself, from a key of its own, so
that a million paths need memory for no more than keys; all of it is one kernel, and so are the derivatives (the
"greeks"), which `grad` takes through the paths.

    python examples/heston.py [--paths 100000] [--out heston.png]

S. L. Heston, A closed-form solution for options with stochastic volatility, Review of Financial Studies 6, 1993.
Start reading at `price`.
"""

import argparse
import time
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

import cujax
import cujax.numpy as jnp
from cujax import lax, random

STEPS = 252  # trading days
TRUNCATED = 1e-8  # in place of a variance of 0, where the root has no derivative


class Market(NamedTuple):
    """One year's option: spot price S, root of the variance v at the start, interest, and the parameters above."""

    spot: float = 100.0
    vol: float = 0.25
    rate: float = 0.02
    kappa: float = 2.0
    theta: float = 0.04
    xi: float = 0.3
    rho: float = -0.7


def path(key, market):
    """Log of the price at the end, and after each step, (STEPS,).

    Log-Euler steps with full truncation: Lord, Koekkoek, van Dijk, A comparison of biased simulation schemes for
    stochastic volatility models, Quantitative Finance 10, 2010.
    """
    dt = 1 / STEPS
    across = jnp.sqrt(1 - market.rho**2)

    def step(state, _):
        key, x, v = state
        key, ours = random.split(key)
        z1, z2 = random.normal(ours, (2,))
        positive = jnp.maximum(v, TRUNCATED)
        root = jnp.sqrt(positive * dt)
        x = x + (market.rate - 0.5 * positive) * dt + root * z1
        v = v + market.kappa * (market.theta - positive) * dt + market.xi * root * (market.rho * z1 + across * z2)
        return (key, x, v), x

    start = key, jnp.log(market.spot), market.vol**2
    (_, end, _), path = lax.scan(step, start, None, length=STEPS)
    return end, path


def price(market, strike, keys):
    """Of the right to buy at `strike` after a year: the mean of what that brings, over a path for each key."""

    def payoff(key):
        end, _ = path(key, market)
        return jnp.exp(-market.rate) * jnp.maximum(jnp.exp(end) - strike, 0)

    return cujax.vmap(payoff)(keys).mean()


def greeks(market, strike, keys):
    """The price, and its derivatives by everything that the market consists of and by the strike."""
    value, (by_market, by_strike) = cujax.value_and_grad(price, (0, 1))(market, strike, keys)
    return value, by_market, by_strike


def draw(spots, values, deltas, vegas, paths, name):
    """Saves a picture: a few paths, and price, delta and vega over the spot price."""
    figure = Figure(figsize=(11, 8), layout="constrained")
    axes = figure.subplot_mosaic([["paths", "price"], ["delta", "vega"]])
    axes["paths"].plot(np.exp(paths.T), linewidth=0.5)
    axes["paths"].set(title="some paths of the price", xlabel="days")
    for what, curve in (("price", values), ("delta", deltas), ("vega", vegas)):
        axes[what].plot(spots, curve)
        axes[what].set(title=what, xlabel="spot price")
    figure.savefig(name, dpi=120)


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description="Price and greeks of an option under Heston's model.")
    parser.add_argument("--paths", type=int, default=100_000)
    parser.add_argument("--strike", type=float, default=105.0)
    parser.add_argument("--out", default="heston.png", help="file for the picture")
    return parser.parse_args()


def main():
    """Price, differentiate, draw."""
    options = arguments()
    cujax.config.update("jax_debug_key_reuse", True)
    ours, drawn = random.split(random.key(1993))
    keys = random.split(ours, options.paths)
    market, strike = Market(), options.strike
    derive = cujax.jit(greeks)
    print(cujax.explain(greeks)(market, strike, keys))
    cujax.block_until_ready(derive(market, strike, random.clone(keys)))  # compiles
    begin = time.perf_counter()
    value, by_market, by_strike = cujax.block_until_ready(derive(market, strike, keys))
    print(f"{options.paths} paths of {STEPS} steps and all derivatives in {time.perf_counter() - begin:.2f} s")
    print(f"price {float(value):.3f}")
    for name, derivative in [*by_market._asdict().items(), ("strike", by_strike)]:
        print(f"  by {name:6} {float(derivative):10.4f}")

    spots = np.linspace(70, 140, 29)
    few = keys[: options.paths // 10]  # the same paths for every price, so that the curves are smooth
    curves = [derive(market._replace(spot=spot), strike, random.clone(few)) for spot in spots]
    values, deltas, vegas = np.array([(v, m.spot, m.vol) for v, m, _ in curves]).T
    some = cujax.vmap(lambda key: path(key, market)[1])(random.split(drawn, 20))
    draw(spots, values, deltas, vegas, np.asarray(some), options.out)
    print(f"drawn in {options.out}")


if __name__ == "__main__":
    main()
