"""Linear algebra of jnp.linalg, lax.linalg and scipy.linalg: values, derivatives, batches, edge cases."""

from __future__ import annotations

import sys

import jax
import jax.numpy as jax_numpy
import jax.scipy.linalg as jax_scipy
import numpy as np
import pytest
from by_hand import on_numpy

import cujax
import cujax.numpy as jnp
from cujax.engine.backends import numpy_linalg
from cujax.scipy import linalg as scipy_linalg

LAPACK = ["float32", "float64", "complex64", "complex128"]


@pytest.fixture(autouse=True)
def wide(x64):
    """All dtypes exist in these tests."""


def random(seed, shape, dtype="float64"):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=shape)
    return (x + 1j * rng.normal(size=shape) if np.dtype(dtype).kind == "c" else x).astype(dtype)


def regular(seed, shape, dtype="float64"):
    return random(seed, shape, dtype) + 3 * np.eye(shape[-1], dtype=dtype)


def positive(seed, shape, dtype="float64"):
    x = random(seed, shape, dtype)
    return x @ x.conj().swapaxes(-1, -2) + np.eye(shape[-1], dtype=dtype)


def leaves(x):
    return list(x) if isinstance(x, (tuple, list)) else [x]


def agree(found, expected, rtol=1e-9, what=""):
    for a, b in zip(leaves(found), leaves(expected), strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert (a.dtype, a.shape) == (b.dtype, b.shape), what
        rtol = max(rtol, 300 * np.finfo(b.dtype).eps) if b.dtype.kind in "fc" else rtol
        finite = np.abs(b[np.isfinite(b)]).max(initial=0)
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * finite, err_msg=what)


# --- values, derivatives, batches of everything smooth ------------------------------------------------------

A, S, B, V = regular(0, (4, 4)), positive(1, (4, 4)), random(2, (4, 2)), random(3, (4,))
C, H = regular(4, (4, 4), "complex128"), positive(5, (4, 4), "complex128")
LOWER = np.tril(A)

SMOOTH = {
    "solve": (lambda m, s: m.linalg.solve, A, B),
    "solve a vector": (lambda m, s: m.linalg.solve, A, V),
    "solve complex": (lambda m, s: m.linalg.solve, C, random(6, (4, 2), "complex128")),
    "inv": (lambda m, s: m.linalg.inv, A),
    "inv complex": (lambda m, s: m.linalg.inv, C),
    "det 1": (lambda m, s: m.linalg.det, A[:1, :1]),
    "det 2": (lambda m, s: m.linalg.det, A[:2, :2]),
    "det 3": (lambda m, s: m.linalg.det, A[:3, :3]),
    "det 4": (lambda m, s: m.linalg.det, A),
    "det complex": (lambda m, s: m.linalg.det, C),
    "slogdet": (lambda m, s: lambda a: m.linalg.slogdet(a)[1], A),
    "slogdet complex": (lambda m, s: lambda a: tuple(m.linalg.slogdet(a)), C),
    "cholesky": (lambda m, s: m.linalg.cholesky, S),
    "cholesky upper": (lambda m, s: lambda a: m.linalg.cholesky(a, upper=True), H),
    "matrix_power": (lambda m, s: lambda a: m.linalg.matrix_power(a, 5), A / 4),
    "matrix_power below 0": (lambda m, s: lambda a: m.linalg.matrix_power(a, -2), A),
    "multi_dot": (lambda m, s: lambda a, b, v: m.linalg.multi_dot([v, a, b]), A, B, V),
    "tensorsolve": (lambda m, s: m.linalg.tensorsolve, regular(7, (4, 4)).reshape(4, 2, 2), V),
    "tensorinv": (lambda m, s: lambda a: m.linalg.tensorinv(a, 1), A.reshape(4, 2, 2)),
    "norm": (lambda m, s: m.linalg.norm, A),
    "norm of rows": (lambda m, s: lambda a: m.linalg.norm(a, 3, axis=1), A),
    "norm 1": (lambda m, s: lambda a: m.linalg.norm(a, 1), A),
    "norm complex": (lambda m, s: m.linalg.norm, C),
    "cho_solve": (lambda m, s: lambda a, b: s.cho_solve(s.cho_factor(a), b), S, B),
    "cho_solve lower": (lambda m, s: lambda a, b: s.cho_solve(s.cho_factor(a, lower=True), b), H, V + 0j),
    "solve positive definite": (lambda m, s: lambda a, b: s.solve((a + a.T) / 2, b, assume_a="pos"), S, V),
    "solve_triangular": (lambda m, s: lambda a, b: s.solve_triangular(a, b, trans="T", lower=True), LOWER, B),
    "lu_solve": (lambda m, s: lambda a, b: s.lu_solve(s.lu_factor(a), b), A, V),
    "lu_solve transposed": (lambda m, s: lambda a, b: s.lu_solve(s.lu_factor(a), b, trans=2), C, V + 0j),
    "lu": (lambda m, s: lambda a: s.lu(a)[1:], A[:, :3]),
    "lu permuted": (lambda m, s: lambda a: s.lu(a, permute_l=True), A),
    "block_diag": (lambda m, s: s.block_diag, A, V, B),
}
by_function = pytest.mark.parametrize("name", SMOOTH)


