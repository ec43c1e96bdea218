"""Reductions of reduce.h and updates of atomic.h, against NumPy: on the host, and thread by thread in the emulator.

Sums and products are of small integers, so that they are exact in every dtype and in every order.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest
from emulator import EmulatorTarget, same_in_all_orders, slots_of, why_not
from kernel_cases import DTYPES, special_values
from test_kernel_headers import are_equal

from cujax.engine.backends import cuda_compiler, host_compiler
from cujax.engine.compiler.cpp import short_name, type_name
from cujax.engine.core.primitive import REGISTRY
from cujax.engine.ground import dtypes

REDUCTIONS = [name for name, p in REGISTRY.items() if p.family == "reduction" and isinstance(p.cuda, str)]
SCATTERS = {"Sum": np.add, "Product": np.multiply, "Max": np.maximum, "Min": np.minimum}


def domain_of(op: str) -> list[Any]:
    domain = REGISTRY[op].domain
    return [d for d in DTYPES if isinstance(domain, str) or d in domain]  # of the sum, a string: it takes all


def struct_of(op: str, dtype: Any) -> str:
    return f"{REGISTRY[op].cuda}<{type_name(dtype)}>"


def is_place(op: str) -> bool:
    return op.startswith("arg")


def result_of(op: str, dtype: Any) -> Any:
    return dtypes.int64 if is_place(op) else dtype


def elements(op: str, dtype: Any, count: int, seed: int = 0) -> np.ndarray:
    """Small integers for sums and products, else anything, with ties; NaN in one of two arrays."""
    rng = np.random.default_rng((count, seed))
    if op in ("reduce_sum", "reduce_prod"):
        low, high = (0, 3) if op == "reduce_sum" else (1, 2)
        values = rng.integers(low, high, count).astype(dtype)
        if op == "reduce_prod":
            values[: 5] += values[:5]
        return values
    values = special_values(dtype)
    if seed % 2 == 0 and dtypes.is_inexact(dtype):
        values = values[~np.isnan(values)]
    return rng.choice(values, count)


@np.errstate(all="ignore")
def expected(op: str, xs: np.ndarray) -> Any:
    params = {"axes": (0,), **({"index_dtype": dtypes.int64} if is_place(op) else {})}
    return np.asarray(REGISTRY[op].impl(np, xs, **params))


ALL = [(op, dtype) for op in REDUCTIONS for dtype in domain_of(op)]
HEADERS = '#include "reduce.h"\n#include "atomic.h"\n'


def name_of(op: str, dtype: Any) -> str:
    return f"{op}_{short_name(dtype)}"


def filled(template: str, op: str, dtype: Any) -> str:
    lift = "lift(x[i], i)" if is_place(op) else "lift(x[i])"
    return template.format(
        name=name_of(op, dtype), R=struct_of(op, dtype), T=type_name(dtype), Y=type_name(result_of(op, dtype)),
        lift=lift,
    )


def assert_same(found: np.ndarray, wanted: np.ndarray, what: str) -> None:
    assert found.dtype == wanted.dtype, what
    wanted = np.broadcast_to(wanted, found.shape)
    same = are_equal(found, wanted, any_zero=True) | (np.isnan(found) & np.isnan(wanted))  # any NaN, for any other
    assert same.all(), (what, found, wanted)


# ---- on the host ------------------------------------------------------------------------------------------

FOLD = """
extern "C" void {name}(const {T}* x, {Y}* y, long long n) {{
    {R}::Acc acc = {R}::identity();
    for (long long i = 0; i < n; ++i) acc = {R}::combine(acc, {R}::{lift});
    *y = {R}::lower(acc);
}}
"""


@pytest.fixture(scope="module")
def compiler():
    return host_compiler.find() or pytest.skip("no C++ compiler on this machine")


def host_library(compiler: Any, source: str, folder: Any) -> ctypes.CDLL:
    compiler.run(source, str(folder / "kernels.so"))
    return ctypes.CDLL(str(folder / "kernels.so"))


def test_a_reduction_folded_element_by_element(compiler, tmp_path):
    library = host_library(compiler, HEADERS + "".join(filled(FOLD, op, d) for op, d in ALL), tmp_path)
    for op, dtype in ALL:
        for count in (1, 2, 37):
            for seed in range(4):
                xs, y = elements(op, dtype, count, seed), np.empty((), result_of(op, dtype))
                library[name_of(op, dtype)](
                    ctypes.c_void_p(xs.ctypes.data), ctypes.c_void_p(y.ctypes.data), ctypes.c_longlong(count)
                )
                assert_same(y, expected(op, xs), f"{op} {xs}")


def test_the_reduction_of_nothing_is_the_identity(compiler, tmp_path):
    of_nothing = [(op, d) for op, d in ALL if not is_place(op)]
    library = host_library(compiler, HEADERS + "".join(filled(FOLD, op, d) for op, d in of_nothing), tmp_path)
    for op, dtype in of_nothing:
        xs, y = np.empty(0, dtype), np.empty((), dtype)
        library[name_of(op, dtype)](None, ctypes.c_void_p(y.ctypes.data), ctypes.c_longlong(0))
        assert_same(y, expected(op, xs), op)


# ---- updates of one place by many -------------------------------------------------------------------------

UPDATE = {
    "host": """
extern "C" void {name}(const {T}* x, const int* places, {T}* y, long long n) {{
    #pragma omp parallel for num_threads(4)
    for (long long i = 0; i < n; ++i) cj::atomic_update<{R}>(y + places[i], x[i]);
}}
""",
    "cuda": """
