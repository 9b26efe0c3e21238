"""What only a store in folders has to answer for: files, processes, disks."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import io
import json
import os
import stat
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from noojee_ingest.storage import folder
from noojee_ingest.storage.errors import (
    AlreadyExists,
    BadKey,
    ForbiddenByPolicy,
    NotFound,
    StoreReadOnly,
    StoreUnavailable,
)
from noojee_ingest.storage.folder import FolderRoot, open_folder_store
from noojee_ingest.storage.root import Retention, RootName, Store, Stored
from tests.functional.storage.conftest import Put
from tests.functional.storage.looking import keys


def test_the_store_is_four_folders_and_every_file_has_its_sidecar(tmp_path: Path, put: Put) -> None:
    store = open_folder_store(tmp_path / "new" / "store")
    for root in (store.archive, store.evidence, store.lake, store.scratch):
        put(root, "a/b/x.wav", b"sound", codec="gsm")
    paths = sorted(str(path.relative_to(tmp_path / "new/store")) for path in tmp_path.rglob("*") if path.is_file())
    names = ["archive", "evidence", "lake", "scratch"]
    assert paths == [f"{name}/{file}" for name in names for file in (".tmp/lock", "a/b/x.wav", "a/b/x.wav.json")]
    assert json.loads((tmp_path / "new/store/archive/a/b/x.wav.json").read_text()) == {
        "v": 1,
        "size": 5,
        "sha256": hashlib.sha256(b"sound").hexdigest(),
        "metadata": {"codec": "gsm"},
    }


@pytest.mark.parametrize(
    ("umask", "file", "directory"), [(0o022, 0o440, 0o750), (0o000, 0o440, 0o750), (0o077, 0o400, 0o700)]
)
def test_files_are_not_writable_and_the_umask_only_takes_away(
    tmp_path: Path, put: Put, *, umask: int, file: int, directory: int
) -> None:
    before = os.umask(umask)
    try:
        put(open_folder_store(tmp_path / "store").archive, "a/x", b"sound")
    finally:
        os.umask(before)
    archive = tmp_path / "store" / "archive"
    assert {stat.S_IMODE(path.stat().st_mode) for path in (archive / "a/x", archive / "a/x.json")} == {file}
    folders = (tmp_path / "store", archive, archive / ".tmp", archive / "a")
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {directory}


def test_what_one_process_stored_another_reads(tmp_path: Path, put: Put) -> None:
    stored = put(open_folder_store(tmp_path).archive, "a/x", b"sound", codec="gsm")
    assert open_folder_store(tmp_path).archive.head("a/x") == stored


def test_a_lock_that_a_folder_cannot_give_is_refused(archive: FolderRoot) -> None:
    retention = Retention("compliance", datetime(2033, 1, 1, tzinfo=UTC))
    with pytest.raises(ForbiddenByPolicy, match="a folder cannot lock"):
        archive.create(
            "x", io.BytesIO(b""), size=0, sha256=hashlib.sha256(b"").hexdigest(), metadata={}, retention=retention
        )
    assert keys(archive) == []


@pytest.mark.parametrize("key", ["a/x/y", "a"], ids=["below an object", "a folder of objects"])
def test_no_key_is_the_folder_of_another(archive: FolderRoot, put: Put, key: str) -> None:
    put(archive, "a/x", b"sound")
    with pytest.raises(BadKey):
        put(archive, key, b"sound")
    assert keys(archive) == ["a/x"]


def test_listings_show_neither_sidecars_nor_leftovers_nor_strange_files(
    archive: FolderRoot, put: Put, tmp_path: Path
) -> None:
    put(archive, "a/x.wav", b"sound")
    (tmp_path / "archive/.tmp/123-abc").write_bytes(b"half")
    (tmp_path / "archive/a/y.wav.json").write_bytes(b"{}")
    (tmp_path / "archive/a/.DS_Store").write_bytes(b"")
    (tmp_path / "archive/a/two words").write_bytes(b"")
    (tmp_path / "archive/empty").mkdir()
    assert keys(archive) == ["a/x.wav"]


def test_an_object_that_goes_while_it_is_listed_is_left_out(archive: FolderRoot, put: Put) -> None:
    for key in ("a/x", "b/x", "c/x"):
        put(archive, key, b"sound")
    listing = archive.list("")
    assert next(listing).key == "a/x"
    archive.withdraw("b/x", version_id="", decision="d1")
    assert [listed.key for listed in listing] == ["c/x"]


def test_bytes_and_sidecar_are_flushed_before_either_has_a_name(
    archive: FolderRoot, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, replace, link = os.fsync, Path.replace, os.link
    monkeypatch.setattr(os, "fsync", lambda descriptor: (done.append("flush"), fsync(descriptor)))
    monkeypatch.setattr(Path, "replace", lambda path, to: (done.append(f"name {to.name}"), replace(path, to)))
    monkeypatch.setattr(os, "link", lambda path, to: (done.append(f"name {to.name}"), link(path, to)))
    put(archive, "a/x", b"sound")
    assert done == ["flush", "flush", "name x.json", "name x"]


def test_a_sync_flushes_every_folder_above_what_was_created_found_or_looked_at(
    archive: FolderRoot, put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(archive, "looked/at/x", b"sound")
    put(archive, "found/x", b"sound")
    again = FolderRoot(RootName.ARCHIVE, tmp_path / "archive")
    flushed: list[Path] = []
    true = os.fsync

    def fsync(descriptor: int) -> None:
        flushed.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")))
        true(descriptor)

    put(again, "made/new/x", b"sound")
    again.head("looked/at/x")
    with pytest.raises(AlreadyExists):
        put(again, "found/x", b"sound")
    monkeypatch.setattr(folder.os, "fsync", fsync)
    again.sync()
    root = tmp_path / "archive"
    wanted = {root, root / "made", root / "made/new", root / "looked", root / "looked/at", root / "found"}
    assert set(flushed) == wanted
    assert len(flushed) == len(wanted)
    flushed.clear()
    again.sync()
    assert flushed == []


def test_a_sync_that_failed_is_made_good_by_the_next(
    archive: FolderRoot, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(archive, "a/x", b"sound")

    def refuse(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(folder.os, "fsync", refuse)
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                archive.sync()
    archive.sync()


def test_a_second_sync_waits_for_the_first_which_may_be_at_its_folders(
    archive: FolderRoot, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(archive, "a/x", b"sound")
    started, go_on = threading.Event(), threading.Event()
    true = os.fsync

    def slow(descriptor: int) -> None:
        started.set()
        assert go_on.wait(30)
        true(descriptor)

    monkeypatch.setattr(folder.os, "fsync", slow)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(archive.sync)
        assert started.wait(30)
        second = threads.submit(archive.sync)
        with pytest.raises(TimeoutError):
            second.result(timeout=0.2)
        go_on.set()
        first.result()
        second.result()


def test_the_lock_is_free_after_an_error_and_after_a_fork_of_the_holder(
    archive: FolderRoot, put: Put, tmp_path: Path
) -> None:
    with pytest.raises(NotFound):
        archive.withdraw("nothing", version_id="", decision="d1")
    with (tmp_path / "archive/.tmp/lock").open("rb+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    put(archive, "x", b"sound")


def test_an_object_far_larger_than_the_memory_it_may_use_passes_through(tmp_path: Path, archive: FolderRoot) -> None:
    size = 64 * 1024 * 1024
    largest = 0

    class Zeros(io.RawIOBase):
        left = size

        def read(self, length: int = -1, /) -> bytes:
            nonlocal largest
            largest = max(largest, length)
            length = min(length, self.left)
            self.left -= length
            return bytes(length)

    digest = hashlib.sha256(bytes(size)).hexdigest()
    archive.create("x", Zeros(), size=size, sha256=digest, metadata={})  # type: ignore[arg-type]
    assert 0 < largest <= 256 * 1024
    assert archive.head("x").size == size


def test_the_four_roots_are_handed_out_by_name(tmp_path: Path) -> None:
    store: Store = open_folder_store(tmp_path)
    assert [root.name for root in (store.archive, store.evidence, store.lake, store.scratch)] == list(RootName)


def test_a_version_is_not_found_where_there_are_none(tmp_path: Path, put: Callable[..., Stored]) -> None:
    archive = open_folder_store(tmp_path).archive
    put(archive, "x", b"sound")
    with pytest.raises(NotFound, match="a folder store has no version 'v1'"):
        archive.open("x", version_id="v1")


def test_a_store_opened_for_reading_is_read_and_not_touched(tmp_path: Path, put: Callable[..., Stored]) -> None:
    stored = put(open_folder_store(tmp_path / "store").archive, "audio/x.wav", b"sound")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    archive = open_folder_store(tmp_path / "store", reading=True).archive
    assert archive.head("audio/x.wav") == stored
    with archive.open("audio/x.wav") as body:
        assert body.read() == b"sound"
    with pytest.raises(StoreReadOnly, match="for reading only"):
        put(archive, "audio/y.wav", b"sound")
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_store_that_is_not_there_is_not_made_by_reading(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="there is none"):
        open_folder_store(tmp_path / "store", reading=True)
    assert list(tmp_path.iterdir()) == []
