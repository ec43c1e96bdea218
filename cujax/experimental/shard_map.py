"""`shard_map` with its arguments of before `cujax.shard_map`."""

from collections.abc import Callable
from typing import Any

from cujax.api.mesh import Mesh
from cujax.api.shard_map import shard_map as _shard_map

__all__ = ["shard_map"]


def shard_map(f: Callable, mesh: Mesh, in_specs: Any, out_specs: Any, check_rep: bool = True) -> Callable:
    """`cujax.shard_map(f, mesh=mesh, in_specs=in_specs, out_specs=out_specs)`; check_rep is accepted."""
    return _shard_map(f, mesh=mesh, in_specs=in_specs, out_specs=out_specs)
