"""One row for each op: operands, params and JAX's function for the same thing.

`tests/test_ops.py` derives from a row: shapes and dtypes, values against JAX over all dtypes of the op's
domain, derivatives to order 2, the inner-product identity of transposition, `vmap` against a loop over
every axis, `jit` against eager, and the index map.  To cover a new op add its row to the table of its family.

    Sample("tan", [reals((3, 4), -1.5, 1.5)])
    Sample("reduce_max", [reals((3, 4))], {"axes": (1,)}, jax=lambda x, axes: lax.reduce_max_p.bind(x, axes=axes, ...))

`jax` defaults to the primitive's bind in `jax.lax` (`<op>_p.bind(*operands, **params)`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.special as scipy_special
from jax import lax
from jax.extend.random import threefry2x32_p
from jax.scipy import special as jax_special

from cujax.engine.compiler.user_functions import UserFunction
from cujax.engine.control.cuda_op import UserOp, cuda_op_p, partial_rule
from cujax.engine.core.array import ConcreteArray, to_array
from cujax.engine.core.aval import ShapedArray
from cujax.engine.ground import dtypes
from cujax.engine.ops.conv_dimensions import ConvDimensionNumbers
from cujax.engine.ops.fft import FftType
from cujax.engine.ops.index_dimensions import GatherDimensionNumbers, GatherScatterMode, ScatterDimensionNumbers


@dataclass(frozen=True)
class Operand:
    """How to draw one operand: `draw(rng, dtype) -> array`.  `fixed` dtypes do not follow the sample's dtype.

    make: what turns the drawn NumPy array into the engine's array, where it has a dtype that NumPy lacks.
    """

    draw: Callable[[np.random.Generator, Any], np.ndarray]
    fixed: Any = None
    differentiable: bool = True
    make: Callable[[np.ndarray], Any] = to_array


@dataclass(frozen=True)
class Sample:
    """A call of one primitive; see the module's docstring.

    dtypes: names of dtypes to run instead of the whole domain.  order: highest derivative compared (0: none).
    ulp: allowed difference to JAX in units of the last place of the dtype's epsilon times the magnitude.
    """

    op: str
    operands: Sequence[Operand]
    params: dict[str, Any] = field(default_factory=dict)
    jax: Callable | None = None
    dtypes: Sequence[str] | None = None
    order: int = 2
    ulp: int = 4
    label: str = ""
    vmap: bool = True

    def __str__(self) -> str:
        return self.label or self.op


def reals(shape: tuple[int, ...] = (3, 4), low: float = -2.0, high: float = 2.0) -> Operand:
    """Numbers between `low` and `high` in the dtype under test: complex ones get both parts, ints are rounded."""

    def draw(rng: np.random.Generator, dtype: Any) -> np.ndarray:
        kind = np.dtype(dtype).kind
        values = rng.uniform(low, high, shape)
        if kind == "c":
            values = values + 1j * rng.uniform(low, high, shape)
        elif kind == "b":
            values = rng.random(shape) < 0.5
        elif kind == "u":
            values = np.abs(np.round(values * 3))
        elif kind == "i":
            values = np.round(values * 3)
        return np.asarray(values).astype(dtype)

    return Operand(draw)


def fixed(dtype: Any, values: Any, differentiable: bool = False) -> Operand:
    """The given values, in one dtype whatever the dtype under test."""
    return Operand(lambda rng, _: np.asarray(values, dtype), np.dtype(dtype), differentiable)


def integers(shape: tuple[int, ...], low: int, high: int, dtype: Any = "int32") -> Operand:
    """Random integers in [low, high) of one dtype."""
    return Operand(lambda rng, _: rng.integers(low, high, shape).astype(dtype), np.dtype(dtype), False)


def booleans(shape: tuple[int, ...]) -> Operand:
    return Operand(lambda rng, _: rng.random(shape) < 0.5, np.dtype(bool), False)


def bits(shape: tuple[int, ...]) -> Operand:
    """Integers of the dtype under test over its whole range (booleans: both)."""

    def draw(rng: np.random.Generator, dtype: Any) -> np.ndarray:
        if np.dtype(dtype).kind == "b":
            return rng.random(shape) < 0.5
        info = np.iinfo(dtype)
        return rng.integers(info.min, info.max, shape, dtype=dtype, endpoint=True)

    return Operand(draw)


def keys(shape: tuple[int, ...]) -> Operand:
    """Random keys.  They are drawn, and given to `jax`, as the 64-bit words that an array of keys holds."""

    def make(words: np.ndarray) -> ConcreteArray:
        return ConcreteArray(to_array(words).buffer, ShapedArray(words.shape, dtypes.key_dtype("threefry2x32")))

    word = np.dtype("uint64")
    return Operand(lambda rng, _: rng.integers(0, 2**64, shape, dtype=word), word, False, make)


SCALAR = ()
A = (3, 4)
INTS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
FLOATS = ["float16", "bfloat16", "float32", "float64"]
COMPLEX = ["complex64", "complex128"]
NUMBERS = [*INTS, *FLOATS, *COMPLEX]


STRUCTURAL = [
    Sample(
        "reshape", [reals(A)], {"new_sizes": (2, 6)}, jax=lambda x, *, new_sizes: lax.reshape(x, new_sizes)
    ),
    Sample("transpose", [reals((2, 3, 4))], {"permutation": (2, 0, 1)}),
    Sample("squeeze", [reals((3, 1, 4, 1))], {"dimensions": (1, 3)}),
    Sample(
        "broadcast_in_dim",
        [reals((3, 1))],
        {"shape": (2, 3, 5), "broadcast_dimensions": (1, 2)},
        jax=lambda x, **params: lax.broadcast_in_dim(x, **params),
    ),
    Sample(
        "broadcast_in_dim",
        [reals(SCALAR)],
        {"shape": (2, 3), "broadcast_dimensions": ()},
        jax=lambda x, **params: lax.broadcast_in_dim(x, **params),
        label="broadcast_in_dim of a scalar",
    ),
    Sample(
        "reduce_sum",
        [reals((2, 3, 4))],
        {"axes": (0, 2)},
        dtypes=NUMBERS,
        jax=lambda x, *, axes: jnp.sum(x, axes, dtype=x.dtype),
    ),
    Sample("rev", [reals((3, 4))], {"dimensions": (1,)}),
    Sample("copy", [reals(A)]),
    Sample("add_any", [reals(A), reals(A)], dtypes=NUMBERS, jax=lambda x, y: x + y),
    Sample(
        "iota",
        [],
        {"dtype": np.dtype("float32"), "shape": (3, 4), "dimension": 1},
        order=0,
        jax=lambda *, dtype, shape, dimension: lax.broadcasted_iota(dtype, shape, dimension),
    ),
    *(
        Sample(
            "convert_element_type",
            [reals(A, -3, 3)],
            {"new_dtype": np.dtype(to), "weak_type": False},
            dtypes=NUMBERS if to.startswith("c") else [*INTS, *FLOATS],  # JAX warns of complex to real
            jax=lambda x, *, new_dtype, weak_type: lax.convert_element_type(x, new_dtype),
            label=f"convert_element_type to {to}",
        )
        for to in ("bool", "int8", "int32", "uint8", "uint64", "float16", "float32", "float64", "complex64")
    ),
    Sample("bitcast_convert_type", [reals(A)], {"new_dtype": np.dtype("int32")}, dtypes=["float32"], order=0),
    Sample(
        "bitcast_convert_type",
        [reals(A)],
        {"new_dtype": np.dtype("uint16")},
        dtypes=["float32"],
        order=0,
        label="bitcast_convert_type to a narrower type",
    ),
    Sample(
        "bitcast_convert_type",
        [reals((3, 2))],
        {"new_dtype": np.dtype("float64")},
        dtypes=["float32"],
        order=0,
        label="bitcast_convert_type to a wider type",
    ),
]


def unary(op: str, low: float = -2.0, high: float = 2.0, **options: Any) -> Sample:
    return Sample(op, [reals(A, low, high)], jax=options.pop("jax", None) or getattr(lax, op), **options)


def binary(op: str, x: Operand, y: Operand, **options: Any) -> Sample:
    return Sample(op, [x, y], jax=options.pop("jax", None) or getattr(lax, op), **options)


ELEMENTWISE = [
    *(
        unary(op)
        for op in (
            "neg",
            "exp",
            "exp2",
            "expm1",
            "logistic",
            "sin",
            "cos",
            "tanh",
            "sinh",
            "cosh",
            "atan",
            "asinh",
            "square",
        )
    ),
    *(unary(op, 0.1, 3) for op in ("log", "sqrt", "rsqrt", "cbrt")),
    unary("tan", -1.4, 1.4, ulp=8),
    unary("log1p", -0.7, 3, ulp=8),
    *(unary(op, -0.9, 0.9, ulp=16) for op in ("asin", "acos", "atanh")),
    unary("acosh", 1.1, 3, ulp=16),
    binary("add", reals(A), reals(A)),
    binary("sub", reals(A), reals(SCALAR), jax=lambda x, y: x - y, label="sub of a scalar"),
    binary("mul", reals(SCALAR), reals(A), jax=lambda x, y: x * y, label="mul by a scalar"),
    binary("mul", reals(A), reals(A)),
    binary("div", reals(A), reals(A, 0.4, 2)),
    binary("div", reals(A, -9, 9), bits(A), dtypes=INTS, order=0, label="div of integers"),
    binary("atan2", reals(A, 0.2, 2), reals(A, 0.2, 2), dtypes=FLOATS),
    binary("pow", reals(A, 0.3, 2), reals(A, -2, 2), dtypes=[*FLOATS, *COMPLEX], ulp=32),
    binary(
        "pow", reals(A), integers(A, -3, 4), dtypes=["float32", "float64"], ulp=32, label="pow of an integer"
    ),
    *(
        Sample(
            "integer_pow",
            [reals(A, 0.4, 2)],
            {"y": y},
            jax=lambda x, *, y: lax.integer_pow(x, y),
            dtypes=[*FLOATS, *COMPLEX] if y < 0 else NUMBERS,
            ulp=16,
            label=f"integer_pow {y}",
        )
        for y in (-2, 0, 1, 2, 3, 7)
    ),
]

LOGIC = [
    *(binary(op, reals(A, -1, 1), reals(A, -1, 1), order=0) for op in ("eq", "ne")),
    *(binary(op, reals(A, -1, 1), reals(A, -1, 1), order=0) for op in ("lt", "le", "gt", "ge")),
    *(
        binary(op, bits(A), bits(A), order=0, jax=getattr(lax, f"bitwise_{op}"))
        for op in ("and", "or", "xor")
    ),
    Sample("not", [bits(A)], jax=lax.bitwise_not, order=0),
    *(
        binary(op, bits(A), reals(A, -3, 30), order=0)
        for op in ("shift_left", "shift_right_logical", "shift_right_arithmetic")
    ),
    binary("mulhi", bits(A), bits(A), order=0),
    Sample("population_count", [bits(A)], jax=lax.population_count, order=0),
    Sample("clz", [bits(A)], jax=lax.clz, order=0),
    Sample("select_n", [booleans(A), reals(A), reals(A)]),
    Sample("select_n", [booleans(SCALAR), reals(A), reals(A)], label="select_n by a scalar"),
    Sample("select_n", [integers(A, 0, 3), reals(A), reals(A), reals(A)], label="select_n of three"),
]

ROUNDING = [
    binary("max", reals(A), reals(A)),
    binary("min", reals(A), reals(A)),
    binary("max", reals(A, 1, 1), reals(A, 1, 1), order=1, label="max at ties"),
    Sample(
        "clamp", [fixed("float64", -0.5), reals(A), fixed("float64", 0.7)], dtypes=["float64"], jax=lax.clamp
    ),
    Sample(
        "clamp",
        [reals(A, -1, 0), reals(A, -2, 2), reals(A, 0, 1)],
        dtypes=[*INTS, *FLOATS],
        jax=lax.clamp,
        label="clamp elementwise",
    ),
    *(unary(op, -3, 3) for op in ("floor", "ceil", "is_finite")),
    *(
        Sample(
            "round",
            [fixed("float32", [-2.5, -1.5, -0.4, 0.5, 1.5, 2.5, 3.7])],
            {"rounding_method": method},
            dtypes=["float32"],
            order=0,
            jax=lambda x, *, rounding_method: lax.round(x, rounding_method),
            label=f"round {method}",
        )
        for method in (0, 1)
    ),
    binary("rem", reals(A, -5, 5), reals(A, 0.5, 2), dtypes=FLOATS),
    binary("rem", bits(A), reals(A, -2, 2), dtypes=INTS, order=0, label="rem of integers"),
    binary("nextafter", reals(A), reals(A), order=0),
    Sample(
        "reduce_precision",
        [reals(A)],
        {"exponent_bits": 5, "mantissa_bits": 7},
        order=0,
        jax=lambda x, **params: lax.reduce_precision(x, **params),
    ),
]

COMPLEX_PARTS = [
    unary("sign", order=1), unary("abs", 0.2, 2),
    unary("real", dtypes=COMPLEX), unary("imag", dtypes=COMPLEX), unary("conj"),
    binary("complex", reals(A), reals(A), dtypes=["float32", "float64"]),
]


def shuffled(shape: tuple[int, ...]) -> Operand:
    """Distinct numbers in random order: a sort of them does not change under small steps."""
    return Operand(lambda rng, dtype: rng.permutation(int(np.prod(shape))).reshape(shape).astype(dtype))


SORTING = [
    Sample("sort", [reals((3, 7), -3, 3)], {"dimension": 1, "is_stable": True, "num_keys": 1}, order=0),
    Sample("sort", [shuffled((3, 4, 2)), reals((3, 4, 2))],
           {"dimension": 1, "is_stable": True, "num_keys": 1}, dtypes=NUMBERS, label="sort of two"),
    Sample("sort", [reals((9, 2), -1, 1), reals((9, 2), -1, 1), integers((9, 2), 0, 50)],
           {"dimension": 0, "is_stable": True, "num_keys": 2}, order=0, label="sort by two keys"),
    Sample("top_k", [shuffled((3, 8))], {"k": 3, "axis": 1}, dtypes=[*INTS, *FLOATS]),
    Sample("top_k", [reals((5, 2), -1, 1)], {"k": 5, "axis": 0}, order=0, label="top_k of all, with ties"),
]


def of_scipy(name: str) -> Callable:
    """SciPy's special function, for which JAX has none; derivatives are compared elsewhere."""
    return lambda x: getattr(scipy_special, name)(np.asarray(x, np.float64)).astype(x.dtype)


