"""Convolutions against JAX over a grid of all arguments: values, gradients, second derivatives, batches."""

from __future__ import annotations

import itertools
from typing import Any

import jax
import numpy as np
import pytest
from jax import lax as jax_lax

import cujax
from cujax import lax
from cujax.engine.backends import numpy_library

RNG = np.random.default_rng(0)


def reals(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    values = RNG.uniform(-1, 1, shape)
    if np.dtype(dtype).kind == "c":
        values = values + 1j * RNG.uniform(-1, 1, shape)
    return values.astype(dtype)


def close(found: Any, expected: Any) -> None:
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.dtype == expected.dtype and found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5)


NHWC = ("NHWC", "HWIO", "NHWC")
GRID = [
    # shapes of lhs and rhs; arguments that differ from one stride and "VALID"
    ((2, 3, 7), (4, 3, 3), {}),
    ((2, 3), (4, 3), {}),
    ((2, 3, 8), (4, 3, 3), {"window_strides": (3,), "padding": "SAME"}),
    ((2, 3, 7), (4, 3, 4), {"window_strides": (2,), "padding": "SAME_LOWER"}),
    ((1, 2, 7), (3, 2, 2), {"padding": [(2, -1)], "lhs_dilation": (2,), "rhs_dilation": (3,)}),
    ((1, 2, 5), (3, 2, 2), {"padding": [(-1, -2)], "window_strides": (2,), "lhs_dilation": (3,)}),
    ((2, 4, 6), (6, 2, 3), {"feature_group_count": 2}),
    ((2, 4, 6), (8, 1, 3), {"feature_group_count": 4, "padding": "SAME", "window_strides": (2,)}),
    ((4, 3, 6), (6, 3, 3), {"batch_group_count": 2, "rhs_dilation": (2,)}),
    ((2, 3, 5, 6), (4, 3, 3, 2), {"window_strides": (2, 1), "padding": "SAME", "rhs_dilation": (1, 2)}),
    ((2, 5, 6, 3), (3, 2, 3, 4), {"dimension_numbers": NHWC, "padding": "SAME"}),
    ((2, 5, 6, 4), (3, 2, 2, 4), {"dimension_numbers": NHWC, "feature_group_count": 2}),
    ((5, 2, 3, 6), (3, 4, 3, 2), {"dimension_numbers": ("HNCW", "IOHW", "WHCN"), "padding": [(1, 0), (0, 1)]}),
    ((1, 2, 3, 4, 3), (2, 2, 2, 1, 2), {"window_strides": (1, 2, 1), "padding": "SAME"}),
    ((1, 3, 4, 3, 2), (2, 1, 2, 2, 2), {"dimension_numbers": ("NHWDC", "HWDIO", "NHWDC"), "padding": "SAME"}),
    ((1, 1, 3, 2, 3, 2), (1, 1, 2, 2, 2, 1), {"padding": [(1, 1)] * 4}),
]


def arguments(lhs: tuple, changed: dict[str, Any]) -> dict[str, Any]:
    return {"window_strides": (1,) * (len(lhs) - 2), "padding": "VALID", **changed}


def derivatives(library: Any, x: Any, y: Any, ct: Any, options: dict[str, Any]) -> tuple:
    """Value, both gradients, and both second derivatives (the vjp of the gradients at themselves)."""

    def convolve(x, y):
        return library.lax.conv_general_dilated(x, y, **options)

    def gradients(x, y):
        return library.vjp(convolve, x, y)[1](ct)

    first, again = library.vjp(gradients, x, y)
    return convolve(x, y), first, again(first)


@pytest.mark.parametrize(("lhs", "rhs", "changed"), GRID, ids=str)
def test_values_and_derivatives_are_jax_s(lhs, rhs, changed):
    options = arguments(lhs, changed)
    x, y = reals(*lhs), reals(*rhs)
    ct = reals(*jax.eval_shape(lambda x, y: jax_lax.conv_general_dilated(x, y, **options), x, y).shape)
    found = derivatives(cujax, x, y, ct, options)
    expected = jax.jit(lambda x, y, ct: derivatives(jax, x, y, ct, options))(x, y, ct)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        close(a, b)


@pytest.mark.parametrize(("lhs", "rhs", "changed"), GRID, ids=str)
def test_vmap_is_a_loop_without_a_loop(lhs, rhs, changed):
    options = arguments(lhs, changed)
    xs, ys = [reals(*lhs) for _ in range(3)], [reals(*rhs) for _ in range(3)]
    for dx, dy in itertools.product((None, 0, 1, len(lhs)), repeat=2):
        if dx is dy is None:
            continue
        x = xs[0] if dx is None else np.stack(xs, dx)
        y = ys[0] if dy is None else np.stack(ys, dy)
        found = cujax.vmap(lambda x, y: lax.conv_general_dilated(x, y, **options), in_axes=(dx, dy))(x, y)
        for k in range(3):
            x, y = xs[0 if dx is None else k], ys[0 if dy is None else k]
            close(found[k], lax.conv_general_dilated(x, y, **options))


