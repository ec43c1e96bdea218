"""Every function of `cujax.random` takes what JAX's takes, gives arrays of the same type, and refuses the rest by name.

Nothing is drawn here: calls are traced, which shows shape, dtype, weak type and errors.  The numbers are compared in
the other files.
"""

from __future__ import annotations

import doctest
import inspect
import re
import warnings

import jax
import ml_dtypes
import numpy as np
import pytest
from random_oracle import both_in, same

import cujax
from cujax import random

pytestmark = pytest.mark.usefixtures("reuse_of_keys")  # one key serves all calls

# Arguments after the key with which each sampler works, by name: its parameters, and a shape that it needs.
SAMPLERS: dict[str, dict] = {
    "ball": {"d": 3},
    "bernoulli": {"p": 0.5},
    "beta": {"a": 2.0, "b": 0.5},
    "binomial": {"n": 9.0, "p": 0.5},
    "bits": {},
    "categorical": {"logits": np.zeros((2, 3), np.float32)},
    "cauchy": {},
    "chisquare": {"df": 3.0},
    "choice": {"a": 9},
    "dirichlet": {"alpha": np.ones(3, np.float32)},
    "double_sided_maxwell": {"loc": 0.0, "scale": 1.0},
    "exponential": {},
    "f": {"dfnum": 3.0, "dfden": 4.0},
    "gamma": {"a": 2.0},
    "generalized_normal": {"p": 2.0},
    "geometric": {"p": 0.5},
    "gumbel": {},
    "laplace": {},
    "loggamma": {"a": 2.0},
    "logistic": {},
    "lognormal": {"sigma": 1.0},
    "maxwell": {},
    "multinomial": {"n": 9, "p": np.ones(3, np.float32)},
    "multivariate_normal": {"mean": np.zeros(3, np.float32), "cov": np.eye(3, dtype=np.float32)},
    "normal": {},
    "orthogonal": {"n": 3},
    "pareto": {"b": 2.0},
    "permutation": {"x": 5},
    "poisson": {"lam": 3.0},
    "rademacher": {},
    "randint": {"shape": (2, 3), "minval": 0, "maxval": 9},
    "rayleigh": {"scale": 2.0},
    "t": {"df": 3.0},
    "triangular": {"left": -1.0, "mode": 0.0, "right": 2.0},
    "truncated_normal": {"lower": -1.0, "upper": 1.0},
    "uniform": {"shape": (2, 3), "minval": 0.0, "maxval": 1.0},
    "wald": {"mean": 1.0},
    "weibull_min": {"scale": 1.0, "concentration": 2.0},
}
OF_KEYS = ["key", "PRNGKey", "key_data", "key_dtype", "key_impl", "clone", "split", "fold_in", "wrap_key_data"]


def functions(module) -> set[str]:
    return {n for n, f in vars(module).items() if callable(f) and not n.startswith("_") and not isinstance(f, type)}


def test_the_names_are_jax_s():
    assert functions(random) == {*SAMPLERS, *OF_KEYS} == functions(jax.random) - {"random_gamma_p"}


@pytest.mark.parametrize("name", [*SAMPLERS, *OF_KEYS])
def test_signatures_are_jax_s(name):
    def parameters(module):
        found = inspect.signature(getattr(module, name)).parameters.values()
        return [(p.name, p.kind, getattr(p.default, "__name__", p.default)) for p in found]

    assert parameters(random) == parameters(jax.random)


@pytest.mark.parametrize("name", [*SAMPLERS, *OF_KEYS, "Generator"])
def test_docstrings(name):
    """They name every argument, and their examples do what they show."""
    function = getattr(random, name)
    arguments = list(inspect.signature(function).parameters)
    named = arguments[:1] if len(arguments) == 1 or name == "Generator" else arguments[1:]
    for argument in set(named) - {"out_sharding"}:
        assert re.search(rf"\b{argument}\b", function.__doc__), argument
    names = {"random": random, "jnp": cujax.numpy}
    for example in doctest.DocTestFinder(recurse=False).find(function, name, globs=names):
        assert doctest.DocTestRunner().run(example).failed == 0


