"""Compiled kernels on disk, so that a source is compiled once for a machine: shared objects and machine code.  Beside
them lie the plans of cuDNN.

    cache = disk_cache.configured()                 what the options ask for at this moment
    key = disk_cache.key_of("host", source, flags)  everything that decides on the artefact
    code = cache.get(key)                           bytes, None where there is no sound entry
    path = cache.locate(key)                        the same as a file, for the dynamic loader
    cache.put(key, code)

Code is loaded from here, so the directory and its files must belong to this user and nobody else may write to
them; a directory for which that does not hold is not used.  An entry is one file: the payload, then a hash of key
and payload (loaders of shared objects read what the headers name and ignore what follows).  It comes into being
by renaming a finished file, so readers need no lock, and of two processes that write one key either may win.

Files lie in sixteen folders by the first digit of the key.  Each keeps to its share of the bound: a writer looks
through the folder that it writes to and removes what has not been used for longest.

A cache that cannot be used costs time and nothing else: the reason is logged once, and no method raises.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import stat
import sys
import time
from collections.abc import Iterator
from functools import cache, cached_property
from pathlib import Path

from cujax.engine.ground.config import config

_log = logging.getLogger("cujax")

_FOLDERS = 16
_DIGEST_BYTES = 32
_TOUCH_AFTER = 3600  # seconds; what was used within the last hour counts as equally recent
_ABANDONED_AFTER = 3600  # seconds; an unfinished file of this age belongs to a process that has died
_UNFINISHED = ".tmp"


def key_of(*parts: str | bytes) -> str:
    """A hash of `parts`, in which their borders count."""
    digest = hashlib.sha256()
    for part in parts:
        encoded = part.encode() if isinstance(part, str) else part
        digest.update(len(encoded).to_bytes(8, "little"))
        digest.update(encoded)
    return digest.hexdigest()


def configured() -> DiskCache:
    """The cache that the options ask for at this moment."""
    if not config.enable_compilation_cache:
        return _opened(None, 0)
    return _opened(config.compilation_cache_dir or default_directory(), config.compilation_cache_max_size)


@cache
def _opened(directory: str | None, limit: int) -> DiskCache:
    return DiskCache(directory, limit)


def default_directory() -> str | None:
    """The folder for cujax among the user's caches; None where the user has no home."""
    home = os.path.expanduser("~")
    if sys.platform == "win32":
        parent = os.environ.get("LOCALAPPDATA")
    elif sys.platform == "darwin":
        parent = os.path.join(home, "Library", "Caches")
    else:
        chosen = os.environ.get("XDG_CACHE_HOME", "")
        parent = chosen if os.path.isabs(chosen) else os.path.join(home, ".cache")  # as XDG has it
    return os.path.join(parent, "cujax") if parent and os.path.isabs(parent) else None


