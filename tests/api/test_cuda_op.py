"""`cuda_op`: a user's C++ as an op, on the host, on the emulated device, through NVRTC, and without a compiler."""

from __future__ import annotations

import math

import numpy as np
import pytest
from emulator import emulated_backend, why_not
from oracle_cases import words

import cujax
import cujax.numpy as jnp
from cujax.engine.backends import cuda_compiler, select
from cujax.engine.backends.kernel_errors import KernelCompileError
from cujax.engine.backends.numpy_backend import NumpyBackend
from cujax.engine.compiler.program import generated
from cujax.engine.ground.config import config
from cujax.errors import UserSourceError

X = np.linspace(-1, 1, 6, dtype=np.float32)

SOFTPLUS = {
    "source": "log1p(exp(x))", "operands": "x", "derivative": {"x": "1 / (1 + exp(-x))"},
    "numpy": lambda x: np.log1p(np.exp(x)), "name": "softplus",
}  # fmt: skip
softplus = cujax.cuda_op(**SOFTPLUS)
norm = cujax.cuda_op(
    "sqrt(square(x) + square(y))", "x, y", preamble="template <class X> __device__ X square(X x) { return x * x; }",
    derivative={"x": "x / out", "y": lambda x, y: y / norm(x, y)}, name="norm",
)


@pytest.fixture
def no_compiler(monkeypatch):
    monkeypatch.setattr(select, "_selected", NumpyBackend())


def logistic(x):
    return 1 / (1 + np.exp(-x))


def test_a_call():
    for f in (softplus, cujax.jit(softplus)):
        np.testing.assert_allclose(f(X), np.log1p(np.exp(X)), rtol=1e-6)
    assert softplus.operands == ("x",) and softplus.__name__ == "softplus" and "softplus" in repr(softplus)


def test_it_is_part_of_the_kernel_around_it():
    tape = cujax.make_jaxpr(lambda x: (softplus(2 * x) + 1).sum())(X).tape
    for language in ("host", "cuda"):
        made = generated(tape, language)
        assert len(made.steps) == 1 and "cj_user::softplus_" in made.source and "log1p(exp(x))" in made.source


def test_it_is_part_of_a_loop():
    def iterated(x):
        return cujax.lax.fori_loop(0, 3, lambda _, y: softplus(y) - 1, x)

    expected = X
    for _ in range(3):
        expected = np.log1p(np.exp(expected)) - 1
    np.testing.assert_allclose(cujax.vmap(iterated)(X), expected, rtol=1e-5)
    assert "one kernel" in cujax.explain(cujax.vmap(iterated))(X)
    slopes = cujax.jit(cujax.vmap(cujax.grad(iterated)))(X)
    np.testing.assert_allclose(slopes, cujax.vmap(cujax.jacfwd(iterated))(X), rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "int32", "complex64"])
def test_dtypes(dtype):
    twice = cujax.cuda_op("x + x")
    x = jnp.asarray(X * 4).astype(dtype)
    for f in (twice, cujax.jit(twice)):
        assert f(x).dtype == x.dtype
        np.testing.assert_array_equal(f(x), x + x)


def test_operands_are_promoted_and_broadcast():
    add = cujax.cuda_op("x + y", "x, y")
    n, column = np.arange(6), X[:2, None]
    for a, b in ((X, n), (X, 2), (X, column), (1, 2.5), (np.float16(2), X), (True, n), (X[:0], 1)):
        found, expected = add(a, b), jnp.add(a, b)
        assert (found.dtype, found.weak_type, found.shape) == (expected.dtype, expected.weak_type, expected.shape)
        np.testing.assert_array_equal(found, expected)
    with pytest.raises(TypeError, match=r"cuda_op got incompatible shapes for broadcasting: \(6,\), \(5,\)"):
        add(X, X[:5])
    with pytest.raises(TypeError, match="requires ndarray or scalar arguments"):
        add(X, [1.0])


def test_given_dtypes():
    power = cujax.cuda_op("T p = 1; for (int k = 0; k < n; ++k) p *= x; return p;", "x, int32 n", name="power")
    assert power(X, 3).dtype == np.float32
    np.testing.assert_allclose(power(X, np.arange(6.0)), X ** np.arange(6), rtol=1e-6)
    above = cujax.cuda_op("x > y", "x, y", out_dtype=bool)
    assert above(X, 0).dtype == bool
    np.testing.assert_array_equal(above(X, 0), X > 0)


