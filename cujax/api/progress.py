"""`progress`: long loops in pieces, between which a bar is moved on, a state is saved, or the loop ends early.

Nothing of it leaves the compiled program but the bar, which is a callback after each piece.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

from cujax.api.branches import cond
from cujax.api.callbacks import debug_callback
from cujax.api.loops import fori_loop, scan, while_loop
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.tape import literal
from cujax.engine.core.trace import aval_of
from cujax.engine.ground import dtypes, pytree
from cujax.engine.ops.constants import zeros_of
from cujax.engine.ops.dynamic_slicing import dynamic_update_index_in_dim
from cujax.engine.ops.joining import concatenate
from cujax.engine.ops.logic import bitwise_not
from cujax.engine.ops.slicing import slice_in_dim
from cujax.engine.ops.structural import reshape

_PIECES = 100


def progress(
    loop: Callable, *, every: int | None = None, description: str | None = "", save: bool = False,
    stop: Callable[[Any], Any] | None = None,
) -> Callable:
    """`lax.fori_loop` or `lax.scan` with a progress bar, and their arguments and results.

        state = cujax.progress(lax.fori_loop)(0, 100_000, step, state)
        state, states = cujax.progress(lax.fori_loop, every=1000, save=True)(0, 100_000, step, state)
        state = cujax.progress(lax.fori_loop, stop=lambda state: state.error < 1e-9)(0, 100_000, step, state)

    The loop runs in pieces of `every` steps, a hundredth of all where it is None; each piece is compiled as the whole
    loop would be, and after each the bar is moved on.  The bar is tqdm's where that is installed, else a line on the
    standard error; with None as the description there is none.  The number of steps has to be known when the function
    is traced.  Derivatives run without a bar of their own.

    save: the states after each whole piece are a further result, stacked along a new first axis.
    stop: a function of the state, asked after each piece; the loop ends where it is true.  What would have been saved
    later is zero.  Both are for `lax.fori_loop`: a scan stacks what its function returns.

    TypeError for another loop, or a scan with `save` or `stop`; ValueError for an `every` below 1.
    """
    if loop not in (fori_loop, scan):
        raise TypeError(f"progress takes lax.fori_loop or lax.scan, got {getattr(loop, '__name__', loop)}")
    if every is not None and every < 1:
        raise ValueError(f"progress: every must be at least 1 step, got {every}")
    if loop is scan and (save or stop is not None):
        raise TypeError("progress: save and stop are for lax.fori_loop; of lax.scan, return what to stack in each step")

    @functools.wraps(loop)
    def watched(*args: Any, **kwargs: Any) -> Any:
        if loop is scan:
            return _scan_in_pieces(every, description, *args, **kwargs)
        return _fori_in_pieces(every, description, save, stop, *args, **kwargs)

    return watched


def _piece(steps: int, every: int | None) -> int:
    return every or max(steps // _PIECES, 1)


def _fori_in_pieces(
    every: int | None, description: str | None, save: bool, stop: Callable | None, lower: Any, upper: Any,
    body_fun: Callable, init_val: Any,
) -> Any:
    steps = max(upper.__index__() - lower.__index__(), 0)
    length = _piece(steps, every)
    bar = _Bar(steps, description)

    def piece(k: Any, value: Any, count: int = length) -> Any:
        first = k * length + lower
        value = fori_loop(0, count, lambda i, v: body_fun(first + i, v), value)
        bar.show(k * length + count)
        return value

    whole, rest = divmod(steps, length)
    if stop is None and not save:
        value = fori_loop(0, whole, piece, init_val)
        return piece(whole, value, rest) if rest else value
    value, states = _watched(piece, whole, stop, save, init_val)
    if rest:
        value = piece(whole, value, rest) if stop is None else cond(
            stop(value), lambda v: v, lambda v: piece(whole, v, rest), value
        )
    if stop is not None:
        bar.end()
    return (value, states) if save else value


def _watched(piece: Callable, whole: int, stop: Callable | None, save: bool, init_val: Any) -> tuple[Any, Any]:
    """The state after `whole` pieces, or those until `stop`, and the states after each of them."""
    states = pytree.map(lambda x: zeros_of(ShapedArray((whole, *aval_of(x).shape), aval_of(x).dtype)), init_val)

    def step(carry: tuple) -> tuple:
        k, value, states = carry
        value = piece(k, value)
        if save:
            states = pytree.map(lambda x, rows: dynamic_update_index_in_dim(rows, x, k, 0), value, states)
        return k + 1, value, states

    def goes_on(carry: tuple) -> Any:
        assert stop is not None
        return bitwise_not(stop(carry[1]))

    start = (literal(0, dtypes.int32), init_val, states)
    if not whole:
        return init_val, states
    if stop is None:
        _, value, states = fori_loop(0, whole, lambda _, carry: step(carry), start)
    else:
        _, value, states = while_loop(goes_on, step, start, max_steps=whole)
    return value, states


def _scan_in_pieces(
    every: int | None, description: str | None, f: Callable, init: Any, xs: Any = None, length: int | None = None,
    reverse: bool = False, unroll: int | bool = 1,
) -> tuple[Any, Any]:
    leaves, tree = pytree.flatten(xs)
    steps = length if length is not None else aval_of(leaves[0]).shape[0] if leaves else None
    if steps is None:
        raise ValueError("progress(lax.scan): got no values to scan over and `length` not provided.")
    size = _piece(steps, every)
    count, rest = divmod(steps, size)
    bar = _Bar(steps, description)
    bounds = (rest, steps) if reverse else (0, steps - rest)  # of the whole pieces; what is left comes last

    def piece(carry: tuple, xs: Any) -> tuple[tuple, Any]:
        done, carry = carry
        carry, ys = scan(f, carry, xs, size, reverse, unroll)
        done = done + size
        bar.show(done)
        return (done, carry), ys

    whole = tree.unflatten([
        reshape(slice_in_dim(x, *bounds), (count, size, *aval_of(x).shape[1:])) for x in leaves
    ])
    (_, carry), ys = scan(piece, (0, init), whole, count, reverse)
    ys = pytree.map(lambda y: reshape(y, (count * size, *aval_of(y).shape[2:])), ys)
    if not rest:
        return carry, ys
    outside = (0, rest) if reverse else (steps - rest, steps)
    carry, last = scan(f, carry, tree.unflatten([slice_in_dim(x, *outside) for x in leaves]), rest, reverse, unroll)
    bar.show(steps)
    return carry, pytree.map(lambda a, b: concatenate([b, a] if reverse else [a, b], 0), ys, last)


class _Bar:
    """Begins when it is first moved, and again after it has come to its end.  Without a description there is none."""

    def __init__(self, steps: int, description: str | None) -> None:
        self._steps, self._description = steps, description
        self._bar: Any = None

    def show(self, done: Any) -> None:
        """Within a program: it is moved when the program comes here."""
        if self._description is not None:
            debug_callback(self.move, done)

    def end(self) -> None:
        """Within a program: there will be no more steps."""
        if self._description is not None:
            debug_callback(self.close)

    def move(self, done: Any) -> None:
        """To `done` steps."""
        done = int(done)
        if self._bar is None:
            self._bar = _made(self._steps, self._description or "")
        self._bar.update(done - self._bar.n)
        if done >= self._steps:
            self.close()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar = None


def _made(steps: int, description: str) -> Any:
    try:
        from tqdm import tqdm
    except ImportError:
        return _Line(steps, description)
    return tqdm(total=steps, desc=description or None)


class _Line:
    """What is used of tqdm, on one line of text."""

    def __init__(self, steps: int, description: str) -> None:
        self.n = 0
        self._steps, self._title = steps, description and f"{description}: "

    def update(self, steps: int) -> None:
        self.n += steps
        print(f"\r{self._title}{self.n} of {self._steps} steps", end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        print(file=sys.stderr)
