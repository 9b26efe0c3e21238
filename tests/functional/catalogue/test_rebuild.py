"""A new catalogue from the store alone."""

from __future__ import annotations

import gzip
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from noojee_ingest.catalogue import rebuild as module
from noojee_ingest.catalogue.apply import apply
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.errors import CatalogueError, CatalogueLocked, CatalogueUnavailable
from noojee_ingest.catalogue.in_use import InUse
from noojee_ingest.catalogue.rebuild import rebuild
from noojee_ingest.catalogue.runs import begin_run, last_runs, open_segment, open_segments
from noojee_ingest.catalogue.tables import REVISION, LegRow, RevisionRow, table
from noojee_ingest.journal import segment
from noojee_ingest.journal.errors import DamagedSegment, SegmentsGone, UnknownVersion
from noojee_ingest.journal.events import Event
from noojee_ingest.journal.lines import write_line
from noojee_ingest.journal.segment import Segment, put
from noojee_ingest.storage.errors import StoreFailure
from noojee_ingest.storage.folder import open_folder_store
from noojee_ingest.storage.root import Root
from tests.functional.catalogue.recount import contents, rows
from tests.unit.journal.story import at, everything, leg_seen

Opened = Callable[..., Catalogue]


def write_story(root: Root, into: int = 12) -> list[Segment]:
    """The story as a journal, its events dealt out at random."""
    dealer, parts = random.Random(into), [list[Event]() for _ in range(into)]
    for event in everything():
        dealer.choice(parts).append(event)
    segments = [one for part in parts for one in segment.segments(part[0].site, part, at(0))]
    for one in segments:
        put(root, one)
    return segments


def archived(root: Root, catalogue: Catalogue) -> list[Segment]:
    segments = write_story(root)
    for one in segments:
        apply(catalogue, one)
    return segments


def files(tmp_path: Path) -> set[str]:
    return {path.name for path in tmp_path.iterdir() if path.is_file()}


def test_the_lost_catalogue_comes_back_row_by_row(tmp_path: Path, url: str, opened: Opened, archive: Root) -> None:
    catalogue = opened()
    segments = archived(archive, catalogue)
    before = contents(catalogue)
    catalogue.close()
    (tmp_path / "catalogue.db").unlink()
    told: list[int] = []
    assert rebuild(archive, url, progress=told.append) == len(segments)
    assert told[-1] == len(segments)
    assert contents(opened()) == before


def test_a_catalogue_that_is_there_is_replaced_by_an_equal_one(url: str, opened: Opened, archive: Root) -> None:
    catalogue = opened()
    archived(archive, catalogue)
    before = contents(catalogue)
    catalogue.close()
    rebuild(archive, url)
    assert contents(opened()) == before


def test_what_was_put_and_not_applied_is_in_it_and_what_is_volatile_is_not(
    url: str, opened: Opened, archive: Root
) -> None:
    catalogue = opened()
    begin_run(catalogue, site="acme", flow="nightly", began=at(0))
    (late,) = segment.segments("acme", [leg_seen(1)], at(0))
    open_segment(catalogue, late.key)
    put(archive, late)
    catalogue.close()
    assert rebuild(archive, url) == 1
    again = opened()
    assert len(rows(again, LegRow)) == 1
    assert (open_segments(again), last_runs(again, "acme")) == ([], [])


def test_an_empty_store_gives_an_empty_catalogue(url: str, opened: Opened, archive: Root) -> None:
    assert rebuild(archive, url) == 0
    assert not any(contents(opened()).values())


def test_what_is_beside_the_segments_is_no_segment(url: str, archive: Root, tmp_path: Path) -> None:
    segments = write_story(archive)
    (tmp_path / "store/archive/journal/README.txt").write_text("hello")
    assert rebuild(archive, url) == len(segments)


def test_nothing_is_left_beside_it(tmp_path: Path, url: str, archive: Root) -> None:
    write_story(archive)
    rebuild(archive, url)
    assert files(tmp_path) == {"catalogue.db", "catalogue.db.lock"}


@pytest.mark.parametrize("at_once", [1, 7, 10_000])
def test_how_much_is_applied_at_once_makes_no_difference(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, opened: Opened, archive: Root, at_once: int
) -> None:
    archived(archive, opened("night-by-night"))
    monkeypatch.setattr(module, "AT_ONCE", at_once)
    rebuild(archive, f"sqlite:///{tmp_path}/rebuilt.db")
    assert contents(opened("rebuilt")) == contents(opened("night-by-night"))