extern "C" __global__ void {name}(const {T}* x, const int* places, {T}* y, long long n) {{
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) cj::atomic_update<{R}>(y + places[i], x[i]);
}}
""",
}


def update_cases() -> list[tuple[str, Any]]:
    return [
        (struct, dtype) for struct in SCATTERS for dtype in DTYPES
        if struct != "Product" or not dtypes.is_bool(dtype)
    ]


def update_source(language: str) -> str:
    texts = [
        UPDATE[language].format(name=name_of(s, d), R=f"cj::{s}<{type_name(d)}>", T=type_name(d))
        for s, d in update_cases()
    ]
    return HEADERS + "".join(texts)


def updates(struct: str, dtype: Any, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Updates, their places among seven, what is there before, and what must be there after."""
    rng = np.random.default_rng(count)
    high = 2 if struct == "Product" else 5
    xs = rng.integers(1, high, count).astype(dtype)
    if dtypes.is_bool(dtype):
        xs = rng.random(count) < 0.5
    if struct == "Product":
        xs[:3] += xs[:3]
    places = rng.integers(0, 7, count).astype(np.int32)
    before = rng.integers(0, 4, 7).astype(dtype)
    after = before.astype(np.float32) if dtypes.is_float(dtype) and dtype.itemsize == 2 else before.copy()
    SCATTERS[struct].at(after, places, xs.astype(after.dtype))
    return xs, places, before, after.astype(dtype)


def test_updates_by_several_threads_of_the_host(compiler, tmp_path):
    library = host_library(compiler, update_source("host"), tmp_path)
    for struct, dtype in update_cases():
        xs, places, y, wanted = updates(struct, dtype, 250)
        pointers = [ctypes.c_void_p(a.ctypes.data) for a in (xs, places, y)]
        library[name_of(struct, dtype)](*pointers, ctypes.c_longlong(xs.size))
        assert_same(y, wanted, f"{struct} {dtype}")


def emulated(source: str) -> tuple[EmulatorTarget, Any]:
    if why_not():
        pytest.skip(why_not())
    target = EmulatorTarget()
    return target, target.compile(source)


def test_updates_by_threads_of_a_device():
    target, module = emulated(update_source("cuda"))
    for struct, dtype in update_cases():
        xs, places, y, wanted = updates(struct, dtype, 250)
        target.launch(module.function(name_of(struct, dtype)), (4,), (64,), 0, slots_of(xs, places, y, xs.size))
        assert_same(y, wanted, f"{struct} {dtype}")


# ---- together ---------------------------------------------------------------------------------------------

BLOCK = """
extern "C" __global__ void {name}(const {T}* x, {Y}* y, long long n) {{
    __shared__ {R}::Acc shared[32];
    {R}::Acc acc = {R}::identity();
    for (long long i = threadIdx.x; i < n; i += blockDim.x) acc = {R}::combine(acc, {R}::{lift});
    y[threadIdx.x] = {R}::lower(cj::block_reduce<{R}>(acc, shared));
}}
extern "C" __global__ void {name}_warps(const {T}* x, {Y}* y) {{
    const int i = threadIdx.x + blockDim.x * threadIdx.y;
    y[i] = {R}::lower(cj::warp_reduce<{R}>({R}::{lift}));
}}
"""


def block_source(cases: list[tuple[str, Any]] = ALL) -> str:
    return HEADERS + "".join(filled(BLOCK, op, d) for op, d in cases)


@pytest.mark.parametrize("threads", [1, 31, 32, 33, 100, 1023, 1024])
def test_all_threads_of_a_block_get_the_result(threads):
    target, module = emulated(block_source())
    for op, dtype in ALL if threads == 100 else ALL[::7]:
        for seed, count in enumerate((1, threads, 3 * threads + 5)):
            xs, y = elements(op, dtype, count, seed), np.empty(threads, result_of(op, dtype))
            target.launch(module.function(name_of(op, dtype)), (1,), (threads,), 0, slots_of(xs, y, count))
            assert_same(y, expected(op, xs), f"{op} {dtype} of {count} by {threads}")


def test_each_warp_of_a_block_reduces_its_own_lanes():
    target, module = emulated(block_source())
    for op, dtype in ALL[::5]:
        xs, y = elements(op, dtype, 80), np.empty(80, result_of(op, dtype))
        target.launch(module.function(f"{name_of(op, dtype)}_warps"), (1,), (16, 5), 0, slots_of(xs, y))
        for first in (0, 32, 64):
            wanted = expected(op, xs[first : first + 32])
            assert_same(y[first : first + 32], wanted + first if is_place(op) else wanted, f"{op} {dtype}")


def test_a_sum_of_floats_has_the_same_bits_in_every_order_of_threads():
    target, module = emulated(block_source())
    xs = np.random.default_rng(0).normal(size=500).astype(np.float32)

    def run() -> np.ndarray:
        y = np.empty(100, np.float32)
        target.launch(module.function("reduce_sum_f32"), (1,), (100,), 0, slots_of(xs, y, xs.size))
        return y

    found = same_in_all_orders(target, run)
    np.testing.assert_allclose(found, xs.sum(), rtol=1e-5)


@pytest.mark.parametrize("arch", [80, 90])
def test_they_are_compiled_for_devices(arch):
    pytest.importorskip("cupy_backends.cuda.libs.nvrtc", reason="CuPy is not installed")
    try:
        cuda_compiler.compiler_name()
    except RuntimeError as error:
        pytest.skip(f"NVRTC is not installed: {error}")
    for source in (block_source(ALL[::6]), update_source("cuda")):
        assert cuda_compiler.compile_for(source, arch)
