"""The ways to run a program, as data: TARGETS by name.

    eager      NumPy, op by op; all others are compared with it
    numpy      jit without kernels
    host       jit, with the kernels that the machine's C++ compiler makes
    quick      the same, without optimization: three times as many programs in the time
    donated    the same, of arguments that are given away, so that results may take their place
    emulator   jit, with the kernels for a GPU, run thread by thread
    nvrtc      the same, and NVRTC makes machine code of the kernels
    gpu        jit, on a GPU
    jax        JAX's jit on the CPU, and where that differs JAX op by op: XLA joins dynamic slices, and gathers from
               them, wrongly where they start outside, and writes x.at[1:].set(x[:-1]) in place although it reads x
    jax-eager  JAX op by op

A target returns the results of every run that it makes of a program: two of them, with one of other arguments in
between, show a buffer that a later run wrote over, or an earlier one left dirty.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import cache, partial
from typing import Any, NamedTuple

import emulator
import jax
import jax.scipy
import numpy as np
from by_hand import using
from emulator.backend import EmulatedBackend
from emulator.target import EmulatedModule, EmulatorTarget

import cujax
import cujax.lax
import cujax.nn
import cujax.numpy
import cujax.random
import cujax.scipy.special
from cujax.engine.backends import cuda, host_compiler
from cujax.engine.backends.cuda_compiler import compile_for
from cujax.engine.backends.host_backend import HostBackend
from cujax.engine.backends.host_compiler import HostCompiler
from cujax.engine.backends.host_target import HostTarget
from cujax.engine.backends.numpy_backend import NumpyBackend

from .program import Program
from .value import KEY


def _names(library: Any) -> dict[str, Any]:
    functions = {name: getattr(library, name) for name in ("jit", "vmap", "vjp", "jvp", "checkpoint")}
    return {
        "jnp": library.numpy, "lax": library.lax, "random": library.random, "nn": library.nn,
        "special": library.scipy.special, **functions,
    }


OURS, THEIRS = _names(cujax), _names(jax)

Results = list[np.ndarray]


class Target(NamedTuple):
    """run(program, arguments) -> the results of each run.

    is_strict: gives NumPy's bits where IEEE 754 defines them, for ops run one by one.  why_not: the reason why it
    cannot run here, "" where it can.  second_opinion: the target that has to differ as well, where it is not certain
    that this one is right.
    """

    name: str
    run: Callable[[Program, Sequence[np.ndarray]], list[Results]]
    is_strict: bool = True
    why_not: Callable[[], str] = str
    second_opinion: Target | None = None


def _to_numpy(program: Program, outs: Sequence[Any], library: Any) -> Results:
    """Copies, since what a result shares memory with may change."""
    return [
        np.array(library.random.key_data(out) if value.dtype == KEY else out)
        for value, out in zip(program.results, outs, strict=True)
    ]


# --- cujax ----------------------------------------------------------------------------------------------------


def _run_eager(program: Program, arguments: Sequence[np.ndarray]) -> list[Results]:
    with using(_numpy()):
        outs = program.function(OURS)(*[cujax.numpy.asarray(a) for a in arguments])
        return [_to_numpy(program, outs, cujax)]


def _run_compiled(
    backend: Callable[[], Any], program: Program, arguments: Sequence[np.ndarray]
) -> list[Results]:
    f = cujax.jit(program.function(OURS))
    others = [np.roll(x, 1) for x in arguments]
    with using(backend()):
        first, _, second = f(*arguments), f(*others), f(*arguments)
        return [_to_numpy(program, outs, cujax) for outs in (first, second)]


def _run_donated(
    backend: Callable[[], Any], program: Program, arguments: Sequence[np.ndarray]
) -> list[Results]:
    f = cujax.jit(program.function(OURS), donate_argnums=range(len(arguments)))
    with using(backend()), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*donated")
        runs = [f(*[cujax.numpy.array(x) for x in arguments]) for _ in range(2)]
        return [_to_numpy(program, outs, cujax) for outs in runs]


_numpy, _host, _gpu = cache(NumpyBackend), cache(HostBackend), cache(cuda.CudaBackend)


class _QuickCompiler(HostCompiler):
    """One that does not optimize."""

    def flags(self, source: str) -> tuple[str, ...]:
        return (*[f for f in super().flags(source) if not f.startswith("-O")], "-O0")


@cache
def _quick() -> HostBackend:
    backend, found = HostBackend(), host_compiler.find()
    assert found is not None
    backend.kernels = HostTarget(_QuickCompiler(*[getattr(found, f.name) for f in fields(found)]))
    return backend


class _CompiledByNvrtc(EmulatorTarget):
    """The emulator, of kernels that are kernels for an H100 too."""

    def compile(self, source: str) -> EmulatedModule:
        compile_for(source, 90)
        return super().compile(source)


def _without_compiler() -> str:
    return "" if host_compiler.find() else "there is no C++ compiler"


def _without_emulator() -> str:
    return emulator.why_not() or ""


def _without_nvrtc() -> str:
    try:
        from cupy_backends.cuda.libs import nvrtc

        nvrtc.getVersion()
    except Exception as error:  # CuPy raises many kinds where a library is missing
        return f"there is no NVRTC: {error}"
    return _without_emulator()


def _without_gpu() -> str:
    return cuda.available()[1]


# --- JAX ------------------------------------------------------------------------------------------------------

_FAST_TO_COMPILE = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


def _run_jax(program: Program, arguments: Sequence[np.ndarray]) -> list[Results]:
    f = jax.jit(program.function(THEIRS), compiler_options=_FAST_TO_COMPILE)
    return [_to_numpy(program, f(*arguments), jax)]


def _run_jax_eagerly(program: Program, arguments: Sequence[np.ndarray]) -> list[Results]:
    with jax.disable_jit():
        return [_to_numpy(program, program.function(THEIRS)(*map(jax.numpy.asarray, arguments)), jax)]


EAGER = Target("eager", _run_eager)

_JAX_EAGER = Target("jax-eager", _run_jax_eagerly, is_strict=False)

TARGETS = {
    t.name: t
    for t in (
        EAGER,
        Target("numpy", partial(_run_compiled, _numpy)),
        Target("host", partial(_run_compiled, _host), why_not=_without_compiler),
        Target("quick", partial(_run_compiled, _quick), why_not=_without_compiler),
        Target("donated", partial(_run_donated, _quick), why_not=_without_compiler),
        Target("emulator", partial(_run_compiled, EmulatedBackend), why_not=_without_emulator),
        Target("nvrtc", partial(_run_compiled, lambda: EmulatedBackend(_CompiledByNvrtc())), why_not=_without_nvrtc),
        Target("gpu", partial(_run_compiled, _gpu), why_not=_without_gpu),
        Target("jax", _run_jax, is_strict=False, second_opinion=_JAX_EAGER),
        _JAX_EAGER,
    )
}