# --- outcomes -----------------------------------------------------------------------------------------------

ERRORS = (OverflowError, IndexError, NotImplementedError, TypeError, ValueError)


def outcome(library, call):
    """(shape, dtype, weak type) of `call(module, key)`, or the error that it raises."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of 64-bit dtypes
            found = library.eval_shape(lambda: call(library.random, library.random.key(0)))
        return found.shape, str(found.dtype), bool(found.weak_type)
    except ERRORS as error:
        return error


def check(call, what, *words) -> None:
    """The outcome is JAX's; an error of the same class has these words in its text."""
    found, expected = outcome(cujax, call), outcome(jax, call)
    if not isinstance(expected, Exception) or not isinstance(found, Exception):
        assert found == expected, what
        return
    kind = next(e for e in ERRORS if isinstance(expected, e))
    assert isinstance(found, kind), (what, found, expected)
    for word in words:
        assert word in str(found), (what, word, str(found))


def calls(name, argument, value):
    return lambda module, key: getattr(module, name)(key, **{**SAMPLERS[name], argument: value})


SHAPES = [None, (), 3, (3,), [3], (2, 3), (0,), (2, 0), np.array([3]), (np.int64(2),), (2.0,), 2.0, "x"]


def takes(name, argument):
    return argument in inspect.signature(getattr(random, name)).parameters


@pytest.mark.parametrize("name", [n for n in SAMPLERS if takes(n, "shape")])
def test_shapes(name):
    """Of `choice` and `multinomial` JAX wants sequences; here an int is a shape everywhere."""
    for shape in SHAPES:
        if name not in ("choice", "multinomial") or isinstance(shape, list | tuple):
            check(calls(name, "shape", shape), (name, shape), name, "hape")
    for negative in (-1, (-1,)):
        found = outcome(cujax, calls(name, "shape", negative))
        assert isinstance(found, TypeError) and name in str(found) and "-1" in str(found), (name, found)


DTYPES = [
    None, "float16", "bfloat16", np.float32, "float64", float, int, bool, complex, "complex64", "uint8", np.int8,
    "uint32", "int64", "float8_e5m2", "foo", str, object, ml_dtypes.bfloat16, np.dtype("f4"),
]


@pytest.mark.parametrize("x64", [False, True])
@pytest.mark.parametrize("name", [n for n in SAMPLERS if takes(n, "dtype")])
def test_dtypes(name, x64):
    """QR factorizations of small floats are refused, by JAX only when it compiles them."""
    with both_in(x64):
        for dtype in [None, float, int, complex, "float32", "float64", "int64"] if x64 else DTYPES:
            if name != "orthogonal" or dtype not in ("float16", "bfloat16", "float8_e5m2", ml_dtypes.bfloat16):
                named = "" if dtype == "float8_e5m2" else name  # the error of promotion does not name the function
                check(calls(name, "dtype", dtype), (name, dtype), named, "dtype")


VALUES = {
    "int": 1, "float": 0.4, "bool": True, "numpy float16": np.float16(0.4), "numpy float64": np.float64(0.4),
    "numpy int32": np.int32(1), "float32s": np.full(3, 0.4, np.float32), "float64s": np.full((2, 1), 0.4),
    "bfloat16s": np.full(3, 0.4, ml_dtypes.bfloat16), "ints": np.arange(1, 4), "bytes": np.ones(3, np.uint8),
    "bools": np.ones(3, bool), "none at all": np.zeros((2, 0), np.float32), "matrix": np.eye(3, dtype=np.float32),
    "a scalar array": np.array(0.4, np.float32), "too many": np.ones(4, np.float32),
}
SCALARS = ["int", "float", "bool", "numpy float16", "numpy float64", "numpy int32", "a scalar array"]
OF_64_BITS = ["int", "float", "numpy float16", "numpy float64", "float32s", "float64s", "ints"]
STATIC = {("ball", "d"), ("orthogonal", "n"), ("permutation", "x"), ("choice", "a")}
PARAMETERS = [(n, p) for n, given in SAMPLERS.items() for p in given if p != "shape" and (n, p) not in STATIC]


