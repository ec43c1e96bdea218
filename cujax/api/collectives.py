"""Collectives: functions that see the values of all elements of a `vmap` with an `axis_name`.

    vmap(lambda x: x / lax.psum(x, "i"), axis_name="i")(weights)

Operands are pytrees.  `axis_name` is a name or a tuple of names, of nested `vmap`s; several names count as
one axis, the last of them running fastest.  All functions raise NameError for a name that no `vmap` around
the call has, and NotImplementedError for `axis_index_groups`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from cujax.api.flatten import as_array
from cujax.engine.control.collectives import (
    all_gather_p,
    all_to_all_p,
    axis_index_p,
    pmax_p,
    pmin_p,
    ppermute_p,
    psum_p,
    psum_scatter_p,
)
from cujax.engine.core import context
from cujax.engine.core.trace import Tracer
from cujax.engine.ground import dtypes, pytree
from cujax.engine.ops.axes import canonical_axis, moved_axes
from cujax.engine.ops.conversion import convert_element_type
from cujax.engine.ops.elementwise import add, div, mul
from cujax.engine.ops.slicing import index_in_dim
from cujax.engine.ops.structural import reshape, transpose

AxisName = Any


def axis_size(axis_name: AxisName) -> int:
    """Length of a named axis (the product of those of several), a Python int."""
    return prod(context.axis_size(n) for n in _names(axis_name))


def axis_index(axis_name: AxisName) -> Any:
    """Number of the element along a named axis, an int32 scalar."""
    index: Any = None
    for name in _names(axis_name):
        size = context.axis_size(name)
        own = axis_index_p.bind(axis_name=name)
        index = own if index is None else add(mul(index, size), own)
    return index


# --- reductions ---------------------------------------------------------------------------------------


def psum(x: Any, axis_name: AxisName, *, axis_index_groups: Any = None) -> Any:
    """Sum over the elements; booleans are counted.

    A value that is no tracer is multiplied by the length of the axis: `psum(1, "i")` is that length, an int.
    """
    _refuse_groups("psum", axis_index_groups)
    size = axis_size(axis_name)
    return pytree.map(lambda leaf: _psum_leaf(leaf, axis_name, size), x)


def _psum_leaf(leaf: Any, axis_name: AxisName, size: int) -> Any:
    if type(leaf) in dtypes.PYTHON_SCALARS:
        return leaf * size
    value = as_array(leaf)
    if dtypes.is_bool(value.dtype):
        value = convert_element_type(value, dtypes.int32)
    return _reduce(psum_p, value, axis_name) if isinstance(value, Tracer) else mul(value, size)


def pmean(x: Any, axis_name: AxisName, *, axis_index_groups: Any = None) -> Any:
    """Mean over the elements."""
    total = psum(x, axis_name, axis_index_groups=axis_index_groups)
    size = axis_size(axis_name)
    return pytree.map(lambda leaf: _divide(leaf, size), total)


def _divide(total: Any, size: int) -> Any:
    if type(total) in dtypes.PYTHON_SCALARS:
        return total / size
    dtype = dtypes.canonicalize(dtypes.to_inexact(total.dtype))
    return div(convert_element_type(total, dtype, total.weak_type), size)


def pmax(x: Any, axis_name: AxisName, *, axis_index_groups: Any = None) -> Any:
    """Greatest value among the elements.  It has no derivative."""
    _refuse_groups("pmax", axis_index_groups)
    return pytree.map(lambda leaf: _reduce(pmax_p, as_array(leaf), axis_name), x)


def pmin(x: Any, axis_name: AxisName, *, axis_index_groups: Any = None) -> Any:
    """Smallest value among the elements.  It has no derivative."""
    _refuse_groups("pmin", axis_index_groups)
    return pytree.map(lambda leaf: _reduce(pmin_p, as_array(leaf), axis_name), x)


def _reduce(primitive: Any, value: Any, axis_name: AxisName) -> Any:
    for name in _names(axis_name):
        context.axis_size(name)
        value = primitive.bind(value, axis_name=name)
    return value


# --- moves --------------------------------------------------------------------------------------------


def all_gather(
    x: Any, axis_name: AxisName, *, axis_index_groups: Any = None, axis: int = 0, tiled: bool = False
) -> Any:
    """Values of all elements, stacked along a new axis at `axis`; with `tiled` joined along the one there."""
    _refuse_groups("all_gather", axis_index_groups)
    names, size = _names(axis_name), axis_size(axis_name)

    def gather(leaf: Any) -> Any:
        out = as_array(leaf)
        at = canonical_axis(axis, out.ndim + (not tiled))
        shape = out.shape
        for name in reversed(names):
            out = all_gather_p.bind(out, axis_name=name, dimension=at, size=context.axis_size(name))
        joined = (size * shape[at],) if tiled else (size, *shape[at : at + 1])
        return reshape(out, (*shape[:at], *joined, *shape[at + 1 :]))

    return pytree.map(gather, x)


def psum_scatter(
    x: Any,
    axis_name: AxisName,
    *,
    scatter_dimension: int = 0,
    axis_index_groups: Any = None,
    tiled: bool = False,
) -> Any:
    """The sum over the elements, of which element i gets slice i along `scatter_dimension`.

    That axis has the length of the named axis and is removed; with `tiled` it has a multiple of it, and each
    element gets a block.  ValueError for another length.
    """
    _refuse_groups("psum_scatter", axis_index_groups)
    names, size = _names(axis_name), axis_size(axis_name)

    def scatter(leaf: Any) -> Any:
        value = as_array(leaf)
        at = canonical_axis(scatter_dimension, value.ndim)
        out = _divided("psum_scatter", value, at, names, size, tiled)
        for name in names:
            out = psum_scatter_p.bind(out, axis_name=name, dimension=at, size=context.axis_size(name))
        return out

    return pytree.map(scatter, x)


def all_to_all(
    x: Any,
    axis_name: AxisName,
    split_axis: int,
    concat_axis: int,
    *,
    axis_index_groups: Any = None,
    tiled: bool = False,
) -> Any:
    """Element i gets slice i along `split_axis` of every element, stacked along a new axis at `concat_axis`.

    The split axis has the length of the named axis and is removed; with `tiled` it has a multiple of it, and
    blocks are joined along `concat_axis`.  ValueError for another length.
    """
    _refuse_groups("all_to_all", axis_index_groups)
    names, size = _names(axis_name), axis_size(axis_name)

    def exchange(leaf: Any) -> Any:
        value = as_array(leaf)
        split = canonical_axis(split_axis, value.ndim)
        concat = canonical_axis(concat_axis, value.ndim)
        out = _divided("all_to_all", value, split, names, size, tiled)
        for i, name in enumerate(names):
            out = all_to_all_p.bind(out, axis_name=name, dimension=split + i)
        out = reshape(out, (*out.shape[:split], size, *out.shape[split + len(names) :]))
        out = transpose(out, moved_axes(out.ndim, split, concat))
        if not tiled:
            return out
        return reshape(out, (*out.shape[:concat], size * out.shape[concat + 1], *out.shape[concat + 2 :]))

    return pytree.map(exchange, x)


def _divided(what: str, x: Any, axis: int, names: Sequence[Any], size: int, tiled: bool) -> Any:
    """`x` with `axis` divided into one axis for each name and, with `tiled`, what is left."""
    length = x.shape[axis]
    if length % size if tiled else length != size:
        raise ValueError(
            f"{what}: axis {axis} of an operand of shape {x.shape} must have "
            f"{'a multiple of ' if tiled else ''}the length of the named axis {names}, {size}."
        )
    sizes = [context.axis_size(n) for n in names]
    rest = (length // size,) if tiled else ()
    return reshape(x, (*x.shape[:axis], *sizes, *rest, *x.shape[axis + 1 :]))


def ppermute(x: Any, axis_name: AxisName, perm: Sequence[tuple[int, int]]) -> Any:
    """Element `target` gets the value of element `source` for each pair (source, target) of `perm`.

    Elements that are no target get zeros.  ValueError when a source or a target stands in two pairs, or is no
    element.
    """
    size = axis_size(axis_name)
    pairs = tuple((int(s), int(t)) for s, t in perm)
    for what, ends in zip(("sources", "targets"), zip(*pairs, strict=True), strict=False):
        if len(set(ends)) != len(ends) or not all(0 <= e < size for e in ends):
            raise ValueError(f"ppermute: {what} {list(ends)} must be distinct numbers below {size}.")
    return pytree.map(lambda leaf: _permute(as_array(leaf), _names(axis_name), pairs), x)


def _permute(value: Any, names: Sequence[Any], pairs: tuple) -> Any:
    if len(names) == 1:
        return ppermute_p.bind(value, axis_name=names[0], perm=pairs)
    raise NotImplementedError(f"ppermute along several axes, {names}: permute along one after the other.")


def pshuffle(x: Any, axis_name: AxisName, perm: Sequence[int]) -> Any:
    """Element i gets the value of element `perm[i]`.  ValueError when `perm` is no permutation."""
    if sorted(perm) != list(range(axis_size(axis_name))):
        raise ValueError(f"`perm` does not represent a permutation: {perm}")
    return ppermute(x, axis_name, [(source, i) for i, source in enumerate(perm)])


def pswapaxes(x: Any, axis_name: AxisName, axis: int, *, axis_index_groups: Any = None) -> Any:
    """The named axis and `axis` exchanged: `all_to_all(x, axis_name, axis, axis)`."""
    return all_to_all(x, axis_name, axis, axis, axis_index_groups=axis_index_groups)


def pbroadcast(x: Any, axis_name: AxisName, source: int) -> Any:
    """The value of element `source`, for all."""
    gathered = all_gather(x, axis_name)
    return pytree.map(lambda leaf: index_in_dim(leaf, source, 0, keepdims=False), gathered)


# --- names --------------------------------------------------------------------------------------------


def _names(axis_name: AxisName) -> tuple[Any, ...]:
    return tuple(axis_name) if isinstance(axis_name, (tuple, list)) else (axis_name,)


def _refuse_groups(what: str, groups: Any) -> None:
    if groups is not None:
        raise NotImplementedError(f"{what}: axis_index_groups are not supported in vmap collectives")
