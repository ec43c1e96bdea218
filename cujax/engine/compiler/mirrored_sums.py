"""Sums along two axes that are mirror images of each other, computed once.

    share_mirrored_sums(tape) -> tape

What acts between two particles acts on both.  So the gradient of an energy of all pairs is a sum along one axis and a
sum along the other, and the derivatives in it change nothing but their sign where the two change places:

    d[i, j] = x[j] - x[i]
    f[i, j] = d[i, j] * g(d[i, j]**2)        f[j, i] = -f[i, j]
    sum of f along axis 0                    is minus the sum of f along axis 1

To see it values get numbers: equal ones for what is computed in the same way, once as it stands and once with two axes
exchanged.  An exchange goes through to the operands, up to the arrays that were broadcast along one axis or the other.
The minus of a value has no number of its own but a sign beside it, which subtractions, products and odd functions hand
on.  x - y and -(y - x) are the same but for the sign of a zero, so nothing is known of functions of them that tell 1/0
from 1/-0.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

import numpy as np

from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.primitive import Parity
from cujax.engine.core.tape import Atom, Eqn, Literal, Tape, Var, replaced
from cujax.engine.ground import dtypes
from cujax.engine.ops.constants import iota_p
from cujax.engine.ops.conversion import convert_element_type_p
from cujax.engine.ops.elementwise import add_p, div_p, integer_pow_p, mul_p, neg_p, sub_p
from cujax.engine.ops.logic import select_n_p
from cujax.engine.ops.slicing import pad_p, slice_p
from cujax.engine.ops.structural import (
    add_any_p,
    broadcast_in_dim_p,
    reduce_sum_p,
    reshape_p,
    squeeze_p,
    transpose_p,
)

Swap = tuple[int, int] | None  # two axes that are exchanged, the lower one first
_Mirror = tuple[Swap, tuple[int, ...]]  # an exchange, and the axes that it makes of those of a sum
_Earlier = dict[Hashable, tuple[Var, bool]]  # by number and axes: the result, and whether that is minus the number


def share_mirrored_sums(tape: Tape) -> Tape:
    """`tape` with one sum for two that are equal up to their sign."""
    sums = _sums_with_mirrors(tape)
    if not sums:
        return tape
    numbers = _Numbers(tape)
    known: dict[Var, Atom] = {}
    earlier: _Earlier = {}
    eqns: list[Eqn] = []
    for eqn in tape.eqns:
        inputs = replaced(eqn.inputs, known)
        eqn = eqn if inputs == list(eqn.inputs) else eqn.with_inputs(inputs)
        found = _found(eqn, sums[eqn.outputs[0]], numbers, earlier) if eqn.outputs[0] in sums else None
        if found is None:
            eqns.append(eqn)
        elif found[1]:
            eqns.append(Eqn(neg_p, [found[0]], eqn.outputs, {}, eqn.source))
        else:
            known[eqn.outputs[0]] = found[0]
    return Tape(tape.inputs, eqns, replaced(tape.outputs, known), tape.name)


def _sums_with_mirrors(tape: Tape) -> dict[Var, list[_Mirror]]:
    """The results of sums that others might mirror, and how."""
    alike: dict[tuple[tuple[int, ...], ShapedArray], dict[tuple[int, ...], list[Var]]] = {}
    for eqn in tape.eqns:
        aval = eqn.inputs[0].aval if eqn.primitive is reduce_sum_p else None
        if aval is not None and dtypes.is_inexact(aval.dtype):
            by_axes = alike.setdefault((aval.shape, eqn.outputs[0].aval), {})
            by_axes.setdefault(eqn.params["axes"], []).append(eqn.outputs[0])
    found: dict[Var, list[_Mirror]] = {}
    for (shape, _), by_axes in alike.items():
        for axes, results in by_axes.items():
            mirrors: list[_Mirror] = [(s, other) for other in by_axes if (s := _exchange(axes, other, shape))]
            found.update(dict.fromkeys(results, mirrors) if mirrors else {})
    return found


def _exchange(axes: Sequence[int], others: Sequence[int], shape: Sequence[int]) -> Swap:
    """The exchange that makes sums along the one axes of those along the others; None if there is none."""
    only, only_other = set(axes) - set(others), set(others) - set(axes)
    if len(only) != 1 or len(only_other) != 1:
        return None
    low, high = sorted((*only, *only_other))
    kept_between = set(range(low + 1, high)) - set(axes)
    return (low, high) if shape[low] == shape[high] and not kept_between else None


def _found(eqn: Eqn, mirrors: Sequence[_Mirror], numbers: _Numbers, earlier: _Earlier) -> tuple[Var, bool] | None:
    """An earlier sum that this one mirrors, and whether it is its negative; if there is none it is remembered."""
    (operand,), (result,), axes = eqn.inputs, eqn.outputs, eqn.params["axes"]
    for exchange, others in mirrors:
        number = numbers.of(operand, exchange)
        if (number.key, others) in earlier:
            found, negated = earlier[number.key, others]
            return found, negated != number.negated
    number = numbers.of(operand, None)
    earlier[number.key, axes] = result, number.negated
    return None


# --- numbers ----------------------------------------------------------------------------------------------------------


class _Number(NamedTuple):
    """Equal keys for what is equal, or the negative of it.  exact: and zeros have the sign that follows from it."""

    key: int
    negated: bool = False
    exact: bool = True


class _Form(NamedTuple):
    """What a value is made of, each operand with the exchange that it is read with, and the rule for its number."""

    operands: Sequence[tuple[Atom, Swap]]
    number: Callable[..., _Number]


class _Numbers:
    """Those of the values on a tape, found as they are asked for."""

    def __init__(self, tape: Tape) -> None:
        self._makers = {v: e for e in tape.eqns for v in e.outputs}
        self._known: dict[tuple[Atom, Swap], _Number] = {}
        self._keys: dict[Hashable, int] = {}

    def of(self, atom: Atom, exchange: Swap) -> _Number:
        """That of `atom` with two axes exchanged."""
        pending = [(atom, exchange)]
        while pending:
            asked = pending[-1]
            form = self._form(*asked)
            missing = [o for o in form.operands if o not in self._known]
            pending += missing
            if not missing:
                self._known[pending.pop()] = form.number(*[self._known[o] for o in form.operands])
        return self._known[atom, exchange]

    def key(self, what: Hashable) -> int:
        return self._keys.setdefault(what, len(self._keys))

    def _form(self, atom: Atom, exchange: Swap) -> _Form:
        eqn = self._makers.get(atom) if isinstance(atom, Var) else None
        form = None if eqn is None or eqn.has_effect else self._form_of_result(eqn, exchange)
        return form or self._unknown(atom, exchange)

    def _unknown(self, atom: Atom, exchange: Swap) -> _Form:
        return _Form((), lambda: _Number(self.key((_name(atom), exchange))))

    def _form_of_result(self, eqn: Eqn, exchange: Swap) -> _Form | None:
        if eqn.primitive in _PLACING:
            return self._placed(eqn.outputs[0], exchange)
        if eqn.primitive is iota_p:
            params = {**eqn.params, "dimension": _exchanged(eqn.params["dimension"], exchange)}
            return _Form((), lambda: _Number(self.key((iota_p, *params.items()))))
        if eqn.primitive is reduce_sum_p:
            return self._sum(eqn, exchange)
        if eqn.primitive in (slice_p, pad_p):
            return self._window(eqn, exchange)
        if eqn.primitive.family in _ELEMENTWISE:
            operands = [(a, exchange if a.aval.ndim else None) for a in eqn.inputs]
            return _Form(operands, lambda *numbers: self._elementwise(eqn, numbers))
        return None

    # --- axes ---------------------------------------------------------------------------------------------------------

    def _placed(self, result: Var, exchange: Swap) -> _Form | None:
        """What stands along some of the axes of `result` and is repeated along the others."""
        source, places = self._source(result)
        if source is result:  # other rows of the same elements
            return None
        places = {axis: _exchanged(place, exchange) for axis, place in places.items()}
        places, inner = _in_order(places, source.aval.shape)
        is_same = source.aval.shape == result.aval.shape and all(axis == place for axis, place in places.items())
        if is_same:
            return _Form([(source, inner)], lambda number: number)
        what = (tuple(places.values()), result.aval.shape)
        return _Form([(source, inner)], lambda number: number._replace(key=self.key((number.key, what))))

    def is_zero(self, atom: Atom) -> bool:
        """Whether all of it is 0."""
        source, _ = self._source(atom)
        return isinstance(source, Literal) and isinstance(source.buffer, np.generic) and source.buffer == 0

    def _source(self, atom: Atom) -> tuple[Atom, dict[int, int]]:
        """What `atom` shows the elements of, and where the axes of that are in it; those of one element are nowhere."""
        places = dict(enumerate(range(atom.aval.ndim)))
        while isinstance(atom, Var) and (eqn := self._makers.get(atom)) is not None and eqn.primitive in _PLACING:
            axes = _axes(eqn)
            if axes is None:
                break
            places = {a: places[b] for a, b in axes.items() if b in places}
            atom = eqn.inputs[0]
        return atom, {a: p for a, p in sorted(places.items()) if atom.aval.shape[a] != 1}

    def _sum(self, eqn: Eqn, exchange: Swap) -> _Form:
        axes = eqn.params["axes"]
        kept = [a for a in range(eqn.inputs[0].aval.ndim) if a not in axes]
        inner = None if exchange is None else (kept[exchange[0]], kept[exchange[1]])

        def number(of: _Number) -> _Number:
            return _Number(self.key((reduce_sum_p, axes, of.key)), of.negated, of.exact and not of.negated)

        return _Form([(eqn.inputs[0], inner)], number)

    def _window(self, eqn: Eqn, exchange: Swap) -> _Form | None:
        """A part of an array, or one between zeros, which leaves the exchanged axes whole."""
        operand, *padding = eqn.inputs
        lengths, whole = eqn.outputs[0].aval.shape, operand.aval.shape
        if exchange is not None and any(lengths[a] != whole[a] for a in exchange):
            return None
        if not all(map(self.is_zero, padding)):
            return None
        what = (eqn.primitive, *eqn.params.items())

        def number(of: _Number) -> _Number:
            return _Number(self.key((of.key, what)), of.negated, of.exact and not (padding and of.negated))

        return _Form([(operand, exchange)], number)

    # --- arithmetic ---------------------------------------------------------------------------------------------------

    def _elementwise(self, eqn: Eqn, numbers: Sequence[_Number]) -> _Number:
        rule = _RULES.get(eqn.primitive)
        parity = eqn.primitive.parity
        if rule is None and parity is not None and dtypes.is_inexact(eqn.inputs[0].aval.dtype):
            rule = _odd if parity is Parity.ODD else _even
        found = None if rule is None else rule(self, eqn, *numbers)
        return found or self._function(eqn, numbers)

    def _function(self, eqn: Eqn, numbers: Sequence[_Number]) -> _Number:
        """Of anything that might tell zeros of different sign apart."""
        if not all(n.exact for n in numbers):
            return _Number(self.key((len(self._keys), "is like nothing else")))
        operands = [(n.key, n.negated) for n in numbers]
        return _Number(self.key_of(eqn, sorted(operands) if eqn.primitive.commutes else operands))

    def key_of(self, eqn: Eqn, operands: Sequence[Hashable]) -> int:
        """Of what the op of `eqn` makes of operands with these keys."""
        return self.key((eqn.primitive, *eqn.params.items(), eqn.outputs[0].aval.dtype, *operands))


_PLACING = (broadcast_in_dim_p, reshape_p, squeeze_p, transpose_p)
_ELEMENTWISE = ("unary", "binary", "ternary", "comparison", "select")


def _exchanged(axis: int, exchange: Swap) -> int:
    if exchange is None or axis not in exchange:
        return axis
    return exchange[1] if axis == exchange[0] else exchange[0]


def _in_order(places: dict[int, int], shape: Sequence[int]) -> tuple[dict[int, int], Swap]:
    """The places of axes, ascending where an exchange of two of the axes makes them so, and that exchange."""
    wrong = [axis for axis, place in zip(places, sorted(places.values()), strict=True) if places[axis] != place]
    if len(wrong) != 2 or shape[wrong[0]] != shape[wrong[1]]:
        return places, None
    low, high = wrong
    return {**places, low: places[high], high: places[low]}, (low, high)


def _axes(eqn: Eqn) -> dict[int, int] | None:
    """The axes of the result along which axes of the operand lie; None for other views of it."""
    (x,), (out,) = eqn.inputs, eqn.outputs
    if eqn.primitive is broadcast_in_dim_p:
        return dict(enumerate(eqn.params["broadcast_dimensions"]))
    if eqn.primitive is transpose_p:
        return {axis: place for place, axis in enumerate(eqn.params["permutation"])}
    long, found = ([(a, n) for a, n in enumerate(v.aval.shape) if n != 1] for v in (x, out))
    if [n for _, n in long] != [n for _, n in found]:
        return None
    return {a: b for (a, _), (b, _) in zip(long, found, strict=True)}


def _name(atom: Atom) -> Hashable:
    """Equal for literals of equal bits."""
    if isinstance(atom, Literal) and isinstance(atom.buffer, np.generic):
        return atom.buffer.tobytes(), atom.aval
    return atom


# --- rules: the number of a result from those of the operands; None where nothing is known of its sign ---------------


def _odd(numbers: _Numbers, eqn: Eqn, x: _Number) -> _Number:
    return x._replace(key=numbers.key_of(eqn, [x.key]))


def _even(numbers: _Numbers, eqn: Eqn, x: _Number) -> _Number:
    return _Number(numbers.key_of(eqn, [x.key]))


def _minus(numbers: _Numbers, eqn: Eqn, x: _Number) -> _Number:
    return x._replace(negated=not x.negated)


def _plus(numbers: _Numbers, eqn: Eqn, *operands: _Number) -> _Number:
    """The operand with the lower key has no sign: that of the sum is changed instead."""
    (low, sign), (high, other_sign) = sorted((n.key, n.negated) for n in operands)
    key = numbers.key((add_p, eqn.outputs[0].aval.dtype, low, high, sign != other_sign))
    return _Number(key, sign, all(n.exact for n in operands) and not sign)


def _difference(numbers: _Numbers, eqn: Eqn, x: _Number, y: _Number) -> _Number:
    return _plus(numbers, eqn, x, _minus(numbers, eqn, y))


def _product(numbers: _Numbers, eqn: Eqn, x: _Number, y: _Number) -> _Number:
    key = numbers.key_of(eqn, sorted((x.key, y.key)))
    is_square = x.key == y.key and x.negated == y.negated
    return _Number(key, x.negated != y.negated, is_square or (x.exact and y.exact))


def _quotient(numbers: _Numbers, eqn: Eqn, x: _Number, y: _Number) -> _Number | None:
    if y.negated or not y.exact or not dtypes.is_inexact(eqn.outputs[0].aval.dtype):
        return None
    return x._replace(key=numbers.key_of(eqn, [x.key, y.key]))


def _power(numbers: _Numbers, eqn: Eqn, x: _Number) -> _Number | None:
    y = eqn.params["y"]
    if y % 2 == 0:
        return _even(numbers, eqn, x)
    return _odd(numbers, eqn, x) if y > 0 else None


def _conversion(numbers: _Numbers, eqn: Eqn, x: _Number) -> _Number | None:
    is_of_floats = all(dtypes.is_inexact(v.aval.dtype) for v in (eqn.inputs[0], eqn.outputs[0]))
    return _odd(numbers, eqn, x) if is_of_floats else None


def _choice(numbers: _Numbers, eqn: Eqn, which: _Number, *cases: _Number) -> _Number | None:
    """Zeros have either sign."""
    zeros = [numbers.is_zero(a) for a in eqn.inputs[1:]]
    signs = {n.negated for n, is_zero in zip(cases, zeros, strict=True) if not is_zero}
    if not which.exact or which.negated or len(signs) != 1:
        return None
    (negated,) = signs
    exact = all(n.exact for n in cases) and not (negated and any(zeros))
    return _Number(numbers.key_of(eqn, [which.key, *[n.key for n in cases]]), negated, exact)


_RULES: dict[object, Callable[..., _Number | None]] = {
    neg_p: _minus, add_p: _plus, add_any_p: _plus, sub_p: _difference, mul_p: _product, div_p: _quotient,
    integer_pow_p: _power, convert_element_type_p: _conversion, select_n_p: _choice,
}  # fmt: skip
