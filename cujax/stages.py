"""The stages between a jitted function and a compiled one: what `jit(f).trace`, `.lower` and `.compile` give."""

from typing import TypeAlias

from cujax.api.jit import JitFunction as Wrapped
from cujax.api.stages import ArgInfo, Compiled, Lowered, Traced

CompilerOptions: TypeAlias = dict[str, str | bool]

__all__ = ["ArgInfo", "Compiled", "CompilerOptions", "Lowered", "Traced", "Wrapped"]
