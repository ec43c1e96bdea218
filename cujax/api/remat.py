"""`checkpoint`, also called `remat`: reverse mode computes a function's values again instead of keeping them.

A checkpointed function is traced once for each kind of arguments, like a jitted one; recordings are shared
by all checkpoints of one function.  What is done with them is in `engine/control/checkpoint.py`.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from cujax.api.arguments import Parameters, Selection, select_arguments
from cujax.api.flatten import Fixed, FlatFunction, LeafNames, as_array, bad_argument
from cujax.engine.control.checkpoint import Policy, checkpoint_p, name_p
from cujax.engine.core.array import describe_value
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.context import context
from cujax.engine.core.recording import Origin, record
from cujax.engine.core.tape import Tape
from cujax.engine.core.trace import Tracer
from cujax.engine.ground import pytree
from cujax.engine.ground.config import config
from cujax.engine.ground.source import function_name, wraps

_ABSENT = object()


def checkpoint(
    fun: Callable,
    *,
    prevent_cse: bool | Sequence[bool] = True,
    policy: Policy | None = None,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Iterable[str] = (),
    concrete: Any = _ABSENT,
) -> Callable:
    """`fun`, whose intermediate values reverse mode computes again instead of keeping them.

    Values and derivatives are those of `fun`; `grad` of it takes less memory and more time.  Around each step
    of a `scan`, only the carries are kept.

    policy: what may be kept after all, one of `checkpoint_policies` or a function of the primitive, the avals
        of its operands and its params.
    prevent_cse: keep the second computation apart from the first; False only where nothing could merge them,
        as inside `scan`.
    static_argnums, static_argnames: arguments that `fun` gets as they are.

    TypeError for an argument or a result that is no array; NotImplementedError for `concrete`, which JAX has
    removed too.
    """
    if concrete is not _ABSENT:
        raise NotImplementedError("checkpoint: `concrete` is gone; name arguments in static_argnums.")
    if not callable(fun):
        raise TypeError(f"checkpoint: expected a callable value, got {describe_value(fun)}")
    static = select_arguments(fun, Parameters(fun), "static", static_argnums, static_argnames)
    separate = prevent_cse if isinstance(prevent_cse, bool) else any(prevent_cse)

    @wraps(fun)
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        leaves, found = _recording(fun, static, args, kwargs)
        outs = checkpoint_p.bind(
            *found.captured, *leaves, tape=found.tape, policy=policy, prevent_cse=separate,
            differentiated=False,
        )
        return found.out_tree.unflatten(outs)

    return checkpointed


remat = checkpoint


def checkpoint_name(x: Any, name: str) -> Any:
    """`x`, a pytree of arrays, under a name that policies of `checkpoint` can ask for."""
    return pytree.map(lambda leaf: name_p.bind(as_array(leaf), name=name), x)


# --- recordings ---------------------------------------------------------------------------------------


class _Recording(NamedTuple):
    """One trace of the function: `tape(*captured, *leaves)`, and the structure of the result."""

    tape: Tape
    captured: list[Any]
    out_tree: pytree.PyTreeDef

    def is_stale(self) -> bool:
        return any(isinstance(c, Tracer) and not c.owner.alive for c in self.captured)


_recordings: weakref.WeakKeyDictionary[Any, dict[Any, _Recording]] = weakref.WeakKeyDictionary()


def _recording(
    fun: Callable, static: Selection, args: Sequence[Any], kwargs: dict[str, Any]
) -> tuple[list[Any], _Recording]:
    """The leaves of the arguments that are not static, and the recording for them."""
    places = {i % len(args) for i in static.nums if -len(args) <= i < len(args)}
    fixed: list[tuple[Any, Any]] = [(i, args[i]) for i in sorted(places)]
    fixed += [(n, kwargs[n]) for n in static.names if n in kwargs]
    positions = [i for i in range(len(args)) if i not in places]
    dynamic = {k: v for k, v in kwargs.items() if k not in static.names}
    given, in_tree = pytree.flatten(([args[i] for i in positions], dynamic))
    names = LeafNames(fun, in_tree, positions)
    try:
        leaves = [as_array(x) for x in given]
    except (TypeError, OverflowError):
        raise bad_argument("checkpoint", fun, given, names, as_array) from None
    avals = [x.aval for x in leaves]
    values = tuple((place, type(value), value) for place, value in fixed)
    key = (values, in_tree, config.trace_key(), context.axis_sizes, *avals)
    return leaves, _kept(fun, key, lambda: _record(fun, fixed, avals, in_tree, names))


def _kept(fun: Callable, key: tuple, make: Callable[[], _Recording]) -> _Recording:
    """The recording under `key`, made if there is none that still holds; kept if the key can be."""
    try:
        known = _recordings.setdefault(fun, {})
        found = known.get(key)
    except TypeError:  # a static value or a function that cannot be hashed
        return make()
    if found is None or found.is_stale():
        found = known[key] = make()
    return found


def _record(
    fun: Callable, fixed: list[tuple[Any, Any]], avals: Sequence[ShapedArray], in_tree: Any, names: LeafNames
) -> _Recording:
    flat = FlatFunction("checkpoint", Fixed.of(fun, fixed), in_tree)
    origin = Origin("checkpoint", fun, names)
    tape, captured = record(flat, avals, function_name(fun), origin)
    return _Recording(tape, captured, flat.out_tree)
