"""`debug_key_reuse`: a key that is used twice raises an error with both lines; one that is not does not."""

from __future__ import annotations

import concurrent.futures
import gc
import inspect
import re
import types
import weakref

import jax
import jax.numpy
import pytest

import cujax
import cujax.numpy as jnp
from cujax import lax, random
from cujax.engine.core import key_numbers
from cujax.engine.ground.config import OPTIONS, config
from cujax.errors import KeyReuseError


@pytest.fixture(autouse=True)
def watched():
    with cujax.debug_key_reuse(True):
        yield


def line_of(function, marker: str) -> int:
    """The line of the source of `function` that ends with the comment `marker`."""
    lines, first = inspect.getsourcelines(function)
    (number,) = [first + i for i, line in enumerate(lines) if line.rstrip().endswith(f"# {marker}")]
    return number


def assert_names(function, *, first: str = "first", again: str = "again") -> None:
    """`function()` raises, and the error names the lines of `function` with the comments `first` and `again`."""
    with pytest.raises(KeyReuseError) as caught:
        function()
    text = str(caught.value)
    one, two = (rf"{re.escape(__file__)}:{line_of(function, marker)} " for marker in (first, again))
    assert re.search(rf"first use: .*{one}[^\n]*\n  used again: .*{two}", text), text


# --- both lines -----------------------------------------------------------------------------------------------


def test_lines_of_two_draws():
    def draw():
        key = random.key(0)
        random.normal(key)  # first
        random.uniform(key, (3,))  # again

    assert_names(draw)
    assert_names(cujax.jit(draw))


def test_lines_under_jit():
    def draw():
        @cujax.jit
        def f(key):
            a = random.normal(key)  # first
            return a + random.normal(key)  # again

        f(random.key(0))

    assert_names(draw)


def test_lines_of_a_split_and_a_draw():
    def draw():
        key = random.key(0)
        random.split(key)  # first
        random.permutation(key, 5)  # again

    assert_names(draw)


def test_lines_inside_functions_and_of_their_calls():
    @cujax.jit
    def f(key):
        return random.normal(key)

    def calls():
        key = random.key(0)
        f(key)  # first
        f(key)  # again

    assert_names(calls)
    with pytest.raises(KeyReuseError, match=r"numbers drawn at .*\(f\), in jit at .*\(calls\)\n.*\(f\), in jit at"):
        calls()


def test_lines_of_closed_over_keys():
    def draw():
        key = random.key(0)
        f = cujax.jit(lambda x: x + random.normal(key))
        f(1.0)  # first
        f(2.0)  # again

    assert_names(draw)


def test_lines_in_nested_functions():
    def draw():
        inner = cujax.jit(lambda key: random.normal(key))

        @cujax.jit
        def outer(key):
            a = inner(key)  # first
            return a + inner(key)  # again

        outer(random.key(0))

    assert_names(draw)


def test_lines_across_loops_and_branches():
    def after_a_loop():
        def step(carry, _):
            key, total = carry
            key, subkey = random.split(key)  # first
            return (key, total + random.normal(subkey)), None

        key = random.key(0)
        lax.scan(step, (key, 0.0), None, length=3)
        random.normal(key)  # again

    def after_a_branch():
        key = random.key(0)
        lax.cond(False, lambda k: random.normal(k), lambda k: 0.0, key)  # first
        random.normal(key)  # again

    def in_a_branch():
        key = random.key(0)
        random.normal(key)  # first
        lax.cond(True, lambda: random.normal(key), lambda: 0.0)  # again

    for draw in (after_a_loop, after_a_branch, in_a_branch):
        assert_names(draw)
        assert_names(cujax.jit(draw))


def test_one_line_that_runs_twice():
    key = random.key(0)
    with pytest.raises(KeyReuseError, match=r"first use: .*\n  used again: there, by the same line\n.*random.clone"):
        for _ in range(2):
            random.normal(key)


# --- a table of programs ----------------------------------------------------------------------------------------
#
# Each is a function of a key `k` and eight split keys `ks`; it runs eagerly and under jit.  Programs in DIFFERENT are
# judged otherwise by JAX: there an element is used when it is sliced, and picking one is a use of all; what a loop
# that takes no steps would do counts, and the condition that ends one does not; a key is not known again where it is
# the same in two arguments, or comes out of an array that was reshaped, rolled, gathered from or written to.


def steps(body, *init):
    return lax.scan(lambda c, _: (body(c), None), init, None, length=3)