def test_several_sources():
    polar = cujax.cuda_op(
        ("hypot(x, y)", "atan2(y, x)"), "x, y", name="polar",
        derivative=({"x": "x / out", "y": "y / out"}, {"x": "-y / (x * x + y * y)", "y": "x / (x * x + y * y)"}),
    )
    radius, angle = polar(X, 2.0)
    np.testing.assert_allclose(radius, np.hypot(X, 2), rtol=1e-6)
    np.testing.assert_allclose(angle, np.arctan2(2, X), rtol=1e-6)
    found = cujax.jacfwd(polar)(0.5, 2.0)
    expected = cujax.jacfwd(lambda x, y: (jnp.hypot(x, y), jnp.arctan2(y, x)))(0.5, 2.0)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("mode", ["jacfwd", "jacrev"])
def test_derivatives(mode):
    jacobian = getattr(cujax, mode)
    for f in (softplus, cujax.jit(softplus)):
        np.testing.assert_allclose(cujax.vmap(jacobian(f))(X), logistic(X), rtol=1e-6)
    found = jacobian(norm, (0, 1))(3.0, 4.0)
    np.testing.assert_allclose(found, (0.6, 0.8), rtol=1e-6)
    # By y it is a function, which has derivatives again.
    np.testing.assert_allclose(cujax.jacfwd(jacobian(norm, 1), 1)(3.0, 4.0), 9 / 125, rtol=1e-5)


def test_a_derivative_that_is_an_op_has_derivatives():
    sine = cujax.cuda_op("sin(x)", derivative={"x": cujax.cuda_op("cos(x)", derivative={"x": "-sin(x)"})})
    cujax.test_util.check_grads(sine, (jnp.asarray(X),), order=2, rtol=2e-2, atol=2e-2)


def test_a_derivative_by_tangents():
    def slope(primals, out, tangents):
        (x, n), (t, none) = primals, tangents
        assert none is None
        return n * out / x * t

    power = cujax.cuda_op("pow(x, n)", "x, int32 n", derivative=slope)
    np.testing.assert_allclose(cujax.vmap(cujax.grad(power), (0, None))(X + 3, 3), 3 * (X + 3) ** 2, rtol=1e-5)
    bad = cujax.cuda_op("x", derivative=lambda primals, out, tangents: jnp.ones(2), name="bad")
    with pytest.raises(TypeError, match=r"'bad': its derivative gives a tangent f32\[2\] of a result f32\[6\]"):
        cujax.jvp(bad, (X,), (X,))


def test_derivatives_that_are_not_there():
    plain = cujax.cuda_op("x * n", "x, n", derivative={"n": "x"}, name="plain")
    np.testing.assert_allclose(cujax.grad(plain, 1)(3.0, 2.0), 3.0)
    with pytest.raises(NotImplementedError, match=r"cuda_op 'plain' has no derivative by 'x': give derivative=\{'x'"):
        cujax.grad(plain)(3.0, 2.0)
    with pytest.raises(NotImplementedError, match="cuda_op 'none' has no derivative"):
        cujax.grad(cujax.cuda_op("x", name="none"))(3.0)
    with pytest.raises(NotImplementedError, match="cuda_op 'softplus_dx' has no derivative"):
        cujax.grad(cujax.grad(softplus))(3.0)
    real = cujax.cuda_op("z.re", "z", out_dtype="float32", derivative={"z": "1"}, name="real")
    with pytest.raises(TypeError, match="'real': a real result of complex operands has no complex derivative"):
        cujax.jvp(real, (1j,), (1j,))


@pytest.mark.parametrize("jit", [lambda f: f, cujax.jit])
def test_a_source_that_does_not_compile(jit):
    wrong = cujax.cuda_op("log1p(ex(x))", "x", name="wrong")
    with pytest.raises(UserSourceError, match=r"'wrong'.*\n\n  log1p\(ex\(x\)\)\n\n(?s:.*)source of wrong[:(]1.*error"):
        jit(lambda x: softplus(x) + wrong(x))(X)
    lines = "__device__ float f(float x) {\n    return y;\n}"
    with pytest.raises(UserSourceError, match=r"preamble of deep[:(]2"):
        jit(cujax.cuda_op("f(x)", preamble=lines, name="deep"))(X)


