"""`checkify`: run-time checks as values, so that they work under `jit`, in loops and branches, and under `vmap`.

A function is traced to a tape.  Every place on it that may go wrong, at any depth, is a *site* with a number
(`_Sites`).  The tape is then run again with a state that goes along: the number of the first site that failed, and
what its message needs to say (`_Checked`).  Loops carry the state, branches return it.  No value is read on the way;
`Error.get` reads it in the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from cujax.api.branches import switch
from cujax.api.flatten import as_array, is_array_like
from cujax.api.inspect import record_call
from cujax.api.loops import scan, while_loop
from cujax.engine.control.checks import Complaint, JaxRuntimeError, check_p
from cujax.engine.control.cond import cond_p
from cujax.engine.control.custom_jvp import custom_jvp_call_p
from cujax.engine.control.custom_vjp import custom_vjp_call_p
from cujax.engine.control.scan import Loop, scan_p
from cujax.engine.control.while_loop import While, while_p
from cujax.engine.core.array import describe_value
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.tape import Eqn, Literal, Tape, Var, subtapes
from cujax.engine.core.trace import Tracer, aval_of
from cujax.engine.ground import dtypes, pytree
from cujax.engine.ground.pytree import register_pytree_node_class
from cujax.engine.ops.conversion import convert_element_type
from cujax.engine.ops.dynamic_slicing import dynamic_slice_p, dynamic_update_slice_p
from cujax.engine.ops.elementwise import div_p
from cujax.engine.ops.indexing import gather_p, scatter_add_p
from cujax.engine.ops.logic import bitwise_and, bitwise_not, bitwise_or, eq, ge, gt, le, lt, ne, select
from cujax.engine.ops.reductions import argmax, reduce_or
from cujax.engine.ops.scatter_updates import scatter_max_p, scatter_min_p, scatter_mul_p, scatter_p
from cujax.engine.ops.structural import broadcast_in_dim, reshape

# --- errors -----------------------------------------------------------------------------------------------------------


class JaxException(Exception):
    """The kinds of failures; `Error.get_exception` returns one."""


class FailedCheckError(JaxException):
    """A `check` found False."""

    def __str__(self) -> str:
        return f"{super().__str__()} (`check` failed)"


class NaNError(JaxException):
    """An operation gave a NaN."""


class DivisionByZeroError(JaxException):
    """A divisor was 0."""


class OOBError(JaxException):
    """An index was outside the array."""


ErrorCategory = type[JaxException]
user_checks = frozenset({FailedCheckError})
nan_checks = frozenset({NaNError})
div_checks = frozenset({DivisionByZeroError})
index_checks = frozenset({OOBError})
float_checks = nan_checks | div_checks
automatic_checks = float_checks | index_checks
all_checks = automatic_checks | user_checks


class _Site(NamedTuple):
    """What may go wrong somewhere: its complaint, and the types of the values that the complaint needs."""

    complaint: Complaint
    avals: tuple[ShapedArray, ...]


@register_pytree_node_class
class Error:
    """The outcome of checks; a pytree, so it may be returned from `jit` and `vmap`.

    code: 0, or 1 + the number of the site that failed first.  values: for each site what its message names.
    """

    def __init__(self, code: Any, values: Sequence[Any], sites: tuple[_Site, ...]) -> None:
        self.code, self.values, self.sites = code, tuple(values), sites

    def tree_flatten(self) -> tuple:
        """The arrays, and the sites."""
        return (self.code, *self.values), self.sites

    @classmethod
    def tree_unflatten(cls, sites: tuple, leaves: Sequence[Any]) -> Error:
        """An error of these parts, which may be placeholders."""
        return cls(leaves[0], leaves[1:], sites)

    def get_exception(self) -> JaxException | None:
        """The failure, of several in a batch the first; None if there is none."""
        codes = np.asarray(self.code)
        failed = np.flatnonzero(codes)
        return self._failure(codes, int(failed[0])) if failed.size else None

    def get(self) -> str | None:
        """The text of the failure, a line for each element of a batch that has one; None if there is none."""
        codes = np.asarray(self.code)
        texts = [(i, str(self._failure(codes, int(i)))) for i in np.flatnonzero(codes)]
        if not texts:
            return None
        if codes.ndim == 0:
            return texts[0][1]
        where = [",".join(map(str, np.unravel_index(i, codes.shape))) for i, _ in texts]
        return "\n".join(f"at mapped index {place}: {text}" for place, (_, text) in zip(where, texts, strict=True))

    def throw(self) -> None:
        """JaxRuntimeError with the text of the failure, if there is one."""
        text = self.get()
        if text is not None:
            raise JaxRuntimeError(text)

    def _failure(self, codes: np.ndarray, number: int) -> Any:
        site = int(codes.ravel()[number]) - 1
        values = [np.asarray(v) for v in self._values_of(site)]
        lanes = codes.ndim
        elements = [v.reshape(-1, *v.shape[lanes:])[number] for v in values]
        return self.sites[site].complaint.error(elements)

    def _values_of(self, site: int) -> tuple[Any, ...]:
        begin = sum(len(s.avals) for s in self.sites[:site])
        return self.values[begin : begin + len(self.sites[site].avals)]

    def __repr__(self) -> str:
        return f"Error({self.get()})" if not _is_traced(self.code) else "Error(traced)"


def _is_traced(x: Any) -> bool:
    """Whether the value of an array is not known."""
    return hasattr(x, "concrete") and x.concrete() is None


init_error = Error(np.int32(0), (), ())

# --- assertions -------------------------------------------------------------------------------------------------------


def check(pred: Any, msg: str, *fmt_args: Any, debug: bool = False, **fmt_kwargs: Any) -> None:
    """Under `checkify`: an error whose text is `msg.format(*fmt_args, **fmt_kwargs)` where `pred` is False.

    pred: a boolean scalar.  The arguments of the format must be arrays; they may be traced.  Outside `checkify` it
    raises JaxRuntimeError where the program gets there, which waits for the device; with debug it does nothing.
    TypeError for another pred, and for format arguments that are no arrays.
    """
    _assert("check", pred, msg, fmt_args, fmt_kwargs, debug)


def debug_check(pred: Any, msg: str, *fmt_args: Any, **fmt_kwargs: Any) -> None:
    """As `check`, for programs that run under `checkify` only when something is wrong: elsewhere it does nothing."""
    _assert("debug_check", pred, msg, fmt_args, fmt_kwargs, True)


def _assert(name: str, pred: Any, msg: str, args: tuple, kwargs: dict[str, Any], debug: bool) -> None:
    aval = aval_of(pred) if is_array_like(pred) else None
    if aval is None or aval.shape or not dtypes.is_bool(aval.dtype):
        raise TypeError(f"checkify.{name}: pred must be a boolean scalar, got {describe_value(pred)}")
    values, tree = pytree.flatten((args, kwargs))
    for value in values:
        if not hasattr(value, "dtype"):
            raise TypeError(
                f"checkify.{name}: arguments of the format must be arrays, got {describe_value(value)}; write what is "
                "known into the message, by an f-string"
            )
    complaint = Complaint(FailedCheckError, msg, tree)
    if debug or any(isinstance(x, Tracer) for x in (pred, *values)):
        check_p.bind(as_array(pred), *map(as_array, values), complaint=complaint, lanes=0, debug=debug)
    elif not bool(pred):
        raise JaxRuntimeError(str(complaint.error([np.asarray(v) for v in values])))


def check_error(error: Error) -> None:
    """Raise what `error` holds, as `check` does: an error value becomes a check again."""
    if not isinstance(error, Error):
        raise ValueError(f"checkify.check_error: expected an Error, got {describe_value(error)}")
    if not _is_traced(error.code):
        error.throw()
        return
    for number, site in enumerate(error.sites):
        holds = ne(error.code, number + 1)
        values = error._values_of(number)
        check_p.bind(holds, *values, complaint=site.complaint, lanes=holds.ndim, debug=False)


# --- sites ------------------------------------------------------------------------------------------------------------

_SCATTERS = (scatter_p, scatter_add_p, scatter_mul_p, scatter_min_p, scatter_max_p)
_SLICES = (dynamic_slice_p, dynamic_update_slice_p)
_NO_ARGUMENTS = pytree.flatten(((), {}))[1]
_THREE_ARGUMENTS = pytree.flatten(((0, 0, 0), {}))[1]
_RULES_OF_THEIR_OWN = (custom_jvp_call_p, custom_vjp_call_p)


def _sites_of(eqn: Eqn, kinds: frozenset) -> Iterable[_Site]:
    """What may go wrong in one equation, but for what is inside it."""
    if eqn.primitive is check_p:
        if FailedCheckError in kinds or not issubclass(eqn.params["complaint"].kind, FailedCheckError):
            lanes = eqn.params["lanes"]
            avals = tuple(a.aval.update(shape=a.aval.shape[lanes:], weak_type=False) for a in eqn.inputs[1:])
            yield _Site(eqn.params["complaint"], avals)
        return
    if NaNError in kinds and any(dtypes.is_inexact(v.aval.dtype) for v in eqn.outputs):
        yield _Site(Complaint(NaNError, f"nan generated by primitive: {eqn.primitive.name}.", _NO_ARGUMENTS), ())
    if DivisionByZeroError in kinds and eqn.primitive is div_p:
        yield _Site(Complaint(DivisionByZeroError, "division by zero", _NO_ARGUMENTS), ())
    if OOBError in kinds and eqn.primitive in (gather_p, *_SCATTERS, *_SLICES):
        shape = eqn.inputs[0].aval.shape
        text = f"out-of-bounds indexing for array of shape {shape}: "
        text += "index {} is out of bounds for axis {} with size {}. "
        yield _Site(Complaint(OOBError, text, _THREE_ARGUMENTS), (ShapedArray((), dtypes.int32),) * 3)


class _Sites:
    """All sites of a tape; where each begins in the list of values."""

    def __init__(self, tape: Tape, kinds: frozenset) -> None:
        self.kinds = kinds
        self.all: list[_Site] = []
        self._of_eqn: dict[int, dict[type, int]] = {}
        self._in_tape: dict[int, bool] = {}
        self._enter(tape)
        counts = [len(site.avals) for site in self.all]
        self.begins = [sum(counts[:i]) for i in range(len(counts))]

    def _enter(self, tape: Tape) -> bool:
        if id(tape) not in self._in_tape:
            self._in_tape[id(tape)] = False  # tapes are no part of themselves
            before = len(self.all)
            inner = [self._enter_eqn(eqn) for eqn in tape.eqns]
            self._in_tape[id(tape)] = any(inner) or len(self.all) > before
        return self._in_tape[id(tape)]

    def _enter_eqn(self, eqn: Eqn) -> bool:
        found = False
        tapes = list(subtapes(eqn.params))
        if not tapes or (eqn.primitive in _RULES_OF_THEIR_OWN and not any(map(_has_checks, tapes))):
            numbers = {}
            for site in _sites_of(eqn, self.kinds):
                numbers[site.complaint.kind] = len(self.all)
                self.all.append(site)
            self._of_eqn[id(eqn)] = numbers
            return bool(numbers)
        for tape in tapes:
            found = self._enter(tape) or found
        return found

    def inside(self, eqn: Eqn) -> bool:
        """Whether sites are on the tapes of a structured equation, so that it must be taken apart."""
        return id(eqn) not in self._of_eqn and any(self._in_tape.get(id(t), False) for t in subtapes(eqn.params))

    def of(self, eqn: Eqn) -> dict[type, int]:
        """The number of the site of each kind in one equation."""
        return self._of_eqn.get(id(eqn), {})


def _has_checks(tape: Tape) -> bool:
    return any(e.primitive is check_p or any(map(_has_checks, subtapes(e.params))) for e in tape.eqns)


# --- running ----------------------------------------------------------------------------------------------------------


class _Checked:
    """Runs tapes with the state [code, *values] that goes along."""

    def __init__(self, sites: _Sites) -> None:
        self.sites = sites

    def start(self) -> list[Any]:
        zeros = [np.zeros(a.shape, a.dtype) for site in self.sites.all for a in site.avals]
        return [as_array(np.int32(0)), *map(as_array, zeros)]

    def run(self, tape: Tape, state: list[Any], args: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        known: dict[Var, Any] = dict(zip(tape.inputs, args, strict=True))
        for eqn in tape.eqns:
            operands = [a if type(a) is Literal else known[a] for a in eqn.inputs]  # type: ignore[index]
            state, outs = self._equation(eqn, state, operands)
            known.update(zip(eqn.outputs, outs, strict=True))
        return state, [a if type(a) is Literal else known[a] for a in tape.outputs]  # type: ignore[index]

    def _equation(self, eqn: Eqn, state: list[Any], operands: list[Any]) -> tuple[list[Any], list[Any]]:
        if self.sites.inside(eqn):
            structured = {scan_p: self._scan, while_p: self._while, cond_p: self._cond}
            return structured.get(eqn.primitive, self._call)(eqn, state, operands)
        numbers = self.sites.of(eqn)
        if eqn.primitive is check_p:
            if numbers:
                state = self._assertion(eqn, state, operands, *numbers.values())
            return state, []
        if OOBError in numbers:
            state = self._outside(state, numbers[OOBError], _indices(eqn, operands))
        if DivisionByZeroError in numbers:
            state = self._failing(state, numbers[DivisionByZeroError], eq(operands[1], 0), [])
        outs = eqn.primitive.bind(*operands, **eqn.params)
        outs = outs if eqn.primitive.multiple else [outs]
        if NaNError in numbers:
            for out in outs:
                if dtypes.is_inexact(out.dtype):
                    state = self._failing(state, numbers[NaNError], ne(out, out), [])
        return state, outs

    # --- what fails ---------------------------------------------------------------------------------------------------

    def _failing(self, state: list[Any], number: int, is_bad: Any, values: Sequence[Any]) -> list[Any]:
        """The state after a site that is bad if any element of `is_bad` is."""
        if aval_of(is_bad).ndim:
            is_bad = reduce_or(is_bad, tuple(range(aval_of(is_bad).ndim)))
        is_first = bitwise_and(eq(state[0], 0), is_bad)
        state = [select(is_first, as_array(np.int32(number + 1)), state[0]), *state[1:]]
        for i, value in enumerate(values, 1 + self.sites.begins[number]):
            chosen = broadcast_in_dim(is_first, state[i].shape, ()) if state[i].ndim else is_first
            state[i] = select(chosen, value, state[i])
        return state

    def _assertion(self, eqn: Eqn, state: list[Any], operands: list[Any], number: int) -> list[Any]:
        lanes = eqn.params["lanes"]
        is_bad = bitwise_not(operands[0])
        values = operands[1:]
        if lanes:
            if not aval_of(is_bad).size:
                return state
            worst = argmax(reshape(is_bad, (aval_of(is_bad).size,)), 0, dtypes.int32)
            values = [_element_at(v, lanes, worst) for v in values]
        return self._failing(state, number, is_bad, values)

    def _outside(self, state: list[Any], number: int, indices: Sequence[_Index]) -> list[Any]:
        for index in indices:
            size = aval_of(index.value).size
            if size:
                flat = reshape(index.is_outside, (size,))
                worst = reshape(index.value, (size,))[argmax(flat, 0, dtypes.int32)]
                axis, length = (as_array(np.int32(n)) for n in (index.axis, index.length))
                state = self._failing(state, number, flat, [convert_element_type(worst, dtypes.int32), axis, length])
        return state

    # --- structured equations -----------------------------------------------------------------------------------------

    def _call(self, eqn: Eqn, state: list[Any], operands: list[Any]) -> tuple[list[Any], list[Any]]:
        return self.run(eqn.params["tape"], state, operands)

    def _scan(self, eqn: Eqn, state: list[Any], operands: list[Any]) -> tuple[list[Any], list[Any]]:
        loop = Loop(**eqn.params)
        consts, carry, xs = loop.groups(operands)

        def body(both: tuple, x: Any) -> tuple:
            state, outs = self.run(loop.tape, list(both[0]), [*consts, *both[1], *x])
            return (state, outs[: loop.num_carry]), outs[loop.num_carry :]

        (state, carry), ys = scan(body, (state, carry), xs, loop.length, loop.reverse, loop.unroll)
        return list(state), [*carry, *ys]

    def _while(self, eqn: Eqn, state: list[Any], operands: list[Any]) -> tuple[list[Any], list[Any]]:
        loop = While(**eqn.params)
        _refuse_lanes("while_loop", loop.is_of_many)
        cond_consts, body_consts, carry = loop.groups(operands)

        def condition(state: Any, carry: Any) -> tuple[Any, Any]:
            state, (goes_on,) = self.run(loop.cond_tape, list(state), [*cond_consts, *carry])
            return state, goes_on

        def body(all: tuple) -> tuple:
            state, carry, _ = all
            state, carry = self.run(loop.body_tape, list(state), [*body_consts, *carry])
            state, goes_on = condition(state, carry)
            return state, carry, goes_on

        state, goes_on = condition(state, carry)
        options = {} if loop.max_steps is None else {"max_steps": loop.max_steps}
        state, carry, _ = while_loop(lambda all: all[2], body, (state, carry, goes_on), **options)
        return list(state), list(carry)

    def _cond(self, eqn: Eqn, state: list[Any], operands: list[Any]) -> tuple[list[Any], list[Any]]:
        index, *rest = operands
        _refuse_lanes("cond", bool(aval_of(index).shape))
        branches = [lambda s, xs, tape=tape: self.run(tape, list(s), xs) for tape in eqn.params["branches"]]
        state, outs = switch(index, branches, state, rest)
        return list(state), list(outs)


def _element_at(value: Any, lanes: int, number: Any) -> Any:
    """Of the values for all elements of a batch, that of one whose number is computed."""
    shape = aval_of(value).shape
    return reshape(value, (prod(shape[:lanes]), *shape[lanes:]))[number]


def _refuse_lanes(name: str, is_of_many: bool) -> None:
    if is_of_many:
        raise NotImplementedError(
            f"checkify: there are checks in a {name} under vmap that goes another way for each element; turn the order "
            "around, vmap(checkify(f)), and get an error for each"
        )


# --- indices ----------------------------------------------------------------------------------------------------------


class _Index(NamedTuple):
    """What an equation reads along one axis: from where, whether that is outside, the axis and its length."""

    value: Any
    is_outside: Any
    axis: int
    length: int


def _indices(eqn: Eqn, operands: Sequence[Any]) -> list[_Index]:
    """For each axis that an equation indexes; negative starts of slices count from the end."""
    shape = aval_of(operands[0]).shape
    if eqn.primitive in _SLICES:
        is_update = eqn.primitive is dynamic_update_slice_p
        sizes = aval_of(operands[1]).shape if is_update else eqn.params["slice_sizes"]
        starts = operands[1 + is_update :]
        return [
            _Index(s, _is_outside_slice(s, n, size), axis, n)
            for axis, (s, n, size) in enumerate(zip(starts, shape, sizes, strict=True))
        ]
    axes, sizes = _indexed_axes(eqn, operands)
    found = []
    for i, (axis, size) in enumerate(zip(axes, sizes, strict=True)):
        value = operands[1][..., i]
        is_inside = bitwise_and(ge(value, 0), le(value, shape[axis] - size))
        found.append(_Index(value, bitwise_not(is_inside), axis, shape[axis]))
    return found


def _is_outside_slice(start: Any, length: int, size: int) -> Any:
    start = convert_element_type(start, dtypes.int32)
    is_behind = bitwise_and(gt(start, length - size), ge(start, 0))
    return bitwise_or(bitwise_or(lt(start, -length), is_behind), bitwise_and(lt(start, 0), gt(start, -size)))


def _indexed_axes(eqn: Eqn, operands: Sequence[Any]) -> tuple[Sequence[int], list[int]]:
    """The axes that index vectors run along, and how long the window is along each."""
    numbers = eqn.params["dimension_numbers"]
    if eqn.primitive is gather_p:
        axes = numbers.start_index_map
        return axes, [eqn.params["slice_sizes"][a] for a in axes]
    axes = numbers.scatter_dims_to_operand_dims
    absent = {*numbers.inserted_window_dims, *numbers.operand_batching_dims}
    window = [a for a in range(aval_of(operands[0]).ndim) if a not in absent]
    lengths = dict(zip(window, [aval_of(operands[2]).shape[d] for d in numbers.update_window_dims], strict=True))
    return axes, [lengths.get(a, 1) for a in axes]


# --- checkify ---------------------------------------------------------------------------------------------------------


def checkify(f: Callable, errors: frozenset = user_checks) -> Callable[..., tuple[Error, Any]]:
    """`f` with its checks as a value: a function that returns (error, result of f).

    errors: what is checked: `user_checks` (the calls of `check`), `nan_checks` (an operation gives a NaN), `div_checks`
    (a divisor is 0), `index_checks` (an index is outside), or unions of these.  The first failure counts; the program
    goes on.  `error.get()` is its text or None, `error.throw()` raises it.  All of it may be jitted, batched and
    differentiated.  Functions with derivative rules of their own are checked as a whole, unless they call `check`.
    """

    def checked(*args: Any, **kwargs: Any) -> tuple[Error, Any]:
        recorded = record_call("checkify", f, args, kwargs)
        sites = _Sites(recorded.tape, frozenset(errors))
        checked = _Checked(sites)
        leaves = [as_array(x) for x in pytree.leaves((args, kwargs))]
        state, outs = checked.run(recorded.tape, checked.start(), [*recorded.captured, *leaves])
        return Error(state[0], state[1:], tuple(sites.all)), recorded.out_tree.unflatten(outs)

    return checked
