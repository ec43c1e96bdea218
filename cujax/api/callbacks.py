"""Calls of Python functions from inside traced functions: `pure_callback`, `io_callback`, `cupy_call` and `numpy_call`,
and `debug_callback` and `debug_print`, which are `cujax.debug.callback` and `cujax.debug.print`.

The functions get arrays at run time.  What they raise reaches the caller of the program as it is.
"""

from __future__ import annotations

import functools
import logging
import string
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from cujax.api.custom_vjp import custom_vjp
from cujax.api.flatten import as_array, is_array_like
from cujax.engine.control.callbacks import (
    VMAP_METHODS,
    HostFunction,
    LibraryFunction,
    debug_callback_p,
    io_callback_p,
    library_call_p,
    pure_callback_p,
)
from cujax.engine.core.array import describe_value
from cujax.engine.core.aval import ShapedArray
from cujax.engine.ground import dtypes, pytree
from cujax.engine.ground.source import describe_function

_log = logging.getLogger("cujax")


def pure_callback(
    callback: Callable,
    result_shape_dtypes: Any,
    *args: Any,
    sharding: Any = None,
    vmap_method: str | None = None,
    **kwargs: Any,
) -> Any:
    """`callback(*args, **kwargs)`, called on the host with arrays when the program runs.

    callback: free of effects; it may run often, or not at all if nobody reads the result.
    result_shape_dtypes: a pytree of objects with `shape` and `dtype`; results have to be arrays like them.
    vmap_method: what `vmap` makes of it: "sequential" calls it for one element after the other;
        "expand_dims" once, with a leading batch axis that has length one for arguments without a batch;
        "broadcast_all" once, with all arguments repeated along the batch; "legacy_vectorized" once, arguments
        without a batch as they are.  None: NotImplementedError under `vmap`.

    It has no derivative (ValueError); give it one with `custom_jvp`.  JaxRuntimeError when results are not
    as promised.
    """
    _check_vmap_method("pure_callback", vmap_method)
    operands, host, out_tree = _host_function("pure_callback", callback, result_shape_dtypes, args, kwargs)
    return out_tree.unflatten(pure_callback_p.bind(*operands, host=host, vmap_method=vmap_method))


def io_callback(
    callback: Callable,
    result_shape_dtypes: Any,
    *args: Any,
    sharding: Any = None,
    ordered: bool = False,
    **kwargs: Any,
) -> Any:
    """As `pure_callback`, for functions with effects: it runs exactly once each time the program gets there.

    ordered: calls keep their order, as they do anyway, and `vmap` is refused (ValueError); else `vmap` calls
    it for one element after the other.
    """
    operands, host, out_tree = _host_function("io_callback", callback, result_shape_dtypes, args, kwargs)
    return out_tree.unflatten(io_callback_p.bind(*operands, host=host, ordered=bool(ordered)))


def _host_function(
    kind: str, callback: Callable, result_shape_dtypes: Any, args: Any, kwargs: Any,
    runs_as: type[HostFunction] = HostFunction,
) -> tuple[list[Any], HostFunction, pytree.PyTreeDef]:
    _check_callable(kind, callback)
    leaves, in_tree = pytree.flatten((args, kwargs))
    operands = [as_array(x) for x in leaves]
    specs, out_tree = pytree.flatten(result_shape_dtypes)

    def flat(arrays: list[Any]) -> list[Any]:
        args, kwargs = in_tree.unflatten(arrays)
        return pytree.leaves(callback(*args, **kwargs))

    avals = tuple(_promised(kind, callback, spec) for spec in specs)
    return operands, runs_as(flat, (kind, callback), tuple(x.dtype for x in operands), avals), out_tree


# --- functions of NumPy and CuPy ------------------------------------------------------------------------


def cupy_call(
    function: Callable, result_shape_dtypes: Any, *args: Any, vjp: Callable | None = None,
    vmap_method: str | None = None,
) -> Any:
    """`function(*args)` inside of traced functions, on the device's own arrays: CuPy's on a GPU, NumPy's on a CPU.

        def smooth(image):
            return cupyx.scipy.ndimage.gaussian_filter(image, 2.0)

        cujax.cupy_call(smooth, image, image, vjp=lambda args, result, ct: (smooth(ct),))

    function: free of effects; it must not change its arguments, and gives arrays like result_shape_dtypes, a pytree of
    objects with `shape` and `dtype`.  On a GPU it runs on CuPy's current stream, without waiting for the device.
    vjp: its derivative in reverse mode, `vjp(args, results, cotangents)`, on such arrays too, with a cotangent for
        each argument, or None for one of integers; args is the tuple of them.  It has no derivative of its own.
    vmap_method: as in `pure_callback`.

    JaxRuntimeError when results are not as promised; ValueError when a derivative is asked for without vjp.
    """
    _check_vmap_method("cupy_call", vmap_method)
    return _with_vjp("cupy_call", LibraryFunction, function, result_shape_dtypes, args, vjp, vmap_method)


