"""Cubic interpolants of points on a line: each is fixed by its slopes at the points, and how these are chosen.

`CubicSpline` makes the second derivative continuous, which takes a tridiagonal system; `PchipInterpolator` keeps what
is monotone monotone; `Akima1DInterpolator` lets no point disturb more than its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from cujax import lax
from cujax import numpy as jnp
from cujax.engine.core.array import Array
from cujax.engine.core.trace import Tracer
from cujax.engine.ground import dtypes
from cujax.engine.ground.pytree import register_pytree_node_class
from cujax.engine.ops.axes import canonical_axis
from cujax.scipy.interpolate.piecewise import Extrapolate, PPoly, floats


class _Data(NamedTuple):
    """Points with their axis in front; widths of intervals, aligned with y, and slopes of the lines across them."""

    x: Array
    y: Array
    width: Array
    slope: Array


def _data(name: str, x: Any, y: Any, axis: int) -> _Data:
    x, y = floats(x, y)
    axis = canonical_axis(axis, y.ndim)
    y = jnp.moveaxis(y, axis, 0)
    if x.ndim != 1 or len(x) < 2 or len(y) != len(x):
        raise ValueError(
            f"{name}: x must have rank 1 and 2 elements at least, and y as many along axis {axis}; got shapes "
            f"{x.shape} and {y.shape} (that axis first)"
        )
    if not isinstance(x, Tracer) and not bool((jnp.diff(x) > 0).all()):
        raise ValueError(f"{name}: x must increase strictly")
    width = jnp.diff(x).reshape(-1, *(1,) * (y.ndim - 1))
    return _Data(x, y, width, jnp.diff(y, axis=0) / width)


def _coefficients(data: _Data, s: Array) -> Array:
    """Of the cubics with slopes `s` at the points, highest power first."""
    excess = (s[:-1] + s[1:] - 2 * data.slope) / data.width
    return jnp.stack([excess / data.width, (data.slope - s[:-1]) / data.width - excess, s[:-1], data.y[:-1]])


class _Cubic(PPoly):
    """A `PPoly` made of points and slopes."""

    def _set(self, data: _Data, slopes: Array, axis: int, extrapolate: Extrapolate) -> None:
        self.x, self.c = data.x, _coefficients(data, slopes)
        self.axis, self.extrapolate = canonical_axis(axis, data.y.ndim), extrapolate


# --- splines ----------------------------------------------------------------------------------------------------------


@register_pytree_node_class
class CubicSpline(_Cubic):
    """The cubic spline through points: twice continuously differentiable (C. de Boor, "A Practical Guide to Splines").

    x: (n,), increasing.  y: array with n elements along `axis`.  bc_type: what holds at both ends, or a pair for first
    and last: "not-a-knot", the first two pieces are one cubic; "natural", the second derivative is 0; "clamped", the
    first is; (order, value), the derivative of order 1 or 2 is `value`; "periodic", for both, where y[0] == y[-1].
    extrapolate: as `PPoly`; None: "periodic" for that boundary, else True.
    ValueError for shapes that do not fit, for x that does not increase, for another bc_type, and for y that does not
    come back to its first value where it is to be periodic.
    """

    def __init__(
        self, x: Any, y: Any, axis: int = 0, bc_type: Any = "not-a-knot", extrapolate: Extrapolate = None
    ) -> None:
        data = _data("CubicSpline", x, y, axis)
        is_periodic = isinstance(bc_type, str) and bc_type == "periodic"
        if is_periodic:
            _check_closed(data.y)
        slopes = _periodic_slopes(data) if is_periodic else _spline_slopes(data, *_ends(bc_type))
        self._set(data, slopes, axis, ("periodic" if is_periodic else True) if extrapolate is None else extrapolate)


def _check_closed(y: Array) -> None:
    near = 8 * float(jnp.finfo(y.dtype).eps)
    if not isinstance(y, Tracer) and not bool(jnp.allclose(y[0], y[-1], near, near)):
        raise ValueError("CubicSpline: with bc_type='periodic' the first and the last y must be equal")


def _ends(bc_type: Any) -> list[Any]:
    pair = [bc_type, bc_type] if isinstance(bc_type, str) else list(bc_type)
    known = {"natural": (2, 0.0), "clamped": (1, 0.0), "not-a-knot": None}
    if len(pair) != 2 or any(isinstance(end, str) and end not in known for end in pair):
        raise ValueError(
            f"CubicSpline: bc_type must be 'periodic' or, for both ends or each, one of {', '.join(map(repr, known))} "
            f"or (order, value); got {bc_type!r}"
        )
    ends = [known[end] if isinstance(end, str) else tuple(end) for end in pair]
    if any(end is not None and (len(end) != 2 or end[0] not in (1, 2)) for end in ends):
        raise ValueError(f"CubicSpline: a derivative at an end must be (1, value) or (2, value), got {bc_type!r}")
    return ends


class _Row(NamedTuple):
    """An equation at an end: diagonal * s_end + beside * s_next = right."""

    diagonal: Any
    beside: Any
    right: Any


def _spline_slopes(data: _Data, first: Any, last: Any) -> Array:
    if len(data.x) == 2:  # too few points for a knot that is none: a line, if nothing else is said
        first, last = (end or (1, data.slope[0]) for end in (first, last))
    if len(data.x) == 3 and first is None and last is None:
        return _parabola_slopes(data)
    h, slope = data.width, data.slope
    top = _end_row(first, h, slope, 1)
    bottom = _end_row(last, h[::-1], slope[::-1], -1)
    right = 3 * (h[1:] * slope[:-1] + h[:-1] * slope[1:])
    return _solved(data, h[1:], 2 * (h[:-1] + h[1:]), h[:-1], right, top, bottom)


def _end_row(end: Any, h: Array, slope: Array, sign: int) -> _Row:
    """The equation at the end from which h and slope count; `sign` is -1 where they count backwards."""
    if end is None:
        both = h[0] + h[1]
        right = ((h[0] + 2 * both) * h[1] * slope[0] + h[0] ** 2 * slope[1]) / both
        return _Row(h[1], both, right)
    order, value = end
    if order == 1:
        return _Row(jnp.ones_like(h[0]), jnp.zeros_like(h[0]), jnp.broadcast_to(jnp.asarray(value), slope.shape[1:]))
    return _Row(2 * h[0], h[0], 3 * h[0] * slope[0] - sign * 0.5 * h[0] ** 2 * jnp.asarray(value))


def _parabola_slopes(data: _Data) -> Array:
    """Of the parabola through three points."""
    h, slope = data.width, data.slope
    curve = (slope[1] - slope[0]) / (h[0] + h[1])
    return jnp.stack([slope[0] - curve * h[0], slope[0] + curve * h[0], slope[1] + curve * h[1]])


def _solved(data: _Data, lower: Array, diagonal: Array, upper: Array, right: Array, top: _Row, bottom: _Row) -> Array:
    """The solution of the tridiagonal system with these inner rows, for every column of y."""
    n, rest = len(data.x), data.y.shape[1:]
    zero = jnp.zeros((1,), data.x.dtype)
    dl = jnp.concatenate([zero, lower.ravel(), jnp.ravel(bottom.beside)])
    d = jnp.concatenate([jnp.ravel(top.diagonal), diagonal.ravel(), jnp.ravel(bottom.diagonal)])
    du = jnp.concatenate([jnp.ravel(top.beside), upper.ravel(), zero])
    ends = [jnp.broadcast_to(row.right, rest).astype(data.y.dtype)[None] for row in (top, bottom)]
    b = jnp.concatenate([ends[0], right, ends[1]]).reshape(n, -1)
    return _tridiagonal_solve(dl, d, du, b).reshape(data.y.shape)


def _tridiagonal_solve(dl: Array, d: Array, du: Array, b: Array) -> Array:
    if dtypes.is_complex(b.dtype):
        parts = (lax.linalg.tridiagonal_solve(dl, d, du, part) for part in (b.real, b.imag))
        return lax.complex(*parts)
    return lax.linalg.tridiagonal_solve(dl, d, du, b)


def _periodic_slopes(data: _Data) -> Array:
    """The system whose corners are not 0: that without them, and a correction of rank 1 (J. Sherman, W. Morrison)."""
    h, slope, n = data.width, data.slope, len(data.x)
    if n == 2:
        return jnp.zeros_like(data.y)
    if n == 3:  # both neighbours of a point are the other one
        mean = jnp.sum(slope / h, 0) / jnp.sum(1 / h, 0)
        return jnp.broadcast_to(mean, data.y.shape)
    before, slope_before = jnp.roll(h, 1, 0), jnp.roll(slope, 1, 0)
    right = 3 * (h * slope_before + before * slope)
    lower, diagonal, upper = (a.ravel() for a in (h, 2 * (before + h), before))
    corner = -diagonal[0]
    d = diagonal.at[0].add(-corner).at[-1].add(-upper[-1] * lower[0] / corner)
    u = jnp.zeros_like(d).at[0].set(corner).at[-1].set(upper[-1])
    both = jnp.concatenate([right.reshape(n - 1, -1), u[:, None].astype(right.dtype)], axis=1)
    found = _tridiagonal_solve(lower.at[0].set(0), d, upper.at[-1].set(0), both)
    y, z = found[:, :-1], found[:, -1:]
    ratio = lower[0] / corner
    s = (y - z * (y[0] + ratio * y[-1]) / (1 + z[0] + ratio * z[-1])).reshape(n - 1, *data.y.shape[1:])
    return jnp.concatenate([s, s[:1]])


# --- slopes from neighbours -------------------------------------------------------------------------------------------


@register_pytree_node_class
class PchipInterpolator(_Cubic):
    """The cubic interpolant that is monotone wherever the points are.

    F. N. Fritsch, J. Butland, "A method for constructing local monotone piecewise cubic interpolants", 1984.
    Arguments as `CubicSpline`; ValueError for complex y.
    """

    def __init__(self, x: Any, y: Any, axis: int = 0, extrapolate: Extrapolate = None) -> None:
        data = _real("PchipInterpolator", _data("PchipInterpolator", x, y, axis))
        self._set(data, _monotone_slopes(data), axis, True if extrapolate is None else extrapolate)


def _real(name: str, data: _Data) -> _Data:
    if dtypes.is_complex(data.y.dtype):
        raise ValueError(f"{name}: only real y are interpolated; interpolate the real and the imaginary part")
    return data


def _monotone_slopes(data: _Data) -> Array:
    h, slope = data.width, data.slope
    if len(data.x) == 2:
        return jnp.broadcast_to(slope, data.y.shape)
    w1, w2 = 2 * h[1:] + h[:-1], h[1:] + 2 * h[:-1]
    turns = jnp.sign(slope[1:]) * jnp.sign(slope[:-1]) <= 0
    a, b = (jnp.where(turns, 1, part) for part in (slope[:-1], slope[1:]))
    inner = jnp.where(turns, 0, (w1 + w2) / (w1 / a + w2 / b))
    first = _monotone_end(h[0], h[1], slope[0], slope[1])
    last = _monotone_end(h[-1], h[-2], slope[-1], slope[-2])
    return jnp.concatenate([first[None], inner, last[None]])


def _monotone_end(h0: Array, h1: Array, m0: Array, m1: Array) -> Array:
    """The slope of the parabola through three points, held back where it would not be monotone."""
    d = ((2 * h0 + h1) * m0 - h0 * m1) / (h0 + h1)
    is_steep = (jnp.sign(m0) != jnp.sign(m1)) & (jnp.abs(d) > 3 * jnp.abs(m0))
    return jnp.where(jnp.sign(d) != jnp.sign(m0), 0, jnp.where(is_steep, 3 * m0, d))


@register_pytree_node_class
class Akima1DInterpolator(_Cubic):
    """The cubic interpolant with slopes that are means of those beside, without wiggles at outliers.

    H. Akima, "A new method of interpolation and smooth curve fitting based on local procedures", 1970.
    method: "akima", or "makima", which keeps flat parts flat.  extrapolate: False by default.  Other arguments as
    `CubicSpline`.
    """

    def __init__(
        self, x: Any, y: Any, axis: int = 0, *, method: str = "akima", extrapolate: Extrapolate = None
    ) -> None:
        if method not in _AKIMA_WEIGHTS:
            raise NotImplementedError(f"Akima1DInterpolator: method must be 'akima' or 'makima', got {method!r}")
        data = _real("Akima1DInterpolator", _data("Akima1DInterpolator", x, y, axis))
        slopes = _akima_slopes(data, _AKIMA_WEIGHTS[method])
        self._set(data, slopes, axis, False if extrapolate is None else extrapolate)


_AKIMA_WEIGHTS: dict[str, Callable[[Array], Array]] = {
    "akima": lambda m: jnp.abs(jnp.diff(m, axis=0)),
    "makima": lambda m: jnp.abs(jnp.diff(m, axis=0)) + 0.5 * jnp.abs(m[1:] + m[:-1]),
}


def _akima_slopes(data: _Data, weights: Callable[[Array], Array]) -> Array:
    if len(data.x) == 2:
        return jnp.broadcast_to(data.slope, data.y.shape)
    m = data.slope
    before = 2 * m[0] - m[1]
    behind = 2 * m[-1] - m[-2]
    m = jnp.concatenate([jnp.stack([2 * before - m[0], before]), m, jnp.stack([behind, 2 * behind - m[-1]])])
    w = weights(m)
    left, right = w[2:], w[:-2]  # of the slope on the left and on the right of each point
    total = left + right
    is_kink = total <= 1e-9 * jnp.max(total, initial=-jnp.inf)
    mean = (left * m[1:-2] + right * m[2:-1]) / jnp.where(is_kink, 1, total)
    return jnp.where(is_kink, 0.5 * (m[1:-2] + m[2:-1]), mean)