def test_without_a_compiler(no_compiler):
    softplus = cujax.cuda_op(**SOFTPLUS)  # the other one may have been compiled
    for f in (softplus, cujax.jit(softplus)):
        np.testing.assert_allclose(f(X), np.log1p(np.exp(X)), rtol=1e-6)
        with pytest.raises(NotImplementedError, match="cuda_op 'softplus_dx' needs a C"):
            cujax.grad(f)(1.0)
    constant = cujax.cuda_op("2", "x", numpy=lambda x: 2)
    np.testing.assert_array_equal(constant(X), np.full(6, 2, np.float32))


@pytest.mark.parametrize("arguments, text", [
    (("x", "x, x"), "operands need names of their own"),
    (("x", "x y z"), "operands must be names such as"),
    (("x", "x, out"), "must be an identifier of C.* that is not taken, got 'out'"),
    (("x", "x, 2y"), "must be an identifier"),
])  # fmt: skip
def test_operands_that_are_none(arguments, text):
    with pytest.raises(ValueError, match=text):
        cujax.cuda_op(*arguments)


def test_wrong_arguments():
    with pytest.raises(TypeError, match="'f': source must be a text of C"):
        cujax.cuda_op(" ", name="f")
    with pytest.raises(ValueError, match="derivative by 'y', where the operands are 'x'"):
        cujax.cuda_op("x", derivative={"y": "1"})
    with pytest.raises(TypeError, match="text or function}, or a function of primals"):
        cujax.cuda_op("x", derivative="1")
    with pytest.raises(ValueError, match="derivative must be a sequence of 2"):
        cujax.cuda_op(("x", "-x"), derivative={"x": "1"})
    with pytest.raises(TypeError, match="numpy must be a function"):
        cujax.cuda_op("x", numpy=3)
    with pytest.raises(TypeError, match="takes 1 operands, x; 2 were given"):
        softplus(X, X)
    with pytest.raises(TypeError, match="kernels have no numbers of dtype float8_e4m3fn"):
        cujax.eval_shape(softplus, cujax.ShapeDtypeStruct((6,), "float8_e4m3fn"))


# --- CUDA's names -------------------------------------------------------------------------------------

_POSITIVE = np.array([0.1, 0.5, 1.0, 2.5])
_UNARY = {
    name: getattr(math, name) for name in words("""
        exp expm1 log log1p log2 log10 sqrt sin cos tan atan sinh cosh tanh asinh floor ceil trunc fabs erf erfc lgamma
    """)
} | {
    "tgamma": math.gamma, "rsqrt": lambda x: x**-0.5, "cbrt": lambda x: x ** (1 / 3), "exp2": lambda x: 2**x,
    "exp10": lambda x: 10**x, "round": lambda x: math.floor(x + 0.5), "rint": round,
    "sinpi": lambda x: math.sin(math.pi * x),
    "cospi": lambda x: math.cos(math.pi * x), "expf": math.exp, "logf": math.log, "sqrtf": math.sqrt, "abs": abs,
}  # fmt: skip
_BINARY = {"pow": math.pow, "atan2": math.atan2, "hypot": math.hypot, "fmod": math.fmod, "copysign": math.copysign,
           "fmax": max, "fmin": min, "fdim": lambda x, y: max(x - y, 0), "max": max, "min": min, "powf": math.pow}
_FLAGS = {"isnan": np.isnan, "isinf": np.isinf, "isfinite": np.isfinite, "signbit": np.signbit}


