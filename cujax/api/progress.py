"""`progress`: a bar for long loops, drawn from between pieces of the compiled loop."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

from cujax.api.callbacks import debug_callback
from cujax.api.loops import fori_loop, scan
from cujax.engine.core.trace import aval_of
from cujax.engine.ground import pytree
from cujax.engine.ops.joining import concatenate
from cujax.engine.ops.slicing import slice_in_dim
from cujax.engine.ops.structural import reshape

_PIECES = 100


def progress(loop: Callable, *, every: int | None = None, description: str = "") -> Callable:
    """`lax.fori_loop` or `lax.scan` with a progress bar, and their arguments and results.

        state = cujax.progress(lax.fori_loop)(0, 100_000, step, state)

    The loop runs in pieces of `every` steps, a hundredth of all where it is None; each piece is compiled as the whole
    loop would be, and after each the bar is moved on.  The bar is tqdm's where that is installed, else a line on the
    standard error.  The number of steps has to be known when the function is traced.  Derivatives run without a bar
    of their own.

    TypeError for another loop; ValueError for an `every` below 1.
    """
    if loop not in (fori_loop, scan):
        raise TypeError(f"progress takes lax.fori_loop or lax.scan, got {getattr(loop, '__name__', loop)}")
    if every is not None and every < 1:
        raise ValueError(f"progress: every must be at least 1 step, got {every}")
    in_pieces = _fori_in_pieces if loop is fori_loop else _scan_in_pieces

    @functools.wraps(loop)
    def watched(*args: Any, **kwargs: Any) -> Any:
        return in_pieces(every, description, *args, **kwargs)

    return watched


def _piece(steps: int, every: int | None) -> int:
    return every or max(steps // _PIECES, 1)


def _fori_in_pieces(
    every: int | None, description: str, lower: Any, upper: Any, body_fun: Callable, init_val: Any
) -> Any:
    steps = max(upper.__index__() - lower.__index__(), 0)
    length = _piece(steps, every)
    bar = _Bar(steps, description)

    def piece(k: Any, value: Any, count: int = length) -> Any:
        first = k * length + lower
        value = fori_loop(0, count, lambda i, v: body_fun(first + i, v), value)
        debug_callback(bar.move, k * length + count)
        return value

    whole, rest = divmod(steps, length)
    value = fori_loop(0, whole, piece, init_val)
    return piece(whole, value, rest) if rest else value


def _scan_in_pieces(
    every: int | None, description: str, f: Callable, init: Any, xs: Any = None, length: int | None = None,
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
        debug_callback(bar.move, done)
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
    debug_callback(bar.move, steps)
    return carry, pytree.map(lambda a, b: concatenate([b, a] if reverse else [a, b], 0), ys, last)


class _Bar:
    """Begins when it is first moved, and again after it has come to its end."""

    def __init__(self, steps: int, description: str) -> None:
        self._steps, self._description = steps, description
        self._bar: Any = None

    def move(self, done: Any) -> None:
        """To `done` steps."""
        done = int(done)
        if self._bar is None:
            self._bar = _made(self._steps, self._description)
        self._bar.update(done - self._bar.n)
        if done >= self._steps:
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
