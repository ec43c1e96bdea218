"""Kernels that follow one another in a program, run as one thing: on a GPU as a CUDA graph.

`in_stretches(steps, make_launch)` puts a `Stretch` in the place of each row of kernel steps.  The arguments of all its
kernels are there before the first is launched.  So a step that begins by copying a buffer begins a new stretch: the
copy is made when all before it has been launched.  Between kernels values lie in the program's arena, where a place is
used again only by kernels that are launched later; nothing has to be returned within a stretch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cujax.engine.backends.api import KernelCall

FEWEST = 2  # launches that are worth it

Step = Any  # of a program; a kernel step has `calls`
LaunchAll = Callable[[Sequence[Sequence[Any]]], None]
MakeLaunch = Callable[[Sequence[KernelCall]], LaunchAll | None]


class Stretch:
    """Runs kernel steps with one launch for all."""

    __slots__ = ("_dead", "_launch", "_prepared")

    def __init__(self, steps: Sequence[Step], launch: LaunchAll) -> None:
        self._prepared = [(step.preparer(), len(step.calls)) for step in steps]
        self._dead = tuple([i for step in steps for i in step.dead])
        self._launch = launch

    def run(self, slots: list[Any]) -> None:
        """As each step's `run` in turn."""
        buffers: list[Sequence[Any]] = []
        for prepare, calls in self._prepared:
            buffers += [prepare(slots)] * calls
        self._launch(buffers)
        for i in self._dead:
            slots[i] = None

    def runner(self) -> Callable[[list[Any]], None]:
        """`run`."""
        return self.run


def in_stretches(steps: Sequence[Step], make_launch: MakeLaunch) -> list[Step]:
    """`steps`, with a Stretch for those that `make_launch` makes a common launch for; None says that it makes none."""
    made: list[Step] = []
    for row in _rows(steps):
        calls = [call for step in row for call in getattr(step, "calls", ())]
        launch = make_launch(calls) if len(calls) >= FEWEST else None
        made += row if launch is None else [Stretch(row, launch)]
    return made


def _rows(steps: Sequence[Step]) -> list[list[Step]]:
    """`steps` in order, cut where a stretch may not go on; what is no kernel stands alone."""
    rows: list[list[Step]] = []
    goes_on = False
    for step in steps:
        is_kernel = hasattr(step, "calls")
        if goes_on and is_kernel and not step.copies:
            rows[-1].append(step)
        else:
            rows.append([step])
        goes_on = is_kernel
    return rows
