"""`cujax.cuda_op`: a line of CUDA C++ as an elementwise function of arrays, which promotes and broadcasts like jnp's.

The op itself is `engine/control/cuda_op.py`; here operands are read, promoted and named.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cujax import lax
from cujax.engine.compiler.cpp import type_name
from cujax.engine.compiler.user_functions import UserFunction
from cujax.engine.control.cuda_op import UserOp, cuda_op_p, jvp_rule, partial_rule
from cujax.engine.core.array import Array, describe_value
from cujax.engine.ground import dtypes
from cujax.numpy.promotion import ArrayLike, arrays_of, broadcast_shape, operand, promote_dtypes

_TAKEN = frozenset(("T", "out", "value"))  # what the text around a source names


def cuda_op(
    source: str | Sequence[str], operands: str | Sequence[str] = "x", *, preamble: str = "", out_dtype: Any = None,
    derivative: Any = None, numpy: Any = None, name: str = "cuda_op",
) -> Callable[..., Any]:
    """A function of arrays that computes an expression of CUDA C++ for each element.

        softplus = cujax.cuda_op("log1p(exp(x))", "x", derivative={"x": "1 / (1 + exp(-x))"}, name="softplus")
        softplus(jnp.arange(3.0))

    It runs as ops do: inside of kernels with its neighbours, in loops, under `vmap`, `jit` and `grad`, on a GPU and,
    compiled by the C++ compiler there, on a CPU.

    source: an expression of the operands, or statements that end in `return ...;`.  Each operand is a scalar by its
        name, T the type of the result.  CUDA's mathematical functions exist on a CPU too; its intrinsics do not.
        float16 and bfloat16 come in and go out as float.  Several sources make a function with a tuple of results.
    operands: their names, "x, y", with a dtype before those to which an operand is to be converted: "int32 n, x".  The
        others are promoted to one dtype and all are broadcast, as by `jnp.add`.
    preamble: lines before the source, such as `__device__` functions that it calls, but no #include.
    out_dtype: of the result, else that to which operands are promoted.
    derivative: {name: partial derivative} with a text, of the operands and `out`, the result, or with a function of
        the operands, as which another cuda_op may be given where second derivatives are needed; or a function
        `(primals, out, tangents) -> tangent`, linear in tangents, one for each operand.  For several sources a
        sequence of these.
    numpy: the same function of NumPy arrays, for where there is no C++ compiler; for several sources a sequence.
    name: in kernels, tapes and errors.

    UserSourceError when it is called and the compiler refuses the source; NotImplementedError where a derivative is
    asked for that was not given, and without a compiler where `numpy` was not given.
    """
    if isinstance(source, str):
        return CudaOp(name, [_made(name, source, operands, preamble, derivative, numpy)], out_dtype, False)
    count = len(source)
    _check_identifier("name", name)
    parts = [_spread(what, x, count) for what, x in (("derivative", derivative), ("numpy", numpy))]
    made = [
        _made(f"{name}_{k}", text, operands, preamble, *rest)
        for k, (text, *rest) in enumerate(zip(source, *parts, strict=True))
    ]
    return CudaOp(name, made, out_dtype, True)


def _spread(what: str, given: Any, count: int) -> Sequence[Any]:
    if given is None:
        return [None] * count
    if isinstance(given, (list, tuple)) and len(given) == count:
        return given
    raise ValueError(f"cuda_op: {what} must be a sequence of {count}, as there are {count} sources")


def _made(
    name: str, source: str, operands: str | Sequence[str], preamble: str, derivative: Any, numpy: Any
) -> tuple[UserOp, tuple[Any, ...]]:
    """The op and the dtypes that operands are to have, None where they are promoted."""
    _check_identifier("name", name)
    names, given_dtypes = _read_operands(name, operands)
    if not isinstance(source, str) or not source.strip():
        raise TypeError(f"cuda_op {name!r}: source must be a text of C++, got {describe_value(source)}")
    if numpy is not None and not callable(numpy):
        raise TypeError(f"cuda_op {name!r}: numpy must be a function, got {describe_value(numpy)}")
    function = UserFunction(name, names, source.strip(), preamble.strip("\n"))
    return UserOp(function, numpy, _rule(function, derivative)), given_dtypes


def _rule(function: UserFunction, derivative: Any) -> Callable | None:
    if derivative is None:
        return None
    if callable(derivative):
        return jvp_rule(function.name, lambda primals, out, ts: derivative(tuple(arrays_of(primals)), out, ts))
    if not isinstance(derivative, Mapping):
        raise TypeError(
            f"cuda_op {function.name!r}: derivative must be {{operand: text or function}}, or a function of primals, "
            f"out and tangents; got {describe_value(derivative)}"
        )
    strange = sorted(set(derivative) - set(function.operands))
    if strange:
        raise ValueError(
            f"cuda_op {function.name!r}: derivative by {', '.join(map(repr, strange))}, where the operands are "
            f"{', '.join(map(repr, function.operands))}"
        )
    return partial_rule(function, {k: _on_arrays(p) if callable(p) else p for k, p in derivative.items()})


def _on_arrays(partial: Callable) -> Callable:
    return lambda *primals: partial(*arrays_of(primals))


def _read_operands(name: str, operands: str | Sequence[str]) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    parts = operands.split(",") if isinstance(operands, str) else list(operands)
    words = [part.split() for part in parts]
    if not all(1 <= len(w) <= 2 for w in words):
        raise ValueError(f"cuda_op {name!r}: operands must be names such as 'x, int32 n', got {operands!r}")
    names = tuple(w[-1] for w in words)
    for n in names:
        _check_identifier(f"the operand of {name!r}", n)
    if len(set(names)) < len(names):
        raise ValueError(f"cuda_op {name!r}: operands need names of their own, got {operands!r}")
    return names, tuple(dtypes.as_dtype(w[0]) if len(w) == 2 else None for w in words)


def _check_identifier(what: str, word: Any) -> None:
    is_free = isinstance(word, str) and word.isascii() and word.isidentifier() and word not in _TAKEN
    if not is_free or keyword.iskeyword(word) or re.fullmatch("int|float|double|bool|char|long|short|void", word):
        raise ValueError(f"cuda_op: {what} must be an identifier of C++ that is not taken, got {word!r}")


class CudaOp:
    """What `cuda_op` returns: a function of arrays."""

    def __init__(
        self, name: str, ops: Sequence[tuple[UserOp, tuple[Any, ...]]], out_dtype: Any, is_multiple: bool
    ) -> None:
        self._ops, self._dtypes = [op for op, _ in ops], ops[0][1]
        self._is_multiple = is_multiple
        given = out_dtype if isinstance(out_dtype, (list, tuple)) else [out_dtype] * len(ops)
        self._out_dtypes = [None if d is None else dtypes.as_dtype(d) for d in given]
        self.__name__ = self.__qualname__ = name
        self.__doc__ = "\n".join(op.function.source for op in self._ops)

    @property
    def operands(self) -> tuple[str, ...]:
        """Names of the operands."""
        return self._ops[0].function.operands

    def __repr__(self) -> str:
        return f"<cuda_op {self.__name__}({', '.join(self.operands)})>"

    def __call__(self, *args: ArrayLike) -> Any:
        """The result for each element of `args`, promoted and broadcast; a tuple for several sources."""
        if len(args) != len(self.operands):
            raise TypeError(
                f"cuda_op {self.__name__!r} takes {len(self.operands)} operands, {', '.join(self.operands)}; "
                f"{len(args)} were given"
            )
        promoted, joined = self._promoted(args)
        found = tuple(
            cuda_op_p.bind(*promoted, op=op, dtype=self._result(dtype, joined))
            for op, dtype in zip(self._ops, self._out_dtypes, strict=True)
        )
        return found if self._is_multiple else found[0]

    def _promoted(self, args: Sequence[ArrayLike]) -> tuple[list[Any], Any]:
        """Operands of one shape or scalars, and the dtype of those without a given one."""
        free = [x for x, d in zip(args, self._dtypes, strict=True) if d is None]
        joined = iter(promote_dtypes(self.__name__, *free))
        xs = [
            next(joined) if d is None else lax.convert_element_type(operand(self.__name__, x, i), d)
            for i, (x, d) in enumerate(zip(args, self._dtypes, strict=True))
        ]
        for x in xs:
            self._check_dtype(x.dtype)
        shape = broadcast_shape(self.__name__, [x.shape for x in xs])
        join = next((x.dtype for x, d in zip(xs, self._dtypes, strict=True) if d is None), xs[0].dtype)
        return [_broadcast(x, shape) for x in xs], join

    def _result(self, given: Any, joined: Any) -> Any:
        dtype = joined if given is None else dtypes.canonicalize(given)
        self._check_dtype(dtype)
        return dtype

    def _check_dtype(self, dtype: Any) -> None:
        if dtypes.is_key(dtype) or type_name(dtype) is None:
            raise TypeError(f"cuda_op {self.__name__!r}: kernels have no numbers of dtype {dtype}")


def _broadcast(x: Any, shape: tuple[int, ...]) -> Array:
    if not x.shape or x.shape == shape:
        return x
    return lax.broadcast_in_dim(x, shape, tuple(range(len(shape) - len(x.shape), len(shape))))