def draws_again(x, key):
    """A step whose backward pass computes the number anew, together with much that depends on it."""
    z = random.normal(key)
    return x * jnp.sqrt(1 + z**2) / (1 + x**2) + jnp.maximum(x, z) * z * x / (1 + x**2), None


def walk(carry):
    key, subkey = random.split(carry[0])
    return key, jnp.sin(carry[1]) + random.normal(subkey)


def custom(key, x):
    @cujax.custom_jvp
    def noisy(key, x):
        return x * random.normal(key)

    @noisy.defjvp
    def rule(primals, tangents):
        noise = random.normal(primals[0])
        return primals[1] * noise, tangents[1] * noise

    return noisy(key, x)


REUSED = {
    "draws": lambda k, ks: (random.normal(k), random.bits(k)),
    "draw and split": lambda k, ks: (random.normal(k), random.split(k)),
    "splits": lambda k, ks: (random.split(k), random.split(k, 3)),
    "element": lambda k, ks: (random.normal(ks[1]), random.normal(ks[1])),
    "whole and element": lambda k, ks: (cujax.vmap(random.normal)(ks), random.normal(ks[2])),
    "overlapping slices": lambda k, ks: (cujax.vmap(random.normal)(ks[:3]), random.normal(ks[2])),
    "clone twice": lambda k, ks: [(random.normal(c), random.normal(c)) for c in [random.clone(k)]],
    "after fold_in": lambda k, ks: (random.fold_in(k, 1), random.normal(k), random.normal(k)),
    "two arguments": lambda k, ks: cujax.jit(lambda a, b: random.normal(a) + random.normal(b))(k, k),
    "returned": lambda k, ks: random.normal(cujax.jit(lambda k: (random.normal(k), k))(k)[1]),
    "stacked with itself": lambda k, ks: cujax.vmap(random.normal)(jnp.stack([k, k])),
    "stacked and drawn": lambda k, ks: (cujax.vmap(random.normal)(jnp.stack([k, ks[0]])), random.normal(k)),
    "reshaped": lambda k, ks: (cujax.vmap(random.normal)(ks.reshape(4, 2)[1]), random.normal(ks[2])),
    "transposed": lambda k, ks: (random.normal(ks.reshape(4, 2).T[1, 0]), random.normal(ks[1])),
    "reversed": lambda k, ks: (random.normal(jnp.flip(ks)[0]), random.normal(ks[7])),
    "rolled": lambda k, ks: (random.normal(jnp.roll(ks, 1)[0]), random.normal(ks[7])),
    "gathered": lambda k, ks: (cujax.vmap(random.normal)(ks[jnp.array([3, 5])]), random.normal(ks[5])),
    "written": lambda k, ks: (random.normal(ks.at[1].set(k)[1]), random.normal(k)),
    "unbatched": lambda k, ks: (cujax.vmap(lambda x: x + random.normal(k))(jnp.arange(3.0)), random.normal(k)),
    "grad": lambda k, ks: (cujax.grad(lambda x: x * random.normal(k))(1.0), random.normal(k)),
    "grad of jit": lambda k, ks: (cujax.grad(cujax.jit(lambda x: x * random.normal(k)))(1.0), random.normal(k)),
    "checkpoint": lambda k, ks: (
        cujax.grad(cujax.checkpoint(lambda x: jnp.sin(x * random.normal(k))))(1.0), random.normal(k),
    ),
    "closed over by a loop": lambda k, ks: lax.fori_loop(0, 3, lambda i, x: x + random.normal(k), 0.0),
    "element closed over": lambda k, ks: lax.fori_loop(0, 3, lambda i, x: x + random.normal(ks[0]), 0.0),
    "carried unchanged": lambda k, ks: steps(lambda c: (c[0], c[1] + random.normal(c[0])), k, 0.0),
    "carried, taking turns": lambda k, ks: steps(lambda c: (c[1], c[0], c[2] + random.normal(c[0])), k, ks[0], 0.0),
    "while": lambda k, ks: lax.while_loop(lambda x: x < 3, lambda x: x + 1 + 0 * random.normal(k), 0.0),
    "while condition": lambda k, ks: lax.while_loop(
        lambda c: random.uniform(c[0]) < 0.5, lambda c: (c[0], c[1] + 1), (k, 0)),
    "condition and body": lambda k, ks: lax.while_loop(
        lambda c: random.uniform(c[0]) < 0.5, lambda c: (random.split(c[0])[0], c[1] + 1), (k, 0)),
    "condition, and after": lambda k, ks: random.normal(lax.while_loop(
        lambda c: random.uniform(c[0]) < 0.5, lambda c: (random.fold_in(c[0], 1), c[1] + 1), (k, 0))[0]),
    "scanned and drawn": lambda k, ks: (
        lax.scan(lambda x, key: (x + random.normal(key), None), 0.0, ks), random.normal(ks[5])),
    "drawn and scanned": lambda k, ks: (
        random.normal(ks[5]), lax.scan(lambda x, key: (x + random.normal(key), None), 0.0, ks)),
    "stacked by a loop, used there": lambda k, ks: cujax.vmap(random.normal)(
        lax.scan(lambda x, key: (x + random.normal(key), key), 0.0, ks)[1]),
    "one branch, then": lambda k, ks: (lax.cond(False, random.normal, lambda k: 0.0, k), random.normal(k)),
    "in a branch": lambda k, ks: lax.cond(True, lambda k: random.normal(k) + random.normal(k), lambda k: 0.0, k),
    "branch in a loop": lambda k, ks: lax.fori_loop(
        0, 3, lambda i, x: x + lax.cond(i > 1, random.normal, lambda k: 0.0, k), 0.0),
    "same place at run time": lambda k, ks: cujax.jit(
        lambda ks, i: random.normal(ks[i]) + random.normal(ks[i]))(ks, 3),
    "place that does not change in a loop": lambda k, ks: cujax.jit(
        lambda ks, i: lax.fori_loop(0, 3, lambda j, x: x + random.normal(ks[i]), 0.0))(ks, 3),
    "some and all": lambda k, ks: cujax.jit(
        lambda ks, i: random.normal(ks[i]) + cujax.vmap(random.normal)(ks).sum())(ks, 3),
    "more than there are": lambda k, ks: cujax.jit(
        lambda ks, i: [random.normal(ks[i + j]) for j in range(3)])(ks[:2], 0),
    "chosen, and both": lambda k, ks: cujax.jit(
        lambda p, a, b: [random.normal(x) for x in (jnp.where(p, a, b), a, b)])(True, k, ks[0]),
    "custom_jvp": lambda k, ks: (custom(k, 2.0), random.normal(k)),
    "after a callback": lambda k, ks: (random.normal(k), cujax.debug.callback(lambda k: None, k), random.bits(k)),
}

