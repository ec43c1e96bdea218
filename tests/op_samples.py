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

import jax.numpy as jnp
import numpy as np
from jax import lax

from cujax.engine.ops.fft import FftType


@dataclass(frozen=True)
class Operand:
    """How to draw one operand: `draw(rng, dtype) -> array`.  `fixed` dtypes do not follow the sample's dtype."""

    draw: Callable[[np.random.Generator, Any], np.ndarray]
    fixed: Any = None
    differentiable: bool = True


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
    return Sample(op, [reals(A, low, high)], jax=getattr(lax, op), **options)


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

SPECIAL = [
    *(unary(op, -3, 3, ulp=16) for op in ("erf", "erfc")),
    unary("erf_inv", -0.99, 0.99, ulp=16),
    unary("lgamma", 0.2, 6, ulp=32),
    unary("lgamma", -5.9, -5.1, ulp=32, label="lgamma of negative numbers"),
    unary("digamma", 0.2, 6, ulp=32),
    unary("digamma", -5.9, -5.1, ulp=64, label="digamma of negative numbers"),
    *(
        binary("polygamma", fixed("float64", order), reals(A, 0.3, 5), dtypes=["float64"], ulp=256,
               label=f"polygamma {order}")
        for order in (0, 1, 2)
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
    Sample("det", [well_conditioned((4, 4))], jax=jnp.linalg.det, ulp=64),
    Sample(
        "cofactors",
        [well_conditioned((3, 3))],
        ulp=256,
        jax=lambda a: jnp.linalg.det(a) * jnp.linalg.inv(a).T,
    ),
    Sample("slogdet", [well_conditioned((4, 4))], jax=lambda a: tuple(jnp.linalg.slogdet(a)), ulp=64),
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

SAMPLES: list[Sample] = [
    *STRUCTURAL, *ELEMENTWISE, *LOGIC, *ROUNDING, *COMPLEX_PARTS, *SORTING, *SPECIAL, *CUMULATIVE,
    *REDUCTIONS, *LINALG, *FFT,
]
