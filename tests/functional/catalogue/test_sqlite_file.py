"""A catalogue in an SQLite file: the file, its disk, and others who hold it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event, text

from noojee_ingest.catalogue.apply import apply
from noojee_ingest.catalogue.budget import BudgetFile
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.errors import CatalogueLocked, CatalogueUnavailable
from noojee_ingest.catalogue.location import locate
from noojee_ingest.catalogue.tables import REVISION, LegRow, RevisionRow, SegmentRow
from noojee_ingest.journal.segment import Segment
from tests.functional.catalogue.recount import contents, rows
from tests.functional.catalogue.refusals import refused
from tests.unit.journal.story import everything, leg_seen

Opened = Callable[..., Catalogue]
STORY = Segment("journal/story.jsonl.gz", tuple(everything()))


def test_a_new_catalogue_is_made_with_its_folder(tmp_path: Path) -> None:
    with closing(Catalogue.open(f"sqlite:///{tmp_path}/deep/down/catalogue.db")) as catalogue:
        assert rows(catalogue, RevisionRow) == [{"revision": REVISION}]
    assert (tmp_path / "deep/down/catalogue.db").is_file()


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
    ["sqlite://", "sqlite:///", "sqlite:///:memory:", "postgresql://jane:secret@host", "nonsense", "", "oracle:x:y"],
)
def test_a_url_that_names_no_file_and_no_database_is_refused_without_its_password(url: str) -> None:
    said = refused(CatalogueUnavailable, lambda: locate(url))
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
        assert rows(reader, LegRow) != []


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


def test_the_catalogue_and_the_budget_are_two_files(tmp_path: Path, opened: Opened) -> None:
    opened()
    BudgetFile(tmp_path / "budget.sqlite")
    with held(tmp_path / "catalogue.db"):
        assert BudgetFile(tmp_path / "budget.sqlite").take_turn("acme", "by-hour", 1.0) == 0.0


def test_sqlite_numbers_no_row_by_itself(catalogue: Catalogue) -> None:
    with catalogue.read("looking at the tables") as connection:
        made = connection.execute(text("SELECT count(*) FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%'"))
        assert made.scalar_one() == 0