SPECIAL = [
    *(unary(op, -3, 3, ulp=16) for op in ("erf", "erfc")),
    unary("erf_inv", -0.99, 0.99, ulp=16),
    Sample("portable_log", [reals(A, 0.1, 3)], jax=lax.log),
    Sample("portable_log1p", [reals(A, -0.9, 3)], jax=lax.log1p, ulp=128),  # XLA's error in float64
    unary("lgamma", 0.2, 6, ulp=32),
    unary("lgamma", -5.9, -5.1, ulp=32, label="lgamma of negative numbers"),
    unary("digamma", 0.2, 6, ulp=32),
    unary("digamma", -5.9, -5.1, ulp=64, label="digamma of negative numbers"),
    *(
        binary("polygamma", fixed("float64", order), reals(A, 0.3, 5), dtypes=["float64"], ulp=256,
               label=f"polygamma {order}")
        for order in (0, 1, 2)
    ),
    binary("random_gamma_grad", reals(A, 0.3, 5), reals(A, 0.1, 6), order=0, ulp=32),
    unary("gamma", 0.2, 6, ulp=32, jax=jax_special.gamma),
    unary("gamma", -5.9, -5.1, ulp=256, jax=jax_special.gamma, label="gamma of negative numbers"),
    binary("zeta", reals(A, 1.2, 5), reals(A, 0.3, 5), ulp=256, order=1, jax=jax_special.zeta),
    binary("igamma", reals(A, 0.3, 5), reals(A, 0.1, 6), ulp=64, order=1),
    binary("igammac", reals(A, 0.3, 5), reals(A, 0.1, 6), ulp=64, order=1, dtypes=["float32", "float64"]),
    binary("igamma", fixed("float64", 2.5), reals(A, 0.1, 6), ulp=64, dtypes=["float64"], label="igamma of one a"),
    binary("igamma_grad_a", reals(A, 0.3, 5), reals(A, 0.1, 6), ulp=64, order=0),
    Sample("regularized_incomplete_beta", [fixed("float64", 2.5), fixed("float64", 0.7), reals(A, 0.1, 0.9)],
           jax=lax.betainc, ulp=64, dtypes=["float64"]),
    Sample("regularized_incomplete_beta", [reals(A, 0.3, 5), reals(A, 0.3, 5), reals(A, 0.1, 0.9)],
           jax=lax.betainc, ulp=64, order=0, label="regularized_incomplete_beta of arrays"),
    *(unary(op, -9, 9, ulp=32) for op in ("bessel_i0e", "bessel_i1e")),
    *(
        Sample(f"bessel_{name}", [reals(A, 0.2, 9)], jax=of_scipy(name), ulp=64, order=0)
        for name in ("j0", "j1", "y0", "y1", "k0e", "k1e")
    ),
]


