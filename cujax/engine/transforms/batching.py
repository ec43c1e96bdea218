"""Batching: run a function on whole batches as if on one element.

`BatchTrace` carries, for each value, the position of its batch axis, and applies the `batch` rule of
each op that meets one.  Values without a batch axis are not wrapped.  A named axis makes the
collectives (`psum`, `axis_index`, ...) of that name meaningful inside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cujax.engine.core.axis import AxisData
from cujax.engine.core.context import context, named_axis, using_trace
from cujax.engine.core.leaks import leak_checked
from cujax.engine.core.primitive import Primitive
from cujax.engine.core.recording import record_pure, run_tape
from cujax.engine.core.tape import Tape
from cujax.engine.core.trace import Trace, Tracer, aval_of
from cujax.engine.ops.structural import move_dim


class BatchTracer(Tracer):
    """A batch of values: `value` has the batch along axis `dim`."""

    __slots__ = ("dim", "value")

    def __init__(self, trace: BatchTrace, value: Any, dim: int) -> None:
        self.owner = trace
        self.value = value
        self.dim = dim
        aval = aval_of(value)
        self.aval = aval.update(shape=aval.shape[:dim] + aval.shape[dim + 1 :])

    def origin(self) -> str:
        return (
            self.value.origin() if isinstance(self.value, Tracer) else "It stands for one element of a vmap."
        )

    def line(self) -> Any:
        return self.value.line() if isinstance(self.value, Tracer) else None


class BatchTrace(Trace):
    """Follows the batch axis `axis` through ops; rules run under `parent`.

    Traces with one `tag` belong to one `vmap`: each knows the tracers of the others.  A derivative rule that
    runs later, under a trace of its own, may so read what it closed over inside the `vmap`.
    """

    __slots__ = ("axis", "parent", "tag")

    def __init__(self, parent: Trace, axis: AxisData, tag: object = None) -> None:
        super().__init__()
        self.parent = parent
        self.axis = axis
        self.tag = object() if tag is None else tag

    def wrap(self, value: Any, dim: int | None) -> Any:
        return value if dim is None else BatchTracer(self, value, dim)

    def unwrap(self, x: Any) -> tuple[Any, int | None]:
        if type(x) is BatchTracer and x.owner.tag is self.tag:  # type: ignore[attr-defined]
            return x.value, x.dim
        return x, None

    def process(self, primitive: Primitive, args: tuple, params: dict[str, Any]) -> Any:
        previous, context.trace = context.trace, self.parent
        try:
            pairs = [self.unwrap(a) for a in args]
            values, dims = [v for v, _ in pairs], [d for _, d in pairs]
            if primitive.batch_functions is not None:
                out, dim = primitive.batch_functions(self, values, dims, **params)
            elif not primitive.collective and all(d is None for d in dims):
                return self.parent.process(primitive, tuple(values), params)
            else:
                out, dim = primitive.rule("batch")(self.axis, values, dims, **params)
        finally:
            context.trace = previous
        if primitive.multiple:
            return [self.wrap(o, d) for o, d in zip(out, dim, strict=True)]
        return self.wrap(out, dim)


@leak_checked
def batch(
    fun: Callable, axis: AxisData, args: Sequence[Any], dims: Sequence[int | None], tag: object = None
) -> tuple[list[Any], list[int | None]]:
    """Outputs of the flat function `fun` on batched `args`, and where their batch axes are.

    `tag`: that of the `vmap` which this continues, if it does.
    """
    trace = BatchTrace(context.trace, axis, tag)
    try:
        with using_trace(trace), named_axis(axis.name, axis.size):
            outs = fun(*map(trace.wrap, args, dims))
        pairs = [trace.unwrap(o) for o in outs]
    finally:
        trace.alive = False
    return [v for v, _ in pairs], [d for _, d in pairs]


def batch_tape(
    tape: Tape, axis: AxisData, dims: Sequence[int | None], batched_out: bool | Sequence[bool] = False
) -> tuple[Tape, tuple[int | None, ...]]:
    """The tape on batched inputs and the batch axes of its outputs.

    Outputs marked in `batched_out` come batched along axis 0 even where nothing depends on the batch;
    the others keep the axis they have, or None.
    """
    dims = tuple(dims)
    forced = (batched_out,) * len(tape.outputs) if isinstance(batched_out, bool) else tuple(batched_out)
    return tape.memo(("batch", axis, dims, forced), lambda: _batch_tape(tape, axis, dims, forced))


def _batch_tape(
    tape: Tape, axis: AxisData, dims: tuple[int | None, ...], forced: tuple[bool, ...]
) -> tuple[Tape, tuple[int | None, ...]]:
    out_dims: list[int | None] = []

    def batched(*args: Any) -> list[Any]:
        outs, found = batch(lambda *xs: run_tape(tape, xs), axis, args, dims)
        outs = [move_dim(axis, o, d, 0) if f else o for o, d, f in zip(outs, found, forced, strict=True)]
        out_dims.extend(0 if f else d for d, f in zip(found, forced, strict=True))
        return outs

    in_avals = [
        a if d is None else a.update(shape=(*a.shape[:d], axis.size, *a.shape[d:]))
        for a, d in zip(tape.in_avals, dims, strict=True)
    ]
    result = record_pure(batched, in_avals, f"vmap_{tape.name}")
    return result, tuple(out_dims)
