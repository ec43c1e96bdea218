"""Convolutions by cuDNN, the step that `conv_general_dilated` makes on a GPU where no kernel is generated for it.

    convolution(lhs, rhs, out_axes, allows_tf32, ...)       the result, None where cuDNN does not compute it

What each file is for: `cudnn_api.py` finds the library and speaks to it, `cudnn_plans.py` describes an operation and
finds a plan, `cudnn_convolution.py` maps the arguments of a convolution to an operation, and here a plan is executed on
CuPy's current device and stream with memory of CuPy's pool.  Each operation is planned once in a process, and its plan
is kept on disk.

There may be no cuDNN, or none that fits.  That is said once, and convolutions run as matrix products instead
(`ops/convolution_by_product.py`), as do those that cuDNN has no plan for: integers, more than three spatial axes, none.

Start reading at `convolution`, then `Convolutions`.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from functools import partial
from itertools import islice
from math import inf
from threading import RLock
from typing import Any

from cujax.engine.backends.cudnn_api import Cudnn, CudnnError, CudnnMissing, DataType, load
from cujax.engine.backends.cudnn_convolution import Call, Window, convolve
from cujax.engine.backends.cudnn_plans import Convolution, Numerics, Plan, Planner, Shape, variant_pack
from cujax.engine.ground.config import config

_log = logging.getLogger("cujax")

_MOST_TIMED = 8  # plans that are timed for one operation
_REPEATS = 3  # of which the fastest counts
_MOST_PLANS = 1024  # that are kept in memory for a device
_DTYPES = {*DataType.__members__, "complex64", "complex128"}


def convolution(
    lhs: Any, rhs: Any, out_axes: Shape, allows_tf32: bool, window_strides: Shape, padding: Any, lhs_dilation: Shape,
    rhs_dilation: Shape, feature_group_count: int, batch_group_count: int,
) -> Any | None:
    """The convolution of `lhs` (N, C, *spatial) by `rhs` (O, I, *spatial), of one dtype; None: not by cuDNN.

    The axes of the result (N, O, *spatial) are at `out_axes` of the returned array.  Products of 16-bit floats are
    summed in float32.  `allows_tf32`: factors of float32 may be rounded to TF32.  The other parameters are those of
    `conv_general_dilated`.
    """
    if lhs.dtype.name not in _DTYPES or not 1 <= lhs.ndim - 2 <= 3:
        return None
    convolutions = _convolutions()
    if convolutions is None:
        return None
    window = Window(window_strides, padding, lhs_dilation, rhs_dilation, feature_group_count, batch_group_count)
    return convolutions(lhs, rhs, out_axes, allows_tf32, window)


# --- the library of this process ----------------------------------------------------------------------------

_lock = RLock()
_started: list[Convolutions | None] = []  # one entry as soon as cuDNN has been looked for


def _convolutions() -> Convolutions | None:
    """What runs convolutions in this process; None without cuDNN, which is said at the first time."""
    with _lock:
        if not _started:
            _started.append(_start())
        return _started[0]


def _start() -> Convolutions | None:
    import cupy

    major = cupy.cuda.runtime.runtimeGetVersion() // 1000
    try:
        convolutions = Convolutions(load(major))
        convolutions.device()
        return convolutions
    except (CudnnMissing, CudnnError) as error:
        warnings.warn(
            f"cuDNN is not in use, since {error}: convolutions with many features run as matrix products, which is "
            f"slower. Install it with: pip install 'nvidia-cudnn-cu{major}>=9.8,<10'",
            RuntimeWarning, stacklevel=2,
        )  # fmt: skip
        return None


class Convolutions:
    """Convolutions by one library, on all devices."""

    def __init__(self, cudnn: Cudnn) -> None:
        self._cudnn = cudnn
        self._devices: dict[int, DeviceConvolutions] = {}

    def device(self) -> DeviceConvolutions:
        """What runs on CuPy's current device."""
        import cupy

        number = cupy.cuda.runtime.getDevice()
        with _lock:
            if number not in self._devices:
                self._devices[number] = DeviceConvolutions(self._cudnn, _name_of(number))
            return self._devices[number]

    def __call__(self, lhs: Any, rhs: Any, out_axes: Shape, allows_tf32: bool, window: Window) -> Any | None:
        """See `convolution`."""
        import cupy

        numerics = Numerics(allows_tf32, config.deterministic)
        execute = partial(self.device().execute, numerics)
        return convolve(cupy, lhs, rhs, out_axes, window, _address_of, execute)


