"""Several writers of one folder store, and writers that are killed."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from noojee_ingest.storage.errors import (
    NotFound,
)
from noojee_ingest.storage.folder import FolderRoot
from noojee_ingest.storage.root import RootName
from tests.functional.storage.conftest import Put
from tests.functional.storage.looking import contents, keys, staged

CHECKOUT = Path(__file__).parents[3]


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