def cumulative(op: str, x: Operand, axis: int, reverse: bool, **options: Any) -> Sample:
    options.setdefault("label", f"{op} {axis} {reverse}")
    return Sample(op, [x], {"axis": axis, "reverse": reverse},
                  jax=lambda x, *, axis, reverse: getattr(lax, op)(x, axis, reverse), **options)


def of_values(values: Any) -> Operand:
    """The given numbers, in the dtype under test."""
    return Operand(lambda rng, dtype: np.asarray(values).astype(dtype))


def recurrence_by_scan(a: Any, b: Any, *, axis: int, reverse: bool) -> Any:
    def combine(left: Any, right: Any) -> Any:
        return left[0] * right[0], left[1] * right[0] + right[1]

    return lax.associative_scan(combine, (a, b), axis=axis, reverse=reverse)[1]


CUMULATIVE = [
    *(
        cumulative(op, reals((5, 3, 2), 0.2, 1.8), axis, reverse, ulp=16)
        for op in ("cumsum", "cumprod", "cummax", "cummin")
        for axis, reverse in ((0, False), (2, True))
    ),
    *(
        cumulative("cumlogsumexp", reals((5, 3)), axis, reverse, ulp=16, dtypes=[*FLOATS, *COMPLEX])
        for axis, reverse in ((0, False), (1, True))
    ),
    cumulative("cumprod", of_values([1.5, 0, 2, 0, 3]), 0, False, label="cumprod with zeros"),
    cumulative("cumprod", of_values([1.5, 0, 2, 3]), 0, True, label="cumprod with a zero, reversed"),
    cumulative("cummax", of_values([1, 1, 2, 2, 2, 0]), 0, False, order=1, label="cummax at ties"),
    cumulative("cummin", of_values([1, np.nan, 0.5]), 0, False, order=0, dtypes=FLOATS,
               label="cummin of NaN"),
    cumulative("cumlogsumexp", of_values([-np.inf, 1, np.inf, 2]), 0, False, order=0, dtypes=FLOATS,
               label="cumlogsumexp of infinities"),
    *(
        Sample("recurrence", [reals((5, 3)), reals((5, 3))], {"axis": axis, "reverse": reverse}, ulp=16,
               jax=recurrence_by_scan, label=f"recurrence {axis} {reverse}")
        for axis, reverse in ((0, False), (1, True))
    ),
]


