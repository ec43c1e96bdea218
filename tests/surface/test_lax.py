"""Names of lax that change little, ragged products, and what may be asked of accuracy and precision, against JAX."""

from __future__ import annotations

import numpy as np
import pytest
from compiled_oracle import check, check_transforms
from oracle_cases import ARRAYS, lines

import cujax
import cujax.numpy as jnp
from cujax import lax

CASES = r"""
lax.approx_max_k(x, 2)
lax.approx_min_k(x, 2, reduction_dimension=0)
lax.approx_max_k(x, 7)
lax.approx_max_k(xi, 2)
lax.stage(2.0)
lax.stage(len)
lax.composite(lambda x: x + 1, name='a.b')(x)
lax.with_sharding_constraint(x, None)
lax.exp(x, accuracy=lax.Tolerance(atol=1.0))
lax.exp(x, accuracy=lax.AccuracyMode.HIGHEST)
lax.exp(x, accuracy=3)
lax.Tolerance()
lax.Tolerance(atol=-1.0)
lax.dot(x, x.T, precision=lax.DotAlgorithmPreset.F32_F32_F32)
lax.dot(x, x.T, precision='F32_F32_F32')
lax.dot(x, x.T, precision='other')
lax.ragged_dot(x, m, jnp.array([2, 1]))
lax.ragged_dot(x, m, jnp.array([1, 1]))
lax.ragged_dot(x, m, jnp.array([3, 2]))
lax.ragged_dot(x, m, jnp.array([0, 3]), preferred_element_type='float16')
lax.ragged_dot(x, jnp.arange(16.0).reshape(2, 2, 4), jnp.array([2, 1]))
lax.ragged_dot(x, m, jnp.array([2.0, 1.0]))
lax.ragged_dot(x, x, jnp.array([2, 1]))
lax.ragged_dot(x, m, jnp.array([2, 1, 1]))
lax.ragged_dot(x.astype('bfloat16'), m.astype('bfloat16'), jnp.array([2, 1]))
lax.ragged_dot_general(x, x, jnp.array([1, 2]), Numbers((((0,), (0,)), ((), ())), [0], []))
lax.ragged_dot_general(x[:, None], x[:, :, None], jnp.array([1, 1]), Numbers((((2,), (1,)), ((0,), (0,))), [0], []))
lax.ragged_dot_general(x[None], m[None], jnp.array([1, 2]), Numbers((((2,), (2,)), ((0,), (0,))), [1], [1]))
lax.ragged_dot_general(x, x, jnp.array([1, 2]), Numbers((((0,), (0,)), ((), ())), [0, 1], []))
"""


@pytest.fixture(autouse=True)
def matrices(monkeypatch):
    monkeypatch.setitem(ARRAYS, "m", np.arange(24, dtype=np.float32).reshape(2, 4, 3))


@pytest.mark.parametrize("case", lines(CASES))
def test_agrees_with_jax(case):
    check(case.replace("Numbers(", "lax.RaggedDotDimensionNumbers("))


@pytest.mark.parametrize("case", lines("""
lax.ragged_dot(x, m, jnp.array([1, 1]))
lax.ragged_dot(jnp.ones((5, 3)), jnp.stack([x.T[:3], 2 * x.T[:3]]), jnp.array([2, 3]))
lax.approx_max_k(x, 2)[0]
"""))
def test_transforms(case):
    check_transforms(case)


def test_shapes_are_known_values():
    assert lax.shape_as_value((2, 3)).tolist() == [2, 3]
    x = jnp.ones(2)
    assert lax.with_sharding_constraint({"a": x}, "anything")["a"] is x


@pytest.mark.parametrize(("algorithm", "precision"), [
    (lax.DotAlgorithm(np.float16, np.float16, np.float32), "DEFAULT"),
    (lax.DotAlgorithm("bfloat16", "bfloat16", np.float32, 1, 1, 3), "HIGH"),
    (lax.DotAlgorithm(np.float64, np.float64, np.float64), "HIGHEST"),
    (lax.DotAlgorithmPreset.TF32_TF32_F32, "HIGH"),
    (lax.DotAlgorithmPreset.BF16_BF16_F32, "DEFAULT"),
    (lax.DotAlgorithmPreset.BF16_BF16_F32_X6, "HIGH"),
    (lax.DotAlgorithmPreset.F64_F64_F64, "HIGHEST"),
], ids=str)
def test_an_algorithm_stands_for_a_precision(algorithm, precision):
    assert algorithm.precision.name == precision
    tape = str(cujax.make_jaxpr(lambda x: lax.dot(x, x, precision=algorithm))(jnp.ones((2, 2))))
    assert f"precision=(Precision.{precision},Precision.{precision})" in tape


@pytest.mark.parametrize(("call", "text"), [
    (lambda: lax.ragged_dot(jnp.ones((2, 2)), jnp.ones((1, 2, 2)), jnp.array([2]), group_offset=0), "group_offset"),
    (lambda: lax.approx_max_k(jnp.ones(2), 3), "k=3"),
    (lambda: lax.exp(1.0, accuracy=1), "exp: accuracy must be"),
])
def test_errors_say_what_was_seen(call, text):
    with pytest.raises((ValueError, TypeError, NotImplementedError), match=text):
        call()
