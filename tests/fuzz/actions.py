"""`build(seed)`: a random program, made by the actions of all FAMILIES."""

from __future__ import annotations

from . import (
    bodies,
    choices,
    conversions,
    elementwise,
    gathers,
    library,
    loops,
    movers,
    numpy_functions,
    reductions,
    scatters,
    steps,
    streams,
)
from .builder import Builder
from .program import Program

FAMILIES = (
    elementwise, choices, conversions, movers, gathers, scatters, reductions, numpy_functions, streams, loops, bodies,
    steps, library,
)
ACTIONS = tuple(f for family in FAMILIES for f in vars(family).values() if hasattr(f, "weight"))


def build(seed: int) -> Program:
    """The program of a seed, of 5 to 60 statements."""
    builder = Builder(seed, ACTIONS)
    length = builder.rng.choice((5, 8, 12, 20, 30, 45, 60))
    for _ in range(builder.rng.randint(1, 4)):
        builder.input()
    builder.extend(length)
    return builder.finish()
