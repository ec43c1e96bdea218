"""Traces and tracers: what happens when an op is bound.

A `Trace` interprets ops; exactly one is current per thread (`core/context.py`).  A `Tracer` is a value
that belongs to one trace.  The bottom trace, `EvalTrace`, runs an op on concrete arrays at once through
its `impl`.  The others are `TapeTrace` (core/recording.py), and those of the transforms: each handles
tracers of its own and hands everything else to the trace it was started under.  There are no levels:
a trace knows its parent, a tracer its owner, and that is all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cujax.engine.backends.out_of_memory import run_with_less
from cujax.engine.backends.select import selected
from cujax.engine.core import key_reuse, leaks, nan_check
from cujax.engine.core.array import Array, ConcreteArray, to_array
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.context import Context, context, using_trace
from cujax.engine.core.explain_tracer import conversion_error, leak_error
from cujax.engine.core.primitive import Primitive
from cujax.engine.core.tape import Literal
from cujax.engine.ground import dtypes
from cujax.engine.ground.config import config
from cujax.engine.ground.errors import OutOfMemoryError


class Trace:
    """An interpreter of ops.  `alive` turns false when the function it traces has returned."""

    __slots__ = ("__weakref__", "alive")

    def __init__(self) -> None:
        self.alive = True
        leaks.note(self)

    @property
    def main(self) -> Trace:
        """The trace itself, by which libraries tell the tracers of one transformation from others."""
        return self

    def process(self, primitive: Primitive, args: tuple, params: dict[str, Any]) -> Any:
        """Apply `primitive` to `args`, among which may be tracers of this trace."""
        raise NotImplementedError


class Tracer(Array):
    """A value that stands for many; `concrete()` gives the one behind it where there is one."""

    __slots__ = ("aval", "owner")

    owner: Trace

    @property
    def _trace(self) -> Trace:
        return self.owner

    def concrete(self) -> ConcreteArray | None:
        """The values, when the tracer only adds derivatives to values that are known."""
        return None

    def origin(self) -> str:
        """Which function is being traced and on which arguments this value depends, for error texts."""
        return ""

    def line(self) -> Any:
        """The user's line that made this value, where it is known."""
        return None

    def _concrete_or_error(self, what: str) -> ConcreteArray:
        found = self.concrete()
        if found is None:
            raise conversion_error(self, what)
        return found

    def __bool__(self) -> bool:
        return bool(self._concrete_or_error("bool"))

    def __int__(self) -> int:
        return int(self._concrete_or_error("int"))

    def __float__(self) -> float:
        return float(self._concrete_or_error("float"))

    def __complex__(self) -> complex:
        return complex(self._concrete_or_error("complex"))

    def __index__(self) -> int:
        return self._concrete_or_error("index").__index__()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        raise conversion_error(self, "array")

    def item(self, *index: int) -> Any:
        return self._concrete_or_error("item").item(*index)

    def tolist(self) -> Any:
        return self._concrete_or_error("tolist").tolist()

    def tobytes(self, order: str = "C") -> bytes:
        return self._concrete_or_error("tobytes").tobytes(order)

    def delete(self) -> None:
        raise conversion_error(self, "delete")

    def is_deleted(self) -> bool:
        raise conversion_error(self, "is_deleted")

    def block_until_ready(self) -> Tracer:
        return self

    def copy_to_host_async(self) -> None:
        """Accepted for compatibility."""

    @property
    def device(self) -> Any:
        """Where the values are; AttributeError where they are not known, for whoever looks with hasattr."""
        found = self.concrete()
        if found is None:
            raise AttributeError(f"a traced array {self.aval.str_short()} is on no device: it has no values yet")
        return found.device

    def devices(self) -> set:
        """The set of devices that hold the values, if they are known."""
        return self._concrete_or_error("devices").devices()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.aval.str_weak()})"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __deepcopy__(self, memo: dict) -> Tracer:
        return self

    __copy__ = None


def _copy_self(self: Tracer) -> Tracer:
    return self


Tracer.__copy__ = _copy_self  # type: ignore[assignment]


class EvalTrace(Trace):
    """Runs each op at once on the backend's arrays."""

    __slots__ = ()

    def process(self, primitive: Primitive, args: tuple, params: dict[str, Any]) -> Any:
        return _watch(primitive, args, params) if config.watching else _run(primitive, args, params)


