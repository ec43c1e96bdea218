"""The C++ headers that the text of every kernel is compiled against: where they are and what they say."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from pathlib import Path


@cache
def headers_folder() -> Path:
    """The folder of `cujax.kernels`."""
    return Path(str(files("cujax.kernels")))


@cache
def headers_digest() -> str:
    """A hash of all headers, for the key of what was compiled against them."""
    digest = hashlib.sha256()
    for path in sorted(headers_folder().glob("*.h")):
        digest.update(f"{path.name}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