# -- failing


def spoil(root: Root, tmp_path: Path, text: bytes) -> str:
    """The last segment of the journal, with other bytes in its place."""
    key = list(segment.keys(root))[-1]
    path = tmp_path / "store/archive" / key
    path.chmod(0o640)
    path.write_bytes(text)
    return key


NEWER = gzip.compress(write_line(leg_seen(1)).replace('"v":1', '"v":2').encode() + b"\n")


@pytest.mark.parametrize(
    ("spoilt", "error"), [(b"", DamagedSegment), (b"\x1f\x8b cut", DamagedSegment), (NEWER, UnknownVersion)]
)
def test_the_old_catalogue_stays_when_a_segment_cannot_be_read(
    tmp_path: Path, opened: Opened, archive: Root, spoilt: bytes, error: type[Exception]
) -> None:
    catalogue = opened()
    archived(archive, catalogue)
    before = contents(catalogue)
    catalogue.close()
    key = spoil(archive, tmp_path, spoilt)
    with pytest.raises(error, match=key):
        rebuild(archive, f"sqlite:///{tmp_path}/catalogue.db")
    assert contents(opened()) == before
    assert not any("rebuilt" in name for name in files(tmp_path))


def test_without_an_old_catalogue_a_failure_leaves_none(tmp_path: Path, url: str, archive: Root) -> None:
    write_story(archive)
    spoil(archive, tmp_path, b"")
    with pytest.raises(DamagedSegment):
        rebuild(archive, url)
    assert "catalogue.db" not in files(tmp_path)


class Failing:
    """A store that fails in the middle of a listing."""

    def __init__(self, root: Root) -> None:
        self._root = root

    def list(self, prefix: str) -> Iterator[Any]:
        yield next(iter(self._root.list(prefix)))
        raise StoreFailure("listing", prefix, "look at the disk")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._root, name)


def test_a_store_that_fails_in_between_leaves_the_old_catalogue(url: str, opened: Opened, archive: Root) -> None:
    catalogue = opened()
    archived(archive, catalogue)
    before = contents(catalogue)
    catalogue.close()
    with pytest.raises(StoreFailure):
        rebuild(Failing(archive), url)  # type: ignore[arg-type]
    assert contents(opened()) == before


def test_a_disk_that_is_full_leaves_the_old_catalogue(
    monkeypatch: pytest.MonkeyPatch, url: str, opened: Opened, archive: Root
) -> None:
    catalogue = opened()
    archived(archive, catalogue)
    before = contents(catalogue)
    catalogue.close()
    for one in segment.segments("acme", [leg_seen(number, raw="x" * 2_000) for number in range(400)], at(0)):
        put(archive, one)
    monkeypatch.setattr("noojee_ingest.catalogue.database.QUICK", ("max_page_count=120",))
    with pytest.raises(CatalogueUnavailable, match="database or disk is full"):
        rebuild(archive, url)
    assert contents(opened()) == before


def test_a_rebuild_that_was_killed_leaves_the_old_catalogue_and_the_next_one_succeeds(
    tmp_path: Path, url: str, opened: Opened, archive: Root
) -> None:
    catalogue = opened()
    archived(archive, catalogue)
    before = contents(catalogue)
    catalogue.close()
    killed = """
import os, signal, sys
from pathlib import Path
from noojee_ingest.catalogue import rebuild
from noojee_ingest.storage.folder import open_folder_store
rebuild.AT_ONCE = 1
root = open_folder_store(Path(sys.argv[1]) / "store").archive
rebuild.rebuild(root, sys.argv[2], progress=lambda number: number == 5 and os.kill(os.getpid(), signal.SIGKILL))
"""
    done = subprocess.run([sys.executable, "-c", killed, str(tmp_path), url], check=False)
    assert done.returncode == -signal.SIGKILL
    assert "catalogue.db.rebuilt" in files(tmp_path)
    catalogue = opened()
    assert contents(catalogue) == before
    catalogue.close()
    rebuild(archive, url)
    assert contents(opened()) == before
    assert files(tmp_path) >= {"catalogue.db", "catalogue.db.lock"}
    assert "catalogue.db.rebuilt" not in files(tmp_path)


