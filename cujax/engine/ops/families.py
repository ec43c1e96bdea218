"""Families: the boring rules, written once.

An op of a family is one declaration that gives what is its own (name, domain, C++ text, derivative); the
family supplies shape, batching, weak types, default impl and the public function:

    sin_p, sin = unary("sin", domain=INEXACT, cuda="cj::sin({x})", doc="Sine, argument in radians.",
                       jvp=lambda t, out, x: mul(t, cos(x)))

    unary, binary, ternary   elementwise; operands have one shape, or are scalars (rank 0)
    comparison               binary with a boolean result
    reduction                over `axes`
    cumulative               along `axis`, optionally in reverse

`jvp` is one partial derivative for each operand, `(t, out, *operands, **params) -> tangent`, or
ZERO_TANGENT.  `{x}`, `{y}`, `{z}` in `cuda` are the operands; `{T}` is the C++ type of the result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.axis import AxisData
from cujax.engine.core.primitive import NOT_LINEAR, LaneMap, Parity, Primitive, not_fusable
from cujax.engine.core.tape import Literal, literal
from cujax.engine.core.trace import aval_of
from cujax.engine.core.zero import Zero, is_linear
from cujax.engine.ground import dtypes
from cujax.engine.ground.error_names import called_by_user, names_itself
from cujax.engine.ground.source import named
from cujax.engine.ops import axes as ax
from cujax.engine.ops.structural import (
    add_tangents,
    broadcast_in_dim,
    move_dim,
    reduce_sum,
    transpose,
    unbroadcast,
    zero_tangent_jvp,
)


class Domain:
    """The dtypes an op accepts, by kind: b(ool) i(nt) u(int) f(loat) c(omplex) k(ey)."""

    def __init__(self, name: str, kinds: str) -> None:
        self.name = name
        self.kinds = frozenset(kinds)

    def __contains__(self, dtype: Any) -> bool:
        return kind_of(dtype) in self.kinds

    def __repr__(self) -> str:
        return self.name


def kind_of(dtype: Any) -> str:
    """One letter for the kind of a dtype, see `Domain`; bfloat16 is a float."""
    if dtypes.is_key(dtype):
        return "k"
    return "f" if dtypes.is_float(dtype) else dtype.kind


FLOAT = Domain("floating", "f")
COMPLEX = Domain("complexfloating", "c")
INEXACT = Domain("floating, complexfloating", "fc")
INTEGER = Domain("integer", "iu")
BITS = Domain("bool, integer", "biu")
REAL = Domain("integer, floating", "iuf")
NUMBER = Domain("integer, floating, complexfloating", "iufc")
ORDERED = Domain("bool, integer, floating", "biuf")
NUMERIC = Domain("bool, integer, floating, complexfloating", "biufc")
ANY = Domain("any", "biufck")

ZERO_TANGENT = object()  # the result does not change smoothly with the operands
OPERAND_NAMES = ("x", "y", "z")


# --- operands of public functions ---------------------------------------------------------------------


def operands(*xs: Any) -> tuple[Any, ...]:
    """The operands of an op, with Python numbers as weak literals in the dtype of the arrays beside them."""
    beside = next((aval_of(x) for x in xs if type(x) not in dtypes.PYTHON_SCALARS), None)
    return tuple([_scalar(x, beside) if type(x) in dtypes.PYTHON_SCALARS else x for x in xs])


_NUMBERS = frozenset(dtypes.PYTHON_SCALARS)


def fitted_operands(*xs: Any) -> tuple[Any, ...]:
    """`operands`, repeated along axes of length 1 where another of their rank is longer.

    Shapes that differ otherwise stay as they are, for the shape rule to refuse.
    """
    if not _NUMBERS.isdisjoint(map(type, xs)):
        xs = operands(*xs)
    shapes = {aval_of(x).shape for x in xs}
    return xs if len(shapes) == 1 else _repeated(xs, shapes - {()})


def _repeated(xs: tuple[Any, ...], shapes: set[tuple[int, ...]]) -> tuple[Any, ...]:
    one_rank = len({len(s) for s in shapes}) == 1
    if len(shapes) == 1 or not one_rank or any(len({*lengths} - {1}) > 1 for lengths in zip(*shapes, strict=True)):
        return xs
    full = ax.broadcast_shapes(*shapes)
    return tuple([broadcast_in_dim(x, full, range(len(full))) if aval_of(x).shape else x for x in xs])


_RANK = {"b": 0, "u": 1, "i": 1, "f": 2, "c": 3}


def _scalar(value: Any, beside: ShapedArray | None) -> Literal:
    own = dtypes.python_scalar_dtype(type(value))
    if beside is not None and _RANK[kind_of(own)] <= _RANK.get(kind_of(beside.dtype), -1):
        return literal(value, beside.dtype, True)
    if type(value) is int:
        dtypes.check_python_int(value, own)
    return literal(value, own, type(value) is not bool)


# --- elementwise --------------------------------------------------------------------------------------


def _check_domain(name: str, domain: Domain, avals: Sequence[ShapedArray]) -> None:
    for aval in avals:
        if aval.dtype not in domain:
            raise dtype_error(name, aval.dtype, domain)


def dtype_error(name: str, dtype: Any, domain: Domain) -> TypeError:
    """What `name` says of an operand whose dtype it does not accept."""
    return TypeError(
        f"{called_by_user(name)} does not accept dtype {dtype}. Accepted dtypes are subtypes of {domain}. "
        "Convert it first: x.astype(...)."
    )


def _check_same_dtype(name: str, avals: Sequence[ShapedArray]) -> None:
    if any(a.dtype != avals[0].dtype for a in avals):
        name = called_by_user(name)
        error = ValueError if any(dtypes.is_key(a.dtype) for a in avals) else TypeError  # as JAX
        raise error(
            f"lax.{name} requires arguments to have the same dtypes, got "
            f"{', '.join(str(a.dtype) for a in avals)}. (Tip: jnp.{name} is a similar function that does "
            f"automatic type promotion on inputs)."
        )


def common_shape(name: str, avals: Sequence[ShapedArray]) -> tuple[int, ...]:
    """The one shape of all operands that are not scalars; TypeError when there are two."""
    shapes = {a.shape for a in avals if a.shape}
    if len(shapes) > 1:
        raise TypeError(
            f"{called_by_user(name)} got incompatible shapes for broadcasting: "
            f"{', '.join(str(a.shape) for a in avals)}."
            " Operands of lax ops have one shape or are scalars; jnp functions broadcast."
        )
    return shapes.pop() if shapes else ()


def elementwise_shape(name: str, domain: Domain, result: Callable[[Any], Any]) -> Callable:
    """The shape rule: all operands of one dtype in `domain` and of one shape; `result` maps the dtype."""

    def rule(*avals: ShapedArray, **params: Any) -> ShapedArray:
        _check_domain(name, domain, avals)
        _check_same_dtype(name, avals)
        weak = all(a.weak_type for a in avals)
        dtype = result(avals[0].dtype)
        return ShapedArray(common_shape(name, avals), dtype, weak and not dtypes.is_bool(dtype))

    return rule


def partials_jvp(primitive: Callable[[], Primitive], partials: Sequence[Callable | None]) -> Callable:
    """The jvp of an op from its partial derivatives; None for an operand without one."""

    def rule(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> tuple[Any, Any]:
        out = primitive().bind(*primals, **params)
        total: Any = Zero(aval_of(out).to_tangent_aval())
        for partial, t in zip(partials, tangents, strict=True):
            if partial is not None and type(t) is not Zero:
                total = add_tangents(total, _full(partial(t, out, *primals, **params), total.aval.shape))
        return out, total

    return rule


def _full(t: Any, shape: tuple[int, ...]) -> Any:
    """The tangent of a scalar operand, at the shape of the result."""
    return t if type(t) is Zero or aval_of(t).shape == shape else broadcast_in_dim(t, shape, ())


def unbroadcast_transpose(rule: Callable) -> Callable:
    """An elementwise transpose rule, completed for scalar operands: their cotangent is summed."""

    def completed(ct: Any, *args: Any, **params: Any) -> list[Any]:
        cts = rule(ct, *args, **params)
        return [
            unbroadcast(c, a.aval) if is_linear(a) and c is not None else c
            for c, a in zip(cts, args, strict=True)
        ]

    return completed


def elementwise_batch(primitive: Callable[[], Primitive]) -> Callable:
    """The batch rule of an elementwise op: align batch axes; scalars that do not vary stay scalars."""

    def rule(axis: AxisData, xs: Sequence[Any], dims: Sequence[int | None], **params: Any) -> tuple[Any, int]:
        aligned, dim = align_batch(axis, xs, dims)
        return primitive().bind(*aligned, **params), dim

    return rule


def align_batch(axis: AxisData, xs: Sequence[Any], dims: Sequence[int | None]) -> tuple[list[Any], int]:
    """Operands with their batch axes at one place; those of lower rank are repeated to the common shape."""
    ranks = [aval_of(x).ndim - (d is not None) for x, d in zip(xs, dims, strict=True)]
    full = max(ranks)
    present = {d for d in dims if d is not None}
    varies_fully = all(r == (0 if d is None else full) for d, r in zip(dims, ranks, strict=True))
    if len(present) == 1 and varies_fully:
        return list(xs), present.pop()
    shape = next(_element_shape(x, d) for x, d, r in zip(xs, dims, ranks, strict=True) if r == full)
    return [_to_front(axis, x, d, r, shape) for x, d, r in zip(xs, dims, ranks, strict=True)], 0


def _element_shape(x: Any, dim: int | None) -> tuple[int, ...]:
    shape = aval_of(x).shape
    return shape if dim is None else ax.remove_axes(shape, (dim,))


def _to_front(axis: AxisData, x: Any, dim: int | None, rank: int, shape: tuple[int, ...]) -> Any:
    if dim is None and rank == 0:
        return x
    if rank == len(shape):
        return move_dim(axis, x, dim, 0)
    return broadcast_in_dim(x, (axis.size, *shape), (0,))


def _public(primitive: Primitive, arity: int, name: str, arguments: Sequence[str]) -> Callable:
    def of_one(x: Any) -> Any:
        return primitive.bind(operands(x)[0] if type(x) in dtypes.PYTHON_SCALARS else x)

    def of_two(x: Any, y: Any) -> Any:
        return primitive.bind(*fitted_operands(x, y))

    def of_three(x: Any, y: Any, z: Any) -> Any:
        return primitive.bind(*fitted_operands(x, y, z))

    function: Any = (of_one, of_two, of_three)[arity - 1]
    function.__code__ = function.__code__.replace(co_varnames=tuple(arguments))
    function.__doc__ = f"{primitive.doc}\n\nElementwise; accepts {primitive.domain.name}."
    return names_itself(named(function, name))


def elementwise(
    name: str,
    arity: int,
    *,
    domain: Domain,
    doc: str,
    cuda: Any,
    jvp: Any,
    impl: Callable | None = None,
    ufunc: str = "",
    may_overwrite: bool = False,
    transpose: Any = NOT_LINEAR,
    result: Callable[[Any], Any] = lambda dtype: dtype,
    family: str = "elementwise",
    commutes: bool = False,
    parity: Parity | None = None,
    public: str = "",
    arguments: str = "x y z",
) -> tuple[Primitive, Callable]:
    """An elementwise primitive of `arity` operands, and its function (called `public` if not `name`, of `arguments`).

    Without an `impl` it is the function `ufunc` of the array library, called as the op if not named.
    """
    partials = jvp if isinstance(jvp, tuple) else (jvp,) * arity
    p: Primitive = Primitive(
        name,
        shape=elementwise_shape(name, domain, result),
        impl=impl or calling(ufunc or name), may_overwrite=may_overwrite or impl is None,
        jvp=zero_tangent_jvp(lambda: p) if jvp is ZERO_TANGENT else partials_jvp(lambda: p, partials),
        transpose=transpose if transpose is NOT_LINEAR else unbroadcast_transpose(transpose),
        batch=elementwise_batch(lambda: p),
        cuda=cuda, doc=doc, domain=domain, family=family, commutes=commutes, parity=parity,
    )
    return p, _public(p, arity, public or name, arguments.split()[:arity])


def calling(ufunc: str) -> Callable:
    """The impl that is a function of the array library."""
    return lambda xp, *xs, **out: getattr(xp, ufunc)(*xs, **out)


def unary(name: str, **slots: Any) -> tuple[Primitive, Callable]:
    return elementwise(name, 1, family="unary", **slots)


def binary(name: str, **slots: Any) -> tuple[Primitive, Callable]:
    return elementwise(name, 2, family="binary", **slots)


def ternary(name: str, **slots: Any) -> tuple[Primitive, Callable]:
    return elementwise(name, 3, family="ternary", **slots)


def comparison(
    name: str, symbol: str, domain: Domain, doc: str, xp_name: str, commutes: bool = False
) -> tuple[Primitive, Callable]:
    """A binary op with a boolean result."""
    return elementwise(
        name, 2, domain=domain, doc=doc, cuda=f"{{x}} {symbol} {{y}}", jvp=ZERO_TANGENT, family="comparison",
        ufunc=xp_name, result=lambda dtype: dtypes.as_dtype(bool), commutes=commutes,
    )


# --- reductions and scans along an axis ------------------------------------------------------------------


def reduction(
    name: str, *, domain: Domain, doc: str, cuda: Any, impl: Callable, jvp: Any,
    result: Callable[[Any], Any] = lambda dtype: dtype,
) -> tuple[Primitive, Callable]:
    """A reduction over `axes`; `jvp(t, out, x, *, axes)`.  (`reduce_sum` itself is structural.)"""

    def shape(x: ShapedArray, *, axes: tuple) -> ShapedArray:
        _check_domain(name, domain, (x,))
        if any(not 0 <= a < x.ndim for a in axes) or len(set(axes)) != len(axes):
            raise ValueError(f"{name}: axes {axes} are not distinct axes of an operand of shape {x.shape}")
        return ShapedArray(ax.remove_axes(x.shape, axes), result(x.dtype), x.weak_type)

    def batch(axis: AxisData, xs: Sequence[Any], dims: Sequence[int], *, axes: tuple) -> tuple[Any, int]:
        shifted = ax.shift_axes(axes, dims[0])
        return p.bind(xs[0], axes=shifted), ax.dim_after_removing(dims[0], shifted)

    p: Primitive = Primitive(
        name, shape=shape, impl=impl, transpose=NOT_LINEAR, batch=batch, cuda=cuda, doc=doc, domain=domain,
        jvp=zero_tangent_jvp(lambda: p) if jvp is ZERO_TANGENT else partials_jvp(lambda: p, (jvp,)),
        family="reduction",
    )

    def function(operand: Any, axes: Sequence[int], *, out_sharding: Any = None) -> Any:
        return p.bind(operands(operand)[0], axes=ax.canonical_axes(tuple(axes), aval_of(operand).ndim))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"{doc}\n\nOver `axes`, which the result does not have; accepts {domain.name}.  "
        "`out_sharding` is ignored."
    )
    return p, function


def cumulative(
    name: str, *, domain: Domain, doc: str, impl: Callable, jvp: Callable, lane_map: LaneMap,
    transpose: Any = NOT_LINEAR,
) -> tuple[Primitive, Callable]:
    """A running reduction along `axis`, from the end when `reverse`; `jvp(t, out, x, *, axis, reverse)`."""

    def shape(x: ShapedArray, *, axis: int, reverse: bool) -> ShapedArray:
        _check_domain(name, domain, (x,))
        if not 0 <= axis < x.ndim:
            raise ValueError(f"{name}: axis {axis} is not an axis of an operand of shape {x.shape}")
        return x

    def batch(_: AxisData, xs: Sequence[Any], dims: Sequence[int], *, axis: int, reverse: bool) -> tuple:
        return p.bind(xs[0], axis=ax.shift_axis(axis, dims[0]), reverse=reverse), dims[0]

    p: Primitive = Primitive(
        name, shape=shape, impl=impl, jvp=partials_jvp(lambda: p, (jvp,)), transpose=transpose, batch=batch,
        cuda=not_fusable("each element needs the ones before it"), doc=doc, domain=domain,
        family="cumulative", writes_out=True, lane_map=lane_map,
    )

    def function(operand: Any, axis: int = 0, reverse: bool = False) -> Any:
        return p.bind(operand, axis=ax.canonical_axis(axis, aval_of(operand).ndim), reverse=bool(reverse))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{doc}\n\nAlong `axis`, from the end when `reverse`; accepts {domain.name}."
    return p, function


__all__ = [
    "ANY", "BITS", "COMPLEX", "FLOAT", "INEXACT", "INTEGER", "NUMBER", "NUMERIC", "ORDERED", "REAL",
    "ZERO_TANGENT", "Domain", "align_batch", "binary", "common_shape", "comparison", "cumulative",
    "elementwise", "elementwise_batch", "elementwise_shape", "fitted_operands", "kind_of", "operands",
    "partials_jvp", "reduce_sum", "reduction", "ternary", "transpose", "unary", "unbroadcast_transpose",
]
