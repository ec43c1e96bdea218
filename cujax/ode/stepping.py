"""One step of a Runge-Kutta method on a pytree, and how long the next one may be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import cujax.numpy as jnp
from cujax import lax
from cujax.ode.tableaus import Tableau
from cujax.tree import leaves, map

Field = Callable[[Any, Any], Any]  # (t, y) -> dy/dt, a pytree like y
SAFETY, LEAST, MOST = 0.9, 0.2, 10.0  # of the factor by which a step changes; Hairer, Norsett, Wanner, I, sec. II.4


class Step(NamedTuple):
    """y: at the end.  slope: there, where the method knows it, else None.  error: estimated, or None."""

    y: Any
    slope: Any
    error: Any


def combined(weights: Sequence[float], slopes: Sequence[Any]) -> Any:
    """The sum of weighted slopes; those of weight 0 do not enter."""
    terms = [(w, k) for w, k in zip(weights, slopes, strict=False) if w]

    def total(*ks: Any) -> Any:
        found = terms[0][0] * ks[0]
        for (w, _), k in zip(terms[1:], ks[1:], strict=True):
            found = found + w * k
        return found

    return map(total, *[k for _, k in terms])


def runge_kutta(tableau: Tableau, f: Field, t: Any, y: Any, h: Any, slope: Any) -> Step:
    """From (t, y), where the slope is known, to t + h."""
    slopes = [slope]
    for row, c in zip(tableau.a[1:], tableau.c[1:], strict=True):
        slopes.append(f(t + c * h, map(lambda y, k: y + h * k, y, combined(row, slopes))))
    end = map(lambda y, k: y + h * k, y, combined(tableau.b, slopes))
    error = map(lambda k: h * k, combined(tableau.e, slopes)) if tableau.e else None
    return Step(end, slopes[-1] if tableau.is_fsal else None, error)


def norm(error: Any, y0: Any, y1: Any, rtol: Any, atol: Any) -> Any:
    """The root mean square of the error in units of what is tolerated."""

    def squares(e: Any, a: Any, b: Any) -> Any:
        scaled = e / (atol + rtol * jnp.maximum(abs(a), abs(b)))
        return jnp.sum(jnp.square(abs(scaled)))

    found = leaves(map(squares, error, y0, y1))
    return jnp.sqrt(sum(found) / max(sum(x.size for x in leaves(y0)), 1))


def factor(error: Any, before: Any, order: int) -> Any:
    """By how much the next step is longer: a controller on the last two errors (Gustafsson 1991)."""
    small = jnp.finfo(error.dtype).tiny ** 0.25
    error, before = jnp.maximum(error, small), jnp.maximum(before, small)
    return jnp.clip(SAFETY * error ** (-0.7 / order) * before ** (0.4 / order), LEAST, MOST)


def first_step(f: Field, t: Any, y: Any, slope: Any, order: int, rtol: Any, atol: Any, span: Any) -> Any:
    """A length to begin with, positive (Hairer, Norsett, Wanner, Solving Ordinary Differential Equations I, II.4)."""
    d0, d1 = norm(y, y, y, rtol, atol), norm(slope, y, y, rtol, atol)
    h0 = jnp.where((d0 < 1e-5) | (d1 < 1e-5), 1e-6, 0.01 * d0 / jnp.where(d1 < 1e-5, 1, d1))
    h0 = jnp.minimum(h0, abs(span))
    ahead = f(t + jnp.sign(span) * h0, map(lambda y, k: y + jnp.sign(span) * h0 * k, y, slope))
    d2 = norm(map(lambda a, b: a - b, ahead, slope), y, y, rtol, atol) / jnp.where(h0 == 0, 1, h0)
    steepest = jnp.maximum(d1, d2)
    h1 = jnp.where(
        steepest <= 1e-15, jnp.maximum(1e-6, h0 * 1e-3), (0.01 / jnp.where(steepest == 0, 1, steepest)) ** (1 / order)
    )
    return lax.stop_gradient(jnp.minimum(jnp.minimum(100 * h0, h1), abs(span)))


class State(NamedTuple):
    """h: length of the next step, positive.  error: of the last accepted step, in units of what is tolerated."""

    t: Any
    y: Any
    slope: Any
    h: Any
    error: Any
    steps: Any


def tried(tableau: Tableau, f: Field, state: State, end: Any, direction: Any, rtol: Any, atol: Any) -> State:
    """After one step, accepted or not; a step that would pass the end goes there."""
    left = abs(end - state.t)
    is_last = state.h >= left * (1 - 1e-6)
    h = lax.stop_gradient(jnp.where(is_last, left, state.h)) * direction
    step = runge_kutta(tableau, f, state.t, state.y, h, state.slope)
    error = lax.stop_gradient(norm(step.error, state.y, step.y, rtol, atol))
    is_good = error <= 1
    longer = abs(h) * jnp.where(is_good, factor(error, state.error, tableau.order), factor(error, 1.0, tableau.order))
    # a step that was cut short, and was good, says nothing against the length that was meant
    longer = jnp.where(is_good & is_last, jnp.maximum(longer, state.h), longer)
    longer = jnp.where(jnp.isfinite(error), longer, abs(h) * 0.2)
    t = jnp.where(is_last, end, state.t + h)
    new = State(t, step.y, step.slope, longer, error, state.steps)
    kept = map(lambda new, old: jnp.where(is_good, new, old), new, state)
    return kept._replace(h=longer, steps=state.steps + 1)
