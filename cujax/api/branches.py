"""Branches over pytrees: `cond` and `switch`, and `platform_dependent`, which is decided beforehand.

All branches are traced, with the same operands, and must return the same types; at run time one is run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cujax.engine.backends.select import selected
from cujax.engine.control.cond import cond_p
from cujax.engine.control.staging import Staged, flatten_operands, share_consts, stage
from cujax.engine.core.aval import ShapedArray, same_array_type
from cujax.engine.core.trace import Tracer, aval_of
from cujax.engine.ground import dtypes, pytree
from cujax.engine.ground.config import config
from cujax.engine.ground.error_names import names_itself
from cujax.engine.ground.source import describe_function
from cujax.engine.ops.conversion import convert_element_type
from cujax.engine.ops.rounding import clamp

_ABSENT = object()


@names_itself
def cond(pred: Any, *args: Any, operand: Any = _ABSENT, **kwargs: Any) -> Any:
    """`true_fun(*operands)` if `pred` else `false_fun(*operands)`: `cond(pred, true_fun, false_fun, *operands)`.

    Also in the form of early 2021, `cond(pred, true_operand, true_fun, false_operand, false_fun)`, and with the
    one operand by keyword.  `pred` is a scalar; a number counts as true when it is not zero.

    TypeError when the predicate is no scalar, a branch is not callable, or the branches return different types.
    """
    if len(args) == 4 and not kwargs and operand is _ABSENT and not (callable(args[0]) and callable(args[1])):
        true_operand, true_fun, false_operand, false_fun = args
        if callable(true_fun) and callable(false_fun):
            return _cond(
                pred,
                lambda x, _: true_fun(x),
                lambda _, x: false_fun(x),
                (true_operand, false_operand),
                (true_fun, false_fun),
            )
    return _modern_cond(pred, *args, operand=operand, **kwargs)


def _modern_cond(
    pred: Any, true_fun: Callable, false_fun: Callable, *operands: Any, operand: Any = _ABSENT
) -> Any:
    if not (callable(true_fun) and callable(false_fun)):
        raise TypeError("lax.cond: true_fun and false_fun arguments should be callable.")
    if operand is not _ABSENT:
        if operands:
            raise TypeError("lax.cond: give operands by position or as `operand`, not both.")
        operands = (operand,)
    return _cond(pred, true_fun, false_fun, operands, (true_fun, false_fun))


def _cond(
    pred: Any, true_fun: Callable, false_fun: Callable, operands: tuple, shown: tuple[Callable, Callable]
) -> Any:
    index = _predicate(pred)
    if config.disable_jit and not (isinstance(index, Tracer) and index.concrete() is None):
        return (true_fun if bool(index) else false_fun)(*operands)
    index = convert_element_type(index, dtypes.int32)
    return _select("cond", index, (false_fun, true_fun), shown[::-1], operands, ("false_fun", "true_fun"))


def _predicate(pred: Any) -> Any:
    try:
        aval = aval_of(pred)
    except TypeError:
        raise TypeError(f"Pred must be a scalar, got {pred} of type {type(pred)}.") from None
    if aval.shape:
        raise TypeError(
            f"Pred must be a scalar, got {pred} of shape {aval.shape}. Reduce it: jnp.all(...), jnp.any(...)."
        )
    if dtypes.is_bool(aval.dtype):
        return pred
    if not (dtypes.is_integer(aval.dtype) or dtypes.is_float(aval.dtype)):
        raise TypeError(f"Pred type must be either boolean or number, got {aval.dtype}.")
    return convert_element_type(pred, dtypes.bool_)


@names_itself
def switch(index: Any, branches: Sequence[Callable], *operands: Any, operand: Any = _ABSENT) -> Any:
    """`branches[index](*operands)`, the index clamped to the branches there are.

    TypeError when the index is no integer scalar or the branches return different types; ValueError without
    branches.
    """
    if not all(callable(b) for b in branches):
        raise TypeError("lax.switch: branches argument should be a sequence of callables.")
    if operand is not _ABSENT:
        operands = (operand,)
    aval = aval_of(index)
    if aval.shape:
        raise TypeError(f"Branch index must be scalar, got {index} of shape {aval.shape}.")
    if not dtypes.is_integer(aval.dtype):
        raise TypeError(f"Index type must be an integer, got {index} as {aval.dtype}.")
    branches = tuple(branches)
    if not branches:
        raise ValueError("lax.switch: empty branch sequence.")
    if len(branches) == 1:
        return branches[0](*operands)
    if config.disable_jit and not (isinstance(index, Tracer) and index.concrete() is None):
        return branches[min(max(int(index), 0), len(branches) - 1)](*operands)
    index = clamp(0, convert_element_type(index, dtypes.int32), len(branches) - 1)
    names = tuple(f"branches[{i}]" for i in range(len(branches)))
    return _select("switch", index, branches, branches, operands, names)


_PLATFORMS = {"cpu": "cpu", "gpu": "cuda"}


def platform_dependent(*args: Any, default: Callable | None = None, **per_platform: Callable) -> Any:
    """`per_platform[name](*args)` of the platform in use, "cpu" or "cuda", or `default(*args)` if it is not there.

    Only that function is called.  TypeError for one that is not callable; NotImplementedError when there is none
    for the platform and no default.
    """
    named = {**per_platform, **({} if default is None else {"default": default})}
    for name, branch in named.items():
        if not callable(branch):
            raise TypeError(f"lax.platform_dependent: the {name!r} branch must be a callable, got {branch!r}.")
    platform = _PLATFORMS[selected().platform]
    chosen = per_platform.get(platform, default)
    if chosen is None:
        raise NotImplementedError(
            f"lax.platform_dependent: this process runs on {platform!r}, and there are functions for "
            f"{list(per_platform)} only. Give one for {platform!r}, or a default."
        )
    return chosen(*args)


def _select(
    transform: str, index: Any, branches: Sequence[Callable], shown: Sequence[Callable], operands: tuple,
    names: Sequence[str],
) -> Any:
    flat, tree = flatten_operands(transform, shown[-1], operands)
    avals = [aval_of(x) for x in flat]
    staged = [stage(transform, b, tree, avals) for b in branches]
    for i in range(len(staged) - 1):
        _check_same_result(transform, staged[-1], staged[i], (names[-1], names[i]), (shown[-1], shown[i]))
    tapes, consts = share_consts(staged)
    outs = cond_p.bind(index, *consts, *flat, branches=tuple(tapes))
    return pytree.unflatten(staged[0].out_tree, outs)


def _check_same_result(
    transform: str, a: Staged, b: Staged, names: tuple[str, str], funs: tuple[Callable, Callable]
) -> None:
    who = "\n".join(f"{n} is {describe_function(f)}" for n, f in zip(names, funs, strict=True))
    if a.out_tree != b.out_tree:
        raise TypeError(
            f"{transform} branch outputs must have the same pytree structure, but they differ:\n\n{who}\n\n"
            f"{names[0]} returns {a.out_tree} but {names[1]} returns {b.out_tree}.\n\n"
            f"Revise {names[0]} and/or {names[1]} so that they have the same pytree structure."
        )
    wrong = _different_types(a, b, names)
    if wrong:
        raise TypeError(
            f"{transform} branches must have equal output types but they differ.\n\n{who}\n\n"
            + "\n".join(wrong)
            + f"\n\nRevise {names[0]} and/or {names[1]} so that all output types match, for example with .astype()."
        )


def _different_types(a: Staged, b: Staged, names: tuple[str, str]) -> list[str]:
    paths, _ = pytree.flatten_with_path(pytree.unflatten(a.out_tree, a.tape.out_avals))
    pairs: list[tuple[Any, ShapedArray, ShapedArray]] = [
        (path, x, y) for (path, x), y in zip(paths, b.tape.out_avals, strict=True)
    ]
    return [
        f"The output of {names[0]}{pytree.keystr(path)} has type {x.str_long()} but the corresponding output of "
        f"{names[1]} has type {y.str_long()}, so the {'dtypes' if x.dtype != y.dtype else 'shapes'} do not match."
        for path, x, y in pairs
        if not same_array_type(x, y)
    ]
