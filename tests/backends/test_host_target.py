"""The host's kernel target: compilers of all kinds, real and pretended, threads, forks and the disk cache."""

from __future__ import annotations

import ctypes
import json
import logging
import os
import re
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from cujax.engine.backends import disk_cache, host_compiler, host_target, host_threads
from cujax.engine.backends.api import KernelCall
from cujax.engine.backends.host_backend import HostBackend
from cujax.engine.backends.host_compiler import ALL_FLAGS, Choice, HostCompiler, Refused
from cujax.engine.backends.host_target import HostTarget
from cujax.engine.backends.kernel_errors import KernelCompileError
from cujax.engine.ground.config import config

REAL = next(filter(None, map(host_compiler._on_path, host_compiler.NAMES)), None)

needs_compiler = pytest.mark.skipif(REAL is None, reason="there is no C++ compiler on the PATH")

SCALE = """
#include "prelude.h"
extern "C" void scale(void* const* buffers, const long long* sizes, int threads) {
    const float* CJ_RESTRICT x0 = static_cast<const float*>(buffers[0]);
    float* CJ_RESTRICT y0 = static_cast<float*>(buffers[1]);
    #pragma omp parallel for num_threads(threads) if (threads > 1)
    for (long long i = 0; i < sizes[0]; ++i) y0[i] = FACTOR * x0[i];
}
"""


def scale_by(factor):
    """The text of a kernel; each factor makes another text."""
    return SCALE.replace("FACTOR", f"{factor}.0f")


def scaled(module, count=1000, threads=1):
    """What the kernel makes of 0, 1, 2, ..."""
    x, y = np.arange(count, dtype=np.float32), np.empty(count, np.float32)
    pointers, sizes = np.array([x.ctypes.data, y.ctypes.data]), np.array([count])
    module.function("scale")(pointers.ctypes.data, sizes.ctypes.data, threads)
    return y


@pytest.fixture(autouse=True)
def cache(tmp_path):
    """An empty disk cache, in all threads."""
    before = config.compilation_cache_dir
    config.update("compilation_cache_dir", str(tmp_path / "cache"))
    yield disk_cache.configured()
    config.update("compilation_cache_dir", before)


@pytest.fixture
def pretend(tmp_path):
    """Makes a compiler of a shell script; `pretend.starts()` tells with which arguments it has been started."""
    log = tmp_path / "starts"

    def make(body, version="g++ (pretended) 1.0", name="compiler"):
        path = tmp_path / name
        path.write_text(
            f'#!/bin/sh\necho "$*" >> {log}\n'
            f'if [ "$1" = --version ]; then echo "{version}"; exit 0; fi\n{body}\n'
        )
        path.chmod(0o700)
        return str(path)

    make.starts = lambda: log.read_text().splitlines() if log.exists() else []
    return make


REFUSE_ALL = 'echo "internal error: out of ideas" >&2; exit 4'
REAL_ONE = f'exec {REAL} "$@"'


def refuse(flag):
    """A compiler that does not know a flag."""
    return f'case " $* " in *" {flag} "*) echo "unrecognized: {flag}" >&2; exit 1;; esac; {REAL_ONE}'


def target_of(path):
    """As a process finds it that has this compiler in its options."""
    with config.override("host_compiler", path):
        return HostTarget.find()


# ---- kernels -----------------------------------------------------------------------------------------------


@needs_compiler
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_kernel_is_compiled_and_runs(threads):
    module = target_of("auto").compile(scale_by(3))
    assert np.array_equal(scaled(module, threads=threads), 3 * np.arange(1000))


@needs_compiler
def test_the_address_of_a_kernel_is_for_callers_in_c():
    kernel = target_of("auto").compile(scale_by(3)).function("scale")
    x, y = np.arange(4, dtype=np.float32), np.empty(4, np.float32)
    pointers, sizes = (ctypes.c_void_p * 2)(x.ctypes.data, y.ctypes.data), (ctypes.c_longlong * 1)(4)
    ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)(kernel.address)(pointers, sizes, 1)
    assert y.tolist() == [0, 3, 6, 9]


@needs_compiler
def test_a_launcher_runs_a_kernel_on_arrays():
    target = target_of("auto")
    launch = target.launcher(target.compile(scale_by(5)), KernelCall("scale", (10,), work=10))
    x, y = np.arange(10, dtype=np.float32), np.empty(10, np.float32)
    launch([x, y])
    assert np.array_equal(y, 5 * x)


