"""Products of arrays: `dot_general`, the sum over products that every matrix product, `tensordot` and
`einsum` comes down to.

`dimension_numbers` is `((lhs_contracting, rhs_contracting), (lhs_batch, rhs_batch))`, tuples of axes.  The
result has the batch axes, then the free axes of lhs, then those of rhs, each in its operand's order.  With b
the batch axes, m and n the free axes and k the contracted ones:

    out[b, m, n] = sum over k of lhs[b, m, k] * rhs[b, k, n]

`_Axes` names these groups for one equation; each rule is a statement about them.  `impl` brings the operands
to that form with views where strides allow it (a plain product, or one with a transposed operand, goes to
BLAS without a copy) and calls `xp.matmul` once.  float16 and bfloat16 are summed in float32.

Start reading at `_Axes`, then `_impl`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.axis import AxisData
from cujax.engine.core.primitive import LaneMap, Primitive, RunningSum, SumMap, not_fusable
from cujax.engine.core.trace import aval_of
from cujax.engine.core.zero import Zero, is_linear, is_zero
from cujax.engine.ground import dtypes
from cujax.engine.ops import axes as ax
from cujax.engine.ops.conversion import convert_element_type, convert_element_type_p
from cujax.engine.ops.elementwise import mul
from cujax.engine.ops.families import NUMERIC
from cujax.engine.ops.precision import (
    PrecisionLike,
    canonical_element_type,
    canonical_precision,
    is_narrower,
    product_dtype,
    sum_and_result_dtype,
)
from cujax.engine.ops.structural import add_tangents, broadcast_in_dim, ndim_of, placed, reduce_sum, transpose

DotDimensionNumbers = tuple[tuple[Sequence[int], Sequence[int]], tuple[Sequence[int], Sequence[int]]]


class _Axes(NamedTuple):
    """The axes of both operands by role; `x_contract[i]` is summed with `y_contract[i]`, batch likewise."""

    x_batch: tuple[int, ...]
    x_free: tuple[int, ...]
    x_contract: tuple[int, ...]
    y_batch: tuple[int, ...]
    y_free: tuple[int, ...]
    y_contract: tuple[int, ...]


@lru_cache(maxsize=4096)
def _axes_of(x_ndim: int, y_ndim: int, dimension_numbers: Any) -> _Axes:
    (x_contract, y_contract), (x_batch, y_batch) = dimension_numbers
    return _Axes(
        x_batch, ax.other_axes(x_ndim, x_contract + x_batch), x_contract,
        y_batch, ax.other_axes(y_ndim, y_contract + y_batch), y_contract,
    )


def _take(shape: Sequence[int], axes: Sequence[int]) -> tuple[int, ...]:
    return tuple(shape[a] for a in axes)


def _shape(
    x: ShapedArray, y: ShapedArray, *, dimension_numbers: Any, precision: Any, preferred_element_type: Any
) -> ShapedArray:
    (x_contract, y_contract), (x_batch, y_batch) = dimension_numbers
    _check_axes("lhs", x, x_batch, x_contract)
    _check_axes("rhs", y, y_batch, y_contract)
    _check_pairs("contracting", x, y, x_contract, y_contract)
    _check_pairs("batch", x, y, x_batch, y_batch)
    axes = _axes_of(x.ndim, y.ndim, dimension_numbers)
    shape = (*_take(x.shape, x_batch), *_take(x.shape, axes.x_free), *_take(y.shape, axes.y_free))
    dtype = _result_dtype(x, y, preferred_element_type)
    return ShapedArray(shape, dtype, preferred_element_type is None and x.weak_type and y.weak_type)


def _check_axes(side: str, aval: ShapedArray, batch: tuple, contract: tuple) -> None:
    for role, axes in (("batch", batch), ("contracting", contract)):
        if any(not 0 <= a < aval.ndim for a in axes):
            raise TypeError(
                f"dot_general requires {side} {role} dimensions to be axes of {side}, 0 to its rank less "
                f"one; got {axes} for {side} of shape {aval.shape}"
            )
        if len(set(axes)) != len(axes):
            raise TypeError(f"dot_general requires {side} {role} dimensions to be distinct, got {axes}")
    if set(batch) & set(contract):
        raise TypeError(
            f"dot_general requires {side} batch dimensions to be disjoint from contracting dimensions, got "
            f"{side} batch {batch} and {side} contracting {contract}"
        )


def _check_pairs(role: str, x: ShapedArray, y: ShapedArray, x_axes: tuple, y_axes: tuple) -> None:
    if len(x_axes) != len(y_axes):
        raise TypeError(
            f"dot_general requires as many lhs as rhs {role} dimensions, got {x_axes} of lhs and "
            f"{y_axes} of rhs"
        )
    if _take(x.shape, x_axes) != _take(y.shape, y_axes):
        raise TypeError(
            f"dot_general requires {role} dimensions to have the same lengths on both sides, got lengths "
            f"{_take(x.shape, x_axes)} at axes {x_axes} of lhs with shape {x.shape}, and "
            f"{_take(y.shape, y_axes)} at axes {y_axes} of rhs with shape {y.shape}"
        )


def _result_dtype(x: ShapedArray, y: ShapedArray, preferred: Any) -> Any:
    if x.dtype not in NUMERIC or y.dtype not in NUMERIC:
        raise TypeError(f"dot_general does not accept dtypes {x.dtype} and {y.dtype}; it multiplies numbers")
    dtype = product_dtype(x.dtype, y.dtype)
    if preferred is None:
        return dtype
    if not dtypes.is_float(dtype) and is_narrower(preferred, dtype):
        raise TypeError(
            f"dot_general: preferred_element_type must not be narrower than the operands; got {preferred} "
            f"for a product of {x.dtype} and {y.dtype}. Convert the result instead: "
            f"dot_general(...).astype('{preferred}')"
        )
    return preferred


class _Plan(NamedTuple):
    """How operands come to `matmul`: permutations (None where in order), shapes; the result's shape there and here."""

    x_order: tuple[int, ...] | None
    x_shape: tuple[int, ...]
    y_order: tuple[int, ...] | None
    y_shape: tuple[int, ...]
    product_shape: tuple[int, ...]
    out_shape: tuple[int, ...]
    depth: int


