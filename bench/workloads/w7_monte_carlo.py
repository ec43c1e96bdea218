"""W7, Monte Carlo: the price of a call option under Heston's model, and its derivatives by strike and volatility.

    dS = r S dt + sqrt(v) S dW1        dv = kappa (theta - v) dt + xi sqrt(v) dW2        dW1 dW2 = rho dt

Every path has a key of its own, split from one, and draws two normal numbers in each step, inside the loop: nothing but
keys needs to be read and nothing but a sum written.  Log-Euler steps with full truncation (Lord, Koekkoek, van Dijk, A
comparison of biased simulation schemes, Quantitative Finance 10, 2010).

The reference is the price as an integral over the characteristic function (Lewis, Option valuation under stochastic
volatility, 2000), met within the error of sampling and of the steps.  Few paths are compared number by number, too.
"""

from __future__ import annotations

from collections.abc import Callable
from ctypes import c_float, c_int32, c_int64
from typing import Any

import numpy as np

from bench.case import Case, Scale, WrongResult
from bench.hand_written import pointer
from bench.peers import Peer
from bench.workloads.w8_random_bits import bits_as_normal, threefry

PATHS = {"smoke": 256, "quick": 2 * 10**4, "default": 10**5, "full": 10**6}
STEPS = {"smoke": 8, "quick": 252, "default": 252, "full": 252}
SPOT, RATE, YEARS, KAPPA, THETA, XI, RHO = 100.0, 0.02, 1.0, 2.0, 0.04, 0.3, -0.7
TRUNCATED = 1e-8  # in place of 0, where the root has no derivative
SEED = np.array([7, 252], np.uint32)
STRIKE, VOL = np.float32(105), np.float32(0.25)
# Standard deviations of one path's contribution, rounded up, and what the steps of a year's 252nd may add.
DEVIATIONS = {"price": 17.0, "by strike": 0.5, "by vol": 60.0}
BIASES = {"price": 0.05, "by strike": 0.004, "by vol": 0.4}
FEW = 2**12  # numbers that NumPy draws one by one for the comparison


# --- the model, in each dialect -----------------------------------------------------------------------------------


def advance(np: Any, x: Any, v: Any, z1: Any, z2: Any, dt: float) -> tuple[Any, Any]:
    """One step of the logarithm of the price and of the variance, with two independent normal numbers."""
    positive = np.maximum(v, TRUNCATED)
    root = np.sqrt(positive * dt)
    x = x + (RATE - 0.5 * positive) * dt + root * z1
    return x, v + KAPPA * (THETA - positive) * dt + XI * root * (RHO * z1 + (1 - RHO**2) ** 0.5 * z2)


def payoff(np: Any, x: Any, strike: Any) -> Any:
    return np.exp(-RATE * YEARS) * np.maximum(SPOT * np.exp(x) - strike, 0)


def jax_price(peer: Peer, paths: int, steps: int) -> Callable:
    """The mean over paths; each has a key and a loop of its own."""
    np_, lib = peer.np, peer.lib

    def end_of_path(key: Any, vol: Any) -> Any:
        def step(_: Any, state: Any) -> Any:
            key, x, v = state
            key, subkey = lib.random.split(key)
            z1, z2 = lib.random.normal(subkey, (2,), np_.float32)
            return key, *advance(np_, x, v, z1, z2, YEARS / steps)

        return lib.lax.fori_loop(0, steps, step, (key, 0 * vol, vol**2))[1]

    def price(words: Any, strike: Any, vol: Any) -> Any:
        keys = lib.random.split(lib.random.wrap_key_data(words, impl="threefry2x32"), paths)
        ends = lib.vmap(end_of_path, (0, None))(keys, vol)
        return payoff(np_, ends, strike).mean()

    return price


