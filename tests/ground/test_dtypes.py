"""cujax.engine.ground.dtypes against JAX's own answers about dtypes."""

import copy
import itertools
import pickle
from contextlib import contextmanager

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

from cujax.engine.ground import dtypes
from cujax.engine.ground.config import config
from cujax.engine.ground.dtypes import ALL_DTYPES, as_dtype

KEY = dtypes.key_dtype("threefry2x32")
JAX_KEY = jax.random.key(0).dtype
ABSTRACT = (np.generic, np.number, np.integer, np.signedinteger, np.unsignedinteger, np.inexact, np.floating,
            np.complexfloating, np.bool_, np.void)


@contextmanager
def both_with_x64(enable):
    jax.config.update("jax_enable_x64", enable)
    with config.override("enable_x64", enable):
        yield
    jax.config.update("jax_enable_x64", False)


@pytest.fixture(params=[False, True], ids=["x32", "x64"])
def x64(request):
    """Both libraries with 64-bit dtypes off, then on."""
    with both_with_x64(request.param):
        yield request.param


# ---- reading ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize("dtype", ALL_DTYPES, ids=str)
def test_as_dtype_reads_every_way_of_naming_a_dtype(dtype):
    named = (dtype, dtype.name, dtype.type, np.zeros(2, dtype), np.zeros((), dtype)[()], jnp.dtype(dtype))
    assert all(as_dtype(spec) is dtype for spec in named)


@pytest.mark.parametrize("spec, expected", [
    (bool, "bool"), (int, "int64"), (float, "float64"), (complex, "complex128"), ("f4", "float32"),
    ("<i2", "int16"), (np.longlong, "int64"), ("bfloat16", ml_dtypes.bfloat16), (jnp.bfloat16, "bfloat16"),
    (jnp.float32, "float32"), (jax.dtypes.float0, jax.dtypes.float0)])
def test_as_dtype_keeps_the_width_as_written(spec, expected):
    assert as_dtype(spec) == np.dtype(expected)


def test_as_dtype_returns_interned_dtypes():
    assert as_dtype(np.dtype("longlong")) is dtypes.int64
    assert as_dtype(KEY) is KEY


@pytest.mark.parametrize("spec", ["U3", object, ">f4", "datetime64[s]", [("a", "i4")], 3, "nonsense"])
def test_as_dtype_refuses_what_arrays_cannot_hold(spec):
    with pytest.raises(TypeError):
        as_dtype(spec)


def test_as_dtype_refuses_none():
    with pytest.raises(ValueError, match="a dtype is needed"):
        as_dtype(None)


# ---- keys ------------------------------------------------------------------------------------------------

def test_key_dtype_prints_and_measures_as_in_jax():
    assert repr(KEY) == str(KEY) == KEY.name == JAX_KEY.name == "key<fry>"
    assert KEY.itemsize == JAX_KEY.itemsize == 8
    assert KEY.type is dtypes.prng_key and KEY.physical == np.dtype("uint64")


def test_key_dtype_stays_one_instance():
    assert dtypes.key_dtype("threefry2x32") is KEY
    assert copy.deepcopy(KEY) is KEY and pickle.loads(pickle.dumps(KEY)) is KEY
    assert KEY not in ALL_DTYPES


def test_unknown_generator():
    with pytest.raises(ValueError, match=r"unknown random generator 'philox'.*threefry2x32.*rbg, unsafe_rbg"):
        dtypes.key_dtype("philox")


# ---- width -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("dtype", ALL_DTYPES, ids=str)
def test_canonicalize(dtype, x64):
    assert dtypes.canonicalize(dtype) == jax.dtypes.canonicalize_dtype(dtype)


@pytest.mark.parametrize("kind, value", [(bool, True), (int, 1), (float, 1.0), (complex, 1j)])
def test_python_scalar_dtype(kind, value, x64):
    assert dtypes.python_scalar_dtype(kind) == jnp.asarray(value).dtype
    assert dtypes.canonicalize_user(kind, "zeros") == jnp.zeros((), kind).dtype


