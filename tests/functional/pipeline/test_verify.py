"""Verify: what each strength finds and does not find, what it journals, and when it journals nothing.

The integration tests run much of this again with buckets and PostgreSQL.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import json
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from noojee_ingest.catalogue.rebuild import rebuild
from noojee_ingest.catalogue.runs import open_segment
from noojee_ingest.journal import segment
from noojee_ingest.journal.errors import DamagedSegment, SegmentsGone
from noojee_ingest.journal.events import AudioStored, Event, FixityChecked, ObjectNoted, Strength, Verdict
from noojee_ingest.model import State
from noojee_ingest.pipeline import decide, examine
from noojee_ingest.pipeline.fixity import Reader
from noojee_ingest.pipeline.quarantine import evidence_key
from noojee_ingest.pipeline.selection import Selection
from noojee_ingest.pipeline.show import show
from noojee_ingest.pipeline.status import status
from noojee_ingest.pipeline.verify import Progress, Verified, verify
from noojee_ingest.storage.errors import StoreUnavailable, telling
from tests.functional.pipeline.decisions import Archive

if TYPE_CHECKING:
    from noojee_ingest.storage.root import Root

    from .conftest import Site

DAY = date(2026, 3, 10)
EVERY = tuple(Strength)
Found = set[tuple[str, str]]


@pytest.fixture(scope="session")
def night_kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first test that asks puts its night, for the others to copy."""
    return tmp_path_factory.mktemp("night") / "data"


@pytest.fixture
def archive(site: Site, night_kept: Path) -> Archive:
    if night_kept.exists():
        shutil.copytree(night_kept, site.folder)
    else:
        site.night()
        site.requests()
        shutil.copytree(site.folder, night_kept)
    site.pass_time(hours=1)
    return Archive(site)


def verified(archive: Archive, strength: Strength = Strength.READ, **how: Any) -> Verified:
    stop = how.pop("stop", None) or threading.Event()
    selection = how.pop("selection", Selection())
    with archive.catalogue() as catalogue:
        return verify(
            archive.site.settings(), catalogue, "here", strength=strength, selection=selection, stop=stop, **how
        )


def found(done: Verified) -> Found:
    return {(failure.kind.value, failure.name) for failure in done.failures}


def audio(archive: Archive) -> dict[str, Any]:
    """The audio of the first archived leg."""
    return archive.audio(archive.first(State.ARCHIVED)["leg_id"])


def file(archive: Archive, key: str) -> Path:
    return archive.site.archive / key


def changed(path: Path, data: bytes) -> None:
    path.unlink()
    path.write_bytes(data)


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    changed(path, bytes(data))


def a_segment(archive: Archive) -> str:
    """One that tells of audio, and is not the last."""
    root = archive.store.archive
    keys = list(segment.keys(root))
    return next(key for key in keys[:-1] if any(event.kind == "ingestion" for event in segment.read(root, key).events))


def edit(archive: Archive, *statements: str) -> None:
    with closing(sqlite3.connect(archive.site.folder / "catalogue.db")) as database, database:
        for statement in statements:
            assert database.execute(statement).rowcount > 0, statement


def events(archive: Archive) -> Iterator[Event]:
    """What the segments tell that can be read."""
    root = archive.store.archive
    for key in segment.keys(root):
        with suppress(DamagedSegment):
            yield from segment.read(root, key).events


def checks(archive: Archive) -> list[FixityChecked]:
    return sorted((one for one in events(archive) if isinstance(one, FixityChecked)), key=lambda one: one.time)


def notes(archive: Archive, *, cleared: bool = False) -> Found:
    noted = [event for event in events(archive) if isinstance(event, ObjectNoted) and event.cleared is cleared]
    return {(event.finding.value, event.key) for event in noted}


# -- what is sound


