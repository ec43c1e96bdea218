"""The steps of a program: what runs, on which slots, and where the buffers of its results come from.

    ImplStep    a library call, a loop, or any op where the backend has no kernels, through its `impl`
    ViewStep    one that sees its operand otherwise
    KernelStep  a generated kernel, or a small loop as a call of compiled code (nest.py)
    Layout      where everything is: the slots of values, and the origin of each result's buffer

A step's `runner()` is a function of the slots.  The origin of a buffer is one of

    (shape, dtype)           a new one
    (offset, shape, dtype)   a part of the program's arena, which is in the last slot
    (number,)                what is in that slot: an operand that is overwritten, or a buffer that the caller has given
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from operator import itemgetter
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from cujax.engine.backends.api import Buffer, KernelCall
from cujax.engine.backends.array_address import address_of
from cujax.engine.backends.select import selected
from cujax.engine.compiler.cpp import physical
from cujax.engine.compiler.kernel import Kernel
from cujax.engine.compiler.schedule import is_large
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.tape import Eqn, Literal, Var
from cujax.engine.ground.native import native

Run = Callable[[list[Any]], None]  # what a step does to the slots
BYTE = np.dtype(np.uint8)
_PYTHON = 1 << 13  # operations that take as long as a step in Python does at least


class NestedCall(NamedTuple):
    """launch: runs an op, for the buffers of operands and results.  call: what is known of its work."""

    launch: Any
    call: KernelCall


class Layout(NamedTuple):
    """slots: numbers of values.  offsets: of those in the arena.  given: slots with buffers for some of the results.

    overwritten: slots of operands that a library may overwrite with results.
    """

    slots: Mapping[Var | Literal, int]
    offsets: Mapping[Var, int]
    given: Mapping[Var, int]
    overwritten: Mapping[Var, int] = MappingProxyType({})

    def origin(self, var: Var) -> tuple:
        """Where the buffer comes from into which `var` is written."""
        if var in self.given:
            return (self.given[var],)
        kind = _kind(var.aval)
        return (self.offsets[var], *kind) if var in self.offsets else kind


def _buffer(backend: Any, slots: list[Any], origin: tuple) -> Buffer:
    if len(origin) == 1:
        return backend.contiguous(slots[origin[0]])
    return backend.empty(*origin) if len(origin) == 2 else backend.part(slots[-1], *origin)


class ImplStep:
    """`slots[outputs] = impl(xp, *slots[inputs], **params)`.

    results: origins of buffers that `impl` takes as `out`; None where it allocates its results itself.
    overwritten: the slot of the operand that it takes as `out`, if any.
    taken: numbers of operands that a loop may overwrite.  spoils: whether nobody reads the operands, of the program's
    own memory, after a library that may leave anything in them.
    """

    __slots__ = (
        "_called", "_eqn", "backend", "dead", "impl", "inputs", "multiple", "outputs", "overwritten", "params",
        "results",
    )

    def __init__(self, eqn: Eqn, layout: Layout, taken: Sequence[int] = (), spoils: bool = False) -> None:
        self.backend = selected()
        self.impl = eqn.primitive.rule("impl")
        self.inputs = tuple([layout.slots[a] for a in eqn.inputs])
        self.outputs = tuple([layout.slots[v] for v in eqn.outputs])
        self.multiple, self.params = eqn.primitive.multiple, {**eqn.params, "owned": taken} if taken else eqn.params
        if spoils:
            self.params = {**self.params, "spoils": True}
        is_told = eqn.primitive.takes_out(eqn.params) and (is_large(eqn) or any(v in layout.given for v in eqn.outputs))
        self.results = [layout.origin(v) for v in eqn.outputs] if is_told else None
        self.overwritten = layout.overwritten.get(eqn.outputs[0]) if eqn.outputs else None
        self.dead: tuple[int, ...] = ()
        self._eqn = eqn
        self._called: NestedCall | None = None

    def run(self, slots: list[Any]) -> None:
        params = self.params
        if self.results is not None:
            buffers = tuple([_buffer(self.backend, slots, origin) for origin in self.results])
            params = {**params, "out": buffers if self.multiple else buffers[0]}
        elif self.overwritten is not None:
            params = {**params, "out": slots[self.overwritten]}
        out = self.impl(self.backend.xp, *[slots[i] for i in self.inputs], **params)
        if self.multiple:
            for i, buffer in zip(self.outputs, out, strict=True):
                slots[i] = buffer
        else:
            slots[self.outputs[0]] = out
        for i in self.dead:
            slots[i] = None

    def runner(self) -> Run:
        """`run`, or less where that is all it does."""
        if self.multiple or self.results is not None or self.overwritten is not None:
            return self.run
        impl, xp, operands, params = self.impl, self.backend.xp, _picking(self.inputs), self.params
        (output,), dead = self.outputs, self.dead

        def run(slots: list[Any]) -> None:
            slots[output] = impl(xp, *operands(slots), **params)
            for i in dead:
                slots[i] = None

        return run

    @property
    def out_avals(self) -> list[ShapedArray]:
        """Of the results."""
        return [v.aval for v in self._eqn.outputs]

    @property
    def kinds(self) -> list[tuple]:
        """Shapes and dtypes of buffers for the results."""
        return [_kind(aval) for aval in self.out_avals]

    @property
    def called(self) -> Sequence[KernelCall]:
        """What is known of its work, once a loop has asked for `launcher`."""
        return () if self._called is None else (self._called.call,)

    def launcher(self) -> Any:
        """What runs it within a loop of compiled code, for the buffers of its operands and of its results."""
        if self._called is None:
            self._called = nested_call(self._eqn) or self._python_call()
        return self._called.launch

    def _python_call(self) -> NestedCall:
        eqn, impl, xp = self._eqn, self.impl, self.backend.xp
        target, inputs, multiple = self.backend.kernels, len(eqn.inputs), self.multiple
        assert target is not None  # there are loops of compiled code
        may_keep = eqn.primitive.may_keep

        def run(*buffers: Buffer) -> None:
            operands: Sequence[Buffer] = [b.copy() for b in buffers[:inputs]] if may_keep else buffers[:inputs]
            try:
                out = impl(xp, *operands, **eqn.params)
            except BaseException as error:  # whose traceback must not hold on to memory of the loop
                if not may_keep:
                    traceback.clear_frames(error.__traceback__)
                del buffers, operands
                raise
            for buffer, made in zip(buffers[inputs:], out if multiple else [out], strict=True):
                xp.copyto(buffer, made)

        kinds = [*[_kind(a.aval) for a in eqn.inputs], *self.kinds]
        return NestedCall(target.python_call(run, kinds, inputs), KernelCall("python", (), _PYTHON))


def nested_call(eqn: Eqn) -> NestedCall | None:
    """An op that runs tapes as a call of compiled code, where it can be one."""
    nested = eqn.primitive.nested
    return None if nested is None else nested(*[a.aval for a in eqn.inputs], **eqn.params)


def _kind(aval: ShapedArray) -> tuple:
    return aval.shape, physical(aval.dtype)


def _picking(numbers: Sequence[int]) -> Callable[[list[Any]], Sequence[Any]]:
    """A function that gives the elements with these numbers."""
    return itemgetter(*numbers) if len(numbers) > 1 else lambda slots: [slots[i] for i in numbers]


class Seen(NamedTuple):
    """How the result of a view lies in the memory of its operand, if that has no gaps: bytes."""

    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: np.dtype
    is_contiguous: bool


class ViewStep(ImplStep):
    """An op that copies nothing; `views`: what it does to an operand without gaps."""

    __slots__ = ("__dict__",)

    @cached_property
    def views(self) -> list[Seen]:
        """One for each result: found by the op itself, on memory that nobody touches."""
        eqn, aval = self._eqn, self._eqn.inputs[0].aval
        array = np.empty(aval.shape, physical(aval.dtype))
        out = eqn.primitive.impl(np, array, **eqn.params)
        return [
            Seen(address_of(v) - address_of(array), v.shape, v.strides, v.dtype, bool(v.flags.c_contiguous))
            for v in map(np.asarray, out if self.multiple else [out])
        ]


class KernelStep:
    """Runs a kernel on contiguous buffers and those of its results, whose origins are `results`."""

    __slots__ = (
        "backend", "calls", "changed", "dead", "inputs", "is_empty", "launches", "outputs", "results", "scratch",
        "target",
    )

    def __init__(self, kernel: Kernel, launches: Sequence[Callable], layout: Layout) -> None:
        slots, in_place = layout.slots, kernel.in_place
        self.backend, self.launches, self.scratch = selected(), tuple(launches), kernel.scratch
        self.inputs = tuple([slots[a] for a in kernel.reads])
        self.outputs = tuple([slots[v] for v in kernel.writes])
        self.results = [(slots[in_place[v]],) if v in in_place else layout.origin(v) for v in kernel.writes]
        self.is_empty = kernel.is_empty
        self.calls = () if kernel.is_empty else kernel.calls
        self.target = None if kernel.target is None else slots[kernel.target]
        self.changed = kernel.writes[0].aval if kernel.writes else None  # what a copy of the target is of
        self.dead: tuple[int, ...] = ()

    def run(self, slots: list[Any]) -> None:
        buffers = self.prepare(slots)
        if not self.is_empty:
            for launch in self.launches:
                launch(buffers)
        for i in self.dead:
            slots[i] = None

    def prepare(self, slots: list[Any]) -> list[Any]:
        """The arguments of the kernel.  Its results are in their slots before it has run."""
        backend = self.backend
        contiguous = backend.contiguous
        results = [_buffer(backend, slots, origin) for origin in self.results]
        if self.target is not None:
            backend.xp.copyto(results[0], slots[self.target])
        buffers = [] if self.is_empty else [contiguous(slots[i]) for i in self.inputs] + results
        if self.scratch:
            buffers.append(backend.empty((self.scratch,), BYTE))
        for i, buffer in zip(self.outputs, results, strict=True):
            slots[i] = buffer
        return buffers

    @property
    def copies(self) -> bool:
        """Whether `prepare` copies the buffer that is going to be changed."""
        return self.target is not None

    def runner(self) -> Run:
        """`run`, compiled where that can be."""
        if native is None or self.target is not None:
            return self.run
        return native.kernel_runner(*self._parts())

    def preparer(self) -> Callable[[list[Any]], list[Any]]:
        """`prepare`, compiled where that can be."""
        if native is None or self.target is not None:
            return self.prepare
        return native.kernel_preparer(*self._parts())

    def _parts(self) -> tuple[Any, ...]:
        """What the compiled functions take."""
        new = (*self.results, ((self.scratch,), BYTE)) if self.scratch else tuple(self.results)
        inputs, launches = ((), ()) if self.is_empty else (self.inputs, self.launches)
        backend = self.backend
        return inputs, self.outputs, new, launches, self.dead, backend.empty, backend.part, backend.contiguous