def both(name):
    make, *operands = SMOOTH[name]
    return make(jnp, scipy_linalg), make(jax_numpy, jax_scipy), operands


@by_function
def test_values_are_jax_s(name):
    ours, theirs, operands = both(name)
    agree(ours(*operands), theirs(*operands))
    agree(cujax.jit(ours)(*operands), theirs(*operands))


def scalar(function, seed=9):
    """The sum of the real part of the results with random weights."""

    def weighted(*operands):
        outs = leaves(function(*operands))
        return sum(((w * out).real.sum() for w, out in zip(weights, outs, strict=True)), start=0.0)

    weights = []

    def prepare(operands):
        for i, out in enumerate(leaves(function(*operands))):
            weights.append(random(seed + i, out.shape, "complex128" if out.dtype.kind == "c" else "float64"))
        return weighted

    return prepare


@by_function
def test_gradients_and_second_derivatives_are_jax_s(name):
    ours, theirs, operands = both(name)
    directions = [random(20 + i, x.shape, x.dtype) for i, x in enumerate(operands)]
    which = tuple(range(len(operands)))
    our_grad = cujax.grad(scalar(ours)(operands), which)
    jax_grad = jax.jit(jax.grad(scalar(theirs)(operands), which))
    agree(our_grad(*operands), jax_grad(*operands), 1e-8)
    _, second = cujax.jvp(our_grad, tuple(operands), tuple(directions))
    _, jax_second = jax.jit(lambda xs, ts: jax.jvp(jax_grad, xs, ts))(tuple(operands), tuple(directions))
    agree(second, jax_second, 1e-7)


@by_function
def test_vmap_is_a_loop(name):
    ours, _, operands = both(name)
    stacks = [np.stack([x, 1.1 * x], -1) for x in operands]
    outs = leaves(cujax.vmap(ours, in_axes=-1)(*stacks))
    for k in range(2):
        agree([out[k] for out in outs], leaves(ours(*[x[..., k] for x in stacks])))
    if len(operands) > 1 and "multi_dot" not in name:  # only the right-hand sides vary
        axes = (None,) * (len(operands) - 1) + (1,)
        last = np.stack([operands[-1], 2 * operands[-1]], 1)
        outs = leaves(cujax.vmap(ours, in_axes=axes)(*operands[:-1], last))
        agree([out[1] for out in outs], leaves(ours(*operands[:-1], last[:, 1])))


@pytest.mark.parametrize("dtype", LAPACK)
def test_dtypes(dtype):
    a, s, b = regular(0, (5, 5), dtype), positive(1, (5, 5), dtype), random(2, (5, 2), dtype)
    calls = {"solve": (a, b), "inv": (a,), "det": (a,), "slogdet": (a,), "cholesky": (s,)}
    for name, operands in calls.items():
        ours, theirs = getattr(jnp.linalg, name), getattr(jax_numpy.linalg, name)
        agree(tuple(leaves(ours(*operands))), tuple(leaves(theirs(*operands))), what=name)


# --- stacks and broadcasting ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "a, b",
    [
        ((3, 4, 4), (4,)), ((3, 4, 4), (3, 4, 2)), ((4, 4), (3, 4, 2)), ((2, 1, 4, 4), (3, 4, 1)),
        ((3, 4, 4), (4, 4)), ((0, 4, 4), (0, 4, 1)), ((4, 4), (0, 4, 2)), ((0, 0), (0,)),
        ((2, 0, 0), (2, 0, 3)),
    ],
)
def test_solve_broadcasts(a, b):
    a, b = regular(0, a), random(1, b)
    agree(jnp.linalg.solve(a, b), jax_numpy.linalg.solve(a, b))