def test_a_batch_of_no_convolutions():
    found = cujax.vmap(lambda x, y: lax.conv(x, y, (1,), "VALID"))(reals(0, 2, 4, 5), reals(0, 6, 4, 3))
    assert found.shape == (0, 2, 6, 3)


NOTHING = [
    ((0, 2, 4), (3, 2, 3)), ((2, 0, 4), (3, 0, 3)), ((2, 2, 0), (3, 2, 3)), ((2, 2, 4), (0, 2, 3)),
    ((1, 2, 2), (3, 2, 4)),
]


@pytest.mark.parametrize(("lhs", "rhs"), NOTHING)
def test_nothing_convolved_has_a_shape_and_zero_gradients(lhs, rhs):
    x, y = reals(*lhs), reals(*rhs)
    out, pull_back = cujax.vjp(lambda x, y: lax.conv(x, y, (1,), "VALID"), x, y)
    assert out.shape == jax_lax.conv(x, y, (1,), "VALID").shape
    for found, like in zip(pull_back(cujax.numpy.ones_like(out)), (x, y), strict=True):
        close(found, np.zeros_like(like))


# --- dtypes ---------------------------------------------------------------------------------------------

DTYPES = ["bool", "int8", "uint8", "int32", "uint32", "float16", "bfloat16", "float32", "complex64"]


@pytest.mark.parametrize("preferred", [None, *DTYPES])
def test_dtypes_and_preferred_element_types(preferred):
    for dtype in DTYPES:
        ours, theirs = (outcome_dtype(library, dtype, preferred) for library in (cujax, jax))
        assert ours == theirs, f"{dtype} {preferred}: {ours}, JAX has {theirs}"


def outcome_dtype(library: Any, dtype: str, preferred: str | None):
    x, y = (library.ShapeDtypeStruct(shape, dtype) for shape in ((1, 2, 4), (3, 2, 2)))
    preferred = preferred and (cujax.numpy.dtype(preferred))
    try:
        return str(library.eval_shape(
            lambda x, y: library.lax.conv(x, y, (1,), "VALID", preferred_element_type=preferred), x, y).dtype)
    except TypeError:
        return TypeError


@pytest.mark.parametrize(("dtype", "preferred"), [("float16", "float32"), ("bfloat16", None), ("int8", "int32"),
                                                  ("bool", None), ("complex64", None)])
def test_values_in_other_dtypes(dtype, preferred):
    dtype, preferred = cujax.numpy.dtype(dtype), preferred and np.dtype(preferred)
    x, y = (reals(*shape, dtype=np.complex64) * 3 for shape in ((2, 4, 7), (6, 4, 3)))
    x, y = (v.astype(dtype) if dtype.kind == "c" else v.real.astype(dtype) for v in (x, y))
    found = lax.conv(x, y, (1,), "SAME", preferred_element_type=preferred)
    expected = jax_lax.conv(x, y, (1,), "SAME", preferred_element_type=preferred)
    assert found.dtype == expected.dtype
    tolerance = {"float16": 2e-3, "bfloat16": 2e-2}.get(str(found.dtype), 1e-5)
    found, expected = (np.asarray(v).astype(complex) for v in (found, expected))
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def test_gradients_of_half_precision_have_its_dtype():
    x, y = reals(1, 2, 5).astype(np.float16), reals(3, 2, 3).astype(np.float16)
    out, pull_back = cujax.vjp(lambda x, y: lax.conv(x, y, (1,), "VALID", preferred_element_type=np.float32), x, y)
    assert out.dtype == np.float32
    assert [g.dtype for g in pull_back(out)] == [np.float16, np.float16]


# --- memory ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 200, 1000, 5000])
def test_blocks_of_columns_give_the_same_result(monkeypatch, limit):
    x, y = reals(3, 4, 6, 7), reals(4, 2, 3, 2)
    options = {"window_strides": (1, 2), "padding": "SAME", "feature_group_count": 2}
    whole = np.asarray(lax.conv_general_dilated(x, y, **options))
    monkeypatch.setattr(numpy_library, "workspace_bytes", lambda: limit)
    close(lax.conv_general_dilated(x, y, **options), whole)


# --- dimension numbers, padding, shapes -----------------------------------------------------------------


