"""Nonsense in the lists: recorded, and the night goes on."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from noojee_ingest.noojee import AuthenticationFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .conftest import Site

DAY = date(2026, 3, 10)
HOURS, RECORDS, TEMPLATES = "retrieveMetaDataByHour", "getCallRecordList", "getCampaignTemplateList"
LONG = "tag " * 1250


def some_leg(site: Site) -> Any:
    return next(leg for leg in site.simulator.truth().ended(DAY) if leg.direction == "Inbound")


def others_are_archived(site: Site, *but: str) -> bool:
    truth = {leg.key for leg in site.simulator.truth().ended(DAY)} - set(but)
    states = site.states()
    return {states[key] for key in truth} == {"archived"}


STRANGE: list[tuple[dict[str, Any], str | None, dict[str, Any]]] = [
    ({"unset": ["Start", "callend", "Duration"]}, None, {"start": None, "end": None, "duration": None}),
    ({"unset": ["Source", "Destination", "DID", "Direction", "Tag", "Username"]}, None, {"source": ""}),
    ({"set": {"Duration": "31", "CallRecordId": "777", "Leg": "1"}}, None, {"call_record_id": "777", "leg": "1"}),
    ({"set": {"callend": '"Mon Feb 30 25:61:00 AEDT 2026"'}}, "cannot be read: callend", {"end": None}),
    ({"set": {"Start": '"yesterday"'}}, "cannot be read: Start", {"start": None, "start_text": "yesterday"}),
    ({"set": {"Duration": '"-5"'}}, "cannot be read: Duration", {"duration": None}),
    ({"set": {"Duration": "1e999"}}, "cannot be read: Duration", {"duration": None}),
    ({"set": {"Tag": '["a", {"b": 1}]'}}, "cannot be read: Tag", {"tag": ""}),
    ({"set": {"Tag": "null", "Username": "null"}}, None, {"tag": "", "username": ""}),
    ({"set": {"Tag": json.dumps(LONG)}}, None, {"tag": LONG}),
    ({"set": {"Tag": '"a\\u0000b"'}}, None, {"tag": "a\\u0000b"}),
    ({"set": {"Tag": '"a\\ud800b"'}}, None, {"tag": "a\\ud800b"}),
    ({"set": {"Tag": '"../../../etc/passwd"'}}, None, {"tag": "../../../etc/passwd"}),
    ({"set": {"Tag": '"\\u001b[31mred\\u0007"'}}, None, {"tag": "\x1b[31mred\x07"}),
    ({"set": {"surprise": '{"deep": [[[[1]]]]}', "Tag": '"t"'}}, None, {"tag": "t"}),
]
"""Changes to an entry, the finding that they make, and what is then known of the leg."""


@pytest.fixture(scope="module")
def strange(site_at: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A night in which each of these happens to a first leg of another call."""
    with site_at(tmp_path_factory.mktemp("strange"), calls_a_day=60) as site:
        firsts = [leg for leg in site.simulator.truth().ended(DAY) if leg.direction == "Inbound" and leg.leg == "1"]
        for leg, (edit, _, changed) in zip(firsts, STRANGE, strict=False):
            where = {"CallRecordId": leg.call_record_id, "Leg": leg.leg}
            site.rule(HOURS, edit={**edit, "where": where})
            if "call_record_id" in changed:  # its audio is asked for under this name
                site.rule(
                    "retrieveByCallRecordId", match={"callRecordId": changed["call_record_id"]}, audio_bytes=16_044
                )
        report = site.night()
        yield SimpleNamespace(site=site, report=report, legs=firsts[: len(STRANGE)])


@pytest.mark.parametrize("which", range(len(STRANGE)), ids=[json.dumps(edit)[:60] for edit, _, _ in STRANGE])
def test_a_strange_field_is_kept_as_it_came_and_its_leg_is_archived_all_the_same(
    strange: SimpleNamespace, which: int
) -> None:
    leg, (_, finding, changed) = strange.legs[which], STRANGE[which]
    rows = strange.site.legs().values()
    (row,) = [row for row in rows if row["unique_id"] == leg.unique_id and row["leg"] == leg.leg]
    assert {name: row[name] for name in changed} == changed
    assert (row["state"], row["day"]) == ("archived", DAY)
    assert dict(strange.site.findings(row["leg_id"])).get("unreadable field") == finding


def test_a_night_with_strange_fields_is_complete(strange: SimpleNamespace) -> None:
    assert others_are_archived(strange.site, *(leg.key for leg in strange.legs))
    assert (strange.report.problems, strange.report.exit_code) == ([], 0)


