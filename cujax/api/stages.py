"""The stages of `jit`, one by one: `jit(f).trace(...)`, then `.lower()`, then `.compile()`.

    Traced    the tape, as `make_jaxpr` shows it
    Lowered   the tape after the compiler's passes
    Compiled  a callable for arguments of exactly the traced kind
    MemoryAnalysis  the bytes that a call needs
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from cujax.api.shape_dtype import struct_of
from cujax.engine.compiler.analysis import analyse
from cujax.engine.compiler.generate import LANGUAGES
from cujax.engine.compiler.passes import optimized
from cujax.engine.compiler.program import source
from cujax.engine.compiler.traffic import bytes_of
from cujax.engine.core.aval import ShapedArray, same_array_type
from cujax.engine.core.tape import ClosedTape
from cujax.engine.core.trace import Tracer, aval_of
from cujax.engine.ground import pytree


class ArgInfo(NamedTuple):
    """One leaf of the arguments: shape and dtype, and whether its memory may be taken for a result."""

    aval: ShapedArray
    donated: bool

    @property
    def shape(self) -> tuple[int, ...]:
        return self.aval.shape

    @property
    def dtype(self) -> Any:
        return self.aval.dtype


class MemoryAnalysis(NamedTuple):
    """Bytes that one call needs: of arguments, results, and values in between at the worst moment.

    alias_size_in_bytes: of donated arguments whose buffers are overwritten, and which results take.

    kernels, launches: generated kernels, and how often one is launched, in one run of the function's own steps and
    of each of its loops' bodies and branches.  bytes_moved: what these, and library calls, read and write.
    """

    argument_size_in_bytes: int
    output_size_in_bytes: int
    temp_size_in_bytes: int
    alias_size_in_bytes: int = 0
    generated_code_size_in_bytes: int = 0
    kernels: int = 0
    launches: int = 0
    bytes_moved: int = 0


class Stage:
    """What all stages tell of their function."""

    def __init__(
        self, recording: Any, in_tree: pytree.PyTreeDef, avals: Sequence[ShapedArray], donated: Sequence[bool]
    ) -> None:
        self._recording = recording
        self._avals = list(avals)
        self._donated = list(donated)
        self.in_tree = in_tree
        self.out_tree = recording.out_tree

    @property
    def in_avals(self) -> Any:
        """Avals of the dynamic arguments, as `(args, kwargs)`."""
        return self.in_tree.unflatten(self._avals)

    @property
    def args_info(self) -> Any:
        """An `ArgInfo` for each leaf of the dynamic arguments, as `(args, kwargs)`."""
        return self.in_tree.unflatten(map(ArgInfo, self._avals, self._donated))

    @property
    def out_info(self) -> Any:
        """A `ShapeDtypeStruct` for each leaf of the result."""
        return self.out_tree.unflatten([struct_of(a) for a in self._recording.tape.out_avals])

    @property
    def donate_argnums(self) -> tuple[int, ...]:
        """Positions of donated leaves."""
        return tuple(i for i, donated in enumerate(self._donated) if donated)

    def _next(self, stage: type) -> Any:
        return stage(self._recording, self.in_tree, self._avals, self._donated)


class Traced(Stage):
    """A function traced for one kind of arguments."""

    @property
    def jaxpr(self) -> ClosedTape:
        """The tape with its captured values."""
        return ClosedTape(self._recording.tape, self._recording.captured)

    @property
    def fun_name(self) -> str:
        return self._recording.tape.name

    @property
    def out_avals(self) -> Any:
        return self.out_tree.unflatten(self._recording.tape.out_avals)

    def lower(self) -> Lowered:
        """Apply the compiler's passes."""
        return self._next(Lowered)


class Lowered(Stage):
    """A function in the form that is compiled."""

    def as_text(self, dialect: str | None = None) -> str:
        """The tape after the compiler's passes; with `dialect` "cuda" or "host", the source of its kernels.

        Loops and branches are programs of their own, whose kernels follow.  ValueError for another dialect.
        """
        tape = self._recording.tape
        if dialect is None:
            return str(ClosedTape(optimized(tape), self._recording.captured))
        if dialect not in LANGUAGES:
            raise ValueError(
                f"as_text: there is no dialect {dialect!r}; write one of {', '.join(map(repr, LANGUAGES))} for the "
                "source of the kernels, or nothing for the tape"
            )
        return source(tape, dialect, self._recording.owned)

    def cost_analysis(self) -> dict[str, float]:
        """`bytes accessed`: what one run reads and writes."""
        return {"bytes accessed": float(analyse(self._recording.tape, self._recording.owned).bytes_moved)}

    def compile(self, compiler_options: Any = None, *, device_assignment: Any = None) -> Compiled:
        """Make it callable.  compiler_options, device_assignment: XLA's; accepted, without effect."""
        return self._next(Compiled)


class Compiled(Lowered):
    """A function compiled for one kind of arguments, called with arguments of that kind."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The result.  TypeError for arguments of another structure, shape or dtype, and for tracers."""
        leaves, in_tree = pytree.flatten((args, kwargs))
        if in_tree != self.in_tree:
            raise TypeError(
                f"{self._name} was compiled for arguments of structure {self.in_tree} (args, kwargs; without "
                f"the static ones) and called with {in_tree}. The jitted function itself takes any structure."
            )
        self._check(leaves)
        return self._recording.run(leaves)

    def memory_analysis(self) -> MemoryAnalysis:
        """The bytes that one call needs, and what it does."""
        tape = self._recording.tape
        found = analyse(tape, self._recording.owned)
        return MemoryAnalysis(
            bytes_of(self._avals), bytes_of(tape.out_avals), found.temporary_bytes, found.changed_bytes,
            kernels=found.kernels, launches=found.launches, bytes_moved=found.bytes_moved,
        )

    @property
    def _name(self) -> str:
        return self._recording.tape.name or "The function"

    def _check(self, leaves: Sequence[Any]) -> None:
        for position, (leaf, expected) in enumerate(zip(leaves, self._avals, strict=True)):
            if isinstance(leaf, Tracer):
                raise TypeError(
                    f"{self._name} was compiled and takes arrays, not {leaf}: inside jit, grad and vmap call "
                    "the jitted function itself."
                )
            if not same_array_type(aval_of(leaf), expected):
                paths = pytree.leaves_with_path(self.in_tree.unflatten(leaves))
                where = pytree.keystr(paths[position][0])
                raise TypeError(
                    f"{self._name} was compiled for {expected.str_short()} at (args, kwargs){where} and "
                    f"called with {aval_of(leaf).str_short()}. The jitted function itself takes any type; if "
                    "the dtypes differ in width, enable_x64 was changed in between."
                )


__all__ = ["ArgInfo", "Compiled", "Lowered", "MemoryAnalysis", "Stage", "Traced"]
