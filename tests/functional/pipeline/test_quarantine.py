"""Quarantine and release: what is decided of archived audio is in force at once."""

from __future__ import annotations

import hashlib
import io

import pytest

from noojee_ingest.catalogue.decisions import to_be_withdrawn
from noojee_ingest.journal.events import LegAppraised, Verdict
from noojee_ingest.model import FindingKind, State
from noojee_ingest.pipeline import decide as decide_module
from noojee_ingest.pipeline.decide import exit_code, open_desk
from noojee_ingest.pipeline.quarantine import evidence_key, put_back
from noojee_ingest.storage.errors import StoreReadOnly
from noojee_ingest.storage.root import Root
from tests.functional.pipeline.decisions import WHO, Archive, assert_withdrawn, read


def test_quarantined_audio_is_in_evidence_alone_and_is_not_gone(archive: Archive) -> None:
    leg = archive.first(State.ARCHIVED)["leg_id"]
    data = archive.got(leg)
    (one,) = archive.decide(Verdict.QUARANTINE, leg)
    assert (one.was, one.state, one.result, one.held_until) == ("archived", "quarantined", "done", None)
    assert_withdrawn(archive, leg, data)
    archive.site.requests()
    report = archive.site.night()
    assert report.recovery.gone == report.recovery.withdrawn == report.recovery.orphans == archive.gone() == 0
    assert archive.site.requests().get("retrieveByCallRecordId", 0) == 0
    assert_withdrawn(archive, leg, data)


def test_released_audio_is_what_it_was(archive: Archive) -> None:
    leg = archive.first(State.ARCHIVED)["leg_id"]
    data, key = archive.got(leg), archive.audio(leg)["key"]
    before, found = archive.store.archive.head(key), archive.findings(leg)
    archive.decide(Verdict.QUARANTINE, leg)
    (one,) = archive.decide(Verdict.RELEASE, leg, reason="it was none", name="Jo")
    assert (one.was, one.state, one.result) == ("quarantined", "archived", "done")
    after = archive.store.archive.head(key)
    assert (after.metadata, after.sha256, after.size) == (before.metadata, before.sha256, before.size)
    assert archive.got(leg) == data
    assert archive.findings(leg) == found
    report = archive.site.night()
    assert (report.recovery.gone, report.recovery.orphans, report.recovery.adopted) == (0, 0, 0)
    told = [(one.verdict, one.name) for one in archive.history(leg) if isinstance(one, LegAppraised)]
    assert told == [(Verdict.QUARANTINE, WHO), (Verdict.RELEASE, "Jo")]
    archive.decide(Verdict.QUARANTINE, leg)  # and all over again, though the object may be another version by now
    assert_withdrawn(archive, leg, data)
    archive.decide(Verdict.RELEASE, leg)
    assert archive.got(leg) == data


def test_the_history_says_where_the_audio_went(archive: Archive) -> None:
    leg = archive.first(State.ARCHIVED)["leg_id"]
    (one,) = archive.decide(Verdict.QUARANTINE, leg)
    noted = archive.history(leg)[-1]
    assert noted.kind == "validation"
    assert getattr(noted, "detail", "") == f"kept as evidence/{evidence_key(archive.audio(leg)['key'])}"
    assert one.event_id in {event.event_id for event in archive.history(leg)}


def test_a_quarantine_is_not_decided_twice(archive: Archive) -> None:
    leg = archive.first(State.ARCHIVED)["leg_id"]
    archive.decide(Verdict.QUARANTINE, leg)
    before = archive.events()
    (one,) = archive.decide(Verdict.QUARANTINE, leg, reason="another", name="another")
    assert (one.result, one.event_id) == ("done", "")
    assert archive.events() == before


def test_damaged_audio_is_not_withdrawn_and_not_got(archive: Archive) -> None:
    leg = archive.first(State.ARCHIVED)["leg_id"]
    data, audio = archive.got(leg), archive.audio(leg)
    bad = b"\0" + data[1:]
    archive.store.evidence.create(
        evidence_key(audio["key"]), io.BytesIO(bad), size=len(bad), sha256=hashlib.sha256(bad).hexdigest(), metadata={}
    )
    (one,) = archive.decide(Verdict.QUARANTINE, leg)
    assert (one.result, one.state) == ("damaged", "quarantined")
    assert exit_code([one]) == 4
    assert read(archive.store.archive, audio["key"]) == data
    report = archive.site.night()
    assert len(report.problems) == 1
    assert f"leg {leg} is quarantined and its audio is not withdrawn" in report.problems[0]
    archive.store.evidence.delete(evidence_key(audio["key"]))
    assert archive.site.night().recovery.withdrawn == 1
    assert_withdrawn(archive, leg, data)


