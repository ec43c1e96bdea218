"""Products rounded together with the sum they enter: which, where, and that all targets give the same bits."""

from __future__ import annotations

import numpy as np
import pytest
from emulator import emulated_backend, why_not

import cujax
import cujax.numpy as jnp
from cujax import lax, random
from cujax.engine.backends.numpy_fma import fma
from cujax.engine.backends.select import selected
from cujax.engine.compiler import multiply_add
from cujax.engine.compiler.multiply_add import fuse_multiply_adds
from cujax.engine.compiler.passes import optimized
from cujax.engine.core.tape import subtapes
from cujax.engine.ground.config import config

X, Y, Z = np.random.default_rng(0).standard_normal((3, 64)).astype(np.float32)


@pytest.fixture(autouse=True)
def with_fma(monkeypatch):
    monkeypatch.setattr(multiply_add, "has_fma", lambda: True)


def ops(tape):
    """The names of the ops of a tape and of those inside, in order."""
    return [name for e in tape.eqns for name in (e.primitive.name, *[n for t in subtapes(e.params) for n in ops(t)])]


def fused(function, *args, language="host"):
    """The ops of `function` after the pass, without loops and what moves data."""
    tape = fuse_multiply_adds(optimized(cujax.make_jaxpr(function)(*args).tape), language)
    kept = ("fma", "mul", "add", "add_any", "sub", "neg", "square", "integer_pow", "summand", "reduce_sum")
    return [name for name in ops(tape) if name in kept]


def once(step):
    """One step of a loop that does not count."""
    def function(x, y, z):
        return lax.scan(lambda c, _: (step(c, y, z), None), x, None, length=1)[0]
    return function


FUSED = {
    "product first": (lambda x, y, z: x * y + z, ["fma"]),
    "product last": (lambda x, y, z: z + x * y, ["fma"]),
    "both": (lambda x, y, z: x * y + z * z, ["mul", "fma"]),
    "less a number": (lambda x, y, z: x * y - z, ["neg", "fma"]),
    "less a literal": (lambda x, y, z: x * y - 2.0, ["fma"]),
    "from a number": (lambda x, y, z: z - x * y, ["neg", "fma"]),
    "from a number, by a literal": (lambda x, y, z: z - 2.0 * y, ["fma"]),
    "square": (lambda x, y, z: x**2 + z, ["fma"]),
    "sum of products": (lambda x, y, z: x * y + y * z + z * x, ["mul", "fma", "fma"]),
    "polynomial": (lambda x, y, z: (x * y + 1.0) * y + z, ["fma", "fma"]),
}
KEPT = {
    "read elsewhere": (lambda x, y, z: (lambda p: (p + z) / p)(x * y), ["mul", "add"]),
    "a result": (lambda x, y, z: x * y, ["mul"]),
    "half precision": (lambda x, y, z: (x.astype("float16") * 3 + 1).astype("float32"), ["mul", "add"]),
    "complex": (lambda x, y, z: ((x + 1j) * (y + 2j) + z).real, ["add", "add", "mul", "add"]),
    "integers": (lambda x, y, z: (x.astype("int32") * 3 + 1).astype("float32"), ["mul", "add"]),
}


@pytest.mark.parametrize("name", [*FUSED, *KEPT])
def test_in_a_loop(name):
    step, expected = {**FUSED, **KEPT}[name]
    assert fused(once(step), X, Y, Z) == expected


def test_in_what_stands_in_a_loop():
    def step(c, y, z):
        c = lax.cond(c[0] > 0, lambda c: c * y + z, lambda c: c - y * z, c)
        return lax.while_loop(lambda c: c[0] < 5, lambda c: c * y + 1, c)

    assert fused(once(step), X, Y, Z).count("fma") == 3


def test_outside_of_loops_where_asked():
    def function(x, y, z):
        return x * y + z, once(lambda c, y, z: c * y + z)(x, y, z)

    found = {}
    for where in ("loops", "everywhere", "nowhere"):
        with config.override("fused_multiply_add", where):
            found[where] = fused(function, X, Y, Z)
    assert found == {"loops": ["mul", "add", "fma"], "everywhere": ["fma", "fma"], "nowhere": ["mul", "add"] * 2}


SUMS = {
    "product": (lambda x, y: (x * y).sum(), ["summand", "reduce_sum"]),
    "square": (lambda x, y: (x**2).sum(), ["summand", "reduce_sum"]),
    "read elsewhere": (lambda x, y: (lambda p: p.sum() + p)(x * y), ["mul", "reduce_sum", "add"]),
    "sum of a product and more": (lambda x, y: (x * y + x).sum(), ["mul", "add", "reduce_sum"]),
    "largest": (lambda x, y: (x * y).max(), ["mul"]),
    "half precision": (lambda x, y: (x.astype("float16") * 3).sum(), ["mul", "reduce_sum"]),
    "integers": (lambda x, y: (x.astype("int32") * 3).sum(), ["mul", "reduce_sum"]),
}


