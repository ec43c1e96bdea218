"""The passes by themselves, and what `CUJAX_DUMP` writes."""

from __future__ import annotations

import numpy as np
import pytest

import cujax
import cujax.numpy as jnp
from cujax import lax
from cujax.engine.backends import numpy_special
from cujax.engine.backends.select import selected
from cujax.engine.compiler.passes import (
    PASSES,
    drop_factors_of_one,
    fold_scalar_constants,
    inline_calls,
    optimize,
    optimized,
    share_common_subexpressions,
)
from cujax.engine.core.check import check_tape
from cujax.engine.core.tape import Literal
from cujax.engine.ground.config import config


def tape_of(function, *args):
    return cujax.make_jaxpr(function)(*args).tape


def names(tape):
    return [e.primitive.name for e in tape.eqns]


def test_calls_are_inlined_at_any_depth():
    inner = cujax.jit(lambda x: jnp.sin(x) + 1)
    outer = cujax.jit(lambda x: inner(x) * inner(x))
    tape = inline_calls(tape_of(lambda x: outer(x) - 1, 1.0))
    assert names(check_tape(tape)) == ["sin", "add", "sin", "add", "mul", "sub"]


def test_custom_rules_are_inlined_too():
    @cujax.custom_jvp
    def function(x):
        return jnp.sin(x)

    function.defjvp(lambda p, t: (function(*p), t[0]))
    assert names(inline_calls(tape_of(lambda x: function(x) * 2, 1.0))) == ["sin", "mul"]


def test_scalar_constants_are_folded_but_captured_arrays_are_not():
    captured = jnp.arange(3.0)
    tape = fold_scalar_constants(tape_of(lambda x: x * lax.exp(lax.add(np.float32(1), np.float32(2))), 1.0))
    assert names(tape) == ["mul"] and any(isinstance(a, Literal) for a in tape.eqns[0].inputs)
    assert "sin" in names(optimize(tape_of(lambda x: x + jnp.sin(captured), 1.0)))


def test_constants_that_need_scipy_are_left_to_the_kernel_where_it_is_missing(monkeypatch):
    tape = tape_of(lambda x: x * lax.igamma(np.float32(2), np.float32(3)), 1.0)
    assert names(fold_scalar_constants(tape)) == ["mul"]
    monkeypatch.setattr(numpy_special, "_scipy", lambda: None)
    assert names(fold_scalar_constants(tape)) == ["igamma", "mul"]


def test_equal_subexpressions_are_shared_but_zeros_of_different_sign_are_not():
    tape = share_common_subexpressions(tape_of(lambda x: jnp.sin(x) + jnp.sin(x), 1.0))
    assert names(tape) == ["sin", "add"]
    tape = share_common_subexpressions(tape_of(lambda x: (x * np.float32(0.0), x * np.float32(-0.0)), 1.0))
    assert names(tape).count("mul") == 2


def test_factors_of_one_are_dropped():
    ones = np.float32(1)
    assert names(drop_factors_of_one(tape_of(lambda x: lax.mul(x, ones) + 1, np.float32(2)))) == ["add"]
    tape = drop_factors_of_one(tape_of(lambda x: x * jnp.ones(3) * 2 * jnp.ones(3), np.arange(3, dtype="f")))
    assert names(tape).count("mul") == 1
    assert "mul" in names(drop_factors_of_one(tape_of(lambda x: x * jnp.ones(3), 2.0)))  # it has another shape
    assert names(optimized(tape_of(cujax.grad(lambda x: x.sum() * ones), np.arange(3.0)))) == ["broadcast_in_dim"]
    special = np.array([np.nan, -np.inf, -0.0, 1e-45], np.float32)
    assert np.asarray(cujax.jit(lambda x: x * ones)(special)).tobytes() == special.tobytes()


@pytest.mark.parametrize("square", [lambda x: x**2, jnp.square], ids=["power", "square"])
def test_squares_of_absolute_values_take_no_root(square):
    z = np.array([3 + 4j, 1e-3 - 2j, 0, 1e19 + 1e19j, -np.inf], np.complex64)
    assert sorted(names(optimized(tape_of(lambda z: square(abs(z)), z)))) == ["add", "imag", "real", "square", "square"]
    found = cujax.jit(lambda z: square(abs(z)))(z)
    np.testing.assert_allclose(found, z.real.astype(float) ** 2 + z.imag.astype(float) ** 2, rtol=2e-7)


