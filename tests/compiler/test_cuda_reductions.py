"""Reductions and places along axes in kernels for a GPU, run on the emulator: packs, chunks, parts, quotients."""

from __future__ import annotations

import numpy as np
import pytest
from emulator import EmulatorTarget, emulated_backend, same_in_all_orders, why_not

import cujax
import cujax.numpy as jnp
from cujax.engine.compiler import generate
from cujax.engine.compiler.program import generated

pytestmark = pytest.mark.skipif(bool(why_not()), reason=str(why_not()))
LENGTHS = (0, 1, 3, 4, 5, 1023, 1027, 2**14 - 1, 2**14, 2**14 + 5, 50_001)


def kernels_of(function, *shapes):
    arguments = [cujax.ShapeDtypeStruct(s, np.float32) for s in shapes]
    return generated(cujax.make_jaxpr(function)(*arguments).tape, "cuda").kernels


def draw(*shape, dtype=np.float32):
    return (100 * np.random.default_rng(6).standard_normal(shape)).astype(dtype)


def several(np_, x):
    """Of a whole array, in one kernel."""
    found = (x * x + 1).sum(), x.sum()
    return (*found, x.max(), np_.argmax(x), np_.argmin(x)) if x.size else found


@pytest.mark.parametrize("dtype", ["float32", "int8", "int32"])
def test_whole_arrays_of_all_lengths(dtype):
    function = cujax.jit(lambda x: several(jnp, x))
    with emulated_backend():
        for length in LENGTHS:
            x = draw(length, dtype=dtype)
            expected = several(np, x.astype(np.float64) if dtype == "float32" else x.astype(np.int32))
            found = [np.asarray(r) for r in function(x)]
            if dtype == "int8":  # the square overflows, as it should
                expected, found = expected[2:], found[2:]
            for a, b in zip(found, expected, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-2, err_msg=str(length))


def test_a_whole_array_is_read_16_bytes_at_a_time_from_where_it_begins():
    (kernel,) = kernels_of(lambda x: (x + 1).sum(), (10**6,))
    assert "load_pack(x0 + pack * 4)" in kernel.text
    (kernel,) = kernels_of(lambda x: x[1:].sum(), (10**6,))
    assert "load_pack" not in kernel.text


@pytest.mark.parametrize(
    ("shape", "axes"),
    [((300, 70), 0), ((256, 3), 0), ((255, 3), 0), ((1000, 1), 0), ((40, 33, 5), (0, 1)), ((3, 600, 7), 1)],
)
def test_columns(shape, axes):
    function = cujax.jit(lambda x: ((2 * x).sum(axes), x.max(axes)))
    x = draw(*shape)
    with emulated_backend(EmulatorTarget(find_races=x.size < 2000)) as backend:
        found = same_in_all_orders(backend.kernels, lambda: [np.asarray(r) for r in function(x)])
    np.testing.assert_allclose(found[0], (2 * x.astype(np.float64)).sum(axes), rtol=1e-5, atol=1e-2)
    np.testing.assert_array_equal(found[1], x.max(axes))


def test_few_long_columns_are_divided_among_blocks():
    (few,), (many,), (short,) = (kernels_of(lambda x: x.sum(0), s) for s in ((2048, 70), (2048, 10**5), (200, 70)))
    assert few.calls[0].blocks == (1, 64) and few.calls[1].name.endswith("_join")
    assert len(many.calls) == len(short.calls) == 1


def pairs(np_, x):
    """The sums that the gradient of an energy of pairs needs: over rows and over columns of what is never written."""
    apart = x[None, :] - x[:, None]
    force = apart / (np_.abs(apart) + 1) ** 3
    return force.sum(1), force.sum(0)


def test_many_sums_share_the_memory_of_a_block():
    (kernel,) = kernels_of(lambda x: [jnp.sum(jnp.sin(x * k), 0) for k in range(30)] + [x.max(0)], (5000, 4))
    assert kernel.text.count("__shared__") == 2, "one for sums, one for the greatest"


