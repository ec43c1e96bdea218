"""`ravel_pytree`: a pytree of arrays as one vector."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from cujax.api.flatten import as_array
from cujax.engine.core.array import Array
from cujax.engine.core.aval import ShapedArray
from cujax.engine.ground import dtypes
from cujax.engine.ground import pytree as trees
from cujax.engine.ground.promotion import lattice_join
from cujax.engine.ops.constants import zeros_of
from cujax.engine.ops.conversion import convert_element_type
from cujax.engine.ops.joining import concatenate
from cujax.engine.ops.slicing import slice_in_dim
from cujax.engine.ops.structural import reshape

__all__ = ["ravel_pytree"]


def ravel_pytree(pytree: Any) -> tuple[Array, Callable[[Array], Any]]:
    """A pytree of arrays as one vector, and the function that goes back.

    The vector holds the raveled leaves one after the other, in the dtype to which all of them promote; a tree
    without leaves gives an empty float32 vector.  The function back restores shapes, and dtypes where they
    were not all the same; where they were, its results have the dtype of the vector it is given.

    TypeError for a leaf that is no array.  From the function back: ValueError for a vector of another length,
    TypeError for one of another dtype where dtypes are restored.
    """
    leaves, treedef = trees.flatten(pytree)
    arrays = [as_array(x) for x in leaves]
    avals = tuple([a.aval for a in arrays])
    restored = _common_dtype(avals)
    if restored is not None:
        arrays = [convert_element_type(a, restored) for a in arrays]
    return _joined(arrays), _Unravel(treedef, avals, restored)


def _common_dtype(avals: Sequence[ShapedArray]) -> Any:
    """The dtype to which `avals` promote, None where they have one dtype already."""
    if len({a.dtype for a in avals}) < 2:
        return None
    return lattice_join(tuple([(a.dtype, a.weak_type) for a in avals]))[0]


def _joined(arrays: Sequence[Array]) -> Array:
    if not arrays:
        return zeros_of(ShapedArray((0,), dtypes.float32))
    flat = [reshape(a, (a.size,)) for a in arrays]
    return flat[0] if len(flat) == 1 else concatenate(flat, 0)


@dataclass(frozen=True)
class _Unravel:
    """From the vector to the tree; hashable, so that it can be a static argument."""

    treedef: trees.PyTreeDef
    avals: tuple[ShapedArray, ...]
    dtype: Any

    def __call__(self, vector: Array) -> Any:
        vector = as_array(vector)
        sizes = [a.size for a in self.avals]
        if vector.shape != (sum(sizes),):
            raise ValueError(f"unravel function: expected shape ({sum(sizes)},), got {vector.shape}")
        if self.dtype is not None and vector.dtype != self.dtype:
            raise TypeError(
                f"unravel function given array of dtype {vector.dtype}, but expected dtype {self.dtype}, to "
                "which the leaves of the tree were promoted"
            )
        pieces = zip(self.avals, sizes, accumulate(sizes), strict=True)
        return self.treedef.unflatten([self._leaf(vector, a, end - size, end) for a, size, end in pieces])

    def _leaf(self, vector: Array, aval: ShapedArray, start: int, end: int) -> Array:
        leaf = reshape(slice_in_dim(vector, start, end), aval.shape)
        return leaf if self.dtype is None else convert_element_type(leaf, aval.dtype)
