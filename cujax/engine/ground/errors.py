"""One error class for each mistake a user can make with traced arrays.

The class docstring is the manual page of the mistake: what it is, wrong code, right code.  The classes
derive from Python's own, as JAX's do, so that `except TypeError` keeps working.  Texts with the names of
the user's function and arguments are composed where the mistake is seen (`core/concretize.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class JAXTypeError(TypeError):
    """What all mistakes with types of traced values have in common."""


class JAXIndexError(IndexError):
    """What all mistakes with indices that are traced values have in common."""


class JaxprTypeError(TypeError):
    """A tape is not well-formed: a mistake of the engine, never of a user."""


class ConcretizationTypeError(JAXTypeError):
    """A value was needed while tracing, when only shape and dtype are known.

    Wrong::

        @jit
        def f(x): return jnp.ones(x.max())       # a shape that depends on a value

    Right: make the argument static (`jit(f, static_argnums=0)`) if it changes seldom, or write the
    computation with a fixed size and a mask (`jnp.where`).
    """


class TracerBoolConversionError(ConcretizationTypeError):
    """A traced array was used where Python needs True or False (`if`, `while`, `and`, `not`).

    Wrong::

        @jit
        def f(x): return 3. * x ** 2 if x < 3 else -4 * x

    Right: `jnp.where(x < 3, 3. * x ** 2, -4 * x)`, or `lax.cond(x < 3, ...)`, or
    `jit(f, static_argnums=0)` when x changes seldom.
    """


class TracerArrayConversionError(JAXTypeError):
    """A traced array was handed to NumPy, which needs the values.

    Wrong: `np.sin(x)` under `jit`.  Right: `jnp.sin(x)`; or `pure_callback` for a function that exists
    only on the host.
    """


class TracerIntegerConversionError(JAXTypeError):
    """A traced array was used where Python needs an integer (`range`, a list index, a shape).

    Wrong: `[1, 2, 3][i]` with a traced `i`.  Right: `jnp.array([1, 2, 3])[i]`, or a static argument.
    """


class NonConcreteBooleanIndexError(JAXIndexError):
    """A traced boolean mask was used as an index, so that the size of the result depends on values.

    Wrong: `x[x > 0].sum()` under `jit`.  Right: `jnp.where(x > 0, x, 0).sum()`.
    """


class UnexpectedTracerError(JAXTypeError):
    """A traced value outlived the function call that it stood for (it "leaked").

    Wrong::

        results = []
        @jit
        def f(x): results.append(x); return x
        f(1.); results[0] + 1

    Right: return the value from the function.
    """


class KeyReuseError(JAXTypeError):
    """A random key was used twice, so that both uses saw the same bits; raised under `config.debug_key_reuse`.

    Wrong::

        x = random.normal(key, (3,))
        noise = random.uniform(key, (3,))        # made of the bits of x

    Right::

        key_x, key_noise = random.split(key)
        x = random.normal(key_x, (3,))
        noise = random.uniform(key_noise, (3,))

    In a loop carry the key and split it in every step, or take `random.fold_in(key, i)` in step i.  Where a
    repetition is intended, say so with `random.clone(key)`.
    """


class InconclusiveDimensionOperation(Exception):
    """A comparison of symbolic dimensions has no answer."""


class JaxRuntimeError(RuntimeError):
    """A device failed while it ran a program (out of memory, a failed launch, a failed callback)."""


class IncompatibleDevicesError(ValueError):
    """Arrays that live on several devices met in one computation.

    Wrong::

        x = device_put(x, devices()[0]); y = device_put(y, devices()[1])
        x + y

    Right: `x + device_put(y, x.device)`.  Scalars, which have no axes, follow the arrays by themselves.
    """

    def __init__(self, computation: str, where: Mapping[int, str], names: Sequence[str] = ()) -> None:
        self.computation, self.where = computation, dict(where)
        (first, here), *others = where.items()
        second, there = next(pair for pair in others if pair[1] != here)
        one, other = (names[i] if i < len(names) else f"argument {i}" for i in (first, second))
        super().__init__(
            f"Received incompatible devices for {computation}: {one} lives on {here} and {other} on {there}. "
            f"Bring both to one device, for example by cujax.device_put(y, x.device)."
        )

    def naming(self, names: Sequence[str]) -> IncompatibleDevicesError:
        """The same error with the names of the arguments."""
        return IncompatibleDevicesError(self.computation, self.where, names)

    def __reduce__(self):
        return type(self), (self.computation, self.where)


class OutOfMemoryError(JaxRuntimeError, MemoryError):
    """A program needs more memory than is left.  Everything that was made before it can still be used.

    The text says which program asked for how many bytes and what it holds.  What helps: `del` arrays that are not
    needed any more; `jit` the whole step, so that intermediate results are not all kept; `jit` with
    `donate_argnums` for state that is replaced; `checkpoint` around parts of a function whose gradient is taken;
    `lax.map` instead of `vmap`.
    """
