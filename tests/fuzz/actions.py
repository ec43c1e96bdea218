"""`build(seed)`: a random program, made by all the actions that the modules imported here register."""

from __future__ import annotations

from . import elementwise, gathers, movers, reductions, steps, streams
from .builder import ACTIONS, Builder
from .program import Program

__all__ = ["build", "elementwise", "gathers", "movers", "reductions", "steps", "streams"]


def build(seed: int) -> Program:
    """The program of a seed, of 5 to 60 statements."""
    builder = Builder(seed)
    length = builder.rng.choice((5, 8, 12, 20, 30, 45, 60))
    weights, actions = zip(*ACTIONS, strict=True)
    for _ in range(builder.rng.randint(1, 4)):
        builder.input()
    for _ in range(40 * length):
        if len(builder.statements) >= length:
            break
        (action,) = builder.rng.choices(actions, weights)
        builder.attempt(action)
    return builder.finish()
