"""Derivatives checked against finite differences, in one random direction: `check_grads` leads through it.

For a tangent t and a cotangent c of random numbers, with a central difference D in place of the derivative along t:

    forwards    jvp(f)(x, t) = D                   backwards    <vjp(f)(x)(c), t> = <c, D>

One direction costs two evaluations however many elements there are, and hardly any mistake hides from it.  A product of
complex numbers counts by its real part, without conjugation, as `vjp` means it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from cujax.api.derivatives import jvp, vjp
from cujax.engine.ground import dtypes, pytree
from cujax.numpy.creation import asarray

__all__ = ["check_grads", "check_jvp", "check_vjp"]

_TOLERANCE = {
    "float16": 3e-2, "bfloat16": 3e-1, "float32": 2e-3, "complex64": 2e-3, "float64": 1e-5, "complex128": 1e-5,
}
_SEED = 0


def check_grads(
    f: Callable,
    args: Sequence[Any],
    order: int,
    modes: Sequence[str] = ("fwd", "rev"),
    atol: float | None = None,
    rtol: float | None = None,
    eps: float | None = None,
) -> None:
    """Compare derivatives of f at `args` up to `order` with finite differences; AssertionError where they differ.

    f: from arrays, or pytrees of them, to a pytree of arrays; all of floating-point or complex dtype.  args: a tuple of
    its arguments.  modes: "fwd" checks `jvp`, "rev" checks `vjp`; at higher orders every sequence of both.  atol, rtol:
    by default 2e-3 for float32 and 1e-5 for float64.  eps: of the difference (f(x + eps t) - f(x - eps t)) / (2 eps);
    by default the cube root of the rounding error of the arguments and results, where both errors are about the same.
    """
    args = tuple(args)
    if order < 1:
        return
    step = _step((args, f(*args))) if eps is None else eps

    def check(f: Callable, order: int, path: str) -> None:
        if "fwd" in modes:
            check_jvp(f, partial(jvp, f), args, atol, rtol, step, f"JVP of {path}")
            if order > 1:
                check(lambda *xs: jvp(f, xs, _random_like(xs, _SEED + 1))[1], order - 1, f"JVP of {path}")
        if "rev" in modes:
            check_vjp(f, partial(vjp, f), args, atol, rtol, step, f"VJP of {path}")
            if order > 1:
                check(lambda *xs: _pulled_back(f, xs), order - 1, f"VJP of {path}")

    check(f, order, getattr(f, "__name__", "f"))


def _pulled_back(f: Callable, xs: Sequence[Any]) -> Any:
    out, pull_back = vjp(f, *xs)
    return pull_back(_random_like(out, _SEED + 2))


def check_jvp(
    f: Callable, f_jvp: Callable, args: Sequence[Any], atol: float | None = None, rtol: float | None = None,
    eps: float = 1e-4, err_msg: str = "",
) -> None:
    """Compare `f_jvp(args, tangents)`, values and tangents of f, with f and a finite difference of it.

    Arguments as `check_grads`; err_msg begins the text of the AssertionError.
    """
    args = tuple(args)
    tangents = _random_like(args, _SEED)
    value, tangent = f_jvp(args, tangents)
    _compare(value, f(*args), atol, rtol, f"{err_msg} primal")
    _compare(tangent, _difference(f, args, tangents, eps), atol, rtol, f"{err_msg} tangent")


def check_vjp(
    f: Callable, f_vjp: Callable, args: Sequence[Any], atol: float | None = None, rtol: float | None = None,
    eps: float = 1e-4, err_msg: str = "",
) -> None:
    """Compare `f_vjp(*args)`, value and pullback of f, with f and the projection of a finite difference of it.

    Arguments as `check_grads`; err_msg begins the text of the AssertionError.
    """
    args = tuple(args)
    value, pull_back = f_vjp(*args)
    _compare(value, f(*args), atol, rtol, f"{err_msg} primal")
    tangents = _random_like(args, _SEED)
    ct = _random_like(value, _SEED + 1)
    found = _product(pull_back(ct), tangents)
    expected = _product(ct, _difference(f, args, tangents, eps))
    _compare(found, expected, atol, rtol, f"{err_msg} cotangent projection", _coarsest((args, value)))


# --- numbers ----------------------------------------------------------------------------------------------------------


def _step(args: Any) -> float:
    return float(np.cbrt(float(dtypes.finfo(_coarsest(args)).eps)))


def _coarsest(tree: Any) -> Any:
    """The dtype of lowest precision among the leaves."""
    found = [asarray(x).dtype for x in pytree.leaves(tree)]
    floats = [dtype for dtype in found if dtypes.is_inexact(dtype)] or [dtypes.python_scalar_dtype(float)]
    return max(floats, key=lambda dtype: float(dtypes.finfo(dtype).eps))


def _random_like(tree: Any, seed: int) -> Any:
    """Normal numbers in place of the leaves."""
    rng = np.random.default_rng(seed)

    def draw(x: Any) -> Any:
        x = asarray(x)
        values = rng.standard_normal(x.shape)
        if dtypes.is_complex(x.dtype):
            values = values + 1j * rng.standard_normal(x.shape)
        return asarray(values, x.dtype)

    return pytree.map(draw, tree)


def _difference(f: Callable, args: Any, tangents: Any, eps: float) -> Any:
    def at(distance: float) -> Any:
        return f(*pytree.map(lambda x, t: (asarray(x) + distance * t).astype(asarray(x).dtype), args, tangents))

    return pytree.map(lambda b, a: (b - a) / (2 * eps), at(eps), at(-eps))


def _product(a: Any, b: Any) -> Any:
    pairs = zip(pytree.leaves(a), pytree.leaves(b), strict=True)
    wide = [np.real(np.sum(np.asarray(x, np.complex128) * np.asarray(y, np.complex128))) for x, y in pairs]
    return np.sum(wide)


def _compare(
    found: Any, expected: Any, atol: float | None, rtol: float | None, what: str, dtype: Any = None
) -> None:
    for a, b in zip(pytree.leaves(found), pytree.leaves(expected), strict=True):
        if np.shape(a) != np.shape(b):
            raise AssertionError(f"{what}: shape {np.shape(a)} where {np.shape(b)} is expected")
        tolerance = _TOLERANCE.get(str(dtype or asarray(a).dtype), 0.0)
        wide = np.complex128 if np.iscomplexobj(a) else np.float64
        np.testing.assert_allclose(
            np.asarray(a, wide), np.asarray(b, wide), atol=tolerance if atol is None else atol,
            rtol=tolerance if rtol is None else rtol, err_msg=what,
        )
