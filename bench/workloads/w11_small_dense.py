"""W11, small dense linear algebra: very many small systems, inverses, eigenvalues, and tridiagonal systems.

Where a matrix fits into registers the whole stack is read and written once; a call of a library for each matrix, or a
kernel for each step of an elimination, costs many times that. Compared by what the results have to satisfy: residuals
in float64, so that no peer's pivoting or sign of an eigenvector counts.
"""

from __future__ import annotations

from collections.abc import Callable
from ctypes import c_int64
from typing import Any

import numpy as np

from bench.case import Case, Make, Scale, WrongResult, array_code
from bench.hand_written import pointer
from bench.peers import Peer

SOLVES = {"smoke": 50, "quick": 10**4, "default": 10**6, "full": 10**6}
INVERSES = {"smoke": 50, "quick": 10**4, "default": 10**4, "full": 10**4}
SPECTRA = {
    "smoke": (5, (6,)), "quick": (32, (32,)), "default": (256, (32,)), "device": (1024, (32,)),
    "full": (1024, (30, 31, 32, 33, 34)),
}  # fmt: skip
BANDS = {"smoke": (20, 8), "quick": (10**4, 64), "default": (10**5, 64), "full": (10**5, 64)}


# --- one text for a stack and for `vmap` ------------------------------------------------------------------------------


def by_vmap(name: str) -> Callable[[Peer], Callable]:
    """Written for one matrix."""
    return lambda peer: peer.lib.vmap(getattr(peer.np.linalg, name))


def stacked_solve(peer: Peer) -> Callable:
    return lambda a, b: peer.np.linalg.solve(a, b[..., None])[..., 0]


def stacked(name: str) -> Callable[[Peer], Callable]:
    return lambda peer: getattr(peer.np.linalg, name)


def stacked_spectra(peer: Peer) -> Callable:
    return lambda a: tuple(peer.np.linalg.eigh(a))


def spectra(peer: Peer) -> Callable:
    """`lax` gives the vectors first."""
    return peer.lib.vmap(lambda a: tuple(peer.lib.lax.linalg.eigh(a))[::-1])


def thomas(peer: Peer) -> Callable:
    """Elimination without pivoting, over all systems at once."""

    def solve(lower: Any, diagonal: Any, upper: Any, b: Any) -> Any:
        ratios, xs = [upper[:, 0] / diagonal[:, 0]], [b[:, 0] / diagonal[:, 0]]
        for i in range(1, b.shape[1]):
            pivot = diagonal[:, i] - lower[:, i] * ratios[-1]
            ratios.append(upper[:, i] / pivot)
            xs.append((b[:, i] - lower[:, i] * xs[-1]) / pivot)
        for i in reversed(range(b.shape[1] - 1)):
            xs[i] = xs[i] - ratios[i] * xs[i + 1]
        return peer.np.stack(xs, 1)

    return solve


def tridiagonal(peer: Peer) -> Callable:
    def solve(lower: Any, diagonal: Any, upper: Any, b: Any) -> Any:
        return peer.lib.lax.linalg.tridiagonal_solve(lower, diagonal, upper, b[:, None])[:, 0]

    return peer.lib.vmap(solve)


def by_hand(name: str) -> Callable[[Peer], Callable]:
    """A function of `w11_small_dense.cpp`, whose result is like its last operand."""

    def make(peer: Peer) -> Callable:
        compute = getattr(peer.lib["w11_small_dense"], name)

        def function(*arrays: np.ndarray) -> np.ndarray:
            out = np.empty_like(arrays[-1])
            sizes = out.shape if name == "tridiagonal" else out.shape[:1]
            compute(*map(pointer, arrays), pointer(out), *map(c_int64, sizes))
            return out

        return function

    return make


SOLVE: Make = {**array_code(stacked_solve), "jax": by_vmap("solve"), "c++": by_hand("solves")}
INVERT: Make = {**array_code(stacked("inv")), "jax": by_vmap("inv"), "c++": by_hand("inverses")}
EIGH: Make = {**array_code(stacked_spectra), "jax": spectra}
TRIDIAGONAL: Make = {**array_code(thomas), "jax": tridiagonal, "c++": by_hand("tridiagonal")}


