"""Stacks of small matrices: which ops are gathered into kernels, over which lanes, and what these compute."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from emulator import emulated_backend, why_not

import cujax
import cujax.numpy as jnp
from cujax import lax
from cujax.engine.backends.select import selected
from cujax.engine.compiler import plan as planning
from cujax.engine.compiler.lane_region import LaneRegion
from cujax.engine.compiler.lanes import Mixed
from cujax.engine.compiler.passes import optimized
from cujax.engine.compiler.plan import make_plan
from cujax.engine.compiler.small_matrices import gather_stacks

RANDOM = np.random.default_rng(0)
N = 300


def matrices(n, *batch, dtype=np.float32):
    """Far from singular."""
    return RANDOM.random((*(batch or (N,)), n, n)).astype(dtype) + 2 * np.eye(n, dtype=dtype)


def vectors(n, *batch, dtype=np.float32):
    return RANDOM.random((*(batch or (N,)), n)).astype(dtype)


def solve(a, b):
    return jnp.linalg.solve(a, b[..., None])[..., 0]


def cholesky(a):
    return jnp.linalg.cholesky(a @ a.swapaxes(-1, -2), symmetrize_input=False)


def normal_equations(a, b):
    """Factors that are used twice."""
    factor = lax.linalg.cholesky(a @ a.swapaxes(-1, -2))
    y = lax.linalg.triangular_solve(factor, b[..., None], left_side=True, lower=True)
    return lax.linalg.triangular_solve(factor, y, left_side=True, lower=True, transpose_a=True)[..., 0]


def factors_too(a, b):
    lu, _, permutation = lax.linalg.lu(a)
    return lu * 2, solve(a, b), permutation


def tridiagonal(a, b):
    return lax.linalg.tridiagonal_solve(a[..., 0] / 8, a[..., 1] + 3, a[..., 2] / 8, b[..., None])[..., 0]


A, B = matrices(3), vectors(3)
PROGRAMS = {  # function, operands, the ops of each stack
    "solve": (solve, (A, B), [["lu_factors", "linear_solve"]]),
    "solve by vmap": (cujax.vmap(jnp.linalg.solve), (A, B), [["lu_factors", "linear_solve"]]),
    "inv": (jnp.linalg.inv, (A,), [["lu_factors", "linear_solve"]]),
    "det": (jnp.linalg.det, (matrices(4),), [["det"]]),
    "slogdet": (jnp.linalg.slogdet, (A,), [["slogdet"]]),
    "cholesky": (cholesky, (A,), [["cholesky"]]),
    "two batch axes": (solve, (matrices(3, 5, 60), vectors(3, 5, 60)), [["lu_factors", "linear_solve"]]),
    "few": (solve, (A[:9], B[:9]), [["lu_factors", "linear_solve"]]),
    "one": (solve, (A[:1], B[:1]), [["lu_factors", "linear_solve"]]),
    "qr": (lambda a: jnp.linalg.qr(a, "r"), (A,), [["qr"]]),
    "of one row": (jnp.linalg.inv, (matrices(1),), [["lu_factors", "linear_solve"]]),
    "of six rows": (solve, (matrices(6, 40), vectors(6, 40)), [["lu_factors", "linear_solve"]]),
    "one by loops": (solve, (matrices(12, 1), vectors(12, 1)), [["lu_factors", "linear_solve"]]),
    "many columns": (jnp.linalg.inv, (matrices(16, 30),), [["lu_factors", "linear_solve"]]),
    "factors by loops": (cholesky, (matrices(16, 30),), [["cholesky"]]),
    "float64": (solve, (matrices(4, dtype=np.float64), vectors(4, dtype=np.float64)), [["lu_factors", "linear_solve"]]),
    "normal equations": (normal_equations, (A, B), [["cholesky", "triangular_solve", "triangular_solve"]]),
    "factors too": (factors_too, (A, B), [["lu"], ["lu_factors", "linear_solve"]]),
    "tridiagonal": (tridiagonal, (A, B), [["tridiagonal_solve"]]),
    "one after another": (lambda a, b: solve(a, jnp.sin(solve(a, b))), (A, B),
                          [["lu_factors", "linear_solve"], ["linear_solve"]]),
    "derivative": (cujax.grad(lambda a, b: solve(a, b).sum(), (0, 1)), (A, B),
                   [["lu_factors", "linear_solve", "linear_solve"]]),
}
LIBRARY = {
    "few of six rows": (solve, (matrices(6, 9), vectors(6, 9))),
    "large": (solve, (matrices(33, 9), vectors(33, 9))),
    "factors of many rows": (cholesky, (matrices(21, 9),)),
    "complex": (solve, (A + 1j, B + 0j)),
    "eigenvectors, whose signs are the library's": (lax.linalg.eigh, (A,)),
}

pytestmark = pytest.mark.usefixtures("x64")


def tape_of(function, args):
    return optimized(cujax.make_jaxpr(function)(*args).tape)


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_is_gathered(name):
    function, args, expected = PROGRAMS[name]
    tape, stacks = gather_stacks(tape_of(function, args), "host")
    assert [[e.primitive.name for e in s.params["tape"].eqns] for s in stacks] == expected
    assert all(s in tape.eqns for s in stacks)


@pytest.mark.parametrize("name", LIBRARY)
def test_what_is_left_to_the_library(name):
    tape = tape_of(*LIBRARY[name])
    assert gather_stacks(tape, "host") == (tape, [])


def test_a_gpu_leaves_long_loops_to_the_library():
    tape = tape_of(solve, (matrices(32, 3), vectors(32, 3)))
    assert gather_stacks(tape, "cuda") == (tape, [])
    (stack,) = gather_stacks(tape, "host")[1]
    assert [e.primitive.name for e in stack.params["tape"].eqns] == ["lu_factors", "linear_solve"]


@pytest.mark.parametrize("language", ["host", "cuda"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_lane_has_a_whole_matrix(name, language):
    function, args, expected = PROGRAMS[name]
    plan = make_plan(tape_of(function, args), language)
    lanes = [s.lanes.number for s in plan.steps if isinstance(s, LaneRegion)]
    assert lanes == [args[0].shape[0] * (args[0].shape[1] if args[0].ndim > 3 else 1)] * len(expected)


def check(function, args):
    found = cujax.tree.leaves(cujax.jit(lambda *xs: function(*xs))(*args))
    for x, y in zip(found, cujax.tree.leaves(function(*args)), strict=True):
        assert x.dtype == y.dtype
        np.testing.assert_allclose(x, y, rtol=2e-4 if x.dtype == np.float32 else 1e-10, atol=1e-5)


@pytest.mark.parametrize("name", PROGRAMS)
def test_values(name):
    function, args, _ = PROGRAMS[name]
    check(function, args)


@pytest.mark.parametrize("rows", [1, 2, 3, 4])
def test_one_matrix_alone(rows):
    a, b = matrices(rows, 1)[0], vectors(rows, 1)[0]
    plan = make_plan(tape_of(solve, (a, b)), "cuda")
    assert [s.lanes.number for s in plan.steps if isinstance(s, LaneRegion)] == [1]
    check(solve, (a, b))
    check(jnp.linalg.qr, (a,))
    check(lambda a: jnp.linalg.cholesky(a @ a.T), (a,))


@pytest.mark.skipif(why_not() is not None, reason="the emulator does not run here")
@pytest.mark.parametrize("name", ["solve", "cholesky", "factors too", "float64", "derivative"])
def test_values_on_the_device(name):
    function, args, _ = PROGRAMS[name]
    with emulated_backend():
        check(function, args)


@pytest.mark.skipif(selected().kernels is None, reason="there is no compiler here, so there are no kernels")
def test_a_solution_is_one_kernel_that_reads_and_writes_once():
    analysis = cujax.jit(cujax.vmap(jnp.linalg.solve)).lower(A, B).compile().memory_analysis()
    assert (analysis.kernels, analysis.launches) == (1, 1)
    assert analysis.bytes_moved == 4 * N * (9 + 3 + 3)


def test_where_a_lane_cannot_the_library_does(monkeypatch):
    def refuse(eqn):
        raise Mixed("too much")

    monkeypatch.setattr(planning, "find_lanes", refuse)
    plan = make_plan(tape_of(solve, (A, B)), "host")
    assert [s.primitive.name for s in plan.steps if not hasattr(s, "writes")].count("lu_factors") == 1
    assert not plan.mixed


def test_a_checkpoint_of_the_user_is_none():
    tape = tape_of(cujax.grad(lambda a: cujax.checkpoint(jnp.sin)(jnp.cos(a)).sum()), (A,))
    assert any(e.primitive.name == "checkpoint" for e in tape.eqns) and gather_stacks(tape, "host") == (tape, [])


# ---- products --------------------------------------------------------------------------------------------------------


def kernels_and_calls(spec, *shapes, dtype="float32"):
    """How many steps of a product are kernels, and how many are calls of a library."""
    args = [cujax.ShapeDtypeStruct(s, np.dtype(dtype)) for s in shapes]
    steps = make_plan(tape_of(partial(jnp.einsum, spec), args), "host").steps
    return sum(hasattr(s, "writes") for s in steps), sum(getattr(s, "primitive", None) is not None for s in steps)


@pytest.mark.parametrize("spec, shapes, is_kernel", [
    ("bij,bjk->bik", ((200, 3, 3), (200, 3, 3)), True),
    ("bij,bj->bi", ((300, 4, 4), (300, 4)), True),
    ("bi,bi->b", ((2000, 8), (2000, 8)), True),
    ("i,j->ij", ((50,), (60,)), True),
    ("bij,bjk->bik", ((200, 5, 5), (200, 5, 5)), False),
    ("bij,bjk->bik", ((20, 3, 3), (20, 3, 3)), True),
    ("ij,jk->ik", ((3, 3), (3, 4)), True),
    ("ij,j->i", ((4, 4), (4,)), True),
    ("i,i->", ((8,), (8,)), True),
    ("ij,jk->ik", ((5, 5), (5, 5)), True),
    ("i,i->", ((9,), (9,)), True),
    ("i,i->", ((20_000,), (20_000,)), True),
    ("bi,bi->b", ((2000, 9), (2000, 9)), True),
    ("bi,bi->b", ((20, 900), (20, 900)), True),
    ("ij,jk->ik", ((2000, 3), (3, 3)), True),
    ("ij,jk->ik", ((3, 12), (12, 2000)), True),
    ("ij,jk->ik", ((20, 20), (20, 2)), True),
    ("ij,j->i", ((80, 80), (80,)), True),
    ("ij,j->i", ((100, 100), (100,)), False),
    ("ij,jk->ik", ((20, 20), (20, 20)), False),
    ("ij,jk->ik", ((3, 20), (20, 2000)), False),
])
def test_which_products_are_kernels(spec, shapes, is_kernel):
    assert kernels_and_calls(spec, *shapes) == ((1, 0) if is_kernel else (0, 1))


@pytest.mark.parametrize("dtype", ["int8", "uint32", "bool", "float16", "bfloat16", "float32", "float64", "complex64"])
def test_their_values(dtype):
    x, y = [(RANDOM.random((200, 3, 3)) * 5).astype(jnp.dtype(dtype)) for _ in range(2)]
    found = np.asarray(cujax.jit(partial(jnp.einsum, "bij,bkj->bik"))(x, y))
    expected = np.asarray(jnp.einsum("bij,bkj->bik", x, y))
    assert found.dtype == expected.dtype
    wide = np.complex128 if dtype == "complex64" else np.float64
    tolerance = float(jnp.finfo(dtype).eps) * 8 if jnp.issubdtype(dtype, jnp.inexact) else 0
    np.testing.assert_allclose(found.astype(wide), expected.astype(wide), rtol=tolerance)


PREFERRED = {
    "bool": (np.ones(20, bool), np.ones(20, bool), None),
    "sums beyond the result": (np.full(20, 1e200), np.full(20, 1e-200), "float32"),
    "floats as integers": (np.full(20, 1.5, np.float32), np.full(20, 1.5, np.float32), "int32"),
    "integers as floats": (np.arange(20, dtype=np.int32), np.arange(20, dtype=np.int32), "float32"),
    "8 bits": (np.ones(100, jnp.float8_e4m3fn), np.ones(100, jnp.float8_e4m3fn), "float32"),
    "complex as real": (np.full(20, 1j), np.full(20, 2j), "float64"),
    "few floats as integers": (np.full(3, 1.5, np.float32), np.full(3, 1.5, np.float32), "int32"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PREFERRED)
def test_products_are_summed_in_the_dtype_of_the_library(name):
    x, y, preferred = PREFERRED[name]
    dot = partial(lax.dot, preferred_element_type=preferred)
    expected = dot(x, y)
    found = cujax.jit(lambda x, y: dot(x, y))(x, y)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))


@pytest.mark.skipif(selected().kernels is None, reason="there is no compiler here, so there are no kernels")
def test_a_product_fuses_with_its_neighbours():
    def rotated(angles, x):
        c, s = 1 - angles * angles / 2, angles  # to be computed where they are needed
        r = jnp.stack([jnp.stack([c, -s], -1), jnp.stack([s, c], -1)], -2)
        return jnp.einsum("bij,bj->bi", r, x) + 1

    angles, x = RANDOM.random(1000, np.float32), RANDOM.random((1000, 2), np.float32)
    assert cujax.jit(rotated).lower(angles, x).compile().memory_analysis().kernels == 1
    np.testing.assert_allclose(cujax.jit(rotated)(angles, x), rotated(angles, x), rtol=1e-5)