def test_what_is_no_entry_is_a_finding_once_and_stops_nothing(site: Site) -> None:
    elements = ["5", "null", '"text"', "[]", "{}", '{"Leg": "1", "Tag": "no id at all"}', "[" * 900 + "]" * 900]
    site.rule(HOURS, match={"hour": "9"}, edit={"append": elements})
    report = site.night()
    assert [kind for kind, _ in site.findings()] == ["refused entry"] * len(elements)
    told = [event["personal"] for event in site.events("validation")]
    assert [one["raw"] for one in told] == elements
    assert all(one["reason"] for one in told)
    assert others_are_archived(site)
    assert report.exit_code == 0
    site.pass_time(days=4)
    site.night(day=DAY)  # the lookback meets them again
    assert len(site.events("validation")) == len(elements)


NASTY = {
    "traversal": '"../../../../tmp/escape"',
    "absolute": '"/etc/passwd"',
    "NUL": '"a\\u0000b"',
    "surrogate": '"a\\ud800b"',
    "slashes": '"a/b\\\\c"',
    "newline": '"a\\nb"',
    "long": json.dumps("9" * 5000),
    "percent": '"%2e%2e%2f?&#="',
    "dots": '".."',
}
OURS = re.compile(
    r"data/(store/(archive|evidence|lake|scratch)/\.tmp/lock"
    r"|store/archive/audio/site=here/day=2026-03-1[01]/[0-9a-f]{32}-[0-9a-f]{16}\.(wav|mp3|ogg)(\.json)?"
    r"|store/archive/journal/site=here/day=2026-03-1[01]/\d{8}T\d{6}Z-[0-9a-f]{32}\.jsonl\.gz(\.json)?"
    r"|store/evidence/rejected/site=here/day=2026-03-1[01]/[0-9a-f]{32}-[0-9a-f]{16}\.bin(\.json)?"
    r"|store/lake/lake-id(\.json)?"
    r"|store/lake/(legs|call_records)/site=here/day=2026-03-1[01]/(legs|call_records)\.parquet(\.json)?"
    r"|catalogue\.db(-wal|-shm|\.lock)?|budget\.sqlite)"
    r"|config\.toml"
)


def kept(text: str) -> str:
    """A JSON text as the archive keeps it: what neither UTF-8 nor a database can hold stays in its escape."""
    return json.loads(text).replace("\0", "\\u0000").replace("\ud800", "\\ud800")


def test_no_id_and_no_tag_ever_becomes_a_path(site: Site, tmp_path: Path) -> None:
    legs = [leg for leg in site.simulator.truth().ended(DAY) if leg.direction == "Inbound"]
    for leg, text in zip(legs, NASTY.values(), strict=False):
        where = {"CallRecordId": leg.call_record_id, "Leg": leg.leg}
        keys = ("UniqueId", "CallRecordId", "Leg", "Tag", "Username", "Source", "DID")
        site.rule(HOURS, edit={"where": where, "set": dict.fromkeys(keys, text)})
    for text in NASTY.values():
        site.rule("retrieveByCallRecordId", match={"callRecordId": kept(text)}, audio_bytes=16_044)
    for text in (NASTY["traversal"], NASTY["long"]):
        site.rule(RECORDS, edit={"set": {"njUniqueCallId": text, "njDisposition": text, "njLeadId": text, text: text}})
    site.night()
    named = {row["call_record_id"]: row for row in site.legs().values()}
    assert {name: named[kept(text)]["state"] for name, text in NASTY.items()} == dict.fromkeys(NASTY, "archived")
    files = [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if not path.is_dir()]
    assert [name for name in files if not OURS.fullmatch(name)] == []
    assert not [path for path in tmp_path.parent.iterdir() if "escape" in path.name]


def test_the_order_of_keys_is_no_change(site: Site) -> None:
    site.night()
    site.pass_time(days=4)
    site.rule(HOURS, edit={"reverse": True})
    site.night(day=DAY)  # the simulated phone system turns the keys round with every answer
    assert not [event for event in site.events("metadata modification") if event["object"]["type"] == "leg"]


FAILING: list[dict[str, Any]] = [
    {"status": 500},
    {"status": 503, "headers": {"Retry-After": "3600"}},
    {"status": 400, "text": '{"code":-1,"message":"no"}'},
    {"text": '{"Message":"Sorry","Code":-1}'},
    {"text": "<html><body>Log in</body></html>"},
    {"text": ""},
    {"text": '[{"UniqueId": "1'},
    {"text": '{"code":0,"message":"OK"}'},
    {"status": 302, "headers": {"Location": "https://elsewhere.example/"}},
    {"cut_after": 10},
]