@pytest.mark.parametrize("names", [None, NHWC, ("NCWH", "OIHW", "NCHW"), ("WHNC", "IWOH", "CHWN")])
def test_dimension_numbers_print_as_jax_s(names):
    shape = (1, 2, 3, 4)
    ours, theirs = (m.conv_dimension_numbers(shape, shape, names) for m in (lax, jax_lax))
    assert str(ours) == str(theirs)
    if names:
        assert lax.conv_general_permutations(names) == jax_lax.conv_general_permutations(names)


def test_padding_by_words():
    for length, window, stride in itertools.product((0, 1, 5, 8), (1, 2, 3, 4), (1, 2, 3)):
        for word in ("SAME", "SAME_LOWER", "VALID", "same"):
            expected = jax_lax.padtype_to_pads((length,), (window,), (stride,), word)
            assert lax.padtype_to_pads((length,), (window,), (stride,), word) == expected


@pytest.mark.parametrize("padding", ["SAME", "VALID", [(1, 1), (0, 2)]])
def test_shape_functions(padding):
    given = ((2, 9, 7, 4), (3, 2, 4, 6), (2, 3), padding, NHWC)
    assert lax.conv_general_shape_tuple(*given) == jax_lax.conv_general_shape_tuple(*given)
    assert lax.conv_transpose_shape_tuple(*given) == jax_lax.conv_transpose_shape_tuple(*given)
    given = ((4, 4, 9, 7), (6, 4, 3, 2), (2, 3), padding, 2)
    assert lax.conv_shape_tuple(*given) == jax_lax.conv_shape_tuple(*given)


# --- other forms ----------------------------------------------------------------------------------------

TRANSPOSED = [
    {"strides": (stride,), "padding": padding, "use_consistent_padding": consistent}
    for stride in (1, 2, 4)
    for padding, consistent in (("SAME", False), ("VALID", False), ([(1, 2)], False), ([(1, 0)], True))
]


@pytest.mark.parametrize("window", [2, 3, 5])
def test_conv_transpose(window):
    x, y = reals(1, 5, 2), reals(window, 2, 3)

    def results(library, x, y):
        return [library.conv_transpose(x, y, **options) for options in TRANSPOSED]

    expected = jax.jit(lambda x, y: results(jax_lax, x, y))(x, y)
    for found, wanted in zip(results(lax, x, y), expected, strict=True):
        close(found, wanted)


FORMS = [
    ("conv_transpose", (1, 5, 4, 2), (3, 2, 3, 2), {"strides": (2, 3), "padding": "SAME", "transpose_kernel": True}),
    ("conv_transpose", (1, 5, 2), (3, 2, 3), {"strides": (2,), "padding": "SAME", "rhs_dilation": (2,)}),
    ("conv_transpose", (2, 3, 5), (3, 4, 3),
     {"strides": (2,), "padding": "VALID", "dimension_numbers": ("NCH", "IOH", "NCH")}),
    ("conv_transpose", (2, 2), (2, 3), {"strides": (), "padding": "SAME"}),
    ("conv", (2, 3, 5), (4, 3, 3), {"window_strides": (2,), "padding": "SAME"}),
    ("conv_with_general_padding", (2, 3, 5), (4, 3, 3),
     {"window_strides": (2,), "padding": [(1, 1)], "lhs_dilation": (2,), "rhs_dilation": None}),
    ("conv_general_dilated_local", (2, 5, 3), (4, 6, 7),
     {"window_strides": (1,), "padding": "VALID", "filter_shape": (2,), "dimension_numbers": ("NHC", "HIO", "NHC")}),
    ("conv_general_dilated_local", (2, 5, 6, 3), (4, 5, 12, 4),
     {"window_strides": (1, 1), "padding": "VALID", "filter_shape": (2, 2),
      "dimension_numbers": ("NHWC", "HWIO", "NCHW")}),
]


@pytest.mark.parametrize(("name", "lhs", "rhs", "options"), FORMS)
def test_other_forms(name, lhs, rhs, options):
    x, y = reals(*lhs), reals(*rhs)
    close(getattr(lax, name)(x, y, **options), getattr(jax_lax, name)(x, y, **options))


@pytest.mark.parametrize("names", [None, ("NHWC", "WHIO", "NCHW")])
def test_patches(names):
    x = reals(*((2, 3, 5, 4) if names is None else (2, 5, 4, 3)))
    given = ((2, 3), (1, 2), [(1, 1), (0, 1)], (2, 1), (1, 2), names)
    close(lax.conv_general_dilated_patches(x, *given), jax_lax.conv_general_dilated_patches(x, *given))


def test_the_transposed_convolution_is_the_gradient():
    """conv_transpose with transpose_kernel is the vjp of the strided convolution with the same kernel."""
    x, kernel = reals(1, 8, 2), reals(3, 2, 4)
    numbers = ("NHC", "HIO", "NHC")
    out, pull_back = cujax.vjp(
        lambda x: lax.conv_general_dilated(x, kernel, (2,), "SAME", dimension_numbers=numbers), x)
    close(lax.conv_transpose(out, kernel, (2,), "SAME", transpose_kernel=True), pull_back(out)[0])


