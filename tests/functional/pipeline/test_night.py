"""A whole night, held against what the phone system truly has."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import date, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from noojee_ingest.pipeline.report import rows

if TYPE_CHECKING:
    from .conftest import Site

DAY = date(2026, 3, 10)
NOT_AUDIO = {"json", "login page", "empty"}
UNSOUND = {"cut wav", "cut mp3", "unclosed wav"}
LATENESS = timedelta(hours=12)


@pytest.fixture(scope="module")
def night(
    site_at: Callable[..., AbstractContextManager[Site]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SimpleNamespace]:
    """One night with every trouble, looked at by the tests of this file."""
    troubles = {"never_legs": 12, "late_legs": 4, "not_audio_legs": 6, "cut_wav_legs": 3, "cut_mp3_legs": 2}
    more = {"unclosed_wav_legs": 2, "wrong_length_legs": 3, "unexplained_calls": 3}
    with site_at(tmp_path_factory.mktemp("night"), calls_a_day=110, **troubles, **more) as site:
        report = site.night()
        asked = site.simulator.counters()
        truth = {leg.key: leg for leg in site.simulator.truth().ended(DAY)}
        yield SimpleNamespace(site=site, report=report, asked=asked, truth=truth, legs=site.legs())


def expected_state(leg: Any, night: SimpleNamespace) -> str:
    if leg.trouble in NOT_AUDIO:
        return "rejected"
    if leg.trouble in {"never", "late"}:
        return "missing" if night.site.now() - leg.end > LATENESS else "pending"
    return "archived"


def test_every_leg_ends_in_the_state_that_its_trouble_says(night: SimpleNamespace) -> None:
    of_day = {key: row["state"] for key, row in night.legs.items() if row["day"] == DAY}
    assert of_day == {key: expected_state(leg, night) for key, leg in night.truth.items()}
    assert {"missing", "pending", "rejected", "archived"} == set(of_day.values())


def test_the_troubles_of_the_truth_were_all_met(night: SimpleNamespace) -> None:
    met = Counter(leg.trouble for leg in night.truth.values())
    assert {"never", "late", *NOT_AUDIO, *UNSOUND, "wrong length"} <= set(met)


def test_archived_objects_hold_exactly_the_bytes_that_the_phone_system_sent(night: SimpleNamespace) -> None:
    site, stored = night.site, {row["leg_id"]: row for row in night.site.rows("select * from audio")}
    archived = {key: row for key, row in night.legs.items() if row["state"] == "archived"}
    for key, row in archived.items():
        sent = site.sent(*key.split("/"))
        kept = (site.archive / stored[row["leg_id"]]["key"]).read_bytes()
        assert kept == sent
        assert stored[row["leg_id"]]["content_sha256"] == row["content_sha256"] == hashlib.sha256(sent).hexdigest()
        assert row["content_size"] == len(sent)
    assert len(site.audio_files()) == len(archived) == len(stored)


@pytest.mark.parametrize("trouble", sorted(UNSOUND))
def test_damaged_audio_is_kept_whole_and_called_unsound(night: SimpleNamespace, trouble: str) -> None:
    keys = [key for key, leg in night.truth.items() if leg.trouble == trouble]
    assert keys
    for key in keys:
        kinds = dict(night.site.findings(night.legs[key]["leg_id"]))
        assert kinds["unsound"].endswith("(the same bytes twice)")
        assert night.asked.audio_requests()[key] == 2


def test_sound_audio_is_fetched_once_and_has_no_finding_of_its_own(night: SimpleNamespace) -> None:
    fetched, sound = night.asked.audio_requests(), [key for key, leg in night.truth.items() if leg.trouble == "none"]
    assert {fetched[key] for key in sound} == {1}
    assert not {kind for key in sound for kind, _ in night.site.findings(night.legs[key]["leg_id"])}


def test_a_recording_of_the_wrong_length_is_archived_with_a_finding_that_tells_both(night: SimpleNamespace) -> None:
    keys = [key for key, leg in night.truth.items() if leg.trouble == "wrong length"]
    assert len(keys) == 3
    for key in keys:
        row = night.legs[key]
        (finding,) = night.site.findings(row["leg_id"])
        assert finding == (
            "duration mismatch",
            f"holds {row['seconds']:.1f} s, listed with {night.truth[key].seconds:.1f} s",
        )


@pytest.mark.parametrize(("trouble", "cause"), [("json", "JSON"), ("login page", "HTML"), ("empty", "empty")])
def test_what_is_no_audio_is_rejected_with_its_bytes_in_evidence(
    night: SimpleNamespace, trouble: str, cause: str
) -> None:
    keys = [key for key, leg in night.truth.items() if leg.trouble == trouble]
    assert len(keys) == 2
    concluded = {row["leg_id"]: row for row in night.site.rows("select * from not_stored")}
    for key in keys:
        row = night.legs[key]
        assert row["cause"].startswith("not audio: ")
        assert cause.lower() in row["cause"].lower()
        sent = night.site.sent(*key.split("/"))
        kept_under = concluded[row["leg_id"]]["evidence_key"]
        kept = (night.site.folder / "store" / "evidence" / kept_under).read_bytes() if kept_under else b""
        assert kept == sent
        assert not list(night.site.archive.glob(f"audio/**/{row['leg_id']}*"))


def test_sums_add_up_to_the_truth(night: SimpleNamespace) -> None:
    (day,) = [one for one in night.report.days if one.day == DAY]
    states = Counter(expected_state(leg, night) for leg in night.truth.values())
    assert day.total.expected == len(night.truth) == sum(states.values())
    assert {state: number for state, number in day.total.states.items() if number} == dict(states)
    *hours, total = rows(day)
    for name in ("expected", "archived", "pending", "missing", "rejected", "audio_bytes"):
        assert sum(row[name] for row in hours) == total[name]
    by_hour = Counter(
        f"{leg.end.astimezone(night.site.settings().sites['here'].zone):%H}" for leg in night.truth.values()
    )
    assert {row["hour"]: row["expected"] for row in hours if row["expected"]} == dict(by_hour)
    assert total["audio_bytes"] == sum(
        path.stat().st_size for path in night.site.audio_files() if f"day={DAY}" in str(path)
    )
    (sums,) = night.site.rows(f"select * from day where day = '{DAY}'")
    assert {state: sums[state] for state in states} == dict(states)
    assert sums["audio_bytes"] == total["audio_bytes"]


def test_calls_without_recording_are_judged_exactly_as_the_truth_has_them(night: SimpleNamespace) -> None:
    zone = night.site.settings().sites["here"].zone
    calls = {
        row["unique_id"]: row["judged"]
        for row in night.site.rows(f"select unique_id, judged from call where day = '{DAY}'")
    }
    recent = night.site.began - timedelta(hours=24)
    truth = {
        call.unique_id: "recorded" if call.legs else ("explained" if call.explained else "unexplained")
        for call in night.site.simulator.truth().calls
        if call.start.astimezone(zone).date() == DAY and recent < call.disposed <= night.site.began
    }
    assert calls == truth
    assert set(truth.values()) == {"recorded", "explained", "unexplained"}
    (day,) = [one for one in night.report.days if one.day == DAY]
    judged = Counter(truth.values())
    assert (day.total.calls_explained, day.total.calls_unexplained) == (judged["explained"], judged["unexplained"])
    assert sum(day.explanations.values()) == judged["explained"]


def test_a_night_with_gaps_says_so_and_lists_each(night: SimpleNamespace) -> None:
    (day,) = [one for one in night.report.days if one.day == DAY]
    assert night.report.exit_code == 3
    assert {f"{gap.call_record_id}/{gap.leg}": gap.state for gap in day.gaps} == {
        key: state
        for key, leg in night.truth.items()
        if (state := expected_state(leg, night)) in {"missing", "rejected"}
    }


def test_each_hour_was_listed_once_and_the_phone_systems_limit_of_requests_at_once_was_kept(
    night: SimpleNamespace,
) -> None:
    assert night.asked.requests["retrieveMetaDataByHour"] == 24 == night.report.bounds.hours_asked
    assert night.asked.most_at_once <= 8
    assert night.report.bounds.requests == {
        "templates": night.asked.requests["getCampaignTemplateList"],
        "call_records": night.asked.requests["getCallRecordList"],
        "by_hour": 24,
        "by_unique_id": night.asked.requests["retrieveMetaDataByUniqueId"],
        "audio_by_call_record_id": night.asked.requests["retrieveByCallRecordId"],
    }


def test_a_call_without_known_legs_is_asked_about_by_its_unique_id_once(night: SimpleNamespace) -> None:
    unexplained = [call for call in night.site.simulator.truth().calls if not call.explained and not call.legs]
    asked = Counter(
        event["personal"]["question"]
        for event in night.site.events("metadata extraction")
        if event["view"] == "by-unique-id"
    )
    within = {call.unique_id for call in unexplained if call.disposed <= night.site.began}
    listed = {row["unique_id"] for row in night.site.rows("select unique_id from call")}
    assert within & listed <= set(asked)
    assert set(asked.values()) == {1}


def test_every_archived_leg_was_journalled_as_seen_before_it_was_stored(night: SimpleNamespace) -> None:
    seen = {event["object"]["id"]: event["time"] for event in night.site.events("accession")}
    stored = night.site.events("ingestion")
    assert len(stored) == sum(row["state"] == "archived" for row in night.legs.values())
    assert all(seen[event["object"]["id"]] < event["time"] for event in stored)
