"""Calls of cuDNN: an operation and its arrays, which lie in memory as cuDNN's engines read them.

    call_of(xp, role, views, ...)             what is executed, described and laid out
    call.finish(xp)                           afterwards: the result is where the caller wants it
    with_epilogue(epilogue, xp, call, ...)    the same call, with what is added to the result before it is written

A description has strides, and plans are found for any of them.  But engines compute as if the arrays of a call had no
gaps and all of them one of two *orders* of their axes: batch, feature, spatial, or batch, spatial, feature (measured:
cuDNN 9.19 on an H200 takes a filter that lies as height, width, in, out for one that lies as out, height, width, in).
So arrays that lie otherwise are copied, in the order for which less has to be copied.

The functions take NumPy's or CuPy's arrays and call no library.  Where nothing is to be computed, `Outlines` stand for
arrays.  Start reading at `Call`, then `call_of`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from cujax.engine.backends.cudnn_api import PointwiseMode
from cujax.engine.backends.cudnn_plans import Convolution, Node, Role, Shape, Tensor

AddressOf = Callable[[Any], int]
ALIGNED = 16  # bytes: more is of no use to cuDNN


class Call(NamedTuple):
    """An operation of cuDNN and its arrays, whose axes lie in `order`.

    views: x, w and y as the caller has them; where the array of the call is another one, it is a copy, and if it is the
    result, `finish` copies it back.  others: the arrays that nodes of its epilogue read.
    """

    op: Convolution
    x: Any
    w: Any
    y: Any
    views: tuple[Any, Any, Any]
    order: Shape
    others: tuple[Any, ...] = ()

    @property
    def arrays(self) -> tuple[Any, ...]:
        return self.x, self.w, self.y, *self.others

    def addresses(self) -> list[int]:
        """Where CuPy's arrays begin."""
        return [array.data.ptr for array in self.arrays]

    def finish(self, xp: Any) -> None:
        """To be called when the result has been computed."""
        i = "xwy".index(self.op.role.value)
        if self.arrays[i] is not self.views[i]:
            xp.copyto(self.views[i], self.arrays[i])


def call_of(
    xp: Any, role: Role, views: tuple[Any, Any, Any], numbers: tuple[Shape, Shape, Shape, Shape], is_reversed: bool,
    address_of: AddressOf,
) -> Call:
    """The call of an operation.  views: x, w and y.  numbers: its strides, dilation, padding before and after."""
    row = views[0].ndim == 3
    x, w, y = map(_in_a_plane, views)
    views = x, w, y
    neutral = (1, 1, 0, 0)
    strides, dilation, before, after = [(n, *ns) for n, ns in zip(neutral, numbers, strict=True)] if row else numbers
    order = _best_order(views)
    result = "xwy".index(role.value)
    x, w, y = [a if lies_in(order, a) else laid_out(order, xp, a, i != result) for i, a in enumerate(views)]
    of_x, of_w, of_y = [tensor_of(array, order, address_of) for array in (x, w, y)]
    op = Convolution(role, x.dtype.name, of_x, of_w, of_y, strides, dilation, before, after, is_reversed)
    return Call(op, x, w, y, views, order)


def _in_a_plane(array: Any) -> Any:
    """An array with one spatial axis as one with two, the first of one element: engines know no others."""
    return array[:, :, None] if array.ndim == 3 else array


def _best_order(arrays: Sequence[Any]) -> Shape:
    """The order of axes for which fewest elements have to be copied; features last, where both are as good."""
    rank = arrays[0].ndim
    orders = (0, *range(2, rank), 1), tuple(range(rank))
    return min(orders, key=lambda order: sum(a.size for a in arrays if not lies_in(order, a)))


def lies_in(order: Shape, array: Any) -> bool:
    """Whether an array has no gaps, and its axes lie in this order, the last one fastest."""
    step = array.dtype.itemsize
    for axis in reversed(order):
        if array.shape[axis] > 1 and array.strides[axis] != step:
            return False
        step *= array.shape[axis]
    return True


def laid_out(order: Shape, xp: Any, array: Any, is_read: bool = True) -> Any:
    """Another array like this one whose axes lie in this order; a copy of it, if it is to be read."""
    base = xp.empty(tuple([array.shape[axis] for axis in order]), array.dtype)
    if is_read:
        xp.copyto(base, array.transpose(order))
    return base.transpose([order.index(axis) for axis in range(len(order))])


def tensor_of(array: Any, order: Shape, address_of: AddressOf) -> Tensor:
    """How `array` lies in memory, which is in this order; an axis of one element has the stride that goes with it."""
    strides, step = dict[int, int](), 1
    for axis in reversed(order):
        strides[axis] = step
        step *= array.shape[axis]
    address = address_of(array)
    alignment = min(address & -address or ALIGNED, ALIGNED)
    return Tensor(array.shape, tuple([strides[axis] for axis in range(len(order))]), alignment)


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
    y, nodes, others = call.op.y, [Node(PointwiseMode.ADD, tensor_of(bias, call.order, address_of))], [bias]
    if epilogue.residual is not None:
        residual = _in_a_plane(epilogue.residual.transpose(out_axes))
        residual = residual if lies_in(call.order, residual) else laid_out(call.order, xp, residual)
        y = y._replace(alignment=min(y.alignment, tensor_of(residual, call.order, address_of).alignment))
        nodes, others = [Node(PointwiseMode.ADD, y), *nodes], [residual, bias]
    if epilogue.rectifies:
        nodes.append(Node(PointwiseMode.RELU_FWD, None))
    return call._replace(op=call.op._replace(y=y, epilogue=tuple(nodes)), others=tuple(others))


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
    def copyto(target: np.ndarray, source: np.ndarray) -> None:
        """There is nothing to copy."""

    @staticmethod
    def ascontiguousarray(array: np.ndarray) -> np.ndarray:
        """The outline of a copy."""
        return Outlines.empty(array.shape, array.dtype)

    @staticmethod
    def address_of(array: np.ndarray) -> int:
        return array.ctypes.data - _NOWHERE.ctypes.data
