"""Policies of `checkpoint`: which intermediate values reverse mode may keep instead of computing them again.

A policy is called with the primitive of an equation, the avals of its operands and its params, and returns
whether the results may be kept.  Some are policies themselves, others return one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cujax.engine.control.checkpoint import name_p
from cujax.engine.core.primitive import Primitive
from cujax.engine.ops.contraction import dot_general_p
from cujax.engine.ops.convolution import conv_general_dilated_p

Policy = Callable[..., bool]


def everything_saveable(prim: Primitive, *avals: Any, **params: Any) -> bool:
    """Keep everything, as without `checkpoint`."""
    return True


def nothing_saveable(prim: Primitive, *avals: Any, **params: Any) -> bool:
    """Keep nothing but the inputs; the default."""
    return False


def dots_saveable(prim: Primitive, *avals: Any, **params: Any) -> bool:
    """Keep results of matrix products and convolutions."""
    return prim is dot_general_p or prim is conv_general_dilated_p


def dots_with_no_batch_dims_saveable(prim: Primitive, *avals: Any, **params: Any) -> bool:
    """Keep results of matrix products without batch axes: of layers of weights, not of attention."""
    return prim is dot_general_p and not any(params["dimension_numbers"][1])


checkpoint_dots = dots_saveable
checkpoint_dots_with_no_batch_dims = dots_with_no_batch_dims_saveable


def save_only_these_names(*names_which_can_be_saved: str) -> Policy:
    """Keep values that `checkpoint_name` gave one of these names."""
    names = frozenset(names_which_can_be_saved)
    return lambda prim, *avals, **params: prim is name_p and params["name"] in names


def save_any_names_but_these(*names_not_to_save: str) -> Policy:
    """Keep values that `checkpoint_name` gave any other name."""
    names = frozenset(names_not_to_save)
    return lambda prim, *avals, **params: prim is name_p and params["name"] not in names


def save_anything_except_these_names(*names_not_to_save: str) -> Policy:
    """Keep all values but those that `checkpoint_name` gave one of these names."""
    names = frozenset(names_not_to_save)
    return lambda prim, *avals, **params: prim is not name_p or params["name"] not in names


def save_from_both_policies(policy_1: Policy, policy_2: Policy) -> Policy:
    """Keep what either policy keeps."""
    return lambda prim, *avals, **params: policy_1(prim, *avals, **params) or policy_2(prim, *avals, **params)
