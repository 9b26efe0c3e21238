"""Repair: what can be mended is as it was, what cannot is said, and nothing is ever overwritten."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from noojee_ingest.catalogue import queries
from noojee_ingest.catalogue.rebuild import rebuild
from noojee_ingest.journal.events import AudioStored, LegAppraised, Strength, Verdict
from noojee_ingest.pipeline import repair as repairing
from noojee_ingest.pipeline.quarantine import evidence_key
from noojee_ingest.pipeline.repair import REPAIR, Decider, Repaired, repair, repairable
from tests.functional.pipeline.decisions import Archive, read
from tests.functional.pipeline.test_verify import (
    EDITS,
    a_segment,
    added,
    archive,
    audio,
    cut_segment,
    deleted,
    edit,
    edit_all,
    events,
    file,
    flipped,
    flipped_byte,
    found,
    gone_segment,
    night_kept,
    verified,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["archive", "night_kept"]

KIM = Decider("it rotted", "Kim Doe")


def repaired(archive: Archive, decider: Decider | None = None) -> list[Repaired]:
    with archive.site.work(actor=REPAIR, small=True) as work:
        return list(repair(work, None, None, decider))


def mended(done: list[Repaired]) -> dict[str, bool]:
    return {one.name: one.mended for one in done}


def test_what_is_gone_is_fetched_again_and_is_what_it_was(archive: Archive) -> None:
    row, data = audio(archive), archive.got(audio(archive)["leg_id"])
    before = archive.site.rows("select * from audio")
    deleted(archive)
    verified(archive, Strength.EXISTS)
    (one,) = repaired(archive)
    assert (one.mended, one.name) == (True, row["key"])
    assert "the phone system" in one.words
    assert archive.got(row["leg_id"]) == data
    assert verified(archive).failures == []
    assert archive.site.findings(row["key"]) == []
    assert archive.site.rows("select * from audio") == before
    assert archive.site.requests() == {"retrieveByCallRecordId": 1}


def test_a_copy_in_evidence_spares_the_phone_system(archive: Archive) -> None:
    row = audio(archive)
    archive.decide(Verdict.QUARANTINE, row["leg_id"])
    archive.decide(Verdict.RELEASE, row["leg_id"])
    file(archive, row["key"]).unlink()
    verified(archive, Strength.EXISTS)
    archive.site.requests()
    assert mended(repaired(archive)) == {row["key"]: True}
    assert archive.site.requests() == {}
    assert verified(archive).failures == []


def test_what_the_phone_system_has_no_more_is_said_to_be_lost(archive: Archive) -> None:
    ((_, key),) = deleted(archive)
    verified(archive, Strength.EXISTS)
    archive.site.rule("retrieveByCallRecordId", status=404)
    (one,) = repaired(archive)
    assert not one.mended
    assert "restore it from a copy of the store" in one.words
    assert found(verified(archive, Strength.EXISTS)) == {("gone object", key)}


def test_other_audio_that_comes_is_a_second_one_and_mends_nothing(archive: Archive) -> None:
    row = audio(archive)
    other = next(
        one for one in archive.site.audio_files() if one.read_bytes() != file(archive, row["key"]).read_bytes()
    )
    data = other.read_bytes()
    deleted(archive)
    verified(archive, Strength.EXISTS)

    class Other:
        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: object) -> None: ...

        content_length = len(data)

        def __iter__(self) -> Iterator[bytes]:
            yield data

    with archive.site.work(actor=REPAIR, small=True) as work, pytest.MonkeyPatch.context() as patch:
        patch.setattr("noojee_ingest.pipeline.retrieve._asked", lambda work, leg: Other())
        (one,) = repair(work, None, None)
    assert not one.mended
    assert "second one" in one.words
    assert "conflict" in archive.findings(row["leg_id"])
    assert found(verified(archive)) == {("gone object", row["key"])}


def test_what_is_damaged_is_not_touched_without_a_decision(archive: Archive) -> None:
    flipped_byte(archive)
    verified(archive)
    before = archive.site.files()
    (one,) = repaired(archive)
    assert not one.mended
    assert "--by and --reason" in one.words
    assert {name: what for name, what in archive.site.files().items() if name in before} == before


def test_what_is_damaged_goes_to_evidence_by_a_decision_and_the_right_bytes_come_back(archive: Archive) -> None:
    row, right = audio(archive), archive.got(audio(archive)["leg_id"])
    flipped_byte(archive)
    wrong = file(archive, row["key"]).read_bytes()
    verified(archive)
    assert mended(repaired(archive, KIM)) == {row["key"]: True}
    assert archive.got(row["leg_id"]) == right
    assert verified(archive).failures == []
    assert archive.leg(row["leg_id"])["state"] == "archived"
    evidence = archive.site.folder / "store" / "evidence"
    kept = [path for path in evidence.rglob("*.bin") if path.is_file()]
    assert [path.read_bytes() for path in kept] == [wrong]
    assert (evidence / evidence_key(row["key"])).exists()  # a quarantine may count on it from then on
    (decision,) = [event for event in events(archive) if isinstance(event, LegAppraised)]
    assert (decision.verdict, decision.reason, decision.name) == (Verdict.REPLACE, "it rotted", "Kim Doe")
    before = archive.site.rows("select * from leg order by leg_id")
    rebuild(archive.store.archive, archive.site.settings().catalogue.url)
    assert archive.site.rows("select * from leg order by leg_id") == before


class Killed(BaseException):
    pass


@pytest.mark.parametrize("where", ["_keep_right", "_keep_damaged", "_withdraw", "_put"])
def test_a_repair_that_is_killed_loses_nothing(archive: Archive, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    row, right = audio(archive), archive.got(audio(archive)["leg_id"])
    flipped_byte(archive)
    verified(archive)
    really, calls = getattr(repairing, where), [0]

    def dies(*args: Any) -> Any:
        calls[0] += 1
        if where == "_put" and calls[0] == 2:  # the object is withdrawn, nothing is in its place
            raise Killed
        done = really(*args)
        if where != "_put":
            raise Killed
        return done

    with monkeypatch.context() as patch:
        patch.setattr(repairing, where, dies)
        with pytest.raises(Killed):
            repaired(archive, KIM)
    archive.site.rule("retrieveByCallRecordId", status=404)  # and meanwhile the source purged it
    verified(archive)
    assert all(mended(repaired(archive, KIM)).values())
    assert archive.got(row["leg_id"]) == right
    assert verified(archive).failures == []


def test_nothing_is_withdrawn_where_nobody_has_the_right_bytes(archive: Archive) -> None:
    ((_, key),) = flipped_byte(archive)
    verified(archive)
    wrong = file(archive, key).read_bytes()
    archive.site.rule("retrieveByCallRecordId", status=410)
    (one,) = repaired(archive, KIM)
    assert not one.mended
    assert file(archive, key).read_bytes() == wrong
    assert [event for event in events(archive) if isinstance(event, LegAppraised)] == []


def test_an_orphan_whose_leg_is_known_is_adopted(archive: Archive) -> None:
    row = audio(archive)
    key = row["segment"]
    file(archive, key).unlink()  # nothing tells of these objects any more
    archive.site.folder.joinpath("catalogue.db").unlink()
    rebuild(archive.store.archive, archive.site.settings().catalogue.url)
    orphans = {name for kind, name in found(verified(archive, Strength.EXISTS)) if kind == "orphan object"}
    assert row["key"] in orphans
    done = mended(repaired(archive))
    assert {name for name, was in done.items() if was} == orphans
    assert found(verified(archive)) == {("gone segment", key)}  # the day's statement still names it
    assert {one.key for one in events(archive) if isinstance(one, AudioStored) and one.adopted} == orphans


def test_an_orphan_that_no_leg_explains_is_for_a_person(archive: Archive) -> None:
    ((_, key),) = added(archive)
    verified(archive, Strength.EXISTS)
    (one,) = repaired(archive)
    assert (one.name, one.mended) == (key, False)
    assert file(archive, key).exists()


@pytest.mark.parametrize("damage", [cut_segment, gone_segment])
def test_a_segment_is_restored_by_a_person_and_then_it_is_over(archive: Archive, damage: Any) -> None:
    key = a_segment(archive)
    data = file(archive, key).read_bytes()
    damage(archive)
    verified(archive, Strength.CHECKSUM)
    (one,) = repaired(archive)
    assert not one.mended
    assert "copy of the store" in one.words
    file(archive, key).unlink(missing_ok=True)
    file(archive, key).write_bytes(data)
    assert mended(repaired(archive)) == {key: True}
    assert verified(archive).failures == []


def test_a_segment_that_is_not_applied_is_applied(archive: Archive) -> None:
    key = a_segment(archive)
    edit(archive, f"delete from segment where key = '{key}'")
    verified(archive, Strength.EXISTS)
    assert mended(repaired(archive)) == {key: True}
    assert verified(archive).failures == []


def test_an_edited_catalogue_is_to_be_rebuilt(archive: Archive) -> None:
    edit_all(archive, EDITS["one number of a leg"])
    verified(archive, Strength.CHECKSUM)
    (one,) = repaired(archive)
    assert not one.mended
    assert "noojee-ingest catalogue rebuild" in one.words


def test_a_look_ahead_changes_nothing(archive: Archive) -> None:
    deleted(archive)
    flipped(file(archive, a_segment(archive)))
    verified(archive)
    before = archive.site.files()
    with archive.site.work(actor=REPAIR, small=True) as work:
        assert len(repairable(work, None, None)) == 2
    assert archive.site.files() == before


def test_a_repair_that_is_stopped_begins_nothing_more(archive: Archive, stop: threading.Event) -> None:
    deleted(archive)
    verified(archive, Strength.EXISTS)
    with archive.site.work(actor=REPAIR, small=True, stop=stop) as work:
        stop.set()
        assert list(repair(work, None, None)) == []


def test_what_is_quarantined_is_never_put_back_into_the_archive(archive: Archive) -> None:
    row = audio(archive)
    flipped_byte(archive)
    damaged = file(archive, row["key"]).read_bytes()
    verified(archive)
    (decided,) = archive.decide(Verdict.QUARANTINE, row["leg_id"])
    assert decided.result == "damaged"
    (one,) = repaired(archive, KIM)
    assert (one.mended, "its leg is quarantined" in one.words) == (False, True)
    assert file(archive, row["key"]).read_bytes() == damaged


def test_a_copy_that_evidence_had_before_stays_there(archive: Archive) -> None:
    row = audio(archive)
    data = archive.got(row["leg_id"])
    archive.decide(Verdict.QUARANTINE, row["leg_id"])
    archive.decide(Verdict.RELEASE, row["leg_id"])
    flipped_byte(archive)
    verified(archive)
    assert mended(repaired(archive, KIM)) == {row["key"]: True}
    assert archive.got(row["leg_id"]) == data
    assert read(archive.store.evidence, evidence_key(row["key"])) == data


def test_a_copy_in_evidence_that_rotted_is_made_anew_before_anything_is_withdrawn(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = audio(archive)
    data = archive.got(row["leg_id"])
    archive.decide(Verdict.QUARANTINE, row["leg_id"])
    archive.decide(Verdict.RELEASE, row["leg_id"])
    flipped(archive.site.folder / "store" / "evidence" / evidence_key(row["key"]))
    flipped_byte(archive)
    verified(archive)
    kept: list[bytes | None] = []
    withdraw = type(archive.store.archive).withdraw

    def withdrawn(root: Any, *args: Any, **kwargs: Any) -> None:
        kept.append(read(archive.store.evidence, evidence_key(row["key"])))
        withdraw(root, *args, **kwargs)

    monkeypatch.setattr(type(archive.store.archive), "withdraw", withdrawn)
    assert mended(repaired(archive, KIM)) == {row["key"]: True}
    assert kept == [data]
    assert archive.got(row["leg_id"]) == data


def test_other_audio_of_a_leg_that_a_rule_holds_back_goes_to_evidence(archive: Archive) -> None:
    row = audio(archive)
    tag_or_campaign = {row["leg_id"]: "card numbers may be spoken"}
    deleted(archive)
    verified(archive, Strength.EXISTS)
    before = archive.site.audio_files()
    leg = archive.leg(row["leg_id"])
    match = {"callRecordId": leg["call_record_id"], "leg": leg["leg"]}
    archive.site.rule("retrieveByCallRecordId", match=match, other_audio={"version": 1})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repairing, "held_back", lambda work, legs: tag_or_campaign)
        (one,) = repaired(archive)
    assert (one.mended, "kept in evidence until a person releases it" in one.words) == (False, True)
    assert archive.site.audio_files() == before
    with archive.catalogue() as catalogue:
        other = next(one for one in queries.audio_of(catalogue, [row["leg_id"]]) if one["withheld"])
    assert read(archive.store.evidence, evidence_key(other["key"])) is not None
