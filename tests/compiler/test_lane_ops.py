"""Ops on rows and small matrices within lanes: values against JAX, derivatives, and what is too large for a lane."""

from __future__ import annotations

import numpy as np
import pytest
from emulator import EmulatorTarget, emulated_backend
from test_lanes import OURS, THEIRS, check, draw, steps

import cujax
from cujax.engine.compiler.kinds import LOOPS
from cujax.engine.compiler.lane_region import LaneRegion

pytestmark = pytest.mark.usefixtures("x64", "always_lanes")


def over_lanes(body, start):
    """Three steps of `body(m, value, k)` from `start(m, x)`, for each x."""

    def program(m, x):
        return m.api.vmap(lambda x: m.lax.fori_loop(0, 3, lambda k, v: body(m, v, k), start(m, x)))(x)

    return program


def row(m, x, n=7):
    return m.np.sin(m.np.arange(1.0, n + 1) * x)


def matrix(m, x, n=3):
    """Without a large element on the diagonal, so that rows are interchanged."""
    return m.np.sin(m.np.arange(1.0, n * n + 1).reshape(n, n) * x) + m.np.eye(n)[::-1] * 2


def symmetric(m, x, n=3):
    return matrix(m, x, n) + matrix(m, x, n).T


def definite(m, x, n=3):
    return matrix(m, x, n) @ matrix(m, x, n).T + m.np.eye(n)


# --- rows -------------------------------------------------------------------------------------------------


def half(m, v, k):
    return (m.np.cumsum(v.astype("float16")) * 0.25).astype(float)


def sorted_with_nan(m, v, k):
    held = m.np.where(v > 0.5, m.np.nan, v)
    return m.np.nan_to_num(m.np.sort(held), nan=2.0) * 0.9


def sorted_together(m, v, k):
    keys, values, places = m.lax.sort((m.np.round(v * 2), -v, m.np.arange(7)), num_keys=2)
    return values * 0.7 + keys * 0.1 + places


def sorted_complex(m, v, k):
    z = m.np.sort(m.np.round(v * 3) + 1j * v)
    return z.real * 0.5 + z.imag


def largest(m, v, k):
    values, places = m.lax.top_k(v, 3)
    return v * 0.5 + m.np.concatenate([values, values[:1], places])


ROWS = {
    "cumsum": lambda m, v, k: m.np.cumsum(v) * 0.3,
    "cumprod": lambda m, v, k: m.np.cumprod(v) + 0.5,
    "reversed": lambda m, v, k: m.lax.cumsum(v, reverse=True) * 0.3 + m.lax.cummax(v, reverse=True),
    "extrema": lambda m, v, k: m.lax.cummax(v) - m.lax.cummin(v) * 0.5,
    "cumlogsumexp": lambda m, v, k: m.lax.cumlogsumexp(v) * 0.5,
    "half": half,
    "sort": lambda m, v, k: m.np.sort(v)[::-1] * m.np.cos(m.np.arange(7.0)),
    "argsort": lambda m, v, k: v * 0.9 + m.np.argsort(v),
    "argmax": lambda m, v, k: v * 0.9 + m.np.argmax(v) - m.np.argmin(v),
    "nan": sorted_with_nan,
    "together": sorted_together,
    "complex": sorted_complex,
    "top_k": largest,
    "computed place": lambda m, v, k: v + m.np.cumsum(v)[(abs(v[0]) * 10).astype(int) % 7],
}
ROW_PROGRAMS = {name: over_lanes(body, row) for name, body in ROWS.items()}

# --- matrices ---------------------------------------------------------------------------------------------


def of_size(n):
    return over_lanes(lambda m, a, k: m.np.linalg.inv(a) * 0.5 + a * 0.5, lambda m, x: matrix(m, x, n))


def by_factors(m, a, k):
    factors, pivots, permutation = m.lax.linalg.lu(a)
    return factors * 0.5 + pivots + permutation


def by_logarithm(m, a, k):
    sign, logarithm = m.np.linalg.slogdet(a)
    return a * 0.9 + sign + m.np.tanh(logarithm)