# -- others at work


def test_it_refuses_while_a_run_is_alive_and_names_it(url: str, opened: Opened, archive: Root) -> None:
    catalogue = opened()
    archived(archive, catalogue)
    begin_run(catalogue, site="acme", flow="nightly", began=at(0))
    before = contents(catalogue)
    with pytest.raises(CatalogueLocked, match=rf"in use by nightly of acme \(process {os.getpid()}\)"):
        rebuild(archive, url)
    assert contents(catalogue) == before


WORKS = """
import sys
from datetime import UTC, datetime
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.runs import begin_run
catalogue = Catalogue.open(sys.argv[1])
begin_run(catalogue, site="acme", flow="poll-call-records", began=datetime.now(UTC))
print("begun", flush=True)
sys.stdin.readline()
"""


@contextmanager
def at_work(url: str) -> Iterator[subprocess.Popen[str]]:
    """A process with a run that has not ended."""
    command = [sys.executable, "-c", WORKS, url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        try:
            yield process
        finally:
            process.kill()


def test_it_refuses_while_a_run_of_another_process_is_alive_and_not_when_it_was_killed(
    url: str, opened: Opened, archive: Root
) -> None:
    write_story(archive)
    with at_work(url) as process:
        with pytest.raises(CatalogueLocked, match=rf"poll-call-records of acme \(process {process.pid}\)"):
            rebuild(archive, url)
        process.kill()
        process.wait()
        rebuild(archive, url)
    assert len(rows(opened(), LegRow)) > 0


def test_a_run_of_a_host_that_is_gone_does_not_stand_in_the_way_for_ever(
    url: str, opened: Opened, archive: Root
) -> None:
    """A container has another host name each time: its runs would count as alive until the end of days."""
    catalogue = opened()
    begin_run(catalogue, site="acme", flow="nightly", began=at(0))
    with catalogue.write("moving house") as connection:
        connection.exec_driver_sql("UPDATE run SET host = 'a-container-of-last-week'")
    catalogue.close()
    assert rebuild(archive, url) == 0


def test_two_rebuilds_at_once_are_one(url: str, opened: Opened, archive: Root) -> None:
    write_story(archive)
    second: list[Exception] = []

    def meanwhile(_: int) -> None:
        if not second:
            with pytest.raises(CatalogueLocked) as raised:
                rebuild(archive, url)
            second.append(raised.value)

    rebuild(archive, url, progress=meanwhile)
    assert "another program" in str(second[0])
    assert len(rows(opened(), LegRow)) > 0


def test_what_a_run_records_while_it_goes_on_is_in_it(
    monkeypatch: pytest.MonkeyPatch, url: str, opened: Opened, archive: Root
) -> None:
    """A run that begins and ends during a rebuild is alive neither before nor after it."""
    monkeypatch.setattr(module, "AT_ONCE", 1)
    write_story(archive)
    recorded: list[str] = []

    def meanwhile(_: int) -> None:
        if not recorded:
            (one,) = segment.segments("acme", [leg_seen(99)], at(0))
            with closing(Catalogue.open(url)) as catalogue:
                put(archive, one)
                apply(catalogue, one)
            recorded.append(one.key)

    rebuild(archive, url, progress=meanwhile)
    assert recorded[0] in {row["key"] for row in contents(opened())["segment"]}
    assert leg_seen(99).leg_id in {row["leg_id"] for row in rows(opened(), LegRow)}


def test_the_old_catalogue_can_be_read_while_it_goes_on_but_nobody_may_have_it_open_at_the_end(
    monkeypatch: pytest.MonkeyPatch, url: str, opened: Opened, archive: Root
) -> None:
    catalogue = opened()
    archived(archive, catalogue)
    before = contents(catalogue)
    catalogue.close()
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.2)
    readers: list[Catalogue] = []
    with pytest.raises(CatalogueLocked, match="in use by another program"):
        rebuild(archive, url, progress=lambda _: readers.append(opened()))
    assert contents(readers[0]) == before


