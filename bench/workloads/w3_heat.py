"""W3, heat: a 5-point stencil on a periodic square, written with `roll`; one step, many, and their gradient.

Bound by memory, or by the cache where the state fits into it.  The reference takes many steps at once in Fourier
space.  The stencil keeps the mean, so the gradient of the mean is 1 / size after any number of steps.
"""

from __future__ import annotations

from collections.abc import Callable
from ctypes import c_int32, c_int64
from typing import Any

import numpy as np

from bench.case import Case, Make, Scale, all_close, array_code
from bench.hand_written import pointer
from bench.peers import Peer

DIFFUSION = 0.2  # stable below 1/4
SIDES = {"smoke": 32, "quick": 2048, "default": 2048, "full": 2048}
LOOPS = {"smoke": (32, 4), "quick": (128, 50), "default": (512, 100), "full": (2048, 1000)}  # side, steps


def step(np: Any) -> Callable:
    def function(u: Any) -> Any:
        neighbours = np.roll(u, 1, 0) + np.roll(u, -1, 0) + np.roll(u, 1, 1) + np.roll(u, -1, 1)
        return u + DIFFUSION * (neighbours - 4 * u)

    return function


def loop(steps: int) -> Make:
    """`steps` steps: a loop of the library where it has one, a Python loop elsewhere."""

    def structured(peer: Peer) -> Callable:
        one = step(peer.np)
        return lambda u: peer.lib.lax.fori_loop(0, steps, lambda i, u: one(u), u)

    def plain(peer: Peer) -> Callable:
        one = step(peer.np)

        def function(u: Any) -> Any:
            for _ in range(steps):
                u = one(u)
            return u

        return function

    return {**array_code(plain), "jax": structured, "c++": lambda peer: by_hand(peer, steps)}


def by_hand(peer: Peer, steps: int) -> Callable:
    """`w3_heat.cpp`, in two buffers that stay."""
    heat = peer.lib["w3_heat"].heat
    buffers: list[np.ndarray] = []

    def function(u: np.ndarray) -> np.ndarray:
        buffers[:] = buffers or [np.empty_like(u), np.empty_like(u)]
        buffers[0][...] = u
        heat(*map(pointer, buffers), c_int64(len(u)), c_int32(steps))
        return buffers[steps % 2]

    return function


def gradient(steps: int) -> Make:
    """Of the mean after `steps` steps, by the state before them."""
    many = loop(steps)

    def by_grad(peer: Peer) -> Callable:
        run = many["jax"](peer)
        return peer.lib.grad(lambda u: run(u).mean())

    def by_autograd(peer: Peer) -> Callable:
        run = many["torch"](peer)
        return lambda u: peer.lib.func.grad(lambda u: run(u).mean())(u)

    def by_adjoint(peer: Peer) -> Callable:
        """The stencil is its own: there is nothing to compute but its steps, from the gradient of the mean."""
        run = by_hand(peer, steps)
        return lambda u: run(np.full_like(u, 1 / u.size))

    return {"jax": by_grad, "torch": by_autograd, "c++": by_adjoint}


def cases(scale: Scale) -> list[Case]:
    side, (loop_side, steps) = scale.of(SIDES), scale.of(LOOPS)
    new_side = (lambda: _step_case(side + 32)) if scale.fresh else None
    return [
        _step_case(side, new_side),
        _case(f"{steps} steps {loop_side}^2", loop(steps), loop_side, steps, spectral(steps)),
        _case(f"grad of mean after {steps} steps {loop_side}^2", gradient(steps), loop_side, 3 * steps, of_mean),
    ]


def _step_case(side: int, new_size: Callable[[], Case] | None = None) -> Case:
    make = {**array_code(lambda peer: step(peer.np)), "c++": lambda peer: by_hand(peer, 1)}
    return _case(f"one step {side}^2", make, side, 1, spectral(1), new_size)


def _case(
    name: str, make: Make, side: int, passes: int, reference: Callable, new_size: Callable[[], Case] | None = None
) -> Case:
    return Case(
        f"{name} float32",
        make=make,
        inputs=lambda: (np.random.default_rng(3).uniform(0, 1, (side, side)).astype(np.float32),),
        reference=reference,
        compare=all_close(1e-5),
        bytes_moved=passes * 2 * side * side * 4,
        new_size=new_size,
        headline=True,
    )


def spectral(steps: int) -> Callable[[np.ndarray], np.ndarray]:
    """All steps at once: the stencil multiplies each Fourier mode by a number."""

    def reference(u: np.ndarray) -> np.ndarray:
        modes = [2 * np.cos(2 * np.pi * np.fft.fftfreq(n)) - 2 for n in u.shape]
        factor = 1 + DIFFUSION * np.add.outer(*modes)
        return np.fft.ifft2(np.fft.fft2(u.astype(np.float64)) * factor**steps).real

    return reference


def of_mean(u: np.ndarray) -> np.ndarray:
    return np.full(u.shape, 1 / u.size)