@needs_compiler
def test_a_kernel_that_is_not_there():
    with pytest.raises(AttributeError, match="nothing"):
        target_of("auto").compile(scale_by(3)).function("nothing")


@needs_compiler
def test_numbers_are_rounded_one_by_one_and_specials_kept():
    source = """
    extern "C" void scale(void* const* buffers, const long long* sizes, int threads) {
        const float* x = (const float*)buffers[0];
        float* y = (float*)buffers[1];
        y[0] = x[0] * x[0] - x[1];
        y[1] = x[2] - x[2] + x[3] * 0.0f;
        y[2] = x[4] / 2.0f;
        int most = 2147483647;
        for (int i = 0; i < (int)sizes[0]; ++i) most += (int)x[5];
        y[3] = most < 0;
    }"""
    kernel = target_of("auto").compile(source).function("scale")
    a = np.float32(1 + 2**-12)
    x = np.array([a, a * a, np.inf, -1, 1e-45 * 4, 1], np.float32)
    y = np.empty(4, np.float32)
    pointers, sizes = np.array([x.ctypes.data, y.ctypes.data]), np.array([1])
    kernel(pointers.ctypes.data, sizes.ctypes.data, 1)
    assert y[0] == 0 and np.isnan(y[1]) and y[2] == x[4] / 2 != 0 and y[3] == 1


@needs_compiler
def test_headers_are_not_looked_for_in_the_current_directory(tmp_path, monkeypatch):
    (tmp_path / "prelude.h").write_text("#error this is somebody else's")
    monkeypatch.chdir(tmp_path)
    assert scaled(target_of("auto").compile(scale_by(3)))[1] == 3


# ---- what is remembered ------------------------------------------------------------------------------------


@needs_compiler
def test_a_source_is_compiled_once(pretend):
    path = pretend(REAL_ONE)
    target = target_of(path)
    module = target.compile(scale_by(2))
    assert target.compile(scale_by(2)) is module and target.compilations == 1
    target.compile(scale_by(3))
    assert target.compilations == 2 and len(pretend.starts()) == 3  # the version too


@needs_compiler
def test_another_process_starts_no_compiler(pretend):
    path = pretend(REAL_ONE)
    target_of(path).compile(scale_by(2))
    before = pretend.starts()
    second = target_of(path)
    assert scaled(second.compile(scale_by(2)))[1] == 2
    assert second.compilations == 0 and pretend.starts() == before


@needs_compiler
def test_a_changed_compiler_is_asked_again(pretend):
    target_of(pretend(REAL_ONE)).compile(scale_by(2))
    second = target_of(pretend(REAL_ONE, version="g++ (pretended) 2.0 "))
    second.compile(scale_by(2))
    assert second.compilations == 1


RECORDS = {
    "damaged": b"{",
    "no text": b"\xff",
    "another shape": b"[1, 2]",
    "no object": b"3",
    "a field that is gone": json.dumps({"version": "g++ 1", "choice": {"no_such_flag": True}}).encode(),
    "no choice": json.dumps({"version": "g++ 1"}).encode(),
    "a choice of nothing": json.dumps({"version": "g++ 1", "choice": None}).encode(),
}


@needs_compiler
@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_a_compiler_of_which_no_record_can_be_read_is_asked_again(pretend, cache, record):
    path = pretend(REAL_ONE)
    found = target_of(path)._compiler
    cache.put(host_compiler._record_key(path), record)
    assert host_compiler._known(path) is None
    assert target_of(path)._compiler == found == host_compiler._known(path)


@needs_compiler
def test_without_a_disk_cache_every_process_compiles(pretend):
    path = pretend(REAL_ONE)
    config.update("enable_compilation_cache", False)
    try:
        for _ in range(2):
            target = target_of(path)
            assert scaled(target.compile(scale_by(2)))[1] == 2 and target.compilations == 1
    finally:
        config.update("enable_compilation_cache", True)


@needs_compiler
@pytest.mark.parametrize("content", [b"", b"not a shared object", b"\x7fELF" + bytes(200)])
def test_what_the_loader_refuses_is_compiled_again(cache, content):
    target = target_of("auto")
    key = target._compiler.key(scale_by(2))
    cache.put(key, content)
    assert scaled(target.compile(scale_by(2)))[1] == 2 and target.compilations == 1
    assert cache.get(key).startswith(b"\x7fELF") or sys.platform != "linux"
    assert target_of("auto").compile(scale_by(2)) and cache.get(key)


