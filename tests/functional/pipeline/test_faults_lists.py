"""Every fault of the lists, each in an hour of its own: what the night reports, and that the archive is true then."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from .truth import untruths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .conftest import Site

DAY = date(2026, 3, 10)
HOURS, RECORDS, TEMPLATES = "retrieveMetaDataByHour", "getCallRecordList", "getCampaignTemplateList"
BY_ID = "retrieveMetaDataByUniqueId"


@dataclass(frozen=True)
class Entries:
    """What is done to the entries of an hour, and the kinds of findings that it makes."""

    edit: dict[str, Any]
    findings: tuple[str, ...] = ()
    refused: bool = False
    """The entries are none: of their legs is known only what call records lead to, until a later look tells of them."""


ENTRIES: dict[str, Entries] = {
    "doubled": Entries({"double": True}),
    "reordered": Entries({"reverse": True}),
    "doubled and reordered": Entries({"double": True, "reverse": True}),
    "left out": Entries({"drop": True}, refused=True),
    "without UniqueId": Entries({"unset": ["UniqueId"]}, ("incomplete id",)),
    "without Start, end and Duration": Entries({"unset": ["Start", "callend", "Duration"]}),
    "UniqueId null": Entries({"set": {"UniqueId": "null"}}, ("incomplete id",)),
    "Start and Duration null": Entries({"set": {"Start": "null", "Duration": "null"}}),
    "Tag a list": Entries({"set": {"Tag": "[1, 2]"}}, ("unreadable field",)),
    "Duration an object": Entries({"set": {"Duration": '{"s": 4}'}}, ("unreadable field",)),
    "end on 30 February": Entries({"set": {"callend": '"Mon Feb 30 25:61:00 AEDT 2026"'}}, ("unreadable field",)),
    "Start in the year 99999": Entries({"set": {"Start": '"99999-01-01 00:00:00.0"'}}, ("unreadable field",)),
    "no entry at all": Entries({"replace": '"text"'}, ("refused entry",), refused=True),
    "without any id": Entries({"replace": '{"Leg": "1"}'}, ("refused entry",), refused=True),
}


def of_hour(site: Site, hour: int) -> list[Any]:
    zone = site.settings().sites["here"].zone
    return [leg for leg in site.simulator.truth().ended(DAY) if leg.end.astimezone(zone).hour == hour]


@pytest.fixture(scope="module")
def odd(site_at: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """Two nights: one in which each of these befalls an hour, and the second look, when all is as it should be."""
    with site_at(tmp_path_factory.mktemp("odd"), calls_a_day=48) as site:
        busy = [hour for hour in range(24) if of_hour(site, hour)][-len(ENTRIES) :]
        legs = {name: of_hour(site, hour) for name, hour in zip(ENTRIES, busy, strict=True)}
        for (_, what), hour in zip(ENTRIES.items(), busy, strict=True):
            site.rule(HOURS, match={"date": "2026/03/10", "hour": str(hour)}, edit=what.edit)
        unknown = {leg.key for name, what in ENTRIES.items() if what.refused for leg in legs[name]}
        nights = []
        for never_told in (unknown, set()):
            report = site.night(day=DAY)
            found = SimpleNamespace(report=report, rows=list(site.legs().values()), findings=site.findings())
            found.of_leg = {row["leg_id"]: dict(site.findings(row["leg_id"])) for row in found.rows}
            found.untrue = untruths(site, report, never_told=never_told)
            nights.append(found)
            site.pass_time(days=4)
            site.simulator.clear_rules()
        yield SimpleNamespace(site=site, legs=legs, during=nights[0], after=nights[1])


def rows_of(night: SimpleNamespace, leg: Any) -> list[dict[str, Any]]:
    return [row for row in night.rows if (row["call_record_id"], row["leg"]) == (leg.call_record_id, leg.leg)]


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_that_is_not_as_it_should_be_is_told_and_its_recording_is_archived_if_it_is_known(
    odd: SimpleNamespace, name: str
) -> None:
    what = ENTRIES[name]
    for leg in odd.legs[name]:
        known = rows_of(odd.during, leg)
        if not what.refused or leg.direction != "Outbound":
            assert [row["state"] for row in known] == ([] if what.refused else ["archived"])
        for row in known:
            assert tuple(odd.during.of_leg[row["leg_id"]]) == (() if what.refused else what.findings)
        assert [row["state"] for row in rows_of(odd.after, leg)] == ["archived"]


def test_what_was_no_entry_is_a_finding_of_its_own(odd: SimpleNamespace) -> None:
    assert Counter(kind for kind, _ in odd.during.findings)["refused entry"] == 2  # each once, as often as it came


def test_the_archive_is_true_during_and_after_strange_entries(odd: SimpleNamespace) -> None:
    assert odd.during.untrue == []
    assert odd.after.untrue == []


@dataclass(frozen=True)
class Failing:
    """How the list of an hour fails; ``heals``: the client's own tries get over it when it happens once."""

    answer: dict[str, Any]
    said: str
    heals: bool = False
    settings: dict[str, Any] = field(default_factory=dict)


