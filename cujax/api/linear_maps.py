"""Linear maps at a point: the derivative of a function, to be pushed forward or pulled back.

`Derivative` is the linear tape that linearization leaves, with the types and structures on both sides.
`PullBack` and `PushForward` call it with pytrees; bound to the residuals in a `Partial` they are what `vjp`
and `linearize` return.  Start at `differentiate`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from cujax.api.differentiable import Point
from cujax.api.flatten import as_array, is_array_like
from cujax.engine.core.array import describe_value
from cujax.engine.core.aval import ShapedArray, same_array_type
from cujax.engine.core.recording import run_tape
from cujax.engine.core.tape import Tape
from cujax.engine.core.trace import aval_of
from cujax.engine.core.zero import Linear, Zero
from cujax.engine.ground import dtypes, pytree
from cujax.engine.ground.source import function_name
from cujax.engine.ops.constants import zeros_of
from cujax.engine.ops.conversion import convert_element_type
from cujax.engine.transforms.linearize import linearize
from cujax.engine.transforms.transpose import backward_pass


class Derivative(NamedTuple):
    """The derivative of a flat function at a point, but for its residuals; hashable.

    tape: (residuals, tangents of the leaves marked nonzero_in) -> tangents of the outs marked nonzero_out.
    """

    tape: Tape
    nonzero_in: tuple[bool, ...]
    nonzero_out: tuple[bool, ...]
    in_avals: tuple[ShapedArray, ...]
    out_avals: tuple[ShapedArray, ...]
    in_tree: pytree.PyTreeDef
    out_tree: pytree.PyTreeDef
    name: str

    def pull_back(self, residuals: Sequence[Any], cts: Sequence[Any]) -> list[Any]:
        """Cotangents of all inputs, for cotangents of all outputs."""
        reached = [ct for ct, nz in zip(cts, self.nonzero_out, strict=True) if nz]
        tangent_avals = self.tape.in_avals[len(residuals) :]
        operands = [*residuals, *map(Linear, tangent_avals)]
        found = iter(backward_pass(self.tape, operands, reached)[len(residuals) :])
        return [
            _as_weak_as(a, full_tangent(next(found) if nz else None, a))
            for a, nz in zip(self.in_avals, self.nonzero_in, strict=True)
        ]

    def push_forward(self, residuals: Sequence[Any], tangents: Sequence[Any]) -> list[Any]:
        """Tangents of all outputs, for tangents of all inputs."""
        reached = [t for t, nz in zip(tangents, self.nonzero_in, strict=True) if nz]
        found = iter(run_tape(self.tape, [*residuals, *reached]))
        return [
            full_tangent(next(found) if nz else None, a)
            for a, nz in zip(self.out_avals, self.nonzero_out, strict=True)
        ]


@dataclass(frozen=True)
class PullBack:
    """What `vjp` returns, but for its residuals: call with the residuals and one tree of cotangents."""

    derivative: Derivative

    def __call__(self, residuals: Sequence[Any], *cts: Any) -> tuple[Any, ...]:
        d = self.derivative
        if len(cts) != 1:
            raise TypeError(
                f"The function returned by vjp of {d.name} was called with {len(cts)} arguments and "
                "takes one: the cotangents of the result, in one tree of its structure. For a function that "
                "returns a tuple write f_vjp((ct1, ct2)) instead of f_vjp(ct1, ct2)."
            )
        leaves = match_tree(d.out_tree, cts[0], f"the function returned by vjp of {d.name}", "ct", ValueError)
        flat = [self._cotangent(*pair) for pair in zip(leaves, d.out_avals, strict=True)]
        return d.in_tree.unflatten(d.pull_back(residuals, flat))[0]

    def _cotangent(self, ct: Any, out: ShapedArray) -> Any:
        expected = out.to_tangent_aval()
        if expected.dtype == dtypes.float0:
            return Zero(expected)
        if not same_array_type(aval_of(ct), expected):
            raise ValueError(
                f"The function returned by vjp of {self.derivative.name} got a cotangent of type "
                f"{aval_of(ct).str_short()} for a result of type {out.str_short()}: both must be equal."
            )
        return as_array(ct)


@dataclass(frozen=True)
class PushForward:
    """What `linearize` returns, but for its residuals: call with the residuals and the tangents."""

    derivative: Derivative

    def __call__(self, residuals: Sequence[Any], *tangents: Any) -> Any:
        d = self.derivative
        in_tree = d.in_tree.children()[0]
        leaves = match_tree(in_tree, tangents, f"linearized {d.name}", "tangents", TypeError)
        flat = [self._tangent(*pair) for pair in zip(leaves, d.in_avals, strict=True)]
        return d.out_tree.unflatten(d.push_forward(residuals, flat))

    def _tangent(self, t: Any, primal: ShapedArray) -> Any:
        expected = primal.to_tangent_aval()
        found = tangent_aval(t)
        if not same_array_type(found, expected):
            raise ValueError(
                f"linearized {self.derivative.name} was called on a tangent of type {found.str_short()}; the "
                f"primal value has type {primal.str_short()}, so {expected.str_short()} is expected."
            )
        return t if expected.dtype == dtypes.float0 else as_array(t)


def differentiate(point: Point) -> tuple[list[Any], Derivative, list[Any]]:
    """Outputs of the function at the point, its derivative there and the residuals of that."""
    outs, found = linearize(point.flat, point.primals)
    outs = [as_array(o) for o in outs]
    derivative = Derivative(
        found.tape, tuple(found.nonzero_in), tuple(found.nonzero_out), tuple(point.avals),
        tuple([o.aval for o in outs]), point.in_tree, point.flat.out_tree, function_name(point.fun),
    )
    return outs, derivative, found.residuals


def match_tree(
    expected: pytree.PyTreeDef, tree: Any, caller: str, name: str, error: type[Exception]
) -> list[Any]:
    """The leaves of a tree of structure `expected`; `error` where `name`, given to `caller`, differs."""
    leaves, found = pytree.flatten(tree)
    if found != expected:
        try:
            expected.flatten_up_to(tree, name)
        except ValueError as difference:
            raise error(f"{caller}: unexpected tree structure: {difference}") from None
        raise error(f"{caller}: unexpected tree structure: expected {expected}, but {name} has {found}")
    for leaf in leaves:
        if not is_array_like(leaf):
            raise error(f"{caller}: {name} has a leaf {describe_value(leaf)}, which is not an array")
    return leaves


def tangent_aval(t: Any) -> ShapedArray:
    """The aval of a tangent; those of integers are NumPy arrays of dtype float0."""
    return ShapedArray(t.shape, dtypes.float0) if getattr(t, "dtype", None) == dtypes.float0 else aval_of(t)


def _as_weak_as(primal: ShapedArray, ct: Any) -> Any:
    """The cotangent of a weakly typed value, such as a Python scalar, is weakly typed."""
    if primal.weak_type and ct.dtype == primal.dtype:
        return convert_element_type(ct, primal.dtype, True)
    return ct


def full_tangent(tangent: Any, aval: ShapedArray) -> Any:
    """A tangent or cotangent of a value of type `aval`, as an array where it is known to be zero."""
    return zeros_of(aval.to_tangent_aval()) if tangent is None or type(tangent) is Zero else tangent
