"""Convolutions by cuDNN, the step that `conv_general_dilated` makes on a GPU where no kernel is generated for it.

    convolution(lhs, rhs, out_axes, allows_tf32, ...)       the result, None where cuDNN does not compute it
    plans_convolution(the same)                             whether it would, for arrays of which there are outlines

What each file is for: `cudnn_api.py` finds the library and speaks to it, `cudnn_plans.py` describes an operation and
finds a plan, `cudnn_call.py` holds an operation and its arrays, `cudnn_convolution.py` maps the arguments of a
convolution to one, and `cudnn_device.py` executes plans on CuPy's current device and stream.

There may be no cuDNN, or none that fits.  That is said once, and convolutions run as a generated kernel instead
(`cuda_convolution.py`), as do those that cuDNN has no plan for: integers, and what is rare.  With more than three
spatial axes they are matrix products (`ops/convolution_by_product.py`).

What follows a convolution is a generated kernel, which fuses with what comes after it but reads the result from memory
once more.  A bias, with an array that is added before it and max(x, 0) after it, cuDNN can add while the result is in
registers (`Epilogue`).  Where that saves a kernel `compiler/epilogues.py` finds it, and asks `plans_convolution` before
anything runs.

Start reading at `convolution`, then `Convolutions`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from threading import RLock
from typing import Any, NamedTuple

from cujax.engine.backends.api import KernelTarget
from cujax.engine.backends.cuda_permute import Lying, permuter
from cujax.engine.backends.cuda_target import CudaTarget
from cujax.engine.backends.cudnn_api import Cudnn, CudnnError, CudnnMissing, DataType, load
from cujax.engine.backends.cudnn_call import ALIGNED, Call, Epilogue, Outlines, laid_out
from cujax.engine.backends.cudnn_convolution import SOURCES, Window, convolve
from cujax.engine.backends.cudnn_device import DeviceConvolutions, address_of, remember
from cujax.engine.backends.cudnn_plans import Numerics, Plan, Shape
from cujax.engine.ground import dtypes
from cujax.engine.ground.config import config

_DTYPES = {dtypes.as_dtype(name) for name in (*DataType.__members__, "complex64", "complex128")}


def convolution(
    lhs: Any, rhs: Any, out_axes: Shape, allows_tf32: bool, window_strides: Shape, padding: Any, lhs_dilation: Shape,
    rhs_dilation: Shape, feature_group_count: int, batch_group_count: int, epilogue: Epilogue | None = None,
) -> Any | None:
    """The convolution of `lhs` (N, C, *spatial) by `rhs` (O, I, *spatial), of one dtype; None: not by cuDNN.

    The axes of the result (N, O, *spatial) are at `out_axes` of the returned array.  Products of 16-bit floats are
    summed in float32.  `allows_tf32`: factors of float32 may be rounded to TF32.  The other parameters are those of
    `conv_general_dilated`; an epilogue has arrays of the same dtype, float32 or float64.
    """
    convolutions = _convolutions_of(lhs)
    if convolutions is None:
        return None
    window = Window(window_strides, padding, lhs_dilation, rhs_dilation, feature_group_count, batch_group_count)
    return convolutions(lhs, rhs, out_axes, allows_tf32, window, epilogue) if _is_trusted(window) else None


def plans_convolution(
    lhs: Any, rhs: Any, out_axes: Shape, allows_tf32: bool, window_strides: Shape, padding: Any, lhs_dilation: Shape,
    rhs_dilation: Shape, feature_group_count: int, batch_group_count: int, epilogue: Epilogue,
) -> bool:
    """Whether cuDNN has a plan for this `convolution` on the current device.  Arrays are `Outlines`."""
    convolutions = _convolutions_of(lhs)
    if convolutions is None:
        return False
    window = Window(window_strides, padding, lhs_dilation, rhs_dilation, feature_group_count, batch_group_count)
    return _is_trusted(window) and convolutions.plans(lhs, rhs, out_axes, allows_tf32, window, epilogue)


def _is_trusted(window: Window) -> bool:
    """Whether cuDNN's results are right, as far as is known.

    Of groups in space with other padding before than after it has given wrong numbers (9.19, an H200, float16, strides
    (2, 3, 2)); groups are left to our kernel unless they are in a plane, padded alike on both sides and without gaps.
    """
    in_a_plane = len(window.window_strides) <= 2
    are_plain = all(low == high for low, high in window.padding) and all(gap == 1 for gap in window.lhs_dilation)
    return window.groups == 1 or (in_a_plane and are_plain)


# --- the library of this process ----------------------------------------------------------------------------

_lock = RLock()
_started: list[Convolutions | None] = []  # one entry as soon as cuDNN has been looked for


def _convolutions_of(lhs: Any) -> Convolutions | None:
    """What runs convolutions of such an array; None where cuDNN does not."""
    return _convolutions() if lhs.dtype in _DTYPES and 1 <= lhs.ndim - 2 <= 3 else None


def _convolutions() -> Convolutions | None:
    """What runs convolutions in this process; None without cuDNN, which is said at the first time."""
    with _lock:
        if not _started:
            _start()
        return _started[0]


def _start() -> None:
    import cupy

    major = cupy.cuda.runtime.runtimeGetVersion() // 1000
    try:
        convolutions = Convolutions(load(major), CudaTarget())
        convolutions.device(cupy.cuda.runtime.getDevice())
        _started.append(convolutions)
    except (CudnnMissing, CudnnError) as error:
        _started.append(None)  # before the warning, which may be raised
        warnings.warn(
            f"cuDNN is not in use, since {error}: convolutions with many features run as a generated kernel, "
            f"which is slower. Install it with: pip install 'nvidia-cudnn-cu{major}>=9.8,<10'",
            RuntimeWarning, stacklevel=2,
        )  # fmt: skip


class Convolutions:
    """Convolutions by one library, on all devices.

    What a convolution becomes is worked out once for arrays that lie in memory alike; after that only addresses
    change, unless something has to be copied.
    """

    def __init__(self, cudnn: Cudnn, target: KernelTarget | None = None) -> None:
        """target: compiles kernels that copy; None leaves that to CuPy."""
        self._cudnn, self._target = cudnn, target
        self._devices: dict[int, DeviceConvolutions] = {}
        self._repeats: dict[tuple[Any, ...], Repeat] = {}

    def __call__(
        self, lhs: Any, rhs: Any, out_axes: Shape, allows_tf32: bool, window: Window, epilogue: Epilogue | None = None
    ) -> Any | None:
        """See `convolution`."""
        import cupy

        number = cupy.cuda.runtime.getDevice()
        numerics = Numerics(allows_tf32, config.deterministic)
        key: tuple[Any, ...] = (
            number, *_lying(lhs), *_lying(rhs), lhs.dtype, out_axes, window, numerics, config.conv_autotune
        )
        others = ()
        if epilogue is not None:
            others = epilogue.arrays
            key = (*key, *map(_lying, others), epilogue.rectifies)
        repeat = self._repeats.get(key)
        if repeat is not None:
            return repeat(lhs, rhs, *others)
        device = self.device(number)
        executed: list[tuple[Call, Plan]] = []

        def execute(call: Call) -> bool:
            plan = device.execute(numerics, call)
            if plan is not None:
                executed.append((call, plan))
            return plan is not None

        out = convolve(cupy, lhs, rhs, out_axes, window, address_of, execute, epilogue)
        if executed:
            repeat = Repeat.of(device, *executed[0], (lhs, rhs, out, *others), self._target)
            if repeat is not None:
                remember(self._repeats, key, repeat)
        return out

    def plans(
        self, lhs: Any, rhs: Any, out_axes: Shape, allows_tf32: bool, window: Window, epilogue: Epilogue
    ) -> bool:
        """See `plans_convolution`."""
        import cupy

        device = self.device(cupy.cuda.runtime.getDevice())
        numerics = Numerics(allows_tf32, config.deterministic)

        def is_planned(call: Call) -> bool:
            return device.has_plan(numerics, call.op)

        return convolve(Outlines, lhs, rhs, out_axes, window, Outlines.address_of, is_planned, epilogue) is not None

    def device(self, number: int) -> DeviceConvolutions:
        """What runs on CuPy's current device, which has this number."""
        with _lock:
            if number not in self._devices:
                self._devices[number] = DeviceConvolutions(self._cudnn, _name_of(number))
            return self._devices[number]