FINE = {
    "split": lambda k, ks: [random.normal(s) for s in random.split(k)],
    "split, in turn": lambda k, ks: random.normal(random.split(random.split(k)[0])[1]),
    "unpacked": lambda k, ks: [random.normal(key) for key in ks],
    "elements": lambda k, ks: (random.normal(ks[0]), random.normal(ks[1]), random.normal(ks[-1])),
    "slices": lambda k, ks: [cujax.vmap(random.normal)(part) for part in (ks[:3], ks[3:5], ks[5:])],
    "every second": lambda k, ks: [cujax.vmap(random.normal)(part) for part in (ks[::2], ks[1::2])],
    "element taken twice": lambda k, ks: (ks[0], random.normal(ks[0])),
    "fold_in": lambda k, ks: [random.normal(random.fold_in(k, i)) for i in range(3)],
    "fold_in and draw": lambda k, ks: (random.fold_in(k, 1), random.normal(k), random.fold_in(k, 2)),
    "clone": lambda k, ks: (random.normal(k), random.normal(random.clone(k))),
    "words": lambda k, ks: (random.key_data(k), random.normal(k), random.key_data(k), k == k),
    "wrapped again": lambda k, ks: [random.normal(random.wrap_key_data(random.key_data(k))) for _ in range(2)],
    "raw": lambda k, ks: [random.normal(raw) for raw in 2 * [random.PRNGKey(0)]],
    "equal seeds": lambda k, ks: (random.normal(random.key(0)), random.normal(random.key(0))),
    "repeated on purpose": lambda k, ks: cujax.vmap(random.normal)(jnp.broadcast_to(k, (3,))),
    "batched": lambda k, ks: cujax.vmap(lambda k: [random.normal(s) for s in random.split(k)])(ks),
    "scanned": lambda k, ks: lax.scan(lambda x, key: (x + random.normal(key), None), 0.0, ks),
    "scanned in reverse": lambda k, ks: lax.scan(lambda x, key: (x, random.normal(key)), 0.0, ks, reverse=True),
    "carried and split": lambda k, ks: steps(walk, k, 0.0),
    "carried, used after": lambda k, ks: random.normal(steps(lambda c: (random.split(c[0])[0], c[1]), k, 0.0)[0][0]),
    "stacked by a loop": lambda k, ks: cujax.vmap(random.normal)(
        lax.scan(lambda key, _: tuple(random.split(key)), k, None, length=5)[1]),
    "loop of no steps": lambda k, ks: (
        lax.fori_loop(0, 0, lambda i, x: x + random.normal(k), 0.0), random.normal(k)),
    "fold_in in a loop": lambda k, ks: lax.fori_loop(0, 3, lambda i, x: x + random.normal(random.fold_in(k, i)), 0.0),
    "place by place": lambda k, ks: lax.fori_loop(0, 8, lambda i, x: x + random.normal(ks[i]), 0.0),
    "two places": lambda k, ks: cujax.jit(lambda ks, i, j: random.normal(ks[i]) + random.normal(ks[j]))(ks, 1, 2),
    "chosen": lambda k, ks: cujax.jit(lambda p, a, b: random.normal(jnp.where(p, a, b)))(True, k, ks[0]),
    "while": lambda k, ks: lax.while_loop(
        lambda c: c[1] < 3, lambda c: (random.split(c[0])[0], c[1] + 1), (k, 0))[0],
    "batched while": lambda k, ks: cujax.vmap(lambda n, k: random.normal(lax.while_loop(
        lambda c: c[1] < n, lambda c: (random.split(c[0])[0], c[1] + 1), (k, 0))[0]))(jnp.arange(8), ks),
    "linearized while": lambda k, ks: [derivative(1.0) for derivative in 2 * [cujax.linearize(lambda x: lax.while_loop(
        lambda c: c[2] < 3, lambda c: (*walk(c[:2]), c[2] + 1), (k, x, 0))[1], 1.0)[1]]],
    "both branches": lambda k, ks: lax.cond(True, random.normal, lambda k: random.uniform(k), k),
    "batched branches": lambda k, ks: cujax.vmap(lambda p, k: lax.cond(p, random.normal, random.uniform, k))(
        jnp.arange(8) > 3, ks),
    "branch that passes on": lambda k, ks: random.normal(
        lax.cond(True, lambda k: random.split(k)[0], lambda k: k, k)),
    "grad": lambda k, ks: cujax.grad(lambda x: x * random.normal(k))(1.0),
    "grad of a loop": lambda k, ks: cujax.grad(lambda x: steps(walk, k, x)[0][1])(1.0),
    "grad of a loop that draws again": lambda k, ks: cujax.grad(lambda x: lax.scan(draws_again, x, ks)[0])(1.0),
    "checkpoint": lambda k, ks: cujax.grad(cujax.checkpoint(lambda x: jnp.sin(x * random.normal(k))))(1.0),
    "checkpointed loop": lambda k, ks: cujax.grad(lambda x: lax.scan(
        cujax.checkpoint(lambda c, key: (jnp.sin(c) * random.normal(key), None)), x, ks)[0])(1.0),
    "pullback twice": lambda k, ks: [pullback(1.0) for pullback in 2 * [
        cujax.vjp(cujax.checkpoint(lambda x: jnp.sin(x * random.normal(k))), 1.0)[1]]],
    "custom_jvp": lambda k, ks: cujax.grad(lambda x: custom(k, x))(2.0),
    "choice without replacement": lambda k, ks: random.choice(k, 10, (3,), replace=False, p=jnp.arange(10.0)),
    "shapes only": lambda k, ks: [random.normal(k, cujax.eval_shape(random.normal, k).shape)],
}

