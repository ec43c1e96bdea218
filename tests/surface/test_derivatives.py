"""Derivatives of generated calls: of first order in both modes, and of second order, are those of JAX.

Each call of `generated.calls` stands for its function, on float64 and complex128 at points where it is smooth.  Where
JAX refuses there is nothing to compare; where they differ, finite differences of our values decide, since some of JAX's
derivatives are wrong.  `check_grads` compares ours with finite differences alone, whatever JAX does.  The suite runs
SAMPLE of the cases, always the same ones, and `make test-full` all of them.
"""

from __future__ import annotations

import os
import random
import re
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import generated
import jax
import jax.numpy
import jax.scipy.signal
import numpy as np
import pytest
from oracle_cases import evaluate

import cujax
import cujax.numpy
from cujax.test_util import check_grads

SAMPLE = 12
COUNT = int(os.environ.get("CUJAX_SURFACE_CASES", 0))
SHAPES = {"linalg": (3, 3), "": (4,)}
ALSO = {"linalg": (2, 3, 3), "": (3, 4)}

# By the text of the case, where the two differ, or finite differences say nothing.
DIFFERENT = {
    r"^jnp\.poly(add|sub)\(x, y\) \S+ 3x4": "vectors alone are polynomials",
}

# The same of `check_grads`.
UNCHECKED = {
    r"^(jnp|lax)\.(nextafter|spacing)\(": "steps between representable numbers have no derivative",
    r"^jnp\.(roots|linalg\.eig(vals)?)\(": "derivatives of eigenvectors are refused, as in JAX",
    r"^scipy\.linalg\.(hessenberg|schur)\(": "derivatives of what the library chooses are refused",
    r"linalg\.(eigh|svd)\(x\) complex128": "vectors are determined up to a phase",
    r"^lax\.(stop_gradient|reduce_precision)\(": "the derivative is not that of the values",
    r"^(jnp|lax)\.sign\(x\) complex128": "constant, as in JAX",
    r"^lax\.clamp\(x, y, z\)": "as in JAX also where the lower bound is the higher one",
    r"^scipy\.linalg\.cho(_factor|lesky)\(": "half of the matrix is read, and derivatives are those of symmetric ones",
    r"^scipy\.special\.(betainc|gammaincc?)\(": "no second derivative by a parameter, nor in JAX",
    r"^scipy\.stats\.(beta|chi2|gamma|gennorm)\.(log)?(cdf|sf)\(": "made of these",
    r"^scipy\.special\.hyp[12]f1\(": "sums of unknown length have no derivative backwards",
}


class Case(NamedTuple):
    """A call at a point where all of its arrays have one shape and dtype."""

    call: str
    dtype: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.call} {self.dtype} {'x'.join(map(str, self.shape))}"

    def point(self) -> list[np.ndarray]:
        """The arrays, away from zeros, ties and integers."""
        draws = np.random.default_rng(list(str(self).encode()))
        number = sum(bool(re.search(rf"\b{name}\b", self.call)) for name in generated.PLACES)
        return [self._array(draws, k) for k in range(number)]

    def _array(self, draws: np.random.Generator, k: int) -> np.ndarray:
        low, high = (0.2, 0.9) if re.match(r"scipy\.(special|stats)", self.call) else (-2.4, 2.4)
        found = draws.uniform(low, high, self.shape)
        found = np.where(abs(found) < 0.05, found + 0.1, found)
        if self.dtype == "complex128":
            found = found + 1j * draws.uniform(-0.9, 0.9, self.shape)
        return found + 4 * np.eye(self.shape[-1]) if "linalg" in self.call else found


def cases() -> list[Case]:
    """All of them."""
    found = []
    for call in generated.calls():
        where = "linalg" if "linalg" in call else ""
        types = generated.FLOATS[1:] if call.startswith("scipy.stats") else ("float64", "complex128")
        found += [Case(call, dtype, shapes[where]) for dtype in types for shapes in (SHAPES, ALSO)]
    return found


class Derivatives(NamedTuple):
    """Along one tangent and one cotangent: flat arrays of what is inexact among the results."""

    forward: list[np.ndarray]
    reverse: list[np.ndarray]
    second: list[np.ndarray]


def function_of(case: Case, root: Any) -> Callable[..., list[Any]]:
    """The inexact results of the call, as a list."""

    def function(*arrays: Any) -> list[Any]:
        names = dict(zip(generated.PLACES, arrays, strict=False))
        out = evaluate(case.call, root.numpy, **names)
        if isinstance(out, Exception):
            raise out
        arrays_out = [x for x in root.tree.leaves(out) if isinstance(x, root.Array)]
        return [x for x in arrays_out if root.numpy.issubdtype(x.dtype, root.numpy.inexact)]

    return function


def along(case: Case, shapes: list[tuple[tuple[int, ...], Any]], seed: int) -> list[np.ndarray]:
    draws = np.random.default_rng(seed)
    parts = [(draws.normal(size=s), draws.normal(size=s), np.dtype(d)) for s, d in shapes]
    return [np.asarray(re + 1j * im if d.kind == "c" else re, d) for re, im, d in parts]


