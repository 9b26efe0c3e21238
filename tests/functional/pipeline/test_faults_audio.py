"""Every fault of audio answers, each on a leg of its own: what the night reports, and that the archive is true then."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from datetime import date, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from noojee_ingest.noojee import AuthenticationFailed
from tests.functional.conftest import KEY

from .truth import untruths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .conftest import Site

DAY = date(2026, 3, 10)
AUDIO = "retrieveByCallRecordId"
HTML = {"Content-Type": "text/html;charset=UTF-8"}
LONG = 3600  # seconds that no run waits


@dataclass(frozen=True)
class Fault:
    """What comes for a leg, what the first night concludes, and the second, when the fault is over.

    ``sound``: so many bytes of the leg's own recording are the body. ``asked``: requests of the first night.
    """

    answer: dict[str, Any]
    state: str
    cause: str = ""
    then: str = "archived"
    asked: int = 1
    findings: dict[str, str] = field(default_factory=dict)
    when: dict[str, Any] = field(default_factory=dict)
    sound: int | None = None


CUT = {"unsound": "cut: ", "duration mismatch": "listed with"}
FAULTS: dict[str, Fault] = {
    "connection cut in mid-body": Fault({"cut_after": 100_000}, "pending", "cut on the way", asked=3),
    "connection cut in mid-body, once": Fault({"cut_after": 100_000}, "archived", asked=2, when={"times": 1}),
    "short body": Fault({}, "archived", asked=2, findings=CUT, sound=100_000),
    "length: more promised than comes": Fault({"content_length": 7_000_000}, "pending", "cut on the way", asked=3),
    "length: less promised than there is": Fault({"content_length": 100_000}, "archived", asked=2, findings=CUT),
    "200 with JSON": Fault({"text": '{"Code":-1,"Message":"sorry"}'}, "rejected", "not audio", asked=2),
    "200 with HTML": Fault({"text": "<html>Log in</html>"}, "rejected", "not audio", asked=2),
    "200 with nothing": Fault({"text": ""}, "rejected", "not audio", asked=2),
    "500": Fault({"status": 500}, "pending", "phone system fault (500)", asked=5),
    "500, once": Fault({"status": 500}, "archived", asked=2, when={"times": 1}),
    "503": Fault({"status": 503}, "pending", "phone system busy", asked=5),
    "503, wait long, in seconds": Fault(
        {"status": 503, "retry_after": {"seconds": LONG}}, "pending", "phone system busy"
    ),
    "503, wait long, until a date": Fault(
        {"status": 503, "retry_after": {"seconds": LONG, "form": "date"}}, "pending", "phone system busy"
    ),
    "429, wait long, in seconds": Fault(
        {"status": 429, "retry_after": {"seconds": LONG}}, "pending", "phone system busy"
    ),
    "429, wait long, until a date": Fault(
        {"status": 429, "retry_after": {"seconds": LONG, "form": "date"}}, "pending", "phone system busy"
    ),
    "503, wait a moment, in seconds": Fault(
        {"status": 503, "retry_after": {"seconds": 1}}, "archived", asked=2, when={"times": 1}
    ),
    "429, wait a moment, until a date": Fault(
        {"status": 429, "retry_after": {"seconds": 1, "form": "date"}}, "archived", asked=2, when={"times": 1}
    ),
    "slow drip": Fault({"drip": {"size": 20_000, "every": 0.05}}, "archived"),
    "drip that is too slow": Fault({"drip": {"size": 50, "every": 0.1}}, "pending", "timed out", asked=5),
    "hang": Fault({"hang": True}, "pending", "timed out", asked=5),
    "hang in mid-body": Fault({"hang": True, "cut_after": 100_000}, "pending", "timed out"),
    "delay": Fault({"delay": 0.2}, "archived"),
    "wrong content type": Fault({"headers": HTML}, "archived"),
    "wrong content type of JSON": Fault(
        {"text": '{"Code":-1}', "headers": {"Content-Type": "audio/x-wav"}},
        "rejected",
        "not audio",
        asked=2,
    ),
    "other bytes each time": Fault({"other_audio": {"version": 0}}, "archived"),
    "too large": Fault({"audio_bytes": 9_000_000}, "failed", "Raise archive.max_recording_bytes", "failed"),
    "late": Fault({"status": 404}, "pending", "not there (404)"),
    "purged, 404": Fault({"status": 404}, "pending", "not there (404)", "missing", when={"until": None}),
    "purged, 410": Fault({"status": 410}, "missing", "gone at source (410)", "missing"),
    "redirect": Fault({"status": 302, "headers": {"Location": "https://e.example/"}}, "pending", "unreadable answer"),
    "the key is not good for it": Fault({"status": 403}, "pending", "key not accepted for it"),
}
PATIENT = {"NIGHTLY__LATENESS_HOURS": 36, "SITES__HERE__READ_TIMEOUT_SECONDS": 0.6}
LARGEST = {"ARCHIVE__MAX_RECORDING_BYTES": 8_000_000}


def requests_of_leg(leg: Any) -> dict[str, str]:
    return {"callRecordId": leg.call_record_id, "leg": leg.leg}


@pytest.fixture(scope="module")
def faulty(site_at: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """Two nights of one site; in the first each fault befalls a leg, the second is after them, and late enough."""
    with site_at(tmp_path_factory.mktemp("faulty"), calls_a_day=30, leg_bytes=200_044) as site:
        legs = dict(
            zip(FAULTS, sorted(site.simulator.truth().ended(DAY), key=lambda leg: leg.end)[-50::], strict=False)
        )
        over = (site.began + timedelta(hours=30)).isoformat()
        for name, fault in FAULTS.items():
            answer = dict(fault.answer)
            if fault.sound is not None:
                body = site.sent(legs[name].call_record_id, legs[name].leg)
                answer["base64"] = b64encode(body[: fault.sound]).decode()
            when = {"until": over, **fault.when}
            site.rule(AUDIO, match=requests_of_leg(legs[name]), **answer, **when)
        nights = []
        for _ in range(2):
            site.simulator.reset_counters()
            report = site.night(day=DAY, **PATIENT, **LARGEST)
            rows, asked = site.legs(), site.simulator.counters().audio_requests()
            findings = {name: dict(site.findings(rows[leg.key]["leg_id"])) for name, leg in legs.items()}
            found = SimpleNamespace(report=report, rows=rows, asked=asked, findings=findings)
            found.untrue = untruths(site, report)
            nights.append(found)
            site.pass_time(hours=40)
        yield SimpleNamespace(site=site, legs=legs, during=nights[0], after=nights[1])


def test_each_fault_has_a_leg_of_its_own(faulty: SimpleNamespace) -> None:
    assert len({leg.key for leg in faulty.legs.values()}) == len(FAULTS)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_a_legs_audio_is_told_and_over_when_it_is_over(faulty: SimpleNamespace, name: str) -> None:
    fault, leg = FAULTS[name], faulty.legs[name]
    row = faulty.during.rows[leg.key]
    assert (row["state"], bool(row["cause"])) == (fault.state, fault.state != "archived")
    assert fault.cause in row["cause"]
    assert faulty.during.asked[leg.key] == fault.asked
    found = faulty.during.findings[name]
    assert found.keys() == fault.findings.keys()
    assert all(part in found[kind] for kind, part in fault.findings.items())
    assert faulty.after.rows[leg.key]["state"] == fault.then
    if fault.state == "archived":
        assert faulty.after.asked[leg.key] == 0


def test_the_archive_is_true_during_and_after_the_faults(faulty: SimpleNamespace) -> None:
    assert faulty.during.untrue == []
    assert faulty.after.untrue == []


def test_what_no_fault_befell_is_archived_and_the_gaps_are_named(faulty: SimpleNamespace) -> None:
    hurt = {leg.key for leg in faulty.legs.values()}
    assert {row["state"] for key, row in faulty.during.rows.items() if key not in hurt} == {"archived"}
    for night, states in (
        (faulty.during, [fault.state for fault in FAULTS.values()]),
        (faulty.after, [fault.then for fault in FAULTS.values()]),
    ):
        (day,) = night.report.days
        assert night.report.exit_code == 3
        assert sorted(gap.state for gap in day.gaps) == sorted(
            one for one in states if one not in ("archived", "pending")
        )
    assert faulty.during.report.problems == faulty.after.report.problems == []


def test_a_key_revoked_in_mid_run_ends_it_and_what_is_there_is_true(site: Site) -> None:
    site.rule(AUDIO, after=20, times=1, revoke_key=True)
    with pytest.raises(AuthenticationFailed, match="Check the API key"):
        site.night(ARCHIVE__BATCH=10, ARCHIVE__WORKERS=2)
    states = list(site.states().values())
    assert states.count("archived") >= 18
    assert set(states) == {"archived", "discovered"}
    assert untruths(site, None) == []
    site.simulator.set_key(KEY)
    site.simulator.reset_counters()
    report = site.night()
    assert set(site.states().values()) == {"archived"}
    asked = site.simulator.counters().audio_requests()
    assert sum(asked.values()) == len(site.states()) - states.count("archived")
    assert (report.exit_code, untruths(site, report)) == (0, [])


CHANCE: list[dict[str, Any]] = [
    {"status": 500},
    {"status": 503, "retry_after": {"seconds": 0}},
    {"cut_after": 20_000},
    {"text": "<html>Log in</html>"},
    {"text": ""},
    {"other_audio": {"version": 0}},
    {"status": 404},
]


def test_whatever_chance_brings_the_archive_is_true_after_each_night(make_site: Callable[..., Site]) -> None:
    """Every endpoint, one request in four or so: what could not be had is told, and is had when the faults are over."""
    site = make_site(calls_a_day=40, late_legs=2, cut_wav_legs=1)
    for answer in CHANCE:
        site.rule(AUDIO, probability=0.06, **answer)
    for endpoint in ("retrieveMetaDataByHour", "getCallRecordList", "retrieveMetaDataByUniqueId"):
        site.rule(endpoint, probability=0.5, status=500)
        site.rule(endpoint, probability=0.1, text="<html>Log in</html>")
        site.rule(endpoint, probability=0.2, edit={"reverse": True, "double": True})
    met: set[str] = set()
    for _ in range(3):
        report = site.night(day=DAY, NIGHTLY__LATENESS_HOURS=72)
        met |= set(site.states().values())
        assert untruths(site, report) == []
        site.pass_time(hours=10)
    assert {"archived", "pending"} <= met
    site.simulator.clear_rules()
    site.pass_time(hours=26)
    report = site.night(day=DAY, NIGHTLY__LATENESS_HOURS=72)
    assert set(site.states().values()) <= {"archived", "rejected"}
    assert report.problems == []
    assert untruths(site, report) == []
