"""How ops on rows and small matrices are computed within a lane: written out on scalars.

    lane_map(compute, passed, refusal) -> LaneMap

`compute(*operands, **params)` is the algorithm.  It takes NumPy arrays of `Scalar`, over the axes along which elements
meet, and returns such an array, or one for each result.  Arithmetic on them writes the kernel: loops over known
lengths are unrolled, and a choice that depends on values is `where`.  All results are made at once, when the first
element of one is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.primitive import LaneLoops, LaneMap
from cujax.engine.ground import dtypes
from cujax.engine.ops import axes as ax

Passed = list[tuple[int, int, int, int]]  # as `axes` of a LaneMap


class Scalar:
    """A value that a lane computes; arithmetic with others of its dtype, and with Python's numbers."""

    __slots__ = ("e", "node")

    def __init__(self, e: Any, node: Any) -> None:
        self.e, self.node = e, node

    @property
    def dtype(self) -> Any:
        return self.node.dtype

    def like(self, x: Any) -> Scalar:
        """`x` as a scalar of the same dtype."""
        return x if isinstance(x, Scalar) else Scalar(self.e, self.e.value(x, self.dtype))

    def apply(self, text: str, *others: Any, dtype: Any = None) -> Scalar:
        """C++ `text` with {0} for this scalar, {1} for the next; of its dtype unless another is given."""
        return Scalar(self.e, self.e.apply(text, self.node, *[self.like(x).node for x in others], dtype=dtype))

    def convert(self, dtype: Any) -> Scalar:
        return Scalar(self.e, self.e.convert(self.node, dtype))

    def __add__(self, other: Any) -> Scalar:
        return Scalar(self.e, self.e.add(self.node, self.like(other).node))

    def __mul__(self, other: Any) -> Scalar:
        return Scalar(self.e, self.e.multiply(self.node, self.like(other).node))

    __radd__, __rmul__ = __add__, __mul__

    def __sub__(self, other: Any) -> Scalar:
        return self.apply("{0} - {1}", other)

    def __truediv__(self, other: Any) -> Scalar:
        return self.apply("{0} / {1}", other)

    def __rtruediv__(self, other: Any) -> Scalar:
        return self.like(other) / self

    def __neg__(self) -> Scalar:
        return self.apply("-{0}")

    def __gt__(self, other: Any) -> Scalar:
        return self.apply("{0} > {1}", other, dtype=dtypes.bool_)

    def __lt__(self, other: Any) -> Scalar:
        return self.apply("{0} < {1}", other, dtype=dtypes.bool_)

    def __and__(self, other: Any) -> Scalar:
        return self.apply("{0} && {1}", other)

    def __or__(self, other: Any) -> Scalar:
        return self.apply("{0} || {1}", other)

    def equals(self, other: Any) -> Scalar:
        return self.apply("{0} == {1}", other, dtype=dtypes.bool_)

    def differs(self, other: Any) -> Scalar:
        return self.apply("{0} != {1}", other, dtype=dtypes.bool_)

    def is_nan(self) -> Scalar:
        return self.apply("{0} != {0}", dtype=dtypes.bool_)


def _where(condition: Scalar, if_true: Any, if_false: Any) -> Scalar:
    known = if_true if isinstance(if_true, Scalar) else if_false
    a, b = known.like(if_true), known.like(if_false)
    return a if a.node is b.node else condition.apply("cj::select({0}, {1}, {2})", a, b, dtype=known.dtype)


def conj(x: Scalar) -> Scalar:
    return x.apply("cj::conj({0})") if dtypes.is_complex(x.dtype) else x


def real(x: Scalar) -> Scalar:
    is_complex = dtypes.is_complex(x.dtype)
    return x.apply("cj::real({0})", dtype=dtypes.to_real(x.dtype)) if is_complex else x


where = np.frompyfunc(_where, 3, 1)  # of scalars, numbers, or arrays of them, which broadcast; both sides are computed
sqrt = np.frompyfunc(lambda x: x.apply("cj::sqrt({0})"), 1, 1)
magnitude = np.frompyfunc(lambda x: x.apply("cj::abs({0})", dtype=dtypes.to_real(x.dtype)), 1, 1)


def array_of(items: Sequence[Any]) -> np.ndarray:
    """A vector of scalars."""
    found = np.empty(len(items), object)
    found[:] = items
    return found


