"""The kernel target of CPUs: text, shared object, C functions.

    module = target.compile(source)                   from memory, from the disk cache, or by the compiler
    kernel = module.function("fused_mul_sin_f32")     kernel.address is where the C function is
    kernel(buffers, sizes, target.threads)            addresses of packed arrays of pointers and of sizes

A kernel is `void kernel(void* const* buffers, const long long* sizes, int threads)`.  Calls release the GIL.

OpenMP's threads do not survive a fork, and the child would wait for them forever.  So a child of a process that
has loaded kernels runs its own on one thread.
"""

from __future__ import annotations

import ctypes
import itertools
import logging
import os
import time
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from fastrlock.rlock import FastRLock

from cujax.engine.backends import disk_cache, host_compiler, host_launch
from cujax.engine.backends.api import KernelCall, NestedPhase, Phase, RunLoop
from cujax.engine.backends.array_address import address_of
from cujax.engine.backends.host_compiler import HostCompiler, Refused
from cujax.engine.backends.host_threads import thread_count
from cujax.engine.backends.kernel_errors import KernelCompileError, compile_error
from cujax.engine.ground.config import config

_log = logging.getLogger("cujax")


# A kernel as a C function to be called: `kernel(buffers, sizes, threads)`, the first two as addresses or bytes.
_KERNEL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)


class HostModule:
    """The kernels of one source."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library

    def function(self, name: str) -> Any:
        """The kernel called `name`, to be called from Python or, at its `address`, from C."""
        address = ctypes.cast(getattr(self._library, name), ctypes.c_void_p).value or 0
        kernel: Any = _KERNEL(address)
        kernel.address = address
        return kernel


class HostTarget:
    """See `api.KernelTarget`.

    threads: how many a kernel is to use.  compilations: how often the compiler has been run for a source.
    """

    language = "host"

    @classmethod
    def find(cls) -> HostTarget | None:
        """The target of this process, None where no compiler is to be used or found."""
        compiler = host_compiler.find()
        return None if compiler is None else cls(compiler)

    def __init__(self, compiler: HostCompiler) -> None:
        self.threads = thread_count()
        self.compilations = 0
        self._compiler = compiler
        self._settled = False
        self._settling = FastRLock()
        self._broken: KernelCompileError | None = None
        self._modules: dict[str, HostModule] = {}
        self._counter = itertools.count(1)
        _targets.add(self)

    def compile(self, source: str) -> HostModule:
        """The kernels of `source`; KernelCompileError when the compiler refuses.

        Threads that ask for different sources compile them side by side.
        """
        found = self._modules.get(source)
        if found is None:
            found = self._modules.setdefault(source, HostModule(self._stored(source) or self._built(source)))
        return found

    def launcher(self, module: HostModule, call: KernelCall) -> Callable[[Sequence[np.ndarray]], None]:
        """A function that runs the kernel on contiguous arrays, those read and then those written."""
        return host_launch.launcher(module.function(call.name), call, self)

    def stretch(self, module: HostModule, calls: Sequence[KernelCall]) -> None:
        """None: a call of a kernel costs no more in a row of them."""
        return None

    def address_of(self, buffer: np.ndarray) -> int:
        """See `api.KernelTarget`."""
        return address_of(buffer)

    def copier(self, nbytes: int) -> Any:
        """See `api.KernelTarget`."""
        return host_launch.copier(nbytes)

    def strided_copier(self, itemsize: int, shape: Sequence[int], strides: Sequence[int]) -> Any:
        """See `api.KernelTarget`."""
        return host_launch.strided_copier(itemsize, shape, strides)

    def python_call(
        self, function: Callable[..., None], kinds: Sequence[tuple[tuple[int, ...], Any]], inputs: int
    ) -> Any:
        """See `api.KernelTarget`."""
        return host_launch.python_call(function, kinds, inputs)

    def nest(
        self, memories: Sequence[tuple[int, int, int]], entries: Sequence[tuple[int, int, int, int]],
        phases: Sequence[NestedPhase], first: int, length: int, interval: int, own: int, work: int, may_last: bool,
        keep: Any,
    ) -> Any:
        """See `api.KernelTarget`."""
        return host_launch.nest(self, memories, entries, phases, first, length, interval, own, work, may_last, keep)

    def loop(self, phases: Sequence[Phase], first: int, interval: int) -> RunLoop | None:
        """See `api.KernelTarget`."""
        return host_launch.loop(phases, first, interval)

    @property
    def has_loaded(self) -> bool:
        """Whether kernels of this target may have run in this process."""
        return bool(self._modules)

    def _stored(self, source: str) -> ctypes.CDLL | None:
        """The shared object in the disk cache, unless it is one that this machine does not load."""
        disk, key = disk_cache.configured(), self._compiler.key(source)
        path = disk.locate(key)
        if path is None:
            return None
        try:
            return host_compiler.load(path)
        except Refused:
            disk.discard(key)
            return None

    def _built(self, source: str) -> ctypes.CDLL:
        """A new shared object; after a refusal the compiler is tried with fewer flags, once for all sources."""
        if self._broken is not None:
            raise self._broken.with_traceback(None)
        compiler = self._compiler
        try:
            return self._build(source)
        except Refused as error:
            refusal = error
        if self._settle(source) != compiler:
            try:
                return self._build(source)
            except Refused as error:
                refusal = error
        raise compile_error(self._compiler.path, str(refusal), source, ".cpp")

    def _build(self, source: str) -> ctypes.CDLL:
        started, compiler = time.perf_counter(), self._compiler
        self.compilations = next(self._counter)
        with host_compiler.workshop() as folder:
            output = os.path.join(folder, "kernels.so")
            compiler.run(source, output)
            library = _keep_and_load(compiler.key(source), output)
        if config.log_compiles:
            took = time.perf_counter() - started
            _log.warning("Compiled kernels of %d characters in %.3f s by %s", len(source), took, compiler.path)
        return library

    def _settle(self, source: str) -> HostCompiler:
        """The compiler with the flags that it takes, found out once; KernelCompileError when it takes none."""
        with self._settling:
            if self._broken is not None:
                raise self._broken.with_traceback(None)
            if not self._settled:
                try:
                    self._compiler = self._compiler.settle()
                except Refused as error:
                    self._broken = compile_error(self._compiler.path, str(error), source, ".cpp")
                    raise self._broken from None
                self._settled = True
            return self._compiler


def _keep_and_load(key: str, output: str) -> ctypes.CDLL:
    """Load a shared object from where it is kept, or, where that does not do, from where it was made."""
    kept = disk_cache.configured().put(key, Path(output).read_bytes())
    if kept is not None:
        try:
            return host_compiler.load(kept)
        except Refused:  # such as in a file system from which nothing may be executed
            disk_cache.configured().discard(key)
    return host_compiler.load(output)


_targets: weakref.WeakSet[HostTarget] = weakref.WeakSet()


def _forget_threads() -> None:
    for target in _targets:
        if target.has_loaded:
            target.threads = 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)
