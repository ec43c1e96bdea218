"""Random calls of `conv_general_dilated`, one for each seed: all arguments, and whatever is degenerate.

Lengths of zero, windows longer than the input, strides past its end, negative padding, groups that divide and that do
not, any order of axes, every dtype.  Elements are small whole numbers, so sums are exact in any order, and differences
are mistakes.  Start reading at `case`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
DTYPES = [
    *map(np.dtype, ("float32", "float64", "float16", "int8", "int32", "int64", "uint8", "uint32", "complex64",
                    "complex128", "bool")), BFLOAT16,
]  # fmt: skip
_OFTEN = np.array([8, 3, 2, 1, 2, 1, 1, 1, 2, 1, 1, 2])


class Case(NamedTuple):
    """Shapes, dtype and the other arguments of one call."""

    lhs: tuple[int, ...]
    rhs: tuple[int, ...]
    dtype: np.dtype
    options: dict[str, Any]

    def operands(self) -> tuple[np.ndarray, np.ndarray]:
        return _numbers(self.lhs, self.dtype, 1), _numbers(self.rhs, self.dtype, 2)

    @property
    def is_differentiable(self) -> bool:
        """Integers are not, and halves give only a few digits to compare."""
        kind = self.options["preferred_element_type"] or self.dtype
        return self.dtype.kind in "fc" and self.dtype.itemsize >= 4 and np.dtype(kind).kind in "fc"


def _numbers(shape: tuple[int, ...], dtype: np.dtype, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    low = 0 if dtype.kind in "ub" else -3
    values = random.integers(low, 4, shape)
    if dtype.kind == "c":
        return (values + 1j * random.integers(-3, 4, shape)).astype(dtype)
    return values.astype(dtype)


def case(seed: int) -> Case:
    """The call of this number; a few of them are refused by JAX."""
    random = np.random.default_rng(seed)
    rank = int(random.choice([0, 1, 2, 3, 4], p=[0.04, 0.34, 0.42, 0.17, 0.03]))
    feature_groups, batch_groups = _groups(random)
    # A few features are more than a vector holds, and that the groups fit is usual.
    in_features, batch = _length(random, 4), _length(random, 3) * batch_groups
    out_features = int(random.choice([0, 1, 2, 3, 5, 18], p=[0.02, 0.3, 0.3, 0.2, 0.13, 0.05]))
    channels = in_features * feature_groups
    if random.random() < 0.95:
        out_features *= feature_groups * batch_groups
    lengths = [_length(random, 9 if rank < 3 else 5) for _ in range(rank)]
    kernel = [_length(random, 4, zero=0) for _ in range(rank)]  # without taps XLA fails, later or at once
    names = _names(random, rank)
    return Case(
        _arranged(names and names[0], "NC", (batch, channels), lengths),
        _arranged(names and names[1], "OI", (out_features, in_features), kernel),
        DTYPES[int(random.choice(len(DTYPES), p=_OFTEN / _OFTEN.sum()))],
        {
            **_window(random, rank), "dimension_numbers": names, "feature_group_count": feature_groups,
            "batch_group_count": batch_groups, "preferred_element_type": _preferred(random),
            "precision": [None, "highest", "default"][random.choice(3, p=[0.8, 0.1, 0.1])],
        },
    )  # fmt: skip


def _length(random: np.random.Generator, most: int, zero: float = 0.03) -> int:
    return 0 if random.random() < zero else int(random.integers(1, most + 1))


def _groups(random: np.random.Generator) -> tuple[int, int]:
    kind, count = random.choice(3, p=[0.6, 0.25, 0.15]), int(random.integers(2, 5))
    return (1, 1) if kind == 0 else (count, 1) if kind == 1 else (1, count)


def _window(random: np.random.Generator, rank: int) -> dict[str, Any]:
    """Strides, padding and dilations."""
    words = ["SAME", "SAME_LOWER", "VALID"]
    by_word = random.random() < 0.35
    pairs = [(int(low), int(high)) for low, high in random.integers(-2, 4, (rank, 2))]
    strides = random.integers(1, 4, rank) if random.random() < 0.5 else np.ones(rank, int)
    if random.random() < 0.05:
        strides = strides * 20  # past the end
    return {
        "window_strides": tuple(strides.tolist()),
        "padding": words[random.integers(3)] if by_word else pairs,
        "lhs_dilation": None if by_word else _dilation(random, rank),
        "rhs_dilation": _dilation(random, rank),
    }


def _dilation(random: np.random.Generator, rank: int) -> tuple[int, ...] | None:
    return tuple(random.integers(1, 4, rank).tolist()) if random.random() < 0.4 else None


def _names(random: np.random.Generator, rank: int) -> tuple[str, str, str] | None:
    if random.random() < 0.4:
        return None
    space = "HWDT"[:rank]
    return tuple("".join(random.permutation(list(letters + space))) for letters in ("NC", "OI", "NC"))  # type: ignore


def _arranged(name: str | None, letters: str, first: tuple[int, int], space: list[int]) -> tuple[int, ...]:
    lengths = dict(zip(letters + "HWDT"[: len(space)], (*first, *space), strict=True))
    return tuple(lengths[letter] for letter in name or lengths)


def _preferred(random: np.random.Generator) -> np.dtype | None:
    return None if random.random() < 0.8 else DTYPES[random.integers(len(DTYPES))]