@pytest.mark.parametrize("x64", [False, True])
@pytest.mark.parametrize(("name", "argument"), PARAMETERS)
def test_parameters(name, argument, x64):
    with both_in(x64):
        for kind in OF_64_BITS if x64 else VALUES:
            if name != "categorical" or kind not in SCALARS:  # there JAX's error is that of a look-up
                check(calls(name, argument, VALUES[kind]), (name, argument, kind), name)


def jax_fails(name, kind, shape) -> bool:
    """Where JAX has an error of its own making: it divides arrays of unequal rank, looks up an axis, cannot compile."""
    return (
        (name == "f" and kind == "float32s" and shape == (2, 3)) or (name == "categorical" and kind == "float")
        or (name == "uniform" and shape != (2, 3))
    )


@pytest.mark.parametrize(("name", "argument"), PARAMETERS)
def test_parameters_beside_a_shape(name, argument):
    for shape in ((), (3,), (2, 3)):
        for kind in ("float", "float32s", "float64s", "too many", "none at all"):
            if jax_fails(name, kind, shape):
                continue

            def call(module, key, shape=shape, kind=kind):
                return getattr(module, name)(key, **{**SAMPLERS[name], "shape": shape, argument: VALUES[kind]})

            check(call, (name, argument, kind, shape), name)


@pytest.mark.parametrize(("name", "argument"), PARAMETERS)
def test_parameters_beside_a_dtype(name, argument):
    pairs = (("float32s", "float16"), ("float64s", "float16"), ("float", "float16"), ("bfloat16s", "float32"))
    for kind, dtype in pairs:
        if takes(name, "dtype"):

            def call(module, key, kind=kind, dtype=dtype):
                return getattr(module, name)(key, **{**SAMPLERS[name], "dtype": dtype, argument: VALUES[kind]})

            check(call, (name, argument, kind, dtype), name)


@pytest.mark.parametrize(("name", "argument"), PARAMETERS)
def test_traced_parameters(name, argument):
    """They give what known ones give."""
    value = SAMPLERS[name][argument]
    value = np.asarray(value, np.result_type(value) if isinstance(value, np.ndarray | int) else np.float32)

    def call(value):
        return getattr(random, name)(random.key(0), **{**SAMPLERS[name], argument: value})

    traced, known = cujax.eval_shape(call, value), cujax.eval_shape(lambda: call(value))
    assert (traced.shape, traced.dtype, traced.weak_type) == (known.shape, known.dtype, known.weak_type)


@pytest.mark.parametrize(("name", "argument"), PARAMETERS)
@pytest.mark.parametrize("wrong", [[0.5, 0.5], None, "x"])
def test_what_is_no_array(name, argument, wrong):
    """The error names the function and the argument, and says how to make an array."""
    found = outcome(cujax, calls(name, argument, wrong))
    assert isinstance(found, TypeError)
    assert f"{name} requires ndarray or scalar arguments, got {type(wrong)} for {argument}. " in str(found)
    assert "jnp.array" in str(found)


AXES = [0, 1, -1, -2, 2, -3]


@pytest.mark.parametrize("axis", AXES)
def test_axes(axis):
    box = np.ones((2, 3), np.float32)
    draws = {
        "permutation": lambda r, k: r.permutation(k, box, axis),
        "permutation of each": lambda r, k: r.permutation(k, box, axis, True),
        "choice": lambda r, k: r.choice(k, box, (4,), axis=axis),
        "choice without": lambda r, k: r.choice(k, box, (2,), False, axis=axis),
        "choice of weights": lambda r, k: r.choice(k, box, (2,), p=np.ones(box.shape[axis]), axis=axis),
    }
    if axis in (0, 1, -1, -2):  # JAX's error is that of a look-up
        draws["categorical"] = lambda r, k: r.categorical(k, box, axis)
    for what, draw in draws.items():
        if axis in (0, 1, -1, -2) or "weights" not in what:
            check(draw, (what, axis), what.split()[0], "axis")