def test_arrays_over_pairs_are_not_written():
    found = kernels_of(lambda x: pairs(jnp, x), (3000,))
    assert all(v.aval.size <= 3000 for kernel in found for v in kernel.writes)
    assert all("cj::i64 " not in k.text for k in kernels_of(lambda x: pairs(jnp, x), (100_000,)))
    x = draw(300)
    with emulated_backend():
        rows, columns = cujax.jit(lambda x: pairs(jnp, x))(x)
    for a, b in zip((rows, columns), pairs(np, x.astype(np.float64)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [(5, 7, 9), (2, 3, 2), (33, 2, 64), (1, 6, 5)])
def test_places_along_axes_without_divisions(shape):
    def stencil(np_, x):
        return x + np_.roll(x, 1, 0) * np_.roll(x, -1, 1) - np_.roll(x, 2, 2)

    assert all(" % " not in kernel.text for kernel in kernels_of(lambda x: stencil(jnp, x), shape))
    x = draw(*shape)
    with emulated_backend():
        found = np.asarray(cujax.jit(lambda x: stencil(jnp, x))(x))
    np.testing.assert_allclose(found, stencil(np, x.astype(np.float64)), rtol=1e-5, atol=1e-2)


# --- over pairs -------------------------------------------------------------------------------------------------------


def distances(x, y):
    apart = abs(x[:, None] - y)
    return apart.sum(1), apart.max(1)


def attraction(p, m):
    apart = p[None] - p[:, None]
    squared = (apart * apart).sum(-1) + 0.01
    return (apart * (m / (squared * jnp.sqrt(squared)))[..., None]).sum(1)


def of_three(a, b, y):
    """Two axes are kept."""
    return jnp.sin(a[:, None, None] * b[:, None] - y).sum(-1)


PAIRS = {
    "distances": (distances, (1027,), (50,)),
    "very many distances": (distances, (16_390,), (33,)),
    "attraction": (attraction, (1025, 3), (1025,)),
    "of three": (of_three, (33,), (32,), (70,)),
    "along the first axis": (lambda x, y: (x[:, None] * y).sum(0), (40,), (1030,)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_elements_that_are_reduced_side_by_side_have_the_bits_of_one_alone(name, monkeypatch):
    function, *shapes = PAIRS[name]
    (kernel,) = kernels_of(function, *shapes)
    assert "item + k <" in kernel.text
    args = [draw(*s) / 100 for s in shapes]
    with emulated_backend() as backend:
        run = cujax.jit(lambda *args: function(*args))
        found = same_in_all_orders(backend.kernels, lambda: cujax.tree.map(np.asarray, cujax.tree.leaves(run(*args))))
        if name != "along the first axis":  # alone, a thread would reduce it
            monkeypatch.setattr(generate, "pairs_kernel", lambda *_: None)
            alone = cujax.tree.leaves(cujax.jit(lambda *args: function(*args))(*args))
            assert [x.tobytes() for x in found] == [np.asarray(x).tobytes() for x in alone]
    expected = cujax.tree.leaves(function(*[a.astype(np.float64) for a in args]))
    for x, y in zip(found, expected, strict=True):
        np.testing.assert_allclose(x, np.asarray(y), rtol=1e-4, atol=1e-3)


def test_special_roots_and_quotients_are_those_of_one_alone(monkeypatch):
    """Zeros, numbers near the ends of the range, infinity and NaN, each of which a few of the pairs meet."""
    x, y, m = draw(1030), draw(70), np.abs(draw(70)) + 1
    x[:1000:100] = [0, -0.0, 1e-30, -1e-30, 1e30, 1e-40, 2e38, np.inf, -np.inf, np.nan]
    y[::9], m[:12:2] = 0, [0, -0.0, 1e-30, -1e30, 1e-40, 2e38]
    x[5], x[6] = y[1], y[2]

    def potentials(x, y, m):
        apart = abs(x[:, None] - y)
        return (m / jnp.sqrt(apart * apart)).sum(1), (m * jnp.sqrt(apart) ** -3).sum(1)

    (kernel,) = kernels_of(potentials, x.shape, y.shape, m.shape)
    assert kernel.text.count(", special)") == 4
    with emulated_backend():
        found = cujax.jit(lambda *args: potentials(*args))(x, y, m)
        monkeypatch.setattr(generate, "pairs_kernel", lambda *_: None)
        alone = cujax.jit(lambda *args: potentials(*args))(x, y, m)
    for a, b in zip(found, alone, strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
        assert 0 < np.isfinite(np.asarray(b)).sum() < len(x)


def test_roots_of_negative_subnormal_numbers_are_nan():
    x, y = np.ones(2048, np.float32), np.ones(64, np.float32)
    x[[3, 7, 11]] = -1e-40, -1.1754942e-38, -1e-45

    def roots(x, y):
        return jnp.sqrt(x[:, None] * y).sum(1)

    (kernel,) = kernels_of(roots, x.shape, y.shape)
    assert "cj::root(" in kernel.text
    with emulated_backend():
        found = np.asarray(cujax.jit(lambda x, y: roots(x, y))(x, y))
    assert np.flatnonzero(np.isnan(found)).tolist() == [3, 7, 11] and (found[:3] == 64).all()


def test_what_is_reduced_side_by_side():
    def side_by_side(function, *shapes):
        return ["item + k <" in kernel.text for kernel in kernels_of(function, *shapes)]

    assert side_by_side(distances, (1024,), (33,)) == [True]
    assert side_by_side(distances, (1023,), (33,)) == side_by_side(distances, (1024,), (32,)) == [False]
    (few,), (many,) = (kernels_of(attraction, (n, 3), (n,)) for n in (16_383, 16_384))
    assert "< 4; ++k" in few.text and "< 8; ++k" in many.text and "__launch_bounds__(256, 2)" in many.text
    assert side_by_side(lambda a, x: (a * x).sum(1), (2000, 50), (50,)) == [False]
    assert side_by_side(lambda a: (a * 2).sum(1), (2000, 50)) == [False]