def test_a_root_that_is_read_itself_is_squared():
    def both(z):
        size = abs(z)
        return size, size**2

    assert names(optimized(tape_of(both, np.ones(3, np.complex64)))) == ["abs", "integer_pow"]
    assert names(optimized(tape_of(lambda x: abs(x) ** 2, np.ones(3, np.float32)))) == ["abs", "integer_pow"]


def test_a_barrier_and_a_checkpoint_are_not_shared():
    def function(x):
        a, b = lax.optimization_barrier((jnp.sin(x), x)), lax.optimization_barrier((jnp.sin(x), x))
        return a[0] + b[0]

    assert names(optimize(tape_of(function, 1.0))).count("optimization_barrier") == 2


def test_effects_stay_and_keep_their_order(capsys):
    def function(x):
        cujax.debug.print("first {}", x)
        cujax.debug.print("second {}", x)
        return x

    cujax.jit(function)(1.0)
    cujax.effects_barrier()
    assert capsys.readouterr().out.splitlines() == ["first 1.0", "second 1.0"]


def test_dump_writes_each_pass_the_plan_and_the_source(tmp_path):
    def dumped(x):
        return jnp.sin(x) * 2

    with config.override("dump", str(tmp_path)):
        cujax.jit(dumped)(np.ones(5, np.float32))
    expected = ["0_as_recorded.txt", *[f"{k}_{name}.txt" for k, (name, _) in enumerate(PASSES, 1)]]
    if selected().kernels is not None:
        expected.append(f"{len(PASSES) + 1}_fuse.txt")
    expected += [f"{len(PASSES) + 2}_schedule.txt", f"{len(PASSES) + 3}_emit.cpp"]
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(f"dumped.{name}" for name in expected)
    if selected().kernels is not None:
        assert "cj::sin" in (tmp_path / f"dumped.{len(PASSES) + 3}_emit.cpp").read_text()


# --- results of loops that nobody reads -----------------------------------------------------------------------------


def carries(f, *args):
    """How many values the only loop in `f` carries after the passes."""
    (eqn,) = [e for e in optimized(tape_of(f, *args)).eqns if e.primitive.name in ("scan", "while")]
    tape = eqn.params["tape"] if eqn.primitive.name == "scan" else eqn.params["body_tape"]
    return eqn.params.get("num_carry", len(tape.outputs))


def test_a_counter_that_the_body_does_not_read_is_not_carried():
    x = jnp.ones(3)
    assert carries(lambda x: lax.fori_loop(0, 9, lambda i, x: x * 2, x), x) == 1
    assert carries(lambda x: lax.fori_loop(0, 9, lambda i, x: x * i, x), x) == 2


def test_carries_that_a_result_depends_on_stay():
    def step(state, x):
        a, b, c, d = state
        return (a + b, b * c, c + 1, d + a), (d, x)

    def run(xs, which):
        carry, ys = lax.scan(step, (1.0, 2.0, 3.0, 4.0), xs)
        return (*carry, *ys)[which]

    xs = jnp.ones(5)
    found = [carries(lambda xs, k=k: run(xs, k), xs) for k in range(5)]
    assert found == [3, 2, 1, 4, 4]
    (eqn,) = [e for e in optimized(tape_of(lambda xs: run(xs, 2), xs)).eqns if e.primitive.name == "scan"]
    assert len(eqn.inputs) == 1 and len(eqn.outputs) == 1
    assert [float(cujax.jit(run, static_argnums=1)(xs, k)) for k in range(3)] == [float(run(xs, k)) for k in range(3)]


def test_what_an_effect_reads_stays(capfd):
    def step(i, x):
        cujax.debug.print("{}", i)
        return x * 2

    assert float(cujax.jit(lambda x: lax.fori_loop(0, 2, step, x))(1.0)) == 4
    cujax.effects_barrier()
    assert capfd.readouterr().out.split() == ["0", "1"]


def test_a_while_loop_keeps_what_its_condition_needs():
    def run(x):
        return lax.while_loop(lambda s: s[0] < 5, lambda s: (s[0] + 1, s[1] * s[0], s[2] + s[1]), (0.0, x, x))

    assert [carries(lambda x, k=k: run(x)[k], 2.0) for k in range(3)] == [1, 2, 3]
    assert [float(cujax.jit(lambda x, k=k: run(x)[k])(2.0)) for k in range(3)] == [float(v) for v in run(2.0)]


def test_loops_inside_loops_lose_what_nobody_reads_before_the_outer_one_is_looked_at():
    def inner(i, x):
        return lax.scan(lambda s, _: ((s[0] * 2, s[1] + i), None), (x, 0), length=3)[0][0]

    assert carries(lambda x: lax.fori_loop(0, 4, inner, x), jnp.ones(3)) == 1
