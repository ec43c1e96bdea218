"""The primitive: one record with every rule of an op, and the registry of all of them.

Each slot is filled or refused by name.  A refusal is a `Refused(reason)`; it is raised with the op's
name when somebody needs the rule.  Rules have these forms (params by keyword, as bound):

    shape      (*avals, **params) -> aval, or a tuple of avals for `multiple`
    impl       (xp, *buffers, **params) -> buffer(s); xp is NumPy or CuPy
    writes_out True, or (**params) -> bool: `impl` also takes `out=`, contiguous buffers for the results (a tuple for
               `multiple`), fills and returns them
    may_overwrite  True: `impl` also takes `out=`, an operand of the result's type and shape that nobody reads
               afterwards, and may return it with the result inside
    is_fresh   True: results of `impl` have memory of their own and it keeps no operand, so that both may lie in a
               program's arena and be overwritten afterwards; implied by `writes_out` and `may_overwrite`
    may_keep   True: `impl` may leave its operands with somebody who reads them later
    may_spoil  True: `impl` also takes `spoils=`, True where nobody reads the operands afterwards, whose memory is the
               program's own: they may be left with anything in them
    view       a `View`, for ops whose `impl` copies nothing
    takes_reversed  numbers of the operands that the library for a GPU takes as they lie where views have reversed them
    commutes   True: the two operands may change places
    parity     a `Parity`, for ops of one operand that have one
    parts      (*avals, language, **params) -> a function of the operands, or None: other ops, of which kernels in
               `language` compute the op better than the library does
    jvp        (primals, tangents, **params) -> (out(s), tangent(s)); tangents may be `Zero`
    transpose  (ct, *operands, **params) -> a cotangent or None for each operand; operands to be
               transposed are `Linear`
    batch      (axis, operands, dims, **params) -> (out(s), dim(s)); a dim is an int or None
    batch_functions  (trace, operands, dims, **params) -> (out(s), dim(s)): instead of `batch`, for ops that
               run functions, which may close over values of the batching `trace` itself
    split      (unknown, args, **params) -> outs: how a structured op (a loop, a call) divides into what
               is computed now and what is recorded on a linear tape
    prune      (read, **params) -> (operands, results, params): which operands and results are left, and the params, of
               the op without results that nobody reads, for ops that hold tapes; those that others need are left
    nested     (*avals, **params) -> a `NestedCall` of compiler/nest.py, or None: the op as a call of compiled code, on
               a host with kernels, for ops that run tapes
    runs       (language, **params) -> `Runs`, for ops that run tapes many times: see there
    evaluate   (args, params) -> out(s): for ops that run functions, instead of `impl`, outside `jit`
    stage      (trace, args, params) -> out(s): for ops that must turn functions into tapes first
    cuda       C++ expression over scalar operands, or an emitter; `index_map` for data movers
    sum_map    a `SumMap`, for ops whose elements may be sums of few products
    update_map an `UpdateMap`, for ops that change some elements of their first operand
    lane_map   a `LaneMap`, for ops on small matrices or rows that a lane program writes out
    keys       (follower, operands, **params) -> results: how the op uses random keys (`core/key_reuse.py`); without
               it an op moves them about, and one that runs functions makes new ones
    is_call    True for an op that does what a tape says, that of `called_tape`: the compiler puts the equations in its
               place

`bind` sends the op to the current trace.  To add an op use a family (`ops/families.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple

from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.context import context


class Refused:
    """A rule that an op does not have, and why."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def __repr__(self) -> str:
        return f"Refused({self.reason!r})"


NOT_LINEAR = Refused("it is not linear in its operands, so it has no transpose")
ABSENT = Refused("the slot does not apply to this kind of op")


def not_fusable(reason: str) -> Refused:
    """Says why an op is a step of its own and never part of a fused kernel."""
    return Refused(reason)


