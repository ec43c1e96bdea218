"""All actions, registered by importing what defines them."""

from . import elementwise, gathers, movers, reductions, steps, streams
from .builder import ACTIONS

MODULES = (elementwise, gathers, movers, reductions, steps, streams)

__all__ = ["ACTIONS", "MODULES"]
