"""The C++ compiler of this machine: which one it is, with which flags, and one run of it.

    compiler = host_compiler.find()          None where there is none; starts no process when it is known already
    compiler.run(source, shared_object)      Refused with what the compiler said
    compiler.settle()                        after a refusal: find out which flags it takes

Nothing is tried out beforehand.  The first source is compiled with all flags; should that fail, `settle` compiles
a small kernel with ever fewer of the flags that not every compiler takes (`Choice`) and stays with the first that
works.  What was found out, and the compiler's version, is kept in the disk cache for the compiler's file.

The flags, on the numbers: sums and products are rounded one by one as NumPy rounds them (`-ffp-contract=off`),
signed integers wrap, and no fast-math; only `errno` and the exception flags, which nobody reads, are given up,
since they keep loops with square roots and comparisons from being vectorized.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import NamedTuple

from cujax.engine.backends import disk_cache
from cujax.engine.backends.host_threads import brief_spinning, thread_count
from cujax.engine.backends.kernel_headers import headers_digest, headers_folder
from cujax.engine.ground.config import config
from cujax.engine.ground.source import warn_user

NAMES = ("c++", "g++", "clang++")

_FLAGS = ("-std=c++17", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-fwrapv",
          "-fno-exceptions", "-fPIC", "-shared", "-pipe")

# What GCC's optimizer is asked for. Over twenty programs (chains, stencils, reductions, N-body forces, gradients) -O3
# compiled up to three times as long as this and made nothing faster. Processors schedule instructions by themselves.
# In long texts a second, narrower loop for what the vectors leave over costs a quarter of the time; without the rules
# of aliasing softmax took eight times as long.  A loop of few instructions takes up to twice as long where it begins
# next to the end of 32 bytes; one with a condition that holds for all of it or for nothing (rows by their numbers) four
# times as long unless there are two loops.
_SHORT = ("-O2", "-ftree-vectorize", "-fvect-cost-model=dynamic", "-fno-schedule-insns2", "-falign-loops=32",
          "-funswitch-loops")
_LONG = ("-O1", "-ftree-vectorize", "-fstrict-aliasing", "--param=vect-epilogues-nomask=0", "-falign-loops=32")
_UNIT = 10**5  # characters of a source, half a second, that are worth a compiler of their own
_LONG_SOURCE = 2**12  # characters; longer texts take most of the time of a first call

# Since a fix of Intel's made these instructions slower (GDS, 2023), GCC uses none of them unless told to, and does not
# turn loops with such loads into vectors at all: a bisection in a table of 1000 numbers takes 88 ns then and 12 so.
_GATHER = "-mtune-ctrl=use_gather_2parts,use_gather_4parts,use_gather"

_PROBE = """
#if CJ_LIBMVEC
extern "C" __attribute__((simd("notinbranch"))) double sin(double);
#else
extern "C" double sin(double);
#endif
extern "C" void cujax_probe(void* const* buffers, const long long* sizes, int threads) {
    double* y = (double*)buffers[0];
    const long long n = sizes[0];
    #pragma omp parallel for simd num_threads(threads) if (parallel: threads > 1)
    for (long long i = 0; i < n; ++i) y[i] = sin(y[i]);
}
"""


class Refused(Exception):
    """The compiler, or the loader of what it made, refused; the message is what it said."""


class Choice(NamedTuple):
    """Which of the flags that not every compiler takes are used."""

    vector_math: bool = True  # glibc's libmvec, by GCC on x86-64
    quick_link: bool = True  # without the start files of programs: 11 ms less for a source
    openmp: bool = True
    native: bool = True  # the instructions of this very processor
    gather: bool = True  # vectors loaded from any places, by GCC on x86-64: see _GATHER
    tuned: bool = True  # by GCC: see _SHORT and _LONG

    @classmethod
    def by_preference(cls) -> Iterator[Choice]:
        """All choices, those with more flags first."""
        yield from sorted(map(cls._make, product((True, False), repeat=len(cls._fields))), key=sum, reverse=True)


ALL_FLAGS, *_, NO_FLAGS = Choice.by_preference()


@dataclass(frozen=True)
class HostCompiler:
    """A compiler that has told its version, and the flags it is known to take."""

    path: str
    version: str
    choice: Choice = ALL_FLAGS

    @property
    def is_gcc(self) -> bool:
        return "clang" not in self.version

    def flags(self, source: str) -> tuple[str, ...]:
        """All flags for `source` except where the headers are."""
        return (*_FLAGS, *self._optimization(source), *self._chosen_flags())

    def key(self, source: str) -> str:
        """Names what `run` makes of `source`, on this machine and on those like it."""
        flags = self.flags(source)
        return disk_cache.key_of("host", self.version, "\0".join(flags), machine(), headers_digest(), source)

    def run(self, source: str, output: str) -> None:
        """Compile `source` into the shared object `output`; Refused with what the compiler said.

        The text lies in a folder of its own: were it read from a pipe, headers would be looked for in the
        current directory first.  Of a long one several parts are compiled at the same time.
        """
        folder, name = os.path.split(output)
        units = split(source, thread_count())
        flags, files = self.flags(source), [f"kernels{k or ''}.cpp" for k in range(len(units))]
        for file, text in zip(files, units, strict=True):
            Path(folder, file).write_text(text)
        headers = ("-iquote", str(headers_folder()))
        if len(files) > 1:
            objects = [file.replace(".cpp", ".o") for file in files]
            compiling = [f for f in flags if f != "-shared"]
            pairs = zip(files, objects, strict=True)
            _run_all([[self.path, *compiling, *headers, "-c", file, "-o", o] for file, o in pairs], folder)
            files = objects
        _run_all([[self.path, *flags, *headers, *files, "-o", name, *self._libraries()]], folder)

    def settle(self) -> HostCompiler:
        """This compiler with the flags that it takes; Refused when it does not compile even without any of them."""
        replace(self, choice=NO_FLAGS)._probe()
        for choice in Choice.by_preference():
            candidate = replace(self, choice=choice)
            with suppress(Refused):
                candidate._probe()
                break
        _remember(candidate)
        return candidate

    def _probe(self) -> None:
        with workshop() as folder:
            output = os.path.join(folder, "probe.so")
            self.run(_PROBE, output)
            load(output)

    def _optimization(self, source: str) -> tuple[str, ...]:
        if not (self.choice.tuned and self.is_gcc):
            return ("-O2",)
        return _SHORT if len(source) < _LONG_SOURCE else _LONG

    def _chosen_flags(self) -> tuple[str, ...]:
        vector_math, quick_link, openmp, native, gather, _ = self.choice
        return (
            f"-DCJ_LIBMVEC={_libmvec() if vector_math and self.is_gcc else 0}",
            *(("-nostdlib", "-fno-use-linker-plugin") if quick_link and self.is_gcc else ()),
            "-fopenmp" if openmp else "-fopenmp-simd",
            *(("-march=native",) if native else ()),
            *((_GATHER,) if gather and self.is_gcc and _is_x86() else ()),
        )

    def _libraries(self) -> tuple[str, ...]:
        """Libraries stand after the text that needs them."""
        if not (self.choice.quick_link and self.is_gcc):
            return ("-lm",)
        return (*(("-lgomp",) if self.choice.openmp else ()), "-lm", "-lc", "-lgcc")


def split(source: str, most: int) -> list[str]:
    """The text in at most so many parts, each with whole kernels, if it is long; not with functions of users in it."""
    first = source.find("\n\n") + 2
    head, kernels = source[:first], re.findall(r".*?^extern \"C\" .*?^}\n", source[first:], re.DOTALL | re.MULTILINE)
    number = min(most, len(source) // _UNIT, len(kernels))
    is_plain = all(line.startswith("#include") for line in head.split("\n") if line) and "\n#line " not in source
    if number < 2 or not is_plain or first + sum(map(len, kernels)) != len(source):
        return [source]
    units: list[list[str]] = [[] for _ in range(number)]
    sizes = [0] * number
    for kernel in sorted(kernels, key=len, reverse=True):
        smallest = sizes.index(min(sizes))
        units[smallest].append(kernel)
        sizes[smallest] += len(kernel)
    return ["".join([head, *unit]) for unit in units]


def _run_all(commands: Sequence[Sequence[str]], folder: str) -> None:
    """Run compilers at the same time; Refused with what the first that fails has said."""
    running: list[subprocess.Popen] = []
    try:
        for command in commands:
            running.append(subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                errors="replace", cwd=folder,
            ))  # fmt: skip
        said = [process.communicate()[0] for process in running]
    except BaseException:
        for process in running:
            process.kill()
            process.wait()
        raise
    for process, text in zip(running, said, strict=True):
        if process.returncode:
            raise Refused(text or f"it ended with code {process.returncode}")


@contextmanager
def workshop() -> Iterator[str]:
    """A folder to compile in, which is removed afterwards; Refused where there is no place for it, or none left."""
    try:
        with tempfile.TemporaryDirectory(prefix="cujax-") as folder:
            yield folder
    except OSError as error:
        raise Refused(str(error)) from None


def load(path: str | Path) -> ctypes.CDLL:
    """A shared object in this process; Refused with what the loader said."""
    try:
        with brief_spinning():
            return ctypes.CDLL(str(path))
    except OSError as error:
        raise Refused(str(error)) from None


# ---- which compiler ---------------------------------------------------------------------------------------


def find() -> HostCompiler | None:
    """The compiler that the option `host_compiler` asks for; None where there is none or it is 'off'."""
    wanted = config.host_compiler
    if wanted == "off":
        return None
    names = NAMES if wanted == "auto" else (wanted,)
    found = next(filter(None, (_known(path) or _asked(path) for path in map(_on_path, names) if path)), None)
    if found is None and wanted != "auto":
        warn_user(f"CUJAX_HOST_COMPILER={wanted!r} is not a C++ compiler that starts; programs run through NumPy",
                  RuntimeWarning)
    return found


def _on_path(name: str) -> str | None:
    """The program that a shell would start as `name`."""
    folders = [""] if os.path.dirname(name) else os.get_exec_path()
    paths = (os.path.join(folder, name) for folder in folders)
    return next((p for p in paths if os.path.isfile(p) and os.access(p, os.X_OK)), None)


def _asked(path: str) -> HostCompiler | None:
    """The compiler at `path` after it has told its version; None if it does not start."""
    try:
        done = subprocess.run([path, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="replace", env={**os.environ, "LC_ALL": "C"})
    except OSError:
        return None
    if done.returncode:
        return None
    compiler = HostCompiler(path, done.stdout.strip().partition("\n")[0])
    _remember(compiler)
    return compiler


def _known(path: str) -> HostCompiler | None:
    """What an earlier process has found out about the compiler at `path`; None where that cannot be read."""
    record = disk_cache.configured().get(_record_key(path))
    if record is None:
        return None
    try:
        found = json.loads(record)
        return HostCompiler(path, str(found["version"]), Choice(**{k: bool(v) for k, v in found["choice"].items()}))
    except (ValueError, LookupError, TypeError, AttributeError):
        return None


def _remember(compiler: HostCompiler) -> None:
    record = {"version": compiler.version, "choice": compiler.choice._asdict()}
    disk_cache.configured().put(_record_key(compiler.path), json.dumps(record).encode())


def _record_key(path: str) -> str:
    """Names the very file of a compiler: another version of it has another size or time."""
    real = os.path.realpath(path)
    found = os.stat(real)
    version = f"{found.st_size} {found.st_mtime_ns}"
    return disk_cache.key_of("host compiler", *Choice._fields, real, version, machine())


# ---- which machine ----------------------------------------------------------------------------------------

_CPU_FIELDS = frozenset(("vendor_id", "cpu family", "model", "flags",
                         "CPU implementer", "CPU variant", "CPU part", "Features"))
_ALWAYS_FMA = ("aarch64", "arm64", "ppc64le", "s390x")  # architectures


@cache
def machine() -> str:
    """What compiled code depends on besides the compiler: system, C library and processor, with its features."""
    uname = platform.uname()
    return "\n".join((uname.system, uname.machine, _c_library(), *_cpu()))


def _cpu() -> list[str]:
    """What Linux tells about the first processor; the rest is not read, which takes long on large machines."""
    try:
        with open("/proc/cpuinfo") as file:
            first = list(iter(file.readline, "\n"))
    except OSError:
        return [platform.processor()]
    return [line for line in first if line.partition(":")[0].strip() in _CPU_FIELDS]


@cache
def has_fma() -> bool:
    """Whether the processor multiplies and adds in one instruction; a function takes fifty times as long."""
    return platform.machine() in _ALWAYS_FMA or any("fma" in line.split() for line in _cpu())


def _c_library() -> str:
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, ValueError):  # another system, another library
        return ""


@cache
def _is_x86() -> bool:
    return platform.machine() in ("x86_64", "AMD64")


def _libmvec() -> int:
    """How much of a vector math library glibc has here: see CJ_LIBMVEC in prelude.h."""
    name, _, version = _c_library().partition(" ")
    if name != "glibc" or not _is_x86():
        return 0
    numbers = tuple(map(int, version.split(".")[:2]))
    return (numbers >= (2, 22)) + (numbers >= (2, 35))
