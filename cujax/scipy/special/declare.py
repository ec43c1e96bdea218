"""How an elementwise special function is declared.

    @of_reals(lambda t, out, x: t * (1 - 2 * x * out))
    def dawsn(x):
        ...

The body gets float32 or float64 arrays of one shape and one dtype; the partial derivatives, one for each argument,
are `partial(t, out, *xs)` as in `custom_jvp.defjvps`, None where the derivative is zero.  What callers get around
it: arguments checked, promoted and broadcast; 16-bit floats computed in float32.

    of_op                 a function that is an op
    of_reals              a function with a body
    composed_of_reals     the same, without rules for derivatives
    chebyshev, horner     sums with constant coefficients, for bodies
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cujax import lax
from cujax import numpy as jnp
from cujax.api.custom_jvp import custom_jvp
from cujax.api.traced_once import traced_once
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes, source
from cujax.numpy.promotion import ArrayLike, arrays_of, broadcast_operands, promote_args_inexact, promote_inexact

Partial = Callable[..., Any] | None


def of_op(name: str, op: Callable, doc: str) -> Callable:
    """The function of one argument that is `op` of an array of floats."""

    def function(x: ArrayLike) -> Array:
        return op(*promote_args_inexact(name, x))

    source.named(function, name)
    function.__doc__ = f"{doc}\n\nElementwise, in floating point.  Returns an array of the shape of x."
    return traced_once("x")(function)


def of_reals(
    *partials: Partial, error: type[Exception] = ValueError, weak: bool = False, floats_only: bool = False,
    takes_lists: bool = False,
) -> Callable[[Callable], Callable]:
    """Decorator: see the module.

    error: the class of what is raised for complex numbers.  weak: whether the result is weak where all arguments are,
    as it is in JAX where a function has no rule of its own.  floats_only: integers raise `error` too.  takes_lists:
    lists are arrays, and shapes that do not fit a ValueError, as in JAX.
    """

    def decorate(body: Callable) -> Callable:
        rule = custom_jvp(body)
        rule.defjvps(*partials)
        return _checked(body, rule, error=error, weak=weak, floats_only=floats_only, takes_lists=takes_lists)

    return decorate


def composed_of_reals(**options: Any) -> Callable[[Callable], Callable]:
    """Decorator: as `of_reals`, for a body that is differentiated as it is written."""
    return lambda body: _checked(body, body, **options)


def _checked(body: Callable, rule: Callable, **options: Any) -> Callable:
    """`rule` with the name, the arguments and the documentation of `body`; see the module."""
    signature = inspect.signature(body)

    @traced_once(*signature.parameters)
    @functools.wraps(body)
    def function(*args: ArrayLike, **named: ArrayLike) -> Any:
        if named or len(args) != len(signature.parameters):
            args = _bound(body.__name__, signature, args, named)
        return _of_wide(rule, real_arrays(body.__name__, *args, **options))

    return source.named(function, body.__name__)


def _bound(name: str, signature: inspect.Signature, args: tuple, named: dict[str, Any]) -> tuple:
    """The arguments in order; an error names the function, which that of `bind` does not."""
    try:
        return signature.bind(*args, **named).args
    except TypeError as error:
        raise TypeError(f"{name}() {error}") from None


def real_arrays(
    name: str, *xs: ArrayLike, error: type[Exception] = ValueError, weak: bool = False, floats_only: bool = False,
    takes_lists: bool = False,
) -> list[Array]:
    """The arguments as arrays of one shape and one real floating-point dtype; arguments as in `of_reals`."""
    if takes_lists or floats_only:
        xs = tuple(map(jnp.asarray, xs))
    if floats_only and not all(dtypes.is_float(jnp.result_type(x)) for x in xs):
        kinds = ", ".join(str(jnp.result_type(x)) for x in xs)
        raise error(f"{name} takes floating-point numbers, got {kinds}.  Convert them first: x.astype(float).")
    promoted = broadcast_operands(name, *promote_inexact(name, *xs)) if takes_lists else promote_args_inexact(name, *xs)
    arrays = arrays_of(promoted)
    if dtypes.is_complex(arrays[0].dtype):
        raise error(f"{name} does not support complex-valued inputs, got {arrays[0].aval.str_short()}")
    if not weak:
        arrays = [lax.convert_element_type(x, x.dtype) if x.aval.weak_type else x for x in arrays]
    return arrays if len(arrays) == 1 else list(jnp.broadcast_arrays(*arrays))


def _of_wide(function: Callable, xs: Sequence[Array]) -> Any:
    """`function(*xs)`, with 16-bit floats widened and the results narrowed again."""
    dtype = xs[0].dtype
    if dtype.itemsize > 2:
        return function(*xs)
    out = function(*[x.astype(np.float32) for x in xs])
    return tuple(y.astype(dtype) for y in out) if isinstance(out, tuple) else out.astype(dtype)


# --- sums with constant coefficients ---------------------------------------------------------------------


def horner(x: Array, coefficients: Sequence[float]) -> Any:
    """The polynomial with these coefficients, that of the highest power first."""
    total: Any = coefficients[0]
    for c in coefficients[1:]:
        total = total * x + c
    return total


@functools.cache
def _significant(coefficients: tuple[float, ...], is_double: bool) -> int:
    """How many of the coefficients count, at least two."""
    least = 0.0 if is_double else max(map(abs, coefficients)) * 2.0**-30
    return max(2, 1 + max(n for n, c in enumerate(coefficients) if abs(c) > least))


def chebyshev(t: Array, coefficients: Sequence[float]) -> Array:
    """The sum of c[n] T_n(t), for t from -1 to 1, by Clenshaw's recurrence (Math. Tables Aids Comput. 9, 1955).

    In float32 or less without the last terms, which are less than what rounding the others takes away.
    """
    coefficients = coefficients[: _significant(tuple(coefficients), t.dtype.itemsize > 4)]
    after, total, twice = 0.0 * t, 0.0 * t + coefficients[-1], 2 * t
    for c in coefficients[-2:0:-1]:
        after, total = total, twice * total - after + c
    return t * total - after + coefficients[0]
