"""`ShapeDtypeStruct`: shape and dtype of an array that need not exist."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cujax.engine.core.aval import ShapedArray
from cujax.engine.ground import dtypes


class ShapeDtypeStruct:
    """What `eval_shape` returns, and what it, `make_jaxpr` and `jit(f).lower` accept in place of arrays.

    shape: a sequence of ints.  dtype: anything that names a dtype.  weak_type: whether the dtype gives way in
    promotion, as that of a Python scalar does.  ValueError without a dtype.
    """

    __slots__ = ("dtype", "shape", "sharding", "weak_type")

    def __init__(
        self, shape: Sequence[int], dtype: Any, *, sharding: Any = None, weak_type: bool = False
    ) -> None:
        if dtype is None:
            raise ValueError("ShapeDtypeStruct: dtype must be specified.")
        self.shape = tuple(int(d) for d in shape)
        self.dtype = dtypes.as_dtype(dtype)
        self.sharding = sharding
        self.weak_type = bool(weak_type)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return ShapedArray(self.shape, self.dtype).size

    def update(self, **fields: Any) -> ShapeDtypeStruct:
        """A copy with some of shape, dtype, sharding, weak_type replaced."""
        return ShapeDtypeStruct(**{name: fields.get(name, getattr(self, name)) for name in self.__slots__})

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a ShapeDtypeStruct without axes")
        return self.shape[0]

    def __repr__(self) -> str:
        weak = ", weak_type=True" if self.weak_type else ""
        return f"ShapeDtypeStruct(shape={self.shape}, dtype={getattr(self.dtype, 'name', self.dtype)}{weak})"

    def __eq__(self, other: object) -> bool:
        return type(other) is ShapeDtypeStruct and self._fields() == other._fields()

    def __hash__(self) -> int:
        return hash(self._fields())

    def _fields(self) -> tuple[Any, ...]:
        return self.shape, self.dtype, self.weak_type, self.sharding


def struct_of(aval: ShapedArray) -> ShapeDtypeStruct:
    """The shape and dtype of `aval`, as users see them."""
    return ShapeDtypeStruct(aval.shape, aval.dtype, weak_type=aval.weak_type)
