"""The pages of the documentation: every name has a text, and examples show what they give."""

from __future__ import annotations

import importlib.util
import inspect
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location("pages", Path(__file__).parent.parent / "docs" / "pages.py")
pages = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(pages)


@pytest.mark.parametrize("path", pages.MODULES)
def test_every_function_says_what_it_does(path):
    functions = {name: value for name, value in pages.public(path).items() if callable(value)}
    if path == "typing":
        return
    for name, value in functions.items():
        summary = (inspect.getdoc(value) or "").partition("\n\n")[0]
        assert summary.strip(), name


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
    assert sorted(p.name for p in (tmp_path / "docs").iterdir()) == ["cujax.ops.md", "cujax.tree.md", "index.md"]
    assert "- [cujax.tree](cujax.tree.md)" in (tmp_path / "docs" / "index.md").read_text()
