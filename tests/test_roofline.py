"""The estimates for a device: what is read of machine code, what is counted, what follows from it."""

from __future__ import annotations

from collections import Counter
from math import prod

import numpy as np
import pytest

import cujax
import cujax.numpy as jnp
from bench import page, workloads
from bench.case import SCALES
from bench.roofline import device, published
from bench.roofline.machine_code import Code, instructions_in, pipe, width
from bench.roofline.operations import STEPS, counted
from cujax.engine.backends.api import KernelCall
from cujax.engine.backends.cuda_compiler import Resources
from cujax.engine.compiler.passes import optimized
from cujax.engine.compiler.plan import make_plan

# As nvdisasm prints it: a loop with a rare loop and a rare call inside, then the branch to itself behind the end.
LISTING = """
.text.example:
        /*0000*/                   S2R R0, SR_TID.X ;
.L_x_1:
        /*0010*/                   LDG.E.CONSTANT R3, desc[UR4][R2.64] ;
        /*0020*/              @!P0 BRA `(.L_x_3) ;
.L_x_2:
        /*0030*/                   IMAD R4, R4, R5, RZ ;
        /*0040*/               @P1 BRA `(.L_x_2) ;
.L_x_3:
        /*0050*/                   FADD R3, R3, R3 ;
        /*0060*/               @P2 BRA `(.L_x_4) ;
        /*0070*/                   CALL.REL.NOINC `($slowpath) ;
.L_x_4:
        /*0080*/                   FMUL R3, R3, R3 ;
        /*0090*/                   STG.E.128 desc[UR4][R6.64], R8 ;
        /*00a0*/               @P3 BRA `(.L_x_1) ;
        /*00b0*/                   EXIT ;
.L_x_5:
        /*00c0*/                   BRA `(.L_x_5);
$slowpath:
        /*00d0*/                   MUFU.RSQ R3, R3 ;
"""


@pytest.fixture
def code() -> Code:
    return Code(Resources(32, 0, 0, 0, 0), instructions_in(LISTING)["example"])


def test_a_turn_of_a_loop_is_its_usual_way(code):
    (turn,) = code.turns()  # the rare loop computes with integers alone
    assert turn.instructions == {"memory": 2, "control": 3, "float": 2}
    assert (turn.loads, turn.stored) == ({4: 1}, 16)
    assert code.bytes_ahead({4}) == 4 and code.bytes_ahead({8}) == 0


def test_the_way_through_a_kernel_without_a_loop_of_its_own():
    listing = LISTING.replace("@P3 BRA `(.L_x_1)", "NOP")
    code = Code(Resources(32, 0, 0, 0, 0), instructions_in(listing)["example"])
    assert code.through() == {"memory": 2, "control": 4, "float": 2}


def test_units_and_widths_of_instructions():
    found = [pipe(x) for x in ("FFMA", "IMAD.WIDE", "DADD", "MUFU.EX2", "LOP3.LUT", "LDG.E", "FSETP.GT", "BRA")]
    assert found == ["float", "multiply", "f64", "special", "integer", "memory", "integer", "control"]
    assert [width(x) for x in ("LDG.E", "LDG.E.128.CONSTANT", "STG.E.64", "LDG.E.U8")] == [4, 16, 8, 1]


@pytest.mark.parametrize(
    ("registers", "shared", "expected"), [(32, 0, 2048), (33, 0, 1536), (128, 0, 512), (32, 100 * 1024, 512)]
)
def test_how_many_threads_run_at_a_time(registers, shared, expected):
    taken = Code(Resources(registers, 0, 0, 0, shared), [])
    assert device.resident_threads(taken, KernelCall("k", (), 1, (1000, 1), 256)) == expected


def work_of(function, *shapes):
    arguments = [cujax.ShapeDtypeStruct(s, np.float32) for s in shapes]
    tape = optimized(cujax.make_jaxpr(function)(*arguments).tape)
    return [counted(region) for region in make_plan(tape, "cuda").steps]


def names(counts) -> Counter:
    found: Counter = Counter()
    for kind, count in counts.items():
        found[kind.name] += count
    return found


def test_what_a_map_does():
    (work,) = work_of(lambda x: jnp.sin(x) * x + 1, (10, 20))
    assert names(work.operations) == {"sin": 200, "mul": 200, "add": 200}
    assert (work.loads, work.stores, work.elements) == (200, 200, 200)
    assert not work.reduces


def test_what_a_reduction_does():
    """What is the same for a whole row is computed once for it."""
    (work,) = work_of(lambda x, y: (x - jnp.exp(y)[:, None]).sum(1), (1000, 64), (1000,))
    found = names(work.operations)
    assert found["sub"] == found["combine"] == 64_000
    (work,) = work_of(lambda x, y: (x * jnp.exp(y)[:, None]).sum(1), (1000, 64), (1000,))
    assert "mul" not in (found := names(work.operations)) and found["combine"] == 64_000  # in one instruction
    assert work.reduces and work.lanes is None


def test_what_is_loaded_for_several_results_is_counted_once():
    alone, together = (work_of(lambda x, y: abs(x[:, None] - y).sum(1), (n,), (64,))[0] for n in (1000, 1024))
    assert (alone.loads, together.loads) == (1000 * 64, 1024 * 64 // 4)


def test_what_lanes_do():
    """As often as their loops turn; of one that nobody has counted it is a guess."""
    (work,) = work_of(lambda x: cujax.lax.fori_loop(0, 50, lambda i, x: x * x * x, x), (7,))
    assert names(work.operations)["mul"] == 100 * 7 and names(work.chain)["mul"] == 100
    assert work.lanes == 7 and not work.guessed
    (work,) = work_of(cujax.vmap(lambda x: cujax.lax.while_loop(lambda x: x > 1, lambda x: x / 3, x)), (7,))
    assert names(work.operations)["div"] == STEPS * 7 and work.guessed


def test_the_targets_of_the_workloads():
    targets = {
        (name, case.name): found
        for name in workloads.FILES
        for case in workloads.cases(name, SCALES["full"])
        if (found := published.target_of(name, case))
    }
    assert targets["W6", "logistic map, last value of 10000000 steps float64"].seconds == 0.5
    assert targets["W1", "a*x+b float32 2^26"].seconds == pytest.approx(prod((2, 4, 2**26)) / 4.3e12 / 0.9)
    assert {name for name, _ in targets} == {"W1", "W3", "W5", "W6", "W7", "W8", "W13"}


def test_the_figures_of_jax_have_a_source():
    for name in workloads.FILES:
        for case in workloads.cases(name, SCALES["full"]):
            found = published.jax_of(name, case)
            assert found is None or (found.seconds > 0 and found.source)


def test_the_page_shows_what_is_in_the_results():
    assert page.PAGE.read_text() == page.page(), "run: python -m bench.page"


def test_estimates_are_marked_as_such():
    text = page.page()
    assert "Estimates are marked as such." in text
    assert "**Estimates: nothing was measured and no device was at hand.**" in text
