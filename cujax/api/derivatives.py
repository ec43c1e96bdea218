"""Derivatives of functions of pytrees: `grad`, `value_and_grad`, `vjp`, `jvp`, `linearize`.

Forward: `jvp` pushes one tangent, `linearize` returns the function that pushes any.  Reverse: `vjp` returns
the function that pulls cotangents back, `grad` pulls back 1.  Both of those functions are `Partial`s: pytrees
whose leaves are the residuals, so that they can be passed to jitted functions and returned from them.

Integers, booleans and keys have tangents of dtype float0, which hold nothing.  What is differentiated, and
the rules about dtypes, are in `differentiable.py`; whole Jacobians in `jacobians.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cujax.api.differentiable import Auxiliary, Point, Transform, check_callable
from cujax.api.flatten import as_array
from cujax.api.jit import jit
from cujax.api.linear_maps import PullBack, PushForward, differentiate, full_tangent, tangent_aval
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.zero import Zero
from cujax.engine.ground import dtypes, pytree
from cujax.engine.ground.source import describe_function, wraps
from cujax.engine.ops.constants import ones_of
from cujax.engine.transforms import jvp as forward

# --- reverse --------------------------------------------------------------------------------------------


def value_and_grad(
    fun: Callable,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
    reduce_axes: Sequence[Any] = (),
) -> Callable:
    """A function with the arguments of `fun` that returns its value and its gradient.

    fun: returns a scalar, or (scalar, auxiliary data) with `has_aux`.
    argnums: positions of the arguments to differentiate; for a sequence the gradient is a tuple.
    holomorphic: `fun` is complex-differentiable; then inputs and output must be complex.
    allow_int: integer inputs are accepted; their gradients have dtype float0.

    Gradients have the structure, shapes and dtypes of the arguments.  TypeError for an output that is not a
    real scalar, and for inputs that are not floating-point or complex.
    """
    return _value_and_grad("value_and_grad", fun, argnums, has_aux, holomorphic, allow_int)


def grad(
    fun: Callable,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
    reduce_axes: Sequence[Any] = (),
) -> Callable:
    """A function with the arguments of `fun` that returns its gradient, or (gradient, auxiliary data).

    Arguments and errors as for `value_and_grad`.
    """
    both = _value_and_grad("grad", fun, argnums, has_aux, holomorphic, allow_int)

    @wraps(fun)
    def grad_f(*args: Any, **kwargs: Any) -> Any:
        value, gradient = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return grad_f


def _value_and_grad(
    name: str, fun: Callable, argnums: Any, has_aux: bool, holomorphic: bool, allow_int: bool
) -> Callable:
    check_callable(name, fun)
    transform = Transform(name, holomorphic, allow_int)

    @wraps(fun)
    def value_and_grad_f(*args: Any, **kwargs: Any) -> Any:
        auxiliary = Auxiliary(fun) if has_aux else None
        point = Point(transform, fun, args, kwargs, argnums, auxiliary)
        outs, derivative, residuals = differentiate(point)
        _check_scalar(transform, fun, outs, derivative.out_tree)
        found = derivative.pull_back(residuals, [ones_of(outs[0].aval)])
        gradient = point.like_arguments(found)
        return ((outs[0], auxiliary.value) if auxiliary else outs[0]), gradient

    return value_and_grad_f


def _check_scalar(transform: Transform, fun: Callable, outs: Sequence[Any], out_tree: Any) -> None:
    if len(outs) != 1 or out_tree != pytree.LEAF_TREEDEF:
        raise TypeError(
            f"Gradient only defined for scalar-output functions. {describe_function(fun)} returned a tree of "
            f"structure {out_tree}; return one scalar, and the rest as auxiliary data with has_aux=True."
        )
    aval = outs[0].aval
    if aval.shape:
        raise TypeError(
            f"Gradient only defined for scalar-output functions. Output had shape: {aval.shape}. Let "
            f"{describe_function(fun)} return a scalar (a sum or mean), or use jacrev, jacfwd or vjp."
        )
    transform.check_output(fun, aval)


def vjp(fun: Callable, *primals: Any, has_aux: bool = False, reduce_axes: Sequence[Any] = ()) -> tuple:
    """`fun(*primals)`, and the function that pulls cotangents of the result back to the arguments.

    Returns (out, f_vjp), or (out, f_vjp, aux) with `has_aux`.  `f_vjp(ct)` takes one tree of the structure,
    shapes and dtypes of `out` and returns a tuple with one entry for each primal.  It is a pytree.

    ValueError from `f_vjp` for a cotangent of another structure or type.
    """
    check_callable("vjp", fun)
    return _vjp(fun, primals, {}, None, has_aux)


def _vjp(fun: Callable, args: Sequence[Any], kwargs: dict[str, Any], argnums: Any, has_aux: bool) -> tuple:
    auxiliary = Auxiliary(fun) if has_aux else None
    point = Point(Transform("vjp", allow_int=True), fun, args, kwargs, argnums, auxiliary)
    outs, derivative, residuals = differentiate(point)
    pull_back = pytree.Partial(PullBack(derivative), residuals)
    out = derivative.out_tree.unflatten(outs)
    return (out, pull_back, auxiliary.value) if auxiliary else (out, pull_back)


def fwd_and_bwd(
    fun: Callable, argnums: int | Sequence[int], has_aux: bool = False, jitted: bool = True
) -> tuple[Callable, Callable]:
    """The two passes of reverse mode as functions: `fwd(*args) -> (out, f_vjp)` and `bwd(f_vjp, ct)`.

    `bwd` returns the cotangents of the arguments at `argnums`.  With `has_aux`, `fwd` returns
    (out, f_vjp, aux).  jitted: both are compiled.
    """
    check_callable("fwd_and_bwd", fun)
    places = tuple(argnums) if isinstance(argnums, Sequence) else (argnums,)

    def fwd(*args: Any, **kwargs: Any) -> tuple:
        return _vjp(fun, args, kwargs, places, has_aux)

    def bwd(f_vjp: Callable, ct: Any) -> Any:
        cotangents = f_vjp(ct)
        return cotangents if isinstance(argnums, Sequence) else cotangents[0]

    return (jit(fwd), jit(bwd)) if jitted else (fwd, bwd)


# --- forward --------------------------------------------------------------------------------------------


def jvp(fun: Callable, primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> tuple:
    """`fun(*primals)` and its directional derivative along `tangents`.

    primals, tangents: tuples or lists of one structure, with equal shapes and dtypes (float0 for integers).
    Returns (out, tangent of out), or (out, tangent, aux) with `has_aux`.

    TypeError for structures or dtypes that differ, ValueError for shapes that differ.
    """
    check_callable("jvp", fun)
    if not isinstance(primals, (tuple, list)) or not isinstance(tangents, (tuple, list)):
        raise TypeError(
            f"primal and tangent arguments to jvp of {describe_function(fun)} must be tuples or lists; found "
            f"{type(primals).__name__} and {type(tangents).__name__}. For one argument write (x,), (t,)."
        )
    _check_same_structure(fun, primals, tangents)
    auxiliary = Auxiliary(fun) if has_aux else None
    point = Point(Transform("jvp", allow_int=True), fun, primals, {}, None, auxiliary)
    named = zip(point.names, pytree.leaves(tangents), point.avals, strict=True)
    outs, t_outs = forward.jvp(point.flat, point.primals, [_jvp_tangent(*t) for t in named])
    outs = [as_array(o) for o in outs]
    full = [full_tangent(t, o.aval) for t, o in zip(t_outs, outs, strict=True)]
    out, t_out = point.flat.out_tree.unflatten(outs), point.flat.out_tree.unflatten(full)
    return (out, t_out, auxiliary.value) if auxiliary else (out, t_out)


def _check_same_structure(fun: Callable, primals: Any, tangents: Any) -> None:
    expected, found = pytree.structure(primals), pytree.structure(tangents)
    if expected != found:
        raise TypeError(
            f"primal and tangent arguments to jvp of {describe_function(fun)} must have the same tree "
            f"structure; primals have {expected} whereas tangents have {found}."
        )


def _jvp_tangent(name: str, t: Any, primal: ShapedArray) -> Any:
    expected = primal.to_tangent_aval()
    found = tangent_aval(t)
    if found.dtype != expected.dtype:
        raise TypeError(
            f"jvp: the tangent of argument {name} has type {found.str_short()}; for a primal of type "
            f"{primal.str_short()} it must have type {expected.str_short()}."
        )
    if found.shape != expected.shape:
        raise ValueError(
            f"jvp called with different primal and tangent shapes: argument {name} has shape {primal.shape}, "
            f"its tangent {found.shape}."
        )
    return Zero(expected) if expected.dtype == dtypes.float0 else as_array(t)


def linearize(fun: Callable, *primals: Any, has_aux: bool = False) -> tuple:
    """`fun(*primals)`, and its derivative there as a function of tangents.

    Returns (out, f_jvp), or (out, f_jvp, aux) with `has_aux`.  Each call of `f_jvp(*tangents)` costs only the
    linear part of `fun`; it is a pytree, and jitting it compiles that part.

    From `f_jvp`: TypeError for tangents of another structure, ValueError for other shapes or dtypes.
    """
    check_callable("linearize", fun)
    auxiliary = Auxiliary(fun) if has_aux else None
    point = Point(Transform("linearize", allow_int=True), fun, primals, {}, None, auxiliary)
    outs, derivative, residuals = differentiate(point)
    push_forward = pytree.Partial(PushForward(derivative), residuals)
    out = derivative.out_tree.unflatten(outs)
    return (out, push_forward, auxiliary.value) if auxiliary else (out, push_forward)
