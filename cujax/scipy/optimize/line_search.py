"""How far to go along a direction: a step that meets the strong Wolfe conditions.

With phi(a) = f(x + a p), a step is accepted when phi(a) <= phi(0) + c1 a phi'(0) and |phi'(a)| <= c2 |phi'(0)|.  First
the step is doubled until such a step is found or must lie between the last two; then the interval is narrowed, by
the minimum of a cubic through its ends.  (J. Nocedal and S. J. Wright, "Numerical Optimization", 2nd edition,
algorithms 3.5 and 3.6.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from cujax import lax
from cujax.engine.core.array import Array
from cujax.engine.ground import pytree
from cujax.numpy.creation import asarray
from cujax.numpy.logic import isfinite
from cujax.numpy.parts import abs as absolute
from cujax.numpy.products import dot
from cujax.numpy.selection import where
from cujax.numpy.transcendental import sqrt

_C1, _C2 = 1e-4, 0.9


class Point(NamedTuple):
    """A step, with value, slope and gradient there."""

    step: Array
    value: Array
    slope: Array
    gradient: Array


class Search(NamedTuple):
    """The accepted point, or if there is none the best one; how it went: 0, or 3 or 5 for a failure in the second or
    first part; and how often the function was evaluated."""

    point: Point
    status: Array
    evaluations: Array


class _State(NamedTuple):
    step: Array
    low: Point
    high: Point
    is_found: Array
    is_bracketed: Array
    tries: Array


def line_search(
    value_and_grad: Callable, x: Array, direction: Array, value: Array, gradient: Array, maxiter: int = 10
) -> Search:
    """A step from x, where `value_and_grad` has given `value` and `gradient`; each part takes up to `maxiter` steps."""
    slope = dot(gradient, direction)
    origin = Point(asarray(0, value.dtype), value, slope, gradient)

    def at(step: Array) -> Point:
        value, gradient = value_and_grad(x + step * direction)
        return Point(step, value, dot(gradient, direction), gradient)

    def is_high(p: Point) -> Array:
        return (p.value > value + _C1 * p.step * slope) | ~isfinite(p.value)

    def is_flat(p: Point) -> Array:
        return absolute(p.slope) <= -_C2 * slope

    found = _bracket(at, is_high, is_flat, origin, maxiter)
    final = _narrow(at, is_high, is_flat, found, maxiter)
    status = where(final.is_found, 0, where(final.is_bracketed, 3, 5))
    return Search(final.low, status, final.tries)


def _choose(condition: Array, p: Point, q: Point) -> Point:
    return Point(*pytree.map(lambda a, b: where(condition, a, b), tuple(p), tuple(q)))


def _bracket(at: Callable, is_high: Callable, is_flat: Callable, origin: Point, maxiter: int) -> _State:
    """Until the last point is accepted, or it and the one before enclose such points; `low` is the lower of them."""

    def goes_on(s: _State) -> Array:
        return ~(s.is_found | s.is_bracketed) & (s.tries < maxiter)

    def step(s: _State) -> _State:
        point = at(s.step)
        high = is_high(point) | ((point.value >= s.low.value) & (s.tries > 0))
        found = ~high & is_flat(point)
        rises = ~high & ~found & (point.slope >= 0)
        low = _choose(high, s.low, point)
        return _State(2 * s.step, low, _choose(high, point, s.low), found, high | rises, s.tries + 1)

    false = asarray(False)
    return lax.while_loop(goes_on, step, _State(origin.step + 1, origin, origin, false, false, asarray(0)))


def _narrow(at: Callable, is_high: Callable, is_flat: Callable, start: _State, maxiter: int) -> _State:
    """The interval between low and high, narrowed until a point is accepted, which becomes low."""

    def goes_on(s: _State) -> Array:
        return s.is_bracketed & ~s.is_found & (s.tries < start.tries + maxiter)

    def step(s: _State) -> _State:
        point = at(_between(s.low, s.high))
        high = is_high(point) | (point.value >= s.low.value)
        found = ~high & is_flat(point)
        turned = point.slope * (s.high.step - s.low.step) >= 0
        ends = _choose(high, point, _choose(turned, s.low, s.high))
        return s._replace(low=_choose(high, s.low, point), high=ends, is_found=found, tries=s.tries + 1)

    return lax.while_loop(goes_on, step, start)


def _between(low: Point, high: Point) -> Array:
    """The minimum of the cubic with these values and slopes, or, where it is near an end or none, the middle."""
    width = high.step - low.step
    d1 = low.slope + high.slope - 3 * (low.value - high.value) / (low.step - high.step)
    d2 = sqrt(d1 * d1 - low.slope * high.slope)
    d2 = where(width > 0, d2, -d2)
    cubic = high.step - width * (high.slope + d2 - d1) / (high.slope - low.slope + 2 * d2)
    part = (cubic - low.step) / width
    return where((part > 0.1) & (part < 0.9), cubic, low.step + 0.5 * width)

