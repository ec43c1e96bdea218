"""Products of arrays: dot, matmul, tensordot and their relatives, all by `lax.dot_general`; and `cross`.

`matmul`, `matvec`, `vecmat` and `vecdot` differ only in how many axes of each operand make up one vector or
matrix; the leading axes are batches, which broadcast.  `_Batched` says how such a product is written as one
`dot_general`: a batch axis that both operands have is a batch axis there, one that only one operand has is a
free axis, so nothing is ever repeated.

In all functions `precision` is a lower bound for float32 (`lax.Precision`), and `preferred_element_type` the
dtype in which products are summed and returned; the default is the operands' common dtype.

Start reading at `_plan_batched`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from cujax import lax
from cujax.api.traced_once import traced_once
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.engine.ops.axes import canonical_axes, canonical_axis
from cujax.engine.ops.contraction import contract
from cujax.numpy.arithmetic import multiply, subtract
from cujax.numpy.creation import zeros
from cujax.numpy.joining import concatenate
from cujax.numpy.promotion import ArrayLike, arrays_of, promote_dtypes
from cujax.numpy.reshaping import expand_dims, moveaxis, ravel, reshape

PrecisionLike = lax.PrecisionLike


def element_type(name: str, preferred: Any) -> Any:
    """What the user gave as `preferred_element_type` of the function `name`, as a dtype."""
    return None if preferred is None else dtypes.canonicalize_user(preferred, name)


def _operands(name: str, a: ArrayLike, b: ArrayLike) -> list[Array]:
    return arrays_of(promote_dtypes(name, a, b))


def conjugate_of(x: Array) -> Array:
    """The complex conjugate; a real array itself."""
    return lax.conj(x) if dtypes.is_complex(x.dtype) else x


# --- batches of vectors and matrices --------------------------------------------------------------------


class _Batched(NamedTuple):
    """Shapes of the operands without axes to be repeated, numbers of `dot_general`, order of its result.

    Shapes and orders are None where nothing changes.
    """

    x_shape: tuple[int, ...] | None
    y_shape: tuple[int, ...] | None
    numbers: lax.DotDimensionNumbers
    order: tuple[int, ...] | None


@lru_cache(maxsize=4096)
def _plan_batched(x: tuple[int, ...], y: tuple[int, ...], x_core: int, y_core: int) -> _Batched | None:
    """The product of operands of shapes `x` and `y`, whose last `x_core` and `y_core` axes are one element.

    The last axis of x is summed with the first core axis of y.  None when the batch axes do not broadcast.
    """
    x_batch, y_batch = x[: len(x) - x_core], y[: len(y) - y_core]
    rank = max(len(x_batch), len(y_batch))
    x_lead, y_lead = rank - len(x_batch), rank - len(y_batch)
    # Labels of axes: position p among the aligned batch axes, "m" and "n" for free, "k" for summed ones.
    x_labels: list[Any] = [*range(x_lead, rank), *"mk"[2 - x_core :]]
    y_labels: list[Any] = [*range(y_lead, rank), *"kn"[:y_core]]
    for p in range(max(x_lead, y_lead), rank):
        dx, dy = x_batch[p - x_lead], y_batch[p - y_lead]
        if dx != dy:
            if 1 not in (dx, dy):
                return None
            (x_labels if dx == 1 else y_labels).remove(p)
    both = [p for p in x_labels if p in y_labels and p != "k"]
    numbers = (
        ((x_labels.index("k"),), (y_labels.index("k"),)),
        (tuple(map(x_labels.index, both)), tuple(map(y_labels.index, both))),
    )
    found = [*both, *(p for p in x_labels + y_labels if p not in both and p != "k")]
    wanted = sorted(found, key=lambda label: (isinstance(label, str), label if isinstance(label, int) else 0))
    return _Batched(
        _shape_of_labels(x_labels, x, x_lead), _shape_of_labels(y_labels, y, y_lead), numbers,
        None if found == wanted else tuple(map(found.index, wanted)),
    )


def _shape_of_labels(labels: list[Any], shape: tuple[int, ...], lead: int) -> tuple[int, ...] | None:
    """The lengths of the axes with these labels, None if they are all of `shape`."""
    if len(labels) == len(shape):
        return None
    batch = [shape[p - lead] for p in labels if isinstance(p, int)]
    return (*batch, *shape[len(shape) - len(labels) + len(batch) :])


def _batched(
    name: str,
    x: Array,
    y: Array,
    cores: tuple[int, int],
    precision: Any,
    preferred: Any,
    mismatch: type = ValueError,
) -> Array:
    """The batched product of promoted operands; `mismatch` is raised when the summed axes differ."""
    x_core, y_core = cores
    if x.shape[-1] != y.shape[y.ndim - y_core]:
        raise mismatch(
            f"{name} sums the last axis of its first argument with the "
            f"{'second-last' if y_core == 2 else 'last'} axis of the second, of the same length; got shapes "
            f"{x.shape} and {y.shape}, lengths {x.shape[-1]} and {y.shape[y.ndim - y_core]}"
        )
    plan = _plan_batched(x.shape, y.shape, x_core, y_core)
    if plan is None:
        raise ValueError(
            f"{name}: the leading axes of shapes {x.shape} and {y.shape} must broadcast: counted from the "
            f"last of them they must agree or have length 1"
        )
    x = x if plan.x_shape is None else lax.reshape(x, plan.x_shape)
    y = y if plan.y_shape is None else lax.reshape(y, plan.y_shape)
    out = contract(x, y, plan.numbers, precision, preferred)
    return out if plan.order is None else lax.transpose(out, plan.order)


def _check_rank(name: str, x: Array, least: int, position: int) -> None:
    if x.ndim < least:
        raise ValueError(f"{name}: argument {position} must have at least {least} axes, got shape {x.shape}")


def matmul(
    a: ArrayLike, b: ArrayLike, *, precision: PrecisionLike = None, preferred_element_type: Any = None,
    out_sharding: Any = None,
) -> Array:
    """The matrix product over the last two axes; a vector counts as one row or column, which is removed.

    a: (..., n, k) or (k,); b: (..., k, m) or (k,).  Returns (..., n, m), with leading axes broadcast.
    ValueError for scalars and for leading axes that do not broadcast, TypeError when the lengths k differ.
    """
    x, y = _operands("matmul", a, b)
    _check_rank("matmul", x, 1, 0)
    _check_rank("matmul", y, 1, 1)
    preferred = element_type("matmul", preferred_element_type)
    return _batched("matmul", x, y, (min(x.ndim, 2), min(y.ndim, 2)), precision, preferred, TypeError)


def matvec(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """Matrices times vectors: (..., n, k) and (..., k) give (..., n), with leading axes broadcast.

    ValueError for fewer axes, other lengths, and leading axes that do not broadcast.
    """
    x, y = _operands("matvec", x1, x2)
    _check_rank("matvec", x, 2, 0)
    _check_rank("matvec", y, 1, 1)
    return _batched("matvec", x, y, (2, 1), None, None)


def vecmat(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """Conjugated vectors times matrices: (..., k) and (..., k, m) give (..., m).  Errors as `matvec`."""
    x, y = _operands("vecmat", x1, x2)
    _check_rank("vecmat", x, 1, 0)
    _check_rank("vecmat", y, 2, 1)
    return _batched("vecmat", conjugate_of(x), y, (1, 2), None, None)


def vecdot(
    x1: ArrayLike, x2: ArrayLike, /, *, axis: int = -1, precision: PrecisionLike = None,
    preferred_element_type: Any = None,
) -> Array:
    """Inner products along `axis`, the first argument conjugated; the other axes broadcast.

    ValueError when the lengths along `axis` differ, or an argument has no such axis.
    """
    x, y = _operands("vecdot", x1, x2)
    x_axis, y_axis = canonical_axis(axis, x.ndim), canonical_axis(axis, y.ndim)
    if x.shape[x_axis] != y.shape[y_axis]:
        raise ValueError(f"vecdot sums axis {axis}, where shapes {x.shape} and {y.shape} differ")
    x, y = moveaxis(x, x_axis, -1), moveaxis(y, y_axis, -1)
    preferred = element_type("vecdot", preferred_element_type)
    return _batched("vecdot", conjugate_of(x), y, (1, 1), precision, preferred)


# --- dot, tensordot and what they include ---------------------------------------------------------------


def _summed(
    name: str, x: Array, y: Array, x_axes: tuple, y_axes: tuple, precision: Any, preferred: Any
) -> Array:
    """The sum over pairs of axes; TypeError, naming the function, when their lengths differ."""
    x_lengths, y_lengths = [x.shape[i] for i in x_axes], [y.shape[i] for i in y_axes]
    if x_lengths != y_lengths:
        raise TypeError(
            f"{name} sums axes {x_axes} of shape {x.shape} with axes {y_axes} of shape {y.shape}, which must "
            f"have the same lengths; got {x_lengths} and {y_lengths}"
        )
    return contract(x, y, ((x_axes, y_axes), ((), ())), precision, preferred)


def dot(
    a: ArrayLike, b: ArrayLike, *, precision: PrecisionLike = None, preferred_element_type: Any = None,
    out_sharding: Any = None,
) -> Array:
    """The sum over the last axis of `a` and the second-last of `b` (its only one, if b is a vector).

    The result has the other axes of a, then those of b; a scalar multiplies.  TypeError when the lengths
    differ.
    """
    x, y = _operands("dot", a, b)
    preferred = element_type("dot", preferred_element_type)
    if x.ndim == 0 or y.ndim == 0:
        return _summed("dot", x, y, (), (), precision, preferred)
    return _summed("dot", x, y, (x.ndim - 1,), (max(y.ndim - 2, 0),), precision, preferred)


def inner(
    a: ArrayLike, b: ArrayLike, *, precision: PrecisionLike = None, preferred_element_type: Any = None
) -> Array:
    """The sum over the last axes of both; a scalar multiplies.  TypeError when the lengths differ."""
    x, y = _operands("inner", a, b)
    preferred = element_type("inner", preferred_element_type)
    if x.ndim == 0 or y.ndim == 0:
        return _summed("inner", x, y, (), (), precision, preferred)
    return _summed("inner", x, y, (x.ndim - 1,), (y.ndim - 1,), precision, preferred)


def vdot(
    a: ArrayLike, b: ArrayLike, *, precision: PrecisionLike = None, preferred_element_type: Any = None
) -> Array:
    """The sum of conj(a) * b over all elements.  TypeError when the sizes differ."""
    x, y = _operands("vdot", a, b)
    preferred = element_type("vdot", preferred_element_type)
    return _summed("vdot", conjugate_of(ravel(x)), ravel(y), (0,), (0,), precision, preferred)


def outer(a: ArrayLike, b: ArrayLike, out: None = None) -> Array:
    """All products of an element of `a` with one of `b`: shape (a.size, b.size)."""
    if out is not None:
        raise NotImplementedError("outer: arrays are immutable, so out= is not supported; use the result")
    x, y = _operands("outer", a, b)
    return _summed("outer", ravel(x), ravel(y), (), (), None, None)


def tensordot(
    a: ArrayLike,
    b: ArrayLike,
    axes: int | Sequence[int] | Sequence[Sequence[int]] = 2,
    *,
    precision: PrecisionLike = None,
    preferred_element_type: Any = None,
    out_sharding: Any = None,
) -> Array:
    """The sum over several axes of `a` and `b`; the result has the other axes of a, then those of b.

    axes: a number n of axes, the last n of a with the first n of b; or a pair of axes, or of lists of axes.
    TypeError for other `axes`, more axes than there are, and lengths that differ.
    """
    x, y = _operands("tensordot", a, b)
    x_axes, y_axes = _tensordot_axes(axes, x, y)
    preferred = element_type("tensordot", preferred_element_type)
    return _summed("tensordot", x, y, x_axes, y_axes, precision, preferred)


def _tensordot_axes(axes: Any, x: Array, y: Array) -> tuple[tuple[int, ...], tuple[int, ...]]:
    if hasattr(axes, "__index__"):
        count = axes.__index__()
        if count > min(x.ndim, y.ndim):
            raise TypeError(f"tensordot cannot sum {count} axes of arrays of shapes {x.shape} and {y.shape}")
        return tuple(range(x.ndim - max(count, 0), x.ndim)), tuple(range(max(count, 0)))
    if not isinstance(axes, (tuple, list)) or len(axes) != 2:
        raise TypeError(f"tensordot axes must be an int or a pair of ints or of lists of ints; got {axes!r}")
    first, second = ([p] if hasattr(p, "__index__") else list(p) for p in axes)
    if len(first) != len(second):
        raise TypeError(f"tensordot needs as many axes of a as of b, got {first} and {second}")
    return canonical_axes(first, x.ndim), canonical_axes(second, y.ndim)


# --- kron, cross ----------------------------------------------------------------------------------------


@traced_once("a", "b")
def kron(a: ArrayLike, b: ArrayLike) -> Array:
    """The Kronecker product: each element of `a` replaced by itself times `b`.

    Operands of lower rank get leading axes of length 1; axis i of the result has length a[i] * b[i].
    """
    x, y = _operands("kron", a, b)
    rank = max(x.ndim, y.ndim)
    x = expand_dims(x, tuple(range(rank - x.ndim)))
    y = expand_dims(y, tuple(range(rank - y.ndim)))
    odd, even = tuple(range(1, 2 * rank, 2)), tuple(range(0, 2 * rank, 2))
    blocks = multiply(expand_dims(x, odd), expand_dims(y, even))
    return reshape(blocks, tuple(m * n for m, n in zip(x.shape, y.shape, strict=True)))


@traced_once("a", "b")
def cross(
    a: ArrayLike, b: ArrayLike, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Array:
    """Vector products of vectors along `axisa` of a and `axisb` of b, put along `axisc` of the result.

    Vectors have length 3, or 2 with third component zero; of two plane vectors only the third component is
    returned, without an axis.  `axis` stands for all three.  The other axes broadcast.  ValueError for other
    lengths.
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    x, y = _operands("cross", a, b)
    x, y = moveaxis(x, axisa, -1), moveaxis(y, axisb, -1)
    if x.shape[-1] not in (2, 3) or y.shape[-1] not in (2, 3):
        raise ValueError(f"cross needs vectors of length 2 or 3, got lengths {x.shape[-1]} and {y.shape[-1]}")
    (x0, x1, x2), (y0, y1, y2) = _components(x), _components(y)
    z = subtract(multiply(x0, y1), multiply(x1, y0))
    if x.shape[-1] == y.shape[-1] == 2:
        return lax.squeeze(z, (z.ndim - 1,))
    first = subtract(multiply(x1, y2), multiply(x2, y1))
    second = subtract(multiply(x2, y0), multiply(x0, y2))
    return moveaxis(concatenate([first, second, z], axis=-1), -1, axisc)


def _components(vectors: Array) -> list[Array]:
    """The three components, each with a last axis of length 1; the third of plane vectors is zero."""
    parts = lax.split(vectors, (1,) * vectors.shape[-1], vectors.ndim - 1)
    return [*parts, zeros((*vectors.shape[:-1], 1), vectors.dtype)][:3]


__all__ = [
    "cross", "dot", "inner", "kron", "matmul", "matvec", "outer", "tensordot", "vdot", "vecdot", "vecmat",
]
