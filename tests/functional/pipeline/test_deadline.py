"""A night that its deadline overtakes: it asks nothing more, says what is left, and the next night goes on."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.pipeline.night import Done, run_night
from noojee_ingest.pipeline.status import SiteStatus, status

if TYPE_CHECKING:
    from noojee_ingest.model import Leg
    from noojee_ingest.pipeline.report import NightReport

    from .conftest import Site

NOW = datetime.fromisoformat("2026-03-11T03:30:00+11:00")
DAY = date(2026, 3, 10)
BATCH = 5
LAST = 0
LISTS, AUDIO = "retrieveMetaDataByHour", "retrieveByCallRecordId"


def overtaken(site: Site, after: int, day: date | None = None) -> NightReport:
    """A night from 03:30 on; when so many batches are done the clock shows 06:30. The last one is a small one."""
    done = 0
    with site.work(NIGHTLY__DEADLINE="06:00", ARCHIVE__BATCH=BATCH) as work:

        def submit(legs: Sequence[Leg]) -> Done:
            nonlocal done
            batch = Done(work, legs)
            done += 1
            if done == after or (after == LAST and len(legs) < BATCH):
                site.pass_time(hours=3)
            return batch

        return run_night(work, day=day, submit=submit)


def status_of(site: Site) -> SiteStatus:
    settings = site.settings(NIGHTLY__DEADLINE="06:00")
    with closing(Catalogue.open(settings.catalogue.url)) as catalogue:
        return status(catalogue, settings, "here")


def numbers(unfinished: str) -> dict[str, int]:
    return {what: int(number) for number, what in re.findall(r"(\d+) ([a-z ]+)[,;]", unfinished)}


def test_after_the_deadline_nothing_is_asked_and_what_is_left_is_named(site: Site) -> None:
    report = overtaken(site, after=2)
    asked = site.requests()
    assert report.exit_code == 3
    assert report.unfinished.startswith("deadline 06:00 reached: ")
    assert report.unfinished.endswith("; the next night goes on, or `noojee-ingest nightly --no-deadline` now")
    left = numbers(report.unfinished)
    assert asked[AUDIO] == 2 * BATCH
    assert left["hours not listed"] == 24 - asked[LISTS] > 0
    states = list(site.states().values())
    assert states.count("archived") == 2 * BATCH
    assert left.get("legs not tried", 0) == states.count("discovered")
    assert len(states) == 2 * BATCH + states.count("discovered")
    assert not report.interrupted
    (day,) = (day for day in report.days if day.day == DAY)
    assert day.unlisted_hours == left["hours not listed"]  # it was reconciled and reported all the same


def test_the_run_and_status_tell_of_it(site: Site) -> None:
    report = overtaken(site, after=2)
    assert report.unfinished in report.summary
    assert site.rows("select exit_code, summary from run") == [{"exit_code": 3, "summary": report.summary}]
    told = status_of(site)
    assert told.exit_code == 3
    assert told.runs[0].summary == report.summary
    assert told.alarm == f"the latest night, of 2026-03-11 03:30 AEDT, left something: {report.unfinished}"


def test_the_next_night_does_the_rest_and_nothing_twice(site: Site) -> None:
    overtaken(site, after=2)
    site.requests()
    site.pass_time(hours=18)  # half past midnight
    report = site.night(NIGHTLY__DEADLINE="06:00")
    truth = {leg.key for leg in site.simulator.truth().ended(DAY)}
    assert report.unfinished == ""
    assert {key for key, state in site.states().items() if state == "archived"} >= truth
    assert site.requests()[AUDIO] == len(site.states()) - 2 * BATCH


def test_legs_left_over_come_first_and_what_comes_after_them_is_named(site: Site) -> None:
    site.rule(AUDIO, status=404)
    site.environ["NIGHTLY__LATENESS_HOURS"] = "100"
    waiting = sum(site.night().days[0].total.states.values())
    site.simulator.clear_rules()
    site.set_clock(site.now() + timedelta(hours=24))
    site.requests()
    report = overtaken(site, after=1)
    left = numbers(report.unfinished)
    assert left["legs not tried"] >= waiting - BATCH
    assert left["hours not listed"] == 24
    requests = site.requests()
    assert (requests[AUDIO], requests.get("retrieveMetaDataByHour")) == (BATCH, None)


def test_calls_that_were_not_asked_about_are_named_once_all_hours_are_listed(site: Site) -> None:
    site.environ["SITES__HERE__BY_HOUR"] = "false"
    report = overtaken(site, after=1)
    assert numbers(report.unfinished)["calls not asked about"] > 5
    assert "hours" not in report.unfinished
    assert not any(day.has_gaps for day in report.days)
    assert report.exit_code == 3  # for the rest alone


def test_a_day_that_is_asked_for_by_name_has_no_deadline(site: Site) -> None:
    report = overtaken(site, after=2, day=DAY)
    assert (report.exit_code, report.unfinished) == (0, "")
    assert set(site.states().values()) == {"archived"}


def test_a_night_that_waits_for_others_requests_ends_at_its_deadline_all_the_same(site: Site) -> None:
    site.environ["SITES__HERE__CONCURRENT_REQUESTS"] = "1"
    stop = threading.Event()
    ended: list[NightReport] = []

    def starved() -> None:
        with site.work(stop=stop, NIGHTLY__DEADLINE="06:00") as work:
            ended.append(run_night(work))

    with site.work():  # holds the only request
        night = threading.Thread(target=starved)
        night.start()
        deadline = time.monotonic() + 60
        while not (site.folder / "catalogue.db").exists() or not site.rows("select 1 from run"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        site.pass_time(hours=5)
        night.join(30)
        stop.set()
        night.join()
    (report,) = ended
    assert not report.interrupted
    assert report.unfinished.startswith("deadline 06:00 reached: 24 hours not listed")


def test_two_large_runs_go_on_side_by_side_and_leave_a_request_to_a_poll(site: Site) -> None:
    stop = threading.Event()
    timer = threading.Timer(30, stop.set)
    timer.start()
    with site.work(), site.work(actor="nightly --day") as second, second.budget.slot():
        report = site.poll(stop=stop)
    timer.cancel()
    assert report.polls > 0
    assert not report.interrupted


def test_a_night_that_is_over_in_time_says_nothing_of_it(site: Site) -> None:
    report = site.night(NIGHTLY__DEADLINE="06:00")
    assert (report.exit_code, report.unfinished) == (0, "")


def test_a_night_begun_after_its_deadline_asks_nothing_unless_a_person_wants_it(site: Site) -> None:
    site.pass_time(hours=4)
    report = site.night(NIGHTLY__DEADLINE="06:00")
    assert report.exit_code == 3
    assert report.unfinished.startswith("deadline 06:00 reached: 24 hours not listed, call records not polled; ")
    assert site.requests() == {}
    assert status_of(site).exit_code == 3
    with site.work(NIGHTLY__DEADLINE="06:00") as work:
        report = run_night(work, no_deadline=True)
    assert (report.exit_code, report.unfinished) == (0, "")
    assert status_of(site).exit_code == 0


def test_hours_that_are_only_to_be_listed_again_are_told_apart(site: Site) -> None:
    site.night()
    site.pass_time(days=4, hours=3)
    report = site.night(NIGHTLY__DEADLINE="06:00")
    assert numbers(report.unfinished)["hours not listed"] == 4 * 24
    assert numbers(report.unfinished)["hours not listed again"] == 24
    assert sum(day.unlisted_hours for day in report.days) == 4 * 24


def test_a_deadline_that_comes_when_all_is_asked_leaves_nothing(site: Site) -> None:
    report = overtaken(site, after=LAST)
    assert site.now() > NOW + timedelta(hours=2)
    assert (report.exit_code, report.unfinished) == (0, "")
