"""The functions of the C++ headers, against the `impl` of the ops that name them.

The text of each op is compiled as a program's is and run on special and random values of every dtype of its
domain.  What is exact must be equal to the bit (one NaN is as good as another); the others must be near the
impl's result or the true value, which is the impl's in the next wider dtype: `TOLERANCES` says how near, and why.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import scipy.special
from by_hand import on_numpy
from kernel_cases import OPS, Case, arguments, cases_of, source_of

from cujax.engine.backends import cuda_compiler, host_compiler
from cujax.engine.backends.numpy_fma import fma
from cujax.engine.core.primitive import REGISTRY
from cujax.engine.ground import dtypes

pytestmark = pytest.mark.usefixtures("x64")

# ---- what must come out -----------------------------------------------------------------------------------


class Tolerance(NamedTuple):
    """ulp: units of the last place of each part, or, if `of_size`, of the absolute value of a complex result."""

    ulp: float
    why: str
    of_size: bool = False


EXACT = Tolerance(0, "rounded once, or not at all")
LIBRARY = Tolerance(4, "what the vector math library of glibc promises; NumPy's own functions differ as much")
PRODUCTS = Tolerance(10, "complex numbers: each part is a product of functions that may be 4 off")
SUMS = Tolerance(6, "complex numbers: the parts are sums of several rounded terms", of_size=True)
TRANSCENDENTAL = (
    "exp", "exp2", "expm1", "log", "log1p", "logistic", "cbrt", "pow", "sin", "cos", "tan", "asin", "acos", "atan",
    "atan2", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh",
)
TOLERANCES = {
    **dict.fromkeys(TRANSCENDENTAL, LIBRARY),
    "rsqrt": Tolerance(1, "halves round once here, after the root and after the division in the impl"),
    "sqrt": EXACT,
    "sign": EXACT,
    "abs": EXACT,
}
COMPLEX_TOLERANCES = {
    **TOLERANCES,
    **dict.fromkeys(("sqrt", "rsqrt", "sign", "abs"), Tolerance(4, "by way of the absolute value")),
    **dict.fromkeys(("exp", "exp2", "sin", "cos", "tan", "sinh", "cosh", "tanh"), PRODUCTS),
    **dict.fromkeys(("expm1", "logistic"), SUMS),
    "atan2": Tolerance(10, "by way of x*x + y*y, which cancels", of_size=True),
    "pow": Tolerance(200, "x**100 by multiplication; NumPy's own error in complex128", of_size=True),
}
ZERO_OF_EITHER_SIGN = {"max", "min", "clamp", "nextafter"}  # of 0 and -0 as operands NumPy gives any, by dtype


def tolerance_of(case: Case) -> Tolerance:
    return (COMPLEX_TOLERANCES if dtypes.is_complex(case.dtypes[0]) else TOLERANCES).get(case.op, EXACT)


# NumPy's functions of complex numbers that are not as accurate as the ones they stand for.
ACCURATE = {
    "exp2": lambda z: np.exp(z.astype(np.clongdouble) * np.log(np.longdouble(2))),
    "expm1": scipy.special.expm1,
    "log1p": scipy.special.log1p,
}


class FusedProducts:
    """NumPy, with the complex product that it has where the processor fuses multiplication and addition."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    @staticmethod
    def multiply(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        if not dtypes.is_complex(x.dtype):
            return np.multiply(x, y)
        out = np.empty(np.broadcast(x, y).shape, x.dtype)
        out.real = fma(x.real, y.real, -(x.imag * y.imag))
        out.imag = fma(x.real, y.imag, x.imag * y.real)
        return out

    def square(self, x: np.ndarray) -> np.ndarray:
        return self.multiply(x, x)


WIDER = {
    dtypes.float16: dtypes.float64, dtypes.bfloat16: dtypes.float64, dtypes.float32: dtypes.float64,
    dtypes.complex64: dtypes.complex128,
}


def expected(case: Case, xs: list[np.ndarray]) -> np.ndarray:
    """What the impl gives."""
    with on_numpy():
        return np.asarray(REGISTRY[case.op].impl(FusedProducts(), *xs, **case.params))


def true_value(case: Case, xs: list[np.ndarray]) -> np.ndarray:
    """The impl's result in the next wider dtype, where there is one."""
    wide = [x.astype(WIDER.get(x.dtype, x.dtype)) for x in xs]
    is_replaced = dtypes.is_complex(case.dtypes[0]) and case.op in ACCURATE
    return ACCURATE[case.op](*wide) if is_replaced else expected(case, wide)


# ---- how far off ------------------------------------------------------------------------------------------


def parts(x: np.ndarray) -> list[np.ndarray]:
    return [x.real, x.imag] if x.dtype.kind == "c" else [x]


def are_equal(found: np.ndarray, wanted: np.ndarray, any_zero: bool = False) -> np.ndarray:
    """Where two arrays hold the same bits, or both a NaN."""
    if found.dtype.kind == "c":
        re, im = (are_equal(f.copy(), w.copy()) for f, w in zip(parts(found), parts(wanted), strict=True))
        return re & im
    word = np.dtype(f"u{found.dtype.itemsize}")
    same = found.view(word) == np.ascontiguousarray(wanted).view(word)
    if dtypes.is_float(found.dtype):
        same |= np.isnan(found) & np.isnan(wanted)
        same |= any_zero & (found == 0) & (wanted == 0)
    return same


def unit(size: np.ndarray, dtype: Any) -> np.ndarray:
    """The unit in the last place of a number of this size."""
    info = dtypes.finfo(dtype)
    _, exponent = np.frexp(np.maximum(size, float(info.tiny)))
    return np.ldexp(1.0, exponent - 1 - info.nmant)


def errors(found: np.ndarray, wanted: np.ndarray, of_size: bool) -> np.ndarray:
    """In units of the last place; infinite where only one is finite, or a zero has the wrong sign.

    Beside a NaN the sign of the other part is not defined.
    """
    size = np.abs(wanted).astype(np.float64) if of_size else None
    total = np.zeros(found.shape)
    for f, w in zip(parts(found), parts(wanted), strict=True):
        narrow, f, w = w.astype(f.dtype).astype(np.float64), f.astype(np.float64), w.astype(np.float64)
        distance = np.abs(f - w) / unit(np.abs(w) if size is None else size, parts(found)[0].dtype)
        signed = np.signbit(f) == np.signbit(narrow) if not of_size else True
        same = (np.isnan(f) & np.isnan(narrow)) | ((f == narrow) & (signed | (f != 0)))
        same |= np.isnan(wanted) & (np.abs(f) == np.abs(narrow))
        off = np.where(same, 0, np.where(np.isfinite(f) & np.isfinite(narrow) & (f != narrow), distance, np.inf))
        total = np.maximum(total, off)
    return total


def is_defined(case: Case, xs: list[np.ndarray]) -> np.ndarray:
    """Where the result of a function of complex numbers does not hang on the last bits of the operands."""
    x, *rest = xs
    if not dtypes.is_complex(x.dtype):
        return np.ones(x.shape, bool)
    if case.op == "pow":  # infinities and NaN follow no standard
        return np.isfinite(x) & (x != 0) & (np.abs(rest[0] * np.log(x)) < 50) | (rest[0] == 0)
    if case.op == "exp2":
        return ~(np.abs(x.imag) > 1e4)
    if case.op == "logistic":  # its poles
        return ~(np.abs(1 + np.exp(-x)) < 0.3)
    if case.op == "atan2":  # the branch cut and the zero of its logarithm
        logarithm = np.log((rest[0] + 1j * x) / np.sqrt(x * x + rest[0] * rest[0]))
        return ~((np.abs(logarithm) < 0.5) | (np.abs(logarithm.imag) > 3.14159))
    return np.ones(x.shape, bool)


@np.errstate(all="ignore")
def check(case: Case, xs: list[np.ndarray], found: np.ndarray) -> None:
    """Raise an AssertionError that shows the first wrong results."""
    wanted, tolerance = expected(case, xs), tolerance_of(case)
    assert found.dtype == wanted.dtype, case.name
    wrong = ~are_equal(found, wanted, case.op in ZERO_OF_EITHER_SIGN)
    if tolerance.ulp and wrong.any():
        off = [errors(found, w, tolerance.of_size) for w in (wanted, true_value(case, xs))]
        wrong &= (np.minimum(*off) > tolerance.ulp) & is_defined(case, xs)
    rows = [(*[x[i] for x in xs], "gives", found[i], "not", wanted[i]) for i in np.flatnonzero(wrong)[:8]]
    assert not rows, f"{case.name}: {wrong.sum()} of {wrong.size} are wrong: {rows}"


# ---- the tests --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def compiler():
    found = host_compiler.find()
    return found or pytest.skip("no C++ compiler on this machine")


def compiled(compiler: Any, op: str, folder: Any) -> Callable[[Case, list[np.ndarray]], np.ndarray]:
    """The kernels of an op as a function of a case and its operands."""
    compiler.run(source_of(cases_of(op), "host"), str(folder / "kernels.so"))
    library = ctypes.CDLL(str(folder / "kernels.so"))

    def run(case: Case, xs: list[np.ndarray]) -> np.ndarray:
        out = np.empty(xs[0].shape, case.result)
        pointers = [ctypes.c_void_p(x.ctypes.data) for x in (*xs, out)]
        library[case.name](*pointers, ctypes.c_longlong(out.size))
        return out

    return run


@pytest.mark.parametrize("op", OPS)
def test_an_op_compiled_for_the_host_gives_what_its_impl_gives(op, compiler, tmp_path):
    run = compiled(compiler, op, tmp_path)
    for case in cases_of(op):
        xs = arguments(case)
        check(case, xs, run(case, xs))


def test_every_elementwise_op_is_among_them():
    assert len(OPS) >= 60
    assert {len(cases_of(op)) > 0 for op in OPS} == {True}


@pytest.mark.parametrize("arch", [80, 90])
@pytest.mark.parametrize("op", OPS)
def test_an_op_is_compiled_for_devices(op, arch):
    pytest.importorskip("cupy_backends.cuda.libs.nvrtc", reason="CuPy is not installed")
    try:
        cuda_compiler.compiler_name()
    except RuntimeError as error:
        pytest.skip(f"NVRTC is not installed: {error}")
    code = cuda_compiler.compile_for(source_of(cases_of(op), "cuda"), arch)
    assert all(case.name.encode() in code for case in cases_of(op))