def complex_solve(m, a, k):
    z = a + 1j * a.T
    return abs(m.np.linalg.solve(z, a + 0j))


def by_eigenvalues(m, a, k):
    v, w = m.lax.linalg.eigh((a + a.T) / 4)
    return (v * m.np.tanh(w)) @ v.T + m.np.diag(w)


def by_columns(m, a, k):
    q, r = m.lax.linalg.qr(a)
    return r + q


def tall(m, a, k):
    q, r = m.lax.linalg.qr(a[:, :2], full_matrices=False)
    complete, _ = m.lax.linalg.qr(a[:, :2], full_matrices=True)
    return (q @ r) @ m.np.ones((2, 3)) + abs(complete) + a * 0.1


def triangles(m, a, k):
    lower = m.api.scipy.linalg.solve_triangular(a, a, lower=True, trans=1)
    right = m.lax.linalg.triangular_solve(a, a, lower=False, unit_diagonal=True)
    return m.np.tanh(lower) + m.np.tanh(right)


def shared_matrix(m, x):
    """The right-hand sides of all lanes are columns of one system."""
    a = definite(m, 0.7)
    solve = m.np.linalg.solve
    return m.api.vmap(lambda x: m.lax.fori_loop(0, 3, lambda k, v: solve(a, v + x), m.np.ones(3)))(x)


def diffusion(m, v, k):
    below, on, above = v * 0.3, 0.1 + v * v, m.np.cos(v)
    return m.np.tanh(m.lax.linalg.tridiagonal_solve(below, on, above, v[:, None])[:, 0])


MATRIX_PROGRAMS = {
    "solve": over_lanes(lambda m, a, k: m.np.linalg.solve(a, a.T + k), matrix),
    "vector": over_lanes(
        lambda m, v, k: m.np.linalg.solve(m.np.outer(v, v) + m.np.eye(4), v + k), lambda m, x: row(m, x, 4)
    ),
    "one": of_size(1), "six": of_size(6),
    "lu": over_lanes(by_factors, matrix),
    "det": over_lanes(lambda m, a, k: a * m.np.tanh(m.np.linalg.det(a)), lambda m, x: matrix(m, x, 4)),
    "slogdet": over_lanes(by_logarithm, matrix),
    "cholesky": over_lanes(lambda m, a, k: a * 0.5 + m.np.linalg.cholesky(a) @ m.np.linalg.cholesky(a).T, definite),
    "complex solve": over_lanes(complex_solve, matrix),
    "triangles": over_lanes(triangles, definite),
    "eigh 2": over_lanes(by_eigenvalues, lambda m, x: symmetric(m, x, 2)),
    "eigh": over_lanes(by_eigenvalues, symmetric),
    "eigh 4": over_lanes(by_eigenvalues, lambda m, x: symmetric(m, x, 4)),
    "qr": over_lanes(by_columns, matrix),
    "tall qr": over_lanes(tall, matrix),
    "shared": shared_matrix,
    "tridiagonal": over_lanes(diffusion, row),
}

# --- scatters ---------------------------------------------------------------------------------------------


def place(m, v, k):
    return (abs(v[k]) * 10).astype(int) % 8 - 1  # also one outside: -1 is the last


def counted(m, v, k):
    places = (abs(v) * 20).astype(int) % 9  # some equal, some outside
    return v * 0.5 + m.np.zeros(7).at[places].add(v) + m.np.ones(7).at[places].max(v)


SCATTER_PROGRAMS = {
    "add": over_lanes(lambda m, v, k: v.at[place(m, v, k)].add(v[0] + 1.0) * 0.9, row),
    "set": over_lanes(lambda m, v, k: v.at[place(m, v, k)].set(0.5 + k), row),
    "multiply": over_lanes(lambda m, v, k: v.at[place(m, v, k)].multiply(1.5), row),
    "several": over_lanes(counted, row),
    "row of a matrix": over_lanes(lambda m, a, k: a.at[(abs(a[0, 0]) * 9).astype(int) % 3].add(a[1] * 0.3), matrix),
    "element of a matrix": over_lanes(lambda m, a, k: a.at[k % 3, (abs(a[0, 0]) * 9).astype(int) % 3].min(0.1), matrix),
}

