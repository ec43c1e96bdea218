"""`build(seed)`: a random program, made by the actions of all FAMILIES."""

from __future__ import annotations

from . import choices, conversions, elementwise, gathers, loops, movers, reductions, steps, streams
from .builder import Builder
from .program import Program

FAMILIES = (elementwise, choices, conversions, movers, gathers, reductions, streams, loops, steps)
ACTIONS = tuple(f for family in FAMILIES for f in vars(family).values() if hasattr(f, "weight"))


def build(seed: int) -> Program:
    """The program of a seed, of 5 to 60 statements."""
    builder = Builder(seed)
    length = builder.rng.choice((5, 8, 12, 20, 30, 45, 60))
    for _ in range(builder.rng.randint(1, 4)):
        builder.input()
    weights = [f.weight for f in ACTIONS]
    for _ in range(40 * length):
        if len(builder.statements) >= length:
            break
        (action,) = builder.rng.choices(ACTIONS, weights)
        builder.attempt(action)
    return builder.finish()
