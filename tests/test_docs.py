"""The pages of the documentation: every name has a text, and examples show what they give."""

from __future__ import annotations

import importlib.util
import inspect
from contextlib import nullcontext
from pathlib import Path

import pytest
from by_hand import on_host

from cujax.engine.backends.select import selected

_SPEC = importlib.util.spec_from_file_location("pages", Path(__file__).parent.parent / "docs" / "pages.py")
pages = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(pages)


@pytest.fixture(autouse=True, scope="module")
def without_a_gpu():
    """Pages are written on a CPU: a GPU lacks some functions and dtypes."""
    with on_host() if selected().platform == "gpu" else nullcontext():
        yield


@pytest.mark.parametrize("path", pages.MODULES)
def test_every_function_says_what_it_does(path):
    functions = {name: value for name, value in pages.public(path).items() if callable(value)}
    if path == "typing":
        return
    for name, value in functions.items():
        summary = (inspect.getdoc(value) or "").partition("\n\n")[0]
        assert summary.strip(), name


# What has none: these need a GPU, or somebody at the terminal, or are no functions.
WITHOUT_EXAMPLES = {"cupy_call", "breakpoint", "ComplexWarning", "KeyPath", "check_square", "solve_columns", "Array"}


@pytest.mark.parametrize("path", [p for p in pages.MODULES if p not in ("errors", "typing")])
def test_every_function_has_an_example(path):
    missing, cannot_run = set(), {"cuda_op"} if selected().kernels is None else set()  # without a C++ compiler
    for name, value in pages.public(path).items():
        if name not in cannot_run and callable(value) and ">>>" not in "".join(pages.entry(path, name, value)):
            missing.add(name)
    assert missing <= WITHOUT_EXAMPLES


def test_what_examples_show():
    assert pages.worked("x = jnp.ones(2); x + 1") == ">>> x = jnp.ones(2)\n>>> x + 1\nArray([2., 2.], dtype=float32)"
    assert pages.worked("with cujax.enable_x64(True): print(7)") == ">>> with cujax.enable_x64(True): print(7)\n7"
    names = {(path, line.partition(": ")[0]) for path, text in pages.EXAMPLES.items() for line in text.split("\n")}
    assert all(name in pages.public(path) for path, name in names if name and not name.startswith(" "))


def test_a_page():
    text = pages.page("scipy.fft")
    assert text.startswith("# cujax.scipy.fft\n")
    for name in ("dct", "dctn", "idct", "idctn"):
        assert f"## {name}\n\n```python\n{name}(x: ArrayLike, " in text
    assert ">>> scipy.fft.dct(x)\nArray([ 7.5   , -3.6163,  1.0607, -0.4155], dtype=float32)\n" in text
    assert "arrays_of" not in text


def test_examples_are_tried_until_one_fits():
    assert pages.example("jnp.linalg.det(x)").endswith("Array(21., dtype=float32)")
    assert pages.example("jnp.bitwise_not(x)").endswith("Array([-2, -3, -4, -5], dtype=int32)")
    assert pages.example("jnp.nonsense(x)") is None


def test_all_pages_are_written(tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "MODULES", ["tree", "ops"])
    pages.main(tmp_path / "docs")
    found = {p.name for p in (tmp_path / "docs").iterdir()}
    assert found > {"cujax.ops.md", "cujax.tree.md", "index.md", "architecture.md", "benchmarks.svg"}
    assert "- [cujax.tree](cujax.tree.md)" in (tmp_path / "docs" / "index.md").read_text()
