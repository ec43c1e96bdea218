"""The order in which threads of a block, and blocks, get their turns: forward, reverse, or shuffled by a seed.

A kernel without races gives the same bits in every order.  Of two threads that touch the same place without a
barrier between them, one comes first in forward order and the other one in reverse order.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from math import gcd
from typing import TYPE_CHECKING, Any

import numpy as np

from emulator.errors import EmulatorError

if TYPE_CHECKING:
    from emulator.target import EmulatorTarget

Order = str | int  # "forward", "reverse" or a seed
ORDERS: tuple[Order, ...] = ("forward", "reverse", 1)


def permutation(order: Order, count: int) -> tuple[int, int]:
    """`factor`, `offset` such that place i belongs to the number (factor * i + offset) mod count."""
    if order == "forward":
        return 1, 0
    if order == "reverse":
        return count - 1, count - 1
    chance = random.Random(f"{order} of {count}")
    factors = (chance.randrange(1, count + 1) for _ in iter(int, 1))
    return next(f for f in factors if gcd(f, count) == 1), chance.randrange(count)


def same_in_all_orders(target: EmulatorTarget, run: Callable[[], Any], orders: Sequence[Order] = ORDERS) -> Any:
    """`run()`, an array or a sequence of arrays; EmulatorError if its bits are others in another order.

    `run` launches kernels on `target` and must begin each time with the same values.
    """
    results = [_run_in_order(target, run, order) for order in orders]
    for order, result in zip(orders[1:], results[1:], strict=True):
        for i, (expected, found) in enumerate(zip(_arrays(results[0]), _arrays(result), strict=True)):
            _compare(f"result {i}", orders[0], expected, order, found)
    return results[0]


def _run_in_order(target: EmulatorTarget, run: Callable[[], Any], order: Order) -> Any:
    before, target.order = target.order, order
    try:
        return run()
    finally:
        target.order = before


def _arrays(result: Any) -> list[np.ndarray]:
    return [np.asarray(x) for x in (result if isinstance(result, (tuple, list)) else [result])]


def _compare(name: str, first: Order, expected: np.ndarray, other: Order, found: np.ndarray) -> None:
    bits = [np.ascontiguousarray(x).reshape(-1).view(np.uint8).reshape(x.size, -1) for x in (expected, found)]
    differs = (bits[0] != bits[1]).any(axis=1) if expected.size else np.zeros(0, bool)
    if differs.any():
        place = int(np.flatnonzero(differs)[0])
        raise EmulatorError(
            f"race: {name} depends on the order of threads and blocks: {differs.sum()} of {differs.size} elements, "
            f"first element {place}: {expected.flat[place]} in order {first}, {found.flat[place]} in order {other}"
        )