def numpy_call(
    function: Callable, result_shape_dtypes: Any, *args: Any, vjp: Callable | None = None,
    vmap_method: str | None = None,
) -> Any:
    """As `cupy_call`, for functions of NumPy arrays, on the host: a GPU is waited for, and its values are copied.

        @cujax.jit
        def f(x):
            return cujax.numpy_call(scipy.special.wrightomega, x, x, vjp=lambda args, w, ct: (ct * w / (1 + w),))

    JaxRuntimeError when results are not as promised; ValueError when a derivative is asked for without vjp.
    """
    _check_vmap_method("numpy_call", vmap_method)

    def on_numpy(given: Callable) -> Callable:
        return functools.wraps(given)(lambda *xs: given(*pytree.map(np.asarray, xs)))

    _check_callable("numpy_call", function)
    if vjp is not None:
        _check_callable("vjp of numpy_call", vjp)
        vjp = on_numpy(vjp)
    return _with_vjp("numpy_call", HostFunction, on_numpy(function), result_shape_dtypes, args, vjp, vmap_method)


def _check_vmap_method(kind: str, vmap_method: str | None) -> None:
    if vmap_method is not None and vmap_method not in VMAP_METHODS:
        raise ValueError(f"{kind}: vmap_method must be None or one of {VMAP_METHODS}: {vmap_method!r}")


def _with_vjp(
    kind: str, runs_as: type[HostFunction], function: Callable, result_shape_dtypes: Any, args: Any,
    vjp: Callable | None, vmap_method: str | None,
) -> Any:
    """The call of `function`, which in reverse mode is followed by one of `vjp`."""

    def call(kind: str, function: Callable, promised: Any, args: Any) -> Any:
        operands, host, out_tree = _host_function(kind, function, promised, args, {}, runs_as)
        return out_tree.unflatten(library_call_p.bind(*operands, host=host, vmap_method=vmap_method))

    if vjp is None:
        return call(kind, function, result_shape_dtypes, args)
    _check_callable(f"vjp of {kind}", vjp)

    def forward(*args: Any) -> Any:
        results = call(kind, function, result_shape_dtypes, args)
        return results, (args, results)

    def backward(saved: Any, cotangents: Any) -> Any:
        args, results = saved
        leaves, tree = pytree.flatten(args)
        smooth = [dtypes.is_inexact(x.dtype) for x in leaves]

        def of_smooth(args: Any, results: Any, cotangents: Any) -> list[Any]:
            found = pytree.leaves(vjp(args, results, cotangents), is_leaf=lambda x: x is None)
            return [x for x, is_smooth in zip(found, smooth, strict=True) if is_smooth]

        promised = [x.aval for x, is_smooth in zip(leaves, smooth, strict=True) if is_smooth]
        found = iter(call(f"vjp of {kind}", of_smooth, promised, (args, results, cotangents)))
        return tree.unflatten([next(found) if is_smooth else None for is_smooth in smooth])

    differentiated = custom_vjp(lambda *args: call(kind, function, result_shape_dtypes, args))
    differentiated.defvjp(forward, backward)
    return differentiated(*pytree.map(as_array, args))


def _check_callable(kind: str, callback: Any) -> None:
    if not callable(callback):
        raise TypeError(f"first argument to {kind} must be callable, but got {describe_value(callback)}")


def _promised(kind: str, callback: Callable, spec: Any) -> ShapedArray:
    if not (hasattr(spec, "shape") and hasattr(spec, "dtype")):
        raise AttributeError(
            f"{kind} of {describe_function(callback)}: result_shape_dtypes must be made of objects with a "
            f"shape and a dtype, such as ShapeDtypeStruct((3,), 'float32'); got {describe_value(spec)}."
        )
    dtype = dtypes.as_dtype(spec.dtype)
    if dtypes.canonicalize(dtype) != dtype:
        raise ValueError(
            f"{kind}: result_shape_dtypes cannot specify 64-bit types when jax_enable_x64 is off: {dtype}"
        )
    return ShapedArray(tuple(spec.shape), dtype)


