"""The libraries that stand side by side: one record each, made when it is asked for.

`PEERS` maps names to makers.  A maker raises `Missing` with the reason where the library cannot be used, and
otherwise gives a `Peer`: its array namespace, how a function is compiled, how arrays get in and out and how to wait.
Every peer works on the processor that cujax works on, except NumPy and numexpr, which have only the CPU.
"""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np

from bench import expression, hand_written, hand_written_cuda


class Missing(Exception):
    """The library is not installed, or does not reach the processor that cujax runs on."""


def identity(x: Any) -> Any:
    return x


def no_wait(result: Any) -> None:
    """Results of synchronous libraries are ready."""


def any_precision(on: bool) -> AbstractContextManager[Any]:
    """64-bit dtypes need no switch."""
    return contextlib.nullcontext()


def on_leaves(function: Callable[[Any], Any], tree: Any) -> Any:
    """`function` applied to the arrays in tuples, lists and dictionaries."""
    if isinstance(tree, dict):
        return {key: on_leaves(function, value) for key, value in tree.items()}
    if isinstance(tree, (tuple, list)):
        return type(tree)(on_leaves(function, value) for value in tree)
    return function(tree)


@dataclass(frozen=True)
class Peer:
    """One library: `np` is its array namespace, `lib` the module with `jit`, `grad` and `lax` where it has them.

    Of programs written by hand, `lib` has the libraries made of them, by the name of the workload's file.
    """

    name: str
    dialect: str
    version: str
    np: Any
    lib: Any = None
    platform: str = "cpu"
    put: Callable[[Any], Any] = identity
    get: Callable[[Any], Any] = np.asarray
    compile: Callable[[Callable[..., Any]], Callable[..., Any]] = identity
    wait: Callable[[Any], Any] = no_wait
    x64: Callable[[bool], AbstractContextManager[Any]] = any_precision

    @property
    def op_by_op(self) -> bool:
        """True when every operation writes its result to memory."""
        return self.dialect not in ("jax", "c++", "cuda") and self.compile is identity


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise Missing(f"not installed ({error})") from None


def platform() -> str:
    """Where cujax computes: "cpu" or "gpu"."""
    return _import("cujax").default_backend()


def on_gpu() -> None:
    if platform() != "gpu":
        raise Missing("cujax runs on the CPU here")


def _cujax() -> Peer:
    cujax = _import("cujax")
    return Peer(
        "cujax", "jax", cujax.__version__, cujax.numpy, cujax, platform(),
        put=lambda tree: on_leaves(cujax.device_put, tree),
        compile=cujax.jit, wait=cujax.block_until_ready, x64=cujax.enable_x64,
    )  # fmt: skip


def _jax() -> Peer:
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # the others need memory too
    jax = _import("jax")
    try:
        device = jax.devices(platform())[0]
    except RuntimeError as error:
        raise Missing(f"no device like that of cujax: {error}") from None
    return Peer(
        "jax", "jax", jax.__version__, _import("jax.numpy"), jax, platform(),
        put=lambda tree: jax.device_put(tree, device),
        compile=jax.jit, wait=jax.block_until_ready, x64=jax.enable_x64,
    )  # fmt: skip


def _numpy() -> Peer:
    return Peer("numpy", "numpy", np.__version__, np)


def _numexpr() -> Peer:
    numexpr = _import("numexpr")
    return Peer(
        "numexpr", "numexpr", numexpr.__version__, expression,
        compile=lambda function: expression.compiled(function, numexpr.NumExpr),
    )  # fmt: skip


def _torch(compiled: bool = False) -> Peer:
    torch = _import("torch")
    device = "cuda" if platform() == "gpu" else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise Missing("PyTorch finds no GPU")
    return Peer(
        "torch.compile" if compiled else "torch", "torch", torch.__version__, torch, torch, platform(),
        put=lambda tree: on_leaves(lambda x: torch.from_numpy(x).to(device), tree),
        get=lambda x: x.cpu().numpy(),
        compile=torch.compile if compiled else identity,
        wait=(lambda result: torch.cuda.synchronize()) if device == "cuda" else no_wait,
    )  # fmt: skip


def _cupy(fused: bool = False) -> Peer:
    on_gpu()
    cupy = _import("cupy")
    return Peer(
        "cupy.fuse" if fused else "cupy", "cupy", cupy.__version__, cupy, cupy, "gpu",
        put=lambda tree: on_leaves(cupy.asarray, tree),
        get=cupy.asnumpy,
        compile=cupy.fuse if fused else identity,
        wait=lambda result: cupy.cuda.get_current_stream().synchronize(),
    )  # fmt: skip


def _cpp() -> Peer:
    if platform() == "gpu":
        raise Missing("written for the CPU, and cujax runs on a GPU here")
    path = hand_written.compiler()
    if path is None:
        raise Missing(f"no compiler: none of {', '.join(hand_written.COMPILERS)} is on the path")
    try:
        libraries = hand_written.libraries(path)
    except hand_written.Refused as reason:
        raise Missing(f"{path} does not take the sources: {reason}") from None
    return Peer("c++", "c++", hand_written.version(path), None, libraries)


def _cuda() -> Peer:
    on_gpu()
    cupy = _import("cupy")
    try:
        launchers = hand_written_cuda.launchers(cupy)
    except Exception as reason:  # of the compiler, or of what stands in for a device
        raise Missing(f"the sources are not taken: {reason}") from None
    return replace(_cupy(), name="cuda", dialect="cuda", lib=launchers)


PEERS: dict[str, Callable[[], Peer]] = {
    "cujax": _cujax,
    "jax": _jax,
    "c++": _cpp,
    "cuda": _cuda,
    "numpy": _numpy,
    "numexpr": _numexpr,
    "torch": _torch,
    "torch.compile": lambda: _torch(compiled=True),
    "cupy": _cupy,
    "cupy.fuse": lambda: _cupy(fused=True),
}
# Asked for by name only: minutes go into compiling.
SLOW_TO_START = ("torch.compile",)


def find(names: list[str]) -> tuple[list[Peer], dict[str, str]]:
    """The peers of these names that can be used, cujax first, and why the others cannot."""
    found, missing = [], {}
    for name in dict.fromkeys(["cujax", *names]):
        try:
            found.append(PEERS[name]())
        except Missing as reason:
            missing[name] = str(reason)
    return found, missing