@pytest.mark.parametrize("dtype", ["int64", "uint64", "float64", "complex128"])
def test_truncation_warns_and_names_function_and_flag(dtype):
    words = f"requested dtype {dtype} requested in zeros.*jax_enable_x64"
    for spec in (dtype, np.dtype(dtype), np.dtype(dtype).type):
        with pytest.warns(UserWarning, match=words) as seen:
            narrow = dtypes.canonicalize_user(spec, "zeros")
        assert seen[0].filename == __file__
        with pytest.warns(UserWarning, match=words):
            assert narrow == jnp.zeros((), spec).dtype


def test_no_warning_where_nothing_is_lost():
    for spec in ("float32", float, "bfloat16", KEY):
        dtypes.canonicalize_user(spec, "zeros")
    with config.override("enable_x64", True):
        assert dtypes.canonicalize_user("float64", "zeros") is dtypes.float64


def test_explicit_x64_dtypes():
    with config.override("explicit_x64_dtypes", "allow"):
        assert dtypes.canonicalize_user("float64", "zeros") is dtypes.float64
        assert dtypes.canonicalize_user(float, "zeros") is dtypes.float32
    with (config.override("explicit_x64_dtypes", "error"),
          pytest.raises(ValueError, match=r"zeros: explicitly requested dtype float64.*config\.update")):
        dtypes.canonicalize_user("float64", "zeros")


def test_user_dtype_errors_name_the_function():
    with pytest.raises(ValueError, match=r"ones: dtype must be a dtype, got an array; write dtype=x\.dtype"):
        dtypes.canonicalize_user(np.ones(2), "ones")
    with pytest.raises(TypeError, match="ones: dtype='U3' cannot be used"):
        dtypes.canonicalize_user("U3", "ones")


# ---- Python integers -------------------------------------------------------------------------------------

def overflows(function, *args) -> bool:
    try:
        function(*args)
    except OverflowError:
        return True
    return False


@pytest.mark.parametrize("value", [0, -1, 127, 128, 255, 256, 2**31 - 1, 2**31, -2**31, -2**31 - 1, 2**32,
                                   2**63 - 1, 2**63, -2**63 - 1, 2**64])
def test_check_python_int_refuses_what_jax_refuses(value, x64):
    default = dtypes.python_scalar_dtype(int)
    assert overflows(dtypes.check_python_int, value, default) == overflows(jnp.asarray, value)
    for dtype in map(as_dtype, ("int8", "uint8", "uint32", "float32")):
        assert overflows(dtypes.check_python_int, value, dtype) == overflows(jnp.asarray, value, dtype)


def test_overflow_says_what_to_write():
    with pytest.raises(OverflowError, match=r"Python int 1099511627776 .* int32.*'jax_enable_x64', True"):
        dtypes.check_python_int(2**40, dtypes.int32)


# ---- relations -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("a", (*ALL_DTYPES, *ABSTRACT, float, "float32", np.dtype("U3"), np.dtype(object)), ids=str)
def test_issubdtype(a):
    for b in (*ABSTRACT, *ALL_DTYPES, int, float, "bfloat16"):
        assert dtypes.issubdtype(a, b) == jnp.issubdtype(a, b), (a, b)
    assert not dtypes.issubdtype(a, dtypes.extended)


def test_issubdtype_of_keys():
    for ours, theirs in [(dtypes.prng_key, jax.dtypes.prng_key), (dtypes.extended, jax.dtypes.extended),
                         *((b, b) for b in ABSTRACT), ("float32", "float32")]:
        assert dtypes.issubdtype(KEY, ours) == jnp.issubdtype(JAX_KEY, theirs)
    assert dtypes.issubdtype(KEY, KEY) and dtypes.issubdtype(dtypes.prng_key, dtypes.extended)


