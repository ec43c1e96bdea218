"""Reading notebooks in MyST markdown and running their cells: for the guide and for the pages of docs/."""

from __future__ import annotations

import ast
import contextlib
import io
import re
from dataclasses import dataclass
from typing import Any

_CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(.*?)^```\s*$", re.MULTILINE | re.DOTALL)
_YAML = re.compile(r"\A---\n(.*?)^---\n", re.MULTILINE | re.DOTALL)


@dataclass
class Cell:
    """A code cell: its id (or number), where it starts in the file, and its source."""

    name: str
    line: int
    source: str


def cells(text: str) -> list[Cell]:
    """All code cells, in order, without their notebook headers."""
    found = []
    for number, match in enumerate(_CELL.finditer(text)):
        body = match.group(1)
        header = _YAML.match(body)
        options = header.group(1) if header else "".join(re.findall(r"^:.*\n", body, re.MULTILINE))
        source = body[header.end() :] if header else re.sub(r"^:.*\n", "", body, flags=re.MULTILINE)
        name = re.search(r":?\bid: *(\S+)", options)
        line = text[: match.start()].count("\n") + 1
        found.append(Cell(name.group(1) if name else f"cell{number}", line, source.strip("\n") + "\n"))
    return found


def run(source: str, namespace: dict[str, Any], filename: str) -> str:
    """What the cell prints, with the repr of a last expression as a notebook shows it.

    An error that ends it carries what was printed before in `printed`.
    """
    tree = ast.parse(source, filename)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    silent = source.rstrip().endswith(";")
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            exec(compile(tree, filename, "exec"), namespace)
            if last is not None:
                value = eval(compile(ast.Expression(last.value), filename, "eval"), namespace)
                if value is not None and not silent:
                    print(repr(value))
    except Exception as error:
        error.printed = out.getvalue()  # type: ignore[attr-defined]
        raise
    return out.getvalue()