def reduction(op: str, x: Operand, axes: tuple[int, ...], **options: Any) -> Sample:
    return Sample(op, [x], {"axes": axes}, jax=lambda x, *, axes: getattr(lax, op)(x, axes), **options)


REDUCTIONS = [
    *(
        reduction(op, reals((2, 3, 4), 0.5, 1.5), axes, ulp=16, label=f"{op} {axes}")
        for op in ("reduce_prod", "reduce_max", "reduce_min")
        for axes in ((0, 2), (1,), ())
    ),
    reduction("reduce_prod", of_values([[1.5, 0, 2], [0, 3, 0]]), (1,), label="reduce_prod with zeros"),
    reduction("reduce_max", of_values([[1, 3, 3], [2, 2, 2]]), (1,), label="reduce_max at ties"),
    reduction("reduce_min", of_values([[1, np.nan, 3]]), (1,), dtypes=FLOATS, order=0,
              label="reduce_min of NaN"),
    *(
        reduction(op, bits((2, 3, 4)), axes, label=f"{op} {axes}", order=0)
        for op in ("reduce_and", "reduce_or", "reduce_xor")
        for axes in ((0, 2), (1,))
    ),
    *(
        reduction(op, reals((0, 3)), (0,), label=f"{op} of nothing", order=0)
        for op in ("reduce_prod", "reduce_max", "reduce_min", "reduce_and", "reduce_or", "reduce_xor")
    ),
    *(
        Sample(op, [operand], {"axes": (axis,), "index_dtype": np.dtype("int32")}, dtypes=names,
               jax=lambda x, *, axes, index_dtype, op=op: getattr(lax, op)(x, axes[0], index_dtype),
               label=f"{op} {axis} of {what}")
        for op in ("argmax", "argmin")
        for what, operand, axis, names in (
            ("numbers", reals((3, 4)), 1, None), ("ties", of_values([2, 1, 2, 1]), 0, None),
            ("NaN", of_values([1, np.nan, 3, np.nan]), 0, FLOATS))
    ),
]

def positive_definite(shape: tuple[int, ...]) -> Operand:
    """Hermitian matrices with eigenvalues of 1 or more."""

    def draw(rng: np.random.Generator, dtype: Any) -> np.ndarray:
        x = reals(shape).draw(rng, np.result_type(dtype, np.float64))
        return (x @ x.conj().swapaxes(-1, -2) + np.eye(shape[-1])).astype(dtype)

    return Operand(draw)


def well_conditioned(shape: tuple[int, ...]) -> Operand:
    """Random matrices with a large diagonal, each sign of it either way."""

    def draw(rng: np.random.Generator, dtype: Any) -> np.ndarray:
        x = reals(shape, -1, 1).draw(rng, np.result_type(dtype, np.float64))
        signs = rng.choice([-3, 3], shape[-1])
        return (x + signs * np.eye(*shape[-2:])).astype(dtype)

    return Operand(draw)


def solve_by_factors(a: Any, factors: Any, permutation: Any, b: Any, *, transpose: bool) -> Any:
    return jnp.linalg.solve(a.T if transpose else a, b)


def factored(op: str, a: Operand, b: Operand, **params: Any) -> Sample:
    """A row of `linear_solve`: its second and third operand are the factors of the first."""

    def draw_factor(i: int) -> Callable:
        def draw(rng: np.random.Generator, dtype: Any) -> np.ndarray:
            matrix = a.draw(np.random.default_rng(7), dtype)
            return np.asarray(lax.linalg.lu(matrix)[i])

        return draw

    again = Operand(lambda rng, dtype: a.draw(np.random.default_rng(7), dtype))
    factors = Operand(draw_factor(0), differentiable=False)
    permutation = Operand(draw_factor(2), differentiable=False)
    return Sample(op, [again, factors, permutation, b], params, jax=solve_by_factors, dtypes=LAPACK, ulp=64,
                  label=f"{op} {params}")


def jax_svd(a: Any, *, full_matrices: bool, compute_uv: bool) -> tuple:
    found = lax.linalg.svd(a, full_matrices=full_matrices, compute_uv=compute_uv)
    return (found[1], found[0], found[2]) if compute_uv else (found,)


def eig_params(compute_left_eigenvectors: bool = False, compute_right_eigenvectors: bool = False) -> dict[str, Any]:
    return {
        "compute_left_eigenvectors": compute_left_eigenvectors,
        "compute_right_eigenvectors": compute_right_eigenvectors, "enable_eigvec_derivs": True,
    }


def jax_geqrf(a: Any) -> tuple:
    packed, taus = jnp.linalg.qr(a, "raw")
    return packed.mT, taus