# --- derivatives ------------------------------------------------------------------------------------------


def gradient_of(program):
    return lambda m, x: m.api.grad(lambda x: m.np.tanh(program(m, x)).sum())(x)


GRADIENTS = {name: gradient_of((ROW_PROGRAMS | MATRIX_PROGRAMS | SCATTER_PROGRAMS)[name]) for name in (
    "cumsum", "cumprod", "extrema", "cumlogsumexp", "sort", "solve", "det", "cholesky", "eigh", "tridiagonal", "add",
)}

PROGRAMS = ROW_PROGRAMS | MATRIX_PROGRAMS | SCATTER_PROGRAMS


def tolerance(name):
    return 2e-3 if name == "half" else 1e-8


@pytest.mark.parametrize("name", PROGRAMS)
def test_values(name):
    check(PROGRAMS[name], draw(33), tolerance(name))


@pytest.mark.parametrize("size", [1, 7])
@pytest.mark.parametrize("name", ["together", "solve", "several"])
def test_values_of_few_lanes(name, size):
    check(PROGRAMS[name], draw(size), tolerance(name))


@pytest.mark.parametrize("name", PROGRAMS)
def test_values_on_a_device(name):
    with emulated_backend(EmulatorTarget(find_races=True)):
        check(PROGRAMS[name], draw(5), tolerance(name))


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_loop_is_one_kernel(name):
    plan = steps(PROGRAMS[name], draw(33))
    assert not plan.mixed
    assert sum(isinstance(s, LaneRegion) and s.eqn.primitive.name in LOOPS for s in plan.steps) == 1


@pytest.mark.parametrize("name", GRADIENTS)
def test_derivatives(name):
    plan = steps(GRADIENTS[name], draw(9))
    assert not plan.mixed
    check(GRADIENTS[name], draw(9), 1e-7)


# --- what is too large --------------------------------------------------------------------------------------

TOO_LARGE = {
    "cumsum of rows of 100": over_lanes(lambda m, v, k: m.np.cumsum(v) * 0.1, lambda m, x: row(m, x, 100)),
    "sort of rows of 20": over_lanes(lambda m, v, k: m.np.sort(v)[::-1], lambda m, x: row(m, x, 20)),
    "lu_factors of 33 by 33": of_size(33),
    "eigh of 5 by 5": over_lanes(by_eigenvalues, lambda m, x: symmetric(m, x, 5)),
    "scatter_add of 100 updates": over_lanes(
        lambda m, v, k: v.at[(abs(row(m, v[0], 100)) * 7).astype(int) % 7].add(0.1), row
    ),
}


@pytest.mark.parametrize("name", TOO_LARGE)
def test_what_is_too_large_runs_in_steps(name):
    plan = steps(TOO_LARGE[name], draw(5))
    (error,) = plan.mixed.values()
    assert error.reason.startswith(name) and "too much for a lane" in error.reason
    assert "test_lane_ops.py" in str(error.line)
    check(TOO_LARGE[name], draw(5), 1e-8)


def test_a_singular_matrix_disturbs_no_other_lane():
    x = draw(40)
    x[[3, 17, 38]] = 0.0

    def program(m, x):
        def solve(v, x):
            a = m.np.where(x == 0, 0.0, matrix(m, x))
            return m.lax.fori_loop(0, 3, lambda k, v: m.np.linalg.solve(a, v), v)

        return m.api.vmap(solve, (None, 0))(m.np.ones(3), x)

    found = np.asarray(cujax.jit(lambda x: program(OURS, x))(x))
    assert not np.isfinite(found[[3, 17, 38]]).any()
    others = np.delete(x, [3, 17, 38])
    np.testing.assert_allclose(np.delete(found, [3, 17, 38], 0), np.asarray(program(THEIRS, others)), rtol=1e-8)
