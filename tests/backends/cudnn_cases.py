"""Convolutions with arguments drawn at random: for the mapping to cuDNN, for its plans, and on a device."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

_SPATIAL = "HWD"


class Case(NamedTuple):
    """Shapes of lhs and rhs as dimension numbers have them, and keywords of `conv_general_dilated`."""

    lhs: tuple[int, ...]
    rhs: tuple[int, ...]
    options: dict[str, Any]

    def operands(self, dtype: Any = np.float32) -> tuple[np.ndarray, np.ndarray]:
        """Values between -1 and 1."""
        rng = np.random.default_rng(0)
        return numbers(rng, self.lhs, dtype), numbers(rng, self.rhs, dtype)


def numbers(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    values = rng.uniform(-1, 1, shape)
    if np.dtype(dtype).kind == "c":
        values = values + 1j * rng.uniform(-1, 1, shape)
    return values.astype(dtype)


def cases(count: int, seed: int = 0, features: int = 2, length: int = 7) -> Iterator[Case]:
    """`count` cases in which the window has at least one place; up to `features` features in each group."""
    draw = random.Random(seed)
    while count:
        case = _draw(draw, features, length)
        if _has_places(case):
            count -= 1
            yield case


def _draw(draw: random.Random, features: int, length: int) -> Case:
    spatial = _SPATIAL[: draw.choice((1, 2, 2, 3))]
    groups = draw.choice((1, 1, 1, 2, 3))
    by_feature = draw.random() < 0.5
    in_features, count = draw.randint(1, features), groups if by_feature else 1
    lhs = {"N": draw.randint(1, 2) * (groups // count), "C": in_features * count}
    rhs = {"O": draw.randint(1, features) * groups, "I": in_features}
    for letter in spatial:
        lhs[letter], rhs[letter] = draw.randint(1, length), draw.randint(1, 4)
    if draw.random() < 0.25:  # as in the gradient in a filter
        lhs |= dict.fromkeys(spatial, length)
        rhs |= {letter: length - draw.randint(0, 2) for letter in spatial}

    def each(*choices: Any) -> tuple:
        return tuple([draw.choice(choices) for _ in spatial])

    def order(letters: str) -> str:
        return "".join(draw.sample(letters, len(letters)))

    names = order("NC" + spatial), order("OI" + spatial), order("NC" + spatial)
    options = {
        "window_strides": each(1, 1, 2, 3), "lhs_dilation": each(1, 1, 2), "rhs_dilation": each(1, 1, 2),
        "padding": tuple(zip(each(0, 0, 1, 2, -1, -2, 5), each(0, 0, 1, 2, -1, 4), strict=True)),
        "dimension_numbers": names, "feature_group_count": count, "batch_group_count": groups // count,
    }  # fmt: skip
    return Case(tuple(lhs[c] for c in names[0]), tuple(rhs[c] for c in names[1]), options)


def _has_places(case: Case) -> bool:
    options = case.options
    names = options["dimension_numbers"]
    for i, letter in enumerate(c for c in names[1] if c not in "OI"):
        n, k = case.lhs[names[0].index(letter)], case.rhs[names[1].index(letter)]
        dilated = (n - 1) * options["lhs_dilation"][i] + 1 + sum(min(side, 0) for side in options["padding"][i])
        length = dilated + sum(max(side, 0) for side in options["padding"][i])
        if dilated < 1 or length < (k - 1) * options["rhs_dilation"][i] + 1:
            return False
    return True