POPULATIONS = [5, 0, -3, 2.7, True, np.uint8(4), np.array(3), np.float32(2), np.arange(4), np.ones((2, 3), np.float16)]


def test_populations():
    for a in POPULATIONS:
        for shape, replace in (((), True), ((2,), True), ((2,), False), ((9,), False), ((0,), True)):
            check(lambda r, k, a=a, s=shape, w=replace: r.choice(k, a, s, w), ("choice", a, shape, replace), "choice")
        check(lambda r, k, a=a: r.permutation(k, a), ("permutation", a), "permutation")


OPTIONS = [
    ("gumbel", "mode", ["low", "high", None, "x", 1]),
    ("bernoulli", "mode", ["low", "high", "x"]),
    ("categorical", "mode", ["low", "high", None, "x"]),
    ("multivariate_normal", "method", ["cholesky", "eigh", "svd", "x"]),
    ("multinomial", "unroll", [1, 2, True, False]),
    ("orthogonal", "m", [None, 0, 2, 5, -1]),
    ("ball", "d", [0, 3, np.int32(2), 2.5]),
    ("orthogonal", "n", [0, 3, np.int32(2), 2.5]),
    ("ball", "p", [1, 2.5, np.float32(3), 0]),
    ("categorical", "replace", [True, False]),
]


@pytest.mark.parametrize(("name", "argument", "values"), OPTIONS)
def test_options(name, argument, values):
    for value in values:
        check(calls(name, argument, value), (name, argument, value))


# --- keys ---------------------------------------------------------------------------------------------------

NO_KEYS = [
    0, None, "x", [0, 1], np.zeros((), np.uint32), np.zeros(3, np.uint32), np.zeros((3, 4), np.uint32),
    np.zeros(2, np.int32), np.zeros((0,), np.uint32),
]
KEYS = [np.zeros((3, 2), np.uint32), np.zeros((0, 2), np.uint32)]


@pytest.mark.parametrize("name", [*SAMPLERS, "split", "fold_in"])
def test_what_is_not_one_key(name):
    arguments = SAMPLERS.get(name, {"data": 1} if name == "fold_in" else {})
    for keys in (*NO_KEYS, *KEYS):
        check(lambda r, _, keys=keys: getattr(r, name)(keys, **arguments), (name, keys), name, "key")
    check(lambda r, k: getattr(r, name)(r.split(k, (2, 3)), **arguments), name, name, "vmap")


def check_keys(call, what) -> None:
    """Equal keys, or errors of one class.  Not traced: JAX checks seeds on the way in."""

    def made(library):
        try:
            return call(library.random)
        except ERRORS as error:
            return error

    found, expected = made(cujax), made(jax)
    if isinstance(found, Exception) or isinstance(expected, Exception):
        kind = next((e for e in ERRORS if isinstance(expected, e)), None)
        assert kind and isinstance(found, kind), (what, found, expected)
    else:
        same(found, expected, what)


SEEDS = [
    0, True, -5, 2**63 - 1, 2**63, 1.0, 1j, np.float32(1), np.bool_(True), np.array(4), np.array([1]), np.uint8(200),
    "3",
]


@pytest.mark.parametrize("make", ["key", "PRNGKey"])
def test_seeds(make):
    for seed in SEEDS:
        check_keys(lambda r, s=seed: getattr(r, make)(s), (make, seed))
        check_keys(lambda r, s=seed: getattr(r, make)(seed=s, impl="threefry2x32"), (make, seed))


FOLDED = [
    0, True, 2**32 - 1, 2**32, -1, 1.9, -0.5, -1.0, 2.0**32, float("nan"), float("inf"), 1j, np.int8(-1),
    np.uint64(2**40), np.float32(7), np.bool_(True), np.array(3), np.array([1]),
]


