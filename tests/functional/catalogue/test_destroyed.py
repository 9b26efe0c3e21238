"""A journal whose members ``personal`` can no longer be opened: what was personal is gone, what was counted stays."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from noojee_ingest.catalogue import queries
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.fact_tables import (
    AudioStoredRow,
    CallAppraisedRow,
    CallSeenRow,
    EntryRefusedRow,
    LegAppraisedRow,
    LegSeenRow,
    ListAnsweredRow,
)
from noojee_ingest.catalogue.rebuild import rebuild
from noojee_ingest.catalogue.search import Search, search
from noojee_ingest.catalogue.tables import REBUILDABLE, CallRow, DayRow, LegRow
from noojee_ingest.cli.program import main
from noojee_ingest.journal.events import KINDS
from noojee_ingest.journal.lines import MEMBERS
from noojee_ingest.journal.segment import Segment, put
from noojee_ingest.storage.folder import open_folder_store
from tests.functional.catalogue.recount import rows
from tests.unit.journal.story import at, call, everything, leg

CLOSED = {"enc": "aes-256-gcm", "key": "k7", "data": "3q2+7wAAAAAA"}
PERSONAL = {member.name for kind in KINDS for member in MEMBERS[kind] if member.personal}
WRITTEN = [b"0412345678", b"0399990000", b"jane", b"Spring", b"X-0", b"blue", b"Kim", b"as agreed"]
"""What people and the phone system wrote in the story."""


@dataclass(frozen=True)
class Archive:
    """A folder with an archive, as the program finds it."""

    folder: Path
    catalogue: Catalogue


def segments() -> list[Segment]:
    """The story, a segment a site and day."""
    found: dict[str, list[Any]] = {}
    for event in everything():
        found.setdefault(f"journal/site={event.site}/day={event.day}/20260311T000000Z-{32 * '0'}.jsonl.gz", []).append(
            event
        )
    return [Segment(key, tuple(events)) for key, events in found.items()]


def closed(data: bytes) -> bytes:
    """A segment's bytes, every member ``personal`` as one that was encrypted, its key thrown away."""
    lines = [json.loads(line) for line in gzip.decompress(data).decode().splitlines()]
    for line in lines:
        if "personal" in line:
            line["personal"] = CLOSED
    return gzip.compress("".join(json.dumps(line) + "\n" for line in lines).encode())


def archive(folder: Path, opened: Callable[..., Catalogue], *, destroy: bool) -> Archive:
    folder.mkdir()
    root = open_folder_store(folder / "data" / "store").archive
    for one in segments():
        if destroy:
            scratch = open_folder_store(folder / "scratch").archive
            put(scratch, one)
            with scratch.open(one.key) as file:
                data = closed(file.read())
            root.create(one.key, io.BytesIO(data), size=len(data), sha256=hashlib.sha256(data).hexdigest(), metadata={})
        else:
            put(root, one)
    rebuild(root, f"sqlite:///{folder}/data/catalogue.db")
    sites = "".join(f'[sites.{site}]\nzone = "Australia/Melbourne"\nurl = "https://{site}.example"\n' for site in SITES)
    (folder / "config.toml").write_text(f'data = "data"\n{sites}')
    return Archive(folder, opened(f"{folder.name}/data/catalogue"))


SITES = ("acme", "zenith")


@pytest.fixture
def whole(tmp_path: Path, opened: Callable[..., Catalogue]) -> Archive:
    return archive(tmp_path / "whole", opened, destroy=False)


@pytest.fixture
def destroyed(tmp_path: Path, opened: Callable[..., Catalogue]) -> Archive:
    return archive(tmp_path / "destroyed", opened, destroy=True)


def without(found: list[dict[str, Any]], names: set[str]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name not in names} for row in found]


def test_states_sums_and_judgements_stay(whole: Archive, destroyed: Archive) -> None:
    before, after = rows(whole.catalogue, DayRow), rows(destroyed.catalogue, DayRow)
    assert without(after, {"findings"}) == without(before, {"findings"})
    assert without(rows(destroyed.catalogue, LegRow), PERSONAL) == without(rows(whole.catalogue, LegRow), PERSONAL)
    assert without(rows(destroyed.catalogue, CallRow), PERSONAL) == without(rows(whole.catalogue, CallRow), PERSONAL)


def test_fixity_stays(whole: Archive, destroyed: Archive) -> None:
    assert rows(destroyed.catalogue, AudioStoredRow) == rows(whole.catalogue, AudioStoredRow)


def test_a_call_that_has_its_recording_does_not_become_one_without(whole: Archive, destroyed: Archive) -> None:
    for one in (whole, destroyed):
        (row,) = [row for row in rows(one.catalogue, CallRow) if row["call_id"] == call(0)]
        assert (row["judged"], row["legs"]) == ("recorded", 2)
        assert queries.findings_of(one.catalogue, [call(0)]) == []


