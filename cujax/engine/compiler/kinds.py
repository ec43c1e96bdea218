"""What a kernel can do with an equation, derived from the slots of its primitive alone.

    ELEMENTWISE  its `cuda` slot is a text over scalar operands
    MOVER        its `index_map` says how an index of the result reads the operands
    REDUCTION    its `cuda` slot names a reduction, over the param `axes`
    SHORT        a reduction over so few elements that it is written out where its result is needed
    PRODUCTS     a sum of so few products, by its `sum_map`, that it is written out too: a stencil as convolution
    SCATTER      its `cuda` slot names how updates are combined
    LANES        a loop or branch that is one kernel, each thread of which runs a lane of it (lanes.py)
    OPAQUE       it is a step of its own, through its `impl`

`cost` is what computing one element takes, in units of an addition.
"""

from __future__ import annotations

import re
from math import prod

from cujax.engine.compiler.cpp import type_name
from cujax.engine.core.tape import Eqn, Tape, Var

ELEMENTWISE, MOVER, REDUCTION, SHORT = "elementwise", "mover", "reduction", "short"
PRODUCTS = "products"
SCATTER, LANES, OPAQUE = "scatter", "lanes", "opaque"

SCAN, WHILE, COND = "scan", "while", "cond"  # the names of primitives that hold tapes of steps or branches
LOOPS = frozenset((SCAN, WHILE, COND))

SHORT_LENGTH = 9  # elements of a matrix, velocities of a lattice in two dimensions


def kind_of(eqn: Eqn) -> str:
    """One of the kinds above."""
    primitive = eqn.primitive
    avals = [a.aval for a in (*eqn.inputs, *eqn.outputs)]
    if eqn.has_effect or any(type_name(a.dtype) is None for a in avals):
        return OPAQUE
    if callable(primitive.index_map):
        return MOVER
    if primitive.sum_map is not None and terms_of(eqn) is not None:
        return PRODUCTS
    if primitive.family == "scatter":
        return SCATTER
    if callable(primitive.cuda):
        return ELEMENTWISE
    if not isinstance(primitive.cuda, str):
        return OPAQUE
    if "{" in primitive.cuda:
        return ELEMENTWISE if _keeps_shape(eqn) else OPAQUE
    if "axes" not in eqn.params:
        return OPAQUE
    return SHORT if 0 < reduced_length(eqn) <= SHORT_LENGTH else REDUCTION


def _keeps_shape(eqn: Eqn) -> bool:
    """False for a bitcast to another width, which adds or removes an axis."""
    return eqn.primitive.family != "unary" or eqn.inputs[0].aval.shape == eqn.outputs[0].aval.shape


def is_by_loops(eqn: Eqn) -> bool:
    """Whether a lane can compute the op by loops alone, over arrays of its own."""
    lane_map, avals = eqn.primitive.lane_map, [a.aval for a in eqn.inputs]
    return lane_map is not None and lane_map.loops is not None and not lane_map.is_written_out(*avals, **eqn.params)


class Producers(dict[Var, Eqn]):
    """The equation that makes each variable of a tape; what is asked of an equation often is found out once."""

    def __init__(self, tape: Tape) -> None:
        super().__init__((v, e) for e in tape.eqns for v in e.outputs)
        self.texts: dict[Eqn, str] = {}
        self._kinds: dict[Eqn, str] = {}
        self._terms: dict[Eqn, int] = {}

    def kind(self, eqn: Eqn) -> str:
        """As `kind_of`, but for what `write_out` was called for."""
        found = self._kinds.get(eqn)
        if found is None:
            found = self._kinds[eqn] = kind_of(eqn)
        return found

    def terms(self, eqn: Eqn) -> int:
        """How many products are added up for an element, of PRODUCTS."""
        return self._terms.get(eqn) or terms_of(eqn) or 0

    def cost(self, eqn: Eqn) -> int:
        """As `cost`, but for what `write_out` was called for."""
        return 2 * self._terms[eqn] if eqn in self._terms else cost(eqn)

    def write_out(self, eqn: Eqn, terms: int) -> None:
        """Let a reduction, or a sum of products, of so many terms be SHORT or PRODUCTS."""
        self._kinds[eqn] = SHORT if self.kind(eqn) == REDUCTION else PRODUCTS
        if self._kinds[eqn] == PRODUCTS:
            self._terms[eqn] = terms


def terms_of(eqn: Eqn) -> int | None:
    """How many products an op with a `sum_map` adds up for an element, None where a library does it."""
    return eqn.primitive.sum_map.terms(*[a.aval for a in eqn.inputs], **eqn.params)


def reduced_length(eqn: Eqn) -> int:
    """How many elements a reduction combines into one."""
    return prod(eqn.inputs[0].aval.shape[a] for a in eqn.params["axes"])


_FUNCTION = re.compile(r"cj::\w+")
_CHEAP = frozenset("cj::" + name for name in (
    "convert", "bitcast", "real", "imag", "conj", "make_complex", "abs", "sign", "max", "min", "clamp", "fma",
    "mul_nonzero",
    "bit_not", "shift_left", "shift_right_logical", "shift_right_arithmetic", "is_finite", "floor", "ceil",
    "round", "random_wrap", "random_unwrap", "random_seed",
))


_DEAR = {"random": 40, "user": 15}  # families


def _widens(eqn: Eqn) -> bool:
    """Whether reading the result would move more bytes than reading the operand, and save next to nothing."""
    if eqn.primitive.name != "convert_element_type":
        return False
    return eqn.outputs[0].aval.dtype.itemsize >= eqn.inputs[0].aval.dtype.itemsize


def calls_function(text: str) -> bool:
    """Whether the C++ of an operation calls more than arithmetic: an exponential, a root."""
    found = _FUNCTION.match(text)
    return found is not None and found.group() not in _CHEAP and found.group() != "cj::div"


def cost(eqn: Eqn) -> int:
    """Of one element of the result: 0 for moving or widening it, 1 for arithmetic, more for functions."""
    kind = kind_of(eqn)
    if kind == MOVER or _widens(eqn):
        return 0
    if kind in (REDUCTION, SHORT):
        return reduced_length(eqn)
    if kind == PRODUCTS:
        return 2 * (terms_of(eqn) or 0)
    text = eqn.primitive.cuda
    found = _FUNCTION.match(text) if isinstance(text, str) else None
    if found is not None and found.group() in _CHEAP:
        return 1
    if eqn.primitive.family in _DEAR:
        return _DEAR[eqn.primitive.family]
    if found is None:
        return 1
    return 4 if found.group() == "cj::div" else 15
