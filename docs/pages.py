"""Writes a page for each public module: every name, what it is, and examples with what they give.

    python docs/pages.py build/docs        (`make docs`)

Names, signatures and texts are those of the package; examples are the calls of tests/surface/generated.py, each on the
first of a few arrays that it takes, and the lines of docs/examples.py.  They are run here.  Start at `page`.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import re
import shutil
import sys
import types
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "surface"), str(ROOT / "docs")]

import generated  # noqa: E402
from oracle_cases import words  # noqa: E402

import cujax  # noqa: E402
from cujax.numpy import dtype_objects  # noqa: E402
from examples import EXAMPLES  # noqa: E402

# Pages by module; a page's examples write the module by its short name.
SHORT = {path: short for short, path in generated.MODULES.items()}
MODULES = ["", *SHORT, *words("""
    nn.initializers random ode image tree tree_util flatten_util ops debug errors dtypes stages core typing test_util
    dlpack profiler sharding custom_batching custom_derivatives checkpoint_policies config experimental.checkify
    experimental.ode example_libraries.optimizers example_libraries.stax
    scipy.cluster.vq scipy.integrate scipy.interpolate scipy.ndimage
    scipy.optimize scipy.sparse.linalg scipy.spatial.transform scipy.stats
""")]

# What examples of docs/examples.py may write.
NAMES = {
    **{name: getattr(cujax, name) for name in words("lax nn scipy random ops dtypes core stages tree tree_util")},
    **{name: getattr(cujax, name) for name in words("custom_batching custom_derivatives")},
    "cujax": cujax, "jnp": cujax.numpy, "np": np, "checkify": cujax.experimental.checkify,
    "optimizers": cujax.example_libraries.optimizers, "stax": cujax.example_libraries.stax,
}  # fmt: skip

_X = np.array([0.25, 0.5, 1.0, 2.0], np.float32)
_MATRIX = np.array([[4.0, 1.0, 0.0], [1.0, 3.0, 0.5], [0.0, 0.5, 2.0]], np.float32)
# What examples are tried on, in turn: values for x, y, z, w.
_TRIED = (
    {"x": _X, "y": _X[::-1].copy(), "z": _X * 2, "w": _X + 1},
    {"x": _MATRIX, "y": _MATRIX + 1, "z": _MATRIX, "w": _MATRIX},
    dict.fromkeys("xyzw", np.array([1, 2, 3, 4], np.int32)),
    dict.fromkeys("xyzw", np.array([True, False, True])),
    dict.fromkeys("xyzw", np.float32(0.5)),
    dict.fromkeys("xyzw", 3),
)


def page(path: str) -> str:
    """The page of the module `cujax.<path>`, in Markdown."""
    module = importlib.import_module(f"cujax.{path}" if path else "cujax")
    lines = [f"# cujax{'.' + path if path else ''}", "", inspect.getdoc(module) or "", ""]
    for name, value in sorted(public(path).items(), key=lambda item: item[0].lower()):
        lines += entry(path, name, value)
    return "\n".join(lines).rstrip() + "\n"


def public(path: str) -> dict[str, Any]:
    """Names of a module that it offers: what is written there or below, and what JAX has under the same name."""
    module = importlib.import_module(f"cujax.{path}" if path else "cujax")
    theirs = _of_jax(path)
    found = {}
    for name in dir(module):
        value = getattr(module, name)
        home = getattr(inspect.unwrap(value) if callable(value) else value, "__module__", None) or ""
        is_own = home == module.__name__ or home.startswith(f"{module.__name__}.")
        is_imported = home in ("typing", "collections.abc") and path != "typing"
        is_imported = is_imported or isinstance(value, types.ModuleType)
        if not name.startswith("_") and not is_imported and (is_own or name in theirs):
            found[name] = value
    return found


def _of_jax(path: str) -> frozenset[str]:
    try:
        return frozenset(dir(importlib.import_module(f"jax.{path}" if path else "jax")))
    except ImportError:
        return frozenset()


def entry(path: str, name: str, value: Any) -> Iterator[str]:
    """The lines of one name: its signature, its text, its examples."""
    yield f"## {name}"
    yield ""
    if callable(value):
        yield f"```python\n{name}{signature(value)}\n```"
        yield ""
        yield inspect.getdoc(value) or ""
    else:
        yield f"`{value!r}`"
    yield ""
    shown = [text for call in _calls_of(path, name) if (text := example(call)) is not None]
    shown += [worked(code) for code in written(path, name)]
    if shown:
        yield "```python"
        yield from shown
        yield "```"
        yield ""


def signature(value: Any) -> str:
    """As it is written in Python; (...) where it is not known."""
    try:
        text = re.sub(r"<(\S+) object at 0x[0-9a-f]+>", r"<\1>", str(inspect.signature(value)))
    except (TypeError, ValueError):
        return "(...)"
    return re.sub(r"(: |-> )'([^']*)'", r"\1\2", text)


@cache
def _calls() -> dict[str, list[str]]:
    """All calls by the function that they begin with."""
    found: dict[str, list[str]] = {}
    for call in generated.calls():
        found.setdefault(call.partition("(")[0], []).append(call)
    return found


def _calls_of(path: str, name: str) -> list[str]:
    return _calls().get(f"{SHORT[path]}.{name}", [])[:3] if path in SHORT else []


def example(call: str) -> str | None:
    """The call and its result, on the first arrays that it takes; None where it takes none of them."""
    names = {"jnp": cujax.numpy, "lax": cujax.lax, "nn": cujax.nn, "scipy": cujax.scipy, "np": np}
    for arrays in _TRIED:
        given = {k: cujax.numpy.asarray(v) if isinstance(v, np.ndarray) else v for k, v in arrays.items()}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = eval(call, {**names, **given})
        except Exception:  # not for these arrays
            continue
        used = [k for k in "xyzw" if re.search(rf"\b{k}\b", call)]
        setting = "; ".join(f"{k} = {_shown(given[k])}" for k in used)
        return f">>> {setting}\n>>> {call}\n{_shown(found)}"
    return None


def written(path: str, name: str) -> list[str]:
    """Examples of a name that are written in docs/examples.py, and one of a dtype."""
    lines = EXAMPLES.get(path, "").replace("\n    ", "; ").splitlines()
    found = [line.partition(": ")[2] for line in lines if line.startswith(f"{name}: ")]
    value = getattr(importlib.import_module(f"cujax.{path}" if path else "cujax"), name, None)
    short = {"numpy": "jnp"}.get(path, path)
    if isinstance(value, dtype_objects.ScalarMeta):
        return [*found, f"{short}.{name}(1)"]
    is_kind = isinstance(value, type) and issubclass(value, np.generic)
    return [*found, f"jnp.issubdtype('float32', {short}.{name})"] if is_kind else found


def worked(code: str) -> str:
    """Statements, what they print, and the value of the last one."""
    statements = code.replace("\\n", "\n").split("; ")
    names, printed = {**NAMES}, io.StringIO()
    with contextlib.redirect_stdout(printed), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for statement in statements[:-1]:
            exec(statement, names)
        try:
            value = eval(statements[-1], names)
        except SyntaxError:  # a compound statement
            value = exec(statements[-1], names)
    lines = [">>> " + s.replace("\n", "\n... ") for s in statements]
    lines += [] if value is None else [_shown(value)]
    return "\n".join([*lines[: len(statements)], *printed.getvalue().splitlines(), *lines[len(statements) :]])


def _shown(value: Any) -> str:
    if isinstance(value, cujax.Array):
        return cujax.numpy.array_repr(value, precision=4)
    return "(" + ", ".join(map(_shown, value)) + ")" if type(value) is tuple else repr(value)


def main(folder: Path) -> None:
    """Writes all pages, one that lists them, and those of docs/ beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    index = ["# cujax", "", inspect.getdoc(cujax) or "", ""]
    for written in sorted(p for p in Path(__file__).parent.iterdir() if p.suffix in (".md", ".svg")):
        shutil.copy(written, folder)
        if written.suffix == ".md":
            index.append(f"- [{written.read_text().splitlines()[0].lstrip('# ')}]({written.name})")
    for path in MODULES:
        name = f"cujax.{path}" if path else "cujax"
        (folder / f"{name}.md").write_text(page(path))
        index.append(f"- [{name}]({name}.md)")
    (folder / "index.md").write_text("\n".join(index) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