@pytest.mark.parametrize("shape", [(0, 0), (3, 0, 0), (0, 4, 4), (0, 2, 2), (2, 3, 4, 4), (2, 3, 3)])
def test_stacks(shape):
    a = regular(3, shape)
    for name in ("det", "slogdet", "inv"):
        ours, theirs = getattr(jnp.linalg, name), getattr(jax_numpy.linalg, name)
        agree(tuple(leaves(ours(a))), tuple(leaves(theirs(a))), what=name)


# --- singular and indefinite matrices ---------------------------------------------------------------------


def true_cofactors(a):
    def minor(i, j):
        return np.linalg.det(np.delete(np.delete(a, i, 0), j, 1))

    return np.array([[(-1) ** (i + j) * minor(i, j) for j in range(len(a))] for i in range(len(a))])


SINGULAR = {
    "one rank less": np.array([[1.0, 2, 3, 4], [2, 1, 0, 1], [0, 1, 5, 2], [3, 4, 8, 7]]),
    "zero pivot in the middle": np.array([[0.0, 0, 1, 1], [0, 0, 2, 5], [1, 2, 3, 0], [0, 0, 0, 1]]),
    "zero column": np.array([[0.0, 1, 2, 3], [0, 2, 5, 1], [0, 1, 1, 7], [0, 3, 2, 2]]),
    "equal columns": np.array([[1.0, 1, 2, 3], [2, 2, 5, 1], [3, 3, 1, 7], [4, 4, 2, 2]]),
    "diagonal": np.diag([0.0, 1, 2, 3]),
    "two ranks less": np.diag([0.0, 0, 2, 3]),
    "zero": np.zeros((4, 4)),
    "3 by 3": np.array([[1.0, 2, 3], [1, 2, 3], [4, 5, 7]]),
}


@pytest.mark.parametrize("name", SINGULAR)
def test_the_gradient_of_det_exists_everywhere(name):
    """By expansion along rows; JAX gives zero for several of these."""
    a = SINGULAR[name]
    np.testing.assert_allclose(cujax.grad(jnp.linalg.det)(a), true_cofactors(a), atol=1e-12)


def test_second_derivatives_of_small_determinants_are_exact_at_singular_matrices():
    a = SINGULAR["3 by 3"]
    agree(cujax.hessian(jnp.linalg.det)(a), jax.hessian(jax_numpy.linalg.det)(a))


def test_nan_goes_through_det():
    a = np.full((4, 4), np.nan)
    assert np.isnan(jnp.linalg.det(a)) and np.isnan(cujax.grad(jnp.linalg.det)(a)).all()


def test_singular_systems_are_not_finite():
    zero = np.zeros((3, 3))
    assert not np.isfinite(jnp.linalg.inv(zero)).any()
    assert not np.isfinite(jnp.linalg.solve(zero, np.ones(3))).any()
    sign, logarithm = jnp.linalg.slogdet(zero)
    assert (float(sign), float(logarithm)) == (0, -np.inf)


@pytest.mark.parametrize("dtype", LAPACK)
def test_sign_and_logarithm_of_what_has_no_determinant_are_nan(dtype):
    inf, nan = np.inf, np.nan
    undefined = [
        [[nan]], [[nan, nan], [nan, nan]], [[inf, inf], [1, 1]], np.full((3, 3), nan),
        [[0, 1], [0, inf]], [[nan, 0], [0, 0]], np.diag([inf, 0, 1]), np.diag([*range(9), inf]),
    ]  # fmt: skip
    for a in undefined:
        stack = np.array(a, dtype)
        assert np.isnan(jnp.linalg.slogdet(stack)).all()
        for slogdet in (cujax.jit(jnp.linalg.slogdet), cujax.jit(cujax.vmap(jnp.linalg.slogdet))):
            assert np.isnan(slogdet(stack[None])).all()
    sign, logarithm = jnp.linalg.slogdet(np.array([[inf, 0], [0, 1]], dtype).real)
    assert (float(sign), float(logarithm)) == (1, inf)


