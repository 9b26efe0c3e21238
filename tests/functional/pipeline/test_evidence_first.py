"""Rules that send audio to evidence first: it is never in the archive until a person releases it."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from typing import Any

import pytest

from noojee_ingest.catalogue.rebuild import rebuild
from noojee_ingest.catalogue.search import Search, pages
from noojee_ingest.journal import segment
from noojee_ingest.journal.events import AudioStored, LegAppraised, ObjectNoted, Verdict
from noojee_ingest.pipeline import record as recording
from noojee_ingest.pipeline import withhold
from noojee_ingest.pipeline.errors import NotArchived
from noojee_ingest.pipeline.quarantine import evidence_key
from noojee_ingest.storage.errors import StoreUnavailable
from noojee_ingest.storage.folder import FolderRoot
from noojee_ingest.storage.root import RootName

from .conftest import Site
from .decisions import Archive, assert_withdrawn, decided, read

WHY = "card numbers may be spoken"
AUDIO = ("retrieveByCallRecordId", "retrieveByUniqueId")


def rules(*those: dict[str, Any]) -> dict[str, str]:
    return {"SITES__HERE__EVIDENCE_FIRST": json.dumps([{"explanation": WHY, **rule} for rule in those])}


def fetched(site: Site) -> int:
    requests = site.requests()
    return sum(requests.get(name, 0) for name in AUDIO)


@pytest.fixture
def tagged(site: Site) -> Archive:
    """A site of which nothing is archived yet, with a rule about some of its tags."""
    tags = sorted({leg.tag for leg in site.simulator.truth().ended(date(2026, 3, 10)) if leg.tag})
    site.environ |= rules({"tags": ["no such tag", *(tag.lower() for tag in tags[:3])]})
    return Archive(site)


def of_campaign(archive: Archive, campaign: str) -> set[str]:
    with archive.catalogue() as catalogue:
        return {row["leg_id"] for page in pages(catalogue, Search(campaigns=[campaign]), size=500) for row in page}


def held(archive: Archive) -> list[str]:
    return [row["leg_id"] for row in archive.rows() if row["state"] == "quarantined"]


def meant(archive: Archive) -> set[str]:
    """The legs that have a tag of the rule."""
    (rule,) = archive.site.settings().sites["here"].evidence_first
    tags = {tag.casefold() for tag in rule.tags}
    return {row["leg_id"] for row in archive.rows() if (row["tag"] or "").casefold() in tags}


def test_the_audio_of_a_tag_is_in_evidence_alone(tagged: Archive) -> None:
    report = tagged.site.night()
    rows = tagged.rows()
    those = meant(tagged)
    assert len(those) > 1
    assert {row["leg_id"]: row["cause"] for row in rows if row["state"] == "quarantined"} == dict.fromkeys(those, WHY)
    for leg in those:
        audio = tagged.audio(leg)
        assert audio["withheld"]
        data = read(tagged.store.evidence, evidence_key(audio["key"]))
        assert data is not None
        assert len(data) == audio["content_size"]
        assert_withdrawn(tagged, leg, data)
    assert tagged.gone() == 0
    (day,) = [day for day in report.days if day.day == report.main_day]
    assert day.quarantined == {WHY: len(those)}
    assert day.total.states["quarantined"] == len(those)
    assert day.total.complete is not None
    assert day.total.complete < 100
    assert (report.exit_code, report.problems) == (0, [])


def test_a_second_night_leaves_it_where_it_is(tagged: Archive) -> None:
    tagged.site.night()
    before, files = held(tagged), tagged.site.files()
    tagged.site.requests()
    report = tagged.site.night()
    assert report.nothing_needed
    assert fetched(tagged.site) == 0
    assert (held(tagged), tagged.site.files()) == (before, files)


def test_a_release_is_the_way_into_the_archive(tagged: Archive) -> None:
    tagged.site.night()
    leg, *others = held(tagged)
    data = read(tagged.store.evidence, evidence_key(tagged.audio(leg)["key"]))
    assert data is not None
    with pytest.raises(NotArchived, match=f"quarantined {WHY}"):
        tagged.got(leg)
    decided(tagged, Verdict.RELEASE, leg)
    assert tagged.got(leg) == data == read(tagged.store.archive, tagged.audio(leg)["key"])
    assert "withdrawn object" not in tagged.findings(leg)
    report = tagged.site.night()
    assert (report.recovery.orphans, report.recovery.adopted, report.recovery.gone) == (0, 0, 0)
    assert (tagged.leg(leg)["state"], held(tagged)) == ("archived", others)
    verdicts = [one for one in tagged.history(leg) if isinstance(one, LegAppraised) and one.leg_id == leg]
    told = [(one.verdict, one.cause, one.name) for one in verdicts]
    assert told == [(Verdict.QUARANTINE, WHY, None), (Verdict.RELEASE, "", "Kim Doe")]
    decided(tagged, Verdict.QUARANTINE, leg)  # and by a person's word it goes the ordinary way back
    assert_withdrawn(tagged, leg, data)


def test_it_is_the_same_after_a_rebuild(tagged: Archive) -> None:
    tagged.site.night()
    tables = "leg", "audio", "leg_appraised", "object_noted", "finding", "day"
    before = [tagged.site.rows(f"select * from {name} order by 1, 2, 3") for name in tables]
    rebuild(tagged.store.archive, tagged.site.settings().catalogue.url)
    assert [tagged.site.rows(f"select * from {name} order by 1, 2, 3") for name in tables] == before


def test_what_is_said_of_one_leg_is_in_one_segment(tagged: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would be taken for archived, should the run die between the two."""
    monkeypatch.setattr(segment, "MOST_EVENTS", 4)
    monkeypatch.setattr(withhold, "IN_A_SEGMENT", 1)
    tagged.site.night()
    archive = tagged.store.archive
    those = set(held(tagged))
    assert len(those) > 1
    for key in segment.keys(archive):
        told = segment.read(archive, key).events
        stored = [one for one in told if isinstance(one, AudioStored) and one.withheld]
        assert {type(one) for one in told if stored} <= {AudioStored, LegAppraised, ObjectNoted}
        those -= {one.leg_id for one in told if stored and isinstance(one, LegAppraised)}
    assert those == set()


