"""checkify: texts, kinds and results are JAX's; errors are values under every transformation."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import numpy as np
import pytest
from jax.experimental import checkify as theirs

import cujax
import cujax.numpy as jnp
from cujax import lax
from cujax.experimental import checkify


def programs(library, c) -> Iterator[tuple]:
    """(name, function, arguments) in one of both libraries."""
    jnp, lax, array = library.numpy, library.lax, library.numpy.asarray

    def scanned(x):
        return lax.scan(lambda s, y: (c.check(s < 3, "s is {}", s), (s + y, s))[1], 0.0, x)

    def looped(x):
        return lax.while_loop(lambda s: s < 5, lambda s: (c.check(s != 3, "s is {}", s), s + 1)[1], x)

    def looped_with_a_checked_condition(x):
        return lax.while_loop(lambda s: (c.check(s != 3, "s is {}", s), s < 5)[1], lambda s: s + 1, x)

    def branched(p, x):
        return lax.cond(p, lambda x: (c.check(x > 0, "negative"), x)[1], jnp.log, x)

    def checked_twice(x):
        c.check(x > 0, "first")
        c.check(x > 1, "second")

    def formatted(x):
        c.check(x > 0, "x is {} and {y}", x, y=2 * x)

    yield "passes", formatted, (array(3.0),)
    yield "fails", formatted, (array(-3.0),)
    yield "first", checked_twice, (array(-1.0),)
    yield "second", checked_twice, (array(0.5),)
    yield "scan", scanned, (jnp.ones(6),)
    yield "while", looped, (array(0),)
    yield "condition", looped_with_a_checked_condition, (array(0),)
    yield "one branch", branched, (array(True), array(-1.0))
    yield "other branch", branched, (array(False), array(-1.0))
    yield "fori", lambda x: lax.fori_loop(0, 5, lambda i, s: (c.check(i < 3, "i={i}", i=i), s * 2)[1], x), (array(1.0),)
    yield "grad", lambda x: library.grad(lambda x: (c.check(x > 0, "negative"), x**2)[1])(x), (array(-1.0),)
    yield "debug", lambda x: c.debug_check(x > 2, "debug"), (array(1.0),)
    yield "nan", lambda x: jnp.log(x), (array(-1.0),)
    yield "nan in jit", library.jit(lambda x: jnp.log(x)), (array(-1.0),)
    yield "nan before relu", lambda x: library.nn.relu(jnp.log(x)), (array(-1.0),)
    yield "nan of the caller", lambda x: x, (array(np.nan),)
    yield "division", lambda x: 1 / x, (array(0.0),)
    yield "integer division", lambda x: lax.div(array(3), x), (array(0),)
    yield "index", lambda x, i: x[i], (jnp.arange(3.0), array(5))
    yield "index from the end", lambda x, i: x[i], (jnp.arange(3.0), array(-1))
    yield "indices", lambda x, i: x[:, i], (jnp.ones((2, 3)), array([0, 7]))
    yield "take", lambda x, i: jnp.take(x, i), (jnp.arange(3.0), array(7))
    yield "update", lambda x, i: x.at[i].set(1.0), (jnp.arange(3.0), array(5))
    yield "slice", lambda x, i: lax.dynamic_slice(x, (i,), (2,)), (jnp.arange(3.0), array(5))
    yield "slice update", lambda x, i: lax.dynamic_update_slice(x, x[:2], (i,)), (jnp.arange(3.0), array(5))
    yield "no boolean", lambda x: c.check(1, "text"), (array(1.0),)
    yield "no scalar", lambda x: c.check(array([True]), "text"), (array(1.0),)
    yield "no array", lambda x: c.check(x > 0, "{}", "text"), (array(1.0),)


def outcome(c, function, arguments):
    """Text and kind of the error, and the result; or the class of the exception."""
    try:
        error, out = c.checkify(function, errors=c.all_checks)(*arguments)
    except Exception as exception:
        return type(exception)
    return error.get(), type(error.get_exception()).__name__, jax.tree.map(np.asarray, out)


PAIRS = list(zip(programs(cujax, checkify), programs(jax, theirs), strict=True))


@pytest.mark.parametrize(("ours", "theirs_"), PAIRS, ids=[ours[0] for ours, _ in PAIRS])
def test_agrees_with_jax(ours, theirs_):
    found, expected = outcome(checkify, *ours[1:]), outcome(theirs, *theirs_[1:])
    if isinstance(expected, type):
        assert found is expected
    else:
        assert found[:2] == expected[:2]
        jax.tree.map(np.testing.assert_allclose, found[2], expected[2])


def positive(x):
    checkify.check(x > 0, "{} is not positive", x)
    return 2 * x


def test_only_what_is_asked_for_is_checked():
    error, _ = checkify.checkify(jnp.log)(-1.0)
    assert error.get() is None and error.get_exception() is None
    error.throw()
    error, _ = checkify.checkify(positive, errors=checkify.nan_checks)(jnp.array(-1.0))
    assert error.get() is None
    assert checkify.init_error.get() is None


def test_errors_go_through_jit_and_vmap():
    x = jnp.array([1.0, -2.0, -3.0])
    error, out = cujax.jit(cujax.vmap(checkify.checkify(positive)))(x)
    assert error.get().split("\n") == [
        "at mapped index 1: -2.0 is not positive (`check` failed)",
        "at mapped index 2: -3.0 is not positive (`check` failed)",
    ]
    assert out.tolist() == [2, -4, -6]
    with pytest.raises(checkify.JaxRuntimeError, match="mapped index 1"):
        error.throw()
    assert "-2.0 is not positive" in repr(error)
    error, _ = cujax.jit(checkify.checkify(cujax.vmap(positive)))(x)  # of a batch inside, the first counts
    assert error.get() == "-2.0 is not positive (`check` failed)"


def test_derivatives_of_checked_functions():
    def loss(x):
        error, out = checkify.checkify(positive)(x)
        return out**2, error

    slope, error = cujax.grad(loss, has_aux=True)(jnp.array(-3.0))
    assert slope == -24 and error.get() == "-3.0 is not positive (`check` failed)"


def test_functions_keep_their_own_derivatives():
    @cujax.custom_jvp
    def f(x):
        return jnp.log(x)

    f.defjvps(lambda t, out, x: 7 * t)
    checked = checkify.checkify(f, errors=checkify.float_checks)
    assert cujax.grad(lambda x: checked(x)[1])(2.0) == 7
    assert checked(-1.0)[0].get() == "nan generated by primitive: custom_jvp_call."


def test_outside_checkify_a_check_raises():
    with pytest.raises(checkify.JaxRuntimeError, match=r"-1\.0 is not positive"):
        positive(jnp.array(-1.0))
    with pytest.raises(checkify.JaxRuntimeError, match=r"-1\.0 is not positive"):
        cujax.jit(positive)(-1.0)
    with pytest.raises(checkify.JaxRuntimeError, match=r"-1\.0 is not positive"):
        cujax.jit(cujax.vmap(positive))(jnp.array([1.0, -1.0]))
    for derivative in (cujax.grad(positive), lambda x: cujax.jvp(positive, (x,), (x,))):
        with pytest.raises(checkify.JaxRuntimeError, match=r"-1\.0 is not positive"):
            derivative(-1.0)
    assert cujax.jit(positive)(1.0) == 2
    checkify.debug_check(False, "nothing")
    cujax.jit(lambda x: checkify.debug_check(x > 0, "nothing"))(-1.0)


def test_a_value_becomes_a_check_again():
    error, _ = checkify.checkify(positive)(jnp.array(-1.0))
    for raised in (lambda: checkify.check_error(error), lambda: cujax.jit(checkify.check_error)(error)):
        with pytest.raises(checkify.JaxRuntimeError, match=r"-1\.0 is not positive"):
            raised()
    again, _ = checkify.checkify(checkify.check_error)(error)
    assert again.get() == error.get()
    with pytest.raises(ValueError, match="expected an Error"):
        checkify.check_error("text")


def test_loops_under_vmap_are_refused_with_the_way_around():
    def count(x):
        return lax.while_loop(lambda s: s < 5, lambda s: (checkify.check(s != 3, "s is {}", s), s + 1)[1], x)

    x = jnp.array([0, 4])
    with pytest.raises(NotImplementedError, match=r"vmap\(checkify\(f\)\)"):
        checkify.checkify(cujax.vmap(count))(x)
    error, out = cujax.vmap(checkify.checkify(count))(x)
    assert error.get() == "at mapped index 0: s is 3 (`check` failed)" and out.tolist() == [5, 5]
