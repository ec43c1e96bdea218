"""`while_p`: a loop that ends when its condition does.

Both tapes read constants of their own and then the carry: cond (consts, carry) -> bool[*lanes], body (consts,
carry) -> carry.  Params: cond_tape, cond_consts, body_tape, body_consts (numbers of constants), max_steps.

A condition of shape `lanes` is one for each of as many independent loops: all carries begin with these axes, and an
element along them changes no more once its condition is false.  Batching makes such a loop of one whose condition
differs from element to element.  Where it is not a lane kernel (compiler/lanes.py) it runs until the last is done.

Forward derivatives carry the tangents along.  In reverse mode a loop of lanes with few numbers in each carries its
Jacobian (carried_jacobian.py).  Others need `max_steps`, a promise that there are no more (bounded_while.py): else the
number of steps, and so the memory for residuals, is not known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from cujax.engine.backends.select import selected
from cujax.engine.compiler import loop_plan
from cujax.engine.compiler.loop_body import LoopBody, copied, language
from cujax.engine.compiler.loop_plan import Part, is_small
from cujax.engine.compiler.nest import loop_call
from cujax.engine.compiler.program import compile_tape, run_compiled_impl
from cujax.engine.compiler.steps import NestedCall
from cujax.engine.compiler.traffic import bytes_of
from cujax.engine.control.bounded_while import as_scans
from cujax.engine.control.carried_jacobian import CarriedJacobian, carried_jacobian, starts_of
from cujax.engine.control.flags import merge_by, nonzero_flags, pad_zeros, split_at, split_by
from cujax.engine.control.scan import fixed_point, scan_p
from cujax.engine.core.aval import ShapedArray, same_array_type
from cujax.engine.core.axis import AxisData
from cujax.engine.core.key_loops import num_steps
from cujax.engine.core.primitive import Primitive, Runs, not_fusable
from cujax.engine.core.recording import record_pure, run_tape
from cujax.engine.core.simplify import drop_inputs, rearrange, remove_dead_code
from cujax.engine.core.tape import Tape, subtapes
from cujax.engine.core.trace import aval_of
from cujax.engine.ground import dtypes
from cujax.engine.ground.config import config
from cujax.engine.ops.logic import select_n
from cujax.engine.ops.random_bits import random_clone_p
from cujax.engine.ops.reductions import reduce_or
from cujax.engine.ops.structural import broadcast_in_dim, move_dim
from cujax.engine.transforms.batching import batch_tape
from cujax.engine.transforms.jvp import instantiate, jvp_tape
from cujax.engine.transforms.linearize import SplitTape, record_unknown, split_tape


class While(NamedTuple):
    """The params of a while loop, in the order of the equation."""

    cond_tape: Tape
    cond_consts: int
    body_tape: Tape
    body_consts: int
    max_steps: int | None = None

    @property
    def body(self) -> LoopBody:
        """What runs in each step."""
        return LoopBody(self.body_tape, self.body_consts, len(self.body_tape.outputs))

    @property
    def is_of_many(self) -> bool:
        """Whether it is one loop for each element of its condition."""
        return bool(self.cond_tape.out_avals[0].shape)

    def groups(self, items: Sequence[Any]) -> list[list[Any]]:
        """`items`, one for each operand, as condition's consts, body's consts, carry."""
        return split_at(items, self.cond_consts, self.body_consts)


def _shape(*avals: ShapedArray, **params: Any) -> tuple[ShapedArray, ...]:
    loop = While(**params)
    carry = loop.groups(avals)[2]
    if not all(map(same_array_type, carry, loop.body_tape.out_avals)):
        raise TypeError(f"while_loop carry {carry} does not fit the body's result {loop.body_tape.out_avals}")
    (lanes,) = [a.shape for a in loop.cond_tape.out_avals]
    if not all(a.shape[: len(lanes)] == lanes for a in carry):
        raise TypeError(f"while_loop carry {carry} does not begin with the axes {lanes} of its condition")
    return loop.body_tape.out_avals


def _impl(xp: Any, *buffers: Any, owned: Sequence[int] = (), **params: Any) -> list[Any]:
    loop = While(**params)
    if loop.is_of_many or _may_run_ahead(loop, language()):
        return _run_masked(loop, buffers, owned)
    return _run(loop, buffers, owned)


def _run(loop: While, buffers: Sequence[Any], owned: Sequence[int] = (), most: int = 1) -> list[Any]:
    """One pass of Python per step; reading the condition waits for the device.

    It is read after every step; with `most` > 1 after up to so many, as long as those too many are a small part.
    After some steps the others are prepared at once where they are kernels of the host.
    """
    cond_consts, body_consts, carry = loop.groups(buffers)
    condition, body = compile_tape(loop.cond_tape), loop.body
    program, checked = body.program(), loop_plan.Part(condition, loop.cond_consts)
    given = [i - loop.cond_consts - loop.body_consts for i in owned]
    carry = copied(carry, [k for k in body.changed(program) if k not in given])
    done = 0
    while bool(condition.run([*cond_consts, *carry])[0]):
        steps = min(max(done // 4, 1), most)
        for _ in range(steps):
            carry = program.run([*body_consts, *carry])
        done += steps
        plan = body.plan(program, condition=checked) if done == loop_plan.FEWEST else None
        if plan is not None:
            carry = plan.run([body_consts, cond_consts], carry)
            break
    return body.settled(program, carry)


def _nested(*avals: ShapedArray, **params: Any) -> NestedCall | None:
    loop = While(**params)
    if loop.is_of_many or not is_small(loop.body_tape.out_avals):
        return None
    body, condition = loop.body, Part(compile_tape(loop.cond_tape), loop.cond_consts)
    program = body.program()
    return loop_call(Part(program, loop.body_consts), body.num_carry, body.changed(program), condition)


def _runs(language: str | None, **params: Any) -> Runs:
    loop = While(**params)
    if loop.is_of_many or _may_run_ahead(loop, language):
        programs, overwrites, held = _runs_each_step(language, _stepwise(loop))
        of_carry = {i - 1: k - 1 for i, k in overwrites.items() if k > 0}  # behind the condition's value
        return Runs(((loop.cond_tape, (), ()), *programs), of_carry, held)
    return _runs_each_step(language, loop)


def _runs_each_step(language: str | None, loop: While) -> Runs:
    body, first = loop.body, loop.cond_consts + loop.body_consts
    programs = (loop.cond_tape, (), ()), (loop.body_tape, body.owned(language), ())
    overwritten = body.overwritten(language)
    before = bytes_of([a for k, a in enumerate(loop.body_tape.out_avals) if k not in overwritten])
    return Runs(programs, {first + k: k for k in overwritten}, before)


def _prune(read: Sequence[bool], **params: Any) -> tuple[list[bool], list[bool], dict[str, Any]]:
    """Without the carries that neither the condition nor another carry depends on."""
    loop = While(**params)
    key = ("while_prune", tuple(read), loop.cond_tape, loop.cond_consts, loop.body_consts)
    pruned, operands = loop.body_tape.memo(key, lambda: _pruned(loop, read))
    return operands, loop.groups(operands)[2], pruned._replace(max_steps=loop.max_steps)._asdict()


def _pruned(loop: While, read: Sequence[bool]) -> tuple[While, list[bool]]:
    """The loop with what is left of its operands, and which these are."""
    condition, of_condition = remove_dead_code(loop.cond_tape)
    cond_consts, cond_carry = split_at(of_condition, loop.cond_consts)

    def carry_before(flags: list[bool]) -> Sequence[bool]:
        return remove_dead_code(loop.body_tape, flags)[1][loop.body_consts :]

    carry = fixed_point([a or b for a, b in zip(read, cond_carry, strict=True)], carry_before)
    body, of_body = remove_dead_code(loop.body_tape, carry)
    body_consts = of_body[: loop.body_consts]
    condition = drop_inputs(condition, [*cond_consts, *carry])
    pruned = While(condition, sum(cond_consts), drop_inputs(body, [*body_consts, *carry]), sum(body_consts))
    return pruned, [*cond_consts, *body_consts, *carry]


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> tuple[list[Any], list[Any]]:
    loop = While(**params)
    _, nz_consts, nz_init = loop.groups(nonzero_flags(tangents))
    num_carry = len(nz_init)

    def carry_after(nz_carry: list[bool]) -> Sequence[bool]:
        return jvp_tape(loop.body_tape, [*nz_consts, *nz_carry])[1]

    nz_carry = fixed_point(nz_init, carry_after)
    derived, _ = jvp_tape(loop.body_tape, [*nz_consts, *nz_carry], nz_carry)
    n, t_consts = len(loop.body_tape.inputs), sum(nz_consts)
    body = rearrange(
        derived,
        [
            *range(loop.body_consts),
            *range(n, n + t_consts),
            *range(loop.body_consts, n),
            *range(n + t_consts, len(derived.inputs)),
        ],
    )
    condition = _with_extra_inputs(
        loop.cond_tape, [a.to_tangent_aval() for a in split_by(nz_carry, loop.body_tape.out_avals)[1]]
    )
    p, t = loop.groups(primals), loop.groups(tangents)
    outs = while_p.bind(
        *p[0], *p[1], *split_by(nz_consts, t[1])[1], *p[2],
        *(instantiate(x) for x, nz in zip(t[2], nz_carry, strict=True) if nz),
        **While(condition, loop.cond_consts, body, loop.body_consts + t_consts, loop.max_steps)._asdict(),
    )
    return outs[:num_carry], pad_zeros(nz_carry, outs[num_carry:], loop.body_tape.out_avals)


def _with_extra_inputs(tape: Tape, avals: Sequence[ShapedArray]) -> Tape:
    """The tape with further inputs that it does not read."""
    n = len(tape.inputs)
    return record_pure(lambda *args: run_tape(tape, args[:n]), [*tape.in_avals, *avals], tape.name)


def _split(unknown: Sequence[bool], args: Sequence[Any], **params: Any) -> list[Any]:
    """The known carries run now, in a loop of their own, with the Jacobian of the others if it can be carried.

    If not, the loop of all carries is recorded whole; with a bound on its steps it is divided as the scans that it
    then is.
    """
    loop = While(**params)
    u_cond, u_body, u_init = loop.groups(unknown)
    u_carry = fixed_point(
        u_init, lambda flags: split_tape(loop.body_tape, [*u_body, *flags]).unknown_out
    )
    is_condition_known = not split_tape(loop.cond_tape, [*u_cond, *u_carry]).unknown_out[0]
    (known_cond, _), (known_body, linear_consts), (known_carry, linear_carry) = (
        split_by(u, x) for u, x in zip((u_cond, u_body, u_carry), loop.groups(args), strict=True)
    )
    parts = split_tape(loop.body_tape, [*u_body, *u_carry], u_carry)
    condition = split_tape(loop.cond_tape, [*u_cond, *u_carry]).known
    starts = starts_of(split_by(u_carry, u_init)[1], linear_carry)
    jacobian = _jacobian(loop, parts, u_carry, starts) if is_condition_known else None
    if jacobian is not None:
        entries = jacobian.first()
        condition = _with_extra_inputs(condition, [aval_of(e) for e in entries])
        known = While(condition, len(known_cond), jacobian.body, len(known_body), loop.max_steps)
        outs = while_p.bind(*known_cond, *known_body, *known_carry, *entries, **known._asdict())
        known_outs, entries = split_at(outs, len(known_carry))
        return merge_by(u_carry, known_outs, jacobian.product(entries, [*linear_consts, *linear_carry]))
    if loop.max_steps is not None:
        tape = as_scans(loop.cond_tape, loop.cond_consts, loop.body_tape, loop.body_consts, loop.max_steps)
        return run_tape(tape, args)
    recorded = record_unknown(while_p, [_once_more(a) for a in args], params)
    if not is_condition_known or all(u_carry):
        return recorded
    body = rearrange(parts.known, range(len(parts.known.inputs)), range(len(known_carry)))
    known = While(condition, len(known_cond), body, len(known_body))
    known_outs = while_p.bind(*known_cond, *known_body, *known_carry, **known._asdict())
    return merge_by(u_carry, known_outs, split_by(u_carry, recorded)[1])


def _jacobian(
    loop: While, parts: SplitTape, u_carry: Sequence[bool], starts: Sequence[bool]
) -> CarriedJacobian | None:
    """Of the carries that are unknown, if it can be carried."""
    num_carry, is_needed = len(u_carry) - sum(u_carry), loop.max_steps is None
    num_consts = len(parts.known.inputs) - num_carry
    key = ("while_jacobian", parts, tuple(starts), is_needed, config.debug_nans, config.debug_infs)
    return loop.body_tape.memo(
        key, lambda: carried_jacobian(parts, num_consts, num_carry, starts, scan_p, is_needed)
    )


def _once_more(arg: Any) -> Any:
    """An operand of the recorded loop, which uses the keys that the known one has used: rightly, each time it runs."""
    return record_unknown(random_clone_p, [arg], {}) if dtypes.is_key(aval_of(arg).dtype) else arg


def _transpose(cts: Sequence[Any], *operands: Any, **params: Any) -> list[Any]:
    raise ValueError(
        "Reverse-mode differentiation does not work for lax.while_loop or lax.fori_loop with dynamic start/stop "
        "values, unless of what the loop reads and carries at most 8 real numbers of one dtype are differentiated, or "
        "so many for each place along axes that it does not mix: the number of steps, and so the memory for what the "
        "backward pass needs, is not known. (An array that is made of a few parameters counts by its elements: let "
        "the loop make it.) "
        "Give lax.while_loop a bound, max_steps=1000, or use lax.scan, or lax.fori_loop with start and stop that are "
        "Python integers; forward mode (jvp, jacfwd) works."
    )


def _batch(
    axis: AxisData, operands: Sequence[Any], dims: Sequence[int | None], **params: Any
) -> tuple[list, list]:
    loop = While(**params)
    d_cond, d_body, d_init = loop.groups(dims)

    def as_dims(batched: Sequence[bool]) -> list[int | None]:
        return [0 if b else None for b in batched]

    def condition_batched(batched: Sequence[bool]) -> bool:
        if loop.is_of_many and any(batched):
            return True  # its axes stay the first ones of all carries
        return batch_tape(loop.cond_tape, axis, [*d_cond, *as_dims(batched)])[1][0] is not None

    def carry_after(batched: list[bool]) -> list[bool]:
        if condition_batched(batched):
            return [True] * len(batched)
        return [
            d is not None for d in batch_tape(loop.body_tape, axis, [*d_body, *as_dims(batched)], batched)[1]
        ]

    batched = fixed_point([d is not None for d in d_init], carry_after)
    body, _ = batch_tape(loop.body_tape, axis, [*d_body, *as_dims(batched)], batched)
    condition, _ = batch_tape(loop.cond_tape, axis, [*d_cond, *as_dims(batched)], condition_batched(batched))
    cond_consts, body_consts, carry = loop.groups(operands)
    carry = [move_dim(axis, c, d, 0) if b else c for c, d, b in zip(carry, d_init, batched, strict=True)]
    batched_loop = While(condition, loop.cond_consts, body, loop.body_consts, loop.max_steps)
    outs = while_p.bind(*cond_consts, *body_consts, *carry, **batched_loop._asdict())
    return outs, as_dims(batched)


# --- with a mask --------------------------------------------------------------------------------------------------

_MOST_STEPS = 64  # that a device is given before it is waited for
_MOST_BYTES = 1 << 24  # of a carry: while it is waited for, a device could read about as many once more


def _run_masked(loop: While, buffers: Sequence[Any], owned: Sequence[int]) -> list[Any]:
    """A loop whose steps change nothing where the condition is false; the condition is computed once a step."""
    num_consts = loop.cond_consts + loop.body_consts
    consts, carry = split_at(buffers, num_consts)
    given = [i + 1 for i in owned if i >= num_consts]  # behind the condition's value
    (running,) = compile_tape(loop.cond_tape).run([*consts[: loop.cond_consts], *carry])
    if any(buffers[i].dtype == running.dtype for i in owned):
        running = selected().copy(running)  # it may be a carry itself, which is overwritten while this is read
    most = _MOST_STEPS if _may_run_ahead(loop, language()) else 1
    return _run(_stepwise(loop), [*consts, running, *carry], given, most)[1:]


def _may_run_ahead(loop: While, language: str | None) -> bool:
    """Whether a device may be given steps before it is known that there are so many.

    Not where one too many could be seen, by an effect, or might never end, as a loop inside that is given nonsense.
    """
    avals = loop.body_tape.out_avals
    return (
        language == "cuda" and bytes_of(avals) <= _MOST_BYTES
        and not loop.body_tape.has_effects and not _has_while(loop.body_tape)
    )


def _has_while(tape: Tape) -> bool:
    return any(e.primitive is while_p or any(map(_has_while, subtapes(e.params))) for e in tape.eqns)


def _stepwise(loop: While) -> While:
    """The loop over (running, carry), as long as any is running; the others keep what they have."""
    return loop.body_tape.memo(("stepwise", loop), lambda: _made_stepwise(loop))


def _made_stepwise(loop: While) -> While:
    carry_avals = loop.body_tape.out_avals
    const_avals = [*loop.cond_tape.in_avals[: loop.cond_consts], *loop.body_tape.in_avals[: loop.body_consts]]
    (running_aval,) = loop.cond_tape.out_avals

    def step(*args: Any) -> list[Any]:
        cond_consts, body_consts, [running], values = split_at(args, loop.cond_consts, loop.body_consts, 1)
        stepped = run_tape(loop.body_tape, [*body_consts, *values])
        kept = [_where(running, new, old) for new, old in zip(stepped, values, strict=True)]
        return [run_tape(loop.cond_tape, [*cond_consts, *kept])[0], *kept]

    body = record_pure(step, [*const_avals, running_aval, *carry_avals], loop.body_tape.name)
    condition = record_pure(
        lambda running, *values: [reduce_or(running, tuple(range(running_aval.ndim)))],
        [running_aval, *carry_avals], loop.cond_tape.name,
    )
    return While(condition, 0, body, len(const_avals))


def _where(running: Any, new: Any, old: Any) -> Any:
    """`new` for the loops that still run, `old` for the others."""
    shape = aval_of(new).shape
    return select_n(broadcast_in_dim(running, shape, tuple(range(aval_of(running).ndim))), old, new)


def _keys(follower: Any, operands: Sequence[Any], **params: Any) -> list[Any]:
    """A few steps, as if the loop took as many, and the condition that ends it."""
    loop = While(**params)
    cond_consts, body_consts, carry = loop.groups(operands)
    with follower.loop():
        for _ in range(num_steps(carry)):
            follower.call("while", loop.cond_tape, [*cond_consts, *carry])
            carry = follower.call("while", loop.body_tape, [*body_consts, *carry])
        follower.call("while", loop.cond_tape, [*cond_consts, *carry])
    return carry


while_p: Primitive = Primitive(
    "while", shape=_shape, impl=_impl, evaluate=lambda args, params: run_compiled_impl(while_p, args, params),
    runs=_runs, nested=_nested, jvp=_jvp, split=_split, transpose=_transpose, batch=_batch, multiple=True,
    collective=True, cuda=not_fusable("a loop is a region of its own"), doc="A loop while a condition holds.",
    domain="tapes", family="control", keys=_keys, prune=_prune,
)
