"""`jit`: trace a function once for each kind of arguments, then run what was traced.

    JitFunction  what `jit` returns: finds, by the kind of its arguments, a recording, and runs it
    Recording    one trace of the function: its tape, captured values and the structure of its result
    DonatingRecording  one whose program may overwrite some of its arguments (api/donation.py)
    Options      what was said to `jit` that recordings depend on

Recordings are kept in a dictionary by structure and avals of the arguments, static values, options in force
and named axes in scope.  `jit(f)` twice, with equal options, shares one dictionary, which lives as long as
`f`.  No lock is held while the user's function is traced; of two threads that trace it at once the first to
finish is kept.

A second call is a dictionary look-up and a run of the program: `JitFunction.__call__`, `Recording.run`.
"""

from __future__ import annotations

import functools
import logging
import time
import types
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from fastrlock.rlock import FastRLock

from cujax.api.arguments import Parameters, Selection, select_arguments
from cujax.api.donation import Donation
from cujax.api.flatten import Fixed, FlatFunction, LeafNames, abstract_leaf, as_array, bad_argument
from cujax.api.less_memory import explained, run_again
from cujax.api.stages import Lowered, Traced
from cujax.api.traced_once import forget_traces
from cujax.engine.backends.api import Buffer
from cujax.engine.compiler.program import compile_tape
from cujax.engine.control.call import jit_p
from cujax.engine.core.array import describe_value
from cujax.engine.core.context import context
from cujax.engine.core.interned import forget
from cujax.engine.core.key_reuse import check_keys, passes_keys
from cujax.engine.core.leaves import call_key, read_buffers, wrap_buffers
from cujax.engine.core.recording import Origin, record, run_tape
from cujax.engine.core.tape import Tape
from cujax.engine.core.trace import EVAL_TRACE, Tracer, aval_of
from cujax.engine.ground import pytree
from cujax.engine.ground.config import config
from cujax.engine.ground.errors import IncompatibleDevicesError, OutOfMemoryError
from cujax.engine.ground.source import describe_function, function_name

_log = logging.getLogger("cujax")

Static = tuple[tuple[int | str, type, Any], ...]


class Options(NamedTuple):
    """Static and donated arguments; whether the call is dissolved into the tape around it."""

    static: Selection
    donated: Selection
    inline: bool


class Recording:
    """One trace of a function; `run` takes the leaves of the arguments.

    tape: (captured values, leaves) -> leaves of the result.  A captured value is an array or a tracer of a
    function around; the recording is stale once that function has returned.
    owned: numbers of the inputs of the tape whose buffers its program may overwrite.
    """

    owned: tuple[int, ...] = ()

    __slots__ = (
        "_call", "_constants", "_direct", "_inline", "_out_avals", "_rebuild", "captured", "out_tree", "tape",
        "tracers",
    )

    def __init__(self, tape: Tape, captured: Sequence[Any], out_tree: pytree.PyTreeDef, inline: bool) -> None:
        self.tape = tape
        self.captured = list(captured)
        self.out_tree = out_tree
        self.tracers = [c for c in captured if isinstance(c, Tracer)]
        watched = config.debug_nans or config.debug_infs or (config.debug_key_reuse and passes_keys(tape))
        self._direct = not self.tracers and not watched
        self._constants = [c.buffer for c in captured] if self._direct else []
        self._inline = inline
        self._call: Any = None
        self._out_avals = tape.out_avals
        self._rebuild = out_tree.unflattener()

    def is_stale(self) -> bool:
        return not all(t.owner.alive for t in self.tracers)

    def may_run_again(self) -> bool:
        """Whether a run that failed has left nothing behind."""
        return not self.tape.has_effects

    def run(self, leaves: list[Any]) -> Any:
        """The result, as a pytree."""
        if context.trace is EVAL_TRACE and self._direct:
            call = self._call or self._compile()
            return self._rebuild(*wrap_buffers(call(read_buffers(self._constants, leaves)), self._out_avals))
        return self._rebuild(*self._bind(leaves))

    def _compile(self) -> Callable[[list[Buffer]], list[Buffer]]:
        self._call = compile_tape(self.tape).call
        return self._call

    def _bind(self, leaves: Sequence[Any]) -> list[Any]:
        args = [*self.captured, *leaves]
        if self._inline and context.trace is not EVAL_TRACE:
            return run_tape(self.tape, args)
        return jit_p.bind(*args, tape=self.tape, name=self.tape.name)