class View(Enum):
    """How results that share the memory of their operand lie in it."""

    SAME = "all elements in their order, where those of the operand have no gaps"
    STRIDED = "some or all of the elements, at any strides but negative ones"
    REVERSED = "the last element first, along some axes"


class Parity(Enum):
    """What an op makes of -x."""

    EVEN = "the same as of x"
    ODD = "the negative of what it makes of x"


class UpdateMap(NamedTuple):
    """How an op changes its first operand: by each element of operand number `updates`, once.

    `rule(e, index, *avals, **params) -> (condition, place)`: where the condition holds, the element at `place` is
    combined with the update at `index` by the C++ reduction `reduction`; `cj::Last` overwrites.
    """

    updates: int
    reduction: str
    rule: Callable


class SumMap(NamedTuple):
    """How an element of the result is a sum of products, written out where it is needed if these are few.

    `terms(*avals, **params)` is how many products, None where `impl` is better.  `element(e, index, *avals, **params)`
    is the element of the result at `index`, as an `index_map`.
    """

    terms: Callable
    element: Callable


class RunningSum(NamedTuple):
    """How an element of the result is a sum of many terms, taken one after the other.

    `length(*avals, **params)` is how many.  `term(e, index, number, *avals, **params)` is a term of the element at
    `index`, and `result(e, total, *avals, **params)` the element.
    """

    length: Callable
    term: Callable
    result: Callable


class LaneLoops(NamedTuple):
    """How an op is computed within a lane by loops over arrays of its own, where it is too much to be written out.

    `write(w, *operands, *results, **params)` makes the statements; `w` and the arrays are those of
    `compiler/lane_statements.py`, over the axes along which elements meet.  `refusal`: as of LaneMap.
    """

    write: Callable
    refusal: Callable[..., str | None]


class LaneMap(NamedTuple):
    """How an op is computed within a lane, whose elements are scalars.

    `axes(*avals, **params)` gives (result, operand, axis, axis of the result) for each axis along which elements do
    not meet.  `element(e, index, *avals, **params)` is the element of the result at `index`, as an `index_map`.
    `refusal(*avals, **params)` says why an equation is too much to be written out, None if it is not.
    sum: for ops whose elements are sums, which are then loops where they are long.
    loops: for ops that are too much from some size on, and then loops.
    """

    axes: Callable
    element: Callable
    refusal: Callable[..., str | None] = lambda *_, **__: None
    sum: RunningSum | None = None
    loops: LaneLoops | None = None

    def is_written_out(self, *avals: Any, **params: Any) -> bool:
        """Whether a lane has scalars for all of it."""
        return self.refusal(*avals, **params) is None

    def reason_against(self, *avals: Any, **params: Any) -> str | None:
        """Why no lane can compute it in either way."""
        reason = self.refusal(*avals, **params)
        return reason if reason is None or self.loops is None else self.loops.refusal(*avals, **params)


class Runs(NamedTuple):
    """What the `impl` of a loop does with its tapes, where kernels are in `language`, or None without kernels.

    programs: (tape, owned, placed) for each program, as `compile_tape` is asked for it.
    overwrites: {number of an operand: number of a result}.  The operand's buffer is changed if its number is in the
        argument `owned` of `impl`, else a copy of it; whichever it is, the result is memory of the loop's own.
    held: bytes beside operands, results and what the programs hold.
    """

    programs: Sequence[tuple[Any, tuple[int, ...], tuple[int, ...]]]
    overwrites: Mapping[int, int]
    held: int = 0


REGISTRY: dict[str, Primitive] = {}

_MEMO_LIMIT = 8192


