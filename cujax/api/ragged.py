"""`ragged_dot`: products of matrices whose rows belong to groups, each with a matrix of its own.

Rows of other groups are set to zero in a copy for each group, and all copies are multiplied at once: one product that
is as many times larger as there are groups, on whichever library does products.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cujax.api.flatten import as_array
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.engine.ops.constants import broadcasted_iota
from cujax.engine.ops.contraction import dot_general
from cujax.engine.ops.creation import full_like
from cujax.engine.ops.cumulative import cumsum
from cujax.engine.ops.logic import ge, lt, select
from cujax.engine.ops.precision import PrecisionLike
from cujax.engine.ops.structural import broadcast_in_dim


@dataclass(frozen=True)
class RaggedDotDimensionNumbers:
    """dot_dimension_numbers: as `dot_general` takes them, where rhs is counted with its group axis.

    lhs_ragged_dimensions: the one axis of lhs that is divided into groups.  rhs_group_dimensions: the axis of rhs with
    an entry for each group, or none.
    """

    dot_dimension_numbers: Any
    lhs_ragged_dimensions: Sequence[int]
    rhs_group_dimensions: Sequence[int]


_BASIC = RaggedDotDimensionNumbers((((1,), (1,)), ((), ())), (0,), (0,))


def ragged_dot(
    lhs: Any, rhs: Any, group_sizes: Any, precision: PrecisionLike = None, preferred_element_type: Any = None,
    group_offset: Any = None, out_sharding: Any = None,
) -> Array:
    """Row i of lhs (m, k) times the matrix of its group, of rhs (g, k, n): (m, n).

    group_sizes: integers (g,): the first rows belong to group 0, and so on; rows behind all groups give 0.
    precision, preferred_element_type: as `dot_general`.  group_offset, out_sharding: must be None.
    TypeError for other ranks and for lengths that differ.
    """
    lhs, rhs = as_array(lhs), as_array(rhs)
    if lhs.ndim != 2 or rhs.ndim != 3:
        raise TypeError(f"ragged_dot: lhs must have rank 2 and rhs rank 3, got shapes {lhs.shape} and {rhs.shape}")
    return ragged_dot_general(
        lhs, rhs, group_sizes, _BASIC, precision, preferred_element_type, group_offset, out_sharding
    )


def ragged_dot_general(
    lhs: Any, rhs: Any, group_sizes: Any, ragged_dot_dimension_numbers: RaggedDotDimensionNumbers,
    precision: PrecisionLike = None, preferred_element_type: Any = None, group_offset: Any = None,
    out_sharding: Any = None,
) -> Array:
    """`dot_general` where an axis of lhs is divided into groups.

    If lhs is not summed over that axis, rhs has a group axis and each part of lhs meets its entry.  If it is, the
    result has a leading axis: the sum over each group.  If it is a batch axis, groups make no difference.
    group_sizes: integers (g,).  Other arguments as `ragged_dot`.
    """
    lhs, rhs, sizes = as_array(lhs), as_array(rhs), as_array(group_sizes)
    _check(lhs, rhs, sizes, ragged_dot_dimension_numbers, group_offset, out_sharding)
    (contract_l, contract_r), (batch_l, batch_r) = ragged_dot_dimension_numbers.dot_dimension_numbers
    (ragged,) = ragged_dot_dimension_numbers.lhs_ragged_dimensions
    options = {"precision": precision, "preferred_element_type": preferred_element_type}
    if ragged in tuple(batch_l):
        return dot_general(lhs, rhs, ((contract_l, contract_r), (batch_l, batch_r)), **options)
    copies = _by_group(lhs, ragged, sizes)
    contract_c, batch_c = [a + 1 for a in contract_l], [a + 1 for a in batch_l]
    if ragged in tuple(contract_l):
        copies_first = broadcast_in_dim(rhs, (len(sizes), *rhs.shape), tuple(range(1, rhs.ndim + 1)))
        numbers = (
            (contract_c, [a + 1 for a in contract_r]), ([0, *batch_c], [0, *[a + 1 for a in batch_r]])
        )
        return dot_general(copies, copies_first, numbers, **options)
    (group,) = ragged_dot_dimension_numbers.rhs_group_dimensions
    return dot_general(copies, rhs, (([0, *contract_c], [group, *contract_r]), (batch_c, batch_r)), **options)


def _check(
    lhs: Array, rhs: Array, sizes: Array, numbers: RaggedDotDimensionNumbers, group_offset: Any, out_sharding: Any
) -> None:
    if group_offset is not None or out_sharding is not None:
        raise NotImplementedError("ragged_dot: group_offset and out_sharding must be None")
    if sizes.ndim != 1 or not dtypes.is_integer(sizes.dtype):
        raise TypeError(f"ragged_dot: group_sizes must be integers of shape (g,), got {sizes.aval.str_short()}")
    if len(numbers.lhs_ragged_dimensions) != 1 or len(numbers.rhs_group_dimensions) > 1:
        raise TypeError(
            "ragged_dot: there must be one ragged axis of lhs and at most one group axis of rhs, got "
            f"{numbers.lhs_ragged_dimensions} and {numbers.rhs_group_dimensions}"
        )
    for group in numbers.rhs_group_dimensions:
        if rhs.shape[group] != len(sizes):
            raise TypeError(
                f"ragged_dot: rhs has {rhs.shape[group]} groups and group_sizes {len(sizes)}: shapes {rhs.shape}, "
                f"{sizes.shape}"
            )


def _by_group(lhs: Array, ragged: int, sizes: Array) -> Array:
    """(g, *lhs.shape): for each group lhs with zeros where others are."""
    ends = cumsum(sizes)
    shape = (len(sizes), *lhs.shape)
    begin, end = (broadcast_in_dim(x, shape, (0,)) for x in (ends - sizes, ends))
    at = broadcasted_iota(sizes.dtype, shape, ragged + 1)
    spread = broadcast_in_dim(lhs, shape, tuple(range(1, lhs.ndim + 1)))
    return select(ge(at, begin) & lt(at, end), spread, full_like(spread, 0))