@needs_compiler
def test_a_cache_from_which_nothing_can_be_loaded(monkeypatch, cache):
    load = host_compiler.load

    def refuse_the_cache(path):
        if str(path).startswith(cache.directory):
            raise Refused("failed to map segment from shared object")
        return load(path)

    monkeypatch.setattr(host_compiler, "load", refuse_the_cache)
    assert scaled(target_of("auto").compile(scale_by(2)))[1] == 2


@needs_compiler
def test_the_key_knows_all_that_decides_on_the_code(monkeypatch):
    compiler = HostCompiler("c++", "g++ 1")
    base = compiler.key("text")
    assert base == HostCompiler("/other/c++", "g++ 1").key("text")
    others = [compiler.key("text "), HostCompiler("c++", "g++ 2").key("text")]
    here = {"vector_math": host_compiler._libmvec(), "gather": host_compiler._is_x86()}
    fields = [f for f in Choice._fields if here.get(f, True)]
    others += [HostCompiler("c++", "g++ 1", ALL_FLAGS._replace(**{f: False})).key("text") for f in fields]
    for name in ("machine", "headers_digest"):
        with monkeypatch.context() as patch:
            patch.setattr(host_compiler, name, lambda: "another")
            others.append(compiler.key("text"))
    assert len({base, *others}) == 1 + len(others)


def test_the_machine_is_told_by_its_features():
    assert host_compiler.machine() == host_compiler.machine() and os.uname().machine in host_compiler.machine()
    if sys.platform == "linux":
        assert any(word in host_compiler.machine() for word in ("flags", "Features", "isa", "CPU"))


# ---- compilers that are not there --------------------------------------------------------------------------


def test_the_compiler_can_be_off():
    assert target_of("off") is None
    with config.override("host_compiler", "off"):
        assert HostBackend().kernels is None


def test_no_compiler_on_the_path(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert target_of("auto") is None


@pytest.mark.parametrize("wanted", ["/nowhere/c++", "no-such-compiler", __file__])
def test_a_compiler_that_was_asked_for_and_is_not_there(wanted):
    text = f"CUJAX_HOST_COMPILER='{wanted}' is not a C++ compiler that starts; programs run through NumPy"
    with pytest.warns(RuntimeWarning, match=re.escape(text)):
        assert target_of(wanted) is None


def test_a_program_that_does_not_tell_its_version(tmp_path):
    path = tmp_path / "compiler"
    path.write_text("#!/bin/sh\nexit 1\n")
    path.chmod(0o700)
    with pytest.warns(RuntimeWarning, match="is not a C"):
        assert target_of(str(path)) is None


def test_the_first_that_starts_is_taken(monkeypatch, tmp_path, pretend):
    (tmp_path / "c++").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "c++").chmod(0o700)
    expected = pretend(REFUSE_ALL, name="g++")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert target_of("auto")._compiler.path == expected


def test_finding_a_compiler_waits_for_kernels(pretend):
    code = "import cujax, cujax.numpy as jnp; print((jnp.ones(3) + 1).sum())"
    path = pretend(REFUSE_ALL)
    environment = {**os.environ, "CUJAX_PLATFORM": "cpu", "CUJAX_HOST_COMPILER": path}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.stdout == "6.0\n", done.stderr
    assert pretend.starts() == []


# ---- compilers that refuse ---------------------------------------------------------------------------------


def test_a_compiler_that_compiles_nothing(pretend):
    target = target_of(pretend(REFUSE_ALL))
    with pytest.raises(KernelCompileError, match="compiler does not compile the kernels of a program") as caught:
        target.compile(scale_by(2))
    assert "internal error: out of ideas" in str(caught.value)
    with open(caught.value.path) as saved:
        assert saved.read() == scale_by(2)
    os.unlink(caught.value.path)
    before = pretend.starts()
    with pytest.raises(KernelCompileError, match="out of ideas"):
        target.compile(scale_by(3))
    assert pretend.starts() == before


@needs_compiler
def test_an_error_in_a_source_is_its_own():
    target = target_of("auto")
    with pytest.raises(KernelCompileError, match=r"kernels.cpp:\d+:\d+: error: .*no_such_function") as caught:
        target.compile(scale_by(2).replace("x0[i]", "no_such_function(x0[i])"))
    os.unlink(caught.value.path)
    assert target._compiler.choice == ALL_FLAGS
    assert scaled(target.compile(scale_by(2)))[1] == 2