class KnownTrace(Trace):
    """Runs ops on known values at once and hands those that meet a tracer to the trace `outer`."""

    __slots__ = ("outer",)

    def __init__(self, outer: Trace) -> None:
        super().__init__()
        self.outer = outer

    def process(self, primitive: Primitive, args: tuple, params: dict[str, Any]) -> Any:
        trace = self.outer if any(isinstance(a, Tracer) for a in args) else EVAL_TRACE
        with using_trace(trace):
            return trace.process(primitive, args, params)


def _run(primitive: Primitive, args: tuple, params: dict[str, Any]) -> Any:
    """The op on the backend's arrays."""
    if primitive.evaluate is not None:
        return primitive.evaluate(args, params)
    backend = selected()
    values = [a if type(a) is ConcreteArray or type(a) is Literal else known_array(a) for a in args]
    out_avals = primitive.abstract(tuple([v.aval for v in values]), params)
    try:
        with backend.quiet(values):
            out = primitive.impl(backend.xp, *buffers_of(values), **params)  # type: ignore[operator]
    except MemoryError as error:
        if isinstance(error, OutOfMemoryError):  # a program inside has tried again already
            raise
        out = _NO_MEMORY
    if out is _NO_MEMORY:  # not inside `except`, which keeps what the failed try has made
        out = _run_with_less(primitive, values, params)
    if primitive.multiple:
        return [ConcreteArray(b, a) for b, a in zip(out, out_avals, strict=True)]
    return ConcreteArray(out, out_avals)


def _watch(primitive: Primitive, args: tuple, params: dict[str, Any]) -> Any:
    """The op, and what the options for finding mistakes ask of it."""
    if config.debug_key_reuse:
        if primitive.evaluate is None:  # an op that takes no keys says so, before any are followed
            primitive.abstract(tuple([aval_of(a) for a in args]), params)
        out = key_reuse.follow_op(primitive, args, params, lambda: _run(primitive, args, params))
    else:
        out = _run(primitive, args, params)
    if primitive.evaluate is None:  # others have looked at theirs
        nan_check.check(primitive.name, out if primitive.multiple else [out])
    return out


_NO_MEMORY = object()


def _run_with_less(primitive: Primitive, values: Sequence[Any], params: dict[str, Any]) -> Any:
    """The op once more, after unused memory has been given back."""
    backend = selected()

    def call() -> Any:
        with backend.quiet(values):
            return primitive.impl(backend.xp, *buffers_of(values), **params)  # type: ignore[operator]

    def held() -> list[tuple[str, int]]:
        avals = [(f"operand {i}: ", v.aval) for i, v in enumerate(values)]
        return [(f"{which}{a.str_short()}", a.size * a.dtype.itemsize) for which, a in avals]

    return run_with_less(call, backend, primitive.name, held)


def buffers_of(values: Sequence[Any]) -> list[Any]:
    """The buffers of concrete arrays and literals."""
    constant = selected().constant
    return [v.buffer if type(v) is ConcreteArray else constant(v.buffer) for v in values]


def known_array(value: Any) -> ConcreteArray:
    """`value`, or that of a literal, as a concrete array; the leak error when it is a tracer."""
    if isinstance(value, Tracer):
        raise leak_error(value)
    if type(value) is Literal:
        buffer = value.buffer
        return ConcreteArray(_on_device(buffer) if isinstance(buffer, np.generic) else buffer, value.aval)
    return to_array(value)


def _on_device(scalar: np.generic) -> Any:
    return selected().to_device(np.asarray(scalar))


def aval_of(x: Any) -> ShapedArray:
    """The aval of an array, a tracer, a literal, a NumPy array or a scalar."""
    aval = getattr(x, "aval", None)
    if type(aval) is ShapedArray:
        return aval
    kind = type(x)
    if kind in dtypes.PYTHON_SCALARS:
        return ShapedArray((), dtypes.python_scalar_dtype(kind), kind is not bool)
    if isinstance(x, (np.ndarray, np.generic)):
        return ShapedArray(x.shape, dtypes.canonicalize(x.dtype), False)
    return to_array(x).aval


def is_value(x: Any) -> bool:
    """Whether an op that has nothing to do may return `x` as it is: neither a number nor a literal of a tape."""
    return hasattr(x, "aval") and type(x) is not Literal


def is_evaluating() -> bool:
    """True when the current trace runs ops at once."""
    return context.trace is EVAL_TRACE


EVAL_TRACE = EvalTrace()
Context.eval_trace = EVAL_TRACE
context.trace = EVAL_TRACE
