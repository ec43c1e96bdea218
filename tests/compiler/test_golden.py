"""The texts of kernels, as files to be read: golden/<name>.host.cpp and golden/<name>.cu.

A change that alters them shows in the difference; `--update-golden` writes them.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from programs import CASES, f32

import cujax
from cujax.engine.compiler import multiply_add

GOLDEN = Path(__file__).parent / "golden"
SUFFIXES = {"host": "host.cpp", "cuda": "cu"}


@pytest.mark.parametrize("language", SUFFIXES)
@pytest.mark.parametrize("name", CASES)
def test_text(name, language, request, monkeypatch):
    monkeypatch.setattr(multiply_add, "has_fma", lambda: True)  # the texts of one processor
    case = CASES[name]
    text = cujax.jit(case.function).lower(*case.args).as_text(language)
    path = GOLDEN / f"{name}.{SUFFIXES[language]}"
    if request.config.getoption("--update-golden"):
        path.write_text(text)
    assert text == path.read_text(), f"{path.name} differs; see --update-golden"


def test_every_file_has_a_case():
    assert {p.name for p in GOLDEN.iterdir()} == {f"{n}.{s}" for n in CASES for s in SUFFIXES.values()}


def test_text_does_not_depend_on_how_often_or_when_it_is_made():
    first, second = (cujax.jit(lambda x: CASES["forces"].function(x, x[:, 0])) for _ in range(2))
    (args,) = CASES["forces"].args[:1],
    assert first.lower(*args).as_text("host") == second.lower(*args).as_text("host")


def test_kernels_of_loops_and_branches_follow():
    def function(x):
        x = cujax.lax.cond(x.sum() > 0, lambda x: x * 2, lambda x: x - 1, x)
        return cujax.lax.fori_loop(0, 9, lambda i, x: x * x[::-1] + i, x)

    text = cujax.jit(function).lower(f32(500)).as_text("host")
    assert "// ---- cond, tape 0" in text and "// ---- cond, tape 1" in text and "// ---- scan, tape 0" in text
    assert text.count('extern "C"') >= 4


def test_unknown_dialect():
    with pytest.raises(ValueError, match=r"there is no dialect 'ptx'; write one of 'host', 'cuda'"):
        cujax.jit(lambda x: x + 1).lower(1.0).as_text("ptx")