@pytest.mark.parametrize("silent", ["getCallRecordList", "getCampaignTemplateList"])
def test_while_no_call_record_is_known_nothing_is_archived_that_a_rule_may_hold_back(site: Site, silent: str) -> None:
    site.environ = rules({"campaigns": ["Reminders"]})
    site.rule(silent, status=500)
    report = site.night()
    assert {row["state"] for row in site.legs().values()} == {"discovered"}
    assert any("wait for their call records" in problem for problem in report.problems)
    assert report.exit_code == 3
    site.simulator.clear_rules()
    report = site.night()
    assert report.exit_code == 0
    states = {row["state"] for row in site.legs().values()}
    assert states == {"archived", "quarantined"}
    assert of_campaign(Archive(site), "Reminders") == set(held(Archive(site))) != set()


def test_a_rule_by_tag_does_not_wait_for_call_records(tagged: Archive) -> None:
    tagged.site.rule("getCallRecordList", status=500)
    tagged.site.night()
    assert {row["state"] for row in tagged.rows()} == {"archived", "quarantined"}


def test_a_campaign_holds_back_the_legs_of_its_calls(site: Site) -> None:
    site.poll()  # so that the calls are known before their recordings
    (campaign,) = site.rows("select campaign from call where campaign != '' group by 1 order by count(*) desc limit 1")
    site.environ = rules({"campaigns": [campaign["campaign"].lower()]})
    archive = Archive(site)
    site.night()
    assert of_campaign(archive, campaign["campaign"]) == set(held(archive)) != set()
    assert any(row["state"] == "archived" for row in archive.rows())


def test_the_first_rule_that_fits_says_why(tagged: Archive) -> None:
    (rule,) = tagged.site.settings().sites["here"].evidence_first
    tags = list(rule.tags)
    tagged.site.environ = rules({"tags": ["other"]}, {"tags": tags, "explanation": "first"}, {"tags": tags})
    tagged.site.night()
    assert {row["cause"] for row in tagged.rows() if row["state"] == "quarantined"} == {"first"}


