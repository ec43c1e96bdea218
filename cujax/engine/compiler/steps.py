"""The steps of a program: what runs, on which slots, and where the buffers of its results come from.

    ImplStep    a library call, a loop, or any op where the backend has no kernels, through its `impl`
    KernelStep  a generated kernel

A step's `runner()` is a function of the slots.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cujax.engine.backends.api import Buffer
from cujax.engine.backends.select import selected
from cujax.engine.compiler.cpp import physical
from cujax.engine.compiler.kernel import Kernel
from cujax.engine.core.tape import Eqn, Var
from cujax.engine.ground.native import native

Run = Callable[[list[Any]], None]  # what a step does to the slots
BYTE = np.dtype(np.uint8)


class ImplStep:
    """`slots[outputs] = impl(xp, *slots[inputs], **params)`."""

    __slots__ = ("dead", "impl", "inputs", "multiple", "outputs", "params", "xp")

    def __init__(self, eqn: Eqn, slots: dict[Any, int], xp: Any) -> None:
        self.impl = eqn.primitive.rule("impl")
        self.inputs = tuple([slots[a] for a in eqn.inputs])
        self.outputs = tuple([slots[v] for v in eqn.outputs])
        self.multiple, self.params, self.xp = eqn.primitive.multiple, eqn.params, xp
        self.dead: tuple[int, ...] = ()

    def run(self, slots: list[Any]) -> None:
        out = self.impl(self.xp, *[slots[i] for i in self.inputs], **self.params)
        if self.multiple:
            for i, buffer in zip(self.outputs, out, strict=True):
                slots[i] = buffer
        else:
            slots[self.outputs[0]] = out
        for i in self.dead:
            slots[i] = None

    def runner(self) -> Run:
        """`run`."""
        return self.run


class KernelStep:
    """Runs a kernel on contiguous buffers and those of its results.

    results: for each its origin, (shape, dtype) of a new buffer, (offset, shape, dtype) of one in the program's arena,
    which is in the last slot, or (number,) of the slot with the buffer that it takes.
    """

    __slots__ = (
        "backend", "calls", "dead", "inputs", "is_empty", "launches", "outputs", "results", "scratch", "target"
    )

    def __init__(
        self, kernel: Kernel, launches: Sequence[Callable], slots: dict[Any, int], offsets: dict[Var, int]
    ) -> None:
        self.backend, self.launches, self.scratch = selected(), tuple(launches), kernel.scratch
        self.inputs = tuple([slots[a] for a in kernel.reads])
        self.outputs = tuple([slots[v] for v in kernel.writes])
        self.results = [_origin(v, kernel, slots, offsets) for v in kernel.writes]
        self.is_empty = kernel.is_empty
        self.calls = () if kernel.is_empty else kernel.calls
        self.target = None if kernel.target is None else slots[kernel.target]
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
        if self.target is not None:
            results = [backend.copy(contiguous(slots[self.target]))]
        else:
            results = [self._buffer(slots, *origin) for origin in self.results]
        buffers = [] if self.is_empty else [contiguous(slots[i]) for i in self.inputs] + results
        if self.scratch:
            buffers.append(backend.empty((self.scratch,), BYTE))
        for i, buffer in zip(self.outputs, results, strict=True):
            slots[i] = buffer
        return buffers

    def _buffer(self, slots: list[Any], *origin: Any) -> Buffer:
        if len(origin) == 1:
            return self.backend.contiguous(slots[origin[0]])
        return self.backend.empty(*origin) if len(origin) == 2 else self.backend.part(slots[-1], *origin)

    @property
    def copies(self) -> bool:
        """Whether `prepare` copies the buffer that is going to be changed."""
        return self.target is not None

    def runner(self) -> Run:
        """`run`, compiled where that can be."""
        if native is None or self.target is not None:
            return self.run
        new = (*self.results, ((self.scratch,), BYTE)) if self.scratch else tuple(self.results)
        backend, launches = self.backend, () if self.is_empty else self.launches
        return native.kernel_runner(
            self.inputs, self.outputs, new, launches, self.dead, backend.empty, backend.part, backend.contiguous
        )


def _origin(var: Var, kernel: Kernel, slots: dict[Any, int], offsets: dict[Var, int]) -> tuple:
    """Where a result's buffer comes from: see `KernelStep`."""
    if var in kernel.in_place:
        return (slots[kernel.in_place[var]],)
    layout = var.aval.shape, physical(var.aval.dtype)
    return (offsets[var], *layout) if var in offsets else layout
