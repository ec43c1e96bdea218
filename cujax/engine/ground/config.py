"""Options of the process and of each thread, their environment variables and their command-line flags.

Every option is declared once, as a row of `OPTIONS`. A value comes, weakest first, from the row's default,
the environment at import (`CUJAX_<NAME>`, else `JAX_<NAME>`), `config.update` (whole process), and
`config.override` (a `with` block in one thread).

Reading must cost nothing, since every eager operation asks for `config.x64`. So `config` is a
`threading.local` whose attributes *are* the resolved values: the writers, which are rare, push a new value
into every living thread's attributes, and a reader only loads an attribute.

Start reading at `OPTIONS`, then `Config.update` and `Config.override`.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import os
import re
import sys
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastrlock.rlock import FastRLock

PREFIXES = ("jax_", "cujax_")
NO_EFFECT = "Accepted for compatibility with JAX, without effect: "


@dataclass(frozen=True, slots=True)
class Option:
    """One option: what it is called, what it may hold and whether a cached trace depends on it.

    `kind` is a type (`bool`, `int`, `float`, `str`; `object` for any value) or a tuple of allowed words.
    An option whose default is None also accepts None.
    """

    name: str
    default: Any
    kind: type | tuple[str, ...]
    doc: str
    traced: bool = False
    aliases: tuple[str, ...] = ()

    def spellings(self) -> Iterator[str]:
        """Every name that finds this option: `enable_x64`, `jax_enable_x64`, `cujax_enable_x64`, ..."""
        for name in (self.name, *self.aliases):
            yield name
            yield from (prefix + name for prefix in PREFIXES)


OPTIONS: tuple[Option, ...] = (
    # Numbers
    Option("enable_x64", False, bool, "Keep 64-bit dtypes; when off they become 32-bit.", True, ("x64", "x64_enabled")),
    Option("explicit_x64_dtypes", "warn", ("warn", "error", "allow"),
           "What a 64-bit dtype written by the user does while enable_x64 is off: truncate with a warning, "
           "raise ValueError, or be honoured.", True),
    Option("numpy_dtype_promotion", "standard", ("standard", "strict"),
           "'strict' refuses to mix dtypes implicitly, Python scalars excepted.", True),
    Option("numpy_rank_promotion", "allow", ("allow", "warn", "raise"),
           "What broadcasting arrays of different rank does.", True),
    Option("default_matmul_precision", None,
           ("default", "high", "highest", "bfloat16", "tensorfloat32", "float32"),
           "Precision of matrix products and convolutions where the call names none.", True),
    Option("deterministic", True, bool,
           "Results repeat bit for bit: libraries use only algorithms whose results do, and updates of one place by a "
           "scatter enter in their order, or, very many for few places on a GPU, in parts that sizes decide. When off, "
           "a library may also add what comes after a convolution in its own order: (c + residual) + bias for (c + "
           "bias) + residual.", True),
    Option("fused_multiply_add", "loops", ("loops", "everywhere", "nowhere"),
           "Where kernels round a product and the sum that it enters once, in one instruction: 'loops', in the bodies "
           "of loops and in reductions, which are loops; 'everywhere'; or 'nowhere', which gives NumPy's bits.", True),
    Option("conv_autotune", False, bool,
           "On a GPU, the first call of a convolution tries the algorithms that cuDNN proposes and keeps the fastest; "
           "when off, the one that cuDNN ranks first. Which one that is may change the last bits, from one tuning to "
           "the next; choices are kept in the compilation cache."),
    # Random keys
    Option("threefry_partitionable", True, bool,
           "Lay random bits out as JAX does today; when off, as JAX did before version 0.5.", True),
    Option("default_prng_impl", "threefry2x32", ("threefry2x32", "rbg", "unsafe_rbg"),
           "Generator behind new keys: Threefry-2x32, by each of these names.", True),
    Option("enable_custom_prng", False, bool, "random.PRNGKey makes typed keys, as random.key does.", True),
    Option("random_seed_offset", 0, int, "Added to the seed of every new key.", True),
    Option("legacy_prng_key", "allow", ("allow", "warn", "error"),
           "What passing a raw uint32 key to a random function does.", True),
    Option("high_dynamic_range_gumbel", False, bool,
           "random.gumbel spends twice the bits for a longer tail.", True),
    # Finding mistakes
    Option("debug_nans", False, bool, "Raise FloatingPointError at the operation that makes a NaN.", True),
    Option("debug_infs", False, bool,
           "Raise FloatingPointError at the operation that makes an infinity.", True),
    Option("debug_key_reuse", False, bool,
           "Raise KeyReuseError where a typed random key is used a second time.", True),
    Option("debug_passes", False, bool, "Verify the tape after every compiler pass.", True),
    Option("enable_checks", False, bool, "Verify every tape as it leaves a trace or a transformation.", True),
    Option("check_tracer_leaks", False, bool,
           "Raise when a tracer is still referenced after its trace has ended.", True),
    Option("disable_jit", False, bool, "Run jitted functions operation by operation.", True),
    Option("custom_vjp_disable_shape_check", False, bool,
           "Do not compare the shapes a custom_vjp rule returns with those of the arguments.", True),
    Option("disable_bwd_checks", False, bool,
           "Do not compare the dtypes a custom_vjp rule returns with those of the arguments.", True),
    Option("log_compiles", False, bool, "Log each trace and each kernel compilation as a warning."),
    Option("traceback_filtering", "auto",
           ("auto", "off", "tracebackhide", "remove_frames", "quiet_remove_frames"),
           "How frames inside cujax are left out of tracebacks."),
    # Where and how programs run
    Option("platform_name", "", str, "Backend to use: 'cuda' or 'cpu'; '' chooses.", True, ("platform",)),
    Option("platforms", None, str, "Comma-separated backends to try, in order.", True),
    Option("default_device", None, object, "Device, or platform name, on which new arrays are made.", True),
    Option("host_compiler", "auto", str, "C++ compiler of the host backend: 'auto', 'off' or a path.", True),
    Option("enable_compilation_cache", True, bool, "Keep compiled kernels on disk between runs."),
    Option("compilation_cache_dir", None, str, "Directory of the compiled kernels.", aliases=("cache_dir",)),
    Option("compilation_cache_max_size", 2**30, int,
           "Bytes that the compiled kernels may take on disk; the least recently used go first; -1: no bound."),
    Option("num_threads", None, int,
           "Threads of a kernel on the CPU; unset, OMP_NUM_THREADS or all CPUs that the process may use."),
    Option("host_pool_size", None, int,
           "Bytes of freed memory that the CPU keeps for new arrays; unset, an eighth of the machine's memory."),
    Option("native", True, bool,
           "Use the compiled parts of the path of a call, where they were built; read when cujax is imported."),
    Option("dump", None, str, "Directory to write each pass's tape and the final source to.",
           aliases=("dump_ir_to",)),
    # Names that programs written for JAX set
    Option("softmax_custom_jvp", True, bool, NO_EFFECT + "the derivative of softmax is stable as it is."),
    Option("explain_cache_misses", False, bool, NO_EFFECT + "log_compiles names what was traced."),
    Option("transfer_guard", None, ("allow", "log", "disallow", "log_explicit", "disallow_explicit"),
           NO_EFFECT + "transfers are not guarded."),
    *(Option(f"transfer_guard_{way}", None, ("allow", "log", "disallow", "log_explicit", "disallow_explicit"),
             NO_EFFECT + "transfers are not guarded.")
      for way in ("host_to_device", "device_to_device", "device_to_host")),
    Option("thread_guard", False, bool, NO_EFFECT + "one process computes, on any of its threads."),
    Option("persistent_cache_min_compile_time_secs", 1.0, float, NO_EFFECT + "every kernel is kept."),
    Option("persistent_cache_min_entry_size_bytes", 0, int, NO_EFFECT + "every kernel is kept."),
    Option("persistent_cache_enable_xla_caches", "none", str, NO_EFFECT + "there is no XLA."),
    Option("raise_persistent_cache_errors", False, bool,
           NO_EFFECT + "an unusable cache entry only costs a compilation."),
    Option("disable_most_optimizations", False, bool, NO_EFFECT + "passes are chosen by the compiler."),
    Option("compiler_enable_remat_pass", True, bool, NO_EFFECT + "there is no XLA."),
    Option("use_direct_linearize", True, bool, NO_EFFECT + "there is one way to linearize."),
    Option("include_full_tracebacks_in_locations", True, bool, NO_EFFECT + "a location is one line."),
    Option("pprint_use_color", True, bool, NO_EFFECT + "tapes print without colour."),
    Option("cpu_enable_async_dispatch", True, bool, NO_EFFECT + "the CPU backends run synchronously."),
    Option("num_cpu_devices", -1, int, NO_EFFECT + "there is one CPU device."),
    Option("xla_backend", "", str, NO_EFFECT + "there is no XLA."),
    Option("logging_level", "NOTSET", ("NOTSET", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
           NO_EFFECT + "set the level of the logger 'cujax'."),
)

_BY_SPELLING = {spelling: option for option in OPTIONS for spelling in option.spellings()}
_TRACED = tuple(option.name for option in OPTIONS if option.traced)
_WATCHING = ("debug_nans", "debug_infs", "debug_key_reuse")  # what is asked of every op outside `jit`
_TRUE = frozenset(("1", "true", "t", "yes", "y", "on"))
_FALSE = frozenset(("0", "false", "f", "no", "n", "off"))


def find_option(name: str) -> Option:
    """The option called `name`, in any of its spellings; AttributeError with near names if there is none."""
    option = _BY_SPELLING.get(name)
    if option is None:
        near = difflib.get_close_matches(name, _BY_SPELLING, n=3)
        hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else "config.values lists the options."
        raise AttributeError(f"Unrecognized config option {name!r}. {hint}")
    return option


def parse_option(option: Option, text: str) -> Any:
    """The value that `text`, from the environment or the command line, means for `option`."""
    if option.kind is bool:
        word = text.strip().lower()
        if word not in _TRUE | _FALSE:
            raise ValueError(f"{text!r} is not a truth value; write true, 1, yes or false, 0, no")
        return word in _TRUE
    if option.kind is int or option.kind is float:
        return option.kind(text)
    return check_option(option, text)


def check_option(option: Option, value: Any) -> Any:
    """`value` as the option stores it; ValueError if the option cannot hold it."""
    kind = option.kind
    if kind is object or (value is None and option.default is None):
        return value
    if isinstance(kind, tuple):
        if value in kind:
            return value
        raise ValueError(f"expected one of {', '.join(map(repr, kind))}, got {value!r}")
    if kind is bool and isinstance(value, str):
        return parse_option(option, value)
    if kind is bool and value in (0, 1):  # True, False, 0, 1 and NumPy's own
        return bool(value)
    if kind is float and type(value) is int:
        return float(value)
    if kind is not bool and isinstance(value, kind) and not isinstance(value, bool):
        return value
    raise ValueError(f"expected type {kind.__name__}, got {value!r} of type {type(value).__name__}")


def read_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """Values of the options that the environment sets, by name; ValueError names the variable at fault."""
    found = {}
    for option in OPTIONS:
        names = [name.upper() for name in (option.name, *option.aliases)]
        variables = [brand + name for brand in ("CUJAX_", "JAX_") for name in names]
        variable = next((v for v in variables if v in environ), None)
        if variable is not None:
            try:
                found[option.name] = parse_option(option, environ[variable])
            except ValueError as error:
                raise ValueError(f"environment variable {variable}={environ[variable]!r}: {error}") from None
    return found


class _View:
    """What one thread sees: its overrides, and the attribute dictionary into which values are pushed."""

    __slots__ = ("__weakref__", "attributes", "overrides")

    def __init__(self, attributes: dict[str, Any]):
        self.attributes = attributes
        self.overrides: dict[str, Any] = {}


_lock = FastRLock()
_process_values: dict[str, Any] = {o.name: o.default for o in OPTIONS} | read_environment(os.environ)
_views: weakref.WeakSet[_View] = weakref.WeakSet()
_trace_keys: dict[tuple[Any, ...], Callable[[], int]] = {}


def _push(view: _View, options: Iterable[Option]) -> None:
    """Make the current values of `options` visible to the thread of `view`, with what is derived from them.

    One `dict.update`, so that the thread never sees a value together with another value's trace key.
    """
    values = {**_process_values, **view.overrides}
    seen = {spelling: values[option.name] for option in options for spelling in option.spellings()}
    traced = tuple(values[name] for name in _TRACED)
    seen["trace_key"] = _trace_keys.setdefault(traced, _constant(len(_trace_keys)))
    seen["watching"] = any(values[name] for name in _WATCHING)
    view.attributes.update(seen)


def _constant(key: int) -> Callable[[], int]:
    return lambda: key


class Config(threading.local):
    """The options as this thread sees them; `config.enable_x64` and `config.jax_enable_x64` read one.

    Attributes cannot be assigned: `update` sets a value for the process, `override` for a `with` block.
    `config.trace_key()` is a small integer, equal for equal values of all options that a trace depends on
    and else different; it is pushed like the options, as a function, since a method here would take twice
    as long to call.  `config.watching` says whether ops outside `jit` are watched by one of the options for that.
    """

    if TYPE_CHECKING:  # what `_push` sets
        trace_key: Callable[[], int]
        watching: bool

        def __getattr__(self, name: str) -> Any: ...

    def __init__(self) -> None:  # threading.local calls this once in every thread
        with _lock:
            view = _View(self.__dict__)
            self.__dict__["_view"] = view
            _push(view, OPTIONS)
            _views.add(view)

    def __setattr__(self, name: str, value: Any) -> None:
        find_option(name)
        raise AttributeError(f"config.{name} cannot be assigned; write config.update({name!r}, {value!r})")

    def update(self, name: str, value: Any) -> None:
        """Set option `name`, written with or without `jax_` or `cujax_`, for the whole process.

        A thread inside `override` of the same option keeps its own value until the block ends.
        Raises AttributeError for an unknown name and ValueError for a value that the option cannot hold.
        """
        option, value = self._checked("update", name, value)
        with _lock:
            _process_values[option.name] = value
            for view in tuple(_views):
                _push(view, (option,))

    @contextmanager
    def override(self, name: str, value: Any) -> Iterator[None]:
        """Set option `name` in this thread inside a `with` block; blocks nest. Raises as `update` does."""
        option, value = self._checked("override", name, value)
        view = self._view
        outer = dict(view.overrides)
        self._set_overrides(view, outer | {option.name: value}, option)
        try:
            yield
        finally:
            restored = {k: v for k, v in view.overrides.items() if k != option.name}
            if option.name in outer:
                restored[option.name] = outer[option.name]
            self._set_overrides(view, restored, option)

    def read(self, name: str) -> Any:
        """The value of option `name` in this thread; AttributeError for an unknown name."""
        return self.__dict__[find_option(name).name]

    @property
    def values(self) -> dict[str, Any]:
        """All options as this thread sees them, under JAX's names (`jax_enable_x64`)."""
        return {"jax_" + option.name: self.__dict__[option.name] for option in OPTIONS}

    def config_with_absl(self) -> None:
        """Define `--jax_<name>` and `--cujax_<name>` for `absl.app.run`, which applies them.

        Does nothing where absl is not installed.
        """
        if importlib.util.find_spec("absl") is not None:
            _define_absl_flags()

    def parse_flags_with_absl(self) -> None:
        """Apply the `--jax_<name>` and `--cujax_<name>` flags in `sys.argv`, which is left as it is.

        Needs no absl; where absl is installed its flags are defined too, so that a later
        `absl.app.run` knows them. Raises ValueError, naming the flag, for a value it cannot hold.
        """
        self.config_with_absl()
        for name, value in parse_flags(sys.argv[1:]).items():
            self.update(name, value)

    def _checked(self, caller: str, name: str, value: Any) -> tuple[Option, Any]:
        option = find_option(name)
        try:
            return option, check_option(option, value)
        except ValueError as error:
            raise ValueError(f"config.{caller}({name!r}, ...): {error}") from None

    def _set_overrides(self, view: _View, overrides: dict[str, Any], changed: Option) -> None:
        with _lock:
            view.overrides = overrides
            _push(view, (changed,))