LAPACK = ["float32", "float64", "complex64", "complex128"]
LINALG = [
    Sample(
        "cholesky",
        [positive_definite((4, 4))],
        ulp=32,
        jax=lambda x: lax.linalg.cholesky(x, symmetrize_input=False),
    ),
    Sample(
        "cholesky",
        [positive_definite((2, 1, 3, 3))],
        dtypes=["float64"],
        ulp=32,
        label="cholesky of a stack",
        jax=lambda x: lax.linalg.cholesky(x, symmetrize_input=False),
    ),
    *(
        Sample(
            "triangular_solve",
            [well_conditioned((3, 3)), reals((3, 2) if left else (2, 3))],
            {
                "left_side": left,
                "lower": lower,
                "transpose_a": transpose,
                "conjugate_a": conjugate,
                "unit_diagonal": unit,
            },
            jax=lax.linalg.triangular_solve,
            ulp=64,
            dtypes=["bfloat16", *LAPACK] if left and lower else ["complex128"],
            label=f"triangular_solve {left=} {lower=} {transpose=} {conjugate=} {unit=}",
        )
        for left, lower, transpose, conjugate, unit in (
            (True, True, False, False, False),
            (True, False, True, False, True),
            (False, True, True, True, False),
            (False, False, False, True, True),
            (False, False, True, False, False),
            (True, True, True, True, True),
        )
    ),
    *(
        Sample(
            "lu",
            [well_conditioned(shape)],
            ulp=64,
            dtypes=LAPACK if shape == (4, 4) else ["float64"],
            label=f"lu of {shape}",
            jax=lambda x: tuple(lax.linalg.lu(x)),
        )
        for shape in ((4, 4), (5, 3), (3, 5), (2, 3, 3))
    ),
    Sample(
        "lu_factors", [well_conditioned((4, 4))], ulp=64, order=0, jax=lambda x: tuple(lax.linalg.lu(x)[::2])
    ),
    Sample(
        "lu_pivots_to_permutation",
        [fixed("int32", [[1, 2, 2], [2, 1, 2]])],
        {"permutation_size": 4},
        order=0,
        jax=lambda pivots, *, permutation_size: lax.linalg.lu_pivots_to_permutation(pivots, permutation_size),
    ),
    factored("linear_solve", well_conditioned((4, 4)), reals((4, 3)), transpose=False),
    factored("linear_solve", well_conditioned((4, 4)), reals((4, 2)), transpose=True),
    Sample("tridiagonal_solve", [reals((4,)), reals((4,), 5, 6), reals((4,)), reals((4, 2))], ulp=64,
           jax=lax.linalg.tridiagonal_solve),
    Sample("tridiagonal_solve", [reals((2, 5)), reals((2, 5), 0, 1), reals((2, 5)), reals((2, 5, 1))], ulp=512,
           jax=lax.linalg.tridiagonal_solve, label="tridiagonal_solve with interchanges"),
    Sample("det", [well_conditioned((4, 4))], jax=jnp.linalg.det, ulp=64),
    Sample(
        "cofactors",
        [well_conditioned((3, 3))],
        ulp=256,
        jax=lambda a: jnp.linalg.det(a) * jnp.linalg.inv(a).T,
    ),
    Sample("slogdet", [well_conditioned((4, 4))], jax=lambda a: tuple(jnp.linalg.slogdet(a)), ulp=64),
    *(
        Sample("qr", [well_conditioned(shape)], {"full_matrices": full}, ulp=128, order=order,
               label=f"qr {shape} {full}", dtypes=LAPACK if len(shape) > 2 else ["float64"],
               jax=lambda a, *, full_matrices: tuple(lax.linalg.qr(a, full_matrices=full_matrices)))
        for shape, full, order in (
            ((2, 3, 3), True, 1), ((5, 3), False, 1), ((5, 3), True, 0), ((3, 5), False, 1))
    ),
    *(
        Sample("eig", [well_conditioned((3, 3))], eig_params(**which), ulp=1024, order=order, label=f"eig {which}",
               dtypes=kinds, jax=lambda a, **params: tuple(lax.linalg.eig(a, **params)))
        for which, order, kinds in (
            ({}, 1, LAPACK), ({"compute_right_eigenvectors": True}, 1, ["float64", "complex128"]),
            ({"compute_left_eigenvectors": True, "compute_right_eigenvectors": True}, 1, LAPACK))
    ),
    Sample("schur", [well_conditioned((2, 3, 3))], ulp=512, order=0, jax=lambda a: tuple(lax.linalg.schur(a))),
    Sample("geqrf", [well_conditioned((2, 4, 3))], ulp=128, order=0, jax=jax_geqrf),
    Sample("column_pivots", [well_conditioned((4, 3))], order=0, jax=lambda a: lax.linalg.qr(a, pivoting=True)[2]),
    Sample("hessenberg", [well_conditioned((2, 4, 4))], ulp=128, order=0,
           jax=lambda a: tuple(lax.linalg.hessenberg(a))),
    Sample("tridiagonal", [positive_definite((2, 4, 4))], {"lower": True}, ulp=128, order=0,
           jax=lambda a, *, lower: tuple(lax.linalg.tridiagonal(a, lower=lower))),
    Sample("tridiagonal", [positive_definite((4, 4))], {"lower": False}, ulp=128, order=0, label="tridiagonal, upper",
           dtypes=["complex128"], jax=lambda a, *, lower: tuple(lax.linalg.tridiagonal(a, lower=lower))),
    *(
        Sample("eigh", [positive_definite(shape)], {"lower": lower}, ulp=512, order=order, label=f"eigh {shape}",
               dtypes=LAPACK if len(shape) > 2 else ["float64"],
               jax=lambda a, *, lower: tuple(lax.linalg.eigh(a, lower=lower, symmetrize_input=False)))
        for shape, lower, order in (((2, 3, 3), True, 1), ((4, 4), False, 1))
    ),
    *(
        Sample("svd", [well_conditioned(shape)], {"full_matrices": full, "compute_uv": vectors}, ulp=1024, order=order,
               dtypes=kinds, jax=jax_svd, label=f"svd {shape} {full=} {vectors=}")
        for shape, full, vectors, order, kinds in (
            ((2, 3, 3), True, True, 1, LAPACK), ((5, 3), False, True, 1, ["float64"]),
            ((3, 5), False, True, 1, ["complex128"]), ((5, 3), True, True, 0, ["float64"]),
            ((3, 5), True, False, 1, ["float64"]))
    ),
]

def transform(
    kind: str, shape: tuple[int, ...], lengths: tuple[int, ...], dtypes: Sequence[str] = ()
) -> Sample:
    """A row of `fft`; our enumeration and JAX's have the same numbers."""
    return Sample(
        "fft", [reals(shape)], {"fft_type": FftType[kind], "fft_lengths": lengths}, ulp=32,
        dtypes=dtypes or (["float32", "float64"] if kind == "RFFT" else COMPLEX), label=f"{kind} of {shape}",
        jax=lambda x, *, fft_type, fft_lengths: lax.fft(x, kind, fft_lengths),
    )


FFT = [
    transform("FFT", (3, 5), (5,)),
    transform("IFFT", (2, 3, 4), (3, 4)),
    transform("FFT", (2, 3, 4), (2, 3, 4)),
    transform("RFFT", (3, 5), (5,)),
    transform("RFFT", (3, 4), (3, 4)),
    transform("RFFT", (2, 1), (1,)),
    transform("IRFFT", (3, 4), (6,)),
    transform("IRFFT", (3, 4), (3, 7)),
    transform("IRFFT", (2, 2), (2,)),
]

