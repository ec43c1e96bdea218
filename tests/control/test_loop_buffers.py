"""Buffers of loops that run on the host: rows are written where they are stacked, carries are changed in place.

Loops outside `jit` run on the host whatever their body is.
"""

from __future__ import annotations

import jax
import numpy as np
import pytest
from by_hand import address, buffers, overlap, values
from emulator import why_not
from emulator.backend import emulated_backend

import cujax
import cujax.numpy as jnp
from cujax import lax
from cujax.engine.backends.kernel_errors import KernelCompileError
from cujax.engine.backends.select import selected
from cujax.engine.compiler import program as programs
from cujax.engine.compiler.loop_body import LoopBody
from cujax.engine.compiler.loop_plan import LoopPlan
from cujax.engine.control.rows import empty_rows, readable_rows

needs_kernels = pytest.mark.skipif(selected().kernels is None, reason="programs run op by op: nothing is in place")
on_device = pytest.mark.skipif(why_not() is not None, reason="the emulator does not run here")

LIBRARIES = ((cujax, jnp), (jax, jax.numpy))


def leapfrog(lib, np_, x, xs):
    def step(carry, _):
        p, v = carry
        v = v - 0.1 * p
        p = p + 0.1 * v
        return (p, v), (p, (p * p).sum(), v[::-1])

    return lib.lax.scan(step, (x, x * 0), xs)


def kinds_of_rows(lib, np_, x, xs):
    """A carry, an x, a constant, a literal, one value twice, the carry before, views, results of libraries."""

    def step(c, x):
        new = c * 0.5 + x
        return new, (new, x, held, 1.5, new + 1, new + 1, c, c[::-1], np_.sort(c), c.reshape(1, -1), np_.cumsum(c * x))

    held = x + 3
    return lib.lax.scan(step, x, xs)


def dtypes_of_rows(lib, np_, x, xs):
    def step(c, x):
        more = [(c * 7).astype(d) for d in ("int8", "bool", "float16", "bfloat16", "int32", "complex64")]
        return c + x, (*more, c[:0], x.sum() > 1, np_.argmax(c), x[0] * 1j)

    return lib.lax.scan(step, x, xs)


def rows_that_are_updates(lib, np_, x, xs):
    def step(c, x):
        y = np_.sin(c)
        return c.at[1].add(x[0]), (y.at[2:].set(0.0), c.at[0].set(x[1]), np_.where(x > 0, y, c))

    return lib.lax.scan(step, x, xs)


def rows_of_loops_and_branches(lib, np_, x, xs):
    def step(c, x):
        inner = lib.lax.scan(lambda a, b: (a + b, (a * b, b)), c, np_.stack([x, x * 2]))
        either = lib.lax.cond(x[0] > 0.5, lambda v: v, lambda v: v * 2, c)
        return inner[0] / 4, (inner[1], either, inner[0])

    return lib.lax.scan(step, x, xs)


def carries_exchanged(lib, np_, x, xs):
    def step(carry, x):
        a, b, c = carry
        return (b, a + x, a), (a, c)

    return lib.lax.scan(step, (x, x, x * 2), xs)


def rows_that_another_carry_could_take(lib, np_, x, xs):
    def step(carry, x):
        a, b = carry
        new = a + x
        return (new, a * 2), (new, b + 1)

    return lib.lax.scan(step, (x, x), xs)


CASES = {f.__name__: f for f in (
    leapfrog, kinds_of_rows, dtypes_of_rows, rows_that_are_updates, rows_of_loops_and_branches, carries_exchanged,
    rows_that_another_carry_could_take,
)}
by_case = pytest.mark.parametrize("name", CASES)
by_size = pytest.mark.parametrize("size", [3, 5, 8])  # rows of float32 of 12, 20 and 32 bytes
SMALL_FLOATS = ("float16", "bfloat16")


def compare(name, size, length, wrap=lambda f: f):
    rng = np.random.default_rng(length)
    x, xs = rng.random(size).astype(np.float32), rng.random((length, size)).astype(np.float32)
    found, expected = (
        [np.array(leaf) for leaf in lib.tree_util.tree_leaves(f(lib, np_, np_.asarray(x), np_.asarray(xs)))]
        for (lib, np_), f in zip(LIBRARIES, (wrap(CASES[name]), CASES[name]), strict=True)
    )
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape
        rtol = 1e-2 if a.dtype.name in SMALL_FLOATS else 1e-5
        np.testing.assert_allclose(a.astype(np.complex128), b.astype(np.complex128), rtol=rtol, atol=rtol)


@by_size
@pytest.mark.parametrize("length", [0, 1, 4])
@by_case
def test_values(name, size, length):
    compare(name, size, length)


@by_case
def test_values_under_jit(name):
    compare(name, 5, 3, lambda f: lambda lib, np_, *args: cujax.jit(lambda *args: f(lib, np_, *args))(*args))