class DiskCache:
    """Artefacts under `directory`, together at most `limit` bytes (negative: no bound); None: keeps nothing."""

    def __init__(self, directory: str | None, limit: int = -1) -> None:
        self.directory = os.path.abspath(os.path.expanduser(directory)) if directory else None
        self.limit = limit
        self._complained = False

    def get(self, key: str) -> bytes | None:
        """The payload under `key`; None where there is none.  A damaged entry is removed."""
        if not self._usable:
            return None
        path = self._path(key)
        try:
            stored = _read_own(path)
        except OSError as error:
            if not isinstance(error, FileNotFoundError):
                self._complain(f"{path} cannot be read: {error}")
            return None
        payload, digest = stored[:-_DIGEST_BYTES], stored[-_DIGEST_BYTES:]
        if digest == _digest(key, payload):
            return payload
        self._remove_damaged(path)
        return None

    def locate(self, key: str) -> Path | None:
        """A file that begins with the payload under `key`; None where there is no sound one."""
        return self._path(key) if self.get(key) is not None else None

    def put(self, key: str, payload: bytes) -> Path | None:
        """Keep `payload` under `key`: the file that begins with it, None where it could not be kept."""
        if not self._usable:
            return None
        path = self._path(key)
        try:
            self._make(path.parent)
            _write_whole(path, payload + _digest(key, payload))
            self._prune(path)
        except OSError as error:
            self._complain(f"{path} cannot be written: {error}")
            return None
        return path

    def discard(self, key: str) -> None:
        """Forget `key`: its payload is sound and yet of no use."""
        if self._usable:
            _unlink(self._path(key))

    def _path(self, key: str) -> Path:
        assert self.directory is not None
        return Path(self.directory, key[0], key)

    @cached_property
    def _usable(self) -> bool:
        """Whether the directory is there, made on first use, and this user's alone; else says why not."""
        if self.directory is None:
            return False
        try:
            self._make()
            found = os.stat(self.directory)
        except OSError as error:
            self._complain(f"the directory cannot be made: {error}")
            return False
        if not _is_private(found):
            self._complain(
                "the directory belongs to another user or others may write to it, and code is loaded from it; "
                f"name another with CUJAX_CACHE_DIR, or: chmod go-w {self.directory}"
            )
            return False
        return True

    def _make(self, folder: Path | None = None) -> None:
        """Make the directory, which may have been removed meanwhile, and a folder in it; for this user alone."""
        assert self.directory is not None
        os.makedirs(self.directory, mode=0o700, exist_ok=True)
        if folder is not None:
            folder.mkdir(mode=0o700, exist_ok=True)

    def _prune(self, kept: Path) -> None:
        """Bring the folder of `kept` down to its share, the least recently used first, `kept` never."""
        if self.limit < 0:
            return
        entries = sorted(_entries(kept.parent), key=lambda entry: entry[1].st_mtime)
        excess = sum(found.st_size for _, found in entries) - self.limit // _FOLDERS
        for path, found in entries:
            if excess <= 0:
                break
            if path != kept:
                _unlink(path)
                excess -= found.st_size

    def _remove_damaged(self, path: Path) -> None:
        _log.info("The compiled kernels in %s are damaged; they are removed and made again.", path)
        _unlink(path)

    def _complain(self, reason: str) -> None:
        if not self._complained:
            self._complained = True
            _log.info("Compiled kernels are not kept in %s: %s", self.directory, reason)


def _digest(key: str, payload: bytes) -> bytes:
    digest = hashlib.sha256(key.encode())
    digest.update(payload)
    return digest.digest()


def _is_private(found: os.stat_result) -> bool:
    """True where no other user can have written; systems without such owners are trusted."""
    if not hasattr(os, "geteuid"):
        return True
    return found.st_uid == os.geteuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _read_own(path: Path) -> bytes:
    """What is in a file, which then counts as used; nothing where another user can have written it."""
    with open(path, "rb") as file:
        found = os.fstat(file.fileno())
        if not _is_private(found):
            return b""
        if time.time() - found.st_mtime > _TOUCH_AFTER:
            with contextlib.suppress(OSError):  # a cache that is only read is as good
                os.utime(path)
        return file.read()


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file that is either whole or not there; nothing is left behind where that fails."""
    unfinished = path.with_name(f"{path.name}.{os.urandom(8).hex()}{_UNFINISHED}")
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as file:
            file.write(content)
        os.replace(unfinished, path)
    except BaseException:
        _unlink(unfinished)
        raise


def _entries(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """The files in `folder`; what dead processes have left unfinished is removed on the way."""
    now = time.time()
    with os.scandir(folder) as found:
        for entry in found:
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:  # another process was quicker
                continue
            if not entry.name.endswith(_UNFINISHED):
                yield Path(entry.path), status
            elif now - status.st_mtime > _ABANDONED_AFTER:
                _unlink(entry.path)


def _unlink(path: str | Path) -> None:
    """Remove a file, if that can be done."""
    with contextlib.suppress(OSError):
        os.unlink(path)
