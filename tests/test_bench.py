"""The benchmarks run: every workload at its smallest size, checked against its reference.

JAX stands beside only where a test is about it; compiling for it would take most of the time.
"""

from __future__ import annotations

import gc
import itertools
import json
import time
import warnings
from dataclasses import replace

import numpy as np
import pytest

from bench import __main__ as command
from bench import bit_stream, expression, fresh, hand_written, machine, measure, peers, report, runner, workloads
from bench.case import SCALES, Case, Scale, WrongResult, all_close, array_code
from bench.rows import NOT_RUN, NOT_WRITTEN, Row, add_ratios
from bench.workloads import teos10, w8_random_bits

SMOKE = replace(SCALES["smoke"], call_seconds=60)  # of a machine that does other things too


@pytest.fixture(scope="module")
def found() -> list[peers.Peer]:
    return [peers.PEERS["cujax"](), peers.PEERS["numpy"]()]


@pytest.fixture(autouse=True, scope="module")
def objects_of_other_tests():
    """Garbage is collected before each call that is timed, not among what other tests left: that takes a second."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def bounds(seconds: float = 60, scale: Scale = SMOKE) -> runner.Bounds:
    return runner.Bounds(scale, time.monotonic() + seconds, 4e9)


def test_the_registry_is_read_off_the_files():
    assert list(workloads.FILES) == [f"W{number}" for number in range(1, 15)]


@pytest.mark.parametrize("workload", workloads.FILES)
def test_every_case_agrees_with_its_reference(workload, found):
    patient = bounds(240, scale=replace(SMOKE, call_seconds=60))  # than a machine needs that does nothing else
    cases = workloads.cases(workload, SMOKE)
    rows = [row for case in cases for row in runner.run_case(workload, case, found, patient)]
    assert {(row.case, row.peer): row.status for row in rows if row.status not in ("ok", NOT_WRITTEN)} == {}
    assert all(row.median > 0 for row in rows if row.peer == "cujax")


@pytest.mark.skipif(hand_written.compiler() is None, reason="there is no C++ compiler")
@pytest.mark.parametrize("workload", ["W3", "W5", "W6", "W7", "W11"])
def test_what_is_written_by_hand_agrees_with_the_reference(workload, monkeypatch):
    monkeypatch.setattr(peers, "platform", lambda: "cpu")
    found = [peers.PEERS["c++"]()]
    cases = workloads.cases(workload, SMOKE)
    rows = [row for case in cases for row in runner.run_case(workload, case, found, bounds())]
    assert {row.case: row.status for row in rows if row.status not in ("ok", NOT_WRITTEN)} == {}
    assert any(row.status == "ok" for row in rows)


@pytest.mark.skipif(hand_written.compiler() is None, reason="there is no C++ compiler")
def test_what_is_written_by_hand_leaves_denormals_alone():
    """Flushing them would change what every other peer, and every later test, computes."""
    hand_written.libraries(hand_written.compiler())
    assert np.float32(1e-30) * np.float32(1e-10) > 0


def test_what_is_written_by_hand_needs_a_compiler_and_the_cpu(monkeypatch):
    monkeypatch.setattr(peers, "platform", lambda: "cpu")
    monkeypatch.setattr(hand_written, "COMPILERS", ("no-such-compiler",))
    assert peers.find(["c++"])[1] == {"c++": "no compiler: none of no-such-compiler is on the path"}
    monkeypatch.setattr(peers, "platform", lambda: "gpu")
    assert peers.find(["c++"])[1] == {"c++": "written for the CPU, and cujax runs on a GPU here"}


@pytest.mark.parametrize("scale", SCALES.values(), ids=list(SCALES))
def test_names_of_cases_are_unique(scale):
    names = [(name, case.name) for name in workloads.FILES for case in workloads.cases(name, scale)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", bit_stream.STREAMS)
def test_streams_for_other_programs(name, monkeypatch):
    monkeypatch.setattr(bit_stream, "WORDS", 2**12)
    first, second = itertools.islice(bit_stream.blocks(name, 3), 2)
    for words in (first, second):
        assert words.dtype == np.uint32 and words.shape == (bit_stream.WORDS,)
        assert abs(np.bitwise_count(words).mean() - 16) < 5 * np.sqrt(8 / words.size)
    assert not (first == second).all()


DOUBLE = Case(
    "double",
    array_code(lambda peer: lambda x: x * 2),
    inputs=lambda: (np.arange(3.0, dtype=np.float32),),
    reference=lambda x: x * 2.0,
    compare=all_close(1e-6),
)


def status(case: Case, found: list[peers.Peer], limits: runner.Bounds | None = None) -> dict[str, str]:
    return {row.peer: row.status for row in runner.run_case("W0", case, found, limits or bounds())}


def test_a_wrong_result_is_reported_and_not_timed(found):
    rows = runner.run_case("W0", replace(DOUBLE, reference=lambda x: x * 3.0), found, bounds())
    assert {row.status for row in rows} == {"WRONG: off by 3.3e-01 of the largest value, allowed is 1e-06"}
    assert all(row.median is None for row in rows)


def test_nan_is_wrong():
    with pytest.raises(WrongResult):
        all_close(1e-6)(peers.PEERS["numpy"](), np.array([1.0, np.nan]), np.ones(2))


def test_what_a_peer_cannot_do_is_reported(found):
    def no(peer: peers.Peer) -> object:
        raise TypeError("has no such operation\nand more")

    make = {**array_code(lambda peer: lambda x: x * 2), "numpy": no}
    assert status(replace(DOUBLE, make=make), found) == {
        "cujax": "ok",
        "numpy": "failed: TypeError: has no such operation",
    }
    assert status(replace(DOUBLE, make={"jax": make["jax"]}), found)["numpy"] == NOT_WRITTEN


def test_a_warning_is_kept_with_the_figures(found):
    messages = ["falls back\nto something"]

    def double(x: np.ndarray) -> np.ndarray:
        if messages:
            warnings.warn(messages.pop(), stacklevel=1)
        return x * 2

    (row,) = runner.run_case("W0", replace(DOUBLE, make={"numpy": lambda peer: double}), found[1:], bounds())
    assert row.status == "warned: falls back"
    assert row.median > 0


def test_a_call_that_takes_too_long_is_cut(found):
    def slow(peer: peers.Peer) -> object:
        return lambda x: [time.sleep(0.01) for _ in range(500)]

    case = replace(DOUBLE, make={"numpy": slow})
    assert status(case, found, bounds(scale=replace(SMOKE, call_seconds=0.2)))["numpy"] == "cut after 0.2 s"


def test_a_call_that_takes_too_much_memory_is_cut():
    kept = []
    with pytest.raises(measure.OverBudget, match=r"cut at 0\.1 GB more memory"), measure.limits(10, 1e8):
        for _ in range(400):
            kept.append(np.ones(2**17))
            time.sleep(0.002)


def test_what_needs_too_much_memory_without_fusion_is_not_started(found):
    assert status(replace(DOUBLE, op_by_op_bytes=10**13), found)["numpy"] == "needs 10000 GB without fusion"


def test_after_the_deadline_nothing_runs(found):
    assert set(status(DOUBLE, found, bounds(seconds=-1)).values()) == {NOT_RUN}


def test_peers_that_are_missing_say_why(monkeypatch):
    monkeypatch.setitem(peers.PEERS, "numexpr", lambda: peers._import("no_such_library"))
    usable, missing = peers.find(["numexpr", "numpy"])
    assert [peer.name for peer in usable] == ["cujax", "numpy"]
    assert missing == {"numexpr": "not installed (No module named 'no_such_library')"}


def test_a_slow_call_gets_fewer_samples():
    run, _ = measure.first_call(measure.Timed(lambda: time.sleep(0.02), lambda result: None))
    measure.take_samples([run], replace(SCALES["quick"], seconds=0.1), 1e9)
    assert 3 <= len(run.times) <= 5
    assert run.minimum <= run.median < 0.2


def test_calls_on_a_device_are_waited_for_together():
    """Whose results are ready at once, so that there is time for many; those of an answer each by itself."""
    done: list[str] = []
    for is_queued, expected in ((True, ["call", "call", "call", "wait"]), (False, ["call", "wait"] * 3)):
        done.clear()
        timed = measure.Timed(lambda: done.append("call"), lambda result: done.append("wait"), is_queued)
        timed.several(3)
        assert done == expected
    case = replace(DOUBLE, alone=True)
    peer = replace(peers.PEERS["numpy"](), platform="gpu")
    assert [runner.bind(c, peer, c.inputs()).is_queued for c in (DOUBLE, case)] == [True, False]


def test_what_would_take_too_many_launches_is_not_begun():
    """A loop that JAX runs from the host on a device is not to be interrupted."""
    jax = replace(peers.PEERS["numpy"](), name="jax", platform="gpu")
    long = replace(DOUBLE, steps=10**7)
    assert status(long, [jax]) == {"jax": "not run: 10000000 steps, launched one by one, take it about 80 s"}
    assert status(replace(DOUBLE, steps=10**5), [jax]) == {"jax": "ok"}


def test_the_first_calls_in_fresh_processes(tmp_path):
    (case,) = workloads.cases("W2", SMOKE)
    first = fresh.measure("W2", case.name, "cujax", "smoke", str(tmp_path), 60, 4e9)
    assert first.error == ""
    assert first.first > 0
    cut = fresh.measure("W2", case.name, "cujax", "smoke", str(tmp_path), 0.05, 4e9)
    assert cut.error == "cut after 0.05 s"


def test_the_command_prints_a_table_and_writes_json(tmp_path, capsys):
    file = tmp_path / "rows.json"
    command.main(["--smoke", "--only", "W2", "--peers", "jax,numpy,cupy", "--json", str(file)])
    printed = capsys.readouterr().out
    for part in ("memory is copied at", "W2 sound speed", "cujax/peer", "times as fast as JAX"):
        assert part in printed
    written = json.loads(file.read_text())
    assert [row["peer"] for row in written["rows"]][:3] == ["cujax", "jax", "numpy"]
    assert {"processor", "cores", "versions", "commit", "copy_bandwidth"} <= written["machine"].keys()
    with pytest.raises(SystemExit):
        command.main(["--only", "W99"])
    assert "'W99' is not one of W1, W2" in capsys.readouterr().err


def test_the_copy_bandwidth_is_plausible(found):
    assert 1e8 < machine.copy_bandwidth(found, 2**22) < 1e13


def test_ratios_and_their_mean():
    rows = [
        Row("W1", "a", "cujax", median=1.0, headline=True),
        Row("W1", "a", "jax", median=2.0, headline=True),
        Row("W1", "b", "cujax", median=1.0, headline=True),
        Row("W1", "b", "jax", median=8.0, headline=True),
        Row("W1", "c", "cujax", status="cut after 1 s", headline=True),
        Row("W1", "c", "jax", median=8.0, headline=True),
        Row("W9", "d", "cujax", median=3.0),
        Row("W9", "d", "jax", median=1.0),
    ]
    add_ratios(rows)
    factor, measured, wanted = report.geometric_mean(rows)
    assert (round(factor, 12), measured, wanted) == (4.0, 2, 3)
    text = report.summary(rows, {"torch": "not installed"})
    assert "cujax is 4 times as fast as JAX" in text
    assert "slower than JAX (cujax/jax) in 1 cases: W9 d 3.00" in text
    assert "without torch: not installed" in text


def test_figures_have_three_digits_and_a_prefix():
    figures = [report.si(x, "s") for x in (1.5, 0.00123456, 9.999e-4, 2e-7)]
    assert figures == ["1.50 s", "1.23 ms", "1.00 ms", "200 ns"]
    assert report.si(None, "s") == ""


def test_numexpr_is_given_the_expression():
    seen = {}

    def build(text, signature):
        seen.update(text=text, signature=signature)
        return lambda x, *constants: (x, constants)

    call = expression.compiled(lambda x: expression.sin(x) * 2.0 + (1 - x), build)
    assert call(np.float32([1]))[1] == (2.0, 1.0)
    assert seen["text"] == "((sin(x0)*c0)+(c1-x0))"
    assert seen["signature"] == [("x0", float), ("c0", float), ("c1", float)]
    expression.compiled(lambda x: expression.sqrt(x) / 3, build)(np.float64([1]))
    assert (seen["text"], seen["signature"]) == ("(sqrt(x0)/3.0)", [("x0", np.double)])


def test_sound_speed_has_the_published_check_values():
    """Of the Gibbs SeaWater toolbox, `gsw_sound_speed`."""
    salinity, temperature, pressure = [34.7118, 34.8915, 35.0256], [28.7856, 28.4329, 22.8103], [10, 50, 125]
    found = teos10.sound_speed(np)(*map(np.array, (salinity, temperature, pressure)))
    np.testing.assert_allclose(found, [1542.426412426373, 1542.558891663385, 1530.801535436184], rtol=1e-14)
    assert sum(len(row) for layer in (*teos10.VOLUME, *teos10.VOLUME_BY_Z) for row in layer) == 122


def test_threefry_has_the_published_check_values():
    """Known answers of the Random123 distribution, `kat_vectors`."""
    ones = np.array([2**64 - 1], np.uint64).view(np.int64)
    assert [int(x[0]) for x in w8_random_bits.threefry(np.zeros(2, np.uint32), np.zeros(1, np.int64))] == [
        0x6B200159,
        0x99BA4EFE,
    ]
    assert [int(x[0]) for x in w8_random_bits.threefry(np.full(2, 2**32 - 1, np.uint32), ones)] == [
        0x1CB996FC,
        0xBB002BE7,
    ]
