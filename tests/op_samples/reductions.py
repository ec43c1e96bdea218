"""Rows of reductions, running reductions and sorts."""

from __future__ import annotations

from typing import Any

import numpy as np
from jax import lax

from op_samples.sample import (
    COMPLEX,
    FLOATS,
    INTS,
    NUMBERS,
    Operand,
    Sample,
    bits,
    integers,
    of_values,
    reals,
)


def shuffled(shape: tuple[int, ...]) -> Operand:
    """Distinct numbers in random order: a sort of them does not change under small steps."""
    return Operand(lambda rng, dtype: rng.permutation(int(np.prod(shape))).reshape(shape).astype(dtype))


SORTING = [
    Sample("sort", [reals((3, 7), -3, 3)], {"dimension": 1, "is_stable": True, "num_keys": 1}, order=0),
    Sample("sort", [shuffled((3, 4, 2)), reals((3, 4, 2))],
           {"dimension": 1, "is_stable": True, "num_keys": 1}, dtypes=NUMBERS, label="sort of two"),
    Sample("sort", [reals((9, 2), -1, 1), reals((9, 2), -1, 1), integers((9, 2), 0, 50)],
           {"dimension": 0, "is_stable": True, "num_keys": 2}, order=0, label="sort by two keys"),
    Sample("top_k", [shuffled((3, 8))], {"k": 3, "axis": 1}, dtypes=[*INTS, *FLOATS]),
    Sample("top_k", [reals((5, 2), -1, 1)], {"k": 5, "axis": 0}, order=0, label="top_k of all, with ties"),
]


def cumulative(op: str, x: Operand, axis: int, reverse: bool, **options: Any) -> Sample:
    options.setdefault("label", f"{op} {axis} {reverse}")
    return Sample(op, [x], {"axis": axis, "reverse": reverse},
                  jax=lambda x, *, axis, reverse: getattr(lax, op)(x, axis, reverse), **options)


def recurrence_by_scan(a: Any, b: Any, *, axis: int, reverse: bool) -> Any:
    def combine(left: Any, right: Any) -> Any:
        return left[0] * right[0], left[1] * right[0] + right[1]

    return lax.associative_scan(combine, (a, b), axis=axis, reverse=reverse)[1]


CUMULATIVE = [
    *(
        cumulative(op, reals((5, 3, 2), 0.2, 1.8), axis, reverse, ulp=16)
        for op in ("cumsum", "cumprod", "cummax", "cummin")
        for axis, reverse in ((0, False), (2, True))
    ),
    *(
        cumulative("cumlogsumexp", reals((5, 3)), axis, reverse, ulp=16, dtypes=[*FLOATS, *COMPLEX])
        for axis, reverse in ((0, False), (1, True))
    ),
    cumulative("cumprod", of_values([1.5, 0, 2, 0, 3]), 0, False, label="cumprod with zeros"),
    cumulative("cumprod", of_values([1.5, 0, 2, 3]), 0, True, label="cumprod with a zero, reversed"),
    cumulative("cummax", of_values([1, 1, 2, 2, 2, 0]), 0, False, order=1, label="cummax at ties"),
    cumulative("cummin", of_values([1, np.nan, 0.5]), 0, False, order=0, dtypes=FLOATS,
               label="cummin of NaN"),
    cumulative("cumlogsumexp", of_values([-np.inf, 1, np.inf, 2]), 0, False, order=0, dtypes=FLOATS,
               label="cumlogsumexp of infinities"),
    *(
        Sample("recurrence", [reals((5, 3)), reals((5, 3))], {"axis": axis, "reverse": reverse}, ulp=16,
               jax=recurrence_by_scan, label=f"recurrence {axis} {reverse}")
        for axis, reverse in ((0, False), (1, True))
    ),
]


def reduction(op: str, x: Operand, axes: tuple[int, ...], **options: Any) -> Sample:
    return Sample(op, [x], {"axes": axes}, jax=lambda x, *, axes: getattr(lax, op)(x, axes), **options)


REDUCTIONS = [
    *(
        reduction(op, reals((2, 3, 4), 0.5, 1.5), axes, ulp=16, label=f"{op} {axes}")
        for op in ("reduce_prod", "reduce_max", "reduce_min")
        for axes in ((0, 2), (1,), ())
    ),
    reduction("reduce_prod", of_values([[1.5, 0, 2], [0, 3, 0]]), (1,), label="reduce_prod with zeros"),
    reduction("reduce_max", of_values([[1, 3, 3], [2, 2, 2]]), (1,), label="reduce_max at ties"),
    reduction("reduce_min", of_values([[1, np.nan, 3]]), (1,), dtypes=FLOATS, order=0,
              label="reduce_min of NaN"),
    *(
        reduction(op, bits((2, 3, 4)), axes, label=f"{op} {axes}", order=0)
        for op in ("reduce_and", "reduce_or", "reduce_xor")
        for axes in ((0, 2), (1,))
    ),
    *(
        reduction(op, reals((0, 3)), (0,), label=f"{op} of nothing", order=0)
        for op in ("reduce_prod", "reduce_max", "reduce_min", "reduce_and", "reduce_or", "reduce_xor")
    ),
    *(
        Sample(op, [operand], {"axes": (axis,), "index_dtype": np.dtype("int32")}, dtypes=names,
               jax=lambda x, *, axes, index_dtype, op=op: getattr(lax, op)(x, axes[0], index_dtype),
               label=f"{op} {axis} of {what}")
        for op in ("argmax", "argmin")
        for what, operand, axis, names in (
            ("numbers", reals((3, 4)), 1, None), ("ties", of_values([2, 1, 2, 1]), 0, None),
            ("NaN", of_values([1, np.nan, 3, np.nan]), 0, FLOATS))
    ),
]
