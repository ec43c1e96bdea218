"""Machine code of kernels for an architecture: kept on the disk, made by NVRTC when it is not there."""

from __future__ import annotations

from cujax.engine.backends import disk_cache
from cujax.engine.backends.cuda_compiler import compile_for, settings


def machine_code(source: str, arch: int) -> bytes:
    """The code of `source` for the architecture `arch`; KernelCompileError when NVRTC refuses."""
    cache, key = disk_cache.configured(), _key(source, arch)
    code = cache.get(key)
    if code is None:
        code = compile_for(source, arch)
        cache.put(key, code)
    return code


def forget_code(source: str, arch: int) -> None:
    """Remove what a driver has refused to load, so that it is made again."""
    disk_cache.configured().discard(_key(source, arch))


def _key(source: str, arch: int) -> str:
    return disk_cache.key_of("cuda", source, *settings(arch))
