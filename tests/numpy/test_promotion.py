"""Result dtype and weak type of binary functions, for all pairs of dtypes and Python numbers, as in JAX.

Also: which arguments are refused, and how shapes of different rank are promoted.
"""

from __future__ import annotations

import itertools
import warnings

import jax
import jax.numpy
import numpy as np
import pytest
from oracle_cases import words

import cujax
import cujax.numpy as jnp

NARROW = words("bool int8 int16 int32 uint8 uint16 uint32 float16 bfloat16 float32 complex64")
WIDE = [*NARROW, "int64", "uint64", "float64", "complex128"]
NUMBERS = (True, 3, 2.5, 1.5j)
FUNCTIONS = words("add subtract divide floor_divide power maximum less multiply arctan2")


def _operands(library, dtypes):
    """An operand of each dtype, an array that is weak, a NumPy scalar, and Python numbers."""
    arrays = [library.ones(2, dtype) for dtype in dtypes]
    weak = [library.asarray(number) for number in NUMBERS[1:]]
    return [*arrays, *weak, np.float32(2), np.int8(2), *NUMBERS]


def _theirs(name, x, y):
    try:
        found = jax.eval_shape(lambda: getattr(jax.numpy, name)(x, y))
    except (TypeError, ValueError) as error:
        return type(error).__name__
    return str(found.dtype), found.dtype != bool and found.weak_type


def _ours(name, x, y):
    try:
        found = getattr(jnp, name)(x, y)
    except (TypeError, ValueError) as error:
        return type(error).__name__
    return str(found.dtype), found.dtype != bool and found.weak_type


def _check_table(name, dtypes):
    pairs = zip(
        itertools.product(_operands(jnp, dtypes), repeat=2),
        itertools.product(_operands(jax.numpy, dtypes), repeat=2), strict=True,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wrong = [
            f"{name}({x!r}, {y!r}): {found}, JAX {expected}"
            for (x, y), (their_x, their_y) in pairs
            if (found := _ours(name, x, y)) != (expected := _theirs(name, their_x, their_y))
        ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_all_pairs_of_dtypes(name):
    _check_table(name, NARROW)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_all_pairs_of_dtypes_with_x64(name, x64):
    _check_table(name, WIDE)


def test_python_ints_wrap_in_narrow_dtypes_but_must_fit_the_default():
    assert int(jnp.ones((), "int8") + 300) == 45
    assert int(jnp.zeros((), "uint8") - 1) == 255
    with pytest.raises(OverflowError, match="too large"):
        jnp.ones(2) + 2**70


def test_floats_too_large_for_the_dtype_are_infinite():
    assert bool(jnp.isinf(jnp.ones((), "float16") + 1e10))


@pytest.mark.parametrize("bad", [[1.0], (1.0,), None, "a", {}])
def test_what_is_no_array_is_refused_by_name_and_position(bad):
    with pytest.raises(TypeError, match=r"add requires ndarray or scalar arguments, got .* at position 1"):
        jnp.add(1.0, bad)


def test_objects_that_offer_an_array_are_taken():
    class Offers:
        def __jax_array__(self):
            return jnp.arange(3)

    assert (jnp.add(Offers(), 1) == jnp.arange(1, 4)).all()
    assert (jnp.ones(3) + Offers()).shape == (3,)


def test_shapes_that_do_not_fit():
    with pytest.raises(TypeError, match=r"add got incompatible shapes for broadcasting: \(3,\), \(4,\)"):
        jnp.ones(3) + jnp.ones(4)
    with pytest.raises(ValueError, match="Incompatible shapes"):
        jnp.ones((2, 3)) + jnp.ones(4)


def test_rank_promotion_warns_every_time_or_raises():
    x, y = jnp.ones((2, 3)), jnp.ones(3)
    with cujax.config.override("numpy_rank_promotion", "warn"):
        for _ in range(2):
            with pytest.warns(UserWarning, match="rank"):
                x + y
        assert (x + 1).shape == (2, 3)
    with cujax.config.override("numpy_rank_promotion", "raise"), pytest.raises(ValueError, match="rank"):
        x + y


def test_strict_promotion_refuses_to_mix_dtypes():
    with cujax.config.override("numpy_dtype_promotion", "strict"):
        assert (jnp.ones(2) + 1.0).dtype == np.float32
        with pytest.raises(ValueError, match="strict"):
            jnp.ones(2) + jnp.arange(2)


def test_numbers_stay_numbers_on_a_tape():
    tape = cujax.make_jaxpr(lambda x: x + 1)(jnp.arange(3.0))
    assert len(tape.eqns) == 1
    assert not tape.consts
