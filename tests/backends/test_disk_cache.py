"""The cache of compiled kernels: what goes wrong with files costs a compilation and nothing else."""

from __future__ import annotations

import errno
import logging
import os
import resource
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager

import pytest

from cujax.engine.backends import disk_cache
from cujax.engine.backends.disk_cache import DiskCache, key_of
from cujax.engine.ground.config import config, read_environment

PAYLOAD = bytes(range(256)) * 4
KEY = key_of("a key")
NOBODY = 65534


@pytest.fixture
def cache(tmp_path):
    return DiskCache(str(tmp_path / "cache"))


def keys_in_one_folder(count):
    """Keys that begin with one digit."""
    return [f"a{i:063x}" for i in range(count)]


def file_of(cache, key=KEY):
    return cache._path(key)


def files_in(cache):
    return sorted(name for _, _, names in os.walk(cache.directory) for name in names)


def age(path, seconds):
    """Make a file look as if it had been used for the last time `seconds` ago."""
    os.utime(path, (time.time() - seconds,) * 2)


def mode_of(path):
    return stat.S_IMODE(os.stat(path).st_mode)


# ---- what it is for ----------------------------------------------------------------------------------------


def test_what_was_put_is_found(cache):
    assert cache.get(KEY) is None and cache.locate(KEY) is None
    path = cache.put(KEY, PAYLOAD)
    assert cache.get(KEY) == PAYLOAD and cache.locate(KEY) == path
    assert path.read_bytes().startswith(PAYLOAD)
    assert DiskCache(cache.directory).get(KEY) == PAYLOAD


def test_an_empty_payload_is_one(cache):
    cache.put(KEY, b"")
    assert cache.get(KEY) == b""


def test_the_last_one_put_is_found(cache):
    cache.put(KEY, b"old")
    cache.put(KEY, b"new")
    assert cache.get(KEY) == b"new" and len(files_in(cache)) == 1


def test_discard(cache):
    cache.discard(KEY)
    cache.put(KEY, PAYLOAD)
    cache.discard(KEY)
    assert cache.get(KEY) is None and files_in(cache) == []


def test_keys_know_the_borders_of_their_parts():
    assert key_of("ab", "c") != key_of("a", "bc") != key_of("abc")
    assert key_of("a", b"b") == key_of(b"a", "b")


def test_only_the_user_can_read_and_write(cache):
    before = os.umask(0)
    try:
        path = cache.put(KEY, PAYLOAD)
    finally:
        os.umask(before)
    assert mode_of(path) == 0o600
    assert mode_of(path.parent) == mode_of(cache.directory) == 0o700


# ---- damage ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("position", [0, len(PAYLOAD) // 2, len(PAYLOAD) - 1, len(PAYLOAD), -1])
def test_a_changed_byte_is_noticed(cache, position, caplog):
    path = cache.put(KEY, PAYLOAD)
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)
    with caplog.at_level(logging.INFO, "cujax"):
        assert cache.get(KEY) is None
    assert "are damaged; they are removed and made again" in caplog.text
    assert not path.exists()
    assert cache.put(KEY, PAYLOAD) == path and cache.get(KEY) == PAYLOAD


@pytest.mark.parametrize("length", [0, 1, 31, 32, 33, len(PAYLOAD), len(PAYLOAD) + 31])
def test_a_truncated_entry_is_noticed(cache, length):
    path = cache.put(KEY, PAYLOAD)
    os.truncate(path, length)
    assert cache.locate(KEY) is None and not path.exists()


def test_an_entry_under_another_key_is_none(cache):
    other = key_of("another key")
    path = cache.put(KEY, PAYLOAD)
    file_of(cache, other).parent.mkdir(exist_ok=True)
    shutil.copy(path, file_of(cache, other))
    os.chmod(file_of(cache, other), 0o600)
    assert cache.get(other) is None and cache.get(KEY) == PAYLOAD


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_an_entry_that_others_can_write_to_is_not_trusted(cache, mode):
    os.chmod(cache.put(KEY, PAYLOAD), mode)
    assert cache.get(KEY) is None and files_in(cache) == []


# ---- directories that cannot be used -----------------------------------------------------------------------