_FLAG = re.compile(r"--?(?P<no>no)?(?P<name>(?:cu)?jax_\w+)(?:=(?P<text>.*))?", re.DOTALL)


def parse_flags(arguments: Iterable[str]) -> dict[str, Any]:
    """Options set among command-line `arguments`, by name: `--jax_x=1`, `--jax_x 1`, `--jax_x`, `--nojax_x`.

    Reading stops at a bare `--`. Other arguments, and flags of JAX that cujax does not have, are passed over.
    """
    found = {}
    rest = iter(arguments)
    for argument in rest:
        if argument == "--":
            break
        match = _FLAG.fullmatch(argument)
        option = _BY_SPELLING.get(match["name"]) if match else None
        if match and option:
            text = match["text"]
            if text is None:
                is_switch = option.kind is bool
                text = ("false" if match["no"] else "true") if is_switch else next(rest, "")
            try:
                found[option.name] = parse_option(option, text)
            except ValueError as error:
                raise ValueError(f"command-line flag {argument}: {error}") from None
    return found


def _define_absl_flags() -> None:
    # Imported on demand: absl is optional and most programs never ask for it.
    app, flags = importlib.import_module("absl.app"), importlib.import_module("absl.flags")
    names = {prefix + option.name: option for option in OPTIONS for prefix in PREFIXES}
    for name, option in names.items():
        if name in flags.FLAGS:  # defined by an earlier call, or by JAX in the same process
            continue
        if option.kind is bool:
            flags.DEFINE_boolean(name, None, option.doc)
        else:
            flags.DEFINE_string(name, None, option.doc)

    def apply_parsed_flags() -> None:
        for name, option in names.items():
            flag = flags.FLAGS[name]
            if flag.present:
                config.update(name, parse_option(option, str(flag.value)))

    app.call_after_init(apply_parsed_flags)


config = Config()
