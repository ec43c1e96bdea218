"""Writing to windows whose place is known: what `x.at[1:-1, ::2].set(y)` and `.add(y)` become.

    update_slice_p   the operand with `update` in place of a window
    add_slice_p      the operand with `update` added to a window

The window is given as that of a slice is, by starts and strides, and has the shape of the update.  Both
ops are linear and read the window in transposition; since their places are known at compile time they
fuse as addressing, and a dead operand can be overwritten.  `_window_op` has the rules that they share.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.axis import AxisData
from cujax.engine.core.primitive import ABSENT, Primitive, UpdateMap
from cujax.engine.core.trace import aval_of
from cujax.engine.core.zero import Zero, is_linear
from cujax.engine.ops import axes as ax
from cujax.engine.ops import slicing
from cujax.engine.ops.constants import zeros_of
from cujax.engine.ops.families import ANY, NUMBER, Domain, dtype_error
from cujax.engine.ops.slicing import ints, place_in_window
from cujax.engine.ops.structural import move_dim, shape_of


def span(length: int, stride: int) -> int:
    """How many places a window of `length` elements covers."""
    return (length - 1) * stride + 1 if length else 0


def read_window(x: Any, start_indices: Sequence[int], strides: Sequence[int], shape: Sequence[int]) -> Any:
    """The window of `x` of that place and shape."""
    limits = [s + span(n, k) for s, k, n in zip(start_indices, strides, shape, strict=True)]
    return slicing.slice(x, start_indices, limits, strides)


# --- rules that both share ----------------------------------------------------------------------------


def _check_window(
    name: str, x: ShapedArray, update: ShapedArray, start_indices: tuple, strides: tuple
) -> None:
    if x.dtype != update.dtype:
        raise TypeError(f"{name}: operand and update must have one dtype, got {x.dtype} and {update.dtype}")
    if not x.ndim == update.ndim == len(start_indices) == len(strides):
        raise TypeError(
            f"{name}: operand, update, start_indices and strides must have one rank; got shapes {x.shape} "
            f"and {update.shape}, start_indices {start_indices}, strides {strides}"
        )
    fits = [
        k > 0 and 0 <= s <= d - span(n, k)
        for d, n, s, k in zip(x.shape, update.shape, start_indices, strides, strict=True)
    ]
    if not all(fits):
        raise TypeError(
            f"{name}: an update of shape {update.shape} at start_indices {start_indices} with strides "
            f"{strides} does not lie inside an operand of shape {x.shape}"
        )


def _instantiated(tangents: Sequence[Any]) -> list[Any]:
    return [zeros_of(t.aval) if type(t) is Zero else t for t in tangents]


def _window_op(
    name: str, *, write: Callable, jvp: Callable, transpose: Callable, choose: Callable, combine: str, domain: Domain,
    doc: str,
) -> tuple[Primitive, Callable]:
    """The op that writes by `write(window, update)`, and its public function.

    choose: for index maps, from the old and the new element to the one in the window.  combine: the same as the
    name of a C++ reduction.
    """

    def shape(x: ShapedArray, update: ShapedArray, *, start_indices: tuple, strides: tuple) -> ShapedArray:
        if x.dtype not in domain:
            raise dtype_error(name, x.dtype, domain)
        _check_window(name, x, update, start_indices, strides)
        return x

    def impl(xp: Any, x: Any, update: Any, *, start_indices: tuple, strides: tuple) -> Any:
        out = xp.array(x)
        along = zip(start_indices, strides, update.shape, strict=True)
        write(out, tuple([slice(s, s + span(n, k), k) for s, k, n in along]), update)
        return out

    def batch(
        axis: AxisData, xs: Sequence[Any], dims: Sequence[int | None], *, start_indices: tuple, strides: tuple
    ) -> tuple[Any, int]:
        """The window is the same for every element, and whole along the batch axis."""
        dim = 0 if dims[0] is None else dims[0]
        x, update = (move_dim(axis, x, d, dim) for x, d in zip(xs, dims, strict=True))
        starts, steps = ax.insert_axis(start_indices, dim, 0), ax.insert_axis(strides, dim, 1)
        return p.bind(x, update, start_indices=starts, strides=steps), dim

    def index_map(
        e: Any, index: tuple, x: ShapedArray, update: ShapedArray, *, start_indices: tuple, strides: tuple
    ) -> Any:
        inside, place = place_in_window(index, start_indices, strides, update.shape)
        old = e.read(0, index)
        return e.where(inside, choose(old, e.read(1, place)), old)

    def update_map(
        e: Any, index: tuple, x: ShapedArray, update: ShapedArray, *, start_indices: tuple, strides: tuple
    ) -> tuple:
        place = tuple([s + i * k for i, s, k in zip(index, start_indices, strides, strict=True)])
        return True, place

    p: Primitive = Primitive(
        name, shape=shape, impl=impl, jvp=jvp, transpose=transpose, batch=batch, cuda=ABSENT,
        index_map=index_map, update_map=UpdateMap(1, combine, update_map), doc=doc, domain=domain, family="mover",
    )

    def function(
        operand: Any, update: Any, start_indices: Sequence[int], strides: Sequence[int] | None = None
    ) -> Any:
        steps = (1,) * len(shape_of(operand)) if strides is None else ints(strides)
        return p.bind(operand, update, start_indices=ints(start_indices), strides=steps)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"{doc}\n\nupdate: of the operand's dtype and rank.  start_indices: where its first element goes.  "
        "strides: how far\napart elements go, by default 1.  TypeError where they would leave the operand."
    )
    return p, function


# --- update_slice -------------------------------------------------------------------------------------


def _set(out: Any, window: tuple, update: Any) -> None:
    out[window] = update


def _update_slice_jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> tuple:
    out = update_slice_p.bind(*primals, **params)
    if all(type(t) is Zero for t in tangents):
        return out, Zero(aval_of(out).to_tangent_aval())
    return out, update_slice_p.bind(*_instantiated(tangents), **params)


def _update_slice_transpose(
    ct: Any, x: Any, update: Any, *, start_indices: tuple, strides: tuple
) -> list[Any]:
    aval = aval_of(update)
    ct_x = update_slice(ct, zeros_of(aval), start_indices, strides) if is_linear(x) else None
    ct_update = read_window(ct, start_indices, strides, aval.shape) if is_linear(update) else None
    return [ct_x, ct_update]


update_slice_p, update_slice = _window_op(
    "update_slice", write=_set, jvp=_update_slice_jvp, transpose=_update_slice_transpose,
    choose=lambda old, new: new, combine="cj::Last", domain=ANY, doc="The operand with an update in place of a window.",
)


# --- add_slice ----------------------------------------------------------------------------------------


def _add(out: Any, window: tuple, update: Any) -> None:
    out[window] += update


def _add_slice_jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> tuple:
    out = add_slice_p.bind(*primals, **params)
    if type(tangents[1]) is Zero:
        return out, tangents[0]
    return out, add_slice_p.bind(*_instantiated(tangents), **params)


def _add_slice_transpose(ct: Any, x: Any, update: Any, *, start_indices: tuple, strides: tuple) -> list[Any]:
    ct_update = read_window(ct, start_indices, strides, shape_of(update)) if is_linear(update) else None
    return [ct, ct_update]


add_slice_p, add_slice = _window_op(
    "add_slice", write=_add, jvp=_add_slice_jvp, transpose=_add_slice_transpose,
    choose=lambda old, new: old + new, combine="cj::Sum", domain=NUMBER,
    doc="The operand with an update added to a window.",
)