def check_names(dtype, rtol):
    """All of CUDA's functions in one kernel for each kind."""
    x, y = _POSITIVE.astype(dtype), _POSITIVE[::-1].astype(dtype)
    for arity, table in ((1, _UNARY), (2, _BINARY)):
        operands = ("x", "x, y")[arity - 1]
        op = cujax.cuda_op([f"{name}({operands})" for name in table], operands)
        found = cujax.jit(op)(*(x, y)[:arity])
        for name, function, values in zip(table, table.values(), found, strict=True):
            exact = [function(*xs) for xs in zip(*(x.tolist(), y.tolist())[:arity], strict=True)]
            allowed = 1e-6 if name.endswith("f") else rtol
            np.testing.assert_allclose(values, exact, rtol=allowed, atol=rtol, err_msg=name)
    special = np.array([0.0, -0.0, -1.5, np.inf, -np.inf, np.nan], dtype)
    found = cujax.cuda_op([f"{name}(x)" for name in _FLAGS], out_dtype=bool)(special)
    for function, values in zip(_FLAGS.values(), found, strict=True):
        np.testing.assert_array_equal(values, function(special))
    np.testing.assert_array_equal(cujax.cuda_op("fmax(x, y)", "x, y")(special, 1.0), np.fmax(special, 1))


@pytest.mark.parametrize("dtype, rtol", [("float32", 1e-6), ("float64", 1e-14)])
def test_cuda_names_on_the_host(dtype, rtol):
    with config.override("enable_x64", True):
        check_names(dtype, rtol)


def test_numbers_of_several_types():
    """As in CUDA: a whole number is double for itself and float beside float."""
    n = np.arange(1, 4, dtype=np.int32)
    with config.override("enable_x64", True):
        root, sized = (cujax.cuda_op(s, "n", out_dtype="float64") for s in ("sqrt(n)", "sizeof(pow(1.0f, n))"))
        np.testing.assert_array_equal(root(n), np.sqrt(n))
        np.testing.assert_array_equal(sized(n), 4)


# --- the device ---------------------------------------------------------------------------------------


@pytest.mark.skipif(bool(why_not()), reason=str(why_not()))
def test_on_the_emulated_device():
    def f(x, y):
        return norm(softplus(x), y).sum()

    expected = cujax.jit(cujax.value_and_grad(f, (0, 1)))(X, X + 2)
    with emulated_backend():
        found = cujax.jit(cujax.value_and_grad(f, (0, 1)))(X, X + 2)
        np.testing.assert_allclose(softplus(X), np.log1p(np.exp(X)), rtol=1e-6)
        wrong = cujax.cuda_op("ex(x)", name="wrong")
        with pytest.raises(UserSourceError, match="'wrong'"):
            wrong(X)
    for a, b in zip(cujax.tree.leaves(found), cujax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_nvrtc_compiles_all_names():
    nvrtc = pytest.importorskip("cupy_backends.cuda.libs.nvrtc", reason="CuPy, of the test extra, is not installed")
    try:
        nvrtc.getVersion()
    except RuntimeError as error:
        pytest.skip(f"NVRTC is not installed; the test extra brings it ({error})")
    unary = cujax.cuda_op([f"{name}(x)" for name in (*_UNARY, *_FLAGS)])
    binary = cujax.cuda_op([f"{name}(x, y)" for name in _BINARY], "x, y")
    of_double = [name for name in (*_UNARY, *_BINARY) if not name.endswith("f") and name not in ("abs", "max", "min")]
    calls = [f"{name}({'n' if name in _UNARY else 'n, n'})" for name in of_double]
    whole = cujax.cuda_op(calls, "n", out_dtype="float32")
    sizes = [("pow(1.0f, n)", 4), ("atan2(n, 1.0f)", 4), ("hypot(1.0, n)", 8), ("sqrt(n)", 8)]
    mixed = cujax.cuda_op([f"cj::enable<sizeof({text}) == {size}, int>(n)" for text, size in sizes], "n")

    def f(x, y):
        n = x.astype(np.int32)
        return (unary(x), binary(x, y), norm(x, y), softplus(x.astype("bfloat16")), cujax.cuda_op("exp(x)")(x + 1j),
                whole(n), mixed(n))  # fmt: skip

    found = cuda_compiler.resources(generated(cujax.make_jaxpr(f)(X, X).tape, "cuda").source, 90)
    assert found and all(taken.spill_stores == 0 for taken in found.values())
    wrong = generated(cujax.make_jaxpr(cujax.cuda_op("ex(x)", name="wrong"))(X).tape, "cuda").source
    with pytest.raises(KernelCompileError, match=r"source of wrong\(1\): error"):
        cuda_compiler.compile_for(wrong, 90)