def test_what_is_folded_in():
    for data in FOLDED:
        check_keys(lambda r, d=data: r.fold_in(r.key(3), d), data)
        check_keys(lambda r, d=data: r.fold_in(key=r.PRNGKey(3), data=d), data)
    for wrong in (-1, 2**32, float("nan")):
        with pytest.raises((OverflowError, ValueError), match=r"fold_in: data must be from 0 to 2\*\*32 - 1"):
            random.fold_in(random.key(0), wrong)


def test_numbers_of_keys():
    for num in (0, 1, 2, (), (2, 3), [2], True, np.int32(2), np.array(2), 2.0, None, "x"):
        check_keys(lambda r, n=num: r.split(r.key(1), n), num)
        check_keys(lambda r, n=num: r.split(key=r.PRNGKey(1), num=n), num)


WORDS = [
    np.zeros(2, np.uint32), np.zeros((2, 3, 2), np.uint32), np.zeros((0, 2), np.uint32), *NO_KEYS,
]


def test_words():
    for words in WORDS:
        check_keys(lambda r, w=words: r.wrap_key_data(w), words)
        check_keys(lambda r, w=words: r.wrap_key_data(key_bits_array=w, impl="threefry2x32"), words)
        check_keys(lambda r, w=words: r.key_data(w), words)
    check_keys(lambda r: r.wrap_key_data(r.key_data(r.key(1)), dtype=r.key(1).dtype), "by dtype")
    check_keys(lambda r: r.key_data(keys=r.split(r.key(1), (2, 3))), "data of many")


def test_copies():
    for x in (1.5, 3, True, np.arange(3), np.float16(2)):
        check_keys(lambda r, x=x: r.clone(x), x)
    check_keys(lambda r: r.clone(key=r.split(r.key(1), 3)), "keys")
    check_keys(lambda r: r.clone(r.PRNGKey(1)), "words")


IMPLEMENTATIONS = ["threefry2x32", None, "rbg", "unsafe_rbg", "foo", 3, np.float32]


def test_implementations():
    """Named alike; what "rbg" and "unsafe_rbg" make is of Threefry here."""

    def shown(call, library, impl):
        try:
            made = call(library.random, impl)
        except ERRORS as error:
            return type(error)
        return str(made.dtype if hasattr(made, "dtype") else made).replace("urbg", "fry").replace("rbg", "fry")

    calls = [
        lambda r, impl: r.key(0, impl=impl), lambda r, impl: r.key(0, dtype=impl),
        lambda r, impl: r.PRNGKey(0, impl=impl), lambda r, impl: r.key_dtype(impl),
        lambda r, impl: r.key_dtype(impl_spec=impl),
        lambda r, impl: r.key_impl(r.key(0, impl=impl)) in (impl, "threefry2x32"),
    ]
    for impl in IMPLEMENTATIONS:
        for i, call in enumerate(calls):
            assert shown(call, cujax, impl) == shown(call, jax, impl), (i, impl)
    for r in (random, jax.random):
        assert r.key_impl(r.key(0)) == r.key_impl(keys=r.PRNGKey(0)) == "threefry2x32"
        assert r.key(5, impl=r.key_impl(r.key(0))).dtype == r.key_dtype(r.key(0).dtype) == r.key_dtype()
        with pytest.raises(ValueError, match="impl"):
            r.key(0, impl="threefry2x32", dtype=r.key_dtype())
    for other in ("philox2x32", "philox4x32", "threefry4x32"):
        with pytest.raises(ValueError, match=f"random.key: unknown random generator '{other}'; the generators are thr"):
            random.key(0, impl=other)


def test_shapes_that_jax_refuses():
    """An integer is a shape, and an array of integers, whatever they are made of."""
    for shape in (np.int32(3), np.array(3), cujax.numpy.array(3), cujax.numpy.array([3])):
        assert random.uniform(random.key(0), shape).shape == (3,)
        assert random.split(random.key(0), shape).shape == (3,)
        assert random.choice(random.key(0), 9, shape).shape == (3,)
        assert random.multinomial(random.key(0), 9, np.ones(3, np.float32), shape=shape).shape == (3,)
