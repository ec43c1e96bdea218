"""Abstract values: what is known of an array before it is computed.

`ShapedArray(shape, dtype, weak_type)` is interned: equal avals are the same object, so that comparing
is `is` and the cache key of a call is a tuple of avals.  The constructor is one dictionary look-up.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cujax.engine.ground import dtypes

_interned: dict[tuple, ShapedArray] = {}


class ShapedArray:
    """Shape (tuple of ints), dtype (a NumPy dtype or a key dtype) and weak-type flag of an array."""

    __slots__ = ("dtype", "ndim", "shape", "size", "weak_type")

    shape: tuple[int, ...]
    dtype: Any
    weak_type: bool
    ndim: int
    size: int

    def __new__(cls, shape: tuple[int, ...], dtype: Any, weak_type: bool = False) -> ShapedArray:
        key = (shape, dtype, weak_type)
        found = _interned.get(key)
        if found is not None:
            return found
        shape = tuple(int(d) for d in shape)
        dtype = dtypes.as_dtype(dtype)
        self = super().__new__(cls)
        self.shape, self.dtype, self.weak_type = shape, dtype, bool(weak_type)
        self.ndim = len(shape)
        self.size = int(np.prod(shape, dtype=object)) if shape else 1
        return _interned.setdefault((shape, dtype, self.weak_type), self)

    def __reduce__(self):
        return ShapedArray, (self.shape, self.dtype, self.weak_type)

    def update(self, shape: Any = None, dtype: Any = None, weak_type: bool | None = None) -> ShapedArray:
        """A copy with some fields replaced."""
        return ShapedArray(
            self.shape if shape is None else tuple(shape),
            self.dtype if dtype is None else dtype,
            self.weak_type if weak_type is None else weak_type,
        )

    def strip_weak_type(self) -> ShapedArray:
        return ShapedArray(self.shape, self.dtype, False) if self.weak_type else self

    def to_tangent_aval(self) -> ShapedArray:
        """The aval of a tangent: the same for inexact dtypes, `float0` for all others."""
        return ShapedArray(self.shape, dtypes.tangent_dtype(self.dtype), self.weak_type)

    def str_short(self) -> str:
        return f"{dtypes.short_name(self.dtype)}[{','.join(map(str, self.shape))}]"

    def str_long(self) -> str:
        """As `float32[3,4]`: for texts that a user reads."""
        return f"{self.dtype}[{','.join(map(str, self.shape))}]"

    def str_weak(self) -> str:
        """As `~float32[]`, where `~` marks a weak type: how tracers print."""
        return ("~" if self.weak_type else "") + self.str_long()

    def __repr__(self) -> str:
        return f"ShapedArray({self.str_long()}{', weak_type=True' if self.weak_type else ''})"

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of an array without axes")
        return self.shape[0]


def same_array_type(a: ShapedArray, b: ShapedArray) -> bool:
    """True when shape and dtype agree; weak types are not compared."""
    return a is b or (a.shape == b.shape and a.dtype == b.dtype)
