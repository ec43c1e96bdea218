"""`odeint` with the signature of `jax.experimental.ode.odeint`, and its adjoint method for reverse mode."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import cujax.numpy as jnp
from cujax import lax
from cujax.api.custom_vjp import custom_vjp
from cujax.api.derivatives import vjp
from cujax.api.inspect import closure_convert
from cujax.ode.stepping import State, first_step, tried
from cujax.ode.tableaus import DOPRI5
from cujax.tree import leaves, map


def odeint(
    func: Callable[..., Any], y0: Any, t: Any, *args: Any, rtol: float = 1.4e-8, atol: float = 1.4e-8,
    mxstep: float = jnp.inf, hmax: float = jnp.inf,
) -> Any:
    """Solve dy/dt = func(y, t, *args) with y(t[0]) = y0, by Dormand and Prince's method with adaptive steps.

    t: increasing times, rank 1.  args: pytrees of arrays.  mxstep: steps at most from one time to the next.  hmax:
    their length at most.  Returns y at all times, along a new leading axis.

    Reverse mode solves the adjoint equation backwards in time, from one of the times to the one before, with the
    solution there as the start (Chen, Rubanova, Bettencourt, Duvenaud, Neural ordinary differential equations, 2018):
    it needs no memory for the steps, and gives the derivative of the equation, not that of the computed steps.
    """
    y0 = map(jnp.asarray, y0)
    converted, captured = closure_convert(func, y0, jnp.asarray(t)[0], *args)
    return _odeint(converted, rtol, atol, mxstep, hmax, y0, jnp.asarray(t), (*args, *captured))


@partial(custom_vjp, nondiff_argnums=(0, 1, 2, 3, 4))
def _odeint(func: Callable, rtol: float, atol: float, mxstep: float, hmax: float, y0: Any, t: Any, args: tuple) -> Any:
    def field(time: Any, y: Any) -> Any:
        return map(lambda k, y: jnp.asarray(k).astype(y.dtype), func(y, time, *args), y)

    slope = field(t[0], y0)
    h = first_step(field, t[0], y0, slope, DOPRI5.order, rtol, atol, t[-1] - t[0])
    start = State(t[0], y0, slope, jnp.minimum(h, hmax), jnp.ones_like(h), jnp.asarray(0))

    def to_next(state: State, end: Any) -> tuple:
        def goes_on(counted: tuple) -> Any:
            state, count = counted
            return (state.t < end) & (count < mxstep)

        def step(counted: tuple) -> tuple:
            state, count = counted
            state = tried(DOPRI5, field, state, end, 1.0, rtol, atol)
            return state._replace(h=jnp.minimum(state.h, hmax)), count + 1

        state, _ = lax.while_loop(goes_on, step, (state, 0))
        return state, state.y

    _, ys = lax.scan(to_next, start, t[1:])
    return map(lambda first, rest: jnp.concatenate([first[None], rest]), y0, ys)


def _forwards(
    func: Callable, rtol: float, atol: float, mxstep: float, hmax: float, y0: Any, t: Any, args: tuple
) -> tuple:
    ys = _odeint(func, rtol, atol, mxstep, hmax, y0, t, args)
    return ys, (ys, t, args)


def _backwards(
    func: Callable, rtol: float, atol: float, mxstep: float, hmax: float, residuals: tuple, ct: Any
) -> tuple:
    """The adjoint a = d(loss)/dy obeys da/dt = -a df/dy; that by the arguments is the integral of -a df/dargs.

    That by the first time is what a longer way would add, -a f, and so changes by the integral of -a df/dt.
    """
    ys, t, args = residuals

    def reversed_field(state: tuple, minus_t: Any, *args: Any) -> tuple:
        y, adjoint, *_ = state
        slope, pull_back = vjp(func, y, -minus_t, *args)
        return (map(jnp.negative, slope), *pull_back(adjoint))

    def to_previous(state: tuple, at: tuple) -> tuple:
        adjoint, by_args, by_t0 = state
        y, ct_here, end, begin = at
        by_t = sum_of_products(func(y, end, *args), ct_here)
        adjoint = map(jnp.add, adjoint, ct_here)
        begins = (y, adjoint, by_t0 - by_t, *by_args)
        found = _odeint(reversed_field, rtol, atol, mxstep, hmax, begins, jnp.stack([-end, -begin]), args)
        _, adjoint, by_t0, *by_args = map(lambda x: x[1], found)
        return (adjoint, tuple(by_args), by_t0), by_t

    zeros = map(lambda x: jnp.zeros_like(x[-1]), ys)
    start = (zeros, map(jnp.zeros_like, args), jnp.zeros_like(t[0]))
    slices = (map(lambda x: x[1:], ys), map(lambda x: x[1:], ct), t[1:], t[:-1])
    (adjoint, by_args, by_t0), by_t = lax.scan(to_previous, start, slices, reverse=True)
    by_y0 = map(lambda a, c: a + c[0], adjoint, ct)
    return by_y0, jnp.concatenate([by_t0[None], by_t]), by_args


def sum_of_products(a: Any, b: Any) -> Any:
    """Of all elements of two pytrees, the real part."""
    return sum(jnp.real(jnp.sum(x * y)) for x, y in zip(leaves(a), leaves(b), strict=True))


_odeint.defvjp(_forwards, _backwards)
