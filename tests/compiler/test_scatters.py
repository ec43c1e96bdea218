"""Scatters whose updates meet in one place: in their order on the host, in order, atomic or private on a device.

The reference enters one update after the other.  Wherever the order counts the kernels must give its bits.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np
import pytest
from emulator import EmulatorTarget, SanitizedTarget, emulated_backend, same_in_all_orders, why_not

import cujax
import cujax.numpy as jnp
from cujax import lax
from cujax.engine.backends.select import selected
from cujax.engine.compiler.kernel import Kernel
from cujax.engine.compiler.program import generated
from cujax.engine.ground.config import config

DTYPES = (
    "bool", "int8", "uint8", "int16", "int32", "uint32", "int64", "uint64", "float16", "bfloat16", "float32", "float64",
    "complex64", "complex128",
)
COMBINE = {"add": np.add, "multiply": np.multiply, "min": np.minimum, "max": np.maximum}

emulator = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
on_the_host = pytest.mark.skipif(
    getattr(selected().kernels, "language", "") != "host", reason="there are no threads of the host"
)


class Case(NamedTuple):
    """Updates of `count` windows of shape `window` in a target with `rows` of them."""

    rows: int
    window: tuple[int, ...]
    count: int

    def operands(self, dtype: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Target, places (some outside, some from the end) and updates."""
        rng = np.random.default_rng(self.count)
        places = rng.integers(-self.rows - 2, self.rows + 3, self.count).astype(np.int32)
        return values(rng, dtype, (self.rows, *self.window)), places, values(rng, dtype, (self.count, *self.window))


SINGLE, SHORT, LONG = Case(7, (), 300), Case(3000, (3,), 400), Case(300, (41,), 450)
MANY = Case(5, (), 2500)  # so many for each place that a copy in shared memory pays


