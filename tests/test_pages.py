"""Pages of docs/ say what happens: every block of Python is run, and what it prints or raises compared."""

from __future__ import annotations

import doctest
import re
import traceback
import warnings
from pathlib import Path

import pytest
from guide import run

import cujax
from cujax.engine.ground.config import config

DOCS = Path(__file__).parent.parent / "docs"
PAGES = {"sharp_bits.md": 30, "random.md": 10, "cuda_op.md": 5}  # at least as many blocks
BLOCK = re.compile(r"^```(python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(text: str) -> list[tuple[int, str, str]]:
    """(line, source, expected output or "") for each block of Python."""
    found: list[tuple[int, str, str]] = []
    for match in BLOCK.finditer(text):
        kind, body = match.groups()
        if kind == "python":
            found.append((text[: match.start()].count("\n") + 2, body, ""))
        else:
            line, source, _ = found.pop()
            found.append((line, source, body))
    return found


def run_and_report(source: str, namespace: dict, page: str, line: int) -> str:
    """What the block prints, and the error it ends with."""
    try:
        printed = run("\n" * (line - 1) + source, namespace, str(DOCS / page))
    except Exception as error:
        lines = "".join(traceback.format_exception_only(error)).strip()
        printed = error.printed + re.sub(r"^[\w.]*\.(?=\w+:)", "", lines) + "\n"
    return printed


@pytest.fixture
def clean_options():
    """Those of a new process, before and after."""
    with config.override("debug_key_reuse", False):
        yield
    cujax.config.update("jax_debug_nans", False)
    cujax.config.update("jax_enable_x64", False)


@pytest.mark.parametrize("page", PAGES)
def test_every_block(page, clean_options):
    namespace: dict = {}
    compare = doctest.OutputChecker().check_output
    found = blocks((DOCS / page).read_text())
    assert len(found) > PAGES[page]
    for line, source, expected in found:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Invalid")
            printed = run_and_report(source, namespace, page, line)
        assert compare(expected, printed, doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE), (
            f"{page}:{line}\n{source}\nexpected:\n{expected}\nfound:\n{printed}"
        )
