"""Matrices of more rows than a lane writes out: loops over arrays of the lane, values against JAX."""

from __future__ import annotations

import numpy as np
import pytest
from emulator import EmulatorTarget, emulated_backend
from test_lane_ops import by_factors, by_logarithm, complex_solve, definite, gradient_of, matrix, over_lanes, triangles
from test_lanes import OURS, THEIRS, check, draw, steps

import cujax
from cujax.engine.compiler.lane_region import LaneRegion
from cujax.engine.compiler.rolled_lanes import RolledProgram

pytestmark = pytest.mark.usefixtures("x64", "always_lanes")
N = 8


def of_size(n):
    return lambda m, x: matrix(m, x, n)


def determinant(m, a, k):
    return a * 0.9 + m.np.tanh(m.np.linalg.det(a))


def squares(m, a, k):
    lower = m.np.linalg.cholesky(a)
    return a * 0.5 + lower @ lower.T + lower


def vectors(m, a, k):
    """Two systems in each lane."""
    both = m.np.stack([a, a.T + 5 * m.np.eye(N)])
    return a * 0.5 + m.np.linalg.solve(both, both[:, :, :1] + k).sum(0)


def indefinite(n):
    """In every second lane there is no factor."""

    def program(m, x):
        sign = m.np.where(m.np.arange(len(x)) % 2 == 0, 1.0, -1.0)
        one = over_lanes(lambda m, a, k: m.np.nan_to_num(m.np.linalg.cholesky(a), nan=2.0), lambda m, x: x)
        return one(m, m.api.vmap(lambda s, x: s * definite(m, x, n))(sign, x))

    return program


def permuted(m, a, k):
    pivots = m.lax.linalg.lu(a)[1]
    return a * 0.9 + m.lax.linalg.lu_pivots_to_permutation(pivots, N)


PROGRAMS = {
    "solve": over_lanes(lambda m, a, k: m.np.linalg.solve(a, a.T + k) * 0.5 + a, of_size(N)),
    "inverse": over_lanes(lambda m, a, k: m.np.linalg.inv(a) * 0.5 + a * 0.5, of_size(13)),
    "several": over_lanes(vectors, of_size(N)),
    "lu": over_lanes(by_factors, of_size(N)),
    "tall lu": over_lanes(lambda m, a, k: a * 0.9 + m.np.tanh(m.lax.linalg.lu(a[:, :5])[0]).sum(1), of_size(N)),
    "permutation": over_lanes(permuted, of_size(N)),
    "det": over_lanes(determinant, of_size(N)),
    "slogdet": over_lanes(by_logarithm, of_size(N)),
    "cholesky": over_lanes(squares, lambda m, x: definite(m, x, N)),
    "indefinite": indefinite(N),
    "triangles": over_lanes(triangles, lambda m, x: definite(m, x, N)),
    "complex solve": over_lanes(complex_solve, of_size(N)),
}
GRADIENTS = {name: gradient_of(PROGRAMS[name]) for name in ("solve", "cholesky")}


@pytest.mark.parametrize("name", PROGRAMS)
def test_values(name):
    check(PROGRAMS[name], draw(21), 1e-8)


def test_what_is_written_out_has_no_factor_in_the_same_lanes():
    check(indefinite(3), draw(21), 1e-8)


@pytest.mark.parametrize("name", ["solve", "lu", "slogdet", "cholesky", "triangles"])
def test_values_on_a_device(name):
    with emulated_backend(EmulatorTarget(find_races=True)):
        check(PROGRAMS[name], draw(5), 1e-8)


OF_ALL = {  # what they make of one matrix, which is no lane's
    "solve": lambda m, a: m.np.linalg.solve(a, a[:, 0]),
    "inverse": lambda m, a: m.np.linalg.inv(a)[0],
    "lu": lambda m, a: m.lax.linalg.lu(a)[0].diagonal(),
    "cholesky": lambda m, a: m.np.linalg.cholesky(a)[:, 0],
    "triangles": lambda m, a: m.lax.linalg.triangular_solve(a, a, left_side=True, lower=True)[:, 1],
}


@pytest.mark.parametrize("name", OF_ALL)
def test_results_are_not_lanes_along_axes_that_loops_make_together(name):
    """A sum of them could be a lane for each element, which would have to make them all."""

    def program(m, x):
        def step(k, c):
            total, a = c
            return total + OF_ALL[name](m, a), a * 0.5 + m.np.eye(N) * (1 + a[0, 1])

        return m.lax.fori_loop(0, 3, step, (m.np.zeros(N), definite(m, x.sum() / 9, N)))

    check(program, draw(5), 1e-8)
    with emulated_backend():
        check(program, draw(5), 1e-8)


@pytest.mark.parametrize("name", GRADIENTS)
def test_derivatives(name):
    assert not steps(GRADIENTS[name], draw(9)).mixed
    check(GRADIENTS[name], draw(9), 1e-7)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_loop_is_one_kernel(name):
    plan = steps(PROGRAMS[name], draw(21))
    assert not plan.mixed
    (region,) = [s for s in plan.steps if isinstance(s, LaneRegion)]
    assert isinstance(region.program, RolledProgram)


def test_the_text_is_as_long_for_any_number_of_rows():
    sizes = []
    for n in (N, 32):
        program = over_lanes(lambda m, a, k: m.np.linalg.solve(a, a) * 0.5, of_size(n))
        (region,) = [s for s in steps(program, draw(5)).steps if isinstance(s, LaneRegion)]
        sizes.append(region.size)
    assert sizes[0] == sizes[1] < 200


def test_a_singular_matrix_disturbs_no_other_lane():
    x = draw(40)
    x[[3, 17, 38]] = 0.0

    def program(m, x):
        def solve(x):
            a = m.np.where(x == 0, 0.0, matrix(m, x, N))
            return m.lax.fori_loop(0, 3, lambda k, v: m.np.linalg.solve(a, v), m.np.ones(N) + 0 * x)

        return m.api.vmap(solve)(x)

    found = np.asarray(cujax.jit(lambda x: program(OURS, x))(x))
    assert not np.isfinite(found[[3, 17, 38]]).any()
    others = np.delete(x, [3, 17, 38])
    np.testing.assert_allclose(np.delete(found, [3, 17, 38], 0), np.asarray(program(THEIRS, others)), rtol=1e-8)