def test_who_opens_it_during_the_last_step_waits_and_finds_the_new_one(
    monkeypatch: pytest.MonkeyPatch, url: str, opened: Opened, archive: Root
) -> None:
    write_story(archive)
    found: list[int] = []

    def read() -> None:
        with closing(Catalogue.open(url)) as catalogue:
            found.append(len(rows(catalogue, LegRow)))

    reader = threading.Thread(target=read)
    replace = os.replace

    def slowly(source: Path, target: Path) -> None:
        reader.start()
        reader.join(0.3)
        assert found == []
        replace(source, target)

    monkeypatch.setattr(module.os, "replace", slowly)
    rebuild(archive, url)
    reader.join()
    assert found == [len(rows(opened(), LegRow))]
    assert found[0] > 0


# -- whatever is in its place


@pytest.mark.parametrize("content", [b"", b"garbage", b"SQLite format 3\0" + b"\xff" * 5000], ids=len)
def test_a_catalogue_that_is_garbage_is_replaced(
    tmp_path: Path, url: str, opened: Opened, archive: Root, content: bytes
) -> None:
    segments = write_story(archive)
    (tmp_path / "catalogue.db").write_bytes(content)
    for ending in ("-wal", "-shm"):
        (tmp_path / f"catalogue.db{ending}").write_bytes(content)
    assert rebuild(archive, url) == len(segments)
    assert len(rows(opened(), LegRow)) > 0


def test_a_catalogue_of_another_revision_is_replaced(url: str, opened: Opened, archive: Root) -> None:
    write_story(archive)
    catalogue = opened()
    with catalogue.write("changing the revision") as connection:
        connection.execute(table(RevisionRow).update().values(revision=REVISION + 7))
    catalogue.close()
    rebuild(archive, url)
    assert rows(opened(), RevisionRow) == [{"revision": REVISION}]


@pytest.mark.parametrize("left", ["whole", "garbage", "nothing"])
def test_what_a_killed_writer_left_beside_the_old_catalogue_does_not_get_into_the_new_one(
    tmp_path: Path, opened: Opened, archive: Root, left: str
) -> None:
    """SQLite would play a leftover -wal into whatever file it finds under the name."""
    killed = """
import os, signal, sys
from datetime import UTC, datetime
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.runs import begin_run
catalogue = Catalogue.open(sys.argv[1])
for number in range(200):
    begin_run(catalogue, site="acme", flow=f"flow {number}", began=datetime.now(UTC))
os.kill(os.getpid(), signal.SIGKILL)
"""
    url = f"sqlite:///{tmp_path}/catalogue.db"
    subprocess.run([sys.executable, "-c", killed, url], check=False)
    assert (tmp_path / "catalogue.db-wal").stat().st_size > 0
    if left == "garbage":
        (tmp_path / "catalogue.db").write_bytes(b"garbage")
    if left == "nothing":
        (tmp_path / "catalogue.db").unlink()
    write_story(archive)
    rebuild(archive, url)
    with closing(sqlite3.connect(tmp_path / "catalogue.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert last_runs(opened(), "acme") == []
    assert len(rows(opened(), LegRow)) > 0


def test_a_store_that_lacks_what_the_old_catalogue_knows_is_not_the_one_and_the_old_catalogue_stays(
    tmp_path: Path, url: str, opened: Opened, archive: Root
) -> None:
    """An empty folder where a mount failed would else make an empty catalogue of a full archive."""
    catalogue = opened()
    segments = archived(archive, catalogue)
    before = contents(catalogue)
    catalogue.close()
    with pytest.raises(SegmentsGone, match=f"lacks {len(segments)} journal segments"):
        rebuild(open_folder_store(tmp_path / "another").archive, url)
    gone = segments[3].key
    (tmp_path / "store/archive" / gone).unlink()
    with pytest.raises(SegmentsGone, match=f"lacks 1 journal segments .*{gone}.*mounted"):
        rebuild(archive, url)
    assert contents(opened()) == before


def test_a_folder_in_its_place_is_told_as_such(tmp_path: Path, url: str, archive: Root) -> None:
    (tmp_path / "catalogue.db").mkdir()
    with pytest.raises(CatalogueError, match=r"rebuilding the catalogue.*catalogue\.db"):
        rebuild(archive, url)


def test_the_lock_is_let_go_when_it_fails(tmp_path: Path, url: str, archive: Root) -> None:
    write_story(archive)
    spoil(archive, tmp_path, b"")
    with pytest.raises(DamagedSegment):
        rebuild(archive, url)
    with closing(InUse(tmp_path / "catalogue.db")) as in_use:
        assert in_use.alone(seconds=0)
