"""Without a GPU, or beside one: every CuPy function that the engine calls exists, with the arguments it is called with.

Each op's `impl` is run by its rows on NumPy through a namespace that notes every call; CuPy's function of
the same name must then accept the same arguments.  The files that name CuPy themselves are read: every
dotted name must resolve, and the two libraries beside the array modules must have the same signatures.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from by_hand import on_numpy
from op_samples import SAMPLES
from test_ops import domain_of, draw, made, ours

from cujax.engine.backends import cuda_library, numpy_library
from cujax.engine.ground.config import config

cupy = pytest.importorskip("cupy", reason="CuPy is not installed; the test extra brings it")
BACKENDS = Path(__file__).parent.parent / "cujax" / "engine" / "backends"
UFUNC_KEYWORDS = {"out", "dtype", "casting"}


class NotingNumpy:
    """NumPy, with a note of every function that was called and how."""

    def __init__(self, calls: list, path: str = "") -> None:
        self._calls = calls
        self._path = path

    def __getattr__(self, name: str):
        full = f"{self._path}{name}"
        value = np
        for part in full.split("."):
            value = getattr(value, part)
        if inspect.ismodule(value):
            return NotingNumpy(self._calls, full + ".")
        if isinstance(value, type) or not callable(value):
            return value

        def noted(*args, **kwargs):
            self._calls.append((full, len(args), tuple(sorted(kwargs))))
            return value(*args, **kwargs)

        return noted


def cupy_function(path: str):
    value = cupy
    for part in path.split("."):
        value = getattr(value, part)
    return value


def parameters_of(function) -> tuple[int, int] | None:
    """The fewest and the most arguments that a compiled function takes, from the first line of its docstring."""
    text = (function.__doc__ or "").strip().split("\n")[0]
    found = re.fullmatch(r"[\w.]+\((.*)\)(?: ->.*)?", text)
    if found is None:
        return None
    names = [p for p in re.sub(r"\([^)]*\)", "", found.group(1)).split(",") if p.strip() not in ("", "self", "*")]
    return sum("=" not in p for p in names), len(names)


def accepts(function, positional: int, keywords: tuple[str, ...]) -> bool:
    if isinstance(function, cupy.ufunc):
        return positional <= function.nargs and set(keywords) <= UFUNC_KEYWORDS
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # a compiled function; its docstring may begin with the signature
        bounds = parameters_of(function)
        return bounds is None or bounds[0] <= positional + len(keywords) <= bounds[1]
    try:
        signature.bind(*[None] * positional, **dict.fromkeys(keywords))
    except TypeError:
        return False
    return True


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_impl_calls_what_cupy_has(sample):
    calls: list = []
    with on_numpy() as backend, config.override("enable_x64", True):
        backend.xp = NotingNumpy(calls)
        for dtype in domain_of(sample):
            ours(sample, *made(sample, draw(sample, dtype)))
    for path, positional, keywords in dict.fromkeys(calls):
        function = cupy_function(path)
        assert accepts(function, positional, keywords), f"cupy.{path}({positional} arguments, {keywords})"


def public_functions(module) -> dict:
    return {n: f for n, f in vars(module).items() if inspect.isfunction(f) and not n.startswith("_")}


def test_libraries_have_one_set_of_signatures():
    ours, theirs = public_functions(numpy_library), public_functions(cuda_library)
    assert set(ours) == set(theirs)
    for name, function in ours.items():
        assert list(inspect.signature(function).parameters) == list(
            inspect.signature(theirs[name]).parameters
        ), name


def bound_names(tree: ast.AST) -> dict[str, str]:
    """What each imported name stands for: {"special": "cupyx.scipy.special", "cupy": "cupy"}."""
    bound = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            bound |= {
                (a.asname or a.name.split(".")[0]): (a.name if a.asname else a.name.split(".")[0])
                for a in node.names
            }
        elif isinstance(node, ast.ImportFrom):
            bound |= {(a.asname or a.name): f"{node.module}.{a.name}" for a in node.names}
    return {
        name: path for name, path in bound.items() if path.split(".")[0] in ("cupy", "cupyx", "cupy_backends")
    }


def dotted_names(tree: ast.AST) -> set[str]:
    """Full names such as `cupy.linalg.cholesky` that a file refers to."""
    bound, found = bound_names(tree), set()
    for node in ast.walk(tree):
        parts, inner = [], node
        while isinstance(inner, ast.Attribute):
            parts.append(inner.attr)
            inner = inner.value
        if isinstance(inner, ast.Name) and inner.id in bound:
            found.add(".".join([bound[inner.id], *reversed(parts)]))
    return found


def resolve(path: str) -> Any:
    """What a dotted name means, importing its modules; AttributeError when it is not there."""
    parts = path.split(".")
    value = __import__(parts[0])
    for i, part in enumerate(parts[1:], 2):
        if not hasattr(value, part) and inspect.ismodule(value):
            importlib.import_module(".".join(parts[:i]))
        value = getattr(value, part)
    return value


@pytest.mark.parametrize("path", sorted(BACKENDS.glob("cu*.py")), ids=lambda p: p.name)
def test_names_in_the_cuda_files_resolve(path):
    for name in sorted(dotted_names(ast.parse(path.read_text()))):
        try:
            resolve(name)
        except ImportError as error:
            assert re.search("libcu|libnv", str(error)), error  # a package that needs CUDA's libraries to be imported
            assert stands_in_source(name), name


def has_self(function) -> bool:
    """Whether a method taken from its class shows `self` as a parameter."""
    try:
        return "self" in inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False


def calls_in(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """The full name and the number of arguments of each call of a name of CuPy, those bound by `partial` too."""
    bound = bound_names(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or any(isinstance(a, ast.Starred) for a in node.args) or node.keywords:
            continue
        parts, inner = [], node.func
        while isinstance(inner, ast.Attribute):
            parts.append(inner.attr)
            inner = inner.value
        if isinstance(inner, ast.Name) and inner.id in bound:
            yield ".".join([bound[inner.id], *reversed(parts)]), len(node.args)


# What the cuda files call on objects, or with arguments that are gathered elsewhere.
CALLED = {
    "cupy_backends.cuda.api.driver.launchKernel": 11,
    "cupy.cuda.function.Module.load": 1,
    "cupy.cuda.function.Module.get_function": 1,
    "cupy.cuda.get_current_stream": 0,
    "cupy.cuda.Stream.synchronize": 0,
    "cupy.cuda.runtime.getDevice": 0,
    "cupy.cuda.runtime.memGetInfo": 0,
    "cupy.cuda.runtime.streamIsCapturing": 1,
    "cupy.cuda.alloc": 1,
    "cupy.cuda.MemoryPool.free_all_blocks": 0,
    "cupy.cuda.MemoryPool.used_bytes": 0,
    "cupy.cuda.PinnedMemoryPool.free_all_blocks": 0,
    "cupy.ndarray.get": 0,
    "cupy.from_dlpack": 1,
}


def test_cupy_takes_as_many_arguments_as_it_is_given():
    calls = list(CALLED.items())
    for path in sorted(BACKENDS.glob("cu*.py")):
        calls += calls_in(ast.parse(path.read_text()))
    for name, count in calls:
        try:
            function = resolve(name)
        except ImportError:  # needs CUDA's libraries
            continue
        is_method = inspect.isclass(resolve(name.rpartition(".")[0])) and not inspect.isclass(function)
        given = count + (is_method and has_self(function))
        assert accepts(function, given, ()), f"{name} is called with {count} arguments"


def test_attributes_of_arrays():
    """Those that the cuda files read because the public ones cost much more."""
    for name in ("_c_contiguous", "data"):
        assert hasattr(cupy.ndarray, name)
    for name in ("ptr", "device_id"):
        assert hasattr(cupy.cuda.MemoryPointer, name)


def test_a_compiled_functions_parameters_are_counted():
    driver = pytest.importorskip("cupy_backends.cuda.api.driver")
    assert parameters_of(driver.launchKernel) == (11, 11)
    assert parameters_of(cupy.cuda.get_current_stream) == (0, 1)
    assert parameters_of(cupy.cuda.MemoryPool.free_all_blocks) == (0, 1)
    assert not accepts(driver.launchKernel, 10, ())


def stands_in_source(path: str) -> bool:
    """Whether a package that cannot be imported here has, imports or defines the name."""
    package, _, name = path.rpartition(".")
    file = Path(importlib.util.find_spec(package).origin)
    if (file.parent / name).exists() or any(file.parent.glob(f"{name}.*")):
        return True
    if file.suffix != ".py":  # compiled by Cython, beside its source, or without it, but then it holds the name
        sources = [file.parent / (package.rpartition(".")[2] + end) for end in (".pyx", ".pxd")]
        lines = [rf"^ *(cdef class )?{name}\b"] if any(s.exists() for s in sources) else []
        found = any(re.search(line, s.read_text(), re.MULTILINE) for line in lines for s in sources if s.exists())
        return found or (not lines and b"\0" + name.encode() + b"\0" in file.read_bytes())
    tree = ast.parse(file.read_text())
    imported = {a.asname or a.name for n in tree.body if isinstance(n, ast.ImportFrom) for a in n.names}
    return name in imported | {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}
