"""Functions as params of ops: what a custom derivative carries with it.

A carried function is flat: it takes arrays one by one and returns a list.  Outside `jit` it stays a
function, in the param `fun`, so that Python's `if` and `for` see values.  Recorded, it becomes a tape, in
the param `tape`, and what it captured becomes leading operands.  Rules of the op meet both forms;
`function_of` makes one of them.  Derivative rules stay functions in both forms.

Batched, a function keeps one promise that tapes keep by themselves: its outputs have their batch at the
same axes whichever way they are computed, by the function or by a derivative rule (`OutputDims`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from cujax.engine.compiler.program import run_compiled_impl
from cujax.engine.core.axis import AxisData
from cujax.engine.core.primitive import Primitive, Refused
from cujax.engine.core.recording import record, run_tape
from cujax.engine.core.tape import Literal, Tape
from cujax.engine.core.trace import aval_of, known_array
from cujax.engine.core.zero import Zero, is_zero
from cujax.engine.ground import errors
from cujax.engine.ops.structural import move_dim
from cujax.engine.transforms.batching import batch


def function_of(body: dict[str, Any]) -> Callable:
    """The flat function in the params `body` of an op: `fun`, or its tape's."""
    tape = body.get("tape")
    return body["fun"] if tape is None else lambda *args: run_tape(tape, args)


def evaluate_function(primitive: Callable[[], Primitive]) -> Callable:
    """The `evaluate` slot: run the function on the arrays; a recorded one as a compiled program."""

    def evaluate(args: Sequence[Any], params: dict[str, Any]) -> list[Any]:
        if "tape" in params:
            return run_compiled_impl(primitive(), args, params)
        return [known_array(o) for o in params["fun"](*map(known_array, args))]

    return evaluate


def record_function(fun: Callable, args: Sequence[Any]) -> tuple[Tape, list[Any]]:
    """The tape of `fun` on values like `args`, and what it captured: its leading inputs."""
    name = getattr(fun, "name", "")
    return record(fun, [aval_of(a) for a in args], name, getattr(fun, "made_by", None))


def as_value(x: Any) -> Any:
    """An operand as a user's function may see it: a literal of a tape becomes an array."""
    return known_array(x) if type(x) is Literal else x


def refuse_captured(kind: str, name: str, nonzero: Sequence[bool]) -> None:
    """UnexpectedTracerError when a captured value of a recorded function has a tangent."""
    if any(nonzero):
        raise errors.UnexpectedTracerError(
            f"Differentiation of the {kind} function {name} with respect to a value that it closes over: its "
            "rule says nothing about that. Pass the value as an argument and let the rule treat it."
        )


IN_BATCH_FUNCTIONS = Refused("its functions may close over the batch: see batch_functions")


class Vmap(NamedTuple):
    """The `vmap` that an op was batched by, for functions of the op that run later."""

    axis: AxisData
    tag: object

    def run(
        self, fun: Callable, args: Sequence[Any], dims: Sequence[int | None]
    ) -> tuple[list[Any], list[int | None]]:
        """Outputs of `fun` on a batch and their dims; `fun` may close over values of the `vmap`."""
        return batch(fun, self.axis, args, dims, self.tag)


class OutputDims:
    """Where the outputs of a batched function have their batch: axis 0 or, unbatched, None.

    With a batched operand every output is batched, so that a derivative computed later finds its place.
    Without one (the function may still vary, by `axis_index` or what it closes over) the dims are those of
    whichever function runs first.
    """

    __slots__ = ("_all_batched", "_dims")

    def __init__(self, in_dims: Sequence[int | None]) -> None:
        self._all_batched = any(d is not None for d in in_dims)
        self._dims: list[int | None] | None = None

    @property
    def found(self) -> list[int | None]:
        """The dims, once one of the functions has run."""
        assert self._dims is not None
        return self._dims

    def settle(self, axis: AxisData, outs: Sequence[Any], dims: Sequence[int | None]) -> list[Any]:
        """`outs`, found batched along `dims`, with their batch where it has to be."""
        self._fix([self._all_batched or d is not None for d in dims])
        return [self._place(axis, i, o, d) for i, (o, d) in enumerate(zip(outs, dims, strict=True))]

    def settle_pairs(
        self, axis: AxisData, outs: Sequence[Any], t_outs: Sequence[Any], dims: Sequence[int | None]
    ) -> tuple[list[Any], list[Any]]:
        """As `settle`, for outputs and their tangents (some `Zero`); a tangent has the dim of its output."""
        n = len(outs)
        self._fix([self._all_batched or dims[i] is not None or dims[n + i] is not None for i in range(n)])
        placed = [self._place(axis, i, o, dims[i]) for i, o in enumerate(outs)]
        tangents = [
            Zero(aval_of(placed[i]).to_tangent_aval()) if is_zero(t) else self._place(axis, i, t, dims[n + i])
            for i, t in enumerate(t_outs)
        ]
        return placed, tangents

    def _fix(self, batched: Sequence[bool]) -> None:
        if self._dims is None:
            self._dims = [0 if b else None for b in batched]

    def _place(self, axis: AxisData, i: int, out: Any, dim: int | None) -> Any:
        if self.found[i] is not None:
            return move_dim(axis, out, dim, 0)
        if dim is not None:
            raise TypeError(
                f"output {i} of a custom derivative rule under vmap differs from element to element, but "
                "that of the function does not. Pass the value that makes the difference as an argument."
            )
        return out


def element_zero(t: Any, dim: int | None) -> Any:
    """A `Zero` tangent of a batch as that of one element; other tangents as they are."""
    if not is_zero(t) or dim is None:
        return t
    shape = t.aval.shape
    return Zero(t.aval.update(shape=shape[:dim] + shape[dim + 1 :]))
