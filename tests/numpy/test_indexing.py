"""x[index] and x.at[index] against JAX and NumPy: random indices, then forms, modes, dtypes and errors."""

from __future__ import annotations

import warnings
from itertools import product

import jax
import jax.numpy as jjnp
import numpy as np
import pytest

import cujax
import cujax.numpy as jnp
from cujax import lax, ops
from cujax.engine.backends.select import selected
from cujax.engine.ground.dtypes import bfloat16

BASIC = ("int", "slice", "slice", "whole")
ANY = ("int", "slice", "whole", "scalar", "array", "numpy", "list", "mask")
UPDATES = ("set", "add", "subtract", "multiply", "divide", "min", "max")


class Both:
    """An array that becomes one of cujax, of JAX or of NumPy."""

    def __init__(self, values):
        self.values = np.asarray(values)

    def __repr__(self):
        return f"Both({self.values!r})"


def converted(index, make):
    """The index with each `Both` made an array by `make`."""
    items = [make(i.values) if isinstance(i, Both) else i for i in index]
    return items[0] if len(items) == 1 and not isinstance(items[0], list) else tuple(items)


def random_bound(rng, n):
    return None if rng.random() < 0.3 else int(rng.integers(-n - 2, n + 3))


def random_places(rng, n, shape, inside):
    low, high = (-n, n) if inside else (-n - 2, n + 2)
    return rng.integers(low, high, shape).astype(rng.choice(["int32", "int32", "int64", "int16"]))


def random_item(rng, n, kinds, inside, shapes):
    kind = rng.choice(kinds)
    if kind == "int":
        return int(random_places(rng, n, (), inside))
    if kind == "scalar":
        return Both(random_places(rng, n, (), inside).astype("int32"))
    if kind == "slice":
        step = (None, 1, 2, 3, -1, -2)[rng.integers(6)]
        return slice(random_bound(rng, n), random_bound(rng, n), step)
    if kind == "mask":
        return Both(rng.random(n) < 0.6)
    if kind == "whole":
        return slice(None)
    places = random_places(rng, n, shapes[rng.integers(len(shapes))], inside)
    return {"array": Both(places), "numpy": places, "list": places.tolist()}[kind]


def random_index(rng, shape, kinds, inside=False, shapes=((1,), (3,), (2, 1), (2, 3))):
    """An index of some axes of `shape`, with an Ellipsis or a None now and then."""
    count = rng.integers(0, len(shape) + 1)
    first = rng.integers(0, count + 1)
    axes = [*range(first), *range(len(shape) - (count - first), len(shape))]
    items = [random_item(rng, shape[a], kinds, inside, shapes) for a in axes]
    if rng.random() < 0.5 or axes != list(range(count)):
        items.insert(first, Ellipsis)
    if rng.random() < 0.25:
        items.insert(rng.integers(0, len(items) + 1), None)
    return tuple(items)


def random_case(seed, kinds, inside=False):
    rng = np.random.default_rng(seed)
    shape = tuple(int(d) for d in rng.integers(1, 5, rng.integers(1, 5)))
    x = rng.normal(size=shape).astype("float32")
    return rng, x, random_index(rng, shape, kinds, inside)


def outcome(function):
    """What a call returns, or the exception it raises."""
    try:
        return function(), None
    except Exception as error:
        return None, error