@needs_compiler
def test_a_source_that_calls_what_is_not_there():
    target = target_of("auto")
    with pytest.raises(KernelCompileError, match="undefined symbol: missing") as caught:
        target.compile(scale_by(2).replace("#include", 'extern "C" float missing(float);\n#include', 1)
                       .replace("x0[i]", "missing(x0[i])"))
    os.unlink(caught.value.path)
    assert scaled(target.compile(scale_by(2)))[1] == 2


@needs_compiler
@pytest.mark.parametrize(
    "flag, field",
    [
        ("-march=native", "native"),
        ("-fopenmp", "openmp"),
        ("-nostdlib", "quick_link"),
        ("-fno-schedule-insns2", "tuned"),
        (f"-DCJ_LIBMVEC={host_compiler._libmvec() or 'none here'}", "vector_math"),
        (host_compiler._GATHER if host_compiler._is_x86() else "none here", "gather"),
    ],
)
def test_a_flag_that_the_compiler_does_not_take_is_left_out(pretend, flag, field):
    if flag.endswith("here"):
        pytest.skip("there is no vector math library, or no such flag, for this machine")
    path = pretend(refuse(flag))
    target = target_of(path)
    assert np.array_equal(scaled(target.compile(scale_by(2)), threads=2), 2 * np.arange(1000))
    assert target._compiler.choice == ALL_FLAGS._replace(**{field: False})
    before = len(pretend.starts())
    second = target_of(path)
    second.compile(scale_by(3))
    assert len(pretend.starts()) == before + 1  # what it takes has been written down


@needs_compiler
def test_a_compiler_that_takes_no_such_flag_at_all(pretend):
    flags = " ".join(["-march=native", "-fopenmp", "-nostdlib"])
    body = "".join(f'case " $* " in *" {f} "*) exit 1;; esac; ' for f in flags.split())
    target = target_of(pretend(body + REAL_ONE))
    assert scaled(target.compile(scale_by(2)), threads=4)[1] == 2
    assert target._compiler.choice == ALL_FLAGS._replace(quick_link=False, openmp=False, native=False)


@needs_compiler
def test_clang_gets_flags_that_it_knows(pretend):
    target = target_of(pretend(REAL_ONE, version="clang version 18"))
    target.compile(scale_by(2))
    flags = pretend.starts()[-1].split()
    assert {"-O2", "-DCJ_LIBMVEC=0", "-lm"} <= set(flags)
    assert not {"-nostdlib", "-fno-schedule-insns2", "-lgomp"} & set(flags)


def test_choices_give_up_as_little_as_possible():
    choices = list(Choice.by_preference())
    assert choices[0] == ALL_FLAGS and choices[-1] == Choice(*[False] * len(ALL_FLAGS))
    assert len(set(choices)) == 2 ** len(ALL_FLAGS) and sorted(map(sum, choices)) == [sum(c) for c in choices][::-1]


def test_no_place_for_the_text_of_a_source(pretend, monkeypatch, tmp_path):
    target = target_of(pretend(REAL_ONE))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(KernelCompileError, match="which could not be saved"):
        target.compile(scale_by(2))


@needs_compiler
def test_compilations_are_logged_where_asked_for(caplog):
    with config.override("log_compiles", True), caplog.at_level(logging.WARNING, "cujax"):
        target = target_of("auto")
        target.compile(scale_by(2))
        target.compile(scale_by(2))
    assert caplog.text.count("Compiled kernels of") == 1 and f"by {REAL}" in caplog.text


# ---- threads and forks -------------------------------------------------------------------------------------


@needs_compiler
def test_different_sources_are_compiled_side_by_side(pretend, tmp_path):
    meeting = tmp_path / "meeting"
    meeting.mkdir()
    both = f'touch {meeting}/$$; for i in $(seq 200); do [ "$(ls {meeting} | wc -l)" -ge 2 ] && break; sleep 0.1; done'
    alone = f'[ "$(ls {meeting} | wc -l)" -ge 2 ] || exit 5'
    target = target_of(pretend(f"{both}; {alone}; {REAL_ONE}"))
    with ThreadPoolExecutor(2) as threads:
        modules = list(threads.map(target.compile, [scale_by(2), scale_by(3)]))
    assert [scaled(m)[1] for m in modules] == [2, 3]


