"""W5, an ensemble of ordinary differential equations: Lorenz systems that differ in one parameter.

    x' = sigma (y - x)      y' = x (rho - z) - y      z' = x y - beta z      from (1, 0, 0), t in [0, 1]

With fixed steps (RK4) all systems do the same; with adaptive ones (Tsitouras' method, `vmap` of a `while_loop`) each
has its own steps. Bound by arithmetic where a system stays in registers from beginning to end: only the parameter needs
to be read and the last state written. The task of GPUODEBenchmarks (Utkarsh et al., Automated translation and
accelerated solving of differential equations on multiple GPU platforms, 2024).

The reference follows some of the systems in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from ctypes import c_float, c_int32, c_int64
from typing import Any

import numpy as np

from bench.case import Case, Make, Scale, all_close, array_code
from bench.hand_written import pointer
from bench.peers import Peer

SIGMA, BETA, END = 10.0, 8 / 3, 1.0
SYSTEMS = {
    "smoke": [40], "quick": [2**10], "default": [2**14], "device": [2**14, 2**20], "full": [8, 2**14, 2**20, 2**23]
}  # fmt: skip
STEPS = {"smoke": 50, "quick": 1000, "default": 1000, "full": 1000}
TOLERANCE, FIRST_STEP = 1e-8, 1e-3
CHECKED = 512  # systems that the reference follows

# Ch. Tsitouras, Runge-Kutta pairs of order 5(4) satisfying only the first column simplifying assumption, Computers and
# Mathematics with Applications 62(2), 2011, table 1: stages, then the result; weights of the error.
STAGES = (
    (0.161,),
    (-0.008480655492356989, 0.335480655492357),
    (2.8971530571054935, -6.359448489975075, 4.3622954328695815),
    (5.325864828439257, -11.748883564062828, 7.4955393428898365, -0.09249506636175525),
    (5.86145544294642, -12.92096931784711, 8.159367898576159, -0.071584973281401, -0.028269050394068383),
    (0.09646076681806523, 0.01, 0.4798896504144996, 1.379008574103742, -3.290069515436081, 2.324710524099774),
)  # fmt: skip
ERROR = (
    -0.00178001105222577714, -0.0008164344596567469, 0.007880878010261995, -0.1447110071732629, 0.5823571654525552,
    -0.45808210592918697, 1 / 66,
)  # fmt: skip


# --- the steps, for one system (3,) or for all of them (3, n) ---------------------------------------------------------


def slope(np: Any, state: Any, rho: Any) -> Any:
    x, y, z = state
    return np.stack([SIGMA * (y - x), x * (rho - z) - y, x * y - BETA * z])


def rk4(np: Any, state: Any, rho: Any, h: float) -> Any:
    k1 = slope(np, state, rho)
    k2 = slope(np, state + h / 2 * k1, rho)
    k3 = slope(np, state + h / 2 * k2, rho)
    k4 = slope(np, state + h * k3, rho)
    return state + h / 6 * (k1 + 2 * (k2 + k3) + k4)


def weighted(weights: tuple[float, ...], slopes: list[Any]) -> Any:
    return sum(w * k for w, k in zip(weights, slopes, strict=True))


def tsit5(np: Any, state: Any, rho: Any, first: Any, h: Any) -> tuple[Any, Any, Any]:
    """The state after a step, the slope there, and the estimated error."""
    slopes = [first]
    for row in STAGES:
        end = state + h * weighted(row, slopes)
        slopes.append(slope(np, end, rho))
    return end, slopes[-1], h * weighted(ERROR, slopes)


# --- the integrations, in each dialect --------------------------------------------------------------------------------


def lanes_fixed(peer: Peer, steps: int) -> Callable:
    """`vmap` of a loop."""
    np_, lib = peer.np, peer.lib

    def solve(rho: Any) -> Any:
        start = np_.array([1, 0, 0], rho.dtype)
        return lib.lax.fori_loop(0, steps, lambda i, state: rk4(np_, state, rho, END / steps), start)

    return lib.vmap(solve)


def lanes_adaptive(peer: Peer) -> Callable:
    """`vmap` of a `while_loop`: every system tries steps until it has arrived."""
    np_, lib = peer.np, peer.lib

    def solve(rho: Any) -> Any:
        def try_step(at: tuple) -> tuple:
            t, state, first, h = at
            left = END - t
            h = np_.minimum(h, left)
            end, last, error = tsit5(np_, state, rho, first, h)
            scale = TOLERANCE * (1 + np_.maximum(abs(state), abs(end)))
            size = np_.sqrt(((error / scale) ** 2).mean())
            is_good = size <= 1
            t = np_.where(is_good, np_.where(h == left, END, t + h), t)
            state, first = np_.where(is_good, end, state), np_.where(is_good, last, first)
            return t, state, first, h * np_.clip(0.9 * size**-0.2, 0.2, 10)

        start = np_.array([1, 0, 0], rho.dtype)
        at = np_.zeros_like(rho), start, slope(np_, start, rho), np_.full_like(rho, FIRST_STEP)
        return lib.lax.while_loop(lambda at: at[0] < END, try_step, at)[1]

    return lib.vmap(solve)


def side_by_side(peer: Peer, steps: int) -> Callable:
    """A Python loop over arrays of all systems."""

    def solve(rho: Any) -> Any:
        state = peer.np.stack([peer.np.ones_like(rho), peer.np.zeros_like(rho), peer.np.zeros_like(rho)])
        for _ in range(steps):
            state = rk4(peer.np, state, rho, END / steps)
        return state.T

    return solve


def by_hand(peer: Peer, name: str, *options: Any) -> Callable:
    """A function of `w5_ode_ensemble.cpp`."""
    function = getattr(peer.lib["w5_ode_ensemble"], name)

    def solve(rho: np.ndarray) -> np.ndarray:
        out = np.empty((rho.size, 3), np.float32)
        function(pointer(rho), pointer(out), c_int64(rho.size), *options)
        return out

    return solve


def by_hand_on_device(peer: Peer, name: str, *options: Any) -> Callable:
    """A kernel of `w5_ode_ensemble.cu`."""

    def solve(rho: Any) -> Any:
        out = peer.np.empty((rho.size, 3), np.float32)
        peer.lib["w5_ode_ensemble"](name, rho.size, rho, out, np.int64(rho.size), *options)
        return out

    return solve


# --- cases ------------------------------------------------------------------------------------------------------------


def cases(scale: Scale) -> list[Case]:
    steps = scale.of(STEPS)
    fixed = {
        **array_code(lambda peer: side_by_side(peer, steps)),
        "jax": lambda peer: lanes_fixed(peer, steps),
        "c++": lambda peer: by_hand(peer, "fixed_steps", c_int32(steps)),
        "cuda": lambda peer: by_hand_on_device(peer, "fixed_steps", np.int32(steps)),
    }
    adaptive = {
        "jax": lanes_adaptive,
        "c++": lambda peer: by_hand(peer, "adaptive_steps", c_float(TOLERANCE), c_float(FIRST_STEP)),
        "cuda": lambda peer: by_hand_on_device(
            peer, "adaptive_steps", np.float32(TOLERANCE), np.float32(FIRST_STEP)
        ),
    }
    return [
        case
        for systems in scale.of(SYSTEMS)
        for case in (
            _case(f"a, {steps} fixed steps", fixed, systems, scale.fresh, steps),
            _case("b, adaptive steps", adaptive, systems, scale.fresh, 1000),
        )
    ]


def _case(name: str, make: Make, systems: int, cold: bool, steps: int) -> Case:
    stride = max(systems // CHECKED, 1)
    return Case(
        f"{name}, {systems} systems",
        make=make,
        inputs=lambda: (np.linspace(0, 21, systems, dtype=np.float32),),
        reference=lambda rho: followed(rho[::stride].astype(np.float64), steps),
        compare=all_close(1e-4, part=lambda found: found[::stride]),
        items=(systems, "systems"),
        new_size=(lambda: _case(name, make, systems + 96, False, steps)) if cold else None,
    )


def followed(rho: np.ndarray, steps: int) -> np.ndarray:
    """The last states in float64."""
    state = np.stack([np.ones_like(rho), np.zeros_like(rho), np.zeros_like(rho)])
    for _ in range(steps):
        state = rk4(np, state, rho, END / steps)
    return state.T