class Primitive:
    """See the module's docstring for the slots."""

    def __init__(
        self,
        name: str,
        *,
        shape: Callable,
        impl: Callable | Refused,
        jvp: Callable | Refused,
        transpose: Callable | Refused,
        batch: Callable | Refused,
        doc: str,
        domain: Any,
        cuda: Any = ABSENT,
        index_map: Any = ABSENT,
        sum_map: SumMap | None = None,
        update_map: Any = ABSENT,
        lane_map: LaneMap | None = None,
        batch_functions: Callable | None = None,
        split: Callable | None = None,
        evaluate: Callable | None = None,
        stage: Callable | None = None,
        keys: Callable | None = None,
        multiple: bool = False,
        effect: bool = False,
        collective: bool = False,
        is_call: bool = False,
        family: str = "",
        writes_out: bool | Callable[..., bool] = False,
        runs: Callable[..., Runs] | None = None,
        nested: Callable | None = None,
        prune: Callable | None = None,
        is_fresh: bool = False,
        may_overwrite: bool = False,
        may_spoil: bool = False,
        may_keep: bool = False,
        view: View | None = None,
        takes_reversed: Sequence[int] = (),
        parts: Callable | None = None,
        commutes: bool = False,
        parity: Parity | None = None,
        registered: bool = True,
    ) -> None:
        if registered and REGISTRY.setdefault(name, self) is not self:
            raise ValueError(f"primitive {name!r} is declared twice")
        self.name = name
        self.shape, self.impl, self.jvp, self.transpose, self.batch = shape, impl, jvp, transpose, batch
        self.cuda, self.index_map, self.update_map = cuda, index_map, update_map
        self.batch_functions, self.split, self.evaluate, self.stage = batch_functions, split, evaluate, stage
        self.multiple, self.effect, self.collective = multiple, effect, collective
        self.is_call, self.lane_map, self.sum_map = is_call, lane_map, sum_map
        self.doc, self.domain, self.family, self.keys = doc, domain, family, keys
        self._avals: dict[Any, Any] = {}
        self.writes_out, self.may_overwrite, self.runs, self.prune = writes_out, may_overwrite, runs, prune
        self.is_fresh = is_fresh or may_overwrite or bool(writes_out)
        self.may_spoil, self.may_keep, self.nested = may_spoil, may_keep, nested
        self.view, self.takes_reversed, self.parts = view, tuple(takes_reversed), parts
        self.commutes, self.parity = commutes, parity

    @property
    def multiple_results(self) -> bool:
        """Whether `bind` returns a list: what `multiple` is called on a jaxpr."""
        return self.multiple

    def bind(self, *args: Any, **params: Any) -> Any:
        """Apply the op under the current trace."""
        return context.trace.process(self, args, params)

    def abstract(self, avals: tuple[ShapedArray, ...], params: dict[str, Any]) -> Any:
        """The aval of the result (a tuple for `multiple`), remembered by operands and params.

        Not for structured ops: the memory would keep their tapes and functions alive.
        """
        if self.family == "control":
            return self.shape(*avals, **params)
        key = (avals, *params.values())
        try:
            found = self._avals.get(key)
        except TypeError:  # an unhashable param
            return self.shape(*avals, **params)
        if found is None:
            if len(self._avals) >= _MEMO_LIMIT:
                self._avals.clear()
            found = self._avals[key] = self.shape(*avals, **params)
        return found

    def get_bind_params(self, params: dict[str, Any]) -> dict[str, Any]:
        """What `bind` takes for an equation with `params`: these, as they are."""
        return params

    def called_tape(self, avals: Sequence[ShapedArray], params: dict[str, Any]) -> Any:
        """The tape of which an op with `is_call` is a call, for operands of these avals."""
        return params["tape"]

    def takes_out(self, params: dict[str, Any]) -> bool:
        """Whether `impl` with these params takes `out=`."""
        return self.writes_out(**params) if callable(self.writes_out) else self.writes_out

    def rule(self, slot: str) -> Callable:
        """The rule in `slot`; NotImplementedError with the reason where it was refused."""
        rule = getattr(self, slot)
        if isinstance(rule, Refused):
            raise NotImplementedError(f"{slot} of {self.name!r} does not exist: {rule.reason}")
        return rule

    def __repr__(self) -> str:
        return self.name
