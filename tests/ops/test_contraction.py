"""Products: what the rows of op_samples do not show."""

from __future__ import annotations

import itertools

import jax
import numpy as np
import pytest
from jax import lax as jax_lax

import cujax
from cujax import lax
from cujax.engine.core.recording import record
from cujax.engine.core.trace import aval_of
from cujax.engine.ground.config import config
from cujax.engine.ops.contraction import dot_general_p

MATRICES = (((1,), (0,)), ((), ()))
DTYPES = ["bool", "int8", "uint8", "int16", "int32", "uint32", "float16", "bfloat16", "float32", "complex64"]


def reals(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).uniform(-1, 1, shape).astype(np.float32)


def random_product(seed: int) -> tuple:
    """Two arrays, dimension numbers, and the same product in einsum's letters."""
    rng = np.random.default_rng(seed)
    batch, free_x, free_y, summed = np.split(np.array(list("abcdefgh")), np.sort(rng.integers(0, 8, 3)))
    x, y = rng.permutation([*batch, *free_x, *summed]), rng.permutation([*batch, *free_y, *summed])
    lengths = dict(zip("abcdefgh", rng.integers(1, 4, 8), strict=True))
    numbers = tuple(
        tuple(tuple(list(side).index(c) for c in letters) for side in (x, y)) for letters in (summed, batch)
    )
    result = [*batch, *(c for c in x if c in free_x), *(c for c in y if c in free_y)]
    arrays = [rng.uniform(-1, 1, [lengths[c] for c in side]).astype(np.float32) for side in (x, y)]
    return *arrays, numbers, f"{''.join(x)},{''.join(y)}->{''.join(result)}"