@pytest.mark.parametrize(
    "row",
    [LegSeenRow, CallSeenRow, EntryRefusedRow, ListAnsweredRow, LegAppraisedRow, CallAppraisedRow, LegRow, CallRow],
    ids=lambda row: row.__tablename__,
)
def test_what_was_personal_is_null(destroyed: Archive, row: Any) -> None:
    found = rows(destroyed.catalogue, row)
    held = {name for one in found for name in PERSONAL & set(one) if one[name] is not None}
    assert found != []
    assert held == set()


def test_nothing_that_anyone_wrote_is_left_in_the_catalogue(whole: Archive, destroyed: Archive) -> None:
    for one, left in ((whole, WRITTEN), (destroyed, [])):
        one.catalogue.close()
        data = b"".join(path.read_bytes() for path in one.folder.glob("data/catalogue.db*"))
        assert [text for text in WRITTEN if text in data or text.lower() in data] == left


def test_every_table_has_as_many_rows_or_more_where_equal_things_can_no_longer_be_told(
    whole: Archive, destroyed: Archive
) -> None:
    for row in REBUILDABLE:
        if row.__tablename__ not in ("finding", "leg_seen", "call_seen", "leg_term"):
            assert len(rows(destroyed.catalogue, row)) == len(rows(whole.catalogue, row))
    assert len(rows(destroyed.catalogue, LegSeenRow)) >= len(rows(whole.catalogue, LegSeenRow))


def test_nobody_asks_the_phone_system_for_a_leg_whose_ids_are_gone(whole: Archive, destroyed: Archive) -> None:
    assert queries.legs_due(whole.catalogue, "acme", at(999)) != []
    assert queries.legs_due(destroyed.catalogue, "acme", at(999)) == []


def test_it_is_found_by_the_ids_that_it_had(destroyed: Archive) -> None:
    assert {row["leg_id"] for row in search(destroyed.catalogue, Search(ids=["9003"]), most=9)} == {leg(6), leg(7)}
    (row,) = queries.calls_named(destroyed.catalogue, ["1773100000.3"], "acme")
    assert row["call_id"] == call(3)


@pytest.mark.parametrize("wanted", [{"texts": ["spring"]}, {"numbers": ["0412345678"]}, {"users": ["jane"]}], ids=str)
def test_by_what_anyone_wrote_it_is_not_found(whole: Archive, destroyed: Archive, wanted: dict[str, Any]) -> None:
    assert search(whole.catalogue, Search(**wanted), most=9) != []
    assert search(destroyed.catalogue, Search(**wanted), most=9) == []


def test_without_an_id_it_is_not_found_for_it_has_no_start(destroyed: Archive) -> None:
    assert search(destroyed.catalogue, Search(since=at(0)), most=9) == []


# -- the program


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Calls the program in an archive's folder; what it prints."""

    def call_program(archive: Archive, *words: str) -> str:
        monkeypatch.chdir(archive.folder)
        monkeypatch.setenv("NOOJEE_INGEST_CONFIG", str(archive.folder / "config.toml"))
        for site in SITES:
            monkeypatch.setenv(f"NOOJEE_INGEST_SITES__{site.upper()}__API_KEY", "a-key")
        monkeypatch.setattr(sys, "argv", ["noojee-ingest", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert (ended.value.code or 0, said.err) == (0, "")
        return said.out

    return call_program


@pytest.mark.parametrize("number", [0, 2, 7, 8, 10, 15, 20, 40])
def test_show_shows_what_is_left(destroyed: Archive, say: Callable[..., str], number: int) -> None:
    assert leg(number) in say(destroyed, "show", leg(number))
    document = json.loads(say(destroyed, "show", "--json", leg(number)))
    assert leg(number) in {row["leg_id"] for row in document["legs"]}
    assert document["history"] != []
    assert not any(text.decode() in json.dumps(document) for text in WRITTEN)


def test_show_tells_the_whole_history_of_what_is_not_destroyed(whole: Archive, say: Callable[..., str]) -> None:
    document = json.loads(say(whole, "show", "--json", leg(16)))
    told = [line["personal"]["tag"] for line in document["history"] if line["object"]["id"] == leg(16)]
    assert told == ["A", "B", "A"]
    assert {row["leg_id"]: row["tag"] for row in document["legs"]}[leg(16)] == "A"


@pytest.mark.parametrize("words", [["--id", "9003"], ["--id", "1773100000.3", "--json"], ["--state", "archived"], []])
def test_search_does_not_stumble(destroyed: Archive, say: Callable[..., str], words: list[str]) -> None:
    out = say(destroyed, "search", "--site", "acme", *words)
    if "--json" in words:
        assert {row["leg_id"] for row in json.loads(out)["legs"]} == {leg(6), leg(7)}
    else:
        assert "legs" in out
