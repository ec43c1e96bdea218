"""The house stands: floors import downwards only, without cycles and without exceptions."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "cujax"
FLOORS = ["ground", "backends", "core", "ops", "transforms", "compiler", "control"]
SIBLINGS = {("compiler", "transforms"), ("transforms", "compiler")}
OPS = [
    "axes",
    "accuracy",
    "lane_maps",
    "lane_matrix_loops",
    "lane_matrices",
    "structural",
    "constants",
    "conversion",
    "creation",
    "reshaping",
    "families",
    "logic",
    "elementwise",
    "complex_parts",
    "rounding",
    "double_log",
    "log1p",
    "special",
    "incomplete",
    "bessel",
    "slicing",
    "joining",
    "slice_updates",
    "cumulative",
    "reductions",
    "monoids",
    "index_dimensions",
    "index_rows",
    "scatter_family",
    "indexing",
    "scatter_updates",
    "dynamic_slicing",
    "sorting",
    "precision",
    "contraction",
    "fft",
    "conv_dimensions",
    "convolution_shape",
    "convolution_by_product",
    "convolution_by_fft",
    "convolution_by_tiles",
    "convolution_by_window",
    "convolution_by_sums",
    "convolution",
    "convolution_epilogue",
    "convolution_forms",
    "window_passes",
    "windowed",
    "matrices",
    "triangular",
    "tridiagonal",
    "lu",
    "determinant",
    "spectral",
    "nonsymmetric",
    "reflections",
    "qr",
    "polar",
    "random_bits",
]


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(p): p for p in sorted(PACKAGE.rglob("*.py"))}


def imports_of(name: str) -> list[tuple[str, int]]:
    """Modules of the package that `name` imports, with the depth of the function they stand in (0 = top)."""
    tree = ast.parse(MODULES[name].read_text())
    found: list[tuple[str, int]] = []

    def visit(node: ast.AST, depth: int) -> None:
        for child in ast.iter_child_nodes(node):
            deeper = depth + isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            if isinstance(child, ast.Import):
                found.extend((a.name, depth) for a in child.names)
            elif isinstance(child, ast.ImportFrom):
                found.extend((m, depth) for m in _targets(name, child))
            visit(child, deeper)

    visit(tree, 0)
    return [(m, d) for m, d in found if m == "cujax" or m.startswith("cujax.")]


def _targets(name: str, node: ast.ImportFrom) -> list[str]:
    base = node.module or ""
    if node.level:
        is_package = MODULES[name].name == "__init__.py"
        parents = name.split(".")[: len(name.split(".")) - node.level + is_package]
        base = ".".join([*parents, base] if base else parents)
    modules = [f"{base}.{a.name}" if f"{base}.{a.name}" in MODULES else base for a in node.names]
    return list(dict.fromkeys(modules))


def floor_of(module: str) -> int | None:
    """Position of an engine module's floor, None for the public veneers above."""
    parts = module.split(".")
    return FLOORS.index(parts[2]) if parts[1:2] == ["engine"] and len(parts) > 2 else None


@pytest.mark.parametrize("name", MODULES)
def test_no_import_of_the_package_inside_a_function(name):
    assert [m for m, depth in imports_of(name) if depth] == []


@pytest.mark.parametrize("name", [m for m in MODULES if floor_of(m) is not None])
def test_floors_import_downwards(name):
    floor = floor_of(name)
    for target, _ in imports_of(name):
        if target == "cujax.engine":
            continue
        other = floor_of(target)
        assert other is not None, f"{name} imports the public module {target}"
        assert other <= floor, f"{name} imports upwards: {target}"
        assert (FLOORS[floor], FLOORS[other]) not in SIBLINGS, f"{name} imports its sibling {target}"


@pytest.mark.parametrize("name", [m for m in MODULES if m.startswith("cujax.engine.ops.")])
def test_ops_import_what_lies_below(name):
    own = OPS.index(name.split(".")[3])
    for target, _ in imports_of(name):
        if target.startswith("cujax.engine.ops."):
            assert OPS.index(target.split(".")[3]) < own, f"{name} imports {target}, which is not below it"


def test_no_cycles():
    """Depth-first search over all modules; `import a.b` also runs `a/__init__`, which is covered by the rest."""
    state: dict[str, str] = {}
    path: list[str] = []

    def visit(name: str) -> None:
        state[name] = "open"
        path.append(name)
        for target, _ in imports_of(name):
            if target in MODULES and target != name:
                assert state.get(target) != "open", " -> ".join([*path[path.index(target) :], target])
                if target not in state:
                    visit(target)
        path.pop()
        state[name] = "done"

    for name in MODULES:
        if name not in state:
            visit(name)


def test_only_backends_name_cupy():
    for name, path in MODULES.items():
        if name.startswith("cujax.engine.backends"):
            continue
        names = {
            alias.name.split(".")[0]
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Import)
            for alias in node.names
        } | {
            (node.module or "").split(".")[0]
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.ImportFrom) and not node.level
        }
        assert not names & {"cupy", "cupyx", "cupy_backends", "cudnn"}, name
