"""The smallest program that is still wrong, and a script of it that stands alone.

Each way of making a program smaller (`_fewer_outputs`, ...) proposes programs; the first that is wrong in the same
way is taken, until none is.  Numbers are made smaller in the text, all equal ones together, since shapes, starts and
sizes have to go on fitting each other; what does not fit fails to run, in `eager` too, and is not taken.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from .program import Input, Program, Statement
from .targets import EAGER, Target
from .trial import Problem, trial
from .value import KEY, Value

Way = Callable[[Program], Iterator[Program]]


def minimised(program: Program, problem: Problem, target: Target) -> tuple[Program, Problem]:
    """A program as small as can be found that has a problem of the same kind on the same target."""

    def same_problem(smaller: Program) -> Problem | None:
        found = trial(smaller, [target])
        return found[0] if found and (found[0].target, found[0].kind) == (problem.target, problem.kind) else None

    progress = True
    while progress:
        progress = False
        for way in _WAYS:
            found = _first(way(program), same_problem)
            while found is not None:
                (program, problem), progress = found, True
                found = _first(way(program), same_problem)
    return program, problem


def _first(
    candidates: Iterator[Program], same_problem: Callable[[Program], Problem | None]
) -> tuple[Program, Problem] | None:
    for candidate in candidates:
        found = same_problem(candidate)
        if found is not None:
            return candidate, found
    return None


# --- fewer statements -----------------------------------------------------------------------------------------


def _fewer_outputs(program: Program) -> Iterator[Program]:
    """One output, half of them, all but one."""
    outputs = program.outputs
    if len(outputs) > 1:
        half = len(outputs) // 2
        parts = [outputs[:half], outputs[half:]]
        parts += [[o] for o in outputs] if len(outputs) < 20 else []
        parts += [[p for p in outputs if p != o] for o in outputs]
        yield from (program.with_outputs(p) for p in parts)


def _earlier_outputs(program: Program) -> Iterator[Program]:
    """The result of a statement as the only output."""
    for statement in program.statements[:-1]:
        yield program.with_outputs(statement.targets[:1])


def _cut(program: Program) -> Iterator[Program]:
    """A result given as an input."""
    every = [t for s in program.statements for t in s.targets]
    known = _results(program, every)
    for statement in reversed(program.statements):
        if any(program.values[t].dtype == KEY for t in statement.targets) or not known:
            continue
        inputs = {**program.inputs, **{t: Input(known[t]) for t in statement.targets}}
        rest = [s for s in program.statements if s is not statement]
        smaller = replace(program, inputs=inputs, statements=rest).with_outputs(program.outputs)
        if smaller.statements:
            yield smaller


def _results(program: Program, numbers: list[int]) -> dict[int, np.ndarray]:
    try:
        everything = replace(program.primal, outputs=numbers)
        return dict(zip(numbers, EAGER.run(everything, everything.arguments())[0], strict=True))
    except Exception:
        return {}


def _bypass(program: Program) -> Iterator[Program]:
    """An operand in place of a result."""
    for statement in reversed(program.statements):
        for operand in statement.operands:
            for target in statement.targets:
                if _is_alike(program.values[operand], program.values[target]) and target not in program.outputs:
                    names = {target: operand}
                    rest = [
                        Statement(s.targets, s.renamed(lambda n, names=names: names.get(n, n)).text)
                        for s in program.statements
                    ]
                    yield replace(program, statements=rest).with_outputs(program.outputs)


def _smaller_bodies(program: Program) -> Iterator[Program]:
    """A binding of a body, `v9 := ...`, left out, with one of its operands in its place."""
    for place, statement in enumerate(program.statements):
        for name in re.findall(r"\b(v\d+) :=", statement.text):
            for text in _without_binding(statement.text, name, program.values):
                revised = [*program.statements]
                revised[place] = Statement(statement.targets, text)
                yield replace(program, statements=revised).with_outputs(program.outputs)


def _without_binding(text: str, name: str, values: Mapping[int, Value]) -> Iterator[str]:
    removal = _Removal(name)
    shorter = ast.unparse(removal.visit(ast.parse(text, mode="eval")))
    if not re.search(rf"\b{name}\b", shorter):
        yield shorter
        return
    if removal.bound is not None:
        for operand in Statement((), ast.unparse(removal.bound)).operands:
            if operand in values and _is_alike(values[operand], values[int(name[1:])]):
                yield re.sub(rf"\b{name}\b", f"v{operand}", shorter)


class _Removal(ast.NodeTransformer):
    """Takes the binding of a name out of the list in which it stands; `bound` is what it was bound to."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.bound: ast.expr | None = None

    def visit_List(self, node: ast.List) -> ast.AST:
        for k, e in enumerate(node.elts):
            if isinstance(e, ast.NamedExpr) and e.target.id == self.name:
                self.bound = e.value
                del node.elts[k]
                return node
        return self.generic_visit(node)