@pytest.mark.parametrize("strength", EVERY)
def test_a_sound_archive_is_found_sound_and_that_is_one_event(archive: Archive, strength: Strength) -> None:
    done = verified(archive, strength)
    assert (done.failures, done.exit_code, done.interrupted) == ([], 0, False)
    (event,) = checks(archive)
    assert (event.strength, event.selector, event.failed) == (strength, "all", 0)
    assert event.began <= event.time
    assert notes(archive) == set()


def test_the_list_that_was_checked_can_be_made_again_from_the_store(archive: Archive) -> None:
    root = archive.store.archive
    names = [one.key for prefix in ("audio/", "journal/") for one in root.list(prefix)]
    names += [f"catalogue/{key.split('/', 1)[1].rpartition('/')[0]}" for key in names]
    listed = sorted(set(names), key=lambda name: (name.partition("day=")[2][:10], name))
    first, last = (date.fromisoformat(name.partition("day=")[2][:10]) for name in (listed[0], listed[-1]))
    days = {f"catalogue/site=here/day={first + timedelta(days=number)}" for number in range((last - first).days + 1)}
    done = verified(archive)
    assert days == {name for name in listed if name.startswith("catalogue/")}
    assert done.checked == len(listed)
    assert done.list_digest == hashlib.sha256("".join(f"{name}\n" for name in listed).encode()).hexdigest()


def test_a_run_of_verify_is_in_a_catalogue_that_is_made_anew(archive: Archive) -> None:
    file(archive, audio(archive)["key"]).unlink()
    verified(archive)
    before = archive.site.rows("select * from fixity_checked"), archive.site.findings()
    rebuild(archive.store.archive, archive.site.settings().catalogue.url)
    assert (archive.site.rows("select * from fixity_checked"), archive.site.findings()) == before
    assert before[0]


# -- what each strength finds


def deleted(archive: Archive) -> Found:
    key = audio(archive)["key"]
    file(archive, key).unlink()
    return {("gone object", key)}


def flipped_byte(archive: Archive) -> Found:
    key = audio(archive)["key"]
    flipped(file(archive, key))
    return {("damaged object", key)}


def cut_object(archive: Archive) -> Found:
    key = audio(archive)["key"]
    changed(file(archive, key), file(archive, key).read_bytes()[:-1])
    return {("damaged object", key)}


def unreadable_sidecar(archive: Archive) -> Found:
    key = audio(archive)["key"]
    changed(file(archive, f"{key}.json"), b"{}")
    return {("damaged object", key)}


def other_checksum_recorded(archive: Archive) -> Found:
    key = audio(archive)["key"]
    beside = file(archive, f"{key}.json")
    changed(beside, json.dumps(json.loads(beside.read_bytes()) | {"sha256": "0" * 64}).encode())
    return {("damaged object", key)}


def other_metadata(archive: Archive) -> Found:
    row = audio(archive)
    beside = file(archive, f"{row['key']}.json")
    changed(beside, beside.read_bytes().replace(row["leg_id"].encode(), b"0" * 32))
    return {("damaged object", row["key"])}


def added(archive: Archive) -> Found:
    key = f"audio/site=here/day={DAY}/{'0' * 32}-{'0' * 16}.wav"
    put(archive, key, b"who put me here?")
    return {("orphan object", key)}


def put(archive: Archive, key: str, data: bytes, root: str = "archive") -> None:
    digest = hashlib.sha256(data).hexdigest()
    getattr(archive.store, root).create(key, io.BytesIO(data), size=len(data), sha256=digest, metadata={})


def cut_segment(archive: Archive) -> Found:
    key = a_segment(archive)
    changed(file(archive, key), file(archive, key).read_bytes()[:-20])
    return {("damaged segment", key)}


def flipped_segment(archive: Archive) -> Found:
    key = a_segment(archive)
    flipped(file(archive, key))
    return {("damaged segment", key)}


def segment_written_anew(archive: Archive) -> Found:
    """Sound gzip, sound lines, and not what was written."""
    key = a_segment(archive)
    one = segment.read(archive.store.archive, key)
    file(archive, key).unlink()
    file(archive, f"{key}.json").rename(file(archive, key).with_name("kept.part"))
    segment.put(archive.store.archive, replace(one, events=one.events[:-1]))
    file(archive, f"{key}.json").unlink()
    file(archive, key).with_name("kept.part").rename(file(archive, f"{key}.json"))
    return {("damaged segment", key)}