# --- inputs and what is asked of results ------------------------------------------------------------------------------


def matrices(count: int, n: int) -> np.ndarray:
    """Well conditioned, and with rows that need pivoting."""
    random = np.random.default_rng(11)
    a = random.uniform(-1, 1, (count, n, n)) + 2 * np.eye(n)[random.permuted(np.tile(np.arange(n), (count, 1)), axis=1)]
    return a.astype(np.float32)


def right_sides(count: int, n: int) -> np.ndarray:
    return np.random.default_rng(12).uniform(-1, 1, (count, n)).astype(np.float32)


def symmetric(count: int, n: int) -> np.ndarray:
    a = matrices(count, n)
    return (a + a.transpose(0, 2, 1)) / 2


def bands(count: int, n: int) -> tuple[np.ndarray, ...]:
    """Lower, diagonal, upper and right-hand side, (count, n) each; the corners outside the matrix are zero."""
    lower, upper, b, extra = np.random.default_rng(13).uniform(-1, 1, (4, count, n)).astype(np.float32)
    lower[:, 0], upper[:, -1] = 0, 0
    return lower, 2.5 + abs(extra), upper, b


def small(residual: np.ndarray, allowed: float) -> None:
    error = np.max(np.abs(residual), initial=0)
    if not error <= allowed:
        raise WrongResult(f"the residual is {error:.1e}, allowed is {allowed:.0e}")


def same_solution(peer: Peer, found: Any, expected: np.ndarray) -> None:
    small((np.asarray(found) - expected) / (1 + abs(expected).max(axis=-1, keepdims=True)), 1e-3)


def spectrum_of(peer: Peer, found: Any, expected: tuple[np.ndarray, np.ndarray]) -> None:
    """Eigenvalues are those of the reference, and the vectors have the matrix as their product with them."""
    values, vectors = (np.asarray(part, np.float64) for part in found)
    small(values - expected[0], 1e-4)
    small((vectors * values[:, None, :]) @ vectors.transpose(0, 2, 1) - expected[1], 1e-4)


def in_double(function: Callable) -> Callable:
    return lambda *arrays: function(*[x.astype(np.float64) for x in arrays])


# --- cases ------------------------------------------------------------------------------------------------------------


def cases(scale: Scale) -> list[Case]:
    solves, inverses, (systems, length) = scale.of(SOLVES), scale.of(INVERSES), scale.of(BANDS)
    count, orders = scale.of(SPECTRA)
    return [
        _case(
            f"{inverses} inverses 3x3", INVERT, lambda: (matrices(inverses, 3),), np.linalg.inv, same_solution,
            2 * inverses * 9, inverses,
        ),
        _case(
            f"{solves} solves 3x3", SOLVE, lambda: (matrices(solves, 3), right_sides(solves, 3)),
            stacked_solve(_Double), same_solution, solves * 15, solves,
        ),
        *[_spectra(count, n) for n in orders],
        _case(
            f"{systems} tridiagonal {length}", TRIDIAGONAL, lambda: bands(systems, length), thomas(_Double),
            same_solution, 5 * systems * length, systems,
        ),
    ]  # fmt: skip


class _Double:
    """What the reference has for a peer."""

    np = np


def _spectra(count: int, n: int) -> Case:
    def reference(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.linalg.eigh(a)[0], a

    return _case(
        f"{count} eigh {n}x{n}", EIGH, lambda: (symmetric(count, n),), reference, spectrum_of,
        count * n * (2 * n + 1), count,
    )  # fmt: skip


def _case(
    name: str, make: Make, inputs: Callable, reference: Callable, compare: Callable, numbers: int, matrices: int
) -> Case:
    return Case(
        f"{name} float32",
        make=make,
        inputs=inputs,
        reference=in_double(reference),
        compare=compare,
        bytes_moved=4 * numbers,
        items=(matrices, "matrices"),
    )
