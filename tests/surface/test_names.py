"""The public names of JAX are here, with their signatures, or stand in the table of what is left out."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import types
from pathlib import Path

import jax
import jax.scipy.stats
import numpy as np
import pytest
from oracle_cases import words

from cujax.left_out import LEFT_OUT, as_page, reason

_STATS = [f"scipy.stats.{m.name}" for m in pkgutil.iter_modules(jax.scipy.stats.__path__)]
MODULES = words("""
numpy numpy.linalg numpy.fft lax lax.linalg nn nn.initializers random scipy.special scipy.linalg scipy.signal
scipy.ndimage scipy.fft scipy.optimize scipy.interpolate scipy.integrate scipy.cluster scipy.cluster.vq scipy.spatial
scipy.spatial.transform scipy.sparse.linalg scipy.stats image ops tree tree_util flatten_util dlpack debug test_util
experimental experimental.ode experimental.checkify typing errors core custom_batching custom_derivatives dtypes
profiler stages sharding extend.core interpreters.ad interpreters.batching interpreters.mlir
""") + _STATS

# Arguments of theirs that say where arrays live, or what only their compiler and their types know.
ABSENT = {"out_sharding", "in_shardings", "out_shardings", "sum_match", "host_id", "to", "propagate_source_info",
          "return_weak_type_flag", "out_dtype"}  # fmt: skip
# Arguments of ours beside JAX's, or by other names: NumPy's, early JAX's, those of a whole family of ops.
OTHER_SIGNATURES = {
    "": "jit remat transfer_guard",
    "numpy": "array clip set_printoptions",
    "lax": "cond mulhi random_gamma_grad",
    "debug": "log",
}


def public(module: types.ModuleType) -> dict[str, object]:
    """Names of a module that are no modules themselves."""
    found = {name: getattr(module, name, None) for name in dir(module) if not name.startswith("_")}
    return {name: value for name, value in found.items() if not isinstance(value, types.ModuleType)}


def imported(library: str, path: str) -> types.ModuleType:
    return importlib.import_module(f"{library}.{path}" if path else library)


@pytest.mark.parametrize("path", ["", *MODULES])
def test_every_name_is_there_or_left_out(path):
    ours = imported("cujax", path)
    missing = [name for name in public(imported("jax", path)) if not hasattr(ours, name)]
    full = f"cujax.{path}" if path else "cujax"
    assert [name for name in missing if reason(full, name) is None] == []


@pytest.mark.parametrize("full", LEFT_OUT)
def test_what_is_left_out_is_a_name_of_jax_and_says_why(full):
    ours, theirs = (importlib.import_module(full.replace("cujax", library)) for library in ("cujax", "jax"))
    for name in " ".join(LEFT_OUT[full]).split():
        assert hasattr(theirs, name) and not hasattr(ours, name)
        with pytest.raises(AttributeError, match=r"left out on purpose\. "):
            getattr(ours, name)


def test_the_page_shows_the_table():
    page = Path(__file__).parents[2] / "docs" / "left_out.md"
    assert page.read_text() == as_page(), "write it with: python -m cujax.left_out > docs/left_out.md"


# --- signatures -------------------------------------------------------------------------------------------------------


def parameters(function: object) -> list[tuple[object, ...]] | None:
    """(name, kind, default) of each parameter; None where Python does not know them."""
    try:
        found = list(inspect.signature(function).parameters.values())  # type: ignore[arg-type]
    except (ValueError, TypeError):
        return None
    found = [p for p in found if p.name not in ABSENT]
    return [("" if p.kind is p.POSITIONAL_ONLY else p.name, p.kind, default_of(p)) for p in found]


def default_of(p: inspect.Parameter) -> object:
    """A default as it can be compared: sentinels are alike, dtypes count by name."""
    value = p.default
    if value is p.empty:
        return "required"
    if isinstance(value, int | float | str | bool | tuple | None) or value is None:
        return repr(value)
    return np.dtype(value).name if isinstance(value, type) and issubclass(value, np.generic) else "some object"


def _is_function(value: object) -> bool:
    """Functions, and objects that are called as functions are: with derivatives of their own, or methods."""
    is_alias = getattr(value, "__module__", "") == "typing" or isinstance(value, types.UnionType | types.GenericAlias)
    return callable(value) and not inspect.isclass(value) and not is_alias


def functions() -> list[tuple[str, str]]:
    found = []
    for path in ["", *MODULES]:
        if path == "random":  # it has a test of its own
            continue
        theirs, ours = imported("jax", path), imported("cujax", path)
        for name, value in public(theirs).items():
            if _is_function(value) and hasattr(ours, name) and name not in OTHER_SIGNATURES.get(path, "").split():
                found.append((path, name))
    return found


@pytest.mark.parametrize(("path", "name"), functions(), ids=str)
def test_signatures(path, name):
    ours, theirs = (getattr(imported(library, path), name) for library in ("cujax", "jax"))
    expected = parameters(theirs)
    found = parameters(ours)
    if expected is None or found is None or any(p[1] is inspect.Parameter.VAR_KEYWORD for p in expected):
        return
    assert found[: len(expected)] == expected
    assert all(p[2] != "required" for p in found[len(expected) :])  # what is ours may be left out
    assert ours.__doc__
