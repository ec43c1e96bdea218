"""W6, a recurrence: the logistic map x <- r x (1 - x), and a sum of integers, one step after the other.

A single lane: nothing is parallel, and what is measured is how long one step takes after the one before. The last
value, or all values kept.

r = 3.5 has a stable cycle of four values, so that any precision arrives at the same numbers, which a chaotic one would
not; the reference is computed step by step in float64.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np

from bench.case import Case, Make, Scale, all_close
from bench.hand_written import pointer
from bench.peers import Peer

R, START = 3.5, 0.2
STEPS = {"smoke": 400, "quick": 10**6, "default": 10**7, "full": 10**7}
KEPT = {"smoke": 400, "quick": 10**5, "default": 10**6, "full": 10**6}
SUMMED = {"smoke": 1000, "quick": 10**6, "default": 10**6, "full": 10**6}
FEW = {"device": [10**5]}  # steps that JAX can take on a GPU too


def logistic(r: Any, x: Any) -> Any:
    return r * x * (1 - x)


def last_of(peer: Peer, steps: int) -> Callable:
    return lambda r, x: peer.lib.lax.fori_loop(0, steps, lambda i, x: logistic(r, x), x)


def all_of(peer: Peer, steps: int) -> Callable:
    def function(r: Any, x: Any) -> Any:
        def step(x: Any, _: Any) -> tuple[Any, Any]:
            x = logistic(r, x)
            return x, x

        return peer.lib.lax.scan(step, x, None, length=steps)[1]

    return function


def sum_of(peer: Peer, steps: int) -> Callable:
    return lambda x: peer.lib.lax.fori_loop(0, steps, lambda i, x: x + i, x)


def last_by_hand(peer: Peer, steps: int, name: str, real: type) -> Callable:
    function = getattr(peer.lib["w6_recurrence"], name)
    function.restype = real
    return lambda r, x: function(real(r), real(x), ctypes.c_int64(steps))


def all_by_hand(peer: Peer, steps: int) -> Callable:
    function = peer.lib["w6_recurrence"].kept_float

    def call(r: Any, x: Any) -> np.ndarray:
        out = np.empty(steps, np.float32)
        function(ctypes.c_float(r), ctypes.c_float(x), pointer(out), ctypes.c_int64(steps))
        return out

    return call


def sum_by_hand(peer: Peer, steps: int) -> Callable:
    function = peer.lib["w6_recurrence"].sum
    return lambda x: function(ctypes.c_int32(x), ctypes.c_int32(steps))


def by_hand_on_device(peer: Peer, name: str, shape: tuple[int, ...], steps: np.generic) -> Callable:
    """A kernel of `w6_recurrence.cu`."""

    def call(*operands: Any) -> Any:
        out = peer.np.empty(shape, operands[0].dtype)
        peer.lib["w6_recurrence"](name, 1, *operands, out, steps)
        return out

    return call


# --- cases ------------------------------------------------------------------------------------------------------------


def cases(scale: Scale) -> list[Case]:
    steps, kept, summed = scale.of(STEPS), scale.of(KEPT), scale.of(SUMMED)
    return [
        *[
            _logistic("last value", _last(few, "last_float", ctypes.c_float), few, np.float32, lambda xs: xs[-1])
            for few in FEW.get(scale.name, [])
        ],
        _logistic("last value", _last(steps, "last_float", ctypes.c_float), steps, np.float32, lambda xs: xs[-1]),
        _logistic("last value", _last(steps, "last_double", ctypes.c_double), steps, np.float64, lambda xs: xs[-1]),
        _logistic("all values", _all(kept), kept, np.float32, lambda xs: xs),
        _sum(summed),
    ]


def _last(steps: int, name: str, real: type) -> Make:
    return {
        "jax": lambda peer: last_of(peer, steps),
        "c++": lambda peer: last_by_hand(peer, steps, name, real),
        "cuda": lambda peer: by_hand_on_device(peer, name, (), np.int64(steps)),
    }


def _all(steps: int) -> Make:
    return {
        "jax": lambda peer: all_of(peer, steps),
        "c++": lambda peer: all_by_hand(peer, steps),
        "cuda": lambda peer: by_hand_on_device(peer, "kept_float", (steps,), np.int64(steps)),
    }


def _logistic(name: str, make: Make, steps: int, dtype: type, part: Callable) -> Case:
    return Case(
        f"logistic map, {name} of {steps} steps {dtype.__name__}",
        make=make,
        inputs=lambda: (np.asarray(R, dtype), np.asarray(START, dtype)),
        reference=lambda r, x: part(trajectory(float(r), float(x), steps)),
        # the way to the cycle amplifies rounding a little
        compare=all_close(1e-10 if dtype is np.float64 else 1e-4),
        x64=dtype is np.float64,
        items=(steps, "steps"),
        steps=steps,
    )


def _sum(steps: int) -> Case:
    return Case(
        f"x + i over {steps} steps int32",
        make={
            "jax": lambda peer: sum_of(peer, steps),
            "c++": lambda peer: sum_by_hand(peer, steps),
            "cuda": lambda peer: by_hand_on_device(peer, "sum", (), np.int32(steps)),
        },
        inputs=lambda: (np.asarray(7, np.int32),),
        reference=lambda x: np.asarray(int(x) + steps * (steps - 1) // 2).astype(np.int32),  # wraps around
        compare=all_close(0),
        items=(steps, "steps"),
        steps=steps,
    )


def trajectory(r: float, x: float, steps: int) -> np.ndarray:
    """The values after each step."""
    found = np.empty(steps)
    for i in range(steps):
        found[i] = x = logistic(r, x)
    return found