@lru_cache(maxsize=4096)
def _plan(x_shape: tuple, y_shape: tuple, dimension_numbers: Any) -> _Plan:
    axes = _axes_of(len(x_shape), len(y_shape), dimension_numbers)
    # The order of the sums is free: that of the larger operand lets its axes be merged without a copy.
    leading = axes.x_contract if prod(x_shape) >= prod(y_shape) else axes.y_contract
    order = sorted(range(len(leading)), key=leading.__getitem__)
    x_contract, y_contract = _take(axes.x_contract, order), _take(axes.y_contract, order)
    batch, m, n = _take(x_shape, axes.x_batch), _take(x_shape, axes.x_free), _take(y_shape, axes.y_free)
    depth = prod(_take(x_shape, x_contract))
    return _Plan(
        _unless_sorted(axes.x_batch + axes.x_free + x_contract), (*batch, prod(m), depth),
        _unless_sorted(axes.y_batch + y_contract + axes.y_free), (*batch, depth, prod(n)),
        (*batch, prod(m), prod(n)), (*batch, *m, *n), depth,
    )


def _unless_sorted(permutation: tuple[int, ...]) -> tuple[int, ...] | None:
    return None if permutation == tuple(range(len(permutation))) else permutation


def _impl(
    xp: Any, x: Any, y: Any, *, dimension_numbers: Any, precision: Any, preferred_element_type: Any, out: Any = None
) -> Any:
    work, out_dtype = sum_and_result_dtype(x.dtype, y.dtype, preferred_element_type)
    plan = _plan(x.shape, y.shape, dimension_numbers)
    x = _arranged(xp, x, work, plan.x_order, plan.x_shape)
    y = _arranged(xp, y, work, plan.y_order, plan.y_shape)
    multiply = xp.multiply if plan.depth == 1 else xp.matmul
    if out is not None and work == out_dtype:
        multiply(x, y, out=out.reshape(plan.product_shape))
        return out
    found = multiply(x, y)
    if plan.product_shape != plan.out_shape:
        found = found.reshape(plan.out_shape)
    if work != out_dtype:
        found = convert_element_type_p.rule("impl")(xp, found, new_dtype=out_dtype, weak_type=False)
    return placed(xp, found, out)


def _arranged(xp: Any, x: Any, dtype: Any, order: tuple[int, ...] | None, shape: tuple[int, ...]) -> Any:
    """An operand as `matmul` takes it; nothing is done where it is so."""
    if x.dtype != dtype:
        x = xp.asarray(x, dtype)
    if order is not None:
        x = x.transpose(order)
    return x if x.shape == shape else x.reshape(shape)


