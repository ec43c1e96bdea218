"""scan, while_loop, fori_loop, map, associative_scan: values against JAX, types of carries, errors."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import cujax
import cujax.numpy as cnp
from cujax.api import prefix_scan

BOTH = [(cujax, cnp), (jax, jnp)]
ids = ["cujax", "jax"]


def agree(call, *args, rtol=1e-6):
    """`call(lib, np, *args)` gives the same tree with both libraries."""
    ours, theirs = (call(lib, np_, *args) for lib, np_ in BOTH)
    ours, tree = cujax.tree.flatten(ours)
    theirs, jax_tree = jax.tree.flatten(theirs)
    assert str(tree) == str(jax_tree)
    for a, b in zip(ours, theirs, strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape and a.weak_type == b.weak_type
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=rtol, atol=rtol)


def test_scan_with_trees():
    def call(lib, np_):
        def step(carry, x):
            new = {"s": carry["s"] + x["a"].sum(), "n": carry["n"] + 1}
            return new, (new["s"], x["b"] * 2)

        xs = {"a": np_.arange(12.0).reshape(4, 3), "b": np_.arange(4)}
        return lib.lax.scan(step, {"s": np_.float32(0), "n": 0}, xs)

    agree(call)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", [None, 5])
def test_scan_length_and_direction(reverse, length):
    agree(
        lambda lib, np_: lib.lax.scan(
            lambda c, x: (c * 0.5 + x, c), 1.0, np_.arange(5.0), length=length, reverse=reverse
        )
    )


def test_scan_without_xs():
    agree(lambda lib, np_: lib.lax.scan(lambda c, _: (c * 2, c), 1, None, length=4))


def test_scan_of_length_zero():
    agree(lambda lib, np_: lib.lax.scan(lambda c, x: (c + x, c * x), 1.0, np_.zeros((0,))))


def test_scan_keeps_named_tuples():
    class State(NamedTuple):
        x: object
        v: object

    def step(state, _):
        return State(state.x + state.v, state.v * 0.9), state.x

    last, _ = cujax.lax.scan(step, State(cnp.zeros(3), cnp.ones(3)), None, length=3)
    assert isinstance(last, State)


@pytest.mark.parametrize("init", [0, 0.0, np.float32(1)])
def test_weak_carries_take_the_type_of_the_body(init):
    agree(lambda lib, np_: lib.lax.scan(lambda c, x: (c + x, c), init, np_.arange(3.0)))
    agree(lambda lib, np_: lib.lax.scan(lambda c, x: (c + 1.5, c), init, None, length=3))
    agree(lambda lib, np_: lib.lax.scan(lambda c, x: (1.0, c), np_.float32(init), None, length=3))


def test_body_is_traced_once():
    traced = []

    def step(c, x):
        traced.append(1)
        return c + x, c

    cujax.lax.scan(step, cnp.float32(0), cnp.arange(100.0))
    assert len(traced) == 1


def test_fori_loop_matches():
    agree(lambda lib, np_: lib.lax.fori_loop(0, 10, lambda i, x: x + i, 0))
    agree(lambda lib, np_: lib.lax.fori_loop(3, 1, lambda i, x: x + i, 0.5))
    agree(lambda lib, np_: lib.jit(lambda n: lib.lax.fori_loop(0, n, lambda i, x: x * 1.5 + i, 1.0))(7))
    agree(lambda lib, np_: lib.lax.fori_loop(np_.int32(2), np_.int32(6), lambda i, x: x * i, 1))


def test_fori_loop_with_a_python_iterator_sees_only_the_first_item():
    """The guide's example: the body is traced once, so `next` is called once."""
    iterator = iter(range(10))
    assert int(cujax.lax.fori_loop(0, 10, lambda i, x: x + next(iterator), 0)) == 0
    array = cnp.arange(10)
    assert int(cujax.lax.fori_loop(0, 10, lambda i, x: x + array[i], 0)) == 45


def test_while_loop_matches():
    agree(
        lambda lib, np_: lib.lax.while_loop(
            lambda s: s[0] < 10, lambda s: (s[0] + 1, s[1] * 1.1), (0, np_.ones(3))
        )
    )
    agree(lambda lib, np_: lib.lax.while_loop(lambda x: x < 3, lambda x: x + 1.5, 0))


