"""Rebuilding a catalogue in an SQLite file: what is in its place, and what is left beside it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.errors import CatalogueError, CatalogueUnavailable
from noojee_ingest.catalogue.rebuild import rebuild
from noojee_ingest.catalogue.runs import last_runs
from noojee_ingest.catalogue.tables import LegRow
from noojee_ingest.journal import segment
from noojee_ingest.journal.errors import DamagedSegment
from noojee_ingest.journal.segment import put
from noojee_ingest.storage.root import Root
from tests.functional.catalogue.recount import contents, rows
from tests.functional.catalogue.written import archived, spoil, write_story
from tests.unit.journal.story import at, leg_seen

Opened = Callable[..., Catalogue]


def files(tmp_path: Path) -> set[str]:
    return {path.name for path in tmp_path.iterdir() if path.is_file()}


def test_nothing_is_left_beside_it(tmp_path: Path, url: str, archive: Root) -> None:
    write_story(archive)
    rebuild(archive, url)
    assert files(tmp_path) == {"catalogue.db", "catalogue.db.lock"}


def test_a_disk_that_is_full_leaves_the_old_catalogue(
    monkeypatch: pytest.MonkeyPatch, url: str, opened: Opened, archive: Root
) -> None:
    catalogue = opened()
    archived(archive, catalogue)
    before = contents(catalogue)
    catalogue.close()
    for one in segment.segments("acme", [leg_seen(number, raw="x" * 2_000) for number in range(400)], at(0)):
        put(archive, one)
    monkeypatch.setattr("noojee_ingest.catalogue.sqlite.QUICK", ("max_page_count=120",))
    with pytest.raises(CatalogueUnavailable, match="database or disk is full"):
        rebuild(archive, url)
    assert contents(opened()) == before


def test_without_an_old_catalogue_a_failure_leaves_none(tmp_path: Path, url: str, archive: Root) -> None:
    write_story(archive)
    spoil(archive, tmp_path)
    with pytest.raises(DamagedSegment):
        rebuild(archive, url)
    assert "catalogue.db" not in files(tmp_path)


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


def test_a_folder_in_its_place_is_told_as_such(tmp_path: Path, url: str, archive: Root) -> None:
    (tmp_path / "catalogue.db").mkdir()
    with pytest.raises(CatalogueError, match=r"rebuilding the catalogue.*catalogue\.db"):
        rebuild(archive, url)
