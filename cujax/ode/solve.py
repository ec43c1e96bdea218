"""`solve`: an initial value problem with fixed or adaptive steps, in plain cujax.

Under `vmap` every problem of the batch chooses its own steps, and all of it is one kernel.  Differentiable in both
modes, through the steps that are taken; the lengths of adaptive steps count as constants.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import Any, NamedTuple

import numpy as np

import cujax.numpy as jnp
from cujax import lax
from cujax.ode.stepping import Field, State, first_step, runge_kutta, tried
from cujax.ode.tableaus import METHODS, Tableau
from cujax.tree import leaves, map


class Solution(NamedTuple):
    """ts: times.  ys: like y0, with a leading axis for the times where `saveat` was given.

    steps: how many were tried, over all.  success: whether the last time was reached within `max_steps`.
    """

    ts: Any
    ys: Any
    steps: Any
    success: Any


def solve(
    f: Callable[..., Any],
    y0: Any,
    t0: Any,
    t1: Any,
    *,
    args: tuple = (),
    method: str = "tsit5",
    dt: float | None = None,
    rtol: float = 1e-6,
    atol: float = 1e-6,
    saveat: Any = None,
    max_steps: int = 4096,
) -> Solution:
    """Integrate dy/dt = f(t, y, *args) from y(t0) = y0 to t1.

    f: returns a pytree like `y0`, whose leaves are real or complex floats.  t0, t1: scalars; t1 may lie before t0.
    method: "tsit5", "dopri5" (order 5), "bosh3" (3), or "rk4" (4, fixed steps only).
    dt: length of fixed steps, at most; without it steps are adaptive, such that the error of a step, in each element,
    is about atol + rtol |y|.  saveat: times, rank 1, from t0 on in the direction of t1, at which y is kept; steps end
    there exactly.  max_steps: of adaptive steps from one time to the next; beyond, `success` is False.

    ValueError for an unknown method, for "rk4" without `dt`, and for fixed steps between times that are not known when
    the function is traced.
    """
    tableau = _tableau(method, dt)
    y0 = map(jnp.asarray, y0)
    times = jnp.asarray(t1)[None] if saveat is None else jnp.asarray(saveat)
    if times.ndim != 1:
        raise ValueError(f"solve: saveat must have rank 1, got shape {times.shape}")
    dtype = jnp.result_type(float, *[x.real.dtype for x in leaves(y0)])

    def field(t: Any, y: Any) -> Any:
        found = f(t, y, *args)
        return map(lambda k, y: jnp.asarray(k).astype(y.dtype), found, y)

    start = jnp.asarray(t0).astype(dtype)
    if dt is None:
        found = _adaptive(tableau, field, y0, start, times.astype(dtype), rtol, atol, max_steps)
    else:
        found = _fixed(tableau, field, y0, start, times.astype(dtype), _steps_between(t0, t1, saveat, dt))
    return found if saveat is not None else found._replace(ts=found.ts[0], ys=map(lambda y: y[0], found.ys))


def _tableau(method: str, dt: float | None) -> Tableau:
    if method not in METHODS:
        known = ", ".join([repr(name) for name in METHODS])
        raise ValueError(f"solve: there is no method {method!r}; write one of {known}")
    if dt is None and not METHODS[method].e:
        raise ValueError(f"solve: method {method!r} has no error estimate for adaptive steps; give dt, or use 'tsit5'")
    return METHODS[method]


# --- fixed steps ------------------------------------------------------------------------------------------------------


def _steps_between(t0: Any, t1: Any, saveat: Any, dt: Any) -> int:
    """How many steps are enough from each time to the next."""
    try:
        times = np.concatenate([[float(t0)], [float(t1)] if saveat is None else np.asarray(saveat, float)])
        longest = float(np.max(np.abs(np.diff(times)), initial=0.0))
        step = abs(float(dt))
    except TypeError as error:
        raise ValueError(
            "solve: with fixed steps t0, t1, saveat and dt decide how many steps there are and must be numbers, not "
            "traced values; close over them, or mark them as static_argnames of jit"
        ) from error
    if not step > 0:
        raise ValueError(f"solve: dt must not be zero, got {dt}")
    return max(ceil(longest / step * (1 - 1e-12)), 1)


def _fixed(tableau: Tableau, f: Field, y0: Any, t0: Any, times: Any, count: int) -> Solution:
    def to_next(state: tuple, end: Any) -> tuple:
        begin, y = state
        h = (end - begin) / count

        def step(i: Any, y: Any) -> Any:
            t = begin + i * h
            return runge_kutta(tableau, f, t, y, h, f(t, y)).y

        y = lax.fori_loop(0, count, step, y)
        return (end, y), y

    _, ys = lax.scan(to_next, (t0, y0), times)
    return Solution(times, ys, jnp.asarray(count * times.size), jnp.asarray(True))


# --- adaptive steps ---------------------------------------------------------------------------------------------------


def _adaptive(
    tableau: Tableau, f: Field, y0: Any, t0: Any, times: Any, rtol: Any, atol: Any, max_steps: int
) -> Solution:
    slope = f(t0, y0)
    h = first_step(f, t0, y0, slope, tableau.order, rtol, atol, times[-1] - t0)
    start = State(t0, y0, slope, h, jnp.ones_like(h), jnp.asarray(0))

    def to_next(state: State, end: Any) -> tuple:
        direction = jnp.sign(end - state.t)

        def is_before(state: State) -> Any:
            return (end - state.t) * direction > 0

        def step(state: State) -> State:
            return tried(tableau, f, state, end, direction, rtol, atol)

        state = lax.while_loop(is_before, step, state, max_steps=max_steps)
        return state, (state.y, (end - state.t) * direction <= 0)

    last, (ys, reached) = lax.scan(to_next, start, times)
    return Solution(times, ys, last.steps, reached.all())
