"""The device check: its bounds, what it reads of its parts, and its words where there is no device."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from emulator import why_not

from bench import device_check, device_report
from bench.device_check import PARTS, Choice, Part, fractions, main, run
from bench.device_report import Outcome, read_tests, write

ROOT = Path(__file__).parent.parent
SUITE = """
import pytest

@pytest.mark.parametrize("i", range(3))
def test_passes(i): pass

def test_fails(): assert 1 == 2, "the reason"

def test_breaks(): raise KeyError("nothing")

def test_is_skipped(): pytest.skip("no need")
"""


# A device that an assertion of a kernel, told late, takes from the process; and a stream that is left capturing.
LOST = """
import os, cupy

def test_before(): assert cupy.state == 0

def test_loses_it(): cupy.state = 710

def test_loses_it_and_sees_it():
    cupy.state = 719
    raise ValueError("seen by the test")

def test_captures(request):
    request.addfinalizer(lambda: setattr(cupy, "state", 0))
    cupy.state = 900

def test_after(): assert cupy.state == 0
"""
STAND_IN = """
from types import SimpleNamespace
state = 0

class CUDARuntimeError(RuntimeError):
    status = property(lambda self: self.args[0])

def deviceSynchronize():
    if state:
        raise CUDARuntimeError(state)