DIFFERENT = {
    "reused": {"two arguments", "reshaped", "rolled", "gathered", "written", "condition, and after"},
    "fine": {
        "element taken twice", "two places", "place by place", "chosen", "loop of no steps", "batched branches",
        "checkpoint", "pullback twice", "linearized while",
    },
}


def arguments(module=random):
    return module.key(0), module.split(module.key(1), 8)


@pytest.mark.parametrize("name", REUSED)
def test_reused(name):
    for run in (REUSED[name], cujax.jit(REUSED[name])):
        with pytest.raises(KeyReuseError, match=rf"(?s)first use: .*{re.escape(__file__)}.*used again: "):
            run(*arguments())


@pytest.mark.parametrize("name", FINE)
def test_fine(name):
    FINE[name](*arguments())
    jitted = cujax.jit(FINE[name])
    jitted(*arguments())
    jitted(*arguments())


def test_a_loop_with_a_bound_is_differentiated():
    def end(x, key):
        return lax.while_loop(lambda c: c[2] < 3, lambda c: (*walk(c[:2]), c[2] + 1), (key, x, 0), max_steps=5)[1]

    for gradient in (cujax.grad(end), cujax.jit(cujax.grad(end)), cujax.grad(cujax.jit(end))):
        gradient(1.0, random.key(0))


