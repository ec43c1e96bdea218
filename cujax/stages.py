"""The stages between a jitted function and a compiled one: what `jit(f).trace`, `.lower` and `.compile` give."""

from cujax.api.jit import JitFunction as Wrapped
from cujax.api.stages import ArgInfo, Compiled, Lowered, Traced

__all__ = ["ArgInfo", "Compiled", "Lowered", "Traced", "Wrapped"]
