"""`ufunc`: an elementwise function with its reductions, running reductions, outer table and updates.

    add.reduce(x, axis)   add.accumulate(x, axis)   add.reduceat(x, indices)
    add.outer(x, y)       add.at(x, indices, y, inplace=False)

The functions of jax.numpy that are ufuncs there are made here from the plain functions of the other files;
`frompyfunc` makes one of any scalar function.  Reductions without a function of their own run the binary
function along the axis, by `lax.scan`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from cujax import lax
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.engine.ground.error_names import naming_method
from cujax.engine.ops.axes import canonical_axes, canonical_axis
from cujax.numpy import arithmetic, cumulative, logic, reductions, transcendental
from cujax.numpy.creation import full
from cujax.numpy.logic import choose_where
from cujax.numpy.mapping import vectorize
from cujax.numpy.promotion import ArrayLike, as_array, check_arraylike
from cujax.numpy.reshaping import broadcast_to, expand_dims, moveaxis, ravel


class ufunc:
    """An elementwise function of `nin` operands; see the module's docstring for its methods.

    identity: what leaves the other operand of a binary function as it is, or None.
    """

    def __init__(
        self,
        func: Callable,
        /,
        nin: int,
        nout: int,
        *,
        name: str | None = None,
        identity: Any = None,
        reduce: Callable | None = None,
        accumulate: Callable | None = None,
        prepare: Callable | None = None,
    ) -> None:
        self.__name__: Any = name or getattr(func, "__name__", "ufunc")
        if not isinstance(nin, int) or nin < 0 or not isinstance(nout, int) or nout < 0:
            raise ValueError(f"jnp.frompyfunc: nin and nout must be integers not below 0, got {nin}, {nout}")
        self._func = func
        self.nin, self.nout, self.nargs = nin, nout, nin
        self.identity = identity
        self._reduce, self._accumulate = reduce, accumulate
        self._prepare = prepare  # what is done to an operand before it is reduced
        self.__doc__ = func.__doc__

    def __repr__(self) -> str:
        return f"<cujax.numpy.ufunc '{self.__name__}'>"

    def __hash__(self) -> int:
        return hash((self._func, self.nin, self.nout))

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, ufunc) and (self._func, self.nargs) == (other._func, other.nargs)

    def __call__(self, *args: ArrayLike, out: None = None, where: None = None) -> Any:
        if out is not None or where is not None:
            raise NotImplementedError(f"jnp.{self.__name__}: out and where are not supported; use jnp.where")
        return self._func(*args)

    def _binary(self, method: str) -> None:
        if (self.nin, self.nout) != (2, 1):
            raise ValueError(f"{self.__name__}.{method} needs a function of two operands with one result")

    @naming_method
    def reduce(
        self,
        a: ArrayLike,
        axis: int | Sequence[int] | None = 0,
        dtype: Any = None,
        out: None = None,
        keepdims: bool = False,
        initial: ArrayLike | None = None,
        where: ArrayLike | None = None,
    ) -> Array:
        """The function between all elements along `axis`, from the first to the last.

        ValueError without elements, or with `where`, when there is neither an identity nor `initial`.
        """
        self._binary("reduce")
        reductions.refuse_out(f"{self.__name__}.reduce", out)
        if where is not None:
            check_arraylike(f"{self.__name__}.reduce", a, where)
        if where is not None and self.identity is None and initial is None:
            raise ValueError(f"reduction operation {self.__name__} does not have an identity: give 'initial'")
        dtype = self._dtype(dtype)
        a = self._operand(a, dtype)
        if self._reduce is None:
            found = self._reduce_in_turn(a, axis, keepdims, initial, where)
        else:
            found = self._reduce(a, axis=axis, keepdims=keepdims, initial=initial, where=where)
        return found if dtype is None else lax.convert_element_type(found, dtype)

    def _dtype(self, dtype: Any) -> Any:
        return None if dtype is None else dtypes.canonicalize_user(dtype, self.__name__)

    def _operand(self, a: ArrayLike, dtype: Any) -> Array:
        a = as_array(self.__name__, a)
        if dtype is not None:
            a = lax.convert_element_type(a, dtype)
        return a if self._prepare is None else self._prepare(self.__name__, a)

    def _reduce_in_turn(self, a: Array, axis: Any, keepdims: bool, initial: Any, where: Any) -> Array:
        axes = canonical_axes(axis, a.ndim)
        start = self.identity if initial is None else initial
        if where is not None:
            a = choose_where(where, a, start)
        rows = moveaxis(a, axes, tuple(range(len(axes))))
        rows = lax.reshape(rows, (prod(rows.shape[: len(axes)]), *rows.shape[len(axes) :]))
        if start is None:
            if not rows.shape[0]:
                raise ValueError(
                    f"zero-size array to reduction operation {self.__name__} which has no identity"
                )
            start, rows = rows[0], rows[1:]
        total = broadcast_to(
            lax.convert_element_type(as_array(self.__name__, start), a.dtype), rows.shape[1:]
        )
        total, _ = lax.scan(lambda carry, row: (self._same_dtype(carry, row), None), total, rows)
        return expand_dims(total, axes) if keepdims and axes else total

    def _same_dtype(self, carry: Array, row: Array) -> Array:
        return lax.convert_element_type(self._func(carry, row), carry.dtype)

    @naming_method
    def accumulate(self, a: ArrayLike, axis: int = 0, dtype: Any = None, out: None = None) -> Array:
        """The results of `reduce` up to each element along `axis`."""
        self._binary("accumulate")
        reductions.refuse_out(f"{self.__name__}.accumulate", out)
        a = self._operand(a, self._dtype(dtype))
        axis = canonical_axis(axis, a.ndim)
        if self._accumulate is not None:
            return self._accumulate(a, axis=axis)
        rows = moveaxis(a, axis, 0)
        if not rows.shape[0]:
            return a

        def step(carry: Array, row: Array) -> tuple[Array, Array]:
            total = self._same_dtype(carry, row)
            return total, total

        _, later = lax.scan(step, rows[0], rows[1:])
        return moveaxis(lax.concatenate([rows[:1], later], 0), 0, axis)

    @naming_method
    def reduceat(
        self, a: ArrayLike, indices: ArrayLike, axis: int = 0, dtype: Any = None, out: None = None
    ) -> Array:
        """`reduce` of the stretches of `a` that begin at each of `indices` and end before the next.

        Where the next index is not larger, the element at the index alone, as in NumPy.
        """
        self._binary("reduceat")
        a, indices = self._operand(a, None), as_array(self.__name__, indices, 1)
        axis = canonical_axis(axis, a.ndim)
        rows = moveaxis(a, axis, 0)
        length = rows.shape[0]
        ends = lax.concatenate([indices[1:], full((1,), length, indices.dtype)], 0)
        firsts = rows[indices]

        def step(carry: Array, place: Array) -> tuple[Array, None]:
            inside = (place > indices) & (place < ends)
            mask = lax.broadcast_in_dim(inside, carry.shape, (0,))
            return choose_where(
                mask, self._same_dtype(carry, broadcast_to(rows[place], carry.shape)), carry
            ), None

        totals, _ = lax.scan(step, firsts, lax.iota(indices.dtype, length))
        result = moveaxis(totals, 0, axis)
        return result if dtype is None else lax.convert_element_type(result, dtypes.as_dtype(dtype))

    @naming_method
    def outer(self, A: ArrayLike, B: ArrayLike, /) -> Array:
        """The function of each element of A with each of B: the axes of A, then those of B."""
        self._binary("outer")
        A, B = as_array(self.__name__, A), as_array(self.__name__, B, 1)
        spread = lax.expand_dims(A, tuple(range(A.ndim, A.ndim + B.ndim)))
        return self._func(spread, B)

    @naming_method
    def at(self, a: ArrayLike, indices: Any, b: ArrayLike | None = None, /, *, inplace: bool = True) -> Array:
        """A copy of `a` with the function applied at `indices`, in turn where they repeat.

        inplace=False must be written.  NotImplementedError otherwise.
        """
        if inplace:
            raise NotImplementedError(
                f"jnp.{self.__name__}.at cannot change its argument: pass inplace=False"
            )
        a = as_array(self.__name__, a)
        if self.nin == 1:
            return a.at[indices].apply(self._func)
        places = lax.reshape(lax.iota(np.int32, a.size), a.shape)[indices]
        updates = broadcast_to(as_array(self.__name__, b, 2), places.shape)

        def step(carry: Array, item: tuple[Array, Array]) -> tuple[Array, None]:
            place, update = item
            changed = lax.convert_element_type(self._func(carry[place], update), carry.dtype)
            return carry.at[place].set(changed), None

        flat, _ = lax.scan(step, ravel(a), (ravel(places), ravel(updates)))
        return lax.reshape(flat, a.shape)


def frompyfunc(func: Callable, /, nin: int, nout: int, *, identity: Any = None) -> ufunc:
    """A `ufunc` of a function of `nin` scalars with `nout` results, which is called once on tracers.

    TypeError unless `func` can be called.
    """
    if not callable(func):
        raise TypeError(f"jnp.frompyfunc: func must be callable, got {func!r}")
    return ufunc(vectorize(func), nin, nout, name=getattr(func, "__name__", None), identity=identity)


def _named(function: Callable, identity: Any = None, **methods: Any) -> ufunc:
    return ufunc(function, 2, 1, identity=identity, **methods)


add = _named(arithmetic.add, 0, reduce=reductions.sum, accumulate=cumulative.cumsum)
multiply = _named(arithmetic.multiply, 1, reduce=reductions.prod, accumulate=cumulative.cumprod)
subtract = _named(arithmetic.subtract)
maximum = _named(arithmetic.maximum, reduce=reductions.max, accumulate=lambda a, axis: lax.cummax(a, axis))
minimum = _named(arithmetic.minimum, reduce=reductions.min, accumulate=lambda a, axis: lax.cummin(a, axis))
logaddexp = _named(transcendental.logaddexp, -np.inf)
logaddexp2 = _named(transcendental.logaddexp2, -np.inf)
bitwise_and = _named(logic.bitwise_and, -1)
bitwise_or = _named(logic.bitwise_or, 0)
bitwise_xor = _named(logic.bitwise_xor, 0)
logical_and = _named(logic.logical_and, True, prepare=logic.truth)
logical_or = _named(logic.logical_or, False, prepare=logic.truth)
logical_xor = _named(logic.logical_xor, False, prepare=logic.truth)
negative = ufunc(arithmetic.negative, 1, 1)