def product(lhs: tuple, rhs: tuple, numbers: tuple, preferred: Any = None, **options: Any) -> Sample:
    """A row of `dot_general`."""
    params = {"dimension_numbers": numbers, "precision": None, "preferred_element_type": preferred}
    return Sample(
        "dot_general", [reals(lhs), reals(rhs)], params, label=f"dot_general {lhs} {rhs} {numbers}",
        jax=lambda x, y, **given: lax.dot_general(x, y, **given), **options,
    )


CONTRACTION = [
    product((2, 3), (3, 4), (((1,), (0,)), ((), ()))),
    product((2, 3, 4), (4, 5, 2), (((2,), (0,)), ((0,), (2,)))),
    product((2, 3, 4), (4, 3), (((1, 2), (1, 0)), ((), ())), dtypes=NUMBERS),
    product((2, 3), (2, 3), (((), ()), ((0, 1), (0, 1))), dtypes=["float64"]),
    product((3,), (2,), (((), ()), ((), ())), dtypes=["float64", "complex64"]),
    product((2, 0), (0, 3), (((1,), (0,)), ((), ())), dtypes=["float64", "int32"]),
    product((3, 5), (5, 2), (((1,), (0,)), ((), ())), np.dtype("float32"), dtypes=["float16", "bfloat16"]),
]


def convolution(lhs: tuple, rhs: tuple, dtypes: Sequence[str] = ("float64",), **changed: Any) -> Sample:
    """A row of `conv_general_dilated`: one stride and no padding or dilation, but for what is `changed`."""
    spatial, spec = len(lhs) - 2, tuple(range(len(lhs)))
    params = {
        "window_strides": (1,) * spatial, "padding": ((0, 0),) * spatial, "lhs_dilation": (1,) * spatial,
        "rhs_dilation": (1,) * spatial, "dimension_numbers": ConvDimensionNumbers(spec, spec, spec),
        "feature_group_count": 1, "batch_group_count": 1, "precision": None, "preferred_element_type": None,
    } | changed

    def oracle(x: Any, y: Any, *, dimension_numbers: Any, **given: Any) -> Any:
        return lax.conv_general_dilated(x, y, dimension_numbers=lax.ConvDimensionNumbers(*dimension_numbers), **given)

    return Sample("conv_general_dilated", [reals(lhs), reals(rhs)], params, jax=oracle, dtypes=dtypes, ulp=8,
                  label=f"convolution {lhs} {rhs} {changed}")


CONVOLUTION = [
    convolution((2, 3, 6), (4, 3, 3), [d for d in NUMBERS if d not in ("uint64", "int64")]),
    convolution((1, 2, 4, 5), (2, 2, 3, 2), window_strides=(2, 1), padding=((1, 2), (-1, 1)), lhs_dilation=(1, 2),
                rhs_dilation=(2, 1)),
    convolution((2, 4, 5), (6, 2, 3), ["float64", "complex64"], feature_group_count=2),
    convolution((4, 3, 5), (4, 3, 2), ["float64", "complex64"], batch_group_count=2, window_strides=(2,)),
    convolution((2, 4, 5, 3), (2, 2, 3, 4), padding=((1, 1), (0, 1)), dimension_numbers=ConvDimensionNumbers(
        lhs_spec=(0, 3, 1, 2), rhs_spec=(3, 2, 0, 1), out_spec=(0, 3, 1, 2))),
    convolution((1, 2, 3, 3, 4), (2, 2, 2, 1, 2), padding=((1, 0),) * 3),
    convolution((2, 3), (4, 3)),
    convolution((2, 2, 0), (3, 2, 2), padding=((1, 0),)),
]


def with_epilogue(plain: Sample, out: tuple, bias: tuple, axis: int, adds_residual: bool, rectifies: bool) -> Sample:
    """A row of `convolution_epilogue`: a convolution with a bias along `axis`, by the compiler alone."""

    def oracle(x: Any, y: Any, b: Any, *residual: Any, rectifies: bool, **params: Any) -> Any:
        total = sum(residual, plain.jax(x, y, **params)) + b.reshape([-1 if k == axis else 1 for k in range(len(out))])
        return jnp.maximum(total, 0) if rectifies else total

    operands = [*plain.operands, reals(bias), *[reals(out)] * adds_residual]
    return Sample("convolution_epilogue", operands, {**plain.params, "rectifies": rectifies}, jax=oracle, order=0,
                  ulp=8, label=f"{plain.label} with an epilogue", vmap=False, dtypes=("float32", "float64"))


EPILOGUES = [
    with_epilogue(convolution((2, 3, 6), (4, 3, 3)), (2, 4, 4), (4,), 1, False, False),
    with_epilogue(CONVOLUTION[4], (2, 5, 5, 4), (1, 1, 1, 4), 3, True, True),
]

WINDOW = {
    "window_dimensions": (2, 3), "window_strides": (1, 2), "padding": ((0, 1), (1, 1)),
    "base_dilation": (1, 1), "window_dilation": (1, 1),
}
SPREAD = WINDOW | {"base_dilation": (2, 1), "window_dilation": (1, 2), "padding": ((0, 1), (-1, 2))}


def windows_of(x: Any, fill: Any, window: dict[str, Any]) -> Any:
    """All windows of a matrix, flattened along a last axis."""
    x = lax.pad(x, jnp.asarray(fill, x.dtype), [
        (*pads, f - 1) for pads, f in zip(window["padding"], window["base_dilation"], strict=True)])
    index = []
    for length, k, s, f in zip(x.shape, window["window_dimensions"], window["window_strides"],
                               window["window_dilation"], strict=True):
        places = (length - (k - 1) * f - 1) // s + 1
        index.append(jnp.arange(places)[:, None] * s + jnp.arange(k) * f)
    rows, columns = index
    found = x[rows[:, None, :, None], columns[None, :, None, :]]
    return found.reshape(*found.shape[:2], -1)


def place_in_window(x: Any, *, greatest: bool, **window: Any) -> Any:
    found = windows_of(x, -jnp.inf if greatest else jnp.inf, window)
    return (jnp.argmax if greatest else jnp.argmin)(found, -1).astype(jnp.int32)


def take_from_window(t: Any, places: Any, **window: Any) -> Any:
    return jnp.take_along_axis(windows_of(t, 0, window), places[..., None], -1)[..., 0]


def put_into_window(ct: Any, places: Any, *, operand_shape: tuple, **window: Any) -> Any:
    zeros = jnp.zeros(operand_shape, ct.dtype)
    return jax.vjp(lambda t: take_from_window(t, places, **window), zeros)[1](ct)[0]


