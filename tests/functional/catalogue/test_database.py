"""Opening a catalogue, and what is said when that, reading or writing does not work."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select, text

from noojee_ingest.catalogue import errors
from noojee_ingest.catalogue.apply import apply
from noojee_ingest.catalogue.budget import BudgetFile
from noojee_ingest.catalogue.database import Catalogue, sqlite_path
from noojee_ingest.catalogue.errors import CatalogueError, CatalogueLocked, CatalogueUnavailable, WrongRevision
from noojee_ingest.catalogue.in_use import InUse
from noojee_ingest.catalogue.queries import Search, search
from noojee_ingest.catalogue.tables import REVISION, LegRow, RevisionRow, SegmentRow, table
from noojee_ingest.journal.segment import Segment
from tests.functional.catalogue.recount import contents, rows
from tests.unit.journal.story import everything, leg_seen

Opened = Callable[..., Catalogue]
STORY = Segment("journal/story.jsonl.gz", tuple(everything()))


def refused(error: type[CatalogueError], act: Callable[[], object]) -> str:
    with pytest.raises(CatalogueError) as raised:
        act()
    assert type(raised.value) is error
    said = str(raised.value)
    assert said == f"{raised.value.doing}: {said.removeprefix(raised.value.doing + ': ')}"
    assert said.endswith(raised.value.hint)
    assert raised.value.hint.endswith(".")
    return said


# -- opening


def test_a_new_catalogue_is_made_with_its_folder(tmp_path: Path) -> None:
    with closing(Catalogue.open(f"sqlite:///{tmp_path}/deep/down/catalogue.db")) as catalogue:
        assert rows(catalogue, RevisionRow) == [{"revision": REVISION}]
    assert (tmp_path / "deep/down/catalogue.db").is_file()


def test_what_was_applied_is_there_when_it_is_opened_again(opened: Opened) -> None:
    first = opened()
    apply(first, STORY)
    before = contents(first)
    first.close()
    assert contents(opened()) == before


OPEN = """
import sys
from noojee_ingest.catalogue.database import Catalogue
sys.stdin.readline()
catalogue = Catalogue.open(sys.argv[1])
catalogue.close()
print("opened")
"""


@pytest.mark.parametrize("attempt", range(3))
def test_processes_that_open_a_new_catalogue_at_once_all_succeed(tmp_path: Path, attempt: int) -> None:
    url = f"sqlite:///{tmp_path}/catalogue.db"
    command = [sys.executable, "-c", OPEN, url]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate(timeout=60) for process in started] == [("opened\n", "")] * 4
    with closing(Catalogue.open(url)) as catalogue:
        assert rows(catalogue, RevisionRow) == [{"revision": REVISION}]


def test_threads_that_open_a_new_catalogue_at_once_all_succeed(tmp_path: Path) -> None:
    for attempt in range(10):
        failures: list[Exception] = []
        barrier = threading.Barrier(4)

        def open_one(url: str, barrier: threading.Barrier = barrier, failures: list[Exception] = failures) -> None:
            barrier.wait()
            try:
                Catalogue.open(url).close()
            except CatalogueError as error:
                failures.append(error)

        url = f"sqlite:///{tmp_path}/catalogue-{attempt}.db"
        threads = [threading.Thread(target=open_one, args=[url]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []


def test_a_catalogue_of_another_revision_is_refused_and_the_message_names_the_verb(opened: Opened) -> None:
    catalogue = opened()
    with catalogue.write("changing the revision") as connection:
        connection.execute(table(RevisionRow).update().values(revision=REVISION + 1))
    catalogue.close()
    said = refused(WrongRevision, opened)
    assert "`noojee-ingest catalogue rebuild`" in said
    assert f"revision {REVISION + 1}" in said


def test_a_catalogue_that_lost_its_revision_is_refused(opened: Opened) -> None:
    catalogue = opened()
    with catalogue.write("forgetting the revision") as connection:
        connection.execute(table(RevisionRow).delete())
    catalogue.close()
    refused(WrongRevision, opened)


def test_a_database_of_something_else_is_refused_and_left_alone(tmp_path: Path, url: str) -> None:
    with closing(sqlite3.connect(tmp_path / "catalogue.db")) as other:
        other.execute("CREATE TABLE holiday_photos (name TEXT)")
        other.commit()
    said = refused(CatalogueUnavailable, lambda: Catalogue.open(url))
    assert "a database of something else" in said
    with closing(sqlite3.connect(tmp_path / "catalogue.db")) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("holiday_photos",)]


@pytest.mark.parametrize(
    "content", [b"not a database at all, but long enough", b"SQLite format 3\0" + bytes(84) + b"\xff" * 4000]
)
def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path, url: str, content: bytes) -> None:
    (tmp_path / "catalogue.db").write_bytes(content)
    said = refused(CatalogueUnavailable, lambda: Catalogue.open(url))
    assert "`noojee-ingest catalogue rebuild`" in said
    assert (tmp_path / "catalogue.db").read_bytes() == content


def test_an_empty_file_becomes_a_catalogue(tmp_path: Path, url: str) -> None:
    (tmp_path / "catalogue.db").touch()
    Catalogue.open(url).close()


def test_a_folder_in_its_place_is_refused(tmp_path: Path, url: str) -> None:
    (tmp_path / "catalogue.db").mkdir()
    refused(CatalogueUnavailable, lambda: Catalogue.open(url))


def test_a_file_in_the_place_of_its_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    said = refused(CatalogueUnavailable, lambda: Catalogue.open(f"sqlite:///{tmp_path}/data/catalogue.db"))
    assert str(tmp_path / "data" / "catalogue.db") in said


@pytest.mark.parametrize(
    "url",
    ["sqlite://", "sqlite:///", "sqlite:///:memory:", "postgresql://jane:secret@host/db", "nonsense", "", "oracle:x:y"],
)
def test_a_url_that_names_no_file_of_sqlite_is_refused_without_its_password(url: str) -> None:
    said = refused(CatalogueUnavailable, lambda: sqlite_path(url))
    assert "sqlite:///FILE" in said
    assert "secret" not in said


@pytest.mark.parametrize("name", ["with space", "hash#", "ümlaut", "plus+"])
def test_a_path_with_awkward_letters_is_that_file(tmp_path: Path, name: str) -> None:
    with closing(Catalogue.open(f"sqlite:///{tmp_path}/{name}/catalogue.db")) as catalogue:
        apply(catalogue, STORY)
    assert (tmp_path / name / "catalogue.db").stat().st_size > 0


# -- locked


@contextmanager
def held(path: Path) -> Iterator[sqlite3.Connection]:
    """Another program that writes and does not come to an end."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other