def values(rng: np.random.Generator, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """Whose products stay in range, and whose sums are rounded where there is rounding."""
    kind = np.dtype(jnp.dtype(dtype)).kind
    if kind == "b":
        return rng.random(shape) < 0.5
    if kind in "iu":
        return rng.integers(0, 9, shape).astype(dtype)
    parts = 1 + rng.random((2, *shape)) / 64
    return (parts[0] + 1j * parts[1] / 64 if kind == "c" else parts[0]).astype(jnp.dtype(dtype))


def in_order(kind: str, x: np.ndarray, places: np.ndarray, updates: np.ndarray) -> np.ndarray:
    x = x.copy()
    for place, update in zip(places, updates, strict=True):
        place = place + len(x) if place < 0 else place
        if 0 <= place < len(x):
            row = slice(place, place + 1)
            x[row] = update if kind == "set" else COMBINE[kind](x[row], update[None])
    return x


def kinds_of(dtype: str) -> list[str]:
    kind = np.dtype(jnp.dtype(dtype)).kind
    return ["set", *(["add", "multiply"] if kind != "b" else []), *(["min", "max"] if kind != "c" else [])]


def scatters(dtype: str, cases: tuple[Case, ...]) -> tuple[Any, list, list]:
    """One function with all kinds of scatters of a dtype in all cases, its operands, and what it must give."""
    operands = [case.operands(dtype) for case in cases]

    def function(operands: Any) -> list:
        return [getattr(x.at[i], kind)(u) for x, i, u in operands for kind in kinds_of(dtype)]

    return function, operands, [in_order(kind, *o) for o in operands for kind in kinds_of(dtype)]


def assert_same_bits(found: Any, expected: Any) -> None:
    for x, y in zip(found, expected, strict=True):
        x = np.asarray(x)
        assert x.dtype == y.dtype and x.shape == y.shape
        assert x.tobytes() == y.tobytes(), (x, y)


# ---- on this process's backend ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("dtype", DTYPES)
def test_updates_enter_in_their_order(dtype):
    function, operands, expected = scatters(dtype, (SINGLE, SHORT, LONG, MANY))
    found = cujax.jit(function)(operands)
    if dtype.startswith("complex"):  # NumPy's products of vectors are contracted, or not
        for x, y in zip(found, expected, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-4)
    else:
        assert_same_bits(found, expected)


def add_along_last(x: Any, places: Any, updates: Any) -> Any:
    """Updates whose batch axis comes after that of their windows."""
    return lax.scatter_add(x, places[:, None], updates, lax.ScatterDimensionNumbers((0,), (1,), (1,)))


def batch_of_adds(x: Any, places: Any, updates: Any) -> Any:
    return cujax.vmap(lambda x, u: x.at[places].add(u))(x, updates)


SHARED = {
    "rows": (lambda x, i, u: x.at[i].add(u), (64,)),
    "rows of several axes": (lambda x, i, u: x.at[i].add(u), (3, 70)),
    "columns": (lambda x, i, u: x.at[i].add(u), (9000,)),
    "windows first": (lambda x, i, u: add_along_last(x.T, i, u.T).T, (7,)),
    "batch": (lambda x, i, u: batch_of_adds(x.T, i, u.T).T, (7,)),
    "nothing": (lambda x, i, u: x.at[i].add(u), (7,)),
}


@on_the_host
@pytest.mark.parametrize("name", SHARED)
def test_threads_share_the_target_and_change_no_order(name, monkeypatch):
    function, window = SHARED[name]
    x, places, updates = Case(29, window, 2_000_000 // int(np.prod(window))).operands("float32")
    places = abs(places)
    expected = in_order("add", x, places, updates)
    for threads in (1, 2, 3, 8):
        monkeypatch.setattr(selected().kernels, "threads", threads)
        assert_same_bits([cujax.jit(function)(x, places, updates)], [expected])
    text = cujax.jit(function).lower(x, places, updates).as_text("host")
    assert ("scatter_add_f32_part" in text or "scatter_add_lt_add_select_n_f32_part" in text) is (name != "nothing")


def windows(dim: int) -> lax.ScatterDimensionNumbers:
    return lax.ScatterDimensionNumbers((dim,), (), (0,))


@pytest.mark.parametrize("dim", (0, 1))
@pytest.mark.parametrize("op", ("scatter", "scatter_add"))
def test_windows_that_overlap_in_part(op, dim):
    rng = np.random.default_rng(3)
    x, updates = rng.random(1000, np.float32), rng.random((3000, 64), np.float32)
    starts = rng.integers(-9, 950, 3000).astype(np.int32)
    given = updates.T if dim == 0 else updates
    run = cujax.jit(lambda x, i, u: getattr(lax, op)(x, i, u, windows(dim)))
    found = run(x, starts[:, None], given)
    assert op in run.lower(x, starts[:, None], given).as_text("cuda")  # in order on a GPU too, and not by a library
    for start, update in zip(starts, updates, strict=True):
        if 0 <= start <= 1000 - 64:
            window = slice(start, start + 64)
            x[window] = update if op == "scatter" else x[window] + update
    assert_same_bits([found], [x])


@pytest.mark.parametrize("rows, count", [(0, 5), (5, 0), (5, 1), (1, 2)])
def test_few_updates_and_places(rows, count):
    x, places, updates = Case(rows, (3,), count).operands("float32")
    found = cujax.jit(lambda x, i, u: (x.at[i].add(u), x.at[i].set(u)))(x, places, updates)
    assert_same_bits(found, [in_order(kind, x, places, updates) for kind in ("add", "set")])


@pytest.mark.parametrize("axis", (0, 1))
def test_a_batch_of_scatters(axis):
    rng = np.random.default_rng(4)
    x, places, updates = rng.random((9, 5), np.float32), rng.integers(0, 5, (9, 300)), rng.random((9, 300), np.float32)
    expected = np.stack([in_order("add", *each) for each in zip(x, places, updates, strict=True)])
    batched = cujax.vmap(lambda x, i, u: x.at[i].add(u), (0, axis, 0))
    found = cujax.jit(batched)(x, places.T if axis else places, updates)
    assert_same_bits([found], [expected])


# ---- many updates of few places on the host --------------------------------------------------------------------------

CROWDED = (Case(7, (), 70_000), Case(5, (9,), 8_000), Case(10, (100,), 700))


def all_in_order(kind, x, places, updates):
    """As `in_order`, of many updates."""
    x, places = x.copy(), np.where(places < 0, places + len(x), places)
    inside = (places >= 0) & (places < len(x))
    COMBINE[kind].at(x, places[inside], updates[inside])
    return x


def by_threads(monkeypatch, function, operands):
    """The results with several numbers of threads, which all have the same bits; and the text."""
    runs = []
    for threads in (1, 2, 3, 8):
        monkeypatch.setattr(selected().kernels, "threads", threads)
        runs.append([np.asarray(r) for r in cujax.jit(function)(operands)])
    for other in runs[1:]:
        assert_same_bits(other, runs[0])
    return runs[0], cujax.jit(function).lower(operands).as_text("host")


@on_the_host
@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("dtype", ("bool", "int8", "uint64", "float16", "float32"))
def test_runs_of_updates_that_round_nothing_give_the_bits_of_one_thread(dtype, monkeypatch):
    operands = [case.operands(dtype) for case in CROWDED]
    exact = [k for k in kinds_of(dtype) if k in ("min", "max") or (k == "add" and jnp.issubdtype(dtype, jnp.integer))]

    def function(operands):
        return [getattr(x.at[i], kind)(u) for x, i, u in operands for kind in exact]

    found, text = by_threads(monkeypatch, function, operands)
    assert text.count("_enter, buffers") == len(found)
    assert_same_bits(found, [all_in_order(kind, *o) for o in operands for kind in exact])


@on_the_host
@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("dtype", ("float16", "bfloat16", "float32", "float64", "complex64", "complex128"))
def test_without_determinism_runs_of_updates_are_summed(dtype, monkeypatch):
    operands = [case.operands(dtype) for case in CROWDED]
    with config.override("deterministic", False):
        found, text = by_threads(monkeypatch, lambda o: [x.at[i].add(u) for x, i, u in o], operands)
    assert text.count("_enter, buffers") == len(found)
    wide = np.complex128 if dtype.startswith("complex") else np.float64
    for result, (x, places, updates) in zip(found, operands, strict=True):
        exact = all_in_order("add", x.astype(wide), places, updates.astype(wide))
        np.testing.assert_allclose(result.astype(wide), exact, rtol=64 * float(jnp.finfo(dtype).eps))


@on_the_host
def test_runs_leave_places_without_updates_as_they_are():
    x, places = np.array([-0.0, np.nan, -np.inf, -0.0], np.float32), np.full(100_000, 3)
    with config.override("deterministic", False):
        lowered = cujax.jit(lambda x, i, u: x.at[i].add(u)).lower(x, places, np.zeros(100_000, np.float32))
        assert "_enter" in lowered.as_text("host")
        found = lowered.compile()(x, places, np.zeros(100_000, np.float32))
    assert_same_bits([found], [np.array([-0.0, np.nan, -np.inf, 0.0], np.float32)])


@on_the_host
@pytest.mark.parametrize("rows, count", [(7, 20_000), (20_000, 200_000)])
def test_few_updates_or_many_places_enter_in_order(rows, count):
    x, places, updates = Case(rows, (), count).operands("int32")
    assert "_enter" not in cujax.jit(lambda x, i, u: x.at[i].add(u)).lower(x, places, updates).as_text("host")


@on_the_host
def test_products_of_complex_numbers_enter_in_order():
    x, places, updates = CROWDED[0].operands("complex64")
    with config.override("deterministic", False):
        text = cujax.jit(lambda x, i, u: x.at[i].multiply(u)).lower(x, places, updates).as_text("host")
    assert "_enter" not in text


# ---- on a device -----------------------------------------------------------------------------------------------------


def on_device(target: Any, function: Any, *operands: Any) -> list[np.ndarray]:
    with emulated_backend(target):
        return [np.asarray(r) for r in cujax.jit(lambda *xs: function(*xs))(*operands)]


@emulator
@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_device_gives_the_bits_of_one_thread(dtype):
    function, operands, expected = scatters(dtype, (SINGLE, SHORT, LONG, MANY))
    assert_same_bits(on_device(EmulatorTarget(), function, operands), expected)


@emulator
@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("dtype", ("int8", "float32", "complex128"))
def test_no_order_of_threads_and_no_race_changes_them(dtype):
    function, operands, expected = scatters(dtype, (SINGLE, LONG, MANY))
    with emulated_backend() as backend:
        jitted = cujax.jit(lambda *xs: function(*xs))
        assert_same_bits(
            same_in_all_orders(backend.kernels, lambda: [np.asarray(r) for r in jitted(operands)]), expected
        )
    assert_same_bits(on_device(EmulatorTarget(find_races=True), function, operands), expected)


@emulator
@pytest.mark.parametrize("rows, count", [(0, 5), (5, 0), (1, 2), (300, 1023), (300, 1025), (3, 2047)])
@pytest.mark.parametrize("window", [(), (33,)])
def test_a_device_with_odd_sizes(rows, count, window):
    x, places, updates = Case(rows, window, count).operands("float32")
    found = on_device(EmulatorTarget(), lambda x, i, u: [x.at[i].add(u), x.at[i].max(u)], x, places, updates)
    assert_same_bits(found, [in_order(kind, x, places, updates) for kind in ("add", "max")])


@emulator
def test_nothing_is_out_of_bounds_or_undefined():
    function, operands, expected = scatters("bool", (SINGLE, LONG))
    assert_same_bits(on_device(SanitizedTarget(), function, operands), expected)


@emulator
@pytest.mark.parametrize("dtype", ("float16", "float32", "complex64"))
def test_without_determinism_sums_of_floats_are_sums(dtype):
    function, operands, _ = scatters(dtype, (SINGLE, LONG, MANY))
    with config.override("deterministic", False):
        found = on_device(EmulatorTarget(find_races=True), function, operands)
    exact = [
        in_order(kind, x.astype(np.complex128), i, u.astype(np.complex128)) if kind in ("set", "add", "multiply")
        else in_order(kind, x, i, u)
        for x, i, u in operands for kind in kinds_of(dtype)
    ]
    for x, y in zip(found, exact, strict=True):
        np.testing.assert_allclose(x.astype(y.dtype), y, rtol=0.1 if dtype == "float16" else 1e-4)


@emulator
def test_extrema_of_zeros_and_nans_are_the_same_in_every_order():
    x = np.array([-0.0, 0.0, -1.0, 1.0], np.float32)
    payloads = np.array([0x7FC00001, 0xFFC00002], np.uint32).view(np.float32)
    updates = np.array([0.0, -0.0, -0.0, 0.0, *payloads, *payloads[::-1]] * 40, np.float32)
    places = np.tile([0, 1, 0, 1, 2, 3, 2, 3], 40)
    with emulated_backend() as backend:
        jitted = cujax.jit(lambda x, i, u: (x.at[i].max(u), x.at[i].min(u)))
        found = same_in_all_orders(backend.kernels, lambda: [np.asarray(r) for r in jitted(x, places, updates)])
    for result in found:
        assert (result[:2] == 0).all() and np.isnan(result[2:]).all()


@emulator
def test_places_without_updates_keep_their_bits():
    x = np.array([-0.0, np.nan, -np.inf, -0.0], np.float32)
    places, updates = np.full(9000, 3), np.zeros(9000, np.float32)
    with config.override("deterministic", False):
        found = on_device(EmulatorTarget(), lambda x, i, u: [x.at[i].add(u)], x, places, updates)
    assert_same_bits(found, [np.array([-0.0, np.nan, -np.inf, 0.0], np.float32)])


# ---- many updates of few places on a device --------------------------------------------------------------------------

FEW = (Case(7, (), 9000), Case(3, (2,), 4500), Case(1, (), 8200), Case(100, (), 103_000))


@emulator
@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("dtype", ("float16", "bfloat16", "float32", "float64", "complex64", "complex128"))
def test_many_updates_of_few_places_are_summed_in_parts_that_repeat(dtype):
    operands = [case.operands(dtype) for case in FEW[: 4 if dtype == "float32" else 3]]
    with emulated_backend() as backend:
        jitted = cujax.jit(lambda operands: [x.at[i].add(u) for x, i, u in operands])
        text = jitted.lower(operands).as_text("cuda")
        found = same_in_all_orders(backend.kernels, lambda: [np.asarray(r) for r in jitted(operands)])
    assert text.count("own.leave(parts)") == len(operands)
    wide = np.complex128 if dtype.startswith("complex") else np.float64
    for result, (x, places, updates) in zip(found, operands, strict=True):
        exact = all_in_order("add", x.astype(wide), places, updates.astype(wide))
        np.testing.assert_allclose(result.astype(wide), exact, rtol=max(4 * float(jnp.finfo(dtype).eps), 1e-14))


@emulator
def test_products_of_few_places_are_in_parts_and_no_race_changes_them():
    rng = np.random.default_rng(5)
    places, updates = rng.integers(0, 3, 9000), np.exp2(rng.integers(-1, 2, 9000)).astype(np.float32)
    x = np.array([1, -2, 0.5], np.float32)
    (found,) = on_device(EmulatorTarget(find_races=True), lambda x, i, u: [x.at[i].multiply(u)], x, places, updates)
    expected = x.astype(np.float64)
    np.multiply.at(expected, places, updates.astype(np.float64))
    assert_same_bits([found], [expected.astype(np.float32)])


@emulator
def test_of_few_places_those_without_updates_keep_their_bits():
    x = np.array([-0.0, np.nan, -np.inf, -0.0], np.float32)
    places, updates = np.full(9000, 3), np.zeros(9000, np.float32)
    found = on_device(SanitizedTarget(), lambda x, i, u: [x.at[i].add(u)], x, places, updates)
    assert_same_bits(found, [np.array([-0.0, np.nan, -np.inf, 0.0], np.float32)])


# ---- which kernels ---------------------------------------------------------------------------------------------------


def kernel_of(function: Any, *args: Any) -> Kernel:
    """The device's kernel of a scatter, the last one of the program."""
    return generated(cujax.make_jaxpr(function)(*args).tape, "cuda").kernels[-1]


def histogram(places: int, count: int) -> Kernel:
    def function(i: Any) -> Any:
        return jnp.zeros(places, jnp.int32).at[i].add(1, mode="promise_in_bounds")

    return kernel_of(function, cujax.ShapeDtypeStruct((count,), np.uint32))


def sum_of_rows(rows: int, columns: int, count: int) -> Kernel:
    numbers = lax.ScatterDimensionNumbers((1,), (0,), (0,))
    x, updates = [cujax.ShapeDtypeStruct((n, columns), np.float32) for n in (rows, count)]
    places = cujax.ShapeDtypeStruct((count, 1), np.uint32)
    return kernel_of(lambda x, i, u: lax.scatter_add(x, i, u, numbers), x, places, updates)


def test_many_updates_of_few_places_are_gathered_in_each_block():
    def is_private(*sizes: int) -> bool:
        (call,) = histogram(*sizes).calls
        return call.name.endswith("_private")

    assert is_private(100, 10**6) and is_private(4096, 10**5)
    assert not is_private(100, 100) and not is_private(10**6, 10**6)


def test_copies_of_a_place_fill_the_memory_of_a_block():
    places = (2, 100, 1000, 4096)
    found = [histogram(n, 10**7).calls[0].sizes[-2:] for n in places]
    assert found == list(zip(places, (32, 32, 4, 1), strict=True))


def test_blocks_have_enough_updates_for_what_a_copy_costs():
    assert histogram(100, 10**4).calls[0].blocks == (10**4 // (8 * 256), 1)
    assert histogram(4000, 10**6).calls[0].blocks == (10**6 // (8 * 4000), 1)


def test_another_size_of_target_or_updates_has_the_same_text():
    assert len({histogram(n, count).text for n, count in ((100, 50), (100, 10**6), (10**6, 50))}) == 1
    assert len({sum_of_rows(*shape).text for shape in ((9, 50, 70), (1000, 333, 12), (10**5, 90, 10**6))}) == 1


def test_owners_and_chunks_grow_with_target_and_updates():
    count, offsets, listed, enter = sum_of_rows(399, 128, 40_960).calls
    assert count.blocks == listed.blocks == (160, 1) and listed.threads == 32
    assert offsets.blocks == (1, 1) and enter.blocks == (399, 4)
    assert sum_of_rows(12, 40, 100).calls[3].blocks == (12, 1)
    assert sum_of_rows(10**5, 5000, 10**7).calls[3].blocks == (512, 40)
    assert sum_of_rows(10**5, 5000, 10**7).calls[0].blocks == (512, 1)


def segment_sum(places: int, count: int, dtype: str = "float32") -> Kernel:
    values, ids = cujax.ShapeDtypeStruct((count,), jnp.dtype(dtype)), cujax.ShapeDtypeStruct((count,), np.int32)
    return kernel_of(lambda v, i: cujax.ops.segment_sum(v, i, places), values, ids)


def test_blocks_for_few_places_have_room_for_a_copy_of_each_thread():
    assert [segment_sum(n, 10**7).calls[0].threads for n in (1, 16, 17, 64, 65, 128, 129, 384)] == [
        256, 256, 128, 64, 32, 32, 64, 32
    ]
    parts, enter = segment_sum(12, 10**7).calls
    assert parts.blocks == (2112, 1) and enter.blocks == (12, 1)
    assert segment_sum(12, 10**7).scratch == 12 * 2112 * 4


def test_few_updates_or_many_places_are_in_order_on_a_device():
    assert [len(segment_sum(*sizes).calls) for sizes in ((12, 10**5), (12, 8000), (100, 10**5), (385, 10**7))] == [
        2, 4, 4, 4
    ]
    kernel = kernel_of(lambda x, i, u: x.at[i].multiply(u), np.ones(3, np.complex64), np.zeros(9000, int),
                       np.ones(9000, np.complex64))
    assert len(kernel.calls) == 4


def test_another_number_of_places_or_updates_has_the_same_text():
    assert len({segment_sum(*sizes).text for sizes in ((3, 10**6), (12, 10**7), (128, 10**6))}) == 1


def test_numbers_have_64_bits_where_32_are_too_few():
    assert "cj::Lists<int>" in sum_of_rows(10**6, 2000, 10**6).text
    assert "cj::Lists<cj::i64>" in sum_of_rows(10**6, 3000, 10**6).text
    assert "cj::Lists<cj::i64>" in sum_of_rows(900, 1, 3 * 10**9).text


def test_rows_may_be_empty():
    rows, places = np.ones((5, 0), np.float32), np.zeros(3, np.int32)
    assert kernel_of(lambda x, i, u: x.at[i].add(u), rows, places, rows[:3]).is_empty


def test_the_lists_have_room_for_all_updates():
    assert sum_of_rows(399, 128, 40_960).scratch >= 8 * 40_960 + 4 * (399 * 160 + 1)


@pytest.mark.parametrize("deterministic", (True, False))
def test_sums_of_floats_are_in_order_where_results_must_repeat(deterministic):
    with config.override("deterministic", deterministic):
        assert len(sum_of_rows(399, 128, 40_960).calls) == (4 if deterministic else 1)


def test_of_updates_that_overwrite_the_last_one_stays_in_any_case():
    with config.override("deterministic", False):
        kernel = kernel_of(lambda x, i, u: x.at[i].set(u), np.zeros(9), np.zeros(5, np.int32), np.zeros(5))
    assert len(kernel.calls) == 4 and re.search(r"enter_in_turn<cj::Last<\w+>>", kernel.text)


@pytest.mark.parametrize("unique", (False, True))
def test_indices_that_cost_much_are_not_computed_twice(unique):
    def kernels(index: Any) -> int:
        def function(x: Any, p: Any) -> Any:
            return x.at[index(p).astype(int)].add(p, unique_indices=unique)

        shapes = [cujax.ShapeDtypeStruct((n,), np.float32) for n in (100, 10**5)]
        return len(generated(cujax.make_jaxpr(function)(*shapes).tape, "cuda").kernels)

    assert kernels(lambda p: p * 7 + 1) == 1
    assert kernels(lambda p: jnp.sin(jnp.tan(jnp.exp(jnp.cos(p)))) * 50) == (1 if unique else 2)


def test_updates_that_never_meet_are_a_map():
    operands = np.zeros(9), np.zeros(5, np.int32), np.zeros(5)
    kernel = kernel_of(lambda x, i, u: x.at[i].add(u, unique_indices=True), *operands)
    assert len(kernel.calls) == 1 and "atomic" not in kernel.text
