"""The ways to run a program, as data: TARGETS by name.

    eager      NumPy, op by op; all others are compared with it
    numpy      jit without kernels
    host       jit, with the kernels that the machine's C++ compiler makes
    quick      the same, without optimization: three times as many programs in the time
    donated    the same, of arguments that are given away, so that results may take their place
    emulator   jit, with the kernels for a GPU, run thread by thread
    jax        JAX's jit on the CPU, where it is right: XLA joins dynamic slices, and gathers from them, wrongly
               where they start outside, counts zeros of int8 wrongly, and flushes subnormal numbers

A target returns the results of every run that it makes of a program: two of them, with one of other arguments in
between, show a buffer that a later run wrote over, or an earlier one left dirty.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import fields
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import numpy as np
from emulator.backend import emulated_backend

import cujax
import cujax.lax
import cujax.numpy
import cujax.random
from cujax.engine.backends import host_compiler
from cujax.engine.backends.host_compiler import HostCompiler
from cujax.engine.backends.host_target import HostTarget
from cujax.engine.backends.select import selected

from .program import Program
from .value import KEY


def _names(library: Any) -> dict[str, Any]:
    functions = {name: getattr(library, name) for name in ("jit", "vmap", "vjp")}
    return {"jnp": library.numpy, "lax": library.lax, "random": library.random, **functions}


OURS, THEIRS = _names(cujax), _names(jax)

Results = list[np.ndarray]


class Target(NamedTuple):
    """run(program, arguments) -> the results of each run.

    is_strict: gives NumPy's bits where IEEE 754 defines them, for ops run one by one.
    """

    name: str
    run: Callable[[Program, Sequence[np.ndarray]], list[Results]]
    is_strict: bool = True


def _to_numpy(program: Program, outs: Sequence[Any], library: Any) -> Results:
    """Copies, since what a result shares memory with may change."""
    return [
        np.array(library.random.key_data(out) if value.dtype == KEY else out)
        for value, out in zip(program.results, outs, strict=True)
    ]


# --- cujax ----------------------------------------------------------------------------------------------------


@contextmanager
def _kernels(target: Any) -> Iterator[None]:
    """Programs are compiled by this kernel target; without kernels for None."""
    backend = selected()
    before = backend.kernels
    backend.kernels = target
    try:
        yield
    finally:
        backend.kernels = before


def _run_eager(program: Program, arguments: Sequence[np.ndarray]) -> list[Results]:
    with _kernels(None):  # loops and branches compile their bodies
        outs = program.function(OURS)(*[cujax.numpy.asarray(a) for a in arguments])
    return [_to_numpy(program, outs, cujax)]


def _run_compiled(
    backend: Callable[[], AbstractContextManager], program: Program, arguments: Sequence[np.ndarray]
) -> list[Results]:
    f = cujax.jit(program.function(OURS))
    others = [np.roll(x, 1) for x in arguments]
    with backend():
        first, _, second = f(*arguments), f(*others), f(*arguments)
    return [_to_numpy(program, outs, cujax) for outs in (first, second)]


def _run_donated(program: Program, arguments: Sequence[np.ndarray]) -> list[Results]:
    f = cujax.jit(program.function(OURS), donate_argnums=range(len(arguments)))
    with _quick(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*donated")
        runs = [f(*[cujax.numpy.array(x) for x in arguments]) for _ in range(2)]
    return [_to_numpy(program, outs, cujax) for outs in runs]


class _QuickCompiler(HostCompiler):
    """One that does not optimize."""

    def flags(self, source: str) -> tuple[str, ...]:
        return (*[f for f in super().flags(source) if not f.startswith("-O")], "-O0")


@cache
def _quick_target() -> HostTarget | None:
    found = host_compiler.find()
    return HostTarget(_QuickCompiler(*[getattr(found, f.name) for f in fields(found)])) if found else None


def _quick() -> AbstractContextManager:
    return _kernels(_quick_target())


# --- JAX ------------------------------------------------------------------------------------------------------

_FAST_TO_COMPILE = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


def _run_jax(program: Program, arguments: Sequence[np.ndarray]) -> list[Results]:
    f = jax.jit(program.function(THEIRS), compiler_options=_FAST_TO_COMPILE)
    return [_to_numpy(program, f(*arguments), jax)]


EAGER = Target("eager", _run_eager)

TARGETS = {
    t.name: t
    for t in (
        EAGER,
        Target("numpy", partial(_run_compiled, lambda: _kernels(None))),
        Target("host", partial(_run_compiled, nullcontext)),
        Target("quick", partial(_run_compiled, _quick)),
        Target("donated", _run_donated),
        Target("emulator", partial(_run_compiled, emulated_backend)),
        Target("jax", _run_jax, is_strict=False),
    )
}
