"""What only a store in folders has to answer for: files, processes, disks."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import io
import json
import os
import resource
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from noojee_ingest.storage import folder, staging
from noojee_ingest.storage.errors import (
    AlreadyExists,
    BadKey,
    Damaged,
    ForbiddenByPolicy,
    NotFound,
    StorageError,
    StoreFull,
    StoreReadOnly,
    StoreUnavailable,
)
from noojee_ingest.storage.folder import FolderRoot, open_folder_store
from noojee_ingest.storage.root import Retention, Root, RootName, Store, Stored

Put = Callable[..., Stored]

CHECKOUT = Path(__file__).parents[3]


@pytest.fixture
def archive(tmp_path: Path) -> FolderRoot:
    return FolderRoot(RootName.ARCHIVE, tmp_path / "archive")


@pytest.fixture
def lake(tmp_path: Path) -> FolderRoot:
    return FolderRoot(RootName.LAKE, tmp_path / "lake")


def staged(tmp_path: Path, root: str = "archive") -> list[str]:
    return sorted(path.name for path in (tmp_path / root / ".tmp").iterdir() if path.name != "lock")


def keys(root: Root) -> list[str]:
    return [listed.key for listed in root.list("")]


def contents(root: Root, key: str) -> bytes:
    with root.open(key) as body:
        return body.read()


@contextlib.contextmanager
def child(program: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A Python process that says ``ready`` when it is where the test wants it, then waits for its standard input."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.communicate()


# Where a writer may die. The named function is called for the nth time, says so, and never returns.
DYING_WRITER = """
import hashlib, io, os, sys
from pathlib import Path
from noojee_ingest.storage import folder
from noojee_ingest.storage.folder import FolderRoot
from noojee_ingest.storage.root import RootName

path, name, verb, owner, function, calls = sys.argv[1:]
root = FolderRoot(RootName(name), Path(path))
holder = {"os": os, "folder": folder, "Path": Path}[owner]
true, left = getattr(holder, function), int(calls)

def stop(*arguments, **options):
    global left
    left -= 1
    if left == 0:
        print("ready", flush=True)
        sys.stdin.read()
    return true(*arguments, **options)

setattr(holder, function, stop)
data = b"child" * 200_000
getattr(root, verb)("a/x", io.BytesIO(data), size=len(data), sha256=hashlib.sha256(data).hexdigest(),
                    metadata={"writer": "child"})