def test_a_writer_that_waits_too_long_says_that_it_is_locked_and_what_it_was_doing(
    tmp_path: Path, opened: Opened
) -> None:
    catalogue = opened(busy_seconds=0.1)
    with held(tmp_path / "catalogue.db"):
        said = refused(CatalogueLocked, lambda: apply(catalogue, STORY))
        assert "applying journal segment journal/story.jsonl.gz" in said
        assert rows(catalogue, SegmentRow) == []
    assert apply(catalogue, STORY) is True


def test_readers_are_not_kept_waiting_by_a_writer(tmp_path: Path, opened: Opened) -> None:
    catalogue = opened()
    apply(catalogue, STORY)
    with held(tmp_path / "catalogue.db"):
        reader = opened(busy_seconds=0.0)
        assert search(reader, Search(), most=3) != []


def test_a_reader_sees_all_of_a_segment_or_nothing(opened: Opened) -> None:
    writer, reader = opened(), opened()
    with reader.read("looking") as before:
        assert before.execute(select(table(LegRow))).all() == []
        apply(writer, STORY)
        assert before.execute(select(table(LegRow))).all() == []
    assert len(rows(reader, LegRow)) == len(rows(writer, LegRow)) > 0


def test_two_writers_take_turns(opened: Opened) -> None:
    one, other = opened(), opened()
    entered, done = threading.Event(), []

    def write() -> None:
        entered.set()
        apply(other, Segment("journal/b", (leg_seen(2),)))
        done.append("other")

    thread = threading.Thread(target=write)
    with one.write("holding on") as connection:
        thread.start()
        entered.wait()
        thread.join(0.3)
        assert done == []
        connection.execute(table(SegmentRow).insert(), {"key": "journal/a"})
    thread.join()
    assert [row["key"] for row in rows(one, SegmentRow)] == ["journal/a", "journal/b"]


