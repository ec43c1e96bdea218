"""The promotion lattice, over all pairs of dtypes, weak and strong, against JAX."""

import itertools
import random

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cujax.engine.ground import dtypes
from cujax.engine.ground.config import config
from cujax.engine.ground.dtypes import ALL_DTYPES
from cujax.engine.ground.promotion import TypePromotionError, join_dtypes, lattice_join, promote_types

KEY = dtypes.key_dtype("threefry2x32")
PYTHON_VALUES = (True, 1, 1.0, 1j)


@pytest.fixture(params=[False, True], ids=["x32", "x64"])
def x64(request):
    """Both libraries with 64-bit dtypes off, then on."""
    jax.config.update("jax_enable_x64", request.param)
    with config.override("enable_x64", request.param):
        yield request.param
    jax.config.update("jax_enable_x64", False)


@pytest.fixture(params=["standard", "strict"])
def mode(request):
    """Both libraries under each numpy_dtype_promotion."""
    with (jax.numpy_dtype_promotion(request.param),
          config.override("numpy_dtype_promotion", request.param)):
        yield request.param


def canonical_dtypes():
    return [dtype for dtype in ALL_DTYPES if dtypes.canonicalize(dtype) is dtype]


def operands():
    """Every (dtype, weak) an array can have in the current mode; a weak bool does not exist."""
    return [(dtype, weak) for dtype in canonical_dtypes() for weak in (False, True)
            if not (weak and dtypes.is_bool(dtype))]


def jax_join(*found, function=jnp.add):
    """JAX's (dtype, weak) for `function` of scalars of these types; the error class if it refuses."""
    structs = [jax.ShapeDtypeStruct((), dtype, weak_type=weak) for dtype, weak in found]
    try:
        out = jax.eval_shape(function, *structs)
    except jax.dtypes.TypePromotionError:
        return TypePromotionError
    return out.dtype, out.weak_type


def our_join(*found):
    try:
        return lattice_join(found)
    except TypePromotionError:
        return TypePromotionError


def test_every_pair_of_operands(x64, mode):
    for a, b in itertools.combinations_with_replacement(operands(), 2):
        assert our_join(a, b) == our_join(b, a) == jax_join(a, b), (a, b)


def test_every_dtype_with_every_python_scalar(x64):
    for operand, value in itertools.product(operands(), PYTHON_VALUES):
        theirs = jax_join(operand, function=lambda x, value=value: x + value)
        scalar = (dtypes.python_scalar_dtype(type(value)), type(value) is not bool)
        assert our_join(operand, scalar) == theirs, (operand, value)


def test_triples(x64):
    """A join of three is not the join of two joins, so they get a test of their own."""
    draw = random.Random(0)
    standard = [o for o in operands() if o[0] not in dtypes.FLOAT8S + dtypes.INT4S]
    for triple in (draw.sample(standard, 3) for _ in range(300)):
        values = [jnp.asarray(dtype.type(1)) if not weak else weak_value(dtype) for dtype, weak in triple]
        kept = [(v.dtype, v.weak_type) for v in values]
        assert lattice_join(tuple(kept))[0] == jnp.result_type(*values), kept


def weak_value(dtype):
    return jnp.asarray(1j if dtypes.is_complex(dtype) else 1.0 if dtypes.is_float(dtype) else 1)


def test_one_operand_passes_unchanged(x64):
    for operand in operands():
        assert lattice_join((operand,)) == operand


def test_bool_is_never_weak():
    weak_bool = (dtypes.bool_, True)
    assert lattice_join((weak_bool,)) == lattice_join((weak_bool, weak_bool)) == (dtypes.bool_, False)
    assert lattice_join((weak_bool, (dtypes.int32, True))) == (dtypes.int32, True)


def test_promote_types(x64):
    specs = [*ALL_DTYPES, bool, int, float, complex]
    for a, b in itertools.product(specs, repeat=2):
        try:
            theirs = jnp.promote_types(a, b)
        except jax.dtypes.TypePromotionError:
            with pytest.raises(TypePromotionError):
                promote_types(a, b)
        else:
            assert promote_types(a, b) == theirs, (a, b)


def test_join_dtypes_is_the_join_of_strong_operands(x64):
    for a, b in itertools.product(["bool", "int8", "uint32", "float16", "float32", "complex64"], repeat=2):
        assert join_dtypes(np.dtype(a), np.dtype(b)) == jnp.result_type(a, b)


def test_a_64_bit_array_made_earlier_keeps_its_width():
    jax.config.update("jax_enable_x64", True)
    x = jnp.ones((), "float64")
    jax.config.update("jax_enable_x64", False)
    pair = ((dtypes.float64, False),) * 2
    assert lattice_join(pair) == ((x + x).dtype, False) == (dtypes.float64, False)


def test_the_result_follows_the_mode_of_the_moment():
    pair = ((dtypes.uint32, False), (dtypes.int32, False))
    assert lattice_join(pair)[0] is dtypes.int32
    with config.override("enable_x64", True):
        assert lattice_join(pair)[0] is dtypes.int64
    assert lattice_join(pair)[0] is dtypes.int32


def test_keys_join_only_with_keys():
    assert lattice_join(((KEY, False),) * 2) == (KEY, False)
    with pytest.raises(TypePromotionError, match=r"float32, key<fry> have no implicit .*: random keys"):
        lattice_join(((KEY, False), (dtypes.float32, False)))
    with pytest.raises(TypeError, match="key<fry> is not a number"):
        promote_types(KEY, "float32")


def test_refusals_name_the_dtypes_and_the_cure():
    assert issubclass(TypePromotionError, ValueError)
    with pytest.raises(TypePromotionError, match=r"float32, float8_e4m3fn have.*fn is never.*astype"):
        join_dtypes(dtypes.float32, np.dtype("float8_e4m3fn"))
    with (config.override("numpy_dtype_promotion", "strict"),
          pytest.raises(TypePromotionError, match=r"float32, int32 have.*'strict'.*\.astype, or set")):
        join_dtypes(dtypes.float32, dtypes.int32)