FAILING: dict[str, Failing] = {
    "500": Failing({"status": 500}, "HTTP 500", heals=True),
    "503": Failing({"status": 503}, "HTTP 503", heals=True),
    "503, wait long, in seconds": Failing({"status": 503, "retry_after": {"seconds": 3600}}, "HTTP 503"),
    "503, wait long, until a date": Failing(
        {"status": 503, "retry_after": {"seconds": 3600, "form": "date"}}, "HTTP 503"
    ),
    "429, wait long, in seconds": Failing({"status": 429, "retry_after": {"seconds": 3600}}, "HTTP 429"),
    "429, wait long, until a date": Failing(
        {"status": 429, "retry_after": {"seconds": 3600, "form": "date"}}, "HTTP 429"
    ),
    "429, wait a moment": Failing({"status": 429, "retry_after": {"seconds": 0}}, "HTTP 429", heals=True),
    "connection cut in mid-body": Failing({"cut_after": 10}, "", heals=True),
    "short body": Failing({"text": '[{"UniqueId": "1'}, ""),
    "length: more promised than comes": Failing({"content_length": 10**6}, "", heals=True),
    "length: less promised than there is": Failing({"content_length": 50}, ""),
    "200 with JSON": Failing({"text": '{"Code":-5,"Message":"Sorry"}'}, ""),
    "200 with HTML": Failing({"text": "<html>Log in</html>"}, ""),
    "200 with nothing": Failing({"text": ""}, ""),
    "hang": Failing({"hang": True}, "", heals=True),
    "hang in mid-body": Failing({"cut_after": 10, "hang": True}, "", heals=True),
    "drip that is too slow": Failing({"drip": {"size": 1, "every": 0.02}}, "", heals=True),
    "redirect": Failing({"status": 302, "headers": {"Location": "https://e.example/"}}, ""),
}
WELL: dict[str, dict[str, Any]] = {
    "slow drip": {"drip": {"size": 1000, "every": 0.01}},
    "delay": {"delay": 0.1},
    "wrong content type": {"headers": {"Content-Type": "text/html"}},
}
"""Odd in manner, and sound."""
SOON = {"SITES__HERE__READ_TIMEOUT_SECONDS": 0.3}