def gone_segment(archive: Archive) -> Found:
    key = a_segment(archive)
    file(archive, key).unlink()
    return {("gone segment", key)}


def unreadable(archive: Archive, monkeypatch: pytest.MonkeyPatch, *keys: str) -> None:
    """Files that open and whose bytes cannot be read, as on a bad sector (EIO)."""
    whole = Reader.digest

    def digest(reader: Reader, root: Root, key: str, version_id: str = "") -> tuple[str, int]:
        with telling("reading", key, writing=False):
            if key in keys:
                raise OSError(errno.EIO, "Input/output error")
            return whole(reader, root, key, version_id)

    monkeypatch.setattr(Reader, "digest", digest)


CATALOGUE = f"catalogue/site=here/day={DAY}"
EDITS: dict[str, tuple[str, ...]] = {
    "the state of a leg": ("update leg set state = 'excused' where state = 'archived'",),
    "one number of a leg": ("update leg set source = '1' where leg_id = (select min(leg_id) from leg)",),
    "a leg that is gone": ("delete from leg where leg_id = (select min(leg_id) from leg)",),
    "a leg that never was": (
        "create temp table one as select * from leg limit 1",
        "update one set leg_id = 'f'",
        "insert into leg select * from one",
    ),
    "all rows of a leg": tuple(
        f"delete from {table} where leg_id = (select min(leg_id) from leg_search)"
        for table in ("leg", "leg_seen", "audio", "leg_search")
    ),
    "the digest of audio": ("update audio set content_sha256 = stored_sha256 || '0' where rowid = 1",),
    "the key of audio": ("update audio set key = key || '.wav' where rowid = 1",),
    "audio that is gone": ("delete from audio where rowid = 1",),
    "what a list told": ("update leg_seen set tag = 'Z' where rowid = 1",),
    "what a list never told": ("update leg_seen set fact_key = 'Z' where rowid = 1",),
    "who decided": ("update call_appraised set cause = 'Z' where rowid = 1",),
    "a call": ("update call set judged = 'recorded' where judged = 'explained'",),
    "a sum": (f"update day set archived = archived + 1 where day = '{DAY}'",),
    "a finding that never was": (
        f"insert into finding values ('leg', (select min(leg_id) from leg), 'double', 'here', '{DAY}', '')",
    ),
    "what search finds a leg by": ("update leg_search set text = 'Z' where leg_id = (select min(leg_id) from leg)",),
}

DAMAGE: list[tuple[Callable[[Archive], Found], Strength]] = [
    (deleted, Strength.EXISTS),
    (cut_object, Strength.EXISTS),
    (added, Strength.EXISTS),
    (gone_segment, Strength.EXISTS),
    (unreadable_sidecar, Strength.CHECKSUM),
    (other_checksum_recorded, Strength.CHECKSUM),
    (other_metadata, Strength.CHECKSUM),
    (cut_segment, Strength.CHECKSUM),
    (flipped_segment, Strength.CHECKSUM),
    (segment_written_anew, Strength.CHECKSUM),
    (flipped_byte, Strength.READ),
]


@pytest.mark.parametrize(("damage", "weakest"), DAMAGE, ids=lambda one: getattr(one, "__name__", str(one)))
def test_damage_is_found_by_a_look_that_is_close_enough_and_by_none_that_is_not(
    archive: Archive, damage: Callable[[Archive], Found], weakest: Strength
) -> None:
    expected = damage(archive)
    for strength in EVERY:
        done = verified(archive, strength)
        if EVERY.index(strength) < EVERY.index(weakest):
            assert (found(done), done.exit_code) == (set(), 0), strength
        else:
            assert (found(done), done.exit_code) == (expected, 4), strength
            assert done.failed == checks(archive)[-1].failed == 1
    assert notes(archive) == expected  # once, however often it was seen
    assert {(kind, name) for kind, name in notes(archive, cleared=True)} == set()
    rows = archive.site.rows("select * from finding where object_type = 'object'")
    assert {(row["kind"], row["object_id"]) for row in rows} == expected


