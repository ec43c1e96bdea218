"""`BSpline`: a spline as a sum of basis functions, evaluated by C. de Boor's recursion (1972)."""

from __future__ import annotations

import operator
from typing import Any

from cujax import numpy as jnp
from cujax.engine.core.array import Array
from cujax.engine.ground.pytree import register_pytree_node_class
from cujax.engine.ops.axes import canonical_axis
from cujax.scipy.interpolate.piecewise import Extrapolate, floats, moved_to


@register_pytree_node_class
class BSpline:
    """The sum over i of c[i] B_i(x), with basis functions of degree k on knots t.

    t: (n + k + 1,), not decreasing.  c: array with n elements at least along `axis`.  extrapolate: outside the base
    interval t[k] to t[n], True: the outermost polynomials go on; False: NaN; "periodic": the function repeats.
    ValueError for a negative degree, and for too few knots or coefficients.
    """

    def __init__(self, t: Any, c: Any, k: int, extrapolate: bool | str = True, axis: int = 0) -> None:
        self.t, c = floats(t, c)
        self.k, self.extrapolate, self.axis = operator.index(k), extrapolate, canonical_axis(axis, c.ndim)
        self.c = jnp.moveaxis(c, self.axis, 0)
        n = self.t.size - self.k - 1
        if self.k < 0 or self.t.ndim != 1 or n < self.k + 1 or len(self.c) < n:
            raise ValueError(
                f"BSpline: degree {k} needs 2 * {k} + 2 knots at least and a coefficient for all but {k} + 1 of them; "
                f"got shapes {self.t.shape} and {c.shape}"
            )

    def tree_flatten(self) -> tuple:
        """The arrays, and what is no array."""
        return (self.t, self.c), (self.k, self.extrapolate, self.axis)

    @classmethod
    def tree_unflatten(cls, fixed: tuple, arrays: tuple) -> BSpline:
        """An instance of these parts, which may be placeholders."""
        self = object.__new__(cls)
        (self.t, self.c), (self.k, self.extrapolate, self.axis) = arrays, fixed
        return self

    @property
    def _n(self) -> int:
        return self.t.size - self.k - 1

    def __call__(self, x: Any, nu: int = 0, extrapolate: Extrapolate = None) -> Array:
        """The derivative of order `nu` (0: the value) at x: results have x's axes in place of `axis`."""
        extrapolate = self.extrapolate if extrapolate is None else extrapolate
        at = jnp.asarray(x).astype(jnp.result_type(self.t, jnp.asarray(x)))
        start, end = self.t[self.k], self.t[self._n]
        if extrapolate == "periodic":
            at = start + jnp.mod(at - start, end - start)
        out = self.derivative(nu)._evaluated(at) if nu <= self.k else self._zeros(at)
        if extrapolate is False:
            is_outside = ~((at >= start) & (at <= end))
            out = jnp.where(is_outside.reshape(at.shape + (1,) * (self.c.ndim - 1)), jnp.nan, out)
        return moved_to(out, at.ndim, self.axis)

    def _zeros(self, at: Array) -> Array:
        return jnp.zeros(at.shape + self.c.shape[1:], jnp.result_type(self.c, at))

    def _evaluated(self, at: Array) -> Array:
        """k rounds of weighted means of neighbours, of the k + 1 coefficients that count in the knot interval of x."""
        t, k = self.t, self.k
        span = jnp.clip(jnp.searchsorted(t, at, side="right") - 1, k, self._n - 1)
        more = (1,) * (self.c.ndim - 1)
        d = [self.c[span - k + j] for j in range(k + 1)]
        for r in range(1, k + 1):
            for j in range(k, r - 1, -1):
                low, high = t[span - k + j], t[span + 1 + j - r]
                part = ((at - low) / jnp.where(high == low, 1, high - low)).reshape(at.shape + more)
                d[j] = (1 - part) * d[j - 1] + part * d[j]
        return d[k]

    def derivative(self, nu: int = 1) -> BSpline:
        """The derivative of order `nu`: a spline of a degree lower by nu, with coefficients that are differences."""
        if nu < 0:
            raise ValueError(f"BSpline: nu={nu} is no order of a derivative; antiderivatives are not there")
        if nu > self.k:
            raise ValueError(f"BSpline: a spline of degree {self.k} has no derivative of order {nu}")
        t, c, k = self.t, self.c, self.k
        for _ in range(nu):
            n = t.size - k - 1
            gap = t[k + 1 : k + n] - t[1:n]
            steps = (c[1:n] - c[: n - 1]) / jnp.where(gap == 0, 1, gap).reshape(-1, *(1,) * (c.ndim - 1))
            t, c, k = t[1:-1], k * steps, k - 1
        return self.tree_unflatten((k, self.extrapolate, self.axis), (t, c))
