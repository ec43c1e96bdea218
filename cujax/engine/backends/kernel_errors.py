"""A kernel that does not compile: the error, and its text kept for whoever looks into it.

Both kernel targets raise `KernelCompileError`, by `compile_error`; `UserSourceError` is of a source that a user gave.
"""

from __future__ import annotations

import os
import tempfile

from cujax.engine.ground.config import config
from cujax.engine.ground.errors import JaxRuntimeError

_LINES_SHOWN = 12


class KernelCompileError(JaxRuntimeError):
    """The compiler refused the text of a program's kernels; this is a defect of cujax, not of the program.

    compiler: who refused.  log: all that it said.  path: where the text has been saved, None where that failed.
    """

    def __init__(self, compiler: str, log: str, path: str | None) -> None:
        self.compiler, self.log, self.path = compiler, log, path
        lines = log.strip().splitlines()
        shown = "\n".join(f"  {line}" for line in lines[:_LINES_SHOWN])
        more = f"\n  ... and {len(lines) - _LINES_SHOWN} more lines" if len(lines) > _LINES_SHOWN else ""
        saved = f"saved in {path}" if path else "which could not be saved"
        super().__init__(f"{compiler} does not compile the kernels of a program, {saved}:\n{shown}{more}")

    def __reduce__(self):
        return type(self), (self.compiler, self.log, self.path)


class UserSourceError(JaxRuntimeError):
    """The compiler refused the source of a `cuda_op`; the message has the source, and what the compiler said of it.

    name: of the op.  source, compiler, log: the user's lines, who refused them, and all that it said.
    """

    def __init__(self, name: str, source: str, compiler: str, log: str) -> None:
        self.name, self.source, self.compiler, self.log = name, source, compiler, log
        lines = "".join(f"\n  {line}" for line in source.splitlines())
        said = "".join(f"\n  {line}" for line in log.strip().splitlines()[:_LINES_SHOWN])
        super().__init__(
            f"cuda_op {name!r}: {compiler} does not compile its source. Its operands are scalars by their names, its "
            f"preamble stands before it, and what is CUDA's alone exists on a GPU only.\n{lines}\n\n"
            f"The compiler says:{said}"
        )

    def __reduce__(self):
        return type(self), (self.name, self.source, self.compiler, self.log)


def compile_error(compiler: str, log: str, source: str, suffix: str) -> KernelCompileError:
    """The error to raise for `source`, whose text is saved in a file that ends in `suffix`."""
    return KernelCompileError(compiler, log, save_text(source, suffix))


def save_text(source: str, suffix: str) -> str | None:
    """The path of a new file with the text, under `config.dump` or else the system's temporary directory."""
    try:
        if config.dump:
            os.makedirs(config.dump, exist_ok=True)
        handle, path = tempfile.mkstemp(suffix, "cujax-kernels-", config.dump or None)
        with os.fdopen(handle, "w") as file:
            file.write(source)
    except OSError:
        return None
    return path