def made_anew(archive: Archive) -> None:
    """A catalogue that was lost, and knows only what is left of the journal."""
    for path in archive.site.folder.glob("catalogue.db*"):
        path.unlink()
    rebuild(archive.store.archive, archive.site.settings().catalogue.url)


def test_other_bytes_that_the_journal_was_edited_to_name_are_damage(archive: Archive) -> None:
    """Object and segment are written anew, each with its right checksum, and the catalogue follows from them."""
    row = audio(archive)
    was, now = row["stored_sha256"], hashlib.sha256(b"forged").hexdigest()
    lines = gzip.decompress(file(archive, row["segment"]).read_bytes()).decode()
    lines = lines.replace(f'"stored_sha256":"{was}"', f'"stored_sha256":"{now}"')
    lines = lines.replace(f'"stored_size":{row["stored_size"]}', '"stored_size":6')
    for key, data in ((row["key"], b"forged"), (row["segment"], gzip.compress(lines.encode()))):
        path = file(archive, key)
        told = json.loads(path.with_name(f"{path.name}.json").read_text())
        told["sha256"], told["size"] = hashlib.sha256(data).hexdigest(), len(data)
        changed(path, data)
        changed(path.with_name(f"{path.name}.json"), json.dumps(told).encode())
    made_anew(archive)
    assert ("damaged object", row["key"]) in found(verified(archive))


