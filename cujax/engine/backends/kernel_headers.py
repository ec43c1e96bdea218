"""The C++ headers that the text of every kernel is compiled against: where they are and what they say."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path


@cache
def headers_folder() -> Path:
    """The folder of `cujax.kernels`; in a checkout that is not installed, the one beside the package.

    `importlib.resources` would tell it too, and take longer than loading a kernel.
    """
    spec = find_spec("cujax.kernels")
    if spec is None or not spec.submodule_search_locations:
        return Path(__file__).parents[3] / "kernels"
    return Path(next(iter(spec.submodule_search_locations)))


@cache
def headers_digest() -> str:
    """A hash of all headers, for the key of what was compiled against them."""
    digest = hashlib.sha256()
    for path in sorted(headers_folder().glob("*.h")):
        digest.update(f"{path.name}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