def test_batched_while_runs_each_element_to_its_own_end():
    def call(lib, np_):
        def collatz(n):
            return lib.lax.while_loop(
                lambda s: s[0] != 1,
                lambda s: (np_.where(s[0] % 2 == 0, s[0] // 2, 3 * s[0] + 1), s[1] + 1),
                (n, 0),
            )[1]

        return lib.vmap(collatz)(np_.arange(1, 30))

    agree(call)


def test_batched_while_with_one_condition_for_all():
    agree(lambda lib, np_: lib.vmap(
        lambda x: lib.lax.while_loop(lambda s: s[0] < 4, lambda s: (s[0] + 1, s[1] * x), (0, 1.0))
    )(np_.arange(3.0)))


@pytest.mark.parametrize("by", ["nothing", "condition", "body", "init"])
def test_a_batched_while_is_batched_again_only_where_it_differs(by):
    def one(lib, np_, x, k):
        most = 50.0 + k if by == "condition" else 50.0
        step = 1.5 + k if by == "body" else 1.5
        return lib.lax.while_loop(lambda c: c < most, lambda c: c * step, x + k if by == "init" else x)

    def call(lib, np_):
        def many(k):
            return lib.vmap(lambda x: one(lib, np_, x, k))(np_.arange(1.0, 8.0))
        return lib.vmap(lambda k: many(k).sum() * k)(np_.arange(5.0))

    agree(call)
    shapes = {v.aval.shape for e in cujax.make_jaxpr(lambda: call(cujax, cnp))().eqns for v in e.outvars}
    assert ((5, 7) in shapes) == (by != "nothing")


def test_what_a_while_hands_on_untouched_has_a_gradient():
    def call(lib, np_):
        def f(x, w):
            _, y, w, (n, _) = lib.lax.while_loop(
                lambda s: s[0] < s[3][0], lambda s: (s[0] + 1, s[1], s[2], (s[3][0], s[0])), (0, x, w, (3, 7))
            )
            return np_.sum(np_.sin(y) * w * n)

        x, a = np_.float32(0.5), np_.arange(3.0)
        gradient = lib.grad(f, (0, 1))
        return gradient(x, a), lib.jit(gradient)(x, a), lib.vmap(gradient)(a, a), lib.jacfwd(gradient)(x, a)

    agree(call)


def test_an_untouched_value_of_a_batched_while():
    def call(lib, np_):
        def f(x, limit):
            start = (x, limit, x)
            return lib.lax.while_loop(lambda s: s[0] < s[1], lambda s: (s[0] * 2 + x, s[1], s[2]), start)

        return lib.vmap(f, (None, 0))(1.0, np_.arange(4.0)), lib.vmap(f, (0, None))(np_.arange(1.0, 4.0), 5.0)

    agree(call)


def test_dynamic_fori_of_many_numbers_is_differentiable_forwards_only():
    def f(x, n):
        return cujax.lax.fori_loop(0, n, lambda i, y: cnp.roll(y, 1) * 2, x)[0]

    x = np.arange(9.0, dtype=np.float32)
    _, t = cujax.jit(lambda n: cujax.jvp(lambda x: f(x, n), (x,), (x,)))(3)
    np.testing.assert_allclose(np.asarray(t), 8 * x[-3])
    with pytest.raises(ValueError, match="fori_loop with dynamic"):
        cujax.jit(lambda n: cujax.grad(lambda x: f(x, n))(x))(3)


def test_known_part_of_a_while_still_runs_when_linearized():
    def call(lib, np_):
        def f(x):
            n, y = lib.lax.while_loop(lambda s: s[0] < 5, lambda s: (s[0] + 1, np_.sin(s[1])), (0, x))
            return y * n

        return lib.linearize(f, np_.float32(0.7))[1](np_.float32(1.0))

    agree(call)


def test_gradient_of_scan_keeps_constants_unstacked():
    """A captured matrix is read by the backward loop, not copied once per step."""
    matrix = cnp.eye(3) * 0.5

    def f(x):
        return cujax.lax.scan(lambda c, _: (cnp.sin(matrix @ c), None), x, None, length=7)[0].sum()

    tape = cujax.make_jaxpr(cujax.grad(f))(cnp.ones(3))
    forward = next(e for e in tape.eqns if e.primitive.name == "scan")
    assert all(v.aval.shape[1:] != (3, 3) for v in forward.outvars)


def test_map_and_batches():
    agree(lambda lib, np_: lib.lax.map(lambda x: (x * 2, x.sum()), np_.arange(14.0).reshape(7, 2)))
    agree(lambda lib, np_: lib.lax.map(lambda x: x * 2, np_.arange(7.0), batch_size=3))


@pytest.mark.parametrize("n", [1, 2, 3, 8, 13])
@pytest.mark.parametrize("reverse", [False, True])
def test_associative_scan(n, reverse):
    agree(lambda lib, np_: lib.lax.associative_scan(np_.add, np_.arange(float(n)), reverse=reverse))
    agree(
        lambda lib, np_: lib.lax.associative_scan(
            lambda a, b: (a[0] * b[0], a[1] * b[0] + b[1]),
            (np_.linspace(0.9, 1.0, n), np_.arange(float(n))),
            reverse=reverse,
        )
    )
    agree(
        lambda lib, np_: lib.lax.associative_scan(
            np_.maximum, np_.sin(np_.arange(2.0 * n)).reshape(2, n), axis=1
        )
    )


@pytest.mark.parametrize("block, n, reverse", [(64, 128, True), (4, 38, False)])
def test_associative_scan_in_blocks(block, n, reverse, monkeypatch):
    """Of matrices, whose products do not commute, beside sums, and its derivative: as JAX goes step by step."""
    monkeypatch.setattr(prefix_scan, "_BLOCK", block)
    angles = np.sin(np.arange(2.0 * n)).reshape(2, n) * 0.1
    turns = np.stack([np.cos(angles), np.sin(angles), -np.sin(angles), np.cos(angles)], -1).reshape(2, n, 2, 2)
    sums = np.arange(2 * n).reshape(2, n)

    def combine(a, b):
        return a[0] @ b[0], a[1] + b[1]

    def step_by_step(f, elems, reverse, axis):
        elems = [jnp.moveaxis(x, axis, 0)[::-1 if reverse else 1] for x in elems]
        first, rest = [x[0] for x in elems], [x[1:] for x in elems]
        _, others = jax.lax.scan(lambda c, x: (list(f(c, x)),) * 2, first, rest)
        whole = [jnp.concatenate([x[None], y]) for x, y in zip(first, others, strict=True)]
        return [jnp.moveaxis(x[::-1 if reverse else 1], 0, axis) for x in whole]

    results = []
    for lib, np_, scan in ((cujax, cnp, cujax.lax.associative_scan), (jax, jnp, step_by_step)):
        def total(turns, np_=np_, scan=scan):
            products, numbers = scan(combine, (turns, np_.asarray(sums)), reverse=reverse, axis=1)
            return np_.sum(np_.sin(products)), (products, numbers)

        results.append(lib.jit(lib.value_and_grad(total, has_aux=True))(np_.asarray(turns, np.float32)))
    for found, expected in zip(*map(jax.tree.leaves, results), strict=True):
        np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-4)


def test_disable_jit_runs_the_python_function_each_step():
    seen = []
    with cujax.disable_jit():
        out, ys = cujax.lax.scan(lambda c, x: (seen.append(float(c)) or c + x, c), 0.0, cnp.arange(3.0))
    assert seen == [0.0, 0.0, 1.0] and float(out) == 3.0 and ys.shape == (3,)


ERRORS = [
    (
        lambda lax, np_: lax.scan(lambda c, x: (c.astype(int), x), np_.float32(0), np_.arange(3.0)),
        TypeError,
        ["scan body function", "equal types", "float32[]", "int32[]", ".astype()"],
    ),
    (
        lambda lax, np_: lax.scan(lambda c, x: ((c, c), x), 0.0, np_.arange(3.0)),
        TypeError,
        ["same pytree structure"],
    ),
    (
        lambda lax, np_: lax.scan(lambda c, x: c, 0.0, np_.arange(3.0)),
        TypeError,
        ["must be a pair", "(carry, None)"],
    ),
    (
        lambda lax, np_: lax.scan(lambda c, x: (c, x), 0.0, (np_.arange(3.0), np_.arange(4.0))),
        ValueError,
        ["different leading axis sizes: 3, 4"],
    ),
    (lambda lax, np_: lax.scan(lambda c, x: (c, x), 0.0, None), ValueError, ["`length` not provided"]),
    (
        lambda lax, np_: lax.scan(lambda c, x: (c, x), 0.0, np_.arange(3.0), length=4),
        ValueError,
        ["disagrees", "[3]"],
    ),
    (lambda lax, np_: lax.scan(3, 0.0, np_.arange(3.0)), TypeError, ["callable"]),
    (
        lambda lax, np_: lax.while_loop(lambda c: c, lambda c: c + 1, 0),
        TypeError,
        ["boolean scalar", "int32"],
    ),
    (lambda lax, np_: lax.while_loop(lambda c: (c < 3,), lambda c: c + 1, 0), TypeError, ["boolean scalar"]),
    (
        lambda lax, np_: lax.while_loop(lambda c: c < 3, lambda c: (c + 1, c), 0),
        TypeError,
        ["same pytree structure"],
    ),
    (lambda lax, np_: lax.fori_loop(0, 3.5, lambda i, c: c, 0), TypeError, ["fori_loop"]),
]


@pytest.mark.parametrize(("call", "error", "words"), ERRORS)
def test_errors(call, error, words):
    with pytest.raises(error):
        call(jax.lax, jnp)
    with pytest.raises(error) as caught:
        call(cujax.lax, cnp)
    assert all(w in str(caught.value) for w in words), str(caught.value)


def test_weak_types_of_derivatives():
    agree(lambda lib, np_: lib.grad(lambda x: lib.lax.scan(lambda c, t: (c * t, None), 2.0, x)[0])(np_.ones(2)))
    agree(lambda lib, np_: (lib.jacfwd(np_.sin)(1.0), lib.hessian(np_.sin)(1.0), lib.jacfwd(np_.sin)(np_.ones(2))))


@pytest.mark.parametrize("loop", [
    lambda unroll: cujax.lax.scan(lambda c, x: (c, x), 0.0, cnp.arange(3.0), unroll=unroll),
    lambda unroll: cujax.lax.fori_loop(0, 3, lambda _, c: c + 1, 0.0, unroll=unroll),
])
def test_unroll_is_a_count(loop):
    for unroll in (0, 2, True):
        loop(unroll)
    with pytest.raises(ValueError, match="non-negative `int`, got -1"):
        loop(-1)
    with pytest.raises(TypeError):
        loop("a")
