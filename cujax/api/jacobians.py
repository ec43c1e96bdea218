"""Whole Jacobians: `jacfwd` pushes the unit tangents forward, `jacrev` pulls the unit cotangents back.

Both push or pull one flat basis in a single batch and cut the result into one block for each pair of an
output leaf and an input leaf; the block of an output of shape s and an input of shape t has shape (*s, *t).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

from cujax.api.differentiable import Auxiliary, Point, Transform, check_callable
from cujax.api.flatten import as_array
from cujax.api.linear_maps import differentiate
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.axis import AxisData
from cujax.engine.core.zero import Zero
from cujax.engine.ground import dtypes
from cujax.engine.ground.source import wraps
from cujax.engine.ops.constants import broadcasted_iota, zeros_of
from cujax.engine.ops.conversion import convert_element_type
from cujax.engine.ops.elementwise import add
from cujax.engine.ops.logic import eq
from cujax.engine.ops.slicing import slice_in_dim
from cujax.engine.ops.structural import move_dim, reshape
from cujax.engine.transforms.batching import batch
from cujax.engine.transforms.jvp import jvp


def jacfwd(
    fun: Callable, argnums: int | Sequence[int] = 0, has_aux: bool = False, holomorphic: bool = False
) -> Callable:
    """A function with the arguments of `fun` that returns its Jacobian, computed column by column.

    The better choice where `fun` has more outputs than inputs.  The result has the structure of the output,
    each leaf replaced by the structure of the argument (a tuple of them for a sequence `argnums`), and leaves
    of shape (*output shape, *argument shape).  With `has_aux`: (Jacobian, auxiliary data).

    TypeError for inputs that are not real, or not complex with `holomorphic`.
    """
    check_callable("jacfwd", fun)
    transform = Transform("jacfwd", holomorphic, complex_inputs=False)

    @wraps(fun)
    def jacfwd_f(*args: Any, **kwargs: Any) -> Any:
        auxiliary = Auxiliary(fun) if has_aux else None
        point = Point(transform, fun, args, kwargs, argnums, auxiliary)
        jacobian = _tree_of_blocks(point, _columns(transform, point))
        return (jacobian, auxiliary.value) if auxiliary else jacobian

    return jacfwd_f


def jacrev(
    fun: Callable,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
) -> Callable:
    """A function with the arguments of `fun` that returns its Jacobian, computed row by row.

    The better choice where `fun` has more inputs than outputs.  Result as for `jacfwd`.

    TypeError for outputs that are not real, or not complex with `holomorphic`, and for integer inputs
    without `allow_int`.
    """
    check_callable("jacrev", fun)
    transform = Transform("jacrev", holomorphic, allow_int)

    @wraps(fun)
    def jacrev_f(*args: Any, **kwargs: Any) -> Any:
        auxiliary = Auxiliary(fun) if has_aux else None
        point = Point(transform, fun, args, kwargs, argnums, auxiliary)
        jacobian = _tree_of_blocks(point, _rows(transform, point))
        return (jacobian, auxiliary.value) if auxiliary else jacobian

    return jacrev_f


jacobian = jacrev


def hessian(
    fun: Callable, argnums: int | Sequence[int] = 0, has_aux: bool = False, holomorphic: bool = False
) -> Callable:
    """A function with the arguments of `fun` that returns its matrix of second derivatives.

    `jacfwd(jacrev(fun))`: the structure of the argument twice, inside that of the output.
    """
    first = jacrev(fun, argnums, has_aux, holomorphic)
    return jacfwd(first, argnums, has_aux, holomorphic)


Blocks = list[list[Any]]  # for each output leaf, for each input leaf


def _columns(transform: Transform, point: Point) -> Blocks:
    """The blocks, from the tangents of the outputs along all unit vectors."""
    out_avals: list[ShapedArray] = []

    def push(*tangents: Any) -> list[Any]:
        outs, t_outs = jvp(point.flat, point.primals, tangents)
        out_avals.extend(as_array(o).aval for o in outs)
        return t_outs

    axis = AxisData(None, sum(a.size for a in point.avals))
    basis = _unit_vectors(point.avals)
    t_outs, dims = batch(push, axis, basis, [0] * len(basis))
    if transform.holomorphic:
        for aval in out_avals:
            transform.check_output(point.fun, aval)
    return [_cut_columns(axis, *out, point.avals) for out in zip(t_outs, dims, out_avals, strict=True)]


def _cut_columns(
    axis: AxisData, tangent: Any, dim: int | None, out: ShapedArray, inputs: Sequence[ShapedArray]
) -> list[Any]:
    shapes = [(*out.shape, *a.shape) for a in inputs]
    if type(tangent) is Zero:
        return [zeros_of(out.update(shape=shape)) for shape in shapes]
    columns = move_dim(axis, tangent, dim, len(out.shape))
    return _cut(columns, len(out.shape), [a.size for a in inputs], shapes)


def _rows(transform: Transform, point: Point) -> Blocks:
    """The blocks, from the cotangents of the inputs for all unit vectors."""
    outs, derivative, residuals = differentiate(point)
    out_avals = [o.aval for o in outs]
    for aval in out_avals:
        transform.check_output(point.fun, aval)
    axis = AxisData(None, sum(a.size for a in out_avals))
    basis = _unit_vectors(out_avals)
    cts, dims = batch(lambda *unit: derivative.pull_back(residuals, unit), axis, basis, [0] * len(basis))
    by_input = [_cut_rows(axis, *ct, out_avals) for ct in zip(cts, dims, point.avals, strict=True)]
    return [list(row) for row in zip(*by_input, strict=True)] if by_input else [[] for _ in out_avals]


def _cut_rows(
    axis: AxisData, ct: Any, dim: int | None, primal: ShapedArray, outs: Sequence[ShapedArray]
) -> list[Any]:
    shapes = [(*a.shape, *primal.shape) for a in outs]
    if not dtypes.is_inexact(primal.dtype):
        return [zeros_of(primal.update(shape=shape)) for shape in shapes]
    return _cut(move_dim(axis, ct, dim, 0), 0, [a.size for a in outs], shapes)


def _cut(x: Any, axis: int, sizes: Sequence[int], shapes: Sequence[tuple[int, ...]]) -> list[Any]:
    """Consecutive pieces of `x` along `axis`, of the given sizes and in the given shapes."""
    ends = list(accumulate(sizes))
    return [
        reshape(slice_in_dim(x, end - size, end, axis=axis), shape)
        for end, size, shape in zip(ends, sizes, shapes, strict=True)
    ]


def _unit_vectors(avals: Sequence[ShapedArray]) -> list[Any]:
    """The rows of an identity matrix as long as all `avals` together, cut into arrays (rows, *shape)."""
    total = sum(a.size for a in avals)
    ends = accumulate(a.size for a in avals)
    return [_unit_block(total, end - a.size, a) for end, a in zip(ends, avals, strict=True)]


def _unit_block(total: int, start: int, aval: ShapedArray) -> Any:
    shape = (total, aval.size)
    column = add(broadcasted_iota("int32", shape, 1), start)
    ones_on_diagonal = eq(broadcasted_iota("int32", shape, 0), column)
    return reshape(convert_element_type(ones_on_diagonal, aval.dtype, aval.weak_type), (total, *aval.shape))


def _tree_of_blocks(point: Point, blocks: Blocks) -> Any:
    return point.flat.out_tree.unflatten([point.like_arguments(row) for row in blocks])