class DonatingRecording(Recording):
    """A recording that overwrites buffers which the caller of the function has given away."""

    __slots__ = ("_changed", "_donation", "owned")

    def __init__(
        self, tape: Tape, captured: Sequence[Any], out_tree: pytree.PyTreeDef, inline: bool, donation: Donation
    ) -> None:
        super().__init__(tape, captured, out_tree, inline)
        self.owned, self._donation = donation.owned, donation
        self._changed: tuple[int, ...] = ()

    def may_run_again(self) -> bool:
        return super().may_run_again() and not self._changed

    def run(self, leaves: list[Any]) -> Any:
        if context.trace is not EVAL_TRACE or not self._direct:
            return super().run(leaves)
        call = self._call or self._compile()
        buffers = read_buffers(self._constants, leaves)
        self._donation.take(self._changed, buffers, leaves)
        return self._rebuild(*wrap_buffers(call(buffers), self._out_avals))

    def _compile(self) -> Callable[[list[Buffer]], list[Buffer]]:
        program = compile_tape(self.tape, self.owned)
        self._donation.warn(self.tape, program.changed)
        self._changed, self._call = program.changed, program.call
        return self._call


class JitFunction:
    """A function that is traced once for each kind of arguments; what `jit` returns."""

    def __init__(self, fun: Callable, options: Options, recordings: dict[Any, Recording]) -> None:
        functools.update_wrapper(self, fun)
        self._fun = fun
        self._options = options
        self._recordings = recordings
        self._has_static = options.static != Selection()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        dynamic, named, static = self._divide(args, kwargs) if self._has_static else (args, kwargs, ())
        try:
            leaves, key = call_key((dynamic, named), static, config.trace_key(), context.axis_sizes)
        except TypeError:
            raise self._bad_argument(*pytree.flatten((dynamic, named)), static, aval_of) from None
        found, key = self._find(key)
        if found is None or (found.tracers and found.is_stale()):
            if config.disable_jit:
                return self._fun(*args, **kwargs)
            found = self._record(key)
        try:
            return found.run(leaves)
        except OverflowError as error:
            in_tree = pytree.structure((dynamic, named))
            raise self._bad_argument(leaves, in_tree, static, as_array, error) from None
        except IncompatibleDevicesError as error:
            raise error.naming(self._input_names(found, (dynamic, named), static)) from None
        except MemoryError as error:
            names = self._input_names(found, (dynamic, named), static)
            if isinstance(error, OutOfMemoryError):
                raise
            if not found.may_run_again():
                raise explained(error, repr(self), found.tape, names) from error
        return run_again(lambda: found.run(leaves), repr(self), found.tape, names)

    def _input_names(self, found: Recording, arguments: Any, static: Static) -> list[str]:
        """Of the inputs of the tape: what the function captures, then its arguments."""
        captured = ["an array that the function captures"] * len(found.captured)
        return [*captured, *self._names(pytree.structure(arguments), static)]

    def _find(self, key: tuple) -> tuple[Recording | None, tuple]:
        """The recording kept under a key, or None, and the key."""
        try:
            return self._recordings.get(key), key
        except TypeError:  # aux data that cannot be hashed; a PyTreeDef can, without them
            key = (pytree.treedef_of(key[0]), *key[1:])
            return self._recordings.get(key), key

    def _divide(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any], Static]:
        """Dynamic positional and named arguments, and the static ones as (place, type, value).

        The type takes part because 1, 1.0 and True are equal, and a function may tell them apart.
        """
        nums, names = self._options.static
        places = [i + len(args) if i < 0 else i for i in nums]
        static: list[tuple[int | str, type, Any]]
        static = [(i, type(args[i]), args[i]) for i in places if i < len(args)]
        static += [(n, type(kwargs[n]), kwargs[n]) for n in names if n in kwargs]
        for place, _, value in static:
            try:
                hash(value)
            except TypeError as error:
                raise ValueError(self._unhashable(place, value, error)) from None
        dynamic = tuple([x for i, x in enumerate(args) if i not in places])
        return dynamic, {k: v for k, v in kwargs.items() if k not in names}, tuple(static)

    def _unhashable(self, place: int | str, value: Any, error: TypeError) -> str:
        name = Parameters(self._fun).name_of(place) if isinstance(place, int) else place
        return (
            f"jit: static argument {name} of {describe_function(self._fun)} is {describe_value(value)}, and "
            f"non-hashable static arguments are not supported ({error}): the value is part of the key under "
            "which the trace is kept. Pass a hashable value (a tuple for a list), or make it dynamic."
        )

    def _record(self, key: tuple) -> Recording:
        """Trace the function; the recording is kept under `key` unless another thread was faster."""
        started = time.perf_counter()
        spec, static, _, _, *avals = key
        in_tree = spec if isinstance(spec, pytree.PyTreeDef) else pytree.treedef_of(spec)
        fixed = Fixed.of(self._fun, [(place, value) for place, _, value in static])
        flat = FlatFunction("jit", fixed, in_tree)
        names = self._names(in_tree, static)
        tape, captured = record(flat, avals, function_name(self._fun), Origin("jit", self._fun, names))
        if config.debug_key_reuse:
            check_keys(tape)
        parts = tape, captured, flat.out_tree, self._options.inline
        if self._options.donated == Selection():
            recording = Recording(*parts)
        else:
            donation = Donation(self._fun, names, self._donated(in_tree, static), len(captured))
            recording = DonatingRecording(*parts, donation)
        if config.log_compiles:
            took = (time.perf_counter() - started) * 1e3
            _log.warning("traced %s for %s in %.1f ms", describe_function(self._fun), avals, took)
        return _keep(self._recordings, key, recording)

    def _names(self, in_tree: pytree.PyTreeDef, static: Static) -> LeafNames:
        taken = [place for place, _, _ in static if isinstance(place, int)]
        count = len(in_tree.children()[0].children()) + len(taken)
        return LeafNames(self._fun, in_tree, [i for i in range(count) if i not in taken])

    def _bad_argument(
        self,
        leaves: Sequence[Any],
        in_tree: pytree.PyTreeDef,
        static: Static,
        read: Callable,
        otherwise: Exception | None = None,
    ) -> Exception:
        return bad_argument("jit", self._fun, leaves, self._names(in_tree, static), read, otherwise)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def __repr__(self) -> str:
        return f"<jitted {describe_function(self._fun)}>"

    # --- ahead of time ------------------------------------------------------------------------------------

    def trace(self, *args: Any, **kwargs: Any) -> Traced:
        """Trace for arguments like these (arrays, or `ShapeDtypeStruct`s) without running."""
        dynamic, named, static = self._divide(args, kwargs)
        leaves, in_tree = pytree.flatten((dynamic, named))
        try:
            avals = [abstract_leaf(x) for x in leaves]
        except TypeError:
            raise self._bad_argument(leaves, in_tree, static, abstract_leaf) from None
        found, key = self._find((in_tree.spec, static, config.trace_key(), context.axis_sizes, *avals))
        if found is None or found.is_stale():
            found = self._record(key)
        return Traced(found, in_tree, avals, self._donated(in_tree, static))

    def lower(self, *args: Any, **kwargs: Any) -> Lowered:
        """As `trace`, up to the tape that is compiled."""
        return self.trace(*args, **kwargs).lower()

    def eval_shape(self, *args: Any, **kwargs: Any) -> Any:
        """Shapes and dtypes of the result for arguments like these, without computing it."""
        return self.trace(*args, **kwargs).out_info

    def _donated(self, in_tree: pytree.PyTreeDef, static: Static) -> list[bool]:
        nums, names = self._options.donated
        taken = [place for place, _, _ in static if isinstance(place, int)]
        args_tree, kwargs_tree = in_tree.children()
        positions = [i for i in range(len(args_tree.children()) + len(taken)) if i not in taken]
        keywords = (kwargs_tree.node_data() or (dict, ()))[1]
        flags = [i in nums for i in positions] + [k in names for k in keywords]
        trees = [*args_tree.children(), *kwargs_tree.children()]
        return [flag for flag, tree in zip(flags, trees, strict=True) for _ in range(tree.num_leaves)]

    def clear_cache(self) -> None:
        """Forget what was traced, here and in every `jit` of the same function with equal options."""
        self._recordings.clear()

    def _clear_cache(self) -> None:
        self._recordings.clear()

    def _cache_size(self) -> int:
        return len(self._recordings)