def numpy_price(peer: Peer, paths: int, steps: int) -> Callable:
    generator = peer.np.random.default_rng(7)

    def price(words: Any, strike: Any, vol: Any) -> Any:
        x, v = peer.np.zeros(paths, "float32"), peer.np.full(paths, vol**2, "float32")
        for _ in range(steps):
            z1, z2 = (generator.standard_normal(paths, "float32") for _ in range(2))
            x, v = advance(peer.np, x, v, z1, z2, YEARS / steps)
        return payoff(peer.np, x, strike).mean()

    return price


def only_price(price: Callable) -> Callable:
    return lambda *args: {"price": price(*args)}


def with_reverse(peer: Peer, price: Callable) -> Callable:
    """The gradient as it is usually asked for."""
    derive = peer.lib.value_and_grad(price, (1, 2))

    def function(*args: Any) -> dict[str, Any]:
        value, (by_strike, by_vol) = derive(*args)
        return {"price": value, "by strike": by_strike, "by vol": by_vol}

    return function


def with_forward(peer: Peer, price: Callable) -> Callable:
    """Two tangents carried along."""

    def with_value(*args: Any) -> tuple[Any, Any]:
        value = price(*args)
        return value, value

    def function(*args: Any) -> dict[str, Any]:
        (by_strike, by_vol), value = peer.lib.jacfwd(with_value, (1, 2), has_aux=True)(*args)
        return {"price": value, "by strike": by_strike, "by vol": by_vol}

    return function


def named(what: str, out: Any) -> dict[str, Any]:
    """Of what was written by hand: the price, or the "greeks" as well."""
    names = ("price",) if what == "price" else ("price", "by strike", "by vol")
    return {name: out[k] for k, name in enumerate(names)}


def by_hand(peer: Peer, name: str, paths: int, steps: int) -> Callable:
    """A function of `w7_monte_carlo.cpp`: "price", or "greeks" as well."""
    compute = getattr(peer.lib["w7_monte_carlo"], name)

    def function(words: np.ndarray, strike: Any, vol: Any) -> dict[str, Any]:
        out = np.empty(3, np.float32)
        compute(pointer(words), c_float(strike), c_float(vol), pointer(out), c_int64(paths), c_int32(steps))
        return named(name, out)

    return function


def by_hand_on_device(peer: Peer, name: str, paths: int, steps: int) -> Callable:
    """A kernel of `w7_monte_carlo.cu`."""

    def function(words: Any, strike: Any, vol: Any) -> dict[str, Any]:
        out = peer.np.zeros(3, np.float64)
        peer.lib["w7_monte_carlo"](name, paths, words, strike, vol, out, np.int64(paths), np.int32(steps))
        return named(name, out)

    return function


# --- cases ---------------------------------------------------------------------------------------------------------


def cases(scale: Scale) -> list[Case]:
    paths, steps = scale.of(PATHS), scale.of(STEPS)

    def case(name: str, make: dict[str, Callable], paths: int, new_size: Callable[[], Case] | None = None) -> Case:
        return Case(
            f"{name}, {paths} paths of {steps} steps",
            make=make,
            inputs=lambda: (SEED, STRIKE, VOL),
            reference=lambda words, strike, vol: {
                **semi_analytic(float(strike), float(vol)), "sampled": sampled(words, strike, vol, paths, steps),
            },
            compare=lambda peer, found, expected: compare(peer, found, expected, paths, steps),
            items=(paths, "paths"),
            new_size=new_size,
            headline=True,
        )

    def price(paths: int, new_size: Callable[[], Case] | None = None) -> Case:
        return case("price", {
            "jax": lambda peer: only_price(jax_price(peer, paths, steps)),
            "numpy": lambda peer: only_price(numpy_price(peer, paths, steps)),
            "c++": lambda peer: by_hand(peer, "price", paths, steps),
            "cuda": lambda peer: by_hand_on_device(peer, "price", paths, steps),
        }, paths, new_size)  # fmt: skip

    def gradient(name: str, derived: Callable) -> Case:
        """By hand both are computed forward."""
        return case(f"and gradient, {name}", {
            "jax": lambda peer: derived(peer, jax_price(peer, paths, steps)),
            "c++": lambda peer: by_hand(peer, "greeks", paths, steps),
            "cuda": lambda peer: by_hand_on_device(peer, "greeks", paths, steps),
        }, paths)  # fmt: skip

    return [
        price(paths, (lambda: price(paths + 1000)) if scale.fresh else None),
        gradient("forward", with_forward),
        gradient("reverse", with_reverse),
    ]