@pytest.fixture(scope="module")
def failing(site_at: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """Each of these in an hour of its own, with hours between them that do not fail; then a night without them."""
    with site_at(tmp_path_factory.mktemp("failing"), days=2) as site:
        days = [DAY - timedelta(days=1), DAY]
        scopes = [(day, hour) for day in days for hour in range(24) if hour % 2]
        hours = dict(zip([*FAILING, *WELL], scopes, strict=False))
        for name, (day, hour) in hours.items():
            answer = FAILING[name].answer if name in FAILING else WELL[name]
            site.rule(HOURS, match={"date": f"{day:%Y/%m/%d}", "hour": str(hour)}, **answer)
        nights = []
        for _ in range(2):
            reports = [site.night(day=day, **SOON) for day in days]
            nights.append(SimpleNamespace(reports=reports, listed=hours_listed(site)))
            nights[-1].untrue = [lie for report in reports[1:] for lie in untruths(site, report)]
            nights[-1].states = set(site.states().values())
            site.simulator.clear_rules()
        yield SimpleNamespace(site=site, hours=hours, during=nights[0], after=nights[1])


def hours_listed(site: Site) -> set[str]:
    return {event["object"]["id"] for event in site.events("metadata extraction") if event["view"] == "by-hour"}


@pytest.mark.parametrize("name", FAILING)
def test_an_hour_that_fails_is_a_problem_of_the_night_and_works_the_next_time(
    failing: SimpleNamespace, name: str
) -> None:
    day, hour = failing.hours[name]
    (report,) = [report for report in failing.during.reports if report.main_day == day]
    (problem,) = [one for one in report.problems if one.startswith(f"hour {hour:02d} of {day} is not listed: ")]
    assert FAILING[name].said in problem
    assert f"{day}T{hour:02d}" not in failing.during.listed
    assert f"{day}T{hour:02d}" in failing.after.listed


@pytest.mark.parametrize("name", WELL)
def test_an_hour_that_is_only_odd_in_manner_is_listed(failing: SimpleNamespace, name: str) -> None:
    day, hour = failing.hours[name]
    assert f"{day}T{hour:02d}" in failing.during.listed


def test_the_archive_is_true_while_hours_fail_and_complete_when_they_work(failing: SimpleNamespace) -> None:
    assert failing.during.untrue == []
    assert [report.exit_code for report in failing.during.reports] == [3, 3]
    assert failing.after.untrue == []
    assert [report.exit_code for report in failing.after.reports] == [0, 0]
    assert failing.during.states == failing.after.states == {"archived"}


def test_an_hour_that_fails_once_and_then_works_is_listed_in_the_same_run(site: Site) -> None:
    once = [name for name, what in FAILING.items() if what.heals]
    busy = [hour for hour in range(24) if of_hour(site, hour)]
    for hour, name in zip(busy[-len(once) :], once, strict=True):
        site.rule(HOURS, match={"date": "2026/03/10", "hour": str(hour)}, times=1, **FAILING[name].answer)
    report = site.night(**SOON)
    assert site.requests()[HOURS] == 24 + len(once)
    assert (report.problems, report.exit_code, untruths(site, report)) == ([], 0, [])


def test_an_hour_that_fails_for_some_hours_is_listed_by_the_next_night(site: Site) -> None:
    site.rule(HOURS, match={"hour": "9"}, until=(site.began + timedelta(hours=5)).isoformat(), status=500)
    report = site.night()
    assert (report.exit_code, len(report.problems), untruths(site, report)) == (3, 1, [])
    site.pass_time(hours=6)
    report = site.night()
    assert (report.exit_code, report.problems, untruths(site, report)) == (0, [], [])


def test_recordings_that_are_listed_hours_late_are_found_by_the_second_listing(site: Site) -> None:
    """And those that are told of only after that, by nobody: the journal holds that the hour was listed twice."""
    late, *_, never = [leg for leg in site.simulator.truth().ended(DAY) if leg.direction == "Inbound"]
    for leg, days in ((late, 1), (never, 400)):
        where = {"CallRecordId": leg.call_record_id, "Leg": leg.leg}
        until = (site.began + timedelta(days=days)).isoformat()
        site.rule(HOURS, until=until, edit={"where": where, "drop": True})
    report = site.night()
    assert not {late.key, never.key} & site.states().keys()
    assert untruths(site, report, never_told=[late.key, never.key]) == []
    site.pass_time(days=4)
    report = site.night(day=DAY)
    assert site.states()[late.key] == "archived"
    assert untruths(site, report, never_told=[never.key]) == []


@pytest.mark.parametrize("endpoint", [TEMPLATES, RECORDS, BY_ID])
@pytest.mark.parametrize(
    "answer", [{"status": 500}, {"text": "<html>"}, {"status": 429, "retry_after": {"seconds": 999}}], ids=str
)
def test_another_list_that_fails_is_a_problem_and_the_recordings_are_archived(
    make_site: Callable[..., Site], endpoint: str, answer: dict[str, Any]
) -> None:
    site = make_site(unexplained_calls=1)
    site.rule(endpoint, **answer)
    report = site.night()
    assert report.problems
    assert report.exit_code == 3
    assert set(site.states().values()) == {"archived"}
    assert untruths(site, report) == []
    site.simulator.clear_rules()
    report = site.night()
    assert report.problems == []
    assert untruths(site, report) == []


@pytest.mark.parametrize(
    "edit",
    [
        {"double": True},
        {"reverse": True},
        {"unset": ["njCallDate"]},
        {"set": {"njCallDate": '"2026/02/30 25:00:00"'}},
        {"set": {"njDisposition": "null"}},
        {"set": {"njUniqueCallId": "[]"}},
    ],
    ids=str,
)
def test_strange_call_records_change_nothing_of_what_is_archived(site: Site, edit: dict[str, Any]) -> None:
    site.rule(RECORDS, edit=edit)
    report = site.night()
    assert report.problems == []
    assert set(site.states().values()) == {"archived"}
    assert untruths(site, report) == []
