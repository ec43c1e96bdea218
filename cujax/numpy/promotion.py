"""From what a user passes to the operands of an op: checked, of one dtype, of one shape.

Every jnp function begins here.  `as_array` checks one argument and makes it an `Array`;
`promote_dtypes`, `promote_inexact` and `promote_numeric` give several arguments one dtype, `promote_args`
and `promote_args_inexact` one shape as well.  What promotion returns are operands of lax ops: arrays, or
`Literal`s where a Python number was passed, so that numbers stay numbers on a tape.

What has to happen to operands of given avals is worked out once and kept as a *plan*: for each operand
None (use it as it is) or a function that adapts it.  The plan of `x + 1` is found by one look-up.
Start reading at `plan_for`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import ml_dtypes
import numpy as np

from cujax import lax
from cujax.engine.backends.select import selected
from cujax.engine.core.array import Array, to_array
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.tape import Literal, literal
from cujax.engine.core.trace import Tracer, is_evaluating
from cujax.engine.ground import dtypes
from cujax.engine.ground.config import config
from cujax.engine.ground.error_names import called_by_user
from cujax.engine.ground.errors import ConcretizationTypeError
from cujax.engine.ground.promotion import Operand, lattice_join
from cujax.engine.ground.source import warn_user

ArrayLike: TypeAlias = Any
Kind: TypeAlias = Any  # what a plan depends on: an aval, or the type of a Python number
Adapter: TypeAlias = Callable[[Any], Any] | None
Plan: TypeAlias = tuple[Adapter, ...]

SCALARS = frozenset(dtypes.PYTHON_SCALARS)
_PLAN_LIMIT = 8192
_plans: dict[Any, Plan] = {}


# --- checking -----------------------------------------------------------------------------------------


def operand(name: str, x: ArrayLike, position: int | str = 0) -> Any:
    """Argument `x` of the function `name` as an `Array` or, for a scalar that is not one, a `Literal`.

    TypeError for lists, tuples and whatever else is no array: `name` and `position`, or the argument's name, say where.
    """
    if isinstance(x, (Array, Literal)):
        return x
    if type(x) in SCALARS:
        return _python_literal(x)
    if isinstance(x, np.generic):
        dtype = dtypes.canonicalize(x.dtype)
        return Literal(np.asarray(x, dtype)[()], ShapedArray((), dtype, False))
    if isinstance(x, np.ndarray) or selected().owns(x):
        return to_array(x)
    if hasattr(x, "__jax_array__"):
        return operand(name, x.__jax_array__(), position)
    if isinstance(x, int | float | complex):  # a number of a class of its own, an IntEnum for instance
        number = int(x) if isinstance(x, int) else float(x) if isinstance(x, float) else complex(x)
        return _python_literal(number)
    if not isinstance(x, type):
        adopted = selected().adopt(x)  # an array of another library on our device
        if adopted is not None:
            return to_array(adopted)
        if hasattr(x, "__array__"):
            return to_array(np.asarray(x))
    where = f"at position {position}" if isinstance(position, int) else f"for {position}"
    raise TypeError(
        f"{called_by_user(name)} requires ndarray or scalar arguments, got {type(x)} {where}. "
        "A list or tuple becomes an array by jnp.array(...)."
    )


def as_array(name: str, x: ArrayLike, position: int | str = 0) -> Array:
    """Argument `x` of the function `name` as an array.  TypeError as `operand`."""
    if isinstance(x, Array):
        return x
    if type(x) in SCALARS and is_evaluating():
        return to_array(x)
    found = operand(name, x, position)
    return literal_array(found) if type(found) is Literal else found


def as_numbers(name: str, x: ArrayLike) -> Array:
    """As `as_array`; TypeError for random keys too."""
    x = as_array(name, x)
    if dtypes.is_key(x.dtype):
        raise TypeError(f"{called_by_user(name)} does not accept dtype {x.dtype}: random keys are no numbers")
    return x


def literal_array(scalar: Literal) -> Array:
    """The array of a literal: known at once outside a trace, an equation on a tape otherwise."""
    if is_evaluating():
        return lax.convert_element_type_p.bind(
            scalar, new_dtype=scalar.aval.dtype, weak_type=scalar.aval.weak_type
        )
    return lax.broadcast_in_dim_p.bind(scalar, shape=(), broadcast_dimensions=())


def as_arrays(name: str, *xs: ArrayLike) -> list[Array]:
    """All arguments of the function `name` as arrays.  TypeError as `operand`."""
    return [as_array(name, x, i) for i, x in enumerate(xs)]


def known_values(name: str, x: Array, cure: str) -> np.ndarray:
    """The values of `x` on the host; ConcretizationTypeError, with the `cure`, where they are not known."""
    known = x.concrete() if isinstance(x, Tracer) else x
    if known is None:
        raise ConcretizationTypeError(
            f"{name}: the shape of the result depends on the values of an argument, a traced array of type "
            f"{x.aval.str_short()}. {x.origin()} {cure}"
        )
    return known.to_numpy()


GIVE_SIZE = "Give `size`, the number of elements of the result, so that its shape is known while tracing."


def check_arraylike(name: str, *xs: ArrayLike) -> None:
    """TypeError as `operand` unless all of `xs` are arrays or scalars."""
    for i, x in enumerate(xs):
        if not isinstance(x, Array) and type(x) not in SCALARS:
            operand(name, x, i)


def _python_literal(value: Any) -> Literal:
    kind = type(value)
    dtype = dtypes.python_scalar_dtype(kind)
    return Literal(_number_in(dtype)(value), ShapedArray((), dtype, kind is not bool))


def _range(dtype: Any) -> tuple[Any, Any]:
    """The least and the greatest finite value of a dtype, as Python numbers."""
    if dtypes.is_bool(dtype):
        return 0, 1
    if dtypes.is_integer(dtype):
        return int(ml_dtypes.iinfo(dtype).min), int(ml_dtypes.iinfo(dtype).max)
    return float(ml_dtypes.finfo(dtype).min), float(ml_dtypes.finfo(dtype).max)


@functools.cache
def _number_function(dtype: Any, default: Any) -> Callable[[Any], Any]:
    make = dtype.type
    least, greatest = int(np.iinfo(default).min), int(np.iinfo(default).max)
    low, high = _range(dtype)

    def convert(value: Any) -> Any:
        kind = type(value)
        if kind is int and not least <= value <= greatest:
            dtypes.check_python_int(value, default)
        if kind is not complex and low <= value <= high:
            return make(value)
        with np.errstate(all="ignore"):
            return (default.type(value) if kind is int else np.asarray(value)).astype(dtype)[()]

    return convert


def _number_in(dtype: Any) -> Callable[[Any], Any]:
    """A function from Python numbers to scalars of `dtype`.

    An int must fit the default integer dtype, as everywhere; narrower dtypes wrap it, and a float too
    large for `dtype` is infinite.
    """
    return _number_function(dtype, dtypes.python_scalar_dtype(int))


# --- dtypes -------------------------------------------------------------------------------------------


def dtype_and_weakness(kind: Kind) -> Operand:
    """What an operand contributes to promotion."""
    if type(kind) is ShapedArray:
        return kind.dtype, kind.weak_type
    return dtypes.python_scalar_dtype(kind), kind is not bool


def join_inexact(found: tuple[Operand, ...]) -> Operand:
    """The common dtype, made inexact: division and transcendental functions."""
    dtype, weak = lattice_join(found)
    return dtypes.canonicalize(dtypes.to_inexact(dtype)), weak


def join_numeric(found: tuple[Operand, ...]) -> Operand:
    """The common dtype, int32 in place of bool: arithmetic that bool does not have."""
    dtype, weak = lattice_join(found)
    return (dtypes.int32 if dtypes.is_bool(dtype) else dtype), weak


# --- plans --------------------------------------------------------------------------------------------


def plan_for(name: str, kinds: tuple[Kind, ...], join: Callable, broadcast: bool) -> Plan:
    """How operands of these kinds get the dtype that `join` gives and, if `broadcast`, one shape.

    ValueError or TypeError, naming `name`, for shapes that do not fit together, and for keys beside numbers.
    """
    key = (kinds, join, broadcast, config.trace_key())
    plan = _plans.get(key)
    if plan is None:
        plan = _make_plan(name, kinds, join, broadcast)
        if len(_plans) >= _PLAN_LIMIT:
            _plans.clear()
        if config.numpy_rank_promotion == "allow":  # else the next call must warn or raise again
            _plans[key] = plan
    return plan


def _make_plan(name: str, kinds: tuple[Kind, ...], join: Callable, broadcast: bool) -> Plan:
    found = tuple(map(dtype_and_weakness, kinds))
    if len({dtype for dtype, _ in found}) > 1 and any(dtypes.is_key(dtype) for dtype, _ in found):
        error = TypeError if broadcast else ValueError  # as JAX, where two different checks find it
        raise error(
            f"{called_by_user(name)} does not combine random keys with numbers; got dtypes {[str(d) for d, _ in found]}"
        )
    dtype, weak = join(found)
    shapes = [k.shape if type(k) is ShapedArray else () for k in kinds]
    shape = broadcast_shape(name, shapes) if broadcast else None
    return tuple(_adapter(k, dtype, weak, shape) for k in kinds)


def _adapter(kind: Kind, dtype: Any, weak: bool, shape: tuple[int, ...] | None) -> Adapter:
    if type(kind) is not ShapedArray:
        aval, number = ShapedArray((), dtype, weak), _number_in(dtype)
        return lambda value: Literal(number(value), aval)
    same_dtype = kind.dtype == dtype
    if shape is None or not kind.shape or kind.shape == shape:  # scalars fit every shape
        return None if same_dtype else lambda x: lax.convert_element_type(x, dtype, weak)
    axes = tuple(range(len(shape) - kind.ndim, len(shape)))

    def adapt(x: Any) -> Any:
        converted = x if same_dtype else lax.convert_element_type(x, dtype, weak)
        return lax.broadcast_in_dim(converted, shape, axes)

    return adapt


def broadcast_shape(name: str, shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """The shape to which all `shapes` broadcast; axes are aligned from the last.

    TypeError for shapes of one rank that do not fit, ValueError for shapes of several.
    """
    ranks = {len(s) for s in shapes if s}
    if len(ranks) > 1 and config.numpy_rank_promotion != "allow":
        _refuse_rank_promotion(name, shapes)
    result = [1] * max(ranks, default=0)
    for shape in shapes:
        for axis, length in enumerate(shape, len(result) - len(shape)):
            if result[axis] == 1:
                result[axis] = length
            elif length not in (1, result[axis]):
                raise _shape_error(name, shapes, len(ranks) == 1)
    return tuple(result)


def _shape_error(name: str, shapes: Sequence[tuple[int, ...]], one_rank: bool) -> Exception:
    name = called_by_user(name)
    cure = "Axes are aligned from the last one, and must agree or have length 1."
    if one_rank:
        seen = ", ".join(map(str, shapes))
        return TypeError(f"{name} got incompatible shapes for broadcasting: {seen}. {cure}")
    return ValueError(f"Incompatible shapes for broadcasting in {name}: shapes={list(shapes)}. {cure}")


def _refuse_rank_promotion(name: str, shapes: Sequence[tuple[int, ...]]) -> None:
    text = (
        f"Operands could not be broadcast together for {name} on shapes {' '.join(map(str, shapes))} and "
        f"with the config option jax_numpy_rank_promotion={config.numpy_rank_promotion!r}: their ranks "
        "differ. Add axes with x[None] or jnp.expand_dims."
    )
    if config.numpy_rank_promotion == "raise":
        raise ValueError(text)
    warn_user(text)


# --- promotion ----------------------------------------------------------------------------------------


def _promote(name: str, xs: Sequence[Any], join: Callable, broadcast: bool) -> list[Any]:
    kinds = []
    checked = []
    for i, x in enumerate(xs):
        kind = type(x)
        if kind not in SCALARS:
            if not isinstance(x, Array):
                x = operand(name, x, i)
            kind = x.aval
        kinds.append(kind)
        checked.append(x)
    plan = plan_for(name, tuple(kinds), join, broadcast)
    return [x if adapt is None else adapt(x) for x, adapt in zip(checked, plan, strict=True)]


def promote_dtypes(name: str, *xs: ArrayLike) -> list[Any]:
    """Operands of one dtype, the join of all; shapes unchanged."""
    return _promote(name, xs, lattice_join, False)


def promote_inexact(name: str, *xs: ArrayLike) -> list[Any]:
    """Operands of one inexact dtype; shapes unchanged."""
    return _promote(name, xs, join_inexact, False)


def promote_numeric(name: str, *xs: ArrayLike) -> list[Any]:
    """Operands of one dtype that is not bool; shapes unchanged."""
    return _promote(name, xs, join_numeric, False)


def promote_args(name: str, *xs: ArrayLike) -> list[Any]:
    """Operands of one dtype and, scalars aside, one shape."""
    return _promote(name, xs, lattice_join, True)


def promote_args_inexact(name: str, *xs: ArrayLike) -> list[Any]:
    """Operands of one inexact dtype and, scalars aside, one shape."""
    return _promote(name, xs, join_inexact, True)


def promote_args_numeric(name: str, *xs: ArrayLike) -> list[Any]:
    """Operands of one dtype that is not bool and, scalars aside, one shape."""
    return _promote(name, xs, join_numeric, True)


def broadcast_operands(name: str, *xs: Any) -> list[Any]:
    """Promoted operands of one shape, scalars aside; ValueError where there is none, also where ranks are equal."""
    shapes = [x.shape for x in xs]
    if len({s for s in shapes if s}) < 2:
        return list(xs)
    try:
        shape = broadcast_shape(name, shapes)
    except TypeError as error:
        raise ValueError(*error.args) from None
    return [x if x.shape in ((), shape) else lax.broadcast_in_dim(x, shape, range(len(shape) - x.ndim, len(shape)))
            for x in xs]


def number_like(x: Any, value: Any) -> Literal:
    """The number `value` in the dtype of `x`; weak, so that a result is as weak as x."""
    return literal(value, x.dtype, True)


def arrays_of(operands: Sequence[Any]) -> list[Array]:
    """Promoted operands as arrays, for functions that use operators and indexing on them."""
    return [literal_array(x) if type(x) is Literal else x for x in operands]
