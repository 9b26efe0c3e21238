"""The poll of the call record list, which holds only what is recent."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from noojee_ingest.noojee import Unreachable
from noojee_ingest.stopping import Stop

if TYPE_CHECKING:
    from .conftest import Site

RECORDS = "getCallRecordList"


def truly_listed(site: Site) -> set[str]:
    """The unique ids of the calls that were given a disposition in the 24 hours before now."""
    now = site.simulator.clock()
    calls = site.simulator.truth().calls
    return {call.unique_id for call in calls if now - timedelta(hours=24) < call.disposed <= now}


def known(site: Site) -> set[str]:
    return {row["unique_id"] for row in site.rows("select unique_id from call")}


def test_a_first_poll_learns_all_that_is_listed(site: Site) -> None:
    report = site.poll()
    assert known(site) == truly_listed(site)
    assert (report.polls, report.problems, report.exit_code) == (3, [], 0)
    assert report.events == len(known(site)) + 3  # each call, and each answer
    assert site.findings() == []


def test_a_poll_that_learns_nothing_writes_nothing(site: Site) -> None:
    site.poll()
    before = site.files()
    report = site.poll()
    assert (report.events, report.exit_code) == (0, 0)
    assert site.files() == before


def test_a_later_poll_adds_only_what_is_new(site: Site) -> None:
    site.poll()
    first = known(site)
    site.pass_time(hours=9)
    new = truly_listed(site) - first
    assert new
    report = site.poll()
    assert known(site) == first | new
    seen = [event for event in site.events("accession") if event["object"]["type"] == "call"]
    assert len(seen) == len(first | new)
    assert report.events == len(new) + 3
    assert not site.events("metadata modification")
    assert site.findings() == []


def test_a_call_that_was_told_differently_is_changed_and_not_another(site: Site) -> None:
    site.poll()
    before = known(site)
    call = site.rows("select unique_id, lead_id from call where disposition = 'Sale' limit 1")[0]
    where = {"njUniqueCallId": call["unique_id"]}
    site.rule(RECORDS, edit={"where": where, "set": {"njDisposition": '"Do not call"'}})
    site.poll()
    assert known(site) == before
    (event,) = site.events("metadata modification")
    assert event["personal"]["disposition"] == "Do not call"
    (row,) = site.rows(f"select disposition from call where unique_id = '{call['unique_id']}'")
    assert row["disposition"] == "Do not call"


def test_two_polls_that_share_nothing_are_a_finding(site: Site) -> None:
    site.poll()
    site.pass_time(hours=40)
    assert site.poll().exit_code == 0
    found = site.findings()
    assert set(found) == {("call records incomplete", "nothing in this poll was known from the one before")}
    templates = {row["template_id"] for row in site.rows("select template_id from call")}
    assert len(found) == len(templates)
    site.poll()
    assert site.findings() == found


def test_a_poll_after_an_empty_one_or_before_one_proves_no_gap(site: Site) -> None:
    empty = '{"code":0,"message":"OK","entities":[]}'
    site.rule(RECORDS, text=empty)
    site.poll()
    site.simulator.clear_rules()
    site.poll()
    site.rule(RECORDS, text=empty)
    site.poll()
    assert site.findings() == []


def test_the_night_takes_over_what_polls_learnt(site: Site) -> None:
    site.poll()
    before = known(site)
    site.night()
    assert known(site) == before
    assert not [event for event in site.events("metadata modification") if event["object"]["type"] == "call"]
    assert "recorded" in {row["judged"] for row in site.rows("select judged from call")}


def test_a_list_that_does_not_answer_is_a_problem_and_the_others_are_polled(site: Site) -> None:
    site.rule(RECORDS, match={"fTemplateId": "12"}, status=500)
    report = site.poll()
    (problem,) = report.problems
    assert problem.startswith("call records of template 12 are not listed: ")
    assert (report.polls, report.exit_code) == (2, 3)
    assert problem in report.summary
    (run,) = site.rows("select * from run")
    assert (run["flow"], run["exit_code"], run["summary"]) == ("poll-call-records", 3, report.summary)


def test_a_poll_that_cannot_reach_the_phone_system_fails_and_says_so(site: Site) -> None:
    with pytest.raises(Unreachable):
        site.poll(SITES__HERE__URL="http://127.0.0.1:9")
    (run,) = site.rows("select * from run")
    assert run["exit_code"] == 1
    assert run["summary"].startswith("Unreachable: Could not list campaign templates")


def test_a_poll_that_is_asked_to_stop_leaves_although_the_phone_system_hangs(site: Site) -> None:
    site.rule(RECORDS, match={"fTemplateId": "14"}, hang=True)
    stop = Stop()
    threading.Timer(1.0, stop.set).start()
    began = time.monotonic()
    report = site.poll(stop=stop)
    assert time.monotonic() - began < 30  # the phone system would have a minute to answer
    assert report.interrupted
    assert report.exit_code == 130
    assert report.summary.startswith("interrupted: 1 call record lists polled")
    assert {row["template_id"] for row in site.rows("select template_id from call")} == {"12"}
