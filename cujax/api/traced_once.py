"""`traced_once`: library functions of several ops, outside `jit`, without their Python.

    @traced_once("x", "xp", "fp")
    def interp(x, xp, fp, left=None, ...)

The parameters that are named are operands.  Of all others arrays are too; numbers, words and shapes are part of the
trace, and others of them are traced anew.

Such a function is traced at the first call with arguments of a kind, and what was traced runs from then on: op by op,
as the function itself would run them, to the same bits.  It becomes one program of kernels

    at once      where arrays are `LARGE`: op by op a large result makes a pass over memory for each op (2^24 normal
                 numbers took 5.0 s, the kernel takes 0.13 s on two cores); of small ones that is less than a new kernel
                 takes to compile, once on each machine
    later        where that changes no bit (compiler/same_bits.py) and it has taken as long as a kernel takes to compile

A call costs 3 us and 1.5 us for each op, where the function takes 9 us for each.  Inside transformed functions, and
wherever something cannot be traced, the function runs as it stands, so it is also what raises errors.
"""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from cujax.api.flatten import Fixed, FlatFunction
from cujax.engine.compiler.passes import optimized
from cujax.engine.compiler.program import compile_op_by_op, compile_tape
from cujax.engine.compiler.same_bits import has_same_bits
from cujax.engine.core.array import Array
from cujax.engine.core.context import context
from cujax.engine.core.leaves import call_key, read_buffers, wrap_buffers
from cujax.engine.core.recording import record
from cujax.engine.core.tape import Eqn, Tape, Var
from cujax.engine.core.trace import EVAL_TRACE
from cujax.engine.ground import dtypes, pytree
from cujax.engine.ground.config import config
from cujax.engine.ground.errors import IncompatibleDevicesError
from cujax.engine.ground.source import function_name

_ARRAYS = (Array, np.ndarray)
LARGE = 2**16  # elements of the largest array that is met
PATIENCE = 0.1  # seconds
_MOST = 256  # traces of a function that are kept; the oldest goes first

Function = TypeVar("Function", bound=Callable)


class _Recording:
    """`run` takes the leaves of the arguments.  Its program takes the buffers of what was captured, then theirs."""

    __slots__ = ("_call", "_captured", "_out_avals", "_rebuild", "_spent", "_waiting")

    def __init__(self, tape: Tape, captured: Sequence[Any], out_tree: pytree.PyTreeDef) -> None:
        self._captured = [c.buffer for c in captured]
        self._out_avals, self._rebuild = tape.out_avals, out_tree.unflattener()
        is_large = max((v.aval.size for v in _values(tape)), default=0) >= LARGE
        self._call = (compile_tape if is_large else compile_op_by_op)(tape).call
        self._waiting = None if is_large or not has_same_bits(optimized(tape)) else tape  # to be compiled
        self._spent = 0.0

    def run(self, leaves: list[Any]) -> Any:
        if self._waiting is None:
            return self._run(leaves)
        started = time.perf_counter()
        result = self._run(leaves)
        self._spent += time.perf_counter() - started
        if self._spent > PATIENCE:
            self._call, self._waiting = compile_tape(self._waiting).call, None
        return result

    def _run(self, leaves: list[Any]) -> Any:
        return self._rebuild(*wrap_buffers(self._call(read_buffers(self._captured, leaves)), self._out_avals))


def traced_once(*arrays: str) -> Callable[[Function], Function]:
    """Decorator of functions whose ops follow from the kinds of their operands and the values of all else."""

    def decorate(fun: Function) -> Function:
        recordings = _Recordings(fun, arrays)

        @functools.wraps(fun)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            return recordings(args, kwargs) if context.trace is EVAL_TRACE else fun(*args, **kwargs)

        return wrapped  # type: ignore[return-value]

    return decorate


class _Recordings:
    """Those of one function, by the kind of a call; None for calls that are better left to the function."""

    def __init__(self, fun: Callable, arrays: Sequence[str]) -> None:
        self._fun, self._arrays = fun, frozenset(arrays)
        self._kept: dict[Any, _Recording | None] = {}
        _made.append(self)

    @cached_property
    def _by_position(self) -> tuple[tuple[bool, ...], bool]:
        """Whether each positional parameter is an operand, and whether all further ones are."""
        parameters = inspect.signature(self._fun).parameters.values()
        own = [p.name in self._arrays for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        return tuple(own), any(p.name in self._arrays for p in parameters if p.kind is p.VAR_POSITIONAL)

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        dynamic, fixed = self._divided(args, kwargs)
        try:
            leaves, key = call_key(dynamic, (len(args), *fixed), config.trace_key(), context.axis_sizes)
            found = self._kept[key]
        except KeyError:
            found = self._kept[key] = self._recorded(key, fixed)
            if len(self._kept) > _MOST:
                self._kept.pop(next(iter(self._kept)), None)
        except TypeError:  # an argument that is no array, or one that cannot be hashed
            found = None
        if found is not None:
            try:
                return found.run(leaves)
            except (MemoryError, IncompatibleDevicesError, OverflowError):
                pass  # the function itself says more
        return self._fun(*args, **kwargs)

    def forget(self) -> None:
        self._kept.clear()

    def _divided(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, list[Any]]:
        """The operands, by position and by name, and (place, type, value) of all else."""
        (are_arrays, others), dynamic, named = self._by_position, [], {}
        fixed: list[tuple[int | str, type, Any]] = []
        if len(args) > len(are_arrays):
            are_arrays += (others,) * (len(args) - len(are_arrays))
        for place, (value, is_array) in enumerate(zip(args, are_arrays, strict=False)):
            if is_array or isinstance(value, _ARRAYS):
                dynamic.append(value)
            else:
                fixed.append((place, type(value), value))
        for name, value in kwargs.items():
            if name in self._arrays or isinstance(value, _ARRAYS):
                named[name] = value
            else:
                fixed.append((name, type(value), value))
        return (tuple(dynamic), named), fixed

    def _recorded(self, key: Any, fixed: Sequence[Any]) -> _Recording | None:
        if config.disable_jit or config.debug_nans or config.debug_infs:
            return None
        spec, _, _, _, *avals = key
        given = Fixed.of(self._fun, [(place, value) for place, _, value in fixed])
        flat = _Flat(self._fun.__name__, given, pytree.treedef_of(spec))
        try:
            tape, captured = record(flat, avals, function_name(self._fun))
        except Exception:  # the values of arrays are needed, or something is wrong with the arguments
            return None
        if config.debug_key_reuse and any(dtypes.is_key(v.aval.dtype) for v in _values(tape)):
            return None
        return _Recording(_of_no_line(tape), captured, flat.out_tree)


class _Flat(FlatFunction):
    """A function whose results are arrays, not numbers, which a trace would make arrays."""

    def __call__(self, *leaves: Any) -> list[Any]:
        outs = super().__call__(*leaves)
        if not all(isinstance(x, Array) for x in outs):
            raise TypeError("a result is a number")
        return outs


def _values(tape: Tape) -> list[Var]:
    return [*tape.inputs, *[v for e in optimized(tape).eqns for v in e.outputs]]


def _of_no_line(tape: Tape) -> Tape:
    """The same, belonging to no line of the user's, since other lines will call it."""
    eqns = [Eqn(e.primitive, e.inputs, e.outputs, e.params, None) for e in tape.eqns]
    return Tape(tape.inputs, eqns, tape.outputs, tape.name)


_made: list[_Recordings] = []


def forget_traces() -> None:
    """What was traced until now."""
    for recordings in _made:
        recordings.forget()