def test_where_evidence_cannot_be_written_it_is_not_archived_instead(tagged: Archive) -> None:
    root = type(tagged.store.evidence)
    real = root.create

    def create(self: Any, key: str, *arguments: Any, **named: Any) -> Any:
        if self.name is RootName.EVIDENCE:
            raise StoreUnavailable("writing", key, "not today")
        return real(self, key, *arguments, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(root, "create", create)
        report = tagged.site.night()
    those = meant(tagged)
    assert {tagged.leg(leg)["state"] for leg in those} == {"pending"}
    assert any(row["state"] == "archived" for row in tagged.rows())
    assert report.exit_code == 3
    assert f"what came for {len(those)} leg" in report.problems[0]
    assert "belongs into evidence and could not be kept" in report.problems[0]
    names = [path.name for path in tagged.site.audio_files()]
    assert not any(leg in name for leg in those for name in names)
    tagged.site.pass_time(hours=2)
    tagged.site.night()
    assert set(held(tagged)) == those


def test_legs_that_are_in_the_archive_already_stay_there(tagged: Archive) -> None:
    environ, tagged.site.environ = tagged.site.environ, {}
    tagged.site.night()
    before = tagged.site.files()
    tagged.site.environ = environ
    report = tagged.site.night()
    assert report.nothing_needed
    assert (held(tagged), tagged.site.files()) == ([], before)


STEPS = [(kind, verb) for kind in (recording,) for verb in ("open_segment", "put", "apply")]


@pytest.mark.parametrize(
    "at", ["after evidence", *(f"{when} {name}" for _, name in STEPS for when in ("before", "after"))]
)
def test_a_night_that_is_killed_loses_and_doubles_nothing(tagged: Archive, at: str) -> None:
    """The audio is in evidence, and the journal does not say so yet: it is found there, and not fetched again."""
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            deadly(at)
            tagged.site.night()
        os._exit(1)
    _, ended = os.waitpid(child, 0)
    assert ended == signal.SIGKILL
    tagged.site.simulator.reset_counters()
    report = tagged.site.night()
    assert (report.problems, report.recovery.gone, report.recovery.orphans) == ([], 0, 0)
    those = meant(tagged)
    asked = tagged.site.simulator.counters().audio_requests()
    assert {key for key, row in tagged.site.legs().items() if row["leg_id"] in those and asked[key]} == set()
    assert set(held(tagged)) == those
    assert {row["state"] for row in tagged.rows()} == {"archived", "quarantined"}
    evidence = (tagged.site.folder / "store/evidence/quarantined").rglob("*.*")
    kept = [path.name[:32] for path in evidence if path.is_file() and path.suffix != ".json"]
    assert sorted(kept) == sorted(those)
    for leg in those:
        data = read(tagged.store.evidence, evidence_key(tagged.audio(leg)["key"]))
        assert data is not None
        assert_withdrawn(tagged, leg, data)
        assert not any(leg in path.name for path in tagged.site.audio_files())


def deadly(at: str) -> None:
    """In a child: kill it the first time that it does this in the course of withholding."""

    def kill() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    when, _, what = at.partition(" ")
    real_record = withhold.record

    def record(*arguments: Any) -> None:
        if what == "evidence":
            kill()
        call: Callable[..., Any] = getattr(recording, what)

        def step(*given: Any) -> Any:
            if when == "before":
                kill()
            result = call(*given)
            kill()
            return result

        setattr(recording, what, step)
        real_record(*arguments)

    withhold.record = record  # type: ignore[assignment]


def test_evidence_is_flushed_before_the_journal_names_it(tagged: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    create, flush, put = FolderRoot.create, FolderRoot.sync, withhold.record

    def created(self: FolderRoot, key: str, *arguments: Any, **named: Any) -> Any:
        if self.name is RootName.EVIDENCE:
            told.append("put")
        return create(self, key, *arguments, **named)

    def flushed(self: FolderRoot) -> None:
        if self.name is RootName.EVIDENCE:
            told.append("flushed")
        flush(self)

    def journalled(*arguments: Any) -> None:
        told.append("journalled")
        put(*arguments)

    monkeypatch.setattr(FolderRoot, "create", created)
    monkeypatch.setattr(FolderRoot, "sync", flushed)
    monkeypatch.setattr(withhold, "record", journalled)
    tagged.site.night(ARCHIVE__WORKERS=1)
    before = told[: told.index("journalled")]
    assert before[:2] == ["put", "flushed"]
    assert before[-1] == "flushed"


def test_the_three_events_of_a_leg_fit_into_a_segment_together() -> None:
    assert withhold.IN_A_SEGMENT * 3 <= segment.MOST_EVENTS < (withhold.IN_A_SEGMENT + 1) * 3