def test_cholesky_of_an_indefinite_matrix_is_nan():
    s = np.stack([positive(0, (3, 3)), -np.eye(3)])
    found = np.asarray(jnp.linalg.cholesky(s))
    agree(found[0], jax_numpy.linalg.cholesky(s[0]))
    np.testing.assert_array_equal(np.isnan(found[1]), np.tril(np.ones((3, 3), bool)))
    assert np.isnan(scipy_linalg.solve(-np.eye(3), np.ones(3), assume_a="pos")).all()


def test_cholesky_symmetrizes_or_reads_the_lower_triangle():
    a = np.array([[4.0, 1], [3, 9]])
    for symmetrize in (True, False):
        agree(
            cujax.lax.linalg.cholesky(a, symmetrize_input=symmetrize),
            jax.lax.linalg.cholesky(a, symmetrize_input=symmetrize),
        )


# --- lu -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", LAPACK)
@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5), (1, 1), (0, 3), (2, 0), (7, 2, 2)])
def test_lu_is_jax_s(shape, dtype):
    a = random(0, shape, dtype)
    agree(tuple(cujax.lax.linalg.lu(a)), tuple(jax.lax.linalg.lu(a)))


def test_lu_of_matrices_with_zero_pivots():
    for a in (np.zeros((3, 3)), SINGULAR["zero pivot in the middle"]):
        agree(tuple(cujax.lax.linalg.lu(a)), tuple(jax.lax.linalg.lu(a)))


def test_pivots_to_permutation():
    pivots = np.array([[1, 2, 2], [2, 1, 2]], np.int32)
    found = cujax.lax.linalg.lu_pivots_to_permutation(pivots, 4)
    agree(found, jax.lax.linalg.lu_pivots_to_permutation(pivots, 4))


@pytest.mark.parametrize("dtype", LAPACK)
def test_loops_over_rows_do_what_lapack_does(dtype, monkeypatch):
    """The way without SciPy, and for many small matrices."""
    a, b = random(0, (3, 6, 6), dtype), random(1, (3, 6, 2), dtype)
    flags = [(lo, tr, co, un) for lo in (0, 1) for tr in (0, 1) for co in (0, 1) for un in (0, 1)]
    expected = numpy_linalg.lu(a), [numpy_linalg.triangular_solve(a, b, *map(bool, f)) for f in flags]
    monkeypatch.setattr(numpy_linalg, "_scipy", lambda: None)
    assert numpy_linalg._prefers_rows(1, 6)
    found = numpy_linalg.lu(a), [numpy_linalg.triangular_solve(a, b, *map(bool, f)) for f in flags]
    agree(found[0], expected[0], 1e-6)
    agree(found[1], expected[1], 1e-4 if dtype in ("float32", "complex64") else 1e-9)


@pytest.mark.parametrize("dtype", LAPACK)
@pytest.mark.parametrize("shape", [(1,), (2,), (7,), (3, 6), (40, 3), (0, 4), (0,)])
def test_tridiagonal_systems(shape, dtype, monkeypatch):
    dl, d, du = random(0, (3, *shape), dtype)
    b = random(1, (*shape, 2), dtype)
    expected = jax.lax.linalg.tridiagonal_solve(dl, d, du, b)
    tolerance = 1e-3 if dtype in ("float32", "complex64") else 1e-9  # some are badly conditioned
    agree(cujax.lax.linalg.tridiagonal_solve(dl, d, du, b), expected, tolerance)
    monkeypatch.setattr(numpy_linalg, "_scipy", lambda: None)
    agree(cujax.lax.linalg.tridiagonal_solve(dl, d, du, b), expected, tolerance)


def test_a_singular_tridiagonal_system_is_not_finite():
    zero, one = np.zeros(4), np.ones((4, 1))
    assert not np.isfinite(cujax.lax.linalg.tridiagonal_solve(zero, zero, zero, one)).any()


def test_scipy_is_optional(monkeypatch):
    expected = jax_numpy.linalg.solve(A, B)  # JAX takes SciPy's LAPACK
    monkeypatch.setitem(sys.modules, "scipy.linalg", None)
    numpy_linalg._scipy.cache_clear()
    assert numpy_linalg._scipy() is None
    with on_numpy():
        agree(jnp.linalg.solve(A, B), expected)
    numpy_linalg._scipy.cache_clear()


