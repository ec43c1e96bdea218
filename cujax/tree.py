"""The functions of `cujax.tree_util` under short names: `cujax.tree.map` is `cujax.tree_util.tree_map`."""

from __future__ import annotations

import dataclasses

from .tree_util import tree_all as all
from .tree_util import tree_broadcast as broadcast
from .tree_util import tree_flatten as flatten
from .tree_util import tree_flatten_with_path as flatten_with_path
from .tree_util import tree_leaves as leaves
from .tree_util import tree_leaves_with_path as leaves_with_path
from .tree_util import tree_map as map
from .tree_util import tree_map_with_path as map_with_path
from .tree_util import tree_reduce as reduce
from .tree_util import tree_reduce_associative as reduce_associative
from .tree_util import tree_structure as structure
from .tree_util import tree_transpose as transpose
from .tree_util import tree_unflatten as unflatten

__all__ = [
    "all",
    "broadcast",
    "flatten",
    "flatten_with_path",
    "leaves",
    "leaves_with_path",
    "map",
    "map_with_path",
    "reduce",
    "reduce_associative",
    "static",
    "structure",
    "transpose",
    "unflatten",
]


def static(**kwargs):
    """`dataclasses.field(**kwargs)` for a field that `tree_util.register_dataclass` takes as static.

    >>> from dataclasses import dataclass
    >>> from cujax.tree_util import register_dataclass
    >>> @register_dataclass
    ... @dataclass
    ... class Grid:
    ...     values: list
    ...     periodic: bool = static(default=True)
    >>> leaves(Grid([1.0, 2.0]))
    [1.0, 2.0]
    """
    metadata = {"static": True, **(kwargs.pop("metadata", None) or {})}
    return dataclasses.field(metadata=metadata, **kwargs)
