"""cuDNN's three operations of convolution, and epilogues, executed by NumPy from their descriptions: what the tests
compare with.

Only the description and the address of each array are used, as cuDNN does: shapes, strides, padding, dilation, groups.
Start at `execute`.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from cujax.engine.backends.cudnn_api import PointwiseMode
from cujax.engine.backends.cudnn_call import Call
from cujax.engine.backends.cudnn_plans import Convolution, Role, Tensor


def execute(call: Call) -> bool:
    """Compute the array that `call.op` is about from the other two."""
    run(call.op, *call.arrays)
    return True


def run(op: Convolution, x: np.ndarray, w: np.ndarray, y: np.ndarray, *others: np.ndarray) -> None:
    """Compute one of the arrays, which begin where `op` says that they do, from the other two.

    others: what the nodes of its epilogue read.
    """
    check(op)
    x, w, y = (view(array, tensor) for array, tensor in ((x, op.x), (w, op.w), (y, op.y)))
    dtype = np.float64 if op.dtype == "float64" else np.float32
    groups = x.shape[1] // w.shape[1]
    sides = [(0, 0), (0, 0), *zip(op.before, op.after, strict=True)]
    padded = np.pad(x.astype(dtype), sides)
    if op.role is Role.DATA:
        padded[...] = 0
    wide = padded.reshape((x.shape[0], groups, -1, *padded.shape[2:]))
    filters, results = w.astype(dtype), y.astype(dtype)
    filters = filters.reshape((groups, -1, *w.shape[1:]))
    results = results.reshape((y.shape[0], groups, -1, *y.shape[2:]))
    if op.role is not Role.DATA:
        target = results if op.role is Role.FORWARD else filters
        target[...] = 0
    for tap in product(*map(range, w.shape[2:])):
        at = tuple(k - 1 - t for k, t in zip(w.shape[2:], tap, strict=True)) if op.is_reversed else tap
        seen = [
            slice(t * d, t * d + (q - 1) * s + 1, s)
            for t, d, q, s in zip(tap, op.dilation, y.shape[2:], op.strides, strict=True)
        ]
        part, weight = wide[(..., *seen)], filters[(..., *at)]
        if op.role is Role.FORWARD:
            results += np.einsum("ngc...,gkc->ngk...", part, weight)
        elif op.role is Role.DATA:
            part += np.einsum("ngk...,gkc->ngc...", results, weight)
        else:
            filters[(..., *at)] = np.einsum("ngcq,ngkq->gkc", flat(part), flat(results))
    inside = tuple(slice(low, low + n) for low, n in zip(op.before, x.shape[2:], strict=True))
    if op.role is Role.FORWARD:
        y[...] = with_epilogue(op, results.reshape(y.shape), others)
    elif op.role is Role.DATA:
        x[...] = padded[(..., *inside)]
    else:
        w[...] = filters.reshape(w.shape)


def with_epilogue(op: Convolution, result: np.ndarray, others: tuple[np.ndarray, ...]) -> np.ndarray:
    """What the nodes make of a result; `maximum` keeps a NaN."""
    unread = list(others)
    for mode, tensor in op.epilogue:
        result = np.maximum(result, 0) if tensor is None else result + view(unread.pop(0), tensor)
        assert (mode is PointwiseMode.RELU_FWD) == (tensor is None)
    assert not unread
    return result


def flat(array: np.ndarray) -> np.ndarray:
    return array.reshape((*array.shape[:3], -1))


def view(array: Any, tensor: Tensor) -> np.ndarray:
    """The array that `tensor` describes, at the address of `array`."""
    strides = [s * array.itemsize for s in tensor.strides]
    assert array.ctypes.data % tensor.alignment == 0
    return np.lib.stride_tricks.as_strided(array, tensor.shape, strides)


def check(op: Convolution) -> None:
    """What cuDNN demands of a description."""
    assert op.x.shape[1] % op.w.shape[1] == 0
    groups = op.x.shape[1] // op.w.shape[1]
    assert op.w.shape[0] % groups == 0
    assert op.y.shape[:2] == (op.x.shape[0], op.w.shape[0])
    assert min(*op.before, *op.after) >= 0
    assert min(*op.x.shape, *op.w.shape, *op.y.shape, *op.strides, *op.dilation) > 0
    rank = len(op.x.shape)
    orders = tuple(range(rank)), (0, *range(2, rank), 1)
    assert rank >= 4
    assert any(all(t.strides == packed(t.shape, order) for t in (op.x, op.w, op.y)) for order in orders)
    for n, k, q, s, d, low, high in zip(
        op.x.shape[2:], op.w.shape[2:], op.y.shape[2:], op.strides, op.dilation, op.before, op.after, strict=True
    ):
        assert q == (n + low + high - (k - 1) * d - 1) // s + 1
    if op.epilogue:
        check_epilogue(op)


def packed(shape: tuple[int, ...], order: tuple[int, ...]) -> tuple[int, ...]:
    """Strides without gaps, the last axis of `order` the fastest: engines compute as if there were no others."""
    strides, step = [0] * len(shape), 1
    for axis in reversed(order):
        strides[axis] = step
        step *= shape[axis]
    return tuple(strides)


def check_epilogue(op: Convolution) -> None:
    """That it is one for which cuDNN has kernels: [+ an array like the result,] + a bias [, max(x, 0)]."""
    assert op.role is Role.FORWARD and op.dtype in ("float32", "float64")
    bias = (1, op.y.shape[1], *[1] * (len(op.y.shape) - 2))
    read = [node.tensor.shape for node in op.epilogue if node.tensor is not None]
    modes = [node.mode for node in op.epilogue]
    assert read in ([bias], [op.y.shape, bias])
    assert modes[: len(read)] == [PointwiseMode.ADD] * len(read)
    assert modes[len(read) :] in ([], [PointwiseMode.RELU_FWD])
    tensors = [node.tensor for node in op.epilogue if node.tensor is not None]
    assert tensors[:-1] in ([], [op.y])
    assert tensors[-1].strides[1] == 1
