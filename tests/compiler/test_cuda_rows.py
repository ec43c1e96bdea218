"""Maps that read rows elsewhere than at their own element: 16 bytes at a time on a device (emit_cuda_rows.py)."""

from __future__ import annotations

import numpy as np
import pytest
from programs import roll_step

import cujax
import cujax.numpy as jnp
from cujax import lax
from cujax.engine.ground.config import config


def drawn(*shape, dtype=np.float32):
    return np.random.default_rng(3).normal(size=shape).astype(dtype)


def nine_points(u):
    return sum(jnp.roll(u, (i, j), (0, 1)) * (i + 2 * j + 1) for i in (-1, 0, 1) for j in (-1, 0, 1))


def eleven_points(u):
    return sum(jnp.roll(u, j, -1) * (j + 1) for j in range(-5, 6))


def inner(u):
    """The inside of a stencil, written to an array of its own; the rows above and below lie as it does."""
    return u[2:, 4:-4] - u[1:-1, 4:-4] * 4 + u[:-2, 4:-4] + u[1:-1, 3:-5] + u[1:-1, 5:-3]


def steps(u):
    return lax.fori_loop(0, 5, lambda i, u: roll_step(u), u)


def two_results(x, y):
    return x * y, x - jnp.roll(x, 1, 1) + y


def mixed(x, y):
    return (jnp.roll(x, 1, 1) + x + y.astype(np.float32)) * 2


PACKED = {
    "a tile": (roll_step, drawn(40, 256)),
    "parts of tiles": (roll_step, drawn(37, 132)),
    "small": (roll_step, drawn(5, 8)),
    "in a loop": (steps, drawn(33, 128)),
    "of a stack": (cujax.vmap(roll_step), drawn(3, 33, 128)),
    "of a small stack": (cujax.vmap(roll_step), drawn(3, 5, 8)),
    "pairs": (roll_step, drawn(33, 64, dtype=np.float64)),
    "complex pairs": (roll_step, drawn(33, 64, dtype=np.complex64)),
    "nine points": (nine_points, drawn(36, 136)),
    "one axis": (eleven_points, drawn(4096)),
    "one axis, little more than what is read": (eleven_points, drawn(12)),
    "inside": (inner, drawn(40, 72)),
    "by columns": (lambda x, y, z: x * y + z[:, None], drawn(33, 64), drawn(64), drawn(33)),
    "by rows between": (lambda x, y: x * y[:, None, :], drawn(5, 7, 32), drawn(5, 32)),
    "reversed": (lambda x: x + x[:, ::-1], drawn(9, 64)),
    "at places": (lambda x, i: x[i] * 2, drawn(9, 64), np.array([3, -1, 0, 8, 3])),
    "at computed places": (lambda x, i: x[i // 2, 4:] - x[i, :-4], drawn(9, 64), np.array([3, 1, 0, 8, 3])),
    "two results": (two_results, drawn(33, 64), drawn(64)),
    "numbers": (lambda x: x + jnp.arange(64, dtype=np.float32) * jnp.roll(x, 1, 1), drawn(33, 64)),
    "mixed sizes": (mixed, drawn(33, 64), drawn(33, 64, dtype=np.float16)),
}  # fmt: skip
ALONE = {
    "odd rows": (roll_step, drawn(40, 254)),
    "across": (lambda x, y: x[:, :36] + y.T, drawn(33, 40), drawn(36, 33)),
    "every second": (lambda x: x[:, ::2] + 1, drawn(33, 64)),
    "borders": (lambda u: jnp.pad(u, 1)[:-2, 1:-1] + u, drawn(33, 64)),
    "halves": (roll_step, drawn(33, 64, dtype=np.float16)),
}


@pytest.mark.parametrize("name", [*PACKED, *ALONE])
def test_values(name):
    function, *args = {**PACKED, **ALONE}[name]
    with config.override("enable_x64", True):
        result = cujax.jit(function)(*args)
        with cujax.disable_jit():
            expected = function(*args)
    for ours, theirs in zip(cujax.tree.leaves(result), cujax.tree.leaves(expected), strict=True):
        half = theirs.dtype == np.float16
        np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=0, atol=0.02 if half else 2e-5)


@pytest.mark.parametrize("name", [*PACKED, *ALONE])
def test_what_is_taken_in_packs(name):
    function, *args = {**PACKED, **ALONE}[name]
    with config.override("enable_x64", True):
        text = cujax.jit(function).lower(*args).as_text("cuda")
    assert ("_pack_1" in text) == (name in PACKED)


def test_a_stencil_loads_five_times_for_four_elements():
    text = cujax.jit(roll_step).lower(drawn(64, 256)).as_text("cuda")
    assert text.count("load_pack") == 3 and text.count("x0[") == 2 and "tile" in text


def test_few_rows_make_no_tiles():
    assert "tile" not in cujax.jit(roll_step).lower(drawn(8, 4096)).as_text("cuda")
    assert "tile" not in cujax.jit(roll_step).lower(drawn(4096, 8)).as_text("cuda")
