"""Random order and random choice: permutation, choice with and without weights, categories.

A permutation sorts the elements by random words; a choice with weights inverts the cumulative weights, and
one without replacement takes the greatest of logarithms perturbed by Gumbel numbers (Vieira, "Gumbel-max
trick and weighted reservoir sampling", 2014).
"""

from __future__ import annotations

from math import ceil, log, prod
from typing import Any

from cujax import lax
from cujax.api.traced_once import traced_once
from cujax.engine.core.array import Array
from cujax.engine.core.tape import Literal, literal
from cujax.engine.ground import dtypes
from cujax.engine.ops.axes import canonical_axis, insert_axis, moved_axes, remove_axes
from cujax.numpy.creation import zeros
from cujax.numpy.promotion import arrays_of, as_array, operand, promote_inexact
from cujax.numpy.searching import searchsorted
from cujax.numpy.taking import take
from cujax.random.arguments import arrays, canonical_shape, sample_shape, stretch
from cujax.random.bits import randint, raw_bits
from cujax.random.continuous import gumbel_typed
from cujax.random.keys import single_key, split_in
from cujax.random.uniform import unit_interval


@traced_once("key")
def permutation(
    key: Any, x: Any, axis: int = 0, independent: bool = False, *, out_sharding: Any = None
) -> Array:
    """`x` in random order along `axis`; for an int x, 0 ... x - 1 in random order.

    independent: every line along the axis gets an order of its own.  TypeError for a scalar that is no
    integer, ValueError for an axis that x does not have.

    >>> order = random.permutation(random.key(0), 52)
    """
    one, _ = single_key("permutation", key)
    x = _elements("permutation", "x", x)
    if not x.shape:
        if not dtypes.is_integer(x.dtype):
            raise TypeError(f"permutation: x must be an integer or have an axis, got a scalar of dtype {x.dtype}")
        x = _count_to(max(int(x), 0))
    axis = canonical_axis(axis, x.ndim, "permutation: axis")
    if independent or x.ndim == 1:
        return _shuffle(one, x, axis)
    order = _shuffle(one, _count_to(x.shape[axis]), 0)
    return take(x, order, axis, mode="clip")


def _elements(name: str, which: str, x: Any) -> Any:
    """The argument `which`, from which `name` takes elements: an array, or the scalar that stands for 0 ... x - 1."""
    found = operand(name, x, which)
    return found.val if type(found) is Literal else found


def _count_to(length: int) -> Array:
    return lax.iota(dtypes.python_scalar_dtype(int), length)


def _shuffle(key: Array, x: Array, axis: int) -> Array:
    """Sorts by random words of 32 bits, again and again: ties keep the order of the round before.

    All rounds together are a sort by words of at least 3 log2(n) bits, among which ties are unlikely.
    """
    rounds = ceil(3 * log(max(1, x.size)) / log(2**32 - 1))
    for _ in range(rounds):
        key, subkey = split_in(key, 2)
        _, x = lax.sort_key_val(raw_bits(subkey, x.shape, 32), x, axis)
    return x


@traced_once("key", "p")
def choice(
    key: Any, a: Any, shape: Any = (), replace: bool = True, p: Any = None, axis: int = 0,
    mode: str | None = None,
) -> Array:
    """Random elements of `a` along `axis`; for an int a, of 0 ... a - 1.

    shape: of the choice, which takes the place of the axis in the result.  replace: whether an element can be
    chosen twice.  p: the weight of each element, which need not sum to 1; all alike if None.  mode: as in
    `gumbel`, used with p and without replacement.  ValueError where there are too few elements, or p has
    another shape than (number of elements,), TypeError for what is no key and no array.

    >>> rows = random.choice(random.key(0), jnp.eye(4), (2,), replace=False)  # two different ones
    """
    one, _ = single_key("choice", key)
    shape, a = canonical_shape("choice", shape), _elements("choice", "a", a)
    axis = canonical_axis(axis, a.ndim, "choice: axis") if a.shape else 0
    draws = prod(shape)
    if draws == 0:
        return zeros(shape, a.dtype)
    population = a.shape[axis] if a.shape else _whole("choice", "a", a)
    _check_population(population, draws, replace)
    result_shape = (*a.shape[:axis], *shape, *a.shape[axis + 1 :])
    if p is None and not replace:
        shuffled = permutation(one, a if a.shape else population, axis)
        return lax.reshape(lax.slice_in_dim(shuffled, 0, draws, axis=axis), result_shape)
    if p is None:
        index = randint(one, shape, 0, population)
    else:
        index = _weighted(one, shape, _weights(p, population), replace, mode)
    return take(a, index, axis, mode="clip") if a.shape else index