def _is_alike(x: Value, y: Value) -> bool:
    return x.shape == y.shape and x.dtype == y.dtype


# --- smaller numbers and plainer inputs -----------------------------------------------------------------------


_NUMBER = re.compile(r"(?<![\w.])\d+(?![\w.])")


def _smaller_extents(program: Program) -> Iterator[Program]:
    """An extent of an input made smaller, there and in the text."""
    extents = {d for x in program.inputs.values() for d in x.array.shape if d > 1}
    for d in sorted(extents, reverse=True):
        for smaller in sorted({1, 2, 3, d // 2, d - 1}):
            if smaller < d:
                yield _with_extent(program, d, smaller)


def _with_extent(program: Program, old: int, new: int) -> Program:
    inputs = {n: replace(x, array=_shrunk(x.array, old, new)) for n, x in program.inputs.items()}
    swap = {old: new, old - 1: new - 1, old + 1: new + 1} if old > 4 else {old: new}
    return _revised(program, inputs, lambda text: _NUMBER.sub(lambda m: str(swap.get(int(m.group()), m.group())), text))


def _shrunk(array: np.ndarray, old: int, new: int) -> np.ndarray:
    return array[tuple(slice(0, new) if d == old else slice(None) for d in array.shape)].copy()


def _revised(program: Program, inputs: dict[int, Input], revise: Callable[[str], str]) -> Program:
    """The program with other texts; the shapes of its values are those that it then has."""
    statements = [Statement(s.targets, revise(s.text)) for s in program.statements]
    revised = replace(program, inputs=inputs, statements=statements)
    every = [t for s in statements for t in s.targets]
    shapes = {n: x.array.shape for n, x in inputs.items()} | {n: x.shape for n, x in _results(revised, every).items()}
    values = {
        n: v if v.dtype == KEY else v.moved(shapes.get(n, v.shape)) for n, v in program.values.items()
    }
    return replace(revised, values=values)


def _smaller_numbers(program: Program) -> Iterator[Program]:
    """One number in the text made smaller."""
    for place, statement in enumerate(program.statements):
        for match in _NUMBER.finditer(statement.text):
            number = int(match.group())
            for smaller in sorted({0, 1, 2, number // 2}):
                if smaller < number:
                    text = statement.text[: match.start()] + str(smaller) + statement.text[match.end() :]
                    yield _revised(program, dict(program.inputs), _replacing(program.statements[place].text, text))


def _replacing(old: str, new: str) -> Callable[[str], str]:
    return lambda text: new if text == old else text


def _plainer_inputs(program: Program) -> Iterator[Program]:
    """An input that lies plainly in memory, or of equal or of counted elements."""
    for number, given in program.inputs.items():
        x = given.array
        counted = np.arange(1, x.size + 1).reshape(x.shape) % 8
        for plainer in (replace(given, layout="plain"), Input(counted.astype(x.dtype)), Input(np.ones_like(x))):
            if given.layout != plainer.layout or _is_plainer(plainer.array, x):
                yield replace(program, inputs={**program.inputs, number: plainer})


def _is_plainer(x: np.ndarray, y: np.ndarray) -> bool:
    """One number instead of several, or counted ones instead of others."""
    kinds = [len(np.unique(np.asarray(a, np.complex128).round(12))) for a in (x, y)]
    return kinds[0] == 1 < kinds[1]


_WAYS: tuple[Way, ...] = (
    _fewer_outputs, _earlier_outputs, _cut, _bypass, _smaller_bodies,
    _smaller_extents, _smaller_numbers, _plainer_inputs,
)


# --- the script -----------------------------------------------------------------------------------------------


def script(program: Program, problem: Problem) -> str:
    """A Python script that shows the problem."""
    notes = "\n".join(f"# {line}" for line in problem.text.splitlines())
    arguments = ",\n".join(f"    {_array_text(x)}" for x in program.given)
    return f"""{notes}
import numpy as np
from ml_dtypes import bfloat16

import cujax
import cujax.numpy as jnp
from cujax import checkpoint, jit, jvp, lax, nn, random, vjp, vmap
from cujax.scipy import special

cujax.config.update("jax_enable_x64", True)


{program.source}

arguments = [
{arguments}
]
print(f(*map(jnp.asarray, arguments)))
print(cujax.jit(f)(*arguments))
"""


def _array_text(given: Input) -> str:
    x = given.array
    dtype = "bfloat16" if x.dtype.name == "bfloat16" else f"'{x.dtype.name}'"
    numbers = x.ravel()[:200]
    text = f"np.array({numbers.tolist()}, {dtype})".replace("nan", "np.nan").replace("inf", "np.inf")
    text = f"np.resize({text}, {x.shape})" if x.shape != numbers.shape else text
    return text + (f"  # {given.layout}" if given.layout != "plain" else "")