def derivatives(case: Case, root: Any) -> Derivatives | Exception | None:
    """None where nothing is inexact among the results."""
    f, point = function_of(case, root), [root.numpy.asarray(x) for x in case.point()]
    try:
        out = f(*point)
        if not out:
            return None
        tangents = [root.numpy.asarray(t) for t in along(case, [(x.shape, x.dtype) for x in point], 1)]
        cts = [root.numpy.asarray(ct) for ct in along(case, [(x.shape, x.dtype) for x in out], 2)]

        def pulled_back(*xs: Any) -> Any:
            return root.vjp(f, *xs)[1](cts)

        forward = root.jvp(f, tuple(point), tuple(tangents))[1]
        reverse, second = root.jvp(pulled_back, tuple(point), tuple(tangents))
        return Derivatives(*[[np.asarray(x) for x in xs] for xs in (forward, reverse, second)])
    except Exception as error:
        return error


def differences(case: Case) -> Derivatives:
    """The same by finite differences of ours: of values for `forward`, of `reverse` for `second`."""
    f, point, step = function_of(case, cujax), case.point(), 1e-5
    tangents = along(case, [(x.shape, x.dtype) for x in point], 1)
    ends = [[cujax.numpy.asarray(x + s * step * t) for x, t in zip(point, tangents, strict=True)] for s in (-1, 1)]
    cts = along(case, [(x.shape, x.dtype) for x in f(*ends[0])], 2)
    values = [[np.asarray(x) for x in f(*xs)] for xs in ends]
    slopes = [[np.asarray(x) for x in cujax.vjp(f, *xs)[1]([*map(cujax.numpy.asarray, cts)])] for xs in ends]

    def slope(pair: list[list[np.ndarray]]) -> list[np.ndarray]:
        return [(b - a) / (2 * step) for a, b in zip(*pair, strict=True)]

    return Derivatives(slope(values), [], slope(slopes))


def agree_where_finite(found: list[np.ndarray], differences: list[np.ndarray]) -> bool:
    """As `agree`, roughly, where there are differences: not of infinite values."""
    kept = [np.isfinite(d) for d in differences]
    both = [[x[k] for x, k in zip(xs, kept, strict=True)] for xs in (found, differences)]
    return agree(*both, 1e-4)


def agree(found: list[np.ndarray], expected: list[np.ndarray], rtol: float) -> bool:
    if len(found) != len(expected):
        return False
    scale = max([1.0, *[float(abs(e[np.isfinite(e)]).max(initial=0)) for e in expected]])
    return all(
        f.shape == e.shape and f.dtype == e.dtype and np.allclose(f, e, rtol, rtol * scale, equal_nan=True)
        for f, e in zip(found, expected, strict=True)
    )


def paired(case: Case, xs: list[np.ndarray], seed: int) -> float:
    """The product of `xs` with the tangents, or cotangents, of that seed."""
    others = along(case, [(x.shape, x.dtype) for x in xs], seed)
    return float(np.real(sum(np.sum(a * b) for a, b in zip(xs, others, strict=True))))


def check(case: Case) -> None:
    """The derivatives of the call are JAX's, or else right."""
    expected, found = derivatives(case, jax), derivatives(case, cujax)
    if expected is None or isinstance(expected, Exception):
        return
    if isinstance(found, Exception):
        raise found
    assert found is not None
    if any(np.isnan(np.asarray(x)).any() for x in function_of(case, cujax)(*map(cujax.numpy.asarray, case.point()))):
        return  # it is not defined there
    different = [k for k in Derivatives._fields if not agree(getattr(found, k), getattr(expected, k), 1e-7)]
    if not different:
        return
    exact = differences(case)
    wrong = [k for k in ("forward", "second") if not agree_where_finite(getattr(found, k), getattr(exact, k))]
    finite = all(np.isfinite(x).all() for x in found.forward)
    if finite and not np.isclose(paired(case, found.reverse, 1), paired(case, found.forward, 2), 1e-6):
        wrong.append("reverse")
    assert not wrong, "\n".join(f"{k}: {getattr(found, k)}\nJAX: {getattr(expected, k)}" for k in wrong)


def check_alone(case: Case) -> None:
    """`check_grads` to order 2, where the call is defined and its results are finite."""
    f, point = function_of(case, cujax), tuple(map(cujax.numpy.asarray, case.point()))
    try:
        results = f(*point)
    except (TypeError, ValueError, NotImplementedError):
        return
    if results and all(np.isfinite(np.asarray(x)).all() for x in results):
        check_grads(f, point, 2)


def chosen(different: dict[str, str]) -> list[Case]:
    """Small ones for the suite, since JAX compiles long for others."""
    kept = [c for c in cases() if not any(re.search(text, str(c)) for text in different)]
    small = [c for c in kept if c.shape == (4,) and c.dtype == "float64" and not c.call.startswith("scipy")]
    return random.Random(3).sample(kept, min(COUNT, len(kept))) if COUNT else random.Random(3).sample(small, SAMPLE)


@pytest.mark.parametrize("case", chosen(DIFFERENT), ids=str)
def test_derivatives_agree_with_jax(case):
    with jax.enable_x64(True), cujax.enable_x64(True), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(case)


@pytest.mark.parametrize("case", chosen(UNCHECKED), ids=str)
def test_check_grads(case):
    with cujax.enable_x64(True), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_alone(case)


def test_there_is_a_case_for_every_difference():
    for text in (*DIFFERENT, *UNCHECKED):
        assert any(re.search(text, str(c)) for c in cases()), text
