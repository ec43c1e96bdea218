"""`pytest --nvrtc`: every program that a test compiles is compiled for devices too, by NVRTC, which needs no GPU.

Takes about half a second for each new program.  A test whose kernels NVRTC refuses, or that spill registers, fails.
"""

from __future__ import annotations

from typing import Any

from cujax.engine.backends.cuda_compiler import resources
from cujax.engine.compiler import program
from cujax.engine.compiler.kernel import without_comments

ARCHITECTURES = (80, 90)


class DeviceCode:
    """Stands before `generated`; remembers what has been compiled."""

    def __init__(self) -> None:
        self._generated = program.generated
        self.seen: set[str] = set()
        self.kernels = 0

    def install(self) -> None:
        program.generated = self

    def __call__(self, tape: Any, language: str | None, *options: Any) -> Any:
        if language == "host":
            made = self._generated(tape, "cuda", *options)
            if made.kernels:
                self._compile(without_comments(made.source))
        return self._generated(tape, language, *options)

    def _compile(self, source: str) -> None:
        if source in self.seen:
            return
        self.seen.add(source)
        for architecture in ARCHITECTURES:
            found = resources(source, architecture)
            self.kernels += len(found) if architecture == ARCHITECTURES[0] else 0
            for name, used in found.items():
                assert not used.spill_stores, f"{name} spills on sm_{architecture}: {used}\n{source}"