# --- norms ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float16", "float32", "complex64", "int32", "bool"])
@pytest.mark.parametrize(
    "ord, axis, keepdims",
    [
        (None, None, False), (None, None, True), (None, 0, False), (2, 1, True), (1, 1, False), (0, 0, False),
        (np.inf, 0, False), (-np.inf, 1, False), (3, 0, False), (0.5, 1, True), (-2, 1, False),
        ("fro", None, False), (1, None, False), (-1, (0, 1), True), (np.inf, (1, 0), False),
        (-np.inf, (-2, -1), False),
    ],
)
def test_norms(ord, axis, keepdims, dtype):
    x = np.round(random(0, (3, 4), "complex64" if dtype == "complex64" else "float32") * 3 + 7).astype(dtype)
    agree(jnp.linalg.norm(x, ord, axis, keepdims), jax_numpy.linalg.norm(x, ord, axis, keepdims), 2e-3)


@pytest.mark.parametrize("ord", [2, -2, "nuc"])
def test_norms_by_singular_values(ord):
    stack = random(0, (2, 3, 4))
    agree(jnp.linalg.norm(stack, ord, (0, 2), keepdims=True), np.linalg.norm(stack, ord, (0, 2), keepdims=True))
    agree(cujax.grad(lambda a: jnp.linalg.norm(a, ord))(A), jax.grad(lambda a: jax_numpy.linalg.norm(a, ord))(A))


# --- expm -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", LAPACK)
@pytest.mark.parametrize("scale", [0, 1e-3, 1, 10])
def test_expm(dtype, scale):
    scipy = pytest.importorskip("scipy.linalg", reason="the oracle here is SciPy: JAX loses digits")
    x = scale * random(0, (3, 4, 4), dtype)
    found = scipy_linalg.expm(x)
    assert found.dtype == dtype
    wide = scipy.expm(x.astype("complex128" if "c" in dtype else "float64"))
    tolerance = 1e-9 if np.dtype(dtype).itemsize == (16 if "c" in dtype else 8) else 2e-3
    for a, b in zip(np.asarray(found), wide, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * np.abs(b).max())


def test_expm_derivatives():
    x, t = random(0, (3, 3)), random(1, (3, 3))
    _, found = cujax.jvp(scipy_linalg.expm, (x,), (t,))
    agree(found, jax.jvp(jax_scipy.expm, (x,), (t,))[1], 1e-8)
    weight = random(2, (3, 3))
    agree(
        cujax.jit(cujax.grad(lambda x: (scipy_linalg.expm(x) * weight).sum()))(x),
        jax.grad(lambda x: (jax_scipy.expm(x) * weight).sum())(x), 1e-8,
    )
    agree(scipy_linalg.expm(np.triu(x), upper_triangular=True), jax_scipy.expm(np.triu(x)), 1e-8)
    assert np.isnan(scipy_linalg.expm(1e4 * x, max_squarings=3)).all()


# --- errors ---------------------------------------------------------------------------------------------

