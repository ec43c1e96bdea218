"""`cuda_op_p`: an elementwise op whose C++ a user gives, fused like those that cujax has.

Its param `op` is a `UserOp`: the function, what runs it without a compiler, and its derivative; `dtype` is that of the
result.  A derivative is a function `(primals, out, tangents) -> tangent`; tangents may be `Zero`.  `partial_rule` makes
it of one function for each operand, of which texts are ops again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from cujax.engine.backends.kernel_errors import KernelCompileError
from cujax.engine.backends.select import selected
from cujax.engine.compiler.generate import blame
from cujax.engine.compiler.program import Program, generated
from cujax.engine.compiler.user_functions import UserFunction
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.primitive import NOT_LINEAR, Primitive
from cujax.engine.core.recording import record_pure
from cujax.engine.core.trace import aval_of
from cujax.engine.core.zero import Zero
from cujax.engine.ground import dtypes
from cujax.engine.ops.constants import zeros_of
from cujax.engine.ops.conversion import convert_element_type
from cujax.engine.ops.elementwise import mul
from cujax.engine.ops.families import NUMERIC, common_shape, elementwise_batch
from cujax.engine.ops.structural import add_tangents, broadcast_in_dim


class UserOp:
    """What `cuda_op_p` applies; compared by identity.

    numpy: the same function of NumPy arrays, for where there is no compiler, or None.
    derivative: see the module, or None.
    """

    def __init__(self, function: UserFunction, numpy: Callable | None, derivative: Callable | None) -> None:
        self.function, self.numpy, self.derivative = function, numpy, derivative
        self._programs: dict[Any, Program] = {}

    @property
    def name(self) -> str:
        return self.function.name

    def __repr__(self) -> str:
        return self.name

    def program(self, avals: tuple[ShapedArray, ...], dtype: Any) -> Program | None:
        """The op alone as a program, None where no compiler is found.

        UserSourceError where the compiler refuses the source, KernelCompileError where it takes nothing.
        """
        target = selected().kernels
        if target is None:
            return None
        key = (avals, dtype, target)
        if key not in self._programs:
            tape = record_pure(lambda *xs: [cuda_op_p.bind(*xs, op=self, dtype=dtype)], avals, self.name)
            try:
                self._programs[key] = Program(tape, target)
            except KernelCompileError:
                blame(generated(tape, target.language).source, target)
                raise
        return self._programs[key]


# --- derivatives --------------------------------------------------------------------------------------


def partial_rule(function: UserFunction, partials: Mapping[str, Any]) -> Callable:
    """The derivative by `partials`: for operands the text of one, of operands and `out`, or a function of operands."""
    made = [_partial(function, name, partials[name]) if name in partials else None for name in function.operands]

    def rule(primals: Sequence[Any], out: Any, tangents: Sequence[Any]) -> Any:
        total: Any = Zero(aval_of(out).to_tangent_aval())
        for name, partial, t in zip(function.operands, made, tangents, strict=True):
            if type(t) is Zero:
                continue
            if partial is None:
                raise NotImplementedError(
                    f"cuda_op {function.name!r} has no derivative by {name!r}: give derivative={{{name!r}: ...}}"
                )
            total = add_tangents(total, _scaled(function.name, partial(primals, out), t, aval_of(out)))
        return total

    return rule


def jvp_rule(name: str, derivative: Callable) -> Callable:
    """The derivative by a user's function of primals, the result and arrays as tangents, None for integers."""

    def rule(primals: Sequence[Any], out: Any, tangents: Sequence[Any]) -> Any:
        given = [_instantiated(x, t) for x, t in zip(primals, tangents, strict=True)]
        tangent, aval = derivative(tuple(primals), out, tuple(given)), aval_of(out)
        found = aval_of(tangent)
        if found.shape not in ((), aval.shape) or found.dtype != aval.dtype:
            raise TypeError(
                f"cuda_op {name!r}: its derivative gives a tangent {found.str_short()} of a result {aval.str_short()}; "
                "they must have one shape and dtype"
            )
        return _like(tangent, aval.dtype, aval.shape)

    return rule


def _instantiated(x: Any, t: Any) -> Any:
    if not dtypes.is_inexact(aval_of(x).dtype):
        return None
    return zeros_of(t.aval) if type(t) is Zero else t


def _partial(function: UserFunction, name: str, given: Any) -> Callable[[Sequence[Any], Any], Any]:
    if callable(given):
        return lambda primals, out: given(*primals)
    text = UserFunction(f"{function.name}_d{name}", (*function.operands, "out"), given, function.preamble)
    op = UserOp(text, None, None)
    return lambda primals, out: cuda_op_p.bind(*primals, out, op=op, dtype=aval_of(out).dtype)


def _scaled(name: str, partial: Any, t: Any, out: ShapedArray) -> Any:
    """partial * t, in dtype and shape of the result."""
    if dtypes.is_complex(aval_of(t).dtype) and not dtypes.is_complex(out.dtype):
        raise TypeError(
            f"cuda_op {name!r}: a real result of complex operands has no complex derivative. Give "
            "derivative=function(primals, out, tangents)."
        )
    factors = [_like(x, out.dtype, out.shape) for x in (partial, t)]
    return mul(*factors)


def _like(x: Any, dtype: Any, shape: tuple[int, ...]) -> Any:
    aval = aval_of(x)
    x = x if aval.dtype == dtype else convert_element_type(x, dtype)
    return x if aval.shape == shape else broadcast_in_dim(x, shape, ())


# --- the op -------------------------------------------------------------------------------------------


def _shape(*avals: ShapedArray, op: UserOp, dtype: Any) -> ShapedArray:
    weak = all(a.weak_type and a.dtype == dtype for a in avals)
    return ShapedArray(common_shape(op.name, avals), dtype, weak)


def _impl(xp: Any, *buffers: Any, op: UserOp, dtype: Any) -> Any:
    """By its own program; by the user's NumPy function where there is no compiler."""
    try:
        program = op.program(tuple(ShapedArray(b.shape, b.dtype) for b in buffers), dtype)
    except KernelCompileError:
        if op.numpy is None:
            raise
        program = None
    if program is not None:
        return program.run(buffers)[0]
    if op.numpy is None:
        raise NotImplementedError(
            f"cuda_op {op.name!r} needs a C++ compiler, and there is none here or it is switched off "
            "(CUJAX_HOST_COMPILER). Install one, or give numpy=function, the same function of NumPy arrays."
        )
    shape = np.broadcast_shapes(*[b.shape for b in buffers])
    return xp.broadcast_to(xp.asarray(op.numpy(*buffers)).astype(dtype, copy=False), shape)


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], *, op: UserOp, dtype: Any) -> tuple[Any, Any]:
    out = cuda_op_p.bind(*primals, op=op, dtype=dtype)
    if not dtypes.is_inexact(dtype):
        return out, Zero(aval_of(out).to_tangent_aval())
    if op.derivative is None:
        raise NotImplementedError(
            f"cuda_op {op.name!r} has no derivative. Give cuda_op(..., derivative={{operand: text}}), or a function."
        )
    return out, op.derivative(primals, out, tangents)


def _cuda(places: Sequence[str], avals: Sequence[ShapedArray], *, op: UserOp, dtype: Any) -> str:
    return op.function.call([a.dtype for a in avals], dtype)


cuda_op_p: Primitive = Primitive(
    "cuda_op", shape=_shape, impl=_impl, jvp=_jvp, transpose=NOT_LINEAR,
    batch=elementwise_batch(lambda: cuda_op_p), cuda=_cuda, doc="An elementwise function of C++ that a user gives.",
    domain=NUMERIC, family="user",
)