def test_hours_that_fail_are_problems_and_are_asked_again_by_the_next_run(site: Site) -> None:
    zone = site.began.tzinfo
    hours = dict(zip(range(8, 18), FAILING, strict=True))
    for hour, answer in hours.items():
        site.rule(HOURS, match={"date": "2026/03/10", "hour": str(hour)}, **answer)
    report = site.night()
    for hour, problem in zip(hours, report.problems, strict=True):
        assert problem.startswith(f"hour {hour:02d} of 2026-03-10 is not listed: Could not list recordings by hour")
        assert problem.endswith(".")
    assert report.exit_code == 3
    lacking = {leg.key for leg in site.simulator.truth().ended(DAY)} - set(site.legs())
    of_hour = {leg.key: leg.end.astimezone(zone).hour for leg in site.simulator.truth().ended(DAY)}
    assert lacking
    assert {of_hour[key] for key in lacking} <= set(hours)
    assert set(site.states().values()) == {"archived"}
    site.simulator.clear_rules()
    site.requests()
    again = site.night()
    assert (again.problems, again.exit_code) == ([], 0)
    assert others_are_archived(site)
    asked = site.requests()
    assert (asked[HOURS], asked["retrieveByCallRecordId"]) == (len(hours), len(lacking))


def test_templates_that_cannot_be_listed_are_a_problem_and_the_night_goes_on(site: Site) -> None:
    site.rule(TEMPLATES, status=500)
    report = site.night()
    (problem,) = report.problems
    assert problem.startswith("no call records are listed, for the templates are not known: ")
    assert report.exit_code == 3
    assert others_are_archived(site)


def test_one_templates_call_records_that_cannot_be_listed_are_a_problem_and_the_others_are_polled(site: Site) -> None:
    site.rule(RECORDS, match={"fTemplateId": "14"}, text="[]x")
    report = site.night()
    (problem,) = report.problems
    assert problem.startswith("call records of template 14 are not listed: ")
    assert {row["template_id"] for row in site.rows("select template_id from call")} == {"12", "17"}
    assert others_are_archived(site)


def test_a_template_without_an_id_is_a_problem_and_the_others_are_polled(site: Site) -> None:
    site.rule(TEMPLATES, edit={"where": {"id": "14"}, "unset": ["id"]})
    report = site.night()
    assert report.problems == ["a template of the phone system's list cannot be read, it has no id: ask its operator"]
    assert {row["template_id"] for row in site.rows("select template_id from call")} == {"12", "17"}


def test_nonsense_among_the_call_records_is_recorded_and_stops_nothing(site: Site) -> None:
    site.rule(RECORDS, match={"fTemplateId": "12"}, edit={"append": ["7", '{"njDisposition": "Sale"}']})
    odd = {"njCallDate": '"2026/02/30 25:00:00"', "njCallDuration": '"long"', "njDisposition": "17", "email": "[1]"}
    site.rule(RECORDS, match={"fTemplateId": "17"}, edit={"set": odd})
    report = site.night()
    details = [detail for kind, detail in site.findings() if kind == "unreadable field"]
    assert details
    assert set(details) == {"cannot be read: email, njCallDate, njCallDuration"}
    assert [kind for kind, _ in site.findings()].count("refused entry") == 2
    assert {row["disposition"] for row in site.rows("select disposition from call where template_id = '17'")} == {"17"}
    assert others_are_archived(site)
    assert report.problems == []


def test_a_call_of_which_the_meta_data_cannot_be_had_stays_open_and_is_asked_about_again(
    make_site: Callable[..., Site],
) -> None:
    site = make_site(unexplained_calls=2)
    site.rule("retrieveMetaDataByUniqueId", status=500)
    report = site.night()
    calls = [call.unique_id for call in site.simulator.truth().calls if not call.explained and call.start < site.began]
    ids = ", ".join(repr(one) for one in calls)
    for call in calls:
        assert any(problem.startswith(f"meta data of call {call} is not known: ") for problem in report.problems)
    assert site.rows(f"select distinct judged from call where unique_id in ({ids})") == [{"judged": "unjudged"}]
    assert report.exit_code == 3
    site.simulator.clear_rules()
    site.pass_time(minutes=5)
    assert site.night().problems == []
    assert site.rows(f"select distinct judged from call where unique_id in ({ids})") == [{"judged": "unexplained"}]


def test_an_answer_that_speaks_of_the_key_ends_the_night(site: Site) -> None:
    site.rule(HOURS, match={"hour": "9"}, text='{"Code":-1,"Message":"Invalid apiKey"}')
    with pytest.raises(AuthenticationFailed, match="Check the API key"):
        site.night()
    assert {row["state"] for row in site.legs().values()} == {"archived"}  # those listed before


def test_legs_of_another_day_in_an_hour_are_taken_for_what_their_end_says(site: Site) -> None:
    leg = some_leg(site)
    moved = (leg.end.astimezone(site.began.tzinfo) - timedelta(days=1)).strftime("%Y-%m-%d %H:%M:%S.0")
    where = {"CallRecordId": leg.call_record_id, "Leg": leg.leg}
    site.rule(HOURS, edit={"where": where, "set": {"callend": f'"{moved}"'}})
    report = site.night()
    row = site.legs()[leg.key]
    assert (row["day"], row["state"]) == (DAY - timedelta(days=1), "archived")
    assert [day.day for day in report.days] == [DAY - timedelta(days=1), DAY, *[day.day for day in report.days[2:]]]