def same(found, expected, what=""):
    """Equal values, dtypes and shapes; or errors of which ours is of the Python class that JAX's is of."""
    (value, error), (jax_value, jax_error) = found, expected
    if jax_error is not None:
        base = next(c for c in type(jax_error).__mro__ if c.__module__ == "builtins")
        assert isinstance(error, base), f"{what}: JAX raises {jax_error!r}, found {value!r} {error!r}"
        return
    if error is not None:
        raise AssertionError(what) from error
    for a, b in zip(jax.tree.leaves([value]), jax.tree.leaves([jax_value]), strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert (a.shape, a.dtype) == (b.shape, b.dtype), what
        np.testing.assert_allclose(a, b, rtol=2e-6, atol=2e-6, err_msg=what)


# --- random indices -------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(200))
def test_random_reads_and_writes_inside_are_numpy_s(seed):
    rng, x, index = random_case(seed, BASIC if seed % 3 == 0 else ANY, inside=True)
    ours, theirs = converted(index, jnp.asarray), converted(index, np.asarray)
    expected = outcome(lambda: x[theirs])
    if isinstance(expected[1], IndexError):  # shapes that do not broadcast are a ValueError in JAX
        with pytest.raises(ValueError, match="broadcast"):
            jnp.asarray(x)[ours]
        return
    same(outcome(lambda: jnp.asarray(x)[ours]), expected, repr(index))
    values = rng.normal(size=expected[0].shape).astype("float32")
    copy = x.copy()
    np.add.at(copy, theirs, values)
    same(outcome(lambda: jnp.asarray(x).at[ours].add(values)), (copy, None), repr(index))


@pytest.mark.parametrize("seed", range(24))
def test_random_reads_and_writes_are_jax_s(seed):
    rng, x, index = random_case(1000 + seed, BASIC if seed % 3 == 0 else ANY)
    options = [{}, {}, {"mode": "clip"}, {"mode": "fill"}, {"wrap_negative_indices": False}][rng.integers(5)]
    ours, theirs = converted(index, jnp.asarray), converted(index, jjnp.asarray)
    what = f"{index} of {x.shape}, {options}"
    expected = outcome(lambda: jjnp.asarray(x).at[theirs].get(**options))
    same(outcome(lambda: jnp.asarray(x).at[ours].get(**options)), expected, what)
    if expected[1] is not None:
        return
    y = rng.normal(size=expected[0].shape).astype("float32")
    update = UPDATES[seed % len(UPDATES)]
    same(
        outcome(lambda: getattr(jnp.asarray(x).at[ours], update)(y, **options)),
        outcome(lambda: getattr(jjnp.asarray(x).at[theirs], update)(y, **options)), f"{update} at {what}",
    )


@pytest.mark.parametrize("seed", range(8))
def test_gradients_of_random_reads_and_writes_are_jax_s(seed):
    rng, x, index = random_case(2000 + seed, BASIC if seed % 4 == 0 else ANY)
    ours, theirs = converted(index, jnp.asarray), converted(index, jjnp.asarray)
    read, error = outcome(lambda: jjnp.asarray(x).at[theirs].get(mode="clip"))
    if error is not None:
        return
    y = rng.normal(size=read.shape).astype("float32")
    weights = rng.normal(size=x.shape).astype("float32")
    update = ("set", "add", "subtract")[seed % 3]

    def loss(x, y, index):
        written = getattr(x.at[index], update)(y)
        return (written * weights).sum() + (x.at[index].get(mode="clip") * y).sum()

    found = outcome(lambda: cujax.grad(lambda x, y: loss(x, y, ours), (0, 1))(jnp.asarray(x), jnp.asarray(y)))
    expected = outcome(
        lambda: jax.grad(lambda x, y: loss(x, y, theirs), (0, 1))(jjnp.asarray(x), jjnp.asarray(y)))
    same(found, expected, f"{update} at {index} of {x.shape}")


# --- forms and errors -----------------------------------------------------------------------------------

FORMS = [
    "x[100]", "x[-100]", "x[jnp.array(100)]", "x[jnp.array([100, -100, 3])]", "x[np.array([100, -100])]",
    "x.at[100].get(mode='fill')", "x.at[100].get(mode='fill', fill_value=7)", "x.at[100].get(fill_value=7)",
    "x.at[-1].get(wrap_negative_indices=False)", "x.at[100].set(5)", "x.at[-100].set(5)",
    "x.at[100].set(5, mode='clip')", "x.at[100].multiply(2)", "x.at[100].multiply(2, mode='clip')",
    "x.at[100].set(5, mode='promise_in_bounds')", "x.at[100].apply(jnp.sin)", "x.at[0].set(1, mode='bad')",
    "jnp.arange(3).at[5].get(mode='fill')", "jnp.arange(3, dtype='uint8').at[5].get(mode='fill')",
    "jnp.array([True]).at[5].get(mode='fill')", "(x + 0j).at[50].get(mode='fill')",
    "jnp.arange(3).at[20].get(fill_value=2.7, mode='fill')",
    "jnp.arange(3, dtype='uint8').at[20].get(fill_value=-1, mode='fill')",

    "x.at[9].get(fill_value=np.ones(2), mode='fill')", "x[True]", "x[False]", "X[True, :, 0]", "X[:, True]",
    "x[np.array(True)]", "x[jnp.array(False)]", "x[()]", "x[...]", "x[None, 2]", "jnp.float32(3)[None]",
    "jnp.float32(3)[...]", "jnp.float32(3)[0]", "X[(1, 2)]", "X[[1, 2],]", "X[[1, 2], [0, 3]]", "X[([],)]",
    "X[([True, False, True],)]", "X[((0, 1), 0)]", "x[[1, 2]]", "x[[]]", "x[range(3)]", "x['a']", "x[1.0]",
    "x[1j]", "x[np.float32(1)]", "x[jnp.array([1.])]", "x[{}]", "x[object()]", "x[1, 2]", "X[..., 0, 1, 2]",
    "X[..., ...]", "x[::0]", "x[1.0:]", "x[2**40]", "x[np.array([])]", "x[jnp.array([True, False])]",
    "X[np.zeros((2, 2), bool)]", "x[x > 5]", "X[X > 5]", "X[jnp.array([0, 1]), jnp.array([0, 1, 2])]",
    "X[np.array([True, False, True]), np.array([0, 1])]", "x[jnp.int32(2):]", "x[np.int64(2):np.int32(5)]",
    "x[jnp.uint8(3)]", "X[jnp.array([0, 1], 'uint8')]", "jnp.zeros((0,))[0]",
    "jnp.zeros((0,))[jnp.array([0])]", "jnp.zeros((0,)).at[0].set(1.)",
    "jnp.zeros((0, 3))[jnp.zeros((0,), int)]", "jnp.zeros((0,)).at[jnp.array([0])].set(1.)",
    "jax.jit(lambda i: x[i:5])(2)", "jax.jit(lambda x: x[x > 5])(x)",
    "jax.jit(lambda x: x.at[x > 5].set(0))(x)", "jax.jit(lambda b: X[b])(True)",
    "jax.jit(lambda i: X[i, 1:3])(-1)", "jax.jit(lambda i: X[:, i])(7)",
    "jax.jit(lambda i, j: X[i, ::2][j])(1, 1)", "jax.jit(lambda i: X[i, jnp.array([0, 1])])(1)",
    "jax.jit(lambda i: X.at[i, 1:3].add(1.))(-1)", "jax.jit(lambda i: X.at[i].set(0.))(9)",
    "jax.jit(lambda i: X.at[i].set(0., mode='clip'))(9)", "jax.jit(lambda i, j: X.at[j, i].min(-1.))(1, 2)",
    "jax.vmap(lambda x, i: x[i])(X, jnp.array([0, -1, 7]))",
    "jax.vmap(lambda x, i: x.at[i].set(0.))(X, jnp.array([0, -1, 7]))",
    "jax.vmap(lambda i: x.at[i].add(1.))(jnp.array([[0, 0], [1, 20]]))",
    "jax.vmap(lambda x, i: x[i, ::2], (0, None))(jnp.arange(24.).reshape(2, 3, 4), jnp.array([2, 0]))",
    "x.at[jnp.array([1, 1, 1])].set(jnp.array([1., 2., 3.]))", "x.at[jnp.array([1, 1, 2])].add(1)",
    "x.at[jnp.array([1, 1, 2])].multiply(2)", "x.at[jnp.array([1, 1, 2])].divide(2)",
    "x.at[jnp.array([1, 1, 2])].power(2)", "x.at[jnp.array([1, 1, 20])].apply(lambda v: v + 1)",
    "X.at[::2, 1].apply(lambda v: v * 2)",
    "X.at[jnp.array([0, 0])].apply(lambda v: jnp.full_like(v, v.ndim))", "x.at[True].set(1.)",
    "x.at[False].set(1.)", "x.at[None, 2].set(jnp.ones(1))", "x.at[x > 5].set(0)",
    "x.at[x > 5].set(jnp.ones(4))", "X.at[::-1, ::-2].set(jnp.arange(6.).reshape(3, 2))",
    "x.at[:].set(jnp.ones(3))", "x.at[0].set(jnp.ones(1))", "x.at[:2].set(jnp.ones((1, 2)))",
    "x.at[20].set(jnp.ones(3))", "x.at[:2].set([1., 2.])", "x.at[0].set(None)", "x.at[[1, 2]].set(0)",
    "x.at[::0].set(0)", "jnp.array([True, False]).at[0].add(True)",
    "jnp.array([True, True]).at[0].min(False)", "jnp.array([1, 2], 'uint8').at[0].subtract(2)",
    "jnp.array([1, 2], 'uint8').at[0].set(300)", "jnp.arange(3).at[0].divide(2)",
    "jnp.arange(3).at[0].power(2)", "x.at[0].set(np.float64(1.5))",
    "jnp.array([5, 5], 'int8').at[1].add(300)", "x.at[0].subtract(np.uint8(2))",
]


def test_many_ones_of_bfloat16_are_added_in_one_place():
    """A GPU adds in float32 and rounds the sum; on the CPU each sum is rounded, as JAX's are, and 256 + 1 is 256."""
    values = [np.zeros(2, bfloat16), np.ones(600, bfloat16)]
    found, expected = (np_.asarray(values[0]).at[np.zeros(600, int)].add(values[1]) for np_ in (jnp, jjnp))
    if selected().platform == "gpu":
        expected = np.array([600, 0], bfloat16)
    np.testing.assert_array_equal(np.asarray(found), np.asarray(expected), strict=True)


@pytest.mark.parametrize("form", FORMS)
def test_a_form_does_what_jax_does(form):
    def evaluate(library, numpy):
        x = numpy.arange(10.0)
        names = {"jnp": numpy, "jax": library, "np": np, "x": x, "X": numpy.arange(12.0).reshape(3, 4)}
        return outcome(lambda: eval(form, names))

    same(evaluate(cujax, jnp), evaluate(jax, jjnp), form)


@pytest.mark.parametrize("form", [
    "jnp.arange(3).at[0].set(1.5)", "jnp.arange(3).at[jnp.array([0, 0])].add(0.5)",
    "jnp.arange(3).at[0].multiply(1.5)", "jnp.array([5, 5], 'int8').at[1].add(jnp.int32(300))",
    "jnp.array([5, 5], 'float16').at[1].add(jnp.float32(3))", "jnp.array([True, False]).at[0].max(5)",
    "jnp.array([5, 5]).at[1].divide(2.5)",
])
def test_lossy_updates_warn_and_convert_as_in_jax(form):
    with pytest.warns(FutureWarning, match="cannot safely cast"):
        found = eval(form, {"jnp": jnp})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        same((found, None), (eval(form, {"jnp": jjnp}), None), form)


@pytest.mark.parametrize("form", [
    "w[0]", "w[jnp.array([0])]", "w.at[0].set(1.)", "w.at[0].set(jnp.float32(1))", "w.at[0].add(1.)",
    "jnp.ones(3).at[0].set(1.)", "w.at[0].divide(2.)", "jnp.arange(3).at[0].divide(2)",
    "w.at[jnp.array([0])].add(jnp.float32(1))", "jnp.ones(3).at[jnp.int32(0)].set(1.)",
])
def test_weak_types_are_jax_s(form):
    found = eval(form, {"jnp": jnp, "w": lax.broadcast(1.0, (3,))})
    expected = eval(form, {"jnp": jjnp, "w": jax.lax.broadcast(1.0, (3,))})
    assert found.weak_type == expected.weak_type


def test_64_bits(x64):
    x = np.arange(6.0).reshape(2, 3)
    for index in ((Both([1, 0]),), (Both(np.int64(-1)), slice(1, 3)), (1, Both([0, 0, 2]))):
        ours, theirs = converted(index, jnp.asarray), converted(index, jjnp.asarray)
        same((jnp.asarray(x)[ours], None), (jjnp.asarray(x)[theirs], None))
        same((jnp.asarray(x).at[ours].add(0.5), None), (jjnp.asarray(x).at[theirs].add(0.5), None))


def test_narrow_index_dtypes_reach_the_end_of_long_axes():
    x = jnp.arange(300)
    assert x[jnp.array([-1, -128], "int8")].tolist() == [299, 172]
    assert int(x[jnp.int8(-1)]) == 299
    assert int(x.at[jnp.array([-1], "int8")].set(0)[299]) == 0


def test_keys_are_indexed_like_numbers():
    keys = cujax.random.split(cujax.random.key(0), 4)
    data = np.asarray(cujax.random.key_data(keys))
    for index in (1, slice(None, None, -2), Both([3, 0]), Both(2), data[:, 0] > 0):
        found = cujax.random.key_data(keys[converted((index,), jnp.asarray)])
        np.testing.assert_array_equal(found, data[converted((index,), np.asarray)])
    written = keys.at[0].set(cujax.random.key(7))
    assert cujax.random.key_data(written)[0].tolist() == [0, 7]
    assert cujax.random.key_data(keys.at[9].get(mode="fill")).tolist() == [2**32 - 1] * 2
    with pytest.raises(TypeError, match="cannot write"):
        keys.at[0].set(1)


# --- error texts ----------------------------------------------------------------------------------------


def test_a_traced_mask_names_the_argument_and_the_repair():
    @cujax.jit
    def positives(speeds):
        return speeds[speeds > 0]

    with pytest.raises(cujax.errors.NonConcreteBooleanIndexError) as caught:
        positives(jnp.arange(3.0))
    text = str(caught.value)
    assert "bool[3]" in text and "jnp.where(mask, x, 0)" in text and "positives" in text


def test_a_traced_slice_bound_names_the_axis_and_the_repair():
    with pytest.raises(IndexError, match=r"at axis 1.*lax.dynamic_slice_in_dim"):
        cujax.jit(lambda x, i: x[:, :i])(jnp.ones((2, 3)), 2)


def test_a_list_says_what_to_write():
    with pytest.raises(TypeError, match=r"write x\[jnp.array\(index\)\]"):
        jnp.arange(3)[[0, 1]]


# --- what an index becomes --------------------------------------------------------------------------------


def primitives(function, *args):
    return [e.primitive.name for e in cujax.make_jaxpr(function)(*args).eqns]


def test_known_indices_become_slices():
    x = jnp.ones((4, 5))
    assert primitives(lambda x: x[1:-1, 2], x) == ["slice", "squeeze"]
    assert primitives(lambda x: x[::-1], x) == ["slice", "rev"] or primitives(lambda x: x[::-1], x) == ["rev"]
    assert primitives(lambda x: x[None, ...], x) == ["broadcast_in_dim"]
    assert primitives(lambda x: x[:, :], x) == []
    assert primitives(lambda x, y: x.at[1:-1, ::2].set(y), x, jnp.ones((2, 3))) == ["update_slice"]
    assert primitives(lambda x, y: x.at[1:-1].add(y), x, jnp.ones((2, 5))) == ["add_slice"]
    assert primitives(lambda x, i: x[i], x, 2) == ["dynamic_slice", "squeeze"]


# --- segments and updates by functions --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["segment_sum", "segment_prod", "segment_max", "segment_min"])
@pytest.mark.parametrize("options", [
    {}, {"num_segments": 3}, {"num_segments": 7, "bucket_size": 3}, {"num_segments": 4, "mode": "clip"},
], ids=str)
def test_segments_are_jax_s(name, options):
    ids = np.array([0, 0, 1, 1, 1, -1, -1, 5, 5, 2])
    for data in (np.arange(10.0, dtype="float32"), np.arange(20).reshape(10, 2), np.arange(10) > 3):
        if data.dtype == bool and name in ("segment_sum", "segment_prod"):
            continue
        found = getattr(ops, name)(jnp.asarray(data), jnp.asarray(ids), **options)
        same((found, None), (getattr(jax.ops, name)(jjnp.asarray(data), jjnp.asarray(ids), **options), None))


def test_segments_ask_for_their_number_under_jit():
    with pytest.raises(cujax.errors.ConcretizationTypeError, match="num_segments=n"):
        cujax.jit(ops.segment_sum)(jnp.ones(3), jnp.zeros(3, int))
    with pytest.raises(ValueError, match="non-negative"):
        ops.segment_sum(jnp.ones(3), jnp.zeros(3, int), -1)


def test_updates_by_functions_are_those_of_at():
    x = jnp.zeros((3, 3))
    assert ops.index_update(x, ops.index[1, :], 1.0).tolist() == x.at[1, :].set(1.0).tolist()
    assert ops.index_add(x, ops.index[::2, 1:], 2.0).tolist() == x.at[::2, 1:].add(2.0).tolist()
    assert ops.index_mul(x + 1, (0, 0), 3.0).tolist() == (x + 1).at[0, 0].multiply(3.0).tolist()
    assert ops.index_min(x, jnp.array([0, 0]), -1.0).tolist() == x.at[0].min(-1.0).tolist()
    assert ops.index_max(x, x > -1, 5.0).tolist() == jnp.full((3, 3), 5.0).tolist()


def test_scatter_apply_is_jax_s():
    indices = np.array([[1], [1], [3], [9]])

    def applied(library, numpy):
        numbers = library.ScatterDimensionNumbers((), (0,), (0,))
        x, places = numpy.arange(4.0), numpy.asarray(indices)
        return library.scatter_apply(x, places, numpy.sin, numbers, update_shape=(4,))

    same((applied(lax, jnp), None), (applied(jax.lax, jjnp), None))
    with pytest.raises(ValueError, match="dtype float32"):
        jnp.arange(3.0).at[0].apply(lambda v: v > 1)


def test_apply_to_distinct_places_has_derivatives():
    gradient = cujax.grad(lambda x: x.at[1:].apply(jnp.sin).sum())(jnp.arange(3.0))
    np.testing.assert_allclose(gradient, [1, np.cos(1), np.cos(2)], rtol=1e-6)


ITEMS = (slice(None), slice(1, None), 0, np.array([0, 1]), None, Ellipsis)


@pytest.mark.parametrize("first", ITEMS, ids=str)
def test_axes_stand_where_numpy_puts_them(first):
    """Also where an Ellipsis between arrays stands for no axis."""
    x = np.arange(60.0, dtype=np.float32).reshape(5, 3, 4)
    for index in [(first, *rest) for length in range(4) for rest in product(ITEMS, repeat=length)]:
        axes = sum(i is not None and i is not Ellipsis for i in index)
        if sum(i is Ellipsis for i in index) > 1 or axes > x.ndim:
            continue
        changed = x.copy()
        changed[index] += 1
        np.testing.assert_array_equal(jnp.asarray(x)[index], x[index], str(index))
        np.testing.assert_array_equal(jnp.asarray(x).at[index].add(1), changed, str(index))
