"""What JAX refuses is refused, with an exception of the same class.

`bad_calls` makes wrong calls.  The suite runs SAMPLE of them, drawn with a fixed seed, and `make test-full` all
(`CUJAX_SURFACE_CASES`).  Calls that it does not make stand in `wrong_calls`, and in tables here and in the files of
their modules.
"""

from __future__ import annotations

import os
import random
import re
from typing import Any

import jax
import jax.scipy.signal
import numpy as np
import pytest
from bad_calls import BadCall, bad_calls, result
from oracle_cases import check, lines
from wrong_calls import WRONG_CALLS

import cujax
import cujax.numpy as jnp

SAMPLE = 40
PARTS = 8  # for processes side by side
COUNT = int(os.environ.get("CUJAX_SURFACE_CASES", 0)) and 10**6

# What JAX raises where it does not check, by class and by text: ours is a TypeError or a ValueError.
ACCIDENTS = (
    ArithmeticError, AssertionError, AttributeError, NameError, NotImplementedError,
    jax.errors.TracerArrayConversionError,
)  # fmt: skip
ACCIDENTAL = "|".join(lines(r"""
(tuple|list)( assignment)? index
only integers, slices
too many indices for array
index \S+ is out of bounds for axis|index is out of bounds for axis
ufunc '\w+' (not supported|did not contain)
Non-hashable static arguments
invalid literal for int\(\)
axis 1 is out of bounds for array of shape \(4,\)
not enough values to unpack
len\(\) of unsized object
Invalid argument to dtype: None
into shape \(2,newaxis\)
Cannot (lower jaxpr|determine (the shape|dtype) of|concatenate)
Slice size at index|(slice limit_indices|broadcast_in_dim shape) must
"""))

# By the text of a call and of what is wrong with it, where the two differ on purpose.
DIFFERENT = {
    r" is a key$": "random keys are no numbers: JAX has several checks for that, and some functions have none",
    r" is None$": "None is no array: JAX has several checks for that",
    r"^(jnp\.(einsum|apply_along_axis)|lax\.(dot|top_k)|scipy\.signal\.\w+2d).* is (a list|a string|an object)$":
        "that arguments are arrays is looked at before their shapes",
    r"^jnp\.(ndim|shape|full_like)\(.* is (a string|an object)$": "what is no array has no shape",
    r"^jnp\.(array_(repr|str)|is(complex|real)obj)\(": "objects are taken, as in NumPy",
    r"^jnp\.array_equiv\(": "False for other shapes, as in NumPy",
    r"^jnp\.poly": "polynomials are vectors, scalars or without coefficients, as in NumPy, and nothing else",
    r"^jnp\.meshgrid\(.* is scalar$": "scalars are vectors of length 1, as in NumPy",
    r"^jnp\.cum(sum|prod)\(.* is scalar$": "scalars are vectors of length 1, as in NumPy",
    r"^jnp\.(histogram\w*|fft\.\w+)\(.* is empty$": "what has no elements, as in NumPy",
    r"^jnp\.(nan)?quantile\(.* y is (bool|integer)$": "whole numbers q are taken",
    r"^jnp\.(arg)?partition\(.* is bool$": "booleans have an order",
    r"^jnp\.ix_\(.* is bool$": "booleans are taken, as in NumPy",
    r"^(jnp\.fft\.r?fftfreq|scipy\.linalg\.(inv)?(pascal|hilbert)|lax\.integer_pow)\(.* is scalar$":
        "sizes are integers",
    r"^(jnp\.gradient|scipy\.signal\.fftconvolve)\(.* ax[ei]s=\(0, 0\)$": "an axis given twice is refused",
    r"^nn\.one_hot\(": "booleans are indices; an axis is one integer",
    r" axis=\[0\]$": "axes may stand in a list",
    r"^lax\.full_like\(.* dtype=3$|\.reduce\(.* (dtype=3|out=.*)$": "numbers are no dtypes; out is not implemented",
    r"='no such word'$": "unknown words are refused",
    r"^lax\.(select(_n)?|clamp)\(": "scalars stand beside arrays of any shape, Python's numbers beside any dtype",
    r"^lax\.scaled_dot\(.* y is rank 4$": "operands may have other ranks",
    r"^lax\.reduce_(and|or|xor)\(.* is scalar$": "axes are looked at before dtypes",
    r"^lax\.reduce_sum\(.* is bool$": "booleans are added as such",
    r"^scipy\.special\.(ndtri\(.* is (a|the) list.*|owens_t\(.* is complex)$": "as the functions beside them",
    r"^scipy\.special\.sph_harm_y\(": "degrees and orders are checked by their values",
    r"^scipy\.linalg\.(lu|hessenberg)\(": "stacks of matrices are taken, and nothing but matrices",
    r"^scipy\.signal\.\w+2d\(.* is not square$": "no input needs to be the smaller one",
    r"^scipy\.stats\..* is complex( matrix)?$": "a TypeError in all distributions",
    r"^scipy\.stats\.norm\.(isf|ppf)\(.* is (bool|integer)$": "integers become floats",
    r"^scipy\.stats\.truncnorm\.": "shapes are a matter of all arguments, before anything is computed",
}
DIFFERENCES = "|".join(DIFFERENT)


