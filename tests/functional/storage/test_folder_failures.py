"""Disks that refuse and files that are damaged, in a folder store."""

from __future__ import annotations

import errno
import io
import os
import resource
import signal
from pathlib import Path

import pytest

from noojee_ingest.storage import folder, staging
from noojee_ingest.storage.errors import (
    Damaged,
    StorageError,
    StoreFull,
    StoreReadOnly,
    StoreUnavailable,
)
from noojee_ingest.storage.folder import FolderRoot, open_folder_store
from tests.functional.storage.conftest import Put
from tests.functional.storage.looking import contents, keys, staged


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (errno.ENOSPC, StoreFull),
        (errno.EDQUOT, StoreFull),
        (errno.EROFS, StoreReadOnly),
        (errno.EACCES, StoreReadOnly),
        (errno.EPERM, StoreReadOnly),
        (errno.EIO, StoreUnavailable),
        (errno.ESTALE, StoreUnavailable),
    ],
)
@pytest.mark.parametrize("after", [0, 2, 4], ids=["at once", "in mid-write", "in the sidecar"])
def test_a_disk_that_refuses_is_named_and_leaves_nothing(
    archive: FolderRoot,
    put: Put,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    number: int,
    error: type[StorageError],
    after: int,
) -> None:
    kept = put(archive, "a/kept", b"sound")
    left, true = after, folder.write_bytes

    def write(descriptor: int, data: bytes) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(number, os.strerror(number))
        true(descriptor, data)

    data = b"sound" * 200_000
    with monkeypatch.context() as patch:
        patch.setattr(folder, "write_bytes", write)
        with pytest.raises(error, match="storing archive/a/x: ") as caught:
            put(archive, "a/x", data)
    assert os.strerror(number) in str(caught.value)
    assert isinstance(caught.value.__cause__, OSError)
    assert keys(archive) == ["a/kept"]
    assert archive.head("a/kept") == kept
    assert staged(tmp_path) == []
    assert put(archive, "a/x", data) == archive.head("a/x")


@pytest.mark.parametrize("call", ["fsync", "link", "open"])
def test_a_disk_that_refuses_at_another_call_is_named_too(
    archive: FolderRoot, put: Put, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(staging.os, call, refuse)
        with pytest.raises(StoreFull):
            put(archive, "x", b"sound")
    assert keys(archive) == []


def test_a_real_limit_on_files_is_told_as_the_system_tells_it(archive: FolderRoot, put: Put, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    try:
        with pytest.raises(StoreUnavailable, match=os.strerror(errno.EFBIG)):
            put(archive, "x", b"sound" * 200_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert staged(tmp_path) == []


def test_a_body_that_cannot_be_read_is_not_blamed_on_the_store(archive: FolderRoot, tmp_path: Path) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(errno.ENOSPC, "the spool is broken")

    with pytest.raises(OSError, match="the spool is broken"):
        archive.create("x", Broken(), size=5, sha256="", metadata={})
    assert staged(tmp_path) == []


@pytest.mark.parametrize("below", ["", "store", "store/deep"])
def test_a_file_is_not_a_store(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreUnavailable, match="name a folder"):
        open_folder_store(tmp_path / "file" / below)


def test_a_file_in_a_roots_place_is_not_a_root(tmp_path: Path) -> None:
    (tmp_path / "lake").write_text("not a folder")
    with pytest.raises(StoreUnavailable, match=r"lake: .*name a folder"):
        open_folder_store(tmp_path)


def test_a_folder_that_cannot_be_written_is_told_when_the_store_is_opened() -> None:
    with pytest.raises(StorageError, match="opening the store /proc/1"):
        open_folder_store(Path("/proc/1/store"))


def test_a_file_system_without_hard_links_is_told_when_the_store_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(staging.os, "link", link)
    with pytest.raises(StoreUnavailable, match="no hard links can be made"):
        open_folder_store(tmp_path)


@pytest.mark.parametrize(
    "sidecar",
    [
        None,
        b"",
        b"not json",
        b"[]",
        b"[" * 100_000,
        b"\xff\xfe",
        b'{"v": 2, "size": 5, "sha256": "%s", "metadata": {}}' % (b"0" * 64),
        b'{"v": 1, "size": 6, "sha256": "%s", "metadata": {}}' % (b"0" * 64),
        b'{"v": 1, "size": true, "sha256": "%s", "metadata": {}}' % (b"0" * 64),
        b'{"v": 1, "size": 5, "sha256": "abc", "metadata": {}}',
        b'{"v": 1, "size": 5, "sha256": "%s", "metadata": {"a": 1}}' % (b"0" * 64),
        b'{"v": 1, "size": 5, "sha256": "%s"}' % (b"0" * 64),
        b'{"v": 1, "size": 5, "sha256": "%s", "metadata": {}, "replaces": null}' % (b"0" * 64),
    ],
)
def test_an_object_whose_sidecar_is_damaged_is_damaged_and_still_readable(
    archive: FolderRoot, put: Put, tmp_path: Path, sidecar: bytes | None
) -> None:
    put(archive, "x", b"sound")
    path = tmp_path / "archive/x.json"
    path.unlink()
    if sidecar is not None:
        path.write_bytes(sidecar)
    with pytest.raises(Damaged):
        archive.head("x")
    with pytest.raises(Damaged):
        put(archive, "x", b"sound")
    assert contents(archive, "x") == b"sound"
    assert keys(archive) == ["x"]


def test_an_object_that_was_cut_is_damaged(archive: FolderRoot, put: Put, tmp_path: Path) -> None:
    put(archive, "x", b"sound")
    (tmp_path / "archive/x").chmod(0o640)
    os.truncate(tmp_path / "archive/x", 3)
    with pytest.raises(Damaged, match="3 bytes"):
        archive.head("x")


@pytest.mark.parametrize("length", [None, 5])
def test_a_disk_that_fails_while_it_is_read_is_told_as_the_stores_fault(tmp_path: Path, length: int | None) -> None:
    archive = open_folder_store(tmp_path).archive
    (tmp_path / "archive" / "x").symlink_to("/proc/self/mem")  # whose first bytes nobody can read
    with (
        archive.open("x", 0, length) as body,
        pytest.raises(StoreUnavailable, match=r"reading archive/x: .*Input/output"),
    ):
        body.read()
