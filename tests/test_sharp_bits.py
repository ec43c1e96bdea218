"""docs/sharp_bits.md says what happens: every block of Python is run, and what it prints or raises compared."""

from __future__ import annotations

import doctest
import re
import traceback
import warnings
from pathlib import Path

import pytest
from guide import run

import cujax

PAGE = Path(__file__).parent.parent / "docs" / "sharp_bits.md"
BLOCK = re.compile(r"^```(python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[int, str, str]]:
    """(line, source, expected output or "") for each block of Python."""
    text = PAGE.read_text()
    found: list[tuple[int, str, str]] = []
    for match in BLOCK.finditer(text):
        kind, body = match.groups()
        if kind == "python":
            found.append((text[: match.start()].count("\n") + 2, body, ""))
        else:
            line, source, _ = found.pop()
            found.append((line, source, body))
    return found


def run_and_report(source: str, namespace: dict, line: int) -> str:
    """What the block prints, and the error it ends with."""
    try:
        printed = run("\n" * (line - 1) + source, namespace, str(PAGE))
    except Exception as error:
        lines = "".join(traceback.format_exception_only(error)).strip()
        printed = error.printed + re.sub(r"^[\w.]*\.(?=\w+:)", "", lines) + "\n"
    return printed


@pytest.fixture
def clean_options():
    yield
    cujax.config.update("jax_debug_nans", False)
    cujax.config.update("jax_enable_x64", False)


def test_every_block(clean_options):
    namespace: dict = {}
    compare = doctest.OutputChecker().check_output
    for line, source, expected in blocks():
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Invalid")
            printed = run_and_report(source, namespace, line)
        assert compare(expected, printed, doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE), (
            f"{PAGE.name}:{line}\n{source}\nexpected:\n{expected}\nfound:\n{printed}"
        )
    assert len(blocks()) > 30
