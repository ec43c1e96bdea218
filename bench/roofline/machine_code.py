"""What the compiler makes of a kernel: its resources, its instructions, and its loops.

    codes(source)      for each kernel of a source a `Code`

Read from what nvdisasm prints.  A loop is what lies between the target of a backward branch and the branch.  Which way
through a piece of code is the usual one the text does not say.  What is rarely run calls a function (the denormals of
a square root) or is a loop of its own (large arguments of `sin`); other short cuts are for infinities and the like.  So
the *way* that is counted is the longest one that does neither.  What a kernel does again where a number was special is
taken out of the text before: it is as long as the usual way, and follows it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from cujax.engine.backends.cuda_compiler import Resources, compile_for, resources
from cujax.engine.compiler.emit_cuda import FLAG

ARCHITECTURE = 90


class NoDisassembler(Exception):
    """nvdisasm is not installed."""


class Instruction(NamedTuple):
    """text: without its predicate.  target: where it jumps to.  is_sure: no predicate."""

    opcode: str
    text: str
    target: int | None
    is_sure: bool


Counts = Counter[str]  # instructions by pipe


def pipe(opcode: str) -> str:
    """The unit of a multiprocessor that executes it; `float` shares one with `multiply`, products of integers."""
    word = opcode.split(".")[0]
    for name, words in _PIPES.items():
        if word in words:
            return name
    return "f64" if word[0] == "D" else "float" if word[0] == "F" else "integer"


_PIPES = {
    "special": ("MUFU", "F2I", "I2F", "F2F", "FRND", "I2I", "POPC", "FLO"),
    "memory": ("LDG", "STG", "LDS", "STS", "LDL", "STL", "LD", "ST", "ATOM", "ATOMG", "ATOMS", "RED", "SHFL", "LDSM"),
    "control": (
        "BRA", "EXIT", "CALL", "RET", "BSSY", "BSYNC", "NOP", "BAR", "WARPSYNC", "MATCH", "VOTE", "VOTEU", "S2R",
        "S2UR", "ENDCOLLECTIVE", "LDC", "ULDC", "CS2R", "DEPBAR",
    ),
    "multiply": ("IMAD", "HFMA2"),
    "integer": ("FSETP", "FSEL", "FMNMX", "FCHK", "FSET"),
}  # fmt: skip


class Code:
    """One kernel: its resources and instructions."""

    def __init__(self, taken: Resources, instructions: list[Instruction]) -> None:
        self.taken, self.instructions = taken, instructions

    @property
    def counts(self) -> Counts:
        """All instructions, by pipe."""
        return _counts(self.instructions)

    @cached_property
    def local(self) -> int:
        """Instructions that read or write local memory."""
        return sum(i.opcode.split(".")[0] in ("LDL", "STL") for i in self.instructions)

    def through(self) -> Counts:
        """The instructions from the beginning to the end."""
        ends = [k for k, i in enumerate(self.instructions) if i.opcode == "EXIT" and i.is_sure]
        return _counts(max((self._way(0, end) for end in ends), key=len, default=[]))

    def turns(self) -> list[Turn]:
        """One turn of each loop that writes to memory or computes with floats: not the loops of a library function."""
        found = [Turn.of(self._way(first, last)) for first, last in self._loops]
        return [t for t in found if t.stored or any(t.instructions[p] for p in ("float", "f64"))]

    @cached_property
    def _loops(self) -> list[tuple[int, int]]:
        """First and last instruction of each."""
        return [(i.target, k) for k, i in enumerate(self.instructions) if i.target is not None and i.target < k]

    def bytes_ahead(self, widths: set[int]) -> int:
        """Bytes that a thread asks memory for before it waits: of the straight piece with the most loads.

        widths: bytes of the loads that count; the tables of library functions are read in others.
        """
        most = now = 0
        targets = {i.target for i in self.instructions}
        for k, i in enumerate(self.instructions):
            if k in targets or i.opcode == "BRA":
                now = 0
            if i.opcode.startswith("LDG") and width(i.opcode) in widths:
                now += width(i.opcode)
            most = max(most, now)
        return most

    def _way(self, first: int, last: int) -> list[Instruction]:
        """The longest way that calls nothing and turns no inner loop; none where there is no such way."""
        inner = {k for a, b in self._loops if (a, b) != (first, last) and first <= a and b <= last for k in range(a, b)}
        lengths: dict[int, int] = {last: 1}
        following: dict[int, int] = {}
        for k in range(last - 1, first - 1, -1):
            if k in inner or self.instructions[k].opcode.startswith("CALL"):
                continue
            onward = [n for n in self._after(k) if n in lengths]
            if onward:
                following[k] = max(onward, key=lengths.__getitem__)
                lengths[k] = 1 + lengths[following[k]]
        if first not in lengths:
            return []
        way = [first]
        while way[-1] != last:
            way.append(following[way[-1]])
        return [self.instructions[k] for k in way]

    def _after(self, k: int) -> Iterable[int]:
        """What may come after an instruction, but for turning back."""
        instruction = self.instructions[k]
        if instruction.target is not None and instruction.target > k:
            yield instruction.target
        ends = instruction.is_sure and (instruction.target is not None or instruction.opcode in ("EXIT", "RET"))
        if not ends:
            yield k + 1


class Turn(NamedTuple):
    """One turn of a loop: its instructions by pipe, loads by the bytes of each, and the bytes that are stored."""

    instructions: Counts
    loads: Counter[int]
    stored: int

    @staticmethod
    def of(way: list[Instruction]) -> Turn:
        loads = Counter(width(i.opcode) for i in way if i.opcode.startswith("LDG"))
        stored = sum(width(i.opcode) for i in way if i.opcode.startswith(("STG", "ATOMG", "RED")))
        return Turn(_counts(way), loads, stored)


def _counts(way: Iterable[Instruction]) -> Counts:
    return Counter(pipe(i.opcode) for i in way if i.opcode != "NOP")


def width(opcode: str) -> int:
    """Bytes that a thread loads or stores at once."""
    parts = opcode.split(".")
    sizes = {"128": 16, "64": 8, "U8": 1, "S8": 1, "U16": 2, "S16": 2}
    return next((n for word, n in sizes.items() if word in parts), 4)


def codes(source: str) -> dict[str, Code]:
    """Every kernel of `source`, by name."""
    taken = resources(source, ARCHITECTURE)
    listed = instructions_in(_disassembled(compile_for(_without_special(source), ARCHITECTURE)))
    return {name: Code(used, listed[name]) for name, used in taken.items()}


def _without_special(source: str) -> str:
    """`source`, ending where a number was special: the question stays, since it is asked of every number."""
    asked = f"if ({FLAG}) {{"
    return source.replace(asked, f'{asked} asm volatile("trap;"); __builtin_unreachable();')


def disassembler() -> str:
    """Where nvdisasm lies: on the path, or in the package that brings it."""
    found = shutil.which("nvdisasm") or next(
        (str(p) for folder in sys.path for p in Path(folder).glob("nvidia/*/bin/nvdisasm")), None
    )
    if found is None:
        raise NoDisassembler("nvdisasm is not installed: pip install nvidia-cuda-nvdisasm")
    return found


def _disassembled(code: bytes) -> str:
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(code + b"\0")  # CuPy takes the last byte, a zero, for the end of a string
        file.flush()
        command = [disassembler(), "-c", file.name]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


_SECTION = re.compile(r"^\.text\.(\w+):")
_LABEL = re.compile(r"^(\.L_x_\d+|\$\S+):")
_LINE = re.compile(r"/\*[0-9a-f]{4,}\*/\s+(@!?U?P\w+\s+)?([A-Z][\w.]*)\s*(.*?)\s*;")
_TARGET = re.compile(r"`\((\.L_x_\d+|\$\S+?)\)")


def instructions_in(text: str) -> dict[str, list[Instruction]]:
    """Those of each kernel in what nvdisasm prints, with jumps as numbers of instructions."""
    found: dict[str, list[tuple[str, str, bool]]] = {}
    labels: dict[str, int] = {}
    lines: list[tuple[str, str, bool]] = []
    for line in text.splitlines():
        if section := _SECTION.match(line):
            lines = found.setdefault(section[1], [])
        elif label := _LABEL.match(line):
            labels[label[1]] = len(lines)
        elif instruction := _LINE.search(line):
            lines.append((instruction[2], instruction[3], not instruction[1]))
    return {name: [_linked(i, labels) for i in listed] for name, listed in found.items()}


def _linked(line: tuple[str, str, bool], labels: dict[str, int]) -> Instruction:
    opcode, text, is_sure = line
    target = _TARGET.search(text) if opcode == "BRA" else None
    return Instruction(opcode, text, labels.get(target[1]) if target else None, is_sure)
