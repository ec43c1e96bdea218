"""What a workload is made of: a list of `Case`s, each one function, its inputs, its reference and its metric.

A function is written once against an array namespace where the peers agree on one, and otherwise once for each
*dialect*: "jax" is spoken by cujax and JAX, the others are spoken by the peer they are named after.

    make = array_code(lambda peer: lambda x: peer.np.roll(x, 1, 0))     # one text for all that have NumPy's names
    make = elementwise(lambda peer: lambda x: peer.np.sin(x) + 1)       # for numexpr too
    make = {"jax": add_rows_jax, "numpy": add_rows_numpy}               # PyTorch is then reported as not written

A `Scale` says how large the inputs are and how long anything may take.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from bench.peers import Peer

Function = Callable[..., Any]
Make = Mapping[str, "Callable[[Peer], Function]"]


def array_code(make: Callable[[Peer], Function]) -> Make:
    """One text for the dialects that share NumPy's names."""
    return dict.fromkeys(("jax", "numpy", "torch", "cupy"), make)


def elementwise(make: Callable[[Peer], Function]) -> Make:
    """The same, and for numexpr, which has operators, a few functions and `sum`."""
    return {**array_code(make), "numexpr": make}


class WrongResult(Exception):
    """A peer's result is not the reference's."""


@dataclass(frozen=True)
class Scale:
    """Sizes by name, and what one peer may take: seconds for the samples of a case, seconds for a single call."""

    name: str
    samples: int
    seconds: float
    call_seconds: float
    total_seconds: float
    fresh: bool = True  # whether every workload has cold columns; each costs four processes

    def of(self, sizes: Mapping[str, Any]) -> Any:
        """The entry of a table of sizes, the full size where it has none for this scale."""
        return sizes.get(self.name, sizes["full"])


SCALES = {
    scale.name: scale
    for scale in (
        Scale("smoke", samples=1, seconds=0.01, call_seconds=10, total_seconds=30, fresh=False),
        Scale("quick", samples=20, seconds=0.15, call_seconds=2, total_seconds=45, fresh=False),
        Scale("default", samples=20, seconds=0.8, call_seconds=10, total_seconds=240),
        Scale("device", samples=20, seconds=0.1, call_seconds=12, total_seconds=260, fresh=False),
        Scale("full", samples=20, seconds=120, call_seconds=300, total_seconds=7200),
    )
}


def all_close(tolerance: float, part: Function = lambda x: x) -> Callable[[Peer, Any, Any], None]:
    """Compares `part` of a result with the reference, relative to the largest magnitude in the reference."""

    def compare(peer: Peer, result: Any, expected: Any) -> None:
        for found, wanted in zip(leaves(part(result)), leaves(expected), strict=True):
            _compare_arrays(np.asarray(found), np.asarray(wanted), tolerance)

    return compare


def leaves(tree: Any) -> list[Any]:
    """The arrays in an array or a dictionary of arrays."""
    return [tree[key] for key in sorted(tree)] if isinstance(tree, dict) else [tree]


def _compare_arrays(found: np.ndarray, wanted: np.ndarray, tolerance: float) -> None:
    if found.shape != wanted.shape:
        raise WrongResult(f"shape {found.shape}, expected {wanted.shape}")
    wanted = wanted.astype(np.float64)
    largest = np.max(np.abs(wanted), initial=0)
    error = np.max(np.abs(found - wanted), initial=0)
    if not error <= tolerance * largest:  # NaN is wrong too
        raise WrongResult(f"off by {error / largest:.1e} of the largest value, allowed is {tolerance:.0e}")


@dataclass(frozen=True)
class Case:
    """One function at one size.

    `inputs` gives NumPy arrays (or trees of them), made anew from a fixed seed; `reference` gets the same arrays and
    computes in float64; `compare(peer, result, expected)` raises `WrongResult`.
    """

    name: str
    make: Make
    inputs: Callable[[], tuple[Any, ...]]
    reference: Function
    compare: Callable[[Peer, Any, Any], None]
    jit: bool = True
    x64: bool = False
    alone: bool = False  # on a device, too, each call is waited for: the time of an answer is asked for
    steps: int = 0  # of a loop of which there is one lane, so that a peer may run it step by step from the host
    bytes_moved: int = 0  # operands read once and results written once
    items: tuple[float, str] = (0, "")  # what is counted instead of bytes, and its name
    new_size: Callable[[], Case] | None = None  # the same at a size not seen before; asks for the cold columns
    warm: bool = True  # False: only the cold columns
    op_by_op_bytes: int = 0  # largest memory of a run without fusion, where that decides whether it can run at all
    headline: bool = False  # counts in the geometric mean
