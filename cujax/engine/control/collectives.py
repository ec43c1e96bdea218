"""Collectives: ops along the named axis of a `vmap` around them.

Inside `vmap(f, axis_name="i")` an op with `axis_name="i"` sees the values of all elements of the batch.
The `BatchTrace` of that axis resolves it: ordinary ops on the batch axis take its place; traces of other
axes pass it on.  Until then it can be recorded, differentiated and transposed like any op.  Every primitive
has one axis; several names are several ops (`cujax/api/collectives.py`).

    psum  pmax  pmin        reduce over the axis; the result is the same for all elements
    ppermute                element perm[k][1] gets the value of element perm[k][0], others zeros
    all_gather              the values of all elements, stacked along a new axis
    psum_scatter            the sum, of which element i gets slice i
    all_to_all              exchanges the named axis and an axis of the operand
    axis_index              the number of the element
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.axis import AxisData
from cujax.engine.core.primitive import NOT_LINEAR, Primitive, Refused, not_fusable
from cujax.engine.ground import dtypes
from cujax.engine.ops.axes import insert_axis, remove_axes, shift_axis
from cujax.engine.ops.constants import NO_OPERANDS, iota, zeros_of
from cujax.engine.ops.elementwise import mul
from cujax.engine.ops.families import ANY, INTEGER, NUMBER, ORDERED
from cujax.engine.ops.indexing import index_take
from cujax.engine.ops.logic import select_n
from cujax.engine.ops.reductions import reduce_max, reduce_min
from cujax.engine.ops.structural import broadcast_in_dim, linear_jvp, move_dim, ndim_of, reduce_sum, shape_of, transpose

Batched = tuple[Any, int | None]


def collective(
    name: str, *, resolve: Callable, pass_on: Callable, doc: str, domain: Any, shape: Callable | None = None,
    jvp: Any = None, transpose: Any,
) -> Primitive:
    """A collective with one operand along one named axis.

    resolve(axis, x, dim, **params): the op on the batch of the named axis itself; `dim` may be None.
    pass_on(axis, x, dim, **params): the op on a batch of another axis, `dim` being there.
    shape(x, **params): shape of the result; that of the operand by default.
    """

    def shape_rule(x: ShapedArray, *, axis_name: Any, **params: Any) -> ShapedArray:
        return x if shape is None else x.update(shape=shape(x, **params))

    def batch(
        axis: AxisData, operands: Sequence[Any], dims: Sequence[int | None], *, axis_name: Any, **params: Any
    ) -> Batched:
        if axis.name == axis_name:
            return resolve(axis, operands[0], dims[0], **params)
        if dims[0] is None:
            return p.bind(*operands, axis_name=axis_name, **params), None
        return pass_on(axis, operands[0], dims[0], axis_name=axis_name, **params)

    def impl(xp: Any, *buffers: Any, axis_name: Any, **params: Any) -> NoReturn:
        raise _unbound(axis_name, name)

    p: Primitive = Primitive(
        name, shape=shape_rule, impl=impl, jvp=linear_jvp(lambda: p) if jvp is None else jvp,
        transpose=transpose, batch=batch, collective=True, doc=doc, domain=domain, family="control",
        cuda=not_fusable("vmap resolves it into ops on the batch axis"),
    )
    return p


def _unbound(axis_name: Any, op: str) -> NameError:
    return NameError(f"unbound axis name: {axis_name!r}. {op} needs a vmap with this axis_name around it.")


def _in_place(primitive: Callable[[], Primitive]) -> Callable:
    """The `pass_on` of an op that keeps the shape of its operand."""
    return lambda axis, x, dim, **params: (primitive().bind(x, **params), dim)


# --- reductions ---------------------------------------------------------------------------------------


def _psum_resolve(axis: AxisData, x: Any, dim: int | None) -> Batched:
    return (mul(x, axis.size) if dim is None else reduce_sum(x, (dim,))), None


psum_p = collective(
    "psum", resolve=_psum_resolve, pass_on=_in_place(lambda: psum_p),
    transpose=lambda ct, x, *, axis_name: (psum_p.bind(ct, axis_name=axis_name),),
    doc="Sum over a named axis.", domain=NUMBER,
)


def _extremum(name: str, reduce: Callable, doc: str) -> Primitive:
    p = collective(
        name, resolve=lambda axis, x, dim: (x if dim is None else reduce(x, (dim,)), None),
        pass_on=_in_place(lambda: p), jvp=Refused("its derivative would depend on which element attains it"),
        transpose=NOT_LINEAR, doc=doc, domain=ORDERED,
    )
    return p


pmax_p = _extremum("pmax", reduce_max, "Greatest value over a named axis.")
pmin_p = _extremum("pmin", reduce_min, "Smallest value over a named axis.")


# --- moves --------------------------------------------------------------------------------------------


def _ppermute_resolve(axis: AxisData, x: Any, dim: int | None, *, perm: tuple) -> Batched:
    batched = move_dim(axis, x, dim, 0)
    sources = {target: source for source, target in perm}
    order = np.array([sources.get(i, 0) for i in range(axis.size)], np.int32)
    moved = index_take(batched, (order,), (0,))
    if len(sources) == axis.size:
        return moved, 0
    reached = np.array([i in sources for i in range(axis.size)])
    return select_n(broadcast_in_dim(reached, shape_of(moved), (0,)), zeros_of(moved.aval), moved), 0


ppermute_p = collective(
    "ppermute", resolve=_ppermute_resolve, pass_on=_in_place(lambda: ppermute_p),
    transpose=lambda ct, x, *, axis_name, perm: (
        ppermute_p.bind(ct, axis_name=axis_name, perm=tuple((t, s) for s, t in perm)),
    ),
    doc="Values sent from element to element along a named axis.", domain=ANY,
)


def _all_gather_resolve(axis: AxisData, x: Any, dim: int | None, *, dimension: int, size: int) -> Batched:
    return move_dim(axis, x, dim, dimension), None


def _all_gather_pass_on(
    axis: AxisData, x: Any, dim: int, *, axis_name: Any, dimension: int, size: int
) -> Batched:
    moved = move_dim(axis, x, dim, 0)
    return all_gather_p.bind(moved, axis_name=axis_name, dimension=dimension + 1, size=size), 0


all_gather_p = collective(
    "all_gather", shape=lambda x, *, dimension, size: insert_axis(x.shape, dimension, size),
    resolve=_all_gather_resolve, pass_on=_all_gather_pass_on,
    transpose=lambda ct, x, *, axis_name, dimension, size: (
        psum_scatter_p.bind(ct, axis_name=axis_name, dimension=dimension, size=size),
    ),
    doc="Values of all elements of a named axis, along a new axis.", domain=ANY,
)


def _psum_scatter_shape(x: ShapedArray, *, dimension: int, size: int) -> tuple[int, ...]:
    if x.shape[dimension] != size:
        raise ValueError(
            f"psum_scatter: axis {dimension} of an operand of shape {x.shape} must have the length of the "
            f"named axis, {size}; with tiled=True a multiple of it."
        )
    return remove_axes(x.shape, (dimension,))


def _psum_scatter_resolve(axis: AxisData, x: Any, dim: int | None, *, dimension: int, size: int) -> Batched:
    return _psum_resolve(axis, x, dim)[0], dimension


def _psum_scatter_pass_on(
    axis: AxisData, x: Any, dim: int, *, axis_name: Any, dimension: int, size: int
) -> Batched:
    moved = move_dim(axis, x, dim, 0)
    return psum_scatter_p.bind(moved, axis_name=axis_name, dimension=dimension + 1, size=size), 0


psum_scatter_p = collective(
    "psum_scatter", shape=_psum_scatter_shape, resolve=_psum_scatter_resolve, pass_on=_psum_scatter_pass_on,
    transpose=lambda ct, x, *, axis_name, dimension, size: (
        all_gather_p.bind(ct, axis_name=axis_name, dimension=dimension, size=size),
    ),
    doc="Sum over a named axis; each element gets one slice.", domain=NUMBER,
)


def _all_to_all_resolve(axis: AxisData, x: Any, dim: int | None, *, dimension: int) -> Batched:
    batched = move_dim(axis, x, dim, 0)
    order = list(range(ndim_of(batched)))
    order[0], order[dimension + 1] = dimension + 1, 0
    return transpose(batched, order), 0


def _all_to_all_pass_on(axis: AxisData, x: Any, dim: int, *, axis_name: Any, dimension: int) -> Batched:
    return all_to_all_p.bind(x, axis_name=axis_name, dimension=shift_axis(dimension, dim)), dim


all_to_all_p = collective(
    "all_to_all", resolve=_all_to_all_resolve, pass_on=_all_to_all_pass_on,
    transpose=lambda ct, x, *, axis_name, dimension: (
        all_to_all_p.bind(ct, axis_name=axis_name, dimension=dimension),
    ),
    doc="The named axis and an axis of the operand, exchanged.", domain=ANY,
)


# --- the number of the element ------------------------------------------------------------------------


def _axis_index_batch(
    axis: AxisData, operands: Sequence[Any], dims: Sequence[Any], *, axis_name: Any
) -> Batched:
    if axis.name == axis_name:
        return iota(dtypes.int32, axis.size), 0
    return axis_index_p.bind(axis_name=axis_name), None


def _axis_index_impl(xp: Any, *, axis_name: Any) -> NoReturn:
    raise _unbound(axis_name, "axis_index")


axis_index_p: Primitive = Primitive(
    "axis_index", shape=lambda *, axis_name: ShapedArray((), dtypes.int32), impl=_axis_index_impl,
    jvp=NO_OPERANDS, transpose=NO_OPERANDS, batch=_axis_index_batch, collective=True,
    cuda=not_fusable("vmap resolves it into an iota"), doc="The number of an element along a named axis.",
    domain=INTEGER, family="control",
)