def costs_only_speed(cache, caplog, reason):
    """Nothing is kept, nothing raises, and the reason is logged once."""
    with caplog.at_level(logging.INFO, "cujax"):
        for _ in range(3):
            assert cache.put(KEY, PAYLOAD) is None
            assert cache.get(KEY) is None and cache.locate(KEY) is None
            cache.discard(KEY)
    assert caplog.text.count(f"Compiled kernels are not kept in {cache.directory}") == 1
    assert reason in caplog.text


def test_a_file_in_place_of_the_directory(tmp_path, caplog):
    (tmp_path / "cache").write_text("")
    costs_only_speed(DiskCache(str(tmp_path / "cache")), caplog, "the directory cannot be made")


def test_a_file_in_place_of_a_parent(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    costs_only_speed(DiskCache(str(tmp_path / "file" / "cache")), caplog, "Not a directory")


def test_a_file_in_place_of_a_folder(cache, caplog):
    os.makedirs(cache.directory, 0o700)
    with open(file_of(cache).parent, "w"):
        pass
    costs_only_speed(cache, caplog, "cannot be written")


@contextmanager
def without_privileges(directory):
    """An ordinary user, the owner of `directory`."""
    if os.geteuid():
        yield
        return
    os.chown(directory, NOBODY, -1)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_directory_without_write_permission(caplog):
    directory = tempfile.mkdtemp()  # pytest's own is closed to other users than the one who runs it
    try:
        os.chmod(directory, 0o500)
        with without_privileges(directory):
            costs_only_speed(DiskCache(directory), caplog, "Permission denied")
    finally:
        os.rmdir(directory)


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o777, 0o1777])
def test_a_directory_that_others_can_write_to_is_refused(cache, caplog, mode):
    path = cache.put(KEY, PAYLOAD)
    os.chmod(cache.directory, mode)
    costs_only_speed(DiskCache(cache.directory), caplog, f"chmod go-w {cache.directory}")
    assert path.exists()


def test_a_directory_of_somebody_else_is_refused(cache, caplog, monkeypatch):
    cache.put(KEY, PAYLOAD)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    costs_only_speed(DiskCache(cache.directory), caplog, "the directory belongs to another user")


def test_a_directory_that_is_removed_is_made_again(cache):
    cache.put(KEY, PAYLOAD)
    shutil.rmtree(cache.directory)
    assert cache.get(KEY) is None
    assert cache.put(KEY, PAYLOAD) and cache.get(KEY) == PAYLOAD and mode_of(cache.directory) == 0o700


def test_a_directory_that_is_only_read_serves(cache, monkeypatch):
    age(cache.put(KEY, PAYLOAD), 10**6)

    def refused(*args, **options):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    for name in ("utime", "open", "unlink", "replace"):
        monkeypatch.setattr(os, name, refused)
    assert cache.get(KEY) == PAYLOAD
    assert cache.put(key_of("new"), b"") is None


# ---- a full disk -------------------------------------------------------------------------------------------


