"""The texts of the errors that a user meets with a tracer in hand.

Each names the function being traced, the arguments the value depends on, and the edit that repairs it.
A tracer tells its own story through `origin()` and `line()` (core/trace.py).
"""

from __future__ import annotations

from typing import Any

from cujax.engine.ground import errors

_REPAIR = {
    "bool": (
        errors.TracerBoolConversionError,
        "Attempted boolean conversion of traced array with shape {type}",
        "Python's `if`, `while`, `and`, `not` need the value. Use jnp.where(condition, a, b), lax.cond or "
        "lax.while_loop; or make the argument static with jit(f, static_argnums=...).",
    ),
    "index": (
        errors.TracerIntegerConversionError,
        "The __index__() method was called on traced array with shape {type}",
        "Python's lists, ranges and shapes need the integer. Index a cujax array instead (jnp.array(values)[i]), "
        "use lax.fori_loop for `range`, or make the argument static with jit(f, static_argnums=...).",
    ),
    "array": (
        errors.TracerArrayConversionError,
        "The numpy.ndarray conversion method __array__() was called on traced array with shape {type}",
        "NumPy functions need the values. Use the function of the same name in cujax.numpy, or "
        "cujax.pure_callback for one that exists only on the host.",
    ),
}
_SCALAR = (
    errors.ConcretizationTypeError,
    "Abstract tracer value encountered where concrete value is expected: traced array with shape {type} "
    "asked for its value by {what}",
    "Keep the value an array (x.astype(...) instead of float(x) or int(x)), return it and convert it outside, "
    "or make the argument static with jit(f, static_argnums=...).",
)


def conversion_error(tracer: Any, what: str) -> Exception:
    """The error for asking a tracer for its value as a `what`."""
    error, headline, repair = _REPAIR.get(what, _SCALAR)
    text = headline.format(type=tracer.aval.str_long(), what=f"{what}()")
    return error("\n".join(filter(None, [text + ".", tracer.origin(), repair])))


def leak_error(tracer: Any) -> errors.UnexpectedTracerError:
    """The error for using a tracer where it means nothing: after its function has returned, or around it."""
    line = tracer.line()
    made = f" It was made at {line}." if line is not None else ""
    return errors.UnexpectedTracerError(
        f"Encountered an unexpected tracer: {tracer} was used outside the function call it belongs to."
        f"{made}\n"
        f"{tracer.origin()}\n{_CLOSED_OVER if tracer.owner.alive else _ESCAPED}"
    )


_ESCAPED = (
    "A side effect let it out: an assignment to a global, to an attribute, or an append to a list inside a "
    "transformed function. Return the value from the function instead (has_aux=True for grad)."
)
_CLOSED_OVER = (
    "Its function is still being transformed: a custom_jvp or custom_vjp function, or one of their rules, "
    "closes over it, and derivatives with respect to closed-over values are unknown. Pass it as an argument."
)