@on_device
@by_size
@by_case
def test_values_on_the_device(name, size):
    with emulated_backend():
        compare(name, size, 3)


# --- rows -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["bool", "float16", "float32", "complex128"])
@pytest.mark.parametrize("shape", [(), (3,), (5,), (4, 2), (0,), (1, 1)])
def test_rows_begin_where_kernels_may_write(shape, dtype, monkeypatch):
    dtype = np.dtype(dtype)
    for alignment in (1, 16):
        monkeypatch.setattr(selected(), "alignment", alignment, raising=False)
        rows = empty_rows(3, shape, dtype)
        assert rows.shape == (3, *shape) and rows.dtype == dtype
        for i in range(3):
            row = rows[i, ...]
            row[...] = i
            assert selected().contiguous(row) is row
            assert address(row) % alignment == 0 or not row.size
        expected = np.broadcast_to(np.arange(3).reshape(-1, *[1] * len(shape)), rows.shape).astype(dtype)
        whole = selected().contiguous(rows)
        assert whole.flags.c_contiguous
        np.testing.assert_array_equal(values(whole), expected)
        np.testing.assert_array_equal(values(readable_rows(whole)), expected)


def test_rows_are_not_copied_where_they_can_be_read(monkeypatch):
    monkeypatch.setattr(selected(), "alignment", 16, raising=False)
    for shape in ((9, 4), (9,), (9, 3)):  # whole units, or smaller than one
        (x,) = buffers(np.zeros(shape, np.float32))
        assert readable_rows(x) is x
    assert readable_rows(*buffers(np.zeros((9, 5), np.float32))).strides == (32, 4)


@needs_kernels
def test_prepared_loops_get_rows_where_kernels_may_read(monkeypatch):
    """Of 1001 numbers of 4 bytes, whose rows would begin anywhere."""
    monkeypatch.setattr(selected(), "alignment", 16, raising=False)
    seen, run = [], LoopPlan.run

    def spied(self, consts, carry, rows, *args):
        seen.extend(address(row[i, ...]) % 16 for row in rows for i in range(len(row)))
        return run(self, consts, carry, rows, *args)

    monkeypatch.setattr(LoopPlan, "run", spied)
    c, xs = np.ones(1001, np.float32), np.random.default_rng(0).uniform(0, 1, (20, 1001)).astype(np.float32)

    def sums(np_, c, x):
        y = (x * c).sum()
        return np_.roll(c, 1) * 0.5 + y / 1001, y

    found = cujax.jit(lambda c, xs: lax.scan(lambda c, x: sums(jnp, c, x), c, xs))(c, xs)
    expected = []
    for x in xs:
        c, y = sums(np, c, x)
        expected.append(y)
    np.testing.assert_allclose(found[1], expected, rtol=1e-5)
    np.testing.assert_allclose(found[0], c, rtol=1e-5)
    assert len(seen) >= 20 and not any(seen[:20])


def body_of(step, *avals, num_carry=1):
    return LoopBody(cujax.make_jaxpr(step)(*avals).tape, 0, num_carry)


@pytest.mark.parametrize("step", [
    lambda c, x: (c + x, c * x), lambda c, x: (c + x, c + x), lambda c, x: (x, (c * x).cumsum()), lambda c, x: (c, c),
    lambda c, x: (c, jnp.sort(x)), lambda c, x: (c, c.at[3].set(x[0])),
])
def test_a_program_writes_into_the_buffers_that_it_is_given(step):
    c, x, place = np.arange(1600.0, dtype=np.float32), np.ones(1600, np.float32), np.full(1600, np.nan, np.float32)
    given = buffers(c, x, place)
    carry, y = body_of(step, c, x).program()(given)
    assert y is given[2]
    expected = step(jnp.arange(1600.0), jnp.ones(1600))
    np.testing.assert_array_equal(values(carry), expected[0])
    np.testing.assert_array_equal(values(y), expected[1])


@needs_kernels
def test_kernels_write_rows_themselves(monkeypatch):
    """No copy is made at the end of a step, and none of what is both carry and row."""
    monkeypatch.setattr(programs, "_copying", lambda copies, xp: pytest.fail("a row is copied"))
    body_of(lambda c, x: (c + x, c * x), np.ones(300), np.ones(300)).program()
    body_of(lambda c, x: (c + x, c + x), np.ones(300), np.ones(300)).program()
    body_of(lambda c, x: (c + x, (c * x).sum()), np.ones(300), np.ones(300)).program()
    body_of(lambda c, x: (c + x, c.at[1:4].set(x[1:4])), np.ones(300), np.ones(300)).program()