@needs_compiler
def test_threads_that_ask_for_one_source_get_one_module(pretend):
    target = target_of(pretend(f"sleep 0.2; {REAL_ONE}"))
    barrier = threading.Barrier(4)

    def ask(_):
        barrier.wait()
        return target.compile(scale_by(2))

    with ThreadPoolExecutor(4) as threads:
        assert len(set(map(id, threads.map(ask, range(4))))) == 1


@needs_compiler
def test_threads_that_find_a_flag_refused_settle_once(pretend):
    target = target_of(pretend(refuse("-fopenmp")))
    with ThreadPoolExecutor(4) as threads:
        modules = list(threads.map(target.compile, map(scale_by, range(4))))
    assert [scaled(m)[1] for m in modules] == [0, 1, 2, 3]


@needs_compiler
def test_small_work_stays_on_one_thread(monkeypatch):
    source = """extern "C" void count(void* const* buffers, const long long* sizes, int threads) {
        *(int*)buffers[0] = threads;
    }"""
    target = target_of("auto")
    target.threads = 4
    module, used = target.compile(source), np.zeros(1, np.int32)
    found = []
    for work in (1, 2**16, 2**19, 2**30):
        time.sleep(1e-3)  # threads that wait are asleep then
        target.launcher(module, KernelCall("count", (), work))([used])
        found.append(int(used[0]))
    assert found == [1, 1, 1, 4]


def test_threads_that_are_awake_share_small_work(monkeypatch):
    """They are woken when kernels that follow each other have had as much work as is worth it."""
    source = """extern "C" void count(void* const* buffers, const long long* sizes, int threads) {
        *(int*)buffers[0] = threads;
    }"""
    target = target_of("auto")
    target.threads = 4
    used = np.zeros(1, np.int32)
    launch = target.launcher(target.compile(source), KernelCall("count", (), 2**17 + 2**16))
    found = []
    for _ in range(2000):
        launch([used])
        found.append(int(used[0]))
    assert {1, 3} == {*found}


FORK = """
import multiprocessing, os, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads, which is what is tested
import numpy as np
sys.path.insert(0, os.path.dirname({file!r}))
from test_host_target import scale_by, scaled, target_of

def child(queue):
    queue.put((target.threads, scaled(module, threads=target.threads).tolist()))

target = target_of("auto")
target.threads = 3
module = target.compile(scale_by(2))
expected = scaled(module, threads=3).tolist()
fork = multiprocessing.get_context("fork")
for _ in range(3):
    queue = fork.Queue()
    process = fork.Process(target=child, args=(queue,))
    process.start()
    assert queue.get(timeout=30) == (1, expected)
    process.join()
assert target.threads == 3 and scaled(module, threads=3).tolist() == expected
print("done")
"""


@needs_compiler
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_the_child_of_a_fork_runs_kernels(cache):
    environment = {**os.environ, "CUJAX_CACHE_DIR": cache.directory}
    done = subprocess.run([sys.executable, "-c", FORK.format(file=__file__)], env=environment,
                          capture_output=True, text=True, timeout=120)
    assert done.stdout == "done\n", done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_a_child_keeps_its_threads_when_no_kernel_was_loaded(pretend):
    target = target_of(pretend(REFUSE_ALL))
    target.threads = 3
    host_target._forget_threads()
    assert target.threads == 3


@pytest.mark.parametrize(
    "openmp, expected", [("3", 3), ("5,2", 5), (" 4 ", 4), ("", None), ("0", None), ("many", None), ("-1", None)]
)
def test_the_number_of_threads(monkeypatch, openmp, expected):
    monkeypatch.setenv("OMP_NUM_THREADS", openmp)
    monkeypatch.setattr(host_threads, "_available_cpus", lambda: 7)
    assert host_threads.thread_count() == (expected or 7)
    with config.override("num_threads", 2):
        assert host_threads.thread_count() == 2


@pytest.mark.parametrize(
    "content, expected",
    [("max 100000", None), ("200000 100000", 2), ("150000 100000", 2), ("10000 100000", 1), ("", None), (None, None)],
)
def test_the_share_of_a_container(tmp_path, content, expected):
    path = tmp_path / "cpu.max"
    if content is not None:
        path.write_text(content)
    assert host_threads._quota(str(path)) == expected


def test_processors_that_the_process_may_not_use_do_not_count(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {1, 5, 6}, raising=False)
    monkeypatch.setattr(host_threads, "_quota", lambda: None)
    assert host_threads._available_cpus() == 3
    monkeypatch.setattr(host_threads, "_quota", lambda: 2)
    assert host_threads._available_cpus() == 2
