"""Type promotion: the dtype of an operation on operands of several dtypes.

JAX's lattice (https://docs.jax.dev/en/latest/type_promotion.html): besides the dtypes it has the weak types
`i*`, `f*`, `c*` of Python scalars and of what is computed from them alone. The result is the join, the least
element above all operands. The lattice is drawn below as chains of steps, each word below the next; joins
are computed once and remembered, since every eager operation asks for one.

Start reading at `_CHAINS`, then `lattice_join`.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from cujax.engine.ground import dtypes
from cujax.engine.ground.config import config
from cujax.engine.ground.dtypes import ALL_DTYPES, DType

Operand: TypeAlias = tuple[DType, bool]  # (dtype, weak)


class TypePromotionError(ValueError):
    """Operands have dtypes that are not combined implicitly.

    Wrong, since an 8-bit float combines with nothing but Python scalars::

        x8 + x32

    Right::

        x8.astype("float32") + x32
    """


_FLOAT8_NAMES = tuple(dtype.name for dtype in dtypes.FLOAT8S)
_WEAK_INT, _WEAK_FLOAT, _WEAK_COMPLEX = "i*", "f*", "c*"

_CHAINS = (
    "bool i* uint8 uint16 uint32 uint64 f*",
    "i* int8 int16 int32 int64 f*",
    "uint8 int16",
    "uint16 int32",
    "f* bfloat16 float32 float64 complex128",
    "f* float16 float32 complex64 complex128",
    "f* c* complex64",
    *(f"i* {dtype.name}" for dtype in dtypes.INT4S),
    *(f"f* {name}" for name in _FLOAT8_NAMES),
)
# Without 64-bit dtypes nothing 64-bit may come of 32-bit operands: uint32 with int32 is int32.
_CHAINS_X64 = (*_CHAINS, "uint32 int64")
_CHAINS_X32 = (*_CHAINS, "uint32 int32")
# Strict promotion combines Python scalars with anything of their kind or above, and nothing else.
_CHAINS_STRICT = (
    "i* f* c*",
    *(f"i* {dtype.name}" for dtype in dtypes.UNSIGNED + dtypes.SIGNED),
    *(f"f* {dtype.name}" for dtype in dtypes.FLOATS),
    *(f"c* {dtype.name}" for dtype in dtypes.COMPLEXES),
)


def _upper_sets(chains: Iterable[str]) -> dict[str, frozenset[str]]:
    """For each node of the lattice, the nodes at or above it."""
    above: dict[str, set[str]] = {dtype.name: set() for dtype in ALL_DTYPES}
    for chain in chains:
        nodes = chain.split()
        for lower, upper in itertools.pairwise(nodes):
            above.setdefault(lower, set()).add(upper)

    @functools.cache
    def upper_set(node: str) -> frozenset[str]:
        return frozenset({node}).union(*(upper_set(upper) for upper in above[node]))

    return {node: upper_set(node) for node in above}


_X64, _X32, _STRICT = map(_upper_sets, (_CHAINS_X64, _CHAINS_X32, _CHAINS_STRICT))
_WIDE_OF_WEAK = {_WEAK_INT: dtypes.int64, _WEAK_FLOAT: dtypes.float64, _WEAK_COMPLEX: dtypes.complex128}
_DTYPE_OF_NODE: dict[str, DType] = {**_WIDE_OF_WEAK, **{dtype.name: dtype for dtype in ALL_DTYPES}}


def lattice_join(operands: tuple[Operand, ...]) -> Operand:
    """The dtype and weakness of an operation on `operands`, a tuple of at least one (dtype, weak).

    The result is canonical under `config.enable_x64` if the operands are: equal dtypes pass unchanged, as in
    JAX, so that a 64-bit array made earlier keeps its width. Raises TypePromotionError where the dtypes are
    not combined implicitly (8-bit floats, 4-bit integers, keys, `numpy_dtype_promotion='strict'`).
    """
    return _remembered_join(operands, config.x64, config.numpy_dtype_promotion)


@functools.cache
def _remembered_join(operands: tuple[Operand, ...], x64: bool, mode: str) -> Operand:
    found = {dtype for dtype, _ in operands}
    all_weak = all(weak for _, weak in operands)
    if len(operands) == 1 or (len(found) == 1 and not all_weak):
        dtype, weak = operands[0][0], all_weak
    elif all_weak and mode == "standard":
        # Joined as strong dtypes, so that weak values of a width other than the default keep it.
        node = _least_upper_bound({_node(dtype, False) for dtype in found}, _lattice(x64, mode), mode)
        dtype, weak = dtypes.canonicalize(_DTYPE_OF_NODE[node]), True
    else:
        node = _least_upper_bound({_node(*operand) for operand in operands}, _lattice(x64, mode), mode)
        dtype, weak = dtypes.canonicalize(_DTYPE_OF_NODE[node]), node in _WIDE_OF_WEAK
    return dtype, weak and not dtypes.is_bool(dtype)


def _lattice(x64: bool, mode: str) -> Mapping[str, frozenset[str]]:
    return _STRICT if mode == "strict" else _X64 if x64 else _X32


def _node(dtype: DType, weak: bool) -> str:
    """The lattice node of an operand; bool is never weak."""
    if not weak or dtypes.is_bool(dtype):
        return str(dtype)
    if dtypes.is_integer(dtype):
        return _WEAK_INT
    return _WEAK_COMPLEX if dtypes.is_complex(dtype) else _WEAK_FLOAT


def _least_upper_bound(nodes: set[str], lattice: Mapping[str, frozenset[str]], mode: str) -> str:
    if nodes <= lattice.keys():
        bounds = frozenset.intersection(*(lattice[node] for node in nodes))
        for bound in bounds:
            if bounds <= lattice[bound]:
                return bound
    raise TypePromotionError(_refusal(nodes, mode))


def _refusal(nodes: set[str], mode: str) -> str:
    seen = ", ".join(sorted(nodes))
    keys = any(node.startswith("key<") for node in nodes)
    small = nodes & {*_FLOAT8_NAMES, *(dtype.name for dtype in dtypes.INT4S)}
    if keys:
        reason, cure = "random keys combine with nothing", "draw numbers from the key with cujax.random"
    elif mode == "strict":
        reason = "numpy_dtype_promotion is 'strict'"
        cure = "convert the operands with .astype, or set numpy_dtype_promotion to 'standard'"
    else:
        reason, cure = f"{', '.join(sorted(small))} is never widened implicitly", "convert it with .astype"
    return f"dtypes {seen} have no implicit promotion path: {reason}; {cure}"


def join_dtypes(*found: DType) -> DType:
    """The dtype of an operation on arrays of these dtypes, none of them weak. Errors as `lattice_join`."""
    return lattice_join(tuple((dtype, False) for dtype in found))[0]


def promote_types(a: Any, b: Any) -> DType:
    """The dtype to which `a` and `b` promote, with its width as the lattice has it (not canonicalized).

    Python's int, float and complex count as weak. Raises TypeError for a random key, ValueError for another dtype that
    arrays of numbers cannot have, TypePromotionError as `lattice_join`.
    """
    nodes = {_node(_number_dtype(spec), dtypes.is_python_kind(spec)) for spec in (a, b)}
    mode = config.numpy_dtype_promotion
    return _DTYPE_OF_NODE[_least_upper_bound(nodes, _lattice(config.x64, mode), mode)]


def _number_dtype(spec: Any) -> DType:
    dtype = dtypes.named_dtype(spec)
    if dtypes.is_key(dtype):
        raise TypeError(f"promote_types: {dtype} is not a number")
    try:
        return dtypes.as_dtype(dtype)
    except TypeError as error:
        raise ValueError(f"promote_types: {error}") from None