def test_the_last_carry_does_not_hold_on_to_the_rows():
    last, rows = lax.scan(lambda c, x: (c + x, c + x), jnp.zeros(300), jnp.ones((4, 300)))
    assert not overlap(last.buffer, rows.buffer)
    np.testing.assert_array_equal(last, np.full(300, 4.0))
    np.testing.assert_array_equal(rows[-1], last)


# --- carries ----------------------------------------------------------------------------------------------------

SIDE = 140  # more than is copied


def moved(u):
    """In place, but for a library's part in it."""
    return u / 2 + jnp.sort(u.sum(0)) / SIDE


@pytest.fixture
def copies(monkeypatch):
    """The shapes of the buffers that are copied."""
    made = []
    copy = type(selected()).copy
    monkeypatch.setattr(type(selected()), "copy", lambda self, b: made.append(b.shape) or copy(self, b))
    return made


def emulated(function):
    """The function, run on the emulated device."""

    def run():
        with emulated_backend():
            return function()

    return run


def grid():
    return np.random.default_rng(0).random((SIDE, SIDE)).astype(np.float32)


def repeated(function, u, count):
    for _ in range(count):
        u = function(u)
    return u


LOOPS = {
    "fori": lambda f, u, n: lax.fori_loop(0, n, lambda i, u: f(u), u),
    "scan": lambda f, u, n: lax.scan(lambda u, _: (f(u), None), u, None, length=n)[0],
    "while": lambda f, u, n: lax.while_loop(lambda c: c[0] < n, lambda c: (c[0] + 1, f(c[1])), (0, u))[1],
}
by_loop = pytest.mark.parametrize("kind", LOOPS)


@needs_kernels
@by_loop
def test_a_carry_that_a_kernel_has_made_is_not_copied(kind, copies):
    u = grid()
    found = cujax.jit(lambda u: LOOPS[kind](moved, jnp.sin(u), 5))(u)
    np.testing.assert_allclose(found, repeated(moved, jnp.sin(u), 5), rtol=1e-4, atol=1e-5)
    assert (SIDE, SIDE) not in copies


@needs_kernels
@by_loop
def test_an_argument_is_copied_once(kind, copies):
    u = jnp.asarray(grid())
    found = cujax.jit(lambda u: LOOPS[kind](moved, u, 5))(u)
    assert copies.count((SIDE, SIDE)) == 1
    np.testing.assert_array_equal(u, grid())
    np.testing.assert_allclose(found, repeated(moved, u, 5), rtol=1e-4, atol=1e-5)


@needs_kernels
@by_loop
def test_a_donated_argument_is_overwritten(kind, copies):
    make = cujax.jit(lambda u: u + 0)
    run = cujax.jit(lambda u: LOOPS[kind](moved, u, 5), donate_argnums=0)
    u = make(grid())
    found = run(u)
    assert u.is_deleted() and (SIDE, SIDE) not in copies
    np.testing.assert_allclose(found, repeated(moved, jnp.asarray(grid()), 5), rtol=1e-4, atol=1e-5)
    u = make(grid())
    view = np.asarray(u)
    run(u)
    np.testing.assert_array_equal(view, grid())


def chosen(lib, new, other):
    return lib.lax.cond(abs(new - other).max() > 0.2, lambda a, b: a, lambda a, b: b, new, other)


SHARED = {  # what another carry makes of the new value of one that is changed in place
    "a branch": chosen,
    "a branch of a branch": lambda lib, new, other: chosen(lib, chosen(lib, new, other), other),
    "a branch that a loop runs": lambda lib, new, other: lib.lax.fori_loop(
        0, 2, lambda i, c: chosen(lib, c, other), new),
    "a view": lambda lib, new, other: new[::-1],
    "a view of what a branch chose": lambda lib, new, other: chosen(lib, new, other[::-1])[::-1],
}