def in_jax(program):
    """`program` with JAX's modules in place of cujax's."""
    names = {"cujax": jax, "jnp": jax.numpy, "lax": jax.lax, "random": jax.random}
    scope = {**globals(), **names}
    helpers = (steps, walk, draws_again, custom)
    scope |= {helper.__name__: types.FunctionType(helper.__code__, scope) for helper in helpers}
    return types.FunctionType(program.__code__, scope)


@pytest.mark.parametrize("kind", DIFFERENT)
def test_jax_judges_alike(kind):
    raised = set()
    programs = {"reused": REUSED, "fine": FINE}[kind]
    for name, program in programs.items():
        try:
            with jax.debug_key_reuse(True):
                in_jax(program)(*arguments(jax.random))
        except jax.errors.KeyReuseError:
            raised.add(name)
    judged_otherwise = programs.keys() - raised if kind == "reused" else raised
    assert judged_otherwise == DIFFERENT[kind]


# --- the option ---------------------------------------------------------------------------------------------------


def test_it_is_off_by_default_and_then_nothing_is_noted():
    assert not next(o for o in OPTIONS if o.name == "debug_key_reuse").default
    with cujax.debug_key_reuse(False):
        keys = random.split(random.key(0))
        assert not config.watching
        random.normal(keys[0]), random.normal(keys[0])
        cujax.jit(lambda k: random.normal(k) + random.normal(k))(keys[1])
        assert id(keys) not in key_numbers._of_arrays
    with pytest.raises(KeyReuseError):
        random.normal(keys[0]), random.normal(keys[0])


def test_its_names():
    before = config.debug_key_reuse
    for name in ("jax_debug_key_reuse", "cujax_debug_key_reuse", "debug_key_reuse"):
        cujax.config.update(name, False)
        cujax.config.update(name, before)
    assert issubclass(cujax.errors.KeyReuseError, TypeError)


def test_a_function_traced_without_it_is_traced_again():
    f = cujax.jit(lambda k: random.normal(k) + random.normal(k))
    with cujax.debug_key_reuse(False):
        f(random.key(0))
    with pytest.raises(KeyReuseError):
        f(random.key(0))


def test_compiled_functions_use_keys():
    compiled = cujax.jit(random.normal).lower(random.key(0)).compile()
    key = random.key(0)
    compiled(key)
    with pytest.raises(KeyReuseError):
        compiled(key)


def test_a_function_without_keys_runs_as_ever():
    f = cujax.jit(lambda x: 2 * x)
    f(1.0)
    (recording,) = f._recordings.values()
    assert recording._direct


def test_what_is_noted_goes_with_the_array():
    key = random.key(0)
    random.normal(key)
    noted, batch = id(key), weakref.ref(key)
    assert noted in key_numbers._of_arrays
    del key
    gc.collect()
    assert batch() is None and noted not in key_numbers._of_arrays


def test_many_keys_are_followed_together():
    keys = random.split(random.key(0), 10**5)
    cujax.jit(cujax.vmap(lambda k: random.normal(k, (2,))))(keys[1:])
    random.normal(keys[0])
    with pytest.raises(KeyReuseError):
        random.normal(keys[50_000])


def test_a_key_used_in_two_threads():
    key = random.key(0)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(draw_watched, key).result()
    with pytest.raises(KeyReuseError):
        random.normal(key)


def draw_watched(key):
    with cujax.debug_key_reuse(True):
        random.normal(key)


@pytest.mark.parametrize(
    "draw",
    [
        random.bits, random.uniform, random.normal, random.exponential, random.bernoulli, random.rademacher,
        lambda k: random.normal(k, (2,), "complex64"), lambda k: random.randint(k, (3,), 0, 5),
        lambda k: random.truncated_normal(k, -1.0, 1.0), lambda k: random.permutation(k, 5),
        lambda k: random.choice(k, 5, (3,)), lambda k: random.choice(k, 5, (3,), replace=False),
        lambda k: random.categorical(k, jnp.zeros(3)), lambda k: random.bernoulli(k, 0.5, (3,), mode="high"),
    ],
)
def test_samplers_use_their_key_once(draw):
    for call in (draw, cujax.jit(draw)):
        key = random.key(0)
        call(key)
        with pytest.raises(KeyReuseError):
            call(key)
