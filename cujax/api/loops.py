"""Loops over pytrees: `scan`, `fori_loop`, `while_loop`, `map`.

Each traces its function once, whatever the number of steps, and binds one primitive of
`engine/control`.  The state of a loop is a pytree that keeps its structure, shapes and dtypes from step
to step; a Python scalar in the initial state takes the dtype that the first step gives it.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cujax.api.vectorize import vmap
from cujax.engine.control.flags import merge_by, split_at, split_by
from cujax.engine.control.scan import scan_p
from cujax.engine.control.staging import Staged, flatten_operands, stage
from cujax.engine.control.while_loop import while_p
from cujax.engine.core.array import Array, to_array
from cujax.engine.core.aval import ShapedArray, same_array_type
from cujax.engine.core.interned import interned
from cujax.engine.core.simplify import rearrange
from cujax.engine.core.tape import literal
from cujax.engine.core.trace import Tracer, aval_of
from cujax.engine.ground import dtypes, pytree
from cujax.engine.ground.config import config
from cujax.engine.ground.error_names import names_itself
from cujax.engine.ground.promotion import lattice_join
from cujax.engine.ground.source import describe_function
from cujax.engine.ops.conversion import convert_element_type
from cujax.engine.ops.elementwise import add
from cujax.engine.ops.joining import concatenate
from cujax.engine.ops.logic import bitwise_and, lt
from cujax.engine.ops.slicing import index_in_dim, slice_in_dim
from cujax.engine.ops.structural import reshape

_LARGEST_INT32 = 2**31 - 1


@names_itself
def scan(
    f: Callable,
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
    _split_transpose: bool = False,
) -> tuple[Any, Any]:
    """Run `carry, y = f(carry, x)` over the leading axis of `xs`, carrying a state along.

    init: pytree of the first carry.  xs: pytree of arrays with one leading length, or None with `length`.
    reverse: from the last slice to the first (ys keep the order of xs).  unroll: accepted; a hint.
    Returns the last carry and the ys stacked along a new leading axis.  Differentiable in both modes.

    TypeError when `f` does not return a pair or changes the type of the carry; ValueError when lengths
    differ or none is given.
    """
    if not callable(f):
        raise TypeError("lax.scan: f argument should be a callable.")
    init_flat, init_tree = flatten_operands("scan", f, init)
    xs_flat, xs_tree = flatten_operands("scan", f, xs)
    n = _scan_length(f, xs_flat, length)
    if config.disable_jit:
        return _scan_in_python(f, init, xs_flat, xs_tree, n, reverse)
    params = {"length": n, "reverse": bool(reverse), "unroll": _unroll(unroll)}
    return _scan(f, init_flat, init_tree, xs_flat, xs_tree, params)


def _scan(
    f: Callable, init_flat: list[Any], init_tree: Any, xs_flat: list[Any], xs_tree: Any, params: dict[str, Any],
    unread: int = 0,
) -> tuple[Any, Any]:
    """`scan` of flat operands.  The first `unread` carries are not wanted: they are there if others need them."""
    x_avals = [aval_of(x).update(shape=aval_of(x).shape[1:]) for x in xs_flat]
    in_tree = pytree.treedef_tuple((init_tree, xs_tree))

    def traced(init_avals: Sequence[ShapedArray]) -> Staged:
        staged = stage("scan", f, in_tree, [*init_avals, *x_avals])
        _check_pair(f, staged)
        return staged

    init_flat, staged = _settle_carry("scan body function", f, init_flat, init_tree, traced, _carry_of_pair)
    carry_tree, y_tree = pytree.treedef_children(staged.out_tree)
    params = {"tape": staged.tape, "num_consts": len(staged.consts), "num_carry": len(init_flat), **params}
    operands = [*staged.consts, *init_flat, *xs_flat]
    outs = _bind_without(unread, operands, params) if unread else scan_p.bind(*operands, **params)
    carry, ys = split_at(outs, len(init_flat))
    return pytree.unflatten(carry_tree, carry), pytree.unflatten(y_tree, ys)


def _bind_without(unread: int, operands: Sequence[Any], params: dict[str, Any]) -> list[Any]:
    """The results of the loop, None for those of the first `unread` that the loop can do without."""
    wanted = [k >= unread for k in range(len(params["tape"].outputs))]
    kept, results, params = scan_p.rule("prune")(wanted, **params)
    outs = iter(scan_p.bind(*split_by(kept, operands)[1], **params))
    return [next(outs) if is_there else None for is_there in results]


def _unroll(unroll: Any) -> int:
    """ValueError for a negative number, TypeError for what is none."""
    count = operator.index(unroll)
    if count < 0:
        raise ValueError(f"scan: `unroll` must be a `bool` or a non-negative `int`, got {unroll!r}.")
    return count


def _scan_length(f: Callable, xs: Sequence[Any], length: Any) -> int:
    sizes = []
    for x in xs:
        shape = aval_of(x).shape
        if not shape:
            raise ValueError(f"scan got a value with no leading axis to scan over: {x} has shape ().")
        sizes.append(shape[0])
    if length is not None:
        n = _static_length(length)
        if any(s != n for s in sizes):
            raise ValueError(
                f"scan got `length` argument of {n} which disagrees with leading axis sizes {sizes}."
            )
        return n
    if not sizes:
        raise ValueError("scan got no values to scan over and `length` not provided.")
    if len(set(sizes)) > 1:
        raise ValueError(
            f"scan got values with different leading axis sizes: {', '.join(str(s) for s in sizes)}."
        )
    return sizes[0]


def _static_length(length: Any) -> int:
    n = operator.index(length) if not isinstance(length, float) else int(length)
    if n < 0:
        raise ValueError(f"scan got a negative `length`: {n}")
    return n


def _check_pair(f: Callable, staged: Staged) -> None:
    children = pytree.treedef_children(staged.out_tree)
    if (
        pytree.treedef_is_leaf(staged.out_tree)
        or len(children) != 2
        or staged.out_tree.node_data()[0] is not tuple
    ):
        raise TypeError(
            f"scan body output must be a pair, got {staged.out_tree}: {describe_function(f)} must "
            "return (carry, y); return (carry, None) when there is nothing to stack."
        )


def _carry_of_pair(staged: Staged) -> tuple[Any, list[ShapedArray]]:
    tree = pytree.treedef_children(staged.out_tree)[0]
    return tree, list(staged.tape.out_avals[: tree.num_leaves])


def _whole_result(staged: Staged) -> tuple[Any, list[ShapedArray]]:
    return staged.out_tree, list(staged.tape.out_avals)


def _settle_carry(
    what: str, f: Callable, init: list[Any], init_tree: Any, traced: Callable, carry_of: Callable
) -> tuple[list[Any], Staged]:
    """Trace the body; where a weakly typed initial value meets a stronger type, convert it and trace again."""
    staged = traced([aval_of(x) for x in init])
    out_tree, out_avals = carry_of(staged)
    _check_structure(what, f, init_tree, out_tree)
    promoted = [_promote_weak(x, a) for x, a in zip(init, out_avals, strict=True)]
    if any(p is not x for p, x in zip(promoted, init, strict=True)):
        init = promoted
        staged = traced([aval_of(x) for x in init])
        out_avals = carry_of(staged)[1]
    _check_types(what, f, init_tree, [aval_of(x) for x in init], out_avals)
    return init, staged


def _promote_weak(x: Any, out: ShapedArray) -> Any:
    """A weakly typed `x` in the dtype that the body gives, where promotion leads there."""
    aval = aval_of(x)
    if not aval.weak_type or aval.shape != out.shape or aval.dtype == out.dtype:
        return x
    joined, _ = lattice_join(((aval.dtype, True), (out.dtype, out.weak_type)))
    return convert_element_type(x, out.dtype) if joined == out.dtype else x


def _check_structure(what: str, f: Callable, expected: Any, found: Any) -> None:
    if expected != found:
        raise TypeError(
            f"{what} carry input and carry output must have the same pytree structure, but they differ in "
            f"{describe_function(f)}:\n\nThe input carry has structure {expected}, the output carry {found}.\n\n"
            "Revise the function so that the carry output has the same pytree structure as the carry input."
        )


def _check_types(
    what: str, f: Callable, tree: Any, expected: Sequence[ShapedArray], found: Sequence[ShapedArray]
) -> None:
    paths, _ = pytree.flatten_with_path(pytree.unflatten(tree, expected))
    wrong = [
        f"The input carry component carry{pytree.keystr(path)} has type {a.str_long()} but the corresponding output "
        f"carry component has type {b.str_long()}, so the {'dtypes' if a.dtype != b.dtype else 'shapes'} do not match."
        for (path, a), b in zip(paths, found, strict=True)
        if not same_array_type(a, b)
    ]
    if wrong:
        raise TypeError(
            f"{what} carry input and carry output must have equal types, but they differ in {describe_function(f)}:"
            "\n\n"
            + "\n".join(wrong)
            + "\n\nRevise the function so that all output types match the corresponding "
            "input types, for example with .astype(), or give the initial value the type of the output."
        )


def _scan_in_python(
    f: Callable, init: Any, xs: Sequence[Any], xs_tree: Any, n: int, reverse: bool
) -> tuple[Any, Any]:
    """Under `disable_jit`: a Python loop, for debuggers."""
    if n == 0:
        raise ValueError(
            "zero-length scan is not supported in disable_jit() mode because the output type is unknown."
        )
    carry, ys = init, []
    for i in range(n - 1, -1, -1) if reverse else range(n):
        carry, y = f(carry, pytree.unflatten(xs_tree, [index_in_dim(x, i, keepdims=False) for x in xs]))
        ys.append(y)
    return carry, pytree.map(lambda *leaves: _stack(leaves), *(ys[::-1] if reverse else ys))


def _stack(leaves: Sequence[Any]) -> Any:
    return concatenate([reshape(x, (1, *aval_of(x).shape)) for x in leaves], 0)


@names_itself
def while_loop(cond_fun: Callable, body_fun: Callable, init_val: Any, *, max_steps: int | None = None) -> Any:
    """Run `val = body_fun(val)` while `cond_fun(val)`, starting from the pytree `init_val`.

    max_steps: the loop ends after so many steps, whatever the condition says.

    Both modes differentiate a loop by up to 8 real numbers of one dtype, in the state that it begins with and in what
    it reads; where it is independent along some axes, as `vmap` makes it, by so many for each place along them.  These
    derivatives are carried along, as in forward mode.  Other loops have forward mode, and with `max_steps` reverse
    mode: of up to 4,096 steps at most 128 states are kept and each step is computed once more; 64 states and one more
    computation go with every further factor of 64 (recursive checkpoints).

    TypeError when `cond_fun` does not return one boolean or `body_fun` changes the type of the state; ValueError for
    a negative `max_steps`.
    """
    if max_steps is not None:
        return _bounded_while_loop(cond_fun, body_fun, init_val, max_steps)
    return _while_loop(cond_fun, body_fun, init_val, None)


def _bounded_while_loop(cond_fun: Callable, body_fun: Callable, init_val: Any, max_steps: Any) -> Any:
    """With the number of steps as part of the state."""
    bound = max_steps.__index__()
    if bound < 0:
        raise ValueError(f"lax.while_loop got a negative max_steps: {bound}")
    count = literal(0, dtypes.int64 if bound > _LARGEST_INT32 else dtypes.int32)

    def goes_on(state: Any) -> Any:
        found = cond_fun(state[1])
        value = found if isinstance(found, Array) else to_array(found) if isinstance(found, (bool, np.bool_)) else None
        is_condition = value is not None and dtypes.is_bool(aval_of(value).dtype)
        # anything else is left as it is for the error that it deserves
        return bitwise_and(found, lt(state[0], literal(bound, count.aval.dtype))) if is_condition else found

    def step(state: Any) -> Any:
        return add(state[0], literal(1, count.aval.dtype)), body_fun(state[1])

    for named, fun in ((goes_on, cond_fun), (step, body_fun)):
        functools.update_wrapper(named, fun)
    return _while_loop(goes_on, step, (to_array(count.buffer), init_val), bound)[1]


def _while_loop(cond_fun: Callable, body_fun: Callable, init_val: Any, max_steps: int | None) -> Any:
    if not (callable(cond_fun) and callable(body_fun)):
        raise TypeError("lax.while_loop: body_fun and cond_fun arguments should be callable.")
    if config.disable_jit:
        return _while_in_python(cond_fun, body_fun, init_val)
    init, tree = flatten_operands("while_loop", body_fun, init_val)
    in_tree = pytree.treedef_tuple((tree,))
    init, body = _settle_carry(
        "while_loop body function", body_fun, init, tree,
        lambda avals: stage("while_loop", body_fun, in_tree, avals), _whole_result,
    )
    condition = stage("while_loop", cond_fun, in_tree, [aval_of(x) for x in init])
    _check_condition(cond_fun, condition)
    return pytree.unflatten(tree, _bind_while(condition, body, init, max_steps))


def _bind_while(condition: Staged, body: Staged, init: Sequence[Any], max_steps: int | None) -> list[Any]:
    """The last carry.  What the body hands on untouched becomes a constant of the loop, and is a result as it
    came: its gradient does not have to pass through the loop, which may have no reverse mode."""
    n, m = len(condition.consts), len(body.consts)
    fixed = [a is b for a, b in zip(body.tape.inputs[m:], body.tape.outputs, strict=True)]
    moving, constant = split_by(fixed, range(len(init)))
    order = [*constant, *moving]
    values = [init[i] for i in constant]
    outs = while_p.bind(
        *condition.consts, *values, *body.consts, *values, *(init[i] for i in moving),
        cond_tape=interned(rearrange(condition.tape, [*range(n), *(n + i for i in order)])),
        cond_consts=n + len(constant),
        body_tape=interned(rearrange(body.tape, [*range(m), *(m + i for i in order)], moving)),
        body_consts=m + len(constant),
        max_steps=max_steps,
    )
    return merge_by(fixed, outs, values)


def _while_in_python(cond_fun: Callable, body_fun: Callable, value: Any) -> Any:
    while cond_fun(value):
        value = body_fun(value)
    return value


def _check_condition(cond_fun: Callable, condition: Staged) -> None:
    if not pytree.treedef_is_leaf(condition.out_tree):
        raise TypeError(
            f"cond_fun must return a boolean scalar, but {describe_function(cond_fun)} returned pytree "
            f"{condition.out_tree}."
        )
    aval = condition.tape.out_avals[0]
    if aval.shape or not dtypes.is_bool(aval.dtype):
        raise TypeError(
            f"cond_fun must return a boolean scalar, but {describe_function(cond_fun)} gave output type(s) [{aval}]. "
            "Compare (x < 3) or reduce (jnp.any, jnp.all)."
        )


@names_itself
def fori_loop(lower: Any, upper: Any, body_fun: Callable, init_val: Any, *, unroll: Any = None) -> Any:
    """Run `val = body_fun(i, val)` for i from `lower` to `upper - 1`.

    Differentiable in both modes when the bounds are known while tracing, otherwise as `while_loop` is.
    TypeError when the bounds are not integers of one type or `body_fun` changes the type of `val`.
    """
    if not callable(body_fun):
        raise TypeError("lax.fori_loop: body_fun argument should be callable.")
    lower, upper = _loop_bounds(lower, upper)
    if config.disable_jit and not _is_traced(lower) and not _is_traced(upper):
        for i in range(int(lower), int(upper)):
            init_val = body_fun(to_array(i), init_val)
        return init_val
    if _is_traced(lower) or _is_traced(upper):
        if unroll not in (None, False, 1):
            raise ValueError("fori_loop: `unroll` needs bounds that are known while tracing.")
        return _fori_dynamic(lower, upper, body_fun, init_val)
    return _fori_static(lower, upper, body_fun, init_val, 1 if unroll is None else unroll)


def _is_traced(x: Any) -> bool:
    return isinstance(x, Tracer) and x.concrete() is None


def _loop_bounds(lower: Any, upper: Any) -> tuple[Any, Any]:
    a, b = aval_of(lower), aval_of(upper)
    for name, aval in (("lower", a), ("upper", b)):
        if aval.shape or not dtypes.is_integer(aval.dtype):
            raise TypeError(
                f"fori_loop: {name} must be an integer scalar, got {aval.str_long()}: "
                "lower and upper arguments to fori_loop must have equal types"
            )
    if a.dtype == b.dtype:
        return lower, upper
    if a.weak_type or b.weak_type:
        dtype = b.dtype if a.weak_type else a.dtype
        return convert_element_type(lower, dtype), convert_element_type(upper, dtype)
    raise TypeError(
        f"lower and upper arguments to fori_loop must have equal types, got {a.dtype} and {b.dtype}"
    )


def _fori_static(lower: Any, upper: Any, body_fun: Callable, init_val: Any, unroll: Any) -> Any:
    def step(state: tuple[Any, Any], _: None) -> tuple[Any, None]:
        i, value = state
        return (add(i, 1), body_fun(i, value)), None

    step.__name__ = getattr(body_fun, "__name__", "body_fun")
    step.__wrapped__ = body_fun  # type: ignore[attr-defined]
    init, tree = flatten_operands("scan", step, (int(lower), init_val))
    params = {"length": max(int(upper) - int(lower), 0), "reverse": False, "unroll": _unroll(unroll)}
    (_, result), _ = _scan(step, init, tree, [], pytree.flatten(None)[1], params, unread=1)
    return result


def _fori_dynamic(lower: Any, upper: Any, body_fun: Callable, init_val: Any) -> Any:
    def step(state: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
        i, end, value = state
        return add(i, 1), end, body_fun(i, value)

    step.__name__ = getattr(body_fun, "__name__", "body_fun")
    step.__wrapped__ = body_fun  # type: ignore[attr-defined]
    return while_loop(lambda state: lt(state[0], state[1]), step, (lower, upper, init_val))[2]


@names_itself
def map(f: Callable, xs: Any, *, batch_size: int | None = None) -> Any:
    """Apply `f` to each slice of `xs` along the leading axis, one after the other, and stack the results.

    batch_size: apply `vmap(f)` to that many slices at a time, which takes more memory and fewer steps.
    """
    if not batch_size:
        return scan(lambda _, x: ((), f(x)), (), xs)[1]
    leaves, tree = flatten_operands("map", f, xs)
    n = _scan_length(f, leaves, None)
    whole = n - n % batch_size
    blocks = [_blocks(x, whole, batch_size) for x in leaves]
    ys = scan(lambda _, x: ((), vmap(f)(x)), (), pytree.unflatten(tree, blocks))[1]
    ys = pytree.map(lambda y: reshape(y, (whole, *aval_of(y).shape[2:])), ys)
    if whole == n:
        return ys
    rest = vmap(f)(pytree.unflatten(tree, [slice_in_dim(x, whole, n) for x in leaves]))
    return pytree.map(lambda a, b: concatenate([a, b], 0), ys, rest)


def _blocks(x: Any, whole: int, size: int) -> Any:
    return reshape(slice_in_dim(x, 0, whole), (whole // size, size, *aval_of(x).shape[1:]))