@pytest.mark.parametrize("wrap", [lambda f: f, pytest.param(emulated, marks=on_device)], ids=["here", "device"])
@pytest.mark.parametrize("name", SHARED)
def test_a_carry_whose_memory_another_may_share_is_not_changed(name, wrap):
    """Else the other changes with it: as the positions from which a list of neighbours was made."""

    def run(lib, np_):
        def step(carry, _):
            x, other = carry
            x = x + 0.05 + 0.01 * np_.sin(x * 37) + 0.1 * (other * other).mean()
            return (x, SHARED[name](lib, x, other)), None

        return lib.jit(lambda x: lib.lax.scan(step, (x, x), None, length=15)[0])

    @wrap
    def found():
        return run(cujax, jnp)(grid())

    for a, b in zip(found(), run(jax, jax.numpy)(grid()), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("wrap", [lambda f: f, pytest.param(emulated, marks=on_device)], ids=["here", "device"])
def test_a_carry_that_is_the_condition_itself_may_be_overwritten(wrap):
    """A device is given steps before their condition is read, so that the condition is a carry of its own."""

    @wrap
    def found():
        def function(go, u):
            def step(c):
                return (c[1].sum() > 300) & c[0], c[1] * 0.75

            return lax.while_loop(lambda c: c[0], step, (go, u))

        start = cujax.jit(lambda u: (u.sum() > 0, u + 0))
        return [np.asarray(x) for x in cujax.jit(function, donate_argnums=(0, 1))(*start(grid()))]

    u = grid()
    while u.sum() * np.float32(4 / 3) > 300:
        u = u * np.float32(0.75)
    go, last = found()
    assert not go
    np.testing.assert_allclose(last, u, rtol=1e-5)


@by_loop
def test_what_is_read_after_the_loop_or_beside_it_is_left_alone(kind):
    def function(u):
        v = jnp.sin(u)
        w = LOOPS[kind](moved, v, 3)
        again = LOOPS[kind](lambda u: moved(u) + v, v, 2)
        return v, w, again, v + 1

    u = grid()
    v = jnp.sin(u)
    expected = v, repeated(moved, v, 3), repeated(lambda u: moved(u) + v, v, 2), v + 1
    for a, b in zip(cujax.jit(function)(u), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


@by_loop
def test_one_value_as_two_carries(kind):
    def function(u):
        v = jnp.sin(u)
        if kind == "while":
            return lax.while_loop(lambda c: c[0] < 3, lambda c: (c[0] + 1, moved(c[1]), c[2] + 1), (0, v, v))[1:]
        return lax.scan(lambda c, _: ((moved(c[0]), c[1] + 1), None), (v, v), None, length=3)[0]

    v = jnp.sin(grid())
    first, second = cujax.jit(function)(grid())
    np.testing.assert_allclose(first, repeated(moved, v, 3), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(second, v + 3, rtol=1e-6)


def test_a_while_loop_without_a_step_returns_memory_of_its_own():
    """Its result is overwritten by the kernel behind it, and the argument must not be."""

    def function(u, n):
        v = lax.while_loop(lambda c: c[0] < n, lambda c: (c[0] + 1, moved(c[1])), (0, u))[1]
        return v * 3 + 1

    u = jnp.asarray(grid())
    np.testing.assert_allclose(cujax.jit(function)(u, 0), grid() * 3 + 1, rtol=1e-6)
    np.testing.assert_array_equal(u, grid())
    np.testing.assert_allclose(cujax.jit(function)(u, 1), moved(jnp.asarray(grid())) * 3 + 1, rtol=1e-4, atol=1e-4)


@needs_kernels
def test_a_loop_inside_a_loop_goes_on_in_the_same_memory(copies):
    def function(u):
        return lax.fori_loop(0, 4, lambda i, u: LOOPS["fori"](moved, u, 3), jnp.sin(u))

    found = cujax.jit(function)(grid())
    assert (SIDE, SIDE) not in copies
    np.testing.assert_allclose(found, repeated(moved, jnp.sin(grid()), 12), rtol=1e-3, atol=1e-2)


@needs_kernels
@by_loop
def test_a_body_that_does_not_compile_overwrites_nothing(kind, monkeypatch):
    """The program around the loop has been made in the belief that the loop's result is memory of its own."""
    compile_ = type(selected().kernels).compile

    def refusing(self, source):
        if "sum" in source:
            raise KernelCompileError("the compiler", "refused", None)
        return compile_(self, source)

    monkeypatch.setattr(type(selected().kernels), "compile", refusing)
    cujax.clear_caches()  # of equal loops that were compiled before
    u = jnp.asarray(grid())
    with pytest.warns(RuntimeWarning, match="refused"):
        found = cujax.jit(lambda u: LOOPS[kind](moved, jnp.sin(u), 2) * 3)(u)
    np.testing.assert_allclose(found, repeated(moved, jnp.sin(grid()), 2) * 3, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(u, grid())


@needs_kernels
def test_what_such_a_body_returns_is_copied_where_it_might_be_an_operand():
    body = LoopBody(cujax.make_jaxpr(lambda u: u * 2)(grid()).tape, 0, 1)
    (u,) = buffers(grid())
    assert body.settled(body.program(), [u])[0] is u
    (found,) = body.settled(programs.Program(body.tape, None), [u])
    assert found is not u and not overlap(found, u)


@needs_kernels
def test_the_text_of_a_loop_is_that_of_the_kernels_that_run():
    language = selected().kernels.language
    run = cujax.jit(lambda u: lax.scan(lambda u, _: (moved(u), u * 3), u, None, length=4))
    text = run.lower(grid()).as_text(language)
    body = body_of(lambda u: (moved(u), u * 3), grid()).program()
    assert body.changed == (0,)
    names = [call.name for kernel in body.generated.kernels for call in kernel.calls]
    heads = [line for line in body.generated.source.splitlines() if any(f"{name}(" in line for name in names)]
    assert heads and all(line in text for line in heads)