def test_a_catalogue_that_is_being_put_in_place_is_locked(tmp_path: Path, url: str) -> None:
    with closing(InUse(tmp_path / "catalogue.db")) as rebuild:
        assert rebuild.alone(seconds=0)
        said = refused(CatalogueLocked, lambda: Catalogue.open(url, busy_seconds=0.1))
        assert "it is being rebuilt" in said
    Catalogue.open(url).close()


def test_the_catalogue_is_in_use_until_the_last_one_closes_it(tmp_path: Path, opened: Opened) -> None:
    one, other = opened(), opened()
    with closing(InUse(tmp_path / "catalogue.db")) as rebuild:
        assert not rebuild.alone(seconds=0)
        one.close()
        assert not rebuild.alone(seconds=0)
        other.close()
        other.close()
        assert rebuild.alone(seconds=0)
        assert rebuild.together(seconds=0)
        with closing(InUse(tmp_path / "catalogue.db")) as reader:
            assert reader.together(seconds=0)


# -- a disk that does not take it


def with_pragma(catalogue: Catalogue, pragma: str) -> None:
    """A limit that SQLite itself enforces, as a disk would: tests run as root, who may write anywhere."""
    catalogue.engine.dispose()
    event.listen(catalogue.engine, "connect", lambda connection, _: connection.execute(f"PRAGMA {pragma}").close())


@pytest.mark.parametrize(
    ("pragma", "says"),
    [("query_only=ON", "attempt to write a readonly database"), ("max_page_count=60", "database or disk is full")],
)
def test_a_disk_that_is_read_only_or_full_is_told_as_such_and_nothing_is_half_done(
    opened: Opened, pragma: str, says: str
) -> None:
    whole, catalogue = opened(), opened()
    with_pragma(catalogue, pragma)
    many = Segment("journal/many", tuple(leg_seen(number, raw="x" * 2_000) for number in range(400)))
    said = refused(CatalogueUnavailable, lambda: apply(catalogue, many))
    assert says in said
    assert "`noojee-ingest catalogue rebuild`" in said
    assert rows(whole, LegRow) == []
    assert apply(whole, many) is True


def test_a_damaged_page_is_told_as_such(tmp_path: Path, opened: Opened) -> None:
    catalogue = opened()
    apply(catalogue, STORY)
    catalogue.close()
    path = tmp_path / "catalogue.db"
    data = bytearray(path.read_bytes())
    data[8192:] = b"\xa5" * len(data[8192:])
    path.write_bytes(data)

    def use() -> None:
        with closing(Catalogue.open(f"sqlite:///{path}")) as damaged:
            contents(damaged)

    refused(CatalogueUnavailable, use)


def test_a_defect_of_ours_is_told_as_such(catalogue: Catalogue) -> None:
    def ask() -> None:
        with catalogue.read("asking nonsense") as connection:
            connection.execute(select(table(LegRow)).where(text(":never_given = 1")))

    assert "asking nonsense" in refused(CatalogueError, ask)


def test_what_is_no_error_of_the_database_passes_unchanged(catalogue: Catalogue) -> None:
    with pytest.raises(KeyError), catalogue.read("looking") as connection:
        {}[connection]


# -- the tree of errors


def test_the_drawn_tree_shows_every_error() -> None:
    kinds: list[Any] = [CatalogueError, *CatalogueError.__subclasses__()]
    assert [name.__name__ for name in kinds] == [
        line.strip(" ├└─").split()[0] for line in (errors.__doc__ or "").splitlines() if line.startswith("    ")
    ]


def test_the_catalogue_and_the_budget_are_two_files(tmp_path: Path, opened: Opened) -> None:
    opened()
    BudgetFile(tmp_path / "budget.sqlite")
    with held(tmp_path / "catalogue.db"):
        assert BudgetFile(tmp_path / "budget.sqlite").take_turn("acme", "by-hour", 1.0) == 0.0