def _lying(array: Any) -> tuple[Shape, Shape, int]:
    """What decides, of an array, on how it is described to cuDNN."""
    return array.shape, array.strides, address_of(array) % ALIGNED


def _name_of(number: int) -> str:
    """What devices have in common for which one plan is as good."""
    import cupy

    found = cupy.cuda.runtime.getDeviceProperties(number)
    return " ".join(str(found[name]) for name in ("name", "major", "minor", "multiProcessorCount"))


class Operand(NamedTuple):
    """Where x, w, y or an array of an epilogue is: in which array, `start` bytes from its beginning.

    strides: in bytes, where it does not lie in `order` and is copied; else None.  copy: a kernel that copies it from
    the array to one without gaps, or the result back, or None for CuPy's way.
    """

    source: int
    start: int
    shape: Shape
    strides: Shape | None
    order: Shape
    copy: Callable[[Any], None] | None

    @staticmethod
    def of(part: Any, view: Any, source: int, whole: Any, order: Shape, target: KernelTarget | None) -> Operand | None:
        """That of `part`, `view` or a copy of it; None where even `view` does not share the memory of `whole`."""
        if view.data.mem is not whole.data.mem:
            return None
        start = address_of(view) - address_of(whole)
        if part is view:
            return Operand(source, start, view.shape, None, order, None)
        copy = None
        if target is not None:
            ends = Lying(start, view.strides), Lying(0, part.strides)
            copy = permuter(target, view.itemsize, view.shape, *(ends if source != _OUT else ends[::-1]))
        return Operand(source, start, view.shape, view.strides, order, copy)