R, F16 = np.ones((2, 3)), np.eye(3, dtype=np.float16)
ERRORS = [
    (lambda m, x, s: m.linalg.solve(A, np.ones(3)), ValueError, r"needs b of shape \(4,\) or"),
    (lambda m, x, s: m.linalg.solve(R, np.ones(2)), ValueError, r"solve must have shape \[\.\.\., n, n\]"),
    (lambda m, x, s: m.linalg.solve(np.stack([A, A]), np.ones((2, 4))), ValueError, r"b\[\.\.\., None\]"),
    (lambda m, x, s: m.linalg.solve([[1.0]], [1.0]), TypeError, "linalg.solve requires ndarray"),
    (lambda m, x, s: m.linalg.inv(R), ValueError, "inv must have shape"),
    (lambda m, x, s: m.linalg.inv(F16), NotImplementedError, "does not support float16"),
    (lambda m, x, s: m.linalg.det(R), ValueError, "det must have shape"),
    (lambda m, x, s: m.linalg.slogdet(R), ValueError, "slogdet must have shape"),
    (lambda m, x, s: m.linalg.slogdet(A, method="x"), ValueError, "Unknown slogdet method 'x'"),
    (lambda m, x, s: m.linalg.cholesky(R), TypeError, "only square matrices can be symmetrized"),
    (lambda m, x, s: m.linalg.cholesky(F16), NotImplementedError, r"x.astype\('float32'\)"),
    (lambda m, x, s: m.linalg.norm(np.ones((2, 3, 4)), 2), ValueError, "Improper number of axes for norm"),
    (lambda m, x, s: m.linalg.norm(V, "fro"), ValueError, "Invalid order 'fro' for vector norm"),
    (lambda m, x, s: m.linalg.norm(A, 3), ValueError, "Invalid order 3 for matrix norm"),
    (lambda m, x, s: m.linalg.norm(A, axis=5), ValueError, "out of bounds"),
    (lambda m, x, s: m.linalg.matrix_power(R, 2), TypeError, "shape"),
    (lambda m, x, s: m.linalg.matrix_power(A, 2.0), TypeError, "exponent must be an integer, got 2.0"),
    (lambda m, x, s: m.linalg.multi_dot([A]), ValueError, "at least two arrays"),
    (lambda m, x, s: m.linalg.multi_dot([A, R]), ValueError, "as many columns"),
    (lambda m, x, s: m.linalg.multi_dot([A, V, A]), ValueError, "must be matrices"),
    (lambda m, x, s: m.linalg.cross(V, V), ValueError, "length 3"),
    (lambda m, x, s: m.linalg.outer(A, V), ValueError, "must be vectors"),
    (lambda m, x, s: m.linalg.tensorinv(A, 0), ValueError, "ind must be a positive integer"),
    (lambda m, x, s: m.linalg.tensorsolve(R, V), ValueError, "leading axes"),
    (lambda m, x, s: x.linalg.lu(V), TypeError, "rank at least 2"),
    (lambda m, x, s: x.linalg.cholesky(R, symmetrize_input=False), ValueError, "must be a square matrix"),
    (lambda m, x, s: x.linalg.triangular_solve(A, B), ValueError, "b must have 4 columns"),
    (lambda m, x, s: x.linalg.triangular_solve(R, B, left_side=True), ValueError, "square matrix"),
    (lambda m, x, s: x.linalg.triangular_solve(A, B + 0j, left_side=True), TypeError, "one dtype"),
    (lambda m, x, s: x.linalg.triangular_solve(A, B[None], left_side=True), TypeError, "leading axes"),
    (lambda m, x, s: x.linalg.triangular_solve(A.astype(int), A.astype(int)), TypeError, "int64"),
    (lambda m, x, s: x.linalg.lu_pivots_to_permutation(np.zeros(3, np.int32), 2), ValueError, "=2 must"),
    (lambda m, x, s: x.linalg.lu_pivots_to_permutation(V, 5), TypeError, "int32"),
    (lambda m, x, s: x.linalg.tridiagonal_solve(V, V, V, B[:3]), TypeError, "one axis more"),
    (lambda m, x, s: x.linalg.tridiagonal_solve(V[1:], V, V, B), TypeError, "one shape"),
    (lambda m, x, s: x.linalg.tridiagonal_solve(V, V, V, B + 0j), TypeError, "one dtype"),
    (lambda m, x, s: s.solve(A, V, assume_a="foo"), ValueError, "assume_a"),
    (lambda m, x, s: s.solve_triangular(A, V, trans=3), ValueError, "Invalid 'trans' value 3"),
    (lambda m, x, s: s.lu_solve((A, np.zeros(4, np.int32)), V, trans="T"), ValueError, "'trans' value"),
    (lambda m, x, s: s.block_diag(np.ones((2, 2, 2))), ValueError, "more than two axes"),
    (lambda m, x, s: s.expm(R), ValueError, "expm"),
]


@pytest.mark.parametrize("call, error, text", ERRORS, ids=[text for _, _, text in ERRORS])
def test_errors_have_jax_s_class(call, error, text):
    with pytest.raises(error):
        call(jax_numpy, jax.lax, jax_scipy)
    with pytest.raises(error, match=text):
        call(jnp, cujax.lax, scipy_linalg)


@pytest.mark.parametrize("dtype", ["float32", "complex128"])
def test_cholesky_of_large_matrices_reads_the_lower_triangle_and_fails_by_nan(dtype):
    rng = np.random.default_rng(4)
    a = (rng.standard_normal((70, 70)) + (1j * rng.standard_normal((70, 70)) if dtype[0] == "c" else 0)).astype(dtype)
    a = a @ a.conj().T + 70 * np.eye(70, dtype=dtype)
    both = np.stack([np.tril(a), -np.tril(a)])
    factor, failed = numpy_linalg.cholesky(both)
    rtol = 1e-5 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(factor, np.linalg.cholesky(a), rtol=rtol, atol=rtol)
    assert np.isnan(failed[np.tril_indices(70)]).all() and not failed[np.triu_indices(70, 1)].any()
