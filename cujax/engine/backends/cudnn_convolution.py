"""How a convolution with all its arguments becomes an operation of cuDNN: the arithmetic of `conv_general_dilated`.

With one spatial axis and one group, a `Problem` asks for

    out[n, o, p] = sum over c, k of lhs[n, c, p * stride + k * rhs_dilation - low] * rhs[o, c, k]

where lhs has gaps of `lhs_dilation`.  cuDNN has the three operations of `cudnn_plans.py`, and each of them is such a
sum.  Which arrays are its x, w and y:

    forward     x = lhs, w = rhs, y = out.  Without gaps in lhs.
    filter      Features of lhs take the place of the batch: x = lhs, y = rhs, w = out; stride and dilation change
                places.  Without gaps in lhs.  This is the gradient in the filter, whose rhs, a cotangent, has many
                places, and whose result has few.
    data        Gaps in lhs are the stride of the convolution whose gradient in the data this is: y = lhs, x = out, and
                w = rhs reversed.  Without strides, and without padding beyond the window, with which the result would
                have an edge of zeros.  This is a transposed convolution, too.
    gaps        The gradient in the filter of a transposed convolution has gaps in lhs and many places in rhs: as for
                `filter`, with lhs and rhs exchanged, so that x = rhs, y = lhs, and the result comes out reversed.
                Without groups, whose results would lie in the wrong axis, and without gaps in rhs too.

What is left, gaps in lhs together with strides, is computed after the gaps have been filled with zeros.  One spatial
axis becomes the second of two.  Arrays are views as long as they can be, of any dimension numbers, and a reversed
kernel, as the gradient in the data has it, cuDNN reverses while it reads.  What does not lie as engines read it is
copied in the end (`cudnn_call.py`).

A convolution may have an `Epilogue`, which is added to the result while that is in registers.  cuDNN has it for
`forward` alone, and where another way is the better one, there is no convolution with an epilogue.

The functions take NumPy's or CuPy's arrays, or outlines of arrays, and call no library.  Start reading at `convolve`,
then `calls_for`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod
from typing import Any, NamedTuple

from cujax.engine.backends.cudnn_call import AddressOf, Call, Epilogue, call_of, with_epilogue
from cujax.engine.backends.cudnn_plans import Role, Shape

Pads = tuple[tuple[int, int], ...]


class Window(NamedTuple):
    """The parameters of `conv_general_dilated` that say how rhs moves over lhs, and between which features."""

    window_strides: Shape
    padding: Pads
    lhs_dilation: Shape
    rhs_dilation: Shape
    feature_group_count: int
    batch_group_count: int

    @property
    def groups(self) -> int:
        return self.feature_group_count * self.batch_group_count  # at most one of them is above one

    def places(self, lhs: Shape, rhs: Shape) -> tuple[int, ...]:
        """How often the window fits along each axis of arrays of these shapes."""
        counts = []
        for n, k, stride, sides, gap, step in zip(lhs[2:], rhs[2:], *self[:4], strict=True):
            length = (n and (n - 1) * gap + 1) + sum(sides)
            counts.append(max((length - (k - 1) * step - 1) // stride + 1, 0))
        return tuple(counts)


class Problem(NamedTuple):
    """A convolution of arrays in the order batch, feature, spatial (out-feature, in-feature, spatial for rhs).

    None of them is empty, and no padding is negative.
    """

    lhs: Any
    rhs: Any
    out: Any
    window: Window


SOURCES = {
    (Role.FORWARD, False): (0, 1, 2), (Role.FORWARD, True): (0, 1, 2), (Role.FILTER, False): (0, 2, 1),
    (Role.DATA, True): (2, 1, 0), (Role.DATA, False): (2, 1, 0), (Role.FILTER, True): (1, 2, 0),
}  # fmt: skip
"""By role and direction: which of lhs, rhs and out are x, w and y."""


def convolve(
    xp: Any, lhs: Any, rhs: Any, out_axes: Shape, window: Window, address_of: AddressOf,
    execute: Callable[[Call], bool], epilogue: Epilogue | None = None,
) -> Any | None:
    """The convolution of `lhs` (N, C, *spatial) by `rhs` (O, I, *spatial), its axes at `out_axes` of the result.

    `execute` computes a call and says whether it could; None where it could none.  Of an epilogue the axes of the
    residual are at `out_axes`, too.
    """
    if lhs.dtype.kind == "c" and epilogue is None:
        return _by_parts(xp, lhs, rhs, out_axes, window, address_of, execute)
    shape = (lhs.shape[0] // window.batch_group_count, rhs.shape[0], *window.places(lhs.shape, rhs.shape))
    lhs, window = crop(lhs, window)
    if 0 in (*lhs.shape, *rhs.shape, *shape):
        return xp.zeros(_placed(shape, out_axes), lhs.dtype) if epilogue is None else None
    out = xp.empty(_placed(shape, out_axes), lhs.dtype)
    problem = Problem(lhs, rhs, out.transpose(out_axes), window)
    if epilogue is None:
        calls = calls_for(xp, problem, address_of)
    else:
        calls = _calls_with(epilogue, xp, problem, out_axes, address_of)
    done = next(filter(execute, calls), None)
    if done is None:
        return None
    done.finish(xp)
    return out


def _placed(shape: Shape, axes: Shape) -> Shape:
    """`shape` with entry i at position `axes[i]`."""
    return tuple([shape[axes.index(i)] for i in range(len(axes))])


def _by_parts(
    xp: Any, lhs: Any, rhs: Any, out_axes: Shape, window: Window, address_of: AddressOf, execute: Callable[[Call], bool]
) -> Any | None:
    """Complex numbers as pairs of features: one convolution of twice as many, with a filter of four parts."""
    batch, features, *lengths = lhs.shape
    out_features, in_features, *kernel = rhs.shape
    pairs = xp.stack([lhs.real, lhs.imag], 2).reshape((batch, 2 * features, *lengths))
    rows = [xp.stack(row, 2) for row in ([rhs.real, -rhs.imag], [rhs.imag, rhs.real])]
    matrix = xp.stack(rows, 1).reshape((2 * out_features, 2 * in_features, *kernel))
    found = convolve(xp, pairs, matrix, tuple(range(lhs.ndim)), window, address_of, execute)
    if found is None:
        return None
    batch, _, *places = found.shape
    parts = found.reshape((batch, out_features, 2, *places))
    out = xp.empty(_placed((batch, out_features, *places), out_axes), lhs.dtype)
    view = out.transpose(out_axes)
    view.real, view.imag = parts[:, :, 0], parts[:, :, 1]
    return out


def crop(lhs: Any, window: Window) -> tuple[Any, Window]:
    """lhs without the elements that negative padding takes away, and padding that is not negative.

    Padding counts places, gaps included: what it leaves of a gap becomes padding.
    """
    kept, pads = [], []
    for length, sides, gap in zip(lhs.shape[2:], window.padding, window.lhs_dilation, strict=True):
        low, high = (max(-(side // gap), 0) for side in sides)
        kept.append(slice(low, max(length - high, low)))
        pads.append((sides[0] + low * gap, sides[1] + high * gap))
    return lhs[(..., *kept)], window._replace(padding=tuple(pads))


def calls_for(xp: Any, problem: Problem, address_of: AddressOf) -> Iterator[Call]:
    """The ways to let cuDNN compute `problem`, the best one first; each writes into `problem.out`.

    They do one and the same arithmetic, but a filter with more places than the result is what engines for gradients
    are made for.
    """
    problem = _without_idle_numbers(problem)
    for way in _ways(problem):
        found = way(problem)
        call = found and _call(xp, found, address_of)
        if call:
            yield call
    if _has_gaps(problem):
        yield from calls_for(xp, _with_gaps_filled(xp, problem), address_of)


def _calls_with(
    epilogue: Epilogue, xp: Any, problem: Problem, out_axes: Shape, address_of: AddressOf
) -> Iterator[Call]:
    """The only way to compute `problem` with an epilogue, if it is the best one without, and copies no groups."""
    problem = _without_idle_numbers(problem)
    if _ways(problem)[0] is not _forward or problem.window.batch_group_count > 1:
        return
    call = _call(xp, _forward(problem), address_of)
    if call:
        yield with_epilogue(epilogue, xp, call, out_axes, address_of)


def _ways(problem: Problem) -> tuple[Callable[[Problem], _Way | None], ...]:
    is_gradient = prod(problem.rhs.shape[2:]) > prod(problem.out.shape[2:])  # in a filter, from a cotangent
    return _WAYS[_has_gaps(problem), is_gradient]


def _has_gaps(problem: Problem) -> bool:
    return any(d != 1 for d in problem.window.lhs_dilation)


def _without_idle_numbers(problem: Problem) -> Problem:
    """Strides and dilations that move nothing, since there is one place or one element, become 1."""

    def used(numbers: Shape, array: Any) -> Shape:
        return tuple([n if length > 1 else 1 for n, length in zip(numbers, array.shape[2:], strict=True)])

    lhs, rhs, out, window = problem
    window = window._replace(
        window_strides=used(window.window_strides, out), lhs_dilation=used(window.lhs_dilation, lhs),
        rhs_dilation=used(window.rhs_dilation, rhs),
    )  # fmt: skip
    return problem._replace(window=window)


def _with_gaps_filled(xp: Any, problem: Problem) -> Problem:
    """The same convolution, of lhs with zeros in its gaps."""
    lhs, gaps = problem.lhs, problem.window.lhs_dilation
    lengths = [(n - 1) * gap + 1 for n, gap in zip(lhs.shape[2:], gaps, strict=True)]
    filled = xp.zeros((*lhs.shape[:2], *lengths), lhs.dtype)
    filled[(..., *[slice(None, None, gap) for gap in gaps])] = lhs
    return problem._replace(lhs=filled, window=problem.window._replace(lhs_dilation=(1,) * len(gaps)))


# --- the four ways ------------------------------------------------------------------------------------------


class _Way(NamedTuple):
    """An operation before its arrays are described.  `before` is the padding of x, which may be negative."""

    role: Role
    x: Any
    w: Any
    y: Any
    strides: Shape
    dilation: Shape
    before: list[int]
    is_reversed: bool


def _forward(p: Problem) -> _Way:
    strides, pads, _, dilation, *_ = p.window
    return _Way(Role.FORWARD, _lhs_with_groups_in(1, p), p.rhs, p.out, strides, dilation, _lows(pads), False)


def _filter(p: Problem) -> _Way | None:
    strides, pads, _, dilation, *_ = p.window
    x, y, w = [a.swapaxes(0, 1) for a in (_lhs_with_groups_in(0, p), p.rhs, p.out)]
    return _Way(Role.FILTER, x, w, y, dilation, strides, _lows(pads), False)


def _data(p: Problem) -> _Way | None:
    strides, pads, gaps, dilation, *_ = p.window
    if any(s != 1 for s in strides):
        return None
    w = _move_groups(p.rhs, 0, 1, p.window.groups).swapaxes(0, 1)
    before = _lows(pads, _reach(p.rhs, dilation))
    return _Way(Role.DATA, p.out, w, _lhs_with_groups_in(1, p), gaps, dilation, before, True)


def _gaps(p: Problem) -> _Way | None:
    strides, pads, gaps, dilation, *_ = p.window
    if p.window.groups > 1 or any(d != 1 for d in dilation):
        return None
    x, y = p.rhs.swapaxes(0, 1), p.lhs.swapaxes(0, 1)
    return _Way(Role.FILTER, x, p.out, y, gaps, strides, _lows(pads, _reach(p.out, strides)), True)


_WAYS: dict[tuple[bool, bool], tuple[Callable[[Problem], _Way | None], ...]] = {
    (False, False): (_forward, _filter),
    (False, True): (_filter, _forward),
    (True, False): (_data,),  # `_gaps` would go through all of lhs for each place
    (True, True): (_gaps, _data),
}


def _lows(pads: Pads, reach: list[int] | None = None) -> list[int]:
    """The padding at the start; with `reach`, that of the opposite direction, which begins at a window's other end."""
    lows = [low for low, _ in pads]
    return lows if reach is None else [r - low for r, low in zip(reach, lows, strict=True)]


