"""Primitives that users declare: `cujax.extend.core.Primitive`, with rules in the tables of `cujax.interpreters`.

Such an op has a function that computes it, one that gives its avals, and rules, all in terms of other ops:

    impl           what runs outside `jit`: on arrays
    abstract_eval  avals -> aval(s)
    LOWERINGS      what a program does instead, a function that is traced: the op is a call of its tape
    JVPS           rule(primals, tangents, **params) -> (out(s), tangent(s))
    TRANSPOSES     rule(ct(s), *operands, **params) -> a cotangent or None for each operand
    BATCHERS       rule(operands, dims, **params) -> (out(s), dim(s)), or with the axis first where `AxisRules` says so

Rules are looked up when they are needed, so that they may be set at any time.  What they see of symbolic zeros is
`ZeroNode`, a pytree without leaves, so that rules may hand their tangents on to `vmap`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from cujax.engine.control.functions import as_value
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.axis import AxisData
from cujax.engine.core.primitive import Primitive, not_fusable
from cujax.engine.core.recording import record_pure
from cujax.engine.core.tape import Tape
from cujax.engine.core.trace import aval_of, known_array
from cujax.engine.core.zero import Linear, Zero, is_zero
from cujax.engine.ground import pytree


class ZeroNode:
    """A tangent or cotangent of type `aval` that is known to be zero; a pytree without leaves."""

    __slots__ = ("aval",)

    def __init__(self, aval: ShapedArray) -> None:
        self.aval = aval

    @staticmethod
    def from_primal_value(value: Any) -> ZeroNode:
        """The zero tangent of an array or a number."""
        return ZeroNode(aval_of(value).to_tangent_aval())

    def __repr__(self) -> str:
        return f"Zero({self.aval.str_short()})"


pytree.register_pytree_node(ZeroNode, lambda zero: ((), zero.aval), lambda aval, _: ZeroNode(aval))
pytree.register_pytree_node(Linear, lambda operand: ((), operand.aval), lambda aval, _: Linear(aval))


class AxisRules(dict):
    """Batching rules that see the axis, and also run where no operand is batched.

    Setting one makes it a rule of BATCHERS that takes the axis first, through `adapt`.
    """

    def __init__(self, adapt: Callable[[Callable], Callable]) -> None:
        self.adapt = adapt

    def __setitem__(self, primitive: Any, rule: Callable) -> None:
        super().__setitem__(primitive, rule)
        primitive.collective = True
        BATCHERS[primitive] = self.adapt(rule)


def _with_parts_of_axis(rule: Callable) -> Callable:
    def batch(axis: AxisData, operands: Any, dims: Any, **params: Any) -> Any:
        return rule(axis.size, axis.name, None, operands, dims, **params)

    return batch


JVPS: dict[Primitive, Callable] = {}
TRANSPOSES: dict[Primitive, Callable] = {}
BATCHERS: dict[Primitive, Callable] = {}
FANCY_BATCHERS = AxisRules(lambda rule: rule)
AXIS_BATCHERS = AxisRules(_with_parts_of_axis)
LOWERINGS: dict[Primitive, Callable] = {}


class _EveryPrimitive(type):
    """The type of the public class of primitives, whose instances are all of them, ours too."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Primitive)


class UserPrimitive(Primitive, metaclass=_EveryPrimitive):
    """An op of the user's: `name` is for texts alone, and need not be unique."""

    def __init__(self, name: str) -> None:
        super().__init__(
            name, shape=self._no("avals", "p.def_abstract_eval(rule)"), impl=self._no("impl", "p.def_impl(fun)"),
            jvp=self._jvp, transpose=self._transpose, batch=self._batch, evaluate=self._evaluate, is_call=True,
            cuda=not_fusable("a call is inlined before fusion"), doc="An op of the user's.",
            domain="what its rules take", family="control", multiple=False, registered=False,
        )  # fmt: skip

    @property
    def multiple_results(self) -> bool:
        """Whether `bind`, `impl` and the rules have a list of results; set it before rules are used."""
        return self.multiple

    @multiple_results.setter
    def multiple_results(self, value: bool) -> None:
        self.multiple = value

    def def_impl(self, impl: Callable) -> Callable:
        """`impl(*arrays, **params)` computes the op outside `jit`."""
        self.impl = impl
        return impl

    def def_abstract_eval(self, rule: Callable) -> Callable:
        """`rule(*avals, **params)` gives the `ShapedArray` of the result, a list for `multiple_results`."""
        self.shape = self.abstract_eval = rule
        return rule

    def called_tape(self, avals: Sequence[ShapedArray], params: dict[str, Any]) -> Tape:
        """The tape of the lowering."""
        lowering = LOWERINGS.get(self)
        if lowering is None:
            self._refuse("lowering", "mlir.register_lowering(p, mlir.lower_fun(fun, multiple_results=...))")
        return record_pure(lambda *args: self._listed(lowering(*args, **params)), list(avals), self.name)

    def _evaluate(self, args: Sequence[Any], params: dict[str, Any]) -> Any:
        out = self.impl(*map(known_array, args), **params)  # type: ignore[operator]
        return [known_array(o) for o in out] if self.multiple else known_array(out)

    def _jvp(self, primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> tuple[Any, Any]:
        rule = JVPS.get(self) or self._refuse("differentiation", "ad.primitive_jvps[p] = rule")
        shown = tuple(ZeroNode(t.aval) if is_zero(t) else t for t in tangents)
        out, tangent = rule(tuple(map(as_value, primals)), shown, **params)
        return out, [_hidden(t) for t in tangent] if self.multiple else _hidden(tangent)

    def _transpose(self, ct: Any, *operands: Any, **params: Any) -> Sequence[Any]:
        rule = TRANSPOSES.get(self) or self._refuse("transposition", "ad.primitive_transposes[p] = rule")
        shown = tuple(ZeroNode(c.aval) if is_zero(c) else c for c in ct) if self.multiple else ct
        return [_hidden(c) for c in rule(shown, *map(as_value, operands), **params)]

    def _batch(self, axis: AxisData, operands: Sequence[Any], dims: Sequence[Any], **params: Any) -> tuple[Any, Any]:
        rule = BATCHERS.get(self) or self._refuse("batching", "batching.primitive_batchers[p] = rule")
        first = (axis,) if self.collective else ()
        return rule(*first, tuple(map(as_value, operands)), tuple(dims), **params)

    def _listed(self, out: Any) -> list[Any]:
        return list(out) if self.multiple else [out]

    def _refuse(self, what: str, how: str) -> NoReturn:
        raise NotImplementedError(f"the primitive {self.name!r} has no rule for {what}; declare one: {how}")

    def _no(self, what: str, how: str) -> Callable:
        return lambda *args, **params: self._refuse(what, how)


def _hidden(tangent: Any) -> Any:
    """A tangent of a rule of the user's as the engine has them."""
    return Zero(tangent.aval) if type(tangent) is ZeroNode else tangent