@pytest.mark.parametrize("name", SUMS)
def test_in_a_sum(name):
    function, expected = SUMS[name]
    assert fused(function, X, Y) == expected
    with config.override("fused_multiply_add", "nowhere"):
        assert fused(function, X, Y) == ["mul" if op == "summand" and name == "product" else
                                         "integer_pow" if op == "summand" else op for op in expected]


def squares(x):
    return (x * x).sum(-1)


@pytest.mark.skipif(selected().kernels is None, reason="programs run op by op: nothing is fused")
def test_values_of_sums():
    """Of a short sum the order is known; a long one is nearer to the exact sum of the products."""
    rows = np.stack([X, Y, Z], -1)
    expected = fma(Z, Z, fma(Y, Y, X * X))
    np.testing.assert_array_equal(cujax.jit(squares)(rows), expected)
    with config.override("fused_multiply_add", "nowhere"):
        np.testing.assert_array_equal(cujax.jit(squares)(rows), X * X + Y * Y + Z * Z)
    assert (expected != X * X + Y * Y + Z * Z).any()
    tiny = np.full(1000, 1 + 2.0**-12, np.float32)  # its square is rounded to 1 + 2**-11
    exact = 1000 * (2.0**-24 + 2.0**-11)
    assert abs(float(cujax.jit(lambda x: (x * x).sum() - 1000)(tiny)) - exact) < 1e-4


@pytest.mark.skipif(why_not() is not None, reason="the emulator does not run here")
def test_a_device_gives_the_same_bits_of_short_sums():
    with emulated_backend():
        found = np.asarray(cujax.jit(lambda x: squares(x))(np.stack([X, Y, Z], -1)))
    np.testing.assert_array_equal(found, fma(Z, Z, fma(Y, Y, X * X)))


def test_not_by_a_function_of_the_library(monkeypatch):
    monkeypatch.setattr(multiply_add, "has_fma", lambda: False)
    assert fused(once(FUSED["product first"][0]), X, Y, Z) == ["mul", "add"]
    assert fused(once(FUSED["product first"][0]), X, Y, Z, language="cuda") == ["fma"]


def test_what_may_belong_to_a_sampler_stays():
    def draws(key, x):
        return lax.fori_loop(0, 3, lambda k, c: c * 2.0 + random.normal(random.fold_in(key, k), c.shape), x)

    def sums(key, x):
        return (random.normal(key, x.shape) * x).sum()

    def receives(key, x):
        noise = random.normal(key, (3, *x.shape))
        return noise[0] * x + x, lax.scan(lambda c, n: (c * 2.0 + n, None), x, noise)[0]

    key = random.key(1)
    with config.override("fused_multiply_add", "everywhere"):
        for function in (draws, receives, sums):
            kept = optimized(cujax.make_jaxpr(function)(key, X).tape)
            assert ops(fuse_multiply_adds(kept, "host")) == ops(kept)


def horner(x, y, z):
    return lax.fori_loop(0, 9, lambda _, c: c * y + z, x)


def expected_horner():
    c = X
    for _ in range(9):
        c = fma(c, Y, Z)
    return c


@pytest.mark.skipif(selected().kernels is None, reason="programs run op by op: nothing is fused")
def test_values():
    np.testing.assert_array_equal(cujax.jit(horner)(X, Y, Z), expected_horner())
    with config.override("fused_multiply_add", "nowhere"):
        c = X
        for _ in range(9):
            c = c * Y + Z
        np.testing.assert_array_equal(cujax.jit(horner)(X, Y, Z), c)
    assert (c != expected_horner()).any()


@pytest.mark.skipif(why_not() is not None, reason="the emulator does not run here")
def test_a_device_gives_the_same_bits():
    with emulated_backend():
        np.testing.assert_array_equal(cujax.jit(lambda *xs: horner(*xs))(X, Y, Z), expected_horner())


@pytest.mark.skipif(selected().kernels is None, reason="programs run op by op: nothing is fused")
def test_loops_that_mix_lanes_too():
    def mixing(x, y, z):
        return lax.fori_loop(0, 3, lambda _, c: jnp.roll(c, 1) * y + z, x)

    c = X
    for _ in range(3):
        c = fma(np.roll(c, 1), Y, Z)
    np.testing.assert_array_equal(cujax.jit(mixing)(X, Y, Z), c)


def test_the_derivative_is_that_of_the_product_and_the_sum():
    def function(x):
        return lax.scan(lambda c, y: (c * y + x, None), x, jnp.asarray(Y))[0].sum()

    def unrolled(x):
        c = x
        for y in Y:
            c = c * y + x
        return c.sum()

    np.testing.assert_allclose(cujax.grad(function)(Z), cujax.grad(unrolled)(Z), rtol=1e-4)