@contextmanager
def files_at_most(size):
    """No file of this process can grow beyond `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_file_that_cannot_be_finished_leaves_nothing(cache, caplog):
    with files_at_most(len(PAYLOAD) // 2):
        costs_only_speed(cache, caplog, "cannot be written")
    assert files_in(cache) == []
    assert cache.put(KEY, PAYLOAD) and cache.get(KEY) == PAYLOAD  # once there is room


def test_a_file_that_cannot_be_renamed_leaves_the_old_one(cache, monkeypatch):
    cache.put(KEY, b"old")

    def full(source, target):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    assert cache.put(KEY, b"new") is None
    assert cache.get(KEY) == b"old" and len(files_in(cache)) == 1


# ---- the bound ---------------------------------------------------------------------------------------------


def bounded(tmp_path, entries):
    """A cache of which each folder has room for so many entries of `PAYLOAD`."""
    return DiskCache(str(tmp_path / "cache"), 16 * entries * (len(PAYLOAD) + 32))


def test_the_least_recently_used_go_first(tmp_path):
    cache, keys = bounded(tmp_path, 3), keys_in_one_folder(4)
    for i, key in enumerate(keys[:3]):
        age(cache.put(key, PAYLOAD), 10**6 - i)
    cache.put(keys[3], PAYLOAD)
    assert [cache.get(key) is not None for key in keys] == [False, True, True, True]


def test_what_is_read_counts_as_used(tmp_path):
    cache, keys = bounded(tmp_path, 3), keys_in_one_folder(4)
    for i, key in enumerate(keys[:3]):
        age(cache.put(key, PAYLOAD), 10**6 - i)
    cache.get(keys[0])
    cache.put(keys[3], PAYLOAD)
    assert [cache.get(key) is not None for key in keys] == [True, False, True, True]


def test_the_cache_stays_within_its_bound(tmp_path):
    cache = bounded(tmp_path, 2)
    for i in range(300):
        cache.put(key_of(str(i)), PAYLOAD)
        assert sum(os.path.getsize(file_of(cache, name)) for name in files_in(cache)) <= cache.limit
    assert len(files_in(cache)) == 32


def test_an_entry_larger_than_its_share_is_kept_alone(tmp_path):
    cache, keys = bounded(tmp_path, 3), keys_in_one_folder(3)
    cache.put(keys[0], PAYLOAD)
    cache.put(keys[1], PAYLOAD * 10)
    assert cache.get(keys[1]) == PAYLOAD * 10 and files_in(cache) == [keys[1]]
    cache.put(keys[2], PAYLOAD)
    assert files_in(cache) == [keys[2]]


def test_there_need_be_no_bound(tmp_path):
    cache, keys = DiskCache(str(tmp_path / "cache"), -1), keys_in_one_folder(50)
    for key in keys:
        cache.put(key, PAYLOAD)
    assert len(files_in(cache)) == 50


def test_what_dead_processes_left_unfinished_is_removed(cache):
    cache.limit = 2**20
    folder = cache.put(KEY, PAYLOAD).parent
    old, young = folder / "old.tmp", folder / "young.tmp"
    old.write_bytes(PAYLOAD)
    young.write_bytes(PAYLOAD)
    age(old, 7200)
    cache.put(KEY, PAYLOAD)
    assert not old.exists() and young.exists()


# ---- many processes ----------------------------------------------------------------------------------------

WORKER = """
import random, sys
from cujax.engine.backends.disk_cache import DiskCache, key_of
cache = DiskCache(sys.argv[1], 16 * 4000)
numbers = random.Random(int(sys.argv[2]))
for _ in range(300):
    number = numbers.randrange(40)
    key, payload = key_of(str(number)), bytes([number]) * (1000 + number)
    found = cache.get(key)
    assert found in (None, payload), (number, found)
    if found is None or numbers.random() < 0.3:
        path = cache.put(key, payload)
        assert path is not None, number
assert not cache._complained
"""


def test_many_processes_at_once(cache):
    workers = [
        subprocess.Popen([sys.executable, "-c", WORKER, cache.directory, str(i)], stderr=subprocess.PIPE)
        for i in range(4)
    ]
    errors = [worker.communicate()[1].decode() for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * 4, errors
    assert files_in(cache) and not any(name.endswith(".tmp") for name in files_in(cache))


# ---- options -----------------------------------------------------------------------------------------------


def test_options_choose_the_directory_and_the_bound(tmp_path):
    with (
        config.override("compilation_cache_dir", str(tmp_path)),
        config.override("compilation_cache_max_size", 12345),
    ):
        cache = disk_cache.configured()
        assert cache.directory == str(tmp_path) and cache.limit == 12345
        assert disk_cache.configured() is cache
        with config.override("enable_compilation_cache", False):
            assert disk_cache.configured().directory is None
            assert disk_cache.configured().put(KEY, PAYLOAD) is None
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("variable", ["CUJAX_CACHE_DIR", "CUJAX_COMPILATION_CACHE_DIR", "JAX_COMPILATION_CACHE_DIR"])
def test_environment_variables_of_the_directory(variable):
    assert read_environment({variable: "/somewhere"}) == {"compilation_cache_dir": "/somewhere"}


def test_the_home_directory_is_understood():
    assert DiskCache("~/kernels").directory == os.path.expanduser("~/kernels")


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="caches are elsewhere")
@pytest.mark.parametrize(
    "xdg, expected",
    [("/caches", "/caches/cujax"), ("", "/home/me/.cache/cujax"), ("relative", "/home/me/.cache/cujax")],
)
def test_the_default_is_among_the_users_caches(monkeypatch, xdg, expected):
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("XDG_CACHE_HOME", xdg)
    assert disk_cache.default_directory() == expected


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="caches are elsewhere")
def test_a_user_without_a_home_has_no_cache(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    assert disk_cache.default_directory() is None
    assert DiskCache(None).put(KEY, PAYLOAD) is None
