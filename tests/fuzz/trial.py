"""A trial: a program run on targets, and what is wrong with the results.

    for problem in trial(program, targets): ...         of which target, at which outputs, in words

The results of `eager` are the measure.  Shapes, dtypes, values are compared, and that no argument has changed.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .program import Program
from .targets import EAGER, Results, Target
from .value import COMPLEX, KEY, Value, bfloat16, is_float


class Problem(NamedTuple):
    """results: which are wrong, none where the target raised an exception, whose class is `kind`."""

    target: str
    results: tuple[int, ...]
    kind: str
    text: str


def trial(program: Program, targets: Sequence[Target]) -> list[Problem]:
    """What is wrong, at most one problem for each target."""
    try:
        expected = outcome(EAGER, program.reference)[0]
    except Failed as failure:
        return [failure.problem]
    return [p for target in targets if (p := problem_on(target, program, expected)) is not None]


def problem_on(target: Target, program: Program, expected: Results) -> Problem | None:
    """What is wrong on one target, also by its second opinion where it has one."""
    found = first_problem(target, program, expected)
    if found is None or target.second_opinion is None:
        return found
    second = first_problem(target.second_opinion, program, expected)
    return None if second is None else found


def first_problem(target: Target, program: Program, expected: Results) -> Problem | None:
    try:
        runs = outcome(target, program)
    except Failed as failure:
        return failure.problem
    found = (difference(program, target, expected, results, k) for k, results in enumerate(runs))
    return next((p for p in found if p is not None), None)


class Failed(Exception):
    """A target that raised an exception or changed an argument."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.text)
        self.problem = problem


def outcome(target: Target, program: Program) -> list[Results]:
    """The results of each run; a warning is an error, since the fallback to NumPy warns."""
    arguments = program.arguments()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            runs = target.run(program, arguments)
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        raise Failed(Problem(target.name, (), type(error).__name__, text)) from error
    for argument, number, given in zip(arguments, program.inputs, program.given, strict=True):
        if not same_bits(argument, given.array):
            raise Failed(Problem(target.name, (), "argument", f"argument v{number} has changed"))
    return runs


def same_bits(x: np.ndarray, y: np.ndarray) -> bool:
    return np.ascontiguousarray(x).tobytes() == np.ascontiguousarray(y).tobytes()


def difference(
    program: Program, target: Target, expected: Results, results: Results, run: int
) -> Problem | None:
    wrong, texts = [], []
    for number, (value, want, got) in enumerate(zip(program.results, expected, results, strict=True)):
        text = mismatch(value, target, want, got)
        if text:
            wrong.append(number)
            texts.append(f"result {number}: {text}")
    again = " in the second run" if run else ""
    return Problem(target.name, tuple(wrong), "value", "\n".join(texts) + again) if wrong else None


def mismatch(value: Value, target: Target, want: np.ndarray, got: np.ndarray) -> str:
    """What differs, in words; "" for nothing."""
    if value.dtype != KEY and (want.dtype, want.shape) != (value.dtype, value.shape):
        return f"expected to be {value.dtype}{value.shape}, eager gives {want.dtype}{want.shape}"
    if (want.dtype, want.shape) != (got.dtype, got.shape):
        return f"{want.dtype}{want.shape} by eager, {got.dtype}{got.shape} by {target.name}"
    good = agreement(value, target, want, got)
    if np.all(good):
        return ""
    first = tuple(int(i) for i in np.argwhere(~good)[0])
    return (
        f"{np.sum(~good)} of {good.size} elements differ; at {list(first)} {want[first]!r} by eager, "
        f"{got[first]!r} by {target.name} ({value.dtype}, error {value.error:g})"
    )


def agreement(value: Value, target: Target, want: np.ndarray, got: np.ndarray) -> np.ndarray:
    """Where two results are as near to each other as they have to be."""
    if value.dtype == KEY or not is_float(value.dtype):
        return want == got
    if value.dtype in COMPLEX:
        part = np.float32 if value.dtype == COMPLEX[0] else np.float64
        want, got = (np.ascontiguousarray(x).view(part).reshape(*x.shape, 2) for x in (want, got))
        return near(value, target, want, got).all(-1)
    return near(value, target, want, got)


def near(value: Value, target: Target, want: np.ndarray, got: np.ndarray) -> np.ndarray:
    if want.dtype in (bfloat16, np.dtype("float16")):
        want, got = want.astype(np.float32), got.astype(np.float32)
    equal = (want == got) | (np.isnan(want) & np.isnan(got))
    if value.is_certain or (target.is_strict and value.is_ieee):
        return equal
    with np.errstate(invalid="ignore"):
        largest = np.max(np.abs(want), where=np.isfinite(want), initial=0)
        return equal | (np.abs(want - got) <= value.error + value.relative * largest)
