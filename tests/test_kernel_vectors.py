"""Loops over the functions of the headers become loops over vectors, with the system's vector math.

GCC says which loops it has vectorised.  It is asked for processors with AVX2, so that the answer does not depend on
this one.
"""

from __future__ import annotations

import re
import subprocess

import kernel_units
import pytest
from kernel_cases import OPS, Case, cases_of, source_of

from cujax.engine.backends import host_compiler
from cujax.engine.backends.kernel_headers import headers_folder
from cujax.engine.ground import dtypes

pytestmark = pytest.mark.usefixtures("x64")

FLAGS = (
    "-std=c++17", "-O3", "-march=x86-64-v3", "-fopenmp-simd", "-ffp-contract=off", "-fno-math-errno",
    "-fno-trapping-math", "-fwrapv",
)
# Loops that stay loops, and why.
SCALAR = {
    "there are no such instructions before AVX-512": (
        "population_count", "clz", "mulhi_[iu]64", "div_[iu]64", "rem_[iu]64",
        "convert_element_type_([iu]64_(f|bf|c)|(f|bf|c).*_[iu]64)", "shift_right_arithmetic_[iu](8|16)_",
    ),
    "the number of steps depends on the element": ("pow_[iuc]", "rem_f64"),
    "which is of 32 bits, the cases of 16": ("select_n_i32_b?f16", "nextafter_f16"),
    "a copy, or all elements alike": (
        "stop_gradient", "bitcast_convert_type", "integer_pow_.*_[01]$", "reduce_precision_.*_(8_7|11_52|8_30|5_10)$",
        r"convert_element_type_(\w+)_\1_0",
    ),
}
TRIED = {
    dtypes.bool_, dtypes.int32, dtypes.int64, dtypes.uint8, dtypes.float16, dtypes.bfloat16, dtypes.float32,
    dtypes.float64, dtypes.complex64,
}
GLIBC_2_22 = ("sin", "cos", "exp", "log", "pow")
GLIBC_2_35 = (
    "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "exp2", "expm1", "log1p",
    "cbrt",
)


def stays_scalar(case: Case) -> bool:
    return any(re.match(pattern, case.name) for patterns in SCALAR.values() for pattern in patterns)


@pytest.fixture(scope="module")
def gcc():
    found = host_compiler.find()
    if found is None or not found.is_gcc or host_compiler._libmvec() < 2:
        pytest.skip("needs GCC and the vector math library of glibc 2.35 on x86-64")
    version = subprocess.run([found.path, "-dumpversion"], capture_output=True, text=True, check=True).stdout
    if int(version.split(".")[0]) < 12:
        pytest.skip(f"GCC {version.strip()} vectorises less than GCC 12")
    return found.path


def assembly(gcc: str, source: str, *flags: str) -> tuple[str, str]:
    """The assembly of `source`, and what GCC says of its loops."""
    command = [gcc, *FLAGS, *flags, "-iquote", str(headers_folder()), "-x", "c++", "-", "-S", "-o", "-"]
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=True)
    return done.stdout, done.stderr


def vectorised(gcc: str, cases: list[Case]) -> set[str]:
    """The names of those cases whose loop is one of vectors."""
    return vectorised_loops(gcc, source_of(cases, "host"))


def vectorised_loops(gcc: str, source: str) -> set[str]:
    """The names of those functions whose loop is one of vectors."""
    _, said = assembly(gcc, source, "-fopt-info-vec-optimized", "-DCJ_LIBMVEC=2")
    starts = {
        number: name for number, line in enumerate(source.split("\n"), 1)
        for name in re.findall(r'extern "C" void (\w+)\(', line)
    }
    lines = map(int, re.findall(r"<stdin>:(\d+):\d+: optimized: loop vectorized", said))
    return {starts[max(n for n in starts if n <= line)] for line in lines}


@pytest.mark.parametrize("op", OPS)
def test_loops_over_an_op_are_loops_over_vectors(op, gcc):
    cases = [c for c in cases_of(op) if set(c.dtypes) <= TRIED]
    names = vectorised(gcc, cases)
    assert [c.name for c in cases if c.name not in names and not stays_scalar(c)] == []


SPECIAL = {
    "erf": 1, "erfc": 1, "digamma": 1, "zeta": 2, "bessel_i0e": 1, "bessel_i1e": 1, "bessel_k0e": 1, "bessel_k1e": 1,
}
ONLY_OF_FLOATS = {"lgamma": 1, "gamma": 1, "bessel_j0": 1, "bessel_j1": 1}  # of doubles they are the C library's


def test_loops_over_special_functions_are_loops_over_vectors(gcc):
    units = [
        kernel_units.Unit(f"{f}_{dtype}", f"cj::{f}({', '.join(['{0}', '{1}'][:arity])})", (dtype,) * arity, dtype)
        for f, arity in {**SPECIAL, **ONLY_OF_FLOATS}.items()
        for dtype in ("float32", "float64") if dtype == "float32" or f in SPECIAL
    ]
    names = vectorised_loops(gcc, kernel_units.source_of(units, ["special.h", "bessel.h"], "host"))
    assert [u.name for u in units if u.name not in names] == []


def calls_of(gcc: str, name: str, level: int) -> set[str]:
    """The vector functions that float32 and float64 cases of an op call, named as in the x86 vector ABI."""
    cases = [c for c in cases_of(name) if set(c.dtypes) <= {dtypes.float32, dtypes.float64}]
    text, _ = assembly(gcc, source_of(cases, "host"), f"-DCJ_LIBMVEC={level}")
    return set(re.findall(r"_ZGVdN[48]v+_\w+", text))


@pytest.mark.parametrize("name", [*GLIBC_2_22, *GLIBC_2_35])
def test_functions_are_called_from_the_vector_math_library_that_there_is(name, gcc):
    arguments = "vv" if name in ("pow", "atan2") else "v"
    both = {f"_ZGVdN8{arguments}_{name}f", f"_ZGVdN4{arguments}_{name}"}
    if name == "exp":
        both = {"_ZGVdN4v_exp"}  # that of floats is our own
    assert calls_of(gcc, name, 2) == both
    assert calls_of(gcc, name, 1) == (both if name in GLIBC_2_22 else set())
    assert calls_of(gcc, name, 0) == set()


CHOICES = """
#include "math.h"
extern "C" void choices(
    const float* CJ_RESTRICT x, const cj::b8* CJ_RESTRICT w, float* CJ_RESTRICT y, cj::b8* CJ_RESTRICT z, long long n) {
    #pragma omp simd
    for (cj::i64 i = 0; i < n; ++i) {
        const float sine = cj::sin(x[i]);
        const bool positive = w[i] & (x[i] > 0.0f);
        const float chosen = cj::select(positive, x[i], sine);
        y[i] = chosen * cj::convert<float>(positive);
        z[i] = cj::bit_not(positive);
    }
}
"""


def test_booleans_and_choices_between_computed_values(gcc):
    text, said = assembly(gcc, CHOICES, "-fopt-info-vec-optimized", "-DCJ_LIBMVEC=2")
    assert "loop vectorized using 32 byte vectors" in said
    assert "_ZGVdN8v_sinf" in text