class Repeat(NamedTuple):
    """A convolution that has been executed before: what is left to do for operands that lie in memory as those did.

    operands: of x, w, y and of what nodes read, in lhs, rhs, the result and the arrays of an epilogue (sources 0 to 2,
    and from 3 on).
    """

    device: DeviceConvolutions
    plan: Plan
    operands: tuple[Operand, ...]
    shape: Shape

    @staticmethod
    def of(
        device: DeviceConvolutions, call: Call, plan: Plan, arrays: tuple[Any, ...], target: KernelTarget | None
    ) -> Repeat | None:
        """That of a call which was executed for `arrays`; None where something was copied on the way to it."""
        sources = (*SOURCES[call.op.role, call.op.is_reversed], *range(3, len(arrays)))
        views = (*call.views, *call.others)  # where an array of an epilogue was copied, that is no part of the source
        parts = zip(call.arrays, views, sources, strict=True)
        operands = [Operand.of(part, view, i, arrays[i], call.order, target) for part, view, i in parts]
        shared = tuple([operand for operand in operands if operand is not None])
        return Repeat(device, plan, shared, arrays[_OUT].shape) if len(shared) == len(operands) else None

    def __call__(self, lhs: Any, rhs: Any, *others: Any) -> Any:
        """The result; others: the arrays of an epilogue."""
        import cupy

        out = cupy.empty(self.shape, lhs.dtype)
        given = (lhs, rhs, out, *others)
        addresses, copies = list[int](), list[Any]()  # copies: whose memory must last until the work is queued
        for source, start, shape, strides, order, copy in self.operands:
            whole = given[source]
            if strides is None:
                addresses.append(whole.data.ptr + start)
            elif copy is not None:
                dense = cupy.empty(shape, whole.dtype)
                if source != _OUT:
                    copy((whole, dense))
                copies.append((source, copy, dense))
                addresses.append(dense.data.ptr)
            else:
                view = cupy.ndarray(shape, whole.dtype, whole.data + start, strides)
                dense = laid_out(order, cupy, view, is_read=source != _OUT)
                copies.append((source, lambda pair, view=view: cupy.copyto(view, pair[0]), dense))
                addresses.append(dense.data.ptr)
        self.device.enqueue(self.plan, addresses)
        for source, copy, dense in copies:
            if source == _OUT:
                copy((dense, out))
        return out


_OUT = 2  # the source that is the result
