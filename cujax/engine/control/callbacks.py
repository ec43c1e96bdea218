"""Callbacks: ops that call Python functions while a program runs.

    debug_callback_p   for its effect only; differentiation and batching leave it alone
    pure_callback_p    a function without effects; may be left out where nobody reads the result
    library_call_p     the same for functions of the array library, NumPy or CuPy: nothing leaves the device
    io_callback_p      a function with effects and results; always runs

The param `host` is what runs: a `HostFunction` or a `LibraryFunction`, or an `EachElement` around one, which a `vmap`
makes of it.
Equations run in the order of the tape, so callbacks do too, whether ordered or not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import numpy as np

from cujax.engine.backends.select import selected
from cujax.engine.core.array import ConcreteArray
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.axis import AxisData
from cujax.engine.core.primitive import Primitive, not_fusable
from cujax.engine.ground import dtypes, errors
from cujax.engine.ground.source import describe_function
from cujax.engine.ops.structural import expand_dims, move_dim

VMAP_METHODS = ("sequential", "sequential_unrolled", "expand_dims", "broadcast_all", "legacy_vectorized")
_RUNS_ON_HOST = not_fusable("it runs on the host")


def batched_avals(avals: Sequence[ShapedArray], size: int) -> tuple[ShapedArray, ...]:
    return tuple(a.update(shape=(size, *a.shape)) for a in avals)


# --- what runs ----------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class HostFunction:
    """`fun(arrays) -> results`, run on buffers.

    made_by: the user's function and the kind of callback, for error texts.  dtypes: of the operands, which a
    buffer of keys does not tell.  result_avals: what the results have to be.
    """

    fun: Callable[[list[Any]], Sequence[Any]]
    made_by: tuple[str, Any]
    dtypes: tuple[Any, ...]
    result_avals: tuple[ShapedArray, ...]

    def __call__(self, buffers: Sequence[Any]) -> list[Any]:
        """The results as buffers of the backend."""
        results = self.fun(self._arguments(buffers))
        if len(results) != len(self.result_avals):
            self._refuse(f"{len(results)} results, where result_shape_dtypes has {len(self.result_avals)}")
        return [self._checked(i, r, self.result_avals[i]) for i, r in enumerate(results)]

    def _arguments(self, buffers: Sequence[Any]) -> list[Any]:
        pairs = zip(buffers, self.dtypes, strict=True)
        return [ConcreteArray(b, ShapedArray(b.shape, dtype)) for b, dtype in pairs]

    def _values(self, result: Any) -> tuple[Any, Any]:
        """A result as a buffer, and its dtype, which a buffer of keys does not tell."""
        if isinstance(result, ConcreteArray):
            return selected().to_device(result.to_numpy()), result.dtype
        values = np.asarray(result)
        dtype = dtypes.canonicalize(values.dtype)
        return selected().to_device(values.astype(dtype, copy=False)), dtype

    def _checked(self, i: int, result: Any, aval: ShapedArray) -> Any:
        values, dtype = self._values(result)
        if values.shape != aval.shape or dtype != aval.dtype:
            found = f"{dtype}[{','.join(map(str, values.shape))}]"
            expected = f"{aval.dtype}[{','.join(map(str, aval.shape))}]"
            self._refuse(f"{found} as result {i}, where result_shape_dtypes says {expected}")
        return values

    def _refuse(self, what: str) -> NoReturn:
        kind, fun = self.made_by
        raise errors.JaxRuntimeError(
            f"{kind}: {describe_function(fun)} returned {what}. Both must agree, since programs are compiled "
            "for what result_shape_dtypes promises; convert the result, or correct the promise."
        )

    def batched(self, size: int) -> HostFunction:
        """The same function, which treats a whole batch at once."""
        return replace(self, result_avals=batched_avals(self.result_avals, size))


@dataclass(frozen=True, eq=False)
class LibraryFunction(HostFunction):
    """`fun(buffers) -> results`, run on the backend's own arrays, which it must not change; NumPy's say so."""

    def _arguments(self, buffers: Sequence[Any]) -> list[Any]:
        return [_for_reading(b) for b in buffers]

    def _values(self, result: Any) -> tuple[Any, Any]:
        values = selected().xp.asarray(result)
        dtype = dtypes.canonicalize(values.dtype)
        return values.astype(dtype, copy=False), dtype


def _for_reading(buffer: Any) -> Any:
    view = buffer.view()
    if isinstance(view, np.ndarray):
        view.flags.writeable = False
    return view


@dataclass(frozen=True, eq=False)
class EachElement:
    """Runs `host` for the elements of a batch in turn; `mapped` operands have their batch at axis 0."""

    host: Any
    mapped: tuple[bool, ...]
    size: int

    @property
    def result_avals(self) -> tuple[ShapedArray, ...]:
        return batched_avals(self.host.result_avals, self.size)

    def __call__(self, buffers: Sequence[Any]) -> list[Any]:
        xp = selected().xp
        results = [xp.empty(a.shape, getattr(a.dtype, "physical", a.dtype)) for a in self.result_avals]
        for i in range(self.size):
            element = [b[i] if m else b for b, m in zip(buffers, self.mapped, strict=True)]
            for whole, part in zip(results, self.host(element), strict=True):
                whole[i] = part
        return results


# --- the ops ------------------------------------------------------------------------------------------


def _shape(*avals: ShapedArray, host: Any, **options: Any) -> tuple[ShapedArray, ...]:
    return host.result_avals


def _impl(xp: Any, *buffers: Any, host: Any, **options: Any) -> list[Any]:
    return host(buffers)


def _refuses(text: str) -> Callable:
    def rule(*args: Any, **params: Any) -> NoReturn:
        raise ValueError(text)

    return rule


def callback(
    name: str, *, jvp: Callable, transpose: Callable, batch: Callable, effect: bool, doc: str
) -> Primitive:
    return Primitive(
        name, shape=_shape, impl=_impl, jvp=jvp, transpose=transpose, batch=batch, effect=effect, doc=doc,
        cuda=_RUNS_ON_HOST, multiple=True, may_keep=True, domain="any dtype", family="control",
    )


def _each_element(
    primitive: Primitive, axis: AxisData, operands: Sequence[Any], dims: Sequence[int | None], host: Any,
    options: dict[str, Any],
) -> tuple[list[Any], list[int]]:
    moved = [x if d is None else move_dim(axis, x, d, 0) for x, d in zip(operands, dims, strict=True)]
    each = EachElement(host, tuple(d is not None for d in dims), axis.size)
    outs = primitive.bind(*moved, host=each, **options)
    return outs, [0] * len(outs)


def _debug_jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> tuple[list[Any], list[Any]]:
    return debug_callback_p.bind(*primals, **params), []


def _debug_batch(
    axis: AxisData, operands: Sequence[Any], dims: Sequence[int | None], *, host: Any, **options: Any
) -> tuple[list[Any], list[int]]:
    return _each_element(debug_callback_p, axis, operands, dims, host, options)


debug_callback_p = callback(
    "debug_callback", jvp=_debug_jvp, transpose=_refuses("debug callbacks have no results to transpose"),
    batch=_debug_batch, effect=True, doc="A function on the host, called to look at values.",
)


def _pure_batch(primitive: Callable[[], Primitive]) -> Callable:
    def rule(
        axis: AxisData, operands: Sequence[Any], dims: Sequence[int | None], *, host: Any, vmap_method: str | None
    ) -> tuple[list[Any], list[int]]:
        options = {"vmap_method": vmap_method}
        if vmap_method in ("sequential", "sequential_unrolled"):
            return _each_element(primitive(), axis, operands, dims, host, options)
        if vmap_method is None:
            kind, fun = host.made_by
            raise NotImplementedError(
                f"vmap is only supported for {kind} with a vmap_method that says how {describe_function(fun)} treats a "
                f"batch, one of {', '.join(VMAP_METHODS)}. Got vmap_method=None."
            )
        moved = [_whole_batch(axis, x, d, vmap_method) for x, d in zip(operands, dims, strict=True)]
        outs = primitive().bind(*moved, host=host.batched(axis.size), **options)
        return outs, [0] * len(outs)

    return rule


def _whole_batch(axis: AxisData, x: Any, dim: int | None, vmap_method: str) -> Any:
    """An operand of a function that treats a batch at once, with the axis that `vmap_method` gives it."""
    if dim is not None or vmap_method == "broadcast_all":
        return move_dim(axis, x, dim, 0)
    return expand_dims(x, (0,)) if vmap_method == "expand_dims" else x


pure_callback_p: Primitive = callback(
    "pure_callback",
    jvp=_refuses(
        "Pure callbacks do not support JVP. Use custom_jvp to give the function a derivative."
    ),
    transpose=_refuses(
        "Pure callbacks do not support transpose. Use custom_vjp to give the function a derivative."
    ),
    batch=_pure_batch(lambda: pure_callback_p), effect=False, doc="A function on the host, without effects.",
)

_no_vjp = _refuses(
    "The function of cupy_call and numpy_call is differentiated by the vjp that comes with it, which was not given; "
    "write vjp=lambda args, results, cotangents: ..., for reverse mode."
)
library_call_p: Primitive = callback(
    "library_call", jvp=_no_vjp, transpose=_no_vjp,
    batch=_pure_batch(lambda: library_call_p), effect=False,
    doc="A function of the array library, without effects, on the device.",
)


def _io_batch(
    axis: AxisData, operands: Sequence[Any], dims: Sequence[int | None], *, host: Any, ordered: bool
) -> tuple[list[Any], list[int]]:
    if ordered:
        raise ValueError("Cannot `vmap` ordered IO callback: the elements of a batch have no order.")
    return _each_element(io_callback_p, axis, operands, dims, host, {"ordered": ordered})


io_callback_p = callback(
    "io_callback", jvp=_refuses("IO callbacks do not support JVP. Use custom_jvp to give a derivative."),
    transpose=_refuses("IO callbacks do not support transpose."), batch=_io_batch, effect=True,
    doc="A function on the host, with effects.",
)