# --- making and sharing ---------------------------------------------------------------------------------

_MOST_RECORDINGS = 4096  # of one function; the oldest goes first
_sharing = FastRLock()
_shared: weakref.WeakKeyDictionary[Any, dict[Options, dict[Any, Recording]]] = weakref.WeakKeyDictionary()
_made: weakref.WeakSet[JitFunction] = weakref.WeakSet()


def _recordings_of(fun: Callable, options: Options) -> dict[Any, Recording]:
    """The dictionary that every `jit` of `fun` with equal options uses."""
    try:
        with _sharing:
            return _shared.setdefault(fun, {}).setdefault(options, {})
    except TypeError:  # a callable that cannot be hashed or weakly referenced shares with nobody
        return {}


def _keep(recordings: dict[Any, Recording], key: Any, recording: Recording) -> Recording:
    """The recording now kept under `key`: the one that was there first, unless it is stale."""
    with _sharing:
        found = recordings.get(key)
        if found is not None and not found.is_stale():
            return found
        if len(recordings) >= _MOST_RECORDINGS:
            recordings.pop(next(iter(recordings)))
        recordings[key] = recording
        return recording


def clear_caches() -> None:
    """Forget everything that was traced and compiled; the next call of a jitted function traces again."""
    for made in list(_made):
        made.clear_cache()
    forget_traces()
    forget()