def _reach(array: Any, steps: Shape) -> list[int]:
    """How far the last spatial element is from the first."""
    return [(n - 1) * step for n, step in zip(array.shape[2:], steps, strict=True)]


def _lhs_with_groups_in(axis: int, p: Problem) -> Any:
    """lhs, whose groups are the leading factor of the batch (axis 0) or of the features (axis 1)."""
    there = 0 if p.window.batch_group_count > 1 else 1
    return p.lhs if there == axis else _move_groups(p.lhs, there, axis, p.window.groups)


def _move_groups(x: Any, source: int, target: int, groups: int) -> Any:
    """The leading factor `groups` of one of the first two axes made the leading factor of the other."""
    if groups == 1:
        return x
    first, second, *lengths = x.shape
    if source < target:
        split = x.reshape((groups, first // groups, second, *lengths)).swapaxes(0, 1)
        return split.reshape((first // groups, groups * second, *lengths))
    split = x.reshape((first, groups, second // groups, *lengths)).swapaxes(0, 1)
    return split.reshape((groups * first, second // groups, *lengths))


# --- the description ----------------------------------------------------------------------------------------


def _call(xp: Any, way: _Way, address_of: AddressOf) -> Call | None:
    """`way` with the padding at the end that y needs, as cuDNN can take it.

    Negative padding takes elements away from x; None where x is the result, and where nothing would be left.
    """
    spans = zip(_reach(way.y, way.strides), _reach(way.w, way.dilation), strict=True)
    lengths = way.x.shape[2:]
    after = [sum(span) + 1 - n - low for span, n, low in zip(spans, lengths, way.before, strict=True)]
    # Elements that are left over at the end do no harm as long as they are fewer than a stride.
    ends = [0 if -stride < a < 0 else a for a, stride in zip(after, way.strides, strict=True)]
    kept = [slice(max(-b, 0), n + min(a, 0)) for b, a, n in zip(way.before, ends, lengths, strict=True)]
    if way.role is Role.DATA and min(*way.before, *ends) < 0:
        return None
    cropped = way.x[(..., *kept)]
    if not cropped.size:
        return None
    w, is_reversed = _as_it_lies(way)
    before, end = [tuple([max(side, 0) for side in sides]) for sides in (way.before, ends)]
    numbers = way.strides, way.dilation, before, end
    return call_of(xp, way.role, (cropped, w, way.y), numbers, is_reversed, address_of)


def _as_it_lies(way: _Way) -> tuple[Any, bool]:
    """w without the reversal that it came with, and whether cuDNN is to reverse it: it needs no copy for that."""
    taps = [(n, step) for n, step in zip(way.w.shape[2:], way.w.strides[2:], strict=True) if n > 1]
    if way.role is Role.FILTER or not taps or any(step > 0 for _, step in taps):
        return way.w, way.is_reversed
    turned = tuple([slice(None, None, -1 if step < 0 else 1) for step in way.w.strides[2:]])
    return way.w[(slice(None), slice(None), *turned)], not way.is_reversed
