"""`einsum`: sums of products written with one letter for each axis.

opt_einsum reads the subscripts and finds the order in which operands are multiplied, two at a time.  All
work on letters is done once for subscripts and shapes (`_plan`); a call then runs the plan on arrays.  A plan
first simplifies operands (`_Single`: diagonals, sums over letters that nobody else has), then multiplies
pairs (`_Product`): one `dot_general`, in which a letter of both that is still needed is a batch axis, a
letter of both that is not needed any more is summed, and a letter of one is free.

Start reading at `einsum`, then `_plan` and `_product`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import opt_einsum

from cujax import lax
from cujax.engine.core.array import Array
from cujax.numpy.products import element_type
from cujax.numpy.promotion import ArrayLike, arrays_of, promote_dtypes

# --- plans ----------------------------------------------------------------------------------------------


class _Single(NamedTuple):
    """What happens to one array, in this order.

    Of each pair of axes in `diagonals` the diagonal is taken, which becomes the last axis; `dropped` axes of
    length 1 are removed, `summed` axes are summed, and the rest put in `order` (None: as they are).
    """

    diagonals: tuple[tuple[int, int], ...] = ()
    dropped: tuple[int, ...] = ()
    summed: tuple[int, ...] = ()
    order: tuple[int, ...] | None = None


_UNCHANGED = _Single()


class _Product(NamedTuple):
    """Take the arrays at `positions` (the higher first) out of the list and append their product."""

    positions: tuple[int, int]
    sums: tuple[_Single, _Single]
    numbers: lax.DotDimensionNumbers


class _Plan(NamedTuple):
    """First each operand by itself, then products, at last the one array that is left."""

    operands: tuple[_Single, ...]
    products: tuple[_Product, ...]
    result: _Single


@lru_cache(maxsize=1024)
def _plan(subscripts: str, shapes: tuple[tuple[int, ...], ...], optimize: Any) -> _Plan:
    """The plan for operands of these shapes; ValueError for subscripts that do not fit them."""
    path, info = opt_einsum.contract_path(subscripts, *shapes, shapes=True, optimize=optimize)
    inputs, output = info.input_subscripts.split(","), info.output_subscript
    lengths: dict[str, int] = {}
    for letters, shape in zip(inputs, shapes, strict=True):
        for letter, length in zip(letters, shape, strict=True):
            lengths[letter] = length if lengths.get(letter, 1) == 1 else lengths[letter]
    simplified = [_simplify(letters, shape, lengths) for letters, shape in zip(inputs, shapes, strict=True)]
    remaining = [letters for _, letters in simplified]
    products = []
    for positions in path:
        for pair in _pairs(positions, len(remaining)):
            x, y = (remaining.pop(i) for i in pair)
            product, letters = _product(pair, x, y, {*output, *"".join(remaining)}, output)
            products.append(product)
            remaining.append(letters)
    summed, letters = _sum_unused(remaining[0], output)
    order = tuple(map(letters.index, output))
    result = summed._replace(order=None if letters == output else order)
    return _Plan(tuple(single for single, _ in simplified), tuple(products), result)


def _pairs(positions: Sequence[int], count: int) -> list[tuple[int, int]]:
    """The products, two at a time, that multiply all of `positions` among `count` arrays."""
    last, *others = sorted(positions, reverse=True)
    pairs = []
    for other in others:
        pairs.append((last, other))
        count -= 1
        last = count - 1  # where the product stands
    return pairs


def _simplify(letters: str, shape: tuple[int, ...], lengths: dict[str, int]) -> tuple[_Single, str]:
    """One axis for each letter.  An axis of length 1 is dropped where its letter is longer elsewhere."""
    sizes, diagonals = list(shape), []
    for letter in dict.fromkeys(letters):
        while letters.count(letter) > 1:
            first = letters.index(letter)
            second = letters.index(letter, first + 1)
            diagonals.append((first, second))
            for axis in (second, first):
                letters, size = letters[:axis] + letters[axis + 1 :], sizes.pop(axis)
            letters, sizes = letters + letter, [*sizes, size]
    dropped = tuple(a for a, c in enumerate(letters) if sizes[a] != lengths[c])
    single = _Single(tuple(diagonals), dropped)
    return _shared(single), "".join(c for a, c in enumerate(letters) if a not in dropped)


def _shared(single: _Single) -> _Single:
    return _UNCHANGED if single == _UNCHANGED else single


def _sum_unused(letters: str, needed: Collection[str]) -> tuple[_Single, str]:
    """The sum over axes whose letter is not needed."""
    summed = tuple(a for a, c in enumerate(letters) if c not in needed)
    return _shared(_Single(summed=summed)), "".join(c for c in letters if c in needed)


def _product(
    positions: tuple[int, int], x: str, y: str, kept: Collection[str], output: str
) -> tuple[_Product, str]:
    """The product of arrays with letters `x` and `y`, summed over letters that are not kept; its letters."""
    if _free(x, y) + _free(y, x) not in output and _free(y, x) + _free(x, y) in output:
        # In this order the product needs no transposition afterwards.
        positions, x, y = positions[::-1], y, x
    x_sum, x = _sum_unused(x, {*kept, *y})
    y_sum, y = _sum_unused(y, {*kept, *x})
    batch = sorted((c for c in x if c in y and c in kept), key=output.find)
    summed = [c for c in x if c in y and c not in kept]
    numbers = (
        (tuple(map(x.index, summed)), tuple(map(y.index, summed))),
        (tuple(map(x.index, batch)), tuple(map(y.index, batch))),
    )
    return _Product(positions, (x_sum, y_sum), numbers), "".join(batch) + _free(x, y) + _free(y, x)


def _free(letters: str, others: str) -> str:
    return "".join(c for c in letters if c not in others)


# --- running a plan -------------------------------------------------------------------------------------


def _apply(single: _Single, x: Array) -> Array:
    if single is _UNCHANGED:
        return x
    for first, second in single.diagonals:
        x = _diagonal(x, first, second)
    x = lax.reduce_sum(lax.squeeze(x, single.dropped), single.summed)
    return x if single.order is None else lax.transpose(x, single.order)


def _diagonal(x: Array, first: int, second: int) -> Array:
    """The elements with one index on two axes, which become the last axis."""
    others = [a for a in range(x.ndim) if a not in (first, second)]
    moved = lax.transpose(x, (*others, first, second))
    *lead, n, _ = moved.shape
    flat = lax.reshape(moved, (*lead, n * n))
    return lax.slice_in_dim(flat, 0, n * n, n + 1, axis=len(lead))


def _run(plan: _Plan, arrays: Sequence[Array], dot_general: Callable, **options: Any) -> Array:
    stack = list(map(_apply, plan.operands, arrays))
    for (first, second), sums, numbers in plan.products:
        x, y = stack[first], stack[second]
        del stack[max(first, second)], stack[min(first, second)]
        stack.append(dot_general(_apply(sums[0], x), _apply(sums[1], y), numbers, **options))
    return _apply(plan.result, stack[0])


def einsum(
    subscripts: Any,
    /,
    *operands: ArrayLike,
    out: None = None,
    optimize: str | bool | Sequence[tuple[int, ...]] = "auto",
    precision: lax.PrecisionLike = None,
    preferred_element_type: Any = None,
    _dot_general: Callable = lax.dot_general,
    out_sharding: Any = None,
) -> Array:
    """A sum of products of `operands`, as `subscripts` say: `einsum("ij,jk->ik", a, b)` is a @ b.

    Each operand has a letter for each axis.  Letters that are not in the result are summed; without "->" the
    result has the letters that stand once, in alphabetical order.  A letter that stands twice in one operand
    takes its diagonal.  "..." stands for further axes, which broadcast.  Instead of a string, operands may
    alternate with lists of axis numbers: `einsum(a, [0, 1], b, [1, 2], [0, 2])`.

    optimize: how the order of multiplication is found, or the order itself (opt_einsum's `optimize`).
    The dtype is `preferred_element_type`, or the common one.  ValueError for subscripts that do not fit.
    """
    if out is not None:
        raise NotImplementedError("einsum: arrays are immutable, so out= is not supported; use the result")
    subscripts, factors = _as_string(subscripts, operands)
    preferred = element_type("einsum", preferred_element_type)
    arrays = arrays_of(promote_dtypes("einsum", *factors))
    plan = _plan(subscripts, tuple(x.shape for x in arrays), _hashable(optimize))

    if preferred is not None and len(arrays) == 1:
        arrays = [lax.convert_element_type(arrays[0], preferred)]
    return _run(plan, arrays, _dot_general, precision=precision, preferred_element_type=preferred)


def _as_string(subscripts: Any, operands: Sequence[Any]) -> tuple[str, Sequence[Any]]:
    """Subscripts as a string, with the operands, from either way of calling."""
    if isinstance(subscripts, str):
        return subscripts, operands
    found, arrays = opt_einsum.parser.convert_interleaved_input([subscripts, *operands])
    return found, arrays


def _hashable(optimize: Any) -> Any:
    return tuple(map(tuple, optimize)) if isinstance(optimize, list | tuple) else optimize


def einsum_path(
    subscripts: Any, /, *operands: ArrayLike, optimize: str | bool | Sequence[tuple[int, ...]] = "auto"
) -> tuple[list[tuple[int, ...]], Any]:
    """The order in which `einsum` would multiply, as positions of operands, and opt_einsum's report of it."""
    subscripts, factors = _as_string(subscripts, operands)
    arrays = arrays_of(promote_dtypes("einsum_path", *factors))
    return opt_einsum.contract_path(subscripts, *[x.shape for x in arrays], shapes=True, optimize=optimize)


__all__ = ["einsum", "einsum_path"]
