"""Products that are rounded together with the sum they enter: `a * b + c` becomes `fma(a, b, c)`.

    fuse_multiply_adds(tape, language) -> tape          as `config.fused_multiply_add` says

An instruction then does what two did, and loops that compute take up to half as long.  Compilers can do it too, each in
its own way; done here, all targets round alike.  A product that something else reads as well stays a product, for it
would be computed twice.  Of a reduction, `sum(a * b)`, the product becomes a `summand`, which kernels fuse with the
running sum (`Evaluator.combined`, `Frame.enter`); how it is rounded where no kernel sums it is the product's own.

Numbers drawn from random keys have the same bits everywhere, so whatever may belong to a sampler stays as it is: what
depends on random bits that the tape draws, and loops that draw.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from cujax.engine.backends.host_compiler import has_fma
from cujax.engine.compiler.kinds import COND, LOOPS
from cujax.engine.compiler.lanes import INLINED
from cujax.engine.compiler.passes import optimized
from cujax.engine.core.simplify import remove_dead_code
from cujax.engine.core.tape import Atom, Eqn, Literal, Tape, Var, literal, subtapes
from cujax.engine.ground.config import config
from cujax.engine.ops.elementwise import fma_p, neg_p, summand_p

_SUMS = ("add", "add_any", "sub")
_REDUCTION = "reduce_sum"
_DTYPES = ("float32", "float64")
_RANDOM = "random"  # family of ops


def fuse_multiply_adds(tape: Tape, language: str) -> Tape:
    """`tape` with products rounded together with sums that they enter, in its loops and reductions, or everywhere."""
    if config.fused_multiply_add == "nowhere" or (language == "host" and not has_fma()):
        return tape
    return _fused(tape, config.fused_multiply_add == "everywhere")


def _fused(tape: Tape, also_here: bool) -> Tape:
    """also_here: outside of the loops of `tape` too."""
    if not also_here and not any(_runs_tapes(e) or e.primitive.name == _REDUCTION for e in tape.eqns):
        return tape
    drawn = _drawn(tape)
    eqns = [_with_fused_tapes(e, also_here) if _runs_tapes(e) and e not in drawn else e for e in tape.eqns]
    eqns = _MultiplyAdds(eqns, tape.outputs, drawn, (*_SUMS, _REDUCTION) if also_here else (_REDUCTION,)).eqns
    if eqns == list(tape.eqns):
        return tape
    return remove_dead_code(Tape(tape.inputs, eqns, tape.outputs, tape.name))[0]


def _runs_tapes(eqn: Eqn) -> bool:
    return eqn.primitive.name in LOOPS or eqn.primitive.name in INLINED


def _with_fused_tapes(eqn: Eqn, also_here: bool) -> Eqn:
    """`eqn` with the tapes among its params rewritten: in loops, and in what stands in loops, all of them."""
    inside = also_here or (eqn.primitive.name in LOOPS and eqn.primitive.name != COND)
    params = {name: _fused_param(value, inside) for name, value in eqn.params.items()}
    return Eqn(eqn.primitive, eqn.inputs, eqn.outputs, params, eqn.source)


def _fused_param(value: object, inside: bool) -> object:
    if isinstance(value, Tape):
        return _fused(optimized(value), inside)
    if isinstance(value, tuple) and any(isinstance(v, Tape) for v in value):
        return tuple([_fused_param(v, inside) for v in value])
    return value


def _drawn(tape: Tape) -> set[Eqn]:
    """The equations that draw random bits, at any depth, and those that depend on one."""
    found: set[Eqn] = set()
    values: set[Atom] = set()
    for eqn in tape.eqns:
        if _draws(eqn) or not values.isdisjoint([a for a in eqn.inputs if isinstance(a, Var)]):
            found.add(eqn)
            values.update(eqn.outputs)
    return found


def _draws(eqn: Eqn) -> bool:
    return eqn.primitive.family == _RANDOM or any(_draws(e) for t in subtapes(eqn.params) for e in t.eqns)


class _MultiplyAdds:
    """eqns: the equations given, with `sums` of products fused; the products that nobody reads any more among them."""

    def __init__(self, eqns: Sequence[Eqn], outputs: Sequence[Atom], drawn: set[Eqn], sums: Sequence[str]) -> None:
        self._sums = sums
        self._uses = Counter([*[a for e in eqns for a in e.inputs if isinstance(a, Var)], *outputs])
        self._factors: dict[Atom, tuple[Atom, Atom]] = {}
        self.eqns: list[Eqn] = []
        for eqn in eqns:
            self._add(eqn, eqn not in drawn)

    def _add(self, eqn: Eqn, may_fuse: bool) -> None:
        if may_fuse and (factors := _factors(eqn)) and self._uses[eqn.outputs[0]] == 1:
            self._factors[eqn.outputs[0]] = factors
        if may_fuse and eqn.primitive.name in self._sums and _dtype(eqn) in _DTYPES:
            eqn = self._reduction(eqn) if eqn.primitive.name == _REDUCTION else self._sum(eqn)
        self.eqns.append(eqn)

    def _reduction(self, eqn: Eqn) -> Eqn:
        (x,) = eqn.inputs
        if x not in self._factors:
            return eqn
        product = Var(x.aval)
        self.eqns.append(Eqn(summand_p, list(self._factors[x]), [product], {}, eqn.source))
        return Eqn(eqn.primitive, [product], eqn.outputs, eqn.params, eqn.source)

    def _sum(self, eqn: Eqn) -> Eqn:
        """x + y or x - y, with the first of the two that is a product fused."""
        x, y = eqn.inputs
        is_difference = eqn.primitive.name == "sub"
        if x in self._factors:
            a, b = self._factors[x]
            return self._fma(eqn, a, b, self._negative(y, eqn) if is_difference else y)
        if y in self._factors:
            a, b = self._factors[y]
            if is_difference:  # of a literal, if either is one: that costs nothing
                a, b = (b, a) if isinstance(b, Literal) else (a, b)
                a = self._negative(a, eqn)
            return self._fma(eqn, a, b, x)
        return eqn

    def _negative(self, atom: Atom, eqn: Eqn) -> Atom:
        if isinstance(atom, Literal) and not atom.aval.shape:
            return literal(-atom.buffer, atom.aval.dtype, atom.aval.weak_type)
        var = Var(atom.aval)
        self.eqns.append(Eqn(neg_p, [atom], [var], {}, eqn.source))
        return var

    def _fma(self, eqn: Eqn, a: Atom, b: Atom, c: Atom) -> Eqn:
        return Eqn(fma_p, [a, b, c], eqn.outputs, {}, eqn.source)


def _factors(eqn: Eqn) -> tuple[Atom, Atom] | None:
    """The two numbers whose product the equation is."""
    name = eqn.primitive.name
    if name == "mul":
        return eqn.inputs[0], eqn.inputs[1]
    if name == "square" or (name == "integer_pow" and eqn.params["y"] == 2):
        return eqn.inputs[0], eqn.inputs[0]
    return None


def _dtype(eqn: Eqn) -> str:
    return eqn.outputs[0].aval.dtype.name