WINDOWED = [
    *(Sample("reduce_window_sum", [reals((3, 6))], window, ulp=16) for window in (WINDOW, SPREAD)),
    *(
        Sample(f"reduce_window_{name}", [reals((3, 6))], WINDOW, dtypes=["bool", *INTS, *FLOATS])
        for name in ("max", "min")
    ),
    *(
        Sample(f"reduce_window_{name}", [reals((3, 6))], SPREAD, dtypes=["float64"],
               jax=lambda x, extremum=extremum, fill=fill, **window: extremum(windows_of(x, fill, window), -1))
        for name, extremum, fill in (("max", jnp.max, -jnp.inf), ("min", jnp.min, jnp.inf))
    ),
    *(
        Sample("window_place", [reals((3, 6))], {"greatest": greatest, **SPREAD}, dtypes=FLOATS, order=0,
               jax=place_in_window)
        for greatest in (True, False)
    ),
    *(
        sample
        for window, shape in ((WINDOW, (3, 3)), (SPREAD, (5, 2)))
        for sample in (
            Sample("window_take", [reals((3, 6)), integers(shape, 0, 6)], window, dtypes=[*FLOATS, *COMPLEX],
                   jax=take_from_window),
            Sample("window_put", [reals(shape), integers(shape, 0, 6)], {"operand_shape": (3, 6), **window},
                   dtypes=["float16", "float32", "float64", *COMPLEX], jax=put_into_window, ulp=16),
        )
    ),
]


def fill_mode(mode: Any) -> str:
    return {"CLIP": "clip", "FILL_OR_DROP": "fill", "PROMISE_IN_BOUNDS": "promise_in_bounds"}[mode.name]


def jax_gather(x: Any, indices: Any, *, dimension_numbers: Any, slice_sizes: Any, mode: Any, **params: Any) -> Any:
    numbers = lax.GatherDimensionNumbers(*dimension_numbers)
    return lax.gather(x, indices, numbers, slice_sizes, mode=fill_mode(mode), **params)


def jax_scatter(op: str) -> Callable:
    def scattered(x: Any, indices: Any, updates: Any, *, dimension_numbers: Any, mode: Any, **params: Any) -> Any:
        numbers = lax.ScatterDimensionNumbers(*dimension_numbers)
        return getattr(lax, op)(x, indices, updates, numbers, mode=fill_mode(mode), **params)

    return scattered


def jax_window(x: Any, start_indices: Any, strides: Any, shape: Any) -> Any:
    """`x.at` of the window."""
    return x.at[tuple(slice(s, s + (n - 1) * k + 1, k) for s, k, n in zip(start_indices, strides, shape, strict=True))]


def scatter(op: str, x: Operand, places: Any, updates: Operand, numbers: tuple, *, unique: bool = False,
            mode: Any = GatherScatterMode.FILL_OR_DROP, **options: Any) -> Sample:
    params = {"dimension_numbers": ScatterDimensionNumbers(*numbers), "mode": mode, "indices_are_sorted": False,
              "unique_indices": unique}
    options.setdefault("label", f"{op} {numbers} {mode.name}")
    return Sample(op, [x, fixed("int32", places), updates], params, jax=jax_scatter(op), **options)


FLAGS = {"indices_are_sorted": False, "unique_indices": False}
WINDOW_PLACES = [[3, 1], [-1, 0], [2, 2], [9, 0]]
DISTINCT_PLACES = [[4], [0], [2], [7]]
SLICING = [
    *(
        Sample("slice", [reals((5, 4))], {"start_indices": (1, 0), "limit_indices": limits, "strides": strides},
               label=f"slice to {limits} by {strides}")
        for limits, strides in (((4, 3), None), ((5, 4), (2, 3)), ((1, 4), (2, 1)))
    ),
    *(
        Sample("pad", [reals((3, 4)), reals(SCALAR)], {"padding_config": config}, label=f"pad {config}",
               jax=lambda x, value, *, padding_config: lax.pad(x, value, padding_config))
        for config in (((1, 2, 0), (0, 1, 2)), ((-1, 2, 1), (-2, -1, 0)), ((-3, 0, 0), (2, -1, 3)))
    ),
    Sample("concatenate", [reals((3, 2)), reals((3, 4)), reals((3, 1))], {"dimension": 1},
           jax=lambda *xs, dimension: lax.concatenate(xs, dimension)),
    Sample("split", [reals((3, 6))], {"sizes": (2, 0, 4), "axis": 1},
           jax=lambda x, *, sizes, axis: lax.split(x, sizes, axis)),
    *(
        Sample("dynamic_slice", [reals((5, 4)), fixed("int32", i), fixed("int32", j)], {"slice_sizes": (2, 3)},
               jax=lambda x, i, j, *, slice_sizes: lax.dynamic_slice(x, (i, j), slice_sizes),
               label=f"dynamic_slice at {i} {j}")
        for i, j in ((1, -3), (-9, 7))
    ),
    *(
        Sample("dynamic_update_slice", [reals((5, 4)), reals((2, 3)), fixed("int32", i), fixed("int32", j)],
               jax=lambda x, update, i, j: lax.dynamic_update_slice(x, update, (i, j)),
               label=f"dynamic_update_slice at {i} {j}")
        for i, j in ((1, -3), (-9, 7))
    ),
    Sample("update_slice", [reals((5, 4)), reals((2, 3))], {"start_indices": (1, 0), "strides": (2, 1)},
           jax=lambda x, update, **window: jax_window(x, **window, shape=(2, 3)).set(update)),
    Sample("add_slice", [reals((5, 4)), reals((2, 3))], {"start_indices": (1, 0), "strides": (2, 1)}, dtypes=NUMBERS,
           jax=lambda x, update, **window: jax_window(x, **window, shape=(2, 3)).add(update)),
]
INDEXING = [
    *(
        Sample("gather", [reals((4, 5, 3)), fixed("int32", places)], {
            "dimension_numbers": GatherDimensionNumbers(*numbers), "slice_sizes": sizes, "mode": mode,
            "fill_value": None, **FLAGS}, jax=jax_gather, label=f"gather {numbers} {sizes} {mode.name}")
        for places, numbers, sizes in (
            ([[3], [-1], [9], [0]], ((1, 2), (0,), (0,)), (1, 5, 3)),
            (WINDOW_PLACES, ((1, 2), (2,), (2, 0)), (2, 5, 1)),
            ([[0], [3], [9], [-2]], ((1, 2), (), (1,), (0,), (0,)), (1, 2, 3)),
            ([1, 2], ((0,), (0, 1), (0, 1)), (1, 1, 3)),
        )
        for mode in (GatherScatterMode.CLIP, GatherScatterMode.FILL_OR_DROP)
    ),
    *(
        scatter(op, reals((4, 5)), WINDOW_PLACES, reals((4, 2, 2)), ((1, 2), (), (0, 1)), mode=mode, dtypes=names)
        for op, names in (("scatter", None), ("scatter_add", NUMBERS), ("scatter_min", None), ("scatter_max", None))
        for mode in (GatherScatterMode.CLIP, GatherScatterMode.FILL_OR_DROP)
        if not (mode is GatherScatterMode.CLIP and op in ("scatter_min", "scatter_max"))  # JAX gives NaN for its jvp
    ),
    *(
        scatter(op, reals((5, 3)), DISTINCT_PLACES, reals((4, 3)), ((1,), (0,), (0,)), unique=True, dtypes=NUMBERS,
                label=f"{op} at distinct places")
        for op in ("scatter", "scatter_add", "scatter_mul")
    ),
    scatter("scatter_mul", reals((5, 3)), [[1], [1], [0]], reals((3, 3)), ((1,), (0,), (0,)), dtypes=NUMBERS, order=0,
            label="scatter_mul at equal places"),
    scatter("scatter_add", reals((4, 5)), [[0], [4], [9], [2]], reals((4,)), ((), (1,), (1,), (0,), (0,)),
            dtypes=NUMBERS, label="scatter_add, batched"),
    scatter("scatter", reals((4, 5)), [2], reals((5,)), ((0,), (0,), (0,)), label="scatter of one row"),
    scatter("scatter_max", reals((5,), 1, 1), [[1], [1], [3]], reals((3,), 1, 1), ((), (0,), (0,)), order=1,
            label="scatter_max at ties"),
]