def bilinear_jvp(primitive: Any) -> Any:
    """The jvp of an op that is linear in each of its two operands."""

    def rule(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> tuple[Any, Any]:
        (x, y), (tx, ty) = primals, tangents
        out = primitive().bind(x, y, **params)
        total: Any = Zero(aval_of(out).to_tangent_aval())
        if total.aval.dtype == dtypes.float0:
            return out, total
        if not is_zero(tx):
            total = primitive().bind(tx, y, **params)
        if not is_zero(ty):
            total = add_tangents(total, primitive().bind(x, ty, **params))
        return out, total

    return rule


def _transpose(ct: Any, x: Any, y: Any, *, dimension_numbers: Any, **params: Any) -> tuple:
    axes = _axes_of(x.ndim, y.ndim, dimension_numbers)
    if is_linear(x):
        return _transpose_lhs(ct, x.aval, y, axes, params), None
    swapped = _Axes(*axes[3:], *axes[:3])
    return None, _transpose_lhs(_swap_free(ct, axes), y.aval, x, swapped, params)


def _swap_free(ct: Any, axes: _Axes) -> Any:
    """The cotangent with the free axes of rhs before those of lhs."""
    b, m, n = len(axes.x_batch), len(axes.x_free), len(axes.y_free)
    return transpose(ct, (*range(b), *range(b + m, b + m + n), *range(b, b + m)))


def _transpose_lhs(ct: Any, x: ShapedArray, y: Any, axes: _Axes, params: dict[str, Any]) -> Any:
    """ct[b, m, n] times y[b, k, n], summed over n: axes b, m, k, which are then put in the order of x."""
    b, m = len(axes.x_batch), len(axes.x_free)
    summed = tuple(range(b + m, ndim_of(ct)))
    found = dot_general_p.bind(
        ct, y, dimension_numbers=((summed, axes.y_free), (tuple(range(b)), axes.y_batch)), **params
    )
    order = sorted(range(len(axes.y_contract)), key=axes.y_contract.__getitem__)
    places = axes.x_batch + axes.x_free + _take(axes.x_contract, order)
    return convert_element_type(transpose(found, ax.inverse_permutation(places)), x.dtype)


def _batch(
    axis: AxisData,
    operands: Sequence[Any],
    dims: Sequence[int | None],
    *,
    dimension_numbers: Any,
    **params: Any,
) -> tuple[Any, int]:
    """A batch of both operands is a further batch axis; a batch of one is a further free axis of that one."""
    (x, y), (dx, dy) = operands, dims
    (x_contract, y_contract), (x_batch, y_batch) = dimension_numbers
    x_contract, x_batch = _shifted(x_contract, dx), _shifted(x_batch, dx)
    y_contract, y_batch = _shifted(y_contract, dy), _shifted(y_batch, dy)
    if dx is not None and dy is not None:
        x_batch, y_batch, dim = (dx, *x_batch), (dy, *y_batch), 0
    elif dx is not None:
        dim = len(x_batch) + ax.dim_after_removing(dx, x_batch + x_contract)
    else:
        assert dy is not None
        x_free = ndim_of(x) - len(x_contract)  # counts the batch axes too
        dim = x_free + ax.dim_after_removing(dy, y_batch + y_contract)
    numbers = ((x_contract, y_contract), (x_batch, y_batch))
    return dot_general_p.bind(x, y, dimension_numbers=numbers, **params), dim


def _shifted(axes: tuple[int, ...], dim: int | None) -> tuple[int, ...]:
    return axes if dim is None else ax.shift_axes(axes, dim)


def _lane_axes(x: ShapedArray, y: ShapedArray, *, dimension_numbers: Any, **params: Any) -> list[tuple]:
    axes = _axes_of(x.ndim, y.ndim, dimension_numbers)
    first, b = len(axes.x_batch), len(axes.x_batch) + len(axes.x_free)
    return [
        *[(0, operand, a, k) for operand, own in ((0, axes.x_batch), (1, axes.y_batch)) for k, a in enumerate(own)],
        *[(0, 0, a, first + k) for k, a in enumerate(axes.x_free)],
        *[(0, 1, a, b + k) for k, a in enumerate(axes.y_free)],
    ]


def _lane_element(e: Any, index: tuple, *avals: ShapedArray, **params: Any) -> Any:
    """The products one after the other, in the dtype in which `impl` sums them."""
    total = None
    for number in range(_number_of_products(*avals, **params)):
        term = _product(e, index, number, *avals, **params)
        total = term if total is None else e.add(total, term)
    return _from_products(e, total, *avals, **params)


def _number_of_products(x: ShapedArray, y: ShapedArray, *, dimension_numbers: Any, **_: Any) -> int:
    return prod(_take(x.shape, dimension_numbers[0][0]))


def _product(
    e: Any, index: tuple, number: Any, x: ShapedArray, y: ShapedArray, *, dimension_numbers: Any,
    preferred_element_type: Any, **_: Any,
) -> Any:
    """The term at the row-major place `number` of the contracted axes."""
    axes = _axes_of(x.ndim, y.ndim, dimension_numbers)
    first, b = len(axes.x_batch), len(axes.x_batch) + len(axes.x_free)
    dtype, _ = sum_and_result_dtype(x.dtype, y.dtype, preferred_element_type)
    place = ax.unravel(number, _take(x.shape, axes.x_contract))
    of_x = dict(zip((*axes.x_batch, *axes.x_free, *axes.x_contract), (*index[:b], *place), strict=True))
    index_y = (*index[:first], *index[b:], *place)
    of_y = dict(zip((*axes.y_batch, *axes.y_free, *axes.y_contract), index_y, strict=True))
    return e.multiply(*[e.convert(e.read(k, [of[a] for a in sorted(of)]), dtype) for k, of in enumerate((of_x, of_y))])


def _from_products(
    e: Any, total: Any, x: ShapedArray, y: ShapedArray, *, preferred_element_type: Any, **_: Any
) -> Any:
    _, out = sum_and_result_dtype(x.dtype, y.dtype, preferred_element_type)
    return e.value(0, out) if total is None else e.convert(total, out)


# Small products are kernels, which are fused with what makes their operands and reads their results; a library takes
# longer to begin.  Sums of few terms are written out where they are needed, others are reductions.
_FEW = 4  # rows, columns or terms, with which a product is hardly more than reading and writing
_SHORT = 16  # terms of an element that are written out
_SMALL = 1 << 10  # terms in all
_SMALL_ROWS = 1 << 13  # the same with a vector
_MANY = 1024  # elements of a product without a sum


class _Extents(NamedTuple):
    """How many indices there are of each kind, and `terms` of each element."""

    batch: int
    m: int
    n: int
    terms: int

    @property
    def all_terms(self) -> int:
        return self.batch * self.m * self.n * self.terms


def _extents(x: ShapedArray, y: ShapedArray, dimension_numbers: Any) -> _Extents:
    axes = _axes_of(x.ndim, y.ndim, dimension_numbers)
    own = ((x, axes.x_batch), (x, axes.x_free), (y, axes.y_free), (x, axes.x_contract))
    return _Extents(*[prod(_take(a.shape, some)) for a, some in own])


def _terms(x: ShapedArray, y: ShapedArray, *, dimension_numbers: Any, **params: Any) -> int | None:
    """How many products make an element, None where they are not written out."""
    found = _extents(x, y, dimension_numbers)
    if found.terms == 1:
        is_short = found.batch * found.m * found.n >= _MANY or max(found.m, found.n) <= _FEW
    else:
        is_short = found.terms <= _SHORT and (found.all_terms <= _SMALL or min(found[1:]) <= _FEW)
    return found.terms if is_short and found.terms else None


def _parts(
    x: ShapedArray, y: ShapedArray, *, language: str, dimension_numbers: Any, preferred_element_type: Any, **params: Any
) -> Callable[[Any, Any], Any] | None:
    """A function that sums products, where a library is no faster."""
    found = _extents(x, y, dimension_numbers)
    most = _SMALL_ROWS if min(found.m, found.n) == 1 else _SMALL
    is_small = found.m == found.n == 1 or found.all_terms <= most
    is_of_library = not all(map(_is_of_kernels, (x.dtype, y.dtype)))
    if is_of_library or not (is_small and found.terms) or _terms(x, y, dimension_numbers=dimension_numbers) is not None:
        return None
    axes = _axes_of(x.ndim, y.ndim, dimension_numbers)
    batch, m, n = (_take(a.shape, own) for a, own in ((x, axes.x_batch), (x, axes.x_free), (y, axes.y_free)))
    shape = (*batch, *m, *n, *_take(x.shape, axes.x_contract))
    b, of_n, k = len(batch), len(batch) + len(m), len(batch) + len(m) + len(n)
    work, out = sum_and_result_dtype(x.dtype, y.dtype, preferred_element_type)

    def sums(x: Any, y: Any) -> Any:
        x = transpose(convert_element_type(x, work), (*axes.x_batch, *axes.x_free, *axes.x_contract))
        y = transpose(convert_element_type(y, work), (*axes.y_batch, *axes.y_free, *axes.y_contract))
        left = broadcast_in_dim(x, shape, (*range(of_n), *range(k, len(shape))))
        right = broadcast_in_dim(y, shape, (*range(b), *range(of_n, len(shape))))
        return convert_element_type(reduce_sum(mul(left, right), tuple(range(k, len(shape)))), out)

    return sums


def _is_of_kernels(dtype: Any) -> bool:
    """Not numbers of 8 or 4 bits that NumPy has not."""
    return dtype.itemsize > 1 or dtype.kind in "bui"


_LANE_MAP = LaneMap(_lane_axes, _lane_element, sum=RunningSum(_number_of_products, _product, _from_products))

dot_general_p: Primitive = Primitive(
    "dot_general", shape=_shape, impl=_impl, jvp=bilinear_jvp(lambda: dot_general_p), transpose=_transpose,
    batch=_batch, cuda=not_fusable("it is a call of BLAS"), lane_map=_LANE_MAP,
    sum_map=SumMap(_terms, _lane_element), parts=_parts, domain=NUMERIC, family="contraction", writes_out=True,
    doc="Sum of products over contracted axes, for each index of the batch axes.",
)


def dot_general(
    lhs: Any,
    rhs: Any,
    dimension_numbers: DotDimensionNumbers,
    precision: PrecisionLike = None,
    preferred_element_type: Any = None,
    *,
    out_sharding: Any = None,
) -> Any:
    """The general product: a sum over pairs of contracted axes, for each index of the batch axes.

    `dimension_numbers` is `((lhs_contracting, rhs_contracting), (lhs_batch, rhs_batch))`.  The result has
    the batch axes, the free axes of `lhs`, then those of `rhs`; its dtype is `preferred_element_type`, or the
    wider dtype of the operands.  `precision` is a lower bound; `out_sharding` is accepted and without effect.

    TypeError when axes are out of range, repeated or of different lengths, or when the preferred type of
    integers or complex numbers is narrower than theirs.  ValueError for an unknown precision.
    """
    (x_contract, y_contract), (x_batch, y_batch) = dimension_numbers
    numbers = ((_ints(x_contract), _ints(y_contract)), (_ints(x_batch), _ints(y_batch)))
    return contract(lhs, rhs, numbers, precision, canonical_element_type(preferred_element_type))


def contract(lhs: Any, rhs: Any, dimension_numbers: Any, precision: Any, preferred_element_type: Any) -> Any:
    """`dot_general` of arguments that are as the primitive wants them: tuples of ints, a dtype or None."""
    return dot_general_p.bind(
        lhs, rhs, dimension_numbers=dimension_numbers, precision=canonical_precision(precision),
        preferred_element_type=preferred_element_type,
    )


def _ints(axes: Sequence[Any]) -> tuple[int, ...]:
    return tuple([a.__index__() for a in axes])


def dot(
    lhs: Any,
    rhs: Any,
    *,
    dimension_numbers: DotDimensionNumbers | None = None,
    precision: PrecisionLike = None,
    preferred_element_type: Any = None,
    out_sharding: Any = None,
) -> Any:
    """The product of vectors and matrices: the last axis of `lhs` with the first of `rhs`.

    With `dimension_numbers` it is `dot_general`.  ValueError when an operand has another rank than 1 or 2, or
    when the lengths differ.
    """
    if dimension_numbers is None:
        x, y = aval_of(lhs).shape, aval_of(rhs).shape
        if not (1 <= len(x) <= 2 and 1 <= len(y) <= 2 and x[-1] == y[0]):
            raise ValueError(
                f"lax.dot multiplies vectors and matrices, the last axis of lhs with the first of rhs; got "
                f"lhs of shape {x} and rhs of shape {y}. For other products give dimension_numbers, or use "
                f"jnp.matmul."
            )
        dimension_numbers = (((len(x) - 1,), (0,)), ((), ()))
        preferred_element_type = canonical_element_type(preferred_element_type)
        return contract(lhs, rhs, dimension_numbers, precision, preferred_element_type)
    return dot_general(lhs, rhs, dimension_numbers, precision, preferred_element_type)


def batch_matmul(lhs: Any, rhs: Any, precision: PrecisionLike = None) -> Any:
    """Matrix products over the last two axes, for each index of the leading axes, which must agree.

    ValueError when the ranks differ or are below 2, TypeError when lengths differ.
    """
    x, y = ndim_of(lhs), ndim_of(rhs)
    if min(x, y) < 2:
        raise ValueError(f"lax.batch_matmul needs operands of rank 2 or more, got ranks {x} and {y}")
    if x != y:
        raise ValueError(f"lax.batch_matmul needs operands of one rank, got {x} and {y}; see jnp.matmul")
    batch = tuple(range(x - 2))
    return contract(lhs, rhs, (((x - 1,), (x - 2,)), (batch, batch)), precision, None)