def test_what_cannot_be_read_is_damaged_and_hides_no_other_damage(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, *_, other = sorted(row["key"] for row in archive.site.rows("select key from audio"))
    flipped(file(archive, other))
    with monkeypatch.context() as patch:
        unreadable(archive, patch, key)
        done = verified(archive)
    assert found(done) == {("damaged object", key), ("damaged object", other)}
    (told,) = [failure.detail for failure in done.failures if failure.name == key]
    assert told.startswith("it cannot be read: Input/output error")
    assert checks(archive)[-1].failed == 2
    assert verified(archive).cleared == 1


def test_many_in_a_row_that_cannot_be_read_are_the_stores_fault(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    unreadable(archive, monkeypatch, *(row["key"] for row in archive.site.rows("select key from audio")))
    before = len(checks(archive))
    with pytest.raises(StoreUnavailable):
        verified(archive)
    assert (len(checks(archive)), notes(archive)) == (before, set())


def test_a_day_that_the_catalogue_forgot_is_looked_at_all_the_same(archive: Archive) -> None:
    stray = f"audio/site=here/day=2020-02-29/{'a' * 32}-{'b' * 16}.wav"
    put(archive, stray, b"RIFF")
    assert found(verified(archive, Strength.EXISTS)) == {("orphan object", stray)}
    assert found(verified(archive, Strength.EXISTS, selection=Selection(first=date(2020, 3, 1)))) == set()


def test_a_quarantine_that_is_no_more_excuses_no_missing_audio(archive: Archive) -> None:
    """The note that it was withdrawn is in another segment than the verdict, which is lost with the catalogue."""
    row = audio(archive)
    archive.decide(Verdict.QUARANTINE, row["leg_id"])
    (verdict,) = {one["segment"] for one in archive.site.rows("select segment from leg_appraised")}
    file(archive, verdict).unlink()
    made_anew(archive)
    assert archive.leg(row["leg_id"])["state"] == "archived"
    assert ("gone object", row["key"]) in found(verified(archive, Strength.EXISTS))


def test_a_segment_that_only_a_statement_still_names_is_gone(archive: Archive) -> None:
    key = a_segment(archive)
    (named,) = [one["segments"] for one in archive.site.rows("select segments from day_stated")]
    assert key in named
    file(archive, key).unlink()
    made_anew(archive)
    for strength in EVERY:
        assert ("gone segment", key) in found(verified(archive, strength))


@pytest.mark.parametrize(
    "spoil", ["update audio set time = 'x' where rowid = 1", "update leg set due = 'x'", "update call set fields = '{'"]
)
def test_rows_that_cannot_be_read_are_a_disagreement(archive: Archive, spoil: str) -> None:
    edit(archive, spoil)
    done = verified(archive, Strength.CHECKSUM)
    assert ("catalogue disagreement", CATALOGUE) in found(done)
    assert checks(archive)[-1].failed == done.failed


def test_no_look_at_names_ends_the_finding_of_a_damaged_segment(archive: Archive) -> None:
    (about,) = cut_segment(archive)
    assert found(verified(archive, Strength.CHECKSUM)) == {about}
    done = verified(archive, Strength.EXISTS)
    assert (found(done), done.cleared, notes(archive, cleared=True)) == (set(), 0, set())


@pytest.mark.parametrize("what", EDITS)
def test_a_catalogue_edited_behind_our_back_is_found_by_the_journal(archive: Archive, what: str) -> None:
    edit_all(archive, EDITS[what])
    done = verified(archive, Strength.CHECKSUM)
    assert ("catalogue disagreement", CATALOGUE) in found(done), found(done)
    assert {kind for kind, _ in found(done)} == {"catalogue disagreement"}
    assert done.exit_code == 4
    rebuild(archive.store.archive, archive.site.settings().catalogue.url)
    again = verified(archive, Strength.CHECKSUM)
    assert (found(again), again.cleared) == (set(), done.failed)


def edit_all(archive: Archive, statements: tuple[str, ...]) -> None:
    with closing(sqlite3.connect(archive.site.folder / "catalogue.db")) as database, database:
        for statement in statements:
            done = database.execute(statement)
            assert statement.startswith("create") or done.rowcount > 0, statement


@pytest.mark.parametrize("what", ["the state of a leg", "one number of a leg", "a sum", "a call"])
def test_an_edited_catalogue_is_not_found_by_names(archive: Archive, what: str) -> None:
    edit_all(archive, EDITS[what])
    assert verified(archive, Strength.EXISTS).failures == []


@pytest.mark.parametrize("damage", [cut_segment, gone_segment])
def test_a_day_that_cannot_be_compared_is_named_until_it_can(
    archive: Archive, damage: Callable[[Archive], Found]
) -> None:
    key = a_segment(archive)
    whole = file(archive, key).read_bytes()
    assert verified(archive, Strength.CHECKSUM).not_compared == []
    edit_all(archive, EDITS["a call"])
    expected = damage(archive)
    only = Selection(part=next(part for part in range(1, 5) if not Selection(part=part, of=4).has(key)), of=4)
    assert verified(archive, Strength.EXISTS).not_compared == []
    done = verified(archive, Strength.CHECKSUM)
    assert (found(done), done.not_compared) == (expected, [DAY])
    assert not any(
        failure.name == CATALOGUE for failure in verified(archive, Strength.CHECKSUM, selection=only).failures
    )
    file(archive, key).unlink(missing_ok=True)
    file(archive, key).write_bytes(whole)
    done = verified(archive, Strength.CHECKSUM)
    assert (found(done), done.not_compared) == ({("catalogue disagreement", CATALOGUE)}, [])


def test_a_segment_that_is_not_applied_is_found_by_names(archive: Archive) -> None:
    key = a_segment(archive)
    edit(archive, f"delete from segment where key = '{key}'")
    assert found(verified(archive, Strength.EXISTS)) == {("catalogue disagreement", key)}


# -- over, and still so


@pytest.mark.parametrize("damage", [deleted, flipped_byte, added, cut_segment, gone_segment])
def test_what_is_right_again_is_ended_by_a_look_that_is_close_enough(
    archive: Archive, damage: Callable[[Archive], Found]
) -> None:
    before = {path: path.read_bytes() for path in archive.site.archive.rglob("*") if path.is_file()}
    ((kind, name),) = damage(archive)
    verified(archive, Strength.READ)
    for path in (file(archive, name), file(archive, f"{name}.json")):
        path.unlink(missing_ok=True)
        if path in before:
            path.write_bytes(before[path])
    if kind == "damaged object":
        assert verified(archive, Strength.CHECKSUM).cleared == 0  # it did not look at the bytes
        assert archive.site.findings(name)
    done = verified(archive, Strength.READ)
    assert (done.failures, done.cleared) == ([], 1)
    assert notes(archive, cleared=True) == {(kind, name)}
    assert archive.site.findings(name) == []


def test_a_night_ends_no_finding_that_only_a_closer_look_can_end(archive: Archive) -> None:
    ((_, name),) = flipped_byte(archive)
    verified(archive)
    archive.site.night(day=DAY)
    assert [kind for kind, _ in archive.site.findings(name)] == ["damaged object"]


# -- which


def test_n_parts_check_everything_once(archive: Archive) -> None:
    whole = verified(archive, Strength.EXISTS)
    parts = [verified(archive, Strength.EXISTS, selection=Selection(part=k, of=3)) for k in (1, 2, 3)]
    new_segments = 3  # one was written by each run before the last part, and by the first of all
    assert whole.checked <= sum(part.checked for part in parts) <= whole.checked + new_segments
    assert all(part.checked for part in parts)
    assert [event.selector for event in checks(archive)] == ["all", "1/3", "2/3", "3/3"]


def test_damage_is_found_by_the_part_that_has_it(archive: Archive) -> None:
    ((_, name),) = flipped_byte(archive)
    for part in range(1, 6):
        selection = Selection(part=part, of=5)
        assert bool(verified(archive, selection=selection).failures) is selection.has(name)


def test_another_day_is_left_alone(archive: Archive) -> None:
    deleted(archive)
    before, after = Selection(last=DAY - timedelta(days=1)), Selection(first=DAY + timedelta(days=1))
    assert verified(archive, selection=before).failures == verified(archive, selection=after).failures == []
    assert verified(archive, selection=Selection(DAY, DAY)).failures != []


# -- when


def checked(archive: Archive, leg_id: str) -> dict[str, bool]:
    with archive.catalogue() as catalogue:
        row = next(one for one in show(catalogue, archive.store.archive, leg_id).audio if one["leg_id"] == leg_id)
    return {strength: at is not None for strength, at in row["checked"].items()}


def test_when_an_object_was_last_checked_follows_from_what_was_selected(archive: Archive) -> None:
    row = audio(archive)
    assert checked(archive, row["leg_id"]) == {"exists": False, "checksum": False, "read": False}
    own = next(Selection(part=part, of=2) for part in (1, 2) if Selection(part=part, of=2).has(row["key"]))
    verified(archive, Strength.READ, selection=replace(own, part=3 - own.part))
    verified(archive, Strength.READ, selection=Selection(last=DAY - timedelta(days=1)))
    assert checked(archive, row["leg_id"]) == {"exists": False, "checksum": False, "read": False}
    verified(archive, Strength.CHECKSUM, selection=own)
    assert checked(archive, row["leg_id"]) == {"exists": True, "checksum": True, "read": False}
    verified(archive, Strength.READ, selection=Selection(DAY, DAY))
    assert checked(archive, row["leg_id"]) == {"exists": True, "checksum": True, "read": True}


# -- quarantine


def test_withdrawn_audio_is_not_gone_and_its_copy_is_checked(archive: Archive) -> None:
    row = audio(archive)
    archive.decide(Verdict.QUARANTINE, row["leg_id"])
    for strength in EVERY:
        assert verified(archive, strength).failures == []
    copy = archive.site.folder / "store" / "evidence" / evidence_key(row["key"])
    flipped(copy)
    assert verified(archive, Strength.CHECKSUM).failures == []
    name = f"evidence/{evidence_key(row['key'])}"
    assert found(verified(archive, Strength.READ)) == {("damaged object", name)}
    copy.unlink()  # as the policy of evidence may
    assert verified(archive, Strength.READ).failures == []


# -- stopped, and at the wrong place


def test_a_run_that_is_stopped_is_no_fixity_event_and_keeps_what_it_found(
    archive: Archive, stop: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = flipped_byte(archive)
    really = examine.check_audio

    def stops(*args: Any, **kwargs: Any) -> Any:
        failure = really(*args, **kwargs)
        if failure is not None:
            stop.set()
        return failure

    monkeypatch.setattr(examine, "check_audio", stops)
    done = verified(archive, stop=stop)
    assert (done.interrupted, done.exit_code, done.list_digest) == (True, 130, "")
    assert found(done) == expected == notes(archive)
    assert checks(archive) == []


def test_a_run_that_is_stopped_in_mid_file_says_nothing_of_that_file(archive: Archive, stop: threading.Event) -> None:
    class Stopping(Progress):
        def read(self, size: int) -> None:
            super().read(size)
            stop.set()

    flipped_byte(archive)
    done = verified(archive, stop=stop, progress=Stopping())
    assert done.interrupted
    assert (done.failures, checks(archive), notes(archive)) == ([], [], set())


def test_an_empty_place_is_not_taken_for_the_store(archive: Archive) -> None:
    store = archive.site.folder / "store"
    store.rename(store.with_name("elsewhere"))
    with pytest.raises(SegmentsGone):
        verified(archive)


def test_objects_of_a_run_at_work_are_no_orphans(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    added(archive)
    monkeypatch.setattr(examine, "living_runs", lambda catalogue, site: [{"site": site}])
    done = verified(archive)
    assert (done.failures, done.orphans_unknown) == ([], True)


def test_damage_ends_status_and_nights_of_that_day_with_4_until_it_is_over(archive: Archive) -> None:
    path = file(archive, audio(archive)["key"])
    data = path.read_bytes()
    flipped_byte(archive)
    verified(archive)
    settings = archive.site.settings()
    with archive.catalogue() as catalogue:
        assert status(catalogue, settings, "here").exit_code == 4
    assert archive.site.night(day=DAY).exit_code == 4
    changed(path, data)
    verified(archive)
    with archive.catalogue() as catalogue:
        assert status(catalogue, settings, "here").exit_code == 0
    assert archive.site.night(day=DAY).exit_code == 0


def test_what_a_quarantine_has_not_taken_out_yet_is_missed(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decided, and before a copy was made the object is deleted behind our back: nobody has the bytes."""
    row = audio(archive)
    with monkeypatch.context() as patch:
        patch.setattr(decide, "withdraw_audio", lambda *_: None)
        archive.decide(Verdict.QUARANTINE, row["leg_id"])
    file(archive, row["key"]).unlink()
    assert found(verified(archive, Strength.EXISTS)) == {("gone object", row["key"])}


def test_a_check_by_a_clock_that_is_behind_comes_after_what_it_checked(archive: Archive) -> None:
    stored = max(event.time for event in events(archive) if isinstance(event, AudioStored))
    archive.site.set_clock(stored - timedelta(minutes=5))
    verified(archive)
    (check,) = checks(archive)
    assert check.began == check.time > stored
    assert all(checked(archive, archive.first(State.ARCHIVED)["leg_id"]).values())


def test_a_damaged_segment_that_was_announced_and_not_applied_hides_nothing(archive: Archive) -> None:
    key = a_segment(archive)
    with archive.catalogue() as catalogue:
        open_segment(catalogue, key)
        with catalogue.write("as if it was never applied") as connection:
            connection.exec_driver_sql(f"delete from segment where key = '{key}'")
    changed(file(archive, key), file(archive, key).read_bytes()[:-20])
    other = max(row["key"] for row in archive.site.rows(f"select key from audio where segment != '{key}'"))
    flipped(file(archive, other))
    assert {("damaged segment", key), ("damaged object", other)} <= found(verified(archive))
