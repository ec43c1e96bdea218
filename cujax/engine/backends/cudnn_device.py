"""Convolutions by cuDNN on one device: plans, of which each is found once, and their execution.

    device = DeviceConvolutions(cudnn, name)          the current device is meant, now and at all calls
    device.has_plan(numerics, op)                     whether there is a plan, without arrays
    plan = device.execute(numerics, call)             None where there is no plan for it
    device.enqueue(plan, addresses)                   the same again, with other addresses

Of the plans that the heuristics propose the first is taken, or by `config.conv_autotune` the fastest, which the
compilation cache on disk remembers.  Work goes to CuPy's current stream, and its scratch memory comes from CuPy's pool.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import islice
from math import inf
from threading import RLock
from typing import Any, TypeVar

from cujax.engine.backends.cudnn_api import Cudnn, CudnnError, Descriptor
from cujax.engine.backends.cudnn_call import Call
from cujax.engine.backends.cudnn_plans import Convolution, Numerics, Plan, Planner, variant_pack
from cujax.engine.ground.config import config

_log = logging.getLogger("cujax")

_MOST_TIMED = 8  # plans that are timed for one operation
_REPEATS = 3  # of which the fastest counts
_MOST_KEPT = 1024  # entries of a dictionary that would grow with every new shape, or address

Key = TypeVar("Key")
Value = TypeVar("Value")


class DeviceConvolutions:
    """A handle belongs to a device, and what is executed with it goes to the stream that was set last; the lock keeps
    the two together."""

    def __init__(self, cudnn: Cudnn, name: str) -> None:
        self._cudnn = cudnn
        self._handle = cudnn.create_handle()
        self._planner = Planner(cudnn, self._handle, device=name)
        self._plans: dict[tuple[Convolution, Numerics, bool], Plan | None] = {}
        self._packs: dict[tuple[int, ...], Descriptor] = {}
        self._stream: int | None = None
        self._lock = RLock()

    def has_plan(self, numerics: Numerics, op: Convolution) -> bool:
        """Whether the heuristics have a plan."""
        key = op, numerics, False
        with self._lock:
            if key not in self._plans:
                remember(self._plans, key, self._find(op, numerics))
            return self._plans[key] is not None

    def execute(self, numerics: Numerics, call: Call) -> Plan | None:
        """Execute a call by the plan that is returned; None where there is none."""
        key = call.op, numerics, config.conv_autotune
        with self._lock:
            if key not in self._plans:
                remember(self._plans, key, self._find(call.op, numerics, call if config.conv_autotune else None))
            plan = self._plans[key]
            if plan is None:
                return None
            try:
                self.enqueue(plan, call.addresses())
            except CudnnError as error:
                _log.warning("cuDNN could not execute its own plan and is not asked again: %s for %s", error, call.op)
                plan = self._plans[key] = None
            return plan

    def enqueue(self, plan: Plan, addresses: Sequence[int]) -> None:
        """Put the work of a plan into the queue of CuPy's current stream."""
        import cupy

        workspace = cupy.cuda.alloc(plan.workspace)  # freed at once: the pool hands it out on the same stream only
        stream = cupy.cuda.get_current_stream().ptr
        with self._lock:
            pack = self._pack_of((*addresses, workspace.ptr))
            if stream != self._stream:
                self._cudnn.set_stream(self._handle, stream)
                self._stream = stream
            self._cudnn.execute(self._handle, plan.descriptor, pack)

    def _pack_of(self, addresses: tuple[int, ...]) -> Descriptor:
        """The variant pack of arrays and workspace at these addresses, which the pool hands out again and again."""
        pack = self._packs.get(addresses)
        if pack is None:
            pack = variant_pack(self._cudnn, addresses[:-1], addresses[-1])
            remember(self._packs, addresses, pack)
        return pack

    def _find(self, op: Convolution, numerics: Numerics, timed: Call | None = None) -> Plan | None:
        """timed: the call of `op` that is executed to find the fastest plan, instead of the first."""
        planner = self._planner
        if timed is None:
            plan = planner.find(op, numerics)
        else:
            plan = planner.chosen(op, numerics) or self._fastest(numerics, timed)
        if plan is None:
            _log.info("cuDNN has no plan for %s with %s", op, numerics)
        return plan

    def _fastest(self, numerics: Numerics, call: Call) -> Plan | None:
        candidates = islice(self._planner.candidates(call.op, numerics), _MOST_TIMED)
        timed = [(self._time(plan, call), rank, plan) for rank, plan in enumerate(candidates)]
        milliseconds, rank, plan = min(timed, default=(inf, 0, None))
        if milliseconds == inf:
            return None
        self._planner.keep(call.op, numerics, rank)
        return plan

    def _time(self, plan: Plan, call: Call) -> float:
        """Milliseconds, after a first execution; infinite where the plan cannot be executed."""
        import cupy

        start, stop = cupy.cuda.Event(), cupy.cuda.Event()
        times = []
        try:
            self.enqueue(plan, call.addresses())
            for _ in range(_REPEATS):
                start.record()
                self.enqueue(plan, call.addresses())
                stop.record()
                stop.synchronize()
                times.append(cupy.cuda.get_elapsed_time(start, stop))
        except CudnnError:
            return inf
        return min(times)


def address_of(array: Any) -> int:
    """Where an array of CuPy begins."""
    return array.data.ptr


def remember(entries: dict[Key, Value], key: Key, value: Value) -> None:
    """Enter `value`, and forget the oldest entry where there are too many."""
    if len(entries) >= _MOST_KEPT:
        entries.pop(next(iter(entries)), None)
    entries[key] = value