# --- errors ---------------------------------------------------------------------------------------------

X, K = (2, 4, 9, 9), (6, 4, 3, 3)
WRONG = [
    # lhs, rhs, arguments, words that the text must contain
    (X, K, {"window_strides": (1,)}, ["window_strides", "2 spatial axes", "got 1"]),
    (X, K, {"window_strides": (0, 1)}, ["window_strides", "positive", "(0, 1)"]),
    (X, K, {"padding": [(0, 0)] * 3}, ["padding", "got 3"]),
    (X, K, {"padding": [(0, 0, 0)] * 2}, ["(low, high)"]),
    (X, K, {"padding": "FOO"}, ["'FOO'", "'SAME_LOWER'"]),
    (X, K, {"padding": [(-5, -6), (0, 0)]}, ["(-5, -6)", "(9, 9)"]),
    (X, K, {"lhs_dilation": (1,), "padding": [(0, 0)] * 2}, ["lhs_dilation", "got 1"]),
    (X, K, {"rhs_dilation": (1, 0)}, ["rhs_dilation", "(1, 0)"]),
    (X, K, {"lhs_dilation": (2, 2), "padding": "SAME"}, ["'SAME'", "lhs_dilation=(2, 2)", "lax.conv_transpose"]),
    (X, (6, 3, 3, 3), {}, ["lhs feature dimension (axis 1", "rhs input feature dimension (axis 1", "4 // 1 is not 3"]),
    (X, (5, 2, 3, 3), {"feature_group_count": 2}, ["feature_group_count", "rhs output feature", "2 does not divide 5"]),
    (X, (6, 2, 3, 3), {"feature_group_count": 3}, ["lhs feature dimension", "3 does not divide 4"]),
    (X, (5, 4, 3, 3), {"batch_group_count": 2}, ["rhs output feature dimension", "2 does not divide 5"]),
    (X, K, {"batch_group_count": 3}, ["lhs batch dimension (axis 0", "3 does not divide 2"]),
    (X, K, {"batch_group_count": 0}, ["batch_group_count must be a positive integer", "0"]),
    (X, K, {"feature_group_count": -1}, ["feature_group_count must be a positive integer", "-1"]),
    (X, (6, 2, 3, 3), {"batch_group_count": 2, "feature_group_count": 2}, ["at most one", "2 and 2"]),
    (X, (6, 4, 3), {}, ["(2, 4, 9, 9) (rank 4)", "(6, 4, 3) (rank 3)"]),
    (X, (6, 4, 0, 3), {}, ["kernel", "(6, 4, 0, 3)"]),
    (X, K, {"dimension_numbers": ("NCHW", "OIHW")}, ["three strings"]),
    (X, K, {"dimension_numbers": ("NCHW", "OIHW", "NCH")}, ["dimension_numbers[2]", "'NCH'"]),
    (X, K, {"dimension_numbers": ("NCHW", "OIHW", "NCHX")}, ["['H', 'X'] in 'NCHX'"]),
    (X, K, {"dimension_numbers": ("NCHH", "OIHW", "NCHW")}, ["dimension_numbers[0]", "twice", "'NCHH'"]),
    (X, K, {"dimension_numbers": ("NCHW", "XIHW", "NCHW")}, ["dimension_numbers[1]", "'O' and 'I'"]),
    (X, K, {"dimension_numbers": 5}, ["tuple or None"]),
    (X, K, {"precision": "much"}, ["precision must be", "'much'"]),
]


@pytest.mark.parametrize(("lhs", "rhs", "changed", "words"), WRONG, ids=str)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_errors_are_of_jax_s_class_and_name_what_is_wrong(lhs, rhs, changed, words):
    options = arguments(lhs, changed)
    raised = []
    for library in (lax, jax_lax):
        with pytest.raises((TypeError, ValueError, RuntimeError)) as caught:
            library.conv_general_dilated(np.ones(lhs, np.float32), np.ones(rhs, np.float32), **options)
        raised.append(caught)
    assert raised[0].type is raised[1].type
    for word in words:
        assert word in str(raised[0].value)


def test_dtypes_must_agree():
    with pytest.raises(TypeError, match=r"float32 for lhs and float16 for rhs.*astype"):
        lax.conv(reals(1, 1, 4), reals(1, 1, 2).astype(np.float16), (1,), "VALID")


def test_signals_without_batch_and_feature_are_sent_to_jnp():
    with pytest.raises(ValueError, match=r"jnp\.convolve"):
        lax.conv(reals(4), reals(2), (), "VALID")