def compare(peer: Peer, found: dict[str, Any], expected: dict[str, Any], paths: int, steps: int) -> None:
    """Within the error of sampling and of the steps; few paths with keys to the last digits."""
    for name, value in found.items():
        allowed = 5 * DEVIATIONS[name] / np.sqrt(paths) + BIASES[name] * 252 / steps
        if not abs(float(value) - expected[name]) <= allowed:
            raise WrongResult(f"{name} is {float(value):.5g}, expected {expected[name]:.5g} within {allowed:.2g}")
    sample = expected["sampled"]
    if peer.dialect != "numpy" and sample is not None and not abs(float(found["price"]) / sample - 1) < 1e-4:
        raise WrongResult(f"the price is {float(found['price']):.7g}, and {sample:.7g} with the same random numbers")


# --- references ----------------------------------------------------------------------------------------------------


def sampled(words: np.ndarray, strike: Any, vol: Any, paths: int, steps: int) -> float | None:
    """The mean over the same paths in float64; None where that takes too long."""
    if paths * steps > FEW:
        return None
    keys = np.stack(threefry(words, np.arange(paths)), axis=1)
    x, v = np.zeros(paths), np.full(paths, float(vol) ** 2)
    for _ in range(steps):
        pairs = np.array([np.stack(threefry(key, np.arange(2)), axis=1) for key in keys])
        keys = pairs[:, 0]
        bits = np.array([np.bitwise_xor(*threefry(key, np.arange(2))) for key in pairs[:, 1]])
        x, v = advance(np, x, v, *bits_as_normal(bits).T, YEARS / steps)
    return float(payoff(np, x, float(strike)).mean())


def semi_analytic(strike: float, vol: float, h: float = 1e-3) -> dict[str, float]:
    """The price, and its derivatives by central differences."""
    return {
        "price": integrated(strike, vol),
        "by strike": (integrated(strike + h, vol) - integrated(strike - h, vol)) / (2 * h),
        "by vol": (integrated(strike, vol + h) - integrated(strike, vol - h)) / (2 * h),
    }


def integrated(strike: float, vol: float) -> float:
    """S - sqrt(S K) exp(-r T / 2) / pi * integral of Re(exp(i u k) f(u - i/2)) / (u^2 + 1/4), k = log(S/K) + r T."""
    u = np.linspace(0, 200, 200_001)
    k = np.log(SPOT / strike) + RATE * YEARS
    values = (np.exp(1j * u * k) * characteristic(u - 0.5j, vol)).real / (u**2 + 0.25)
    return SPOT - np.sqrt(SPOT * strike) * np.exp(-RATE * YEARS / 2) / np.pi * np.trapezoid(values, u)


def characteristic(u: np.ndarray, vol: float) -> np.ndarray:
    """Of log(S_T / S_0) - r T; Albrecher et al., The little Heston trap, Wilmott Magazine, January 2007."""
    b = KAPPA - 1j * RHO * XI * u
    d = np.sqrt(b**2 + XI**2 * (1j * u + u**2))
    g, decay = (b - d) / (b + d), np.exp(-d * YEARS)
    drift = KAPPA * THETA / XI**2 * ((b - d) * YEARS - 2 * np.log((1 - g * decay) / (1 - g)))
    return np.exp(drift + vol**2 / XI**2 * (b - d) * (1 - decay) / (1 - g * decay))