def _whole(name: str, which: str, x: Any) -> int:
    """The whole part of a scalar."""
    if dtypes.is_complex(x.dtype):
        raise TypeError(f"{name}: {which} must be an integer or have an axis, got a scalar of dtype {x.dtype}")
    return int(x)


def _check_population(population: int, draws: int, replace: bool) -> None:
    if population <= 0:
        raise ValueError(f"choice: a must have elements or be a positive int; here it gives {population}")
    if not replace and draws > population:
        raise ValueError(
            f"choice: cannot take a larger sample (size {draws}) than population (size {population}) when "
            "'replace=False'"
        )


def _weights(p: Any, population: int) -> Array:
    (p,) = arrays_of(promote_inexact("choice", *arrays("choice", p=p)))
    if p.shape != (population,):
        raise ValueError(
            f"choice: p must have one weight for each of the {population} elements, got shape {p.shape}"
        )
    return p


def _weighted(
    key: Array, shape: tuple[int, ...], p: Array, replace: bool, mode: str | None
) -> Array:
    if replace:
        total = lax.cumsum(p)
        unit = lax.sub(literal(1, p.dtype), unit_interval(key, shape, p.dtype))
        places = searchsorted(total, lax.mul(lax.index_in_dim(total, -1, keepdims=False), unit))
        return lax.convert_element_type(places, dtypes.python_scalar_dtype(int))
    perturbed = lax.add(gumbel_typed(key, p.shape, p.dtype, mode), lax.log(p))
    index = lax.convert_element_type(lax.top_k(perturbed, prod(shape))[1], int)
    return lax.reshape(index, shape)


@traced_once("key", "logits")
def categorical(
    key: Any, logits: Any, axis: int = -1, shape: Any = None, replace: bool = True,
    mode: str | None = None, *, out_sharding: Any = None,
) -> Array:
    """Indices along `axis` of `logits`, drawn with probabilities softmax(logits, axis).

    logits: floats, unnormalised logarithms of probabilities.  shape: of the result, to whose last axes the
    shape of logits without the axis broadcasts; None: that shape.  replace: whether an index can occur twice
    along the leading axes of `shape`.  mode: as in `gumbel`.  ValueError for another dtype, for shapes that
    do not broadcast, and for more indices than there are without replacement.

    >>> logits = jnp.log(jnp.array([0.7, 0.2, 0.1]))
    >>> states = random.categorical(random.key(0), logits, shape=(1000,))

    The place of the greatest of the logits with Gumbel numbers added; without replacement, of the greatest few.
    """
    one, _ = single_key("categorical", key)
    logits = as_array("categorical", logits, "logits")
    if not dtypes.is_float(logits.dtype):
        raise ValueError(f"categorical: logits must have a float dtype, got {logits.dtype}")
    if not logits.ndim:
        raise ValueError("categorical: logits must have an axis of categories, got a scalar")
    axis = canonical_axis(axis, logits.ndim, "categorical: axis")
    batch = remove_axes(logits.shape, (axis,))
    shape = sample_shape("categorical", shape, {"batches of logits": batch})
    draws = shape[: len(shape) - len(batch)]
    if replace:
        return _categories(one, logits, axis, shape, draws, mode)
    return _distinct_categories(one, logits, axis, draws, mode)


def _categories(
    key: Array, logits: Array, axis: int, shape: tuple[int, ...], draws: tuple[int, ...], mode: str | None
) -> Array:
    if not logits.shape[axis]:
        raise ValueError(f"categorical: logits have no categories along axis {axis}, their shape is {logits.shape}")
    full = insert_axis(shape, axis + len(draws), logits.shape[axis])
    perturbed = lax.add(gumbel_typed(key, full, logits.dtype, mode), stretch(logits, full))
    return lax.argmax(perturbed, axis + len(draws), dtypes.python_scalar_dtype(int))


def _distinct_categories(
    key: Array, logits: Array, axis: int, draws: tuple[int, ...], mode: str | None
) -> Array:
    count = prod(draws)
    if count > logits.shape[axis]:
        raise ValueError(
            f"categorical: {count} distinct indices cannot be drawn from {logits.shape[axis]} categories; "
            "write replace=True or a smaller shape"
        )
    perturbed = lax.add(logits, gumbel_typed(key, logits.shape, logits.dtype, mode))
    _, index = lax.top_k(perturbed, count, axis=axis)
    first = lax.transpose(index, moved_axes(index.ndim, axis, 0))
    return lax.reshape(first, (*draws, *first.shape[1:]))
