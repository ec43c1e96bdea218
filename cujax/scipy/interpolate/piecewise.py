"""`PPoly`: functions that are polynomials between knots; what the cubic interpolants are."""

from __future__ import annotations

import math
from typing import Any

from cujax import numpy as jnp
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.engine.ground.pytree import register_pytree_node_class

Extrapolate = bool | str | None


def floats(*arrays: Any) -> list[Array]:
    """Arrays in one floating-point or complex dtype, in which the first has its real kind."""
    found = [jnp.asarray(a) for a in arrays]
    common = jnp.result_type(float, *found)
    return [a.astype(common if dtypes.is_complex(a.dtype) else dtypes.to_real(common)) for a in found]


@register_pytree_node_class
class PPoly:
    """The sum over m of c[m, i] (x - x[i])**(k - m) for x between knots i and i + 1, where k + 1 is the length of c.

    c: (k + 1, n - 1, ...).  x: (n,), increasing knots.  extrapolate: outside the knots, True: the outermost polynomials
    go on; False: NaN; "periodic": the function repeats.  axis: where the axis of places stands in results.
    """

    def __init__(self, c: Any, x: Any, extrapolate: Extrapolate = None, axis: int = 0) -> None:
        self.x, self.c = floats(x, c)
        self.extrapolate: Extrapolate = True if extrapolate is None else extrapolate
        self.axis = axis
        if self.x.ndim != 1 or self.x.size < 2:
            raise ValueError(f"PPoly: x must have rank 1 and 2 knots at least, got shape {self.x.shape}")
        if self.c.ndim < 2 or self.c.shape[1] != len(self.x) - 1 or not len(self.c):
            raise ValueError(
                f"PPoly: c must have shape (k, {max(self.x.size - 1, 0)}, ...) for {self.x.size} knots, got "
                f"{self.c.shape} and {self.x.shape}"
            )
        if not 0 <= axis < self.c.ndim - 1:
            raise ValueError(f"PPoly: axis must be at least 0 and less than {self.c.ndim - 1}, got {axis}")

    def tree_flatten(self) -> tuple:
        """The arrays, and what is no array."""
        return (self.c, self.x), (self.extrapolate, self.axis)

    @classmethod
    def tree_unflatten(cls, fixed: tuple, arrays: tuple) -> PPoly:
        """An instance of these parts, which may be placeholders."""
        self = object.__new__(cls)
        (self.c, self.x), (self.extrapolate, self.axis) = arrays, fixed
        return self

    def __call__(self, x: Any, nu: int = 0, extrapolate: Extrapolate = None) -> Array:
        """The derivative of order `nu` (0: the value) at x: results have x's axes in place of `axis`."""
        extrapolate = self.extrapolate if extrapolate is None else extrapolate
        at = jnp.asarray(x).astype(jnp.result_type(self.x, jnp.asarray(x)))
        if extrapolate == "periodic":
            at = self.x[0] + jnp.mod(at - self.x[0], self.x[-1] - self.x[0])
        piece = jnp.clip(jnp.searchsorted(self.x, at, side="right") - 1, 0, len(self.x) - 2)
        distance = _aligned(at - self.x[piece], self.c.ndim - 2)
        out = _horner(self.c[:, piece], distance, nu)
        if extrapolate is False:
            is_outside = ~((at >= self.x[0]) & (at <= self.x[-1]))
            out = jnp.where(_aligned(is_outside, self.c.ndim - 2), jnp.nan, out)
        return moved_to(out, at.ndim, self.axis)

    def derivative(self, nu: int = 1) -> PPoly:
        """The derivative of order `nu`, another such function; a negative order means the antiderivative."""
        if nu < 0:
            return self.antiderivative(-nu)
        degree = len(self.c) - 1
        factors = [_falling(degree - m, nu) for m in range(max(degree + 1 - nu, 0))]
        c = jnp.stack([f * self.c[m] for m, f in enumerate(factors)]) if factors else jnp.zeros_like(self.c[:1])
        return PPoly(c, self.x, self.extrapolate, self.axis)

    def antiderivative(self, nu: int = 1) -> PPoly:
        """The function that is 0 at the first knot and whose derivative of order `nu` is this.

        That of a periodic function is none, and is defined between the knots.
        """
        found = self
        for _ in range(nu):
            powers = jnp.arange(len(found.c), 0, -1, dtype=found.x.dtype)
            raised = found.c / _aligned(powers, found.c.ndim - 1)
            ends = _horner_of(raised, found.x)
            starts = jnp.concatenate([jnp.zeros_like(ends[:1]), jnp.cumsum(ends, 0)[:-1]])
            extrapolate = False if found.extrapolate == "periodic" else found.extrapolate
            found = PPoly(jnp.concatenate([raised, starts[None]]), found.x, extrapolate, found.axis)
        return found

    def integrate(self, a: Any, b: Any, extrapolate: Extrapolate = None) -> Array:
        """The integral from a to b; NaN where it leaves the knots and `extrapolate` is False."""
        extrapolate = self.extrapolate if extrapolate is None else extrapolate
        found = self.antiderivative()
        if extrapolate != "periodic":
            return found(b, 0, extrapolate) - found(a, 0, extrapolate)
        start, period = self.x[0], self.x[-1] - self.x[0]
        whole = found(self.x[-1], 0, True)

        def from_start(end: Any) -> Array:
            periods = jnp.floor((jnp.asarray(end) - start) / period)
            return periods * whole + found(jnp.asarray(end) - periods * period, 0, True)

        return from_start(b) - from_start(a)


def _aligned(x: Array, more: int) -> Array:
    return x.reshape(x.shape + (1,) * more)


def _falling(n: int, count: int) -> int:
    """n (n - 1) ... with `count` factors: what differentiating x**n so often gives."""
    return math.perm(n, count) if n >= count else 0


def _horner(c: Array, distance: Array, nu: int) -> Array:
    degree = len(c) - 1
    out = jnp.zeros(jnp.broadcast_shapes(c.shape[1:], distance.shape), jnp.result_type(c, distance))
    for m in range(degree + 1 - nu):
        out = out * distance + _falling(degree - m, nu) * c[m]
    return out


def _horner_of(raised: Array, x: Array) -> Array:
    """The integral over each piece, from the coefficients of its antiderivative without the constant."""
    width = _aligned(jnp.diff(x), raised.ndim - 2)
    out = jnp.zeros_like(raised[0])
    for row in raised:
        out = (out + row) * width
    return out


def moved_to(out: Array, count: int, axis: int) -> Array:
    """The first `count` axes brought to where `axis` of the others is."""
    return jnp.moveaxis(out, range(count), range(axis, axis + count)) if axis and count else out
