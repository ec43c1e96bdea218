"""Calls of cuDNN: an operation and its arrays, which it describes by shape, strides and alignment.

    Call(op, x, w, y)                         what is executed
    with_epilogue(epilogue, xp, call, ...)    the same, with what is added to the result before it is written
    tensor_of(array, address_of)              how an array lies in memory

The functions take NumPy's or CuPy's arrays and call no library.  Where nothing is to be computed, `Outlines` stand for
arrays.  Start reading at `Call`, then `with_epilogue`.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

import numpy as np

from cujax.engine.backends.cudnn_api import PointwiseMode
from cujax.engine.backends.cudnn_plans import Convolution, Node, Shape, Tensor

AddressOf = Callable[[Any], int]
ALIGNED = 16  # bytes: more is of no use to cuDNN


class Call(NamedTuple):
    """An operation of cuDNN and its arrays.  others: those that nodes of its epilogue read."""

    op: Convolution
    x: Any
    w: Any
    y: Any
    others: tuple[Any, ...] = ()

    @property
    def arrays(self) -> tuple[Any, ...]:
        return self.x, self.w, self.y, *self.others

    def addresses(self) -> list[int]:
        """Where CuPy's arrays begin."""
        return [array.data.ptr for array in self.arrays]


def as_cudnn_takes_it(xp: Any, array: Any) -> Any:
    """`array`, or a copy of it where it is reversed, or has elements that are read in several places."""
    size = array.dtype.itemsize
    is_sound = all(n == 1 or (s > 0 and s % size == 0) for n, s in zip(array.shape, array.strides, strict=True))
    return array if is_sound else xp.ascontiguousarray(array)


def tensor_of(array: Any, address_of: AddressOf) -> Tensor:
    """How `array` lies in memory.  An axis of one element may have any stride; here it has a positive one."""
    size, address = array.dtype.itemsize, address_of(array)
    strides = tuple([max(s // size, 1) for s in array.strides])
    return Tensor(array.shape, strides, min(address & -address or ALIGNED, ALIGNED))


# --- epilogues ----------------------------------------------------------------------------------------------


class Epilogue(NamedTuple):
    """What becomes of a result: max(result + residual + bias, 0), in this order.

    residual: an array of its shape, or None, and then nothing is added.  bias: a number for each out-feature, whatever
    its shape.  rectifies: whether negative numbers become zero; a NaN stays one.
    """

    residual: Any | None
    bias: Any
    rectifies: bool

    @property
    def arrays(self) -> tuple[Any, ...]:
        return (self.bias,) if self.residual is None else (self.residual, self.bias)


def with_epilogue(epilogue: Epilogue, xp: Any, call: Call, out_axes: Shape, address_of: AddressOf) -> Call:
    """`call` with an epilogue.  cuDNN wants a bias without gaps, and a residual that is described as the result is."""
    bias = epilogue.bias.reshape(-1)
    is_dense = bias.size == 1 or bias.strides == (bias.itemsize,)
    bias = (bias if is_dense else xp.ascontiguousarray(bias)).reshape((1, -1) + (1,) * (call.y.ndim - 2))
    y, nodes, others = call.op.y, [Node(PointwiseMode.ADD, tensor_of(bias, address_of))], [bias]
    if epilogue.residual is not None:
        residual = _lying_like(call.y, xp, epilogue.residual, out_axes)
        y = y._replace(alignment=min(y.alignment, tensor_of(residual, address_of).alignment))
        nodes, others = [Node(PointwiseMode.ADD, y), *nodes], [residual, bias]
    if epilogue.rectifies:
        nodes.append(Node(PointwiseMode.RELU_FWD, None))
    return call._replace(op=call.op._replace(y=y, epilogue=tuple(nodes)), others=tuple(others))


def _lying_like(y: Any, xp: Any, residual: Any, out_axes: Shape) -> Any:
    """The residual with axes as `y` has them, or a copy of it where its strides are others."""
    found = residual.transpose(out_axes)
    is_alike = all(n == 1 or s == t for n, s, t in zip(y.shape, y.strides, found.strides, strict=True))
    return found if is_alike else xp.ascontiguousarray(residual).transpose(out_axes)


# --- arrays that are not there ------------------------------------------------------------------------------

_NOWHERE = np.empty(ALIGNED, np.uint8)


class Outlines:
    """An array library for what is described and not computed: its arrays have shape, dtype and strides, but no memory.

    They are NumPy's, of which views can be made; to read one, as a copy does, is an error that nobody notices.
    """

    @staticmethod
    def empty(shape: Shape, dtype: Any) -> np.ndarray:
        """A contiguous array at address 0, as `address_of` has it."""
        size = np.dtype(dtype).itemsize
        strides = [size * prod(shape[i + 1 :]) for i in range(len(shape))]
        return np.lib.stride_tricks.as_strided(_NOWHERE.view(dtype)[:1], shape, strides, writeable=False)

    @staticmethod
    def address_of(array: np.ndarray) -> int:
        return array.ctypes.data - _NOWHERE.ctypes.data