# --- looking at values --------------------------------------------------------------------------------


def debug_callback(
    callback: Callable | None = None,
    *args: Any,
    ordered: bool = False,
    partitioned: bool = False,
    **kwargs: Any,
) -> Any:
    """Call `callback(*args, **kwargs)` on the host when the program gets there; its result is ignored.

    Arguments that are no arrays (strings, functions) are passed as they are.  Under `vmap` it is called for
    each element, under `grad` with the primal values.  ordered, partitioned: accepted; calls are made in
    order.  Without `callback`, a decorator that calls the function with these arguments.
    """
    if callback is None:
        return lambda fun: debug_callback(fun, *args, ordered=ordered, partitioned=partitioned, **kwargs)
    _check_callable("debug.callback", callback)
    leaves, tree = pytree.flatten((args, kwargs))
    traced = [is_array_like(x) for x in leaves]
    operands = [as_array(x) for x, t in zip(leaves, traced, strict=True) if t]
    others = [None if t else x for x, t in zip(leaves, traced, strict=True)]

    def flat(arrays: list[Any]) -> tuple[()]:
        given = iter(arrays)
        args, kwargs = tree.unflatten([next(given) if t else x for x, t in zip(others, traced, strict=True)])
        callback(*args, **kwargs)
        return ()

    host = HostFunction(flat, ("debug.callback", callback), tuple(x.dtype for x in operands), ())
    debug_callback_p.bind(*operands, host=host)
    return None


def debug_print(
    fmt: str,
    *args: Any,
    ordered: bool = False,
    partitioned: bool = False,
    skip_format_check: bool = False,
    **kwargs: Any,
) -> None:
    """Print `fmt.format(*args, **kwargs)` when the program gets there, with the values of that moment.

    A Python `print` in a traced function prints tracers, once, while it is traced.  Under `vmap` there is a
    line for each element; under `grad` the values are those of the forward pass.

    TypeError when `fmt` is no string; ValueError for arguments that `fmt` does not use, as those of an
    f-string, unless skip_format_check; IndexError or KeyError for ones that are missing.
    """
    if not isinstance(fmt, str):
        raise TypeError(f"debug.print: the first argument must be a format string, got {describe_value(fmt)}")
    if not skip_format_check:
        _FormatCheck().vformat(fmt, args, kwargs)
    formatted = any(name is not None for _, name, _, _ in string.Formatter().parse(fmt))
    show = functools.partial(_print_formatted, fmt, formatted, np.get_printoptions())
    debug_callback(show, *args, ordered=ordered, partitioned=partitioned, **kwargs)


def debug_log(
    fmt: str,
    *args: Any,
    ordered: bool = False,
    partitioned: bool = False,
    skip_format_check: bool = False,
    **kwargs: Any,
) -> None:
    """As `debug_print`, to the logger "cujax" at level INFO."""
    if not isinstance(fmt, str):
        raise TypeError(f"debug.log: the first argument must be a format string, got {describe_value(fmt)}")
    if not skip_format_check:
        _FormatCheck().vformat(fmt, args, kwargs)

    def write(*args: Any, **kwargs: Any) -> None:
        _log.info("%s", fmt.format(*args, **kwargs))

    debug_callback(write, *args, ordered=ordered, partitioned=partitioned, **kwargs)


def _print_formatted(fmt: str, formatted: bool, options: Any, *args: Any, **kwargs: Any) -> None:
    with np.printoptions(**options):
        print(fmt.format(*args, **kwargs) if formatted else " ".join([fmt, *map(str, args)]))


class _FormatCheck(string.Formatter):
    """Finds arguments that are missing or too many, before there are values to format."""

    def format_field(self, value: Any, format_spec: str) -> str:
        return ""

    def check_unused_args(self, used_args: Any, args: Sequence[Any], kwargs: Any) -> None:
        unused = [a for i, a in enumerate(args) if i not in used_args]
        names = [k for k in kwargs if k not in used_args]
        if unused or names:
            raise ValueError("debug.print: " + " ".join(self._complaints(unused, names)))

    def _complaints(self, unused: list[Any], names: list[str]) -> Iterator[str]:
        if unused:
            yield f"Unused positional arguments: {unused}."
        if names:
            yield f"Unused keyword arguments: {names}."
        yield 'The format has no place for them. Write debug.print("x is {x}", x=x), not an f-string.'