def jit(
    fun: Callable | None = None,
    /,
    *,
    static_argnums: int | Sequence[int] | None = None,
    static_argnames: str | Iterable[str] | None = None,
    donate_argnums: int | Sequence[int] | None = None,
    donate_argnames: str | Iterable[str] | None = None,
    keep_unused: bool = False,
    device: Any = None,
    backend: str | None = None,
    inline: bool = False,
    compiler_options: dict[str, Any] | None = None,
) -> Any:
    """`fun`, traced once for each kind of arguments and then run as one compiled program.

    A kind is: structure of the arguments, shape, dtype and weak type of every leaf, values of the static
    arguments, and the options in force (x64, debug_nans, ...).  While it is traced `fun` sees tracers, which
    know shape and dtype but no values: its side effects happen then and only then.  Arguments and results
    are pytrees of arrays and scalars.  Without `fun`, a decorator.

    static_argnums, static_argnames: arguments that `fun` gets as they are; each new value is traced anew.
        They must be hashable and comparable.  A parameter named one way is static both ways.
    donate_argnums, donate_argnames: arguments that the caller does not use afterwards.  Results take their memory
        where they can, and arrays from which it was taken are deleted: to use one raises RuntimeError.
    inline: inside another traced function, put the equations there instead of a call.
    keep_unused, device, backend, compiler_options: accepted for compatibility; there is one device.

    TypeError for an argument or a result that is no array; ValueError for a static argument that cannot be
    hashed, and for static or donated arguments that `fun` does not have.

    The result has `lower`, `trace` and `eval_shape`, which take arguments and do not run, and `clear_cache`.
    """
    if fun is None:
        given = {k: v for k, v in locals().items() if k != "fun"}
        return functools.partial(jit, **given)
    if not callable(fun):
        raise TypeError(f"jit: expected a callable value, got {describe_value(fun)}")
    parameters = Parameters(fun)
    static = select_arguments(fun, parameters, "static", static_argnums, static_argnames)
    donated = select_arguments(fun, parameters, "donate", donate_argnums, donate_argnames)
    _check_apart(fun, static, donated)
    options = Options(static, donated, bool(inline))
    made = JitFunction(fun, options, _recordings_of(fun, options))
    _made.add(made)
    return made


def _check_apart(fun: Callable, static: Selection, donated: Selection) -> None:
    both = {*static.nums, *static.names} & {*donated.nums, *donated.names}
    if both:
        raise ValueError(
            f"jit: arguments {sorted(map(str, both))} of {describe_function(fun)} are static and donated; "
            "a static argument has no memory to give away."
        )
