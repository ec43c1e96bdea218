"""cujax.nn beyond the activations of tests/test_nn.py, and its initializers, against JAX."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from compiled_oracle import check, check_transforms
from oracle_cases import ARRAYS, close, evaluate, lines, words

import cujax
import cujax.numpy as jnp
from cujax import nn
from cujax.engine.backends.select import selected
from cujax.nn import initializers

ACTIVATIONS = words("hard_sigmoid hard_silu identity log1mexp mish sparse_plus sparse_sigmoid squareplus tanh")
ARGUMENTS = lines("""
v
2
0.5
jnp.array([True, False])
jnp.array([0.5, 0.25], 'bfloat16')
jnp.arange(3)
jnp.array([nan, inf, -inf])
jnp.array([1 + 1j])
[1.0, 2.0]
""")

CASES = r"""
nn.squareplus(x, v[:4])
nn.squareplus(1, jnp.ones(3))
nn.glu(x)
nn.glu(x, 1)
nn.glu(x, 0)
nn.glu(x, 5)
nn.glu(c)
nn.logmeanexp(x)
nn.logmeanexp(x, (0, 1))
nn.logmeanexp(x, -1, keepdims=True)
nn.logmeanexp(x, 0, x > 0)
nn.logmeanexp(xi)
nn.logmeanexp(2)
nn.logmeanexp(x * 1e30)
nn.logmeanexp(jnp.zeros((0, 3)), 0)
nn.logmeanexp(x.astype('float16'), 1)
"""

TRANSFORMS = r"""
nn.hard_sigmoid(x)
nn.hard_silu(x)
nn.mish(x)
nn.sparse_plus(x)
nn.squareplus(x)
nn.log1mexp(abs(x))
nn.glu(x)
nn.logmeanexp(x, 1, jnp.array([True, False, True, True]))
"""


@pytest.mark.parametrize("function", ACTIVATIONS)
def test_types_and_values_of_activations(function):
    for argument in ARGUMENTS:
        check(f"nn.{function}({argument})")


@pytest.mark.parametrize("case", lines(CASES))
def test_agrees_with_jax(case):
    check(case)


@pytest.mark.parametrize("case", lines(TRANSFORMS))
def test_transforms(case):
    check_transforms(case)


def test_log1mexp_keeps_digits():
    x = np.array([1e-6, 0.1, 5, 40], np.float64)
    expected = np.log1p(-np.exp(-x), where=x > 1, out=np.log(-np.expm1(-x)))
    np.testing.assert_allclose(nn.log1mexp(x.astype(np.float32)), expected, rtol=1e-6)


# --- attention --------------------------------------------------------------------------------------------------------

HEADS = {  # 2 sequences, 4 queries of 6 heads, 5 keys of 2 heads, 3 numbers each
    "q": np.sin(np.arange(144, dtype=np.float32)).reshape(2, 4, 6, 3),
    "k": np.cos(np.arange(60, dtype=np.float32)).reshape(2, 5, 2, 3),
    "w": np.sin(1 + np.arange(60, dtype=np.float32)).reshape(2, 5, 2, 3),
    "b": np.sin(np.arange(240, dtype=np.float32)).reshape(2, 6, 4, 5),
}
ATTENTION = r"""
nn.dot_product_attention(q, k, w)
nn.dot_product_attention(q, k[:, :, :1], w[:, :, :1], scale=2)
nn.dot_product_attention(q, k, w, b)
nn.dot_product_attention(q, k, w, jnp.ones((1, 6, 1, 1), 'float16'), b > 0)
nn.dot_product_attention(q, k, w, mask=b > 10)
nn.dot_product_attention(q, k, w, mask=b)
nn.dot_product_attention(q, k, w, is_causal=True, local_window_size=(1, 0))
nn.dot_product_attention(q, k, w, local_window_size=1)
nn.dot_product_attention(q, k, w, query_seq_lengths=jnp.array([2, 3]), key_value_seq_lengths=jnp.array([2, 0]))
nn.dot_product_attention(q, k, w, query_seq_lengths=jnp.array([2.0, 3.0]))
nn.dot_product_attention(q, k, w, query_seq_lengths=jnp.array([2]))
nn.dot_product_attention(q, k, w, b, b > 0, is_causal=True, return_residual=True)
nn.dot_product_attention(q, k, w, implementation='xla')
nn.dot_product_attention(q, k, w, implementation='other')
nn.dot_product_attention(q[0], k[0], w[0], jnp.ones((1, 4, 5)), return_residual=True)
nn.dot_product_attention(q[0], k, w)
nn.dot_product_attention(q[:, :, :5], k, w)
nn.dot_product_attention(q, k, w[:, :3])
nn.dot_product_attention(q, k.astype('float16'), w)
nn.dot_product_attention(q[:, :0], k, w)
nn.dot_product_attention(q.astype('bfloat16'), k.astype('bfloat16'), w.astype('bfloat16'), is_causal=True)
"""


@pytest.fixture
def heads(monkeypatch):
    for name, value in HEADS.items():
        monkeypatch.setitem(ARRAYS, name, value)


@pytest.mark.parametrize("case", lines(ATTENTION))
def test_attention(case, heads):
    check(case)


def test_attention_differentiates_and_batches(heads):
    def loss(library):
        attention = library.nn.dot_product_attention
        return lambda q, k, w: (attention(q, k, w, is_causal=True, mask=HEADS["b"] > 0) ** 2).sum()

    arrays = [HEADS[name] for name in "qkw"]
    found, expected = (library.jit(library.grad(loss(library), (0, 1, 2)))(*arrays) for library in (cujax, jax))
    for a, b in zip(found, expected, strict=True):
        close(a, np.asarray(b))
    one_by_one = cujax.vmap(lambda q, k, w: nn.dot_product_attention(q, k, w, is_causal=True))(*arrays)
    close(one_by_one, np.asarray(nn.dot_product_attention(*arrays, is_causal=True)))


def test_double_precision_is_kept(x64):
    q, k, w = (jnp.asarray(HEADS[name], "float64") for name in "qkw")
    scores = np.einsum("btkgh,bskh->bkgts", q.reshape(2, 4, 2, 3, 3), k) / np.sqrt(3)
    weights = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    expected = np.einsum("bkgts,bskh->btkgh", weights, w).reshape(q.shape)
    np.testing.assert_allclose(nn.dot_product_attention(q, k, w), expected, rtol=1e-13)


def test_there_is_no_kernel_of_cudnn(heads):
    with pytest.raises(NotImplementedError, match="implementation=None"):
        nn.dot_product_attention(*(HEADS[name] for name in "qkw"), implementation="cudnn")


def test_scaled_matmul():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 3, 4)).astype("f"), rng.normal(size=(2, 5, 4)).astype("f")
    s, t = np.float32([[[1, 2]] * 3] * 2), np.float32([[[3, 4]] * 5] * 2)
    expected = (a * s.repeat(2, -1)) @ (b * t.repeat(2, -1)).swapaxes(1, 2)
    np.testing.assert_allclose(nn.scaled_matmul(a, b, s, t), expected, rtol=1e-5, atol=1e-5)
    assert nn.scaled_matmul(a, b, s, t, "bfloat16").dtype == "bfloat16"
    if selected().platform == "cpu":  # CuPy has no arrays of 8-bit floats
        assert nn.scaled_matmul(jnp.ones((2, 3, 4), "float8_e4m3fn"), b, s, t).dtype == "float32"


@pytest.mark.parametrize("case", lines("""
nn.scaled_matmul(jnp.ones((2, 3, 4)), jnp.ones((2, 5, 4)), jnp.ones((2, 3, 2)), jnp.ones((2, 5, 4)))
nn.scaled_matmul(jnp.ones((3, 4)), jnp.ones((5, 4)), jnp.ones((3, 2)), jnp.ones((5, 2)))
"""))
def test_scaled_matmul_refuses_other_shapes(case):
    check(case)
    with pytest.raises(ValueError, match=r"scaled_matmul: lhs must have shape \(B, M, K\)"):
        raise evaluate(case, jnp)


# --- initializers -----------------------------------------------------------------------------------------------------

BUILDERS = words("""
normal() normal(2.0) uniform(3) truncated_normal(2.0,lower=-1.0,upper=3.0) constant(3) lecun_normal() lecun_uniform()
glorot_normal() glorot_uniform() he_normal() he_uniform() orthogonal()
orthogonal(2.0,column_axis=0) delta_orthogonal(2.0)
""")
DRAWS = lines("""
((0, (4, 5)))
((3, (2, 3, 4, 5), 'float32'))
((0, (3,)))
((0, (2, 3), 'int32'))
""")
SCALED = [
    f"nn.initializers.variance_scaling(1.5, '{mode}', '{distribution}', dtype='{dtype}')(jax.random.key(1), (4, 5))"
    for distribution, dtype, mode in [
        ("normal", "complex64", "fan_in"), ("truncated_normal", "complex64", "fan_geo_avg"),
        ("uniform", "complex64", "fan_out"), ("uniform", "bfloat16", "fan_avg"), ("normal", "float32", "other"),
        ("other", "float32", "fan_in"),
    ]
]


@pytest.mark.parametrize("builder", BUILDERS)
def test_initializers_draw_what_jax_s_draw(builder):
    for draw in DRAWS:
        seed, *rest = eval(draw)
        check(f"nn.initializers.{builder}(jax.random.key({seed}), *{rest})")


@pytest.mark.parametrize("case", [*SCALED, *lines("""
nn.initializers.zeros(None, (2, 3))
nn.initializers.he_uniform(in_axis=(0, 1), batch_axis=2)(jax.random.key(3), (2, 3, 4, 5))
nn.initializers.ones(None, (2,), 'int8')
nn.initializers.constant(jnp.arange(3.0))(None, (2, 3))
nn.initializers.orthogonal(dtype='complex64')(jax.random.key(0), (3, 2))
""")])
def test_initializers_of_all_kinds(case):
    check(case)


def test_orthogonal_matrices_keep_lengths():
    q = np.asarray(initializers.orthogonal()(cujax.random.key(0), (5, 3)))
    np.testing.assert_allclose(q.T @ q, np.eye(3), atol=1e-6)
    kernel = np.asarray(initializers.delta_orthogonal()(cujax.random.key(0), (3, 3, 2, 4)))
    assert np.count_nonzero(kernel) == 8
    np.testing.assert_allclose(kernel[1, 1] @ kernel[1, 1].T, np.eye(2), atol=1e-6)


@pytest.mark.parametrize(("builder", "shape", "text"), [
    (initializers.normal(), None, "out_sharding must be None"),
    (initializers.orthogonal(), (3,), "rank 2 or more"),
    (initializers.delta_orthogonal(), (3, 4), "rank 3, 4 or 5"),
    (initializers.delta_orthogonal(), (3, 4, 2), "fewer outputs than inputs"),
    (initializers.he_normal(), (3,), r"\(3,\) has rank 1"),
])
def test_errors_of_initializers(builder, shape, text):
    with pytest.raises((ValueError, NotImplementedError), match=text):
        builder(cujax.random.key(0), shape or (2, 3), out_sharding=None if shape else "data")
