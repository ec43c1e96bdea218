"""Makes `import jax` mean cujax, for codes that were published for JAX: `python -m as_jax script.py arguments`,
or `import as_jax` before anything else.

A public name that cujax has not is an error; nothing falls through to an installed JAX.  Modules that are private to
JAX can be imported, since published codes read some of them: a name in them that has a public counterpart is that
(`COUNTERPARTS`), and any other is a stand-in, a class without instances that is an error when it is called.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import os
import runpy
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import cujax
import cujax.numpy as jnp

FOLLOWS = (0, 10, 2)  # the release of JAX whose names cujax has; codes ask for it to choose between old and new names
PRIVATE = (
    "_src", "api_util", "extend", "interpreters", "lib", "experimental.pallas", "experimental.multihost_utils",
    "experimental.layout", "experimental.compilation_cache", "experimental.hijax", "experimental.sparse",
    "experimental.colocated_python",
)  # fmt: skip
# What some code reads of a private module, and the name of cujax that says the same.
COUNTERPARTS: dict[str, dict[str, str]] = {
    "_src.core": {"Tracer": "core.Tracer", "ShapedArray": "core.ShapedArray", "Primitive": "extend.core.Primitive"},
    "_src.dispatch": {"wait_for_tokens": "effects_barrier"},
    "_src.flatten_util": {"ravel_pytree": "flatten_util.ravel_pytree"},
    "interpreters.partial_eval": {"DynamicJaxprTracer": "core.Tracer"},
}
# Calls of private names that have nothing to do here, though some code makes them when it is imported; they return
# their argument, as decorators do.
IDLE: dict[str, str] = {
    "_src.traceback_util.api_boundary": "a decorator: tracebacks are not filtered",
    "_src.traceback_util.register_exclusion": "tracebacks are not filtered",
    "extend.source_info_util.register_exclusion": "tracebacks are not filtered",
    "interpreters.batching.register_vmappable": "for a type of MuJoCo's other backend",
}


def _promoted(least: str) -> Callable[..., list[Any]]:
    """Arrays of one dtype: that of all arguments and of `least` together."""
    return lambda *args: [jnp.asarray(a, jnp.result_type(*args, least)) for a in args]


# Small functions in the place of private ones.
HELPERS: dict[str, Callable[..., Any]] = {
    "_src.api._infer_argnums_and_argnames": lambda signature, nums, names: (nums or (), names or ()),
    "_src.numpy.util.promote_dtypes_complex": _promoted("complex64"),
    "_src.numpy.util.promote_dtypes_inexact": lambda *args: _promoted("float32")(*map(jnp.asarray, args)),
    "_src.traceback_util.include_frame": lambda frame: True,
}


class _Absent(type):
    """The type of stand-ins for names that cujax has not."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if not cls.__module__.startswith("jax."):  # a class of the code's own, derived from a stand-in
            return super().__call__(*args, **kwargs)
        name = f"{cls.__module__}.{cls.__name__}"
        inside = name.removeprefix("jax.")
        if inside in HELPERS:
            return HELPERS[inside](*args, **kwargs)
        if inside in IDLE:
            return args[0] if args else None
        raise NotImplementedError(f"{name} is private to JAX and has no counterpart in cujax")

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _absent(f"{cls.__module__}.{cls.__name__}", name)

    def __setitem__(cls, key: Any, value: Any) -> None:
        """A rule for a table of JAX's own, which nothing here reads."""


def _absent(module: str, name: str) -> _Absent:
    return _Absent(name, (), {"__module__": module})


