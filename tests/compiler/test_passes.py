"""The passes by themselves, and what `CUJAX_DUMP` writes."""

from __future__ import annotations

import numpy as np

import cujax
import cujax.numpy as jnp
from cujax import lax
from cujax.engine.backends.select import selected
from cujax.engine.compiler.passes import (
    PASSES,
    fold_scalar_constants,
    inline_calls,
    optimize,
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


def test_equal_subexpressions_are_shared_but_zeros_of_different_sign_are_not():
    tape = share_common_subexpressions(tape_of(lambda x: jnp.sin(x) + jnp.sin(x), 1.0))
    assert names(tape) == ["sin", "add"]
    tape = share_common_subexpressions(tape_of(lambda x: (x * np.float32(0.0), x * np.float32(-0.0)), 1.0))
    assert names(tape).count("mul") == 2


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