def test_what_evidence_has_no_more_cannot_be_released(archive: Archive) -> None:
    leg = archive.first(State.ARCHIVED)["leg_id"]
    archive.decide(Verdict.QUARANTINE, leg)
    archive.store.evidence.delete(evidence_key(archive.audio(leg)["key"]))
    (one,) = archive.decide(Verdict.RELEASE, leg)
    assert (one.result, one.state, one.event_id) == ("failed", "quarantined", "")
    assert "is there no more" in one.problem
    assert exit_code([one]) == 1
    assert archive.site.night().recovery.gone == 0  # deleted by policy, perhaps: it is what a quarantine is for


def test_what_is_gone_before_it_is_withdrawn_is_said_to_be_gone(archive: Archive) -> None:
    leg = archive.first(State.ARCHIVED)["leg_id"]
    audio = archive.audio(leg)
    archive.store.archive.withdraw(audio["key"], version_id=audio["version_id"], decision="behind our back")
    (one,) = archive.decide(Verdict.QUARANTINE, leg)
    assert (one.result, one.state) == ("damaged", "quarantined")
    archive.site.night()
    assert archive.gone() == 1


def test_audio_that_is_found_of_a_quarantined_leg_does_not_end_the_quarantine(archive: Archive) -> None:
    """A run stored another audio of it and died before it said so."""
    leg = archive.first(State.ARCHIVED)["leg_id"]
    audio = archive.audio(leg)
    metadata = dict(archive.store.archive.head(audio["key"]).metadata)
    other = archive.got(leg)[:-2] + b"\1\1"
    sha256 = hashlib.sha256(other).hexdigest()
    key = audio["key"].replace(audio["content_sha256"][:16], sha256[:16])
    archive.decide(Verdict.QUARANTINE, leg)
    archive.store.archive.create(
        key, io.BytesIO(other), size=len(other), sha256=sha256, metadata={**metadata, "sha256": sha256}
    )
    assert archive.site.night().recovery.adopted == 1
    assert archive.leg(leg)["state"] == "quarantined"
    assert archive.site.night().recovery.withdrawn == 1
    assert read(archive.store.archive, key) is None
    assert read(archive.store.evidence, evidence_key(key)) == other


def test_an_account_that_may_not_delete_decides_all_the_same(archive: Archive) -> None:
    """That of the nightly need not have that right: another one finishes what was decided."""
    leg = archive.first(State.ARCHIVED)["leg_id"]
    data = archive.got(leg)

    def withdraw(self: Root, key: str, **_: object) -> None:
        raise StoreReadOnly("withdrawing", key, "no right to delete")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(archive.store.archive), "withdraw", withdraw)
        with pytest.raises(StoreReadOnly):
            archive.decide(Verdict.QUARANTINE, leg)
        assert archive.leg(leg)["state"] == "quarantined"
        report = archive.site.night()
        assert [leg in problem for problem in report.problems] == [True]
        assert report.exit_code == 3
    (one,) = archive.decide(Verdict.QUARANTINE, leg)
    assert (one.result, one.event_id) == ("done", "")
    assert_withdrawn(archive, leg, data)


def test_two_new_kinds_of_findings_end_with_the_release(archive: Archive) -> None:
    kinds = {FindingKind.WITHDRAWN_OBJECT.value, FindingKind.HELD_OBJECT.value}
    leg = archive.first(State.ARCHIVED)["leg_id"]
    archive.decide(Verdict.QUARANTINE, leg)
    assert archive.findings(leg) & kinds
    archive.decide(Verdict.RELEASE, leg)
    assert not archive.findings(leg) & kinds


def test_every_leg_is_decided_however_few_go_together(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide_module, "AT_ONCE", 2)
    wanted = [row["leg_id"] for row in archive.rows() if row["state"] == State.ARCHIVED.value][:5]
    assert len(wanted) == 5
    told = archive.decide(Verdict.QUARANTINE, *wanted)
    assert [(one.leg_id, one.result) for one in told] == [(leg, "done") for leg in wanted]
    assert {archive.leg(leg)["state"] for leg in wanted} == {"quarantined"}


def test_a_release_that_stops_half_way_is_withdrawn_by_a_night_of_other_days(archive: Archive) -> None:
    leg = archive.first(State.ARCHIVED)["leg_id"]
    data = archive.got(leg)
    archive.decide(Verdict.QUARANTINE, leg)
    with archive.catalogue() as catalogue:
        desk = open_desk(archive.site.settings(), catalogue, archive.store, "here", Verdict.RELEASE)
        put_back(desk, leg)  # and there it dies
        assert read(archive.store.archive, archive.audio(leg)["key"]) == data
        assert to_be_withdrawn(catalogue, "here") == [leg]  # whatever days the night touches
    assert archive.site.night().recovery.withdrawn == 1
    assert_withdrawn(archive, leg, data)