def _jax_keys(words: Any) -> Any:
    """JAX's keys of 64-bit words: the low half is the first of the pair."""
    pair = [words & jnp.uint64(0xFFFFFFFF), words >> jnp.uint64(32)]
    return jax.random.wrap_key_data(jnp.stack(pair, -1).astype("uint32"))


def _words(jax_keys: Any) -> Any:
    pairs = jax.random.key_data(jax_keys).astype("uint64")
    return pairs[..., 0] | pairs[..., 1] << jnp.uint64(32)


def _of_each_key(draw: Callable) -> Callable:
    """The oracle of an op that draws from every key of a vector, in the layout of the row."""

    def oracle(words: Any, *, partitionable: bool, **params: Any) -> Any:
        with jax.threefry_partitionable(partitionable):
            return jax.vmap(lambda key: draw(key, **params))(_jax_keys(words))

    return oracle


def _jax_bits(key: Any, bit_width: int, shape: tuple) -> Any:
    return jax.random.bits(key, shape, f"uint{bit_width}")


def _word_vectors() -> list[Operand]:
    return [integers((5,), 0, 2**32, "uint32") for _ in range(4)]


RANDOM = [
    Sample("threefry2x32", _word_vectors(), order=0, jax=threefry2x32_p.bind),
    Sample("random_wrap", [integers((3, 2), 0, 2**32, "uint32")], {"impl": "threefry2x32"}, order=0,
           jax=lambda pairs: _words(jax.random.wrap_key_data(pairs))),
    Sample("random_unwrap", [keys((2, 3))], order=0, jax=lambda words: jax.random.key_data(_jax_keys(words))),
    Sample("random_seed", [reals((5,), -9, 9)], {"impl": "threefry2x32"}, order=0, dtypes=INTS,
           jax=lambda seeds: _words(jax.vmap(jax.random.key)(seeds))),
    Sample("random_clone", [keys((2, 3))], order=0, jax=lambda words: words),
    Sample("random_fold_in", [keys((4,)), integers((4,), 0, 2**32, "uint32")], order=0,
           jax=lambda words, data: _words(jax.vmap(jax.random.fold_in)(_jax_keys(words), data))),
    *(
        Sample("random_split", [keys((3,))], {"shape": (2, 2), "partitionable": partitionable}, order=0,
               jax=_of_each_key(lambda key, shape: _words(jax.random.split(key, shape))),
               label=f"random_split, {layout}")
        for partitionable, layout in ((True, "partitionable"), (False, "older layout"))
    ),
    *(
        Sample("random_bits", [keys((3,))], {"bit_width": width, "shape": (2, 3), "partitionable": partitionable},
               order=0, jax=_of_each_key(_jax_bits), label=f"random_bits of {width}, {layout}")
        for width in (8, 16, 32, 64)
        for partitionable, layout in ((True, "partitionable"), (False, "older layout"))
    ),
    Sample("fma", [reals(A), reals(A), reals(A)], jax=lambda x, y, z: x * y + z, dtypes=["float32", "float64"]),
    Sample("optimization_barrier", [reals(A), reals(SCALAR)], jax=lambda *xs: lax.optimization_barrier(xs)),
    Sample("stop_gradient", [reals(A)], dtypes=[*FLOATS, *COMPLEX], jax=lax.stop_gradient),
]

_DAMPED = UserFunction("damped", ("x", "y"), "exp(-x) * y")
_SLOPES = {"x": lambda x, y: -DAMPED(x, y), "y": lambda x, y: DAMPED(x, y * 0 + 1)}
_DAMPED_OP = UserOp(_DAMPED, lambda x, y: np.exp(-x) * y, partial_rule(_DAMPED, _SLOPES))


def DAMPED(x, y):
    return cuda_op_p.bind(x, y, op=_DAMPED_OP, dtype=x.dtype)


USER = [
    Sample("cuda_op", [reals((3, 4), -1, 1), reals((3, 4), -2, 2)], {"op": _DAMPED_OP, "dtype": np.dtype("float32")},
           jax=lambda x, y, **_: jnp.exp(-x) * y, dtypes=["float32"]),
]  # fmt: skip

SAMPLES: list[Sample] = [
    *STRUCTURAL, *ELEMENTWISE, *LOGIC, *ROUNDING, *COMPLEX_PARTS, *SORTING, *SPECIAL, *CUMULATIVE,
    *REDUCTIONS, *LINALG, *FFT, *CONTRACTION, *CONVOLUTION, *EPILOGUES, *WINDOWED, *SLICING, *INDEXING,
    *RANDOM, *USER,
]