@pytest.mark.parametrize("seed", range(12))
def test_any_product_is_an_einsum(seed):
    x, y, numbers, letters = random_product(seed)
    np.testing.assert_allclose(lax.dot_general(x, y, numbers), np.einsum(letters, x, y), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("seed", range(6))
def test_gradients_and_batches_of_any_product(seed):
    x, y, numbers, _ = random_product(seed)
    out, pull_back = cujax.vjp(lambda x, y: lax.dot_general(x, y, numbers), x, y)
    jax_out, jax_pull_back = jax.vjp(lambda x, y: jax_lax.dot_general(x, y, numbers), x, y)
    for found, expected in zip(pull_back(out), jax_pull_back(jax_out), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    for axes in itertools.product((None, 0, x.ndim), (None, 0, y.ndim)):
        if axes != (None, None):
            check_batch(x, y, numbers, axes)


def check_batch(x, y, numbers, axes):
    """vmap over axes of length 2 is a loop."""
    xs, ys = ([v, v[..., ::-1] * np.float32(0.5)] for v in (np.atleast_1d(x), np.atleast_1d(y)))
    xs, ys = ([v.reshape(like.shape) for v in vs] for vs, like in ((xs, x), (ys, y)))
    given = [v[0] if a is None else np.stack(v, a) for v, a in zip((xs, ys), axes, strict=True)]
    found = cujax.vmap(lambda x, y: lax.dot_general(x, y, numbers), in_axes=axes)(*given)
    for k in range(2):
        expected = lax.dot_general(xs[k * (axes[0] is not None)], ys[k * (axes[1] is not None)], numbers)
        np.testing.assert_allclose(found[k], expected, rtol=1e-5, atol=1e-5)


def test_a_batch_of_one_side_makes_no_copies_of_the_other():
    avals = [aval_of(reals(5, 2, 3)), aval_of(reals(3, 4))]
    tape, _ = record(lambda x, y: [cujax.vmap(lax.dot, (0, None))(x, y)], avals)
    assert [e.primitive.name for e in tape.eqns] == ["dot_general"]


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("right", [False, True])
def test_plain_and_transposed_matrices_go_to_blas_as_they_are(left, right):
    x, y = reals(3, 2) if left else reals(2, 3), reals(4, 3) if right else reals(3, 4)
    seen = []

    class Noting:
        asarray = staticmethod(np.asarray)

        @staticmethod
        def matmul(a, b):
            seen.append(np.shares_memory(a, x) and np.shares_memory(b, y))
            return a @ b

    numbers = (((1 - left,), (int(right),)), ((), ()))
    dot_general_p.impl(Noting, x, y, dimension_numbers=numbers, precision=None, preferred_element_type=None)
    assert seen == [True]


@pytest.mark.parametrize("preferred", [None, *DTYPES])
def test_dtypes_of_all_pairs(preferred):
    for a, b in itertools.product(DTYPES, DTYPES):
        ours, theirs = (outcome_dtype(library, a, b, preferred) for library in (cujax, jax))
        assert ours == theirs, f"{a} {b} {preferred}: {ours}, JAX has {theirs}"


def outcome_dtype(library, a: str, b: str, preferred: str | None):
    def product():
        x, y = library.ShapeDtypeStruct((1, 2), a), library.ShapeDtypeStruct((2, 1), b)
        return library.eval_shape(lambda x, y: library.lax.dot(x, y, preferred_element_type=preferred), x, y)

    try:
        return str(product().dtype)
    except TypeError:
        return TypeError


def test_sums_of_half_precision_are_carried_in_float32():
    x = np.full((1, 4096), 0.1, np.float16)
    np.testing.assert_array_equal(lax.dot(x, x.T), jax_lax.dot(x, x.T))


def test_integers_wrap_and_booleans_saturate():
    x = np.full((1, 3), 100, np.int8)
    assert int(lax.dot(x, x.T)[0, 0]) == 30000 % 256
    assert int(lax.dot(x, x.T, preferred_element_type=np.int32)[0, 0]) == 30000
    assert bool(lax.dot(x > 0, (x > 0).T)[0, 0])


def test_weak_operands_give_a_weak_product():
    weak = cujax.numpy.asarray(2.0)
    assert lax.dot_general(weak, weak, (((), ()), ((), ()))).weak_type
    assert not lax.dot_general(weak, np.float32(1), (((), ()), ((), ()))).weak_type


WRONG = [
    (((1,), (1,)), ((), ()), "got lengths (3,) at axes (1,) of lhs with shape (2, 3), and (4,) at axes (1,) of rhs"),
    (((1,), (0,)), ((0,), (0,)), "rhs batch (0,) and rhs contracting (0,)"),
    (((0,), (1,)), ((1,), (0,)), "got lengths (2,) at axes (0,) of lhs"),
    (((1,), (0, 1)), ((), ()), "(1,) of lhs and (0, 1) of rhs"),
    (((1, 1), (0, 0)), ((), ()), "lhs contracting dimensions to be distinct"),
    (((2,), (0,)), ((), ()), "axes of lhs"),
    (((-1,), (0,)), ((), ()), "axes of lhs"),
]


@pytest.mark.parametrize(("contract", "batch", "text"), WRONG)
def test_errors_name_both_sides(contract, batch, text):
    with pytest.raises(TypeError) as ours:
        lax.dot_general(reals(2, 3), reals(3, 4), (contract, batch))
    with pytest.raises(TypeError):
        jax_lax.dot_general(reals(2, 3), reals(3, 4), (contract, batch))
    assert text in str(ours.value)


def test_dot_and_batch_matmul():
    assert lax.dot(reals(2, 3), reals(3)).shape == (2,)
    assert lax.batch_matmul(reals(5, 2, 3), reals(5, 3, 4)).shape == (5, 2, 4)
    for x, y in ((reals(2, 3), reals(4)), (reals(2, 3, 4), reals(4, 3)), (np.float32(1), reals(1, 2))):
        with pytest.raises(ValueError, match=r"lax\.dot multiplies vectors and matrices"):
            lax.dot(x, y)
    for x, y in ((reals(3), reals(3)), (reals(2, 3, 4), reals(4, 5))):
        with pytest.raises(ValueError, match="batch_matmul"):
            lax.batch_matmul(x, y)


# --- precision ------------------------------------------------------------------------------------------


def test_precision_has_jax_s_names():
    for name in ("default", "fastest", "bfloat16", "high", "tensorfloat32", "bfloat16_3x", "highest", "float32", None):
        assert repr(lax.Precision(name)) == repr(jax_lax.Precision(name))
    assert str(lax.Precision.HIGH) == str(jax_lax.Precision.HIGH)


def test_precision_of_a_call_and_of_the_configuration():
    def precision_of(**options):
        tape, _ = record(lambda x: [lax.dot(x, x, **options)], [aval_of(reals(2, 2))])
        return tape.eqns[0].params["precision"]

    highest = lax.Precision.HIGHEST
    assert precision_of() is None
    assert precision_of(precision="highest") == (highest, highest)
    assert precision_of(precision=("high", highest)) == (lax.Precision.HIGH, highest)
    with config.override("default_matmul_precision", "float32"):
        assert precision_of() == (highest, highest)
    for wrong in ("much", (None, "high"), ("high",), 3):
        with pytest.raises(ValueError, match="precision must be"):
            precision_of(precision=wrong)