def widened(x: np.ndarray) -> np.ndarray:
    """`x` in float32 if its floats are smaller."""
    if not x.size or x.flat[0].dtype.itemsize != 2 or not dtypes.is_float(x.flat[0].dtype):
        return x
    return converted(x, dtypes.float32)


def converted(x: np.ndarray, dtype: Any) -> np.ndarray:
    """`x` in another dtype."""
    return np.frompyfunc(lambda v: v.convert(dtype), 1, 1)(x)


def sort_front(columns: Sequence[np.ndarray], count: int, is_after: Callable) -> list[np.ndarray]:
    """The first `count` places of `columns` sorted together, stably.

    is_after(x, y): whether what the columns have at one place, x, comes after what they have at another, y.
    """
    columns = [c.copy() for c in columns]
    last = len(columns[0]) - 1
    for front in range(min(count, last)):
        for i in range(last, front, -1):
            swaps = is_after([c[i - 1] for c in columns], [c[i] for c in columns])
            for c in columns:
                c[i - 1], c[i] = where(swaps, c[i], c[i - 1]), where(swaps, c[i - 1], c[i])
    return [c[:count] for c in columns]


# --- the rule -------------------------------------------------------------------------------------------


def lane_map(
    compute: Callable, passed: Callable[..., Passed], refusal: Callable[..., str | None] = lambda *_, **__: None,
    loops: LaneLoops | None = None,
) -> LaneMap:
    """The rule of an op that `compute` writes out; `passed`, `refusal` and `loops` as in LaneMap."""

    def element(e: Any, index: tuple, *avals: ShapedArray, output: int = 0, **params: Any) -> Any:
        own = [(k, a, to) for number, k, a, to in passed(*avals, **params) if number == output]

        def results() -> Sequence[np.ndarray]:
            places = [{a: index[to] for n, a, to in own if n == k} for k in range(len(avals))]
            operands = [_elements(e, k, x, at) for k, (x, at) in enumerate(zip(avals, places, strict=True))]
            found = compute(*operands, **params)
            return found if isinstance(found, tuple) else (found,)

        made = e.once(tuple([(k, a, index[to]) for k, a, to in own]), results)[output]
        results_axes = {to for _, _, to in own}
        return _pick(e, made, [i for d, i in enumerate(index) if d not in results_axes])

    return LaneMap(passed, element, refusal, loops=loops)


def _elements(e: Any, operand: int, aval: ShapedArray, place: dict[int, Any]) -> np.ndarray:
    """The elements of an operand of which the index along some axes is given."""
    found = np.empty([d for a, d in enumerate(aval.shape) if a not in place], object)
    for index in np.ndindex(found.shape):
        rest = iter(index)
        whole = [place[a] if a in place else next(rest) for a in range(aval.ndim)]
        found[index] = Scalar(e, e.read(operand, whole))
    return found


def chosen(e: Any, condition: Any, if_true: Any, if_false: Any) -> Any:
    """One of two nodes, both computed: with `where` each side would compute what they have in common for itself."""
    if condition is True or if_true is if_false:
        return if_true
    holds = e.value(e.where(condition, 1, 0), dtypes.bool_)
    return e.apply("cj::select({0}, {1}, {2})", holds, if_true, if_false, dtype=if_false.dtype)


def _pick(e: Any, made: Any, index: Sequence[Any]) -> Any:
    """The element at an index, which may be computed; one outside is that of an alternative which is not taken."""
    if not index:
        return made.node
    first, *rest = index
    if not first.terms:
        return _pick(e, made[min(max(int(first.constant), 0), len(made) - 1)], rest)
    found = _pick(e, made[0], rest)
    for k in range(1, len(made)):
        if (reaches := first >= k) is not False:
            found = chosen(e, reaches, _pick(e, made[k], rest), found)
    return found


def row_map(compute: Callable, longest: int, results: int | None = None, name: str = "axis") -> LaneMap:
    """The rule of an op whose elements meet along the axis that the param `name` says.

    It has as many results as operands unless `results` is given.  Rows longer than `longest` are not written out.
    """

    def passed(*avals: ShapedArray, **params: Any) -> Passed:
        rest = ax.other_axes(avals[0].ndim, (params[name],))
        return [(n, k, a, a) for n in range(results or len(avals)) for k in range(len(avals)) for a in rest]

    def refusal(*avals: ShapedArray, **params: Any) -> str | None:
        length = avals[0].shape[params[name]]
        if 0 < length <= longest:
            return None
        return f"of rows of {length} elements is too much for a lane, which writes out up to {longest}"

    return lane_map(compute, passed, refusal)
