"""Looking at functions without running them: `make_jaxpr`, `eval_shape`; names for what is traced.

All of it records the function once on tracers, as `jit` does; see `record_call`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

from cujax.api.arguments import argnums_tuple
from cujax.api.differentiable import check_callable
from cujax.api.flatten import Fixed, FlatFunction, LeafNames, abstract_leaf, bad_argument
from cujax.api.shape_dtype import ShapeDtypeStruct, struct_of
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.context import named_axis
from cujax.engine.core.recording import Origin, record, run_tape
from cujax.engine.core.tape import ClosedTape, Tape
from cujax.engine.core.trace import Tracer, aval_of
from cujax.engine.ground import dtypes, pytree
from cujax.engine.ground.source import describe_function, function_name, wraps
from cujax.engine.ops.constants import zeros_of


class Recorded(NamedTuple):
    """`tape(*captured, *leaves of the arguments) -> leaves of the result`."""

    tape: Tape
    captured: list[Any]
    in_tree: pytree.PyTreeDef
    out_tree: pytree.PyTreeDef

    def out_info(self) -> Any:
        """A `ShapeDtypeStruct` for each leaf of the result."""
        return self.out_tree.unflatten([struct_of(a) for a in self.tape.out_avals])


def record_call(
    transform: str, fun: Callable, args: Sequence[Any], kwargs: dict[str, Any], static_argnums: Any = ()
) -> Recorded:
    """The tape of a call of `fun`, for what is told the user as `transform`."""
    check_callable(transform, fun)
    static = {i % len(args) for i in argnums_tuple(static_argnums) if -len(args) <= i < len(args)}
    places = [i for i in range(len(args)) if i not in static]
    leaves, in_tree = pytree.flatten((tuple([args[i] for i in places]), kwargs))
    names = LeafNames(fun, in_tree, places)
    try:
        avals = [abstract_leaf(x) for x in leaves]
    except TypeError:
        raise bad_argument(transform, fun, leaves, names) from None
    flat = FlatFunction(transform, Fixed.of(fun, [(i, args[i]) for i in static]), in_tree)
    tape, captured = record(flat, avals, function_name(fun), Origin(transform, fun, names))
    return Recorded(tape, captured, in_tree, flat.out_tree)


def make_jaxpr(
    fun: Callable,
    static_argnums: int | Sequence[int] = (),
    axis_env: Sequence[tuple[Any, int]] | None = None,
    return_shape: bool = False,
) -> Callable[..., Any]:
    """A function with the arguments of `fun` that returns the tape of `fun`, with its captured values.

    static_argnums: arguments that `fun` gets as they are.  axis_env: (name, length) of named axes that
    collectives in `fun` mean.  return_shape: return also a tree of `ShapeDtypeStruct`s like the result.
    Arguments may be arrays or `ShapeDtypeStruct`s; TypeError for others.
    """
    check_callable("make_jaxpr", fun)

    @wraps(fun)
    def make_jaxpr_f(*args: Any, **kwargs: Any) -> Any:
        with ExitStack() as scope:
            for name, size in axis_env or ():
                scope.enter_context(named_axis(name, size))
            recorded = record_call("make_jaxpr", fun, args, kwargs, static_argnums)
        jaxpr = ClosedTape(recorded.tape, recorded.captured)
        return (jaxpr, recorded.out_info()) if return_shape else jaxpr

    return make_jaxpr_f


def eval_shape(fun: Callable, *args: Any, **kwargs: Any) -> Any:
    """Shapes and dtypes of `fun(*args, **kwargs)`, a tree of `ShapeDtypeStruct`s, without computing it.

    Arguments may be arrays, `ShapeDtypeStruct`s or anything else with a shape and a dtype; TypeError for
    others.  `fun` may return `ShapeDtypeStruct`s too, where it knows no more itself.
    """
    check_callable("eval_shape", fun)

    @wraps(fun)
    def known(*args: Any, **kwargs: Any) -> Any:
        return pytree.map(_as_traced, fun(*args, **kwargs))

    return record_call("eval_shape", known, args, kwargs).out_info()


def _as_traced(x: Any) -> Any:
    """A `ShapeDtypeStruct` as an array of its type, of which nothing is computed while a tape is recorded."""
    return zeros_of(abstract_leaf(x)) if isinstance(x, ShapeDtypeStruct) else x


def typeof(x: Any) -> ShapedArray:
    """Shape, dtype and weak type of an array or a scalar; TypeError for anything else."""
    return aval_of(x)


# --- names ----------------------------------------------------------------------------------------------


@contextmanager
def named_scope(name: str) -> Iterator[None]:
    """Accepted around code that is traced, as a `with` block or a decorator, and changes nothing.

    Equations are found by the line of the user's program that made them; no names are needed for that.
    TypeError when `name` is no string.
    """
    if not isinstance(name, str):
        raise TypeError(f"named_scope: name must be a string, got {name!r}")
    yield


def named_call(fun: Callable, *, name: str | None = None) -> Callable:
    """`fun`, called inside `named_scope(name)`; the name is that of the function if none is given."""
    check_callable("named_call", fun)
    return wraps(fun)(named_scope(name or function_name(fun))(fun))


# --- closures -------------------------------------------------------------------------------------------


def closure_convert(fun: Callable, *example_args: Any) -> tuple[Callable, list[Any]]:
    """`fun` without the differentiable values it closes over, and those values.

    Returns (converted, consts): `converted(*args, *consts)` equals `fun(*args)` for arguments like
    `example_args`.  Only values that are being traced, of floating-point or complex dtype, are taken out.
    Custom derivative rules use it, since they may not close over such values.

    From `converted`: TypeError for arguments of another structure.
    """
    recorded = record_call("closure_convert", fun, example_args, {})
    taken_out = [isinstance(c, Tracer) and dtypes.is_inexact(c.aval.dtype) for c in recorded.captured]
    hoisted = [c for c, out in zip(recorded.captured, taken_out, strict=True) if out]

    def converted(*args_and_consts: Any) -> Any:
        count = len(args_and_consts) - len(hoisted)
        leaves, in_tree = pytree.flatten((args_and_consts[:count], {}))
        if in_tree != recorded.in_tree:
            raise TypeError(
                f"closure_convert: {describe_function(fun)} was converted for arguments of structure "
                f"{recorded.in_tree.children()[0]} followed by {len(hoisted)} constants, and called with "
                f"{in_tree.children()[0]}."
            )
        given = iter(args_and_consts[count:])
        captured = [next(given) if out else c for c, out in zip(recorded.captured, taken_out, strict=True)]
        return recorded.out_tree.unflatten(run_tape(recorded.tape, [*captured, *leaves]))

    return converted, hoisted
