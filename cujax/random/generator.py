"""`Generator`: draws without naming a key each time, for those who come from NumPy.

    rng = random.Generator(random.key(0))
    x = rng.normal((3,))            # key, subkey = random.split(key); x = random.normal(subkey, (3,))
    y = rng.integers(0, 10)

It is sugar over keys and holds nothing but one: every draw splits it, keeps one half and draws from the other.  There
is no state outside the object, and none is shared: a generator of a key gives the same numbers wherever it is used.

A generator is a pytree of its key, so functions under `jit`, `vmap`, `scan`, ... take and return generators.  What
they get is a copy: the caller's generator does not go on when they draw.  So either give them one of their own, or
take the generator that went on from the result:

    x = step(rng.split(), x)
    x, rng = step(rng, x)

Every sampler of `cujax.random` is a method, with the arguments that follow its key (`install_samplers`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import wraps
from typing import TYPE_CHECKING, Any

import numpy as np

from cujax.engine.core.array import Array
from cujax.engine.core.trace import Tracer
from cujax.engine.ground import pytree
from cujax.engine.ground.errors import UnexpectedTracerError
from cujax.numpy.creation import canonical_shape
from cujax.random.bits import randint
from cujax.random.continuous import normal
from cujax.random.keys import as_keys, single_key, split_typed
from cujax.random.uniform import uniform


@pytree.register_pytree_node_class
class Generator:
    """Draws numbers, one after another, from a key that it splits for every draw.

    key: as in other functions of `cujax.random`, and not to be used elsewhere; or several keys, whose generators
    `vmap` takes one by one.  TypeError for what is no key.
    """

    __slots__ = ("_key",)

    if TYPE_CHECKING:  # what `install_samplers` adds

        def __getattr__(self, name: str) -> Callable[..., Array]: ...

    def __init__(self, key: Any) -> None:
        self._key, _ = as_keys("Generator", key)

    @property
    def key(self) -> Array:
        """The key that the next draw splits."""
        return self._key

    def split(self, num: Any = None) -> Generator:
        """A generator of its own, independent of what this one draws from now on.

        num: an int or a shape; as many generators, in one object that `vmap` maps over, and that can be indexed and
        unpacked.
        """
        shape = () if num is None else canonical_shape("Generator.split", num)
        return Generator(split_typed(self._next("split"), shape))

    def _next(self, method: str) -> Array:
        """A key for one draw."""
        one, _ = single_key(f"Generator.{method}", self._key)
        pair = split_typed(one, (2,))
        if isinstance(pair, Tracer) and getattr(one, "owner", None) is not pair.owner:
            raise UnexpectedTracerError(_CLOSED_OVER.format(method))
        self._key = pair[0]
        return pair[1]

    # --- by NumPy's names -----------------------------------------------------------------------------------

    def random(self, shape: Any = (), dtype: Any = None) -> Array:
        """Uniform floats in [0, 1), as `uniform`."""
        return uniform(self._next("random"), shape, dtype)

    def standard_normal(self, shape: Any = (), dtype: Any = None) -> Array:
        """As `normal`."""
        return normal(self._next("standard_normal"), shape, dtype)

    def integers(
        self, low: Any, high: Any = None, shape: Any = None, dtype: Any = None, *, endpoint: bool = False
    ) -> Array:
        """Uniform integers from `low` to `high` - 1, or to `high` with `endpoint`; without `high` from 0 to `low`.

        shape: of the result; by default that to which low and high broadcast.  dtype: an integer dtype, int by default.
        """
        start, end = (0, low) if high is None else (low, high)
        shape = np.broadcast_shapes(np.shape(start), np.shape(end)) if shape is None else shape
        return randint(self._next("integers"), shape, start, end + 1 if endpoint else end, dtype)

    # --- several generators -----------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> Generator:
        return Generator(self._key[index])

    def __len__(self) -> int:
        return len(self._key)

    def __iter__(self) -> Iterator[Generator]:
        return map(Generator, self._key)

    def __repr__(self) -> str:
        return f"Generator({self._key})"

    # --- as a pytree ------------------------------------------------------------------------------------------

    def tree_flatten(self) -> tuple[tuple[Any], None]:
        return (self._key,), None

    @classmethod
    def tree_unflatten(cls, aux: None, children: tuple[Any]) -> Generator:
        made = object.__new__(cls)
        (made._key,) = children
        return made


_CLOSED_OVER = (
    "Generator.{0}: the generator comes from outside the function that is being traced and would keep a key of its "
    "inside, since a draw changes the generator. Pass it as an argument and return it, or pass rng.split(), a "
    "generator for the function alone."
)


def install_samplers(samplers: dict[str, Callable]) -> None:
    """Make methods of functions (key, ...); called once, by `cujax.random`."""
    for name, sampler in samplers.items():
        if not hasattr(Generator, name):
            setattr(Generator, name, _method(name, sampler))


def _method(name: str, sampler: Callable) -> Callable:
    @wraps(sampler)
    def method(self: Generator, *args: Any, **kwargs: Any) -> Array:
        return sampler(self._next(name), *args, **kwargs)

    parameters = list(inspect.signature(sampler).parameters.values())
    this = parameters[0].replace(name="self")
    method.__signature__ = inspect.Signature([this, *parameters[1:]])  # type: ignore[attr-defined]
    method.__doc__ = f"`random.{name}` with a key of its own.\n\n{sampler.__doc__ or ''}"
    return method


def is_sampler(fun: Any) -> bool:
    """Whether a function of `cujax.random` draws from a key, its first argument."""
    if not inspect.isfunction(fun) or inspect.unwrap(fun).__module__ == single_key.__module__:
        return False
    return next(iter(inspect.signature(fun).parameters), "") == "key"
