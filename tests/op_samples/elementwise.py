"""Rows of the ops that compute each element by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special as scipy_special
from jax import lax
from jax.scipy import special as jax_special

from op_samples.sample import (
    COMPLEX,
    FLOATS,
    INTS,
    NUMBERS,
    SCALAR,
    A,
    Operand,
    Sample,
    bits,
    booleans,
    fixed,
    integers,
    reals,
)


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
    binary("mul_nonzero", reals(A), reals(A), jax=lambda x, y: x * y, dtypes=FLOATS),
    binary("summand", reals(A), reals(A), jax=lambda x, y: x * y, dtypes=["float32", "float64"]),
    Sample("fma", [reals(A), reals(A), reals(A)], jax=lambda x, y, z: x * y + z, dtypes=["float32", "float64"]),
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
