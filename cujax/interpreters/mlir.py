"""What programs do instead of an op of one's own; see `cujax.extend.core`.

Here a lowering is a function that is traced, `lower_fun(fun, multiple_results)`: there is no MLIR.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from cujax.engine.control.user_primitive import LOWERINGS
from cujax.engine.core.primitive import Primitive
from cujax.left_out import refusing

__all__ = ["lower_fun", "register_lowering"]

__getattr__ = refusing(__name__)


class _Traced(NamedTuple):
    """A lowering: `fun` is traced in place of the op."""

    fun: Callable


def lower_fun(fun: Callable, multiple_results: bool = True) -> Any:
    """The lowering of an op that computes what `fun(*arrays, **params)` does."""
    return _Traced(fun)


def register_lowering(
    prim: Primitive, rule: Any, platform: str | None = None, inline: bool = True, cacheable: bool = True
) -> Any:
    """Make `rule`, of `lower_fun`, what programs do instead of `prim`.

    A rule that writes MLIR itself is not used: `prim` has no lowering then, and NotImplementedError says so where a
    program needs it.  platform, inline, cacheable: accepted; a function is traced for all of them.
    """
    if isinstance(rule, _Traced):
        LOWERINGS[prim] = rule.fun
    return rule
