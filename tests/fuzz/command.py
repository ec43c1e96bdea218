"""The command line of a long run, and what it prints.

    python -m tests.fuzz --seeds 0:5000 [--targets quick,jax] [--of gradients]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence

import jax

import cujax

from .actions import build
from .gradient import gradient, tangent
from .mapped import mapped
from .minimise import minimised, script
from .program import Program, joined
from .targets import TARGETS, Target
from .trial import Problem, trial


def prepare() -> None:
    """64-bit dtypes in both libraries, JAX on the CPU."""
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", True)
    cujax.config.update("jax_enable_x64", True)


def packs(seeds: Sequence[int], size: int) -> Iterator[list[int]]:
    for start in range(0, len(seeds), size):
        yield list(seeds[start : start + size])


def programs(seeds: Sequence[int]) -> Program:
    """The programs of `seeds`, as one."""
    return joined([build(s) for s in seeds])


def gradients(seeds: Sequence[int]) -> Program | None:
    """The derivative of those programs that have one, as one; None where none has."""
    return _derivatives(seeds, gradient)


def tangents(seeds: Sequence[int]) -> Program | None:
    """The same in forward mode."""
    return _derivatives(seeds, tangent)


def _derivatives(seeds: Sequence[int], derive: Callable[[Program], Program | None]) -> Program | None:
    found = [d.primal for s in seeds if (d := derive(build(s))) is not None]
    return derive(joined(found)) if found else None


def mapped_programs(seeds: Sequence[int]) -> Program:
    return mapped(programs(seeds))


def mapped_gradients(seeds: Sequence[int]) -> Program | None:
    found = gradients(seeds)
    return found and mapped(found)


KINDS: dict[str, Callable[[Sequence[int]], Program | None]] = {
    f.__name__: f for f in (programs, gradients, tangents, mapped_programs, mapped_gradients)
}


def failures(
    seeds: Sequence[int], targets: Sequence[Target], make: Callable[[Sequence[int]], Program | None] = programs
) -> list[tuple[Program, Problem]]:
    """The programs of `seeds` that fail, tried all at once, and one by one where that fails."""
    whole = make(seeds)
    if whole is None:
        return []
    problems = trial(whole, targets)
    if not problems:
        return []
    if len(seeds) == 1:
        return [(whole, p) for p in problems]
    found = [f for s in seeds for f in failures([s], targets, make)]
    return found or [(whole, p) for p in problems]  # it takes several of them


def main() -> int:
    """Run programs, print those that fail as small as possible; 1 where any does."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seeds", default="0:200", help="first:last, or one seed")
    parser.add_argument("--targets", default="host,jax", help=f"of {', '.join(TARGETS)}")
    parser.add_argument("--pack", type=int, default=16, help="programs that are compiled together")
    parser.add_argument("--of", default="programs", choices=KINDS, help="what is compared")
    parser.add_argument("--most-failures", type=int, default=10, help="after which the run ends")
    parser.add_argument("--minimise", default="yes", choices=("yes", "no"))
    options = parser.parse_args()
    prepare()
    first, _, last = options.seeds.partition(":")
    seeds = range(int(first), int(last or int(first) + 1))
    targets = [TARGETS[name] for name in options.targets.split(",")]
    for target in targets:
        if reason := target.why_not():
            parser.error(f"{target.name} cannot run here: {reason}")
    make = KINDS[options.of]
    started, failed, done = time.monotonic(), 0, 0
    for pack in packs(seeds, options.pack):
        for program, problem in failures(pack, targets, make):
            failed += 1
            report(pack, program, problem, options.minimise == "yes")
        done += len(pack)
        if done % 256 < len(pack) or done == len(seeds):
            print(f"{done} programs, {failed} failures, {time.monotonic() - started:.0f} s", flush=True)
        if failed >= options.most_failures:
            break
    return int(failed > 0)


def report(pack: Sequence[int], program: Program, problem: Problem, small: bool) -> None:
    print(f"--- seeds {pack[0]}:{pack[-1] + 1}, {problem.target}: {problem.text}", flush=True)
    if small:
        program, problem = minimised(program, problem, TARGETS[problem.target])
        print(script(program, problem), flush=True)
