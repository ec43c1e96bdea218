"""Comparisons, bits and choice: ops on numbers that need no arithmetic.

    eq ne lt le gt ge                                     comparisons, with boolean results
    bitwise_and bitwise_or bitwise_xor bitwise_not        bits, or truth values
    shift_left shift_right_logical shift_right_arithmetic
    mulhi population_count clz
    select_n select                                       element by element one of several arrays

They stand below the arithmetic because derivatives choose (`pow` at zero, `max` at a tie) and choice
needs no derivative but its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.primitive import Primitive
from cujax.engine.core.trace import aval_of
from cujax.engine.core.zero import Zero, is_linear
from cujax.engine.ground import dtypes
from cujax.engine.ops.constants import zeros_of
from cujax.engine.ops.families import (
    ANY,
    BITS,
    INTEGER,
    ORDERED,
    ZERO_TANGENT,
    binary,
    common_shape,
    comparison,
    elementwise_batch,
    operands,
    unary,
    unbroadcast_transpose,
)

# --- comparisons --------------------------------------------------------------------------------------

eq_p, eq = comparison("eq", "==", ANY, "x == y.", "equal", commutes=True)
ne_p, ne = comparison("ne", "!=", ANY, "x != y.", "not_equal", commutes=True)
lt_p, lt = comparison("lt", "<", ORDERED, "x < y.", "less")
le_p, le = comparison("le", "<=", ORDERED, "x <= y.", "less_equal")
gt_p, gt = comparison("gt", ">", ORDERED, "x > y.", "greater")
ge_p, ge = comparison("ge", ">=", ORDERED, "x >= y.", "greater_equal")

# --- bits ---------------------------------------------------------------------------------------------

and_p, bitwise_and = binary(
    "and", public="bitwise_and", domain=BITS, doc="Bits set in both x and y.", cuda="{x} & {y}",
    jvp=ZERO_TANGENT, ufunc="bitwise_and", commutes=True,
)
or_p, bitwise_or = binary(
    "or", public="bitwise_or", domain=BITS, doc="Bits set in x or y.", cuda="{x} | {y}",
    jvp=ZERO_TANGENT, ufunc="bitwise_or", commutes=True,
)
xor_p, bitwise_xor = binary(
    "xor", public="bitwise_xor", domain=BITS, doc="Bits set in one of x and y.", cuda="{x} ^ {y}",
    jvp=ZERO_TANGENT, ufunc="bitwise_xor", commutes=True,
)
not_p, bitwise_not = unary(
    "not", public="bitwise_not", domain=BITS, doc="Every bit turned over.", cuda="cj::bit_not({x})",
    jvp=ZERO_TANGENT, ufunc="invert",
)


def _unsigned(x: Any) -> Any:
    """The same bits as an unsigned integer."""
    return x.view(np.dtype(f"u{x.dtype.itemsize}"))


def _shift(xp: Any, shift: Any, x: Any, y: Any, beyond: Any) -> Any:
    """`shift(x, y)`, and `beyond` where y is negative or at least the width of x, as in XLA."""
    distance = _unsigned(y)
    inside = distance < 8 * x.dtype.itemsize
    return xp.where(inside, shift(x, xp.where(inside, y, y.dtype.type(0))), beyond)


def _shift_right_logical_impl(xp: Any, x: Any, y: Any) -> Any:
    bits = _unsigned(x)
    return _shift(xp, xp.right_shift, bits, _unsigned(y), bits.dtype.type(0)).view(x.dtype)


def _shift_right_arithmetic_impl(xp: Any, x: Any, y: Any) -> Any:
    """The highest bit of an unsigned x is taken for its sign, as in XLA."""
    signed = x.view(np.dtype(f"i{x.dtype.itemsize}"))
    sign = xp.right_shift(signed, signed.dtype.type(8 * x.dtype.itemsize - 1))
    return _shift(xp, xp.right_shift, signed, y.view(signed.dtype), sign).view(x.dtype)


shift_left_p, shift_left = binary(
    "shift_left", domain=INTEGER, doc="x << y; zero where y is not in 0 ... width - 1.",
    cuda="cj::shift_left({x}, {y})", jvp=ZERO_TANGENT,
    impl=lambda xp, x, y: _shift(xp, xp.left_shift, x, y, x.dtype.type(0)),
)
shift_right_logical_p, shift_right_logical = binary(
    "shift_right_logical", domain=INTEGER, doc="x >> y, filled with zeros.",
    cuda="cj::shift_right_logical({x}, {y})", jvp=ZERO_TANGENT, impl=_shift_right_logical_impl,
)
shift_right_arithmetic_p, shift_right_arithmetic = binary(
    "shift_right_arithmetic", domain=INTEGER, doc="x >> y, filled with the sign bit.",
    cuda="cj::shift_right_arithmetic({x}, {y})", jvp=ZERO_TANGENT, impl=_shift_right_arithmetic_impl,
)


def _high_half(xp: Any, x: Any, y: Any) -> Any:
    """The high 64 bits of x * y, by products of 32-bit halves (D. Knuth, TAOCP vol. 2, 4.3.1, algorithm M)."""
    half, mask = np.uint64(32), np.uint64(0xFFFFFFFF)
    x0, x1, y0, y1 = x & mask, xp.right_shift(x, half), y & mask, xp.right_shift(y, half)
    carried = x1 * y0 + xp.right_shift(x0 * y0, half)
    middle = (carried & mask) + x0 * y1
    return x1 * y1 + xp.right_shift(carried, half) + xp.right_shift(middle, half)


def _mulhi_impl(xp: Any, x: Any, y: Any) -> Any:
    bits = 8 * x.dtype.itemsize
    if bits < 64:
        wide = np.int64 if x.dtype.kind == "i" else np.uint64
        return xp.right_shift(x.astype(wide) * y.astype(wide), wide(bits)).astype(x.dtype)
    high = _high_half(xp, _unsigned(x), _unsigned(y)).view(x.dtype)
    if x.dtype.kind == "u":
        return high
    zero = x.dtype.type(0)  # as unsigned numbers, negative ones are 2**64 too large
    return high - xp.where(x < 0, y, zero) - xp.where(y < 0, x, zero)


mulhi_p, mulhi = binary(
    "mulhi", domain=INTEGER, doc="The high half of the product x * y, which has twice as many bits as x.",
    cuda="cj::mulhi({x}, {y})", jvp=ZERO_TANGENT, impl=_mulhi_impl,
)
population_count_p, population_count = unary(
    "population_count", domain=INTEGER, doc="The number of bits that are set.",
    cuda="cj::population_count({x})", jvp=ZERO_TANGENT,
    impl=lambda xp, x: xp.bitwise_count(_unsigned(x)).astype(x.dtype),
)


def _clz_impl(xp: Any, x: Any) -> Any:
    """Fills every bit below the highest one, then counts the bits that stayed zero."""
    bits, distance = _unsigned(x), 1
    while distance < 8 * x.dtype.itemsize:
        bits = xp.bitwise_or(bits, xp.right_shift(bits, bits.dtype.type(distance)))
        distance *= 2
    return xp.bitwise_count(xp.invert(bits)).astype(x.dtype)


clz_p, clz = unary(
    "clz", domain=INTEGER, doc="The number of zero bits above the highest one.", cuda="cj::clz({x})",
    jvp=ZERO_TANGENT, impl=_clz_impl,
)

# --- choice -------------------------------------------------------------------------------------------


def _select_n_shape(which: ShapedArray, *cases: ShapedArray) -> ShapedArray:
    if not cases:
        raise ValueError("select_n needs at least one case")
    if which.dtype not in BITS:
        raise TypeError(f"select_n: `which` must be boolean or integer, got {which.dtype}; write which != 0")
    if dtypes.is_bool(which.dtype) and len(cases) > 2:
        raise TypeError(f"select_n: a boolean `which` chooses between two cases, got {len(cases)}")
    if any(c.dtype != cases[0].dtype for c in cases):
        raise TypeError(f"select_n: cases must have one dtype, got {', '.join(str(c.dtype) for c in cases)}")
    shape = common_shape("select_n", cases)
    if which.shape not in ((), shape) and shape:
        raise TypeError(
            "select_n: `which` must be scalar or have the shape of the cases, got `which` of shape "
            f"{which.shape} and cases of shape {shape}"
        )
    return ShapedArray(shape or which.shape, cases[0].dtype, all(c.weak_type for c in cases))


def _select_n_impl(xp: Any, which: Any, *cases: Any) -> Any:
    if len(cases) == 1:
        return xp.broadcast_to(cases[0], which.shape if cases[0].ndim == 0 else cases[0].shape)
    if which.dtype == np.bool_:
        return xp.where(which, cases[1], cases[0])
    out = cases[-1]
    for i in reversed(range(len(cases) - 1)):  # numbers below 0 take the first case, those above the last
        out = xp.where(which <= i, cases[i], out)
    return out


def _select_n_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    out = select_n_p.bind(*primals)
    which, ts = primals[0], tangents[1:]
    if all(type(t) is Zero for t in ts):
        return out, Zero(aval_of(out).to_tangent_aval())
    return out, select_n_p.bind(which, *[zeros_of(t.aval) if type(t) is Zero else t for t in ts])


def _select_n_transpose(ct: Any, which: Any, *cases: Any) -> list[Any]:
    zero = zeros_of(aval_of(ct))

    def chosen(i: int) -> Any:
        return select_n_p.bind(which, *[ct if j == i else zero for j in range(len(cases))])

    return [None, *[chosen(i) if is_linear(c) else None for i, c in enumerate(cases)]]


def _select_n_cuda(texts: Sequence[str], avals: Sequence[ShapedArray]) -> str:
    """`cj::select(w, b, a)` for a boolean w; `cj::select(w <= 0, a, cj::select(w <= 1, b, c))` for an integer.

    The language's own `w ? b : a` chooses between places where a and b are structs, which does not vectorise.
    """
    which, *cases = texts
    if dtypes.is_bool(avals[0].dtype):
        return f"cj::select({which}, {cases[-1]}, {cases[0]})"
    text = cases[-1]
    for i, case in reversed([*enumerate(cases[:-1])]):
        text = f"cj::select({which} <= {i}, {case}, {text})"
    return text


select_n_p: Primitive = Primitive(
    "select_n", shape=_select_n_shape, impl=_select_n_impl, jvp=_select_n_jvp,
    transpose=unbroadcast_transpose(_select_n_transpose), batch=elementwise_batch(lambda: select_n_p),
    cuda=_select_n_cuda, doc="Element by element the case that `which` names.", domain=ANY, family="select",
)


def select_n(which: Any, *cases: Any) -> Any:
    """`cases[which]`, element by element.

    `which` is boolean (with one or two cases: False takes the first) or integer, and scalar or of the shape
    of the cases.  The cases have one dtype, and one shape or are scalars.  TypeError otherwise.
    """
    return select_n_p.bind(which, *operands(*cases))


def select(pred: Any, on_true: Any, on_false: Any) -> Any:
    """`on_true` where the boolean `pred` holds, else `on_false`; shapes and errors as in `select_n`."""
    return select_n(pred, on_false, on_true)
