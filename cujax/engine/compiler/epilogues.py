"""What is added to a convolution, taken into the call of a library where that saves a kernel.

    fuse_epilogues(tape, has_plan) -> tape

A bias, an array that is added before it (the residual) and max(x, 0) after it become operands of one equation,
`convolution_epilogue`, if the library `has_plan` for it:

    c = conv_general_dilated(x, w)
    d = add(c, r)
    b = broadcast_in_dim(v)               along the features
    e = add(d, b)
    f = max(e, 0)                         becomes   f = convolution_epilogue(x, w, v, r)

Sums are rounded one after the other, as before, so it must be this order and float32 or float64: of 16-bit floats a
library rounds only the last one.  (c + b) + r is not (c + r) + b; one stands for the other where `config.deterministic`
lets libraries choose.  max(x, 0) keeps a NaN, as the library does; where(x > 0, x, 0) does not and stays.  Reshapes in
between, as batching makes them, come after the epilogue.

It saves something where the result has to be in memory: a kernel that goes on with it reads what the convolution has
written in any case, and adds for nothing.  So the result must be one of the tape, or be read by a step that is no
kernel, and the residual must be in memory anyway.

Start reading at `fuse_epilogues`, then `_Epilogues.longest`.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

from cujax.engine.compiler.kinds import OPAQUE, Producers
from cujax.engine.core.aval import ShapedArray, same_array_type
from cujax.engine.core.check import check_if_asked
from cujax.engine.core.simplify import remove_dead_code
from cujax.engine.core.tape import Atom, Eqn, Literal, Tape, Var
from cujax.engine.ground.config import config
from cujax.engine.ops.convolution_epilogue import convolution_epilogue_p
from cujax.engine.ops.structural import reshape_p

Shape = tuple[int, ...]

_CONVOLUTION = "conv_general_dilated"
_DTYPES = ("float32", "float64")
_RESHAPES = ("reshape", "squeeze")  # as steps of their own they copy nothing


def fuse_epilogues(tape: Tape, has_plan: Callable[..., bool]) -> Tape:
    """`tape` with the sums after its convolutions in equations for which `has_plan(*avals, **params)`."""
    if not any(e.primitive.name == _CONVOLUTION for e in tape.eqns):
        return tape
    epilogues = _Epilogues(tape)
    instead: dict[Eqn, list[Eqn]] = {}  # of the last equation of a chain
    taken: set[Eqn] = set()
    for eqn in tape.eqns:
        chain = epilogues.longest(eqn) if epilogues.may_begin(eqn) else None
        if chain is not None and taken.isdisjoint(chain.eqns) and has_plan(*chain.avals, **chain.params):
            instead[chain.eqns[-1]] = chain.fused()
            taken.update(chain.eqns)
    if not instead:
        return tape
    eqns = [new for e in tape.eqns for new in instead.get(e, [] if e in taken else [e])]
    fused = remove_dead_code(Tape(tape.inputs, eqns, tape.outputs, tape.name))[0]
    return check_if_asked(fused, "after fuse_epilogues")


class _Chain(NamedTuple):
    """A convolution and what follows it, each equation reading the one before.  axis: of the features in `end`."""

    eqns: tuple[Eqn, ...]
    axis: int
    bias: Atom | None = None
    residual: Var | None = None
    rectifies: bool = False

    @property
    def end(self) -> Var:
        return self.eqns[-1].outputs[0]

    @property
    def params(self) -> dict[str, Any]:
        return self.eqns[0].params | {"rectifies": self.rectifies}

    @property
    def avals(self) -> list[Any]:
        """Of the operands of the equation that stands for the chain."""
        (result,), (lhs, rhs) = self.eqns[0].outputs, self.eqns[0].inputs
        assert self.bias is not None
        return [lhs.aval, rhs.aval, self.bias.aval, *[result.aval] * (self.residual is not None)]

    def fused(self) -> list[Eqn]:
        """What stands for the chain: the equation, between reshapes of the residual and of the result."""
        convolution, aval = self.eqns[0], self.eqns[0].outputs[0].aval
        assert self.bias is not None
        operands, before = [*convolution.inputs, self.bias], list[Eqn]()
        if self.residual is not None:
            same, before = _of_shape(aval, self.residual)
            operands.append(same)
        result, after = _of_shape(aval, self.end, is_source=False)
        return [*before, Eqn(convolution_epilogue_p, operands, [result], self.params, convolution.source), *after]


def _of_shape(aval: ShapedArray, var: Var, is_source: bool = True) -> tuple[Var, list[Eqn]]:
    """A variable of this shape, and the reshape that makes it of `var`, or `var` of it; where it has another shape."""
    if var.aval.shape == aval.shape:
        return var, []
    same = Var(aval)
    source, target = (var, same) if is_source else (same, var)
    return same, [Eqn(reshape_p, [source], [target], {"new_sizes": target.aval.shape}, None)]


class _Epilogues:
    """Finds what follows the convolutions of a tape."""

    def __init__(self, tape: Tape) -> None:
        self._producers = Producers(tape)
        self._outputs = frozenset(a for a in tape.outputs if isinstance(a, Var))
        self._users: dict[Var, list[Eqn]] = {}
        for eqn in tape.eqns:
            for atom in eqn.inputs:
                if isinstance(atom, Var):
                    self._users.setdefault(atom, []).append(eqn)

    def may_begin(self, eqn: Eqn) -> bool:
        """Whether it is a convolution by a library, in one of the dtypes."""
        if eqn.primitive.name != _CONVOLUTION or self._producers.kind(eqn) != OPAQUE:
            return False
        dtypes = {a.aval.dtype.name for a in (*eqn.inputs, *eqn.outputs)}
        return len(dtypes) == 1 and dtypes.pop() in _DTYPES

    def longest(self, convolution: Eqn) -> _Chain | None:
        """The longest chain that begins with it and has to be in memory at its end."""
        chain, found = _Chain((convolution,), convolution.params["dimension_numbers"].out_spec[1]), None
        while (longer := self._one_more(chain)) is not None:
            chain = longer
            is_complete = chain.bias is not None and chain.eqns[-1].primitive.name not in _RESHAPES
            if is_complete and self._must_be_written(chain.end):
                found = chain
        return found

    def _one_more(self, chain: _Chain) -> _Chain | None:
        """The chain with what alone reads its end; None if that is nothing of it."""
        users = self._users.get(chain.end, [])
        if len(users) != 1 or chain.end in self._outputs or chain.rectifies:
            return None
        (user,), longer = users, chain._replace(eqns=(*chain.eqns, users[0]))
        if user.primitive.name in _RESHAPES:
            axis = _axis_after(chain.axis, chain.end.aval.shape, user.outputs[0].aval.shape)
            return None if axis is None else longer._replace(axis=axis)
        if user.primitive.name not in ("add", "max") or not same_array_type(longer.end.aval, chain.end.aval):
            return None
        other = user.inputs[1] if user.inputs[0] is chain.end else user.inputs[0]
        if user.primitive.name == "max":
            return longer._replace(rectifies=True) if chain.bias is not None and self._is_zero(other) else None
        return self._sum(chain, longer, other)

    def _sum(self, chain: _Chain, longer: _Chain, other: Atom) -> _Chain | None:
        """`longer`, which adds `other` to `chain`."""
        bias = self._bias(other, chain.end.aval.shape[chain.axis], chain.axis)
        if bias is not None:
            return longer._replace(bias=bias) if chain.bias is None else None
        is_in_order = chain.bias is None or not config.deterministic
        if not isinstance(other, Var) or not same_array_type(other.aval, chain.end.aval):
            return None
        is_free = chain.residual is None and is_in_order
        return longer._replace(residual=other) if is_free and self._is_in_memory(other) else None

    # --- operands ---------------------------------------------------------------------------------------

    def _made_by(self, atom: Atom, *names: str) -> Atom | None:
        """The operand of the equation that makes `atom`, if it is one of these ops."""
        maker = self._producers.get(atom) if isinstance(atom, Var) else None
        return maker.inputs[0] if maker is not None and maker.primitive.name in names else None

    def _is_zero(self, atom: Atom) -> bool:
        if isinstance(atom, Literal):
            return not atom.aval.shape and bool(atom.buffer == 0)
        source = self._made_by(atom, "broadcast_in_dim")
        return source is not None and self._is_zero(source)

    def _bias(self, atom: Atom, features: int, axis: int) -> Atom | None:
        """What has an element for each place along `axis` of `atom` and is the same along others; None if it is not."""
        if atom.aval.size == features:
            source = self._made_by(atom, "broadcast_in_dim", *_RESHAPES)
            is_same = source is not None and source.aval.size == features
            return self._bias(source, features, axis) if is_same else atom  # type: ignore[arg-type]
        source = self._made_by(atom, "broadcast_in_dim")
        if source is None:
            return None
        axes = self._producers[atom].params["broadcast_dimensions"]  # type: ignore[index]
        if axis not in axes or source.aval.shape[axes.index(axis)] != features:
            return None
        return self._bias(source, features, axes.index(axis))

    def _is_in_memory(self, var: Var) -> bool:
        """Whether it is there even if nobody adds it."""
        maker = self._producers.get(var)
        if maker is None or self._producers.kind(maker) == OPAQUE or self._must_be_written(var):
            return True
        source = self._made_by(var, *_RESHAPES)
        return isinstance(source, Var) and self._is_in_memory(source)

    def _must_be_written(self, var: Var) -> bool:
        """Whether it is a result, or a step that is no kernel reads it."""
        return var in self._outputs or any(
            self._must_be_written(user.outputs[0]) if user.primitive.name in _RESHAPES
            else self._producers.kind(user) == OPAQUE
            for user in self._users.get(var, [])
        )


def _axis_after(axis: int, before: Shape, after: Shape) -> int | None:
    """Where the axis is after a reshape; None if it is not an axis any more."""
    for k, length in enumerate(after):
        if length == before[axis] and prod(after[:k]) == prod(before[:axis]):
            return k
    return None