def _address_of(array: Any) -> int:
    return array.data.ptr


def _name_of(number: int) -> str:
    """What devices have in common for which one plan is as good."""
    import cupy

    found = cupy.cuda.runtime.getDeviceProperties(number)
    return " ".join(str(found[name]) for name in ("name", "major", "minor", "multiProcessorCount"))


# --- one device ---------------------------------------------------------------------------------------------


class DeviceConvolutions:
    """The plans of one device, the current one at all calls, and their execution.

    A handle belongs to a device, and what is executed with it goes to the stream that was set last; the lock keeps
    the two together.
    """

    def __init__(self, cudnn: Cudnn, name: str) -> None:
        self._cudnn = cudnn
        self._handle = cudnn.create_handle()
        self._planner = Planner(cudnn, self._handle, device=name)
        self._plans: dict[tuple[Convolution, Numerics, bool], Plan | None] = {}
        self._lock = RLock()

    def execute(self, numerics: Numerics, call: Call) -> bool:
        """Put the operation into the queue of CuPy's current stream; False where there is no plan for it."""
        key = call.op, numerics, config.conv_autotune
        with self._lock:
            if key not in self._plans:
                self._remember(key, self._plan(call, numerics, config.conv_autotune))
            plan = self._plans[key]
            if plan is None:
                return False
            try:
                self._enqueue(plan, call)
            except CudnnError as error:
                _log.warning("cuDNN could not execute its own plan and is not asked again: %s for %s", error, call.op)
                self._plans[key] = None
                return False
            return True

    def _remember(self, key: tuple[Convolution, Numerics, bool], plan: Plan | None) -> None:
        if len(self._plans) >= _MOST_PLANS:
            del self._plans[next(iter(self._plans))]
        self._plans[key] = plan

    def _plan(self, call: Call, numerics: Numerics, is_timed: bool) -> Plan | None:
        """From disk, or by the heuristics and, if that is wanted, by trial."""
        key = self._planner.key(call.op, numerics, is_timed)
        plan = self._planner.restore(key)
        if plan is not None:
            return plan
        candidates = self._planner.candidates(call.op, numerics)
        plan = self._fastest(candidates, call) if is_timed else next(candidates, None)
        if plan is None:
            _log.info("cuDNN has no plan for %s with %s", call.op, numerics)
        else:
            self._planner.keep(key, plan)
        return plan

    def _fastest(self, candidates: Iterator[Plan], call: Call) -> Plan | None:
        timed = [(self._time(plan, call), rank, plan) for rank, plan in enumerate(islice(candidates, _MOST_TIMED))]
        milliseconds, _, plan = min(timed, default=(inf, 0, None))
        return plan if milliseconds < inf else None

    def _time(self, plan: Plan, call: Call) -> float:
        """Milliseconds, after a first execution; infinite where the plan cannot be executed."""
        import cupy

        start, stop = cupy.cuda.Event(), cupy.cuda.Event()
        times = []
        try:
            self._enqueue(plan, call)
            for _ in range(_REPEATS):
                start.record()
                self._enqueue(plan, call)
                stop.record()
                stop.synchronize()
                times.append(cupy.cuda.get_elapsed_time(start, stop))
        except CudnnError:
            return inf
        return min(times)

    def _enqueue(self, plan: Plan, call: Call) -> None:
        """The workspace goes back to the pool at once, which hands it out on the same stream only."""
        import cupy

        workspace = cupy.cuda.alloc(plan.workspace)
        x, w, y = [_address_of(array) for array in (call.x, call.w, call.y)]
        pack = variant_pack(self._cudnn, x, w, y, workspace.ptr)
        self._cudnn.set_stream(self._handle, cupy.cuda.get_current_stream().ptr)
        self._cudnn.execute(self._handle, plan.descriptor, pack)
