"""How exactly products are computed: `Precision`, and the dtypes in which they are summed and returned.

Shared by `dot_general` and `conv_general_dilated`.  Start reading at `sum_and_result_dtype`.
"""

from __future__ import annotations

import enum
from functools import lru_cache
from typing import Any, NamedTuple

from cujax.engine.ground import dtypes
from cujax.engine.ground.config import config
from cujax.engine.ops.families import kind_of


class Precision(enum.Enum):
    """How many bits of float32 operands a product must respect.

    It is a lower bound.  The CPU and the libraries behind `impl` use all of them, but cuDNN where less is asked for.
    """

    DEFAULT = 0
    HIGH = 1
    HIGHEST = 2

    @classmethod
    def _missing_(cls, value: Any) -> Precision | None:
        return _PRECISIONS.get(value)

    def __repr__(self) -> str:
        return f"Precision.{self.name}"

    def __str__(self) -> str:
        return self.name


_PRECISIONS = {
    None: Precision.DEFAULT, "default": Precision.DEFAULT, "fastest": Precision.DEFAULT,
    "bfloat16": Precision.DEFAULT, "high": Precision.HIGH, "tensorfloat32": Precision.HIGH,
    "bfloat16_3x": Precision.HIGH, "highest": Precision.HIGHEST, "float32": Precision.HIGHEST,
}



class DotAlgorithm(NamedTuple):
    """How a product is computed, as JAX describes it; here it stands for the `Precision` that respects as many bits."""

    lhs_precision_type: Any
    rhs_precision_type: Any
    accumulation_type: Any
    lhs_component_count: int = 1
    rhs_component_count: int = 1
    num_primitive_operations: int = 1
    allow_imprecise_accumulation: bool = False

    @property
    def precision(self) -> Precision:
        """DEFAULT for factors of 16 bits or less, HIGH for several of these or TF32, else HIGHEST."""
        names = {str(self.lhs_precision_type), str(self.rhs_precision_type)}
        if "tensorfloat32" in names:
            return Precision.HIGH
        if any(dtypes.as_dtype(t).itemsize <= 2 for t in (self.lhs_precision_type, self.rhs_precision_type)):
            return Precision.DEFAULT if self.num_primitive_operations == 1 else Precision.HIGH
        return Precision.HIGHEST


class DotAlgorithmPreset(enum.Enum):
    """Names of algorithms; each stands for a `Precision`, whether the device has that algorithm or not."""

    DEFAULT = enum.auto()
    ANY_F8_ANY_F8_F32 = enum.auto()
    ANY_F8_ANY_F8_F32_FAST_ACCUM = enum.auto()
    ANY_F8_ANY_F8_ANY = enum.auto()
    ANY_F8_ANY_F8_ANY_FAST_ACCUM = enum.auto()
    F16_F16_F16 = enum.auto()
    F16_F16_F32 = enum.auto()
    BF16_BF16_BF16 = enum.auto()
    BF16_BF16_F32 = enum.auto()
    BF16_BF16_F32_X3 = enum.auto()
    BF16_BF16_F32_X6 = enum.auto()
    BF16_BF16_F32_X9 = enum.auto()
    TF32_TF32_F32 = enum.auto()
    TF32_TF32_F32_X3 = enum.auto()
    F32_F32_F32 = enum.auto()
    F64_F64_F64 = enum.auto()

    @property
    def precision(self) -> Precision:
        """The bits that it respects."""
        if self.name in ("F32_F32_F32", "F64_F64_F64", "BF16_BF16_F32_X9", "TF32_TF32_F32_X3"):
            return Precision.HIGHEST
        return Precision.HIGH if self.name.startswith("TF32") or "_X" in self.name else Precision.DEFAULT


_PRESETS = {preset.name: preset for preset in DotAlgorithmPreset}

PrecisionLike = (
    None | str | Precision | DotAlgorithm | DotAlgorithmPreset | tuple[str | Precision, str | Precision]
)


def canonical_precision(precision: PrecisionLike) -> tuple[Precision, Precision] | None:
    """One `Precision` for each operand; None when neither the call nor the configuration names any.

    ValueError for anything that is not a precision, its name, or a pair of these.
    """
    if precision is None:
        precision = config.default_matmul_precision
        if precision is None:
            return None
    if isinstance(precision, str):
        precision = _PRESETS.get(precision, precision)
    if isinstance(precision, DotAlgorithm | DotAlgorithmPreset):
        precision = precision.precision
    pair = precision if isinstance(precision, (tuple, list)) else (precision, precision)
    if len(pair) != 2 or not all(map(_is_precision, pair)):
        raise ValueError(
            f"precision must be None, a lax.Precision, one of {[p for p in _PRECISIONS if p]}, or a pair of "
            f"these for lhs and rhs; got {precision!r}"
        )
    return Precision(pair[0]), Precision(pair[1])


def _is_precision(value: Any) -> bool:
    return isinstance(value, Precision) or (isinstance(value, str) and value in _PRECISIONS)


def allows_tf32(precision: tuple[Precision, Precision] | None, dtype: Any) -> bool:
    """Whether factors may be rounded to TF32, of 10 bits behind the point, where products are summed in float32.

    So they may where the call or the configuration names a precision below the highest, and where operands of
    `dtype` have no more bits than that, and lose nothing.
    """
    if dtypes.is_float(dtype) and dtype.itemsize <= 2:
        return True
    return precision is not None and Precision.HIGHEST not in precision


# --- dtypes ---------------------------------------------------------------------------------------------

_RANK = {"b": 0, "u": 1, "i": 1, "f": 2, "c": 3}


def _width(dtype: Any) -> tuple[int, int, bool]:
    # Of two equally wide dtypes the signed one comes after, and bfloat16 after float16.
    return _RANK[kind_of(dtype)], dtype.itemsize, dtype.kind == "i" or dtype == dtypes.bfloat16


def product_dtype(x: Any, y: Any) -> Any:
    """The dtype of a product of operands of different dtypes: the wider of the two, the signed of equals."""
    return max(x, y, key=_width)


@lru_cache(maxsize=1024)
def sum_and_result_dtype(x: Any, y: Any, preferred: Any) -> tuple[Any, Any]:
    """The dtype in which products of `x` and `y` are summed, and that of the result.

    float16, bfloat16 and the 8-bit floats are summed in float32.  So are booleans: a sum of non-negative
    numbers is zero exactly if all of them are, and float32 is what BLAS multiplies.
    """
    out = product_dtype(x, y) if preferred is None else preferred
    widest = max(x, y, out, key=_width)
    if dtypes.is_bool(widest) or (dtypes.is_float(widest) and widest.itemsize < 4):
        return dtypes.float32, out
    return (dtypes.int8 if widest in dtypes.INT4S else widest), out


def is_narrower(preferred: Any, dtype: Any) -> bool:
    """True when `preferred` has fewer bits than a number of `dtype`; of complex ones the real parts are compared."""
    return _bits(dtypes.to_real(preferred)) < _bits(dtypes.to_real(dtype))


def _bits(dtype: Any) -> int:
    return 1 if dtypes.is_bool(dtype) else 8 * dtype.itemsize


def canonical_element_type(preferred: Any) -> Any:
    return None if preferred is None else dtypes.canonicalize(dtypes.as_dtype(preferred))
