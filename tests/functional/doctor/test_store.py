"""The doctor's proofs on a folder store, the catalogue and the room on the disks."""

from __future__ import annotations

import io
import os
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from noojee_ingest.pipeline.doctor import Examination, Result, room, store
from noojee_ingest.storage.folder import FolderRoot
from noojee_ingest.storage.root import Retention, RootName, Stored
from tests.functional.doctor.conftest import Surgery, of


def files(folder: Path) -> list[str]:
    """What is kept below a folder, without locks."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.name != "lock")


def test_a_folder_store_is_proven_and_nothing_is_left(surgery: Surgery) -> None:
    found = surgery.examine(store=True)
    for name in (store.CHECKSUM, store.CREATE_ONLY, *(f"store: {root} can be read" for root in RootName)):
        assert of(found, name).result is Result.OK
    for root in ("archive", "evidence", "lake"):
        assert of(found, f"store: {root} can be written").result is Result.OK
    assert files(surgery.folder / "data" / "store") == []


def test_what_a_folder_cannot_do_is_told_and_costs_no_exit_code(surgery: Surgery) -> None:
    found = surgery.examine(store=True)
    for name in (store.VERSIONS, store.LOCKS):
        assert of(found, name).result is Result.WARNING
    assert any("not seen to lock" in sentence for sentence in found.will_not)
    assert {check.result for check in found.checks if check.needed and "room" not in check.name} == {Result.OK}


class Careless(FolderRoot):
    """A root that takes any checksum, and overwrites."""

    def create(
        self,
        key: str,
        body: BinaryIO,
        *,
        size: int,
        sha256: str,
        metadata: Mapping[str, str],
        retention: Retention | None = None,
    ) -> Stored:
        content = body.read()
        if self.name is RootName.SCRATCH:
            self.delete(key)
        return super().create(
            key, io.BytesIO(content), size=size, sha256=store.digest(content), metadata=metadata, retention=retention
        )


def test_a_careless_store_is_found_out_and_the_archive_is_left_alone(
    surgery: Surgery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("noojee_ingest.storage.folder.FolderRoot", Careless)
    found = surgery.examine(store=True)
    assert of(found, store.CHECKSUM).result is Result.FAILED
    assert of(found, store.CREATE_ONLY).result is Result.FAILED
    assert of(found, "store: archive can be written").result is Result.SKIPPED
    assert found.exit_code == 1
    assert any("Nothing can be archived" in sentence for sentence in found.will_not)
    assert files(surgery.folder / "data" / "store") == []


def test_a_store_that_cannot_be_opened_does_not_stop_the_catalogue(surgery: Surgery) -> None:
    place = surgery.folder / "place"
    place.write_text("no folder")
    found = surgery.examine(store=True, STORE__PATH=place)
    for root in RootName:
        assert of(found, f"store: {root} can be read").result is Result.FAILED
    assert of(found, store.CREATE_ONLY).result is Result.SKIPPED
    assert found.of("catalogue: reachable") is not None
    assert [check.name for check in found.checks if check.name.startswith("room")]


def test_a_catalogue_is_proven_and_stays_as_it_was(surgery: Surgery) -> None:
    surgery.night()
    path = surgery.folder / "data" / "catalogue.db"

    def dump() -> list[str]:
        with closing(sqlite3.connect(path)) as database:
            return [line for line in database.iterdump() if "leg_text" not in line]

    before = dump()
    found = surgery.examine(store=True)
    for name in ("reachable", "revision", "writable", "of this store"):
        assert of(found, f"catalogue: {name}").result is Result.OK
    assert dump() == before


def test_a_catalogue_of_another_revision_is_told(surgery: Surgery) -> None:
    surgery.examine(store=True)
    with closing(sqlite3.connect(surgery.folder / "data" / "catalogue.db")) as database:
        database.execute("update revision set revision = 1")
        database.commit()
    found = surgery.examine(store=True)
    revision = of(found, "catalogue: revision")
    assert (revision.result, "catalogue upgrade" in revision.told) == (Result.FAILED, True)
    assert of(found, "audio by call record id").result is Result.OK


def test_a_catalogue_that_is_no_database_is_told(surgery: Surgery) -> None:
    (surgery.folder / "data").mkdir()
    (surgery.folder / "data" / "catalogue.db").write_text("no database " * 1000)
    found = surgery.examine(store=True)
    assert of(found, "catalogue: reachable").result is Result.FAILED
    assert any("No night can run" in sentence for sentence in found.will_not)


def test_a_catalogue_that_cannot_be_written_is_told(surgery: Surgery) -> None:
    surgery.examine(store=True)
    with closing(sqlite3.connect(surgery.folder / "data" / "catalogue.db")) as database:
        database.execute("create trigger refused before insert on revision begin select raise(abort, 'no'); end")
        database.commit()
    found = surgery.examine(store=True)
    assert of(found, "catalogue: writable").result is Result.FAILED
    assert found.exit_code == 1


def test_a_catalogue_of_another_store_is_told(surgery: Surgery) -> None:
    surgery.night()
    shutil.move(surgery.folder / "data" / "store", surgery.folder / "elsewhere")
    assert of(surgery.examine(store=True), "catalogue: of this store").result is Result.FAILED


# -- room


def rooms(found: Examination) -> list[Any]:
    return [check for check in found.checks if check.name.startswith("room: ")]


@pytest.mark.parametrize(
    ("nights", "result"),
    [(0.9, Result.FAILED), (1.1, Result.WARNING), (room.NIGHTS_SEEN + 1, Result.OK)],
)
def test_room_is_reckoned_in_nights(
    surgery: Surgery, monkeypatch: pytest.MonkeyPatch, nights: float, result: Result
) -> None:
    need = 2 * room.GUESSED_BYTES + room.GUESSED_LEGS * room.CATALOGUE_BYTES_A_LEG  # store, spool, catalogue
    status = os.statvfs_result((4096, 4096, 10**9, 0, int(need * nights / 4096), 0, 0, 0, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda _: status)
    (check,) = rooms(surgery.examine(store=True))
    assert (check.name, check.result) == ("room: store, spool, catalogue", result)
    assert "a guess of 2,000 legs" in check.told


def test_room_is_reckoned_by_the_largest_of_the_last_nights(surgery: Surgery) -> None:
    surgery.night()
    (check,) = rooms(surgery.examine(store=True))
    assert "the largest of the last 2 nights, 2026-03-10" in check.told
