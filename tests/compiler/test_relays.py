"""Warps that fetch the columns of long windows for the one that enters give the bits of one thread, however many."""

from __future__ import annotations

import numpy as np
import pytest
from emulator import EmulatorTarget, SanitizedTarget, emulated_backend, same_in_all_orders, why_not
from test_scatters import in_order, kernel_of, sum_of_rows, values

import cujax
from cujax.engine.compiler import emit_cuda_order

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))

# rows, columns, updates: several rounds of all warps, a last one that is not full, a last tile that is not full
SIZES = [(3, 33, 700), (1, 32, 257), (40, 40, 1500), (600, 130, 1200)]
SPREADS = {
    "equal": lambda rng, rows, count: np.full(count, rows // 2),
    "few": lambda rng, rows, count: rng.choice([0, rows - 1], count),
    "runs": lambda rng, rows, count: np.sort(rng.integers(0, rows, count)),
    "uniform": lambda rng, rows, count: rng.integers(-rows, rows + 1, count),
}


def add(x, places, updates):
    return x.at[places].add(updates)


def operands(rows: int, columns: int, count: int, spread: str, dtype: str = "float32") -> tuple:
    rng = np.random.default_rng(rows)
    places = SPREADS[spread](rng, rows, count).astype(np.int32)
    return values(rng, dtype, (rows, columns)), places, values(rng, dtype, (count, columns))


@pytest.fixture(params=[1, 2, 3, 8])
def warps(request, monkeypatch):
    """So many of each group, for small sizes."""
    monkeypatch.setattr(emit_cuda_order, "_UPDATES_OF_A_WARP", 1)
    monkeypatch.setattr(emit_cuda_order, "_RESIDENT_WARPS", 1 << 20)
    monkeypatch.setattr(emit_cuda_order, "_MOST_WARPS", request.param)
    return request.param


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_any_number_of_warps_gives_the_bits_of_one_thread(warps, sizes, spread):
    x, places, updates = operands(*sizes, spread)
    call = kernel_of(add, x, places, updates).calls[-1]
    assert call.threads >= 32 * warps
    assert run(EmulatorTarget(), (x, places, updates)) == in_order("add", x, places, updates).tobytes()


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("dtype", ["float16", "float64", "complex128"])
def test_other_dtypes(warps, dtype):
    x, places, updates = operands(5, 35, 900, "runs", dtype)
    assert run(EmulatorTarget(), (x, places, updates)) == in_order("add", x, places, updates).tobytes()


def run(target, given) -> bytes:
    with emulated_backend(target):
        return np.asarray(cujax.jit(lambda *xs: add(*xs))(*given)).tobytes()


def test_no_order_of_threads_and_no_race_changes_them(warps):
    given = operands(3, 40, 300, "few")
    expected = in_order("add", *given)
    with emulated_backend() as backend:
        jitted = cujax.jit(lambda *xs: add(*xs))
        (found,) = same_in_all_orders(backend.kernels, lambda: [np.asarray(jitted(*given))])
    assert found.tobytes() == expected.tobytes()
    assert run(EmulatorTarget(find_races=True), given) == expected.tobytes()


def test_nothing_is_out_of_bounds_or_undefined(warps):
    given = operands(6, 34, 500, "uniform")
    assert run(SanitizedTarget(), given) == in_order("add", *given).tobytes()


def test_how_many_warps_there_are():
    """More where an owner has one place and updates are many; where it has several, as many as run at the same time."""
    threads = [sum_of_rows(*sizes).calls[3].threads for sizes in (
        (399, 128, 40_960), (399, 128, 1000), (12, 40, 100), (512, 32, 10**6), (513, 32, 10**6), (10**5, 5000, 10**7),
        (5000, 128, 40_960), (10**5, 64, 10**6),
    )]  # fmt: skip
    assert threads == [256, 128, 64, 256, 256, 128, 256, 256]
    assert {sum_of_rows(*sizes).calls[3].sizes[1] for sizes in ((399, 128, 40_960), (399, 100, 1000))} == {8, 1}
