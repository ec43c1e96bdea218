"""Solutions of equations, differentiated by the equations: `custom_linear_solve`, `custom_root`.

The solver is called as it is and never differentiated; it may loop until it converges.  Derivatives solve one more
linear system each.  (Implicit function theorem; see A. Griewank and A. Walther, "Evaluating Derivatives", chapter 15.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cujax.api.custom_jvp import custom_jvp
from cujax.api.derivatives import jvp, linearize
from cujax.engine.control.flags import split_at
from cujax.engine.control.functions import as_value
from cujax.engine.control.linear_solve import custom_linear_solve_p, transposed_matvec
from cujax.engine.control.staging import Staged, flatten_operands, share_consts, stage
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.recording import run_tape
from cujax.engine.core.tape import Tape
from cujax.engine.core.trace import aval_of
from cujax.engine.ground import pytree
from cujax.engine.ops.elementwise import neg

# --- custom_linear_solve ----------------------------------------------------------------------------------


def custom_linear_solve(
    matvec: Callable, b: Any, solve: Callable, transpose_solve: Callable | None = None, symmetric: bool = False,
    has_aux: bool = False,
) -> Any:
    """x with matvec(x) = b, as `solve(matvec, b)` finds it, differentiated as the solution of that equation.

    matvec: linear function from trees like b to such trees; derivatives by what it closes over count.
    solve(matvec, b), transpose_solve(vecmat, b): solvers of the equation, and of that with the transposed function,
    which reverse mode needs; `symmetric` says that `solve` is both.  Neither is differentiated.
    has_aux: the solvers return (x, aux), and so does this function; aux has no derivative.

    ValueError where shapes of what a function returns are not those of b, TypeError where its structure is not;
    TypeError without `transpose_solve` when a gradient is taken.
    """
    leaves, tree = flatten_operands("custom_linear_solve", solve, b)
    avals = [aval_of(x) for x in leaves]
    product = stage("custom_linear_solve", matvec, pytree.treedef_tuple((tree,)), avals)
    _check_like_b("matvec", product.tape.out_avals, avals)
    _check_tree_of_b("matvec", product.out_tree, tree)
    solver = _solver("solve", solve, matvec, tree, avals, has_aux)
    stageds = [product, solver]
    if transpose_solve is not None and not symmetric:
        vecmat = _transposed(product, tree, avals)
        stageds.append(_solver("transpose_solve", transpose_solve, vecmat, tree, avals, has_aux))
    tapes, consts = share_consts(stageds)
    outs = custom_linear_solve_p.bind(
        *consts, *leaves, tape=tapes[1], matvec=tapes[0], num_consts=len(consts), symmetric=bool(symmetric),
        transpose_solve=tapes[1] if symmetric else tapes[2] if len(tapes) > 2 else None,
    )
    x, aux = split_at(outs, len(leaves))
    if not has_aux:
        return pytree.unflatten(tree, x)
    return pytree.unflatten(tree, x), pytree.unflatten(pytree.treedef_children(solver.out_tree)[1], aux)


def _solver(
    name: str, solve: Callable, function: Callable, tree: Any, avals: Sequence[ShapedArray], has_aux: bool
) -> Staged:
    """`solve(function, b)`, recorded."""

    def of_right_side(b: Any) -> Any:
        if not has_aux:
            return solve(function, b)
        x, aux = solve(function, b)
        return x, aux

    staged = stage("custom_linear_solve", of_right_side, pytree.treedef_tuple((tree,)), avals)
    x_tree = pytree.treedef_children(staged.out_tree)[0] if has_aux else staged.out_tree
    _check_like_b(name, staged.tape.out_avals[: x_tree.num_leaves], avals)
    _check_tree_of_b(name, x_tree, tree)
    return staged


def _transposed(product: Staged, tree: Any, avals: Sequence[ShapedArray]) -> Callable:
    """The transposed function of a recorded one, on trees."""
    tape = transposed_matvec(product.tape, len(product.consts))

    def vecmat(x: Any) -> Any:
        leaves, _ = flatten_operands("custom_linear_solve", vecmat, x)
        return pytree.unflatten(tree, run_tape(tape, [*product.consts, *leaves]))

    return vecmat


def _check_like_b(name: str, found: Sequence[ShapedArray], expected: Sequence[ShapedArray]) -> None:
    if [a.shape for a in found] != [a.shape for a in expected]:
        raise ValueError(
            f"custom_linear_solve: {name}() output shapes must match b, got {[a.shape for a in found]} and "
            f"{[a.shape for a in expected]}"
        )


def _check_tree_of_b(name: str, found: Any, expected: Any) -> None:
    if found != expected:
        raise TypeError(
            f"custom_linear_solve: {name}() output pytree structure must match b, got {found} and {expected}."
        )


# --- custom_root ------------------------------------------------------------------------------------------


def custom_root(
    f: Callable, initial_guess: Any, solve: Callable, tangent_solve: Callable, has_aux: bool = False
) -> Any:
    """x with f(x) = 0, as `solve(f, initial_guess)` finds it, differentiated as the root of f.

    f: function from trees like the guess to such trees; derivatives by what it closes over count.
    solve(f, initial_guess): finds a root; never differentiated.
    tangent_solve(g, y): x with g(x) = y, where g is f linearized at the root: for scalars `y / g(1.0)`, for vectors
    `jnp.linalg.solve(jacobian(g)(y), y)` or an iteration.
    has_aux: `solve` returns (x, aux), and so does this function; aux has no derivative.

    TypeError where a function does not return a tree of the structure of the guess.
    """
    guess, tree = flatten_operands("custom_root", solve, initial_guess)
    avals = [aval_of(x) for x in guess]
    in_tree = pytree.treedef_tuple((tree,))
    equation = stage("custom_root", f, in_tree, avals)
    _check_like_guess("f", equation.out_tree, tree)

    def from_guess(x: Any) -> Any:
        if not has_aux:
            return solve(f, x)
        root, aux = solve(f, x)
        return root, aux

    solver = stage("custom_root", from_guess, in_tree, avals)
    _check_like_guess("solve", pytree.treedef_children(solver.out_tree)[0] if has_aux else solver.out_tree, tree)
    (f_tape, solve_tape), consts = share_consts([equation, solver])
    return pytree.unflatten(solver.out_tree, _root(f_tape, solve_tape, tangent_solve, tree)(consts, guess))


def _check_like_guess(name: str, found: Any, expected: Any) -> None:
    if found != expected:
        raise TypeError(
            f"custom_root: {name}() output pytree structure must match initial_guess, got {found} and {expected}."
        )


def _root(f_tape: Tape, solve_tape: Tape, tangent_solve: Callable, tree: Any) -> Callable:
    """The flat function (captured values, guess) -> root and auxiliary outputs, with its derivative."""

    @custom_jvp
    def root(consts: Sequence[Any], guess: Sequence[Any]) -> list[Any]:
        return [as_value(x) for x in run_tape(solve_tape, [*consts, *guess])]

    @root.defjvp
    def derivative(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        (consts, guess), (t_consts, _) = primals, tangents
        outs = root(consts, guess)
        x, aux = split_at(outs, len(guess))
        change = jvp(lambda c: run_tape(f_tape, [*c, *x]), (consts,), (t_consts,))[1]
        slope = linearize(lambda *x: pytree.unflatten(tree, run_tape(f_tape, [*consts, *x])), *x)[1]
        rhs = pytree.unflatten(tree, [neg(c) for c in change])
        t_x = custom_linear_solve(lambda t: slope(*pytree.leaves(t)), rhs, tangent_solve, tangent_solve)
        return outs, [*pytree.leaves(t_x), *map(_no_tangent, aux)]

    return root


def _no_tangent(x: Any) -> Any:
    aval = aval_of(x).to_tangent_aval()
    return np.zeros(aval.shape, aval.dtype)
