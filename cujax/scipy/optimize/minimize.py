"""`minimize`: quasi-Newton methods in loops of `lax`, so that they compile, batch and run on the device.

    BFGS      the inverse of the Hessian is a matrix, improved by every step
    L-BFGS    it is a product of the last few steps, never formed

(J. Nocedal and S. J. Wright, "Numerical Optimization", 2nd edition, algorithms 6.1, 7.4 and 7.5.)  Steps are chosen by
`line_search.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from cujax import lax
from cujax.api.derivatives import value_and_grad
from cujax.engine.core.array import Array
from cujax.numpy.arithmetic import maximum
from cujax.numpy.creation import asarray, zeros
from cujax.numpy.logic import isfinite
from cujax.numpy.matrices import eye
from cujax.numpy.norms import norm as norm_of
from cujax.numpy.parts import abs as absolute
from cujax.numpy.products import dot, matmul, outer
from cujax.numpy.reductions import all as all_of
from cujax.numpy.reshaping import roll
from cujax.numpy.selection import where
from cujax.scipy.optimize.line_search import line_search

LBFGS = "l-bfgs-experimental-do-not-rely-on-this"


class OptimizeResults(NamedTuple):
    """What `minimize` found.

    x: where; fun, jac: value and gradient there.  hess_inv: the last estimate of the inverse Hessian (BFGS).
    success: whether the gradient is small enough.  status: 0 for success, 1 after maxiter steps, 2 and 3 after too many
    evaluations of function or gradient (L-BFGS), 3 and 5 where no step could be found, 4 where the function no longer
    falls (L-BFGS).  nfev, njev, nit: numbers of evaluations of function and gradient, and of steps.
    """

    x: Array
    success: Any
    status: Any
    fun: Array
    jac: Array
    hess_inv: Array | None
    nfev: Any
    njev: Any
    nit: Any


def minimize(
    fun: Callable, x0: Array, args: tuple = (), *, method: str, tol: float | None = None,
    options: Mapping[str, Any] | None = None,
) -> OptimizeResults:
    """A local minimum of `fun(x, *args)`, a scalar, beginning at the vector x0.

    method: "BFGS", or "l-bfgs-experimental-do-not-rely-on-this".  tol: the option gtol.  Options of both: `maxiter`,
    by default 200 times the number of unknowns for BFGS; `gtol` (1e-5) and `norm` (inf), the order of the norm of the
    gradient that must fall below it; of BFGS `line_search_maxiter` (10); of L-BFGS `maxcor` (10), how many steps it
    remembers, `ftol`, the least relative decrease of a step, `maxfun`, `maxgrad` and `maxls` (20).
    Derivatives of the result are not defined; see `lax.custom_root`.

    TypeError for args that are no tuple, for options that are not known, and for x0 that is no vector of floats;
    ValueError for another method.
    """
    if not isinstance(args, tuple):
        raise TypeError(f"args argument to cujax.scipy.optimize.minimize must be a tuple, got {args}")
    x = asarray(x0)
    if x.ndim != 1:
        raise TypeError(f"minimize: x0 must be a vector, got shape {x.shape}. Use x0.ravel(), and reshape within fun.")
    settings = {**({} if tol is None else {"gtol": tol}), **(options or {})}
    function = value_and_grad(lambda x: fun(x, *args))
    name = method.lower()
    if name == "bfgs":
        return _minimize_bfgs(function, x, **settings)
    if name == LBFGS:
        return _minimize_lbfgs(function, x, **settings)
    raise ValueError(f"Method {method} not recognized")


# --- bfgs -------------------------------------------------------------------------------------------------


class _State(NamedTuple):
    x: Array
    value: Array
    gradient: Array
    model: Any  # of the inverse Hessian
    status: Array  # -1 while it goes on
    evaluations: Array
    steps: Array


def _minimize_bfgs(
    function: Callable, x: Array, /, maxiter: int | None = None, norm: Any = np.inf, gtol: float = 1e-5,
    line_search_maxiter: int = 10,
) -> OptimizeResults:
    limit = 200 * x.size if maxiter is None else maxiter

    def step(s: _State) -> _State:
        direction = -matmul(s.model, s.gradient)
        search = line_search(function, s.x, direction, s.value, s.gradient, line_search_maxiter)
        moved = search.point.step * direction
        model = _improved(s.model, moved, search.point.gradient - s.gradient)
        done = norm_of(search.point.gradient, norm) < gtol
        status = where(done, 0, where(search.status > 0, search.status, where(s.steps + 1 >= limit, 1, -1)))
        return _State(
            s.x + moved, search.point.value, search.point.gradient, model, status,
            s.evaluations + search.evaluations, s.steps + 1,
        )

    start = _start(function, x, eye(x.size, dtype=x.dtype), norm, gtol, limit)
    return _results(lax.while_loop(lambda s: s.status < 0, step, start), lambda s: s.model)


def _start(function: Callable, x: Array, model: Any, norm: Any, gtol: Any, limit: Any) -> _State:
    value, gradient = function(x)
    status = where(norm_of(gradient, norm) < gtol, 0, where(asarray(limit) <= 0, 1, -1))
    return _State(x, value, gradient, model, status, asarray(1), asarray(0))


def _results(s: _State, inverse: Callable[[_State], Array | None]) -> OptimizeResults:
    return OptimizeResults(
        s.x, s.status == 0, _weak(s.status), s.value, s.gradient, inverse(s), _weak(s.evaluations),
        _weak(s.evaluations), _weak(s.steps),
    )


def _weak(count: Array) -> Array:
    return lax.convert_element_type_p.bind(count, new_dtype=count.dtype, weak_type=True)


def _improved(inverse: Array, moved: Array, turned: Array) -> Array:
    """The estimate that maps the change of the gradient to the step; as it was where they are orthogonal."""
    rho = 1 / dot(turned, moved)
    left = eye(moved.size, dtype=moved.dtype) - rho * outer(moved, turned)
    new = matmul(matmul(left, inverse), left.T) + rho * outer(moved, moved)
    return where(isfinite(rho) & all_of(isfinite(new)), new, inverse)


# --- l-bfgs -----------------------------------------------------------------------------------------------


class _History(NamedTuple):
    """The last steps, latest last: how x moved and the gradient turned, 1 / their product (0: none); and a scale."""

    moved: Array
    turned: Array
    rho: Array
    gamma: Array


def _minimize_lbfgs(
    function: Callable, x: Array, /, maxiter: int | None = None, norm: Any = np.inf, maxcor: int = 10,
    ftol: float = 2.220446049250313e-09, gtol: float = 1e-05, maxfun: int | None = None, maxgrad: int | None = None,
    maxls: int = 20,
) -> OptimizeResults:
    limits = [
        (1, (lambda s: s.steps), 200 * x.size if maxiter is None else maxiter),
        (2, (lambda s: s.evaluations), maxfun), (3, (lambda s: s.evaluations), maxgrad),
    ]

    def step(s: _State) -> _State:
        direction = -_product(s.model, s.gradient)
        search = line_search(function, s.x, direction, s.value, s.gradient, maxls)
        moved, turned = search.point.step * direction, search.point.gradient - s.gradient
        decrease = (s.value - search.point.value) / maximum(maximum(absolute(s.value), absolute(search.point.value)), 1)
        new = _State(
            s.x + moved, search.point.value, search.point.gradient, _remembered(s.model, moved, turned), s.status,
            s.evaluations + search.evaluations, s.steps + 1,
        )
        status = where(decrease <= ftol, 4, -1)
        status = where(search.status > 0, 5, status)
        for code, count, limit in reversed(limits):
            status = status if limit is None else where((status < 0) & (count(new) >= limit), code, status)
        return new._replace(status=where(norm_of(new.gradient, norm) < gtol, 0, status))

    rows = zeros((maxcor, x.size), x.dtype)
    history = _History(rows, rows, zeros((maxcor,), x.dtype), asarray(1, x.dtype))
    start = _start(function, x, history, norm, gtol, limits[0][2])
    return _results(lax.while_loop(lambda s: s.status < 0, step, start), lambda s: None)


def _remembered(history: _History, moved: Array, turned: Array) -> _History:
    """With one more step, in place of the oldest; unchanged by a step of no use."""
    product = dot(moved, turned)

    def added(rows: Array, new: Array) -> Array:
        return where(product > 0, roll(rows, -1, 0).at[-1].set(new), rows)

    return _History(
        added(history.moved, moved), added(history.turned, turned), added(history.rho, 1 / product),
        where(product > 0, product / dot(turned, turned), history.gamma),
    )


def _product(history: _History, gradient: Array) -> Array:
    """The estimated inverse Hessian times the gradient, by two loops over the steps."""
    moved, turned, rho, gamma = history
    count = rho.shape[0]

    def backward(i: Any, state: Any) -> Any:
        q, factors = state
        k = count - 1 - i
        factor = rho[k] * dot(moved[k], q)
        return q - factor * turned[k], factors.at[k].set(factor)

    def forward(k: Any, r: Array) -> Array:
        return r + moved[k] * (factors[k] - rho[k] * dot(turned[k], r))

    q, factors = lax.fori_loop(0, count, backward, (gradient, zeros((count,), gradient.dtype)))
    return lax.fori_loop(0, count, forward, gamma * q)