@pytest.mark.parametrize("predicate, abstract", [
    (dtypes.is_bool, np.bool_), (dtypes.is_integer, np.integer), (dtypes.is_float, np.floating),
    (dtypes.is_complex, np.complexfloating), (dtypes.is_inexact, np.inexact)])
def test_predicates_agree_with_the_hierarchy(predicate, abstract):
    for dtype in ALL_DTYPES:
        assert predicate(dtype) == jnp.issubdtype(dtype, abstract), dtype
    assert not predicate(KEY) and not predicate(dtypes.float0)


def test_is_signed_and_is_key():
    unsigned = [d for d in ALL_DTYPES if not dtypes.is_signed(d)]
    assert unsigned == [dtypes.bool_, *dtypes.UNSIGNED]
    assert [d for d in (*ALL_DTYPES, dtypes.float0, KEY) if dtypes.is_key(d)] == [KEY]


def test_to_inexact_is_what_sin_returns():
    with both_with_x64(True):
        for dtype in set(ALL_DTYPES) - set(dtypes.FLOAT8S) - set(dtypes.INT4S):
            assert dtypes.to_inexact(dtype) == jax.eval_shape(jnp.sin, jax.ShapeDtypeStruct((), dtype)).dtype


@pytest.mark.parametrize("dtype, as_complex, as_real", [
    ("bool", "complex64", "bool"), ("int32", "complex64", "int32"), ("int64", "complex128", "int64"),
    ("bfloat16", "complex64", "bfloat16"), ("float32", "complex64", "float32"),
    ("float64", "complex128", "float64"), ("complex64", "complex64", "float32"),
    ("complex128", "complex128", "float64")])
def test_to_complex_and_to_real(dtype, as_complex, as_real):
    assert dtypes.to_complex(as_dtype(dtype)) is as_dtype(as_complex)
    assert dtypes.to_real(as_dtype(dtype)) is as_dtype(as_real)


def test_tangent_dtype():
    assert dtypes.float0 == jax.dtypes.float0
    for dtype in ALL_DTYPES:
        assert dtypes.tangent_dtype(dtype) is (dtype if dtypes.is_inexact(dtype) else dtypes.float0)
    assert dtypes.tangent_dtype(KEY) is dtypes.float0


@pytest.mark.parametrize("dtype", [*ALL_DTYPES, dtypes.float0, KEY], ids=str)
def test_short_name_is_what_jax_prints(dtype):
    theirs = JAX_KEY if dtype is KEY else dtype
    with both_with_x64(True):
        printed = str(jax.make_jaxpr(lambda x: x)(jax.ShapeDtypeStruct((), theirs)))
    assert f"a:{dtypes.short_name(dtype)}[]" in printed


@pytest.mark.parametrize("dtype", [d for d in ALL_DTYPES if d != dtypes.bool_], ids=str)
def test_finfo_and_iinfo(dtype):
    ours, theirs = (dtypes.finfo, jnp.finfo) if dtypes.is_inexact(dtype) else (dtypes.iinfo, jnp.iinfo)
    names = ("bits", "min", "max", "dtype") + (("eps", "tiny") if dtypes.is_inexact(dtype) else ())
    for name, spec in itertools.product(names, (dtype, dtype.name, np.zeros(2, dtype))):
        assert getattr(ours(spec), name) == getattr(theirs(dtype), name), name


@pytest.mark.parametrize("info, dtype, words", [
    (dtypes.finfo, "int32", r"int32 is not inexact.*iinfo\('int32'\)"),
    (dtypes.iinfo, "float32", r"float32 is not an integer.*finfo\('float32'\)"),
    (dtypes.iinfo, "bool", "not an integer"), (dtypes.finfo, KEY, "key<fry> is not inexact")])
def test_finfo_and_iinfo_refuse_the_wrong_kind(info, dtype, words):
    with pytest.raises(ValueError, match=words):
        info(dtype)