def of_sample(part: int) -> list[BadCall]:
    every = list(bad_calls())
    return random.Random(9).sample(every, min(COUNT or SAMPLE, len(every)))[part::PARTS]


def class_of(value: Any) -> str:
    return type(value).__name__ if isinstance(value, Exception) else "none"


def is_accident(error: Any) -> bool:
    """Whether JAX raises it by chance."""
    return isinstance(error, ACCIDENTS) or (isinstance(error, Exception) and bool(re.search(ACCIDENTAL, str(error))))


@pytest.mark.parametrize("part", range(PARTS))
def test_generated_wrong_calls(part):
    wrong = []
    for call, values, what in of_sample(part):
        expected, found = result(call, values, jax), result(call, values)
        is_class_open = is_accident(expected) and isinstance(found, TypeError | ValueError)
        text = f"{call}, where {what}"
        if class_of(found) != class_of(expected) and not is_class_open and not re.search(DIFFERENCES, text):
            wrong.append(f"{text}: {found!r}\nJAX: {expected!r}")
    assert not wrong, "\n".join(wrong)


def test_written_wrong_calls():
    for call in random.Random(9).sample(WRONG_CALLS, len(WRONG_CALLS) if COUNT else SAMPLE):
        assert class_of(result(call, {})) == class_of(result(call, {}, jax)) != "none", call


def test_there_is_a_call_for_every_difference():
    every = [f"{call}, where {what}" for call, _, what in bad_calls()]
    for text in DIFFERENT:
        assert any(re.search(text, call) for call in every), text


@pytest.mark.parametrize("case", lines("""
jnp.concatenate([1.0, v])
jnp.concatenate([v, 1.0])
jnp.concatenate([1.0, 2.0])
jnp.copy([1.0, 2.0])
jnp.copy(None)
jnp.from_dlpack([1.0, 2.0])
jnp.isin(v, v, method='no such word')
jnp.quantile(v, 0.5j)
jnp.nanpercentile(v, 50 + 0j)
jnp.take(v[:0], jnp.array([0]))
jnp.take(v[:0], jnp.array([], int))
jnp.ediff1d(v[:0])
jnp.ediff1d(v[:1])
jnp.ndim([[1.0, 2.0]])
jnp.shape([[1.0, 2.0]])
scipy.special.log_ndtr([0.5, 1.0])
scipy.special.ndtr([0.5, 1.0])
scipy.special.spence([0.5, 1.0])
scipy.special.log_ndtr([1, 2])
lax.dce_sink((x, 1.0))
lax.dce_sink('a')
lax.scaled_dot(x, x.T, preferred_element_type='float32')
lax.scaled_dot(x, x.T)
lax.scaled_dot(v, v)
lax.scaled_dot(x, x.T, lhs_scale=x[:, :2], preferred_element_type='float32')
lax.scaled_dot(x, x.T, lhs_scale=x[:, :2], rhs_scale=x.T[:2], preferred_element_type='float32')
lax.scaled_dot(x, x.T, lhs_scale=x[:, :3])
lax.scaled_dot(x, x.T, lhs_scale=x)
lax.scaled_dot(x[None], x.T[None], rhs_scale=x.T[None, :1], preferred_element_type='float16')
lax.scaled_dot(x, x, dimension_numbers=(((0, 1), (0, 1)), ((), ())), lhs_scale=x[:1, :2])
"""))
def test_agrees_with_jax(case):
    check(case)


@pytest.mark.parametrize(("call", "meaning"), [
    ("lax.add(x, 1)", "x + 1"),
    ("lax.max(1, x)", "jnp.maximum(1, x)"),
    ("lax.clamp(0, x, 1)", "jnp.clip(x, 0, 1)"),
    ("lax.pad(x, 0, [(1, 1, 0), (0, 0, 0)])", "jnp.pad(x, ((1, 1), (0, 0)))"),
    ("lax.cumsum(x, -1)", "jnp.cumsum(x, -1)"),
    ("lax.cumlogsumexp(x, axis=-1)", "lax.cumlogsumexp(x, axis=1)"),
    ("lax.argmax(x, -1, 'int32')", "jnp.argmax(x, -1)"),
])
def test_what_jax_refuses_and_sharp_bits_names(call, meaning):
    assert isinstance(result(call, {}, jax), TypeError | ValueError)
    np.testing.assert_array_equal(result(call, {}), result(meaning, {}), strict=True)


@pytest.mark.parametrize("use", [
    float, int, complex, bool, jnp.abs, jnp.rint, jnp.isreal, jnp.iscomplex, jnp.fft.rfftn, jnp.sum, jnp.sqrt,
    lambda key: key.item(), lambda key: key.tolist(), lambda key: jnp.argwhere(key[None]), np.asarray,
])  # fmt: skip
def test_random_keys_are_no_numbers(use):
    with pytest.raises(TypeError, match=r"random key|does not accept dtype key|key array"):
        use(cujax.random.key(0))
