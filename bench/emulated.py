"""A device that is not there: `make device-check EMULATE=1` runs the code of the device check without a GPU.

    install()                         kernels of this process run on the emulator of tests/emulator, thread by thread
    install_if_asked()                the same where CUJAX_EMULATE_DEVICE is set, which the parts of the check inherit
    described(case, peer, before)     for a row of the benchmarks: what ran on the emulator, what NumPy stood in for

That is for the benchmarks; the checks of the device have `emulated_gpu.py`, which is closer to one and slower.

The text of a kernel, its grid and its arguments are those of a device.  Everything else is a *stand-in*: memory is the
host's, libraries (cuBLAS, cuFFT, cuSOLVER, cuDNN) are NumPy and SciPy, `cupy` is the module below, whose streams do all
at once.  What has no stand-in raises `NeedsDevice`.  No time that is measured here says anything about a GPU.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from cujax.engine.backends import cuda, select
from cujax.engine.backends.api import Device
from cujax.engine.compiler.fuse import is_view
from cujax.engine.compiler.kernel import Kernel
from cujax.engine.compiler.program import generated, programs_of
from cujax.engine.core.tape import Tape

if TYPE_CHECKING:
    from bench.case import Case
    from bench.peers import Peer

ASKED = "CUJAX_EMULATE_DEVICE"
TESTS = Path(__file__).parent.parent / "tests"
NOTICE = (
    "No device was at hand. Kernels ran on an emulator, thread by thread on a CPU; libraries, memory and streams are "
    "stand-ins. The times mean nothing for a GPU."
)


class NeedsDevice(Exception):
    """Only a device has this, and there is no stand-in for it."""


class Record:
    """What has happened so far: launches of kernels on the emulator, stand-ins that were used, what was missing."""

    def __init__(self) -> None:
        self.launches = 0
        self.stand_ins: dict[str, None] = {}
        self.missing: dict[str, None] = {}

    def used(self, name: str) -> None:
        self.stand_ins[name] = None

    def needs(self, name: str) -> NeedsDevice:
        self.missing[name] = None
        return NeedsDevice(name)


record = Record()


def install_if_asked() -> bool:
    """Whether this process emulates a device."""
    if os.environ.get(ASKED):
        install()
    return bool(os.environ.get(ASKED))


def install() -> None:
    """From here on the emulator is the backend of this process, and the stand-in its `cupy`."""
    sys.path.insert(0, str(TESTS))
    from emulator import EmulatedBackend, EmulatorTarget

    class Target(EmulatorTarget):
        """Counts launches."""

        def launch(self, *arguments: Any, **options: Any) -> None:
            record.launches += 1
            super().launch(*arguments, **options)

        def stretch(self, *arguments: Any) -> Any:
            run = super().stretch(*arguments)

            def launch_all(buffers: Any) -> None:
                record.used(GRAPHS)
                run(buffers)

            return launch_all

    class Backend(EmulatedBackend):
        """Says that it is a GPU."""

        platform = "gpu"

        def __init__(self) -> None:
            super().__init__(Target())

        def devices(self) -> tuple[Device, ...]:
            return (DEVICE,)

        def device_of(self, buffer: Any) -> Device:
            return DEVICE

        def to_device(self, host: np.ndarray, device: Device | None = None) -> Any:
            return super().to_device(host)

    backend = Backend()
    select._selected = backend
    cuda.available = lambda: (True, "")  # type: ignore[assignment]
    cuda.CudaBackend = lambda: backend  # type: ignore[assignment, misc]
    sys.modules["cupy"] = StandIn("cupy")


GRAPHS = "graphs: kernels one by one"
DEVICE = Device("gpu", 0, "emulator: no device")


# --- CuPy -------------------------------------------------------------------------------------------------------------


class HostArray(np.ndarray):
    """A NumPy array with the name of CuPy's way to the host."""

    def get(self) -> np.ndarray:
        """The values."""
        return np.array(self)


class StandIn(ModuleType):
    """NumPy under CuPy's name; `cuda` has streams and events that do all at once."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__version__ = "0 (stand-in)"
        self.cuda = _Part("cupy.cuda", {
            "Stream": Stream, "Event": Event, "get_current_stream": Stream,
            "get_elapsed_time": lambda start, end: (end.time - start.time) * 1e3,
            "runtime": _Part("cupy.cuda.runtime", {"getDevice": lambda: 0}),
        })  # fmt: skip
        self.random, self.fft, self.linalg = np.random, np.fft, np.linalg
        self.asnumpy, self.fuse = np.asarray, lambda function: function

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(np, name):
            raise AttributeError(name) if name.startswith("__") else record.needs(f"cupy.{name}")
        record.used(f"cupy.{name}")
        found = getattr(np, name)
        return _giving_host_arrays(found) if isinstance(found, _FUNCTIONS) else found


_FUNCTIONS = (type(np.asarray), type(np.eye), type(np.sort))


def _giving_host_arrays(function: Any) -> Any:
    def call(*args: Any, **kwargs: Any) -> Any:
        out = function(*args, **kwargs)
        return out.view(HostArray) if type(out) is np.ndarray else out

    return call


class _Part(SimpleNamespace):
    """A submodule with some names; the others need a device."""

    def __init__(self, name: str, names: dict[str, Any]) -> None:
        super().__init__()
        self._name, self._names = name, names

    def __getattr__(self, name: str) -> Any:
        if name not in self._names:
            raise record.needs(f"{self._name}.{name}")
        record.used(f"{self._name}.{name}")
        return self._names[name]


class Stream:
    """Everything on it is done when it is asked for."""

    ptr = 0

    def __init__(self, non_blocking: bool = False) -> None:
        pass

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def synchronize(self) -> None:
        """Nothing is waited for."""

    def record(self) -> Event:
        return Event()

    def __getattr__(self, name: str) -> Any:
        raise record.needs(f"cupy.cuda.Stream.{name}")


class Event:
    """A time of the host."""

    def __init__(self) -> None:
        self.record()

    def record(self) -> None:
        self.time = time.perf_counter()

    def synchronize(self) -> None:
        """Nothing is waited for."""


# --- rows of the benchmarks -------------------------------------------------------------------------------------------


def described(case: Case, peer: Peer, launches: int) -> str:
    """How a row came about; launches: of kernels, as the emulator counted them."""
    if peer.name != "cujax":
        return "NumPy under the name of CuPy" if peer.dialect == "cupy" else "on the CPU"
    calls = sorted(set(_library_calls(case, peer))) if case.jit else ["what runs outside of jit"]
    done = f"{launches} launches on the emulator" if launches else "no kernel"
    return f"{done}; NumPy stands in for: {', '.join(calls)}" if calls else done


def _library_calls(case: Case, peer: Peer) -> Iterator[str]:
    from bench.roofline.programs import tape_of

    return _calls_of(tape_of(case, peer), (), ())


def _calls_of(tape: Tape, owned: Any, placed: Any) -> Iterator[str]:
    for step in generated(tape, "cuda", owned, placed).steps:
        if isinstance(step, Kernel):
            continue
        programs = programs_of(step, "cuda")
        for program in programs:
            yield from _calls_of(*program)
        if not programs and not is_view(step):
            yield step.primitive.name
