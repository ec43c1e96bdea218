"""`scan_p`: a loop of known length, the primitive behind `scan`, `map` and `fori_loop` with static bounds.

The body is a tape (consts, carry, slices of xs) -> (carry, slices of ys).  Params:

    tape, num_consts, num_carry, length, reverse, unroll

Reverse mode divides the loop in two by `split`: a known loop that also stacks the residuals of each step,
and a linear loop that reads them; values that do not change from step to step are not stacked.  Where few
numbers are differentiated by, the known loop carries their Jacobian instead, and no linear loop is left
(carried_jacobian.py).  The transpose of a linear loop is a loop in the other direction that carries the
cotangents of consts and carry.  Which carries have tangents, are unknown or are batched is found as a fixed
point: a carry that depends on one in a single step does so after the next.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from cujax.engine.backends.select import selected
from cujax.engine.compiler import loop_plan
from cujax.engine.compiler.cpp import physical
from cujax.engine.compiler.loop_body import LoopBody, copied
from cujax.engine.compiler.loop_plan import Part, is_small
from cujax.engine.compiler.nest import Rows, loop_call
from cujax.engine.compiler.program import run_compiled_impl
from cujax.engine.compiler.steps import NestedCall
from cujax.engine.compiler.traffic import bytes_of
from cujax.engine.control.carried_jacobian import CarriedJacobian, carried_jacobian, starts_of
from cujax.engine.control.flags import merge_by, nonzero_flags, pad_zeros, split_at, split_by
from cujax.engine.control.recompute import with_recomputed_residuals
from cujax.engine.control.rows import are_readable, empty_rows, pitch_of, readable_rows
from cujax.engine.core.aval import ShapedArray, same_array_type
from cujax.engine.core.axis import AxisData
from cujax.engine.core.key_loops import Slices, num_steps, stacked_keys
from cujax.engine.core.primitive import Primitive, Runs, not_fusable
from cujax.engine.core.recording import record_pure, run_tape
from cujax.engine.core.simplify import drop_inputs, part_depending_on, rearrange, remove_dead_code
from cujax.engine.core.tape import Tape
from cujax.engine.core.trace import aval_of
from cujax.engine.core.zero import Linear, Zero, is_linear
from cujax.engine.ground.config import config
from cujax.engine.ops.structural import add_tangents, move_dim
from cujax.engine.transforms.batching import batch_tape
from cujax.engine.transforms.jvp import instantiate, jvp_tape
from cujax.engine.transforms.linearize import SplitTape, record_unknown, split_tape
from cujax.engine.transforms.transpose import backward_mixed, instantiate_ct


class Loop(NamedTuple):
    """The params of a scan, in the order of the equation."""

    tape: Tape
    num_consts: int
    num_carry: int
    length: int
    reverse: bool
    unroll: int

    def groups(self, items: Sequence[Any]) -> list[list[Any]]:
        """`items`, one for each operand, as consts, carry, xs."""
        return split_at(items, self.num_consts, self.num_carry)

    @property
    def body(self) -> LoopBody:
        """What runs in each step."""
        return LoopBody(self.tape, self.num_consts, self.num_carry)

    def with_body(self, tape: Tape, num_consts: int, num_carry: int) -> dict[str, Any]:
        """Params of a loop over another body, of the same length and direction."""
        return self._replace(tape=tape, num_consts=num_consts, num_carry=num_carry)._asdict()


def stacked(aval: ShapedArray, length: int) -> ShapedArray:
    """The aval of `length` values of `aval` along a new leading axis."""
    return aval.update(shape=(length, *aval.shape))


def _shape(*avals: ShapedArray, **params: Any) -> tuple[ShapedArray, ...]:
    loop = Loop(**params)
    consts, carry, xs = loop.groups(avals)
    inputs = loop.groups(loop.tape.in_avals)
    expected = [*inputs[0], *inputs[1], *(stacked(a, loop.length) for a in inputs[2])]
    if not all(map(same_array_type, expected, [*consts, *carry, *xs])):
        raise TypeError(f"scan operands {list(avals)} do not fit the body's inputs {expected}")
    carry_out, ys = split_at(loop.tape.out_avals, loop.num_carry)
    return (*carry_out, *(stacked(a, loop.length) for a in ys))


def _impl(xp: Any, *buffers: Any, owned: Sequence[int] = (), **params: Any) -> list[Any]:
    """Each x is a row of its array, each y is written into a row of the result."""
    loop = Loop(**params)
    y_avals = loop.tape.out_avals[loop.num_carry :]
    ys = [empty_rows(loop.length, a.shape, physical(a.dtype)) for a in y_avals]
    consts, carry, xs = loop.groups(buffers)
    if loop.length:
        carry = _run(loop, consts, carry, xs, ys, [i - loop.num_consts for i in owned])
    return [*carry, *[selected().contiguous(y) for y in ys]]


def _run(
    loop: Loop, consts: list[Any], carry: list[Any], xs: list[Any], ys: list[Any], owned: Sequence[int]
) -> list[Any]:
    """All steps; the carries whose numbers are in `owned` may be overwritten.  Returns the last carry.

    Prepared at once where the steps are kernels of the host, otherwise one pass of Python per step.
    """
    body = loop.body
    program = body.program()
    carry = copied(carry, [k for k in body.changed(program) if k not in owned])
    xs = [readable_rows(x) for x in xs]
    plan = body.plan(program, len(xs) + len(ys)) if loop.length >= loop_plan.FEWEST else None
    if plan is not None:
        packed = selected().contiguous
        rows = [*[packed(x) if are_readable(x.shape[1:], x.dtype) else x for x in xs], *ys]
        return body.settled(program, plan.run([consts], carry, rows, loop.length, loop.reverse))
    for i in range(loop.length - 1, -1, -1) if loop.reverse else range(loop.length):
        carry = program.run([*consts, *carry, *[rows[i, ...] for rows in (*xs, *ys)]])[: loop.num_carry]
    return body.settled(program, carry)


def _nested(*avals: ShapedArray, **params: Any) -> NestedCall | None:
    loop = Loop(**params)
    num_ys = len(loop.tape.outputs) - loop.num_carry
    carry, ys = split_at(loop.tape.out_avals, loop.num_carry)
    xs = loop.groups(loop.tape.in_avals)[2]
    rows_fit = all(pitch_of(a.shape, physical(a.dtype)) == a.size for a in (*xs, *ys))
    if not rows_fit or not is_small([*carry, *[stacked(a, loop.length) for a in ys]]):
        return None
    program = loop.body.program()
    rows = Rows(len(xs), num_ys, loop.length, loop.reverse)
    return loop_call(Part(program, loop.num_consts), loop.num_carry, loop.body.changed(program), rows=rows)


def _runs(language: str | None, **params: Any) -> Runs:
    loop = Loop(**params)
    body = loop.body
    overwritten = body.overwritten(language) if loop.length else []
    programs = ((loop.tape, body.owned(language), body.placed),)
    return Runs(programs, {loop.num_consts + k: k for k in overwritten}, _held(loop, overwritten))


def _held(loop: Loop, overwritten: Sequence[int]) -> int:
    """Bytes of the carry before a step, where it is not changed in place, and of rows with gaps."""
    carry, ys = split_at(loop.tape.out_avals, loop.num_carry)
    _, _, xs = loop.groups(loop.tape.in_avals)
    before = bytes_of([a for k, a in enumerate(carry) if k not in overwritten]) if loop.length > 1 else 0
    gapped = [x for x in xs if not are_readable(x.shape, physical(x.dtype))]
    gapped += [y for y in ys if pitch_of(y.shape, physical(y.dtype)) != y.size]
    return before + sum(loop.length * pitch_of(a.shape, d) * d.itemsize for a in gapped for d in [physical(a.dtype)])


def fixed_point(flags: Sequence[bool], step: Callable[[list[bool]], Sequence[bool]]) -> list[bool]:
    """The least flags above `flags` that `step` does not raise further."""
    flags = list(flags)
    while True:
        raised = [a or b for a, b in zip(flags, step(flags), strict=True)]
        if raised == flags:
            return flags
        flags = raised


def _prune(read: Sequence[bool], **params: Any) -> tuple[list[bool], list[bool], dict[str, Any]]:
    """Without the carries that only compute themselves, as a counter does of which the body makes no use."""
    loop = Loop(**params)
    key = ("scan_prune", tuple(read), loop.num_consts, loop.num_carry)
    tape, operands, results = loop.tape.memo(key, lambda: _pruned(loop, read))
    num_consts, num_carry = map(sum, split_at(operands, loop.num_consts, loop.num_carry)[:2])
    return operands, results, loop.with_body(tape, num_consts, num_carry)


def _pruned(loop: Loop, read: Sequence[bool]) -> tuple[Tape, list[bool], list[bool]]:
    """The body with what is left of its inputs and outputs, and which these are."""
    read_carry, read_ys = split_at(read, loop.num_carry)

    def carry_before(flags: list[bool]) -> Sequence[bool]:
        return loop.groups(remove_dead_code(loop.tape, [*flags, *read_ys])[1])[1]

    carry = fixed_point(read_carry, carry_before)
    tape, used = remove_dead_code(loop.tape, [*carry, *read_ys])
    consts, _, xs = loop.groups(used)
    operands = [*consts, *carry, *xs]
    return drop_inputs(tape, operands), operands, [*carry, *read_ys]


# --- derivatives ----------------------------------------------------------------------------------------


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> tuple[list[Any], list[Any]]:
    loop = Loop(**params)
    nz_consts, nz_init, nz_xs = loop.groups(nonzero_flags(tangents))
    num_ys = len(loop.tape.outputs) - loop.num_carry

    def carry_after(nz_carry: list[bool]) -> Sequence[bool]:
        return jvp_tape(loop.tape, [*nz_consts, *nz_carry, *nz_xs])[1][: loop.num_carry]

    nz_carry = fixed_point(nz_init, carry_after)
    nonzero = [*nz_consts, *nz_carry, *nz_xs]
    body, nz_out = jvp_tape(loop.tape, nonzero, [*nz_carry, *[False] * num_ys])
    body = loop.tape.memo(
        ("scan_jvp", tuple(nonzero), loop.num_consts, loop.num_carry),
        lambda: _interleave(loop, body, nonzero, nz_out),
    )
    p, t = loop.groups(primals), loop.groups(tangents)
    t_carry = [instantiate(x) for x, nz in zip(t[1], nz_carry, strict=True) if nz]
    operands = [
        *p[0], *split_by(nz_consts, t[0])[1], *p[1], *t_carry, *p[2], *split_by(nz_xs, t[2])[1],
    ]
    outs = scan_p.bind(
        *operands, **loop.with_body(body, loop.num_consts + sum(nz_consts), loop.num_carry + sum(nz_carry))
    )
    carry, t_carry, ys, t_ys = split_at(outs, loop.num_carry, sum(nz_carry), num_ys)
    out_avals = _shape(*[aval_of(x) for x in primals], **params)
    return [*carry, *ys], pad_zeros(nz_out, [*t_carry, *t_ys], out_avals)


def _interleave(loop: Loop, body: Tape, nonzero: Sequence[bool], nz_out: Sequence[bool]) -> Tape:
    """The derived body with consts, carry and xs each followed by their tangents."""
    n = len(loop.tape.inputs)
    primal = loop.groups(range(n))
    tangent = loop.groups(merge_by(nonzero, [None] * (n - sum(nonzero)), range(n, n + sum(nonzero))))
    inputs = [i for p, t in zip(primal, tangent, strict=True) for i in (*p, *(x for x in t if x is not None))]
    m = len(loop.tape.outputs)
    nz_carry = sum(nz_out[: loop.num_carry])
    tangents_out = list(range(m, m + sum(nz_out)))
    outputs = [
        *range(loop.num_carry), *tangents_out[:nz_carry], *range(loop.num_carry, m), *tangents_out[nz_carry:],
    ]
    return rearrange(body, inputs, outputs)


class _Halves(NamedTuple):
    """A divided loop: see `_divide`."""

    invariant: Tape
    known: Tape
    linear: Tape
    parts: SplitTape
    from_const: list[int]
    from_carry: list[int]
    from_xs: list[int]
    num_invariant: int


def _split(unknown: Sequence[bool], args: Sequence[Any], **params: Any) -> list[Any]:
    loop = Loop(**params)
    u_consts, u_init, u_xs = loop.groups(unknown)
    num_ys = len(loop.tape.outputs) - loop.num_carry

    def carry_after(u_carry: list[bool]) -> Sequence[bool]:
        return split_tape(loop.tape, [*u_consts, *u_carry, *u_xs]).unknown_out[: loop.num_carry]

    u_carry = fixed_point(u_init, carry_after)
    flags = (*u_consts, *u_carry, *u_xs)
    forced = [*u_carry, *[False] * num_ys]
    consts, carry, xs = loop.groups(args)
    (k_consts, l_consts), (k_carry, l_carry), (k_xs, l_xs) = (
        split_by(u, a) for u, a in ((u_consts, consts), (u_carry, carry), (u_xs, xs))
    )
    starts = starts_of(split_by(u_carry, u_init)[1], l_carry)
    jacobian = _jacobian(loop, flags, forced, starts)
    if jacobian is not None:
        entries = jacobian.first()
        outs = scan_p.bind(
            *k_consts, *k_carry, *entries, *k_xs,
            **loop.with_body(jacobian.body, len(k_consts), len(k_carry) + len(entries)),
        )
        known_carry, entries, ys = split_at(outs, len(k_carry), len(entries))
        return merge_by(forced, [*known_carry, *ys], jacobian.product(entries, [*l_consts, *l_carry]))
    key = ("scan_split", flags, loop.num_consts, loop.num_carry)
    halves: _Halves = loop.tape.memo(key, lambda: _divide(loop, flags, forced))
    invariants = run_tape(halves.invariant, k_consts) if halves.num_invariant else []
    outs = scan_p.bind(
        *k_consts, *k_carry, *k_xs, **loop.with_body(halves.known, len(k_consts), len(k_carry))
    )
    num_known = len(halves.parts.unknown_out) - sum(halves.parts.unknown_out)
    known_outs, residual_ys = split_at(outs, num_known)
    linear_consts = [*(k_consts[i] for i in halves.from_const), *invariants, *l_consts]
    linear_xs = [*(k_xs[i] for i in halves.from_xs), *residual_ys, *l_xs]
    linear_outs = record_unknown(
        scan_p, [*linear_consts, *l_carry, *linear_xs],
        loop.with_body(halves.linear, len(linear_consts), len(l_carry)),
    )
    return merge_by(halves.parts.unknown_out, known_outs, linear_outs)


def _jacobian(
    loop: Loop, unknown: Sequence[bool], forced: Sequence[bool], starts: Sequence[bool]
) -> CarriedJacobian | None:
    """For a loop whose slices are known and stay so, if it is the better way."""
    parts = split_tape(loop.tape, unknown, forced)
    consts, carry, xs = loop.groups(unknown)
    if any(xs) or list(parts.unknown_out) != list(forced):
        return None
    debugs = config.debug_nans, config.debug_infs
    key = ("scan_jacobian", tuple(unknown), tuple(starts), loop.num_consts, loop.num_carry, debugs)
    num_consts, num_carry = (len(g) - sum(g) for g in (consts, carry))
    return loop.tape.memo(key, lambda: carried_jacobian(parts, num_consts, num_carry, starts, scan_p))


def _divide(loop: Loop, unknown: Sequence[bool], forced: Sequence[bool]) -> _Halves:
    """The known body, which also gives the residuals to be stacked, and the linear body that reads them.

    A residual that is a known const or a slice of a known xs is read from there; one computed from consts
    alone is computed once, by `invariant`; the rest, known carries among them, are stacked as ys, or computed again
    (recompute.py).
    """
    parts = with_recomputed_residuals(split_tape(loop.tape, unknown, forced))
    known_groups = [
        split_by(u, a)[0] for u, a in zip(loop.groups(unknown), loop.groups(range(len(unknown))), strict=True)
    ]
    nc, nk, nx = map(len, known_groups)
    num_outs = len(parts.known.outputs) - parts.num_extra
    invariant_eqns, sufficient = part_depending_on(parts.known, [True] * nc + [False] * (nk + nx))
    invariant_flags = sufficient[num_outs:]
    origin = _residual_origins(parts, nc, nk, invariant_flags)
    extras = range(num_outs, len(parts.known.outputs))
    invariant_outs, stacked_outs = split_by([not f for f in invariant_flags], list(extras))
    from_carry = [i for kind, i in origin if kind == "carry"]
    known = Tape(
        parts.known.inputs,
        parts.known.eqns,
        [
            *(parts.known.outputs[i] for i in [*range(num_outs), *stacked_outs]),
            *(parts.known.inputs[nc + i] for i in from_carry),
        ],
        parts.known.name,
    )
    invariant = Tape(
        parts.known.inputs[:nc],
        invariant_eqns,
        [parts.known.outputs[i] for i in invariant_outs],
        parts.known.name,
    )
    return _Halves(
        remove_dead_code(invariant)[0],
        remove_dead_code(known)[0],
        _linear_body(loop, parts, unknown, origin),
        parts,
        [i for kind, i in origin if kind == "const"],
        from_carry,
        [i for kind, i in origin if kind == "xs"],
        len(invariant_outs),
    )


def _residual_origins(parts: SplitTape, nc: int, nk: int, invariant: Sequence[bool]) -> list[tuple[str, int]]:
    """Where each residual comes from: ("const" | "carry" | "xs" | "invariant" | "stacked", position)."""
    extra = 0
    origins: list[tuple[str, int]] = []
    for source in parts.residual_inputs:
        if source is None:
            origins.append(("invariant" if invariant[extra] else "stacked", extra))
            extra += 1
        elif source < nc:
            origins.append(("const", source))
        else:
            origins.append(("carry", source - nc) if source < nc + nk else ("xs", source - nc - nk))
    return origins


def _linear_body(
    loop: Loop, parts: SplitTape, unknown: Sequence[bool], origin: Sequence[tuple[str, int]]
) -> Tape:
    """The linear tape with its inputs in the order consts, carry, xs of the linear loop."""
    num_res = len(origin)
    u_consts, u_carry, u_xs = (sum(g) for g in loop.groups(unknown))

    def residuals(*kinds: str) -> list[int]:
        return [i for kind in kinds for i, (k, _) in enumerate(origin) if k == kind]

    consts, carry, xs, _ = split_at(
        range(num_res, num_res + u_consts + u_carry + u_xs), u_consts, u_carry, u_xs
    )
    return rearrange(
        parts.linear,
        [*residuals("const", "invariant"), *consts, *carry, *residuals("xs", "stacked", "carry"), *xs],
    )


def _transpose(cts: Sequence[Any], *operands: Any, **params: Any) -> list[Any]:
    loop = Loop(**params)
    consts, _, xs = loop.groups(operands)
    lin_consts, lin_xs = [is_linear(c) for c in consts], [is_linear(x) for x in xs]
    ct_carry, ct_ys = split_at(cts, loop.num_carry)
    nz_ys = nonzero_flags(ct_ys)
    key = ("scan_transpose", tuple(lin_consts), tuple(lin_xs), tuple(nz_ys), loop.num_carry)
    body = loop.tape.memo(key, lambda: _transposed_body(loop, lin_consts, lin_xs, nz_ys))
    known_consts, linear_consts = split_by(lin_consts, consts)
    known_xs, _ = split_by(lin_xs, xs)
    carry_avals = loop.tape.out_avals[: loop.num_carry]
    init = [
        *(instantiate(Zero(c.aval)) for c in linear_consts),
        *(instantiate_ct(ct, a.to_tangent_aval()) for ct, a in zip(ct_carry, carry_avals, strict=True)),
    ]
    flipped = loop._replace(reverse=not loop.reverse)
    outs = scan_p.bind(
        *known_consts, *init, *known_xs, *split_by(nz_ys, ct_ys)[1],
        **flipped.with_body(body, len(known_consts), len(init)),
    )
    ct_consts, ct_init, ct_xs = split_at(outs, len(linear_consts), loop.num_carry)
    return [
        *merge_by(lin_consts, [None] * len(known_consts), ct_consts),
        *ct_init,
        *merge_by(lin_xs, [None] * len(known_xs), ct_xs),
    ]


def _transposed_body(
    loop: Loop, lin_consts: Sequence[bool], lin_xs: Sequence[bool], nz_ys: Sequence[bool]
) -> Tape:
    """(known consts; ct of linear consts, ct of carry; known xs, ct of ys) -> (both cts; ct of linear xs)."""
    consts, carry, xs = loop.groups(loop.tape.in_avals)
    known_consts, linear_consts = split_by(lin_consts, consts)
    known_xs, linear_xs = split_by(lin_xs, xs)
    y_avals = loop.tape.out_avals[loop.num_carry :]
    ct_y_avals = [a.to_tangent_aval() for a in split_by(nz_ys, y_avals)[1]]

    def step(*args: Any) -> list[Any]:
        res_consts, sums, ct_carry, res_xs, ct_ys = split_at(
            args, len(known_consts), len(linear_consts), loop.num_carry, len(known_xs)
        )
        operands = [
            *merge_by(lin_consts, res_consts, [Linear(a) for a in linear_consts]),
            *(Linear(a) for a in carry),
            *merge_by(lin_xs, res_xs, [Linear(a) for a in linear_xs]),
        ]
        found = backward_mixed(loop.tape, operands, [*ct_carry, *pad_zeros(nz_ys, ct_ys, y_avals)])
        ct_consts, ct_init, ct_xs = loop.groups(found)
        return [
            *(add_tangents(s, ct) for s, ct in zip(sums, split_by(lin_consts, ct_consts)[1], strict=True)),
            *(instantiate(ct) for ct in ct_init),
            *(instantiate(ct) for ct in split_by(lin_xs, ct_xs)[1]),
        ]

    tangent_avals = [a.to_tangent_aval() for a in (*linear_consts, *loop.tape.out_avals[: loop.num_carry])]
    return record_pure(
        step, [*known_consts, *tangent_avals, *known_xs, *ct_y_avals], f"transpose_{loop.tape.name}"
    )


# --- batching -------------------------------------------------------------------------------------------


def _batch(
    axis: AxisData, operands: Sequence[Any], dims: Sequence[int | None], **params: Any
) -> tuple[list, list]:
    loop = Loop(**params)
    d_consts, d_init, d_xs = loop.groups(dims)
    num_ys = len(loop.tape.outputs) - loop.num_carry
    x_dims = [None if d is None else 0 for d in d_xs]

    def body_dims(batched: Sequence[bool]) -> list[int | None]:
        return [*d_consts, *(0 if b else None for b in batched), *x_dims]

    def carry_after(batched: list[bool]) -> list[bool]:
        _, out = batch_tape(loop.tape, axis, body_dims(batched), [*batched, *[False] * num_ys])
        return [d is not None for d in out[: loop.num_carry]]

    batched = fixed_point([d is not None for d in d_init], carry_after)
    body, out_dims = batch_tape(loop.tape, axis, body_dims(batched), [*batched, *[False] * num_ys])
    consts, carry, xs = loop.groups(operands)
    carry = [move_dim(axis, c, d, 0) if b else c for c, d, b in zip(carry, d_init, batched, strict=True)]
    xs = [x if d is None else move_dim(axis, x, d, 1) for x, d in zip(xs, d_xs, strict=True)]
    outs = scan_p.bind(*consts, *carry, *xs, **loop._replace(tape=body)._asdict())
    y_dims = [None if d is None else d + 1 for d in out_dims[loop.num_carry :]]
    return outs, [*out_dims[: loop.num_carry], *y_dims]


def _keys(follower: Any, operands: Sequence[Any], **params: Any) -> list[Any]:
    loop = Loop(**params)
    consts, carry, xs = loop.groups(operands)
    slices = [Slices(x, loop.reverse) for x in xs]
    steps, ys = min(loop.length, num_steps(carry)), []
    with follower.loop():
        for i in range(steps):
            outs = follower.call("scan", loop.tape, [*consts, *carry, *[s.step(i) for s in slices]])
            carry, of_step = split_at(outs, loop.num_carry)
            ys.append(of_step)
    for s in slices:
        s.use_rest(follower, steps)
    if not steps:
        return [*carry, *[None] * (len(loop.tape.outputs) - loop.num_carry)]
    return [*carry, *[stacked_keys(y, loop.length, loop.reverse) for y in zip(*ys, strict=True)]]


scan_p: Primitive = Primitive(
    "scan", shape=_shape, impl=_impl, runs=_runs, evaluate=lambda args, params: run_compiled_impl(scan_p, args, params),
    jvp=_jvp, split=_split, transpose=_transpose, batch=_batch, multiple=True, collective=True,
    cuda=not_fusable("a loop is a region of its own"), doc="A loop of known length over slices of arrays.",
    domain="tapes", family="control", keys=_keys, prune=_prune, nested=_nested,
)
