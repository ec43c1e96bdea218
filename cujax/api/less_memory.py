"""What a jitted call does when memory has run out: it is run once more, and then says what it holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cujax.engine.backends.out_of_memory import explain, run_with_less
from cujax.engine.backends.select import selected
from cujax.engine.compiler.program import compile_tape
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.tape import Tape
from cujax.engine.ground.errors import OutOfMemoryError


def run_again(call: Callable[[], Any], name: str, tape: Tape, argument_names: Sequence[str]) -> Any:
    """`call()`, which runs `tape`, after unused memory has been given back; OutOfMemoryError if that is not enough.

    The first try must not have overwritten arguments.
    """
    return run_with_less(call, selected(), name, lambda: held_by(tape, argument_names))


def explained(error: MemoryError, name: str, tape: Tape, argument_names: Sequence[str]) -> OutOfMemoryError:
    """The error for a function that must not be run again, because it has done something that can be seen."""
    return OutOfMemoryError(explain(error, selected(), name, held_by(tape, argument_names)))


def held_by(tape: Tape, argument_names: Sequence[str]) -> list[tuple[str, int]]:
    """The arguments, the results, and the memory in which values lie between kernels: in words, and in bytes."""
    inputs = zip((v.aval for v in tape.inputs), argument_names, strict=True)
    held = [(f"{aval.str_short()}, {name}", _bytes(aval)) for aval, name in inputs]
    held += [(f"{aval.str_short()}, result {i}", _bytes(aval)) for i, aval in enumerate(tape.out_avals)]
    return [*held, ("values between the kernels", compile_tape(tape).arena.nbytes)]


def _bytes(aval: ShapedArray) -> int:
    return aval.size * aval.dtype.itemsize