cuda = SimpleNamespace(runtime=SimpleNamespace(deviceSynchronize=deviceSynchronize))
"""


@pytest.fixture
def logs(tmp_path, monkeypatch):
    monkeypatch.setattr(device_check, "LOGS", tmp_path)
    return tmp_path


def test_without_a_device_it_says_so(monkeypatch, capsys):
    monkeypatch.setattr(device_check, "_device", lambda: (False, "there is no CUDA driver on this machine"))
    assert main([]) == 0
    assert capsys.readouterr().out == "device-check: there is no CUDA driver on this machine; nothing was checked\n"


def test_a_part_is_told_its_time_and_what_it_does_is_kept(logs):
    code = "import os; print(os.environ['CUJAX_PLATFORM'], float(os.environ['CUJAX_DEADLINE']))"
    before = time.time()
    outcome = run(Part("suite", 1, lambda seconds, choice: ["-c", code]), 50)
    assert outcome.status == 0
    platform, deadline = (logs / "suite.log").read_text().split()
    assert platform == "cuda"
    assert before + 20 < float(deadline) < time.time() + 30


def test_a_part_that_takes_too_long_is_stopped_with_its_children(logs):
    mark = logs / "mark"
    child = f"import time; time.sleep(3); open({str(mark)!r}, 'w')"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    outcome = run(Part("suite", 1, lambda seconds, choice: ["-c", code]), 1)
    assert outcome.status is None
    assert not outcome.failed
    time.sleep(3)
    assert not mark.exists()


def test_the_parts_end_in_time():
    """Each takes its share of what is left, and the last one all of it, whichever are asked for."""
    assert [0 < fraction < 1 for fraction in fractions(PARTS)] == [True, True, False]
    assert fractions(PARTS)[-1] == fractions(PARTS[:2])[-1] == fractions(PARTS[1:2])[-1] == 1


def run_suite(logs, text, *arguments, **environment):
    """Run the tests of `text` with the plugins of the check; returns what pytest says."""
    (logs / "test_it.py").write_text(text)
    plugins = ["bench.out_of_time", "bench.device_guard", "no:cacheprovider", "no:benchmark"]
    command = [sys.executable, "-m", "pytest", "-q", *(word for name in plugins for word in ("-p", name))]
    given = {"CUJAX_DEADLINE": "inf", "PYTHONPATH": f"{logs}{os.pathsep}{ROOT}", **environment}
    files = {"CUJAX_TOO_LATE": str(logs / "suite.late"), "CUJAX_FAILED": str(logs / "suite.failed")}
    inherited = {k: v for k, v in os.environ.items() if k != "PYTEST_XDIST_WORKER"}  # of which this may be one
    arguments = [*arguments, "--junit-xml", "suite.xml", "--rootdir", str(logs), "test_it.py"]
    done = subprocess.run(
        [*command, *arguments], env=inherited | given | files, cwd=logs, capture_output=True, text=True
    )
    return done.stdout + done.stderr


def noted(logs):
    """The records of tests that failed."""
    return [json.loads(line) for line in (logs / "suite.failed").read_text().splitlines()]


@pytest.mark.parametrize("deadline", ["inf", "0"])
def test_results_of_a_suite(logs, deadline):
    run_suite(logs, SUITE, CUJAX_DEADLINE=deadline)
    found = read_tests(logs, "suite")
    if deadline == "0":
        assert found == (0, 0, 6, [])
        return
    assert found[:3] == (3, 1, 0)
    assert sorted(name for name, _ in found.failed) == ["test_it::test_breaks", "test_it::test_fails"]
    text = write([Outcome("suite", 1, 12.3)], logs)
    assert "| suite | 3 passed, 2 failed, 1 skipped | 12 |" in text
    assert "- `test_it::test_breaks`: KeyError: 'nothing'" in text
    assert "test_it 2" in text
    (logs / "suite.xml").unlink()  # as when the run was stopped
    (logs / "suite.log").write_text("the log")
    text = write([Outcome("suite", None, 12.3)], logs)
    assert "- `test_it.py::test_breaks`: " in text
    assert "KeyError" in text.split("test_breaks`")[1].splitlines()[0]
    assert "the log" in text
    (tail,) = (tail for name, _, tail in noted(logs) if "test_fails" in name)
    assert "def test_fails(): assert 1 == 2" in tail and "the reason" in tail


def test_an_error_that_a_device_tells_late_is_that_of_the_test_before(logs):
    """A worker that has lost its device is followed by another, in which the tests that come after run."""
    (logs / "cupy.py").write_text(STAND_IN)
    run_suite(logs, LOST, "-n", "1", CUJAX_PLATFORM="cuda")
    tails = {}
    for name, _, tail in noted(logs):
        tails.setdefault(name.partition("::")[2], tail)
    assert set(tails) == {"test_loses_it", "test_loses_it_and_sees_it", "test_captures"}
    assert "CUDARuntimeError: 710" in tails["test_loses_it"]
    assert 'raise ValueError("seen by the test")' in tails["test_loses_it_and_sees_it"]
    found = read_tests(logs, "suite")
    assert found.passed == 2
    texts = {name.partition("::")[2]: text for name, text in found.failed}
    assert {name for name, text in texts.items() if "crashed" in text} == {"test_loses_it", "test_loses_it_and_sees_it"}


def test_a_process_alone_ends_its_run_when_its_device_is_lost(logs):
    (logs / "cupy.py").write_text(STAND_IN)
    said = run_suite(logs, "import cupy\ndef test_loses_it(): cupy.state = 710\ndef test_b(): pass\ndef test_c(): pass",
                     CUJAX_PLATFORM="cuda")
    assert "the device is lost to this process" in said
    found = read_tests(logs, "suite")
    assert [name for name, _ in found.failed] == ["test_it::test_loses_it"] and found.passed < 2


def test_where_no_device_is_in_use_nothing_is_waited_for(logs):
    (logs / "cupy.py").write_text(STAND_IN)
    run_suite(logs, LOST, CUJAX_PLATFORM="cpu")
    failed = {name.partition("::")[2] for name, *_ in noted(logs)}
    assert "test_loses_it_and_sees_it" in failed and not failed & {"test_loses_it", "test_captures"}


def test_the_report_is_there_after_each_part(logs, monkeypatch):
    """A run that is cut off in the suite has left its checks and what was measured."""
    seen = []

    def stopped(part, seconds, choice):
        if part.name == "suite":
            seen.append((logs / "report.md").read_text())
            raise KeyboardInterrupt
        (logs / f"{part.name}.log").write_text("lines")
        (logs / "benchmarks.json").write_text("[]")
        return Outcome(part.name, 0, 1.0)

    monkeypatch.setattr(device_check, "run", stopped)
    monkeypatch.setattr(device_check, "_device", lambda: (True, ""))
    with pytest.raises(KeyboardInterrupt):
        main(["--report", str(logs / "report.md")])
    assert "| benchmarks | done | 1 |" in seen[0]
    assert (logs / "report.json").read_text() == "[]"


def test_the_report_of_all_parts(logs, monkeypatch):
    monkeypatch.setattr(device_report, "_smi", lambda fields: "NVIDIA H200, 580.1, 143771 MiB")
    (logs / "figures.jsonl").write_text(json.dumps(["a launch", 2.14159, "us"]) + "\n")
    (logs / "benchmarks.log").write_text("the table\n")
    for name in ("checks", "suite"):
        (logs / f"{name}.log").write_text("\n".join(f"line {i}" for i in range(100)))
    text = write([Outcome("checks", None, 90), Outcome("benchmarks", 0, 150), Outcome("suite", 3, 8)], logs)
    assert "- device: NVIDIA H200, 580.1, 143771 MiB" in text
    assert "| a launch | 2.14 us |" in text
    assert "| checks | stopped at its bound; see below | 90 |" in text
    assert "| benchmarks | done | 150 |" in text
    assert "| suite | exit status 3 | 8 |" in text
    assert "```\nthe table\n```" in text
    assert "line 69\n" not in text
    assert "line 70\n" in text
    assert device_report.device_name() == "nvidia-h200-580-1-143771-mib"


@pytest.mark.skipif(bool(why_not()), reason=str(why_not()))
def test_without_a_device_the_same_code_runs_on_the_emulator(logs, capsys):
    report = logs / "report.md"
    sizes = ["--minutes", "9", "--only", "checks", "benchmarks", "--workloads", "W6"]
    checks = ["test_kernels_on_device", "test_graphs_on_device", "test_arrays_on_device"]
    sizes += ["--checks", *[f"tests/gpu/{name}.py" for name in checks]]
    assert main(["--emulate", *sizes, "--report", str(report)]) == 0
    text = report.read_text()
    title, _, notice = text.splitlines()[:3]
    assert title.startswith("# Device check without a device")
    assert notice.startswith("**No device was at hand.") and "mean nothing for a GPU" in notice
    rows = {row.split("::")[1].split("`")[0]: row.split("|")[2:4] for row in text.splitlines() if "::" in row}
    assert rows["test_denormals_are_kept"] == [" emulated ", " 1 launches; stand-ins: cupy.asarray "]
    assert rows["test_a_launch_costs_little"][1] == " 6000 launches; stand-ins: cupy.zeros, cupy.RawKernel "
    assert rows["test_donated_arrays_are_overwritten_where_nobody_sees_it"][0] == " emulated "
    assert rows["test_the_disk_cache_serves_the_next_process"][0] == " stubbed "
    assert rows["test_it_is_a_graph_from_the_second_run_on"][0] == " stubbed "
    assert rows["test_the_users_stream_is_used[True]"] == [" needs a device ", " cupy.cuda.Stream.done "]
    assert "launches on the emulator" in text and "Sizes are the smallest" in text
    assert "| benchmarks | done |" in text


def test_the_suite_runs_on_the_emulator_too():
    command = PARTS[2].command(60, Choice(emulate=True, tests=["tests/ops"]))
    assert command[command.index("--platform") :][:3] == ["--platform", "emulator", "tests/ops"]


def test_a_machine_without_nvidia_smi_is_no_obstacle(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert device_report.device_name() == "gpu"
