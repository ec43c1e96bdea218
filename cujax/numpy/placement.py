"""Where an array is: JAX's attributes that say so, of arrays that each live wholly on one device.

    x.sharding, x.format, x.committed        descriptions
    x.addressable_shards, x.global_shards    one `Shard`, which is all of it
    x.to_device(device)                      a copy elsewhere

A traced array is nowhere.  Asked for `device`, `sharding` or `format` it has no such attribute; the others raise a
ConcretizationTypeError.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

from cujax.api.sharding import SingleDeviceSharding
from cujax.engine.backends.select import selected
from cujax.engine.core.array import Array, ConcreteArray
from cujax.engine.core.trace import Tracer


@dataclass(frozen=True)
class Layout:
    """The order of the axes in memory: from the one whose steps are the longest."""

    major_to_minor: tuple[int, ...]


@dataclass(frozen=True)
class Format:
    """The layout of an array and where it lives."""

    layout: Layout
    sharding: SingleDeviceSharding


@dataclass(frozen=True, eq=False)
class Shard:
    """A part of an array on one device: `data` is the part at `index` of the whole."""

    device: Any
    index: tuple[slice, ...]
    replica_id: int
    data: Array


def known(x: Array, what: str) -> ConcreteArray:
    """The array with its memory; ConcretizationTypeError for a traced one."""
    return x._concrete_or_error(what) if isinstance(x, Tracer) else x  # type: ignore[return-value]


def _shards(self: Array, what: str) -> list[Shard]:
    array = known(self, what)
    return [Shard(array.device, (slice(None),) * self.ndim, 0, array)]


def _format(self: Array) -> Format:
    return Format(Layout(tuple(range(self.ndim))), SingleDeviceSharding(self.device))


def _addressable_data(self: Array, index: int) -> Array:
    """The part on the device number `index`: all of it on device 0.  IndexError for another."""
    if index != 0:
        raise IndexError(f"addressable_data({index}): the array lives on one device, number 0")
    return self


def _refused(name: str, instead: str) -> property:
    def refuse(self: Array) -> NoReturn:
        raise AttributeError(f"arrays have no {name}, as in JAX since 0.4.23: use {instead}")

    return property(refuse, doc=f"Refused: {instead} is what it was.")


def _to_device(self: Array, device: Any, *, stream: Any = None) -> Array:
    """This array on `device`, one of `cujax.devices()`.  stream: accepted for compatibility."""
    if isinstance(self, Tracer) or self.device == device:
        return self
    return ConcreteArray(selected().to_device(self.to_numpy(), device), self.aval)


PLACEMENT: dict[str, Any] = {
    "addressable_data": _addressable_data,
    "addressable_shards": property(lambda self: _shards(self, "addressable_shards"), doc="One shard, all of it."),
    "global_shards": property(lambda self: _shards(self, "global_shards"), doc="One shard, all of it."),
    "traceback": property(lambda self: None, doc="None: where an array was made is not recorded."),
    "committed": property(
        lambda self: known(self, "committed") is not None, doc="True: arrays on two devices are not combined."
    ),
    "format": property(_format, doc="The order of the axes in memory, row by row, and the device."),
    "sharding": property(lambda self: SingleDeviceSharding(self.device), doc="On which device it lives."),
    "is_fully_replicated": property(lambda self: True, doc="True: an array lives on one device."),
    "is_fully_addressable": property(lambda self: True, doc="True: an array lives in this process."),
    "device_buffer": _refused("device_buffer", "x.addressable_data(0)"),
    "device_buffers": _refused("device_buffers", "[s.data for s in x.addressable_shards]"),
    "to_device": _to_device,
}