class _Private(ModuleType):
    """A module that is private to JAX: counterparts and stand-ins."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        path = COUNTERPARTS.get(self.__name__[4:], {}).get(name)
        if path is None:
            inside = f"{self.__name__[4:]}.{name}"
            if inside in COUNTERPARTS or any(known.startswith(f"{inside}.") for known in (*HELPERS, *IDLE)):
                return importlib.import_module(f"jax.{inside}")
            return _absent(self.__name__, name)
        module, _, attribute = path.rpartition(".")
        return getattr(importlib.import_module(f"cujax.{module}" if module else "cujax"), attribute)


class _Aliases(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds `jax.x` as the module `cujax.x` itself, so that both names are one module."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if name != "jax" and not name.startswith("jax."):
            return None
        if _module(name) is None:
            raise ModuleNotFoundError(f"No module named {name!r}: cujax{name[3:]} is not there", name=name)
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        module = _module(spec.name)
        assert module is not None
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        spec = module.__spec__
        if spec is not None and spec.loader_state is not None:
            module.__spec__ = spec.loader_state


def _module(name: str) -> ModuleType | None:
    """The module that `name`, of JAX, means: one of cujax, or a private one, or None."""
    ours = "cujax" + name[3:]
    try:
        return _with_stand_ins(name, importlib.import_module(ours))
    except ModuleNotFoundError as error:
        if error.name is None or not f"{ours}.".startswith(f"{error.name}."):
            raise  # something that a module of cujax needs
    return _private(name)


def _with_stand_ins(name: str, module: ModuleType) -> ModuleType:
    """`module`, of cujax; if what it has is private to JAX then names that it has not are stand-ins."""
    private = _private(name)
    if private is not None:
        module.__getattr__ = private.__getattr__  # type: ignore[method-assign]
    return module


def _private(name: str) -> _Private | None:
    """A module in the place of `name`, of JAX, if that is private to it."""
    if not any(f"{name}.".startswith(f"jax.{private}.") for private in PRIVATE):
        return None
    module = _Private(name)
    module.__path__ = []
    return module


class _PrivateInside(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds what is private to JAX in a package that cujax has, where Python asks for it by the package's own name."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if not name.startswith("cujax.") or _private(name[2:]) is None:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return _private(spec.name[2:])

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing to run."""


def _is_concrete(x: Any) -> bool:
    """Whether the value is known: that of a derivative's tracer may be."""
    return not isinstance(x, cujax.core.Tracer) or x.concrete() is not None


def _concrete_or_error(kind: Callable[[Any], Any] | None, x: Any, context: str = "it") -> Any:
    """The known value, made a `kind` of number."""
    known = x._concrete_or_error(context) if isinstance(x, cujax.core.Tracer) else x
    return known if kind is None else kind(known)


# Names of jax.core that are deprecated and that cujax has not.
DEPRECATED: dict[str, Callable[..., Any]] = {"is_concrete": _is_concrete, "concrete_or_error": _concrete_or_error}


def _with_subclasses(kind: type) -> list[type]:
    return [kind, *[below for child in kind.__subclasses__() for below in _with_subclasses(child)]]


def install() -> None:
    """From now on `import jax` means cujax; RuntimeError where JAX has been imported."""
    if "jax" in sys.modules:
        raise RuntimeError("as_jax must be imported before anything imports jax")
    sys.meta_path.insert(0, _Aliases())
    sys.meta_path.append(_PrivateInside())
    for name, module in list(sys.modules.items()):
        if name.startswith("cujax."):
            _with_stand_ins(f"jax{name[5:]}", module)
    for kind in (*_with_subclasses(cujax.Array), *_with_subclasses(cujax.core.Tracer)):
        kind.__module__ = kind.__module__.removeprefix("cu")  # autoray, of pennylane, looks for functions there
    vars(cujax.core).update(DEPRECATED)
    cujax.__version__ = ".".join(map(str, FOLLOWS))
    cujax.__version_info__ = FOLLOWS  # type: ignore[attr-defined]


install()

if __name__ == "__main__":
    del sys.argv[0]
    sys.modules["as_jax"] = sys.modules["__main__"]
    sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))
    runpy.run_path(sys.argv[0], run_name="__main__")