"""


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


@pytest.mark.parametrize(
    ("owner", "function", "calls"),
    [
        pytest.param("folder", "write_bytes", 1, id="before the first byte"),
        pytest.param("folder", "write_bytes", 3, id="in mid-write"),
        pytest.param("folder", "write_bytes", 5, id="before its sidecar is written"),
        pytest.param("os", "fsync", 1, id="before the bytes are flushed"),
        pytest.param("Path", "replace", 1, id="before its sidecar is named"),
        pytest.param("os", "link", 1, id="between sidecar and object"),
    ],
)
def test_a_writer_killed_before_its_object_is_named_leaves_nothing_that_can_be_seen(
    archive: FolderRoot, put: Put, tmp_path: Path, *, owner: str, function: str, calls: int
) -> None:
    with child(DYING_WRITER, tmp_path / "archive", "archive", "create", owner, function, calls) as writer:
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
    assert keys(archive) == []
    with pytest.raises(NotFound):
        archive.head("a/x")
    assert len(staged(tmp_path)) in (1, 2)
    reopened = FolderRoot(RootName.ARCHIVE, tmp_path / "archive")
    assert staged(tmp_path) == []
    stored = put(reopened, "a/x", b"second", writer="second")
    assert reopened.head("a/x") == stored
    assert (tmp_path / "archive/a/x").read_bytes() == b"second"


def test_what_a_living_writer_is_writing_is_not_swept(tmp_path: Path, archive: FolderRoot) -> None:
    arguments = (tmp_path / "archive", "archive", "create", "folder", "write_bytes", 3)
    with child(DYING_WRITER, *arguments) as writer:
        before = staged(tmp_path)
        assert len(before) == 2
        FolderRoot(RootName.ARCHIVE, tmp_path / "archive")
        assert staged(tmp_path) == before
        writer.communicate("")  # let it go on
        assert writer.returncode == 0
    assert archive.head("a/x").metadata == {"writer": "child"}
    assert staged(tmp_path) == []


def test_what_a_thread_of_this_process_is_writing_is_not_swept(tmp_path: Path, archive: FolderRoot) -> None:
    class OpensTheStoreAgain(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            FolderRoot(RootName.ARCHIVE, tmp_path / "archive")
            return super().read(size)

    archive.create("x", OpensTheStoreAgain(b"sound"), size=5, sha256=hashlib.sha256(b"sound").hexdigest(), metadata={})
    assert keys(archive) == ["x"]


@pytest.mark.parametrize(
    ("calls", "there"),
    [
        pytest.param(1, "first", id="before the sidecar changes"),
        pytest.param(2, "first", id="before the object changes"),
        pytest.param(3, "child", id="before the sidecar is settled"),
    ],
)
def test_a_replacer_killed_anywhere_leaves_an_object_that_is_told_truly(
    lake: FolderRoot, put_again: Put, tmp_path: Path, calls: int, there: str
) -> None:
    data = {"first": b"first" * 200_000, "child": b"child" * 200_000}  # the same size
    put_again(lake, "a/x", data["first"], writer="first")
    with child(DYING_WRITER, tmp_path / "lake", "lake", "replace", "Path", "replace", calls) as writer:
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
    found = lake.head("a/x")
    assert found.metadata == {"writer": there}
    assert found.sha256 == hashlib.sha256(data[there]).hexdigest()
    assert contents(lake, "a/x") == data[there]
    assert put_again(lake, "a/x", b"third", writer="third") == lake.head("a/x")
    assert "replaces" not in json.loads((tmp_path / "lake/a/x.json").read_text())


def test_who_asks_while_an_object_is_replaced_gets_one_or_the_other(lake: FolderRoot, put_again: Put) -> None:
    known = {}
    for name in ("one", "three"):
        stored = put_again(lake, "x", name.encode() * 1000, writer=name)  # of another size each
        known[stored.sha256] = stored
    done = threading.Event()

    def replacer(name: str) -> None:
        for _ in range(30):
            put_again(lake, "x", name.encode() * 1000, writer=name)

    def asker() -> int:
        asked = 0
        while not done.is_set():
            found = lake.head("x")
            assert known[found.sha256] == found
            asked += 1
        return asked

    with ThreadPoolExecutor(4) as threads:
        askers = [threads.submit(asker) for _ in range(2)]
        try:
            for result in [threads.submit(replacer, name) for name in ("one", "three")]:
                result.result()
        finally:
            done.set()
        assert all(one.result() for one in askers)
    assert hashlib.sha256(contents(lake, "x")).hexdigest() == lake.head("x").sha256


RACING_CREATOR = """
import hashlib, io, sys
from pathlib import Path
from noojee_ingest.storage.errors import AlreadyExists
from noojee_ingest.storage.folder import FolderRoot
from noojee_ingest.storage.root import RootName

root, me = FolderRoot(RootName.ARCHIVE, Path(sys.argv[1])), sys.argv[2]
print("ready", flush=True)
sys.stdin.readline()
for number in range(40):
    data = me.encode() * 1000
    try:
        root.create(f"a/{number}", io.BytesIO(data), size=len(data), sha256=hashlib.sha256(data).hexdigest(),
                    metadata={"writer": me})
        print(number, "won")
    except AlreadyExists as error:
        print(number, error.found.metadata["writer"])
"""


def test_of_two_processes_that_create_one_key_exactly_one_wins(archive: FolderRoot, tmp_path: Path) -> None:
    path = tmp_path / "archive"
    with child(RACING_CREATOR, path, "1") as one, child(RACING_CREATOR, path, "2") as two:
        for process in (one, two):
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        said = [dict(line.split() for line in process.communicate()[0].splitlines()) for process in (one, two)]
    for number in map(str, range(40)):
        outcomes = [said[0][number], said[1][number]]
        winner = "1" if outcomes[0] == "won" else "2"
        assert sorted(outcomes) == sorted(["won", winner])
        assert archive.head(f"a/{number}").metadata == {"writer": winner}
        assert contents(archive, f"a/{number}") == winner.encode() * 1000


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


@pytest.mark.parametrize("length", [None, 5])
def test_a_disk_that_fails_while_it_is_read_is_told_as_the_stores_fault(tmp_path: Path, length: int | None) -> None:
    archive = open_folder_store(tmp_path).archive
    (tmp_path / "archive" / "x").symlink_to("/proc/self/mem")  # whose first bytes nobody can read
    with (
        archive.open("x", 0, length) as body,
        pytest.raises(StoreUnavailable, match=r"reading archive/x: .*Input/output"),
    ):
        body.read()


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
